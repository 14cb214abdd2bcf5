//! What is in flight towards records: what exports answer for cells that no party shares, and what updates carry along so as
//! not to take it away again.

use std::collections::{BTreeMap, BTreeSet};

use crate::exports::{NewRow, UnlistedRow};
use crate::merge::deliver::Route;
use crate::merge::listen::{FieldSide, listen};
use crate::merge::{Flight, Rule, Says, Sent, status};
use crate::model::{Direction, FieldId, Problem, Row, Side, Table};
use crate::state::StateError;
use crate::state::memory::{AnswerRow, CreatedRow, Mark, OwedCell};
use crate::state::queries::SentValue;
use crate::sync::arrange::OwnCell;
use crate::sync::couple::{PRIMARY_CONTACT, STATUS};
use crate::sync::observe::Seen;
use crate::sync::observe::relation::relation_name;

use super::Decided;
use super::party::parted;
use super::seat::{capacity, direction, said};
use super::world::World;

/// The cells of a counterpart that name its primary contact.
pub(in crate::sync) const PRIMARY_CELLS: [&str; 2] = [PRIMARY_CONTACT, "Contact"];

/// What a record says of a cell that something was written for.
pub(in crate::sync) struct Word<'s> {
    /// The cell's column.
    column: usize,
    /// Somebody typed it: it is neither what the cell showed before nor what was written for it.
    pub(in crate::sync) is_typed: bool,
    /// How many of the values in flight, oldest first, are so no longer.
    answered: usize,
    /// How many of these its system must have imported, or newer ones.
    imported: usize,
    /// The newest of those that still are.
    newest: Option<&'s Sent>,
}

/// Hears a cell as `merge/listen` hears a side; `None` where the export lacks it. What somebody typed over is waited for no more.
pub(in crate::sync) fn hear<'s>(
    seen: &Seen<'_>,
    field: &str,
    row: &Row,
    base: Option<&Row>,
    sent: &'s [SentValue],
) -> Option<Word<'s>> {
    let shared = FieldId::named(field);
    let column = match shared {
        Some(field) => seen.table.column_of(field),
        None => seen.table.column(field),
    }?;
    let export = seen.export.as_ref();
    if export.is_some_and(|export| !export.columns.has(column)) {
        return None;
    }
    let of_field: Vec<&SentValue> = sent.iter().filter(|value| value.field == field).collect();
    let values: Vec<Sent> = of_field.iter().map(|value| value.sent.clone()).collect();
    let base = base.and_then(|base| base.get(column));
    let mut shown = said(seen, row.get(column), base, &values);
    if field == STATUS {
        // It is understood in whatever spelling.
        let mut newest_first = of_field.iter().rev().map(|value| value.sent.value.as_str());
        let same = newest_first.find(|value| shown.is_some_and(|shown| status::says(shown, value)));
        shown = same.or(shown);
    }
    let capacity = capacity(seen, column);
    let side = FieldSide {
        side: match seen.table {
            Table::Counterparts(kind) => Side::Counterpart(kind),
            _ => Side::Contact,
        },
        shown,
        base,
        sent: &values,
        direction: shared.map_or(Direction::Both, |field| direction(seen.table, field)),
        capacity: &capacity,
    };
    let heard = listen(&side, None);
    let is_typed = matches!(heard.says, Says::Moved(_));
    let answered = match heard.flight {
        Flight::Acknowledged(count) => count,
        Flight::Unheard if is_typed => side.in_flight().count(),
        Flight::Unheard | Flight::Waiting => 0,
    };
    let shows_base =
        base.is_some_and(|base| shown.is_some_and(|shown| capacity.shows(shown, base)));
    let in_flight = of_field.iter().filter(|value| !value.sent.acknowledged);
    Some(Word {
        column,
        is_typed,
        answered,
        imported: if is_typed || shows_base { 0 } else { answered },
        newest: in_flight.skip(answered).last().map(|value| &value.sent),
    })
}

/// The fields of a record for which values are in flight.
fn fields(sent: &[SentValue]) -> Vec<&str> {
    let in_flight = sent.iter().filter(|value| !value.sent.acknowledged);
    let mut fields: Vec<&str> = in_flight.map(|value| value.field.as_str()).collect();
    fields.dedup();
    fields
}

/// What a record will show in the cells of its primary contact, once its system has imported what is in flight towards them, and they
/// have got what they are owed.
pub(in crate::sync) fn row_to_come(
    seen: &Seen<'_>,
    row: &Row,
    base: Option<&Row>,
    sent: &[SentValue],
    owed: &[OwedCell],
) -> Row {
    let mut to_come = row.clone();
    let mut put = |column: usize, value: &str| {
        if row.get(column).is_some() {
            to_come.set(column, Some(value.to_owned()));
        }
    };
    for column in PRIMARY_CELLS.iter().filter(|_| !sent.is_empty()) {
        let word = hear(seen, column, row, base, sent);
        if let Some((column, newest)) = word.and_then(|word| Some((word.column, word.newest?))) {
            put(column, &newest.value);
        }
    }
    for owed in owed.iter().filter(|owed| is_due(seen, row, sent, owed)) {
        if let Some(column) = seen.table.column(&owed.column) {
            put(column, &owed.value);
        }
    }
    to_come
}

/// Whether nobody has changed a cell since it was owed something: it shows what it did then, or what was written for it, as its
/// system holds that.
pub(in crate::sync) fn is_due(
    seen: &Seen<'_>,
    row: &Row,
    sent: &[SentValue],
    owed: &OwedCell,
) -> bool {
    let column = seen.table.column(&owed.column);
    let shown = column.and_then(|column| Some((row.get(column)?, capacity(seen, column))));
    let shows = |value: &str| {
        let shown = shown.as_ref();
        shown.is_some_and(|(shown, capacity)| capacity.shows(shown, value))
    };
    let mut ours = sent.iter().filter(|value| value.field == owed.column);
    shows(&owed.was) || ours.any(|value| shows(&value.sent.value))
}

/// Hears the cells that no party shares, in whichever pass their records are listed: their values are in flight until the
/// export shows them or what somebody typed instead, and are a problem when that takes too long. Returned is what will not come by
/// itself any more, since its table is edited in place by now, or each of its updates lists the record as it stands.
pub(in crate::sync) fn hear_own_cells(
    world: &World<'_>,
    decided: &mut Decided,
    problems: &mut Vec<Problem>,
) -> Result<Vec<OwnCell>, StateError> {
    let mut undone = Vec::new();
    for (table, no, sent) in world.pending.records() {
        let mut own = fields(sent);
        own.retain(|field| FieldId::named(field).is_none());
        let seen = world.tables[table.index()].as_ref();
        let Some(seen) = seen.filter(|_| !own.is_empty()) else {
            continue;
        };
        let no = seen.now_called(no);
        let key = world.key(no);
        if !seen.exists(key) {
            // Who goes from a party is waited for no more; this one may have been of none.
            decided.memory.parted.push(parted(table, no.to_owned()));
            continue;
        }
        let reached = seen.reached(key)?;
        let Some((row, route)) = reached.filter(|(_, route)| *route != Route::Silent) else {
            continue;
        };
        let base = seen.base(key)?;
        for field in own {
            let Some(word) = hear(seen, field, &row, base.as_ref(), sent) else {
                continue;
            };
            let in_flight = sent
                .iter()
                .filter(|value| value.field == field && !value.sent.acknowledged);
            let comes = matches!(route, Route::Folder | Route::Nowhere);
            let answered = match comes {
                false => in_flight.clone().count(),
                // An export that was read before answers nothing, nor does one that does not list the record.
                true if seen.is_changed() && seen.position(key).is_some() => word.answered,
                true => 0,
            };
            if answered > 0 {
                decided.memory.answers.push(AnswerRow {
                    table: table.name().to_owned(),
                    no: no.to_owned(),
                    field: field.to_owned(),
                    count: answered,
                    imported: word.imported,
                    export: seen.exports,
                });
            }
            let Some(newest) = in_flight.skip(word.answered).last() else {
                continue;
            };
            let limit = world.config.merge.in_flight_limit;
            if !comes {
                undone.push(again(world, seen, no, word.column, newest));
            } else if newest.sent.exports > limit
                && let Some(at) = seen.position(key)
            {
                let mut place = seen.place(at);
                place.key = Some(no.to_owned());
                place.column = Some(field.to_owned());
                problems.push(Problem::new(
                    place,
                    "not-imported",
                    not_imported(newest.sent.exports),
                    "see whether its system imports the updates, or enter the value there",
                ));
            }
        }
    }
    Ok(undone)
}

/// What is written anew of what was in flight.
fn again(
    world: &World<'_>,
    seen: &Seen<'_>,
    no: &str,
    column: usize,
    newest: &SentValue,
) -> OwnCell {
    let contacts = world.tables[Table::Contacts.index()].as_ref();
    let contact = contacts.map_or(newest.contact.as_str(), |contacts| {
        contacts.now_called(&newest.contact)
    });
    let column = seen.table.columns()[column].name;
    OwnCell {
        table: seen.table,
        no: no.to_owned(),
        column,
        value: newest.sent.value.clone(),
        rule: match column {
            STATUS => Rule::Status,
            _ if PRIMARY_CELLS.contains(&column) => Rule::PrimaryContact,
            _ => Rule::Relation,
        },
        contact: contact.to_owned(),
    }
}

/// Why a value in flight is a problem, as a sentence.
pub(in crate::sync) fn not_imported(exports: u32) -> String {
    format!("what was written for it is still not shown after {exports} newer exports")
}

/// An update that is the whole table lists what was created and is in flight, too: its system has nothing but what the newest one
/// lists. Relations that wait for their number, or are to be replaced, have what is in flight towards them.
pub(in crate::sync) fn complete(world: &World<'_>, decided: &mut Decided) {
    let created = world.marks.iter().filter(|row| row.mark == Mark::Created);
    let created: Vec<CreatedRow> = created
        .filter_map(|row| serde_json::from_str(&row.body).ok())
        .collect();
    for seen in world.tables.iter().flatten() {
        let edits = decided.edits.get_mut(&seen.table);
        let edits = edits.filter(|edits| seen.is_updated_whole() && edits.updates());
        let (Some(edits), Some(export)) = (edits, &seen.export) else {
            continue;
        };
        for (at, relation) in &seen.created.filling {
            let is_edited = edits.cells.contains_key(at);
            if is_edited || edits.remove.contains(at) || edits.leaving.contains(at) {
                continue;
            }
            let cells = edits.cells.entry(*at).or_default();
            cells.extend(relation.link.iter().map(|link| (2, link.clone())));
            cells.push((3, relation.no.clone()));
        }
        let key_columns = seen.table.key_columns();
        let in_flight = created.iter().filter(|row| {
            row.table == seen.table.name() && seen.created.carried.contains_key(&row.no)
        });
        for row in in_flight {
            let cells: Vec<(usize, String)> = row
                .cells
                .iter()
                .filter_map(|(name, value)| Some((seen.table.column(name)?, value.clone())))
                .filter(|(column, _)| export.columns.has(*column))
                .collect();
            let is_key = |key: &[(usize, String)]| {
                key.iter()
                    .filter(|(at, _)| *at < key_columns)
                    .all(|cell| cells.contains(cell))
            };
            let goes = edits.unlisted_remove.iter().any(|key| is_key(key));
            let is_listed = edits.append.iter().any(|new| is_key(&new.cells))
                || seen.created.filling.values().any(|relation| {
                    seen.table == Table::Relations && relation_name(relation) == row.no
                });
            if goes || is_listed || edits.unlisted.contains_key(&row.no) {
                continue;
            }
            let new = UnlistedRow {
                row: NewRow {
                    cells,
                    carried: row.carried.clone(),
                },
                edited: BTreeSet::new(),
                is_whole: true,
            };
            edits.unlisted.insert(row.no.clone(), new);
        }
    }
}

/// An update of a record carries what is in flight towards it as well, in case its system skips the earlier update or imports it
/// first; but never over a value that somebody typed there, which waits for a decision. One that is the whole table carries all
/// that is in flight.
pub(in crate::sync) fn carry(world: &World<'_>, decided: &mut Decided) -> Result<(), StateError> {
    let mut answered: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for row in &decided.memory.answers {
        let of_cell = (row.table.as_str(), row.no.as_str(), row.field.as_str());
        *answered.entry(of_cell).or_default() += row.count;
    }
    let parted = decided.memory.parted.iter();
    let parted: BTreeSet<(&str, &str)> = parted
        .map(|row| (row.table.as_str(), row.no.as_str()))
        .collect();
    for (table, no, sent) in world.pending.records() {
        let seen = world.tables[table.index()].as_ref();
        let seen = seen.filter(|seen| seen.route() == Route::Folder);
        let (Some(seen), Some(edits)) = (seen, decided.edits.get_mut(&table)) else {
            continue;
        };
        let no = seen.now_called(no);
        let key = world.key(no);
        let at = seen.position(key).filter(|at| !seen.is_double(*at));
        let is_whole = seen.is_updated_whole() && edits.updates();
        let is_written = match at {
            Some(at) => is_whole || edits.cells.contains_key(&at),
            None => edits.unlisted.contains_key(no),
        };
        if !is_written || parted.contains(&(table.name(), no)) {
            continue;
        }
        let (mut row, base) = (seen.row(key)?, seen.base(key)?);
        if at.is_none() {
            world.words.put(table, no, &mut row);
        }
        let Some(row) = row else { continue };
        for field in fields(sent) {
            let heard = hear(seen, field, &row, base.as_ref(), sent);
            let Some(word) = heard.filter(|word| !word.is_typed) else {
                continue;
            };
            let in_flight = sent
                .iter()
                .filter(|value| value.field == field && !value.sent.acknowledged);
            let answered = answered.get(&(table.name(), no, field)).copied();
            let Some(newest) = in_flight.skip(answered.unwrap_or(0)).last() else {
                continue;
            };
            let (column, newest) = (word.column, newest.sent.value.as_str());
            match (at, edits.unlisted.get_mut(no)) {
                (Some(at), _) => {
                    let cells = edits.cells.entry(at).or_default();
                    if cells.iter().all(|(known, _)| *known != column) {
                        cells.push((column, newest.to_owned()));
                    }
                }
                (None, Some(row)) if !row.edited.contains(&column) => {
                    row.edit(column, newest);
                }
                (None, _) => {}
            }
        }
    }
    Ok(())
}
