//! What must hold beyond valid GraphQL: one rule, one file; the lists of rules are data.
//!
//! In: each fragment by itself, then all of them with the merged document. Out: diagnostics. A rule only looks; nothing
//! is changed here.

mod access;
pub(crate) mod compose_directives;
mod connectors;
mod contexts;
mod costs;
mod external;
mod fallback_values;
mod field_sets;
mod http_fragments;
mod inaccessible;
mod interface_keys;
mod interface_objects;
mod interfaces;
mod key;
mod lookups;
mod overrides;
mod policies;
mod provides;
mod queries;
mod requires;
mod shareable;
mod subscriptions;

use std::sync::Arc;

use apollo_compiler::Schema;

use super::findings::Soundness;
use super::subgraph::Subgraph;
use crate::diagnostic::{Diagnostic, Span};
use crate::supergraph::Supergraph;

/// Looks at one fragment.
type FragmentRule = fn(&Subgraph, &mut Vec<Diagnostic>);

/// Looks at all fragments, and at what they merged into.
type GraphRule = fn(&[Subgraph], &Schema, &mut Vec<Diagnostic>);

/// Looks at the graph as it was read, and at the document that it was read from.
type SupergraphRule = fn(&Supergraph, &Schema, &[Subgraph], &mut Vec<Diagnostic>);

const FRAGMENT_RULES: &[FragmentRule] = &[
    key::check,
    requires::check,
    provides::check,
    external::check,
    shareable::check,
    overrides::check,
    interface_objects::check,
    interface_keys::check,
    http_fragments::check,
    lookups::check,
    connectors::check,
    policies::check,
    access::check,
    compose_directives::check,
    costs::check,
    contexts::check,
    subscriptions::check,
];

const GRAPH_RULES: &[GraphRule] = &[
    queries::check,
    interfaces::check,
    interface_keys::check_graph,
    interface_objects::check_graph,
    inaccessible::check,
    fallback_values::check,
];

const SUPERGRAPH_RULES: &[SupergraphRule] = &[access::check_requirements];

/// Codes that conclude from something that lacks: where a name means nothing, that may only seem so.
const FROM_ABSENCE: &[&str] = &[
    "CIRCULAR_REFERENCE",
    "CONNECTORS_UNRESOLVED_FIELD",
    "CONNECT_MISSING",
    "CONNECT_WITHOUT_REQUIRE",
    "EXTERNAL_UNUSED",
    "INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE",
    "INTERFACE_KEY_NOT_ON_IMPLEMENTATION",
    "INTERFACE_OBJECT_USAGE_ERROR",
    "INTERNAL_WITHOUT_LOOKUP",
    "INVALID_LOOKUP",
    "INVALID_REQUIRE",
    "IS_WITHOUT_LOOKUP",
    "KEY_NOT_SELECTED",
    "LOOKUP_NEVER_JOINS",
    "LOOKUP_WITHOUT_KEY",
    "MISSING_TYPENAME",
    "PROVIDES_FIELDS_MISSING_EXTERNAL",
    "REQUIRES_FIELDS_MISSING_EXTERNAL",
    "TIMEOUT_ON_SHARED_LOAD",
    "TYPE_WITH_ONLY_UNUSED_EXTERNAL",
    "UNSUPPORTED_FEATURE",
    "UNUSED_ARGUMENT",
];

/// Codes that tell, at a whole directive, of an argument that it lacks.
const FROM_MISSPELT: &[&str] =
    &["INVALID_FALLBACK", "INVALID_SELECTION", "INVALID_SOURCE_NAME", "MISSING_HTTP", "MISSING_HTTP_METHOD"];

/// The rules whose findings are true whatever else the fragment has.
const TORN_RULES: &[FragmentRule] = &[policies::check];

/// What graph rules can say of single fragments, where no graph comes about.
pub(crate) fn check_without_graph(subgraphs: &[Subgraph], out: &mut Vec<Diagnostic>) {
    fallback_values::check_alone(subgraphs, out);
}

/// Each fragment by itself. What is told of an unsound one is no mere consequence of what was told already.
pub(crate) fn check_fragments(subgraphs: &mut [Subgraph], out: &mut Vec<Diagnostic>) {
    for subgraph in subgraphs {
        let mut found = Vec::new();
        let rules = if subgraph.soundness == Soundness::Torn { TORN_RULES } else { FRAGMENT_RULES };
        rules.iter().for_each(|rule| rule(subgraph, &mut found));
        if subgraph.soundness != Soundness::Sound {
            let told: Vec<Span> = out.iter().filter_map(|d| Some(d.labels.first()?.span.clone())).collect();
            let is_told = |span: &Span| {
                told.iter().any(|other| Arc::ptr_eq(&other.source, &span.source) && other.start == span.start)
            };
            // Places of arguments that do not exist: what a directive lacks is what they were meant to be.
            let misspelt: Vec<Span> = out
                .iter()
                .chain(&found)
                .filter(|d| d.message.contains("has no argument `"))
                .filter_map(|d| Some(d.labels.first()?.span.clone()))
                .collect();
            let lacks_only_so = |d: &Diagnostic, span: &Span| {
                FROM_MISSPELT.contains(&d.code)
                    && span.source.text[span.start..].starts_with('@')
                    && misspelt.iter().any(|other| {
                        Arc::ptr_eq(&other.source, &span.source) && span.start < other.start && other.end <= span.end
                    })
            };
            let absence = subgraph.soundness >= Soundness::Gaps;
            found.retain(|d: &Diagnostic| {
                let known = d.labels.first().is_some_and(|label| is_told(&label.span) || lacks_only_so(d, &label.span));
                !(known || absence && FROM_ABSENCE.contains(&d.code))
            });
        }
        for deferred in std::mem::take(&mut subgraph.deferred) {
            let within = |span: &Span| deferred.within.start <= span.start && span.start < deferred.within.end;
            if !found.iter().any(|d| d.labels.first().is_some_and(|label| within(&label.span))) {
                out.push(deferred.diagnostic);
            }
        }
        out.append(&mut found);
    }
}

/// All of them together.
pub(crate) fn check_graph(subgraphs: &[Subgraph], document: &Schema, out: &mut Vec<Diagnostic>) {
    GRAPH_RULES.iter().for_each(|rule| rule(subgraphs, document, out));
}

/// The graph that came of them.
pub(crate) fn check_supergraph(
    supergraph: &Supergraph,
    document: &Schema,
    subgraphs: &[Subgraph],
    out: &mut Vec<Diagnostic>,
) {
    SUPERGRAPH_RULES.iter().for_each(|rule| rule(supergraph, document, subgraphs, out));
}
