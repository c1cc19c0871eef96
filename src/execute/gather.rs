//! Which entities a fetch asks for: the keys of the objects at its inputs, each once, and where their entities are linked.
//!
//! In: the answers so far, and the inputs. Out: [`Gathered`]; what needs no asking is linked at once. An object of which
//! something required has failed is asked for the other fields only, in a part of its own; those that required it have failed.
//! Deliberately absent: calls.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexSet;

use super::errors::{FailureId, LoadId};
use super::positions::{Typename, View};
use super::representation::{self, Incomplete, NotSent};
use super::run::State;
use super::slots::Slot;
use crate::planner::plan::{EntityInput, Leaf, ShapeValue};

/// Parts of one fetch; each is a call. What services can make fail does not multiply calls any further.
const PARTS_MAX: usize = 16;

/// The keys of an entity fetch, and where their entities are linked.
pub(super) struct Gathered {
    /// Each once within its part.
    pub(super) keys: Vec<Bytes>,
    /// By key: its part.
    pub(super) part_of: Vec<usize>,
    /// The first one lacks nothing.
    pub(super) parts: IndexSet<Part>,
    /// Each once.
    pub(super) wanted: Vec<Wanted>,
    pub(super) targets: Vec<Target>,
    /// The requirements that failed, and why: what [`Wanted::lacks`] refers to. The first is empty.
    pub(super) lacks: Vec<Lacks>,
    /// By input.
    pub(super) loads: Vec<LoadId>,
}

/// Requirements of an input that failed: their indices, and why.
pub(super) type Lacks = Vec<(usize, FailureId)>;

/// Keys that are asked for the same fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Part {
    /// Of which input, where it lacks anything.
    pub(super) input: usize,
    /// The requirements that its objects lack.
    pub(super) requirements: Vec<usize>,
}

/// An entity as one input wants it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) key: usize,
    pub(super) input: usize,
    /// Index of [`Gathered::lacks`].
    pub(super) lacks: usize,
}

/// A link slot, and which of those wanted belongs there.
pub(super) struct Target {
    pub(super) slot: u32,
    pub(super) wanted: usize,
}

/// What is linked without asking.
enum Decided {
    Null,
    Failed(FailureId),
    /// Nothing is left to ask; an index of the lacks.
    Lacks(usize),
}

impl State<'_> {
    /// Collects the keys of all objects that are to be asked for, and links at once what needs no asking.
    /// `None`: there is nothing to ask.
    pub(super) fn gather(
        &mut self,
        service: &Arc<str>,
        inputs: &[EntityInput],
        prefix: impl Fn(usize, &mut Vec<u8>),
    ) -> Option<Gathered> {
        let mut collecting = Collecting::default();
        let mut loads = Vec::with_capacity(inputs.len());
        let mut all_decided = Vec::new();
        let mut key = Vec::new();
        for (number, input) in inputs.iter().enumerate() {
            loads.push(self.arena.failures.load(service, input.position));
            let mut decided = Vec::new();
            let view = self.view();
            for records in view.collect(input.position).iter() {
                let Slot::Object(base) = records[input.link.0.0 as usize] else { continue };
                let slot = base + input.link.1.0;
                key.clear();
                prefix(number, &mut key);
                match identify(view, input, records, &mut key) {
                    Ok(lacks) => {
                        let lacks = collecting.lacks(number, input, lacks);
                        let is_anything_left = lacks == 0 || self.is_anything_left(input, &collecting.lacks[lacks].1);
                        match is_anything_left {
                            true => collecting.want(number, &key, lacks, slot),
                            false => decided.push((slot, Decided::Lacks(lacks))),
                        }
                    }
                    Err(NotSent::OtherType) => {}
                    Err(NotSent::NullKey) => decided.push((slot, Decided::Null)),
                    Err(NotSent::Failed(failure)) => decided.push((slot, Decided::Failed(failure))),
                }
            }
            all_decided.push(decided);
        }
        let Collecting { keys, part_of, parts, wanted, targets, lacks, .. } = collecting;
        let lacks: Vec<Lacks> = lacks
            .into_iter()
            .map(|(_, failed)| {
                let failures = &mut self.arena.failures;
                failed.into_iter().map(|(index, failure)| (index, failures.as_reason(failure))).collect()
            })
            .collect();
        for (input, decided) in inputs.iter().zip(all_decided) {
            for (slot, decided) in decided {
                let value = match decided {
                    Decided::Null => Slot::Null,
                    Decided::Failed(failure) => Slot::Failed(self.arena.failures.as_reason(failure)),
                    Decided::Lacks(index) => self.nothing_left(input, &lacks[index]),
                };
                self.arena.set(slot, value);
            }
        }
        (!keys.is_empty()).then_some(Gathered { keys, part_of, parts, wanted, targets, lacks, loads })
    }

    /// Whether some field of an entity can be asked for without these requirements.
    fn is_anything_left(&self, input: &EntityInput, lacks: &Lacks) -> bool {
        let shape = &self.running.prepared.plan.shapes[input.shape.0 as usize];
        shape.fields.iter().enumerate().any(|(index, field)| {
            field.value != ShapeValue::Leaf(Leaf::Typename)
                && !lacks.iter().any(|(requirement, _)| input.requirements[*requirement].fields.contains(&index))
        })
    }

    /// An entity of which nothing is asked.
    fn nothing_left(&mut self, input: &EntityInput, lacks: &Lacks) -> Slot {
        let Some((_, first)) = lacks.first().copied() else { return Slot::Null };
        match lacks.iter().all(|(_, failure)| *failure == first) {
            true => Slot::Failed(first),
            false => self.put_lacks(Slot::Failed(first), input, lacks),
        }
    }

    /// Puts why its requirements failed into an entity's record.
    pub(super) fn put_lacks(&mut self, value: Slot, input: &EntityInput, lacks: &Lacks) -> Slot {
        if lacks.is_empty() {
            return value;
        }
        let plan = &self.running.prepared.plan;
        let shape = &plan.shapes[input.shape.0 as usize];
        let base = match value {
            Slot::Object(base) => base,
            other => {
                let Ok(base) = self.arena.record(shape.slots) else { return other };
                (base..base + shape.slots).for_each(|slot| self.arena.set(slot, other));
                base
            }
        };
        for (requirement, failure) in lacks {
            for field in &input.requirements[*requirement].fields {
                self.arena.set(base + shape.fields[*field].slot.0, Slot::Failed(*failure));
            }
        }
        Slot::Object(base)
    }
}

/// What is gathered so far.
#[derive(Default)]
struct Collecting {
    keys: Vec<Bytes>,
    part_of: Vec<usize>,
    parts: IndexSet<Part>,
    /// By part: its keys.
    known: Vec<HashMap<Bytes, usize>>,
    wanted: Vec<Wanted>,
    known_wanted: HashMap<Wanted, usize>,
    targets: Vec<Target>,
    /// With the part of each.
    lacks: IndexSet<(usize, Lacks)>,
}

impl Collecting {
    /// The index of what an object lacks; the first lacks nothing.
    fn lacks(&mut self, number: usize, input: &EntityInput, mut lacks: Lacks) -> usize {
        if self.parts.is_empty() {
            self.parts.insert(Part::default());
            self.lacks.insert((0, Lacks::new()));
        }
        if lacks.is_empty() {
            return 0;
        }
        let part =
            |lacks: &Lacks| Part { input: number, requirements: lacks.iter().map(|(index, _)| *index).collect() };
        if self.parts.len() >= PARTS_MAX && !self.parts.contains(&part(&lacks)) {
            // Then nothing that requires anything is asked of it.
            let reason = lacks[0].1;
            let known =
                |index: usize| lacks.iter().find(|(of, _)| *of == index).map_or(reason, |(_, failure)| *failure);
            lacks = (0..input.requirements.len()).map(|index| (index, known(index))).collect();
        }
        let (part, _) = self.parts.insert_full(part(&lacks));
        self.lacks.insert_full((part, lacks)).0
    }

    fn want(&mut self, input: usize, key: &[u8], lacks: usize, slot: u32) {
        let part = self.lacks[lacks].0;
        if self.known.len() <= part {
            self.known.resize_with(part + 1, HashMap::new);
        }
        let known = &mut self.known[part];
        let key = match known.get(key) {
            Some(index) => *index,
            None => {
                let key = Bytes::copy_from_slice(key);
                known.insert(key.clone(), self.keys.len());
                self.keys.push(key);
                self.part_of.push(part);
                self.keys.len() - 1
            }
        };
        let wanted = Wanted { key, input, lacks };
        let wanted = *self.known_wanted.entry(wanted).or_insert_with(|| {
            self.wanted.push(wanted);
            self.wanted.len() - 1
        });
        self.targets.push(Target { slot, wanted });
    }
}

/// Appends the key of an object; what it lacks of what is required.
fn identify(view: View<'_>, input: &EntityInput, records: &[Slot], key: &mut Vec<u8>) -> Result<Lacks, NotSent> {
    let position = view.position(input.position);
    if !input.types.is_empty() {
        match view.typename(position, records) {
            Typename::Failed(failure) => return Err(NotSent::Failed(failure)),
            Typename::Known(name) if input.types.iter().any(|of| of.as_bytes() == name) => {}
            _ => return Err(NotSent::OtherType),
        }
    }
    let start = key.len();
    let whole = representation::write(view, position, records, &input.representation, Incomplete::Stays, key);
    if !matches!(whole, Err(NotSent::Failed(_))) || input.requirements.is_empty() {
        return whole.map(|()| Lacks::new());
    }
    key.truncate(start);
    representation::write(view, position, records, &input.representation, Incomplete::Goes, key)?;
    let failed = input.requirements.iter().enumerate().filter_map(|(index, requirement)| {
        match representation::check(view, position, records, &requirement.branches) {
            Err(NotSent::Failed(failure)) => Some((index, failure)),
            _ => None,
        }
    });
    Ok(failed.collect())
}
