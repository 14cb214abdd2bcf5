//! Drop folders, told in small exports: a CRM drops its contacts into `crm`, and a ledger its customers into `erp`.
#![allow(dead_code, reason = "each test binary uses the part that it needs")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use couplet::config::{self, Config};
use couplet::disk::{Disk, Identity};
use couplet::exchange::{Looks, Round, round};
use couplet::state::{Lock, Store};
use couplet::sync::{Clock as _, Effects, PassError, Request};

use crate::support::{ClockAt, Exchange, StillClock};

/// Contacts and customers are dropped; relations, of which more can be said after this, are a fixed file.
pub const DROPS: &str = r#"
[tables.contacts]
export = "crm/contacts_*.csv"
sequence = 'contacts_(\d+)'
drop = true
write_back = "crm/updates"
[tables.customers]
export = "erp/customers.csv"
drop = true
write_back = "erp/updates"
[tables.relations]
export = "relations.csv"
"#;

/// A file is written in its place.
pub const IN_PLACE: &str = "write_back = \"in-place\"\n";

/// The configuration, with more said of the contacts that are dropped.
pub fn with_contacts(config: &str, said: &str) -> String {
    config.replacen("drop = true", &format!("drop = true\n{said}"), 1)
}

/// The configuration, with more said of the customers that are dropped.
pub fn with_customers(config: &str, said: &str) -> String {
    let (contacts, customers) = config
        .split_once("[tables.customers]")
        .expect("it has customers");
    format!(
        "{contacts}[tables.customers]{}",
        with_contacts(customers, said)
    )
}

/// The configuration, with customers that nobody drops: their file is written in its place.
pub fn with_customers_in_place(config: &str) -> String {
    config.replace("drop = true\nwrite_back = \"erp/updates\"\n", IN_PLACE)
}

/// The header of contacts and customers.
pub const HEAD: &str = "No.,Name,City\n";
/// The header of relations.
pub const LINKS: &str = "Contact No.,Business Relation Code,Link to Table,No.\n";

/// Two companies.
pub const CONTACTS: &str = "No.,Name,City\nC1,Acme,Rome\nC2,Beta,Bern\n";
/// They are customers,
pub const CUSTOMERS: &str = "No.,Name,City\n10,Acme,Rome\n20,Beta,Bern\n";
/// and coupled.
pub const RELATIONS: &str = "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,10\nC2,CUST,Customer,20\n";

/// An exchange into which the two companies were dropped, and which has not read them yet.
pub fn with_drops(config: &str) -> Exchange {
    let exchange = Exchange::new(config);
    exchange
        .put("crm/contacts_1.csv", CONTACTS)
        .put("erp/customers.csv", CUSTOMERS)
        .put("relations.csv", RELATIONS);
    exchange
}

/// Records 1 to `count`, all in this city.
pub fn rows(letter: char, count: usize, city: &str) -> String {
    let rows = (1..=count).map(|no| format!("{letter}{no},Name {no},{city}\n"));
    std::iter::once(HEAD.to_owned()).chain(rows).collect()
}

/// Relations of contacts C1 to `count` with customers K1 to `count`.
pub fn relations(count: usize) -> String {
    let rows = (1..=count).map(|no| format!("C{no},CUST,Customer,K{no}\n"));
    std::iter::once(LINKS.to_owned()).chain(rows).collect()
}

/// The file with what a drop is answered.
pub fn answered(drop: &str) -> String {
    let (folder, name) = drop.rsplit_once('/').expect("it lies in a folder");
    format!("{folder}/answers/{name}.answer.json")
}

/// What a drop was answered.
pub fn answer(exchange: &Exchange, drop: &str) -> serde_json::Value {
    json(exchange, &answered(drop))
}

/// Whether a drop was answered.
pub fn is_answered(exchange: &Exchange, drop: &str) -> bool {
    exchange.path(&answered(drop)).exists()
}

/// A file of JSON.
pub fn json(exchange: &Exchange, name: &str) -> serde_json::Value {
    serde_json::from_slice(&exchange.bytes(name)).expect("JSON")
}

/// The files of a folder and those below it, by their paths in the exchange.
pub fn files(exchange: &Exchange, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![exchange.path(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => {
                    let path = path.strip_prefix(exchange.path("")).expect("within");
                    found.push(path.display().to_string());
                }
            }
        }
    }
    found.sort();
    found
}

/// Lets the plan through that was just halted.
pub fn approve(exchange: &Exchange, said: &str) {
    let (_, advised) = said.split_once("couplet approve ").expect("advice");
    let halt = advised.split_whitespace().next().expect("a halt");
    exchange.run(&["approve", halt]);
}

/// Whoever makes the rounds of an exchange, and holds its state meanwhile.
pub struct Rounds {
    config: Config,
    /// What the next one is asked.
    next: Request,
    /// What time they are made.
    pub clock: ClockAt,
    /// The state.
    pub store: Store,
    _lock: Lock,
}

impl Rounds {
    /// Before the first of them.
    pub fn of(exchange: &Exchange) -> Rounds {
        let config = config::parse(exchange.config(), &exchange.path("config.toml"));
        let config = config.unwrap_or_else(|errors| panic!("{errors:#?}"));
        fs::create_dir_all(&config.state).expect("a folder");
        Rounds {
            _lock: Lock::take(&config.state).expect("free"),
            store: Store::open(&config.state).expect("a state"),
            next: Request::default(),
            clock: ClockAt(StillClock.now()),
            config,
        }
    }

    /// Makes a round on a disk, in which files are complete as somebody finds them.
    pub fn make(&mut self, disk: &dyn Disk, looks: &dyn Looks) -> Result<Round, PassError> {
        let effects = Effects {
            disk,
            clock: &self.clock,
            stage: &|_| {},
        };
        let request = std::mem::take(&mut self.next);
        let round = round(&self.config, &effects, &mut self.store, request, looks)?;
        self.next = round.next();
        Ok(round)
    }
}

/// Somebody who finds a file complete just before another program begins to write it again.
pub struct JustBefore {
    /// The file.
    pub file: PathBuf,
    /// What that program has written by then.
    pub begun: String,
}

impl Looks for JustBefore {
    fn is_settled(&self, path: &Path, _identity: &Identity) -> bool {
        if path == self.file {
            fs::write(path, &self.begun).expect("written");
        }
        true
    }

    fn age(&self, _path: &Path) -> Duration {
        Duration::MAX
    }
}
