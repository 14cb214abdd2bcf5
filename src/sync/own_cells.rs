//! Cells that a rule writes and that no other side shares: the status, the primary contact, relations in columns.

use crate::merge::Rule;
use crate::merge::deliver::Route;
use crate::merge::plan::Change;
use crate::model::{FieldId, Row, Table, form};
use crate::state::StateError;
use crate::state::memory::{AnswerRow, SentRow};

use super::arrange::OwnCell;
use super::consequences::unlisted_row;
use super::decide::Decided;
use super::diff::{PrintMap, PrintSet};
use super::observe::{Seen, tagged};
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
    let sent = world.pending.sent(cell.table, known_as);
    let in_flight = |field: &str| {
        let of_field = sent
            .iter()
            .filter(|value| value.field == field && !value.sent.acknowledged);
        of_field.collect::<Vec<_>>()
    };
    let waiting = in_flight(name);
    let newest = waiting.last().map(|value| value.sent.value.as_str());
    match (cell.says_so, newest) {
        (true, None) => return Ok(()),
        (true, Some(newest)) if newest == cell.value => {
            decided.memory.answers.push(AnswerRow {
                table: cell.table.name().to_owned(),
                no: cell.no.to_owned(),
                field: name.to_owned(),
                count: waiting.len(),
                imported: waiting.len(),
                export: seen.exports,
            });
            return Ok(());
        }
        (false, Some(newest)) if newest == cell.value => return Ok(()),
        // What is in flight would take it away from there, or say something else.
        (true, Some(_)) | (false, _) => {}
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
    let mut row = Some(cell.row.clone());
    if at.is_none() {
        world.words.put(cell.table, cell.no, &mut row);
    }
    let mut carried: Vec<(usize, String)> = Vec::new();
    if seen.route() == Route::Folder {
        // An update of a record carries what is in flight towards it as well, or it would take that away again; but never
        // over a value that somebody typed there, which waits for a decision.
        let base = match sent.is_empty() {
            true => None,
            false => seen.base(cell.key)?,
        };
        let is_typed = |column: usize| {
            let base = base.as_ref();
            let row = row.as_ref();
            base.zip(row)
                .is_some_and(|(base, row)| base.get(column) != row.get(column))
        };
        let shared = FieldId::all()
            .filter_map(|field| Some((field.def().name, cell.table.column_of(field)?)));
        for (field, column) in shared.filter(|(_, column)| !is_typed(*column)) {
            let of_field = in_flight(field);
            let answers = decided.memory.answers.iter().filter(|row| {
                row.table == cell.table.name() && row.no == cell.no && row.field == field
            });
            let answered: usize = answers.map(|row| row.count).sum();
            let newest = of_field.into_iter().skip(answered).next_back();
            carried.extend(newest.map(|value| (column, value.sent.value.clone())));
        }
    }
    let edits = decided.edits.entry(cell.table).or_default();
    let new = (cell.column, cell.value.to_owned());
    match at {
        Some(at) => {
            let cells = edits.cells.entry(at).or_default();
            carried.retain(|(column, _)| cells.iter().all(|(known, _)| known != column));
            cells.push(new);
            cells.extend(carried);
        }
        None => {
            let update = edits.unlisted.entry(cell.no.to_owned());
            let row = update.or_insert_with(|| unlisted_row(seen, cell.no, row.as_ref()));
            for (column, value) in carried {
                if !row.edited.contains(&column) {
                    row.edit(column, &value);
                }
            }
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
        (Route::InPlace | Route::Nowhere, None) | (Route::Silent, _) => {}
    }
    Ok(())
}

/// Writes what was arranged; a cell of a record that the pass creates becomes part of it.
pub(super) fn write_arranged(world: &World<'_>, decided: &mut Decided) -> Result<(), StateError> {
    let mut cells: Vec<&OwnCell> = world.arranged.cells.iter().collect();
    // The last word on a cell counts.
    cells.reverse();
    cells.sort_by_key(|cell| (cell.table, &cell.no, cell.column));
    cells.dedup_by_key(|cell| (cell.table, &cell.no, cell.column));
    for cell in cells {
        write_own(world, cell, decided)?;
    }
    Ok(())
}

fn write_own(world: &World<'_>, cell: &OwnCell, decided: &mut Decided) -> Result<(), StateError> {
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
    let form = cell.table.columns()[column].form;
    let cell = Cell {
        table: cell.table,
        key,
        no: &cell.no,
        row: &row,
        column,
        value: &cell.value,
        says_so: form::same(form, shown, &cell.value),
        rule: cell.rule,
        contact: &cell.contact,
    };
    write(world, seen, &cell, decided)
}

/// A primary contact that was renamed is renamed on its counterparts too, where nobody changed the name there
/// (`business-central.md` §4.2, §7.4).
pub(super) fn follow_names(
    world: &World<'_>,
    renamed: &PrintMap<(String, String)>,
    decided: &mut Decided,
) -> Result<(), StateError> {
    if renamed.is_empty() {
        return Ok(());
    }
    for seen in world.tables.iter().flatten() {
        let table = seen.table;
        let (Some(primary), Some(contact)) = (
            table.column(super::couple::PRIMARY_CONTACT),
            table.column("Contact"),
        ) else {
            continue;
        };
        let known = seen.index.links.firsts();
        let keys: Vec<u64> = known
            .filter(|(_, contact)| renamed.contains_key(contact))
            .map(|(at, _)| seen.index.keys[at])
            .collect();
        let mut done = PrintSet::default();
        for key in keys
            .into_iter()
            .filter(|key| done.insert(tagged(*key, table)))
        {
            let (Some(row), base) = (seen.row(key)?, seen.base(key)?) else {
                continue;
            };
            let names = row.get(primary).map_or(0, |no| world.key(no));
            let (Some((of, name)), Some(no)) = (renamed.get(&names), row.get(0)) else {
                continue;
            };
            let moved = base.as_ref().and_then(|base| base.get(contact)) != row.get(contact);
            if moved || row.get(contact).is_none() {
                continue;
            }
            write_own(
                world,
                &OwnCell {
                    table,
                    no: super::decide::number(no),
                    column: "Contact",
                    value: name.clone(),
                    rule: Rule::PrimaryContact,
                    contact: of.clone(),
                },
                decided,
            )?;
        }
    }
    Ok(())
}
