//! Leaving out parts of an operation.

use apollo_compiler::ast::{Definition, Document, Selection};

use crate::oracle::case::Case;

/// The case without selection number `at` of its operation. `None`: there is no such selection.
pub(super) fn without_selection(case: &Case, at: usize) -> Option<Case> {
    let mut document = Document::parse(case.queries[0].text.as_str(), "query.graphql").ok()?;
    let mut left = at;
    let removed = document.definitions.iter_mut().any(|definition| {
        let selections = match definition {
            Definition::OperationDefinition(operation) => &mut operation.make_mut().selection_set,
            Definition::FragmentDefinition(fragment) => &mut fragment.make_mut().selection_set,
            _ => return false,
        };
        remove(selections, &mut left)
    });
    let mut case = case.clone();
    case.queries[0].text = document.to_string();
    removed.then_some(case)
}

fn remove(selections: &mut Vec<Selection>, left: &mut usize) -> bool {
    for index in 0..selections.len() {
        if *left == 0 {
            selections.remove(index);
            return true;
        }
        *left -= 1;
        let below = match &mut selections[index] {
            Selection::Field(field) => &mut field.make_mut().selection_set,
            Selection::InlineFragment(fragment) => &mut fragment.make_mut().selection_set,
            Selection::FragmentSpread(_) => continue,
        };
        if remove(below, left) {
            return true;
        }
    }
    false
}
