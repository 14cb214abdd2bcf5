//! What is made of a side that says nothing: an export that cannot be read, a record that a delta leaves out, a column that is gone.

mod support;

#[path = "support/party.rs"]
mod party;

use couplet::sync::Outcome;
use party::{
    CONTACT, IN_PLACE, RELATIONS, in_step, put_city, put_contact, put_customer, put_party, row,
    store, through_a_folder,
};
use support::{Exchange, SETUP};

#[test]
fn what_a_record_said_in_a_conflict_stands_while_delta_exports_do_not_list_it() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "contents = \"delta\"");
    let exchange = in_step(&config);
    let customer = |row: &str| {
        exchange.put("customers.csv", format!("{CONTACT}{row}\r\n"));
        exchange.summary()
    };
    put_contact(&exchange, "Oslo", "1");
    assert_eq!(
        customer("10,Acme,Bari,1,a@x.example,ledger")
            .plan
            .conflicts
            .len(),
        1
    );
    put_contact(&exchange, "Oslo", "2");
    let summary = customer("11,Beta,Kiel,7,b@x.example,ledger");
    let conflict = &summary.plan.conflicts[0];
    let says = conflict.claims.iter().map(|claim| claim.shows.as_deref());
    assert!(says.eq([Some("Oslo"), Some("Bari"), Some("Rome"), Some("Rome")]));
    assert_eq!(
        exchange.text("updates/customers_000003.csv"),
        "No.,Name,City,Phone No.,E-Mail\r\n10,Acme,Bari,2,a@x.example\r\n"
    );
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "customer"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(exchange.summary().plan.conflicts.is_empty());
    assert!(row(&exchange, "contacts.csv").contains("Bari"));
}

#[test]
fn what_a_person_took_from_a_delta_stays_although_no_later_delta_lists_it() {
    let config = through_a_folder(IN_PLACE, "contacts.csv", "contents = \"delta\"");
    let exchange = in_step(&config);
    let contacts = |row: &str| exchange.put("contacts.csv", format!("{CONTACT}{row}\r\n"));
    let customer = |phone: &str| {
        let city = if phone == "1" { "Bari" } else { "Oslo" };
        put_customer(&exchange, city, phone);
    };
    contacts("C1,Acme,Oslo,1,a@x.example,hub");
    customer("1");
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "contact"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    contacts("C2,Beta,Kiel,7,b@x.example,hub");
    assert!(exchange.summary().plan.conflicts.is_empty());
    assert!(row(&exchange, "customers.csv").contains("Oslo"));
    // Something else is news.
    customer("2");
    let plan = exchange.summary().plan;
    assert!(
        plan.changes
            .iter()
            .all(|change| change.column == "Phone No."),
        "{plan:#?}"
    );
    assert!(row(&exchange, "customers.csv").contains("Oslo"));
}

#[test]
fn a_blank_of_a_first_meeting_is_filled_once_the_others_are_decided_on_although_no_delta_lists_it()
{
    let config = through_a_folder(IN_PLACE, "contacts.csv", "contents = \"delta\"");
    let exchange = Exchange::new(&config);
    let contacts = |row: &str| exchange.put("contacts.csv", format!("{CONTACT}{row}\r\n"));
    contacts("C1,Acme,,1,a@x.example,hub");
    exchange
        .put(
            "customers.csv",
            format!("{CONTACT}10,Acme,Bari,1,a@x.example,ledger\r\n"),
        )
        .put(
            "vendors.csv",
            format!("{CONTACT}20,Acme,Oslo,1,a@x.example,purchasing\r\n"),
        )
        .put(
            "banks.csv",
            format!("{CONTACT}B1,Acme,Oslo,1,a@x.example,treasury\r\n"),
        )
        .put("relations.csv", RELATIONS);
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    contacts("C2,Beta,Kiel,7,b@x.example,hub");
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "customer"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let plan = exchange.summary().plan;
    assert!(plan.debts.is_empty(), "{plan:#?}");
    assert!(row(&exchange, "vendors.csv").contains("Bari"));
    assert!(
        exchange
            .text("updates/contacts_000002.csv")
            .contains("Bari")
    );
}

/// Contacts in place, customers as deltas and vendors in place: each a party's rows of a city.
fn with_delta_customers([contact, customer, vendor]: [&str; 3]) -> Exchange {
    let config = through_a_folder(IN_PLACE, "customers.csv", "contents = \"delta\"");
    let exchange = Exchange::new(&config);
    let relations: String = RELATIONS.split_inclusive("\r\n").take(3).collect();
    exchange.put("relations.csv", relations);
    put_city(&exchange, "contacts.csv", "C1", contact);
    put_city(&exchange, "customers.csv", "10", customer);
    put_city(&exchange, "vendors.csv", "20", vendor);
    exchange
}

#[test]
fn a_decision_is_carried_out_where_a_record_that_joins_is_listed_by_no_delta() {
    let exchange = with_delta_customers(["Rome", "Rome", "Rome"]);
    exchange.summary();
    // The contact goes and comes back: whom it meets again may differ, and the customer is not listed.
    put_city(&exchange, "contacts.csv", "C8", "Rome");
    put_city(&exchange, "customers.csv", "18", "Rome");
    exchange.summary();
    put_city(&exchange, "contacts.csv", "C1", "Rome");
    put_city(&exchange, "vendors.csv", "20", "Oslo");
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "contact"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(exchange.summary().plan.conflicts.is_empty());
    assert!(row(&exchange, "vendors.csv").contains("Rome"));
}

#[test]
fn what_a_record_said_in_a_conflict_is_known_after_its_party_ended_although_no_delta_lists_it() {
    let exchange = with_delta_customers(["Rome", "Bari", "Rome"]);
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    put_city(&exchange, "contacts.csv", "C8", "Rome");
    put_city(&exchange, "customers.csv", "18", "Rome");
    assert!(exchange.summary().plan.conflicts.is_empty());
    put_city(&exchange, "contacts.csv", "C1", "Rome");
    let plan = exchange.summary().plan;
    assert!(plan.debts.is_empty(), "{:#?}", plan.debts);
    let says = plan.conflicts[0].claims.iter();
    let says: Vec<_> = says.map(|claim| claim.shows.as_deref()).collect();
    assert_eq!(says, [Some("Rome"), Some("Bari"), Some("Rome")]);
}

#[test]
fn a_record_whose_party_ended_while_its_export_said_nothing_keeps_all_that_is_known_of_it() {
    let exchange = with_delta_customers(["Rome", "Bari", "Rome"]);
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let customers = exchange.text("customers.csv");
    put_city(&exchange, "contacts.csv", "C8", "Rome");
    exchange.put("customers.csv", "");
    assert!(exchange.summary().plan.conflicts.is_empty());
    exchange.put("customers.csv", customers);
    exchange.summary();
    put_city(&exchange, "customers.csv", "18", "Rome");
    put_city(&exchange, "contacts.csv", "C1", "Rome");
    let plan = exchange.summary().plan;
    let says = plan.conflicts[0].claims.iter();
    let says: Vec<_> = says.map(|claim| claim.shows.as_deref()).collect();
    assert_eq!(says, [Some("Rome"), Some("Bari"), Some("Rome")]);
}

#[test]
fn what_returns_while_its_contact_says_nothing_is_merged_once_that_speaks() {
    let exchange = in_step(IN_PLACE);
    let contacts = exchange.text("contacts.csv");
    put_city(&exchange, "vendors.csv", "28", "Rome");
    exchange.summary();
    assert!(!exchange.text("relations.csv").contains("C1,VEND"));
    exchange.put("contacts.csv", "");
    put_city(&exchange, "vendors.csv", "20", "Oslo");
    exchange.summary();
    assert!(exchange.text("relations.csv").contains("C1,VEND"));
    exchange.put("contacts.csv", contacts);
    let conflicts = exchange.summary().plan.conflicts;
    assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
    assert_eq!(conflicts[0].field, "City");
}

#[test]
fn what_a_side_said_at_a_first_meeting_stands_while_its_export_says_nothing() {
    let exchange = Exchange::new(IN_PLACE);
    let customers = format!("{CONTACT}10,Acme,Bari,1,a@x.example,ledger\r\n");
    let relation = RELATIONS
        .split_inclusive("\r\n")
        .take(2)
        .collect::<String>();
    exchange
        .put(
            "contacts.csv",
            format!("{CONTACT}C1,Acme,Oslo,1,a@x.example,hub\r\n"),
        )
        .put("customers.csv", &customers)
        .put("relations.csv", relation);
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    exchange.put("customers.csv", "");
    let conflicts = exchange.summary().plan.conflicts;
    assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
    exchange.put("customers.csv", &customers);
    let conflicts = exchange.summary().plan.conflicts;
    let says = conflicts[0]
        .claims
        .iter()
        .map(|claim| claim.shows.as_deref());
    assert!(says.eq([Some("Oslo"), Some("Bari")]), "{conflicts:#?}");
}

#[test]
fn a_side_that_was_silent_while_others_moved_is_owed_and_competes_when_it_moved_too() {
    let exchange = in_step(IN_PLACE);
    let customers = exchange.text("customers.csv");
    std::fs::remove_file(exchange.path("customers.csv")).expect("removed");
    put_contact(&exchange, "Oslo", "1");
    let summary = exchange.summary();
    assert_eq!(summary.plan.problems[0].kind, "missing-export");
    assert_eq!(summary.plan.debts.len(), 1);
    assert!(row(&exchange, "vendors.csv").contains("Oslo"));
    // It comes back with an edit of its own in that field, made without knowing ours.
    exchange.put("customers.csv", customers.replace("Rome", "Bari"));
    let summary = exchange.summary();
    assert_eq!(summary.plan.conflicts.len(), 1);
    assert!(row(&exchange, "contacts.csv").contains("Oslo"));
    // Or as it was: it gets what it is owed.
    exchange.put("customers.csv", &customers);
    let summary = exchange.summary();
    assert!(summary.plan.conflicts.is_empty());
    assert!(row(&exchange, "customers.csv").contains("Oslo"));
}

#[test]
fn a_lacking_column_is_unknown_and_meets_for_the_first_time_when_it_appears() {
    let exchange = in_step(IN_PLACE);
    exchange.put(
        "customers.csv",
        "No.,Name,Phone No.,E-Mail,Note\r\n10,Acme,1,a@x.example,ledger\r\n",
    );
    exchange.summary();
    assert!(row(&exchange, "contacts.csv").contains("Rome"));
    put_customer(&exchange, "", "1");
    exchange.summary();
    assert_eq!(
        row(&exchange, "customers.csv"),
        "10,Acme,Rome,1,a@x.example,ledger"
    );
    assert!(row(&exchange, "contacts.csv").contains("Rome"));
}

#[test]
fn what_is_agreed_outlasts_the_column_of_the_contact_that_said_it() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "");
    let config = through_a_folder(&config, "vendors.csv", "");
    let exchange = in_step(&config);
    put_contact(&exchange, "Oslo", "1");
    exchange.summary();
    // The vendor's system has imported the new city, the customer's has not, and contacts do not show theirs any more.
    let vendor = |note: &str| {
        exchange.put(
            "vendors.csv",
            format!("{CONTACT}20,Acme,Oslo,1,a@x.example,{note}\r\n"),
        );
    };
    exchange.put(
        "contacts.csv",
        "No.,Name,Phone No.,E-Mail,Note\r\nC1,Acme,1,a@x.example,hub\r\n",
    );
    for note in ["purchasing", "later", "later still"] {
        vendor(note);
        let plan = exchange.summary().plan;
        assert!(plan.changes.is_empty(), "{plan:#?}");
    }
    assert_eq!(
        row(&exchange, "banks.csv"),
        "B1,Acme,Oslo,1,a@x.example,treasury"
    );
    put_customer(&exchange, "Oslo", "1");
    assert!(exchange.summary().plan.changes.is_empty());
    assert!(store(&exchange).in_flight().expect("counted").is_empty());
}

#[test]
fn what_is_agreed_outlasts_the_counterpart_that_said_it() {
    let config = through_a_folder(IN_PLACE, "vendors.csv", "");
    let exchange = in_step(&config);
    exchange.put(
        "contacts.csv",
        "No.,Name,Phone No.,E-Mail,Note\r\nC1,Acme,1,a@x.example,hub\r\n",
    );
    put_city(&exchange, "customers.csv", "10", "Oslo");
    exchange.summary();
    assert!(row(&exchange, "banks.csv").contains("Oslo"));
    // The vendor's system has not imported the new city by the time the customer is gone.
    put_city(&exchange, "customers.csv", "18", "Oslo");
    let plan = exchange.summary().plan;
    assert!(plan.changes.is_empty(), "{:#?}", plan.changes);
    assert!(row(&exchange, "banks.csv").contains("Oslo"));
}

#[test]
fn what_is_written_for_a_side_is_agreed_although_no_column_of_it_is_left() {
    let config = IN_PLACE.replace("\"in-place\"", "\"updates\"");
    let exchange = in_step(&config);
    let cities = |contact: &str, bank: &str| {
        put_city(&exchange, "contacts.csv", "C1", contact);
        put_city(&exchange, "banks.csv", "B1", bank);
    };
    exchange
        .put("customers.csv", CONTACT)
        .put("vendors.csv", CONTACT)
        .put(
            "relations.csv",
            "Contact No.,Business Relation Code,Link to Table,No.\r\nC1,BANK,Bank Account,B1\r\n",
        );
    cities("Oslo", "Rome");
    assert_eq!(exchange.summary().plan.changes.len(), 1);
    // Both lose the column while the bank account's update is on its way, and have it again once that is imported.
    let less = "No.,Name,Phone No.,E-Mail,Note\r\n";
    exchange
        .put(
            "contacts.csv",
            format!("{less}C1,Acme,1,a@x.example,row\r\n"),
        )
        .put("banks.csv", format!("{less}B1,Acme,1,a@x.example,row\r\n"));
    exchange.summary();
    cities("Bari", "Oslo");
    let plan = exchange.summary().plan;
    assert!(plan.changes.is_empty(), "{:#?}", plan.changes);
    assert_eq!(plan.conflicts.len(), 1, "{:#?}", plan.conflicts);
    assert_eq!(plan.conflicts[0].agreed.as_deref(), Some("Oslo"));
}

#[test]
fn what_was_decided_while_a_first_meeting_had_a_silent_side_is_told_to_it_when_it_speaks() {
    let relation: String = RELATIONS.split_inclusive("\r\n").take(2).collect();
    let exchange = Exchange::new(IN_PLACE);
    put_city(&exchange, "contacts.csv", "C1", "Oslo");
    put_city(&exchange, "customers.csv", "10", "Bari");
    exchange.put("relations.csv", relation);
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let contacts = exchange.text("contacts.csv");
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--value", "Kiel"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    exchange.put("contacts.csv", "");
    for _ in 0..3 {
        let debts = exchange.summary().plan.debts;
        assert_eq!(debts.len(), 1, "{debts:#?}");
        assert!(row(&exchange, "customers.csv").contains("Kiel"));
    }
    exchange.put("contacts.csv", contacts);
    let plan = exchange.summary().plan;
    assert!(plan.conflicts.is_empty(), "{:#?}", plan.conflicts);
    assert!(row(&exchange, "contacts.csv").contains("Kiel"));
}

#[test]
fn what_was_decided_while_a_delta_was_silent_is_written_although_no_later_delta_lists_it() {
    let exchange = with_delta_customers(["Rome", "Bari", "Rome"]);
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "contact"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    exchange.put("customers.csv", "");
    assert_eq!(exchange.summary().plan.debts.len(), 1);
    put_city(&exchange, "customers.csv", "18", "Rome");
    let plan = exchange.summary().plan;
    assert!(plan.debts.is_empty(), "{:#?}", plan.debts);
    let told = plan
        .changes
        .iter()
        .map(|change| (change.no.as_str(), change.to.as_str()));
    assert!(told.eq([("10", "Rome")]), "{:#?}", plan.changes);
}

#[test]
fn what_was_decided_while_the_contacts_were_away_stays_agreed_although_the_contact_stands_twice() {
    let exchange = Exchange::new(&through_a_folder(IN_PLACE, "customers.csv", ""));
    exchange.put("relations.csv", RELATIONS);
    put_city(&exchange, "contacts.csv", "C1", "Rome");
    put_city(&exchange, "customers.csv", "10", "Bari");
    put_city(&exchange, "vendors.csv", "20", "Rome");
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let contact = "C1,Acme,Rome,1,a@x.example,row\r\n";
    let twice = format!("{CONTACT}{contact}{contact}");
    exchange.put("contacts.csv", &twice);
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "contact"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    exchange.put("contacts.csv", "");
    assert_eq!(exchange.summary().plan.changes.len(), 1);
    exchange.put("contacts.csv", twice);
    for _ in 0..3 {
        let changes = exchange.summary().plan.changes;
        assert!(changes.is_empty(), "{changes:#?}");
        assert!(row(&exchange, "vendors.csv").contains("Rome"));
    }
}

#[test]
fn what_a_record_said_in_a_conflict_stands_while_its_row_cannot_be_read() {
    // Of the first nobody knows whose it is.
    for bad in ["10;Acme;Bari;1;a@x.example;ledger", "10,Acme"] {
        let exchange = in_step(IN_PLACE);
        let put = |file: &str, row: &str| {
            exchange.put(file, format!("{CONTACT}{row}\r\n"));
        };
        put("contacts.csv", "C1,Acme,Oslo,1,a@x.example,hub");
        put("customers.csv", "10,Acme,Bari,1,a@x.example,ledger");
        assert_eq!(exchange.summary().plan.conflicts.len(), 1, "{bad}");
        put("customers.csv", bad);
        let summary = exchange.summary();
        assert_eq!(summary.plan.conflicts.len(), 1, "{bad} {summary:#?}");
        assert!(!summary.plan.writes(), "{bad} {summary:#?}");
        put("customers.csv", "10,Acme,Bari,1,a@x.example,ledger");
        let summary = exchange.summary();
        assert_eq!(summary.plan.conflicts.len(), 1, "{bad} {summary:#?}");
        assert!(!summary.plan.writes(), "{bad} {summary:#?}");
    }
}

#[test]
fn what_was_decided_while_a_row_could_not_be_read_is_told_to_its_record_once_it_can() {
    // Of the first two nobody knows whose they are.
    for bad in [
        ",Acme,Bari,1,a@x.example,row",
        "10;Acme;Bari;1;a@x.example;row",
        "10,Acme",
        "10,Acme,Bari,1,a@x.example,row\r\n10,Acme,Ulm,1,a@x.example,row",
    ] {
        for is_away in [false, true] {
            let exchange = Exchange::new(IN_PLACE);
            let relation: String = RELATIONS.split_inclusive("\r\n").take(2).collect();
            exchange.put("relations.csv", relation);
            put_city(&exchange, "contacts.csv", "C1", "Oslo");
            put_city(&exchange, "customers.csv", "10", "Bari");
            assert_eq!(exchange.summary().plan.conflicts.len(), 1, "{bad}");
            let customers = exchange.text("customers.csv");
            let spoilt = customers.replace("10,Acme,Bari,1,a@x.example,row", bad);
            exchange.put("customers.csv", spoilt);
            let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "contact"]);
            assert_eq!(ran.code, 0, "{bad}: {ran:?}");
            assert_eq!(exchange.summary().plan.debts.len(), 1, "{bad}");
            if is_away {
                exchange.put("customers.csv", "");
                assert_eq!(exchange.summary().plan.debts.len(), 1, "{bad}");
            }
            exchange.put("customers.csv", customers);
            let plan = exchange.summary().plan;
            assert!(plan.conflicts.is_empty(), "{bad}: {:#?}", plan.conflicts);
            assert!(row(&exchange, "customers.csv").contains("Oslo"), "{bad}");
        }
    }
}

/// The party, in step, whose customers leave cells empty where nothing changes; `more` is what else is said of their table.
fn with_sparse_customers(more: &str) -> Exchange {
    let sparse = format!("{more}\nempty = \"no-change\"");
    in_step(&through_a_folder(IN_PLACE, "customers.csv", &sparse))
}

#[test]
fn a_record_that_no_delta_listed_since_its_columns_are_others_is_met_anew_once_one_does() {
    let config = through_a_folder(IN_PLACE, "contacts.csv", "contents = \"delta\"");
    let exchange = Exchange::new(&config);
    put_party(&exchange, "customers.csv");
    let header = CONTACT.replace("City", "Town");
    let contact = format!("{header}C1,Acme,Rome,1,a@x.example,hub\r\n");
    exchange.put("contacts.csv", &contact);
    for (table, no) in [
        ("customers.csv", "10"),
        ("vendors.csv", "20"),
        ("banks.csv", "B1"),
    ] {
        put_city(&exchange, table, no, "Oslo");
    }
    exchange.summary();
    let columns = "[tables.contacts.columns]\n\"City\" = \"Town\"\n";
    let config = format!("{}{columns}", exchange.config());
    let exchange = exchange.configured(&config);
    exchange.put(
        "contacts.csv",
        format!("{header}C2,Beta,Bonn,2,b@x.example,hub\r\n"),
    );
    let Outcome::Halted { id, .. } = exchange.pass() else {
        panic!("columns are configured otherwise");
    };
    assert_eq!(exchange.run(&["approve", &id]).code, 0);
    assert!(exchange.summary().plan.conflicts.is_empty());
    exchange.put("contacts.csv", &contact);
    let conflicts = exchange.summary().plan.conflicts;
    let fields: Vec<&str> = conflicts.iter().map(|held| held.field.as_str()).collect();
    assert_eq!(fields, ["City"]);
}

#[test]
fn an_emptied_cell_that_means_no_change_gets_what_is_new() {
    let sparse = "\"customers.csv\"\nempty = \"no-change\"";
    let exchange = in_step(&IN_PLACE.replace("\"customers.csv\"", sparse));
    let emptied = "10,Acme,Rome,,a@x.example,ledger";
    exchange.put("customers.csv", format!("{CONTACT}{emptied}\r\n"));
    assert!(exchange.summary().plan.debts.is_empty());
    put_contact(&exchange, "Rome", "2");
    exchange.summary();
    assert_eq!(
        row(&exchange, "customers.csv"),
        emptied.replace(",,", ",2,")
    );
}

#[test]
fn a_cell_that_was_cleared_is_seen_to_be_imported_where_an_emptied_cell_means_no_change() {
    let exchange = with_sparse_customers("");
    put_contact(&exchange, "Rome", "");
    exchange.summary();
    for export in 1..=6 {
        let imported = format!("10,Acme,Rome,,a@x.example,export {export}\r\n");
        exchange.put("customers.csv", format!("{CONTACT}{imported}"));
        exchange.summary();
        assert!(store(&exchange).in_flight().expect("counted").is_empty());
    }
    put_contact(&exchange, "Rome", "2");
    let changes = exchange.summary().plan.changes;
    assert!(
        changes.iter().any(|change| change.no == "10"),
        "{changes:#?}"
    );
}

#[test]
fn a_cell_that_is_emptied_before_a_first_meeting_where_that_means_no_change_says_there_what_it_said()
 {
    let config = IN_PLACE.replace(
        "\"customers.csv\"",
        "\"customers.csv\"\nempty = \"no-change\"",
    );
    let exchange = Exchange::new(&config);
    put_party(&exchange, "customers.csv");
    exchange.put(
        "relations.csv",
        RELATIONS.replace("C1,CUST,Customer,10\r\n", ""),
    );
    put_customer(&exchange, "Kiel", "1");
    exchange.summary();
    put_customer(&exchange, "", "1");
    exchange.put("relations.csv", RELATIONS);
    let plan = exchange.summary().plan;
    assert!(plan.changes.is_empty(), "{:#?}", plan.changes);
    let says = plan.conflicts[0].claims.iter();
    let says: Vec<_> = says.map(|claim| claim.shows.as_deref()).collect();
    assert_eq!(says[..2], [Some("Rome"), Some("Kiel")]);
}

#[test]
fn an_emptied_cell_that_means_no_change_takes_nothing_back_in_a_conflict() {
    for contents in ["full", "delta"] {
        let exchange = with_sparse_customers(&format!("contents = \"{contents}\""));
        let customer = |row: &str| {
            exchange.put("customers.csv", format!("{CONTACT}{row}\r\n"));
            let plan = exchange.summary().plan;
            assert_eq!(plan.conflicts.len(), 1, "{contents}: {plan:#?}");
            let says = plan.conflicts[0].claims.iter();
            let says: Vec<_> = says.map(|claim| claim.shows.as_deref()).collect();
            assert_eq!(says[..2], [Some("Oslo"), Some("Bari")], "{contents}");
            assert!(self::row(&exchange, "vendors.csv").contains("Rome"));
        };
        put_contact(&exchange, "Oslo", "1");
        customer("10,Acme,Bari,1,a@x.example,ledger");
        customer("10,Acme,,1,a@x.example,ledger");
        if contents == "delta" {
            customer("11,Beta,Kiel,7,b@x.example,ledger");
        }
        customer("10,Acme,,1,a@x.example,another note");
    }
}

/// A delta without cities that lists somebody else.
const WITHOUT_CITIES: &str = "No.,Name,Phone No.,E-Mail,Note\r\n18,Beta,7,b@x.example,ledger\r\n";

#[test]
fn a_record_that_no_delta_lists_is_told_what_it_missed_while_its_column_was_gone() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "contents = \"delta\"");
    let exchange = in_step(&config);
    put_contact(&exchange, "Oslo", "1");
    exchange.put("customers.csv", WITHOUT_CITIES);
    let debts = exchange.summary().plan.debts;
    assert_eq!((debts.len(), debts[0].no.as_str()), (1, "10"), "{debts:#?}");
    put_city(&exchange, "customers.csv", "18", "Kiel");
    exchange.summary();
    assert_eq!(
        exchange.text("updates/customers_000003.csv"),
        "No.,Name,City,Phone No.,E-Mail\r\n10,Acme,Oslo,1,a@x.example\r\n"
    );
}

#[test]
fn what_a_record_said_in_a_conflict_outlasts_its_column_although_no_delta_lists_it() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "contents = \"delta\"");
    let exchange = in_step(&config);
    put_contact(&exchange, "Oslo", "1");
    let typed = "10,Acme,Bari,1,a@x.example,ledger\r\n";
    exchange.put("customers.csv", format!("{CONTACT}{typed}"));
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    exchange.put("customers.csv", WITHOUT_CITIES);
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    put_city(&exchange, "customers.csv", "18", "Kiel");
    put_contact(&exchange, "Oslo", "2");
    let plan = exchange.summary().plan;
    assert_eq!(plan.conflicts.len(), 1, "{plan:#?}");
    let told = plan.changes.iter().filter(|change| change.no == "10");
    let told: Vec<&str> = told.map(|change| change.column.as_str()).collect();
    assert_eq!(told, ["Phone No."]);
}

/// A pass without the table of customers.
fn pass_without_customers(exchange: &Exchange) {
    pass_of_config_without_customers(exchange, IN_PLACE);
}

fn pass_of_config_without_customers(exchange: &Exchange, config: &str) {
    let table = "[tables.customers]\nexport = \"customers.csv\"\nwrite_back = \"in-place\"\n";
    assert!(config.contains(table));
    exchange.summary_of(&format!("{SETUP}{}", config.replace(table, "")));
}

/// The contact without its city, so that its customer is the first that says what is agreed on it.
fn put_contact_without_city(exchange: &Exchange) {
    let header = CONTACT.replace("City,", "");
    let row = "C1,Acme,1,a@x.example,hub\r\n";
    exchange.put("contacts.csv", format!("{header}{row}"));
    exchange.summary();
}

#[test]
fn what_was_agreed_without_a_table_is_agreed_once_it_is_configured_again() {
    let exchange = in_step(IN_PLACE);
    put_contact_without_city(&exchange);
    put_city(&exchange, "vendors.csv", "20", "Bari");
    pass_without_customers(&exchange);
    assert!(row(&exchange, "banks.csv").contains("Bari"));
    exchange.summary();
    for file in ["customers.csv", "vendors.csv", "banks.csv"] {
        assert!(row(&exchange, file).contains("Bari"), "{file}");
    }
}

#[test]
fn what_was_agreed_with_a_table_is_agreed_once_it_is_not_configured_any_more() {
    let config = through_a_folder(IN_PLACE, "vendors.csv", "");
    let exchange = in_step(&config);
    put_contact_without_city(&exchange);
    put_city(&exchange, "customers.csv", "10", "Oslo");
    exchange.summary();
    pass_of_config_without_customers(&exchange, &config);
    put_city(&exchange, "vendors.csv", "20", "Oslo");
    pass_of_config_without_customers(&exchange, &config);
    assert!(row(&exchange, "banks.csv").contains("Oslo"));
    assert!(exchange.summary().plan.changes.is_empty());
}

#[test]
fn nothing_waits_for_a_counterpart_whose_contact_went_while_its_table_was_not_configured() {
    let exchange = in_step(&through_a_folder(IN_PLACE, "customers.csv", ""));
    put_contact(&exchange, "Oslo", "1");
    exchange.summary();
    assert_eq!(store(&exchange).in_flight().expect("counted").len(), 1);
    let other = "C2,Beta,Kiel,7,b@x.example,hub\r\n";
    exchange.put("contacts.csv", format!("{CONTACT}{other}"));
    pass_without_customers(&exchange);
    assert_eq!(exchange.text("relations.csv").lines().count(), 1);
    exchange.summary();
    assert!(store(&exchange).in_flight().expect("counted").is_empty());
}

#[test]
fn a_table_that_is_not_configured_for_a_while_is_told_what_changed() {
    let exchange = in_step(IN_PLACE);
    put_contact(&exchange, "Oslo", "1");
    pass_without_customers(&exchange);
    assert!(row(&exchange, "vendors.csv").contains("Oslo"));
    exchange.summary();
    assert!(row(&exchange, "customers.csv").contains("Oslo"));
}

#[test]
fn what_a_record_said_in_a_conflict_is_one_again_once_its_table_is_configured_again() {
    let exchange = in_step(IN_PLACE);
    put_contact(&exchange, "Oslo", "1");
    let customer = "10,Acme,Bari,1,a@x.example,ledger";
    exchange.put("customers.csv", format!("{CONTACT}{customer}\r\n"));
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    pass_without_customers(&exchange);
    for _ in 0..2 {
        assert_eq!(exchange.summary().plan.conflicts.len(), 1);
        assert_eq!(store(&exchange).conflicts().expect("conflicts").len(), 1);
    }
    assert_eq!(row(&exchange, "customers.csv"), customer);
}

#[test]
fn a_column_that_a_contact_gets_meets_what_is_agreed_although_the_table_that_said_it_is_not_configured()
 {
    let exchange = Exchange::new(IN_PLACE);
    put_party(&exchange, "customers.csv");
    for (file, no) in [
        ("contacts.csv", "C1"),
        ("vendors.csv", "20"),
        ("banks.csv", "B1"),
    ] {
        let header = CONTACT.replace("City,", "");
        exchange.put(file, format!("{header}{no},Acme,1,a@x.example,row\r\n"));
    }
    exchange.summary();
    put_contact(&exchange, "Oslo", "1");
    pass_without_customers(&exchange);
    let plan = exchange.summary().plan;
    assert!(plan.changes.is_empty(), "{:#?}", plan.changes);
    let says = plan.conflicts[0].claims.iter();
    let says: Vec<_> = says.map(|claim| claim.shows.as_deref()).collect();
    assert_eq!(says, [Some("Oslo"), Some("Rome")]);
}

#[test]
fn a_record_that_no_delta_lists_is_told_what_it_missed_while_its_table_was_not_configured() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "contents = \"delta\"");
    let exchange = in_step(&config);
    put_contact(&exchange, "Oslo", "1");
    pass_without_customers(&exchange);
    exchange.put(
        "customers.csv",
        format!("{CONTACT}11,Beta,Kiel,7,b@x.example,ledger\r\n"),
    );
    let pass = exchange.summary().pass.expect("a pass");
    assert_eq!(
        exchange.text(&format!("updates/customers_{pass:06}.csv")),
        "No.,Name,City,Phone No.,E-Mail\r\n10,Acme,Oslo,1,a@x.example\r\n"
    );
}

/// The configuration without these tables.
fn without(tables: &[&str]) -> String {
    let of_table = |part: &&str| tables.iter().any(|table| part.starts_with(table));
    let parts = IN_PLACE.split("[tables.").skip(1);
    let left = parts.filter(|part| !of_table(part));
    left.map(|part| format!("[tables.{part}")).collect()
}

#[test]
fn nobody_is_told_for_ever_of_what_is_owed_to_a_table_that_was_taken_out() {
    let exchange = in_step(IN_PLACE);
    put_contact(&exchange, "Oslo", "1");
    let exchange = exchange.configured(&format!("{SETUP}{}", without(&["customers"])));
    let plan = exchange.summary().plan;
    assert!(plan.problems.is_empty(), "{:#?}", plan.problems);
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    let status = exchange.run(&["status"]);
    assert_eq!(status.code, 0, "{status:?}");
    assert!(status.out.contains("Owed:      0 values"), "{status:?}");
    assert!(
        status.out.contains("customers.csv, not configured\n"),
        "{status:?}"
    );
    let told = exchange.run(&["explain", "customers", "10", "--field", "City"]);
    assert!(
        told.out.contains("owed: its table is not configured"),
        "{told:?}"
    );
}

#[test]
fn what_is_owed_to_a_table_that_was_taken_out_costs_no_pass_anything() {
    let exchange = in_step(IN_PLACE);
    put_contact(&exchange, "Oslo", "1");
    let exchange = exchange.configured(&format!("{SETUP}{}", without(&["customers"])));
    assert_eq!(exchange.summary().plan.debts.len(), 1);
    // Nobody looks at its party in the next pass, which finds by hashes alone that nothing has changed.
    let (base, away) = (exchange.path("state/base"), exchange.path("state/away"));
    std::fs::rename(&base, &away).expect("moved");
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    std::fs::rename(&away, &base).expect("moved");
    let contacts = exchange.text("contacts.csv");
    exchange.put("contacts.csv", format!("{contacts}C2,Beta,Kiel,,,\r\n"));
    assert!(exchange.summary().plan.debts.is_empty());
    let exchange = exchange.configured(&format!("{SETUP}{IN_PLACE}"));
    exchange.summary();
    assert!(row(&exchange, "customers.csv").contains("Oslo"));
}

#[test]
fn a_conflict_among_the_others_does_not_wait_for_a_table_that_is_not_configured() {
    let exchange = in_step(IN_PLACE);
    put_contact(&exchange, "Oslo", "1");
    put_city(&exchange, "vendors.csv", "20", "Kiel");
    let whole = exchange.config().to_owned();
    let exchange = exchange.configured(&format!("{SETUP}{}", without(&["customers"])));
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "vendor"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(exchange.summary().plan.conflicts.is_empty());
    assert!(row(&exchange, "banks.csv").contains("Kiel"));
    exchange.summary_of(&whole);
    assert!(row(&exchange, "customers.csv").contains("Kiel"));
}

#[test]
fn what_a_record_said_in_a_conflict_stands_while_its_table_is_not_configured() {
    let exchange = in_step(IN_PLACE);
    put_contact(&exchange, "Oslo", "1");
    put_city(&exchange, "customers.csv", "10", "Bari");
    exchange.summary();
    pass_without_customers(&exchange);
    put_contact(&exchange, "Oslo", "2");
    let config = format!("{SETUP}{}", without(&["customers"]));
    let plan = exchange.summary_of(&config).plan;
    let says = plan.conflicts[0].claims.iter();
    let says: Vec<_> = says.map(|claim| claim.shows.as_deref()).collect();
    assert_eq!(
        says,
        [Some("Oslo"), Some("Bari"), Some("Rome"), Some("Rome")]
    );
    let exchange = exchange.configured(&config);
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "customer"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    exchange.summary();
    assert!(row(&exchange, "contacts.csv").contains("Bari"));
}

#[test]
fn a_relation_of_a_record_whose_table_is_not_configured_is_no_problem_and_couples_on() {
    let exchange = in_step(IN_PLACE);
    exchange.put("relations.csv", RELATIONS.replace("Customer", "customer"));
    put_contact(&exchange, "Oslo", "1");
    let config = format!("{SETUP}{}", without(&["customers"]));
    let summary = exchange.summary_of(&config);
    assert_eq!(summary.couplings, 3);
    assert!(summary.plan.problems.is_empty(), "{summary:#?}");
    exchange.summary();
    assert!(row(&exchange, "customers.csv").contains("Oslo"));
}

#[test]
fn counterparts_that_are_all_taken_out_with_their_relations_are_told_what_changed() {
    let exchange = in_step(IN_PLACE);
    put_contact(&exchange, "Oslo", "1");
    let others = ["customers", "vendors", "bank_accounts", "relations"];
    exchange.summary_of(&format!("{SETUP}{}", without(&others)));
    put_city(&exchange, "vendors.csv", "20", "Rome");
    exchange.summary();
    for file in ["customers.csv", "vendors.csv", "banks.csv"] {
        assert!(row(&exchange, file).contains("Oslo"), "{file}");
    }
}

#[test]
fn a_kind_couples_no_more_once_its_code_and_the_relations_are_taken_out() {
    let exchange = in_step(IN_PLACE);
    put_contact(&exchange, "Oslo", "1");
    let tables = without(&["vendors", "bank_accounts", "relations"]);
    let summary = exchange.summary_of(&format!("state = \"state\"\n{tables}"));
    assert_eq!(summary.couplings, 0);
    assert!(row(&exchange, "customers.csv").contains("Rome"));
}

#[test]
fn who_were_coupled_before_their_code_and_the_relations_were_taken_out_meet_anew_once_these_are_back()
 {
    let exchange = in_step(IN_PLACE);
    let tables = without(&["vendors", "bank_accounts", "relations"]);
    put_contact(&exchange, "Oslo", "1");
    put_customer(&exchange, "Bonn", "1");
    exchange.summary_of(&format!("state = \"state\"\n{tables}"));
    let plan = exchange.summary().plan;
    assert_eq!(plan.conflicts.len(), 1, "{plan:#?}");
    assert!(row(&exchange, "contacts.csv").contains("Oslo"));
    assert!(row(&exchange, "customers.csv").contains("Bonn"));
}

#[test]
fn who_goes_is_no_primary_contact_any_more_once_the_table_that_names_it_is_configured_again() {
    let exchange = in_step(IN_PLACE);
    let ledger = |cells: &str| {
        let header = "No.,Name,City,Phone No.,E-Mail,Primary Contact No.,Contact\r\n";
        format!("{header}10,Acme,Rome,1,a@x.example,{cells}\r\n")
    };
    let contacts = exchange.text("contacts.csv");
    let person = "C7,Ann,,,,\r\n";
    exchange.put("contacts.csv", format!("{contacts}{person}"));
    exchange.put("customers.csv", ledger("C7,Ann"));
    exchange.summary();
    exchange.put("contacts.csv", contacts);
    pass_without_customers(&exchange);
    exchange.summary();
    assert_eq!(exchange.text("customers.csv"), ledger(","));
}

#[test]
fn what_is_due_to_a_record_that_no_delta_lists_waits_while_the_file_cannot_hold_what_it_says() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "contents = \"delta\"");
    let exchange = in_step(&config);
    let put = |file: &str, row: &str| exchange.put(file, format!("{CONTACT}{row}\r\n"));
    put(
        "contacts.csv",
        "C1,Acme,\u{141}\u{f3}d\u{17a},1,a@x.example,hub",
    );
    put(
        "customers.csv",
        "10,Acme,\u{141}\u{f3}d\u{17a},1,a@x.example,ledger",
    );
    exchange.summary();
    // Nothing in the next delta proves how letters beyond ASCII are spelled in it.
    put("customers.csv", "30,Other,Bonn,3,,ledger");
    put(
        "contacts.csv",
        "C1,Acme,\u{141}\u{f3}d\u{17a},2,a@x.example,hub",
    );
    let plan = exchange.summary().plan;
    let of_customers = |table: &str| table == "customers";
    assert!(
        !plan
            .changes
            .iter()
            .any(|change| of_customers(&change.table))
    );
    let debts = plan.debts.iter().filter(|debt| of_customers(&debt.table));
    let columns: Vec<&str> = debts.map(|debt| debt.column.as_str()).collect();
    assert_eq!(columns, ["Phone No."]);
    put("customers.csv", "30,Other,K\u{f6}ln,3,,ledger");
    let pass = exchange.summary().pass.expect("a pass");
    assert_eq!(
        exchange.text(&format!("updates/customers_{pass:06}.csv")),
        "No.,Name,City,Phone No.,E-Mail\r\n10,Acme,\u{141}\u{f3}d\u{17a},2,a@x.example\r\n"
    );
}
