//! The document around the records: where they begin, one after the other, and how it closes.

use memchr::{memchr, memchr2};

use super::record::{members, text};
use super::{JsonDialect, Shape};
use crate::exports::grammar::Step;

/// The most levels that a record may be allowed to nest, itself the first of them: `serde_json` reads no more.
pub const MAX_DEPTH: u32 = 127;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// How long the byte order mark is, if there is one.
pub(super) fn bom(bytes: &[u8]) -> usize {
    if bytes.starts_with(BOM) { BOM.len() } else { 0 }
}

/// The first position from `at` on that holds no whitespace.
pub(super) fn blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
        .count()
}

/// Where the records begin: after the `[` that opens their array, or at the first line.
///
/// # Errors
/// Offset and reason, when the document does not open as its shape demands.
pub fn body(d: &JsonDialect, head: &[u8]) -> Result<usize, (usize, String)> {
    let start = find_body(d, head)?;
    refuse_more_pages(&head[..start])?;
    Ok(start)
}

/// One page of several would make the records of the others seem gone.
fn refuse_more_pages(outside: &[u8]) -> Result<(), (usize, String)> {
    match memchr::memmem::find(outside, b"\"@odata.nextLink\"") {
        Some(at) => Err((
            at,
            "the page says that more pages follow (@odata.nextLink): the export is incomplete"
                .into(),
        )),
        None => Ok(()),
    }
}

fn find_body(d: &JsonDialect, head: &[u8]) -> Result<usize, (usize, String)> {
    let start = blanks(head, bom(head));
    let records = match d.shape {
        Shape::Lines => return Ok(bom(head)),
        Shape::Array if head.get(start) == Some(&b'[') => start + 1,
        Shape::Array => return Err((start, "the document does not begin with `[`".into())),
        Shape::OData => page_opening(d, head, start)?,
    };
    // After this, no step has to know whether a comma is the first thing in the array.
    let first = blanks(head, records);
    match head.get(first) {
        Some(b'{' | b']') => Ok(records),
        Some(_) => Err((first, NOT_AN_OBJECT.into())),
        None => Err((first, "the file ends before its first record".into())),
    }
}

fn page_opening(d: &JsonDialect, head: &[u8], start: usize) -> Result<usize, (usize, String)> {
    let records = match outline(head, start, d.depth) {
        Outline::Value { records } => records,
        Outline::Complete { .. } => {
            return Err((start, "the document has no \"value\" array".into()));
        }
        Outline::Open => {
            let reason = "the file ends before its \"value\" array begins";
            return Err((head.len(), reason.into()));
        }
        Outline::Broken { at, reason } => return Err((at, reason)),
    };
    let mut opening = head[start..records].to_vec();
    opening.extend_from_slice(b"]}");
    match members(&opening) {
        Ok(_) => Ok(records),
        Err(fault) => Err((start + fault.at, fault.reason)),
    }
}

/// What stands at the record boundary `at`.
///
/// In an array the boundary after a record is its end: what follows there is a comma or the closing `]`, because a
/// record is only reported once that is certain. In JSON Lines it is the beginning of the next line.
pub fn step(d: &JsonDialect, window: &[u8], at: usize, last: bool) -> Step {
    match d.shape {
        Shape::Array | Shape::OData => element(window, at, last, d.depth),
        Shape::Lines => line(window, at, last, d.depth),
    }
}

const NOT_AN_OBJECT: &str = "text that is not an object, where a record should begin";
const CUT_RECORD: &str = "the file ends in the middle of a record";

fn broken(at: usize, reason: impl Into<String>) -> Step {
    Step::Broken {
        at,
        reason: reason.into(),
    }
}

fn element(window: &[u8], at: usize, last: bool, depth: u32) -> Step {
    let mut start = blanks(window, at);
    let comma = window.get(start) == Some(&b',');
    if comma {
        start = blanks(window, start + 1);
    }
    match window.get(start) {
        Some(b'{') => {}
        Some(b']') if !comma => return Step::End { at: start },
        Some(b']') => return broken(start, "a comma with no record after it"),
        Some(b',') => return broken(start, "a second comma between two records"),
        Some(_) => return broken(start, NOT_AN_OBJECT),
        None if last => return broken(start, "the file ends before the `]` after its records"),
        None => return Step::More,
    }
    let end = match nested(window, start, depth) {
        Extent::Ends(end) => end,
        Extent::Open if last => return broken(window.len(), CUT_RECORD),
        Extent::Open => return Step::More,
        Extent::Broken(at, reason) => return broken(at, reason),
    };
    let follower = blanks(window, end);
    match window.get(follower) {
        Some(b',' | b']') => {}
        Some(b'{') => return broken(follower, "a comma is missing between two records"),
        Some(_) => return broken(follower, "text between two records"),
        None if last => {}
        None => return Step::More,
    }
    Step::Record {
        span: start..end,
        next: end,
        breaks: None,
    }
}

fn line(window: &[u8], at: usize, last: bool, depth: u32) -> Step {
    let start = blanks(window, at);
    match window.get(start) {
        Some(b'{') => {}
        Some(_) => return broken(start, "a line that is not an object"),
        // Blank lines at the end are the tail's, so that a new record goes before them.
        None if last => return Step::End { at },
        None => return Step::More,
    }
    let newline = memchr(b'\n', &window[start..]).map(|length| start + length);
    let line = &window[..newline.unwrap_or(window.len())];
    let end = match (nested(line, start, depth), newline) {
        (Extent::Ends(end), _) => end,
        (Extent::Broken(at, reason), _) => return broken(at, reason),
        (Extent::Open, Some(at)) => return broken(at, "the line ends in the middle of a record"),
        (Extent::Open, None) if last => return broken(window.len(), CUT_RECORD),
        (Extent::Open, None) => return Step::More,
    };
    let rest = blanks(line, end);
    if rest < line.len() {
        return broken(rest, "text after the object of a line");
    }
    match newline {
        Some(at) => Step::Record {
            span: start..end,
            next: at + 1,
            breaks: None,
        },
        // What else is in the line is the tail's: it has no end.
        None if last => Step::Record {
            span: start..end,
            next: end,
            breaks: None,
        },
        None => Step::More,
    }
}

/// Whether the rest of the document, from where [`step`] saw the records end, closes it and holds nothing more.
///
/// # Errors
/// Offset in the tail, and reason.
pub fn check_tail(d: &JsonDialect, tail: &[u8]) -> Result<(), (usize, String)> {
    refuse_more_pages(tail)?;
    let end = match d.shape {
        Shape::Lines => 0,
        Shape::Array if tail.first() == Some(&b']') => 1,
        Shape::Array => return Err((0, "the `]` after the records is missing".into())),
        Shape::OData => {
            const OPENING: &[u8] = b"{\"value\":[";
            // With the opening before it the rest is an object again, and a second "value" a duplicate member.
            let page = [OPENING, tail].concat();
            return match members(&page) {
                Ok(_) => Ok(()),
                Err(fault) => Err((fault.at.saturating_sub(OPENING.len()), fault.reason)),
            };
        }
    };
    match blanks(tail, end) {
        rest if rest < tail.len() => Err((rest, "text after the records".into())),
        _ => Ok(()),
    }
}

/// The first level of an object that may be an OData page.
pub(super) enum Outline {
    /// Its "value" is an array that may hold records; they begin at `records`.
    Value { records: usize },
    /// It ends at `end` without such an array.
    Complete { end: usize },
    /// The bytes end before it does.
    Open,
    /// It is no object.
    Broken { at: usize, reason: String },
}

/// Looks for the "value" array of the object that begins at `start`; its other members nest at most `depth` levels.
pub(super) fn outline(bytes: &[u8], start: usize, depth: u32) -> Outline {
    match walk(bytes, start, depth) {
        Ok(found) => found,
        Err(None) => Outline::Open,
        Err(Some((at, reason))) => Outline::Broken { at, reason },
    }
}

/// `Err(None)` is the end of the bytes.
fn walk(bytes: &[u8], start: usize, depth: u32) -> Result<Outline, Option<(usize, String)>> {
    let expect = |at: usize, what: u8| match bytes.get(at) {
        Some(&byte) if byte == what => Ok(at),
        Some(_) => Err(Some((at, format!("`{}` expected", char::from(what))))),
        None => Err(None),
    };
    let mut at = blanks(bytes, expect(start, b'{')? + 1);
    if bytes.get(at) == Some(&b'}') {
        return Ok(Outline::Complete { end: at + 1 });
    }
    loop {
        let name = expect(at, b'"')?..string_end(bytes, at).ok_or(None)?;
        let colon = expect(blanks(bytes, name.end), b':')?;
        let value = blanks(bytes, colon + 1);
        let opens_records = bytes.get(value) == Some(&b'[')
            && matches!(
                bytes.get(blanks(bytes, value + 1)),
                Some(b'{' | b']') | None
            );
        if opens_records && text(&bytes[name]).is_ok_and(|name| name == "value") {
            return Ok(Outline::Value { records: value + 1 });
        }
        let end = match value_extent(bytes, value, depth) {
            Extent::Ends(end) => end,
            Extent::Open => return Err(None),
            Extent::Broken(at, reason) => return Err(Some((at, reason))),
        };
        at = blanks(bytes, end);
        if bytes.get(at) == Some(&b'}') {
            return Ok(Outline::Complete { end: at + 1 });
        }
        at = blanks(bytes, expect(at, b',')? + 1);
    }
}

/// How far something reaches.
enum Extent {
    /// To before this position.
    Ends(usize),
    /// Beyond the bytes at hand.
    Open,
    /// It is no JSON, here and for this reason.
    Broken(usize, String),
}

fn value_extent(bytes: &[u8], at: usize, depth: u32) -> Extent {
    match bytes.get(at) {
        Some(b'"') => string_end(bytes, at).map_or(Extent::Open, Extent::Ends),
        Some(b'{' | b'[') => nested(bytes, at, depth),
        _ => bytes
            .get(at..)
            .unwrap_or_default()
            .iter()
            .position(|byte| !is_bare(*byte))
            .map_or(Extent::Open, |length| Extent::Ends(at + length)),
    }
}

/// The extent of the object or array that opens at `from`: brackets in pairs, at most `most` of them open, strings skipped.
///
/// The finer syntax is left to [`members`]. But a byte that JSON has only inside strings means that a quote is lost,
/// and everything after it would be read inside out: that breaks the file here, and not only at its end.
fn nested(bytes: &[u8], from: usize, most: u32) -> Extent {
    // One bit for each open level, set for an object: this word has room for MAX_DEPTH.
    let mut objects = 0_u128;
    let mut depth = 0_u32;
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => match string_end(bytes, at) {
                Some(end) => {
                    at = end;
                    continue;
                }
                None => return Extent::Open,
            },
            b'{' | b'[' if depth >= most.min(MAX_DEPTH) => {
                let reason =
                    format!("a record nested deeper than {most} levels, see `limits.depth`");
                return Extent::Broken(at, reason);
            }
            b'{' | b'[' => {
                objects = objects << 1 | u128::from(byte == b'{');
                depth += 1;
            }
            b'}' | b']' if (objects & 1 == 1) != (byte == b'}') => {
                return Extent::Broken(at, "brackets that do not match".into());
            }
            b'}' | b']' => {
                objects >>= 1;
                depth -= 1;
                if depth == 0 {
                    return Extent::Ends(at + 1);
                }
            }
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => {}
            _ if is_bare(byte) => {}
            _ => return Extent::Broken(at, "text outside of quotes".into()),
        }
        at += 1;
    }
    Extent::Open
}

/// Whether a byte can belong to a number, `true`, `false` or `null`.
fn is_bare(byte: u8) -> bool {
    matches!(
        byte,
        b'0'..=b'9'
            | b'-'
            | b'+'
            | b'.'
            | b'E'
            | b'a'
            | b'e'
            | b'f'
            | b'l'
            | b'n'
            | b'r'
            | b's'
            | b't'
            | b'u'
    )
}

/// The position after the closing quote of the string that opens at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut from = at + 1;
    loop {
        let found = from + memchr2(b'"', b'\\', bytes.get(from..)?)?;
        if bytes[found] == b'"' {
            return Some(found + 1);
        }
        from = found + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect(shape: Shape) -> JsonDialect {
        JsonDialect {
            shape,
            sparse: false,
            ascii: false,
            newline: "\n",
            depth: 64,
        }
    }

    /// Number of records, or why the document is broken.
    fn count(shape: Shape, text: &str) -> Result<usize, String> {
        let d = dialect(shape);
        let bytes = text.as_bytes();
        let mut at = body(&d, bytes).map_err(|(_, reason)| reason)?;
        let mut records = 0;
        loop {
            match step(&d, bytes, at, true) {
                Step::Record { next, .. } => {
                    records += 1;
                    at = next;
                }
                Step::End { at } => {
                    return check_tail(&d, &bytes[at..])
                        .map(|()| records)
                        .map_err(|(_, reason)| reason);
                }
                Step::Broken { reason, .. } => return Err(reason),
                Step::More => return Err("more after the last byte".into()),
            }
        }
    }

    #[test]
    fn every_shape_counts_its_records() {
        assert_eq!(count(Shape::Array, "[]"), Ok(0));
        assert_eq!(count(Shape::Array, "\u{feff}[ {} ,\n{\"a\":[{}]}] "), Ok(2));
        assert_eq!(count(Shape::Lines, ""), Ok(0));
        assert_eq!(count(Shape::Lines, "\n{}\r\n\n {\"a\":1} \n\n"), Ok(2));
        assert_eq!(count(Shape::Lines, "{}\n{}"), Ok(2));
        assert_eq!(
            count(
                Shape::OData,
                r#"{"a":[1,{"value":[]}],"value":[{},{}],"@odata.count":2}"#
            ),
            Ok(2)
        );
    }

    #[test]
    fn a_broken_document_says_what_is_wrong() {
        use Shape::{Array, Lines, OData};
        for (shape, text, reason) in [
            (Array, "[{},,{}]", "a second comma between two records"),
            (Array, "[{} {}]", "a comma is missing between two records"),
            (Array, "[{},]", "a comma with no record after it"),
            (Array, "[,{}]", NOT_AN_OBJECT),
            (Array, "[{},1]", NOT_AN_OBJECT),
            (Array, "[\u{feff}{}]", NOT_AN_OBJECT),
            (Array, "[{}\0]", "text between two records"),
            (Array, "[{\"a\":]}]", "brackets that do not match"),
            (Array, "[{\"a", CUT_RECORD),
            (Array, "[", "the file ends before its first record"),
            (Array, "[{}] []", "text after the records"),
            (
                Array,
                "[{}",
                "the file ends before the `]` after its records",
            ),
            (
                Array,
                "[{\"a\":\"b},{\"Phone\":1}]",
                "text outside of quotes",
            ),
            (Lines, "{}{}\n", "text after the object of a line"),
            (Lines, "{},\n{}\n", "text after the object of a line"),
            (Lines, "{\n}\n", "the line ends in the middle of a record"),
            (Lines, "{}\n{\"a\":", CUT_RECORD),
            (Lines, "{}\nnull\n", "a line that is not an object"),
            (OData, "{\"a\":1}", "the document has no \"value\" array"),
            (OData, "{\"a\" 1}", "`:` expected"),
            (
                OData,
                "{\"a\":",
                "the file ends before its \"value\" array begins",
            ),
        ] {
            assert_eq!(count(shape, text), Err(reason.to_owned()), "{text}");
        }
        for text in [
            r#"{"a":tru,"value":[]}"#,
            r#"{"value":[],"value":[{}]}"#,
            r#"{"value":[],"\u0076alue":1}"#,
            r#"{"value":[]"#,
            r#"{"value":[]}}"#,
            r#"{"value":[]}{"value":[]}"#,
            r#"{"value":1,"value":[{}]}"#,
        ] {
            assert!(count(OData, text).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_has_a_limit_and_the_limit_is_named() {
        let of = |depth: usize| {
            let inner = depth - 1;
            format!("[{{\"a\":{}{}}}]", "[".repeat(inner), "]".repeat(inner))
        };
        assert_eq!(count(Shape::Array, &of(64)), Ok(1));
        let reason = count(Shape::Array, &of(65));
        assert_eq!(
            reason,
            Err("a record nested deeper than 64 levels, see `limits.depth`".to_owned())
        );
        assert!(count(Shape::Array, &format!("[{{\"a\":{}", "[".repeat(1_000_000))).is_err());
        let page = format!("{{\"a\":{}", "{\"a\":".repeat(100_000));
        assert!(count(Shape::OData, &page).is_err());
    }

    #[test]
    fn more_is_asked_for_as_long_as_the_data_may_go_on() {
        let d = dialect(Shape::Array);
        let text = b"[{\"a\":\"\\\"\"} , {}]";
        for end in 1..12 {
            assert_eq!(step(&d, &text[..end], 1, false), Step::More, "{end}");
        }
        assert_eq!(
            step(&d, &text[..14], 1, false),
            Step::Record {
                span: 1..11,
                next: 11,
                breaks: None,
            }
        );
        let endless = [b"[{\"a\":\"".as_slice(), &[b'x'; 100_000]].concat();
        assert_eq!(step(&d, &endless, 1, false), Step::More);
        assert!(matches!(step(&d, &endless, 1, true), Step::Broken { .. }));

        let lines = dialect(Shape::Lines);
        assert_eq!(step(&lines, b"{}", 0, false), Step::More);
        assert_eq!(step(&lines, b"{}\n", 3, false), Step::More);
        assert_eq!(step(&lines, b"{}\n\n", 3, true), Step::End { at: 3 });
    }
}
