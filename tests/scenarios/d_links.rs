//! D: a contact is linked with a counterpart that exists already, and parted from it again.

use std::collections::BTreeMap;

use couplet::sync::Outcome;

use crate::support::Exchange;
use crate::{
    BANK, CUSTOMER, KINDS, Kind, RELATION_COLUMNS, VENDOR, add, cell, edit, exchange,
    exchange_through, import, import_of, is_in_step, reconciled, row,
};

/// A company, another one, one that is blocked for privacy with a person of its own, and persons.
const CONTACTS: &str = "No.,Name,Type,Company No.,Privacy Blocked,City,Contact Business Relation\n\
                        C1,Acme,Company,C1,No,,\n\
                        C2,Other,Company,C2,No,Oslo,\n\
                        C3,Shut,Company,C3,Yes,Oslo,\n\
                        P1,Ann Smith,Person,C1,No,Oslo,\n\
                        P3,Shy Smith,Person,C3,Yes,Oslo,\n\
                        S1,Sam Solo,Person,,No,Oslo,\n\
                        S2,Shy Solo,Person,,Yes,Oslo,\n";

/// The number of a counterpart that nobody is coupled with at first.
const FREE: &str = "77";

/// The contacts, two counterparts of a kind and these relations, after a first pass.
fn ledger(kind: &Kind, relations: &str, write_back: &str) -> Exchange {
    let own = format!(
        "No.,Name,City,Mark\n{},Related,Oslo,x\n{FREE},Ledger,Rome,x\n",
        kind.no
    );
    let relations = format!("{RELATION_COLUMNS}C2,PROS,,\n{relations}");
    let exchange = exchange_through(
        write_back,
        &[
            ("contacts", CONTACTS),
            (kind.table, &own),
            ("relations", &relations),
        ],
        "[merge]\nfirst_meeting = \"contact\"\n",
    );
    exchange.summary();
    exchange
}

/// The exports and update files of an exchange.
fn exports(exchange: &Exchange) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for folder in ["", "updates"] {
        let Ok(entries) = std::fs::read_dir(exchange.path(folder)) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "csv") {
                let text = std::fs::read_to_string(&path).expect("text");
                found.insert(path.display().to_string(), text);
            }
        }
    }
    found
}

/// A command that is done, and what it printed.
fn done(exchange: &Exchange, arguments: &[&str]) -> String {
    let ran = exchange.run(arguments);
    assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
    assert_eq!(ran.err, "", "{arguments:?}");
    ran.out
}

/// A command that a rule refuses, and why; no file has changed then.
fn refused(exchange: &Exchange, arguments: &[&str]) -> String {
    let before = exports(exchange);
    let ran = exchange.run(arguments);
    assert_eq!(ran.code, 1, "{arguments:?}: {ran:?}");
    assert_eq!(exports(exchange), before, "{arguments:?}");
    assert!(ran.err.ends_with("nothing was written\n"), "{ran:?}");
    ran.err
}

fn refused_link(exchange: &Exchange, contact: &str, kind: &Kind, no: &str) -> String {
    refused(exchange, &["links", "add", contact, kind.noun(), no])
}

/// The same exchange without the business relation code of a kind.
fn without_code(exchange: Exchange, kind: &Kind) -> Exchange {
    let line = format!("{} = {:?}\n", kind.setup_code(), kind.code);
    let config = exchange.config().replace(&line, "");
    assert_ne!(config, exchange.config());
    exchange.configured(&config)
}

#[test]
fn d03_without_a_code_for_its_kind_a_link_is_refused_and_names_the_setup_key() {
    for kind in KINDS {
        let exchange = without_code(ledger(&kind, "", "in-place"), &kind);
        let why = refused_link(&exchange, "C1", &kind, FREE);
        assert!(why.contains(kind.setup_code()), "{why}");
    }
}

/// A contact with counterparts of the other kinds, and one of this kind that is to be linked.
fn about_to_be_linked(kind: &Kind) -> Exchange {
    let columns = "No.,Name,City,Phone No.\n";
    let free = format!("{columns}{FREE},Newco,Rome,\n");
    let others: Vec<&Kind> = (KINDS.iter())
        .filter(|other| other.table != kind.table)
        .collect();
    let own = others
        .iter()
        .map(|other| format!("{columns}{},Acme,,1\n", other.no))
        .collect::<Vec<_>>();
    let relations: String = others.iter().map(|other| other.relation()).collect();
    let exchange = exchange(
        &[
            ("contacts", &format!("{columns}C1,Acme,,1\n")),
            (others[0].table, &own[0]),
            (others[1].table, &own[1]),
            (kind.table, &free),
            ("relations", &format!("{RELATION_COLUMNS}{relations}")),
        ],
        "",
    );
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    exchange
}

/// What the contact and all its counterparts show after a link.
fn all_show(exchange: &Exchange, kind: &Kind, values: &str) {
    assert_eq!(row(exchange, "contacts", "C1"), format!("C1,{values}"));
    for other in KINDS {
        let no = if other.table == kind.table {
            FREE
        } else {
            other.no
        };
        assert_eq!(row(exchange, other.table, no), format!("{no},{values}"));
    }
}

#[test]
fn d04_a_link_whose_master_is_the_contact_overwrites_the_counterpart() {
    for kind in KINDS {
        for arguments in [&[][..], &["--master", "contact"]] {
            let exchange = about_to_be_linked(&kind);
            let noun = kind.noun();
            let before = exchange.text("relations.csv");
            let link = ["links", "add", "C1", noun, FREE];
            let out = done(&exchange, &[&link[..], arguments].concat());
            assert_eq!(out, format!("contact C1 is coupled with {noun} {FREE}\n"));
            let relation = kind.relation_of("C1", FREE);
            assert_eq!(
                exchange.text("relations.csv"),
                format!("{before}{relation}")
            );
            // A blank of the master never wins.
            all_show(&exchange, &kind, "Acme,Rome,1");
            let log = exchange.text("interactions.csv");
            let entry = log.lines().last().expect("an entry");
            assert!(
                entry.contains(&format!("coupled with {noun} {FREE}")),
                "{log}"
            );
            assert_eq!(log.lines().count(), 2, "{log}");
            is_in_step(&exchange);
        }
    }
}

#[test]
fn d06_a_person_is_linked_itself_and_takes_the_customers_name() {
    let contacts = "No.,Name,Type,Company No.,First Name,Middle Name,Surname\n\
                    C1,Acme,Company,C1,,,\nP1,Ann Smith,Person,C1,Ann,,Smith\nS1,Sam,Person,,Sam,,\n";
    for (kind, person, company) in [
        (CUSTOMER, "P1", "C1"),
        (CUSTOMER, "S1", ""),
        (VENDOR, "P1", "C1"),
        (BANK, "P1", "C1"),
    ] {
        let typed = kind.table == "customers";
        let (column, before, after) = match typed {
            true => (",Contact Type", ",Company", ",Person"),
            false => ("", "", ""),
        };
        let own = format!("No.,Name{column}\n{FREE},Jo Q. Public{before}\n");
        let relations = format!("{RELATION_COLUMNS}C1,PROS,,\n");
        let exchange = exchange(
            &[
                ("contacts", contacts),
                (kind.table, &own),
                ("relations", &relations),
            ],
            "",
        );
        exchange.summary();
        let noun = kind.noun();
        let link = [
            "links",
            "add",
            person,
            noun,
            FREE,
            "--master",
            "counterpart",
        ];
        done(&exchange, &link);
        assert_eq!(
            row(&exchange, "contacts", person),
            format!("{person},Jo Q. Public,Person,{company},Jo,Q.,Public")
        );
        assert_eq!(
            row(&exchange, kind.table, FREE),
            format!("{FREE},Jo Q. Public{after}")
        );
        let relation = kind.relation_of(person, FREE);
        assert_eq!(
            exchange.text("relations.csv"),
            format!("{relations}{relation}")
        );
        is_in_step(&exchange);
    }
}

/// A link whose master is the counterpart overwrites the contact, and the contact's other counterparts follow.
fn a_counterpart_overwrites_the_contact(kind: &Kind) {
    let exchange = about_to_be_linked(kind);
    let noun = kind.noun();
    let link = ["links", "add", "C1", noun, FREE, "--master", "counterpart"];
    done(&exchange, &link);
    all_show(&exchange, kind, "Newco,Rome,1");
    is_in_step(&exchange);
    edit(&exchange, kind.table, FREE, "City", "Kiel");
    reconciled(&exchange);
    all_show(&exchange, kind, "Newco,Kiel,1");
}

#[test]
fn d07_a_link_whose_master_is_the_vendor_overwrites_the_contact() {
    a_counterpart_overwrites_the_contact(&VENDOR);
    a_counterpart_overwrites_the_contact(&CUSTOMER);
}

#[test]
fn d08_a_link_whose_master_is_the_bank_account_overwrites_the_contact() {
    a_counterpart_overwrites_the_contact(&BANK);
}

/// What `links list` says of one record of a kind that was linked with this contact.
fn a_linked_contact_is_listed(kind: &Kind, contact: &str) {
    let exchange = ledger(kind, "", "in-place");
    let noun = kind.noun();
    let link = [
        "links",
        "add",
        contact,
        noun,
        FREE,
        "--master",
        "counterpart",
    ];
    done(&exchange, &link);
    let table = kind.table.replace('_', "-");
    for table in [table.as_str(), noun] {
        let list = ["links", "list", "--table", table, "--no", FREE];
        let out = done(&exchange, &list);
        let lines: Vec<&str> = out.lines().collect();
        let words: Vec<&str> = lines[0].split_whitespace().collect();
        assert_eq!(words, [contact, noun, FREE, "coupled", "Ledger"]);
        assert_eq!(lines[1..], ["1 link"]);
    }
    let list = ["--format", "json", "links", "list", "--table", noun];
    let out = done(&exchange, &list);
    let listed: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let expected = serde_json::json!({ "links": [{
        "contact": contact, "table": kind.table, "no": FREE, "name": "Ledger", "standing": "coupled",
    }] });
    assert_eq!(listed, expected);
}

#[test]
fn d09_the_contact_of_a_customer_is_listed_with_the_customers_name() {
    a_linked_contact_is_listed(&CUSTOMER, "C1");
}

#[test]
fn d10_the_contact_of_a_vendor_is_listed_with_the_vendors_name() {
    a_linked_contact_is_listed(&VENDOR, "C1");
}

#[test]
fn d11_the_contact_of_a_bank_account_is_listed_with_its_name() {
    a_linked_contact_is_listed(&BANK, "C1");
}

#[test]
fn d12_a_person_that_is_linked_is_listed_itself() {
    a_linked_contact_is_listed(&CUSTOMER, "S1");
    for kind in KINDS {
        a_linked_contact_is_listed(&kind, "P1");
    }
}

#[test]
fn d12_counterparts_without_a_contact_are_listed_when_asked_for() {
    for kind in KINDS {
        let exchange = ledger(&kind, &kind.relation(), "in-place");
        let noun = kind.noun();
        let listed = |arguments: &[&str]| -> Vec<String> {
            let out = done(&exchange, &[&["links", "list"][..], arguments].concat());
            let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            out.lines().map(words).collect()
        };
        let coupled = format!("C1 {noun} {} coupled Acme", kind.no);
        let lonely = format!("- {noun} {FREE} no contact Ledger");
        assert_eq!(listed(&[]), [coupled.clone(), "1 link".to_owned()]);
        assert_eq!(
            listed(&["--unlinked"]),
            [lonely.clone(), "1 link".to_owned()]
        );
        let of_table = ["--unlinked", "--table", kind.table];
        assert_eq!(listed(&of_table), [lonely.clone(), "1 link".to_owned()]);
        // Who asks for one number gets what there is to say of it.
        let of_no = ["--table", kind.table, "--no", FREE];
        assert_eq!(listed(&of_no), [lonely, "1 link".to_owned()]);
        assert_eq!(listed(&["--contact", "c1"]), [coupled, "1 link".to_owned()]);
        assert_eq!(listed(&["--contact", "C2"]), ["0 links"]);
    }
}

#[test]
fn d12_a_relation_that_couples_nothing_is_listed_with_its_reason() {
    for kind in KINDS {
        let exchange = ledger(&kind, &kind.relation_of("C1", "404"), "in-place");
        let out = done(&exchange, &["links", "list", "--contact", "C1"]);
        let reason = format!("not coupled: there is no {} 404", kind.noun());
        assert!(out.contains(&reason), "{out}");
        assert!(out.ends_with("1 link\n"), "{out}");
    }
}

#[test]
fn d16_the_other_counterparts_of_a_customer_are_found_through_its_contact() {
    let columns = "No.,Name\n";
    let relations: String = KINDS.iter().map(Kind::relation).collect();
    let exchange = exchange(
        &[
            ("contacts", "No.,Name\nC1,Acme\n"),
            ("customers", &format!("{columns}10,Acme\n")),
            ("vendors", &format!("{columns}20,Acme\n")),
            ("bank_accounts", &format!("{columns}B1,Acme\n")),
            ("relations", &format!("{RELATION_COLUMNS}{relations}")),
        ],
        "",
    );
    // No pass is needed to ask.
    for kind in KINDS {
        let list = ["links", "list", "--table", kind.table, "--no", kind.no];
        let out = done(&exchange, &list);
        assert!(out.starts_with("C1 "), "{out}");
        let out = done(&exchange, &["links", "list", "--contact", "C1"]);
        for other in KINDS {
            let named = format!("{} {}", other.noun(), other.no);
            assert!(out.contains(&named), "{named} in {out}");
        }
    }
    assert!(!exchange.path("state").exists(), "to ask writes nothing");
}

#[test]
fn d17_who_has_a_counterpart_of_the_kind_gets_no_second_one() {
    for kind in KINDS {
        let exchange = ledger(&kind, &kind.relation(), "in-place");
        let why = refused_link(&exchange, "C1", &kind, FREE);
        let expected = format!("contact C1 already has {} {}", kind.noun(), kind.no);
        assert!(why.contains(&expected), "{why}");
    }
}

#[test]
fn d17_a_person_whose_company_has_a_customer_or_a_vendor_gets_none_but_may_have_a_bank_account() {
    for kind in KINDS {
        let exchange = ledger(&kind, &kind.relation(), "in-place");
        if kind.table == "bank_accounts" {
            done(&exchange, &["links", "add", "P1", "bank-account", FREE]);
            let relation = kind.relation_of("P1", FREE);
            assert!(exchange.text("relations.csv").ends_with(&relation));
            is_in_step(&exchange);
            continue;
        }
        let why = refused_link(&exchange, "P1", &kind, FREE);
        let expected = format!("contact C1, the company of P1, already has {}", kind.noun());
        assert!(why.contains(&expected), "{why}");
    }
}

#[test]
fn d17_whoever_is_blocked_for_privacy_is_not_linked() {
    for kind in KINDS {
        for contact in ["C3", "P3", "S2"] {
            let exchange = without_code(ledger(&kind, "", "in-place"), &kind);
            let why = refused_link(&exchange, contact, &kind, "404");
            let expected = format!("contact {contact} is blocked for privacy");
            assert!(why.contains(&expected), "{}: {why}", kind.table);
        }
    }
}

#[test]
fn d17_a_relation_counts_before_privacy_except_for_bank_accounts() {
    for kind in KINDS {
        let exchange = ledger(&kind, &kind.relation_of("C3", kind.no), "in-place");
        let is_bank = kind.table == "bank_accounts";
        for (contact, related) in [
            ("C3", "contact C3 already has"),
            ("P3", "the company of P3, already has"),
        ] {
            let why = refused_link(&exchange, contact, &kind, FREE);
            let expected = if is_bank {
                "is blocked for privacy"
            } else {
                related
            };
            assert!(why.contains(expected), "{}: {why}", kind.table);
        }
    }
}

#[test]
fn d17_a_vendor_and_a_bank_account_need_a_company_and_a_customer_does_not() {
    for kind in KINDS {
        // The company counts before the setup.
        let uncoded = without_code(ledger(&kind, "", "in-place"), &kind);
        let why = refused_link(&uncoded, "S1", &kind, FREE);
        if kind.table == "customers" {
            assert!(why.contains(kind.setup_code()), "{why}");
            let exchange = ledger(&kind, "", "in-place");
            done(&exchange, &["links", "add", "S1", "customer", FREE]);
            assert_eq!(cell(&exchange, "customers", FREE, "Name"), "Sam Solo");
        } else {
            let expected = "Company No. of contact S1 must be filled";
            assert!(why.contains(expected), "{why}");
        }
    }
}

#[test]
fn d17_the_setup_code_counts_before_the_number() {
    for kind in KINDS {
        let uncoded = without_code(ledger(&kind, "", "in-place"), &kind);
        let why = refused_link(&uncoded, "C1", &kind, "404");
        assert!(why.contains(kind.setup_code()), "{why}");
        let exchange = ledger(&kind, "", "in-place");
        let why = refused_link(&exchange, "C1", &kind, "404");
        let expected = format!("there is no {} 404", kind.noun());
        assert!(why.contains(&expected), "{why}");
        let why = refused_link(&exchange, "C404", &kind, FREE);
        assert!(why.contains("there is no contact C404"), "{why}");
    }
}

#[test]
fn d17_a_counterpart_that_belongs_to_somebody_else_is_not_linked() {
    for kind in KINDS {
        let exchange = ledger(&kind, &kind.relation(), "in-place");
        let why = refused_link(&exchange, "C2", &kind, kind.no);
        let noun = kind.noun();
        let expected = format!("{noun} {} already belongs to contact C1", kind.no);
        assert!(why.contains(&expected), "{why}");
    }
}

#[test]
fn d17_numbers_are_compared_as_codes_and_an_unknown_kind_is_a_matter_of_usage() {
    let exchange = ledger(&BANK, "", "in-place");
    edit(&exchange, "bank_accounts", FREE, "No.", "nbl");
    done(&exchange, &["links", "add", " c1", "bank-accounts", "Nbl "]);
    assert!(
        exchange
            .text("relations.csv")
            .ends_with("C1,BANK,Bank Account,NBL\n")
    );
    let ran = exchange.run(&["links", "add", "C1", "planet", "1"]);
    assert_eq!(ran.code, 64, "{ran:?}");
    assert!(ran.err.contains("planet"), "{ran:?}");
}

#[test]
fn d17_a_link_needs_a_relations_table_that_can_be_written() {
    for kind in KINDS {
        let exchange = ledger(&kind, &kind.relation(), "in-place");
        let section = "[tables.relations]\nexport = \"relations.csv\"\n";
        let back = format!("{section}write_back = \"in-place\"\n");
        let unwritable = exchange.config().replace(&back, section);
        let noun = kind.noun();
        let exchange = exchange.configured(&unwritable);
        let why = refused_link(&exchange, "C2", &kind, FREE);
        assert!(
            why.contains("`write_back` is not set for [tables.relations]"),
            "{why}"
        );
        let why = refused(&exchange, &["links", "remove", "C1", noun]);
        assert!(
            why.contains("`write_back` is not set for [tables.relations]"),
            "{why}"
        );
    }
}

#[test]
fn d17_a_link_needs_the_exports_of_both_records_and_of_relations() {
    for kind in KINDS {
        for table in ["contacts", kind.table, "relations"] {
            let exchange = ledger(&kind, "", "in-place");
            let file = format!("{table}.csv");
            std::fs::remove_file(exchange.path(&file)).expect("removed");
            let why = refused_link(&exchange, "C1", &kind, FREE);
            let expected = format!("{file} says nothing in this pass");
            assert!(why.contains(&expected), "{why}");
        }
    }
}

/// A relation that its own system makes while one of the two records is silent: the records meet when both speak.
#[test]
fn d17_two_records_meet_when_both_speak() {
    for kind in KINDS {
        for silent in ["contacts", kind.table] {
            for contents in ["full", "delta"] {
                let own = format!("No.,Name\n{},Ledger\n", kind.no);
                let relations = format!("{RELATION_COLUMNS}C2,PROS,,\n");
                let exchange = exchange(
                    &[
                        ("contacts", "No.,Name\nC1,Acme\nC2,Other\n"),
                        (kind.table, &own),
                        ("relations", &relations),
                    ],
                    "",
                );
                let back = "export = \"relations.csv\"\nwrite_back = \"in-place\"\n";
                let folder = back.replace("in-place", "updates");
                let config = exchange
                    .config()
                    .replace(back, &format!("{folder}contents = \"{contents}\"\n"));
                let exchange = exchange.configured(&config);
                exchange.summary();
                let file = format!("{silent}.csv");
                let text = exchange.text(&file);
                std::fs::remove_file(exchange.path(&file)).expect("removed");
                add(&exchange, "relations", kind.relation().trim());
                exchange.summary();
                if contents == "delta" {
                    exchange.put("relations.csv", &relations);
                }
                exchange.summary();
                exchange.put(&file, text);
                let conflicts = exchange.summary().plan.conflicts;
                assert_eq!(conflicts.len(), 1, "{silent} was silent, {contents}");
                assert_eq!(cell(&exchange, "contacts", "C1", "Name"), "Acme");
                assert_eq!(cell(&exchange, kind.table, kind.no, "Name"), "Ledger");
            }
        }
    }
}

#[test]
fn d18_a_dry_run_says_what_a_link_would_do_and_writes_nothing() {
    for kind in KINDS {
        let noun = kind.noun();
        let exchange = ledger(&kind, &kind.relation(), "in-place");
        exchange.run(&["status"]);
        let before = crate::h_relations_and_status::files(&exchange.path(""));
        let out = done(&exchange, &["links", "add", "C2", noun, FREE, "--dry-run"]);
        assert!(out.contains(FREE) && out.contains("Other"), "{out}");
        let out = done(&exchange, &["links", "remove", "C1", noun, "--dry-run"]);
        assert!(out.contains(kind.no), "{out}");
        let why = exchange.run(&["links", "add", "C1", noun, FREE, "--dry-run"]);
        assert_eq!(why.code, 1, "{why:?}");
        let after = crate::h_relations_and_status::files(&exchange.path(""));
        assert!(before == after, "{} writes in a dry run", kind.table);
    }
}

#[test]
fn d19_a_link_that_is_removed_leaves_both_records_and_couples_no_longer() {
    for kind in KINDS {
        let noun = kind.noun();
        let exchange = ledger(&kind, &kind.relation(), "in-place");
        assert_eq!(
            cell(&exchange, "contacts", "C1", "Contact Business Relation"),
            kind.caption
        );
        let own = row(&exchange, kind.table, kind.no);
        let out = done(&exchange, &["links", "remove", "c1", noun]);
        let expected = format!("contact C1 is no longer coupled with {noun} {}\n", kind.no);
        assert_eq!(out, expected);
        assert_eq!(
            exchange.text("relations.csv"),
            format!("{RELATION_COLUMNS}C2,PROS,,\n")
        );
        assert_eq!(row(&exchange, kind.table, kind.no), own);
        assert_eq!(
            row(&exchange, "contacts", "C1"),
            "C1,Acme,Company,C1,No,Oslo,None"
        );
        let log = exchange.text("interactions.csv");
        let entry = log.lines().last().expect("an entry");
        let expected = format!("no longer coupled with {noun} {}", kind.no);
        assert!(entry.contains(&expected), "{log}");
        is_in_step(&exchange);
        // What is edited now stays where it is.
        edit(&exchange, kind.table, kind.no, "Name", "Gone");
        edit(&exchange, "contacts", "C1", "Name", "Newco");
        assert!(matches!(exchange.pass(), Outcome::InStep(_)));
        let why = refused(&exchange, &["links", "remove", "C1", noun]);
        assert!(why.contains(&format!("contact C1 has no {noun}")), "{why}");
        let why = refused(&exchange, &["links", "remove", "C404", noun]);
        assert!(why.contains("there is no contact C404"), "{why}");
        // They may be linked again, as records that never met.
        done(&exchange, &["links", "add", "C1", noun, kind.no]);
        assert_eq!(cell(&exchange, kind.table, kind.no, "Name"), "Newco");
        is_in_step(&exchange);
    }
}

#[test]
fn d19_a_conflict_ends_when_its_link_is_removed() {
    for kind in KINDS {
        let noun = kind.noun();
        let exchange = ledger(&kind, &kind.relation(), "in-place");
        edit(&exchange, kind.table, kind.no, "Name", "One");
        edit(&exchange, "contacts", "C1", "Name", "Two");
        assert_eq!(exchange.summary().plan.conflicts.len(), 1);
        done(&exchange, &["links", "remove", "C1", noun]);
        let after = reconciled(&exchange);
        assert!(!after.plan.writes(), "{after:#?}");
        assert_eq!(cell(&exchange, kind.table, kind.no, "Name"), "One");
        assert_eq!(cell(&exchange, "contacts", "C1", "Name"), "Two");
        is_in_step(&exchange);
    }
}

/// The update files of a pass, by name.
fn updates(exchange: &Exchange, pass: u64) -> Vec<String> {
    let all = exports(exchange).into_keys();
    let of_pass = format!("_{pass:06}.csv");
    let name = |path: String| path.rsplit('/').next().map(str::to_owned);
    let mut names: Vec<String> = all
        .filter(|path| path.ends_with(&of_pass))
        .filter_map(name)
        .collect();
    names.sort();
    names
}

#[test]
fn d20_a_link_in_a_folder_exchange_couples_before_its_systems_import_it() {
    for kind in KINDS {
        let noun = kind.noun();
        let exchange = ledger(&kind, "", "updates");
        done(&exchange, &["links", "add", "C1", noun, FREE]);
        let table = kind.table;
        let written = ["contacts", table, "relations"].map(|table| format!("{table}_000002.csv"));
        let mut written = written.to_vec();
        written.sort();
        assert_eq!(updates(&exchange, 2), written);
        assert_eq!(
            exchange.text("updates/relations_000002.csv"),
            format!("{RELATION_COLUMNS}{}", kind.relation_of("C1", FREE))
        );
        // In flight, pass after pass.
        is_in_step(&exchange);
        is_in_step(&exchange);
        let why = refused_link(&exchange, "C1", &kind, kind.no);
        assert!(why.contains("already has"), "{why}");
        // What is edited meanwhile travels.
        edit(&exchange, "contacts", "C1", "Name", "Newco");
        let summary = reconciled(&exchange);
        assert_eq!(summary.couplings, 1);
        let pass = summary.pass.expect("a pass");
        let update = exchange.text(&format!("updates/{table}_{pass:06}.csv"));
        assert!(update.contains(&format!("{FREE},Newco")), "{update}");
        assert_eq!(updates(&exchange, pass), [format!("{table}_{pass:06}.csv")]);
        // The relation arrives late; then the first update of the counterpart, and then the second.
        import_of(&exchange, "relations", 2);
        assert_eq!(reconciled(&exchange).couplings, 1);
        is_in_step(&exchange);
        import_of(&exchange, table, 2);
        assert_eq!(cell(&exchange, table, FREE, "Name"), "Acme");
        assert!(!reconciled(&exchange).plan.writes());
        assert_eq!(
            row(&exchange, "relations", "C1"),
            kind.relation_of("C1", FREE).trim()
        );
        import_of(&exchange, table, pass);
        let summary = reconciled(&exchange);
        assert!(
            !summary.plan.writes() && summary.couplings == 1,
            "{summary:#?}"
        );
        is_in_step(&exchange);
        assert_eq!(cell(&exchange, table, FREE, "Name"), "Newco");
    }
}

#[test]
fn d20_a_link_that_its_system_does_not_import_is_a_problem() {
    for kind in KINDS {
        for waiting in [String::new(), format!("C1,{},,\n", kind.code)] {
            let exchange = ledger(&kind, &waiting, "updates");
            done(&exchange, &["links", "add", "C1", kind.noun(), FREE]);
            let mut told = Vec::new();
            for export in 1..=5 {
                add(&exchange, "relations", &format!("C2,LAW{export},,"));
                let problems = exchange.summary().plan.problems;
                told.push(problems.iter().any(|problem| {
                    problem.kind == "not-imported" && problem.place.table == "relations"
                }));
            }
            assert_eq!(told, [false, false, false, true, true], "{waiting}");
            assert_eq!(exchange.summary().couplings, 1);
        }
    }
}

#[test]
fn d20_a_removed_link_that_its_system_goes_on_listing_is_a_problem_until_it_is_out_or_stays() {
    for (kind, is_imported) in KINDS
        .iter()
        .flat_map(|kind| [true, false].map(|imported| (kind, imported)))
    {
        let exchange = ledger(kind, &kind.relation(), "updates");
        import(&exchange, 1);
        reconciled(&exchange);
        let waits = || {
            let problems = exchange.summary().plan.problems;
            problems
                .iter()
                .any(|problem| problem.kind == "not-imported" && problem.place.table == "relations")
        };
        done(&exchange, &["links", "remove", "C1", kind.noun()]);
        let removal = exports(&exchange).into_keys().find_map(|path| {
            path.split("relations_removed_")
                .nth(1)?
                .get(..6)?
                .parse()
                .ok()
        });
        let mut told = Vec::new();
        for export in 1..=5 {
            add(&exchange, "relations", &format!("C2,LAW{export},,"));
            told.push(waits());
        }
        assert_eq!(told, [false, false, false, true, true]);
        assert!(waits());
        if is_imported {
            import(&exchange, removal.expect("a removal"));
        } else {
            done(&exchange, &["links", "add", "C1", kind.noun(), kind.no]);
        }
        assert!(!waits(), "{is_imported}");
        assert_eq!(exchange.summary().couplings, u64::from(!is_imported));
    }
}

#[test]
fn d20_a_removed_link_in_a_folder_exchange_couples_no_longer_before_its_system_imports_it() {
    for kind in KINDS {
        let noun = kind.noun();
        let exchange = ledger(&kind, &kind.relation(), "updates");
        import(&exchange, 1);
        reconciled(&exchange);
        is_in_step(&exchange);
        let listed = exchange.text("relations.csv");
        done(&exchange, &["links", "remove", "C1", noun]);
        let removals: Vec<String> = exports(&exchange)
            .into_keys()
            .filter(|path| path.contains("relations_removed"))
            .collect();
        assert_eq!(removals.len(), 1);
        // The old export still shows it, pass after pass, also when other rows change.
        for mark in ["a", "b"] {
            assert_eq!(
                exchange
                    .text("relations.csv")
                    .replace(&format!("C2,L{mark},,\n"), ""),
                listed
            );
            edit(&exchange, kind.table, kind.no, "Name", mark);
            add(&exchange, "relations", &format!("C2,L{mark},,"));
            let summary = reconciled(&exchange);
            assert_eq!(summary.couplings, 0);
            assert!(summary.plan.uncouplings.is_empty(), "{summary:#?}");
            assert_eq!(cell(&exchange, "contacts", "C1", "Name"), "Acme");
            exchange.put("relations.csv", &listed);
            let plan = exchange.summary().plan;
            // By its fourth export the system should have imported it.
            let told = (plan.conflicts.len(), plan.problems.len());
            assert_eq!(told, (0, usize::from(mark == "b")));
        }
        // Now it is imported.
        let pass = removals[0].rsplit('_').next().expect("a number");
        let pass = pass.trim_end_matches(".csv").parse().expect("a pass");
        import(&exchange, pass);
        assert!(!exchange.text("relations.csv").contains(kind.code));
        assert_eq!(reconciled(&exchange).couplings, 0);
        is_in_step(&exchange);
        // And may be made again.
        done(&exchange, &["links", "add", "C1", noun, kind.no]);
        let summary = reconciled(&exchange);
        assert_eq!(summary.couplings, 1);
    }
}

#[test]
fn d20_a_link_whose_removal_is_not_imported_yet_comes_back_and_another_one_has_to_wait() {
    for kind in KINDS {
        let noun = kind.noun();
        let exchange = ledger(&kind, &kind.relation(), "updates");
        import(&exchange, 1);
        reconciled(&exchange);
        done(&exchange, &["links", "remove", "C1", noun]);
        let why = refused_link(&exchange, "C1", &kind, FREE);
        assert!(why.contains("has not imported that yet"), "{why}");
        done(&exchange, &["links", "add", "C1", noun, kind.no]);
        assert_eq!(reconciled(&exchange).couplings, 1);
        // The removal is imported first, and what brings the relation back after it.
        import(&exchange, 3);
        import(&exchange, 4);
        assert_eq!(reconciled(&exchange).couplings, 1);
        is_in_step(&exchange);
        done(&exchange, &["links", "remove", "C1", noun]);
        import(&exchange, 5);
        reconciled(&exchange);
        import(&exchange, 6);
        reconciled(&exchange);
        done(&exchange, &["links", "add", "C1", noun, FREE]);
        assert_eq!(reconciled(&exchange).couplings, 1);
    }
}

#[test]
fn d20_a_link_is_removed_once_however_often_that_is_asked() {
    for kind in KINDS {
        let noun = kind.noun();
        let exchange = ledger(&kind, &kind.relation(), "updates");
        import(&exchange, 1);
        reconciled(&exchange);
        let header = "Action,Table,Contact No.,No.\n";
        exchange.put(
            "requests.csv",
            format!("{header}unlink,{noun},C1,\nunlink,{noun},C1,\n"),
        );
        let no = kind.no;
        let gone = format!(
            "contact C1 has no {noun} any more: its relation with {noun} {no} was taken out already"
        );
        let ran = exchange.run(&["request", "requests.csv", "--dry-run"]);
        let would =
            format!("line 2: would be done: contact C1 is no longer coupled with {noun} {no}\n");
        assert!(ran.out.contains(&would), "{ran:?}");
        assert!(ran.out.contains(" 1 relation goes\n"), "{ran:?}");
        let ran = exchange.run(&["request", "requests.csv"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        let answers = format!(
            "line 2: done: contact C1 is no longer coupled with {noun} {no}\nline 3: refused: {gone}\n"
        );
        assert_eq!(ran.out, answers);
        // Its system has not imported that yet, and its export still lists the relation.
        let why = refused(&exchange, &["links", "remove", "C1", noun]);
        assert!(why.contains(&gone), "{why}");
        done(&exchange, &["links", "add", "C1", noun, no]);
        done(&exchange, &["links", "remove", "C1", noun]);
        // Each row sees what those before it did.
        let again = format!("{header}link,{noun},C1,{no}\nunlink,{noun},C1,\nunlink,{noun},C1,\n");
        exchange.put("requests.csv", again);
        let ran = exchange.run(&["request", "requests.csv"]);
        assert_eq!(ran.out.matches(": done: ").count(), 2, "{ran:?}");
        assert_eq!(reconciled(&exchange).couplings, 0);
    }
}

/// Both in one pass, as rows of one file of requests.
#[test]
fn d20_a_link_that_is_removed_and_made_again_at_once_stays() {
    for kind in KINDS {
        for (no, code, couplings) in [(kind.no, 0, 1), (FREE, 0, 1)] {
            let noun = kind.noun();
            let exchange = ledger(&kind, &kind.relation(), "updates");
            import(&exchange, 1);
            reconciled(&exchange);
            exchange.put(
                "requests.csv",
                format!("Action,Table,Contact No.,No.\nunlink,{noun},C1,\nlink,{noun},C1,{no}\n"),
            );
            let ran = exchange.run(&["request", "requests.csv"]);
            assert_eq!(ran.code, code, "{ran:?}");
            for _ in 0..3 {
                assert_eq!(exchange.summary().couplings, couplings, "{noun} {no}");
            }
        }
    }
}

/// A counterpart that we created, and that its system gave another number, keeps its relation while that is imported.
#[test]
fn d20_a_relation_whose_counterpart_gets_another_number_stays_while_it_is_imported() {
    for kind in KINDS {
        for relation_comes_first in [true, false] {
            let def = couplet::model::KINDS
                .iter()
                .find(|def| def.table == kind.table);
            let series = def.expect("a kind").series;
            let relations = format!("{RELATION_COLUMNS}C2,PROS,,\n");
            let exchange = exchange_through(
                "updates",
                &[
                    ("contacts", CONTACTS),
                    (kind.table, "No.,Name,City,External ID\n5,Else,Oslo,\n"),
                    ("relations", &relations),
                ],
                "",
            )
            .with(&format!("[setup]\n{series} = \"N1\"\n"));
            exchange.summary();
            let create = ["create", kind.noun(), "--contact", "C1"];
            assert_eq!(done(&exchange, &create), "N1\n");
            if relation_comes_first {
                import_of(&exchange, "relations", 2);
                assert_eq!(reconciled(&exchange).couplings, 1);
            }
            add(&exchange, kind.table, "900,Acme,,N1");
            let summary = reconciled(&exchange);
            assert_eq!(summary.couplings, 1);
            for _ in 0..2 {
                assert_eq!(reconciled(&exchange).couplings, 1, "{relation_comes_first}");
            }
            edit(&exchange, kind.table, "900", "City", "Rome");
            assert_eq!(reconciled(&exchange).couplings, 1);
            if !relation_comes_first {
                import_of(&exchange, "relations", 2);
                assert_eq!(reconciled(&exchange).couplings, 1);
            }
            import_of(&exchange, "relations", summary.pass.expect("a pass"));
            assert_eq!(
                row(&exchange, "relations", "C1"),
                kind.relation_of("C1", "900").trim()
            );
            assert_eq!(reconciled(&exchange).couplings, 1);
            is_in_step(&exchange);
        }
    }
}

/// A removal is of that one relation: what its system says of the same code afterwards is another.
#[test]
fn d20_another_relation_of_a_code_whose_removal_is_not_imported_yet_couples() {
    for kind in KINDS {
        let exchange = ledger(&kind, &kind.relation(), "updates");
        import(&exchange, 1);
        reconciled(&exchange);
        done(&exchange, &["links", "remove", "C1", kind.noun()]);
        reconciled(&exchange);
        edit(&exchange, "relations", "C1", "No.", FREE);
        let summary = reconciled(&exchange);
        assert_eq!(summary.couplings, 1);
        let list = ["links", "list", "--contact", "C1"];
        assert!(done(&exchange, &list).contains(&format!("{} {FREE}", kind.noun())));
        is_in_step(&exchange);
    }
}

#[test]
fn d20_a_link_that_is_removed_while_it_is_in_flight_is_taken_back() {
    for kind in KINDS {
        let noun = kind.noun();
        let exchange = ledger(&kind, "", "updates");
        done(&exchange, &["links", "add", "C1", noun, FREE]);
        done(&exchange, &["links", "remove", "C1", noun]);
        assert_eq!(reconciled(&exchange).couplings, 0);
        is_in_step(&exchange);
        import(&exchange, 2);
        assert_eq!(exchange.summary().couplings, 0, "shown for a while");
        import(&exchange, 3);
        assert!(!exchange.text("relations.csv").contains(kind.code));
        assert_eq!(exchange.summary().couplings, 0);
        is_in_step(&exchange);
    }
}

#[test]
fn d21_relations_may_lack_the_column_of_the_table() {
    for kind in KINDS {
        let own = format!("No.,Name\n{FREE},Ledger\n");
        let relations = "Contact No.,Business Relation Code,No.\nC2,PROS,\n";
        let exchange = exchange(
            &[
                ("contacts", "No.,Name\nC1,Acme\nC2,Other\n"),
                (kind.table, &own),
                ("relations", relations),
            ],
            "",
        );
        exchange.summary();
        done(&exchange, &["links", "add", "C1", kind.noun(), FREE]);
        let relation = format!("C1,{},{FREE}\n", kind.code);
        assert_eq!(
            exchange.text("relations.csv"),
            format!("{relations}{relation}")
        );
        is_in_step(&exchange);
        done(&exchange, &["links", "remove", "C1", kind.noun()]);
        assert_eq!(exchange.text("relations.csv"), relations);
    }
}

/// A row of the kind's code that names nobody yet is the row that a link fills; one that names somebody else is in the
/// way (`business-central.md` §6).
#[test]
fn d21_a_link_fills_the_row_that_waits_for_a_number() {
    for kind in KINDS {
        for link in ["", kind.caption] {
            let exchange = ledger(&kind, &format!("C1,{},{link},\n", kind.code), "in-place");
            done(&exchange, &["links", "add", "C1", kind.noun(), FREE]);
            assert_eq!(
                exchange.text("relations.csv"),
                format!(
                    "{RELATION_COLUMNS}C2,PROS,,\n{}",
                    kind.relation_of("C1", FREE)
                )
            );
            is_in_step(&exchange);
        }
        let exchange = ledger(&kind, &kind.relation_of("C1", "404"), "in-place");
        let why = refused_link(&exchange, "C1", &kind, FREE);
        assert!(
            why.contains("already has a relation with the code"),
            "{why}"
        );
        done(&exchange, &["links", "remove", "C1", kind.noun()]);
        done(&exchange, &["links", "add", "C1", kind.noun(), FREE]);
        is_in_step(&exchange);
    }
}
