//! `@authenticated`, `@requiresScopes` and `@policy`: whoever reads an element has what every fragment asks for.
//!
//! Other routers decide by the type that is selected, so in the document an interface, and each of its fields, asks for
//! what all implementations together ask for. A link says so: this gateway decides for each object, and asks nobody for
//! what another implementation asks for.
//! Source: the Apollo Federation changelog, v2.12: requirements of several fragments are joined by AND.

use apollo_compiler::ast::Directive;
use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node, Schema};

use super::{Merger, component, directive, string};
use crate::compose::access;
use crate::compose::directives::Known;
use crate::diagnostic::Diagnostic;
use crate::supergraph::Access;
use crate::supergraph::access::OF_IMPLEMENTATIONS;

impl Merger<'_> {
    /// The directives that ask for all of it.
    pub(super) fn guards(&mut self, what: &str, applied: &[(usize, Known, &Node<Directive>)]) -> Vec<Node<Directive>> {
        let mut all = Access::default();
        for (index, known, directive) in applied {
            if access::join(&mut all, &access::asked(*known, directive)).is_err() {
                let message =
                    format!("What {what} asks for has more than a thousand alternatives when it is put together.");
                let mut error = Diagnostic::error("AUTH_REQUIREMENTS_TOO_COMPLEX", message)
                    .help("Ask for a scope or a policy that stands for several of them.");
                error = error.at(self.subgraphs[*index].at(directive), "");
                self.out.push(error);
                return Vec::new();
            }
        }
        self.written(&all)
    }

    fn written(&mut self, all: &Access) -> Vec<Node<Directive>> {
        let written = access::written(all).map(|(name, argument)| {
            self.used.insert(name);
            directive(name, argument.into_iter().collect())
        });
        written.collect()
    }

    /// Gives interfaces and their fields what their implementations ask for.
    pub(super) fn guard_interfaces(&mut self, document: &mut Schema) {
        if ["authenticated", "requiresScopes", "policy"].iter().all(|name| !self.used.contains(name)) {
            return;
        }
        // Interface → what it asks for, and each of its fields.
        let mut asked: IndexMap<Name, (Access, IndexMap<Name, Access>)> = IndexMap::default();
        let mut strengthened = Vec::new();
        for (name, ty) in &document.types {
            let ExtendedType::Object(object) = ty else { continue };
            let of_type = asked_by(object.directives.iter().map(|d| &d.node));
            let of_fields: Vec<(&Name, Access)> = object
                .fields
                .iter()
                .map(|(field, definition)| (field, asked_by(definition.directives.iter())))
                .filter(|(_, access)| !access.is_open())
                .collect();
            if of_type.is_open() && of_fields.is_empty() {
                continue;
            }
            for interface in &object.implements_interfaces {
                let (all, all_fields) = asked.entry(interface.name.clone()).or_default();
                let mut more = access::join_or_strengthen(all, &of_type);
                for (field, of_field) in &of_fields {
                    let all = all_fields.entry((*field).clone()).or_default();
                    more |= access::join_or_strengthen(all, of_field);
                }
                if more {
                    strengthened.push((interface.name.clone(), name.clone()));
                }
            }
        }
        if !asked.is_empty() {
            let link = directive("link", vec![("url", string(OF_IMPLEMENTATIONS))]);
            document.schema_definition.make_mut().directives.0.push(component(link));
        }
        for (interface, (of_type, of_fields)) in asked {
            let Some(ExtendedType::Interface(interface)) = document.types.get_mut(&interface) else { continue };
            let interface = interface.make_mut();
            interface.directives.0.extend(self.written(&of_type).into_iter().map(component));
            for (field, access) in of_fields {
                if let Some(field) = interface.fields.get_mut(&field) {
                    let written = self.written(&access);
                    field.make_mut().directives.0.extend(written);
                }
            }
        }
        strengthened.dedup_by(|a, b| a.0 == b.0);
        for (interface, object) in strengthened {
            let message = format!(
                "The implementations of `{interface}` ask for more than a thousand alternatives together, so through the interface all of what they name is asked for."
            );
            let at = self.types.get(&object).and_then(|sources| sources.first());
            let at = at.and_then(|(index, ty)| self.subgraphs[*index].at_name(ty.name()));
            self.out.push(Diagnostic::hint("AUTH_REQUIREMENTS_STRENGTHENED", message).at(at, ""));
        }
    }
}

/// What directives of the document ask for.
pub(crate) fn asked_by<'d>(directives: impl Iterator<Item = &'d Node<Directive>>) -> Access {
    let mut all = Access::default();
    for directive in directives {
        let known = match directive.name.as_str() {
            "authenticated" => Known::Authenticated,
            "requiresScopes" => Known::RequiresScopes,
            "policy" => Known::Policy,
            _ => continue,
        };
        // There is one of each kind, so nothing multiplies.
        access::join_or_strengthen(&mut all, &access::asked(known, directive));
    }
    all
}
