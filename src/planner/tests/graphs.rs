//! Random supergraphs for the oracle: entities with one key or two, value types, an interface, a union, an interface object, shared,
//! required and provided fields, spread over a few subgraphs.

use std::fmt::Write;
use std::panic::AssertUnwindSafe;

use super::oracle::compare;
use super::random::{Random, operation};
use super::{Graph, PlanError, plan_text, reachable, supergraph};
use crate::operation::{Document, Limits, normalize};

const ENTITIES: usize = 4;
const VALUES: usize = 2;

struct Field {
    name: String,
    ty: String,
    /// Per subgraph: absent, or the directive's arguments.
    joins: Vec<Option<String>>,
}

struct Maker {
    random: Random,
    subgraphs: usize,
}

impl Maker {
    fn some(&mut self, of: u32) -> u32 {
        let all: Vec<usize> = (0..self.subgraphs).filter(|s| of & (1 << s) != 0).collect();
        let sure = all[self.random.below(all.len())];
        all.into_iter().filter(|s| *s == sure || self.random.below(3) == 0).fold(0, |set, s| set | (1 << s))
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.random.below(one_in) == 0
    }
}

fn join_type(graph: usize, rest: &str) -> String {
    format!(" @join__type(graph: G{graph}{rest})")
}

fn print(out: &mut String, fields: &[Field]) {
    out.push_str(" {\n");
    for field in fields {
        let _ = write!(out, "  {}: {}", field.name, field.ty);
        if field.joins.iter().all(Option::is_none) {
            // An interface object gives it.
            out.push_str(" @join__field");
        }
        for (graph, join) in field.joins.iter().enumerate() {
            if let Some(rest) = join {
                let _ = write!(out, " @join__field(graph: G{graph}{rest})");
            }
        }
        out.push('\n');
    }
    out.push_str("}\n");
}

/// Whether a graph can answer all that it declares.
#[derive(Clone, Copy, PartialEq)]
enum Reach {
    /// Every entity can be entered everywhere, and value types are whole wherever they are.
    Everything,
    /// Some keys cannot be entered, and value types are split.
    Something,
}

/// The text of a supergraph.
fn graph(seed: u64, reach: Reach) -> String {
    let mut random = Random(seed);
    let subgraphs = 2 + random.below(3);
    let mut maker = Maker { random, subgraphs };
    let every = (1u32 << subgraphs) - 1;
    let has = |set: u32, graph: usize| set & (1 << graph) != 0;
    let mut out = String::from(
        "schema @link(url: \"https://specs.apollo.dev/link/v1.0\") @link(url: \"https://specs.apollo.dev/join/v0.5\", for: EXECUTION) { query: Query }\nenum join__Graph {",
    );
    (0..subgraphs).for_each(|s| write!(out, " G{s} @join__graph(name: \"g{s}\", url: \"http://g{s}.test\")").unwrap());
    out.push_str(" }\n");

    // Where types are.
    let entities: Vec<u32> = (0..ENTITIES).map(|_| maker.some(every) | maker.some(every)).collect();
    let values: Vec<u32> = (0..VALUES).map(|_| maker.some(every) | maker.some(every)).collect();
    // E0 and E1 implement an interface wherever they are; one subgraph without either may see it as an object.
    let members = entities[0] | entities[1];
    let object_in = (0..subgraphs).find(|s| !has(members, *s)).filter(|_| maker.chance(2));
    // Its owner has both, or it cannot tell the type of all.
    let owners: u32 = entities[0] & entities[1];
    let object_in = object_in.filter(|_| owners != 0);

    // (name, where it is known)
    let mut targets: Vec<(String, u32)> = (0..ENTITIES).map(|e| (format!("E{e}"), entities[e])).collect();
    targets.extend((0..VALUES).map(|v| (format!("V{v}"), values[v])));
    targets.push(("I".to_owned(), members | object_in.map_or(0, |s| 1 << s)));
    targets.push(("U".to_owned(), entities[1] | entities[2]));
    let with_root = maker.chance(3);
    if with_root {
        targets.push(("Query".to_owned(), every));
    }

    let mut defined: Vec<(String, u32, Vec<Field>)> = Vec::new();
    for (index, set) in entities.iter().chain(&values).copied().enumerate() {
        let is_entity = index < ENTITIES;
        let name = if is_entity { format!("E{index}") } else { format!("V{}", index - ENTITIES) };
        let mut fields = Vec::new();
        if is_entity {
            let joins = (0..subgraphs).map(|s| has(set, s).then(String::new)).collect();
            fields.push(Field { name: "id".to_owned(), ty: "ID!".to_owned(), joins });
        }
        for scalar in 0..4 {
            let is_whole = reach == Reach::Everything && !is_entity;
            let holders = if is_whole { set } else { maker.some(set) };
            let joins = (0..subgraphs).map(|s| has(holders, s).then(String::new)).collect();
            let ty = ["Int", "String", "[Int]", "String!"][scalar].to_owned();
            fields.push(Field { name: format!("s{scalar}"), ty, joins });
        }
        for link in 0..3 {
            let (target, known) = targets[maker.random.below(targets.len())].clone();
            if set & known == 0 {
                continue;
            }
            let is_whole = reach == Reach::Everything && !is_entity;
            if is_whole && set & !known != 0 {
                continue;
            }
            let holders = if is_whole { set } else { maker.some(set & known) };
            let joins = (0..subgraphs).map(|s| has(holders, s).then(String::new)).collect();
            let ty = if maker.chance(3) { format!("[{target}!]") } else { target };
            fields.push(Field { name: format!("l{link}"), ty, joins });
        }
        if is_entity {
            // Required fields: of a scalar that is elsewhere.
            for required in 0..2 {
                let source = 1 + maker.random.below(4);
                let Some(graph) = (0..subgraphs).find(|s| has(set, *s) && fields[source].joins[*s].is_none()) else {
                    continue;
                };
                fields[source].joins[graph] = Some(", external: true".to_owned());
                let scalar = fields[source].name.clone();
                let joins = (0..subgraphs).map(|s| (s == graph).then(|| format!(", requires: \"{scalar}\""))).collect();
                fields.push(Field { name: format!("r{required}"), ty: "Int".to_owned(), joins });
            }
        }
        defined.push((name, set, fields));
    }
    // Provided fields: a link to an entity brings an external scalar along.
    for owner in 0..defined.len() {
        for field in 0..defined[owner].2.len() {
            let target = defined[owner].2[field].ty.trim_matches(['[', ']', '!']).to_owned();
            let Some(entity) = defined.iter().position(|(name, ..)| *name == target && name.starts_with('E')) else {
                continue;
            };
            let Some(graph) = (0..subgraphs).find(|s| defined[owner].2[field].joins[*s].as_deref() == Some("")) else {
                continue;
            };
            if maker.chance(2) && defined[entity].2[2].joins[graph].is_none() && entity != owner {
                defined[entity].2[2].joins[graph] = Some(", external: true".to_owned());
                defined[owner].2[field].joins[graph] = Some(", provides: \"s1\"".to_owned());
            } else if maker.chance(2) && entity != owner {
                let external = defined[entity].2[2].joins[graph].as_deref() == Some(", external: true");
                if external {
                    defined[owner].2[field].joins[graph] = Some(", provides: \"s1\"".to_owned());
                }
            }
        }
    }
    // The interface and its object.
    let given = Field { name: "given".to_owned(), ty: "Int".to_owned(), joins: vec![None; subgraphs] };
    for (index, (name, set, fields)) in defined.iter_mut().enumerate() {
        let _ = write!(out, "type {name}");
        if index < 2 {
            out.push_str(" implements I");
            (0..subgraphs)
                .filter(|s| has(*set, *s))
                .for_each(|s| write!(out, " @join__implements(graph: G{s}, interface: \"I\")").unwrap());
            if object_in.is_some() {
                fields.push(Field { name: given.name.clone(), ty: given.ty.clone(), joins: given.joins.clone() });
            }
        }
        for graph in (0..subgraphs).filter(|s| has(*set, *s)) {
            let rest = match (index < ENTITIES, maker.random.below(6)) {
                (true, 0) if reach == Reach::Something => ", key: \"id\", resolvable: false",
                (true, _) => ", key: \"id\"",
                _ => "",
            };
            // Who owns the interface can be entered by it.
            let is_owner = index < 2 && object_in.is_some() && has(owners, graph);
            out.push_str(&join_type(graph, if is_owner { ", key: \"id\"" } else { rest }));
        }
        print(&mut out, fields);
    }
    out.push_str("interface I");
    for graph in (0..subgraphs).filter(|s| has(members, *s)) {
        let is_owner = object_in.is_some() && has(owners, graph);
        out.push_str(&join_type(graph, if is_owner { ", key: \"id\"" } else { "" }));
    }
    let mut own = vec![Field {
        name: "id".to_owned(),
        ty: "ID!".to_owned(),
        joins: (0..subgraphs).map(|s| (has(members, s) || object_in == Some(s)).then(String::new)).collect(),
    }];
    if let Some(graph) = object_in {
        out.push_str(&join_type(graph, ", key: \"id\", isInterfaceObject: true"));
        let joins = (0..subgraphs).map(|s| (s == graph).then(String::new)).collect();
        own.push(Field { name: "given".to_owned(), ty: "Int".to_owned(), joins });
    }
    print(&mut out, &own);
    out.push_str("union U");
    for graph in 0..subgraphs {
        if has(entities[1] | entities[2], graph) {
            out.push_str(&join_type(graph, ""));
        }
        for member in [1, 2].into_iter().filter(|member| has(entities[*member], graph)) {
            let _ = write!(out, " @join__unionMember(graph: G{graph}, member: \"E{member}\")");
        }
    }
    out.push_str(" = E1 | E2\n");
    // The root.
    out.push_str("type Query");
    (0..subgraphs).for_each(|s| out.push_str(&join_type(s, "")));
    let mut roots = Vec::new();
    for (index, (target, known)) in targets.iter().filter(|(target, _)| target != "Query").enumerate() {
        let holders = maker.some(*known);
        let joins = (0..subgraphs).map(|s| has(holders, s).then(String::new)).collect();
        let ty = if index % 2 == 0 { target.clone() } else { format!("[{target}]") };
        roots.push(Field { name: format!("q{index}"), ty, joins });
    }
    print(&mut out, &roots);
    out
}

#[test]
fn random_graphs_answer_as_if_unsplit() {
    let count: u64 = std::env::var("RANDOM_GRAPHS").ok().and_then(|text| text.parse().ok()).unwrap_or(16);
    let only: Option<u64> = std::env::var("SEED").ok().and_then(|text| text.parse().ok());
    let (mut answered, mut refused) = (0, 0);
    for seed in 0..count {
        if only.is_some_and(|only| only != seed) {
            continue;
        }
        let reach = if seed % 2 == 0 { Reach::Everything } else { Reach::Something };
        let sdl = graph(seed * 7_368_787 + 3, reach);
        let supergraph = supergraph(&sdl);
        for query in 0..8 {
            let text = operation(&supergraph.api, (seed * 8 + query) * 5 * 15_485_863 + 11);
            match plan_text(&supergraph, &text) {
                Err(PlanError::Unreachable { .. }) if reach == Reach::Something => {
                    refused += 1;
                    let graph = Graph::new(&supergraph);
                    let document = Document::parse(&text, &supergraph.api, &Limits::default()).unwrap();
                    let operation = normalize(&document, document.operation(None).unwrap(), &|_| true).unwrap();
                    let root = graph.sym(&operation.root_type).unwrap();
                    let answerable = reachable::is_answerable(&graph, root, &operation.selection);
                    assert!(!answerable, "seed {seed}: refused, but there is a way\n{text}\n{sdl}");
                }
                Err(error) => panic!("seed {seed}: {error}\n{text}\n{sdl}"),
                Ok(_) => {
                    let compared = std::panic::catch_unwind(AssertUnwindSafe(|| {
                        compare(&supergraph, &text, &format!("seed {seed}"))
                    }));
                    assert!(compared.is_ok(), "seed {seed}\n{text}\n{sdl}");
                    answered += usize::from(compared.is_ok_and(|compared| compared));
                }
            }
        }
    }
    println!("{answered} answered, {refused} refused");
    assert!(answered > count as usize, "{answered} answered, {refused} refused");
}
