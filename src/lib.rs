//! Weft weaves many backend services into one declarative data graph.
//!
//! See ARCHITECTURE.md for the rooms and the rules between them.

pub mod authorization;
pub mod compose;
pub mod config;
pub mod connect;
pub mod control;
pub mod demo;
pub mod diagnostic;
pub(crate) mod execute;
pub mod gateway;
pub mod operation;
pub mod planner;
pub mod server;
pub mod supergraph;
pub mod telemetry;
