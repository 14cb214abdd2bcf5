//! Decide: from what was observed to a plan, party by party, and to what will be remembered of it. Writes nothing.

mod births;
mod consequences;
mod counts;
pub mod documents;
mod family;
pub(super) mod in_flight;
pub(super) mod interactions;
mod notes;
mod own_cells;
mod party;
mod relations;
mod seat;
mod shares;
mod sight;
mod stamps;
mod statuses;
pub mod words;
pub(super) mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::exports::{Edits, NewRow};
use crate::merge::guard;
use crate::merge::plan::{Input, PLAN_VERSION, Plan};
use crate::model::problem::number_alike;
use crate::model::{Problem, Row, Table};
use crate::state::memory::{HistoryRow, Mark, MarkRow, Memory, OwedCell, RenamedRow};
use crate::state::{StateError, Store};

use super::duplicates;
use super::unsaid::Unsaid;
use counts::counts;
use notes::Notes;
use relations::{decide_removals, note_gone, reassert};
use shares::Share;
use sight::Sight;
use stamps::stamp;
use world::World;

/// Cells of a base, which may be unknown, by column.
pub type Cells = Vec<(usize, Option<String>)>;

/// By record: cells whose base is not what they show.
pub type Overrides = BTreeMap<usize, Cells>;

/// What a pass decided.
#[derive(Default)]
pub struct Decided {
    /// What it will do, for people and for the journal.
    pub plan: Plan,
    /// The same as edits of each table's file.
    pub edits: BTreeMap<Table, Edits>,
    /// Cells of records whose base is not what they show.
    pub overrides: BTreeMap<Table, Overrides>,
    /// Cells of records that no row of the export shows whose base moves all the same, by place in the index.
    pub carried: BTreeMap<Table, Overrides>,
    /// Records that get a new base row although their bytes are as they were.
    pub rebased: BTreeMap<Table, BTreeSet<usize>>,
    /// What each relation refers to, for the index; `None` where that is as it was.
    pub links: Option<Arc<Vec<[u64; 2]>>>,
    /// Records that are a problem, and so are looked at again in every pass.
    pub troubled: BTreeMap<Table, BTreeSet<usize>>,
    /// Rows of records that the pass creates, as the merge fills them.
    pub newborn: BTreeMap<(Table, String), Row>,
    /// New rows, in the order in which they are appended.
    pub born: BTreeMap<Table, Vec<Born>>,
    /// Cells of records whose tables say nothing, for when they do.
    pub owed: BTreeMap<(Table, String), Vec<OwedCell>>,
    /// Unlisted records that go, by their place in the index.
    pub dropped: BTreeMap<Table, BTreeSet<usize>>,
    /// A file that changed while it was read: the pass must be planned again.
    pub overtaken: Option<PathBuf>,
    /// What persons decided on something that is not so any more: contact and field.
    pub stale: BTreeSet<(String, String)>,
    /// Problems that its plan counts and does not name.
    pub unsaid: Unsaid,
    /// What will be remembered; tables are added when it is carried out.
    pub memory: Memory<'static>,
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

    /// Takes in what was decided of further parties.
    pub(super) fn take_in(&mut self, further: Decided) {
        for (table, edits) in further.edits {
            let known = self.edits.entry(table).or_default();
            known.cells.extend(edits.cells);
            known.unlisted.extend(edits.unlisted);
        }
        for (table, overrides) in further.overrides {
            self.overrides.entry(table).or_default().extend(overrides);
        }
        for (table, carried) in further.carried {
            self.carried.entry(table).or_default().extend(carried);
        }
        for (table, rebased) in further.rebased {
            self.rebased.entry(table).or_default().extend(rebased);
        }
        self.newborn.extend(further.newborn);
        self.stale.extend(further.stale);
        self.plan.changes.extend(further.plan.changes);
        self.plan.conflicts.extend(further.plan.conflicts);
        self.plan.debts.extend(further.plan.debts);
        self.memory.sent.extend(further.memory.sent);
        self.memory.answers.extend(further.memory.answers);
        self.memory.agreed.extend(further.memory.agreed);
        self.memory.parties.extend(further.memory.parties);
        self.memory.parted.extend(further.memory.parted);
    }

    /// Whether carrying it out changes anything, in files or in the state; its plan is given.
    pub fn is_news(&self, plan: &Plan, known_problems: &BTreeSet<String>) -> bool {
        let memory = &self.memory;
        let problems: BTreeSet<String> = plan.problems.iter().map(Problem::id).collect();
        plan.writes()
            || !plan.interactions.is_empty()
            || !memory.events.is_empty()
            || memory.events_read.is_some()
            || !memory.sent.is_empty()
            || !memory.answers.is_empty()
            || !memory.agreed.is_empty()
            || !memory.gone.is_empty()
            || !memory.returned.is_empty()
            || !memory.marked.is_empty()
            || !memory.unmarked.is_empty()
            || !memory.renamed.is_empty()
            || self.rebased.values().any(|rows| !rows.is_empty())
            || !self.carried.is_empty()
            || problems != *known_problems
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
pub fn decide<'w>(
    world: &World<'w>,
    store: &Store,
    contacts: &[u64],
    problems: Vec<Problem>,
) -> Result<Decided, StateError> {
    let arranged = world.arranged;
    let mut share = Share {
        decided: Decided {
            links: world.couplings.links.clone(),
            troubled: BTreeMap::from([(Table::Relations, world.couplings.troubled.clone())]),
            ..Decided::default()
        },
        ..Share::default()
    };
    share.notes.problems = problems;
    let of_arranged = arranged.problems.iter().cloned();
    share.notes.problems.extend(of_arranged);
    // Companies first, then persons.
    let sight = Sight::of(world, contacts, &mut share.notes);
    let seen = world.tables[Table::Contacts.index()].as_ref();
    match sight.as_ref().zip(seen) {
        Some((sight, seen)) => share.companies(world, &sight.left(seen, contacts))?,
        None => share.companies(world, contacts)?,
    }
    let follow = |person: &&u64| {
        let company = world.company_of_person(**person, &mut share.notes);
        company.is_some_and(|company| share.families.changed(company))
    };
    let mut persons = std::mem::take(&mut share.persons);
    persons.extend(world.persons.iter().filter(follow));
    share.persons(world, &persons)?;
    let Share {
        mut decided,
        mut notes,
        renamed,
        left,
        ..
    } = share;
    let mut own = in_flight::hear_own_cells(world, &mut decided, &mut notes.problems)?;
    own.extend(arranged.cells.iter().cloned());
    // A name that was owed may be an older one.
    own.extend(own_cells::names(world, &renamed)?);
    own.extend(statuses::due(world)?);
    own_cells::write(world, own, &mut decided, &mut notes.problems)?;
    births::finish(world, &mut decided, &mut notes.problems);
    decided.plan.duplicates = duplicates::of_pass(world, &decided);
    left_out(world, sight.is_some(), &mut notes);
    let Notes {
        mut problems,
        mut unsaid,
        troubled,
        overtaken,
        ..
    } = notes;
    decided.overtaken = overtaken;
    for (table, records) in troubled {
        decided.troubled.entry(table).or_default().extend(records);
    }
    let unheard = statuses::unheard(world)?;
    let of_contacts = decided.troubled.entry(Table::Contacts).or_default();
    of_contacts.extend(unheard);
    try_again(world, &mut decided)?;
    keep_troubled(world, &mut decided);
    decide_removals(world, &mut decided, &mut problems)?;
    reassert(world, &mut decided);
    in_flight::complete(world, &mut decided);
    in_flight::carry(world, &mut decided)?;
    stamp(world, &mut decided)?;
    note_gone(world, store, &mut decided)?;
    note_arranged(world, &mut decided);
    own_cells::note_owed(world, &mut decided)?;
    let plan = &mut decided.plan;
    plan.version = PLAN_VERSION;
    plan.after_pass = store.last_pass()?;
    plan.inputs = inputs(world);
    let order = |name: &str| Table::all().position(|table| table.name() == name);
    plan.changes.sort_by(|a, b| {
        let by_record = || (order(&a.table), &a.no).cmp(&(order(&b.table), &b.no));
        a.contact.cmp(&b.contact).then_with(by_record)
    });
    plan.conflicts
        .sort_by(|a, b| (&a.contact, &a.field).cmp(&(&b.contact, &b.field)));
    plan.debts.sort();
    unsaid.say(&mut problems, world.config.most_problems);
    number_alike(&mut problems);
    plan.problems = problems;
    decided.unsaid = unsaid;
    plan.interactions = interactions::of_plan(world, plan)?;
    decided.memory.history = history(plan);
    let documents = documents::of_pass(world, &decided.plan)?;
    decided.plan.documents.clone_from(&documents.written);
    decided.memory.documents = [documents.written, documents.closed].concat();
    let moved = interactions::moved(world, store, &left, &decided.memory)?;
    let plan = &mut decided.plan;
    plan.interactions.extend(moved);
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
    memory.marked.extend(arranged.marked.rows());
    memory.unmarked.extend(arranged.unmarked.iter().cloned());
    let numbered = arranged.numbered.iter();
    memory
        .numbered
        .extend(numbered.map(|(series, last)| (series.clone(), last.clone())));
    for seen in world.tables.iter().flatten() {
        let table = seen.table.name();
        let mark = |mark: Mark, no: &String| MarkRow {
            mark,
            table: table.to_owned(),
            no: no.clone(),
            body: String::new(),
        };
        memory.marked.extend(seen.cut.as_ref().map(|cut| MarkRow {
            body: cut.clone(),
            ..mark(Mark::Cut, &String::new())
        }));
        let is_cut = |row: &&MarkRow| row.mark == Mark::Cut && row.table == table;
        let is_over = |_: &&MarkRow| seen.export.is_some();
        let over = world.marks.iter().filter(is_cut).filter(is_over);
        memory.unmarked.extend(over.cloned());
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
fn left_out<'w>(world: &World<'w>, all_were_read: bool, notes: &mut Notes<'w>) {
    for seen in world
        .tables
        .iter()
        .flatten()
        .filter(|seen| seen.table != Table::Relations)
    {
        let Some(export) = &seen.export else { continue };
        let read = notes.read(seen.table);
        for at in seen.diff.touched.iter().filter(|_| !all_were_read) {
            if read.binary_search(at).is_err() {
                notes.look(seen, *at as usize, |view, problems| view.check(problems));
            }
        }
        for &at in &seen.diff.doubles {
            let at = at as usize;
            let mut place = seen.place_left_out(at);
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
            notes.curb(seen);
        }
    }
}
