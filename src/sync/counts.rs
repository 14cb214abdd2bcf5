//! What the guards look at beside the plan: how many records there are, are gone, or show again what they showed before.

use std::collections::BTreeMap;

use crate::exports::key_print;
use crate::merge::deliver::Route;
use crate::merge::guard;
use crate::model::Table;
use crate::state::{StateError, Store};

use super::diff::PrintMap;
use super::observe::{Seen, plain};
use super::relation_rows::relation_of;
use super::relations::removal_name;
use super::world::World;

/// How many records are gone that nobody was asked to remove.
fn gone_unasked(world: &World<'_>, seen: &Seen<'_>) -> Result<u64, StateError> {
    let gone = seen.diff.gone.len() as u64;
    if seen.table != Table::Relations || gone == 0 {
        return Ok(gone);
    }
    let mut asked = 0;
    for at in &seen.diff.gone {
        let row = seen.rows.get(seen.index.row(*at as usize))?;
        let name = row.map(|row| removal_name(&relation_of(&row)));
        let was_asked = |name| world.gone.contains(&(Table::Relations, name));
        asked += u64::from(name.is_some_and(was_asked));
    }
    Ok(gone - asked)
}

/// What the guards look at beside the plan.
pub(super) fn counts(
    world: &World<'_>,
    store: &Store,
) -> Result<BTreeMap<Table, guard::Counts>, StateError> {
    let mut all = BTreeMap::new();
    for seen in world.tables.iter().flatten() {
        let Some(export) = &seen.export else { continue };
        let mut counts = guard::Counts {
            records: (export.records.len() as u64)
                .max(seen.memory.as_ref().map_or(0, |memory| memory.records))
                // A delta lists only some of those that are known.
                .max(seen.index.len() as u64),
            gone: gone_unasked(world, seen)?,
            reconfigured: seen.reconfigured,
            ..guard::Counts::default()
        };
        let written_pass = seen.memory.as_ref().and_then(|memory| memory.written_pass);
        if let (Route::InPlace, true, Some(pass)) = (seen.route(), seen.is_changed(), written_pass)
        {
            let touched = seen
                .diff
                .touched
                .iter()
                .map(|at| (seen.diff.keys[*at as usize], *at as usize));
            let touched: PrintMap<usize> = touched.collect();
            let mut look = |no: &str, column: &str, from: &str, to: &str| {
                counts.written += 1;
                let at = touched.get(&plain(key_print(&[no], world.seed)));
                let record = at.and_then(|at| export.record(*at).ok());
                let (Some(column), Some(record)) = (seen.table.column(column), record) else {
                    return;
                };
                let form = seen.table.columns()[column].form;
                let shown = record.value(column);
                let shows = |value: &str| {
                    shown.is_some_and(|shown| crate::model::form::same(form, shown, value))
                };
                counts.returned += u64::from(shows(from) && !shows(to));
            };
            store.written(seen.table.name(), pass, &mut look)?;
        }
        all.insert(seen.table, counts);
    }
    Ok(all)
}
