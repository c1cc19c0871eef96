//! The listeners, through real sockets.

mod support;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use support::{Answer, DEADLINE, Gateway, SUPERGRAPH, eventually, exchange, post, replace, settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use weft::authorization::{self, Authenticator, KeySource};
use weft::control::{Outcome, SchemaSource};
use weft::gateway::{self, Unauthorized};
use weft::server::{Server, Settings};
use weft_loaders::Loaders;

const JSON: &str = "content-type: application/json\r\n";
const TYPENAME: &str = r#"{"query":"{ __typename }"}"#;

fn graphql_response() -> String {
    format!("{JSON}accept: application/graphql-response+json\r\n")
}

#[tokio::test]
async fn both_media_types_are_answered_each_with_its_own_status_codes() {
    let gateway = Gateway::start(settings()).await;
    for (query, variables, legacy, modern) in [
        ("{ __typename }", json!({}), 200, 200),
        ("{", json!({}), 200, 400),
        ("{ nope }", json!({}), 200, 400),
        ("query A { __typename } query B { __typename }", json!({}), 200, 400),
        ("query($id: ID!) { __typename }", json!({"id": null}), 200, 400),
    ] {
        let body = json!({"query": query, "variables": variables}).to_string();
        let answer = gateway.post(JSON, &body).await;
        assert_eq!(answer.status, legacy, "{query}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "no-store");
        let answer = gateway.post(&graphql_response(), &body).await;
        assert_eq!(answer.status, modern, "{query}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/graphql-response+json; charset=utf-8");
        assert_eq!(answer.json().get("data").is_some(), modern == 200, "{query}");
    }
}

#[tokio::test]
async fn requests_that_are_not_well_formed_are_refused_before_the_gateway() {
    let gateway = Gateway::start(settings()).await;
    for (headers, body, status, code) in [
        ("", TYPENAME, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("content-type: text/plain\r\n", TYPENAME, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("content-type: application/json; charset=utf-16\r\n", TYPENAME, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("content-type: multipart/form-data; boundary=x\r\n", TYPENAME, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("content-type: application/json\r\ncontent-encoding: br\r\n", TYPENAME, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("content-type: application/json\r\ncontent-encoding: gzip\r\n", TYPENAME, 400, "BAD_REQUEST"),
        ("content-type: application/json\r\naccept: text/html\r\n", TYPENAME, 406, "NOT_ACCEPTABLE"),
        ("content-type: application/json\r\n", "", 400, "BAD_REQUEST"),
        ("content-type: application/json\r\n", "{", 400, "BAD_REQUEST"),
        ("content-type: application/json\r\n", r#"{"query":[]}"#, 400, "BAD_REQUEST"),
        ("content-type: application/json\r\n", r#"[{"query":"{ __typename }"}]"#, 400, "BATCHING_NOT_SUPPORTED"),
    ] {
        let answer = gateway.post(headers, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{headers}{body}");
    }
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let answer = gateway.ask(method, "/graphql", "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD, POST, OPTIONS"), "{method}");
        assert_eq!(answer.code(), "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn the_type_and_the_coding_of_a_body_are_said_once() {
    let gateway = Gateway::start(settings()).await;
    for headers in [
        "content-type: application/json\r\ncontent-type: application/json\r\n",
        "content-type: application/json\r\ncontent-type: text/plain\r\n",
        "content-type: application/json, text/plain\r\n",
        "content-type: application/json\r\ncontent-encoding: identity\r\ncontent-encoding: gzip\r\n",
        "content-type: application/json\r\ncontent-encoding: gzip, gzip\r\n",
        "content-type: \u{e9}\r\n",
    ] {
        let answer = gateway.post(headers, TYPENAME).await;
        assert_eq!((answer.status, answer.code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"), "{headers}");
    }
    let lengths = "content-type: application/json\r\ncontent-length: 3\r\n";
    assert_eq!(gateway.post(lengths, TYPENAME).await.status, 400, "two lengths are two requests for somebody");
}

#[tokio::test]
async fn head_is_get_without_a_body_and_options_tells_the_methods() {
    let cors_origins = vec!["https://app.example".to_owned()];
    for settings in [settings(), Settings { cors_origins, ..settings() }] {
        let gateway = Gateway::start(settings).await;
        let get = gateway.ask("GET", "/graphql?query=%7B__typename%7D", "").await;
        let head = gateway.ask("HEAD", "/graphql?query=%7B__typename%7D", "").await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        for name in ["content-type", "content-length", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name}");
        }
        let head = gateway.ask("HEAD", "/graphql?query=mutation%7B__typename%7D", "").await;
        assert_eq!((head.status, head.header("allow"), head.body.len()), (405, "POST", 0));
        assert_eq!(gateway.ask("HEAD", "/graphql", "").await.status, 400);
        assert_eq!(gateway.ask("HEAD", "/health", "").await.status, 200);
        let answer = gateway.ask("OPTIONS", "/graphql", "").await;
        assert_eq!((answer.status, answer.header("allow")), (204, "GET, HEAD, POST, OPTIONS"));
        let answer = gateway.ask("POST", "/health", "content-length: 0\r\n").await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"));
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let gateway = Gateway::start(Settings { body_bytes_max: 1_000, ..settings() }).await;
    let head = |length: usize, headers: &str| {
        format!(
            "POST /graphql HTTP/1.1\r\nhost: weft\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\
             connection: close\r\n{headers}\r\n"
        )
    };
    // Whoever is refused is not told to go on, whatever the reason.
    for (length, headers, status, code) in [
        (1_001, JSON, 413, "PAYLOAD_TOO_LARGE"),
        (1 << 62, JSON, 413, "PAYLOAD_TOO_LARGE"),
        (100, "content-type: text/plain\r\n", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (100, "content-type: application/json\r\ncontent-encoding: br\r\n", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (100, "content-type: application/json\r\naccept: image/png\r\n", 406, "NOT_ACCEPTABLE"),
    ] {
        let answer = exchange(gateway.address, head(length, headers).as_bytes()).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{length} {headers}");
    }
    let mut client = TcpStream::connect(gateway.address).await.expect("it listens");
    client.write_all(head(TYPENAME.len(), JSON).as_bytes()).await.expect("sent");
    let mut leave = [0; 25];
    tokio::time::timeout(DEADLINE, client.read_exact(&mut leave)).await.expect("in time").expect("read");
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(TYPENAME.as_bytes()).await.expect("sent");
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.expect("read");
    assert_eq!(Answer::parse(&bytes).status, 200);
    // Without a length, what arrives is counted.
    let chunked = format!(
        "POST /graphql HTTP/1.1\r\nhost: weft\r\nconnection: close\r\n{JSON}transfer-encoding: chunked\r\n\r\n3e9\r\n{}\r\n",
        " ".repeat(1_001)
    );
    assert_eq!(exchange(gateway.address, chunked.as_bytes()).await.status, 413);
}

/// Clients that send all before they read anything would see no more than a connection that breaks.
#[tokio::test]
async fn a_refusal_waits_until_the_body_is_sent() {
    let gateway = Gateway::start(settings()).await;
    let mut stream = TcpStream::connect(gateway.address).await.expect("it listens");
    let length = 1_000_000;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: weft\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("a head");
    for part in vec![b'x'; length].chunks(length / 4) {
        stream.write_all(part).await.expect("it is read");
        tokio::task::yield_now().await;
    }
    // The connection is whole: the next request is answered on it.
    let next = format!(
        "POST /graphql HTTP/1.1\r\nhost: weft\r\nconnection: close\r\n{JSON}content-length: {}\r\n\r\n{TYPENAME}",
        TYPENAME.len()
    );
    stream.write_all(next.as_bytes()).await.expect("it is still open");
    let mut answers = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answers)).await.expect("in time").expect("answers");
    let answers = String::from_utf8_lossy(&answers);
    assert!(answers.starts_with("HTTP/1.1 415 ") && answers.contains("HTTP/1.1 200 "), "{answers}");
}

#[tokio::test]
async fn a_query_comes_by_get_and_a_mutation_does_not() {
    let gateway = Gateway::start(settings()).await;
    let answer = gateway.get("/graphql?query=%7B__typename%7D", "").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"data": {"__typename": "Query"}})));
    let answer = gateway.get("/graphql?query=mutation%7B__typename%7D", "").await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{}", answer.text());
    let answer = gateway.get("/graphql", "accept: application/json\r\n").await;
    assert_eq!(answer.status, 400);
    for query in ["query=%7B__typename%20%23%ff%7D", "query=%7B__typename%7D&variables=%7B%22x%22:%22%C3%28%22%7D"] {
        let answer = gateway.get(&format!("/graphql?{query}"), "").await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_REQUEST"), "what is not UTF-8 is not mended");
    }
    let answer = gateway.get("/graphql", "accept: text/html,*/*;q=0.8\r\n").await;
    assert_eq!((answer.status, answer.header("location")), (303, "/playground"));
}

#[tokio::test]
async fn a_query_by_get_with_cookies_needs_a_header_that_no_page_can_add() {
    let gateway = Gateway::start(settings()).await;
    let path = "/graphql?query=%7B__typename%7D";
    let answer = gateway.get(path, "cookie: session=1\r\n").await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "CSRF_PREVENTION"));
    let answer = gateway.get(path, "cookie: session=1\r\ngraphql-require-preflight: 1\r\n").await;
    assert_eq!(answer.status, 200);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

#[tokio::test]
async fn bodies_are_bounded_before_and_after_decompression() {
    let gateway = Gateway::start(Settings { body_bytes_max: 10_000, ..settings() }).await;
    let zipped = format!("{JSON}content-encoding: gzip\r\n");
    let answer = gateway.post(&zipped, gzip(TYPENAME.as_bytes())).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"data": {"__typename": "Query"}})));
    let padded = format!(r#"{{"query":"{{ __typename }}","pad":"{}"}}"#, "x".repeat(10_000));
    let answer = gateway.post(JSON, &padded).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "PAYLOAD_TOO_LARGE"));
    let bomb = gzip(&vec![b' '; 50_000_000]);
    let small_bomb = gzip(&vec![b' '; 5_000_000]);
    assert!(small_bomb.len() < 10_000 && bomb.len() > 10_000, "one passes the first bound, one does not");
    for bomb in [bomb, small_bomb] {
        let answer = gateway.post(&zipped, bomb).await;
        assert_eq!((answer.status, answer.code().as_str()), (413, "PAYLOAD_TOO_LARGE"));
    }
}

#[tokio::test]
async fn headers_are_bounded_in_number_size_and_time() {
    let gateway = Gateway::start(Settings { header_timeout: Duration::from_millis(200), ..settings() }).await;
    let many: String = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect();
    assert_eq!(gateway.get("/health", &many).await.status, 431);
    let large = format!("x-large: {}\r\n", "x".repeat(70_000));
    assert_eq!(gateway.get("/health", &large).await.status, 431);
    let long = format!("/graphql?query={}", "x".repeat(66_000));
    assert!(matches!(gateway.get(&long, "").await.status, 414 | 431));
    let fits = format!("x-large: {}\r\n", "x".repeat(50_000));
    assert_eq!(gateway.get("/health", &fits).await.status, 200);

    let mut slow = TcpStream::connect(gateway.address).await.expect("it listens");
    slow.write_all(b"GET /health HTTP/1.1\r\nhost: we").await.expect("sent");
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(DEADLINE, slow.read_to_end(&mut rest)).await;
    ended.expect("the connection is closed").expect("read");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let gateway = Gateway::start(Settings { request_timeout: Duration::from_millis(200), ..settings() }).await;
    let head =
        format!("POST /graphql HTTP/1.1\r\nhost: weft\r\nconnection: close\r\ncontent-length: 100\r\n{JSON}\r\n{{");
    let answer = exchange(gateway.address, head.as_bytes()).await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "REQUEST_TIMEOUT"));
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_ask() {
    let gateway = Gateway::start(settings()).await;
    let query = json!({"query": "{ __schema { types { name description fields { name description } } } }"}).to_string();
    let plain = gateway.post(JSON, &query).await;
    assert_eq!(plain.header("content-encoding"), "");
    assert!(plain.body.len() > 1_024, "{}", plain.text());
    let zipped = gateway.post(&format!("{JSON}accept-encoding: gzip\r\n"), &query).await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert!(zipped.body.len() < plain.body.len());
}

#[tokio::test]
async fn other_origins_are_answered_only_if_they_are_named() {
    let preflight = "OPTIONS /graphql HTTP/1.1\r\nhost: weft\r\nconnection: close\r\norigin: https://app.example\r\n\
                     access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n\r\n";
    let closed = Gateway::start(settings()).await;
    let answer = exchange(closed.address, preflight.as_bytes()).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");

    let cors_origins = vec!["https://app.example".to_owned()];
    let open = Gateway::start(Settings { cors_origins, cors_credentials: true, ..settings() }).await;
    let answer = exchange(open.address, preflight.as_bytes()).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, "https://app.example"));
    assert_eq!(answer.header("access-control-allow-headers"), "content-type");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    let answer = open.post(&format!("{JSON}origin: https://app.example\r\n"), "{").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (400, "https://app.example"));
    let answer = open.post(&format!("{JSON}origin: https://evil.example\r\n"), TYPENAME).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn the_pages_beside_graphql() {
    let gateway = Gateway::start(settings()).await;
    let browser = "accept: text/html,application/xhtml+xml\r\n";
    let answer = gateway.get("/", browser).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/playground"));
    assert_eq!(gateway.get("/", "").await.json()["addresses"]["graphql"], "/graphql");
    let page = gateway.get("/playground", browser).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").contains("default-src 'self'"));
    assert_eq!(gateway.get("/playground/../Cargo.toml", "").await.status, 404);
    let schema = gateway.get("/schema.graphql", "").await;
    assert_eq!(schema.status, 200);
    assert!(schema.text().contains("hello(name: String!): String"), "{}", schema.text());
    assert!(!schema.text().contains("join__"), "clients see the API, not the supergraph");
    let again = gateway.get("/schema.graphql", &format!("if-none-match: {}\r\n", schema.header("etag"))).await;
    assert_eq!(again.status, 304);
    for path in ["/health", "/health/live", "/health/ready"] {
        let answer = gateway.get(path, "").await;
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("ok")), "{path}");
    }
    let answer = gateway.get("/nope", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn without_the_playground_a_browser_gets_no_page() {
    let gateway = Gateway::start(Settings { playground: false, ..settings() }).await;
    let browser = "accept: text/html\r\n";
    assert_eq!(gateway.get("/", browser).await.status, 200);
    let page = gateway.get("/playground", browser).await;
    assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=utf-8"));
    assert!(page.text().contains("The setting <code>playground</code> is off"), "{}", page.text());
}

#[tokio::test]
async fn the_control_graph_takes_json_only_and_shows_addresses_of_sources() {
    let folder = tempfile::tempdir().expect("a folder");
    let fragment = r#"
extend schema
  @link(url: "https://specs.weft.graph/fragment/v1.0", import: ["@connect", "@source"])
  @source(name: "one", http: { baseURL: "http://127.0.0.1:1/api" })
  @source(name: "two", http: { baseURL: "http://127.0.0.1:2" })
type Query {
  a: String @connect(source: "one", http: { GET: "/a" }, selection: "$")
  b: String @connect(source: "two", http: { GET: "/b" }, selection: "$")
}
"#;
    std::fs::write(folder.path().join("http.graphql"), fragment).expect("written");
    let gateway = Gateway::serve(settings(), SchemaSource::Fragments(folder.path().into())).await;
    let query = br#"{"query":"{ services { url urls } }"}"#;
    let answer = post(gateway.admin, JSON, query).await;
    let urls = json!([{"url": "http://127.0.0.1:1/api", "urls": ["http://127.0.0.1:1/api", "http://127.0.0.1:2"]}]);
    assert_eq!(answer.json()["data"]["services"], urls, "{}", answer.text());
    for headers in ["content-type: text/plain\r\n", "content-type: application/x-www-form-urlencoded\r\n", ""] {
        let answer = post(gateway.admin, headers, query).await;
        assert_eq!((answer.status, answer.code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"), "{headers}");
    }
}

/// `EdDSA` tokens of an issuer of its own, and a file with its key.
struct Issuer(Ed25519KeyPair);

impl Issuer {
    fn new(file: &Path) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("random bytes");
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key");
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x}]});
        std::fs::write(file, set.to_string()).expect("written");
        Self(pair)
    }

    fn sign(&self, claims: &serde_json::Value) -> String {
        let base64 = |text: String| URL_SAFE_NO_PAD.encode(text);
        let signed =
            format!("{}.{}", base64(json!({"alg": "EdDSA", "kid": "k"}).to_string()), base64(claims.to_string()));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes())))
    }
}

#[tokio::test]
async fn a_token_opens_what_the_graph_keeps_and_a_wrong_one_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (keys, file) = (folder.path().join("keys.json"), folder.path().join("supergraph.graphql"));
    let issuer = Issuer::new(&keys);
    let secured = SUPERGRAPH
        .replace(
            "join/v0.3\", for: EXECUTION)",
            "join/v0.3\", for: EXECUTION)
  @link(url: \"https://specs.apollo.dev/requiresScopes/v0.1\", for: SECURITY)",
        )
        .replace("hello(name: String!): String", "hello(name: String!): String @requiresScopes(scopes: [[\"greet\"]])");
    std::fs::write(&file, secured).expect("written");
    let jwt = authorization::Settings {
        keys: vec![KeySource::File(keys)],
        issuers: Vec::new(),
        audiences: Vec::new(),
        header: http::header::AUTHORIZATION,
        leeway: Duration::from_secs(30),
        refresh: Duration::from_secs(60),
        scope_claims: vec!["scope".into()],
        policy_claims: Vec::new(),
    };
    let query = r#"{"query":"{ hello(name: \"x\") }"}"#;
    for (unauthorized, modern) in [(Unauthorized::Null, 200), (Unauthorized::Refuse, 403)] {
        let loaders = Loaders::new(weft_loaders::Settings::default());
        let authenticator = Authenticator::start(jwt.clone(), loaders).await.expect("keys");
        let settings_of_gateway = gateway::Settings { unauthorized, ..gateway::Settings::default() };
        let source = SchemaSource::Supergraph(file.clone());
        let gateway = Gateway::serve_with(settings(), source, settings_of_gateway, authenticator).await;
        let ask = async |headers: &str| gateway.post(&format!("{}{headers}", graphql_response()), query).await;
        let bearer = |claims| format!("authorization: Bearer {}\r\n", issuer.sign(&claims));

        let anonymous = ask("").await;
        assert_eq!((anonymous.status, anonymous.code().as_str()), (modern, "UNAUTHORIZED_FIELD_OR_TYPE"));
        let other = ask(&bearer(json!({"exp": 4_102_444_800_u64, "scope": "other"}))).await;
        assert_eq!((other.status, other.code().as_str()), (modern, "UNAUTHORIZED_FIELD_OR_TYPE"));
        // It is asked: there is no such service, which is what is told.
        let granted = ask(&bearer(json!({"exp": 4_102_444_800_u64, "scope": "x greet"}))).await;
        assert_eq!((granted.status, granted.code().as_str()), (200, "DOWNSTREAM_UNAVAILABLE"));

        let expired = ask(&bearer(json!({"exp": 1, "scope": "greet"}))).await;
        assert_eq!((expired.status, expired.code().as_str()), (401, "UNAUTHENTICATED"));
        let challenge = "Bearer error=\"invalid_token\", error_description=\"it has expired\"";
        assert_eq!(expired.header("www-authenticate"), challenge);
        assert_eq!(ask("authorization: Basic eDp5\r\n").await.status, 401);
        let by_get = gateway.get("/graphql?query=%7B__typename%7D", "authorization: Bearer x\r\n").await;
        assert_eq!(by_get.status, 401, "whatever is asked");
        assert_eq!(gateway.get("/health", "authorization: Bearer x\r\n").await.status, 200, "health is everybody's");
    }
}

#[tokio::test]
async fn operators_see_numbers_and_the_control_graph() {
    let gateway = Gateway::start(settings()).await;
    gateway.post(JSON, TYPENAME).await;
    gateway.post(JSON, TYPENAME).await;
    gateway.post(&graphql_response(), r#"{"query":"{"}"#).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: weft\r\nconnection: close\r\n\r\n");
    let metrics = exchange(gateway.admin, get("/metrics").as_bytes()).await.text();
    for line in [
        "weft_request_duration_seconds_count{status=\"2xx\"} 2",
        "weft_request_duration_seconds_count{status=\"4xx\"} 1",
        "weft_requests_in_flight 0",
        "weft_document_cache_hits_total 1",
        "weft_document_cache_misses_total 2",
        "weft_plan_cache_hits_total 1",
        "weft_plan_cache_misses_total 1",
        "weft_reloads_total{outcome=\"swapped\"} 1",
        "weft_cache_entries 0",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line} is missing in\n{metrics}");
    }
    let query = "{ version uptimeSeconds graph { hash types fields } fragments { name hash bytes } \
                 services { name kind url loads { calls } } cache { entries } \
                 lastReload { outcome failure diagnostics { code } } reloads { swapped refused } }";
    let answer = post(gateway.admin, JSON, json!({"query": query}).to_string().as_bytes()).await;
    let data = &answer.json()["data"];
    assert_eq!(data["version"], env!("CARGO_PKG_VERSION"), "{}", answer.text());
    assert_eq!(data["graph"]["types"], 2);
    assert_eq!(data["services"][0]["name"], "greeter");
    assert_eq!(data["services"][0]["url"], "http://127.0.0.1:1/graphql");
    assert_eq!(data["lastReload"]["outcome"], "SWAPPED");
    let outside = exchange(gateway.address, get("/metrics").as_bytes()).await;
    assert_eq!(outside.status, 404, "clients do not see what operators see");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_in_a_sentence() {
    let gateway = Gateway::start(settings()).await;
    let taken = Settings { listen: gateway.address, ..settings() };
    let told =
        Server::bind(taken, gateway.control.clone(), Arc::default()).await.err().expect("it is taken").to_string();
    assert!(told.ends_with("or choose another address with --listen"), "{told}");
    let taken = Settings { admin_listen: Some(gateway.admin), ..settings() };
    let told =
        Server::bind(taken, gateway.control.clone(), Arc::default()).await.err().expect("it is taken").to_string();
    assert!(told.ends_with("or choose another address with --admin-listen"), "{told}");
}

#[tokio::test]
async fn what_is_under_way_is_finished_when_it_stops() {
    let gateway = Gateway::start(settings()).await;
    let address = gateway.address;
    let mut idle = TcpStream::connect(address).await.expect("it listens");
    let mut busy = TcpStream::connect(address).await.expect("it listens");
    let head = format!("POST /graphql HTTP/1.1\r\nhost: weft\r\ncontent-length: {}\r\n{JSON}\r\n", TYPENAME.len());
    busy.write_all(head.as_bytes()).await.expect("sent");
    // An answer on another connection shows that the first one was accepted before it.
    assert_eq!(gateway.get("/health/ready", "").await.status, 200);
    busy.write_all(&TYPENAME.as_bytes()[..5]).await.expect("sent");
    // Only once its headers were read does a connection count as busy; the metric tells.
    let metrics = "GET /metrics HTTP/1.1\r\nhost: weft\r\nconnection: close\r\n\r\n";
    loop {
        let numbers = exchange(gateway.admin, metrics.as_bytes()).await.text();
        if numbers.contains("weft_requests_in_flight 1") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    gateway.stop();
    let mut nothing = Vec::new();
    let ended = tokio::time::timeout(DEADLINE, idle.read_to_end(&mut nothing)).await;
    ended.expect("an idle connection ends at once").expect("read");
    busy.write_all(&TYPENAME.as_bytes()[5..]).await.expect("sent");
    let mut bytes = Vec::new();
    busy.read_to_end(&mut bytes).await.expect("read");
    assert_eq!(Answer::parse(&bytes).status, 200);
    gateway.stopped().await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn what_does_not_finish_is_cut_off() {
    let gateway = Gateway::start(Settings { shutdown_timeout: Duration::from_millis(100), ..settings() }).await;
    let mut stuck = TcpStream::connect(gateway.address).await.expect("it listens");
    let head = format!("POST /graphql HTTP/1.1\r\nhost: weft\r\ncontent-length: 100\r\n{JSON}\r\n");
    stuck.write_all(head.as_bytes()).await.expect("sent");
    assert_eq!(gateway.get("/health/ready", "").await.status, 200);
    gateway.stop();
    gateway.stopped().await;
}

#[tokio::test]
async fn a_broken_file_keeps_the_last_good_graph_and_a_mended_one_replaces_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("supergraph.graphql");
    std::fs::write(&file, SUPERGRAPH).expect("written");
    let gateway = Gateway::serve(settings(), SchemaSource::Supergraph(file.clone())).await;
    let watching = tokio::spawn(gateway.control.clone().watch());
    let outcome = |wanted: Outcome| {
        let control = gateway.control.clone();
        move || {
            let status = control.status();
            (status.last.outcome == wanted).then_some(status)
        }
    };
    let first = gateway.control.status().graph.hash.clone();

    replace(&file, "type Query {");
    let status = eventually("the refusal", outcome(Outcome::Refused)).await;
    assert_eq!((status.graph.hash.as_str(), status.refusals), (first.as_str(), 1));
    assert!(!status.last.diagnostics.is_empty());
    assert!(gateway.get("/schema.graphql", "").await.text().contains("hello(name: String!)"));
    let query = r#"{"query":"{ lastReload { outcome diagnostics { text places { line } } } }"}"#;
    let told = post(gateway.admin, JSON, query.as_bytes()).await.json();
    assert_eq!(told["data"]["lastReload"]["outcome"], "REFUSED");
    assert_eq!(told["data"]["lastReload"]["diagnostics"][0]["places"][0]["line"], 1);

    replace(&file, &SUPERGRAPH.replace("hello(", "goodbye("));
    let status = eventually("the swap", outcome(Outcome::Swapped)).await;
    assert_ne!(status.graph.hash, first);
    assert!(gateway.get("/schema.graphql", "").await.text().contains("goodbye(name: String!)"));

    std::fs::remove_file(&file).expect("removed");
    let status = eventually("the refusal", outcome(Outcome::Refused)).await;
    assert!(status.last.failure.as_deref().is_some_and(|told| told.starts_with("there is no file")));
    watching.abort();
}
