//! Runs seeds one after the other, on several threads, until enough cases ran. Says how it goes, and goes on after a failure.
//!
//! A case is one operation, answered by the unsplit service and through the gateway. A failing seed is made smaller, written
//! as a case folder below `target/tmp/oracle`, and told with the folder's path.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) first_seed: u64,
    /// Cases to run, at least.
    pub(crate) cases: u64,
    /// Failing seeds after which it gives up.
    pub(crate) failures: usize,
    pub(crate) threads: usize,
    /// Between two lines of progress.
    pub(crate) pause: Duration,
}

/// What happened.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) graphs: u64,
    pub(crate) cases: u64,
    /// Calls to services, of all cases together.
    pub(crate) calls: u64,
    /// Failing seeds, and what each failed by.
    pub(crate) failed: BTreeMap<u64, String>,
}

pub(crate) fn run(job: Job) -> Summary {
    static QUIET: std::sync::Once = std::sync::Once::new();
    QUIET.call_once(super::quieten);
    let next = AtomicU64::new(job.first_seed);
    let failures = AtomicUsize::new(0);
    let state = Mutex::new((Summary::default(), Instant::now()));
    let start = Instant::now();
    let work = || {
        loop {
            let is_enough = state.lock().unwrap().0.cases >= job.cases;
            if is_enough || failures.load(Ordering::Relaxed) >= job.failures {
                return;
            }
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let (ran, failed) = match super::run(seed) {
                Ok(ran) => (ran, None),
                Err(failed) => (failed.ran, Some((failed.case, failed.wrong))),
            };
            if let Some((case, wrong)) = &failed {
                failures.fetch_add(1, Ordering::Relaxed);
                let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracle").join(&case.name);
                let _ = fs::remove_dir_all(&folder);
                case.write(&folder);
                let wrong = wrong.iter().map(|wrong| format!("  {wrong}\n")).collect::<String>();
                println!("==== seed {seed}, written to {}\n{wrong}", folder.display());
            }
            let mut state = state.lock().unwrap();
            let (summary, last) = &mut *state;
            summary.graphs += 1;
            summary.cases += ran.cases;
            summary.calls += ran.calls;
            if let Some((_, wrong)) = failed {
                summary.failed.insert(seed, super::shrink::kind(&wrong));
            }
            if last.elapsed() > job.pause {
                *last = Instant::now();
                let rate = summary.cases as f64 / start.elapsed().as_secs_f64();
                let (cases, failed) = (summary.cases, summary.failed.len());
                println!("{cases} of {} cases, {rate:.0} a second, {failed} failed, at seed {seed}", job.cases);
            }
        }
    };
    std::thread::scope(|scope| (0..job.threads).for_each(|_| drop(scope.spawn(work))));
    state.into_inner().unwrap().0
}
