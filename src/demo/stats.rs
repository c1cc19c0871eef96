//! Counts the calls to a service, so that anybody can see that a page of fifty videos costs one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

/// What a service did since its start, or since `DELETE /stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// All calls, those that a fault met included.
    pub total: u64,
    /// Calls by method and route: `GET /videos/{id}`.
    pub calls: BTreeMap<String, u64>,
    /// Batches that the profile service's data loaders fetched, by what was fetched.
    pub batches: BTreeMap<String, u64>,
}

/// Where one service counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counter(Arc<Mutex<Stats>>);

impl Counter {
    pub(crate) fn count_batch(&self, of: &str) {
        self.update(|stats| *stats.batches.entry(of.to_owned()).or_default() += 1);
    }

    fn count_call(&self, route: String) {
        self.update(|stats| {
            stats.total += 1;
            *stats.calls.entry(route).or_default() += 1;
        });
    }

    fn update<T>(&self, change: impl FnOnce(&mut Stats) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `GET` and `DELETE /stats`.
pub(crate) fn routes(counter: Counter) -> Router {
    async fn show(State(counter): State<Counter>) -> Json<Stats> {
        Json(counter.update(|stats| stats.clone()))
    }
    /// Returns what was counted up to now, so that no call is lost between two looks.
    async fn reset(State(counter): State<Counter>) -> Json<Stats> {
        Json(counter.update(std::mem::take))
    }
    Router::new().route("/stats", get(show).delete(reset)).with_state(counter)
}

/// The layer that counts.
pub(crate) async fn count(
    State(counter): State<Counter>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
    counter.count_call(format!("{} {route}", request.method()));
    next.run(request).await
}
