//! `@provides`: external fields of what a field returns, answered along with it.

use super::field_sets::{self, Codes, describe, inside, plain_leaves};
use crate::compose::subgraph::Subgraph;
use crate::diagnostic::Diagnostic;

const CODES: Codes = Codes {
    directive: "provides",
    not_a_string: "PROVIDES_INVALID_FIELDS_TYPE",
    invalid: "PROVIDES_INVALID_FIELDS",
    with_directive: "PROVIDES_DIRECTIVE_IN_FIELDS_ARG",
};

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    for provides in &subgraph.facts.provides {
        let what = describe(provides, "provides");
        if subgraph.schema.get_interface(&provides.type_name).is_some() {
            let error = Diagnostic::error(
                "PROVIDES_UNSUPPORTED_ON_INTERFACE",
                format!("{what}: an interface provides nothing."),
            );
            out.push(
                error.at(subgraph.at(&provides.directive), "").help("Put it on the field of each implementation."),
            );
            continue;
        }
        if provides.on.is_none() {
            let message = format!("{what}: the field returns no object, interface or union.");
            let error = Diagnostic::error("PROVIDES_ON_NON_OBJECT_FIELD", message);
            out.push(error.at(subgraph.at(&provides.directive), ""));
            continue;
        }
        field_sets::check(subgraph, provides, &CODES, out, &mut |step, out| {
            if !step.definition.arguments.is_empty() {
                let message = format!("{what} selects `{}.{}`, which has arguments.", step.parent, step.field.name);
                let error = Diagnostic::error("PROVIDES_FIELDS_HAS_ARGS", message);
                out.push(error.at(inside(subgraph, provides, step.offset), ""));
            }
        });
        for (type_name, field, offset) in plain_leaves(subgraph, provides) {
            let message = format!("{what} brings `{type_name}.{field}`, which is not `@external` here.");
            out.push(
                Diagnostic::error("PROVIDES_FIELDS_MISSING_EXTERNAL", message)
                    .at(inside(subgraph, provides, offset), "")
                    .help("Mark the field `@external`; one that this service always answers need not be provided."),
            );
        }
    }
}
