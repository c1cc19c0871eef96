//! What clients get of answers that no service should give: `tests/cases/hostile/<graph>/`.
//!
//! `cases.txt` has cases of these lines: `== name`, `query …`, and for each service that is called what it answers every time,
//! `service body` or `service !status body`, to the byte. `expect.snap` has what clients get: the data, and a line for each error.
//! Whatever that is, it is a valid response with the members that were asked for, and names neither addresses nor the
//! gateway's own aliases.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::response::IntoResponse;
use http::HeaderMap;
use serde_json::Value;
use weft::gateway::{Context, Gateway, Request, Settings, Snapshot};
use weft_loaders::Loaders;

use crate::services;

/// What each service answers now.
type Answers = Arc<RwLock<HashMap<String, (StatusCode, String)>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_answers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/hostile");
    let mut folders: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let told = tell(&folder).await;
        let mut settings = insta::Settings::new();
        settings.set_snapshot_path(&folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("expect", told));
    }
}

async fn tell(folder: &Path) -> String {
    let answers = Answers::default();
    let mut graph = super::graph(folder).unwrap();
    for subgraph in &mut graph.subgraphs {
        let (answers, name) = (Arc::clone(&answers), subgraph.name.to_string());
        let service = services::serve(move |_| {
            let answer = answers.read().unwrap().get(&name).cloned();
            async move {
                let (status, body) = answer.unwrap_or((StatusCode::IM_A_TEAPOT, "nobody should have asked".into()));
                (status, [("content-type", "application/json")], body).into_response()
            }
        });
        subgraph.url = Some(service.await.url);
    }
    let settings = Settings::default();
    let loaders = Loaders::new(weft_loaders::Settings::default());
    let gateway = Gateway::new(Snapshot::new(graph, &settings), loaders, settings);
    let text = std::fs::read_to_string(folder.join("cases.txt")).unwrap();
    let mut told = String::new();
    for case in text.split("== ").skip(1) {
        let (name, lines) = case.split_once('\n').unwrap();
        let mut lines: BTreeMap<&str, &str> = lines
            .lines()
            .filter(|line| !line.is_empty())
            .map(|line| line.split_once(' ').unwrap_or((line, "")))
            .collect();
        let query = lines.remove("query").unwrap();
        let answer = |(service, answer): (&str, &str)| {
            let (status, body) = match answer.strip_prefix('!') {
                Some(answer) => answer.split_once(' ').unwrap(),
                None => ("200", answer),
            };
            (service.to_owned(), (status.parse().unwrap(), body.to_owned()))
        };
        *answers.write().unwrap() = lines.into_iter().map(answer).collect();
        let context = Context {
            headers: HeaderMap::new(),
            deadline: Instant::now() + Duration::from_secs(20),
            mutations_allowed: true,
            grants: weft::supergraph::Grants::default(),
        };
        let response = gateway.execute(Request { query: query.to_owned(), ..Request::default() }, &context).await;
        let response: Value = serde_json::from_slice(&response.body).unwrap();
        writeln!(told, "== {name}\n{query}\n{}", response["data"]).unwrap();
        for error in response["errors"].as_array().into_iter().flatten() {
            writeln!(told, "  {}", line(error)).unwrap();
        }
        told.push('\n');
        let text = response.to_string();
        for own in ["127.0.0.1", "_1\"", "\"_e", "nobody should"] {
            assert!(!text.contains(own), "{name}: {own} in {text}");
        }
    }
    told
}

/// `path: message (code of service) downstream`.
fn line(error: &Value) -> String {
    assert!(error["message"].is_string(), "{error}");
    let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
    let path: Vec<String> = error["path"].as_array().into_iter().flatten().map(step).collect();
    let extensions = &error["extensions"];
    let mut line = format!("{}: {} ({}", path.join("."), error["message"].as_str().unwrap(), step(&extensions["code"]));
    if let Some(service) = extensions["service"].as_str() {
        write!(line, " of {service}").unwrap();
    }
    line.push(')');
    if !extensions["downstream"].is_null() {
        write!(line, " {}", extensions["downstream"]).unwrap();
    }
    line
}
