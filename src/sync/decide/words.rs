//! What records said in conflicts that are open: who is not listed in a delta export, or says nothing, takes nothing back.

use std::collections::HashMap;

use crate::config::Empty;
use crate::model::{FieldId, Row, Table};
use crate::state::{StateError, Store};

use crate::sync::observe::Seen;

/// The values that records showed in conflicts that no pass has settled, and that no base says.
#[derive(Debug, Default)]
pub struct Words(HashMap<(Table, String), Vec<(usize, String)>>);

impl Words {
    /// Those of all open conflicts, where an export says nothing, says something else or may leave records or values out: a row
    /// that cannot be read counts as touched in every pass. And where somebody has decided, so that what a record showed is written over.
    ///
    /// # Errors
    /// Those of the state.
    pub fn of(store: &Store, tables: &[Option<Seen<'_>>]) -> Result<Words, StateError> {
        let mut words = Words::default();
        let is_silent = |seen: &Seen<'_>| {
            seen.export.is_none()
                || !seen.tells_who_is_gone()
                || !seen.diff.touched.is_empty()
                || !seen.diff.gone.is_empty()
                || seen.config.empty == Empty::NoChange
        };
        if !tables.iter().flatten().any(is_silent) && store.all_decided()?.is_empty() {
            return Ok(words);
        }
        for open in store.conflicts()? {
            let Some(field) = FieldId::named(&open.conflict.field) else {
                continue;
            };
            // What joins has no base to stand by, even where it brings nothing of its own.
            let claims = open.conflict.claims.into_iter();
            for claim in claims.filter(|claim| claim.moved || claim.base.is_none()) {
                let table = claim.side.table();
                if let (Some(column), Some(shows)) = (table.column_of(field), claim.shows) {
                    let of_record = words.0.entry((table, claim.no)).or_default();
                    of_record.push((column, shows));
                }
            }
        }
        Ok(words)
    }

    /// Those of a record, by column.
    pub fn of_record(&self, table: Table, no: &str) -> &[(usize, String)] {
        if self.0.is_empty() {
            return &[];
        }
        let words = self.0.get(&(table, no.to_owned()));
        words.map_or(&[], Vec::as_slice)
    }

    /// Puts them into what is known of a record that its export does not show in this pass.
    pub fn put(&self, table: Table, no: &str, row: &mut Option<Row>) {
        for (column, shows) in self.of_record(table, no) {
            let row = row.get_or_insert_default();
            row.set(*column, Some(shows.clone()));
        }
    }
}
