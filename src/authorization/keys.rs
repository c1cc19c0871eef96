//! The keys that tokens are verified with, kept current.
//!
//! In: files and addresses of JWK sets. Out: the keys of all of them. They are read at the start, every so often, and, at a bounded
//! rate, when a token names a key that nobody knows: issuers sign with a new key the moment they publish it. A set that cannot
//! be read leaves the keys that it had.
//! Nothing is spawned: who wants the keys kept current polls [`KeyRing::keep_current`].

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};
use weft_loaders::{Call, Effect, Loaders};

use super::jwk::{self, Key};

/// Bytes of a set; real ones have a few thousand.
const SET_BYTES_MAX: usize = 1 << 20;
/// For a set to arrive. A client waits for it when its token names an unknown key.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// How often unknown keys may cause all sets to be read: so many times ...
const UNKNOWN_MAX: usize = 2;
/// ... within this time. Whoever invents names of keys costs no more than that.
const UNKNOWN_WITHIN: Duration = Duration::from_secs(30);

/// Where a JWK set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file.
    File(PathBuf),
    /// `http` or `https`.
    Url(String),
}

impl KeySource {
    /// For the log: an address without what may be secret in it.
    fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Url(url) => {
                let end = url.find(['?', '#']).unwrap_or(url.len());
                url[..end].to_owned()
            }
        }
    }
}

/// The keys of all sources.
pub(super) struct KeyRing {
    sources: Vec<KeySource>,
    loaders: Loaders,
    /// By source. Empty: it was never read.
    keys: RwLock<Vec<Arc<[Key]>>>,
    /// When unknown keys caused a reading. Held while one is under way, so that all who wait for it share it.
    unknown: Mutex<VecDeque<Instant>>,
    /// How many of them have ended.
    ended: AtomicU64,
}

impl KeyRing {
    pub(super) fn new(sources: Vec<KeySource>, loaders: Loaders) -> Self {
        let keys = RwLock::new(sources.iter().map(|_| Arc::from([])).collect());
        Self { sources, loaders, keys, unknown: Mutex::default(), ended: AtomicU64::new(0) }
    }

    /// All keys that are known.
    pub(super) fn known(&self) -> Vec<Arc<[Key]>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads all sets. Each failure is logged; those of files are returned as well, since a file that is wrong at the start stays wrong.
    pub(super) async fn read(&self) -> Result<(), String> {
        let mut failed = Ok(());
        for (index, source) in self.sources.iter().enumerate() {
            let shown = source.shown();
            let read = match source {
                KeySource::File(path) => {
                    tokio::fs::read(path).await.map_err(|error| error.to_string()).map(Bytes::from)
                }
                KeySource::Url(url) => self.fetch(url).await,
            };
            let read = read.and_then(|text| jwk::read(&text)).and_then(|(keys, unusable)| match keys.is_empty() {
                true if unusable.is_empty() => Err("it has no key that verifies signatures".to_owned()),
                true => Err(format!("it has no key that can be used ({})", unusable.join("; "))),
                false => Ok((keys, unusable)),
            });
            match read {
                Ok((keys, unusable)) => {
                    for why in unusable {
                        warn!(keys = shown, why, "a key is left out");
                    }
                    let count = keys.len();
                    let mut all = self.keys.write().unwrap_or_else(PoisonError::into_inner);
                    let before = std::mem::replace(&mut all[index], keys.into());
                    let names = |keys: &[Key]| keys.iter().map(|key| key.id.clone()).collect::<Vec<_>>();
                    if names(&before) != names(&all[index]) {
                        info!(keys = shown, count, "the keys that tokens are verified with are read");
                    }
                }
                Err(why) => {
                    warn!(keys = shown, why, "cannot read keys; those that were known stay");
                    if matches!(source, KeySource::File(_)) && failed.is_ok() {
                        failed = Err(format!("the keys in {shown} cannot be read: {why}"));
                    }
                }
            }
        }
        failed
    }

    /// Reads all sets again, unless unknown keys did so too often lately.
    pub(super) async fn read_for_unknown(&self) {
        let before = self.ended.load(Relaxed);
        let mut readings = self.unknown.lock().await;
        // Somebody else's reading ended while this one waited for its turn.
        if self.ended.load(Relaxed) != before {
            return;
        }
        while readings.front().is_some_and(|first| first.elapsed() >= UNKNOWN_WITHIN) {
            readings.pop_front();
        }
        if readings.len() >= UNKNOWN_MAX {
            return;
        }
        readings.push_back(Instant::now());
        // What failed is logged.
        let _ = self.read().await;
        self.ended.fetch_add(1, Relaxed);
    }

    /// Reads all sets every so often, for as long as it is polled.
    pub(super) async fn keep_current(&self, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            let _ = self.read().await;
        }
    }

    async fn fetch(&self, url: &str) -> Result<Bytes, String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
        let call = Call {
            service: "authentication".into(),
            method: Method::GET,
            url: url.to_owned(),
            headers,
            body: Bytes::new(),
            effect: Effect::Read,
            deadline: Instant::now() + FETCH_TIMEOUT,
            timeout: FETCH_TIMEOUT,
        };
        let answer = self.loaders.call(call).await.map_err(|error| error.to_string())?;
        if answer.status != StatusCode::OK {
            return Err(format!("status {}", answer.status.as_u16()));
        }
        if answer.body.len() > SET_BYTES_MAX {
            return Err(format!("it is longer than {SET_BYTES_MAX} bytes"));
        }
        Ok(answer.body.clone())
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").field("sources", &self.sources).finish_non_exhaustive()
    }
}
