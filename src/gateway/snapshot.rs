//! One version of the graph, with everything that was derived from it: documents and plans are cached here, so that a
//! stale plan cannot exist.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apollo_compiler::collections::HashMap;
use apollo_compiler::schema::Implementers;
use apollo_compiler::{Name, ast};
use moka::future::Cache;

use super::{Outcome, Request, RequestError, Settings};
use crate::execute::Prepared;
use crate::operation::{self, Document, DocumentOperation, Variables};
use crate::planner::{self, Plan};
use crate::supergraph::Supergraph;

/// One version of the graph. A request keeps the one that it began with.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) supergraph: Supergraph,
    pub(super) implementers: HashMap<Name, Implementers>,
    graph: planner::Graph,
    limits: operation::Limits,
    budget: planner::Budget,
    documents: Cache<Arc<str>, Arc<Parsed>>,
    plans: Cache<PlanKey, Arc<Prepared>>,
    next_document: AtomicU64,
}

/// A document in the cache.
#[derive(Debug)]
pub(super) struct Parsed {
    /// Unique within the snapshot: stands for the text in a plan's key.
    id: u64,
    text_len: u32,
    pub(super) document: Document,
}

/// What a plan depends on, beside the graph.
#[derive(Clone, Debug)]
struct PlanKey {
    document: u64,
    operation: Option<Name>,
    /// The values of the variables that decide what is selected.
    conditions: Vec<bool>,
    /// Not part of its identity.
    text_len: u32,
}

impl PartialEq for PlanKey {
    fn eq(&self, other: &Self) -> bool {
        (self.document, &self.operation, &self.conditions) == (other.document, &other.operation, &other.conditions)
    }
}

impl Eq for PlanKey {}

impl Hash for PlanKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.document, &self.operation, &self.conditions).hash(state);
    }
}

impl Snapshot {
    /// Derives everything from a supergraph.
    pub fn new(supergraph: Supergraph, settings: &Settings) -> Snapshot {
        let bytes_max = settings.cached_text_bytes_max;
        // What is parsed or planned grows with the text, which is what a client can choose.
        let documents = Cache::builder().max_capacity(bytes_max).weigher(|_, parsed: &Arc<Parsed>| parsed.text_len);
        let plans = Cache::builder().max_capacity(bytes_max).weigher(|key: &PlanKey, _| key.text_len);
        Snapshot {
            implementers: supergraph.api.implementers_map(),
            graph: planner::Graph::new(&supergraph),
            supergraph,
            limits: settings.limits.clone(),
            budget: settings.planning.clone(),
            documents: documents.build(),
            plans: plans.build(),
            next_document: AtomicU64::new(0),
        }
    }

    /// The graph.
    pub fn supergraph(&self) -> &Supergraph {
        &self.supergraph
    }

    /// The plan of a request, for people to read. Errors: the request's, as a client would get them.
    pub fn plan_text(&self, request: &Request) -> Result<String, Vec<RequestError>> {
        let document = Document::parse(&request.query, &self.supergraph.api, &self.limits).map_err(request_errors)?;
        let operation = document.operation(request.operation_name.as_deref()).map_err(|error| vec![error.into()])?;
        // The other variables need not be there: a plan does not depend on them.
        let condition = |name: &Name| match request.variables.get(name.as_str()) {
            Some(value) => value.as_bool() == Some(true),
            None => default_of(operation, name),
        };
        Ok(self.plan_now(&document, operation, &condition)?.to_string())
    }

    /// Parses and validates, or takes what was parsed before. A text that many requests bring at once is parsed once.
    pub(super) async fn document(self: &Arc<Self>, text: &str) -> Result<Arc<Parsed>, Vec<RequestError>> {
        if let Some(parsed) = self.documents.get(text).await {
            return Ok(parsed);
        }
        // Before the text is copied anywhere.
        if text.len() > self.limits.text_bytes {
            return Document::parse(text, &self.supergraph.api, &self.limits)
                .map_err(request_errors)
                .and_then(|_| Err(vec![RequestError::internal()]));
        }
        let text: Arc<str> = text.into();
        let snapshot = Arc::clone(self);
        let of = Arc::clone(&text);
        let parse = blocking(move || snapshot.parse_now(&of));
        self.documents.try_get_with(text, parse).await.map_err(|errors| errors.to_vec())
    }

    fn parse_now(&self, text: &str) -> Result<Arc<Parsed>, Vec<RequestError>> {
        let document = Document::parse(text, &self.supergraph.api, &self.limits).map_err(request_errors)?;
        let id = self.next_document.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Parsed { id, text_len: u32::try_from(text.len()).unwrap_or(u32::MAX), document }))
    }

    /// Normalizes and plans, or takes what was planned before.
    pub(super) async fn plan(
        self: &Arc<Self>,
        parsed: &Arc<Parsed>,
        operation: &DocumentOperation,
        variables: &Variables,
    ) -> Result<Arc<Prepared>, Vec<RequestError>> {
        let is_true = |name: &Name| variables.get(name.as_str()).and_then(serde_json::Value::as_bool) == Some(true);
        let key = PlanKey {
            document: parsed.id,
            operation: operation.definition.name.clone(),
            conditions: operation.condition_variables.iter().map(is_true).collect(),
            text_len: parsed.text_len,
        };
        if let Some(plan) = self.plans.get(&key).await {
            return Ok(plan);
        }
        let (snapshot, parsed, of) = (Arc::clone(self), Arc::clone(parsed), key.clone());
        let plan = blocking(move || snapshot.prepare_now(&parsed, &of));
        self.plans.try_get_with(key, plan).await.map_err(|errors| errors.to_vec())
    }

    fn prepare_now(&self, parsed: &Parsed, key: &PlanKey) -> Result<Arc<Prepared>, Vec<RequestError>> {
        let operation = parsed.document.operation(key.operation.as_deref()).map_err(|error| vec![error.into()])?;
        let conditions = operation.condition_variables.iter().zip(&key.conditions);
        let condition = |name: &Name| conditions.clone().any(|(known, value)| known == name && *value);
        let plan = self.plan_now(&parsed.document, operation, &condition)?;
        Ok(Arc::new(Prepared::new(plan, &self.supergraph)))
    }

    fn plan_now(
        &self,
        document: &Document,
        operation: &DocumentOperation,
        condition: &dyn Fn(&Name) -> bool,
    ) -> Result<Plan, Vec<RequestError>> {
        let operation = operation::normalize(document, operation, condition).map_err(|error| vec![error.into()])?;
        planner::plan(&self.graph, &self.supergraph, &operation, &self.budget)
            .map_err(|error| vec![RequestError::new(Outcome::Refused, "QUERY_PLANNING_FAILED", error.to_string())])
    }
}

fn request_errors(errors: Vec<operation::RequestError>) -> Vec<RequestError> {
    errors.into_iter().map(RequestError::from).collect()
}

fn default_of(operation: &DocumentOperation, name: &Name) -> bool {
    let definition = operation.definition.variables.iter().find(|definition| definition.name == *name);
    let default = definition.and_then(|definition| definition.default_value.as_deref());
    matches!(default, Some(ast::Value::Boolean(true)))
}

/// Work that can take long happens where it blocks nobody.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Vec<RequestError>> + Send + 'static,
) -> Result<T, Vec<RequestError>> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(vec![RequestError::internal()]))
}
