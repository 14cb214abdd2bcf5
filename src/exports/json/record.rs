//! One record: its members, and what their tokens say.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use memchr::{memchr, memchr_iter};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::de::Read;
use serde_json::value::RawValue;

use crate::exports::grammar::Fault;

/// One member of a record: where its name and its value stand in it, quotes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The token of the name.
    pub name: Range<usize>,
    /// The token of the value.
    pub value: Range<usize>,
}

/// The members of a record in their order.
///
/// # Errors
/// `invalid-json` when `serde_json` does not accept the record, `lone-surrogate` when a name is no text, and
/// `duplicate-member` when two names are equal: readers differ in which of the two counts.
pub fn members(record: &[u8]) -> Result<Vec<Member>, Fault> {
    let mut members = Vec::new();
    members_into(record, &mut members)?;
    refuse_duplicates(record, &members)?;
    Ok(members)
}

/// The members of a record, without a look at their names; `out` is emptied first.
///
/// # Errors
/// `invalid-json` when `serde_json` does not accept the record.
pub fn members_into(record: &[u8], out: &mut Vec<Member>) -> Result<(), Fault> {
    out.clear();
    // serde_json quotes a value of the wrong type in its message, and values stay out of reasons.
    if record.first() != Some(&b'{') {
        return Err(Fault {
            at: 0,
            kind: INVALID,
            reason: "the record is not an object".into(),
        });
    }
    let tokens = Tokens { record, out };
    // What is text is found to be so once, and not token by token.
    let read = match simdutf8::basic::from_utf8(record) {
        Ok(text) => tokens.read(serde_json::Deserializer::from_str(text)),
        Err(_) => tokens.read(serde_json::Deserializer::from_slice(record)),
    };
    read.map_err(|error| syntax_fault(record, &error))
}

const INVALID: &str = "invalid-json";

/// Refuses a record in which a name stands twice.
///
/// # Errors
/// `duplicate-member`, and `lone-surrogate` when a name is no text.
pub fn refuse_duplicates(record: &[u8], members: &[Member]) -> Result<(), Fault> {
    let mut names = Vec::with_capacity(members.len());
    for Member { name, .. } in members {
        let start = name.start;
        let name = text(&record[name.clone()]).map_err(|fault| Fault {
            at: start + fault.at,
            ..fault
        })?;
        names.push((name, start));
    }
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        None => Ok(()),
        Some(pair) => Err(Fault {
            at: pair[1].1,
            kind: "duplicate-member",
            reason: "two members of the record have the same name".into(),
        }),
    }
}

/// The members of a record, as serde_json comes upon them.
struct Tokens<'m> {
    record: &'m [u8],
    out: &'m mut Vec<Member>,
}

impl Tokens<'_> {
    fn read<'de, R: Read<'de>>(
        self,
        mut reader: serde_json::Deserializer<R>,
    ) -> serde_json::Result<()> {
        self.deserialize(&mut reader)?;
        reader.end()
    }
}

impl<'de> DeserializeSeed<'de> for Tokens<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Tokens<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            self.out.push(Member {
                name: span(self.record, name),
                value: span(self.record, value),
            });
        }
        Ok(())
    }
}

/// Where a token that borrows from the record stands in it.
fn span(record: &[u8], token: &RawValue) -> Range<usize> {
    let start = token.get().as_ptr().addr() - record.as_ptr().addr();
    start..start + token.get().len()
}

fn syntax_fault(bytes: &[u8], error: &serde_json::Error) -> Fault {
    let line = match error.line() {
        0 | 1 => 0,
        line => memchr_iter(b'\n', bytes)
            .nth(line - 2)
            .map_or(0, |newline| newline + 1),
    };
    let message = error.to_string();
    // The line counts from the record's beginning, not the file's, and would mislead.
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(message, _)| message);
    Fault {
        at: (line + error.column().saturating_sub(1)).min(bytes.len()),
        kind: INVALID,
        reason: format!("not valid JSON: {message}"),
    }
}

/// What a token says: a string without its escapes, `null` as nothing, anything else as it is spelled.
///
/// # Errors
/// `lone-surrogate` when a string escapes half of a character, `invalid-json` when the token is none.
pub fn text(token: &[u8]) -> Result<Cow<'_, str>, Fault> {
    match std::str::from_utf8(token) {
        Ok(token) => said(token),
        Err(error) => Err(Fault {
            at: error.valid_up_to(),
            kind: INVALID,
            reason: "not valid JSON: the text is not UTF-8".into(),
        }),
    }
}

/// [`text`] of a token that is known to be text.
///
/// # Errors
/// `lone-surrogate` when a string escapes half of a character, `invalid-json` when the token is none.
pub fn said(token: &str) -> Result<Cow<'_, str>, Fault> {
    if token == "null" {
        return Ok(Cow::Borrowed(""));
    }
    let Some(rest) = token.strip_prefix('"') else {
        return Ok(Cow::Borrowed(token));
    };
    match rest.strip_suffix('"') {
        Some(inner) if memchr(b'\\', inner.as_bytes()).is_none() => Ok(Cow::Borrowed(inner)),
        _ => unescaped(token.as_bytes()).map(Cow::Owned),
    }
}

fn unescaped(token: &[u8]) -> Result<String, Fault> {
    serde_json::from_slice(token).map_err(|error| {
        let fault = syntax_fault(token, &error);
        // The syntax alone does not object to a lone surrogate.
        match serde_json::from_slice::<&RawValue>(token) {
            Ok(_) => Fault {
                kind: "lone-surrogate",
                reason: "the text has an escape for half of a character".into(),
                ..fault
            },
            Err(_) => fault,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(record: &[u8]) -> Option<(&'static str, usize)> {
        members(record).err().map(|fault| (fault.kind, fault.at))
    }

    #[test]
    fn members_are_the_spans_of_their_tokens() {
        let record = br#"{ "No." : "1\"" ,"n":1.10,"x":{"a":[]}}"#;
        let tokens: Vec<(&[u8], &[u8])> = members(record)
            .expect("a valid record")
            .into_iter()
            .map(|member| (&record[member.name], &record[member.value]))
            .collect();
        assert_eq!(
            tokens,
            [
                (&b"\"No.\""[..], &b"\"1\\\"\""[..]),
                (b"\"n\"", b"1.10"),
                (b"\"x\"", b"{\"a\":[]}"),
            ]
        );
    }

    #[test]
    fn two_members_of_one_name_are_a_fault_however_they_are_escaped() {
        assert_eq!(
            kind(br#"{"a":1,"b":2,"\u0061":3}"#),
            Some(("duplicate-member", 13))
        );
        assert_eq!(kind(br#"{"a":1,"A":2}"#), None);
    }

    #[test]
    fn what_serde_json_refuses_is_a_fault_at_its_place() {
        assert_eq!(kind(b"{\n\"a\":1,\n}"), Some(("invalid-json", 9)));
        assert_eq!(kind(b"{\"a\":01}"), Some(("invalid-json", 6)));
        assert_eq!(kind(b"{\"a\":\"\n\"}").map(|f| f.0), Some("invalid-json"));
        assert_eq!(kind(b"{\"a\":\"\0\"}").map(|f| f.0), Some("invalid-json"));
        assert_eq!(kind(b"{\"a\":\"\xff\"}").map(|f| f.0), Some("invalid-json"));
        assert_eq!(kind(b"{}{}").map(|f| f.0), Some("invalid-json"));
        assert_eq!(kind(b"\"secret\""), Some(("invalid-json", 0)));
        assert_eq!(kind(b""), Some(("invalid-json", 0)));
        assert_eq!(
            kind(br#"{"\ud800":1}"#).map(|f| f.0),
            Some("lone-surrogate")
        );
    }

    #[test]
    fn a_cell_says_its_text() {
        for (token, expected) in [
            (r#""""#, ""),
            (r#""a b""#, "a b"),
            (r#""\"\u00e9\ud83d\ude00\/\n""#, "\"é😀/\n"),
            ("null", ""),
            ("1.10", "1.10"),
            ("true", "true"),
            (r#"[1, "\n"]"#, r#"[1, "\n"]"#),
        ] {
            assert_eq!(text(token.as_bytes()).as_deref(), Ok(expected));
        }
        let kind = |token: &[u8]| text(token).err().map(|fault| fault.kind);
        assert_eq!(kind(br#""\ud83d""#), Some("lone-surrogate"));
        assert_eq!(kind(br#""\ude00x""#), Some("lone-surrogate"));
        assert_eq!(kind(br#""\x""#), Some("invalid-json"));
        assert_eq!(kind(b"\""), Some("invalid-json"));
        assert_eq!(kind(b"\"\xff\""), Some("invalid-json"));
    }
}
