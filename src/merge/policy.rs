//! Who wins where sides differ, as configured; the default is nobody.

use crate::model::Side;

/// What to do when sides changed one field differently (`product.md` §5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Nobody is overwritten until a person decides.
    #[default]
    Hold,
    /// The contact wins.
    Contact,
    /// The counterpart wins, where just one value comes from counterparts.
    Counterpart,
    /// The record that was modified last wins.
    Newest,
    /// The first of these sides that moved wins.
    Sides(Vec<Side>),
}

/// What to do with a field of sides that have no base yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstMeeting {
    /// Equal agrees, blank is filled, different is a conflict.
    #[default]
    Fill,
    /// The contact is master; blanks never win.
    Contact,
    /// The counterpart is master; blanks never win.
    Counterpart,
}

/// The rules for one field of one party.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldRules {
    /// Sides changed it differently.
    pub on_conflict: Policy,
    /// Sides meet for the first time.
    pub first_meeting: FirstMeeting,
    /// Every change waits for a person.
    pub hold_always: bool,
}
