//! `@requires`: fields of the same entity that another fragment resolves.

use super::field_sets::{self, Codes, describe, inside, plain_leaves};
use crate::compose::subgraph::Subgraph;
use crate::diagnostic::Diagnostic;

const CODES: Codes = Codes {
    directive: "requires",
    not_a_string: "REQUIRES_INVALID_FIELDS_TYPE",
    invalid: "REQUIRES_INVALID_FIELDS",
    with_directive: "REQUIRES_DIRECTIVE_IN_FIELDS_ARG",
};

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    for requires in &subgraph.facts.requires {
        let what = describe(requires, "requires");
        if subgraph.schema.get_interface(&requires.type_name).is_some() {
            let error = Diagnostic::error(
                "REQUIRES_UNSUPPORTED_ON_INTERFACE",
                format!("{what}: an interface requires nothing."),
            );
            out.push(
                error.at(subgraph.at(&requires.directive), "").help("Put it on the field of each implementation."),
            );
            continue;
        }
        field_sets::check(subgraph, requires, &CODES, out, &mut |_, _| {});
        for (type_name, field, offset) in plain_leaves(subgraph, requires) {
            let message = format!("{what} asks for `{type_name}.{field}`, which is not `@external` here.");
            out.push(
                Diagnostic::error("REQUIRES_FIELDS_MISSING_EXTERNAL", message)
                    .at(inside(subgraph, requires, offset), "")
                    .help("Mark the field `@external`; one that this service knows itself need not be required."),
            );
        }
    }
}
