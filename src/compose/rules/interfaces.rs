//! Every implementation has, in the graph, what the graph's interface promises.

use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Schema};

use crate::compose::subgraph::Subgraph;
use crate::diagnostic::Diagnostic;

pub(super) fn check(subgraphs: &[Subgraph], document: &Schema, out: &mut Vec<Diagnostic>) {
    for (name, ty) in &document.types {
        let (interfaces, fields) = match ty {
            ExtendedType::Object(t) => (&t.implements_interfaces, &t.fields),
            ExtendedType::Interface(t) => (&t.implements_interfaces, &t.fields),
            _ => continue,
        };
        for interface in interfaces {
            let Some(promised) = document.get_interface(interface) else { continue };
            for above in promised.implements_interfaces.iter().filter(|above| !interfaces.contains(*above)) {
                lacks_interface(subgraphs, name, interface, above, out);
            }
            for field in promised.fields.keys().filter(|field| !fields.contains_key(*field)) {
                let message = format!(
                    "`{interface}.{field}` is a field of the interface, and `{name}`, which implements it, lacks it."
                );
                let mut error = Diagnostic::error("INTERFACE_FIELD_NO_IMPLEM", message);
                for subgraph in subgraphs {
                    let own = subgraph.fields(interface).and_then(|fields| fields.get(field));
                    let implements = subgraph.facts.implementers.get(&interface.name).is_some_and(|i| i.contains(name));
                    if let Some(own) = own {
                        error = error.at(subgraph.at_name(&own.name), "promised here");
                    } else if implements && let Some(ty) = subgraph.schema.types.get(name) {
                        error = error.at(subgraph.at_name(ty.name()), "implements it here");
                    }
                }
                out.push(error.help(format!("Add the field to `{name}` in a fragment that can resolve it.")));
            }
        }
    }
}

/// An interface that one fragment puts below another: its implementations elsewhere know nothing of that.
fn lacks_interface(subgraphs: &[Subgraph], name: &Name, interface: &Name, above: &Name, out: &mut Vec<Diagnostic>) {
    let message = format!(
        "`{name}` implements `{interface}`, which implements `{above}` in the graph; so `{name}` must implement `{above}` too."
    );
    let mut error = Diagnostic::error("INVALID_GRAPHQL", message);
    let implements = |subgraph: &Subgraph, ty: &Name, other: &Name| match subgraph.schema.types.get(ty) {
        Some(ExtendedType::Object(t)) => t.implements_interfaces.contains(other),
        Some(ExtendedType::Interface(t)) => t.implements_interfaces.contains(other),
        _ => false,
    };
    for (ty, other) in [(name, interface), (interface, above)] {
        let first = subgraphs.iter().find(|subgraph| implements(subgraph, ty, other));
        if let Some((subgraph, ty)) = first.and_then(|s| Some((s, s.schema.types.get(ty)?))) {
            error = error.at(subgraph.at_name(ty.name()), format!("implements `{other}` here"));
        }
    }
    out.push(error.help(format!("Let `{name}` implement `{above}` in the fragment that defines it.")));
}
