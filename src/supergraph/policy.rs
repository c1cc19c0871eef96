//! What a fragment's owner declares about failure and caching: `@fallback`, `@timeout`, `@cacheControl`.

use std::sync::Arc;

/// Policies on one field of one subgraph.
#[derive(Clone, Debug, Default)]
pub struct FieldPolicy {
    /// What stands in when the field's load fails.
    pub fallback: Option<Arc<Fallback>>,
    /// Bound of the load, retries included. Milliseconds.
    pub timeout_ms: Option<u64>,
    /// How long the answer may be reused.
    pub cache: Option<CacheControl>,
}

/// Policies on one type of one subgraph.
#[derive(Clone, Debug, Default)]
pub struct TypePolicy {
    /// Bound of each load of the type. Milliseconds.
    pub timeout_ms: Option<u64>,
    /// How long an object of the type may be reused.
    pub cache: Option<CacheControl>,
}

/// `@fallback`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fallback {
    /// What stands in, checked against the field's type. `None`: only `stale` was given.
    /// An object carries schema names; the client's selection projects it.
    pub value: Option<serde_json::Value>,
    /// A cached answer no older than this stands in first. Milliseconds.
    pub stale_ms: Option<u64>,
    /// Stands in for a field that answered with an error.
    pub on_error: bool,
    /// Stands in for a field whose load was late.
    pub on_timeout: bool,
    /// Stands in for null, for a missing entity and for a skipped call; not told to the client.
    pub on_null: bool,
    /// Where the failure is told.
    pub report: FallbackReport,
}

/// Where a failure that a fallback covered is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackReport {
    /// One entry in `errors`.
    Errors,
    /// One entry in `extensions.fallbacks`.
    Extensions,
}

/// `@cacheControl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheControl {
    /// Seconds; `None` leaves the lifetime to the parent or to the default of 0.
    pub max_age_s: Option<u32>,
    /// Who may share the answer; `None` leaves it to the parent.
    pub scope: Option<CacheScope>,
    /// Take the parent's lifetime.
    pub inherit_max_age: bool,
}

/// Who may share an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheScope {
    /// All requests that forward the same headers.
    Public,
    /// The request itself.
    Private,
}

/// A duration such as `"150ms"`, `"2s"`, `"5m"`, `"1h"` or `"7d"`, in milliseconds: one whole number and one unit.
/// Errors: a sentence that says what is expected.
pub fn parse_duration(text: &str) -> Result<u64, &'static str> {
    let expected = "A duration is a whole number with a unit: \"150ms\", \"2s\", \"5m\", \"1h\" or \"7d\".";
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or(expected)?;
    let (number, unit) = text.split_at(split);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(expected),
    };
    let number: u64 = number.parse().map_err(|_| expected)?;
    // A century is as good as forever, and leaves room to add to a clock.
    number.checked_mul(unit_ms).filter(|ms| *ms <= 100 * 365 * 86_400_000).ok_or("That is longer than a century.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [("150ms", 150), ("2s", 2_000), ("5m", 300_000), ("1h", 3_600_000), ("7d", 604_800_000)] {
            assert_eq!(parse_duration(text), Ok(ms));
        }
        for text in ["", "5", "ms", "-1s", "1.5s", "1 s", "1h30m", "2S", "99999999999999999999s", "999999999d", "١s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
