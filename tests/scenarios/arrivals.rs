//! Records that we created come back from their systems: altered, renumbered together, or with our number given to somebody
//! else; and what happens to their numbers while systems have not imported them.

use crate::office::{SERIES, clean, create, office_to};
use crate::support::Exchange;
use crate::{
    CUSTOMER, KINDS, Kind, RELATION_COLUMNS, VENDOR, add, cell, edit, exchange_through, hide,
    import, import_of, row,
};

const CONTACTS: &str = "No.,Name,City,Type,Company No.,External ID\nC1,Acme,Rome,Company,C1,\n";
const COUNTERPARTS: &str = "No.,Name,City\n9,Nine,Bonn\n";

/// A relation that links to nothing, so that its export never becomes empty.
const PROSPECT: &str = "C1,PROS,,\n";

/// An office whose systems import update files, with a counterpart that was created from C1 and is in flight.
fn created(kind: &Kind) -> (Exchange, u64) {
    let exchange = office_to(kind, SERIES, CONTACTS, COUNTERPARTS, "updates");
    exchange.put("relations.csv", format!("{RELATION_COLUMNS}{PROSPECT}"));
    clean(&exchange);
    let ran = create(&exchange, kind, "C1", &[]);
    assert_eq!(ran.out, format!("{}\n", kind.first()), "{ran:?}");
    (exchange, 2)
}

#[test]
fn a_number_that_went_to_somebody_else_couples_nobody_until_a_person_says_so() {
    for kind in &KINDS {
        let (exchange, pass) = created(kind);
        import(&exchange, pass);
        edit(&exchange, kind.table, kind.first(), "Name", "Quite Another");
        for _ in 0..2 {
            let summary = exchange.summary();
            assert_eq!(summary.couplings, 0);
            let problems = summary.plan.problems.iter();
            let problems: Vec<_> = problems.map(|problem| problem.kind.as_str()).collect();
            assert_eq!(problems, ["number-taken"]);
        }
        assert!(row(&exchange, "contacts", "C1").contains("Acme"));
        let linked = exchange.run(&["links", "add", "C1", kind.noun(), kind.first()]);
        assert_eq!(linked.code, 0, "{linked:?}");
        assert_eq!(clean(&exchange).couplings, 1);
    }
}

#[test]
fn a_number_that_went_to_somebody_else_couples_nobody_while_relations_say_nothing() {
    for kind in &KINDS {
        let (exchange, pass) = created(kind);
        import_of(&exchange, "relations", pass);
        assert_eq!(clean(&exchange).couplings, 1);
        let relations = hide(&exchange, "relations.csv");
        add(
            &exchange,
            kind.table,
            &format!("{},Quite Another,Oslo", kind.first()),
        );
        for _ in 0..2 {
            let summary = exchange.summary();
            assert_eq!(summary.couplings, 0);
            assert!(!summary.plan.writes(), "{:#?}", summary.plan);
            assert!(summary.plan.conflicts.is_empty(), "{:#?}", summary.plan);
        }
        exchange.put("relations.csv", relations);
        for _ in 0..2 {
            let summary = exchange.summary();
            assert_eq!(summary.couplings, 0);
            let problems = summary.plan.problems.iter();
            let problems: Vec<_> = problems.map(|problem| problem.kind.as_str()).collect();
            assert_eq!(problems, ["number-taken"]);
        }
    }
}

#[test]
fn the_relation_with_somebody_else_can_be_taken_out() {
    for kind in &KINDS {
        let (exchange, pass) = created(kind);
        import(&exchange, pass);
        edit(&exchange, kind.table, kind.first(), "Name", "Quite Another");
        exchange.summary();
        let removed = exchange.run(&["links", "remove", "C1", kind.noun()]);
        assert_eq!(removed.code, 0, "{removed:?}");
        import(&exchange, 4);
        assert_eq!(
            exchange.text("relations.csv"),
            format!("{RELATION_COLUMNS}{PROSPECT}")
        );
        let summary = clean(&exchange);
        assert_eq!(summary.couplings, 0);
        // The contact is free for another one.
        let again = create(&exchange, kind, "C1", &[]);
        assert_eq!(again.code, 0, "{again:?}");
        assert_ne!(again.out.trim(), kind.first());
    }
}

#[test]
fn what_a_system_alters_while_it_imports_a_new_record_is_its_word() {
    for kind in &KINDS {
        let (exchange, pass) = created(kind);
        import(&exchange, pass);
        edit(&exchange, kind.table, kind.first(), "City", "ROMA");
        let summary = clean(&exchange);
        import(&exchange, summary.pass.expect("a pass"));
        clean(&exchange);
        assert_eq!(cell(&exchange, "contacts", "C1", "City"), "ROMA");
        assert_eq!(cell(&exchange, kind.table, kind.first(), "City"), "ROMA");
    }
}

#[test]
fn what_a_gone_contact_took_is_given_back_under_all_the_numbers_that_its_counterparts_got() {
    let tables = [
        ("contacts", "No.,Name\nC1,Acme\nC9,Nine\n"),
        ("customers", "No.,Name,External ID\n9,Nine,\n"),
        ("vendors", "No.,Name,External ID\n9,Nine,\n"),
        (
            "relations",
            "Contact No.,Business Relation Code,Link to Table,No.\nC9,PROS,,\n",
        ),
    ];
    // Both kinds are numbered from the same series, as some ledgers do.
    let exchange = exchange_through("updates", &tables, "")
        .with("[setup]\ncustomer_nos = \"A1\"\nvendor_nos = \"A1\"\n");
    clean(&exchange);
    for noun in ["customer", "vendor"] {
        let ran = exchange.run(&["create", noun, "--contact", "C1"]);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    exchange.put("contacts.csv", "No.,Name\nC9,Nine\n");
    exchange.summary();
    // Both ledgers import what was created under numbers of their own, in the same night.
    add(&exchange, "customers", "X1,Acme,A1");
    let vendor = exchange.text("updates/vendors_000003.csv");
    let ours = vendor
        .lines()
        .nth(1)
        .expect("a vendor")
        .split(',')
        .next()
        .expect("its number");
    add(&exchange, "vendors", &format!("Y1,Acme,{ours}"));
    exchange.summary();
    add(&exchange, "contacts", "C1,Acme");
    let summary = exchange.summary();
    let coupled: Vec<_> = summary
        .plan
        .couplings
        .iter()
        .map(|new| new.no.as_str())
        .collect();
    assert_eq!(coupled, ["X1", "Y1"], "{:#?}", summary.plan);
}

/// A counterpart whose company and person contacts were created in one pass, and wait to be imported.
fn family(kind: &Kind) -> (Exchange, u64) {
    let counterparts = "No.,Name,City,Contact,Primary Contact No.\n9,Nine,Bonn,,\n";
    let exchange = office_to(kind, SERIES, CONTACTS, counterparts, "updates");
    clean(&exchange);
    add(&exchange, kind.table, "10,Beta,Oslo,Ann Lee,");
    let summary = clean(&exchange);
    assert_eq!(summary.plan.creations.len(), 2);
    (exchange, summary.pass.expect("a pass"))
}

#[test]
fn a_company_and_its_person_that_are_renumbered_together_are_both_followed_by_what_was_taken() {
    for kind in [CUSTOMER, VENDOR] {
        let (exchange, pass) = family(&kind);
        // The counterpart's system imports that CT2 is its primary contact; then the record is deleted there.
        crate::import_of(&exchange, kind.table, pass);
        clean(&exchange);
        assert_eq!(
            cell(&exchange, kind.table, "10", "Primary Contact No."),
            "CT2"
        );
        let gone = row(&exchange, kind.table, "10");
        let file = format!("{}.csv", kind.table);
        exchange.put(
            &file,
            exchange.text(&file).replace(&format!("{gone}\n"), ""),
        );
        exchange.summary();
        // The CRM imports both under numbers of its own, in one export.
        let rows = "X1,Beta,Oslo,Company,X1,CT1\nX2,Ann Lee,Oslo,Person,X1,CT2\n";
        exchange.put("contacts.csv", format!("{CONTACTS}{rows}"));
        exchange.summary();
        add(&exchange, kind.table, &gone.replace("CT2", "X2"));
        let summary = exchange.summary();
        assert_eq!(summary.couplings, 1, "{summary:#?}");
        assert_eq!(summary.plan.couplings[0].contact, "X1");
    }
}

#[test]
fn who_is_renumbered_while_relations_say_nothing_stays_coupled() {
    for kind in &KINDS {
        for is_imported in [true, false] {
            let exchange = office_to(kind, SERIES, CONTACTS, COUNTERPARTS, "updates");
            exchange.put("relations.csv", format!("{RELATION_COLUMNS}{PROSPECT}"));
            clean(&exchange);
            add(&exchange, kind.table, "10,Beta,Oslo");
            let pass = clean(&exchange).pass.expect("a pass");
            if is_imported {
                crate::import_of(&exchange, "relations", pass);
            }
            let relations = hide(&exchange, "relations.csv");
            add(&exchange, "contacts", "X1,Beta,Oslo,Company,X1,CT1");
            assert_eq!(exchange.summary().couplings, 1);
            assert_eq!(exchange.summary().pass, None, "nothing is remembered twice");
            // The party goes on meanwhile.
            edit(&exchange, "contacts", "X1", "City", "Bergen");
            let summary = exchange.summary();
            assert_eq!(summary.couplings, 1);
            assert_eq!(summary.plan.changes.len(), 1, "{:#?}", summary.plan);
            import(&exchange, summary.pass.expect("a pass"));
            exchange.put("relations.csv", &relations);
            let summary = exchange.summary();
            assert_eq!(summary.couplings, 1, "{:#?}", summary.plan);
            import(&exchange, summary.pass.expect("a pass"));
            let summary = clean(&exchange);
            assert_eq!((summary.couplings, summary.plan.writes()), (1, false));
            let wanted = kind.relation_of("X1", "10");
            assert!(exchange.text("relations.csv").contains(&wanted));
            assert_eq!(cell(&exchange, kind.table, "10", "City"), "Bergen");
        }
    }
}

#[test]
fn a_primary_contact_that_is_deleted_before_its_number_was_imported_is_named_by_nobody() {
    for kind in [CUSTOMER, VENDOR] {
        let (exchange, pass) = family(&kind);
        // The CRM imports at once, the counterpart's system does not.
        crate::import_of(&exchange, "contacts", pass);
        crate::import_of(&exchange, "relations", pass);
        clean(&exchange);
        let person = row(&exchange, "contacts", "CT2");
        let without = exchange
            .text("contacts.csv")
            .replace(&format!("{person}\n"), "");
        exchange.put("contacts.csv", &without);
        let second = exchange.summary().pass.expect("a pass");
        crate::import_of(&exchange, kind.table, pass);
        crate::import_of(&exchange, kind.table, second);
        assert_eq!(cell(&exchange, kind.table, "10", "Primary Contact No."), "");
        clean(&exchange);
        // It returns, and is the primary contact again.
        add(&exchange, "contacts", &person);
        let third = clean(&exchange).pass.expect("a pass");
        crate::import_of(&exchange, kind.table, third);
        assert_eq!(
            cell(&exchange, kind.table, "10", "Primary Contact No."),
            "CT2"
        );
    }
}

/// What is owed to a record follows it to the number that its system gives it, also where relations say nothing just then.
#[test]
fn who_is_renumbered_while_it_is_owed_a_status_gets_it() {
    let contacts = "No.,Name,Type,Company No.,Contact Business Relation,External ID\nC1,Acme,Company,C1,Other,\n";
    let exchange = office_to(&CUSTOMER, SERIES, contacts, COUNTERPARTS, "updates");
    exchange.put("relations.csv", format!("{RELATION_COLUMNS}{PROSPECT}"));
    clean(&exchange);
    add(&exchange, "customers", "10,Beta,Oslo");
    let pass = clean(&exchange).pass.expect("a pass");
    import_of(&exchange, "relations", pass);
    let contacts = hide(&exchange, "contacts.csv");
    exchange.summary();
    // Contacts say nothing while the relation is taken out, and the other way round.
    exchange.put("relations.csv", format!("{RELATION_COLUMNS}{PROSPECT}"));
    exchange.summary();
    hide(&exchange, "relations.csv");
    let renumbered = "X7,Beta,Company,X7,Customer,CT1\n";
    exchange.put("contacts.csv", format!("{contacts}{renumbered}"));
    for _ in 0..2 {
        if let Some(pass) = exchange.summary().pass {
            import_of(&exchange, "contacts", pass);
        }
    }
    let status = cell(&exchange, "contacts", "X7", "Contact Business Relation");
    assert_eq!(status, "None");
}

/// Passes, whose updates are imported.
fn nights(exchange: &Exchange) {
    for _ in 0..4 {
        if let Some(pass) = exchange.summary().pass {
            import(exchange, pass);
        }
    }
}

/// Who is renumbered is not coupled with somebody who is gone, and who returns is coupled with it under its new number.
#[test]
fn who_is_renumbered_as_its_counterpart_goes_is_coupled_again_once_that_returns() {
    for kind in &KINDS {
        let exchange = office_to(kind, SERIES, CONTACTS, COUNTERPARTS, "updates");
        exchange.put("relations.csv", format!("{RELATION_COLUMNS}{PROSPECT}"));
        clean(&exchange);
        let without = exchange.text(&kind.file());
        add(&exchange, kind.table, "10,Beta,Oslo");
        let with = exchange.text(&kind.file());
        let pass = clean(&exchange).pass.expect("a pass");
        import_of(&exchange, "relations", pass);
        add(&exchange, "contacts", "X7,Beta,Oslo,Company,X7,CT1");
        exchange.put(&kind.file(), &without);
        let summary = clean(&exchange);
        assert!(summary.plan.couplings.is_empty(), "{:#?}", summary.plan);
        import(&exchange, summary.pass.expect("a pass"));
        nights(&exchange);
        let relations = format!("{RELATION_COLUMNS}{PROSPECT}");
        assert_eq!(exchange.text("relations.csv"), relations);
        exchange.put(&kind.file(), &with);
        nights(&exchange);
        let summary = clean(&exchange);
        assert_eq!((summary.couplings, summary.pass), (1, None));
        let again = kind.relation_of("X7", "10");
        assert_eq!(
            exchange.text("relations.csv"),
            format!("{relations}{again}")
        );
    }
}

#[test]
fn who_is_renumbered_as_its_contact_goes_is_coupled_again_once_that_returns() {
    for kind in &KINDS {
        let columns = "No.,Name,City,External ID\n9,Nine,Bonn,\n";
        let exchange = office_to(kind, SERIES, CONTACTS, columns, "updates");
        exchange.put("relations.csv", format!("{RELATION_COLUMNS}{PROSPECT}"));
        let without = exchange.text("contacts.csv");
        add(&exchange, "contacts", "C2,Zeta,Kiel,Company,C2,");
        let with = exchange.text("contacts.csv");
        clean(&exchange);
        let ran = create(&exchange, kind, "C2", &[]);
        assert_eq!(ran.code, 0, "{ran:?}");
        import_of(&exchange, "relations", 2);
        add(
            &exchange,
            kind.table,
            &format!("X7,Zeta,Kiel,{}", kind.first()),
        );
        exchange.put("contacts.csv", &without);
        let summary = clean(&exchange);
        assert!(summary.plan.couplings.is_empty(), "{:#?}", summary.plan);
        import(&exchange, summary.pass.expect("a pass"));
        nights(&exchange);
        let relations = format!("{RELATION_COLUMNS}{PROSPECT}");
        assert_eq!(exchange.text("relations.csv"), relations);
        exchange.put("contacts.csv", &with);
        nights(&exchange);
        let summary = clean(&exchange);
        assert_eq!((summary.couplings, summary.pass), (1, None));
        let again = kind.relation_of("C2", "X7");
        assert_eq!(
            exchange.text("relations.csv"),
            format!("{relations}{again}")
        );
    }
}

/// A system that imports whole tables has nothing but what the newest one lists.
#[test]
fn an_update_that_is_the_whole_table_has_all_that_was_created_and_nothing_that_was_taken_out() {
    let contacts = "No.,Name,City,Type,Company No.,External ID\nC1,Acme,Rome,Company,C1,\nC2,Beta,Kiel,Company,C2,\nC3,Gamma,Bern,Company,C3,\nC4,Delta,Graz,Company,C4,\n";
    for kind in &KINDS {
        let counterparts = "No.,Name,City,Note\n9,Nine,Bonn,n\n";
        let whole = "updates\"\nupdate = \"full";
        let exchange = office_to(kind, SERIES, contacts, counterparts, whole);
        exchange.put("relations.csv", format!("{RELATION_COLUMNS}{PROSPECT}"));
        clean(&exchange);
        let made = |contact: &str| {
            let ran = create(&exchange, kind, contact, &[]);
            assert_eq!(ran.code, 0, "{ran:?}");
            ran.out.trim().to_owned()
        };
        let update =
            |table: &str, pass: u64| exchange.text(&format!("updates/{table}_{pass:06}.csv"));
        let one = made("C1");
        edit(&exchange, "contacts", "C1", "City", "Pisa");
        exchange.summary();
        let two = made("C2");
        assert_eq!(
            update(kind.table, 4),
            format!("{counterparts}{two},Beta,Kiel,\n{one},Acme,Pisa,\n")
        );
        let listed = format!("{RELATION_COLUMNS}{PROSPECT}");
        let (of_one, of_two) = (kind.relation_of("C1", &one), kind.relation_of("C2", &two));
        assert_eq!(update("relations", 4), format!("{listed}{of_two}{of_one}"));
        // One is taken out before it was imported.
        let ran = exchange.run(&["links", "remove", "C1", kind.noun()]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let three = made("C3");
        let of_three = kind.relation_of("C3", &three);
        assert_eq!(
            update("relations", 6),
            format!("{listed}{of_three}{of_two}")
        );
        // All is imported, and one is taken out that everybody shows.
        exchange.put(&format!("{}.csv", kind.table), update(kind.table, 6));
        exchange.put("relations.csv", update("relations", 6));
        exchange.summary();
        let ran = exchange.run(&["links", "remove", "C2", kind.noun()]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let four = made("C4");
        let newest = std::fs::read_dir(exchange.path("updates")).expect("updates");
        let names = newest
            .flatten()
            .map(|entry| entry.file_name().into_string());
        let names = names.filter_map(Result::ok);
        let newest = names.filter(|name| name.starts_with("relations_0")).max();
        assert_eq!(
            exchange.text(&format!("updates/{}", newest.expect("an update"))),
            format!("{listed}{of_three}{}", kind.relation_of("C4", &four))
        );
    }
}

#[test]
fn an_update_that_is_the_whole_table_has_the_numbers_that_relations_wait_for() {
    let contacts = format!("{CONTACTS}C2,Beta,Kiel,Company,C2,\n");
    for kind in &KINDS {
        let whole = "updates\"\nupdate = \"full";
        let exchange = office_to(kind, SERIES, &contacts, COUNTERPARTS, whole);
        let waiting = kind.relation_of("C1", "");
        exchange.put("relations.csv", format!("{RELATION_COLUMNS}{waiting}"));
        clean(&exchange);
        let [one, two] = ["C1", "C2"].map(|contact| {
            let ran = create(&exchange, kind, contact, &[]);
            assert_eq!(ran.code, 0, "{ran:?}");
            ran.out.trim().to_owned()
        });
        assert_eq!(
            exchange.text("updates/relations_000003.csv"),
            format!(
                "{RELATION_COLUMNS}{}{}",
                kind.relation_of("C1", &one),
                kind.relation_of("C2", &two)
            )
        );
    }
}

const MEMO: &str = "[tables.interaction_templates]\nexport = \"templates.csv\"\n";

/// Person S1, of whom a memo is logged, became the primary contact of a customer without a contact; the company CT1 that was made
/// for both is in flight, and the others have imported what they got.
fn with_a_new_company() -> Exchange {
    let contacts = "No.,Name,City,Type,Company No.,External ID\nS1,Sam Solo,Kiel,Person,,\nC9,Nobody,Oslo,Company,C9,\n";
    let customers = "No.,Name,City,Contact,Primary Contact No.\n77,Ledger,Kiel,,\n";
    let exchange = office_to(&CUSTOMER, SERIES, contacts, customers, "updates");
    exchange.put("relations.csv", format!("{RELATION_COLUMNS}C9,PROS,,\n"));
    exchange.put("templates.csv", "Code,Description\nMEMO,Memo\n");
    let config = format!("{}{MEMO}", exchange.config());
    let exchange = exchange.configured(&config);
    exchange.summary();
    let add = [
        "interactions",
        "add",
        "--contact",
        "S1",
        "--template",
        "MEMO",
    ];
    let ran = exchange.run(&[&add[..], &["--salesperson", "JO"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    edit(&exchange, "customers", "77", "Primary Contact No.", "S1");
    let pass = exchange.summary().pass.expect("a pass");
    import_of(&exchange, "customers", pass);
    import_of(&exchange, "relations", pass);
    exchange
}

const OF_CT1: &str = "No.,Name,City,Type,Company No.,External ID\nS1,Sam Solo,Kiel,Person,CT1,\nC9,Nobody,Oslo,Company,C9,\n";
const RENUMBERED: &str = "X1,Ledger,Kiel,Company,X1,CT1\n";

#[test]
fn a_person_follows_the_number_of_its_company_that_came_back_under_another_one_and_keeps_its_interactions()
 {
    for shows_ours_first in [true, false] {
        let exchange = with_a_new_company();
        if shows_ours_first {
            exchange.put("contacts.csv", OF_CT1);
            exchange.summary();
        }
        exchange.put("contacts.csv", format!("{OF_CT1}{RENUMBERED}"));
        if let Some(pass) = exchange.summary().pass {
            import(&exchange, pass);
        }
        exchange.summary();
        assert_eq!(cell(&exchange, "contacts", "S1", "Company No."), "X1");
        let listed = exchange.run(&["interactions", "list", "--as", "jsonl"]).out;
        let mut memos = listed.lines().filter(|line| line.contains("MEMO"));
        let memo = memos.next_back().expect("a memo");
        assert!(memo.contains("\"Contact No.\":\"S1\""), "{memo}");
    }
}

#[test]
fn interactions_and_quotes_follow_the_number_that_a_system_gives_a_contact() {
    let exchange = office_to(&CUSTOMER, SERIES, CONTACTS, COUNTERPARTS, "updates");
    exchange.put("relations.csv", format!("{RELATION_COLUMNS}{PROSPECT}"));
    let documents = "[documents]\nfolder = \"documents\"\nsales_quote_nos = \"SQ1\"\nsales_order_nos = \"SO1\"\n";
    let config = format!("{}{documents}", exchange.config());
    let exchange = exchange.configured(&config);
    exchange.summary();
    let created = exchange.run(&["create", "contact", "--name", "Beta"]);
    assert_eq!(created.out, "CT1\n");
    let quote = exchange.run(&["document", "sales-quote", "--contact", "CT1"]);
    assert_eq!(quote.code, 0, "{quote:?}");
    add(&exchange, "contacts", "X1,Beta,,Company,X1,CT1");
    exchange.summary();
    let listed = exchange.run(&["interactions", "list", "--contact", "X1", "--as", "jsonl"]);
    assert!(listed.out.contains("contact CT1 created"), "{listed:?}");
    let customer = exchange.run(&["create", "customer", "--contact", "X1"]);
    assert_eq!(customer.code, 0, "{customer:?}");
    let order = exchange.run(&["document", "sales-order", "--quote", "SQ1"]);
    assert_eq!(order.code, 0, "{order:?}");
}
