//! The verdict on one field of one party.

use serde::{Deserialize, Serialize};

use crate::model::{Side, form};

use super::listen::{FieldSide, Heard, Move, Says};
use super::policy::{FieldRules, FirstMeeting, Policy};

/// Why a value was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// One value is new.
    Moved,
    /// It was agreed before and this side does not show it.
    Agreed,
    /// A first meeting: a blank was filled, or all agreed.
    FirstMeeting,
    /// A first meeting: the configured master won.
    FirstMeetingMaster,
    /// Sides differed and the configured policy chose.
    Policy,
    /// Sides differed and a person decided.
    Decided,
    /// It follows from another field (`business-central.md` §4.2, §7).
    Derived,
    /// The status on the contact follows from its relations (`business-central.md` §6.2).
    Status,
    /// A person takes it over from its company (`business-central.md` §7).
    Inherited,
    /// The primary contact of a counterpart came, went or was renamed (`business-central.md` §6.1, §7.4).
    PrimaryContact,
    /// It says who is coupled with whom.
    Relation,
    /// The record is written in this pass, and is stamped with its date.
    Stamped,
}

impl Rule {
    /// The rule as the end of a sentence that begins with a value.
    pub fn sentence(self) -> &'static str {
        match self {
            Rule::Moved => "it is the only new value",
            Rule::Agreed => "it was agreed before and this side did not show it",
            Rule::FirstMeeting => {
                "the sides met for the first time and the others had nothing else"
            }
            Rule::FirstMeetingMaster => {
                "the sides met for the first time and this one is the master"
            }
            Rule::Policy => "several sides changed it and on_conflict names this one",
            Rule::Decided => "a person decided the conflict",
            Rule::Derived => "it follows from another field of the contact",
            Rule::Status => "it follows from the contact's relations",
            Rule::Inherited => "the person takes it over from its company",
            Rule::PrimaryContact => "it follows from the primary contact",
            Rule::Relation => "it says who is coupled with whom",
            Rule::Stamped => "it is when the record was written, and stamp_last_modified is set",
        }
    }
}

/// What a party does with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Nobody says anything of it, and nothing is agreed.
    Unknown,
    /// Nobody moved: what is agreed stands.
    Stands,
    /// Everybody takes this value.
    Take {
        /// The value.
        value: &'a str,
        /// The sides that brought it; none when it was agreed before.
        because: Vec<Side>,
        /// Why it won.
        rule: Rule,
    },
    /// Several different values, and nobody to choose among them.
    Conflict,
}

/// One of several values that compete, with the sides that moved to it.
struct Candidate<'a> {
    value: &'a str,
    sides: Vec<Side>,
    /// Those of them for whom somebody typed it, as far as anybody can know: a policy chooses among these.
    typed: Vec<Side>,
}

/// When a record was last modified, comparable among the records of a party; `None` where it cannot be read.
pub type Modified = Option<jiff::civil::DateTime>;

/// Decides one field: total, and independent of the order of sides. `agreed` is `None` at a first meeting.
pub fn verdict<'a>(
    agreed: Option<&'a str>,
    sides: &[(FieldSide<'a>, Heard<'a>)],
    modified: &dyn Fn(Side) -> Modified,
    rules: &FieldRules,
) -> Verdict<'a> {
    let moves: Vec<(&FieldSide<'a>, Move<'a>)> = sides
        .iter()
        .filter_map(|(side, heard)| match heard.says {
            Says::Moved(moved) => Some((side, moved)),
            Says::Nothing | Says::Still => None,
        })
        .collect();
    let mut candidates = distinct(&moves);
    let joins = moves.iter().any(|(_, moved)| moved.joins);
    let hold_always = rules.hold_always || moves.iter().any(|(_, moved)| moved.damaged);
    if let Some(agreed) = agreed
        && (moves.iter().any(|(_, moved)| !moved.knew_agreed) || (hold_always && !moves.is_empty()))
    {
        candidates.push(Candidate {
            value: agreed,
            sides: Vec::new(),
            typed: Vec::new(),
        });
    }
    match (agreed, candidates.as_slice()) {
        (Some(_), []) => Verdict::Stands,
        (None, []) if sides.iter().all(|(_, heard)| heard.says == Says::Nothing) => {
            Verdict::Unknown
        }
        (None, []) => Verdict::Take {
            value: "",
            because: Vec::new(),
            rule: Rule::FirstMeeting,
        },
        (_, [only]) => Verdict::Take {
            value: only.value,
            because: only.sides.clone(),
            rule: if joins {
                Rule::FirstMeeting
            } else {
                Rule::Moved
            },
        },
        _ if hold_always && agreed.is_some() => Verdict::Conflict,
        (_, several) if joins => choose(
            meeting_master(several, rules.first_meeting),
            Rule::FirstMeetingMaster,
        ),
        (_, several) => choose(chosen(several, &rules.on_conflict, modified), Rule::Policy),
    }
}

fn choose<'a>(candidate: Option<&Candidate<'a>>, rule: Rule) -> Verdict<'a> {
    match candidate {
        Some(candidate) => Verdict::Take {
            value: candidate.value,
            because: candidate.sides.clone(),
            rule,
        },
        None => Verdict::Conflict,
    }
}

/// The different values among the moves. Values are the same when one side shows what it can hold of the other's;
/// the fullest stands for them all, and among equals the first side's spelling.
fn distinct<'a>(moves: &[(&FieldSide<'a>, Move<'a>)]) -> Vec<Candidate<'a>> {
    let mut order: Vec<_> = moves.iter().collect();
    order.sort_by_key(|(side, moved)| {
        (
            std::cmp::Reverse(
                form::canonical(side.capacity.form, moved.value)
                    .chars()
                    .count(),
            ),
            side.side,
        )
    });
    let mut candidates: Vec<Candidate<'a>> = Vec::new();
    for (side, moved) in order {
        let known = candidates
            .iter()
            .position(|candidate| side.capacity.shows(moved.value, candidate.value));
        let at = known.unwrap_or_else(|| {
            candidates.push(Candidate {
                value: moved.value,
                sides: Vec::new(),
                typed: Vec::new(),
            });
            candidates.len() - 1
        });
        candidates[at].sides.push(side.side);
        if !moved.echo {
            candidates[at].typed.push(side.side);
        }
    }
    for candidate in &mut candidates {
        candidate.sides.sort_unstable();
    }
    candidates
}

/// The one candidate that fits, or none where none or several do.
fn only<'c, 'a>(
    candidates: &'c [Candidate<'a>],
    fits: impl Fn(&Candidate<'a>) -> bool,
) -> Option<&'c Candidate<'a>> {
    let mut fitting = candidates.iter().filter(|candidate| fits(candidate));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

fn is_contact(side: &Side) -> bool {
    *side == Side::Contact
}

/// A master at a first meeting; blanks never win. What was agreed before is the hub's, so it counts as the contact's
/// for as long as the contact itself says nothing newer.
fn meeting_master<'c, 'a>(
    candidates: &'c [Candidate<'a>],
    master: FirstMeeting,
) -> Option<&'c Candidate<'a>> {
    let is_the_contacts = |candidate: &Candidate<'a>| candidate.typed.iter().any(is_contact);
    let contact_moved = candidates.iter().any(is_the_contacts);
    let of_contact = |candidate: &Candidate<'a>| {
        (is_the_contacts(candidate) || (!contact_moved && candidate.sides.is_empty()))
            && !form::is_blank(candidate.value)
    };
    let of_counterpart = |candidate: &Candidate<'a>| {
        candidate.typed.iter().any(|side| !is_contact(side)) && !form::is_blank(candidate.value)
    };
    match master {
        FirstMeeting::Fill => None,
        FirstMeeting::Contact => only(candidates, of_contact),
        FirstMeeting::Counterpart => only(candidates, of_counterpart),
    }
}

/// The policy's choice among the sides that moved; none where it names none of them, or several that differ. It prefers nothing
/// that nobody need have typed: a late import would win over what somebody did.
fn chosen<'c, 'a>(
    candidates: &'c [Candidate<'a>],
    policy: &Policy,
    modified: &dyn Fn(Side) -> Modified,
) -> Option<&'c Candidate<'a>> {
    match policy {
        Policy::Hold => None,
        Policy::Contact => only(candidates, |candidate| {
            candidate.typed.iter().any(is_contact)
        }),
        Policy::Counterpart => only(candidates, |candidate| {
            candidate.typed.iter().any(|side| !is_contact(side))
        }),
        Policy::Sides(order) => order.iter().find_map(|side| {
            candidates
                .iter()
                .find(|candidate| candidate.typed.contains(side))
        }),
        Policy::Newest => newest(candidates, modified),
    }
}

/// The candidate whose newest record is newer than every other's; none when a date is missing or two are equal.
fn newest<'c, 'a>(
    candidates: &'c [Candidate<'a>],
    modified: &dyn Fn(Side) -> Modified,
) -> Option<&'c Candidate<'a>> {
    let mut dated = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let dates: Option<Vec<_>> = candidate.typed.iter().map(|side| modified(*side)).collect();
        dated.push((dates?.into_iter().max()?, candidate));
    }
    dated.sort_by_key(|(date, _)| std::cmp::Reverse(*date));
    match dated.as_slice() {
        [(first, candidate), (second, _), ..] if first > second => Some(candidate),
        _ => None,
    }
}
