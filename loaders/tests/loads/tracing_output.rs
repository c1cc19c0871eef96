use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use weft_loaders::{Answer, Call, LoadError};

use crate::script::{SECOND, Script, answer, call, loaders};

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
    let script = Script::new(|call| async move {
        match &call.body[..] {
            b"secret down" => Err(LoadError::Unavailable("connection refused")),
            b"secret slow" => std::future::pending().await,
            _ => Ok(Answer { status: StatusCode::BAD_GATEWAY, ..answer("secret answer") }),
        }
    });
    let loaders = loaders(&script);
    for body in ["secret down", "secret slow", "secret"] {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("secret token"))]);
        let url = "http://secret.test/secret?key=secret".into();
        let _ = loaders.call(Call { url, headers, body: Bytes::from_static(body.as_bytes()), ..call(SECOND) }).await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
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
