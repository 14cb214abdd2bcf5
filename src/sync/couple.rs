//! Who is coupled with whom, now and at the last pass, and which relations go because their record disappeared.

pub mod affected;
pub(super) mod presence;
pub mod relation_rows;
mod silence;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::Config;
use crate::exports::key_print;
use crate::merge::coupling::{Ends, Relation, Stand, Standing, clear_standings, standings};
use crate::merge::status::StatusRow;
use crate::model::{Kind, Place, Problem, Table};
use crate::state::StateError;

use super::arrange::Arranged;
use super::observe::diff::PrintSet;
use super::observe::keys::{Positions, Wanted, find_keys};
use super::observe::{Seen, plain, tagged, untagged};
use super::spread::{in_parts, joined};
use presence::Presence;
use relation_rows::{Brief, Rows, Rules, links_before};
use silence::Silence;

/// The column of a contact that says its status.
pub const STATUS: &str = "Contact Business Relation";

/// The column of a counterpart that names its primary contact.
pub const PRIMARY_CONTACT: &str = "Primary Contact No.";

/// A relation row that goes, because its contact or its counterpart disappeared, or because that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Its record in the relations export.
    pub at: usize,
    /// The row.
    pub relation: Relation,
    /// The table of its counterpart, where it has one.
    pub table: Option<Table>,
    /// Why, as a sentence.
    pub reason: String,
    /// Whether it was asked for, and went with no record.
    pub is_asked: bool,
}

/// The couplings of a pass. Those of the last one stand in the index of the relations, and mostly nothing about them changes.
#[derive(Debug, Default)]
pub struct Couplings {
    /// What each relation row refers to, for its index; `None` where each stands where it stood and refers to what it did.
    pub links: Option<Arc<Vec<[u64; 2]>>>,
    /// Records that came back under another number: which end of a pair, and the old and the new key.
    renamed: Vec<(usize, u64, u64)>,
    /// Ends of pairs that came back; while they were gone, nobody was coupled with them, whatever relations said.
    pub(super) returned: PrintSet,
    /// How many are in force.
    count: usize,
    /// Records of the relations export that are a problem.
    pub troubled: BTreeSet<usize>,
    /// Rows that go.
    pub removals: Vec<Removal>,
    /// Contacts whose relation rows changed. Where contacts are read for the first time, all are looked at, and none is named here.
    pub changed_contacts: PrintSet,
    /// Whether relations had to be read.
    were_read: bool,
    /// Contact and row, by contact: the relation rows that were read, as statuses see them.
    statuses: Vec<(u64, StatusRow)>,
    /// The couplings of the contacts in focus at the last pass.
    before: Pairs,
    /// The same now, where that is not the same.
    now: Option<Pairs>,
}

/// The counterparts of one contact by kind, as untagged keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counterparts {
    /// At the last pass.
    pub before: [Option<u64>; Kind::COUNT],
    /// Now.
    pub now: [Option<u64>; Kind::COUNT],
}

/// Pairs of contact and tagged counterpart, by contact.
#[derive(Debug, Default)]
struct Pairs {
    pairs: Arc<Vec<[u64; 2]>>,
    /// Where the pairs of a contact are that are in force.
    by_contact: Positions,
}

impl Pairs {
    fn of(pairs: Arc<Vec<[u64; 2]>>, count: usize) -> Pairs {
        let mut by_contact = Positions::with_room(count, pairs.len());
        for (at, pair) in pairs.iter().enumerate().filter(|(_, pair)| pair[1] != 0) {
            by_contact.note(pair[0], at);
        }
        Pairs { pairs, by_contact }
    }

    /// The tagged counterparts of a contact.
    fn of_contact(&self, contact: u64) -> impl Iterator<Item = u64> {
        let found = self.by_contact.find(contact, |at| self.pairs[at][0]);
        found.map(|at| self.pairs[at][1])
    }
}

impl FromIterator<[u64; 2]> for Pairs {
    fn from_iter<I: IntoIterator<Item = [u64; 2]>>(pairs: I) -> Pairs {
        let pairs: Vec<[u64; 2]> = pairs.into_iter().collect();
        let count = pairs.len();
        Pairs::of(Arc::new(pairs), count)
    }
}

impl Couplings {
    /// How many are in force.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none is in force.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Contact and tagged counterpart of every coupling in force.
    pub fn in_force<'a>(
        &'a self,
        relations: Option<&'a Seen<'_>>,
    ) -> impl Iterator<Item = [u64; 2]> + 'a {
        let links = self.links.iter().flat_map(|links| links.iter()).copied();
        let unchanged = relations.filter(|_| self.links.is_none());
        let unchanged = unchanged.into_iter().flat_map(|seen| self.known(seen));
        links.filter(|link| link[1] != 0).chain(unchanged)
    }

    /// Contact and tagged counterpart in force at the last pass.
    fn before<'a>(&'a self, relations: &'a Seen<'_>) -> impl Iterator<Item = [u64; 2]> + 'a {
        let was_over = |pair: &[u64; 2]| pair.iter().any(|end| self.returned.contains(end));
        self.known(relations).filter(move |pair| !was_over(pair))
    }

    /// Contact and tagged counterpart of what relations said when they were last read.
    fn known<'a>(&'a self, relations: &'a Seen<'_>) -> impl Iterator<Item = [u64; 2]> + 'a {
        let links = relations.index.links.iter().filter(|link| link[1] != 0);
        links.map(|link| self.now_called(link))
    }

    /// Who came back under another number was coupled under the one that we gave it.
    pub(super) fn now_called(&self, mut pair: [u64; 2]) -> [u64; 2] {
        for (end, from, to) in &self.renamed {
            if pair[*end] == *from {
                pair[*end] = *to;
            }
        }
        pair
    }

    /// What each relation row refers to, in their order.
    pub fn links<'a>(&'a self, relations: &'a Seen<'_>) -> impl Iterator<Item = [u64; 2]> + 'a {
        let links = self.links.iter().flat_map(|links| links.iter()).copied();
        let unchanged = self.links.is_none().then(|| relations.unlisted());
        let unchanged = unchanged.into_iter();
        links.chain(unchanged.flat_map(|unlisted| links_before(relations, unlisted)))
    }

    /// The contacts of these tagged counterparts, now and at the last pass.
    pub fn contacts_of(&self, counterparts: &Wanted, relations: Option<&Seen<'_>>) -> Vec<u64> {
        let Some(relations) = relations.filter(|_| !counterparts.is_empty()) else {
            return Vec::new();
        };
        let now = self.links.as_ref().map(|_| self.in_force(Some(relations)));
        let pairs = self.known(relations).chain(now.into_iter().flatten());
        pairs
            .filter(|pair| counterparts.contains(pair[1]))
            .map(|pair| pair[0])
            .collect()
    }

    /// Makes the counterparts of these contacts findable.
    pub fn focus(&mut self, contacts: &Wanted, relations: Option<&Seen<'_>>) {
        let Some(relations) = relations.filter(|_| !contacts.is_empty()) else {
            return;
        };
        let known = |pair: &[u64; 2]| contacts.contains(pair[0]);
        self.before = self.before(relations).filter(known).collect();
        self.now = match &self.links {
            Some(links) if contacts.is_all() => Some(Pairs::of(Arc::clone(links), self.count)),
            None if self.returned.is_empty() => None,
            _ => Some(self.in_force(Some(relations)).filter(known).collect()),
        };
    }

    /// The counterparts of a contact that is in focus.
    pub fn of(&self, contact: u64) -> Counterparts {
        let by_kind = |pairs: &Pairs| {
            let mut found = [None; Kind::COUNT];
            for link in pairs.of_contact(contact) {
                if let Some((Table::Counterparts(kind), key)) = untagged(link) {
                    found[kind.0 as usize] = Some(key);
                }
            }
            found
        };
        let before = by_kind(&self.before);
        let now = self.now.as_ref().map_or(before, by_kind);
        Counterparts { before, now }
    }

    /// Whether relations were read in this pass; if not, no relation and no status can have changed.
    pub fn were_read(&self) -> bool {
        self.were_read
    }

    /// The relation rows of a contact as its status sees them.
    pub fn status_rows(&self, contact: u64) -> impl Iterator<Item = StatusRow> {
        let first = self.statuses.partition_point(|(of, _)| *of < contact);
        let rows = self.statuses[first..].iter();
        rows.take_while(move |(of, _)| *of == contact)
            .map(|(_, row)| *row)
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
    let mut couplings = Couplings {
        renamed: renamed(tables, seed),
        ..Couplings::default()
    };
    let (absent, returned) = gone_ends(tables, gone, &couplings, seed);
    couplings.returned = returned;
    let Some(relations) = tables[Table::Relations.index()].as_ref() else {
        return Ok(couplings);
    };
    let Some(export) = &relations.export else {
        let silence = Silence {
            config,
            tables,
            arranged,
            relations,
            absent: &absent,
        };
        let (links, parted) = silence.links(&couplings);
        couplings.links = links.map(Arc::new);
        couplings.troubled = parted;
        couplings.count = couplings.in_force(Some(relations)).count();
        return Ok(couplings);
    };
    let rows = Rows::new(relations, export, arranged);
    let touched = rows.touched();
    // Where much is new, all is read, whatever it is connected with.
    let is_whole = touched.len() * 4 > rows.len();
    let ends = match is_whole {
        true => Wanted::default(),
        false => ends_concerned(tables, gone, arranged, seed),
    };
    if relations.diff.gone.is_empty() && ends.is_empty() && touched.is_empty() {
        couplings.links = rows.moved_links().map(Arc::new);
        couplings.count = couplings.in_force(Some(relations)).count();
        return Ok(couplings);
    }
    let rules = Rules {
        codes: &config.setup.codes,
        gone,
        seed,
    };
    let mut links = rows.old_links();
    let mut read = rows.read_all(&touched, &rules, problems)?;
    let further = match is_whole {
        true => rows.untouched(),
        false => connected(tables, &rows, &links, ends, &read, seed),
    };
    if !further.is_empty() {
        read.extend(rows.read_all(&further, &rules, problems)?);
        read.sort_unstable_by_key(|row| row.at);
    }
    let ends_of = |row: &Brief| [row.contact, row.no];
    let wanted = match is_whole {
        true => Wanted::all(),
        false => {
            let legible = read.iter().filter(|row| row.contact != 0);
            legible.flat_map(ends_of).collect()
        }
    };
    find_keys(tables, &wanted);
    let what = Change {
        config,
        tables,
        gone,
        arranged,
        seed,
    };
    settle(&what, read, &mut links, &mut couplings, problems)?;
    couplings.links = Some(Arc::new(links));
    couplings.count = couplings.in_force(None).count();
    Ok(couplings)
}

/// The ends of pairs that are gone, and those that were and came back: relations name both for as long as they say nothing.
fn gone_ends(
    tables: &mut [Option<Seen<'_>>],
    gone: &BTreeSet<(Table, String)>,
    couplings: &Couplings,
    seed: u64,
) -> (PrintSet, PrintSet) {
    let gone = gone.iter().filter(|(table, _)| *table != Table::Relations);
    let gone = gone.map(|(table, no)| end_key(*table, plain(key_print(&[no], seed))));
    let gone: Wanted = gone.collect();
    let relations = tables[Table::Relations.index()].as_ref();
    let known = relations.filter(|_| !gone.is_empty());
    let known = known.into_iter().flat_map(|seen| couplings.known(seen));
    let concerned = known.filter(|pair| pair.iter().any(|end| gone.contains(*end)));
    let ends: Vec<u64> = concerned.flatten().collect();
    let record = |end: u64| untagged(end).unwrap_or((Table::Contacts, end));
    find_keys(tables, &ends.iter().map(|end| record(*end).1).collect());
    let ends = ends.into_iter().filter(|end| gone.contains(*end));
    let is_absent = |end: &u64| {
        let (table, key) = record(*end);
        let seen = tables[table.index()].as_ref();
        !seen.is_some_and(|seen| seen.exists(key))
    };
    ends.partition(is_absent)
}

/// Records that came back under another number: which end of a pair they are, and their old and their new key.
fn renamed(tables: &[Option<Seen<'_>>], seed: u64) -> Vec<(usize, u64, u64)> {
    let mut renamed = Vec::new();
    for seen in tables.iter().flatten() {
        let end = usize::from(seen.table != Table::Contacts);
        let key = |no: &str| end_key(seen.table, plain(key_print(&[no], seed)));
        let of_table = seen.created.renumbered.iter();
        renamed.extend(of_table.map(|(from, to)| (end, key(from), key(to))));
    }
    renamed
}

/// The key of a record as an end of a pair: that of a counterpart is tagged.
fn end_key(table: Table, key: u64) -> u64 {
    match table {
        Table::Contacts => key,
        _ => tagged(key, table),
    }
}

/// What happened to records and relations.
struct Change<'a, 'c> {
    config: &'a Config,
    tables: &'a [Option<Seen<'c>>],
    gone: &'a BTreeSet<(Table, String)>,
    arranged: &'a Arranged,
    seed: u64,
}

/// The records that are gone and that relations still name, although those speak: they went in this pass, or while relations
/// said nothing. Counterparts are tagged.
pub(super) fn left_behind<'a>(
    relations: &'a Seen<'_>,
    gone: &BTreeSet<(Table, String)>,
    seed: u64,
) -> impl Iterator<Item = u64> + 'a {
    let gone = gone.iter().filter(|(table, _)| *table != Table::Relations);
    let gone = gone.map(|(table, no)| end_key(*table, plain(key_print(&[no], seed))));
    let gone: Wanted = gone.collect();
    let index = Some(&relations.index).filter(|_| relations.export.is_some() && !gone.is_empty());
    let links = index.into_iter().flat_map(|index| {
        let links = index.links.iter().zip(&index.prints).zip(&index.keys);
        // What was left open is looked at anyway where it is listed.
        links.filter(|((_, print), key)| **print != 0 || relations.is_unlisted(**key))
    });
    let ends = links.flat_map(|((link, _), _)| link);
    ends.filter(move |end| *end != 0 && gone.contains(*end))
}

/// Records whose relations must be looked at although those did not change: what is gone, and contacts that somebody
/// edited, who may show another status than their relations give. Counterparts are tagged.
fn ends_concerned(
    tables: &[Option<Seen<'_>>],
    gone: &BTreeSet<(Table, String)>,
    arranged: &Arranged,
    seed: u64,
) -> Wanted {
    let key = |no: &str| plain(key_print(&[no], seed));
    let leaving = arranged.unlinked.iter().map(|(contact, _)| contact);
    let staying = arranged.reasserted.iter().map(|relation| &relation.contact);
    let mut ends: Wanted = leaving.chain(staying).map(|no| key(no)).collect();
    ends.extend(arranged.undisputed.iter().map(|end| match untagged(*end) {
        Some((Table::Contacts, key)) => key,
        _ => *end,
    }));
    let new = arranged.relations.iter().map(|new| &new.relation);
    let new = new.chain(arranged.filled.values());
    ends.extend(new.map(|relation| key(&relation.contact)));
    let born = arranged.births.iter();
    ends.extend(born.map(|birth| end_key(birth.table, key(&birth.no))));
    for seen in tables.iter().flatten() {
        let end = |key: u64| end_key(seen.table, key);
        let renamed = seen.created.renumbered.iter();
        let renamed = renamed.flat_map(|(from, to)| [from, to]);
        ends.extend(renamed.map(|no| end(key(no))));
        let disputed = seen.created.disputed.iter();
        ends.extend(disputed.map(|key| end(*key)));
    }
    let relations = tables[Table::Relations.index()].iter();
    ends.extend(relations.flat_map(|seen| left_behind(seen, gone, seed)));
    if let Some(seen) = tables[Table::Contacts.index()].as_ref()
        && shows_status(seen)
    {
        let touched = seen.diff.touched.iter();
        let touched = touched.map(|at| seen.diff.keys[*at as usize]);
        ends.extend(touched.filter(|key| *key != 0));
    }
    ends
}

/// Whether contacts show their statuses, or may have when their export last said something.
fn shows_status(contacts: &Seen<'_>) -> bool {
    let column = Table::Contacts.column(STATUS);
    let export = contacts.export.as_ref();
    column.is_some_and(|column| export.is_none_or(|export| export.columns.has(column)))
}

/// The rows to be read beside the touched ones, ascending: all that are connected with those, or with one of the ends,
/// through contacts, companies and counterparts.
fn connected(
    tables: &[Option<Seen<'_>>],
    rows: &Rows<'_, '_>,
    links: &[[u64; 2]],
    mut ends: Wanted,
    touched: &[Brief],
    seed: u64,
) -> Vec<u32> {
    for row in touched.iter().filter(|row| row.contact != 0) {
        ends.insert(row.contact);
        if let Ok(Some(kind)) = row.kind {
            ends.insert(tagged(row.no, Table::Counterparts(kind)));
        }
    }
    let relations = rows.seen;
    let left = relations.diff.gone.iter();
    let left = left.map(|at| relations.index.links.at(*at as usize));
    let changed = touched.iter().map(|row| links[row.at as usize]);
    ends.extend(left.chain(changed).flatten().filter(|end| *end != 0));
    with_companies(tables, &mut ends, seed);
    let mut chosen: Vec<bool> = vec![false; links.len()];
    loop {
        let mut grew = false;
        for (at, link) in links.iter().enumerate() {
            let is_known = |end: &u64| *end != 0 && ends.contains(*end);
            if !chosen[at] && link.iter().any(is_known) && !rows.is_touched(at) {
                chosen[at] = true;
                grew = true;
                ends.extend(link.iter().copied().filter(|end| *end != 0));
            }
        }
        if !grew {
            break;
        }
    }
    let chosen = chosen.iter().enumerate().filter(|(_, chosen)| **chosen);
    chosen.map(|(at, _)| at as u32).collect()
}

/// A person's status counts its company's relations too, so the two are looked at together.
fn with_companies(tables: &[Option<Seen<'_>>], ends: &mut Wanted, seed: u64) {
    let Some(seen) = tables[Table::Contacts.index()].as_ref() else {
        return;
    };
    ends.extend(companies_shown(seen, seed));
    let persons = seen.index.links.firsts();
    let persons: Vec<u64> = persons
        .filter(|(_, company)| ends.contains(*company))
        .map(|(at, _)| seen.index.keys[at])
        .collect();
    ends.extend(persons);
}

/// The companies that contacts show whose records changed.
pub fn companies_shown(contacts: &Seen<'_>, seed: u64) -> Vec<u64> {
    let column = Table::Contacts.column("Company No.");
    let export = contacts.export.as_ref().zip(column);
    let Some((export, column)) = export.filter(|(export, column)| export.columns.has(*column))
    else {
        return Vec::new();
    };
    let mut reader = export.reader();
    let mut companies = Vec::new();
    for at in &contacts.diff.touched {
        let view = reader.read(*at as usize);
        if let Ok(Some(company)) = view.and_then(|view| view.value(column)) {
            companies.push(company_key(Some(&company), seed));
        }
    }
    companies.retain(|company| *company != 0);
    companies
}

/// The key of a contact's company; 0 where it has none.
pub fn company_key(company: Option<&str>, seed: u64) -> u64 {
    company
        .filter(|no| !no.trim().is_empty())
        .map_or(0, |no| plain(key_print(&[no], seed)))
}

/// Says what each of these rows does, and notes what follows from it. What they say in words is read where it matters.
fn settle(
    what: &Change<'_, '_>,
    mut read: Vec<Brief>,
    links: &mut [[u64; 2]],
    couplings: &mut Couplings,
    problems: &mut Vec<Problem>,
) -> Result<(), StateError> {
    let (tables, arranged) = (what.tables, what.arranged);
    let contacts = tables[Table::Contacts.index()].as_ref();
    let Some(seen) = tables[Table::Relations.index()].as_ref() else {
        return Ok(());
    };
    let Some(export) = &seen.export else {
        return Ok(());
    };
    let rows = Rows::new(seen, export, arranged);
    let place = |at: usize, relation: &Relation| {
        let mut place = match at < rows.listed {
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
    let olds: Vec<(usize, [u64; 2])> = match contacts.is_some_and(Seen::is_read_first) {
        true => Vec::new(),
        false => {
            let ats = read.iter().map(|row| row.at as usize);
            ats.map(|at| (at, links[at])).collect()
        }
    };
    let has_disputes = has_disputes(tables);
    for row in &mut read {
        let at = row.at as usize;
        links[at] = [row.contact, 0];
        if row.contact == 0 {
            continue;
        }
        let disputed = match row.is_unwanted || !has_disputes {
            true => None,
            false => disputed(what, row),
        };
        if !row.is_unwanted && disputed.is_none() {
            continue;
        }
        couplings.troubled.insert(at);
        let Some(relation) = rows.read(at, problems)? else {
            *row = row.illegible();
            links[at] = [0, 0];
            continue;
        };
        match disputed {
            None => {
                couplings.changed_contacts.insert(row.contact);
                couplings.removals.push(Removal {
                    at,
                    table: row.kind.ok().flatten().map(Table::Counterparts),
                    relation,
                    reason: "it was taken apart".to_owned(),
                    is_asked: true,
                });
            }
            Some((table, kind)) => {
                let no = match table {
                    Table::Contacts => &relation.contact,
                    _ => &relation.no,
                };
                let reason = format!(
                    "{} {no} was created here, and its system has somebody else under that number",
                    table.noun()
                );
                let advice = format!(
                    "`couplet links add {} {} {}` couples them all the same, `couplet links remove` takes the relation out",
                    relation.contact,
                    kind.def().noun,
                    relation.no
                );
                let place = place(at, &relation);
                problems.push(Problem::new(place, "number-taken", reason, advice));
            }
        }
        *row = row.illegible();
    }
    let found = all_standings(what, &rows, &mut read, links, problems)?;
    let gone = what.gone.iter();
    let gone: PrintSet = gone
        .map(|(table, no)| tagged(plain(key_print(&[no], what.seed)), *table))
        .collect();
    let may_be_deleted = |table: Table, key: u64| gone.contains(&tagged(key, table));
    let speaks = |table: Table, key: u64| {
        let seen = tables[table.index()].as_ref();
        seen.is_some_and(|seen| seen.speaks_of(key))
    };
    // Records meet when both speak: nobody knows what a silent one would say.
    let mut coupled_before: Option<Pairs> = None;
    let shows_status = contacts.is_some_and(shows_status);
    for (row, standing) in read.iter().zip(found) {
        if row.contact == 0 {
            continue;
        }
        let (at, contact) = (row.at as usize, row.contact);
        let kind_of_row = match &standing {
            Standing::Couples(kind)
            | Standing::NoContact(kind)
            | Standing::NoCounterpart(kind)
            | Standing::SecondOfContact(kind)
            | Standing::SecondOfCounterpart(kind) => Some(*kind),
            Standing::Carried | Standing::UnknownLink => None,
        };
        // Hashes say whether it is worth reading, and words what was deleted.
        let may_be_of_nobody = matches!(standing, Standing::Carried | Standing::NoContact(_))
            && may_be_deleted(Table::Contacts, contact)
            && stand(what, Table::Contacts, contact) == Stand::Nowhere;
        match standing {
            Standing::Carried if !may_be_of_nobody => {}
            Standing::Couples(kind) => {
                let table = Table::Counterparts(kind);
                let link = tagged(row.no, table);
                let meet = || speaks(Table::Contacts, contact) && speaks(table, row.no);
                let mut met = || {
                    let before = coupled_before
                        .get_or_insert_with(|| couplings.before(seen).collect::<Pairs>());
                    before.of_contact(contact).any(|known| known == link)
                };
                if meet() || met() {
                    links[at][1] = link;
                } else {
                    couplings.troubled.insert(at);
                }
            }
            standing => {
                let Some(relation) = rows.read(at, problems)? else {
                    links[at] = [0, 0];
                    continue;
                };
                let was_deleted =
                    |table: Table, no: &str| what.gone.contains(&(table, no.to_owned()));
                let missed = match standing {
                    Standing::NoCounterpart(kind) => {
                        let table = Table::Counterparts(kind);
                        Some((table, &relation.no)).filter(|_| may_be_deleted(table, row.no))
                    }
                    _ => Some((Table::Contacts, &relation.contact)).filter(|_| may_be_of_nobody),
                };
                let missed = missed.filter(|(table, no)| was_deleted(*table, no));
                if standing != Standing::Carried || missed.is_some() {
                    couplings.troubled.insert(at);
                }
                if let Some((table, no)) = missed {
                    // It goes once its row can be read.
                    if !Presence::of(&relation, Some(seen), what.seed)?.can_go(seen.route()) {
                        continue;
                    }
                    let reason = format!("{} {no} is gone", table.noun());
                    couplings.removals.push(Removal {
                        at,
                        relation,
                        table: kind_of_row.map(Table::Counterparts),
                        reason,
                        is_asked: false,
                    });
                    continue;
                }
                problems.extend(problem(&standing, &relation, || place(at, &relation)));
            }
        }
        // A row counts when its code is a setup code and its number is filled (`business-central.md` §6.2).
        if shows_status {
            let links = kind_of_row.filter(|_| row.links);
            couplings.statuses.push((contact, StatusRow { links }));
        }
    }
    couplings.statuses.sort_by_key(|(contact, _)| *contact);
    // What a relation referred to before counts as well: its old contact, and couplings that came or went.
    let left = seen.diff.gone.iter();
    let left = left.map(|at| seen.index.links.at(*at as usize)[0]);
    couplings.changed_contacts.extend(left);
    for (at, old) in olds {
        let new = links[at];
        if old != new || rows.is_touched(at) {
            couplings.changed_contacts.extend([old[0], new[0]]);
        }
    }
    couplings.changed_contacts.remove(&0);
    couplings.were_read = true;
    Ok(())
}

/// Why a row does not couple, for people.
fn problem(standing: &Standing, relation: &Relation, place: impl Fn() -> Place) -> Option<Problem> {
    let (kind, reason, advice) = match standing {
        Standing::Couples(_) | Standing::Carried => return None,
        Standing::NoContact(_) => (
            "no-contact",
            format!("there is no contact {}", relation.contact),
            "export the contact or remove the relation; it does not couple",
        ),
        Standing::NoCounterpart(kind) => (
            "no-counterpart",
            format!("there is no {} {}", kind.def().noun, relation.no),
            "export the record or remove the relation; it does not couple",
        ),
        Standing::SecondOfContact(kind) => (
            "second-counterpart",
            format!(
                "contact {} already has a {}",
                relation.contact,
                kind.def().noun
            ),
            "remove one of the relations; the one with the lowest key couples",
        ),
        Standing::SecondOfCounterpart(kind) => (
            "second-contact",
            format!("{} {} already has a contact", kind.def().noun, relation.no),
            "remove one of the relations; the one with the lowest key couples",
        ),
        Standing::UnknownLink => (
            "unknown-link",
            "\"Link to Table\" says something that no table is called".to_owned(),
            "write Customer, Vendor or Bank Account",
        ),
    };
    Some(Problem::new(place(), kind, reason, advice))
}

/// Fewer rows than this are not worth a second core.
const WORTH_A_CORE: usize = 16_384;

/// What each row does; only those that are in each other's way are read for that.
fn all_standings(
    what: &Change<'_, '_>,
    rows: &Rows<'_, '_>,
    read: &mut [Brief],
    links: &mut [[u64; 2]],
    problems: &mut Vec<Problem>,
) -> Result<Vec<Standing>, StateError> {
    let ends_of = |row: &Brief| {
        let counts = row.contact != 0;
        let kind = row.kind.ok().flatten().filter(|_| counts);
        let table = kind.map(Table::Counterparts);
        Ends {
            kind: if counts { row.kind } else { Ok(None) },
            contact: kind.map_or(Stand::Nowhere, |_| {
                stand(what, Table::Contacts, row.contact)
            }),
            counterpart: table.map_or(Stand::Nowhere, |table| stand(what, table, row.no)),
        }
    };
    let ends = in_parts(read, WORTH_A_CORE, |part| {
        part.iter().map(ends_of).collect::<Vec<Ends>>()
    });
    let found = clear_standings(&joined(ends));
    let mut unclear: Vec<usize> = (0..found.len()).filter(|at| found[*at].is_none()).collect();
    let mut relations: Vec<Relation> = Vec::with_capacity(unclear.len());
    let mut illegible: Vec<usize> = Vec::new();
    for at in &unclear {
        match rows.read(read[*at].at as usize, problems)? {
            Some(relation) => relations.push(relation),
            None => illegible.push(*at),
        }
    }
    for at in &illegible {
        links[read[*at].at as usize] = [0, 0];
        read[*at] = read[*at].illegible();
    }
    unclear.retain(|at| !illegible.contains(at));
    let codes = &what.config.setup.codes;
    let among = standings(&relations, codes, &|_| true, &|_, _| true);
    let found = found.into_iter();
    let mut found: Vec<Standing> = found
        .map(|standing| standing.unwrap_or(Standing::Carried))
        .collect();
    for (at, standing) in unclear.into_iter().zip(among) {
        found[at] = standing;
    }
    Ok(found)
}

/// Where a record stands that a relation names.
fn stand(what: &Change<'_, '_>, table: Table, key: u64) -> Stand {
    let seen = what.tables[table.index()].as_ref();
    match seen.and_then(|seen| seen.position(key)) {
        Some(at) => Stand::At(at as u32),
        None if what.arranged.birth(table, key).is_some() => Stand::Elsewhere,
        None if seen.is_some_and(|seen| seen.is_unlisted(key)) => Stand::Elsewhere,
        None => Stand::Nowhere,
    }
}

/// Which end of a relation does not couple although both numbers exist: a number of ours was given to somebody else.
fn disputed(what: &Change<'_, '_>, row: &Brief) -> Option<(Table, Kind)> {
    let kind = row.kind.ok().flatten()?;
    let ends = [
        (Table::Contacts, row.contact),
        (Table::Counterparts(kind), row.no),
    ];
    let mut ends = ends.into_iter();
    let (table, _) =
        ends.find(|(table, key)| is_disputed(what.tables, what.arranged, *table, *key))?;
    Some((table, kind))
}

/// Whether a number of ours was given to somebody else, and nobody has coupled those all the same.
pub(super) fn is_disputed(
    tables: &[Option<Seen<'_>>],
    arranged: &Arranged,
    table: Table,
    key: u64,
) -> bool {
    let seen = tables[table.index()].as_ref();
    seen.is_some_and(|seen| seen.created.disputed.contains(&key))
        && !arranged.undisputed.contains(&tagged(key, table))
}

/// Whether any number is disputed.
pub(super) fn has_disputes(tables: &[Option<Seen<'_>>]) -> bool {
    let mut seen = tables.iter().flatten();
    seen.any(|seen| !seen.created.disputed.is_empty())
}
