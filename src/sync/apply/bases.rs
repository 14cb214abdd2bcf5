//! Bases: what each record showed when it was merged, written as the state's new index and rows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use tracing::info;

use crate::disk::{Disk, Unsynced};
use crate::exports::Edits;
use crate::merge::deliver::Route;
use crate::model::Table;
use crate::state::memory::TableMemory;
use crate::state::rows::rows_path;
use crate::state::{Entry, IndexDraft, RowWriter, StateError};
use crate::sync::decide::{Born, Cells, Overrides};
use crate::sync::observe::diff::PrintMap;
use crate::sync::observe::{Seen, plain};

use super::rebase::{Rebasing, link_of, looks, put_cells};

/// What the bases of a pass are made of.
pub(super) struct Bases<'a> {
    pub(super) overrides: &'a BTreeMap<Table, Overrides>,
    pub(super) carried: &'a BTreeMap<Table, Overrides>,
    pub(super) rebased: &'a BTreeMap<Table, BTreeSet<usize>>,
    pub(super) links: Option<&'a [[u64; 2]]>,
    pub(super) troubled: &'a BTreeMap<Table, BTreeSet<usize>>,
    pub(super) born: &'a BTreeMap<Table, Vec<Born>>,
    pub(super) dropped: &'a BTreeMap<Table, BTreeSet<usize>>,
    /// The seed of all hashes.
    pub(super) seed: u64,
}

impl Bases<'_> {
    /// Whether anything of a table is to be remembered.
    pub(super) fn concern(&self, seen: &Seen<'_>) -> bool {
        seen.export.is_some()
            || self.carried.contains_key(&seen.table)
            || self.parted(seen).next().is_some()
    }

    /// What becomes of the bases of a table's records that no export shows, by key: a number that stood twice has an entry for each of
    /// its records, and what is known of it is known of each.
    fn carried_by_key(&self, seen: &Seen<'_>) -> PrintMap<&Cells> {
        let carried = self.carried.get(&seen.table).into_iter().flatten();
        let of_keys = carried.map(|(at, cells)| (plain(seen.index.keys[*at]), cells));
        of_keys.collect()
    }

    /// Relations that say nothing and are to be read anew before they couple again, with what they refer to until then: by their places
    /// in the index.
    fn parted<'s>(&'s self, seen: &'s Seen<'_>) -> impl Iterator<Item = (usize, [u64; 2])> + 's {
        let is_silent = seen.table == Table::Relations && seen.export.is_none();
        let links = self.links.filter(|_| is_silent);
        let troubled = self.troubled.get(&Table::Relations).into_iter().flatten();
        let links = links
            .into_iter()
            .flat_map(move |links| troubled.clone().map(|at| (*at, links[*at])));
        links.filter(|(at, link)| *link != seen.index.links.at(*at))
    }
}

/// What the state will know of a table.
pub(super) struct Kept {
    pub(super) memory: TableMemory,
    /// Whether records must be looked at again although nothing of them changes.
    pub(super) leaves_open: bool,
    /// Its index and rows, still to be made durable.
    pub(super) files: Vec<Unsynced>,
}

/// Writes a table's new index and rows, uncommitted, as if its file stayed what was read.
pub(super) fn remember_table(
    seen: &Seen<'_>,
    edits: &Edits,
    bases: &Bases<'_>,
    disk: &dyn Disk,
    folder: &Path,
) -> Result<Kept, StateError> {
    let old = seen.memory.clone().unwrap_or_default();
    let is_read_otherwise = seen.reconfigured || old.shape != seen.shape;
    let Some(export) = &seen.export else {
        return remember_words(seen, old, bases, disk, folder);
    };
    let rebased = bases.rebased.get(&seen.table);
    let born = bases.born.get(&seen.table).map_or(&[][..], Vec::as_slice);
    let dropped = bases.dropped.get(&seen.table);
    let moved = bases.carried_by_key(seen);
    let unlisted = seen.unlisted();
    let carried: Vec<usize> = (0..unlisted.len())
        .filter(|at| dropped.is_none_or(|dropped| !dropped.contains(&unlisted[*at])))
        .collect();
    let same_records = seen.diff.touched.is_empty()
        && seen.diff.gone.is_empty()
        && edits.is_empty()
        && born.is_empty()
        && seen.index.len() == export.records.len() + carried.len();
    let of_relations = || bases.links.filter(|_| seen.table == Table::Relations);
    let same_links =
        of_relations().is_none_or(|links| seen.index.links.iter().eq(links.iter().copied()));
    let same_order = seen
        .diff
        .olds
        .iter()
        .enumerate()
        .all(|(at, old)| *old as usize == at + 1);
    let mut memory = TableMemory {
        table: seen.table.name().to_owned(),
        file: seen.file(),
        digest: format!("{:032x}", export.digest),
        // Rows that a person sent again may belong to an older file.
        sequence: seen.sequence.max(old.sequence),
        shape: seen.shape,
        settings: seen.config.settings_print(seen.table),
        records: match seen.is_part {
            true => old.records,
            false => (export.records.len() - edits.remove.len() + edits.append.len()) as u64,
        },
        exports: seen.exports,
        // Until its system exports again, what was written in place may still be exported over.
        written_pass: old
            .written_pass
            .filter(|_| seen.route() == Route::InPlace || !seen.is_changed()),
        ends_with_newline: export.ends_with_newline(),
        encoding: match export.dialect.encoding_proven {
            true => export.dialect.encoding.name(),
            false => old.encoding,
        },
        ..old
    };
    if seen.memory.is_some()
        && !is_read_otherwise
        && same_records
        && same_links
        && same_order
        && rebased.is_none_or(BTreeSet::is_empty)
        && moved.is_empty()
        && !seen.index.is_outdated
    {
        return Ok(Kept {
            memory,
            leaves_open: seen.index.prints.contains(&0),
            files: Vec::new(),
        });
    }
    memory.generation += 1;
    // Superseded rows are left behind; when they are the larger part, the live ones move to a new file.
    let compacting = memory.rows_count > 2 * memory.records + 1000;
    if compacting {
        memory.rows_epoch += 1;
        (memory.rows_length, memory.rows_count) = (0, 0);
    }
    let path = rows_path(folder, seen.table, memory.rows_epoch);
    let mut writer = RowWriter::open(disk, path, memory.rows_length)?;
    let mut index = IndexDraft::new(&seen.index);
    let troubled = bases.troubled.get(&seen.table);
    let rebasing = Rebasing {
        seen,
        export,
        edits,
        overrides: bases.overrides.get(&seen.table),
        rebased,
        carried: &moved,
        troubled,
        links: of_relations(),
        compacting,
        seed: bases.seed,
    };
    let mut reader = export.reader();
    let mut touched = seen.diff.touched.iter().peekable();
    let mut next = 0;
    for at in read_anew(seen, edits, rebased, compacting) {
        // What nobody touched is as it was.
        keep(&mut index, seen, of_relations(), next..at);
        next = at + 1;
        let is_touched = touched
            .next_if(|touched| **touched as usize == at)
            .is_some();
        if let Some(entry) = rebasing.entry(at, is_touched, &mut reader, &mut writer)? {
            index.push(entry);
        }
    }
    keep(&mut index, seen, of_relations(), next..export.records.len());
    // What the export does not list and exists all the same keeps its base, but for what was decided on it.
    for at in carried {
        let old = unlisted[at];
        let mut entry = seen.index.entry(old);
        if is_read_otherwise {
            // Columns may say something of it that its base row lacks, once it is listed.
            entry.print = 0;
        }
        if let Some(links) = of_relations() {
            let at = export.records.len() + at;
            entry.link = links[at];
            if troubled.is_some_and(|troubled| troubled.contains(&at)) {
                entry.print = 0;
            }
        }
        let cells = moved.get(&plain(entry.key));
        if (compacting || cells.is_some())
            && let Some(mut row) = seen.rows.get(entry.row)?
        {
            if let Some(cells) = cells {
                put_cells(&mut row, cells);
                entry.link = link_of(&row, seen.table, bases.seed).unwrap_or(entry.link);
            }
            entry.row = writer.push(&row)?;
        }
        index.push(entry);
    }
    let first_born = export.records.len() + unlisted.len();
    for (at, born) in born.iter().enumerate() {
        // In place it will be read back as it was written; in a folder it is in flight. What is a problem is looked at again.
        let is_troubled = troubled.is_some_and(|troubled| troubled.contains(&(first_born + at)));
        let (print, extent) = match seen.route() {
            Route::InPlace if !is_troubled => looks(export, export.new_row(&born.new).ok()),
            Route::InPlace | Route::Folder | Route::Nowhere | Route::Silent | Route::Frozen => {
                (0, 0)
            }
        };
        let link = match seen.table {
            Table::Relations => {
                let link = of_relations().and_then(|links| links.get(first_born + at));
                link.copied().unwrap_or_default()
            }
            _ => link_of(&born.row, seen.table, bases.seed).unwrap_or_default(),
        };
        index.push(Entry {
            key: born.key,
            print,
            row: writer.push(&born.row)?,
            extent,
            link,
        });
    }
    kept(memory, writer, &index, seen.table, disk, folder)
}

/// Writes what records of a table that says nothing said in conflicts that are decided now, and which relations couple nobody any more;
/// all else is as it was.
fn remember_words(
    seen: &Seen<'_>,
    mut memory: TableMemory,
    bases: &Bases<'_>,
    disk: &dyn Disk,
    folder: &Path,
) -> Result<Kept, StateError> {
    memory.generation += 1;
    let path = rows_path(folder, seen.table, memory.rows_epoch);
    let mut writer = RowWriter::open(disk, path, memory.rows_length)?;
    let mut index = IndexDraft::new(&seen.index);
    let before = &seen.index;
    let mut changed: BTreeMap<usize, Entry> = BTreeMap::new();
    for (at, link) in bases.parted(seen) {
        // Its row is looked at again once the relations speak.
        let entry = before.entry(at);
        changed.insert(
            at,
            Entry {
                print: 0,
                link,
                ..entry
            },
        );
    }
    let of_keys = bases.carried_by_key(seen);
    let keys = before
        .keys
        .iter()
        .enumerate()
        .filter(|_| !of_keys.is_empty());
    for (at, key) in keys {
        let Some(cells) = of_keys.get(&plain(*key)) else {
            continue;
        };
        let Some(mut row) = seen.rows.get(before.row(at))? else {
            continue;
        };
        put_cells(&mut row, cells);
        let entry = changed.entry(at).or_insert_with(|| before.entry(at));
        entry.row = writer.push(&row)?;
        entry.link = link_of(&row, seen.table, bases.seed).unwrap_or(entry.link);
    }
    let mut next = 0;
    for (at, entry) in changed {
        index.keep(next, at - next);
        index.push(entry);
        next = at + 1;
    }
    index.keep(next, before.len() - next);
    Ok(Kept {
        leaves_open: true,
        ..kept(memory, writer, &index, seen.table, disk, folder)?
    })
}

/// Ends the rows of a table and writes its index.
fn kept(
    mut memory: TableMemory,
    rows: RowWriter,
    index: &IndexDraft<'_>,
    table: Table,
    disk: &dyn Disk,
    folder: &Path,
) -> Result<Kept, StateError> {
    memory.rows_count += rows.appended();
    let (length, rows) = rows.finish()?;
    memory.rows_length = length;
    let entries = index.write(disk, folder, table, memory.generation)?;
    info!(
        table = table.name(),
        generation = memory.generation,
        records = index.len(),
        "base written"
    );
    Ok(Kept {
        memory,
        leaves_open: index.has_open(),
        files: vec![rows, entries],
    })
}

/// Records of an export whose entry in the index may be another one, ascending: all of them where all rows move.
fn read_anew(
    seen: &Seen<'_>,
    edits: &Edits,
    rebased: Option<&BTreeSet<usize>>,
    all: bool,
) -> Vec<usize> {
    if all {
        return (0..seen.diff.keys.len()).collect();
    }
    let touched = seen.diff.touched.iter().map(|at| *at as usize);
    let edited = edits.cells.keys().chain(&edits.remove).copied();
    let rebased = rebased.into_iter().flatten().copied();
    let without_entry = seen.diff.olds.iter().enumerate();
    let without_entry = without_entry
        .filter(|(_, old)| **old == 0)
        .map(|(at, _)| at);
    let doubles = seen.diff.doubles.iter().map(|at| *at as usize);
    let mut anew: Vec<usize> = touched
        .chain(doubles)
        .chain(edited)
        .chain(rebased)
        .chain(without_entry)
        .collect();
    anew.sort_unstable();
    anew.dedup();
    anew
}

/// Keeps the entries of records that are as they were, but for relations that refer to something else now.
fn keep(
    index: &mut IndexDraft<'_>,
    seen: &Seen<'_>,
    links: Option<&[[u64; 2]]>,
    range: Range<usize>,
) {
    if let Some(links) = links {
        for at in range {
            let (old, link) = (seen.diff.olds[at] as usize - 1, links[at]);
            match link == seen.index.links.at(old) {
                true => index.keep(old, 1),
                false => index.push(Entry {
                    link,
                    ..seen.index.entry(old)
                }),
            }
        }
        return;
    }
    let olds = &seen.diff.olds[range];
    for run in olds.chunk_by(|before, after| before + 1 == *after) {
        index.keep(run[0] as usize - 1, run.len());
    }
}
