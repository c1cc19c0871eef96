//! Federation, case by case: `tests/cases/federation/<name>/`, and at random. See `oracle`.
//!
//! `CASE=name VERBOSE=1 cargo test --test federation cases -- --nocapture` shows the answers, the calls and the plans of one case.

#![allow(clippy::unwrap_used)]

mod oracle;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use oracle::{Case, check, random};

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

/// The servers' strictness is what the cases rest on, so it must show when the gateway believes something untrue.
#[test]
fn a_gateway_that_is_told_lies_is_found_out() {
    let case = Case::read("tests/cases/federation/supergraph_file".as_ref());
    let lies = [
        // An external field that nothing provides.
        ("@join__field(graph: POSTS, external: true) @join__field(graph: USERS)", "", "not provided here"),
        // A requirement that is not known of.
        ("@join__field(graph: POSTS, requires: \"email\")", "@join__field(graph: POSTS)", "@requires"),
        // A key that the service does not have.
        ("key: \"id\", extension: true", "key: \"email\", extension: true", "no such entity"),
        // A field that was taken over.
        ("@join__field(graph: USERS, override: \"posts\")", "@join__field(graph: POSTS)", "took over"),
        // A field that the service does not have.
        ("title: String @join__field(graph: POSTS)", "title: String @join__field(graph: USERS)", "not valid"),
    ];
    for (truth, lie, finding) in lies {
        let told = case.supergraph.as_ref().unwrap().replace(truth, lie);
        assert_ne!(&told, case.supergraph.as_ref().unwrap(), "{truth}");
        let wrong = check(&Case { supergraph: Some(told), ..case.clone() });
        assert!(wrong.iter().any(|wrong| wrong.contains(finding)), "{finding}: {wrong:#?}");
    }
}

/// Cases that the test makes unless it is told otherwise, and the calls to services that they need: a plan that got worse shows
/// there, and one that got better may lower it.
const CASES: u64 = 3_000;
const CALLS: u64 = 8_300;

/// `make oracle CASES=100000 SEED=1`.
#[test]
fn oracle() {
    let number =
        |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse().unwrap());
    let cases = number("ORACLE_CASES");
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let job = random::runner::Job {
        first_seed: number("ORACLE_SEED").unwrap_or(1),
        cases: cases.unwrap_or(CASES),
        failures: number("ORACLE_FAILURES").unwrap_or(10) as usize,
        threads: number("ORACLE_THREADS").unwrap_or(threads) as usize,
        pause: std::time::Duration::from_secs(10),
    };
    let summary = random::runner::run(job);
    let (graphs, cases_run, calls) = (summary.graphs, summary.cases, summary.calls);
    println!("{cases_run} cases on {graphs} graphs from seed {}, {calls} calls", job.first_seed);
    assert!(summary.failed.is_empty(), "these seeds fail: {:#?}", summary.failed);
    if cases.is_none() && job.first_seed == 1 {
        // On several threads, a few more cases than wanted may run.
        assert!(calls * CASES <= CALLS * cases_run, "{calls} calls, where {CALLS} were enough");
    }
}
