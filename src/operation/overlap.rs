//! Bounds what comparing overlapping fields will cost, before validation compares them.
//!
//! Validation (FieldsInSetCanMerge) descends once for each concrete parent type that shares a response key with fields of an
//! abstract parent, and so does merging by runtime type later. A small document can make that exponential in its
//! depth. This walks the same sets and only counts; whoever exceeds the limit is refused.

use apollo_compiler::Schema;
use apollo_compiler::collections::{HashSet, IndexMap};
use apollo_compiler::executable::{ExecutableDocument, Field, Selection, SelectionSet};
use apollo_compiler::{Name, Node};

use super::{RequestError, RequestErrorKind};

struct Walk<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    steps_left: usize,
}

/// A field, and the type of the selection set that it stands in.
type Selected<'a> = (&'a Name, &'a Node<Field>);

/// Refuses a document that takes more than `steps_max` comparisons. Its fragments form no circle.
pub(super) fn check(schema: &Schema, document: &ExecutableDocument, steps_max: usize) -> Result<(), RequestError> {
    let mut walk = Walk { schema, document, steps_left: steps_max };
    for operation in document.operations.iter() {
        if walk.compare(&[&operation.selection_set]).is_none() {
            return Err(too_complex());
        }
    }
    Ok(())
}

/// The refusal of an operation whose fields overlap in too many ways.
pub(super) fn too_complex() -> RequestError {
    RequestError::new(
        RequestErrorKind::Limit,
        "The operation selects overlapping fields on so many types that comparing them exceeds the limit.",
    )
}

impl<'a> Walk<'a> {
    fn compare(&mut self, sets: &[&'a SelectionSet]) -> Option<()> {
        let mut selected = Vec::new();
        let mut seen = HashSet::default();
        for set in sets {
            self.expand(set, &mut seen, &mut selected)?;
        }
        let mut by_key: IndexMap<&Name, Vec<Selected<'a>>> = IndexMap::default();
        for (parent, field) in selected {
            by_key.entry(field.response_key()).or_default().push((parent, field));
        }
        for fields in by_key.values() {
            if fields.iter().all(|(_, field)| field.selection_set.selections.is_empty()) {
                continue;
            }
            for group in self.by_parent(fields)? {
                self.compare(&group)?;
            }
        }
        Some(())
    }

    /// The selection sets below fields that can belong to one object: those of each concrete parent together with those of all
    /// abstract ones.
    fn by_parent(&mut self, fields: &[Selected<'a>]) -> Option<Vec<Vec<&'a SelectionSet>>> {
        let mut abstract_parents = Vec::new();
        let mut concrete: IndexMap<&Name, Vec<&'a SelectionSet>> = IndexMap::default();
        for (parent, field) in fields {
            if self.schema.get_object(parent).is_some() {
                concrete.entry(parent).or_default().push(&field.selection_set);
            } else {
                abstract_parents.push(&field.selection_set);
            }
        }
        if concrete.is_empty() {
            return Some(vec![abstract_parents]);
        }
        self.step(concrete.len().saturating_mul(abstract_parents.len()))?;
        Some(
            concrete
                .into_values()
                .map(|mut sets| {
                    sets.extend(&abstract_parents);
                    sets
                })
                .collect(),
        )
    }

    fn expand(
        &mut self,
        set: &'a SelectionSet,
        seen: &mut HashSet<&'a Name>,
        into: &mut Vec<Selected<'a>>,
    ) -> Option<()> {
        for selection in &set.selections {
            self.step(1)?;
            match selection {
                Selection::Field(field) => into.push((&set.ty, field)),
                Selection::InlineFragment(inline) => self.expand(&inline.selection_set, seen, into)?,
                Selection::FragmentSpread(spread) => {
                    if seen.insert(&spread.fragment_name)
                        && let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                    {
                        self.expand(&fragment.selection_set, seen, into)?;
                    }
                }
            }
        }
        Some(())
    }

    fn step(&mut self, count: usize) -> Option<()> {
        self.steps_left = self.steps_left.checked_sub(count)?;
        Some(())
    }
}
