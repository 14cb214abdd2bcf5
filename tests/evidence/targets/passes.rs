//! A pass over any bytes as one of the exports of an exchange that was in step.

use couplet::exports::{Edits, Export, Settings};
use couplet::model::{Lookup, Table, form};
use couplet::sync::Outcome;

use super::office::{CONTACTS, Rows, bytes, counterpart, in_step, rows};

/// The files, and the tables that they hold.
fn files() -> [(&'static str, Table); 5] {
    let table = |name| Table::named(name).expect("a table");
    [
        ("contacts.csv", table("contacts")),
        ("customers.csv", table("customers")),
        ("vendors.json", table("vendors")),
        ("relations.csv", table("relations")),
        ("events.csv", Table::Lookup(Lookup::Events)),
    ]
}

/// The first byte, a digit if a person typed it, says in the place of which file the others stand.
pub fn any_export(input: &[u8]) -> bool {
    let (number, file) = input.split_first().unwrap_or((&0, &[]));
    let files = files();
    let (name, table) = files[usize::from(number.wrapping_sub(b'0')) % files.len()];
    let office = in_step();
    let mut exchange = office.thawed();
    exchange.put(name, file);
    let mut outcome = exchange.pass().expect("bad data is no error");
    if is_cut(&outcome) {
        // What stands there unchanged in a later pass was not cut.
        outcome = exchange.pass().expect("bad data is no error");
    }
    let after = exchange.disk.files();
    let is_done = matches!(outcome, Outcome::Done(_));
    for (other, held) in files {
        let (before, now) = match other == name {
            true => (file.to_vec(), bytes(&after, other)),
            false => (bytes(&office.files, other), bytes(&after, other)),
        };
        assert!(
            is_done || before == now,
            "{other} was written by a pass that did nothing"
        );
        keeps_its_bytes(held, &before, &now);
    }
    let said = rows(table, file);
    for (other, held) in files.iter().filter(|(other, _)| *other != name) {
        let (before, now) = (bytes(&office.files, other), bytes(&after, other));
        if before == now {
            continue;
        }
        let said = said.as_ref();
        let said =
            said.unwrap_or_else(|| panic!("{other} was written because of a file that is refused"));
        match held {
            Table::Relations => {}
            _ => only_what_was_said(*held, table, said, &before, &now),
        }
    }
    // Without anybody's doing, the next pass writes nothing.
    exchange.pass().expect("a second pass");
    let again = exchange.disk.files();
    for (other, _) in files {
        assert!(
            bytes(&again, other) == bytes(&after, other),
            "{other} was written again by a second pass"
        );
    }
    said.is_some()
}

/// Whether a file was left for a later pass, since its end may be still to come.
fn is_cut(outcome: &Outcome) -> bool {
    let (Outcome::Done(summary) | Outcome::InStep(summary)) = outcome else {
        return false;
    };
    let mut problems = summary.plan.problems.iter();
    problems.any(|problem| problem.kind == "cut-export")
}

/// A record in which no cell has another value has its bytes.
fn keeps_its_bytes(table: Table, before: &[u8], now: &[u8]) {
    if before == now {
        return;
    }
    let read = |bytes: &[u8]| {
        Export::read(
            Box::new(bytes.to_vec()),
            table,
            &Settings::default(),
            "f",
            1,
        )
    };
    let (Ok(before), Ok(now)) = (read(before), read(now)) else {
        panic!("a file was written that is not read, or cannot be read");
    };
    for (at, place) in before.records.iter().enumerate().take(now.records.len()) {
        let (Ok(old), Ok(new)) = (before.record(at), now.record(at)) else {
            continue;
        };
        if old.row() == new.row() {
            assert_eq!(
                place.print, now.records[at].print,
                "a cell that nobody touched has other bytes"
            );
        }
    }
    let mut copy = Vec::new();
    now.splice(&Edits::default(), &mut copy)
        .expect("bytes in memory");
}

/// No record of another table went, and each of its cells that is another one is what the file says of its party.
fn only_what_was_said(held: Table, table: Table, said: &Rows, before: &[u8], now: &[u8]) {
    let (before, now) = (
        rows(held, before).expect("it was read"),
        rows(held, now).expect("it can be read"),
    );
    for (no, old) in &before {
        let new = now.get(no);
        let new = new.unwrap_or_else(|| panic!("{no} is gone from {held}"));
        let party = (1..=CONTACTS).find(|&at| *no == format!("C{at:02}") || *no == counterpart(at));
        let party = party.expect("one of the records that are known");
        for (column, (old, new)) in old.iter().zip(new).enumerate() {
            let def = &held.columns()[column];
            let (old, new) = (
                old.as_deref().unwrap_or_default(),
                new.as_deref().unwrap_or_default(),
            );
            if form::same(def.form, old, new) {
                continue;
            }
            if table == Table::Relations {
                // Who is coupled with whom may change by it; then blanks are filled, and nothing else.
                assert!(
                    form::is_blank(old),
                    "{held} {no} {}: a value was replaced at a first meeting",
                    def.name
                );
                continue;
            }
            let key = match table {
                Table::Contacts => format!("C{party:02}"),
                _ => counterpart(party),
            };
            let shown = said
                .get(&key)
                .and_then(|row| row.get(table.column(def.name)?)?.as_deref());
            assert!(
                shown.is_some_and(|shown| form::same(def.form, shown, new)),
                "{held} {no} {}: a value that {table} does not show: {new:?}, shown {shown:?}",
                def.name
            );
        }
    }
}
