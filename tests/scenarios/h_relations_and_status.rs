//! H: relations, and the status that they give a contact.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use couplet::model::KINDS;
use couplet::sync::Outcome;

use crate::support::{Exchange, SETUP};
use crate::{BANK, CUSTOMER, Kind, RELATION_COLUMNS, VENDOR, cell, edit, exchange};

const CONTACTS: &str = "No.,Name,Contact Business Relation\n";

/// The status that contact C1 has after these relations appeared in an exchange with a record of every kind.
fn status_with(relations: &str) -> String {
    let row = |kind: Kind| format!("No.,Name\n{},Acme\n", kind.no);
    let others = format!("{RELATION_COLUMNS}C9,PROS,,\n");
    let exchange = exchange(
        &[
            ("contacts", &format!("{CONTACTS}C1,Acme,\nC9,Nine,Other\n")),
            ("customers", &row(CUSTOMER)),
            ("vendors", &row(VENDOR)),
            ("bank_accounts", &row(BANK)),
            ("relations", &others),
        ],
        "",
    );
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    exchange.put("relations.csv", format!("{others}{relations}"));
    let summary = exchange.summary();
    assert!(summary.plan.problems.is_empty(), "{summary:#?}");
    assert!(summary.plan.interactions.is_empty(), "a status is none");
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    let contacts = exchange.text("contacts.csv");
    let c1 = contacts.lines().nth(1).expect("C1");
    c1.strip_prefix("C1,Acme,").expect("C1").to_owned()
}

#[test]
fn h02_a_contact_that_is_linked_with_a_vendor_has_the_status_vendor() {
    assert_eq!(status_with(&VENDOR.relation()), "Vendor");
    assert_eq!(status_with(&CUSTOMER.relation()), "Customer");
}

#[test]
fn h03_a_contact_that_is_linked_with_a_bank_account_has_the_status_bank_account() {
    assert_eq!(status_with(&BANK.relation()), "Bank Account");
}

#[test]
fn h04_a_contact_that_is_linked_with_a_customer_and_a_vendor_has_the_status_multiple() {
    let of = |kinds: &[Kind]| kinds.iter().map(Kind::relation).collect::<String>();
    assert_eq!(status_with(&of(&[CUSTOMER, VENDOR])), "Multiple");
    assert_eq!(status_with(&of(&[VENDOR, BANK])), "Multiple");
    assert_eq!(status_with(&of(&[CUSTOMER, VENDOR, BANK])), "Multiple");
}

#[test]
fn h06_a_contact_that_is_linked_under_another_code_alone_has_the_status_other() {
    for kind in [BANK, CUSTOMER, VENDOR] {
        let relation = format!("C1,ALT,{},{}\n", kind.caption, kind.no);
        assert_eq!(status_with(&relation), "Other", "{}", kind.caption);
    }
}

#[test]
fn h07_a_new_contact_without_relations_has_the_status_none() {
    let contacts = format!("{CONTACTS}C9,Nine,Other\n");
    let relations = format!("{RELATION_COLUMNS}C9,PROS,,\n");
    let exchange = exchange(&[("contacts", &contacts), ("relations", &relations)], "");
    exchange.summary();
    // Blank and None are equal, so that a blank is left; what is wrong is set right.
    exchange.put(
        "contacts.csv",
        format!("{contacts}C2,Blank,\nC3,Said,None\nC4,Wrong,Customer\n"),
    );
    exchange.summary();
    assert_eq!(
        exchange.text("contacts.csv"),
        format!("{contacts}C2,Blank,\nC3,Said,None\nC4,Wrong,None\n")
    );
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
}

#[test]
fn h10_a_relation_with_a_code_that_no_setup_names_makes_the_status_other() {
    assert_eq!(status_with("C1,PROS,,\n"), "Other");
    assert_eq!(status_with("C1,PROS,,\nC1,LAW,,\n"), "Multiple");
}

#[test]
fn h11_a_dry_run_says_the_status_and_writes_nothing() {
    let contacts = format!("{CONTACTS}C1,Acme,\n");
    let relations = format!("{RELATION_COLUMNS}C1,PROS,,\n");
    let exchange = exchange(&[("contacts", &contacts), ("relations", &relations)], "");
    let before = files(&exchange.path(""));
    assert_eq!(exchange.dry_run().plan.changes[0].to, "Other");
    assert_eq!(
        files(&exchange.path("")),
        before,
        "no state yet, and none made"
    );
    exchange.summary();
    exchange.put("contacts.csv", &contacts);
    let before = files(&exchange.path(""));
    assert_eq!(exchange.dry_run().plan.changes[0].to, "Other");
    assert_eq!(files(&exchange.path("")), before);
}

/// Every file under a folder, with its bytes.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(path).expect("a file"));
        }
    }
    found
}

#[test]
fn h12_every_kind_that_a_relation_can_link_to_is_a_status_of_the_same_name() {
    for kind in KINDS {
        let table = kind.table;
        let config = format!(
            "state = \"state\"\n[setup]\n{} = \"LINK\"\n\
             [tables.contacts]\nexport = \"contacts.csv\"\nwrite_back = \"in-place\"\n\
             [tables.{table}]\nexport = \"{table}.csv\"\n\
             [tables.relations]\nexport = \"relations.csv\"\n",
            kind.setup_code
        );
        let exchange = Exchange::new("");
        exchange
            .put("contacts.csv", format!("{CONTACTS}C1,Acme,\n"))
            .put(&format!("{table}.csv"), "No.,Name\n10,Acme\n")
            .put(
                "relations.csv",
                format!("{RELATION_COLUMNS}C1,LINK,{},10\n", kind.caption),
            );
        assert_eq!(exchange.summary_of(&config).couplings, 1);
        let expected = format!("{CONTACTS}C1,Acme,{}\n", kind.caption);
        assert_eq!(exchange.text("contacts.csv"), expected);
    }
}

#[test]
fn h14_a_relation_of_a_setup_code_without_a_number_is_carried_and_no_problem() {
    for kind in [CUSTOMER, VENDOR, BANK] {
        let own = format!("No.,Name\n{},Else\n", kind.no);
        let relations = format!("{RELATION_COLUMNS}C1,{},,\n", kind.code);
        let exchange = exchange(
            &[
                ("contacts", "No.,Name\nC1,Acme\n"),
                (kind.table, &own),
                ("relations", &relations),
            ],
            "",
        );
        let summary = exchange.summary();
        assert!(summary.plan.problems.is_empty(), "{summary:#?}");
        assert_eq!((summary.couplings, summary.files.len()), (0, 0));
        assert_eq!(exchange.text("relations.csv"), relations);
        assert_eq!(exchange.text(&format!("{}.csv", kind.table)), own);
    }
}

/// How a business relation code is called afterwards in the exports and in the configuration.
fn renamed(exchange: &Exchange, config: &str, kind: &Kind) -> String {
    let relations = exchange.text("relations.csv");
    let new = relations.replace(&format!(",{},", kind.code), ",RENAMED,");
    assert_ne!(new, relations);
    exchange.put("relations.csv", new);
    config.replace(&format!("\"{}\"", kind.code), "\"RENAMED\"")
}

fn many_parties(kind: &Kind, count: usize) -> (Exchange, String) {
    let rows = |row: &dyn Fn(usize) -> String| (10..10 + count).map(row).collect::<String>();
    let table = kind.table;
    let config = format!(
        "{SETUP}[tables.contacts]\nexport = \"contacts.csv\"\nwrite_back = \"in-place\"\n\
         [tables.{table}]\nexport = \"{table}.csv\"\nwrite_back = \"in-place\"\n\
         [tables.relations]\nexport = \"relations.csv\"\nwrite_back = \"in-place\"\n"
    );
    let exchange = Exchange::of(&config);
    let contact = |no| format!("C{no},Acme {no},{}\n", kind.caption);
    let (contacts, own) = (rows(&contact), rows(&|no| format!("{no},Acme {no}\n")));
    let relations = rows(&|no| kind.relation_of(&format!("C{no}"), &no.to_string()));
    exchange
        .put("contacts.csv", format!("{CONTACTS}{contacts}"))
        .put(&format!("{table}.csv"), format!("No.,Name\n{own}"))
        .put("relations.csv", format!("{RELATION_COLUMNS}{relations}"));
    assert_eq!(exchange.summary().couplings, count as u64);
    (exchange, config)
}

#[test]
fn h17_a_code_that_is_renamed_in_the_exports_and_in_the_setup_keeps_its_couplings() {
    for kind in [CUSTOMER, VENDOR, BANK] {
        let (exchange, config) = many_parties(&kind, 3);
        let config = renamed(&exchange, &config, &kind);
        let names = ["contacts.csv", "relations.csv"];
        let before = names.map(|name| exchange.text(name));
        let Outcome::InStep(summary) = exchange.pass_of(&config) else {
            panic!("it writes")
        };
        assert_eq!(summary.couplings, 3);
        assert!(summary.plan.problems.is_empty(), "{summary:#?}");
        assert!(summary.plan.interactions.is_empty(), "{summary:#?}");
        assert_eq!(names.map(|name| exchange.text(name)), before);
        crate::edit(&exchange, kind.table, "10", "Name", "Newco");
        exchange.summary_of(&config);
        assert_eq!(crate::cell(&exchange, "contacts", "C10", "Name"), "Newco");
    }
}

#[test]
fn h17_a_renamed_code_of_many_relations_asks_for_one_approval() {
    for kind in [CUSTOMER, VENDOR, BANK] {
        let (exchange, config) = many_parties(&kind, 12);
        let config = renamed(&exchange, &config, &kind);
        let id = match exchange.pass_of(&config) {
            Outcome::Halted { id, .. } => id,
            Outcome::InStep(_) => continue,
            other => panic!("{other:#?}"),
        };
        let exchange = exchange.configured(&config);
        let approved = exchange.run(&["approve", &id]);
        assert_eq!(approved.code, 0, "{approved:?}");
        let Outcome::InStep(summary) = exchange.pass() else {
            panic!("it writes")
        };
        assert_eq!(summary.couplings, 12);
        crate::edit(&exchange, kind.table, "10", "Name", "Newco");
        exchange.summary();
        assert_eq!(crate::cell(&exchange, "contacts", "C10", "Name"), "Newco");
    }
}

/// Two contacts, each with a customer, and the status of each.
fn two_customers() -> Exchange {
    let tables = [
        (
            "contacts",
            "No.,Name,Contact Business Relation\nA,Acme,Customer\nB,Beta,Customer\n",
        ),
        ("customers", "No.,Name\n10,Acme\n20,Beta\n"),
        (
            "relations",
            "Contact No.,Business Relation Code,Link to Table,No.\nA,CUST,Customer,10\nB,CUST,Customer,20\n",
        ),
    ];
    let exchange = crate::exchange(&tables, "");
    assert_eq!(crate::reconciled(&exchange).couplings, 2);
    exchange
}

#[test]
fn h19_a_contact_that_another_was_merged_into_keeps_its_status() {
    let exchange = two_customers();
    // B's relation was deleted, and its system merged B into A.
    exchange.put(
        "contacts.csv",
        "No.,Name,Contact Business Relation\nA,Acme,Customer\n",
    );
    exchange.put(
        "relations.csv",
        "Contact No.,Business Relation Code,Link to Table,No.\nA,CUST,Customer,10\n",
    );
    let summary = crate::reconciled(&exchange);
    assert_eq!(summary.couplings, 1);
    assert_eq!(
        crate::cell(&exchange, "contacts", "A", "Contact Business Relation"),
        "Customer"
    );
    assert_eq!(
        crate::row(&exchange, "customers", "20"),
        "20,Beta",
        "deletions never cross"
    );
    crate::is_in_step(&exchange);
}

#[test]
fn h21_of_two_merged_parties_the_survivor_keeps_name_and_number() {
    let exchange = two_customers();
    // Customer 10 was merged into 20, and contact A into B, with their relations.
    exchange.put(
        "contacts.csv",
        "No.,Name,Contact Business Relation\nB,Beta,Customer\n",
    );
    exchange.put("customers.csv", "No.,Name\n20,Beta\n");
    exchange.put(
        "relations.csv",
        "Contact No.,Business Relation Code,Link to Table,No.\nB,CUST,Customer,20\n",
    );
    let summary = crate::reconciled(&exchange);
    assert_eq!(summary.couplings, 1);
    assert_eq!(crate::row(&exchange, "contacts", "B"), "B,Beta,Customer");
    crate::is_in_step(&exchange);
}

#[test]
fn a_person_that_gets_a_company_gets_the_status_of_its_company() {
    for write_back in ["in-place", "updates"] {
        let contacts = "No.,Name,Type,Company No.,Contact Business Relation\nC9,Other,Company,C9,Other\nS1,Sam Solo,Person,,\n";
        let exchange = crate::exchange_through(
            write_back,
            &[
                ("contacts", contacts),
                (
                    "customers",
                    "No.,Name,Contact,Primary Contact No.\n10,Ledger,,\n",
                ),
                ("relations", &format!("{RELATION_COLUMNS}C9,PROS,,\n")),
            ],
            "",
        )
        .with("[setup]\ncontact_nos = \"N1\"\n");
        exchange.summary();
        // A company is made of the customer, and S1 becomes one of its persons.
        crate::edit(&exchange, "customers", "10", "Primary Contact No.", "S1");
        if let Some(pass) = exchange.summary().pass {
            crate::import(&exchange, pass);
        }
        exchange.summary();
        let of = |column: &str| crate::cell(&exchange, "contacts", "S1", column);
        assert_eq!(of("Company No."), "N1");
        assert_eq!(of("Contact Business Relation"), "Customer", "{write_back}");
    }
}

/// The status of a contact follows from its relations, also when those change while nobody hears of the contact.
#[test]
fn a_status_that_changes_while_contacts_say_nothing_is_written_once_they_do() {
    for write_back in ["in-place", "updates"] {
        let contacts = "No.,Name,Type,Company No.,Contact Business Relation\nC1,Acme,Company,C1,Customer\nP1,Ann,Person,C1,Customer\nC9,Nine,Company,C9,Other\n";
        let with = format!("{RELATION_COLUMNS}C9,PROS,,\nC1,CUST,Customer,10\n");
        let without = format!("{RELATION_COLUMNS}C9,PROS,,\n");
        let exchange = crate::exchange_through(
            write_back,
            &[
                ("contacts", contacts),
                ("customers", "No.,Name\n10,Acme\n"),
                ("relations", &with),
            ],
            "",
        );
        exchange.summary();
        let settled = || {
            for _ in 0..3 {
                if let Some(pass) = exchange.summary().pass {
                    crate::import(&exchange, pass);
                }
            }
            crate::is_in_step(&exchange);
            ["C1", "P1"]
                .map(|no| crate::cell(&exchange, "contacts", no, "Contact Business Relation"))
        };
        let silent = |relations: &[&str]| {
            let text = crate::hide(&exchange, "contacts.csv");
            for relations in relations {
                exchange.put("relations.csv", relations);
                exchange.summary();
            }
            exchange.put("contacts.csv", text);
        };
        silent(&[&without]);
        assert_eq!(settled(), ["None", "None"], "{write_back}");
        // What changed back meanwhile is no news, and what changed since counts.
        silent(&[&with, &without]);
        assert_eq!(settled(), ["None", "None"], "{write_back}");
        silent(&[&with]);
        let more = format!("{without}C1,PROS,,\n");
        exchange.put("relations.csv", &more);
        crate::edit(&exchange, "contacts", "C1", "Name", "Acme Ltd");
        assert_eq!(settled(), ["Other", "Other"], "{write_back}");
    }
}

#[test]
fn a_status_that_somebody_types_while_relations_say_nothing_is_what_it_should_be_once_they_do() {
    for write_back in ["in-place", "updates"] {
        let exchange = crate::exchange_through(
            write_back,
            &[
                (
                    "contacts",
                    "No.,Name,Type,Contact Business Relation\nC1,Acme,Company,Customer\n",
                ),
                ("customers", "No.,Name\n10,Acme\n"),
                (
                    "relations",
                    &format!("{RELATION_COLUMNS}C1,CUST,Customer,10\n"),
                ),
            ],
            "",
        );
        exchange.summary();
        let relations = crate::hide(&exchange, "relations.csv");
        let status = "Contact Business Relation";
        crate::edit(&exchange, "contacts", "C1", status, "Vendor");
        crate::add(&exchange, "contacts", "C2,New,Company,Vendor");
        for _ in 0..3 {
            assert!(!exchange.summary().plan.writes(), "{write_back}");
        }
        exchange.put("relations.csv", relations);
        for _ in 0..3 {
            if let Some(pass) = exchange.summary().pass {
                crate::import(&exchange, pass);
            }
        }
        crate::is_in_step(&exchange);
        let shown = ["C1", "C2"].map(|no| crate::cell(&exchange, "contacts", no, status));
        assert_eq!(shown, ["Customer", "None"], "{write_back}");
    }
}

#[test]
fn a_status_of_a_contact_that_no_delta_lists_is_written_all_the_same() {
    let contacts = "No.,Name,Type,Contact Business Relation\nC1,Acme,Company,Customer\nC9,Nine,Company,Other\n";
    let relations = format!("{RELATION_COLUMNS}C9,PROS,,\nC1,CUST,Customer,10\n");
    let exchange = crate::exchange_through(
        "updates",
        &[
            ("contacts", contacts),
            ("customers", "No.,Name\n10,Acme\n"),
            ("relations", &relations),
        ],
        "",
    );
    let delta = "export = \"contacts.csv\"\ncontents = \"delta\"";
    let config = exchange
        .config()
        .replace("export = \"contacts.csv\"", delta);
    let exchange = exchange.configured(&config);
    exchange.summary();
    let nobody = "No.,Name,Type,Contact Business Relation\nC9,Nine Ltd,Company,Other\n";
    exchange.put("contacts.csv", nobody);
    exchange.summary();
    exchange.put("relations.csv", format!("{RELATION_COLUMNS}C9,PROS,,\n"));
    let pass = exchange.summary().pass.expect("a pass");
    let update = exchange.text(&format!("updates/contacts_{pass:06}.csv"));
    assert!(update.contains("C1,Acme,Company,None\n"), "{update}");
    assert_eq!(exchange.summary().pass, None);
}

/// A party in step, of an office that makes contacts for new customers.
fn one_party() -> Exchange {
    let exchange = exchange(
        &[
            ("contacts", "No.,Name,City\nC1,Acme,Rome\n"),
            ("customers", "No.,Name,City\n10,Acme,Rome\n"),
            (
                "relations",
                &format!("{RELATION_COLUMNS}{}", CUSTOMER.relation()),
            ),
        ],
        "",
    )
    .with("[setup]\ncontact_nos = \"C1\"\n");
    assert_eq!(exchange.summary().couplings, 1);
    exchange
}

#[test]
fn a_row_without_a_number_is_a_problem_and_nobody() {
    for (table, row) in [
        ("customers", ",Nokey,Bari"),
        ("customers", "  ,Nokey,Bari"),
        ("contacts", ",Nokey,Bari"),
    ] {
        let exchange = one_party();
        let file = format!("{table}.csv");
        exchange.put(&file, format!("{}{row}\n", exchange.text(&file)));
        let summary = exchange.summary();
        assert!(!summary.plan.writes(), "{summary:#?}");
        assert_eq!(summary.plan.problems.len(), 1, "{summary:#?}");
        let told = summary.plan.problems[0].to_string();
        assert!(
            told.contains(&format!("{file}:3")) && told.contains("its \"No.\" is blank"),
            "{told}"
        );
        let relations = exchange.text("relations.csv");
        exchange.put("relations.csv", format!("{relations},CUST,Customer,10\n"));
        let summary = exchange.summary();
        assert_eq!((summary.couplings, summary.plan.problems.len()), (1, 1));
        assert!(exchange.text("contacts.csv").contains("C1,Acme,Rome\n"));
        assert!(exchange.text("customers.csv").contains("10,Acme,Rome\n"));
    }
}

#[test]
fn a_row_without_a_number_is_a_problem_from_the_first_pass_on() {
    for table in ["contacts", "customers"] {
        let text = |of: &str| match of == table {
            true => "No.,Name\n1,Acme\n,Nokey\n",
            false => "No.,Name\n1,Acme\n",
        };
        let relations = format!("{RELATION_COLUMNS}1,CUST,Customer,1\n");
        let tables = [
            ("contacts", text("contacts")),
            ("customers", text("customers")),
            ("relations", &relations),
        ];
        let exchange = exchange(&tables, "");
        let summary = exchange.summary();
        let kinds = summary.plan.problems.iter();
        let kinds: Vec<&str> = kinds.map(|problem| problem.kind.as_str()).collect();
        assert_eq!(
            (summary.couplings, kinds),
            (1, vec!["no-number"]),
            "{table}"
        );
    }
}

#[test]
fn a_relation_that_stands_twice_couples_again_once_it_stands_once() {
    let row = CUSTOMER.relation();
    let other = CUSTOMER.relation_of("C1", "11");
    // The row that is left may be the first or the last of them, and has not changed.
    for twice in [
        row.repeat(2),
        format!("{row}{other}"),
        format!("{other}{row}"),
    ] {
        let exchange = one_party();
        let relations = exchange.text("relations.csv");
        exchange.put("relations.csv", relations.replace(&row, &twice));
        for _ in 0..2 {
            let summary = exchange.summary();
            assert_eq!((summary.couplings, summary.plan.problems.len()), (0, 2));
        }
        exchange.put("relations.csv", relations);
        let summary = exchange.summary();
        assert_eq!(
            (summary.couplings, summary.plan.problems.len()),
            (1, 0),
            "{twice}"
        );
        edit(&exchange, "customers", "10", "City", "Kiel");
        exchange.summary();
        assert_eq!(cell(&exchange, "contacts", "C1", "City"), "Kiel", "{twice}");
    }
}

#[test]
fn a_relation_without_a_contact_or_a_number_is_carried_and_couples_nobody() {
    let exchange = one_party();
    let relations = exchange.text("relations.csv");
    let carried = ",CUST,Customer,10\n,VEND,Vendor,7\nC1,VEND,Vendor,\n";
    exchange.put("relations.csv", format!("{relations}{carried}"));
    let summary = exchange.summary();
    assert_eq!(summary.couplings, 1);
    assert!(summary.plan.problems.is_empty(), "{summary:#?}");
    assert!(!summary.plan.writes(), "{summary:#?}");
    // One that is gone takes nobody along, and keeps nobody.
    exchange.put("relations.csv", RELATION_COLUMNS.to_owned() + carried);
    assert_eq!(exchange.summary().couplings, 0);
}
