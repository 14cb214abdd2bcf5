//! What the base of a record becomes.

use std::collections::BTreeSet;

use crate::exports::{Edits, Export, Extent, Reader};
use crate::model::{Problem, Row, Table};
use crate::state::{Entry, RowWriter, StateError};

use crate::sync::couple::{PRIMARY_CONTACT, company_key};
use crate::sync::decide::{Cells, Overrides};
use crate::sync::observe::diff::PrintMap;
use crate::sync::observe::{Seen, plain};

/// What decides on the bases of a table's records.
pub(super) struct Rebasing<'r> {
    pub(super) seen: &'r Seen<'r>,
    pub(super) export: &'r Export,
    /// What changes in its file.
    pub(super) edits: &'r Edits,
    /// Cells of records whose base is not what they show.
    pub(super) overrides: Option<&'r Overrides>,
    /// Records that get a new base row although their bytes are as they were.
    pub(super) rebased: Option<&'r BTreeSet<usize>>,
    /// By key: what becomes of the bases of records that no export shows.
    pub(super) carried: &'r PrintMap<&'r Cells>,
    /// Records that are a problem, and so are looked at again in every pass.
    pub(super) troubled: Option<&'r BTreeSet<usize>>,
    /// What each relation refers to.
    pub(super) links: Option<&'r [[u64; 2]]>,
    /// All rows move to a new file.
    pub(super) compacting: bool,
    /// The seed of all hashes.
    pub(super) seed: u64,
}

impl Rebasing<'_> {
    /// The entry of a record, whose base goes to the new rows where it is another one; `None` where the record goes, or was nobody's.
    ///
    /// # Errors
    /// Those of the state.
    pub(super) fn entry(
        &self,
        at: usize,
        is_touched: bool,
        reader: &mut Reader<'_>,
        rows: &mut RowWriter,
    ) -> Result<Option<Entry>, StateError> {
        if self.edits.remove.contains(&at) {
            return Ok(None);
        }
        match self.shown(at, is_touched, reader, rows)? {
            Some(entry) => Ok(Some(entry)),
            None => self.as_it_was(at, is_touched, rows),
        }
    }

    /// The entry of a record whose base is what it shows now, or will show; `None` where that says nothing.
    fn shown(
        &self,
        at: usize,
        is_touched: bool,
        reader: &mut Reader<'_>,
        rows: &mut RowWriter,
    ) -> Result<Option<Entry>, StateError> {
        let (seen, export) = (self.seen, self.export);
        let new_cells = self.edits.cells.get(&at);
        let unlike = self.overrides.and_then(|overrides| overrides.get(&at));
        let is_rebased = self.rebased.is_some_and(|rebased| rebased.contains(&at));
        let says_more = is_touched || is_rebased || new_cells.is_some();
        if !says_more || seen.is_double(at) {
            return Ok(None);
        }
        let naming = naming_column(seen.table);
        let mut problems: Vec<Problem> = Vec::new();
        let Ok(view) = reader.read(at) else {
            return Ok(None);
        };
        let as_shown = || (export.records[at].print, Extent::of(view.bytes()).bits());
        let (row, (looks, extent), names);
        if new_cells.is_none() && unlike.is_none() {
            let (mut column, mut named) = (0, 0);
            rows.begin(seen.table.columns().len());
            let each = view.each(&mut problems, |cell| {
                if naming == Some(column) {
                    named = company_key(cell, self.seed);
                }
                column += 1;
                rows.cell(cell);
            });
            if each.is_err() {
                return Ok(None);
            }
            (row, (looks, extent), names) = (rows.end()?, as_shown(), named);
        } else {
            let mut shown = Row::unknown(seen.table);
            if view.fill(&mut shown, &mut problems).is_err() {
                return Ok(None);
            }
            (looks, extent) = match new_cells {
                None => as_shown(),
                Some(cells) => self::looks(export, export.edited(&view, cells).ok()),
            };
            let new_cells = new_cells.into_iter().flatten();
            new_cells.for_each(|(column, value)| shown.put(*column, value));
            unlike
                .into_iter()
                .for_each(|cells| put_cells(&mut shown, cells));
            names = naming.map_or(0, |column| company_key(shown.get(column), self.seed));
            row = rows.push(&shown)?;
        }
        // A record that is a problem is looked at again in every pass.
        let is_troubled = self.troubled.is_some_and(|troubled| troubled.contains(&at));
        Ok(Some(Entry {
            key: plain(seen.diff.keys[at]),
            print: match is_troubled || !problems.is_empty() {
                true => 0,
                false => looks,
            },
            row,
            extent,
            link: naming.map_or_else(|| self.link(at), |_| [names, 0]),
        }))
    }

    /// The entry of a record that is left out, or as it was.
    fn as_it_was(
        &self,
        at: usize,
        is_touched: bool,
        rows: &mut RowWriter,
    ) -> Result<Option<Entry>, StateError> {
        let key = self.seen.diff.keys[at];
        let old = self.old(at);
        // While anybody may be hidden in a row, a record that is new is not noted: the next pass would know it, and find nobody hidden.
        if old.is_none() && self.seen.diff.unreadable {
            return Ok(None);
        }
        let mut entry = old.unwrap_or_default();
        let mut link = self.link(at);
        let cells = self.carried.get(&plain(key));
        if (self.compacting || cells.is_some())
            && let Some(mut row) = self.seen.rows.get(entry.row)?
        {
            if let Some(cells) = cells {
                put_cells(&mut row, cells);
                link = link_of(&row, self.seen.table, self.seed).unwrap_or(link);
            }
            entry.row = rows.push(&row)?;
        }
        // Whose number stands twice is looked at again, also as who is left of them.
        let print = match is_touched || self.seen.is_double(at) {
            true => 0,
            false => self.export.records[at].print,
        };
        let entry = Entry {
            key,
            print,
            link,
            ..entry
        };
        Ok((key != 0).then_some(entry))
    }

    /// What the index said of it.
    fn old(&self, at: usize) -> Option<Entry> {
        let old = (self.seen.diff.olds[at] as usize).checked_sub(1)?;
        Some(self.seen.index.entry(old))
    }

    /// What it refers to.
    fn link(&self, at: usize) -> [u64; 2] {
        match self.links {
            Some(links) => links.get(at).copied().unwrap_or_default(),
            None => self.old(at).map_or([0, 0], |old| old.link),
        }
    }
}

/// Sets cells, which may be unknown.
pub(super) fn put_cells(row: &mut Row, cells: &[(usize, Option<String>)]) {
    for (column, value) in cells {
        row.set(*column, value.clone());
    }
}

/// The print and extent of a record. Should its bytes not be known, it is looked at again.
pub(super) fn looks(export: &Export, record: Option<Vec<u8>>) -> (u64, u32) {
    record.map_or((0, 0), |bytes| {
        (export.print_of(&bytes), Extent::of(&bytes).bits())
    })
}

/// What a record refers to, where its table's records name something.
pub(super) fn link_of(row: &Row, table: Table, seed: u64) -> Option<[u64; 2]> {
    naming_column(table).map(|column| [company_key(row.get(column), seed), 0])
}

/// The column with what a record refers to, for the index: a contact to its company, a counterpart to its primary contact.
fn naming_column(table: Table) -> Option<usize> {
    match table {
        Table::Contacts => table.column("Company No."),
        Table::Counterparts(_) => table.column(PRIMARY_CONTACT),
        Table::Relations | Table::Templates(_) | Table::Lookup(_) => None,
    }
}
