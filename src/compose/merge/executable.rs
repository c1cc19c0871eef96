//! Directives that operations carry: in the graph are those that every fragment defines, where all of them allow it.
//!
//! Source: the Apollo Federation composition rules, executable directives.

use apollo_compiler::ast::{DirectiveDefinition, DirectiveLocation};
use apollo_compiler::collections::IndexMap;
use apollo_compiler::{Name, Node, Schema};

use super::Merger;
use super::arguments::Holder;
use crate::diagnostic::Diagnostic;

/// Known to every gateway that can do them, which this is not: a definition in each fragment does not make it one.
const OF_GATEWAYS: [&str; 2] = ["defer", "stream"];

/// A directive in the subgraphs that define it.
type DirectiveSources<'a> = Vec<(usize, &'a Node<DirectiveDefinition>)>;

/// Whether a directive stands there in an operation.
pub(crate) fn is_executable(location: DirectiveLocation) -> bool {
    use DirectiveLocation as L;
    matches!(
        location,
        L::Query
            | L::Mutation
            | L::Subscription
            | L::Field
            | L::FragmentDefinition
            | L::FragmentSpread
            | L::InlineFragment
            | L::VariableDefinition
    )
}

impl<'a> Merger<'a> {
    /// Adds the definitions that all fragments share.
    pub(super) fn merge_executable_directives(&mut self, document: &mut Schema) {
        let mut by_name: IndexMap<Name, DirectiveSources<'a>> = IndexMap::default();
        for (index, subgraph) in self.subgraphs.iter().enumerate() {
            for (name, definition) in &subgraph.schema.directive_definitions {
                let own = !definition.is_built_in() && !OF_GATEWAYS.contains(&name.as_str());
                if own && definition.locations.iter().any(|location| is_executable(*location)) {
                    by_name.entry(name.clone()).or_default().push((index, definition));
                }
            }
        }
        by_name.retain(|name, _| !document.directive_definitions.contains_key(name));
        for (name, sources) in by_name {
            if let Some(definition) = self.merge_executable_directive(&name, &sources) {
                document.directive_definitions.insert(name, definition);
            }
        }
    }

    fn merge_executable_directive(
        &mut self,
        name: &Name,
        sources: &DirectiveSources<'a>,
    ) -> Option<Node<DirectiveDefinition>> {
        let (first_index, first) = *sources.first()?;
        let at = |index: usize, definition: &DirectiveDefinition| self.subgraphs[index].at_name(&definition.name);
        let hint = |code, message, (index, definition): (usize, &Node<DirectiveDefinition>)| {
            Diagnostic::hint(code, message).at(at(index, definition), "")
        };
        if sources.len() < self.subgraphs.len() {
            let message = format!(
                "`@{name}` is not in the graph: only {} would understand it in an operation.",
                self.list(sources.iter().map(|(index, _)| *index))
            );
            let hint = hint("INCONSISTENT_EXECUTABLE_DIRECTIVE_PRESENCE", message, (first_index, first));
            self.out.push(hint);
            return None;
        }
        let everywhere = |location: &DirectiveLocation| sources.iter().all(|(_, d)| d.locations.contains(location));
        let executable = |d: &DirectiveDefinition| -> Vec<DirectiveLocation> {
            d.locations.iter().copied().filter(|location| is_executable(*location)).collect()
        };
        let mut locations = executable(first);
        locations.retain(everywhere);
        if locations.is_empty() {
            let message = format!("`@{name}` is not in the graph: the fragments have no place for it in common.");
            let hint = hint("NO_EXECUTABLE_DIRECTIVE_INTERSECTION", message, (first_index, first));
            self.out.push(hint);
            return None;
        }
        let mut hints = Vec::new();
        if let Some(other) = sources.iter().find(|(_, d)| executable(d).len() > locations.len()) {
            let message = format!("`@{name}` stands in fewer places than here: only where every fragment allows it.");
            hints.push(hint("INCONSISTENT_EXECUTABLE_DIRECTIVE_LOCATIONS", message, *other));
        }
        let repeatable = sources.iter().all(|(_, d)| d.repeatable);
        if let Some(other) = sources.iter().find(|(_, d)| d.repeatable != repeatable) {
            let message = format!("`@{name}` is not repeatable in the graph: not every fragment allows it.");
            hints.push(hint("INCONSISTENT_EXECUTABLE_DIRECTIVE_REPEATABLE", message, *other));
        }
        let message = format!("`@{name}` is in the graph, and is not passed on to any service yet.");
        let help = "An operation that has it is answered as if it hadn't.";
        hints.push(hint("UNSUPPORTED_FEATURE", message, (first_index, first)).help(help));
        let holders: Vec<Holder<'a>> = sources
            .iter()
            .map(|(index, d)| Holder { subgraph: *index, arguments: &d.arguments, at: at(*index, d) })
            .collect();
        self.out.append(&mut hints);
        let arguments = self.merge_arguments(&format!("@{name}"), &holders)?;
        let description = first.description.clone();
        let merged = DirectiveDefinition { description, name: name.clone(), arguments, repeatable, locations };
        Some(first.same_location(merged))
    }
}
