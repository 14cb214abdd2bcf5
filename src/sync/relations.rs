//! What follows from relations and from records that come and go: statuses, and relations that go too.

use std::collections::BTreeSet;

use crate::exports::key_print;
use crate::merge::coupling::Relation;
use crate::merge::deliver::Route;
use crate::merge::plan::{Change, Uncoupling};
use crate::merge::{Rule, status};
use crate::model::{Form, Problem, Table};
use crate::state::StateError;
use crate::state::memory::{AnswerRow, GoneRow, SentRow};

use super::couple::{Removal, STATUS, company_key};
use super::decide::{Decided, World};
use super::diff::PrintMap;
use super::observe::{plain, tagged};

/// Writes the status of contacts whose relations changed, or who show another one (`business-central.md` §6.2).
pub(super) fn decide_statuses(world: &World<'_>, decided: &mut Decided) -> Result<(), StateError> {
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
pub(super) fn decide_removals(world: &World<'_>, decided: &mut Decided) -> Result<(), StateError> {
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
pub(super) fn note_gone(world: &World<'_>, decided: &mut Decided) -> Result<(), StateError> {
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
