//! `@shareable`: on what objects resolve; an interface resolves nothing.

use apollo_compiler::schema::ExtendedType;

use crate::compose::directives::Known;
use crate::compose::subgraph::Subgraph;
use crate::diagnostic::Diagnostic;

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    for (name, ty) in &subgraph.schema.types {
        let ExtendedType::Interface(interface) = ty else { continue };
        for (field_name, field) in &interface.fields {
            let Some(applied) = subgraph.first(&field.directives, Known::Shareable) else { continue };
            let message = format!("`{name}.{field_name}` is a field of an interface, and `@shareable`.");
            out.push(
                Diagnostic::error("INVALID_SHAREABLE_USAGE", message)
                    .at(subgraph.at(applied), "")
                    .help("Mark the fields of the implementations instead."),
            );
        }
    }
}
