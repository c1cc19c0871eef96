//! Keeps a gateway's graph up to date: reads fragments, composes, swaps, keeps the last good one.
//!
//! In: a [`SchemaSource`] and the settings of single services. Out: a [`Gateway`] that always has a graph, and a
//! [`Status`] that says which one, since when, and what came of the last attempt to replace it.
//! A graph that does not compose never replaces one that does, and a swap is one pointer: requests that are under
//! way keep the graph that they started with.
//! Deliberately absent: HTTP, configuration, rendering for terminals.

mod build;
mod source;
mod watch;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;
use weft_loaders::Loaders;
use xxhash_rust::xxh3::xxh3_64;

pub use build::{Built, ServiceSettings, Services, build, render};
pub use source::{FragmentText, SchemaSource, SourceError, Texts};

use crate::diagnostic::Diagnostic;
use crate::gateway::{self, Gateway, Snapshot};
use crate::supergraph::{Subgraph, SubgraphKind, Supergraph};

/// A gateway, and where its graph comes from.
pub struct Control {
    gateway: Arc<Gateway>,
    source: SchemaSource,
    services: Services,
    settings: gateway::Settings,
    status: RwLock<Arc<Status>>,
    /// The hash of what was tried last, or why there was nothing to try. Held while a graph is built, so that two
    /// reloads cannot overtake each other.
    tried: Mutex<Result<String, String>>,
}

/// Which graph is served, and what came of the last attempt to replace it.
#[derive(Clone, Debug)]
pub struct Status {
    /// The graph that is served.
    pub graph: Arc<GraphInfo>,
    /// The last attempt; the first one is the start.
    pub last: Arc<Attempt>,
    /// Graphs that were swapped in since the start, the first one included.
    pub swaps: u64,
    /// Attempts that were refused since the start.
    pub refusals: u64,
}

/// A graph as an operator sees it.
#[derive(Clone, Debug)]
pub struct GraphInfo {
    /// Of all its texts and the settings of its services.
    pub hash: String,
    /// When it was swapped in.
    pub since: SystemTime,
    /// Its fragments, or the one supergraph file.
    pub fragments: Vec<FragmentInfo>,
    /// Its services.
    pub services: Vec<ServiceInfo>,
    /// Types that clients see, without those of the language itself.
    pub types: usize,
    /// Fields that clients see.
    pub fields: usize,
    /// The API schema, as clients may read it.
    pub api_sdl: Arc<str>,
}

/// A text that a graph was built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FragmentInfo {
    /// Its name.
    pub name: String,
    /// Of its text.
    pub hash: String,
    /// Its length.
    pub bytes: usize,
}

/// A service of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceInfo {
    /// Its name.
    pub name: String,
    /// How it is spoken to.
    pub kind: SubgraphKind,
    /// Where it answers, without credentials; several where an HTTP service has several sources.
    pub urls: Vec<String>,
}

/// What came of an attempt to build a graph.
#[derive(Debug)]
pub struct Attempt {
    /// When.
    pub at: SystemTime,
    /// How it ended.
    pub outcome: Outcome,
    /// Everything that composition had to say.
    pub diagnostics: Vec<Diagnostic>,
    /// Why there was nothing to compose, in a sentence.
    pub failure: Option<String>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new graph is served.
    Swapped,
    /// The texts are again those of the graph that is served, after they were not.
    Unchanged,
    /// The graph stays as it was.
    Refused,
}

/// What a reload did.
#[derive(Clone, Debug)]
pub enum Reload {
    /// The texts are those that were tried last.
    Nothing,
    /// Something new was tried.
    Tried(Arc<Attempt>),
}

/// Why a gateway cannot start.
#[derive(Debug)]
pub enum StartError {
    /// There are no texts.
    Source(SourceError),
    /// They do not compose.
    Composition(Vec<Diagnostic>),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => error.fmt(f),
            Self::Composition(diagnostics) => f.write_str(render(diagnostics).trim_end()),
        }
    }
}

impl std::error::Error for StartError {}

impl Control {
    /// Builds the first graph and the gateway that serves it. Blocks while it reads and composes.
    pub fn start(
        source: SchemaSource,
        services: Services,
        loaders: Loaders,
        settings: gateway::Settings,
    ) -> Result<Self, StartError> {
        let texts = source.read().map_err(StartError::Source)?;
        let Built { supergraph, mut diagnostics, .. } = build(&texts, &services);
        let Some(supergraph) = supergraph else { return Err(StartError::Composition(diagnostics)) };
        diagnostics.extend(without_address(&supergraph));
        let graph = Arc::new(describe(&supergraph, &texts, &services));
        let snapshot = Snapshot::new(supergraph, &settings);
        let gateway = Arc::new(Gateway::new(snapshot, loaders, settings.clone()));
        let last = Arc::new(Attempt { at: graph.since, outcome: Outcome::Swapped, diagnostics, failure: None });
        let tried = Mutex::new(Ok(graph.hash.clone()));
        let status = RwLock::new(Arc::new(Status { graph, last, swaps: 1, refusals: 0 }));
        Ok(Self { gateway, source, services, settings, status, tried })
    }

    /// The gateway, which outlives every graph.
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Which graph is served, and what came of the last attempt to replace it.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads and composes again, and swaps if it composes and differs. Blocks; not for an async task's thread.
    ///
    /// What was tried already is not tried, told or counted again: one save of a file can be several events.
    pub fn reload(&self) -> Reload {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.status();
        let at = SystemTime::now();
        let texts = self.source.read().map_err(|error| error.to_string());
        let now = texts.as_ref().map(|texts| hash_of(texts, &self.services)).map_err(String::clone);
        if now == *tried {
            return Reload::Nothing;
        }
        *tried = now;
        let refused = |diagnostics, failure| Attempt { at, outcome: Outcome::Refused, diagnostics, failure };
        let (attempt, graph) = match texts {
            Err(failure) => (refused(Vec::new(), Some(failure)), None),
            Ok(texts) if hash_of(&texts, &self.services) == before.graph.hash => {
                let outcome = Outcome::Unchanged;
                (Attempt { at, outcome, diagnostics: Vec::new(), failure: None }, None)
            }
            Ok(texts) => match build(&texts, &self.services) {
                Built { supergraph: None, diagnostics, .. } => (refused(diagnostics, None), None),
                Built { supergraph: Some(supergraph), mut diagnostics, .. } => {
                    diagnostics.extend(without_address(&supergraph));
                    let graph = describe(&supergraph, &texts, &self.services);
                    self.gateway.swap(Snapshot::new(supergraph, &self.settings));
                    (Attempt { at, outcome: Outcome::Swapped, diagnostics, failure: None }, Some(graph))
                }
            },
        };
        let last = Arc::new(attempt);
        let status = Status {
            graph: graph.map_or_else(|| Arc::clone(&before.graph), Arc::new),
            last: Arc::clone(&last),
            swaps: before.swaps + u64::from(last.outcome == Outcome::Swapped),
            refusals: before.refusals + u64::from(last.outcome == Outcome::Refused),
        };
        *self.status.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(status);
        Reload::Tried(last)
    }
}

/// A GraphQL service can only be called where it says, or the configuration says, that it is.
pub fn without_address(supergraph: &Supergraph) -> Vec<Diagnostic> {
    supergraph
        .subgraphs
        .iter()
        .filter(|subgraph| subgraph.kind == SubgraphKind::GraphQl)
        .filter(|subgraph| subgraph.url.as_deref().is_none_or(str::is_empty))
        .map(|subgraph| {
            let name = &subgraph.name;
            Diagnostic::hint("NO_ADDRESS", format!("the service `{name}` has no address, so that its fields will fail"))
                .help(format!(
                    "set `services: {{{name}: {{url: …}}}}` in weft.yaml, or `@service(url:)` in the fragment"
                ))
        })
        .collect()
}

fn describe(supergraph: &Supergraph, texts: &Texts, settings: &Services) -> GraphInfo {
    let fragments = match texts {
        Texts::Fragments(fragments) => fragments.iter().map(|f| fragment_info(&f.name, &f.source.text)).collect(),
        Texts::Supergraph(source) => vec![fragment_info(&source.name, &source.text)],
    };
    let services = supergraph
        .subgraphs
        .iter()
        .map(|subgraph| ServiceInfo { name: subgraph.name.to_string(), kind: subgraph.kind, urls: addresses(subgraph) })
        .collect();
    let (types, fields) = count(&supergraph.api);
    GraphInfo {
        hash: hash_of(texts, settings),
        since: SystemTime::now(),
        fragments,
        services,
        types,
        fields,
        api_sdl: supergraph.api.to_string().into(),
    }
}

/// What was configured, else what the sources of an HTTP service say, each once.
fn addresses(subgraph: &Subgraph) -> Vec<String> {
    if let Some(url) = subgraph.url.as_deref().filter(|url| !url.is_empty()) {
        return vec![without_credentials(url)];
    }
    let mut urls = Vec::new();
    for connector in &subgraph.connectors {
        let url = without_credentials(&connector.source.base_url);
        if !url.is_empty() && !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

/// Types and fields of a schema, without those of the language itself.
pub fn count(schema: &Schema) -> (usize, usize) {
    let own = || schema.types.iter().filter(|(name, ty)| !name.starts_with("__") && !ty.is_built_in());
    let fields = own().map(|(_, ty)| match ty {
        ExtendedType::Object(object) => object.fields.len(),
        ExtendedType::Interface(interface) => interface.fields.len(),
        ExtendedType::InputObject(input) => input.fields.len(),
        _ => 0,
    });
    (own().count(), fields.sum())
}

fn fragment_info(name: &str, text: &str) -> FragmentInfo {
    FragmentInfo { name: name.to_owned(), hash: format!("{:016x}", xxh3_64(text.as_bytes())), bytes: text.len() }
}

fn hash_of(texts: &Texts, services: &Services) -> String {
    let mut all = String::new();
    let mut add = |part: &str| {
        // The length keeps "ab" + "c" apart from "a" + "bc".
        all.push_str(&part.len().to_string());
        all.push(':');
        all.push_str(part);
    };
    match texts {
        Texts::Supergraph(source) => add(&source.text),
        Texts::Fragments(fragments) => fragments.iter().for_each(|fragment| {
            add(&fragment.name);
            add(&fragment.source.text);
        }),
    }
    // The settings do not change while the process runs; they are part of what a graph is nevertheless.
    for (name, settings) in services {
        add(name);
        add(&format!("{settings:?}"));
    }
    format!("{:016x}", xxh3_64(all.as_bytes()))
}

/// `https://user:secret@host/?key=secret` is shown as `https://host/`.
fn without_credentials(url: &str) -> String {
    let url = &url[..url.find(['?', '#']).unwrap_or(url.len())];
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let authority = rest.find('/').unwrap_or(rest.len());
            let host = rest[..authority].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[host..])
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_a_url_are_not_shown() {
        assert_eq!(without_credentials("https://me:s3@cret@host:1/a@b"), "https://host:1/a@b");
        assert_eq!(without_credentials("http://host/?key=a@b"), "http://host/");
        assert_eq!(without_credentials("host"), "host");
    }

    #[test]
    fn a_hash_tells_texts_names_and_addresses_apart() {
        let texts = |parts: &[(&str, &str)]| {
            SchemaSource::Embedded(parts.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect())
                .read()
                .expect("in memory")
        };
        let none = Services::new();
        let one = hash_of(&texts(&[("a", "b")]), &none);
        assert_eq!(one, hash_of(&texts(&[("a", "b")]), &none));
        assert_ne!(one, hash_of(&texts(&[("ab", "")]), &none));
        let services =
            Services::from([("a".to_owned(), ServiceSettings { timeout_ms: Some(1), ..Default::default() })]);
        assert_ne!(one, hash_of(&texts(&[("a", "b")]), &services));
    }
}
