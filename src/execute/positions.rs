//! Which objects stand at a position, and their records.
//!
//! In: the plan, and what has been answered so far. Out: for each object a run of *records*, one per
//! [`RecordSource`] of its position: the first slot of the record, or why there is none (null, absent, failed). That reason
//! goes down with the records that would have hung below, so that a failure is told where it is missed.
//! Walks without recursion. Deliberately absent: what is written of an object.

use std::collections::HashSet;

use super::errors::FailureId;
use super::slots::{Arena, Earlier, Slot};
use crate::planner::Plan;
use crate::planner::plan::{Call, EntityInput, Position, PositionId, RecordId, RecordSource, SlotId, TypenameSource};
use crate::supergraph::SubgraphId;

/// A value and the slot that holds it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// The value.
    pub(crate) value: Slot,
    /// Its slot; [`NOWHERE`] where a missing record stands for it.
    pub(crate) at: u32,
    /// For a failure: what stood there before, if that is known.
    pub(crate) earlier: Option<Earlier>,
}

impl Found {
    /// A value that a missing record stands for.
    pub(crate) fn nowhere(value: Slot) -> Found {
        Found { value, at: NOWHERE, earlier: None }
    }
}

/// No slot.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// The answers so far.
#[derive(Clone, Copy)]
pub(crate) struct View<'v> {
    pub(crate) plan: &'v Plan,
    pub(crate) arena: &'v Arena,
    /// By fetch: what a root fetch answered.
    pub(crate) roots: &'v [Slot],
}

/// The objects of one position.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    records: Vec<Slot>,
    stride: usize,
}

impl Objects {
    /// The records of each object.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[Slot]> {
        self.records.chunks_exact(self.stride.max(1))
    }
}

/// The concrete type of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typename<'v> {
    /// It is known.
    Known(&'v [u8]),
    /// No service told it.
    Unknown,
    /// The service that would have told it failed.
    Failed(FailureId),
}

impl<'v> View<'v> {
    pub(crate) fn position(&self, id: PositionId) -> &'v Position {
        &self.plan.positions[id.0 as usize]
    }

    /// A value of an object, or why it is missing.
    pub(crate) fn value(&self, records: &[Slot], (record, slot): (RecordId, SlotId)) -> Found {
        match records[record.0 as usize] {
            Slot::Object(base) => self.at(base + slot.0),
            missing => Found::nowhere(missing),
        }
    }

    /// What a slot holds.
    pub(crate) fn at(&self, at: u32) -> Found {
        match self.arena.get(at) {
            Slot::Stale(index) => {
                let earlier = self.arena.earlier(index);
                let at = if earlier.was_answered { at } else { NOWHERE };
                Found { value: Slot::Failed(earlier.failure), at, earlier: Some(earlier) }
            }
            value => Found { value, at, earlier: None },
        }
    }

    /// Where no source has a value, lets what was known earlier count, as far as it may.
    pub(crate) fn stand_in(&self, sources: &mut [Found], may: impl Fn(&Earlier) -> bool) {
        if !matches!(best(sources.iter().copied()).value, Slot::Failed(_)) {
            return;
        }
        for source in sources {
            if let Some(earlier) = source.earlier.filter(&may) {
                *source = Found::nowhere(earlier.value);
            }
        }
    }

    /// The value of a field: the first source that has one; else the first failure; else null.
    pub(crate) fn first(&self, records: &[Slot], from: &[(RecordId, SlotId)]) -> Found {
        best(from.iter().map(|source| self.value(records, *source)))
    }

    /// Appends where the nested records of `child` start, for one object of its parent.
    pub(crate) fn nested(&self, child: &Position, parent: &[Slot], out: &mut Vec<Found>) {
        for source in &child.records {
            if let RecordSource::Nested(record, slot) = *source {
                out.push(self.value(parent, (record, slot)));
            }
        }
    }

    /// Appends the elements at `index` of lists.
    pub(crate) fn elements(&self, lists: &[Found], index: u32, out: &mut Vec<Found>) {
        out.extend(lists.iter().map(|list| self.element(*list, index)));
    }

    fn element(&self, list: Found, index: u32) -> Found {
        match list.value {
            Slot::List(start, len) if index < len => self.at(start + index),
            Slot::List(..) => Found::nowhere(Slot::Absent),
            // A failed or missing list is missing in all of its elements.
            missing => Found::nowhere(missing),
        }
    }

    /// Appends the records of one object, given where its nested records are.
    pub(crate) fn records(&self, position: &Position, nested: &[Found], out: &mut Vec<Slot>) {
        let start = out.len();
        let mut nested = nested.iter();
        for source in &position.records {
            let record = match *source {
                RecordSource::Root(fetch) => self.roots[fetch.0 as usize],
                RecordSource::Nested(..) => nested.next().map_or(Slot::Absent, |found| found.value),
                RecordSource::Link(record, slot) => self.value(&out[start..], (record, slot)).value,
            };
            out.push(record);
        }
    }

    /// The subgraph that answers a record of a position.
    pub(crate) fn subgraph(&self, mut position: PositionId, mut record: RecordId) -> Option<SubgraphId> {
        loop {
            match *self.position(position).records.get(record.0 as usize)? {
                RecordSource::Root(fetch) => return Some(self.plan.fetches[fetch.0 as usize].subgraph),
                RecordSource::Link(of, slot) => {
                    let links = |input: &EntityInput| input.position == position && input.link == (of, slot);
                    let fetch = self.plan.fetches.iter().find(|fetch| inputs(&fetch.call).iter().any(links));
                    return fetch.map(|fetch| fetch.subgraph);
                }
                RecordSource::Nested(of, _) => (position, record) = (self.position(position).parent?, of),
            }
        }
    }

    /// All objects of a position. Objects that consist of the same records are one.
    pub(crate) fn collect(&self, position: PositionId) -> Objects {
        let mut way = Vec::new();
        let mut next = Some(position);
        while let Some(id) = next {
            way.push(id);
            next = self.position(id).parent;
        }
        let mut objects = Objects::default();
        let mut shared = false;
        for (step, id) in way.iter().rev().enumerate() {
            let position = self.position(*id);
            objects = match step {
                0 => {
                    let mut records = Vec::new();
                    self.records(position, &[], &mut records);
                    Objects { stride: records.len(), records }
                }
                _ => self.below(position, &objects),
            };
            // An entity is loaded once and linked often: what hangs below it stands at this position once for every link.
            if shared {
                objects.deduplicate();
            }
            shared |= position.records.iter().any(|source| matches!(source, RecordSource::Link(..)));
        }
        objects
    }

    fn below(&self, position: &Position, parents: &Objects) -> Objects {
        let width = position.records.iter().filter(|source| matches!(source, RecordSource::Nested(..))).count();
        if width == 0 {
            return Objects::default();
        }
        let mut found = Vec::new();
        for parent in parents.iter() {
            let start = found.len();
            self.nested(position, parent, &mut found);
            // Objects of an earlier answer stand where a field has nothing else: they are asked for as any others are.
            self.stand_in(&mut found[start..], |_| true);
        }
        for _ in 0..position.list_depth {
            let mut inner = Vec::new();
            for lists in found.chunks_exact(width) {
                for index in 0..length(lists) {
                    self.elements(lists, index, &mut inner);
                }
            }
            found = inner;
        }
        let mut objects = Objects { records: Vec::new(), stride: position.records.len() };
        for nested in found.chunks_exact(width) {
            if nested.iter().any(|found| matches!(found.value, Slot::Object(_))) {
                self.records(position, nested, &mut objects.records);
            }
        }
        objects
    }

    /// The concrete type of an object.
    pub(crate) fn typename(&self, position: &'v Position, records: &[Slot]) -> Typename<'v> {
        match &position.typename {
            TypenameSource::Known(name) => Typename::Known(name.as_bytes()),
            TypenameSource::Slots(from) => match self.first(records, from).value {
                Slot::Scalar(range) => Typename::Known(unquoted(self.arena.text(range))),
                Slot::Failed(failure) => Typename::Failed(failure),
                _ => Typename::Unknown,
            },
        }
    }
}

/// Whose entities a call asks for.
pub(crate) fn inputs(call: &Call) -> &[EntityInput] {
    match call {
        Call::Entities { inputs, .. } | Call::ConnectLookup { inputs, .. } | Call::ConnectField { inputs, .. } => {
            inputs
        }
        Call::Root { .. } | Call::ConnectRoot { .. } => &[],
    }
}

impl Objects {
    fn deduplicate(&mut self) {
        let mut seen = HashSet::new();
        let mut kept = Vec::new();
        for object in self.records.chunks_exact(self.stride.max(1)) {
            let identity: Vec<u64> = object.iter().map(|record| identity(*record)).collect();
            if seen.insert(identity) {
                kept.extend_from_slice(object);
            }
        }
        self.records = kept;
    }
}

fn identity(record: Slot) -> u64 {
    match record {
        Slot::Object(base) => u64::from(base),
        Slot::Failed(failure) => (1 << 32) | u64::from(failure.0),
        Slot::Null => 2 << 32,
        _ => 3 << 32,
    }
}

/// The longest of some lists that pair up by index.
pub(crate) fn length(lists: &[Found]) -> u32 {
    let lengths = lists.iter().map(|list| if let Slot::List(_, len) = list.value { len } else { 0 });
    lengths.max().unwrap_or(0)
}

/// The first value; else the first failure, rather one for which something is known from earlier; else null.
pub(crate) fn best(candidates: impl Iterator<Item = Found>) -> Found {
    let mut best = Found::nowhere(Slot::Null);
    for candidate in candidates {
        match candidate.value {
            Slot::Absent => {}
            // Remembers the slot, as something may be reported beside a null.
            Slot::Null if best.at == NOWHERE && best.value == Slot::Null => best = candidate,
            Slot::Null => {}
            Slot::Failed(_) if matches!(best.value, Slot::Failed(_)) => {
                if best.earlier.is_none() && candidate.earlier.is_some() {
                    best = candidate;
                }
            }
            Slot::Failed(_) => best = candidate,
            _ => return candidate,
        }
    }
    best
}

/// A JSON string without escapes, without its quotes.
pub(crate) fn unquoted(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text)
}
