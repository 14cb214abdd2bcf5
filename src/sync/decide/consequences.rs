//! What follows from a merged party: changes, conflicts, debts, and what will be remembered.

use std::collections::{BTreeMap, BTreeSet};

use crate::exports::{NewRow, UnlistedRow};
use crate::merge::deliver::{Owed, Route};
use crate::merge::listen::is_echo;
use crate::merge::plan::{Change, Claim, Conflict, Debt, Origin};
use crate::merge::{Delivery, FieldMerge, Merged, Party};
use crate::model::damage::damage;
use crate::model::{FieldId, Place, Problem, Row, Side};
use crate::state::memory::{AgreedRow, AnswerRow, SentRow};
use crate::state::queries::SentValue;
use crate::sync::observe::Seen;

use super::Decided;
use super::in_flight::not_imported;
use super::seat::Seat;

/// Turns what the merge of a party says into changes, conflicts, debts and what will be remembered.
pub(super) fn record_party(
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
        let mut said: Option<(&str, bool)> = None;
        for (slot, (seat, delivery)) in seats.iter().zip(&field.deliveries).enumerate() {
            let base = base_after(seat, field.field, delivery.as_ref());
            said = said.or(base.map(|base| (base, may_stay(seat, delivery.as_ref()))));
            let Some(delivery) = delivery else { continue };
            let Some(column) = seat.side.table().column_of(field.field) else {
                continue;
            };
            bases[slot].push((column, delivery.base.clone()));
            record_delivery(seats, seat, column, field, delivery, decided, problems);
        }
        let stored = exceptions.get(&field.field);
        // The next pass reads it from the first base.
        let is_said = |agreed: &&str| said == Some((agreed, false));
        let needed = field.agreed.as_deref().filter(|agreed| !is_said(agreed));
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
        note_carried(party, seat, slot, merged, decided);
        record_base(seat, cells, decided);
    }
}

/// The base of a seat after the pass. One that stays although something else is decided says what was agreed before, so what is
/// agreed now is kept apart.
fn base_after<'s>(
    seat: &'s Seat<'_>,
    field: FieldId,
    delivery: Option<&'s Delivery>,
) -> Option<&'s str> {
    match delivery {
        Some(delivery) if !seat.keeps_base() || delivery.base.is_none() => delivery.base.as_deref(),
        // A row that was read anew has lost what its export does not show any more.
        None if !seat.keeps_base() && seat.unshown.is_none() => None,
        _ => seat.base_of(field),
    }
}

/// Whether the base of a seat may stay what it was: somebody else may write the file in whose place ours is to be put. That of a
/// contact is seen to when it happens; this one need not be the first that says what is agreed.
fn may_stay(seat: &Seat<'_>, delivery: Option<&Delivery>) -> bool {
    let is_written = delivery.is_some_and(|delivery| delivery.write.is_some());
    is_written && seat.side != Side::Contact && seat.seen.route() == Route::InPlace
}

/// An update of a record carries its other shared values too, as the export showed them. When one of them changes before
/// the update is imported, or its column is gone for a while, the import brings the old one back; noted here, it is not
/// taken for somebody's new word, also when the table is edited in place meanwhile. What the record says in a conflict is its word for as
/// long as it says so; a cell that is emptied, where that means no change, says so still.
fn note_carried(
    party: &Party<'_>,
    seat: &Seat<'_>,
    slot: usize,
    merged: &Merged,
    decided: &mut Decided,
) {
    if seat.shown.is_none() {
        return;
    }
    let (contact, member) = (&party.members[0].no, &party.members[slot]);
    let is_in_place = seat.seen.route() == Route::InPlace;
    for field in &merged.fields {
        let Some(column) = seat.side.table().column_of(field.field) else {
            continue;
        };
        let delivery = field.delivery(slot);
        let now = base_after(seat, field.field, delivery);
        let written = delivery.and_then(|delivery| delivery.write.as_deref());
        let cell = member.cells.get(&field.field);
        let says = written
            .filter(|_| is_in_place)
            .or_else(|| cell.and_then(|cell| cell.shown));
        let name = field.field.def().name;
        // What earlier updates carried, also of a field that was held.
        let may_come = match is_in_place {
            true => is_carried(seat.sent, name),
            false => !seat.sent.is_empty(),
        };
        let was = |value: &&str| may_come && now != Some(*value);
        let base = seat.base_of(field.field).filter(was);
        let word = seat.word(column).filter(was);
        let word = word.filter(|word| says != Some(*word));
        for value in base.into_iter().chain(word) {
            decided
                .memory
                .sent
                .push(carried(contact, seat, name, value));
        }
    }
}

/// Whether an update may have carried what a record says of a field: none has where the record said something else when the last one
/// was written, as when its table has been edited in place since.
fn is_carried(sent: &[SentValue], field: &str) -> bool {
    let earlier = sent
        .iter()
        .filter(|value| value.carried && value.field == field);
    sent.iter().map(|value| value.pass).max() > earlier.map(|value| value.pass).max()
}

/// The same of a record that leaves its party, or meets another one, by its base and its words: nobody knows those any more when it
/// is merged again. What was written for it is given.
pub(super) fn note_carried_away(
    contact: &str,
    seat: &Seat<'_>,
    sent: &[SentValue],
    decided: &mut Decided,
) {
    if sent.is_empty() {
        return;
    }
    for field in FieldId::all() {
        let column = seat.side.table().column_of(field);
        let word = column.and_then(|column| seat.word(column));
        for value in seat.base_of(field).into_iter().chain(word) {
            let row = carried(contact, seat, field.def().name, value);
            decided.memory.sent.push(row);
        }
    }
}

fn carried(contact: &str, seat: &Seat<'_>, field: &str, value: &str) -> SentRow {
    SentRow {
        table: seat.side.table().name().to_owned(),
        no: seat.no.clone(),
        contact: contact.to_owned(),
        field: field.to_owned(),
        value: value.to_owned(),
        export: seat.seen.exports,
        carried: true,
    }
}

/// Notes the base of a record where it is not just what the record shows.
pub(super) fn record_base(
    seat: &Seat<'_>,
    cells: Vec<(usize, Option<String>)>,
    decided: &mut Decided,
) {
    let table = seat.side.table();
    if let (Some(old), Some(base)) = (seat.unshown, &seat.base) {
        // It stands by its base, but for what it said in conflicts: open ones have its word, and its base gets what it said in others.
        let moved = cells
            .into_iter()
            .filter(|(column, now)| base.get(*column) != now.as_deref());
        let moved: Vec<(usize, Option<String>)> = moved.collect();
        if !moved.is_empty() {
            decided.carried.entry(table).or_default().insert(old, moved);
        }
        return;
    }
    let (Some(at), Some(shown)) = (seat.at, &seat.shown) else {
        return;
    };
    let unlike: Vec<(usize, Option<String>)> = cells
        .into_iter()
        .filter(|(column, base)| shown.get(*column) != base.as_deref())
        .collect();
    let becomes = |column: usize| {
        let other = unlike.iter().find(|(of, _)| *of == column);
        other.map_or_else(|| shown.get(column), |(_, base)| base.as_deref())
    };
    let differs = || {
        let becomes = (0..shown.cells().len()).map(becomes);
        !seat
            .base
            .as_ref()
            .is_some_and(|base| base.cells().eq(becomes))
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
            imported: delivery.imported,
            export: seat.seen.exports,
        });
    }
    if delivery.overdue {
        problems.push(Problem::new(
            cell_place(seat, column_name),
            "not-imported",
            not_imported(in_flight_age(seat, name)),
            "see whether its system imports the updates, and decide: `couplet conflicts` lists the field",
        ));
    }
    if let Some(owed) = &delivery.owed {
        let reason = match owed {
            Owed::Silent => silence(seat).to_owned(),
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
    if seat.is_new {
        // It becomes part of the new row, which is planned as a whole.
        let row = decided.newborn.entry((table, seat.no.clone()));
        let row = row.or_insert_with(|| seat.shown.clone().unwrap_or_default());
        row.set(column, Some(value.clone()));
        return;
    }
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

/// Why a record says nothing.
fn silence(seat: &Seat<'_>) -> &'static str {
    match (&seat.seen.export, seat.at) {
        (None, _) if !seat.seen.is_configured => "its table is not configured",
        (None, _) => "its export says nothing in this pass",
        (Some(_), Some(_)) => "its cell says nothing",
        (Some(_), None) => "its row cannot be read",
    }
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
                .or_insert_with(|| unlisted_row(seat.seen, &seat.no, seat.shown.as_ref()));
            row.edit(column, value);
        }
    }
}

/// Everything that is known of a record that its export does not list.
pub(super) fn unlisted_row(seen: &Seen<'_>, no: &str, row: Option<&Row>) -> UnlistedRow {
    let (Some(export), Some(row)) = (&seen.export, row) else {
        return UnlistedRow::default();
    };
    let columns = (0..seen.table.columns().len()).filter(|at| export.columns.has(*at));
    let cells = columns.filter_map(|at| Some((at, row.get(at)?.to_owned())));
    let created = seen.created.carried.get(no);
    UnlistedRow {
        row: NewRow {
            cells: cells.collect(),
            carried: created.cloned().unwrap_or_default(),
        },
        edited: BTreeSet::new(),
        is_whole: created.is_some(),
    }
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
pub(super) fn conflict(
    seats: &[Seat<'_>],
    party: &Party<'_>,
    field: &FieldMerge,
) -> Option<Conflict> {
    let overdue = field
        .deliveries
        .iter()
        .flatten()
        .any(|delivery| delivery.overdue);
    let decided = party.decided.contains_key(&field.field);
    if !field.held && !overdue && !decided {
        return None;
    }
    Some(dispute(seats, party, field, overdue))
}

/// What sides say against each other in a field, whether or not a policy chooses among them.
pub(super) fn dispute(
    seats: &[Seat<'_>],
    party: &Party<'_>,
    field: &FieldMerge,
    overdue: bool,
) -> Conflict {
    let name = field.field.def().name;
    let claims: Vec<Claim> = seats
        .iter()
        .zip(&party.members)
        .filter_map(|(seat, member)| {
            let cell = member.cells.get(&field.field)?;
            Some(Claim {
                side: seat.side,
                no: seat.no.clone(),
                shows: cell.shown.map(str::to_owned),
                base: cell.base.map(str::to_owned),
                moved: field.moved.contains(&seat.side),
                file: seat.seen.file(),
                line: seat.at.map(|_| line(seat)),
            })
        })
        .collect();
    let named = |claims: &[&Claim]| {
        let names = claims
            .iter()
            .map(|claim| format!("{} {}", claim.side, claim.no));
        names.collect::<Vec<String>>().join(" and ")
    };
    let moved: Vec<&Claim> = claims.iter().filter(|claim| claim.moved).collect();
    let movers = named(&moved);
    let was_met = |side: Side| seats.iter().any(|seat| seat.side == side && seat.met);
    let joining = moved.iter().filter(|claim| claim.base.is_none());
    let (returning, joiners): (Vec<&Claim>, Vec<&Claim>) =
        joining.partition(|claim| was_met(claim.side));
    let has_echo = || {
        let movers = party.members.iter();
        let movers = movers.filter(|member| field.moved.contains(&member.side));
        let mut cells = movers.filter_map(|member| member.cells.get(&field.field));
        cells.any(|cell| {
            cell.shown
                .is_some_and(|shown| is_echo(shown, &cell.sent, &cell.capacity))
        })
    };
    let damaged = moved.iter().find_map(|claim| {
        let damage = damage(claim.shows.as_deref()?, field.before.as_deref()?)?;
        Some((claim, damage))
    });
    let why = if let Some((claim, damage)) = damaged {
        let (side, no, damage) = (claim.side, &claim.no, damage.sentence());
        format!("the {name} of {side} {no} {damage} the agreed one")
    } else if overdue && !field.held {
        format!("what was written for {name} is not imported by every system")
    } else if field.before.is_none() {
        format!("{movers} meet for the first time and have different values of {name}")
    } else if !joiners.is_empty() {
        format!(
            "{} is new in this party and has another {name}",
            named(&joiners)
        )
    } else if !returning.is_empty() {
        format!(
            "{} did not show {name} until now, and has another one",
            named(&returning)
        )
    } else if moved.len() > 1 {
        format!("{movers} changed {name} differently since they last agreed")
    } else if has_echo() {
        format!(
            "{movers} shows again what an update brought or carried there before: it was imported late, or somebody typed it"
        )
    } else {
        format!("{movers} changed {name} without having shown the value that the others agreed on")
    };
    Conflict {
        contact: seats[0].no.clone(),
        field: name.to_owned(),
        agreed: field.before.clone(),
        claims,
        why,
    }
}
