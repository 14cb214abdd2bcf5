//! Recovery: what a pass that was cut short left behind is finished or discarded, without being asked.

use std::path::Path;

use tracing::warn;

use crate::disk::Disk;
use crate::state::Store;
use crate::state::journal::Unfinished;
use crate::state::memory::Target;

use super::{ApplyError, Standing, digest_of, discard, publish, write_error};

/// Finishes or discards the last pass. Returns the number of the pass that was finished.
pub fn recover(
    store: &mut Store,
    disk: &dyn Disk,
    finished: &dyn Fn() -> String,
) -> Result<Option<u64>, ApplyError> {
    match store.unfinished()? {
        None => Ok(None),
        Some(Unfinished::Intent(targets)) => {
            warn!(
                files = targets.len(),
                "the last pass was cut before its commit; discarding it"
            );
            discard(&targets, disk)?;
            store.journal_clear(disk)?;
            Ok(None)
        }
        Some(Unfinished::Commit(targets, memory)) => {
            warn!(
                pass = memory.pass,
                "the last pass was cut after its commit; finishing it"
            );
            let standing = |target: &Target| {
                let digest = digest_of(disk, target.path.as_ref())?;
                if digest.as_ref() == Some(&target.after) {
                    return Ok(Standing::After);
                }
                if digest != target.before {
                    return Ok(Standing::Foreign);
                }
                let temporary = Path::new(&target.temporary);
                let waits = disk.identity(temporary).map_err(write_error(temporary))?;
                Ok(match (waits, &target.before) {
                    (Some(_), _) => Standing::Before,
                    // It was put in place before the cut, and its system has imported it and taken it away.
                    (None, None) => Standing::After,
                    (None, Some(_)) => Standing::Foreign,
                })
            };
            let pass = memory.pass;
            let (memory, _) = publish(&targets, *memory, disk, &standing)?;
            store.remember(disk, &memory, &finished())?;
            store.sweep_base(disk)?;
            Ok(Some(pass))
        }
    }
}
