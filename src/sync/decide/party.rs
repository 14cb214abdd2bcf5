//! One party of a pass: its records take their seats, it is merged, and what follows is noted.

use std::collections::BTreeMap;

use crate::merge::party::Member;
use crate::merge::{FieldMerge, Merged, Party, Values, merge};
use crate::model::{FieldId, FieldSet, Form, Kind, Problem, Row, Side, Table, form};
use crate::state::StateError;
use crate::state::memory::{AgreedRow, AnswerRow, GoneRow};
use crate::state::queries::SentValue;
use crate::sync::couple::Counterparts;

use super::Decided;
use super::consequences::{conflict, dispute, note_carried_away, record_base, record_party};
use super::family::{Families, company_of, credit, given};
use super::notes::Notes;
use super::seat::{Seat, agree_at_sight, in_motion, member, seat};
use super::world::World;

/// A party as its merge left it.
pub(super) struct Outcome {
    pub(super) no: String,
    pub(super) was: Values,
    pub(super) merged: Merged,
    /// The fields that were merged; in all others everybody says what the contact shows.
    pub(super) in_motion: FieldSet,
    pub(super) shown: Option<Row>,
    pub(super) is_new: bool,
    is_company: bool,
}

impl Outcome {
    /// The new name of a contact that had another one; not of a company, whose name no record shows as its contact's.
    pub(super) fn renamed(&self) -> Option<String> {
        if self.is_company {
            return None;
        }
        self.changed("Name").map(|(_, new)| new)
    }

    /// The company that a person left for another one, or for none. One that only got another number was not left.
    pub(super) fn left(&self, world: &World<'_>) -> Option<String> {
        let (before, now) = self.changed("Company No.")?;
        let before = form::canonical(Form::Code, &before).into_owned();
        let is_left = !before.is_empty()
            && !self.is_company
            && before != self.no
            && !world.is_renamed(world.key(&before), world.key(&now));
        is_left.then_some(before)
    }

    /// What a field said before, and what it says now.
    fn changed(&self, field: &str) -> Option<(String, String)> {
        let field = FieldId::named(field)?;
        let of_it = |merged: &&FieldMerge| merged.field == field;
        let merged = self.merged.fields.iter().find(of_it)?;
        let new = merged.agreed.clone().filter(|_| !merged.held)?;
        let before = merged.before.as_ref().or(self.was.get(&field))?;
        (*before != new).then(|| (before.clone(), new))
    }
}

pub(super) fn decide_party<'w>(
    world: &World<'w>,
    contact: u64,
    families: &Families,
    decided: &mut Decided,
    notes: &mut Notes<'w>,
) -> Result<Option<Outcome>, StateError> {
    let Counterparts { before, now } = world.couplings.of(contact);
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
        end(world, &hub, before, decided, notes)?;
        return Ok(None);
    }
    miss_company(world, contact, &hub, notes);
    let mut seats = vec![hub];
    let mut left = Vec::new();
    for kind in Kind::all() {
        let key = now[kind.0 as usize];
        if let Some(was) = before[kind.0 as usize].filter(|was| Some(*was) != key) {
            left.extend(part(world, kind, was, &seats[0].no, decided, notes)?);
        }
        if let Some(key) = key {
            let met = before[kind.0 as usize] == Some(key);
            seats.extend(seat(world, Side::Counterpart(kind), key, met, notes)?);
        }
    }
    let contact_no = seats[0].no.clone();
    let known_as = world.former(Table::Contacts, &contact_no).to_owned();
    let is_pending = world.pending.contacts.contains(&known_as);
    if is_pending && !seats[0].met {
        let sent = world.pending.sent(Table::Contacts, &known_as);
        note_carried_away(&contact_no, &seats[0], sent, decided);
        decided
            .memory
            .parted
            .push(parted(Table::Contacts, contact_no.clone()));
    }
    let exceptions: BTreeMap<FieldId, String> = match is_pending {
        true => {
            let agreed = world.pending.agreed(&known_as).iter();
            agreed
                .filter_map(|(field, value)| Some((FieldId::named(field)?, value.clone())))
                .collect()
        }
        false => BTreeMap::new(),
    };
    let given = given(world, families, contact, &seats[0], &exceptions)?;
    let may_agree = !is_pending && given.values.is_empty() && world.config.may_agree_at_sight();
    if may_agree && agree_at_sight(&seats) {
        for seat in &seats {
            record_base(seat, Vec::new(), decided);
        }
        return Ok(None);
    }
    let in_motion = match is_pending {
        true => FieldSet::all(),
        false => in_motion(&seats, given.values.keys().copied()),
    };
    let dates = world.config.goes_by_dates();
    let members: Vec<Member<'_>> = seats
        .iter()
        .map(|seat| member(seat, in_motion, dates))
        .collect();
    let mut party = Party {
        members,
        agreed: BTreeMap::new(),
        decided: BTreeMap::new(),
        given: given.values,
        was: was(&seats[0]),
        is_new: seats[0].is_new,
    };
    if seats[0].met {
        let mut said: Vec<&Seat<'_>> = seats.iter().filter(|seat| seat.met).chain(&left).collect();
        said.sort_by_key(|seat| seat.side);
        for field in in_motion.iter() {
            let mut members = party.members.iter();
            // What nobody shows any more is forgotten, but for what somebody may still import.
            let is_spoken_of =
                is_pending || members.any(|member| member.cells.contains_key(&field));
            // Where who said it first does not show the field any more, or left, the next base may be older than what is agreed.
            let mut said = said.iter().filter(|_| is_spoken_of);
            let of_base = said.find_map(|seat| seat.base_of(field));
            let agreed = exceptions.get(&field).map(String::as_str).or(of_base);
            if let Some(agreed) = agreed {
                party.agreed.insert(field, agreed.to_owned());
            }
        }
    }
    let master = world.arranged.masters.get(&contact);
    let tables: Vec<Table> = seats.iter().map(|seat| seat.side.table()).collect();
    let rules = |field: FieldId| {
        let mut rules = world.config.field_rules(&tables, field);
        if let Some(master) = master {
            rules.first_meeting = *master;
        }
        rules
    };
    let limit = world.config.merge.in_flight_limit;
    let mut merged = merge(&party, &rules, limit);
    if is_pending {
        for (name, value, print) in world.pending.decided(&known_as) {
            let Some(field) = FieldId::named(name) else {
                continue;
            };
            let fresh = merged.fields.iter().find(|merge| merge.field == field);
            // Who decided while the configured policy became another one has decided all the same.
            let about = fresh
                .and_then(|merge| match merge.moved.is_empty() {
                    true => conflict(&seats, &party, merge),
                    false => Some(dispute(&seats, &party, merge, false)),
                })
                .map(|conflict| conflict.print());
            if about.as_ref() == Some(print) {
                party.decided.insert(field, value.clone());
            } else {
                decided.stale.insert((known_as.clone(), name.clone()));
            }
        }
        if !party.decided.is_empty() {
            merged = merge(&party, &rules, limit);
        }
    }
    let before = decided.plan.changes.len();
    record_party(
        &seats,
        &party,
        &merged,
        &exceptions,
        decided,
        &mut notes.problems,
    );
    credit(world, given.company, &mut decided.plan.changes[before..])?;
    looked_at(world, &contact_no, decided);
    let was = std::mem::take(&mut party.was);
    drop(party);
    let hub = seats.swap_remove(0);
    let kind = FieldId::named("Type").and_then(|field| {
        let agreed = match in_motion.contains(field) {
            true => {
                let merged = merged.fields.iter().find(|merged| merged.field == field)?;
                merged.agreed.as_deref()
            }
            false => hub.shown.as_ref()?.get(Table::Contacts.column_of(field)?),
        };
        form::caption(Form::ContactType, agreed?)
    });
    Ok(Some(Outcome {
        no: contact_no,
        was,
        is_company: kind == Some("Company"),
        merged,
        in_motion,
        is_new: hub.is_new,
        shown: hub.shown,
    }))
}

/// Notes that a party was looked at, where something was pending that may be over now, under its number or the one it had before.
fn looked_at(world: &World<'_>, no: &str, decided: &mut Decided) {
    let pending = &world.pending.contacts;
    if pending.contains(no) || pending.contains(world.former(Table::Contacts, no)) {
        decided.memory.parties.push(no.to_owned());
    }
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
fn miss_company(world: &World<'_>, contact: u64, hub: &Seat<'_>, notes: &mut Notes<'_>) {
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

/// A party whose contact is gone: nothing waits for those who are left, and nothing is agreed among them.
fn end<'w>(
    world: &World<'w>,
    hub: &Seat<'w>,
    before: [Option<u64>; Kind::COUNT],
    decided: &mut Decided,
    notes: &mut Notes<'w>,
) -> Result<(), StateError> {
    let no = hub.no.as_str();
    looked_at(world, no, decided);
    let waiting = world.pending.decided(no).iter();
    let waiting = waiting.map(|(field, ..)| (no.to_owned(), field.clone()));
    decided.stale.extend(waiting);
    note_carried_away(no, hub, hub.sent, decided);
    decided
        .memory
        .parted
        .push(parted(Table::Contacts, no.to_owned()));
    for kind in Kind::all() {
        if let Some(left) = before[kind.0 as usize] {
            part(world, kind, left, no, decided, notes)?;
        }
    }
    let agreed = world.pending.agreed(no).iter();
    decided
        .memory
        .agreed
        .extend(agreed.map(|(field, _)| AgreedRow {
            contact: no.to_owned(),
            field: field.clone(),
            value: None,
        }));
    Ok(())
}

/// A counterpart that left the party: nothing waits for it any more. What it said in conflicts there goes with it as its base,
/// so that whom it meets next learns of it although no later delta lists it.
fn part<'w>(
    world: &World<'w>,
    kind: Kind,
    key: u64,
    contact: &str,
    decided: &mut Decided,
    notes: &mut Notes<'w>,
) -> Result<Option<Seat<'w>>, StateError> {
    let left = seat(world, Side::Counterpart(kind), key, true, notes)?;
    if let Some(seat) = &left {
        if let Some(shown) = &seat.shown {
            // Whose export says nothing shows what it said in conflicts, and nothing of the rest.
            let cells = shown.cells().enumerate();
            let known = cells.filter_map(|(column, cell)| Some((column, Some(cell?.to_owned()))));
            record_base(seat, known.collect(), decided);
        }
        note_carried_away(contact, seat, seat.sent, decided);
        let table = seat.side.table();
        match seat.seen.exists(key) {
            true => answer_shared(seat, decided),
            false => decided.memory.parted.push(parted(table, seat.no.clone())),
        }
    }
    Ok(left)
}

/// Nothing that the party shares is waited for any more. What is in flight towards the record's own cells, as the name of its primary
/// contact, is its own wherever it belongs.
fn answer_shared(seat: &Seat<'_>, decided: &mut Decided) {
    let in_flight = seat.sent.iter().filter(|value| !value.sent.acknowledged);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in in_flight.filter(|value| FieldId::named(&value.field).is_some()) {
        *counts.entry(&value.field).or_default() += 1;
    }
    let answers = counts.into_iter().map(|(field, count)| AnswerRow {
        table: seat.side.table().name().to_owned(),
        no: seat.no.clone(),
        field: field.to_owned(),
        count,
        imported: 0,
        export: seat.seen.exports,
    });
    decided.memory.answers.extend(answers);
}

/// A record towards which nothing is waited for any more.
pub(super) fn parted(table: Table, no: String) -> GoneRow {
    GoneRow {
        table: table.name().to_owned(),
        no,
    }
}
