//! Makes a failing case smaller: one operation with as few selections as still fail, on a schema with as few fields, types,
//! directives and data as still fail in the same way.

mod edit;
mod operation;

use super::guarded;
use crate::oracle::case::Case;

/// How often a smaller case is tried, unless `ORACLE_SHRINK` says otherwise.
const ATTEMPTS: usize = 1_500;

/// What the generator made is no fragment: a mistake of its own.
const INVALID: &str = "it panicked: fragment";

/// The smallest case found that fails as this one does.
pub(super) fn shrink(case: Case, wrong: &[String]) -> Case {
    let wanted = kind(wrong);
    if wanted.contains(INVALID) {
        return case;
    }
    let most = std::env::var("ORACLE_SHRINK").ok().and_then(|text| text.parse().ok()).unwrap_or(ATTEMPTS);
    let mut attempts = 0;
    let mut fails = |case: &Case| {
        attempts += 1;
        attempts <= most && kind(&guarded(case).0) == wanted
    };
    let without = Case { queries: Vec::new(), ..case.clone() };
    let single = |query| Case { queries: vec![query], ..case.clone() };
    let mut case = if fails(&without) {
        without
    } else {
        // Only together: there is nothing to leave out.
        let Some(failing) = case.queries.iter().cloned().map(single).find(|case| fails(case)) else { return case };
        failing
    };
    // What one pass leaves out can let the next one leave out more.
    for _ in 0..3 {
        let before = size(&case);
        if !case.queries.is_empty() {
            reduce(&mut case, operation::without_selection, &mut fails);
        }
        for edit in edit::all(&case) {
            if let Some(smaller) = edit.apply(&case)
                && fails(&smaller)
            {
                case = smaller;
            }
        }
        if size(&case) == before {
            break;
        }
    }
    case
}

fn reduce(case: &mut Case, without: impl Fn(&Case, usize) -> Option<Case>, fails: &mut impl FnMut(&Case) -> bool) {
    let mut at = 0;
    while let Some(smaller) = without(case, at) {
        if fails(&smaller) {
            *case = smaller;
        } else {
            at += 1;
        }
    }
}

fn size(case: &Case) -> usize {
    let fragments: usize = case.fragments.iter().map(|(_, text)| text.len()).sum();
    let queries: usize = case.queries.iter().map(|query| query.text.len()).sum();
    case.schema.len() + fragments + queries + case.data.to_string().len()
}

/// What sort of failure that is: a smaller case must fail in the same way.
pub(super) fn kind(wrong: &[String]) -> String {
    const KINDS: [&str; 16] = [
        "the case is wrong",
        "the printed supergraph",
        "does not compose",
        "composed schema",
        "is not valid",
        "it panicked",
        "data differs",
        "no error explains",
        "the unsplit service does not have",
        "mutations:",
        "calls:",
        "asked twice",
        "@requires",
        "not provided here",
        "took over",
        "no such entity",
    ];
    let Some(first) = wrong.iter().find(|wrong| wrong.contains(KINDS[0])).or(wrong.first()) else {
        return String::new();
    };
    let kind = KINDS.iter().find(|kind| first.contains(**kind)).copied();
    if first.starts_with(INVALID) {
        return first.lines().next().unwrap_or(INVALID).to_owned();
    }
    let mut kind = kind.unwrap_or_else(|| first.split([':', '`']).nth(1).unwrap_or(first)).to_owned();
    if kind == "composed schema" {
        return first.clone();
    }
    if matches!(kind.as_str(), "does not compose" | "it panicked" | "is not valid") {
        // The code, or the message without the names in it.
        let told = first.lines().find(|line| line.contains("rror")).unwrap_or(first);
        kind.push_str(&told.chars().filter(|c| !c.is_ascii_digit()).take(60).collect::<String>());
    }
    kind
}
