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

use super::arrange::OwnCell;
use super::consequences::unlisted_row;
use super::couple::{PRIMARY_CONTACT, STATUS};
use super::decide::Decided;
use super::diff::{PrintMap, PrintSet};
use super::in_flight::hear;
use super::observe::Seen;
use super::seat::{refuses, unheld};
use super::world::World;

/// A cell of a record as its export shows it, and what it is to say.
pub(super) struct Cell<'c> {
    pub(super) table: Table,
    pub(super) key: u64,
    pub(super) no: &'c str,
    pub(super) row: &'c Row,
    pub(super) column: usize,
    pub(super) value: &'c str,
    /// Whether it says that already, in whatever spelling.
    pub(super) says_so: bool,
    pub(super) rule: Rule,
    pub(super) contact: &'c str,
}

/// Writes a cell, unless it says what it should or is in flight.
pub(super) fn write(
    world: &World<'_>,
    seen: &Seen<'_>,
    cell: &Cell<'_>,
    decided: &mut Decided,
) -> Result<(), StateError> {
    let Some(export) = seen
        .export
        .as_ref()
        .filter(|_| seen.route() != Route::Nowhere)
    else {
        return Ok(());
    };
    if !export.columns.has(cell.column) {
        return Ok(());
    }
    let name = cell.table.columns()[cell.column].name;
    let shown = cell.row.get(cell.column).unwrap_or_default();
    let known_as = world.former(cell.table, cell.no);
    let sent = world.pending.sent(cell.table, known_as).iter();
    let waiting = sent.filter(|value| value.field == name && !value.sent.acknowledged);
    let newest = waiting
        .skip(answered(cell.table, cell.no, name, decided))
        .last();
    match newest {
        None if cell.says_so => return Ok(()),
        Some(newest) if newest.sent.value == cell.value => return Ok(()),
        // What is in flight would take it away from there, or say something else.
        Some(_) | None => {}
    }
    let at = seen.position(cell.key).filter(|at| !seen.is_double(*at));
    decided.plan.changes.push(Change {
        contact: cell.contact.to_owned(),
        table: cell.table.name().to_owned(),
        no: cell.no.to_owned(),
        column: name.to_owned(),
        from: shown.to_owned(),
        to: cell.value.to_owned(),
        rule: cell.rule,
        because: Vec::new(),
        file: seen.file(),
        line: at.map_or(0, |at| export.line_of(at)),
    });
    let edits = decided.edits.entry(cell.table).or_default();
    let new = (cell.column, cell.value.to_owned());
    match at {
        Some(at) => edits.cells.entry(at).or_default().push(new),
        None => {
            let mut row = Some(cell.row.clone());
            world.words.put(cell.table, cell.no, &mut row);
            let update = edits.unlisted.entry(cell.no.to_owned());
            let row = update.or_insert_with(|| unlisted_row(seen, cell.no, row.as_ref()));
            row.edit(new.0, &new.1);
        }
    }
    match (seen.route(), at) {
        (Route::Folder, _) => decided.memory.sent.push(SentRow {
            table: cell.table.name().to_owned(),
            no: cell.no.to_owned(),
            contact: cell.contact.to_owned(),
            field: name.to_owned(),
            value: cell.value.to_owned(),
            export: seen.exports,
            carried: false,
        }),
        (Route::InPlace | Route::Nowhere, Some(at)) => {
            let overrides = decided.overrides.entry(cell.table).or_default();
            let cells = overrides.entry(at).or_default();
            cells.push((cell.column, Some(cell.value.to_owned())));
            decided.rebased.entry(cell.table).or_default().insert(at);
        }
        (Route::InPlace | Route::Nowhere, None) | (Route::Silent | Route::Frozen, _) => {}
    }
    Ok(())
}

/// How many of the values in flight towards a cell the pass has answers to.
fn answered(table: Table, no: &str, field: &str, decided: &Decided) -> usize {
    let answers = decided.memory.answers.iter();
    let of_cell =
        answers.filter(|row| row.table == table.name() && row.no == no && row.field == field);
    of_cell.map(|row| row.count).sum()
}

/// Writes what was arranged, and statuses; a cell of a record that the pass creates becomes part of it.
pub(super) fn write_arranged(
    world: &World<'_>,
    statuses: &[OwnCell],
    decided: &mut Decided,
    problems: &mut Vec<Problem>,
) -> Result<(), StateError> {
    let mut cells: Vec<&OwnCell> = world.arranged.cells.iter().chain(statuses).collect();
    // The last word on a cell counts.
    cells.reverse();
    cells.sort_by_key(|cell| (cell.table, &cell.no, cell.column));
    cells.dedup_by_key(|cell| (cell.table, &cell.no, cell.column));
    for cell in cells {
        write_own(world, cell, decided, problems)?;
    }
    Ok(())
}

fn write_own(
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
    let Some(row) = seen.row(key)? else {
        return Ok(());
    };
    let shown = row.get(column).unwrap_or_default();
    let says_so = match cell.column {
        STATUS => status::says(shown, &cell.value),
        _ => form::same(cell.table.columns()[column].form, shown, &cell.value),
    };
    let shows_column = |export: &Export| export.columns.has(column);
    if !says_so && seen.route() != Route::Nowhere && seen.export.as_ref().is_some_and(shows_column)
    {
        let at = seen.position(key);
        let sent = world
            .pending
            .sent(cell.table, world.former(cell.table, &cell.no));
        let unheld = unheld(seen, at.is_none().then_some(&row), sent);
        if let Some(reason) = refuses(seen, &unheld, column, &cell.value) {
            problems.push(unwritable(seen, at, cell, &reason));
            return owe(world, cell, shown, says_so, decided);
        }
    }
    if seen.export.is_none() && seen.route() != Route::Nowhere {
        return owe(world, cell, shown, says_so, decided);
    }
    let cell = Cell {
        table: cell.table,
        key,
        no: &cell.no,
        row: &row,
        column,
        value: &cell.value,
        says_so,
        rule: cell.rule,
        contact: &cell.contact,
    };
    write(world, seen, &cell, decided)
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

/// Keeps a cell until its table says something again, or can hold it.
fn owe(
    world: &World<'_>,
    cell: &OwnCell,
    shown: &str,
    says_so: bool,
    decided: &mut Decided,
) -> Result<(), StateError> {
    let record = (cell.table, cell.no.clone());
    if !decided.owed.contains_key(&record) {
        let known = world.marks.iter().find(|row| {
            row.mark == Mark::Owed && row.table == cell.table.name() && row.no == cell.no
        });
        let known = known
            .map(|row| serde_json::from_str(&row.body))
            .transpose()?;
        decided
            .owed
            .insert(record.clone(), known.unwrap_or_default());
    }
    let owed = decided.owed.entry(record).or_default();
    owed.retain(|known| known.column != cell.column);
    if !says_so {
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
pub(super) fn follow_names(
    world: &World<'_>,
    renamed: &PrintMap<(String, String)>,
    decided: &mut Decided,
    problems: &mut Vec<Problem>,
) -> Result<(), StateError> {
    if renamed.is_empty() {
        return Ok(());
    }
    for seen in world.tables.iter().flatten() {
        let table = seen.table;
        let Some(primary) = table.column(PRIMARY_CONTACT) else {
            continue;
        };
        let known = seen.index.links.firsts();
        let known = known
            .filter(|(_, contact)| renamed.contains_key(contact))
            .map(|(at, _)| seen.index.keys[at]);
        // That it is one may be in flight, too.
        let awaits = |value: &SentValue| {
            value.field == PRIMARY_CONTACT
                && !value.sent.acknowledged
                && renamed.contains_key(&world.key(&value.sent.value))
        };
        let awaiting = world.pending.records();
        let awaiting = awaiting
            .filter(|(of, _, sent)| *of == table && sent.iter().any(awaits))
            .map(|(_, no, _)| world.key(seen.now_called(no)));
        let mut done = PrintSet::default();
        for key in known.chain(awaiting) {
            let (true, Some(row), base) = (done.insert(key), seen.row(key)?, seen.base(key)?)
            else {
                continue;
            };
            let Some(no) = row.get(0).map(super::decide::number) else {
                continue;
            };
            let sent = world.pending.sent(table, world.former(table, &no));
            let word = hear(seen, PRIMARY_CONTACT, &row, base.as_ref(), sent);
            let to_come = word.and_then(|word| word.newest);
            let names = to_come.map_or(row.get(primary), |newest| Some(newest.value.as_str()));
            let Some((of, name)) = names.and_then(|no| renamed.get(&world.key(no))) else {
                continue;
            };
            let word = hear(seen, "Contact", &row, base.as_ref(), sent);
            if word.is_none_or(|word| word.is_typed) {
                continue;
            }
            write_own(
                world,
                &OwnCell {
                    table,
                    no,
                    column: "Contact",
                    value: name.clone(),
                    rule: Rule::PrimaryContact,
                    contact: of.clone(),
                },
                decided,
                problems,
            )?;
        }
    }
    Ok(())
}
