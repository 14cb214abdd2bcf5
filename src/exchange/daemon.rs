//! The daemon: a round at start, then whenever a file has come or changed and is complete.
//!
//! [`Daemon`] is a state machine without a clock, a thread or a watcher of its own; [`run`] gives it the machine's.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tracing::{error, info, warn};

use crate::config::{Config, Ready};
use crate::disk::{Disk, Identity};
use crate::state::drops::{Receipt, ReceiptRow, Standing};
use crate::state::{Lock, StateError, Store};
use crate::sync::apply::digest_of;
use crate::sync::inbox;
use crate::sync::pass::{Clock, Effects, Outcome, PassError, Request};

use super::conflicts;
use super::folder::Looks;
use super::ready::Tracker;
use super::round::{Round, round};
use super::watch::{Watch, is_marker, look};

pub use super::watch::Told;

/// How long the state stays open without a round. Whoever closes it last moves what the log of the database holds into it, so that a
/// state at rest is whole in its files.
const REST: Duration = Duration::from_secs(5);
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

/// How the state in a folder is opened for a round: [`Store::open`], or what a test puts in its place.
pub type OpenState<'s> = &'s dyn Fn(&Path) -> Result<Store, StateError>;

/// Makes rounds until it is asked to stop; a round that has begun is finished first, and what was asked before the end is done.
pub async fn run(
    config: Config,
    effects: &Effects<'_>,
    open: OpenState<'_>,
    lock: &Lock,
    mut asked: UnboundedReceiver<Asked>,
    observer: &dyn Observer,
) {
    let mut daemon = Daemon::new(config, effects, open, observer, Instant::now());
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
        daemon.look(&told, Instant::now());
        while daemon.is_due(Instant::now()) {
            let made = daemon.make_round(Instant::now());
            daemon.take_in(made, Instant::now());
            daemon.look(&watch.pending(), Instant::now());
        }
        let due = daemon.next_look(watch.polls(), Instant::now());
        told = Vec::new();
        tokio::select! {
            biased;
            ask = asked.recv() => match ask {
                Some(Asked::Job(job)) => {
                    job(&daemon.config, lock);
                    daemon.make_one_at(Instant::now());
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
fn jitter(clock: &dyn Clock) -> f64 {
    let nanos = clock.now().timestamp().subsec_nanosecond();
    0.9 + f64::from(nanos % 1000) / 5000.0
}

/// What is known between two rounds. Whoever holds it tells what time it is, and in a loop: [`look`](Daemon::look); as long as
/// a round [`is_due`](Daemon::is_due), [`make_round`](Daemon::make_round), [`take_in`](Daemon::take_in) and look again; then
/// wait until [`next_look`](Daemon::next_look), or until something is told.
pub struct Daemon<'d> {
    config: Config,
    effects: &'d Effects<'d>,
    open: OpenState<'d>,
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
    /// The last round left files for the next, which is made at once.
    is_more: bool,
    /// What the next round is asked.
    next: Request,
    /// The state of the last round, for the next that follows soon.
    state: Option<Opened>,
}

/// A state that stays open between rounds.
struct Opened {
    store: Store,
    /// Which file it was, by device and inode.
    node: Option<(u64, u64)>,
    /// When it was last used.
    at: Instant,
}

/// A round that was made or has failed, and has not been taken in yet.
pub struct Made {
    /// What was complete when it began.
    settled: BTreeMap<PathBuf, Identity>,
    outcome: Result<(Round, Written), Failure>,
}

/// The versions of files that a round wrote.
type Written = BTreeMap<PathBuf, Identity>;

impl Looks for Tracker {
    fn is_settled(&self, path: &Path, identity: &Identity) -> bool {
        Tracker::is_settled(self, path, identity)
    }

    fn age(&self, path: &Path) -> Duration {
        Tracker::age(self, path)
    }
}

impl<'d> Daemon<'d> {
    /// A daemon that has looked at nothing yet.
    pub fn new(
        config: Config,
        effects: &'d Effects<'d>,
        open: OpenState<'d>,
        observer: &'d dyn Observer,
        now: Instant,
    ) -> Daemon<'d> {
        Daemon {
            tracker: Tracker::new(config.run.settle, now),
            config,
            effects,
            open,
            observer,
            failures: 0,
            breakdowns: 0,
            retry_at: None,
            wait_until: None,
            is_first: true,
            is_more: false,
            next: Request::default(),
            state: None,
        }
    }

    /// Looks at all folders, and hears what events told of files.
    pub fn look(&mut self, told: &[Told], now: Instant) {
        let found = look(&self.config, self.effects.disk);
        self.tracker.look(&found, now);
        for told in told {
            match told {
                Told::RenamedIn(path) => self.tracker.announce(path),
                Told::Closed(path) if self.trusts_closing(path) => self.tracker.announce(path),
                Told::Closed(_) => {}
                // Whoever closed it may have told of the version before: events wait while a round is made.
                Told::Written(path) => self.tracker.withdraw(path),
                Told::Missed => self.tracker.withdraw_all(),
            }
        }
        // A marker says by being there what it has to say.
        for path in found.keys().filter(|path| is_marker(&self.config, path)) {
            self.tracker.announce(path);
        }
        let rests = |state: &mut Opened| now.saturating_duration_since(state.at) >= REST;
        self.state.take_if(rests);
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
    pub fn reload(&mut self, config: Config) {
        self.tracker.set_settle(config.run.settle);
        self.tracker.forget_all();
        self.config = config;
        info!("configuration reloaded");
    }

    /// Has a round made from a time on, whatever the folders show.
    pub fn make_one_at(&mut self, at: Instant) {
        self.retry_at = Some(at);
    }

    /// Whether a round is to be made now.
    pub fn is_due(&self, now: Instant) -> bool {
        match self.retry_at {
            _ if self.is_more => true,
            Some(at) => now >= at,
            // At start everything is new, and the first round waits until the first file is complete, or there is none.
            None if self.wait_until.is_some_and(|at| now >= at) => true,
            None => {
                self.tracker.has_news()
                    || (self.is_first && self.tracker.next_due().is_none_or(|due| due <= now))
            }
        }
    }

    /// When it looks again, though nothing be told: when something may be due, and now and then in any case. `polls` says that
    /// nothing tells of changes in some folder.
    pub fn next_look(&self, polls: bool, now: Instant) -> Instant {
        let run = &self.config.run;
        let scan = if polls { run.poll } else { run.scan };
        // Not in step with other programs that look at round times.
        let scan = now + scan.mul_f64(jitter(self.effects.clock));
        self.next_due().map_or(scan, |due| due.min(scan))
    }

    /// When something may be due.
    fn next_due(&self) -> Option<Instant> {
        match self.retry_at {
            Some(at) => Some(at),
            None => {
                let rest = self.state.as_ref().map(|state| state.at + REST);
                [self.tracker.next_due(), self.wait_until, rest]
                    .into_iter()
                    .flatten()
                    .min()
            }
        }
    }

    /// The state: that of the last round, unless another has taken its place.
    fn take_state(&mut self) -> Result<Store, StateError> {
        let node = self.state_node();
        match self.state.take().filter(|state| state.node == node) {
            Some(state) => Ok(state.store),
            None => (self.open)(&self.config.state),
        }
    }

    fn state_node(&self) -> Option<(u64, u64)> {
        let found = self.effects.disk.identity(&Store::path(&self.config.state));
        Some(found.ok()??.node)
    }

    /// Makes a round that begins now.
    pub fn make_round(&mut self, now: Instant) -> Made {
        (self.is_first, self.is_more, self.retry_at) = (false, false, None);
        let settled = self.tracker.settled();
        self.observer.begins();
        let attempt = || -> Result<(Round, Written), PassError> {
            let mut store = self.take_state()?;
            let request = self.next.clone();
            let round = round(
                &self.config,
                self.effects,
                &mut store,
                request,
                &self.tracker,
            )?;
            let written = self.written(&round, &store);
            self.state = Some(Opened {
                store,
                node: self.state_node(),
                at: now,
            });
            Ok((round, written))
        };
        // Should a file bring the program down, it must not do so for ever.
        let outcome = match catch_unwind(AssertUnwindSafe(attempt)) {
            Ok(made) => made.map_err(Failure::Pass),
            Err(_) => Err(Failure::Broke),
        };
        match &outcome {
            Ok((round, _)) => self.observer.made(round),
            Err(failure) => self.observer.failed(&failure.reason()),
        }
        report(outcome.as_ref().map(|(round, _)| round));
        Made { settled, outcome }
    }

    /// Takes in how a round ended, and that it has ended now.
    pub fn take_in(&mut self, made: Made, now: Instant) {
        match made.outcome {
            Ok((round, written)) => {
                (self.failures, self.breakdowns) = (0, 0);
                (self.is_more, self.next) = (round.is_more, round.next());
                self.wait_until = round.wait.map(|wait| now + wait);
                // What it has seen, taken and written is no news.
                self.tracker.was_seen(made.settled, &written, now);
                for row in &round.answered {
                    self.tracker.forget(&inbox::dropped(row));
                }
            }
            Err(failure) => {
                if matches!(failure, Failure::Broke) {
                    self.breakdowns += 1;
                    self.set_aside();
                }
                let wait = FIRST_RETRY * 2u32.saturating_pow(self.failures.min(16));
                self.failures += 1;
                let wait = wait.min(LAST_RETRY).mul_f64(jitter(self.effects.clock));
                self.retry_at = Some(now + wait);
            }
        }
    }

    /// Sets the drops aside over which rounds break down.
    fn set_aside(&self) {
        if self.breakdowns < BREAKDOWNS {
            return;
        }
        let reason = "the program broke down while it was read; please report this, with the file if that is possible";
        let receipts = || -> Result<(), StateError> {
            let mut store = (self.open)(&self.config.state)?;
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

    /// The versions of the files that a round wrote, as far as they still are ours.
    fn written(&self, round: &Round, store: &Store) -> Written {
        let mut written = BTreeMap::new();
        if let Outcome::Done(summary) | Outcome::InStep(summary) = &round.outcome
            && !summary.files.is_empty()
        {
            let tables = store.tables().unwrap_or_default();
            for path in &summary.files {
                let is_ours = |digest: &str| tables.iter().any(|memory| memory.digest == digest);
                let identity = self.own_write(path, is_ours);
                written.extend(identity.map(|identity| (path.clone(), identity)));
            }
        }
        if let Some(path) = &self.config.exchange.conflicts {
            let identity = self.own_write(path, |digest| conflicts::is_ours(store, digest));
            written.extend(identity.map(|identity| (path.clone(), identity)));
        }
        written
    }

    /// The version of a file that we wrote, if it still is ours.
    fn own_write(&self, path: &Path, is_ours: impl Fn(&str) -> bool) -> Option<Identity> {
        let disk: &dyn Disk = self.effects.disk;
        let before = disk.identity(path).ok()??;
        let digest = digest_of(disk, path).ok()??;
        (is_ours(&digest) && disk.identity(path).ok()? == Some(before)).then_some(before)
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
fn report(made: Result<&Round, &Failure>) {
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
pub(super) struct Chain<'e>(pub(super) &'e dyn std::error::Error);

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
