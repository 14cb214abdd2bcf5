//! Random histories of systems that import late, twice, in the wrong order, partly or never, and whose users edit
//! meanwhile: nothing is reverted, nothing is lost, and in the end everything agrees.
//!
//! `COUPLET_HISTORIES=N` makes N histories instead of a few hundred; a failure names its seed.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use couplet::merge::Rule;
use couplet::state::Store;
use couplet::sync::{Outcome, Summary};
use support::Exchange;

const FIELDS: [&str; 2] = ["City", "Phone No."];

/// splitmix64: every choice is a function of the seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }
}

type Rows = BTreeMap<String, [String; 2]>;

/// One system with its true records.
struct System {
    table: &'static str,
    in_place: bool,
    rows: Rows,
    /// Update files that it has imported whole, at least once.
    imported: BTreeSet<String>,
    /// All values that each cell has ever held.
    held: BTreeMap<(String, usize), BTreeSet<String>>,
}

impl System {
    fn file(&self) -> String {
        format!("{}.csv", self.table)
    }

    fn set(&mut self, no: &str, field: usize, value: &str) {
        if let Some(row) = self.rows.get_mut(no) {
            value.clone_into(&mut row[field]);
            self.held
                .entry((no.to_owned(), field))
                .or_default()
                .insert(value.to_owned());
        }
    }
}

#[derive(Default)]
struct Classes {
    conflicts: usize,
    late_imports: usize,
    double_imports: usize,
    partial_imports: usize,
    waiting: usize,
    changes: usize,
}

struct World {
    seed: u64,
    exchange: Exchange,
    systems: Vec<System>,
    dice: Dice,
    tokens: usize,
    exports: usize,
    /// What each value replaced knowingly: all that its cell had held when it was typed, and what those replaced.
    replaced: BTreeMap<String, BTreeSet<String>>,
    /// Values that left a system through its own import, or through a person's decision.
    excused: BTreeSet<String>,
    /// Values that a user of the same system typed over.
    typed_over: BTreeSet<String>,
    seen: BTreeSet<String>,
    classes: Classes,
}

fn parse(text: &str) -> Rows {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().expect("headers").clone();
    let at = |name: &str| {
        headers
            .iter()
            .position(|header| header == name)
            .expect("a column")
    };
    let columns = FIELDS.map(at);
    let rows = reader.records().flatten().map(|record| {
        (
            record[0].to_owned(),
            columns.map(|at| record[at].to_owned()),
        )
    });
    rows.collect()
}

/// An export; its number stands in a column of its own, so that each is a newer one.
fn render(rows: &Rows, export: usize) -> String {
    let rows: String = rows
        .iter()
        .map(|(no, row)| format!("{no},{},{},{export}\n", row[0], row[1]))
        .collect();
    format!("No.,City,Phone No.,Export\n{rows}")
}

impl World {
    fn new(seed: u64) -> World {
        let mut dice = Dice(seed);
        let members = [
            ("contacts", ["C1", "C2"].as_slice()),
            ("customers", &["K1", "K2"]),
            ("vendors", &["V1"]),
        ];
        let mut config = String::new();
        let mut systems = Vec::new();
        for (table, numbers) in members {
            let in_place = dice.chance(if table == "contacts" { 50 } else { 20 });
            let back = if in_place { "in-place" } else { "updates" };
            config.push_str(&format!(
                "[tables.{table}]\nexport = \"{table}.csv\"\nwrite_back = \"{back}\"\n"
            ));
            let rows: Rows = numbers
                .iter()
                .map(|no| ((*no).to_owned(), ["Rome".to_owned(), "1".to_owned()]))
                .collect();
            let mut held: BTreeMap<(String, usize), BTreeSet<String>> = BTreeMap::new();
            for (no, row) in &rows {
                for (field, value) in row.iter().enumerate() {
                    held.entry((no.clone(), field))
                        .or_default()
                        .insert(value.clone());
                }
            }
            systems.push(System {
                table,
                in_place,
                rows,
                imported: BTreeSet::new(),
                held,
            });
        }
        config.push_str("[tables.relations]\nexport = \"relations.csv\"\n");
        let exchange = Exchange::new(&config);
        exchange.put(
            "relations.csv",
            "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,K1\nC1,VEND,Vendor,V1\nC2,CUST,Customer,K2\n",
        );
        let world = World {
            seed,
            exchange,
            systems,
            dice,
            tokens: 0,
            exports: 0,
            replaced: BTreeMap::new(),
            excused: BTreeSet::new(),
            typed_over: BTreeSet::new(),
            seen: BTreeSet::new(),
            classes: Classes::default(),
        };
        for system in &world.systems {
            world.exchange.put(&system.file(), render(&system.rows, 0));
        }
        world.exchange.summary();
        world
    }

    fn edit(&mut self) {
        let at = self.dice.roll(self.systems.len());
        self.reload(at);
        let rows = self.systems[at].rows.len();
        let (row, field) = (self.dice.roll(rows), self.dice.roll(2));
        let no = self.systems[at]
            .rows
            .keys()
            .nth(row)
            .expect("a row")
            .clone();
        self.tokens += 1;
        let token = format!("t{}", self.tokens);
        let before = self.systems[at].rows[&no][field].clone();
        let held = self.systems[at].held[&(no.clone(), field)].clone();
        let mut knowingly = held.clone();
        for value in &held {
            knowingly.extend(self.replaced.get(value).into_iter().flatten().cloned());
        }
        self.replaced.insert(token.clone(), knowingly);
        self.typed_over.insert(before);
        self.systems[at].set(&no, field, &token);
        if self.systems[at].in_place {
            self.export(at);
        }
    }

    /// A file in place is the system's data: what a pass wrote there is what it holds.
    fn reload(&mut self, at: usize) {
        if self.systems[at].in_place {
            for (no, row) in parse(&self.exchange.text(&self.systems[at].file())) {
                for (field, value) in row.iter().enumerate() {
                    self.systems[at].set(&no, field, value);
                }
            }
        }
    }

    fn export(&mut self, at: usize) {
        self.exports += 1;
        let text = render(&self.systems[at].rows, self.exports);
        self.exchange.put(&self.systems[at].file(), text);
    }

    fn updates(&self, at: usize) -> Vec<String> {
        let folder = self.exchange.path("updates");
        let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names
            .filter(|name| name.starts_with(self.systems[at].table))
            .collect();
        names.sort();
        names
    }

    /// Imports an update: any, also one that was imported before or that a newer one has overtaken; perhaps in part.
    fn import(&mut self, at: usize) {
        let updates = self.updates(at);
        if updates.is_empty() {
            return;
        }
        let name = updates[self.dice.roll(updates.len())].clone();
        self.classes.double_imports += usize::from(self.systems[at].imported.contains(&name));
        self.classes.late_imports += usize::from(Some(&name) != updates.last());
        let part = self.dice.chance(20);
        self.classes.partial_imports += usize::from(part);
        self.take(at, &name, part);
    }

    fn take(&mut self, at: usize, name: &str, part: bool) {
        for (no, row) in parse(&self.exchange.text(&format!("updates/{name}"))) {
            if part && self.dice.chance(50) {
                continue;
            }
            for (field, value) in row.iter().enumerate() {
                let lost = self.systems[at].rows[&no][field].clone();
                if lost != *value {
                    // What its users typed since goes with its own import; no file exchange can help that.
                    self.excused.insert(lost);
                }
                self.systems[at].set(&no, field, value);
            }
        }
        if !part {
            self.systems[at].imported.insert(name.to_owned());
        }
    }

    fn decide(&mut self) {
        let store = self.store();
        let open = store.conflicts().expect("conflicts");
        if open.is_empty() {
            return;
        }
        let conflict = &open[self.dice.roll(open.len())];
        let mut values: Vec<String> = conflict
            .conflict
            .claims
            .iter()
            .filter_map(|claim| claim.shows.clone())
            .collect();
        values.extend(conflict.conflict.agreed.clone());
        let value = values[self.dice.roll(values.len())].clone();
        store.decide(conflict, &value, "now").expect("decided");
        // A person has seen all of them.
        self.excused.extend(values);
    }

    fn store(&self) -> Store {
        Store::look(&self.exchange.path("state"))
            .expect("a state")
            .expect("a state")
    }

    fn pass(&mut self) -> Summary {
        for at in 0..self.systems.len() {
            self.reload(at);
        }
        for system in &self.systems {
            for row in parse(&self.exchange.text(&system.file())).into_values() {
                self.seen.extend(row);
            }
        }
        let summary = self.exchange.summary();
        self.classes.conflicts += usize::from(!summary.plan.conflicts.is_empty());
        self.classes.waiting += usize::from(!self.store().in_flight().expect("counted").is_empty());
        self.classes.changes += summary.plan.changes.len();
        for change in &summary.plan.changes {
            let knows = self
                .replaced
                .get(&change.to)
                .is_some_and(|replaced| replaced.contains(&change.from));
            let excused = change.rule == Rule::Decided || self.excused.contains(&change.from);
            assert!(
                knows || excused,
                "seed {}: {} {} {} was reverted from {} to {}: {change:#?}",
                self.seed,
                change.table,
                change.no,
                change.column,
                change.from,
                change.to
            );
        }
        let before: Vec<String> = self
            .systems
            .iter()
            .map(|system| self.exchange.text(&system.file()))
            .collect();
        let Outcome::InStep(again) = self.exchange.pass() else {
            panic!("seed {}: a second pass without a change writes", self.seed)
        };
        assert!(again.files.is_empty(), "seed {}", self.seed);
        for (system, before) in self.systems.iter().zip(before) {
            assert_eq!(
                self.exchange.text(&system.file()),
                before,
                "seed {}",
                self.seed
            );
        }
        for at in 0..self.systems.len() {
            self.reload(at);
        }
        summary
    }

    fn live(&self) -> BTreeSet<String> {
        let mut live = BTreeSet::new();
        for system in &self.systems {
            live.extend(system.rows.values().flatten().cloned());
        }
        for open in self.store().conflicts().expect("conflicts") {
            live.extend(
                open.conflict
                    .claims
                    .into_iter()
                    .filter_map(|claim| claim.shows),
            );
            live.extend(open.conflict.agreed);
        }
        for (table, numbers) in [
            ("contacts", ["C1", "C2"]),
            ("customers", ["K1", "K2"]),
            ("vendors", ["V1", "V1"]),
        ] {
            for no in numbers {
                for decision in self.store().decisions(table, no, None).expect("decisions") {
                    live.extend([decision.from, decision.to]);
                }
                live.extend(
                    self.store()
                        .sent(table, no, 0)
                        .expect("sent")
                        .into_iter()
                        .map(|value| value.sent.value),
                );
            }
        }
        live
    }

    fn check_nothing_is_lost(&self) {
        let live = self.live();
        for token in &self.seen {
            let known = live.contains(token)
                || self.excused.contains(token)
                || self.typed_over.contains(token);
            assert!(known, "seed {}: {token} is lost", self.seed);
        }
    }

    /// Everybody imports what is new in order, exports, and the person decides all that is open.
    fn come_to_rest(&mut self) {
        for _ in 0..12 {
            for at in 0..self.systems.len() {
                if !self.systems[at].in_place {
                    for name in self.updates(at) {
                        if !self.systems[at].imported.contains(&name) {
                            self.take(at, &name, false);
                        }
                    }
                    self.export(at);
                }
            }
            for open in self.store().conflicts().expect("conflicts") {
                let shows = open
                    .conflict
                    .claims
                    .iter()
                    .find_map(|claim| claim.shows.clone());
                let value = shows.or(open.conflict.agreed.clone()).expect("a value");
                self.excused.extend(
                    open.conflict
                        .claims
                        .iter()
                        .filter_map(|claim| claim.shows.clone()),
                );
                self.excused.extend(open.conflict.agreed.clone());
                self.store().decide(&open, &value, "now").expect("decided");
            }
            let summary = self.pass();
            if summary.files.is_empty() && summary.plan.conflicts.is_empty() && self.at_rest() {
                return;
            }
        }
        let rows: Vec<_> = self
            .systems
            .iter()
            .map(|system| (system.table, system.in_place, &system.rows))
            .collect();
        let store = self.store();
        let (conflicts, in_flight) = (
            store.conflicts().expect("conflicts"),
            store.in_flight().expect("counted"),
        );
        panic!(
            "seed {}: never at rest: {rows:?} {in_flight:?} {conflicts:#?}",
            self.seed
        );
    }

    fn at_rest(&self) -> bool {
        let row = |at: usize, no: &str| self.systems[at].rows[no].clone();
        let in_flight = self.store().in_flight().expect("counted");
        row(0, "C1") == row(1, "K1")
            && row(0, "C1") == row(2, "V1")
            && row(0, "C2") == row(1, "K2")
            && in_flight.is_empty()
    }
}

fn history(seed: u64) -> Classes {
    let mut world = World::new(seed);
    for _ in 0..30 {
        match world.dice.roll(12) {
            0..=2 => world.edit(),
            3 | 4 => {
                let at = world.dice.roll(world.systems.len());
                if !world.systems[at].in_place {
                    world.export(at);
                }
            }
            5..=7 => {
                let at = world.dice.roll(world.systems.len());
                if !world.systems[at].in_place {
                    world.import(at);
                }
            }
            8 => world.decide(),
            _ => {
                world.pass();
                world.check_nothing_is_lost();
            }
        }
    }
    world.come_to_rest();
    world.check_nothing_is_lost();
    world.classes
}

#[test]
fn nothing_is_reverted_nothing_is_lost_and_in_the_end_everything_agrees() {
    let histories: u64 = std::env::var("COUPLET_HISTORIES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(200);
    let first: u64 = std::env::var("COUPLET_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut hit = [0; 6];
    for seed in first..first + histories {
        let classes = history(seed);
        let counts = [
            classes.conflicts,
            classes.late_imports,
            classes.double_imports,
            classes.partial_imports,
            classes.waiting,
            classes.changes,
        ];
        for (hit, count) in hit.iter_mut().zip(counts) {
            *hit += u64::from(count > 0);
        }
    }
    let names = [
        "a conflict",
        "a late import",
        "a double import",
        "a partial import",
        "values in flight",
        "a change",
    ];
    for (name, hit) in names.iter().zip(hit) {
        println!("{hit} of {histories} histories had {name}");
        assert!(
            hit * 10 >= histories,
            "only {hit} of {histories} histories had {name}"
        );
    }
}
