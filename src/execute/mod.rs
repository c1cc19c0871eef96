//! Executes a plan: asks the services, and writes the response.
//!
//! In: a [`Plan`](crate::planner::Plan), the coerced variables, the client's headers and deadline. Out: the bytes of a
//! GraphQL response, whatever the services answer. The parts, in the order in which data passes through them:
//!
//! ```text
//! run             starts each fetch when those before it are done, and links what they answer
//! positions       which objects stand where; from the answers so far
//! representation  what identifies an object, as bytes
//! graphql         `_entities` and root operations of GraphQL services
//! connect         calls of HTTP/JSON services
//! json, read      an answer's bytes along the planned shape into slots
//! shape           one walk over the projection: slots into the response; null propagation, fallbacks
//! ```
//!
//! Deliberately absent: planning, caching, retries, and anything that waits outside of the request's own task.

pub(crate) mod connect;
pub(crate) mod errors;
pub(crate) mod graphql;
pub(crate) mod json;
pub(crate) mod layout;
pub(crate) mod positions;
pub(crate) mod prepared;
pub(crate) mod read;
pub(crate) mod representation;
pub(crate) mod run;
pub(crate) mod shape;
pub(crate) mod slots;
pub(crate) mod told;

#[cfg(test)]
mod tests;
