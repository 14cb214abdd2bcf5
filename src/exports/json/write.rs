//! New tokens, members and records, in the style of those that are there.

use serde_json::value::RawValue;

use super::record::{Member, members, text};
use super::{JsonDialect, Shape, is_annotation};
use crate::model::field::Form;
use crate::model::form::{caption, spelled_like};

/// What kind of token a file uses for a value; it stays with it where it can.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Boolean,
    Null,
    Array,
    Object,
}

impl Kind {
    fn of(token: &[u8]) -> Kind {
        match token.first() {
            Some(b't' | b'f') => Kind::Boolean,
            Some(b'n') => Kind::Null,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(b'[') => Kind::Array,
            Some(b'{') => Kind::Object,
            _ => Kind::Text,
        }
    }

    /// The token of this kind that says the least.
    fn blank(self) -> &'static [u8] {
        match self {
            Kind::Text => b"\"\"",
            Kind::Number => b"0",
            Kind::Boolean => b"false",
            Kind::Null => b"null",
            Kind::Array => b"[]",
            Kind::Object => b"{}",
        }
    }
}

/// The token that says `value` where the file has `old`, in the file's own spelling; the old one when it says so already.
pub fn token(d: &JsonDialect, value: &str, form: Form, old: Option<&[u8]>) -> Vec<u8> {
    let kind = old.map(Kind::of);
    if form == Form::Boolean && takes_boolean(d, kind) {
        match (caption(form, value), kind) {
            (Some("Yes"), _) => return b"true".to_vec(),
            // Only a boolean has no other way to say nothing.
            (Some("No"), _) | (Some(""), Some(Kind::Boolean)) => return b"false".to_vec(),
            _ => {}
        }
    }
    let said = old.and_then(|token| text(token).ok());
    let spelled = match form {
        Form::Text | Form::Code => value.to_owned(),
        Form::Boolean | Form::ContactType => match caption(form, value) {
            None | Some("") => value.to_owned(),
            // What is no caption is spelled already.
            Some(meaning) if meaning != value => value.to_owned(),
            Some(meaning) => {
                // A blank option such as OData's `_x0020_` is no example of how the others are spelled.
                let like = said.as_deref().filter(|said| {
                    caption(form, said).is_some_and(|old_meaning| !old_meaning.is_empty())
                });
                spelled_like(form, meaning, like.unwrap_or_default())
            }
        },
    };
    match (old, kind) {
        (Some(old), _) if said.as_deref() == Some(spelled.as_str()) => old.to_vec(),
        (_, Some(Kind::Number)) if is_number(&spelled) => spelled.into_bytes(),
        (_, Some(Kind::Boolean)) if matches!(spelled.as_str(), "true" | "false") => {
            spelled.into_bytes()
        }
        _ => quoted(d, &spelled),
    }
}

fn takes_boolean(d: &JsonDialect, old: Option<Kind>) -> bool {
    match old {
        Some(kind) => matches!(kind, Kind::Boolean | Kind::Null),
        None => d.sparse,
    }
}

/// Whether the text as it stands is a JSON number; `007` and `+49` are none.
fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && serde_json::from_str::<&RawValue>(text).is_ok_and(|token| token.get() == text)
}

/// The text as a string token, with the escapes that `serde_json` makes.
fn quoted(d: &JsonDialect, text: &str) -> Vec<u8> {
    let mut token = String::with_capacity(text.len() + 2);
    token.push('"');
    for c in text.chars() {
        match c {
            '"' => token.push_str("\\\""),
            '\\' => token.push_str("\\\\"),
            '\n' => token.push_str("\\n"),
            '\r' => token.push_str("\\r"),
            '\t' => token.push_str("\\t"),
            '\u{8}' => token.push_str("\\b"),
            '\u{c}' => token.push_str("\\f"),
            c if c < ' ' || d.ascii && !c.is_ascii() => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    token.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => token.push(c),
        }
    }
    token.push('"');
    token.into_bytes()
}

/// The whitespace and punctuation of a record, as its members show it.
struct Style<'a> {
    /// Between `{` and the first name.
    lead: &'a [u8],
    /// Between two members, the comma included.
    between: Vec<u8>,
    /// Between a name and its value.
    colon: &'a [u8],
    /// Between the last value and `}`.
    trail: &'a [u8],
}

impl<'a> Style<'a> {
    fn of(record: &'a [u8], members: &[Member]) -> Style<'a> {
        let slice = |start: usize, end: usize| record.get(start..end).unwrap_or_default();
        let (Some(first), Some(last)) = (members.first(), members.last()) else {
            return Style {
                lead: b"",
                between: b",".to_vec(),
                colon: b":",
                trail: b"",
            };
        };
        let lead = slice(1, first.name.start);
        let colon = slice(last.name.end, last.value.start);
        let between = match members {
            [.., previous, last] => slice(previous.value.end, last.name.start).to_vec(),
            // One member alone shows how it would be followed only by the blanks around it.
            _ if lead.is_empty() && colon.ends_with(b" ") => b", ".to_vec(),
            _ => [b",", lead].concat(),
        };
        Style {
            lead,
            between,
            colon,
            trail: slice(last.value.end, record.len().saturating_sub(1)),
        }
    }
}

/// Where, and which bytes, to insert so that a record gets one more member at its end, in its own style.
///
/// `members` are those of `record`, and none of them is called `name`. `follows`: it comes after another one that is inserted.
pub fn insert(
    d: &JsonDialect,
    record: &[u8],
    members: &[Member],
    follows: bool,
    name: &str,
    token: &[u8],
) -> (usize, Vec<u8>) {
    let style = Style::of(record, members);
    let member = [&quoted(d, name), style.colon, token].concat();
    match members.last() {
        Some(last) => (last.value.end, [style.between, member].concat()),
        None if follows => (1, [style.between, member].concat()),
        None => (1, member),
    }
}

/// A record of these names and tokens in the style of `sample`.
///
/// Where records are complete (not sparse), it has the sample's members in the sample's order, those without a value
/// blank; OData's annotations are the server's to make.
pub fn new_record(d: &JsonDialect, sample: Option<&[u8]>, values: &[(String, Vec<u8>)]) -> Vec<u8> {
    let sample = sample.unwrap_or(b"{}");
    let listed = members(sample).unwrap_or_default();
    let style = Style::of(sample, &listed);
    let value_of = |name: &str| values.iter().find(|(of, _)| of == name);

    let mut cells: Vec<(Vec<u8>, &[u8])> = Vec::new();
    let mut left: Vec<&(String, Vec<u8>)> = values.iter().collect();
    if !d.sparse {
        for member in &listed {
            let name_token = &sample[member.name.clone()];
            let name = text(name_token).unwrap_or_default();
            if is_annotation(&name) {
                continue;
            }
            let value = match value_of(&name) {
                Some((_, value)) => value.as_slice(),
                None => Kind::of(&sample[member.value.clone()]).blank(),
            };
            cells.push((name_token.to_vec(), value));
            left.retain(|(of, _)| *of != name);
        }
    }
    cells.extend(
        left.into_iter()
            .map(|(name, value)| (quoted(d, name), value.as_slice())),
    );

    let mut record = b"{".to_vec();
    for (i, (name, value)) in cells.iter().enumerate() {
        record.extend_from_slice(if i == 0 { style.lead } else { &style.between });
        for part in [name, style.colon, value] {
            record.extend_from_slice(part);
        }
    }
    if !cells.is_empty() {
        record.extend_from_slice(style.trail);
    }
    record.push(b'}');
    record
}

/// What stands between two records: `gap` stands between the first two, `lead` between the opening `[` and the first.
pub fn separator(d: &JsonDialect, gap: Option<&[u8]>, lead: &[u8]) -> Vec<u8> {
    match (d.shape, gap) {
        (Shape::Lines, _) => d.newline.into(),
        (_, Some(gap)) => gap.to_vec(),
        (_, None) => [b",", lead].concat(),
    }
}

/// A new file of these records, laid out as they are: compact, or indented when they are.
pub fn document(d: &JsonDialect, records: &[Vec<u8>]) -> Vec<u8> {
    let newline = d.newline.as_bytes();
    if d.shape == Shape::Lines {
        return records
            .iter()
            .flat_map(|record| [record.as_slice(), newline].concat())
            .collect();
    }
    let Some((indent, unit)) = records.iter().find_map(|record| indentation(record)) else {
        let records = records.join(&b","[..]);
        return match d.shape {
            Shape::OData => [b"{\"value\":[", records.as_slice(), b"]}"].concat(),
            Shape::Array | Shape::Lines => [b"[", records.as_slice(), b"]"].concat(),
        };
    };
    let records = records.join([b",", newline, indent].concat().as_slice());
    let array = [b"[", newline, indent, &records, newline].concat();
    match d.shape {
        Shape::OData => [
            &[b"{", newline, unit, b"\"value\": "].concat(),
            array.as_slice(),
            &[unit, b"]", newline, b"}", newline].concat(),
        ]
        .concat(),
        Shape::Array | Shape::Lines => [&array, &b"]"[..], newline].concat(),
    }
}

/// How far a record over several lines is indented, and how much further its members are.
fn indentation(record: &[u8]) -> Option<(&[u8], &[u8])> {
    let of_line_after = |newline: usize| {
        let line = &record[newline + 1..];
        let blanks = line.iter().take_while(|b| matches!(b, b' ' | b'\t'));
        &line[..blanks.count()]
    };
    let outer = of_line_after(memchr::memrchr(b'\n', record)?);
    let inner = of_line_after(memchr::memchr(b'\n', record)?);
    Some((outer, inner.strip_prefix(outer).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: JsonDialect = JsonDialect {
        shape: Shape::Array,
        sparse: false,
        ascii: false,
        newline: "\n",
        depth: 64,
    };
    const SPARSE: JsonDialect = JsonDialect {
        shape: Shape::Lines,
        sparse: true,
        ascii: false,
        newline: "\r\n",
        depth: 64,
    };

    fn written(d: &JsonDialect, value: &str, form: Form, old: Option<&str>) -> String {
        let token = token(d, value, form, old.map(str::as_bytes));
        String::from_utf8(token).expect("tokens are UTF-8")
    }

    #[test]
    fn a_value_keeps_the_kind_of_its_token_where_it_can() {
        use Form::{Boolean, Code, ContactType, Text};
        for (value, form, old, expected) in [
            ("a\"\\\n\u{1}é", Text, Some("\"x\""), r#""a\"\\\n\u0001é""#),
            ("a/b", Text, Some(r#""a\/b""#), r#""a\/b""#),
            ("1.10", Code, Some("5"), "1.10"),
            ("-7", Code, Some("5"), "-7"),
            ("007", Code, Some("5"), "\"007\""),
            ("+49 30", Code, Some("5"), "\"+49 30\""),
            ("", Code, Some("5"), "\"\""),
            ("5", Code, Some("\"4\""), "\"5\""),
            ("", Text, Some("null"), "null"),
            ("x", Text, Some("null"), "\"x\""),
            ("", Text, None, "\"\""),
            ("true", Text, Some("false"), "true"),
            ("Yes", Boolean, Some("false"), "true"),
            ("No", Boolean, Some("true"), "false"),
            ("", Boolean, Some("true"), "false"),
            ("Yes", Boolean, Some("null"), "true"),
            ("Yes", Boolean, None, "\"Yes\""),
            ("Yes", Boolean, Some("\"nein\""), "\"ja\""),
            ("Yes", Boolean, Some("0"), "1"),
            ("Person", ContactType, Some("\"COMPANY\""), "\"PERSON\""),
            ("Person", ContactType, Some("0"), "1"),
            ("Person", ContactType, Some("\"_x0020_\""), "\"Person\""),
            ("Person", ContactType, None, "\"Person\""),
        ] {
            assert_eq!(
                written(&FULL, value, form, old),
                expected,
                "{value} over {old:?}"
            );
        }
        assert_eq!(written(&SPARSE, "Yes", Boolean, None), "true");
        assert_eq!(written(&SPARSE, "No", Boolean, None), "false");
    }

    #[test]
    fn a_file_that_escapes_everything_beyond_ascii_goes_on_doing_so() {
        let ascii = JsonDialect {
            ascii: true,
            ..FULL
        };
        assert_eq!(
            written(&ascii, "é 😀", Form::Text, None),
            r#""\u00e9 \ud83d\ude00""#
        );
    }

    #[test]
    fn a_member_is_added_in_the_style_of_the_record() {
        for (record, expected) in [
            (r#"{"a":1,"b":2}"#, r#"{"a":1,"b":2,"n":"v"}"#),
            (r#"{"a": 1, "b": 2}"#, r#"{"a": 1, "b": 2, "n": "v"}"#),
            (r#"{ "a" : 1 }"#, r#"{ "a" : 1, "n" : "v" }"#),
            (r#"{"a": 1}"#, r#"{"a": 1, "n": "v"}"#),
            (
                "{\n    \"a\": 1\n  }",
                "{\n    \"a\": 1,\n    \"n\": \"v\"\n  }",
            ),
            ("{}", r#"{"n":"v"}"#),
            (
                "{\r\n\t\"a\":1,\r\n\t\"b\":{}\r\n}",
                "{\r\n\t\"a\":1,\r\n\t\"b\":{},\r\n\t\"n\":\"v\"\r\n}",
            ),
        ] {
            let mut bytes = record.as_bytes().to_vec();
            let members = members(&bytes).expect("a valid record");
            let (at, added) = insert(&FULL, &bytes, &members, false, "n", b"\"v\"");
            bytes.splice(at..at, added);
            assert_eq!(String::from_utf8_lossy(&bytes), expected);
        }
    }

    #[test]
    fn a_new_record_looks_like_its_sample() {
        let values = [
            ("x".to_owned(), b"\"new\"".to_vec()),
            ("b".to_owned(), b"\"B\"".to_vec()),
        ];
        let sample = br#"{"@odata.etag":"e", "a":"1", "b":"2", "n":1.5, "t":true, "z":null}"#;
        let record = |d: &JsonDialect, sample: Option<&[u8]>| {
            String::from_utf8(new_record(d, sample, &values)).expect("records are UTF-8")
        };
        assert_eq!(
            record(&FULL, Some(sample)),
            r#"{"a":"", "b":"B", "n":0, "t":false, "z":null, "x":"new"}"#
        );
        assert_eq!(record(&SPARSE, Some(sample)), r#"{"x":"new", "b":"B"}"#);
        assert_eq!(record(&FULL, None), r#"{"x":"new","b":"B"}"#);
        assert_eq!(
            record(&FULL, Some(b"{\n    \"b\": \"2\"\n  }")),
            "{\n    \"b\": \"B\",\n    \"x\": \"new\"\n  }"
        );
    }

    #[test]
    fn records_are_separated_like_the_first_two() {
        assert_eq!(separator(&FULL, Some(b" ,\n "), b"\n"), b" ,\n ");
        assert_eq!(separator(&FULL, None, b"\n  "), b",\n  ");
        assert_eq!(separator(&SPARSE, Some(b"\n\n"), b""), b"\r\n");
    }

    #[test]
    fn a_new_document_has_the_shape_and_layout_of_its_records() {
        let page = JsonDialect {
            shape: Shape::OData,
            ..FULL
        };
        let compact = [b"{\"a\":1}".to_vec(), b"{}".to_vec()];
        let pretty = [b"{\n    \"a\": 1\n  }".to_vec(), b"{}".to_vec()];
        let deep = [b"{\n      \"a\": 1\n    }".to_vec()];
        for (d, records, expected) in [
            (&FULL, &compact[..], "[{\"a\":1},{}]"),
            (&FULL, &pretty, "[\n  {\n    \"a\": 1\n  },\n  {}\n]\n"),
            (&FULL, &[], "[]"),
            (&page, &compact, "{\"value\":[{\"a\":1},{}]}"),
            (
                &page,
                &deep,
                "{\n  \"value\": [\n    {\n      \"a\": 1\n    }\n  ]\n}\n",
            ),
            (&SPARSE, &compact, "{\"a\":1}\r\n{}\r\n"),
            (&SPARSE, &[], ""),
        ] {
            assert_eq!(String::from_utf8_lossy(&document(d, records)), expected);
        }
    }
}
