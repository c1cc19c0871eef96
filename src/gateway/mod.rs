//! The whole request path: [`Snapshot`] and [`Gateway::execute`].
//!
//! In: a GraphQL request, the client's headers, a deadline. Out: the response's bytes.
//! Every entry point ends here.

use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;

/// A GraphQL request, whatever it travelled on.
#[derive(Debug, Default)]
pub struct Request {
    /// The operation's text.
    pub query: String,
    /// Which operation of the document.
    pub operation_name: Option<String>,
    /// Variables, as the client sent them.
    pub variables: serde_json::Map<String, serde_json::Value>,
}

/// What the client is, beside its request.
#[derive(Debug)]
pub struct Context {
    /// The client's headers; only those that a fragment or the configuration forwards reach a service.
    pub headers: HeaderMap,
    /// When the client stops waiting.
    pub deadline: Instant,
    /// Whether a mutation may run (not by GET).
    pub mutations_allowed: bool,
}

/// A response, ready to send.
#[derive(Debug)]
pub struct Response {
    /// `{"data":…,"errors":…}`: always valid JSON.
    pub body: Bytes,
    /// How far the request came: what an HTTP status is made from.
    pub outcome: Outcome,
}

/// How far a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was executed, possibly with field errors: there is `data`.
    Executed,
    /// The text does not parse, does not validate, or names no operation: there is no `data`.
    Invalid,
    /// The variables cannot be coerced: there is no `data`.
    BadVariables,
    /// A mutation where none may run.
    MethodNotAllowed,
    /// Refused by a limit, or nothing could be planned: there is no `data`.
    Refused,
}
