//! CRONUS without its coupled contacts and their relations: contacts created from all its customers, vendors and bank
//! accounts, and what the systems make of them.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use couplet::sync::Outcome;
use support::{Exchange, SETUP, fixtures};

const TABLES: [(&str, &str); 5] = [
    ("contacts", "contacts.csv"),
    ("customers", "customers.csv"),
    ("vendors", "vendors.csv"),
    ("bank_accounts", "bank_accounts.csv"),
    ("relations", "contact_business_relations.csv"),
];

/// A CSV file as maps from header to value, and its headers.
struct Sheet {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    fn read(text: &str) -> Sheet {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let fields = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
        Sheet {
            headers: fields(reader.headers().expect("headers")),
            rows: reader
                .records()
                .map(|row| fields(&row.expect("a row")))
                .collect(),
        }
    }

    fn at(&self, header: &str) -> usize {
        let found = self.headers.iter().position(|known| known == header);
        found.unwrap_or_else(|| panic!("no {header} in {:?}", self.headers))
    }

    fn column(&self, header: &str) -> Vec<&str> {
        let at = self.at(header);
        self.rows.iter().map(|row| row[at].as_str()).collect()
    }

    /// Adds rows of another file, by the headers that both have.
    fn import(&mut self, other: &Sheet) {
        for row in &other.rows {
            let cell = |header: &String| {
                let at = other.headers.iter().position(|known| known == header);
                at.map_or(String::new(), |at| row[at].clone())
            };
            self.rows.push(self.headers.iter().map(cell).collect());
        }
    }

    fn text(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in std::iter::once(&self.headers).chain(&self.rows) {
            writer.write_record(row).expect("written");
        }
        String::from_utf8(writer.into_inner().expect("written")).expect("text")
    }
}

/// CRONUS with contacts that nobody is coupled with, and the pass that sees it first.
fn uncoupled(write_back: &str) -> Exchange {
    let mut config = SETUP.replace("[setup]\n", "[setup]\ncontact_nos = \"CT000001\"\n");
    for (table, file) in TABLES {
        let back = match table {
            "contacts" | "relations" => write_back,
            _ => "in-place",
        };
        config.push_str(&format!(
            "[tables.{table}]\nexport = \"{file}\"\nwrite_back = \"{back}\"\n"
        ));
    }
    let exchange = Exchange::of(&config);
    let read = |file: &str| {
        let path = fixtures().join("cronus/w1").join(file);
        Sheet::read(&std::fs::read_to_string(path).expect("a fixture"))
    };
    let mut relations = read("contact_business_relations.csv");
    let coupled: BTreeSet<String> = (relations.column("Contact No.").iter())
        .zip(relations.column("Link to Table"))
        .filter(|(_, link)| !link.is_empty())
        .map(|(no, _)| (*no).to_owned())
        .collect();
    assert_eq!(coupled.len(), 142);
    let mut contacts = read("contacts.csv");
    let company = contacts.at("Company No.");
    contacts
        .rows
        .retain(|row| !coupled.contains(&row[0]) && !coupled.contains(&row[company]));
    relations.rows.retain(|row| !coupled.contains(&row[0]));
    exchange.put("contacts.csv", contacts.text());
    exchange.put("contact_business_relations.csv", relations.text());
    for file in ["customers.csv", "vendors.csv", "bank_accounts.csv"] {
        exchange.copy(&fixtures().join("cronus/w1").join(file), file);
    }
    assert_eq!(exchange.summary().couplings, 0);
    exchange
}

const CREATE: [&str; 4] = [
    "create",
    "contacts",
    "--from",
    "customers,vendors,bank-accounts",
];

/// The names of all counterparts, by the table that relations call them and by number.
fn counterparts(exchange: &Exchange) -> BTreeMap<(String, String), String> {
    let mut all = BTreeMap::new();
    for (caption, file) in [
        ("Customer", "customers.csv"),
        ("Vendor", "vendors.csv"),
        ("Bank Account", "bank_accounts.csv"),
    ] {
        let sheet = Sheet::read(&exchange.text(file));
        for (no, name) in sheet.column("No.").into_iter().zip(sheet.column("Name")) {
            all.insert((caption.to_owned(), no.to_owned()), name.to_owned());
        }
    }
    all
}

#[test]
fn one_command_creates_and_couples_the_contacts_of_all_cronus() {
    let exchange = uncoupled("in-place");
    let before = Sheet::read(&exchange.text("contacts.csv"));
    let named: BTreeSet<String> = ["customers.csv", "vendors.csv"]
        .iter()
        .flat_map(|file| {
            let sheet = Sheet::read(&exchange.text(file));
            let primary = sheet.column("Primary Contact No.");
            primary
                .iter()
                .map(|no| (*no).to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    let run = exchange.run(&CREATE);
    assert_eq!(run.code, 0, "{run:?}");
    let numbers: Vec<&str> = run
        .out
        .lines()
        .map(|line| line.split(' ').next().expect("a number"))
        .collect();
    // The series goes on after each number, and leaves out those by which customers and vendors call their persons.
    let mut next = (1..)
        .map(|counter| format!("CT{counter:06}"))
        .filter(|no| !named.contains(no));
    let free: Vec<String> = numbers
        .iter()
        .map(|_| next.next().expect("a number"))
        .collect();
    assert_eq!(numbers, free);
    assert_eq!(numbers.len(), 142);
    let contacts = Sheet::read(&exchange.text("contacts.csv"));
    assert_eq!(contacts.rows.len(), before.rows.len() + 142);
    let names: BTreeMap<&str, &str> = contacts
        .column("No.")
        .into_iter()
        .zip(contacts.column("Name"))
        .collect();
    let relations = Sheet::read(&exchange.text("contact_business_relations.csv"));
    let counterparts = counterparts(&exchange);
    let mut coupled = 0;
    for row in relations.rows.iter().filter(|row| !row[2].is_empty()) {
        assert_eq!(
            names[row[0].as_str()],
            counterparts[&(row[2].clone(), row[3].clone())],
            "{row:?}"
        );
        coupled += 1;
    }
    assert_eq!(coupled, 142);
    let Outcome::InStep(again) = exchange.pass() else {
        panic!("the next pass writes")
    };
    assert_eq!(again.couplings, 142);
    assert!(again.pass.is_none(), "nothing is left to remember");
    assert!(again.plan.problems.is_empty(), "{:#?}", again.plan.problems);
}

/// Takes what is in the update files of contacts into the contacts export, under the numbers that `number` gives.
fn import_contacts(exchange: &Exchange, pass: u64, number: &dyn Fn(usize, &str) -> String) {
    let mut update = Sheet::read(&exchange.text(&format!("updates/contacts_{pass:06}.csv")));
    for (at, row) in update.rows.iter_mut().enumerate() {
        row[0] = number(at, &row[0]);
    }
    let mut contacts = Sheet::read(&exchange.text("contacts.csv"));
    contacts.import(&update);
    exchange.put("contacts.csv", contacts.text());
}

/// Takes the update files of relations of a pass into the relations export: what goes, and what comes.
fn import_relations(exchange: &Exchange, pass: u64) {
    let name = "contact_business_relations.csv";
    let mut relations = Sheet::read(&exchange.text(name));
    let removed = format!("updates/relations_removed_{pass:06}.csv");
    if exchange.path(&removed).exists() {
        let removed = Sheet::read(&exchange.text(&removed));
        relations
            .rows
            .retain(|row| !removed.rows.iter().any(|gone| gone[..2] == row[..2]));
    }
    relations.import(&Sheet::read(
        &exchange.text(&format!("updates/relations_{pass:06}.csv")),
    ));
    exchange.put(name, relations.text());
}

/// Takes what an update file says of contacts that are there into the contacts export.
fn update_contacts(exchange: &Exchange, pass: u64) {
    let update = Sheet::read(&exchange.text(&format!("updates/contacts_{pass:06}.csv")));
    let mut contacts = Sheet::read(&exchange.text("contacts.csv"));
    for new in &update.rows {
        let places: Vec<usize> = update
            .headers
            .iter()
            .map(|header| contacts.at(header))
            .collect();
        let row = contacts.rows.iter_mut().find(|row| row[0] == new[0]);
        let row = row.unwrap_or_else(|| panic!("no contact {}", new[0]));
        for (at, value) in places.into_iter().zip(new) {
            row[at].clone_from(value);
        }
    }
    exchange.put("contacts.csv", contacts.text());
}

#[test]
fn a_system_that_renumbers_what_it_imports_keeps_its_couplings() {
    let exchange = uncoupled("updates");
    assert_eq!(exchange.run(&CREATE).code, 0);
    let Outcome::InStep(waiting) = exchange.pass() else {
        panic!("in flight, and nothing new to write")
    };
    assert_eq!(waiting.couplings, 142, "a contact in flight is coupled");
    let ours = Sheet::read(&exchange.text("updates/contacts_000002.csv"));
    assert_eq!(ours.rows.len(), 142);
    import_contacts(&exchange, 2, &|at, _| format!("CRM-{:04}", at + 1));
    // The relations come from the same system, but under the numbers that we gave.
    import_relations(&exchange, 2);
    let summary = exchange.summary();
    assert_eq!(summary.couplings, 142);
    assert_eq!(summary.plan.uncouplings.len(), 142);
    assert_eq!(summary.plan.couplings.len(), 142);
    assert!(summary.plan.creations.is_empty() && summary.plan.conflicts.is_empty());
    import_relations(&exchange, summary.pass.expect("a pass"));
    let relations = Sheet::read(&exchange.text("contact_business_relations.csv"));
    let linked = || relations.rows.iter().filter(|row| !row[2].is_empty());
    assert_eq!(linked().count(), 142);
    assert!(linked().all(|row| row[0].starts_with("CRM-")));
    let after = exchange.summary();
    assert_eq!(after.couplings, 142);
    assert!(!after.plan.writes(), "{:#?}", after.plan);
    assert!(after.plan.problems.is_empty(), "{:#?}", after.plan.problems);
    // A company's own Company No. is its new number, once that is imported too.
    update_contacts(&exchange, summary.pass.expect("a pass"));
    let after = exchange.summary();
    assert!(
        !after.plan.writes() && after.plan.problems.is_empty(),
        "{:#?}",
        after.plan
    );
    let contacts = Sheet::read(&exchange.text("contacts.csv"));
    let pairs = contacts
        .column("No.")
        .into_iter()
        .zip(contacts.column("Company No."));
    assert!(
        pairs
            .filter(|(no, _)| no.starts_with("CRM-"))
            .all(|(no, company)| no == company)
    );
    let Outcome::InStep(_) = exchange.pass() else {
        panic!("not in step")
    };
    // What is edited there now is edited everywhere.
    let text = exchange
        .text("contacts.csv")
        .replace("Spotsmeyer's Furnishings", "Spotsmeyer & Sons");
    exchange.put("contacts.csv", text);
    exchange.summary();
    assert!(exchange.text("customers.csv").contains("Spotsmeyer & Sons"));
}

#[test]
fn a_number_that_a_system_gave_to_somebody_else_couples_nobody() {
    let exchange = uncoupled("updates");
    assert_eq!(exchange.run(&CREATE).code, 0);
    import_contacts(&exchange, 2, &|_, no| no.to_owned());
    import_relations(&exchange, 2);
    // The third contact's number went to somebody else.
    let mut contacts = Sheet::read(&exchange.text("contacts.csv"));
    let (external, name) = (contacts.at("External ID"), contacts.at("Name"));
    let at = contacts.rows.len() - 140;
    let no = contacts.rows[at][0].clone();
    contacts.rows[at][external].clear();
    let ours = std::mem::replace(
        &mut contacts.rows[at][name],
        "Quite Another Ltd.".to_owned(),
    );
    exchange.put("contacts.csv", contacts.text());
    let summary = exchange.summary();
    let problems: Vec<&str> = summary
        .plan
        .problems
        .iter()
        .map(|p| p.kind.as_str())
        .collect();
    assert_eq!(problems, ["number-taken"]);
    assert_eq!(summary.couplings, 141);
    assert!(!exchange.text("customers.csv").contains("Quite Another"));
    assert!(exchange.text("customers.csv").contains(&ours));
    let Outcome::InStep(again) = exchange.pass() else {
        panic!("it writes")
    };
    assert_eq!(again.plan.problems.len(), 1, "it stays told");
    let customer = &Sheet::read(&exchange.text("customers.csv")).rows[2][0];
    let linked = exchange.run(&[
        "links",
        "add",
        &no,
        "customer",
        customer,
        "--master",
        "counterpart",
    ]);
    assert_eq!(linked.code, 0, "{linked:?}");
    let after = exchange.summary();
    assert_eq!(after.couplings, 142);
    assert!(after.plan.problems.is_empty(), "{:#?}", after.plan.problems);
}

#[test]
fn the_contacts_that_cronus_is_coupled_with_are_the_ones_that_it_could_be_coupled_with() {
    let exchange = uncoupled("in-place");
    exchange.copy(&fixtures().join("cronus/w1/contacts.csv"), "contacts.csv");
    let path = fixtures().join("cronus/w1/contact_business_relations.csv");
    let relations = Sheet::read(&std::fs::read_to_string(path).expect("a fixture"));
    let run = exchange.run(&["links", "list", "--unlinked", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    let (mut right, mut wrong) = (0, 0);
    for link in listed["links"].as_array().expect("links") {
        let Some(contact) = link["could_be"].as_str() else {
            continue;
        };
        let caption = match link["table"].as_str() {
            Some("customers") => "Customer",
            Some("vendors") => "Vendor",
            _ => "Bank Account",
        };
        let of_it = |row: &&Vec<String>| row[2] == caption && row[3] == link["no"];
        let coupled = relations.rows.iter().find(of_it).expect("a relation");
        match coupled[0] == contact {
            true => right += 1,
            false => wrong += 1,
        }
    }
    assert!(
        right > 50 && wrong * 20 < right,
        "{right} right, {wrong} wrong"
    );
}
