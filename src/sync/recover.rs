//! Recovery: what a pass that was cut short left behind is finished or discarded, without being asked.

use tracing::warn;

use crate::disk::Disk;
use crate::state::Store;
use crate::state::journal::Unfinished;

use super::apply::{ApplyError, Standing, digest_of, discard, publish};

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
            let standing = |target: &crate::state::memory::Target| {
                let digest = digest_of(disk, target.path.as_ref())?;
                Ok(match digest {
                    digest if digest.as_ref() == Some(&target.after) => Standing::After,
                    digest if digest == target.before => Standing::Before,
                    _ => Standing::Foreign,
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
