//! Batched, cached, deduplicating loads from backend services.
//!
//! In: keys and a [`Protocol`] that knows how a service is asked for some of them. Out: one result per
//! key. Every key travels once, a batch leaves at once (its keys are all known), identical reads in flight are
//! shared between requests, and entries are reused for as long as their owner allows.
//! Deliberately absent: GraphQL, plans, and any knowledge of what the bytes mean.
//!
//! The path of a load, each step a module that knows only the next one:
//!
//! ```text
//! load      batch       distinct keys, cached entries, chunks, one result per key
//! call      inflight    identical reads are one exchange; each caller has its own deadline
//!           observe     statistics, span
//! exchange  transport   the trait between policies and wires: a policy wraps a transport
//!           http        reqwest: limits on time, connections and bytes
//! ```

mod batch;
mod cache;
mod freshness;
mod http_transport;
mod inflight;
mod observe;
mod settings;
mod statistics;
mod transport;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

pub use batch::{Batch, Partition, Reuse};
pub use settings::Settings;
pub use statistics::{CacheStatistics, LATENCY_BOUNDS, ServiceStatistics, Statistics};
pub use transport::{Exchange, Transport};

use cache::Cache;
use http_transport::Http;
use inflight::Flights;
use observe::Services;

/// The examples of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// One HTTP exchange.
#[derive(Clone, Debug)]
pub struct Call {
    /// Whom, for messages, metrics and policies: the fragment's name.
    pub service: Arc<str>,
    /// The method.
    pub method: Method,
    /// The absolute URL.
    pub url: String,
    /// All headers, the forwarded ones included: reads are shared only between calls with equal headers.
    pub headers: HeaderMap,
    /// The body, empty for none.
    pub body: Bytes,
    /// Whether it may be shared and repeated.
    pub effect: Effect,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// The bound that people know (`@timeout`, or the default): for messages.
    pub timeout: Duration,
}

/// What a call does to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: identical ones in flight are one.
    Read,
    /// Nothing, but a write of its caller may have changed what it reads: it does not join one in flight.
    ReadAnew,
    /// Something: each travels exactly once.
    Write,
}

/// What a service answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed, within the limit.
    pub body: Bytes,
}

/// Why a load failed. Never names an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// No answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// Refused, reset, not resolved, over capacity.
    #[error("{0}")]
    Unavailable(&'static str),
    /// A status that is no success.
    #[error("status {0}")]
    Status(u16),
    /// An answer that cannot be understood, in a few words without its content.
    #[error("{0}")]
    Invalid(String),
    /// What was asked for cannot be asked of the service: no call was made, and it is not to blame.
    #[error("{0}")]
    Refused(String),
}

/// How a service is asked for some keys, and how its answer is taken apart.
pub trait Protocol: Send + Sync {
    /// The call for these keys, which are distinct and at most the batch's size.
    fn call(&self, keys: &[Bytes]) -> Result<Call, LoadError>;
    /// One result per key, in the order of `keys`: an entry whose data is `null` where the service has no such entity.
    /// Errors: the whole answer is of no use, and every key of the call fails with this.
    fn split(&self, keys: &[Bytes], answer: &Answer) -> Result<Vec<Result<Entry, LoadError>>, LoadError>;
}

/// What was loaded for one key.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The entity's JSON text; `null` for a missing one. A slice of the answer, or a copy once it is cached.
    pub data: Bytes,
    /// What came with it beside the data (a service's errors below this entity), as the protocol understands it.
    /// An entry with any is not cached.
    pub notes: Vec<Bytes>,
}

/// What became of one key.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was loaded.
    pub result: Result<Entry, LoadError>,
    /// Where that failed, or came with notes: an earlier answer that may stand in. See [`Reuse::stale`].
    pub stale: Option<Stale>,
}

/// An earlier answer for the same key.
#[derive(Clone, Debug)]
pub struct Stale {
    /// What was loaded then. It has no notes.
    pub entry: Entry,
    /// How long ago the service gave it.
    pub age: Duration,
}

impl From<Result<Entry, LoadError>> for Outcome {
    fn from(result: Result<Entry, LoadError>) -> Outcome {
        Outcome { result, stale: None }
    }
}

/// Loads from every service. Cheap to clone: all clones share connections, loads in flight, cache and statistics.
///
/// Nothing is spawned: a load is driven by those who wait for it, and is dropped with the last of them.
#[derive(Clone)]
pub struct Loaders {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    transport: Arc<dyn Transport>,
    flights: Arc<Flights>,
    cache: Cache,
    services: Services,
}

impl Loaders {
    /// Loaders that speak HTTP.
    #[must_use]
    pub fn new(settings: Settings) -> Loaders {
        let transport = Arc::new(Http::new(&settings));
        Loaders::with_transport(settings, transport)
    }

    /// Loaders over another transport, or over one that is wrapped in policies.
    #[must_use]
    pub fn with_transport(settings: Settings, transport: Arc<dyn Transport>) -> Loaders {
        let cache = Cache::new(&settings);
        Loaders {
            shared: Arc::new(Shared {
                settings,
                transport,
                flights: Arc::default(),
                cache,
                services: Services::default(),
            }),
        }
    }

    /// Makes one exchange, or waits for an identical one that is under way.
    ///
    /// A read is shared with every call in flight that is equal in service, method, URL, headers and body. Each caller waits until its own
    /// deadline; the exchange ends with its last waiter. A write always travels once, and later reads of its service
    /// never join one that began before it was done.
    /// Errors: never [`LoadError::Status`]; a status is the protocol's to judge.
    pub async fn call(&self, call: Call) -> Result<Arc<Answer>, LoadError> {
        inflight::call(&self.shared, call).await
    }

    /// Loads some keys: one outcome per given key, in their order.
    ///
    /// Distinct keys that no cache entry answers travel at once in calls of at most the batch's size; a call that fails, fails only
    /// its own keys.
    pub async fn load(&self, batch: Batch<'_>, protocol: &dyn Protocol) -> Vec<Outcome> {
        batch::load(self, batch, protocol).await
    }

    /// What happened since the start.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics { services: self.shared.services.statistics(), cache: self.shared.cache.statistics() }
    }
}

impl fmt::Debug for Loaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaders").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}
