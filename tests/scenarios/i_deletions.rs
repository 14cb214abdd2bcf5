//! I. Deletions: they never cross. What disappears takes along its relations, and the cells that named it as primary contact;
//! what returns gets them back where both ends are still free.

use crate::support::Exchange;
use crate::{
    BANK, CUSTOMER, KINDS, Kind, RELATION_COLUMNS, VENDOR, add, cell, edit, exchange_through, hide,
    import, is_in_step, reconciled, row,
};

pub(super) const WAYS: [&str; 2] = ["in-place", "updates"];

/// Company C1 with person P1, its counterpart with P1 as primary contact, and records that nobody is coupled with.
pub(super) fn family(kind: &Kind, write_back: &str) -> Exchange {
    let (columns, primary, none) = match kind.table {
        "bank_accounts" => ("No.,Name,City", "", ""),
        _ => (
            "No.,Name,City,Contact,Primary Contact No.",
            ",Ann Lee,P1",
            ",,",
        ),
    };
    let counterparts = format!(
        "{columns}\n{},Acme,Rome{primary}\nX9,Other,Bern{none}\n",
        kind.no
    );
    let contacts = "No.,Name,City,Type,Company No.\nC1,Acme,Rome,Company,C1\nP1,Ann Lee,Rome,Person,C1\nC9,Nobody,Oslo,Company,C9\n";
    let relations = format!("{RELATION_COLUMNS}{}C9,PROS,,\n", kind.relation());
    let tables = [
        ("contacts", contacts),
        (kind.table, counterparts.as_str()),
        ("relations", &relations),
    ];
    let exchange = exchange_through(write_back, &tables, "");
    assert_eq!(reconciled(&exchange).couplings, 1);
    exchange
}

/// Takes a record out of an export, and gives back its row.
pub(super) fn delete(exchange: &Exchange, table: &str, no: &str) -> String {
    let gone = row(exchange, table, no);
    let file = format!("{table}.csv");
    let text = exchange.text(&file).replace(&format!("{gone}\n"), "");
    exchange.put(&file, text);
    gone
}

/// A pass, whose updates its systems import where they go into a folder.
pub(super) fn settled(exchange: &Exchange, write_back: &str) {
    for _ in 0..3 {
        let summary = exchange.summary();
        if let ("updates", Some(pass)) = (write_back, summary.pass) {
            import(exchange, pass);
        }
    }
    is_in_step(exchange);
}

#[test]
fn i01_a_contact_without_relations_is_gone_and_nothing_else_is() {
    for kind in KINDS {
        let exchange = family(&kind, "in-place");
        let counterparts = exchange.text(&format!("{}.csv", kind.table));
        delete(&exchange, "contacts", "C9");
        let summary = reconciled(&exchange);
        assert_eq!(summary.couplings, 1);
        assert_eq!(exchange.text(&format!("{}.csv", kind.table)), counterparts);
        assert!(!exchange.text("contacts.csv").contains("C9,"));
        is_in_step(&exchange);
    }
}

#[test]
fn i03_a_deleted_contact_leaves_its_counterpart() {
    for (kind, way) in KINDS.iter().flat_map(|kind| WAYS.map(|way| (kind, way))) {
        let exchange = family(kind, way);
        let before = row(&exchange, kind.table, kind.no);
        delete(&exchange, "contacts", "C1");
        // Its person is still there, and in want of its company.
        let summary = exchange.summary();
        assert_eq!(summary.plan.uncouplings.len(), 1, "{}", kind.table);
        if way == "updates" {
            import(&exchange, summary.pass.expect("a pass"));
        }
        assert_eq!(row(&exchange, kind.table, kind.no), before);
        assert!(!exchange.text("relations.csv").contains("C1,"));
        assert!(exchange.text("relations.csv").contains("C9,PROS"));
        let again = exchange.summary();
        let problems: Vec<_> = again
            .plan
            .problems
            .iter()
            .map(|p| p.kind.as_str())
            .collect();
        assert_eq!(problems, ["no-company"], "it stays told");
        edit(&exchange, "contacts", "P1", "Company No.", "");
        assert!(exchange.summary().plan.problems.is_empty());
    }
}

#[test]
fn i05_a_deleted_customer_leaves_the_contact_that_was_made_anew() {
    for kind in KINDS {
        let exchange = family(&kind, "in-place").with("[setup]\ncontact_nos = \"N1\"\n");
        delete(&exchange, "contacts", "C1");
        delete(&exchange, "contacts", "P1");
        assert_eq!(exchange.summary().couplings, 0);
        let table = kind.table.replace('_', "-");
        let made = exchange.run(&["create", "contacts", "--from", &table, "--no", kind.no]);
        assert_eq!(made.code, 0, "{made:?}");
        assert_eq!(made.out, format!("N1  {} {}\n", kind.noun(), kind.no));
        delete(&exchange, kind.table, kind.no);
        let summary = exchange.summary();
        assert_eq!(summary.plan.uncouplings.len(), 1);
        assert!(row(&exchange, "contacts", "N1").contains(",Acme,Rome,"));
        assert!(!exchange.text("relations.csv").contains("N1,"));
        is_in_step(&exchange);
    }
}

#[test]
fn i07_a_deleted_counterpart_leaves_its_contact() {
    for (kind, way) in [BANK, CUSTOMER, VENDOR]
        .iter()
        .flat_map(|kind| WAYS.map(|way| (kind, way)))
    {
        let exchange = family(kind, way);
        let contacts = exchange.text("contacts.csv");
        delete(&exchange, kind.table, kind.no);
        let summary = reconciled(&exchange);
        assert_eq!((summary.couplings, summary.plan.uncouplings.len()), (0, 1));
        assert_eq!(exchange.text("contacts.csv"), contacts);
        settled(&exchange, way);
    }
}

fn the_primary_contact_is_deleted(kind: &Kind) {
    for way in WAYS {
        let exchange = family(kind, way);
        let person = delete(&exchange, "contacts", "P1");
        settled(&exchange, way);
        let primary = |column: &str| cell(&exchange, kind.table, kind.no, column);
        assert_eq!(
            (primary("Contact"), primary("Primary Contact No.")),
            Default::default()
        );
        assert_eq!(primary("Name"), "Acme", "the party goes on");
        // It is entered again: what its deletion took is given back.
        add(&exchange, "contacts", &person);
        settled(&exchange, way);
        assert_eq!(primary("Contact"), "Ann Lee");
        assert_eq!(primary("Primary Contact No."), "P1");
    }
}

#[test]
fn i08_a_deleted_primary_contact_blanks_the_customers_two_cells_until_it_returns() {
    the_primary_contact_is_deleted(&CUSTOMER);
}

#[test]
fn i08_a_primary_contact_that_returns_before_its_blanking_is_imported_stays() {
    let exchange = family(&CUSTOMER, "updates");
    let person = delete(&exchange, "contacts", "P1");
    let first = exchange.summary().pass.expect("a pass");
    add(&exchange, "contacts", &person);
    let second = exchange.summary().pass.expect("a pass");
    import(&exchange, first);
    import(&exchange, second);
    settled(&exchange, "updates");
    assert!(row(&exchange, "customers", "10").ends_with(",Ann Lee,P1"));
}

#[test]
fn i08_a_primary_contact_that_returns_before_its_counterpart_is_regained_when_that_returns_too() {
    for way in WAYS {
        let exchange = family(&CUSTOMER, way);
        let pass = || {
            let pass = exchange.summary().pass;
            if let ("updates", Some(pass)) = (way, pass) {
                import(&exchange, pass);
            }
        };
        let person = delete(&exchange, "contacts", "P1");
        pass();
        let customer = delete(&exchange, "customers", "10");
        pass();
        add(&exchange, "contacts", &person);
        pass();
        add(&exchange, "customers", &customer);
        settled(&exchange, way);
        assert!(
            row(&exchange, "customers", "10").ends_with(",Ann Lee,P1"),
            "{way}"
        );
        assert_eq!(exchange.summary().couplings, 1);
    }
}

#[test]
fn i08_the_name_of_a_person_that_returns_is_put_beside_no_other_primary_contact() {
    let exchange = family(&CUSTOMER, "in-place");
    let person = delete(&exchange, "contacts", "P1");
    settled(&exchange, "in-place");
    edit(&exchange, "customers", "10", "Primary Contact No.", "C1");
    settled(&exchange, "in-place");
    add(&exchange, "contacts", &person);
    settled(&exchange, "in-place");
    assert!(row(&exchange, "customers", "10").ends_with(",,C1"));
}

/// What customers would show of their primary contact is looked at once they say something.
#[test]
fn i08_a_primary_contact_that_goes_or_returns_while_customers_say_nothing_is_taken_and_given_back_once_they_do()
 {
    for way in WAYS {
        let exchange = family(&CUSTOMER, way);
        let silent = |change: &dyn Fn()| {
            let text = exchange.text("customers.csv");
            std::fs::remove_file(exchange.path("customers.csv")).expect("removed");
            change();
            for _ in 0..2 {
                exchange.summary();
            }
            exchange.put("customers.csv", text);
        };
        let primary = || row(&exchange, "customers", "10");
        let person = row(&exchange, "contacts", "P1");
        silent(&|| drop(delete(&exchange, "contacts", "P1")));
        settled(&exchange, way);
        assert!(primary().ends_with(",,"), "{way}: {}", primary());
        silent(&|| add(&exchange, "contacts", &person));
        settled(&exchange, way);
        assert!(primary().ends_with(",Ann Lee,P1"), "{way}: {}", primary());
        // Who is back before customers speak has lost nothing.
        silent(&|| {
            delete(&exchange, "contacts", "P1");
            exchange.summary();
            add(&exchange, "contacts", &person);
        });
        settled(&exchange, way);
        assert!(primary().ends_with(",Ann Lee,P1"), "{way}: {}", primary());
        // What somebody chose meanwhile stays.
        silent(&|| drop(delete(&exchange, "contacts", "P1")));
        edit(&exchange, "customers", "10", "Primary Contact No.", "C1");
        edit(&exchange, "customers", "10", "Contact", "The office");
        settled(&exchange, way);
        assert!(
            primary().ends_with(",The office,C1"),
            "{way}: {}",
            primary()
        );
    }
}

#[test]
fn i08_a_primary_contact_that_is_renamed_while_customers_say_nothing_is_renamed_there_once_they_do()
{
    let exchange = family(&CUSTOMER, "in-place");
    let customers = exchange.text("customers.csv");
    std::fs::remove_file(exchange.path("customers.csv")).expect("removed");
    for name in ["Ann Jones", "Ann Brown"] {
        edit(&exchange, "contacts", "P1", "Name", name);
        exchange.summary();
    }
    exchange.put("customers.csv", customers);
    settled(&exchange, "in-place");
    assert!(row(&exchange, "customers", "10").ends_with(",Ann Brown,P1"));
}

#[test]
fn i09_a_deleted_primary_contact_blanks_the_vendors_two_cells_until_it_returns() {
    the_primary_contact_is_deleted(&VENDOR);
}

#[test]
fn i11_what_depends_on_a_deleted_company_in_other_tables_is_its_own_systems_affair() {
    // Industry groups, web sources and comments are not among the exports; rows of the relations that link to nothing are, and
    // go with the contact.
    let exchange = family(&CUSTOMER, "in-place");
    delete(&exchange, "contacts", "C9");
    reconciled(&exchange);
    assert!(!exchange.text("relations.csv").contains("C9,"));
}

#[test]
fn i12_what_returns_regains_its_relation_and_is_merged_again() {
    for (kind, way) in KINDS.iter().flat_map(|kind| WAYS.map(|way| (kind, way))) {
        for table in ["contacts", kind.table] {
            let exchange = family(kind, way);
            let no = if table == "contacts" { "C1" } else { kind.no };
            let gone = delete(&exchange, table, no);
            let summary = exchange.summary();
            if way == "updates" {
                import(&exchange, summary.pass.expect("a pass"));
            }
            assert_eq!(exchange.summary().couplings, 0);
            add(&exchange, table, &gone);
            settled(&exchange, way);
            assert_eq!(exchange.summary().couplings, 1, "{table} {way}");
            assert!(
                exchange
                    .text("relations.csv")
                    .contains(kind.relation().trim())
            );
            edit(&exchange, "contacts", "C1", "City", "Turin");
            settled(&exchange, way);
            assert_eq!(cell(&exchange, kind.table, kind.no, "City"), "Turin");
        }
    }
}

#[test]
fn i13_what_returns_while_its_removal_is_still_in_flight_stays_coupled() {
    for kind in KINDS {
        let exchange = family(&kind, "updates");
        let gone = delete(&exchange, kind.table, kind.no);
        let first = exchange.summary().pass.expect("a pass");
        add(&exchange, kind.table, &gone);
        let second = exchange.summary();
        assert_eq!(second.couplings, 1);
        import(&exchange, first);
        import(&exchange, second.pass.expect("a pass"));
        settled(&exchange, "updates");
        assert_eq!(exchange.summary().couplings, 1);
    }
}

#[test]
fn i14_what_returns_to_a_place_that_is_taken_stays_uncoupled() {
    for kind in KINDS {
        let exchange = family(&kind, "in-place");
        let gone = delete(&exchange, "contacts", "C1");
        exchange.summary();
        let linked = exchange.run(&["links", "add", "C9", kind.noun(), kind.no]);
        assert_eq!(linked.code, 0, "{linked:?}");
        add(&exchange, "contacts", &gone);
        let summary = reconciled(&exchange);
        assert_eq!(summary.couplings, 1);
        assert!(!exchange.text("relations.csv").contains("C1,"));
        is_in_step(&exchange);
    }
}

#[test]
fn i15_the_number_of_a_deleted_contact_is_not_given_again() {
    let exchange = family(&CUSTOMER, "in-place").with("[setup]\ncontact_nos = \"C1\"\n");
    delete(&exchange, "contacts", "C1");
    delete(&exchange, "contacts", "P1");
    exchange.summary();
    let made = exchange.run(&["create", "contact", "--name", "New"]);
    assert_eq!(made.out, "C2\n", "{made:?}");
}

#[test]
fn i16_what_returns_while_the_other_end_is_gone_regains_its_relation_when_that_returns_too() {
    for (kind, way) in KINDS.iter().flat_map(|kind| WAYS.map(|way| (kind, way))) {
        for [first, second] in [["contacts", kind.table], [kind.table, "contacts"]] {
            for at_once in [true, false] {
                let exchange = family(kind, way);
                let no = |table: &str| if table == "contacts" { "C1" } else { kind.no };
                let pass = || {
                    let pass = exchange.summary().pass;
                    if let ("updates", Some(pass)) = (way, pass) {
                        import(&exchange, pass);
                    }
                };
                let one = delete(&exchange, first, no(first));
                if !at_once {
                    pass();
                }
                let other = delete(&exchange, second, no(second));
                if at_once {
                    pass();
                }
                add(&exchange, first, &one);
                pass();
                add(&exchange, second, &other);
                settled(&exchange, way);
                let couplings = exchange.summary().couplings;
                assert_eq!(couplings, 1, "{first}, then {second}, {at_once} {way}");
                assert!(
                    exchange
                        .text("relations.csv")
                        .contains(kind.relation().trim())
                );
            }
        }
    }
}

#[test]
fn i17_a_link_that_was_taken_out_stays_out_when_an_end_of_it_goes_and_returns() {
    for (kind, way) in KINDS.iter().flat_map(|kind| WAYS.map(|way| (kind, way))) {
        for table in ["contacts", kind.table] {
            let exchange = family(kind, way);
            let no = if table == "contacts" { "C1" } else { kind.no };
            let removed = exchange.run(&["links", "remove", "C1", kind.noun()]);
            assert_eq!(removed.code, 0, "{removed:?}");
            // The removal is imported only after all that.
            let gone = delete(&exchange, table, no);
            let passes = [Some(2), exchange.summary().pass];
            add(&exchange, table, &gone);
            let last = exchange.summary().pass;
            if way == "updates" {
                let passes = passes.into_iter().chain([last]).flatten();
                passes.for_each(|pass| import(&exchange, pass));
            }
            settled(&exchange, way);
            assert_eq!(exchange.summary().couplings, 0, "{table} {way}");
            assert!(!exchange.text("relations.csv").contains("C1,"));
        }
    }
}

#[test]
fn i18_what_goes_while_relations_say_nothing_takes_its_relations_once_they_speak() {
    for (kind, way) in KINDS.iter().flat_map(|kind| WAYS.map(|way| (kind, way))) {
        for table in ["contacts", kind.table] {
            let exchange = family(kind, way);
            let no = if table == "contacts" { "C1" } else { kind.no };
            let relations = hide(&exchange, "relations.csv");
            let gone = delete(&exchange, table, no);
            let other = delete(&exchange, "contacts", "P1");
            exchange.summary();
            exchange.put("relations.csv", relations);
            add(&exchange, "contacts", &other);
            let summary = exchange.summary();
            assert_eq!(summary.plan.uncouplings.len(), 1, "{table} {way}");
            if way == "updates" {
                import(&exchange, summary.pass.expect("a pass"));
            }
            assert!(!exchange.text("relations.csv").contains("C1,"));
            assert_eq!(exchange.summary().couplings, 0);
            add(&exchange, table, &gone);
            settled(&exchange, way);
            assert_eq!(exchange.summary().couplings, 1, "{table} {way}");
        }
    }
}

#[test]
fn i19_what_returns_while_relations_say_nothing_regains_its_relation_once_they_speak() {
    for (kind, way) in KINDS.iter().flat_map(|kind| WAYS.map(|way| (kind, way))) {
        for table in ["contacts", kind.table] {
            for is_imported in [true, false] {
                let exchange = family(kind, way);
                let no = if table == "contacts" { "C1" } else { kind.no };
                let gone = delete(&exchange, table, no);
                let first = exchange.summary().pass.expect("a pass");
                if way == "updates" && is_imported {
                    import(&exchange, first);
                    exchange.summary();
                }
                let relations = hide(&exchange, "relations.csv");
                add(&exchange, table, &gone);
                exchange.summary();
                let again = exchange.summary();
                assert_eq!(again.pass, None, "nothing is remembered twice");
                exchange.put("relations.csv", relations);
                let second = exchange.summary();
                assert_eq!(second.couplings, 1, "{table} {way} {is_imported}");
                if way == "updates" {
                    import(&exchange, first);
                    import(&exchange, second.pass.expect("a pass"));
                }
                settled(&exchange, way);
                assert_eq!(exchange.summary().couplings, 1, "{table} {way}");
                let relations = exchange.text("relations.csv");
                assert!(relations.contains(kind.relation().trim()));
            }
        }
    }
}

#[test]
fn a_relation_that_is_not_written_back_is_a_problem_while_its_record_is_gone() {
    for (kind, table) in KINDS
        .iter()
        .flat_map(|kind| ["contacts", kind.table].map(|table| (kind, table)))
    {
        let exchange = three_parties(kind, "in-place");
        let (export, way) = ("\"relations.csv\"\n", "write_back = \"in-place\"\n");
        let written = format!("{export}{way}");
        let config = exchange.config().replace(&written, export);
        let exchange = exchange.configured(&config);
        assert_eq!(exchange.summary().couplings, 3);
        let gone = delete(
            &exchange,
            table,
            if table == "contacts" { "C3" } else { "X3" },
        );
        for _ in 0..2 {
            let problems = exchange.summary().plan.problems;
            let kinds: Vec<&str> = problems.iter().map(|told| told.kind.as_str()).collect();
            assert_eq!(kinds, ["relation-of-gone-record"], "{table}");
        }
        add(&exchange, table, &gone);
        let summary = exchange.summary();
        assert!(
            summary.plan.problems.is_empty(),
            "{:?}",
            summary.plan.problems
        );
        assert_eq!(summary.couplings, 3, "{table}");
    }
}

#[test]
fn a_relation_that_was_taken_out_with_one_record_and_entered_again_unread_goes_with_the_other() {
    for (kind, at_once) in KINDS
        .iter()
        .flat_map(|kind| [true, false].map(|at_once| (kind, at_once)))
    {
        for [first, second] in [["contacts", kind.table], [kind.table, "contacts"]] {
            let exchange = three_parties(kind, "updates");
            let no = |table: &str| if table == "contacts" { "C3" } else { "X3" };
            let gone = delete(&exchange, first, no(first));
            exchange.summary();
            // Its system imports the removal, and its user enters it again: it looks as if nothing had been imported.
            let relations = hide(&exchange, "relations.csv");
            add(&exchange, first, &gone);
            exchange.summary();
            delete(&exchange, second, no(second));
            if !at_once {
                exchange.summary();
            }
            exchange.put("relations.csv", relations);
            let summary = exchange.summary();
            let case = format!("{second} {at_once}");
            assert_eq!(summary.plan.uncouplings.len(), 1, "{case}");
            import(&exchange, summary.pass.expect("a pass"));
            settled(&exchange, "updates");
            assert_eq!(exchange.summary().couplings, 2, "{case}");
            assert!(!exchange.text("relations.csv").contains("C3,"), "{case}");
        }
    }
}

#[test]
fn what_returns_while_somebody_has_entered_half_of_its_relation_finds_it_once_it_is_whole() {
    for (kind, table) in KINDS
        .iter()
        .flat_map(|kind| ["contacts", kind.table].map(|table| (kind, table)))
    {
        let exchange = three_parties(kind, "in-place");
        let no = if table == "contacts" { "C3" } else { "X3" };
        let gone = delete(&exchange, table, no);
        settled(&exchange, "in-place");
        let (row, half) = (kind.relation_of("C3", "X3"), format!("C3,{}\n", kind.code));
        add(&exchange, "relations", half.trim());
        exchange.summary();
        add(&exchange, table, &gone);
        exchange.summary();
        let relations = exchange.text("relations.csv");
        assert!(relations.ends_with(&half), "{relations}");
        exchange.put("relations.csv", relations.replace(&half, &row));
        settled(&exchange, "in-place");
        assert_eq!(exchange.summary().couplings, 3, "{table}");
    }
}

#[test]
fn what_goes_while_its_relation_is_in_flight_and_relations_say_nothing_regains_it_when_it_returns()
{
    for (kind, table) in KINDS
        .iter()
        .flat_map(|kind| ["contacts", kind.table].map(|table| (kind, table)))
    {
        let exchange = three_parties(kind, "updates");
        let no = if table == "contacts" { "C3" } else { "X3" };
        let gone = delete(&exchange, table, no);
        settled(&exchange, "updates");
        add(&exchange, table, &gone);
        let brings = exchange.summary().pass.expect("a pass");
        let relations = hide(&exchange, "relations.csv");
        delete(&exchange, table, no);
        exchange.summary();
        exchange.put("relations.csv", relations);
        let summary = exchange.summary();
        assert_eq!(summary.plan.uncouplings.len(), 1, "{table}");
        [Some(brings), summary.pass]
            .into_iter()
            .flatten()
            .for_each(|pass| import(&exchange, pass));
        assert_eq!(exchange.summary().couplings, 2, "{table}");
        add(&exchange, table, &gone);
        settled(&exchange, "updates");
        assert_eq!(exchange.summary().couplings, 3, "{table}");
    }
}

/// What `status` says of values in flight, and how many conflicts are open.
fn waiting(exchange: &Exchange) -> (String, usize) {
    let ran = exchange.run(&["status", "--format", "json"]);
    let status: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let open = status["conflicts"].as_array().expect("a list").len();
    (status["in_flight"].to_string(), open)
}

#[test]
fn nothing_waits_for_who_goes_after_its_relation_was_taken_out_with_its_primary_contact() {
    for kind in [CUSTOMER, VENDOR] {
        let exchange = family(&kind, "updates");
        delete(&exchange, "contacts", "P1");
        delete(&exchange, "relations", "C1");
        // The two cells are blanked, and on their way to a record that belongs to nobody any more.
        exchange.summary();
        assert!(waiting(&exchange).0.contains(kind.table));
        delete(&exchange, kind.table, kind.no);
        exchange.summary();
        assert_eq!(waiting(&exchange), ("{}".to_owned(), 0));
    }
}

#[test]
fn nothing_waits_for_what_goes_while_relations_say_nothing() {
    for kind in KINDS {
        for table in ["contacts", kind.table] {
            for is_conflict in [true, false] {
                let exchange = family(&kind, "updates");
                let no = if table == "contacts" { "C1" } else { kind.no };
                let other = if table == "contacts" {
                    (kind.table, kind.no)
                } else {
                    ("contacts", "C1")
                };
                edit(&exchange, other.0, other.1, "Name", "Acne");
                if is_conflict {
                    edit(&exchange, table, no, "Name", "Acre");
                }
                exchange.summary();
                let before = waiting(&exchange);
                assert_eq!(
                    (before.0.contains(table), before.1 > 0),
                    (!is_conflict, is_conflict)
                );
                let relations = hide(&exchange, "relations.csv");
                delete(&exchange, table, no);
                for _ in 0..2 {
                    let summary = exchange.summary();
                    assert!(summary.plan.conflicts.is_empty(), "{table} {summary:#?}");
                    let (flying, open) = waiting(&exchange);
                    assert!(
                        !flying.contains(table) && open == 0,
                        "{table} {flying} {open}"
                    );
                    assert_eq!(summary.couplings, 0, "{table}");
                }
                exchange.put("relations.csv", relations);
                settled(&exchange, "updates");
                let (flying, open) = waiting(&exchange);
                assert!(
                    !flying.contains(table) && open == 0,
                    "{table} {flying} {open}"
                );
            }
        }
    }
}

#[test]
fn who_was_edited_while_its_contact_was_gone_meets_it_anew_although_relations_said_nothing() {
    for (way, speak) in WAYS.iter().flat_map(|way| [(way, true), (way, false)]) {
        let counterpart =
            |kind: &Kind| format!("No.,Name,City\n{},Acme,Rome\n9,Other,Bern\n", kind.no);
        let [customers, vendors] = [&CUSTOMER, &VENDOR].map(counterpart);
        let relations = [CUSTOMER.relation(), VENDOR.relation()].concat();
        let tables = [
            ("contacts", "No.,Name,City\nC1,Acme,Rome\nC9,Nobody,Oslo\n"),
            ("customers", &customers),
            ("vendors", &vendors),
            ("relations", &format!("{RELATION_COLUMNS}{relations}")),
        ];
        let exchange = exchange_through(way, &tables, "");
        assert_eq!(reconciled(&exchange).couplings, 2);
        let relations = hide(&exchange, "relations.csv");
        let gone = delete(&exchange, "contacts", "C1");
        edit(&exchange, "vendors", VENDOR.no, "City", "Kiel");
        exchange.summary();
        if speak {
            exchange.put("relations.csv", relations.clone());
        }
        add(&exchange, "contacts", &gone);
        let summary = exchange.summary();
        assert!(summary.plan.changes.is_empty(), "{way} {summary:#?}");
        assert_eq!(summary.couplings, 2, "{way} {speak}");
        assert_eq!(waiting(&exchange).1, 1, "{way} {speak}");
        exchange.put("relations.csv", relations);
        let again = exchange.summary();
        assert!(again.plan.changes.is_empty(), "{way} {again:#?}");
        assert_eq!(waiting(&exchange).1, 1, "{way} {speak}");
    }
}

#[test]
fn who_comes_back_while_the_other_and_relations_say_nothing_meets_it_anew_once_they_speak() {
    for way in WAYS {
        let vendors = format!("No.,Name,City\n{},Acme,Rome\n9,Other,Bern\n", VENDOR.no);
        let tables = [
            ("contacts", "No.,Name,City\nC1,Acme,Rome\nC9,Nobody,Oslo\n"),
            ("vendors", &vendors),
            (
                "relations",
                &format!("{RELATION_COLUMNS}{}", VENDOR.relation()),
            ),
        ];
        let exchange = exchange_through(way, &tables, "");
        assert_eq!(reconciled(&exchange).couplings, 1);
        let relations = hide(&exchange, "relations.csv");
        let gone = delete(&exchange, "contacts", "C1");
        edit(&exchange, "vendors", VENDOR.no, "City", "Kiel");
        exchange.summary();
        let vendors = hide(&exchange, "vendors.csv");
        add(&exchange, "contacts", &gone);
        assert_eq!(exchange.summary().couplings, 0, "{way}");
        exchange
            .put("relations.csv", relations)
            .put("vendors.csv", vendors);
        let summary = exchange.summary();
        assert!(summary.plan.changes.is_empty(), "{way} {summary:#?}");
        assert_eq!((summary.couplings, waiting(&exchange).1), (1, 1), "{way}");
    }
}

#[test]
fn i20_a_number_in_small_letters_is_the_same_number_when_it_returns() {
    for kind in KINDS {
        let relation = kind.relation_of("c1", "k1");
        let tables = [
            ("contacts", "No.,Name\nc1,Acme\nC9,Nine\n"),
            (kind.table, "No.,Name\nk1,Acme\n9,Nine\n"),
            (
                "relations",
                &format!("{RELATION_COLUMNS}C9,PROS,,\n{relation}"),
            ),
        ];
        let exchange =
            exchange_through("in-place", &tables, "").with("[setup]\ncontact_nos = \"C1\"\n");
        assert_eq!(reconciled(&exchange).couplings, 1);
        for (table, no) in [("contacts", "c1"), (kind.table, "k1")] {
            let gone = delete(&exchange, table, no);
            assert_eq!(reconciled(&exchange).couplings, 0);
            assert!(!exchange.text("relations.csv").contains("k1"));
            let made = exchange.run(&["create", "contact", "--name", "New", "--dry-run"]);
            assert!(made.out.contains("C2"), "C1 is no free number: {made:?}");
            add(&exchange, table, &gone);
            let summary = reconciled(&exchange);
            assert!(summary.plan.creations.is_empty(), "it is no newcomer");
            assert_eq!(summary.couplings, 1, "{table}");
            is_in_step(&exchange);
        }
    }
}

/// Three parties in step, and the updates of a folder imported.
pub(super) fn three_parties(kind: &Kind, way: &str) -> Exchange {
    let contacts = "No.,Name,City,Phone No.\nC1,Acme,Rome,1\nC2,Beta,Bonn,2\nC3,Core,Oslo,3\n";
    let counterparts = format!(
        "No.,Name,City,Phone No.\n{},Acme,Rome,1\nX2,Beta,Bonn,2\nX3,Core,Oslo,3\n",
        kind.no
    );
    let of = |contact: &str, no: &str| kind.relation_of(contact, no);
    let relations = format!(
        "{RELATION_COLUMNS}{}{}{}",
        kind.relation(),
        of("C2", "X2"),
        of("C3", "X3")
    );
    let tables = [
        ("contacts", contacts),
        (kind.table, counterparts.as_str()),
        ("relations", &relations),
    ];
    let exchange = exchange_through(way, &tables, "");
    assert_eq!(reconciled(&exchange).couplings, 3);
    exchange
}
