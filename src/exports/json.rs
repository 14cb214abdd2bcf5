//! JSON exports: an array of records, JSON Lines, or an OData page.
//!
//! Reading finds spans, so that what no rule touches keeps its bytes: [`step`] walks over whole records without looking
//! into them, [`members`] lets `serde_json` judge one record and remembers where its tokens stand. A document that both
//! and [`check_tail`] accept is one that `serde_json` accepts, with the same records. Writing makes single tokens,
//! members and records in the style of their neighbours.

mod document;
mod name;
mod record;
mod write;

pub use document::{MAX_DEPTH, body, check_tail, step};
pub use name::Spelling;
pub use record::{Member, members, text};
pub(super) use record::{members_into, refuse_duplicates, said};
pub use write::{document, insert, new_record, separator, token};

use memchr::{memchr, memmem};

use self::document::{Outline, blanks, bom, outline};
use super::grammar::Step;

/// How a document holds its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `[{…},{…}]`
    Array,
    /// One object a line.
    Lines,
    /// `{"@odata.context":"…","value":[{…},{…}]}`
    OData,
}

/// What has to be known of a JSON export to read it, and to write like it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonDialect {
    /// How the document holds its records.
    pub shape: Shape,
    /// Records leave members out: a lacking member is empty, not unknown.
    pub sparse: bool,
    /// Everything beyond ASCII is escaped as `\uXXXX`.
    pub ascii: bool,
    /// The line end, `"\n"` or `"\r\n"`.
    pub newline: &'static str,
    /// How many levels a record nests at most, up to [`MAX_DEPTH`]; the record itself is the first.
    pub depth: u32,
}

/// The dialect of a file that begins with `head`; `None` when that is no JSON. `whole`: the head is all there is.
///
/// What begins like JSON and is broken, cut short or holds no records gets a dialect all the same, so that [`body`] or
/// [`step`] refuse it with a reason instead of somebody reading it as CSV. `depth` is how far its records may nest.
pub fn detect(head: &[u8], whole: bool, depth: u32) -> Option<JsonDialect> {
    let mut dialect = JsonDialect {
        shape: shape(head, depth)?,
        sparse: false,
        ascii: head.is_ascii() && escapes_beyond_ascii(head),
        newline: newline(head),
        depth,
    };
    dialect.sparse = member_sets_differ(&dialect, head, whole);
    Some(dialect)
}

fn shape(head: &[u8], depth: u32) -> Option<Shape> {
    let start = blanks(head, bom(head));
    let inner = blanks(head, start + 1);
    match (head.get(start)?, head.get(inner)) {
        (b'[', None) => Some(Shape::Array),
        // Some databases write a CSV header as `[No.],[Name]`.
        (b'[', Some(b']')) => Some(Shape::Array),
        (b'[', Some(_)) => begins_a_value(&head[inner..]).then_some(Shape::Array),
        (b'{', None | Some(b'"' | b'}')) => Some(match outline(head, start, depth) {
            Outline::Value { .. } => Shape::OData,
            Outline::Complete { end: at } | Outline::Broken { at, .. } => one_line(head, start, at),
            Outline::Open => one_line(head, start, head.len()),
        }),
        _ => None,
    }
}

/// An object that spans several lines is none of JSON Lines; what else it is, [`body`] says.
fn one_line(head: &[u8], start: usize, end: usize) -> Shape {
    match memchr(b'\n', &head[start..end]) {
        None => Shape::Lines,
        Some(_) => Shape::OData,
    }
}

fn begins_a_value(bytes: &[u8]) -> bool {
    matches!(bytes, [b'{' | b'[' | b'"' | b'-' | b'0'..=b'9', ..])
        || [&b"null"[..], b"true", b"false"]
            .iter()
            .any(|word| bytes.starts_with(word))
}

fn newline(head: &[u8]) -> &'static str {
    match memchr(b'\n', head) {
        Some(at) if head[..at].ends_with(b"\r") => "\r\n",
        _ => "\n",
    }
}

fn escapes_beyond_ascii(head: &[u8]) -> bool {
    memmem::find_iter(head, b"\\u").any(|at| {
        let backslashes = head[..at].iter().rev().take_while(|&&b| b == b'\\').count();
        let code = head
            .get(at + 2..at + 6)
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u16::from_str_radix(hex, 16).ok());
        backslashes % 2 == 0 && code.is_some_and(|code| code > 0x7f)
    })
}

fn member_sets_differ(dialect: &JsonDialect, head: &[u8], whole: bool) -> bool {
    let Ok(mut at) = body(dialect, head) else {
        return false;
    };
    let mut first: Option<Vec<String>> = None;
    while let Step::Record { span, next, .. } = step(dialect, head, at, whole) {
        at = next;
        let Some(names) = sorted_names(&head[span]) else {
            continue;
        };
        match &first {
            None => first = Some(names),
            Some(first) if *first != names => return true,
            Some(_) => {}
        }
    }
    false
}

/// The names that say what a record holds; OData's annotations come and go without meaning.
fn sorted_names(record: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for member in members(record).ok()? {
        let name = text(&record[member.name]).ok()?;
        if !is_annotation(&name) {
            names.push(name.into_owned());
        }
    }
    names.sort_unstable();
    Some(names)
}

/// Whether a member belongs to OData itself, such as `@odata.etag`.
fn is_annotation(name: &str) -> bool {
    name.starts_with("@odata.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape_of(text: &str) -> Option<Shape> {
        detect(text.as_bytes(), true, 64).map(|dialect| dialect.shape)
    }

    #[test]
    fn the_shape_is_told_by_how_the_file_begins() {
        for (text, shape) in [
            ("[]", Some(Shape::Array)),
            ("\u{feff} [\n{\"a\":1}]", Some(Shape::Array)),
            ("[1]", Some(Shape::Array)),
            ("{\"a\":1}", Some(Shape::Lines)),
            ("{\"a\":1}\r\n{\"a\":2}\r\n", Some(Shape::Lines)),
            ("{\"value\":1}\n", Some(Shape::Lines)),
            ("{\"value\":[1]}\n{\"value\":[2]}", Some(Shape::Lines)),
            ("{\"a\":{\"value\":[]}}", Some(Shape::Lines)),
            ("{\"value\":[]}", Some(Shape::OData)),
            ("{\n \"c\": [1],\n \"value\": [\n {", Some(Shape::OData)),
            ("[No.];[Name]\n1;2\n", None),
            ("{0F1B-11};Name\n", None),
            ("No.;Name\n", None),
            ("", None),
        ] {
            assert_eq!(shape_of(text), shape, "{text}");
        }
    }

    #[test]
    fn what_begins_like_json_and_is_broken_is_still_json() {
        for (text, shape) in [
            ("[", Shape::Array),
            ("{", Shape::Lines),
            ("{\"a\":\"b", Shape::Lines),
            ("{\"a\":NaN}\n{\"a\":1}\n", Shape::Lines),
            ("{\n  \"setup\": 1\n}\n", Shape::OData),
            ("{\n  \"@odata.context\": \"http", Shape::OData),
        ] {
            assert_eq!(shape_of(text), Some(shape), "{text}");
        }
    }

    #[test]
    fn a_file_is_sparse_when_its_records_have_different_members() {
        let sparse = |text: &str| detect(text.as_bytes(), true, 64).is_some_and(|d| d.sparse);
        assert!(sparse("{\"a\":1}\n{\"a\":1,\"b\":2}\n"));
        assert!(!sparse("{\"a\":1,\"b\":2}\n{\"b\":1,\"a\":2}\n"));
        assert!(!sparse(
            "{\"value\":[{\"@odata.etag\":\"x\",\"a\":1},{\"a\":2}]}"
        ));
        assert!(sparse("[{\"a\":1},{}]"));
    }

    #[test]
    fn line_ends_and_escapes_are_part_of_the_dialect() {
        let of = |text: &str| detect(text.as_bytes(), true, 64).map(|d| (d.newline, d.ascii));
        assert_eq!(of("{\"a\":\"\\u00e9\"}\r\n"), Some(("\r\n", true)));
        assert_eq!(of("{\"a\":\"\\u0009\"}\n"), Some(("\n", false)));
        assert_eq!(of("{\"a\":\"\\\\u00e9\"}\n"), Some(("\n", false)));
        assert_eq!(of("{\"a\":\"\\u00e9 é\"}"), Some(("\n", false)));
    }
}
