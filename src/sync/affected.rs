//! The parties that a pass must look at: all others cannot have changed.

use std::collections::BTreeSet;

use crate::exports::key_print;
use crate::model::Table;

use super::couple::Couplings;
use super::diff::PrintSet;
use super::observe::{Seen, plain, tagged};

/// What a pass must look at.
pub struct Affected {
    /// Contacts, in the order of their export, so that it is read from front to back.
    pub contacts: Vec<u64>,
    /// The keys of all records of their parties.
    pub wanted: PrintSet,
}

/// Finds the parties with a record that changed, came or went, with a coupling that did, or with something pending.
pub fn affected(
    tables: &[Option<Seen<'_>>],
    couplings: &mut Couplings,
    pending: &BTreeSet<String>,
    seed: u64,
) -> Affected {
    let mut set = PrintSet::default();
    let mut counterparts = PrintSet::default();
    for seen in tables.iter().flatten() {
        let keys = seen
            .diff
            .touched
            .iter()
            .map(|at| seen.diff.keys[*at as usize]);
        let gone = seen
            .diff
            .gone
            .iter()
            .map(|at| seen.index.keys[*at as usize]);
        let changed = keys.chain(gone).filter(|key| *key != 0);
        match seen.table {
            Table::Contacts => set.extend(changed),
            Table::Counterparts(_) => {
                counterparts.extend(changed.map(|key| tagged(key, seen.table)))
            }
            Table::Relations => {}
        }
    }
    if !counterparts.is_empty() {
        set.extend(couplings.contacts_of(&counterparts));
    }
    set.extend(couplings.changed_contacts.iter().copied());
    set.extend(pending.iter().map(|no| plain(key_print(&[no], seed))));
    let contacts = in_order(tables[Table::Contacts.index()].as_ref(), set);
    let mut wanted: PrintSet = contacts.iter().copied().collect();
    couplings.focus(&wanted);
    for contact in &contacts {
        if let Some(party) = couplings.of(*contact) {
            wanted.extend(party.before.iter().chain(&party.now).flatten());
        }
    }
    Affected { contacts, wanted }
}

fn in_order(seen: Option<&Seen<'_>>, mut set: PrintSet) -> Vec<u64> {
    let mut contacts = Vec::with_capacity(set.len());
    let Some(seen) = seen.filter(|_| !set.is_empty()) else {
        return contacts;
    };
    // What an export shows comes first; a contact that it does not list, or that is silent, is known from the index.
    let shown = seen.diff.keys.iter().filter(|_| seen.export.is_some());
    for key in shown.chain(&seen.index.keys) {
        if set.remove(key) {
            contacts.push(*key);
        }
    }
    contacts
}
