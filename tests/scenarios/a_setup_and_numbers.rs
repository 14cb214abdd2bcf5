//! A: the setup, what a new contact gets from it, and number series.

use std::fs;

use crate::office::{
    CONTACTS, COUNTERPARTS, SERIES, assert_in_step, assert_refused, clean, config, create,
    create_contacts, files, logged, office, office_to,
};
use crate::support::{Exchange, Ran};
use crate::{BANK, CUSTOMER, KINDS, RELATION_COLUMNS, VENDOR};

#[test]
fn a02_without_a_number_series_no_contact_is_created() {
    for kind in &KINDS {
        let setup = SERIES.replace("contact_nos = \"CT1\"\n", "");
        let exchange = office(kind, &setup, CONTACTS, COUNTERPARTS);
        clean(&exchange);
        exchange.put(&kind.file(), format!("{COUNTERPARTS}10,Acme,Rome\n"));
        clean(&exchange);
        let named = ["`contact_nos` is not set"];
        assert_refused(&exchange, &["create", "contact", "--name", "Acme"], &named);
        let from = kind.plural();
        assert_refused(&exchange, &["create", "contacts", "--from", &from], &named);
        assert_eq!(exchange.text("contacts.csv"), CONTACTS);
        assert_eq!(exchange.text("relations.csv"), RELATION_COLUMNS);
        assert_in_step(&exchange);
    }
}

/// Columns that the setup has defaults for.
const DEFAULTED: &str = "No.,Name,Type,Company No.,Salesperson Code,Territory Code,Country/Region Code,Language Code,\
                         Format Region,Salutation Code,Correspondence Type\n";

/// All the defaults of the reference.
const DEFAULTS: &str = "default_salesperson_code = \"DS\"\ndefault_territory_code = \"t\"\n\
                        default_country_region_code = \"C\"\ndefault_language_code = \"L\"\n\
                        default_format_region = \"en-GB\"\ndef_company_salutation_code = \"S2\"\n\
                        default_person_salutation_code = \"S1\"\ndefault_correspondence_type = \"Hard Copy\"\n";

/// Contacts alone, under this setup.
fn contacts(setup: &str) -> Exchange {
    let setup = format!("contact_nos = \"CT1\"\n{setup}");
    let exchange = Exchange::of(&config(&["contacts"], &setup, "in-place", ""));
    exchange.put("contacts.csv", DEFAULTED);
    exchange
}

/// What `couplet create contact` with these arguments adds to the contacts.
fn created(exchange: &Exchange, arguments: &[&str]) -> String {
    let before = exchange.text("contacts.csv");
    let ran = asked(exchange, arguments);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_in_step(exchange);
    let after = exchange.text("contacts.csv");
    let row = after.strip_prefix(&before).expect("a row more");
    assert_eq!(row.split(',').next(), Some(ran.out.trim_end()));
    row.to_owned()
}

fn asked(exchange: &Exchange, arguments: &[&str]) -> Ran {
    exchange.run(&[&["create", "contact"], arguments].concat())
}

#[test]
fn a03_a_company_gets_no_default_where_the_setup_has_none() {
    let exchange = contacts("");
    let row = created(&exchange, &["--name", "Acme"]);
    assert_eq!(row, "CT1,Acme,Company,CT1,,,,,,,\n");
    assert_eq!(
        logged(&exchange, "CT1"),
        ["contact CT1 created: somebody asked for it"]
    );
}

#[test]
fn a04_a_person_gets_no_default_where_the_setup_has_none() {
    let row = created(&contacts(""), &["--name", "Jo", "--person"]);
    assert_eq!(row, "CT1,Jo,Person,,,,,,,,\n");
}

#[test]
fn a05_a_company_gets_the_defaults_of_the_setup_where_it_has_nothing() {
    let exchange = contacts(DEFAULTS);
    let row = created(&exchange, &["--name", "Acme"]);
    assert_eq!(row, "CT1,Acme,Company,CT1,DS,T,C,L,en-GB,S2,Hard Copy\n");
    let own = [
        "--name",
        "Bell",
        "--set",
        "Territory Code=x",
        "--set",
        "Salutation Code=OWN",
        "--set",
        "Correspondence Type=Email",
    ];
    let row = created(&exchange, &own);
    assert_eq!(row, "CT2,Bell,Company,CT2,DS,X,C,L,en-GB,OWN,Email\n");
}

#[test]
fn a06_a_person_gets_its_own_salutation_and_an_edited_type_defaults_nothing_anew() {
    let exchange = contacts(DEFAULTS);
    let row = created(&exchange, &["--name", "Jo", "--person"]);
    assert_eq!(row, "CT1,Jo,Person,,DS,T,C,L,en-GB,S1,Hard Copy\n");
    // The type may be said like any other field.
    let row = created(&exchange, &["--name", "Di", "--set", "Type=person"]);
    assert_eq!(row, "CT2,Di,Person,,DS,T,C,L,en-GB,S1,Hard Copy\n");
    let row = created(&exchange, &["--name", "Acme"]);
    assert_eq!(row, "CT3,Acme,Company,CT3,DS,T,C,L,en-GB,S2,Hard Copy\n");
    let company = "CT3,Acme,Company,CT3,";
    let text = exchange.text("contacts.csv");
    let edited = text.replace(company, "CT3,Acme,Person,CT3,");
    assert_ne!(edited, text);
    exchange.put("contacts.csv", &edited);
    clean(&exchange);
    assert_eq!(exchange.text("contacts.csv"), edited);
    assert_in_step(&exchange);
}

#[test]
fn a06_a_request_says_the_type_of_the_contact_that_it_asks_for() {
    let exchange = contacts(DEFAULTS);
    exchange.put(
        "requests.csv",
        "Action,Table,Name,Type,Company No.\n\
         create,contact,Jo,Person,\n\
         create,contact,Acme,Company,\n\
         create,contact,Di,,CT2\n\
         create,contact,Ed,Company,CT2\n",
    );
    let ran = exchange.run(&["request", "requests.csv"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let answers: Vec<&str> = ran.out.lines().collect();
    assert_eq!(
        answers[0],
        "line 2: done: contact CT1 was created from nothing"
    );
    assert_eq!(
        answers[1],
        "line 3: done: contact CT2 was created from nothing"
    );
    assert_eq!(
        answers[2],
        "line 4: done: contact CT3 was created from company CT2"
    );
    assert!(answers[3].starts_with("line 5: refused: "), "{ran:?}");
    assert_eq!(
        exchange.text("contacts.csv"),
        format!(
            "{DEFAULTED}CT1,Jo,Person,,DS,T,C,L,en-GB,S1,Hard Copy\n\
             CT2,Acme,Company,CT2,DS,T,C,L,en-GB,S2,Hard Copy\n\
             CT3,Di,Person,CT2,DS,T,C,L,en-GB,S1,Hard Copy\n"
        )
    );
    assert_in_step(&exchange);
}

#[test]
fn a07_the_salesperson_of_who_operates_couplet_comes_before_the_default() {
    let exchange = contacts(&format!("{DEFAULTS}user_salesperson_code = \"sp\"\n"));
    let row = created(&exchange, &["--name", "Acme"]);
    assert_eq!(row, "CT1,Acme,Company,CT1,SP,T,C,L,en-GB,S2,Hard Copy\n");
    let own = ["--name", "Bell", "--set", "Salesperson Code=OWN"];
    let row = created(&exchange, &own);
    assert_eq!(row, "CT2,Bell,Company,CT2,OWN,T,C,L,en-GB,S2,Hard Copy\n");
}

const USER: &str = "user_salesperson_code = \"SP\"\n";

#[test]
fn a08_a_customer_without_a_salesperson_gets_that_of_who_operates_couplet() {
    let contacts = "No.,Name,Type,Salesperson Code\nC1,Acme,Company,\nC2,Bell,Company,OWN\n";
    let setup = format!("{SERIES}{USER}");
    let exchange = office(&CUSTOMER, &setup, contacts, "No.,Name,Salesperson Code\n");
    for contact in ["C1", "C2"] {
        assert_eq!(create(&exchange, &CUSTOMER, contact, &[]).code, 0);
        assert_in_step(&exchange);
    }
    assert_eq!(
        exchange.text("customers.csv"),
        "No.,Name,Salesperson Code\nD1,Acme,SP\nD2,Bell,OWN\n"
    );
    // The salesperson is shared: both say the same from the beginning.
    assert_eq!(
        exchange.text("contacts.csv"),
        contacts.replace("Company,\n", "Company,SP\n")
    );
    // A customer that its own system created is not touched.
    let customers = exchange.text("customers.csv") + "10,Cole,\n";
    exchange.put("customers.csv", &customers);
    clean(&exchange);
    assert_eq!(exchange.text("customers.csv"), customers);
}

#[test]
fn a09_a_vendor_gets_the_purchaser_who_operates_couplet() {
    let contacts =
        "No.,Name,Type,Company No.,Salesperson Code\nC1,Acme,Company,C1,\nC2,Bell,Company,C2,OWN\n";
    let setup = format!("{SERIES}{USER}");
    let exchange = office(&VENDOR, &setup, contacts, "No.,Name,Purchaser Code\n");
    for contact in ["C1", "C2"] {
        assert_eq!(create(&exchange, &VENDOR, contact, &[]).code, 0);
        assert_in_step(&exchange);
    }
    // A purchaser is no salesperson: neither goes to the other.
    assert_eq!(
        exchange.text("vendors.csv"),
        "No.,Name,Purchaser Code\nK1,Acme,SP\nK2,Bell,SP\n"
    );
    assert_eq!(exchange.text("contacts.csv"), contacts);
    let banks = office(&BANK, &setup, contacts, "No.,Name,Our Contact Code\n");
    assert_eq!(create(&banks, &BANK, "C1", &[]).code, 0);
    assert_eq!(
        banks.text("bank_accounts.csv"),
        "No.,Name,Our Contact Code\nA1,Acme,\n"
    );
}

#[test]
fn a_contact_number_skips_what_records_relations_and_references_use() {
    for kind in &KINDS {
        let contacts = format!(
            "{CONTACTS}CT1,One,Oslo,Company,CT1,One,\nP1,Jo,,Person,ct3,,\nCT4,Four,,Company,CT4,Four,\n"
        );
        let exchange = office(kind, SERIES, &contacts, COUNTERPARTS);
        // CT2 is named by a relation, CT3 by a person; CT4 was deleted.
        exchange.put("relations.csv", format!("{RELATION_COLUMNS}CT2,PROS,,\n"));
        exchange.summary();
        let contacts = contacts.replace("CT4,Four,,Company,CT4,Four,\n", "");
        exchange.put("contacts.csv", &contacts);
        exchange.summary();
        exchange.put(&kind.file(), format!("{COUNTERPARTS}10,Acme,Rome\n"));
        exchange.summary();
        assert!(
            exchange
                .text("contacts.csv")
                .contains("\nCT5,Acme,Rome,Company,CT5,"),
            "{}",
            exchange.text("contacts.csv")
        );
        // In another pass the series goes on after the last one given, although the first is free again.
        exchange.put(
            "contacts.csv",
            exchange.text("contacts.csv").replace("CT1,One", "C9,One"),
        );
        exchange.put(
            &kind.file(),
            format!("{COUNTERPARTS}10,Acme,Rome\n20,Bell,Oslo\n"),
        );
        exchange.summary();
        assert!(
            exchange
                .text("contacts.csv")
                .contains("\nCT6,Bell,Oslo,Company,CT6,")
        );
    }
}

#[test]
fn a_primary_contact_that_nobody_is_keeps_its_number_from_others() {
    for kind in [CUSTOMER, VENDOR] {
        let columns = "No.,Name,Primary Contact No.\n";
        let exchange = office(&kind, SERIES, CONTACTS, &format!("{columns}9,Nine,CT1\n"));
        exchange.summary();
        let ran = exchange.run(&["create", "contact", "--name", "Acme"]);
        assert_eq!(ran.out, "CT2\n", "{ran:?}");
    }
}

#[test]
fn a_counterpart_number_skips_what_records_and_relations_use() {
    for kind in &KINDS {
        let contacts = format!("{CONTACTS}C1,Acme,Rome,Company,C1,Acme,\n");
        let first = kind.first();
        let no = |n: usize| format!("{}{n}", &first[..1]);
        let counterparts = format!("{COUNTERPARTS}{first},Own,Oslo\n{},Gone,\n", no(3));
        let exchange = office(kind, SERIES, &contacts, &counterparts);
        exchange.put(
            "relations.csv",
            format!("{RELATION_COLUMNS}C9,ALT,{},{}\n", kind.caption, no(2)),
        );
        exchange.summary();
        let counterparts = counterparts.replace(&format!("{},Gone,\n", no(3)), "");
        exchange.put(&kind.file(), &counterparts);
        exchange.summary();
        let ran = create(&exchange, kind, "C1", &[]);
        assert_eq!(ran.out, format!("{}\n", no(4)), "{ran:?}");
    }
}

#[test]
fn a_number_of_a_lost_state_is_not_given_again_while_the_log_stays() {
    for kind in &KINDS {
        let contacts = format!("{CONTACTS}C1,Own,Rome,Company,C1,Own,\n");
        let counterparts = format!("{COUNTERPARTS}9,Nine,Oslo\n");
        let exchange = office_to(kind, SERIES, &contacts, &counterparts, "updates");
        clean(&exchange);
        // Nobody imports what is created: only the log knows of it.
        let ran = create_contacts(&exchange, kind, &["--no", "9"]);
        assert_eq!(ran.out, format!("CT1  {} 9\n", kind.noun()), "{ran:?}");
        let ran = create(&exchange, kind, "C1", &[]);
        assert_eq!(ran.out, format!("{}\n", kind.first()), "{ran:?}");
        fs::remove_dir_all(exchange.path("state")).expect("removed");
        fs::remove_dir_all(exchange.path("updates")).expect("removed");
        let ran = create_contacts(&exchange, kind, &["--no", "9"]);
        assert_eq!(ran.out, format!("CT2  {} 9\n", kind.noun()), "{ran:?}");
        let ran = create(&exchange, kind, "C1", &[]);
        let second = kind.first().replace('1', "2");
        assert_eq!(ran.out, format!("{second}\n"), "{ran:?}");
    }
}

#[test]
fn numbers_of_all_that_one_pass_created_for_a_contact_are_known_to_its_log() {
    let tables = [
        "contacts",
        "customers",
        "vendors",
        "bank_accounts",
        "relations",
    ];
    let exchange = Exchange::of(&config(
        &tables,
        &SERIES.replace('1', "0000000001"),
        "updates",
        "",
    ));
    exchange
        .put(
            "contacts.csv",
            format!("{CONTACTS}C0000000001,Acme,Rome,Company,C0000000001,Acme,\n"),
        )
        .put("relations.csv", RELATION_COLUMNS)
        .put(
            "requests.csv",
            "Action,Table,Contact No.\ncreate,customer,C0000000001\ncreate,vendor,C0000000001\n\
             create,bank-account,C0000000001\n",
        );
    for kind in &KINDS {
        exchange.put(&kind.file(), COUNTERPARTS);
    }
    clean(&exchange);
    for last in ["0000000001", "0000000002"] {
        let ran = exchange.run(&["request", "requests.csv"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        for (kind, line) in KINDS.iter().zip(ran.out.lines()) {
            let no = format!("{} {}{last}", kind.noun(), &kind.first()[..1]);
            assert!(line.contains(&no), "{ran:?}");
        }
        fs::remove_dir_all(exchange.path("state")).expect("removed");
        fs::remove_dir_all(exchange.path("updates")).expect("removed");
    }
}

#[test]
fn a_series_has_a_last_number_and_a_step() {
    let setup = "contact_nos = { first = \"CT010\", last = \"CT030\", step = 10 }\n";
    let exchange = office(&CUSTOMER, setup, CONTACTS, COUNTERPARTS);
    clean(&exchange);
    for no in ["CT010", "CT020", "CT030"] {
        let ran = exchange.run(&["create", "contact", "--name", no]);
        assert_eq!(ran.out, format!("{no}\n"), "{ran:?}");
    }
    let named = ["CT010", "no number left", "last"];
    assert_refused(&exchange, &["create", "contact", "--name", "More"], &named);
    // A newcomer is told of, and gets its contact when the series goes on.
    exchange.put("customers.csv", format!("{COUNTERPARTS}10,Acme,Rome\n"));
    let summary = exchange.summary();
    assert_eq!(summary.plan.problems.len(), 1, "{summary:#?}");
    assert!(summary.plan.problems[0].reason.contains("no number left"));
    let longer = setup.replace("CT030", "CT990");
    let tables = ["contacts", "customers", "relations"];
    let summary = exchange.summary_of(&config(&tables, &longer, "in-place", ""));
    assert!(summary.plan.problems.is_empty(), "{summary:#?}");
    assert!(exchange.text("contacts.csv").contains("\nCT040,Acme,Rome,"));
}

#[test]
fn what_is_entered_for_a_new_contact_is_checked() {
    let columns = "No.,Name,Type,Company No.,E-Mail,Phone No.,Territory Code\n";
    let exchange = Exchange::of(&config(
        &["contacts"],
        "contact_nos = \"CT1\"\n",
        "in-place",
        "",
    ));
    exchange.put("contacts.csv", format!("{columns}P1,Jo,Person,,,,\n"));
    for (value, named) in [
        ("E-Mail=nobody", "E-Mail"),
        ("Phone No.=call me", "Phone No."),
        ("Territory Code=MUCHTOOLONG", "Territory Code"),
        ("Type=Robot", "Type"),
        ("Mobile Phone No.=1", "Mobile Phone No."),
        ("No.=CT9", "No."),
    ] {
        let arguments = ["create", "contact", "--name", "Acme", "--set", value];
        assert_refused(&exchange, &arguments, &[named]);
    }
    for company in ["C9", "P1"] {
        let arguments = ["create", "contact", "--name", "Di", "--company", company];
        assert_refused(&exchange, &arguments, &[company]);
        let company = format!("Company No.={company}");
        let arguments = ["create", "contact", "--name", "Di", "--set", &company];
        assert_refused(&exchange, &arguments, &[&company[12..]]);
    }
    let before = files(&exchange);
    let dry = asked(&exchange, &["--name", "Acme", "--dry-run"]);
    assert_eq!(dry.code, 0, "{dry:?}");
    assert_eq!(files(&exchange), before);
}

#[test]
fn a_new_person_of_a_company_takes_over_what_persons_inherit() {
    let columns = "No.,Name,Type,Company No.,Company Name,City,Phone No.,Territory Code\n";
    let acme = "C1,Acme,Company,C1,Acme,Rome,12,N\n";
    let exchange = Exchange::of(&config(
        &["contacts"],
        "contact_nos = \"CT1\"\ninherit_territory_code = false\n",
        "in-place",
        "",
    ));
    exchange.put("contacts.csv", format!("{columns}{acme}"));
    clean(&exchange);
    let ran = asked(
        &exchange,
        &["--name", "Jo", "--company", "c1", "--set", "Phone No.=99"],
    );
    assert_eq!(ran.out, "CT1\n", "{ran:?}");
    assert_eq!(
        exchange.text("contacts.csv"),
        format!("{columns}{acme}CT1,Jo,Person,C1,Acme,Rome,99,\n")
    );
    assert_in_step(&exchange);
}
