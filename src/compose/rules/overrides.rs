//! `@override` where it can have no meaning, by the fragment alone.

use crate::compose::directives::Known;
use crate::compose::subgraph::{Subgraph, fields_of};
use crate::diagnostic::Diagnostic;

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    for (name, ty) in subgraph.schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
        for (field_name, field) in fields_of(ty).into_iter().flatten() {
            let Some(applied) = subgraph.first(&field.directives, Known::Override) else { continue };
            let at = subgraph.at(applied);
            if applied.specified_argument_by_name("label").is_some_and(|v| !v.is_null()) {
                out.push(
                    Diagnostic::error("UNSUPPORTED_FEATURE", "`@override` with a `label` is not supported yet.")
                        .at(at.clone(), "")
                        .help("Without the label the field moves at once, for all requests."),
                );
            }
            if ty.is_interface() {
                let message = format!("`{name}.{field_name}` is a field of an interface, and cannot override another.");
                out.push(Diagnostic::error("OVERRIDE_ON_INTERFACE", message).at(at.clone(), ""));
            }
            if subgraph.has(ty.directives(), Known::InterfaceObject) {
                let message = format!(
                    "`{name}.{field_name}` is a field of an `@interfaceObject`, and cannot override another yet."
                );
                out.push(
                    Diagnostic::error("OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE", message)
                        .at(at.clone(), "")
                        .help("Remove the field from the other fragment's types, and the `@override` here."),
                );
            }
            if subgraph.has(&field.directives, Known::External) {
                let message = format!("`{name}.{field_name}` is `@external` here, and cannot override another.");
                out.push(
                    Diagnostic::error("OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE", message)
                        .at(at, "")
                        .help("Remove `@external`: the field is resolved here from now on."),
                );
            }
        }
    }
}
