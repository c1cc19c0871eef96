//! `Subscription` composes, and is not served yet: its author should know before a client finds out.

use crate::compose::subgraph::Subgraph;
use crate::diagnostic::Diagnostic;
use crate::supergraph::SubgraphKind;

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    // An HTTP/JSON fragment cannot have one at all; that is another rule's business.
    if subgraph.kind == SubgraphKind::Http {
        return;
    }
    let Some((name, field)) = subgraph.fields("Subscription").and_then(|fields| fields.first()) else { return };
    let message = format!("`Subscription.{name}` is in the graph, but subscriptions are not served yet.");
    out.push(
        Diagnostic::hint("UNSUPPORTED_FEATURE", message)
            .at(subgraph.at_name(&field.name), "")
            .help("Every operation of kind `subscription` is refused; queries and mutations are not concerned."),
    );
}
