//! B: contacts created from counterparts, by a rule or on request. Where Business Central inserts a record, one appears here.

use std::fs;

use couplet::sync::Outcome;

use crate::office::{
    CONTACTS, COUNTERPARTS, SERIES, assert_in_step, assert_refused, clean, config, create,
    create_contacts, files, logged, office, office_to, without_code,
};
use crate::support::Exchange;
use crate::{BANK, CUSTOMER, KINDS, Kind, RELATION_COLUMNS, VENDOR, row};

/// A counterpart of this kind appears, and has a contact after the pass.
fn a_new_counterpart_gets_a_contact(kind: &Kind) {
    let old = "C1,Old,Oslo,Company,C1,Old,\n";
    let exchange = office(kind, SERIES, &format!("{CONTACTS}{old}"), COUNTERPARTS);
    clean(&exchange);
    let counterparts = format!("{COUNTERPARTS}10,Acme,Rome\n");
    exchange.put(&kind.file(), &counterparts);
    let before = files(&exchange);
    let dry = exchange.dry_run();
    assert_eq!(dry.plan.creations[0].no, "CT1");
    assert_eq!(files(&exchange), before);
    let summary = clean(&exchange);
    assert_eq!(summary.couplings, 1);
    let contact = format!("CT1,Acme,Rome,Company,CT1,Acme,{}\n", kind.caption);
    assert_eq!(
        exchange.text("contacts.csv"),
        format!("{CONTACTS}{old}{contact}")
    );
    assert_eq!(
        exchange.text("relations.csv"),
        format!("{RELATION_COLUMNS}{}", kind.relation_of("CT1", "10"))
    );
    assert_eq!(exchange.text(&kind.file()), counterparts);
    let noun = kind.noun();
    let interactions = logged(&exchange, "CT1");
    assert_eq!(interactions.len(), 1, "{interactions:?}");
    assert!(
        interactions[0].starts_with(&format!(
            "contact CT1 created: {noun} 10 is new; coupled with {noun} 10"
        )),
        "{interactions:?}"
    );
    assert_in_step(&exchange);
    // It is a party like any other from now on.
    exchange.put(&kind.file(), counterparts.replace("Rome", "Paris"));
    clean(&exchange);
    assert!(exchange.text("contacts.csv").contains("CT1,Acme,Paris,"));
    assert_in_step(&exchange);
}

#[test]
fn b01_a_new_customer_gets_a_contact() {
    a_new_counterpart_gets_a_contact(&CUSTOMER);
}

#[test]
fn b02_a_new_vendor_gets_a_contact() {
    a_new_counterpart_gets_a_contact(&VENDOR);
}

#[test]
fn b03_a_new_bank_account_gets_a_contact() {
    a_new_counterpart_gets_a_contact(&BANK);
}

/// A counterpart of this kind that was there from the beginning gets a contact on request.
fn a_contact_is_created_on_request(kind: &Kind) {
    let counterparts = format!("{COUNTERPARTS}10,Acme,Rome\n20,Bell,Oslo\n30,Cole,Bonn\n");
    let exchange = office(kind, SERIES, CONTACTS, &counterparts);
    clean(&exchange);
    assert_eq!(exchange.text("contacts.csv"), CONTACTS);
    let before = files(&exchange);
    let dry = create_contacts(&exchange, kind, &["--no", "20", "--dry-run"]);
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(dry.out.contains("CT1"), "{dry:?}");
    assert_eq!(files(&exchange), before);
    let ran = create_contacts(&exchange, kind, &["--no", "20"]);
    assert_eq!(
        (ran.code, ran.out),
        (0, format!("CT1  {} 20\n", kind.noun()))
    );
    let bell = format!("CT1,Bell,Oslo,Company,CT1,Bell,{}\n", kind.caption);
    assert_eq!(exchange.text("contacts.csv"), format!("{CONTACTS}{bell}"));
    let relation = kind.relation_of("CT1", "20");
    assert_eq!(
        exchange.text("relations.csv"),
        format!("{RELATION_COLUMNS}{relation}")
    );
    assert_eq!(exchange.text(&kind.file()), counterparts);
    assert_in_step(&exchange);
    let description = &logged(&exchange, "CT1")[0];
    assert!(
        description.contains(&format!("{} 20 had no contact", kind.noun())),
        "{description}"
    );
    // The rest of them; who has one is left alone.
    let ran = create_contacts(&exchange, kind, &[]);
    let noun = kind.noun();
    assert_eq!(
        ran.out,
        format!("CT2  {noun} 10\nCT3  {noun} 30\n"),
        "{ran:?}"
    );
    assert_in_step(&exchange);
    let ran = create_contacts(&exchange, kind, &[]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{:?}", ran.err);
    let from = kind.plural();
    let named = ["20", "CT1"];
    assert_refused(
        &exchange,
        &["create", "contacts", "--from", &from, "--no", "20"],
        &named,
    );
    assert_refused(
        &exchange,
        &["create", "contacts", "--from", &from, "--no", "99"],
        &["99"],
    );
}

#[test]
fn b04_a_customer_gets_a_contact_on_request() {
    a_contact_is_created_on_request(&CUSTOMER);
}

#[test]
fn b05_a_vendor_gets_a_contact_on_request() {
    a_contact_is_created_on_request(&VENDOR);
    a_contact_is_created_on_request(&BANK);
}

#[test]
fn b04_the_relation_carries_the_code_of_the_setup() {
    for kind in &KINDS {
        let tables = ["contacts", kind.table, "relations"];
        let config = config(&tables, SERIES, "in-place", "");
        let exchange = Exchange::of(&config.replace(&format!("\"{}\"", kind.code), "\"mine\""));
        exchange.put("contacts.csv", CONTACTS);
        exchange.put(&kind.file(), format!("{COUNTERPARTS}10,Acme,Rome\n"));
        exchange.put("relations.csv", RELATION_COLUMNS);
        assert_eq!(create_contacts(&exchange, kind, &["--no", "10"]).code, 0);
        let relation = format!("CT1,MINE,{},10\n", kind.caption);
        assert_eq!(
            exchange.text("relations.csv"),
            format!("{RELATION_COLUMNS}{relation}")
        );
    }
}

#[test]
fn b08_only_the_chosen_vendors_get_a_contact_with_their_currency() {
    for kind in &KINDS {
        let columns = "No.,Name,Currency Code\n";
        let counterparts = format!("{columns}10,Acme,CUR\n20,Bell,\n30,Cole,cur\n");
        let exchange = office(kind, SERIES, columns, &counterparts);
        let ran = create_contacts(&exchange, kind, &["--no", "30", "--no", "10"]);
        let noun = kind.noun();
        assert_eq!(
            ran.out,
            format!("CT1  {noun} 10\nCT2  {noun} 30\n"),
            "{ran:?}"
        );
        let contacts = exchange.text("contacts.csv");
        assert_eq!(
            contacts.to_uppercase(),
            format!("{columns}CT1,Acme,CUR\nCT2,Cole,CUR\n").to_uppercase()
        );
        assert_in_step(&exchange);
    }
}

#[test]
fn b10_a_contact_on_request_needs_the_business_relation_code() {
    for kind in &KINDS {
        let tables = ["contacts", kind.table, "relations"];
        let exchange = Exchange::of(&without_code(
            &config(&tables, SERIES, "in-place", ""),
            kind,
        ));
        exchange.put("contacts.csv", CONTACTS);
        exchange.put(&kind.file(), format!("{COUNTERPARTS}10,Acme,Rome\n"));
        exchange.put("relations.csv", RELATION_COLUMNS);
        clean(&exchange);
        let from = kind.plural();
        for more in [&[][..], &["--no", "10"]] {
            let arguments = [&["create", "contacts", "--from", &from], more].concat();
            assert_refused(&exchange, &arguments, &[kind.setup_code()]);
        }
        // Without being asked, nobody minds.
        exchange.put(
            &kind.file(),
            format!("{COUNTERPARTS}10,Acme,Rome\n20,Bell,Oslo\n"),
        );
        clean(&exchange);
        assert_eq!(exchange.text("contacts.csv"), CONTACTS);
    }
}

/// Counterparts that name a primary contact.
const NAMING: &str = "No.,Name,Phone No.,Contact,Primary Contact No.\n";
const PERSONS: &str =
    "No.,Name,Type,Company No.,Company Name,Phone No.,Contact Business Relation\n";

#[test]
fn b13_a_customer_with_a_contact_name_gets_a_person_as_primary_contact() {
    for kind in [CUSTOMER, VENDOR] {
        for on_request in [true, false] {
            let acme = "10,Acme,555-1,Jo Doe Jun,\n";
            let first = if on_request { acme } else { "" };
            let exchange = office(&kind, SERIES, PERSONS, &format!("{NAMING}{first}"));
            clean(&exchange);
            if on_request {
                let ran = create_contacts(&exchange, &kind, &["--no", "10"]);
                assert_eq!(ran.out, format!("CT1  {} 10\n", kind.noun()), "{ran:?}");
            } else {
                exchange.put(&kind.file(), format!("{NAMING}{acme}"));
                clean(&exchange);
            }
            let status = kind.caption;
            assert_eq!(
                exchange.text("contacts.csv"),
                format!(
                    "{PERSONS}CT1,Acme,Company,CT1,Acme,555-1,{status}\n\
                     CT2,Jo Doe Jun,Person,CT1,Acme,555-1,{status}\n"
                )
            );
            assert_eq!(
                exchange.text(&kind.file()),
                format!("{NAMING}10,Acme,555-1,Jo Doe Jun,CT2\n")
            );
            assert_eq!(
                exchange.text("relations.csv"),
                format!("{RELATION_COLUMNS}{}", kind.relation_of("CT1", "10"))
            );
            assert_eq!(
                logged(&exchange, "CT2"),
                ["contact CT2 created: it is the primary contact of CT1"]
            );
            assert_in_step(&exchange);
        }
    }
}

#[test]
fn b13_a_bank_account_with_a_contact_name_gets_its_contact_alone() {
    let counterparts = "No.,Name,Phone No.,Contact\nB1,Acme,555-1,Jo Doe\n";
    let exchange = office(&BANK, SERIES, PERSONS, counterparts);
    assert_eq!(
        create_contacts(&exchange, &BANK, &[]).out,
        "CT1  bank-account B1\n"
    );
    assert_eq!(
        exchange.text("contacts.csv"),
        format!("{PERSONS}CT1,Acme,Company,CT1,Acme,555-1,Bank Account\n")
    );
    assert_eq!(exchange.text("bank_accounts.csv"), counterparts);
    assert_in_step(&exchange);
}

/// A counterpart without a contact's name has its new company as primary contact.
fn no_person_without_a_name(kind: &Kind) {
    for on_request in [true, false] {
        let acme = "10,Acme,555-1,,\n";
        let first = if on_request { acme } else { "" };
        let exchange = office(kind, SERIES, PERSONS, &format!("{NAMING}{first}"));
        clean(&exchange);
        if on_request {
            assert_eq!(create_contacts(&exchange, kind, &[]).code, 0);
        } else {
            exchange.put(&kind.file(), format!("{NAMING}{acme}"));
            clean(&exchange);
        }
        assert_eq!(
            exchange.text("contacts.csv"),
            format!(
                "{PERSONS}CT1,Acme,Company,CT1,Acme,555-1,{}\n",
                kind.caption
            )
        );
        assert_eq!(
            exchange.text(&kind.file()),
            format!("{NAMING}10,Acme,555-1,,CT1\n")
        );
        assert_in_step(&exchange);
    }
}

#[test]
fn b15_a_customer_without_a_contact_name_gets_no_person() {
    no_person_without_a_name(&CUSTOMER);
}

#[test]
fn b16_a_vendor_without_a_contact_name_gets_no_person() {
    no_person_without_a_name(&VENDOR);
}

const TYPED: &str = "No.,Name,City,Contact Type,Contact,Primary Contact No.\n";

#[test]
fn b17_a_customer_whose_contact_type_is_person_gets_a_person() {
    let exchange = office(&CUSTOMER, SERIES, CONTACTS, TYPED);
    clean(&exchange);
    exchange.put(
        "customers.csv",
        format!("{TYPED}10,Jo Doe,Rome,Person,,\n20,Acme,Oslo,Company,,\n"),
    );
    clean(&exchange);
    assert_eq!(
        exchange.text("contacts.csv"),
        format!(
            "{CONTACTS}CT1,Jo Doe,Rome,Person,,,Customer\nCT2,Acme,Oslo,Company,CT2,Acme,Customer\n"
        )
    );
    assert_eq!(
        exchange.text("customers.csv"),
        format!("{TYPED}10,Jo Doe,Rome,Person,Jo Doe,CT1\n20,Acme,Oslo,Company,,CT2\n")
    );
    assert_in_step(&exchange);
    let on_request = office(
        &CUSTOMER,
        SERIES,
        CONTACTS,
        &format!("{TYPED}10,Jo Doe,Rome,Person,,\n"),
    );
    assert_eq!(create_contacts(&on_request, &CUSTOMER, &[]).code, 0);
    assert_eq!(
        on_request.text("contacts.csv"),
        format!("{CONTACTS}CT1,Jo Doe,Rome,Person,,,Customer\n")
    );
    assert_in_step(&on_request);
}

#[test]
fn b18_a_person_customer_is_its_own_primary_contact_and_is_called_as_that_is() {
    let exchange = office(&CUSTOMER, SERIES, CONTACTS, TYPED);
    clean(&exchange);
    exchange.put("customers.csv", format!("{TYPED}10,,Rome,Person,,\n"));
    clean(&exchange);
    assert_eq!(
        exchange.text("relations.csv"),
        format!("{RELATION_COLUMNS}{}", CUSTOMER.relation_of("CT1", "10"))
    );
    assert_eq!(
        exchange.text("customers.csv"),
        format!("{TYPED}10,,Rome,Person,,CT1\n")
    );
    for name in ["Jo Doe", "Jo Roe"] {
        let text = exchange.text("customers.csv");
        let rest = text.rsplit_once("Rome,Person").expect("a row").1;
        exchange.put(
            "customers.csv",
            format!("{TYPED}10,{name},Rome,Person{rest}"),
        );
        clean(&exchange);
        assert_eq!(
            exchange.text("customers.csv"),
            format!("{TYPED}10,{name},Rome,Person,{name},CT1\n")
        );
        assert_eq!(
            exchange.text("contacts.csv"),
            format!("{CONTACTS}CT1,{name},Rome,Person,,,Customer\n")
        );
        assert_in_step(&exchange);
    }
}

/// One counterpart more, from a template of its own system, makes exactly one contact more.
fn one_contact_more(kind: &Kind) {
    let known = format!("{CONTACTS}C1,One,Oslo,Company,C1,One,{}\n", kind.caption);
    let exchange = office(kind, SERIES, &known, &format!("{COUNTERPARTS}1,One,Oslo\n"));
    exchange.put(
        "relations.csv",
        format!("{RELATION_COLUMNS}{}", kind.relation_of("C1", "1")),
    );
    clean(&exchange);
    exchange.put(&kind.file(), format!("{COUNTERPARTS}1,One,Oslo\n2,Test,\n"));
    let summary = clean(&exchange);
    assert_eq!(summary.plan.creations.len(), 1);
    let test = format!("CT1,Test,,Company,CT1,Test,{}\n", kind.caption);
    assert_eq!(exchange.text("contacts.csv"), format!("{known}{test}"));
    let relations = kind.relation_of("C1", "1") + &kind.relation_of("CT1", "2");
    assert_eq!(
        exchange.text("relations.csv"),
        format!("{RELATION_COLUMNS}{relations}")
    );
    assert_in_step(&exchange);
}

#[test]
fn b19_one_new_customer_makes_one_contact_more() {
    one_contact_more(&CUSTOMER);
}

#[test]
fn b20_one_new_vendor_makes_one_contact_more() {
    one_contact_more(&VENDOR);
    one_contact_more(&BANK);
}

/// A contact with a blank name takes its counterpart's, whether that changed or was there all along.
fn a_blank_name_is_filled(kind: &Kind) {
    let columns = "No.,Name,IBAN\n";
    let exchange = office(
        kind,
        SERIES,
        "No.,Name\nC1,\nC2,\n",
        &format!("{columns}10,,DE1\n20,Bell,DE2\n"),
    );
    let relations = kind.relation_of("C1", "10") + &kind.relation_of("C2", "20");
    exchange.put("relations.csv", format!("{RELATION_COLUMNS}{relations}"));
    clean(&exchange);
    assert_eq!(exchange.text("contacts.csv"), "No.,Name\nC1,\nC2,Bell\n");
    exchange.put(&kind.file(), format!("{columns}10,AAA,DE1\n20,Bell,DE2\n"));
    clean(&exchange);
    assert_eq!(exchange.text("contacts.csv"), "No.,Name\nC1,AAA\nC2,Bell\n");
    assert_in_step(&exchange);
}

#[test]
fn b24_a_contact_whose_name_is_blank_takes_that_of_its_vendor() {
    a_blank_name_is_filled(&VENDOR);
    a_blank_name_is_filled(&CUSTOMER);
}

#[test]
fn b25_a_contact_whose_name_is_blank_takes_that_of_its_bank_account() {
    a_blank_name_is_filled(&BANK);
}

/// Two identical counterparts get their contacts and one warning. (For customers: `b26` in `l_duplicates`.)
fn twins_are_told_of(kind: &Kind) {
    let columns = "No.,Name,Address,Address 2,Phone No.\n";
    let twin = "Twin Ltd,7 High Street,Floor 2,99 88 77\n";
    let counterparts = format!("{columns}10,{twin}20,{twin}");
    let setup = format!("{SERIES}search_hit = 10\n");
    let exchange = office(kind, &setup, columns, &counterparts);
    let ran = create_contacts(&exchange, kind, &[]);
    let noun = kind.noun();
    assert_eq!(
        ran.out,
        format!("CT1  {noun} 10\nCT2  {noun} 20\n"),
        "{ran:?}"
    );
    assert_eq!(ran.err.matches("may be duplicates").count(), 1, "{ran:?}");
    assert!(ran.err.contains("CT1 and CT2"), "{ran:?}");
    assert_in_step(&exchange);
}

#[test]
fn b27_two_identical_vendors_get_their_contacts_and_one_warning() {
    twins_are_told_of(&VENDOR);
    twins_are_told_of(&CUSTOMER);
}

#[test]
fn b28_two_identical_bank_accounts_get_their_contacts_and_one_warning() {
    twins_are_told_of(&BANK);
}

#[test]
fn a_contact_that_is_made_from_a_counterpart_gets_no_defaults_but_its_person_does() {
    let columns = "No.,Name,Type,Company No.,Territory Code,Salutation Code,Salesperson Code,Correspondence Type\n";
    let setup = format!(
        "{SERIES}default_territory_code = \"T\"\ndef_company_salutation_code = \"S2\"\n\
         default_person_salutation_code = \"S1\"\nuser_salesperson_code = \"SP\"\n\
         default_correspondence_type = \"Email\"\n"
    );
    for kind in [CUSTOMER, VENDOR] {
        let exchange = office(
            &kind,
            &setup,
            columns,
            "No.,Name,Contact,Primary Contact No.\n10,Acme,Jo,\n",
        );
        assert_eq!(create_contacts(&exchange, &kind, &[]).code, 0);
        assert_eq!(
            exchange.text("contacts.csv"),
            format!("{columns}CT1,Acme,Company,CT1,,S2,,\nCT2,Jo,Person,CT1,T,S1,SP,Email\n")
        );
        assert_in_step(&exchange);
    }
    let exchange = office(&BANK, &setup, columns, "No.,Name\n10,Acme\n");
    assert_eq!(create_contacts(&exchange, &BANK, &[]).code, 0);
    assert_eq!(
        exchange.text("contacts.csv"),
        format!("{columns}CT1,Acme,Company,CT1,,S2,,\n")
    );
    assert_in_step(&exchange);
}

#[test]
fn who_gets_a_contact_unasked_is_configured() {
    for kind in &KINDS {
        for (word, at_first, later) in [("never", 0, 0), ("new", 0, 1), ("all", 2, 3)] {
            let setup = format!("{SERIES}create_contacts = \"{word}\"\n");
            let counterparts = format!("{COUNTERPARTS}10,Acme,Rome\n20,Bell,Oslo\n");
            let exchange = office(kind, &setup, CONTACTS, &counterparts);
            let made = || exchange.text("contacts.csv").lines().count() - 1;
            clean(&exchange);
            assert_eq!(made(), at_first, "{word}");
            exchange.put(&kind.file(), format!("{counterparts}30,Cole,Bonn\n"));
            clean(&exchange);
            assert_eq!(made(), later, "{word}");
            assert_in_step(&exchange);
            // Whoever asks gets the rest.
            let ran = create_contacts(&exchange, kind, &[]);
            assert_eq!(ran.code, 0, "{ran:?}");
            assert_eq!(made(), 3, "{word}");
            assert_in_step(&exchange);
        }
    }
}

#[test]
fn a_counterpart_that_has_a_contact_gets_none_and_one_of_the_same_number_does() {
    for (kind, other) in [(CUSTOMER, VENDOR), (VENDOR, BANK), (BANK, CUSTOMER)] {
        for word in ["new", "all"] {
            let tables = ["contacts", kind.table, other.table, "relations"];
            let setup = format!("{SERIES}create_contacts = \"{word}\"\n");
            let exchange = Exchange::of(&config(&tables, &setup, "in-place", ""));
            exchange.put("contacts.csv", "No.,Name,City\nC1,Acme,Rome\n");
            exchange.put("relations.csv", RELATION_COLUMNS);
            exchange.put(&kind.file(), COUNTERPARTS);
            exchange.put(&other.file(), COUNTERPARTS);
            if word == "new" {
                clean(&exchange);
            }
            // Both systems number from 10; only one of the two is related.
            exchange.put(
                "relations.csv",
                format!("{RELATION_COLUMNS}{}", other.relation_of("C1", "10")),
            );
            exchange.put(&kind.file(), format!("{COUNTERPARTS}10,Bell,Oslo\n"));
            exchange.put(&other.file(), format!("{COUNTERPARTS}10,Acme,Rome\n"));
            clean(&exchange);
            assert_eq!(
                exchange.text("contacts.csv"),
                "No.,Name,City\nC1,Acme,Rome\nCT1,Bell,Oslo\n",
                "{word} {}",
                kind.table
            );
            assert_in_step(&exchange);
        }
        let tables = ["contacts", kind.table, other.table, "relations"];
        let exchange = Exchange::of(&config(&tables, SERIES, "in-place", ""));
        exchange
            .put("contacts.csv", "No.,Name,City\nC1,Acme,Rome\n")
            .put(
                "relations.csv",
                format!("{RELATION_COLUMNS}{}", other.relation_of("C1", "10")),
            )
            .put(&kind.file(), format!("{COUNTERPARTS}10,Bell,Oslo\n"))
            .put(&other.file(), format!("{COUNTERPARTS}10,Acme,Rome\n"));
        let ran = create_contacts(&exchange, &kind, &[]);
        assert_eq!(ran.out, format!("CT1  {} 10\n", kind.noun()), "{ran:?}");
    }
}

#[test]
fn a_counterpart_that_a_relation_names_in_vain_gets_no_contact() {
    for kind in &KINDS {
        for relation in [
            kind.relation_of("C9", "10"),
            format!("C1,ALT,{},10\n", kind.caption),
        ] {
            let exchange = office(kind, SERIES, "No.,Name,City\nC1,Acme,Rome\n", COUNTERPARTS);
            exchange.put("relations.csv", format!("{RELATION_COLUMNS}C1,PROS,,\n"));
            clean(&exchange);
            exchange.put(
                "relations.csv",
                format!("{RELATION_COLUMNS}C1,PROS,,\n{relation}"),
            );
            exchange.put(&kind.file(), format!("{COUNTERPARTS}10,Acme,Rome\n"));
            let summary = exchange.summary();
            assert!(
                summary.plan.creations.is_empty(),
                "{relation}: {summary:#?}"
            );
            assert_eq!(create_contacts(&exchange, kind, &[]).out, "", "{relation}");
            let summary = exchange.summary();
            assert!(
                summary.plan.creations.is_empty(),
                "{relation}: {summary:#?}"
            );
        }
    }
}

#[test]
fn a_newcomer_waits_for_the_exports_that_its_contact_needs() {
    for kind in &KINDS {
        for file in ["contacts.csv", "relations.csv"] {
            let one = "C1,One,Oslo,Company,C1,One,\n";
            let exchange = office(kind, SERIES, &format!("{CONTACTS}{one}"), COUNTERPARTS);
            exchange.put("relations.csv", format!("{RELATION_COLUMNS}C1,PROS,,\n"));
            exchange.summary();
            let text = exchange.text(file);
            fs::remove_file(exchange.path(file)).expect("removed");
            exchange.put(&kind.file(), format!("{COUNTERPARTS}10,Acme,Rome\n"));
            for _ in 0..2 {
                let summary = exchange.summary();
                assert!(summary.plan.creations.is_empty(), "{summary:#?}");
            }
            exchange.put(file, &text);
            let summary = clean(&exchange);
            assert_eq!(summary.plan.creations.len(), 1, "{file}");
            assert!(exchange.text("contacts.csv").ends_with(&format!(
                "CT1,Acme,Rome,Company,CT1,Acme,{}\n",
                kind.caption
            )));
            assert_in_step(&exchange);
        }
    }
}

#[test]
fn a_newcomer_that_is_gone_or_coupled_when_its_time_comes_gets_nothing() {
    for kind in &KINDS {
        let one = "C1,One,Oslo,Company,C1,One,\n";
        let exchange = office(
            kind,
            SERIES,
            &format!("{CONTACTS}{one}"),
            &format!("{COUNTERPARTS}9,Nine,\n"),
        );
        clean(&exchange);
        fs::remove_file(exchange.path("contacts.csv")).expect("removed");
        exchange.put(
            &kind.file(),
            format!("{COUNTERPARTS}9,Nine,\n10,One,Oslo\n20,Bell,Rome\n"),
        );
        exchange.summary();
        // 10 is gone again, 20 is coupled by its own system.
        exchange.put(
            &kind.file(),
            format!("{COUNTERPARTS}9,Nine,\n20,One,Oslo\n"),
        );
        exchange.put(
            "relations.csv",
            format!("{RELATION_COLUMNS}{}", kind.relation_of("C1", "20")),
        );
        exchange.put("contacts.csv", format!("{CONTACTS}{one}"));
        let summary = exchange.summary();
        assert!(summary.plan.creations.is_empty(), "{summary:#?}");
        let status = one.replace("One,\n", &format!("One,{}\n", kind.caption));
        assert_eq!(exchange.text("contacts.csv"), format!("{CONTACTS}{status}"));
        assert_in_step(&exchange);
    }
}

#[test]
fn a_newcomer_that_vanishes_before_it_gets_a_contact_gets_one_when_it_returns() {
    for kind in &KINDS {
        for is_back_first in [true, false] {
            let one = "C1,One,Oslo,Company,C1,One,\n";
            let contacts = format!("{CONTACTS}{one}");
            let without = format!("{COUNTERPARTS}9,Nine,\n");
            let with = format!("{without}10,Acme,Rome\n");
            let exchange = office(kind, SERIES, &contacts, &without);
            exchange.put("relations.csv", format!("{RELATION_COLUMNS}C1,PROS,,\n"));
            clean(&exchange);
            fs::remove_file(exchange.path("contacts.csv")).expect("removed");
            for text in [&with, &without] {
                exchange.put(&kind.file(), text);
                exchange.summary();
            }
            if is_back_first {
                exchange.put(&kind.file(), &with);
                exchange.summary();
            }
            exchange.put("contacts.csv", &contacts);
            if !is_back_first {
                assert!(clean(&exchange).plan.creations.is_empty());
                exchange.put(&kind.file(), &with);
            }
            assert_eq!(clean(&exchange).couplings, 1, "{is_back_first}");
            assert!(row(&exchange, "contacts", "CT1").contains("Acme"));
            assert_in_step(&exchange);
        }
    }
}

#[test]
fn many_newcomers_trip_no_guard() {
    for kind in &KINDS {
        let old = |n: usize| format!("C{n},Old {n},Oslo,Company,C{n},Old {n},{}\n", kind.caption);
        let contacts = CONTACTS.to_owned() + &(0..12).map(old).collect::<String>();
        let counterpart = |n: usize| format!("{n},Old {n},Oslo\n");
        let counterparts = COUNTERPARTS.to_owned() + &(0..12).map(counterpart).collect::<String>();
        let exchange = office(kind, SERIES, &contacts, &counterparts);
        let relation = |n: usize| kind.relation_of(&format!("C{n}"), &n.to_string());
        exchange.put(
            "relations.csv",
            RELATION_COLUMNS.to_owned() + &(0..12).map(relation).collect::<String>(),
        );
        clean(&exchange);
        let new = |n: usize| format!("{n},New {n},Rome\n");
        exchange.put(
            &kind.file(),
            counterparts + &(100..150).map(new).collect::<String>(),
        );
        let summary = clean(&exchange);
        assert_eq!((summary.plan.creations.len(), summary.couplings), (50, 62));
        assert_in_step(&exchange);
    }
}

#[test]
fn many_persons_on_request_trip_no_guard() {
    for kind in [CUSTOMER, VENDOR] {
        let row = |n: usize| format!("{n},Firm {n},55-{n},Person {n},\n");
        let counterparts = NAMING.to_owned() + &(100..150).map(row).collect::<String>();
        let exchange = office(&kind, SERIES, PERSONS, &counterparts);
        let ran = create_contacts(&exchange, &kind, &[]);
        assert_eq!((ran.code, ran.out.lines().count()), (0, 50), "{ran:?}");
        assert_eq!(exchange.text("contacts.csv").lines().count(), 101);
        assert_in_step(&exchange);
    }
}

#[test]
fn a_created_contact_is_in_flight_until_its_system_shows_it() {
    for kind in &KINDS {
        let one = "C1,One,Oslo,Company,C1,One,\n";
        let exchange = office_to(
            kind,
            SERIES,
            &format!("{CONTACTS}{one}"),
            COUNTERPARTS,
            "updates",
        );
        clean(&exchange);
        exchange.put(&kind.file(), format!("{COUNTERPARTS}10,Acme,Rome\n"));
        let summary = clean(&exchange);
        let pass = summary.pass.expect("a pass");
        let update = |table: &str, pass: u64| format!("updates/{table}_{pass:06}.csv");
        let contact = exchange.text(&update("contacts", pass));
        assert!(
            contact.starts_with("No.,Name,City,") && contact.contains("\nCT1,Acme,Rome,"),
            "{contact}"
        );
        assert!(
            exchange
                .text(&update("relations", pass))
                .ends_with(&kind.relation_of("CT1", "10"))
        );
        assert_eq!(
            exchange.text("contacts.csv"),
            format!("{CONTACTS}{one}"),
            "the export is its system's"
        );
        assert_in_step(&exchange);
        // Exports that do not show it yet take nothing away and repeat nothing.
        for name in ["Uno", "Un"] {
            exchange.put(
                "contacts.csv",
                format!("{CONTACTS}{}", one.replace("One", name)),
            );
            let summary = clean(&exchange);
            assert!(!summary.plan.writes(), "{summary:#?}");
        }
        // The counterpart goes on; its contact follows although nobody has seen it.
        exchange.put(&kind.file(), format!("{COUNTERPARTS}10,Acme,Paris\n"));
        let summary = clean(&exchange);
        let second = exchange.text(&update("contacts", summary.pass.expect("a pass")));
        assert!(
            second.contains("CT1") && second.contains("Paris"),
            "{second}"
        );
        // Its system imports both, and shows them.
        let shown = format!("CT1,Acme,Paris,Company,CT1,Acme,{}\n", kind.caption);
        exchange.put("contacts.csv", format!("{CONTACTS}{one}{shown}"));
        exchange.put(
            "relations.csv",
            format!("{RELATION_COLUMNS}{}", kind.relation_of("CT1", "10")),
        );
        let summary = clean(&exchange);
        assert!(!summary.plan.writes(), "{summary:#?}");
        assert_in_step(&exchange);
        let status = exchange.run(&["status", "--format", "json"]);
        let status: serde_json::Value = serde_json::from_str(&status.out).expect("JSON");
        assert_eq!(
            status["in_flight"].to_string().matches("CT1").count(),
            0,
            "{status}"
        );
        // Who deletes it now deletes it.
        exchange.put("contacts.csv", format!("{CONTACTS}{one}"));
        let summary = exchange.summary();
        assert_eq!(summary.plan.uncouplings.len(), 1, "{summary:#?}");
    }
}

#[test]
fn a_created_person_is_in_flight_like_its_company() {
    for kind in [CUSTOMER, VENDOR] {
        let exchange = office_to(
            &kind,
            SERIES,
            &format!("{PERSONS}C1,One,Company,C1,One,,\n"),
            NAMING,
            "updates",
        );
        clean(&exchange);
        exchange.put(&kind.file(), format!("{NAMING}10,Acme,55,Jo,\n"));
        let pass = clean(&exchange).pass.expect("a pass");
        assert_in_step(&exchange);
        let contacts = exchange.text(&format!("updates/contacts_{pass:06}.csv"));
        assert!(
            contacts.contains("CT1,Acme,") && contacts.contains("CT2,Jo,"),
            "{contacts}"
        );
        let update = exchange.text(&format!("updates/{}_{pass:06}.csv", kind.table));
        assert!(update.contains("CT2"), "{update}");
        // The company arrives before the person does, and the ledger shows its primary contact later still.
        let status = kind.caption;
        let company =
            format!("{PERSONS}C1,One,Company,C1,One,,\nCT1,Acme,Company,CT1,Acme,55,{status}\n");
        exchange.put("contacts.csv", &company);
        exchange.put(
            "relations.csv",
            format!("{RELATION_COLUMNS}{}", kind.relation_of("CT1", "10")),
        );
        assert!(!clean(&exchange).plan.writes());
        exchange.put(
            "contacts.csv",
            format!("{company}CT2,Jo,Person,CT1,Acme,55,{status}\n"),
        );
        assert!(!clean(&exchange).plan.writes());
        exchange.put(&kind.file(), format!("{NAMING}10,Acme,55,Jo,CT2\n"));
        assert!(!clean(&exchange).plan.writes());
        assert_in_step(&exchange);
    }
}

#[test]
fn a_counterpart_that_couplet_created_gets_no_second_contact() {
    for kind in &KINDS {
        for write_back in ["in-place", "updates"] {
            let contacts = format!("{CONTACTS}C1,Acme,Rome,Company,C1,Acme,\n");
            let exchange = office_to(kind, SERIES, &contacts, COUNTERPARTS, write_back);
            exchange.summary();
            assert_eq!(create(&exchange, kind, "C1", &[]).code, 0);
            assert_in_step(&exchange);
            if write_back == "updates" {
                // The ledger imports first, the relation follows an export later.
                exchange.put(
                    &kind.file(),
                    format!("{COUNTERPARTS}{},Acme,Rome\n", kind.first()),
                );
                assert!(!clean(&exchange).plan.writes());
                exchange.put(
                    "relations.csv",
                    format!("{RELATION_COLUMNS}{}", kind.relation_of("C1", kind.first())),
                );
                assert!(!clean(&exchange).plan.writes());
            }
            assert_in_step(&exchange);
            assert_eq!(create_contacts(&exchange, kind, &[]).out, "");
        }
    }
}

#[test]
fn contacts_of_several_kinds_are_numbered_in_the_order_of_the_command() {
    let tables = [
        "contacts",
        "customers",
        "vendors",
        "bank_accounts",
        "relations",
    ];
    let exchange = Exchange::of(&config(&tables, SERIES, "in-place", ""));
    exchange
        .put("contacts.csv", CONTACTS)
        .put("relations.csv", RELATION_COLUMNS);
    for kind in &KINDS {
        exchange.put(
            &kind.file(),
            format!("{COUNTERPARTS}10,{},Rome\n", kind.caption),
        );
    }
    let ran = exchange.run(&[
        "create",
        "contacts",
        "--from",
        "vendors,bank-accounts,customers",
    ]);
    assert_eq!(
        ran.out, "CT1  vendor 10\nCT2  bank-account 10\nCT3  customer 10\n",
        "{ran:?}"
    );
    assert_in_step(&exchange);
    let ran = exchange.run(&[
        "create",
        "contacts",
        "--from",
        "vendors,customers",
        "--no",
        "10",
    ]);
    assert_eq!(ran.code, 64, "{ran:?}");
    let ran = exchange.run(&["create", "contacts", "--from", "employees"]);
    assert_eq!(ran.code, 64, "{ran:?}");
}

#[test]
fn a_refused_kind_leaves_the_other_ones_alone_too() {
    let tables = ["contacts", "customers", "vendors", "relations"];
    let exchange = Exchange::of(&without_code(
        &config(&tables, SERIES, "in-place", ""),
        &VENDOR,
    ));
    exchange
        .put("contacts.csv", CONTACTS)
        .put("relations.csv", RELATION_COLUMNS)
        .put("customers.csv", format!("{COUNTERPARTS}10,Acme,Rome\n"))
        .put("vendors.csv", format!("{COUNTERPARTS}20,Bell,Oslo\n"));
    let arguments = ["create", "contacts", "--from", "customers,vendors"];
    assert_refused(&exchange, &arguments, &["bus_rel_code_for_vendors"]);
}

#[test]
fn contacts_are_created_in_json_exports() {
    for kind in &KINDS {
        for (open, close) in [("[", "]"), ("{\"value\":[", "]}")] {
            let tables = ["contacts", kind.table, "relations"];
            let config =
                config(&tables, SERIES, "in-place", "").replace(".csv\"\nwrite", ".json\"\nwrite");
            let exchange = Exchange::of(&config);
            let json = |rows: &str| format!("{open}{rows}{close}");
            let one =
                r#"{"No":"C1","Name":"One","City":"Oslo","Type":"Company","Company_No":"C1"}"#;
            exchange.put("contacts.json", json(one));
            exchange.put("relations.json", json(r#"{"Contact_No":"C1","Business_Relation_Code":"PROS","Link_to_Table":"_x0020_","No":""}"#));
            let old = r#"{"No":"9","Name":"Nine","City":"Bonn"}"#;
            let file = format!("{}.json", kind.table);
            exchange.put(&file, json(old));
            clean(&exchange);
            exchange.put(
                &file,
                json(&format!(
                    r#"{old},{{"No":"10","Name":"Acme","City":"Rome"}}"#
                )),
            );
            clean(&exchange);
            let rows = |file: &str| -> Vec<serde_json::Value> {
                let text = exchange.text(file);
                let all: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                let rows = all.get("value").unwrap_or(&all);
                rows.as_array().expect("rows").clone()
            };
            let contacts = rows("contacts.json");
            assert_eq!(contacts.len(), 2);
            let cell = |name: &str| contacts[1][name].as_str().unwrap_or_default().to_owned();
            assert_eq!(
                [
                    cell("No"),
                    cell("Name"),
                    cell("City"),
                    cell("Type"),
                    cell("Company_No")
                ],
                ["CT1", "Acme", "Rome", "Company", "CT1"]
            );
            assert_eq!(rows("relations.json")[1]["No"], "10");
            assert_in_step(&exchange);
            let ran = create_contacts(&exchange, kind, &[]);
            assert_eq!(ran.out, format!("CT2  {} 9\n", kind.noun()), "{ran:?}");
            assert_in_step(&exchange);
        }
    }
}

#[test]
fn without_a_place_for_the_relation_no_contact_is_created() {
    for kind in &KINDS {
        let read_only = "[tables.relations]\nexport = \"relations.csv\"\n";
        let tables = ["contacts", kind.table];
        let exchange = Exchange::of(&config(&tables, SERIES, "in-place", read_only));
        exchange.put("contacts.csv", CONTACTS);
        exchange.put("relations.csv", RELATION_COLUMNS);
        exchange.put(&kind.file(), COUNTERPARTS);
        clean(&exchange);
        exchange.put(&kind.file(), format!("{COUNTERPARTS}10,Acme,Rome\n"));
        let arguments = ["create", "contacts", "--from", &kind.plural()];
        assert_refused(&exchange, &arguments, &["write_back"]);
        let summary = exchange.summary();
        assert_eq!(summary.plan.problems.len(), 1, "{summary:#?}");
        assert!(summary.plan.problems[0].reason.contains("write_back"));
        assert_eq!(exchange.text("contacts.csv"), CONTACTS);
        // It gets its contact as soon as there is a place.
        let tables = ["contacts", kind.table, "relations"];
        let summary = exchange.summary_of(&config(&tables, SERIES, "in-place", ""));
        assert!(summary.plan.problems.is_empty(), "{summary:#?}");
        assert_eq!(summary.plan.creations.len(), 1);
    }
}

#[test]
fn relations_that_couplet_keeps_begin_with_the_first_contact() {
    for kind in &KINDS {
        for relations in [
            "owned = true\n",
            "export = \"own/relations.csv\"\nowned = true\n",
        ] {
            let relations = format!("[tables.relations]\n{relations}");
            let tables = ["contacts", kind.table];
            let exchange = Exchange::of(&config(&tables, SERIES, "in-place", &relations));
            let file = if relations.contains("export") {
                "own/relations.csv"
            } else {
                "state/relations.csv"
            };
            exchange.put("contacts.csv", CONTACTS);
            exchange.put(&kind.file(), COUNTERPARTS);
            clean(&exchange);
            assert_in_step(&exchange);
            exchange.put(&kind.file(), format!("{COUNTERPARTS}10,Acme,Rome\n"));
            clean(&exchange);
            let kept = exchange.text(file);
            assert_eq!(
                kept.replace('\r', ""),
                format!("{RELATION_COLUMNS}{}", kind.relation_of("CT1", "10"))
            );
            assert_in_step(&exchange);
            exchange.put(
                &kind.file(),
                format!("{COUNTERPARTS}10,Acme,Rome\n20,Bell,Oslo\n"),
            );
            assert_eq!(clean(&exchange).couplings, 2);
            assert_in_step(&exchange);
            // Once it held relations it says nothing when it is missing, and nobody is uncoupled.
            let kept = exchange.text(file);
            fs::remove_file(exchange.path(file)).expect("removed");
            exchange.put(
                &kind.file(),
                format!("{COUNTERPARTS}10,Acme,Paris\n20,Bell,Oslo\n"),
            );
            let summary = exchange.summary();
            assert_eq!(summary.plan.problems.len(), 1, "{summary:#?}");
            assert_eq!((summary.couplings, summary.plan.uncouplings.len()), (2, 0));
            exchange.put(file, kept);
            clean(&exchange);
            assert_in_step(&exchange);
            assert!(exchange.text("contacts.csv").contains("CT1,Acme,Paris,"));
        }
    }
}

#[test]
fn a_value_that_the_contact_cannot_hold_is_a_problem_and_the_rest_is_created() {
    for kind in &KINDS {
        let counterparts = format!("{COUNTERPARTS}10,{},Rome\n", "x".repeat(101));
        let exchange = office(kind, SERIES, CONTACTS, COUNTERPARTS);
        clean(&exchange);
        exchange.put(&kind.file(), &counterparts);
        let summary = exchange.summary();
        assert!(!summary.plan.problems.is_empty(), "{summary:#?}");
        assert!(
            exchange
                .text("contacts.csv")
                .contains("\nCT1,,Rome,Company,CT1,")
        );
        let before = files(&exchange);
        let outcome = exchange.pass();
        assert!(matches!(&outcome, Outcome::InStep(_)), "{outcome:#?}");
        assert_eq!(files(&exchange), before);
        exchange.put(&kind.file(), format!("{COUNTERPARTS}10,Acme,Rome\n"));
        clean(&exchange);
        assert!(
            exchange
                .text("contacts.csv")
                .contains("\nCT1,Acme,Rome,Company,CT1,Acme,")
        );
        assert_in_step(&exchange);
    }
}

#[test]
fn a_newcomer_whose_primary_contact_works_for_a_company_belongs_to_that_company() {
    let status = |kind: &Kind| {
        format!(
            "{PERSONS}C1,Acme,Company,C1,Acme,55,{0}\nP1,Jo,Person,C1,Acme,55,{0}\n",
            kind.caption
        )
    };
    for kind in [CUSTOMER, VENDOR] {
        for waiting in ["", &format!("C1,{},,\n", kind.code)] {
            let contacts = status(&kind).replace(kind.caption, "");
            let exchange = office(&kind, SERIES, &contacts, NAMING);
            exchange.put("relations.csv", format!("{RELATION_COLUMNS}{waiting}"));
            exchange.summary();
            exchange.put(&kind.file(), format!("{NAMING}10,Acme,55,,P1\n"));
            let summary = clean(&exchange);
            assert!(summary.plan.creations.is_empty(), "{summary:#?}");
            let relation = kind.relation_of("C1", "10");
            assert_eq!(
                exchange.text("relations.csv"),
                format!("{RELATION_COLUMNS}{relation}")
            );
            assert_eq!(
                exchange.text(&kind.file()),
                format!("{NAMING}10,Acme,55,Jo,P1\n")
            );
            assert_eq!(exchange.text("contacts.csv"), status(&kind));
            assert_in_step(&exchange);
        }
    }
}

#[test]
fn with_never_nobody_is_created_for_a_primary_contact_either() {
    for kind in [CUSTOMER, VENDOR] {
        let setup = format!("{SERIES}create_contacts = \"never\"\n");
        let contacts = format!("{PERSONS}P1,Jo,Person,,,55,\n");
        let exchange = office(&kind, &setup, &contacts, NAMING);
        clean(&exchange);
        exchange.put(&kind.file(), format!("{NAMING}10,Acme,55,,P1\n"));
        let summary = exchange.summary();
        assert!(summary.plan.creations.is_empty(), "{summary:#?}");
        assert_eq!(exchange.text("contacts.csv"), contacts);
    }
}

#[test]
fn every_form_of_update_carries_what_is_created() {
    for kind in &KINDS {
        for how in [
            "update = \"cells\"",
            "update = \"records\"",
            "update = \"full\"",
            "contents = \"delta\"",
        ] {
            let tables = ["contacts", kind.table, "relations"];
            let config = config(&tables, SERIES, "updates", "");
            let exchange =
                Exchange::of(&config.replace("write_back", &format!("{how}\nwrite_back")));
            let one = "C1,One,Oslo,Company,C1,One,\n";
            exchange.put("contacts.csv", format!("{CONTACTS}{one}"));
            exchange.put("relations.csv", RELATION_COLUMNS);
            exchange.put(&kind.file(), format!("{COUNTERPARTS}9,Nine,Bonn\n"));
            clean(&exchange);
            exchange.put(
                &kind.file(),
                format!("{COUNTERPARTS}9,Nine,Bonn\n10,Acme,Rome\n"),
            );
            clean(&exchange);
            let update = exchange.text("updates/contacts_000002.csv");
            assert!(
                update.contains("\nCT1,Acme,Rome,Company,CT1,"),
                "{how}: {update}"
            );
            assert_eq!(update.contains("C1,One"), how.contains("full"), "{update}");
            assert!(
                exchange
                    .text("updates/relations_000002.csv")
                    .contains(&kind.relation_of("CT1", "10"))
            );
            assert_in_step(&exchange);
            assert_eq!(
                create(&exchange, kind, "C1", &[]).out,
                format!("{}\n", kind.first())
            );
            let update = exchange.text(&format!("updates/{}_000003.csv", kind.table));
            assert!(
                update.contains(&format!("\n{},One,Oslo\n", kind.first())),
                "{how}: {update}"
            );
            assert_in_step(&exchange);
            if how.contains("delta") {
                // A delta that lists others, and then one that lists what was created.
                exchange.put(
                    "contacts.csv",
                    format!("{CONTACTS}C7,Seven,,Company,C7,Seven,\n"),
                );
                assert!(!clean(&exchange).plan.writes());
                exchange.put(
                    "contacts.csv",
                    format!("{CONTACTS}CT1,Acme,Ulm,Company,CT1,Acme,{}\n", kind.caption),
                );
                let summary = clean(&exchange);
                assert_eq!(summary.plan.changes[0].to, "Ulm", "{summary:#?}");
                assert_in_step(&exchange);
            }
        }
    }
}

#[test]
fn a_new_row_follows_the_dialect_of_its_file() {
    for kind in &KINDS {
        let exchange = office(kind, SERIES, CONTACTS, COUNTERPARTS);
        let contacts = "\u{feff}\"No.\";\"Name\";\"City\";\"Type\";\"Company No.\"\r\n\"C1\";\"One\";\"Oslo\";\"Company\";\"C1\"\r\n";
        let relations =
            "Contact No.\tBusiness Relation Code\tLink to Table\tNo.\r\nC1\tPROS\t\t\r\n";
        exchange
            .put("contacts.csv", contacts)
            .put("relations.csv", relations);
        clean(&exchange);
        exchange.put(
            &kind.file(),
            format!("{COUNTERPARTS}10,\"Acme; \"\"Sons\"\"\",Rome\n"),
        );
        clean(&exchange);
        assert_eq!(
            exchange.text("contacts.csv"),
            format!("{contacts}\"CT1\";\"Acme; \"\"Sons\"\"\";\"Rome\";\"Company\";\"CT1\"\r\n")
        );
        assert_eq!(
            exchange.text("relations.csv"),
            format!(
                "{relations}{}",
                kind.relation_of("CT1", "10")
                    .replace(',', "\t")
                    .replace('\n', "\r\n")
            )
        );
        assert_in_step(&exchange);
    }
}

#[test]
fn contacts_are_created_of_customers_that_the_last_delta_does_not_list_too() {
    let exchange = crate::exchange_through(
        "updates\"\ncontents = \"delta",
        &[
            ("contacts", "No.,Name\nC9,Nine\n"),
            ("customers", "No.,Name\n10,Acme\n11,Beta\n"),
            ("relations", &format!("{RELATION_COLUMNS}C9,PROS,,\n")),
        ],
        "",
    )
    .with("[setup]\ncontact_nos = \"N1\"\n");
    exchange.summary();
    exchange.put("customers.csv", "No.,Name\n11,Beta\n");
    exchange.summary();
    let made = exchange.run(&["create", "contacts", "--from", "customers"]);
    assert_eq!(made.out.lines().count(), 2, "{made:?}");
}
