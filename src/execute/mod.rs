//! Executes a plan: asks the services, and writes the response.
//!
//! In: a [`Plan`](crate::planner::Plan), the coerced variables, the client's headers and deadline. Out: the bytes of a
//! GraphQL response, whatever the services answer. The parts, in the order in which data passes through them:
//!
//! ```text
//! run             starts each fetch when those before it are done, and links what they answer
//! positions       which objects stand where; from the answers so far
//! gather          what a fetch is asked for: keys, each once; without what requires something that failed
//! without         a downstream operation without some fields
//! representation  what identifies an object, as bytes
//! graphql         `_entities` and root operations of GraphQL services
//! service_errors  what these report
//! connect, batch  calls of HTTP/JSON services; lookups of many entities
//! arguments       what a client gives them
//! json, read      an answer's bytes along the planned shape into slots
//! values          an answer as a value, for mappings that compute
//! link            errors to their places, entities to the objects that asked for them
//! places          an error's path, to where the client asked for it
//! stale           earlier answers beside what failed
//! shape           one walk over the projection: slots into the response; null propagation, fallbacks
//! ```
//!
//! Deliberately absent: planning, caching, retries, and anything that waits outside of the request's own task.

mod arguments;
mod batch;
mod connect;
mod errors;
mod gather;
mod graphql;
mod json;
mod layout;
mod link;
mod places;
mod positions;
mod prepared;
mod read;
mod representation;
mod run;
mod service_errors;
mod shape;
mod slots;
mod stale;
#[cfg(test)]
pub(crate) mod tests;
mod told;
mod values;
mod without;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apollo_compiler::Name;
use http::{HeaderMap, HeaderName};
use serde_json::Value;
use weft_loaders::Loaders;

use crate::operation::Variables;
use crate::supergraph::Supergraph;

pub(crate) use prepared::Prepared;

/// What one request is executed with.
#[derive(Clone, Copy)]
pub(crate) struct Execution<'r> {
    /// The plan.
    pub(crate) prepared: &'r Prepared,
    /// The graph that it was made for.
    pub(crate) supergraph: &'r Supergraph,
    pub(crate) loaders: &'r Loaders,
    /// Coerced.
    pub(crate) variables: &'r Variables,
    /// The client's.
    pub(crate) headers: &'r HeaderMap,
    /// When the client stops waiting.
    pub(crate) deadline: Instant,
    /// Bound of a load whose fragment has none.
    pub(crate) timeout: Duration,
    /// Values in all answers.
    pub(crate) values_max: usize,
    /// Bytes of the response.
    pub(crate) response_bytes_max: usize,
    /// Which of the client's headers reach a GraphQL service.
    pub(crate) forwarded: &'r (dyn Fn(&str) -> Vec<HeaderName> + Sync),
    /// `$config` of a fragment's connectors.
    pub(crate) config: &'r (dyn Fn(&str) -> &'r Value + Sync),
    /// What the gateway itself answers, by response key: JSON texts.
    pub(crate) introspection: &'r HashMap<Name, Vec<u8>>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `{"data":…,"errors":…}`.
    pub(crate) body: Vec<u8>,
    /// How often something stood in for what failed, by service.
    pub(crate) stood_in: Vec<(Arc<str>, StoodIn)>,
}

/// How often something stood in for a field that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoodIn {
    /// The value that the fragment declares.
    pub values: u64,
    /// An earlier answer.
    pub stale: u64,
}

/// Executes a plan.
pub(crate) async fn execute(execution: Execution<'_>) -> Answer {
    let answered = run::run(execution).await;
    shape::write(shape::Shaping {
        view: positions::View { plan: &execution.prepared.plan, arena: &answered.arena, roots: &answered.roots },
        supergraph: execution.supergraph,
        introspection: execution.introspection,
        bytes_max: execution.response_bytes_max,
    })
}
