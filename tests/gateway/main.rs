//! Cases of the whole request path: a graph, its services in this process, an operation, the response.
//!
//! A case is a folder of `tests/cases/gateway`:
//! - `fragments/*.graphql`, or `supergraph.graphql`;
//! - `data.json`: the data that all services serve (see `data`), and `http.json`: what HTTP services answer;
//! - `query.graphql`, and `variables.json`, `headers.json` where they are needed;
//! - `expected.json`: the response. Without it, the response must be what one unsplit service would answer, which
//!   apollo-compiler's own executor says: it executes the same operation on the API schema over the same data;
//! - `calls.json`: how many calls each service gets, where that matters.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod access;
mod data;
mod hostile;
mod random;
mod services;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use weft::compose::{self, Fragment};
use weft::diagnostic::Source;
use weft::gateway::{Context, Gateway, Request, Settings, Snapshot};
use weft::supergraph::{SubgraphKind, Supergraph, read};
use weft_loaders::Loaders;

use crate::data::Data;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/gateway");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let only = std::env::var("CASE").unwrap_or_default();
    let mut failures = Vec::new();
    for folder in folders.iter().filter(|folder| folder.to_string_lossy().contains(&only)) {
        if let Err(failure) = check(folder).await {
            failures.push(format!("== {}\n{failure}", folder.file_name().unwrap().to_string_lossy()));
        }
    }
    assert!(!folders.is_empty());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// The one way through which every case goes.
async fn check(folder: &Path) -> Result<(), String> {
    let mut graph = graph(folder)?;
    let data = Arc::new(Data::new(read_json(folder, "data.json").unwrap_or_default()));
    let http = Arc::new(read_json(folder, "http.json").unwrap_or_default());
    let mut counters = BTreeMap::new();
    for index in 0..graph.subgraphs.len() {
        let subgraph = &graph.subgraphs[index];
        let service = match subgraph.kind {
            SubgraphKind::GraphQl => services::graphql(subgraph, Arc::clone(&data)).await?,
            SubgraphKind::Http => services::http(subgraph.name.to_string(), Arc::clone(&http)).await,
        };
        counters.insert(subgraph.name.to_string(), Arc::clone(&service.calls));
        graph.subgraphs[index].url = Some(service.url);
    }
    let query = std::fs::read_to_string(folder.join("query.graphql")).map_err(|error| error.to_string())?;
    let variables: Map<String, Value> = read_json(folder, "variables.json").unwrap_or_default();
    let by_oracle = data::oracle(&graph, &data, &query, &variables);

    let settings = Settings { introspection: true, ..Settings::default() };
    let snapshot = Snapshot::new(graph, &settings);
    let request = || Request { query: query.clone(), operation_name: None, variables: variables.clone() };
    let plan = snapshot.plan_text(&request()).unwrap_or_else(|errors| format!("{errors:?}"));
    let gateway = Gateway::new(snapshot, Loaders::new(weft_loaders::Settings::default()), settings);
    let context = Context {
        headers: headers(folder),
        deadline: Instant::now() + Duration::from_secs(20),
        mutations_allowed: true,
        grants: weft::supergraph::Grants::default(),
    };
    let response = gateway.execute(request(), &context).await;
    let text = String::from_utf8_lossy(&response.body).into_owned();
    let got: Value = serde_json::from_slice(&response.body).map_err(|error| format!("{error} in {text}"))?;
    // Values compare without the order of keys; their texts compare with it.
    let (got, expected) = match read_json::<Value>(folder, "expected.json") {
        Some(expected) => (got, expected),
        None => (got["data"].clone(), by_oracle?),
    };
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    if pretty(&got) != pretty(&expected) {
        return Err(format!("expected {}\ngot {}\nresponse {text}\nplan {plan}", pretty(&expected), pretty(&got)));
    }
    let calls: BTreeMap<String, usize> = read_json(folder, "calls.json").unwrap_or_default();
    for (service, expected) in calls {
        let got = counters.get(&service).map_or(0, |calls| calls.load(std::sync::atomic::Ordering::SeqCst));
        if got != expected {
            return Err(format!("{service} was called {got} times, not {expected}\nplan {plan}"));
        }
    }
    Ok(())
}

fn graph(folder: &Path) -> Result<Supergraph, String> {
    let source = |path: &Path| {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok::<_, String>(Arc::new(Source { name: path.file_name().unwrap().to_string_lossy().into_owned(), text }))
    };
    let file = folder.join("supergraph.graphql");
    let (graph, diagnostics) = if file.exists() {
        read::supergraph(&source(&file)?)
    } else {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder.join("fragments")).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let mut fragments = Vec::new();
        for path in &paths {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            fragments.push(Fragment { name, source: source(path)?, url: Some("http://replaced.test".into()) });
        }
        compose::compose(&fragments)
    };
    graph.ok_or_else(|| diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn headers(folder: &Path) -> HeaderMap {
    let headers: BTreeMap<String, String> = read_json(folder, "headers.json").unwrap_or_default();
    let header = |(name, value): (&String, &String)| {
        (HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap())
    };
    headers.iter().map(header).collect()
}

fn read_json<T: serde::de::DeserializeOwned>(folder: &Path, file: &str) -> Option<T> {
    let text = std::fs::read(folder.join(file)).ok()?;
    Some(serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}/{file}: {error}", folder.display())))
}
