//! An office that creates: contacts, relations and counterparts of one kind, each with a number series.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use couplet::sync::{Outcome, Summary};

use crate::support::{Exchange, Ran, SETUP};
use crate::{Kind, RELATION_COLUMNS};

/// A series for everything that Couplet creates.
pub const SERIES: &str = "contact_nos = \"CT1\"\ncustomer_nos = \"D1\"\nvendor_nos = \"K1\"\nbank_account_nos = \"A1\"\n";

/// Columns of contacts that show what a creation gives them, and those of counterparts of every kind.
pub const CONTACTS: &str =
    "No.,Name,City,Type,Company No.,Company Name,Contact Business Relation\n";
pub const COUNTERPARTS: &str = "No.,Name,City\n";

impl Kind {
    /// Its table, on the command line.
    pub fn plural(&self) -> String {
        self.table.replace('_', "-")
    }

    /// Its export.
    pub fn file(&self) -> String {
        format!("{}.csv", self.table)
    }

    /// The first number of its series.
    pub fn first(&self) -> &'static str {
        match self.table {
            "customers" => "D1",
            "vendors" => "K1",
            _ => "A1",
        }
    }
}

/// A configuration of CSV exports: `setup` is more under `[setup]`, `more` follows the tables.
pub fn config(tables: &[&str], setup: &str, write_back: &str, more: &str) -> String {
    let mut config = SETUP.replacen("[setup]\n", &format!("[setup]\n{setup}"), 1);
    for table in tables {
        config.push_str(&format!(
            "[tables.{table}]\nexport = \"{table}.csv\"\nwrite_back = \"{write_back}\"\n"
        ));
    }
    format!("{config}{more}")
}

/// A configuration without the business relation code of a kind.
pub fn without_code(config: &str, kind: &Kind) -> String {
    let line = format!("{} = \"{}\"\n", kind.setup_code(), kind.code);
    assert!(config.contains(&line));
    config.replacen(&line, "", 1)
}

/// An office in place, without relations yet.
pub fn office(kind: &Kind, setup: &str, contacts: &str, counterparts: &str) -> Exchange {
    office_to(kind, setup, contacts, counterparts, "in-place")
}

/// An office whose updates go there.
pub fn office_to(
    kind: &Kind,
    setup: &str,
    contacts: &str,
    counterparts: &str,
    write_back: &str,
) -> Exchange {
    let tables = ["contacts", kind.table, "relations"];
    let exchange = Exchange::of(&config(&tables, setup, write_back, ""));
    exchange.put("contacts.csv", contacts);
    exchange.put(&kind.file(), counterparts);
    exchange.put("relations.csv", RELATION_COLUMNS);
    exchange
}

/// An office with a templates export beside it.
pub fn office_with_templates(
    kind: &Kind,
    setup: &str,
    contacts: &str,
    counterparts: &str,
    templates: &str,
) -> Exchange {
    let of_kind = format!("{}_templates", kind.noun().replace('-', "_"));
    let more = format!("[tables.{of_kind}]\nexport = \"templates.csv\"\n");
    let tables = ["contacts", kind.table, "relations"];
    let exchange = Exchange::of(&config(&tables, setup, "in-place", &more));
    exchange.put("contacts.csv", contacts);
    exchange.put(&kind.file(), counterparts);
    exchange.put("relations.csv", RELATION_COLUMNS);
    exchange.put("templates.csv", templates);
    exchange
}

/// A pass that leaves nothing to a person.
pub fn clean(exchange: &Exchange) -> Summary {
    let summary = exchange.summary();
    assert!(summary.plan.conflicts.is_empty(), "{summary:#?}");
    assert!(summary.plan.problems.is_empty(), "{summary:#?}");
    assert!(summary.plan.debts.is_empty(), "{summary:#?}");
    summary
}

/// Nothing is left to do, nor to remember, nor for a person.
pub fn assert_in_step(exchange: &Exchange) {
    let outcome = exchange.pass();
    let is_idle = matches!(&outcome, Outcome::InStep(summary)
        if summary.pass.is_none() && summary.plan.problems.is_empty() && summary.plan.conflicts.is_empty());
    assert!(is_idle, "{outcome:#?}");
}

/// The descriptions of the interactions of a contact.
pub fn logged(exchange: &Exchange, contact: &str) -> Vec<String> {
    let text = exchange.text("interactions.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().expect("headers").clone();
    let at = |name: &str| {
        headers
            .iter()
            .position(|header| header == name)
            .expect("a column")
    };
    let (of, description) = (at("Contact No."), at("Description"));
    let rows = reader.records().map(|row| row.expect("a row"));
    let of_contact = rows.filter(|row| &row[of] == contact);
    of_contact.map(|row| row[description].to_owned()).collect()
}

/// `couplet create customer --contact NO` and its like.
pub fn create(exchange: &Exchange, kind: &Kind, contact: &str, more: &[&str]) -> Ran {
    let mut arguments = vec!["create", kind.noun(), "--contact", contact];
    arguments.extend(more);
    exchange.run(&arguments)
}

/// `couplet create contacts --from customers` and its like.
pub fn create_contacts(exchange: &Exchange, kind: &Kind, more: &[&str]) -> Ran {
    let plural = kind.plural();
    let mut arguments = vec!["create", "contacts", "--from", &plural];
    arguments.extend(more);
    exchange.run(&arguments)
}

/// Refused by a rule, for a reason that names all of this; no file but the state's own is another one.
pub fn assert_refused(exchange: &Exchange, arguments: &[&str], named: &[&str]) {
    let before = files(exchange);
    let ran = exchange.run(arguments);
    assert_eq!(ran.code, 1, "{ran:?}");
    for word in named {
        assert!(ran.err.contains(word), "{word}: {ran:?}");
    }
    assert_eq!(files(exchange), before);
}

/// Every file that is neither configuration nor state, with its text.
pub fn files(exchange: &Exchange) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    collect(&exchange.path(""), &mut found);
    let is_own =
        |path: &PathBuf| path.ends_with("config.toml") || path.starts_with(exchange.path("state"));
    found.retain(|path, _| !is_own(path));
    found
}

fn collect(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            let bytes = fs::read(&path).expect("a file");
            found.insert(path, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
