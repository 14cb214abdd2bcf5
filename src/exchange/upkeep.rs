//! What a round does beside its pass: it puts messages away, renews the conflict inbox, and removes what was kept long enough.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::disk::Disk;
use crate::model::{Place, Problem};
use crate::state::Store;
use crate::sync::apply::ApplyError;
use crate::sync::observe::shown_path;

use super::{conflicts, mail, retention};

/// Does what is due by now, and tells what of it cannot be done. That holds up nothing else: what was read counts, and the next round tries
/// again.
///
/// # Errors
/// Those of the state.
pub(super) fn upkeep(
    config: &Config,
    disk: &dyn Disk,
    store: &Store,
    mails: &[PathBuf],
    now: &jiff::Zoned,
) -> Result<Vec<Problem>, ApplyError> {
    let mut undone = Vec::new();
    let mut tell = |done: Result<(), ApplyError>, advice: &str| match done {
        Err(ApplyError::Write { path, source }) => {
            undone.push(unwritable(&path, &source, advice));
            Ok(())
        }
        done => done,
    };
    let of_mails = "see to that folder; the messages were read, and are put away then";
    tell(mail::archive(mails, disk, store, now), of_mails)?;
    if let Some(path) = &config.exchange.conflicts {
        let of_conflicts = "see to that folder; until then the file shows what was open before, and `couplet conflicts` what is";
        tell(conflicts::renew(store, disk, path), of_conflicts)?;
    }
    let of_kept = "see to that folder; `exchange.keep` is over for what is in it";
    tell(retention::sweep(config, disk, store, now), of_kept)?;
    Ok(undone)
}

/// Something that cannot be written, moved or removed.
pub(super) fn unwritable(path: &Path, error: &io::Error, advice: &str) -> Problem {
    let place = Place {
        file: Some(shown_path(path)),
        ..Place::default()
    };
    let reason = format!("it cannot be written, moved or removed: {error}");
    Problem::new(place, "unwritable-file", reason, advice)
}
