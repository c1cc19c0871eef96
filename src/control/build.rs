//! Texts → a graph, or everything that is wrong with them.
//!
//! In: [`Texts`] and the services' addresses from the configuration. Out: the composed graph beside all
//! diagnostics. Pure: what `weft check`, `weft compose`, `weft plan` and a reload have in common.

use std::collections::BTreeMap;

use super::source::Texts;
use crate::compose;
use crate::diagnostic::{Diagnostic, Severity};
use crate::supergraph::{Supergraph, read};

/// A graph, or diagnostics that say why there is none.
#[derive(Debug)]
pub struct Built {
    /// `None` exactly when a diagnostic is an error.
    pub supergraph: Option<Supergraph>,
    /// Errors, or hints where it composes.
    pub diagnostics: Vec<Diagnostic>,
}

/// Composes fragments, or reads the supergraph; each service whose name is in `urls` then answers there.
pub fn build(texts: &Texts, urls: &BTreeMap<String, String>) -> Built {
    let (mut supergraph, mut diagnostics) = match texts {
        Texts::Supergraph(source) => read::supergraph(source),
        Texts::Fragments(fragments) => {
            let fragments: Vec<_> = fragments
                .iter()
                .map(|fragment| compose::Fragment {
                    name: fragment.name.clone(),
                    source: fragment.source.clone(),
                    url: urls.get(&fragment.name).cloned(),
                })
                .collect();
            compose::compose(&fragments)
        }
    };
    if let Some(supergraph) = &mut supergraph {
        // Also after composition: a supergraph file carries addresses of its own.
        for subgraph in &mut supergraph.subgraphs {
            if let Some(url) = urls.get(&*subgraph.name) {
                subgraph.url = Some(url.clone());
            }
        }
        let names: Vec<_> = supergraph.subgraphs.iter().map(|subgraph| subgraph.name.clone()).collect();
        for unknown in urls.keys().filter(|name| !names.iter().any(|known| **known == ***name)) {
            let near = names.iter().min_by_key(|known| strsim::damerau_levenshtein(unknown, known));
            let hint = Diagnostic::hint(
                "UNKNOWN_SERVICE",
                format!("the configuration sets the address of `{unknown}`, but the graph has no service of this name"),
            );
            diagnostics.push(match near {
                Some(near) => hint.help(format!("did you mean `{near}`?")),
                None => hint,
            });
        }
    }
    Built { supergraph, diagnostics }
}

/// Every diagnostic as a person reads it, the errors first, and how many there are.
pub fn render(diagnostics: &[Diagnostic]) -> String {
    let (errors, hints): (Vec<_>, Vec<_>) = diagnostics.iter().partition(|d| d.severity == Severity::Error);
    errors.iter().chain(&hints).map(|diagnostic| format!("{diagnostic}\n")).collect::<Vec<_>>().join("\n")
}
