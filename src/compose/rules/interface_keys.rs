//! `@key` on an interface promises that the fragment can tell any implementation of the graph by its key.

use apollo_compiler::Schema;
use apollo_compiler::collections::HashMap;
use apollo_compiler::schema::ExtendedType;

use crate::compose::directives::Known;
use crate::compose::facts::Application;
use crate::compose::subgraph::Subgraph;
use crate::diagnostic::Diagnostic;

/// Every implementation of the fragment has the interface's keys, and can be asked for by those that the interface can.
pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    if let Some(minor) = subgraph.names.federation.filter(|minor| *minor < 3) {
        for (name, ty) in subgraph.schema.types.iter().filter(|(_, ty)| ty.is_interface()) {
            for applied in subgraph.all(ty.directives(), Known::Key) {
                let message =
                    format!("`{name}` is an interface with a `@key`, which Federation v2.{minor} does not have.");
                out.push(
                    Diagnostic::error("KEY_UNSUPPORTED_ON_INTERFACE", message)
                        .at(subgraph.at(applied), "")
                        .help("Link v2.3 or a newer one."),
                );
            }
        }
        return;
    }
    for (name, _) in subgraph.schema.types.iter().filter(|(_, ty)| ty.is_interface()) {
        for key in subgraph.facts.keys_of(name) {
            let Some(text) = canonical(key) else { continue };
            for object in subgraph.facts.implementers.get(name).into_iter().flatten() {
                let own = subgraph.facts.keys_of(object).filter(|own| canonical(own).as_ref() == Some(&text));
                let (message, at, help) = match own.max_by_key(|own| own.resolvable) {
                    Some(own) if own.resolvable || !key.resolvable => continue,
                    Some(own) => (
                        format!(
                            "`{name}` can be asked for by the key \"{text}\", and its implementation `{object}` cannot."
                        ),
                        subgraph.at(&own.directive),
                        "Remove `resolvable: false` there, or write it on the interface's key as well.".to_owned(),
                    ),
                    None => (
                        format!("`{name}` has the key \"{text}\", and its implementation `{object}` does not."),
                        subgraph.schema.types.get(object).and_then(|ty| subgraph.at_name(ty.name())),
                        format!("Add `@key(fields: \"{text}\")` to `{object}`."),
                    ),
                };
                out.push(
                    Diagnostic::error("INTERFACE_KEY_NOT_ON_IMPLEMENTATION", message)
                        .at(subgraph.at(&key.directive), "")
                        .at(at, "")
                        .help(help),
                );
            }
        }
    }
}

/// Every implementation of the graph is known to a fragment that can be entered by the interface's key.
pub(super) fn check_graph(subgraphs: &[Subgraph], document: &Schema, out: &mut Vec<Diagnostic>) {
    let mut implementations: HashMap<&str, Vec<&str>> = HashMap::default();
    for (name, ty) in &document.types {
        if let ExtendedType::Object(object) = ty {
            for interface in &object.implements_interfaces {
                implementations.entry(interface.as_str()).or_default().push(name.as_str());
            }
        }
    }
    for subgraph in subgraphs {
        for (name, _) in subgraph.schema.types.iter().filter(|(_, ty)| ty.is_interface()) {
            let Some(key) = subgraph.facts.keys_of(name).find(|key| key.resolvable) else { continue };
            let all = implementations.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
            let missing: Vec<String> = all
                .iter()
                .filter(|object| subgraph.schema.get_object(object).is_none())
                .map(|o| format!("`{o}`"))
                .collect();
            if !missing.is_empty() {
                let message = format!(
                    "`{}` can be asked for any `{name}` by its key, but does not define {}.",
                    subgraph.name,
                    crate::compose::merge::list_of(&missing)
                );
                out.push(
                    Diagnostic::error("INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE", message)
                        .at(subgraph.at(&key.directive), "")
                        .help("Define them with the same key, or make the interface's key `resolvable: false`."),
                );
            }
        }
    }
}

fn canonical(key: &Application) -> Option<String> {
    key.parsed.as_ref().ok().map(|fields| fields.canonical())
}
