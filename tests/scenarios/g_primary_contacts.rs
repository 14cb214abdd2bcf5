//! G: the primary contact of a customer or vendor, and the relation that is found or restored through it.

use couplet::sync::Outcome;

use crate::support::Exchange;
use crate::{
    BANK, CUSTOMER, KINDS, Kind, RELATION_COLUMNS, VENDOR, add, cell, edit, exchange,
    exchange_through, import, is_in_step, reconciled, row,
};

/// The kinds that have a primary contact.
const MASTERS: [Kind; 2] = [CUSTOMER, VENDOR];

const CONTACTS: &str = "No.,Name,Type,Company No.,Company Name,Phone No.,City\n\
                        C1,Acme,Company,C1,Acme,1,Rome\n\
                        P1,Ann Smith,Person,C1,Acme,2,Rome\n\
                        C2,Other,Company,C2,Other,3,Oslo\n\
                        P2,Bob Jones,Person,C2,Other,4,Oslo\n\
                        S1,Sam Solo,Person,,,,\n";

const LEDGER: &str = "No.,Name,Primary Contact No.,Contact,Phone No.,City\n";

/// The contacts, and counterpart 77 of a kind beside others, after a first pass.
fn ledger(kind: &Kind, others: &str, relations: &str) -> Exchange {
    ledger_through("in-place", kind, others, relations)
}

fn ledger_through(write_back: &str, kind: &Kind, others: &str, relations: &str) -> Exchange {
    let own = format!("{LEDGER}77,Ledger,,,7,Kiel\n{others}");
    let relations = format!("{RELATION_COLUMNS}C2,PROS,,\n{relations}");
    let exchange = exchange_through(
        write_back,
        &[
            ("contacts", CONTACTS),
            (kind.table, &own),
            ("relations", &relations),
        ],
        "[merge]\nfirst_meeting = \"contact\"\n",
    )
    .with("[setup]\ncontact_nos = \"N1\"\n");
    let summary = exchange.summary();
    assert!(
        summary.plan.problems.is_empty(),
        "{:#?}",
        summary.plan.problems
    );
    exchange
}

fn lines(exchange: &Exchange, table: &str) -> usize {
    exchange.text(&format!("{table}.csv")).lines().count()
}

/// A pass in which nothing is written, and in which a primary contact is a problem for this reason.
fn refused(exchange: &Exchange, kind: &Kind, why: &str) {
    let names = ["contacts.csv", "relations.csv"];
    let own = format!("{}.csv", kind.table);
    let texts = || (names.map(|name| exchange.text(name)), exchange.text(&own));
    let before = texts();
    // It stays told, pass after pass.
    for pass in 1..=3 {
        let Outcome::InStep(summary) = exchange.pass() else {
            panic!("it writes")
        };
        let problems = &summary.plan.problems;
        let kinds: Vec<&str> = problems
            .iter()
            .map(|problem| problem.kind.as_str())
            .collect();
        assert_eq!(kinds, ["primary-contact"], "pass {pass}: {problems:#?}");
        assert!(problems[0].reason.contains(why), "{}", problems[0].reason);
        assert_eq!(problems[0].place.table, kind.table);
        assert!(summary.plan.interactions.is_empty());
    }
    assert_eq!(texts(), before);
    is_in_step(exchange);
}

/// A person without a company becomes the primary contact of a counterpart without a contact.
fn a_company_is_made_for_a_person_alone(kind: &Kind) {
    let exchange = ledger(kind, "", "");
    edit(&exchange, kind.table, "77", "Primary Contact No.", "s1");
    let summary = reconciled(&exchange);
    assert_eq!(
        row(&exchange, "contacts", "N1"),
        "N1,Ledger,Company,N1,Ledger,7,Kiel"
    );
    // The person takes over what its company has.
    assert_eq!(
        row(&exchange, "contacts", "S1"),
        "S1,Sam Solo,Person,N1,Ledger,7,Kiel"
    );
    assert_eq!(
        row(&exchange, kind.table, "77"),
        "77,Ledger,s1,Sam Solo,7,Kiel"
    );
    assert_eq!(
        exchange.text("relations.csv"),
        format!(
            "{RELATION_COLUMNS}C2,PROS,,\n{}",
            kind.relation_of("N1", "77")
        )
    );
    assert_eq!(summary.plan.creations.len(), 1);
    let logged: Vec<&str> = (summary.plan.interactions.iter())
        .map(|draft| draft.contact_no.as_str())
        .collect();
    assert_eq!(logged, ["N1", "S1"]);
    is_in_step(&exchange);
    edit(&exchange, kind.table, "77", "City", "Bonn");
    reconciled(&exchange);
    assert_eq!(cell(&exchange, "contacts", "N1", "City"), "Bonn");
    assert_eq!(cell(&exchange, "contacts", "S1", "City"), "Bonn");
    is_in_step(&exchange);
}

#[test]
fn g01_a_person_alone_that_becomes_the_primary_contact_of_an_unlinked_customer_gets_its_company() {
    a_company_is_made_for_a_person_alone(&CUSTOMER);
}

#[test]
fn g01_without_a_number_series_it_is_a_problem() {
    for kind in MASTERS {
        let exchange = ledger(&kind, "", "");
        let config = exchange.config().replace("contact_nos = \"N1\"\n", "");
        let exchange = exchange.configured(&config);
        exchange.summary();
        edit(&exchange, kind.table, "77", "Primary Contact No.", "S1");
        refused(&exchange, &kind, "contact_nos");
    }
}

#[test]
fn g01_a_new_counterpart_and_its_person_get_one_company() {
    for kind in MASTERS {
        let exchange = ledger(&kind, "", "");
        add(&exchange, kind.table, "78,Newco,S1,,8,Bonn");
        reconciled(&exchange);
        assert_eq!(lines(&exchange, "contacts"), 7, "one company, not two");
        assert_eq!(
            row(&exchange, "contacts", "N1"),
            "N1,Newco,Company,N1,Newco,8,Bonn"
        );
        assert_eq!(cell(&exchange, "contacts", "S1", "Company No."), "N1");
        assert_eq!(
            row(&exchange, kind.table, "78"),
            "78,Newco,S1,Sam Solo,8,Bonn"
        );
        is_in_step(&exchange);
    }
}

#[test]
fn g01_in_a_folder_exchange_everything_arrives_when_it_is_imported() {
    for kind in MASTERS {
        let exchange = ledger_through("updates", &kind, "", "");
        edit(&exchange, kind.table, "77", "Primary Contact No.", "S1");
        let pass = reconciled(&exchange).pass.expect("a pass");
        is_in_step(&exchange);
        is_in_step(&exchange);
        // What changes meanwhile goes on to the new company.
        edit(&exchange, kind.table, "77", "City", "Bonn");
        let second = reconciled(&exchange);
        assert!(second.plan.creations.is_empty());
        import(&exchange, pass);
        edit(&exchange, kind.table, "77", "City", "Bonn");
        let third = exchange.summary();
        assert!(!third.plan.writes(), "{:#?}", third.plan.changes);
        import(&exchange, second.pass.expect("a pass"));
        assert!(!exchange.summary().plan.writes());
        assert_eq!(
            row(&exchange, "contacts", "N1"),
            "N1,Ledger,Company,N1,Ledger,7,Bonn"
        );
        assert_eq!(
            row(&exchange, "contacts", "S1"),
            "S1,Sam Solo,Person,N1,Ledger,7,Bonn"
        );
        assert_eq!(
            row(&exchange, kind.table, "77"),
            "77,Ledger,S1,Sam Solo,7,Bonn"
        );
        is_in_step(&exchange);
    }
}

/// A person alone becomes the primary contact of a customer and of a vendor, at once or one after the other.
#[test]
fn g01_a_customer_and_a_vendor_of_one_person_share_its_company() {
    for write_back in ["in-place", "updates"] {
        for is_at_once in [true, false] {
            let own = format!("{LEDGER}77,Ledger,,,7,Kiel\n");
            let relations = format!("{RELATION_COLUMNS}C2,PROS,,\n");
            let exchange = exchange_through(
                write_back,
                &[
                    ("contacts", CONTACTS),
                    ("customers", &own),
                    ("vendors", &own),
                    ("relations", &relations),
                ],
                "",
            )
            .with("[setup]\ncontact_nos = \"N1\"\n");
            exchange.summary();
            edit(&exchange, "customers", "77", "Primary Contact No.", "S1");
            if !is_at_once {
                reconciled(&exchange);
            }
            edit(&exchange, "vendors", "77", "Primary Contact No.", "S1");
            assert_eq!(reconciled(&exchange).couplings, 2);
            is_in_step(&exchange);
            for pass in [2, 3] {
                import(&exchange, pass);
            }
            assert_eq!(reconciled(&exchange).couplings, 2);
            assert_eq!(lines(&exchange, "contacts"), 7, "one company");
            assert_eq!(cell(&exchange, "contacts", "S1", "Company No."), "N1");
            for kind in MASTERS {
                let relation = kind.relation_of("N1", "77");
                assert!(exchange.text("relations.csv").contains(&relation));
            }
            is_in_step(&exchange);
        }
    }
}

/// A person of a company becomes the primary contact of a counterpart without a contact.
fn the_persons_company_is_linked(kind: &Kind) {
    let exchange = ledger(kind, "", "");
    edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
    let summary = reconciled(&exchange);
    assert_eq!(summary.couplings, 1);
    assert!(summary.plan.creations.is_empty());
    assert_eq!(
        exchange.text("relations.csv"),
        format!(
            "{RELATION_COLUMNS}C2,PROS,,\n{}",
            kind.relation_of("C1", "77")
        )
    );
    assert_eq!(
        row(&exchange, kind.table, "77"),
        "77,Acme,P1,Ann Smith,1,Rome"
    );
    assert_eq!(
        row(&exchange, "contacts", "P1"),
        "P1,Ann Smith,Person,C1,Acme,2,Rome"
    );
    is_in_step(&exchange);
}

#[test]
fn g03_a_persons_company_becomes_the_contact_of_an_unlinked_customer() {
    the_persons_company_is_linked(&CUSTOMER);
}

#[test]
fn g04_a_persons_company_becomes_the_contact_of_an_unlinked_vendor() {
    the_persons_company_is_linked(&VENDOR);
}

#[test]
fn g04_a_new_counterpart_joins_the_company_of_its_primary_contact() {
    for kind in MASTERS {
        let exchange = ledger(&kind, "", "");
        add(&exchange, kind.table, "78,Newco,P1,Somebody,8,Bonn");
        reconciled(&exchange);
        assert_eq!(lines(&exchange, "contacts"), 6, "no contact is made");
        // A name that was entered with it is kept.
        assert_eq!(
            row(&exchange, kind.table, "78"),
            "78,Acme,P1,Somebody,1,Rome"
        );
        is_in_step(&exchange);
    }
}

#[test]
fn g04_a_customer_of_type_person_may_have_any_primary_contact() {
    let own = "No.,Name,Contact Type,Primary Contact No.,Contact\n77,Ledger,Person,,\n";
    let relations = format!("{RELATION_COLUMNS}C2,PROS,,\n");
    let exchange = exchange(
        &[
            ("contacts", CONTACTS),
            ("customers", own),
            ("relations", &relations),
        ],
        "",
    );
    exchange.summary();
    edit(&exchange, "customers", "77", "Primary Contact No.", "S1");
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    assert_eq!(reconciled(&exchange).couplings, 0);
    is_in_step(&exchange);
}

#[test]
fn g05_an_unrelated_person_cannot_be_the_primary_contact_of_a_linked_customer() {
    for kind in MASTERS {
        for (person, of) in [("S1", "S1"), ("P2", "P2")] {
            let exchange = ledger(&kind, "", &kind.relation_of("C1", "77"));
            edit(&exchange, kind.table, "77", "Primary Contact No.", person);
            let why = format!("contact {of} is not related to {} 77", kind.noun());
            refused(&exchange, &kind, &why);
            // Once it is put right nothing is left of it.
            edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
            reconciled(&exchange);
            assert_eq!(cell(&exchange, kind.table, "77", "Contact"), "Ann Smith");
            is_in_step(&exchange);
        }
    }
}

#[test]
fn g05_an_unrelated_person_is_related_once_its_company_is() {
    for kind in MASTERS {
        let exchange = ledger(&kind, "", &kind.relation_of("C1", "77"));
        edit(&exchange, kind.table, "77", "Primary Contact No.", "S1");
        refused(&exchange, &kind, "is not related");
        edit(&exchange, "contacts", "S1", "Company No.", "C1");
        reconciled(&exchange);
        assert_eq!(cell(&exchange, kind.table, "77", "Contact"), "Sam Solo");
        is_in_step(&exchange);
    }
}

#[test]
fn g05_an_unknown_primary_contact_is_a_problem_until_it_appears() {
    for kind in MASTERS {
        let exchange = ledger(&kind, "", &kind.relation_of("C1", "77"));
        edit(&exchange, kind.table, "77", "Primary Contact No.", "P9");
        refused(&exchange, &kind, "there is no contact P9");
        add(&exchange, "contacts", "P9,New Person,Person,C1,Acme,1,Rome");
        reconciled(&exchange);
        assert_eq!(cell(&exchange, kind.table, "77", "Contact"), "New Person");
        is_in_step(&exchange);
    }
}

/// Somebody's company has a counterpart of the kind already.
fn a_related_company_gets_no_second_one(kind: &Kind) {
    let exchange = ledger(kind, "76,Acme,,,1,Rome\n", &kind.relation_of("C1", "76"));
    edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
    let why = format!(
        "contact C1, the company of P1, is already related to {} 76",
        kind.noun()
    );
    refused(&exchange, kind, &why);
}

#[test]
fn g07_a_person_whose_company_has_a_customer_cannot_be_the_primary_contact_of_another() {
    a_related_company_gets_no_second_one(&CUSTOMER);
}

#[test]
fn g08_a_person_whose_company_has_a_vendor_cannot_be_the_primary_contact_of_another() {
    a_related_company_gets_no_second_one(&VENDOR);
}

#[test]
fn g10_a_person_of_another_linked_company_cannot_be_the_primary_contact() {
    for kind in MASTERS {
        let relations = format!(
            "{}{}",
            kind.relation_of("C1", "76"),
            kind.relation_of("C2", "77")
        );
        let exchange = ledger(&kind, "76,Acme,,,1,Rome\n", &relations);
        edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
        let why = format!("contact P1 is not related to {} 77", kind.noun());
        refused(&exchange, &kind, &why);
    }
}

#[test]
fn g11_a_relation_is_made_with_the_code_of_the_setup() {
    for kind in KINDS {
        let own = "No.,Name\n77,Acme\n";
        let relations = format!("{RELATION_COLUMNS}C2,PROS,,\n");
        let exchange = exchange(
            &[
                ("contacts", CONTACTS),
                (kind.table, own),
                ("relations", &relations),
            ],
            "",
        );
        exchange.summary();
        let ran = exchange.run(&["links", "add", "C1", kind.noun(), "77"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(
            row(&exchange, "relations", "C1"),
            kind.relation_of("C1", "77").trim()
        );
        is_in_step(&exchange);
    }
}

/// A person of the company that a counterpart belongs to already.
fn the_relation_is_kept(kind: &Kind) {
    let exchange = ledger(kind, "", &kind.relation_of("C1", "77"));
    let relations = exchange.text("relations.csv");
    edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
    let summary = reconciled(&exchange);
    assert_eq!(exchange.text("relations.csv"), relations);
    assert_eq!(cell(&exchange, kind.table, "77", "Contact"), "Ann Smith");
    // Phone number and e-mail stay those of the company.
    assert_eq!(cell(&exchange, kind.table, "77", "Phone No."), "1");
    assert_eq!(summary.plan.changes.len(), 1);
    assert_eq!(summary.plan.interactions.len(), 1);
    is_in_step(&exchange);
}

#[test]
fn g15_the_relation_of_a_customer_is_kept() {
    the_relation_is_kept(&CUSTOMER);
}

#[test]
fn g16_the_relation_of_a_vendor_is_kept() {
    the_relation_is_kept(&VENDOR);
}

#[test]
fn g16_a_company_that_is_the_primary_contact_leaves_the_contacts_name_blank() {
    for kind in MASTERS {
        let exchange = ledger(&kind, "", &kind.relation_of("C1", "77"));
        edit(&exchange, kind.table, "77", "Primary Contact No.", "C1");
        assert!(matches!(exchange.pass(), Outcome::InStep(_)));
        assert_eq!(cell(&exchange, kind.table, "77", "Contact"), "");
        // Also when the company is renamed.
        edit(&exchange, "contacts", "C1", "Name", "Newco");
        reconciled(&exchange);
        assert_eq!(row(&exchange, kind.table, "77"), "77,Newco,C1,,1,Rome");
        is_in_step(&exchange);
        edit(&exchange, kind.table, "77", "Name", "Third");
        reconciled(&exchange);
        assert_eq!(row(&exchange, kind.table, "77"), "77,Third,C1,,1,Rome");
        is_in_step(&exchange);
    }
}

#[test]
fn g16_a_renamed_person_is_renamed_where_it_is_the_primary_contact() {
    for kind in MASTERS {
        let exchange = ledger(
            &kind,
            "78,Sub,P1,Ann Smith,1,Rome\n79,Own,P1,A. Smith,1,Rome\n",
            &kind.relation_of("C1", "77"),
        );
        edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
        reconciled(&exchange);
        edit(&exchange, "contacts", "P1", "Name", "Ann Jones");
        reconciled(&exchange);
        assert_eq!(cell(&exchange, kind.table, "77", "Contact"), "Ann Jones");
        assert_eq!(cell(&exchange, kind.table, "78", "Contact"), "Ann Jones");
        is_in_step(&exchange);
        // Who enters another name in the same export means that.
        edit(&exchange, "contacts", "P1", "Name", "Ann Brown");
        edit(&exchange, kind.table, "77", "Contact", "Mrs Brown");
        reconciled(&exchange);
        assert_eq!(cell(&exchange, kind.table, "77", "Contact"), "Mrs Brown");
        is_in_step(&exchange);
    }
}

#[test]
fn g16_a_name_that_a_file_cannot_hold_is_a_problem_until_it_can() {
    for kind in MASTERS {
        let exchange = ledger(&kind, "", &kind.relation_of("C1", "77"));
        edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
        reconciled(&exchange);
        // Nothing proves yet how that file spells such a letter.
        edit(&exchange, "contacts", "P1", "Name", "\u{141}ucja");
        for _ in 0..2 {
            let problems = exchange.summary().plan.problems;
            let kinds: Vec<&str> = problems
                .iter()
                .map(|problem| problem.kind.as_str())
                .collect();
            assert_eq!(kinds, ["unwritable-cell"]);
            assert_eq!(cell(&exchange, kind.table, "77", "Contact"), "Ann Smith");
        }
        add(&exchange, kind.table, "90,K\u{f6}nig,,,,");
        exchange.summary();
        let named = cell(&exchange, kind.table, "77", "Contact");
        assert_eq!(named, "\u{141}ucja");
    }
}

#[test]
fn g16_a_company_that_is_renamed_leaves_the_names_of_its_persons() {
    for kind in MASTERS {
        let exchange = ledger(&kind, "", &kind.relation_of("C1", "77"));
        edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
        reconciled(&exchange);
        edit(&exchange, kind.table, "77", "Name", "Newco");
        reconciled(&exchange);
        assert_eq!(
            row(&exchange, "contacts", "P1"),
            "P1,Ann Smith,Person,C1,Newco,2,Rome"
        );
        assert_eq!(
            row(&exchange, kind.table, "77"),
            "77,Newco,P1,Ann Smith,1,Rome"
        );
        is_in_step(&exchange);
    }
}

#[test]
fn g16_a_renamed_primary_contact_reaches_a_folder_exchange_once() {
    for kind in MASTERS {
        let exchange = ledger_through(
            "updates",
            &kind,
            "76,Acme,P1,Ann Smith,1,Rome\n",
            &kind.relation_of("C1", "76"),
        );
        edit(&exchange, "contacts", "P1", "Name", "Ann Jones");
        let pass = reconciled(&exchange).pass.expect("a pass");
        is_in_step(&exchange);
        import(&exchange, pass);
        assert!(!reconciled(&exchange).plan.writes());
        assert_eq!(cell(&exchange, kind.table, "76", "Contact"), "Ann Jones");
        is_in_step(&exchange);
    }
}

#[test]
fn g16_a_name_that_an_update_brings_beside_another_choice_is_no_name_that_somebody_typed() {
    for kind in MASTERS {
        let exchange = ledger_through("updates", &kind, "", &kind.relation_of("C1", "77"));
        add(&exchange, "contacts", "P3,Cat Hill,Person,C1,Acme,2,Rome");
        edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
        let named = reconciled(&exchange).pass.expect("a pass");
        // It imports the name of the first, and chooses another.
        import(&exchange, named);
        edit(&exchange, kind.table, "77", "Primary Contact No.", "P3");
        let renamed = reconciled(&exchange).pass.expect("a pass");
        import(&exchange, renamed);
        assert!(row(&exchange, kind.table, "77").contains("P3,Cat Hill"));
        assert!(!exchange.summary().plan.writes());
    }
}

#[test]
fn g16_a_name_that_is_imported_after_its_number_was_cleared_becomes_no_person() {
    for kind in MASTERS {
        let exchange = ledger_through("updates", &kind, "", &kind.relation_of("C1", "77"));
        edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
        let named = reconciled(&exchange).pass.expect("a pass");
        edit(&exchange, kind.table, "77", "Primary Contact No.", "");
        let cleared = reconciled(&exchange).pass.expect("a pass");
        import(&exchange, named);
        edit(&exchange, kind.table, "77", "Primary Contact No.", "");
        let late = exchange.summary();
        assert!(late.plan.creations.is_empty(), "{:#?}", late.plan.creations);
        import(&exchange, cleared);
        exchange.summary();
        assert_eq!(row(&exchange, kind.table, "77"), "77,Acme,,,1,Rome");
        is_in_step(&exchange);
    }
}

#[test]
fn g16_a_name_is_on_its_way_although_the_relation_is_out_for_a_while_or_stands_twice() {
    for kind in MASTERS {
        for count in [0, 2] {
            let relation = kind.relation_of("C1", "77");
            let exchange = ledger_through("updates", &kind, "", &relation);
            edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
            reconciled(&exchange);
            let relations = exchange.text("relations.csv");
            let other = relations.replace(&relation, &relation.repeat(count));
            exchange.put("relations.csv", other);
            exchange.summary();
            exchange.put("relations.csv", relations);
            exchange.summary();
            // Its system skips the update that brought the name, and imports a later one.
            edit(&exchange, "contacts", "C1", "City", "Pisa");
            let later = reconciled(&exchange).pass.expect("a pass");
            import(&exchange, later);
            let right = "77,Acme,P1,Ann Smith,1,Pisa";
            assert_eq!(row(&exchange, kind.table, "77"), right, "{count}");
        }
    }
}

#[test]
fn g16_a_person_that_went_before_its_name_was_entered_comes_back_with_it() {
    for kind in MASTERS {
        let exchange = ledger(&kind, "", &kind.relation_of("C1", "77"));
        edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
        let contacts = exchange.text("contacts.csv");
        let person = "P1,Ann Smith,Person,C1,Acme,2,Rome\n";
        exchange.put("contacts.csv", contacts.replace(person, ""));
        exchange.summary();
        assert_eq!(row(&exchange, kind.table, "77"), "77,Acme,,,1,Rome");
        exchange.put("contacts.csv", contacts);
        reconciled(&exchange);
        assert_eq!(
            row(&exchange, kind.table, "77"),
            "77,Acme,P1,Ann Smith,1,Rome"
        );
        is_in_step(&exchange);
    }
}

#[test]
fn g16_who_goes_while_the_name_of_an_earlier_one_is_on_its_way_comes_back_with_its_own_name() {
    const CAT: &str = "P3,Cat Hill,Person,C1,Acme,2,Rome";
    for kind in MASTERS {
        for (is_shown, is_read) in [(false, false), (true, false), (true, true)] {
            let exchange = ledger_through("updates", &kind, "", &kind.relation_of("C1", "77"));
            add(&exchange, "contacts", CAT);
            edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
            let named = reconciled(&exchange).pass.expect("a pass");
            // Its name may be imported before another one is chosen, and that one may go before a pass reads of it.
            if is_shown {
                import(&exchange, named);
            }
            edit(&exchange, kind.table, "77", "Primary Contact No.", "P3");
            let renamed = is_read.then(|| reconciled(&exchange).pass.expect("a pass"));
            let contacts = exchange.text("contacts.csv");
            exchange.put("contacts.csv", contacts.replace(&format!("{CAT}\n"), ""));
            let blanked = exchange.summary().pass.expect("a pass");
            for pass in [Some(named), renamed, Some(blanked)].into_iter().flatten() {
                import(&exchange, pass);
            }
            assert_eq!(row(&exchange, kind.table, "77"), "77,Acme,,,1,Rome");
            exchange.put("contacts.csv", contacts);
            let back = reconciled(&exchange).pass.expect("a pass");
            import(&exchange, back);
            let right = "77,Acme,P3,Cat Hill,1,Rome";
            assert_eq!(
                row(&exchange, kind.table, "77"),
                right,
                "{is_shown} {is_read}"
            );
            exchange.summary();
            is_in_step(&exchange);
        }
    }
}

#[test]
fn g16_who_goes_as_it_is_chosen_and_is_back_before_its_system_knows_stays_chosen() {
    for kind in MASTERS {
        let exchange = ledger_through("updates", &kind, "", &kind.relation_of("C1", "77"));
        edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
        let contacts = exchange.text("contacts.csv");
        let person = "P1,Ann Smith,Person,C1,Acme,2,Rome\n";
        exchange.put("contacts.csv", contacts.replace(person, ""));
        // That it is there no more is no problem of the record that it has left.
        let blanked = reconciled(&exchange).pass.expect("a pass");
        exchange.put("contacts.csv", contacts);
        let back = reconciled(&exchange).pass.expect("a pass");
        import(&exchange, blanked);
        import(&exchange, back);
        let right = "77,Acme,P1,Ann Smith,1,Rome";
        assert_eq!(row(&exchange, kind.table, "77"), right);
        exchange.summary();
        is_in_step(&exchange);
    }
}

#[test]
fn g16_a_person_that_comes_back_under_another_name_has_that_one_there() {
    for kind in MASTERS {
        let exchange = ledger(&kind, "", &kind.relation_of("C1", "77"));
        edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
        reconciled(&exchange);
        let contacts = exchange.text("contacts.csv");
        let person = "P1,Ann Smith,Person,C1,Acme,2,Rome\n";
        exchange.put("contacts.csv", contacts.replace(person, ""));
        exchange.summary();
        exchange.put("contacts.csv", contacts.replace("Ann Smith", "Ann Jones"));
        reconciled(&exchange);
        let right = "77,Acme,P1,Ann Jones,1,Rome";
        assert_eq!(row(&exchange, kind.table, "77"), right);
        is_in_step(&exchange);
    }
}

#[test]
fn g16_who_is_chosen_while_it_stands_twice_has_the_name_that_it_had_until_it_stands_once() {
    for kind in MASTERS {
        for is_first in [false, true] {
            let exchange = ledger(&kind, "", &kind.relation_of("C1", "77"));
            let contacts = exchange.text("contacts.csv");
            let person = "P1,Ann Smith,Person,C1,Acme,2,Rome\n";
            let other = person.replace("Smith", "Jones");
            let both = match is_first {
                true => format!("{other}{person}"),
                false => format!("{person}{other}"),
            };
            exchange.put("contacts.csv", contacts.replace(person, &both));
            edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
            exchange.summary();
            let right = "77,Acme,P1,Ann Smith,1,Rome";
            assert_eq!(row(&exchange, kind.table, "77"), right);
            exchange.put("contacts.csv", contacts.replace(person, &other));
            reconciled(&exchange);
            let right = "77,Acme,P1,Ann Jones,1,Rome";
            assert_eq!(row(&exchange, kind.table, "77"), right);
            is_in_step(&exchange);
        }
    }
}

#[test]
fn g16_a_name_that_was_typed_for_who_goes_at_once_comes_back_with_it() {
    for kind in MASTERS {
        let exchange = ledger(&kind, "", &kind.relation_of("C1", "77"));
        edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
        edit(&exchange, kind.table, "77", "Contact", "Mrs Smith");
        let contacts = exchange.text("contacts.csv");
        let person = "P1,Ann Smith,Person,C1,Acme,2,Rome\n";
        exchange.put("contacts.csv", contacts.replace(person, ""));
        exchange.summary();
        assert_eq!(row(&exchange, kind.table, "77"), "77,Acme,,,1,Rome");
        exchange.put("contacts.csv", contacts);
        reconciled(&exchange);
        let right = "77,Acme,P1,Mrs Smith,1,Rome";
        assert_eq!(row(&exchange, kind.table, "77"), right);
        is_in_step(&exchange);
    }
}

#[test]
fn g16_a_name_that_is_typed_where_there_was_none_becomes_a_person() {
    for kind in MASTERS {
        let exchange = ledger(&kind, "", &kind.relation_of("C1", "77"));
        edit(&exchange, kind.table, "77", "Contact", "Jo Public");
        let summary = reconciled(&exchange);
        assert_eq!(
            row(&exchange, "contacts", "N1"),
            "N1,Jo Public,Person,C1,Acme,1,Rome"
        );
        assert_eq!(
            row(&exchange, kind.table, "77"),
            "77,Acme,N1,Jo Public,1,Rome"
        );
        assert_eq!(summary.plan.creations.len(), 1);
        is_in_step(&exchange);
        // A name that follows another one does not.
        edit(&exchange, kind.table, "77", "Contact", "Somebody");
        assert!(matches!(exchange.pass(), Outcome::InStep(_)));
        assert_eq!(lines(&exchange, "contacts"), 7);
        is_in_step(&exchange);
    }
}

#[test]
fn g16_a_name_that_is_typed_while_contacts_say_nothing_becomes_a_person_once_they_do() {
    let exchange = ledger(&CUSTOMER, "", &CUSTOMER.relation_of("C1", "77"));
    let contacts = exchange.text("contacts.csv");
    std::fs::remove_file(exchange.path("contacts.csv")).expect("removed");
    edit(&exchange, "customers", "77", "Contact", "Jo Public");
    for _ in 0..2 {
        let problems = exchange.summary().plan.problems;
        assert!(
            problems
                .iter()
                .any(|problem| problem.kind == "primary-contact")
        );
    }
    exchange.put("contacts.csv", contacts);
    reconciled(&exchange);
    assert!(row(&exchange, "contacts", "N1").starts_with("N1,Jo Public,Person,C1,"));
    assert_eq!(
        cell(&exchange, "customers", "77", "Primary Contact No."),
        "N1"
    );
    is_in_step(&exchange);
}

/// The contacts, and an export of customers that has what it has, after a first pass.
fn customers(text: &str, relations: &str) -> Exchange {
    let relations = format!("{RELATION_COLUMNS}C2,PROS,,\n{relations}");
    let exchange = exchange(
        &[
            ("contacts", CONTACTS),
            ("customers", text),
            ("relations", &relations),
        ],
        "",
    )
    .with("[setup]\ncontact_nos = \"N1\"\n");
    reconciled(&exchange);
    exchange
}

/// A column that an export lacked is unknown, and not empty: nobody has typed what it shows when it is there.
#[test]
fn g16_a_column_of_primary_contacts_that_appears_or_comes_back_changes_no_name() {
    let lacking = "No.,Name,Contact\n77,Acme,Mrs Smith\n";
    let whole = "No.,Name,Contact,Primary Contact No.\n77,Acme,Mrs Smith,P1\n";
    for exports in [&[lacking, whole][..], &[whole, lacking, whole]] {
        let exchange = customers(exports[0], &CUSTOMER.relation_of("C1", "77"));
        for export in &exports[1..] {
            exchange.put("customers.csv", export);
            assert!(!reconciled(&exchange).plan.writes());
        }
        assert_eq!(exchange.text("customers.csv"), whole);
        // Whoever is chosen then brings the name along.
        edit(&exchange, "customers", "77", "Primary Contact No.", "");
        reconciled(&exchange);
        edit(&exchange, "customers", "77", "Primary Contact No.", "P1");
        reconciled(&exchange);
        assert_eq!(cell(&exchange, "customers", "77", "Contact"), "Ann Smith");
    }
}

#[test]
fn g16_a_column_of_contacts_names_that_appears_or_comes_back_makes_no_person() {
    let lacking = "No.,Name,Primary Contact No.\n77,Acme,\n";
    let whole = "No.,Name,Contact,Primary Contact No.\n77,Acme,Old Pal,\n";
    for exports in [&[lacking, whole][..], &[whole, lacking, whole]] {
        let exchange = customers(exports[0], &CUSTOMER.relation_of("C1", "77"));
        for export in &exports[1..] {
            exchange.put("customers.csv", export);
            assert!(!reconciled(&exchange).plan.writes());
        }
    }
}

#[test]
fn g16_a_column_of_primary_contacts_that_appears_links_nobody() {
    let exchange = customers("No.,Name\n77,Ledger\n78,Solo\n", "");
    let whole = "No.,Name,Primary Contact No.\n77,Ledger,P1\n78,Solo,S1\n";
    exchange.put("customers.csv", whole);
    assert!(!reconciled(&exchange).plan.writes());
    is_in_step(&exchange);
}

#[test]
fn g18_a_person_alone_that_becomes_the_primary_contact_of_an_unlinked_vendor_gets_its_company() {
    a_company_is_made_for_a_person_alone(&VENDOR);
}

#[test]
fn g20_the_relation_of_a_persons_company_is_restored_for_a_vendor() {
    for kind in [VENDOR, CUSTOMER] {
        let exchange = ledger(&kind, "", &kind.relation_of("C1", "77"));
        let ran = exchange.run(&["links", "remove", "C1", kind.noun()]);
        assert_eq!(ran.code, 0, "{ran:?}");
        edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
        assert_eq!(reconciled(&exchange).couplings, 1);
        assert_eq!(
            row(&exchange, "relations", "C1"),
            kind.relation_of("C1", "77").trim()
        );
        is_in_step(&exchange);
    }
}

/// A new counterpart whose primary contact's company has a row that waits for its number.
fn the_waiting_row_gets_the_number(kind: &Kind) {
    for link in [kind.caption, ""] {
        for write_back in ["in-place", "updates"] {
            let waiting = format!("C1,{},{link},\n", kind.code);
            let exchange = ledger_through(write_back, kind, "", &waiting);
            add(&exchange, kind.table, "78,Newco,P1,,8,Bonn");
            let summary = reconciled(&exchange);
            assert_eq!(summary.couplings, 1, "{write_back}");
            assert!(summary.plan.creations.is_empty());
            if write_back == "updates" {
                is_in_step(&exchange);
                import(&exchange, summary.pass.expect("a pass"));
                assert!(!reconciled(&exchange).plan.writes());
            }
            assert_eq!(
                exchange.text("relations.csv"),
                format!(
                    "{RELATION_COLUMNS}C2,PROS,,\n{}",
                    kind.relation_of("C1", "78")
                ),
                "no row waits any more"
            );
            assert_eq!(
                row(&exchange, kind.table, "78"),
                "78,Acme,P1,Ann Smith,1,Rome"
            );
            is_in_step(&exchange);
        }
    }
}

#[test]
fn g23_the_row_that_waits_for_a_customers_number_gets_it() {
    the_waiting_row_gets_the_number(&CUSTOMER);
}

#[test]
fn g24_the_row_that_waits_for_a_vendors_number_gets_it() {
    the_waiting_row_gets_the_number(&VENDOR);
}

/// Relations of the company that a new counterpart's primary contact names, and what becomes of them.
fn relations_after(kind: &Kind, primary: &str, relations: &str) -> (Exchange, String) {
    let exchange = ledger(kind, "76,Acme,,,1,Rome\n", relations);
    add(
        &exchange,
        kind.table,
        &format!("78,Newco,{primary},,8,Bonn"),
    );
    exchange.summary();
    exchange.summary();
    let after = exchange.text("relations.csv");
    is_in_step(&exchange);
    (exchange, after)
}

#[test]
fn g27_a_waiting_row_stays_when_the_primary_contact_is_unknown() {
    for kind in MASTERS {
        let waiting = format!("C1,{},{},\n", kind.code, kind.caption);
        let (_, after) = relations_after(&kind, "P9", &waiting);
        assert!(after.contains(&waiting), "{after}");
        // The counterpart is new all the same.
        assert!(after.contains(&kind.relation_of("N1", "78")), "{after}");
    }
}

#[test]
fn g28_a_waiting_row_stays_when_the_primary_contact_has_no_company() {
    for kind in MASTERS {
        let waiting = format!("C1,{},{},\n", kind.code, kind.caption);
        let (_, after) = relations_after(&kind, "S1", &waiting);
        assert!(after.contains(&waiting), "{after}");
        assert!(after.contains(&kind.relation_of("N1", "78")), "{after}");
    }
}

#[test]
fn g29_without_a_row_of_the_company_a_new_one_is_made() {
    for kind in MASTERS {
        let waiting = format!("C2,{},{},\n", kind.code, kind.caption);
        let (_, after) = relations_after(&kind, "P1", &waiting);
        assert!(after.contains(&waiting), "another company's: {after}");
        assert!(after.contains(&kind.relation_of("C1", "78")), "{after}");
    }
}

#[test]
fn g30_a_row_that_has_another_number_keeps_it() {
    for kind in MASTERS {
        let related = kind.relation_of("C1", "76");
        let (exchange, after) = relations_after(&kind, "P1", &related);
        assert!(after.contains(&related), "{after}");
        assert!(!after.contains(&kind.relation_of("C1", "78")), "{after}");
        // The new counterpart gets a contact of its own, to which the person is not related.
        assert!(after.contains(&kind.relation_of("N1", "78")), "{after}");
        let problems = exchange.summary().plan.problems;
        assert!(
            problems[0].reason.contains("is not related to"),
            "{problems:#?}"
        );
    }
}

#[test]
fn g31_a_row_that_waits_gets_the_number_of_a_known_counterpart_too() {
    for kind in MASTERS {
        let waiting = format!("C1,{},{},\n", kind.code, kind.caption);
        let exchange = ledger(&kind, "", &waiting);
        edit(&exchange, kind.table, "77", "Primary Contact No.", "P1");
        reconciled(&exchange);
        assert_eq!(
            exchange.text("relations.csv"),
            format!(
                "{RELATION_COLUMNS}C2,PROS,,\n{}",
                kind.relation_of("C1", "77")
            )
        );
        is_in_step(&exchange);
    }
    // Bank accounts have no primary contact: a waiting row of theirs is carried.
    let exchange = ledger(&BANK, "", "C1,BANK,Bank Account,\n");
    add(&exchange, "bank_accounts", "78,Newco,P1,,8,Bonn");
    exchange.summary();
    assert!(
        exchange
            .text("relations.csv")
            .contains("C1,BANK,Bank Account,\n")
    );
    is_in_step(&exchange);
}
