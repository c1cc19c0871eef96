//! What traces tell. A binary of its own: tracing remembers for the whole process whether anybody listens, and
//! other tests, in which nobody does, would decide that for this one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use weft_loaders::{Answer, Call, Effect, Exchange, LoadError, Loaders, Settings, Transport};

const SECOND: Duration = Duration::from_secs(1);

struct Service;

impl Transport for Service {
    fn exchange<'a>(&'a self, call: &'a Call) -> Exchange<'a> {
        Box::pin(async move {
            match &call.body[..] {
                b"secret down" => Err(LoadError::Unavailable("connection refused")),
                b"secret slow" => std::future::pending().await,
                _ => Ok(Answer {
                    status: StatusCode::BAD_GATEWAY,
                    headers: HeaderMap::new(),
                    body: Bytes::from_static(b"secret answer"),
                }),
            }
        })
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn traces_tell_what_happened_and_nothing_of_anybody() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let loaders = Loaders::with_transport(Settings::default(), Arc::new(Service));
    for body in ["secret down", "secret slow", "secret"] {
        let call = Call {
            service: Arc::from("video"),
            method: Method::POST,
            url: "http://secret.test/secret?key=secret".into(),
            headers: HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("secret token"))]),
            body: Bytes::from_static(body.as_bytes()),
            effect: Effect::Read,
            deadline: Instant::now() + SECOND,
            timeout: SECOND,
        };
        let _ = loaders.call(call).await;
    }
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for told in [
        "otel.kind=\"client\"",
        "peer.service=\"video\"",
        "http.request.method=\"POST\"",
        "http.response.status_code=502",
        "error.type=\"status\"",
        "error.type=\"unavailable\"",
        "error.type=\"abandoned\"",
        "duration_ms=1000",
    ] {
        assert!(text.contains(told), "{told} is not in\n{text}");
    }
    assert!(!text.contains("secret"), "{text}");
}
