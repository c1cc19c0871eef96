//! Counts and traces exchanges.
//!
//! In: a call and the transport under it. Out: its answer; its counts and its span are made on the way.
//! Names of services, methods, statuses and durations are recorded; never a URL, a header, a key or a body.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{Instrument, Span, debug, debug_span, field};

use crate::{Answer, Call, LATENCY_BOUNDS, LoadError, ServiceStatistics, Transport};

/// The services that were ever asked. There are as many as the graph has.
#[derive(Default)]
pub(crate) struct Services {
    by_name: RwLock<HashMap<Arc<str>, Arc<Service>>>,
}

/// One service's counters.
#[derive(Default)]
pub(crate) struct Service {
    pub(crate) calls: AtomicU64,
    pub(crate) shared: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) keys: AtomicU64,
    pub(crate) repeated_keys: AtomicU64,
    pub(crate) cache_hits: AtomicU64,
    pub(crate) cache_misses: AtomicU64,
    pub(crate) timeouts: AtomicU64,
    pub(crate) unavailable: AtomicU64,
    pub(crate) statuses: AtomicU64,
    pub(crate) invalid: AtomicU64,
    pub(crate) abandoned: AtomicU64,
    latency: [AtomicU64; LATENCY_BOUNDS.len() + 1],
    latency_sum_ns: AtomicU64,
    /// Writes that ended. A read joins only an exchange that began at the same count.
    pub(crate) writes: AtomicU64,
}

impl Services {
    pub(crate) fn get(&self, name: &Arc<str>) -> Arc<Service> {
        // The map is never left half changed, so that a poisoned lock means nothing here.
        if let Some(service) = self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(service);
        }
        let mut services = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(services.entry(Arc::clone(name)).or_default())
    }

    pub(crate) fn statistics(&self) -> BTreeMap<Arc<str>, ServiceStatistics> {
        let services = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        services.iter().map(|(name, service)| (Arc::clone(name), service.statistics())).collect()
    }
}

impl Service {
    fn statistics(&self) -> ServiceStatistics {
        ServiceStatistics {
            calls: self.calls.load(Relaxed),
            shared: self.shared.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            keys: self.keys.load(Relaxed),
            repeated_keys: self.repeated_keys.load(Relaxed),
            cache_hits: self.cache_hits.load(Relaxed),
            cache_misses: self.cache_misses.load(Relaxed),
            timeouts: self.timeouts.load(Relaxed),
            unavailable: self.unavailable.load(Relaxed),
            statuses: self.statuses.load(Relaxed),
            invalid: self.invalid.load(Relaxed),
            abandoned: self.abandoned.load(Relaxed),
            latency: std::array::from_fn(|i| self.latency[i].load(Relaxed)),
            latency_sum: Duration::from_nanos(self.latency_sum_ns.load(Relaxed)),
        }
    }
}

/// Makes the exchange, counted and traced.
pub(crate) async fn exchange(transport: &dyn Transport, service: &Service, call: &Call) -> Result<Answer, LoadError> {
    let span = debug_span!(
        "service call",
        otel.kind = "client",
        otel.name = call.method.as_str(),
        peer.service = &*call.service,
        http.request.method = call.method.as_str(),
        http.response.status_code = field::Empty,
        "error.type" = field::Empty,
    );
    let mut running = Running::start(service, span.clone());
    let result = transport.exchange(call).instrument(span).await;
    running.outcome = Some(match &result {
        Ok(answer) => Outcome::Answered(answer.status.as_u16()),
        Err(error) => Outcome::Failed(kind(error)),
    });
    match &result {
        Ok(answer) if answer.status.is_success() => {}
        Ok(_) => count(&service.statuses),
        Err(error) => count_failure(service, error),
    }
    result
}

/// Counts one failure by its kind.
pub(crate) fn count_failure(service: &Service, error: &LoadError) {
    count(match error {
        LoadError::Timeout(_) => &service.timeouts,
        LoadError::Unavailable(_) => &service.unavailable,
        LoadError::Status(_) => &service.statuses,
        LoadError::Invalid(_) => &service.invalid,
        LoadError::Refused(_) => return,
    });
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

pub(crate) fn count_many(counter: &AtomicU64, many: usize) {
    counter.fetch_add(many as u64, Relaxed);
}

fn kind(error: &LoadError) -> &'static str {
    match error {
        LoadError::Timeout(_) => "timeout",
        LoadError::Unavailable(_) => "unavailable",
        LoadError::Status(_) => "status",
        LoadError::Invalid(_) => "invalid",
        LoadError::Refused(_) => "refused",
    }
}

enum Outcome {
    Answered(u16),
    Failed(&'static str),
}

/// An exchange under way; what it took is recorded when it is dropped, answered or not.
struct Running<'a> {
    service: &'a Service,
    started: Instant,
    span: Span,
    outcome: Option<Outcome>,
}

impl<'a> Running<'a> {
    fn start(service: &'a Service, span: Span) -> Running<'a> {
        count(&service.calls);
        count(&service.in_flight);
        Running { service, started: Instant::now(), span, outcome: None }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        let bucket = LATENCY_BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(LATENCY_BOUNDS.len());
        count(&self.service.latency[bucket]);
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.service.latency_sum_ns.fetch_add(nanoseconds, Relaxed);
        self.service.in_flight.fetch_sub(1, Relaxed);
        let error = match self.outcome {
            Some(Outcome::Answered(status)) => {
                self.span.record("http.response.status_code", status);
                (!(200..300).contains(&status)).then_some("status")
            }
            Some(Outcome::Failed(kind)) => Some(kind),
            None => {
                count(&self.service.abandoned);
                Some("abandoned")
            }
        };
        if let Some(error) = error {
            self.span.record("error.type", error);
        }
        let duration_ms = took.as_secs_f64() * 1e3;
        debug!(parent: &self.span, duration_ms, outcome = error.unwrap_or("success"), "service call ended");
    }
}
