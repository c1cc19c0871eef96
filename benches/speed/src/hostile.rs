//! Operations that are made to be hard: each is planned, or refused, within a second.
//!
//! In: graphs in which every service has everything, and operations that multiply over them as far as the limits allow: some by hand,
//! some grown at random. Out: the slowest, and how many were refused by what.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;
use weft::diagnostic::Source;
use weft::operation::{Document, Limits, normalize};
use weft::planner::{Budget, Graph, plan};
use weft::supergraph::{Supergraph, read};

use crate::clock::Moment;
use crate::promise;
use crate::random::Random;

const PROMISED: Duration = Duration::from_secs(1);
/// How many operations are grown on each graph.
const GROWN: usize = 150;

/// Of one operation.
struct Outcome {
    took: Duration,
    what: String,
    parts: [Duration; 3],
    answer: String,
}

/// `only` names a graph, and `which` an operation.
pub(crate) fn run(only: Option<&str>, which: Option<&str>) -> bool {
    let graphs = [
        ("members", members(300, 20), by_hand(300, 20)),
        ("few_members", members(12, 30), by_hand(12, 30)),
        ("keys", keys(40), Vec::new()),
        ("requires", requires(30, 20), Vec::new()),
        ("interface_objects", interface_objects(100, 20), Vec::new()),
        ("parted", parted(60, 12), Vec::new()),
    ];
    let mut worst = Duration::ZERO;
    for (name, sdl, by_hand) in graphs {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let source = Arc::new(Source { name: format!("{name}.graphql"), text: sdl });
        let (supergraph, diagnostics) = read::supergraph(&source);
        let supergraph = supergraph.unwrap_or_else(|| panic!("{name}: {}", diagnostics[0]));
        let start = Moment::now();
        let graph = Graph::new(&supergraph);
        println!("{name}: indexed in {:.1?}", start.elapsed());
        let mut random = Random::new(1);
        let grown = (0..GROWN).map(|index| (format!("grown {index}"), grown(&supergraph.api, &mut random)));
        let operations = by_hand.into_iter().chain(grown).filter(|(what, _)| which.is_none_or(|which| which == what));
        let mut outcomes: Vec<Outcome> =
            operations.map(|(what, text)| tried(&graph, &supergraph, what, &text)).collect();
        outcomes.sort_by_key(|outcome| std::cmp::Reverse(outcome.took));
        worst = worst.max(outcomes[0].took);
        let mut answers: BTreeMap<String, usize> = BTreeMap::new();
        for outcome in &outcomes {
            let digits: &[char] = &['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
            *answers.entry(outcome.answer.replace(digits, "")).or_default() += 1;
        }
        for Outcome { took, what, parts: [parsed, normalized, planned], answer } in outcomes.iter().take(8) {
            println!("  {took:>9.1?} {what}: {parsed:.1?} + {normalized:.1?} + {planned:.1?}, {answer}");
        }
        for (answer, count) in answers {
            println!("  {count:>4} × {answer}");
        }
    }
    promise("every operation is planned or refused within", worst, PROMISED)
}

fn tried(graph: &Graph, supergraph: &Supergraph, what: String, text: &str) -> Outcome {
    let start = Moment::now();
    let mut parts = [Duration::ZERO; 3];
    let answer = (|| {
        let document = Document::parse(text, &supergraph.api, &Limits::default());
        parts[0] = start.elapsed();
        let document = document.map_err(|errors| errors[0].to_string())?;
        let operation = normalize(&document, document.operation(None).unwrap(), &|_| true);
        parts[1] = start.elapsed() - parts[0];
        let operation = operation.map_err(|error| error.to_string())?;
        let planned = plan(graph, supergraph, &operation, &Budget::default());
        parts[2] = start.elapsed() - parts[0] - parts[1];
        planned.map_err(|error| error.to_string()).map(|plan| format!("{} calls", plan.fetches.len()))
    })();
    let took = start.elapsed();
    if took > PROMISED {
        println!("  {what} takes {took:.1?}");
    }
    if let (Ok(folder), true) = (std::env::var("SLOW"), took > PROMISED / 2) {
        let _ = std::fs::write(format!("{folder}/{}.graphql", what.replace(' ', "_")), text);
    }
    Outcome { took, what, parts, answer: answer.unwrap_or_else(|error| error) }
}

fn supergraph_header(subgraphs: usize) -> String {
    let mut out = r#"schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION) { query: Query }
enum join__Graph {
"#
    .to_owned();
    for graph in 0..subgraphs {
        let _ = writeln!(out, "  G{graph} @join__graph(name: \"g{graph}\", url: \"http://g{graph}.test\")");
    }
    out.push_str("}\n");
    out
}

fn each(subgraphs: usize, part: &str) -> String {
    (0..subgraphs).map(|graph| part.replace('#', &graph.to_string())).collect()
}

/// `members` types implement an interface in each of the subgraphs; all links lead to the interface.
fn members(members: usize, subgraphs: usize) -> String {
    let each = |part: &str| each(subgraphs, part);
    let (ty, entity) = (each("@join__type(graph: G#) "), each("@join__type(graph: G#, key: \"id\") "));
    let implements = each("@join__implements(graph: G#, interface: \"I\") ");
    let mut sdl = supergraph_header(subgraphs);
    let _ = writeln!(sdl, "type Query {ty} {{ i: I u: U }}");
    let _ = writeln!(sdl, "interface I {entity} {{ id: ID! friend(n: Int): I friends: [I] v(n: Int): Int }}");
    let parts: Vec<String> = (0..members).map(|member| format!("T{member}")).collect();
    let unions: String =
        parts.iter().map(|part| each(&format!("@join__unionMember(graph: G#, member: \"{part}\") "))).collect();
    let _ = writeln!(sdl, "union U {ty} {unions} = {}", parts.join(" | "));
    for member in 0..members {
        let own = each(&format!("f#_{member}: Int @join__field(graph: G#) "));
        let home = format!("own{member}: I @join__field(graph: G{}) any{member}: U", member % subgraphs);
        let _ = writeln!(
            sdl,
            "type T{member} implements I {implements} {entity} {{ id: ID! friend(n: Int): I friends: [I] v(n: Int): Int {own} {home} }}"
        );
    }
    sdl
}

/// Each subgraph knows an entity by two keys, of which the next one knows the second.
fn keys(subgraphs: usize) -> String {
    let mut sdl = supergraph_header(subgraphs);
    let _ = writeln!(sdl, "type Query {} {{", each(subgraphs, "@join__type(graph: G#) "));
    for ty in 0..10 {
        let _ = writeln!(sdl, "  e{ty}: E{ty} @join__field(graph: G{})", ty * 3 % subgraphs);
    }
    sdl.push_str("}\n");
    for ty in 0..10 {
        let _ = write!(sdl, "type E{ty} ");
        for graph in 0..subgraphs {
            for key in [graph, (graph + 1) % subgraphs, (graph * 7 + ty) % subgraphs] {
                let _ = write!(sdl, "@join__type(graph: G{graph}, key: \"k{key} {{ a b }}\") ");
            }
        }
        sdl.push_str("{\n");
        for graph in 0..subgraphs {
            let holders: Vec<usize> = (0..subgraphs)
                .filter(|g| [*g, (g + 1) % subgraphs, (g * 7 + ty) % subgraphs].contains(&graph))
                .collect();
            let joins: String = holders.iter().map(|g| format!("@join__field(graph: G{g}) ")).collect();
            let _ = writeln!(sdl, "  k{graph}: K {joins}");
            let _ = writeln!(sdl, "  x{graph}: Int @join__field(graph: G{graph})");
            let _ = writeln!(sdl, "  to{graph}: E{} @join__field(graph: G{graph})", (ty + graph) % 10);
        }
        sdl.push_str("}\n");
    }
    let _ = writeln!(sdl, "type K {} {{ a: ID b: ID }}", each(subgraphs, "@join__type(graph: G#) "));
    sdl
}

/// Each subgraph computes a field from those of two before it, and every entity links to all others.
fn requires(subgraphs: usize, types: usize) -> String {
    let mut sdl = supergraph_header(subgraphs);
    let _ =
        writeln!(sdl, "type Query {} {{ e0: E0 @join__field(graph: G0) }}", each(subgraphs, "@join__type(graph: G#) "));
    for ty in 0..types {
        let _ = writeln!(sdl, "type E{ty} {} {{\n  id: ID!", each(subgraphs, "@join__type(graph: G#, key: \"id\") "));
        for graph in 0..subgraphs {
            let needs = match graph {
                0 => String::new(),
                1 => ", requires: \"r0\"".to_owned(),
                _ if graph % 5 == 0 => {
                    format!(
                        ", requires: \"r{} to{} {{ r{} }} n {{ e {{ r{} }} }}\"",
                        graph - 1,
                        graph % types,
                        graph / 2,
                        graph - 2
                    )
                }
                _ => format!(", requires: \"r{} r{}\"", graph - 1, graph - 2),
            };
            let external: String =
                (graph + 1..subgraphs).map(|other| format!("@join__field(graph: G{other}, external: true) ")).collect();
            let _ = writeln!(sdl, "  r{graph}: Int @join__field(graph: G{graph}{needs}) {external}");
            let _ = writeln!(sdl, "  x{graph}: Int @join__field(graph: G{graph})");
        }
        for other in 0..types {
            let _ = writeln!(sdl, "  to{other}: E{other} @join__field(graph: G{})", (ty + other) % subgraphs);
        }
        let _ = writeln!(sdl, "  n: N @join__field(graph: G{})\n}}", ty % subgraphs);
    }
    let _ = writeln!(sdl, "type N {} {{ e: E0 }}", each(subgraphs, "@join__type(graph: G#) "));
    sdl
}

/// One subgraph has the members of an interface; the others know it as an object, and add a field each.
fn interface_objects(members: usize, subgraphs: usize) -> String {
    let mut sdl = supergraph_header(subgraphs);
    let _ = writeln!(sdl, "type Query {} {{ i: I }}", each(subgraphs, "@join__type(graph: G#) "));
    let objects: String =
        (1..subgraphs).map(|g| format!("@join__type(graph: G{g}, key: \"id\", isInterfaceObject: true) ")).collect();
    let fields: String = (1..subgraphs)
        .map(|g| format!("x{g}: Int @join__field(graph: G{g}) to{g}: I @join__field(graph: G{g}) "))
        .collect();
    let _ = writeln!(
        sdl,
        "interface I @join__type(graph: G0, key: \"id\") {objects} {{ id: ID! friend: I @join__field(graph: G0) {fields} }}"
    );
    for member in 0..members {
        let _ = writeln!(
            sdl,
            "type T{member} implements I @join__implements(graph: G0, interface: \"I\") @join__type(graph: G0, key: \"id\")
             {{ id: ID! friend: I @join__field(graph: G0) own{member}: I @join__field(graph: G0) {} }}",
            fields.split("@join__field").map(|part| part.split_once(')').map_or(part, |(_, rest)| rest)).collect::<Vec<_>>().join("@join__field")
        );
    }
    sdl
}

/// An interface whose members are spread over the subgraphs: each subgraph has some of them, and other fields of each.
fn parted(members: usize, subgraphs: usize) -> String {
    let mut sdl = supergraph_header(subgraphs);
    let _ = writeln!(sdl, "type Query {} {{", each(subgraphs, "@join__type(graph: G#) "));
    for graph in 0..subgraphs {
        let _ = writeln!(sdl, "  i{graph}: I @join__field(graph: G{graph})");
    }
    let links: String = (0..subgraphs).map(|g| format!("to{g}: I @join__field(graph: G{g}) ")).collect();
    let _ = writeln!(sdl, "}}\ninterface I {} {{ id: ID! {links} }}", each(subgraphs, "@join__type(graph: G#) "));
    for member in 0..members {
        let has = |graph: usize| !(graph + member).is_multiple_of(3);
        let entity: String = (0..subgraphs)
            .filter(|graph| has(*graph))
            .map(|g| format!("@join__implements(graph: G{g}, interface: \"I\") @join__type(graph: G{g}, key: \"id\") "))
            .collect();
        let own: String = (0..subgraphs)
            .map(|graph| match has(graph) {
                true => {
                    format!("x{graph}: Int @join__field(graph: G{graph}) to{graph}: I @join__field(graph: G{graph}) ")
                }
                false => {
                    let other = (graph + 1) % subgraphs;
                    format!("to{graph}: I @join__field(graph: G{other}) ")
                }
            })
            .collect();
        let _ = writeln!(sdl, "type T{member} implements I {entity} {{ id: ID! {own} }}");
    }
    sdl
}

/// Operations on [`members`].
fn by_hand(members: usize, subgraphs: usize) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut fragments = String::new();
    let mut spreads = String::new();
    for index in 0..600 {
        let member = index % members;
        let _ = write!(spreads, "...F{index} ");
        let _ = write!(fragments, "fragment F{index} on T{member}{{f{}_{member}}} ", index % subgraphs);
    }
    all.push(("fragments".to_owned(), format!("{{ i {{ {spreads} }} }} {fragments}")));
    let mut add = |what: String, inner: String| all.push((what, format!("{{ i {{ {inner} }} }}")));
    let chain = |levels: usize, open: &str| format!("{} id {}", open.repeat(levels), "}".repeat(levels));
    for levels in [10, 30, 58] {
        add(format!("deep {levels}"), chain(levels, "friend { v "));
    }
    for levels in [8, 16, 22, 27] {
        add(format!("branch {levels}"), chain(levels, "friend { ...on T0 { v } "));
        add(format!("branch twice {levels}"), chain(levels, "friend { ...on T0 { v } ...on T1 { id } "));
        add(format!("branch apart {levels}"), chain(levels, "friend { ...on T0 { f0_0 } "));
    }
    for levels in [6, 8, 9, 10] {
        let mut text = "id".to_owned();
        for _ in 0..levels {
            text = format!("friend {{ v {text} }} friends {{ {text} }}");
        }
        add(format!("two {levels}"), text);
    }
    for levels in 2..8 {
        let mut text = "v".to_owned();
        for level in 0..levels {
            text = format!(
                "friend {{ {text} }} ...on T{level} {{ friend {{ {text} }} }} ...on T{} {{ friends {{ {text} }} }}",
                level + 1
            );
        }
        add(format!("overlap {levels}"), text);
    }
    for levels in [4, 8, 15, 29] {
        let open: String =
            (0..levels).map(|level| format!("...on T{level} {{ own{level} {{ ", level = level % members)).collect();
        add(format!("own {levels}"), format!("{open} v {}", "}}".repeat(levels)));
    }
    for levels in 1..10 {
        let fields: String = (0..subgraphs).map(|graph| format!("f{graph}_1 ")).collect();
        let mut text = "v".to_owned();
        for _ in 0..levels {
            text = format!("...on T1 {{ {fields} own1 {{ {text} }} }}");
        }
        add(format!("alternate {levels}"), text);
    }
    for ways in [2, 3, 4, 8] {
        for levels in 2..7 {
            let mut text = "v".to_owned();
            for level in 0..levels {
                text = (0..ways)
                    .map(|way| {
                        let member = (level * ways + way) % members;
                        format!("...on T{member} {{ own{member} {{ {text} }} }} ")
                    })
                    .collect();
                if text.len() > 40_000 {
                    break;
                }
            }
            if text.len() < 32_000 {
                add(format!("ways {ways} {levels}"), text);
            }
        }
    }
    for each in [1, 4, 16] {
        let mut text = String::new();
        'full: for member in 0..members {
            for graph in 0..each.min(subgraphs) {
                let graph = (graph + member) % subgraphs;
                let _ = write!(text, "...on T{member}{{f{graph}_{member}}} ");
                if text.len() > 31_000 {
                    break 'full;
                }
            }
        }
        add(format!("wide {each}"), text);
        let mut text = String::new();
        for member in 0..members.min(1_200 / each) {
            let graph = member % subgraphs;
            let _ = write!(text, "...on T{member}{{f{graph}_{member} friend{{v}}}}");
        }
        for _ in 0..each {
            text = format!("friend{{v friends{{id}} {text}}}");
        }
        add(format!("wide below {each}"), text);
    }
    {
        let aliases = 29;
        let text: String = (0..aliases)
            .map(|alias| {
                format!(
                    "a{alias}: friend(n: {alias}) {{ ...on T{alias} {{ f{alias}_{alias} }} id }} ",
                    alias = alias % members.min(subgraphs)
                )
            })
            .collect();
        add(format!("aliases {aliases}"), text);
        let text: String = (0..aliases)
            .map(|alias| {
                let open = format!("...on T{m} {{ own{m} {{ ", m = alias % members);
                format!("a{alias}: friend {{ {} v {} }} ", open.repeat(6), "}}".repeat(6))
            })
            .collect();
        add(format!("aliases deep {aliases}"), text);
    }
    let unions = |levels: usize| {
        let mut text = "__typename".to_owned();
        for level in 0..levels {
            text = format!(
                "...on T{m} {{ any{m} {{ {text} ...on T{n} {{ f0_{n} }} }} }}",
                m = level % members,
                n = (level + 1) % members
            );
        }
        text
    };
    add("unions 12".to_owned(), unions(12));
    let many: String =
        (0..members.min(120)).map(|m| format!("...on T{m}{{any{m}{{...on T{m}{{own{m}{{v}}}}}}}}")).collect();
    add("unions wide".to_owned(), many);
    all
}

/// A selection that grows wherever it is cheap to write: the same few fields again and again, on other types, at other levels.
fn grown(schema: &Schema, random: &mut Random) -> String {
    let target = 200 + random.below(1_500);
    let levels = 3 + random.below(25);
    let (deep, members) = (20 + random.below(70) as u64, random.below(90) as u64);
    let mut written = 0;
    let mut out = "{".to_owned();
    for _ in 0..15 {
        if written >= target || out.len() > 30_000 {
            break;
        }
        let before = out.len();
        grow(schema, "Query", random, levels, (deep, members), &mut written, target, &mut out);
        if out.len() == before {
            break;
        }
    }
    out.push('}');
    out
}

#[expect(clippy::too_many_arguments, reason = "what a growing selection depends on")]
fn grow(
    schema: &Schema,
    type_name: &str,
    random: &mut Random,
    levels: usize,
    (deep, members): (u64, u64),
    written: &mut usize,
    target: usize,
    out: &mut String,
) {
    let Some(ty) = schema.types.get(type_name) else { return };
    if ty.is_union() || (ty.is_interface() && random.chance(members)) {
        let of: Vec<&str> = match ty {
            ExtendedType::Union(union) => union.members.iter().map(|member| member.name.as_str()).collect(),
            _ => {
                let objects = schema.types.values().filter_map(ExtendedType::as_object);
                objects.filter(|o| o.implements_interfaces.contains(type_name)).map(|o| o.name.as_str()).collect()
            }
        };
        let member = of[random.below(of.len())];
        let _ = write!(out, "...on {member}{{");
        grow(schema, member, random, levels, (deep, members), written, target, out);
        out.push('}');
        return;
    }
    let none = Default::default();
    let fields = match ty {
        ExtendedType::Object(object) => &object.fields,
        ExtendedType::Interface(interface) => &interface.fields,
        _ => &none,
    };
    let is_leaf = |name: &str| schema.types.get(name).is_none_or(|ty| ty.is_scalar() || ty.is_enum());
    let fits = |leaf: bool| {
        fields.values().filter(move |field| is_leaf(field.ty.inner_named_type()) == leaf).collect::<Vec<_>>()
    };
    let (leaves, objects) = (fits(true), fits(false));
    let goes_down = levels > 0 && !objects.is_empty() && (leaves.is_empty() || random.chance(deep));
    *written += 1;
    if !goes_down {
        match leaves.is_empty() {
            true => out.push_str("__typename "),
            false => drop(write!(out, "{} ", leaves[random.below(leaves.len())].name)),
        }
        return;
    }
    let field = objects[random.below(objects.len())];
    let _ = write!(out, "{}{{", field.name);
    let parts = 1 + random.below(6);
    for index in 0..parts {
        if index == 0 || (*written < target && out.len() < 30_000) {
            grow(schema, field.ty.inner_named_type(), random, levels - 1, (deep, members), written, target, out);
        }
    }
    out.push('}');
}
