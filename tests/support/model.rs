//! The model of a graph as text: two graphs with the same text are the same graph.

use std::fmt::Write;

use weft::supergraph::{EntityKey, Subgraph, SubgraphField, SubgraphType, Supergraph};

/// Everything that the model knows, but for the places where it was written. Nothing can be added to the model and be
/// forgotten here.
pub fn text(supergraph: &Supergraph) -> String {
    let Supergraph { subgraphs, schema, api: _, access, sdl: _ } = supergraph;
    let mut text = String::new();
    for subgraph in subgraphs {
        let Subgraph { name, url, kind, schema, types, resolvers, connectors, timeout_ms } = subgraph;
        writeln!(text, "{name} {url:?} {kind:?} {timeout_ms:?}").unwrap();
        for (name, ty) in types {
            let SubgraphType { keys, is_interface_object, policy, fields } = ty;
            writeln!(text, "{name}: {is_interface_object} {policy:?}").unwrap();
            for EntityKey { fields, resolvable } in keys {
                writeln!(text, "  key {fields} {resolvable}").unwrap();
            }
            for (name, field) in fields {
                write_field(&mut text, name, field);
            }
        }
        for resolver in resolvers {
            writeln!(text, "{} {} {:?}", resolver.type_name, resolver.key, resolver.via).unwrap();
        }
        for c in connectors {
            let headers: Vec<&str> = c.headers.iter().map(|header| header.name.as_str()).collect();
            writeln!(text, "{}.{} {} {headers:?} {:?}", c.type_name, c.field_name, c.method, c.batch_max).unwrap();
        }
        writeln!(text, "{schema}").unwrap();
    }
    writeln!(text, "{access:?}\n{schema}\n{}", supergraph.print_api()).unwrap();
    text
}

fn write_field(text: &mut String, name: &str, field: &SubgraphField) {
    let SubgraphField { external, requires, required_arguments, provides, overridden, connector, policy } = field;
    let requires = requires.as_ref().map(ToString::to_string);
    let provides = provides.as_ref().map(ToString::to_string);
    writeln!(
        text,
        "  {name}: {external} {overridden} {requires:?} {provides:?} {required_arguments:?} {connector:?} {policy:?}"
    )
    .unwrap();
}
