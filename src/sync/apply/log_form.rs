//! The interaction log as CSV and as JSON Lines.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::model::{FieldValue, InteractionLogEntry};

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogForm {
    /// CSV with a header.
    Csv,
    /// A JSON object a line.
    JsonLines,
}

impl LogForm {
    /// By the ending of a file's name.
    pub fn of(path: &Path) -> LogForm {
        match path.extension() {
            Some(ending) if ending.eq_ignore_ascii_case("jsonl") => LogForm::JsonLines,
            _ => LogForm::Csv,
        }
    }

    /// Changes when the rows of a file would no longer go with its header.
    pub fn shape(self) -> String {
        match self {
            LogForm::Csv => InteractionLogEntry::default().fields().len().to_string(),
            LogForm::JsonLines => String::new(),
        }
    }

    /// Writes entries; a file of CSV begins with its header.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(
        self,
        entries: &[InteractionLogEntry],
        is_begin: bool,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match self {
            LogForm::Csv => csv_rows(entries, is_begin, out),
            LogForm::JsonLines => json_lines(entries, out),
        }
    }

    /// Whether a file that begins with these bytes is a log, of this version or an earlier one, or what a cut left of one.
    pub fn is_begun_by(self, head: &[u8]) -> bool {
        let fields = InteractionLogEntry::default();
        let names: Vec<&str> = fields.fields().iter().map(|(name, _)| *name).collect();
        match self {
            LogForm::Csv => is_cut_of(names.join(",").as_bytes(), head) || is_header(head, &names),
            LogForm::JsonLines => is_cut_of(b"{\"Entry No.\":", head),
        }
    }

    /// Reads what is legible of a log.
    pub fn read(self, bytes: &[u8]) -> Vec<InteractionLogEntry> {
        match self {
            LogForm::Csv => {
                let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
                reader.deserialize().flatten().collect()
            }
            LogForm::JsonLines => {
                let lines = bytes.split(|byte| *byte == b'\n');
                lines
                    .filter_map(|line| serde_json::from_slice(line).ok())
                    .collect()
            }
        }
    }
}

/// Whether bytes begin like others, as far as they go. A power cut may leave zeros where bytes did not reach the disk.
fn is_cut_of(whole: &[u8], head: &[u8]) -> bool {
    let mut both = whole.iter().zip(head);
    both.all(|(byte, found)| found == byte || *found == 0)
}

/// Whether the first line names only columns of the log, its number first: an earlier version had fewer.
fn is_header(head: &[u8], names: &[&str]) -> bool {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(head);
    reader.headers().is_ok_and(|header| {
        header.get(0) == names.first().copied()
            && header.iter().all(|column| names.contains(&column))
    })
}

/// An entry as an object with all its fields.
pub struct Whole<'e>(pub &'e InteractionLogEntry);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.0.fields();
        let mut map = serializer.serialize_map(Some(fields.len()))?;
        for (name, value) in fields {
            match value {
                FieldValue::Text(text) => map.serialize_entry(name, text)?,
                FieldValue::Whole(number) => map.serialize_entry(name, &number)?,
            }
        }
        map.end()
    }
}

fn json_lines(entries: &[InteractionLogEntry], out: &mut dyn Write) -> io::Result<()> {
    for entry in entries {
        serde_json::to_writer(&mut *out, &Whole(entry))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn csv_rows(
    entries: &[InteractionLogEntry],
    with_header: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    if with_header {
        let fields = InteractionLogEntry::default();
        writer.write_record(fields.fields().map(|(name, _)| name))?;
    }
    let mut number = String::new();
    for entry in entries {
        for (_, value) in entry.fields() {
            match value {
                FieldValue::Text(text) => writer.write_field(text)?,
                FieldValue::Whole(whole) => {
                    number.clear();
                    let _ = write!(number, "{whole}");
                    writer.write_field(&number)?;
                }
            }
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_known_by_its_beginning_however_much_of_it_a_cut_left() {
        let mut whole = Vec::new();
        for form in [LogForm::Csv, LogForm::JsonLines] {
            whole.clear();
            let entry = InteractionLogEntry::default();
            form.write(&[entry], true, &mut whole).expect("written");
            for length in 0..=whole.len() {
                let mut torn = whole.clone();
                torn[length..].fill(0);
                assert!(form.is_begun_by(&whole[..length]) && form.is_begun_by(&torn));
                torn[..length].fill(0);
                torn[length..].copy_from_slice(&whole[length..]);
                assert!(form.is_begun_by(&torn));
            }
            for other in [
                "Date;Who",
                "No.,Name\n",
                "Entry No.,Amount\n7,1\n",
                "[]",
                "{\"a\":1}",
            ] {
                assert!(!form.is_begun_by(other.as_bytes()), "{form:?}: {other}");
            }
        }
    }
}
