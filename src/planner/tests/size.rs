//! Plans of large graphs and hostile operations stay within their budget.

use std::fmt::Write;
use std::time::Instant;

use apollo_compiler::collections::HashSet;

use super::{Arc, Budget, Graph, PlanError, ProjectionValue, plan, supergraph};
use crate::operation::{Document, Limits, normalize};

const HEADER: &str = r#"schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION) { query: Query }
enum join__Graph {
"#;

/// `types` entities in `subgraphs` subgraphs: each is in three of them, with fields of its own in each and a link to the next.
fn large(types: usize, subgraphs: usize) -> String {
    let mut out = HEADER.to_owned();
    for graph in 0..subgraphs {
        let _ = writeln!(out, "  G{graph} @join__graph(name: \"g{graph}\", url: \"http://g{graph}.test\")");
    }
    out.push_str("}\ntype Query ");
    for graph in 0..subgraphs {
        let _ = write!(out, "@join__type(graph: G{graph}) ");
    }
    out.push_str("{\n");
    for ty in 0..types {
        let _ = writeln!(out, "  t{ty}: T{ty} @join__field(graph: G{})", ty % subgraphs);
    }
    out.push_str("}\n");
    for ty in 0..types {
        let graphs = [ty % subgraphs, (ty + 1) % subgraphs, (ty + 2) % subgraphs];
        let _ = write!(out, "type T{ty} ");
        for graph in graphs {
            let _ = write!(out, "@join__type(graph: G{graph}, key: \"id\") ");
        }
        out.push_str("{\n  id: ID!\n");
        for (index, graph) in graphs.iter().enumerate() {
            for field in 0..3 {
                let _ = writeln!(out, "  f{index}{field}: String @join__field(graph: G{graph})");
            }
        }
        let shared = format!("@join__field(graph: G{}) @join__field(graph: G{})", graphs[1], graphs[2]);
        let _ = writeln!(out, "  shared: String {shared}");
        let _ = writeln!(out, "  next: [T{}] @join__field(graph: G{})", (ty + 1) % types, graphs[1]);
        out.push_str("}\n");
    }
    out
}

#[test]
fn a_hundred_fields_on_a_thousand_types() {
    let supergraph = supergraph(&large(1_000, 20));
    let start = Instant::now();
    let graph = Graph::new(&supergraph);
    let indexed = start.elapsed();
    let fields = "id f00 f01 f02 f10 f11 f12 f20 f21 f22 shared";
    let mut query = format!("{{ t0 {{ {fields} ");
    for _ in 0..8 {
        let _ = write!(query, "next {{ {fields} ");
    }
    query.push_str(&"}".repeat(9));
    query.push('}');
    let start = Instant::now();
    let document = Document::parse(&query, &supergraph.api, &Limits::default()).unwrap();
    let operation = normalize(&document, document.operation(None).unwrap(), &|_| true).unwrap();
    let parsed = start.elapsed();
    let start = Instant::now();
    let plan = plan(&graph, &supergraph, &operation, &Budget::default()).unwrap();
    println!(
        "indexed in {indexed:?}, normalized in {parsed:?}, planned in {:?}: {} calls",
        start.elapsed(),
        plan.fetches.len()
    );
    assert!(plan.fetches.len() <= 2 + 9 * 3, "{plan}");
}

/// As many interfaces within interfaces as the limits allow.
#[test]
fn nested_interfaces_are_planned_or_refused() {
    let members = 30;
    let mut sdl = HEADER.to_owned();
    sdl.push_str("  A @join__graph(name: \"a\", url: \"http://a.test\")\n  B @join__graph(name: \"b\", url: \"http://b.test\")\n}\n");
    sdl.push_str("type Query @join__type(graph: A) @join__type(graph: B) { root: I @join__field(graph: A) }\n");
    sdl.push_str("interface I @join__type(graph: A) @join__type(graph: B) { id: ID! name: String @join__field(graph: B) next: I @join__field(graph: A) }\n");
    for member in 0..members {
        let _ = writeln!(
            sdl,
            "type M{member} implements I @join__implements(graph: A, interface: \"I\") @join__implements(graph: B, interface: \"I\")
             @join__type(graph: A, key: \"id\") @join__type(graph: B, key: \"id\")
             {{ id: ID! name: String @join__field(graph: B) next: I @join__field(graph: A) own{member}: Int @join__field(graph: B) }}"
        );
    }
    let supergraph = supergraph(&sdl);
    let graph = Graph::new(&supergraph);
    let level = |inner: &str| {
        let own: String = (0..members).map(|m| format!("... on M{m} {{ own{m} next {{ id }} }} ")).collect();
        format!("id name {own} next {{ {inner} }}")
    };
    let mut query = "id".to_owned();
    for depth in 0..6 {
        query = level(&query);
        let text = format!("{{ root {{ {query} }} }}");
        let start = Instant::now();
        let Ok(document) = Document::parse(&text, &supergraph.api, &Limits::default()) else { break };
        let Ok(operation) = normalize(&document, document.operation(None).unwrap(), &|_| true) else { break };
        let normalized = start.elapsed();
        let start = Instant::now();
        let planned = plan(&graph, &supergraph, &operation, &Budget::default());
        println!(
            "{depth}: normalized in {normalized:?}, {:?} in {:?}",
            planned.map(|p| p.fetches.len()),
            start.elapsed()
        );
        assert!(start.elapsed().as_secs() < 20);
    }
}

/// `members` types implement one interface; all of them are in all of the subgraphs.
fn members(members: usize, subgraphs: usize) -> String {
    let each = |part: &str| -> String { (0..subgraphs).map(|graph| part.replace('#', &graph.to_string())).collect() };
    let graphs = each("  G# @join__graph(name: \"g#\", url: \"http://g#.test\")\n");
    let (ty, entity) = (each("@join__type(graph: G#) "), each("@join__type(graph: G#, key: \"id\") "));
    let implements = each("@join__implements(graph: G#, interface: \"I\") ");
    let mut sdl = format!("{HEADER}{graphs}}}\ntype Query {ty} {{ i: I }}\n");
    let _ = writeln!(sdl, "interface I {entity} {{ id: ID! friend: I v: Int }}");
    for member in 0..members {
        let own = each(&format!("f#_{member}: Int @join__field(graph: G#) "));
        let _ = writeln!(sdl, "type T{member} implements I {implements} {entity} {{ id: ID! friend: I v: Int {own} }}");
    }
    sdl
}

/// Each level selects on two branches what is below it: one set in the operation, and one of what is written.
#[test]
fn what_is_shared_is_written_once() {
    let supergraph = supergraph(&members(100, 1));
    let graph = Graph::new(&supergraph);
    let levels = 28;
    let query = format!("{{ i {{ {} id {} }} }}", "friend { ...on T0 { v } ".repeat(levels), "}".repeat(levels));
    let document = Document::parse(&query, &supergraph.api, &Limits::default()).unwrap();
    let operation = normalize(&document, document.operation(None).unwrap(), &|_| true).unwrap();
    let mut sets = HashSet::default();
    let mut pending = vec![&operation.selection];
    while let Some(set) = pending.pop() {
        if sets.insert(set.branches.as_ptr()) {
            let fields = set.branches.iter().flat_map(|branch| &branch.fields);
            pending.extend(fields.filter_map(|field| field.selection.as_ref()));
        }
    }
    assert_eq!(sets.len(), levels + 2);
    let planned = plan(&graph, &supergraph, &operation, &Budget { steps_max: 100_000, ..Budget::default() }).unwrap();
    assert_eq!(planned.fetches.len(), 1, "{planned}");
    let mut written = HashSet::default();
    let mut pending = vec![&planned.projection];
    while let Some(object) = pending.pop() {
        for field in object.branches.iter().flat_map(|branch| &branch.fields) {
            if let ProjectionValue::Object { object, .. } = &field.value
                && written.insert(Arc::as_ptr(object))
            {
                pending.push(object);
            }
        }
    }
    assert_eq!(written.len(), levels + 1);
}

/// The work at a level of an interface is counted for each of its members.
#[test]
fn members_are_counted() {
    for (count, expected) in [(10, None), (200, Some(PlanError::TooComplex))] {
        let supergraph = supergraph(&members(count, 1));
        let graph = Graph::new(&supergraph);
        let query = format!("{{ i {{ {} id {} }} }}", "friend { v ".repeat(20), "}".repeat(20));
        let document = Document::parse(&query, &supergraph.api, &Limits::default()).unwrap();
        let operation = normalize(&document, document.operation(None).unwrap(), &|_| true).unwrap();
        let budget = Budget { steps_max: 20_000, ..Budget::default() };
        assert_eq!(plan(&graph, &supergraph, &operation, &budget).err(), expected, "{count} members");
    }
}

/// A key of `T` that needs another `T`, of which it needs the same.
#[test]
fn keys_inside_each_other_end() {
    let mut text = HEADER.to_owned();
    text.push_str(
        r#"A @join__graph(name: "a", url: "http://a.test") B @join__graph(name: "b", url: "http://b.test") C @join__graph(name: "c", url: "http://c.test") }
type Query @join__type(graph: A) { t: T  u: U }
type T @join__type(graph: A, key: "u { id }") @join__type(graph: B, key: "u { t { x } }") @join__type(graph: C, key: "u { id }") {
  u: U
  x: Int @join__field(graph: B)
}
type U @join__type(graph: A, key: "id") @join__type(graph: B, key: "t { u { id } }") @join__type(graph: C, key: "id") {
  id: ID!
  t: T @join__field(graph: B, external: true) @join__field(graph: C)
  y: Int @join__field(graph: B)
}
"#,
    );
    let supergraph = supergraph(&text);
    let graph = Graph::new(&supergraph);
    for (query, is_answerable) in
        [("{ t { x } }", false), ("{ u { t { x } } }", false), ("{ u { y t { u { id } } } }", true)]
    {
        let document = Document::parse(query, &supergraph.api, &Limits::default()).unwrap();
        let operation = normalize(&document, document.operation(None).unwrap(), &|_| true).unwrap();
        let planned = plan(&graph, &supergraph, &operation, &Budget::default());
        assert_eq!(planned.is_ok(), is_answerable, "{query}: {planned:?}");
        assert!(planned.is_ok() || matches!(planned, Err(PlanError::Unreachable { .. })), "{query}: {planned:?}");
    }
}
