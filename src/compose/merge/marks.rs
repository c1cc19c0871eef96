//! What any element carries: description, `@deprecated`, `@inaccessible`, `@tag`, and what is merged by rules of its own.

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
    /// Another fragment took the field over: only what it asks of readers counts still, so that moving a field never opens it.
    pub(super) overridden: bool,
}

/// A directive and the subgraph that applies it.
pub(super) type AppliedIn<'e> = (usize, &'e Node<Directive>);

impl<'a> Merger<'a> {
    /// The description that most fragments give; the first one where several lead.
    pub(super) fn description<D>(&mut self, what: &str, elements: &[Element<'_, D>]) -> Option<Node<str>> {
        let mut given: IndexMap<&str, (usize, &Node<str>, usize)> = IndexMap::default();
        for element in elements {
            let description = element.description.filter(|d| !element.overridden && !d.trim().is_empty());
            if let Some(text) = description {
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

    /// `@inaccessible` and `@deprecated` where any fragment says so, every `@tag`, and the others by their own rules.
    pub(super) fn marks<D: Applied>(&mut self, what: &str, elements: &[Element<'_, D>]) -> Vec<Node<Directive>> {
        let mut marks = Vec::new();
        let mut tags: IndexSet<&Node<Directive>> = IndexSet::default();
        let mut inaccessible: Option<&Node<Directive>> = None;
        let mut deprecated: Vec<AppliedIn<'_>> = Vec::new();
        let mut guards: Vec<(usize, Known, &Node<Directive>)> = Vec::new();
        let mut customs: Vec<AppliedIn<'_>> = Vec::new();
        let (mut costs, mut sizes, mut contexts) = (Vec::new(), Vec::new(), Vec::new());
        for element in elements {
            let subgraph = &self.subgraphs[element.subgraph];
            for applied in element.directives.nodes() {
                let known = subgraph.names.get(&applied.name).map(|(known, _)| known);
                if let Some(known @ (Known::Authenticated | Known::RequiresScopes | Known::Policy)) = known {
                    guards.push((element.subgraph, known, applied));
                }
                match known {
                    _ if element.overridden => {}
                    // Equal tags are told apart by the names that fragments have for the directive.
                    Some(Known::Tag) if tags.iter().any(|t| t.arguments == applied.arguments) => {}
                    Some(Known::Tag) => {
                        tags.insert(applied);
                    }
                    Some(Known::Cost) => costs.push((element.subgraph, applied)),
                    Some(Known::ListSize) => sizes.push((element.subgraph, applied)),
                    Some(Known::Context) => contexts.push((element.subgraph, applied)),
                    Some(Known::Inaccessible) => inaccessible = inaccessible.or(Some(applied)),
                    None if applied.name == "deprecated" => deprecated.push((element.subgraph, applied)),
                    None if self.customs.has(element.subgraph, &applied.name) => {
                        customs.push((element.subgraph, applied));
                    }
                    _ => {}
                }
            }
        }
        marks.extend(tags.into_iter().map(|tag| standard(tag, "tag")));
        marks.extend(inaccessible.map(|d| standard(d, "inaccessible")));
        if !guards.is_empty() {
            marks.extend(self.guards(what, &guards));
        }
        marks.extend(self.cost(what, &costs));
        marks.extend(self.list_size(what, &sizes));
        marks.extend(self.contexts(&contexts));
        if !customs.is_empty() {
            marks.extend(self.custom_marks(what, customs));
        }
        if let Some((_, first)) = deprecated.first() {
            self.differing_arguments(what, &deprecated);
            marks.push((*first).clone());
        }
        marks
    }

    /// A directive that is there once, and that fragments apply with different arguments: the first one's are taken.
    pub(super) fn differing_arguments(&mut self, what: &str, applied: &[AppliedIn<'_>]) {
        let Some(((first, taken), others)) = applied.split_first() else { return };
        let Some((index, other)) = others.iter().find(|(_, o)| !same_arguments(o, taken)) else { return };
        let message = format!(
            "{what} has `@{}` with different arguments; the graph takes those of `{}`.",
            taken.name,
            self.called(*first)
        );
        let hint = Diagnostic::hint("INCONSISTENT_NON_REPEATABLE_DIRECTIVE_ARGUMENTS", message)
            .at(self.subgraphs[*index].at(other), "")
            .at(self.subgraphs[*first].at(taken), "taken");
        self.out.push(hint);
    }
}

/// In any order.
pub(super) fn same_arguments(a: &Directive, b: &Directive) -> bool {
    let has = |d: &Directive, argument: &Argument| {
        d.specified_argument_by_name(&argument.name).is_some_and(|value| *value == argument.value)
    };
    a.arguments.len() == b.arguments.len() && a.arguments.iter().all(|argument| has(b, argument))
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
