//! What records said in conflicts that are open: a delta export that does not list one of them has not taken that back.

use std::collections::HashMap;

use crate::model::{FieldId, Row, Table};
use crate::state::{StateError, Store};

use super::observe::Seen;

/// The values that records showed against what was agreed, which nobody has decided on.
#[derive(Debug, Default)]
pub struct Words(HashMap<(Table, String), Vec<(usize, String)>>);

impl Words {
    /// Those of all open conflicts, where an export may leave records out.
    ///
    /// # Errors
    /// Those of the state.
    pub fn of(store: &Store, tables: &[Option<Seen<'_>>]) -> Result<Words, StateError> {
        let mut words = Words::default();
        if tables.iter().flatten().all(Seen::is_full) {
            return Ok(words);
        }
        for open in store.conflicts()? {
            let Some(field) = FieldId::named(&open.conflict.field) else {
                continue;
            };
            for claim in open.conflict.claims.into_iter().filter(|claim| claim.moved) {
                let table = claim.side.table();
                if let (Some(column), Some(shows)) = (table.column_of(field), claim.shows) {
                    let of_record = words.0.entry((table, claim.no)).or_default();
                    of_record.push((column, shows));
                }
            }
        }
        Ok(words)
    }

    /// Puts them into what a record showed when it was last agreed on.
    pub fn put(&self, table: Table, no: &str, row: &mut Row) {
        if self.0.is_empty() {
            return;
        }
        for (column, shows) in self.0.get(&(table, no.to_owned())).into_iter().flatten() {
            row.set(*column, Some(shows.clone()));
        }
    }
}
