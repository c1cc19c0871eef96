//! The gateway's own graph, for operators: which graph is served, how its services do, what came of the last reload.
//!
//! In: the shared state. Out: an async-graphql schema. It reads plain data that others keep and computes nothing.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_graphql::{EmptyMutation, EmptySubscription, Enum, Object, Schema, SimpleObject};

use super::{App, VERSION};
use crate::control::{self, Attempt};
use crate::diagnostic::{self, Severity};
use crate::supergraph::SubgraphKind;

/// The control graph's schema.
pub(super) type ControlSchema = Schema<Query, EmptyMutation, EmptySubscription>;

pub(super) fn schema(app: Arc<App>) -> ControlSchema {
    Schema::build(Query { app }, EmptyMutation, EmptySubscription)
        // An operator's query is small; these keep a mistake from becoming expensive.
        .limit_depth(20)
        .limit_complexity(1_000)
        .finish()
}

pub(super) struct Query {
    app: Arc<App>,
}

/// The gateway itself.
#[Object]
impl Query {
    /// The program's version.
    async fn version(&self) -> &str {
        VERSION.number
    }

    /// The commit that it was built from, where that is known.
    async fn commit(&self) -> Option<&str> {
        VERSION.commit
    }

    /// Seconds since the listeners opened.
    async fn uptime_seconds(&self) -> u64 {
        self.app.started.elapsed().as_secs()
    }

    /// The graph that is served.
    async fn graph(&self) -> Graph {
        let graph = Arc::clone(&self.app.control.status().graph);
        Graph {
            hash: graph.hash.clone(),
            since: Timestamp::of(graph.since),
            types: graph.types,
            fields: graph.fields,
            sdl: graph.api_sdl.to_string(),
        }
    }

    /// The schema fragments that it was composed from, or the one supergraph file.
    async fn fragments(&self) -> Vec<Fragment> {
        let graph = Arc::clone(&self.app.control.status().graph);
        let fragment =
            |f: &control::FragmentInfo| Fragment { name: f.name.clone(), hash: f.hash.clone(), bytes: f.bytes };
        graph.fragments.iter().map(fragment).collect()
    }

    /// The services of the graph, and what was loaded from them since the start.
    async fn services(&self) -> Vec<Service> {
        let graph = Arc::clone(&self.app.control.status().graph);
        let statistics = self.app.gateway.loaders().statistics().services;
        graph
            .services
            .iter()
            .map(|service| Service {
                name: service.name.clone(),
                kind: match service.kind {
                    SubgraphKind::GraphQl => ServiceKind::GraphQl,
                    SubgraphKind::Http => ServiceKind::Http,
                },
                url: service.urls.first().cloned(),
                urls: service.urls.clone(),
                loads: Loads::of(&statistics.get(service.name.as_str()).cloned().unwrap_or_default()),
            })
            .collect()
    }

    /// What the entity cache holds.
    async fn cache(&self) -> Cache {
        let cache = self.app.gateway.loaders().statistics().cache;
        Cache { entries: cache.entries, bytes: cache.bytes }
    }

    /// What came of the last attempt to build a graph; the first one is the start.
    async fn last_reload(&self) -> Reload {
        Reload::of(&self.app.control.status().last)
    }

    /// How often a graph was built since the start.
    async fn reloads(&self) -> Reloads {
        let status = self.app.control.status();
        Reloads { swapped: status.swaps, refused: status.refusals }
    }
}

/// The graph that is served.
#[derive(SimpleObject)]
struct Graph {
    /// Of all its texts.
    hash: String,
    /// When it was swapped in.
    since: Timestamp,
    /// Types that clients see.
    types: usize,
    /// Fields that clients see.
    fields: usize,
    /// The schema that clients see.
    sdl: String,
}

/// A moment.
#[derive(SimpleObject)]
struct Timestamp {
    /// Milliseconds since 1970, UTC.
    unix_ms: u64,
    /// Seconds that have passed since.
    age_seconds: u64,
}

impl Timestamp {
    fn of(time: SystemTime) -> Self {
        let unix = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_ms = u64::try_from(unix.as_millis()).unwrap_or(u64::MAX);
        Self { unix_ms, age_seconds: time.elapsed().unwrap_or_default().as_secs() }
    }
}

/// A text that the graph was built from.
#[derive(SimpleObject)]
struct Fragment {
    /// The file's stem, which is the service's name.
    name: String,
    /// Of its text.
    hash: String,
    /// Its length.
    bytes: usize,
}

/// A service of the graph.
#[derive(SimpleObject)]
struct Service {
    /// The fragment's name.
    name: String,
    /// How it is spoken to.
    kind: ServiceKind,
    /// Where it answers, without credentials: the first of `urls`. Null if nobody said.
    url: Option<String>,
    /// Where it answers, without credentials. An HTTP service has an address for each source of its fragment.
    urls: Vec<String>,
    /// What was loaded from it.
    loads: Loads,
}

/// How a service is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum ServiceKind {
    /// GraphQL operations.
    #[graphql(name = "GRAPHQL")]
    GraphQl,
    /// HTTP and JSON, as its fragment describes it.
    Http,
}

/// What was loaded from a service since the start.
#[derive(SimpleObject)]
struct Loads {
    /// Calls that were started.
    calls: u64,
    /// Calls under way.
    in_flight: u64,
    /// Calls that waited for another caller's instead of their own.
    shared: u64,
    /// Keys that batches were asked for, repetitions included.
    keys: u64,
    /// Keys that a batch named more than once; they travelled once.
    repeated_keys: u64,
    /// Keys that the cache answered.
    cache_hits: u64,
    /// Keys that the cache was asked for in vain.
    cache_misses: u64,
    /// Callers whose deadline passed.
    timeouts: u64,
    /// Calls that failed before there was an answer.
    unavailable: u64,
    /// Answers with another status than success.
    statuses: u64,
    /// Answers that could not be understood.
    invalid: u64,
    /// Calls that were dropped because nobody waited any more.
    abandoned: u64,
    /// How long a call took on average, in milliseconds. Null before the first one.
    mean_ms: Option<f64>,
}

impl Loads {
    fn of(statistics: &weft_loaders::ServiceStatistics) -> Self {
        let ended: u64 = statistics.latency.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "a mean for people")]
        let mean_ms = (ended > 0).then(|| statistics.latency_sum.as_secs_f64() * 1_000.0 / ended as f64);
        Self {
            calls: statistics.calls,
            in_flight: statistics.in_flight,
            shared: statistics.shared,
            keys: statistics.keys,
            repeated_keys: statistics.repeated_keys,
            cache_hits: statistics.cache_hits,
            cache_misses: statistics.cache_misses,
            timeouts: statistics.timeouts,
            unavailable: statistics.unavailable,
            statuses: statistics.statuses,
            invalid: statistics.invalid,
            abandoned: statistics.abandoned,
            mean_ms,
        }
    }
}

/// What the entity cache holds.
#[derive(SimpleObject)]
struct Cache {
    /// Entries.
    entries: u64,
    /// Their data, keys and bookkeeping.
    bytes: u64,
}

/// How often a graph was built since the start.
#[derive(SimpleObject)]
struct Reloads {
    /// Graphs that were swapped in, the first one included.
    swapped: u64,
    /// Attempts that left the graph as it was.
    refused: u64,
}

/// What came of an attempt to build a graph.
#[derive(SimpleObject)]
struct Reload {
    /// When.
    at: Timestamp,
    /// How it ended.
    outcome: ReloadOutcome,
    /// Why there was nothing to compose, in a sentence.
    failure: Option<String>,
    /// Everything that composition had to say.
    diagnostics: Vec<Diagnostic>,
}

/// How an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum ReloadOutcome {
    /// A new graph is served.
    Swapped,
    /// The files are again those of the graph that is served, after they were not.
    Unchanged,
    /// The graph stays as it was.
    Refused,
}

impl Reload {
    fn of(attempt: &Attempt) -> Self {
        Self {
            at: Timestamp::of(attempt.at),
            outcome: match attempt.outcome {
                control::Outcome::Swapped => ReloadOutcome::Swapped,
                control::Outcome::Unchanged => ReloadOutcome::Unchanged,
                control::Outcome::Refused => ReloadOutcome::Refused,
            },
            failure: attempt.failure.clone(),
            diagnostics: attempt.diagnostics.iter().map(Diagnostic::of).collect(),
        }
    }
}

/// One thing that composition had to say.
#[derive(SimpleObject)]
struct Diagnostic {
    /// Whether it stops composition.
    severity: DiagnosticSeverity,
    /// A stable code.
    code: String,
    /// One sentence.
    message: String,
    /// How to mend it.
    help: Option<String>,
    /// The places, the first one being where to start reading.
    places: Vec<Place>,
    /// All of it as `weft check` prints it.
    text: String,
}

/// Whether a diagnostic stops composition.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum DiagnosticSeverity {
    /// It does not.
    Hint,
    /// It does.
    Error,
}

/// A place in a fragment.
#[derive(SimpleObject)]
struct Place {
    /// The file, as it was given.
    file: String,
    /// From 1.
    line: usize,
    /// From 1, in characters.
    column: usize,
    /// What is to be said of it.
    text: Option<String>,
}

impl Diagnostic {
    fn of(diagnostic: &diagnostic::Diagnostic) -> Self {
        Self {
            severity: match diagnostic.severity {
                Severity::Hint => DiagnosticSeverity::Hint,
                Severity::Error => DiagnosticSeverity::Error,
            },
            code: diagnostic.code.to_owned(),
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
            places: diagnostic
                .labels
                .iter()
                .map(|label| {
                    let (line, column) = label.span.line_column();
                    let text = Some(label.text.clone()).filter(|text| !text.is_empty());
                    Place { file: label.span.source.name.clone(), line, column, text }
                })
                .collect(),
            text: diagnostic.to_string(),
        }
    }
}
