//! `@lookup`, `@internal`, `@is` and `@require`: on the elements that they have a meaning on.
//!
//! What their arguments say is the business of `connect`.

use crate::compose::directives::Known;
use crate::compose::subgraph::{Subgraph, fields_of};
use crate::diagnostic::Diagnostic;
use crate::supergraph::SubgraphKind;

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    if subgraph.kind != SubgraphKind::Http {
        return;
    }
    for (name, ty) in subgraph.schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
        for (field_name, field) in fields_of(ty).into_iter().flatten() {
            let coordinate = format!("{name}.{field_name}");
            let lookup = subgraph.first(&field.directives, Known::Lookup);
            if let Some(lookup) = lookup {
                let returned = field.ty.inner_named_type();
                let problem = if name != "Query" {
                    Some((format!("`{coordinate}` has `@lookup`, and is no field of `Query`."), "Move it to `Query`."))
                } else if subgraph.facts.keys_of(returned).next().is_none() {
                    let message = format!("`{coordinate}` is a lookup of `{returned}`, which has no `@key`.");
                    Some((message, "Give the type the key by which the lookup finds it."))
                } else {
                    None
                };
                if let Some((message, help)) = problem {
                    let error = Diagnostic::error("INVALID_LOOKUP", message);
                    out.push(error.at(subgraph.at(lookup), "").help(help));
                }
            }
            if let (Some(internal), None) = (subgraph.first(&field.directives, Known::Internal), lookup) {
                out.push(
                    Diagnostic::error(
                        "INTERNAL_WITHOUT_LOOKUP",
                        format!("`{coordinate}` is `@internal`, and no `@lookup`."),
                    )
                    .at(subgraph.at(internal), "")
                    .help("Nobody could ask for it: add `@lookup`, or remove `@internal`."),
                );
            }
            for argument in &field.arguments {
                if let (Some(is), None) = (subgraph.first(&argument.directives, Known::Is), lookup) {
                    let message =
                        format!("`{coordinate}({}:)` has `@is`, and its field is no `@lookup`.", argument.name);
                    out.push(Diagnostic::error("IS_WITHOUT_LOOKUP", message).at(subgraph.at(is), ""));
                }
                if let Some(require) = subgraph.first(&argument.directives, Known::Require)
                    && (["Query", "Mutation"].contains(&name.as_str())
                        || !subgraph.has(&field.directives, Known::Connect))
                {
                    let message = format!(
                        "`{coordinate}({}:)` has `@require`, and its field is no connected field of an entity.",
                        argument.name
                    );
                    out.push(
                        Diagnostic::error("INVALID_REQUIRE", message)
                            .at(subgraph.at(require), "")
                            .help("Use it on arguments of fields with `@connect`, of types with a `@key`."),
                    );
                }
            }
        }
    }
}
