//! Random data and random operations over a fixed split: the answer must be what one unsplit service would give.
//!
//! Data holds nulls and errors at random places, so that null propagation is compared as well. A seed that fails is
//! printed with its operation and plan; `SEED=…` runs it alone.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apollo_compiler::ast::Type;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Schema};
use http::HeaderMap;
use serde_json::{Map, Value, json};
use weft::gateway::{Context, Gateway, Request, Settings, Snapshot};
use weft::operation::Limits;
use weft_loaders::Loaders;

use crate::data::{self, Data};
use crate::services;

/// Seeds that run by default.
const SEEDS: u64 = 40;
/// Operations over the data of one seed.
const OPERATIONS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_operations() {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=std::env::var("SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap())).collect(),
    };
    let mut failures = Vec::new();
    for seed in seeds {
        if let Err(failure) = check(seed).await {
            failures.push(format!("== SEED={seed}\n{failure}"));
            if failures.len() >= 3 {
                break;
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

async fn check(seed: u64) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/random");
    let mut graph = super::graph(&folder)?;
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let data = Arc::new(Data::new(make_data(&graph.api, &mut random)));
    for index in 0..graph.subgraphs.len() {
        let service = services::graphql(&graph.subgraphs[index], Arc::clone(&data)).await?;
        graph.subgraphs[index].url = Some(service.url);
    }
    let queries: Vec<String> = (0..OPERATIONS).map(|_| make_query(&graph.api, &mut random)).collect();
    let limits = Limits { aliases: 1_000, ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let expected: Vec<Result<Value, String>> =
        queries.iter().map(|query| data::oracle(&graph, &data, query, &Map::new())).collect();
    let gateway =
        Gateway::new(Snapshot::new(graph, &settings), Loaders::new(weft_loaders::Settings::default()), settings);
    for (query, expected) in queries.iter().zip(expected) {
        let expected = expected?;
        let request = || Request { query: query.clone(), ..Request::default() };
        let context = Context {
            headers: HeaderMap::new(),
            deadline: Instant::now() + Duration::from_secs(20),
            mutations_allowed: false,
            grants: weft::supergraph::Grants::default(),
        };
        let response = gateway.execute(request(), &context).await;
        let got: Value = serde_json::from_slice(&response.body).map_err(|error| error.to_string())?;
        // As texts, since the order of keys counts.
        let texts = [got["data"].to_string(), expected.to_string()];
        if texts[0] != texts[1] {
            let plan = gateway.snapshot().plan_text(&request()).unwrap_or_else(|errors| format!("{errors:?}"));
            return Err(format!(
                "{query}\nexpected {expected}\ngot      {}\nerrors {}\n{plan}",
                got["data"], got["errors"]
            ));
        }
    }
    Ok(())
}

/// xorshift64*
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
}

/// Concrete types whose objects have an identity of their own.
const ENTITIES: [&str; 3] = ["Book", "Film", "User"];

pub(crate) fn make_data(api: &Schema, random: &mut Random) -> Map<String, Value> {
    let mut data = Map::new();
    for entity in ENTITIES {
        let objects = (0..4).map(|number| make_object(api, entity, Some(number), random)).collect();
        data.insert(entity.to_owned(), objects);
    }
    data.insert("Query".to_owned(), make_object(api, "Query", None, random));
    data
}

fn make_object(api: &Schema, type_name: &str, number: Option<usize>, random: &mut Random) -> Value {
    let mut object = Map::new();
    object.insert("__typename".to_owned(), json!(type_name));
    for field in api.get_object(type_name).unwrap().fields.values() {
        let value = match (field.name.as_str(), number) {
            ("id", Some(number)) => json!(format!("{type_name}{number}")),
            ("email", Some(number)) => json!(format!("{number}@{type_name}")),
            ("code", Some(number)) => json!({"__typename": "Code", "country": "NL", "number": number}),
            ("shipping", _) => json!({"$join": ["weight"]}),
            ("volume", _) => json!({"$join": ["size"]}),
            // What others require has no errors: a service would see null, and nobody says what it makes of it.
            ("weight", _) => json!(random.below(100)),
            ("size", _) => json!({"__typename": "Size", "width": random.below(9), "height": random.below(9)}),
            _ => make_value(api, &field.ty, random),
        };
        object.insert(field.name.to_string(), value);
    }
    Value::Object(object)
}

fn make_value(api: &Schema, ty: &Type, random: &mut Random) -> Value {
    if random.chance(if ty.is_non_null() { 4 } else { 10 }) {
        return if random.chance(30) { json!({"$error": "by chance"}) } else { Value::Null };
    }
    match ty {
        Type::List(item) | Type::NonNullList(item) => {
            (0..random.below(4)).map(|_| make_value(api, item, random)).collect()
        }
        Type::Named(name) | Type::NonNullNamed(name) => match (name.as_str(), api.types.get(name)) {
            ("Int", _) => json!(random.below(1_000)),
            ("Float", _) => json!(random.below(1_000) as f64 / 8.0),
            ("Boolean", _) => json!(random.chance(50)),
            (_, Some(ExtendedType::Enum(of))) => json!(of.values.keys().nth(random.below(of.values.len())).unwrap()),
            ("String" | "ID", _) => json!(["", "é\"\\", "plain", "line\nbreak"][random.below(4)]),
            (_, Some(_)) => {
                let possible = possible(api, name);
                let concrete = &possible[random.below(possible.len())];
                if ENTITIES.contains(&concrete.as_str()) {
                    json!({"$ref": {concrete.as_str(): {"id": format!("{concrete}{}", random.below(4))}}})
                } else {
                    make_object(api, concrete, None, random)
                }
            }
            (_, None) => Value::Null,
        },
    }
}

fn possible(api: &Schema, name: &Name) -> Vec<Name> {
    match api.types.get(name) {
        Some(ExtendedType::Object(_)) => vec![name.clone()],
        Some(ExtendedType::Union(of)) => of.members.iter().map(|member| member.name.clone()).collect(),
        _ => {
            let objects = api.types.values().filter_map(ExtendedType::as_object);
            let implements = objects.filter(|object| object.implements_interfaces.contains(name));
            implements.map(|object| object.name.clone()).collect()
        }
    }
}

pub(crate) fn make_query(api: &Schema, random: &mut Random) -> String {
    let mut aliases = 0;
    format!("{{{} }}", make_selection(api, "Query", 3, &mut aliases, random))
}

fn make_selection(api: &Schema, type_name: &str, depth: usize, aliases: &mut usize, random: &mut Random) -> String {
    let mut out = String::new();
    let fields: Vec<_> = match api.types.get(type_name) {
        Some(ExtendedType::Object(of)) => of.fields.values().collect(),
        Some(ExtendedType::Interface(of)) => of.fields.values().collect(),
        _ => Vec::new(),
    };
    let is_abstract = !matches!(api.types.get(type_name), Some(ExtendedType::Object(_)));
    let mut wanted = 1 + random.below(3);
    let mut last = None;
    if depth < 3 && random.chance(20) {
        *aliases += 1;
        out.push_str(&format!(" t{aliases}: __typename"));
    }
    for _ in 0..8 {
        if wanted == 0 || fields.is_empty() {
            break;
        }
        // An object often comes again, with another selection: a null below one must not reach the other.
        let again = last.filter(|_| random.chance(35));
        let field = again.unwrap_or_else(|| fields[random.below(fields.len())]);
        let inner = field.ty.inner_named_type();
        let composite = !matches!(api.types.get(inner), Some(ExtendedType::Scalar(_) | ExtendedType::Enum(_)));
        last = Some(field).filter(|_| composite);
        if composite && depth == 0 {
            continue;
        }
        wanted -= 1;
        // An own key for each, so that no two types disagree on one.
        *aliases += 1;
        out.push_str(&format!(" a{aliases}: {}", field.name));
        if composite {
            let selection = make_selection(api, inner, depth - 1, aliases, random);
            out.push_str(&format!(" {{{selection} }}"));
        }
    }
    if is_abstract {
        let name = Name::new(type_name).unwrap();
        let mut conditions = possible(api, &name);
        conditions.extend([Name::new("Product").unwrap(), Name::new("Item").unwrap()]);
        for condition in conditions {
            let meets = possible(api, &condition).iter().any(|name_of| possible(api, &name).contains(name_of));
            if meets && random.chance(60) {
                let depth = if api.get_object(&condition).is_some() { depth } else { depth.min(1).saturating_sub(1) };
                let selection = match api.get_object(&condition) {
                    Some(_) => make_selection(api, &condition, depth, aliases, random),
                    None => {
                        *aliases += 1;
                        format!(" i{aliases}: {}", if condition == "Product" { "title" } else { "label" })
                    }
                };
                out.push_str(&format!(" ... on {condition} {{{selection} }}"));
            }
        }
    }
    if out.is_empty() {
        out.push_str(" __typename");
    }
    out
}
