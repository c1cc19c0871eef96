//! Writes the response: one walk over the projection, from slots into bytes.
//!
//! In: the answers, and the planned projection. Out: `{"data":…,"errors":…,"extensions":…}`. Here, and only here,
//! null is propagated: the output is cut back to where the nearest nullable parent began. Fallbacks stand in before that.
//! The recursion follows the operation, whose depth is limited. Where a value's parent is null, nothing more is told.
//! Source: GraphQL specification, "Value Completion" and "Handling Execution Errors".

use std::collections::HashMap;
use std::time::Duration;

use apollo_compiler::Name;
use apollo_compiler::ast::Type;
use serde_json::Value;

use super::Answer;
use super::errors::{Code, FailureId};
use super::json;
use super::positions::{Found, NOWHERE, Typename, View, best, unquoted};
use super::slots::{Earlier, Range, Slot};
use super::told::{Segment, Substitute, Told, steps};
use crate::planner::plan::{
    Leaf, ObjectProjection, PositionId, ProjectionBranch, ProjectionField, ProjectionValue, RecordId, RecordSource,
    TypenameSource,
};
use crate::supergraph::Supergraph;
use crate::supergraph::policy::{Fallback, FallbackReport};

/// What the walk needs beside the answers.
#[derive(Clone, Copy)]
pub(crate) struct Shaping<'s> {
    /// The answers.
    pub(crate) view: View<'s>,
    /// The types of the graph, those among them that clients see (the others are null silently), and the services' names.
    pub(crate) supergraph: &'s Supergraph,
    /// What the gateway itself answered, by response key: JSON texts.
    pub(crate) introspection: &'s HashMap<Name, Vec<u8>>,
    /// Bytes of `data`, at the most.
    pub(crate) bytes_max: usize,
}

/// Writes the whole response.
pub(crate) fn write(shaping: Shaping<'_>) -> Answer {
    let mut writer = Writer {
        shaping,
        view: shaping.view,
        out: Vec::with_capacity(4096),
        path: Vec::new(),
        told: Told::new(shaping.view),
        unwritten_bytes: 0,
        records: Vec::new(),
        found: Vec::new(),
        position: shaping.view.plan.projection.position,
        depth: 0,
        placed: Vec::new(),
    };
    writer.out.extend_from_slice(b"{\"data\":");
    let start = writer.out.len();
    match writer.root() {
        Ok(()) => {}
        Err(Stop::Null | Stop::Hidden) => {
            writer.out.truncate(start);
            writer.out.extend_from_slice(b"null");
        }
        Err(Stop::Size) => {
            let message = format!("The response is larger than {} bytes.", shaping.bytes_max);
            let mut out = b"{\"data\":null,\"errors\":[{\"message\":".to_vec();
            json::write_string(&message, &mut out);
            out.extend_from_slice(b",\"extensions\":{\"code\":\"RESPONSE_TOO_LARGE\"}}]}");
            return Answer { body: out, stood_in: Vec::new() };
        }
    }
    let Writer { mut out, told, .. } = writer;
    let stood_in = told.finish(shaping.view, &mut out);
    out.push(b'}');
    Answer { body: out, stood_in }
}

/// Why a value was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// It is null where null may not be; told already.
    Null,
    /// It is of a type that clients do not see: null, which is not told where null may be.
    Hidden,
    /// The response becomes too large.
    Size,
}

struct Writer<'s> {
    shaping: Shaping<'s>,
    view: View<'s>,
    out: Vec<u8>,
    path: Vec<Segment<'s>>,
    told: Told,
    /// What was written in vain, in objects and lists that are null: see [`Writer::beyond`].
    unwritten_bytes: usize,
    /// A stack: the records of the objects that are being written.
    records: Vec<Slot>,
    /// A stack: where the nested records of a value start.
    found: Vec<Found>,
    /// Of the object that is being written.
    position: PositionId,
    /// How long the path to that object is.
    depth: usize,
    /// Failures of the objects that are being written which have a place of their own.
    placed: Vec<Placed>,
}

/// A failure that is told at its own place in an object.
#[derive(Clone, Copy, Debug)]
struct Placed {
    failure: FailureId,
    /// How long the path to the object is.
    depth: usize,
    is_told: bool,
}

impl<'s> Writer<'s> {
    fn root(&mut self) -> Result<(), Stop> {
        let projection = &self.view.plan.projection;
        let position = self.view.position(projection.position);
        self.view.records(position, &[], &mut self.records);
        self.object(projection, 0)
    }

    /// Writes an object whose records are the top of the stack, from `frame` on.
    fn object(&mut self, projection: &'s ObjectProjection, frame: usize) -> Result<(), Stop> {
        let around = (self.position, self.depth);
        (self.position, self.depth) = (projection.position, self.path.len());
        let mark = self.placed.len();
        let written = self.object_itself(projection, frame);
        self.tell_placed(mark);
        (self.position, self.depth) = around;
        written
    }

    /// Tells what failed at a field of the object that ends here which nothing was written of.
    fn tell_placed(&mut self, mark: usize) {
        let mut index = mark;
        while let Some(placed) = self.placed.get(index).copied() {
            if placed.depth != self.depth {
                index += 1;
                continue;
            }
            self.placed.swap_remove(index);
            if !placed.is_told {
                self.tell_at_place(placed, None, FallbackReport::Errors);
            }
        }
    }

    fn tell_at_place(&mut self, placed: Placed, fallback: Option<Substitute>, report: FallbackReport) {
        let view = self.view;
        let place = view.arena.failures.place(placed.failure);
        let below = place.map_or(&[][..], |place| &place.path);
        let path: Vec<Segment<'_>> = self.path[..placed.depth].iter().copied().chain(steps(below)).collect();
        self.told.failure(view, placed.failure, &path, fallback, report);
    }

    /// Tells a failure here; or, if it is that of a field further down, there, and once.
    fn tell_with(&mut self, failure: FailureId, fallback: Option<Substitute>, report: FallbackReport) {
        let view = self.view;
        if !self.told.is_telling(view, failure) {
            return;
        }
        let depth = match view.arena.failures.place(failure) {
            Some(place) if place.position == view.plan.projection.position => Some((place, 0)),
            Some(place) if place.position == self.position => Some((place, self.depth)),
            _ => None,
        };
        let Some((place, depth)) = depth else {
            self.told.failure(view, failure, &self.path, fallback, report);
            return;
        };
        let is_above = {
            let (here, mut there) = (&self.path[depth..], steps(&place.path));
            here.iter().all(|segment| there.next() == Some(*segment))
        };
        let known = self.placed.iter().position(|placed| placed.failure == failure && placed.depth == depth);
        let index = known.unwrap_or_else(|| {
            self.placed.push(Placed { failure, depth, is_told: false });
            self.placed.len() - 1
        });
        // What is null beside it waits: the field itself may yet say what stands in.
        if is_above && !self.placed[index].is_told {
            self.placed[index].is_told = true;
            self.tell_at_place(self.placed[index], fallback, report);
        }
    }

    fn object_itself(&mut self, projection: &'s ObjectProjection, frame: usize) -> Result<(), Stop> {
        if self.out.len() > self.shaping.bytes_max {
            return Err(Stop::Size);
        }
        let position = self.view.position(projection.position);
        if matches!(&position.typename, TypenameSource::Slots(from) if from.is_empty()) {
            // Nobody needs its type: whatever it is, the same is written.
            let fields = projection.branches.first().map_or(&[][..], |branch| &branch.fields);
            return self.fields(fields, frame, None);
        }
        let typename = match self.view.typename(position, &self.records[frame..]) {
            Typename::Known(name) => name,
            Typename::Failed(failure) => {
                self.tell(failure);
                return Err(Stop::Null);
            }
            Typename::Unknown => {
                self.told_of_type("An object's type is not known.", &position.typename);
                return Err(Stop::Null);
            }
        };
        let Some(name) = projection.possible.iter().find(|name| name.as_bytes() == typename) else {
            if !self.is_hidden(typename) {
                self.told_of_type("An object is of an impossible type.", &position.typename);
                return Err(Stop::Null);
            }
            return Err(Stop::Hidden);
        };
        self.fields(branch(&projection.branches, name), frame, Some(name))
    }

    fn fields(&mut self, fields: &'s [ProjectionField], frame: usize, typename: Option<&Name>) -> Result<(), Stop> {
        self.out.push(b'{');
        let depth = self.path.len();
        for (index, field) in fields.iter().enumerate() {
            self.start_field(index, field);
            if let Err(stop) = self.field(field, frame, typename) {
                self.beyond(stop, depth, fields[index + 1..].iter(), |writer, field| {
                    writer.start_field(0, field);
                    writer.field(field, frame, typename)
                });
                return Err(stop);
            }
            self.path.pop();
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Goes on behind what made an object or a list null: what services reported there is told at its place, and nothing is
    /// written. As much is looked at as a response may be long.
    fn beyond<T>(
        &mut self,
        stop: Stop,
        depth: usize,
        rest: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), Stop>,
    ) {
        let (out, records, found) = (self.out.len(), self.records.len(), self.found.len());
        let is_quiet = self.told.set_quiet(true);
        for item in rest {
            if stop == Stop::Size || !self.told.is_owed() || self.unwritten_bytes > self.shaping.bytes_max {
                break;
            }
            self.path.truncate(depth);
            // What stopped it is told already, or is not to be.
            let _ = write(self, item);
            self.unwritten_bytes += self.out.len() - out;
            self.out.truncate(out);
            self.records.truncate(records);
            self.found.truncate(found);
        }
        self.told.set_quiet(is_quiet);
    }

    fn told_of_type(&mut self, message: &str, typename: &TypenameSource) {
        let service = match typename {
            TypenameSource::Slots(from) => self.service(self.position, from.iter().map(|(record, _)| *record)),
            TypenameSource::Known(_) => None,
        };
        self.told.own(message, Some(Code::InvalidResponse), service, &self.path);
    }

    /// The service that all these records of a position come from, if it is one.
    fn service(&self, position: PositionId, records: impl Iterator<Item = RecordId>) -> Option<&'s str> {
        let mut services = records.map(|record| self.view.subgraph(position, record));
        let first = services.next()??;
        let supergraph = self.shaping.supergraph;
        services.all(|other| other == Some(first)).then(|| &*supergraph.subgraph(first).name)
    }

    /// The service that a field's value comes from, if it is one.
    fn service_of(&self, field: &ProjectionField) -> Option<&'s str> {
        match &field.value {
            ProjectionValue::Leaf { from, .. } => self.service(self.position, from.iter().map(|(record, _)| *record)),
            ProjectionValue::Object { object, .. } => {
                let position = self.view.position(object.position);
                let records = position.records.iter().filter_map(|source| match source {
                    RecordSource::Nested(record, _) => Some(*record),
                    _ => None,
                });
                self.service(position.parent?, records)
            }
            ProjectionValue::Typename | ProjectionValue::Introspection | ProjectionValue::Denied => None,
        }
    }

    /// Whether it is a type of the graph that clients do not see.
    fn is_hidden(&self, typename: &[u8]) -> bool {
        std::str::from_utf8(typename).is_ok_and(|name| {
            self.shaping.supergraph.schema.types.contains_key(name)
                && !self.shaping.supergraph.api.types.contains_key(name)
        })
    }

    fn start_field(&mut self, index: usize, field: &'s ProjectionField) {
        if index > 0 {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(field.response_key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.path.push(Segment::Key(&field.response_key));
    }

    fn field(&mut self, field: &'s ProjectionField, frame: usize, typename: Option<&Name>) -> Result<(), Stop> {
        match &field.value {
            ProjectionValue::Typename => {
                let Some(typename) = typename else { return self.unexplained_null(field, &field.ty) };
                self.out.push(b'"');
                self.out.extend_from_slice(typename.as_bytes());
                self.out.push(b'"');
                Ok(())
            }
            ProjectionValue::Introspection => {
                match self.shaping.introspection.get(&field.response_key) {
                    Some(text) => self.out.extend_from_slice(text),
                    None => self.out.extend_from_slice(b"null"),
                }
                Ok(())
            }
            ProjectionValue::Denied => self.denied(field),
            ProjectionValue::Leaf { from, .. } => {
                let found = self.view.first(&self.records[frame..], from);
                self.resolved(field, found, None)
            }
            ProjectionValue::Object { object, .. } => {
                let start = self.found.len();
                let position = self.view.position(object.position);
                self.view.nested(position, &self.records[frame..], &mut self.found);
                let found = best(self.found[start..].iter().copied());
                let result = self.resolved(field, found, Some((object, start)));
                self.found.truncate(start);
                result
            }
        }
    }

    /// What the client may not see is null, told by path and nothing else. No fallback stands in: it might be just what is kept.
    fn denied(&mut self, field: &ProjectionField) -> Result<(), Stop> {
        self.told.own("Unauthorized field or type.", Some(Code::Unauthorized), None, &self.path);
        self.null(&field.ty)
    }

    /// Lets the field's fallback stand in for what failed or is null; else completes the value. `nested`: see
    /// [`complete`](Self::complete).
    fn resolved(
        &mut self,
        field: &'s ProjectionField,
        found: Found,
        nested: Option<(&'s ObjectProjection, usize)>,
    ) -> Result<(), Stop> {
        let Some(fallback) = &field.fallback else { return self.complete(field, &field.ty, found, nested) };
        match found.value {
            Slot::Failed(failure) => {
                let applies = self.applies(fallback, failure);
                if let Some(earlier) = found.earlier.filter(|earlier| applies && is_shown(fallback, earlier)) {
                    self.tell_with(failure, Some(Substitute::Stale), fallback.report);
                    self.tell_beside(found.at);
                    if let Some((_, start)) = nested {
                        self.view.stand_in(&mut self.found[start..], |earlier| is_shown(fallback, earlier));
                    }
                    return self.complete(field, &field.ty, Found::nowhere(earlier.value), nested);
                }
                let stand_in = applies.then_some(fallback.value.as_ref()).flatten();
                let told_as = stand_in.map(|_| Substitute::Value);
                self.tell_with(failure, told_as, fallback.report);
                self.tell_beside(found.at);
                match stand_in {
                    Some(value) => self.fallback(field, &field.ty, &field.value, value),
                    None => self.null(&field.ty),
                }
            }
            Slot::Null | Slot::Absent if fallback.on_null => match &fallback.value {
                Some(value) => {
                    self.tell_beside(found.at);
                    self.fallback(field, &field.ty, &field.value, value)
                }
                None => self.complete(field, &field.ty, found, nested),
            },
            _ => self.complete(field, &field.ty, found, nested),
        }
    }

    fn applies(&self, fallback: &Fallback, failure: FailureId) -> bool {
        match self.view.arena.failures.get(failure).code {
            Code::Timeout => fallback.on_timeout,
            _ => fallback.on_error,
        }
    }

    fn tell(&mut self, failure: FailureId) {
        self.tell_with(failure, None, FallbackReport::Errors);
    }

    fn tell_beside(&mut self, at: u32) {
        if at == NOWHERE {
            return;
        }
        let view = self.view;
        for failure in view.arena.beside(at) {
            self.tell(*failure);
        }
    }

    /// Null, for which a reason has been told.
    fn null(&mut self, ty: &Type) -> Result<(), Stop> {
        if ty.is_non_null() {
            return Err(Stop::Null);
        }
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    /// Null that a service answered, or answered nothing for.
    fn unexplained_null(&mut self, field: &ProjectionField, ty: &Type) -> Result<(), Stop> {
        if ty.is_non_null() {
            let ProjectionField { type_name, field_name, .. } = field;
            let message = format!("Cannot return null for non-nullable field {type_name}.{field_name}.");
            let service = self.service_of(field);
            self.told.own(&message, Some(Code::UnexpectedNull), service, &self.path);
        }
        self.null(ty)
    }

    /// An object of a type that clients do not see.
    fn hidden(&mut self, field: &ProjectionField, ty: &Type) -> Result<(), Stop> {
        match ty.is_non_null() {
            true => self.unexplained_null(field, ty),
            false => Err(Stop::Null),
        }
    }

    /// Writes what `write` writes, or null where that is null and `ty` allows it.
    fn catching(&mut self, ty: &Type, write: impl FnOnce(&mut Self) -> Result<(), Stop>) -> Result<(), Stop> {
        let (out, path) = (self.out.len(), self.path.len());
        let (records, found) = (self.records.len(), self.found.len());
        let result = write(self);
        // Also after an early return in the midst of a member.
        self.path.truncate(path);
        self.records.truncate(records);
        self.found.truncate(found);
        match result {
            Err(Stop::Null) if !ty.is_non_null() => {
                self.out.truncate(out);
                self.out.extend_from_slice(b"null");
                Ok(())
            }
            other => other,
        }
    }

    /// A value of type `ty`. For objects, `nested` says how they are written, and where in the stack their nested records start.
    fn complete(
        &mut self,
        field: &'s ProjectionField,
        ty: &'s Type,
        found: Found,
        nested: Option<(&'s ObjectProjection, usize)>,
    ) -> Result<(), Stop> {
        if let Slot::Failed(failure) = found.value {
            self.tell(failure);
            // Services that share the field may have failed each for itself.
            let others = nested.map_or(0..0, |(_, start)| start..self.found.len());
            for index in others {
                match self.found[index].value {
                    Slot::Failed(other) if other != failure => self.tell(other),
                    _ => {}
                }
            }
        }
        self.tell_beside(found.at);
        match (found.value, &field.value) {
            (Slot::Failed(_), _) => self.null(ty),
            (Slot::List(start, len), _) if ty.is_list() => self.catching(ty, |writer| {
                writer.tell_lengths(len, nested.map_or(0..0, |(_, start)| start..writer.found.len()));
                let depth = writer.path.len();
                let write = |writer: &mut Self, index: u32| {
                    writer.path.push(Segment::Index(index));
                    let (element, nested) = writer.element(start, index, nested);
                    writer.complete(field, ty.item_type(), element, nested)?;
                    if let Some((_, start)) = nested {
                        writer.found.truncate(start);
                    }
                    writer.path.pop();
                    Ok(())
                };
                writer.out.push(b'[');
                for index in 0..len {
                    if index > 0 {
                        writer.out.push(b',');
                    }
                    let found = writer.found.len();
                    if let Err(stop) = write(writer, index) {
                        writer.found.truncate(found);
                        writer.beyond(stop, depth, index + 1..len, write);
                        return Err(stop);
                    }
                }
                writer.out.push(b']');
                Ok(())
            }),
            (Slot::Scalar(range), ProjectionValue::Leaf { leaf, .. }) if !ty.is_list() => {
                self.leaf(field, ty, leaf, range)
            }
            (Slot::Object(_), _) if !ty.is_list() => match nested {
                Some((object, start)) => self.catching(ty, |writer| {
                    let frame = writer.records.len();
                    let position = writer.view.position(object.position);
                    writer.view.records(position, &writer.found[start..], &mut writer.records);
                    match writer.object(object, frame) {
                        Err(Stop::Hidden) => writer.hidden(field, ty),
                        written => written,
                    }
                }),
                None => self.unexplained_null(field, ty),
            },
            _ => self.unexplained_null(field, ty),
        }
    }

    /// Lists of several services are joined by position, so they have to be equally long.
    fn tell_lengths(&mut self, len: u32, lists: std::ops::Range<usize>) {
        let is_other = |found: &Found| matches!(found.value, Slot::List(_, other) if other != len);
        if self.found[lists].iter().any(is_other) {
            let message = "The services answered lists of different lengths, which are joined by position.";
            self.told.own(message, Some(Code::InvalidResponse), None, &self.path);
        }
    }

    /// An element of a list of leaves, or of the lists in which nested records stand: these become the top of the stack.
    fn element(
        &mut self,
        start: u32,
        index: u32,
        nested: Option<(&'s ObjectProjection, usize)>,
    ) -> (Found, Option<(&'s ObjectProjection, usize)>) {
        match nested {
            None => (self.view.at(start + index), None),
            Some((object, lists)) => {
                let top = self.found.len();
                for list in lists..top {
                    let list = self.found[list];
                    self.view.elements(&[list], index, &mut self.found);
                }
                (best(self.found[top..].iter().copied()), Some((object, top)))
            }
        }
    }

    fn leaf(&mut self, field: &ProjectionField, ty: &Type, leaf: &Leaf, range: Range) -> Result<(), Stop> {
        let text = self.view.arena.text(range);
        match leaf {
            Leaf::Enum { known, visible } if known.len() != visible.len() => {
                let name = unquoted(text);
                if !visible.iter().any(|visible| visible.as_bytes() == name) {
                    return self.unexplained_null(field, ty);
                }
                self.out.extend_from_slice(text);
            }
            Leaf::Any => json::compact(text, &mut self.out),
            _ => self.out.extend_from_slice(text),
        }
        if self.out.len() > self.shaping.bytes_max {
            return Err(Stop::Size);
        }
        Ok(())
    }

    /// A declared value: objects carry schema names, and are written as the client selected.
    fn fallback(
        &mut self,
        field: &'s ProjectionField,
        ty: &'s Type,
        projection: &'s ProjectionValue,
        value: &Value,
    ) -> Result<(), Stop> {
        match (value, projection) {
            (Value::Null, _) => self.unexplained_null(field, ty),
            (Value::Array(items), _) if ty.is_list() => self.catching(ty, |writer| {
                writer.out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        writer.out.push(b',');
                    }
                    writer.path.push(Segment::Index(index as u32));
                    writer.fallback(field, ty.item_type(), projection, item)?;
                    writer.path.pop();
                }
                writer.out.push(b']');
                Ok(())
            }),
            (Value::Object(members), ProjectionValue::Object { object, .. }) if !ty.is_list() => {
                self.catching(ty, |writer| writer.fallback_object(object, members))
            }
            (value, ProjectionValue::Leaf { leaf, .. }) if !ty.is_list() => {
                match (leaf, value) {
                    (Leaf::Id, Value::Number(number)) => json::write_string(&number.to_string(), &mut self.out),
                    // Writing to memory cannot fail.
                    (_, value) => drop(serde_json::to_writer(&mut self.out, value)),
                }
                Ok(())
            }
            _ => self.unexplained_null(field, ty),
        }
    }

    fn fallback_object(
        &mut self,
        projection: &'s ObjectProjection,
        members: &serde_json::Map<String, Value>,
    ) -> Result<(), Stop> {
        let told = members.get("__typename").and_then(Value::as_str);
        let name = match (told, &projection.possible[..]) {
            (Some(told), possible) => possible.iter().find(|name| name.as_str() == told),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let Some(name) = name else {
            self.told.own("A fallback value is of an unknown type.", None, None, &self.path);
            return Err(Stop::Null);
        };
        self.out.push(b'{');
        for (index, field) in branch(&projection.branches, name).iter().enumerate() {
            self.start_field(index, field);
            match &field.value {
                ProjectionValue::Typename => drop(serde_json::to_writer(&mut self.out, name.as_str())),
                ProjectionValue::Denied => self.denied(field)?,
                _ => {
                    let value = members.get(field.field_name.as_str()).unwrap_or(&Value::Null);
                    self.fallback(field, &field.ty, &field.value, value)?;
                }
            }
            self.path.pop();
        }
        self.out.push(b'}');
        Ok(())
    }
}

/// Whether an earlier value is shown: it is young enough, and not one that the fallback stands in for itself.
fn is_shown(fallback: &Fallback, earlier: &Earlier) -> bool {
    let is_young = fallback.stale_ms.is_some_and(|bound| earlier.age <= Duration::from_millis(bound));
    match earlier.value {
        Slot::Absent | Slot::Failed(_) | Slot::Stale(_) => false,
        Slot::Null => is_young && !(fallback.on_null && fallback.value.is_some()),
        Slot::Scalar(_) | Slot::Object(_) | Slot::List(..) => is_young,
    }
}

fn branch<'s>(branches: &'s [ProjectionBranch], name: &Name) -> &'s [ProjectionField] {
    branches.iter().find(|branch| branch.types.contains(name)).map_or(&[], |branch| &branch.fields)
}
