//! `@shareable`: on what objects resolve; an interface resolves nothing.

use apollo_compiler::Node;
use apollo_compiler::schema::{Component, Directive, ExtendedType};

use crate::compose::directives::Known;
use crate::compose::subgraph::Subgraph;
use crate::diagnostic::Diagnostic;

const CODE: &str = "INVALID_SHAREABLE_USAGE";

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    for (name, ty) in &subgraph.schema.types {
        if let ExtendedType::Object(object) = ty {
            let is_it = |d: &&Component<Directive>| {
                subgraph.names.get(&d.name).is_some_and(|(known, _)| known == Known::Shareable)
            };
            let all: Vec<_> = object.directives.iter().filter(is_it).collect();
            // `extend type` has its own.
            let again = all.iter().enumerate().find(|(i, d)| all[..*i].iter().any(|other| other.origin == d.origin));
            if let Some((_, again)) = again {
                twice(subgraph, &format!("`{name}`"), again, out);
            }
            for (field_name, field) in &object.fields {
                // A type that was upgraded has it by another name besides.
                if let Some(again) =
                    subgraph.all(&field.directives, Known::Shareable).filter(|d| d.location().is_some()).nth(1)
                {
                    twice(subgraph, &format!("`{name}.{field_name}`"), again, out);
                }
            }
        }
        let ExtendedType::Interface(interface) = ty else { continue };
        for (field_name, field) in &interface.fields {
            let Some(applied) = subgraph.first(&field.directives, Known::Shareable) else { continue };
            let message = format!("`{name}.{field_name}` is a field of an interface, and `@shareable`.");
            out.push(
                Diagnostic::error(CODE, message)
                    .at(subgraph.at(applied), "")
                    .help("Mark the fields of the implementations instead."),
            );
        }
    }
}

fn twice(subgraph: &Subgraph, what: &str, applied: &Node<Directive>, out: &mut Vec<Diagnostic>) {
    let message = format!("{what} is `@shareable` twice.");
    out.push(Diagnostic::error(CODE, message).at(subgraph.at(applied), "").help("Once says it all."));
}
