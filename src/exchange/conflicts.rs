//! The conflict inbox as a file: one row per field that waits, with an empty column for the decision. It is a requests file,
//! so what a person fills in is dropped back like one, or simply saved.

use std::io;
use std::path::Path;

use crate::disk::Disk;
use crate::model::{KINDS, Kind, Side};
use crate::state::Store;
use crate::state::queries::OpenConflict;
use crate::sync::apply::{ApplyError, digest_of};
use crate::sync::decisions::{FORMULAS, choices, version};
use crate::sync::inbox::folder_and_name;

use super::publish::{draft, write_error};

/// Where the state keeps the content hashes of the file as we wrote it last, and before.
const WRITTEN: &str = "conflicts_file";

/// The file for these conflicts.
pub fn file(conflicts: &[OpenConflict]) -> Vec<u8> {
    // Spreadsheets take a file without the mark for one of their own code page.
    let mut out = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(b"\xef\xbb\xbf".to_vec());
    let kinds = Kind::all().map(|kind| heading(kind.def().noun));
    let header = [
        "Action",
        "Conflict",
        "Version",
        "Contact No.",
        "Field",
        "Why",
        "Agreed before",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([heading("contact")])
    .chain(kinds)
    .chain(["Where", "Open since", "Choices", "Decision"].map(str::to_owned));
    // Writing into memory does not fail.
    let _ = out.write_record(header);
    for open in conflicts {
        let _ = out.write_record(row(open).iter().map(|cell| harmless(cell)));
    }
    out.into_inner().unwrap_or_default()
}

/// `bank-account` as a heading says it.
fn heading(noun: &str) -> String {
    let words: Vec<String> = noun
        .split('-')
        .map(|word| {
            let (first, rest) = word.split_at(1);
            format!("{}{rest}", first.to_uppercase())
        })
        .collect();
    format!("{} says", words.join(" "))
}

fn row(open: &OpenConflict) -> Vec<String> {
    let conflict = &open.conflict;
    let says = |side: Option<Side>| {
        let claim = conflict
            .claims
            .iter()
            .find(|claim| Some(claim.side) == side);
        claim
            .and_then(|claim| claim.shows.clone())
            .unwrap_or_default()
    };
    let places = conflict.claims.iter().map(|claim| {
        let line = claim
            .line
            .map(|line| format!(" line {line}"))
            .unwrap_or_default();
        let change = match (&claim.shows, claim.moved, &claim.base) {
            (None, ..) => "says nothing now",
            (Some(_), true, Some(_)) => "changed",
            (Some(_), true, None) => "at its first meeting",
            (Some(_), false, _) => "unchanged",
        };
        format!(
            "{} {}: {change}, {}{line}",
            claim.side, claim.no, claim.file
        )
    });
    let places: Vec<String> = places.collect();
    let mut cells = vec![
        "resolve".to_owned(),
        open.id.clone(),
        version(open),
        conflict.contact.clone(),
        conflict.field.clone(),
        conflict.why.clone(),
        conflict.agreed.clone().unwrap_or_default(),
        says(Side::named("contact")),
    ];
    cells.extend(KINDS.iter().map(|kind| says(Side::named(kind.noun))));
    cells.extend([
        places.join("; "),
        format!("pass {}, {}", open.opened_pass, open.opened_at),
        choices(open),
        open.decided
            .as_ref()
            .map(|value| format!("value: {value}"))
            .unwrap_or_default(),
    ]);
    cells
}

/// A cell that no spreadsheet takes for a formula. For people only: what programs read is never changed.
pub(super) fn harmless(cell: &str) -> String {
    match cell.starts_with(FORMULAS) {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    }
}

/// Whether the file was changed by somebody since we wrote it.
///
/// # Errors
/// Those of the state and of reading the file.
pub fn is_edited(store: &Store, disk: &dyn Disk, path: &Path) -> Result<bool, ApplyError> {
    let stands = digest_of(disk, path)?;
    Ok(stands.is_some_and(|digest| !is_ours(store, &digest)))
}

/// Whether a content hash is that of the file as we wrote it, or as it was before, should we not have come to write it.
pub fn is_ours(store: &Store, digest: &str) -> bool {
    let written = store.meta(WRITTEN).ok().flatten().unwrap_or_default();
    written.split(' ').any(|known| known == digest)
}

/// Writes the file where the conflicts are others than it says; never over what somebody is filling in.
///
/// # Errors
/// Those of the state and of writing.
pub fn renew(store: &Store, disk: &dyn Disk, path: &Path) -> Result<(), ApplyError> {
    let bytes = file(&store.conflicts()?);
    let digest = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes));
    let stands = match digest_of(disk, path) {
        // What we cannot read is theirs; that it cannot be read was told when the round began.
        Err(ApplyError::Write { .. }) => return Ok(()),
        stands => stands?,
    };
    let is_theirs = stands
        .as_ref()
        .is_some_and(|digest| !is_ours(store, digest));
    if is_theirs || stands.as_ref() == Some(&digest) {
        return Ok(());
    }
    let before = stands.clone().unwrap_or_default();
    store.set_meta(WRITTEN, format!("{digest} {before}").trim())?;
    let temporary = draft(disk, path, Some(path), |out| out.write_all(&bytes))?;
    // What somebody saved meanwhile stays, and is read in the next round.
    let is_saved = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
    // RACE: what is saved between this look and the rename is lost; no file API closes that window where a file is replaced.
    let renamed = match digest_of(disk, path)? == stands {
        true => disk.rename(&temporary, path, stands.is_some()),
        false => Err(io::ErrorKind::AlreadyExists.into()),
    };
    match renamed {
        Err(error) if is_saved(&error) => disk.remove(&temporary),
        renamed => renamed,
    }
    .map_err(write_error(path))?;
    let (folder, _) = folder_and_name(path);
    disk.sync_folder(&folder).map_err(write_error(&folder))
}
