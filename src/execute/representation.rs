//! What identifies an object: its representation, as bytes.
//!
//! In: an object's records, and the planned [`Representation`]. Out: a JSON object, written straight from slots: equal
//! bytes mean the same entity, so that the loaders can tell. Or why the object cannot be asked for.
//! The recursion follows the plan.

use super::errors::{Code, FailureId};
use super::positions::{Found, Typename, View, length};
use super::slots::Slot;
use crate::planner::plan::{Position, Representation, RepresentationField, RepresentationTypename};

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

/// Appends the representation of one object. Where it is not sent, `out` may hold a part of it.
pub(crate) fn write(
    view: View<'_>,
    position: &Position,
    records: &[Slot],
    representation: &Representation,
    out: &mut Vec<u8>,
) -> Result<(), NotSent> {
    let typename = match view.typename(position, records) {
        Typename::Failed(failure) => return Err(NotSent::Failed(failure)),
        Typename::Unknown => None,
        Typename::Known(name) => Some(name),
    };
    let branch = representation.branches.iter().find(|branch| {
        branch.types.is_empty()
            || typename.is_some_and(|typename| branch.types.iter().any(|name| name.as_bytes() == typename))
    });
    let branch = branch.ok_or(NotSent::OtherType)?;
    let start = out.len();
    write_typename(representation, typename, out)?;
    for field in &branch.fields {
        out.push(if out.len() == start { b'{' } else { b',' });
        out.push(b'"');
        out.extend_from_slice(field.name.as_bytes());
        out.extend_from_slice(b"\":");
        write_field(view, records, field, out)?;
    }
    close(start, out);
    Ok(())
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

fn write_field(
    view: View<'_>,
    records: &[Slot],
    field: &RepresentationField,
    out: &mut Vec<u8>,
) -> Result<(), NotSent> {
    let found = view.first(records, &field.from);
    match &field.nested {
        None => write_value(view, field, found, out),
        Some(nested) => {
            let position = view.position(nested.position);
            let mut starts = Vec::new();
            view.nested(position, records, &mut starts);
            write_objects(view, field, &nested.representation, position, found, &starts, out)
        }
    }
}

/// A scalar, or lists of them.
fn write_value(view: View<'_>, field: &RepresentationField, found: Found, out: &mut Vec<u8>) -> Result<(), NotSent> {
    match found.value {
        Slot::Scalar(range) => out.extend_from_slice(view.arena.text(range)),
        Slot::List(..) => {
            let lists = [found];
            write_list(out, length(&lists), |index, out| {
                let mut element = Vec::with_capacity(1);
                view.elements(&lists, index, &mut element);
                // A null in a list is a value of the list, not a missing key.
                match element[0].value {
                    Slot::Null | Slot::Absent => out.extend_from_slice(b"null"),
                    _ => write_value(view, field, element[0], out)?,
                }
                Ok(())
            })?;
        }
        missing => write_missing(view, field, found, missing, out)?,
    }
    Ok(())
}

/// An object, or lists of them; `starts` are where its nested records are.
fn write_objects(
    view: View<'_>,
    field: &RepresentationField,
    representation: &Representation,
    position: &Position,
    found: Found,
    starts: &[Found],
    out: &mut Vec<u8>,
) -> Result<(), NotSent> {
    match found.value {
        Slot::List(..) => write_list(out, length(starts), |index, out| {
            let mut elements = Vec::with_capacity(starts.len());
            view.elements(starts, index, &mut elements);
            let element = super::positions::best(elements.iter().copied());
            match element.value {
                Slot::Null | Slot::Absent => {
                    out.extend_from_slice(b"null");
                    Ok(())
                }
                _ => write_objects(view, field, representation, position, element, &elements, out),
            }
        }),
        Slot::Object(_) => {
            let mut records = Vec::with_capacity(position.records.len());
            view.records(position, starts, &mut records);
            match write(view, position, &records, representation, out) {
                // An object of a type of which nothing is required.
                Err(NotSent::OtherType) => {
                    let typename = match view.typename(position, &records) {
                        Typename::Known(name) => Some(name),
                        _ => None,
                    };
                    let start = out.len();
                    write_typename(representation, typename, out)?;
                    close(start, out);
                    Ok(())
                }
                other => other,
            }
        }
        missing => write_missing(view, field, found, missing, out),
    }
}

fn write_list(
    out: &mut Vec<u8>,
    len: u32,
    mut write_element: impl FnMut(u32, &mut Vec<u8>) -> Result<(), NotSent>,
) -> Result<(), NotSent> {
    out.push(b'[');
    for index in 0..len {
        if index > 0 {
            out.push(b',');
        }
        write_element(index, out)?;
    }
    out.push(b']');
    Ok(())
}

fn write_missing(
    view: View<'_>,
    field: &RepresentationField,
    found: Found,
    missing: Slot,
    out: &mut Vec<u8>,
) -> Result<(), NotSent> {
    match missing {
        Slot::Failed(failure) => {
            // A required field that its service answered as null, with an error, is null to the service that requires it; what was never
            // answered is not, nor what is null because the service made its object null.
            let reason = view.arena.failures.get(failure);
            let answered = found.at != super::positions::NOWHERE && reason.object_was_answered;
            if field.is_key || !answered || reason.code != Code::Downstream {
                return Err(NotSent::Failed(failure));
            }
        }
        _ if field.is_key => return Err(NotSent::NullKey),
        _ => {}
    }
    out.extend_from_slice(b"null");
    Ok(())
}
