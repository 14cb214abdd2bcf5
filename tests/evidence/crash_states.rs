//! Power cuts: every state that one may leave is recovered from, by nothing but the next pass, and ends as if there had been none.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use couplet::config::Config;
use couplet::disk::Disk as _;
use couplet::state::Store;
use couplet::sync::Outcome;

use crate::database::{Database, connection};
use crate::dice::Dice;
use crate::exchange::ROOT;
use crate::memory::{Effect, MemoryDisk};
use crate::outcome::{Ended, is_temporary};
use crate::platter::{Bounds, Bytes, Cut, History};
use crate::run::{Layer, Tally};
use crate::scenarios::{Scenario, scenarios};

/// Power cuts at every effect.
pub const CRASH_STATES: Layer = Layer {
    name: "crash-states",
    about: "every state that a power cut may leave is recovered from by the next pass, and by the next after a cut in that",
    cases: CHUNKS * SCENARIOS,
    all: None,
    parallel: true,
    floors: &[
        (INTENT, 60.0),
        (COMMIT, 30.0),
        (TORN, 50.0),
        (REORDERED, 50.0),
        (AGAIN, 60.0),
    ],
    case,
};

/// So many scenarios there are; a test of the layer itself holds it.
const SCENARIOS: u64 = 37;
/// In so many parts the cuts of a scenario are tried, each of which lies everywhere in its pass.
const CHUNKS: u64 = 12;

const INTENT: &str = "a cut while temporary files were written";
const COMMIT: &str = "a cut between commit and done";
const TORN: &str = "a file without all of its bytes";
const REORDERED: &str = "names out of order";
const AGAIN: &str = "a cut in a recovery";

/// A scenario whose pass in question was made once without a cut.
struct Prepared {
    scenario: Scenario,
    config: Config,
    history: History,
    versions: BTreeMap<PathBuf, BTreeSet<Option<Bytes>>>,
    ended: Ended,
}

/// Phases of the pass that a database is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Intent,
    Commit,
    Other,
}

fn phase(database: &[u8]) -> Phase {
    let db = connection(database);
    let phase: Option<String> = db.query_row("SELECT phase FROM journal", [], |row| row.get(0)).ok();
    match phase.as_deref() {
        Some("intent") => Phase::Intent,
        Some(_) => Phase::Commit,
        None => Phase::Other,
    }
}

impl Prepared {
    fn new(scenario: Scenario) -> Prepared {
        let root = Path::new(ROOT);
        let config = scenario.config(root);
        let (disk, database) = (MemoryDisk::new(), Database::new());
        disk.create_folder(&config.state.join("base")).expect("a folder");
        let mut store = database.store(&config.state, || false);
        scenario.prepare(root, &disk, &mut store);
        let before = History::before(&disk, database.bytes());
        disk.record(database.news());
        let outcome = scenario.act(&config, &disk, &mut store);
        let effects = disk.recorded();
        outcome.unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
        let history = before.then(effects);
        let ended = Ended::of(&disk, &store, &config);
        Prepared {
            versions: history.versions(),
            scenario,
            config,
            history,
            ended,
        }
    }

    /// Every file of others is its old or its new version, before anything is repaired.
    fn old_or_new(&self, cut: &Cut) -> Result<(), String> {
        for (path, bytes) in &cut.files {
            let is_ours = path.starts_with(&self.config.state) || is_temporary(path) || self.ended.is_log(path);
            let known = self.versions.get(path);
            let is_known = known.is_some_and(|known| known.contains(&Some(bytes.clone())));
            if !is_ours && !is_known {
                return Err(format!("{} is neither old nor new: {}", path.display(), shown(bytes)));
            }
        }
        for (path, versions) in &self.versions {
            let is_owed = !versions.contains(&None) && !path.starts_with(&self.config.state);
            if is_owed && !cut.files.contains_key(path) {
                return Err(format!("{} is gone", path.display()));
            }
        }
        Ok(())
    }

    /// The next pass finishes by itself what was cut, everything is as if it had not been cut, and another pass changes nothing.
    fn recovers(&self, cut: &Cut) -> Result<(), String> {
        let disk = cut.disk();
        disk.create_folder(&self.config.state.join("base")).map_err(|error| error.to_string())?;
        let mut store = Store::on(connection(&cut.database), &self.config.state).map_err(|error| error.to_string())?;
        self.finishes(&disk, &mut store)
    }

    fn finishes(&self, disk: &MemoryDisk, store: &mut Store) -> Result<(), String> {
        self.resumes(disk, store)?;
        let mut ended = Ended::of(disk, store, &self.config);
        if !self.scenario.orders.is_empty() && ended.differs(&self.ended).is_some() {
            // A pass that was discarded has done nothing of what it was asked; whoever asked asks again.
            let again = self.scenario.act(&self.config, disk, store);
            match again.map_err(|error| format!("asked again: {error}"))? {
                Outcome::Done(_) | Outcome::InStep(_) => {}
                other => return Err(format!("asked again: {other:?}")),
            }
            ended = Ended::of(disk, store, &self.config);
        }
        if let Some(difference) = ended.differs(&self.ended) {
            return Err(difference);
        }
        let files = disk.files();
        self.resumes(disk, store)?;
        if files != disk.files() {
            return Err("another pass writes".to_owned());
        }
        Ok(())
    }

    fn resumes(&self, disk: &MemoryDisk, store: &mut Store) -> Result<(), String> {
        match self.scenario.resume(&self.config, disk, store) {
            Ok(Outcome::Done(_) | Outcome::InStep(_)) => Ok(()),
            Ok(other) => Err(format!("the next pass ends so: {other:?}")),
            Err(error) => Err(format!("the next pass fails: {}", chain(&error))),
        }
    }

    /// What the next pass does after a cut.
    fn recovery_of(&self, cut: &Cut) -> History {
        let disk = cut.disk();
        let database = Database::restored(&cut.database);
        let _ = disk.create_folder(&self.config.state.join("base"));
        let mut store = database.store(&self.config.state, || false);
        let before = History::before(&disk, database.bytes());
        disk.record(database.news());
        let _ = self.scenario.resume(&self.config, &disk, &mut store);
        before.then(disk.recorded())
    }
}

fn chain(error: &dyn std::error::Error) -> String {
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
    format!("{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(MUCH)]))
}

/// The scenarios, each prepared when it is first asked for.
fn prepared(at: usize) -> &'static Prepared {
    static ALL: OnceLock<Vec<(Mutex<Option<Scenario>>, OnceLock<Prepared>)>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let all: Vec<_> = scenarios().into_iter().map(|scenario| (Mutex::new(Some(scenario)), OnceLock::new())).collect();
        assert_eq!(all.len() as u64, SCENARIOS, "scenarios");
        all
    });
    let (scenario, prepared) = &all[at];
    prepared.get_or_init(|| {
        let scenario = scenario.lock().unwrap_or_else(PoisonError::into_inner).take();
        Prepared::new(scenario.expect("it is prepared once"))
    })
}

/// States that were tried already, by what tells them from each other.
struct Tried([Mutex<HashSet<u64>>; 16]);

impl Tried {
    fn is_new(&self, print: u64) -> bool {
        let part = &self.0[(print >> 60) as usize];
        part.lock().unwrap_or_else(PoisonError::into_inner).insert(print)
    }
}

static TRIED: OnceLock<Tried> = OnceLock::new();

fn tried() -> &'static Tried {
    TRIED.get_or_init(|| Tried(std::array::from_fn(|_| Mutex::default())))
}

/// One in so many states of a cut in a pass is cut again while it is recovered from.
const CUT_AGAIN: usize = 40;

fn case(seed: u64, tally: &mut Tally) -> Result<(), String> {
    let at = (seed % SCENARIOS) as usize;
    let prepared = prepared(at);
    let chunk = seed / SCENARIOS;
    let mut dice = Dice::new(seed);
    let moments = prepared.history.effects.len() + 1;
    // What a commit is worth goes through every moment; whoever gives more time gets moments and bounds by chance.
    let is_systematic = seed <= CRASH_STATES.cases;
    let (moments, bounds): (Vec<usize>, _) = match is_systematic {
        true => {
            let part = (0..moments).filter(|moment| *moment as u64 % CHUNKS == chunk % CHUNKS);
            (part.collect(), Bounds { namings: 24, fates: 8 })
        }
        false => (
            (0..12).map(|_| dice.below(moments)).collect(),
            Bounds {
                namings: 16 << dice.below(4),
                fates: 6 << dice.below(3),
            },
        ),
    };
    let mut walk = Walk {
        prepared,
        tally,
        salt: at as u64,
        phases: HashMap::new(),
    };
    for moment in moments {
        walk.cuts(&prepared.history, moment, bounds, &mut dice, 1)?;
    }
    Ok(())
}

/// A walk through states of a scenario.
struct Walk<'w> {
    prepared: &'static Prepared,
    tally: &'w mut Tally,
    salt: u64,
    phases: HashMap<*const u8, Phase>,
}

impl Walk<'_> {
    /// Tries the cuts at a moment of a history; of some, also cuts while they are recovered from.
    fn cuts(
        &mut self,
        history: &History,
        moment: usize,
        bounds: Bounds,
        dice: &mut Dice,
        depth: usize,
    ) -> Result<(), String> {
        let mut found = Ok(());
        let mut again = Vec::new();
        let mut own = dice.clone();
        history.cuts(moment, bounds, dice, &mut |cut| {
            if found.is_err() || !tried().is_new(cut.print().rotate_left(7) ^ self.salt) {
                return;
            }
            self.count(&cut, depth);
            let judged = self.prepared.old_or_new(&cut).and_then(|()| self.prepared.recovers(&cut));
            found = judged.map_err(|why| self.told(history, &cut, depth, &why));
            if own.below(CUT_AGAIN) == 0 {
                again.push(cut);
            }
        });
        found?;
        for cut in again.into_iter().filter(|_| depth < 3) {
            let recovery = self.prepared.recovery_of(&cut);
            let few = Bounds { namings: 6, fates: 4 };
            for _ in 0..3 {
                let moment = dice.below(recovery.effects.len() + 1);
                self.cuts(&recovery, moment, few, dice, depth + 1)?;
            }
        }
        Ok(())
    }

    fn count(&mut self, cut: &Cut, depth: usize) {
        let phase = *self.phases.entry(cut.database.as_ptr()).or_insert_with(|| phase(&cut.database));
        self.tally.count("distinct states", 1);
        match phase {
            Phase::Intent => {
                self.tally.is(INTENT);
                self.tally.count("of them between intent and commit", 1);
            }
            Phase::Commit => {
                self.tally.is(COMMIT);
                self.tally.count("of them between commit and done", 1);
            }
            Phase::Other => {}
        }
        if cut.is_torn {
            self.tally.is(TORN);
            self.tally.count("of them with files without all of their bytes", 1);
        }
        if cut.is_reordered {
            self.tally.is(REORDERED);
            self.tally.count("of them with names out of order", 1);
        }
        if depth > 1 {
            self.tally.is(AGAIN);
            self.tally.count("of them in a recovery", 1);
        }
    }

    /// What was found, and where.
    fn told(&self, history: &History, cut: &Cut, depth: usize, why: &str) -> String {
        let mut text = format!(
            "{}: a cut after effect {} of {}, at depth {depth}, torn: {}, out of order: {}: {why}\n",
            self.prepared.scenario.name,
            cut.after,
            history.effects.len(),
            cut.is_torn,
            cut.is_reordered
        );
        for (path, bytes) in cut.files.iter().filter(|(path, _)| !path.ends_with("relations.csv")) {
            let _ = writeln!(text, "    has {} of {} bytes", path.display(), bytes.len());
        }
        for (at, effect) in history.effects.iter().enumerate() {
            let mark = if at < cut.after { "did" } else { "not" };
            let _ = writeln!(text, "    {mark} {at}: {}", brief(effect));
        }
        text
    }
}

/// An effect in a line.
fn brief(effect: &Effect) -> String {
    match effect {
        Effect::Written { node, bytes } => format!("Written {{ node: {node}, {} bytes }}", bytes.len()),
        Effect::Committed { .. } => "Committed".to_owned(),
        other => format!("{other:?}"),
    }
}
