//! Earlier answers that stand in for loads that fail.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AGE, AUTHORIZATION, CACHE_CONTROL};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::advance;
use weft_loaders::{Answer, Effect, LoadError, Loaders, Partition, Reuse, Settings};

use crate::script::{Commas, SECOND, Script, answer, batch, counts, echo, keys, loaders};

const HOUR: Duration = Duration::from_secs(3_600);

/// Reused for a minute, standing in for an hour.
fn reuse() -> Option<Reuse> {
    Some(Reuse { partition: Partition::new().with(b"titles"), max_age: 60 * SECOND, stale: HOUR, from_kept: true })
}

fn only_stale() -> Option<Reuse> {
    reuse().map(|reuse| Reuse { max_age: Duration::ZERO, ..reuse })
}

/// What the service does now.
#[derive(Clone)]
enum Mode {
    Echoes(&'static str),
    Fails(LoadError),
    Status(u16),
    Says(&'static str),
    Hangs,
}

/// A service whose ways a test changes.
fn service(mode: &Arc<Mutex<Mode>>) -> Arc<Script> {
    let mode = Arc::clone(mode);
    Script::new(move |call| {
        let mode = mode.lock().unwrap().clone();
        async move {
            match mode {
                Mode::Echoes(control) => {
                    let mut answer = echo(&call);
                    answer.headers.insert(CACHE_CONTROL, HeaderValue::from_static(control));
                    Ok(answer)
                }
                Mode::Fails(error) => Err(error),
                Mode::Status(status) => Ok(Answer { status: StatusCode::from_u16(status).unwrap(), ..answer("no") }),
                Mode::Says(text) => Ok(answer(text)),
                Mode::Hangs => std::future::pending().await,
            }
        }
    })
}

struct Running {
    mode: Arc<Mutex<Mode>>,
    script: Arc<Script>,
    loaders: Loaders,
}

fn running() -> Running {
    let mode = Arc::new(Mutex::new(Mode::Echoes("")));
    let script = service(&mode);
    Running { loaders: loaders(&script), mode, script }
}

impl Running {
    fn turn(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    /// `result` or `result (stale after seconds)`.
    async fn load(&self, given: &[&str], reuse: Option<Reuse>) -> Vec<String> {
        let given = keys(given);
        let outcomes = self.loaders.load(batch(&given, 10, reuse), &Commas::default()).await;
        let show = |outcome: &weft_loaders::Outcome| {
            let result = crate::script::show(&outcome.result);
            match &outcome.stale {
                None => result,
                Some(stale) => {
                    let data = String::from_utf8(stale.entry.data.to_vec()).unwrap();
                    format!("{result} ({data} after {} s)", stale.age.as_secs())
                }
            }
        };
        outcomes.iter().map(show).collect()
    }
}

fn down() -> Mode {
    Mode::Fails(LoadError::Unavailable("refused"))
}

#[tokio::test(start_paused = true)]
async fn an_earlier_answer_stands_in_until_it_is_too_old() {
    let it = running();
    assert_eq!(it.load(&["a"], reuse()).await, ["a!"]);
    it.turn(down());
    advance(60 * SECOND - Duration::from_millis(1)).await;
    assert_eq!(it.load(&["a"], reuse()).await, ["a!"], "still fresh: the service is not asked");
    assert_eq!(it.script.calls().len(), 1);
    advance(Duration::from_millis(1)).await;
    let stale = it.load(&["a", "b", "a"], reuse()).await;
    assert_eq!(stale, ["error: refused (a! after 60 s)", "error: refused", "error: refused (a! after 60 s)"]);
    advance(HOUR - 60 * SECOND).await;
    assert_eq!(it.load(&["a"], reuse()).await, ["error: refused (a! after 3600 s)"]);
    advance(Duration::from_millis(1)).await;
    assert_eq!(it.load(&["a"], reuse()).await, ["error: refused"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_lifetime_a_service_that_works_is_asked_each_time() {
    let it = running();
    for _ in 0..2 {
        assert_eq!(it.load(&["a"], only_stale()).await, ["a!"]);
    }
    assert_eq!(it.script.calls().len(), 2);
    assert_eq!((counts(&it.loaders).cache_hits, counts(&it.loaders).cache_misses), (0, 0));
    it.turn(Mode::Hangs);
    advance(SECOND).await;
    assert_eq!(it.load(&["a"], only_stale()).await, ["error: no answer within 1000 ms (a! after 2 s)"]);
    assert_eq!(it.load(&["a"], None).await, ["error: no answer within 1000 ms"]);
    let shorter = only_stale().map(|reuse| Reuse { stale: 2 * SECOND, ..reuse });
    assert_eq!(it.load(&["a"], shorter).await, ["error: no answer within 1000 ms"], "each load has its own bound");
}

#[tokio::test(start_paused = true)]
async fn failures_of_single_keys_and_notes_count_as_failures() {
    let it = running();
    it.load(&["a", "b", "c"], only_stale()).await;
    it.turn(Mode::Says("noted!,failed!,c!"));
    let loaded = it.load(&["a", "b", "c"], only_stale()).await;
    assert_eq!(loaded, ["noted! (a! after 0 s)", "error: failed (b! after 0 s)", "c!"]);
    for mode in [Mode::Status(500), Mode::Status(503), Mode::Status(408), Mode::Status(429), Mode::Says("a!,b!")] {
        it.turn(mode);
        assert!(it.load(&["a"], only_stale()).await[0].ends_with("(a! after 0 s)"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_service_takes_back_does_not_return() {
    for takes_back in [
        Mode::Status(401),
        Mode::Status(403),
        Mode::Status(404),
        Mode::Says("missing!"),
        Mode::Echoes("no-store"),
        Mode::Echoes("private"),
        Mode::Echoes("no-cache"),
        Mode::Echoes("max-age=60, must-revalidate"),
    ] {
        let it = running();
        it.load(&["a", "b"], only_stale()).await;
        it.turn(takes_back);
        let loaded = it.load(&["a"], only_stale()).await;
        assert!(!loaded[0].contains("after"), "{loaded:?}");
        it.turn(down());
        let loaded = it.load(&["a", "b"], only_stale()).await;
        assert_eq!(loaded, ["error: refused", "error: refused (b! after 0 s)"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_service_shortens_the_bound() {
    for (control, seconds) in [("max-age=0, stale-if-error=10", 10), ("max-age=5, stale-if-error=10", 15)] {
        let it = running();
        it.turn(Mode::Echoes(control));
        it.load(&["a"], reuse()).await;
        it.turn(down());
        advance(seconds * SECOND).await;
        assert_eq!(it.load(&["a"], reuse()).await, [format!("error: refused (a! after {seconds} s)")]);
        advance(Duration::from_millis(1)).await;
        assert_eq!(it.load(&["a"], reuse()).await, ["error: refused"]);
    }
}

#[tokio::test(start_paused = true)]
async fn time_in_other_caches_is_age() {
    let down = Arc::new(Mutex::new(false));
    let is_down = Arc::clone(&down);
    let script = Script::new(move |call| {
        let down = *is_down.lock().unwrap();
        async move {
            if down {
                return Err(LoadError::Unavailable("refused"));
            }
            let mut answer = echo(&call);
            answer.headers.insert(AGE, HeaderValue::from_static("3590"));
            Ok(answer)
        }
    });
    let loaders = loaders(&script);
    let given = keys(&["a"]);
    loaders.load(batch(&given, 10, only_stale()), &Commas::default()).await;
    *down.lock().unwrap() = true;
    advance(10 * SECOND).await;
    let stale = loaders.load(batch(&given, 10, only_stale()), &Commas::default()).await.remove(0).stale;
    assert_eq!(stale.map(|stale| stale.age), Some(HOUR));
    advance(Duration::from_millis(1)).await;
    assert!(loaders.load(batch(&given, 10, only_stale()), &Commas::default()).await[0].stale.is_none());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_answered_with_what_another_was() {
    let user = |name: &'static str| {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(name))]);
        only_stale().map(|reuse| Reuse { partition: Partition::new().with_headers(&headers), ..reuse })
    };
    let it = running();
    it.load(&["a"], user("ann")).await;
    it.turn(down());
    assert_eq!(it.load(&["a"], user("bob")).await, ["error: refused"]);
    assert_eq!(it.load(&["a"], user("ann")).await, ["error: refused (a! after 0 s)"]);
}

#[tokio::test(start_paused = true)]
async fn a_write_keeps_nothing_and_nothing_stands_in_for_it() {
    let it = running();
    let given = keys(&["a"]);
    let writing = Commas { effect: Effect::Write, ..Commas::default() };
    it.loaders.load(batch(&given, 10, only_stale()), &writing).await;
    assert_eq!(it.loaders.statistics().cache.entries, 0);
    it.load(&["a"], only_stale()).await;
    it.turn(down());
    assert!(it.loaders.load(batch(&given, 10, only_stale()), &writing).await[0].stale.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_is_bounded_as_the_cache_is() {
    let script = Script::new(|call| async move {
        let entries = call.body.split(|b| *b == b',').map(|_| "x".repeat(1_000));
        Ok(answer(entries.collect::<Vec<_>>().join(",")))
    });
    let settings = Settings { cache_bytes_max: 100_000, ..Settings::default() };
    let loaders = Loaders::with_transport(settings, script.clone());
    let given: Vec<Bytes> = (0..5_000).map(|i| Bytes::from(i.to_string())).collect();
    loaders.load(batch(&given, 100, only_stale()), &Commas::default()).await;
    let cache = loaders.statistics().cache;
    assert!(cache.bytes <= 100_000 && cache.entries >= 10, "{cache:?}");
}
