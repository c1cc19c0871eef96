//! `@external`: only on what a key, `@requires`, `@provides` or an interface needs, and never on an interface's own fields.

use apollo_compiler::Node;
use apollo_compiler::ast::FieldDefinition;
use apollo_compiler::schema::ExtendedType;

use crate::compose::directives::Known;
use crate::compose::links::Dialect;
use crate::compose::subgraph::{Subgraph, fields_of};
use crate::diagnostic::Diagnostic;

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    let facts = &subgraph.facts;
    for (name, ty) in subgraph.schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
        for (field_name, field) in fields_of(ty).into_iter().flatten() {
            let Some(applied) = subgraph.first(&field.directives, Known::External) else { continue };
            if ty.is_interface() {
                let message = format!("`{name}.{field_name}` is a field of an interface, and `@external`.");
                out.push(
                    Diagnostic::error("EXTERNAL_ON_INTERFACE", message)
                        .at(subgraph.at(applied), "")
                        .help("Mark the fields of the implementations instead."),
                );
                continue;
            }
            let coordinate = (name.clone(), field_name.clone());
            // A key of an extension is known here, whatever it is marked.
            if !facts.fake_external.contains(&coordinate) {
                merged_on_external(subgraph, &format!("{name}.{field_name}"), field, out);
            }
            for (known, canonical) in [(Known::Requires, "requires"), (Known::Provides, "provides")] {
                if let Some(other) = subgraph.first(&field.directives, known) {
                    let message = format!("`{name}.{field_name}` is `@external` here, and has `@{canonical}`.");
                    out.push(
                        Diagnostic::error("EXTERNAL_COLLISION_WITH_ANOTHER_DIRECTIVE", message)
                            .at(subgraph.at(other), "")
                            .help("Remove one of the two: a field that another fragment resolves needs nothing here."),
                    );
                }
            }
            let selected =
                [&facts.key_fields, &facts.provided, &facts.required].iter().any(|set| set.contains(&coordinate));
            if selected || is_asked_by_interface(subgraph, ty, field_name) {
                continue;
            }
            // An upgrade takes unused external fields away, unless a type has nothing else.
            let old = subgraph.names.dialect == Dialect::Federation1;
            let code = if old { "TYPE_WITH_ONLY_UNUSED_EXTERNAL" } else { "EXTERNAL_UNUSED" };
            let message = format!("`{name}.{field_name}` is `@external`, and nothing in this fragment uses it.");
            out.push(
                Diagnostic::error(code, message)
                    .at(subgraph.at(applied), "")
                    .help("Remove the field, or name it in a `@key`, `@requires` or `@provides`."),
            );
        }
    }
}

/// What the graph says of a field is said by whoever resolves it.
fn merged_on_external(subgraph: &Subgraph, coordinate: &str, field: &Node<FieldDefinition>, out: &mut Vec<Diagnostic>) {
    for applied in field.directives.iter() {
        use Known::{Authenticated, Cost, Inaccessible, ListSize, Policy, RequiresScopes, Tag};
        let Some((known, canonical)) = subgraph.names.get(&applied.name) else { continue };
        if matches!(known, Authenticated | Cost | Inaccessible | ListSize | Policy | RequiresScopes | Tag) {
            let message = format!("`{coordinate}` is `@external` here, and has `@{canonical}`.");
            out.push(
                Diagnostic::error("MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL", message)
                    .at(subgraph.at(applied), "")
                    .help("Put it on the field in the fragment that resolves it."),
            );
        }
    }
}

fn is_asked_by_interface(subgraph: &Subgraph, ty: &ExtendedType, field: &str) -> bool {
    let interfaces = ty.as_object().map(|t| &t.implements_interfaces);
    interfaces.into_iter().flatten().any(|i| subgraph.fields(i).is_some_and(|fields| fields.contains_key(field)))
}
