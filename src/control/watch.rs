//! Reloads when files change.
//!
//! In: a [`Control`]. Out: reloads, told in the log. The folder is watched rather than its files, because editors
//! replace a file instead of writing to it; and it is looked at every [`POLL`] as well, because network and
//! container file systems tell nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::{Attempt, Control, Outcome, Reload, SchemaSource, build};
use crate::diagnostic::Severity;

/// How long files have to be still before they are read: a save is often several events.
const SETTLE: Duration = Duration::from_millis(80);
/// How often the files are looked at where nothing tells of changes.
const POLL: Duration = Duration::from_secs(2);

impl Control {
    /// Reloads whenever the files change, for as long as the future is polled. A source in memory never changes.
    pub async fn watch(self: Arc<Self>) {
        let Some(folder) = self.source.folder() else { return std::future::pending().await };
        // One waiting event is as good as many.
        let (wake, mut woken) = mpsc::channel(1);
        // Dropping the watcher ends the watching, so that it lives as long as the loop.
        let _watcher = watcher(&folder, wake);
        let mut seen = fingerprint(&self.source, &folder);
        loop {
            // Also before anything was told: a file may have changed since the graph was built.
            let control = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || control.reload()).await {
                Ok(Reload::Tried(attempt)) => self.tell(&attempt),
                Ok(Reload::Nothing) => {}
                // A panic in composition costs this reload, not the watching.
                Err(failure) => error!(%failure, "the reload broke off; the last good graph stays"),
            }
            // The channel closes where there is no watcher; then only time passes.
            tokio::select! {
                Some(()) = woken.recv() => {
                    while tokio::time::timeout(SETTLE, woken.recv()).await.is_ok_and(|event| event.is_some()) {}
                    // Two writes within one tick of the file system's clock look alike: an event is believed as it is.
                    seen = fingerprint(&self.source, &folder);
                }
                () = changed(&self.source, &folder, &mut seen) => {}
            }
        }
    }

    /// Says in the log what came of an attempt.
    pub fn tell(&self, attempt: &Attempt) {
        let status = self.status();
        let (errors, hints): (Vec<_>, Vec<_>) =
            attempt.diagnostics.iter().cloned().partition(|diagnostic| diagnostic.severity == Severity::Error);
        if !hints.is_empty() {
            warn!("hints of composition:\n{}", build::render(&hints).trim_end());
        }
        match (attempt.outcome, &attempt.failure) {
            (Outcome::Swapped, _) => info!(
                graph = %status.graph.hash,
                fragments = status.graph.fragments.len(),
                types = status.graph.types,
                fields = status.graph.fields,
                "the graph is served"
            ),
            (Outcome::Unchanged, _) => info!("the files are again those of the graph that is served"),
            (Outcome::Refused, Some(failure)) => error!("{failure}; the last good graph stays"),
            (Outcome::Refused, None) => error!(
                errors = errors.len(),
                "{}; the last good graph stays:\n{}",
                self.source.refusal(),
                build::render(&errors).trim_end()
            ),
        }
    }
}

fn watcher(folder: &Path, wake: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let created = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading is no change, and would wake us for our own reads.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // Full means that somebody is woken already.
            let _ = wake.try_send(());
        }
    });
    let watched = created.and_then(|mut watcher| watcher.watch(folder, RecursiveMode::NonRecursive).map(|()| watcher));
    watched.inspect_err(|failure| warn!(%failure, "changes are noticed by looking every {} s", POLL.as_secs())).ok()
}

/// Looks again and again, until something looks different.
async fn changed(source: &SchemaSource, folder: &Path, seen: &mut Fingerprint) {
    loop {
        tokio::time::sleep(POLL).await;
        let now = fingerprint(source, folder);
        if now != *seen {
            *seen = now;
            return;
        }
    }
}

/// Path, time of the last change, and length of each file.
type Fingerprint = Vec<(PathBuf, Option<SystemTime>, u64)>;

/// What a look from outside tells of the files: enough to know whether reading them is worth it.
fn fingerprint(source: &SchemaSource, folder: &Path) -> Fingerprint {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .flatten()
        .filter(|entry| source.includes(&entry.path()))
        .filter_map(|entry| {
            // Follows links: mounted configuration is a link to a folder that is replaced.
            let metadata = std::fs::metadata(entry.path()).ok()?;
            Some((entry.path(), metadata.modified().ok(), metadata.len()))
        })
        .collect();
    files.sort();
    files
}
