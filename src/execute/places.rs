//! Follows the path of a service's error through the planned shape, to where the client asked for it.
//!
//! In: a path in a service's answer. Out: the client's path, also where the answer has nothing at it: a service that
//! fails at a non-null field makes its parents null, and still says which field it was. Deliberately absent: the answer.

use super::errors::{Place, Step};
use super::layout::NodeId;
use super::prepared::Prepared;
use super::service_errors::PathSegment;
use crate::planner::Plan;
use crate::planner::plan::{
    ObjectProjection, PositionId, ProjectionField, ProjectionValue, RecordId, RecordSource, ShapeId, SlotId,
};

/// An answer's record, as the plan knows it.
#[derive(Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) position: PositionId,
    /// Which of the position's records it is.
    pub(crate) source: RecordSource,
    pub(crate) shape: ShapeId,
}

/// The client's place of a path below a record; `None` where the path leads out of what was planned.
pub(crate) fn find(prepared: &Prepared, of: Answered, path: &[PathSegment]) -> Option<Place> {
    let Prepared { plan, layout, .. } = prepared;
    let mut object = prepared.projection(of.position)?;
    let mut record = record(plan, of.position, of.source)?;
    let mut node = layout.node(NodeId(of.shape.0));
    let mut segments = path.iter().peekable();
    let mut found = Vec::with_capacity(path.len());
    while let Some(segment) = segments.next() {
        let PathSegment::Key(key) = segment else { return None };
        let (field, inner) = node.members[node.find(key.as_bytes())?].field()?;
        let field = &plan.shapes[node.shape.0 as usize].fields[field as usize];
        let asked = asked(plan, object, (record, field.slot))?;
        found.push(Step::Key(asked.response_key.clone()));
        for _ in 0..field.list_depth {
            match segments.peek() {
                Some(segment) => found.push(Step::Index(u32::try_from(segment.index()?).ok()?)),
                None => break,
            }
            segments.next();
        }
        match &asked.value {
            _ if segments.peek().is_none() => break,
            ProjectionValue::Object { object: below, .. } => {
                record = self::record(plan, below.position, RecordSource::Nested(record, field.slot))?;
                object = below;
                node = layout.node(inner);
            }
            _ => return None,
        }
    }
    (!found.is_empty()).then_some(Place { position: of.position, path: found })
}

fn record(plan: &Plan, position: PositionId, of: RecordSource) -> Option<RecordId> {
    let records = &plan.positions[position.0 as usize].records;
    records.iter().position(|source| *source == of).map(|index| RecordId(index as u32))
}

/// The field that the client asked for and that a slot gives.
fn asked<'p>(
    plan: &'p Plan,
    object: &'p ObjectProjection,
    (record, slot): (RecordId, SlotId),
) -> Option<&'p ProjectionField> {
    object.branches.iter().flat_map(|branch| &branch.fields).find(|field| match &field.value {
        ProjectionValue::Leaf { from, .. } => from.contains(&(record, slot)),
        ProjectionValue::Object { object, .. } => {
            let position = &plan.positions[object.position.0 as usize];
            position.records.contains(&RecordSource::Nested(record, slot))
        }
        ProjectionValue::Typename | ProjectionValue::Introspection | ProjectionValue::Denied => false,
    })
}
