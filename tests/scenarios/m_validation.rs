//! M. Validation binds what Couplet is asked to enter: commands, requests, decisions. What an export shows is carried.

use crate::support::Exchange;
use crate::{CUSTOMER, Party, exchange, is_in_step};

const SEVERAL: &str = "test1@test.com; test2@test.com; test3@test.com";

/// Contacts that nobody is coupled with, and a series for more.
fn contacts() -> Exchange {
    let columns =
        "No.,Name,E-Mail,Phone No.,Mobile Phone No.,Registration Number,Type,Company No.\n";
    let tables = [("contacts", columns)];
    exchange(&tables, "").with("[setup]\ncontact_nos = \"C1\"\n")
}

/// Whether a new contact may have this value, and what was said.
fn enter(field: &str, value: &str) -> (bool, String) {
    let exchange = contacts();
    exchange.summary();
    let before = exchange.text("contacts.csv");
    let set = format!("{field}={value}");
    let ran = exchange.run(&["create", "contact", "--name", "New", "--set", &set]);
    match ran.code {
        0 => assert!(exchange.text("contacts.csv").contains(value), "{ran:?}"),
        1 => assert_eq!(exchange.text("contacts.csv"), before, "nothing is stored"),
        _ => panic!("{ran:?}"),
    }
    (ran.code == 0, ran.err)
}

/// The same of a decision on a conflict.
fn decide(field: &str, value: &str) -> (bool, String) {
    let party = Party::in_step(CUSTOMER, field, "");
    party
        .contact_says("one@a.example")
        .counterpart_says("two@a.example");
    let held = party.exchange.summary().plan.conflicts;
    assert_eq!(held.len(), 1);
    let id = held[0].id();
    let ran = party
        .exchange
        .run(&["conflicts", "resolve", &id, "--value", value]);
    if ran.code == 0 {
        assert!(party.exchange.summary().plan.conflicts.is_empty());
        assert_eq!(
            (party.contact(), party.counterpart()),
            (value.to_owned(), value.to_owned())
        );
    } else {
        assert_eq!(party.exchange.summary().plan.conflicts.len(), 1);
    }
    (ran.code == 0, ran.err)
}

#[test]
fn m01_addresses_with_semicolons_between_them_are_accepted() {
    for entered in [enter("E-Mail", SEVERAL), decide("E-Mail", SEVERAL)] {
        assert!(entered.0, "{entered:?}");
    }
}

#[test]
fn m02_no_address_is_accepted() {
    for entered in [enter("E-Mail", ""), decide("E-Mail", "")] {
        assert!(entered.0, "{entered:?}");
    }
}

#[test]
fn m03_addresses_with_commas_between_them_are_refused_as_a_whole() {
    let list = "test1@test.com, test2@test.com, test3@test.com";
    for (accepted, said) in [enter("E-Mail", list), decide("E-Mail", list)] {
        assert!(!accepted && said.contains(&format!("{list:?}")), "{said}");
    }
}

#[test]
fn m04_addresses_with_bars_or_blanks_between_them_are_refused_as_a_whole() {
    for list in [
        "test1@test.com| test2@test.com",
        "test1@test.com test2@test.com",
    ] {
        for (accepted, said) in [enter("E-Mail", list), decide("E-Mail", list)] {
            assert!(!accepted && said.contains(&format!("{list:?}")), "{said}");
        }
    }
}

#[test]
fn m05_one_wrong_address_among_several_is_named_alone() {
    let list = "test1@test.com; test2.com; test3@test.com";
    for (accepted, said) in [enter("E-Mail", list), decide("E-Mail", list)] {
        assert!(!accepted && said.contains("\"test2.com\""), "{said}");
        assert!(!said.contains("test1@test.com"), "{said}");
    }
}

#[test]
fn m08_a_phone_number_with_letters_is_refused() {
    for field in ["Phone No.", "Mobile Phone No."] {
        for (accepted, said) in [enter(field, "A1234b"), decide(field, "A1234b")] {
            assert!(
                !accepted && said.contains("must not contain letters"),
                "{said}"
            );
        }
        let (accepted, said) = enter(field, "+44 (0)20/123-45");
        assert!(accepted, "{said}");
    }
}

#[test]
fn m09_a_registration_number_has_at_most_twenty_characters_where_it_is_entered() {
    let long = "123456789012345678901";
    let (accepted, said) = enter("Registration Number", long);
    assert!(!accepted && said.contains("20 characters"), "{said}");
    assert!(enter("Registration Number", &long[1..]).0);
}

#[test]
fn m12_a_wrong_address_that_an_export_shows_travels_and_stays_told() {
    let party = Party::in_step(CUSTOMER, "E-Mail,Phone No.", "a@x.example,1");
    party.counterpart_says("not an address,0800 CALL");
    let summary = party.exchange.summary();
    assert_eq!(party.contact(), "not an address,0800 CALL", "it is carried");
    let kinds = |summary: &couplet::sync::Summary| -> Vec<String> {
        let problems = summary.plan.problems.iter();
        problems
            .map(|problem| format!("{} {}", problem.kind, problem.place.table))
            .collect()
    };
    assert_eq!(kinds(&summary), ["invalid-e-mail customers"]);
    // The contact has it now too, and its own system shows it.
    let again = party.exchange.summary();
    assert!(
        kinds(&again).contains(&"invalid-e-mail customers".to_owned()),
        "{:?}",
        kinds(&again)
    );
    let text = format!("{:?}", again.plan.problems);
    assert!(
        !text.contains("not an address"),
        "values stay out of problems"
    );
    party
        .contact_says("b@x.example,2")
        .counterpart_says("b@x.example,2");
    assert!(party.exchange.summary().plan.problems.is_empty());
    is_in_step(&party.exchange);
}
