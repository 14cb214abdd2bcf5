//! Writing back: an export with some cells, records and rows changed, and every other byte as it was.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::ops::Range;

use super::columns::fold;
use super::csv;
use super::dialect::Grammar;
use super::encoding::{BOM, Encoding};
use super::export::{Cells, Export};
use super::grammar::Fault;
use super::json;
use super::reader::View;
use super::source::{ReadAt, read_exact_at, read_range};
use crate::model::Form;

/// What a pass changes in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// By record: model columns with their new text or caption.
    pub cells: BTreeMap<usize, Vec<(usize, String)>>,
    /// Records that go.
    pub remove: BTreeSet<usize>,
    /// Rows that come after the last record.
    pub append: Vec<NewRow>,
    /// By number: records that the export does not list and that change.
    pub unlisted: BTreeMap<String, UnlistedRow>,
    /// Keys of records that go and that the export does not list.
    pub unlisted_remove: Vec<Vec<(usize, String)>>,
    /// Records of which it was said before that they go, or in whose place a new row comes: a file of changes need not say so.
    pub leaving: BTreeSet<usize>,
}

/// A row that the file did not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRow {
    /// Values by model column, options and booleans as captions.
    pub cells: Vec<(usize, String)>,
    /// Values by the name of a column that the model does not know; one that the file lacks is left out.
    pub carried: Vec<(String, String)>,
}

impl Edits {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
            && self.remove.is_empty()
            && self.append.is_empty()
            && self.unlisted.is_empty()
            && self.unlisted_remove.is_empty()
    }

    /// The same for a file that is the whole table: all rows that the export does not list come after the last record, and it has
    /// none that leaves.
    pub fn of_whole_table(&self) -> Edits {
        let unlisted = self.unlisted.values().map(|unlisted| unlisted.row.clone());
        Edits {
            cells: self.cells.clone(),
            remove: self.remove.union(&self.leaving).copied().collect(),
            append: self.append.iter().cloned().chain(unlisted).collect(),
            ..Edits::default()
        }
    }

    /// Whether any record gets something new, or is.
    pub fn updates(&self) -> bool {
        !self.cells.is_empty() || !self.append.is_empty() || !self.unlisted.is_empty()
    }
}

/// What the records of an update file consist of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpdateContents {
    /// Their key and shared columns. A file without a header has them all, since nothing would name the ones left.
    #[default]
    Cells,
    /// Their whole rows.
    Records,
}

/// The columns that an update file has.
struct Chosen {
    columns: Vec<usize>,
    /// Folded names of columns that the model does not know.
    carried: BTreeSet<String>,
}

/// A record that the file does not list, with everything that is known of it: an update file has the same columns for all
/// its rows, and a blank in it would clear what the system has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnlistedRow {
    /// Its values.
    pub row: NewRow,
    /// The columns that change.
    pub edited: BTreeSet<usize>,
    /// Whether the values of columns that the model does not know are known too.
    pub is_whole: bool,
}

impl UnlistedRow {
    /// Changes a value.
    pub fn edit(&mut self, column: usize, value: &str) {
        self.row.cells.retain(|(known, _)| *known != column);
        self.row.cells.push((column, value.to_owned()));
        self.edited.insert(column);
    }
}

/// A range of the working bytes, and what stands there instead.
#[derive(Debug)]
struct Patch {
    range: Range<u64>,
    bytes: Vec<u8>,
}

/// Writes in blocks of one size. What is copied is read straight to where it is written from.
struct Blocks<'o> {
    out: &'o mut dyn Write,
    block: Vec<u8>,
    filled: usize,
    /// Up to where what was copied is let go; `None` where it is kept.
    let_go: Option<u64>,
}

impl<'o> Blocks<'o> {
    /// Small enough to stay in a core's cache between reading, hashing and writing.
    const SIZE: usize = 256 << 10;

    fn new(out: &'o mut dyn Write) -> Blocks<'o> {
        Blocks {
            out,
            block: vec![0; Blocks::SIZE],
            filled: 0,
            let_go: None,
        }
    }

    fn letting_go(out: &'o mut dyn Write) -> Blocks<'o> {
        Blocks {
            let_go: Some(0),
            ..Blocks::new(out)
        }
    }

    /// The part of the block that is still free; never empty.
    fn room(&mut self) -> io::Result<&mut [u8]> {
        if self.filled == Blocks::SIZE {
            self.out.write_all(&self.block)?;
            self.filled = 0;
        }
        Ok(&mut self.block[self.filled..])
    }

    fn copy(&mut self, source: &dyn ReadAt, range: Range<u64>) -> io::Result<()> {
        let mut at = range.start;
        while at < range.end {
            let room = self.room()?;
            let count = room
                .len()
                .min(usize::try_from(range.end - at).unwrap_or(usize::MAX));
            read_exact_at(source, &mut room[..count], at)?;
            self.filled += count;
            at += count as u64;
            // So much at once costs next to nothing; a small file is not worth it.
            const STRIDE: u64 = 4 << 20;
            if let Some(from) = self.let_go.filter(|from| at - from >= STRIDE) {
                source.let_go(from..at);
                self.let_go = Some(at);
            }
        }
        Ok(())
    }

    fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = self.room()?;
            let (now, later) = bytes.split_at(bytes.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
        }
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        self.out.write_all(&self.block[..self.filled])
    }
}

impl Export {
    /// Writes the file with these edits; all bytes that they do not concern are copied.
    ///
    /// The file is not locked meanwhile: whoever calls compares [`digest`](Export::digest) before and after.
    ///
    /// # Errors
    ///
    /// Those of reading and writing; `InvalidInput` for a value that the file does not [hold](Export::holds), and
    /// `InvalidData` for a record that cannot be read.
    pub fn splice(&self, edits: &Edits, out: &mut dyn Write) -> io::Result<()> {
        self.spliced(edits, Blocks::new(out))
    }

    /// [`splice`](Export::splice) into what will take the file's place: what was copied of a large file is let go, so that its
    /// memory can hold the copy.
    ///
    /// # Errors
    ///
    /// Those of `splice`.
    pub fn replace(&self, edits: &Edits, out: &mut dyn Write) -> io::Result<()> {
        self.spliced(edits, Blocks::letting_go(out))
    }

    fn spliced(&self, edits: &Edits, blocks: Blocks<'_>) -> io::Result<()> {
        let patches = self.patches(edits)?;
        if !self.dialect.encoding.is_utf16() {
            return self.copy(&patches, blocks);
        }
        let mut text = Vec::new();
        self.copy(&patches, Blocks::new(&mut text))?;
        self.write_encoded(&text, blocks.out)
    }

    /// Writes an update file: the file's preamble and header, and only the records with something new.
    ///
    /// # Errors
    ///
    /// Those of [`splice`](Export::splice).
    pub fn update_file(
        &self,
        edits: &Edits,
        contents: UpdateContents,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let defs = self.table.columns();
        let appended = edits.append.iter().map(|row| &row.cells);
        let rows = edits.cells.values().chain(appended).flatten();
        let unlisted = edits.unlisted.values().flat_map(|row| &row.edited);
        let edited: BTreeSet<usize> = rows
            .map(|(column, _)| *column)
            .chain(unlisted.copied())
            .collect();
        let carried: BTreeSet<String> = edits
            .append
            .iter()
            .flat_map(|row| &row.carried)
            .map(|(name, _)| fold(name))
            .collect();
        let columns = match contents {
            UpdateContents::Records => None,
            UpdateContents::Cells => Some(
                (0..defs.len())
                    .filter(|at| {
                        *at < self.table.key_columns()
                            || defs[*at].is_shared()
                            || edited.contains(at)
                    })
                    .collect::<Vec<_>>(),
            ),
        };
        let records = edits
            .cells
            .iter()
            .map(|(at, cells)| (*at, cells.as_slice()));
        let unlisted = edits.unlisted.values().map(|unlisted| unlisted.row.clone());
        let added: Vec<NewRow> = edits.append.iter().cloned().chain(unlisted).collect();
        let chosen = columns.map(|columns| Chosen { columns, carried });
        self.extract(records, &added, chosen.as_ref(), out)
    }

    /// Writes a file that names removed records by their keys. A file without a header has their whole rows.
    ///
    /// # Errors
    ///
    /// Those of [`splice`](Export::splice).
    pub fn removed_file(&self, edits: &Edits, out: &mut dyn Write) -> io::Result<()> {
        let keys = Chosen {
            columns: (0..self.table.key_columns()).collect(),
            carried: BTreeSet::new(),
        };
        let rows = edits.remove.iter().map(|&at| (at, &[][..]));
        let unlisted = edits.unlisted_remove.iter().map(|cells| NewRow {
            cells: cells.clone(),
            carried: Vec::new(),
        });
        let unlisted: Vec<NewRow> = unlisted.collect();
        self.extract(rows, &unlisted, Some(&keys), out)
    }

    fn copy(&self, patches: &[Patch], mut blocks: Blocks<'_>) -> io::Result<()> {
        let mut at = 0;
        for patch in patches {
            blocks.copy(&*self.text, at..patch.range.start)?;
            blocks.put(&patch.bytes)?;
            at = patch.range.end;
        }
        blocks.copy(&*self.text, at..self.text.len())?;
        blocks.finish()
    }

    /// Writes working bytes as the file has them.
    fn write_encoded(&self, text: &[u8], out: &mut dyn Write) -> io::Result<()> {
        let encoding = self.dialect.encoding;
        if !encoding.is_utf16() {
            return out.write_all(text);
        }
        let text = Encoding::Utf8.decode(text).map_err(invalid_data)?;
        let bytes = encoding.encode(&text).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, "a character cannot be encoded")
        })?;
        out.write_all(&bytes)
    }

    /// The edits as patches, in the order of the file.
    fn patches(&self, edits: &Edits) -> io::Result<Vec<Patch>> {
        let mut patches = Vec::new();
        let mut reader = self.reader();
        for (&at, cells) in &edits.cells {
            if edits.remove.contains(&at) || cells.is_empty() {
                continue;
            }
            let record = reader.show(at).map_err(unreadable)?;
            let start = self.records[at].start;
            for (range, bytes) in self.changes(&record, cells)? {
                patches.push(Patch {
                    range: start + range.start as u64..start + range.end as u64,
                    bytes,
                });
            }
        }
        // What is left in front of the records that go at the end of the file, or in front of new rows.
        let last = (0..self.records.len())
            .rev()
            .find(|at| !edits.remove.contains(at));
        let anchor = match last {
            Some(at) => Some(self.records[at].end()),
            None => (!self.header.is_empty()).then_some(self.header.end),
        };
        let first_gone = last.map_or(0, |at| at + 1);
        for &at in edits.remove.range(..first_gone) {
            patches.push(Patch {
                range: self.records[at].start..self.after(at)?,
                bytes: Vec::new(),
            });
        }
        let added = self.rows(edits, anchor.is_some())?;
        let gone = self.records.get(first_gone..).unwrap_or(&[]);
        let end = match (anchor, self.records.last()) {
            (_, Some(record)) if !gone.is_empty() => {
                // A lone row that goes takes its line end along; a row that follows another leaves the one in front.
                match (anchor, &self.dialect.grammar) {
                    (None, Grammar::Csv(_)) if edits.append.is_empty() => self.tail_start,
                    _ => record.end(),
                }
            }
            (Some(anchor), _) => anchor,
            (None, _) => self.body_start,
        };
        let start = match (anchor, gone.first()) {
            (Some(anchor), _) => anchor,
            (None, Some(record)) => record.start,
            (None, None) => self.body_start,
        };
        if start != end || !added.is_empty() {
            patches.push(Patch {
                range: start..end,
                bytes: added,
            });
        }
        patches.sort_by_key(|patch| (patch.range.start, patch.range.end));
        Ok(patches)
    }

    /// Where what follows a record begins: after its line end, or with the next record where separators are JSON's.
    fn after(&self, at: usize) -> io::Result<u64> {
        let end = self.records[at].end();
        match &self.dialect.grammar {
            Grammar::Csv(_) => {
                let next = read_range(&*self.text, end..self.text.len().min(end + 2))?;
                Ok(end
                    + csv::newline_at(&next, 0).map_or(0, |newline| newline.bytes().len()) as u64)
            }
            Grammar::Json(_) => Ok(self
                .records
                .get(at + 1)
                .map_or(end, |following| following.start)),
        }
    }

    /// The new rows as they go in: each after a line end or separator, but for the first where nothing is before it.
    fn rows(&self, edits: &Edits, mut follows: bool) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if edits.append.is_empty() {
            return Ok(bytes);
        }
        let separator = self.separator()?;
        for values in &edits.append {
            if follows {
                bytes.extend_from_slice(&separator);
            }
            bytes.extend(self.new_row(values)?);
            follows = true;
        }
        Ok(bytes)
    }

    fn separator(&self) -> io::Result<Vec<u8>> {
        match &self.dialect.grammar {
            Grammar::Csv(dialect) => Ok(dialect.newline.bytes().to_vec()),
            Grammar::Json(dialect) => {
                let gap = match self.records.as_slice() {
                    [.., before, last] => Some(read_range(&*self.text, before.end()..last.start)?),
                    _ => None,
                };
                let lead = match self.records.first() {
                    Some(first) => read_range(&*self.text, self.body_start..first.start)?,
                    None => Vec::new(),
                };
                Ok(json::separator(dialect, gap.as_deref(), &lead))
            }
        }
    }

    /// A new row's working bytes, in the file's own dialect, without the line end.
    ///
    /// # Errors
    ///
    /// Those of [`splice`](Export::splice).
    pub fn new_row(&self, new: &NewRow) -> io::Result<Vec<u8>> {
        let defs = self.table.columns();
        let values: Vec<(usize, Cow<'_, str>)> = new
            .cells
            .iter()
            .map(|(column, value)| (*column, self.spelled(*column, value, None)))
            .collect();
        let carried = new.carried.iter().filter_map(|(name, value)| {
            let at = self.carried_column(name)?;
            Some((at, value))
        });
        match &self.dialect.grammar {
            Grammar::Csv(dialect) => {
                let mut cells = vec![""; dialect.columns];
                for (position, value) in carried {
                    cells[position] = value;
                }
                for (column, value) in &values {
                    let position = self.columns.position(*column).ok_or_else(no_column)?;
                    cells[position] = value;
                }
                let mut row = Vec::new();
                for (position, value) in cells.iter().enumerate() {
                    if position > 0 {
                        row.push(dialect.delimiter);
                    }
                    let value = self.encoded(value).map_err(invalid_input)?;
                    let quoted = dialect.quotes(position, cells[position]);
                    let raw = csv::quote(dialect, &value, quoted, dialect.columns == 1)
                        .map_err(|_| unquotable())?;
                    row.extend(raw);
                }
                Ok(row)
            }
            Grammar::Json(dialect) => {
                let sample = match self.records.last() {
                    Some(record) => Some(read_range(&*self.text, record.start..record.end())?),
                    None => None,
                };
                let known = values.iter().map(|(column, value)| {
                    let form = defs.get(*column).map_or(Form::Text, |def| def.form);
                    (
                        self.columns.name(*column),
                        json::token(dialect, value, form, None),
                    )
                });
                let carried = carried.map(|(at, value)| {
                    (
                        self.columns.names()[at].clone(),
                        json::token(dialect, value, Form::Text, None),
                    )
                });
                let members: Vec<(String, Vec<u8>)> = known.chain(carried).collect();
                Ok(json::new_record(dialect, sample.as_deref(), &members))
            }
        }
    }

    /// What changes in a record: ranges in it, and the bytes that go there.
    fn changes(
        &self,
        record: &View<'_>,
        edits: &[(usize, String)],
    ) -> io::Result<Vec<(Range<usize>, Vec<u8>)>> {
        let (bytes, cells) = record.split();
        let mut changes = Vec::with_capacity(edits.len());
        let mut follows = false;
        for (column, value) in edits {
            let form = self
                .table
                .columns()
                .get(*column)
                .map_or(Form::Text, |def| def.form);
            let old = record.text(*column).map_err(unreadable)?;
            let value = self.spelled(*column, value, old.as_deref());
            match (&self.dialect.grammar, cells) {
                (Grammar::Csv(dialect), Cells::Csv(spans)) => {
                    let position = self.columns.position(*column).ok_or_else(no_column)?;
                    let cell = &spans[position];
                    let value = self.encoded(&value).map_err(invalid_input)?;
                    let raw = csv::quote(dialect, &value, cell.quoted, spans.len() == 1)
                        .map_err(|_| unquotable())?;
                    changes.push((cell.span.clone(), raw));
                }
                (Grammar::Json(dialect), Cells::Json(members)) => {
                    match record.span(*column).map_err(unreadable)? {
                        Some(place) => {
                            let old = &bytes[place.clone()];
                            let token = json::token(dialect, &value, form, Some(old));
                            changes.push((place, token));
                        }
                        None if self.columns.has(*column) => {
                            let token = json::token(dialect, &value, form, None);
                            let name = self.columns.name(*column);
                            let (at, inserted) =
                                json::insert(dialect, bytes, members, follows, &name, &token);
                            follows = true;
                            changes.push((at..at, inserted));
                        }
                        None => return Err(no_column()),
                    }
                }
                _ => return Err(no_column()),
            }
        }
        changes.sort_by_key(|(range, _)| (range.start, range.end));
        Ok(changes)
    }

    /// Writes the file's frame with only these records in it, and only these model columns of them.
    fn extract<'a>(
        &self,
        records: impl Iterator<Item = (usize, &'a [(usize, String)])>,
        added: &[NewRow],
        columns: Option<&Chosen>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut reader = self.reader();
        let records = records
            .map(|(at, edits)| {
                let record = reader.read(at).map_err(unreadable)?;
                self.edited(&record, edits)
            })
            .chain(added.iter().map(|values| self.new_row(values)));
        let columns = columns.filter(|_| match &self.dialect.grammar {
            Grammar::Csv(dialect) => dialect.header,
            Grammar::Json(_) => true,
        });
        let mut text = Vec::new();
        match &self.dialect.grammar {
            Grammar::Csv(dialect) => {
                let header = read_range(&*self.text, self.header.clone())?;
                let frame = read_range(&*self.text, 0..self.header.start)?;
                text.extend_from_slice(&frame);
                if !header.is_empty() {
                    let mut spans = Vec::new();
                    csv::cells(dialect, &header, &mut spans).map_err(unreadable)?;
                    let raw: Vec<_> = spans.into_iter().map(|cell| &header[cell.span]).collect();
                    text.extend(self.chosen(&raw, columns, dialect.delimiter));
                    text.extend_from_slice(dialect.newline.bytes());
                }
                for row in records {
                    let row = row?;
                    let mut spans = Vec::new();
                    csv::cells(dialect, &row, &mut spans).map_err(unreadable)?;
                    let raw: Vec<_> = spans.into_iter().map(|cell| &row[cell.span]).collect();
                    text.extend(self.chosen(&raw, columns, dialect.delimiter));
                    text.extend_from_slice(dialect.newline.bytes());
                }
            }
            Grammar::Json(dialect) => {
                let (start, end) = match (self.records.first(), self.records.last()) {
                    (Some(first), Some(last)) => (first.start, last.end()),
                    _ => (self.body_start, self.tail_start),
                };
                text.extend(read_range(&*self.text, 0..start)?);
                let separator = self.separator()?;
                let mut follows = false;
                for record in records {
                    let record = record?;
                    if follows {
                        text.extend_from_slice(&separator);
                    }
                    follows = true;
                    let Some(columns) = columns else {
                        text.extend(record);
                        continue;
                    };
                    let members = json::members(&record).map_err(unreadable)?;
                    let mut chosen = Vec::new();
                    let mut choose = |member: &json::Member| -> io::Result<()> {
                        let name = json::text(&record[member.name.clone()]);
                        let token = record[member.value.clone()].to_vec();
                        chosen.push((name.map_err(unreadable)?.into_owned(), token));
                        Ok(())
                    };
                    for &column in &columns.columns {
                        let member = self.member(&record, &members, column);
                        if let Some(member) = member.map_err(unreadable)? {
                            choose(member)?;
                        }
                    }
                    for member in &members {
                        let name = json::text(&record[member.name.clone()]).map_err(unreadable)?;
                        if self.columns.named(&name).is_none()
                            && columns.carried.contains(&fold(&name))
                        {
                            choose(member)?;
                        }
                    }
                    // Only what is chosen: a blank in an update would clear what the system has.
                    let alone = json::JsonDialect {
                        sparse: true,
                        ..dialect.clone()
                    };
                    text.extend(json::new_record(&alone, Some(&record), &chosen));
                }
                text.extend(read_range(&*self.text, end..self.text.len())?);
            }
        }
        debug_assert!(!self.dialect.bom || text.starts_with(BOM));
        self.write_encoded(&text, out)
    }

    /// The raw cells of these model columns, in the order of the file; all where none are chosen.
    fn chosen(&self, raw: &[&[u8]], columns: Option<&Chosen>, delimiter: u8) -> Vec<u8> {
        let kept: Vec<&[u8]> = raw
            .iter()
            .enumerate()
            .filter(|(position, _)| match columns {
                None => true,
                Some(chosen) => match self.columns.at(*position) {
                    Some(column) => chosen.columns.contains(&column),
                    None => self
                        .columns
                        .names()
                        .get(*position)
                        .is_some_and(|name| chosen.carried.contains(&fold(name))),
                },
            })
            .map(|(_, cell)| *cell)
            .collect();
        kept.join(&delimiter)
    }

    /// A record's working bytes with some cells changed, as [`splice`](Export::splice) writes them.
    ///
    /// # Errors
    ///
    /// Those of [`splice`](Export::splice).
    pub fn edited(&self, record: &View<'_>, edits: &[(usize, String)]) -> io::Result<Vec<u8>> {
        let old = record.bytes();
        let mut bytes = Vec::with_capacity(old.len());
        let mut done = 0;
        for (range, new) in self.changes(record, edits)? {
            bytes.extend_from_slice(&old[done..range.start]);
            bytes.extend(new);
            done = range.end;
        }
        bytes.extend_from_slice(&old[done..]);
        Ok(bytes)
    }
}

fn invalid_input(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

fn invalid_data(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn no_column() -> io::Error {
    invalid_input(super::export::Unheld::NoColumn)
}

fn unquotable() -> io::Error {
    invalid_input(super::export::Unheld::Unquotable)
}

fn unreadable(fault: Fault) -> io::Error {
    let text = format!("{} (at byte {} of the record)", fault.reason, fault.at);
    io::Error::new(io::ErrorKind::InvalidData, text)
}
