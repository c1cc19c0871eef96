//! Plans an operation: which service is asked what, in which order.
//!
//! In: a normalized [`Operation`](crate::operation::Operation) and the [`Graph`]. Out: [`Plan`], plain data with a
//! readable `Display`. Never does I/O, has no clock: its budget is counted in steps of the search.
//!
//! # How
//!
//! `resolve` makes one plan, from the root downwards, always taking the way that is cheapest by the estimates of `reach`;
//! wherever it had more than one way, that was a choice. `search` makes further plans that differ in choices, and
//! keeps the cheapest by `cost`: all of them where there are few, the most promising ones until the budget is used up where
//! there are many. Every plan on the way is complete, so there is always an answer. `merge` decides what travels
//! together, `emit` writes downstream operations, and `assemble` lays out records and the projection.

mod assemble;
mod cost;
mod display;
mod draft;
mod emit;
mod enter;
mod graph;
mod merge;
mod missing;
mod parts;
pub mod plan;
mod policy;
mod prune;
mod reach;
mod resolve;
mod root;
mod search;
mod stale;
#[cfg(test)]
mod tests;

mod ways;

pub use graph::Graph;
pub use plan::Plan;
pub use search::{Budget, plan};

use apollo_compiler::Name;

use crate::operation::OperationType;

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A kind of operation that is not served yet.
    #[error("{} operations are not served yet.", .0.name())]
    NotServed(OperationType),
    /// No subgraph can answer a field where it is asked for. Composition refuses such graphs; a ready supergraph file may
    /// still be one.
    #[error("No service can answer \"{type_name}.{field}\" where the operation asks for it.")]
    Unreachable {
        /// The concrete type.
        type_name: Name,
        /// The field.
        field: Name,
    },
    /// `__schema` or `__type` on a query root that stands below an object.
    #[error("`{0}` is answered at the root of an operation only.")]
    IntrospectionBelowRoot(Name),
    /// The budget was used up before there was a plan.
    #[error("The operation is too complex to be planned.")]
    TooComplex,
}
