//! Why the last round failed, where it did: kept in the state for whoever asks later.

use serde::{Deserialize, Serialize};

use crate::state::{StateError, Store};
use crate::sync::pass::PassError;

use super::daemon::Chain;

/// Under which name the state keeps it; blank once a round was made.
const FAILED: &str = "failed_round";

/// A round that failed, and that none followed which did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRound {
    /// When it began.
    pub at: String,
    /// Why it failed, as a sentence.
    pub reason: String,
}

/// The last round, where it failed.
///
/// # Errors
/// Those of the state.
pub fn failed(store: &Store) -> Result<Option<FailedRound>, StateError> {
    let kept = store.meta(FAILED)?;
    Ok(kept.and_then(|kept| serde_json::from_str(&kept).ok()))
}

/// Keeps how a round that began at this time ended.
///
/// # Errors
/// Those of the state.
pub(super) fn note<T>(
    store: &Store,
    made: &Result<T, PassError>,
    at: String,
) -> Result<(), StateError> {
    match made {
        Ok(_) if failed(store)?.is_none() => Ok(()),
        Ok(_) => store.set_meta(FAILED, ""),
        Err(error) => {
            let reason = format!("{}{}", Chain(error), error.advice());
            store.set_meta(FAILED, &serde_json::to_string(&FailedRound { at, reason })?)
        }
    }
}
