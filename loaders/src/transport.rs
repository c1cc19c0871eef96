//! The boundary between policies and wires.
//!
//! A [`Transport`] makes one exchange. A wire implements it at the bottom; a policy (a retry, a breaker, a
//! limit on concurrency) is a transport that holds the next one, so that a stack of them reads as a list.
//! Deliberately absent here: sharing, caching and the callers' deadlines, which stand above all policies.

use std::future::Future;
use std::pin::Pin;

use crate::{Answer, Call, LoadError};

/// An exchange under way. Dropping it abandons the exchange.
pub type Exchange<'a> = Pin<Box<dyn Future<Output = Result<Answer, LoadError>> + Send + 'a>>;

/// Makes exchanges.
pub trait Transport: Send + Sync {
    /// Sends the call and reads the whole answer, whatever its status.
    ///
    /// It need not watch [`Call::deadline`]: it is dropped when nobody waits any more, which for a shared read can be
    /// later than the deadline of the call that started it.
    fn exchange<'a>(&'a self, call: &'a Call) -> Exchange<'a>;
}
