//! Batched, cached, deduplicating loads from backend services.
//!
//! In: keys and a [`Protocol`] that knows how a service is asked for some of them. Out: one result per
//! key. Every key travels once, a batch leaves at once (its keys are all known), identical reads in flight are
//! shared between requests, and entries are reused for as long as their owner allows.
//! Deliberately absent: GraphQL, plans, and any knowledge of what the bytes mean.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

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
}

/// How a service is asked for some keys, and how its answer is taken apart.
pub trait Protocol: Send + Sync {
    /// The call for these keys, which are distinct and at most the batch's size.
    fn call(&self, keys: &[Bytes]) -> Result<Call, LoadError>;
    /// One result per key, in the order of `keys`; `None` where the service has no such entity.
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
