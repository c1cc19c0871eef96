//! Federation, case by case: `tests/cases/federation/<name>/`, and at random. See `oracle`.
//!
//! `CASE=name VERBOSE=1 cargo test --test federation cases -- --nocapture` shows the answers, the calls and the plans of one case.

#![allow(clippy::unwrap_used)]

mod oracle;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use oracle::{Case, check};

#[test]
fn cases() {
    let only = std::env::var("CASE").ok();
    let folder = std::env::var("CASES").unwrap_or_else(|_| "tests/cases/federation".into());
    let mut folders: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    let mut failed = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let wrong = catch_unwind(AssertUnwindSafe(|| check(&Case::read(&folder))));
        let wrong = wrong.unwrap_or_else(|_| vec!["it panicked".into()]);
        if !wrong.is_empty() {
            println!("==== {name}");
            wrong.iter().for_each(|wrong| println!("  {wrong}"));
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "these cases fail: {failed:?}");
}
