//! The form in which values are compared and in which a side can hold them.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::field::Form;

/// The value as it is compared: NFC, without outer blanks, codes in upper case, options by meaning.
pub fn canonical(form: Form, value: &str) -> Cow<'_, str> {
    let trimmed = value.trim();
    let nfc: Cow<'_, str> =
        if trimmed.is_ascii() || is_nfc_quick(trimmed.chars()) == IsNormalized::Yes {
            Cow::Borrowed(trimmed)
        } else {
            Cow::Owned(trimmed.nfc().collect())
        };
    match form {
        Form::Text => nfc,
        Form::Code if nfc.is_ascii() => match nfc.bytes().any(|byte| byte.is_ascii_lowercase()) {
            true => Cow::Owned(nfc.to_ascii_uppercase()),
            false => nfc,
        },
        // The capital of a composed letter may be one that is not: ΐ has none of its own.
        Form::Code if nfc.chars().any(char::is_lowercase) => {
            Cow::Owned(nfc.to_uppercase().nfc().collect())
        }
        Form::Code => nfc,
        Form::Boolean if nfc.is_empty() => Cow::Borrowed("No"),
        Form::ContactType if nfc.is_empty() => Cow::Borrowed("Company"),
        Form::Boolean | Form::ContactType => nfc,
    }
}

/// Whether two values of a field say the same.
pub fn same(form: Form, a: &str, b: &str) -> bool {
    a == b || canonical(form, a) == canonical(form, b)
}

/// Whether a value says nothing at all.
pub fn is_blank(value: &str) -> bool {
    value.trim().is_empty()
}

/// Options and booleans are understood in these spellings; the first of each row is the caption.
const SPELLINGS: &[(Form, &[&[&str]])] = &[
    (
        Form::Boolean,
        &[
            &["Yes", "true", "1", "y", "x", "ja", "oui", "ano", "да", "j"],
            &["No", "false", "0", "n", "nein", "nej", "non", "ne", "нет"],
        ],
    ),
    (Form::ContactType, &[&["Company", "0"], &["Person", "1"]]),
];

/// The caption behind a spelling of an option or boolean; `None` when the spelling is not known. Blank stays blank.
pub fn caption(form: Form, spelling: &str) -> Option<&'static str> {
    let spelling = spelling.trim();
    if spelling.is_empty() || spelling == "_x0020_" {
        return Some("");
    }
    let (_, meanings) = SPELLINGS.iter().find(|(of, _)| *of == form)?;
    if let Some(words) = meanings.iter().find(|words| words[0] == spelling) {
        return Some(words[0]);
    }
    let is_ascii = spelling.is_ascii();
    let is_it = |word: &str| match is_ascii {
        true => word.eq_ignore_ascii_case(spelling),
        false => word.to_lowercase() == spelling.to_lowercase(),
    };
    meanings
        .iter()
        .find(|words| words.iter().any(|word| is_it(word)))
        .map(|words| words[0])
}

/// The caption of an option, with what OData makes of blanks and points in it undone: `Hard_x0020_Copy`.
pub fn option(spelling: &str) -> Cow<'_, str> {
    let spelling = spelling.trim();
    if !spelling.contains("_x") {
        return Cow::Borrowed(spelling);
    }
    let mut out = String::with_capacity(spelling.len());
    let mut rest = spelling;
    while let Some(at) = rest.find("_x") {
        let code = rest.get(at + 2..at + 6);
        let character = code
            .filter(|_| rest.as_bytes().get(at + 6) == Some(&b'_'))
            .and_then(|code| u32::from_str_radix(code, 16).ok())
            .and_then(char::from_u32);
        match character {
            Some(character) => {
                out.push_str(&rest[..at]);
                out.push(character);
                rest = &rest[at + 7..];
            }
            None => {
                out.push_str(&rest[..at + 2]);
                rest = &rest[at + 2..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out.trim().to_owned())
}

/// How a file that wrote `like` spells `caption`: the same row of spellings, the same case.
pub fn spelled_like(form: Form, caption: &str, like: &str) -> String {
    let like = like.trim();
    let Some((_, meanings)) = SPELLINGS.iter().find(|(of, _)| *of == form) else {
        return caption.to_owned();
    };
    let Some(target) = meanings.iter().find(|words| words[0] == caption) else {
        return caption.to_owned();
    };
    let pair = |word: &str| -> &'static str {
        // Languages and digits go in pairs: what says "nein" says "ja".
        let pairs: &[(&str, &str)] = &[
            ("yes", "no"),
            ("true", "false"),
            ("1", "0"),
            ("y", "n"),
            ("j", "n"),
            ("ja", "nein"),
            ("oui", "non"),
            ("ano", "ne"),
            ("да", "нет"),
            ("ja", "nej"),
            ("company", "person"),
            ("0", "1"),
            ("x", ""),
        ];
        pairs
            .iter()
            .flat_map(|&(a, b)| [(a, b), (b, a)])
            .find(|(from, to)| *from == word && target.iter().any(|t| t.to_lowercase() == *to))
            .map_or(target[0], |(_, to)| {
                target
                    .iter()
                    .find(|t| t.to_lowercase() == to)
                    .copied()
                    .unwrap_or(target[0])
            })
    };
    let lower = like.to_lowercase();
    let word = match target.iter().find(|word| word.to_lowercase() == lower) {
        Some(same) => same,
        None if like.is_empty() => target[0],
        None => pair(&lower),
    };
    if like.len() > 1
        && like.chars().all(|c| !c.is_lowercase())
        && like.chars().any(char::is_uppercase)
    {
        word.to_uppercase()
    } else if like.chars().next().is_some_and(char::is_uppercase) {
        let mut chars = word.chars();
        chars
            .next()
            .map(|first| first.to_uppercase().chain(chars).collect())
            .unwrap_or_default()
    } else if !like.is_empty() {
        word.to_lowercase()
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_in_form_alone_are_no_differences() {
        assert!(same(Form::Text, "Cafe\u{301} ", "Café"));
        assert!(same(Form::Code, " us", "US"));
        assert!(same(Form::Code, "ΐ", &canonical(Form::Code, "ΐ")));
        assert!(!same(Form::Text, "us", "US"));
        assert!(same(Form::Boolean, "", "No"));
    }

    #[test]
    fn options_are_understood_by_meaning_and_written_in_the_files_spelling() {
        assert_eq!(caption(Form::Boolean, "TRUE"), Some("Yes"));
        assert_eq!(caption(Form::ContactType, "_x0020_"), Some(""));
        assert_eq!(caption(Form::Boolean, "perhaps"), None);
        for (caption, like, expected) in [
            ("Yes", "No", "Yes"),
            ("Yes", "false", "true"),
            ("Yes", "FALSE", "TRUE"),
            ("No", "1", "0"),
            ("Yes", "nein", "ja"),
            ("No", "Ja", "Nein"),
            ("No", "J", "N"),
            ("Yes", "", "Yes"),
        ] {
            assert_eq!(
                spelled_like(Form::Boolean, caption, like),
                expected,
                "{caption} like {like}"
            );
        }
        assert_eq!(spelled_like(Form::ContactType, "Person", "0"), "1");
        assert_eq!(
            spelled_like(Form::ContactType, "Person", "COMPANY"),
            "PERSON"
        );
    }
}
