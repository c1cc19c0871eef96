//! Merges enums by their use: values unite in answers, intersect in arguments, and must agree where both meet.

use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::{Component, DirectiveList, EnumType, EnumValueDefinition, ExtendedType};
use apollo_compiler::{Name, Node};

use super::marks::Element;
use super::scalars::elements;
use super::{Merger, TypeSources, component, directive};
use crate::compose::directives::Known;
use crate::diagnostic::Diagnostic;

type ValueSources<'a> = Vec<(usize, &'a Component<EnumValueDefinition>)>;

impl<'a> Merger<'a> {
    /// `None` where no value is left.
    pub(super) fn merge_enum(&mut self, name: &Name, sources: &TypeSources<'a>) -> Option<ExtendedType> {
        let type_elements = elements(sources);
        let description = self.description(&format!("`{name}`"), &type_elements);
        let mut directives = self.type_joins(sources);
        directives.extend(self.marks(&format!("`{name}`"), &type_elements).into_iter().map(component));

        let mut by_value: IndexMap<Name, ValueSources<'a>> = IndexMap::default();
        for (index, ty) in sources {
            if let ExtendedType::Enum(ty) = ty {
                for (value, definition) in &ty.values {
                    by_value.entry(value.clone()).or_default().push((*index, definition));
                }
            }
        }
        let usage = self.usage.get(name).copied().unwrap_or_default();
        if !usage.input && !usage.output {
            let message = format!("`{name}` is in the graph, and nothing uses it.");
            let at = sources.first().and_then(|(index, ty)| self.subgraphs[*index].at_name(ty.name()));
            self.out.push(Diagnostic::hint("UNUSED_ENUM_TYPE", message).at(at, ""));
        }
        let mut values = IndexMap::default();
        for (value, value_sources) in by_value {
            let complete = value_sources.len() == sources.len();
            let hidden = value_sources.iter().any(|(i, v)| self.subgraphs[*i].has(&v.directives, Known::Inaccessible));
            if !complete && !hidden && usage.input && usage.output {
                self.enum_mismatch(name, &value, &value_sources, sources);
                continue;
            }
            if !complete && usage.input && !usage.output {
                let message = format!(
                    "`{name}.{value}` is left out of the graph: only {} would understand it.",
                    self.list(value_sources.iter().map(|(i, _)| *i))
                );
                self.incomplete_value("INCONSISTENT_ENUM_VALUE_FOR_INPUT_ENUM", message, &value_sources, sources);
                continue;
            }
            if !complete && !usage.input {
                let message = format!(
                    "Only {} can answer with `{name}.{value}`.",
                    self.list(value_sources.iter().map(|(i, _)| *i))
                );
                self.incomplete_value("INCONSISTENT_ENUM_VALUE_FOR_OUTPUT_ENUM", message, &value_sources, sources);
            }
            values.insert(value.clone(), self.merge_value(name, &value, &value_sources));
        }
        if values.is_empty() {
            let message = format!("`{name}` has no value that all its fragments share, and it is used as input.");
            let mut error = Diagnostic::error("EMPTY_MERGED_ENUM_TYPE", message)
                .help("Values of an enum that clients send must be known to every fragment that defines it.");
            for (index, ty) in sources {
                error = error.at(self.subgraphs[*index].at_name(ty.name()), "");
            }
            self.out.push(error);
            return None;
        }
        let merged = EnumType { description, name: name.clone(), directives: DirectiveList(directives), values };
        Some(ExtendedType::Enum(Node::new(merged)))
    }

    fn merge_value(&mut self, name: &Name, value: &Name, sources: &ValueSources<'a>) -> Component<EnumValueDefinition> {
        let elements: Vec<_> = sources
            .iter()
            .map(|(subgraph, v)| Element {
                subgraph: *subgraph,
                description: v.description.as_ref(),
                directives: &v.directives,
                overridden: false,
            })
            .collect();
        let description = self.description(&format!("`{name}.{value}`"), &elements);
        let mut directives = apollo_compiler::ast::DirectiveList::new();
        for (index, _) in sources {
            directives.push(directive("join__enumValue", vec![("graph", self.graph_value(*index))]));
        }
        self.marks(&format!("`{name}.{value}`"), &elements).into_iter().for_each(|d| directives.push(d));
        let merged = EnumValueDefinition { description, value: value.clone(), directives };
        component(sources.first().map_or_else(|| Node::new(merged.clone()), |(_, v)| v.same_location(merged.clone())))
    }

    fn incomplete_value(
        &mut self,
        code: &'static str,
        message: String,
        have: &ValueSources<'a>,
        sources: &TypeSources<'a>,
    ) {
        let mut hint = Diagnostic::hint(code, message);
        if let Some((index, value)) = have.first() {
            hint = hint.at(self.subgraphs[*index].at_name(&value.value), "");
        }
        if let Some((index, ty)) = sources.iter().find(|(i, _)| have.iter().all(|(h, _)| h != i)) {
            hint = hint.at(self.subgraphs[*index].at_name(ty.name()), "missing here");
        }
        self.out.push(hint);
    }

    fn enum_mismatch(&mut self, name: &Name, value: &Name, have: &ValueSources<'a>, sources: &TypeSources<'a>) {
        let lacking = sources.iter().filter(|(i, _)| have.iter().all(|(h, _)| h != i));
        let message = format!(
            "`{name}` is used in arguments and in answers, so all its fragments must agree on its values; `{value}` is in {} only.",
            self.list(have.iter().map(|(i, _)| *i))
        );
        let mut error = Diagnostic::error("ENUM_VALUE_MISMATCH", message);
        for (index, value) in have {
            error = error.at(self.subgraphs[*index].at_name(&value.value), "");
        }
        for (index, ty) in lacking {
            error = error.at(self.subgraphs[*index].at_name(ty.name()), format!("`{value}` is missing here"));
        }
        self.out.push(error.help("Add the value everywhere, or mark it `@inaccessible` until every fragment has it."));
    }
}
