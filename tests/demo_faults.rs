//! What a page keeps when a service fails, with the real services of the demo and nothing cached: each service, each
//! way to fail, each query of `schema/queries`. What the other services say is all there.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use weft::compose::{Fragment, compose};
use weft::demo::{self, Fault, FaultArgs, PROFILE_HEADER, Ports, Rubbish, Running, Service};
use weft::diagnostic::Source;
use weft::gateway::{Context, Gateway, Request, Settings, Snapshot};
use weft::supergraph::Supergraph;
use weft_loaders::Loaders;

use Service::{Profile, Rating, Video};

/// Somebody outside of Paul's household, so that the mutation changes nothing that the other queries read.
const VIEWER_WHO_RATES: &str = "p150";

/// A query, where its values stand (`*`: each element of a list), and which services each of them needs.
struct Page {
    query: String,
    values: &'static [(&'static str, &'static [Service])],
}

fn pages() -> Vec<Page> {
    let named = |name: &str| demo::queries().iter().find(|query| query.0 == name).unwrap().1.to_owned();
    vec![
        Page {
            query: named("rated"),
            values: &[
                ("currentProfile/name", &[Profile]),
                ("currentProfile/allVideosRated/*/thumbRating", &[Profile, Rating]),
                ("currentProfile/allVideosRated/*/title", &[Profile, Rating, Video]),
            ],
        },
        Page {
            query: named("adapter"),
            values: &[
                ("adapter/rating", &[Rating]),
                ("adapter/userProfile", &[Rating, Profile]),
                ("adapter/videoTitle", &[Rating, Video]),
            ],
        },
        Page {
            query: named("search"),
            values: &[
                ("search/*/__typename", &[Video]),
                ("search/*/title", &[Video]),
                ("search/*/credits/*/person/name", &[Video]),
                ("search/*/score/approval", &[Video, Rating]),
            ],
        },
        Page {
            query: named("series"),
            values: &[
                ("video/title", &[Video]),
                ("video/series/seasons/*/episodes/*/title", &[Video]),
                ("video/series/seasons/*/episodes/*/score", &[Video, Rating]),
                ("video/reviews/*/text", &[Video, Rating]),
                ("video/reviews/*/author/name", &[Video, Rating, Profile]),
            ],
        },
        Page {
            query: named("household"),
            values: &[
                ("currentProfile/household/plan", &[Profile]),
                ("currentProfile/household/profiles/*/name", &[Profile]),
                ("currentProfile/household/profiles/*/ratings/*/thumb", &[Profile, Rating]),
                ("currentProfile/household/profiles/*/ratings/*/ratedAt", &[Profile, Rating]),
                ("currentProfile/household/profiles/*/ratings/*/video/title", &[Profile, Rating, Video]),
            ],
        },
        Page {
            query: named("rate"),
            values: &[
                ("rateVideo/previousThumb", &[Rating]),
                ("rateVideo/video/thumbRating", &[Rating]),
                ("rateVideo/video/score", &[Rating]),
                ("rateVideo/video/title", &[Rating, Video]),
                ("rateVideo/profile/name", &[Rating, Profile]),
            ],
        },
        Page {
            query: "{ currentProfile { name language allVideosRated(first: 3) { title kind maturity thumbRating } } }"
                .to_owned(),
            values: &[
                ("currentProfile/name", &[Profile]),
                ("currentProfile/language", &[Profile]),
                ("currentProfile/allVideosRated/*/thumbRating", &[Profile, Rating]),
                ("currentProfile/allVideosRated/*/kind", &[Profile, Rating, Video]),
            ],
        },
        // Three roots, one of each service.
        Page {
            query:
                "{ currentProfile { name } videos(first: 2, skip: 777) { title } topRated(first: 2) { thumbRating } }"
                    .to_owned(),
            values: &[
                ("currentProfile/name", &[Profile]),
                ("videos/*/title", &[Video]),
                ("topRated/*/thumbRating", &[Rating]),
            ],
        },
        // Another team's entity, whose fields that team does not deliver.
        Page {
            query: "{ rating(profileId: \"p1\", videoId: \"80003\") { thumb
                profile { name kind language household { plan } } video { title kind maturity genres } } }"
                .to_owned(),
            values: &[
                ("rating/thumb", &[Rating]),
                ("rating/profile/kind", &[Rating, Profile]),
                ("rating/video/kind", &[Rating, Video]),
            ],
        },
    ]
}

fn ways_to_fail() -> [Fault; 6] {
    let well = Fault::default;
    [
        Fault { hang: true, ..well() },
        Fault { status: Some(500), ..well() },
        Fault { drop: true, ..well() },
        Fault { rubbish: Some(Rubbish::Html), ..well() },
        Fault { rubbish: Some(Rubbish::Truncated), ..well() },
        Fault { rubbish: Some(Rubbish::Types), ..well() },
    ]
}

/// The demo's graph. Services that work get all the time of a busy machine; one that hangs is not waited for as long.
fn graph(running: &Running, hanging: Option<Service>) -> Supergraph {
    let fragments = Service::ALL.map(|service| {
        let timeout = if hanging == Some(service) { "300ms" } else { "20s" };
        let text = ["1s", "500ms"].iter().fold(service.fragment().to_owned(), |text, declared| {
            text.replace(&format!("@timeout(after: \"{declared}\")"), &format!("@timeout(after: \"{timeout}\")"))
        });
        Fragment {
            name: service.name().to_owned(),
            source: Arc::new(Source { name: service.name().to_owned(), text }),
            url: running.address(service).map(|address| service.url(address)),
        }
    });
    let (graph, diagnostics) = compose(&fragments);
    graph.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

/// Asks a gateway that has nothing cached.
async fn ask_all(graph: Supergraph, pages: &[Page]) -> Vec<Value> {
    let settings = Settings::default();
    let snapshot = Snapshot::new(graph, &settings);
    let gateway = Gateway::new(snapshot, Loaders::new(weft_loaders::Settings::default()), settings);
    let ask = async |page: &Page| -> Value {
        let is_mutation = page.query.contains("mutation ");
        let mut headers = HeaderMap::new();
        if is_mutation {
            headers.insert(PROFILE_HEADER, HeaderValue::from_static(VIEWER_WHO_RATES));
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        let context =
            Context { headers, deadline, mutations_allowed: is_mutation, grants: weft::supergraph::Grants::default() };
        let request = Request { query: page.query.clone(), ..Request::default() };
        serde_json::from_slice(&gateway.execute(request, &context).await.body).unwrap()
    };
    join_all(pages.iter().map(ask)).await
}

/// All values at a place; null where the place is not there.
fn values<'a>(data: &'a Value, place: &[&str], found: &mut Vec<&'a Value>) {
    match (place, data) {
        ([], value) => found.push(value),
        (["*", rest @ ..], Value::Array(elements)) => elements.iter().for_each(|element| values(element, rest, found)),
        (["*", ..], _) => found.push(&Value::Null),
        ([name, rest @ ..], value) => values(&value[*name], rest, found),
    }
}

fn at<'a>(data: &'a Value, place: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    values(data, &place.split('/').collect::<Vec<_>>(), &mut found);
    found
}

/// Each service fails in one way; the other two are as ever.
async fn fail(fault: Fault) -> Vec<String> {
    let mut wrong = Vec::new();
    let running = demo::start(&demo::Options { only: None, ports: Ports([0; 3]) }).await.unwrap();
    let ports = Ports(Service::ALL.map(|service| running.address(service).unwrap().port()));
    let pages = pages();
    // The first thumb changes something; those after it do not.
    ask_all(graph(&running, None), &pages).await;
    let expected = ask_all(graph(&running, None), &pages).await;
    for (page, answer) in pages.iter().zip(&expected) {
        assert!(answer.get("errors").is_none(), "{}\n{answer:#}", page.query);
        for (place, _) in page.values {
            let found = at(&answer["data"], place);
            assert!(found.iter().any(|value| !value.is_null()), "nothing is ever at {place}\n{answer:#}");
        }
    }

    for broken in Service::ALL {
        let args = FaultArgs { service: broken, fault: fault.clone(), off: false, ports };
        demo::fault(&args).await.unwrap();
        let graph = graph(&running, fault.hang.then_some(broken));
        for ((page, expected), answer) in pages.iter().zip(&expected).zip(ask_all(graph, &pages).await) {
            let told = || format!("{broken} with {fault}: {}\n{answer:#}", page.query);
            if !answer["data"].is_object() {
                wrong.push(format!("nothing is left: {}", told()));
            }
            let is_needed = page.values.iter().any(|(_, needed)| needed.contains(&broken));
            let is_told = answer["errors"].is_array();
            if is_told && !is_needed || is_needed && !is_told {
                wrong.push(format!("errors: {}", told()));
            }
            for (place, needed) in page.values {
                if !needed.contains(&broken) && at(&answer["data"], place) != at(&expected["data"], place) {
                    wrong.push(format!("not as before at {place}: {}", told()));
                }
            }
        }
        demo::fault(&FaultArgs { fault: Fault::default(), off: true, ..args }).await.unwrap();
    }
    running.shutdown().await;
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_other_services_say_is_all_there() {
    let failing = ways_to_fail().map(|fault| tokio::spawn(fail(fault)));
    let wrong: Vec<String> = join_all(failing).await.into_iter().flat_map(Result::unwrap).collect();
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
