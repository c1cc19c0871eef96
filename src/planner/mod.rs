//! Plans an operation: which service is asked what, in which order.
//!
//! In: a normalized [`Operation`](crate::operation::Operation) and the [`Graph`]. Out: [`Plan`], plain data with a
//! readable `Display`. Never does I/O, has no clock: its budget is counted in steps of the search.

pub mod plan;

pub use plan::Plan;
