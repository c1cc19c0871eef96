//! Every case is a folder below `tests/cases/plan`: a supergraph, an operation, and the plan as it prints. Whatever is sent
//! downstream is validated against the subgraph's own schema.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apollo_compiler::ExecutableDocument;
use apollo_compiler::collections::HashSet;
use apollo_compiler::validation::Valid;

mod graphs;
mod optimal;
mod oracle;
mod random;
mod reachable;
mod size;

use super::plan::{Call, ProjectionValue, RecordSource, ShapeId};
use super::*;
use crate::diagnostic::Source;
use crate::operation::{Document, Limits, normalize};
use crate::supergraph::{Supergraph, read};

pub(crate) fn supergraph(text: &str) -> Supergraph {
    let source = Arc::new(Source { name: "supergraph.graphql".to_owned(), text: text.to_owned() });
    let (supergraph, diagnostics) = read::supergraph(&source);
    supergraph.unwrap_or_else(|| panic!("{}", diagnostics.iter().map(|d| format!("{d}\n")).collect::<String>()))
}

/// Plans one operation; every `Boolean` variable of its conditions is true.
pub(crate) fn plan_text(supergraph: &Supergraph, query: &str) -> Result<Plan, PlanError> {
    let document = Document::parse(query, &supergraph.api, &Limits::default())
        .unwrap_or_else(|errors| panic!("{}", errors[0].message));
    let operation = normalize(&document, document.operation(None).unwrap(), &|_| true).unwrap();
    let graph = Graph::new(supergraph);
    let plan = plan(&graph, supergraph, &operation, &Budget::default())?;
    check(&plan, supergraph);
    Ok(plan)
}

/// What every plan must be: valid downstream, and sound in its references.
pub(crate) fn check(plan: &Plan, supergraph: &Supergraph) {
    for (index, fetch) in plan.fetches.iter().enumerate() {
        assert!(fetch.after.iter().all(|id| (id.0 as usize) < index), "fetch {index} waits for a later one:\n{plan}");
        if let Call::Root { operation, .. } | Call::Entities { operation, .. } = &fetch.call {
            let schema = Valid::assume_valid_ref(&supergraph.subgraph(fetch.subgraph).schema);
            if let Err(failed) = ExecutableDocument::parse_and_validate(schema, &operation.text, "downstream") {
                panic!("not valid in {}: {}\n{}", fetch.title, operation.text, failed.errors);
            }
        }
        if let Call::Entities { inputs, .. } = &fetch.call {
            for input in inputs {
                check_slot(plan, input.position.0, input.link);
                let position = &plan.positions[input.position.0 as usize];
                let (record, slot) = input.link;
                let is_linked = |r: &RecordSource| *r == RecordSource::Link(record, slot);
                assert!(position.records.iter().any(is_linked), "nobody reads fetch {index}:\n{plan}");
                let fields = input.representation.branches.iter().flat_map(|branch| &branch.fields);
                for field in fields {
                    assert!(!field.from.is_empty(), "`{}` of fetch {index} comes from nowhere:\n{plan}", field.name);
                    field.from.iter().for_each(|slot| check_slot(plan, input.position.0, *slot));
                }
            }
        }
    }
    for (index, position) in plan.positions.iter().enumerate() {
        assert!(position.parent.is_none_or(|parent| (parent.0 as usize) < index), "{plan}");
        assert!(!position.records.is_empty() || index == 0, "nothing stands at {index} {}:\n{plan}", position.label);
        for (own, record) in position.records.iter().enumerate() {
            match record {
                RecordSource::Root(_) => assert_eq!(index, 0),
                RecordSource::Nested(record, slot) => {
                    check_slot(plan, position.parent.unwrap().0, (*record, *slot));
                }
                RecordSource::Link(record, slot) => {
                    assert!((record.0 as usize) < own, "a link goes forward:\n{plan}");
                    check_slot(plan, index as u32, (*record, *slot));
                }
            }
        }
    }
    check_projection(plan);
}

fn check_projection(plan: &Plan) {
    let mut seen = HashSet::default();
    let mut pending = vec![&plan.projection];
    while let Some(object) = pending.pop() {
        for field in object.branches.iter().flat_map(|branch| &branch.fields) {
            let from = match &field.value {
                ProjectionValue::Typename | ProjectionValue::Introspection | ProjectionValue::Denied => continue,
                ProjectionValue::Leaf { from, .. } => from,
                ProjectionValue::Object { from, object: inner } => {
                    if seen.insert(Arc::as_ptr(inner)) {
                        pending.push(inner);
                    }
                    from
                }
            };
            assert!(!from.is_empty(), "{}.{} comes from nowhere:\n{plan}", field.type_name, field.field_name);
            from.iter().for_each(|slot| check_slot(plan, object.position.0, *slot));
        }
    }
}

/// A slot must be within the layout of its record.
fn check_slot(plan: &Plan, position: u32, (record, slot): (plan::RecordId, plan::SlotId)) {
    let shape = shape_of(plan, position, record.0 as usize);
    assert!(slot.0 < plan.shapes[shape.0 as usize].slots, "slot {} of a record of {position}:\n{plan}", slot.0);
}

fn shape_of(plan: &Plan, position: u32, record: usize) -> ShapeId {
    let source = plan.positions[position as usize].records[record];
    match source {
        RecordSource::Root(fetch) => match &plan.fetches[fetch.0 as usize].call {
            Call::Root { shape, .. } | Call::ConnectRoot { shape, .. } => *shape,
            _ => panic!("a root record of no root fetch"),
        },
        RecordSource::Nested(parent, slot) => {
            let above = plan.positions[position as usize].parent.unwrap().0;
            let shape = shape_of(plan, above, parent.0 as usize);
            let fields = &plan.shapes[shape.0 as usize].fields;
            match fields.iter().find(|field| field.slot == slot).map(|field| &field.value) {
                Some(plan::ShapeValue::Object(shape)) => *shape,
                other => panic!("no object in a slot of {position}: {other:?}\n{plan}"),
            }
        }
        RecordSource::Link(record, slot) => {
            let inputs = plan.fetches.iter().flat_map(|fetch| match &fetch.call {
                Call::Entities { inputs, .. }
                | Call::ConnectLookup { inputs, .. }
                | Call::ConnectField { inputs, .. } => inputs.as_slice(),
                _ => &[],
            });
            let mut own = inputs.filter(|input| input.position.0 == position && input.link == (record, slot));
            own.next().unwrap_or_else(|| panic!("a link that nobody fills:\n{plan}")).shape
        }
    }
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plan");
    let mut cases: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    cases
}

/// One supergraph per folder; every `*.graphql` beside it is an operation, and its plan is in `*.snap`.
#[test]
fn plans_are_as_recorded() {
    let only = std::env::var("CASE").ok();
    for case in cases() {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let supergraph = supergraph(&std::fs::read_to_string(case.join("supergraph.graphql")).unwrap());
        let mut queries: Vec<PathBuf> = std::fs::read_dir(&case).unwrap().map(|entry| entry.unwrap().path()).collect();
        queries
            .retain(|path| path.extension().is_some_and(|e| e == "graphql") && !path.ends_with("supergraph.graphql"));
        queries.sort();
        for path in queries {
            let query = std::fs::read_to_string(&path).unwrap();
            let mut out = String::new();
            match plan_text(&supergraph, &query) {
                Ok(plan) => write!(out, "{plan}").unwrap(),
                Err(error) => writeln!(out, "refused: {error}").unwrap(),
            }
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path(&case);
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            settings.bind(|| insta::assert_snapshot!(stem, out));
        }
    }
}

#[test]
fn subscriptions_are_refused_by_name() {
    let supergraph = supergraph(
        "schema @link(url: \"https://specs.apollo.dev/link/v1.0\") @link(url: \"https://specs.apollo.dev/join/v0.5\", for: EXECUTION) { query: Query subscription: Subscription }
         enum join__Graph { A @join__graph(name: \"a\", url: \"http://a.test\") }
         type Query @join__type(graph: A) { now: Int }
         type Subscription @join__type(graph: A) { ticks: Int }",
    );
    let error = plan_text(&supergraph, "subscription { ticks }").unwrap_err();
    assert_eq!(error.to_string(), "subscription operations are not served yet.");
}

#[test]
fn fallbacks_are_those_of_the_source() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plan/policies/supergraph.graphql");
    let supergraph = supergraph(&std::fs::read_to_string(path).unwrap());
    let plan = plan_text(&supergraph, "{ top { id size } }").unwrap();
    let top = &plan.projection.branches[0].fields[0];
    assert_eq!(top.fallback.as_ref().and_then(|fallback| fallback.value.clone()), Some(serde_json::json!([])));
    let ProjectionValue::Object { object, .. } = &top.value else { panic!("{plan}") };
    let stale: Vec<_> =
        object.branches[0].fields.iter().map(|f| f.fallback.as_ref().and_then(|f| f.stale_ms)).collect();
    assert_eq!(stale, [None, Some(3_600_000)]);
    let of_fetches: Vec<_> = plan.fetches.iter().map(|fetch| fetch.stale_ms).collect();
    assert_eq!(of_fetches, [None, Some(3_600_000)], "only what gives the field is kept for it: {plan}");
    let Call::Entities { inputs, .. } = &plan.fetches[1].call else { panic!("{plan}") };
    let fields = &plan.shapes[inputs[0].shape.0 as usize].fields;
    assert_eq!(fields.iter().filter_map(|field| field.stale_ms).collect::<Vec<_>>(), [3_600_000]);
}
