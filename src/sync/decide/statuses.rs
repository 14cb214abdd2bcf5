//! The statuses of contacts, which follow from their relations (`business-central.md` §6.2).

use std::collections::BTreeSet;

use crate::exports::Export;
use crate::merge::Rule;
use crate::merge::deliver::Route;
use crate::merge::status::{self, StatusRow};
use crate::model::{Row, Table};
use crate::state::StateError;
use crate::state::memory::Mark;
use crate::sync::arrange::OwnCell;
use crate::sync::couple::{STATUS, company_key};
use crate::sync::observe::Seen;

use super::world::World;

/// The contacts and the column of their status, where that can be written.
fn contacts<'w>(world: &'w World<'_>) -> Option<(&'w Seen<'w>, usize)> {
    let seen = world.tables[Table::Contacts.index()].as_ref();
    let seen = seen.filter(|seen| seen.route() != Route::Nowhere)?;
    let column = Table::Contacts.column(STATUS)?;
    let shows = |export: &Export| export.columns.has(column);
    seen.export
        .as_ref()
        .is_none_or(shows)
        .then_some((seen, column))
}

/// The statuses of contacts whose relations changed, or who show another one (`business-central.md` §6.2), listed, unlisted,
/// silent or new.
pub(super) fn due(world: &World<'_>) -> Result<Vec<OwnCell>, StateError> {
    let mut cells = Vec::new();
    let relations = world.tables[Table::Relations.index()].as_ref();
    let are_read = relations.is_some_and(|seen| seen.export.is_some());
    let contacts = contacts(world).filter(|_| are_read && world.couplings.were_read());
    let Some((seen, column)) = contacts else {
        return Ok(cells);
    };
    let company_column = Table::Contacts.column("Company No.").unwrap_or(0);
    let owed = world.marks.iter().filter(|row| row.mark == Mark::Owed);
    let owed = owed.filter(|row| row.table == Table::Contacts.name());
    let owed: BTreeSet<&str> = owed.map(|row| row.no.as_str()).collect();
    let mut note = |key: u64, row: &Row| {
        let (Some(no), Some(shown)) = (row.get(0), row.get(column)) else {
            return;
        };
        let company = world.arranged.given_company(key);
        let company = company_key(company.or(row.get(company_column)), world.seed);
        let mut rows: Vec<StatusRow> = world.couplings.status_rows(key).collect();
        if company != 0 && company != key {
            rows.extend(world.couplings.status_rows(company));
        }
        let (no, expected) = (super::number(no), status::status(&rows));
        let known_as = world.former(Table::Contacts, &no);
        let waits =
            owed.contains(known_as) || !world.pending.sent(Table::Contacts, known_as).is_empty();
        if waits || !status::says(shown, expected) {
            cells.push(OwnCell {
                table: Table::Contacts,
                contact: no.clone(),
                no,
                column: STATUS,
                value: expected.to_owned(),
                rule: Rule::Status,
            });
        }
    };
    let changed = &world.couplings.changed_contacts;
    let is_due = |key: u64, company: u64| {
        world.arranged.given_company(key).is_some()
            || changed.contains(&key)
            || (company != 0 && changed.contains(&company))
    };
    let company_before = |old: usize| seen.index.links.at(old)[0];
    let mut unlisted = seen.unlisted();
    if seen.export.is_none() {
        unlisted.extend(0..seen.index.len());
    }
    if let Some(export) = &seen.export {
        let mut reader = export.reader();
        let mut row = Row::unknown(Table::Contacts);
        let mut touched = seen.diff.touched.iter().peekable();
        for at in 0..export.records.len() {
            let is_touched = touched.next_if(|next| **next as usize == at).is_some();
            let key = seen.diff.keys[at];
            let old = (seen.diff.olds[at] as usize).checked_sub(1);
            let is_due = is_touched || is_due(key, old.map_or(0, company_before));
            if is_due
                && !seen.is_double(at)
                && let Ok(view) = reader.read(at)
                && view.fill(&mut row, &mut Vec::new()).is_ok()
            {
                note(key, &row);
            }
        }
    }
    for old in unlisted {
        let key = seen.index.keys[old];
        if is_due(key, company_before(old))
            && seen.is_unlisted(key)
            && let Some(row) = seen.row(key)?
        {
            note(key, &row);
        }
    }
    for birth in &world.arranged.births {
        if birth.table == Table::Contacts {
            note(world.key(&birth.no), &birth.row);
        }
    }
    Ok(cells)
}

/// Contacts whose status was typed while the relations say nothing, by their places in the export: once those speak, it is seen
/// whether that is what it should be (`business-central.md` §6.2).
pub(super) fn unheard(world: &World<'_>) -> Result<BTreeSet<usize>, StateError> {
    let mut unheard = BTreeSet::new();
    let relations = world.tables[Table::Relations.index()].as_ref();
    let are_silent = relations.is_some_and(|seen| seen.export.is_none());
    let contacts = contacts(world).filter(|_| are_silent);
    let listed = contacts.and_then(|(seen, column)| Some((seen, seen.export.as_ref()?, column)));
    let Some((seen, export, column)) = listed else {
        return Ok(unheard);
    };
    let mut reader = export.reader();
    for at in seen.diff.touched.iter().map(|at| *at as usize) {
        let old = (seen.diff.olds[at] as usize).checked_sub(1);
        let base = match old {
            Some(old) => seen.rows.get(seen.index.row(old))?,
            None => None,
        };
        let was_open = old.is_some_and(|old| seen.index.prints[old] == 0);
        // Who comes without one has none until relations say otherwise, and is looked at then.
        let known = base.as_ref().and_then(|base| base.get(column));
        let known = known.unwrap_or_default();
        let shown = reader.read(at).and_then(|view| view.value(column));
        let is_typed = shown.is_ok_and(|shown| shown.unwrap_or_default() != known);
        if was_open || is_typed {
            unheard.insert(at);
        }
    }
    Ok(unheard)
}
