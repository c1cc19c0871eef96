//! Composes schema fragments into one graph.
//!
//! In: the fragments' texts. Out: [`Supergraph`], or diagnostics; with a graph, the diagnostics are hints.
//! Every rule's findings are told at once. What concerns one fragment is told whatever is wrong with the others; fragments
//! are merged when each of them can be read.
//! Deliberately absent: I/O, configuration, planning.
//!
//! # The document in between
//!
//! Fragments merge into a standard supergraph document (join spec v0.5), which goes through the same reader as a
//! supergraph file. What the join spec has no words for travels as `@join__directive(graphs:, name:, args:)`, on the
//! element that the author wrote it on:
//!
//! | `name` | on | `args` |
//! |---|---|---|
//! | `link` | schema | `{url: "https://specs.weft.graph/fragment/v1.0"}`, for all graphs that use one of the others |
//! | `source` | schema | as written |
//! | `connect` | field | as written |
//! | `lookup`, `internal` | field | none |
//! | `is` | field | `{argument: "ids", field: "[id]"}`: the argument that it was written on, and its own |
//! | `require` | field | `{argument: "videoIds", field: "ratedVideoIds"}`, as for `is` |
//! | `fallback` | field | as written |
//! | `timeout` | schema, object, field | as written |
//! | `cacheControl` | object, interface, field | as written; one on a union is moved to the fields that return it |
//! | `federation__cacheTag` | object, interface, field | as written |
//!
//! What Federation merges into directives of their own specifications (`@authenticated`, `@cost`, `@context` and their
//! relatives) stands in the document as such, and so do the directives that `@composeDirective` names; their
//! specifications are linked where they are used.
//!
//! `is` is always there for each argument of a lookup that is bound from the key, also where the author left it to the
//! default. An `@internal` field, a `@require` argument, and an input type that nothing else uses are `@inaccessible` in the
//! document, and an internal lookup whose
//! name another root field has is called `name__fragment` there. A fragment without an address has `url: ""` in its
//! `@join__graph`.

mod access;
mod directives;
mod facts;
mod findings;
mod graphs;
mod links;
mod lookups;
mod merge;
mod place;
mod rules;
mod satisfiability;
mod selection;
mod subgraph;
mod upgrade;

use std::sync::Arc;

use apollo_compiler::collections::HashMap;

use self::findings::Soundness;
use crate::diagnostic::{Diagnostic, Severity, Source, Sources};
use crate::supergraph::{Supergraph, read};

/// One team's schema fragment.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// The fragment's name: its file's stem, and the service's name everywhere else.
    pub name: String,
    /// Its text, under the name that diagnostics show.
    pub source: Arc<Source>,
    /// Where the service answers, if that is known from outside; wins over `@service(url:)`.
    pub url: Option<String>,
}

/// What came of composing fragments.
#[derive(Debug)]
pub struct Composition {
    /// The graph. `None` exactly when a diagnostic is an error.
    pub supergraph: Option<Supergraph>,
    /// The supergraph document, also where this gateway cannot run it: then all errors are of the code `UNSUPPORTED`.
    pub document: Option<Arc<str>>,
    /// What is to be told, errors first.
    pub diagnostics: Vec<Diagnostic>,
}

/// Composes fragments into one graph.
///
/// `None` exactly when a diagnostic is an error.
pub fn compose(fragments: &[Fragment]) -> (Option<Supergraph>, Vec<Diagnostic>) {
    let Composition { supergraph, diagnostics, .. } = composition(fragments);
    (supergraph, diagnostics)
}

/// Composes fragments into one document, and that into a graph.
pub fn composition(fragments: &[Fragment]) -> Composition {
    let mut out = Vec::new();
    let supergraph = stages(fragments, &mut out);
    // Errors first, each kind in the order of the fragments and of their lines.
    let files: HashMap<*const Source, usize> =
        fragments.iter().enumerate().map(|(index, fragment)| (Arc::as_ptr(&fragment.source), index)).collect();
    out.sort_by_key(|diagnostic| {
        let place = diagnostic.labels.first().map(|label| {
            let file = files.get(&Arc::as_ptr(&label.span.source)).copied().unwrap_or(usize::MAX);
            (file, label.span.start)
        });
        (std::cmp::Reverse(diagnostic.severity), place.unwrap_or((usize::MAX, 0)))
    });
    let sound = |d: &Diagnostic| d.severity != Severity::Error;
    let document = supergraph.as_ref().filter(|_| out.iter().all(|d| sound(d) || d.code == read::UNSUPPORTED));
    let document = document.map(|supergraph| Arc::clone(&supergraph.sdl));
    let supergraph = supergraph.filter(|_| out.iter().all(sound));
    Composition { supergraph, document, diagnostics: out }
}

fn stages(fragments: &[Fragment], out: &mut Vec<Diagnostic>) -> Option<Supergraph> {
    let mut sources = Sources::default();
    let graphs = graphs::name(fragments, out);
    let mut subgraphs = Vec::with_capacity(fragments.len());
    for (fragment, graph) in fragments.iter().zip(graphs) {
        subgraphs.extend(subgraph::read(fragment, graph, &mut sources, out));
    }
    let whole = !has_errors(out) && subgraphs.iter().all(|s| s.soundness == Soundness::Sound);
    lookups::rename_collisions(&mut subgraphs);
    if whole {
        upgrade::check_bases(&subgraphs, out);
    }
    upgrade::upgrade(&mut subgraphs);
    rules::check_fragments(&mut subgraphs, out);
    // Without one of the fragments, what is wrong between the others could not be told from what only seems to be.
    if !whole {
        rules::check_without_graph(&subgraphs, out);
        return None;
    }
    let document = merge::merge(&subgraphs, out)?;
    rules::check_graph(&subgraphs, &document, out);
    if has_errors(out) {
        return None;
    }
    // What this gateway cannot run is told, and looked at all the same: another one may run it.
    let (supergraph, found) = read::model(&document, &sources);
    out.extend(found);
    let supergraph =
        supergraph.filter(|_| out.iter().all(|d| d.severity != Severity::Error || d.code == read::UNSUPPORTED))?;
    rules::check_supergraph(&supergraph, &document, &subgraphs, out);
    satisfiability::check(&supergraph, &subgraphs, out);
    Some(supergraph)
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}
