//! Laws of the merge over random parties, against a naive reference that shares no code with it.

use std::collections::{BTreeMap, BTreeSet};

use couplet::merge::deliver::{Hold, Route};
use couplet::merge::party::{Cell, Member};
use couplet::merge::{
    Capacity, FieldMerge, FieldRules, FirstMeeting, Merged, Party, Policy, Rule, Sent, merge,
};
use couplet::model::{Direction, FieldId, Form, Kind, Side};
use proptest::prelude::*;

/// One side of one field, as the tests make it.
#[derive(Clone, Debug)]
struct SideOf {
    side: Side,
    shown: Option<String>,
    base: Option<String>,
    sent: Vec<(String, bool)>,
    day: Option<i8>,
    route: Route,
    length: usize,
    cut: bool,
}

#[derive(Clone, Debug)]
struct Case {
    sides: Vec<SideOf>,
    agreed: Option<String>,
    decided: Option<String>,
    rules: FieldRules,
}

fn city() -> FieldId {
    FieldId::named("City").expect("a field")
}

struct Anything;

impl Hold for Anything {
    fn refuses(&self, _: &str) -> Option<String> {
        None
    }
}

fn party(case: &Case) -> Party<'static> {
    let members = case.sides.iter().map(|side| {
        let sent = side.sent.iter().map(|(value, acknowledged)| Sent {
            value: value.clone(),
            acknowledged: *acknowledged,
            exports: 0,
        });
        let cell = Cell {
            shown: side.shown.clone(),
            base: side.base.clone(),
            sent: sent.collect(),
            direction: Direction::Both,
            capacity: Capacity {
                form: Form::Text,
                length: side.length,
                cut: side.cut,
            },
        };
        Member {
            side: side.side,
            no: side.side.noun().to_owned(),
            cells: BTreeMap::from([(city(), cell)]),
            modified: side
                .day
                .map(|day| jiff::civil::date(2026, 1, day).at(0, 0, 0, 0)),
            route: side.route,
            hold: Box::new(|_| Box::new(Anything)),
        }
    });
    Party {
        members: members.collect(),
        agreed: case
            .agreed
            .iter()
            .map(|agreed| (city(), agreed.clone()))
            .collect(),
        decided: case
            .decided
            .iter()
            .map(|decided| (city(), decided.clone()))
            .collect(),
    }
}

fn merged(case: &Case) -> Merged {
    merge(&party(case), &|_| case.rules.clone(), 3)
}

/// What the reference says of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    Unknown,
    Agreed(String),
    Conflict,
}

/// The rules of `product.md` §5, written down as slowly as they read. Sides hold everything here.
fn reference(case: &Case) -> Expected {
    let bare = |text: &str| text.trim().to_owned();
    let agreed = case.agreed.as_deref().map(bare);
    let mut movers: Vec<(Side, String, bool, Option<i8>)> = Vec::new();
    let mut agreed_competes = false;
    let mut anybody_speaks = false;
    for side in &case.sides {
        let Some(shown) = side.shown.as_deref().map(bare) else {
            continue;
        };
        anybody_speaks = true;
        let in_flight: Vec<String> = side
            .sent
            .iter()
            .filter(|(_, answered)| !answered)
            .map(|(value, _)| bare(value))
            .collect();
        let answered: Vec<String> = side
            .sent
            .iter()
            .filter(|(_, answered)| *answered)
            .map(|(value, _)| bare(value))
            .collect();
        let base = side.base.as_deref().map(bare);
        let answers_us = in_flight.contains(&shown);
        let agrees = agreed.as_ref() == Some(&shown);
        let as_before = base.as_ref() == Some(&shown);
        let joins_blank = base.is_none() && shown.is_empty();
        if answers_us || agrees || as_before || joins_blank {
            continue;
        }
        let knew = match (&agreed, &base) {
            (None, _) => true,
            (Some(agreed), None) => agreed.is_empty(),
            (Some(agreed), Some(base)) => {
                agreed == base && in_flight.is_empty() && !answered.contains(&shown)
            }
        };
        agreed_competes |= !knew;
        movers.push((side.side, shown, base.is_none(), side.day));
    }
    let mut values: BTreeSet<String> = movers.iter().map(|mover| mover.1.clone()).collect();
    if agreed_competes {
        values.extend(agreed.clone());
    }
    if values.is_empty() {
        return match (agreed, anybody_speaks) {
            (Some(agreed), _) => Expected::Agreed(agreed),
            (None, true) => Expected::Agreed(String::new()),
            (None, false) => Expected::Unknown,
        };
    }
    if values.len() == 1 {
        return values
            .into_iter()
            .next()
            .map_or(Expected::Conflict, Expected::Agreed);
    }
    let of = |wanted: &dyn Fn(Side) -> bool| -> BTreeSet<String> {
        movers
            .iter()
            .filter(|mover| wanted(mover.0))
            .map(|mover| mover.1.clone())
            .collect()
    };
    let the_one = |values: BTreeSet<String>| match values.len() {
        1 => values
            .into_iter()
            .next()
            .map_or(Expected::Conflict, Expected::Agreed),
        _ => Expected::Conflict,
    };
    let is_contact = |side: Side| side == Side::Contact;
    if movers.iter().any(|mover| mover.2) {
        let not_blank = |values: BTreeSet<String>| {
            values
                .into_iter()
                .filter(|value| !value.is_empty())
                .collect()
        };
        return match case.rules.first_meeting {
            FirstMeeting::Fill => Expected::Conflict,
            FirstMeeting::Contact => {
                let mut values = of(&is_contact);
                // What was agreed is the hub's word, unless the contact has a newer one.
                if agreed_competes && values.is_empty() {
                    values.extend(agreed);
                }
                the_one(not_blank(values))
            }
            FirstMeeting::Counterpart => the_one(not_blank(of(&|side| !is_contact(side)))),
        };
    }
    match &case.rules.on_conflict {
        Policy::Hold => Expected::Conflict,
        Policy::Contact => the_one(of(&is_contact)),
        Policy::Counterpart => the_one(of(&|side| !is_contact(side))),
        Policy::Sides(order) => {
            let first = order
                .iter()
                .find(|side| movers.iter().any(|mover| mover.0 == **side));
            first.map_or(Expected::Conflict, |side| {
                the_one(of(&|other| other == *side))
            })
        }
        Policy::Newest => {
            if agreed_competes || movers.iter().any(|mover| mover.3.is_none()) {
                return Expected::Conflict;
            }
            let newest = movers.iter().filter_map(|mover| mover.3).max();
            the_one(
                movers
                    .iter()
                    .filter(|mover| mover.3 == newest)
                    .map(|mover| mover.1.clone())
                    .collect(),
            )
        }
    }
}

fn found(merged: &Merged) -> Expected {
    match merged.fields.first() {
        None => Expected::Unknown,
        Some(field) if field.held => Expected::Conflict,
        Some(field) => Expected::Agreed(
            field
                .agreed
                .as_deref()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        ),
    }
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just(String::new()),
        8 => "[xyz]",
        1 => Just(" x ".to_owned()),
        1 => Just("xxxxxxxx".to_owned()),
        1 => Just("xxxx".to_owned()),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let kind = |at| Side::Counterpart(Kind(at));
    prop_oneof![
        3 => Just(Policy::Hold),
        1 => Just(Policy::Contact),
        1 => Just(Policy::Counterpart),
        1 => Just(Policy::Newest),
        1 => Just(Policy::Sides(vec![kind(0), Side::Contact])),
        1 => Just(Policy::Sides(vec![kind(1), kind(2)])),
    ]
}

fn side(side: Side, bounded: bool) -> impl Strategy<Value = SideOf> {
    let lengths = if bounded {
        prop_oneof![3 => Just(30_usize), 1 => Just(4_usize)].boxed()
    } else {
        Just(30_usize).boxed()
    };
    (
        proptest::option::weighted(0.85, value()),
        proptest::option::weighted(0.8, value()),
        proptest::collection::vec((value(), any::<bool>()), 0..3),
        proptest::option::of(1..4_i8),
        prop_oneof![
            Just(Route::InPlace),
            Just(Route::Folder),
            Just(Route::Nowhere)
        ],
        lengths,
        any::<bool>(),
    )
        .prop_map(move |(shown, base, sent, day, route, length, cut)| SideOf {
            side,
            shown,
            base,
            sent,
            day,
            route,
            length,
            cut,
        })
}

fn case(bounded: bool) -> impl Strategy<Value = Case> {
    let kind = |at| Side::Counterpart(Kind(at));
    let counterparts = (
        proptest::option::of(side(kind(0), bounded)),
        proptest::option::of(side(kind(1), bounded)),
        proptest::option::of(side(kind(2), bounded)),
    );
    let meeting = prop_oneof![
        Just(FirstMeeting::Fill),
        Just(FirstMeeting::Contact),
        Just(FirstMeeting::Counterpart)
    ];
    (
        side(Side::Contact, bounded),
        counterparts,
        proptest::option::weighted(0.8, value()),
        policy(),
        meeting,
    )
        .prop_map(|(contact, (a, b, c), agreed, on_conflict, first_meeting)| {
            let sides: Vec<SideOf> = std::iter::once(contact)
                .chain(a)
                .chain(b)
                .chain(c)
                .collect();
            Case {
                sides,
                agreed,
                decided: None,
                rules: FieldRules {
                    on_conflict,
                    first_meeting,
                    hold_always: false,
                },
            }
        })
}

/// All values that anybody may have meant.
fn known(case: &Case) -> BTreeSet<String> {
    let mut known: BTreeSet<String> = case.agreed.iter().chain(&case.decided).cloned().collect();
    known.insert(String::new());
    for side in &case.sides {
        known.extend(side.shown.clone());
        known.extend(side.sent.iter().map(|(value, _)| value.clone()));
    }
    known
}

fn field(merged: &Merged) -> Option<&FieldMerge> {
    merged.fields.first()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_merge_says_what_the_reference_says(case in case(false)) {
        prop_assert_eq!(found(&merged(&case)), reference(&case));
    }

    #[test]
    fn the_order_of_sides_does_not_matter(case in case(true), turn in 0..4_usize) {
        let mut turned = case.clone();
        let by = turn % turned.sides.len();
        turned.sides.rotate_left(by);
        let (one, other) = (merged(&case), merged(&turned));
        prop_assert_eq!(found(&one), found(&other));
        if let (Some(one), Some(other)) = (field(&one), field(&other)) {
            let mut deliveries = other.deliveries.clone();
            deliveries.rotate_right(by);
            prop_assert_eq!(&one.deliveries, &deliveries);
            prop_assert_eq!(&one.because, &other.because);
        }
    }

    #[test]
    fn no_value_is_invented(case in case(true)) {
        let known = known(&case);
        if let Some(field) = field(&merged(&case)) {
            for (side, delivery) in case.sides.iter().zip(&field.deliveries) {
                if let Some(written) = delivery.as_ref().and_then(|delivery| delivery.write.as_ref()) {
                    let cut = |value: &String| value.chars().take(side.length).collect::<String>();
                    let is_known = known.contains(written) || (side.cut && known.iter().any(|value| cut(value) == *written));
                    prop_assert!(is_known, "{:?} was never said", written);
                }
            }
        }
    }

    #[test]
    fn a_held_field_overwrites_nobody_and_moves_no_movers_base(case in case(true)) {
        let merged = merged(&case);
        if let Some(field) = field(&merged).filter(|field| field.held) {
            prop_assert_eq!(&field.agreed, &case.agreed);
            for (side, delivery) in case.sides.iter().zip(field.deliveries.iter().flatten()) {
                prop_assert_eq!(&delivery.write, &None);
                if field.moved.contains(&side.side) {
                    prop_assert_eq!(&delivery.base, &side.base);
                }
            }
        }
    }

    #[test]
    fn nothing_is_lost(case in case(true)) {
        // What a side moved to is agreed, or held, or a configured policy put somebody else's before it.
        let merged = merged(&case);
        if let Some(field) = field(&merged).filter(|field| !field.held) {
            for side in case.sides.iter().filter(|side| field.moved.contains(&side.side)) {
                let shown = side.shown.as_deref().unwrap_or_default().trim();
                let agreed = field.agreed.as_deref().unwrap_or_default().trim();
                let agrees = shown == agreed || (side.cut && agreed.starts_with(shown));
                let beaten = matches!(field.rule, Rule::Policy | Rule::FirstMeetingMaster);
                prop_assert!(agrees || beaten, "{shown:?} gave way to {agreed:?} under {:?}", field.rule);
            }
        }
    }

    #[test]
    fn a_second_merge_of_what_was_written_in_place_writes_nothing(case in case(true)) {
        let first = merged(&case);
        let Some(field) = field(&first) else { return Ok(()) };
        let mut next = case.clone();
        next.agreed.clone_from(&field.agreed);
        for (side, delivery) in next.sides.iter_mut().zip(&field.deliveries) {
            let Some(delivery) = delivery else { continue };
            side.base.clone_from(&delivery.base);
            let mut left = delivery.acknowledged;
            for value in side.sent.iter_mut().filter(|value| !value.1) {
                if left > 0 {
                    value.1 = true;
                    left -= 1;
                }
            }
            match (&delivery.write, side.route) {
                (Some(written), Route::InPlace) => side.shown = Some(written.clone()),
                (Some(written), _) => side.sent.push((written.clone(), false)),
                (None, _) => {}
            }
        }
        let second = merged(&next);
        let again = second.fields.first().expect("the field is known");
        prop_assert_eq!(again.held, field.held, "{:?}", again);
        prop_assert_eq!(&again.agreed, &field.agreed);
        for delivery in again.deliveries.iter().flatten() {
            prop_assert_eq!(&delivery.write, &None, "{:?}", again);
        }
    }

    #[test]
    fn a_decision_reaches_every_side_that_speaks(case in case(false), decided in "[xyz]") {
        let mut case = case;
        case.decided = Some(decided.clone());
        let merged = merged(&case);
        let field = field(&merged).expect("decided");
        prop_assert_eq!(field.agreed.as_ref(), Some(&decided));
        for (side, delivery) in case.sides.iter().zip(field.deliveries.iter().flatten()) {
            if let (Some(shown), Route::InPlace | Route::Folder) = (&side.shown, side.route) {
                prop_assert_eq!(delivery.write.is_some(), shown.trim() != decided);
            }
        }
    }
}

/// base × shown × agreed of two sides over {absent, "", x, y}, under every policy and first meeting: all of it.
#[test]
fn the_whole_small_world_agrees_with_the_reference() {
    let values = [None, Some(""), Some("x"), Some("y")];
    let kind = |at| Side::Counterpart(Kind(at));
    let policies = [
        Policy::Hold,
        Policy::Contact,
        Policy::Counterpart,
        Policy::Newest,
        Policy::Sides(vec![kind(0)]),
        Policy::Sides(vec![Side::Contact, kind(0)]),
        Policy::Sides(vec![kind(1)]),
    ];
    let mut cases = 0;
    for on_conflict in &policies {
        for first_meeting in [
            FirstMeeting::Fill,
            FirstMeeting::Contact,
            FirstMeeting::Counterpart,
        ] {
            for index in 0..4_usize.pow(5) {
                let pick = |at: u32| values[index / 4_usize.pow(at) % 4].map(str::to_owned);
                let make = |side, shown, base, day| SideOf {
                    side,
                    shown,
                    base,
                    sent: Vec::new(),
                    day: Some(day),
                    route: Route::InPlace,
                    length: 30,
                    cut: false,
                };
                let case = Case {
                    sides: vec![
                        make(Side::Contact, pick(0), pick(1), 1),
                        make(kind(0), pick(2), pick(3), 2),
                    ],
                    agreed: pick(4),
                    decided: None,
                    rules: FieldRules {
                        on_conflict: on_conflict.clone(),
                        first_meeting,
                        hold_always: false,
                    },
                };
                assert_eq!(found(&merged(&case)), reference(&case), "{case:#?}");
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 7 * 3 * 1024);
}
