//! The daemon: a pass at start, then whenever an export has changed and settled. Events only wake it; its own look at
//! the files is the truth.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use crate::config::{Config, glob};
use crate::disk::{Disk, Identity};
use crate::model::Table;
use crate::state::Lock;

use super::pass::{Effects, Outcome, PassError, Request, reconcile_locked};

/// How often the folders are looked at even when nothing woke us, and decisions of people are picked up.
const SCAN: Duration = Duration::from_secs(30);

/// Makes passes until `shutdown` ends; a pass that has begun is finished first.
pub async fn run(
    config: &Config,
    effects: &Effects<'_>,
    lock: &Lock,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = pin!(shutdown);
    // The watcher stands before the first pass, so that nothing changes unseen between the two.
    let mut watch = Watch::new(config);
    watch.arm();
    info!(folders = watch.folders.len(), "watching");
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            () = settled(config, effects.disk) => {}
        }
        report(&reconcile_locked(
            config,
            effects,
            &Request::default(),
            lock,
        ));
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            () = watch.woken() => {}
            () = tokio::time::sleep(SCAN) => watch.arm(),
        }
    }
    info!("stopped");
}

/// What the log says of a pass; never a value.
fn report(outcome: &Result<Outcome, PassError>) {
    match outcome {
        Ok(Outcome::Done(summary) | Outcome::InStep(summary) | Outcome::DryRun(summary)) => {
            if let Some(pass) = summary.pass {
                let (conflicts, problems) =
                    (summary.plan.conflicts.len(), summary.unaccepted.len());
                info!(
                    pass,
                    cells = summary.plan.changes.len(),
                    created = summary.plan.creations.len(),
                    conflicts,
                    problems,
                    "pass made"
                );
            }
        }
        Ok(Outcome::Halted { id, .. }) => warn!(
            halt = id,
            "halted by a guard; see `couplet approve {id} --show`"
        ),
        // Only orders can be refused, and only saved plans outdated; the daemon has neither.
        Ok(Outcome::Outdated { .. } | Outcome::Refused { .. }) => {}
        Err(failure) => error!(error = %Chain(failure), "pass failed; it is tried again"),
    }
}

/// An error with its causes.
struct Chain<'e>(&'e dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Waits until no export has changed for the configured time, its age counted from our own first sight.
async fn settled(config: &Config, disk: &dyn Disk) {
    let mut before = look(config, disk);
    loop {
        tokio::time::sleep(config.settle).await;
        let now = look(config, disk);
        if now == before {
            return;
        }
        before = now;
    }
}

/// What stands where exports are expected.
fn look(config: &Config, disk: &dyn Disk) -> BTreeMap<PathBuf, Option<Identity>> {
    let mut found = BTreeMap::new();
    for table in Table::all() {
        let Some(path) = config.table(table).map(|config| config.export_path()) else {
            continue;
        };
        let paths = match glob::pattern(&path) {
            None => vec![path],
            Some((folder, _)) => disk.list(&folder).unwrap_or_default(),
        };
        for path in paths {
            let identity = disk.identity(&path).ok().flatten();
            found.insert(path, identity);
        }
    }
    found
}

/// The watched folders of all exports.
struct Watch {
    watcher: Option<RecommendedWatcher>,
    /// Each folder, and whether it is watched.
    folders: BTreeMap<PathBuf, bool>,
    events: mpsc::UnboundedReceiver<()>,
}

impl Watch {
    fn new(config: &Config) -> Watch {
        let (wake, events) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |_| {
            // Nobody listens any more only while the daemon stops.
            let _ = wake.send(());
        });
        if let Err(error) = &watcher {
            warn!(%error, "cannot watch folders; looking every {} seconds instead", SCAN.as_secs());
        }
        let exports = Table::all().filter_map(|table| Some(config.table(table)?.export_path()));
        let folders = exports
            .filter_map(|path| Some((folder_of(&path)?, false)))
            .collect();
        Watch {
            watcher: watcher.ok(),
            folders,
            events,
        }
    }

    /// Watches the folders that are not watched yet; one that was removed and came back is watched anew.
    fn arm(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for (folder, watched) in &mut self.folders {
            if *watched {
                // Watching the same folder again replaces the watch, also of one that was removed meanwhile.
                let _ = watcher.unwatch(folder);
            }
            let armed = watcher.watch(folder, RecursiveMode::NonRecursive);
            if let (Err(error), true) = (&armed, folder.exists()) {
                warn!(folder = %folder.display(), %error, "cannot watch; looking every {} seconds instead", SCAN.as_secs());
            }
            *watched = armed.is_ok();
        }
    }

    /// Waits for an event, and takes all that came with it.
    async fn woken(&mut self) {
        if self.events.recv().await.is_none() {
            // Without a watcher only the regular look wakes us.
            std::future::pending::<()>().await;
        }
        while self.events.try_recv().is_ok() {}
    }
}

fn folder_of(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    Some(if folder.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        folder.to_owned()
    })
}
