//! What happened, as plain data for whoever shows it. See [`crate::Loaders::statistics`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Upper bounds of the buckets of [`ServiceStatistics::latency`]; what is slower counts in one more bucket.
pub const LATENCY_BOUNDS: [Duration; 14] = [
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// Counts since the start, and what is held now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// By the service's name.
    pub services: BTreeMap<Arc<str>, ServiceStatistics>,
    /// All services together.
    pub cache: CacheStatistics,
}

/// Counts of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceStatistics {
    /// Exchanges that were started.
    pub calls: u64,
    /// Calls that waited for an exchange of another caller instead of one of their own.
    pub shared: u64,
    /// Exchanges under way now.
    pub in_flight: u64,
    /// Keys that batches were asked for, repetitions included.
    pub keys: u64,
    /// Keys that a batch named more than once: they travelled once.
    pub repeated_keys: u64,
    /// Distinct keys that the cache answered.
    pub cache_hits: u64,
    /// Distinct keys that it was asked for in vain.
    pub cache_misses: u64,
    /// Callers whose deadline passed.
    pub timeouts: u64,
    /// Exchanges that failed before there was an answer.
    pub unavailable: u64,
    /// Answers with another status than success.
    pub statuses: u64,
    /// Answers that could not be read, or that the protocol could make nothing of.
    pub invalid: u64,
    /// Exchanges that were dropped because nobody waited any more.
    pub abandoned: u64,
    /// How many exchanges ended within each of [`LATENCY_BOUNDS`] (and not within the one before), the slower ones
    /// last. Abandoned ones count with the time that they had.
    pub latency: [u64; LATENCY_BOUNDS.len() + 1],
    /// The time of all these exchanges together.
    pub latency_sum: Duration,
}

/// What the cache holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheStatistics {
    /// Entries.
    pub entries: u64,
    /// Their weight: data, keys and bookkeeping.
    pub bytes: u64,
}
