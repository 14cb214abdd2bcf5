//! What an exchange has come to, in a form in which two ends can be compared: the files of others, and what the state remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use couplet::config::Config;
use couplet::state::Store;
use regex_lite::Regex;

use crate::memory::MemoryDisk;

/// What an exchange has come to.
pub struct Ended {
    /// Files of others by name.
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// What the state keeps.
    memory: String,
    /// The log's file.
    log: Option<PathBuf>,
}

/// Whether a name is one that a file has only while it is written.
pub fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(".couplet-") || name.ends_with(".tmp")
}

impl Ended {
    /// What it has come to on a disk and in a state.
    pub fn of(disk: &MemoryDisk, store: &Store, config: &Config) -> Ended {
        let mut files = disk.files();
        files.retain(|path, _| {
            !path.starts_with(&config.state) || path.parent() == Some(config.state.as_path())
        });
        // Files of bases that a cut left over stay until the next pass that keeps bases; nothing names them.
        let memory = memory(store);
        let is_dropped = config.exchange.requests.is_some()
            || config.exports().any(|(_, table)| table.arrival.drop);
        if is_dropped {
            files = files
                .into_iter()
                .map(|(path, bytes)| unnumbered(&path, bytes))
                .collect();
        }
        Ended {
            files,
            memory,
            log: config.interactions.export.clone(),
        }
    }

    /// Whether a file is the log, which grows at its end.
    pub fn is_log(&self, path: &Path) -> bool {
        let Some(log) = &self.log else { return false };
        let stem = |path: &Path| {
            path.file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        path.parent() == log.parent() && stem(path).starts_with(&stem(log))
    }

    /// What this end has not, although another has it, of the words that were said: each stands in a file, or the state keeps it with
    /// a conflict or an interaction. Which pass did what may differ.
    pub fn lacks(&self, expected: &Ended, said: &BTreeSet<String>) -> Option<String> {
        if let Some(left) = self.files.keys().find(|path| is_temporary(path)) {
            return Some(format!("{} is left behind", left.display()));
        }
        let kept = |ended: &Ended| {
            let mut words = ended.words_of_files();
            words.extend(words_of(&ended.memory));
            words
        };
        let (here, there) = (kept(self), kept(expected));
        let lost: Vec<&String> = there
            .intersection(said)
            .filter(|word| !here.contains(*word))
            .collect();
        (!lost.is_empty()).then(|| format!("these are nowhere any more: {lost:?}"))
    }

    /// The words of all files.
    pub fn words_of_files(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        for bytes in self.files.values() {
            let text = match bytes.starts_with(b"\xff\xfe") {
                true => {
                    let units = bytes
                        .chunks_exact(2)
                        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
                    String::from_utf16_lossy(&units.collect::<Vec<u16>>())
                }
                false => String::from_utf8_lossy(bytes).into_owned(),
            };
            words.extend(words_of(&text));
        }
        words
    }

    /// In what it differs from another end.
    pub fn differs(&self, expected: &Ended) -> Option<String> {
        for (path, bytes) in &self.files {
            if is_temporary(path) {
                return Some(format!("{} is left behind", path.display()));
            }
            match expected.files.get(path) {
                None => return Some(format!("{} is too much", path.display())),
                Some(other) if other != bytes => {
                    let text = String::from_utf8_lossy(bytes);
                    let other = String::from_utf8_lossy(other);
                    return Some(format!("{} is\n{text}\nand not\n{other}", path.display()));
                }
                Some(_) => {}
            }
        }
        if let Some(missing) = expected
            .files
            .keys()
            .find(|path| !self.files.contains_key(*path))
        {
            return Some(format!("{} is missing", missing.display()));
        }
        let mut lines = self.memory.lines().zip(expected.memory.lines());
        let differing = lines.find(|(line, other)| line != other);
        if let Some((line, other)) = differing {
            return Some(format!("the state says\n{line}\nand not\n{other}"));
        }
        (self.memory != expected.memory).then(|| "the state says more or less".to_owned())
    }
}

/// The words of a text; numbers are too often alike to tell anything.
fn words_of(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| word.chars().any(char::is_alphabetic))
        .map(str::to_owned)
}

/// What the state keeps, line by line.
fn memory(store: &Store) -> String {
    let mut text = String::new();
    let mut say = |what: &str, said: Result<String, couplet::state::StateError>| {
        let said = said.unwrap_or_else(|error| format!("{error}"));
        let _ = writeln!(text, "{what}: {said}");
    };
    say("passes", store.last_pass().map(|last| last.to_string()));
    say("conflicts", store.conflicts().map(|all| format!("{all:?}")));
    say("settled", store.settled().map(|all| format!("{all:?}")));
    say(
        "interactions",
        store.interactions(0, None).map(|all| format!("{all:?}")),
    );
    say("debts", store.debts().map(|all| format!("{all:?}")));
    say("in flight", store.in_flight().map(|all| format!("{all:?}")));
    say("problems", store.problems().map(|all| format!("{all:?}")));
    say("marks", store.marks().map(|all| format!("{all:?}")));
    say("gone", store.gone().map(|all| format!("{all:?}")));
    say("tables", store.tables().map(|all| format!("{all:?}")));
    text
}

/// A file that came through a drop folder, without the number that it was claimed under: one of a claim that never came to be is not
/// given again.
fn unnumbered(path: &Path, bytes: Vec<u8>) -> (PathBuf, Vec<u8>) {
    static NUMBERS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"/0000\d\d-|"drop": \d+|drop \d+ of|\.\d+\.rows"#).expect("a pattern")
    });
    let is_answer = path
        .components()
        .any(|part| part.as_os_str() == "answers" || part.as_os_str() == "failed");
    let name = path.display().to_string();
    let path = PathBuf::from(NUMBERS.replace_all(&name, "/#").into_owned());
    let bytes = match is_answer {
        true => NUMBERS
            .replace_all(&String::from_utf8_lossy(&bytes), "#")
            .into_owned()
            .into_bytes(),
        false => bytes,
    };
    (path, bytes)
}
