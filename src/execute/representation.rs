//! What identifies an object: its representation, as bytes.
//!
//! In: an object's records, and the planned [`Representation`]. Out: a JSON object, written straight from slots: equal
//! bytes mean the same entity, so that the loaders can tell. Or why the object cannot be asked for.
//! The recursion follows the plan.

use super::errors::FailureId;
use super::positions::{Found, Typename, View, length};
use super::slots::Slot;
use crate::planner::plan::{
    Position, Representation, RepresentationBranch, RepresentationField, RepresentationTypename,
};

/// Why an object is not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// It is not of a type that this fetch is for.
    OtherType,
    /// Its key is null: what would be linked is null.
    NullKey,
    /// What identifies it could not be had.
    Failed(FailureId),
}

/// What becomes of an object of which something required has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Incomplete {
    /// It is not sent.
    Stays,
    /// It is sent without: nothing that needs it is asked. Of its key, everything is needed.
    Goes,
}

/// Appends the representation of one object. Where it is not sent, `out` may hold a part of it.
pub(crate) fn write(
    view: View<'_>,
    position: &Position,
    records: &[Slot],
    representation: &Representation,
    incomplete: Incomplete,
    out: &mut Vec<u8>,
) -> Result<(), NotSent> {
    Writer { view, incomplete, out }.object(position, records, representation)
}

/// Whether all that one field requires could be had.
pub(crate) fn check(
    view: View<'_>,
    position: &Position,
    records: &[Slot],
    branches: &[RepresentationBranch],
) -> Result<(), NotSent> {
    let mut out = Vec::new();
    let mut writer = Writer { view, incomplete: Incomplete::Stays, out: &mut out };
    let typename = match view.typename(position, records) {
        Typename::Known(name) => Some(name),
        Typename::Unknown | Typename::Failed(_) => None,
    };
    match branch(branches, typename) {
        Some(branch) => branch.fields.iter().try_for_each(|field| writer.field(records, field)),
        None => Ok(()),
    }
}

fn branch<'b>(branches: &'b [RepresentationBranch], typename: Option<&[u8]>) -> Option<&'b RepresentationBranch> {
    branches.iter().find(|branch| {
        branch.types.is_empty()
            || typename.is_some_and(|typename| branch.types.iter().any(|name| name.as_bytes() == typename))
    })
}

struct Writer<'w> {
    view: View<'w>,
    incomplete: Incomplete,
    out: &'w mut Vec<u8>,
}

impl Writer<'_> {
    fn object(
        &mut self,
        position: &Position,
        records: &[Slot],
        representation: &Representation,
    ) -> Result<(), NotSent> {
        let view = self.view;
        let typename = match view.typename(position, records) {
            Typename::Failed(failure) => return Err(NotSent::Failed(failure)),
            Typename::Unknown => None,
            Typename::Known(name) => Some(name),
        };
        let branch = branch(&representation.branches, typename).ok_or(NotSent::OtherType)?;
        let start = self.out.len();
        write_typename(representation, typename, self.out)?;
        for field in &branch.fields {
            let before = self.out.len();
            self.out.push(if before == start { b'{' } else { b',' });
            self.out.push(b'"');
            self.out.extend_from_slice(field.name.as_bytes());
            self.out.extend_from_slice(b"\":");
            match self.field(records, field) {
                Err(NotSent::Failed(_)) if self.incomplete == Incomplete::Goes && !field.is_key => {
                    self.out.truncate(before);
                }
                written => written?,
            }
        }
        close(start, self.out);
        Ok(())
    }

    fn field(&mut self, records: &[Slot], field: &RepresentationField) -> Result<(), NotSent> {
        let view = self.view;
        let found = view.first(records, &field.from);
        match &field.nested {
            None => self.value(field, found),
            Some(nested) => {
                let position = view.position(nested.position);
                let mut starts = Vec::new();
                view.nested(position, records, &mut starts);
                self.objects(field, &nested.representation, position, found, &starts)
            }
        }
    }

    /// A scalar, or lists of them.
    fn value(&mut self, field: &RepresentationField, found: Found) -> Result<(), NotSent> {
        let view = self.view;
        match found.value {
            Slot::Scalar(range) => self.out.extend_from_slice(view.arena.text(range)),
            Slot::List(..) => {
                let lists = [found];
                self.list(length(&lists), |writer, index| {
                    let mut element = Vec::with_capacity(1);
                    view.elements(&lists, index, &mut element);
                    // A null in a list is a value of the list, not a missing key.
                    match element[0].value {
                        Slot::Null | Slot::Absent => writer.out.extend_from_slice(b"null"),
                        _ => writer.value(field, element[0])?,
                    }
                    Ok(())
                })?;
            }
            missing => self.missing(field, missing)?,
        }
        Ok(())
    }

    /// An object, or lists of them; `starts` are where its nested records are.
    fn objects(
        &mut self,
        field: &RepresentationField,
        representation: &Representation,
        position: &Position,
        found: Found,
        starts: &[Found],
    ) -> Result<(), NotSent> {
        let view = self.view;
        match found.value {
            Slot::List(..) => self.list(length(starts), |writer, index| {
                let mut elements = Vec::with_capacity(starts.len());
                view.elements(starts, index, &mut elements);
                let element = super::positions::best(elements.iter().copied());
                match element.value {
                    Slot::Null | Slot::Absent => {
                        writer.out.extend_from_slice(b"null");
                        Ok(())
                    }
                    _ => writer.objects(field, representation, position, element, &elements),
                }
            }),
            Slot::Object(_) => {
                let mut records = Vec::with_capacity(position.records.len());
                view.records(position, starts, &mut records);
                match self.object(position, &records, representation) {
                    // An object of a type of which nothing is required.
                    Err(NotSent::OtherType) => {
                        let typename = match view.typename(position, &records) {
                            Typename::Known(name) => Some(name),
                            _ => None,
                        };
                        let start = self.out.len();
                        write_typename(representation, typename, self.out)?;
                        close(start, self.out);
                        Ok(())
                    }
                    other => other,
                }
            }
            missing => self.missing(field, missing),
        }
    }

    fn list(
        &mut self,
        len: u32,
        mut element: impl FnMut(&mut Self, u32) -> Result<(), NotSent>,
    ) -> Result<(), NotSent> {
        self.out.push(b'[');
        for index in 0..len {
            if index > 0 {
                self.out.push(b',');
            }
            element(self, index)?;
        }
        self.out.push(b']');
        Ok(())
    }

    /// What is required may be null: that is an answer. What has failed is none.
    fn missing(&mut self, field: &RepresentationField, missing: Slot) -> Result<(), NotSent> {
        match missing {
            Slot::Failed(failure) => Err(NotSent::Failed(failure)),
            _ if field.is_key => Err(NotSent::NullKey),
            _ => {
                self.out.extend_from_slice(b"null");
                Ok(())
            }
        }
    }
}

/// Ends the object that starts at `start`, if anything of it was written.
fn close(start: usize, out: &mut Vec<u8>) {
    if out.len() == start {
        out.push(b'{');
    }
    out.push(b'}');
}

fn write_typename(representation: &Representation, typename: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), NotSent> {
    let name = match &representation.typename {
        RepresentationTypename::None => return Ok(()),
        RepresentationTypename::Fixed(name) => name.as_bytes(),
        RepresentationTypename::OfObject => typename.ok_or(NotSent::OtherType)?,
    };
    out.extend_from_slice(b"{\"__typename\":\"");
    out.extend_from_slice(name);
    out.push(b'"');
    Ok(())
}
