//! What an exchange has come to, in a form in which two ends can be compared: the files of others, and what the state remembers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use couplet::config::Config;
use couplet::state::Store;

use crate::memory::MemoryDisk;

/// What an exchange has come to.
pub struct Ended {
    /// Files of others by name.
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// What the state keeps.
    memory: String,
    /// The log's file.
    log: Option<PathBuf>,
    /// Whether files come through drop folders, whose numbers differ where a claim was made twice.
    is_dropped: bool,
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
        files.retain(|path, _| !path.starts_with(&config.state) || path.parent() == Some(config.state.as_path()));
        // Files of bases that a cut left over stay until the next pass that keeps bases; nothing names them.
        let memory = memory(store);
        Ended {
            files,
            memory,
            log: config.interactions.export.clone(),
            is_dropped: config.exchange.requests.is_some() || config.exports().any(|(_, table)| table.arrival.drop),
        }
    }

    /// Whether a file is the log, which grows at its end.
    pub fn is_log(&self, path: &Path) -> bool {
        let Some(log) = &self.log else { return false };
        let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        path.parent() == log.parent() && stem(path).starts_with(&stem(log))
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
        if let Some(missing) = expected.files.keys().find(|path| !self.files.contains_key(*path)) {
            return Some(format!("{} is missing", missing.display()));
        }
        let lines = self.memory.lines().zip(expected.memory.lines());
        let differing = lines.filter(|(line, other)| line != other).next();
        if let Some((line, other)) = differing {
            return Some(format!("the state says\n{line}\nand not\n{other}"));
        }
        (self.memory != expected.memory).then(|| "the state says more or less".to_owned())
    }
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
    say("interactions", store.interactions(0, None).map(|all| format!("{all:?}")));
    say("debts", store.debts().map(|all| format!("{all:?}")));
    say("in flight", store.in_flight().map(|all| format!("{all:?}")));
    say("problems", store.problems().map(|all| format!("{all:?}")));
    say("marks", store.marks().map(|all| format!("{all:?}")));
    say("gone", store.gone().map(|all| format!("{all:?}")));
    say("tables", store.tables().map(|all| format!("{all:?}")));
    text
}
