//! Random histories of systems that edit, export and import as they like, with Couplet between them: after each pass nothing is
//! reverted and nothing is lost; once the systems are quiet and the conflicts decided, everything agrees.

mod oracle;
mod reference;
mod steps;
mod systems;
mod world;

use crate::run::{Layer, Regressions, Tally, attempt};
use steps::History;
use world::World;

/// Random histories.
pub const HISTORIES: Layer = Layer {
    name: "histories",
    about: "random histories of systems that edit, export late and import late, twice, in part and in the wrong order",
    cases: 2_000,
    all: None,
    parallel: true,
    regressions: Regressions {
        text: include_str!("regressions/histories.txt"),
        replay,
    },
    floors: &[
        ("a conflict", 40.0),
        ("a decision", 30.0),
        ("an in-flight re-export", 30.0),
        ("a stale import", 10.0),
        ("a double import", 10.0),
        ("a partial import", 10.0),
        ("a guard trip", 1.0),
        ("a deletion", 10.0),
        ("a return", 5.0),
        ("a damaged export", 10.0),
        ("a change of policy", 10.0),
        ("a change of columns", 10.0),
        ("an emptied cell that means no change", 4.5),
        ("a value that was cut", 6.0),
        ("a value that a side cannot hold", 11.0),
        ("numbers in small letters", 15.0),
        ("a change of write_back", 8.5),
        ("a change of update", 9.0),
        ("a table that is not configured", 11.0),
        ("a change of mappings", 4.5),
        ("a change of sequence", 10.0),
        ("an illegible row", 9.0),
        ("a row that stands twice", 3.5),
        ("a row without a number", 4.0),
        ("contacts that are away for a while", 8.0),
        ("counterparts that are away for a while", 10.0),
        ("several silent systems", 8.0),
        ("an import of a whole table", 9.0),
        ("relations that are away, or spoilt, for a while", 14.0),
        ("a relation that a user takes out", 9.0),
        ("a relation that a user enters", 2.8),
        ("an import of relations", 2.3),
        ("a primary contact that a user chooses", 5.0),
        ("a primary contact that a user clears", 0.4),
        ("a person that gets another name", 3.5),
        ("a primary contact that a disappearance blanks", 0.5),
        ("a primary contact that is back", 0.1),
    ],
    case: |seed, tally| judge(&History::of(seed), tally),
};

/// A line is a seed, or a history as JSON.
fn replay(line: &str, tally: &mut Tally) -> Result<(), String> {
    let history = match line.parse() {
        Ok(seed) => History::of(seed),
        Err(_) => {
            serde_json::from_str(line).map_err(|error| format!("this is no history: {error}"))?
        }
    };
    judge(&history, tally)
}

/// Goes through a history. One that fails is told with as few steps as still fail.
fn judge(history: &History, tally: &mut Tally) -> Result<(), String> {
    let Err(why) = attempt(|tally| go(history, tally), tally) else {
        return Ok(());
    };
    let (history, why) = shrunk(history.clone(), why);
    let told = serde_json::to_string(&history).map_err(|error| error.to_string())?;
    Err(format!("{why}\n{:#?}\n{told}", history.steps))
}

fn go(history: &History, tally: &mut Tally) -> Result<(), String> {
    let mut world = World::new(history, tally);
    for step in &history.steps {
        world.take(step)?;
    }
    world.come_to_rest()?;
    tally.count("steps", history.steps.len() as u64);
    Ok(())
}

/// Leaves out steps for as long as it fails without them: halves first, then smaller parts.
fn shrunk(mut history: History, mut why: String) -> (History, String) {
    let mut size = history.steps.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        let mut is_shorter = false;
        while from < history.steps.len() {
            let mut fewer = history.clone();
            fewer
                .steps
                .drain(from..(from + size).min(history.steps.len()));
            match attempt(|tally| go(&fewer, tally), &mut Tally::default()) {
                Ok(()) => from += size,
                Err(still) => {
                    (history, why, is_shorter) = (fewer, still, true);
                }
            }
        }
        if !is_shorter || size > 1 {
            size /= 2;
        }
    }
    (history, why)
}
