//! The parties that a pass must look at: all others cannot have changed.

use crate::exports::key_print;
use crate::model::Table;
use crate::sync::observe::diff::PrintSet;
use crate::sync::observe::keys::Wanted;
use crate::sync::observe::{Seen, plain, tagged};

use super::{Couplings, companies_shown};

/// What a pass must look at.
pub struct Affected {
    /// Contacts, in the order of their export, so that it is read from front to back.
    pub contacts: Vec<u64>,
    /// Persons of theirs that are not among them, in the order of the index.
    pub persons: Vec<u64>,
    /// The keys of all records of their parties, and of whatever names them.
    pub wanted: Wanted,
}

/// Finds the parties with a record that changed, came or went, with a coupling that did, or with something pending.
pub fn affected<'p>(
    tables: &[Option<Seen<'_>>],
    couplings: &mut Couplings,
    pending: impl Iterator<Item = &'p String>,
    concerned: &[u64],
    seed: u64,
) -> Affected {
    let hubs = tables[Table::Contacts.index()].as_ref();
    let relations = tables[Table::Relations.index()].as_ref();
    let mut set: Wanted = pending
        .map(|no| plain(key_print(&[no], seed)))
        .chain(concerned.iter().copied())
        .collect();
    if hubs.is_some_and(Seen::is_read_first) {
        // Every contact is new, so nobody has to say which are concerned, and nothing names them that is not read as well.
        let mut contacts = in_order(hubs, &mut set);
        contacts.extend(concerned.iter().filter(|key| set.remove(**key)));
        let wanted = Wanted::all();
        couplings.focus(&wanted, relations);
        return Affected {
            contacts,
            persons: Vec::new(),
            wanted,
        };
    }
    let mut counterparts = Wanted::default();
    for seen in tables.iter().flatten() {
        let gone = seen.diff.gone.iter();
        let gone = gone.map(|at| seen.index.keys[*at as usize]);
        let gone = gone.filter(|key| *key != 0);
        match seen.table {
            Table::Contacts => set.extend(gone),
            Table::Counterparts(_) => {
                let touched = seen.diff.touched.iter();
                let touched = touched.map(|at| seen.diff.keys[*at as usize]);
                let changed = touched.filter(|key| *key != 0).chain(gone);
                counterparts.extend(changed.map(|key| tagged(key, seen.table)));
            }
            Table::Relations | Table::Templates(_) | Table::Lookup(_) => {}
        }
    }
    set.extend(couplings.contacts_of(&counterparts, relations));
    set.extend(couplings.changed_contacts.iter().copied());
    let mut contacts = in_order(hubs, &mut set);
    // What is left is new, in the order in which it was arranged.
    contacts.extend(concerned.iter().filter(|key| set.remove(**key)));
    let looked_at: Wanted = contacts.iter().copied().collect();
    let mut wanted = looked_at.clone();
    wanted.extend(companies(hubs, seed));
    let family = family(hubs, &looked_at, &wanted);
    let persons = family.persons.into_iter();
    let persons: Vec<u64> = persons.filter(|key| wanted.insert(*key)).collect();
    wanted.extend(family.companies);
    couplings.focus(&wanted, relations);
    for contact in contacts.iter().chain(&persons) {
        let party = couplings.of(*contact);
        wanted.extend(party.before.into_iter().chain(party.now).flatten());
    }
    for seen in tables.iter().flatten() {
        if matches!(seen.table, Table::Counterparts(_)) {
            wanted.extend(naming(seen, &wanted));
        }
    }
    Affected {
        contacts,
        persons,
        wanted,
    }
}

/// The counterparts that name one of these contacts as their primary contact.
fn naming(seen: &Seen<'_>, contacts: &Wanted) -> Vec<u64> {
    if contacts.is_empty() {
        return Vec::new();
    }
    let links = seen.index.links.firsts();
    links
        .filter(|(_, contact)| contacts.contains(*contact))
        .map(|(at, _)| seen.index.keys[at])
        .collect()
}

/// The companies that contacts show whose records changed, and those that they showed before.
fn companies(seen: Option<&Seen<'_>>, seed: u64) -> Vec<u64> {
    let known = seen.filter(|seen| seen.memory.is_some() && seen.export.is_some());
    let Some(seen) = known else {
        return Vec::new();
    };
    let olds = seen.diff.touched.iter();
    let olds = olds.filter_map(|at| (seen.diff.olds[*at as usize] as usize).checked_sub(1));
    let before = olds.map(|old| seen.index.links.at(old)[0]);
    let mut companies = companies_shown(seen, seed);
    companies.extend(before.filter(|key| *key != 0));
    companies
}

/// Who belongs to contacts, as far as was known at the last pass.
#[derive(Default)]
struct Family {
    /// Contacts that named one of them, or one of their companies, as their company.
    persons: Vec<u64>,
    /// The companies that they named.
    companies: Vec<u64>,
}

fn family(seen: Option<&Seen<'_>>, contacts: &Wanted, with_companies: &Wanted) -> Family {
    let mut family = Family::default();
    let Some(seen) = seen.filter(|_| !with_companies.is_empty()) else {
        return family;
    };
    for (at, company) in seen.index.links.firsts() {
        let key = seen.index.keys[at];
        if with_companies.contains(company) {
            family.persons.push(key);
        }
        if contacts.contains(key) {
            family.companies.push(company);
        }
    }
    family
}

/// The contacts of a set, and those whose records changed, in the order of the export; taken out of the set.
fn in_order(seen: Option<&Seen<'_>>, set: &mut Wanted) -> Vec<u64> {
    let Some(seen) = seen.filter(|seen| !set.is_empty() || !seen.diff.touched.is_empty()) else {
        return Vec::new();
    };
    let mut contacts = Vec::with_capacity(set.len() + seen.diff.touched.len());
    let mut touched = seen.diff.touched.iter().peekable();
    let mut doubles = seen.diff.doubles.iter().peekable();
    let mut met = PrintSet::default();
    // What an export shows comes first; a contact that it does not list, or that is silent, is known from the index.
    for (at, key) in seen.diff.keys.iter().enumerate() {
        let is_touched = touched.next_if(|next| **next as usize == at).is_some();
        let is_double = doubles.next_if(|next| **next as usize == at).is_some();
        let is_meant = *key != 0 && (set.remove(*key) || is_touched || is_double);
        if is_meant && (!is_double || met.insert(*key)) {
            contacts.push(*key);
        }
    }
    let known = seen.index.keys.iter();
    contacts.extend(known.filter(|key| set.remove(**key)));
    contacts
}
