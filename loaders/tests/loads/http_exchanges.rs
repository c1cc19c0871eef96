use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::routing::any;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures_util::stream;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, LOCATION, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use weft_loaders::{Answer, Call, Effect, LoadError, Loaders, Settings};

const PATIENCE: Duration = Duration::from_secs(20);

fn call(address: SocketAddr, timeout: Duration) -> Call {
    Call {
        service: Arc::from("video"),
        method: Method::GET,
        url: format!("http://{address}/videos"),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        effect: Effect::Read,
        deadline: Instant::now() + timeout,
        timeout,
    }
}

fn small() -> Loaders {
    Loaders::new(Settings { response_bytes_max: 10_000, ..Settings::default() })
}

async fn get(loaders: &Loaders, address: SocketAddr) -> Result<Arc<Answer>, LoadError> {
    loaders.call(call(address, PATIENCE)).await
}

/// An HTTP service that answers everything with what a function makes.
async fn serve<R: Into<Body>>(respond: impl Fn() -> Response<R> + Clone + Send + Sync + 'static) -> SocketAddr {
    let app = Router::new().fallback(any(move || {
        let response = respond().map(Into::into);
        async move { response }
    }));
    serve_app(app).await
}

async fn serve_app(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// A service that reads a request's head, sends these bytes as they are, and then does what it is told.
async fn serve_raw<F>(bytes: &'static [u8], then: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match socket.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            let _ = socket.write_all(bytes).await;
            tokio::spawn(then(socket));
        }
    });
    address
}

async fn close(mut socket: TcpStream) {
    let _ = socket.shutdown().await;
}

async fn hang(socket: TcpStream) {
    std::future::pending::<()>().await;
    drop(socket);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_call_arrives_as_it_was_made() {
    let app = Router::new().fallback(any(|request: Request<Body>| async move {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1_000).await.unwrap();
        let header = |name: &str| head.headers.get(name).map_or("none", |value| value.to_str().unwrap()).to_owned();
        let seen = [
            format!("{} {}", head.method, head.uri),
            String::from_utf8(body.to_vec()).unwrap(),
            header("x-user"),
            header("content-length"),
            header("transfer-encoding"),
            header("te"),
            header("accept-encoding"),
        ];
        (StatusCode::CREATED, [("x-answer", "yes")], seen.join("|"))
    }));
    let address = serve_app(app).await;
    let headers = HeaderMap::from_iter([
        (HeaderName::from_static("x-user"), HeaderValue::from_static("ann")),
        // A client's headers that a fragment forwards by mistake do not speak for the gateway.
        (CONTENT_LENGTH, HeaderValue::from_static("1")),
        (TRANSFER_ENCODING, HeaderValue::from_static("chunked")),
        (HeaderName::from_static("te"), HeaderValue::from_static("trailers")),
        (ACCEPT_ENCODING, HeaderValue::from_static("br")),
    ]);
    let url = format!("http://{address}/videos?ids=1,2");
    let call =
        Call { method: Method::POST, url, headers, body: Bytes::from_static(b"hello"), ..call(address, PATIENCE) };
    let loaders = small();
    let answer = loaders.call(call).await.unwrap();
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.headers["x-answer"], "yes");
    assert_eq!(answer.body, "POST /videos?ids=1,2|hello|ann|5|none|none|gzip");
    let counts = loaders.statistics().services.remove("video").unwrap();
    assert_eq!((counts.calls, counts.in_flight, counts.latency.iter().sum()), (1, 0, 1));
    assert!(counts.latency_sum > Duration::ZERO);
}

/// The test above, once more, where the environment names a proxy that does not exist.
#[test]
fn proxies_of_the_environment_are_not_used() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:9");
    }
    let output = command.args(["--exact", "http_exchanges::a_call_arrives_as_it_was_made"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
async fn connections_are_reused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            count.fetch_add(1, SeqCst);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while let Ok(byte) = socket.read_u8().await {
                    head.push(byte);
                    if head.ends_with(b"\r\n\r\n") {
                        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
                    }
                }
            });
        }
    });
    let loaders = small();
    for _ in 0..10 {
        assert_eq!(get(&loaders, address).await.unwrap().body, "ok");
    }
    // A connection comes back a moment after its answer, so that a call can now and then miss it.
    assert!(accepted.load(SeqCst) < 5);
}

#[tokio::test]
async fn every_status_is_an_answer_and_no_redirect_is_followed() {
    let trap = serve(|| -> Response<&str> { panic!("followed") }).await;
    let address = serve(move || {
        let location = format!("http://{trap}/");
        Response::builder().status(302).header(LOCATION, location).body("elsewhere").unwrap()
    })
    .await;
    let loaders = small();
    let answer = get(&loaders, address).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::FOUND, &b"elsewhere"[..]));
    assert_eq!(loaders.statistics().services["video"].statuses, 1);

    let address = serve(|| Response::builder().status(503).body("{}").unwrap()).await;
    assert_eq!(get(&loaders, address).await.unwrap().status, 503);
    let address = serve(|| Response::builder().status(204).body("").unwrap()).await;
    assert!(get(&loaders, address).await.unwrap().body.is_empty());
}

#[tokio::test]
async fn a_compressed_answer_is_decompressed() {
    let address =
        serve(|| Response::builder().header(CONTENT_ENCODING, "gzip").body(gzip(b"{\"id\":1}")).unwrap()).await;
    let answer = get(&small(), address).await.unwrap();
    assert_eq!(answer.body, "{\"id\":1}");
    assert!(!answer.headers.contains_key(CONTENT_ENCODING));
}

#[tokio::test]
async fn the_limit_holds_at_its_byte() {
    for (bytes, fits) in [(10_000, true), (10_001, false)] {
        let plain = vec![b'x'; bytes];
        let chunks = plain.chunks(777).map(Bytes::copy_from_slice).collect::<Vec<_>>();
        let compressed = gzip(&plain);
        let (announced, expected) = (plain.clone(), plain);
        let addresses = [
            serve(move || Response::new(announced.clone())).await,
            // Without a length.
            serve(move || {
                let chunks = chunks.clone().into_iter().map(Ok::<_, std::io::Error>);
                Response::new(Body::from_stream(stream::iter(chunks)))
            })
            .await,
            serve(move || Response::builder().header(CONTENT_ENCODING, "gzip").body(compressed.clone()).unwrap()).await,
        ];
        for address in addresses {
            match get(&small(), address).await {
                Ok(answer) => assert!(fits && answer.body == expected),
                Err(error) => {
                    assert!(!fits);
                    assert_eq!(error, LoadError::Invalid("the answer is longer than 10000 bytes".into()));
                }
            }
        }
    }
}

#[tokio::test]
async fn bombs_are_cut_off() {
    // 1 MB that inflates to 1 GB.
    let bomb = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let block = vec![0; 1 << 20];
        (0..256).for_each(|_| encoder.write_all(&block).unwrap());
        Bytes::from(encoder.finish().unwrap())
    };
    let compressed =
        serve(move || Response::builder().header(CONTENT_ENCODING, "gzip").body(Body::from(bomb.clone())).unwrap())
            .await;
    let endless = serve(|| {
        let block = Bytes::from_static(&[b'x'; 4096]);
        Response::new(Body::from_stream(stream::repeat_with(move || Ok::<_, std::io::Error>(block.clone()))))
    })
    .await;
    for address in [compressed, endless] {
        let error = get(&small(), address).await.unwrap_err();
        assert_eq!(error, LoadError::Invalid("the answer is longer than 10000 bytes".into()));
    }
    // A length that is only claimed is refused before anything is read.
    let claimed = serve_raw(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n", hang).await;
    assert!(matches!(get(&small(), claimed).await, Err(LoadError::Invalid(_))));
}

#[tokio::test]
async fn broken_answers_are_named() {
    let cases: [(&'static [u8], LoadError); 9] = [
        (b"", LoadError::Unavailable("the answer was cut off")),
        (b"HTTP/1.1 200 OK\r\ncontent-le", LoadError::Unavailable("the answer was cut off")),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"id\"", LoadError::Unavailable("the answer was cut off")),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n",
            LoadError::Unavailable("the answer was cut off"),
        ),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n",
            LoadError::Invalid("the answer is no HTTP".into()),
        ),
        (b"I am no web server\r\n\r\n", LoadError::Invalid("the answer is no HTTP".into())),
        (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", LoadError::Invalid("the answer is no HTTP".into())),
        (
            b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\n{}",
            LoadError::Invalid("the answer is compressed in a way that was not asked for".into()),
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 12\r\n\r\nnot any gzip",
            LoadError::Invalid("the answer cannot be decompressed".into()),
        ),
    ];
    for (bytes, expected) in cases {
        let address = serve_raw(bytes, close).await;
        assert_eq!(get(&small(), address).await.unwrap_err(), expected, "{}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test]
async fn half_a_compressed_answer_is_none() {
    let whole = gzip(&(0..5_000_u32).flat_map(u32::to_le_bytes).take(9_000).collect::<Vec<_>>());
    let half = whole[..whole.len() / 2].to_vec();
    let address = serve(move || Response::builder().header(CONTENT_ENCODING, "gzip").body(half.clone()).unwrap()).await;
    let error = get(&small(), address).await.unwrap_err();
    assert_eq!(error, LoadError::Invalid("the answer cannot be decompressed".into()));
}

#[tokio::test]
async fn failures_of_connections_are_named_without_addresses() {
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    assert_eq!(get(&small(), refused).await.unwrap_err(), LoadError::Unavailable("connection refused"));

    #[expect(deprecated, reason = "only a linger of zero sends a reset, and then it never blocks")]
    async fn reset(socket: TcpStream) {
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
    for bytes in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"id\""] {
        let address = serve_raw(bytes, reset).await;
        assert_eq!(get(&small(), address).await.unwrap_err(), LoadError::Unavailable("connection reset"));
    }

    let with_url = |url: String| Call { url, ..call(refused, PATIENCE) };
    // A label of 70 characters cannot be a name, which every resolver knows without asking.
    let cases = [
        (format!("http://{}/", "a".repeat(70)), "the address cannot be resolved"),
        ("no url".into(), "the address is no URL"),
        ("file:///etc/passwd".into(), "the address is neither http nor https"),
        (format!("http://user:secret@{refused}/"), "the address must not hold credentials; send them in a header"),
    ];
    for (url, expected) in cases {
        let error = small().call(with_url(url.clone())).await.unwrap_err();
        assert_eq!(error, LoadError::Unavailable(expected), "{url}");
    }
}

#[tokio::test]
async fn a_connection_that_does_not_come_to_stand_is_given_up() {
    // Accepted, but the other side never says anything of TLS.
    let mute = serve_raw(b"", hang).await;
    let loaders = Loaders::new(Settings { connect_timeout: Duration::from_millis(50), ..Settings::default() });
    let call = Call { url: format!("https://{mute}/"), ..call(mute, PATIENCE) };
    assert_eq!(loaders.call(call).await.unwrap_err(), LoadError::Unavailable("no connection in time"));
}

#[tokio::test]
async fn plain_text_where_tls_was_expected_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        hang(socket).await;
    });
    let call = Call { url: format!("https://{address}/"), ..call(address, PATIENCE) };
    assert_eq!(small().call(call).await.unwrap_err(), LoadError::Unavailable("the TLS handshake failed"));
}

#[tokio::test]
async fn the_deadline_covers_the_whole_exchange() {
    let timeout = Duration::from_millis(150);
    let no_answer = serve_raw(b"", hang).await;
    let no_end = serve_raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{", hang).await;
    let slow = serve_raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n", |mut socket| async move {
        while socket.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    for address in [no_answer, no_end, slow] {
        for effect in [Effect::Read, Effect::Write] {
            let started = Instant::now();
            let loaders = small();
            let error = loaders.call(Call { effect, ..call(address, timeout) }).await.unwrap_err();
            assert_eq!(error, LoadError::Timeout(timeout));
            let took = started.elapsed();
            assert!(took >= timeout && took < PATIENCE / 2, "{took:?}");
            assert_eq!(loaders.statistics().services["video"].in_flight, 0);
        }
    }
}
