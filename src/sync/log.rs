//! The interaction log as an export of its own: a journal, append-only, each entry exactly once (`product.md` §8).

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use crate::disk::Disk;
use crate::model::InteractionLogEntry;
use crate::state::{StateError, Store};

use super::apply::ApplyError;

const LENGTH: &str = "log_length";
const WRITTEN: &str = "log_written";
const CONTINUES: &str = "log_continues_after";

/// Appends what the file lacks. Safe to repeat: after a cut the rest of the block that was being written follows.
pub fn export(store: &mut Store, disk: &dyn Disk, path: &Path) -> Result<u64, ApplyError> {
    let number = |name: &str| -> Result<Option<u64>, StateError> {
        Ok(store.meta(name)?.and_then(|text| text.parse().ok()))
    };
    let committed = number(LENGTH)?.unwrap_or(0);
    let last = number(WRITTEN)?.unwrap_or(0);
    let entries = store.interactions(last, None)?;
    let Some(newest) = entries.last().map(|entry| entry.entry_no) else {
        return Ok(0);
    };
    let write = |error| ApplyError::Write {
        path: path.to_owned(),
        source: error,
    };
    if let Some(folder) = path.parent() {
        disk.create_folder(folder).map_err(write)?;
    }
    let length = disk
        .identity(path)
        .map_err(write)?
        .map_or(0, |identity| identity.size);
    // Beyond the committed length there is at most a block that was cut; a shorter file was moved away by its reader.
    let from = committed.min(length);
    let is_new = from == 0;
    let block = render(&entries, path, is_new)?;
    let mut draft = disk.append(path, from).map_err(write)?;
    draft.write_all(&block).map_err(write)?;
    draft.finish().map_err(write)?;
    if is_new
        && let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
    {
        disk.sync_folder(folder).map_err(write)?;
    }
    disk.commit_point().map_err(write)?;
    let length = from + block.len() as u64;
    store.set_metas(&[(LENGTH, length.to_string()), (WRITTEN, newest.to_string())])?;
    Ok(entries.len() as u64)
}

/// Makes a fresh state continue after the last number of a log that is already there.
pub fn adopt(store: &mut Store, disk: &dyn Disk, path: &Path) -> Result<(), ApplyError> {
    if store.last_pass()? > 0 || store.meta(CONTINUES)?.is_some() {
        return Ok(());
    }
    let write = |error| ApplyError::Write {
        path: path.to_owned(),
        source: error,
    };
    if disk.identity(path).map_err(write)?.is_none() {
        return Ok(());
    }
    let (source, identity) = disk.open(path).map_err(write)?;
    let mut bytes = vec![0; identity.size as usize];
    let mut done = 0;
    while done < bytes.len() {
        match source
            .read_at(&mut bytes[done..], done as u64)
            .map_err(write)?
        {
            0 => break,
            count => done += count,
        }
    }
    bytes.truncate(done);
    let last = last_entry(&bytes, is_json(path));
    store.note_logged(&numbers(&bytes, is_json(path)))?;
    let length = bytes.len().to_string();
    store.set_metas(&[
        (CONTINUES, last.to_string()),
        (WRITTEN, last.to_string()),
        (LENGTH, length),
    ])?;
    Ok(())
}

fn is_json(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl"))
}

fn last_entry(bytes: &[u8], json: bool) -> u64 {
    if json {
        let lines = bytes
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok());
        return lines
            .map(|entry: InteractionLogEntry| entry.entry_no)
            .max()
            .unwrap_or(0);
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    reader
        .byte_records()
        .flatten()
        .filter_map(|record| {
            std::str::from_utf8(record.get(0)?)
                .ok()?
                .parse::<u64>()
                .ok()
        })
        .max()
        .unwrap_or(0)
}

/// The contacts that a log names, and the counterparts whose creation it tells: their numbers are never given again.
fn numbers(bytes: &[u8], json: bool) -> BTreeSet<String> {
    let entries: Vec<InteractionLogEntry> = match json {
        true => bytes
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect(),
        false => {
            let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
            reader.deserialize().flatten().collect()
        }
    };
    let mut named = BTreeSet::new();
    for entry in entries {
        let sentences = entry.description.split("; ");
        let created = sentences.filter_map(|sentence| sentence.split_once(" created"));
        named.extend(created.map(|(record, _)| record.to_owned()));
        named.extend(Some(entry.contact_no).filter(|no| !no.is_empty()));
    }
    named
}

fn render(
    entries: &[InteractionLogEntry],
    path: &Path,
    with_header: bool,
) -> Result<Vec<u8>, ApplyError> {
    if is_json(path) {
        let mut block = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut block, entry).map_err(StateError::from)?;
            block.push(b'\n');
        }
        return Ok(block);
    }
    let mut writer = csv::WriterBuilder::new()
        .has_headers(with_header)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let write = |source: std::io::Error| ApplyError::Write {
        path: path.to_owned(),
        source,
    };
    for entry in entries {
        writer
            .serialize(entry)
            .map_err(|error| write(error.into()))?;
    }
    writer
        .into_inner()
        .map_err(|error| write(error.into_error()))
}
