//! The CSV grammar: strict about quotes, exact about spans, and in the value of every cell the same as the csv crate.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2, memchr3, memrchr};
use regex_lite::Regex;

use super::grammar::{Fault, Step};
use super::places::Places;
use super::settings::Newline;

/// 0x1A, with which DOS and CP/M programs end a text file.
pub(super) const DOS_END: u8 = 0x1A;

/// How a CSV file is written.
#[derive(Clone, Debug)]
pub struct CsvDialect {
    /// The byte between two cells.
    pub delimiter: u8,
    /// The byte around a quoted cell; `None` in a file without quoting.
    pub quote: Option<u8>,
    /// How lines that we add end. Reading takes LF, CRLF and CR alike.
    pub newline: Newline,
    /// Whether the first record names the columns.
    pub header: bool,
    /// How many cells a record has; 0 while that is not known.
    pub columns: usize,
    /// How the cells of a new row are quoted, column by column.
    pub quoting: Vec<Quoting>,
    /// A last line that this matches is no record.
    pub footer: Option<Regex>,
}

/// How a file quotes the cells of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quoting {
    /// Only those that need it.
    #[default]
    Needed,
    /// All that are not empty.
    Filled,
    /// All.
    Always,
}

impl CsvDialect {
    /// The dialect that the csv crate reads by default, with another delimiter.
    pub fn new(delimiter: u8) -> CsvDialect {
        CsvDialect {
            delimiter,
            quote: Some(b'"'),
            newline: Newline::Lf,
            header: true,
            columns: 0,
            quoting: Vec::new(),
            footer: None,
        }
    }

    /// Whether a cell of a new row is quoted, needed or not.
    pub fn quotes(&self, column: usize, value: &str) -> bool {
        match self.quoting.get(column).copied().unwrap_or_default() {
            Quoting::Needed => false,
            Quoting::Filled => !value.is_empty(),
            Quoting::Always => true,
        }
    }
}

/// One cell of a record, in its raw bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellSpan {
    /// The cell in the record, quotes included.
    pub span: Range<usize>,
    /// Whether it is quoted.
    pub quoted: bool,
}

/// Why a value cannot stand in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unquotable;

/// Bytes that a window is known not to have, so that they need not be looked for in each record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Absent {
    /// NUL.
    pub nul: bool,
    /// Carriage returns.
    pub cr: bool,
}

/// Finds the record that begins at or after `at`; blank lines before it are skipped.
///
/// `last` says that the file ends with the window.
pub fn step(dialect: &CsvDialect, window: &[u8], at: usize, last: bool) -> Step {
    step_in_text(dialect, text(window), at, last, Absent::default())
}

/// [`step`] in the [`text`] of a window, which is known to lack some bytes.
pub(super) fn step_in_text(
    dialect: &CsvDialect,
    text: &[u8],
    at: usize,
    last: bool,
    absent: Absent,
) -> Step {
    let mut start = at;
    while start < text.len() && is_newline(text[start]) {
        start += 1;
    }
    if start >= text.len() {
        return if last { Step::End { at } } else { Step::More };
    }
    let (end, breaks) = match record_end(dialect, text, start, absent) {
        Ok(end) => end,
        Err(Open::Quote(_)) if !last => return Step::More,
        Err(Open::Quote(at)) => {
            return Step::Broken {
                at,
                reason: "the quote that opens here is never closed".to_owned(),
            };
        }
        Err(Open::After(at)) => {
            return Step::Broken {
                at,
                reason: "text follows a closing quote".to_owned(),
            };
        }
    };
    if end == text.len() && !last {
        return Step::More;
    }
    let next = match text.get(end) {
        // The LF of this CR may be the first byte after the text.
        Some(b'\r') if end + 1 == text.len() && !last => return Step::More,
        Some(b'\r') if text.get(end + 1) == Some(&b'\n') => end + 2,
        Some(_) => end + 1,
        None => end,
    };
    let record = &text[start..end];
    if let Some(nul) = memchr(0, record).filter(|_| !absent.nul) {
        return Step::Broken {
            at: start + nul,
            reason: "a NUL byte; the file may be UTF-16 without a BOM".to_owned(),
        };
    }
    if let Some(footer) = &dialect.footer
        && text[next..].iter().copied().all(is_newline)
    {
        if !last {
            return Step::More;
        }
        if footer.is_match(&String::from_utf8_lossy(record)) {
            return Step::End { at };
        }
    }
    Step::Record {
        span: start..end,
        next,
        breaks: Some(breaks),
    }
}

fn is_newline(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

/// A window up to the 0x1A after which nothing but line ends and others of its kind follow. As long as that tail is, it is looked
/// at: once a window, and not for each record.
pub(super) fn text(window: &[u8]) -> &[u8] {
    let tail = window
        .iter()
        .rposition(|&byte| byte != DOS_END && !is_newline(byte))
        .map_or(0, |at| at + 1);
    let end = memchr(DOS_END, &window[tail..]).map_or(window.len(), |at| tail + at);
    &window[..end]
}

/// A quote that does not close as it must.
enum Open {
    /// Opened here, not closed before the end of the window.
    Quote(usize),
    /// Closed, and then followed by this.
    After(usize),
}

/// Where the record that begins at `start` ends: at a line end outside quotes, or with the window. Also says how many
/// lines end within it, which they do in quoted cells only.
fn record_end(
    dialect: &CsvDialect,
    text: &[u8],
    start: usize,
    absent: Absent,
) -> Result<(usize, u64), Open> {
    let Some(quote) = dialect.quote else {
        let end = memchr2(b'\n', b'\r', &text[start..]).map_or(text.len(), |at| start + at);
        return Ok((end, 0));
    };
    let special = |rest: &[u8]| match absent.cr {
        true => memchr2(quote, b'\n', rest),
        false => memchr3(quote, b'\n', b'\r', rest),
    };
    let mut breaks = 0;
    let mut at = start;
    while let Some(found) = special(&text[at..]) {
        at += found;
        if text[at] != quote {
            return Ok((at, breaks));
        }
        let opens = at == start || text[at - 1] == dialect.delimiter;
        if !opens {
            // A quote inside an unquoted cell is text, as the csv crate has it.
            at += 1;
            continue;
        }
        let close = closing(quote, text, at).ok_or(Open::Quote(at))?;
        breaks += match absent.cr {
            true => memchr_iter(b'\n', &text[at..close]).count() as u64,
            false => line_ends(&text[at..close], None),
        };
        at = close + 1;
        match text.get(at) {
            None => return Ok((at, breaks)),
            Some(&byte) if byte == dialect.delimiter => at += 1,
            Some(&byte) if is_newline(byte) => return Ok((at, breaks)),
            Some(_) => return Err(Open::After(at)),
        }
    }
    Ok((text.len(), breaks))
}

/// The quote that closes the cell opened at `open`; doubled ones are text.
fn closing(quote: u8, text: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr(quote, &text[at..])?;
        if text.get(at + 1) != Some(&quote) {
            return Some(at);
        }
        at += 2;
    }
}

/// Splits a record into its cells; `out` is emptied first.
///
/// # Errors
///
/// A quote that is not closed, or text after a closing one. (How many cells there must be is the caller's to say.)
pub fn cells(dialect: &CsvDialect, record: &[u8], out: &mut Vec<CellSpan>) -> Result<(), Fault> {
    leading_cells(dialect, record, usize::MAX, out)
}

/// [`cells`], but no more than so many.
pub(super) fn leading_cells(
    dialect: &CsvDialect,
    record: &[u8],
    count: usize,
    out: &mut Vec<CellSpan>,
) -> Result<(), Fault> {
    out.clear();
    let mut delimiters = Places::of(dialect.delimiter, record);
    let mut start = 0;
    loop {
        let quote = dialect
            .quote
            .filter(|quote| record.get(start) == Some(quote));
        let delimiter = match quote {
            None => delimiters.next(),
            Some(quote) => {
                let close = closing(quote, record, start);
                let after = close.ok_or_else(|| broken(start, "a quote is not closed"))? + 1;
                if after < record.len() && record[after] != dialect.delimiter {
                    return Err(broken(after, "text follows a closing quote"));
                }
                delimiters.skip_to(after);
                delimiters.next()
            }
        };
        out.push(CellSpan {
            span: start..delimiter.unwrap_or(record.len()),
            quoted: quote.is_some(),
        });
        match delimiter {
            Some(at) if out.len() < count => start = at + 1,
            _ => return Ok(()),
        }
    }
}

fn broken(at: usize, reason: &str) -> Fault {
    Fault {
        at,
        kind: "broken-quote",
        reason: reason.to_owned(),
    }
}

/// How many cells a record has, where counting its delimiters tells: in one without quotes.
pub(super) fn count_unquoted(dialect: &CsvDialect, record: &[u8]) -> Option<usize> {
    match dialect.quote {
        Some(quote) if memchr(quote, record).is_some() => None,
        _ => Some(memchr_iter(dialect.delimiter, record).count() + 1),
    }
}

/// The value of a raw cell: without its outer quotes, doubled quotes made single.
pub fn unquote<'a>(dialect: &CsvDialect, raw: &'a [u8]) -> Cow<'a, [u8]> {
    let Some(quote) = dialect.quote else {
        return Cow::Borrowed(raw);
    };
    let inner = match raw {
        [open, inner @ .., close] if *open == quote && *close == quote => inner,
        _ => return Cow::Borrowed(raw),
    };
    if memchr(quote, inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut value = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr(quote, rest) {
        value.extend_from_slice(&rest[..=at]);
        rest = rest.get(at + 2..).unwrap_or(&[]);
    }
    value.extend_from_slice(rest);
    Cow::Owned(value)
}

/// The raw cell for a value. A cell that `was_quoted` stays so; another is quoted only when its value needs it.
///
/// `alone` says that it is the only cell of its record, where an empty one would be a blank line.
///
/// # Errors
///
/// When the value needs quotes and the dialect has none, or when it holds a NUL, which no reader takes.
pub fn quote(
    dialect: &CsvDialect,
    value: &[u8],
    was_quoted: bool,
    alone: bool,
) -> Result<Vec<u8>, Unquotable> {
    if memchr(0, value).is_some() {
        return Err(Unquotable);
    }
    let needs = value.iter().any(|&byte| {
        byte == dialect.delimiter
            || Some(byte) == dialect.quote
            || is_newline(byte)
            || byte == DOS_END
    }) || (alone && value.is_empty());
    let quote = match dialect.quote {
        Some(quote) if needs || was_quoted => quote,
        None if needs => return Err(Unquotable),
        _ => return Ok(value.to_vec()),
    };
    let mut raw = Vec::with_capacity(value.len() + 2);
    raw.push(quote);
    for &byte in value {
        if byte == quote {
            raw.push(quote);
        }
        raw.push(byte);
    }
    raw.push(quote);
    Ok(raw)
}

/// The line end that stands at `at`.
pub(super) fn newline_at(text: &[u8], at: usize) -> Option<Newline> {
    match (text.get(at)?, text.get(at + 1)) {
        (b'\r', Some(b'\n')) => Some(Newline::CrLf),
        (b'\r', _) => Some(Newline::Cr),
        (b'\n', _) => Some(Newline::Lf),
        _ => None,
    }
}

/// How many lines end in these bytes; a CRLF is one, and `before` is the byte in front of them.
pub(super) fn line_ends(bytes: &[u8], before: Option<u8>) -> u64 {
    if memrchr(b'\r', bytes).is_none() && before != Some(b'\r') {
        return memchr_iter(b'\n', bytes).count() as u64;
    }
    let mut previous = before;
    let mut count = 0;
    for &byte in bytes {
        count += u64::from(byte == b'\r' || (byte == b'\n' && previous != Some(b'\r')));
        previous = Some(byte);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(dialect: &CsvDialect, text: &[u8]) -> Result<Vec<String>, (usize, String)> {
        let mut records = Vec::new();
        let mut at = 0;
        loop {
            match step(dialect, text, at, true) {
                Step::Record { span, next, .. } => {
                    records.push(String::from_utf8_lossy(&text[span]).into_owned());
                    at = next;
                }
                Step::End { .. } => return Ok(records),
                Step::Broken { at, reason } => return Err((at, reason)),
                Step::More => return Err((at, "more of the last window".to_owned())),
            }
        }
    }

    #[test]
    fn records_end_at_line_ends_outside_quotes() {
        let dialect = CsvDialect::new(b';');
        let text = b"a;\"b\r\nc\"\r\n\r\n1;2\n3;4\r5;x\"y";
        assert_eq!(
            records(&dialect, text),
            Ok(vec![
                "a;\"b\r\nc\"".into(),
                "1;2".into(),
                "3;4".into(),
                "5;x\"y".into()
            ])
        );
    }

    #[test]
    fn broken_quoting_is_named_where_it_begins() {
        let dialect = CsvDialect::new(b';');
        assert_eq!(records(&dialect, b"1;\"A\n2;B\n").map_err(|e| e.0), Err(2));
        assert_eq!(
            records(&dialect, b"1;2\n\"A\"x;2\n").map_err(|e| e.0),
            Err(7)
        );
        let nul = records(&dialect, b"1;2\n3;\0\n");
        assert!(nul.is_err_and(|(at, reason)| at == 6 && reason.contains("UTF-16")));
    }

    #[test]
    fn a_dos_end_of_file_and_a_footer_are_no_records() {
        let mut dialect = CsvDialect::new(b';');
        assert_eq!(records(&dialect, b"1;2\r\n\x1A"), Ok(vec!["1;2".into()]));
        assert_eq!(
            records(&dialect, b"1;\"2\"\x1A\r\n"),
            Ok(vec!["1;\"2\"".into()])
        );
        dialect.footer = Regex::new("^Total").ok();
        assert_eq!(records(&dialect, b"1;2\nTotal;1\n"), Ok(vec!["1;2".into()]));
        assert_eq!(
            records(&dialect, b"Total;2\n1;1\n"),
            Ok(vec!["Total;2".into(), "1;1".into()])
        );
    }

    #[test]
    fn a_window_that_may_go_on_asks_for_more() {
        let dialect = CsvDialect::new(b',');
        for window in [
            &b"1,2"[..],
            b"1,2\r",
            b"1,\"2",
            b"1,\"2\"",
            b"\n",
            b"1,2\x1A",
        ] {
            assert_eq!(step(&dialect, window, 0, false), Step::More);
        }
    }

    #[test]
    fn a_cell_is_quoted_when_it_was_or_must_be() {
        let dialect = CsvDialect::new(b',');
        for (value, was, raw) in [
            ("a", false, "a"),
            ("a", true, "\"a\""),
            ("a,b", false, "\"a,b\""),
            ("\"", false, "\"\"\"\""),
            (" a ", false, " a "),
            ("", false, ""),
        ] {
            let quoted = quote(&dialect, value.as_bytes(), was, false).expect("quotes exist");
            assert_eq!(quoted, raw.as_bytes());
            assert_eq!(unquote(&dialect, &quoted), value.as_bytes());
        }
        assert_eq!(quote(&dialect, b"", false, true), Ok(b"\"\"".to_vec()));
        let bare = CsvDialect {
            quote: None,
            ..dialect
        };
        assert_eq!(quote(&bare, b"a,b", false, false), Err(Unquotable));
        assert_eq!(quote(&bare, b"a\"b", false, false), Ok(b"a\"b".to_vec()));
    }

    #[test]
    fn a_crlf_is_one_line_end_wherever_it_is_cut() {
        assert_eq!(line_ends(b"a\r\nb\rc\n", None), 3);
        assert_eq!(line_ends(b"\nb", Some(b'\r')), 0);
    }
}
