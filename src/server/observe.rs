//! Counts, times and traces each GraphQL request.
//!
//! In: a request and what answers it. Out: the same answer. The path and the status are recorded, never the query
//! string, a header or a body: those hold variables and tokens.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, debug, debug_span, error};

use super::App;

/// Wraps one request.
pub(super) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let span = debug_span!(
        "http.server.request",
        http.request.method = %request.method(),
        url.path = request.uri().path(),
        http.response.status_code = tracing::field::Empty,
    );
    let in_flight = app.metrics.request_started();
    let response = next.run(request).instrument(span.clone()).await;
    let elapsed = started.elapsed();
    drop(in_flight);
    let status = response.status();
    app.metrics.request_ended(status, elapsed);
    let duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    span.record("http.response.status_code", status.as_u16());
    let _entered = span.enter();
    if status.is_server_error() {
        error!(status = status.as_u16(), duration_us, "request failed");
    } else {
        debug!(status = status.as_u16(), duration_us, "request answered");
    }
    response
}
