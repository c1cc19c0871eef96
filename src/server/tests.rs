//! What the layers do; everything else is tested through sockets, in tests/server.rs.

use axum::body::{Body, to_bytes};
use axum::routing::get;
use http::header;
use tower::ServiceExt;

use super::*;

#[tokio::test]
async fn a_panic_costs_its_own_request_and_tells_nothing() {
    async fn handler() -> &'static str {
        panic!("a secret")
    }
    let routes: Router = Router::new().route("/", get(handler)).layer(CatchPanicLayer::custom(panicked));
    let request = http::Request::get("/").body(Body::empty()).expect("a request");
    let response = routes.oneshot(request).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json; charset=utf-8");
    let body = to_bytes(response.into_body(), 1_000).await.expect("a body");
    assert_eq!(
        body,
        r#"{"errors":[{"message":"something went wrong in the gateway","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}"#
    );
}

#[test]
fn why_a_listener_cannot_be_opened_is_a_sentence() {
    let told = |kind: io::ErrorKind, address: &str| {
        let address = address.parse().expect("an address");
        BindError { address, flag: "--listen", error: kind.into() }.to_string()
    };
    assert_eq!(
        told(io::ErrorKind::AddrInUse, "127.0.0.1:4000"),
        "127.0.0.1:4000 is in use already: stop the process that listens there, or choose another address with --listen"
    );
    assert_eq!(
        told(io::ErrorKind::PermissionDenied, "127.0.0.1:80"),
        "there is no permission to listen on 127.0.0.1:80: choose a port above 1023 with --listen"
    );
    assert_eq!(
        told(io::ErrorKind::AddrNotAvailable, "192.0.2.1:80"),
        "this machine has no address 192.0.2.1: choose another with --listen"
    );
}
