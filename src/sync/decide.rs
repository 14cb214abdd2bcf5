//! Decide: from what was observed to a plan, party by party, and to what will be remembered of it. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::config::{Config, Empty};
use crate::exports::{CHANGED, Edits, Export, Record, TooLong, key_print};
use crate::merge::coupling::Relation;
use crate::merge::deliver::{Hold, Owed, Route};
use crate::merge::party::{Cell, Member};
use crate::merge::plan::{
    Change, Claim, Conflict, Debt, Input, InteractionDraft, Origin, PLAN_VERSION, Plan, Uncoupling,
};
use crate::merge::verdict::Modified;
use crate::merge::{
    Capacity, Delivery, FieldMerge, Merged, Party, Rule, Sent, guard, merge, status,
};
use crate::model::{Direction, FieldId, Form, Kind, Place, Problem, Row, Side, Table};
use crate::state::memory::{AgreedRow, AnswerRow, GoneRow, Memory, SentRow};
use crate::state::{StateError, Store};

use super::couple::{Counterparts, Couplings, Removal, STATUS, company_key};
use super::dates;
use super::diff::PrintMap;
use super::observe::{Seen, plain, tagged};

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
    /// Relations that are a problem, and so are looked at again in every pass.
    pub troubled: BTreeSet<usize>,
    /// A file that changed while it was read: the pass must be planned again.
    pub overtaken: Option<PathBuf>,
    /// What will be remembered; tables are added when it is carried out.
    pub memory: Memory,
}

impl Decided {
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
            || self.rebased.values().any(|rows| !rows.is_empty())
            || problems != *known_problems
    }
}

/// Everything that a decision looks at.
pub struct World<'w> {
    /// Configuration.
    pub config: &'w Config,
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
}

/// What is noted on the way, beside the decisions.
struct Notes {
    problems: Vec<Problem>,
    /// Records that were read, by table.
    read: Vec<Vec<bool>>,
    /// A file that is no longer what was read.
    overtaken: Option<PathBuf>,
}

impl Notes {
    /// Reads a record; one that cannot be read is left out and a problem.
    fn record(&mut self, seen: &Seen<'_>, export: &Export, at: usize) -> Option<Record> {
        if let Some(read) = self.read[seen.table.index()].get_mut(at) {
            *read = true;
        }
        match export.record(at) {
            Ok(record) => {
                self.problems.extend(record.problems().iter().cloned());
                Some(record)
            }
            Err(fault) if fault.kind == CHANGED => {
                self.overtaken = Some(seen.path.clone());
                None
            }
            Err(fault) => {
                let advice = "mend the row; the rest goes on";
                self.problems.push(Problem::new(
                    seen.place(at),
                    fault.kind,
                    fault.reason,
                    advice,
                ));
                None
            }
        }
    }
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
    let mut decided = Decided {
        links: world.couplings.links.clone(),
        troubled: world.couplings.troubled.clone(),
        ..Decided::default()
    };
    let records = |seen: &Option<Seen<'_>>| {
        let export = seen.as_ref().and_then(|seen| seen.export.as_ref());
        vec![false; export.map_or(0, |export| export.records.len())]
    };
    let read = world.tables.iter().map(records).collect();
    let mut notes = Notes {
        problems,
        read,
        overtaken: None,
    };
    for &contact in contacts {
        decide_party(world, contact, &mut decided, &mut notes)?;
    }
    left_out(world, &mut notes);
    let Notes {
        mut problems,
        overtaken,
        ..
    } = notes;
    decided.overtaken = overtaken;
    decide_statuses(world, &mut decided)?;
    decide_removals(world, &mut decided)?;
    note_gone(world, &mut decided)?;
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
    plan.halts = guard::check(plan, &counts(world)?, &|table| world.config.limits(table));
    Ok(decided)
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

/// One record of a party as the pass sees it, with what its file says.
struct Seat<'w> {
    side: Side,
    seen: &'w Seen<'w>,
    no: String,
    /// Its record in the export; `None` when it says nothing in this pass.
    at: Option<usize>,
    /// What it shows; a record that a delta export does not list shows its base.
    shown: Option<Row>,
    base: Option<Row>,
    met: bool,
    sent: Vec<crate::state::queries::SentValue>,
}

fn seat<'w>(
    world: &World<'w>,
    side: Side,
    key: u64,
    met: bool,
    notes: &mut Notes,
) -> Result<Option<Seat<'w>>, StateError> {
    let Some(seen) = world.tables[side.table().index()].as_ref() else {
        return Ok(None);
    };
    let base = seen.base(key)?;
    let position = seen.position(key).filter(|at| !seen.is_double(*at));
    let record = match (&seen.export, position) {
        (Some(export), Some(at)) => notes.record(seen, export, at),
        _ => None,
    };
    let at = position.filter(|_| record.is_some());
    let unlisted = seen.export.is_some() && !seen.is_full() && position.is_none();
    let shown = match record {
        Some(record) => Some(record.into_row()),
        None if unlisted => base.clone(),
        None => None,
    };
    let Some(no) = shown
        .as_ref()
        .or(base.as_ref())
        .and_then(|row| row.get(0))
        .map(str::to_owned)
    else {
        return Ok(None);
    };
    let table = side.table().name();
    let no = crate::model::form::canonical(Form::Code, &no).into_owned();
    // What was in flight towards a record in another party, or alone, is nobody's here.
    let sent = match world.pending.is_empty() || !met {
        true => Vec::new(),
        false => world.store.sent(table, &no, seen.exports)?,
    };
    Ok(Some(Seat {
        side,
        seen,
        no,
        at,
        shown,
        base,
        met,
        sent,
    }))
}

/// What a record's file can hold of one column.
struct ColumnHold<'w> {
    seen: &'w Seen<'w>,
    column: usize,
}

impl Hold for ColumnHold<'_> {
    fn refuses(&self, text: &str) -> Option<String> {
        let export = self.seen.export.as_ref()?;
        export
            .holds(self.column, text)
            .err()
            .map(|unheld| unheld.to_string())
    }
}

fn member<'w>(seat: &Seat<'w>) -> Member<'w> {
    let seen = seat.seen;
    let table = seat.side.table();
    let mut cells = BTreeMap::new();
    for (column, def) in table.columns().iter().enumerate() {
        let Some(field) = def.shares else { continue };
        let base = seat
            .base
            .as_ref()
            .filter(|_| seat.met)
            .and_then(|row| row.get(column))
            .map(str::to_owned);
        let (shown, (length, cut)) = match &seen.export {
            Some(export) if !export.columns.has(column) => continue,
            Some(export) => {
                let mut shown = seat
                    .shown
                    .as_ref()
                    .and_then(|row| row.get(column))
                    .map(str::to_owned);
                if seen.config.empty == Empty::NoChange
                    && shown.as_deref().is_some_and(crate::model::form::is_blank)
                    && base
                        .as_deref()
                        .is_some_and(|base| !crate::model::form::is_blank(base))
                {
                    shown = None;
                }
                {
                    let (length, too_long) = export.length_of(column);
                    (shown, (length, too_long == TooLong::Cut))
                }
            }
            None if base.is_none() => continue,
            None => (None, (def.length, false)),
        };
        let direction = match seat.side {
            Side::Contact => Direction::Both,
            Side::Counterpart(kind) => kind
                .share(field)
                .map_or(Direction::Both, |(_, share)| share.direction),
        };
        let sent: Vec<Sent> = match seat.sent.is_empty() {
            true => Vec::new(),
            false => {
                let name = field.def().name;
                seat.sent
                    .iter()
                    .filter(|value| value.field == name)
                    .map(|value| value.sent.clone())
                    .collect()
            }
        };
        let capacity = Capacity {
            form: def.form,
            length,
            cut,
        };
        cells.insert(
            field,
            Cell {
                shown,
                base,
                sent,
                direction,
                capacity,
            },
        );
    }
    Member {
        side: seat.side,
        no: seat.no.clone(),
        cells,
        modified: modified(seat),
        route: seen.route(),
        hold: Box::new(move |field| {
            let column = table.column_of(field).unwrap_or(0);
            Box::new(ColumnHold { seen, column })
        }),
    }
}

fn modified(seat: &Seat<'_>) -> Modified {
    let row = seat.shown.as_ref()?;
    let table = seat.side.table();
    let cell = |name: &str| {
        table
            .column(name)
            .and_then(|column| row.get(column))
            .filter(|text| !text.trim().is_empty())
    };
    dates::modified(
        cell("Last Modified Date Time"),
        cell("Last Date Modified"),
        cell("Last Time Modified"),
        seat.seen.config.dates.as_deref(),
    )
}

fn decide_party(
    world: &World<'_>,
    contact: u64,
    decided: &mut Decided,
    notes: &mut Notes,
) -> Result<(), StateError> {
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
        return Ok(());
    };
    if hub.seen.export.is_some() && hub.seen.is_full() && hub.seen.position(contact).is_none() {
        decided.memory.parties.push(hub.no.clone());
        return Ok(());
    }
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
    let is_pending = world.pending.contains(&contact_no);
    if is_pending && !seats[0].met {
        decided.memory.parted.push(GoneRow {
            table: "contacts".to_owned(),
            no: contact_no.clone(),
        });
    }
    if !is_pending && world.config.may_agree_at_sight() && agree_at_sight(&seats) {
        for seat in &seats {
            record_base(seat, Vec::new(), decided);
        }
        return Ok(());
    }
    let members: Vec<Member<'_>> = seats.iter().map(member).collect();
    let exceptions: BTreeMap<FieldId, String> = match is_pending {
        true => world
            .store
            .agreed(&contact_no)?
            .into_iter()
            .filter_map(|(field, value)| Some((FieldId::named(&field)?, value)))
            .collect(),
        false => BTreeMap::new(),
    };
    let mut party = Party {
        members,
        agreed: BTreeMap::new(),
        decided: BTreeMap::new(),
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
    let rules = |field: FieldId| {
        let tables = party_tables(&seats);
        world.config.field_rules(&tables, field)
    };
    let limit = world.config.merge.in_flight_limit;
    let mut merged = merge(&party, &rules, limit);
    if is_pending {
        for (field, value, print) in world.store.decided(&contact_no)? {
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
    decided.memory.parties.push(contact_no);
    Ok(())
}

/// Whether all sides show the same in every field, so that whatever moved, moved to what all agree on: the base of
/// each is what it shows, and nothing is left to decide. Most parties of a first pass are like this.
fn agree_at_sight(seats: &[Seat<'_>]) -> bool {
    let speak = seats.iter().all(|seat| {
        seat.at.is_some() && seat.seen.config.empty == Empty::Clear && seat.sent.is_empty()
    });
    let Some(hub) = seats.first().filter(|_| speak) else {
        return false;
    };
    let Some(hub_row) = &hub.shown else {
        return false;
    };
    // A contact's new name may take its search name along.
    let old_name = hub
        .base
        .as_ref()
        .filter(|_| hub.met)
        .and_then(|row| row.get(NAME));
    if old_name.is_some() && old_name != hub_row.get(NAME) {
        return false;
    }
    FieldId::all().all(|field| {
        let mut values = seats.iter().filter_map(|seat| {
            let column = seat.side.table().column_of(field)?;
            let export = seat
                .seen
                .export
                .as_ref()
                .filter(|export| export.columns.has(column));
            export.map(|_| seat.shown.as_ref().and_then(|row| row.get(column)))
        });
        let Some(first) = values.next() else {
            return true;
        };
        values.all(|value| value == first)
    })
}

/// The contact's Name stands right after its number.
const NAME: usize = 1;

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

/// Turns what the merge of a party says into changes, conflicts, debts and what will be remembered.
fn record_party(
    seats: &[Seat<'_>],
    party: &Party<'_>,
    merged: &Merged,
    exceptions: &BTreeMap<FieldId, String>,
    decided: &mut Decided,
    problems: &mut Vec<Problem>,
) {
    let contact = &seats[0].no;
    let mut bases: Vec<Vec<(usize, Option<String>)>> = vec![Vec::new(); seats.len()];
    for field in &merged.fields {
        let mut new_base: Option<&str> = None;
        for (slot, (seat, delivery)) in seats.iter().zip(&field.deliveries).enumerate() {
            let Some(delivery) = delivery else { continue };
            let Some(column) = seat.side.table().column_of(field.field) else {
                continue;
            };
            new_base = new_base.or(delivery.base.as_deref());
            bases[slot].push((column, delivery.base.clone()));
            record_delivery(seats, seat, column, field, delivery, decided, problems);
        }
        let stored = exceptions.get(&field.field);
        let needed = field
            .agreed
            .as_deref()
            .filter(|agreed| new_base != Some(*agreed));
        if stored.map(String::as_str) != needed {
            decided.memory.agreed.push(AgreedRow {
                contact: contact.clone(),
                field: field.field.def().name.to_owned(),
                value: needed.map(str::to_owned),
            });
        }
        if let Some(conflict) = conflict(seats, party, field) {
            if party.decided.contains_key(&field.field) {
                continue;
            }
            decided.plan.conflicts.push(conflict);
        }
    }
    for (slot, (seat, cells)) in seats.iter().zip(bases).enumerate() {
        resend(seat, slot, merged, decided);
        note_carried(contact, seat, slot, merged, decided);
        record_base(seat, cells, decided);
    }
}

/// An update of a record carries its other shared values too, as the export showed them. When one of them changes before
/// the update is imported, the import brings the old one back; noted here, it is not taken for somebody's new word.
fn note_carried(
    contact: &str,
    seat: &Seat<'_>,
    slot: usize,
    merged: &Merged,
    decided: &mut Decided,
) {
    let (Route::Folder, Some(shown)) = (seat.seen.route(), &seat.shown) else {
        return;
    };
    let deliveries = || {
        merged.fields.iter().filter_map(|field| {
            let column = seat.side.table().column_of(field.field)?;
            Some((column, field, field.deliveries.get(slot)?.as_ref()?))
        })
    };
    let is_written = deliveries().any(|(.., delivery)| delivery.write.is_some());
    for (column, field, delivery) in deliveries() {
        let name = field.field.def().name;
        let base = seat.base.as_ref().and_then(|row| row.get(column));
        let now = delivery.base.as_deref();
        // What earlier updates carried, and what this one carries of a field that is held.
        let earlier = base.filter(|base| !seat.sent.is_empty() && now != Some(*base));
        let held = shown
            .get(column)
            .filter(|shown| is_written && field.held && now != Some(*shown));
        for value in earlier.into_iter().chain(held) {
            decided.memory.sent.push(SentRow {
                table: seat.side.table().name().to_owned(),
                no: seat.no.clone(),
                contact: contact.to_owned(),
                field: name.to_owned(),
                value: value.to_owned(),
                export: seat.seen.exports,
                carried: true,
            });
        }
    }
}

/// An update of a record carries what is in flight towards it as well, in case its system skips the earlier update.
fn resend(seat: &Seat<'_>, slot: usize, merged: &Merged, decided: &mut Decided) {
    let delivery =
        |field: &FieldMerge| field.deliveries.get(slot).and_then(Option::as_ref).cloned();
    let is_written = merged
        .fields
        .iter()
        .any(|field| delivery(field).is_some_and(|d| d.write.is_some()));
    if seat.seen.route() != Route::Folder || !is_written {
        return;
    }
    for field in &merged.fields {
        let Some(delivery) = delivery(field).filter(|delivery| delivery.write.is_none()) else {
            continue;
        };
        let name = field.field.def().name;
        let in_flight = seat
            .sent
            .iter()
            .filter(|value| value.field == name && !value.sent.acknowledged);
        let newest = in_flight.skip(delivery.acknowledged).last();
        if let (Some(value), Some(column)) = (newest, seat.side.table().column_of(field.field)) {
            write_cell(seat, column, &value.sent.value, decided);
        }
    }
}

/// Notes the base of a record where it is not just what the record shows.
fn record_base(seat: &Seat<'_>, cells: Vec<(usize, Option<String>)>, decided: &mut Decided) {
    let (Some(at), Some(shown)) = (seat.at, &seat.shown) else {
        return;
    };
    let table = seat.side.table();
    let unlike: Vec<(usize, Option<String>)> = cells
        .into_iter()
        .filter(|(column, base)| shown.get(*column) != base.as_deref())
        .collect();
    let differs = || {
        let mut row = shown.clone();
        for (column, base) in &unlike {
            row.set(*column, base.clone());
        }
        seat.base.as_ref() != Some(&row)
    };
    if !seat.seen.is_touched(at) && differs() {
        decided.rebased.entry(table).or_default().insert(at);
    }
    if !unlike.is_empty() {
        decided
            .overrides
            .entry(table)
            .or_default()
            .insert(at, unlike);
    }
}

fn record_delivery(
    seats: &[Seat<'_>],
    seat: &Seat<'_>,
    column: usize,
    field: &FieldMerge,
    delivery: &Delivery,
    decided: &mut Decided,
    problems: &mut Vec<Problem>,
) {
    let table = seat.side.table();
    let name = field.field.def().name;
    let contact = &seats[0].no;
    let column_name = table.columns()[column].name;
    if delivery.acknowledged > 0 {
        decided.memory.answers.push(AnswerRow {
            table: table.name().to_owned(),
            no: seat.no.clone(),
            field: name.to_owned(),
            count: delivery.acknowledged,
            export: seat.seen.exports,
        });
    }
    if delivery.overdue {
        problems.push(Problem::new(
            cell_place(seat, column_name),
            "not-imported",
            format!("what was written for it is still not shown after {} newer exports", in_flight_age(seat, name)),
            "see whether its system imports the updates, and decide: `couplet conflicts` lists the field",
        ));
    }
    if let Some(owed) = &delivery.owed {
        let reason = match owed {
            Owed::Silent => "its export says nothing in this pass".to_owned(),
            Owed::NotWritten => "its table is not written back (no write_back)".to_owned(),
            Owed::CannotHold(reason) => {
                let advice = "shorten the value, give the column a longer `length` or pin another `encoding`";
                problems.push(Problem::new(
                    cell_place(seat, column_name),
                    "cannot-hold",
                    reason.clone(),
                    advice,
                ));
                reason.clone()
            }
        };
        decided.plan.debts.push(Debt {
            contact: contact.clone(),
            table: table.name().to_owned(),
            no: seat.no.clone(),
            column: column_name.to_owned(),
            reason,
        });
    }
    let Some(value) = &delivery.write else { return };
    let origins = field
        .because
        .iter()
        .filter_map(|side| seats.iter().find(|seat| seat.side == *side));
    let change = Change {
        contact: contact.clone(),
        table: table.name().to_owned(),
        no: seat.no.clone(),
        column: column_name.to_owned(),
        from: seat
            .shown
            .as_ref()
            .and_then(|row| row.get(column))
            .unwrap_or_default()
            .to_owned(),
        to: value.clone(),
        rule: field.rule,
        because: origins.map(origin).collect(),
        file: seat.seen.file(),
        line: line(seat),
    };
    write_cell(seat, column, value, decided);
    if seat.seen.route() == Route::Folder {
        decided.memory.sent.push(SentRow {
            table: table.name().to_owned(),
            no: seat.no.clone(),
            contact: contact.clone(),
            field: name.to_owned(),
            value: value.clone(),
            export: seat.seen.exports,
            carried: false,
        });
    }
    decided.plan.changes.push(change);
}

fn in_flight_age(seat: &Seat<'_>, field: &str) -> u32 {
    let mut waiting = seat
        .sent
        .iter()
        .filter(|value| value.field == field && !value.sent.acknowledged);
    waiting.next_back().map_or(0, |value| value.sent.exports)
}

fn write_cell(seat: &Seat<'_>, column: usize, value: &str, decided: &mut Decided) {
    let edits = decided.edits.entry(seat.side.table()).or_default();
    match seat.at {
        Some(at) => edits
            .cells
            .entry(at)
            .or_default()
            .push((column, value.to_owned())),
        // A delta export does not list it; its update row is made of what it showed last, with the new values.
        None => {
            let row = edits
                .unlisted
                .entry(seat.no.clone())
                .or_insert_with(|| whole_row(seat));
            match row.iter_mut().find(|(at, _)| *at == column) {
                Some(cell) => value.clone_into(&mut cell.1),
                None => row.push((column, value.to_owned())),
            }
        }
    }
}

/// The key and shared values of a record that its export does not list.
fn whole_row(seat: &Seat<'_>) -> Vec<(usize, String)> {
    let table = seat.side.table();
    let (Some(row), Some(export)) = (&seat.shown, &seat.seen.export) else {
        return Vec::new();
    };
    let defs = table.columns().iter().enumerate();
    defs.filter(|(at, def)| *at < table.key_columns() || def.shares.is_some())
        .filter(|(at, _)| export.columns.has(*at))
        .filter_map(|(at, _)| Some((at, row.get(at)?.to_owned())))
        .collect()
}

fn line(seat: &Seat<'_>) -> u64 {
    match (&seat.seen.export, seat.at) {
        (Some(export), Some(at)) => export.line_of(at),
        _ => 0,
    }
}

fn origin(seat: &Seat<'_>) -> Origin {
    Origin {
        side: seat.side,
        no: seat.no.clone(),
        file: seat.seen.file(),
        line: line(seat),
    }
}

fn cell_place(seat: &Seat<'_>, column: &str) -> Place {
    let mut place = match seat.at {
        Some(at) => seat.seen.place(at),
        None => Place {
            table: seat.side.table().name().to_owned(),
            file: Some(seat.seen.file()),
            ..Place::default()
        },
    };
    place.key = Some(seat.no.clone());
    place.column = Some(column.to_owned());
    place
}

/// The conflict that a field is in: sides that differ, or a side that does not import what was written for it.
fn conflict(seats: &[Seat<'_>], party: &Party<'_>, field: &FieldMerge) -> Option<Conflict> {
    let overdue = field
        .deliveries
        .iter()
        .flatten()
        .any(|delivery| delivery.overdue);
    let decided = party.decided.contains_key(&field.field);
    if !field.held && !overdue && !decided {
        return None;
    }
    let name = field.field.def().name;
    let claims: Vec<Claim> = seats
        .iter()
        .zip(&party.members)
        .filter_map(|(seat, member)| {
            let cell = member.cells.get(&field.field)?;
            Some(Claim {
                side: seat.side,
                no: seat.no.clone(),
                shows: cell.shown.clone(),
                base: cell.base.clone(),
                moved: field.moved.contains(&seat.side),
                file: seat.seen.file(),
                line: seat.at.map(|_| line(seat)),
            })
        })
        .collect();
    let movers: Vec<String> = claims
        .iter()
        .filter(|claim| claim.moved)
        .map(|claim| format!("{} {}", claim.side, claim.no))
        .collect();
    let movers = movers.join(" and ");
    let joiners: Vec<String> = claims
        .iter()
        .filter(|claim| claim.moved && claim.base.is_none())
        .map(|claim| format!("{} {}", claim.side, claim.no))
        .collect();
    let why = if overdue && !field.held {
        format!("what was written for {name} is not imported by every system")
    } else if field.before.is_none() {
        format!("{movers} meet for the first time and have different values of {name}")
    } else if !joiners.is_empty() {
        format!(
            "{} is new in this party and has another {name}",
            joiners.join(" and ")
        )
    } else if claims.iter().filter(|claim| claim.moved).count() > 1 {
        format!("{movers} changed {name} differently since they last agreed")
    } else {
        format!("{movers} changed {name} without having shown the value that the others agreed on")
    };
    Some(Conflict {
        contact: seats[0].no.clone(),
        field: name.to_owned(),
        agreed: field.before.clone(),
        claims,
        why,
    })
}

/// Writes the status of contacts whose relations changed, or who show another one (`business-central.md` §6.2).
fn decide_statuses(world: &World<'_>, decided: &mut Decided) -> Result<(), StateError> {
    let Some(seen) = &world.tables[Table::Contacts.index()] else {
        return Ok(());
    };
    let (Some(export), Some(column)) = (&seen.export, Table::Contacts.column(STATUS)) else {
        return Ok(());
    };
    let relations_read = world.tables[Table::Relations.index()]
        .as_ref()
        .is_some_and(|seen| seen.export.is_some());
    if !export.columns.has(column)
        || !relations_read
        || seen.route() == Route::Nowhere
        || !world.couplings.were_read()
    {
        return Ok(());
    }
    let company_column = Table::Contacts.column("Company No.").unwrap_or(0);
    for at in 0..export.records.len() {
        let key = seen.diff.keys[at];
        let company = (seen.diff.olds[at] as usize)
            .checked_sub(1)
            .map_or(0, |old| seen.index.links[old][0]);
        let due = seen.is_touched(at)
            || world.couplings.changed_contacts.contains(&key)
            || (company != 0 && world.couplings.changed_contacts.contains(&company));
        if !due || seen.is_double(at) {
            continue;
        }
        let Ok(record) = export.record(at) else {
            continue;
        };
        let row = record.row();
        let company = company_key(row.get(company_column), world.seed);
        let mut rows = world.couplings.status_rows(key).to_vec();
        if company != 0 && company != key {
            rows.extend_from_slice(world.couplings.status_rows(company));
        }
        let (Some(no), Some(shown)) = (row.get(0), row.get(column)) else {
            continue;
        };
        let expected = status::status(&rows);
        let no = crate::model::form::canonical(Form::Code, no).into_owned();
        let in_flight: Vec<_> = match world.pending.contains(&no) {
            true => world
                .store
                .sent("contacts", &no, seen.exports)?
                .into_iter()
                .filter(|v| v.field == STATUS)
                .collect(),
            false => Vec::new(),
        };
        let waiting: Vec<_> = in_flight
            .iter()
            .filter(|value| !value.sent.acknowledged)
            .collect();
        if status::says(shown, expected) {
            if !waiting.is_empty() {
                decided.memory.answers.push(AnswerRow {
                    table: "contacts".to_owned(),
                    no,
                    field: STATUS.to_owned(),
                    count: waiting.len(),
                    export: seen.exports,
                });
            }
            continue;
        }
        if waiting
            .last()
            .is_some_and(|value| value.sent.value == expected)
        {
            continue;
        }
        decided.plan.changes.push(Change {
            contact: no.clone(),
            table: "contacts".to_owned(),
            no: no.clone(),
            column: STATUS.to_owned(),
            from: shown.to_owned(),
            to: expected.to_owned(),
            rule: Rule::Status,
            because: Vec::new(),
            file: seen.file(),
            line: export.line_of(at),
        });
        decided
            .edits
            .entry(Table::Contacts)
            .or_default()
            .cells
            .entry(at)
            .or_default()
            .push((column, expected.to_owned()));
        match seen.route() {
            Route::Folder => decided.memory.sent.push(SentRow {
                table: "contacts".to_owned(),
                no: no.clone(),
                contact: no,
                field: STATUS.to_owned(),
                value: expected.to_owned(),
                export: seen.exports,
                carried: false,
            }),
            Route::InPlace | Route::Nowhere => {
                let overrides = decided
                    .overrides
                    .entry(Table::Contacts)
                    .or_default()
                    .entry(at)
                    .or_default();
                overrides.push((column, Some(expected.to_owned())));
                decided
                    .rebased
                    .entry(Table::Contacts)
                    .or_default()
                    .insert(at);
            }
        }
    }
    Ok(())
}

/// Relations whose record disappeared go with it (`product.md` §6).
fn decide_removals(world: &World<'_>, decided: &mut Decided) -> Result<(), StateError> {
    let Some(seen) = &world.tables[Table::Relations.index()] else {
        return Ok(());
    };
    if world.couplings.removals.is_empty() {
        return Ok(());
    }
    let asked: BTreeSet<String> = world
        .gone
        .iter()
        .filter(|(table, _)| *table == Table::Relations)
        .map(|(_, no)| no.clone())
        .collect();
    for Removal {
        at,
        relation,
        table,
        reason,
    } in &world.couplings.removals
    {
        let name = relation_name(relation);
        let uncoupling = Uncoupling {
            contact: relation.contact.clone(),
            code: relation.code.clone(),
            table: table.map_or("", Table::name).to_owned(),
            no: relation.no.clone(),
            reason: reason.clone(),
        };
        match seen.route() {
            Route::Nowhere => {
                let mut place = seen.place(*at);
                place.key = Some(name);
                let advice = "remove the relation there, or set write_back for relations";
                decided.plan.problems.push(Problem::new(
                    place,
                    "relation-of-gone-record",
                    reason.clone(),
                    advice,
                ));
                continue;
            }
            // Asked for already: its system has not imported it yet.
            Route::Folder if asked.contains(&name) => continue,
            Route::Folder => decided.memory.gone.push(GoneRow {
                table: "relations".to_owned(),
                no: name,
            }),
            Route::InPlace => {}
        }
        decided
            .edits
            .entry(Table::Relations)
            .or_default()
            .remove
            .insert(*at);
        decided.plan.uncouplings.push(uncoupling);
    }
    Ok(())
}

/// How a relation row is named in the state.
pub fn relation_name(relation: &Relation) -> String {
    format!("{} {}", relation.contact, relation.code)
}

/// Remembers which records disappeared, and which of those came back.
fn note_gone(world: &World<'_>, decided: &mut Decided) -> Result<(), StateError> {
    for seen in world
        .tables
        .iter()
        .flatten()
        .filter(|seen| seen.table != Table::Relations)
    {
        for at in &seen.diff.gone {
            if let Some(no) = seen
                .rows
                .get(seen.index.rows[*at as usize])?
                .and_then(|row| row.get(0).map(str::to_owned))
            {
                decided.memory.gone.push(GoneRow {
                    table: seen.table.name().to_owned(),
                    no,
                });
            }
        }
    }
    let mut known: PrintMap<(Table, &str)> = PrintMap::default();
    for (table, no) in world.gone {
        known.insert(
            tagged(plain(key_print(&[no], world.seed)), *table),
            (*table, no),
        );
    }
    let stored = world.store.gone()?;
    for seen in world
        .tables
        .iter()
        .flatten()
        .filter(|seen| seen.table != Table::Relations && seen.export.is_some())
    {
        for at in &seen.diff.touched {
            if let Some((table, no)) = known.get(&tagged(seen.diff.keys[*at as usize], seen.table))
            {
                let row = GoneRow {
                    table: table.name().to_owned(),
                    no: (*no).to_owned(),
                };
                if stored.contains(&row) {
                    decided.memory.returned.push(row);
                }
            }
        }
    }
    // A relation that we asked to remove and that is no longer there has been removed.
    if let Some(seen) = world.tables[Table::Relations.index()]
        .as_ref()
        .filter(|seen| seen.export.is_some())
    {
        let still: BTreeSet<String> = world
            .couplings
            .removals
            .iter()
            .map(|removal| relation_name(&removal.relation))
            .collect();
        if world.couplings.were_read() && seen.is_full() {
            decided.memory.returned.extend(
                stored
                    .into_iter()
                    .filter(|row| row.table == "relations" && !still.contains(&row.no)),
            );
        }
    }
    Ok(())
}

/// One interaction per contact whose party the pass changes; the status alone is none.
fn interactions(world: &World<'_>, plan: &Plan) -> Result<Vec<InteractionDraft>, StateError> {
    let mut by_contact: BTreeMap<&str, (Vec<&Change>, Vec<&Uncoupling>)> = BTreeMap::new();
    for change in plan
        .changes
        .iter()
        .filter(|change| change.rule != Rule::Status)
    {
        by_contact
            .entry(&change.contact)
            .or_default()
            .0
            .push(change);
    }
    for uncoupling in &plan.uncouplings {
        by_contact
            .entry(&uncoupling.contact)
            .or_default()
            .1
            .push(uncoupling);
    }
    let seen = world.tables[Table::Contacts.index()].as_ref();
    let mut drafts = Vec::new();
    for (contact, (changes, uncouplings)) in by_contact {
        let mut fields: Vec<&str> = Vec::new();
        let mut records: Vec<String> = Vec::new();
        let mut origins: BTreeSet<String> = BTreeSet::new();
        for change in &changes {
            if !fields.contains(&change.column.as_str()) {
                fields.push(&change.column);
            }
            let record = format!(
                "{} {}",
                Table::named(&change.table).map_or("record", Table::noun),
                change.no
            );
            if !records.contains(&record) {
                records.push(record);
            }
            match change.rule {
                Rule::Decided => origins.insert("a decision on a conflict".to_owned()),
                _ => {
                    origins.extend(
                        change
                            .because
                            .iter()
                            .map(|origin| format!("{} {}", origin.side, origin.no)),
                    );
                    true
                }
            };
        }
        let mut description = match fields.as_slice() {
            [] => String::new(),
            [one] => format!("{one} updated on {}", records.join(", ")),
            several => format!("{} fields updated on {}", several.len(), records.join(", ")),
        };
        for uncoupling in &uncouplings {
            let joint = if description.is_empty() { "" } else { "; " };
            let noun = Table::named(&uncoupling.table).map_or("relation", Table::noun);
            description.push_str(&format!(
                "{joint}no longer coupled with {noun} {}",
                uncoupling.no
            ));
        }
        let mut subject = fields.join(", ");
        if !origins.is_empty() {
            let origins: Vec<String> = origins.into_iter().collect();
            subject.push_str(&format!(" (from {})", origins.join(", ")));
        }
        let row = match seen {
            Some(seen) => contact_row(seen, plain(key_print(&[contact], world.seed)))?,
            None => None,
        };
        let cell = |name: &str| {
            let column = Table::Contacts.column(name)?;
            row.as_ref()?.get(column).map(str::to_owned)
        };
        drafts.push(InteractionDraft {
            contact: contact.to_owned(),
            company: cell("Company No.").unwrap_or_default(),
            salesperson: cell("Salesperson Code").unwrap_or_default(),
            description: shortened(&description, 100),
            subject,
        });
    }
    Ok(drafts)
}

/// At most this many characters, with a mark where something was left out.
fn shortened(text: &str, length: usize) -> String {
    match text.chars().count() <= length {
        true => text.to_owned(),
        false => text.chars().take(length - 3).chain("...".chars()).collect(),
    }
}

fn contact_row(seen: &Seen<'_>, key: u64) -> Result<Option<Row>, StateError> {
    if let (Some(export), Some(at)) = (&seen.export, seen.position(key))
        && let Ok(record) = export.record(at)
    {
        return Ok(Some(record.row().clone()));
    }
    seen.base(key)
}

/// What the guards look at beside the plan.
fn counts(world: &World<'_>) -> Result<BTreeMap<Table, guard::Counts>, StateError> {
    let mut all = BTreeMap::new();
    for seen in world.tables.iter().flatten() {
        let Some(export) = &seen.export else { continue };
        let mut counts = guard::Counts {
            records: (export.records.len() as u64)
                .max(seen.memory.as_ref().map_or(0, |memory| memory.records)),
            gone: seen.diff.gone.len() as u64,
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
