//! Every limit of a load, with its default. Plain values: whoever starts the process resolves them.

use std::time::Duration;

/// Limits of loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Bytes of an answer's body, after decompression; a longer one is an invalid answer.
    pub response_bytes_max: usize,
    /// How long a connection may take to stand: name, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Idle connections that are kept per address.
    pub idle_connections_max: usize,
    /// How long an idle connection is kept.
    pub idle_timeout: Duration,
    /// Keys in one call, where a batch does not say. At least one travels.
    pub batch_keys_max: usize,
    /// Calls of one batch that are under way at the same time; further ones leave as these end.
    pub batch_calls_max: usize,
    /// Bytes of all cached entries, keys and bookkeeping included. 0: nothing is cached.
    pub cache_bytes_max: u64,
    /// Bytes of one cached entry: a huge one must not push out thousands.
    pub cache_entry_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            response_bytes_max: 32 << 20,
            connect_timeout: Duration::from_secs(1),
            idle_connections_max: 100,
            idle_timeout: Duration::from_secs(50),
            batch_keys_max: 100,
            batch_calls_max: 100,
            cache_bytes_max: 64 << 20,
            cache_entry_bytes_max: 1 << 20,
        }
    }
}
