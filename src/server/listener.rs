//! Connections: accepting them, their limits, and their end.
//!
//! In: an open listener and routes. Out: served connections, until told to stop; then what is under way is finished,
//! within a bound. Plain hyper, because axum's own loop bounds neither headers nor the time that they take.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;
use tracing::{debug, warn};

use super::Settings;
use super::refusal::Refusal;
use super::writes::Writes;

/// What a connection may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    header_bytes_max: usize,
    header_count_max: usize,
    header_timeout: Duration,
    connections_max: usize,
    /// For a client to take an answer.
    write_timeout: Duration,
    shutdown_timeout: Duration,
}

/// What hyper sets aside on the stack; another number costs an allocation for each request.
const HYPER_HEADER_COUNT: usize = 100;
/// hyper's smallest buffer.
const HYPER_BUFFER_MIN: usize = 8_192;

impl Limits {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            header_bytes_max: settings.header_bytes_max,
            header_count_max: settings.header_count_max,
            header_timeout: settings.header_timeout,
            connections_max: settings.connections_max,
            write_timeout: settings.request_timeout,
            shutdown_timeout: settings.shutdown_timeout,
        }
    }
}

/// Serves until `stop` becomes true, then finishes what is under way. Connections that are still busy after the
/// shutdown timeout are closed.
pub(super) async fn serve(listener: TcpListener, routes: Router, limits: Limits, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let room = Arc::new(Semaphore::new(limits.connections_max.min(Semaphore::MAX_PERMITS)));
    loop {
        let accepted = tokio::select! {
            // An error means that nobody can tell us to stop any more.
            _ = stop.wait_for(|stop| *stop) => break,
            // Ended tasks are collected on the way, so that the set holds only live ones.
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, permit)) = accepted else { continue };
        let routes = routes.clone();
        let stop = stop.clone();
        connections.spawn(async move {
            connection(stream, routes, limits, stop).await;
            drop(permit);
        });
    }
    drop(listener);
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.shutdown_timeout, finish).await.is_err() {
        warn!(connections = connections.len(), "closing connections that did not finish in time");
        connections.shutdown().await;
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    // Room first: what cannot be served waits in the system's queue instead of in ours.
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            // A connection that was gone before it was accepted is of no interest. What remains is a lack of file
            // descriptors or memory, which passes when others end; trying at once would only burn time.
            if !matches!(
                error.kind(),
                std::io::ErrorKind::ConnectionAborted
                    | std::io::ErrorKind::ConnectionReset
                    | std::io::ErrorKind::ConnectionRefused
            ) {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            None
        }
    }
}

async fn connection(stream: TcpStream, routes: Router, limits: Limits, mut stop: watch::Receiver<bool>) {
    // Answers are written whole: waiting for more to send would only add a round trip.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let routes = routes.clone();
        async move {
            // hyper's buffer bounds what is held, but lets a single read go beyond it.
            if header_bytes(request.headers()) > limits.header_bytes_max {
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                let message = format!("the request's headers are larger than {} bytes", limits.header_bytes_max);
                return Ok::<_, Infallible>(Refusal::new(status, "HEADERS_TOO_LARGE", message).into_response());
            }
            routes.oneshot(request.map(Body::new)).await
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.header_bytes_max.max(HYPER_BUFFER_MIN));
    if limits.header_count_max != HYPER_HEADER_COUNT {
        http.max_headers(limits.header_count_max);
    }
    let stream = Writes::within(limits.write_timeout, stream);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped => {
            // Idle connections end now, busy ones after the answer that is under way.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients that go away, and bytes that are no HTTP: nothing that an operator can mend.
        debug!(%error, "a connection ended early");
    }
}

fn header_bytes(headers: &HeaderMap) -> usize {
    // As they stand on the wire: a colon, a space and the end of the line belong to each.
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}
