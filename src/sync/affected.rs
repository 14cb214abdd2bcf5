//! The parties that a pass must look at: all others cannot have changed.

use std::collections::BTreeSet;

use crate::exports::key_print;
use crate::model::Table;

use super::couple::{Couplings, company_key};
use super::diff::PrintSet;
use super::observe::{Seen, plain, tagged};

/// What a pass must look at.
pub struct Affected {
    /// Contacts, in the order of their export, so that it is read from front to back.
    pub contacts: Vec<u64>,
    /// Persons of theirs that are not among them, in the order of the index.
    pub persons: Vec<u64>,
    /// The keys of all records of their parties, and of whatever names them.
    pub wanted: PrintSet,
}

/// Finds the parties with a record that changed, came or went, with a coupling that did, or with something pending.
pub fn affected(
    tables: &[Option<Seen<'_>>],
    couplings: &mut Couplings,
    pending: &BTreeSet<String>,
    concerned: &[u64],
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
            Table::Relations | Table::Templates(_) | Table::Lookup(_) => {}
        }
    }
    if !counterparts.is_empty() {
        set.extend(couplings.contacts_of(&counterparts));
    }
    set.extend(couplings.changed_contacts.iter().copied());
    set.extend(pending.iter().map(|no| plain(key_print(&[no], seed))));
    set.extend(concerned);
    let mut contacts = in_order(tables[Table::Contacts.index()].as_ref(), &mut set);
    // What is left is new, in the order in which it was arranged.
    contacts.extend(concerned.iter().filter(|key| set.remove(key)));
    let mut wanted: PrintSet = contacts.iter().copied().collect();
    wanted.extend(companies(tables[Table::Contacts.index()].as_ref(), seed));
    let persons = naming(tables[Table::Contacts.index()].as_ref(), &wanted);
    let persons: Vec<u64> = persons
        .into_iter()
        .filter(|key| wanted.insert(*key))
        .collect();
    wanted.extend(known_companies(
        tables[Table::Contacts.index()].as_ref(),
        &contacts,
    ));
    couplings.focus(&wanted);
    for contact in contacts.iter().chain(&persons) {
        if let Some(party) = couplings.of(*contact) {
            wanted.extend(party.before.iter().chain(&party.now).flatten());
        }
    }
    for seen in tables.iter().flatten() {
        if matches!(seen.table, Table::Counterparts(_)) {
            wanted.extend(naming(Some(seen), &wanted));
        }
    }
    Affected {
        contacts,
        persons,
        wanted,
    }
}

/// The records that name one of these contacts as their company or primary contact.
fn naming(seen: Option<&Seen<'_>>, contacts: &PrintSet) -> Vec<u64> {
    let Some(seen) = seen.filter(|_| !contacts.is_empty()) else {
        return Vec::new();
    };
    let links = seen.index.links.iter().zip(&seen.index.keys);
    links
        .filter(|(link, _)| link[0] != 0 && contacts.contains(&link[0]))
        .map(|(_, key)| *key)
        .collect()
}

/// The companies of the contacts that changed.
fn companies(seen: Option<&Seen<'_>>, seed: u64) -> Vec<u64> {
    let Some(seen) = seen.filter(|seen| seen.memory.is_some()) else {
        return Vec::new();
    };
    let (Some(export), Some(column)) = (&seen.export, Table::Contacts.column("Company No.")) else {
        return Vec::new();
    };
    let touched = seen.diff.touched.iter().map(|at| *at as usize);
    let read = touched.filter_map(|at| {
        let record = export.record(at).ok()?;
        let before = (seen.diff.olds[at] as usize).checked_sub(1);
        Some([
            company_key(record.value(column), seed),
            before.map_or(0, |old| seen.index.links[old][0]),
        ])
    });
    read.flatten().filter(|key| *key != 0).collect()
}

/// The companies that contacts named at the last pass.
fn known_companies(seen: Option<&Seen<'_>>, contacts: &[u64]) -> Vec<u64> {
    let Some(seen) = seen.filter(|_| !contacts.is_empty()) else {
        return Vec::new();
    };
    let contacts: PrintSet = contacts.iter().copied().collect();
    let known = seen.index.keys.iter().zip(&seen.index.links);
    known
        .filter(|(key, link)| link[0] != 0 && contacts.contains(key))
        .map(|(_, link)| link[0])
        .collect()
}

fn in_order(seen: Option<&Seen<'_>>, set: &mut PrintSet) -> Vec<u64> {
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
