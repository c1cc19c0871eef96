//! Texts → a graph, or everything that is wrong with them.
//!
//! In: [`Texts`] and what the configuration says of single services. Out: the composed graph beside all
//! diagnostics. Pure: what `weft check`, `weft compose`, `weft plan` and a reload have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderName;

use super::source::Texts;
use crate::compose;
use crate::connect::{Header, HeaderValue};
use crate::diagnostic::{Diagnostic, Severity};
use crate::supergraph::{Subgraph, Supergraph, read};

/// What the configuration says of one service, by the fragment's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Where it answers, in the place of what the fragment says.
    pub url: Option<String>,
    /// In the place of `@timeout` on the schema; closer ones still win.
    pub timeout_ms: Option<u64>,
    /// Headers of the client's request that an HTTP/JSON service gets beside those that its fragment names.
    pub headers: Vec<HeaderName>,
}

/// Settings of services, by the fragment's name.
pub type Services = BTreeMap<String, ServiceSettings>;

/// A graph, or diagnostics that say why there is none.
#[derive(Debug)]
pub struct Built {
    /// `None` exactly when a diagnostic is an error.
    pub supergraph: Option<Supergraph>,
    /// The document that the fragments composed into, also where this gateway cannot run it.
    pub document: Option<Arc<str>>,
    /// Errors, or hints where it composes.
    pub diagnostics: Vec<Diagnostic>,
}

/// Composes fragments, or reads the supergraph; then lets the configuration have its say.
pub fn build(texts: &Texts, services: &Services) -> Built {
    let mut document = None;
    let (mut supergraph, mut diagnostics) = match texts {
        Texts::Supergraph(source) => read::supergraph(source),
        Texts::Fragments(fragments) => {
            let fragments: Vec<_> = fragments
                .iter()
                .map(|fragment| compose::Fragment {
                    name: fragment.name.clone(),
                    source: fragment.source.clone(),
                    url: services.get(&fragment.name).and_then(|service| service.url.clone()),
                })
                .collect();
            let composition = compose::composition(&fragments);
            document = composition.document;
            (composition.supergraph, composition.diagnostics)
        }
    };
    if let Some(supergraph) = &mut supergraph {
        for subgraph in &mut supergraph.subgraphs {
            if let Some(settings) = services.get(&*subgraph.name) {
                apply(settings, subgraph);
            }
        }
        diagnostics.extend(unknown_services(supergraph, services));
    }
    Built { supergraph, document, diagnostics }
}

fn apply(settings: &ServiceSettings, subgraph: &mut Subgraph) {
    // Also after composition: a supergraph file carries addresses of its own.
    if let Some(url) = &settings.url {
        subgraph.url = Some(url.clone());
    }
    if let Some(timeout_ms) = settings.timeout_ms {
        subgraph.timeout_ms = Some(timeout_ms);
    }
    for connector in &mut subgraph.connectors {
        for name in &settings.headers {
            let mut known = connector.source.headers.iter().chain(&connector.headers);
            if !known.any(|header| header.name == name.as_str()) {
                let value = HeaderValue::From(name.as_str().to_owned());
                connector.headers.push(Header { name: name.as_str().to_owned(), value });
            }
        }
    }
}

fn unknown_services(supergraph: &Supergraph, services: &Services) -> Vec<Diagnostic> {
    let known: Vec<&str> = supergraph.subgraphs.iter().map(|subgraph| &*subgraph.name).collect();
    let unknown = services.keys().filter(|name| !known.contains(&name.as_str()));
    unknown
        .map(|unknown| {
            let far = |known: &&&str| strsim::damerau_levenshtein(unknown, known);
            let near = known.iter().min_by_key(far).filter(|near| far(near) <= unknown.len().div_ceil(3));
            let message =
                format!("the configuration has settings for `{unknown}`, but the graph has no service of this name");
            let hint = Diagnostic::hint("UNKNOWN_SERVICE", message);
            match near {
                Some(near) => hint.help(format!("did you mean `{near}`?")),
                None => hint.help(format!("its services are `{}`", known.join("`, `"))),
            }
        })
        .collect()
}

/// Every diagnostic as a person reads it, the errors first, and how many there are.
pub fn render(diagnostics: &[Diagnostic]) -> String {
    let (errors, hints): (Vec<_>, Vec<_>) = diagnostics.iter().partition(|d| d.severity == Severity::Error);
    errors.iter().chain(&hints).map(|diagnostic| format!("{diagnostic}\n")).collect::<Vec<_>>().join("\n")
}
