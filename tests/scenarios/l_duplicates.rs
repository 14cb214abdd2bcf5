//! L. Duplicates. What Business Central asks in a window is a warning of the pass here, and a list at any time.

use couplet::merge::duplicates::Duplicate;

use crate::support::Exchange;
use crate::{RELATION_COLUMNS, exchange};

const CONTACTS: &str = "No.,Name,Address,City,Phone No.,Type,Company No.\n\
                        C1,Acme Ltd,1 Main Street,Rome,12345,Company,C1\n";

/// An exchange of contacts, and of customers with a relations table, under these settings.
fn contacts(setup: &str) -> Exchange {
    let tables = [
        ("contacts", CONTACTS),
        (
            "customers",
            "No.,Name,Address,Address 2,Phone No.,Contact Type\n",
        ),
        ("relations", RELATION_COLUMNS),
    ];
    let made = exchange(&tables, "");
    let exchange = made.with(&format!("[setup]\ncontact_nos = \"CT1\"\n{setup}"));
    exchange.summary();
    exchange
}

fn pairs(found: &[Duplicate]) -> Vec<(&str, &str)> {
    found
        .iter()
        .map(|pair| (pair.contact.as_str(), pair.other.as_str()))
        .collect()
}

/// A second company of the same name appears in the contacts export.
fn same_name_again(exchange: &Exchange) {
    exchange.put(
        "contacts.csv",
        format!("{CONTACTS}C2,ACME LTD.,9 Elm Road,Oslo,777,Company,C2\n"),
    );
}

#[test]
fn l01_with_autosearch_off_a_pair_is_listed_and_nobody_is_told() {
    let exchange = contacts("autosearch_for_duplicates = \"never\"\nsearch_hit = 10\n");
    same_name_again(&exchange);
    assert!(exchange.summary().plan.duplicates.is_empty());
    let listed = exchange.run(&["duplicates"]);
    assert!(
        listed.out.contains("C1 ") && listed.out.contains("C2 "),
        "{listed:?}"
    );
    assert!(listed.out.contains("1 pair"), "{listed:?}");
}

#[test]
fn l02_with_autosearch_on_the_pair_is_reported() {
    let exchange = contacts("autosearch_for_duplicates = \"changed\"\nsearch_hit = 10\n");
    same_name_again(&exchange);
    let summary = exchange.summary();
    assert_eq!(pairs(&summary.plan.duplicates), [("C1", "C2")]);
    assert!(
        exchange.summary().plan.duplicates.is_empty(),
        "it is told once"
    );
}

#[test]
fn l03_two_persons_of_one_name_are_no_pair() {
    let exchange = contacts("autosearch_for_duplicates = \"changed\"\nsearch_hit = 10\n");
    exchange.put(
        "contacts.csv",
        format!("{CONTACTS}P1,Jo Doe,,,,Person,\nP2,Jo Doe,,,,Person,\n"),
    );
    assert!(exchange.summary().plan.duplicates.is_empty());
}

#[test]
fn l04_the_same_name_alone_is_no_pair_at_ninety_percent() {
    let exchange = contacts("autosearch_for_duplicates = \"changed\"\nsearch_hit = 90\n");
    same_name_again(&exchange);
    assert!(exchange.summary().plan.duplicates.is_empty());
    assert!(exchange.run(&["duplicates"]).out.contains("0 pairs"));
    let wider = exchange.run(&["duplicates", "--hit", "10"]);
    assert!(wider.out.contains("1 pair"), "{wider:?}");
}

/// L06 to L08 are about an index that Business Central keeps: Couplet keeps none, so that a list is of what exports show.
#[test]
fn l08_a_list_is_made_anew_from_what_the_exports_show() {
    let exchange = contacts("search_hit = 10\n");
    same_name_again(&exchange);
    assert!(exchange.run(&["duplicates"]).out.contains("1 pair"));
    exchange.put("contacts.csv", CONTACTS);
    assert!(exchange.run(&["duplicates"]).out.contains("0 pairs"));
}

#[test]
fn b26_two_identical_customers_get_their_contacts_and_one_warning() {
    let exchange = contacts("search_hit = 10\n");
    let twin = "Twin Ltd,7 High Street,Floor 2,99 88 77,Company\n";
    exchange.put(
        "customers.csv",
        format!("No.,Name,Address,Address 2,Phone No.,Contact Type\n10,{twin}20,{twin}"),
    );
    let run = exchange.run(&["create", "contacts", "--from", "customers"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.out, "CT1  customer 10\nCT2  customer 20\n");
    let warnings: Vec<&str> = run
        .err
        .lines()
        .filter(|line| line.contains("duplicates"))
        .collect();
    assert_eq!(warnings.len(), 1, "{run:?}");
    assert!(warnings[0].contains("CT1 and CT2"), "{run:?}");
}
