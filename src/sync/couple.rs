//! Who is coupled with whom, now and at the last pass, and which relations go because their record disappeared.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::exports::key_print;
use crate::merge::coupling::{Relation, Standing, standings};
use crate::merge::status::StatusRow;
use crate::model::{Form, Kind, Problem, Table, form};
use crate::state::StateError;

use super::diff::{PrintMap, PrintSet};
use super::observe::{Seen, plain, tagged, untagged};

/// The column of a contact that says its status.
pub const STATUS: &str = "Contact Business Relation";

/// A relation row that goes, because its contact or its counterpart disappeared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Its record in the relations export.
    pub at: usize,
    /// The row.
    pub relation: Relation,
    /// The table of its counterpart, where it has one.
    pub table: Option<Table>,
    /// What disappeared, as a sentence.
    pub reason: String,
}

/// The couplings of a pass.
#[derive(Debug, Default)]
pub struct Couplings {
    /// Contact and tagged counterpart in force at the last pass, sorted.
    pub before: Vec<(u64, u64)>,
    /// The same now, sorted.
    pub now: Vec<(u64, u64)>,
    /// What each record of the relations export refers to, for its index.
    pub links: Vec<[u64; 2]>,
    /// Records of the relations export that are a problem.
    pub troubled: BTreeSet<usize>,
    /// Rows that go.
    pub removals: Vec<Removal>,
    /// Contacts whose relation rows changed.
    pub changed_contacts: PrintSet,
    /// Relation rows by contact, where relations were read anew.
    rows: Option<PrintMap<Vec<StatusRow>>>,
}

impl Couplings {
    /// The counterparts of a contact now, tagged.
    pub fn of(&self, contact: u64) -> impl Iterator<Item = u64> {
        range(&self.now, contact)
    }

    /// The counterparts of a contact at the last pass, tagged.
    pub fn of_before(&self, contact: u64) -> impl Iterator<Item = u64> {
        range(&self.before, contact)
    }

    /// Whether relations were read in this pass; if not, no relation and no status can have changed.
    pub fn were_read(&self) -> bool {
        self.rows.is_some()
    }

    /// The relation rows of a contact as its status sees them.
    pub fn status_rows(&self, contact: u64) -> &[StatusRow] {
        self.rows
            .as_ref()
            .and_then(|rows| rows.get(&contact))
            .map_or(&[], Vec::as_slice)
    }
}

fn range(pairs: &[(u64, u64)], contact: u64) -> impl Iterator<Item = u64> {
    let from = pairs.partition_point(|pair| pair.0 < contact);
    pairs[from..]
        .iter()
        .take_while(move |pair| pair.0 == contact)
        .map(|pair| pair.1)
}

/// Finds the couplings. Relations are read anew only when they, or the existence of a record, changed.
pub fn couple(
    config: &Config,
    tables: &mut [Option<Seen<'_>>],
    gone: &BTreeSet<(Table, String)>,
    seed: u64,
    problems: &mut Vec<Problem>,
) -> Result<Couplings, StateError> {
    let mut couplings = Couplings::default();
    let Some(relations) = tables[Table::Relations.index()].as_ref() else {
        return Ok(couplings);
    };
    couplings.before = relations
        .index
        .links
        .iter()
        .filter(|link| link[1] != 0)
        .map(|link| (link[0], link[1]))
        .collect();
    couplings.before.sort_unstable();
    // A record that came concerns a relation only if that was a problem, and such a one is always among the touched.
    let gone_keys: PrintSet = tables
        .iter()
        .flatten()
        .filter(|seen| seen.table != Table::Relations)
        .flat_map(|seen| {
            let keys = seen
                .diff
                .gone
                .iter()
                .map(|at| seen.index.keys[*at as usize]);
            keys.map(|key| {
                if seen.table == Table::Contacts {
                    key
                } else {
                    tagged(key, seen.table)
                }
            })
        })
        .collect();
    let links = || relations.index.links.iter().flatten();
    let ends_gone = !gone_keys.is_empty() && links().any(|link| gone_keys.contains(link));
    // A contact that somebody edited may show another status than its relations give.
    let status_due = tables[Table::Contacts.index()]
        .as_ref()
        .is_some_and(|seen| {
            let column = Table::Contacts.column(STATUS);
            let shows = seen
                .export
                .as_ref()
                .zip(column)
                .is_some_and(|(export, column)| export.columns.has(column));
            shows && !seen.diff.touched.is_empty()
        });
    let unchanged =
        !relations.is_changed() && relations.diff.touched.is_empty() && !ends_gone && !status_due;
    if relations.export.is_none() || unchanged {
        couplings.now.clone_from(&couplings.before);
        couplings.links = match &relations.export {
            Some(_) => relations
                .diff
                .olds
                .iter()
                .map(|old| relations.index.links[*old as usize - 1])
                .collect(),
            None => Vec::new(),
        };
        return Ok(couplings);
    }
    for seen in tables.iter_mut().flatten() {
        if seen.table != Table::Relations {
            seen.find_keys(None);
        }
    }
    let tables = &*tables;
    read_relations(config, tables, gone, seed, &mut couplings, problems)?;
    Ok(couplings)
}

fn read_relations(
    config: &Config,
    tables: &[Option<Seen<'_>>],
    gone: &BTreeSet<(Table, String)>,
    seed: u64,
    couplings: &mut Couplings,
    problems: &mut Vec<Problem>,
) -> Result<(), StateError> {
    let Some(seen) = tables[Table::Relations.index()].as_ref() else {
        return Ok(());
    };
    let Some(export) = &seen.export else {
        return Ok(());
    };
    let mut relations: Vec<Relation> = Vec::with_capacity(export.records.len());
    let mut at_of: Vec<usize> = Vec::with_capacity(export.records.len());
    for at in 0..export.records.len() {
        let trouble = |kind: &str, reason: String, advice: &str| {
            Problem::new(seen.place(at), kind, reason, advice)
        };
        let record = match export.record(at) {
            Ok(record) => record,
            Err(fault) => {
                problems.push(trouble(
                    fault.kind,
                    fault.reason,
                    "mend the row; the rest goes on",
                ));
                continue;
            }
        };
        if seen.is_double(at) {
            problems.push(trouble(
                "duplicate-key",
                "another row has the same contact no. and business relation code".to_owned(),
                "remove one of them; until then neither couples",
            ));
            continue;
        }
        let code = |column: usize| {
            record
                .value(column)
                .map(|text| form::canonical(Form::Code, text).into_owned())
                .unwrap_or_default()
        };
        relations.push(Relation {
            contact: code(0),
            code: code(1),
            link: record.value(2).map(|text| text.to_string()),
            no: code(3),
        });
        at_of.push(at);
    }
    let exists = |table: Table, no: &str| {
        let key = plain(key_print(&[no], seed));
        tables[table.index()]
            .as_ref()
            .is_some_and(|seen| seen.exists(key))
    };
    let found = standings(
        &relations,
        &config.setup.codes,
        &|no| exists(Table::Contacts, no),
        &|kind, no| exists(Table::Counterparts(kind), no),
    );
    couplings.links = vec![[0, 0]; export.records.len()];
    let mut rows: PrintMap<Vec<StatusRow>> = PrintMap::default();
    let setup_codes: Vec<&str> = config
        .setup
        .codes
        .iter()
        .flatten()
        .map(String::as_str)
        .collect();
    for ((relation, standing), at) in relations.iter().zip(found).zip(at_of) {
        let contact = plain(key_print(&[&relation.contact], seed));
        couplings.links[at][0] = contact;
        let trouble = |kind: &str, reason: String, advice: &str| {
            let mut place = seen.place(at);
            place.key = Some(format!("{} {}", relation.contact, relation.code));
            Problem::new(place, kind, reason, advice)
        };
        let was_deleted = |table: Table, no: &str| gone.contains(&(table, no.to_owned()));
        let kind_of_row = match &standing {
            Standing::Couples(kind)
            | Standing::NoContact(kind)
            | Standing::NoCounterpart(kind)
            | Standing::SecondOfContact(kind)
            | Standing::SecondOfCounterpart(kind) => Some(*kind),
            Standing::Carried | Standing::UnknownLink => None,
        };
        let table = kind_of_row.map(Table::Counterparts);
        let mut remove = |reason: String| {
            couplings.troubled.insert(at);
            couplings.removals.push(Removal {
                at,
                relation: relation.clone(),
                table,
                reason,
            });
        };
        let is_trouble = !matches!(standing, Standing::Couples(_) | Standing::Carried);
        let carried_of_nobody =
            standing == Standing::Carried && was_deleted(Table::Contacts, &relation.contact);
        match standing {
            _ if carried_of_nobody && !exists(Table::Contacts, &relation.contact) => {
                remove(format!("contact {} is gone", relation.contact));
                continue;
            }
            Standing::Couples(kind) => {
                let link = tagged(
                    plain(key_print(&[&relation.no], seed)),
                    Table::Counterparts(kind),
                );
                couplings.links[at][1] = link;
                couplings.now.push((contact, link));
            }
            Standing::Carried => {}
            Standing::NoContact(_) if was_deleted(Table::Contacts, &relation.contact) => {
                remove(format!("contact {} is gone", relation.contact));
                continue;
            }
            Standing::NoCounterpart(kind)
                if was_deleted(Table::Counterparts(kind), &relation.no) =>
            {
                remove(format!("{} {} is gone", kind.def().noun, relation.no));
                continue;
            }
            Standing::NoContact(_) => problems.push(trouble(
                "no-contact",
                format!("there is no contact {}", relation.contact),
                "export the contact or remove the relation; it does not couple",
            )),
            Standing::NoCounterpart(kind) => problems.push(trouble(
                "no-counterpart",
                format!("there is no {} {}", kind.def().noun, relation.no),
                "export the record or remove the relation; it does not couple",
            )),
            Standing::SecondOfContact(kind) => problems.push(trouble(
                "second-counterpart",
                format!(
                    "contact {} already has a {}",
                    relation.contact,
                    kind.def().noun
                ),
                "remove one of the relations; the one with the lowest key couples",
            )),
            Standing::SecondOfCounterpart(kind) => problems.push(trouble(
                "second-contact",
                format!("{} {} already has a contact", kind.def().noun, relation.no),
                "remove one of the relations; the one with the lowest key couples",
            )),
            Standing::UnknownLink => problems.push(trouble(
                "unknown-link",
                "\"Link to Table\" says something that no table is called".to_owned(),
                "write Customer, Vendor or Bank Account",
            )),
        }
        if is_trouble {
            couplings.troubled.insert(at);
        }
        rows.entry(contact)
            .or_default()
            .push(status_row(relation, kind_of_row, &setup_codes));
        if seen.is_touched(at) {
            couplings.changed_contacts.insert(contact);
        }
    }
    couplings.now.sort_unstable();
    // What a relation referred to before counts as well: its old contact, and couplings that came or went.
    for (at, link) in seen.index.links.iter().enumerate() {
        if seen.diff.gone.binary_search(&(at as u32)).is_ok() {
            couplings.changed_contacts.insert(link[0]);
        }
    }
    for at in &seen.diff.touched {
        if let Some(old) = (seen.diff.olds[*at as usize] as usize).checked_sub(1) {
            couplings.changed_contacts.insert(seen.index.links[old][0]);
        }
    }
    for pair in difference(&couplings.before, &couplings.now)
        .chain(difference(&couplings.now, &couplings.before))
    {
        couplings.changed_contacts.insert(pair.0);
    }
    couplings.changed_contacts.remove(&0);
    couplings.rows = Some(rows);
    Ok(())
}

/// A row counts for the status when its code is a setup code and its number is filled (`business-central.md` §6.2).
fn status_row(relation: &Relation, kind: Option<Kind>, setup_codes: &[&str]) -> StatusRow {
    let counts = setup_codes
        .iter()
        .any(|code| form::same(Form::Code, code, &relation.code))
        && !relation.no.is_empty();
    StatusRow {
        links: kind.filter(|_| counts),
    }
}

/// The members of one sorted list that the other lacks.
fn difference<'a>(
    of: &'a [(u64, u64)],
    without: &'a [(u64, u64)],
) -> impl Iterator<Item = (u64, u64)> + 'a {
    of.iter()
        .copied()
        .filter(|pair| without.binary_search(pair).is_err())
}

/// The contacts of a tagged counterpart, in both lists: for finding the parties that a changed record belongs to.
pub fn contacts_of<'a>(
    couplings: &'a Couplings,
    counterparts: &'a PrintSet,
) -> impl Iterator<Item = u64> + 'a {
    couplings
        .before
        .iter()
        .chain(&couplings.now)
        .filter(|(_, link)| counterparts.contains(link))
        .map(|(contact, _)| *contact)
}

/// The counterpart of each kind, as untagged keys, in the order of kinds.
pub fn by_kind(links: impl Iterator<Item = u64>) -> Vec<Option<u64>> {
    let mut keys = vec![None; Kind::all().count()];
    for link in links {
        if let Some((Table::Counterparts(kind), key)) = untagged(link) {
            keys[kind.0 as usize] = Some(key);
        }
    }
    keys
}
