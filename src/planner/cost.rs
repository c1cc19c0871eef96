//! What plans are compared by: calls first, then steps, then the size of what is asked.

/// A call costs a service's capacity, and may fail.
const CALL: u64 = 1_000_000;
/// A step costs the client's time. Ten of them are worth one call.
const STEP: u64 = 100_000;
/// A field costs bytes.
const FIELD: u64 = 1;

/// The cost of a plan.
pub(super) fn of(calls: usize, steps: u32, fields: usize) -> u64 {
    CALL * calls as u64 + STEP * u64::from(steps) + FIELD * fields as u64
}
