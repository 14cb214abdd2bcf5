//! What a side says of a field: nothing, the same as before, or something new.

use crate::model::damage::damage;
use crate::model::{Direction, Side, form};

use super::capacity::Capacity;

/// A value written for a side that may not have shown it in an export yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What was written.
    pub value: String,
    /// The side has shown it, or a newer one; kept for as long as a late import may still bring it back.
    pub acknowledged: bool,
    /// How many newer full exports of the table have been read since.
    pub exports: u32,
}

/// One side's part in one field.
#[derive(Clone, Copy, Debug)]
pub struct FieldSide<'a> {
    /// Which side.
    pub side: Side,
    /// What its export shows; `None` when it says nothing of this field.
    pub shown: Option<&'a str>,
    /// What it showed when it was last merged; `None` at its first meeting.
    pub base: Option<&'a str>,
    /// What was written for it, oldest first.
    pub sent: &'a [Sent],
    /// Whether it speaks for the field or only follows.
    pub direction: Direction,
    /// What it can hold.
    pub capacity: &'a Capacity,
}

impl FieldSide<'_> {
    /// Values in flight, oldest first.
    pub fn in_flight(&self) -> impl DoubleEndedIterator<Item = &Sent> {
        self.sent.iter().filter(|sent| !sent.acknowledged)
    }
}

/// A side's new value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move<'a> {
    /// What it shows.
    pub value: &'a str,
    /// It moved away from what is agreed. If not, whoever typed it may not have known the agreed value, which
    /// therefore competes with it.
    pub knew_agreed: bool,
    /// It has no base: this is its first meeting with the party.
    pub joins: bool,
    /// It was written for this side before: an import that comes late, or twice, brings it back, and nobody need have typed it.
    pub echo: bool,
    /// It looks like a damaged form of the agreed value, which therefore competes with it whatever the policy.
    pub damaged: bool,
}

/// What a side says of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says<'a> {
    /// No export, no record or no such column in this pass.
    Nothing,
    /// What it showed before, what is agreed, what was written for it, or a blank at a first meeting.
    Still,
    /// Something new.
    Moved(Move<'a>),
}

/// What became of the values in flight towards a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flight {
    /// Nothing was in flight, or the side says nothing.
    Unheard,
    /// It shows its base: not imported yet.
    Waiting,
    /// It shows this many of them, or newer ones.
    Acknowledged(usize),
}

/// What a side says, and what that means for the values in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard<'a> {
    /// Its word.
    pub says: Says<'a>,
    /// Its answer to what we wrote.
    pub flight: Flight,
}

/// Whether a side shows what was written for it and answered before: an import that comes late, or twice, brings it back.
pub fn is_echo(shown: &str, sent: &[Sent], capacity: &Capacity) -> bool {
    sent.iter()
        .any(|sent| sent.acknowledged && capacity.shows(shown, &sent.value))
}

/// Hears one side (`product.md` §5: in flight, late, stale and joining sides).
pub fn listen<'a>(side: &FieldSide<'a>, agreed: Option<&str>) -> Heard<'a> {
    let still = |flight| Heard {
        says: Says::Still,
        flight,
    };
    let Some(shown) = side.shown else {
        return Heard {
            says: Says::Nothing,
            flight: Flight::Unheard,
        };
    };
    let shows = |value: &str| side.capacity.shows(shown, value);
    let in_flight: Vec<&Sent> = side.in_flight().collect();

    if let Some(newest_shown) = in_flight.iter().rposition(|sent| shows(&sent.value)) {
        return still(Flight::Acknowledged(newest_shown + 1));
    }
    if agreed.is_some_and(shows) {
        return still(if in_flight.is_empty() {
            Flight::Unheard
        } else {
            Flight::Acknowledged(in_flight.len())
        });
    }
    let joins = side.base.is_none();
    if side.base.is_some_and(shows) {
        return still(if in_flight.is_empty() {
            Flight::Unheard
        } else {
            Flight::Waiting
        });
    }
    if side.direction == Direction::ToCounterpart || (joins && form::is_blank(shown)) {
        return still(Flight::Unheard);
    }
    let echo = is_echo(shown, side.sent, side.capacity);
    let knew_agreed = match (agreed, side.base) {
        (None, _) => true,
        // A blank that is agreed gives way to whatever a joining side brings, unless it was written for that side.
        (Some(agreed), None) => !echo && form::is_blank(agreed) && in_flight.is_empty(),
        (Some(agreed), Some(base)) => {
            !echo && in_flight.is_empty() && side.capacity.shows(base, agreed)
        }
    };
    Heard {
        says: Says::Moved(Move {
            value: shown,
            knew_agreed,
            joins,
            echo,
            damaged: agreed.is_some_and(|agreed| damage(shown, agreed).is_some()),
        }),
        flight: Flight::Unheard,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Form;

    const TEXT: Capacity = Capacity {
        form: Form::Text,
        length: 30,
        cut: false,
    };

    fn sent(value: &str, acknowledged: bool) -> Sent {
        Sent {
            value: value.to_owned(),
            acknowledged,
            exports: 0,
        }
    }

    fn moved(value: &str, knew_agreed: bool, joins: bool) -> Heard<'_> {
        word(value, knew_agreed, joins, false)
    }

    fn echoed(value: &str, joins: bool) -> Heard<'_> {
        word(value, false, joins, true)
    }

    fn word(value: &str, knew_agreed: bool, joins: bool, echo: bool) -> Heard<'_> {
        Heard {
            says: Says::Moved(Move {
                value,
                knew_agreed,
                joins,
                echo,
                damaged: false,
            }),
            flight: Flight::Unheard,
        }
    }

    /// (shown, base, sent, agreed, expected): the whole protocol of `product.md` §5, a line a case.
    #[test]
    fn the_protocol_of_values_in_flight_is_this_table() {
        let still = |flight| Heard {
            says: Says::Still,
            flight,
        };
        let old_new = [sent("v1", false), sent("v2", false)];
        let done = [sent("v1", true)];
        let cleared = [sent("", false)];
        type Case<'a> = (
            Option<&'a str>,
            Option<&'a str>,
            &'a [Sent],
            Option<&'a str>,
            Heard<'a>,
        );
        let table: &[Case<'_>] = &[
            (
                None,
                Some("b"),
                &[],
                Some("b"),
                Heard {
                    says: Says::Nothing,
                    flight: Flight::Unheard,
                },
            ),
            (Some("b"), Some("b"), &[], Some("b"), still(Flight::Unheard)),
            (
                Some("x"),
                Some("b"),
                &[],
                Some("b"),
                moved("x", true, false),
            ),
            (Some(""), Some("b"), &[], Some("b"), moved("", true, false)),
            // Behind what is agreed, and then typed over: the two compete.
            (
                Some("x"),
                Some("b"),
                &[],
                Some("a"),
                moved("x", false, false),
            ),
            (Some("a"), Some("b"), &[], Some("a"), still(Flight::Unheard)),
            // Answers.
            (
                Some("v2"),
                Some("b"),
                &old_new,
                Some("v2"),
                still(Flight::Acknowledged(2)),
            ),
            (
                Some("v1"),
                Some("b"),
                &old_new,
                Some("v2"),
                still(Flight::Acknowledged(1)),
            ),
            (
                Some("b"),
                Some("b"),
                &old_new,
                Some("v2"),
                still(Flight::Waiting),
            ),
            (
                Some("x"),
                Some("b"),
                &old_new,
                Some("v2"),
                moved("x", false, false),
            ),
            // A second import of what was superseded.
            (Some("v1"), Some("u"), &done, Some("u"), echoed("v1", false)),
            // First meetings.
            (Some("x"), None, &[], None, moved("x", true, true)),
            (Some(" "), None, &[], None, still(Flight::Unheard)),
            (Some("x"), None, &[], Some("a"), moved("x", false, true)),
            (Some("x"), None, &[], Some(""), moved("x", true, true)),
            // Its column was gone for a while, and what was written for it before may not be imported yet.
            (Some("x"), None, &cleared, Some(""), moved("x", false, true)),
            (Some("v1"), None, &done, Some(""), echoed("v1", true)),
            (Some(""), None, &[], Some("a"), still(Flight::Unheard)),
            (Some("a"), None, &[], Some("a"), still(Flight::Unheard)),
        ];
        for (shown, base, sent, agreed, expected) in table {
            let side = FieldSide {
                side: Side::Contact,
                shown: *shown,
                base: *base,
                sent,
                direction: Direction::Both,
                capacity: &TEXT,
            };
            assert_eq!(
                listen(&side, *agreed),
                *expected,
                "shown {shown:?} base {base:?} agreed {agreed:?}"
            );
        }
    }

    #[test]
    fn a_side_that_only_follows_never_moves() {
        let side = FieldSide {
            side: Side::Contact,
            shown: Some("Person"),
            base: Some("Company"),
            sent: &[],
            direction: Direction::ToCounterpart,
            capacity: &TEXT,
        };
        assert_eq!(listen(&side, Some("Company")).says, Says::Still);
    }
}
