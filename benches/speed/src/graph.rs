//! A large graph as many teams would write it: entities with a home, with fields of other teams and links to each other.

use std::fmt::Write;
use std::sync::Arc;

use weft::compose::{Fragment, compose};
use weft::diagnostic::Source;
use weft::supergraph::Supergraph;

use crate::random::Random;

const HEADER: &str = "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.9\", \
     import: [\"@key\", \"@external\", \"@requires\", \"@provides\", \"@shareable\", \"@inaccessible\", \"@tag\"])\n";

/// The texts of `fragments` fragments with `types` entities between them, and a fifth as many interfaces, unions, values and inputs.
pub(crate) fn texts(types: usize, fragments: usize, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    let mut bodies = vec![String::new(); fragments];
    let mut roots = vec![String::new(); fragments];
    // Types that a fragment only points at.
    let mut stubs: Vec<Vec<usize>> = vec![Vec::new(); fragments];
    let mut own: Vec<Vec<usize>> = vec![Vec::new(); fragments];
    for ty in 0..types {
        let home = ty % fragments;
        own[home].push(ty);
        for _ in 0..2 {
            let other = random.below(fragments);
            if !own[other].contains(&ty) {
                own[other].push(ty);
            }
        }
    }
    for (fragment, owned) in own.iter().enumerate() {
        for ty in owned {
            let is_home = ty % fragments == fragment;
            let out = &mut bodies[fragment];
            let mut links: Vec<usize> = (0..2).map(|_| random.below(types)).collect();
            links.dedup();
            let implements = if is_home && ty % 5 == 0 { format!(" implements I{fragment}") } else { String::new() };
            let second = if is_home && ty % 3 == 0 { " @key(fields: \"code\")" } else { "" };
            let _ = writeln!(out, "\"An entity.\"\ntype T{ty}{implements} @key(fields: \"id\"){second} {{\n  id: ID!");
            if is_home {
                let _ = writeln!(out, "  code: String!\n  name: String @shareable\n  size: Int!\n  tags: [String!]!");
                let _ = writeln!(
                    out,
                    "  \"Is never what it was.\"\n  state: State{}\n  place: Place @shareable",
                    fragment % 7
                );
            } else if random.chance(30) {
                let _ = writeln!(out, "  name: String @shareable");
            } else if random.chance(30) {
                let _ = writeln!(out, "  size: Int! @external\n  weight{fragment}: Float @requires(fields: \"size\")");
            }
            for field in 0..3 {
                let _ = writeln!(out, "  f{fragment}_{field}(first: Int = 10, filter: Filter{}): String", fragment % 7);
            }
            for link in links {
                let list = if random.chance(40) { format!("[T{link}!]") } else { format!("T{link}") };
                let _ = writeln!(out, "  to{link}_{fragment}: {list}");
                if !own[fragment].contains(&link) && !stubs[fragment].contains(&link) {
                    stubs[fragment].push(link);
                }
            }
            if is_home {
                let _ = writeln!(roots[fragment], "  t{ty}(id: ID!): T{ty}\n  allT{ty}(first: Int): [T{ty}!]!");
            }
            out.push_str("}\n");
        }
    }
    for fragment in 0..fragments {
        let out = &mut bodies[fragment];
        for stub in &stubs[fragment] {
            let _ = writeln!(out, "type T{stub} @key(fields: \"id\", resolvable: false) {{ id: ID! }}");
        }
        let homes: Vec<usize> = own[fragment].iter().copied().filter(|ty| ty % fragments == fragment).collect();
        let implementers = homes.iter().filter(|ty| *ty % 5 == 0).count();
        let _ = writeln!(out, "type Place @shareable {{ x: Float! y: Float! label: String }}");
        let _ = writeln!(out, "enum State{} {{ OPEN CLOSED PENDING }}", fragment % 7);
        let _ = writeln!(out, "input Filter{} {{ text: String, min: Int, max: Int = 100, in: [ID!] }}", fragment % 7);
        if implementers > 0 {
            let _ = writeln!(out, "interface I{fragment} {{ id: ID! code: String! name: String place: Place }}");
            let _ = writeln!(roots[fragment], "  i{fragment}: [I{fragment}]");
        }
        if homes.len() > 1 {
            let members: Vec<String> = homes.iter().map(|ty| format!("T{ty}")).collect();
            let _ = writeln!(out, "union U{fragment} = {}", members.join(" | "));
            let _ = writeln!(roots[fragment], "  u{fragment}: [U{fragment}]");
        }
        let _ = writeln!(roots[fragment], "  place{fragment}: Place");
    }
    let texts = bodies.iter().zip(&roots);
    texts.map(|(body, root)| format!("{HEADER}\n{body}\ntype Query {{\n{root}}}\n")).collect()
}

pub(crate) fn fragments(texts: &[String]) -> Vec<Fragment> {
    let fragment = |(index, text): (usize, &String)| {
        let source = Source { name: format!("s{index}.graphql"), text: text.clone() };
        Fragment { name: format!("s{index}"), source: Arc::new(source), url: Some(format!("http://s{index}.test")) }
    };
    texts.iter().enumerate().map(fragment).collect()
}

pub(crate) fn composed(fragments: &[Fragment]) -> Supergraph {
    let (supergraph, diagnostics) = compose(fragments);
    supergraph.unwrap_or_else(|| panic!("{}", diagnostics.iter().take(5).map(|d| d.to_string()).collect::<String>()))
}
