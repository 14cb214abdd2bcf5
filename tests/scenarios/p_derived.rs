//! P: rules of Business Central's code that no test of its own holds.

use couplet::merge::Rule;
use couplet::sync::Outcome;

use crate::support::SETUP;
use crate::{BANK, CUSTOMER, KINDS, Party, RELATION_COLUMNS, VENDOR, exchange};

#[test]
fn p02_a_purchaser_code_and_a_salesperson_code_never_meet() {
    for (kind, own) in [(VENDOR, "Purchaser Code"), (BANK, "Our Contact Code")] {
        let contact = ("Name,Salesperson Code", "Acme,SP");
        let counterpart = (format!("Name,{own}"), "Acme,PC");
        let party = Party::met(kind, contact, (&counterpart.0, counterpart.1), "");
        party.contact_says("Newco,SP2").reconciled();
        assert_eq!(party.counterpart(), "Newco,PC");
        party.counterpart_says("Third,PC2").reconciled();
        assert_eq!(party.contact(), "Third,SP2");
        // Nor does one fill a blank of the other.
        party
            .contact_says("Third,")
            .counterpart_says("Third,PC3")
            .reconciled();
        assert_eq!(party.contact(), "Third,");
    }
    let party = Party::in_step(CUSTOMER, "Name,Salesperson Code", "Acme,SP");
    party.contact_says("Acme,SP2").reconciled();
    assert_eq!(party.counterpart(), "Acme,SP2", "customers do share it");
}

/// Business Central copies the whole block, blanks included. Couplet differs: a blank is filled at a first meeting, and
/// wins only where it became blank.
#[test]
fn p05_a_blank_e_mail_is_filled_at_a_first_meeting_and_wins_only_where_it_became_blank() {
    for kind in KINDS {
        let contact = ("Name,E-Mail", "Acme,");
        let counterpart = ("Name,E-Mail", "Acme,a@x.example");
        let party = Party::met(kind, contact, counterpart, "");
        assert_eq!(party.contact(), "Acme,a@x.example");
        party.contact_says("Newco,a@x.example").reconciled();
        assert_eq!(party.counterpart(), "Newco,a@x.example");
        party.contact_says("Newco,").reconciled();
        assert_eq!(party.counterpart(), "Newco,");
        party.is_in_step();
    }
}

#[test]
fn p08_a_person_makes_its_customer_one_and_a_customer_never_changes_the_contacts_type() {
    let contact = ("Name,Type", "Ann,Person");
    let customer = ("Name,Contact Type", "Ann,Company");
    let party = Party::met(CUSTOMER, contact, customer, "");
    assert_eq!(party.counterpart(), "Ann,Person");
    assert_eq!(party.contact(), "Ann,Person");
    party.counterpart_says("Anne,Company").reconciled();
    assert_eq!(party.contact(), "Anne,Person");
    assert_eq!(party.counterpart(), "Anne,Person");
    party.contact_says("Anne,Company").reconciled();
    assert_eq!(party.counterpart(), "Anne,Company");
    party.is_in_step();
}

#[test]
fn p11_privacy_blocked_reaches_the_counterpart_and_leaves_blocked_alone() {
    for kind in [CUSTOMER, VENDOR] {
        let contact = ("Name,Privacy Blocked", "Acme,No");
        let counterpart = ("Name,Privacy Blocked,Blocked", "Acme,No,");
        let party = Party::met(kind, contact, counterpart, "");
        party.contact_says("Newco,Yes").reconciled();
        assert_eq!(party.counterpart(), "Newco,Yes,");
        party.is_in_step();
    }
}

/// Business Central waits for a change of another field. Couplet differs: every shared field that is in the exports is
/// compared.
#[test]
fn p12_a_change_of_image_privacy_blocked_or_format_region_travels_alone() {
    for (column, before, after) in [
        ("Image", "a.png", "b.png"),
        ("Privacy Blocked", "No", "Yes"),
        ("Format Region", "en-US", "de-DE"),
    ] {
        for kind in [CUSTOMER, VENDOR] {
            let party = Party::in_step(kind, column, before);
            party.contact_says(after).reconciled();
            assert_eq!(party.counterpart(), after);
            party.counterpart_says(before).reconciled();
            assert_eq!(party.contact(), before);
        }
    }
    let party = Party::in_step(BANK, "Image", "a.png");
    party.contact_says("b.png").reconciled();
    assert_eq!(party.counterpart(), "b.png");
    // By number, a bank's Format Region is the contact's Registration Number; by name they are two.
    let contact = ("Name,Registration Number,Format Region", "Acme,R1,en-US");
    let party = Party::met(BANK, contact, ("Name,Format Region", "Acme,da-DK"), "");
    party.contact_says("Newco,R2,de-DE").reconciled();
    assert_eq!(party.counterpart(), "Newco,da-DK");
}

#[test]
fn p14_a_new_counterpart_of_a_kind_without_setup_code_is_accepted_and_gets_no_contact() {
    for kind in KINDS {
        let table = kind.table;
        let setup: String = SETUP
            .lines()
            .filter(|line| !line.ends_with(&format!("{:?}", kind.code)))
            .map(|line| format!("{line}\n"))
            .collect();
        let config = format!(
            "{setup}[tables.contacts]\nexport = \"contacts.csv\"\nwrite_back = \"in-place\"\n\
             [tables.{table}]\nexport = \"{table}.csv\"\nwrite_back = \"in-place\"\n\
             [tables.relations]\nexport = \"relations.csv\"\nwrite_back = \"in-place\"\n"
        );
        let (contacts, relations) = (
            "No.,Name\nC1,Acme\n",
            format!("{RELATION_COLUMNS}C1,PROS,,\n"),
        );
        let exchange = exchange(&[("contacts", contacts), ("relations", &relations)], "");
        exchange.put(&format!("{table}.csv"), "No.,Name\n10,Old\n");
        exchange.summary_of(&config);
        exchange.put(&format!("{table}.csv"), "No.,Name\n10,Old\n11,New\n");
        let summary = exchange.summary_of(&config);
        assert!(summary.plan.problems.is_empty(), "{summary:#?}");
        assert!(summary.files.is_empty() && summary.plan.interactions.is_empty());
        assert_eq!(exchange.text("contacts.csv"), contacts);
        assert_eq!(exchange.text("relations.csv"), relations);
    }
}

#[test]
fn p18_the_search_name_follows_the_name_while_it_is_blank_or_says_the_old_one() {
    for (search, follows) in [("ACME", "BETA"), ("", "BETA"), ("FOO", "FOO")] {
        for kind in KINDS {
            let before = format!("Acme,{search}");
            let party = Party::in_step(kind, "Name,Search Name", &before);
            party.contact_says(&format!("Beta,{search}")).reconciled();
            assert_eq!(party.contact(), format!("Beta,{follows}"));
            assert_eq!(party.counterpart(), format!("Beta,{follows}"));
            party.is_in_step();
        }
        for kind in KINDS {
            let before = format!("Acme,{search}");
            let party = Party::in_step(kind, "Name,Search Name", &before);
            party
                .counterpart_says(&format!("Beta,{search}"))
                .reconciled();
            assert_eq!(party.contact(), format!("Beta,{follows}"));
            assert_eq!(party.counterpart(), format!("Beta,{follows}"));
            party.is_in_step();
        }
    }
}

#[test]
fn p32_a_second_pass_over_a_linked_party_writes_nothing_and_logs_nothing() {
    let columns = "No.,Name,City,Phone No.\n";
    let relations: String = KINDS.iter().map(|kind| kind.relation()).collect();
    let exchange = exchange(
        &[
            ("contacts", &format!("{columns}C1,Acme,,1\n")),
            ("customers", &format!("{columns}10,Acme,Rome,\n")),
            ("vendors", &format!("{columns}20,Acme,,1\n")),
            ("bank_accounts", &format!("{columns}B1,Acme,,\n")),
            ("relations", &format!("{RELATION_COLUMNS}{relations}")),
        ],
        "",
    );
    assert!(matches!(exchange.pass(), Outcome::Done(_)));
    let names = [
        "contacts",
        "customers",
        "vendors",
        "bank_accounts",
        "relations",
        "interactions",
    ];
    let texts = || names.map(|name| exchange.text(&format!("{name}.csv")));
    let (first, log) = (texts(), exchange.text("interactions.csv"));
    assert_eq!(log.lines().count(), 2, "the header and one entry");
    let Outcome::InStep(summary) = exchange.pass() else {
        panic!("nothing changed");
    };
    assert_eq!(summary.pass, None);
    assert!(summary.files.is_empty() && summary.plan.interactions.is_empty());
    assert_eq!(texts(), first);
}

#[test]
fn p_what_follows_from_a_name_was_said_by_whoever_said_the_name() {
    let party = Party::in_step(CUSTOMER, "Name,Search Name", "Acme,ACME");
    let summary = party.counterpart_says("Newco,ACME").reconciled();
    let derived = summary
        .plan
        .changes
        .iter()
        .filter(|change| change.rule == Rule::Derived);
    let said: Vec<_> = derived
        .map(|change| change.because[0].side.noun())
        .collect();
    assert!(
        !said.is_empty() && said.iter().all(|side| *side == "customer"),
        "{said:?}"
    );
}
