use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;
use weft_loaders::{Answer, Batch, LoadError, Loaders, Settings};

use crate::script::{Commas, SECOND, Script, answer, batch, counts, echo, keys, load, loaders, show};

const SOON: Duration = Duration::from_millis(10);

#[tokio::test(start_paused = true)]
async fn a_key_travels_once_and_answers_every_place() {
    let script = Script::echo(SOON);
    let loaders = loaders(&script);
    assert_eq!(load(&loaders, &["b", "a", "b", "b", "c", "a"], 100, None).await, ["b!", "a!", "b!", "b!", "c!", "a!"]);
    assert_eq!(script.bodies(), ["b,a,c"], "distinct, in the order of their first occurrence");
    let counts = counts(&loaders);
    assert_eq!((counts.keys, counts.repeated_keys, counts.calls), (6, 3, 1));
}

#[tokio::test(start_paused = true)]
async fn all_chunks_leave_at_once_and_answers_stay_in_order() {
    let script = Script::new(|call| async move {
        // The first chunks are the last to answer.
        let first: u64 = String::from_utf8_lossy(&call.body).split(',').next().unwrap().parse().unwrap();
        tokio::time::sleep(Duration::from_millis(200 - first)).await;
        Ok(echo(&call))
    });
    let loaders = loaders(&script);
    let given: Vec<String> = (0..95).map(|i| i.to_string()).collect();
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let started = Instant::now();
    let loaded = load(&loaders, &given, 10, None).await;
    assert_eq!(started.elapsed(), Duration::from_millis(200), "side by side, without a timer");
    assert_eq!(loaded, given.iter().map(|key| format!("{key}!")).collect::<Vec<_>>());
    let sizes: Vec<usize> = script.calls().iter().map(|call| call.body.split(|b| *b == b',').count()).collect();
    assert_eq!(sizes, [10, 10, 10, 10, 10, 10, 10, 10, 10, 5]);
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_batch_are_bounded() {
    let script = Script::echo(SOON);
    let settings = Settings { batch_calls_max: 3, batch_keys_max: 2, ..Settings::default() };
    let loaders = Loaders::with_transport(settings, script.clone());
    let given: Vec<Bytes> = (0..20).map(|i| Bytes::from(i.to_string())).collect();
    let all = Batch { keys_max: None, ..batch(&given, 0, None) };
    let loaded = loaders.load(all, &Commas::default()).await;
    assert_eq!(script.most_running(), 3);
    assert_eq!(script.calls().len(), 10, "the default size holds where the batch says none");
    assert!((0..20).all(|i| show(&loaded[i].result) == format!("{i}!")));
}

#[tokio::test(start_paused = true)]
async fn a_failed_chunk_fails_its_own_keys() {
    let script = Script::new(|call| async move {
        match &call.body[..] {
            b"c,d" => Err(LoadError::Unavailable("connection refused")),
            b"e,f" => Ok(Answer { status: StatusCode::BAD_GATEWAY, ..answer("<html>") }),
            b"g,h" => std::future::pending().await,
            _ => Ok(echo(&call)),
        }
    });
    let loaders = loaders(&script);
    let loaded = load(&loaders, &["a", "b", "c", "d", "e", "f", "g", "h", "i", "failed"], 2, None).await;
    let expected = [
        "a!",
        "b!",
        "error: connection refused",
        "error: connection refused",
        "error: status 502",
        "error: status 502",
        "error: no answer within 1000 ms",
        "error: no answer within 1000 ms",
        "i!",
        "error: failed",
    ];
    assert_eq!(loaded, expected);
    let counts = counts(&loaders);
    assert_eq!(
        (counts.unavailable, counts.statuses, counts.timeouts, counts.abandoned, counts.invalid),
        (1, 1, 1, 1, 0)
    );
    assert_eq!((counts.calls, counts.in_flight), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn too_few_or_too_many_entries_shift_nothing() {
    for wrong in ["x!", "x!,y!,z!"] {
        let script =
            Script::new(
                move |call| async move { Ok(if &call.body[..] == b"a,b" { answer(wrong) } else { echo(&call) }) },
            );
        let loaders = loaders(&script);
        let loaded = load(&loaders, &["a", "b", "c", "b"], 2, None).await;
        assert!(loaded[0].contains("entries for 2 keys"), "{}", loaded[0]);
        assert_eq!(loaded[1], loaded[0]);
        assert_eq!(loaded[2], "c!");
        assert_eq!(loaded[3], loaded[0]);
        assert_eq!(counts(&loaders).invalid, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_is_not_sent() {
    let script = Script::echo(SOON);
    let loaders = loaders(&script);
    assert!(load(&loaders, &[], 10, None).await.is_empty());
    assert_eq!(load(&loaders, &["unaskable", "a"], 1, None).await, ["error: unaskable", "a!"]);
    assert_eq!(script.bodies(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_size_of_zero_sends_single_keys() {
    let script = Script::echo(SOON);
    assert_eq!(load(&loaders(&script), &["a", "b"], 0, None).await, ["a!", "b!"]);
    assert_eq!(script.bodies(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn equal_batches_of_two_requests_are_one_call() {
    let script = Script::echo(SOON);
    let loaders = loaders(&script);
    let (one, other) = tokio::join!(load(&loaders, &["a", "b"], 10, None), load(&loaders, &["a", "b"], 10, None));
    assert_eq!(one, other);
    assert_eq!(script.bodies(), ["a,b"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_load_drops_its_calls() {
    let script = Script::echo(SECOND);
    let loaders = loaders(&script);
    let given = keys(&["a", "b", "c"]);
    let patient = Commas { timeout: 10 * SECOND, ..Commas::default() };
    let load = loaders.load(batch(&given, 1, None), &patient);
    assert!(tokio::time::timeout(SOON, load).await.is_err());
    assert_eq!((script.calls().len(), script.dropped()), (3, 3));
    assert_eq!((counts(&loaders).in_flight, counts(&loaders).abandoned), (0, 3));
}

/// Loads run inside requests that move between threads.
#[test]
fn loads_are_send() {
    fn is_send<T: Send>(_: &T) {}
    let loaders = loaders(&Script::echo(SOON));
    let given = keys(&["a"]);
    is_send(&loaders.load(batch(&given, 1, None), &Commas::default()));
}
