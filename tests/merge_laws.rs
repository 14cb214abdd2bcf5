//! The merge of a party against a naive reading of `product.md` §5 that shares no code with it, and its laws.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use couplet::merge::deliver::Route;
use couplet::merge::derive::leads;
use couplet::merge::party::{Cell, rests};
use couplet::merge::{
    Capacity, Delivery, FieldMerge, FieldRules, FirstMeeting, Member, Merged, Owed, Party, Policy,
    Rule, Sent, merge,
};
use couplet::model::{Direction, FieldId, Form, Kind, Side};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

const LIMIT: u32 = 2;
const SIDES: [Side; 4] = [
    Side::Contact,
    Side::Counterpart(Kind(0)),
    Side::Counterpart(Kind(1)),
    Side::Counterpart(Kind(2)),
];

/// One record's part in one field, as both the program and the reference are told it.
#[derive(Clone, Debug)]
struct Word {
    side: Side,
    shown: Option<String>,
    base: Option<String>,
    sent: Vec<Sent>,
    follows: bool,
    length: usize,
    cut: bool,
    route: Route,
    /// A letter that the side's file cannot encode.
    refuses: Option<char>,
    modified: Option<i8>,
}

/// One field of one party.
#[derive(Clone, Debug)]
struct Case {
    form: Form,
    agreed: Option<String>,
    decided: Option<String>,
    words: Vec<Word>,
    rules: FieldRules,
}

/// What the program makes of cases, each in a field of its own.
fn merged(cases: &[(FieldId, &Case)]) -> Merged {
    let first = cases[0].1;
    let members = first.words.iter().enumerate().map(|(at, word)| {
        let cells = cases.iter().map(|(field, case)| {
            let word = &case.words[at];
            let cell = Cell {
                shown: word.shown.as_deref(),
                base: word.base.as_deref(),
                sent: word.sent.clone(),
                direction: match word.follows {
                    true => Direction::ToCounterpart,
                    false => Direction::Both,
                },
                capacity: Capacity {
                    form: case.form,
                    length: word.length,
                    cut: word.cut,
                },
            };
            (*field, cell)
        });
        let refuses = word.refuses;
        Member {
            side: word.side,
            no: "10000".to_owned(),
            cells: cells.collect(),
            modified: word
                .modified
                .map(|day| jiff::civil::date(2026, 11, day).at(0, 0, 0, 0)),
            route: word.route,
            refuses: Box::new(move |_, text| {
                let lacks = refuses.filter(|letter| text.contains(*letter))?;
                Some(format!("{lacks} is not in its encoding"))
            }),
        }
    });
    let values = |of: fn(&Case) -> &Option<String>| -> BTreeMap<FieldId, String> {
        let filled = cases.iter();
        filled
            .filter_map(|(field, case)| Some((*field, of(case).clone()?)))
            .collect()
    };
    let party = Party {
        members: members.collect(),
        agreed: values(|case| &case.agreed),
        decided: values(|case| &case.decided),
        given: Default::default(),
        was: Default::default(),
        is_new: false,
    };
    let rules = |field: FieldId| {
        let case = cases.iter().find(|(of, _)| *of == field);
        case.map(|(_, case)| case.rules.clone()).unwrap_or_default()
    };
    merge(&party, &rules, LIMIT)
}

fn field_of(form: Form) -> FieldId {
    let name = match form {
        Form::Code => "Post Code",
        _ => "City",
    };
    FieldId::named(name).expect("it is in the matrix")
}

fn merged_alone(case: &Case) -> Option<FieldMerge> {
    merged(&[(field_of(case.form), case)]).fields.pop()
}

/// The reference: `product.md` §5 read aloud, slowly.
mod reference {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Ruling {
        Unknown,
        Stands(String),
        Take(String),
        Conflict,
    }

    /// What becomes of one side.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Gets {
        Nothing,
        Write(String),
        Owed,
    }

    pub fn plain(form: Form, text: &str) -> String {
        match form {
            Form::Code => text.trim().to_uppercase(),
            _ => text.trim().to_owned(),
        }
    }

    /// The text that a side ends up with when it is given a value; `None` when it cannot hold it.
    pub fn held(form: Form, word: &Word, value: &str) -> Option<String> {
        let text = plain(form, value);
        match text.chars().count() {
            fits if fits <= word.length => Some(text),
            _ if word.cut => {
                let cut: String = text.chars().take(word.length).collect();
                Some(plain(form, &cut))
            }
            _ => None,
        }
    }

    pub fn is_form_of(form: Form, word: &Word, shown: &str, value: &str) -> bool {
        let shown = plain(form, shown);
        shown == plain(form, value) || Some(shown) == held(form, word, value)
    }

    fn in_flight(word: &Word) -> Vec<&Sent> {
        word.sent.iter().filter(|sent| !sent.acknowledged).collect()
    }

    /// The side's own new value, if it says one.
    pub fn news<'a>(case: &Case, word: &'a Word) -> Option<&'a str> {
        let shown = word.shown.as_deref()?;
        let mut known: Vec<&str> = Vec::new();
        known.extend(case.agreed.as_deref());
        known.extend(word.base.as_deref());
        known.extend(in_flight(word).iter().map(|sent| sent.value.as_str()));
        if word.base.is_none() {
            known.push("");
        }
        let is_known = known
            .iter()
            .any(|value| is_form_of(case.form, word, shown, value));
        (!is_known && !word.follows).then_some(shown)
    }

    /// It was written for the side before, so that nobody need have typed it.
    fn is_echo(case: &Case, word: &Word, value: &str) -> bool {
        let mut sent = word.sent.iter();
        sent.any(|sent| is_form_of(case.form, word, value, &sent.value))
    }

    /// Whoever typed it may not have known what is agreed.
    fn is_unaware(case: &Case, word: &Word, value: &str) -> bool {
        match (&case.agreed, &word.base) {
            (None, _) => false,
            (Some(agreed), None) => {
                !plain(case.form, agreed).is_empty() || !in_flight(word).is_empty()
            }
            (Some(agreed), Some(base)) => {
                !is_form_of(case.form, word, base, agreed)
                    || !in_flight(word).is_empty()
                    || is_echo(case, word, value)
            }
        }
    }

    pub fn ruling(case: &Case) -> Ruling {
        if let Some(value) = &case.decided {
            return Ruling::Take(value.clone());
        }
        let movers: Vec<(&Word, &str)> = case
            .words
            .iter()
            .filter_map(|word| Some((word, news(case, word)?)))
            .collect();
        if movers.is_empty() {
            let answers = case.words.iter().any(|word| word.shown.is_some());
            return match &case.agreed {
                Some(agreed) => Ruling::Stands(agreed.clone()),
                None if answers => Ruling::Take(String::new()),
                None => Ruling::Unknown,
            };
        }
        if case.rules.hold_always && case.agreed.is_some() {
            return Ruling::Conflict;
        }
        let agreed_competes = case.agreed.as_deref().filter(|_| {
            movers
                .iter()
                .any(|(word, value)| is_unaware(case, word, value))
        });
        let take = |named: &[&(&Word, &str)]| one_value(case.form, &movers, named);
        let everybody: Vec<_> = movers.iter().collect();
        if agreed_competes.is_none()
            && let Some(value) = take(&everybody)
        {
            return Ruling::Take(value);
        }
        let of_contact = |mover: &&(&Word, &str)| mover.0.side == Side::Contact;
        let filled = |mover: &&(&Word, &str)| !mover.1.trim().is_empty();
        // Only what somebody typed wins over others.
        let typed = || {
            movers
                .iter()
                .filter(|mover| !is_echo(case, mover.0, mover.1))
        };
        let contacts: Vec<_> = typed().filter(of_contact).collect();
        let counterparts: Vec<_> = typed().filter(|mover| !of_contact(mover)).collect();
        let winner = if movers.iter().any(|(word, _)| word.base.is_none()) {
            match case.rules.first_meeting {
                FirstMeeting::Fill => None,
                // What was agreed is what the contact holds, unless it has just moved on.
                FirstMeeting::Contact if contacts.is_empty() => agreed_competes
                    .filter(|agreed| !agreed.trim().is_empty())
                    .map(str::to_owned),
                FirstMeeting::Contact => {
                    take(&contacts.into_iter().filter(filled).collect::<Vec<_>>())
                }
                FirstMeeting::Counterpart => {
                    take(&counterparts.into_iter().filter(filled).collect::<Vec<_>>())
                }
            }
        } else {
            match &case.rules.on_conflict {
                Policy::Hold => None,
                Policy::Contact => take(&contacts),
                Policy::Counterpart => take(&counterparts),
                Policy::Sides(order) => {
                    let first = order
                        .iter()
                        .find_map(|side| typed().find(|mover| mover.0.side == *side));
                    first.and_then(|first| take(&[first]))
                }
                Policy::Newest if agreed_competes.is_some() => None,
                Policy::Newest if movers.iter().any(|(word, _)| word.modified.is_none()) => None,
                Policy::Newest => {
                    let newest = movers.iter().map(|(word, _)| word.modified).max();
                    let named: Vec<_> = movers
                        .iter()
                        .filter(|mover| Some(mover.0.modified) == newest)
                        .collect();
                    take(&named)
                }
            }
        };
        winner.map_or(Ruling::Conflict, Ruling::Take)
    }

    /// The one value that the named movers mean. Who shows the beginning of a fuller value, and holds no more than
    /// that, means the fuller one.
    fn one_value(form: Form, movers: &[(&Word, &str)], named: &[&(&Word, &str)]) -> Option<String> {
        let meaning = |(word, shown): &(&Word, &str)| {
            let mut meant: Vec<&(&Word, &str)> = movers
                .iter()
                .filter(|(_, value)| is_form_of(form, word, shown, value))
                .collect();
            let length = |value: &str| plain(form, value).chars().count();
            meant.sort_by_key(|(word, value)| (Reverse(length(value)), word.side));
            meant[0].1.to_owned()
        };
        let mut meanings = named.iter().map(|mover| meaning(mover));
        let first = meanings.next()?;
        let agree = meanings.all(|other| plain(form, &other) == plain(form, &first));
        agree.then_some(first)
    }

    /// What a side gets, once the field is ruled.
    pub fn gets(case: &Case, word: &Word, ruling: &Ruling) -> Gets {
        let (Ruling::Take(value) | Ruling::Stands(value)) = ruling else {
            return Gets::Nothing;
        };
        let form = case.form;
        let flight = in_flight(word);
        let Some(shown) = word.shown.as_deref() else {
            let expected = flight.last().map(|sent| &sent.value).or(word.base.as_ref());
            let comes = expected.is_some_and(|expected| is_form_of(form, word, expected, value));
            return if comes { Gets::Nothing } else { Gets::Owed };
        };
        let shows = |text: &str| is_form_of(form, word, shown, text);
        // What is still on its way, once the side has answered what it shows.
        let answered = match flight.iter().rposition(|sent| shows(&sent.value)) {
            Some(at) => at + 1,
            None if case.agreed.as_deref().is_some_and(shows) => flight.len(),
            None => 0,
        };
        let coming = flight.get(answered..).and_then(<[_]>::last);
        let is_overtaken = word.route == Route::Folder
            && coming.is_some_and(|sent| !is_form_of(form, word, &sent.value, value));
        if (shows(value) && !is_overtaken) || (word.follows && value.trim().is_empty()) {
            return Gets::Nothing;
        }
        let is_base = word
            .base
            .as_deref()
            .is_some_and(|base| is_form_of(form, word, shown, base));
        let is_older = flight
            .iter()
            .any(|sent| is_form_of(form, word, shown, &sent.value));
        let is_coming = flight
            .last()
            .is_some_and(|sent| is_form_of(form, word, &sent.value, value));
        let is_agreed = case
            .agreed
            .as_deref()
            .is_some_and(|agreed| is_form_of(form, word, shown, agreed));
        let may_come = is_coming && word.route != Route::InPlace;
        if case.decided.is_none() && may_come && (is_older || (is_base && !is_agreed)) {
            return Gets::Nothing;
        }
        match held(form, word, value) {
            None => Gets::Owed,
            Some(text) if word.refuses.is_some_and(|letter| text.contains(letter)) => Gets::Owed,
            Some(_) if word.route == Route::Nowhere => Gets::Owed,
            Some(text) => Gets::Write(text),
        }
    }
}

use reference::{Gets, Ruling, is_form_of, plain};

/// Holds the program to the reference.
fn agrees_with_the_reference(case: &Case) -> Result<(), TestCaseError> {
    let expected = reference::ruling(case);
    let found = merged_alone(case);
    let ruled = match &found {
        None => Ruling::Unknown,
        Some(field) if field.held => Ruling::Conflict,
        Some(field) => {
            let value = plain(case.form, field.agreed.as_deref().unwrap_or_default());
            match &expected {
                Ruling::Stands(_) => Ruling::Stands(value),
                _ => Ruling::Take(value),
            }
        }
    };
    let plainly = match &expected {
        Ruling::Stands(value) => Ruling::Stands(plain(case.form, value)),
        Ruling::Take(value) => Ruling::Take(plain(case.form, value)),
        other => other.clone(),
    };
    prop_assert_eq!(ruled, plainly, "verdict; merged {:?}", found);
    let Some(field) = found else { return Ok(()) };
    for (word, delivery) in case.words.iter().zip(&field.deliveries) {
        let Some(delivery) = delivery else {
            return Err(TestCaseError::fail("every word has a delivery"));
        };
        let got = match (&delivery.write, &delivery.owed) {
            (None, None) => Gets::Nothing,
            (Some(text), None) => Gets::Write(plain(case.form, text)),
            (None, Some(_)) => Gets::Owed,
            (Some(_), Some(_)) => return Err(TestCaseError::fail("written and owed at once")),
        };
        let expected = reference::gets(case, word, &expected);
        prop_assert_eq!(got, expected, "{:?} of {:?}", word.side, field);
    }
    Ok(())
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(""),
        6 => Just("x"),
        6 => Just("y"),
        2 => Just("z"),
        2 => Just("  x "),
        2 => Just("longer"),
        1 => Just("lon"),
        1 => Just("Ä"),
    ]
    .prop_map(str::to_owned)
}

fn route() -> impl Strategy<Value = Route> {
    prop_oneof![
        3 => Just(Route::InPlace),
        3 => Just(Route::Folder),
        1 => Just(Route::Nowhere),
    ]
}

fn rules() -> impl Strategy<Value = FieldRules> {
    let on_conflict = prop_oneof![
        2 => Just(Policy::Hold),
        1 => Just(Policy::Contact),
        1 => Just(Policy::Counterpart),
        2 => Just(Policy::Newest),
        2 => Just(SIDES.to_vec()).prop_shuffle()
            .prop_flat_map(|sides| (Just(sides), 1..=4usize))
            .prop_map(|(mut sides, count)| { sides.truncate(count); Policy::Sides(sides) }),
    ];
    let first_meeting = prop_oneof![
        Just(FirstMeeting::Fill),
        Just(FirstMeeting::Contact),
        Just(FirstMeeting::Counterpart),
    ];
    (on_conflict, first_meeting, prop::bool::weighted(0.1)).prop_map(
        |(on_conflict, first_meeting, hold_always)| FieldRules {
            on_conflict,
            first_meeting,
            hold_always,
        },
    )
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let values = prop::collection::vec((value(), 0..5u32), 0..4);
    (values, 0..4usize).prop_map(|(values, acknowledged)| {
        let numbered = values.into_iter().enumerate();
        numbered
            .map(|(at, (value, exports))| Sent {
                value,
                acknowledged: at < acknowledged,
                exports,
            })
            .collect()
    })
}

fn word(side: Side, has_met: bool) -> impl Strategy<Value = Word> {
    (
        prop::option::weighted(0.85, value()),
        prop::option::weighted(0.8, value()).prop_map(move |base| base.filter(|_| has_met)),
        prop_oneof![2 => Just(Vec::new()), 1 => sent()],
        prop::bool::weighted(0.1).prop_map(move |follows| follows && side != Side::Contact),
        prop_oneof![3 => Just(20usize), 1 => Just(3usize)],
        any::<bool>(),
        route(),
        prop::option::weighted(0.1, Just('Ä')),
        prop::option::weighted(0.8, 1..4i8),
    )
        .prop_map(
            move |(shown, base, sent, follows, length, cut, route, refuses, modified)| Word {
                side,
                shown,
                // Nothing is written for a record before it was met.
                sent: match base {
                    Some(_) => sent,
                    None => Vec::new(),
                },
                base,
                follows,
                length,
                cut,
                route,
                refuses,
                modified,
            },
        )
}

/// Where nothing is agreed, nobody has a base: what is agreed is the base of some side, or noted beside it.
fn case() -> impl Strategy<Value = Case> {
    (
        prop::option::weighted(0.75, value()),
        prop::sample::subsequence(SIDES[1..].to_vec(), 0..=3),
        prop_oneof![3 => Just(Form::Text), 1 => Just(Form::Code)],
        rules(),
        prop::option::weighted(0.1, value()),
    )
        .prop_flat_map(|(agreed, kinds, form, rules, decided)| {
            let sides = std::iter::once(Side::Contact).chain(kinds);
            let words: Vec<_> = sides.map(|side| word(side, agreed.is_some())).collect();
            words.prop_map(move |words| Case {
                form,
                agreed: agreed.clone(),
                decided: decided.clone(),
                words,
                rules: rules.clone(),
            })
        })
}

/// `PROPTEST_CASES` sets the count; a failing seed is kept beside this file.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: match std::env::var_os("PROPTEST_CASES") {
            Some(_) => default.cases,
            None => 4_000,
        },
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..default
    }
}

/// Fields of a contact, of which some follow from others.
const NAMES: [&str; 8] = [
    "Name",
    "Search Name",
    "City",
    "Phone No.",
    "Type",
    "Company Name",
    "First Name",
    "Surname",
];

/// The case where everybody has shown a value since it was agreed.
fn at_rest(case: &Case, value: &str) -> Case {
    let mut case = case.clone();
    (case.agreed, case.decided) = (Some(value.to_owned()), None);
    for word in &mut case.words {
        (word.shown, word.base) = (case.agreed.clone(), case.agreed.clone());
        word.sent.clear();
    }
    case
}

/// What each side shows, and its base.
fn said(case: &Case) -> impl Iterator<Item = (Option<&str>, Option<&str>)> {
    let words = case.words.iter();
    words.map(|word| (word.shown.as_deref(), word.base.as_deref()))
}

/// The case after a pass that was carried out: what was written in place is shown, what went to a folder is in flight.
fn afterwards(case: &Case, field: &FieldMerge) -> Case {
    let mut after = case.clone();
    after.agreed.clone_from(&field.agreed);
    after.decided = None;
    for (word, delivery) in after.words.iter_mut().zip(&field.deliveries) {
        let Some(delivery) = delivery else { continue };
        word.base.clone_from(&delivery.base);
        let unanswered = word.sent.iter_mut().filter(|sent| !sent.acknowledged);
        for sent in unanswered.take(delivery.acknowledged) {
            sent.acknowledged = true;
        }
        if let Some(text) = &delivery.write {
            match word.route {
                Route::InPlace => word.shown = Some(text.clone()),
                Route::Folder | Route::Nowhere | Route::Silent | Route::Frozen => {
                    word.sent.push(Sent {
                        value: text.clone(),
                        acknowledged: false,
                        exports: 0,
                    })
                }
            }
        }
    }
    after
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_field_is_ruled_and_delivered_as_the_naive_reading_of_the_contract_says(case in case()) {
        agrees_with_the_reference(&case)?;
    }

    #[test]
    fn no_value_is_invented(case in case()) {
        let Some(field) = merged_alone(&case) else { return Ok(()) };
        let mut known: Vec<&str> = vec![""];
        known.extend(case.agreed.as_deref());
        known.extend(case.decided.as_deref());
        known.extend(case.words.iter().filter_map(|word| word.shown.as_deref()));
        if let Some(agreed) = &field.agreed {
            prop_assert!(known.contains(&agreed.as_str()), "{agreed:?} comes from nobody");
        }
        for (word, delivery) in case.words.iter().zip(&field.deliveries) {
            if let Some(text) = delivery.as_ref().and_then(|delivery| delivery.write.as_ref()) {
                prop_assert!(
                    known.iter().any(|value| is_form_of(case.form, word, text, value)),
                    "{text:?} comes from nobody"
                );
            }
        }
    }

    #[test]
    fn the_order_of_members_has_no_part_in_it(case in case(), seed in any::<u64>()) {
        let mut turned = case.clone();
        let count = turned.words.len();
        turned.words.rotate_left(seed as usize % count);
        if seed & (1 << 40) != 0 {
            turned.words.reverse();
        }
        match (merged_alone(&case), merged_alone(&turned)) {
            (None, None) => {}
            (Some(straight), Some(other)) => {
                prop_assert_eq!(&straight.agreed, &other.agreed);
                prop_assert_eq!(straight.held, other.held);
                prop_assert_eq!(&straight.because, &other.because);
                for (word, delivery) in case.words.iter().zip(&straight.deliveries) {
                    let at = turned.words.iter().position(|of| of.side == word.side).expect("the same side");
                    prop_assert_eq!(delivery, &other.deliveries[at]);
                }
            }
            (straight, other) => prop_assert!(false, "{:?} and {:?}", straight, other),
        }
    }

    #[test]
    fn counterparts_of_other_kinds_make_no_difference_where_no_policy_names_kinds(case in case()) {
        let mut case = case;
        if matches!(case.rules.on_conflict, Policy::Sides(_)) {
            case.rules.on_conflict = Policy::Counterpart;
        }
        let mut renamed = case.clone();
        for word in &mut renamed.words {
            if let Side::Counterpart(kind) = word.side {
                word.side = Side::Counterpart(Kind(2 - kind.0));
            }
        }
        renamed.words.sort_by_key(|word| word.side);
        match (merged_alone(&case), merged_alone(&renamed)) {
            (None, None) => {}
            (Some(one), Some(other)) => {
                let agreed = |field: &FieldMerge| field.agreed.as_ref().map(|value| plain(case.form, value));
                prop_assert_eq!(agreed(&one), agreed(&other));
                prop_assert_eq!(one.held, other.held);
            }
            (one, other) => prop_assert!(false, "{:?} and {:?}", one, other),
        }
    }

    #[test]
    fn fields_do_not_meddle_with_each_other(one in case(), other in case()) {
        let mut other = other;
        other.words.retain(|word| one.words.iter().any(|of| of.side == word.side));
        let mut one = one;
        one.words.retain(|word| other.words.iter().any(|of| of.side == word.side));
        for (word, of) in other.words.iter_mut().zip(&one.words) {
            (word.route, word.refuses, word.modified) = (of.route, of.refuses, of.modified);
        }
        let fields = [FieldId::named("City"), FieldId::named("Phone No.")].map(Option::unwrap);
        let both = merged(&[(fields[0], &one), (fields[1], &other)]);
        for (field, case) in fields.iter().zip([&one, &other]) {
            let alone = merged(&[(*field, case)]);
            let together: Vec<_> = both.fields.iter().filter(|merge| merge.field == *field).collect();
            prop_assert_eq!(together, alone.fields.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_field_that_rests_stays_as_it_is(case in case(), value in "[a-zA-Z ]{0,30}") {
        let case = at_rest(&case, &value);
        prop_assert!(rests(said(&case)));
        let field = merged_alone(&case).expect("its sides say something");
        prop_assert_eq!((&field.before, field.held), (&field.agreed, false));
        prop_assert!(field.moved.is_empty());
        for delivery in field.deliveries {
            let base = Some(value.clone());
            prop_assert_eq!(delivery, Some(Delivery { base, ..Delivery::default() }));
        }
    }

    #[test]
    fn a_party_without_the_fields_that_rest_is_merged_as_with_them(
        cases in prop::collection::vec((case(), prop::option::weighted(0.7, "[a-zA-Z]{1,5}( [a-zA-Z]{1,5})?")), 8),
    ) {
        let sides = |case: &Case| case.words.iter().map(|word| word.side).collect::<Vec<_>>();
        let all: Vec<_> = cases.iter().map(|(case, _)| sides(case)).collect();
        let mut cases: Vec<(FieldId, Case)> = NAMES.iter().zip(cases).map(|(name, (case, value))| {
            let mut case = case;
            case.words.retain(|word| all.iter().all(|sides| sides.contains(&word.side)));
            case.words.sort_by_key(|word| word.side);
            let case = value.map_or_else(|| case.clone(), |value| at_rest(&case, &value));
            (FieldId::named(name).expect("it is in the matrix"), case)
        }).collect();
        let first = cases[0].1.words.clone();
        for (_, case) in &mut cases {
            for (word, of) in case.words.iter_mut().zip(&first) {
                (word.route, word.refuses, word.modified) = (of.route, of.refuses, of.modified);
            }
        }
        let all: Vec<(FieldId, &Case)> = cases.iter().map(|(field, case)| (*field, case)).collect();
        let moves = |(_, case): &&(FieldId, &Case)| {
            let is_plain = case.decided.is_none() && case.words.iter().all(|word| word.sent.is_empty());
            !(is_plain && rests(said(case)))
        };
        let some: Vec<(FieldId, &Case)> = all.iter().filter(moves).copied().collect();
        if first.is_empty() || some.is_empty() || some.iter().any(|(field, _)| leads(*field)) {
            return Ok(());
        }
        let with = merged(&all).fields.into_iter();
        let with: Vec<_> = with.filter(|field| some.iter().any(|(of, _)| *of == field.field)).collect();
        prop_assert_eq!(merged(&some).fields, with);
    }

    #[test]
    fn a_second_pass_over_what_the_first_one_left_does_nothing(case in case()) {
        let Some(first) = merged_alone(&case) else { return Ok(()) };
        let case = afterwards(&case, &first);
        let Some(second) = merged_alone(&case) else { return Ok(()) };
        prop_assert_eq!(second.held, first.held, "{:?}\nthen {:?}", first, second);
        prop_assert_eq!(&second.agreed, &first.agreed);
        for delivery in second.deliveries.iter().flatten() {
            prop_assert_eq!(&delivery.write, &None, "{:?}\nthen {:?}", first, second);
        }
        let third = merged_alone(&afterwards(&case, &second));
        let bases = |field: &FieldMerge| -> Vec<_> {
            field.deliveries.iter().flatten().map(|delivery| delivery.base.clone()).collect()
        };
        prop_assert_eq!(third.as_ref().map(bases), Some(bases(&second)), "bases rest");
    }

    #[test]
    fn a_moved_value_is_agreed_or_in_the_inbox_or_beaten_by_a_rule_that_names_its_winner(case in case()) {
        let Some(field) = merged_alone(&case) else { return Ok(()) };
        for word in &case.words {
            let Some(value) = reference::news(&case, word) else { continue };
            prop_assert!(field.moved.contains(&word.side), "{:?} moved unheard", word.side);
            let is_agreed = field.agreed.as_deref().is_some_and(|agreed| is_form_of(case.form, word, value, agreed));
            let is_beaten = match field.rule {
                Rule::Decided => true,
                Rule::Policy => !field.because.is_empty() && !field.because.contains(&word.side),
                Rule::FirstMeetingMaster => {
                    !field.because.contains(&word.side) && (!field.because.is_empty() || field.agreed == field.before)
                }
                _ => false,
            };
            prop_assert!(field.held || is_agreed || is_beaten, "{value:?} of {:?} is lost in {field:?}", word.side);
        }
    }

    #[test]
    fn a_conflict_writes_nothing_and_moves_no_movers_base(case in case()) {
        let Some(field) = merged_alone(&case).filter(|field| field.held) else { return Ok(()) };
        prop_assert_eq!(&field.agreed, &case.agreed);
        for (word, delivery) in case.words.iter().zip(field.deliveries.iter().flatten()) {
            prop_assert_eq!(&delivery.write, &None);
            if field.moved.contains(&word.side) {
                prop_assert_eq!(&delivery.base, &word.base);
                prop_assert_eq!(delivery.acknowledged, 0);
            }
        }
    }

    #[test]
    fn a_side_that_says_nothing_keeps_its_base_and_gets_nothing(case in case()) {
        let Some(field) = merged_alone(&case) else { return Ok(()) };
        for (word, delivery) in case.words.iter().zip(field.deliveries.iter().flatten()) {
            if word.shown.is_none() {
                prop_assert_eq!(&delivery.base, &word.base);
                prop_assert_eq!(&delivery.write, &None);
                prop_assert!(matches!(delivery.owed, None | Some(Owed::Silent)));
            }
        }
    }
}

#[test]
fn one_field_of_a_contact_and_a_customer_is_this_whole_table() {
    let values = [None, Some(""), Some("x"), Some("y")];
    let policies = [
        (Policy::Hold, FirstMeeting::Fill),
        (Policy::Hold, FirstMeeting::Contact),
        (Policy::Hold, FirstMeeting::Counterpart),
        (Policy::Contact, FirstMeeting::Fill),
        (Policy::Counterpart, FirstMeeting::Fill),
        (Policy::Newest, FirstMeeting::Fill),
        (
            Policy::Sides(vec![SIDES[1], SIDES[0]]),
            FirstMeeting::Counterpart,
        ),
    ];
    let mut rows = 0;
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for (on_conflict, first_meeting) in &policies {
        // Base and shown of the contact, base and shown of the customer, agreed: five digits in base four.
        for row in 0..4usize.pow(5) {
            let digit = |at: u32| values[row / 4usize.pow(at) % 4].map(str::to_owned);
            let word = |side, base, shown, day| Word {
                side,
                shown,
                base,
                sent: Vec::new(),
                follows: false,
                length: 20,
                cut: false,
                route: Route::InPlace,
                refuses: None,
                modified: Some(day),
            };
            let case = Case {
                form: Form::Text,
                agreed: digit(4),
                decided: None,
                words: vec![
                    word(SIDES[0], digit(0), digit(1), 1),
                    word(SIDES[1], digit(2), digit(3), 2),
                ],
                rules: FieldRules {
                    on_conflict: on_conflict.clone(),
                    first_meeting: *first_meeting,
                    hold_always: false,
                },
            };
            if case.agreed.is_none() && case.words.iter().any(|word| word.base.is_some()) {
                continue;
            }
            if let Err(error) = agrees_with_the_reference(&case) {
                panic!("{case:#?}\n{error}");
            }
            rows += 1;
            let end = match reference::ruling(&case) {
                Ruling::Unknown => "unknown",
                Ruling::Stands(_) => "stands",
                Ruling::Take(_) => "take",
                Ruling::Conflict => "conflict",
            };
            *ends.entry(end).or_default() += 1;
        }
    }
    assert_eq!(rows, policies.len() * (3 * 4 * 4 * 4 * 4 + 4 * 4));
    assert!(
        ends.values().all(|count| *count >= policies.len()),
        "{ends:?}"
    );
}
