//! What the gateway counts over all requests and all versions of the graph.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::execute::StoodIn;

/// Running totals since the start.
#[derive(Debug, Default)]
pub struct Statistics {
    documents: Lookups,
    plans: Lookups,
    /// By service. Locked only by requests in which something failed.
    stood_in: Mutex<BTreeMap<Arc<str>, StoodIn>>,
}

/// Lookups in a cache.
#[derive(Debug, Default)]
pub struct Lookups {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Lookups {
    /// What was found.
    pub fn hits(&self) -> u64 {
        self.hits.load(Relaxed)
    }

    /// What was not there: those who waited for another request to make it count as well.
    pub fn misses(&self) -> u64 {
        self.misses.load(Relaxed)
    }

    pub(super) fn count<T>(&self, found: &Option<T>) {
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Relaxed);
    }
}

impl Statistics {
    /// Texts that were parsed before.
    pub fn documents(&self) -> &Lookups {
        &self.documents
    }

    /// Operations that were planned before.
    pub fn plans(&self) -> &Lookups {
        &self.plans
    }

    /// Fields that failed, and for which something stood in, by service.
    pub fn stood_in(&self) -> BTreeMap<Arc<str>, StoodIn> {
        self.stood_in.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn add_stood_in(&self, of_request: Vec<(Arc<str>, StoodIn)>) {
        if of_request.is_empty() {
            return;
        }
        let mut all = self.stood_in.lock().unwrap_or_else(PoisonError::into_inner);
        for (service, more) in of_request {
            let sum = all.entry(service).or_default();
            sum.values = sum.values.saturating_add(more.values);
            sum.stale = sum.stale.saturating_add(more.stale);
        }
    }
}
