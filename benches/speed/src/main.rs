//! How fast the pure rooms are: composition, planning, and how long a hostile operation can keep the planner busy.
//!
//! In: a seed and sizes; the graph, its fragments and the operations are made from them. Out: a few lines for people, and a failed
//! exit where a promise is broken. Deliberately absent: services, HTTP and execution; see `demo-load` for these.
//!
//! ```text
//! cargo run --release -p weft-speed                         everything
//! cargo run --release -p weft-speed -- planning 2000 7      2,000 operations, seed 7
//! cargo run --release -p weft-speed -- composition 1000     1,000 fragments
//! cargo run --release -p weft-speed -- hostile              operations that are made to be hard
//! benches/instructions                              the same work in instructions, under callgrind
//! ```

#![allow(clippy::unwrap_used)]

mod clock;
mod composition;
mod graph;
mod hostile;
mod operations;
mod planning;
mod random;

use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments.get(index).and_then(|argument| argument.parse::<u64>().ok());
    let is_kept = match arguments.first().map(String::as_str) {
        None => {
            let planned = planning::run(2_000, 1);
            let composed = composition::run(1_000);
            planned & composed & hostile::run(None, None)
        }
        Some("planning") => planning::run(number(1).unwrap_or(2_000) as usize, number(2).unwrap_or(1)),
        Some("composition") => composition::run(number(1).unwrap_or(1_000) as usize),
        Some("hostile") => {
            let text = |index: usize| arguments.get(index).map(String::as_str);
            hostile::run(text(1), text(2))
        }
        Some(other) => {
            eprintln!("there is no benchmark `{other}`: planning, composition, hostile");
            false
        }
    };
    if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Says whether a time is within its promise.
fn promise(what: &str, took: Duration, max: Duration) -> bool {
    let is_kept = took <= max;
    println!("{what}: {took:.1?}, promised {max:?}{}", if is_kept { "" } else { "  BROKEN" });
    is_kept
}
