//! What the response tells of failures: `errors` and `extensions.fallbacks`.
//!
//! In: failures and the client's paths at which they were met. Out: JSON. Of one load the first hundred positions are told, and
//! how many there were. Deliberately absent: what a failure does to the data.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::StoodIn;
use super::errors::{self, Code, Failure, FailureId, LoadId, Step, TOLD_MAX};
use super::json;
use super::positions::View;
use crate::planner::plan::{ObjectProjection, PositionId, ProjectionField, ProjectionValue};
use crate::supergraph::policy::FallbackReport;

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment<'p> {
    /// A response key.
    Key(&'p str),
    /// A list's index.
    Index(u32),
}

/// The steps of a place, as those of a path.
pub(crate) fn steps(steps: &[Step]) -> impl Iterator<Item = Segment<'_>> {
    steps.iter().map(|step| match step {
        Step::Key(key) => Segment::Key(key),
        Step::Index(index) => Segment::Index(*index),
    })
}

/// What is told so far.
#[derive(Debug)]
pub(crate) struct Told {
    errors: List,
    fallbacks: List,
    /// By failure: whether it was told at any place.
    seen: Vec<bool>,
    /// How many of those that must be told were not yet.
    owed: usize,
    /// Nothing else is told.
    is_quiet: bool,
    /// By load.
    stood_in: BTreeMap<u32, StoodIn>,
}

/// What stands in for a failed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Substitute {
    /// What the fragment declares.
    Value,
    /// An earlier answer.
    Stale,
}

impl Substitute {
    fn as_str(self) -> &'static str {
        match self {
            Self::Value => "VALUE",
            Self::Stale => "STALE",
        }
    }
}

/// Whether a failure is told once at least: a service's own error is, a failed load of which nothing was asked is not.
fn is_owed(failure: &Failure) -> bool {
    failure.code == Code::Downstream && !matches!(failure.told, errors::Told::AsReason)
}

/// One of the two lists.
#[derive(Debug, Default)]
struct List {
    /// Its elements, with commas between them.
    text: Vec<u8>,
    /// Positions by load; `None` stands for the gateway's own findings.
    counts: BTreeMap<Option<u32>, Count>,
}

#[derive(Debug)]
struct Count {
    positions: u32,
    code: Option<Code>,
}

impl List {
    /// Counts a position; whether it is to be told.
    fn count(&mut self, load: Option<LoadId>, code: Option<Code>) -> bool {
        let count = self.counts.entry(load.map(|load| load.0)).or_insert(Count { positions: 0, code });
        count.positions = count.positions.saturating_add(1);
        count.positions <= TOLD_MAX
    }

    fn start(&mut self) {
        if !self.text.is_empty() {
            self.text.push(b',');
        }
    }
}

impl Told {
    pub(crate) fn new(view: View<'_>) -> Told {
        let (mut seen, mut owed) = (Vec::new(), 0);
        for (_, failure) in view.arena.failures.iter() {
            seen.push(false);
            owed += usize::from(is_owed(failure));
        }
        let (errors, fallbacks, stood_in) = Default::default();
        Told { errors, fallbacks, seen, owed, is_quiet: false, stood_in }
    }

    /// Whether some service's error was not told yet.
    pub(crate) fn is_owed(&self) -> bool {
        self.owed > 0
    }

    /// Whether a failure would be told now.
    pub(crate) fn is_telling(&self, view: View<'_>, id: FailureId) -> bool {
        !self.is_quiet || (is_owed(view.arena.failures.get(id)) && !self.seen[id.0 as usize])
    }

    /// From now on, only services' errors that were not told yet are; or everything again. What it was before.
    pub(crate) fn set_quiet(&mut self, is_quiet: bool) -> bool {
        std::mem::replace(&mut self.is_quiet, is_quiet)
    }

    /// Tells a failure at a path; `fallback` says what stands in.
    pub(crate) fn failure(
        &mut self,
        view: View<'_>,
        id: FailureId,
        path: &[Segment<'_>],
        fallback: Option<Substitute>,
        report: FallbackReport,
    ) {
        let failure = view.arena.failures.get(id);
        let was_seen = std::mem::replace(&mut self.seen[id.0 as usize], true);
        self.owed -= usize::from(is_owed(failure) && !was_seen);
        // Nothing stands in below what is null.
        let fallback = fallback.filter(|_| !self.is_quiet);
        if let Some(substitute) = fallback {
            let stood_in = self.stood_in.entry(failure.load.0).or_default();
            match substitute {
                Substitute::Value => stood_in.values += 1,
                Substitute::Stale => stood_in.stale += 1,
            }
        }
        let list = match report {
            FallbackReport::Errors => &mut self.errors,
            FallbackReport::Extensions => &mut self.fallbacks,
        };
        if list.count(Some(failure.load), Some(failure.code)) {
            list.start();
            write_failure(view, failure, path, fallback, &mut list.text);
        }
    }

    /// Tells what the gateway itself found; in what a service answered, if it is known which.
    pub(crate) fn own(&mut self, message: &str, code: Option<Code>, service: Option<&str>, path: &[Segment<'_>]) {
        if !self.is_quiet && self.errors.count(None, None) {
            self.errors.start();
            write_own(message, code, service, path, &mut self.errors.text);
        }
    }

    /// Tells what no place was found for, and how much was left out; writes `,"errors":…,"extensions":…` as needed. Returns
    /// how often something stood in, by service.
    pub(crate) fn finish(mut self, view: View<'_>, out: &mut Vec<u8>) -> Vec<(Arc<str>, StoodIn)> {
        let failures = &view.arena.failures;
        for (id, failure) in failures.iter() {
            if is_owed(failure) && !self.seen[id.0 as usize] {
                let path = match failures.place(id) {
                    Some(place) if place.position == view.plan.projection.position => steps(&place.path).collect(),
                    _ => path_of(view, failures.get_load(failure.load).position),
                };
                self.failure(view, id, &path, None, FallbackReport::Errors);
            }
        }
        summarize(&mut self.errors, view);
        summarize(&mut self.fallbacks, view);
        if !self.errors.text.is_empty() {
            out.extend_from_slice(b",\"errors\":[");
            out.extend_from_slice(&self.errors.text);
            out.push(b']');
        }
        if !self.fallbacks.text.is_empty() {
            out.extend_from_slice(b",\"extensions\":{\"fallbacks\":[");
            out.extend_from_slice(&self.fallbacks.text);
            out.extend_from_slice(b"]}");
        }
        let service = |load: u32| Arc::clone(&failures.get_load(LoadId(load)).service);
        self.stood_in.into_iter().map(|(load, stood_in)| (service(load), stood_in)).collect()
    }
}

fn summarize(list: &mut List, view: View<'_>) {
    let counts = std::mem::take(&mut list.counts);
    for (load, Count { positions, code }) in counts {
        if positions <= TOLD_MAX {
            continue;
        }
        list.start();
        let message = format!("{positions} fields failed, of which the first {TOLD_MAX} are listed");
        match load {
            None => write_own(&message, code, None, &[], &mut list.text),
            Some(load) => {
                let load = view.arena.failures.get_load(LoadId(load));
                list.text.extend_from_slice(b"{\"message\":");
                json::write_string(&format!("{}: {message}", load.service), &mut list.text);
                list.text.extend_from_slice(b",\"extensions\":{\"code\":\"");
                list.text.extend_from_slice(code.unwrap_or(Code::Downstream).as_str().as_bytes());
                list.text.extend_from_slice(b"\",\"service\":");
                json::write_string(&load.service, &mut list.text);
                list.text.extend_from_slice(b"}}");
            }
        }
    }
}

fn write_failure(
    view: View<'_>,
    failure: &Failure,
    path: &[Segment<'_>],
    fallback: Option<Substitute>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"message\":");
    out.extend_from_slice(&failure.message);
    write_path(path, out);
    out.extend_from_slice(b",\"extensions\":{\"code\":\"");
    out.extend_from_slice(failure.code.as_str().as_bytes());
    out.push(b'"');
    // It was never asked.
    if failure.code != Code::BadInput {
        out.extend_from_slice(b",\"service\":");
        json::write_string(&view.arena.failures.get_load(failure.load).service, out);
    }
    if let Some(downstream) = &failure.downstream {
        out.extend_from_slice(b",\"downstream\":");
        out.extend_from_slice(downstream);
    }
    if let Some(fallback) = fallback {
        out.extend_from_slice(b",\"fallback\":\"");
        out.extend_from_slice(fallback.as_str().as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b"}}");
}

fn write_own(message: &str, code: Option<Code>, service: Option<&str>, path: &[Segment<'_>], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"message\":");
    json::write_string(message, out);
    write_path(path, out);
    if let Some(code) = code {
        out.extend_from_slice(b",\"extensions\":{\"code\":\"");
        out.extend_from_slice(code.as_str().as_bytes());
        out.push(b'"');
        if let Some(service) = service {
            out.extend_from_slice(b",\"service\":");
            json::write_string(service, out);
        }
        out.push(b'}');
    }
    out.push(b'}');
}

fn write_path(path: &[Segment<'_>], out: &mut Vec<u8>) {
    if path.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"path\":[");
    for (index, segment) in path.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match segment {
            Segment::Key(key) => {
                out.push(b'"');
                out.extend_from_slice(key.as_bytes());
                out.push(b'"');
            }
            Segment::Index(index) => out.extend_from_slice(index.to_string().as_bytes()),
        }
    }
    out.push(b']');
}

/// The client's path to a position, up to its first list: as near as one can say without knowing which object it was.
fn path_of(view: View<'_>, position: PositionId) -> Vec<Segment<'_>> {
    let mut way = Vec::new();
    let mut next = Some(position);
    while let Some(id) = next {
        way.push(id);
        next = view.position(id).parent;
    }
    let mut path = Vec::new();
    let mut object = &view.plan.projection;
    for id in way.iter().rev().skip(1) {
        let Some((field, inner)) = child(object, *id) else { break };
        path.push(Segment::Key(&field.response_key));
        if view.position(*id).list_depth > 0 {
            break;
        }
        object = inner;
    }
    path
}

fn child(object: &ObjectProjection, position: PositionId) -> Option<(&ProjectionField, &ObjectProjection)> {
    object.branches.iter().flat_map(|branch| &branch.fields).find_map(|field| match &field.value {
        ProjectionValue::Object { object, .. } if object.position == position => Some((field, &**object)),
        _ => None,
    })
}
