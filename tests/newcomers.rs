//! Random histories of a ledger that gets new customers and a CRM that imports their contacts late, twice, renumbered or not:
//! in the end every customer has one contact, both say the same, and no number was given twice.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use couplet::sync::Outcome;
use support::{Exchange, SETUP};

/// A small generator, so that a seed is a history.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn roll(&mut self, sides: usize) -> usize {
        (self.next() % sides as u64) as usize
    }
}

type Row = BTreeMap<String, String>;

/// A system's table: rows by key, and the updates that it has imported.
struct Table {
    file: &'static str,
    columns: &'static [&'static str],
    keys: usize,
    rows: BTreeMap<String, Row>,
    imported: usize,
    /// Keys of what somebody deleted: no import brings it back.
    deleted: BTreeSet<String>,
}

impl Table {
    fn new(file: &'static str, columns: &'static [&'static str], keys: usize) -> Table {
        Table {
            file,
            columns,
            keys,
            rows: BTreeMap::new(),
            imported: 0,
            deleted: BTreeSet::new(),
        }
    }

    fn key(&self, row: &Row) -> String {
        let cells = self.columns[..self.keys]
            .iter()
            .map(|column| row[*column].clone());
        cells.collect::<Vec<_>>().join(" ")
    }

    fn put(&mut self, row: Row) {
        self.rows.insert(self.key(&row), row);
    }

    fn export(&self, exchange: &Exchange) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns).expect("written");
        for row in self.rows.values() {
            let cells = self
                .columns
                .iter()
                .map(|column| row.get(*column).map_or("", String::as_str));
            writer.write_record(cells).expect("written");
        }
        exchange.put(
            &format!("{}.csv", self.file),
            writer.into_inner().expect("written"),
        );
    }

    /// The update files of the table so far, in the order of passes: what goes of a pass stands before what comes.
    fn updates(&self, exchange: &Exchange) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(exchange.path("updates")) else {
            return Vec::new();
        };
        let names = folder
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.starts_with(self.file)).collect();
        names.sort_by_key(|name| {
            let pass = name
                .trim_end_matches(".csv")
                .rsplit('_')
                .next()
                .map(str::to_owned);
            (pass, !name.contains("removed"))
        });
        names
    }

    fn import(&mut self, exchange: &Exchange, name: &str, renumber: &mut dyn FnMut(&mut Row)) {
        let text = exchange.text(&format!("updates/{name}"));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let headers: Vec<String> = reader
            .headers()
            .expect("headers")
            .iter()
            .map(str::to_owned)
            .collect();
        for record in reader.records() {
            let record = record.expect("a row");
            let cells = headers
                .iter()
                .cloned()
                .zip(record.iter().map(str::to_owned));
            let mut row: Row = cells.collect();
            renumber(&mut row);
            let key = self.key(&row);
            if name.contains("removed") {
                self.rows.remove(&key);
                continue;
            }
            // An update of a record that was deleted since is dropped; a new one has our number.
            let is_new = row.get("External ID").is_some_and(|ours| !ours.is_empty());
            let is_known = self.rows.contains_key(&key);
            if self.keys == 1 && !is_known && (!is_new || self.deleted.contains(&key)) {
                continue;
            }
            let mut known = self.rows.remove(&key).unwrap_or_default();
            known.extend(row);
            self.rows.insert(key, known);
        }
    }
}

const CONTACTS: &[&str] = &[
    "No.",
    "Name",
    "City",
    "Type",
    "Company No.",
    "Company Name",
    "External ID",
    "Contact Business Relation",
];
const CUSTOMERS: &[&str] = &["No.", "Name", "City", "Contact", "Primary Contact No."];
const RELATIONS: &[&str] = &[
    "Contact No.",
    "Business Relation Code",
    "Link to Table",
    "No.",
];

/// Two systems, and what is between them.
struct World {
    exchange: Exchange,
    dice: Dice,
    contacts: Table,
    relations: Table,
    customers: Table,
    /// Whether the CRM gives contacts numbers of its own.
    renumbers: bool,
    /// Its numbers by ours.
    numbers: BTreeMap<String, String>,
    counter: usize,
    /// Whether records are deleted, and entered again.
    deletes: bool,
    deleted: Vec<(&'static str, Row)>,
    story: Vec<String>,
}

impl World {
    fn new(seed: u64, deletes: bool) -> World {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut config = SETUP.replace("[setup]\n", "[setup]\ncontact_nos = \"CT001\"\n");
        for table in ["contacts", "customers", "relations"] {
            config.push_str(&format!(
                "[tables.{table}]\nexport = \"{table}.csv\"\nwrite_back = \"updates\"\n"
            ));
        }
        config.push_str("[merge]\nin_flight_limit = 1000\n[guards]\nmax_deletes = \"off\"\nmax_changes = \"off\"\nmax_blanked = \"off\"\n");
        let renumbers = dice.roll(2) == 0;
        let mut world = World {
            exchange: Exchange::of(&config),
            dice,
            contacts: Table::new("contacts", CONTACTS, 1),
            relations: Table::new("relations", RELATIONS, 2),
            customers: Table::new("customers", CUSTOMERS, 1),
            renumbers,
            numbers: BTreeMap::new(),
            counter: 0,
            deletes,
            deleted: Vec::new(),
            story: vec![format!("renumbers: {renumbers}")],
        };
        let row = |cells: &[(&str, &str)]| -> Row {
            let cells = cells
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            cells.collect()
        };
        world.contacts.put(row(&[
            ("No.", "K1"),
            ("Name", "Old"),
            ("Type", "Company"),
            ("Company No.", "K1"),
        ]));
        world.relations.put(row(&[
            ("Contact No.", "K1"),
            ("Business Relation Code", "CUST"),
            ("Link to Table", "Customer"),
            ("No.", "1"),
        ]));
        world.customers.put(row(&[
            ("No.", "1"),
            ("Name", "Old"),
            ("Primary Contact No.", "K1"),
        ]));
        world.export_all();
        world.pass();
        world
    }

    fn export_all(&self) {
        for table in [&self.contacts, &self.relations, &self.customers] {
            table.export(&self.exchange);
        }
    }

    fn pass(&mut self) {
        match self.exchange.pass() {
            Outcome::Done(summary) => {
                let plan = &summary.plan;
                self.story.push(format!(
                    "pass {:?}: {} cells, created {:?}, coupled {:?}, uncoupled {:?}",
                    summary.pass,
                    plan.changes.len(),
                    plan.creations.iter().map(|new| &new.no).collect::<Vec<_>>(),
                    plan.couplings
                        .iter()
                        .map(|new| (&new.contact, &new.no))
                        .collect::<Vec<_>>(),
                    plan.uncouplings
                        .iter()
                        .map(|gone| (&gone.contact, &gone.no))
                        .collect::<Vec<_>>(),
                ));
            }
            Outcome::InStep(_) => {}
            other => panic!("{:#?}\n{other:#?}", self.story),
        }
    }

    /// The CRM or the ledger imports the next update of one of its tables, or the last one again.
    fn import(&mut self, which: usize, again: bool) {
        let renumbers = self.renumbers;
        let numbers = &mut self.numbers;
        let table = [&mut self.contacts, &mut self.relations, &mut self.customers]
            .into_iter()
            .nth(which)
            .expect("a table");
        let updates = table.updates(&self.exchange);
        let at = match again {
            true => table.imported.checked_sub(1),
            false => Some(table.imported),
        };
        let Some(name) = at.and_then(|at| updates.get(at)).cloned() else {
            return;
        };
        table.imported = table.imported.max(at.map_or(0, |at| at + 1));
        self.story.push(format!(
            "imports {name}{}",
            if again { " again" } else { "" }
        ));
        let mut renumber = |row: &mut Row| {
            if which != 0 || !renumbers {
                return;
            }
            let ours = row["No."].clone();
            if ours.starts_with("CT") {
                let next = format!("CRM{:03}", numbers.len() + 1);
                let theirs = numbers.entry(ours).or_insert(next).clone();
                row.insert("No.".to_owned(), theirs);
            }
        };
        table.import(&self.exchange, &name, &mut renumber);
    }

    /// Somebody deletes a record in its system, or enters it again.
    fn delete_or_return(&mut self) {
        // What no export has ever shown cannot be told from what was never imported.
        self.export_all();
        self.pass();
        let table = match self.dice.roll(2) {
            0 => &mut self.contacts,
            _ => &mut self.customers,
        };
        // An export that shows nothing at all says nothing.
        if table.rows.len() > 2 && (self.dice.roll(2) == 0 || self.deleted.is_empty()) {
            let at = self.dice.roll(table.rows.len());
            let key = table.rows.keys().nth(at).expect("a record").clone();
            let row = table.rows.remove(&key).expect("a record");
            table.deleted.insert(key.clone());
            self.story.push(format!("{} {key} is deleted", table.file));
            self.deleted.push((table.file, row));
        } else if !self.deleted.is_empty() {
            let at = self.dice.roll(self.deleted.len());
            let (file, row) = self.deleted.remove(at);
            let table = match file {
                "contacts" => &mut self.contacts,
                _ => &mut self.customers,
            };
            self.story
                .push(format!("{file} {} is entered again", table.key(&row)));
            table.deleted.remove(&table.key(&row));
            table.put(row);
        }
    }

    fn step(&mut self) {
        if self.deletes && self.dice.roll(8) == 0 && self.customers.rows.len() > 2 {
            self.delete_or_return();
            return;
        }
        match self.dice.roll(10) {
            0 => {
                self.counter += 1;
                let no = (self.counter + 1).to_string();
                let named = self.dice.roll(2) == 0;
                let person = if named {
                    format!("Person {no}")
                } else {
                    String::new()
                };
                let cells = [
                    ("No.", no.clone()),
                    ("Name", format!("New {no}")),
                    ("Contact", person),
                ];
                let cells = cells
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value));
                self.customers.put(cells.collect());
                self.story.push(format!("customer {no} appears"));
            }
            1 => {
                // An update that was made before somebody edited carries what the export showed then: a conflict, and not
                // what these histories are about.
                for _ in self.customers.imported..self.customers.updates(&self.exchange).len() {
                    self.import(2, false);
                }
                let at = self.dice.roll(self.customers.rows.len());
                let value = format!("City {}", self.dice.roll(1000));
                let row = self
                    .customers
                    .rows
                    .values_mut()
                    .nth(at)
                    .expect("a customer");
                self.story
                    .push(format!("customer {} gets {value}", row["No."]));
                row.insert("City".to_owned(), value);
                self.customers.export(&self.exchange);
            }
            2 | 3 => {
                let which = self.dice.roll(3);
                self.import(which, false);
            }
            4 => {
                let which = self.dice.roll(2);
                self.import(which, true);
            }
            5 => {
                self.contacts.export(&self.exchange);
                self.relations.export(&self.exchange);
                self.story.push("the CRM exports".to_owned());
            }
            6 => {
                self.customers.export(&self.exchange);
                self.story.push("the ledger exports".to_owned());
            }
            _ => self.pass(),
        }
    }

    /// Everything is imported and exported, until nothing moves any more.
    fn settle(&mut self) {
        for _ in 0..12 {
            for which in 0..3 {
                let table = [&self.contacts, &self.relations, &self.customers][which];
                for _ in table.imported..table.updates(&self.exchange).len() {
                    self.import(which, false);
                }
            }
            self.export_all();
            self.pass();
        }
    }

    fn assert_right(&mut self, seed: u64) {
        let outcome = self.exchange.pass();
        let story = format!("seed {seed}: {:#?}", self.story);
        let Outcome::InStep(summary) = outcome else {
            panic!("{story}\nnot in step: {outcome:#?}")
        };
        assert!(
            summary.plan.problems.is_empty(),
            "{story}\n{:#?}",
            summary.plan.problems
        );
        assert!(
            summary.plan.conflicts.is_empty(),
            "{story}\n{:#?}",
            summary.plan.conflicts
        );
        let mut contact_of: BTreeMap<&str, &str> = BTreeMap::new();
        for row in self.relations.rows.values() {
            let before = contact_of.insert(&row["No."], &row["Contact No."]);
            assert!(
                before.is_none(),
                "{story}\ncustomer {} has two contacts",
                row["No."]
            );
        }
        for (no, customer) in &self.customers.rows {
            let contact = contact_of.get(no.as_str());
            let contact =
                contact.unwrap_or_else(|| panic!("{story}\ncustomer {no} has no contact"));
            let contact = &self.contacts.rows[*contact];
            let cell = |row: &Row, name: &str| row.get(name).cloned().unwrap_or_default();
            for field in ["Name", "City"] {
                assert_eq!(
                    cell(contact, field),
                    cell(customer, field),
                    "{story}\ncustomer {no}"
                );
            }
            let primary = cell(customer, "Primary Contact No.");
            let primary = &self.contacts.rows.get(&primary);
            let primary = primary.unwrap_or_else(|| panic!("{story}\nno primary contact of {no}"));
            assert_eq!(
                cell(primary, "Company No."),
                cell(contact, "No."),
                "{story}\ncustomer {no}"
            );
            if !cell(customer, "Contact").is_empty() {
                assert_eq!(
                    cell(primary, "Name"),
                    cell(customer, "Contact"),
                    "{story}\ncustomer {no}"
                );
            }
        }
        let persons = self.customers.rows.values();
        let persons = persons.filter(|row| row.get("Contact").is_some_and(|name| !name.is_empty()));
        let expected = self.customers.rows.len() + persons.count();
        assert_eq!(
            self.contacts.rows.len(),
            expected,
            "{story}\n{:#?}",
            self.contacts.rows.keys()
        );
        let ours: BTreeSet<&str> = self
            .contacts
            .rows
            .values()
            .filter_map(|row| row.get("External ID").map(String::as_str))
            .collect();
        assert!(
            ours.len() + 1 >= expected,
            "{story}\na number was given twice"
        );
    }
}

impl World {
    /// Deletions never cross, and what couples is there.
    fn assert_sound(&mut self, seed: u64) {
        let outcome = self.exchange.pass();
        let story = format!("seed {seed}: {:#?}", self.story);
        let Outcome::InStep(summary) = outcome else {
            panic!("{story}\nnot in step: {outcome:#?}")
        };
        let mut customers = BTreeSet::new();
        for (name, row) in &self.relations.rows {
            let (contact, customer) = (&row["Contact No."], &row["No."]);
            // A relation that names nobody is told, and couples nothing.
            let is_told = summary.plan.problems.iter().any(|problem| {
                problem.kind.starts_with("no-co") && problem.place.key.as_ref() == Some(name)
            });
            if is_told {
                continue;
            }
            assert!(
                self.contacts.rows.contains_key(contact),
                "{story}\n{name} has no contact"
            );
            assert!(
                self.customers.rows.contains_key(customer),
                "{story}\n{name} has no customer"
            );
            assert!(
                customers.insert(customer),
                "{story}\ncustomer {customer} has two contacts"
            );
            let cell = |row: &Row, name: &str| row.get(name).cloned().unwrap_or_default();
            let (contact, customer) =
                (&self.contacts.rows[contact], &self.customers.rows[customer]);
            let held = summary
                .plan
                .conflicts
                .iter()
                .any(|held| held.contact == contact["No."]);
            for field in ["Name", "City"] {
                let (a, b) = (cell(contact, field), cell(customer, field));
                assert!(held || a == b, "{story}\n{name}: {field} {a:?} {b:?}");
            }
        }
        for customer in self.customers.rows.values() {
            let primary = customer
                .get("Primary Contact No.")
                .cloned()
                .unwrap_or_default();
            let is_told = summary.plan.problems.iter().any(|problem| {
                problem.kind == "primary-contact"
                    && problem.place.key.as_ref() == Some(&customer["No."])
            });
            let exists = is_told || self.contacts.rows.contains_key(&primary);
            assert!(
                primary.is_empty() || exists,
                "{story}\n{} names {primary}",
                customer["No."]
            );
        }
        for (file, row) in &self.deleted {
            let table = if *file == "contacts" {
                &self.contacts
            } else {
                &self.customers
            };
            let no = &row["No."];
            assert!(
                !table.rows.contains_key(no),
                "{story}\n{file} {no} came back by itself"
            );
        }
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn seeds() -> std::ops::Range<u64> {
    let first = number("COUPLET_SEED", 1);
    first..first + number("COUPLET_HISTORIES", 60)
}

#[test]
fn every_new_customer_gets_one_contact_however_late_twice_or_renumbered_it_is_imported() {
    for seed in seeds() {
        let mut world = World::new(seed, false);
        for _ in 0..40 {
            world.step();
        }
        world.settle();
        world.assert_right(seed);
    }
}

#[test]
fn deletions_take_relations_along_and_nothing_else_whenever_they_are_imported() {
    for seed in seeds() {
        let mut world = World::new(seed, true);
        for _ in 0..60 {
            world.step();
        }
        world.settle();
        world.assert_sound(seed);
    }
}
