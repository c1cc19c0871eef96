//! Jobs → calls: what depends on what, and what travels together.
//!
//! Entity fetches to the same subgraph of which none needs the other become one call, even if one of them could have left
//! earlier: a call saved is worth more than a step (see [`super::cost`]); so do what is asked of the query root below
//! objects, unless a null there would take the others' answers away. So do lookups through the same connector that
//! take many keys. A connector that is called once per key saves only the keys that two places have in common: those places
//! travel together where nothing waits for it. In a mutation, a root field comes after everything that hangs below the
//! one before it.

use super::assemble::is_batch;
use super::cost;
use super::draft::{CtxId, Draft, Entry, Job, JobId, JobKind};
use super::graph::ResolverMode;
use super::parts;

/// Jobs that travel together, and the calls that must come before.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) jobs: Vec<JobId>,
    /// Indices of groups, all of them smaller than that of this one.
    pub(super) after: Vec<usize>,
    /// From 1.
    pub(super) level: u32,
}

/// Groups in an order in which each comes after all that it needs.
pub(super) fn groups(draft: &Draft<'_>) -> Vec<Group> {
    let used: Vec<JobId> =
        (0..draft.jobs.len() as u32).map(JobId).filter(|job| draft.ctx(draft.job(*job).ctx).sel.is_some()).collect();
    let needed: Vec<Vec<JobId>> = used.iter().map(|job| needs(draft, *job, &used)).collect();
    let mut groups: Vec<Vec<usize>> = (0..used.len()).map(|index| vec![index]).collect();
    let index_of = |job: &JobId| used.binary_search(job).ok();
    let after: Vec<Vec<usize>> = needed.iter().map(|jobs| jobs.iter().filter_map(index_of).collect()).collect();
    merge(draft, &used, &after, &mut groups);
    order(&used, &after, groups)
}

/// The jobs whose answers a job is made from.
fn needs(draft: &Draft<'_>, id: JobId, used: &[JobId]) -> Vec<JobId> {
    let job = draft.job(id);
    let mut sources: Vec<CtxId> = Vec::new();
    if !matches!(job.kind, JobKind::Root | JobKind::ConnectRoot { .. }) {
        sources.extend(draft.pos(job.pos).base);
    }
    let position = draft.pos(job.pos);
    let mut must_know_type = job.types.len() < position.types.len();
    match &job.kind {
        JobKind::Root | JobKind::ConnectRoot { .. } | JobKind::ConnectField { .. } => {}
        JobKind::Entities { key, mode } => {
            draft.sources_of(job.pos, &job.types, key, &mut sources);
            must_know_type |= matches!(mode, ResolverMode::Concrete | ResolverMode::Root);
            must_know_type &= !matches!(mode, ResolverMode::Interface(_));
        }
        JobKind::ConnectLookup { key, .. } => draft.sources_of(job.pos, &job.types, key, &mut sources),
    }
    must_know_type |= parts::are_by_type(draft, id);
    for (_, types, fields) in &job.requires {
        draft.sources_of(job.pos, types, fields, &mut sources);
    }
    if must_know_type && !position.is_object {
        for need in draft.needs_of(job.pos, draft.graph.typename, &[]) {
            sources.extend(draft.need(need).sources.iter().map(|(ctx, _)| *ctx));
        }
    }
    let mut jobs: Vec<JobId> = sources.into_iter().map(|ctx| draft.ctx(ctx).job).collect();
    if job.ordinal > 1 && matches!(job.kind, JobKind::Root | JobKind::ConnectRoot { .. }) {
        jobs.extend(used.iter().copied().filter(|other| draft.job(*other).ordinal == job.ordinal - 1));
    }
    jobs.sort();
    jobs.dedup();
    jobs.retain(|other| *other != id);
    jobs
}

/// How jobs can travel together, if none needs another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Together {
    Never,
    /// Where they can leave at the same step.
    AtOneStep,
    /// Even if one has to wait for it.
    Always,
}

fn can_travel(draft: &Draft<'_>, a: JobId, b: JobId) -> Together {
    let (a, b) = (draft.job(a), draft.job(b));
    if a.subgraph != b.subgraph || a.timeout_ms != b.timeout_ms || takes_all(draft, a) || takes_all(draft, b) {
        return Together::Never;
    }
    match (&a.kind, &b.kind) {
        (JobKind::Entities { .. }, JobKind::Entities { .. }) => Together::Always,
        (JobKind::ConnectLookup { resolver, .. }, JobKind::ConnectLookup { .. }) if a.kind == b.kind => {
            match is_batch(draft, a.subgraph, *resolver) {
                true => Together::Always,
                false => Together::AtOneStep,
            }
        }
        (
            JobKind::ConnectField { connector, need },
            JobKind::ConnectField { connector: other_connector, need: other_need },
        ) => {
            let (need, other_need) = (draft.need(*need), draft.need(*other_need));
            match connector == other_connector && need.field == other_need.field && need.args == other_need.args {
                true => Together::AtOneStep,
                false => Together::Never,
            }
        }
        _ => Together::Never,
    }
}

/// Whether a null in it would leave nothing of the whole answer: a field of a query root that must not be null.
fn takes_all(draft: &Draft<'_>, job: &Job) -> bool {
    let entries = draft.ctx(job.ctx).sel.map(|sel| &draft.sel(sel).entries);
    let is_strict = |entry: &Entry| entry.ty.as_ref().is_some_and(|ty| ty.is_non_null());
    job.is_root_jump() && entries.into_iter().flatten().any(is_strict)
}

fn merge(draft: &Draft<'_>, used: &[JobId], after: &[Vec<usize>], groups: &mut Vec<Vec<usize>>) {
    let mut kept = cost::of(groups.len(), steps(after, groups), 0);
    let mut index = 0;
    while index < groups.len() {
        let mut other = index + 1;
        while other < groups.len() {
            let is_together = match can_travel(draft, used[groups[index][0]], used[groups[other][0]]) {
                Together::Never => false,
                Together::AtOneStep => levels(after, groups)[index] == levels(after, groups)[other],
                Together::Always => true,
            };
            if is_together && !is_before(after, groups, index, other) && !is_before(after, groups, other, index) {
                let mut merged = groups.clone();
                let moved = merged.remove(other);
                merged[index].extend(moved);
                let cost = cost::of(merged.len(), steps(after, &merged), 0);
                if cost < kept {
                    kept = cost;
                    *groups = merged;
                    continue;
                }
            }
            other += 1;
        }
        index += 1;
    }
}

/// Whether group `a` must come before group `b`.
fn is_before(after: &[Vec<usize>], groups: &[Vec<usize>], a: usize, b: usize) -> bool {
    let group_of = group_of(after.len(), groups);
    let mut seen = vec![false; groups.len()];
    let mut pending = vec![b];
    while let Some(group) = pending.pop() {
        for job in &groups[group] {
            for needed in after[*job].iter().map(|job| group_of[*job]) {
                if needed == a {
                    return true;
                }
                if !std::mem::replace(&mut seen[needed], true) {
                    pending.push(needed);
                }
            }
        }
    }
    false
}

fn group_of(jobs: usize, groups: &[Vec<usize>]) -> Vec<usize> {
    let mut group_of = vec![0; jobs];
    for (group, members) in groups.iter().enumerate() {
        for job in members {
            group_of[*job] = group;
        }
    }
    group_of
}

/// The level of each group, from 1. There is no circle: jobs only need jobs of earlier steps, and merging keeps that so.
fn levels(after: &[Vec<usize>], groups: &[Vec<usize>]) -> Vec<u32> {
    let group_of = group_of(after.len(), groups);
    let mut levels = vec![1; groups.len()];
    for _ in 0..groups.len() {
        let mut has_changed = false;
        for (group, members) in groups.iter().enumerate() {
            let needed = members.iter().flat_map(|job| &after[*job]).map(|job| group_of[*job]).filter(|g| *g != group);
            let level = needed.map(|needed| levels[needed] + 1).max().unwrap_or(1);
            if level > levels[group] {
                levels[group] = level;
                has_changed = true;
            }
        }
        if !has_changed {
            break;
        }
    }
    levels
}

fn steps(after: &[Vec<usize>], groups: &[Vec<usize>]) -> u32 {
    levels(after, groups).into_iter().max().unwrap_or(0)
}

fn order(used: &[JobId], after: &[Vec<usize>], groups: Vec<Vec<usize>>) -> Vec<Group> {
    let levels = levels(after, &groups);
    let group_of = group_of(after.len(), &groups);
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|group| (levels[*group], groups[*group][0]));
    let mut place = vec![0; groups.len()];
    for (index, group) in order.iter().enumerate() {
        place[*group] = index;
    }
    order
        .iter()
        .map(|group| {
            let needed = groups[*group].iter().flat_map(|job| &after[*job]).map(|job| group_of[*job]);
            let mut needed: Vec<usize> = needed.filter(|other| other != group).map(|other| place[other]).collect();
            needed.sort_unstable();
            needed.dedup();
            let jobs = groups[*group].iter().map(|job| used[*job]).collect();
            Group { jobs, after: needed, level: levels[*group] }
        })
        .collect()
}
