//! The time that this thread computed for. Time on the wall says little on a machine that others use as well.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A moment.
#[derive(Clone, Copy)]
pub(crate) struct Moment(Duration);

impl Moment {
    pub(crate) fn now() -> Self {
        Self(computed().unwrap_or_else(|| {
            static START: OnceLock<Instant> = OnceLock::new();
            START.get_or_init(Instant::now).elapsed()
        }))
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

/// On Linux: the kernel's own count, in nanoseconds.
fn computed() -> Option<Duration> {
    // The kernel brings its count up to date when a thread lets others have their turn.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
