//! `@context` and `@fromContext`: contexts are named after their fragment, and arguments that are filled from one leave the
//! graph: they stay in the `@join__field` of the fragment that has them.
//!
//! Source: the Apollo Federation subgraph specification v2.8; join v0.5, context v0.1.

use apollo_compiler::ast::{Directive, InputValueDefinition, Value};
use apollo_compiler::{Name, Node};

use super::fields::FieldSource;
use super::inputs::InputSources;
use super::marks::AppliedIn;
use super::{Merger, directive, string};
use crate::compose::directives::Known;
use crate::diagnostic::Diagnostic;

impl<'a> Merger<'a> {
    pub(super) fn contexts(&mut self, applied: &[AppliedIn<'_>]) -> Vec<Node<Directive>> {
        let context = |(index, directive_): &AppliedIn<'_>| {
            let name = directive_.specified_argument_by_name("name")?.as_str()?;
            let merged = directive("context", vec![("name", string(self.context_name(*index, name)))]);
            Some(directive_.same_location(Directive::clone(&merged)))
        };
        let merged: Vec<_> = applied.iter().filter_map(context).collect();
        if !merged.is_empty() {
            self.used.insert("context");
        }
        merged
    }

    /// A context means something in its own fragment only.
    fn context_name(&self, index: usize, name: &str) -> String {
        format!("{}__{name}", self.called(index))
    }

    /// What fills the arguments of a field, for its `@join__field`.
    pub(super) fn context_arguments(&self, source: &FieldSource<'a>) -> Option<Node<Value>> {
        let subgraph = &self.subgraphs[source.subgraph];
        let filled = source.definition.arguments.iter().filter_map(|argument| {
            let applied = subgraph.first(&argument.directives, Known::FromContext)?;
            let used = subgraph.facts.contexts.iter().find(|used| used.directive.ptr_eq(applied))?;
            let (context, Ok(selections)) = (used.context.as_ref()?, &used.parsed) else { return None };
            let members = [
                ("context", self.context_name(source.subgraph, context)),
                ("name", argument.name.to_string()),
                ("type", argument.ty.to_string()),
                ("selection", format!("{{ {} }}", selections.canonical())),
            ];
            let members = members.into_iter().map(|(name, text)| (Name::new_static_unchecked(name), string(text)));
            Some(applied.same_location(Value::Object(members.collect())))
        });
        let filled: Vec<Node<Value>> = filled.collect();
        let first = filled.first()?.clone();
        Some(first.same_location(Value::List(filled)))
    }

    /// Whether an argument is filled from a context anywhere: then it is not in the graph, and nobody else may need it.
    /// The inner value: whether that composes.
    pub(super) fn filled_from_context(&mut self, place: &str, sources: &InputSources<'a>) -> Option<bool> {
        let subgraphs = self.subgraphs;
        let filled = |(index, argument): &&(usize, &Node<InputValueDefinition>)| {
            subgraphs[*index].has(&argument.directives, Known::FromContext)
        };
        let (index, argument) = *sources.iter().find(filled)?;
        let mut sound = true;
        for (other, own) in sources.iter().filter(|source| !filled(source)) {
            let message = format!(
                "`{place}` is filled from a context in `{}`, so clients cannot give it; in `{}` it is {}.",
                self.called(index),
                self.called(*other),
                if own.is_required() { "required" } else { "left out" }
            );
            const CODE: &str = "CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS";
            sound &= !own.is_required();
            let diagnostic = if own.is_required() {
                let help = "Fill it from a context there too, or make it nullable.";
                Diagnostic::error(CODE, message).help(help)
            } else {
                Diagnostic::hint(CODE, message)
            };
            let at = subgraphs[*other].at_name(&own.name);
            self.out.push(diagnostic.at(at, "").at(subgraphs[index].at_name(&argument.name), "from a context here"));
        }
        Some(sound)
    }
}
