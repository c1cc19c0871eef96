//! Merges arguments: one exists where every fragment that resolves the field would understand it.

use apollo_compiler::ast::InputValueDefinition;
use apollo_compiler::collections::IndexMap;
use apollo_compiler::{Name, Node};

use super::Merger;
use super::inputs::{InputCodes, InputSources};
use super::marks::inaccessible;
use crate::compose::directives::Known;
use crate::diagnostic::{Diagnostic, Span};

const ARGUMENT_CODES: InputCodes = InputCodes {
    types: "FIELD_ARGUMENT_TYPE_MISMATCH",
    defaults: "FIELD_ARGUMENT_DEFAULT_MISMATCH",
    type_hint: "INCONSISTENT_BUT_COMPATIBLE_ARGUMENT_TYPE",
};

/// A field, or a directive's definition, in one subgraph.
pub(super) struct Holder<'a> {
    pub(super) subgraph: usize,
    pub(super) arguments: &'a [Node<InputValueDefinition>],
    /// Where it is defined.
    pub(super) at: Option<Span>,
}

impl<'a> Merger<'a> {
    /// `None` where they do not go together.
    pub(super) fn merge_arguments(
        &mut self,
        coordinate: &str,
        bases: &[Holder<'a>],
    ) -> Option<Vec<Node<InputValueDefinition>>> {
        let mut by_name: IndexMap<Name, InputSources<'a>> = IndexMap::default();
        for source in bases {
            for argument in source.arguments {
                by_name.entry(argument.name.clone()).or_default().push((source.subgraph, argument));
            }
        }
        let mut merged = Vec::new();
        let mut sound = true;
        for (name, sources) in by_name {
            let place = format!("{coordinate}({name}:)");
            let required = |(index, d): &&(usize, &Node<InputValueDefinition>)| {
                self.subgraphs[*index].has(&d.directives, Known::Require)
            };
            let from_graph = sources.iter().filter(required).count();
            if from_graph > 0 {
                // The gateway fills it where it exists: the other fragments need not have it.
                let Some(argument) = self.required_argument(&place, &name, &sources, from_graph) else {
                    sound = false;
                    continue;
                };
                merged.push(argument);
                continue;
            }
            if let Some(composes) = self.filled_from_context(&place, &sources) {
                sound &= composes;
                continue;
            }
            if sources.len() < bases.len() {
                sound &= self.incomplete_argument(&place, &sources, bases);
                continue;
            }
            match self.merge_input_value(&place, &name, &sources, &ARGUMENT_CODES) {
                Some((argument, _)) => merged.push(argument),
                None => sound = false,
            }
        }
        sound.then_some(merged)
    }

    fn required_argument(
        &mut self,
        place: &str,
        name: &Name,
        sources: &InputSources<'a>,
        from_graph: usize,
    ) -> Option<Node<InputValueDefinition>> {
        if from_graph < sources.len() {
            let message =
                format!("`{place}` is filled by the gateway (`@require`) in one fragment, and by clients in another.");
            let mut error = Diagnostic::error("REQUIRE_ARGUMENT_MISMATCH", message)
                .help("Rename one of the two arguments: they mean different things.");
            for (index, definition) in sources {
                error = error.at(self.subgraphs[*index].at_name(&definition.name), "");
            }
            self.out.push(error);
            return None;
        }
        let (mut argument, _) = self.merge_input_value(place, name, sources, &ARGUMENT_CODES)?;
        let definition = argument.make_mut();
        if !definition.directives.has("inaccessible") {
            definition.directives.push(inaccessible());
        }
        Some(argument)
    }

    /// Whether it composes all the same.
    fn incomplete_argument(&mut self, place: &str, have: &InputSources<'a>, bases: &[Holder<'a>]) -> bool {
        let required = have.iter().find(|(_, d)| d.is_required());
        let mut diagnostic = match required {
            Some((index, _)) => {
                let message = format!("`{place}` is required in `{}`, and not everywhere known.", self.called(*index));
                Diagnostic::error("REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH", message)
                    .help("Make it nullable or give it a default there, or add it to the other fragments.")
            }
            None => {
                let message = format!("`{place}` is left out of the graph: not every fragment would understand it.");
                Diagnostic::hint("INCONSISTENT_ARGUMENT_PRESENCE", message)
            }
        };
        if let Some((index, definition)) = required.or(have.first()) {
            diagnostic = diagnostic.at(self.subgraphs[*index].at_name(&definition.name), "");
        }
        for source in bases.iter().filter(|s| have.iter().all(|(h, _)| *h != s.subgraph)) {
            diagnostic = diagnostic.at(source.at.clone(), "missing here");
        }
        self.out.push(diagnostic);
        required.is_none()
    }
}
