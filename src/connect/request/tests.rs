//! What travels, and above all what a value cannot do to it.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::connect::testing::connector;

const SOURCE: &str = r#"name: "v", http: {baseURL: "http://h/api/"}"#;

fn made(connector: &Connector, args: Value, client: &[(&'static str, &'static str)]) -> Made<HttpRequest> {
    let mut headers = HeaderMap::new();
    for (name, value) in client {
        headers.append(*name, HttpHeaderValue::from_static(value));
    }
    let Value::Object(args) = args else { panic!() };
    let config = json!({"key": "k"});
    request(connector, None, &Inputs { args: &args, headers: &headers, config: &config })
}

fn url(http: &str, args: Value) -> Made<String> {
    let connector = connector(SOURCE, &format!("source: \"v\", http: {{{http}}}, selection: \"id\""));
    made(&connector, args, &[]).map(|request| request.url)
}

#[test]
fn urls() {
    let cases = [
        (r#"GET: "/v/{$args.a}""#, json!({"a": "x"}), "http://h/api/v/x"),
        (r#"GET: "v/{$args.a}/b""#, json!({"a": 7}), "http://h/api/v/7/b"),
        (r#"GET: "/v/a-{$args.a}.json""#, json!({"a": true}), "http://h/api/v/a-true.json"),
        (r#"GET: "/v/""#, json!({}), "http://h/api/v/"),
        (r#"GET: """#, json!({}), "http://h/api"),
        (r#"GET: "/""#, json!({}), "http://h/api/"),
        (r#"GET: "?a={$args.a}""#, json!({"a": "x y"}), "http://h/api?a=x%20y"),
        (r#"GET: "/v?a={$args.a}&b={$args.b}&c=1""#, json!({"a": null, "b": "&c=2"}), "http://h/api/v?b=%26c%3D2&c=1"),
        (r#"GET: "/v?ab={$args.a}-{$args.b}""#, json!({"a": null, "b": 1}), "http://h/api/v?ab=-1"),
        (r#"GET: "/v?flag&x=""#, json!({}), "http://h/api/v?flag&x="),
        (
            r#"GET: "/v", queryParams: "ids: $args.ids n: $args.n t: $(true)""#,
            json!({"ids": [1, "b", null], "n": null}),
            "http://h/api/v?ids=1&ids=b&t=true",
        ),
        (r#"GET: "/v", queryParams: "ids: $args.ids""#, json!({"ids": []}), "http://h/api/v"),
        (
            r#"GET: "/v", queryParams: "ids: $args.ids->joinNotNull(',')""#,
            json!({"ids": [1, 2]}),
            "http://h/api/v?ids=1%2C2",
        ),
        (r#"GET: "/v", queryParams: "'a b': $args.a""#, json!({"a": "ü"}), "http://h/api/v?a%20b=%C3%BC"),
        (r#"GET: "/v", path: "$([$args.a, 'w'])""#, json!({"a": "x/y"}), "http://h/api/v/x%2Fy/w"),
        (r#"GET: "/{$config.key}""#, json!({}), "http://h/api/k"),
    ];
    for (http, args, expected) in cases {
        assert_eq!(url(http, args).as_deref(), Ok(expected), "{http}");
    }
}

#[test]
fn a_value_stays_in_its_place() {
    let cases = [
        ("../admin", "..%2Fadmin"),
        ("a/../../b", "a%2F..%2F..%2Fb"),
        ("?x=1", "%3Fx%3D1"),
        ("#", "%23"),
        ("%2e%2e", "%252e%252e"),
        ("a\nb\r\n", "a%0Ab%0D%0A"),
        ("a b+c", "a%20b%2Bc"),
        ("\\..\\", "%5C..%5C"),
        ("@evil.example", "%40evil.example"),
        ("{$args.b}", "%7B%24args.b%7D"),
        ("\u{0}", "%00"),
        ("...", "..."),
    ];
    for (value, encoded) in cases {
        let args = || json!({"a": value});
        assert_eq!(url(r#"GET: "/v/{$args.a}/w""#, args()), Ok(format!("http://h/api/v/{encoded}/w")), "{value}");
        assert_eq!(url(r#"GET: "/v", path: "$args.a""#, args()), Ok(format!("http://h/api/v/{encoded}")), "{value}");
        assert_eq!(
            url(r#"GET: "/v?q={$args.a}&r=1""#, args()),
            Ok(format!("http://h/api/v?q={encoded}&r=1")),
            "{value}"
        );
        assert_eq!(
            url(r#"GET: "/v", queryParams: "q: $args.a""#, args()),
            Ok(format!("http://h/api/v?q={encoded}")),
            "{value}"
        );
    }
}

#[test]
fn what_no_path_can_hold_is_refused() {
    for value in [json!(".."), json!("."), json!(""), json!([1]), json!({"a": 1})] {
        for http in [r#"GET: "/v/{$args.a}/w""#, r#"GET: "/v", path: "$([$args.a, 'w'])""#] {
            let refused = url(http, json!({"a": value}));
            // A list given as a path is its segments.
            assert!(matches!(refused, Err(RequestError::Invalid(_))), "{http} {value}: {refused:?}");
        }
    }
    assert!(matches!(url(r#"GET: "/.{$args.a}""#, json!({"a": "."})), Err(RequestError::Invalid(_))));
    assert!(matches!(url(r#"GET: "/%2E{$args.a}""#, json!({"a": "."})), Err(RequestError::Invalid(_))));
    assert!(matches!(url(r#"GET: "/v?a={$args.a}""#, json!({"a": [1]})), Err(RequestError::Invalid(_))));
    assert!(matches!(
        url(r#"GET: "/v", queryParams: "a: $args.a""#, json!({"a": {"b": 1}})),
        Err(RequestError::Invalid(_))
    ));
    assert!(matches!(url(r#"GET: "/v", queryParams: "$args.a""#, json!({"a": 1})), Err(RequestError::Invalid(_))));
}

#[test]
fn a_null_in_a_path_asks_for_nothing() {
    for args in [json!({"a": null}), json!({})] {
        assert_eq!(url(r#"GET: "/v/{$args.a}""#, args.clone()), Err(RequestError::Null));
        assert_eq!(url(r#"GET: "/v/x-{$args.a}""#, args.clone()), Err(RequestError::Null));
        assert_eq!(url(r#"GET: "/v", path: "$(['w', $args.a])""#, args), Err(RequestError::Null));
    }
}

#[test]
fn the_source_comes_first() {
    let source = r#"name: "v", http: {baseURL: "https://h:8443/api?v=2", path: "$(['t', $config.key])", queryParams: "k: $config.key",
        headers: [{name: "X-A", value: "source"}, {name: "X-B", from: "x-client"}, {name: "x-c", value: "c"}]}"#;
    let connect = r#"source: "v", http: {GET: "/v?a=1", path: "$(['w'])", queryParams: "b: $(2)",
        headers: [{name: "x-a", value: "{$args.a}-{$config.key}"}, {name: "x-c", from: "x-none"}]}, selection: "id""#;
    let connector = connector(source, connect);
    let request =
        made(&connector, json!({"a": 1}), &[("x-client", "one"), ("x-client", "two"), ("cookie", "secret")]).unwrap();
    assert_eq!(request.url, "https://h:8443/api/t/k/v/w?v=2&a=1&k=k&b=2");
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(headers, [("x-b", "one"), ("x-b", "two"), ("x-a", "1-k"), ("accept", "application/json")]);
    assert_eq!(connector.forwarded_headers(), ["x-client", "x-none"]);
    let args = Map::new();
    let inputs = Inputs { args: &args, headers: &HeaderMap::new(), config: &Value::Null };
    let error = super::request(&connector, Some("http://other/base/"), &inputs);
    assert_eq!(error, Err(RequestError::Null), "`$config.key` is a segment of the path");
}

#[test]
fn another_base_replaces_the_whole_one() {
    let connector = connector(SOURCE, r#"http: {GET: "https://h:1/api/v?a={$args.a}"}, selection: "id""#);
    let args = json!({"a": 1});
    let inputs = Inputs { args: args.as_object().unwrap(), headers: &HeaderMap::new(), config: &Value::Null };
    assert_eq!(request(&connector, None, &inputs).unwrap().url, "https://h:1/api/v?a=1");
    assert_eq!(
        request(&connector, Some("http://127.0.0.1:9/x/"), &inputs).unwrap().url,
        "http://127.0.0.1:9/x/api/v?a=1"
    );
    assert_eq!(
        request(&connector, Some("http://127.0.0.1:9?k=1"), &inputs).unwrap().url,
        "http://127.0.0.1:9/api/v?k=1&a=1"
    );
}

#[test]
fn headers() {
    let connector = connector(
        SOURCE,
        r#"source: "v", http: {GET: "/", headers: [{name: "a", value: "x-{$args.a}"}, {name: "b", value: "{$args.a}"}, {name: "accept", value: "text/json"},
            {name: "c", value: "{$request.headers.'x-c'}"}]}, selection: "id""#,
    );
    let header = |args: Value, name: &str| {
        let request = made(&connector, args, &[("x-c", "see")])?;
        Ok::<_, RequestError>(request.headers.get(name).map(|value| value.to_str().unwrap().to_owned()))
    };
    assert_eq!(header(json!({"a": "y"}), "a"), Ok(Some("x-y".to_owned())));
    assert_eq!(header(json!({"a": null}), "a"), Ok(Some("x-".to_owned())));
    assert_eq!(header(json!({"a": null}), "b"), Ok(None));
    assert_eq!(header(json!({}), "accept"), Ok(Some("text/json".to_owned())));
    assert_eq!(header(json!({}), "c"), Ok(Some("see".to_owned())));
    for value in ["a\r\nx-admin: 1", "a\nb", "\u{0}"] {
        assert!(matches!(header(json!({"a": value}), "a"), Err(RequestError::Invalid(_))), "{value:?}");
    }
    let (a, b) = (header(json!({"a": [1, 2]}), "a"), header(json!({"a": {"b": 1}}), "a"));
    assert!(a.is_err() && b.is_err());
    assert_eq!(connector.forwarded_headers(), ["x-c"]);
}

#[test]
fn bodies() {
    let body = |http: &str, args: Value| {
        let connector = connector(SOURCE, &format!("source: \"v\", http: {{POST: \"/v\", {http}}}, selection: \"id\""));
        let request = made(&connector, args, &[("x-profile-id", "p")]).unwrap();
        let kind = request.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        (String::from_utf8(request.body.to_vec()).unwrap(), kind)
    };
    let json = Some("application/json".to_owned());
    let form = Some("application/x-www-form-urlencoded".to_owned());
    let as_form = r#"headers: [{name: "content-type", value: "application/x-www-form-urlencoded"}], body: "#;
    let cases = [
        (
            r#"body: "profileId: $request.headers.'x-profile-id'->first videoIds: $args.ids""#.to_owned(),
            json!({"ids": [1, 2]}),
            r#"{"profileId":"p","videoIds":[1,2]}"#,
            &json,
        ),
        (r#"body: "a: $args.a b: $args.b""#.to_owned(), json!({"a": null}), r#"{"a":null}"#, &json),
        (r#"body: "$args.ids""#.to_owned(), json!({"ids": []}), "[]", &json),
        (r#"body: "$({ a: $args.a?, b: 'x' })""#.to_owned(), json!({"a": null}), r#"{"b":"x"}"#, &json),
        (
            format!(r#"{as_form}"a: $args.a b: $args.b""#),
            json!({"a": "x y&", "b": {"c": [1, null, true]}}),
            "a=x%20y%26&b%5Bc%5D%5B0%5D=1&b%5Bc%5D%5B2%5D=true",
            &form,
        ),
        (r#"queryParams: "a: $args.a""#.to_owned(), json!({}), "", &None),
    ];
    for (http, args, expected, kind) in cases {
        assert_eq!(body(&http, args), (expected.to_owned(), kind.clone()), "{http}");
    }
}

proptest! {
    /// Whatever a value is, the URL keeps the shape that the author gave it, or no request is made.
    #[test]
    fn no_value_changes_the_shape_of_a_url(value in prop_oneof!["\\PC{0,12}", "[./%?#&=\\\\e2\r\n]{0,8}"]) {
        if let Ok(url) = url(r#"GET: "/v/{$args.a}/w?q={$args.a}&r=1""#, json!({"a": value})) {
            let inner = url.strip_prefix("http://h/api/v/").unwrap().strip_suffix("&r=1").unwrap();
            let (segment, query) = inner.split_once("/w?q=").unwrap();
            prop_assert_eq!(segment, query);
            prop_assert!(!matches!(segment, "" | "." | ".."));
            prop_assert!(segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)), "{}", segment);
            let parsed: http::Uri = url.parse().unwrap();
            prop_assert_eq!(parsed.path().split('/').count(), 5);
        }
    }
}
