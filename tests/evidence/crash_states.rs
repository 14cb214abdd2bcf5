//! Power cuts: every state that one may leave is recovered from, by nothing but the next pass, and ends as if there had been none.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::database::connection;
use crate::dice::Dice;
use crate::memory::Effect;
use crate::platter::{Bounds, Cut, History, Versions};
use crate::rehearsal::{Rehearsal, SCENARIOS, rehearsal};
use crate::run::{Layer, Regressions, Tally};
use crate::scenarios::Drive;

/// Power cuts at every effect.
pub const CRASH_STATES: Layer = Layer {
    name: "crash-states",
    about: "every state that a power cut may leave is recovered from by the next pass, and by the next after a cut in that",
    cases: CHUNKS * SCENARIOS,
    all: None,
    parallel: true,
    regressions: Regressions::NONE,
    floors: &[
        (INTENT, 50.0),
        // By then everything is durable but names: there are few of these, and a long run has soon tried all.
        (COMMIT, 0.01),
        (TORN, 25.0),
        (REORDERED, 40.0),
        (AGAIN, 5.0),
    ],
    case,
};

/// In so many parts the cuts of a scenario are tried, each of which lies everywhere in its pass.
const CHUNKS: u64 = 12;

// A case is a part of a commit's run and a handful of moments of a long one, so shares are those of states.
const INTENT: &str = "states were left between intent and commit";
const COMMIT: &str = "states were left between commit and done";
const TORN: &str = "states had a file without all of its bytes";
const REORDERED: &str = "states had names out of order";
const AGAIN: &str = "states were left by a cut in a recovery";

/// Phases of the pass that a database is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Intent,
    Commit,
    Other,
}

fn phase_of(database: &[u8]) -> Phase {
    let db = connection(database);
    let phase: Option<String> = db
        .query_row("SELECT phase FROM journal", [], |row| row.get(0))
        .ok();
    match phase.as_deref() {
        Some("intent") => Phase::Intent,
        Some(_) => Phase::Commit,
        None => Phase::Other,
    }
}

/// States that were tried already, by what tells them from each other.
struct Tried([Mutex<HashSet<u64>>; 16]);

impl Tried {
    fn is_new(&self, print: u64) -> bool {
        let part = &self.0[(print >> 60) as usize];
        part.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(print)
    }
}

static TRIED: LazyLock<Tried> = LazyLock::new(|| Tried(std::array::from_fn(|_| Mutex::default())));

/// One in so many states of a cut in a pass is cut again while it is recovered from.
const CUT_AGAIN: u64 = 160;

fn case(seed: u64, tally: &mut Tally) -> Result<(), String> {
    let number = seed % SCENARIOS;
    let rehearsal = rehearsal(number);
    let chunk = seed / SCENARIOS;
    let mut dice = Dice::new(seed);
    let moments = rehearsal.history.effects.len() + 1;
    // What a commit is worth goes through every moment; whoever gives more time gets moments and bounds by chance.
    let is_systematic = seed <= CRASH_STATES.cases;
    let (moments, bounds): (Vec<usize>, _) = match is_systematic {
        true => {
            let part = (0..moments).filter(|moment| *moment as u64 % CHUNKS == chunk % CHUNKS);
            (
                part.collect(),
                Bounds {
                    namings: 64,
                    fates: 16,
                },
            )
        }
        false => (
            random_moments(&rehearsal.history, &mut dice),
            Bounds {
                namings: 16 << dice.below(4),
                fates: 6 << dice.below(3),
            },
        ),
    };
    let mut walk = Walk {
        rehearsal,
        tally,
        salt: number,
    };
    for moment in moments {
        walk.cuts(
            &rehearsal.history,
            moment,
            bounds,
            &mut dice,
            &rehearsal.versions,
            1,
        )?;
    }
    Ok(())
}

/// Moments of a history by chance. There are few between commit and done, so that is where every fourth is.
fn random_moments(history: &History, dice: &mut Dice) -> Vec<usize> {
    let commits = history.effects.iter().enumerate();
    let commits = commits.filter(|(_, effect)| matches!(effect, Effect::Committed { .. }));
    let commits: Vec<usize> = commits.map(|(at, _)| at).collect();
    // Intent, commit and done.
    let (from, to) = match commits[..] {
        [.., commit, done] => (commit + 1, done + 1),
        _ => (0, history.effects.len() + 1),
    };
    let moment = |number: u64| match number % 4 {
        0 => from + dice.below(to - from),
        _ => dice.below(history.effects.len() + 1),
    };
    (0..12).map(moment).collect()
}

/// A walk through states of a scenario.
struct Walk<'w> {
    rehearsal: &'static Rehearsal,
    tally: &'w mut Tally,
    /// Keeps states of one scenario apart from those of others.
    salt: u64,
}

impl Walk<'_> {
    /// Tries the cuts at a moment of a history; of some, also cuts while they are recovered from.
    fn cuts(
        &mut self,
        history: &History,
        moment: usize,
        bounds: Bounds,
        dice: &mut Dice,
        versions: &Versions,
        depth: usize,
    ) -> Result<(), String> {
        let mut found = Ok(());
        let mut again = Vec::new();
        // The database is the same whatever became of the files.
        let phase = OnceCell::new();
        let salt = self.salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut is_new = |print: u64| TRIED.is_new(print ^ salt);
        history.cuts(moment, bounds, dice, &mut is_new, &mut |cut| {
            if found.is_err() {
                return;
            }
            let phase = *phase.get_or_init(|| phase_of(&cut.database));
            self.count(&cut, phase, depth);
            let files = cut.files.iter().map(|(path, bytes)| (path, &**bytes));
            let mut judged = self
                .rehearsal
                .old_or_new(files, versions)
                .and_then(|()| self.rehearsal.recovers(&cut));
            // Rounds take in what waits meanwhile, so that their journals cannot be played again.
            let is_replayable =
                phase == Phase::Commit && self.rehearsal.scenario.drive == Drive::Pass;
            if judged.is_ok() && is_replayable {
                self.tally.count("journals that were played again", 1);
                judged = self.rehearsal.recovers_twice(&cut);
            }
            found = judged.map_err(|why| self.told(history, &cut, depth, &why));
            if cut.print % CUT_AGAIN == 0 {
                again.push(cut);
            }
        });
        found?;
        for cut in again.into_iter().filter(|_| depth < 3) {
            let recovery = self.rehearsal.recovery_of(&cut);
            let few = Bounds {
                namings: 6,
                fates: 4,
            };
            // What was answered under another number is another version.
            let versions = either(versions, &recovery.versions());
            // What follows from a state is the same whichever states were tried before it.
            let mut dice = Dice::new(cut.print);
            for _ in 0..3 {
                let moment = dice.below(recovery.effects.len() + 1);
                self.cuts(&recovery, moment, few, &mut dice, &versions, depth + 1)?;
            }
        }
        Ok(())
    }

    fn count(&mut self, cut: &Cut, phase: Phase, depth: usize) {
        self.tally.count("distinct states", 1);
        for (kind, is_it) in [
            (INTENT, phase == Phase::Intent),
            (COMMIT, phase == Phase::Commit),
            (TORN, cut.is_torn),
            (REORDERED, cut.is_reordered),
            (AGAIN, depth > 1),
        ] {
            self.tally.of(kind, is_it);
        }
    }

    /// What was found, and where.
    fn told(&self, history: &History, cut: &Cut, depth: usize, why: &str) -> String {
        let mut text = format!(
            "{}: a cut after effect {} of {}, at depth {depth}, torn: {}, out of order: {}: {why}\n",
            self.rehearsal.scenario.name,
            cut.after,
            history.effects.len(),
            cut.is_torn,
            cut.is_reordered
        );
        for (path, bytes) in cut
            .files
            .iter()
            .filter(|(path, _)| !path.ends_with("relations.csv"))
        {
            let _ = writeln!(text, "    has {} of {} bytes", path.display(), bytes.len());
        }
        for (at, effect) in history.effects.iter().enumerate() {
            let mark = if at < cut.after { "did" } else { "not" };
            let _ = writeln!(text, "    {mark} {at}: {}", brief(effect));
        }
        text
    }
}

/// The versions of one history and of another that followed it.
fn either(one: &Versions, other: &Versions) -> Versions {
    let mut all = one.clone();
    for (path, versions) in other {
        // What one of them has nothing of need not be there.
        let known = all.entry(path.clone()).or_insert_with(|| [None].into());
        known.extend(versions.iter().cloned());
    }
    for (path, versions) in &mut all {
        if !other.contains_key(path) {
            versions.insert(None);
        }
    }
    all
}

/// An effect in a line.
fn brief(effect: &Effect) -> String {
    match effect {
        Effect::Written { node, bytes } => {
            format!("Written {{ node: {node}, {} bytes }}", bytes.len())
        }
        Effect::Committed { .. } => "Committed".to_owned(),
        other => format!("{other:?}"),
    }
}
