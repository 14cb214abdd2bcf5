//! E: what changes on one record of a party reaches the others.

use couplet::merge::Rule;
use couplet::sync::Outcome;

use crate::{
    BANK, CUSTOMER, KINDS, Party, RELATION_COLUMNS, VENDOR, cell, edit, exchange, is_in_step,
    reconciled,
};

#[test]
fn e02_a_vendors_name_and_registration_number_reach_the_contact() {
    for kind in [VENDOR, CUSTOMER] {
        let party = Party::in_step(kind, "Name,Registration Number", "Acme,R1");
        party.counterpart_says("Newco,R2").reconciled();
        assert_eq!(party.contact(), "Newco,R2");
        party.is_in_step();
    }
}

#[test]
fn e03_a_bank_accounts_name_reaches_the_contact() {
    let party = Party::in_step(BANK, "Name", "Acme");
    party.counterpart_says("Newco").reconciled();
    assert_eq!(party.contact(), "Newco");
    party.is_in_step();
}

#[test]
fn e04_a_contacts_name_reaches_the_customer() {
    for kind in [CUSTOMER, VENDOR] {
        let party = Party::in_step(kind, "Name", "Acme");
        party.contact_says("Newco").reconciled();
        assert_eq!(party.counterpart(), "Newco");
        party.is_in_step();
    }
}

#[test]
fn e06_a_contacts_name_reaches_the_bank_account() {
    let party = Party::in_step(BANK, "Name", "Acme");
    party.contact_says("Newco").reconciled();
    assert_eq!(party.counterpart(), "Newco");
    party.is_in_step();
}

/// A company with its counterpart and with person P1, its primary contact; nobody has a mobile phone.
fn mobile_phone_reaches_the_person(kind: &crate::Kind) {
    let ledger = "No.,Name,Mobile Phone No.,Primary Contact No.,Contact\n";
    let exchange = exchange(
        &[
            (
                "contacts",
                "No.,Name,Type,Company No.,Mobile Phone No.\nC1,Acme,Company,C1,\nP1,Ann,Person,C1,\n",
            ),
            (kind.table, &format!("{ledger}{},Acme,,P1,Ann\n", kind.no)),
            (
                "relations",
                &format!("{RELATION_COLUMNS}{}", kind.relation()),
            ),
        ],
        "",
    );
    is_in_step_at_first_sight(&exchange);
    let mobile = "01234567890123456789";
    edit(&exchange, kind.table, kind.no, "Mobile Phone No.", mobile);
    let summary = reconciled(&exchange);
    for contact in ["C1", "P1"] {
        let shown = cell(&exchange, "contacts", contact, "Mobile Phone No.");
        assert_eq!(shown, mobile, "{contact}");
    }
    let logged = summary.plan.interactions.iter();
    let contacts: Vec<&str> = logged.map(|draft| draft.contact_no.as_str()).collect();
    assert_eq!(contacts, ["C1", "P1"]);
    is_in_step(&exchange);
}

fn is_in_step_at_first_sight(exchange: &crate::support::Exchange) {
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
}

#[test]
fn e10_a_customers_mobile_phone_reaches_the_person_who_is_its_primary_contact() {
    mobile_phone_reaches_the_person(&CUSTOMER);
}

#[test]
fn e11_a_vendors_mobile_phone_reaches_the_person_who_is_its_primary_contact() {
    mobile_phone_reaches_the_person(&VENDOR);
    mobile_phone_reaches_the_person(&BANK);
}

#[test]
fn e12_a_bank_accounts_mobile_phone_number_reaches_the_contact() {
    for kind in [BANK, CUSTOMER, VENDOR] {
        let party = Party::in_step(kind, "Name,Mobile Phone No.", "Acme,");
        party
            .counterpart_says("Acme,01234567890123456789")
            .reconciled();
        assert_eq!(party.contact(), "Acme,01234567890123456789");
        party.is_in_step();
    }
}

#[test]
fn e13_a_renamed_contact_keeps_its_name_when_a_field_of_the_customer_alone_changes() {
    let own = ("Name,Priority", "AAA,0");
    let party = Party::met(CUSTOMER, ("Name", "AAA"), own, "");
    party.contact_says("XXX").counterpart_says("AAA,5");
    party.reconciled();
    assert_eq!(party.contact(), "XXX");
    assert_eq!(party.counterpart(), "XXX,5");
}

#[test]
fn e14_a_renamed_contact_keeps_its_name_when_a_field_of_the_vendor_alone_changes() {
    let own = ("Name,Priority", "AAA,0");
    let party = Party::met(VENDOR, ("Name", "AAA"), own, "");
    party.contact_says("XXX").counterpart_says("AAA,5");
    party.reconciled();
    assert_eq!(party.contact(), "XXX");
    assert_eq!(party.counterpart(), "XXX,5");
}

#[test]
fn e15_a_renamed_contact_keeps_its_name_when_a_field_of_the_bank_account_alone_changes() {
    let own = ("Name,Bank Branch No.", "AAA,1200");
    let party = Party::met(BANK, ("Name", "AAA"), own, "");
    party.contact_says("XXX").counterpart_says("AAA,1300");
    party.reconciled();
    assert_eq!(party.contact(), "XXX");
    assert_eq!(party.counterpart(), "XXX,1300");
}

/// Business Central stamps what it writes; Couplet does when it is asked to.
const STAMPING: &str = "[merge]\nstamp_last_modified = true\n";

#[test]
fn e16_both_stamps_of_a_customer_move_when_the_contacts_name_reaches_it() {
    let columns = "Name,Last Date Modified,Last Modified Date Time";
    let yesterday = "Acme,2026-11-22,2026-11-22T08:00:00Z";
    let contact = ("Name,Last Date Modified", "Acme,2026-11-22");
    let party = Party::met(CUSTOMER, contact, (columns, yesterday), STAMPING);
    assert_eq!(party.counterpart(), yesterday, "nothing was written yet");
    party.contact_says("Newco,2026-11-20");
    let summary = party.reconciled();
    assert_eq!(party.counterpart(), "Newco,2026-11-23,2026-11-23T09:30:00Z");
    assert_eq!(party.contact(), "Newco,2026-11-20", "its system wrote that");
    let stamped = summary.plan.changes.iter();
    assert_eq!(
        stamped
            .filter(|change| change.rule == Rule::Stamped)
            .count(),
        2
    );
    assert_eq!(
        summary.plan.interactions[0].description,
        "Name updated on customer 10"
    );
    party.is_in_step();
    let unasked = Party::met(CUSTOMER, contact, (columns, yesterday), "");
    unasked.contact_says("Newco,2026-11-20").reconciled();
    assert_eq!(
        unasked.counterpart(),
        "Newco,2026-11-22,2026-11-22T08:00:00Z"
    );
}

#[test]
fn e17_both_stamps_of_a_vendor_move_when_the_contacts_name_reaches_it() {
    let columns = "Name,Last Date Modified,Last Modified Date Time";
    let yesterday = "Acme,2026-11-22,2026-11-22T08:00:00Z";
    let party = Party::met(VENDOR, ("Name", "Acme"), (columns, yesterday), STAMPING);
    party.contact_says("Newco").reconciled();
    assert_eq!(party.counterpart(), "Newco,2026-11-23,2026-11-23T09:30:00Z");
    party.is_in_step();
}

#[test]
fn e17_the_stamps_of_a_bank_account_and_of_a_contact_move_too() {
    let bank = ("Name,Last Date Modified", "Acme,22.11.2026");
    let contact = (
        "Name,Last Date Modified,Last Time Modified",
        "Acme,11/22/2026,8:00:00 AM",
    );
    let party = Party::met(BANK, contact, bank, STAMPING);
    party.counterpart_says("Newco,20.11.2026").reconciled();
    assert_eq!(party.contact(), "Newco,11/23/2026,9:30:00 AM");
    party
        .contact_says("Third,11/23/2026,9:31:00 AM")
        .reconciled();
    assert_eq!(party.counterpart(), "Third,23.11.2026");
    party.is_in_step();
}

#[test]
fn e17_a_stamp_is_written_as_its_column_writes_it_and_not_where_that_may_be_read_in_two_ways() {
    let last_date = [
        ("2009-01-14", "2026-11-23"),
        ("2009/01/14", "2026/11/23"),
        ("14.01.2009", "23.11.2026"),
        ("1.2.2009", "23.11.2026"),
        ("14/01/2009", "23/11/2026"),
        ("1/14/2009", "11/23/2026"),
        ("14-01-2009", "23-11-2026"),
        ("2009-01-14T00:00:00", "2026-11-23T00:00:00"),
        ("02/01/2009", "02/01/2009"),
        ("14.01.09", "14.01.09"),
        ("2009-13-45", "2009-13-45"),
        ("yesterday", "yesterday"),
        ("", ""),
    ];
    let last_date_time = [
        ("2009-01-14T10:20:30", "2026-11-23T09:30:00"),
        ("2009-01-14 10:20", "2026-11-23 09:30"),
        ("2009-01-14T10:20:30.123Z", "2026-11-23T09:30:00.000Z"),
        ("2009-01-14T10:20:30+02:00", "2026-11-23T11:30:00+02:00"),
        (
            "2009-01-14T10:20:30.1234567-0500",
            "2026-11-23T04:30:00.0000000-0500",
        ),
        ("14.01.2009 7:05:00", "23.11.2026 9:30:00"),
        ("01/14/2009 07:05 PM", "11/23/2026 09:30 AM"),
        ("02/01/2009 07:05", "02/01/2009 07:05"),
        ("2009-01-14T10:20:30 CET", "2009-01-14T10:20:30 CET"),
    ];
    let columns = ["Last Date Modified", "Last Modified Date Time"];
    for (column, cases) in columns
        .into_iter()
        .zip([&last_date[..], &last_date_time[..]])
    {
        for (before, after) in cases {
            let (columns, values) = (format!("Name,{column}"), format!("Acme,{before}"));
            let party = Party::met(CUSTOMER, ("Name", "Acme"), (&columns, &values), STAMPING);
            party.contact_says("Newco").reconciled();
            assert_eq!(party.counterpart(), format!("Newco,{after}"), "{before}");
            party.is_in_step();
        }
    }
}

#[test]
fn e17_a_stamp_is_written_by_the_pattern_of_its_table() {
    let customers = "export = \"customers.csv\"";
    for (pattern, before, after) in [
        ("%d/%m/%Y", "02/01/2009", "23/11/2026"),
        ("%m/%d/%Y", "02/01/2009", "11/23/2026"),
        ("%d/%m/%Y", "", "23/11/2026"),
        ("%d/%m/%Y", "2009-01-14", "2009-01-14"),
    ] {
        let config = format!(
            "[tables.contacts]\nexport = \"contacts.csv\"\n\
             [tables.customers]\n{customers}\nwrite_back = \"in-place\"\ndates = \"{pattern}\"\n\
             [tables.relations]\nexport = \"relations.csv\"\n{STAMPING}"
        );
        let exchange = crate::support::Exchange::new(&config);
        exchange
            .put("contacts.csv", "No.,Name\nC1,Acme\n")
            .put(
                "customers.csv",
                format!("No.,Name,Last Date Modified\n10,Acme,{before}\n"),
            )
            .put(
                "relations.csv",
                format!("{RELATION_COLUMNS}{}", CUSTOMER.relation()),
            );
        exchange.summary();
        exchange
            .put("contacts.csv", "No.,Name\nC1,Newco\n")
            .summary();
        let expected = format!("No.,Name,Last Date Modified\n10,Newco,{after}\n");
        assert_eq!(
            exchange.text("customers.csv"),
            expected,
            "{pattern} {before}"
        );
    }
}

#[test]
fn e17_a_stamp_goes_along_in_an_update_file_once_and_the_next_pass_is_in_step() {
    for contents in ["full", "delta"] {
        let config = format!(
            "[tables.contacts]\nexport = \"contacts.csv\"\n\
             [tables.vendors]\nexport = \"vendors.csv\"\nwrite_back = \"updates\"\ncontents = \"{contents}\"\n\
             [tables.relations]\nexport = \"relations.csv\"\n{STAMPING}"
        );
        let columns = "No.,Name,Own,Last Date Modified\n";
        let exchange = crate::support::Exchange::new(&config);
        exchange
            .put("contacts.csv", "No.,Name\nC1,Acme\n")
            .put("vendors.csv", format!("{columns}20,Acme,x,2026-11-22\n"))
            .put(
                "relations.csv",
                format!("{RELATION_COLUMNS}{}", VENDOR.relation()),
            );
        exchange.summary();
        if contents == "delta" {
            exchange
                .put("vendors.csv", format!("{columns}21,Other,x,2026-11-22\n"))
                .summary();
        }
        exchange.put("contacts.csv", "No.,Name\nC1,Newco\n");
        let files = exchange.summary().files;
        assert_eq!(
            exchange.text(files[0].to_str().expect("a path")),
            "No.,Name,Last Date Modified\n20,Newco,2026-11-23\n",
            "{contents}"
        );
        assert!(
            matches!(exchange.pass(), Outcome::InStep(_)),
            "not imported yet"
        );
        // Its system imports the name, and stamps the record itself.
        exchange.put("vendors.csv", format!("{columns}20,Newco,x,2026-11-24\n"));
        assert!(matches!(exchange.pass(), Outcome::InStep(_)), "imported");
        assert!(matches!(exchange.pass(), Outcome::InStep(_)), "and done");
    }
}

#[test]
fn e17_the_status_alone_moves_no_stamp_and_a_stamp_trips_no_guard() {
    let columns = "No.,Name,Contact Business Relation,Last Date Modified\n";
    let party = [
        ("contacts", format!("{columns}C1,Acme,,2026-11-22\n")),
        ("vendors", "No.,Name\n20,Acme\n".to_owned()),
        (
            "relations",
            format!("{RELATION_COLUMNS}{}", VENDOR.relation()),
        ),
    ];
    let party = party
        .each_ref()
        .map(|(table, text)| (*table, text.as_str()));
    let exchange = exchange(&party, STAMPING);
    exchange.summary();
    assert_eq!(
        exchange.text("contacts.csv"),
        format!("{columns}C1,Acme,Vendor,2026-11-22\n")
    );

    // Ten blanks are filled at a first meeting: nothing is replaced but the stamps.
    let rows = |row: &dyn Fn(usize) -> String| (10..20).map(row).collect::<String>();
    let tables = [
        (
            "contacts",
            format!("No.,City\n{}", rows(&|no| format!("C{no},Rome\n"))),
        ),
        (
            "customers",
            format!(
                "No.,City,Last Date Modified\n{}",
                rows(&|no| format!("{no},,2026-11-22\n"))
            ),
        ),
        (
            "relations",
            format!(
                "{RELATION_COLUMNS}{}",
                rows(&|no| format!("C{no},CUST,Customer,{no}\n"))
            ),
        ),
    ];
    let tables = tables
        .each_ref()
        .map(|(table, text)| (*table, text.as_str()));
    let exchange = crate::exchange(&tables, STAMPING);
    assert!(matches!(exchange.pass(), Outcome::Done(_)));
    assert_eq!(
        exchange.text("customers.csv"),
        format!(
            "No.,City,Last Date Modified\n{}",
            rows(&|no| format!("{no},Rome,2026-11-23\n"))
        )
    );
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
}

#[test]
fn e17_stamps_do_not_count_as_cells_that_another_system_exported_over() {
    let rows = |row: &dyn Fn(usize) -> String| (10..15).map(row).collect::<String>();
    let contacts = |city: &str| format!("No.,City\n{}", rows(&|no| format!("C{no},{city}\n")));
    let customers = format!(
        "No.,City,Last Date Modified\n{}",
        rows(&|no| format!("{no},Rome,2026-11-22\n"))
    );
    let relations = rows(&|no| format!("C{no},CUST,Customer,{no}\n"));
    let exchange = exchange(
        &[
            ("contacts", &contacts("Rome")),
            ("customers", &customers),
            ("relations", &format!("{RELATION_COLUMNS}{relations}")),
        ],
        STAMPING,
    );
    exchange.summary();
    exchange.put("contacts.csv", contacts("Oslo")).summary();
    // Five values return, and five stamps with them: ten cells would be a pattern, five may be corrections.
    exchange.put("customers.csv", &customers).summary();
    assert_eq!(exchange.text("contacts.csv"), contacts("Rome"));
}

#[test]
fn e17_a_record_whose_word_waits_in_a_conflict_keeps_the_date_of_that_word() {
    let newest = "[merge]\nstamp_last_modified = true\non_conflict = \"newest\"\n";
    let columns = "City,Phone No.,Last Date Modified";
    let before = (columns, "Rome,1,2026-11-01");
    let party = Party::met(CUSTOMER, before, before, newest);
    // Both were edited on the same day: nobody is newer, also after the phone number was written.
    party
        .contact_says("Oslo,2,2026-11-20")
        .counterpart_says("Bonn,1,2026-11-20");
    assert_eq!(party.exchange.summary().plan.conflicts.len(), 1);
    assert_eq!(party.counterpart(), "Bonn,2,2026-11-20");
    assert_eq!(party.exchange.summary().plan.conflicts.len(), 1);
    assert_eq!(party.contact(), "Oslo,2,2026-11-20");
}

#[test]
fn e17_a_saved_plan_with_stamps_is_still_the_plan_when_its_time_has_passed() {
    let customer = ("Name,Last Date Modified", "Acme,2026-11-22");
    let party = Party::met(CUSTOMER, ("Name", "Acme"), customer, STAMPING);
    let saved = party.contact_says("Newco").exchange.dry_run().plan;
    let mut later = saved.clone();
    let stamp = later
        .changes
        .iter_mut()
        .find(|change| change.rule == Rule::Stamped);
    "2026-11-24".clone_into(&mut stamp.expect("a stamp").to);
    assert_eq!(saved.digest(), later.digest());
}

#[test]
fn e20_what_another_source_fills_in_on_a_blank_contact_reaches_the_customer() {
    for kind in [CUSTOMER, BANK] {
        let party = Party::in_step(kind, "Name,Address,City,Post Code", ",,,");
        party.contact_says("Acme,High St 2,Leeds,LS1").reconciled();
        assert_eq!(party.counterpart(), "Acme,High St 2,Leeds,LS1");
        party.is_in_step();
    }
}

#[test]
fn e21_what_another_source_fills_in_on_a_blank_contact_reaches_the_vendor() {
    let party = Party::in_step(VENDOR, "Name,Address,City,Post Code", ",,,");
    party.contact_says("Acme,High St 2,Leeds,LS1").reconciled();
    assert_eq!(party.counterpart(), "Acme,High St 2,Leeds,LS1");
    party.is_in_step();
}

#[test]
fn e22_what_another_source_fills_in_on_a_customer_reaches_the_blank_contact() {
    for kind in [CUSTOMER, BANK] {
        let party = Party::in_step(kind, "Name,Address,City,Post Code", ",,,");
        party
            .counterpart_says("Acme,High St 2,Leeds,LS1")
            .reconciled();
        assert_eq!(party.contact(), "Acme,High St 2,Leeds,LS1");
        party.is_in_step();
    }
}

#[test]
fn e23_what_another_source_fills_in_on_a_vendor_reaches_the_blank_contact() {
    let party = Party::in_step(VENDOR, "Name,Address,City,Post Code", ",,,");
    party
        .counterpart_says("Acme,High St 2,Leeds,LS1")
        .reconciled();
    assert_eq!(party.contact(), "Acme,High St 2,Leeds,LS1");
    party.is_in_step();
}

const COMPANY: &str = "No.,Name,Type,Company No.,Phone No.,E-Mail\n\
                       C1,Acme,Company,C1,1,info@acme.example\n";
const PERSON: &str = "P1,Ann,Person,C1,99,ann@acme.example\n";
const LEDGER: &str = "No.,Name,Primary Contact No.,Contact,Phone No.,E-Mail\n";

#[test]
fn e24_the_phone_number_and_e_mail_of_a_primary_contact_do_not_reach_the_customer() {
    let exchange = exchange(
        &[
            ("contacts", &format!("{COMPANY}{PERSON}")),
            (
                "customers",
                &format!("{LEDGER}10,Acme,,,1,info@acme.example\n"),
            ),
            (
                "relations",
                &format!("{RELATION_COLUMNS}{}", CUSTOMER.relation()),
            ),
        ],
        "",
    );
    exchange.summary();
    let with_ann = format!("{LEDGER}10,Acme,P1,Ann,1,info@acme.example\n");
    exchange.put("customers.csv", &with_ann);
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    assert_eq!(exchange.text("customers.csv"), with_ann);
    assert_eq!(exchange.text("contacts.csv"), format!("{COMPANY}{PERSON}"));
}

#[test]
fn e25_the_phone_number_and_e_mail_of_a_primary_contact_do_not_reach_the_vendor() {
    let exchange = exchange(
        &[
            ("contacts", &format!("{COMPANY}{PERSON}")),
            (
                "vendors",
                &format!("{LEDGER}20,Acme,,,1,info@acme.example\n"),
            ),
            (
                "relations",
                &format!("{RELATION_COLUMNS}{}", VENDOR.relation()),
            ),
        ],
        "",
    );
    exchange.summary();
    let with_ann = format!("{LEDGER}20,Acme,P1,Ann,1,info@acme.example\n");
    exchange.put("vendors.csv", &with_ann);
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    assert_eq!(exchange.text("vendors.csv"), with_ann);
    assert_eq!(exchange.text("contacts.csv"), format!("{COMPANY}{PERSON}"));
}

#[test]
fn e26_a_new_person_of_the_company_does_not_become_the_customers_contact() {
    for kind in KINDS {
        let file = format!("{}.csv", kind.table);
        let own = format!("{LEDGER}{},Acme,,,1,info@acme.example\n", kind.no);
        let exchange = exchange(
            &[
                ("contacts", COMPANY),
                (kind.table, &own),
                (
                    "relations",
                    &format!("{RELATION_COLUMNS}{}", kind.relation()),
                ),
            ],
            "",
        );
        exchange.summary();
        exchange.put("contacts.csv", format!("{COMPANY}{PERSON}"));
        assert!(matches!(exchange.pass(), Outcome::InStep(_)));
        assert_eq!(exchange.text(&file), own);
    }
}
