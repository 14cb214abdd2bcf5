//! Years of a daemon, simulated: its files, its database and its time are in memory, the systems and people around it follow from
//! a seed, and whatever can go wrong does. Each year is lived through twice, and both leave the same bytes.

mod acts;
mod fault;
mod person;
mod rest;
mod system;
mod time;
mod tokens;
mod trouble;
mod year;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use couplet::disk::Disk as _;
use couplet::sync::Effects;

use crate::database::Database;
use crate::dice::Dice;
use crate::exchange::path;
use crate::memory::MemoryDisk;
use crate::run::{Layer, Regressions, Tally};

use system::System;
use time::Time;
use trouble::TroubledDisk;
use year::{Heard, Surroundings, Year};

/// Years of a daemon.
pub const YEARS: Layer = Layer {
    name: "daemon-years",
    about: "a year of a daemon among slow, late and careless systems, lost events, crashes and clock jumps; each twice",
    cases: 5,
    all: None,
    parallel: true,
    regressions: Regressions::NONE,
    floors: &[
        ("a conflict", 50.0),
        ("lost events", 25.0),
        ("an offline folder", 25.0),
        ("a restart", 30.0),
        ("a crash", 25.0),
        ("a stale export", 25.0),
        ("a clock jump", 25.0),
        ("a slow writer", 30.0),
        ("a gap", 10.0),
    ],
    case,
};

/// Hours of a year.
const HOURS: u64 = 8_760;

/// What a year leaves.
#[derive(PartialEq, Eq)]
struct Left {
    files: BTreeMap<PathBuf, Vec<u8>>,
    database: Arc<[u8]>,
}

fn case(seed: u64, tally: &mut Tally) -> Result<(), String> {
    let first = live(seed, tally)?;
    let second = live(seed, &mut Tally::default())?;
    tally.count("hours", HOURS);
    for (path, bytes) in &first.files {
        if second.files.get(path) != Some(bytes) {
            return Err(format!(
                "{} differs when the year is lived through again",
                path.display()
            ));
        }
    }
    match first == second {
        true => Ok(()),
        false => Err("the state differs when the year is lived through again".to_owned()),
    }
}

/// Lives through a year.
fn live(seed: u64, tally: &mut Tally) -> Result<Left, String> {
    let mut dice = Dice::new(seed);
    let memory = MemoryDisk::new();
    let disk = TroubledDisk::new(memory.clone());
    let time = Time::new();
    let heard = Heard::default();
    let database = Database::new();
    let state = path("state");
    memory
        .create_folder(&state.join("base"))
        .map_err(|error| error.to_string())?;
    let open = |folder: &Path| {
        let disk = disk.clone();
        Ok(database.store(folder, move || !disk.commits()))
    };
    let effects = Effects {
        disk: &disk,
        clock: &time,
        stage: &|_| {},
    };
    let systems = vec![
        System::new("contacts", &["C1", "C2", "C3", "C4"], &mut dice),
        System::new("customers", &["K1", "K2", "K3"], &mut dice),
        System::new("vendors", &["V1", "V2"], &mut dice),
    ];
    let around = Surroundings {
        time: &time,
        disk: &disk,
        effects: &effects,
        open: &open,
        heard: &heard,
    };
    let mut year = Year::new(dice, memory.clone(), around, systems, tally);
    let lived = year.live(HOURS);
    lived.map_err(|why| format!("{why}\n    {}", year.story()))?;
    drop(year);
    Ok(Left {
        files: memory.files(),
        database: database.bytes(),
    })
}
