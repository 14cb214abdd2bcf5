//! The interaction log as an export of its own: a journal, append-only, each entry exactly once (`product.md` §8), in one file or
//! in one for each month or year.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::info;

use crate::config::{Interactions, LogFiles};
use crate::disk::Disk;
use crate::exports::source::read_range;
use crate::model::InteractionLogEntry;
use crate::state::{StateError, Store};

use super::log_form::LogForm;
use super::{ApplyError, write_error};

const FILES: &str = "log_files";
const LENGTH: &str = "log_length";
const WRITTEN: &str = "log_written";
const CONTINUES: &str = "log_continues_after";

/// What the state knows of the log's files: the one that is written, and those before it that are still kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct LogFilesKnown {
    /// The name of the one that is written; blank before there is one.
    current: String,
    /// Its shape.
    shape: String,
    /// Those that are complete.
    complete: Vec<CompleteFile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CompleteFile {
    name: String,
    /// The number of its last entry.
    last: u64,
    /// When it was completed, ISO 8601.
    at: String,
}

/// Appends what the files lack. Safe to repeat: after a cut the rest of the block that was being written follows.
///
/// # Errors
/// Those of the state and of the disk.
pub fn export(
    store: &mut Store,
    disk: &dyn Disk,
    config: &Interactions,
    now: &jiff::Zoned,
) -> Result<u64, ApplyError> {
    let Some(export) = &config.export else {
        return Ok(0);
    };
    let last = number(store, WRITTEN)?;
    let entries = store.interactions(last, None)?;
    let Some(newest) = entries.last().map(|entry| entry.entry_no) else {
        return Ok(0);
    };
    let mut committed = number(store, LENGTH)?;
    let mut known = known(store, export, last)?;
    let path = export.with_file_name(&known.current);
    if let Some(folder) = export.parent() {
        disk.create_folder(folder).map_err(write_error(export))?;
    }
    let mut length = match known.current.is_empty() {
        true => 0,
        false => size(disk, &path)?,
    };
    let form = LogForm::of(export);
    let current = name_at(export, config.files, now);
    let is_over = known.current != current || known.shape != form.shape();
    // What was cut is completed where it began.
    let path = if is_over && length <= committed {
        let path = export.with_file_name(&current);
        complete(&mut known, last, now);
        make_room(disk, form, &mut known, &path, last)?;
        known.shape = form.shape();
        known.current.clone_from(&current);
        (committed, length) = (0, size(disk, &path)?);
        path
    } else {
        path
    };
    // Beyond the committed length there is at most a block that was cut; a shorter file was moved away by its reader.
    let from = committed.min(length);
    refuse_others(disk, form, &path)?;
    let is_new = from == 0;
    let mut block = Vec::new();
    form.write(&entries, is_new, &mut block)
        .map_err(write_error(&path))?;
    let mut draft = disk.append(&path, from).map_err(write_error(&path))?;
    draft.write_all(&block).map_err(write_error(&path))?;
    draft.finish().map_err(write_error(&path))?;
    if is_new
        && let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
    {
        disk.sync_folder(folder).map_err(write_error(&path))?;
    }
    disk.commit_point().map_err(write_error(&path))?;
    let length = from + block.len() as u64;
    store.set_metas(&[
        (LENGTH, length.to_string()),
        (WRITTEN, newest.to_string()),
        (
            FILES,
            serde_json::to_string(&known).map_err(StateError::from)?,
        ),
    ])?;
    Ok(entries.len() as u64)
}

/// Refuses to go on where the file that is to be written now is somebody else's.
///
/// # Errors
/// [`ApplyError::NotTheLog`] of such a file, and those of the disk.
pub fn check(disk: &dyn Disk, config: &Interactions, now: &jiff::Zoned) -> Result<(), ApplyError> {
    let Some(export) = &config.export else {
        return Ok(());
    };
    let path = export.with_file_name(name_at(export, config.files, now));
    refuse_others(disk, LogForm::of(export), &path)
}

fn refuse_others(disk: &dyn Disk, form: LogForm, path: &Path) -> Result<(), ApplyError> {
    // Long enough for the header.
    const HEAD: u64 = 4096;
    if size(disk, path)? == 0 {
        return Ok(());
    }
    let (source, identity) = disk.open(path).map_err(write_error(path))?;
    let head = read_range(&*source, 0..identity.size.min(HEAD)).map_err(write_error(path))?;
    match form.is_begun_by(&head) {
        true => Ok(()),
        false => Err(ApplyError::NotTheLog(path.to_owned())),
    }
}

/// The file that was written has all that it gets.
fn complete(known: &mut LogFilesKnown, last: u64, now: &jiff::Zoned) {
    if last == 0 || known.current.is_empty() {
        return;
    }
    known.complete.push(CompleteFile {
        name: known.current.clone(),
        last,
        at: now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
    });
}

/// A file that has the name of the one to begin moves away if it has entries: its header is another, or a month came again because
/// the clock was set back. What a cut left of the block to come has only entries after the last, and is written anew.
fn make_room(
    disk: &dyn Disk,
    form: LogForm,
    known: &mut LogFilesKnown,
    path: &Path,
    last: u64,
) -> Result<(), ApplyError> {
    let name = file_name(path);
    let away = |last: u64| with_suffix(path, &format!("until_{last:06}"));
    for file in known.complete.iter_mut().filter(|file| file.name == name) {
        file.name = away(file.last);
    }
    if size(disk, path)? == 0 {
        return Ok(());
    }
    let mut bytes = read(disk, path)?;
    // A number in a line that was cut may be another.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    bytes.truncate(whole.map_or(0, |end| end + 1));
    let entries = form.read(&bytes);
    let numbers = entries.iter().map(|entry| entry.entry_no);
    // Bytes that a cut left without the rest have no number.
    if numbers
        .clone()
        .next()
        .is_some_and(|first| (1..=last).contains(&first))
    {
        let to = path.with_file_name(away(numbers.max().unwrap_or(last)));
        disk.rename(path, &to, true).map_err(write_error(&to))?;
    }
    Ok(())
}

/// Removes files that were completed long enough ago, whole, and what the state keeps of their entries.
///
/// # Errors
/// Those of the state and of the disk.
pub fn retain(
    store: &mut Store,
    disk: &dyn Disk,
    config: &Interactions,
    now: &jiff::Zoned,
) -> Result<(), ApplyError> {
    let (Some(export), Some(keep)) = (&config.export, config.keep) else {
        return Ok(());
    };
    let limit = jiff::SignedDuration::try_from(keep)
        .ok()
        .and_then(|keep| now.checked_sub(keep).ok());
    let Some(limit) = limit.map(|limit| limit.strftime("%Y-%m-%dT%H:%M:%S").to_string()) else {
        return Ok(());
    };
    let mut known = known(store, export, number(store, WRITTEN)?)?;
    let over: Vec<CompleteFile> = known
        .complete
        .extract_if(.., |file| file.at < limit)
        .collect();
    let Some(last) = over.iter().map(|file| file.last).max() else {
        return Ok(());
    };
    for file in &over {
        let path = export.with_file_name(&file.name);
        disk.remove(&path).map_err(write_error(&path))?;
        info!(file = file.name, "log file removed");
    }
    let entries = store.interactions_until(last)?;
    // Their numbers are never given again.
    store.note_logged(&names(&entries))?;
    store.forget_interactions(last)?;
    store.set_metas(&[
        (CONTINUES, number(store, WRITTEN)?.max(last).to_string()),
        (
            FILES,
            serde_json::to_string(&known).map_err(StateError::from)?,
        ),
    ])?;
    Ok(())
}

/// Makes a fresh state continue after the last number of a log that is already there.
///
/// # Errors
/// Those of the state and of the disk.
pub fn adopt(
    store: &mut Store,
    disk: &dyn Disk,
    config: &Interactions,
    now: &jiff::Zoned,
) -> Result<(), ApplyError> {
    let Some(export) = &config.export else {
        return Ok(());
    };
    if store.last_pass()? > 0 || store.meta(CONTINUES)?.is_some() {
        return Ok(());
    }
    let form = LogForm::of(export);
    let (mut last, mut known) = (0, LogFilesKnown::default());
    for path in files(disk, export, config.files)? {
        let bytes = read(disk, &path)?;
        let entries = form.read(&bytes);
        store.note_logged(&names(&entries))?;
        let newest = entries
            .iter()
            .map(|entry| entry.entry_no)
            .max()
            .unwrap_or(0);
        let name = file_name(&path);
        if newest >= last {
            let is_older = !known.current.is_empty();
            if is_older {
                known.complete.push(CompleteFile {
                    name: known.current.clone(),
                    last,
                    at: now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                });
            }
            last = newest;
            known.shape = shape_of(form, &bytes);
            known.current = name;
            store.set_meta(LENGTH, &bytes.len().to_string())?;
        }
    }
    if known.current.is_empty() {
        return Ok(());
    }
    store.set_metas(&[
        (CONTINUES, last.to_string()),
        (WRITTEN, last.to_string()),
        (
            FILES,
            serde_json::to_string(&known).map_err(StateError::from)?,
        ),
    ])?;
    Ok(())
}

fn number(store: &Store, name: &str) -> Result<u64, StateError> {
    Ok(store
        .meta(name)?
        .and_then(|text| text.parse().ok())
        .unwrap_or(0))
}

/// A state that does not know its files has one, of the shape that logs had before they were told apart.
fn known(store: &Store, export: &Path, written: u64) -> Result<LogFilesKnown, StateError> {
    Ok(match store.meta(FILES)? {
        Some(text) => serde_json::from_str(&text)?,
        None if written > 0 => LogFilesKnown {
            current: file_name(export),
            shape: match LogForm::of(export) {
                LogForm::Csv => "38".to_owned(),
                form @ LogForm::JsonLines => form.shape(),
            },
            ..LogFilesKnown::default()
        },
        None => LogFilesKnown::default(),
    })
}

fn shape_of(form: LogForm, bytes: &[u8]) -> String {
    match form {
        LogForm::JsonLines => form.shape(),
        LogForm::Csv => {
            let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
            let columns = reader.byte_headers().map_or(0, csv::ByteRecord::len);
            columns.to_string()
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// `interactions.csv` and `2026-11` make `interactions_2026-11.csv`.
fn with_suffix(path: &Path, suffix: &str) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    format!("{stem}_{suffix}.{ending}")
}

/// The name of the file that is written at a time.
fn name_at(export: &Path, files: LogFiles, now: &jiff::Zoned) -> String {
    match files {
        LogFiles::One => file_name(export),
        LogFiles::Monthly => with_suffix(export, &now.strftime("%Y-%m").to_string()),
        LogFiles::Yearly => with_suffix(export, &now.strftime("%Y").to_string()),
    }
}

/// The log's files that are there, in the order of their names.
fn files(disk: &dyn Disk, export: &Path, files: LogFiles) -> Result<Vec<PathBuf>, ApplyError> {
    let is_there = disk
        .identity(export)
        .map_err(write_error(export))?
        .is_some();
    let mut found: Vec<PathBuf> = is_there.then(|| export.to_owned()).into_iter().collect();
    if files == LogFiles::One {
        return Ok(found);
    }
    let folder = export.parent().unwrap_or(Path::new(""));
    let name = with_suffix(export, "\0");
    let (before, after) = name.split_once('\0').unwrap_or_default();
    let is_one = |path: &PathBuf| {
        let name = file_name(path);
        let period = name
            .strip_prefix(before)
            .and_then(|name| name.strip_suffix(after));
        period.is_some_and(|period| period.starts_with(|digit: char| digit.is_ascii_digit()))
    };
    let mut listed = disk.list(folder).map_err(write_error(folder))?;
    listed.retain(is_one);
    listed.sort();
    found.extend(listed);
    Ok(found)
}

fn size(disk: &dyn Disk, path: &Path) -> Result<u64, ApplyError> {
    let identity = disk.identity(path).map_err(write_error(path))?;
    Ok(identity.map_or(0, |identity| identity.size))
}

fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, ApplyError> {
    let (source, identity) = disk.open(path).map_err(write_error(path))?;
    let mut bytes = vec![0; identity.size as usize];
    let mut done = 0;
    while done < bytes.len() {
        match source
            .read_at(&mut bytes[done..], done as u64)
            .map_err(write_error(path))?
        {
            0 => break,
            count => done += count,
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

/// The contacts that entries name, and the counterparts whose creation they tell: their numbers are never given again.
fn names(entries: &[InteractionLogEntry]) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for entry in entries {
        let sentences = entry.description.split("; ");
        let created = sentences.filter_map(|sentence| sentence.split_once(" created"));
        named.extend(created.map(|(record, _)| record.to_owned()));
        named.extend(Some(entry.contact_no.clone()).filter(|no| !no.is_empty()));
    }
    named
}
