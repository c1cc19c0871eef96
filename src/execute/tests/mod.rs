//! Plans built by hand, run against services in this process.

mod answers;
mod connectors;
mod nulls;
pub(crate) mod service;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apollo_compiler::ast::Type;
use apollo_compiler::{Name, Schema};
use http::HeaderMap;
use serde_json::Value;
use weft_loaders::Loaders;

use super::{Execution, Prepared, execute};
use crate::operation::{OperationType, Variables};
use crate::planner::Plan;
use crate::planner::plan::*;
use crate::supergraph::{AccessRules, Subgraph, SubgraphId, SubgraphKind, Supergraph};

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn ty(text: &str) -> Type {
    Type::parse(text, "type").unwrap()
}

pub(super) fn subgraph(name: &str, url: Option<String>, schema: &str) -> Subgraph {
    Subgraph {
        name: name.into(),
        url,
        kind: SubgraphKind::GraphQl,
        schema: Schema::parse(schema, "subgraph.graphql").unwrap(),
        types: Default::default(),
        resolvers: Vec::new(),
        connectors: Vec::new(),
        timeout_ms: None,
    }
}

pub(super) fn supergraph(schema: &str, subgraphs: Vec<Subgraph>) -> Supergraph {
    let schema = Schema::parse_and_validate(schema, "schema.graphql").unwrap();
    Supergraph {
        subgraphs,
        schema: schema.clone().into_inner(),
        api: Arc::new(schema),
        access: AccessRules::default(),
        sdl: "".into(),
    }
}

/// `key: Leaf` or a nested shape.
pub(super) fn field(key: &str, slot: u32, list_depth: u32, value: ShapeValue) -> ShapeField {
    ShapeField { key: name(key), slot: SlotId(slot), list_depth, value, stale_ms: None }
}

pub(super) fn shape(slots: u32, fields: Vec<ShapeField>) -> Shape {
    Shape { fields, slots }
}

pub(super) fn fetch(subgraph: u32, after: &[u32], call: Call) -> Fetch {
    Fetch {
        title: String::new(),
        subgraph: SubgraphId(subgraph),
        after: after.iter().copied().map(FetchId).collect(),
        call,
        timeout_ms: Some(400),
        cache: None,
        stale_ms: None,
    }
}

pub(super) fn operation(text: &str) -> DownstreamOperation {
    DownstreamOperation { text: text.into(), name: None, variables: Vec::new() }
}

pub(super) fn position(
    parent: Option<u32>,
    label: &str,
    list_depth: u32,
    records: Vec<RecordSource>,
    typename: &str,
) -> Position {
    Position {
        parent: parent.map(PositionId),
        label: label.into(),
        list_depth,
        records,
        typename: TypenameSource::Known(name(typename)),
    }
}

pub(super) fn nested(record: u32, slot: u32) -> RecordSource {
    RecordSource::Nested(RecordId(record), SlotId(slot))
}

pub(super) fn link(record: u32, slot: u32) -> RecordSource {
    RecordSource::Link(RecordId(record), SlotId(slot))
}

pub(super) fn at(record: u32, slot: u32) -> (RecordId, SlotId) {
    (RecordId(record), SlotId(slot))
}

pub(super) fn leaf(key: &str, of: &str, ty_text: &str, from: (RecordId, SlotId), leaf: Leaf) -> ProjectionField {
    ProjectionField {
        type_name: name(of),
        field_name: name(key),
        response_key: name(key),
        ty: ty(ty_text),
        value: ProjectionValue::Leaf { from: vec![from], leaf },
        fallback: None,
    }
}

pub(super) fn object(
    key: &str,
    of: &str,
    ty_text: &str,
    from: (RecordId, SlotId),
    object: ObjectProjection,
) -> ProjectionField {
    ProjectionField {
        type_name: name(of),
        field_name: name(key),
        response_key: name(key),
        ty: ty(ty_text),
        value: ProjectionValue::Object { from: vec![from], object: Arc::new(object) },
        fallback: None,
    }
}

pub(super) fn projection(position: u32, typename: &str, fields: Vec<ProjectionField>) -> ObjectProjection {
    ObjectProjection {
        position: PositionId(position),
        possible: [name(typename)].into(),
        branches: vec![ProjectionBranch { types: vec![name(typename)], fields }],
    }
}

pub(super) fn by_id(typename: RepresentationTypename, from: (RecordId, SlotId)) -> Representation {
    let id = RepresentationField { name: name("id"), from: vec![from], is_key: true, nested: None };
    Representation { typename, branches: vec![RepresentationBranch { types: Vec::new(), fields: vec![id] }] }
}

pub(super) fn plan(
    fetches: Vec<Fetch>,
    shapes: Vec<Shape>,
    positions: Vec<Position>,
    projection: ObjectProjection,
) -> Plan {
    Plan { kind: OperationType::Query, fetches, shapes, positions, projection }
}

/// Runs a plan; the response, parsed back.
pub(super) async fn respond(supergraph: &Supergraph, plan: Plan, headers: &HeaderMap) -> Value {
    respond_with(supergraph, plan, headers, &Variables::new()).await
}

pub(super) async fn respond_with(
    supergraph: &Supergraph,
    plan: Plan,
    headers: &HeaderMap,
    variables: &Variables,
) -> Value {
    let prepared = Prepared::new(plan, supergraph);
    let loaders = Loaders::new(weft_loaders::Settings::default());
    let text = execute(Execution {
        prepared: &prepared,
        supergraph,
        loaders: &loaders,
        variables,
        headers,
        deadline: Instant::now() + Duration::from_secs(10),
        timeout: Duration::from_secs(5),
        values_max: 100_000,
        response_bytes_max: 1 << 20,
        forwarded: &|_| Vec::new(),
        config: &|_| &Value::Null,
        introspection: &HashMap::new(),
    })
    .await
    .body;
    serde_json::from_slice(&text)
        .unwrap_or_else(|error| panic!("{error} in the response {}", String::from_utf8_lossy(&text)))
}

/// The errors of a response: `code path` each, in their order.
pub(super) fn told(response: &Value) -> Vec<String> {
    let errors = response["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let line = |error: &Value| {
        let code = error["extensions"]["code"].as_str().unwrap_or("-");
        let path: Vec<String> = error["path"].as_array().into_iter().flatten().map(segment).collect();
        format!("{code} {}", path.join("."))
    };
    errors.iter().map(line).collect()
}

fn segment(segment: &Value) -> String {
    segment.as_str().map_or_else(|| segment.to_string(), str::to_owned)
}
