//! How many calls a page costs, with the real services of the demo: one to each service that it needs, two where a key
//! must first be found there, whatever the nesting, and however many objects stand on the page.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use serde_json::Value;
use weft::compose::{Fragment, compose};
use weft::demo::{self, Ports, Reset, Running, Service, Stats};
use weft::diagnostic::Source;
use weft::gateway::{Context, Gateway, Request, Settings, Snapshot};
use weft_loaders::Loaders;

/// Asks a gateway that has nothing cached. The answer, the calls to each service in the order of [`Service::ALL`], and
/// the plan for messages.
async fn ask(running: &Running, query: &str) -> (Value, [Stats; 3], String) {
    let fragments = Service::ALL.map(|service| Fragment {
        name: service.name().to_owned(),
        source: Arc::new(Source { name: service.name().to_owned(), text: service.fragment().to_owned() }),
        url: running.address(service).map(|address| service.url(address)),
    });
    let (graph, diagnostics) = compose(&fragments);
    let graph = graph.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let settings = Settings::default();
    let gateway =
        Gateway::new(Snapshot::new(graph, &settings), Loaders::new(weft_loaders::Settings::default()), settings);
    let request = || Request { query: query.to_owned(), ..Request::default() };
    let plan = gateway.snapshot().plan_text(&request()).unwrap_or_else(|errors| panic!("{query}\n{errors:?}"));
    calls(running).await;
    let context = Context {
        headers: HeaderMap::new(),
        deadline: Instant::now() + Duration::from_secs(20),
        mutations_allowed: false,
        grants: weft::supergraph::Grants::default(),
    };
    let response = gateway.execute(request(), &context).await;
    let response: Value = serde_json::from_slice(&response.body).unwrap();
    assert!(response.get("errors").is_none(), "{query}\n{}\n{plan}", response["errors"]);
    (response["data"].clone(), calls(running).await, plan)
}

/// What each service counted since the last look.
async fn calls(running: &Running) -> [Stats; 3] {
    let mut stats = Vec::new();
    for service in Service::ALL {
        let port = running.address(service).unwrap().port();
        stats.push(demo::stats(service, port, Reset::Yes).await.unwrap());
    }
    stats.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_costs_one_call_to_each_service() {
    let running = demo::start(&demo::Options { only: None, ports: Ports([0; 3]) }).await.unwrap();
    // (query, calls to profile, video and rating)
    for (query, expected) in [
        // The profile; its rated videos with their thumbs; their titles.
        ("{ currentProfile { name allVideosRated(first: 50) { title thumbRating } } }", [1, 1, 1]),
        // Two lists are two questions to rating; the titles of both are one call.
        (
            "{ currentProfile { a: allVideosRated(first: 3) { title } b: allVideosRated(first: 50) { year thumbRating } } }",
            [1, 1, 2],
        ),
        // The same list twice is one question, whatever is selected of it.
        (
            "{ currentProfile { a: allVideosRated(first: 9) { title } b: allVideosRated(first: 9) { year thumbRating } } }",
            [1, 1, 1],
        ),
        // Lists that begin at different steps: topRated knows its videos at once, and their titles wait for the others.
        ("{ currentProfile { a: allVideosRated(first: 2) { title } } topRated { title } }", [1, 1, 2]),
        // (Few enough videos from here on that those similar to them fit in one batch: 100, unless the fragment says otherwise.)
        // What is similar is known once video has answered: its titles are a second call there. Of rating, the list, and
        // then the thumbs of the similar ones.
        (
            "{ currentProfile { allVideosRated(first: 12) { title thumbRating similar { title thumbRating } } } }",
            [1, 2, 2],
        ),
        // Of two lists, what is similar is asked for together: two lists and the thumbs are three calls to rating.
        (
            "{ currentProfile { a: allVideosRated(first: 4) { title similar { title thumbRating } }
                b: allVideosRated(first: 12) { similar { year thumbRating } } } }",
            [1, 2, 3],
        ),
        // Videos of video itself, in two places and with two selections: each list is a call, and the thumbs of both are one.
        (
            "{ a: videos(first: 50) { title thumbRating } b: videos(first: 9, skip: 20) { thumbRating score { up } } }",
            [0, 2, 1],
        ),
        // The videos say which series there are, the series their episodes, and rating scores the episodes of both lists at once.
        (
            "{ currentProfile { a: allVideosRated(first: 5) { series { seasons { episodes { title score { up } } } } }
                b: allVideosRated(first: 7) { title series { seasons { number episodes { score { down } } } } } } }",
            [1, 2, 3],
        ),
    ] {
        let (data, stats, plan) = ask(&running, query).await;
        let totals = stats.each_ref().map(|stats| stats.total);
        assert_eq!(totals, expected, "{query}\n{data}\n{stats:#?}\n{plan}");
    }
    running.shutdown().await;
}

/// A connector that takes one object is called once for each object, however many places it stands in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_for_one_object_is_made_once() {
    let running = demo::start(&demo::Options { only: None, ports: Ports([0; 3]) }).await.unwrap();
    let query = "{ currentProfile { a: allVideosRated(first: 2) { id reviews { text } }
        b: allVideosRated(first: 5) { id reviews { thumb } } c: allVideosRated(first: 5) { reviews { id } } } }";
    let (data, [_, _, rating], plan) = ask(&running, query).await;
    let of = |alias: &str, index: usize| data["currentProfile"][alias][index].clone();
    assert_eq!(of("a", 0)["id"], of("b", 0)["id"]);
    assert_eq!(of("a", 0)["reviews"].as_array().unwrap().len(), of("b", 0)["reviews"].as_array().unwrap().len());
    assert_eq!(rating.calls.get("GET /videos/{video}/reviews"), Some(&5), "{rating:#?}\n{plan}");
    running.shutdown().await;
}

/// What the fragments let be reused is reused: the lowest lifetime of all that an answer holds counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declared_lifetimes_take_effect() {
    let running = demo::start(&demo::Options { only: None, ports: Ports([0; 3]) }).await.unwrap();
    for (query, lifetime) in [
        (r#"{ video(id: "80003") { series { id seasons { number } } } }"#, "reused for 300 s"),
        (r#"{ video(id: "80003") { title credits { person { name } } } }"#, "reused for 60 s"),
    ] {
        let (.., plan) = ask(&running, query).await;
        assert!(plan.contains(lifetime), "{query}\n{plan}");
    }
    running.shutdown().await;
}
