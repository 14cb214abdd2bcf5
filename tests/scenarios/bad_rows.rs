//! Rows that cannot be read, or do not say whose they are: nobody goes by them, and nobody comes.

use crate::i_deletions::{WAYS, delete, family, settled, three_parties};
use crate::support::Exchange;
use crate::{CUSTOMER, KINDS, add, cell, edit, import, is_in_step, reconciled, row};

/// Puts another row in the place of one.
fn spoil(exchange: &Exchange, table: &str, no: &str, with: &str) {
    let (file, sound) = (format!("{table}.csv"), row(exchange, table, no));
    let text = exchange.text(&file);
    exchange.put(&file, text.replace(&format!("{sound}\n"), with));
}

#[test]
fn nobody_is_gone_while_a_row_does_not_say_whose_it_is() {
    // Another delimiter, the same with one of the file's own in it, a number that is blank, or one that was cut.
    let rows = [
        "X2;Beta;Bonn;2\n",
        "X2;Beta, Ltd;Bonn;2\n",
        ",Beta,Bonn,2\n",
        "X\n",
    ];
    let cases = KINDS.iter().flat_map(|kind| rows.map(|row| (kind, row)));
    for ((kind, bad), way) in cases.flat_map(|case| WAYS.map(|way| (case, way))) {
        let case = format!("{} {bad:?} {way}", kind.table);
        let exchange = three_parties(kind, way);
        let file = format!("{}.csv", kind.table);
        let sound = exchange.text(&file);
        spoil(&exchange, kind.table, "X2", bad);
        let gone = delete(&exchange, kind.table, "X3");
        for _ in 0..2 {
            let summary = exchange.summary();
            assert!(summary.plan.uncouplings.is_empty(), "{case}");
            assert_eq!(summary.couplings, 3, "{case}");
            assert_eq!(summary.plan.problems.len(), 1, "{case}");
            let told = summary.plan.problems[0].to_string();
            assert!(told.contains(&format!("{file}:3")), "{told}");
            assert!(
                told.contains("nobody in its table counts as gone"),
                "{told}"
            );
            is_in_step(&exchange);
        }
        // What the others say meanwhile waits for the row.
        edit(&exchange, "contacts", "C2", "City", "Kiel");
        let summary = exchange.summary();
        assert!(summary.plan.changes.is_empty(), "{case} {summary:#?}");
        let owed = &summary.plan.debts;
        let reasons = owed
            .iter()
            .map(|debt| (debt.no.as_str(), debt.reason.as_str()));
        let expected = [("X2", "its row cannot be read")];
        assert_eq!(reasons.collect::<Vec<_>>(), expected, "{case}");
        // Mended, it is who it was, and who is not there is gone.
        exchange.put(
            &file,
            sound
                .replace(&format!("{gone}\n"), "")
                .replace(",2\n", ",22\n"),
        );
        let summary = reconciled(&exchange);
        assert_eq!(summary.couplings, 2, "{case}");
        assert_eq!(summary.plan.uncouplings.len(), 1, "{case}");
        assert_eq!(summary.plan.uncouplings[0].no, "X3", "{case}");
        settled(&exchange, way);
        if let ("updates", Some(pass)) = (way, summary.pass) {
            import(&exchange, pass);
            settled(&exchange, way);
        }
        assert_eq!(cell(&exchange, kind.table, "X2", "City"), "Kiel", "{case}");
        assert_eq!(
            cell(&exchange, "contacts", "C2", "Phone No."),
            "22",
            "{case}"
        );
    }
}

#[test]
fn nobody_is_gone_for_as_long_as_the_row_that_may_be_them_stays() {
    for way in WAYS {
        // It stands twice, once whole; or another row that said nothing is mended before it.
        for (bad, other) in [
            ("Q2,Beta\nQ2,Beta,Bonn,2\n", None),
            ("X2;Beta;Bonn;2\n", Some(",Core,Oslo,3")),
        ] {
            let case = format!("{bad:?} {way}");
            let exchange = three_parties(&CUSTOMER, way);
            let sound = exchange.text("customers.csv");
            spoil(&exchange, "customers", "X2", bad);
            let alone = exchange.text("customers.csv");
            if let Some(other) = other {
                exchange.put("customers.csv", alone.replace("X3,Core,Oslo,3", other));
            }
            assert_eq!(exchange.summary().couplings, 3, "{case}");
            exchange.put("customers.csv", alone);
            for _ in 0..3 {
                let summary = exchange.summary();
                assert_eq!(summary.couplings, 3, "{case}");
                assert!(summary.plan.uncouplings.is_empty(), "{case}");
            }
            exchange.put("customers.csv", sound);
            assert_eq!(reconciled(&exchange).couplings, 3, "{case}");
            is_in_step(&exchange);
        }
    }
}

#[test]
fn no_contact_and_no_relation_is_gone_while_a_row_does_not_say_whose_it_is() {
    for way in WAYS {
        for (table, bad) in [
            ("contacts", "C2;Beta;Bonn;2\n"),
            ("contacts", ",Beta,Bonn,2\n"),
            ("relations", "C2;CUST;Customer;X2\n"),
        ] {
            let exchange = three_parties(&CUSTOMER, way);
            let file = format!("{table}.csv");
            let sound = exchange.text(&file);
            spoil(&exchange, table, "C2", bad);
            for _ in 0..2 {
                let summary = exchange.summary();
                assert_eq!(
                    (summary.couplings, summary.plan.problems.len()),
                    (3, 1),
                    "{table}"
                );
                assert!(summary.plan.uncouplings.is_empty(), "{table}");
            }
            exchange.put(&file, sound);
            edit(&exchange, "customers", "X2", "City", "Kiel");
            let summary = reconciled(&exchange);
            assert_eq!(summary.couplings, 3, "{table}");
            assert_eq!(summary.plan.changes.len(), 1, "{table} {summary:#?}");
        }
    }
}

#[test]
fn a_bad_row_that_says_whose_it_is_keeps_nobody_else() {
    for (way, bad) in WAYS
        .iter()
        .flat_map(|way| ["X2,Beta\n", "X2,Beta,Bonn,2,more,cells\n"].map(|bad| (*way, bad)))
    {
        let exchange = three_parties(&CUSTOMER, way);
        spoil(&exchange, "customers", "X2", bad);
        delete(&exchange, "customers", "X3");
        let summary = exchange.summary();
        assert_eq!(summary.couplings, 2);
        assert_eq!(summary.plan.uncouplings.len(), 1);
        assert_eq!(summary.plan.uncouplings[0].no, "X3");
    }
}

#[test]
fn a_row_that_was_bad_from_the_first_keeps_nobody() {
    let exchange = three_parties(&CUSTOMER, "in-place");
    add(&exchange, "customers", "X4;Dodo;Bari;4");
    assert_eq!(exchange.summary().couplings, 3);
    delete(&exchange, "customers", "X3");
    assert_eq!(exchange.summary().couplings, 2);
}

#[test]
fn what_returns_while_a_relation_does_not_say_whose_it_is_stays_coupled() {
    for kind in KINDS {
        for table in ["contacts", kind.table] {
            let exchange = three_parties(&kind, "updates");
            let no = if table == "contacts" { "C3" } else { "X3" };
            let gone = delete(&exchange, table, no);
            let first = exchange.summary();
            assert_eq!(first.plan.uncouplings.len(), 1);
            let relations = exchange.text("relations.csv");
            spoil(&exchange, "relations", "C2", "C2;VEND;Vendor;X2\n");
            add(&exchange, table, &gone);
            let second = exchange.summary();
            assert_eq!(second.couplings, 3, "{table}");
            for _ in 0..2 {
                is_in_step(&exchange);
                assert_eq!(exchange.summary().couplings, 3, "{table}");
            }
            exchange.put("relations.csv", relations);
            import(&exchange, first.pass.expect("a pass"));
            import(&exchange, second.pass.expect("a pass"));
            assert_eq!(exchange.summary().couplings, 3, "{table}");
        }
    }
}

#[test]
fn what_returns_after_its_relation_was_taken_out_regains_it_although_another_one_is_illegible() {
    for kind in KINDS {
        for table in ["contacts", kind.table] {
            let exchange = three_parties(&kind, "updates");
            let no = if table == "contacts" { "C3" } else { "X3" };
            let gone = delete(&exchange, table, no);
            import(&exchange, exchange.summary().pass.expect("a pass"));
            let sound = row(&exchange, "relations", "C2");
            spoil(&exchange, "relations", "C2", "C2;VEND;Vendor;X2\n");
            add(&exchange, table, &gone);
            exchange.summary();
            is_in_step(&exchange);
            let text = exchange.text("relations.csv");
            exchange.put("relations.csv", text.replace("C2;VEND;Vendor;X2", &sound));
            settled(&exchange, "updates");
            assert_eq!(exchange.summary().couplings, 3, "{table}");
            assert!(exchange.text("relations.csv").contains("X3"), "{table}");
        }
    }
}

#[test]
fn what_returns_while_the_removal_of_its_relation_is_in_flight_regains_it_although_its_row_cannot_be_read()
 {
    for (kind, table) in KINDS
        .iter()
        .flat_map(|kind| ["contacts", kind.table].map(|table| (kind, table)))
    {
        let row = kind.relation_of("C3", "X3");
        let bad_rows = [
            row.repeat(2),
            format!("C3,{}\n", kind.code),
            row.replace(',', ";"),
        ];
        for (bad, is_read, is_imported) in bad_rows.iter().flat_map(|bad| {
            let read = [true, false].into_iter();
            read.flat_map(move |read| [true, false].map(|imported| (bad, read, imported)))
        }) {
            let exchange = three_parties(kind, "updates");
            let no = if table == "contacts" { "C3" } else { "X3" };
            let gone = delete(&exchange, table, no);
            let first = exchange.summary().pass.expect("a pass");
            let relations = exchange.text("relations.csv");
            exchange.put("relations.csv", relations.replace(&row, bad));
            if is_read {
                exchange.summary();
            }
            add(&exchange, table, &gone);
            let second = exchange.summary();
            exchange.put("relations.csv", relations);
            let mut left: Vec<u64> = [first].into_iter().chain(second.pass).collect();
            if is_imported {
                left.drain(..).for_each(|pass| import(&exchange, pass));
            }
            let third = exchange.summary();
            left.extend(third.pass);
            left.into_iter().for_each(|pass| import(&exchange, pass));
            settled(&exchange, "updates");
            let case = format!("{table} {bad} {is_read} {is_imported}");
            assert_eq!(exchange.summary().couplings, 3, "{case}");
            let relations = exchange.text("relations.csv");
            assert_eq!(relations.matches(row.trim()).count(), 1, "{case}");
        }
    }
}

#[test]
fn a_relation_in_a_row_that_does_not_say_whose_it_is_is_asked_to_be_removed_once() {
    for (kind, table) in KINDS
        .iter()
        .flat_map(|kind| ["contacts", kind.table].map(|table| (kind, table)))
    {
        let exchange = three_parties(kind, "updates");
        let row = kind.relation_of("C3", "X3");
        let relations = exchange.text("relations.csv");
        exchange.put(
            "relations.csv",
            relations.replace(&row, &row.replace(',', ";")),
        );
        delete(
            &exchange,
            table,
            if table == "contacts" { "C3" } else { "X3" },
        );
        let first = exchange.summary();
        assert_eq!(first.plan.uncouplings.len(), 1, "{table}");
        exchange.put("relations.csv", relations);
        for export in 0..6 {
            add(&exchange, "relations", &format!("C2,LAW{export},,"));
            let summary = exchange.summary();
            assert_eq!(summary.couplings, 2, "{table} {export}");
            assert!(summary.plan.uncouplings.is_empty(), "{table} {export}");
        }
        import(&exchange, first.pass.expect("a pass"));
        exchange.summary();
        is_in_step(&exchange);
    }
}

#[test]
fn what_goes_while_its_relation_cannot_be_read_regains_it_when_it_returns() {
    for (kind, way) in KINDS.iter().flat_map(|kind| WAYS.map(|way| (kind, way))) {
        let row = kind.relation_of("C3", "X3");
        let cut = format!("C3,{}\n", kind.code);
        for (table, bad) in ["contacts", kind.table]
            .into_iter()
            .flat_map(|table| [row.repeat(2), cut.clone()].map(|bad| (table, bad)))
        {
            let exchange = three_parties(kind, way);
            let no = if table == "contacts" { "C3" } else { "X3" };
            let relations = exchange.text("relations.csv");
            exchange.put("relations.csv", relations.replace(&row, &bad));
            let gone = delete(&exchange, table, no);
            exchange.summary();
            exchange.put("relations.csv", relations);
            settled(&exchange, way);
            assert_eq!(exchange.summary().couplings, 2, "{table} {way} {bad}");
            assert!(!exchange.text("relations.csv").contains("X3"));
            add(&exchange, table, &gone);
            settled(&exchange, way);
            assert_eq!(exchange.summary().couplings, 3, "{table} {way} {bad}");
        }
    }
}

#[test]
fn what_goes_while_its_relation_stands_twice_regains_it_although_that_does_not_say_whose_it_is_next()
 {
    for (kind, table) in KINDS
        .iter()
        .flat_map(|kind| ["contacts", kind.table].map(|table| (kind, table)))
    {
        let exchange = three_parties(kind, "updates");
        let no = if table == "contacts" { "C3" } else { "X3" };
        let row = kind.relation_of("C3", "X3");
        let relations = exchange.text("relations.csv");
        exchange.put("relations.csv", relations.replace(&row, &row.repeat(2)));
        let gone = delete(&exchange, table, no);
        assert!(exchange.summary().plan.uncouplings.is_empty(), "{table}");
        let bad = row.replace(',', ";");
        exchange.put("relations.csv", relations.replace(&row, &bad));
        assert_eq!(exchange.summary().plan.uncouplings.len(), 1, "{table}");
        exchange.put("relations.csv", relations.replace(&row, ""));
        assert_eq!(exchange.summary().couplings, 2, "{table}");
        add(&exchange, table, &gone);
        settled(&exchange, "updates");
        assert_eq!(exchange.summary().couplings, 3, "{table}");
    }
}

#[test]
fn what_goes_and_returns_while_its_relation_does_not_say_whose_it_is_has_one_relation_once_that_can_be_read()
 {
    for (kind, way) in KINDS.iter().flat_map(|kind| WAYS.map(|way| (kind, way))) {
        for (table, returns_first) in ["contacts", kind.table]
            .into_iter()
            .flat_map(|table| [true, false].map(|first| (table, first)))
        {
            let exchange = three_parties(kind, way);
            let no = if table == "contacts" { "C3" } else { "X3" };
            let row = kind.relation_of("C3", "X3");
            let bad = row.replace(',', ";");
            let relations = exchange.text("relations.csv");
            exchange.put("relations.csv", relations.replace(&row, &bad));
            let gone = delete(&exchange, table, no);
            exchange.summary();
            if returns_first {
                add(&exchange, table, &gone);
                exchange.summary();
            }
            let relations = exchange.text("relations.csv");
            exchange.put("relations.csv", relations.replace(&bad, &row));
            settled(&exchange, way);
            if !returns_first {
                assert_eq!(exchange.summary().couplings, 2, "{table} {way}");
                add(&exchange, table, &gone);
                settled(&exchange, way);
            }
            assert_eq!(
                exchange.summary().couplings,
                3,
                "{table} {way} {returns_first}"
            );
            let relations = exchange.text("relations.csv");
            assert_eq!(relations.matches(row.trim()).count(), 1, "{table} {way}");
        }
    }
}

#[test]
fn who_cannot_be_read_meets_nobody_before_it_can() {
    for (kind, way) in KINDS.iter().flat_map(|kind| WAYS.map(|way| (kind, way))) {
        let rows = [
            "X2;Beta;Kiel;2\n",
            "X2,Beta\n",
            &"X2,Beta,Kiel,2\n".repeat(2),
        ];
        for bad in rows {
            let exchange = three_parties(kind, way);
            let relations = exchange.text("relations.csv");
            let apart = relations.replace(&kind.relation_of("C2", "X2"), "");
            exchange.put("relations.csv", apart);
            assert_eq!(exchange.summary().couplings, 2);
            edit(&exchange, kind.table, "X2", "City", "Kiel");
            exchange.summary();
            let sound = exchange.text(&format!("{}.csv", kind.table));
            spoil(&exchange, kind.table, "X2", bad);
            exchange.put("relations.csv", relations);
            for _ in 0..2 {
                let summary = exchange.summary();
                assert!(!summary.plan.writes(), "{way} {bad} {summary:#?}");
            }
            exchange.put(&format!("{}.csv", kind.table), sound);
            let summary = exchange.summary();
            assert_eq!(summary.couplings, 3, "{way} {bad}");
            assert_eq!(summary.plan.conflicts.len(), 1, "{way} {bad}");
            assert_eq!(cell(&exchange, kind.table, "X2", "City"), "Kiel");
        }
    }
}

#[test]
fn what_returns_as_two_rows_regains_its_relation_once_it_is_one() {
    for (kind, way) in KINDS.iter().flat_map(|kind| WAYS.map(|way| (kind, way))) {
        for table in ["contacts", kind.table] {
            let exchange = family(kind, way);
            let no = if table == "contacts" { "C1" } else { kind.no };
            let gone = delete(&exchange, table, no);
            exchange.summary();
            settled(&exchange, way);
            add(&exchange, table, &gone);
            add(&exchange, table, &gone);
            exchange.summary();
            let again = exchange.summary();
            assert_eq!(again.pass, None, "{table} {way} {again:#?}");
            delete(&exchange, table, no);
            add(&exchange, table, &gone);
            settled(&exchange, way);
            assert_eq!(exchange.summary().couplings, 1, "{table} {way}");
        }
    }
}
