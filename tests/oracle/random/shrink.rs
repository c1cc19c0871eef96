//! Makes a failing case smaller: one operation, with as few selections as still fail.

use apollo_compiler::ast::{Definition, Document, Selection};

use super::guarded;
use crate::oracle::case::Case;

/// How often a smaller case is tried.
const ATTEMPTS: usize = 400;

pub(crate) fn shrink(case: Case) -> Case {
    let fails = |case: &Case| {
        let wrong = guarded(case);
        !wrong.is_empty() && !wrong.iter().any(|wrong| wrong.contains("the case is wrong"))
    };
    let without = Case { queries: Vec::new(), ..case.clone() };
    if fails(&without) {
        return without;
    }
    let single = |query| Case { queries: vec![query], ..case.clone() };
    let failing = case.queries.iter().cloned().map(single).find(|case| fails(case));
    // Only together: nothing to leave out.
    let Some(mut case) = failing else { return case };
    let mut at = 0;
    for _ in 0..ATTEMPTS {
        let Some(text) = without_selection(&case.queries[0].text, at) else { break };
        let mut smaller = case.clone();
        smaller.queries[0].text = text;
        if fails(&smaller) {
            case = smaller;
        } else {
            at += 1;
        }
    }
    case
}

/// The operation without its selection number `at`, or with what that selection holds in its place. `None`: it has no such selection.
fn without_selection(text: &str, at: usize) -> Option<String> {
    let mut document = Document::parse(text, "query.graphql").ok()?;
    let mut left = at;
    let mut done = false;
    for definition in &mut document.definitions {
        let selections = match definition {
            Definition::OperationDefinition(operation) => &mut operation.make_mut().selection_set,
            Definition::FragmentDefinition(fragment) => &mut fragment.make_mut().selection_set,
            _ => continue,
        };
        if remove(selections, &mut left) {
            done = true;
            break;
        }
    }
    done.then(|| document.to_string())
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
