//! Numbers for Prometheus.
//!
//! In: what the request path counts, and at the time of a scrape what the loaders and the control room count
//! themselves. Out: the text format, version 0.0.4. Plain atomics rather than the `metrics` facade: its Prometheus
//! recorder keeps every sample until somebody scrapes, which nobody may ever do, and cannot pass on the histograms
//! that the loaders keep.

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::StatusCode;
use weft_loaders::{LATENCY_BOUNDS, ServiceStatistics};

use super::{App, VERSION};
use crate::{control, gateway};

/// Upper bounds of the request latency's buckets.
const BOUNDS: [Duration; 14] = [
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// By a status' first digit: every status of its own would let clients make series.
const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// What is counted on the request path.
#[derive(Default)]
pub(super) struct Metrics {
    in_flight: AtomicU64,
    latency: [Histogram; CLASSES.len()],
}

#[derive(Default)]
struct Histogram {
    /// The last one counts what is slower than every bound.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_us: AtomicU64,
}

/// Counts a request as under way for as long as it lives: also one whose client went away.
pub(super) struct InFlight<'a>(&'a Metrics);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

impl Metrics {
    pub(super) fn request_started(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(self)
    }

    pub(super) fn request_ended(&self, status: StatusCode, elapsed: Duration) {
        let class = usize::from(status.as_u16() / 100);
        let histogram = &self.latency[if class < CLASSES.len() { class } else { 0 }];
        let bucket = BOUNDS.iter().position(|bound| elapsed <= *bound).unwrap_or(BOUNDS.len());
        histogram.buckets[bucket].fetch_add(1, Relaxed);
        histogram.sum_us.fetch_add(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }
}

/// Everything, as Prometheus reads it.
pub(super) fn render(app: &App) -> String {
    let mut text = Text(String::with_capacity(8 << 10));
    build(&mut text, app);
    requests(&mut text, &app.metrics);
    let statistics = app.gateway.loaders().statistics();
    services(&mut text, &statistics.services.iter().map(|(name, s)| (&**name, s)).collect::<Vec<_>>());
    caches(&mut text, app.gateway.statistics());
    text.family("weft_cache_entries", "gauge", "Entries in the entity cache.");
    text.sample("weft_cache_entries", &[], statistics.cache.entries);
    text.family("weft_cache_bytes", "gauge", "Bytes that the entity cache holds, keys and bookkeeping included.");
    text.sample("weft_cache_bytes", &[], statistics.cache.bytes);
    graph(&mut text, &app.control.status());
    text.0
}

fn caches(text: &mut Text, statistics: &gateway::Statistics) {
    let lookups = [
        ("weft_document_cache", "Operations' texts", statistics.documents()),
        ("weft_plan_cache", "Operations", statistics.plans()),
    ];
    for (name, what, lookups) in lookups {
        let done = if name == "weft_plan_cache" { "planned" } else { "parsed" };
        let hits = format!("{name}_hits_total");
        text.family(&hits, "counter", &format!("{what} that were {done} before."));
        text.sample(&hits, &[], lookups.hits());
        let misses = format!("{name}_misses_total");
        text.family(&misses, "counter", &format!("{what} that had to be {done}."));
        text.sample(&misses, &[], lookups.misses());
    }
    let name = "weft_fallbacks_total";
    text.family(
        name,
        "counter",
        "Fields that failed and for which something stood in: a declared value, or an earlier answer.",
    );
    for (service, stood_in) in statistics.stood_in() {
        text.sample(name, &[("service", &service), ("by", "value")], stood_in.values);
        text.sample(name, &[("service", &service), ("by", "stale")], stood_in.stale);
    }
}

fn build(text: &mut Text, app: &App) {
    text.family("weft_build_info", "gauge", "Always 1; which build this is.");
    text.sample("weft_build_info", &[("version", VERSION.number), ("commit", VERSION.commit.unwrap_or("unknown"))], 1);
    text.family("weft_uptime_seconds", "gauge", "Seconds since the listeners opened.");
    text.sample("weft_uptime_seconds", &[], app.started.elapsed().as_secs());
}

fn requests(text: &mut Text, metrics: &Metrics) {
    text.family("weft_requests_in_flight", "gauge", "GraphQL requests that are being answered.");
    text.sample("weft_requests_in_flight", &[], metrics.in_flight.load(Relaxed));
    let name = "weft_request_duration_seconds";
    text.family(name, "histogram", "From a GraphQL request's headers to its answer, by class of status.");
    for (class, histogram) in CLASSES.iter().zip(&metrics.latency) {
        let buckets: Vec<u64> = histogram.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
        if buckets.iter().any(|count| *count > 0) {
            let sum = Duration::from_micros(histogram.sum_us.load(Relaxed));
            text.histogram(name, &[("status", class)], &BOUNDS, &buckets, sum);
        }
    }
}

/// A family of the services: its name, its kind, its help, and where its value is.
type ServiceFamily = (&'static str, &'static str, &'static str, fn(&ServiceStatistics) -> u64);

const SERVICE_FAMILIES: [ServiceFamily; 8] = [
    ("weft_service_calls_total", "counter", "Calls that were started.", |s| s.calls),
    (
        "weft_service_calls_shared_total",
        "counter",
        "Calls that waited for another caller's instead of their own.",
        |s| s.shared,
    ),
    ("weft_service_calls_in_flight", "gauge", "Calls under way.", |s| s.in_flight),
    ("weft_service_calls_abandoned_total", "counter", "Calls that were dropped because nobody waited any more.", |s| {
        s.abandoned
    }),
    ("weft_service_keys_total", "counter", "Keys that batches were asked for, repetitions included.", |s| s.keys),
    (
        "weft_service_keys_repeated_total",
        "counter",
        "Keys that a batch named more than once; they travelled once.",
        |s| s.repeated_keys,
    ),
    ("weft_service_cache_hits_total", "counter", "Keys that the cache answered.", |s| s.cache_hits),
    ("weft_service_cache_misses_total", "counter", "Keys that the cache was asked for in vain.", |s| s.cache_misses),
];

fn services(text: &mut Text, services: &[(&str, &ServiceStatistics)]) {
    for (name, kind, help, value) in SERVICE_FAMILIES {
        text.family(name, kind, help);
        for (service, statistics) in services {
            text.sample(name, &[("service", service)], value(statistics));
        }
    }
    let name = "weft_service_failures_total";
    text.family(name, "counter", "Calls that failed, by what went wrong.");
    for (service, statistics) in services {
        for (reason, count) in [
            ("timeout", statistics.timeouts),
            ("unavailable", statistics.unavailable),
            ("status", statistics.statuses),
            ("invalid", statistics.invalid),
        ] {
            text.sample(name, &[("service", service), ("reason", reason)], count);
        }
    }
    let name = "weft_service_call_duration_seconds";
    text.family(name, "histogram", "How long calls took, failed ones included.");
    for (service, statistics) in services {
        text.histogram(name, &[("service", service)], &LATENCY_BOUNDS, &statistics.latency, statistics.latency_sum);
    }
}

fn graph(text: &mut Text, status: &control::Status) {
    text.family("weft_graph_info", "gauge", "Always 1; which graph is served.");
    text.sample("weft_graph_info", &[("hash", &status.graph.hash)], 1);
    text.family("weft_graph_fragments", "gauge", "Fragments of the graph.");
    text.sample("weft_graph_fragments", &[], status.graph.fragments.len());
    text.family("weft_reloads_total", "counter", "Graphs that were built, by how it ended; the start counts.");
    text.sample("weft_reloads_total", &[("outcome", "swapped")], status.swaps);
    text.sample("weft_reloads_total", &[("outcome", "refused")], status.refusals);
    text.family("weft_reload_failed", "gauge", "1 while the files do not compose and an older graph is served.");
    text.sample("weft_reload_failed", &[], u8::from(status.last.outcome == control::Outcome::Refused));
}

/// Lines of the text format. Writing to a `String` cannot fail.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        if !labels.is_empty() {
            self.0.push('{');
            for (index, (label, text)) in labels.iter().enumerate() {
                let _ = write!(self.0, "{}{label}=\"", if index > 0 { "," } else { "" });
                for c in text.chars() {
                    match c {
                        '\\' => self.0.push_str("\\\\"),
                        '"' => self.0.push_str("\\\""),
                        '\n' => self.0.push_str("\\n"),
                        c => self.0.push(c),
                    }
                }
                self.0.push('"');
            }
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// `buckets[i]` counts what lies within `bounds[i]` and not within the one before; the last one has no bound.
    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], bounds: &[Duration], buckets: &[u64], sum: Duration) {
        let bucket_name = format!("{name}_bucket");
        let mut total = 0;
        for (index, count) in buckets.iter().enumerate() {
            total += count;
            let bound = bounds.get(index).map_or_else(|| "+Inf".to_owned(), |bound| bound.as_secs_f64().to_string());
            let mut labels = labels.to_vec();
            labels.push(("le", &bound));
            self.sample(&bucket_name, &labels, total);
        }
        self.sample(&format!("{name}_sum"), labels, sum.as_secs_f64());
        self.sample(&format!("{name}_count"), labels, total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_are_cumulative_and_labels_are_escaped() {
        let mut text = Text(String::new());
        let bounds = [Duration::from_micros(2_500), Duration::from_secs(1)];
        text.histogram("h", &[("service", "a\"b\\c\n")], &bounds, &[2, 0, 3], Duration::from_millis(4_500));
        insta::assert_snapshot!(text.0, @r#"
        h_bucket{service="a\"b\\c\n",le="0.0025"} 2
        h_bucket{service="a\"b\\c\n",le="1"} 2
        h_bucket{service="a\"b\\c\n",le="+Inf"} 5
        h_sum{service="a\"b\\c\n"} 4.5
        h_count{service="a\"b\\c\n"} 5
        "#);
    }

    #[test]
    fn a_request_is_counted_once_and_never_stays_in_flight() {
        let metrics = Metrics::default();
        drop(metrics.request_started());
        assert_eq!(metrics.in_flight.load(Relaxed), 0);
        metrics.request_ended(StatusCode::OK, Duration::from_millis(1));
        metrics.request_ended(StatusCode::OK, Duration::from_secs(100));
        let counts: Vec<u64> = metrics.latency[2].buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
        assert_eq!((counts[1], counts[BOUNDS.len()], counts.iter().sum()), (1, 1, 2_u64));
    }
}
