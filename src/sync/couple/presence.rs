//! Where a relation stands, as far as its table tells, and what follows from that for those that went or are to go.

use crate::exports::key_print;
use crate::merge::coupling::Relation;
use crate::merge::deliver::Route;
use crate::state::StateError;

use crate::sync::observe::relation::{read_relation, relation_of, removal_name};
use crate::sync::observe::{Seen, plain};

/// Where a relation stands in its table. That of another number is another relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sync) enum Presence {
    /// It is listed, or need not be.
    Listed,
    /// It was written for its system, and no export has shown it yet.
    InFlight,
    /// It is not there.
    Absent,
    /// Another one has its contact and its code.
    Replaced,
    /// Nobody knows: its table says nothing, or its row, or one that may be it, cannot be read or stands twice.
    Unknown,
}

/// What becomes of a relation that went with a record when that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sync) enum Regain {
    /// It is made anew.
    Made,
    /// It was asked to be taken out, and is to stay after all.
    Kept,
    /// It is there, or another one is.
    Nothing,
    /// It waits until its table tells.
    Waits,
}

impl Presence {
    /// Where a relation stands.
    ///
    /// # Errors
    /// Those of the state's own files.
    pub(in crate::sync) fn of(
        relation: &Relation,
        relations: Option<&Seen<'_>>,
        seed: u64,
    ) -> Result<Presence, StateError> {
        let Some((seen, export)) = relations.and_then(|seen| Some((seen, seen.export.as_ref()?)))
        else {
            return Ok(Presence::Unknown);
        };
        let name = removal_name(relation);
        let key = plain(key_print(&[&relation.contact, &relation.code], seed));
        let among = |there: Presence, shown: Option<&Relation>| match shown {
            Some(shown) if removal_name(shown) == name => there,
            _ => Presence::Replaced,
        };
        let Some(at) = seen.position(key) else {
            if seen.is_illegible(key) {
                return Ok(Presence::Unknown);
            }
            if !seen.is_unlisted(key) {
                return Ok(Presence::Absent);
            }
            let there = match seen.created.in_flight.contains(&key) {
                true => Presence::InFlight,
                false => Presence::Listed,
            };
            return Ok(among(
                there,
                seen.base(key)?.as_ref().map(relation_of).as_ref(),
            ));
        };
        let filling = seen.created.filling.get(&at);
        if filling.is_some_and(|filling| removal_name(filling) == name) {
            return Ok(Presence::InFlight);
        }
        Ok(match export.record(at) {
            Ok(record) if !seen.is_double(at) => {
                among(Presence::Listed, Some(&read_relation(&record)))
            }
            _ => Presence::Unknown,
        })
    }

    /// What becomes of a relation that went with a record when that comes back.
    pub(in crate::sync) fn regain(self, is_asked_away: bool) -> Regain {
        match (self, is_asked_away) {
            (Presence::Unknown, _) => Regain::Waits,
            (Presence::Absent, _) => Regain::Made,
            (Presence::Listed, true) => Regain::Kept,
            (Presence::Listed, false) | (Presence::InFlight | Presence::Replaced, _) => {
                Regain::Nothing
            }
        }
    }

    /// Whether a removal that was asked for has been carried out, so that it is asked for no longer.
    pub(in crate::sync) fn is_over(self) -> bool {
        match self {
            Presence::Absent | Presence::Replaced => true,
            Presence::Listed | Presence::InFlight | Presence::Unknown => false,
        }
    }

    /// Whether a relation can be taken out: not from a file in place in which nobody knows its row.
    pub(in crate::sync) fn can_go(self, route: Route) -> bool {
        (self, route) != (Presence::Unknown, Route::InPlace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_a_relation_whose_record_came_back_is_this_table() {
        let table = [
            // Where it stands; what becomes of it, and what if its removal was asked for.
            (Presence::Listed, Regain::Nothing, Regain::Kept),
            (Presence::InFlight, Regain::Nothing, Regain::Nothing),
            (Presence::Absent, Regain::Made, Regain::Made),
            (Presence::Replaced, Regain::Nothing, Regain::Nothing),
            (Presence::Unknown, Regain::Waits, Regain::Waits),
        ];
        for (presence, becomes, becomes_if_asked) in table {
            assert_eq!(presence.regain(false), becomes, "{presence:?}");
            assert_eq!(presence.regain(true), becomes_if_asked, "{presence:?}");
        }
    }

    #[test]
    fn a_removal_is_over_and_may_be_made_by_this_table() {
        let table = [
            // Where it stands; whether its removal is over, may be asked for, and may be made in place.
            (Presence::Listed, false, true, true),
            (Presence::InFlight, false, true, true),
            (Presence::Absent, true, true, true),
            (Presence::Replaced, true, true, true),
            (Presence::Unknown, false, true, false),
        ];
        for (presence, is_over, in_folder, in_place) in table {
            assert_eq!(presence.is_over(), is_over, "{presence:?}");
            assert_eq!(presence.can_go(Route::Folder), in_folder, "{presence:?}");
            assert_eq!(presence.can_go(Route::InPlace), in_place, "{presence:?}");
        }
    }
}
