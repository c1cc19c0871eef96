//! Random cases: graph, split, data, operations. A failing one is made smaller and written as a case folder.
//!
//! `make oracle CASES=100000 SEED=7`

mod data;
mod graph;
mod operation;
mod rng;
pub(crate) mod runner;
mod shrink;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use apollo_compiler::{ExecutableDocument, Schema};

use super::case::{Case, Expect, Query};
use super::check::check_counting;
use rng::Rng;

/// Operations on each graph.
const OPERATIONS: usize = 12;

/// The case of a seed.
pub(crate) fn case(seed: u64) -> Case {
    let mut rng = Rng::new(seed);
    let graph = graph::Graph::random(&mut rng);
    let text = graph.schema();
    let schema = Schema::parse_and_validate(&text, "schema.graphql");
    let schema =
        schema.unwrap_or_else(|errors| panic!("seed {seed}: the generated schema is not valid: {errors}\n{text}"));
    let data = data::random(&mut rng, &graph);
    let mut queries = Vec::new();
    for attempt in 0.. {
        if queries.len() == OPERATIONS || attempt == OPERATIONS * 4 {
            break;
        }
        let (text, variables) = operation::random(&mut rng, &schema);
        if ExecutableDocument::parse_and_validate(&schema, &text, "query.graphql").is_ok() {
            // Which mutations run when some fail is open.
            let may_fail = !text.starts_with("mutation") && rng.percent(10);
            let failing = may_fail.then(|| format!("s{}", rng.below(graph.subgraphs)));
            let failing = failing.into_iter().collect();
            let expect = Expect { errors_allowed: true, failing, ..Expect::default() };
            queries.push(Query { name: format!("q{}", queries.len()), text, variables, expect });
        }
    }
    let name = format!("random_{seed}");
    Case { name, schema: text, fragments: graph.fragments(), supergraph: None, data, queries }
}

/// What ran of a seed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ran {
    pub(crate) cases: u64,
    pub(crate) calls: u64,
}

/// A seed that failed: the case, made smaller, and what is wrong with that.
#[derive(Debug)]
pub(crate) struct Failed {
    ran: Ran,
    case: Case,
    wrong: Vec<String>,
}

/// Checks the case of a seed; a failing one is made smaller.
pub(crate) fn run(seed: u64) -> Result<Ran, Box<Failed>> {
    let case = case(seed);
    let (wrong, calls) = guarded(&case);
    let ran = Ran { cases: case.queries.len() as u64, calls };
    if wrong.is_empty() {
        return Ok(ran);
    }
    let case = shrink::shrink(case, &wrong);
    let (wrong, _) = guarded(&case);
    Err(Box::new(Failed { ran, case, wrong }))
}

thread_local! {
    /// A panic of this thread is a finding, and told as one.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Lets panics that are findings not be told twice: cases that are made smaller can panic a thousand times.
fn quieten() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !IS_GUARDED.get() {
            told(panic);
        }
    }));
}

/// As `check`, where a panic counts as a finding.
fn guarded(case: &Case) -> (Vec<String>, u64) {
    IS_GUARDED.set(true);
    let checked = catch_unwind(AssertUnwindSafe(|| check_counting(case))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
        (vec![format!("it panicked: {text}")], 0)
    });
    IS_GUARDED.set(false);
    checked
}
