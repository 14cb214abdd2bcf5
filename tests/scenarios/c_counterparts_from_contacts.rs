//! C: customers, vendors and bank accounts created from contacts.

use crate::office::{
    CONTACTS, COUNTERPARTS, SERIES, assert_in_step, assert_refused, clean, config, create, files,
    logged, office, office_to, office_with_templates, without_code,
};
use crate::support::{Exchange, Ran};
use crate::{BANK, CUSTOMER, KINDS, Kind, RELATION_COLUMNS, VENDOR};

/// Created, and in step from then on.
fn created(exchange: &Exchange, kind: &Kind, contact: &str, more: &[&str], no: &str) {
    let ran = create(exchange, kind, contact, more);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, format!("{no}\n").as_str()),
        "{ran:?}"
    );
    assert_in_step(exchange);
}

/// Refused by a rule, for a reason that names all of this.
fn refused(exchange: &Exchange, kind: &Kind, contact: &str, more: &[&str], named: &[&str]) {
    let arguments = [&["create", kind.noun(), "--contact", contact], more].concat();
    assert_refused(exchange, &arguments, named);
}

const ACME: &str = "C1,Acme,Rome,Company,C1,Acme,\n";

#[test]
fn c01_a_customer_takes_what_its_contact_has_and_the_rest_from_its_template() {
    let contacts =
        "No.,Name,Type,Territory Code,Currency Code,Country/Region Code\nC1,Acme,Company,S,,\n";
    let customers = "No.,Name,Territory Code,Currency Code,Country/Region Code,Customer Price Group,\
                     Invoice Disc. Code,Payment Method Code,Contact Type\n";
    let templates = "Code,Description,Contact Type,Territory Code,Currency Code,Country/Region Code,\
                     Customer Price Group,Invoice Disc. Code,Payment Method Code\n\
                     CT,Common,Company,N,EUR,DE,GOLD,,CASH\n";
    let exchange = office_with_templates(&CUSTOMER, SERIES, contacts, customers, templates);
    created(&exchange, &CUSTOMER, "C1", &["--template", "ct"], "D1");
    assert_eq!(
        exchange.text("customers.csv"),
        format!("{customers}D1,Acme,S,EUR,DE,GOLD,D1,CASH,Company\n")
    );
    assert_eq!(
        exchange.text("relations.csv"),
        format!("{RELATION_COLUMNS}{}", CUSTOMER.relation_of("C1", "D1"))
    );
    // What the template said of shared fields is the contact's too, or the next change would take it away again.
    assert_eq!(
        exchange.text("contacts.csv"),
        contacts.replace("S,,\n", "S,EUR,DE\n")
    );
}

#[test]
fn c01_a_template_with_an_invoice_discount_code_keeps_it() {
    let customers = "No.,Name,City,Invoice Disc. Code\n";
    for header in ["Invoice Disc. Code", "Invoice_Disc_Code", "InvoiceDiscCode"] {
        let templates = format!("Code,Contact Type,{header}\nCT,Company,TEN\n");
        let contacts = format!("{CONTACTS}{ACME}");
        let exchange = office_with_templates(&CUSTOMER, SERIES, &contacts, customers, &templates);
        created(&exchange, &CUSTOMER, "C1", &[], "D1");
        assert_eq!(
            exchange.text("customers.csv"),
            format!("{customers}D1,Acme,Rome,TEN\n")
        );
    }
    // A table without that column is told of nothing that it does not get.
    let exchange = office(
        &CUSTOMER,
        SERIES,
        &format!("{CONTACTS}{ACME}"),
        COUNTERPARTS,
    );
    let dry = create(&exchange, &CUSTOMER, "C1", &["--dry-run"]);
    assert!(
        dry.out.contains("D1") && !dry.out.contains("Invoice"),
        "{dry:?}"
    );
}

/// Without its code a kind is not created, and the key of the setup is named.
fn needs_its_code(kind: &Kind) {
    let tables = ["contacts", kind.table, "relations"];
    let exchange = Exchange::of(&without_code(
        &config(&tables, SERIES, "in-place", ""),
        kind,
    ));
    exchange.put("contacts.csv", format!("{CONTACTS}{ACME}"));
    exchange.put(&kind.file(), COUNTERPARTS);
    exchange.put("relations.csv", RELATION_COLUMNS);
    refused(&exchange, kind, "C1", &[], &[kind.setup_code()]);
}

#[test]
fn c02_a_customer_needs_the_business_relation_code() {
    needs_its_code(&CUSTOMER);
    needs_its_code(&VENDOR);
}

#[test]
fn c04_a_bank_account_needs_the_business_relation_code() {
    needs_its_code(&BANK);
}

/// A company becomes a counterpart of this kind.
fn is_created(kind: &Kind) {
    let exchange = office(kind, SERIES, &format!("{CONTACTS}{ACME}"), COUNTERPARTS);
    clean(&exchange);
    let before = files(&exchange);
    let dry = create(&exchange, kind, "C1", &["--dry-run"]);
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(dry.out.contains(kind.first()), "{dry:?}");
    assert_eq!(files(&exchange), before);
    created(&exchange, kind, "c1", &[], kind.first());
    let first = kind.first();
    assert_eq!(
        exchange.text(&kind.file()),
        format!("{COUNTERPARTS}{first},Acme,Rome\n")
    );
    assert_eq!(
        exchange.text("relations.csv"),
        format!("{RELATION_COLUMNS}{}", kind.relation_of("C1", first))
    );
    let status = ACME.replace("Acme,\n", &format!("Acme,{}\n", kind.caption));
    assert_eq!(exchange.text("contacts.csv"), format!("{CONTACTS}{status}"));
    let noun = kind.noun();
    let interactions = logged(&exchange, "C1");
    assert_eq!(interactions.len(), 1, "{interactions:?}");
    assert!(
        interactions[0].starts_with(&format!("{noun} {first} created")),
        "{interactions:?}"
    );
    // A contact has one of a kind, and both are a party now.
    refused(
        &exchange,
        kind,
        "C1",
        &[],
        &["C1", &format!("already has {noun} {first}")],
    );
    exchange.put(&kind.file(), format!("{COUNTERPARTS}{first},Acme,Paris\n"));
    clean(&exchange);
    assert!(exchange.text("contacts.csv").contains("C1,Acme,Paris,"));
    assert_in_step(&exchange);
}

#[test]
fn c05_a_vendor_is_created_from_a_company() {
    is_created(&VENDOR);
    is_created(&CUSTOMER);
}

#[test]
fn c06_a_bank_account_is_created_from_a_company() {
    is_created(&BANK);
}

/// The registration number reaches the new record.
fn takes_the_registration_number(kind: &Kind) {
    let columns = "No.,Name,Registration Number\n";
    let exchange = office(
        kind,
        SERIES,
        &format!("{columns}C1,Acme,HRB 123\n"),
        columns,
    );
    created(&exchange, kind, "C1", &[], kind.first());
    assert_eq!(
        exchange.text(&kind.file()),
        format!("{columns}{},Acme,HRB 123\n", kind.first())
    );
}

#[test]
fn c07_a_customer_takes_the_registration_number_of_its_contact() {
    takes_the_registration_number(&CUSTOMER);
}

#[test]
fn c08_a_vendor_takes_the_registration_number_of_its_contact() {
    takes_the_registration_number(&VENDOR);
}

/// The country that a new record has when its contact and its template have these.
fn country(kind: &Kind, contact: &str, template: &str) -> String {
    let columns = "No.,Name,Country/Region Code\n";
    let contacts = format!("{columns}C1,Acme,{contact}\n");
    let templates = format!("Code,Contact Type,Country/Region Code\nCT,Company,{template}\n");
    let exchange = office_with_templates(kind, SERIES, &contacts, columns, &templates);
    created(&exchange, kind, "C1", &["--template", "CT"], kind.first());
    let text = exchange.text(&kind.file());
    let row = text.lines().nth(1).expect("a row");
    let country = row.rsplit(',').next().expect("a country").to_owned();
    let contact = exchange.text("contacts.csv");
    assert!(contact.ends_with(&format!("Acme,{country}\n")), "{contact}");
    country
}

#[test]
fn c09_the_country_of_the_contact_counts_where_the_template_has_none() {
    for kind in &KINDS {
        assert_eq!(country(kind, "CRC", ""), "CRC");
        assert_eq!(country(kind, "CRC", "DE"), "CRC");
        assert_eq!(country(kind, "", "DE"), "DE");
    }
}

#[test]
fn c12_no_country_anywhere_leaves_it_blank() {
    for kind in &KINDS {
        assert_eq!(country(kind, "", ""), "");
    }
}

#[test]
fn c14_what_a_person_says_itself_goes_before_the_template() {
    let contacts = "No.,Name,Type,Currency Code,Country/Region Code,Territory Code\nP1,Jo,Person,GBP,GB,LONDON\n";
    let customers = "No.,Name,Contact Type,Currency Code,Country/Region Code,Territory Code\n";
    let templates = "Code,Contact Type,Currency Code,Country/Region Code,Territory Code\nPT,Person,EUR,DE,FOREIGN\n";
    let exchange = office_with_templates(&CUSTOMER, SERIES, contacts, customers, templates);
    created(&exchange, &CUSTOMER, "P1", &[], "D1");
    assert_eq!(
        exchange.text("customers.csv"),
        format!("{customers}D1,Jo,Person,GBP,GB,LONDON\n")
    );
    assert_eq!(exchange.text("contacts.csv"), contacts);
}

const PERSON: &str = "P1,Jo,Oslo,Person,C1,Acme,\n";

#[test]
fn c18_a_person_whose_company_has_a_vendor_gets_none() {
    for kind in &KINDS {
        let contacts = format!("{CONTACTS}{ACME}{PERSON}");
        let exchange = office(
            kind,
            SERIES,
            &contacts,
            &format!("{COUNTERPARTS}10,Acme,Rome\n"),
        );
        exchange.put(
            "relations.csv",
            format!("{RELATION_COLUMNS}{}", kind.relation_of("C1", "10")),
        );
        exchange.summary();
        let named = ["C1", &format!("already has {} 10", kind.noun())];
        refused(&exchange, kind, "P1", &[], &named);
    }
}

#[test]
fn c18_a_person_stands_for_its_company() {
    for kind in &KINDS {
        let exchange = office(
            kind,
            SERIES,
            &format!("{CONTACTS}{ACME}{PERSON}"),
            COUNTERPARTS,
        );
        created(&exchange, kind, "P1", &[], kind.first());
        assert_eq!(
            exchange.text(&kind.file()),
            format!("{COUNTERPARTS}{},Acme,Rome\n", kind.first())
        );
        let relation = kind.relation_of("C1", kind.first());
        assert_eq!(
            exchange.text("relations.csv"),
            format!("{RELATION_COLUMNS}{relation}")
        );
        let missing = office(kind, SERIES, &format!("{CONTACTS}{PERSON}"), COUNTERPARTS);
        refused(&missing, kind, "P1", &[], &["C1", "company of P1"]);
    }
}

#[test]
fn c20_a_customer_from_a_person_without_company_has_its_details() {
    let shared = "Name,Name 2,E-Mail,Home Page,Address,Address 2,Post Code,Phone No.,Fax No.";
    let values = "Jo Doe,Jun,jo@x.example,http://x.example,1 High St,Floor 2,N1,55-1,55-2";
    let contacts = format!("No.,Type,Company No.,{shared}\nP1,Person,,{values}\n");
    let customers = format!("No.,Contact Type,{shared},Contact,Primary Contact No.\n");
    let templates = "Code,Contact Type\nPT,Person\nCT,Company\n";
    let exchange = office_with_templates(&CUSTOMER, SERIES, &contacts, &customers, templates);
    created(&exchange, &CUSTOMER, "P1", &[], "D1");
    let text = exchange.text("customers.csv");
    assert!(
        text.starts_with(&format!("{customers}D1,Person,{values},")),
        "{text}"
    );
    assert_eq!(
        exchange.text("relations.csv"),
        format!("{RELATION_COLUMNS}{}", CUSTOMER.relation_of("P1", "D1"))
    );
    assert_eq!(exchange.text("contacts.csv"), contacts);
}

#[test]
fn c22_a_bank_account_needs_a_company() {
    for kind in [BANK, VENDOR] {
        let exchange = office(
            &kind,
            SERIES,
            &format!("{CONTACTS}P1,Jo,Oslo,Person,,,\n"),
            COUNTERPARTS,
        );
        refused(&exchange, &kind, "P1", &[], &["Company No."]);
    }
}

#[test]
fn c23_a_contact_with_the_number_of_an_existing_customer_gets_another_one() {
    for kind in &KINDS {
        let first = kind.first();
        let contacts = format!("{CONTACTS}{first},Acme,Rome,Company,{first},Acme,\n");
        let counterparts = format!("{COUNTERPARTS}{first},Other,Oslo\n");
        let exchange = office(kind, SERIES, &contacts, &counterparts);
        let second = first.replace('1', "2");
        created(&exchange, kind, first, &[], &second);
        assert_eq!(
            exchange.text(&kind.file()),
            format!("{counterparts}{second},Acme,Rome\n")
        );
    }
}

/// Numbers come from the series that the template names.
fn is_numbered_by_its_template(kind: &Kind) {
    let contacts =
        format!("{CONTACTS}{ACME}C2,Bell,Oslo,Company,C2,Bell,\nC3,Cole,Bonn,Company,C3,Cole,\n");
    let templates = "Code,Contact Type,No. Series\nCT,Company,ns\nOWN,Company,\nODD,Company,NONE\n";
    let of_kind = format!("{}_templates", kind.noun().replace('-', "_"));
    let more = format!("[tables.{of_kind}]\nexport = \"templates.csv\"\n[series]\nNS = \"N007\"\n");
    let tables = ["contacts", kind.table, "relations"];
    let exchange = Exchange::of(&config(&tables, SERIES, "in-place", &more));
    exchange
        .put("contacts.csv", &contacts)
        .put("templates.csv", templates)
        .put("relations.csv", RELATION_COLUMNS);
    exchange.put(&kind.file(), COUNTERPARTS);
    created(&exchange, kind, "C1", &["--template", "CT"], "N007");
    created(&exchange, kind, "C2", &["--template", "CT"], "N008");
    refused(
        &exchange,
        kind,
        "C3",
        &["--template", "ODD"],
        &["NONE", "[series]"],
    );
    created(&exchange, kind, "C3", &["--template", "OWN"], kind.first());
}

#[test]
fn c24_a_customers_number_comes_from_the_series_of_its_template() {
    is_numbered_by_its_template(&CUSTOMER);
}

#[test]
fn c25_a_vendors_number_comes_from_the_series_of_its_template() {
    is_numbered_by_its_template(&VENDOR);
    is_numbered_by_its_template(&BANK);
}

/// Where several templates fit, one must be named.
fn has_to_choose(kind: &Kind) {
    let templates = "Code,Contact Type,Territory Code\nCT1,Company,N\nCT2,,S\nPT,Person,W\n";
    let columns = "No.,Name,Territory Code\n";
    let contacts = format!("{columns}C1,Acme,\n");
    let exchange = office_with_templates(kind, SERIES, &contacts, columns, templates);
    refused(&exchange, kind, "C1", &[], &["CT1, CT2", "--template"]);
    refused(&exchange, kind, "C1", &["--template", "CT9"], &["CT9"]);
    assert_eq!(exchange.text("relations.csv"), RELATION_COLUMNS);
    created(&exchange, kind, "C1", &["--template", "CT2"], kind.first());
    assert_eq!(
        exchange.text(&kind.file()),
        format!("{columns}{},Acme,S\n", kind.first())
    );
}

#[test]
fn c27_of_two_vendor_templates_one_has_to_be_chosen() {
    has_to_choose(&VENDOR);
}

#[test]
fn c28_of_two_customer_templates_one_has_to_be_chosen() {
    has_to_choose(&CUSTOMER);
    has_to_choose(&BANK);
}

#[test]
fn c29_without_vendor_templates_nothing_is_created_by_template() {
    for kind in &KINDS {
        for templates in ["Code,Contact Type\n", "Code,Contact Type\nPT,Person\n"] {
            let contacts = format!("{CONTACTS}{ACME}");
            let exchange = office_with_templates(kind, SERIES, &contacts, COUNTERPARTS, templates);
            let named = [kind.noun(), "template", "nothing was created"];
            refused(&exchange, kind, "C1", &[], &named);
            created(&exchange, kind, "C1", &["--without-template"], kind.first());
        }
        let exchange = office(kind, SERIES, &format!("{CONTACTS}{ACME}"), COUNTERPARTS);
        let table = format!("{}_templates", kind.noun().replace('-', "_"));
        refused(&exchange, kind, "C1", &["--template", "CT"], &[&table]);
    }
}

/// One template for companies and one for persons, and a contact of each type.
fn of_two_types() -> Exchange {
    let contacts = format!("{CONTACTS}{ACME}P9,Jo,Oslo,Person,,,\n");
    let customers = "No.,Name,Customer Price Group\n";
    let templates = "Code,Contact Type,Customer Price Group\nCT1,Company,FIRM\nCT2,Person,HUMAN\n";
    office_with_templates(&CUSTOMER, SERIES, &contacts, customers, templates)
}

#[test]
fn c30_a_company_gets_the_template_for_companies() {
    let exchange = of_two_types();
    refused(
        &exchange,
        &CUSTOMER,
        "C1",
        &["--template", "CT2"],
        &["CT2", "Person"],
    );
    created(&exchange, &CUSTOMER, "C1", &[], "D1");
    assert!(exchange.text("customers.csv").ends_with("D1,Acme,FIRM\n"));
}

#[test]
fn c31_a_person_gets_the_template_for_persons() {
    let exchange = of_two_types();
    refused(
        &exchange,
        &CUSTOMER,
        "P9",
        &["--template", "CT1"],
        &["CT1", "Company"],
    );
    created(&exchange, &CUSTOMER, "P9", &[], "D1");
    assert!(exchange.text("customers.csv").ends_with("D1,Jo,HUMAN\n"));
}

/// C33 without a VAT registration log: `explain` is what tells.
#[test]
fn c33_explain_tells_every_vat_registration_number_that_a_new_customer_had() {
    for kind in [CUSTOMER, VENDOR] {
        let columns = "No.,Name,VAT Registration No.\n";
        let exchange = office(&kind, SERIES, &format!("{columns}C1,Acme,X1\n"), columns);
        created(&exchange, &kind, "C1", &[], kind.first());
        exchange.put("contacts.csv", format!("{columns}C1,Acme,Y2\n"));
        clean(&exchange);
        assert_eq!(
            exchange.text(&kind.file()),
            format!("{columns}{},Acme,Y2\n", kind.first())
        );
        let told = exchange.run(&[
            "explain",
            kind.noun(),
            kind.first(),
            "--field",
            "VAT Registration No.",
        ]);
        assert_eq!(told.code, 0, "{told:?}");
        assert!(told.out.contains("was created"), "{}", told.out);
        assert!(
            told.out.contains("wrote \"Y2\" over \"X1\""),
            "{}",
            told.out
        );
        assert!(told.out.contains("because contact C1"), "{}", told.out);
        // What the counterpart's own system enters is told of where it arrives.
        exchange.put(&kind.file(), format!("{columns}{},Acme,Z3\n", kind.first()));
        clean(&exchange);
        let told = exchange.run(&[
            "explain",
            "contact",
            "C1",
            "--field",
            "VAT Registration No.",
        ]);
        assert!(
            told.out.contains("wrote \"Z3\" over \"Y2\""),
            "{}",
            told.out
        );
    }
}

#[test]
fn c35_a_person_becomes_a_customer_that_follows_it() {
    let columns = "No.,Name,Address,City,Post Code,E-Mail,Type,Company No.\n";
    let jo = "P1,Jo Doe,1 High St,London,N1,jo@x.example,Person,\n";
    let customers = "No.,Name,Address,City,Post Code,E-Mail\n";
    let exchange = office(&CUSTOMER, SERIES, &format!("{columns}{jo}"), customers);
    created(&exchange, &CUSTOMER, "P1", &[], "D1");
    assert_eq!(
        exchange.text("customers.csv"),
        format!("{customers}D1,Jo Doe,1 High St,London,N1,jo@x.example\n")
    );
    exchange.put(
        "contacts.csv",
        format!("{columns}{}", jo.replace("London", "Leeds")),
    );
    clean(&exchange);
    assert!(exchange.text("customers.csv").contains(",Leeds,"));
    assert_in_step(&exchange);
}

#[test]
fn a_contact_that_is_blocked_for_privacy_becomes_nothing() {
    let columns = "No.,Name,Type,Company No.,Privacy Blocked\n";
    let contacts = format!(
        "{columns}C1,Acme,Company,C1,Yes\nP1,Jo,Person,C1,No\nC2,Bell,Company,C2,No\nP2,Di,Person,C2,true\n"
    );
    for kind in &KINDS {
        let exchange = office(kind, SERIES, &contacts, COUNTERPARTS);
        for (contact, blocked) in [("C1", "C1"), ("P1", "C1"), ("P2", "P2")] {
            refused(&exchange, kind, contact, &[], &[blocked, "Privacy Blocked"]);
        }
    }
}

#[test]
fn what_is_missing_is_named() {
    for kind in &KINDS {
        let contacts = format!("{CONTACTS}{ACME}");
        let exchange = office(kind, "contact_nos = \"CT1\"\n", &contacts, COUNTERPARTS);
        let key = format!("{}_nos", kind.noun().replace('-', "_"));
        refused(&exchange, kind, "C1", &[], &[&key]);
        refused(&exchange, kind, "C9", &[], &["there is no contact C9"]);
        let exchange = office(kind, SERIES, &contacts, COUNTERPARTS);
        std::fs::remove_file(exchange.path(&kind.file())).expect("removed");
        refused(&exchange, kind, "C1", &[], &[kind.table]);
        let both = create(
            &exchange,
            kind,
            "C1",
            &["--template", "X", "--without-template"],
        );
        assert_eq!(both.code, 64, "{both:?}");
    }
}

#[test]
fn a_relation_that_waits_for_a_number_gets_it() {
    for kind in &KINDS {
        for write_back in ["in-place", "updates"] {
            let exchange = office_to(
                kind,
                SERIES,
                &format!("{CONTACTS}{ACME}"),
                COUNTERPARTS,
                write_back,
            );
            let waiting = format!("{RELATION_COLUMNS}C1,{},,\n", kind.code);
            exchange.put("relations.csv", &waiting);
            exchange.summary();
            created(&exchange, kind, "C1", &[], kind.first());
            let relation = kind.relation_of("C1", kind.first());
            if write_back == "in-place" {
                assert_eq!(
                    exchange.text("relations.csv"),
                    format!("{RELATION_COLUMNS}{relation}")
                );
            } else {
                let update = exchange.text("updates/relations_000002.csv");
                assert!(update.ends_with(&relation), "{update}");
                // However often the row is read without its number, it has it.
                let others = "C2,Bell,,Company,C2,Bell,\n";
                exchange.put("contacts.csv", format!("{CONTACTS}{ACME}{others}"));
                assert_eq!(clean(&exchange).couplings, 1);
                for row in ["C2,PROS,,\n", "C2,LAW,,\n"] {
                    exchange.put("relations.csv", format!("{waiting}{row}"));
                    assert_eq!(exchange.summary().couplings, 1);
                }
                exchange.put(
                    "contacts.csv",
                    format!("{CONTACTS}{}{others}", ACME.replace("Rome", "Paris")),
                );
                let summary = exchange.summary();
                assert_eq!(
                    (summary.couplings, summary.plan.changes[0].to.as_str()),
                    (1, "Paris")
                );
                exchange.put("relations.csv", format!("{RELATION_COLUMNS}{relation}"));
                assert_eq!(clean(&exchange).couplings, 1);
                assert_in_step(&exchange);
            }
        }
    }
}

#[test]
fn a_created_counterpart_is_in_flight_until_its_system_shows_it() {
    for kind in &KINDS {
        let others = format!("{COUNTERPARTS}9,Nine,Bonn\n");
        let first = kind.first();
        let exchange = office_to(
            kind,
            SERIES,
            &format!("{CONTACTS}{ACME}"),
            &others,
            "updates",
        );
        clean(&exchange);
        created(&exchange, kind, "C1", &[], first);
        assert_eq!(exchange.text(&kind.file()), others);
        let update = |pass: u64| exchange.text(&format!("updates/{}_{pass:06}.csv", kind.table));
        assert_eq!(update(2), format!("{COUNTERPARTS}{first},Acme,Rome\n"));
        // It exists already: nobody gets another one.
        refused(
            &exchange,
            kind,
            "C1",
            &[],
            &[&format!("already has {} {first}", kind.noun())],
        );
        for city in ["Ulm", "Köln"] {
            exchange.put(&kind.file(), others.replace("Bonn", city));
            assert!(!clean(&exchange).plan.writes());
        }
        exchange.put(
            "contacts.csv",
            format!("{CONTACTS}{}", ACME.replace("Rome", "Paris")),
        );
        let pass = clean(&exchange).pass.expect("a pass");
        assert!(
            update(pass).contains(first) && update(pass).contains("Paris"),
            "{}",
            update(pass)
        );
        exchange.put(&kind.file(), format!("{others}{first},Acme,Paris\n"));
        exchange.put(
            "relations.csv",
            format!("{RELATION_COLUMNS}{}", kind.relation_of("C1", first)),
        );
        exchange.put(
            "contacts.csv",
            format!("{CONTACTS}C1,Acme,Paris,Company,C1,Acme,{}\n", kind.caption),
        );
        assert!(!clean(&exchange).plan.writes());
        assert_in_step(&exchange);
        // Now that it was shown, its absence is a deletion.
        exchange.put(&kind.file(), &others);
        assert_eq!(exchange.summary().plan.uncouplings.len(), 1);
    }
}

#[test]
fn what_nobody_imports_is_a_problem_in_time() {
    for kind in &KINDS {
        let others = format!("{COUNTERPARTS}9,Nine,Bonn\n");
        let exchange = office_to(
            kind,
            SERIES,
            &format!("{CONTACTS}{ACME}"),
            &others,
            "updates",
        );
        created(&exchange, kind, "C1", &[], kind.first());
        for n in 1..=4 {
            exchange.put(&kind.file(), format!("{COUNTERPARTS}9,Nine,Bonn {n}\n"));
            let summary = exchange.summary();
            assert_eq!(
                summary.plan.problems.len(),
                usize::from(n == 4),
                "{n}: {summary:#?}"
            );
        }
    }
}

#[test]
fn a_counterpart_that_its_system_renumbered_stays_coupled() {
    for kind in &KINDS {
        let columns = "No.,Name,City,External ID\n";
        let others = format!("{columns}9,Nine,Bonn,\n");
        let first = kind.first();
        let exchange = office_to(
            kind,
            SERIES,
            &format!("{CONTACTS}{ACME}"),
            &others,
            "updates",
        );
        clean(&exchange);
        created(&exchange, kind, "C1", &[], first);
        let update = exchange.text(&format!("updates/{}_000002.csv", kind.table));
        assert_eq!(update, format!("{columns}{first},Acme,Rome,{first}\n"));
        exchange.put(&kind.file(), format!("{others}X77,Acme,Rome,{first}\n"));
        exchange.put(
            "relations.csv",
            format!("{RELATION_COLUMNS}{}", kind.relation_of("C1", first)),
        );
        let summary = clean(&exchange);
        assert!(summary.plan.creations.is_empty(), "{summary:#?}");
        assert_eq!(summary.plan.couplings[0].no, "X77", "{summary:#?}");
        exchange.put(
            "relations.csv",
            format!("{RELATION_COLUMNS}{}", kind.relation_of("C1", "X77")),
        );
        exchange.put(
            "contacts.csv",
            format!(
                "{CONTACTS}{}",
                ACME.replace("Acme,\n", &format!("Acme,{}\n", kind.caption))
            ),
        );
        clean(&exchange);
        assert_in_step(&exchange);
        exchange.put(&kind.file(), format!("{others}X77,Acme,Paris,{first}\n"));
        clean(&exchange);
        let pass = exchange.run(&["status", "--format", "json"]);
        assert!(pass.code == 0, "{pass:?}");
        assert_eq!(create(&exchange, kind, "C1", &[]).code, 1);
    }
}

#[test]
fn a_request_file_creates_row_by_row() {
    for kind in &KINDS {
        let contacts = format!("{CONTACTS}{ACME}C2,Bell,Oslo,Company,C2,Bell,\n");
        let exchange = office(kind, SERIES, &contacts, COUNTERPARTS);
        let noun = kind.noun();
        exchange.put(
            "requests.csv",
            format!("Action,Table,Contact No.\ncreate,{noun},C1\ncreate,{noun},C1\ncreate,{noun},C9\ncreate,{noun},C2\n"),
        );
        let before = files(&exchange);
        let tried = exchange.run(&["request", "requests.csv", "--dry-run"]);
        assert_eq!(tried.code, 1, "{tried:?}");
        assert!(
            tried
                .out
                .contains("line 4: refused: there is no contact C9"),
            "{tried:?}"
        );
        assert_eq!(files(&exchange), before);
        let ran: Ran = exchange.run(&["request", "requests.csv"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        let lines: Vec<&str> = ran.out.lines().collect();
        let (first, second) = (kind.first(), kind.first().replace('1', "2"));
        assert_eq!(
            lines[0],
            format!("line 2: done: {noun} {first} was created from contact C1")
        );
        assert_eq!(
            lines[1],
            format!("line 3: refused: contact C1 already has {noun} {first}")
        );
        assert_eq!(lines[2], "line 4: refused: there is no contact C9");
        assert_eq!(
            lines[3],
            format!("line 5: done: {noun} {second} was created from contact C2")
        );
        assert_eq!(
            exchange.text(&kind.file()),
            format!("{COUNTERPARTS}{first},Acme,Rome\n{second},Bell,Oslo\n")
        );
        assert_in_step(&exchange);
    }
}

#[test]
fn counterparts_are_created_in_json_exports() {
    for kind in &KINDS {
        let tables = ["contacts", kind.table, "relations"];
        let of_kind = format!("{}_templates", kind.noun().replace('-', "_"));
        let more = format!("[tables.{of_kind}]\nexport = \"templates.json\"\n");
        let config =
            config(&tables, SERIES, "in-place", &more).replace(".csv\"\nwrite", ".json\"\nwrite");
        let exchange = Exchange::of(&config);
        let file = format!("{}.json", kind.table);
        exchange
            .put("contacts.json", r#"{"value":[{"No":"C1","Name":"Acme","City":"Rome","Country_Region_Code":""}]}"#)
            .put("relations.json", r#"{"value":[{"Contact_No":"C1","Business_Relation_Code":"PROS","Link_to_Table":"","No":""}]}"#)
            .put("templates.json", r#"{"value":[{"Code":"CT","Contact_Type":"Company","Country_Region_Code":"IT","Posting_Group":"EU"}]}"#)
            .put(&file, r#"{"value":[{"No":"9","Name":"Nine","City":"Bonn","Country_Region_Code":"DE","Posting_Group":"","Invoice_Disc_Code":""}]}"#);
        created(&exchange, kind, "C1", &[], kind.first());
        let all: serde_json::Value = serde_json::from_str(&exchange.text(&file)).expect("JSON");
        let new = &all["value"][1];
        assert_eq!(new["No"], kind.first());
        assert_eq!(
            [
                &new["Name"],
                &new["City"],
                &new["Country_Region_Code"],
                &new["Posting_Group"]
            ],
            ["Acme", "Rome", "IT", "EU"],
            "{new}"
        );
        let discount = if kind.table == "customers" {
            kind.first()
        } else {
            ""
        };
        assert_eq!(
            new["Invoice_Disc_Code"].as_str().unwrap_or_default(),
            discount
        );
        let contacts: serde_json::Value =
            serde_json::from_str(&exchange.text("contacts.json")).expect("JSON");
        assert_eq!(contacts["value"][0]["Country_Region_Code"], "IT");
    }
}

#[test]
fn a_record_whose_name_its_system_cut_is_still_the_one_that_we_created() {
    let long = "Acme and Sons and Daughters of the North";
    for kind in &KINDS {
        let contacts = format!("{CONTACTS}C1,{long},Rome,Company,C1,{long},\n");
        let tables = ["contacts", kind.table, "relations"];
        let more = format!(
            "[tables.{}.columns]\n\"Name\" = {{ header = \"Name\", length = 10, too_long = \"cut\" }}\n",
            kind.table
        );
        let exchange = Exchange::of(&config(&tables, SERIES, "updates", &more));
        exchange
            .put("contacts.csv", &contacts)
            .put("relations.csv", RELATION_COLUMNS);
        exchange.put(&kind.file(), format!("{COUNTERPARTS}9,Nine,Bonn\n"));
        clean(&exchange);
        created(&exchange, kind, "C1", &[], kind.first());
        let update = exchange.text(&format!("updates/{}_000002.csv", kind.table));
        assert_eq!(
            update,
            format!("{COUNTERPARTS}{},Acme and S,Rome\n", kind.first())
        );
        exchange.put(
            &kind.file(),
            format!(
                "{COUNTERPARTS}9,Nine,Bonn\n{},Acme and S,Rome\n",
                kind.first()
            ),
        );
        assert!(!clean(&exchange).plan.writes());
        assert_in_step(&exchange);
    }
}

#[test]
fn a_number_that_another_kind_has_too_is_not_renumbered_with_it() {
    for (kind, other) in [(CUSTOMER, VENDOR), (VENDOR, BANK), (BANK, CUSTOMER)] {
        let columns = "No.,Name,City,External ID\n";
        let tables = ["contacts", kind.table, other.table, "relations"];
        let exchange = Exchange::of(&config(&tables, SERIES, "updates", ""));
        let contacts = format!("{CONTACTS}{ACME}C2,Bell,Oslo,Company,C2,Bell,\n");
        let first = kind.first();
        let namesake = format!("{COUNTERPARTS}{first},Bell,Oslo\n");
        exchange.put("contacts.csv", contacts);
        exchange.put("relations.csv", RELATION_COLUMNS);
        exchange.put(&kind.file(), columns);
        exchange.put(&other.file(), namesake);
        clean(&exchange);
        created(&exchange, &kind, "C1", &[], first);
        // In one pass the new record comes back renumbered and a relation of the other kind names that number.
        exchange.put(&kind.file(), format!("{columns}X77,Acme,Rome,{first}\n"));
        let relations = kind.relation_of("C1", first) + &other.relation_of("C2", first);
        exchange.put("relations.csv", format!("{RELATION_COLUMNS}{relations}"));
        let summary = clean(&exchange);
        let moved: Vec<(&str, &str)> = summary
            .plan
            .couplings
            .iter()
            .map(|new| (new.contact.as_str(), new.no.as_str()))
            .collect();
        assert_eq!(moved, [("C1", "X77")], "{}", kind.table);
        assert_eq!(summary.couplings, 2);
    }
}

#[test]
fn a_company_gets_a_counterpart_of_every_kind_in_one_request_file() {
    let tables = [
        "contacts",
        "customers",
        "vendors",
        "bank_accounts",
        "relations",
    ];
    let exchange = Exchange::of(&config(&tables, SERIES, "in-place", ""));
    exchange.put("contacts.csv", format!("{CONTACTS}{ACME}"));
    exchange.put("relations.csv", RELATION_COLUMNS);
    for kind in &KINDS {
        exchange.put(&kind.file(), COUNTERPARTS);
    }
    exchange.put(
        "requests.csv",
        "Action,Table,Contact No.\ncreate,customer,C1\ncreate,vendor,C1\ncreate,Bank Account,C1\n",
    );
    let ran = exchange.run(&["request", "requests.csv"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_in_step(&exchange);
    let relations: String = KINDS
        .iter()
        .map(|kind| kind.relation_of("C1", kind.first()))
        .collect();
    assert_eq!(
        exchange.text("relations.csv"),
        format!("{RELATION_COLUMNS}{relations}")
    );
    assert!(
        exchange
            .text("contacts.csv")
            .ends_with("C1,Acme,Multiple\n")
    );
    assert_eq!(logged(&exchange, "C1").len(), 1);
    // What changes on one reaches the other two.
    exchange.put(
        "bank_accounts.csv",
        format!("{COUNTERPARTS}A1,Acme,Paris\n"),
    );
    clean(&exchange);
    for kind in [CUSTOMER, VENDOR] {
        assert!(exchange.text(&kind.file()).contains(",Acme,Paris"));
    }
    assert_in_step(&exchange);
}

#[test]
fn a_contact_that_couplet_created_may_become_more_before_its_system_shows_it() {
    for (kind, other) in [(CUSTOMER, VENDOR), (VENDOR, BANK), (BANK, CUSTOMER)] {
        let tables = ["contacts", kind.table, other.table, "relations"];
        let exchange = Exchange::of(&config(&tables, SERIES, "updates", ""));
        exchange.put("contacts.csv", format!("{CONTACTS}{ACME}"));
        exchange.put("relations.csv", RELATION_COLUMNS);
        exchange.put(&kind.file(), COUNTERPARTS);
        exchange.put(&other.file(), COUNTERPARTS);
        clean(&exchange);
        exchange.put(&kind.file(), format!("{COUNTERPARTS}10,Bell,Oslo\n"));
        clean(&exchange);
        created(&exchange, &other, "CT1", &[], other.first());
        let update = exchange.text(&format!("updates/{}_000003.csv", other.table));
        assert_eq!(
            update,
            format!("{COUNTERPARTS}{},Bell,Oslo\n", other.first())
        );
        let relation = other.relation_of("CT1", other.first());
        assert!(
            exchange
                .text("updates/relations_000003.csv")
                .ends_with(&relation)
        );
        // All of it arrives at once.
        exchange.put(
            "contacts.csv",
            format!("{CONTACTS}{ACME}CT1,Bell,Oslo,Company,CT1,Bell,Multiple\n"),
        );
        exchange.put(
            "relations.csv",
            format!(
                "{RELATION_COLUMNS}{}{relation}",
                kind.relation_of("CT1", "10")
            ),
        );
        exchange.put(&other.file(), update);
        let summary = clean(&exchange);
        assert!(!summary.plan.writes(), "{summary:#?}");
        assert_eq!(summary.couplings, 2);
        assert_in_step(&exchange);
    }
}
