//! What waits in the state for parties to come up again, as a value: decisions ask no database, and can be made side by side.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::Table;
use crate::state::queries::SentValue;
use crate::state::{StateError, Store};

use super::Seen;

/// What waits.
#[derive(Debug, Default)]
pub struct Pending {
    /// Contacts whose parties have something pending, by number.
    pub contacts: BTreeSet<String>,
    /// Those of them in whose parties nothing is pending but what is owed to tables that are not configured, or in flight towards them.
    resting: BTreeSet<String>,
    sent: BTreeMap<(String, String), Vec<SentValue>>,
    agreed: HashMap<String, Vec<(String, String)>>,
    decided: HashMap<String, Vec<(String, String, String)>>,
}

impl Pending {
    /// Everything that waits.
    ///
    /// # Errors
    /// Those of the state.
    pub fn of(store: &Store, tables: &[Option<Seen<'_>>]) -> Result<Pending, StateError> {
        let contacts: BTreeSet<String> = store.pending(&[])?.into_iter().collect();
        if contacts.is_empty() {
            return Ok(Pending::default());
        }
        let taken_out = tables.iter().flatten().filter(|seen| !seen.is_configured);
        let taken_out: Vec<&str> = taken_out.map(|seen| seen.table.name()).collect();
        let mut resting = BTreeSet::new();
        if !taken_out.is_empty() {
            resting.clone_from(&contacts);
            for contact in store.pending(&taken_out)? {
                resting.remove(&contact);
            }
        }
        let exports = |table: &str| {
            let mut of_it = tables
                .iter()
                .flatten()
                .filter(|seen| seen.table.name() == table);
            of_it.next().map_or(0, |seen| seen.exports)
        };
        Ok(Pending {
            contacts,
            resting,
            sent: store.all_sent(&exports)?,
            agreed: store.all_agreed()?,
            decided: store.all_decided()?,
        })
    }

    /// Contacts whose parties are looked at although nothing of them changes. A table that is not configured is paid nothing, and
    /// acknowledges nothing.
    pub fn due(&self) -> impl Iterator<Item = &String> {
        let contacts = self.contacts.iter();
        contacts.filter(|contact| !self.resting.contains(*contact))
    }

    /// What was written for a record, oldest first.
    pub fn sent(&self, table: Table, no: &str) -> &[SentValue] {
        if self.sent.is_empty() {
            return &[];
        }
        let record = (table.name().to_owned(), no.to_owned());
        self.sent.get(&record).map_or(&[], Vec::as_slice)
    }

    /// All records that something was written for, with what that was, in the order of table and number.
    pub fn records(&self) -> impl Iterator<Item = (Table, &str, &[SentValue])> {
        self.sent.iter().filter_map(|((table, no), sent)| {
            Some((Table::named(table)?, no.as_str(), sent.as_slice()))
        })
    }

    /// What is agreed in a party where no base says it: field and value.
    pub fn agreed(&self, contact: &str) -> &[(String, String)] {
        self.agreed.get(contact).map_or(&[], Vec::as_slice)
    }

    /// What a person decided on conflicts of a party: field, value, and the print of what was decided on.
    pub fn decided(&self, contact: &str) -> &[(String, String, String)] {
        self.decided.get(contact).map_or(&[], Vec::as_slice)
    }
}
