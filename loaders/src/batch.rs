//! Loads many keys in few calls.
//!
//! In: keys as they stand in the response, repetitions included. Out: one result per given key, in their order.
//! Each distinct key is answered by the cache or travels once; all calls leave at once, since all keys are known.
//! Deliberately absent: timers and queues; what is identical in other requests' loads is shared below, call by call.

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::HeaderMap;
use ring::digest::{Context, SHA256};

use crate::cache::PartitionDigest;
use crate::freshness::{self, Bounds};
use crate::observe::{Service, count, count_failure, count_many};
use crate::{Answer, Effect, Entry, LoadError, Loaders, Outcome, Protocol};

/// Keys to load from one service.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// Whom, as in [`crate::Call::service`].
    pub service: Arc<str>,
    /// In any order, with any repetitions.
    pub keys: &'a [Bytes],
    /// Keys in one call; `None` for [`crate::Settings::batch_keys_max`].
    pub keys_max: Option<usize>,
    /// Whether entries may be reused by later loads. `None`: not at all, which is right for writes and for what is
    /// one user's alone.
    pub reuse: Option<Reuse>,
}

/// How long entries are kept and for what, and between which loads.
#[derive(Clone, Debug)]
pub struct Reuse {
    /// What the service answers by, beside the key.
    pub partition: Partition,
    /// How long an entry may be reused: the owner's bound. The service's own `Cache-Control` may shorten it. Zero: not at all.
    pub max_age: Duration,
    /// How old an entry may be that stands in where a load fails: the owner's bound, which the service may shorten too.
    /// Zero: none does.
    pub stale: Duration,
    /// Whether what is kept may answer. Not where the caller has just written something: it would read what was before.
    /// What is read then is kept all the same.
    pub from_kept: bool,
}

/// Everything beside the key that a service could have answered by: the operation or the selection, the URL, and every
/// forwarded header. Loads reuse each other's entries only where all parts are equal, in the same order.
///
/// Parts are digested with SHA-256: clients choose some of them, and must not be able to make two partitions meet.
/// What does not change between requests can be digested once and cloned.
#[derive(Clone)]
pub struct Partition {
    digest: Context,
}

impl Partition {
    /// No parts yet.
    #[must_use]
    pub fn new() -> Partition {
        Partition { digest: Context::new(&SHA256) }
    }

    /// Adds one part. Parts do not run into each other: `a`, `bc` is not `ab`, `c`.
    #[must_use]
    pub fn with(mut self, part: &[u8]) -> Partition {
        self.digest.update(&(part.len() as u64).to_le_bytes());
        self.digest.update(part);
        self
    }

    /// Adds the headers that are forwarded, as one part.
    #[must_use]
    pub fn with_headers(mut self, headers: &HeaderMap) -> Partition {
        self.digest.update(&(headers.len() as u64).to_le_bytes());
        for (name, value) in headers {
            self = self.with(name.as_str().as_bytes()).with(value.as_bytes());
        }
        self
    }

    fn finish(self) -> PartitionDigest {
        let mut bytes = PartitionDigest::default();
        bytes.copy_from_slice(self.digest.finish().as_ref());
        bytes
    }
}

impl Default for Partition {
    fn default() -> Partition {
        Partition::new()
    }
}

impl std::fmt::Debug for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Partition").finish_non_exhaustive()
    }
}

/// See [`Loaders::load`].
pub(crate) async fn load(loaders: &Loaders, batch: Batch<'_>, protocol: &dyn Protocol) -> Vec<Outcome> {
    let service = loaders.shared.services.get(&batch.service);
    let Distinct { keys, positions } = distinct(batch.keys);
    count_many(&service.keys, batch.keys.len());
    count_many(&service.repeated_keys, batch.keys.len() - keys.len());

    let reuse = batch.reuse.map(|Reuse { partition, max_age, stale, from_kept }| Reusing {
        // Two services can be asked the same under one URL; what one answered is not the other's.
        partition: partition.with(batch.service.as_bytes()).finish(),
        bounds: Bounds { max_age, stale },
        from_kept,
    });
    let mut results: Vec<Option<Outcome>> = match &reuse {
        Some(reuse) if reuse.from_kept && !reuse.bounds.max_age.is_zero() => {
            keys.iter().map(|key| cached(loaders, &service, reuse, key).map(|entry| Ok(entry).into())).collect()
        }
        _ => keys.iter().map(|_| None).collect(),
    };

    // `missing_keys[i]` is `keys[missing[i]]`.
    let missing: Vec<usize> = (0..keys.len()).filter(|i| results[*i].is_none()).collect();
    let missing_keys: Vec<Bytes> = missing.iter().map(|i| keys[*i].clone()).collect();
    let keys_max = batch.keys_max.unwrap_or(loaders.shared.settings.batch_keys_max).max(1);
    let calls_max = loaders.shared.settings.batch_calls_max.max(1);

    let mut waiting = missing_keys.chunks(keys_max).zip(missing.chunks(keys_max));
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < calls_max
            && let Some((keys, indices)) = waiting.next()
        {
            let (service, reuse) = (&*service, reuse.as_ref());
            running.push(async move { (indices, load_chunk(loaders, service, reuse, keys, protocol).await) });
        }
        let Some((indices, loaded)) = running.next().await else { break };
        for (index, outcome) in indices.iter().zip(loaded) {
            results[*index] = Some(outcome);
        }
    }

    let results: Vec<Outcome> =
        results.into_iter().map(|result| result.expect("every key is cached or in one chunk")).collect();
    match positions {
        None => results,
        Some(positions) => positions.into_iter().map(|index| results[index].clone()).collect(),
    }
}

struct Reusing {
    partition: PartitionDigest,
    bounds: Bounds,
    from_kept: bool,
}

fn cached(loaders: &Loaders, service: &Service, reuse: &Reusing, key: &Bytes) -> Option<Entry> {
    let data = loaders.shared.cache.get(&reuse.partition, key);
    count(if data.is_some() { &service.cache_hits } else { &service.cache_misses });
    data.map(|data| Entry { data, notes: Vec::new() })
}

/// One call. Out: exactly one outcome per key.
async fn load_chunk(
    loaders: &Loaders,
    service: &Service,
    reuse: Option<&Reusing>,
    keys: &[Bytes],
    protocol: &dyn Protocol,
) -> Vec<Outcome> {
    let all = |error: LoadError| vec![Err(error); keys.len()];
    let call = match protocol.call(keys) {
        Ok(call) => call,
        Err(error) => return all(error).into_iter().map(Outcome::from).collect(),
    };
    // What does something is neither kept nor stood in for.
    let reuse = reuse.filter(|_| call.effect != Effect::Write);
    let (answer, results) = match loaders.call(call).await {
        Ok(answer) => {
            let results = split(service, keys, protocol, &answer).unwrap_or_else(&all);
            (Some(answer), results)
        }
        Err(error) => (None, all(error)),
    };
    let Some(reuse) = reuse else { return results.into_iter().map(Outcome::from).collect() };
    keep(loaders, reuse, keys, answer.as_deref(), &results);
    let may_stand_in = !answer.is_some_and(|answer| freshness::is_refusal(answer.status));
    let outcome = |(key, result): (&Bytes, Result<Entry, LoadError>)| {
        let has_failed = result.as_ref().map_or(true, |entry| !entry.notes.is_empty());
        let stale = (may_stand_in && has_failed)
            .then(|| loaders.shared.cache.stale(&reuse.partition, key, reuse.bounds.stale))
            .flatten();
        Outcome { result, stale }
    };
    keys.iter().zip(results).map(outcome).collect()
}

/// Takes an answer apart. Out: exactly one result per key.
fn split(
    service: &Service,
    keys: &[Bytes],
    protocol: &dyn Protocol,
    answer: &Answer,
) -> Result<Vec<Result<Entry, LoadError>>, LoadError> {
    let entries = protocol.split(keys, answer).and_then(|entries| {
        // Matching what there is to the first keys would give an entity to the wrong parent.
        let (given, asked) = (entries.len(), keys.len());
        if given == asked { Ok(entries) } else { Err(LoadError::Invalid(format!("{given} entries for {asked} keys"))) }
    });
    entries.inspect_err(|error| {
        // The status of an answer is counted where it arrived.
        if matches!(error, LoadError::Invalid(_)) {
            count_failure(service, error);
        }
    })
}

/// Keeps what may be kept, and ends what the service no longer stands by.
fn keep(
    loaders: &Loaders,
    reuse: &Reusing,
    keys: &[Bytes],
    answer: Option<&Answer>,
    results: &[Result<Entry, LoadError>],
) {
    let Some(answer) = answer.filter(|answer| !answer.status.is_server_error()) else { return };
    let cache = &loaders.shared.cache;
    let keeping = freshness::keeping(answer.status, &answer.headers, reuse.bounds);
    let is_refusal = freshness::is_refusal(answer.status);
    for (key, result) in keys.iter().zip(results) {
        match (result, keeping) {
            (Ok(entry), Some(keeping)) if is_reusable(entry) => cache.put(&reuse.partition, key, &entry.data, keeping),
            // It is gone, or may not be kept any more, or is not for this caller: an earlier answer must not come back.
            (Ok(entry), _) if entry.notes.is_empty() => cache.remove(&reuse.partition, key),
            _ if is_refusal => cache.remove(&reuse.partition, key),
            _ => {}
        }
    }
}

/// An entity that is missing may exist a moment later, and one with errors may be whole.
fn is_reusable(entry: &Entry) -> bool {
    let data = entry.data.trim_ascii();
    entry.notes.is_empty() && !data.is_empty() && data != b"null"
}

struct Distinct {
    /// In the order in which they first occur.
    keys: Vec<Bytes>,
    /// `positions[i]`: where the key that was given at `i` is in `keys`. `None`: at `i`, since no key repeats.
    positions: Option<Vec<usize>>,
}

fn distinct(given: &[Bytes]) -> Distinct {
    if given.len() < 2 {
        return Distinct { keys: given.to_vec(), positions: None };
    }
    let mut keys: Vec<Bytes> = Vec::with_capacity(given.len());
    let mut positions = Vec::with_capacity(given.len());
    let mut known: HashMap<&[u8], usize> = HashMap::with_capacity(given.len());
    for key in given {
        positions.push(match known.entry(key) {
            MapEntry::Occupied(known) => *known.get(),
            MapEntry::Vacant(unknown) => {
                keys.push(key.clone());
                *unknown.insert(keys.len() - 1)
            }
        });
    }
    let repeats = keys.len() < given.len();
    Distinct { keys, positions: repeats.then_some(positions) }
}
