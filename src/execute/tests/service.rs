//! A service in this process that answers what a test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;

/// What a service was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What it answers.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// It never answers.
    pub(crate) hangs: bool,
}

impl Reply {
    pub(crate) fn json(body: impl Into<Bytes>) -> Reply {
        Reply { status: 200, body: body.into(), hangs: false }
    }

    pub(crate) fn status(status: u16, body: impl Into<Bytes>) -> Reply {
        Reply { status, body: body.into(), hangs: false }
    }

    pub(crate) fn hang() -> Reply {
        Reply { status: 200, body: Bytes::new(), hangs: true }
    }
}

type Answering = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A running service.
pub(crate) struct Service {
    pub(crate) url: String,
    asked: Arc<Mutex<VecDeque<Asked>>>,
}

impl Service {
    /// Starts one on a free port. It ends with the test's runtime.
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Service {
        let asked: Arc<Mutex<VecDeque<Asked>>> = Arc::default();
        let state = Running { asked: Arc::clone(&asked), answer: Arc::new(answer) };
        let router = axum::Router::new().fallback(handle).with_state(state);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Service { url, asked }
    }

    /// One that always answers the same.
    pub(crate) async fn fixed(reply: Reply) -> Service {
        Service::start(move |_| reply.clone()).await
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().cloned().collect()
    }
}

#[derive(Clone)]
struct Running {
    asked: Arc<Mutex<VecDeque<Asked>>>,
    answer: Arc<Answering>,
}

async fn handle(State(running): State<Running>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let asked = Asked { uri: parts.uri.to_string(), headers: parts.headers, body };
    running.asked.lock().unwrap().push_back(asked.clone());
    let reply = (running.answer)(&asked);
    if reply.hangs {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    Response::builder()
        .status(reply.status)
        .header("content-type", "application/json")
        .body(Body::from(reply.body))
        .unwrap()
}
