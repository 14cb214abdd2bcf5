//! What a pass makes of an exchange, told in small exports: files in, one pass, files out.

mod support;

#[path = "support/party.rs"]
mod party;

use couplet::disk::RealDisk;
use couplet::exports::Export;
use couplet::sync::{Effects, Outcome, Request, reconcile};
use party::{
    CONTACT, IN_PLACE, RELATIONS, in_step, put_city, put_contact, put_customer, put_party, row,
    store, through_a_folder,
};
use support::{Exchange, SETUP, StillClock};

#[test]
fn edits_of_all_sides_in_different_fields_agree_in_one_pass() {
    let exchange = in_step(IN_PLACE);
    exchange
        .put(
            "contacts.csv",
            format!("{CONTACT}C1,Acme Ltd,Rome,1,a@x.example,hub\r\n"),
        )
        .put(
            "customers.csv",
            format!("{CONTACT}10,Acme,Paris,1,a@x.example,ledger\r\n"),
        )
        .put(
            "vendors.csv",
            format!("{CONTACT}20,Acme,Rome,2,a@x.example,purchasing\r\n"),
        )
        .put(
            "banks.csv",
            format!("{CONTACT}B1,Acme,Rome,1,b@x.example,treasury\r\n"),
        );
    let summary = exchange.summary();
    assert!(summary.plan.conflicts.is_empty());
    assert_eq!(
        row(&exchange, "contacts.csv"),
        "C1,Acme Ltd,Paris,2,b@x.example,hub"
    );
    assert_eq!(
        row(&exchange, "customers.csv"),
        "10,Acme Ltd,Paris,2,b@x.example,ledger"
    );
    assert_eq!(
        row(&exchange, "vendors.csv"),
        "20,Acme Ltd,Paris,2,b@x.example,purchasing"
    );
    assert_eq!(
        row(&exchange, "banks.csv"),
        "B1,Acme Ltd,Paris,2,b@x.example,treasury"
    );
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    assert_eq!(
        summary.plan.interactions.len(),
        1,
        "one interaction for the one contact"
    );
}

#[test]
fn a_pass_over_unchanged_exports_looks_at_no_record() {
    let exchange = in_step(IN_PLACE);
    let Outcome::InStep(again) = exchange.pass() else {
        panic!("nothing changed")
    };
    assert!(
        again.tables.iter().all(|table| table.changed == 0),
        "{:#?}",
        again.tables
    );
}

#[test]
fn a_kind_couples_from_the_pass_on_in_which_its_setup_code_is_set() {
    let exchange = Exchange::new(IN_PLACE);
    let coded = format!("{}{IN_PLACE}", support::SETUP);
    let uncoded = coded.replace("bus_rel_code_for_vendors = \"VEND\"\n", "");
    exchange
        .put("contacts.csv", format!("{CONTACT}C1,Acme,Rome,1,,\r\n"))
        .put("customers.csv", format!("{CONTACT}10,Acme,Rome,1,,\r\n"))
        .put("vendors.csv", format!("{CONTACT}20,Acme,Rome,,,\r\n"))
        .put("banks.csv", format!("{CONTACT}B1,Acme,Rome,1,,\r\n"))
        .put("relations.csv", RELATIONS);
    assert_eq!(exchange.summary_of(&uncoded).couplings, 2);
    assert_eq!(row(&exchange, "vendors.csv"), "20,Acme,Rome,,,");
    assert_eq!(exchange.summary_of(&coded).couplings, 3);
    assert_eq!(row(&exchange, "vendors.csv"), "20,Acme,Rome,1,,");
}

#[test]
fn edits_in_the_same_field_are_held_while_the_others_go_on_and_a_decision_is_carried_out() {
    let exchange = in_step(IN_PLACE);
    put_contact(&exchange, "Oslo", "1");
    put_customer(&exchange, "Bonn", "7");
    let summary = exchange.summary();
    assert_eq!(summary.plan.conflicts.len(), 1);
    assert_eq!(
        row(&exchange, "contacts.csv"),
        "C1,Acme,Oslo,7,a@x.example,hub"
    );
    assert_eq!(
        row(&exchange, "customers.csv"),
        "10,Acme,Bonn,7,a@x.example,ledger"
    );
    assert_eq!(
        row(&exchange, "vendors.csv"),
        "20,Acme,Rome,7,a@x.example,purchasing"
    );
    // It stays as it is, pass after pass.
    let Outcome::InStep(again) = exchange.pass() else {
        panic!("nothing changed")
    };
    assert_eq!(again.plan.conflicts, summary.plan.conflicts);
    let held = store(&exchange).conflicts().expect("conflicts");
    store(&exchange)
        .decide(&held[0], "Bonn", "now")
        .expect("decided");
    let decided = exchange.summary();
    assert!(decided.plan.conflicts.is_empty());
    for (file, city) in [
        ("contacts.csv", "Bonn"),
        ("customers.csv", "Bonn"),
        ("vendors.csv", "Bonn"),
        ("banks.csv", "Bonn"),
    ] {
        assert!(row(&exchange, file).contains(city), "{file}");
    }
    assert!(store(&exchange).conflicts().expect("conflicts").is_empty());
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
}

#[test]
fn a_decision_on_what_has_changed_since_is_not_carried_out() {
    let exchange = in_step(IN_PLACE);
    put_contact(&exchange, "Oslo", "1");
    put_customer(&exchange, "Bonn", "1");
    exchange.summary();
    let held = store(&exchange).conflicts().expect("conflicts");
    store(&exchange)
        .decide(&held[0], "Bonn", "now")
        .expect("decided");
    put_customer(&exchange, "Kiel", "1");
    let summary = exchange.summary();
    assert_eq!(summary.plan.conflicts.len(), 1);
    assert!(row(&exchange, "contacts.csv").contains("Oslo"));
    assert_eq!(
        store(&exchange).conflicts().expect("conflicts")[0].decided,
        None
    );
}

#[test]
fn a_decision_stands_although_the_policy_became_another_one_meanwhile() {
    let exchange = in_step(IN_PLACE);
    put_city(&exchange, "contacts.csv", "C1", "Oslo");
    put_city(&exchange, "customers.csv", "10", "Bari");
    assert_eq!(exchange.summary().plan.conflicts.len(), 1);
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "contact"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let policy = "[merge]\non_conflict = \"counterpart\"\n";
    exchange.summary_of(&format!("{}{policy}", exchange.config()));
    for file in ["contacts.csv", "customers.csv", "vendors.csv"] {
        assert!(row(&exchange, file).contains("Oslo"), "{file}");
    }
}

#[test]
fn a_conflict_settles_by_itself_when_the_sides_agree() {
    let exchange = in_step(IN_PLACE);
    put_contact(&exchange, "Oslo", "1");
    put_customer(&exchange, "Bonn", "1");
    exchange.summary();
    put_contact(&exchange, "Bonn", "1");
    let summary = exchange.summary();
    assert!(summary.plan.conflicts.is_empty());
    assert!(row(&exchange, "banks.csv").contains("Bonn"));
    assert!(store(&exchange).conflicts().expect("conflicts").is_empty());
    // What was said in it stays on record.
    let settled = store(&exchange).settled().expect("settled");
    assert_eq!(settled.len(), 1);
    assert!(
        settled[0]
            .1
            .conflict
            .claims
            .iter()
            .any(|claim| claim.shows.as_deref() == Some("Oslo"))
    );
}

#[test]
fn an_emptied_cell_clears_the_field_everywhere_unless_configured_otherwise() {
    let exchange = in_step(IN_PLACE);
    put_customer(&exchange, "Rome", "");
    exchange.summary();
    assert_eq!(
        row(&exchange, "contacts.csv"),
        "C1,Acme,Rome,,a@x.example,hub"
    );
    let config = IN_PLACE.replace(
        "\"customers.csv\"",
        "\"customers.csv\"\nempty = \"no-change\"",
    );
    let exchange = in_step(&config);
    put_customer(&exchange, "Rome", "");
    exchange.summary();
    assert_eq!(
        row(&exchange, "contacts.csv"),
        "C1,Acme,Rome,1,a@x.example,hub"
    );
    assert_eq!(
        row(&exchange, "customers.csv"),
        "10,Acme,Rome,,a@x.example,ledger"
    );
}

#[test]
fn a_value_that_a_side_cannot_hold_is_owed_to_it_and_a_problem_until_it_fits() {
    let config = format!("{IN_PLACE}[tables.customers.columns]\n\"City\" = {{ length = 6 }}\n");
    let exchange = in_step(&config);
    put_contact(&exchange, "Regensburg", "1");
    let summary = exchange.summary();
    assert!(row(&exchange, "vendors.csv").contains("Regensburg"));
    assert!(row(&exchange, "customers.csv").contains("Rome"));
    assert_eq!(summary.plan.problems[0].kind, "cannot-hold");
    assert_eq!(summary.plan.debts.len(), 1);
    put_contact(&exchange, "Bonn", "1");
    let summary = exchange.summary();
    assert!(row(&exchange, "customers.csv").contains("Bonn"));
    assert!(summary.plan.problems.is_empty() && summary.plan.debts.is_empty());
    assert!(store(&exchange).debts().expect("debts").is_empty());
}

#[test]
fn a_cut_form_is_never_news_to_the_others() {
    let config = format!(
        "{IN_PLACE}[tables.customers.columns]\n\"City\" = {{ length = 6, too_long = \"cut\" }}\n"
    );
    let exchange = in_step(&config);
    put_contact(&exchange, "Regensburg", "1");
    exchange.summary();
    assert!(row(&exchange, "customers.csv").contains(",Regens,"));
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    put_customer(&exchange, "Regens", "2");
    exchange.summary();
    assert_eq!(
        row(&exchange, "contacts.csv"),
        "C1,Acme,Regensburg,2,a@x.example,hub"
    );
}

#[test]
fn a_value_that_was_cut_is_written_whole_once_its_column_is_longer() {
    let cut = |length: usize| {
        let column = format!("\"City\" = {{ length = {length}, too_long = \"cut\" }}\n");
        format!("{IN_PLACE}[tables.customers.columns]\n{column}")
    };
    let exchange = in_step(&cut(6));
    put_city(&exchange, "contacts.csv", "C1", "Regensburg");
    exchange.summary();
    assert!(row(&exchange, "customers.csv").contains(",Regens,"));
    exchange.summary_of(&format!("{SETUP}{}", cut(20)));
    assert!(row(&exchange, "customers.csv").contains(",Regensburg,"));
}

#[test]
fn a_letter_beyond_the_page_of_a_file_is_owed_and_never_replaced() {
    let config = IN_PLACE.replace(
        "\"vendors.csv\"",
        "\"vendors.csv\"\nencoding = \"windows-1252\"",
    );
    let exchange = in_step(&config);
    put_contact(&exchange, "Łódź", "1");
    let summary = exchange.summary();
    assert!(row(&exchange, "vendors.csv").contains("Rome"));
    let kinds: Vec<&str> = summary
        .plan
        .problems
        .iter()
        .map(|problem| problem.kind.as_str())
        .collect();
    // The customers' and the bank's files are plain ASCII: nothing proves what a letter beyond it would mean there.
    assert_eq!(kinds, ["cannot-hold"; 3]);
    assert!(
        summary
            .plan
            .problems
            .iter()
            .any(|problem| problem.reason.contains("`encoding`"))
    );
}

#[test]
fn a_value_that_a_spreadsheet_or_a_wrong_encoding_has_damaged_waits_for_a_person() {
    let pinned = IN_PLACE.replace("write_back", "encoding = \"utf-8\"\nwrite_back");
    let config = format!("{pinned}[merge]\non_conflict = \"contact\"\n");
    for (good, damaged, why) in [
        ("0351123", "351123", "what a spreadsheet makes of"),
        ("+49351123456", "4,93511E+10", "what a spreadsheet makes of"),
        ("Zoë 1", "ZoÃ« 1", "what a wrong encoding makes of"),
    ] {
        let exchange = in_step(&config);
        let contact = |phone: &str| format!("{CONTACT}C1,Acme,Rome,{phone},a@x.example,hub\r\n");
        exchange.put("contacts.csv", contact(good));
        exchange.summary();
        let quoted = if damaged.contains(',') {
            format!("\"{damaged}\"")
        } else {
            damaged.to_owned()
        };
        exchange.put("contacts.csv", contact(&quoted));
        let summary = exchange.summary();
        assert!(
            row(&exchange, "customers.csv").contains(good),
            "{good} stays"
        );
        assert!(
            summary.plan.conflicts[0].why.contains(why),
            "{}",
            summary.plan.conflicts[0].why
        );
        exchange.run(&["conflicts", "resolve", "--all", "--take", "base"]);
        exchange.pass();
        assert!(
            row(&exchange, "contacts.csv").contains(good),
            "{good} is back"
        );
    }
}

#[test]
fn a_contact_that_disappears_takes_only_its_relations_and_a_counterpart_only_its_own() {
    let exchange = in_step(IN_PLACE);
    let others: String = (2..40)
        .map(|no| format!("C{no},Other {no},Rome,,,\r\n"))
        .collect();
    exchange.put(
        "contacts.csv",
        format!("{CONTACT}C1,Acme,Rome,1,a@x.example,hub\r\n{others}"),
    );
    exchange.put(
        "relations.csv",
        format!("{RELATIONS}C1,PROS,,\r\nC2,PROS,,\r\n"),
    );
    exchange.summary();
    exchange.put("contacts.csv", format!("{CONTACT}{others}"));
    let summary = exchange.summary();
    assert_eq!(summary.plan.uncouplings.len(), 4);
    assert_eq!(
        exchange.text("relations.csv"),
        "Contact No.,Business Relation Code,Link to Table,No.\r\nC2,PROS,,\r\n"
    );
    assert_eq!(
        row(&exchange, "customers.csv"),
        "10,Acme,Rome,1,a@x.example,ledger"
    );
    assert_eq!(summary.plan.interactions.len(), 1);
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));

    let exchange = in_step(IN_PLACE);
    exchange.put("vendors.csv", format!("{CONTACT}21,Other,Rome,,,\r\n"));
    let summary = exchange.summary();
    assert_eq!(summary.plan.uncouplings.len(), 1);
    assert!(!exchange.text("relations.csv").contains("VEND"));
    assert_eq!(
        row(&exchange, "contacts.csv"),
        "C1,Acme,Rome,1,a@x.example,hub"
    );
}

#[test]
fn a_relation_that_goes_is_asked_for_once_in_a_folder_exchange() {
    let config = through_a_folder(IN_PLACE, "relations.csv", "");
    let exchange = in_step(&config);
    exchange.put("vendors.csv", format!("{CONTACT}21,Other,Rome,,,\r\n"));
    exchange.summary();
    assert_eq!(
        exchange.text("updates/relations_removed_000002.csv"),
        "Contact No.,Business Relation Code\r\nC1,VEND\r\n"
    );
    let again = exchange.summary();
    assert!(
        again.files.is_empty() && again.plan.problems.is_empty(),
        "{again:#?}"
    );
    exchange.put(
        "relations.csv",
        RELATIONS.replace("C1,VEND,Vendor,20\r\n", ""),
    );
    assert!(exchange.summary().plan.problems.is_empty());
    assert!(
        store(&exchange)
            .gone()
            .expect("gone")
            .iter()
            .all(|row| row.table != "relations")
    );
}

#[test]
fn the_status_follows_the_relations_and_is_no_interaction() {
    let exchange = Exchange::new(IN_PLACE);
    exchange
        .put(
            "contacts.csv",
            "No.,Name,Type,Company No.,Contact Business Relation\r\nC1,Acme,Company,C1,\r\nC2,Ann,Person,C1,\r\nC3,Solo,Company,C3,None\r\n",
        )
        .put("customers.csv", "No.,Name\r\n10,Acme\r\n")
        .put("vendors.csv", "No.,Name\r\n20,Acme\r\n")
        .put("banks.csv", "No.,Name\r\nB9,Else\r\n")
        .put("relations.csv", "Contact No.,Business Relation Code,Link to Table,No.\r\nC1,CUST,Customer,10\r\n");
    let summary = exchange.summary();
    assert_eq!(
        exchange.text("contacts.csv"),
        "No.,Name,Type,Company No.,Contact Business Relation\r\nC1,Acme,Company,C1,Customer\r\nC2,Ann,Person,C1,Customer\r\nC3,Solo,Company,C3,None\r\n"
    );
    assert!(summary.plan.interactions.is_empty());
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    exchange.put(
        "relations.csv",
        "Contact No.,Business Relation Code,Link to Table,No.\r\nC1,CUST,Customer,10\r\nC1,VEND,Vendor,20\r\n",
    );
    exchange.summary();
    assert!(
        exchange
            .text("contacts.csv")
            .contains("C1,Acme,Company,C1,Multiple\r\nC2,Ann,Person,C1,Multiple\r\n")
    );
}

#[test]
fn a_stale_export_is_not_read_as_news() {
    let config = IN_PLACE.replace(
        "\"customers.csv\"\nwrite_back = \"in-place\"",
        "\"in/customers_*.csv\"\nsequence = 'customers_(\\d+)'\nwrite_back = \"updates\"",
    );
    let exchange = Exchange::new(&config);
    put_party(&exchange, "in/customers_12.csv");
    exchange.summary();
    std::fs::remove_file(exchange.path("in/customers_12.csv")).expect("removed");
    exchange.put(
        "in/customers_9.csv",
        format!("{CONTACT}10,Acme,Old,1,a@x.example,ledger\r\n"),
    );
    let summary = exchange.summary();
    assert_eq!(summary.plan.problems[0].kind, "stale-export");
    assert!(summary.files.is_empty());
    exchange.put(
        "in/customers_13.csv",
        format!("{CONTACT}10,Acme,New,1,a@x.example,ledger\r\n"),
    );
    exchange.summary();
    assert!(row(&exchange, "contacts.csv").contains("New"));
}

#[test]
fn a_delta_export_deletes_nothing_and_its_unlisted_records_are_updated_too() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "contents = \"delta\"");
    let exchange = in_step(&config);
    exchange.put("customers.csv", format!("{CONTACT}11,Other,Bern,,,\r\n"));
    let summary = exchange.summary();
    assert!(
        summary.plan.uncouplings.is_empty() && summary.plan.problems.is_empty(),
        "{summary:#?}"
    );
    put_contact(&exchange, "Oslo", "1");
    exchange.summary();
    assert_eq!(
        exchange.text("updates/customers_000003.csv"),
        "No.,Name,City,Phone No.,E-Mail\r\n10,Acme,Oslo,1,a@x.example\r\n"
    );
    exchange.put(
        "customers.csv",
        format!("{CONTACT}10,Acme,Oslo,2,a@x.example,\r\n"),
    );
    exchange.summary();
    assert!(row(&exchange, "contacts.csv").contains("Oslo,2"));
    assert!(store(&exchange).in_flight().expect("counted").is_empty());
}

#[test]
fn the_search_name_follows_the_name_while_it_says_the_old_one() {
    let exchange = Exchange::new(IN_PLACE);
    let head = "No.,Name,Search Name\r\n";
    exchange
        .put("contacts.csv", format!("{head}C1,Acme,ACME\r\nC2,Foo,OWN\r\n"))
        .put("customers.csv", format!("{head}10,Acme,ACME\r\n11,Foo,OWN\r\n"))
        .put("vendors.csv", format!("{head}20,X,X\r\n"))
        .put("banks.csv", format!("{head}B1,X,X\r\n"))
        .put(
            "relations.csv",
            "Contact No.,Business Relation Code,Link to Table,No.\r\nC1,CUST,Customer,10\r\nC2,CUST,Customer,11\r\n",
        );
    exchange.summary();
    exchange.put(
        "customers.csv",
        format!("{head}10,Beta,ACME\r\n11,Bar,OWN\r\n"),
    );
    exchange.summary();
    assert_eq!(
        exchange.text("contacts.csv"),
        format!("{head}C1,Beta,BETA\r\nC2,Bar,OWN\r\n")
    );
    assert_eq!(
        exchange.text("customers.csv"),
        format!("{head}10,Beta,BETA\r\n11,Bar,OWN\r\n")
    );
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
}

#[test]
fn booleans_are_compared_by_meaning_and_written_as_the_file_spells_them() {
    let exchange = Exchange::new(IN_PLACE);
    exchange
        .put("contacts.csv", "No.,Name,Privacy Blocked\r\nC1,Acme,No\r\n")
        .put(
            "customers.csv",
            "No.,Name,Privacy Blocked\r\n10,Acme,false\r\n",
        )
        .put("vendors.csv", "No.,Name,Privacy Blocked\r\n20,Acme,0\r\n")
        .put("banks.csv", "No.,Name\r\nB1,Acme\r\n")
        .put("relations.csv", RELATIONS);
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    exchange.put(
        "contacts.csv",
        "No.,Name,Privacy Blocked\r\nC1,Acme,Yes\r\n",
    );
    exchange.summary();
    assert_eq!(row(&exchange, "customers.csv"), "10,Acme,true");
    assert_eq!(row(&exchange, "vendors.csv"), "20,Acme,1");
    exchange.put(
        "vendors.csv",
        "No.,Name,Privacy Blocked\r\n20,Acme,perhaps\r\n",
    );
    let summary = exchange.summary();
    assert_eq!(summary.plan.problems[0].kind, "unknown-spelling");
    assert_eq!(row(&exchange, "customers.csv"), "10,Acme,true");
}

#[test]
fn the_newest_record_wins_where_dates_say_which_it_is_and_nobody_where_they_do_not() {
    let config = format!("{IN_PLACE}[merge]\non_conflict = \"newest\"\n");
    let head = "No.,City,Last Date Modified\r\n";
    for (contact, customer, expected) in [
        ("2026-01-02", "2026-01-03", Some("Bonn")),
        ("2026-01-04", "03.01.2026", Some("Oslo")),
        ("2026-01-03", "2026-01-03", None),
        ("", "2026-01-03", None),
        ("01/03/2026", "2026-01-03", None),
    ] {
        let exchange = Exchange::new(&config);
        exchange
            .put("contacts.csv", format!("{head}C1,Rome,2025-01-01\r\n"))
            .put("customers.csv", format!("{head}10,Rome,2025-01-01\r\n"))
            .put("vendors.csv", format!("{head}20,Rome,\r\n"))
            .put("banks.csv", format!("{head}B1,Rome,\r\n"))
            .put("relations.csv", RELATIONS);
        exchange.summary();
        exchange
            .put("contacts.csv", format!("{head}C1,Oslo,{contact}\r\n"))
            .put("customers.csv", format!("{head}10,Bonn,{customer}\r\n"));
        let summary = exchange.summary();
        assert_eq!(
            summary.plan.conflicts.is_empty(),
            expected.is_some(),
            "{contact} {customer}"
        );
        assert!(
            row(&exchange, "vendors.csv").contains(expected.unwrap_or("Rome")),
            "{contact} {customer}"
        );
    }
}

#[test]
fn a_duplicate_key_and_a_bad_row_are_left_out_and_still_exist() {
    let exchange = in_step(IN_PLACE);
    exchange.put(
        "customers.csv",
        format!("{CONTACT}10,Acme,Oslo,1,a@x.example,one\r\n10,Acme,Bonn,1,a@x.example,two\r\n11,short\r\n"),
    );
    let summary = exchange.summary();
    let kinds: Vec<&str> = summary
        .plan
        .problems
        .iter()
        .map(|problem| problem.kind.as_str())
        .collect();
    assert_eq!(kinds, ["duplicate-key", "duplicate-key", "ragged-row"]);
    assert!(summary.plan.uncouplings.is_empty());
    assert!(row(&exchange, "contacts.csv").contains("Rome"));
    let Outcome::InStep(again) = exchange.pass() else {
        panic!("nothing changed")
    };
    assert_eq!(again.plan.problems.len(), 3);
    exchange.put(
        "customers.csv",
        format!("{CONTACT}10,Acme,Oslo,1,a@x.example,one\r\n"),
    );
    let summary = exchange.summary();
    assert!(summary.plan.problems.is_empty());
    assert!(row(&exchange, "contacts.csv").contains("Oslo"));
}

const TWICE: &str = "10,Acme,Rome,1,a@x.example,one\r\n10,Acme,Rome,1,a@x.example,two\r\n";

/// Passes in which the number of a record stands twice in a file, in the second of which something else is news.
fn two_passes_of_twice(exchange: &Exchange, file: &str, twice: &str) {
    exchange.put(file, format!("{CONTACT}{twice}"));
    exchange.summary();
    let noted = "20,Acme,Rome,1,a@x.example,another note\r\n";
    exchange.put("vendors.csv", format!("{CONTACT}{noted}"));
    exchange.summary();
}

#[test]
fn what_is_known_of_a_number_outlasts_that_it_stands_twice_for_a_while() {
    let is_followed = |exchange: &Exchange| {
        let plan = exchange.summary().plan;
        assert!(plan.conflicts.is_empty(), "{:#?}", plan.conflicts);
        let shown = ["contacts.csv", "customers.csv"].map(|file| row(exchange, file));
        assert_eq!(
            shown,
            [
                "C1,Acme,Oslo,,a@x.example,hub",
                "10,Acme,Oslo,,a@x.example,ledger"
            ]
        );
    };
    let edited = format!("{CONTACT}10,Acme,Oslo,,a@x.example,ledger\r\n");
    let once = format!("{CONTACT}C1,Acme,Rome,1,a@x.example,hub\r\n");
    for config in [
        IN_PLACE.to_owned(),
        format!("{IN_PLACE}[merge]\nfirst_meeting = \"contact\"\n"),
    ] {
        let exchange = in_step(&config);
        two_passes_of_twice(&exchange, "customers.csv", TWICE);
        exchange.put("customers.csv", &edited);
        is_followed(&exchange);
        let exchange = in_step(&config);
        two_passes_of_twice(&exchange, "contacts.csv", &TWICE.replace("10,", "C1,"));
        exchange.put("customers.csv", &edited);
        exchange.summary();
        exchange.put("contacts.csv", &once);
        is_followed(&exchange);
    }
}

#[test]
fn a_number_that_stood_twice_in_a_delta_is_written_to_although_no_later_delta_lists_it() {
    let config = through_a_folder(IN_PLACE, "customers.csv", "contents = \"delta\"");
    let exchange = in_step(&config);
    two_passes_of_twice(&exchange, "customers.csv", TWICE);
    two_passes_of_twice(&exchange, "customers.csv", &TWICE.replace("one", "three"));
    let other = "18,Beta,Kiel,7,b@x.example,ledger\r\n";
    exchange.put("customers.csv", format!("{CONTACT}{other}"));
    let moved = "C1,Acme,Oslo,1,a@x.example,hub\r\n";
    exchange.put("contacts.csv", format!("{CONTACT}{moved}"));
    let changes = exchange.summary().plan.changes;
    let told = changes.iter().filter(|change| change.no == "10");
    assert_eq!(told.count(), 1, "{changes:#?}");
}

#[test]
fn a_refused_export_says_nothing_and_the_others_go_on() {
    let exchange = in_step(IN_PLACE);
    exchange.put(
        "customers.csv",
        format!("{CONTACT}10,\"Acme,Oslo,1,a@x.example,one\r\n"),
    );
    put_contact(&exchange, "Kiel", "1");
    let summary = exchange.summary();
    assert_eq!(summary.plan.problems[0].kind, "refused-export");
    assert_eq!(summary.plan.problems[0].place.line, Some(2));
    assert!(row(&exchange, "banks.csv").contains("Kiel"));
    assert!(summary.plan.uncouplings.is_empty());
}

#[test]
fn a_lost_state_is_a_first_meeting_and_loses_nothing() {
    let exchange = in_step(IN_PLACE);
    exchange.put(
        "customers.csv",
        format!("{CONTACT}10,Acme,Oslo,1,,ledger\r\n"),
    );
    std::fs::remove_dir_all(exchange.path("state")).expect("removed");
    let summary = exchange.summary();
    assert_eq!(
        summary.plan.conflicts.len(),
        1,
        "the cities differ and nobody knows which is newer"
    );
    assert_eq!(
        row(&exchange, "customers.csv"),
        "10,Acme,Oslo,1,a@x.example,ledger",
        "a blank is filled"
    );
    assert_eq!(
        row(&exchange, "contacts.csv"),
        "C1,Acme,Rome,1,a@x.example,hub"
    );
}

/// A contact and a customer that nobody coupled, exchanged through a folder.
fn unlinked_in_a_folder() -> Exchange {
    let tables = ["contacts", "customers", "relations"].map(|name| {
        format!("[tables.{name}]\nexport = \"{name}.csv\"\nwrite_back = \"updates\"\n")
    });
    let exchange = Exchange::new(&tables.concat());
    exchange
        .put(
            "contacts.csv",
            format!("{CONTACT}C1,Acme,Rome,1,a@x.example,hub\r\n"),
        )
        .put(
            "customers.csv",
            format!("{CONTACT}10,Acme,Rome,1,a@x.example,ledger\r\n"),
        )
        .put(
            "relations.csv",
            "Contact No.,Business Relation Code,Link to Table,No.\r\nC9,PROS,,\r\n",
        );
    assert_eq!(exchange.summary().couplings, 0);
    exchange
}

#[test]
fn a_link_that_was_taken_apart_before_it_was_imported_does_not_come_back_with_a_late_import() {
    let exchange = unlinked_in_a_folder();
    assert_eq!(
        exchange.run(&["links", "add", "C1", "customer", "10"]).code,
        0
    );
    assert_eq!(
        exchange.summary().couplings,
        1,
        "a relation in flight couples"
    );
    let removed = exchange.run(&["links", "remove", "C1", "customer"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    assert_eq!(exchange.summary().couplings, 0);
    // The first update is imported now, and exported, before the second is.
    let before = exchange.text("relations.csv");
    let added = "C1,CUST,Customer,10\r\n";
    assert!(
        exchange
            .text("updates/relations_000002.csv")
            .contains(added.trim())
    );
    exchange.put("relations.csv", format!("{before}{added}"));
    assert_eq!(exchange.summary().couplings, 0);
    exchange.put("relations.csv", &before);
    assert_eq!(exchange.summary().couplings, 0);
    assert!(!exchange.summary().plan.writes());
}

#[test]
fn a_link_that_is_added_again_before_its_removal_was_imported_is_written_once_more() {
    let exchange = unlinked_in_a_folder();
    let linked = format!("{}C1,CUST,Customer,10\r\n", exchange.text("relations.csv"));
    exchange.put("relations.csv", &linked);
    assert_eq!(exchange.summary().couplings, 1);
    assert_eq!(exchange.run(&["links", "remove", "C1", "customer"]).code, 0);
    assert_eq!(exchange.summary().couplings, 0, "the export still shows it");
    let again = exchange.run(&["links", "add", "C1", "customer", "10"]);
    assert_eq!(again.code, 0, "{again:?}");
    let summary = exchange.summary();
    assert_eq!(summary.couplings, 1);
    let updates: Vec<String> = std::fs::read_dir(exchange.path("updates"))
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let newest = updates
        .iter()
        .filter(|name| name.starts_with("relations"))
        .max_by_key(|name| {
            name.chars()
                .filter(char::is_ascii_digit)
                .collect::<String>()
        });
    let newest = format!("updates/{}", newest.expect("an update"));
    assert!(!newest.contains("removed"), "{updates:?}");
    assert!(exchange.text(&newest).contains("C1,CUST"), "{newest}");
}

/// Takes away what lets a pass only hash the exports; `false` where nothing did.
fn forget_quiet(exchange: &Exchange) -> bool {
    let db = rusqlite::Connection::open(exchange.path("state/couplet.db")).expect("a database");
    let gone = db.execute("DELETE FROM meta WHERE name = 'quiet'", []);
    gone.expect("a table") == 1
}

#[test]
fn exports_that_are_only_hashed_tell_the_same_as_exports_that_are_read() {
    let exchange = in_step(IN_PLACE);
    let hashed = format!("{:?}", exchange.pass());
    assert!(forget_quiet(&exchange));
    assert_eq!(format!("{:?}", exchange.pass()), hashed);
    assert!(
        !forget_quiet(&exchange),
        "a pass without changes writes nothing"
    );
}

#[test]
fn a_change_that_keeps_the_length_of_a_quiet_export_is_found() {
    let exchange = in_step(IN_PLACE);
    let changed = exchange.text("contacts.csv").replace("Rome", "Bonn");
    exchange.put("contacts.csv", changed);
    assert!(matches!(exchange.pass(), Outcome::Done(_)));
    assert!(row(&exchange, "customers.csv").contains("Bonn"));
}

#[test]
fn an_export_that_is_gone_from_a_quiet_exchange_is_a_problem() {
    let exchange = in_step(IN_PLACE);
    std::fs::remove_file(exchange.path("vendors.csv")).expect("a file");
    let Outcome::InStep(summary) = exchange.pass() else {
        panic!("nothing can be written");
    };
    let kinds: Vec<&str> = summary
        .plan
        .problems
        .iter()
        .map(|problem| problem.kind.as_str())
        .collect();
    assert_eq!(kinds, ["missing-export"]);
}

#[test]
fn a_page_that_was_guessed_stands_for_as_long_as_the_bytes_allow_it() {
    let exchange = Exchange::new(
        "[tables.contacts]\nexport = \"contacts.csv\"\nwrite_back = \"in-place\"\n\
         [tables.customers]\nexport = \"customers.csv\"\n[tables.relations]\nexport = \"relations.csv\"\n",
    );
    let customers = |new: &[u8]| {
        let known = b"No.,Name\n10,\xC5s\n".as_slice();
        [known, new].concat()
    };
    exchange
        .put("contacts.csv", "No.,Name\nC1,Ås\n")
        .put("customers.csv", customers(b""))
        .put(
            "relations.csv",
            "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,10\n",
        );
    assert!(exchange.summary().plan.changes.is_empty());
    // By itself, the file with this name in it looks more like windows-1250, where the other's letter is another one.
    let more = customers(b"13,a\xE8b\x9Ac\n");
    let settings = couplet::exports::Settings::default();
    let customers = couplet::model::Table::named("customers").expect("a table");
    let alone = Export::read(Box::new(more.clone()), customers, &settings, "f", 7);
    assert_eq!(
        alone.expect("an export").dialect.encoding.name(),
        "windows-1250"
    );
    exchange.put("customers.csv", more);
    let summary = exchange.summary();
    assert!(summary.plan.changes.is_empty(), "{:?}", summary.plan);
    assert!(
        summary.plan.conflicts.is_empty(),
        "{:?}",
        summary.plan.conflicts
    );
}

/// A pass; when it is about to put its files in their places, somebody else writes one of them.
fn pass_while_somebody_writes(exchange: &Exchange, file: &str, row: &str) {
    let path = exchange.path("config.toml");
    let config = couplet::config::parse(exchange.config(), &path).expect("a configuration");
    let effects = Effects {
        disk: &RealDisk,
        clock: &StillClock,
        stage: &|stage| {
            if stage == "publishing" {
                exchange.put(file, format!("{CONTACT}{row}\r\n"));
            }
        },
    };
    reconcile(&config, &effects, &Request::default()).expect("a pass");
    assert_eq!(self::row(exchange, file), row);
}

#[test]
fn what_is_agreed_outlasts_that_somebody_else_writes_the_file_of_a_counterpart_meanwhile() {
    let exchange = in_step(IN_PLACE);
    // From now on it is the customer's base that says which city is agreed.
    let without_city = "No.,Name,Phone No.,E-Mail,Note\r\nC1,Acme,1,a@x.example,hub\r\n";
    exchange.put("contacts.csv", without_city);
    exchange.summary();
    let vendor = "20,Acme Ltd,Oslo,1,a@x.example,purchasing";
    exchange.put("vendors.csv", format!("{CONTACT}{vendor}\r\n"));
    let theirs = "10,Acme,Rome,1,a@x.example,by somebody else";
    pass_while_somebody_writes(&exchange, "customers.csv", theirs);
    exchange.summary();
    assert_eq!(row(&exchange, "vendors.csv"), vendor);
    let written = theirs.replace("Acme,Rome", "Acme Ltd,Oslo");
    assert_eq!(row(&exchange, "customers.csv"), written);
}

#[test]
fn a_cut_form_is_not_agreed_because_somebody_else_writes_the_file_of_the_contact_meanwhile() {
    let cut = "[tables.contacts.columns]\n\"City\" = { length = 6, too_long = \"cut\" }\n";
    let exchange = in_step(&format!("{IN_PLACE}{cut}"));
    let customer = "10,Acme,Regensburg,1,a@x.example,ledger";
    exchange.put("customers.csv", format!("{CONTACT}{customer}\r\n"));
    let theirs = "C1,Acme,Rome,1,a@x.example,by somebody else";
    pass_while_somebody_writes(&exchange, "contacts.csv", theirs);
    for _ in 0..2 {
        exchange.summary();
        assert_eq!(row(&exchange, "customers.csv"), customer);
    }
    assert_eq!(
        row(&exchange, "contacts.csv"),
        theirs.replace("Rome", "Regens")
    );
}
