//! A graph answers at least one query.

use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;

use crate::compose::subgraph::Subgraph;
use crate::diagnostic::Diagnostic;

pub(super) fn check(_: &[Subgraph], document: &Schema, out: &mut Vec<Diagnostic>) {
    let query = document.types.get("Query");
    // Fields that an author hides are another rule's business.
    if query.is_some_and(|query| !has_only_internal_lookups(query)) {
        return;
    }
    let error = Diagnostic::error("NO_QUERIES", "No fragment has a field of `Query` that clients can ask for.");
    let example = "`type Query { products: [Product!]! }`";
    out.push(match query {
        Some(_) => error.help(format!(
            "There are only internal lookups here: compose them together with the fragments that have the graph's queries, or add one: {example}."
        )),
        None => error.help(format!("Add one to a fragment: {example}.")),
    });
}

/// Whether all its fields are lookups for the gateway alone.
pub(super) fn has_only_internal_lookups(query: &ExtendedType) -> bool {
    let ExtendedType::Object(query) = query else { return true };
    query.fields.values().all(|field| {
        let mut travelling = field.directives.get_all("join__directive");
        travelling.any(|d| d.specified_argument_by_name("name").and_then(|v| v.as_str()) == Some("internal"))
    })
}
