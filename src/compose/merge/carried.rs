//! What the join specification has no words for: connectors and policies, as `@join__directive`.
//!
//! The form is described in [`crate::compose`].

use apollo_compiler::ast::{Directive, Selection, Value};
use apollo_compiler::schema::{Component, ExtendedType};
use apollo_compiler::{Name, Node, Schema};

use super::fields::FieldSource;
use super::marks::Element;
use super::{Merger, component, directive, string};
use crate::compose::directives::Known;
use crate::compose::facts::Application;
use crate::compose::subgraph::{Applied, Subgraph};

/// Carried from a field: the directive's arguments as they are.
const ON_FIELDS: &[Known] = &[
    Known::Connect,
    Known::Lookup,
    Known::Internal,
    Known::Fallback,
    Known::Timeout,
    Known::CacheControl,
    Known::CacheTag,
];

impl<'a> Merger<'a> {
    /// Of `@source` and `@timeout` on the schema, and the link that says whose words these are.
    pub(super) fn carry_schema_directives(&self, document: &mut Schema) {
        let mut carried = Vec::new();
        let mut users = Vec::new();
        for (index, subgraph) in self.subgraphs.iter().enumerate() {
            let on_schema = &subgraph.schema.schema_definition.directives;
            carried.extend(self.carried(index, on_schema, &[Known::Source, Known::Timeout]));
            if self.uses_fragment_language(index) {
                users.push(self.graph_value(index));
            }
        }
        if !users.is_empty() {
            let url = Name::new_static_unchecked("url");
            let args = Value::Object(vec![(url, string("https://specs.weft.graph/fragment/v1.0"))]);
            let link = directive(
                "join__directive",
                vec![("graphs", Node::new(Value::List(users))), ("name", string("link")), ("args", Node::new(args))],
            );
            carried.insert(0, link);
        }
        document.schema_definition.make_mut().directives.0.extend(carried.into_iter().map(component));
    }

    /// `@tag` and composed directives on the schema itself.
    pub(super) fn mark_schema(&mut self, document: &mut Schema) {
        let element = |(subgraph, s): (usize, &'a Subgraph)| Element {
            subgraph,
            description: s.schema.schema_definition.description.as_ref(),
            directives: &s.schema.schema_definition.directives,
            overridden: false,
        };
        let elements: Vec<_> = self.subgraphs.iter().enumerate().map(element).collect();
        let description = self.description("The schema", &elements);
        let marks = self.marks("The schema", &elements);
        let definition = document.schema_definition.make_mut();
        definition.description = description;
        definition.directives.0.extend(marks.into_iter().map(component));
    }

    fn uses_fragment_language(&self, index: usize) -> bool {
        let subgraph = &self.subgraphs[index];
        let language =
            [Known::Source, Known::Connect, Known::Lookup, Known::Fallback, Known::Timeout, Known::CacheControl];
        let ours =
            |d: &Node<Directive>| subgraph.names.get(&d.name).is_some_and(|(known, _)| language.contains(&known));
        subgraph.schema.schema_definition.directives.nodes().any(ours)
            || subgraph.schema.types.values().any(|ty| {
                ty.directives().nodes().any(ours)
                    || crate::compose::subgraph::fields_of(ty)
                        .is_some_and(|fields| fields.values().any(|f| f.directives.nodes().any(ours)))
            })
    }

    pub(super) fn carried_by_type(&self, index: usize, ty: &ExtendedType) -> Vec<Node<Directive>> {
        self.carried(index, ty.directives(), &[Known::Timeout, Known::CacheControl, Known::CacheTag]).collect()
    }

    pub(super) fn carried_by_field(&self, name: &Name, source: &FieldSource<'a>) -> Vec<Node<Directive>> {
        let subgraph = &self.subgraphs[source.subgraph];
        let field = source.definition;
        let mut carried: Vec<_> = self.carried(source.subgraph, &field.directives, ON_FIELDS).collect();
        carried.extend(self.cache_of_union(source.subgraph, field));
        let lookup = name == "Query" && subgraph.has(&field.directives, Known::Lookup);
        for argument in &field.arguments {
            if let Some(required) = subgraph.first(&argument.directives, Known::Require) {
                carried.extend(self.bound(source.subgraph, "require", &argument.name, required));
            } else if let Some(is) = subgraph.first(&argument.directives, Known::Is) {
                carried.extend(self.bound(source.subgraph, "is", &argument.name, is));
            } else if let Some(key_is_list) = self.key_field(source, &argument.name).filter(|_| lookup) {
                // Left out, `@is` is the key field of the argument's name; a list of them where a list is answered.
                let is_list = field.ty.is_list() && argument.ty.is_list() && !key_is_list;
                let text = if is_list { format!("[{}]", argument.name) } else { argument.name.to_string() };
                carried.push(self.binding(source.subgraph, "is", &argument.name, string(text)));
            }
        }
        carried
    }

    fn carried<'s>(
        &'s self,
        index: usize,
        list: &'s impl Applied,
        wanted: &'static [Known],
    ) -> impl Iterator<Item = Node<Directive>> + 's {
        list.nodes().filter_map(move |applied| {
            let (known, canonical) = self.subgraphs[index].names.get(&applied.name)?;
            if !wanted.contains(&known) {
                return None;
            }
            // Federation's own, among ours, has its prefix.
            let canonical = if known == Known::CacheTag { "federation__cacheTag" } else { canonical };
            let arguments = applied.arguments.iter().map(|a| (a.name.clone(), a.value.clone())).collect::<Vec<_>>();
            Some(self.join_directive(index, canonical, arguments, applied))
        })
    }

    fn join_directive(
        &self,
        index: usize,
        name: &'static str,
        args: Vec<(Name, Node<Value>)>,
        written: &Node<Directive>,
    ) -> Node<Directive> {
        let mut arguments =
            vec![("graphs", Node::new(Value::List(vec![self.graph_value(index)]))), ("name", string(name))];
        if !args.is_empty() {
            arguments.push(("args", written.same_location(Value::Object(args))));
        }
        written.same_location((*directive("join__directive", arguments)).clone())
    }

    fn bound(
        &self,
        index: usize,
        name: &'static str,
        argument: &Name,
        written: &Node<Directive>,
    ) -> Option<Node<Directive>> {
        let field = written.specified_argument_by_name("field")?;
        let carried = self.binding(index, name, argument, field.clone());
        Some(written.same_location((*carried).clone()))
    }

    fn binding(&self, index: usize, name: &'static str, argument: &Name, field: Node<Value>) -> Node<Directive> {
        let args = vec![
            (Name::new_static_unchecked("argument"), string(argument.as_str())),
            (Name::new_static_unchecked("field"), field),
        ];
        directive(
            "join__directive",
            vec![
                ("graphs", Node::new(Value::List(vec![self.graph_value(index)]))),
                ("name", string(name)),
                ("args", Node::new(Value::Object(args))),
            ],
        )
    }

    /// A field of that name at the top of a key of the lookup's type: whether it is a list.
    fn key_field(&self, source: &FieldSource<'a>, argument: &Name) -> Option<bool> {
        let subgraph = &self.subgraphs[source.subgraph];
        let ty = source.definition.ty.inner_named_type();
        let field = subgraph.fields(ty)?.get(argument)?;
        let selects = |key: &Application| {
            let items = key.parsed.as_ref().map(|fields| fields.items.as_slice()).unwrap_or_default();
            items.iter().any(|item| matches!(item, Selection::Field(field) if field.name == *argument))
        };
        subgraph.facts.keys_of(ty).any(selects).then_some(field.ty.is_list())
    }

    /// `@cacheControl` on a union holds for the fields that return it: `@join__directive` has no place on unions.
    fn cache_of_union(
        &self,
        index: usize,
        field: &Component<apollo_compiler::ast::FieldDefinition>,
    ) -> Option<Node<Directive>> {
        let subgraph = &self.subgraphs[index];
        if subgraph.has(&field.directives, Known::CacheControl) {
            return None;
        }
        let union = subgraph.schema.get_union(field.ty.inner_named_type())?;
        self.carried(index, &union.directives, &[Known::CacheControl]).next()
    }
}
