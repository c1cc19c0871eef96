//! What must hold beyond valid GraphQL: one rule, one file; the lists of rules are data.
//!
//! In: each fragment by itself, then all of them with the merged document. Out: diagnostics. A rule only looks; nothing
//! is changed here.

mod connectors;
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

use apollo_compiler::Schema;

use super::subgraph::Subgraph;
use crate::diagnostic::Diagnostic;

/// Looks at one fragment.
type FragmentRule = fn(&Subgraph, &mut Vec<Diagnostic>);

/// Looks at all fragments, and at what they merged into.
type GraphRule = fn(&[Subgraph], &Schema, &mut Vec<Diagnostic>);

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
];

const GRAPH_RULES: &[GraphRule] = &[
    queries::check,
    interfaces::check,
    interface_keys::check_graph,
    interface_objects::check_graph,
    inaccessible::check,
    fallback_values::check,
];

/// Each fragment by itself.
pub(crate) fn check_fragments(subgraphs: &[Subgraph], out: &mut Vec<Diagnostic>) {
    for subgraph in subgraphs {
        FRAGMENT_RULES.iter().for_each(|rule| rule(subgraph, out));
    }
}

/// All of them together.
pub(crate) fn check_graph(subgraphs: &[Subgraph], document: &Schema, out: &mut Vec<Diagnostic>) {
    GRAPH_RULES.iter().for_each(|rule| rule(subgraphs, document, out));
}
