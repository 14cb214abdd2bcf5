//! Whole passes over the CRONUS exports in every dialect and encoding.

mod support;

use std::fs;
use std::path::Path;

use couplet::exports::{Edits, Export, Settings};
use couplet::merge::Rule;
use couplet::model::{Kind, Table};
use couplet::state::Store;
use couplet::sync::Outcome;

use support::{Exchange, fixtures};

const FOLDERS: [&str; 11] = [
    "w1",
    "de",
    "fr",
    "cz",
    "ru",
    "es",
    "dk",
    "is",
    "contoso-w1",
    "contoso-cz",
    "ru-banks",
];

const FILES: [(&str, &str); 5] = [
    ("contacts", "contacts"),
    ("customers", "customers"),
    ("vendors", "vendors"),
    ("bank_accounts", "bank_accounts"),
    ("relations", "contact_business_relations"),
];

/// The file of a table in a folder of the fixtures, whatever its ending.
fn file(folder: &Path, stem: &str) -> Option<String> {
    let names = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.into_iter().find(|name| {
        name.rsplit_once('.')
            .is_some_and(|(before, _)| before == stem)
    })
}

/// Nothing goes from companies to persons.
const NO_INHERITANCE: &str = "[setup]\ninherit_communication_details = false\n";

/// An exchange over a folder of the fixtures, all tables written in place; with the names of its files by table.
fn in_place(folder: &str) -> (Exchange, Vec<(Table, String)>) {
    let from = fixtures().join("cronus").join(folder);
    let mut config = String::new();
    let mut files = Vec::new();
    for (table, stem) in FILES {
        let Some(name) = file(&from, stem) else {
            continue;
        };
        config.push_str(&format!(
            "[tables.{table}]\nexport = {name:?}\nwrite_back = \"in-place\"\n"
        ));
        files.push((Table::named(table).expect("a table"), name));
    }
    let setup = support::SETUP.replace("[setup]\n", NO_INHERITANCE);
    let exchange = Exchange::of(&format!("{setup}{config}"));
    for (_, name) in &files {
        exchange.copy(&from.join(name), name);
    }
    (exchange, files)
}

fn read(exchange: &Exchange, table: Table, name: &str) -> Export {
    Export::read(
        Box::new(exchange.bytes(name)),
        table,
        &Settings::default(),
        name,
        1,
    )
    .unwrap_or_else(|refusal| panic!("{name}: {refusal}"))
}

fn with_cell(export: &Export, at: usize, column: usize, value: &str) -> Vec<u8> {
    let mut edits = Edits::default();
    edits.cells.insert(at, vec![(column, value.to_owned())]);
    let mut bytes = Vec::new();
    export.splice(&edits, &mut bytes).expect("spliced");
    bytes
}

fn phone(table: Table) -> usize {
    table.column("Phone No.").expect("a phone number")
}

/// Where the record of this number stands.
fn position(export: &Export, no: &str) -> usize {
    (0..export.records.len())
        .find(|at| {
            export
                .record(*at)
                .is_ok_and(|record| record.value(0) == Some(no))
        })
        .unwrap_or_else(|| panic!("no record {no}"))
}

#[test]
fn a_pass_without_changes_leaves_each_byte_of_every_dialect() {
    for folder in FOLDERS {
        let (exchange, files) = in_place(folder);
        let first = exchange.summary();
        assert!(
            first.plan.conflicts.is_empty(),
            "{folder}: {:#?}",
            first.plan.conflicts
        );
        let before: Vec<Vec<u8>> = files.iter().map(|(_, name)| exchange.bytes(name)).collect();
        let Outcome::InStep(second) = exchange.pass() else {
            panic!("{folder}: the second pass writes")
        };
        assert!(second.files.is_empty() && second.pass.is_none(), "{folder}");
        for ((_, name), before) in files.iter().zip(before) {
            assert!(exchange.bytes(name) == before, "{folder}/{name}");
        }
    }
}

#[test]
fn one_phone_number_of_a_contact_changes_exactly_that_cell_of_each_coupled_counterpart() {
    let mut checked = 0;
    for folder in FOLDERS {
        let (exchange, files) = in_place(folder);
        exchange.summary();
        let contacts = read(&exchange, Table::Contacts, &files[0].1);
        let (_, relations) = files.last().expect("relations");
        let relations = read(&exchange, Table::Relations, relations);
        for kind in Kind::all() {
            let table = Table::Counterparts(kind);
            let Some((_, name)) = files.iter().find(|(of, _)| *of == table) else {
                continue;
            };
            let export = read(&exchange, table, name);
            if !export.columns.has(phone(table)) {
                continue;
            }
            let Some(row) = (0..relations.records.len()).find_map(|at| {
                let row = relations.record(at).ok()?.row().clone();
                (row.get(2) == Some(kind.def().caption)
                    || row.get(2) == Some("Bank_x0020_Account")
                        && kind.def().caption == "Bank Account")
                    .then_some(row)
            }) else {
                continue;
            };
            let (contact, no) = (
                row.get(0).expect("a contact"),
                row.get(3).expect("a number"),
            );
            if !(0..export.records.len())
                .any(|at| export.record(at).is_ok_and(|r| r.value(0) == Some(no)))
            {
                continue;
            }
            let at = position(&contacts, contact);
            let number = format!("+00 {checked} 555");
            let mut all_before: Vec<Vec<u8>> =
                files.iter().map(|(_, name)| exchange.bytes(name)).collect();
            let current = read(&exchange, Table::Contacts, &files[0].1);
            let edited = with_cell(&current, at, phone(Table::Contacts), &number);
            exchange.put(&files[0].1, &edited);
            all_before[0] = edited;
            let expected = with_cell(&export, position(&export, no), phone(table), &number);
            assert_ne!(expected, exchange.bytes(name));
            exchange.summary();
            for ((of, name), before) in files.iter().zip(&all_before) {
                let wanted = if *of == table { &expected } else { before };
                assert!(
                    exchange.bytes(name) == *wanted,
                    "{folder}/{name} after {contact} -> {no}"
                );
            }
            checked += 1;
        }
    }
    assert!(checked >= 20, "{checked} cells");
}

#[test]
fn a_sparse_record_gets_exactly_the_member_that_it_lacked() {
    let (exchange, files) = in_place("dk");
    exchange.summary();
    let contacts = read(&exchange, Table::Contacts, &files[0].1);
    let at = position(&contacts, "CT000017");
    exchange.put(
        &files[0].1,
        with_cell(&contacts, at, phone(Table::Contacts), "12 34"),
    );
    let before = exchange.text("customers.jsonl");
    exchange.summary();
    let after = exchange.text("customers.jsonl");
    let added = r#","Phone No.":"12 34""#;
    assert_eq!(after.len(), before.len() + added.len());
    assert_eq!(after.replacen(added, "", 1), before);
}

#[test]
fn the_first_pass_over_cronus_fills_136_e_mail_addresses_and_logs_each_contact() {
    let (exchange, _) = in_place("w1");
    let summary = exchange.summary();
    assert_eq!(summary.plan.changes.len(), 136);
    assert!(
        summary
            .plan
            .changes
            .iter()
            .all(|change| change.column == "E-Mail" && change.from.is_empty())
    );
    assert_eq!(summary.couplings, 142);
    assert_eq!(summary.plan.interactions.len(), 136);
    let log = exchange.text("interactions.csv");
    assert_eq!(log.lines().count(), 137);
}

#[test]
fn two_relations_of_contoso_cz_dangle_and_the_rest_goes_on() {
    let (exchange, _) = in_place("contoso-cz");
    let summary = exchange.summary();
    let kinds: Vec<&str> = summary
        .plan
        .problems
        .iter()
        .map(|problem| problem.kind.as_str())
        .collect();
    assert_eq!(kinds, ["no-counterpart", "no-counterpart"]);
    assert!(summary.couplings > 0);
}

#[test]
fn the_second_day_shows_a_fill_a_merge_through_the_hub_and_held_conflicts() {
    let exchange = Exchange::new("");
    let copy = |from: &str| {
        for (_, stem) in FILES {
            exchange.copy(
                &fixtures().join(from).join(format!("{stem}.csv")),
                &format!("{stem}.csv"),
            );
        }
    };
    let mut config = support::SETUP.to_owned();
    for (table, stem) in FILES {
        config.push_str(&format!(
            "[tables.{table}]\nexport = \"{stem}.csv\"\nwrite_back = \"updates\"\n"
        ));
    }
    let day = |from: &str| {
        copy(from);
        exchange.summary_of(&config)
    };
    assert_eq!(day("cronus/w1").plan.changes.len(), 136);
    let second = day("day-two");
    let cells: Vec<String> = second
        .plan
        .changes
        .iter()
        .filter(|change| change.column != "Contact Business Relation")
        .filter(|change| change.rule != Rule::Inherited)
        .map(|change| {
            format!(
                "{} {} {} <- {}",
                change.table, change.no, change.column, change.because[0].no
            )
        })
        .collect();
    assert_eq!(
        cells,
        [
            "contacts CT000007 Address <- 10000",
            "customers 10000 Phone No. <- CT000007",
            "customers 20000 Home Page <- CT000009",
            "contacts CT000019 Home Page <- 01254796",
            "customers 01445544 Home Page <- 01254796",
            "vendors 01254796 E-Mail <- CT000019",
        ],
    );
    let inherited = |no: &str| {
        let cells = second.plan.changes.iter();
        let cells = cells.filter(|change| change.no == no && change.rule == Rule::Inherited);
        cells
            .map(|change| change.column.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        inherited("CT000008"),
        ["Address", "Phone No."],
        "the person follows its company"
    );
    let held: Vec<String> = second
        .plan
        .conflicts
        .iter()
        .map(|held| format!("{} {}", held.contact, held.field))
        .collect();
    assert_eq!(
        held,
        [
            "CT000009 Address",
            "CT000019 Address",
            "CT000019 City",
            "CT000019 Post Code"
        ]
    );
    let store = Store::look(&exchange.path("state"))
        .expect("a state")
        .expect("a state");
    let in_flight = store.in_flight().expect("counted");
    assert_eq!(
        in_flight.get("bank_accounts"),
        None,
        "the bank's system imported what was written"
    );
    assert_eq!(
        in_flight.get("vendors"),
        Some(&65),
        "the vendors' system has not"
    );
}
