//! A walk over the configuration that hands out typed values and keeps every error with its place.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use toml_edit::{Document, Item, TableLike, Value};

/// Something wrong in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key with its tables, such as `tables.contacts.delimiter`.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// The text being read and the errors found in it.
pub struct Source<'t> {
    file: String,
    text: &'t str,
    errors: RefCell<Vec<ConfigError>>,
}

impl<'t> Source<'t> {
    /// Begins with no errors.
    pub fn new(file: String, text: &'t str) -> Source<'t> {
        Source {
            file,
            text,
            errors: RefCell::new(Vec::new()),
        }
    }

    /// Parses the text; a syntax error is the only error then.
    pub fn document(&self) -> Option<Document<String>> {
        match Document::parse(self.text.to_owned()) {
            Ok(document) => Some(document),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                self.error(at, String::new(), error.message().to_owned());
                None
            }
        }
    }

    /// Keeps an error at a byte offset.
    pub fn error(&self, at: usize, key: String, message: String) {
        let before = self.text.get(..at.min(self.text.len())).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.errors.borrow_mut().push(ConfigError {
            file: self.file.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            key,
            message,
        });
    }

    /// All errors, in the order of the file.
    pub fn into_errors(self) -> Vec<ConfigError> {
        let mut errors = self.errors.into_inner();
        errors.sort();
        errors.dedup();
        errors
    }
}

/// One table of the configuration. Keys that nobody asked for are errors when it is dropped by [`Reader::finish`].
pub struct Reader<'s, 't> {
    source: &'s Source<'t>,
    table: Option<&'s dyn TableLike>,
    path: String,
    at: usize,
    asked: RefCell<BTreeSet<String>>,
}

impl<'s, 't> Reader<'s, 't> {
    /// Reads the whole document.
    pub fn root(source: &'s Source<'t>, document: &'s Document<String>) -> Reader<'s, 't> {
        Reader {
            source,
            table: Some(document.as_table()),
            path: String::new(),
            at: 0,
            asked: RefCell::default(),
        }
    }

    /// The key with its tables.
    pub fn path(&self, key: &str) -> String {
        match (self.path.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{key}", self.path),
        }
    }

    /// Whether the table is there at all.
    pub fn exists(&self) -> bool {
        self.table.is_some()
    }

    /// Whether it has a key.
    pub fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// The keys that are there, in the order of the file.
    pub fn keys(&self) -> Vec<String> {
        self.table
            .map(|table| table.iter().map(|(key, _)| key.to_owned()).collect())
            .unwrap_or_default()
    }

    /// Keeps an error about a key.
    pub fn error(&self, key: &str, message: impl Into<String>) {
        self.source
            .error(self.position(key), self.path(key), message.into());
    }

    fn position(&self, key: &str) -> usize {
        let found = self.table.and_then(|table| table.get_key_value(key));
        found
            .and_then(|(key, item)| item.span().or(key.span()))
            .map_or(self.at, |span| span.start)
    }

    fn key_position(&self, key: &str) -> usize {
        let found = self.table.and_then(|table| table.get_key_value(key));
        found
            .and_then(|(key, item)| key.span().or(item.span()))
            .map_or(self.at, |span| span.start)
    }

    /// The item of a key.
    pub fn item(&self, key: &str) -> Option<&'s Item> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.table?.get(key)
    }

    /// A table below; empty where it is not there.
    pub fn table(&self, key: &str) -> Reader<'s, 't> {
        let item = self.item(key);
        let table = item.and_then(Item::as_table_like);
        if item.is_some() && table.is_none() {
            self.error(key, "a table is expected here");
        }
        Reader {
            source: self.source,
            table,
            path: self.path(key),
            at: self.key_position(key),
            asked: RefCell::default(),
        }
    }

    fn value<T>(&self, key: &str, what: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let item = self.item(key)?;
        let value = item.as_value().and_then(read);
        if value.is_none() {
            self.error(key, format!("{what} is expected here"));
        }
        value
    }

    /// A text.
    pub fn text(&self, key: &str) -> Option<String> {
        self.value(key, "a text between quotes", |value| {
            value.as_str().map(str::to_owned)
        })
    }

    /// True or false.
    pub fn boolean(&self, key: &str) -> Option<bool> {
        self.value(key, "true or false", Value::as_bool)
    }

    /// A whole number from `least` on.
    pub fn number(&self, key: &str, least: u64) -> Option<u64> {
        let what = format!("a whole number from {least} on");
        self.value(key, &what, |value| {
            u64::try_from(value.as_integer()?)
                .ok()
                .filter(|number| *number >= least)
        })
    }

    /// A list of texts.
    pub fn texts(&self, key: &str) -> Option<Vec<String>> {
        self.value(key, "a list of texts", |value| {
            value
                .as_array()?
                .iter()
                .map(|value| value.as_str().map(str::to_owned))
                .collect()
        })
    }

    /// One of several words.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let word = self.text(key)?;
        let found = choices
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, choice)| *choice);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.error(
                key,
                format!("{word:?} is not known here; say {}", listed(&names)),
            );
        }
        found
    }

    /// A length of time such as `2s`, `500ms`, `1m`, `90d`.
    pub fn duration(&self, key: &str) -> Option<Duration> {
        let text = self.text(key)?;
        let split = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let unit = match &text[split..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => 0,
        };
        let millis = text[..split]
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(unit))
            .filter(|_| unit > 0);
        if millis.is_none() {
            self.error(
                key,
                format!(
                    "{text:?} is no length of time; write for example \"2s\", \"500ms\" or \"1m\""
                ),
            );
        }
        millis.map(Duration::from_millis)
    }

    /// A size such as `10MB` or `512KB`.
    pub fn size(&self, key: &str) -> Option<u64> {
        let text = self.text(key)?;
        let split = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let unit = match text[split..].trim() {
            "KB" => 1 << 10,
            "MB" => 1 << 20,
            "GB" => 1 << 30,
            _ => 0,
        };
        let bytes = text[..split]
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(unit))
            .filter(|bytes| *bytes > 0);
        if bytes.is_none() {
            self.error(
                key,
                format!("{text:?} is no size; write for example \"10MB\" or \"512KB\""),
            );
        }
        bytes
    }

    /// Reports the keys that nobody asked for, each with the nearest known one.
    pub fn finish(&self) {
        let asked = self.asked.borrow();
        for key in self.keys().into_iter().filter(|key| !asked.contains(key)) {
            let known: Vec<&str> = asked.iter().map(String::as_str).collect();
            let message = format!("unknown key; {}", instead_of(&key, &known));
            self.source
                .error(self.key_position(&key), self.path(&key), message);
        }
    }
}

/// What to say instead of a wrong name: the known one that is nearest, else all that are known.
pub fn instead_of(wrong: &str, known: &[&str]) -> String {
    match nearest(wrong, known) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// The known name that is nearest to a wrong one, if one is near at all.
pub fn nearest<'k>(wrong: &str, known: &[&'k str]) -> Option<&'k str> {
    let scored = known.iter().map(|name| {
        (
            strsim::normalized_damerau_levenshtein(&fold(wrong), &fold(name)),
            *name,
        )
    });
    scored
        .filter(|(score, _)| *score >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// A name without case, blanks and punctuation.
pub fn fold(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Names as `"a", "b" or "c"`.
pub fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.join(""),
    }
}
