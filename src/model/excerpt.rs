//! Some records of a file in their own bytes, as a file that can be mended and read like the whole.

use serde::{Deserialize, Serialize};

/// Where the parts of an excerpt stand in a file, and what holds them together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// How many bytes at the start of the file are needed to read its records: preamble and header.
    pub head: u64,
    /// Start and end of each record in the file.
    pub records: Vec<(u64, u64)>,
    /// What comes before the first record.
    pub open: String,
    /// What comes between two records.
    pub between: String,
    /// What comes after the last.
    pub close: String,
}

impl Excerpt {
    /// The same with only those records whose place among them is wanted.
    pub fn only(&self, wanted: impl Fn(usize) -> bool) -> Excerpt {
        let records = self.records.iter().enumerate();
        let records = records.filter(|(at, _)| wanted(*at));
        Excerpt {
            records: records.map(|(_, record)| *record).collect(),
            ..self.clone()
        }
    }
}
