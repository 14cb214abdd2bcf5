//! One attempt to read a file under one encoding: its dialect, its columns, and one look at every record.

use std::io;
use std::ops::Range;

use memchr::memchr2;
use xxhash_rust::xxh3::Xxh3;

use super::columns::{Columns, Unmatched};
use super::csv::{self, Absent};
use super::dialect::{self, Dialect, Grammar, Unreadable};
use super::encoding::{BOM, Checker, Opening};
use super::export::RecordAt;
use super::grammar::Step;
use super::json;
use super::print::Printer;
use super::settings::Settings;
use super::source::{Bounds, ReadAt, Stuck, Window, each_piece, read_range};
use crate::model::{Place, Problem, Table};

/// Why an attempt stopped early.
pub(super) enum Stop {
    /// Bytes that do not decode, and whether characters beyond ASCII had decoded before.
    Undecodable {
        at: u64,
        after_others: bool,
    },
    /// Anything else, at an offset of the working bytes.
    At(u64, String, String),
    /// None of these columns is the key.
    NoKey(u64, Unmatched, Vec<String>),
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Io(error)
    }
}

impl From<Unreadable> for Stop {
    fn from(unreadable: Unreadable) -> Stop {
        Stop::At(unreadable.at as u64, unreadable.reason, unreadable.advice)
    }
}

/// One attempt to read a file under one encoding.
pub(super) struct Reading<'a> {
    pub(super) table: Table,
    pub(super) settings: &'a Settings,
    pub(super) file: &'a str,
    pub(super) text: &'a dyn ReadAt,
    pub(super) head: &'a [u8],
    pub(super) bounds: Bounds,
    pub(super) seed: u64,
}

/// What an attempt found.
pub(super) struct Read {
    pub(super) dialect: Dialect,
    pub(super) columns: Columns,
    pub(super) digest: u128,
    pub(super) records: Vec<RecordAt>,
    pub(super) problems: Vec<Problem>,
    pub(super) header: Range<u64>,
    pub(super) body_start: u64,
    pub(super) tail_start: u64,
}

impl Reading<'_> {
    pub(super) fn read(&self, opening: Opening) -> Result<Read, Stop> {
        let whole = self.head.len() as u64 == self.text.len();
        let (mut dialect, start) = dialect::detect(self.settings, opening, self.head, whole)?;
        let checker = Checker::new(dialect.encoding.working());
        let preamble = start - usize::from(dialect.bom && self.head.starts_with(BOM)) * BOM.len();
        let preamble = &self.head[start - preamble..start];
        let mut beyond_ascii = !preamble.is_ascii();
        check(&checker, preamble, (start - preamble.len()) as u64, false)?;
        let (header, body_start) = self.header(&dialect, start)?;
        let header_bytes = &self.head[header.clone()];
        check(&checker, header_bytes, header.start as u64, beyond_ascii)?;
        beyond_ascii |= !header_bytes.is_ascii();
        let names = self.names(&mut dialect, header.clone(), body_start, whole)?;
        let place = Place {
            table: self.table.name().to_owned(),
            file: Some(self.file.to_owned()),
            ..Place::default()
        };
        let sparse = matches!(&dialect.grammar, Grammar::Json(json) if json.sparse);
        // An empty JSON export has no names to match; it says nothing either way.
        let names = if names.is_empty() && matches!(dialect.grammar, Grammar::Json(_)) {
            let defs = self.table.columns().iter();
            defs.map(|def| def.name.to_owned()).collect()
        } else {
            names
        };
        let (columns, problems) =
            Columns::matched(self.table, names.clone(), self.settings, sparse, &place)
                .map_err(|unmatched| Stop::NoKey(header.start as u64, unmatched, names))?;
        let scan = scan(
            self.text,
            &dialect.grammar,
            &checker,
            self.head.get(..body_start).unwrap_or_default(),
            beyond_ascii,
            self.bounds,
            self.seed,
        )?;
        dialect.encoding_proven |= scan.beyond_ascii;
        Ok(Read {
            dialect,
            columns,
            digest: scan.digest,
            records: scan.records,
            problems,
            header: header.start as u64..header.end as u64,
            body_start: body_start as u64,
            tail_start: scan.tail_start,
        })
    }

    /// The header's span and where the records begin.
    fn header(&self, dialect: &Dialect, start: usize) -> Result<(Range<usize>, usize), Stop> {
        let Grammar::Csv(csv) = &dialect.grammar else {
            return Ok((start..start, start));
        };
        if !csv.header {
            return Ok((start..start, start));
        }
        let whole = self.head.len() as u64 == self.text.len();
        match csv::step(csv, self.head, start, whole) {
            Step::Record { span, next, .. } => Ok((span, next)),
            Step::Broken { at, reason } => Err(broken(at as u64, reason)),
            Step::End { at } => Err(Stop::At(
                at as u64,
                "the file has no header".to_owned(),
                "pin `header = false` and name its columns if it has none".to_owned(),
            )),
            Step::More => Err(Stop::At(
                start as u64,
                format!(
                    "the header does not end within {} bytes",
                    self.bounds.header
                ),
                "check `quote` and the file, or raise `limits.header`".to_owned(),
            )),
        }
    }

    /// The names of the columns, which for CSV also says how many there are.
    fn names(
        &self,
        dialect: &mut Dialect,
        header: Range<usize>,
        body_start: usize,
        whole: bool,
    ) -> Result<Vec<String>, Stop> {
        let start = header.start as u64;
        let header = &self.head[header];
        let encoding = dialect.encoding.working();
        match &mut dialect.grammar {
            Grammar::Csv(csv) if csv.header => {
                let mut spans = Vec::new();
                csv::cells(csv, header, &mut spans)
                    .map_err(|fault| broken(start + fault.at as u64, fault.reason))?;
                if spans.len() > self.bounds.columns {
                    return Err(too_many(start, self.bounds.columns));
                }
                csv.columns = spans.len();
                let names = spans.into_iter().map(|cell| {
                    let value = csv::unquote(csv, &header[cell.span]);
                    encoding
                        .decode(&value)
                        .map_or_else(|_| String::new(), |name| name.trim().to_owned())
                });
                Ok(names.collect())
            }
            Grammar::Csv(csv) => {
                let mut names = self.settings.names.clone();
                if names.is_empty() || (csv.columns > 0 && names.len() > csv.columns) {
                    return Err(Stop::At(
                        body_start as u64,
                        format!(
                            "the file has no header and {} columns, and {} are named",
                            csv.columns,
                            names.len()
                        ),
                        "name its columns, in order, in `names`".to_owned(),
                    ));
                }
                csv.columns = csv.columns.max(names.len());
                names.resize(csv.columns, String::new());
                Ok(names)
            }
            Grammar::Json(json) => {
                let mut names: Vec<String> = Vec::new();
                let mut at = body_start;
                while let Step::Record { span, next, .. } = json::step(json, self.head, at, whole) {
                    let record = &self.head[span];
                    for member in json::members(record).unwrap_or_default() {
                        if let Ok(name) = json::text(&record[member.name])
                            && !names.iter().any(|known| *known == name)
                        {
                            if names.len() == self.bounds.columns {
                                return Err(too_many(body_start as u64, self.bounds.columns));
                            }
                            names.push(name.into_owned());
                        }
                    }
                    at = next;
                }
                Ok(names)
            }
        }
    }
}

fn check(checker: &Checker, bytes: &[u8], start: u64, after_others: bool) -> Result<(), Stop> {
    checker.check(bytes).map_err(|fault| Stop::Undecodable {
        at: start + fault.at as u64,
        after_others: after_others || !bytes[..fault.at].is_ascii(),
    })
}

fn broken(at: u64, reason: String) -> Stop {
    Stop::At(
        at,
        reason,
        "the file may be cut or still being written; export it again".to_owned(),
    )
}

fn too_many(at: u64, limit: usize) -> Stop {
    Stop::At(
        at,
        format!("there are more than {limit} columns"),
        "see whether it is what it should be, or raise `limits.columns`".to_owned(),
    )
}

fn too_long(at: u64, limit: usize) -> Stop {
    Stop::At(
        at,
        format!("a record is longer than {limit} bytes"),
        "a quote before it may never be closed; export it again, or raise `limits.record`"
            .to_owned(),
    )
}

/// What a look at all records found.
struct Scan {
    digest: u128,
    records: Vec<RecordAt>,
    tail_start: u64,
    beyond_ascii: bool,
}

/// One look at every record. `head` is what stands before them.
fn scan(
    text: &dyn ReadAt,
    grammar: &Grammar,
    checker: &Checker,
    head: &[u8],
    mut beyond_ascii: bool,
    bounds: Bounds,
    seed: u64,
) -> Result<Scan, Stop> {
    let printer = Printer::new(seed);
    let mut window = Window::new(text, head.len() as u64..text.len(), bounds);
    let mut whole = Whole::new(checker);
    let mut digest = Xxh3::new();
    digest.update(head);
    let mut records: Vec<RecordAt> = Vec::new();
    let mut line = 1 + csv::line_ends(head, None);
    let mut at = 0;
    let tail_start = loop {
        match grammar.step(window.bytes(), at, window.is_last(), whole.absent) {
            Step::Record { span, next, breaks } => {
                let bytes = window.bytes();
                let record = &bytes[span.clone()];
                let start = window.start() + span.start as u64;
                if start < whole.doubtful_to && !record.is_ascii() {
                    check(checker, record, start, beyond_ascii)?;
                    beyond_ascii = true;
                }
                beyond_ascii |= whole.beyond_ascii;
                let len =
                    u32::try_from(record.len()).map_err(|_| too_long(start, bounds.record))?;
                if at < span.start {
                    let before = at.checked_sub(1).map(|before| bytes[before]);
                    line += csv::line_ends(&bytes[at..span.start], before);
                }
                records.push(RecordAt {
                    start,
                    len,
                    line: u32::try_from(line).unwrap_or(u32::MAX),
                    print: printer.print(record),
                });
                line += match breaks {
                    Some(breaks) => breaks + u64::from(next > span.end),
                    None => csv::line_ends(&bytes[span.start..next], None),
                };
                at = next;
            }
            Step::More if window.is_last() => {
                return Err(broken(
                    window.start() + at as u64,
                    "the file ends in the middle of a record".to_owned(),
                ));
            }
            Step::More => {
                let start = window.start() + at as u64;
                let fresh = window.advance(at).map_err(|stuck| match stuck {
                    Stuck::TooLong => too_long(start, bounds.record),
                    Stuck::Io(error) => Stop::Io(error),
                })?;
                digest.update(&window.bytes()[fresh..]);
                whole.look(window.bytes(), fresh, window.start(), window.is_last());
                at = 0;
            }
            Step::End { at } => break window.start() + at as u64,
            Step::Broken { at, reason } => {
                return Err(broken(window.start() + at as u64, reason));
            }
        }
    };
    let end = text.len();
    if end - tail_start > bounds.record as u64 {
        return Err(too_long(tail_start, bounds.record));
    }
    let unseen = window.start() + window.bytes().len() as u64;
    each_piece(text, unseen..end, bounds.window.max(4096), |piece| {
        digest.update(piece);
        Ok(())
    })?;
    let tail = read_range(text, tail_start..end)?;
    check(checker, &tail, tail_start, beyond_ascii)?;
    if let Grammar::Json(json) = grammar {
        json::check_tail(json, &tail)
            .map_err(|(at, reason)| broken(tail_start + at as u64, reason))?;
    }
    Ok(Scan {
        digest: digest.digest128(),
        records,
        tail_start,
        beyond_ascii: beyond_ascii || !tail.is_ascii(),
    })
}

/// What is known of a window as a whole, so that its records need not be looked at one by one for it.
struct Whole<'c> {
    checker: &'c Checker,
    absent: Absent,
    /// Records that begin before this offset must be looked at: something about their bytes is out of the ordinary.
    doubtful_to: u64,
    /// Whether bytes beyond ASCII were seen, all of which decode.
    beyond_ascii: bool,
    /// How many bytes of the last window's end begin a character that goes on in the next.
    begun: usize,
}

impl<'c> Whole<'c> {
    fn new(checker: &'c Checker) -> Whole<'c> {
        Whole {
            checker,
            absent: Absent::default(),
            doubtful_to: 0,
            beyond_ascii: false,
            begun: 0,
        }
    }

    /// Looks at a window that moved on; its bytes from `fresh` on are new.
    fn look(&mut self, bytes: &[u8], fresh: usize, start: u64, is_last: bool) {
        let new = &bytes[fresh..];
        let (has_nul, has_cr) = match memchr2(0, b'\r', new) {
            None => (false, false),
            Some(at) => (memchr2(0, 0, &new[at..]).is_some(), true),
        };
        let end = start + bytes.len() as u64;
        // A record that began in a window with something in it goes on in this one.
        self.absent.cr = !has_cr && (fresh == 0 || self.absent.cr);
        self.absent.nul = !has_nul && (fresh == 0 || self.absent.nul);
        if new.is_ascii() && self.begun == 0 {
            return;
        }
        let unproven = &bytes[fresh - self.begun.min(fresh)..];
        match self.checker.whole(unproven) {
            Some(begun) if begun == 0 || !is_last => {
                self.begun = begun;
                self.beyond_ascii = true;
            }
            _ => {
                self.begun = 0;
                self.doubtful_to = end;
            }
        }
    }
}

/// The content hash of a whole file.
///
/// # Errors
///
/// Those of reading it.
pub(super) fn digest_of(source: &dyn ReadAt, bounds: Bounds) -> io::Result<u128> {
    let mut hash = Xxh3::new();
    each_piece(source, 0..source.len(), bounds.window.max(4096), |piece| {
        hash.update(piece);
        Ok(())
    })?;
    Ok(hash.digest128())
}
