//! Random cases: graph, split, data, operations. A failing one is made smaller and written as a case folder.
//!
//! `ORACLE_CASES=2000 ORACLE_SEED=7 cargo test --test federation oracle -- --nocapture`

mod data;
mod graph;
mod operation;
mod rng;
mod shrink;

use std::panic::{AssertUnwindSafe, catch_unwind};

use apollo_compiler::{ExecutableDocument, Schema};

use super::case::{Case, Expect, Query};
use super::check::check;
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
            let expect = Expect { errors_allowed: true, ..Expect::default() };
            queries.push(Query { name: format!("q{}", queries.len()), text, variables, expect });
        }
    }
    let name = format!("random_{seed}");
    Case { name, schema: text, fragments: graph.fragments(), supergraph: None, data, queries }
}

/// Checks the case of a seed; a failing one is made smaller.
pub(crate) fn run(seed: u64) -> Result<usize, Box<(Case, Vec<String>)>> {
    let case = case(seed);
    let wrong = guarded(&case);
    if wrong.is_empty() {
        return Ok(case.queries.len());
    }
    let case = shrink::shrink(case);
    let wrong = guarded(&case);
    Err(Box::new((case, wrong)))
}

/// As `check`, where a panic counts as a finding.
fn guarded(case: &Case) -> Vec<String> {
    catch_unwind(AssertUnwindSafe(|| check(case))).unwrap_or_else(|_| vec!["it panicked".into()])
}
