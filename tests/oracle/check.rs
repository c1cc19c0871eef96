//! The one check that all cases go through.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use apollo_compiler::ast::{Definition, Document, Selection};
use apollo_compiler::{ExecutableDocument, Schema};
use http::HeaderMap;
use serde_json::Value;
use weft::compose::{self, compose};
use weft::diagnostic::Source;
use weft::gateway::{Context, Gateway, Outcome, Request, Settings, Snapshot};
use weft::operation::Limits;
use weft::supergraph::{Supergraph, read};
use weft_loaders::Loaders;

use super::case::{Case, Query};
use super::compare;
use super::fragment;
use super::model;
use super::server::{Subgraphs, unsplit, unsplit_at_worst};
use super::world::{Run, World};

/// Runs every operation of a case on both sides. The result is what is wrong; empty: all is as it should be.
/// Panics where the case itself makes no sense.
pub(crate) fn check(case: &Case) -> Vec<String> {
    check_counting(case).0
}

/// As [`check`], with the number of calls that the gateway made.
pub(crate) fn check_counting(case: &Case) -> (Vec<String>, u64) {
    let schema = Schema::parse_and_validate(&case.schema, "schema.graphql");
    let schema = schema.unwrap_or_else(|errors| panic!("{}: {errors}", case.name));
    let fragments: Vec<_> = fragment::read_all(&case.fragments).into_iter().map(Arc::new).collect();
    let schemas = fragments.iter().map(|fragment| &*fragment.schema).chain([&*schema]);
    let world = Arc::new(World::new(&case.data, schemas));
    let supergraph = match supergraph(case) {
        Ok(supergraph) => supergraph,
        Err(told) => return (vec![told], 0),
    };
    let mut wrong = compare::schemas(&schema, &supergraph.api);
    // Random operations may be larger than what a gateway accepts of strangers.
    let limits = Limits { aliases: 10_000, directives: 10_000, root_fields: 1_000, ..Limits::default() };
    let settings = Settings { introspection: true, limits, ..Settings::default() };
    let snapshot = Snapshot::new(supergraph, &settings);
    let subgraphs = Arc::new(Subgraphs { run: Mutex::new(Arc::new(Run::new(&world))), fragments });
    let transport = Arc::clone(&subgraphs);
    let loaders = Loaders::with_transport(weft_loaders::Settings::default(), transport);
    let gateway = Gateway::new(snapshot, loaders, settings);
    let mut calls = 0;
    for query in &case.queries {
        let found = check_query(&schema, &world, &subgraphs, &gateway, query);
        wrong.extend(found.into_iter().map(|found| format!("{}: {found}", query.name)));
        let run = subgraphs.run.lock().unwrap();
        calls += run.calls.lock().unwrap().values().map(|calls| calls.len() as u64).sum::<u64>();
    }
    (wrong, calls)
}

fn supergraph(case: &Case) -> Result<Supergraph, String> {
    let source = |name: String, text: &str| Arc::new(Source { name, text: text.to_owned() });
    let (supergraph, diagnostics) = match &case.supergraph {
        Some(text) => read::supergraph(&source("supergraph.graphql".into(), text)),
        None => {
            let fragments = case.fragments.iter().map(|(name, text)| compose::Fragment {
                name: name.clone(),
                source: source(format!("{name}.graphql"), text),
                // An HTTP/JSON fragment says it itself.
                url: (!fragment::is_http(text)).then(|| format!("http://{name}.test/")),
            });
            compose(&fragments.collect::<Vec<_>>())
        }
    };
    let told = || diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let supergraph = supergraph.ok_or_else(|| format!("it does not compose:\n{}", told()))?;
    // What was composed, printed and read back is the same graph. Half of the cases go on with that one.
    let (again, diagnostics) = read::supergraph(&source("supergraph.graphql".into(), &supergraph.sdl));
    match again {
        Some(again) if again.sdl != supergraph.sdl || model::text(&again) != model::text(&supergraph) => {
            Err("the printed supergraph reads back as another one".into())
        }
        Some(again) if case.name.len() % 2 == 0 => Ok(again),
        Some(_) => Ok(supergraph),
        None => {
            let told: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            Err(format!("the printed supergraph cannot be read back:\n{}", told.join("\n")))
        }
    }
}

fn check_query(
    schema: &apollo_compiler::validation::Valid<Schema>,
    world: &Arc<World>,
    subgraphs: &Subgraphs,
    gateway: &Gateway,
    query: &Query,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let expected_run = Arc::new(Run::new(world));
    let expected = ExecutableDocument::parse_and_validate(schema, &query.text, "query.graphql")
        .map_err(|errors| errors.to_string())
        .and_then(|document| {
            let variables = Value::Object(query.variables.clone());
            let variables = serde_json::from_value(variables).expect("variables are JSON");
            let expected = unsplit(&expected_run, schema, &document, &variables)?;
            if query.expect.failing.is_empty() {
                return Ok((expected, None));
            }
            let worst_run = Arc::new(Run::failing(world, &query.expect.failing));
            let worst = unsplit_at_worst(&worst_run, &subgraphs.fragments, schema, &document, &variables)?;
            Ok((expected, Some(worst)))
        });
    if let Err(message) = &expected
        && !query.expect.refused
    {
        return vec![format!("the case is wrong: the unsplit service refuses the operation: {message}")];
    }

    let run = Arc::new(Run::failing(world, &query.expect.failing));
    *subgraphs.run.lock().unwrap() = Arc::clone(&run);
    let request = || Request { query: query.text.clone(), operation_name: None, variables: query.variables.clone() };
    let deadline = Instant::now() + Duration::from_secs(20);
    let context = Context {
        headers: HeaderMap::new(),
        deadline,
        mutations_allowed: true,
        grants: weft::supergraph::Grants::default(),
    };
    let response = runtime().block_on(gateway.execute(request(), &context));
    let body: Value = serde_json::from_slice(&response.body).expect("a response is JSON");

    if query.expect.refused {
        if expected.is_ok() {
            wrong.push("the unsplit service does not refuse it".into());
        }
        if !matches!(response.outcome, Outcome::Invalid | Outcome::BadVariables) {
            wrong.push(format!("it is not refused: {body}"));
        }
        return wrong;
    }
    let Ok((expected, worst)) = expected else { return wrong };
    let expected: Value = serde_json::to_value(&expected).expect("a response is JSON");
    let worst: Option<Value> = worst.map(|worst| serde_json::to_value(&worst).expect("a response is JSON"));
    if !query.expect.errors_allowed && expected.get("errors").is_some() != query.expect.errors {
        wrong.push(format!("the case is wrong: errors were {}expected", if query.expect.errors { "" } else { "not " }));
    }
    let aliases = aliases(&query.text);
    wrong.extend(match &worst {
        None => compare::responses(&expected, &body, |place| named(&aliases, place)),
        Some(worst) => compare::between(&expected, &body, worst),
    });
    wrong.extend(run.violations.lock().unwrap().iter().chain(&*expected_run.violations.lock().unwrap()).cloned());
    let (log, expected_log) = (run.log.lock().unwrap().clone(), expected_run.log.lock().unwrap().clone());
    if log != expected_log && worst.is_none() {
        wrong.push(format!("mutations: expected {expected_log:?}, ran {log:?}"));
    }
    let calls = run.calls.lock().unwrap();
    let count: usize = calls.values().map(Vec::len).sum();
    let counts: Value = calls.iter().map(|(name, calls)| (name.clone(), Value::from(calls.len()))).collect();
    match &query.expect.calls {
        Value::Null => {}
        Value::Number(wanted) if *wanted == count.into() => {}
        wanted if *wanted == counts => {}
        wanted => wrong.push(format!("calls: expected {wanted}, made {counts}")),
    }
    if !wrong.is_empty() || std::env::var("VERBOSE").is_ok() {
        let calls =
            calls.iter().flat_map(|(name, calls)| calls.iter().map(move |call| format!("\n    {name}: {call}")));
        let plan = gateway.snapshot().plan_text(&request()).unwrap_or_else(|errors| format!("{errors:?}"));
        let details = format!(
            "details\n  operation: {}\n  variables: {}\n  expected: {expected}\n  actual: {body}\n  calls:{}\n{plan}",
            query.text,
            Value::Object(query.variables.clone()),
            calls.collect::<String>()
        );
        match wrong.is_empty() {
            true => println!("{}: {details}", query.name),
            false => wrong.push(details),
        }
    }
    wrong
}

/// Response keys, and the fields that they stand for.
fn aliases(text: &str) -> HashMap<String, String> {
    fn collect(selections: &[Selection], found: &mut HashMap<String, String>) {
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    if let Some(alias) = &field.alias {
                        found.insert(format!("{:?}", alias.as_str()), format!("{:?}", field.name.as_str()));
                    }
                    collect(&field.selection_set, found);
                }
                Selection::InlineFragment(fragment) => collect(&fragment.selection_set, found),
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    let mut found = HashMap::new();
    let document = Document::parse(text, "query.graphql").ok();
    for definition in document.iter().flat_map(|document| &document.definitions) {
        match definition {
            Definition::OperationDefinition(operation) => collect(&operation.selection_set, &mut found),
            Definition::FragmentDefinition(fragment) => collect(&fragment.selection_set, &mut found),
            _ => {}
        }
    }
    found
}

fn named(aliases: &HashMap<String, String>, place: &str) -> String {
    let names = place.split('.').map(|key| aliases.get(key).map_or(key, String::as_str));
    names.collect::<Vec<_>>().join(".")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
