//! Corpora: small files that took a target where others do not, replayed as they are and changed in many ways.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::dice::Dice;
use crate::run::{Layer, Regressions, Tally};
use crate::targets::{TARGETS, Target};

/// Every file of every corpus, and changes of it.
pub const CORPORA: Layer = Layer {
    name: "corpora",
    about: "any bytes as an export, a configuration, a state, an answer, a message: never misread, never a breakdown",
    cases: 6600,
    all: None,
    parallel: true,
    regressions: Regressions::NONE,
    floors: &[
        ("a CSV export that is read", 5.0),
        ("a JSON export that is read", 5.0),
        ("text in its encoding", 5.0),
        ("a configuration that is taken", 1.0),
        ("a base that is damaged", 5.0),
        ("a journal that is damaged", 5.0),
        ("an answer that is understood", 5.0),
        ("a manifest that names a file", 3.0),
        ("a date or a number series", 5.0),
        ("a message that is read", 5.0),
        ("an export that a pass reads", 5.0),
    ],
    case,
};

/// A file of a corpus.
struct Sample {
    name: String,
    bytes: Vec<u8>,
}

/// The corpus of a target: the files of its folder, in the order of their names.
fn samples(target: usize) -> &'static [Sample] {
    static ALL: OnceLock<Vec<Vec<Sample>>> = OnceLock::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evidence/corpora");
    let all = ALL.get_or_init(|| {
        let of = |target: &Target| files(&folder.join(target.name));
        TARGETS.iter().map(of).collect()
    });
    &all[target]
}

fn files(folder: &Path) -> Vec<Sample> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let sample = |path: PathBuf| Sample {
        name: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        bytes: std::fs::read(path).expect("a file of a corpus"),
    };
    let samples: Vec<Sample> = paths.into_iter().map(sample).collect();
    assert!(!samples.is_empty(), "{} is empty", folder.display());
    samples
}

/// One file as it is, and as many changes of it as its target is quick.
fn case(seed: u64, tally: &mut Tally) -> Result<(), String> {
    let number = (seed % TARGETS.len() as u64) as usize;
    let target = &TARGETS[number];
    let samples = samples(number);
    let turn = seed / TARGETS.len() as u64;
    let sample = &samples[(turn % samples.len() as u64) as usize];
    let mut dice = Dice::new(seed);
    attempt(target, &sample.bytes, tally).map_err(|why| format!("{}: {why}", sample.name))?;
    tally.count("files", 1);
    for _ in 0..target.share {
        let other = &samples[dice.below(samples.len())].bytes;
        let bytes = changed(&sample.bytes, other, &mut dice);
        attempt(target, &bytes, tally).map_err(|why| format!("{} changed: {why}", sample.name))?;
    }
    Ok(())
}

fn attempt(target: &Target, bytes: &[u8], tally: &mut Tally) -> Result<(), String> {
    tally.count("inputs", 1);
    match outcome(target, bytes) {
        Ok(is_read) => {
            if is_read {
                tally.count("inputs that were read", 1);
                tally.is(target.read);
            }
            Ok(())
        }
        Err(why) => {
            let bytes = shrunk(target, bytes);
            let kept = keep(target, &bytes);
            let shown = bytes.escape_ascii().take(400);
            let shown = String::from_utf8_lossy(&shown.collect::<Vec<u8>>()).into_owned();
            Err(format!("{}: {why}; {kept}: {shown}", target.name))
        }
    }
}

fn outcome(target: &Target, bytes: &[u8]) -> Result<bool, String> {
    catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        text.unwrap_or_default()
    })
}

/// The fewest bytes that still fail, found by leaving out ever smaller parts.
fn shrunk(target: &Target, bytes: &[u8]) -> Vec<u8> {
    const MOST: usize = 2_000;
    let mut bytes = bytes.to_vec();
    // Every attempt breaks down; once is enough to say so.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let mut tries = 0;
    let mut length = bytes.len().div_ceil(2);
    while length > 0 && tries < MOST {
        let mut at = 0;
        let mut is_shorter = false;
        while at < bytes.len() && tries < MOST {
            let end = (at + length).min(bytes.len());
            let without = [&bytes[..at], &bytes[end..]].concat();
            tries += 1;
            match outcome(target, &without) {
                Err(_) => {
                    bytes = without;
                    is_shorter = true;
                }
                Ok(_) => at = end,
            }
        }
        if !is_shorter || length > 1 {
            length /= 2;
        }
    }
    set_hook(hook);
    bytes
}

/// Puts a finding where the next replay finds it, and says where.
fn keep(target: &Target, bytes: &[u8]) -> String {
    let name = format!(
        "found-{}-{:016x}",
        target.name,
        xxhash_rust::xxh3::xxh3_64(bytes)
    );
    let path = std::env::temp_dir().join(name);
    match std::fs::write(&path, bytes) {
        Ok(()) => format!(
            "kept as {}, to be put into its corpus as regressions-…",
            path.display()
        ),
        Err(error) => format!("not kept: {error}"),
    }
}

/// What exporters, editors, transfers and disks put into files, and what begins or ends something in one of them.
const PIECES: &[&[u8]] = &[
    b",",
    b";",
    b"\t",
    b"|",
    b"\"",
    b"\"\"",
    b"'",
    b"\n",
    b"\r\n",
    b"\r",
    b"\n\n",
    b"\0",
    b"\x1a",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\xc3\xa9",
    b"\xe9",
    b"\xfc",
    b"\x81",
    b"\x80",
    b"\xf0\x9f\x98\x80",
    b"\xed\xa0\x80",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"\\",
    b"\\u00e9",
    b"\\ud800",
    b"null",
    b"true",
    b"1.10",
    b"-1",
    b"99999999999999999999",
    b"sep=;\n",
    b"Total",
    b"No.",
    b"Name",
    b"value:",
    b"resolve",
    b"=",
    b"#",
    b"  ",
    b"<",
    b">",
    b"@",
    b"%",
    b"2026-11-23",
    b"23.11.2026",
    b"10:11:12",
    b"*",
    b"?",
    b"/",
    b"..",
    b"\xe2\x80\xa8",
    b"\xc2\x85",
    b"\xc2\xa0",
];

/// A file with a few changes, and perhaps a part of another one.
fn changed(bytes: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + 1 + dice.below(16)).min(bytes.len());
        match dice.below(10) {
            0 => bytes.truncate(at),
            1 => {
                let from = dice.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            2 => {
                let from = dice.below(other.len() + 1);
                let to = (from + dice.below(64)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            3 => drop(bytes.drain(at..end)),
            4 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            5 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << dice.below(8);
                }
            }
            6 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.next() as u8;
                }
            }
            7 => {
                // Another choice, and the same file.
                if let Some(byte) = bytes.get_mut(dice.below(4)) {
                    *byte = b'0' + dice.below(10) as u8;
                }
            }
            _ => {
                let piece = PIECES[dice.below(PIECES.len())];
                let to = if dice.chance(50) { end } else { at };
                bytes.splice(at..to, piece.iter().copied());
            }
        }
    }
    bytes
}
