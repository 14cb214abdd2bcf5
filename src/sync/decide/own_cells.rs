//! Cells that a rule writes and that no other side shares: the status, the primary contact, relations in columns.

use crate::exports::Export;
use crate::merge::Rule;
use crate::merge::deliver::Route;
use crate::merge::plan::Change;
use crate::merge::status;
use crate::model::{Place, Problem, Row, Table, form};
use crate::state::StateError;
use crate::state::memory::{Mark, MarkRow, OwedCell, SentRow};
use crate::state::queries::SentValue;
use crate::sync::arrange::OwnCell;
use crate::sync::couple::{PRIMARY_CONTACT, STATUS};
use crate::sync::observe::Seen;
use crate::sync::observe::diff::{PrintMap, PrintSet};

use super::Decided;
use super::consequences::unlisted_row;
use super::in_flight::{hear, row_to_come};
use super::seat::{refuses, unheld};
use super::world::World;

/// Writes what rules ask for. The last word on a cell counts; one of a record that the pass creates becomes part of it.
pub(super) fn write(
    world: &World<'_>,
    mut cells: Vec<OwnCell>,
    decided: &mut Decided,
    problems: &mut Vec<Problem>,
) -> Result<(), StateError> {
    cells.reverse();
    fn of(cell: &OwnCell) -> (Table, &str, &str) {
        (cell.table, &cell.no, cell.column)
    }
    cells.sort_by(|a, b| of(a).cmp(&of(b)));
    cells.dedup_by(|a, b| of(a) == of(b));
    for cell in &cells {
        deliver(world, cell, decided, problems)?;
    }
    Ok(())
}

/// Writes a cell, unless it says what it should, or will by itself; where nothing reaches its record, it is owed.
fn deliver(
    world: &World<'_>,
    cell: &OwnCell,
    decided: &mut Decided,
    problems: &mut Vec<Problem>,
) -> Result<(), StateError> {
    let (Some(seen), Some(column)) = (
        world.tables[cell.table.index()].as_ref(),
        cell.table.column(cell.column),
    ) else {
        return Ok(());
    };
    let key = world.key(&cell.no);
    if world.arranged.birth(cell.table, key).is_some() {
        let row = decided.newborn_row(world, cell.table, key);
        if row.get(column).is_some() {
            row.set(column, Some(cell.value.clone()));
        }
        return Ok(());
    }
    let lacks_column = |export: &Export| !export.columns.has(column);
    let Some((row, route)) = seen.reached(key)? else {
        return Ok(());
    };
    if route == Route::Nowhere || seen.export.as_ref().is_some_and(lacks_column) {
        return Ok(());
    }
    let shown = row.get(column).unwrap_or_default();
    let sent = world
        .pending
        .sent(cell.table, world.former(cell.table, &cell.no));
    let waiting = sent.iter();
    let waiting = waiting.filter(|value| value.field == cell.column && !value.sent.acknowledged);
    let newest = waiting.skip(answered(cell, decided)).last();
    let is_right = match newest {
        // What is in flight would take it away from there, or say something else.
        Some(newest) => newest.sent.value == cell.value,
        None => match cell.column {
            STATUS => status::says(shown, &cell.value),
            _ => form::same(cell.table.columns()[column].form, shown, &cell.value),
        },
    };
    let is_reached = matches!(route, Route::InPlace | Route::Folder);
    if !is_reached {
        return owe(world, cell, shown, is_right, is_reached, decided);
    }
    if is_right {
        return Ok(());
    }
    let at = seen.position(key);
    let unheld = unheld(seen, at.is_none().then_some(&row), sent);
    if let Some(reason) = refuses(seen, &unheld, column, &cell.value) {
        problems.push(unwritable(seen, at, cell, &reason));
        return owe(world, cell, shown, is_right, is_reached, decided);
    }
    put(world, seen, cell, column, at, &row, decided);
    Ok(())
}

/// Writes a cell of a record that its export lists there, or nowhere.
fn put(
    world: &World<'_>,
    seen: &Seen<'_>,
    cell: &OwnCell,
    column: usize,
    at: Option<usize>,
    row: &Row,
    decided: &mut Decided,
) {
    let export = seen.export.as_ref();
    decided.plan.changes.push(Change {
        contact: cell.contact.clone(),
        table: cell.table.name().to_owned(),
        no: cell.no.clone(),
        column: cell.column.to_owned(),
        from: row.get(column).unwrap_or_default().to_owned(),
        to: cell.value.clone(),
        rule: cell.rule,
        because: Vec::new(),
        file: seen.file(),
        line: at.zip(export).map_or(0, |(at, export)| export.line_of(at)),
    });
    let edits = decided.edits.entry(cell.table).or_default();
    match at {
        Some(at) => {
            let cells = edits.cells.entry(at).or_default();
            cells.push((column, cell.value.clone()));
        }
        None => {
            let mut row = Some(row.clone());
            world.words.put(cell.table, &cell.no, &mut row);
            let update = edits.unlisted.entry(cell.no.clone());
            let row = update.or_insert_with(|| unlisted_row(seen, &cell.no, row.as_ref()));
            row.edit(column, &cell.value);
        }
    }
    match (seen.route(), at) {
        (Route::InPlace, Some(at)) => {
            let overrides = decided.overrides.entry(cell.table).or_default();
            let cells = overrides.entry(at).or_default();
            cells.push((column, Some(cell.value.clone())));
            decided.rebased.entry(cell.table).or_default().insert(at);
        }
        _ => decided.memory.sent.push(SentRow {
            table: cell.table.name().to_owned(),
            no: cell.no.clone(),
            contact: cell.contact.clone(),
            field: cell.column.to_owned(),
            value: cell.value.clone(),
            export: seen.exports,
            carried: false,
        }),
    }
}

/// How many of the values in flight towards a cell the pass has answers to.
fn answered(cell: &OwnCell, decided: &Decided) -> usize {
    let answers = decided.memory.answers.iter();
    let of_cell = answers.filter(|row| {
        row.table == cell.table.name() && row.no == cell.no && row.field == cell.column
    });
    of_cell.map(|row| row.count).sum()
}

/// A cell that its file cannot hold.
fn unwritable(seen: &Seen<'_>, at: Option<usize>, cell: &OwnCell, reason: &str) -> Problem {
    let place = Place {
        table: seen.table.name().to_owned(),
        file: Some(seen.file()),
        ..at.map(|at| seen.place(at)).unwrap_or_default()
    };
    let place = Place {
        key: Some(cell.no.clone()),
        column: Some(cell.column.to_owned()),
        ..place
    };
    Problem::new(
        place,
        "unwritable-cell",
        format!("what is due there cannot be written: {reason}"),
        "it is tried again in each pass; have its system export in an encoding that holds it, or set `encoding`",
    )
}

/// Keeps a cell until its record can be reached again, or its file can hold it. What was owed to one that can be has come up again.
fn owe(
    world: &World<'_>,
    cell: &OwnCell,
    shown: &str,
    is_right: bool,
    is_reached: bool,
    decided: &mut Decided,
) -> Result<(), StateError> {
    let record = (cell.table, cell.no.clone());
    if !decided.owed.contains_key(&record) {
        let known = match is_reached {
            true => Vec::new(),
            false => owed_to(world.marks, cell.table, &cell.no)?,
        };
        decided.owed.insert(record.clone(), known);
    }
    let owed = decided.owed.entry(record).or_default();
    owed.retain(|known| known.column != cell.column);
    if !is_right {
        owed.push(OwedCell {
            column: cell.column.to_owned(),
            was: shown.to_owned(),
            value: cell.value.clone(),
            rule: cell.rule,
            contact: cell.contact.clone(),
        });
    }
    Ok(())
}

/// The cells that a record is owed, by the number under which the state knows it.
pub(super) fn owed_to(
    marks: &[MarkRow],
    table: Table,
    no: &str,
) -> Result<Vec<OwedCell>, StateError> {
    let is_it =
        |row: &&MarkRow| row.mark == Mark::Owed && row.table == table.name() && row.no == no;
    let body = marks.iter().find(is_it).map(|row| row.body.as_str());
    let owed = body.map(serde_json::from_str).transpose()?;
    Ok(owed.unwrap_or_default())
}

/// What is owed is remembered; what stays owed is no news.
pub(super) fn note_owed(world: &World<'_>, decided: &mut Decided) -> Result<(), StateError> {
    for ((table, no), cells) in &decided.owed {
        let mark = MarkRow {
            mark: Mark::Owed,
            table: table.name().to_owned(),
            no: no.clone(),
            body: serde_json::to_string(cells)?,
        };
        if !cells.is_empty() && world.marks.contains(&mark) {
            let is_it = |row: &MarkRow| {
                (row.mark, &row.table, &row.no) == (mark.mark, &mark.table, &mark.no)
            };
            decided.memory.unmarked.retain(|row| !is_it(row));
            continue;
        }
        match cells.is_empty() {
            true => decided.memory.unmarked.push(mark),
            false => decided.memory.marked.push(mark),
        }
    }
    Ok(())
}

/// A primary contact that was renamed is renamed on its counterparts too, where nobody changed the name there
/// (`business-central.md` §4.2, §7.4).
pub(super) fn names(
    world: &World<'_>,
    renamed: &PrintMap<(String, String)>,
) -> Result<Vec<OwnCell>, StateError> {
    let mut cells = Vec::new();
    let tables = world.tables.iter().flatten();
    for seen in tables.filter(|_| !renamed.is_empty()) {
        let table = seen.table;
        let Some(primary) = table.column(PRIMARY_CONTACT) else {
            continue;
        };
        let known = seen.index.links.firsts();
        let known = known
            .filter(|(_, contact)| renamed.contains_key(contact))
            .map(|(at, _)| seen.index.keys[at]);
        // That it is one may be in flight, or owed, too.
        let awaits = |value: &SentValue| {
            value.field == PRIMARY_CONTACT
                && !value.sent.acknowledged
                && renamed.contains_key(&world.key(&value.sent.value))
        };
        let awaiting = world.pending.records();
        let awaiting = awaiting
            .filter(|(of, _, sent)| *of == table && sent.iter().any(awaits))
            .map(|(_, no, _)| no);
        let owed = world.marks.iter();
        let owed = owed.filter(|row| row.mark == Mark::Owed && row.table == table.name());
        let owed = owed.map(|row| row.no.as_str());
        let others = awaiting.chain(owed);
        let others = others.map(|no| world.key(seen.now_called(no)));
        let mut done = PrintSet::default();
        for key in known.chain(others) {
            let (true, Some(row), base) = (done.insert(key), seen.known(key)?, seen.base(key)?)
            else {
                continue;
            };
            let Some(no) = row.get(0).map(super::number) else {
                continue;
            };
            let known_as = world.former(table, &no);
            let sent = world.pending.sent(table, known_as);
            let owed = owed_to(world.marks, table, known_as)?;
            let to_come = row_to_come(seen, &row, base.as_ref(), sent, &owed);
            let primary = to_come.get(primary).map(|no| world.key(no));
            let Some((of, name)) = primary.and_then(|primary| renamed.get(&primary)) else {
                continue;
            };
            let word = hear(seen, "Contact", &row, base.as_ref(), sent);
            if word.is_none_or(|word| word.is_typed) {
                continue;
            }
            cells.push(OwnCell {
                table,
                no,
                column: "Contact",
                value: name.clone(),
                rule: Rule::PrimaryContact,
                contact: of.clone(),
            });
        }
    }
    Ok(cells)
}
