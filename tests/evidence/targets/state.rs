//! Damage to the state: an index, a difference, base rows, or the journal of a pass that was cut short are no longer what was written.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use rusqlite::{Connection, MAIN_DB};

use super::office::{CONFIG, Frozen, in_step};
use crate::database::{Database, connection};
use crate::exchange::{Exchange, StillClock, path};
use crate::memory::MemoryDisk;

use couplet::sync::pass::reconcile_with;
use couplet::sync::{Effects, PassError, Request};

const EXPORTS: [&str; 4] = [
    "contacts.csv",
    "customers.csv",
    "vendors.json",
    "relations.csv",
];

/// An exchange in which a pass has changes to carry, what it makes of them, and its base files.
struct Before {
    frozen: Frozen,
    made: Vec<Option<Vec<u8>>>,
    bases: Vec<PathBuf>,
}

fn exports(disk: &MemoryDisk) -> Vec<Option<Vec<u8>>> {
    EXPORTS.iter().map(|name| disk.bytes(&path(name))).collect()
}

/// Somebody changes a cell of a file.
fn change(exchange: &Exchange, name: &str, from: &str, to: &str) {
    let text = exchange.text(name).expect("a file");
    assert!(text.contains(from), "{name} has no {from}");
    exchange.put(name, text.replace(from, to));
}

fn with_changes() -> &'static Before {
    static BEFORE: OnceLock<Before> = OnceLock::new();
    BEFORE.get_or_init(|| {
        let mut exchange = in_step().thawed();
        // One that is carried, so that an index stands as a difference; one that waits for a person; one of each side.
        change(&exchange, "contacts.csv", "Street 2,", "Strand 2,");
        exchange.pass().expect("a pass");
        change(&exchange, "contacts.csv", "+49 30 0003", "+49 30 1003");
        change(&exchange, "customers.csv", "+49 30 0003", "+49 30 2003");
        exchange.pass().expect("a pass");
        change(&exchange, "contacts.csv", "Street 4,", "Strand 4,");
        change(&exchange, "customers.csv", "p5@", "q5@");
        change(&exchange, "vendors.json", "Party 9", "Party Nine");
        let frozen = Frozen::of(&exchange);
        exchange.pass().expect("a pass");
        let bases: Vec<PathBuf> = frozen
            .files
            .keys()
            .filter(|path| path.starts_with(crate::exchange::path("state/base")))
            .cloned()
            .collect();
        assert!(bases.len() >= 8, "indexes and rows of four tables");
        Before {
            made: exports(&exchange.disk),
            frozen,
            bases,
        }
    })
}

/// What happens to bytes: the first two say where, the third what, the others are put there.
fn damaged(bytes: &[u8], script: &[u8]) -> Vec<u8> {
    let [low, high, what, rest @ ..] = script else {
        return bytes.to_vec();
    };
    let at = usize::from(u16::from_le_bytes([*low, *high])) % (bytes.len() + 1);
    let mut bytes = bytes.to_vec();
    match what % 6 {
        0 => bytes.truncate(at),
        1 => bytes.extend_from_slice(rest),
        2 => return rest.to_vec(),
        3 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << (what / 6 % 8);
            }
        }
        4 => bytes
            .iter_mut()
            .skip(at)
            .zip(rest)
            .for_each(|(byte, other)| *byte = *other),
        _ => drop(bytes.splice(at..at, rest.iter().copied())),
    }
    bytes
}

/// The first byte says which of the base files is damaged.
pub fn any_base(input: &[u8]) -> bool {
    let before = with_changes();
    let Some((number, script)) = input.split_first() else {
        return false;
    };
    let base = &before.bases[usize::from(*number) % before.bases.len()];
    let mut exchange = before.frozen.thawed();
    let bytes = damaged(&before.frozen.files[base], script);
    let is_other = bytes != before.frozen.files[base];
    exchange.disk.put(base, bytes);
    let untouched = exports(&exchange.disk);
    let outcome = exchange.pass();
    let now = exports(&exchange.disk);
    match outcome {
        // What it needed was sound.
        Ok(_) => assert!(
            now == before.made,
            "a damaged base changed what a pass writes: {}",
            base.display()
        ),
        Err(PassError::State(error)) => {
            assert!(is_other, "a sound state is refused: {error}");
            assert!(now == untouched, "a pass that failed has written");
        }
        Err(error) => panic!("another error than of the state: {error}"),
    }
    is_other
}

/// An exchange as a crash leaves it: before the commit of a journal, and after it.
fn cut_short() -> &'static [Frozen; 2] {
    static CUT: OnceLock<[Frozen; 2]> = OnceLock::new();
    CUT.get_or_init(|| [cut_in("intent"), cut_in("commit")])
}

/// The first state of disk and database in which the journal stands in a phase.
fn cut_in(phase: &str) -> Frozen {
    let before = &with_changes().frozen;
    for failing in 1..40 {
        let exchange = before.thawed();
        let commits = Arc::new(AtomicU64::new(0));
        let files = Arc::new(std::sync::Mutex::new(exchange.disk.files()));
        let (counted, kept, disk) = (commits.clone(), files.clone(), exchange.disk.clone());
        let mut store = exchange.database.store(&exchange.config.state, move || {
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            // What stands there when the last commit that holds is made.
            if number < failing {
                *kept.lock().expect("one thread") = disk.files();
            }
            number >= failing
        });
        let effects = Effects {
            disk: &exchange.disk,
            clock: &StillClock,
            stage: &|_| {},
        };
        let _ = reconcile_with(&exchange.config, &effects, &Request::default(), &mut store);
        drop(store);
        let database = exchange.database.bytes();
        let found: Option<String> = connection(&database)
            .query_row("SELECT phase FROM journal", [], |row| row.get(0))
            .ok();
        if found.as_deref() == Some(phase) {
            let files = files.lock().expect("one thread").clone();
            return Frozen {
                config: CONFIG.to_owned(),
                files,
                database,
            };
        }
    }
    panic!("no commit leaves a journal in its {phase}");
}

/// The first byte says which column of which journal is damaged.
pub fn any_journal(input: &[u8]) -> bool {
    let Some((number, script)) = input.split_first() else {
        return false;
    };
    let frozen = &cut_short()[usize::from(number / 2 % 2)];
    let column = ["targets", "memory"][usize::from(number % 2)];
    let db = connection(&frozen.database);
    let query = format!("SELECT CAST({column} AS BLOB) FROM journal");
    let body: Option<Vec<u8>> = db
        .query_row(&query, [], |row| row.get(0))
        .expect("a journal");
    let bytes = damaged(&body.clone().unwrap_or_default(), script);
    let update = match column {
        "targets" => "UPDATE journal SET targets = CAST(?1 AS TEXT)",
        _ => "UPDATE journal SET memory = ?1",
    };
    db.execute(update, [&bytes]).expect("an update");
    let mut exchange = resumed(frozen, &db);
    let untouched = exports(&exchange.disk);
    let outcome = exchange.pass();
    let is_sound = body.as_ref() == Some(&bytes);
    match outcome {
        Ok(_) if is_sound => assert!(
            exports(&exchange.disk) == with_changes().made,
            "a sound journal is not finished"
        ),
        Ok(_) => {
            let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok();
            assert!(is_json, "a journal that is no JSON is taken");
        }
        Err(error) => {
            assert!(!is_sound, "a sound journal is refused: {error}");
            let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok();
            assert!(
                is_json || exports(&exchange.disk) == untouched,
                "a journal that is refused is carried out"
            );
        }
    }
    !is_sound
}

fn resumed(frozen: &Frozen, db: &Connection) -> Exchange {
    let bytes = db.serialize(MAIN_DB).expect("bytes");
    let disk = MemoryDisk::with(frozen.files.clone());
    Exchange::resumed(CONFIG, disk, Database::restored(&bytes))
}
