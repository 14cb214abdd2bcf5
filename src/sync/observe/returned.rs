//! Cells that were written in place and show again what they showed before: another system may have exported its file over them.

use std::collections::BTreeMap;

use crate::exports::key_print;
use crate::merge::deliver::Route;
use crate::merge::guard;
use crate::model::form;
use crate::state::{StateError, Store};

use super::diff::PrintMap;
use super::{Seen, plain};

/// What became of the cells of a table that were written in place.
#[derive(Debug, Default)]
pub struct Returned {
    /// How many the last pass wrote that wrote the file.
    pub written: u64,
    /// Those that show again what they showed before, and that; by record and column.
    cells: BTreeMap<(usize, usize), String>,
}

impl Returned {
    /// Looks at a file that has changed since.
    ///
    /// # Errors
    /// Those of the state.
    pub fn of(seen: &Seen<'_>, store: &Store, seed: u64) -> Result<Returned, StateError> {
        let written_pass = seen.memory.as_ref().and_then(|memory| memory.written_pass);
        let (Some(export), true, Some(pass)) = (&seen.export, seen.is_changed(), written_pass)
        else {
            return Ok(Returned::default());
        };
        let touched = seen.diff.touched.iter();
        let touched = touched.map(|at| (seen.diff.keys[*at as usize], *at as usize));
        let touched: PrintMap<usize> = touched.collect();
        let mut returned = Returned::default();
        let mut look = |no: &str, column: &str, from: &str, to: &str| {
            returned.written += 1;
            let Some(at) = touched.get(&plain(key_print(&[no], seed))) else {
                return;
            };
            let (Some(column), Ok(record)) = (seen.table.column(column), export.record(*at)) else {
                return;
            };
            let form = seen.table.columns()[column].form;
            let shown = record.value(column);
            let shows = |value: &str| shown.is_some_and(|shown| form::same(form, shown, value));
            if shows(from) && !shows(to) {
                returned.cells.insert((*at, column), from.to_owned());
            }
        };
        store.written(seen.table.name(), pass, &mut look)?;
        Ok(returned)
    }

    /// How many show again what they showed before.
    pub fn count(&self) -> u64 {
        self.cells.len() as u64
    }
}

impl Seen<'_> {
    /// What a cell shows that another system exported over what was written in place, once the table is not edited in place any
    /// more: its system has not got that yet, as if it had been written elsewhere from the first.
    pub(in crate::sync) fn exported_over(&self, at: Option<usize>, column: usize) -> Option<&str> {
        let cell = self.returned.cells.get(&(at?, column))?;
        let is_pattern = guard::is_exported_over(self.returned.written, self.returned.count());
        (is_pattern && self.route() != Route::InPlace).then_some(cell.as_str())
    }
}
