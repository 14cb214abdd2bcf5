//! The JSON grammar.

use std::borrow::Cow;
use std::ops::Range;

use super::grammar::{Fault, Step};
use crate::model::Form;

/// How the records of a JSON file are held together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An array of objects.
    Array,
    /// One object a line.
    Lines,
    /// An OData page.
    OData,
}

/// How a JSON file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonDialect {
    /// How the records are held together.
    pub shape: Shape,
    /// Whether records leave out members that are empty.
    pub sparse: bool,
    /// Whether characters beyond ASCII are escaped.
    pub ascii: bool,
}

/// One member of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name's token.
    pub name: Range<usize>,
    /// Its value's token.
    pub value: Range<usize>,
}

/// The dialect of a file that begins so, if it is JSON.
pub fn detect(_head: &[u8], _whole: bool) -> Option<JsonDialect> {
    None
}

/// Where the records begin.
///
/// # Errors
///
/// Where and why they do not.
pub fn body(_dialect: &JsonDialect, _head: &[u8]) -> Result<usize, (usize, String)> {
    Err((0, "JSON is not read yet".to_owned()))
}

/// Finds the record that begins at or after `at`.
pub fn step(_dialect: &JsonDialect, _window: &[u8], at: usize, _last: bool) -> Step {
    Step::End { at }
}

/// Whether the file ends as it must.
///
/// # Errors
///
/// Where and why it does not.
pub fn check_tail(_dialect: &JsonDialect, _tail: &[u8]) -> Result<(), (usize, String)> {
    Ok(())
}

/// The members of a record.
///
/// # Errors
///
/// When the record is no object, or names a member twice.
pub fn members(_record: &[u8]) -> Result<Vec<Member>, Fault> {
    Ok(Vec::new())
}

/// The text of a value; null is empty.
///
/// # Errors
///
/// When the token is no text, number, boolean or null.
pub fn text(_token: &[u8]) -> Result<Cow<'_, str>, Fault> {
    Ok(Cow::Borrowed(""))
}

/// The text of a member's name.
///
/// # Errors
///
/// When the token is no string.
pub fn name_text(_token: &[u8]) -> Result<Cow<'_, str>, Fault> {
    Ok(Cow::Borrowed(""))
}

/// The token for a value, of the same type as the one that it replaces.
pub fn token(_dialect: &JsonDialect, value: &str, _form: Form, _old: Option<&[u8]>) -> Vec<u8> {
    value.as_bytes().to_vec()
}

/// Where in a record another member goes, and its bytes.
pub fn insert(record: &[u8], _members: &[Member], _name: &str, _token: &[u8]) -> (usize, Vec<u8>) {
    (record.len(), Vec::new())
}

/// A record of these members, written like the sample.
pub fn new_record(_dialect: &JsonDialect, _sample: &[u8], _values: &[(&str, Vec<u8>)]) -> Vec<u8> {
    Vec::new()
}

/// What stands between two records, given what stands before the last one.
pub fn separator(_dialect: &JsonDialect, previous_gap: &[u8]) -> Vec<u8> {
    previous_gap.to_vec()
}
