//! Decide: from what was observed to a plan, party by party, and to what will be remembered of it. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::config::Config;
use crate::exports::{Edits, NewRow, key_print};
use crate::merge::coupling::kind_of;
use crate::merge::deliver::Route;
use crate::merge::party::Member;
use crate::merge::plan::{Input, PLAN_VERSION, Plan};
use crate::merge::{Merged, Party, Values, guard, merge};
use crate::model::{FieldId, Form, Kind, Problem, Row, Side, Table, form};
use crate::state::memory::{GoneRow, HistoryRow, Mark, MarkRow, Memory, RenamedRow};
use crate::state::queries::SentValue;
use crate::state::{StateError, Store};

use super::arrange::Arranged;
use super::consequences::{conflict, record_base, record_party};
use super::couple::{Counterparts, Couplings, relation_of};
use super::diff::{PrintMap, PrintSet};
use super::family::{Families, company_of, given};
use super::interactions::interactions;
use super::observe::{Seen, plain};
use super::relations::{decide_removals, decide_statuses, note_gone, reassert, removal_name};
use super::seat::{Notes, Seat, agree_at_sight, member, seat};
use super::stamps::stamp;
use super::{births, duplicates, own_cells};

/// By record: cells whose base is not what they show.
pub type Overrides = BTreeMap<usize, Vec<(usize, Option<String>)>>;

/// What a pass decided.
#[derive(Default)]
pub struct Decided {
    /// What it will do, for people and for the journal.
    pub plan: Plan,
    /// The same as edits of each table's file.
    pub edits: BTreeMap<Table, Edits>,
    /// Cells of records whose base is not what they show.
    pub overrides: BTreeMap<Table, Overrides>,
    /// Records that get a new base row although their bytes are as they were.
    pub rebased: BTreeMap<Table, BTreeSet<usize>>,
    /// What each relation refers to, for the index.
    pub links: Vec<[u64; 2]>,
    /// Records that are a problem, and so are looked at again in every pass.
    pub troubled: BTreeMap<Table, BTreeSet<usize>>,
    /// Rows of records that the pass creates, as the merge fills them.
    pub newborn: BTreeMap<(Table, String), Row>,
    /// New rows, in the order in which they are appended.
    pub born: BTreeMap<Table, Vec<Born>>,
    /// Unlisted records that go, by their place in the index.
    pub dropped: BTreeMap<Table, BTreeSet<usize>>,
    /// A file that changed while it was read: the pass must be planned again.
    pub overtaken: Option<PathBuf>,
    /// What will be remembered; tables are added when it is carried out.
    pub memory: Memory,
}

/// A row that a pass appends.
#[derive(Clone, Debug)]
pub struct Born {
    /// Its key.
    pub key: u64,
    /// Its values, which become its base.
    pub row: Row,
    /// The row as its file gets it.
    pub new: NewRow,
}

impl Decided {
    /// The row of a record that the pass creates.
    pub(super) fn newborn_row(&mut self, world: &World<'_>, table: Table, key: u64) -> &mut Row {
        let birth = world.arranged.birth(table, key);
        let no = birth.map(|birth| birth.no.clone()).unwrap_or_default();
        let row = self.newborn.entry((table, no));
        row.or_insert_with(|| birth.map(|birth| birth.row.clone()).unwrap_or_default())
    }

    /// Whether carrying it out changes anything, in files or in the state.
    pub fn is_news(&self, known_problems: &BTreeSet<String>) -> bool {
        let memory = &self.memory;
        let problems: BTreeSet<String> = self.plan.problems.iter().map(Problem::id).collect();
        self.plan.writes()
            || !memory.sent.is_empty()
            || !memory.answers.is_empty()
            || !memory.agreed.is_empty()
            || !memory.gone.is_empty()
            || !memory.returned.is_empty()
            || !memory.marked.is_empty()
            || !memory.unmarked.is_empty()
            || !memory.renamed.is_empty()
            || self.rebased.values().any(|rows| !rows.is_empty())
            || problems != *known_problems
    }
}

/// Everything that a decision looks at.
pub struct World<'w> {
    /// Configuration.
    pub config: &'w Config,
    /// The pass's time.
    pub now: &'w jiff::Zoned,
    /// Tables, by [`Table::index`].
    pub tables: &'w [Option<Seen<'w>>],
    /// Couplings.
    pub couplings: &'w Couplings,
    /// The state, read only.
    pub store: &'w Store,
    /// The seed of its hashes.
    pub seed: u64,
    /// Contacts whose parties have something pending, by number.
    pub pending: &'w BTreeSet<String>,
    /// Records that are gone, those of this pass included.
    pub gone: &'w BTreeSet<(Table, String)>,
    /// What the state notes of single records.
    pub marks: &'w [MarkRow],
    /// What the pass does beside merging.
    pub arranged: &'w Arranged,
    /// Persons whose companies the pass looks at, in the order of the index.
    pub persons: &'w [u64],
    /// By key: contacts whose company is agreed on and not shown yet, and the key of that.
    pub assigned: &'w PrintMap<u64>,
}

impl World<'_> {
    /// The key of a number.
    pub(super) fn key(&self, no: &str) -> u64 {
        plain(key_print(&[no], self.seed))
    }

    /// The number under which the state knows a record: who came back under another one is known under ours.
    pub(super) fn former<'n>(&'n self, table: Table, no: &'n str) -> &'n str {
        let seen = self.tables[table.index()].as_ref();
        let renamed = seen.into_iter().flat_map(|seen| &seen.created.renamed);
        let mut of_it = renamed.filter(|(_, to)| to == no);
        of_it.next().map_or(no, |(from, _)| from)
    }

    /// Whether a contact's key is the one of another that came back under this number.
    pub(super) fn is_renamed(&self, from: u64, to: u64) -> bool {
        let seen = self.tables[Table::Contacts.index()].as_ref();
        let mut renamed = seen.into_iter().flat_map(|seen| &seen.created.renamed);
        renamed.any(|(ours, theirs)| self.key(ours) == from && self.key(theirs) == to)
    }

    /// Whether persons may take something over from companies in this pass: not when contacts are read for the first time,
    /// unless some are new.
    pub(super) fn has_families(&self) -> bool {
        let seen = self.tables[Table::Contacts.index()].as_ref();
        seen.is_some_and(|seen| seen.memory.is_some()) || !self.arranged.births.is_empty()
    }

    /// The contact of a counterpart that the pass creates.
    pub(super) fn contact_of_new(&self, kind: Kind, no: &str) -> String {
        let relations = self.arranged.relations.iter().map(|new| &new.relation);
        let mut of_it = relations
            .chain(self.arranged.filled.values())
            .filter(|relation| {
                let of = kind_of(relation, &self.config.setup.codes);
                of == Ok(Some(kind)) && relation.no == no
            });
        of_it
            .next()
            .map(|relation| relation.contact.clone())
            .unwrap_or_default()
    }

    /// The key of the company of a contact that is none itself.
    fn company_of_person(&self, contact: u64) -> Option<u64> {
        let seen = self.tables[Table::Contacts.index()].as_ref()?;
        let of_row = |row: &Row| company_of(row, self.seed);
        if let Some(company) = self.assigned.get(&contact) {
            return Some(*company);
        }
        let company = match (self.arranged.birth(Table::Contacts, contact), &seen.export) {
            (Some(birth), _) => of_row(&birth.row),
            (None, Some(export))
                if seen.position(contact).is_some_and(|at| seen.is_touched(at)) =>
            {
                let at = seen.position(contact)?;
                of_row(export.record(at).ok()?.row())
            }
            _ => seen.index.links[seen.old_position(contact)?][0],
        };
        let given = self.arranged.given.contains_key(&contact);
        (company != 0 && company != contact || given).then_some(company)
    }
}

/// A number or code as it is compared.
pub(super) fn number(no: &str) -> String {
    crate::model::form::canonical(crate::model::Form::Code, no).into_owned()
}

/// Decides a pass that has to look at these contacts.
///
/// # Errors
/// Those of the state.
pub fn decide(
    world: &World<'_>,
    contacts: &[u64],
    problems: Vec<Problem>,
) -> Result<Decided, StateError> {
    let arranged = world.arranged;
    let mut decided = Decided {
        links: world.couplings.links.clone(),
        troubled: BTreeMap::from([(Table::Relations, world.couplings.troubled.clone())]),
        ..Decided::default()
    };
    let records = |seen: &Option<Seen<'_>>| {
        let export = seen.as_ref().and_then(|seen| seen.export.as_ref());
        vec![false; export.map_or(0, |export| export.records.len())]
    };
    let read = world.tables.iter().map(records).collect();
    let mut notes = Notes {
        problems,
        troubled: BTreeMap::new(),
        read,
        overtaken: None,
    };
    notes.problems.extend(arranged.problems.iter().cloned());
    // Companies first, then persons.
    let mut families = Families::default();
    let mut renamed: PrintMap<(String, String)> = PrintMap::default();
    let mut persons: Vec<u64> = Vec::new();
    for &contact in contacts {
        if world.has_families() && world.company_of_person(contact).is_some() {
            persons.push(contact);
            continue;
        }
        let merged = decide_party(world, contact, &families, &mut decided, &mut notes)?;
        if let Some(party) = merged.filter(|_| world.has_families()) {
            families.note(contact, &party.merged.fields, &party.was, party.is_new);
            renamed.extend(
                party
                    .renamed()
                    .map(|name| (contact, (party.no.clone(), name))),
            );
        }
    }
    let known: PrintSet = contacts.iter().copied().collect();
    let follow = |person: &&u64| {
        let company = world.company_of_person(**person);
        !known.contains(person) && company.is_some_and(|company| families.changed(company))
    };
    persons.extend(world.persons.iter().filter(follow));
    for &contact in &persons {
        if let Some(party) = decide_party(world, contact, &families, &mut decided, &mut notes)? {
            renamed.extend(
                party
                    .renamed()
                    .map(|name| (contact, (party.no.clone(), name))),
            );
        }
    }
    own_cells::follow_names(world, &renamed, &mut decided)?;
    own_cells::write_arranged(world, &mut decided)?;
    decide_statuses(world, &mut decided)?;
    births::finish(world, &mut decided, &mut notes.problems);
    decided.plan.duplicates = duplicates::of_pass(world, &decided);
    left_out(world, &mut notes);
    let Notes {
        mut problems,
        troubled,
        overtaken,
        ..
    } = notes;
    decided.overtaken = overtaken;
    for (table, records) in troubled {
        decided.troubled.entry(table).or_default().extend(records);
    }
    try_again(world, &mut decided)?;
    keep_troubled(world, &mut decided);
    decide_removals(world, &mut decided)?;
    reassert(world, &mut decided);
    stamp(world, &mut decided)?;
    note_gone(world, &mut decided)?;
    note_arranged(world, &mut decided);
    let plan = &mut decided.plan;
    plan.version = PLAN_VERSION;
    plan.after_pass = world.store.last_pass()?;
    plan.inputs = inputs(world);
    let order = |table: &str| Table::named(table).map_or(0, Table::index);
    plan.changes.sort_by(|a, b| {
        (&a.contact, order(&a.table), &a.no).cmp(&(&b.contact, order(&b.table), &b.no))
    });
    plan.conflicts
        .sort_by(|a, b| (&a.contact, &a.field).cmp(&(&b.contact, &b.field)));
    plan.debts.sort();
    problems.sort();
    problems.dedup();
    plan.problems = problems;
    plan.interactions = interactions(world, plan)?;
    decided.memory.history = history(plan);
    plan.halts = guard::check(plan, &counts(world)?, &|table| world.config.limits(table));
    Ok(decided)
}

/// A record whose columns could not be followed keeps their base, so that the next pass finds the same move again.
fn try_again(world: &World<'_>, decided: &mut Decided) -> Result<(), StateError> {
    for ((table, no), columns) in &world.arranged.troubled {
        let key = world.key(no);
        let Some(seen) = world.tables[table.index()].as_ref() else {
            continue;
        };
        let Some(at) = seen.position(key) else {
            continue;
        };
        decided.troubled.entry(*table).or_default().insert(at);
        let base = seen.base(key)?;
        let export = seen.export.as_ref();
        let listed = columns
            .iter()
            .filter_map(|column| table.column(column))
            .filter(|column| export.is_some_and(|export| export.columns.has(*column)));
        let kept = listed.map(|column| {
            let was = base.as_ref().and_then(|base| base.get(column));
            (column, Some(was.unwrap_or_default().to_owned()))
        });
        let overrides = decided.overrides.entry(*table).or_default();
        overrides.entry(at).or_default().extend(kept);
    }
    Ok(())
}

/// A record that is a problem although its bytes are as they were gets a new entry in the index, so that it is looked at
/// again.
fn keep_troubled(world: &World<'_>, decided: &mut Decided) {
    for (table, records) in &decided.troubled {
        let Some(seen) = world.tables[table.index()].as_ref() else {
            continue;
        };
        let untouched = records.iter().copied().filter(|at| !seen.is_touched(*at));
        let listed = seen
            .export
            .as_ref()
            .map_or(0, |export| export.records.len());
        let rebased = decided.rebased.entry(*table).or_default();
        rebased.extend(untouched.filter(|at| *at < listed));
    }
}

/// What happens to records as a whole, for who asks later.
fn history(plan: &Plan) -> Vec<HistoryRow> {
    let row = |table: &str, no: &str, event: String, reason: &str| HistoryRow {
        table: table.to_owned(),
        no: no.to_owned(),
        event,
        reason: reason.to_owned(),
    };
    let mut history = Vec::new();
    for new in &plan.creations {
        history.push(row(
            &new.table,
            &new.no,
            "was created".to_owned(),
            &new.reason,
        ));
    }
    let contacts = Table::Contacts.name();
    let mut pair = |what: &str, contact: &str, table: &str, no: &str, reason: &str| {
        let noun = Table::named(table).map_or("nothing", Table::noun);
        history.push(row(
            contacts,
            contact,
            format!("{what} {noun} {no}"),
            reason,
        ));
        history.push(row(table, no, format!("{what} contact {contact}"), reason));
    };
    for new in &plan.couplings {
        let what = "was coupled with";
        pair(what, &new.contact, &new.table, &new.no, &new.reason);
    }
    for gone in &plan.uncouplings {
        let what = "is no longer coupled with";
        pair(what, &gone.contact, &gone.table, &gone.no, &gone.reason);
    }
    history
}

/// What was arranged is remembered.
fn note_arranged(world: &World<'_>, decided: &mut Decided) {
    let memory = &mut decided.memory;
    let arranged = world.arranged;
    memory.marked.extend(arranged.marked.iter().cloned());
    memory.unmarked.extend(arranged.unmarked.iter().cloned());
    let numbered = arranged.numbered.iter();
    memory
        .numbered
        .extend(numbered.map(|(series, last)| (series.clone(), last.clone())));
    let reasserted: Vec<String> = arranged.reasserted.iter().map(removal_name).collect();
    let limit = u64::from(world.config.merge.in_flight_limit);
    let relations = world.tables[Table::Relations.index()].as_ref();
    let exports = relations.map_or(0, |seen| seen.exports);
    let asked = world.marks.iter().filter(|row| row.mark == Mark::Asked);
    let over = asked.filter(|row| {
        let since = row.body.parse().unwrap_or(0);
        exports.saturating_sub(since) > limit || reasserted.contains(&row.no)
    });
    memory.unmarked.extend(over.cloned());
    for seen in world.tables.iter().flatten() {
        let table = seen.table.name();
        let mark = |mark: Mark, no: &String| MarkRow {
            mark,
            table: table.to_owned(),
            no: no.clone(),
            body: String::new(),
        };
        let arrived = seen
            .created
            .arrived
            .iter()
            .map(|no| mark(Mark::Created, no));
        memory.unmarked.extend(arrived);
        let disputed = seen.created.newly_disputed.iter();
        memory
            .marked
            .extend(disputed.map(|no| mark(Mark::Disputed, no)));
        memory
            .renamed
            .extend(seen.created.renamed.iter().map(|(from, to)| RenamedRow {
                table: table.to_owned(),
                from: from.clone(),
                to: to.clone(),
            }));
    }
}

fn inputs(world: &World<'_>) -> Vec<Input> {
    let tables = world.tables.iter().flatten();
    tables
        .filter_map(|seen| {
            let export = seen.export.as_ref()?;
            Some(Input {
                table: seen.table.name().to_owned(),
                file: seen.file(),
                digest: format!("{:032x}", export.digest),
                records: export.records.len() as u64,
            })
        })
        .collect()
}

/// Records of no party that cannot be read, and keys that stand twice: they are left out.
fn left_out(world: &World<'_>, notes: &mut Notes) {
    for seen in world
        .tables
        .iter()
        .flatten()
        .filter(|seen| seen.table != Table::Relations)
    {
        let Some(export) = &seen.export else { continue };
        for &at in &seen.diff.touched {
            if !notes.read[seen.table.index()][at as usize] {
                notes.record(seen, export, at as usize);
            }
        }
        for &at in &seen.diff.doubles {
            let at = at as usize;
            let mut place = seen.place(at);
            place.key = export
                .record(at)
                .ok()
                .and_then(|record| record.value(0).map(|no| no.to_string()));
            let reason = "another record has the same number";
            notes.problems.push(Problem::new(
                place,
                "duplicate-key",
                reason,
                "remove one of them; until then none is merged",
            ));
        }
    }
}

/// A party as its merge left it.
struct Outcome {
    no: String,
    was: Values,
    merged: Merged,
    is_new: bool,
    is_company: bool,
}

impl Outcome {
    /// The new name of a contact that had another one; not of a company, whose name no record shows as its contact's.
    fn renamed(&self) -> Option<String> {
        if self.is_company {
            return None;
        }
        let name = FieldId::named("Name")?;
        let merged = self
            .merged
            .fields
            .iter()
            .find(|merged| merged.field == name)?;
        let new = merged.agreed.clone().filter(|_| !merged.held)?;
        let before = merged.before.as_ref().or(self.was.get(&name));
        before.filter(|before| **before != new)?;
        Some(new)
    }
}

fn decide_party(
    world: &World<'_>,
    contact: u64,
    families: &Families,
    decided: &mut Decided,
    notes: &mut Notes,
) -> Result<Option<Outcome>, StateError> {
    let Counterparts { before, now } = world.couplings.of(contact).cloned().unwrap_or_default();
    let was_coupled = before.iter().any(Option::is_some);
    let is_coupled = now.iter().any(Option::is_some);
    // An uncoupled contact is a party of its own; it meets the first counterpart as if it were new.
    let Some(hub) = seat(
        world,
        Side::Contact,
        contact,
        was_coupled || !is_coupled,
        notes,
    )?
    else {
        return Ok(None);
    };
    if hub.seen.export.is_some() && !hub.is_new && !hub.seen.exists(contact) {
        decided.memory.parties.push(hub.no.clone());
        return Ok(None);
    }
    miss_company(world, contact, &hub, notes);
    let mut seats = vec![hub];
    for kind in Kind::all() {
        let key = now[kind.0 as usize];
        if let Some(left) = before[kind.0 as usize].filter(|left| Some(*left) != key) {
            part(world, kind, left, decided)?;
        }
        if let Some(key) = key {
            let met = before[kind.0 as usize] == Some(key);
            seats.extend(seat(world, Side::Counterpart(kind), key, met, notes)?);
        }
    }
    let contact_no = seats[0].no.clone();
    let known_as = world.former(Table::Contacts, &contact_no).to_owned();
    let is_pending = world.pending.contains(&known_as);
    if is_pending && !seats[0].met {
        decided.memory.parted.push(GoneRow {
            table: "contacts".to_owned(),
            no: contact_no.clone(),
        });
    }
    let exceptions: BTreeMap<FieldId, String> = match is_pending {
        true => world
            .store
            .agreed(&known_as)?
            .into_iter()
            .filter_map(|(field, value)| Some((FieldId::named(&field)?, value)))
            .collect(),
        false => BTreeMap::new(),
    };
    let given = given(world, families, contact, &seats[0], &exceptions)?;
    let may_agree = !is_pending && given.is_empty() && world.config.may_agree_at_sight();
    if may_agree && agree_at_sight(&seats) {
        for seat in &seats {
            record_base(seat, Vec::new(), decided);
        }
        return Ok(None);
    }
    let members: Vec<Member<'_>> = seats.iter().map(member).collect();
    let mut party = Party {
        members,
        agreed: BTreeMap::new(),
        decided: BTreeMap::new(),
        given,
        was: was(&seats[0]),
        is_new: seats[0].is_new,
    };
    if seats[0].met {
        for field in FieldId::all() {
            let of_base = party
                .members
                .iter()
                .find_map(|member| member.cells.get(&field)?.base.clone());
            if let Some(agreed) = exceptions.get(&field).cloned().or(of_base) {
                party.agreed.insert(field, agreed);
            }
        }
    }
    let master = world.arranged.masters.get(&contact);
    let rules = |field: FieldId| {
        let tables = party_tables(&seats);
        let mut rules = world.config.field_rules(&tables, field);
        if let Some(master) = master {
            rules.first_meeting = *master;
        }
        rules
    };
    let limit = world.config.merge.in_flight_limit;
    let mut merged = merge(&party, &rules, limit);
    if is_pending {
        for (field, value, print) in world.store.decided(&known_as)? {
            let Some(field) = FieldId::named(&field) else {
                continue;
            };
            let fresh = merged.fields.iter().find(|merge| merge.field == field);
            let about = fresh
                .and_then(|merge| conflict(&seats, &party, merge))
                .map(|conflict| conflict.print());
            if about.as_ref() == Some(&print) {
                party.decided.insert(field, value);
            }
        }
        if !party.decided.is_empty() {
            merged = merge(&party, &rules, limit);
        }
    }
    record_party(
        &seats,
        &party,
        &merged,
        &exceptions,
        decided,
        &mut notes.problems,
    );
    decided.memory.parties.push(contact_no.clone());
    let kind = FieldId::named("Type").and_then(|field| {
        let merged = merged.fields.iter().find(|merged| merged.field == field)?;
        form::caption(Form::ContactType, merged.agreed.as_deref()?)
    });
    Ok(Some(Outcome {
        no: contact_no,
        was: party.was,
        merged,
        is_company: kind == Some("Company"),
        is_new: seats[0].is_new,
    }))
}

/// What a contact showed before it met its first counterpart.
fn was(hub: &Seat<'_>) -> Values {
    let Some(base) = hub.base.as_ref().filter(|_| !hub.met) else {
        return Values::new();
    };
    let said = FieldId::all().filter_map(|field| {
        let column = Table::Contacts.column_of(field)?;
        Some((field, base.get(column)?.to_owned()))
    });
    said.collect()
}

/// A person whose company does not exist is a problem, and otherwise as any other contact (`business-central.md` §13).
fn miss_company(world: &World<'_>, contact: u64, hub: &Seat<'_>, notes: &mut Notes) {
    let (Some(row), Some(at)) = (&hub.shown, hub.at) else {
        return;
    };
    let company = company_of(row, world.seed);
    let exists = hub.seen.exists(company)
        || world.arranged.birth(Table::Contacts, company).is_some()
        || hub
            .seen
            .created
            .renamed
            .iter()
            .any(|(from, _)| world.key(from) == company);
    // Only keys that were asked for can be found.
    let is_known = world.has_families() || hub.seen.memory.is_none();
    let is_in_flight = |value: &SentValue| value.field == "Company No." && !value.sent.acknowledged;
    if company == 0
        || company == contact
        || exists
        || !is_known
        || hub.sent.iter().any(is_in_flight)
    {
        return;
    }
    let mut place = hub.seen.place(at);
    place.key = Some(hub.no.clone());
    place.column = Some("Company No.".to_owned());
    notes.problems.push(Problem::new(
        place,
        "no-company",
        "its company is not among the contacts",
        "export the company, or correct the Company No.; until then nothing is inherited",
    ));
    notes.trouble(Table::Contacts, at);
}

fn party_tables(seats: &[Seat<'_>]) -> Vec<Table> {
    seats.iter().map(|seat| seat.side.table()).collect()
}

/// A counterpart that left the party: what was in flight towards it is nobody's any more.
fn part(world: &World<'_>, kind: Kind, key: u64, decided: &mut Decided) -> Result<(), StateError> {
    let table = Table::Counterparts(kind);
    let Some(seen) = world.tables[table.index()].as_ref() else {
        return Ok(());
    };
    if let Some(no) = seen
        .base(key)?
        .and_then(|row| row.get(0).map(str::to_owned))
    {
        decided.memory.parted.push(GoneRow {
            table: table.name().to_owned(),
            no,
        });
    }
    Ok(())
}

/// How many records are gone that nobody was asked to remove.
fn gone_unasked(world: &World<'_>, seen: &Seen<'_>) -> Result<u64, StateError> {
    let gone = seen.diff.gone.len() as u64;
    if seen.table != Table::Relations || gone == 0 {
        return Ok(gone);
    }
    let mut asked = 0;
    for at in &seen.diff.gone {
        let row = seen.rows.get(seen.index.rows[*at as usize])?;
        let name = row.map(|row| removal_name(&relation_of(&row)));
        let was_asked = |name| world.gone.contains(&(Table::Relations, name));
        asked += u64::from(name.is_some_and(was_asked));
    }
    Ok(gone - asked)
}

/// What the guards look at beside the plan.
fn counts(world: &World<'_>) -> Result<BTreeMap<Table, guard::Counts>, StateError> {
    let mut all = BTreeMap::new();
    for seen in world.tables.iter().flatten() {
        let Some(export) = &seen.export else { continue };
        let mut counts = guard::Counts {
            records: (export.records.len() as u64)
                .max(seen.memory.as_ref().map_or(0, |memory| memory.records)),
            gone: gone_unasked(world, seen)?,
            reconfigured: seen.reconfigured,
            ..guard::Counts::default()
        };
        let written_pass = seen.memory.as_ref().and_then(|memory| memory.written_pass);
        if let (Route::InPlace, true, Some(pass)) = (seen.route(), seen.is_changed(), written_pass)
        {
            let touched = seen
                .diff
                .touched
                .iter()
                .map(|at| (seen.diff.keys[*at as usize], *at as usize));
            let touched: PrintMap<usize> = touched.collect();
            for (no, column, from, to) in world.store.written(seen.table.name(), pass)? {
                counts.written += 1;
                let Some(column) = seen.table.column(&column) else {
                    continue;
                };
                let at = touched.get(&plain(key_print(&[&no], world.seed)));
                let Some(record) = at.and_then(|at| export.record(*at).ok()) else {
                    continue;
                };
                let form = seen.table.columns()[column].form;
                let shown = record.value(column);
                let shows = |value: &str| {
                    shown.is_some_and(|shown| crate::model::form::same(form, shown, value))
                };
                counts.returned += u64::from(shows(&from) && !shows(&to));
            }
        }
        all.insert(seen.table, counts);
    }
    Ok(all)
}
