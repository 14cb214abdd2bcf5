//! The daemon: a round at start, then whenever a file has come or changed and is complete.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tracing::{error, info, warn};

use crate::config::{Config, Ready};
use crate::disk::{Disk, Identity};
use crate::state::drops::{Receipt, ReceiptRow, Standing};
use crate::state::{Lock, Store};
use crate::sync::apply::digest_of;
use crate::sync::inbox;
use crate::sync::pass::{Effects, Outcome, PassError, Request};

use super::conflicts;
use super::folder::Looks;
use super::ready::Tracker;
use super::round::{Round, round};
use super::watch::{Told, Watch, is_marker, look};

/// How long after a failed round the next is made, at first; twice as long after each further failure.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// How long at most.
const LAST_RETRY: Duration = Duration::from_secs(300);
/// After so many rounds that broke down over them, drops are set aside.
const BREAKDOWNS: u32 = 3;

/// A piece of work that is done between two rounds, with the daemon's configuration and under its lock.
pub type Job = Box<dyn FnOnce(&Config, &Lock) + Send>;

/// Something that the daemon is asked to do between two rounds.
pub enum Asked {
    /// End.
    Stop,
    /// Go on with another configuration, of the same state.
    Reload(Box<Config>),
    /// Carry something out under the lock.
    Job(Job),
}

/// Is told how the daemon fares.
pub trait Observer {
    /// It has looked at its folders.
    fn looked(&self);

    /// A round begins.
    fn begins(&self);

    /// A round was made.
    fn made(&self, round: &Round);

    /// A round failed; the reason holds no values.
    fn failed(&self, reason: &str);

    /// From now on it misses nothing, under this configuration.
    fn watching(&self);
}

/// Makes rounds until it is asked to stop; a round that has begun is finished first, and what was asked before the end is done.
pub async fn run(
    config: Config,
    effects: &Effects<'_>,
    lock: &Lock,
    mut asked: UnboundedReceiver<Asked>,
    observer: &dyn Observer,
) {
    let mut daemon = Daemon {
        tracker: Tracker::new(config.run.settle, Instant::now()),
        config,
        effects,
        observer,
        failures: 0,
        breakdowns: 0,
        retry_at: None,
        wait_until: None,
        is_first: true,
    };
    // The watch stands before the first look, so that nothing changes unseen between the two.
    let mut watch = Watch::new();
    watch.arm(&daemon.config, effects.disk);
    info!(
        folders = super::watch::folders(&daemon.config).len(),
        "watching"
    );
    observer.watching();
    let mut told = Vec::new();
    loop {
        daemon.look(&told);
        while daemon.is_due() {
            daemon.make_rounds();
            told = watch.pending();
            daemon.look(&told);
        }
        let run = &daemon.config.run;
        let scan = if watch.polls() { run.poll } else { run.scan };
        // Not in step with other programs that look at round times.
        let scan = Instant::now() + scan.mul_f64(jitter());
        let due = daemon.next_due().map_or(scan, |due| due.min(scan));
        told = Vec::new();
        tokio::select! {
            biased;
            ask = asked.recv() => match ask {
                Some(Asked::Job(job)) => {
                    job(&daemon.config, lock);
                    daemon.retry_at = Some(Instant::now());
                }
                Some(Asked::Reload(config)) => {
                    daemon.reload(*config);
                    watch.arm(&daemon.config, effects.disk);
                    observer.watching();
                }
                Some(Asked::Stop) | None => break,
            },
            news = watch.woken() => told = news,
            () = tokio::time::sleep_until(due.into()) => watch.arm(&daemon.config, effects.disk),
        }
    }
    info!("stopped");
}

/// Between 0.9 and 1.1, other each time.
fn jitter() -> f64 {
    let nanos = jiff::Timestamp::now().subsec_nanosecond();
    0.9 + f64::from(nanos % 1000) / 5000.0
}

struct Daemon<'d> {
    config: Config,
    effects: &'d Effects<'d>,
    observer: &'d dyn Observer,
    tracker: Tracker,
    /// Rounds in a row that failed.
    failures: u32,
    /// Rounds in a row that broke down.
    breakdowns: u32,
    /// When the next round is made, whatever the folders show.
    retry_at: Option<Instant>,
    /// When a set is no longer waited for.
    wait_until: Option<Instant>,
    is_first: bool,
}

impl Looks for Tracker {
    fn is_settled(&self, path: &Path, identity: &Identity) -> bool {
        Tracker::is_settled(self, path, identity)
    }

    fn age(&self, path: &Path) -> Duration {
        Tracker::age(self, path)
    }
}

impl Daemon<'_> {
    /// Looks at all folders, and hears what events told of files.
    fn look(&mut self, told: &[Told]) {
        let found = look(&self.config, self.effects.disk);
        self.tracker.look(&found, Instant::now());
        for told in told {
            match told {
                Told::RenamedIn(path) => self.tracker.announce(path),
                Told::Closed(path) if self.trusts_closing(path) => self.tracker.announce(path),
                Told::Closed(_) => {}
            }
        }
        // A marker says by being there what it has to say.
        for path in found.keys().filter(|path| is_marker(&self.config, path)) {
            self.tracker.announce(path);
        }
        self.observer.looked();
    }

    fn trusts_closing(&self, path: &Path) -> bool {
        let (folder, name) = inbox::folder_and_name(path);
        self.config.exports().any(|(_, table)| {
            table.arrival.ready == Ready::Closed
                && inbox::inbox(table) == folder
                && inbox::is_named_like(&table.export_path(), &name)
        })
    }

    /// Goes on with another configuration: everything is looked at anew.
    fn reload(&mut self, config: Config) {
        self.tracker.set_settle(config.run.settle);
        self.tracker.forget_all();
        self.config = config;
        info!("configuration reloaded");
    }

    /// Whether a round is to be made now.
    fn is_due(&self) -> bool {
        let now = Instant::now();
        match self.retry_at {
            Some(at) => now >= at,
            // At start everything is new, and the first round waits until the first file is complete, or there is none.
            None if self.wait_until.is_some_and(|at| now >= at) => true,
            None => {
                self.tracker.has_news()
                    || (self.is_first && self.tracker.next_due().is_none_or(|due| due <= now))
            }
        }
    }

    /// When something may be due.
    fn next_due(&self) -> Option<Instant> {
        match self.retry_at {
            Some(at) => Some(at),
            None => [self.tracker.next_due(), self.wait_until]
                .into_iter()
                .flatten()
                .min(),
        }
    }

    /// Makes rounds until nothing that can be read waits.
    fn make_rounds(&mut self) {
        self.is_first = false;
        self.retry_at = None;
        loop {
            let settled = self.tracker.settled();
            self.observer.begins();
            let made = self.make_round();
            let is_more = match &made {
                Ok(round) => round.is_more,
                Err(_) => false,
            };
            match &made {
                Ok(round) => self.observer.made(round),
                Err(failure) => self.observer.failed(&failure.reason()),
            }
            report(&made);
            match made {
                Ok(round) => {
                    (self.failures, self.breakdowns) = (0, 0);
                    self.wait_until = round.wait.map(|wait| Instant::now() + wait);
                    self.remember(settled, &round);
                }
                Err(failure) => {
                    if matches!(failure, Failure::Broke) {
                        self.breakdowns += 1;
                        self.set_aside();
                    }
                    let wait = FIRST_RETRY * 2u32.saturating_pow(self.failures.min(16));
                    self.failures += 1;
                    self.retry_at = Some(Instant::now() + wait.min(LAST_RETRY).mul_f64(jitter()));
                }
            }
            if !is_more {
                return;
            }
            self.look(&[]);
        }
    }

    fn make_round(&self) -> Result<Round, Failure> {
        let attempt = || -> Result<Round, PassError> {
            let mut store = Store::open(&self.config.state)?;
            round(
                &self.config,
                self.effects,
                &mut store,
                Request::default(),
                &self.tracker,
            )
        };
        // Should a file bring the program down, it must not do so for ever.
        match catch_unwind(AssertUnwindSafe(attempt)) {
            Ok(made) => made.map_err(Failure::Pass),
            Err(_) => Err(Failure::Broke),
        }
    }

    /// Sets the drops aside over which rounds break down.
    fn set_aside(&mut self) {
        if self.breakdowns < BREAKDOWNS {
            return;
        }
        let reason = "the program broke down while it was read; please report this, with the file if that is possible";
        let receipts = || -> Result<(), crate::state::StateError> {
            let mut store = Store::open(&self.config.state)?;
            let open = store.open_drops()?;
            let waiting = open.into_iter().filter(|row| row.receipt.is_none());
            let receipts: Vec<ReceiptRow> = waiting
                .map(|row| ReceiptRow {
                    drop: row.id,
                    receipt: Receipt::whole(Standing::Rejected, reason),
                })
                .collect();
            store.receive(&receipts)
        };
        if let Err(failure) = receipts() {
            error!(error = %Chain(&failure), "cannot set drops aside");
        }
    }

    /// What a round has seen, taken and written is no news.
    fn remember(&mut self, settled: BTreeMap<PathBuf, Identity>, round: &Round) {
        let mut written = BTreeMap::new();
        if let Outcome::Done(summary) | Outcome::InStep(summary) = &round.outcome {
            for path in &summary.files {
                let identity = self.own_write(path, |digest, store| {
                    let tables = store.tables().unwrap_or_default();
                    tables.iter().any(|memory| memory.digest == digest)
                });
                written.extend(identity.map(|identity| (path.clone(), identity)));
            }
        }
        if let Some(path) = &self.config.exchange.conflicts {
            let identity = self.own_write(path, |digest, store| conflicts::is_ours(store, digest));
            written.extend(identity.map(|identity| (path.clone(), identity)));
        }
        self.tracker.was_seen(settled, &written, Instant::now());
        for row in &round.answered {
            self.tracker.forget(&inbox::dropped(row));
        }
    }

    /// The version of a file that we wrote, if it still is ours.
    fn own_write(&self, path: &Path, is_ours: impl Fn(&str, &Store) -> bool) -> Option<Identity> {
        let disk: &dyn Disk = self.effects.disk;
        let before = disk.identity(path).ok()??;
        let digest = digest_of(disk, path).ok()??;
        let store = Store::look(&self.config.state).ok()??;
        let is_ours = is_ours(&digest, &store);
        (is_ours && disk.identity(path).ok()? == Some(before)).then_some(before)
    }
}

/// Why a round was not made.
enum Failure {
    /// It failed.
    Pass(PassError),
    /// It broke down; what it said of that is in the log.
    Broke,
}

impl Failure {
    fn reason(&self) -> String {
        match self {
            Failure::Pass(failure) => Chain(failure).to_string(),
            Failure::Broke => "the program broke down in a pass".to_owned(),
        }
    }
}

/// What the log says of a round; never a value.
fn report(made: &Result<Round, Failure>) {
    let round = match made {
        Ok(round) => round,
        Err(failure) => {
            error!(error = failure.reason(), "pass failed; it is tried again");
            return;
        }
    };
    match &round.outcome {
        Outcome::Done(summary) | Outcome::InStep(summary) | Outcome::DryRun(summary) => {
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
        Outcome::Halted { id, .. } => warn!(
            halt = id,
            "halted by a guard; see `couplet approve {id} --show`"
        ),
        // Only orders can be refused, and only saved plans outdated; the daemon has neither.
        Outcome::Outdated { .. } | Outcome::Refused { .. } => {}
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
