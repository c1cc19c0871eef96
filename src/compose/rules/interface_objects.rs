//! `@interfaceObject`: an entity that stands for an interface that other fragments know.

use apollo_compiler::Schema;
use apollo_compiler::collections::HashMap;
use apollo_compiler::schema::ExtendedType;

use crate::compose::directives::Known;
use crate::compose::subgraph::Subgraph;
use crate::diagnostic::Diagnostic;

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    for (name, ty) in &subgraph.schema.types {
        let Some(applied) = subgraph.first(ty.directives(), Known::InterfaceObject) else { continue };
        if subgraph.facts.keys_of(name).next().is_none() {
            let message = format!("`{name}` is an `@interfaceObject` without a `@key`.");
            out.push(
                Diagnostic::error("INTERFACE_OBJECT_USAGE_ERROR", message)
                    .at(subgraph.at(applied), "")
                    .help("Give it the key that the interface has where it is defined."),
            );
        }
    }
}

pub(super) fn check_graph(subgraphs: &[Subgraph], document: &Schema, out: &mut Vec<Diagnostic>) {
    // Interface → its implementations in the graph.
    let mut implementations: HashMap<&str, Vec<&str>> = HashMap::default();
    for (name, ty) in &document.types {
        if let ExtendedType::Object(object) = ty {
            for interface in &object.implements_interfaces {
                implementations.entry(interface.as_str()).or_default().push(name.as_str());
            }
        }
    }
    let defined = |name: &str| subgraphs.iter().any(|s| s.schema.get_interface(name).is_some());
    for subgraph in subgraphs {
        for (name, ty) in subgraph.schema.types.iter().filter(|(_, ty)| ty.is_object()) {
            let Some(applied) = subgraph.first(ty.directives(), Known::InterfaceObject) else { continue };
            if !defined(name) {
                let message = format!("`{name}` is an `@interfaceObject`, and no fragment defines it as an interface.");
                out.push(
                    Diagnostic::error("INTERFACE_OBJECT_USAGE_ERROR", message).at(subgraph.at(applied), "").help(
                        "Define the interface where its implementations are known, or remove `@interfaceObject`.",
                    ),
                );
            }
            for object in implementations.get(name.as_str()).into_iter().flatten() {
                if let Some(own) = subgraph.schema.types.get(*object) {
                    let message = format!(
                        "`{name}` stands for the interface here, so `{object}`, which implements it, has no place here."
                    );
                    out.push(
                        Diagnostic::error("INTERFACE_OBJECT_USAGE_ERROR", message)
                            .at(subgraph.at_name(own.name()), "")
                            .at(subgraph.at(applied), "")
                            .help(
                                "Move the type's fields to the interface object, or define the interface itself here.",
                            ),
                    );
                }
            }
        }
    }
}
