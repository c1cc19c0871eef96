//! What any element carries: description, `@deprecated`, `@inaccessible`, `@tag`.

use apollo_compiler::ast::{Argument, Directive};
use apollo_compiler::collections::{IndexMap, IndexSet};
use apollo_compiler::{Name, Node};

use super::{Merger, directive};
use crate::compose::directives::Known;
use crate::compose::subgraph::Applied;
use crate::diagnostic::Diagnostic;

/// One element in one subgraph.
pub(super) struct Element<'e, D> {
    pub(super) subgraph: usize,
    pub(super) description: Option<&'e Node<str>>,
    pub(super) directives: &'e D,
}

impl Merger<'_> {
    /// The description that most fragments give; the first one where several lead.
    pub(super) fn description<D>(&mut self, what: &str, elements: &[Element<'_, D>]) -> Option<Node<str>> {
        let mut given: IndexMap<&str, (usize, &Node<str>, usize)> = IndexMap::default();
        for element in elements {
            if let Some(text) = element.description.filter(|d| !d.trim().is_empty()) {
                given.entry(text.trim()).or_insert((0, text, element.subgraph)).0 += 1;
            }
        }
        let most = given.values().map(|(count, ..)| *count).max()?;
        let (_, chosen, of) = given.values().find(|(count, ..)| *count == most)?;
        let (chosen, of) = ((*chosen).clone(), *of);
        if let Some((_, other, at)) = given.values().find(|(_, text, _)| text.trim() != chosen.trim()) {
            let message =
                format!("{what} is described in several ways; the graph takes that of `{}`.", self.called(of));
            let hint = Diagnostic::hint("INCONSISTENT_DESCRIPTION", message)
                .at(self.subgraphs[*at].at(other), "")
                .at(self.subgraphs[of].at(&chosen), "taken");
            self.out.push(hint);
        }
        Some(chosen)
    }

    /// `@inaccessible` and `@deprecated` where any fragment says so, and every `@tag`.
    pub(super) fn marks<D: Applied>(&self, elements: &[Element<'_, D>]) -> Vec<Node<Directive>> {
        let mut marks = Vec::new();
        let mut tags: IndexSet<&Node<Directive>> = IndexSet::default();
        let mut inaccessible: Option<&Node<Directive>> = None;
        let mut deprecated: Option<&Node<Directive>> = None;
        for element in elements {
            let subgraph = &self.subgraphs[element.subgraph];
            for applied in element.directives.nodes() {
                match subgraph.names.get(&applied.name) {
                    // Equal tags are told apart by the names that fragments have for the directive.
                    Some((Known::Tag, _)) if tags.iter().any(|t| t.arguments == applied.arguments) => {}
                    Some((Known::Tag, _)) => {
                        tags.insert(applied);
                    }
                    Some((Known::Inaccessible, _)) => inaccessible = inaccessible.or(Some(applied)),
                    None if applied.name == "deprecated" => deprecated = deprecated.or(Some(applied)),
                    _ => {}
                }
            }
        }
        marks.extend(tags.into_iter().map(|tag| standard(tag, "tag")));
        marks.extend(inaccessible.map(|d| standard(d, "inaccessible")));
        marks.extend(deprecated.cloned());
        marks
    }
}

/// The same application under the name that the document has for it.
fn standard(applied: &Node<Directive>, name: &'static str) -> Node<Directive> {
    let arguments: Vec<Node<Argument>> = applied.arguments.clone();
    applied.same_location(Directive { name: Name::new_static_unchecked(name), arguments })
}

/// `@inaccessible`, for what the graph itself hides.
pub(super) fn inaccessible() -> Node<Directive> {
    directive("inaccessible", Vec::new())
}
