//! The dialect of a file: what is pinned, and for the rest what its first bytes show.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use regex_lite::Regex;

use super::csv::{self, Absent, CellSpan, CsvDialect, Quoting};
use super::encoding::{BOM, Encoding, Opening};
use super::grammar::Step;
use super::json::{self, JsonDialect, Shape};
use super::settings::{FileFormat, Newline, Settings};

/// The bytes that separate columns in the files that people have.
const DELIMITERS: &[u8] = b",;\t|";

/// How many records are looked at.
const SAMPLE: usize = 200;

/// How a file is written.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// The encoding of its bytes.
    pub encoding: Encoding,
    /// Whether a byte of the file, or its configuration, proves the encoding. Of a guessed one only ASCII is sure.
    pub encoding_proven: bool,
    /// Whether it begins with a BOM.
    pub bom: bool,
    /// CSV or JSON.
    pub grammar: Grammar,
}

impl std::fmt::Display for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.encoding.name())?;
        if self.bom {
            f.write_str(" with BOM")?;
        }
        match &self.grammar {
            Grammar::Csv(csv) => match csv.delimiter {
                b'\t' => f.write_str(", CSV with tab"),
                delimiter => write!(f, ", CSV with {}", char::from(delimiter)),
            },
            Grammar::Json(json) if json.sparse => {
                write!(f, ", {}, sparse", self.grammar.format().title())
            }
            Grammar::Json(_) => write!(f, ", {}", self.grammar.format().title()),
        }
    }
}

/// One of the two grammars.
#[derive(Clone, Debug)]
pub enum Grammar {
    /// Delimited text.
    Csv(CsvDialect),
    /// JSON in one of its shapes.
    Json(JsonDialect),
}

impl Grammar {
    /// The part of a window in which records may stand.
    pub(super) fn text<'w>(&self, window: &'w [u8]) -> &'w [u8] {
        match self {
            Grammar::Csv(_) => csv::text(window),
            Grammar::Json(_) => window,
        }
    }

    /// What stands at a record boundary, in the [`text`](Grammar::text) of a window that lacks some bytes.
    pub(super) fn step(&self, text: &[u8], at: usize, last: bool, absent: Absent) -> Step {
        match self {
            Grammar::Csv(dialect) => csv::step_in_text(dialect, text, at, last, absent),
            Grammar::Json(dialect) => json::step(dialect, text, at, last),
        }
    }

    /// Its name in the configuration.
    pub fn format(&self) -> FileFormat {
        match self {
            Grammar::Csv(_) => FileFormat::Csv,
            Grammar::Json(dialect) => match dialect.shape {
                Shape::Array => FileFormat::Json,
                Shape::Lines => FileFormat::JsonLines,
                Shape::OData => FileFormat::OData,
            },
        }
    }
}

/// Why a file has no dialect that we read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Offset in the working bytes.
    pub at: usize,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub advice: String,
}

impl Unreadable {
    fn new(at: usize, reason: impl Into<String>, advice: impl Into<String>) -> Unreadable {
        Unreadable {
            at,
            reason: reason.into(),
            advice: advice.into(),
        }
    }
}

/// The dialect of the file that begins with `head` (working bytes; `whole` when it is all of them), and where its
/// header or first record begins.
///
/// # Errors
///
/// When it begins with two BOMs, separates columns by more than one character, is not what is pinned, or cannot be
/// searched byte by byte in its encoding.
pub fn detect(
    settings: &Settings,
    opening: Opening,
    head: &[u8],
    whole: bool,
) -> Result<(Dialect, usize), Unreadable> {
    let start = if head.starts_with(BOM) { BOM.len() } else { 0 };
    if head[start..].starts_with(BOM) {
        return Err(Unreadable::new(
            start,
            "the file begins with two byte order marks",
            "export it again; two programs have each put one",
        ));
    }
    let (grammar, body) = match json_dialect(settings, &head[start..], whole)? {
        Some(dialect) => {
            if opening.encoding.working() != Encoding::Utf8 {
                return Err(Unreadable::new(
                    start,
                    format!("JSON in {} is not read", opening.encoding),
                    "export it as UTF-8",
                ));
            }
            let body = json::body(&dialect, &head[start..])
                .map_err(|(at, reason)| Unreadable::new(start + at, reason, "export it again"))?;
            (Grammar::Json(dialect), start + body)
        }
        None => {
            let (dialect, body) = csv_dialect(settings, head, start, whole)?;
            if opening.encoding.hides(dialect.delimiter)
                || dialect
                    .quote
                    .is_some_and(|quote| opening.encoding.hides(quote))
            {
                return Err(Unreadable::new(
                    body,
                    format!(
                        "in {} the delimiter {} is also half of other characters",
                        opening.encoding,
                        show(&[dialect.delimiter])
                    ),
                    "export it with another delimiter, or as UTF-8",
                ));
            }
            (Grammar::Csv(dialect), body)
        }
    };
    let dialect = Dialect {
        encoding: opening.encoding,
        // JSON is UTF-8 by definition.
        encoding_proven: opening.proven
            || settings.encoding.is_some()
            || matches!(grammar, Grammar::Json(_)),
        bom: opening.bom,
        grammar,
    };
    Ok((dialect, body))
}

fn json_dialect(
    settings: &Settings,
    head: &[u8],
    whole: bool,
) -> Result<Option<JsonDialect>, Unreadable> {
    if settings.format == Some(FileFormat::Csv) {
        return Ok(None);
    }
    let opens = head.iter().find(|byte| !byte.is_ascii_whitespace());
    let mut found = match opens {
        Some(b'[' | b'{') => json::detect(head, whole, settings.bounds.depth),
        _ => None,
    };
    let shape = match settings.format {
        Some(FileFormat::Json) => Some(Shape::Array),
        Some(FileFormat::JsonLines) => Some(Shape::Lines),
        Some(FileFormat::OData) => Some(Shape::OData),
        Some(FileFormat::Csv) | None => None,
    };
    if let (Some(shape), Some(format)) = (shape, settings.format)
        && found.as_ref().is_none_or(|dialect| dialect.shape != shape)
    {
        return Err(Unreadable::new(
            0,
            format!("the file does not begin as {} does", format.name()),
            "correct `format`, or leave it out",
        ));
    }
    if let (Some(dialect), Some(sparse)) = (found.as_mut(), settings.sparse) {
        dialect.sparse = sparse;
    }
    Ok(found)
}

fn csv_dialect(
    settings: &Settings,
    head: &[u8],
    start: usize,
    whole: bool,
) -> Result<(CsvDialect, usize), Unreadable> {
    let (named, after) = separator_line(head, start);
    let mut body = start;
    for _ in 0..settings.skip {
        body = next_line(head, body).ok_or_else(|| {
            Unreadable::new(
                body,
                format!("the file has fewer than {} lines to skip", settings.skip),
                "correct `skip`",
            )
        })?;
    }
    body = body.max(after);
    let text = csv::text(&head[body..]);
    let mut dialect = CsvDialect::new(b',');
    dialect.quote = settings.quote.unwrap_or(Some(b'"'));
    dialect.header = settings.header.unwrap_or(settings.names.is_empty());
    dialect.footer = match settings.footer.as_deref().map(Regex::new) {
        None => None,
        Some(Ok(footer)) => Some(footer),
        Some(Err(error)) => {
            return Err(Unreadable::new(
                0,
                format!("`footer` is no pattern: {error}"),
                "correct `footer`",
            ));
        }
    };
    dialect.delimiter = settings
        .delimiter
        .or(named)
        .unwrap_or_else(|| delimiter(&dialect, settings.names.len(), text, whole));
    let sample = Sample::of(&dialect, text, whole);
    if settings.delimiter.is_none()
        && let Some(several) = sample.longer_delimiter(dialect.delimiter)
    {
        return Err(Unreadable::new(
            body,
            format!(
                "columns are separated by more than one character ({})",
                show(&several)
            ),
            "export it with one of , ; tab | between columns, or pin `delimiter` if the character belongs to the values",
        ));
    }
    dialect.newline = settings.newline.or(sample.newline).unwrap_or(Newline::Lf);
    dialect.columns = sample.columns(&dialect, settings.names.len());
    dialect.quoting = sample.quoting(&dialect);
    Ok((dialect, body))
}

/// A first line such as `sep=;`, which tells Excel the delimiter.
fn separator_line(head: &[u8], start: usize) -> (Option<u8>, usize) {
    let line = &head[start..];
    let Some((name, rest)) = line.split_at_checked(4) else {
        return (None, start);
    };
    match rest {
        [delimiter, b'\r' | b'\n', ..] if name.eq_ignore_ascii_case(b"sep=") => {
            let body = next_line(head, start).unwrap_or(start);
            (Some(*delimiter), body)
        }
        _ => (None, start),
    }
}

fn next_line(head: &[u8], at: usize) -> Option<usize> {
    let end = at + memchr::memchr2(b'\n', b'\r', head.get(at..)?)?;
    Some(match csv::newline_at(head, end) {
        Some(Newline::CrLf) => end + 2,
        _ => end + 1,
    })
}

/// The delimiter under which the records agree best on the number of their cells.
fn delimiter(dialect: &CsvDialect, named: usize, text: &[u8], whole: bool) -> u8 {
    let rate = |&delimiter: &u8| {
        let dialect = CsvDialect {
            delimiter,
            ..dialect.clone()
        };
        let sample = Sample::of(&dialect, text, whole);
        let columns = sample.columns(&dialect, named);
        let agreeing = sample
            .records
            .iter()
            .filter(|(_, cells)| cells.len() == columns)
            .count();
        let share = agreeing * 100 / sample.records.len().max(1);
        // Broken quoting counts against a delimiter, but a file may be broken under the right one.
        (columns > 1 && share >= 50, !sample.broken, share, columns)
    };
    DELIMITERS
        .iter()
        .rev()
        .copied()
        .max_by_key(rate)
        .filter(|delimiter| rate(delimiter).0)
        .unwrap_or(b',')
}

/// The first records of a file under one dialect.
struct Sample<'a> {
    records: Vec<(&'a [u8], Vec<CellSpan>)>,
    newline: Option<Newline>,
    broken: bool,
}

impl<'a> Sample<'a> {
    fn of(dialect: &CsvDialect, text: &'a [u8], whole: bool) -> Sample<'a> {
        let mut sample = Sample {
            records: Vec::new(),
            newline: None,
            broken: false,
        };
        let mut at = 0;
        while sample.records.len() < SAMPLE {
            match csv::step_in_text(dialect, text, at, whole, Absent::default()) {
                Step::Record { span, next, .. } => {
                    let newline = csv::newline_at(text, span.end);
                    sample.newline = sample.newline.or(newline);
                    let record = &text[span];
                    let mut cells = Vec::new();
                    sample.broken |= csv::cells(dialect, record, &mut cells).is_err();
                    sample.records.push((record, cells));
                    at = next;
                }
                Step::Broken { .. } => {
                    sample.broken = true;
                    break;
                }
                Step::More | Step::End { .. } => break,
            }
        }
        sample
    }

    /// How many columns there are: as many as the header has, or, where there is none, as most records do. Columns that are
    /// named are there, if any record has so many.
    fn columns(&self, dialect: &CsvDialect, named: usize) -> usize {
        let mut counts = self.records.iter().map(|(_, cells)| cells.len());
        if dialect.header {
            return counts.next().unwrap_or(0);
        }
        let mut often: BTreeMap<usize, usize> = BTreeMap::new();
        for count in counts {
            *often.entry(count).or_default() += 1;
        }
        let most = often
            .into_iter()
            .max_by_key(|&(count, times)| (count >= named, times, Reverse(count)));
        most.map_or(0, |(count, _)| count)
    }

    /// How each column is quoted: by the rows, or, where there are none, by the header.
    fn quoting(&self, dialect: &CsvDialect) -> Vec<Quoting> {
        let rows = match self.records.as_slice() {
            [_, rows @ ..] if dialect.header && !rows.is_empty() => rows,
            records => records,
        };
        (0..dialect.columns)
            .map(|column| {
                let cells = || rows.iter().filter_map(|(_, cells)| cells.get(column));
                let filled = || cells().filter(|cell| !cell.span.is_empty());
                if cells().all(|cell| cell.quoted) && cells().next().is_some() {
                    Quoting::Always
                } else if filled().all(|cell| cell.quoted) && filled().next().is_some() {
                    Quoting::Filled
                } else {
                    Quoting::Needed
                }
            })
            .collect()
    }

    /// The delimiter with its neighbour, where the two always come together: `+|`, or `||`.
    fn longer_delimiter(&self, delimiter: u8) -> Option<Vec<u8>> {
        let columns = self.records.first()?.1.len();
        if columns < 2 {
            return None;
        }
        // A row that ends with a delimiter may have a longer end of its own, such as `&|`.
        let trailing = self.records.iter().all(|(_, cells)| {
            cells.len() > 2 && cells.last().is_some_and(|cell| cell.span.is_empty())
        });
        let ends = if trailing { 2 } else { 1 };
        let mut inner = self.records.iter().flat_map(|(record, cells)| {
            let inner = &cells[..cells.len().saturating_sub(ends)];
            inner.iter().map(|cell| &record[cell.span.clone()])
        });
        let before = *inner.next()?.last()?;
        if b"+~^#*&%$@!|:<>".contains(&before) && inner.all(|cell| cell.last() == Some(&before)) {
            return Some(vec![before, delimiter]);
        }
        let doubled = columns >= 3
            && columns % 2 == 1
            && self.records.iter().all(|(_, cells)| {
                let mut between = cells.iter().skip(1).step_by(2);
                between.all(|cell| cell.span.is_empty())
            });
        doubled.then(|| vec![delimiter, delimiter])
    }
}

/// Bytes of a delimiter, for a person.
pub(super) fn show(bytes: &[u8]) -> String {
    match bytes {
        b"\t" => "tab".to_owned(),
        _ => format!("`{}`", bytes.escape_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::encoding;

    fn detected(text: &[u8]) -> Result<(CsvDialect, usize), Unreadable> {
        let opening = encoding::open(text);
        let (dialect, body) = detect(&Settings::default(), opening, text, true)?;
        match dialect.grammar {
            Grammar::Csv(dialect) => Ok((dialect, body)),
            Grammar::Json(_) => Err(Unreadable::new(0, "JSON", "")),
        }
    }

    #[test]
    fn the_delimiter_is_the_one_on_which_the_records_agree() {
        for (text, delimiter) in [
            (&b"No.;Name;Sum\n1;A, B;1,5\n2;C;2,5\n"[..], b';'),
            (b"No.\tName\n1\tA, B, C\n", b'\t'),
            (b"No.|Name\n1|A;B\n", b'|'),
            (b"No.,Name\n1,\"A;B\"\n", b','),
            (b"No.\n1\n", b','),
            (b"\"No.\";\"Name\"\n\"1\";\"A,B\"\n", b';'),
        ] {
            let (dialect, _) = detected(text).expect("a dialect");
            assert_eq!(dialect.delimiter, delimiter, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_separator_line_names_the_delimiter_and_is_no_header() {
        let (dialect, body) = detected(b"sep=|\r\nNo.;x|Name\r\n").expect("a dialect");
        assert_eq!((dialect.delimiter, body), (b'|', 7));
        assert_eq!(dialect.newline, Newline::CrLf);
    }

    #[test]
    fn skipped_lines_are_counted_from_the_first_one() {
        let text = b"sep=;\nA report\nNo.;Name\n1;A\n";
        for (skip, body) in [(0, 6), (1, 6), (2, 15)] {
            let settings = Settings {
                skip,
                ..Settings::default()
            };
            let (_, found) =
                detect(&settings, encoding::open(text), text, true).expect("a dialect");
            assert_eq!(found, body, "{skip}");
        }
    }

    #[test]
    fn delimiters_of_several_characters_are_refused_by_name() {
        let refused = detected(b"292+|A+|279&|\n294+|B+|276&|\n").expect_err("two characters");
        assert!(refused.reason.contains("`+|`"), "{}", refused.reason);
        let refused = detected(b"No.||Name||City\n1||A||B\n").expect_err("two characters");
        assert!(refused.reason.contains("`||`"), "{}", refused.reason);
    }

    #[test]
    fn two_byte_order_marks_are_refused() {
        let refused = detected(b"\xEF\xBB\xBF\xEF\xBB\xBFNo.;Name\n").expect_err("two marks");
        assert_eq!(refused.at, 3);
    }

    #[test]
    fn new_rows_are_quoted_like_the_rows_that_are_there() {
        let (dialect, _) =
            detected(b"No.,Name,City,Sum\n\"1\",\"A\",,5\n\"2\",,\"B\",6\n").expect("a dialect");
        assert_eq!(
            dialect.quoting,
            [
                Quoting::Always,
                Quoting::Filled,
                Quoting::Filled,
                Quoting::Needed
            ]
        );
    }
}
