//! Loads as their users see them: over a scripted transport and a paused clock where time matters, over real sockets
//! where bytes matter.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod batches;
mod caching;
mod http_exchanges;
mod script;
mod sharing;
mod standing_in;
