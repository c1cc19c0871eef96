//! Random operations over a graph of which random parts are protected, by clients with random grants.
//!
//! What a client may not see is poisoned in every service: asking for it, for whatever reason, shows as an error of that service.
//! And the answer must be what one unsplit service gives in which just those fields fail, except where interfaces are protected by
//! themselves: what is then kept depends on the way. Which fields these are is said here once more, in the plainest way. `SEED=…` runs one
//! seed alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apollo_compiler::{Name, Schema};
use http::HeaderMap;
use serde_json::{Map, Value};
use weft::gateway::{Context, Gateway, Outcome, Request, Settings, Snapshot, Unauthorized};
use weft::operation::Limits;
use weft::supergraph::{Access, Grants, Supergraph};
use weft_loaders::Loaders;

use crate::data::{self, Data};
use crate::random::{Random, make_data, make_query};
use crate::services;

const SEEDS: u64 = 60;
const OPERATIONS: usize = 8;

/// A field of a concrete type.
type Place = (&'static str, &'static str);

/// Fields that the gateway itself needs of entities: never poisoned, only kept from clients.
const KEYS: [Place; 7] = [
    ("Book", "id"),
    ("Film", "id"),
    ("Film", "code"),
    ("Code", "country"),
    ("Code", "number"),
    ("User", "id"),
    ("User", "email"),
];

/// What a field of a concrete type is made from.
const REQUIRED: [(Place, &[Place]); 2] = [
    (("Book", "shipping"), &[("Book", "weight")]),
    (("Book", "volume"), &[("Book", "size"), ("Size", "width"), ("Size", "height")]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_protected_reaches_a_client() {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=std::env::var("SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap())).collect(),
    };
    let (mut failures, mut kept, mut compared) = (Vec::new(), 0, 0);
    for seed in seeds {
        match check(seed).await {
            Ok((of_seed, compared_of_seed)) => (kept, compared) = (kept + of_seed, compared + compared_of_seed),
            Err(failure) => failures.push(format!("== SEED={seed}\n{failure}")),
        }
        if failures.len() >= 3 {
            break;
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    if std::env::var("SEED").is_err() {
        assert!(kept > 100 && compared > 100, "{kept} answers lack something, {compared} are compared");
    }
}

/// Returns how many answers lacked something, and how many were compared with the unsplit service's.
async fn check(seed: u64) -> Result<(usize, usize), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/random");
    let mut graph = super::graph(&folder)?;
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let members = make_data(&graph.api, &mut random);
    protect(&mut graph, &mut random);
    let grants = make_grants(&mut random);
    let denied = denied(&graph, &grants);
    let is_key = |(object, field): &(String, String)| KEYS.contains(&(object, field));
    let poisoned: BTreeSet<_> = denied.iter().filter(|place| !is_key(place)).cloned().collect();
    let in_services = Arc::new(Data::with_errors(members.clone(), poisoned, "LEAK"));
    let unsplit = Data::with_errors(members, denied.clone(), "denied");
    for index in 0..graph.subgraphs.len() {
        let service = services::graphql(&graph.subgraphs[index], Arc::clone(&in_services)).await?;
        graph.subgraphs[index].url = Some(service.url);
    }
    let queries: Vec<String> = (0..OPERATIONS).map(|_| make_query(&graph.api, &mut random)).collect();
    let expected: Vec<Result<Value, String>> =
        queries.iter().map(|query| data::oracle(&graph, &unsplit, query, &Map::new())).collect();
    let through_interfaces =
        graph.access.types.keys().chain(graph.access.fields.keys()).any(|name| graph.api.get_interface(name).is_some());
    let names_are_kept = graph.access.types.keys().any(|name| graph.api.get_object(name).is_some());
    let described = format!("{:?}\n{grants:?}\ndenied {denied:?}", graph.access);
    let settings = |unauthorized| {
        let limits = Limits { aliases: 1_000, ..Limits::default() };
        Settings { limits, unauthorized, ..Settings::default() }
    };
    let gateway = |graph, unauthorized| {
        let settings = settings(unauthorized);
        Gateway::new(Snapshot::new(graph, &settings), Loaders::new(weft_loaders::Settings::default()), settings)
    };
    let mut other = super::graph(&folder)?;
    other.access = clone(&graph);
    let (strict, gateway) = (gateway(other, Unauthorized::Refuse), gateway(graph, Unauthorized::Null));
    let (mut kept, mut compared) = (0, 0);
    for (query, expected) in queries.iter().zip(expected) {
        let expected = expected?;
        let context = Context {
            headers: HeaderMap::new(),
            deadline: Instant::now() + Duration::from_secs(20),
            mutations_allowed: false,
            grants: grants.clone(),
        };
        let request = || Request { query: query.clone(), ..Request::default() };
        let response = gateway.execute(request(), &context).await;
        let got: Value = serde_json::from_slice(&response.body).map_err(|error| error.to_string())?;
        let told = got.to_string();
        let failure = |what: &str| {
            let plan = gateway.snapshot().plan_text(&request()).unwrap_or_else(|errors| format!("{errors:?}"));
            Err(format!("{what}\n{query}\n{described}\nexpected {expected}\ngot {told}\n{plan}"))
        };
        if told.contains("LEAK") || told.contains("downstream.graphql") {
            return failure("a service was asked what the client may not see");
        }
        let lacks = told.contains("UNAUTHORIZED_FIELD_OR_TYPE");
        kept += usize::from(lacks);
        // The unsplit service cannot keep a type's name to itself, and knows no ways.
        if !(through_interfaces || names_are_kept && query.contains("__typename")) {
            compared += 1;
            // As texts, since the order of keys counts.
            let texts = [got["data"].to_string(), expected.to_string()];
            if texts[0] != texts[1] {
                return failure("the answer is not what it should be");
            }
        }
        if lacks {
            let refused = strict.execute(request(), &context).await;
            let body = String::from_utf8_lossy(&refused.body).into_owned();
            if refused.outcome != Outcome::Unauthorized || body.contains("\"data\"") {
                return failure(&format!("it is not refused: {body}"));
            }
        }
    }
    Ok((kept, compared))
}

/// Puts rules on random fields and types.
fn protect(graph: &mut Supergraph, random: &mut Random) {
    let api = Arc::clone(&graph.api);
    let fields: Vec<(Name, Name)> = ["Query", "Book", "Film", "User", "Maker", "Size", "Review", "Product", "Item"]
        .iter()
        .flat_map(|of| {
            let of = Name::new(of).unwrap();
            let fields = match (api.get_object(&of), api.get_interface(&of)) {
                (Some(object), _) => object.fields.keys().cloned().collect::<Vec<_>>(),
                (_, Some(interface)) => interface.fields.keys().cloned().collect(),
                _ => Vec::new(),
            };
            fields.into_iter().map(move |field| (of.clone(), field))
        })
        .collect();
    let with_interfaces = random.chance(40);
    for _ in 0..2 + random.below(6) {
        let (of, field) = fields[random.below(fields.len())].clone();
        if api.get_interface(&of).is_some() && !with_interfaces {
            continue;
        }
        graph.access.fields.entry(of).or_default().insert(field, make_rule(random));
    }
    let types = ["Maker", "Size", "Role", "Review", "User", "Film", "Book", "Item", "Product"];
    for _ in 0..random.below(3) {
        let name = Name::new(types[random.below(types.len() - if with_interfaces { 0 } else { 2 })]).unwrap();
        graph.access.types.insert(name, make_rule(random));
    }
}

fn make_rule(random: &mut Random) -> Arc<Access> {
    let lists = |text: &str| text.split('|').map(|all| all.split('+').map(str::to_owned).collect()).collect();
    Arc::new(match random.below(4) {
        0 => Access { authenticated: true, ..Access::default() },
        1 => Access { scopes: lists("a"), ..Access::default() },
        2 => Access { authenticated: true, scopes: lists("a+b|c"), ..Access::default() },
        _ => Access { policies: lists("p|q"), ..Access::default() },
    })
}

fn make_grants(random: &mut Random) -> Grants {
    if random.chance(40) {
        return Grants::default();
    }
    let mut some = |words: &[&str]| words.iter().filter(|_| random.chance(40)).map(|word| (*word).to_owned()).collect();
    Grants { authenticated: true, scopes: some(&["a", "b", "c"]), policies: some(&["p"]) }
}

/// Which fields of which concrete types are kept from a client.
fn denied(graph: &Supergraph, grants: &Grants) -> BTreeSet<(String, String)> {
    let api: &Schema = &graph.api;
    let type_open = |name: &str| graph.access.types.get(name).is_none_or(|rule| rule.is_granted(grants));
    let mut open: BTreeMap<(String, String), bool> = BTreeMap::new();
    for object in api.types.values().filter_map(|ty| ty.as_object()).filter(|ty| !ty.name.starts_with("__")) {
        for (name, field) in &object.fields {
            let rule = graph.access.fields.get(&object.name).and_then(|fields| fields.get(name));
            let is_open = rule.is_none_or(|rule| rule.is_granted(grants))
                && type_open(&object.name)
                && type_open(field.ty.inner_named_type());
            open.insert((object.name.to_string(), name.to_string()), is_open);
        }
    }
    for ((object, field), parts) in REQUIRED {
        if parts.iter().any(|(object, field)| !open[&((*object).to_owned(), (*field).to_owned())]) {
            open.insert((object.to_owned(), field.to_owned()), false);
        }
    }
    open.into_iter().filter(|(_, is_open)| !is_open).map(|(place, _)| place).collect()
}

fn clone(graph: &Supergraph) -> weft::supergraph::AccessRules {
    weft::supergraph::AccessRules { types: graph.access.types.clone(), fields: graph.access.fields.clone() }
}
