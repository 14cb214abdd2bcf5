//! One attempt to read a file under one encoding: its dialect, its columns, and one look at every record.

use std::io;
use std::ops::Range;

use xxhash_rust::xxh3::Xxh3;

use super::columns::{Columns, Unmatched};
use super::csv;
use super::dialect::{self, Dialect, Grammar, Unreadable};
use super::encoding::{BOM, Checker, Opening};
use super::export::{RecordAt, shape};
use super::grammar::Step;
use super::json;
use super::kept::Kept;
use super::last::{Expected, Last};
use super::refusal::Keyless;
use super::scan::Body;
use super::settings::Settings;
use super::source::{Bounds, ReadAt, each_piece};
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
    NoKey(u64, Unmatched, Box<Keyless>),
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
    pub(super) last: Option<Last<'a>>,
}

/// What an attempt found.
pub(super) struct Read {
    pub(super) dialect: Dialect,
    pub(super) columns: Columns,
    pub(super) digest: u128,
    pub(super) records: Vec<RecordAt>,
    pub(super) kept: Kept,
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
            Columns::matched(self.table, names.clone(), self.settings, sparse, &place).map_err(
                |unmatched| {
                    let keyless = Box::new(Keyless {
                        dialect: dialect.clone(),
                        columns: names,
                    });
                    Stop::NoKey(header.start as u64, unmatched, keyless)
                },
            )?;
        let expected = self.expected(&dialect, &columns);
        let body = Body {
            text: self.text,
            grammar: &dialect.grammar,
            checker: &checker,
            head: self.head.get(..body_start).unwrap_or_default(),
            bounds: self.bounds,
            seed: self.seed,
        };
        let scan = body.scan(beyond_ascii, expected)?;
        dialect.encoding_proven |= scan.beyond_ascii;
        Ok(Read {
            dialect,
            columns,
            digest: scan.digest,
            records: scan.records,
            kept: scan.kept,
            problems,
            header: header.start as u64..header.end as u64,
            body_start: body_start as u64,
            tail_start: scan.tail_start,
        })
    }

    /// What the records of the last version lead to expect, where the same bytes are the same record still.
    fn expected(&self, dialect: &Dialect, columns: &Columns) -> Option<Expected<'_>> {
        let has_lines_alone = match &dialect.grammar {
            Grammar::Csv(csv) => csv.footer.is_none(),
            Grammar::Json(json) => json.shape == json::Shape::Lines,
        };
        let last = self.last.filter(|_| has_lines_alone)?;
        // Whether its encoding is proven shows once all of it is read; what is ASCII alone is the same in each.
        let is_same = [dialect.encoding_proven, true]
            .into_iter()
            .any(|proven| shape(self.table, dialect, proven, columns) == last.shape);
        is_same.then(|| Expected::new(last))
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
            Step::More => Err(self.no_header(start, "the header", "`quote` and the file")),
        }
    }

    /// What names the columns is longer than the bounds allow.
    fn no_header(&self, at: usize, what: &str, suspect: &str) -> Stop {
        Stop::At(
            at as u64,
            format!("{what} does not end within {} bytes", self.bounds.header),
            format!("check {suspect}, or raise `limits.header`"),
        )
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
                let after = loop {
                    let step = json::step(json, self.head, at, whole);
                    let Step::Record { span, next, .. } = step else {
                        break step;
                    };
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
                };
                match after {
                    Step::More if names.is_empty() => {
                        Err(self.no_header(at, "the first record", "the file"))
                    }
                    _ => Ok(names),
                }
            }
        }
    }
}

pub(super) fn check(
    checker: &Checker,
    bytes: &[u8],
    start: u64,
    after_others: bool,
) -> Result<(), Stop> {
    checker.check(bytes).map_err(|fault| Stop::Undecodable {
        at: start + fault.at as u64,
        after_others: after_others || !bytes[..fault.at].is_ascii(),
    })
}

pub(super) fn broken(at: u64, reason: String) -> Stop {
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

pub(super) fn too_long(at: u64, limit: usize) -> Stop {
    Stop::At(
        at,
        format!("a record is longer than {limit} bytes"),
        "a quote before it may never be closed; export it again, or raise `limits.record`"
            .to_owned(),
    )
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
