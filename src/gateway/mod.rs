//! The whole request path: [`Snapshot`] and [`Gateway::execute`].
//!
//! In: a GraphQL request, the client's headers, a deadline. Out: the response's bytes.
//! Every entry point ends here. Deliberately absent: HTTP; what an [`Outcome`] means as a status is the server's business.

mod access;
mod introspection;
mod settings;
mod snapshot;
mod statistics;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use weft_loaders::Loaders;

use crate::execute::{self, Execution};
use crate::operation::{self, DocumentOperation, OperationType, RequestErrorKind};
use crate::supergraph::Grants;

pub use crate::execute::StoodIn;
pub use access::Unauthorized;
pub use settings::{ForwardHeaders, Settings};
pub use snapshot::Snapshot;
pub use statistics::{Lookups, Statistics};

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
    /// What it may see.
    pub grants: Grants,
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
    /// It selects what the client may not see, and the gateway refuses such operations: there is no `data`.
    Unauthorized,
    /// Something went wrong here: there is no `data`.
    Failed,
}

/// Answers requests.
#[derive(Debug)]
pub struct Gateway {
    snapshot: RwLock<Arc<Snapshot>>,
    loaders: Loaders,
    settings: Settings,
    statistics: Statistics,
}

impl Gateway {
    /// A gateway over one graph.
    pub fn new(snapshot: Snapshot, loaders: Loaders, settings: Settings) -> Gateway {
        let statistics = Statistics::default();
        Gateway { snapshot: RwLock::new(Arc::new(snapshot)), loaders, settings, statistics }
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

    /// What was counted since the start.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Answers one request: the whole request path. Never fails other than by what the response says.
    pub async fn execute(&self, request: Request, context: &Context) -> Response {
        match self.respond(&request, context).await {
            Ok(body) => Response { body: body.into(), outcome: Outcome::Executed },
            Err(errors) => {
                // All errors of one request are of one kind.
                let outcome = errors.first().map_or(Outcome::Refused, |error| error.outcome);
                Response { body: write_errors(&errors), outcome }
            }
        }
    }

    async fn respond(&self, request: &Request, context: &Context) -> Result<Vec<u8>, Vec<RequestError>> {
        let snapshot = self.snapshot();
        let operation_name = request.operation_name.as_deref();
        let parsed = snapshot.document(&request.query, self.statistics.documents()).await?;
        let operation = parsed.document.operation(operation_name).map_err(|error| vec![error.into()])?;
        may_run(operation, context)?;
        let variables = operation::coerce_variables(&parsed.document, operation, &request.variables)
            .map_err(|errors| errors.into_iter().map(RequestError::from).collect::<Vec<_>>())?;
        let denied = snapshot.denied(&parsed, &context.grants);
        let prepared = snapshot.plan(&parsed, operation, &variables, denied, self.statistics.plans()).await?;
        let introspection = match (prepared.introspects(), self.settings.introspection) {
            (false, _) => HashMap::new(),
            (true, true) => introspection::answer(&snapshot, &parsed, operation_name, &variables).await?,
            (true, false) => {
                let message = "Introspection is disabled.";
                return Err(vec![RequestError::new(Outcome::Invalid, "INTROSPECTION_DISABLED", message)]);
            }
        };
        let execution = Execution {
            prepared: &prepared,
            supergraph: &snapshot.supergraph,
            loaders: &self.loaders,
            variables: &variables,
            headers: &context.headers,
            deadline: context.deadline,
            timeout: self.settings.service_timeout,
            values_max: self.settings.values_max,
            response_bytes_max: self.settings.response_bytes_max,
            forwarded: &|service| self.forwarded(service),
            config: &|service| self.settings.connect_config.get(service).unwrap_or(&Value::Null),
            introspection: &introspection,
        };
        let answer = execute::execute(execution).await;
        self.statistics.add_stood_in(answer.stood_in);
        Ok(answer.body)
    }

    fn forwarded(&self, service: &str) -> Vec<HeaderName> {
        let ForwardHeaders { all, by_service } = &self.settings.forward_headers;
        all.iter().chain(by_service.get(service).into_iter().flatten()).cloned().collect()
    }
}

fn may_run(operation: &DocumentOperation, context: &Context) -> Result<(), Vec<RequestError>> {
    let (outcome, code, message) = match operation.kind {
        OperationType::Query => return Ok(()),
        OperationType::Mutation if context.mutations_allowed => return Ok(()),
        OperationType::Mutation => {
            (Outcome::MethodNotAllowed, "METHOD_NOT_ALLOWED", "A mutation cannot be run by this kind of request.")
        }
        OperationType::Subscription => {
            (Outcome::Invalid, "SUBSCRIPTIONS_NOT_SUPPORTED", "Subscriptions are not supported yet.")
        }
    };
    Err(vec![RequestError::new(outcome, code, message)])
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
    /// What it means for the request.
    pub outcome: Outcome,
}

impl RequestError {
    fn new(outcome: Outcome, code: &'static str, message: impl Into<String>) -> RequestError {
        RequestError { message: message.into(), locations: Vec::new(), code, outcome }
    }

    /// Something that should not happen; what it was stands in the log.
    fn internal() -> RequestError {
        RequestError::new(Outcome::Failed, "INTERNAL_SERVER_ERROR", "Internal server error.")
    }
}

impl From<operation::RequestError> for RequestError {
    fn from(error: operation::RequestError) -> RequestError {
        let code = error.code();
        let outcome = match error.kind {
            RequestErrorKind::Syntax | RequestErrorKind::Validation | RequestErrorKind::OperationName => {
                Outcome::Invalid
            }
            RequestErrorKind::Variables => Outcome::BadVariables,
            RequestErrorKind::Limit => Outcome::Refused,
        };
        let locations = error.locations.iter().map(|at| (at.line, at.column)).collect();
        RequestError { message: error.message, locations, code, outcome }
    }
}

/// `{"errors":[…]}`, without `data`.
fn write_errors(errors: &[RequestError]) -> Bytes {
    let errors: Vec<Value> = errors
        .iter()
        .map(|error| {
            let mut written = json!({"message": error.message});
            if !error.locations.is_empty() {
                let location = |(line, column): &(usize, usize)| json!({"line": line, "column": column});
                written["locations"] = error.locations.iter().map(location).collect();
            }
            written["extensions"] = json!({"code": error.code});
            written
        })
        .collect();
    json!({"errors": errors}).to_string().into()
}
