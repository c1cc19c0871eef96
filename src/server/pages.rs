//! The small pages beside `/graphql`: what is here, the schema, and whether the gateway is well.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::json;

use super::refusal::Refusal;
use super::{App, VERSION, negotiate};

/// `/`: a browser is sent to the playground, everything else is told the addresses.
pub(super) async fn root(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if app.has_playground() && negotiate::wants_page(&headers) {
        return to_playground();
    }
    let mut addresses = json!({
        "graphql": "/graphql",
        "schema": "/schema.graphql",
        "health": ["/health", "/health/live", "/health/ready"],
    });
    if app.has_playground() {
        addresses["playground"] = "/playground".into();
    }
    axum::Json(json!({"name": "weft", "version": VERSION.number, "addresses": addresses})).into_response()
}

/// The answer to an address bar that asks for something that is no page.
pub(super) fn to_playground() -> Response {
    // What it redirects depends on `Accept`, which caches have to know.
    (StatusCode::SEE_OTHER, [(header::LOCATION, "/playground"), (header::VARY, "accept")]).into_response()
}

/// `/schema.graphql`: the API schema. It tells no more than introspection does, and is off together with it.
pub(super) async fn schema(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if !app.gateway.settings().introspection {
        let message = "the schema is not public: the gateway was started without --dev, so that introspection is off; start \
                       it with --dev, or set `introspection: true` (WEFT_INTROSPECTION)";
        return Refusal::new(StatusCode::FORBIDDEN, "INTROSPECTION_DISABLED", message).into_response();
    }
    let graph = Arc::clone(&app.control.status().graph);
    let etag = format!("\"{}\"", graph.hash);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = if known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == etag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let sdl = graph.api_sdl.to_string();
        ([(header::CONTENT_TYPE, "application/graphql; charset=utf-8")], sdl).into_response()
    };
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// `/health`: what a person looks at.
pub(super) async fn health(State(app): State<Arc<App>>) -> Response {
    let ready = is_ready(&app);
    let status = app.control.status();
    let body = json!({
        "status": if ready { "ok" } else { "stopping" },
        "version": VERSION.number,
        "graph": status.graph.hash,
        "uptimeSeconds": app.started.elapsed().as_secs(),
    });
    (status_code(ready), [(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
}

/// `/health/live`: the process answers. A failing one is to be restarted.
pub(super) async fn live() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], axum::Json(json!({"status": "ok"}))).into_response()
}

/// `/health/ready`: there is a graph, and the process was not told to stop. A failing one gets no requests.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    let ready = is_ready(&app);
    let body = json!({"status": if ready { "ok" } else { "stopping" }});
    (status_code(ready), [(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
}

/// There is always a graph: the listeners open after the first one composed.
fn is_ready(app: &App) -> bool {
    !app.stopping.load(Ordering::Relaxed)
}

fn status_code(ready: bool) -> StatusCode {
    if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

pub(super) async fn not_found(uri: Uri) -> Response {
    let message = format!("there is nothing at {}; GraphQL is at /graphql", uri.path());
    Refusal::new(StatusCode::NOT_FOUND, "NOT_FOUND", message).into_response()
}

pub(super) async fn method_not_allowed() -> Response {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "only GET is answered here")
        .allow("GET, HEAD")
        .into_response()
}
