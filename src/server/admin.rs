//! What operators reach: `/metrics` and the control graph.
//!
//! On a listener of its own, on the loopback unless it is configured otherwise: it shows addresses and diagnostics, which
//! clients must not see.

use std::sync::Arc;

use async_graphql_axum::GraphQL;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::post_service;
use http::{Method, StatusCode, header};
use serde_json::json;

use super::negotiate::{self, BodyType};
use super::refusal::Refusal;
use super::{App, VERSION, control_graph, metrics as numbers};

pub(super) async fn root() -> Response {
    let addresses =
        json!({"control": "/graphql", "metrics": "/metrics", "health": ["/health", "/health/live", "/health/ready"]});
    axum::Json(json!({"name": "weft", "version": VERSION.number, "addresses": addresses})).into_response()
}

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], numbers::render(&app)).into_response()
}

/// The control graph, by POST only.
pub(super) fn graphql(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/graphql", post_service(GraphQL::new(control_graph::schema(Arc::clone(app)))))
        .layer(axum::middleware::from_fn(json_only))
}

/// A page of another origin can make a browser on the operator's machine send text or a form, but not JSON, unasked.
async fn json_only(request: Request, next: Next) -> Response {
    if request.method() == Method::POST && negotiate::body_type(request.headers()) != BodyType::Json {
        let message = "the body of a request has to be JSON in UTF-8: `content-type: application/json`";
        return Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message).into_response();
    }
    next.run(request).await
}
