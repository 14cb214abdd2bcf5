//! Values on their way: update files that systems import late, twice, in part, or never.

mod support;

#[path = "support/party.rs"]
mod party;

use party::{
    CONTACT, IN_PLACE, RELATIONS, in_step, put_city, put_contact, put_customer, put_party, row,
    store, through_a_folder,
};
use support::{Exchange, SETUP};

#[test]
fn an_update_never_carries_a_value_over_what_somebody_typed_there_and_waits_for_a_person() {
    for contents in ["full", "delta"] {
        let contents = format!("contents = \"{contents}\"");
        let config = through_a_folder(IN_PLACE, "customers.csv", &contents);
        let exchange = in_step(&config);
        put_contact(&exchange, "Oslo", "1");
        exchange.summary();
        // Somebody there types another city before the update is imported: now a person has to decide.
        put_customer(&exchange, "Bari", "1");
        assert_eq!(exchange.summary().plan.conflicts.len(), 1);
        put_contact(&exchange, "Oslo", "2");
        exchange.summary();
        assert_eq!(
            exchange.text("updates/customers_000004.csv"),
            "No.,Name,City,Phone No.,E-Mail\r\n10,Acme,Bari,2,a@x.example\r\n",
            "{contents}: the new phone number, and the city as the customer has it"
        );
    }
}

#[test]
fn an_import_that_brings_back_what_an_update_carried_along_is_held() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "");
    let exchange = in_step(&config);
    // The customer's system gets an update with the new phone number and, beside it, the city that it showed.
    let contact = "C1,Acme,Rome,2,a@x.example,hub";
    exchange.put("contacts.csv", format!("{CONTACT}{contact}\r\n"));
    exchange.summary();
    assert_eq!(
        exchange.text("updates/customers_000002.csv"),
        "No.,Name,City,Phone No.,E-Mail\r\n10,Acme,Rome,2,a@x.example\r\n"
    );
    // It has a new city by the time it imports that update.
    put_customer(&exchange, "Bari", "1");
    exchange.summary();
    put_customer(&exchange, "Rome", "2");
    let conflicts = exchange.summary().plan.conflicts;
    assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
    assert_eq!(conflicts[0].field, "City");
    assert_eq!(
        conflicts[0].why,
        "customer 10 shows again what an update brought or carried there before: it was imported late, or somebody typed it"
    );
    assert_eq!(
        row(&exchange, "contacts.csv"),
        "C1,Acme,Bari,2,a@x.example,hub"
    );
    // It does not become news by standing there for long.
    for export in 1..=5 {
        let text = format!("{CONTACT}10,Acme,Rome,2,a@x.example,export {export}\r\n");
        exchange.put("customers.csv", text);
        assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    }
    assert!(row(&exchange, "contacts.csv").contains("Bari"));
}

#[test]
fn an_update_that_nobody_has_seen_imported_is_no_news_however_late_it_is() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "");
    let exchange = in_step(&config);
    put_city(&exchange, "contacts.csv", "C1", "Oslo");
    exchange.summary();
    // Its system gets the update and has a city of its own before it imports that.
    let customer = |city: &str, note: &str| {
        let text = format!("{CONTACT}10,Acme,{city},1,a@x.example,{note}\r\n");
        exchange.put("customers.csv", text);
    };
    customer("Bari", "typed");
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "customer"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for export in 1..=6 {
        customer("Bari", &format!("export {export}"));
        exchange.summary();
        assert!(row(&exchange, "contacts.csv").contains("Bari"));
    }
    customer("Oslo", "imported at last");
    let plan = exchange.summary().plan;
    assert!(plan.changes.is_empty(), "{:#?}", plan.changes);
    assert_eq!(plan.conflicts.len(), 1, "{:#?}", plan.conflicts);
}

#[test]
fn an_old_update_that_is_imported_again_waits_for_a_person_whatever_the_policy() {
    for policy in [
        r#""counterpart""#,
        r#"["customer", "vendor"]"#,
        r#""newest""#,
    ] {
        let config = through_a_folder(IN_PLACE, "customers.csv", "");
        let exchange = in_step(&format!("{config}[merge]\non_conflict = {policy}\n"));
        let customer = |city: &str, note: &str| {
            let text = format!("{CONTACT}10,Acme,{city},1,a@x.example,{note}\r\n");
            exchange.put("customers.csv", text);
            exchange.summary().plan
        };
        for city in ["Oslo", "Bari"] {
            put_city(&exchange, "contacts.csv", "C1", city);
            exchange.summary();
            customer(city, "imported");
        }
        for export in 1..=6 {
            let plan = customer("Oslo", &format!("imported again {export}"));
            assert_eq!(plan.conflicts.len(), 1, "{policy}: {:#?}", plan.changes);
        }
        assert!(row(&exchange, "contacts.csv").contains("Bari"), "{policy}");
        // What somebody typed since is more than that.
        put_city(&exchange, "vendors.csv", "20", "Bonn");
        let plan = exchange.summary().plan;
        let is_held = policy == r#""newest""#;
        assert_eq!(plan.conflicts.len(), usize::from(is_held), "{policy}");
        assert!(is_held || row(&exchange, "contacts.csv").contains("Bonn"));
    }
}

#[test]
fn what_an_update_carries_of_a_conflict_is_somebodys_word_for_as_long_as_the_record_says_so() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "");
    let config = through_a_folder(&config, "vendors.csv", "");
    let exchange = in_step(&format!("{config}[merge]\non_conflict = \"counterpart\"\n"));
    let says = |file: &str, no: &str, city: &str, phone: &str| {
        let text = format!("{CONTACT}{no},Acme,{city},{phone},a@x.example,row\r\n");
        exchange.put(file, text);
    };
    says("customers.csv", "10", "Oslo", "2");
    says("vendors.csv", "20", "Bari", "1");
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let update = exchange.text("updates/vendors_000002.csv");
    assert!(update.contains("20,Acme,Bari,2,"), "{update}");
    let plan = exchange.summary().plan;
    assert_eq!((plan.conflicts.len(), plan.changes.len()), (1, 0));
    // They type another one, and then import the update: that is a word no more.
    says("vendors.csv", "20", "Bonn", "1");
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    says("vendors.csv", "20", "Bari", "2");
    assert!(exchange.summary().plan.conflicts.is_empty());
    assert!(row(&exchange, "contacts.csv").contains("Oslo"));
}

#[test]
fn what_an_update_carries_of_a_conflict_stays_a_word_when_its_cell_is_emptied_where_that_means_no_change()
 {
    let config = through_a_folder(IN_PLACE, "customers.csv", "empty = \"no-change\"");
    let exchange = in_step(&format!("{config}[merge]\non_conflict = \"counterpart\"\n"));
    put_customer(&exchange, "Oslo", "1");
    put_city(&exchange, "vendors.csv", "20", "Bari");
    put_contact(&exchange, "Rome", "2");
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let update = exchange.text("updates/customers_000002.csv");
    assert!(update.contains("10,Acme,Oslo,2,"), "{update}");
    put_customer(&exchange, "", "1");
    for _ in 0..3 {
        let plan = exchange.summary().plan;
        assert_eq!((plan.conflicts.len(), plan.changes.len()), (1, 0));
    }
}

#[test]
fn what_was_written_into_a_folder_is_in_flight_until_it_is_shown() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "");
    let exchange = in_step(&config);
    put_contact(&exchange, "Oslo", "1");
    exchange.summary();
    assert_eq!(
        exchange.text("updates/customers_000002.csv"),
        "No.,Name,City,Phone No.,E-Mail\r\n10,Acme,Oslo,1,a@x.example\r\n"
    );
    // Not imported yet: no change back, and nothing written twice.
    exchange.put(
        "customers.csv",
        format!("{CONTACT}10,Acme,Rome,1,a@x.example,changed\r\n"),
    );
    assert!(exchange.summary().files.is_empty());
    assert_eq!(
        row(&exchange, "contacts.csv"),
        "C1,Acme,Oslo,1,a@x.example,hub"
    );
    // Somebody there typed something else, not knowing ours: a conflict between the two.
    exchange.put(
        "customers.csv",
        format!("{CONTACT}10,Acme,Bari,1,a@x.example,changed\r\n"),
    );
    let summary = exchange.summary();
    assert_eq!(summary.plan.conflicts.len(), 1);
    assert_eq!(
        row(&exchange, "contacts.csv"),
        "C1,Acme,Oslo,1,a@x.example,hub"
    );
    // It imports after all.
    exchange.put(
        "customers.csv",
        format!("{CONTACT}10,Acme,Oslo,1,a@x.example,changed\r\n"),
    );
    assert!(exchange.summary().plan.conflicts.is_empty());
    assert!(store(&exchange).in_flight().expect("counted").is_empty());
}

const OTHER_CONTACT: &str = "C2,Beta,Kiel,7,b@x.example,hub\r\n";

/// The contact, with this city and phone number, beside another one.
fn put_two_contacts(exchange: &Exchange, city: &str, phone: &str) {
    let row = format!("C1,Acme,{city},{phone},a@x.example,hub\r\n");
    exchange.put("contacts.csv", format!("{CONTACT}{row}{OTHER_CONTACT}"));
}

/// The other one alone: the contact is gone.
fn put_other_contact(exchange: &Exchange) {
    exchange.put("contacts.csv", format!("{CONTACT}{OTHER_CONTACT}"));
}

#[test]
fn nothing_waits_for_a_counterpart_whose_contact_is_gone_and_its_late_import_is_no_news() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "");
    let exchange = in_step(&config);
    let customer = |city: &str, phone: &str| {
        put_customer(&exchange, city, phone);
        exchange.summary()
    };
    // The update with the new phone number carries the city as well.
    put_two_contacts(&exchange, "Rome", "2");
    exchange.summary();
    assert!(!store(&exchange).in_flight().expect("counted").is_empty());
    put_other_contact(&exchange);
    exchange.summary();
    assert!(store(&exchange).in_flight().expect("counted").is_empty());
    // The contact comes back, and the customer gets a new city before its system imports that update.
    put_two_contacts(&exchange, "Rome", "2");
    exchange.summary();
    customer("Bari", "1");
    assert_eq!(
        row(&exchange, "contacts.csv"),
        "C1,Acme,Bari,2,a@x.example,hub"
    );
    let conflicts = customer("Rome", "2").plan.conflicts;
    assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
    assert_eq!(conflicts[0].field, "City");
    assert_eq!(
        row(&exchange, "contacts.csv"),
        "C1,Acme,Bari,2,a@x.example,hub"
    );
}

#[test]
fn an_update_that_nobody_has_seen_imported_is_no_news_although_its_party_ended_long_ago() {
    let exchange = in_step(&through_a_folder(IN_PLACE, "customers.csv", ""));
    let customer = |city: &str, note: &str| {
        let text = format!("{CONTACT}10,Acme,{city},1,a@x.example,{note}\r\n");
        exchange.put("customers.csv", text);
    };
    put_two_contacts(&exchange, "Oslo", "1");
    exchange.summary();
    put_other_contact(&exchange);
    for export in 1..=5 {
        customer("Rome", &format!("export {export}"));
        exchange.summary();
    }
    // The contact comes back, and all sides say the same.
    customer("Bari", "typed");
    for (file, no) in [("vendors.csv", "20"), ("banks.csv", "B1")] {
        let text = format!("{CONTACT}{no},Acme,Bari,1,a@x.example,typed\r\n");
        exchange.put(file, text);
    }
    put_two_contacts(&exchange, "Bari", "1");
    assert_eq!(exchange.summary().couplings, 3);
    customer("Oslo", "imported at last");
    let plan = exchange.summary().plan;
    assert!(plan.changes.is_empty(), "{:#?}", plan.changes);
    assert_eq!(plan.conflicts.len(), 1, "{:#?}", plan.conflicts);
    assert_eq!(
        row(&exchange, "contacts.csv"),
        "C1,Acme,Bari,1,a@x.example,hub"
    );
}

/// A contact, for which updates go into a folder, and its customer, in step.
fn couple() -> Exchange {
    let exchange = Exchange::new(&through_a_folder(IN_PLACE, "contacts.csv", ""));
    put_party(&exchange, "customers.csv");
    let coupled: String = RELATIONS.split_inclusive("\r\n").take(2).collect();
    exchange.put("relations.csv", coupled);
    put_two_contacts(&exchange, "Rome", "1");
    exchange.summary();
    exchange
}

#[test]
fn what_an_update_carried_along_is_no_news_when_it_is_imported_into_a_contact_that_came_back() {
    let exchange = couple();
    // The update with the new phone number carries the city as well.
    put_customer(&exchange, "Rome", "2");
    exchange.summary();
    put_other_contact(&exchange);
    put_customer(&exchange, "", "");
    exchange.summary();
    put_two_contacts(&exchange, "Bari", "1");
    exchange.summary();
    let met = "10,Acme,Bari,1,a@x.example,ledger";
    assert_eq!(row(&exchange, "customers.csv"), met);
    put_two_contacts(&exchange, "Rome", "2");
    let conflicts = exchange.summary().plan.conflicts;
    let fields: Vec<&str> = conflicts.iter().map(|held| held.field.as_str()).collect();
    assert_eq!(fields, ["City", "Phone No."]);
    assert_eq!(row(&exchange, "customers.csv"), met);
}

#[test]
fn what_an_update_carried_along_is_no_news_when_it_is_imported_after_its_counterpart_came_back() {
    let exchange = couple();
    // The update with the new phone number carries the city as well.
    put_customer(&exchange, "Rome", "2");
    exchange.summary();
    let customer = exchange.text("customers.csv");
    let other = "11,Beta,Bonn,3,b@x.example,ledger";
    exchange.put("customers.csv", format!("{CONTACT}{other}\r\n"));
    exchange.summary();
    let customer = customer.replace(",Rome,2,", ",,,");
    exchange.put("customers.csv", format!("{customer}{other}\r\n"));
    put_two_contacts(&exchange, "Bari", "1");
    exchange.summary();
    let met = "10,Acme,Bari,1,a@x.example,ledger";
    assert_eq!(row(&exchange, "customers.csv"), met);
    put_two_contacts(&exchange, "Rome", "2");
    let conflicts = exchange.summary().plan.conflicts;
    let fields: Vec<&str> = conflicts.iter().map(|held| held.field.as_str()).collect();
    assert_eq!(fields, ["City", "Phone No."]);
    assert_eq!(row(&exchange, "customers.csv"), met);
}

#[test]
fn what_an_update_carried_of_a_conflict_is_no_news_after_its_party_ended() {
    let exchange = couple();
    put_two_contacts(&exchange, "Bari", "1");
    put_customer(&exchange, "Kiel", "2");
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let update = exchange.text("updates/contacts_000002.csv");
    assert!(update.contains("C1,Acme,Bari,2,"), "{update}");
    put_other_contact(&exchange);
    exchange.summary();
    put_customer(&exchange, "", "");
    exchange.summary();
    put_two_contacts(&exchange, "Oslo", "1");
    exchange.summary();
    let met = "10,Acme,Oslo,1,a@x.example,ledger";
    assert_eq!(row(&exchange, "customers.csv"), met);
    put_two_contacts(&exchange, "Bari", "2");
    let conflicts = exchange.summary().plan.conflicts;
    let fields: Vec<&str> = conflicts.iter().map(|held| held.field.as_str()).collect();
    assert_eq!(fields, ["City", "Phone No."]);
    assert_eq!(row(&exchange, "customers.csv"), met);
}

#[test]
fn what_an_update_carried_along_is_no_news_when_its_column_was_gone_and_came_back() {
    let config = through_a_folder(IN_PLACE, "contacts.csv", "");
    let exchange = in_step(&config);
    // The update with the new phone number carries the city as well.
    put_customer(&exchange, "Rome", "2");
    exchange.summary();
    let without_city = "No.,Name,Phone No.,E-Mail,Note\r\nC1,Acme,1,a@x.example,hub\r\n";
    exchange.put("contacts.csv", without_city);
    put_customer(&exchange, "", "2");
    exchange.summary();
    put_city(&exchange, "contacts.csv", "C1", "Bari");
    exchange.summary();
    let met = "10,Acme,Bari,2,a@x.example,ledger";
    assert_eq!(row(&exchange, "customers.csv"), met);
    let imported = format!("{CONTACT}C1,Acme,Rome,2,a@x.example,hub\r\n");
    exchange.put("contacts.csv", imported);
    let conflicts = exchange.summary().plan.conflicts;
    let fields: Vec<&str> = conflicts.iter().map(|held| held.field.as_str()).collect();
    assert_eq!(fields, ["City"]);
    assert_eq!(row(&exchange, "customers.csv"), met);
}

/// A customer has a new city in flight, and a person is to decide, since its system does not import that.
fn never_imported() -> Exchange {
    let config = through_a_folder(IN_PLACE, "customers.csv", "");
    let exchange = in_step(&config);
    put_contact(&exchange, "Oslo", "1");
    exchange.summary();
    for export in 1..=4 {
        exchange.put(
            "customers.csv",
            format!("{CONTACT}10,Acme,Rome,1,a@x.example,export {export}\r\n"),
        );
        let summary = exchange.summary();
        let late: Vec<&str> = summary
            .plan
            .problems
            .iter()
            .map(|problem| problem.kind.as_str())
            .collect();
        assert_eq!(late.is_empty(), export <= 3, "export {export}: {late:?}");
    }
    exchange
}

#[test]
fn a_system_that_never_imports_becomes_a_problem_that_a_person_decides() {
    let exchange = never_imported();
    let held = store(&exchange).conflicts().expect("conflicts");
    assert_eq!(held[0].conflict.field, "City");
    // Send again.
    store(&exchange)
        .decide(&held[0], "Oslo", "now")
        .expect("decided");
    let again = exchange.summary();
    assert_eq!(again.files.len(), 1);
    assert!(again.plan.problems.is_empty() && again.plan.conflicts.is_empty());
}

#[test]
fn a_decision_for_what_a_side_still_shows_takes_back_what_is_on_its_way() {
    let exchange = never_imported();
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "customer"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let pass = exchange.summary().pass.expect("a pass");
    let update = exchange.text(&format!("updates/customers_{pass:06}.csv"));
    assert!(update.contains("10,Acme,Rome,1"), "{update}");
    // Its system comes round to importing both, the older one first, and exports afterwards.
    put_customer(&exchange, "Rome", "1");
    let summary = exchange.summary();
    assert!(summary.plan.conflicts.is_empty(), "{summary:#?}");
    assert!(row(&exchange, "contacts.csv").contains("Rome"));
}

#[test]
fn a_side_whose_column_was_gone_is_not_called_new_when_it_shows_another_value() {
    let exchange = in_step(IN_PLACE);
    let without = "No.,Name,Phone No.,E-Mail,Note\r\n10,Acme,1,a@x.example,ledger\r\n";
    exchange.put("customers.csv", without);
    exchange.summary();
    put_customer(&exchange, "Bari", "1");
    let conflicts = exchange.summary().plan.conflicts;
    let whys: Vec<&str> = conflicts
        .iter()
        .map(|conflict| conflict.why.as_str())
        .collect();
    assert_eq!(
        whys,
        ["customer 10 did not show City until now, and has another one"]
    );
}

#[test]
fn a_delta_that_does_not_list_a_record_does_not_make_its_value_overdue() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "contents = \"delta\"");
    let exchange = in_step(&config);
    put_city(&exchange, "contacts.csv", "C1", "Oslo");
    exchange.summary();
    for export in 1..=6 {
        let other = format!("18,Beta,Kiel,7,b@x.example,export {export}\r\n");
        exchange.put("customers.csv", format!("{CONTACT}{other}"));
        let problems = exchange.summary().plan.problems;
        assert!(problems.is_empty(), "export {export}: {problems:#?}");
    }
    let listed = "10,Acme,Rome,1,a@x.example,ledger\r\n";
    exchange.put("customers.csv", format!("{CONTACT}{listed}"));
    let problems = exchange.summary().plan.problems;
    assert_eq!(problems[0].kind, "not-imported", "{problems:#?}");
}

#[test]
fn what_is_in_flight_is_written_once_its_table_is_edited_in_place() {
    let exchange = in_step(&through_a_folder(IN_PLACE, "customers.csv", ""));
    put_city(&exchange, "contacts.csv", "C1", "Oslo");
    exchange.summary();
    let in_place = format!("{SETUP}{IN_PLACE}");
    exchange.summary_of(&in_place);
    assert!(row(&exchange, "customers.csv").contains("Oslo"));
    exchange.summary_of(&in_place);
    assert!(store(&exchange).in_flight().expect("counted").is_empty());
}

#[test]
fn what_an_update_carried_is_no_news_when_it_is_imported_after_its_table_was_edited_in_place() {
    let exchange = in_step(&through_a_folder(IN_PLACE, "customers.csv", ""));
    put_city(&exchange, "contacts.csv", "C1", "Oslo");
    exchange.summary();
    let typed = "10,Acme,Rome,2,a@x.example,ledger";
    exchange.put("customers.csv", format!("{CONTACT}{typed}\r\n"));
    exchange.summary_of(&format!("{SETUP}{IN_PLACE}"));
    assert!(row(&exchange, "contacts.csv").contains("Oslo,2"));
    // Only now it imports the update, which carried the phone number of its time.
    let imported = typed.replace("Rome,2", "Oslo,1");
    exchange.put("customers.csv", format!("{CONTACT}{imported}\r\n"));
    let plan = exchange.summary().plan;
    assert_eq!(plan.conflicts.len(), 1, "{plan:#?}");
    assert!(row(&exchange, "contacts.csv").contains("Oslo,2"));
}

/// Customers are edited in place for a while, and get updates again; only then their system imports one of before, which brings
/// back a city. That is nobody's news.
fn expect_no_news_after_edits_in_place(exchange: &Exchange, city: &str, carried: &str) {
    let in_place = format!("{SETUP}{IN_PLACE}");
    exchange.summary_of(&in_place);
    // Of what was written there the next pass knows that it arrived.
    exchange.summary_of(&in_place);
    for file in ["contacts.csv", "customers.csv"] {
        assert!(row(exchange, file).contains(&format!("{city},2")), "{file}");
    }
    put_customer(exchange, carried, "2");
    let plan = exchange.summary().plan;
    assert_eq!(plan.conflicts.len(), 1, "{plan:#?}");
    assert!(row(exchange, "contacts.csv").contains(&format!("{city},2")));
}

#[test]
fn what_an_update_carried_is_no_news_although_another_value_was_in_flight_when_its_table_was_edited_in_place()
 {
    let exchange = in_step(&through_a_folder(IN_PLACE, "customers.csv", ""));
    put_contact(&exchange, "Rome", "2");
    exchange.summary();
    put_contact(&exchange, "Oslo", "2");
    exchange.summary();
    expect_no_news_after_edits_in_place(&exchange, "Oslo", "Rome");
}

#[test]
fn what_an_update_carried_is_no_news_although_earlier_updates_changed_that_cell_before_its_table_was_edited_in_place()
 {
    let exchange = in_step(&through_a_folder(IN_PLACE, "customers.csv", ""));
    put_contact(&exchange, "Oslo", "1");
    exchange.summary();
    put_customer(&exchange, "Oslo", "1");
    exchange.summary();
    // What somebody types and what the next update carries along is read in one pass.
    put_customer(&exchange, "Bari", "1");
    put_contact(&exchange, "Oslo", "2");
    exchange.summary();
    put_customer(&exchange, "Ulm", "1");
    expect_no_news_after_edits_in_place(&exchange, "Ulm", "Bari");
}

#[test]
fn what_an_update_carried_of_a_conflict_is_no_news_once_it_was_decided_while_its_table_was_edited_in_place()
 {
    let exchange = in_step(&through_a_folder(IN_PLACE, "customers.csv", ""));
    put_customer(&exchange, "Bari", "1");
    put_contact(&exchange, "Oslo", "2");
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "contact"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    expect_no_news_after_edits_in_place(&exchange, "Oslo", "Bari");
}

#[test]
fn update_files_of_a_lost_state_are_not_overwritten_and_do_not_stop_a_pass() {
    let config = IN_PLACE.replace("\"in-place\"", "\"updates\"");
    let exchange = in_step(&config);
    put_contact(&exchange, "Oslo", "1");
    exchange.summary();
    let before = exchange.bytes("updates/customers_000002.csv");
    std::fs::remove_dir_all(exchange.path("state")).expect("removed");
    put_contact(&exchange, "Rome", "");
    assert_eq!(exchange.summary().pass, Some(3));
    assert_eq!(exchange.bytes("updates/customers_000002.csv"), before);
    assert!(
        exchange
            .text("updates/contacts_000003.csv")
            .contains("C1,Acme,Rome,1,")
    );
}

#[test]
fn a_whole_table_is_written_for_systems_that_import_whole_tables() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "update = \"full\"");
    let config = through_a_folder(&config, "vendors.csv", "update = \"records\"");
    let exchange = in_step(&config);
    let more = "11,Else,\"Bern\",,,x\r\n";
    exchange.put(
        "customers.csv",
        format!("{CONTACT}10,Acme,Rome,1,a@x.example,ledger\r\n{more}"),
    );
    put_contact(&exchange, "Oslo", "1");
    exchange.summary();
    assert_eq!(
        exchange.text("updates/customers_000002.csv"),
        format!("{CONTACT}10,Acme,Oslo,1,a@x.example,ledger\r\n{more}")
    );
    assert_eq!(
        exchange.text("updates/vendors_000002.csv"),
        format!("{CONTACT}20,Acme,Oslo,1,a@x.example,purchasing\r\n")
    );
}

const WHOLE_CUSTOMERS: &str = r#"
[tables.contacts]
export = "contacts.csv"
write_back = "in-place"
[tables.customers]
export = "customers.csv"
write_back = "updates"
update = "full"
[tables.relations]
export = "relations.csv"
write_back = "in-place"
"#;

/// Two customers whose system imports whole tables, and an update for each of them, one after the other; the two updates.
fn two_whole_tables() -> (Exchange, [String; 2]) {
    let exchange = Exchange::new(WHOLE_CUSTOMERS);
    let contacts = |one: &str, two: &str| {
        let rows =
            format!("C1,Acme,{one},1,a@x.example,hub\r\nC2,Beta,{two},1,b@x.example,hub\r\n");
        exchange.put("contacts.csv", format!("{CONTACT}{rows}"));
        exchange.summary();
    };
    let rows = "10,Acme,Rome,1,a@x.example,ledger\r\n11,Beta,Kiel,1,b@x.example,ledger\r\n";
    exchange.put("customers.csv", format!("{CONTACT}{rows}"));
    let relations = "Contact No.,Business Relation Code,Link to Table,No.\r\nC1,CUST,Customer,10\r\nC2,CUST,Customer,11\r\n";
    exchange.put("relations.csv", relations);
    contacts("Rome", "Kiel");
    contacts("Oslo", "Kiel");
    contacts("Oslo", "Bonn");
    let updates = [
        "updates/customers_000002.csv",
        "updates/customers_000003.csv",
    ]
    .map(|file| exchange.text(file));
    (exchange, updates)
}

#[test]
fn a_whole_table_carries_what_is_in_flight_towards_its_other_records() {
    let (exchange, [first, second]) = two_whole_tables();
    assert_eq!(second, first.replace("Kiel", "Bonn"));
    // Its system imports both in their order before it exports again.
    exchange.put("customers.csv", &second);
    exchange.summary();
    let waiting = store(&exchange).in_flight().expect("counted");
    assert!(waiting.is_empty(), "{waiting:?}");
    assert!(exchange.text("contacts.csv").contains("C1,Acme,Oslo"));
}

#[test]
fn a_whole_table_that_is_imported_some_exports_after_the_last_reverts_nothing() {
    let (exchange, [first, second]) = two_whole_tables();
    for export in 1..=5 {
        let text = first.replace("ledger", &format!("export {export}"));
        exchange.put("customers.csv", text);
        exchange.summary();
    }
    exchange.put("customers.csv", &second);
    let plan = exchange.summary().plan;
    assert!(!plan.writes() && plan.conflicts.is_empty(), "{plan:#?}");
    assert!(exchange.text("contacts.csv").contains("C1,Acme,Oslo"));
}

#[test]
fn what_a_whole_table_could_not_carry_into_a_row_that_cannot_be_read_is_written_once_it_can() {
    let row = "10,Acme,Rome,1,a@x.example,ledger\r\n";
    // Of the second nobody knows whose it is.
    for bad in ["10,Acme\r\n", ",Acme,Rome,1,a@x.example,ledger\r\n"] {
        let (exchange, _) = two_whole_tables();
        let customers = exchange.text("customers.csv");
        exchange.put("customers.csv", customers.replace(row, bad));
        let contacts = exchange.text("contacts.csv").replace("Bonn", "Ulm");
        exchange.put("contacts.csv", contacts);
        let debts = exchange.summary().plan.debts;
        let owed = debts
            .iter()
            .map(|debt| (debt.no.as_str(), debt.column.as_str()));
        assert!(owed.eq([("10", "City")]), "{bad}: {debts:#?}");
        let update = exchange.text("updates/customers_000004.csv");
        assert_eq!(update, customers.replace(row, bad).replace("Kiel", "Ulm"));
        // Its system understands the row, and imports it after the update that changed it.
        exchange.put("customers.csv", customers.replace("Kiel", "Ulm"));
        let plan = exchange.summary().plan;
        assert!(plan.debts.is_empty(), "{bad}: {:#?}", plan.debts);
        assert!(plan.conflicts.is_empty(), "{bad}: {:#?}", plan.conflicts);
        let update = exchange.text("updates/customers_000005.csv");
        assert!(update.contains("10,Acme,Oslo,1"), "{bad}: {update}");
    }
}

#[test]
fn a_whole_table_never_carries_a_value_over_what_somebody_typed() {
    let (exchange, [first, _]) = two_whole_tables();
    let typed = first.replace("Oslo", "Bari");
    exchange.put("customers.csv", &typed);
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let contacts = exchange.text("contacts.csv").replace("Bonn", "Ulm");
    exchange.put("contacts.csv", contacts);
    exchange.summary();
    let update = exchange.text("updates/customers_000005.csv");
    assert_eq!(update, typed.replace("Kiel", "Ulm"));
}
