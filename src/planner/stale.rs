//! How old an earlier answer may be that stands in for a failed one: `@fallback(stale:)`.
//!
//! In: what a fetch selects. Out: the bound of each field of the objects that it answers, and the longest of them.
//! Fields further down have none: they fail by themselves only where a service says so, and then nobody knows whether an
//! earlier answer speaks of the same object.

use apollo_compiler::Name;

use super::draft::{CtxId, Draft, Entry, JobId, JobKind, Origin, SelId};
use super::policy;
use crate::supergraph::SubgraphId;

/// Whether a selection is that of the objects themselves which a fetch answers.
pub(super) fn is_top(draft: &Draft<'_>, sel: SelId) -> bool {
    let ctx = draft.ctx(draft.sel(sel).ctx);
    ctx.sel == Some(sel) && matches!(ctx.origin, Origin::Root | Origin::Jump)
}

/// The longest bound of a selected field, over the concrete types that it is selected on.
pub(super) fn of_entry(draft: &Draft<'_>, ctx: CtxId, entry: &Entry) -> Option<u64> {
    let subgraph = draft.job(draft.ctx(ctx).job).subgraph;
    let nodes = entry.types.iter().filter_map(|object| draft.concrete(ctx, *object));
    let types = nodes.map(|node| draft.graph.name(draft.graph.node(node).type_name));
    types.filter_map(|type_name| of_field(draft, subgraph, type_name, draft.graph.name(entry.field))).max()
}

fn of_field(draft: &Draft<'_>, subgraph: SubgraphId, type_name: &Name, field: &Name) -> Option<u64> {
    policy::field_facts(draft.supergraph, subgraph, type_name, field)?.policy.fallback.as_ref()?.stale_ms
}

/// The longest bound of all that some jobs select together; `None` where a part of it is one user's alone.
pub(super) fn of_jobs(draft: &Draft<'_>, jobs: &[JobId]) -> Option<u64> {
    let mut longest = None;
    for id in jobs {
        let job = draft.job(*id);
        let sel = draft.ctx(job.ctx).sel?;
        if policy::is_private(draft, sel, job.is_of_entities().then_some(&job.types[..])) {
            return None;
        }
        let selected = draft.sel(sel).entries.iter().map(|entry| of_entry(draft, job.ctx, entry));
        longest = selected.chain([of_whole_answer(draft, *id)]).max().flatten().max(longest);
    }
    longest
}

/// A connector's entity is kept as the service answered it, for every selection: it is kept as long as any field of it asks,
/// so that one selection does not cut short what another needs.
fn of_whole_answer(draft: &Draft<'_>, id: JobId) -> Option<u64> {
    let job = draft.job(id);
    if !matches!(job.kind, JobKind::ConnectLookup { .. }) {
        return None;
    }
    let types = &draft.supergraph.subgraph(job.subgraph).types;
    let facts = job.types.iter().filter_map(|object| types.get(draft.graph.name(*object)));
    facts.flat_map(|facts| facts.fields.values()).filter_map(|field| field.policy.fallback.as_ref()?.stale_ms).max()
}
