//! Every limit of a request, with its default. Plain values: whoever starts the process resolves them.

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderName;

use super::Unauthorized;
use crate::{operation, planner};

/// Limits and choices of the gateway.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether `__schema` and `__type` are answered.
    pub introspection: bool,
    /// What happens to an operation that selects what its client may not see.
    pub unauthorized: Unauthorized,
    /// How long a service may take where its fragment has no `@timeout`.
    pub service_timeout: Duration,
    /// Which of the client's headers reach GraphQL services. HTTP services get what their fragments say.
    pub forward_headers: ForwardHeaders,
    /// `$config` of the connectors, by fragment: an object each.
    pub connect_config: BTreeMap<String, serde_json::Value>,
    /// The largest operation that is accepted.
    pub limits: operation::Limits,
    /// What planning one operation may cost.
    pub planning: planner::Budget,
    /// Operations that are parsed and planned at the same time; further ones wait. What is cached does not.
    pub planning_parallel_max: usize,
    /// Parsed documents that a snapshot keeps: bytes of their texts. In memory they are some twenty times as large.
    pub document_cache_bytes_max: u64,
    /// Plans that a snapshot keeps: estimated bytes in memory.
    pub plan_cache_bytes_max: u64,
    /// Values that the services' answers to one request may hold, 16 bytes each.
    pub values_max: usize,
    /// Bytes of one response.
    pub response_bytes_max: usize,
}

/// Headers that are forwarded to GraphQL services; names in lower case.
#[derive(Clone, Debug, Default)]
pub struct ForwardHeaders {
    /// To all of them.
    pub all: Vec<HeaderName>,
    /// Beside these, by the fragment's name.
    pub by_service: BTreeMap<String, Vec<HeaderName>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            introspection: false,
            unauthorized: Unauthorized::default(),
            service_timeout: Duration::from_secs(30),
            forward_headers: ForwardHeaders::default(),
            connect_config: BTreeMap::new(),
            limits: operation::Limits::default(),
            planning: planner::Budget::default(),
            planning_parallel_max: std::thread::available_parallelism().map_or(1, usize::from),
            document_cache_bytes_max: 2 << 20,
            plan_cache_bytes_max: 64 << 20,
            values_max: 8_000_000,
            response_bytes_max: 64 << 20,
        }
    }
}
