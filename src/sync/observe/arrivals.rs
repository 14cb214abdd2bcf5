//! What became of the records that we created: shown under our number, under another one, given to somebody else, or in flight.

use std::collections::BTreeMap;

use crate::exports::key_print;
use crate::merge::coupling::Relation;
use crate::model::{Form, Place, Problem, Row, Table, form};
use crate::state::memory::{CreatedRow, Mark};

use super::diff::{PrintMap, PrintSet};
use super::relation::{read_relation, relation_of, removal_name};
use super::{Known, Seen, plain};

/// What became of the records of a table that we created and that its system had to import.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// Keys of those that no export has shown yet.
    pub in_flight: PrintSet,
    /// What is in flight towards listed relation rows, by position: towards those that wait for their number, and those
    /// that others of their key are to replace.
    pub filling: BTreeMap<usize, Relation>,
    /// What those have in columns that the model does not know, by number.
    pub carried: BTreeMap<String, Vec<(String, String)>>,
    /// Numbers of those that the export shows now.
    pub arrived: Vec<String>,
    /// Those that came back under another number: ours, and its system's.
    pub renamed: Vec<(String, String)>,
    /// The same, with those of earlier passes whose relations have said nothing since.
    pub renumbered: Vec<(String, String)>,
    /// Keys of numbers that their system gave to somebody else.
    pub disputed: PrintSet,
    /// Those of them that were found out just now.
    pub newly_disputed: Vec<String>,
}

/// Looks which of the records that we created the export shows: under the number that we gave them, or under another
/// one with ours in the correlation column (`product.md` §6).
pub(in crate::sync) fn arrive(
    seen: &mut Seen<'_>,
    known: &Known,
    limit: u32,
    problems: &mut Vec<Problem>,
) {
    let of_table = |mark: Mark| {
        let table = seen.table.name();
        known
            .marks
            .iter()
            .filter(move |row| row.mark == mark && row.table == table)
    };
    let key = |parts: &[&str]| plain(key_print(parts, known.seed));
    let mut arrivals = Arrivals {
        disputed: of_table(Mark::Disputed)
            .map(|row| key(&[&row.no]))
            .collect(),
        renumbered: of_table(Mark::Renamed)
            .map(|row| (row.no.clone(), row.body.clone()))
            .collect(),
        ..Arrivals::default()
    };
    let created: Vec<CreatedRow> = of_table(Mark::Created)
        .filter_map(|row| serde_json::from_str(&row.body).ok())
        .collect();
    if created.is_empty() {
        seen.created = arrivals;
        return;
    }
    let key_columns = seen.table.key_columns();
    let mut waiting: PrintMap<&CreatedRow> = PrintMap::default();
    for row in &created {
        let parts: Vec<&str> = (row.cells.iter().take(key_columns))
            .map(|(_, value)| value.as_str())
            .collect();
        waiting.insert(key(&parts), row);
    }
    if let Some(export) = &seen.export {
        let keys = seen.diff.keys.clone();
        let correlation = seen
            .table
            .column(CORRELATION)
            .filter(|column| export.columns.position(*column).is_some());
        let says = |at: usize, column: Option<usize>| {
            let record = export.record(at).ok()?;
            record
                .value(column?)
                .map(|text| form::canonical(Form::Code, text).into_owned())
        };
        for (at, key) in keys.iter().enumerate() {
            let Some(row) = waiting.get(key).copied() else {
                continue;
            };
            if seen.table == Table::Relations
                && let Ok(record) = export.record(at)
            {
                let (shown, ours) = (read_relation(&record), created_relation(row));
                let makes_room =
                    shown.no.is_empty() || known.removals.contains(&removal_name(&shown));
                if makes_room && shown.no != ours.no {
                    arrivals.filling.insert(at, ours);
                    continue;
                }
            }
            waiting.remove(key);
            if seen.table != Table::Relations
                && says(at, correlation).as_deref() != Some(&row.no)
                && !is_called(row, says(at, seen.table.column("Name")).as_deref())
            {
                arrivals.disputed.insert(*key);
                arrivals.newly_disputed.push(row.no.clone());
                seen.diff.olds[at] = 0;
            }
            arrivals.arrived.push(row.no.clone());
        }
        let news = seen.diff.touched.iter().map(|at| *at as usize);
        for at in news
            .filter(|at| seen.diff.olds[*at] == 0 && correlation.is_some())
            .collect::<Vec<_>>()
        {
            let ours = says(at, correlation).unwrap_or_default();
            let from = key(&[&ours]);
            let (Some(row), Some(to)) = (waiting.get(&from).copied(), says(at, Some(0))) else {
                continue;
            };
            waiting.remove(&from);
            let old = seen.index.keys.iter().position(|key| *key == from);
            seen.diff.olds[at] = old.map_or(0, |old| old as u32 + 1);
            arrivals.renamed.push((row.no.clone(), to));
        }
        for row in waiting.values() {
            let age = seen.exports.saturating_sub(row.export);
            if age > u64::from(limit) {
                let place = Place {
                    table: seen.table.name().to_owned(),
                    file: Some(seen.file()),
                    key: Some(row.no.clone()),
                    ..Place::default()
                };
                problems.push(Problem::new(
                    place,
                    "not-imported",
                    format!(
                        "it was created for its system, and {age} newer exports do not show it"
                    ),
                    "see whether its system imports the update files",
                ));
            }
        }
    }
    arrivals.renumbered.extend(arrivals.renamed.iter().cloned());
    arrivals.in_flight = waiting.keys().copied().collect();
    let carried = waiting
        .values()
        .map(|row| (row.no.clone(), row.carried.clone()));
    arrivals.carried = carried.collect();
    let created_keys: PrintSet = arrivals
        .renamed
        .iter()
        .map(|(from, _)| key(&[from]))
        .chain(arrivals.in_flight.iter().copied())
        .collect();
    let index = &seen.index;
    seen.diff
        .gone
        .retain(|at| !created_keys.contains(&index.keys[*at as usize]));
    seen.created = arrivals;
}

/// A relation that we created.
fn created_relation(created: &CreatedRow) -> Relation {
    let mut row = Row::unknown(Table::Relations);
    for (column, value) in &created.cells {
        if let Some(column) = Table::Relations.column(column) {
            row.set(column, Some(value.clone()));
        }
    }
    relation_of(&row)
}

/// The column in which a record that we create carries our number, so that its system may give it another one.
pub const CORRELATION: &str = "External ID";

/// Whether a record that came back is called as the one that we created, as far as its system kept the name.
fn is_called(row: &CreatedRow, name: Option<&str>) -> bool {
    let ours = row.cells.iter().find(|(column, _)| column == "Name");
    let (Some((_, ours)), Some(name)) = (ours, name) else {
        return true;
    };
    let ours = form::canonical(Form::Code, ours);
    ours == name || (!name.is_empty() && ours.starts_with(name))
}
