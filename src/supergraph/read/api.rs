//! The API schema: the merged schema without what is `@inaccessible`, and without what refers to it.
//!
//! Source: inaccessible specification v0.1 and v0.2. What v0.2 makes an error where the hidden parts leave a hole, an
//! argument of a hidden type say, is left out like v0.1 did, as long as the rest is a valid schema.

use apollo_compiler::ast::{self, FieldDefinition, InputValueDefinition};
use apollo_compiler::collections::{HashSet, IndexMap};
use apollo_compiler::schema::{Component, ComponentName, ExtendedType};
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Node, Schema};

use super::Reader;
use crate::diagnostic::Diagnostic;

type Fields = IndexMap<Name, Component<FieldDefinition>>;

impl Reader<'_> {
    /// What clients see. `None` with diagnostics, if that is no valid schema.
    pub(super) fn api(&mut self, merged: &Schema) -> Option<Valid<Schema>> {
        let hidden = Hidden::new(self);
        let mut api = merged.clone();
        let mut emptied = Vec::new();
        api.types.retain(|name, _| !hidden.types.contains(name.as_str()));
        for (name, ty) in &mut api.types {
            let Some(written) = self.document.types.get(name).filter(|ty| !ty.is_built_in()) else { continue };
            if hidden.cut(ty, written) {
                emptied.push((name.clone(), written.location()));
            }
        }
        for definition in api.directive_definitions.values_mut().filter(|definition| !definition.is_built_in()) {
            let Some(written) = self.document.directive_definitions.get(&definition.name) else { continue };
            if !hidden.shows_arguments(&written.arguments) {
                definition.make_mut().arguments = hidden.visible_arguments(&definition.arguments, &written.arguments);
            }
        }
        self.hide_roots(&mut api, &hidden)?;
        if !emptied.is_empty() {
            for (name, location) in emptied {
                let message = format!("`{name}` is in the API, but everything in it is `@inaccessible`.");
                let place = self.sources.span(location);
                let help = format!("Mark `{name}` itself `@inaccessible`, or show a part of it.");
                self.diagnostics
                    .push(Diagnostic::error("ONLY_INACCESSIBLE_CHILDREN", message).at(place, "").help(help));
            }
            return None;
        }
        match api.validate() {
            Ok(api) => Some(api),
            Err(failed) => {
                self.diagnostics.extend(self.sources.diagnostics(&failed.errors));
                None
            }
        }
    }

    fn hide_roots(&mut self, api: &mut Schema, hidden: &Hidden) -> Option<()> {
        let is_hidden = |root: &Option<ComponentName>| root.as_ref().is_some_and(|r| hidden.types.contains(r.as_str()));
        let roots = &api.schema_definition;
        if is_hidden(&roots.query) || roots.query.is_none() {
            let message = "There is no query type that clients can see.".to_owned();
            self.error("NO_QUERIES", message, roots.query.as_ref().and_then(|query| query.location()));
            return None;
        }
        let (mutation, subscription) = (is_hidden(&roots.mutation), is_hidden(&roots.subscription));
        if mutation || subscription {
            let roots = api.schema_definition.make_mut();
            roots.mutation.take_if(|_| mutation);
            roots.subscription.take_if(|_| subscription);
        }
        Some(())
    }
}

/// What is not to be seen.
struct Hidden {
    /// What `@inaccessible` is called in this document.
    directive: String,
    types: HashSet<String>,
}

impl Hidden {
    fn new(reader: &Reader<'_>) -> Self {
        let directive = reader.names.directive("inaccessible", "inaccessible");
        let types = reader.document.types.iter().filter(|(_, ty)| ty.directives().has(&directive));
        let types = types.map(|(name, _)| name.to_string()).collect();
        Self { directive, types }
    }

    fn shows(&self, directives: &ast::DirectiveList) -> bool {
        !directives.has(&self.directive)
    }

    fn shows_type(&self, ty: &ast::Type) -> bool {
        !self.types.contains(ty.inner_named_type().as_str())
    }

    fn shows_input(&self, written: &InputValueDefinition) -> bool {
        self.shows(&written.directives) && self.shows_type(&written.ty)
    }

    fn shows_arguments(&self, written: &[Node<InputValueDefinition>]) -> bool {
        written.iter().all(|argument| self.shows_input(argument))
    }

    fn visible_arguments(
        &self,
        merged: &[Node<InputValueDefinition>],
        written: &[Node<InputValueDefinition>],
    ) -> Vec<Node<InputValueDefinition>> {
        merged.iter().zip(written).filter(|(_, written)| self.shows_input(written)).map(|(m, _)| m.clone()).collect()
    }

    /// Removes the hidden parts of a type. Returns whether nothing is left of it.
    fn cut(&self, ty: &mut ExtendedType, written: &ExtendedType) -> bool {
        match (ty, written) {
            (ExtendedType::Object(ty), ExtendedType::Object(written)) => {
                let ty = ty.make_mut();
                ty.implements_interfaces.retain(|interface| !self.types.contains(interface.as_str()));
                self.cut_fields(&mut ty.fields, &written.fields)
            }
            (ExtendedType::Interface(ty), ExtendedType::Interface(written)) => {
                let ty = ty.make_mut();
                ty.implements_interfaces.retain(|interface| !self.types.contains(interface.as_str()));
                self.cut_fields(&mut ty.fields, &written.fields)
            }
            (ExtendedType::Union(ty), _) => {
                let had = !ty.members.is_empty();
                ty.make_mut().members.retain(|member| !self.types.contains(member.as_str()));
                had && ty.members.is_empty()
            }
            (ExtendedType::Enum(ty), ExtendedType::Enum(written)) => {
                let had = !ty.values.is_empty();
                let shows = |name: &Name| written.values.get(name).is_none_or(|value| self.shows(&value.directives));
                ty.make_mut().values.retain(|name, _| shows(name));
                had && ty.values.is_empty()
            }
            (ExtendedType::InputObject(ty), ExtendedType::InputObject(written)) => {
                let had = !ty.fields.is_empty();
                let shows = |name: &Name| written.fields.get(name).is_none_or(|field| self.shows_input(field));
                ty.make_mut().fields.retain(|name, _| shows(name));
                had && ty.fields.is_empty()
            }
            _ => false,
        }
    }

    fn cut_fields(&self, fields: &mut Fields, written: &Fields) -> bool {
        let had = !fields.is_empty();
        fields.retain(|name, field| {
            let Some(written) = written.get(name) else { return true };
            if !self.shows(&written.directives) || !self.shows_type(&written.ty) {
                return false;
            }
            if !self.shows_arguments(&written.arguments) {
                field.make_mut().arguments = self.visible_arguments(&field.arguments, &written.arguments);
            }
            true
        });
        had && fields.is_empty()
    }
}
