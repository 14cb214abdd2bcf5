//! What becomes of each side once a field is decided: its new base, what is written for it, what it is owed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::{Direction, form};

use super::capacity::Fit;
use super::listen::{FieldSide, Flight, Heard, Says};
use super::verdict::{Rule, Verdict};

/// Why a side that does not show the agreed value is not written to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owed {
    /// It says nothing in this pass: its export, its row or its cell.
    Silent,
    /// Its table is not written back.
    NotWritten,
    /// It cannot hold the value, and why.
    CannotHold(String),
}

/// How what is written reaches a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The file is the system's data: what we write counts as shown.
    InPlace,
    /// The system imports update files when it gets to it: what we write is in flight.
    Folder,
    /// It is not written back.
    Nowhere,
    /// It says nothing in this pass: its export, or its row.
    Silent,
    /// Its row cannot be read, and each update of its table lists it as it stands: what is in flight towards it counts as undone.
    Frozen,
}

/// What one side gets out of a decided field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Its base from now on; `None` leaves it unmet.
    pub base: Option<String>,
    /// How many of the values in flight it has answered.
    pub acknowledged: usize,
    /// How many of these its system must have imported, or newer ones: it shows one of them, and did not before.
    pub imported: usize,
    /// What is written for it.
    pub write: Option<String>,
    /// It lacks the agreed value and gets nothing.
    pub owed: Option<Owed>,
    /// It still shows its base after more newer exports than the configured limit.
    pub overdue: bool,
}

/// Delivers a verdict to one side. `agreed` is the value after the verdict, `None` when nothing is agreed; `refuses` says why the
/// side's file cannot hold a text, where it cannot.
pub fn deliver(
    side: &FieldSide<'_>,
    heard: &Heard<'_>,
    verdict: &Verdict<'_>,
    agreed: Option<&str>,
    route: Route,
    refuses: &dyn Fn(&str) -> Option<String>,
    in_flight_limit: u32,
) -> Delivery {
    let mut delivery = Delivery {
        base: side.base.map(str::to_owned),
        ..Delivery::default()
    };
    let held_back = *verdict == Verdict::Conflict;
    let decided = matches!(
        verdict,
        Verdict::Take {
            rule: Rule::Decided,
            ..
        }
    );
    let answered = match heard.flight {
        Flight::Acknowledged(count) => count,
        Flight::Unheard | Flight::Waiting => 0,
    };
    let acknowledged = match route {
        // A person has seen what was in flight; whatever is written now begins anew.
        _ if decided && side.shown.is_some() => side.in_flight().count(),
        Route::Frozen => side.in_flight().count(),
        _ => answered,
    };
    delivery.acknowledged = acknowledged;
    let shows_base = |shown: &str| {
        side.base
            .is_some_and(|base| side.capacity.shows(shown, base))
    };
    if let Flight::Acknowledged(count) = heard.flight
        && !side.shown.is_some_and(shows_base)
    {
        delivery.imported = count;
    }
    let Some(shown) = side.shown else {
        let left = side.in_flight().skip(acknowledged).last();
        let expected = left.map(|sent| sent.value.as_str()).or(side.base);
        let expects =
            |value: &str| expected.is_some_and(|expected| side.capacity.shows(expected, value));
        delivery.owed = agreed
            .filter(|value| !held_back && !expects(value))
            .map(|_| Owed::Silent);
        return delivery;
    };
    let Some(value) = agreed.filter(|_| !held_back) else {
        // A side whose word is part of a conflict keeps its base, so that its word stays a move until decided.
        let answers = matches!(heard.flight, Flight::Acknowledged(_));
        let joins_quietly = side.base.is_none() && held_back && !answers;
        if heard.says == Says::Still && !joins_quietly {
            delivery.base = Some(shown.to_owned());
        }
        return delivery;
    };
    delivery.base = Some(shown.to_owned());
    let follows_blank = side.direction == Direction::ToCounterpart && form::is_blank(value);
    // What it shows is right, and what is on its way to it would take that away again: also what a person decided against.
    let is_overtaken = route == Route::Folder
        && side
            .in_flight()
            .skip(answered)
            .last()
            .is_some_and(|newest| !side.capacity.shows(&newest.value, value));
    if follows_blank || (side.capacity.shows(shown, value) && !is_overtaken) {
        return delivery;
    }
    // What is on its way comes by itself, but no longer to a file that is edited in place.
    if let Some(newest) = side.in_flight().skip(acknowledged).last()
        && route != Route::InPlace
        && side.capacity.shows(&newest.value, value)
        && matches!(heard.flight, Flight::Waiting | Flight::Acknowledged(_))
    {
        // Each newer value is given its time anew.
        delivery.overdue = newest.exports > in_flight_limit;
        return delivery;
    }
    let text = match side.capacity.fit(value) {
        Fit::Whole(text) => text,
        Fit::Cut(text) => Cow::Owned(text),
        Fit::TooLong => {
            let reason = format!(
                "the agreed value has {} characters and this side holds {}",
                value.chars().count(),
                side.capacity.length
            );
            delivery.owed = Some(Owed::CannotHold(reason));
            return delivery;
        }
    };
    if let Some(reason) = refuses(&text) {
        delivery.owed = Some(Owed::CannotHold(reason));
        return delivery;
    }
    match route {
        Route::Nowhere => delivery.owed = Some(Owed::NotWritten),
        Route::Silent | Route::Frozen => delivery.owed = Some(Owed::Silent),
        Route::InPlace => {
            delivery.base = Some(text.to_string());
            delivery.write = Some(text.into_owned());
        }
        Route::Folder => delivery.write = Some(text.into_owned()),
    }
    delivery
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::{Capacity, Sent};
    use crate::model::{Form, Side};

    /// What a side that says nothing new gets while others are in conflict.
    fn delivered(base: Option<&str>, shown: &str, flight: Flight) -> Delivery {
        let sent = [Sent {
            value: "a".to_owned(),
            acknowledged: false,
            exports: 0,
        }];
        let answers = matches!(flight, Flight::Acknowledged(_));
        let side = FieldSide {
            side: Side::Contact,
            shown: Some(shown),
            base,
            sent: if answers { &sent } else { &[] },
            direction: Direction::Both,
            capacity: &Capacity {
                form: Form::Text,
                length: 30,
                cut: false,
            },
        };
        let heard = Heard {
            says: Says::Still,
            flight,
        };
        let (verdict, agreed) = (Verdict::Conflict, Some("a"));
        deliver(
            &side,
            &heard,
            &verdict,
            agreed,
            Route::InPlace,
            &|_| None,
            2,
        )
    }

    #[test]
    fn in_a_conflict_a_side_that_stands_is_met_unless_it_joins_without_a_word() {
        let table = [
            // It has caught up with what is agreed.
            (Some("b"), "a", Flight::Unheard, Some("a")),
            (Some("b"), "a", Flight::Acknowledged(1), Some("a")),
            (None, "a", Flight::Acknowledged(1), Some("a")),
            (None, "", Flight::Unheard, None),
        ];
        for (base, shown, flight, expected) in table {
            let delivery = delivered(base, shown, flight);
            let case = format!("{base:?} {shown} {flight:?}");
            assert_eq!(delivery.base.as_deref(), expected, "{case}");
        }
    }

    #[test]
    fn a_side_must_have_imported_what_it_shows_unless_it_showed_that_before() {
        let imported = |base, flight| delivered(base, "a", flight).imported;
        assert_eq!(imported(Some("b"), Flight::Acknowledged(1)), 1);
        assert_eq!(imported(None, Flight::Acknowledged(1)), 1);
        assert_eq!(imported(Some("a"), Flight::Acknowledged(1)), 0);
        assert_eq!(imported(Some("b"), Flight::Unheard), 0);
    }
}
