//! Faults of the disk: whatever fails, at whichever operation, nothing is lost, and the next pass finishes.

use std::path::Path;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::exchange::ROOT;
use crate::faulty::{Fault, Faulty, NEVER, Wired};
use crate::memory::{Effect, MemoryDisk};
use crate::rehearsal::{Exactness, Rehearsal, SCENARIOS, chain, rehearsal};
use crate::run::{Layer, Regressions, Tally};
use crate::scenarios::Step;

/// A fault at every operation.
pub const FAULTS: Layer = Layer {
    name: "faults",
    about: "an operation on the disk or the database fails, once or from then on, and the next pass finishes",
    cases: 8_000,
    all: Some(|| SPACE.cases),
    parallel: true,
    regressions: Regressions::NONE,
    floors: &[
        (FAILED, 30.0),
        (SUCCEEDED, 3.0),
        (LASTED, 15.0),
        (LOOKED, 15.0),
        (COMMITTED, 0.3),
    ],
    case,
};

const FAILED: &str = "a pass that failed";
const SUCCEEDED: &str = "a pass that went on";
const LASTED: &str = "a fault that lasts";
const LOOKED: &str = "a fault of reading";
const COMMITTED: &str = "a commit that failed";

const EINTR: i32 = 4;
const EIO: i32 = 5;
const EACCES: i32 = 13;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;

/// What may happen at an effect.
const OF_EFFECTS: [Fault; 9] = [
    Fault::Once(EIO),
    Fault::Once(ENOSPC),
    Fault::Once(EACCES),
    Fault::Once(EMFILE),
    Fault::Once(EINTR),
    Fault::Partly(ENOSPC),
    Fault::Short,
    Fault::Lasting(ENOSPC),
    Fault::Lasting(EIO),
];

/// What may happen when the disk is looked at.
const OF_LOOKS: [Fault; 6] = [
    Fault::Once(EIO),
    Fault::Once(EACCES),
    Fault::Once(EMFILE),
    Fault::Once(EINTR),
    Fault::Lasting(EIO),
    Fault::Lasting(EMFILE),
];

/// Whether a commit fails alone, or all after it too.
const OF_COMMITS: [bool; 2] = [false, true];

/// How often a scenario does what.
struct Room {
    effects: u64,
    looks: u64,
    commits: u64,
}

impl Room {
    fn of(rehearsal: &Rehearsal) -> Room {
        let (disk, database) = rehearsal.eve();
        let commits = Arc::new(AtomicU64::new(0));
        let counted = commits.clone();
        let mut store = database.store(&rehearsal.config.state, move || {
            counted.fetch_add(1, Ordering::SeqCst);
            false
        });
        commits.store(0, Ordering::SeqCst);
        let faulty = Faulty::new(NEVER, Fault::Before);
        let wired = Wired(faulty.clone(), disk);
        let made = rehearsal
            .scenario
            .act(&rehearsal.config, &wired, &mut store);
        made.unwrap_or_else(|error| panic!("{}: {}", rehearsal.scenario.name, chain(&error)));
        Room {
            effects: faulty.effects() as u64,
            looks: faulty.looked() as u64,
            commits: commits.load(Ordering::SeqCst),
        }
    }

    fn cases(&self) -> u64 {
        self.effects * OF_EFFECTS.len() as u64
            + self.looks * OF_LOOKS.len() as u64
            + self.commits * OF_COMMITS.len() as u64
    }
}

/// All faults at all operations of all scenarios.
struct Space {
    rooms: Vec<Room>,
    cases: u64,
}

static SPACE: LazyLock<Space> = LazyLock::new(|| {
    let rooms: Vec<Room> = (0..SCENARIOS)
        .map(|number| Room::of(rehearsal(number)))
        .collect();
    let cases = rooms.iter().map(Room::cases).sum();
    Space { rooms, cases }
});

/// What fails.
#[derive(Clone, Copy, Debug)]
enum Fails {
    Effect(usize, Fault),
    Look(usize, Fault),
    Commit { at: u64, lasts: bool },
}

/// The case of a number: the scenario, and what fails in it.
fn fails(case: u64) -> (u64, Fails) {
    let mut rest = case % SPACE.cases;
    let mut number = 0;
    for room in &SPACE.rooms {
        if rest < room.cases() {
            break;
        }
        rest -= room.cases();
        number += 1;
    }
    let room = &SPACE.rooms[number as usize];
    let of_effects = room.effects * OF_EFFECTS.len() as u64;
    if rest < of_effects {
        let kinds = OF_EFFECTS.len() as u64;
        return (
            number,
            Fails::Effect((rest / kinds) as usize, OF_EFFECTS[(rest % kinds) as usize]),
        );
    }
    rest -= of_effects;
    let kinds = OF_LOOKS.len() as u64;
    if rest < room.looks * kinds {
        return (
            number,
            Fails::Look((rest / kinds) as usize, OF_LOOKS[(rest % kinds) as usize]),
        );
    }
    rest -= room.looks * kinds;
    let kinds = OF_COMMITS.len() as u64;
    let commit = Fails::Commit {
        at: rest / kinds,
        lasts: OF_COMMITS[(rest % kinds) as usize],
    };
    (number, commit)
}

fn case(case: u64, tally: &mut Tally) -> Result<(), String> {
    let (number, fails) = fails(case);
    let rehearsal = rehearsal(number);
    let judged = Trial { rehearsal, fails }.run(case.is_multiple_of(2), tally);
    judged.map_err(|why| format!("{}: {fails:?}: {why}", rehearsal.scenario.name))
}

/// A pass with a fault.
struct Trial {
    rehearsal: &'static Rehearsal,
    fails: Fails,
}

impl Trial {
    /// Makes the pass with the fault, and the next one without; a failure says what was struck.
    fn run(&self, is_daemon: bool, tally: &mut Tally) -> Result<(), String> {
        let faulty = match self.fails {
            Fails::Effect(at, fault) => Faulty::new(at, fault),
            Fails::Look(at, fault) => Faulty::blind(at, fault),
            Fails::Commit { .. } => Faulty::new(NEVER, Fault::Before),
        };
        let ended = self.struck(&faulty, is_daemon, tally);
        let struck = faulty
            .struck
            .lock()
            .map(|struck| struck.clone())
            .unwrap_or_default();
        ended.map_err(|why| format!("{}: {why}", struck.unwrap_or_default()))
    }

    /// `is_daemon` goes on with the same state, as the daemon does; otherwise the program is started anew.
    fn struck(
        &self,
        faulty: &Arc<Faulty>,
        is_daemon: bool,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let Rehearsal {
            config, scenario, ..
        } = self.rehearsal;
        let (disk, database) = self.rehearsal.eve();
        // Commits count from the pass on, not from opening the state.
        let commits = Arc::new(AtomicU64::new(0));
        let (fails, counted) = (self.fails, commits.clone());
        let is_over = Arc::new(AtomicU64::new(0));
        let over = is_over.clone();
        let mut store = database.store(&config.state, move || {
            let now = counted.fetch_add(1, Ordering::SeqCst);
            match fails {
                _ if over.load(Ordering::SeqCst) != 1 => false,
                Fails::Commit { at, lasts } => now == at || lasts && now > at,
                Fails::Effect(..) | Fails::Look(..) => false,
            }
        });
        commits.store(0, Ordering::SeqCst);
        is_over.store(1, Ordering::SeqCst);
        disk.record(|| None);
        let made = scenario.act(config, &Wired(faulty.clone(), disk.clone()), &mut store);
        is_over.store(2, Ordering::SeqCst);
        self.count(made.is_ok(), tally);
        // What was not read may have been decided on otherwise, and written so; what was written is whole all the same.
        let is_other = matches!(self.fails, Fails::Look(..));
        let files = disk.files();
        let found = self.rehearsal.old_or_new(
            files.iter().map(|(path, bytes)| (path, bytes.as_slice())),
            &self.rehearsal.versions,
        );
        match (found, is_other, is_whole(&disk)) {
            (_, _, false) => {
                return Err("a file is put in its place before it is durable".to_owned());
            }
            (Err(why), false, true) => return Err(why),
            _ => {}
        }
        if !is_daemon {
            drop(store);
            store = database.store(&config.state, || false);
        }
        if is_other
            && scenario
                .before
                .iter()
                .any(|step| matches!(step, Step::Approve))
        {
            // A pass that could not see what was approved has spent the approval; a person gives it again.
            let halted = scenario.resume(config, &disk, &mut store);
            halted.map_err(|error| chain(&error))?;
            let approved =
                scenario.carry_out(&Step::Approve, Path::new(ROOT), config, &disk, &mut store);
            approved.map_err(|error| chain(&*error))?;
        }
        self.rehearsal.resumes(&disk, &mut store)?;
        // A round that goes on although something cannot be written tells of it, in a pass of its own.
        let tells = made.is_ok() && matches!(self.fails, Fails::Effect(_, Fault::Lasting(_)));
        let exactness = match is_other || tells {
            true => Exactness::Loose,
            false => Exactness::Exact,
        };
        self.rehearsal.has_ended(&disk, &mut store, exactness)
    }

    fn count(&self, is_made: bool, tally: &mut Tally) {
        tally.is(if is_made { SUCCEEDED } else { FAILED });
        if let Fails::Effect(_, Fault::Lasting(_))
        | Fails::Look(_, Fault::Lasting(_))
        | Fails::Commit { lasts: true, .. } = self.fails
        {
            tally.is(LASTED);
        }
        if let Fails::Look(..) = self.fails {
            tally.is(LOOKED);
        }
        if let Fails::Commit { .. } = self.fails {
            tally.is(COMMITTED);
        }
    }
}

/// Whether every file that was put in its place was complete by then.
fn is_whole(disk: &MemoryDisk) -> bool {
    let mut written = std::collections::BTreeSet::new();
    let mut named = std::collections::BTreeMap::new();
    disk.recorded().iter().all(|effect| match effect {
        Effect::Created { node, path } => {
            named.insert(path.clone(), *node);
            written.insert(*node);
            true
        }
        Effect::Written { node, .. } => {
            written.insert(*node);
            true
        }
        // A draft that was given up is put in no place.
        Effect::Removed { path } => {
            if let Some(node) = named.remove(path) {
                written.remove(&node);
            }
            true
        }
        Effect::Synced { node } => {
            written.remove(node);
            true
        }
        Effect::Renamed { .. } => written.is_empty(),
        _ => true,
    })
}
