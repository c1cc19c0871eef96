//! The whole request path: [`Snapshot`] and [`Gateway::execute`].
//!
//! In: a GraphQL request, the client's headers, a deadline. Out: the response's bytes.
//! Every entry point ends here.

mod settings;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use weft_loaders::Loaders;

use crate::supergraph::Supergraph;

pub use settings::{ForwardHeaders, Settings};

/// One version of the graph, and all that was derived from it. A request keeps the one that it began with.
#[derive(Debug)]
pub struct Snapshot {
    supergraph: Supergraph,
}

/// Answers requests.
#[derive(Debug)]
pub struct Gateway {
    snapshot: RwLock<Arc<Snapshot>>,
    loaders: Loaders,
    settings: Settings,
}

impl Snapshot {
    /// Derives everything from a supergraph.
    pub fn new(supergraph: Supergraph, settings: &Settings) -> Snapshot {
        let _ = settings;
        Snapshot { supergraph }
    }

    /// The graph.
    pub fn supergraph(&self) -> &Supergraph {
        &self.supergraph
    }

    /// The plan of a request, for people to read. Errors: the request's, as a client would get them.
    pub fn plan_text(&self, request: &Request) -> Result<String, Vec<RequestError>> {
        let _ = request;
        Err(vec![RequestError { message: String::from("not planned yet"), locations: Vec::new(), code: "INTERNAL" }])
    }
}

impl Gateway {
    /// A gateway over one graph.
    pub fn new(snapshot: Snapshot, loaders: Loaders, settings: Settings) -> Gateway {
        Gateway { snapshot: RwLock::new(Arc::new(snapshot)), loaders, settings }
    }

    /// The graph that requests now begin with.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets requests begin with another graph; those under way keep theirs.
    pub fn swap(&self, snapshot: Snapshot) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }

    /// The loaders, for their statistics.
    pub fn loaders(&self) -> &Loaders {
        &self.loaders
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Answers one request: the whole request path.
    pub async fn execute(&self, request: Request, context: &Context) -> Response {
        let _ = (request, context);
        Response { body: Bytes::from_static(b"{}"), outcome: Outcome::Refused }
    }
}

/// Why a request is not executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    /// One sentence.
    pub message: String,
    /// Line and column in the operation's text, from 1.
    pub locations: Vec<(usize, usize)>,
    /// `extensions.code`.
    pub code: &'static str,
}

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
