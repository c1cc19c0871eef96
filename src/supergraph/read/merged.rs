//! The merged schema: a supergraph document without what belongs to specifications.
//!
//! `@deprecated`, `@specifiedBy`, `@oneOf` and the definitions of executable directives stay: a client can see or use
//! these. Every other directive is gone, and so are the specifications' own types.

use apollo_compiler::ast::{self, DirectiveDefinition, DirectiveLocation, FieldDefinition, InputValueDefinition};
use apollo_compiler::schema::{Component, DirectiveList, ExtendedType};
use apollo_compiler::{Node, Schema, name};

use super::Reader;

/// Directives on types and fields that stay.
const KEPT: [&str; 3] = ["deprecated", "specifiedBy", "oneOf"];

impl Reader<'_> {
    /// The document without machinery, `@inaccessible` elements included.
    pub(super) fn merged(&self) -> Schema {
        let mut merged = self.document.clone();
        let mut has_one_of = false;
        merged.types.retain(|name, ty| ty.is_built_in() || !self.names.is_machinery_type(name));
        merged.directive_definitions.retain(|name, definition| {
            definition.is_built_in()
                || KEPT.contains(&name.as_str())
                || (is_executable(definition) && !self.names.is_machinery_directive(name))
        });
        merged.schema_definition.make_mut().directives = DirectiveList::new();
        for definition in merged.directive_definitions.values_mut().filter(|definition| !definition.is_built_in()) {
            if definition.arguments.iter().any(|argument| !is_clean(&argument.directives)) {
                definition.make_mut().arguments.iter_mut().for_each(clean_input);
            }
        }
        for ty in merged.types.values_mut().filter(|ty| !ty.is_built_in()) {
            match ty {
                ExtendedType::Scalar(ty) => clean_type(&mut ty.make_mut().directives),
                ExtendedType::Union(ty) => clean_type(&mut ty.make_mut().directives),
                ExtendedType::Object(ty) => {
                    let ty = ty.make_mut();
                    clean_type(&mut ty.directives);
                    ty.fields.values_mut().for_each(clean_field);
                }
                ExtendedType::Interface(ty) => {
                    let ty = ty.make_mut();
                    clean_type(&mut ty.directives);
                    ty.fields.values_mut().for_each(clean_field);
                }
                ExtendedType::Enum(ty) => {
                    let ty = ty.make_mut();
                    clean_type(&mut ty.directives);
                    for value in ty.values.values_mut().filter(|value| !is_clean(&value.directives)) {
                        clean(&mut value.make_mut().directives);
                    }
                }
                ExtendedType::InputObject(ty) => {
                    let ty = ty.make_mut();
                    clean_type(&mut ty.directives);
                    has_one_of |= ty.directives.has("oneOf");
                    ty.fields.values_mut().for_each(|field| clean_input(&mut field.node));
                }
            }
        }
        if has_one_of && !merged.directive_definitions.contains_key("oneOf") {
            merged.directive_definitions.insert(name!("oneOf"), one_of());
        }
        merged
    }
}

/// Directives that a request can carry.
fn is_executable(definition: &DirectiveDefinition) -> bool {
    use DirectiveLocation as L;
    definition.locations.iter().any(|location| {
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
    })
}

fn one_of() -> Node<DirectiveDefinition> {
    Node::new(DirectiveDefinition {
        description: None,
        name: name!("oneOf"),
        arguments: Vec::new(),
        repeatable: false,
        locations: vec![DirectiveLocation::InputObject],
    })
}

fn clean_field(field: &mut Component<FieldDefinition>) {
    if !is_clean(&field.directives) || field.arguments.iter().any(|argument| !is_clean(&argument.directives)) {
        let field = field.make_mut();
        clean(&mut field.directives);
        field.arguments.iter_mut().for_each(clean_input);
    }
}

fn clean_input(value: &mut Node<InputValueDefinition>) {
    if !is_clean(&value.directives) {
        clean(&mut value.make_mut().directives);
    }
}

fn clean_type(directives: &mut DirectiveList) {
    directives.0.retain(|directive| KEPT.contains(&directive.name.as_str()));
}

fn is_clean(directives: &ast::DirectiveList) -> bool {
    directives.iter().all(|directive| KEPT.contains(&directive.name.as_str()))
}

fn clean(directives: &mut ast::DirectiveList) {
    directives.0.retain(|directive| KEPT.contains(&directive.name.as_str()));
}
