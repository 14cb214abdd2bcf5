//! Who is coupled with whom, now and at the last pass, and which relations go because their record disappeared.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::exports::{Export, key_print};
use crate::merge::coupling::{Relation, Standing, kind_of, standings};
use crate::merge::status::StatusRow;
use crate::model::{Form, Kind, Problem, Table, form};

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
    /// Contact and tagged counterpart in force at the last pass.
    before: Vec<[u64; 2]>,
    /// The same now.
    now: Vec<[u64; 2]>,
    /// What each record of the relations export refers to, for its index.
    pub links: Vec<[u64; 2]>,
    /// Records of the relations export that are a problem.
    pub troubled: BTreeSet<usize>,
    /// Rows that go.
    pub removals: Vec<Removal>,
    /// Contacts whose relation rows changed.
    pub changed_contacts: PrintSet,
    /// Relation rows of the contacts that were looked at; `None` where no relation had to be read.
    rows: Option<PrintMap<Vec<StatusRow>>>,
    parties: PrintMap<Counterparts>,
}

/// The counterparts of one contact by kind, as untagged keys.
#[derive(Clone, Debug)]
pub struct Counterparts {
    /// At the last pass.
    pub before: Vec<Option<u64>>,
    /// Now.
    pub now: Vec<Option<u64>>,
}

impl Default for Counterparts {
    fn default() -> Counterparts {
        let none = vec![None; Kind::all().count()];
        Counterparts {
            before: none.clone(),
            now: none,
        }
    }
}

impl Couplings {
    /// How many are in force.
    pub fn len(&self) -> usize {
        self.now.len()
    }

    /// Whether none is in force.
    pub fn is_empty(&self) -> bool {
        self.now.is_empty()
    }

    /// The contacts of these tagged counterparts, now and at the last pass.
    pub fn contacts_of<'a>(&'a self, counterparts: &'a PrintSet) -> impl Iterator<Item = u64> + 'a {
        let pairs = self.before.iter().chain(&self.now);
        pairs
            .filter(|pair| counterparts.contains(&pair[1]))
            .map(|pair| pair[0])
    }

    /// Makes the counterparts of these contacts findable.
    pub fn focus(&mut self, contacts: &PrintSet) {
        let known = |pair: &&[u64; 2]| contacts.contains(&pair[0]);
        for pair in self.before.iter().filter(known) {
            if let Some((Table::Counterparts(kind), key)) = untagged(pair[1]) {
                self.parties.entry(pair[0]).or_default().before[kind.0 as usize] = Some(key);
            }
        }
        for pair in self.now.iter().filter(known) {
            if let Some((Table::Counterparts(kind), key)) = untagged(pair[1]) {
                self.parties.entry(pair[0]).or_default().now[kind.0 as usize] = Some(key);
            }
        }
    }

    /// The counterparts of a contact that is in focus; `None` where it has and had none.
    pub fn of(&self, contact: u64) -> Option<&Counterparts> {
        self.parties.get(&contact)
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

/// Finds the couplings. Only relations that changed are read, and those that share a contact or a counterpart with
/// one that did, or with a record that is gone: no other can couple otherwise than before.
pub fn couple(
    config: &Config,
    tables: &mut [Option<Seen<'_>>],
    gone: &BTreeSet<(Table, String)>,
    seed: u64,
    problems: &mut Vec<Problem>,
) -> Couplings {
    let mut couplings = Couplings::default();
    let Some(relations) = tables[Table::Relations.index()].as_ref() else {
        return couplings;
    };
    let in_force = |links: &[[u64; 2]]| {
        links
            .iter()
            .filter(|link| link[1] != 0)
            .copied()
            .collect::<Vec<_>>()
    };
    couplings.before = in_force(&relations.index.links);
    let Some(export) = &relations.export else {
        couplings.now.clone_from(&couplings.before);
        return couplings;
    };
    let olds = relations
        .diff
        .olds
        .iter()
        .map(|old| (*old as usize).checked_sub(1));
    couplings.links = olds
        .map(|old| old.map_or([0, 0], |old| relations.index.links[old]))
        .collect();
    let ends = ends_concerned(tables);
    let touched = relations.diff.touched.iter().map(|at| *at as usize);
    if relations.diff.touched.is_empty() && relations.diff.gone.is_empty() && ends.is_empty() {
        couplings.now = in_force(&couplings.links);
        return couplings;
    }
    let rows: Vec<Readable> = touched
        .map(|at| read_row(relations, export, at, problems))
        .collect();
    let mut known: PrintMap<Readable> = PrintMap::default();
    let chosen = choose(
        config,
        tables,
        relations,
        &couplings.links,
        ends,
        &rows,
        seed,
    );
    for row in rows {
        known.insert(row.at as u64, row);
    }
    let rows: Vec<Readable> = chosen
        .into_iter()
        .map(|at| {
            known
                .remove(&(at as u64))
                .unwrap_or_else(|| read_row(relations, export, at, problems))
        })
        .collect();
    let mut wanted = PrintSet::default();
    for relation in rows.iter().filter_map(|row| row.relation.as_ref()) {
        wanted.insert(plain(key_print(&[&relation.contact], seed)));
        wanted.insert(plain(key_print(&[&relation.no], seed)));
    }
    for seen in tables.iter_mut().flatten() {
        if seen.table != Table::Relations {
            seen.find_keys(Some(&wanted));
        }
    }
    settle(config, tables, gone, seed, rows, &mut couplings, problems);
    couplings.now = in_force(&couplings.links);
    couplings
}

/// A row of the relations export, if it can be read and counts.
struct Readable {
    at: usize,
    relation: Option<Relation>,
}

fn read_row(seen: &Seen<'_>, export: &Export, at: usize, problems: &mut Vec<Problem>) -> Readable {
    let mut trouble = |kind: &str, reason: String, advice: &str| {
        problems.push(Problem::new(seen.place(at), kind, reason, advice));
        Readable { at, relation: None }
    };
    let record = match export.record(at) {
        Ok(record) => record,
        Err(fault) => return trouble(fault.kind, fault.reason, "mend the row; the rest goes on"),
    };
    if seen.is_double(at) {
        return trouble(
            "duplicate-key",
            "another row has the same contact no. and business relation code".to_owned(),
            "remove one of them; until then neither couples",
        );
    }
    let code = |column: usize| {
        let text = record
            .value(column)
            .map(|text| form::canonical(Form::Code, text).into_owned());
        text.unwrap_or_default()
    };
    let relation = Relation {
        contact: code(0),
        code: code(1),
        link: record.value(2).map(str::to_owned),
        no: code(3),
    };
    Readable {
        at,
        relation: Some(relation),
    }
}

/// Records whose relations must be looked at although those did not change: what is gone, and contacts that somebody
/// edited, who may show another status than their relations give. Counterparts are tagged.
fn ends_concerned(tables: &[Option<Seen<'_>>]) -> PrintSet {
    let mut ends = PrintSet::default();
    for seen in tables
        .iter()
        .flatten()
        .filter(|seen| seen.table != Table::Relations)
    {
        let gone = seen
            .diff
            .gone
            .iter()
            .map(|at| seen.index.keys[*at as usize]);
        ends.extend(gone.map(|key| {
            if seen.table == Table::Contacts {
                key
            } else {
                tagged(key, seen.table)
            }
        }));
    }
    if let Some(seen) = tables[Table::Contacts.index()].as_ref()
        && let Some(export) = &seen.export
        && Table::Contacts
            .column(STATUS)
            .is_some_and(|column| export.columns.has(column))
    {
        ends.extend(
            seen.diff
                .touched
                .iter()
                .map(|at| seen.diff.keys[*at as usize])
                .filter(|key| *key != 0),
        );
    }
    ends
}

/// The rows to be read, ascending: the touched ones, and all that are connected with them, or with one of the ends,
/// through contacts, companies and counterparts.
fn choose(
    config: &Config,
    tables: &[Option<Seen<'_>>],
    relations: &Seen<'_>,
    links: &[[u64; 2]],
    mut ends: PrintSet,
    touched: &[Readable],
    seed: u64,
) -> Vec<usize> {
    if touched.len() * 4 > links.len() {
        return (0..links.len()).collect();
    }
    for relation in touched.iter().filter_map(|row| row.relation.as_ref()) {
        ends.insert(plain(key_print(&[&relation.contact], seed)));
        if let Ok(Some(kind)) = kind_of(relation, &config.setup.codes) {
            ends.insert(tagged(
                plain(key_print(&[&relation.no], seed)),
                Table::Counterparts(kind),
            ));
        }
    }
    let left = relations
        .diff
        .gone
        .iter()
        .map(|at| relations.index.links[*at as usize]);
    let changed = touched.iter().map(|row| links[row.at]);
    ends.extend(left.chain(changed).flatten().filter(|end| *end != 0));
    with_companies(tables, &mut ends, seed);
    let mut chosen: Vec<bool> = vec![false; links.len()];
    for row in touched {
        chosen[row.at] = true;
    }
    loop {
        let mut grew = false;
        for (at, link) in links
            .iter()
            .enumerate()
            .filter(|(at, _)| !relations.is_touched(*at))
        {
            if !chosen[at] && link.iter().any(|end| *end != 0 && ends.contains(end)) {
                chosen[at] = true;
                grew = true;
                ends.extend(link.iter().filter(|end| **end != 0));
            }
        }
        if !grew {
            break;
        }
    }
    (0..links.len()).filter(|at| chosen[*at]).collect()
}

/// A person's status counts its company's relations too, so the two are looked at together.
fn with_companies(tables: &[Option<Seen<'_>>], ends: &mut PrintSet, seed: u64) {
    let Some(seen) = tables[Table::Contacts.index()].as_ref() else {
        return;
    };
    let column = Table::Contacts.column("Company No.").unwrap_or(0);
    if let Some(export) = &seen.export {
        for at in seen.diff.touched.iter().map(|at| *at as usize) {
            if let Ok(record) = export.record(at) {
                let company = company_key(record.value(column), seed);
                ends.extend((company != 0).then_some(company));
            }
        }
    }
    let persons = seen.index.keys.iter().zip(&seen.index.links);
    let persons: Vec<u64> = persons
        .filter(|(_, link)| link[0] != 0 && ends.contains(&link[0]))
        .map(|(key, _)| *key)
        .collect();
    ends.extend(persons);
}

/// The key of a contact's company; 0 where it has none.
pub fn company_key(company: Option<&str>, seed: u64) -> u64 {
    company
        .filter(|no| !no.trim().is_empty())
        .map_or(0, |no| plain(key_print(&[no], seed)))
}

/// Says what each of these rows does, and notes what follows from it.
fn settle(
    config: &Config,
    tables: &[Option<Seen<'_>>],
    gone: &BTreeSet<(Table, String)>,
    seed: u64,
    read: Vec<Readable>,
    couplings: &mut Couplings,
    problems: &mut Vec<Problem>,
) {
    let Some(seen) = tables[Table::Relations.index()].as_ref() else {
        return;
    };
    let mut relations: Vec<Relation> = Vec::with_capacity(read.len());
    let mut at_of: Vec<usize> = Vec::with_capacity(read.len());
    let old_links: Vec<(usize, [u64; 2])> = read
        .iter()
        .map(|row| (row.at, couplings.links[row.at]))
        .collect();
    for row in read {
        couplings.links[row.at] = [0, 0];
        if let Some(relation) = row.relation {
            relations.push(relation);
            at_of.push(row.at);
        }
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
    // What a relation referred to before counts as well: its old contact, and couplings that came or went.
    couplings.changed_contacts.extend(
        seen.diff
            .gone
            .iter()
            .map(|at| seen.index.links[*at as usize][0]),
    );
    for (at, old) in old_links {
        let new = couplings.links[at];
        if old != new || seen.is_touched(at) {
            couplings.changed_contacts.extend([old[0], new[0]]);
        }
    }
    couplings.changed_contacts.remove(&0);
    couplings.rows = Some(rows);
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
