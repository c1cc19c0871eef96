//! What of an operation a client may not see.
//!
//! In: a document, the graph's [`Guards`], a client's grants. Out: the rules that the client does not meet, which a plan is
//! cached by: two clients of whom the same holds share it, whatever their tokens say. Decided before planning, so that nothing of what
//! is kept from a client is asked of a service, required by it or held for it.
//! Source of the walk: every field of the document, on the type that it is selected on and on every concrete one that it can be of; more than what one operation
//! selects, which costs a plan at the most.

use apollo_compiler::Name;
use apollo_compiler::collections::{HashMap, HashSet};
use apollo_compiler::executable::{Selection, SelectionSet};

use super::{Outcome, RequestError};
use crate::operation::{self, Document, Operation};
use crate::supergraph::{Grants, GuardId, Guards, possible_types};

/// What happens to an operation that selects what its client may not see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unauthorized {
    /// The fields are null, with an error each, and the rest is answered.
    #[default]
    Null,
    /// Nothing is answered.
    Refuse,
}

/// No more fields than this are told of one refused operation.
const TOLD_MAX: usize = 20;

/// The rules that decide anything in a document, sorted.
pub(super) fn guards_of(document: &Document, guards: &Guards) -> Box<[GuardId]> {
    if guards.is_empty() {
        return Box::default();
    }
    let executable = document.executable();
    let mut possible: HashMap<&Name, Vec<Name>> = HashMap::default();
    let mut seen = HashSet::default();
    let mut found = HashSet::default();
    let mut pending: Vec<&SelectionSet> =
        executable.operations.iter().map(|definition| &definition.selection_set).collect();
    pending.extend(executable.fragments.values().map(|fragment| &fragment.selection_set));
    while let Some(set) = pending.pop() {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    pending.push(&field.selection_set);
                    if !seen.insert((&set.ty, &field.name)) {
                        continue;
                    }
                    let guarded: &Vec<Name> = possible.entry(&set.ty).or_insert_with(|| {
                        let types = possible_types(document.api(), &set.ty);
                        types.into_iter().chain([set.ty.clone()]).filter(|name| guards.has(name)).collect()
                    });
                    found.extend(guarded.iter().flat_map(|of| guards.of(of, &field.name)).copied());
                }
                Selection::InlineFragment(inline) => pending.push(&inline.selection_set),
                // All fragments are looked at anyway.
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    let mut found: Vec<GuardId> = found.into_iter().collect();
    found.sort();
    found.into()
}

/// Those that a client does not meet, sorted.
pub(super) fn denied(of_document: &[GuardId], guards: &Guards, grants: &Grants) -> Box<[GuardId]> {
    of_document.iter().copied().filter(|id| !guards.is_granted(*id, grants)).collect()
}

/// Whether one of these rules keeps a field of an object, which is selected on that type.
pub(super) fn is_denied(denied: &[GuardId], guards: &Guards, on: &Name, object: &Name, field: &Name) -> bool {
    let is_kept = |of: &Name| guards.of(of, field).iter().any(|id| denied.binary_search(id).is_ok());
    !denied.is_empty() && (is_kept(object) || (on != object && is_kept(on)))
}

/// Refuses an operation in which anything is denied.
pub(super) fn refuse(operation: &Operation) -> Result<(), Vec<RequestError>> {
    let mut told = Vec::new();
    let mut known = HashSet::default();
    let mut seen = HashSet::default();
    let mut pending: Vec<&operation::SelectionSet> = vec![&operation.selection];
    while let Some(set) = pending.pop() {
        if !seen.insert(set) {
            continue;
        }
        for branch in &set.branches {
            for field in &branch.fields {
                pending.extend(&field.selection);
                if field.is_denied && told.len() < TOLD_MAX && known.insert((&branch.types[0], &field.name)) {
                    let message = format!("Unauthorized field or type: {}.{}.", branch.types[0], field.name);
                    told.push(RequestError::new(Outcome::Unauthorized, "UNAUTHORIZED_FIELD_OR_TYPE", message));
                }
            }
        }
    }
    if told.is_empty() { Ok(()) } else { Err(told) }
}
