//! Why a file is refused whole, for whoever has to mend it.

use std::fmt;
use std::io;

use super::columns::Unmatched;
use super::csv;
use super::dialect::Dialect;
use super::encoding::{Encoding, own_length};
use super::reading::Stop;
use super::settings::Settings;
use super::source::{Bounds, ReadAt, pieces, read_range};

/// Why a file is refused whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, for a person; never a value.
    pub reason: String,
    /// The line, from 1.
    pub line: Option<u64>,
    /// The offset in the file's own bytes.
    pub offset: Option<u64>,
    /// What to do about it.
    pub advice: String,
    /// What it is all the same, where it is refused because none of its columns is the key.
    pub keyless: Option<Box<Keyless>>,
}

/// A file none of whose columns is the key.
#[derive(Clone, Debug)]
pub struct Keyless {
    /// How it is written.
    pub dialect: Dialect,
    /// Its columns.
    pub columns: Vec<String>,
}

/// Dialects have patterns in them, which cannot be compared; what is told of them can.
impl PartialEq for Keyless {
    fn eq(&self, other: &Keyless) -> bool {
        let told = |keyless: &Keyless| keyless.dialect.to_string();
        self.columns == other.columns && told(self) == told(other)
    }
}

impl Eq for Keyless {}

impl Refusal {
    pub(super) fn unreadable(error: &io::Error) -> Refusal {
        Refusal {
            reason: format!("the file cannot be read: {error}"),
            line: None,
            offset: None,
            advice: "it is read again in the next pass".to_owned(),
            keyless: None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.reason)?;
        if let Some(offset) = self.offset {
            write!(f, " (byte {offset})")?;
        }
        write!(f, "; {}", self.advice)
    }
}

impl std::error::Error for Refusal {}

/// Refuses a file that is longer than the bounds allow. One in UTF-16 is held in memory.
pub(super) fn too_large(length: u64, is_utf16: bool, bounds: Bounds) -> Result<(), Refusal> {
    let (key, most) = match is_utf16 || bounds.is_held {
        true if bounds.whole < bounds.file => ("whole", bounds.whole),
        _ => ("file", bounds.file),
    };
    if length <= most {
        return Ok(());
    }
    let why = if is_utf16 { " in UTF-16" } else { "" };
    Err(Refusal {
        reason: format!("the file has {length} bytes, and at most {most} are read{why}"),
        line: None,
        offset: None,
        advice: format!("see whether it is what it should be, or raise `limits.{key}`"),
        keyless: None,
    })
}

/// What a person is told of what stopped the reading of a file.
pub(super) fn refusal(
    text: &dyn ReadAt,
    encoding: Encoding,
    settings: &Settings,
    stop: Stop,
) -> Refusal {
    let bounds = settings.bounds;
    let mut keyless = None;
    let (at, reason, advice) = match stop {
        Stop::Io(error) => return Refusal::unreadable(&error),
        Stop::NoKey(at, Unmatched { reason, advice }, found) => {
            let pins = pins_of_header(settings);
            let is_one_cell = found.columns.len() == 1 && !pins.is_empty();
            keyless = Some(found);
            match is_one_cell {
                true => (
                    at,
                    format!("{reason}: its header is one cell, as {pins} is pinned"),
                    "correct what is pinned, or leave it out".to_owned(),
                ),
                false => (at, reason, advice),
            }
        }
        Stop::At(at, reason, advice) => (at, reason, advice),
        Stop::Undecodable { at, .. } => match settings.encoding {
            Some(_) => (
                at,
                format!("the bytes do not decode as {encoding}, which is pinned"),
                "correct `encoding`, leave it out, or export the file again".to_owned(),
            ),
            None => (
                at,
                format!("the bytes do not decode as {encoding}"),
                "pin the right `encoding`, or export the file again".to_owned(),
            ),
        },
    };
    let lines = pieces(text, 0..at.min(text.len()), bounds.window.max(4096)).try_fold(
        (0, None),
        |(count, before), piece| {
            let piece = piece?;
            let count = count + csv::line_ends(&piece, before);
            Ok::<_, io::Error>((count, piece.last().copied()))
        },
    );
    Refusal {
        reason,
        line: lines.ok().map(|(count, _)| count + 1),
        offset: Some(own_offset(text, encoding, at)),
        advice,
        keyless,
    }
}

/// The pins that decide where a header's cells end, as they are written; blank where there are none.
fn pins_of_header(settings: &Settings) -> String {
    let delimiter = settings.delimiter.map(|byte| match byte {
        b'\t' => "`delimiter` \"tab\"".to_owned(),
        byte => format!("`delimiter` \"{}\"", char::from(byte)),
    });
    let encoding = settings
        .encoding
        .map(|encoding| format!("`encoding` \"{encoding}\""));
    let pins: Vec<String> = delimiter.into_iter().chain(encoding).collect();
    pins.join(" with ")
}

/// The offset in the file's own bytes of one in its working bytes.
fn own_offset(text: &dyn ReadAt, encoding: Encoding, working: u64) -> u64 {
    if !encoding.is_utf16() {
        return working;
    }
    own_length(&read_range(text, 0..working.min(text.len())).unwrap_or_default())
}
