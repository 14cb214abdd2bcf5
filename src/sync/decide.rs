//! Decide: from what was observed to a plan, party by party, and to what will be remembered of it. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::config::Config;
use crate::exports::{Edits, key_print};
use crate::merge::deliver::Route;
use crate::merge::party::Member;
use crate::merge::plan::{Input, PLAN_VERSION, Plan};
use crate::merge::{Party, guard, merge};
use crate::model::{FieldId, Kind, Problem, Side, Table};
use crate::state::memory::{GoneRow, Memory};
use crate::state::{StateError, Store};

use super::consequences::{conflict, record_base, record_party};
use super::couple::{Counterparts, Couplings};
use super::diff::PrintMap;
use super::interactions::interactions;
use super::observe::{Seen, plain};
use super::relations::{decide_removals, decide_statuses, note_gone};
use super::seat::{Notes, Seat, agree_at_sight, member, seat};
use super::stamps::stamp;

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
    stamp(world, &mut decided)?;
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
