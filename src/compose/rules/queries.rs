//! A graph answers at least one query.

use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;

use crate::compose::subgraph::Subgraph;
use crate::diagnostic::Diagnostic;

pub(super) fn check(_: &[Subgraph], document: &Schema, out: &mut Vec<Diagnostic>) {
    let empty = match document.types.get("Query") {
        // Internal lookups are for the gateway alone. Fields that an author hides are another rule's business.
        Some(ExtendedType::Object(query)) => query.fields.values().all(|field| {
            field
                .directives
                .get_all("join__directive")
                .any(|d| d.specified_argument_by_name("name").and_then(|v| v.as_str()) == Some("internal"))
        }),
        _ => true,
    };
    if empty {
        out.push(
            Diagnostic::error("NO_QUERIES", "No fragment has a field of `Query` that clients can ask for.")
                .help("Add one to a fragment: `type Query { products: [Product!]! }`."),
        );
    }
}
