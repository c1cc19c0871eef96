//! `/graphql`: GraphQL over HTTP.
//!
//! In: an HTTP request. Out: the gateway's answer in the media type that the client prefers, with the status that goes
//! with both. Everything that makes a request not well formed is refused here, before the gateway sees it.
//! Source: GraphQL over HTTP; the status codes of graphql-response+json are those of its drafts (400, 200), which
//! clients know, rather than the 422 and 294 of its first edition, which they do not yet.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::{timeout, timeout_at};

use super::negotiate::{self, BodyType, MediaType};
use super::refusal::Refusal;
use super::{App, Settings, parameters};
use crate::gateway::{self, Context, Outcome};

/// How long after a request's deadline the gateway may still take to say what it has.
const GRACE: Duration = Duration::from_secs(1);

/// What `/graphql` answers.
const METHODS: &str = "GET, HEAD, POST, OPTIONS";

/// Answers a question for the methods, which is no browser's question for permission: that one is the CORS layer's.
pub(super) async fn options(request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS && !request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return (StatusCode::NO_CONTENT, [(header::ALLOW, METHODS)]).into_response();
    }
    next.run(request).await
}

/// How long a client that is refused may still take to send what is left of its body.
const DRAIN: Duration = Duration::from_secs(2);

/// Answers one request.
pub(super) async fn handle(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, mut body) = request.into_parts();
    let asks_first = parts.headers.contains_key(header::EXPECT);
    let response = respond(&app, parts, &mut body).await;
    // Many clients read no answer before they have sent all, and would find a closed connection instead of the reason. One
    // that asks first whether it may send is told so at once.
    let limit = app.settings.body_bytes_max;
    let is_bearable = body.size_hint().lower() <= u64::try_from(limit).unwrap_or(u64::MAX);
    if !asks_first && is_bearable && !body.is_end_stream() {
        let _ = timeout(DRAIN, drain(Limited::new(body, limit))).await;
    }
    response
}

/// Reads what nobody will look at.
async fn drain(mut rest: Limited<Body>) {
    while let Some(Ok(_)) = rest.frame().await {}
}

async fn respond(app: &App, parts: Parts, body: &mut Body) -> Response {
    // An address bar gets the page to write queries on.
    let is_get = matches!(parts.method, Method::GET | Method::HEAD);
    if is_get && app.settings.playground && parts.uri.query().is_none() && negotiate::wants_page(&parts.headers) {
        return super::pages::to_playground();
    }
    let Some(media) = negotiate::accept(&parts.headers) else {
        let message =
            "an answer is application/graphql-response+json or application/json, and the request accepts neither";
        return Refusal::new(StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", message).into_response();
    };
    match answer(app, parts, body).await {
        Ok(response) => render(response, media),
        Err(refusal) => refusal.media(media).into_response(),
    }
}

async fn answer(app: &App, parts: Parts, body: &mut Body) -> Result<gateway::Response, Refusal> {
    let deadline = Instant::now() + app.settings.request_timeout;
    // Before the body: whoever cannot be told from an impostor need not send it.
    let grants = app.authenticator.grants(&parts.headers).await.map_err(Refusal::unauthenticated)?;
    let (request, mutations_allowed) = match parts.method {
        Method::POST => {
            check_body_type(&parts.headers)?;
            let body = timeout_at(deadline.into(), read_body(&app.settings, &parts.headers, body));
            let body = body.await.map_err(|_| {
                Refusal::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "REQUEST_TIMEOUT",
                    "the request's body did not arrive in time",
                )
            })??;
            (parameters::from_body(&body)?, true)
        }
        Method::GET | Method::HEAD => {
            check_preflight(&app.settings, &parts.headers)?;
            (parameters::from_query_string(parts.uri.query().unwrap_or_default())?, false)
        }
        _ => {
            let message = "queries come by GET or POST, mutations by POST";
            let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message);
            return Err(refusal.allow(METHODS));
        }
    };
    let context = Context { headers: parts.headers, deadline, mutations_allowed, grants };
    // The gateway keeps the deadline itself; this is for the case that it does not.
    timeout_at((deadline + GRACE).into(), app.gateway.execute(request, &context)).await.map_err(|_| {
        Refusal::new(StatusCode::GATEWAY_TIMEOUT, "REQUEST_TIMEOUT", "the request took longer than the gateway allows")
    })
}

/// How far the request came → the status. `application/json` says 200 to every well-formed request, because clients
/// could not tell its other statuses from those of a proxy.
fn status(outcome: Outcome, media: MediaType) -> StatusCode {
    match (outcome, media) {
        (Outcome::MethodNotAllowed, _) => StatusCode::METHOD_NOT_ALLOWED,
        (Outcome::Unauthorized, MediaType::GraphqlResponse) => StatusCode::FORBIDDEN,
        (Outcome::Failed, _) => StatusCode::INTERNAL_SERVER_ERROR,
        (Outcome::Executed, _) | (_, MediaType::Json) => StatusCode::OK,
        (Outcome::Invalid | Outcome::BadVariables | Outcome::Refused, MediaType::GraphqlResponse) => {
            StatusCode::BAD_REQUEST
        }
    }
}

fn render(answer: gateway::Response, media: MediaType) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = status(answer.outcome, media);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media.content_type()));
    // An answer is one client's: nothing between it and us may keep it.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if answer.outcome == Outcome::MethodNotAllowed {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

fn check_body_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let message = match negotiate::body_type(headers) {
        BodyType::Json => return Ok(()),
        BodyType::Missing => "a POST has to say that its body is JSON: content-type: application/json",
        BodyType::Several => "a body has one type: content-type is given more than once",
        BodyType::Charset => "a body has to be in UTF-8",
        BodyType::Multipart => {
            "uploads (multipart/form-data) are not supported: content-type has to be application/json"
        }
        BodyType::Other => "the body's type is not supported: content-type has to be application/json",
    };
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message))
}

/// A browser sends a plain GET with its cookies to whomever a page names, without asking first. A request with cookies
/// therefore has to carry a header that no page can add without being asked for permission. A POST always does: its
/// content type.
fn check_preflight(settings: &Settings, headers: &HeaderMap) -> Result<(), Refusal> {
    let asked_first =
        !headers.contains_key(header::COOKIE) || settings.csrf_headers.iter().any(|name| headers.contains_key(name));
    if asked_first {
        return Ok(());
    }
    let names: Vec<_> = settings.csrf_headers.iter().map(|name| name.as_str()).collect();
    let message = match names.as_slice() {
        [] => "a query by GET must not carry cookies: send it by POST".to_owned(),
        names => {
            format!("a query by GET with cookies needs one of these headers: {} (or send it by POST)", names.join(", "))
        }
    };
    Err(Refusal::new(StatusCode::FORBIDDEN, "CSRF_PREVENTION", message))
}

async fn read_body(settings: &Settings, headers: &HeaderMap, body: &mut Body) -> Result<Bytes, Refusal> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let encoding = encodings.next().map(HeaderValue::as_bytes).unwrap_or_default();
    let gzip = encoding.eq_ignore_ascii_case(b"gzip") || encoding.eq_ignore_ascii_case(b"x-gzip");
    let known = gzip || encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity");
    if !known || encodings.next().is_some() {
        let message = "a body is sent as it is, or compressed with gzip";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message));
    }
    let limit = settings.body_bytes_max;
    // Before the first byte is asked for: a client that waits for leave to send (`Expect: 100-continue`) gets the refusal
    // in its place.
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large(limit));
    }
    let body = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() { too_large(limit) } else { Refusal::bad_request("the body broke off") }
    })?;
    let body = body.to_bytes();
    if !gzip {
        return Ok(body);
    }
    // What it inflates to is bounded as well, and read no further than one byte beyond the bound.
    let mut inflated = Vec::with_capacity(body.len().saturating_mul(4).min(limit));
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(&*body)
        .take(bound)
        .read_to_end(&mut inflated)
        .map_err(|_| Refusal::bad_request("the body is not what its content-encoding says: gzip"))?;
    if inflated.len() > limit { Err(too_large(limit)) } else { Ok(inflated.into()) }
}

fn too_large(limit: usize) -> Refusal {
    let message = format!("the request's body is larger than {limit} bytes");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message)
}
