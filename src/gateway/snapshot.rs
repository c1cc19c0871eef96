//! One version of the graph, with everything that was derived from it: documents and plans are cached here, so that a
//! stale plan cannot exist.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apollo_compiler::collections::HashMap;
use apollo_compiler::schema::Implementers;
use apollo_compiler::{Name, ast};
use moka::future::Cache;
use tokio::sync::Semaphore;

use super::statistics::Lookups;
use super::{Outcome, Request, RequestError, Settings, Unauthorized, access};
use crate::execute::Prepared;
use crate::operation::{self, Document, DocumentOperation, Variables};
use crate::planner::{self, Plan};
use crate::supergraph::{Grants, GuardId, Guards, Supergraph};

/// One version of the graph. A request keeps the one that it began with.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) supergraph: Supergraph,
    pub(super) implementers: HashMap<Name, Implementers>,
    graph: planner::Graph,
    guards: Guards,
    unauthorized: Unauthorized,
    limits: operation::Limits,
    budget: planner::Budget,
    documents: Cache<Arc<str>, Arc<Parsed>>,
    plans: Cache<PlanKey, Arc<Prepared>>,
    next_document: AtomicU64,
    /// Those who parse and plan now.
    planning: Arc<Semaphore>,
}

/// A document in the cache.
#[derive(Debug)]
pub(super) struct Parsed {
    /// Unique within the snapshot: stands for the text in a plan's key.
    id: u64,
    pub(super) document: Document,
    /// The access rules that decide anything in it.
    guards: Box<[GuardId]>,
}

/// What a plan depends on, beside the graph.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PlanKey {
    document: u64,
    operation: Option<Name>,
    /// The values of the variables that decide what is selected.
    conditions: Vec<bool>,
    /// The access rules that the client does not meet, of those that decide anything.
    denied: Box<[GuardId]>,
}

impl Snapshot {
    /// Derives everything from a supergraph.
    pub fn new(supergraph: Supergraph, settings: &Settings) -> Snapshot {
        // Weighed, not counted: a client chooses how large an operation is, and a short text can make a large plan.
        let documents = Cache::builder()
            .max_capacity(settings.document_cache_bytes_max)
            .weigher(|text: &Arc<str>, _| u32::try_from(text.len()).unwrap_or(u32::MAX));
        let plans = Cache::builder()
            .max_capacity(settings.plan_cache_bytes_max)
            .weigher(|_, plan: &Arc<Prepared>| u32::try_from(plan.weight()).unwrap_or(u32::MAX));
        Snapshot {
            implementers: supergraph.api.implementers_map(),
            graph: planner::Graph::new(&supergraph),
            guards: Guards::new(&supergraph),
            unauthorized: settings.unauthorized,
            supergraph,
            limits: settings.limits.clone(),
            budget: settings.planning.clone(),
            documents: documents.build(),
            plans: plans.build(),
            next_document: AtomicU64::new(0),
            planning: Arc::new(Semaphore::new(settings.planning_parallel_max.max(1))),
        }
    }

    /// The graph.
    pub fn supergraph(&self) -> &Supergraph {
        &self.supergraph
    }

    /// The plan of a request by a client who may see everything, for people to read. Errors: the request's, as a client would get them.
    pub fn plan_text(&self, request: &Request) -> Result<String, Vec<RequestError>> {
        let document = Document::parse(&request.query, &self.supergraph.api, &self.limits).map_err(request_errors)?;
        let operation = document.operation(request.operation_name.as_deref()).map_err(|error| vec![error.into()])?;
        // The other variables need not be there: a plan does not depend on them.
        let condition = |name: &Name| match request.variables.get(name.as_str()) {
            Some(value) => value.as_bool() == Some(true),
            None => default_of(operation, name),
        };
        Ok(self.plan_now(&document, operation, &condition, &[])?.to_string())
    }

    /// How many documents and plans are kept.
    #[cfg(test)]
    pub(super) async fn cached(&self) -> (u64, u64) {
        self.documents.run_pending_tasks().await;
        self.plans.run_pending_tasks().await;
        (self.documents.entry_count(), self.plans.entry_count())
    }

    /// How many may still begin to parse or plan.
    #[cfg(test)]
    pub(super) fn permits(&self) -> usize {
        self.planning.available_permits()
    }

    /// Parses and validates, or takes what was parsed before. A text that many requests bring at once is parsed once.
    pub(super) async fn document(
        self: &Arc<Self>,
        text: &str,
        lookups: &Lookups,
    ) -> Result<Arc<Parsed>, Vec<RequestError>> {
        let found = self.documents.get(text).await;
        lookups.count(&found);
        if let Some(parsed) = found {
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
        let parse = self.blocking(move || snapshot.parse_now(&of));
        self.documents.try_get_with(text, parse).await.map_err(|errors| errors.to_vec())
    }

    fn parse_now(&self, text: &str) -> Result<Arc<Parsed>, Vec<RequestError>> {
        let document = Document::parse(text, &self.supergraph.api, &self.limits).map_err(request_errors)?;
        let id = self.next_document.fetch_add(1, Ordering::Relaxed);
        let guards = access::guards_of(&document, &self.guards);
        Ok(Arc::new(Parsed { id, document, guards }))
    }

    /// The access rules of a document that a client does not meet.
    pub(super) fn denied(&self, parsed: &Parsed, grants: &Grants) -> Box<[GuardId]> {
        access::denied(&parsed.guards, &self.guards, grants)
    }

    /// Normalizes and plans, or takes what was planned before.
    pub(super) async fn plan(
        self: &Arc<Self>,
        parsed: &Arc<Parsed>,
        operation: &DocumentOperation,
        variables: &Variables,
        denied: Box<[GuardId]>,
        lookups: &Lookups,
    ) -> Result<Arc<Prepared>, Vec<RequestError>> {
        let is_true = |name: &Name| variables.get(name.as_str()).and_then(serde_json::Value::as_bool) == Some(true);
        let key = PlanKey {
            document: parsed.id,
            operation: operation.definition.name.clone(),
            conditions: operation.condition_variables.iter().map(is_true).collect(),
            denied,
        };
        let found = self.plans.get(&key).await;
        lookups.count(&found);
        if let Some(plan) = found {
            return Ok(plan);
        }
        let (snapshot, parsed, of) = (Arc::clone(self), Arc::clone(parsed), key.clone());
        let plan = self.blocking(move || snapshot.prepare_now(&parsed, &of));
        self.plans.try_get_with(key, plan).await.map_err(|errors| errors.to_vec())
    }

    fn prepare_now(&self, parsed: &Parsed, key: &PlanKey) -> Result<Arc<Prepared>, Vec<RequestError>> {
        let operation = parsed.document.operation(key.operation.as_deref()).map_err(|error| vec![error.into()])?;
        let conditions = operation.condition_variables.iter().zip(&key.conditions);
        let condition = |name: &Name| conditions.clone().any(|(known, value)| known == name && *value);
        let plan = self.plan_now(&parsed.document, operation, &condition, &key.denied)?;
        Ok(Arc::new(Prepared::new(plan, &self.supergraph)))
    }

    /// Work that can take long happens where it blocks nobody, and not more of it at once than there are cores. The permit
    /// goes with the work: it runs to its end even when the client who asked for it is gone.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Vec<RequestError>> + Send + 'static,
    ) -> Result<T, Vec<RequestError>> {
        let permit = Arc::clone(&self.planning).acquire_owned().await;
        let Ok(permit) = permit else { return Err(vec![RequestError::internal()]) };
        let work = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(vec![RequestError::internal()]))
    }

    fn plan_now(
        &self,
        document: &Document,
        operation: &DocumentOperation,
        condition: &dyn Fn(&Name) -> bool,
        denied: &[GuardId],
    ) -> Result<Plan, Vec<RequestError>> {
        let is_denied =
            |on: &Name, object: &Name, field: &Name| access::is_denied(denied, &self.guards, on, object, field);
        let operation =
            operation::normalize_for(document, operation, condition, &is_denied).map_err(|error| vec![error.into()])?;
        if self.unauthorized == Unauthorized::Refuse && !denied.is_empty() {
            access::refuse(&operation)?;
        }
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
