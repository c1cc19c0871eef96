//! `@key`: fields that the fragment has, of types that have one identity.

use apollo_compiler::schema::ExtendedType;

use super::field_sets::{self, Codes, describe, inside};
use crate::compose::subgraph::Subgraph;
use crate::diagnostic::Diagnostic;

const CODES: Codes = Codes {
    directive: "key",
    not_a_string: "KEY_INVALID_FIELDS_TYPE",
    invalid: "KEY_INVALID_FIELDS",
    with_directive: "KEY_DIRECTIVE_IN_FIELDS_ARG",
};

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    for key in &subgraph.facts.keys {
        field_sets::check(subgraph, key, &CODES, out, &mut |step, out| {
            let coordinate = format!("`{}.{}`", step.parent, step.field.name);
            if !step.definition.arguments.is_empty() {
                let message = format!("{} selects {coordinate}, which has arguments.", describe(key, "key"));
                out.push(Diagnostic::error("KEY_FIELDS_HAS_ARGS", message).at(inside(subgraph, key, step.offset), ""));
            }
            let kind = match subgraph.schema.types.get(step.definition.ty.inner_named_type()) {
                Some(ExtendedType::Interface(_)) => "an interface",
                Some(ExtendedType::Union(_)) => "a union",
                _ => return,
            };
            let message = format!("{} selects {coordinate}, which is {kind}.", describe(key, "key"));
            out.push(
                Diagnostic::error("KEY_FIELDS_SELECT_INVALID_TYPE", message)
                    .at(inside(subgraph, key, step.offset), "")
                    .help("Use fields of scalar, enum or object types in keys."),
            );
        });
    }
}
