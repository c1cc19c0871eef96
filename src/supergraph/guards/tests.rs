//! What each field needs, by the policies' names: `p` is what a client without `p` may not see.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::*;
use crate::diagnostic::Source;
use crate::supergraph::read;

const HEAD: &str = r#"
schema
  @link(url: "https://specs.apollo.dev/link/v1.0")
  @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION)
  @link(url: "https://specs.apollo.dev/policy/v0.1", for: SECURITY)
{ query: Query }
enum join__Graph { A @join__graph(name: "a", url: "http://a.test") B @join__graph(name: "b", url: "http://b.test") }
"#;

fn graph(text: &str) -> Supergraph {
    let source = Arc::new(Source { name: "supergraph.graphql".into(), text: format!("{HEAD}{text}") });
    let (graph, diagnostics) = read::supergraph(&source);
    graph.unwrap_or_else(|| panic!("{}", diagnostics.iter().map(ToString::to_string).collect::<String>()))
}

/// The policies that a field needs, in their order.
fn needed(guards: &Guards, place: &str) -> String {
    let (object, field) = place.split_once('.').unwrap();
    let ids = guards.of(&Name::new(object).unwrap(), &Name::new(field).unwrap());
    let names: BTreeSet<&str> =
        ids.iter().flat_map(|id| guards.rules[id.0 as usize].policies.iter().flatten()).map(String::as_str).collect();
    names.into_iter().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_field_needs_what_is_said_of_it_of_its_object_and_of_its_type() {
    let graph = graph(
        r#"
type Query @join__type(graph: A) @policy(policies: [["root"]]) { node: Node  any: Any  user: User  kind: Kind  open: Int }
interface Thing @join__type(graph: A) @policy(policies: [["thing"]]) { id: ID }
interface Node implements Thing @join__type(graph: A) @join__implements(graph: A, interface: "Thing") @policy(policies: [["node"]]) {
  id: ID
  name: String @policy(policies: [["name"]])
}
type User implements Node & Thing @join__type(graph: A) @join__implements(graph: A, interface: "Node") @join__implements(graph: A, interface: "Thing") {
  id: ID
  name: String
  mail: String @policy(policies: [["mail"]])
  plain: Plain
  price: [Money!]!
}
type Plain @join__type(graph: A) @policy(policies: [["plain"]]) { x: Int  user: User  kinds: [[Kind]] }
type Free @join__type(graph: A) { x: Int }
union Any @join__type(graph: A) @join__unionMember(graph: A, member: "User") @join__unionMember(graph: A, member: "Free") = User | Free
enum Kind @join__type(graph: A) @policy(policies: [["kind"]]) { X @join__enumValue(graph: A) }
scalar Money @join__type(graph: A) @policy(policies: [["money"]])
"#,
    );
    let guards = Guards::new(&graph);
    for (place, expected) in [
        ("Query.open", "root"),
        ("Query.node", "node root"),
        ("Query.user", "root"),
        ("Query.any", "root"),
        ("Query.kind", "kind root"),
        ("Query.__typename", ""),
        ("Query.__schema", ""),
        ("User.id", ""),
        ("User.__typename", ""),
        ("User.name", ""),
        ("User.mail", "mail"),
        ("User.plain", "plain"),
        ("User.price", "money"),
        ("Thing.id", "thing"),
        ("Thing.__typename", "thing"),
        ("Node.id", "node"),
        ("Node.name", "name node"),
        ("Plain.x", "plain"),
        ("Plain.user", "plain"),
        ("Plain.kinds", "kind plain"),
        ("Free.x", ""),
        ("Free.__typename", ""),
        ("Nobody.x", ""),
    ] {
        assert_eq!(needed(&guards, place), expected, "{place}");
    }
    assert!(!guards.has(&Name::new("Free").unwrap()));
}

#[test]
fn what_is_required_is_needed_by_what_is_made_of_it() {
    let graph = graph(
        r#"
type Query @join__type(graph: A) @join__type(graph: B) { item: Item @join__field(graph: A) }
interface Part @join__type(graph: A) @join__type(graph: B) { size: Int @policy(policies: [["through"]]) }
type Bolt implements Part @join__type(graph: A) @join__type(graph: B)
  @join__implements(graph: A, interface: "Part") @join__implements(graph: B, interface: "Part") { size: Int @policy(policies: [["bolt"]]) }
type Nut implements Part @join__type(graph: A) @join__type(graph: B)
  @join__implements(graph: A, interface: "Part") @join__implements(graph: B, interface: "Part") { size: Int  width: Int @policy(policies: [["width"]]) }
interface Good @join__type(graph: A, key: "id") @join__type(graph: B, key: "id", isInterfaceObject: true) {
  id: ID
  weight: Int @join__field(graph: A) @join__field(graph: B, external: true)
  freight: Int @join__field(graph: B, requires: "weight")
}
type Item implements Good @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") @join__implements(graph: A, interface: "Good") {
  id: ID
  weight: Int @join__field(graph: A) @policy(policies: [["weight"]])
  freight: Int @join__field
  price: Int @join__field(graph: A) @join__field(graph: B, external: true) @policy(policies: [["price"]])
  part: Part @join__field(graph: A) @join__field(graph: B, external: true)
  tax: Int @join__field(graph: B, requires: "price")
  total: Int @join__field(graph: A, requires: "tax") @join__field(graph: B, external: true)
  fits: Int @join__field(graph: B, requires: "part { size ... on Nut { width } }")
  circle: Int @join__field(graph: B, requires: "round")
  round: Int @join__field(graph: A, requires: "circle") @policy(policies: [["round"]])
  open: Int @join__field(graph: B)
}
"#,
    );
    let guards = Guards::new(&graph);
    for (place, expected) in [
        ("Item.tax", "price"),
        ("Item.total", "price"),
        ("Item.fits", "bolt through width"),
        ("Item.freight", "weight"),
        ("Item.circle", "round"),
        ("Item.round", "round"),
        ("Item.part", ""),
        ("Item.open", ""),
        ("Item.id", ""),
    ] {
        assert_eq!(needed(&guards, place), expected, "{place}");
    }
}

/// Levels of an abstract type must not multiply.
#[test]
fn deep_requirements_through_interfaces_cost_what_they_say() {
    let members: Vec<String> = (0..12).map(|index| format!("T{index}")).collect();
    let mut text = "type Query @join__type(graph: A) @join__type(graph: B) { t: T0 }
        interface I @join__type(graph: A) @join__type(graph: B) { i: I  x: Int }\n"
        .to_owned();
    let requires = format!("{}x{}", "i { ".repeat(12), " }".repeat(12));
    for name in &members {
        text.push_str(&format!(
            "type {name} implements I @join__type(graph: A, key: \"x\") @join__type(graph: B, key: \"x\")
               @join__implements(graph: A, interface: \"I\") @join__implements(graph: B, interface: \"I\") {{
               i: I @join__field(graph: A) @join__field(graph: B, external: true)
               x: Int
               made: Int @join__field(graph: B, requires: \"{requires}\")
             }}\n"
        ));
    }
    text.push_str("extend type T7 { secret: Int @join__field(graph: A) @policy(policies: [[\"p\"]]) }");
    let graph = graph(&text);
    let began = std::time::Instant::now();
    let guards = Guards::new(&graph);
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    assert_eq!((needed(&guards, "T7.secret").as_str(), needed(&guards, "T7.made").as_str()), ("p", ""));
}
