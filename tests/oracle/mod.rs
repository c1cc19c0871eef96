//! Is a federated answer the one that a single, unsplit service would have given?
//!
//! In: a [`Case`]: one schema, its split into fragments, data, operations. Each operation runs twice: on the unsplit
//! schema, and through the gateway over one server in process per fragment. Both sides are executed by apollo-compiler,
//! which is not ours. The servers are strict: see [`server`], and [`http`] for fragments with connectors.

mod case;
mod check;
mod compare;
mod fragment;
mod http;
#[allow(unreachable_pub, reason = "each test binary uses its own part")]
#[path = "../support/model.rs"]
mod model;
pub(crate) mod random;
mod server;
mod world;

pub(crate) use case::Case;
pub(crate) use check::check;
