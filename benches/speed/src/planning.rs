//! Random operations of a hundred fields on a graph of a thousand types.

use std::time::Duration;

use weft::operation::{Document, Limits, normalize};
use weft::planner::{Budget, Graph, plan};
use weft::supergraph::Supergraph;

use crate::clock::Moment;
use crate::random::Random;
use crate::{graph, operations, promise};

const FIELDS: usize = 100;
const REPEATED: usize = 3;
const PROMISED: Duration = Duration::from_millis(10);

pub(crate) fn run(count: usize, seed: u64) -> bool {
    let fragments = graph::fragments(&graph::texts(1_000, 50, seed));
    let supergraph = graph::composed(&fragments);
    let start = Moment::now();
    let graph = Graph::new(&supergraph);
    println!("planning: {} types indexed in {:.1?}", supergraph.schema.types.len(), start.elapsed());
    let mut random = Random::new(seed);
    let (mut parsing, mut normalizing, mut planning, mut all) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut calls, mut refused, mut worst) = (0, 0, (Duration::ZERO, String::new()));
    while planning.len() + refused < count {
        let text = operations::operation(&supergraph.api, FIELDS, &mut random);
        // Other work on the machine may interrupt any one of them.
        let runs: Vec<_> = (0..REPEATED).filter_map(|_| once(&graph, &supergraph, &text, &mut calls)).collect();
        let Some(best) = runs.into_iter().min_by_key(|parts| parts.iter().sum::<Duration>()) else {
            refused += 1;
            continue;
        };
        parsing.push(best[0]);
        normalizing.push(best[1]);
        planning.push(best[2]);
        all.push(best.iter().sum());
        if best[2] > worst.0 {
            worst = (best[2], text);
        }
    }
    println!(
        "{} operations of {FIELDS} fields, {:.1} calls each",
        planning.len(),
        calls as f64 / (REPEATED * planning.len()) as f64
    );
    for (what, times) in [("parsed", &mut parsing), ("normalized", &mut normalizing), ("planned", &mut planning)] {
        times.sort();
        println!("{what:>12}: p50 {:.2?}, p99 {:.2?}, at most {:.2?}", at(times, 50), at(times, 99), at(times, 100));
    }
    all.sort();
    if std::env::var("WORST").is_ok() {
        println!("{}", worst.1);
    }
    let is_kept = promise("99 of 100 operations are parsed, normalized and planned within", at(&all, 99), PROMISED);
    is_kept && refused == 0
}

/// Times of parsing, normalizing and planning.
fn once(graph: &Graph, supergraph: &Supergraph, text: &str, calls: &mut usize) -> Option<[Duration; 3]> {
    let start = Moment::now();
    let document = match Document::parse(text, &supergraph.api, &Limits::default()) {
        Ok(document) => document,
        Err(errors) => panic!("{}\n{text}", errors[0]),
    };
    let parsed = start.elapsed();
    let operation = match normalize(&document, document.operation(None).unwrap(), &|_| true) {
        Ok(operation) => operation,
        Err(error) => panic!("{error}\n{text}"),
    };
    let normalized = start.elapsed();
    match plan(graph, supergraph, &operation, &Budget::default()) {
        Ok(plan) => *calls += plan.fetches.len(),
        Err(error) => {
            println!("{error}\n{text}");
            return None;
        }
    }
    Some([parsed, normalized - parsed, start.elapsed() - normalized])
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}
