//! A transport whose answers a test writes, a protocol for it, and short ways to say what most tests say.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;
use weft_loaders::{
    Answer, Batch, Call, Effect, Entry, Exchange, LoadError, Loaders, Protocol, Reuse, ServiceStatistics, Settings,
    Transport,
};

/// Answers with what a function makes of each call, and remembers the calls.
pub(crate) struct Script {
    calls: Mutex<Vec<Call>>,
    running: AtomicUsize,
    most_running: AtomicUsize,
    dropped: AtomicUsize,
    respond: Box<dyn Fn(Call) -> Exchange<'static> + Send + Sync>,
}

impl Script {
    pub(crate) fn new<F, R>(respond: F) -> Arc<Script>
    where
        F: Fn(Call) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Answer, LoadError>> + Send + 'static,
    {
        Arc::new(Script {
            calls: Mutex::default(),
            running: AtomicUsize::new(0),
            most_running: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            respond: Box::new(move |call| Box::pin(respond(call))),
        })
    }

    /// Answers every key with `<key>!`, after a while.
    pub(crate) fn echo(after: Duration) -> Arc<Script> {
        Script::new(move |call| async move {
            tokio::time::sleep(after).await;
            Ok(echo(&call))
        })
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The bodies of all calls, sorted.
    pub(crate) fn bodies(&self) -> Vec<String> {
        let mut bodies: Vec<_> =
            self.calls().iter().map(|call| String::from_utf8(call.body.to_vec()).unwrap()).collect();
        bodies.sort();
        bodies
    }

    pub(crate) fn most_running(&self) -> usize {
        self.most_running.load(SeqCst)
    }

    pub(crate) fn dropped(&self) -> usize {
        self.dropped.load(SeqCst)
    }
}

struct Running<'a> {
    script: &'a Script,
    done: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.script.running.fetch_sub(1, SeqCst);
        self.script.dropped.fetch_add(usize::from(!self.done), SeqCst);
    }
}

impl Transport for Script {
    fn exchange<'a>(&'a self, call: &'a Call) -> Exchange<'a> {
        Box::pin(async move {
            self.calls.lock().unwrap().push(call.clone());
            let running = self.running.fetch_add(1, SeqCst) + 1;
            self.most_running.fetch_max(running, SeqCst);
            let mut running = Running { script: self, done: false };
            let result = (self.respond)(call.clone()).await;
            running.done = true;
            result
        })
    }
}

pub(crate) fn answer(body: impl Into<Bytes>) -> Answer {
    Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() }
}

pub(crate) fn echo(call: &Call) -> Answer {
    let body = String::from_utf8(call.body.to_vec()).unwrap();
    answer(body.split(',').map(|key| format!("{key}!")).collect::<Vec<_>>().join(","))
}

pub(crate) fn call(timeout: Duration) -> Call {
    Call {
        service: Arc::from("video"),
        method: Method::POST,
        url: "http://video.test/videos".into(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"1"),
        effect: Effect::Read,
        deadline: Instant::now() + timeout,
        timeout,
    }
}

/// Sends keys with commas between them, expects as many entries with commas between them; `!n` after an entry is a note.
pub(crate) struct Commas {
    pub(crate) effect: Effect,
    pub(crate) timeout: Duration,
}

impl Default for Commas {
    fn default() -> Commas {
        Commas { effect: Effect::Read, timeout: SECOND }
    }
}

impl Protocol for Commas {
    fn call(&self, keys: &[Bytes]) -> Result<Call, LoadError> {
        if keys.iter().any(|key| key == "unaskable") {
            return Err(LoadError::Invalid("unaskable".into()));
        }
        Ok(Call { body: keys.join(&b","[..]).into(), effect: self.effect, ..call(self.timeout) })
    }

    fn split(&self, _: &[Bytes], answer: &Answer) -> Result<Vec<Result<Entry, LoadError>>, LoadError> {
        if !answer.status.is_success() {
            return Err(LoadError::Status(answer.status.as_u16()));
        }
        let entry = |text: &[u8]| match text {
            b"failed!" => Err(LoadError::Invalid("failed".into())),
            b"missing!" => Ok(Entry { data: Bytes::from_static(b" null"), notes: Vec::new() }),
            b"noted!" => Ok(Entry { data: answer.body.slice_ref(text), notes: vec![Bytes::from_static(b"note")] }),
            _ => Ok(Entry { data: answer.body.slice_ref(text), notes: Vec::new() }),
        };
        Ok(answer.body.split(|b| *b == b',').map(entry).collect())
    }
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn loaders(script: &Arc<Script>) -> Loaders {
    let script: Arc<Script> = Arc::clone(script);
    Loaders::with_transport(Settings::default(), script)
}

pub(crate) fn keys(keys: &[&str]) -> Vec<Bytes> {
    keys.iter().map(|key| Bytes::copy_from_slice(key.as_bytes())).collect()
}

pub(crate) fn batch(keys: &[Bytes], keys_max: usize, reuse: Option<Reuse>) -> Batch<'_> {
    Batch { service: Arc::from("video"), keys, keys_max: Some(keys_max), reuse }
}

/// Loads and shows each result as text.
pub(crate) async fn load(loaders: &Loaders, given: &[&str], keys_max: usize, reuse: Option<Reuse>) -> Vec<String> {
    let given = keys(given);
    let results = loaders.load(batch(&given, keys_max, reuse), &Commas::default()).await;
    results.iter().map(|outcome| show(&outcome.result)).collect()
}

pub(crate) fn show(result: &Result<Entry, LoadError>) -> String {
    match result {
        Ok(entry) => String::from_utf8(entry.data.to_vec()).unwrap(),
        Err(error) => format!("error: {error}"),
    }
}

/// The counts of the one service that tests ask.
pub(crate) fn counts(loaders: &Loaders) -> ServiceStatistics {
    loaders.statistics().services.remove("video").unwrap_or_default()
}
