//! Requests that are refused, what users share, and limits.

use std::time::Duration;

use apollo_compiler::Name;
use serde_json::Map;

mod access;
mod failing;
mod standing_in;

use super::*;
use crate::compose::{self, Fragment};
use crate::diagnostic::Source;
use crate::execute::tests::service::{Reply, Service};
use crate::operation::Limits;

const FRAGMENT: &str = r#"
    extend schema
      @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])
      @link(url: "https://specs.weft.graph/fragment/v1.0", import: ["@cacheControl"])
    type Query { me: User  open: User @cacheControl(maxAge: 60)  own: User @cacheControl(maxAge: 60, scope: PRIVATE)  list(n: Int!): [User] }
    type Mutation { rename(to: String!): User }
    type User @key(fields: "id") { id: ID!  name: String  friend: User }
"#;

fn gateway(url: &str, settings: Settings) -> Gateway {
    let source = Arc::new(Source { name: "users.graphql".into(), text: FRAGMENT.into() });
    let fragment = Fragment { name: "users".into(), source, url: Some(url.into()) };
    let (graph, diagnostics) = compose::compose(&[fragment]);
    let graph = graph.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let snapshot = Snapshot::new(graph, &settings);
    Gateway::new(snapshot, Loaders::new(weft_loaders::Settings::default()), settings)
}

fn request(query: &str) -> Request {
    Request { query: query.into(), ..Request::default() }
}

fn context(user: &str) -> Context {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", user.parse().unwrap());
    Context {
        headers,
        deadline: Instant::now() + Duration::from_secs(10),
        mutations_allowed: false,
        grants: Grants::default(),
    }
}

async fn json_of(gateway: &Gateway, request: Request, context: &Context) -> (Value, Outcome) {
    let response = gateway.execute(request, context).await;
    (serde_json::from_slice(&response.body).unwrap(), response.outcome)
}

#[tokio::test]
async fn refused_requests() {
    let service = Service::fixed(Reply::json("{}")).await;
    let settings = Settings { limits: Limits { depth: 3, ..Limits::default() }, ..Settings::default() };
    let gateway = gateway(&service.url, settings);
    let two = "query A { me { id } } query B { me { id } }";
    for (query, code, outcome) in [
        ("{ me {", "GRAPHQL_PARSE_FAILED", Outcome::Invalid),
        ("", "GRAPHQL_PARSE_FAILED", Outcome::Invalid),
        ("{ nobody }", "GRAPHQL_VALIDATION_FAILED", Outcome::Invalid),
        (two, "OPERATION_RESOLUTION_FAILURE", Outcome::Invalid),
        ("query($n: Int!) { list(n: $n) { id } }", "BAD_USER_INPUT", Outcome::BadVariables),
        ("{ me { friend { friend { id } } } }", "OPERATION_TOO_COMPLEX", Outcome::Refused),
        ("mutation { rename(to: \"x\") { id } }", "METHOD_NOT_ALLOWED", Outcome::MethodNotAllowed),
        ("{ __schema { queryType { name } } }", "INTROSPECTION_DISABLED", Outcome::Invalid),
    ] {
        let (response, got) = json_of(&gateway, request(query), &context("a")).await;
        assert_eq!(response["errors"][0]["extensions"]["code"], json!(code), "{query}: {response}");
        assert!(!response["errors"][0]["message"].as_str().unwrap().is_empty(), "{query}");
        assert!(response.get("data").is_none(), "{query}: {response}");
        assert_eq!(got, outcome, "{query}");
    }
    assert_eq!(service.asked().len(), 0);
    let named = Request { operation_name: Some("B".into()), ..request(two) };
    let (response, outcome) = json_of(&gateway, named, &context("a")).await;
    assert_eq!((&response["data"], outcome), (&json!({"me": null}), Outcome::Executed));
}

/// Each user sees what the service answers to that user, in whatever order they come, and whatever is cached.
#[tokio::test]
async fn users_see_their_own() {
    let service = Service::start(|asked| {
        let user = asked.headers.get("authorization").map_or("nobody", |value| value.to_str().unwrap());
        let user = json!({"id": user, "name": user});
        Reply::json(json!({"data": {"open": user, "me": user, "own": user}}).to_string())
    })
    .await;
    let mut settings = Settings::default();
    settings.forward_headers.all.push(HeaderName::from_static("authorization"));
    let gateway = gateway(&service.url, settings);
    for field in ["open", "me", "own"] {
        for user in ["ada", "bo", "ada", "bo"] {
            let (response, _) = json_of(&gateway, request(&format!("{{ {field} {{ name }} }}")), &context(user)).await;
            assert_eq!(response["data"][field]["name"], json!(user), "{field}");
        }
        let together = ["ada", "bo", "ada"].map(|user| {
            let gateway = &gateway;
            async move { json_of(gateway, request(&format!("{{ {field} {{ name id }} }}")), &context(user)).await.0 }
        });
        for (user, response) in ["ada", "bo", "ada"].iter().zip(futures_util::future::join_all(together).await) {
            assert_eq!(response["data"][field]["name"], json!(user), "{field}");
        }
    }
    let asked = service.asked();
    let of = |text: &str| asked.iter().filter(|asked| String::from_utf8_lossy(&asked.body).contains(text)).count();
    assert_eq!(of("{open{name}}"), 2, "cached for each user");
    assert_eq!(of("{own{name}}"), 4, "never cached");
    assert_eq!(of("{me{name}}"), 4, "never cached");
}

#[tokio::test]
async fn headers_are_not_forwarded_unasked() {
    let service = Service::fixed(Reply::json(r#"{"data":{"me":{"name":"n"}}}"#)).await;
    let gateway = gateway(&service.url, Settings::default());
    json_of(&gateway, request("{ me { name } }"), &context("secret")).await;
    assert!(service.asked()[0].headers.get("authorization").is_none());
}

/// The deepest operation that the limits let through does not exhaust a worker's stack.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deepest_operation() {
    let mut levels = String::from("fragment F9 on User { name }");
    for level in (0..9).rev() {
        let open = "friend { ".repeat(10);
        let close = "} ".repeat(10);
        levels.push_str(&format!(" fragment F{level} on User {{ {open} ...F{} {close} }}", level + 1));
    }
    let query = format!("{{ me {{ ...F0 }} }} {levels}");
    let user = format!("{}{{\"name\":\"deep\"}}{}", "{\"friend\":".repeat(90), "}".repeat(90));
    let service = Service::fixed(Reply::json(format!(r#"{{"data":{{"me":{user}}}}}"#))).await;
    let gateway = Arc::new(gateway(&service.url, Settings::default()));
    let task = tokio::spawn(async move { json_of(&gateway, request(&query), &context("a")).await });
    let (response, outcome) = task.await.unwrap();
    assert_eq!(outcome, Outcome::Executed, "{response}");
    let mut user = &response["data"]["me"];
    for _ in 0..90 {
        user = &user["friend"];
    }
    assert_eq!(user["name"], json!("deep"));
}

#[tokio::test]
async fn a_response_has_a_limit() {
    let users: Vec<Value> = (0..1_000).map(|id| json!({"id": id, "name": "x".repeat(100)})).collect();
    let service = Service::fixed(Reply::json(json!({"data": {"list": users}}).to_string())).await;
    let query = || request("{ list(n: 1000) { id name } }");
    let small = gateway(&service.url, Settings { response_bytes_max: 10_000, ..Settings::default() });
    let (response, _) = json_of(&small, query(), &context("a")).await;
    assert_eq!(response["data"], json!(null));
    assert_eq!(response["errors"][0]["extensions"]["code"], json!("RESPONSE_TOO_LARGE"));
    let few = gateway(&service.url, Settings { values_max: 1_500, ..Settings::default() });
    let (response, _) = json_of(&few, query(), &context("a")).await;
    assert_eq!(response["data"], json!({"list": null}));
    assert_eq!(response["errors"][0]["message"], json!("users: the answer is too large"));
}

#[tokio::test]
async fn plans_are_kept_by_what_decides_them() {
    let service = Service::fixed(Reply::json(r#"{"data":{"me":{"id":"1","name":"n"}}}"#)).await;
    let gateway = gateway(&service.url, Settings::default());
    let ask = |with: bool, unused: i32| {
        let variables = [("with".to_owned(), json!(with)), ("n".to_owned(), json!(unused))];
        let query = "query($with: Boolean!, $n: Int!) { me { id name @include(if: $with) } list(n: $n) { id } }";
        Request { variables: Map::from_iter(variables), ..request(query) }
    };
    for (with, unused) in [(true, 1), (false, 2), (true, 3), (false, 4)] {
        let (response, _) = json_of(&gateway, ask(with, unused), &context("a")).await;
        assert_eq!(response["data"]["me"].get("name").is_some(), with, "{response}");
    }
    assert_eq!(gateway.snapshot().cached().await, (1, 2));
    let text = gateway.snapshot().plan_text(&ask(true, 1)).unwrap();
    assert!(text.contains("users"), "{text}");
}

/// Work goes on when its client is gone, so it keeps its place among those who plan.
#[tokio::test]
async fn abandoned_work_keeps_its_permit() {
    let settings = Settings { planning_parallel_max: 1, ..Settings::default() };
    let snapshot = gateway("http://127.0.0.1:9", settings).snapshot();
    let (started, has_started) = tokio::sync::oneshot::channel();
    let (finish, may_finish) = std::sync::mpsc::channel::<()>();
    let work = move || {
        started.send(()).unwrap();
        may_finish.recv().unwrap();
        Ok(())
    };
    {
        let mut asking = std::pin::pin!(snapshot.blocking(work));
        tokio::select! {
            _ = &mut asking => panic!("it waits"),
            begun = has_started => begun.unwrap(),
        }
    }
    assert_eq!(snapshot.permits(), 0);
    finish.send(()).unwrap();
    let next = snapshot.blocking(|| Ok(1));
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), next).await.unwrap().unwrap(), 1);
}
