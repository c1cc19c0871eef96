//! What `@source`, `@connect` and the joins of an HTTP/JSON fragment say: the rules of `connect`.

use crate::compose::subgraph::Subgraph;
use crate::connect;
use crate::diagnostic::{Diagnostic, Sources};
use crate::supergraph::SubgraphKind;

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    if subgraph.kind != SubgraphKind::Http {
        return;
    }
    let sources = Sources::of_file(subgraph.places.file, &subgraph.places.source);
    let fragment = connect::Fragment {
        schema: &subgraph.schema,
        sources: &sources,
        directive: &|name| subgraph.names.get(name).map(|(_, canonical)| canonical),
    };
    out.extend(connect::validate(&fragment));
}
