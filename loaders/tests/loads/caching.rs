use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::advance;
use weft_loaders::{Answer, Batch, Effect, Loaders, Partition, Reuse, Settings};

use crate::script::{Commas, SECOND, Script, batch, counts, echo, keys, load, loaders};

fn reuse() -> Option<Reuse> {
    reuse_by(Partition::new().with(b"titles"))
}

fn reuse_by(partition: Partition) -> Option<Reuse> {
    Some(Reuse { partition, max_age: 60 * SECOND, stale: Duration::ZERO, from_kept: true })
}

/// Echoes with a `Cache-Control` header.
fn controlled(value: &'static str) -> Arc<Script> {
    Script::new(move |call| async move {
        let mut answer = echo(&call);
        answer.headers.insert(CACHE_CONTROL, HeaderValue::from_static(value));
        Ok(answer)
    })
}

#[tokio::test(start_paused = true)]
async fn only_what_is_not_kept_travels() {
    let script = Script::echo(Duration::ZERO);
    let loaders = loaders(&script);
    assert_eq!(load(&loaders, &["a", "b"], 10, reuse()).await, ["a!", "b!"]);
    assert_eq!(load(&loaders, &["b", "c", "a", "c"], 10, reuse()).await, ["b!", "c!", "a!", "c!"]);
    assert_eq!(load(&loaders, &["a", "b", "c"], 10, reuse()).await, ["a!", "b!", "c!"]);
    assert_eq!(script.bodies(), ["a,b", "c"]);
    assert_eq!((counts(&loaders).cache_hits, counts(&loaders).cache_misses), (5, 3));
    let cache = loaders.statistics().cache;
    assert_eq!(cache.entries, 3);
    assert!(cache.bytes > 0);
}

#[tokio::test(start_paused = true)]
async fn an_entry_ends_with_its_lifetime() {
    for (value, seconds) in [("", 60), ("max-age=10", 10), ("max-age=3600", 60), ("max-age=10, s-maxage=20", 20)] {
        let script = controlled(value);
        let loaders = loaders(&script);
        load(&loaders, &["a"], 10, reuse()).await;
        advance(seconds * SECOND - Duration::from_millis(1)).await;
        load(&loaders, &["a"], 10, reuse()).await;
        assert_eq!(script.calls().len(), 1, "{value}");
        advance(Duration::from_millis(1)).await;
        load(&loaders, &["a"], 10, reuse()).await;
        assert_eq!(script.calls().len(), 2, "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_service_keeps_to_itself_is_not_kept() {
    for value in ["private", "no-store", "no-cache", "public, max-age=60, No-Store", "max-age=0"] {
        let script = controlled(value);
        let loaders = loaders(&script);
        load(&loaders, &["a"], 10, reuse()).await;
        load(&loaders, &["a"], 10, reuse()).await;
        assert_eq!(script.calls().len(), 2, "{value}");
        assert_eq!(loaders.statistics().cache.entries, 0, "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_unless_it_is_said() {
    let script = Script::echo(Duration::ZERO);
    let loaders = loaders(&script);
    load(&loaders, &["a"], 10, None).await;
    load(&loaders, &["a"], 10, reuse()).await;
    load(&loaders, &["a"], 10, None).await;
    assert_eq!(script.calls().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn failures_missing_entities_and_entries_with_notes_are_not_kept() {
    let script = Script::echo(Duration::ZERO);
    let loaders = loaders(&script);
    for _ in 0..2 {
        load(&loaders, &["failed", "missing", "noted", "kept"], 10, reuse()).await;
    }
    assert_eq!(script.bodies(), ["failed,missing,noted", "failed,missing,noted,kept"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_success_is_not_kept() {
    // A protocol may make entries of a 404 all the same; they are not the service's word on the entity.
    struct Lenient;
    impl weft_loaders::Protocol for Lenient {
        fn call(&self, keys: &[Bytes]) -> Result<weft_loaders::Call, weft_loaders::LoadError> {
            Commas::default().call(keys)
        }
        fn split(
            &self,
            keys: &[Bytes],
            answer: &Answer,
        ) -> Result<Vec<Result<weft_loaders::Entry, weft_loaders::LoadError>>, weft_loaders::LoadError> {
            let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: answer.body.clone() };
            Commas::default().split(keys, &answer)
        }
    }
    let script = Script::new(|call| async move { Ok(Answer { status: StatusCode::NOT_FOUND, ..echo(&call) }) });
    let loaders = loaders(&script);
    let given = keys(&["a"]);
    for _ in 0..2 {
        assert!(loaders.load(batch(&given, 10, reuse()), &Lenient).await[0].result.is_ok());
    }
    assert_eq!(script.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_write_is_not_kept() {
    let script = Script::echo(Duration::ZERO);
    let loaders = loaders(&script);
    let given = keys(&["a"]);
    let writing = Commas { effect: Effect::Write, ..Commas::default() };
    for _ in 0..2 {
        loaders.load(batch(&given, 10, reuse()), &writing).await;
    }
    assert_eq!(script.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn partitions_do_not_meet() {
    let user = |name: &'static str| HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(name))]);
    let script = Script::echo(Duration::ZERO);
    let loaders = loaders(&script);
    let partitions = [
        Partition::new(),
        Partition::new().with(b""),
        Partition::new().with(b"ab").with(b"c"),
        Partition::new().with(b"a").with(b"bc"),
        Partition::new().with(b"abc"),
        Partition::new().with(b"titles").with_headers(&user("ann")),
        Partition::new().with(b"titles").with_headers(&user("bob")),
        Partition::new().with(b"titles").with_headers(&HeaderMap::new()),
    ];
    for partition in &partitions {
        load(&loaders, &["a"], 10, reuse_by(partition.clone())).await;
    }
    assert_eq!(script.calls().len(), partitions.len());
    for partition in &partitions {
        load(&loaders, &["a"], 10, reuse_by(partition.clone())).await;
    }
    assert_eq!(script.calls().len(), partitions.len(), "each finds its own again");

    let given = keys(&["a"]);
    let elsewhere = Batch { service: Arc::from("rating"), ..batch(&given, 10, reuse_by(partitions[2].clone())) };
    loaders.load(elsewhere, &Commas::default()).await;
    assert_eq!(script.calls().len(), partitions.len() + 1, "another service is never answered for");
}

#[tokio::test(start_paused = true)]
async fn an_entry_does_not_hold_the_answer() {
    let body = Bytes::from(vec![b'x'; 100_000]);
    let held = body.clone();
    let script = Script::new(move |_| {
        let body = body.clone();
        async move { Ok(crate::script::answer(body)) }
    });
    let loaders = loaders(&script);
    load(&loaders, &["a"], 10, reuse()).await;
    let given = keys(&["a"]);
    let cached = loaders.load(batch(&given, 10, reuse()), &Commas::default()).await.remove(0).result.unwrap();
    assert_eq!((script.calls().len(), &cached.data), (1, &held));
    assert_ne!(cached.data.as_ptr(), held.as_ptr());
}

#[tokio::test(start_paused = true)]
async fn the_cache_is_bounded() {
    let script = Script::new(|call| async move {
        Ok(crate::script::answer(
            call.body.split(|b| *b == b',').map(|_| "x".repeat(1_000)).collect::<Vec<_>>().join(","),
        ))
    });
    let settings = Settings { cache_bytes_max: 100_000, ..Settings::default() };
    let loaders = Loaders::with_transport(settings, script.clone());
    let given: Vec<Bytes> = (0..5_000).map(|i| Bytes::from(i.to_string())).collect();
    loaders.load(batch(&given, 100, reuse()), &Commas::default()).await;
    let cache = loaders.statistics().cache;
    assert!(cache.bytes <= 100_000, "{cache:?}");
    assert!((10..=100).contains(&cache.entries), "{cache:?}");
}

#[tokio::test(start_paused = true)]
async fn a_huge_entry_is_not_kept_and_the_cache_can_be_off() {
    for settings in [
        Settings { cache_entry_bytes_max: 2, ..Settings::default() },
        Settings { cache_bytes_max: 0, ..Settings::default() },
    ] {
        let script = Script::echo(Duration::ZERO);
        let loaders = Loaders::with_transport(settings, script.clone());
        for _ in 0..2 {
            assert_eq!(load(&loaders, &["a"], 10, reuse()).await, ["a!"]);
        }
        assert_eq!(script.calls().len(), 2);
        assert_eq!(loaders.statistics().cache.entries, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_just_written_is_read_anew_and_kept() {
    let script = Script::echo(Duration::ZERO);
    let loaders = loaders(&script);
    load(&loaders, &["a"], 10, reuse()).await;
    let anew = reuse().map(|reuse| Reuse { from_kept: false, ..reuse });
    assert_eq!(load(&loaders, &["a", "b"], 10, anew).await, ["a!", "b!"]);
    load(&loaders, &["a", "b"], 10, reuse()).await;
    assert_eq!(script.bodies(), ["a", "a,b"]);
}
