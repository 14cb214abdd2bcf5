//! What the guards look at beside the plan: how many records there are, are gone, or show again what they showed before.

use std::collections::BTreeMap;

use crate::merge::deliver::Route;
use crate::merge::guard;
use crate::model::Table;
use crate::state::StateError;
use crate::sync::observe::Seen;
use crate::sync::observe::relation::{relation_of, removal_name};

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
pub(super) fn counts(world: &World<'_>) -> Result<BTreeMap<Table, guard::Counts>, StateError> {
    let mut all = BTreeMap::new();
    for seen in world.tables.iter().flatten() {
        let Some(export) = &seen.export else { continue };
        let is_in_place = seen.route() == Route::InPlace;
        let counts = guard::Counts {
            records: (export.records.len() as u64)
                .max(seen.memory.as_ref().map_or(0, |memory| memory.records))
                // A delta lists only some of those that are known.
                .max(seen.index.len() as u64),
            gone: gone_unasked(world, seen)?,
            reconfigured: seen.reconfigured,
            written: if is_in_place {
                seen.returned.written
            } else {
                0
            },
            returned: if is_in_place {
                seen.returned.count()
            } else {
                0
            },
        };
        all.insert(seen.table, counts);
    }
    Ok(all)
}
