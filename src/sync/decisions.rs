//! What a person decides on a conflict: from a command, a request, or the conflict inbox as a file.

use crate::config::Config;
use crate::merge::Capacity;
use crate::merge::capacity::Fit;
use crate::merge::plan::Conflict;
use crate::merge::validation::validate;
use crate::model::{FieldId, Side};
use crate::state::queries::OpenConflict;
use crate::state::{StateError, Store};

/// A decision on a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// What a side shows, or the base.
    Take(&'a str),
    /// Another value.
    Value(&'a str),
}

/// Why a decision cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecidable {
    /// It names no side at all.
    NoSide(String),
    /// The conflict does not allow it, as a sentence.
    Refused(String),
}

/// The value that a decision gives to all sides.
///
/// # Errors
/// Why it gives none.
pub fn value(
    config: &Config,
    open: &OpenConflict,
    choice: Choice<'_>,
) -> Result<String, Undecidable> {
    let conflict = &open.conflict;
    let refused = |reason: String| Undecidable::Refused(format!("{}: {reason}", open.id));
    let take = match choice {
        Choice::Value(value) => {
            validate(&conflict.field, value)
                .map_err(|invalid| refused(format!("{}: {invalid}", conflict.field)))?;
            if let Some(most) = longer_than_all(config, conflict, value) {
                return Err(refused(format!(
                    "{}: the value has {} characters and no side holds more than {most}",
                    conflict.field,
                    value.chars().count()
                )));
            }
            return Ok(value.to_owned());
        }
        Choice::Take("base") => {
            let reason = || {
                format!(
                    "the sides never agreed on {}, so there is no base to take",
                    conflict.field
                )
            };
            return conflict.agreed.clone().ok_or_else(|| refused(reason()));
        }
        Choice::Take(side) => side,
    };
    let side = Side::named(take).ok_or_else(|| Undecidable::NoSide(take.to_owned()))?;
    let claim = conflict
        .claims
        .iter()
        .find(|claim| claim.side == side)
        .ok_or_else(|| {
            refused(format!(
                "the party of contact {} has no {side}",
                conflict.contact
            ))
        })?;
    let silent = || format!("{side} {} says nothing of {} now", claim.no, conflict.field);
    claim.shows.clone().ok_or_else(|| refused(silent()))
}

/// How many characters the sides of a conflict hold at most, where a value has more than any of them can take.
fn longer_than_all(config: &Config, conflict: &Conflict, value: &str) -> Option<usize> {
    let field = FieldId::named(&conflict.field)?;
    let sides = conflict.claims.iter().filter_map(|claim| {
        let table = claim.side.table();
        let def = &table.columns()[table.column_of(field)?];
        Some(config.table(table)?.capacity(def))
    });
    let sides: Vec<Capacity> = sides.collect();
    let is_too_long = sides.iter().all(|side| side.fit(value) == Fit::TooLong);
    let most = sides.iter().map(|side| side.length).max();
    most.filter(|_| is_too_long)
}

/// A row that decides a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The conflict's id.
    pub conflict: String,
    /// What the conflict was when its row was written; blank where nothing is said of it.
    pub version: String,
    /// The decision as it was typed.
    pub decision: String,
}

/// What stands before a value in a decision.
const VALUE: &str = "value:";

/// The version of a conflict, as files for people name it: never like a number, which a spreadsheet would write anew.
pub fn version(open: &OpenConflict) -> String {
    format!("V{}", open.conflict.print())
}

/// Why nothing is decided of a conflict that is not what its row says.
pub(super) fn changed(id: &str) -> String {
    format!(
        "conflict {id} has changed since this row was written: a side shows something else now. Look at it again"
    )
}

/// What a row decides: the conflict and the value.
///
/// # Errors
/// Those of the state; the inner one says why nothing is decided.
pub fn decision(
    config: &Config,
    store: &Store,
    row: &Resolution,
) -> Result<Result<(OpenConflict, String), String>, StateError> {
    let mut conflicts = store.conflicts()?;
    let found = conflicts
        .iter()
        .position(|open| open.id.eq_ignore_ascii_case(&row.conflict));
    let Some(found) = found else {
        let reason = format!(
            "conflict {} is not open any more; nothing was changed",
            row.conflict
        );
        return Ok(Err(reason));
    };
    let open = conflicts.swap_remove(found);
    if !row.version.is_empty() && !row.version.eq_ignore_ascii_case(&version(&open)) {
        return Ok(Err(changed(&open.id)));
    }
    let typed = row.decision.trim();
    let lower = typed.to_lowercase();
    let choice = match lower.strip_prefix(VALUE) {
        Some(_) => Choice::Value(unmarked(typed[VALUE.len()..].trim())),
        None => Choice::Take(&lower),
    };
    Ok(match value(config, &open, choice) {
        Ok(value) => Ok((open, value)),
        Err(Undecidable::Refused(reason)) => Err(reason),
        Err(Undecidable::NoSide(_)) => Err(format!(
            "{}: the decision is not understood; say {}",
            open.id,
            choices(&open)
        )),
    })
}

/// What a cell for people begins with where a spreadsheet would take it for a formula.
pub const FORMULAS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\0'];

/// A value without the `'` that files for people put before what looks like a formula: it may have been copied from one.
fn unmarked(value: &str) -> &str {
    value
        .strip_prefix('\'')
        .filter(|rest| rest.starts_with(FORMULAS))
        .unwrap_or(value)
}

/// What can be decided, for people.
pub fn choices(open: &OpenConflict) -> String {
    let claims = open.conflict.claims.iter();
    let shown = claims.filter(|claim| claim.shows.is_some());
    let mut choices: Vec<&str> = shown.map(|claim| claim.side.noun()).collect();
    choices.extend(open.conflict.agreed.is_some().then_some("base"));
    format!("{} or \"{VALUE} ...\"", choices.join(", "))
}
