//! Takes in what fetches loaded: answers into slots, errors to the places that they name, entities to the objects that
//! asked for them.
//!
//! In: loaded answers and entries. Out: the changed table. Whatever cannot be read is a failure in the slots that it
//! would have filled. Deliberately absent: waiting.

use bytes::Bytes;
use weft_loaders::{Answer, Entry, LoadError, Outcome, Stale};

use super::connect;
use super::errors::{Code, Failure, FailureId, LoadId, Place, Told};
use super::gather::{Gathered, Wanted};
use super::json::{self, Fault};
use super::layout::NodeId;
use super::places::{self, Answered};
use super::prepared::{PreparedConnector, Reading};
use super::read::{AnswerReader, Mode, Unread};
use super::run::{Loaded, State, What};
use super::service_errors::{self, Note, PathSegment, ServiceError};
use super::slots::Slot;
use super::values;
use crate::connect::Pick;
use crate::planner::plan::{AskedFor, Call, EntityInput, FetchId, RecordSource, ShapeId, SlotId};

impl State<'_> {
    /// Takes in what a fetch loaded.
    pub(super) fn apply(&mut self, loaded: Loaded) {
        let running = self.running;
        let (fetch, prepared) = running.prepared.fetch(loaded.fetch);
        match (loaded.what, &fetch.call) {
            (What::Root(load, answer), Call::Root { shape, .. }) => {
                let root = match answer {
                    Ok(answer) => self.read_root(load, &answer, self.answered_root(loaded.fetch, *shape)),
                    Err(error) => Slot::Failed(self.arena.failures.add_load_error(load, &error)),
                };
                self.roots[loaded.fetch.0 as usize] = root;
            }
            (What::RootEntry(load, outcome), Call::Root { shape, .. }) => {
                let root = match outcome.result {
                    Ok(entry) => {
                        let data = self.read(load, &entry.data, NodeId(shape.0));
                        let errors = entry.notes.iter().filter_map(Note::read).collect();
                        self.place_errors(load, data, errors, self.answered_root(loaded.fetch, *shape))
                    }
                    Err(error) => Slot::Failed(self.arena.failures.add_load_error(load, &error)),
                };
                let node = NodeId(shape.0);
                let read = |state: &mut Self, stale: &Stale| state.read(load, &stale.entry.data, node);
                let root = self.standing_in(root, *shape, outcome.stale.as_ref(), read);
                self.roots[loaded.fetch.0 as usize] = root;
            }
            (What::RootEntry(load, outcome), Call::ConnectRoot { shape, .. }) => {
                let of = &prepared.connector;
                let read = |state: &mut Self, entry: &Entry| match of {
                    Some(of) => state.connected(load, entry, of, &of.readings[0], b""),
                    None => Slot::Null,
                };
                let root = self.loaded(load, &outcome.result, &mut None, read);
                let read = |state: &mut Self, stale: &Stale| read(state, &stale.entry);
                let root = self.standing_in(root, *shape, outcome.stale.as_ref(), read);
                self.roots[loaded.fetch.0 as usize] = root;
            }
            (What::RootList(load, order, outcomes), Call::ConnectRoot { shape, .. }) => {
                let Some(of) = &prepared.connector else { return };
                let root = self.listed(load, of, *shape, &order, &outcomes);
                // The list is as old as its oldest element.
                let earlier: Option<Vec<&Stale>> = outcomes.iter().map(|outcome| outcome.stale.as_ref()).collect();
                let earlier = earlier.unwrap_or_default();
                let oldest = earlier.iter().max_by_key(|stale| stale.age).copied();
                let read = |state: &mut Self, _: &Stale| {
                    let entries = earlier.iter().map(|stale| Outcome::from(Ok(stale.entry.clone())));
                    state.listed(load, of, *shape, &order, &entries.collect::<Vec<_>>())
                };
                let root = self.standing_in(root, *shape, oldest, read);
                self.roots[loaded.fetch.0 as usize] = root;
            }
            (What::Entities(gathered, outcomes), Call::Entities { inputs, .. }) => {
                self.link(&gathered, inputs, &outcomes, |state, load, entry, wanted| {
                    state.entity(load, entry, &inputs[wanted.input])
                });
            }
            (
                What::Entities(gathered, outcomes),
                Call::ConnectLookup { inputs, .. } | Call::ConnectField { inputs, .. },
            ) => {
                self.link(&gathered, inputs, &outcomes, |state, load, entry, wanted| {
                    let Some(of) = &prepared.connector else { return Slot::Null };
                    state.connected(load, entry, of, &of.readings[wanted.input], &gathered.keys[wanted.key])
                });
            }
            // Each call loads what it is; nothing else can arrive.
            (What::Root(..) | What::RootEntry(..) | What::RootList(..) | What::Entities(..), _) => {}
        }
    }

    /// Reads an object; a text that is no JSON is a failure.
    fn read(&mut self, load: LoadId, text: &Bytes, node: NodeId) -> Slot {
        let mark = self.arena.len();
        let prepared = self.running.prepared;
        let reader =
            AnswerReader::new(&mut self.arena, &prepared.plan.shapes, &prepared.layout, text, load, Mode::Shape);
        let read = reader.object(node);
        read.unwrap_or_else(|unread| {
            self.arena.forget(mark);
            Slot::Failed(self.arena.failures.add(load, Code::InvalidResponse, &message(unread)))
        })
    }

    fn answered_root(&self, fetch: FetchId, shape: ShapeId) -> Answered {
        let position = self.running.prepared.plan.projection.position;
        Answered { position, source: RecordSource::Root(fetch), shape }
    }

    fn read_root(&mut self, load: LoadId, answer: &Answer, of: Answered) -> Slot {
        let mark = self.arena.len();
        let prepared = self.running.prepared;
        let success = answer.status.is_success();
        let (shapes, layout) = (&prepared.plan.shapes, &prepared.layout);
        let reader = AnswerReader::new(&mut self.arena, shapes, layout, &answer.body, load, Mode::Shape);
        let read = reader.graphql(NodeId(of.shape.0));
        let invalid = match read {
            Err(Unread::Fault(Fault::Truncated)) if answer.body.is_empty() => "the answer is empty".to_owned(),
            Err(unread) => message(unread),
            Ok(read) => {
                let errors = match read.errors {
                    Some(errors) => service_errors::read(&answer.body, errors),
                    None => Ok(Vec::new()),
                };
                match (read.data, errors) {
                    (_, Err(LoadError::Invalid(message))) => message,
                    (None | Some(Slot::Null), Ok(errors)) if errors.is_empty() => "no data and no errors".to_owned(),
                    (Some(Slot::Failed(_)), _) if !success => String::new(),
                    (data, errors) => {
                        let errors = errors.unwrap_or_default();
                        let errors = errors.iter().map(|raw| {
                            let mut error = ServiceError::read(raw);
                            let path = std::mem::take(&mut error.path);
                            (error, Some(path))
                        });
                        return self.place_errors(load, data.unwrap_or(Slot::Null), errors.collect(), of);
                    }
                }
            }
        };
        self.arena.forget(mark);
        let error = match success {
            true => LoadError::Invalid(invalid),
            false => LoadError::Status(answer.status.as_u16()),
        };
        Slot::Failed(self.arena.failures.add_load_error(load, &error))
    }

    /// Puts errors at the places that they name. Where there is no data, every field has failed: of what the service made
    /// null because one field failed, that field's error is the reason.
    fn place_errors(
        &mut self,
        load: LoadId,
        data: Slot,
        errors: Vec<(ServiceError, Option<Vec<PathSegment>>)>,
        of: Answered,
    ) -> Slot {
        if errors.is_empty() {
            return data;
        }
        let prepared = self.running.prepared;
        let slots = prepared.shape_slots(of.shape);
        let record = match data {
            Slot::Object(base) => Ok(base),
            _ => self.arena.record(slots),
        };
        let base = match record {
            Ok(base) => base,
            Err(fault) => {
                return Slot::Failed(self.arena.failures.add(load, Code::InvalidResponse, &fault.to_string()));
            }
        };
        let whole = matches!(data, Slot::Object(_));
        let (mut first, mut reason) = (None, None);
        for (error, path) in errors {
            let (slot, reached) = path.as_ref().map_or((None, false), |path| self.place(of, base, path));
            let place = path.filter(|_| !(reached && whole)).and_then(|path| places::find(prepared, of, &path));
            let has_place = place.is_some();
            let failure = self.service_failure(load, error, place);
            first = first.or(Some(failure));
            reason = reason.or(has_place.then_some(failure));
            if let Some(slot) = slot {
                self.arena.put_error(slot, failure);
            }
        }
        if let (Slot::Null, Some(reason)) = (data, reason.or(first)) {
            for slot in base..base + slots {
                if self.arena.get(slot) == Slot::Absent {
                    self.arena.set(slot, Slot::Failed(reason));
                }
            }
        }
        if whole || data == Slot::Null { Slot::Object(base) } else { data }
    }

    fn service_failure(&mut self, load: LoadId, error: ServiceError, place: Option<Place>) -> FailureId {
        let ServiceError { message, extensions, .. } = error;
        let told = place.map_or(Told::WhereMissed, Told::At);
        self.arena.failures.push(Failure { load, code: Code::Downstream, message, downstream: extensions, told })
    }

    /// The slot that a path below a record names, and whether the answer goes as far as the path: one that goes on below
    /// a null names that null.
    fn place(&self, of: Answered, base: u32, path: &[PathSegment]) -> (Option<u32>, bool) {
        let prepared = self.running.prepared;
        let (mut node, mut base) = (prepared.layout.node(NodeId(of.shape.0)), base);
        let mut path = path.iter();
        let mut at = None;
        while let Some(segment) = path.next() {
            let PathSegment::Key(key) = segment else { return (at, false) };
            let Some((field, inner)) = node.find(key.as_bytes()).and_then(|member| node.members[member].field()) else {
                return (at, false);
            };
            let mut slot = base + prepared.plan.shapes[node.shape.0 as usize].fields[field as usize].slot.0;
            loop {
                at = Some(slot);
                match self.arena.get(slot) {
                    Slot::List(start, len) => match path.next().and_then(PathSegment::index) {
                        Some(index) if index < u64::from(len) => slot = start + index as u32,
                        _ => return (at, true),
                    },
                    Slot::Object(inner_base) => {
                        node = prepared.layout.node(inner);
                        base = inner_base;
                        break;
                    }
                    Slot::Scalar(_) => return (at, true),
                    _ => return (at, path.next().is_none()),
                }
            }
        }
        (at, true)
    }

    /// Links the entities of a load to the objects that asked for them.
    fn link(
        &mut self,
        gathered: &Gathered,
        inputs: &[EntityInput],
        outcomes: &[Outcome],
        read: impl Fn(&mut Self, LoadId, &Entry, Wanted) -> Slot,
    ) {
        let mut known = None;
        let mut values = Vec::with_capacity(gathered.wanted.len());
        for wanted in &gathered.wanted {
            let load = gathered.loads[wanted.input];
            let Outcome { result, stale } = &outcomes[wanted.key];
            let value = self.loaded(load, result, &mut known, |state, entry| read(state, load, entry, *wanted));
            let input = &inputs[wanted.input];
            let read_stale = |state: &mut Self, stale: &Stale| read(state, load, &stale.entry, *wanted);
            let value = self.standing_in(value, input.shape, stale.as_ref(), read_stale);
            values.push(self.put_lacks(value, input, &gathered.lacks[wanted.lacks]));
        }
        for target in &gathered.targets {
            self.arena.set(target.slot, values.get(target.wanted).copied().unwrap_or(Slot::Null));
        }
    }

    /// What was loaded, or why not. The keys of a failed call have one failure, which is `known` once there is one.
    fn loaded<'o>(
        &mut self,
        load: LoadId,
        result: &'o Result<Entry, LoadError>,
        known: &mut Option<(&'o LoadError, LoadId, FailureId)>,
        read: impl FnOnce(&mut Self, &Entry) -> Slot,
    ) -> Slot {
        match result {
            Ok(entry) => read(self, entry),
            Err(error) if connect::is_skipped(error) => Slot::Null,
            Err(error) => match *known {
                Some((last, of, failure)) if last == error && of == load => Slot::Failed(failure),
                _ => {
                    let failure = self.arena.failures.add_load_error(load, error);
                    *known = Some((error, load, failure));
                    Slot::Failed(failure)
                }
            },
        }
    }

    /// A list of entities that a client gave the keys of, in its order. Where no call gave anything, the list itself has failed.
    fn listed(
        &mut self,
        load: LoadId,
        of: &PreparedConnector,
        shape: ShapeId,
        order: &[Option<usize>],
        outcomes: &[Outcome],
    ) -> Slot {
        let Some(list) = &of.of_list else { return Slot::Null };
        if !outcomes.is_empty()
            && let Some(whole) = self.failed_as_a_whole(load, outcomes)
        {
            return whole;
        }
        let mut known = None;
        let mut elements = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            let read = |state: &mut Self, entry: &Entry| state.connected(load, entry, of, &list.element, b"");
            elements.push(self.loaded(load, &outcome.result, &mut known, read));
        }
        let in_order = order.iter().map(|index| index.map_or(Slot::Null, |index| elements[index]));
        let in_order: Vec<Slot> = in_order.filter(|slot| !(list.skips_missing && *slot == Slot::Null)).collect();
        let slots = self.running.prepared.shape_slots(shape);
        let record = self.arena.list(&in_order).and_then(|elements| Ok((elements, self.arena.record(slots)?)));
        match record {
            Ok((elements, base)) => {
                self.arena.set(base + list.slot.0, elements);
                Slot::Object(base)
            }
            Err(fault) => Slot::Failed(self.arena.failures.add(load, Code::InvalidResponse, &fault.to_string())),
        }
    }

    /// Why none of some keys was loaded; `None` if any was.
    fn failed_as_a_whole(&mut self, load: LoadId, outcomes: &[Outcome]) -> Option<Slot> {
        let is_whole = |outcome: &Outcome| outcome.result.as_ref().map_or(true, |entry| !entry.notes.is_empty());
        if !outcomes.iter().all(is_whole) {
            return None;
        }
        let failed =
            outcomes.iter().find(|outcome| !matches!(&outcome.result, Err(error) if connect::is_skipped(error)));
        let Some(failed) = failed else { return Some(Slot::Null) };
        Some(match &failed.result {
            Err(error) => Slot::Failed(self.arena.failures.add_load_error(load, error)),
            Ok(entry) => match entry.notes.iter().find_map(Note::read) {
                Some((error, _)) => Slot::Failed(self.service_failure(load, error, None)),
                None => Slot::Null,
            },
        })
    }

    /// Reads what a connector gave: a record with its field, or an entity.
    fn connected(
        &mut self,
        load: LoadId,
        entry: &Entry,
        of: &PreparedConnector,
        reading: &Reading,
        key: &[u8],
    ) -> Slot {
        if let Some((error, _)) = entry.notes.iter().find_map(Note::read) {
            return Slot::Failed(self.service_failure(load, error, None));
        }
        let read = match entry.data.split_first() {
            Some((&connect::MAPPED, _)) => {
                self.read_connected(load, &entry.data.slice(1..), reading, reading.mapped, Mode::Shape)
            }
            _ => self.read_picked(load, &entry.data, of.pick.as_ref(), reading),
        };
        let value = read.unwrap_or_else(|unread| {
            Slot::Failed(self.arena.failures.add(load, Code::InvalidResponse, &message(unread)))
        });
        if let Slot::Object(base) = value {
            for (way, path) in &reading.given {
                self.fill(base, way, path, key);
            }
        }
        value
    }

    /// Reads a raw answer along its pick; where it does not stand as the pick would have it, the pick is evaluated.
    fn read_picked(
        &mut self,
        load: LoadId,
        text: &Bytes,
        pick: Option<&Pick>,
        reading: &Reading,
    ) -> Result<Slot, Unread> {
        if text[..] == b"null"[..] {
            return self.read_connected(load, text, reading, reading.mapped, Mode::Shape);
        }
        if let Some(raw) = reading.raw {
            match self.read_connected(load, text, reading, raw, Mode::Pick) {
                Err(Unread::NotPicked) => {}
                read => return read,
            }
        }
        let parsed = values::parse(text)?;
        let picked = pick.and_then(|pick| values::pick(pick, &parsed.value)).ok_or(Unread::NotPicked)?;
        let mut mapped = Vec::new();
        parsed.with(picked).write(&mut mapped);
        self.read_connected(load, &mapped.into(), reading, reading.mapped, Mode::Shape)
    }

    fn read_connected(
        &mut self,
        load: LoadId,
        text: &Bytes,
        reading: &Reading,
        node: NodeId,
        mode: Mode,
    ) -> Result<Slot, Unread> {
        let mark = self.arena.len();
        let prepared = self.running.prepared;
        let reader = AnswerReader::new(&mut self.arena, &prepared.plan.shapes, &prepared.layout, text, load, mode);
        let read = match reading.only_field {
            Some(shape) => reader.only_field(shape, node),
            None => reader.object(node),
        };
        read.inspect_err(|_| self.arena.forget(mark))
    }

    /// What the key says counts as given where an answer leaves it out.
    fn fill(&mut self, mut base: u32, way: &[SlotId], path: &[String], key: &[u8]) {
        let Some((last, way)) = way.split_last() else { return };
        for slot in way {
            match self.arena.field(base, *slot) {
                Slot::Object(inner) => base = inner,
                _ => return,
            }
        }
        if self.arena.field(base, *last) != Slot::Absent {
            return;
        }
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        if let Ok(Some(text)) = json::member(key, &path)
            && text != b"null"
            && let Ok(value) = self.arena.rewrite(&[text])
        {
            self.arena.set(base + last.0, value);
        }
    }

    fn entity(&mut self, load: LoadId, entry: &Entry, input: &EntityInput) -> Slot {
        let value = self.read(load, &entry.data, NodeId(input.shape.0));
        let errors: Vec<_> = entry.notes.iter().filter_map(Note::read).collect();
        if input.asked == AskedFor::Entities && value == Slot::Null && errors.iter().all(|(_, path)| path.is_none()) {
            // They are told, but not known to be about this entity.
            for (error, _) in errors {
                self.service_failure(load, error, None);
            }
            return value;
        }
        let source = RecordSource::Link(input.link.0, input.link.1);
        self.place_errors(load, value, errors, Answered { position: input.position, source, shape: input.shape })
    }
}

fn message(unread: Unread) -> String {
    match unread {
        Unread::Fault(fault) => fault.to_string(),
        Unread::NotGraphQl => super::graphql::NO_RESPONSE.to_owned(),
        Unread::NotPicked => "the answer does not fit its mapping".to_owned(),
    }
}
