//! Identical reads in flight are one exchange.
//!
//! In: calls. Out: their answers, shared. An exchange is a future that all its waiters hold and any of them drives, so that a cancelled caller
//! takes nobody down and the last one to leave ends the exchange; nothing is spawned.
//! Each waiter has its own deadline. The registry below only refers to exchanges, it keeps none alive.
//! Deliberately absent: answers that are complete; reuse over time is the cache's.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{Shared as SharedFuture, WeakShared};
use tokio::time::{Instant, timeout_at};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::observe::{self, Service, count};
use crate::{Answer, Call, Effect, LoadError, Shared};

type Outcome = Result<Arc<Answer>, LoadError>;
type SharedExchange = SharedFuture<Pin<Box<dyn Future<Output = Outcome> + Send>>>;

/// Power of two. Requests on different threads seldom wait for each other.
const SHARDS: usize = 16;

/// The reads under way.
pub(crate) struct Flights {
    /// Makes hashes unpredictable. Equality decides; a collision only costs a comparison.
    seed: u64,
    next_id: AtomicU64,
    shards: [Mutex<HashMap<u64, Vec<Flight>>>; SHARDS],
}

/// One exchange that may be joined.
struct Flight {
    id: u64,
    call: Arc<Call>,
    /// The service's count of ended writes when it began.
    writes: u64,
    exchange: WeakShared<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
}

/// See [`crate::Loaders::call`].
pub(crate) async fn call(shared: &Arc<Shared>, call: Call) -> Outcome {
    let service = shared.services.get(&call.service);
    let (deadline, timeout) = (call.deadline, call.timeout);
    let outcome = if deadline <= Instant::now() {
        None
    } else if call.effect == Effect::Read {
        timeout_at(deadline, join(shared, &service, call)).await.ok()
    } else {
        let _ended = (call.effect == Effect::Write).then(|| WriteEnded(&service));
        let exchange = observe::exchange(&*shared.transport, &service, &call);
        timeout_at(deadline, exchange).await.ok().map(|result| result.map(Arc::new))
    };
    outcome.unwrap_or_else(|| {
        count(&service.timeouts);
        Err(LoadError::Timeout(timeout))
    })
}

/// Reads that begin later must not join one that began before this write: they could miss what it did.
struct WriteEnded<'a>(&'a Service);

impl Drop for WriteEnded<'_> {
    fn drop(&mut self) {
        self.0.writes.fetch_add(1, Ordering::SeqCst);
    }
}

/// An identical exchange under way, or a new one.
fn join(shared: &Arc<Shared>, service: &Arc<Service>, call: Call) -> SharedExchange {
    let flights = &shared.flights;
    let hash = flights.hash(&call);
    let writes = service.writes.load(Ordering::SeqCst);
    let mut shard = flights.shard(hash);
    let same = shard.entry(hash).or_default();
    let now = Instant::now();
    for flight in same.iter() {
        // After its own deadline an exchange takes no more followers: one that hangs would live as long as they keep coming.
        if flight.writes == writes && now < flight.call.deadline && is_same(&flight.call, &call) {
            // It fails only while the last waiter is leaving.
            if let Some(exchange) = flight.exchange.upgrade() {
                count(&service.shared);
                return exchange;
            }
        }
    }
    let call = Arc::new(call);
    let id = flights.next_id.fetch_add(1, Ordering::Relaxed);
    let registration = Registration { flights: Arc::clone(flights), hash, id };
    let exchange = run(Arc::clone(shared), Arc::clone(service), Arc::clone(&call), registration).boxed().shared();
    if let Some(weak) = exchange.downgrade() {
        same.push(Flight { id, call, writes, exchange: weak });
    }
    exchange
}

async fn run(shared: Arc<Shared>, service: Arc<Service>, call: Arc<Call>, registration: Registration) -> Outcome {
    let exchange = observe::exchange(&*shared.transport, &service, &call);
    // A panic would otherwise reach every waiter, of requests that have nothing else to do with each other.
    let result = AssertUnwindSafe(exchange).catch_unwind().await.unwrap_or_else(|_panic| {
        count(&service.unavailable);
        Err(LoadError::Unavailable("the load failed in the gateway"))
    });
    // Whoever calls from now on makes an exchange of their own.
    drop(registration);
    result.map(Arc::new)
}

/// Takes a flight out of the registry when its exchange is complete or dropped.
struct Registration {
    flights: Arc<Flights>,
    hash: u64,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut shard = self.flights.shard(self.hash);
        let Some(same) = shard.get_mut(&self.hash) else { return };
        same.retain(|flight| flight.id != self.id);
        if same.is_empty() {
            shard.remove(&self.hash);
        }
    }
}

impl Default for Flights {
    fn default() -> Flights {
        Flights { seed: RandomState::new().hash_one(0_u8), next_id: AtomicU64::new(0), shards: Default::default() }
    }
}

impl Flights {
    fn shard(&self, hash: u64) -> MutexGuard<'_, HashMap<u64, Vec<Flight>>> {
        let shard = &self.shards[hash as usize & (SHARDS - 1)];
        // No code that could panic halfway through a change runs under the lock.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of all that [`is_same`] compares; equal header maps may iterate in different orders, so theirs are added up.
    fn hash(&self, call: &Call) -> u64 {
        let mut headers = 0_u64;
        for (name, value) in &call.headers {
            let name = xxh3_64_with_seed(name.as_str().as_bytes(), self.seed);
            headers = headers.wrapping_add(xxh3_64_with_seed(value.as_bytes(), name));
        }
        let hash = xxh3_64_with_seed(call.service.as_bytes(), headers);
        let hash = xxh3_64_with_seed(call.method.as_str().as_bytes(), hash);
        let hash = xxh3_64_with_seed(call.url.as_bytes(), hash);
        xxh3_64_with_seed(&call.body, hash ^ self.seed)
    }
}

/// Whether the service cannot tell these calls apart.
fn is_same(a: &Call, b: &Call) -> bool {
    a.service == b.service && a.method == b.method && a.url == b.url && a.body == b.body && a.headers == b.headers
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderMap, Method, StatusCode};

    use super::*;
    use crate::{Exchange, Loaders, Settings, Transport};

    struct Slow;

    impl Transport for Slow {
        fn exchange<'a>(&'a self, _: &'a Call) -> Exchange<'a> {
            Box::pin(async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::new() })
            })
        }
    }

    fn call(timeout: Duration) -> Call {
        Call {
            service: Arc::from("video"),
            method: Method::GET,
            url: "http://video.test/".into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            effect: Effect::Read,
            deadline: Instant::now() + timeout,
            timeout,
        }
    }

    /// The registry would otherwise grow with every call that ever was.
    #[tokio::test(start_paused = true)]
    async fn nothing_stays_in_the_registry() {
        let loaders = Loaders::with_transport(Settings::default(), Arc::new(Slow));
        let held =
            || loaders.shared.flights.shards.iter().map(|shard| shard.lock().map_or(0, |shard| shard.len())).sum();
        let in_time = loaders.call(call(Duration::from_secs(1)));
        let looked_at = async {
            tokio::task::yield_now().await;
            held()
        };
        let (answered, while_under_way): (_, usize) = tokio::join!(in_time, looked_at);
        assert!(answered.is_ok());
        assert_eq!((while_under_way, held()), (1, 0));

        let late = loaders.call(call(Duration::from_millis(1))).await;
        assert_eq!((late.is_err(), held()), (true, 0));
    }
}
