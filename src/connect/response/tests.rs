//! What an answer means: every kind of body, and the service's own errors.

use serde_json::json;

use super::*;
use crate::connect::testing::connector;

const SOURCE: &str = r#"name: "v", http: {baseURL: "http://h"}"#;

fn read<'c>(
    connector: &'c Connector,
    status: u16,
    kind: Option<&'static str>,
    body: &str,
) -> Result<Answer<'c>, ConnectError> {
    let mut headers = HeaderMap::new();
    if let Some(kind) = kind {
        headers.insert("content-type", http::HeaderValue::from_static(kind));
    }
    headers.insert("x-total", http::HeaderValue::from_static("9"));
    let args = json!({"a": 1}).as_object().cloned().unwrap();
    let inputs = Inputs { args: &args, headers: &HeaderMap::new(), config: &Value::Null };
    let status = StatusCode::from_u16(status).unwrap();
    response(connector, status, &headers, body.as_bytes(), &inputs, &|body| serde_json::from_slice(body).ok())
}

fn of(rest: &str) -> Connector {
    connector(SOURCE, &format!("source: \"v\", http: {{GET: \"/\"}}, {rest}"))
}

fn value(answer: Result<Answer<'_>, ConnectError>) -> Value {
    match answer {
        Ok(Answer::Value { value, .. }) => value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_picking_mapping_leaves_the_bytes_to_the_reader() {
    let picks = of("selection: \"$.r { id }\"");
    for kind in [Some("application/json; charset=utf-8"), Some("application/problem+json"), Some("TEXT/JSON"), None] {
        assert!(matches!(read(&picks, 200, kind, "{}"), Ok(Answer::Pick(_))), "{kind:?}");
    }
    assert_eq!(value(read(&picks, 204, None, "")), Value::Null);
    assert_eq!(value(read(&picks, 200, Some("text/html"), " \n")), Value::Null);
    let html = read(&picks, 200, Some("text/html"), "<html>");
    assert_eq!(html.unwrap_err().code(), "DOWNSTREAM_INVALID_RESPONSE");
}

#[test]
fn a_computing_mapping_gives_a_value() {
    let computes = of(
        "selection: \"n: l->size total: $response.headers.'x-total'->first->parseInt s: $status a: $args.a no: nothing\"",
    );
    let answer = read(&computes, 200, None, r#"{"l": [1, 2]}"#);
    let Ok(Answer::Value { value: found, problems }) = answer else { panic!() };
    assert_eq!(found, json!({"n": 2, "total": 9, "s": 200, "a": 1}));
    assert_eq!(problems.len(), 1);
    for body in ["{\"l\": ", "nonsense", "[1] x", "{\"l\": 1e999}"] {
        assert_eq!(read(&computes, 200, None, body).unwrap_err().code(), "DOWNSTREAM_INVALID_RESPONSE", "{body}");
    }
    let deep = format!("{{\"l\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(&computes, 200, None, &deep).is_err());
}

#[test]
fn a_mapping_that_reads_no_body_needs_none() {
    let constant = of("selection: \"$(true)\"");
    assert_eq!(value(read(&constant, 204, None, "")), json!(true));
    assert_eq!(value(read(&constant, 200, Some("text/plain"), "OK")), json!(true));
}

#[test]
fn failures() {
    let plain = of("selection: \"id\"");
    let error = read(&plain, 404, None, "{}").unwrap_err();
    assert!(error.is_not_found() && error.code() == "DOWNSTREAM_STATUS");
    assert!(!read(&plain, 410, None, "{}").unwrap_err().is_not_found());
    assert_eq!(read(&plain, 302, None, "{}").unwrap_err().code(), "DOWNSTREAM_STATUS");

    let told =
        of(r#"selection: "id", errors: {message: "error.text", extensions: "reason: error.code http: $status"}"#);
    let error = read(&told, 500, None, r#"{"error": {"text": "no luck", "code": 7}}"#).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), ("DOWNSTREAM_ERROR", "no luck"));
    let ConnectError::Failure { extensions, .. } = error else { panic!() };
    assert_eq!(extensions.map(Value::Object), Some(json!({"reason": 7, "http": 500})));
    // An answer that the author did not think of still fails, without words of its own.
    let error = read(&told, 502, Some("text/html"), "<html>").unwrap_err();
    assert!(matches!(&error, ConnectError::Failure { message: None, .. }), "{error:?}");
}

#[test]
fn success_is_what_the_author_says() {
    let connector = of(r#"selection: "id n: $(1)", isSuccess: "$(ok ?? false)""#);
    assert!(read(&connector, 500, None, r#"{"ok": true, "id": 1}"#).is_ok());
    let error = read(&connector, 200, None, r#"{"ok": false}"#).unwrap_err();
    assert_eq!(error.code(), "DOWNSTREAM_ERROR");
    assert!(read(&connector, 200, None, r#"{"ok": 1}"#).is_err());
    assert!(read(&connector, 200, Some("text/html"), "<html>").is_err());

    let by_status = of(r#"selection: "id", isSuccess: "$status->in([200, 404])""#);
    assert!(matches!(read(&by_status, 404, None, r#"{"id": 1}"#), Ok(Answer::Pick(_))));
    assert!(read(&by_status, 201, None, r#"{"id": 1}"#).is_err());

    let shared =
        r#"name: "v", http: {baseURL: "http://h"}, isSuccess: "$status->eq(200)", errors: {message: "$('shared')"}"#;
    let inherits = testing(shared, r#"selection: "id""#);
    assert_eq!(read(&inherits, 201, None, "{}").unwrap_err().to_string(), "shared");
    let overrides = testing(shared, r#"selection: "id", isSuccess: "$status->eq(201)", errors: {message: "$('own')"}"#);
    assert_eq!(read(&overrides, 200, None, "{}").unwrap_err().to_string(), "own");
}

fn testing(source: &str, rest: &str) -> Connector {
    connector(source, &format!("source: \"v\", http: {{GET: \"/\"}}, {rest}"))
}
