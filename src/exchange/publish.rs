//! Publishing what became of drops: archived or set apart, and answered. Whatever a crash leaves is done again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use tracing::{info, warn};

use crate::config::Config;
use crate::disk::{Disk, Entry, ReadAt};
use crate::model::{Excerpt, Place, Problem};
use crate::state::drops::{DropRow, Receipt, Standing};
use crate::state::{StateError, Store};
use crate::sync::apply::ApplyError;
use crate::sync::inbox;
use crate::sync::observe::shown_path;

use super::answer;
use super::folder::can_tell;

/// What was published, and what could not be.
#[derive(Debug, Default)]
pub struct Published {
    /// Drops that were archived and answered.
    pub answered: Vec<DropRow>,
    /// What is to be said of the others, which are tried again in the next round.
    pub problems: Vec<Problem>,
}

/// Archives and answers every drop of which it is known what became of it. One for which that cannot be done holds up no other.
///
/// # Errors
/// Those of the state.
pub fn publish(
    config: &Config,
    disk: &dyn Disk,
    store: &mut Store,
) -> Result<Published, ApplyError> {
    let open = store.open_drops()?.into_iter();
    let known = open.filter(|row| row.receipt.is_some() && can_tell(row, &config.run, disk));
    let mut problems = Vec::new();
    let (mut written, mut held): (Vec<(DropRow, BTreeSet<PathBuf>)>, Vec<DropRow>) =
        Default::default();
    for row in known {
        // An answer is not overtaken by that of an earlier drop of its name.
        let precedes =
            |earlier: &DropRow| (&earlier.inbox, &earlier.name) == (&row.inbox, &row.name);
        if held.iter().any(precedes) {
            continue;
        }
        let mut folders = BTreeSet::new();
        match settle(&row, config, disk, &mut folders) {
            Ok(()) => written.push((row, folders)),
            Err(ApplyError::Write { path, source }) => {
                problems.push(unanswered(&row, &path, &source));
                held.push(row);
            }
            Err(error) => return Err(error),
        }
    }
    let folders: BTreeSet<&PathBuf> = written.iter().flat_map(|(_, folders)| folders).collect();
    let failed = |folder: &PathBuf| Some((folder.clone(), disk.sync_folder(folder).err()?));
    let unsynced: BTreeMap<PathBuf, io::Error> = folders.into_iter().filter_map(failed).collect();
    let mut answered = Vec::new();
    for (row, folders) in written {
        let lost = folders
            .iter()
            .find_map(|folder| unsynced.get_key_value(folder));
        match lost {
            Some((folder, error)) => problems.push(unanswered(&row, folder, error)),
            None => answered.push(row),
        }
    }
    if !answered.is_empty() {
        disk.commit_point()
            .map_err(StateError::file("couplet.db"))?;
        store.drops_published(&answered)?;
    }
    for row in &answered {
        if let Some(receipt) = &row.receipt {
            info!(
                drop = row.id,
                table = row.table,
                standing = receipt.standing.word(),
                rows = receipt.rows,
                "drop answered"
            );
        }
    }
    Ok(Published { answered, problems })
}

/// Moves a drop to where it is kept, and writes what is to be said of it.
fn settle(
    row: &DropRow,
    config: &Config,
    disk: &dyn Disk,
    folders: &mut BTreeSet<PathBuf>,
) -> Result<(), ApplyError> {
    let Some(receipt) = &row.receipt else {
        return Ok(());
    };
    set_apart(row, receipt, disk, folders)?;
    move_away(row, disk, folders)?;
    let path = inbox::answer(row, config.exchange.answers);
    let text = answer::answer(row, receipt, config.exchange.answers);
    write(disk, &path, None, folders, |out| out.write_all(&text))
}

/// A drop that could not be archived or answered.
fn unanswered(row: &DropRow, path: &Path, error: &io::Error) -> Problem {
    let place = Place {
        table: row.table.clone(),
        file: Some(shown_path(&inbox::dropped(row))),
        key: Some(row.name.clone()),
        ..Place::default()
    };
    let reason = format!(
        "it cannot be answered: {} cannot be written: {error}",
        shown_path(path)
    );
    let advice = "what it says counts; see to that folder, and it is answered in the next round";
    Problem::new(place, "unanswered-drop", reason, advice)
}

/// Writes the rows that were left out, in their own bytes, and why.
fn set_apart(
    row: &DropRow,
    receipt: &Receipt,
    disk: &dyn Disk,
    folders: &mut BTreeSet<PathBuf>,
) -> Result<(), ApplyError> {
    if !matches!(receipt.standing, Standing::Rejected | Standing::Partly) {
        return Ok(());
    }
    let mut apart = None;
    if let Some(excerpt) = &receipt.mend {
        let path = inbox::rows_apart(row);
        let source = match disk
            .identity(&inbox::claimed(row))
            .map_err(write_error(&path))?
        {
            Some(_) => inbox::claimed(row),
            None => inbox::archived(row),
        };
        match disk.open(&source) {
            Ok((opened, _)) => {
                let cut = |out: &mut dyn io::Write| cut_out(&*opened, excerpt, out);
                write(disk, &path, Some(&source), folders, cut)?;
                apart = path
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned());
            }
            Err(error) => warn!(drop = row.id, %error, "its rows cannot be set apart"),
        }
    }
    let text = answer::reason(row, receipt, apart.as_deref());
    write(disk, &inbox::reason(row), None, folders, |out| {
        out.write_all(text.as_bytes())
    })
}

/// Moves a drop to where it is kept. One that stands there already was moved before a crash.
fn move_away(
    row: &DropRow,
    disk: &dyn Disk,
    folders: &mut BTreeSet<PathBuf>,
) -> Result<(), ApplyError> {
    let (from, to) = (inbox::claimed(row), inbox::archived(row));
    if disk.identity(&from).map_err(write_error(&from))?.is_none() {
        return Ok(());
    }
    create_parent(disk, &to)?;
    disk.rename(&from, &to, true).map_err(write_error(&to))?;
    folders.extend(from.parent().map(Path::to_owned));
    folders.extend(to.parent().map(Path::to_owned));
    Ok(())
}

/// Writes a file as a whole: under a temporary name, durably, then under its own. Whoever may read `like` may read it.
fn write(
    disk: &dyn Disk,
    path: &Path,
    like: Option<&Path>,
    folders: &mut BTreeSet<PathBuf>,
    fill: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> Result<(), ApplyError> {
    let temporary = draft(disk, path, like, fill)?;
    disk.rename(&temporary, path, true)
        .map_err(write_error(path))?;
    folders.extend(path.parent().map(Path::to_owned));
    Ok(())
}

/// Writes what a file is to be under a temporary name beside it, durably, and returns that name.
pub(super) fn draft(
    disk: &dyn Disk,
    path: &Path,
    like: Option<&Path>,
    fill: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> Result<PathBuf, ApplyError> {
    create_parent(disk, path)?;
    let (_, name) = inbox::folder_and_name(path);
    let temporary = path.with_file_name(format!(".couplet-{name}.tmp"));
    let written = || -> io::Result<()> {
        // What stands there is ours, from a round that did not finish.
        disk.remove(&temporary)?;
        let mut draft = disk.create(&temporary, like)?;
        fill(&mut draft)?;
        draft.finish()
    };
    written().map_err(|error| {
        // What is given up takes no room from others.
        let _ = disk.remove(&temporary);
        write_error(path)(error)
    })?;
    Ok(temporary)
}

fn create_parent(disk: &dyn Disk, path: &Path) -> Result<(), ApplyError> {
    let (folder, _) = inbox::folder_and_name(path);
    own_folder(disk, &folder).map_err(write_error(&folder))
}

/// Creates one of the folders that we keep below an inbox. Whoever may write to the inbox could put a link there, which would lead
/// what we write to wherever we may write.
pub(super) fn own_folder(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    let is_kept = |folder: &Path| {
        let name = folder.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| inbox::FOLDERS.contains(&name))
    };
    // `done/` has a folder for each day.
    for folder in folder.ancestors().take(2) {
        let is_ours = is_kept(folder) || folder.parent().is_some_and(is_kept);
        // RACE: a folder that is replaced between this look and the rename is followed; see docs/security.md.
        if is_ours
            && disk
                .entry(folder)?
                .is_some_and(|entry| entry != Entry::Folder)
        {
            let message = format!(
                "{} is no folder but a link; links are not followed below an inbox: remove it",
                folder.display()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
    }
    disk.create_folder(folder)
}

/// Copies some records of a file in their own bytes, so that they can be read like the whole.
fn cut_out(source: &dyn ReadAt, excerpt: &Excerpt, out: &mut dyn io::Write) -> io::Result<()> {
    copy(source, 0, excerpt.head, out)?;
    out.write_all(excerpt.open.as_bytes())?;
    for (at, (start, end)) in excerpt.records.iter().enumerate() {
        if at > 0 {
            out.write_all(excerpt.between.as_bytes())?;
        }
        copy(source, *start, *end, out)?;
    }
    out.write_all(excerpt.close.as_bytes())
}

fn copy(source: &dyn ReadAt, mut at: u64, end: u64, out: &mut dyn io::Write) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    while at < end {
        let most = buffer.len().min((end - at) as usize);
        match source.read_at(&mut buffer[..most], at)? {
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            count => {
                out.write_all(&buffer[..count])?;
                at += count as u64;
            }
        }
    }
    Ok(())
}

pub(super) fn write_error(path: &Path) -> impl FnOnce(io::Error) -> ApplyError {
    let path = path.to_owned();
    move |source| ApplyError::Write { path, source }
}
