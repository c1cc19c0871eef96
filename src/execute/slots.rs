//! The answers of one request: one flat table of slots.
//!
//! A record is a run of slots, laid out by a [`Shape`](crate::planner::plan::Shape). A slot holds a range of an
//! answer's bytes, null, a failure, the first slot of a nested or linked record, or a run of slots that are a list's elements.
//! Nothing is copied out of the answers but what must be rewritten (an ID that came as a number).
//! Deliberately absent: what a slot means; that is the plan's business.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;

use super::errors::{FailureId, Failures};
use super::json::Fault;
use crate::planner::plan::SlotId;

/// One value. Sixteen bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Not in the answer, or not linked.
    Absent,
    /// Null.
    Null,
    /// A valid JSON text: a scalar, or any JSON for a custom scalar.
    Scalar(Range),
    /// A record, nested or linked: its first slot.
    Object(u32),
    /// The elements of a list: first slot and how many.
    List(u32, u32),
    /// It could not be had.
    Failed(FailureId),
    /// It could not be had, and an earlier answer is at hand: an index of [`Earlier`].
    Stale(u32),
}

/// What failed, and what an earlier answer says of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Earlier {
    /// Why it could not be had.
    pub(crate) failure: FailureId,
    /// The service answered at this place, with an error; otherwise it answered nothing at all of the object.
    pub(crate) was_answered: bool,
    /// The value then. Absent: nothing is known of it, or it is too old.
    pub(crate) value: Slot,
    /// How long ago.
    pub(crate) age: Duration,
}

/// A range of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    buffer: u32,
    start: u32,
    len: u32,
}

/// The buffer of what had to be rewritten.
const REWRITTEN: u32 = u32::MAX;

/// The table, the buffers that it points into, and what failed.
#[derive(Debug)]
pub(crate) struct Arena {
    slots: Vec<Slot>,
    slots_max: usize,
    buffers: Vec<Bytes>,
    rewritten: Vec<u8>,
    /// Everything that failed.
    pub(crate) failures: Failures,
    /// Errors that services reported at places that hold a value all the same (or have failed already), by slot.
    beside: HashMap<u32, Vec<FailureId>>,
    stale: Vec<Earlier>,
}

impl Arena {
    /// An empty table of at most so many slots.
    pub(crate) fn new(slots_max: usize) -> Self {
        Self {
            slots: Vec::new(),
            slots_max: slots_max.min(u32::MAX as usize),
            buffers: Vec::new(),
            rewritten: Vec::new(),
            failures: Failures::default(),
            beside: HashMap::new(),
            stale: Vec::new(),
        }
    }

    /// Keeps a buffer; the number is for [`scalar`](Self::scalar).
    pub(crate) fn keep(&mut self, buffer: Bytes) -> u32 {
        self.buffers.push(buffer);
        (self.buffers.len() - 1) as u32
    }

    /// A slot for a range of a kept buffer.
    pub(crate) fn scalar(&self, buffer: u32, range: std::ops::Range<usize>) -> Result<Slot, Fault> {
        let start = u32::try_from(range.start).map_err(|_| Fault::Size)?;
        let len = u32::try_from(range.len()).map_err(|_| Fault::Size)?;
        Ok(Slot::Scalar(Range { buffer, start, len }))
    }

    /// A slot for a text that stands in no answer.
    pub(crate) fn rewrite(&mut self, parts: &[&[u8]]) -> Result<Slot, Fault> {
        let start = u32::try_from(self.rewritten.len()).map_err(|_| Fault::Size)?;
        parts.iter().for_each(|part| self.rewritten.extend_from_slice(part));
        let len = u32::try_from(self.rewritten.len() - start as usize).map_err(|_| Fault::Size)?;
        Ok(Slot::Scalar(Range { buffer: REWRITTEN, start, len }))
    }

    /// The text of a scalar.
    pub(crate) fn text(&self, range: Range) -> &[u8] {
        let buffer: &[u8] = match range.buffer {
            REWRITTEN => &self.rewritten,
            buffer => &self.buffers[buffer as usize],
        };
        &buffer[range.start as usize..(range.start + range.len) as usize]
    }

    /// A new record of absent slots; its first slot.
    pub(crate) fn record(&mut self, slots: u32) -> Result<u32, Fault> {
        let base = self.slots.len();
        let end = base + slots as usize;
        if end > self.slots_max {
            return Err(Fault::Size);
        }
        self.slots.resize(end, Slot::Absent);
        Ok(base as u32)
    }

    /// A list of these elements.
    pub(crate) fn list(&mut self, elements: &[Slot]) -> Result<Slot, Fault> {
        let start = self.slots.len();
        if start + elements.len() > self.slots_max {
            return Err(Fault::Size);
        }
        self.slots.extend_from_slice(elements);
        Ok(Slot::List(start as u32, elements.len() as u32))
    }

    /// How many slots there are: a mark for [`forget`](Self::forget).
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Forgets the slots after the mark: those of an answer that turned out not to be one.
    pub(crate) fn forget(&mut self, mark: usize) {
        self.slots.truncate(mark);
    }

    pub(crate) fn get(&self, slot: u32) -> Slot {
        self.slots[slot as usize]
    }

    pub(crate) fn set(&mut self, slot: u32, value: Slot) {
        self.slots[slot as usize] = value;
    }

    /// The slot of a field of a record.
    pub(crate) fn field(&self, base: u32, slot: SlotId) -> Slot {
        self.slots[(base + slot.0) as usize]
    }

    /// Sets a slot to what failed there and what stood there before.
    pub(crate) fn set_stale(&mut self, slot: u32, earlier: Earlier) {
        let index = self.stale.len() as u32;
        self.stale.push(earlier);
        self.set(slot, Slot::Stale(index));
    }

    /// See [`Slot::Stale`].
    pub(crate) fn earlier(&self, index: u32) -> Earlier {
        self.stale[index as usize]
    }

    /// Puts a service's own error at a slot. Data beside it stays.
    pub(crate) fn put_error(&mut self, slot: u32, failure: FailureId) {
        match self.get(slot) {
            Slot::Null | Slot::Absent => self.set(slot, Slot::Failed(failure)),
            _ => self.beside.entry(slot).or_default().push(failure),
        }
    }

    /// The errors beside what a slot holds.
    pub(crate) fn beside(&self, slot: u32) -> &[FailureId] {
        if self.beside.is_empty() {
            return &[];
        }
        self.beside.get(&slot).map_or(&[], Vec::as_slice)
    }
}
