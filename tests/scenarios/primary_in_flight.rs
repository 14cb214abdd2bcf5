//! The primary contact on its way: a customer's system imports late, or never, that a person is its primary contact, while users
//! go on working there.

use crate::office::{SERIES, office_to};
use crate::support::Exchange;
use crate::{
    CUSTOMER, RELATION_COLUMNS, add, cell, edit, hide, import, import_of, is_in_step, row,
};

const CONTACTS: &str = "No.,Name,City,Type,Company No.,External ID\nC1,Acme,Rome,Company,C1,\n";
const LEDGER: &str = "No.,Name,City,Contact,Primary Contact No.\n9,Nine,Bonn,,\n";

/// Customer 10 appeared with a name as its contact: company CT1 and person CT2 are made, and that CT2 is its primary contact is
/// in flight.
fn newcomer(write_back: &str) -> (Exchange, u64) {
    let exchange = office_to(&CUSTOMER, SERIES, CONTACTS, LEDGER, write_back);
    exchange.put("relations.csv", format!("{RELATION_COLUMNS}C1,PROS,,\n"));
    exchange.summary();
    add(&exchange, "customers", "10,Beta,Oslo,Ann Lee,");
    let pass = exchange.summary().pass.expect("a pass");
    (exchange, pass)
}

/// The same, where only the customer's system has not imported anything yet.
fn late(write_back: &str) -> (Exchange, u64) {
    let (exchange, pass) = newcomer(write_back);
    import_of(&exchange, "contacts", pass);
    import_of(&exchange, "relations", pass);
    (exchange, pass)
}

/// The same, imported everywhere.
fn arrived() -> Exchange {
    let (exchange, pass) = newcomer("updates");
    import(&exchange, pass);
    settle(&exchange);
    assert_eq!(primary(&exchange), is("CT2", "Ann Lee"));
    exchange
}

/// Passes, whose updates are imported.
fn settle(exchange: &Exchange) {
    for _ in 0..4 {
        if let Some(pass) = exchange.summary().pass {
            import(exchange, pass);
        }
    }
    is_in_step(exchange);
}

fn delete(exchange: &Exchange, table: &str, no: &str) -> String {
    let gone = row(exchange, table, no);
    let file = format!("{table}.csv");
    exchange.put(
        &file,
        exchange.text(&file).replace(&format!("{gone}\n"), ""),
    );
    gone
}

fn primary(exchange: &Exchange) -> (String, String) {
    let of = |column: &str| cell(exchange, "customers", "10", column);
    (of("Primary Contact No."), of("Contact"))
}

fn is(primary: &str, contact: &str) -> (String, String) {
    (primary.to_owned(), contact.to_owned())
}

fn in_flight(exchange: &Exchange) -> bool {
    exchange.run(&["status"]).out.contains("in flight")
}

#[test]
fn a_primary_contact_that_was_imported_is_in_flight_no_longer() {
    let (exchange, pass) = newcomer("updates");
    assert!(in_flight(&exchange));
    import(&exchange, pass);
    settle(&exchange);
    assert!(!in_flight(&exchange));
}

#[test]
fn the_primary_contact_that_somebody_chose_since_stays_when_the_first_one_is_deleted() {
    let exchange = arrived();
    add(&exchange, "contacts", "P9,Pia Poe,Oslo,Person,CT1,");
    settle(&exchange);
    edit(&exchange, "customers", "10", "Primary Contact No.", "P9");
    settle(&exchange);
    assert_eq!(primary(&exchange), is("P9", "Pia Poe"));
    delete(&exchange, "contacts", "CT2");
    settle(&exchange);
    assert_eq!(primary(&exchange), is("P9", "Pia Poe"));
}

#[test]
fn what_somebody_chose_instead_of_a_primary_contact_in_flight_is_waited_for_no_more() {
    let (exchange, _) = late("updates");
    add(&exchange, "contacts", "P9,Pia Poe,Oslo,Person,CT1,");
    exchange.summary();
    edit(&exchange, "customers", "10", "Primary Contact No.", "P9");
    edit(&exchange, "customers", "10", "Contact", "Pia Poe");
    exchange.summary();
    assert!(!in_flight(&exchange));
    // Nor is it carried over that choice by a later update, or blanked with a contact that it does not name.
    edit(&exchange, "contacts", "CT1", "City", "Pisa");
    settle(&exchange);
    delete(&exchange, "contacts", "CT2");
    settle(&exchange);
    assert_eq!(primary(&exchange), is("P9", "Pia Poe"));
}

#[test]
fn a_primary_contact_that_is_never_imported_is_a_problem() {
    let (exchange, pass) = late("updates");
    let problems = |day: u32| {
        edit(&exchange, "customers", "9", "City", &format!("Bonn {day}"));
        let plan = exchange.summary().plan;
        let kinds = plan.problems.into_iter().map(|problem| problem.kind);
        kinds.collect::<Vec<_>>()
    };
    for day in 1..=3 {
        assert!(problems(day).is_empty(), "day {day}");
    }
    for day in 4..=6 {
        assert_eq!(problems(day), ["not-imported"], "day {day}");
    }
    import_of(&exchange, "customers", pass);
    assert!(exchange.summary().plan.problems.is_empty());
    is_in_step(&exchange);
}

#[test]
fn a_value_of_a_customer_with_a_primary_contact_may_be_typed_again_long_after_it_was_written() {
    let exchange = arrived();
    for city in ["Pisa", "Turin"] {
        edit(&exchange, "contacts", "CT1", "City", city);
        settle(&exchange);
        assert_eq!(cell(&exchange, "customers", "10", "City"), city);
        for day in 0..8 {
            edit(
                &exchange,
                "customers",
                "9",
                "City",
                &format!("{city} {day}"),
            );
            exchange.summary();
        }
    }
    edit(&exchange, "customers", "10", "City", "Pisa");
    let summary = exchange.summary();
    let conflicts = &summary.plan.conflicts;
    assert!(conflicts.is_empty(), "{conflicts:#?}");
    import(&exchange, summary.pass.expect("a pass"));
    assert_eq!(cell(&exchange, "contacts", "CT1", "City"), "Pisa");
}

#[test]
fn a_later_update_does_not_take_a_primary_contact_in_flight_away() {
    for update in ["cells", "records", "full"] {
        for skips_the_first in [true, false] {
            let (exchange, first) = late(&format!("updates\"\nupdate = \"{update}"));
            edit(&exchange, "contacts", "CT1", "City", "Pisa");
            // Its row makes the columns of contacts part of every update.
            add(&exchange, "customers", "11,Gamma,Kiel,Eva Ost,");
            let second = exchange.summary().pass.expect("a pass");
            if !skips_the_first {
                import_of(&exchange, "customers", first);
            }
            import(&exchange, second);
            settle(&exchange);
            assert_eq!(primary(&exchange), is("CT2", "Ann Lee"), "{update}");
            assert_eq!(cell(&exchange, "customers", "10", "City"), "Pisa");
        }
    }
}

#[test]
fn an_update_that_is_the_whole_table_carries_all_that_is_in_flight() {
    let (exchange, _) = late("updates\"\nupdate = \"full");
    edit(&exchange, "contacts", "CT1", "City", "Pisa");
    exchange.summary();
    add(&exchange, "customers", "11,Gamma,Kiel,Eva Ost,");
    let third = exchange.summary().pass.expect("a pass");
    // Its system reads nothing but the newest.
    let whole = exchange.text(&format!("updates/customers_{third:06}.csv"));
    assert!(whole.contains("10,Beta,Pisa,Ann Lee,CT2\n"), "{whole}");
}

#[test]
fn a_second_name_reaches_the_customer_as_its_system_shows_the_first() {
    let exchange = arrived();
    edit(&exchange, "contacts", "CT2", "Name", "Ann Jones");
    let first = exchange.summary().pass.expect("a pass");
    import(&exchange, first);
    assert_eq!(primary(&exchange), is("CT2", "Ann Jones"));
    edit(&exchange, "contacts", "CT2", "Name", "Ann Brown");
    settle(&exchange);
    assert_eq!(primary(&exchange), is("CT2", "Ann Brown"));
    // What somebody typed there stays.
    edit(&exchange, "customers", "10", "Contact", "Mrs Brown");
    edit(&exchange, "contacts", "CT2", "Name", "Ann Green");
    settle(&exchange);
    assert_eq!(primary(&exchange), is("CT2", "Mrs Brown"));
}

#[test]
fn a_name_that_somebody_typed_stays_when_the_primary_contact_is_imported() {
    let (exchange, first) = late("updates");
    exchange.summary();
    edit(&exchange, "customers", "10", "Contact", "Mrs Lee");
    exchange.summary();
    let primary_contact = cell(&exchange, "contacts", "CT2", "No.");
    edit(
        &exchange,
        "customers",
        "10",
        "Primary Contact No.",
        &primary_contact,
    );
    settle(&exchange);
    assert_eq!(primary(&exchange), is("CT2", "Mrs Lee"));
    assert!(first > 0);
}

/// Customers are edited in place from now on.
fn in_place(exchange: Exchange) -> Exchange {
    let through = |way: &str| format!("\"customers.csv\"\nwrite_back = \"{way}\"");
    let config = exchange.config().to_owned();
    assert!(config.contains(&through("updates")));
    exchange.configured(&config.replace(&through("updates"), &through("in-place")))
}

#[test]
fn a_primary_contact_in_flight_is_written_into_a_file_that_begins_to_be_edited_in_place() {
    let (exchange, _) = late("updates");
    let exchange = in_place(exchange);
    exchange.summary();
    assert_eq!(primary(&exchange), is("CT2", "Ann Lee"));
    assert!(!in_flight(&exchange));
    is_in_step(&exchange);
}

#[test]
fn a_name_in_flight_is_written_into_a_file_that_begins_to_be_edited_in_place() {
    let exchange = arrived();
    edit(&exchange, "contacts", "CT2", "Name", "Ann Jones");
    exchange.summary();
    let exchange = in_place(exchange);
    exchange.summary();
    assert_eq!(primary(&exchange), is("CT2", "Ann Jones"));
    assert!(!in_flight(&exchange));
    is_in_step(&exchange);
}

#[test]
fn what_somebody_chose_in_a_file_that_begins_to_be_edited_in_place_is_not_written_over() {
    let (exchange, _) = late("updates");
    add(&exchange, "contacts", "P9,Pia Poe,Oslo,Person,CT1,");
    exchange.summary();
    let exchange = in_place(exchange);
    edit(&exchange, "customers", "10", "Primary Contact No.", "P9");
    exchange.summary();
    assert_eq!(primary(&exchange), is("P9", "Pia Poe"));
    assert!(!in_flight(&exchange));
    is_in_step(&exchange);
}

#[test]
fn the_newest_name_alone_is_written_into_a_file_that_begins_to_be_edited_in_place() {
    let exchange = arrived();
    edit(&exchange, "contacts", "CT2", "Name", "Ann Jones");
    exchange.summary();
    let exchange = in_place(exchange);
    edit(&exchange, "contacts", "CT2", "Name", "Ann Brown");
    let plan = exchange.summary().plan;
    let of_customers = plan
        .changes
        .iter()
        .filter(|change| change.table == "customers");
    let written: Vec<&str> = of_customers.map(|change| change.to.as_str()).collect();
    assert_eq!(written, ["Ann Brown"]);
    assert_eq!(primary(&exchange), is("CT2", "Ann Brown"));
    is_in_step(&exchange);
}

/// Customer 10 in a row that has lost its last cells, or that stands twice.
fn spoilt(row: &str) -> [String; 2] {
    ["10,Beta".to_owned(), format!("{row}\n10,Another,,,")]
}

#[test]
fn a_primary_contact_that_a_whole_table_took_back_from_a_row_that_cannot_be_read_is_written_again()
{
    for spoil in 0..2 {
        let (exchange, _) = late("updates\"\nupdate = \"full");
        let legible = row(&exchange, "customers", "10");
        let told = exchange.text("customers.csv");
        exchange.put(
            "customers.csv",
            told.replace(&legible, &spoilt(&legible)[spoil]),
        );
        add(&exchange, "customers", "11,Gamma,Kiel,Eva Ost,");
        let whole = exchange.summary().pass.expect("a pass");
        let told = exchange.text("customers.csv");
        exchange.put(
            "customers.csv",
            told.replace(&spoilt(&legible)[spoil], &legible),
        );
        let whole = format!("updates/customers_{whole:06}.csv");
        assert!(exchange.text(&whole).contains("11,Gamma,"), "{whole}");
        settle(&exchange);
        assert_eq!(primary(&exchange), is("CT2", "Ann Lee"));
        assert!(!in_flight(&exchange));
    }
}

#[test]
fn a_name_that_changes_while_its_customer_cannot_be_read_is_written_once_it_can() {
    for is_in_place in [false, true] {
        for spoil in 0..2 {
            let mut exchange = arrived();
            if is_in_place {
                exchange = in_place(exchange);
                exchange.summary();
            }
            let legible = row(&exchange, "customers", "10");
            let told = exchange.text("customers.csv");
            let spoilt = told.replace(&legible, &spoilt(&legible)[spoil]);
            exchange.put("customers.csv", &spoilt);
            edit(&exchange, "contacts", "CT2", "Name", "Ann Jones");
            let plan = exchange.summary().plan;
            assert!(plan.changes.is_empty(), "{:#?}", plan.changes);
            assert_eq!(exchange.text("customers.csv"), spoilt);
            exchange.put("customers.csv", told);
            settle(&exchange);
            assert_eq!(primary(&exchange), is("CT2", "Ann Jones"));
        }
    }
}

#[test]
fn a_primary_contact_that_goes_is_blanked_in_a_row_that_cannot_be_read_once_it_can() {
    for is_in_place in [false, true] {
        for spoil in 0..2 {
            for is_back in [false, true] {
                let mut exchange = arrived();
                if is_in_place {
                    exchange = in_place(exchange);
                    exchange.summary();
                }
                let legible = row(&exchange, "customers", "10");
                let told = exchange.text("customers.csv");
                let spoilt = told.replace(&legible, &spoilt(&legible)[spoil]);
                exchange.put("customers.csv", &spoilt);
                let gone = delete(&exchange, "contacts", "CT2");
                let plan = exchange.summary().plan;
                assert!(plan.changes.is_empty(), "{:#?}", plan.changes);
                assert_eq!(exchange.text("customers.csv"), spoilt);
                if is_back {
                    add(&exchange, "contacts", &gone);
                    exchange.summary();
                }
                exchange.put("customers.csv", told);
                settle(&exchange);
                let right = if is_back {
                    is("CT2", "Ann Lee")
                } else {
                    is("", "")
                };
                assert_eq!(primary(&exchange), right);
            }
        }
    }
}

#[test]
fn whom_somebody_chose_in_a_row_that_could_not_be_read_stays_although_another_went_meanwhile() {
    let exchange = arrived();
    add(&exchange, "contacts", "P9,Pia Poe,Oslo,Person,CT1,");
    settle(&exchange);
    let legible = row(&exchange, "customers", "10");
    let told = exchange.text("customers.csv");
    exchange.put(
        "customers.csv",
        told.replace(&legible, &spoilt(&legible)[0]),
    );
    delete(&exchange, "contacts", "CT2");
    exchange.summary();
    exchange.put("customers.csv", told);
    edit(&exchange, "customers", "10", "Primary Contact No.", "P9");
    settle(&exchange);
    assert_eq!(primary(&exchange), is("P9", "Pia Poe"));
}

#[test]
fn who_was_cleared_while_customers_were_away_stays_cleared_although_it_went_meanwhile_and_is_back()
{
    for is_back in [false, true] {
        let exchange = arrived();
        let customers = hide(&exchange, "customers.csv");
        let gone = delete(&exchange, "contacts", "CT2");
        exchange.summary();
        if is_back {
            add(&exchange, "contacts", &gone);
        }
        exchange.put("customers.csv", customers);
        edit(&exchange, "customers", "10", "Primary Contact No.", "");
        edit(&exchange, "customers", "10", "Contact", "");
        settle(&exchange);
        if !is_back {
            add(&exchange, "contacts", &gone);
            settle(&exchange);
        }
        assert_eq!(primary(&exchange), is("", ""), "{is_back}");
    }
}

#[test]
fn who_returns_while_customers_are_away_is_named_again_although_their_system_fills_up_what_it_stores()
 {
    for filled in ["", "   "] {
        let exchange = arrived();
        let gone = delete(&exchange, "contacts", "CT2");
        let pass = exchange.summary().pass.expect("a pass");
        let customers = hide(&exchange, "customers.csv");
        add(&exchange, "contacts", &gone);
        exchange.summary();
        exchange.put("customers.csv", customers);
        import(&exchange, pass);
        assert_eq!(primary(&exchange), is("", ""));
        edit(&exchange, "customers", "10", "Primary Contact No.", filled);
        edit(&exchange, "customers", "10", "Contact", filled);
        settle(&exchange);
        assert_eq!(primary(&exchange), is("CT2", "Ann Lee"), "{filled:?}");
    }
}

#[test]
fn who_went_does_not_come_back_where_somebody_has_chosen_another_one_and_cleared_it_since() {
    for is_in_place in [false, true] {
        let mut exchange = arrived();
        if is_in_place {
            exchange = in_place(exchange);
        }
        add(&exchange, "contacts", "P9,Pia Poe,Oslo,Person,CT1,");
        settle(&exchange);
        let gone = delete(&exchange, "contacts", "CT2");
        settle(&exchange);
        for chosen in ["P9", ""] {
            edit(&exchange, "customers", "10", "Primary Contact No.", chosen);
            edit(&exchange, "customers", "10", "Contact", "");
            settle(&exchange);
        }
        add(&exchange, "contacts", &gone);
        settle(&exchange);
        assert_eq!(primary(&exchange), is("", ""), "{is_in_place}");
    }
}

#[test]
fn a_primary_contact_that_is_on_its_way_in_another_spelling_is_left_when_it_goes() {
    let exchange = arrived();
    edit(&exchange, "customers", "10", "Primary Contact No.", "ct2");
    settle(&exchange);
    // It goes, and comes back to the customer; that is on its way when it goes again.
    let gone = delete(&exchange, "contacts", "CT2");
    settle(&exchange);
    add(&exchange, "contacts", &gone);
    let back = exchange.summary().pass.expect("a pass");
    delete(&exchange, "contacts", "CT2");
    let left = exchange.summary().pass.expect("a pass");
    import(&exchange, back);
    import(&exchange, left);
    settle(&exchange);
    assert_eq!(primary(&exchange), is("", ""));
}

#[test]
fn a_name_that_is_owed_is_not_written_where_it_changes_again_as_customers_are_back() {
    let exchange = arrived();
    let customers = hide(&exchange, "customers.csv");
    edit(&exchange, "contacts", "CT2", "Name", "Ann Jones");
    exchange.summary();
    exchange.put("customers.csv", customers);
    edit(&exchange, "contacts", "CT2", "Name", "Ann Brown");
    settle(&exchange);
    assert_eq!(primary(&exchange), is("CT2", "Ann Brown"));
}
