//! The understood values of one record.

use super::table::Table;

/// One record's values in the order of [`Table::columns`]; `None` is unknown, which is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    cells: Vec<Option<String>>,
}

impl Row {
    /// A row of which nothing is known.
    pub fn unknown(table: Table) -> Row {
        Row {
            cells: vec![None; table.columns().len()],
        }
    }

    /// A row of these values.
    pub fn new(cells: Vec<Option<String>>) -> Row {
        Row { cells }
    }

    /// The value in a column, or `None` where it is unknown.
    pub fn get(&self, column: usize) -> Option<&str> {
        self.cells.get(column)?.as_deref()
    }

    /// Sets a value.
    pub fn set(&mut self, column: usize, value: Option<String>) {
        if self.cells.len() <= column {
            self.cells.resize(column + 1, None);
        }
        self.cells[column] = value;
    }

    /// All values.
    pub fn cells(&self) -> &[Option<String>] {
        &self.cells
    }
}
