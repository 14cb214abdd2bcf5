//! Retention: archived drops and their answers go when their time is over; what failed stays until a person has seen to it.

use std::time::Duration;

use tracing::info;

use crate::config::Config;
use crate::disk::Disk;
use crate::state::Store;
use crate::sync::apply::ApplyError;
use crate::sync::inbox;

use super::folder::can_tell;
use super::publish::write_error;

/// Removes what has been kept long enough. The file that a table was read from last is kept as long as it is that.
///
/// # Errors
/// Those of the state and of removing.
pub fn sweep(
    config: &Config,
    disk: &dyn Disk,
    store: &Store,
    now: &jiff::Zoned,
) -> Result<(), ApplyError> {
    let Some(limit) = config.exchange.keep.and_then(|keep| before(now, keep)) else {
        return Ok(());
    };
    let kept = store.drops_before(&limit)?.into_iter();
    for row in kept.filter(|row| can_tell(row, &config.run, disk)) {
        let last = store.last_read_drop(&row.table)?;
        let is_last = row.table != "requests" && last.is_some_and(|last| last.id == row.id);
        if is_last {
            continue;
        }
        let path = inbox::archived(&row);
        disk.remove(&path).map_err(write_error(&path))?;
        if !store.has_newer_drop(&row)? {
            let path = inbox::answer(&row, config.exchange.answers);
            disk.remove(&path).map_err(write_error(&path))?;
        }
        store.forget_drop(row.id)?;
        info!(drop = row.id, table = row.table, "archived drop removed");
    }
    Ok(())
}

fn before(now: &jiff::Zoned, keep: Duration) -> Option<String> {
    let limit = now
        .checked_sub(jiff::SignedDuration::try_from(keep).ok()?)
        .ok()?;
    Some(limit.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}
