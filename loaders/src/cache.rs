//! Entries that may be reused, by key and by everything else that the service answered by.
//!
//! In: entries, and how long they are kept for what. Out: the same bytes, as fresh ones or as ones that stand in for what
//! fails. Bounded by bytes; the least useful entries go first. An entry owns a copy of its slice, so that it never holds a
//! whole answer. Deliberately absent: whether something may be kept at all; see `freshness`.

use std::time::Duration;

use bytes::Bytes;
use moka::Expiry;
use moka::sync::Cache as Moka;
use tokio::time::Instant;

use crate::freshness::Keeping;
use crate::{CacheStatistics, Entry, Settings, Stale};

/// What an entry costs beside its key and data, measured roughly: both allocations, moka's nodes and its timer.
const ENTRY_OVERHEAD_BYTES: usize = 320;

/// A finished [`crate::Partition`]: a digest that cannot be made to collide.
pub(crate) type PartitionDigest = [u8; 32];

pub(crate) struct Cache {
    /// `None` where nothing is cached.
    entries: Option<Moka<CacheKey, Kept>>,
    entry_bytes_max: usize,
}

/// Compared in full: two keys with one hash never answer for each other.
#[derive(PartialEq, Eq, Hash)]
struct CacheKey {
    partition: PartitionDigest,
    key: Bytes,
}

#[derive(Clone)]
struct Kept {
    data: Bytes,
    /// What decides: tokio's clock, which tests control. Moka's own clock only clears away.
    since: Instant,
    keeping: Keeping,
}

impl Kept {
    fn lifetime(&self) -> Duration {
        self.keeping.fresh.max(self.keeping.stale)
    }
}

struct Lifetime;

impl Expiry<CacheKey, Kept> for Lifetime {
    fn expire_after_create(&self, _: &CacheKey, kept: &Kept, _: std::time::Instant) -> Option<Duration> {
        Some(kept.lifetime())
    }

    fn expire_after_update(
        &self,
        _: &CacheKey,
        kept: &Kept,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.lifetime())
    }
}

impl Cache {
    pub(crate) fn new(settings: &Settings) -> Cache {
        let entries = (settings.cache_bytes_max > 0).then(|| {
            Moka::builder()
                .max_capacity(settings.cache_bytes_max)
                .weigher(|key: &CacheKey, kept: &Kept| weight(key.key.len(), kept.data.len()))
                .expire_after(Lifetime)
                .build()
        });
        Cache { entries, entry_bytes_max: settings.cache_entry_bytes_max }
    }

    /// What may be reused.
    pub(crate) fn get(&self, partition: &PartitionDigest, key: &Bytes) -> Option<Bytes> {
        let kept = self.kept(partition, key)?;
        (kept.since.elapsed() < kept.keeping.fresh).then_some(kept.data)
    }

    /// What may stand in, if it is no older than `age_max`.
    pub(crate) fn stale(&self, partition: &PartitionDigest, key: &Bytes, age_max: Duration) -> Option<Stale> {
        let kept = self.kept(partition, key)?;
        let elapsed = kept.since.elapsed();
        let age = kept.keeping.age.saturating_add(elapsed);
        (age <= age_max && elapsed <= kept.keeping.stale && !kept.keeping.stale.is_zero())
            .then(|| Stale { entry: Entry { data: kept.data, notes: Vec::new() }, age })
    }

    fn kept(&self, partition: &PartitionDigest, key: &Bytes) -> Option<Kept> {
        self.entries.as_ref()?.get(&CacheKey { partition: *partition, key: key.clone() })
    }

    /// Ends what is kept: the service has taken it back.
    pub(crate) fn remove(&self, partition: &PartitionDigest, key: &Bytes) {
        if let Some(entries) = &self.entries {
            entries.invalidate(&CacheKey { partition: *partition, key: key.clone() });
        }
    }

    pub(crate) fn put(&self, partition: &PartitionDigest, key: &[u8], data: &[u8], keeping: Keeping) {
        let Some(entries) = &self.entries else { return };
        let is_too_large = key.len().saturating_add(data.len()) > self.entry_bytes_max;
        let key = CacheKey { partition: *partition, key: Bytes::copy_from_slice(key) };
        if is_too_large {
            // What it replaces must not outlive it.
            entries.invalidate(&key);
            return;
        }
        entries.insert(key, Kept { data: Bytes::copy_from_slice(data), since: Instant::now(), keeping });
    }

    pub(crate) fn statistics(&self) -> CacheStatistics {
        let Some(entries) = &self.entries else { return CacheStatistics::default() };
        // Counts lag behind until moka's queue of changes is worked off.
        entries.run_pending_tasks();
        CacheStatistics { entries: entries.entry_count(), bytes: entries.weighted_size() }
    }
}

fn weight(key_bytes: usize, data_bytes: usize) -> u32 {
    let bytes = key_bytes.saturating_add(data_bytes).saturating_add(ENTRY_OVERHEAD_BYTES);
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
