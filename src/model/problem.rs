//! A problem: a file, record, row or value left out of the pass, with its place and reason; the rest goes on.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::printable::in_a_line;

/// Where in an export something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The table, by its configured name.
    pub table: String,
    /// The file, as configured or found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line, from 1, in which the record begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Offset in bytes from the start of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The record's number, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A hash of the record's bytes, where it is one record that is left out: no number need be known of it. Those that are alike are
    /// numbered from the second on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub print: Option<String>,
    /// The column, where it is one cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => f.write_str(&in_a_line(file))?,
            None => write!(f, "{}", self.table)?,
        }
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " (byte {offset})")?;
        }
        if let Some(key) = &self.key {
            write!(f, " {}", in_a_line(key))?;
        }
        if let Some(column) = &self.column {
            write!(f, " [{}]", in_a_line(column))?;
        }
        Ok(())
    }
}

/// Something left out of a pass.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// A stable word for what it is, such as `duplicate-key`.
    pub kind: String,
    /// What it is, for a person. Never holds a value of a contact or bank account.
    pub reason: String,
    /// What to do about it.
    pub advice: String,
}

impl Problem {
    /// A problem at a place.
    pub fn new(
        place: Place,
        kind: &str,
        reason: impl Into<String>,
        advice: impl Into<String>,
    ) -> Problem {
        Problem {
            place,
            kind: kind.to_owned(),
            reason: reason.into(),
            advice: advice.into(),
        }
    }

    /// Stays the same while the problem does: its kind and place without the position in the file.
    pub fn id(&self) -> String {
        let Place {
            key, print, column, ..
        } = &self.place;
        let mut text = format!(
            "{}\u{1f}{}\u{1f}{}\u{1f}{}\u{1f}{}",
            self.kind,
            self.place.table,
            key.as_deref().unwrap_or(""),
            column.as_deref().unwrap_or(""),
            self.reason
        );
        if let Some(print) = print {
            text.push('\u{1f}');
            text.push_str(print);
        }
        format!("P{:016X}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
    }
}

/// Tells problems from each other whose records are alike, byte for byte, by which of them each is. They stand in order.
pub fn number_alike(problems: &mut [Problem]) {
    let mut known: BTreeMap<String, u64> = BTreeMap::new();
    for problem in problems.iter_mut() {
        let id = problem.id();
        if let Some(print) = &mut problem.place.print {
            let number = known.entry(id).or_default();
            *number += 1;
            if *number > 1 {
                *print = format!("{print}-{number}");
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.reason, self.advice)
    }
}
