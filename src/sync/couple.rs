//! Who is coupled with whom, now and at the last pass, and which relations go because their record disappeared.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::exports::key_print;
use crate::merge::coupling::{Relation, Standing, kind_of, standings};
use crate::merge::status::StatusRow;
use crate::model::{Form, Kind, Place, Problem, Table, form};
use crate::state::StateError;

use super::arrange::Arranged;
use super::diff::{PrintMap, PrintSet};
use super::observe::{Seen, plain, tagged, untagged};
use super::relation_rows::{Readable, Rows};
use super::relations::removal_name;

/// The column of a contact that says its status.
pub const STATUS: &str = "Contact Business Relation";

/// The column of a counterpart that names its primary contact.
pub const PRIMARY_CONTACT: &str = "Primary Contact No.";

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

    /// Contact and tagged counterpart of every coupling in force.
    pub fn in_force(&self) -> &[[u64; 2]] {
        &self.now
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
    arranged: &Arranged,
    seed: u64,
    problems: &mut Vec<Problem>,
) -> Result<Couplings, StateError> {
    let mut couplings = Couplings::default();
    let Some(relations) = tables[Table::Relations.index()].as_ref() else {
        return Ok(couplings);
    };
    couplings.before = in_force(&relations.index.links);
    follow_renames(tables, &mut couplings.before, seed);
    let Some(export) = &relations.export else {
        couplings.now.clone_from(&couplings.before);
        return Ok(couplings);
    };
    let rows = Rows::new(relations, export, arranged);
    couplings.links = rows.old_links();
    let ends = ends_concerned(tables, arranged, seed);
    let has_news = rows.touched().contains(&true);
    if relations.diff.gone.is_empty() && ends.is_empty() && !has_news {
        couplings.now = in_force(&couplings.links);
        return Ok(couplings);
    }
    let touched: Vec<Readable> = (0..rows.len())
        .filter(|at| rows.is_touched(*at))
        .map(|at| rows.read(at, problems))
        .collect::<Result<_, StateError>>()?;
    let chosen = choose(
        config,
        tables,
        &rows,
        &couplings.links,
        ends,
        &touched,
        seed,
    );
    let mut known: PrintMap<Readable> = PrintMap::default();
    for row in touched {
        known.insert(row.at as u64, row);
    }
    let read: Vec<Readable> = chosen
        .into_iter()
        .map(|at| match known.remove(&(at as u64)) {
            Some(row) => Ok(row),
            None => rows.read(at, problems),
        })
        .collect::<Result<_, StateError>>()?;
    let mut wanted = PrintSet::default();
    for relation in read.iter().filter_map(|row| row.relation.as_ref()) {
        wanted.insert(plain(key_print(&[&relation.contact], seed)));
        wanted.insert(plain(key_print(&[&relation.no], seed)));
    }
    let touched: Vec<bool> = rows.touched().to_vec();
    for seen in tables.iter_mut().flatten() {
        if seen.table != Table::Relations {
            seen.find_keys(&wanted);
        }
    }
    let what = Change {
        gone,
        arranged,
        touched: &touched,
        seed,
    };
    settle(config, tables, &what, read, &mut couplings, problems);
    couplings.now = in_force(&couplings.links);
    Ok(couplings)
}

fn in_force(links: &[[u64; 2]]) -> Vec<[u64; 2]> {
    let couples = links.iter().filter(|link| link[1] != 0);
    couples.copied().collect()
}

/// Who came back under another number was coupled under the one that we gave it.
fn follow_renames(tables: &[Option<Seen<'_>>], before: &mut [[u64; 2]], seed: u64) {
    for seen in tables.iter().flatten() {
        for (from, to) in &seen.created.renamed {
            let key = |no: &str| plain(key_print(&[no], seed));
            let (end, from, to) = match seen.table {
                Table::Contacts => (0, key(from), key(to)),
                _ => (
                    1,
                    tagged(key(from), seen.table),
                    tagged(key(to), seen.table),
                ),
            };
            for pair in before.iter_mut().filter(|pair| pair[end] == from) {
                pair[end] = to;
            }
        }
    }
}

/// What happened to records and relations beside what the exports list.
struct Change<'a> {
    gone: &'a BTreeSet<(Table, String)>,
    arranged: &'a Arranged,
    /// Relation rows that are new or whose bytes differ.
    touched: &'a [bool],
    seed: u64,
}

/// Records whose relations must be looked at although those did not change: what is gone, and contacts that somebody
/// edited, who may show another status than their relations give. Counterparts are tagged.
fn ends_concerned(tables: &[Option<Seen<'_>>], arranged: &Arranged, seed: u64) -> PrintSet {
    let key = |no: &str| plain(key_print(&[no], seed));
    let leaving = arranged.unlinked.iter().map(|(contact, _)| contact);
    let staying = arranged.reasserted.iter().map(|relation| &relation.contact);
    let mut ends: PrintSet = leaving.chain(staying).map(|no| key(no)).collect();
    ends.extend(arranged.undisputed.iter().map(|end| match untagged(*end) {
        Some((Table::Contacts, key)) => key,
        _ => *end,
    }));
    ends.extend(
        arranged
            .relations
            .iter()
            .map(|new| key(&new.relation.contact)),
    );
    ends.extend(
        arranged
            .filled
            .values()
            .map(|relation| key(&relation.contact)),
    );
    for birth in &arranged.births {
        let key = key(&birth.no);
        ends.insert(match birth.table {
            Table::Contacts => key,
            table => tagged(key, table),
        });
    }
    for seen in tables.iter().flatten() {
        let renamed = seen
            .created
            .renamed
            .iter()
            .flat_map(|(from, to)| [from, to]);
        let disputed = seen.created.newly_disputed.iter();
        ends.extend(renamed.chain(disputed).map(|no| match seen.table {
            Table::Contacts => key(no),
            table => tagged(key(no), table),
        }));
    }
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
    rows: &Rows<'_, '_>,
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
    let relations = rows.seen;
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
            .filter(|(at, _)| !rows.is_touched(*at))
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
    what: &Change<'_>,
    read: Vec<Readable>,
    couplings: &mut Couplings,
    problems: &mut Vec<Problem>,
) {
    let Change {
        gone,
        arranged,
        seed,
        ..
    } = *what;
    let Some(seen) = tables[Table::Relations.index()].as_ref() else {
        return;
    };
    let mut relations: Vec<Relation> = Vec::with_capacity(read.len());
    let mut at_of: Vec<usize> = Vec::with_capacity(read.len());
    let old_links: Vec<(usize, [u64; 2])> = read
        .iter()
        .map(|row| (row.at, couplings.links[row.at]))
        .collect();
    let listed = seen
        .export
        .as_ref()
        .map_or(0, |export| export.records.len());
    let place = |at: usize, relation: &Relation| {
        let mut place = match at < listed {
            true => seen.place(at),
            false => Place {
                table: seen.table.name().to_owned(),
                file: Some(seen.file()),
                ..Place::default()
            },
        };
        place.key = Some(format!("{} {}", relation.contact, relation.code));
        place
    };
    for row in read {
        couplings.links[row.at] = [0, 0];
        let Some(relation) = row.relation else {
            continue;
        };
        let name = (relation.contact.clone(), relation.code.clone());
        let is_new = row.at >= what.touched.len() - arranged.relations.len();
        let asked = removal_name(&relation);
        let mut staying = arranged.reasserted.iter();
        let was_asked = gone.contains(&(Table::Relations, asked.clone()))
            && !staying.any(|staying| removal_name(staying) == asked);
        if !is_new && (was_asked || arranged.unlinked.contains(&name)) {
            let contact = plain(key_print(&[&relation.contact], seed));
            couplings.changed_contacts.insert(contact);
            couplings.links[row.at] = [contact, 0];
            couplings.troubled.insert(row.at);
            couplings.removals.push(Removal {
                at: row.at,
                table: kind_of(&relation, &config.setup.codes)
                    .ok()
                    .flatten()
                    .map(Table::Counterparts),
                relation,
                reason: "it was taken apart".to_owned(),
            });
            continue;
        }
        if let Some(disputed) = disputed(config, tables, arranged, &relation, seed) {
            let advice = format!(
                "`couplet links add {} {} {}` couples them all the same, `couplet links remove` takes the relation out",
                relation.contact,
                disputed.1.def().noun,
                relation.no
            );
            problems.push(Problem::new(
                place(row.at, &relation),
                "number-taken",
                disputed.0,
                advice,
            ));
            couplings.links[row.at] = [plain(key_print(&[&relation.contact], seed)), 0];
            couplings.troubled.insert(row.at);
            continue;
        }
        relations.push(relation);
        at_of.push(row.at);
    }
    let exists = |table: Table, no: &str| {
        let key = plain(key_print(&[no], seed));
        arranged.birth(table, key).is_some()
            || tables[table.index()]
                .as_ref()
                .is_some_and(|seen| seen.exists(key))
    };
    let found = standings(
        &relations,
        &config.setup.codes,
        &|no| exists(Table::Contacts, no),
        &|kind, no| exists(Table::Counterparts(kind), no),
    );
    let speaks = |table: Table| {
        tables[table.index()]
            .as_ref()
            .is_some_and(|seen| seen.export.is_some())
    };
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
            Problem::new(place(at, relation), kind, reason, advice)
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
                let table = Table::Counterparts(kind);
                let link = tagged(plain(key_print(&[&relation.no], seed)), table);
                // Records meet when both speak: nobody knows what a silent one would say.
                if speaks(Table::Contacts) && speaks(table)
                    || couplings.before.contains(&[contact, link])
                {
                    couplings.links[at][1] = link;
                } else {
                    couplings.troubled.insert(at);
                }
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
        if what.touched[at] {
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
        if old != new || what.touched[at] {
            couplings.changed_contacts.extend([old[0], new[0]]);
        }
    }
    couplings.changed_contacts.remove(&0);
    couplings.rows = Some(rows);
}

/// Why a relation does not couple although both numbers exist: a number of ours was given to somebody else.
fn disputed(
    config: &Config,
    tables: &[Option<Seen<'_>>],
    arranged: &Arranged,
    relation: &Relation,
    seed: u64,
) -> Option<(String, Kind)> {
    let kind = kind_of(relation, &config.setup.codes).ok().flatten()?;
    let ends = [
        (Table::Contacts, &relation.contact),
        (Table::Counterparts(kind), &relation.no),
    ];
    ends.into_iter().find_map(|(table, no)| {
        let key = plain(key_print(&[no], seed));
        let is_disputed = tables[table.index()]
            .as_ref()
            .is_some_and(|seen| seen.created.disputed.contains(&key))
            && !arranged.undisputed.contains(&tagged(key, table));
        is_disputed.then(|| {
            let reason = format!(
                "{} {no} was created here, and its system has somebody else under that number",
                table.noun()
            );
            (reason, kind)
        })
    })
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
