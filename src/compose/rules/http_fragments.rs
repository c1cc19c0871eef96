//! What an HTTP/JSON fragment must have, and what is at home in the other kind of fragment only.

use apollo_compiler::Node;
use apollo_compiler::ast::Directive;

use crate::compose::directives::Known;
use crate::compose::subgraph::{Applied, Subgraph, fields_of};
use crate::diagnostic::Diagnostic;
use crate::supergraph::SubgraphKind;

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    match subgraph.kind {
        SubgraphKind::Http => {
            connected_roots(subgraph, out);
            each_applied(subgraph, &mut |directive, known, on_type| {
                let help = match known {
                    Known::Context | Known::FromContext => {
                        "A call knows its own object only: take a field of it as an argument with `@require`."
                    }
                    Known::External | Known::Requires => "Take what the call needs as an argument with `@require`.",
                    Known::Provides => {
                        "Map the fields in the `selection` of the `@connect`, and mark them `@shareable`."
                    }
                    Known::InterfaceObject => {
                        "Define the interface and its implementations, or add the fields to each of them."
                    }
                    Known::Service => "An HTTP/JSON service's address is the `baseURL` of its `@source`.",
                    Known::Connect if on_type => {
                        "Write a field of `Query` with `@lookup @internal @connect` that loads the type by its key."
                    }
                    _ => return,
                };
                let message = format!(
                    "`@{}` is not supported {} HTTP/JSON fragment.",
                    directive.name,
                    if known == Known::Connect { "on a type of an" } else { "in an" }
                );
                out.push(Diagnostic::error("UNSUPPORTED_FEATURE", message).at(subgraph.at(directive), "").help(help));
            });
        }
        SubgraphKind::GraphQl => each_applied(subgraph, &mut |directive, known, _| {
            if matches!(known, Known::Source | Known::Lookup | Known::Is | Known::Require | Known::Internal) {
                let message = format!(
                    "`@{}` describes an HTTP/JSON service, and nothing in this fragment has a `@connect`.",
                    directive.name
                );
                out.push(
                    Diagnostic::error("UNSUPPORTED_FEATURE", message)
                        .at(subgraph.at(directive), "")
                        .help("A GraphQL service joins by `@key` and `_entities`; an HTTP/JSON one has a `@connect` on each root field."),
                );
            }
        }),
    }
}

fn connected_roots(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    for root in ["Query", "Mutation", "Subscription"] {
        for (name, field) in subgraph.fields(root).into_iter().flatten() {
            let at = subgraph.at_name(&field.name);
            if root == "Subscription" {
                let message =
                    format!("`Subscription.{name}` is in an HTTP/JSON fragment, which has no source of events.");
                out.push(
                    Diagnostic::error("UNSUPPORTED_FEATURE", message)
                        .at(at, "")
                        .help("Define it in a GraphQL service."),
                );
            } else if !subgraph.has(&field.directives, Known::Connect) {
                let message = format!("`{root}.{name}` has no `@connect`.");
                out.push(
                    Diagnostic::error("CONNECT_MISSING", message)
                        .at(at, "")
                        .help("A `@connect` anywhere makes the fragment an HTTP/JSON one; then every root field says how it is asked."),
                );
            }
        }
    }
}

/// Calls `f` with every known directive, what it is, and whether it is on a type.
fn each_applied(subgraph: &Subgraph, f: &mut dyn FnMut(&Node<Directive>, Known, bool)) {
    let mut each = |directive: &Node<Directive>, on_type: bool| {
        if let Some((known, _)) = subgraph.names.get(&directive.name) {
            f(directive, known, on_type);
        }
    };
    subgraph.schema.schema_definition.directives.nodes().for_each(|d| each(d, false));
    for ty in subgraph.schema.types.values().filter(|ty| !ty.is_built_in()) {
        ty.directives().nodes().for_each(|d| each(d, true));
        for field in fields_of(ty).into_iter().flat_map(|fields| fields.values()) {
            field.directives.nodes().for_each(|d| each(d, false));
            field.arguments.iter().flat_map(|a| a.directives.nodes()).for_each(|d| each(d, false));
        }
    }
}
