//! Which file is a table's export now: a fixed one, or the newest of a watched folder.

use std::io;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

use crate::config::{TableConfig, glob};
use crate::disk::Disk;

use super::shown_path;

/// What was found for a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// The file, and what its name says of its age.
    Found {
        /// Where.
        path: PathBuf,
        /// The number in its name, when one is configured.
        sequence: Option<u64>,
        /// Another file that matches and has no such number, where one is configured.
        unnumbered: Option<PathBuf>,
    },
    /// There is none.
    Missing {
        /// What there is instead, as a sentence.
        reason: String,
    },
    /// The newest is older than what was read last.
    Stale {
        /// Where.
        path: PathBuf,
        /// Its number.
        sequence: u64,
    },
    /// Several, and nothing says which is the newest.
    Ambiguous {
        /// How many.
        count: usize,
    },
}

impl Located {
    /// Why there is nothing to read, as a sentence; blank where there is.
    pub fn reason(&self) -> String {
        match self {
            Located::Found { .. } => String::new(),
            Located::Missing { reason } => reason.clone(),
            Located::Stale { sequence, .. } => {
                format!("it is older ({sequence}) than the one read last")
            }
            Located::Ambiguous { count } => {
                format!("{count} files match, and nothing says which is the newest")
            }
        }
    }
}

/// Finds a table's export; `last` is the sequence of the one read last.
pub fn locate(disk: &dyn Disk, config: &TableConfig, last: Option<u64>) -> io::Result<Located> {
    let path = config.export_path();
    let candidates = match glob::pattern(&path) {
        None => match disk.identity(&path)? {
            Some(_) => vec![path.clone()],
            None => Vec::new(),
        },
        Some((folder, name)) => disk
            .list(&folder)?
            .into_iter()
            .filter(|path| {
                path.file_name()
                    .and_then(|name| name.to_str())
                    .is_some_and(|file| name.is_match(file))
            })
            .collect(),
    };
    let Some(one) = candidates.first().cloned() else {
        return missing(disk, &path);
    };
    let Some(sequence) = config
        .sequence
        .as_deref()
        .and_then(|pattern| Regex::new(pattern).ok())
    else {
        return Ok(match <[PathBuf; 1]>::try_from(candidates) {
            Ok([path]) => Located::Found {
                path,
                sequence: None,
                unnumbered: None,
            },
            Err(several) => Located::Ambiguous {
                count: several.len(),
            },
        });
    };
    let (mut newest, mut unnumbered) = (None, None);
    for path in candidates {
        match number(&sequence, &path) {
            Some(number) => newest = newest.max(Some((number, path))),
            None => unnumbered = unnumbered.or(Some(path)),
        }
    }
    Ok(match newest {
        None => Located::Missing {
            reason: format!(
                "`sequence` ('{sequence}') finds no number in any name that matches, such as {}",
                one.file_name().unwrap_or_default().to_string_lossy()
            ),
        },
        Some((sequence, path)) if last.is_some_and(|last| sequence < last) => {
            Located::Stale { path, sequence }
        }
        Some((sequence, path)) => Located::Found {
            path,
            sequence: Some(sequence),
            unnumbered,
        },
    })
}

/// No file is there, and perhaps not even its folder.
fn missing(disk: &dyn Disk, path: &Path) -> io::Result<Located> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let reason = match folder {
        Some(folder) if disk.identity(folder)?.is_none() => {
            format!("its folder {} does not exist", shown_path(folder))
        }
        _ => "there is no such file".to_owned(),
    };
    Ok(Located::Missing { reason })
}

/// A file whose path is known, if it is still there.
pub fn present(disk: &dyn Disk, path: &Path, sequence: Option<u64>) -> io::Result<Located> {
    Ok(match disk.identity(path)? {
        Some(_) => Located::Found {
            path: path.to_owned(),
            sequence,
            unnumbered: None,
        },
        None => return missing(disk, path),
    })
}

/// The number in a file's name: the digits of the pattern's group, so that a time such as 2026-11-23T0945 counts too.
pub fn number(pattern: &Regex, path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let captures = pattern.captures(name)?;
    let group = captures.get(1)?.as_str();
    group
        .chars()
        .filter(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_a_name_is_a_number() {
        let pattern = Regex::new(r"_(\d{4}-\d{2}-\d{2}T\d{4})").unwrap();
        assert_eq!(
            number(&pattern, Path::new("x/c_2026-11-23T0945.csv")),
            Some(202_611_230_945)
        );
    }
}
