//! Targets: what must hold for any bytes at all, whoever chose them.
//!
//! `corpora` replays them with each commit; `fuzz/` gives the same functions to libFuzzer, which looks for bytes that take new
//! ways through the program.

mod answers;
mod configuration;
mod encodings;
mod exports;
mod forms;
mod mails;
mod manifests;
mod office;
mod passes;
mod state;

use xxhash_rust::xxh3::xxh3_64;

use crate::dice::Dice;

/// A function that takes any bytes.
pub struct Target {
    /// What it is called, as the folder of its corpus is.
    pub name: &'static str,
    /// The class of inputs that it reads.
    pub read: &'static str,
    /// Panics where a property fails. Says whether the bytes were what it reads, so that there was more to try than a refusal.
    pub run: fn(&[u8]) -> bool,
    /// How many changes of a file are tried for each file: as many as it is quick.
    pub share: usize,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "csv",
        read: "a CSV export that is read",
        run: exports::csv,
        share: 40,
    },
    Target {
        name: "json",
        read: "a JSON export that is read",
        run: exports::json,
        share: 40,
    },
    Target {
        name: "encodings",
        read: "text in its encoding",
        run: encodings::any_page,
        share: 48,
    },
    Target {
        name: "configuration",
        read: "a configuration that is taken",
        run: configuration::any_text,
        share: 6,
    },
    Target {
        name: "state",
        read: "a base that is damaged",
        run: state::any_base,
        share: 4,
    },
    Target {
        name: "journal",
        read: "a journal that is damaged",
        run: state::any_journal,
        share: 4,
    },
    Target {
        name: "answers",
        read: "an answer that is understood",
        run: answers::any_file,
        share: 3,
    },
    Target {
        name: "manifests",
        read: "a manifest that names a file",
        run: manifests::any_bytes,
        share: 3,
    },
    Target {
        name: "forms",
        read: "a date or a number series",
        run: forms::any_text,
        share: 96,
    },
    Target {
        name: "mails",
        read: "a message that is read",
        run: mails::any_bytes,
        share: 96,
    },
    Target {
        name: "passes",
        read: "an export that a pass reads",
        run: passes::any_export,
        share: 3,
    },
];

/// The first four bytes decide what is done with the rest. A fuzzer that changes the rest does the same with it, and a person can
/// type them.
fn choices(bytes: &[u8]) -> (Dice, &[u8]) {
    let (seed, rest) = bytes.split_at(bytes.len().min(4));
    (Dice::new(xxh3_64(seed)), rest)
}
