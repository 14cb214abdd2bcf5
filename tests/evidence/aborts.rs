//! Real processes that die: before and after every operation on files and every commit of the database, in each of the scenarios.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;

use couplet::config::Config;
use couplet::state::journal::Unfinished;
use couplet::state::{Lock, Store};
use couplet::sync::{Outcome, PassError};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::exchange::ROOT;
use crate::folders::{self, files_below};
use crate::memory::MemoryDisk;
use crate::outcome::{Ended, is_temporary};
use crate::rehearsal::chain;
use crate::rooted::{Operations, Rooted, Side, Versions};
use crate::run::{Layer, Regressions, Tally};
use crate::scenarios::{Scenario, scenarios};

/// A process dies at every operation.
pub const ABORTS: Layer = Layer {
    name: "aborts",
    about: "a real process dies before and after every operation and commit, and the next start finishes what it began",
    // More than there are: all of them.
    cases: 10_000,
    all: Some(how_many),
    parallel: true,
    regressions: Regressions::NONE,
    floors: &[
        ("temporary files to remove", 10.0),
        (INTENT, 10.0),
        (COMMIT, 5.0),
    ],
    case: abort,
};

const INTENT: &str = "a death between intent and commit";
const COMMIT: &str = "a death between commit and done";

/// Files and folders by their paths in the exchange.
#[derive(Clone, Default)]
struct Snapshot {
    folders: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Snapshot {
    fn of(folder: &Path) -> io::Result<Snapshot> {
        let mut found = Snapshot::default();
        for path in files_below(folder)? {
            let name = path.strip_prefix(folder).unwrap_or(&path).to_owned();
            found.files.insert(name, fs::read(&path)?);
        }
        let mut folders = vec![folder.to_owned()];
        while let Some(at) = folders.pop() {
            found
                .folders
                .insert(at.strip_prefix(folder).unwrap_or(&at).to_owned());
            for entry in fs::read_dir(&at)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        Ok(found)
    }

    fn put(&self, folder: &Path) -> io::Result<()> {
        for name in &self.folders {
            fs::create_dir_all(folder.join(name))?;
        }
        for (name, bytes) in &self.files {
            fs::write(folder.join(name), bytes)?;
        }
        Ok(())
    }
}

/// A scenario that was played once without a death.
struct Rehearsed {
    scenario: Scenario,
    config: Config,
    before: Snapshot,
    operations: u64,
    versions: Versions,
    ended: Ended,
    /// How it ends where what is asked for is asked for only after a pass that nobody asked for anything; `None` where nothing is.
    asked_later: Option<Ended>,
}

/// The files of others, as they stand in the exchange in memory, so that ends are compared in one way.
fn others(folder: &Path, config: &Config) -> io::Result<MemoryDisk> {
    let files = Snapshot::of(folder)?.files.into_iter();
    let files = files.map(|(name, bytes)| (Path::new(ROOT).join(name), bytes));
    Ok(MemoryDisk::with(
        files.filter(|(path, _)| !path.starts_with(&config.state)),
    ))
}

fn ended(folder: &Path, store: &Store, config: &Config) -> Ended {
    Ended::of(&others(folder, config).expect("files"), store, config)
}

impl Rehearsed {
    fn of(scenario: Scenario) -> Rehearsed {
        let is_made = |outcome: Result<Outcome, PassError>| {
            let is_made = matches!(outcome, Ok(Outcome::Done(_) | Outcome::InStep(_)));
            assert!(is_made, "{}: {outcome:?}", scenario.name);
        };
        let folder = folders::folder();
        let config = scenario.config(Path::new(ROOT));
        let disk = Rooted::at(folder.path());
        let mut store = disk.store(&config.state).expect("a state");
        scenario.prepare(Path::new(ROOT), &disk, &mut store);
        drop(store);
        let before = Snapshot::of(folder.path()).expect("files");
        let disk = Rooted::at(folder.path());
        let mut store = disk.store(&config.state).expect("a state");
        is_made(scenario.act(&config, &disk, &mut store));
        let mut versions = disk.operations().versions();
        for (name, bytes) in &before.files {
            versions
                .entry(Path::new(ROOT).join(name))
                .or_default()
                .insert(Some(bytes.clone()));
        }
        let asked_later = (!scenario.orders.is_empty()).then(|| {
            let folder = folders::folder();
            before.put(folder.path()).expect("files");
            let disk = Rooted::at(folder.path());
            let mut store = disk.store(&config.state).expect("a state");
            is_made(scenario.resume(&config, &disk, &mut store));
            is_made(scenario.act(&config, &disk, &mut store));
            ended(folder.path(), &store, &config)
        });
        Rehearsed {
            asked_later,
            operations: disk.operations().count(),
            ended: ended(folder.path(), &store, &config),
            scenario,
            config,
            before,
            versions,
        }
    }

    /// Every file of others is its old or its new version, before anything is repaired.
    fn old_or_new(&self, folder: &Path) -> Result<(), String> {
        let now = others(folder, &self.config)
            .map_err(|error| error.to_string())?
            .files();
        let is_ours = |path: &Path| {
            path.starts_with(&self.config.state) || is_temporary(path) || self.ended.is_log(path)
        };
        for (path, bytes) in now.iter().filter(|(path, _)| !is_ours(path)) {
            let mut known = self.versions.get(path).into_iter().flatten().flatten();
            if !known.any(|known| known == bytes) {
                return Err(format!(
                    "{} is neither old nor new: {:?}",
                    path.display(),
                    String::from_utf8_lossy(bytes)
                ));
            }
        }
        let owed = self
            .before
            .files
            .keys()
            .map(|name| Path::new(ROOT).join(name));
        let mut owed = owed.filter(|path| !is_ours(path) && !self.versions[path].contains(&None));
        match owed.find(|path| !now.contains_key(path)) {
            Some(path) => Err(format!("{} is gone", path.display())),
            None => Ok(()),
        }
    }

    /// The next start finishes by itself, all is as if nobody had died, and another pass changes nothing.
    fn recovers(&self, folder: &Path, tally: &mut Tally) -> Result<(), String> {
        let disk = Rooted::at(folder);
        let told = |error: io::Error| error.to_string();
        fs::create_dir_all(disk.real(&self.config.state)).map_err(told)?;
        let _lock = Lock::take(&disk.real(&self.config.state)).map_err(|error| chain(&error))?;
        let mut store = disk
            .store(&self.config.state)
            .map_err(|error| chain(&error))?;
        let begun = others(folder, &self.config).map_err(told)?.files();
        if begun.keys().any(|path| is_temporary(path)) {
            tally.is("temporary files to remove");
        }
        match store.unfinished().map_err(|error| chain(&error))? {
            Some(Unfinished::Intent(_)) => tally.is(INTENT),
            Some(Unfinished::Commit(..)) => tally.is(COMMIT),
            None => {}
        }
        let next = self.scenario.resume(&self.config, &disk, &mut store);
        if !matches!(next, Ok(Outcome::Done(_) | Outcome::InStep(_))) {
            return Err(format!("the next pass ends so: {next:?}"));
        }
        let now = ended(folder, &store, &self.config);
        match (now.differs(&self.ended), &self.asked_later) {
            (None, _) => {}
            (Some(difference), None) => return Err(difference),
            // A pass that was discarded has done nothing of what it was asked for; whoever asked asks again.
            (Some(_), Some(asked_later)) => {
                let again = self.scenario.act(&self.config, &disk, &mut store);
                again.map_err(|error| format!("asked again: {}", chain(&error)))?;
                tally.is("something to be asked for again");
                if let Some(difference) = ended(folder, &store, &self.config).differs(asked_later) {
                    return Err(format!("asked again: {difference}"));
                }
            }
        }
        let files = others(folder, &self.config).map_err(told)?.files();
        let again = self.scenario.resume(&self.config, &disk, &mut store);
        if !matches!(again, Ok(Outcome::InStep(_) | Outcome::Done(_))) {
            return Err(format!("the pass after the next ends so: {again:?}"));
        }
        match others(folder, &self.config).map_err(told)?.files() == files {
            true => Ok(()),
            false => Err("the pass after the next writes again".to_owned()),
        }
    }
}

fn rehearsed() -> &'static [Rehearsed] {
    static ALL: OnceLock<Vec<Rehearsed>> = OnceLock::new();
    ALL.get_or_init(|| scenarios().into_iter().map(Rehearsed::of).collect())
}

fn how_many() -> u64 {
    rehearsed()
        .iter()
        .map(|rehearsed| 2 * rehearsed.operations)
        .sum()
}

/// Which scenario, operation and side a case is.
fn which(case: u64) -> Option<(usize, u64, Side)> {
    let mut left = case;
    for (number, rehearsed) in rehearsed().iter().enumerate() {
        let deaths = 2 * rehearsed.operations;
        if left < deaths {
            // All of one side, then all of the other: a sample of every so many has both, whatever its step.
            let operations = rehearsed.operations;
            let side = if left < operations {
                Side::Before
            } else {
                Side::After
            };
            return Some((number, left % operations, side));
        }
        left -= deaths;
    }
    None
}

fn abort(case: u64, tally: &mut Tally) -> Result<(), String> {
    let (number, operation, side) = which(case).ok_or("there is no such case")?;
    let rehearsed = &rehearsed()[number];
    let told = |why: String| {
        let Rehearsed {
            scenario,
            operations,
            ..
        } = rehearsed;
        format!(
            "{}: died {side:?} operation {operation} of {operations}: {why}",
            scenario.name
        )
    };
    let folder = folders::folder();
    rehearsed
        .before
        .put(folder.path())
        .map_err(|error| error.to_string())?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let died = Command::new(program)
        .args([
            "--die",
            &number.to_string(),
            &operation.to_string(),
            &format!("{side:?}"),
        ])
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| error.to_string())?;
    const ABORTED: i32 = 6;
    if died.signal() != Some(ABORTED) {
        return Err(told(format!("it did not die: {died:?}")));
    }
    tally.count("processes that died", 1);
    rehearsed.old_or_new(folder.path()).map_err(told)?;
    rehearsed.recovers(folder.path(), tally).map_err(told)
}

/// Is the process that dies: scenario, operation, side and folder are its arguments.
pub fn die(arguments: &[String]) -> ExitCode {
    let [number, operation, side, folder] = arguments else {
        return ExitCode::FAILURE;
    };
    // A core file would take longer than all else.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    let side = match side.as_str() {
        "Before" => Side::Before,
        _ => Side::After,
    };
    let (number, operation): (usize, u64) = (
        number.parse().expect("a number"),
        operation.parse().expect("a number"),
    );
    let scenario = scenarios().swap_remove(number);
    let config = scenario.config(Path::new(ROOT));
    let disk = Rooted::with(Path::new(folder), Operations::fatal(operation, side));
    let _lock = Lock::take(&disk.real(&config.state)).expect("the lock");
    let mut store = disk.store(&config.state).expect("a state");
    let _ = scenario.act(&config, &disk, &mut store);
    ExitCode::FAILURE
}
