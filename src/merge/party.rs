//! A party is merged as a whole, never pair by pair: its contact with all its counterparts, field by field.

use std::collections::BTreeMap;

use crate::model::{Direction, FieldId, FieldSet, Side};

use super::capacity::Capacity;
use super::deliver::{Delivery, Route, deliver};
use super::derive;
use super::inherit::Values;
use super::listen::{FieldSide, Heard, Says, Sent, listen};
use super::policy::FieldRules;
use super::verdict::{Modified, Rule, Verdict, verdict};

/// One field of one side, with the values it brings into the merge.
#[derive(Clone, Debug)]
pub struct Cell<'v> {
    /// What its export shows; `None` when it says nothing of this field.
    pub shown: Option<&'v str>,
    /// What it showed when it was last merged; `None` at its first meeting.
    pub base: Option<&'v str>,
    /// What was written for it, oldest first.
    pub sent: Vec<Sent>,
    /// Whether it speaks for the field or only follows.
    pub direction: Direction,
    /// What it can hold.
    pub capacity: Capacity,
}

/// One record of a party.
pub struct Member<'v> {
    /// Its place in the party.
    pub side: Side,
    /// Its number.
    pub no: String,
    /// Its shared fields; a field that its table lacks is no part of it.
    pub cells: BTreeMap<FieldId, Cell<'v>>,
    /// When it was last modified.
    pub modified: Modified,
    /// How what is written reaches it.
    pub route: Route,
    /// Why its file cannot hold a text in a field; `None` where it can.
    pub refuses: Box<Refuses<'v>>,
}

/// Says why a file cannot hold a text in a field, where it cannot.
pub type Refuses<'v> = dyn Fn(FieldId, &str) -> Option<String> + 'v;

/// A contact with all its counterparts.
pub struct Party<'v> {
    /// The contact first, then the counterparts in the order of their kinds.
    pub members: Vec<Member<'v>>,
    /// What is agreed, where it is; a field that is missing here meets for the first time.
    pub agreed: BTreeMap<FieldId, String>,
    /// What a person decided on an open conflict.
    pub decided: BTreeMap<FieldId, String>,
    /// Moves of the contact that a rule makes: they give way to the move of any side.
    pub given: BTreeMap<FieldId, (String, Rule)>,
    /// What the contact showed before, where it is known although this is its first meeting with a counterpart.
    pub was: Values,
    /// Whether the pass creates the contact.
    pub is_new: bool,
}

/// What becomes of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldMerge {
    /// Which field.
    pub field: FieldId,
    /// What was agreed before.
    pub before: Option<String>,
    /// What is agreed now; as before where the field is held.
    pub agreed: Option<String>,
    /// Whether it is held in a conflict.
    pub held: bool,
    /// Why the agreed value is what it is.
    pub rule: Rule,
    /// The sides that brought it.
    pub because: Vec<Side>,
    /// The sides that moved to something, in the order of sides: the competitors of a conflict.
    pub moved: Vec<Side>,
    /// What each member gets, in the order of members; `None` where its table lacks the field.
    pub deliveries: Vec<Option<Delivery>>,
}

impl FieldMerge {
    /// What a member gets, by its place among them.
    pub fn delivery(&self, member: usize) -> Option<&Delivery> {
        self.deliveries.get(member)?.as_ref()
    }
}

/// What becomes of a party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Its fields, in the order of the matrix; those of which nobody says anything are left out.
    pub fields: Vec<FieldMerge>,
}

/// Whether a field rests: its sides, which are the contact's first, show what they showed when they were last merged,
/// and all of them the same. Merging it would change nothing, so a party may leave it out, unless a value is in flight,
/// a person decided it, or a rule gives it.
pub fn rests<'v>(mut sides: impl Iterator<Item = (Option<&'v str>, Option<&'v str>)>) -> bool {
    let Some((Some(agreed), base)) = sides.next() else {
        return false;
    };
    base == Some(agreed) && sides.all(|side| side == (Some(agreed), Some(agreed)))
}

/// Merges a party. Pure and total; the order of rows, files and tables has no part in it.
pub fn merge(
    party: &Party<'_>,
    rules: &dyn Fn(FieldId) -> FieldRules,
    in_flight_limit: u32,
) -> Merged {
    let cells = party.members.iter().flat_map(|member| member.cells.keys());
    let mut spoken_of: FieldSet = cells.copied().collect();
    spoken_of.extend(party.agreed.keys().copied());
    spoken_of.extend(party.decided.keys().copied());
    spoken_of.extend(party.given.keys().copied());
    let mut fields: Vec<FieldMerge> = Vec::new();
    for field in spoken_of.iter() {
        let rules = rules(field);
        if let Some(merged) = merge_field(party, field, &rules, in_flight_limit, None) {
            fields.push(merged);
        }
    }
    let rederive =
        |fields: &mut Vec<FieldMerge>, derived: Vec<(FieldId, String)>, from: &[Side]| {
            for (field, value) in derived {
                let rules = rules(field);
                let derived = Some((value.as_str(), from));
                if let Some(merged) = merge_field(party, field, &rules, in_flight_limit, derived)
                    && let Some(slot) = fields.iter_mut().find(|merged| merged.field == field)
                {
                    *slot = merged;
                }
            }
        };
    let (was, is_new) = (&party.was, party.is_new);
    let name = derive::name_of_parts(&derive::Fields {
        fields: &fields,
        was,
        is_new,
    });
    rederive(&mut fields, name.into_iter().collect(), &[Side::Contact]);
    let followers = derive::followers_of_name(&derive::Fields {
        fields: &fields,
        was,
        is_new,
    });
    // What follows from the Name was said by whoever said the Name.
    let of_name = FieldId::named("Name").and_then(|name| {
        let mut merged = fields.iter().filter(|merged| merged.field == name);
        Some(merged.next()?.because.clone())
    });
    rederive(&mut fields, followers, &of_name.unwrap_or_default());
    Merged { fields }
}

/// A move that a rule makes for the contact.
fn given(value: &str, rule: Rule) -> Verdict<'_> {
    Verdict::Take {
        value,
        because: vec![Side::Contact],
        rule,
    }
}

fn merge_field(
    party: &Party<'_>,
    field: FieldId,
    rules: &FieldRules,
    in_flight_limit: u32,
    derived: Option<(&str, &[Side])>,
) -> Option<FieldMerge> {
    let before = party.agreed.get(&field).map(String::as_str);
    let sides: Vec<(FieldSide<'_>, Heard<'_>)> = party
        .members
        .iter()
        .filter_map(|member| {
            let cell = member.cells.get(&field)?;
            let side = FieldSide {
                side: member.side,
                shown: cell.shown,
                base: cell.base,
                sent: &cell.sent,
                direction: cell.direction,
                capacity: &cell.capacity,
            };
            let heard = listen(&side, before);
            Some((side, heard))
        })
        .collect();
    let modified = |side: Side| {
        party
            .members
            .iter()
            .find(|member| member.side == side)?
            .modified
    };
    let verdict = match (party.decided.get(&field), derived) {
        (Some(value), _) => Verdict::Take {
            value,
            because: Vec::new(),
            rule: Rule::Decided,
        },
        (None, Some((value, from))) => Verdict::Take {
            value,
            because: from.to_vec(),
            rule: Rule::Derived,
        },
        (None, None) => match (
            verdict(before, &sides, &modified, rules),
            party.given.get(&field),
        ) {
            (Verdict::Stands | Verdict::Unknown, Some((value, rule))) => given(value, *rule),
            (Verdict::Take { because, .. }, Some((value, rule))) if because.is_empty() => {
                given(value, *rule)
            }
            (verdict, _) => verdict,
        },
    };
    let (agreed, rule, mut because) = match &verdict {
        Verdict::Unknown => return None,
        Verdict::Conflict => (before, Rule::Agreed, Vec::new()),
        Verdict::Stands => {
            let shows = |side: &FieldSide<'_>| {
                let (Some(shown), Some(agreed)) = (side.shown, before) else {
                    return false;
                };
                side.capacity.shows(shown, agreed)
            };
            let who = sides
                .iter()
                .filter(|(side, _)| shows(side))
                .map(|(side, _)| side.side);
            (before, Rule::Agreed, who.collect())
        }
        Verdict::Take {
            value,
            because,
            rule,
        } => (Some(*value), *rule, because.clone()),
    };
    because.sort_unstable();
    let moved = sides
        .iter()
        .filter(|(_, heard)| matches!(heard.says, Says::Moved(_)))
        .map(|(side, _)| side.side)
        .collect();
    let mut heard = sides.iter();
    let deliveries = party
        .members
        .iter()
        .map(|member| {
            member.cells.get(&field)?;
            let (side, heard) = heard.next()?;
            Some(deliver(
                side,
                heard,
                &verdict,
                agreed,
                member.route,
                &|text| (member.refuses)(field, text),
                in_flight_limit,
            ))
        })
        .collect();
    Some(FieldMerge {
        field,
        before: before.map(str::to_owned),
        agreed: agreed.map(str::to_owned),
        held: verdict == Verdict::Conflict,
        rule,
        because,
        moved,
        deliveries,
    })
}
