//! E: what changes on one record of a party reaches the others.

use couplet::sync::Outcome;

use crate::{BANK, CUSTOMER, KINDS, Party, RELATION_COLUMNS, VENDOR, exchange};

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
