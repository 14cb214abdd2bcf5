//! Marks on records, found by their record however many there are.

use std::collections::BTreeMap;

use crate::model::Table;
use crate::state::memory::{Mark, MarkRow};

/// Marks, at most one of each sort on a record.
#[derive(Clone, Debug, Default)]
pub struct Marks(BTreeMap<(Mark, String, String), String>);

fn name(mark: Mark, table: Table, no: &str) -> (Mark, String, String) {
    (mark, table.name().to_owned(), no.to_owned())
}

impl Marks {
    /// Those of rows.
    pub(super) fn of(rows: &[MarkRow]) -> Marks {
        let mut marks = Marks::default();
        rows.iter().cloned().for_each(|row| marks.put(row));
        marks
    }

    /// Puts a mark in the place of one that is there.
    pub(super) fn put(&mut self, row: MarkRow) {
        self.0.insert((row.mark, row.table, row.no), row.body);
    }

    /// Takes a mark off.
    pub(super) fn take_off(&mut self, mark: Mark, table: Table, no: &str) {
        self.0.remove(&name(mark, table, no));
    }

    /// What belongs to a mark; `None` where it is not set.
    pub(super) fn body(&self, mark: Mark, table: Table, no: &str) -> Option<&str> {
        self.0.get(&name(mark, table, no)).map(String::as_str)
    }

    /// All of them, as rows.
    pub fn rows(&self) -> impl Iterator<Item = MarkRow> {
        self.0.iter().map(|((mark, table, no), body)| MarkRow {
            mark: *mark,
            table: table.clone(),
            no: no.clone(),
            body: body.clone(),
        })
    }
}
