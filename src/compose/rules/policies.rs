//! `@fallback`, `@timeout` and `@cacheControl`: that they can be kept.

use apollo_compiler::Node;
use apollo_compiler::ast::{Directive, FieldDefinition};
use apollo_compiler::schema::ExtendedType;

use crate::compose::directives::Known;
use crate::compose::subgraph::{Applied, Subgraph, fields_of};
use crate::diagnostic::Diagnostic;
use crate::supergraph::SubgraphKind;
use crate::supergraph::policy::parse_duration;

const ROOTS: [&str; 3] = ["Query", "Mutation", "Subscription"];

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    lists(subgraph, &subgraph.schema.schema_definition.directives, out);
    for (name, ty) in subgraph.schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
        lists(subgraph, ty.directives(), out);
        for (field_name, field) in fields_of(ty).into_iter().flatten() {
            lists(subgraph, &field.directives, out);
            if let Some(timeout) = subgraph.first(&field.directives, Known::Timeout) {
                shared_timeout(subgraph, ty, &format!("{name}.{field_name}"), field, timeout, out);
            }
        }
    }
}

/// What can be said without knowing the element.
fn lists(subgraph: &Subgraph, directives: &impl Applied, out: &mut Vec<Diagnostic>) {
    for applied in directives.nodes() {
        match subgraph.names.get(&applied.name).map(|(known, _)| known) {
            Some(Known::Timeout) => duration(subgraph, applied, "after", out),
            Some(Known::Fallback) => {
                duration(subgraph, applied, "stale", out);
                fallback(subgraph, applied, out);
            }
            Some(Known::CacheControl) => cache(subgraph, applied, out),
            _ => {}
        }
    }
}

fn duration(subgraph: &Subgraph, applied: &Node<Directive>, argument: &str, out: &mut Vec<Diagnostic>) {
    let Some(value) = applied.specified_argument_by_name(argument).filter(|v| !v.is_null()) else { return };
    let problem = match value.as_str() {
        None => "A duration is a string, such as \"150ms\", \"2s\" or \"1h\".",
        Some(text) => match parse_duration(text) {
            Ok(0) => "It must be longer than that.",
            Ok(_) => return,
            Err(problem) => problem,
        },
    };
    let message = format!("`@{}({argument}:)` is no duration.", applied.name);
    out.push(Diagnostic::error("INVALID_DURATION", message).at(subgraph.at(value), "").help(problem));
}

fn fallback(subgraph: &Subgraph, applied: &Node<Directive>, out: &mut Vec<Diagnostic>) {
    let given = |argument: &str| applied.specified_argument_by_name(argument);
    let stale = given("stale").is_some_and(|v| !v.is_null());
    if given("value").is_none() && !stale {
        out.push(
            Diagnostic::error("INVALID_FALLBACK", "`@fallback` has neither a `value` nor `stale`.")
                .at(subgraph.at(applied), "")
                .help("Say what stands in: `@fallback(value: \"Unknown\")`, `@fallback(stale: \"1h\")`, or both."),
        );
    }
    if given("on").and_then(|v| v.as_list()).is_some_and(<[_]>::is_empty) {
        let error = Diagnostic::error("INVALID_FALLBACK", "`@fallback(on: [])` never stands in for anything.");
        out.push(error.at(subgraph.at(applied), "").help("Leave `on` out for errors and timeouts."));
    }
}

fn cache(subgraph: &Subgraph, applied: &Node<Directive>, out: &mut Vec<Diagnostic>) {
    let max_age = applied.specified_argument_by_name("maxAge").filter(|v| !v.is_null());
    if let Some(max_age) = max_age.filter(|v| v.to_i32().is_none_or(|seconds| seconds < 0)) {
        let error = Diagnostic::error("INVALID_CACHE_CONTROL", "`maxAge` is a number of seconds, from 0.");
        out.push(error.at(subgraph.at(max_age), ""));
    }
    let inherits = applied.specified_argument_by_name("inheritMaxAge").and_then(|v| v.to_bool()) == Some(true);
    if inherits && max_age.is_some() {
        out.push(
            Diagnostic::error("INVALID_CACHE_CONTROL", "`@cacheControl` has a `maxAge` and inherits another.")
                .at(subgraph.at(applied), "")
                .help("Keep one of `maxAge` and `inheritMaxAge`."),
        );
    }
}

/// A field that is loaded together with others cannot be late by itself.
fn shared_timeout(
    subgraph: &Subgraph,
    ty: &ExtendedType,
    coordinate: &str,
    field: &Node<FieldDefinition>,
    timeout: &Node<Directive>,
    out: &mut Vec<Diagnostic>,
) {
    let alone = match subgraph.kind {
        SubgraphKind::Http => subgraph.has(&field.directives, Known::Connect),
        SubgraphKind::GraphQl => ROOTS.contains(&ty.name().as_str()),
    };
    if !alone {
        let message =
            format!("`{coordinate}` is loaded together with other fields, and cannot have a `@timeout` of its own.");
        out.push(
            Diagnostic::error("TIMEOUT_ON_SHARED_LOAD", message)
                .at(subgraph.at(timeout), "")
                .help(format!("Put it on the type `{}`, on the lookup, or on the schema.", ty.name())),
        );
    }
}
