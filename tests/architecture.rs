//! The arrows between the rooms of the house, as ARCHITECTURE.md draws them.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms that it may know.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("merge", &["model"]),
    ("disk", &[]),
    ("exports", &["model", "disk"]),
    ("state", &["model", "merge", "disk"]),
    ("config", &["model", "merge", "exports"]),
    (
        "sync",
        &["model", "merge", "disk", "exports", "state", "config"],
    ),
    (
        "exchange",
        &[
            "model", "merge", "disk", "exports", "state", "config", "sync",
        ],
    ),
    (
        "service",
        &[
            "model", "merge", "disk", "exports", "state", "config", "sync", "exchange",
        ],
    ),
    ("exit", &[]),
];

/// The stages of a pass, and those that each may know: what is arranged counts as coupled, and what a primary contact is to become is
/// heard where cells are.
const STAGES: &[(&str, &[&str])] = &[
    ("observe", &[]),
    ("couple", &["observe", "arrange"]),
    ("arrange", &["observe", "couple", "decide"]),
    ("decide", &["observe", "couple", "arrange"]),
    ("apply", &["observe", "couple", "decide"]),
];

/// What decisions may not touch: they get it as an argument or not at all.
const EFFECTS: &[&str] = &[
    "std::fs",
    "std::io",
    "std::net",
    "std::thread",
    "std::time",
    "SystemTime",
    "Instant::now",
    "Zoned::now",
    "Timestamp::now",
    "tracing::",
    "rusqlite",
    "println!",
    "rand::",
];

/// The source files of a room, with the text before their tests.
fn room(name: &str) -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![src.join(name)];
    let file = src.join(format!("{name}.rs"));
    if file.exists() {
        files.push(file);
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    assert!(!files.is_empty(), "no room {name}");
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file");
            let code = text
                .split("#[cfg(test)]")
                .next()
                .unwrap_or_default()
                .to_owned();
            (path, code)
        })
        .collect()
}

/// The names that follow a path in some code.
fn named<'c>(code: &'c str, path: &'c str) -> impl Iterator<Item = &'c str> {
    let is_other = |c: char| !c.is_alphanumeric() && c != '_';
    let rests = code.split(path).skip(1);
    rests.map(move |rest| rest.split(is_other).next().unwrap_or_default())
}

#[test]
fn a_stage_knows_none_that_follows_it() {
    for (stage, knows) in STAGES {
        for (path, code) in room(&format!("sync/{stage}")) {
            let is_below = path.parent().is_some_and(|folder| folder.ends_with(stage));
            let beside = if is_below {
                "super::super::"
            } else {
                "super::"
            };
            for other in named(&code, "crate::sync::").chain(named(&code, beside)) {
                let is_stage = STAGES.iter().any(|(name, _)| *name == other);
                let fine = !is_stage || other == *stage || knows.contains(&other);
                assert!(fine, "{} knows {other}", path.display());
            }
        }
    }
}

#[test]
fn dependencies_point_one_way() {
    for (name, knows) in ARROWS {
        for (path, code) in room(name) {
            for other in named(&code, "crate::") {
                let fine = other == *name || knows.contains(&other);
                assert!(fine, "{} knows {other}", path.display());
            }
        }
    }
}

#[test]
fn decisions_have_no_effects() {
    for name in ["model", "merge"] {
        for (path, code) in room(name) {
            for effect in EFFECTS {
                assert!(!code.contains(effect), "{} uses {effect}", path.display());
            }
        }
    }
}

#[test]
fn only_the_disk_writes_files_of_others() {
    for name in ["exports", "sync", "config", "exchange"] {
        for (path, code) in room(name) {
            for writer in [
                "fs::write",
                "File::create",
                "OpenOptions",
                "fs::rename",
                "fs::remove_file",
            ] {
                assert!(!code.contains(writer), "{} uses {writer}", path.display());
            }
        }
    }
}
