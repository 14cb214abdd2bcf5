//! An export: a file that another system owns, read as a table of records.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering::{Equal, Greater, Less};
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::columns::{Columns, fold};
use super::csv::{self, CellSpan, CsvDialect};
use super::dialect::{Dialect, Grammar};
use super::encoding::{self, Encoding, Opening, own_length};
use super::grammar::Fault;
use super::json::{self, Member};
use super::kept::Kept;
use super::last::Last;
use super::print::Printer;
use super::reader::ambiguous;
use super::reading::{Reading, Stop, digest_of};
use super::refusal::{Refusal, refusal, too_large};
use super::settings::{Settings, TooLong};
use super::source::{ReadAt, pieces, read_range};
use super::spelling::Spellings;
use crate::model::{Place, Problem, Row, Table};

/// The kind of fault of a record whose file is no longer what was read.
pub const CHANGED: &str = "changed";

/// The kind of fault of a record that has not as many cells as there are columns.
const RAGGED: &str = "ragged-row";

/// Where a record stands in the working bytes, and what it looked like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordAt {
    /// Offset of its first byte.
    pub start: u64,
    /// How many bytes it has, without terminator or separator.
    pub len: u32,
    /// The line, from 1, in which it begins.
    pub line: u32,
    /// A seeded hash of its bytes.
    pub print: u64,
}

impl RecordAt {
    /// Offset after its last byte.
    pub fn end(&self) -> u64 {
        self.start + u64::from(self.len)
    }
}

/// One file, read: where its records are, and how it is written. Values are read again when they are asked for.
pub struct Export {
    /// The table that it holds.
    pub table: Table,
    /// How it is written.
    pub dialect: Dialect,
    /// Its columns.
    pub columns: Columns,
    /// A hash of the file's bytes.
    pub digest: u128,
    /// Its records, in the order of the file.
    pub records: Vec<RecordAt>,
    /// What of it is left out of the pass, known without looking into the records.
    pub problems: Vec<Problem>,
    /// Records that are not what the last version had, as they were read.
    pub(super) kept: Kept,
    pub(super) text: Box<dyn ReadAt>,
    /// The header's bytes, empty where there is none.
    pub(super) header: Range<u64>,
    /// Where records may begin.
    pub(super) body_start: u64,
    /// Where no further record follows.
    pub(super) tail_start: u64,
    file: String,
    seed: u64,
    printer: Printer,
    lengths: Vec<(usize, TooLong)>,
    /// How many of the file's own bytes, where it is UTF-16, stand before each stride of the working ones.
    own_lengths: OnceLock<Vec<u64>>,
    /// How it spells options and booleans, once that is asked.
    pub(super) spellings: OnceLock<Spellings>,
    /// Whether a record could not be read again as it was.
    pub(super) lapsed: AtomicBool,
}

/// Why a value cannot stand in a column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unheld {
    /// The file has no such column.
    NoColumn,
    /// Its encoding lacks a character.
    Character {
        /// The encoding's name.
        encoding: String,
        /// The first character that it lacks.
        character: char,
    },
    /// Nothing proves its encoding, and the value has characters beyond ASCII.
    Unproven,
    /// It would need quotes, and the file has none.
    Unquotable,
}

impl fmt::Display for Unheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unheld::NoColumn => f.write_str("the file has no such column"),
            Unheld::Character { encoding, .. } => {
                write!(f, "the value has a character that {encoding} lacks")
            }
            Unheld::Unproven => f.write_str(
                "the value has characters beyond ASCII, and no byte of the file proves its `encoding`",
            ),
            Unheld::Unquotable => f.write_str(
                "the value has a delimiter, line end or NUL, and the file has no quoting that holds it",
            ),
        }
    }
}

impl std::error::Error for Unheld {}

/// One record, with the values that Couplet understands.
#[derive(Clone, Debug)]
pub struct Record {
    pub(super) row: Row,
    pub(super) problems: Vec<Problem>,
    pub(super) bytes: Vec<u8>,
    pub(super) cells: Cells,
}

/// Where the cells of a record are.
#[derive(Clone, Debug)]
pub(super) enum Cells {
    Csv(Vec<CellSpan>),
    Json(Vec<Member>),
}

impl Record {
    /// The value in a model column, options and booleans as captions; `None` where it is unknown.
    pub fn value(&self, column: usize) -> Option<&str> {
        self.row.get(column)
    }

    /// All values, in the order of the model.
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// The values alone.
    pub fn into_row(self) -> Row {
        self.row
    }

    /// Values that are unknown because their spelling is.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl Export {
    /// Reads a file: its dialect, its columns, and where its records are.
    ///
    /// `file` is its name in problems; `seed` goes into all hashes of records and keys.
    ///
    /// # Errors
    ///
    /// A refusal when the file is empty, its quoting is broken, its bytes do not decode, it ends inside a record, its
    /// key columns are missing, something of it is longer than the settings' bounds, or it cannot be read.
    pub fn read(
        source: Box<dyn ReadAt>,
        table: Table,
        settings: &Settings,
        file: &str,
        seed: u64,
    ) -> Result<Export, Refusal> {
        Export::read_again(source, table, settings, file, seed, None)
    }

    /// [`read`](Export::read), with what is remembered of the file's last version: the result is the same, and sooner there.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    pub fn read_again(
        source: Box<dyn ReadAt>,
        table: Table,
        settings: &Settings,
        file: &str,
        seed: u64,
        last: Option<Last<'_>>,
    ) -> Result<Export, Refusal> {
        let bounds = settings.bounds;
        let length = source.len();
        if length == 0 {
            return Err(Refusal {
                reason: "the file is empty".to_owned(),
                line: None,
                offset: None,
                advice: "an empty file says nothing; export it again".to_owned(),
                keyless: None,
            });
        }
        let io = |error: io::Error| Refusal::unreadable(&error);
        let head = read_range(&*source, 0..length.min(bounds.header as u64)).map_err(io)?;
        let opening = opening(settings, &head)?;
        too_large(length, opening.encoding.is_utf16(), bounds)?;
        let mut digest = None;
        let (text, head) = match opening.encoding.is_utf16() {
            false => (source, head),
            true => {
                digest = Some(digest_of(&*source, bounds).map_err(io)?);
                let text = transcoded(&*source, opening.encoding).map_err(|fault| match fault {
                    Stop::Io(error) => Refusal::unreadable(&error),
                    Stop::Undecodable { at, .. } | Stop::At(at, ..) | Stop::NoKey(at, ..) => {
                        Refusal {
                            reason: format!("the bytes are not {}", opening.encoding),
                            line: None,
                            offset: Some(at),
                            advice: "the file may be cut; export it again".to_owned(),
                            keyless: None,
                        }
                    }
                })?;
                let head = text[..text.len().min(bounds.header)].to_vec();
                (Box::new(text) as Box<dyn ReadAt>, head)
            }
        };
        let reading = Reading {
            table,
            settings,
            file,
            text: &*text,
            head: &head,
            bounds,
            seed,
            last,
        };
        let tried = Cell::new(opening.encoding);
        let read = match reading.read(opening) {
            // Only a file that nothing has shown to be UTF-8 may be something else.
            Err(Stop::Undecodable {
                after_others: false,
                ..
            }) if !opening.proven && settings.encoding.is_none() => {
                let take_for = |encoding| {
                    tried.set(encoding);
                    reading.read(Opening {
                        encoding,
                        bom: false,
                        proven: true,
                    })
                };
                // A guess, once made, stands: another one would change values that nobody touched.
                match settings.taken_for.map(take_for) {
                    None | Some(Err(Stop::Undecodable { .. })) => {
                        encoding::propose(pieces(&*text, 0..text.len(), bounds.window))
                            .map_err(Stop::Io)
                            .and_then(take_for)
                    }
                    Some(read) => read,
                }
            }
            read => read,
        };
        let read = read.map_err(|stop| refusal(&*text, tried.get(), settings, stop))?;
        let lengths = table
            .columns()
            .iter()
            .map(|def| settings.length_of(def))
            .collect();
        Ok(Export {
            table,
            dialect: read.dialect,
            columns: read.columns,
            digest: digest.unwrap_or(read.digest),
            records: read.records,
            kept: read.kept,
            problems: read.problems,
            header: read.header,
            body_start: read.body_start,
            tail_start: read.tail_start,
            text,
            file: file.to_owned(),
            seed,
            printer: Printer::new(seed),
            lengths,
            own_lengths: OnceLock::new(),
            spellings: OnceLock::new(),
            lapsed: AtomicBool::new(false),
        })
    }

    /// Whether a record could not be read again as it was. What was decided without it must not stand: it would count as having said
    /// nothing, and what it says would be written over.
    pub fn has_lapsed(&self) -> bool {
        self.lapsed.load(Ordering::Relaxed)
    }

    /// Changes when columns or keys do, or when the same bytes come to mean other values or to be refused: records whose
    /// hash is what it was must then be read again.
    pub fn shape(&self) -> u64 {
        let proven = self.dialect.encoding_proven;
        shape(self.table, &self.dialect, proven, &self.columns)
    }

    /// Whether the last record has its line end; without it a file may still be in the middle of being written.
    pub fn ends_with_newline(&self) -> bool {
        match (&self.dialect.grammar, self.records.last()) {
            // An array says itself where it ends.
            (Grammar::Json(json), _) if json.shape != json::Shape::Lines => true,
            (_, Some(record)) => self.tail_start > record.end(),
            (_, None) => self.body_start > self.header.end,
        }
    }

    /// Whether the last record says itself where it ends, so that nothing of it can be cut off.
    pub fn ends_with_a_closed_record(&self) -> bool {
        matches!(self.dialect.grammar, Grammar::Json(_))
    }

    /// Whether the last record has not as many cells as there are columns; without its line end it is cut there. (JSON that is
    /// cut in a record is refused.)
    pub fn ends_with_a_ragged_row(&self) -> bool {
        let last = self.records.len().checked_sub(1);
        last.is_some_and(|at| {
            let read = self.reader().read(at).map(|_| ());
            read.is_err_and(|fault| fault.kind == RAGGED)
        })
    }

    /// What tells a record by its bytes, for the place of one that is left out.
    pub fn print_at(&self, at: usize) -> Option<String> {
        let record = self.records.get(at)?;
        Some(format!("{:016x}", record.print))
    }

    /// The place of a record, for problems.
    pub fn place(&self, at: usize) -> Place {
        Place {
            table: self.table.name().to_owned(),
            file: Some(self.file.clone()),
            line: Some(self.line_of(at)),
            offset: self.offset_of(at),
            ..Place::default()
        }
    }

    /// The print of a record with these bytes.
    pub fn print_of(&self, record: &[u8]) -> u64 {
        self.printer.print(record)
    }

    /// The seed of its hashes.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What it was read from.
    pub fn into_text(self) -> Box<dyn ReadAt> {
        self.text
    }

    /// The line, from 1, in which a record begins.
    pub fn line_of(&self, at: usize) -> u64 {
        self.records
            .get(at)
            .map_or(0, |record| u64::from(record.line))
    }

    /// Where a record begins in the file's own bytes.
    pub fn offset_of(&self, at: usize) -> Option<u64> {
        self.records.get(at).map(|record| self.offset(record.start))
    }

    /// Whether a value can stand in a column of this file. (Its length is for the caller to compare.)
    ///
    /// # Errors
    ///
    /// Why it cannot.
    pub fn holds(&self, column: usize, text: &str) -> Result<(), Unheld> {
        if !self.columns.has(column) {
            return Err(Unheld::NoColumn);
        }
        let Grammar::Csv(dialect) = &self.dialect.grammar else {
            return Ok(());
        };
        let bytes = self.encoded(text)?;
        csv::quote(dialect, &bytes, false, false)
            .map(|_| ())
            .map_err(|csv::Unquotable| Unheld::Unquotable)
    }

    /// The working bytes of a value.
    pub(super) fn encoded<'a>(&self, text: &'a str) -> Result<Cow<'a, [u8]>, Unheld> {
        if !self.dialect.encoding_proven && !text.is_ascii() {
            return Err(Unheld::Unproven);
        }
        let encoding = self.dialect.encoding.working();
        encoding
            .encode(text)
            .map_err(|character| Unheld::Character {
                encoding: encoding.name(),
                character,
            })
    }

    /// Whether a value can be written in the file's encoding.
    pub fn can_encode(&self, text: &str) -> bool {
        self.encoded(text).is_ok()
    }

    /// The values of a record in columns that the model does not know, by their names in the file.
    pub fn carried(&self, record: &Record) -> Vec<(String, String)> {
        match (&self.dialect.grammar, &record.cells) {
            (Grammar::Csv(dialect), Cells::Csv(spans)) => {
                let unknown = (0..spans.len()).filter(|at| self.columns.at(*at).is_none());
                let named = unknown.filter_map(|at| {
                    let name = self.columns.names().get(at)?.clone();
                    let value = self.csv_value(dialect, &record.bytes, spans, at)?;
                    Some((name, value.into_owned()))
                });
                named.collect()
            }
            (Grammar::Json(_), Cells::Json(members)) => {
                let named = members.iter().filter_map(|member| {
                    let name = json::text(&record.bytes[member.name.clone()]).ok()?;
                    let value = json::text(&record.bytes[member.value.clone()]).ok()?;
                    let is_known = self.columns.named(&name).is_some();
                    (!is_known).then(|| (name.into_owned(), value.into_owned()))
                });
                named.collect()
            }
            _ => Vec::new(),
        }
    }

    /// Where a column of this name stands that the model does not know.
    pub fn carried_column(&self, name: &str) -> Option<usize> {
        let mut names = self.columns.names().iter().enumerate();
        let is_it =
            |at: usize, known: &str| fold(known) == fold(name) && self.columns.at(at).is_none();
        Some(names.find(|(at, known)| is_it(*at, known))?.0)
    }

    /// How many characters a column of this side holds, and what happens to a longer value.
    pub fn length_of(&self, column: usize) -> (usize, TooLong) {
        self.lengths.get(column).copied().unwrap_or_default()
    }

    /// Splits a record into cells, and refuses a ragged one. (Whether a member stands twice is not looked at.)
    pub(super) fn split_into(&self, record: &[u8], cells: &mut Cells) -> Result<(), Fault> {
        match (&self.dialect.grammar, cells) {
            (Grammar::Csv(dialect), Cells::Csv(spans)) => {
                let columns = dialect.columns;
                // One more tells that there are too many: a row of delimiters has as many cells as bytes.
                csv::leading_cells(dialect, record, columns + 1, spans)?;
                let reason = match (spans.len().cmp(&columns), spans.len()) {
                    (Equal, _) => return Ok(()),
                    (Less, 1) => format!("the row has 1 cell where there are {columns} columns"),
                    (Less, count) => {
                        format!("the row has {count} cells where there are {columns} columns")
                    }
                    (Greater, _) => format!("the row has more cells than the {columns} columns"),
                };
                Err(Fault {
                    at: 0,
                    kind: RAGGED,
                    reason,
                })
            }
            (Grammar::Json(_), Cells::Json(members)) => json::members_into(record, members),
            // Cells of the other grammar are no cells of this file.
            (_, cells) => {
                *cells = self.no_cells();
                self.split_into(record, cells)
            }
        }
    }

    /// Room for the cells of a record.
    pub(super) fn no_cells(&self) -> Cells {
        match self.dialect.grammar {
            Grammar::Csv(_) => Cells::Csv(Vec::new()),
            Grammar::Json(_) => Cells::Json(Vec::new()),
        }
    }

    /// The text in a model column of a record; `None` where the file does not say.
    pub(super) fn cell<'a>(
        &self,
        record: &'a [u8],
        cells: &Cells,
        column: usize,
    ) -> Result<Option<Cow<'a, str>>, Fault> {
        match (&self.dialect.grammar, cells) {
            (Grammar::Csv(dialect), Cells::Csv(spans)) => match self.columns.position(column) {
                None => Ok(None),
                Some(position) => match self.csv_value(dialect, record, spans, position) {
                    Some(value) => Ok(Some(value)),
                    None => Err(Fault {
                        at: spans.get(position).map_or(0, |cell| cell.span.start),
                        kind: "undecodable",
                        reason: format!("a cell is not {}", self.dialect.encoding),
                    }),
                },
            },
            (Grammar::Json(dialect), Cells::Json(members)) => {
                match self.member(record, members, column)? {
                    Some(member) => json::text(&record[member.value.clone()]).map(Some),
                    None if dialect.sparse && self.columns.has(column) => {
                        Ok(Some(Cow::Borrowed("")))
                    }
                    None => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    /// The member of a record that is a model column.
    pub(super) fn member<'m>(
        &self,
        record: &[u8],
        members: &'m [Member],
        column: usize,
    ) -> Result<Option<&'m Member>, Fault> {
        let mut found: Option<&Member> = None;
        for member in members {
            let name = json::text(&record[member.name.clone()])?;
            if self.columns.named(&name) == Some(column) && found.replace(member).is_some() {
                return Err(ambiguous(member));
            }
        }
        Ok(found)
    }

    /// The text of a cell of a CSV record; `None` where there is none, or it does not decode.
    pub(super) fn csv_value<'a>(
        &self,
        dialect: &CsvDialect,
        record: &'a [u8],
        spans: &[CellSpan],
        position: usize,
    ) -> Option<Cow<'a, str>> {
        let raw = &record[spans.get(position)?.span.clone()];
        let encoding = self.dialect.encoding.working();
        match csv::unquote(dialect, raw) {
            Cow::Borrowed(value) => encoding.decode(value).ok(),
            Cow::Owned(value) => {
                let text = encoding.decode(&value).ok()?.into_owned();
                Some(Cow::Owned(text))
            }
        }
    }

    /// The offset in the file's own bytes.
    fn offset(&self, working: u64) -> u64 {
        if !self.dialect.encoding.is_utf16() {
            return working;
        }
        /// So many bytes are counted once for all offsets behind them.
        const STRIDE: u64 = 16 << 10;
        let lengths = self.own_lengths.get_or_init(|| {
            let mut own = vec![0];
            for piece in pieces(&*self.text, 0..self.text.len(), STRIDE as usize) {
                own.push(own[own.len() - 1] + own_length(&piece.unwrap_or_default()));
            }
            own
        });
        let at = working / STRIDE;
        let rest = read_range(&*self.text, at * STRIDE..working).unwrap_or_default();
        lengths.get(at as usize).copied().unwrap_or_default() + own_length(&rest)
    }
}

impl fmt::Debug for Export {
    /// Without values, which do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export")
            .field("table", &self.table)
            .field("file", &self.file)
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}

/// What the file's first bytes and the settings say together about its encoding.
fn opening(settings: &Settings, head: &[u8]) -> Result<Opening, Refusal> {
    let found = encoding::open(head);
    match settings.encoding {
        None => Ok(found),
        Some(pinned) if found.bom && pinned != found.encoding => Err(Refusal {
            reason: format!(
                "the file begins with the byte order mark of {}, and {pinned} is pinned",
                found.encoding
            ),
            line: Some(1),
            offset: Some(0),
            advice: "correct `encoding`, or leave it out".to_owned(),
            keyless: None,
        }),
        Some(encoding) => Ok(Opening {
            encoding,
            bom: found.bom,
            proven: true,
        }),
    }
}

/// What [`Export::shape`] is of a file that is written so, whose encoding is proven or not.
pub(super) fn shape(table: Table, dialect: &Dialect, proven: bool, columns: &Columns) -> u64 {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    let mut add = |part: &str| {
        hash.update(part.as_bytes());
        hash.update(b"\x1f");
    };
    add(table.name());
    add(dialect.grammar.format().name());
    if proven {
        add(&dialect.encoding.name());
    }
    match &dialect.grammar {
        Grammar::Csv(csv) => {
            add(&format!(
                "{}/{:?}/{}",
                csv.delimiter, csv.quote, csv.columns
            ));
            columns.names().iter().for_each(|name| add(name));
        }
        Grammar::Json(json) => add(&format!("{}/{}", json.sparse, json.depth)),
    }
    for column in 0..table.columns().len() {
        let name = columns.has(column).then(|| columns.name(column));
        add(name.as_deref().unwrap_or("\0"));
    }
    hash.digest()
}

fn transcoded(source: &dyn ReadAt, encoding: Encoding) -> Result<Vec<u8>, Stop> {
    let bytes = read_range(source, 0..source.len())?;
    match encoding.decode(&bytes) {
        Ok(text) => Ok(text.into_owned().into_bytes()),
        Err(fault) => Err(Stop::Undecodable {
            at: fault.at as u64,
            after_others: false,
        }),
    }
}
