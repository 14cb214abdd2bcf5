//! Scenarios that were played once without a mishap, and what must be true of them after one.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use couplet::config::Config;
use couplet::disk::Disk;
use couplet::state::Store;
use couplet::sync::Outcome;

use crate::database::{Database, connection};
use crate::exchange::ROOT;
use crate::memory::MemoryDisk;
use crate::outcome::{Ended, is_temporary};
use crate::platter::{Cut, History, Versions};
use crate::scenarios::{Scenario, scenarios};

/// So many scenarios there are.
pub const SCENARIOS: u64 = 37;

/// A scenario whose pass in question was made once without a mishap.
pub struct Rehearsal {
    /// The scenario.
    pub scenario: Scenario,
    /// Its configuration.
    pub config: Config,
    /// What there was before the pass, and what it did.
    pub history: History,
    /// Every version of each file that was ever complete.
    pub versions: Versions,
    /// How it ended.
    ended: Ended,
    /// The words of all files before it.
    said: BTreeSet<String>,
}

/// A scenario by its number; it is played when it is first asked for.
pub fn rehearsal(number: u64) -> &'static Rehearsal {
    type Slot = (Mutex<Option<Scenario>>, OnceLock<Rehearsal>);
    static ALL: LazyLock<Vec<Slot>> = LazyLock::new(|| {
        let slot = |scenario| (Mutex::new(Some(scenario)), OnceLock::new());
        let all: Vec<Slot> = scenarios().into_iter().map(slot).collect();
        assert_eq!(all.len() as u64, SCENARIOS, "scenarios");
        all
    });
    let (scenario, rehearsal) = &ALL[number as usize];
    rehearsal.get_or_init(|| {
        let scenario = scenario
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        Rehearsal::of(scenario.expect("it is played once"))
    })
}

impl Rehearsal {
    fn of(scenario: Scenario) -> Rehearsal {
        let root = Path::new(ROOT);
        let config = scenario.config(root);
        let (disk, database) = (MemoryDisk::new(), Database::new());
        disk.create_folder(&config.state.join("base"))
            .expect("a folder");
        let mut store = database.store(&config.state, || false);
        scenario.prepare(root, &disk, &mut store);
        let before = History::before(&disk, database.bytes());
        disk.record(database.news());
        let said = Ended::of(&disk, &store, &config).words_of_files();
        let outcome = scenario.act(&config, &disk, &mut store);
        let is_made = matches!(outcome, Ok(Outcome::Done(_) | Outcome::InStep(_)));
        assert!(is_made, "{}: {outcome:?}", scenario.name);
        let history = before.then(disk.recorded());
        let ended = Ended::of(&disk, &store, &config);
        Rehearsal {
            versions: history.versions(),
            scenario,
            config,
            history,
            ended,
            said,
        }
    }

    /// A disk, with the folder that the state makes before it is opened.
    pub fn with_state(&self, disk: MemoryDisk) -> MemoryDisk {
        disk.create_folder(&self.config.state.join("base"))
            .expect("a folder");
        disk
    }

    /// Every file of others is its old or its new version, before anything is repaired.
    pub fn old_or_new<'f>(
        &self,
        files: impl Iterator<Item = (&'f PathBuf, &'f [u8])>,
        versions: &Versions,
    ) -> Result<(), String> {
        let mut owed: BTreeSet<&PathBuf> = versions
            .iter()
            .filter(|(path, versions)| !versions.contains(&None) && !self.is_ours(path))
            .map(|(path, _)| path)
            .collect();
        for (path, bytes) in files.filter(|(path, _)| !self.is_ours(path)) {
            owed.remove(path);
            let mut known = versions.get(path).into_iter().flatten().flatten();
            if !known.any(|known| **known == *bytes) {
                return Err(format!(
                    "{} is neither old nor new: {}",
                    path.display(),
                    shown(bytes)
                ));
            }
        }
        match owed.first() {
            Some(path) => Err(format!("{} is gone", path.display())),
            None => Ok(()),
        }
    }

    /// Whether a file may be anything at any instant: the state's own, those that are still written, and the log, which is a journal.
    fn is_ours(&self, path: &Path) -> bool {
        path.starts_with(&self.config.state) || is_temporary(path) || self.ended.is_log(path)
    }

    /// The next pass finishes by itself what was cut, all is as if it had not been, and another pass changes nothing.
    pub fn recovers(&self, cut: &Cut) -> Result<(), String> {
        let disk = self.with_state(cut.disk());
        let mut store = self.opened(&cut.database)?;
        self.resumes(&disk, &mut store)?;
        self.has_ended(&disk, &mut store, Exactness::Exact)
    }

    /// The same with a journal that is played again over what was recovered already.
    pub fn recovers_twice(&self, cut: &Cut) -> Result<(), String> {
        let disk = self.with_state(cut.disk());
        self.resumes(&disk, &mut self.opened(&cut.database)?)?;
        let mut store = self.opened(&cut.database)?;
        self.resumes(&disk, &mut store)
            .map_err(|why| format!("played again: {why}"))?;
        let ended = self.has_ended(&disk, &mut store, Exactness::Exact);
        ended.map_err(|why| format!("played again: {why}"))
    }

    fn opened(&self, database: &[u8]) -> Result<Store, String> {
        Store::on(connection(database), &self.config.state).map_err(|error| chain(&error))
    }

    /// Whether all is as if there had been no mishap, and another pass changes nothing.
    pub fn has_ended(
        &self,
        disk: &MemoryDisk,
        store: &mut Store,
        exactness: Exactness,
    ) -> Result<(), String> {
        let mut ended = Ended::of(disk, store, &self.config);
        if !self.scenario.orders.is_empty() && ended.differs(&self.ended).is_some() {
            // A pass that was discarded has done nothing of what it was asked for; whoever asked asks again, and is told where it was
            // done already.
            self.scenario
                .act(&self.config, disk, store)
                .map_err(|error| format!("asked again: {}", chain(&error)))?;
            ended = Ended::of(disk, store, &self.config);
        }
        let difference = match exactness {
            Exactness::Exact => ended.differs(&self.ended),
            Exactness::Loose => ended.lacks(&self.ended, &self.said),
        };
        if let Some(difference) = difference {
            return Err(difference);
        }
        let files = disk.files();
        self.resumes(disk, store)?;
        let now = disk.files();
        let written = now
            .iter()
            .find(|(path, bytes)| files.get(*path) != Some(*bytes));
        match written {
            Some((path, _)) => Err(format!("another pass writes {}", path.display())),
            None => Ok(()),
        }
    }

    /// Makes the next pass.
    pub fn resumes(&self, disk: &dyn Disk, store: &mut Store) -> Result<(), String> {
        match self.scenario.resume(&self.config, disk, store) {
            Ok(Outcome::Done(_) | Outcome::InStep(_)) => Ok(()),
            Ok(other) => Err(format!("the next pass ends so: {other:?}")),
            Err(error) => Err(format!("the next pass fails: {}", chain(&error))),
        }
    }

    /// What the next pass does after a cut.
    pub fn recovery_of(&self, cut: &Cut) -> History {
        let disk = self.with_state(cut.disk());
        let database = Database::restored(&cut.database);
        let mut store = database.store(&self.config.state, || false);
        let before = History::before(&disk, database.bytes());
        disk.record(database.news());
        // How it ends is judged for every state by itself.
        let _ = self.scenario.resume(&self.config, &disk, &mut store);
        before.then(disk.recorded())
    }

    /// The disk and the database just before the pass in question.
    pub fn eve(&self) -> (MemoryDisk, Database) {
        let (cut, database) = (
            self.history.eve(),
            Database::restored(self.history.database()),
        );
        (self.with_state(cut), database)
    }
}

/// How much alike two ends must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exactness {
    /// In every byte and in everything that is remembered.
    Exact,
    /// Nothing that was said is missing: passes were divided otherwise.
    Loose,
}

/// An error with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let _ = write!(text, ": {error}");
        next = error.source();
    }
    text
}

fn shown(bytes: &[u8]) -> String {
    const MUCH: usize = 400;
    format!(
        "{:?}",
        String::from_utf8_lossy(&bytes[..bytes.len().min(MUCH)])
    )
}
