use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep};
use weft_loaders::{Answer, Call, Effect, LoadError, Loaders};

use crate::script::{SECOND, Script, answer, call, counts, loaders};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn spawn(loaders: &Loaders, call: Call) -> JoinHandle<Result<Arc<Answer>, LoadError>> {
    let loaders = loaders.clone();
    tokio::spawn(async move { loaders.call(call).await })
}

/// Lets everything run that can, without letting time pass.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn identical_reads_in_flight_are_one_exchange() {
    let script = Script::echo(ms(100));
    let loaders = loaders(&script);
    let waiters: Vec<_> = (0..50).map(|_| spawn(&loaders, call(SECOND))).collect();
    let mut answers = Vec::new();
    for waiter in waiters {
        answers.push(waiter.await.unwrap().unwrap());
    }
    assert_eq!(script.calls().len(), 1);
    assert!(answers.iter().all(|answer| Arc::ptr_eq(answer, &answers[0])), "the answer is shared, not copied");
    assert_eq!((counts(&loaders).calls, counts(&loaders).shared), (1, 49));

    loaders.call(call(SECOND)).await.unwrap();
    assert_eq!(script.calls().len(), 2, "a complete exchange is not reused");
}

#[tokio::test(start_paused = true)]
async fn whatever_the_service_can_tell_apart_is_not_shared() {
    let script = Script::echo(ms(100));
    let loaders = loaders(&script);
    let header = |name: &'static str, value: &'static str| {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
    };
    let twice = |values: [&'static str; 2]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-a", HeaderValue::from_static(value));
        }
        headers
    };
    let different = [
        call(SECOND),
        Call { service: Arc::from("rating"), ..call(SECOND) },
        Call { method: Method::PUT, ..call(SECOND) },
        Call { url: "http://video.test/videos?".into(), ..call(SECOND) },
        Call { body: Bytes::from_static(b"2"), ..call(SECOND) },
        Call { headers: header("authorization", "a"), ..call(SECOND) },
        Call { headers: header("authorization", "b"), ..call(SECOND) },
        Call { headers: header("x-user", "a"), ..call(SECOND) },
        // Values of one name have an order; two names that swap their values are others.
        Call { headers: twice(["a", "b"]), ..call(SECOND) },
        Call { headers: twice(["b", "a"]), ..call(SECOND) },
        Call { headers: twice(["a", "a"]), ..call(SECOND) },
    ];
    let count = different.len();
    let waiters: Vec<_> = different.into_iter().map(|call| spawn(&loaders, call)).collect();
    for waiter in waiters {
        waiter.await.unwrap().unwrap();
    }
    assert_eq!(script.calls().len(), count);
}

#[tokio::test(start_paused = true)]
async fn the_order_in_which_headers_were_set_does_not_matter() {
    let script = Script::echo(ms(100));
    let loaders = loaders(&script);
    let headers = |names: [&'static str; 2]| {
        names
            .into_iter()
            .map(|name| (HeaderName::from_static(name), HeaderValue::from_static(name)))
            .collect::<HeaderMap>()
    };
    let one = spawn(&loaders, Call { headers: headers(["x-a", "x-b"]), ..call(SECOND) });
    let other = spawn(&loaders, Call { headers: headers(["x-b", "x-a"]), ..call(SECOND) });
    one.await.unwrap().unwrap();
    other.await.unwrap().unwrap();
    assert_eq!(script.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shared_too() {
    let script = Script::new(|_| async {
        sleep(ms(10)).await;
        Err(LoadError::Unavailable("connection reset"))
    });
    let loaders = loaders(&script);
    let (one, other) = tokio::join!(loaders.call(call(SECOND)), loaders.call(call(SECOND)));
    assert_eq!(one.unwrap_err(), LoadError::Unavailable("connection reset"));
    assert_eq!(other.unwrap_err(), LoadError::Unavailable("connection reset"));
    assert_eq!((script.calls().len(), counts(&loaders).unavailable), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_leader_takes_nobody_down() {
    let script = Script::echo(ms(100));
    let loaders = loaders(&script);
    let leader = spawn(&loaders, call(SECOND));
    settle().await;
    let followers = [spawn(&loaders, call(SECOND)), spawn(&loaders, call(SECOND))];
    settle().await;
    leader.abort();
    for follower in followers {
        assert_eq!(follower.await.unwrap().unwrap().body, "1!");
    }
    assert_eq!((script.calls().len(), script.dropped()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_last_waiter_ends_the_exchange() {
    let script = Script::echo(ms(100));
    let loaders = loaders(&script);
    let waiters = [spawn(&loaders, call(SECOND)), spawn(&loaders, call(SECOND))];
    settle().await;
    waiters[0].abort();
    settle().await;
    assert_eq!(script.dropped(), 0);
    waiters[1].abort();
    settle().await;
    assert_eq!(script.dropped(), 1);
    assert_eq!((counts(&loaders).abandoned, counts(&loaders).in_flight), (1, 0));
    assert_eq!(loaders.call(call(SECOND)).await.unwrap().body, "1!", "and the next one starts afresh");
}

#[tokio::test(start_paused = true)]
async fn each_waiter_has_its_own_deadline() {
    let script = Script::echo(ms(500));
    let loaders = loaders(&script);
    let started = Instant::now();
    // The leader is neither the most nor the least patient.
    let waiters: Vec<_> = [300, 100, 600, 400].map(|timeout| spawn(&loaders, call(ms(timeout)))).into_iter().collect();
    let mut outcomes = Vec::new();
    for waiter in waiters {
        outcomes.push(waiter.await.unwrap().map(|answer| answer.body.clone()));
    }
    assert_eq!(outcomes[0], Err(LoadError::Timeout(ms(300))));
    assert_eq!(outcomes[1], Err(LoadError::Timeout(ms(100))));
    assert_eq!(outcomes[2], Ok(Bytes::from_static(b"1!")));
    assert_eq!(outcomes[3], Err(LoadError::Timeout(ms(400))));
    assert_eq!(started.elapsed(), ms(500));
    assert_eq!((script.calls().len(), counts(&loaders).timeouts, counts(&loaders).abandoned), (1, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_comes_at_the_deadline() {
    let script = Script::new(|_| std::future::pending());
    let loaders = loaders(&script);
    for effect in [Effect::Read, Effect::Write] {
        let started = Instant::now();
        let error = loaders.call(Call { effect, ..call(ms(250)) }).await.unwrap_err();
        assert_eq!((error, started.elapsed()), (LoadError::Timeout(ms(250)), ms(250)));
    }
    assert_eq!(script.dropped(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_hangs_is_not_kept_alive_by_new_followers() {
    let hung = std::sync::atomic::AtomicBool::new(false);
    let script = Script::new(move |_| {
        let first = !hung.swap(true, std::sync::atomic::Ordering::SeqCst);
        async move { if first { std::future::pending().await } else { Ok(answer("fresh")) } }
    });
    let loaders = loaders(&script);
    let leader = spawn(&loaders, call(ms(100)));
    settle().await;
    advance(ms(99)).await;
    let follower = spawn(&loaders, call(ms(100)));
    settle().await;
    advance(ms(2)).await;
    assert_eq!(leader.await.unwrap().unwrap_err(), LoadError::Timeout(ms(100)));
    // The follower still waits for the first exchange, but whoever comes now does not.
    assert_eq!(loaders.call(call(ms(100))).await.unwrap().body, "fresh");
    assert_eq!(follower.await.unwrap().unwrap_err(), LoadError::Timeout(ms(100)));
}

#[tokio::test(start_paused = true)]
async fn a_passed_deadline_sends_nothing() {
    let script = Script::echo(Duration::ZERO);
    let loaders = loaders(&script);
    for effect in [Effect::Read, Effect::Write] {
        let late = Call { effect, deadline: Instant::now(), ..call(ms(250)) };
        assert_eq!(loaders.call(late).await.unwrap_err(), LoadError::Timeout(ms(250)));
    }
    assert!(script.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn writes_travel_once_each() {
    let script = Script::echo(ms(100));
    let loaders = loaders(&script);
    let write = || Call { effect: Effect::Write, ..call(SECOND) };
    let waiters: Vec<_> = (0..5).map(|_| spawn(&loaders, write())).collect();
    let read = spawn(&loaders, call(SECOND));
    for waiter in waiters {
        waiter.await.unwrap().unwrap();
    }
    read.await.unwrap().unwrap();
    assert_eq!((script.calls().len(), counts(&loaders).shared), (6, 0));
}

#[tokio::test(start_paused = true)]
async fn a_read_after_a_write_does_not_join_one_from_before() {
    let script = Script::new(|call| async move {
        sleep(if call.effect == Effect::Write { ms(10) } else { ms(100) }).await;
        Ok(answer("1!"))
    });
    let loaders = loaders(&script);
    let before = spawn(&loaders, call(SECOND));
    settle().await;
    let write = Call { effect: Effect::Write, body: Bytes::from_static(b"change"), ..call(SECOND) };
    loaders.call(write).await.unwrap();
    let after = [spawn(&loaders, call(SECOND)), spawn(&loaders, call(SECOND))];
    before.await.unwrap().unwrap();
    for after in after {
        after.await.unwrap().unwrap();
    }
    assert_eq!(script.calls().len(), 3, "the old read, the write, and one new read for both");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_one_failed_load() {
    let script = Script::new(|call| async move {
        sleep(ms(10)).await;
        assert!(call.body != "1", "on purpose");
        Ok(answer("fine"))
    });
    let loaders = loaders(&script);
    let (one, other) = tokio::join!(loaders.call(call(SECOND)), loaders.call(call(SECOND)));
    assert!(matches!(one.unwrap_err(), LoadError::Unavailable(_)));
    assert!(matches!(other.unwrap_err(), LoadError::Unavailable(_)));
    let fine = Call { body: Bytes::from_static(b"2"), ..call(SECOND) };
    assert_eq!(loaders.call(fine).await.unwrap().body, "fine");
    assert_eq!(counts(&loaders).in_flight, 0);
}

/// Two users' calls, started, cancelled and timed out in thousands of orders: each sees the bytes that they would see
/// alone, or their own timeout, and nothing stays behind.
#[tokio::test(start_paused = true)]
async fn users_never_see_each_other() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..1_000 {
        let script = Script::new(|call| async move {
            let user = call.headers["authorization"].to_str().unwrap().to_owned();
            let key = String::from_utf8_lossy(&call.body).into_owned();
            sleep(ms(5 + u64::from(call.body[0] % 7))).await;
            Ok(answer(format!("{user} {key}")))
        });
        let loaders = loaders(&script);
        let mut waiters = Vec::new();
        for _ in 0..12 {
            let user = ["ann", "bob"][random.below(2)];
            let key = ["1", "2", "3"][random.below(3)];
            let timeout = ms(1 + random.below(16) as u64);
            let effect = if random.below(8) == 0 { Effect::Write } else { Effect::Read };
            let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_static(user))]);
            let call = Call { headers, body: Bytes::from_static(key.as_bytes()), effect, ..call(timeout) };
            waiters.push((format!("{user} {key}"), timeout, spawn(&loaders, call)));
            if random.below(3) == 0 {
                sleep(ms(random.below(4) as u64)).await;
            }
            if random.below(4) == 0 {
                let leaving = random.below(waiters.len());
                waiters[leaving].2.abort();
            }
        }
        for (expected, timeout, waiter) in waiters {
            match waiter.await {
                Ok(Ok(answer)) => assert_eq!(answer.body, expected),
                Ok(Err(error)) => assert_eq!(error, LoadError::Timeout(timeout)),
                Err(cancelled) => assert!(cancelled.is_cancelled()),
            }
        }
        assert_eq!(counts(&loaders).in_flight, 0);
    }
}

struct Random(u64);

impl Random {
    /// Xorshift: the same orders on every run.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// The same on real threads: wake-ups between them must not get lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_waiter_is_forgotten_between_threads() {
    let script = Script::new(|call| async move {
        for _ in 0..5 {
            sleep(ms(1)).await;
        }
        Ok(answer(call.body))
    });
    let loaders = loaders(&script);
    for round in 0..20 {
        let body = Bytes::from(format!("round {round}"));
        let waiters: Vec<_> =
            (0..64).map(|_| spawn(&loaders, Call { body: body.clone(), ..call(60 * SECOND) })).collect();
        for (i, waiter) in waiters.iter().enumerate() {
            if i % 3 == 0 {
                waiter.abort();
            }
        }
        for (i, waiter) in waiters.into_iter().enumerate() {
            match waiter.await {
                Ok(outcome) => assert_eq!(outcome.unwrap().body, body),
                Err(_) => assert_eq!(i % 3, 0),
            }
        }
    }
    assert_eq!(counts(&loaders).in_flight, 0);
}
