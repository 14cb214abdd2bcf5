//! What the two grammars, CSV and JSON, have in common: records and cells as spans of bytes.
//!
//! All spans are in *working bytes*: the file's own bytes, or, where it is UTF-16, the same text in UTF-8.

use std::ops::Range;

/// What stands at a record boundary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A record; the search for the following one begins at `next`.
    Record {
        /// The record's bytes, without its terminator or separator.
        span: Range<usize>,
        /// The boundary after it.
        next: usize,
        /// How many lines end within the record, where that is known.
        breaks: Option<u64>,
    },
    /// The window ends before the record does: come again with a longer one.
    More,
    /// No further record; the file's tail begins here.
    End {
        /// Where the tail begins.
        at: usize,
    },
    /// The file is broken here and must be refused whole.
    Broken {
        /// Offset in the window.
        at: usize,
        /// What is wrong, for a person; never a value.
        reason: String,
    },
}

/// Why one record cannot be read, while the rest of its file can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Offset in the record.
    pub at: usize,
    /// A stable word, such as `ragged-row`.
    pub kind: &'static str,
    /// What is wrong, for a person; never a value.
    pub reason: String,
}
