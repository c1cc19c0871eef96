//! A gateway on real sockets, and a client that sends exactly the bytes that it is told to.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use weft::authorization::Authenticator;
use weft::control::{Control, SchemaSource, Services};
use weft::gateway;
use weft::server::{Server, Settings};
use weft_loaders::Loaders;

/// Longer than anything takes; reached only by a test that fails.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A graph without a service that would have to answer: introspection and `__typename` are the gateway's own.
pub const SUPERGRAPH: &str = r#"
schema
  @link(url: "https://specs.apollo.dev/link/v1.0")
  @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION)
{ query: Query mutation: Mutation }

directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA

scalar join__FieldSet
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
enum join__Graph { GREETER @join__graph(name: "greeter", url: "http://127.0.0.1:1/graphql") }

type Query @join__type(graph: GREETER) { hello(name: String!): String }
type Mutation @join__type(graph: GREETER) { greet: String }
"#;

/// Everything at its default, on free ports.
pub fn settings() -> Settings {
    Settings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        admin_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        playground: true,
        compression: true,
        cors_origins: Vec::new(),
        cors_credentials: false,
        csrf_headers: vec![http::HeaderName::from_static("graphql-require-preflight")],
        body_bytes_max: 2_000_000,
        header_bytes_max: 64 << 10,
        header_count_max: 100,
        connections_max: 100,
        request_timeout: Duration::from_secs(60),
        header_timeout: Duration::from_secs(10),
        shutdown_timeout: Duration::from_secs(30),
    }
}

/// A gateway that ends with the test.
pub struct Gateway {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub control: Arc<Control>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Gateway {
    /// Serves [`SUPERGRAPH`].
    pub async fn start(settings: Settings) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("supergraph.graphql");
        std::fs::write(&file, SUPERGRAPH).expect("written");
        Self::serve(settings, SchemaSource::Supergraph(file)).await
    }

    pub async fn serve(settings: Settings, source: SchemaSource) -> Self {
        let gateway = gateway::Settings { introspection: true, ..gateway::Settings::default() };
        Self::serve_with(settings, source, gateway, Authenticator::none()).await
    }

    pub async fn serve_with(
        settings: Settings,
        source: SchemaSource,
        gateway: gateway::Settings,
        authenticator: Authenticator,
    ) -> Self {
        let loaders = Loaders::new(weft_loaders::Settings::default());
        let control = Control::start(source, Services::new(), loaders, gateway).expect("it composes");
        let control = Arc::new(control);
        let server = Server::bind(settings, Arc::clone(&control), Arc::new(authenticator)).await.expect("free ports");
        let address = server.address();
        let admin = server.admin_address().expect("an admin listener");
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(server.run(stopped));
        Self { address, admin, control, stop, running }
    }

    /// Tells it to stop.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until it has stopped.
    pub async fn stopped(self) {
        tokio::time::timeout(DEADLINE, self.running).await.expect("it stops in time").expect("it does not panic");
    }

    pub async fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask("GET", path, headers).await
    }

    /// A request without a body.
    pub async fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: weft\r\nconnection: close\r\n{headers}\r\n");
        exchange(self.address, request.as_bytes()).await
    }

    pub async fn post(&self, headers: &str, body: impl AsRef<[u8]>) -> Answer {
        post(self.address, headers, body.as_ref()).await
    }
}

/// A POST to `/graphql`.
pub async fn post(address: SocketAddr, headers: &str, body: &[u8]) -> Answer {
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: weft\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    exchange(address, &[head.as_bytes(), body].concat()).await
}

/// Sends bytes, and reads all that comes back.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> Answer {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        // A refusal may come, and the connection end, before everything is sent.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        Answer::parse(&answer)
    };
    tokio::time::timeout(DEADLINE, exchange).await.expect("an answer in time")
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an HTTP answer");
        let head = std::str::from_utf8(&bytes[..end]).expect("headers are text");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { status: status.expect("a status"), headers, body: bytes[end + 4..].to_vec() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn code(&self) -> String {
        self.json()["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Looks again and again until `found` finds something.
pub async fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "{what} did not happen in time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Replaces a file the way editors do: another file, then a rename.
pub fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("tmp");
    std::fs::write(&beside, text).expect("written");
    std::fs::rename(beside, path).expect("renamed");
}
