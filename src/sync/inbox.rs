//! The layout of a drop folder: where claimed, archived and failed drops stand, and their answers.

use std::path::{Path, PathBuf};

use crate::config::{AnswerFormat, TableConfig, glob};
use crate::state::drops::{DropRow, Standing};

/// Claimed drops wait here for their pass.
pub const WORK: &str = "work";
/// Drops that were read, by the day on which they were claimed.
pub const DONE: &str = "done";
/// Drops that were rejected, and rows that were left out, for a person to mend.
pub const FAILED: &str = "failed";
/// What became of each drop, by its name.
pub const ANSWERS: &str = "answers";
/// All of them.
pub const FOLDERS: [&str; 4] = [WORK, DONE, FAILED, ANSWERS];

/// Ends the stem of a file that carries only rows that were left out before.
const ROWS: &str = ".rows";

/// The folder and the file name of a path.
pub fn folder_and_name(path: &Path) -> (PathBuf, String) {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let name = path.file_name().unwrap_or_default();
    (folder, name.to_string_lossy().into_owned())
}

/// The folder into which a table's files are dropped.
pub fn inbox(config: &TableConfig) -> PathBuf {
    folder_and_name(&config.export_path()).0
}

/// Whether a name is one of a table's files.
pub fn is_named_like(export: &Path, name: &str) -> bool {
    match glob::pattern(export) {
        Some((_, names)) => names.is_match(name),
        None => {
            let (_, fixed) = folder_and_name(export);
            let (stem, ending) = stem_and_ending(&fixed);
            let of_rows = format!("{stem}.*{ROWS}{ending}");
            name == fixed || glob::matches(&of_rows, name)
        }
    }
}

/// Whether a file carries only rows that were left out of another before.
pub fn is_rows_name(name: &str) -> bool {
    stem_and_ending(name).0.ends_with(ROWS) || name.ends_with(ROWS)
}

/// The name of the file of rows that were left out of a drop.
pub fn rows_name(row: &DropRow) -> String {
    let (stem, ending) = stem_and_ending(&row.name);
    let stem = stem.strip_suffix(ROWS).unwrap_or(stem);
    format!("{stem}.{}{ROWS}{ending}", row.id)
}

/// A name before its last dot, and the rest.
fn stem_and_ending(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 => name.split_at(at),
        _ => (name, ""),
    }
}

/// A drop's name among others of the same name.
fn numbered(row: &DropRow) -> String {
    format!("{:06}-{}", row.id, row.name)
}

/// Where a claimed drop stands.
pub fn claimed(row: &DropRow) -> PathBuf {
    Path::new(&row.inbox).join(WORK).join(numbered(row))
}

/// Where it stood when it was dropped; messages name it so.
pub fn dropped(row: &DropRow) -> PathBuf {
    Path::new(&row.inbox).join(&row.name)
}

/// Where it stands once what became of it is known.
pub fn archived(row: &DropRow) -> PathBuf {
    let inbox = Path::new(&row.inbox);
    let is_rejected = row
        .receipt
        .as_ref()
        .is_some_and(|receipt| receipt.standing == Standing::Rejected);
    match is_rejected {
        true => inbox.join(FAILED).join(numbered(row)),
        false => kept(row),
    }
}

/// Where a drop is kept that was not rejected.
fn kept(row: &DropRow) -> PathBuf {
    let day = row.claimed_at.get(..10).unwrap_or("unknown");
    let done = Path::new(&row.inbox).join(DONE);
    done.join(day).join(numbered(row))
}

/// Where rows that were left out of it stand, to be mended.
pub fn rows_apart(row: &DropRow) -> PathBuf {
    Path::new(&row.inbox).join(FAILED).join(rows_name(row))
}

/// What of a drop waits in the folder of failed ones to be mended.
pub fn to_mend(row: &DropRow) -> PathBuf {
    match row.receipt.as_ref().map(|receipt| receipt.standing) {
        Some(Standing::Partly) => rows_apart(row),
        _ => archived(row),
    }
}

/// Wherever something may be kept of a drop under its number.
pub fn places(row: &DropRow) -> [PathBuf; 5] {
    let failed = Path::new(&row.inbox).join(FAILED).join(numbered(row));
    [
        claimed(row),
        kept(row),
        failed,
        rows_apart(row),
        reason(row),
    ]
}

/// Where a person reads why it, or rows of it, failed.
pub fn reason(row: &DropRow) -> PathBuf {
    let name = format!("{}.reason.txt", numbered(row));
    Path::new(&row.inbox).join(FAILED).join(name)
}

/// Where its sender finds the answer.
pub fn answer(row: &DropRow, format: AnswerFormat) -> PathBuf {
    let name = format!("{}.answer.{}", row.name, format.extension());
    Path::new(&row.inbox).join(ANSWERS).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> DropRow {
        DropRow {
            id: 17,
            table: "contacts".to_owned(),
            inbox: "in".to_owned(),
            name: name.to_owned(),
            sequence: None,
            is_part: false,
            records: None,
            manifest: None,
            claimed_at: "2026-11-23T10:00:00".to_owned(),
            pass: None,
            receipt: None,
            published: false,
        }
    }

    #[test]
    fn rows_that_were_left_out_are_named_like_their_table() {
        for (export, name) in [
            ("in/contacts_*.csv", "contacts_0412.csv"),
            ("in/contacts.csv", "contacts.csv"),
            ("in/c*", "c"),
        ] {
            let rows = rows_name(&row(name));
            assert!(
                is_named_like(Path::new(export), &rows),
                "{rows} like {export}"
            );
            assert!(is_rows_name(&rows) && !is_rows_name(name));
        }
        let again = rows_name(&row("contacts_0412.3.rows.csv"));
        assert_eq!(again, "contacts_0412.3.17.rows.csv");
        assert!(!is_named_like(
            Path::new("in/contacts.csv"),
            "contacts_2.csv"
        ));
    }

    #[test]
    fn a_drop_is_archived_by_its_day_and_a_rejected_one_apart() {
        let mut row = row("c.csv");
        assert_eq!(claimed(&row), Path::new("in/work/000017-c.csv"));
        assert_eq!(archived(&row), Path::new("in/done/2026-11-23/000017-c.csv"));
        row.receipt = Some(crate::state::drops::Receipt::whole(
            Standing::Rejected,
            "broken",
        ));
        assert_eq!(archived(&row), Path::new("in/failed/000017-c.csv"));
    }
}
