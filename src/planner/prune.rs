//! Takes out of a draft what turned out to be asked for in vain.

use super::draft::{CtxId, Draft, Origin, PosId};

/// Objects that were first taken from one context, of which everything is then read in another one, are not asked for in the
/// first: the other one decides what objects there are.
pub(super) fn idle_bases(draft: &mut Draft<'_>) {
    // From the leaves upwards, so that a parent that only led to such objects is seen to be idle as well.
    for pos in (0..draft.positions.len() as u32).rev().map(PosId) {
        let Some(base) = draft.pos(pos).base else { continue };
        let Origin::Nested(parent) = draft.ctx(base).origin else { continue };
        if draft.is_http(draft.job(draft.ctx(base).job).subgraph) || !is_idle(draft, pos, base) {
            continue;
        }
        let Some(other) = replacement(draft, pos, base) else { continue };
        for need in draft.needs_of(pos, draft.graph.typename, &[]) {
            let types = draft.need(need).types.clone();
            draft.needs[need.index()].sources.clear();
            draft.take_leaf(other, need, &types);
        }
        if let (Some(sub), Some(above)) = (draft.ctx(base).sel, draft.ctx(parent).sel) {
            draft.sels[above.index()].entries.retain(|entry| entry.sub != Some(sub));
        }
        draft.contexts[base.index()].sel = None;
        draft.positions[pos.index()].base = Some(other);
    }
}

/// Fetches of which nothing is read any more are not made.
pub(super) fn idle_jobs(draft: &mut Draft<'_>) {
    for job in 0..draft.jobs.len() {
        let ctx = draft.jobs[job].ctx;
        if draft.ctx(ctx).sel.is_some_and(|sel| draft.sel(sel).entries.is_empty()) {
            draft.contexts[ctx.index()].sel = None;
        }
    }
}

/// Nothing but perhaps the concrete type is read there.
fn is_idle(draft: &Draft<'_>, pos: PosId, base: CtxId) -> bool {
    let Some(sel) = draft.ctx(base).sel else { return false };
    let only_typename = draft.sel(sel).entries.iter().all(|entry| entry.field == draft.graph.typename);
    // Entities that are linked to it may have waited for nothing else.
    let has_links = draft.pos(pos).contexts.iter().any(|ctx| draft.ctx(*ctx).origin == Origin::Jump);
    only_typename && !has_links
}

fn replacement(draft: &Draft<'_>, pos: PosId, base: CtxId) -> Option<CtxId> {
    let position = draft.pos(pos);
    let needs_type = !draft.needs_of(pos, draft.graph.typename, &[]).is_empty();
    let suits = |ctx: &CtxId| {
        *ctx != base
            && draft.ctx(*ctx).sel.is_some()
            && (!needs_type || draft.is_trusted(*ctx))
            && position.types.iter().all(|object| draft.concrete(*ctx, *object).is_some())
    };
    position.contexts.iter().copied().filter(suits).min_by_key(|ctx| (draft.step(*ctx), *ctx))
}
