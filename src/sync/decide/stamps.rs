//! Last Date Modified and its kin of what is written get the pass's date, where that is asked for (`product.md` §2).

use std::collections::{BTreeMap, BTreeSet};

use crate::exports::{Record, key_print};
use crate::merge::Rule;
use crate::merge::plan::Change;
use crate::model::Table;
use crate::state::StateError;
use crate::sync::dates::{self, Part};
use crate::sync::observe::plain;

use super::Decided;
use super::world::World;

/// The columns that say when a record was last modified.
const STAMPS: [(&str, Part); 3] = [
    ("Last Date Modified", Part::Date),
    ("Last Time Modified", Part::Time),
    ("Last Modified Date Time", Part::DateTime),
];

/// Stamps every record that gets a new value; the status alone is none. No export is asked to show a stamp again, so
/// nothing is in flight for it: the next pass compares no column of these.
pub(super) fn stamp(world: &World<'_>, decided: &mut Decided) -> Result<(), StateError> {
    if !world.config.merge.stamp_last_modified {
        return Ok(());
    }
    let plan = &decided.plan;
    // The date of a record whose word waits in a conflict is the word's: `newest` would take ours for it.
    let waiting: BTreeSet<(Table, &str)> = plan
        .conflicts
        .iter()
        .flat_map(|conflict| &conflict.claims)
        .filter(|claim| claim.moved)
        .map(|claim| (claim.side.table(), claim.no.as_str()))
        .collect();
    let written: BTreeMap<(Table, &str), &Change> = plan
        .changes
        .iter()
        .filter(|change| change.rule != Rule::Status)
        .filter_map(|change| Some(((Table::named(&change.table)?, change.no.as_str()), change)))
        .filter(|(record, _)| !waiting.contains(record))
        .collect();
    let mut stamps: Vec<Change> = Vec::new();
    for ((table, no), change) in written {
        let Some(seen) = world.tables[table.index()].as_ref() else {
            continue;
        };
        let Some(export) = &seen.export else { continue };
        let key = plain(key_print(&[no], world.seed));
        let at = seen.position(key);
        let row = match at {
            Some(at) => export.record(at).ok().map(Record::into_row),
            // A delta export does not list it.
            None => seen.base(key)?,
        };
        let edits = decided.edits.entry(table).or_default();
        let is_written = match at {
            Some(at) => edits.cells.contains_key(&at),
            None => edits.unlisted.contains_key(no),
        };
        let Some(row) = row.filter(|_| is_written) else {
            continue;
        };
        for (name, part) in STAMPS {
            let Some(column) = table
                .column(name)
                .filter(|column| export.columns.has(*column))
            else {
                continue;
            };
            let shown = row.get(column).unwrap_or_default();
            let Some(text) = dates::restamped(shown, part, seen.config.dates.as_deref(), world.now)
                .filter(|text| text != shown && export.holds(column, text).is_ok())
            else {
                continue;
            };
            match (at, edits.unlisted.get_mut(no)) {
                (Some(at), _) => edits
                    .cells
                    .entry(at)
                    .or_default()
                    .push((column, text.clone())),
                (None, Some(row)) => row.edit(column, &text),
                (None, None) => {}
            }
            stamps.push(Change {
                column: name.to_owned(),
                from: shown.to_owned(),
                to: text,
                rule: Rule::Stamped,
                because: Vec::new(),
                ..change.clone()
            });
        }
    }
    decided.plan.changes.extend(stamps);
    Ok(())
}
