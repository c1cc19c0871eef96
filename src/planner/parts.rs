//! What a call asks for, one input after the other: the objects of a fetch, apart where different things are wanted of them.
//!
//! To its own service an interface object is one type: whatever is selected is asked of every object that is sent. A field
//! that only some concrete types want would be asked of the others in vain, and where it fails and must not be null,
//! the service leaves nothing of them. So those objects are an input of their own, in the same call.
//! In: the fetches of a call. Out: its inputs in order. Deliberately absent: how they are written.

use apollo_compiler::collections::IndexMap;

use super::draft::{Draft, Entry, JobId, JobKind, common};
use super::graph::{ResolverMode, Sym};

/// More parts are not made for the service's comfort: each repeats what they have in common.
const PARTS_MAX: usize = 8;

/// One input of a call.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) job: JobId,
    /// The concrete types that it is for; `None`: all of the fetch.
    pub(super) types: Option<Vec<Sym>>,
}

impl Part {
    /// Whether a selected field is wanted of its objects.
    pub(super) fn wants(&self, entry: &Entry) -> bool {
        self.types.as_ref().is_none_or(|types| !common(&entry.types, types).is_empty())
    }
}

/// The inputs of a call.
pub(super) fn of_call(draft: &Draft<'_>, jobs: &[JobId]) -> Vec<Part> {
    let of_job = |job: &JobId| {
        let job = *job;
        match by_type(draft, job) {
            None => vec![Part { job, types: None }],
            Some(classes) => classes.into_iter().map(|types| Part { job, types: Some(types) }).collect(),
        }
    };
    jobs.iter().flat_map(of_job).collect()
}

/// Whether the concrete types must be known to tell which objects are sent in which part.
pub(super) fn are_by_type(draft: &Draft<'_>, job: JobId) -> bool {
    by_type(draft, job).is_some()
}

/// The types of a fetch by what is wanted of them; without those of which nothing is. `None`: the same of all.
fn by_type(draft: &Draft<'_>, id: JobId) -> Option<Vec<Vec<Sym>>> {
    let job = draft.job(id);
    let is_interface_object = matches!(job.kind, JobKind::Entities { mode: ResolverMode::InterfaceObject(_), .. });
    let sel = draft.ctx(job.ctx).sel.filter(|_| is_interface_object)?;
    // The types must be known by then without waiting longer: what tells them may even need this fetch.
    let typenames = draft.needs_of(job.pos, draft.graph.typename, &[]);
    let mut sources = typenames.iter().flat_map(|need| &draft.need(*need).sources);
    let is_known = !typenames.is_empty() && sources.all(|(ctx, _)| draft.step(*ctx) < job.step);
    if draft.pos(job.pos).is_object || !is_known {
        return None;
    }
    let entries = &draft.sel(sel).entries;
    let by = |counts: &dyn Fn(&Entry) -> bool| -> IndexMap<Vec<bool>, Vec<Sym>> {
        let mut classes: IndexMap<Vec<bool>, Vec<Sym>> = IndexMap::default();
        for object in &job.types {
            let wanted = entries.iter().filter(|entry| counts(entry)).map(|entry| entry.types.contains(object));
            classes.entry(wanted.collect()).or_default().push(*object);
        }
        classes
    };
    let mut classes = by(&|_| true);
    if classes.len() > PARTS_MAX {
        // Only what takes the whole object away with it.
        classes = by(&|entry| entry.ty.as_ref().is_some_and(|ty| ty.is_non_null()));
    } else if classes.len() > 1 {
        classes.retain(|wanted, _| wanted.contains(&true));
    }
    let is_all = classes.len() == 1 && classes.values().all(|types| types.len() == job.types.len());
    (!classes.is_empty() && !is_all).then(|| classes.into_values().collect())
}
