//! What is wrong with an HTTP/JSON fragment by itself.
//!
//! In: a fragment's schema, as its author wrote it, and what its directives are called there. Out: diagnostics with
//! places, inside the strings too. All rules run; a rule looks only at what could be read.
//! Deliberately absent: other fragments; what GraphQL's own validation tells; which directives may stand where, and that
//! every root field has a connector (rules of `compose`).

use std::sync::Arc;

use apollo_compiler::ast::{Directive, FieldDefinition, OperationType};
use apollo_compiler::schema::{Component, ExtendedType};
use apollo_compiler::{Name, Node, Schema};

use super::lookup::{Lookup, default_is, fields_of, read_lookup};
use super::{Arguments, Connector, Literal, Source, read_connector, read_source};
use crate::diagnostic::{Diagnostic, Sources, Span};

mod fields;
mod lookups;
mod selections;
mod variables;

/// A fragment to look at.
#[derive(Clone, Copy)]
pub struct Fragment<'a> {
    /// Its schema. Types that it mentions without defining them are not looked into.
    pub schema: &'a Schema,
    /// The texts that it was parsed from.
    pub sources: &'a Sources,
    /// What an applied directive is called in its specification (`connect`, `key`, …), whatever the fragment's `@link`
    /// calls it; `None` for one that means something else.
    pub directive: &'a dyn Fn(&Name) -> Option<&'static str>,
}

/// The names that directives have where nobody renames them.
pub fn plain_names(name: &Name) -> Option<&'static str> {
    ["source", "connect", "key", "external", "lookup", "is", "require", "internal"]
        .into_iter()
        .find(|known| *known == name.as_str())
}

/// Everything that is wrong with an HTTP/JSON fragment.
pub fn validate(fragment: &Fragment<'_>) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    let context = Context::read(*fragment, &mut out);
    fields::check(&context, &mut out);
    variables::check(&context, &mut out);
    lookups::check(&context, &mut out);
    selections::check(&context, &mut out);
    out
}

/// What could be read of a fragment.
struct Context<'a> {
    fragment: Fragment<'a>,
    fields: Vec<Field<'a>>,
}

/// A field of an object type.
struct Field<'a> {
    type_name: &'a Name,
    /// The type is the root of queries, mutations or subscriptions.
    root: Option<OperationType>,
    definition: &'a Component<FieldDefinition>,
    /// Every `@connect` on it.
    connects: Vec<&'a Node<Directive>>,
    /// The first of them, as far as it could be read.
    connector: Option<Connector>,
    /// For a `@lookup` field, as far as it could be read.
    lookup: Option<Lookup>,
    is_lookup: bool,
}

impl<'a> Context<'a> {
    fn read(fragment: Fragment<'a>, out: &mut Vec<Diagnostic>) -> Self {
        let mut context = Self { fragment, fields: Vec::new() };
        let sources = context.read_sources(out);
        let schema = fragment.schema;
        for (type_name, ty) in &schema.types {
            let ExtendedType::Object(object) = ty else { continue };
            if ty.is_built_in() {
                continue;
            }
            let operations = [OperationType::Query, OperationType::Mutation, OperationType::Subscription];
            let root = operations.into_iter().find(|op| schema.root_operation(*op) == Some(type_name));
            for definition in object.fields.values() {
                let applied = |wanted| context.all(definition.directives.iter(), wanted);
                let connects = applied("connect");
                let is_lookup = !applied("lookup").is_empty();
                let mut field =
                    Field { type_name, root, definition, connects, connector: None, lookup: None, is_lookup };
                if let Some(connect) = field.connects.first() {
                    let arguments = Arguments::of_directive(connect, fragment.sources);
                    let (connector, found) = read_connector(&arguments, type_name, &definition.name, &sources);
                    field.connector = connector;
                    out.extend(found);
                }
                if is_lookup {
                    context.read_lookup(&mut field, out);
                }
                context.fields.push(field);
            }
        }
        context
    }

    fn read_sources(&self, out: &mut Vec<Diagnostic>) -> Vec<Arc<Source>> {
        let mut sources: Vec<Arc<Source>> = Vec::new();
        let applied = self.fragment.schema.schema_definition.directives.iter().map(|directive| &directive.node);
        for directive in self.all(applied, "source") {
            let arguments = Arguments::of_directive(directive, self.fragment.sources);
            let (source, found) = read_source(&arguments);
            out.extend(found);
            let Some(source) = source else {
                // A connector that names it is not wrong for that.
                let name = arguments.get("name").and_then(|name| name.as_str()).unwrap_or_default();
                sources.push(Arc::new(Source { name: name.to_owned(), ..Source::at("") }));
                continue;
            };
            if sources.iter().any(|known| known.name == source.name) {
                let message = format!("Two sources are called `{}`.", source.name);
                out.push(
                    Diagnostic::error("DUPLICATE_SOURCE_NAME", message)
                        .at(arguments.span(), "")
                        .help("Give each `@source` of a fragment a name of its own."),
                );
                continue;
            }
            sources.push(Arc::new(source));
        }
        sources
    }

    fn read_lookup(&self, field: &mut Field<'a>, out: &mut Vec<Diagnostic>) {
        let definition = field.definition;
        let read = read_lookup(self.fragment.schema, definition, |name| {
            self.is_text(definition, name)
                .map(|(text, _)| text.to_owned())
                .or_else(|| default_is(self.fragment.schema, definition, name))
        });
        match read {
            Ok(lookup) => field.lookup = Some(lookup),
            Err(errors) => out.extend(errors.into_iter().map(|error| {
                let literal = error.argument.as_ref().and_then(|name| self.is_text(definition, name)?.1);
                let span = match (&literal, error.offset) {
                    (Some(literal), Some(offset)) => Some(literal.span(offset..offset + 1)),
                    (Some(literal), None) => Some(literal.whole()),
                    (None, _) => match &error.argument {
                        Some(name) => self.argument_span(definition, name),
                        None => self.name_span(&definition.name),
                    },
                };
                let mut diagnostic = Diagnostic::error("INVALID_LOOKUP", error.message).at(span, "");
                diagnostic.help = error.help;
                diagnostic
            })),
        }
    }

    /// The text of an argument's `@is(field:)`, if it has one.
    fn is_text(&self, field: &'a FieldDefinition, argument: &Name) -> Option<(&'a str, Option<Literal>)> {
        let argument = field.arguments.iter().find(|definition| definition.name == *argument)?;
        self.field_argument(&argument.directives, "is")
    }

    /// The `field:` of a directive on an argument.
    fn field_argument(
        &self,
        applied: &'a apollo_compiler::ast::DirectiveList,
        directive: &str,
    ) -> Option<(&'a str, Option<Literal>)> {
        let directive = *self.all(applied.iter(), directive).first()?;
        let value = directive.specified_argument_by_name("field")?;
        Some((value.as_str()?, Literal::of(value, self.fragment.sources)))
    }

    /// The applications of a directive, whatever it is called here.
    fn all(&self, list: impl Iterator<Item = &'a Node<Directive>>, wanted: &str) -> Vec<&'a Node<Directive>> {
        list.filter(|directive| (self.fragment.directive)(&directive.name) == Some(wanted)).collect()
    }

    fn has(&self, list: &'a apollo_compiler::ast::DirectiveList, wanted: &str) -> bool {
        !self.all(list.iter(), wanted).is_empty()
    }

    fn name_span(&self, name: &Name) -> Option<Span> {
        self.fragment.sources.span(name.location())
    }

    fn argument_span(&self, field: &FieldDefinition, argument: &Name) -> Option<Span> {
        let definition = field.arguments.iter().find(|definition| definition.name == *argument)?;
        self.name_span(&definition.name)
    }

    fn fields_of(
        &self,
        type_name: &str,
    ) -> Option<&'a apollo_compiler::collections::IndexMap<Name, Component<FieldDefinition>>> {
        fields_of(self.fragment.schema, type_name)
    }
}

impl Field<'_> {
    /// `Type.field`
    fn coordinate(&self) -> String {
        format!("{}.{}", self.type_name, self.definition.name)
    }
}

#[cfg(test)]
mod tests;
