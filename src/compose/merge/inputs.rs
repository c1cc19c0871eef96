//! Merges input types: a field exists where every fragment that defines the type would understand it.

use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::{
    Component, DirectiveList, ExtendedType, InputObjectType, InputValueDefinition, Type, Value,
};
use apollo_compiler::{Name, Node};

use super::marks::Element;
use super::scalars::elements;
use super::types::intersect;
use super::{Merger, TypeSources, component, directive, show, string};
use crate::diagnostic::Diagnostic;

/// An input field or an argument, in the subgraphs that define it.
pub(super) type InputSources<'a> = Vec<(usize, &'a Node<InputValueDefinition>)>;

/// The codes that tell of an input field or of an argument.
pub(super) struct InputCodes {
    pub(super) types: &'static str,
    pub(super) defaults: &'static str,
    pub(super) type_hint: &'static str,
}

const FIELD_CODES: InputCodes = InputCodes {
    types: "FIELD_TYPE_MISMATCH",
    defaults: "INPUT_FIELD_DEFAULT_MISMATCH",
    type_hint: "INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE",
};

impl<'a> Merger<'a> {
    /// `None` where no field is left.
    pub(super) fn merge_input(&mut self, name: &Name, sources: &TypeSources<'a>) -> Option<ExtendedType> {
        let type_elements = elements(sources);
        let description = self.description(&format!("`{name}`"), &type_elements);
        let mut directives = self.type_joins(sources);
        directives.extend(self.marks(&format!("`{name}`"), &type_elements).into_iter().map(component));

        let mut by_field: IndexMap<Name, InputSources<'a>> = IndexMap::default();
        for (index, ty) in sources {
            if let ExtendedType::InputObject(ty) = ty {
                for (field, definition) in &ty.fields {
                    by_field.entry(field.clone()).or_default().push((*index, &definition.node));
                }
            }
        }
        let mut fields = IndexMap::default();
        let mut refused = false;
        for (field, field_sources) in by_field {
            if field_sources.len() < sources.len() {
                refused |= self.incomplete_field(name, &field, &field_sources, sources);
                continue;
            }
            match self.merge_input_field(name, &field, &field_sources) {
                Some(merged) => {
                    fields.insert(field, merged);
                }
                None => refused = true,
            }
        }
        if fields.is_empty() && !refused {
            let message = format!("`{name}` has no field that all its fragments share.");
            let mut error = Diagnostic::error("EMPTY_MERGED_INPUT_TYPE", message)
                .help("A field of an input type is in the graph when every fragment that defines the type has it.");
            for (index, ty) in sources {
                error = error.at(self.subgraphs[*index].at_name(ty.name()), "");
            }
            self.out.push(error);
            return None;
        }
        let input = InputObjectType { description, name: name.clone(), directives: DirectiveList(directives), fields };
        Some(ExtendedType::InputObject(Node::new(input)))
    }

    /// Whether it is an error: a field that some fragment insists on must be everywhere.
    fn incomplete_field(
        &mut self,
        name: &Name,
        field: &Name,
        have: &InputSources<'a>,
        sources: &TypeSources<'a>,
    ) -> bool {
        let lacking: Vec<_> = sources.iter().filter(|(i, _)| have.iter().all(|(h, _)| h != i)).collect();
        let required = have.iter().find(|(_, f)| f.is_required());
        let mut diagnostic = match required {
            Some((index, _)) => {
                let message =
                    format!("`{name}.{field}` is required in `{}`, and not everywhere known.", self.called(*index));
                Diagnostic::error("REQUIRED_INPUT_FIELD_MISSING_IN_SOME_SUBGRAPH", message)
                    .help("Make it nullable or give it a default there, or add it to the other fragments.")
            }
            None => {
                let message =
                    format!("`{name}.{field}` is left out of the graph: not every fragment would understand it.");
                Diagnostic::hint("INCONSISTENT_INPUT_OBJECT_FIELD", message)
            }
        };
        if let Some((index, definition)) = required.or(have.first()) {
            diagnostic = diagnostic.at(self.subgraphs[*index].at_name(&definition.name), "");
        }
        for (index, ty) in lacking {
            diagnostic = diagnostic.at(self.subgraphs[*index].at_name(ty.name()), "missing here");
        }
        self.out.push(diagnostic);
        required.is_some()
    }

    fn merge_input_field(
        &mut self,
        name: &Name,
        field: &Name,
        sources: &InputSources<'a>,
    ) -> Option<Component<InputValueDefinition>> {
        let coordinate = format!("{name}.{field}");
        let (merged, ty) = self.merge_input_value(&coordinate, field, sources, &FIELD_CODES)?;
        let mut joins = Vec::new();
        let differs = sources.iter().any(|(_, definition)| *definition.ty != ty);
        for (index, definition) in sources.iter().filter(|_| differs) {
            let mut arguments = vec![("graph", self.graph_value(*index))];
            if *definition.ty != ty {
                arguments.push(("type", string(definition.ty.to_string())));
            }
            joins.push(directive("join__field", arguments));
        }
        let mut merged = merged;
        let definition = merged.make_mut();
        definition.directives.0.splice(0..0, joins);
        Some(component(merged))
    }

    /// The merged definition without join directives, and its type.
    pub(super) fn merge_input_value(
        &mut self,
        coordinate: &str,
        name: &Name,
        sources: &InputSources<'a>,
        codes: &InputCodes,
    ) -> Option<(Node<InputValueDefinition>, Type)> {
        let elements: Vec<_> = sources
            .iter()
            .map(|(subgraph, v)| Element {
                subgraph: *subgraph,
                description: v.description.as_ref(),
                directives: &v.directives,
                overridden: false,
            })
            .collect();
        let (first_index, first) = *sources.first()?;
        let mut ty: Type = (*first.ty).clone();
        for (index, definition) in &sources[1..] {
            let Some(common) = intersect(&ty, &definition.ty) else {
                let message = format!(
                    "`{coordinate}` is {} in `{}` and {} in `{}`.",
                    show(&first.ty),
                    self.called(first_index),
                    show(&definition.ty),
                    self.called(*index)
                );
                self.out.push(
                    Diagnostic::error(codes.types, message)
                        .at(self.subgraphs[*index].at_name(&definition.name), "")
                        .at(self.subgraphs[first_index].at_name(&first.name), "")
                        .help("Input types must be the same, but for non-null."),
                );
                return None;
            };
            ty = common;
        }
        if let Some((index, definition)) = sources.iter().find(|(_, d)| *d.ty != ty) {
            let message = format!(
                "`{coordinate}` is {} in `{}`; the graph asks for {}.",
                show(&definition.ty),
                self.called(*index),
                show(&ty)
            );
            self.out.push(
                Diagnostic::hint(codes.type_hint, message).at(self.subgraphs[*index].at_name(&definition.name), ""),
            );
        }
        let default_value = self.merge_default(coordinate, sources, codes)?;
        let description = self.description(&format!("`{coordinate}`"), &elements);
        let mut directives = apollo_compiler::ast::DirectiveList::new();
        self.marks(&format!("`{coordinate}`"), &elements).into_iter().for_each(|d| directives.push(d));
        let merged = InputValueDefinition {
            description,
            name: name.clone(),
            ty: Node::new(ty.clone()),
            default_value,
            directives,
        };
        Some((first.same_location(merged), ty))
    }

    /// The default, if all fragments have it: a client that leaves the value out leaves it out for every service, and one without
    /// the default would refuse that or do something else. The outer `None`: fragments with a default don't agree.
    fn merge_default(
        &mut self,
        coordinate: &str,
        sources: &InputSources<'a>,
        codes: &InputCodes,
    ) -> Option<Option<Node<Value>>> {
        let mut given = sources.iter().filter_map(|(index, d)| Some((*index, *d, d.default_value.as_ref()?)));
        let Some((first_index, first, value)) = given.next() else { return Some(None) };
        if let Some((index, definition, other)) = given.find(|(.., v)| !same_value(v, value)) {
            let message = format!(
                "`{coordinate}` has the default `{}` in `{}` and `{}` in `{}`.",
                value.serialize().no_indent(),
                self.called(first_index),
                other.serialize().no_indent(),
                self.called(index)
            );
            self.out.push(
                Diagnostic::error(codes.defaults, message)
                    .at(self.subgraphs[index].at_name(&definition.name), "")
                    .at(self.subgraphs[first_index].at_name(&first.name), "")
                    .help("The gateway sends one default to all of them: make them the same."),
            );
            return None;
        }
        if let Some((index, definition)) = sources.iter().find(|(_, d)| d.default_value.is_none()) {
            let message = format!(
                "`{coordinate}` has the default `{}` in `{}`, but not everywhere; the graph has none.",
                value.serialize().no_indent(),
                self.called(first_index)
            );
            let hint = Diagnostic::hint("INCONSISTENT_DEFAULT_VALUE_PRESENCE", message)
                .at(self.subgraphs[*index].at_name(&definition.name), "no default here")
                .at(self.subgraphs[first_index].at_name(&first.name), "");
            self.out.push(hint);
            return Some(None);
        }
        Some(Some(value.clone()))
    }
}

/// Whether two constants are the same value: the order of an object's fields means nothing.
/// Recursion is bounded by the parser's own limit on nesting.
pub(super) fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let has = |name: &Name, value: &Value| b.iter().any(|(n, v)| n == name && same_value(value, v));
            a.len() == b.len() && a.iter().all(|(name, value)| has(name, value))
        }
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b)),
        _ => a == b,
    }
}
