//! Lets an earlier answer stand in for what a load failed to give, field by field.
//!
//! In: what became of a load, and the entry that the loaders kept of an earlier one for the same key. Out: the same record,
//! in which a field that failed, and whose owner allows it, holds [`Slot::Stale`]: the failure, and the earlier value.
//! Only the fields of the loaded object itself are stood in for: further down, nobody knows whether the earlier answer speaks
//! of the same object. Deliberately absent: what a client is shown of it; that is for the field's fallback to say.

use std::time::Duration;

use weft_loaders::Stale;

use super::errors::{Code, FailureId};
use super::json;
use super::run::State;
use super::slots::{Earlier, Slot};
use crate::planner::plan::ShapeId;

/// Codes by which GraphQL services commonly say that the client may not have something. They work, and what they told
/// before is not for this client any more.
const REFUSALS: [&[u8]; 2] = [b"\"UNAUTHENTICATED\"", b"\"FORBIDDEN\""];

impl State<'_> {
    /// `value` is what was read of a load, in a record of `shape`; `read` reads the earlier entry along the same shape.
    pub(super) fn standing_in(
        &mut self,
        value: Slot,
        shape: ShapeId,
        stale: Option<&Stale>,
        read: impl FnOnce(&mut Self, &Stale) -> Slot,
    ) -> Slot {
        let Some(stale) = stale else { return value };
        let shape = &self.running.prepared.plan.shapes[shape.0 as usize];
        let may = |bound_ms: Option<u64>| bound_ms.is_some_and(|bound| stale.age <= Duration::from_millis(bound));
        if !shape.fields.iter().any(|field| may(field.stale_ms)) {
            return value;
        }
        let has_failed = |slot| matches!(self.arena.get(slot), Slot::Failed(_));
        let (base, whole) = match value {
            // What came with notes may be whole where it matters.
            Slot::Object(base) if shape.fields.iter().any(|field| has_failed(base + field.slot.0)) => (base, None),
            Slot::Failed(failure) if !self.is_refusal(failure) => match self.arena.record(shape.slots) {
                Ok(base) => (base, Some(failure)),
                Err(_) => return value,
            },
            _ => return value,
        };
        let earlier = match read(self, stale) {
            Slot::Object(earlier) => Some(earlier),
            _ => None,
        };
        if let Some(failure) = whole {
            // What hangs below has failed with it; what was never answered stays told apart from an answer of null.
            (base..base + shape.slots).for_each(|slot| self.arena.set(slot, Slot::Failed(failure)));
        }
        for field in &shape.fields {
            let slot = base + field.slot.0;
            let Slot::Failed(failure) = self.arena.get(slot) else { continue };
            let value = match earlier {
                Some(earlier) if may(field.stale_ms) && !self.is_refusal(failure) => {
                    self.arena.field(earlier, field.slot)
                }
                _ => Slot::Absent,
            };
            if whole.is_some() || !matches!(value, Slot::Absent) {
                self.arena.set_stale(slot, Earlier { failure, was_answered: whole.is_none(), value, age: stale.age });
            }
        }
        Slot::Object(base)
    }

    fn is_refusal(&self, failure: FailureId) -> bool {
        let failure = self.arena.failures.get(failure);
        let extensions = failure.downstream.as_ref().filter(|_| failure.code == Code::Downstream);
        let code = extensions.and_then(|extensions| json::member(extensions, &["code"]).ok().flatten());
        code.is_some_and(|code| REFUSALS.contains(&code))
    }
}
