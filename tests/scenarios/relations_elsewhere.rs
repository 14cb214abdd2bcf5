//! Relations where no system has a table of them: Couplet keeps one itself, or reads them from columns of the other exports;
//! and a relations table that does not say "Link to Table".

use crate::support::{Exchange, SETUP};
use crate::{KINDS, Kind, add, cell, edit, exchange, is_in_step, reconciled, row};

/// A contact and counterparts of one kind in place, with a relations table that Couplet keeps.
fn owned(
    kind: &Kind,
    of_contacts: &str,
    of_counterparts: &str,
    contacts: &str,
    counterparts: &str,
) -> Exchange {
    let setup = SETUP.replace(
        "[setup]\n",
        "[setup]\ncontact_nos = \"N1\"\ncustomer_nos = \"D1\"\nvendor_nos = \"D1\"\nbank_account_nos = \"D1\"\n",
    );
    let config = format!(
        "{setup}[tables.contacts]\nexport = \"contacts.csv\"\nwrite_back = \"in-place\"\n{of_contacts}\
         [tables.{table}]\nexport = \"{table}.csv\"\nwrite_back = \"in-place\"\n{of_counterparts}\
         [tables.relations]\nowned = true\n",
        table = kind.table
    );
    let exchange = Exchange::of(&config);
    exchange.put("contacts.csv", contacts);
    exchange.put(&format!("{}.csv", kind.table), counterparts);
    exchange
}

const CONTACTS: &str =
    "No.,Name,City,Type,Company No.\nC1,Acme,Rome,Company,C1\nC2,Beta,Bern,Company,C2\n";
const COUNTERPARTS: &str = "No.,Name,City\n10,Acme,Rome\n11,Gamma,Kiel\n";

#[test]
fn a_relations_table_that_couplet_keeps_is_made_by_the_first_link_and_emptied_by_the_last() {
    for kind in KINDS {
        let exchange = owned(&kind, "", "", CONTACTS, COUNTERPARTS);
        assert_eq!(reconciled(&exchange).couplings, 0);
        is_in_step(&exchange);
        let linked = exchange.run(&["links", "add", "C1", kind.noun(), "10"]);
        assert_eq!(linked.code, 0, "{linked:?}");
        assert!(
            exchange
                .text("state/relations.csv")
                .contains(&kind.relation_of("C1", "10").trim().to_owned())
        );
        is_in_step(&exchange);
        edit(&exchange, "contacts", "C1", "City", "Turin");
        reconciled(&exchange);
        assert_eq!(cell(&exchange, kind.table, "10", "City"), "Turin");
        let unlinked = exchange.run(&["links", "remove", "C1", kind.noun()]);
        assert_eq!(unlinked.code, 0, "{unlinked:?}");
        assert_eq!(reconciled(&exchange).couplings, 0);
        is_in_step(&exchange);
        let again = exchange.run(&[
            "links",
            "add",
            "C2",
            kind.noun(),
            "11",
            "--master",
            "counterpart",
        ]);
        assert_eq!(again.code, 0, "{again:?}");
        assert!(row(&exchange, "contacts", "C2").contains("Gamma,Kiel"));
        is_in_step(&exchange);
    }
}

#[test]
fn a_counterparts_column_may_say_its_contact() {
    for kind in KINDS {
        let counterparts = "No.,Name,City,CRM No.\n10,Acme,Rome,C1\n11,Gamma,Kiel,\n";
        let exchange = owned(
            &kind,
            "",
            "contact_no = \"CRM No.\"\n",
            CONTACTS,
            counterparts,
        );
        assert_eq!(reconciled(&exchange).couplings, 1);
        is_in_step(&exchange);
        edit(&exchange, kind.table, "10", "City", "Turin");
        reconciled(&exchange);
        assert_eq!(cell(&exchange, "contacts", "C1", "City"), "Turin");
        // It is pointed elsewhere, then nowhere.
        edit(&exchange, kind.table, "10", "CRM No.", "");
        assert_eq!(reconciled(&exchange).couplings, 0);
        is_in_step(&exchange);
        // A link is written back into the column.
        let linked = exchange.run(&["links", "add", "C2", kind.noun(), "11"]);
        assert_eq!(linked.code, 0, "{linked:?}");
        assert_eq!(cell(&exchange, kind.table, "11", "CRM No."), "C2");
        is_in_step(&exchange);
        let unlinked = exchange.run(&["links", "remove", "C2", kind.noun()]);
        assert_eq!(unlinked.code, 0, "{unlinked:?}");
        assert_eq!(cell(&exchange, kind.table, "11", "CRM No."), "");
        is_in_step(&exchange);
    }
}

#[test]
fn a_column_that_names_nobody_or_somebody_who_is_taken_is_a_problem_until_it_is_mended() {
    for kind in KINDS {
        let counterparts =
            "No.,Name,City,CRM No.\n10,Acme,Rome,C1\n11,Gamma,Kiel,C1\n12,Delta,Ulm,C7\n";
        let exchange = owned(
            &kind,
            "",
            "contact_no = \"CRM No.\"\n",
            CONTACTS,
            counterparts,
        );
        for _ in 0..3 {
            let summary = exchange.summary();
            assert_eq!(summary.couplings, 1, "the first of two");
            let problems: Vec<_> = summary
                .plan
                .problems
                .iter()
                .map(|p| p.kind.as_str())
                .collect();
            assert_eq!(problems, ["refused-relation", "refused-relation"]);
        }
        edit(&exchange, kind.table, "11", "CRM No.", "");
        edit(&exchange, kind.table, "12", "CRM No.", "C2");
        let summary = exchange.summary();
        assert!(
            summary.plan.problems.is_empty(),
            "{:#?}",
            summary.plan.problems
        );
        assert_eq!(summary.couplings, 2);
    }
}

#[test]
fn a_contacts_column_may_say_its_counterpart() {
    for kind in KINDS {
        let key = format!("{}_no = \"Ledger No.\"\n", kind.noun().replace('-', "_"));
        let contacts = "No.,Name,City,Type,Company No.,Ledger No.\nC1,Acme,Rome,Company,C1,10\nC2,Beta,Bern,Company,C2,\n";
        let exchange = owned(&kind, &key, "", contacts, COUNTERPARTS);
        assert_eq!(reconciled(&exchange).couplings, 1);
        is_in_step(&exchange);
        edit(&exchange, "contacts", "C1", "City", "Turin");
        reconciled(&exchange);
        assert_eq!(cell(&exchange, kind.table, "10", "City"), "Turin");
        // What is created is named in it.
        let made = exchange.run(&["create", kind.noun(), "--contact", "C2"]);
        assert_eq!((made.code, made.out.as_str()), (0, "D1\n"), "{made:?}");
        assert_eq!(cell(&exchange, "contacts", "C2", "Ledger No."), "D1");
        is_in_step(&exchange);
        edit(&exchange, "contacts", "C1", "Ledger No.", "11");
        let summary = exchange.summary();
        assert_eq!(summary.couplings, 2);
        assert_eq!(summary.plan.uncouplings.len(), 1);
    }
}

#[test]
fn contacts_created_from_counterparts_are_named_in_their_column() {
    for kind in KINDS {
        let counterparts = "No.,Name,City,CRM No.\n10,Acme,Rome,C1\n11,Gamma,Kiel,\n";
        let exchange = owned(
            &kind,
            "",
            "contact_no = \"CRM No.\"\n",
            CONTACTS,
            counterparts,
        );
        reconciled(&exchange);
        add(&exchange, kind.table, "12,Delta,Ulm,");
        let summary = reconciled(&exchange);
        assert_eq!(summary.plan.creations.len(), 1);
        assert_eq!(cell(&exchange, kind.table, "12", "CRM No."), "N1");
        assert_eq!(cell(&exchange, "contacts", "N1", "Name"), "Delta");
        is_in_step(&exchange);
    }
}

#[test]
fn where_relations_do_not_say_the_table_their_code_does() {
    for kind in KINDS {
        let relations = format!(
            "Contact No.,Business Relation Code,No.\nC1,{},10\nC9,PROS,\n",
            kind.code
        );
        let tables = [
            ("contacts", CONTACTS),
            (kind.table, COUNTERPARTS),
            ("relations", &relations),
        ];
        let exchange = exchange(&tables, "");
        assert_eq!(reconciled(&exchange).couplings, 1);
        let linked = exchange.run(&["links", "add", "C2", kind.noun(), "11"]);
        assert_eq!(linked.code, 0, "{linked:?}");
        assert!(
            exchange
                .text("relations.csv")
                .ends_with(&format!("C2,{},11\n", kind.code))
        );
        assert_eq!(reconciled(&exchange).couplings, 2);
        is_in_step(&exchange);
    }
}
