//! The world of a history: systems, the exchange between them, and what must be true after each pass.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use couplet::merge::Plan;
use couplet::merge::plan::Change;
use couplet::state::StateError;
use couplet::sync::{Outcome, PassError, Request, Summary};

use super::oracle::{Cell, Oracle};
use super::reference::{Expected, Field, Winner};
use super::steps::{History, POLICIES, Place, Step};
use super::systems::{FIELDS, Records, System, Update};
use crate::exchange::{Exchange, parse, path};
use crate::run::Tally;

/// For how many newer exports of its table an update file may still be imported (`product.md` §5: late and twice).
const LATEST_IMPORT: u64 = 3;

/// How numbers of records begin, code and noun of their kind, by table.
const KINDS: [(&str, &str, &str, &str); 4] = [
    ("contacts", "C", "", ""),
    ("customers", "K", "CUST", "Customer"),
    ("vendors", "V", "VEND", "Vendor"),
    ("bank_accounts", "B", "BANK", "Bank Account"),
];

/// What a check finds; a failure says what.
pub type Check = Result<(), String>;

/// The world.
pub struct World<'t> {
    exchange: Exchange,
    systems: Vec<System>,
    /// The numbers of each party's records, by system.
    parties: Vec<Vec<Option<String>>>,
    oracle: Oracle,
    /// What the reference model knows of each party's fields.
    fields: Vec<[Field; FIELDS.len()]>,
    /// Decisions that wait for the next pass: what was chosen, and on what.
    decided: BTreeMap<(usize, usize), (String, Vec<String>)>,
    /// Parties from which a record was deleted; the reference model does not follow them.
    disturbed: BTreeSet<usize>,
    /// A system whose export is damaged, and what stands there.
    silent: Option<usize>,
    /// The plan that a dry run has just shown.
    foreseen: Option<Vec<String>>,
    damaged: Option<Vec<u8>>,
    policy: usize,
    /// Conflicts were held from the beginning.
    holds: bool,
    now: usize,
    tally: &'t mut Tally,
}

fn kind(table: &str) -> &'static (&'static str, &'static str, &'static str, &'static str) {
    let kind = KINDS.iter().find(|kind| kind.0 == table);
    kind.unwrap_or(&KINDS[0])
}

fn of_state(error: StateError) -> String {
    format!("the state refuses: {error}")
}

impl<'t> World<'t> {
    /// The world at the beginning of a history; all systems have exported once.
    pub fn new(history: &History, tally: &'t mut Tally) -> World<'t> {
        let setup = &history.setup;
        let mut relations = "Contact No.,Business Relation Code,Link to Table,No.\n".to_owned();
        let mut parties = Vec::new();
        for (at, members) in setup.parties.iter().enumerate() {
            let numbers = setup.systems.iter().zip(members);
            let numbers = numbers.map(|(system, is_member)| {
                let letter = kind(&system.table).1;
                is_member.then(|| format!("{letter}{}", at + 1))
            });
            let numbers: Vec<Option<String>> = numbers.collect();
            for (system, no) in setup.systems.iter().zip(&numbers).skip(1) {
                let (_, _, code, noun) = kind(&system.table);
                if let Some(no) = no {
                    relations.push_str(&format!("C{},{code},{noun},{no}\n", at + 1));
                }
            }
            parties.push(numbers);
        }
        let mut oracle = Oracle::default();
        let mut systems = Vec::new();
        for (at, system) in setup.systems.iter().enumerate() {
            let mut records = Records::new();
            for (party, numbers) in parties.iter().enumerate() {
                let Some(no) = &numbers[at] else { continue };
                let values = FIELDS.map(|field| match system.blank {
                    true => String::new(),
                    false => format!("{field} of {party}"),
                });
                for (field, value) in values.iter().enumerate() {
                    let cell = Cell {
                        system: at,
                        no: no.clone(),
                        field,
                    };
                    oracle.begins(cell, value);
                }
                records.insert(no.clone(), values);
            }
            systems.push(System::new(system, records));
        }
        let of_party = |numbers: &Vec<Option<String>>| {
            let sides = numbers.iter().flatten().count();
            [(); FIELDS.len()].map(|()| Field::new(sides))
        };
        let fields = parties.iter().map(of_party).collect();
        let exchange = Exchange::new(&configuration(&systems, setup.policy));
        exchange.put("relations.csv", relations);
        let mut world = World {
            exchange,
            systems,
            parties,
            oracle,
            fields,
            decided: BTreeMap::new(),
            disturbed: BTreeSet::new(),
            silent: None,
            foreseen: None,
            damaged: None,
            policy: setup.policy,
            holds: setup.policy == 0,
            now: 0,
            tally,
        };
        (0..world.systems.len()).for_each(|system| world.export(system));
        world
    }

    /// Takes a step.
    pub fn take(&mut self, step: &Step) -> Check {
        self.now += 1;
        let foreseen = self.foreseen.take();
        let count = self.systems.len();
        match *step {
            Step::Edit(place) => {
                let value = format!("typed {}", self.now);
                self.edit(place, |_, _, _| Some(value));
            }
            Step::Clear(place) => self.edit(place, |_, _, _| Some(String::new())),
            Step::Undo(place) => self.edit(place, |oracle, cell, choice| {
                let earlier = oracle.earlier(cell);
                earlier
                    .get(choice % earlier.len().max(1))
                    .map(|value| (*value).clone())
            }),
            Step::Export(system) => self.export(system % count),
            Step::ExportAll => (0..count).for_each(|system| self.export(system)),
            Step::Import(system) => {
                let system = system % count;
                if let Some(update) = self.systems[system].oldest_left() {
                    self.import(system, update, u8::MAX);
                }
            }
            Step::ImportAny {
                system,
                update,
                rows,
            } => {
                let system = system % count;
                let read = self.systems[system].exports_read;
                let is_recent = |update: &Update| read <= update.exports_read + LATEST_IMPORT;
                let updates = &self.systems[system].updates;
                let recent: Vec<usize> = (0..updates.len())
                    .filter(|at| is_recent(&updates[*at]))
                    .collect();
                if !recent.is_empty() {
                    self.import(system, recent[update % recent.len()], rows);
                }
            }
            Step::ImportOld { system, update } => {
                let system = system % count;
                let updates = self.systems[system].updates.len();
                if updates > 0 {
                    self.import(system, update % updates, u8::MAX);
                }
            }
            Step::Pass => {
                self.foreseen = foreseen;
                self.pass()?;
                self.pass_without_news()?;
            }
            Step::DryRun => self.dry_run()?,
            Step::Restart => self.restart(),
            Step::Decide { conflict, claim } => self.decide(conflict, claim)?,
            Step::Policy(policy) => {
                self.policy = policy % POLICIES.len();
                self.holds &= self.policy == 0;
                let text = configuration(&self.systems, self.policy);
                self.exchange.config = parse(&text);
                self.tally.is("a change of policy");
            }
            Step::Delete { system, record } => self.delete(system % count, record),
            Step::Return(system) => self.enter_again(system % count),
            Step::Damage { system, how } => self.damage(system % count, how)?,
            Step::Sweep {
                system,
                field,
                clears,
            } => {
                for record in 0..self.systems[system % count].records.len() {
                    let value = match clears {
                        true => String::new(),
                        false => format!("typed {}.{record}", self.now),
                    };
                    let place = Place {
                        system,
                        record,
                        field,
                    };
                    self.edit(place, |_, _, _| Some(value));
                }
            }
            Step::Column(system) => {
                let system = &mut self.systems[system % count];
                // The file of a system that is edited in place is its data.
                if !system.setup.in_place && !system.setup.delta {
                    system.hides = !system.hides;
                    self.tally.is("a change of columns");
                }
            }
        }
        Ok(())
    }

    /// A user changes a cell to whatever `value` says.
    fn edit(&mut self, place: Place, value: impl FnOnce(&Oracle, &Cell, usize) -> Option<String>) {
        let system = place.system % self.systems.len();
        let field = place.field % FIELDS.len();
        let records = &mut self.systems[system].records;
        let count = records.len();
        let Some((no, values)) = records.iter_mut().nth(place.record % count.max(1)) else {
            return;
        };
        let cell = Cell {
            system,
            no: no.clone(),
            field,
        };
        let Some(value) = value(&self.oracle, &cell, place.field / FIELDS.len()) else {
            return;
        };
        let before = std::mem::replace(&mut values[field], value.clone());
        if before == value {
            return;
        }
        match value.starts_with(&format!("typed {}", self.now)) && self.oracle.is_new(&value) {
            true => self.oracle.typed(&cell, &before, &value, self.now),
            false => self.oracle.retyped(&cell, &before, &value, self.now),
        }
        if self.systems[system].setup.in_place {
            self.export(system);
        }
    }

    /// A user deletes a record that a pass has read, unless it is the last one.
    fn delete(&mut self, system: usize, record: usize) {
        let of = &mut self.systems[system];
        let Some(no) = of
            .records
            .keys()
            .nth(record % of.records.len().max(1))
            .cloned()
        else {
            return;
        };
        // A delta does not say what is gone, and an export that shows nothing is refused.
        if of.setup.delta || of.records.len() == 1 || !of.read.contains_key(&no) {
            return;
        }
        if let Some(values) = of.records.remove(&no) {
            self.oracle.deleted(system, &no, &values);
            of.deleted.insert(no.clone(), values);
        }
        let is_of = |numbers: &Vec<Option<String>>| numbers[system].as_ref() == Some(&no);
        self.disturbed.extend(self.parties.iter().position(is_of));
        self.tally.is("a deletion");
        if self.systems[system].setup.in_place {
            self.export(system);
        }
    }

    /// A user enters a deleted record again, as it was.
    fn enter_again(&mut self, system: usize) {
        let count = self.systems.len();
        let missing = (0..count)
            .map(|at| (system + at) % count)
            .find(|at| !self.systems[*at].deleted.is_empty());
        let Some(system) = missing else { return };
        let of = &mut self.systems[system];
        if let Some((no, values)) = of.deleted.pop_first() {
            of.records.insert(no, values);
            self.tally.is("a return");
            if of.setup.in_place {
                self.export(system);
            }
        }
    }

    /// A pass reads a damaged export, as if that system said nothing; then a whole one comes.
    fn damage(&mut self, system: usize, how: usize) -> Check {
        if self.systems[system].exports_read == 0 {
            return Ok(());
        }
        self.export(system);
        let damaged = self.systems[system].damaged(how);
        self.exchange
            .put(&self.systems[system].file(), damaged.clone());
        (self.silent, self.damaged) = (Some(system), Some(damaged));
        self.tally.is("a damaged export");
        self.pass()?;
        self.pass_without_news()?;
        (self.silent, self.damaged) = (None, None);
        self.systems[system].text_read.clear();
        self.export(system);
        let (file, text) = (
            self.systems[system].file(),
            self.systems[system].text.clone(),
        );
        self.exchange.put(&file, text);
        Ok(())
    }

    fn export(&mut self, system: usize) {
        if let Some((file, text)) = self.systems[system].export() {
            self.exchange.put(&file, text);
        }
    }

    /// Imports an update file as legacy systems do: every column that it has, into every row that it names.
    fn import(&mut self, system: usize, update: usize, rows: u8) {
        let of = &mut self.systems[system];
        let update = of.updates[update].clone();
        let is_stale = of
            .imported
            .last()
            .is_some_and(|newest| update.pass < *newest);
        let is_old = of.exports_read > update.exports_read + LATEST_IMPORT;
        if of.imported.contains(&update.pass) {
            self.tally.is("a double import");
        }
        for (row, (no, values)) in update.rows.into_iter().enumerate() {
            if rows & (1 << (row % 8)) == 0 {
                self.tally.is("a partial import");
                continue;
            }
            let Some(record) = of.records.get_mut(&no) else {
                continue;
            };
            for (field, (old, new)) in record.iter_mut().zip(values).enumerate() {
                let Some(new) = new.filter(|new| new != old) else {
                    continue;
                };
                if is_stale {
                    self.tally.is("a stale import");
                }
                let cell = Cell {
                    system,
                    no: no.clone(),
                    field,
                };
                self.oracle.imported(&cell, old, &new, is_old);
                *old = new;
            }
        }
        if rows == u8::MAX {
            of.imported.insert(update.pass);
        }
    }

    /// The party and field of a conflict.
    fn place_of(&self, contact: &str, field: &str) -> Result<(usize, usize), String> {
        let party = self
            .parties
            .iter()
            .position(|numbers| numbers[0].as_deref() == Some(contact));
        let field = FIELDS.iter().position(|name| *name == field);
        party
            .zip(field)
            .ok_or_else(|| format!("a conflict of {contact} on {field:?}"))
    }

    fn open(&self) -> Result<BTreeSet<(usize, usize)>, String> {
        let open = self.exchange.store.conflicts().map_err(of_state)?;
        let places = open
            .iter()
            .map(|open| self.place_of(&open.conflict.contact, &open.conflict.field));
        places.collect()
    }

    fn decide(&mut self, conflict: usize, claim: usize) -> Check {
        let open = self.exchange.store.conflicts().map_err(of_state)?;
        let Some(open) = open.get(conflict % open.len().max(1)) else {
            return Ok(());
        };
        let claims = &open.conflict.claims;
        let mut values: Vec<String> = claims
            .iter()
            .filter_map(|claim| claim.shows.clone())
            .collect();
        values.extend(open.conflict.agreed.clone());
        let value = match values.get(claim % (values.len() + 1)) {
            Some(value) => value.clone(),
            None => format!("decided {}", self.now),
        };
        let place = self.place_of(&open.conflict.contact, &open.conflict.field)?;
        self.exchange
            .store
            .decide(open, &value, "2026-11-23T12:00:00")
            .map_err(of_state)?;
        let shown = claims
            .iter()
            .filter_map(|claim| claim.shows.clone())
            .collect();
        self.decided.insert(place, (value.clone(), shown));
        self.oracle.decided(&value, values, place.1, self.now);
        self.tally.is("a decision");
        Ok(())
    }

    fn restart(&mut self) {
        let database = std::mem::replace(
            &mut self.exchange.database,
            crate::database::Database::new(),
        );
        let text = configuration(&self.systems, self.policy);
        self.exchange = Exchange::resumed(&text, self.exchange.disk.clone(), database);
    }

    fn ask(&mut self, request: &Request) -> Result<Outcome, String> {
        self.tally.count("passes", 1);
        let failed = |error: PassError| format!("a pass failed: {error}");
        self.exchange.ask(request).map_err(failed)
    }

    /// A dry run says what the next pass does, and changes nothing; the order of rows has no part in it.
    fn dry_run(&mut self) -> Check {
        if self.exchange.store.last_pass().map_err(of_state)? == 0 {
            // A state that nobody has made yet gets its seed.
            return Ok(());
        }
        let files = self.exchange.disk.files();
        let database = self.exchange.database.bytes();
        let plan = self.foresee()?;
        if files != self.exchange.disk.files() || database != self.exchange.database.bytes() {
            return Err("a dry run changed something".to_owned());
        }
        self.foreseen = Some(gist(&plan));
        // An export with other bytes is a newer one, by which values in flight are later.
        let flying = self.exchange.store.in_flight().map_err(of_state)?;
        if !flying.is_empty() {
            return Ok(());
        }
        self.tally.is("rows in another order");
        let mut exports: Vec<String> = self.systems.iter().map(System::file).collect();
        exports.push("relations.csv".to_owned());
        let turned = exports.iter().filter_map(|file| {
            let text = self.exchange.text(file)?;
            Some((file.clone(), turned(&text), text))
        });
        let turned: Vec<(String, String, String)> = turned.collect();
        for (file, turned, _) in &turned {
            self.exchange.put(file, turned.as_str());
        }
        let of_turned = self.foresee()?;
        for (file, _, text) in turned {
            self.exchange.put(&file, text);
        }
        let (plan, of_turned) = (gist(&plan), gist(&of_turned));
        match plan == of_turned {
            true => Ok(()),
            false => Err(format!(
                "the order of rows matters: {plan:#?}\nor {of_turned:#?}"
            )),
        }
    }

    fn foresee(&mut self) -> Result<Plan, String> {
        let request = Request {
            dry_run: true,
            ..Request::default()
        };
        match self.ask(&request)? {
            Outcome::DryRun(summary) => Ok(summary.plan),
            other => Err(format!("a dry run ended otherwise: {other:?}")),
        }
    }

    /// One pass, and what must be true after it.
    fn pass(&mut self) -> Check {
        let flying = self.exchange.store.in_flight().map_err(of_state)?;
        let mut is_news = vec![false; self.systems.len()];
        for (at, system) in self.systems.iter_mut().enumerate() {
            self.oracle.read(at, system);
            is_news[at] = system.text != system.text_read && self.silent != Some(at);
            if is_news[at] {
                system.be_read();
            }
        }
        let expected = self.predicted()?;
        let summary = match self.ask(&Request::default())? {
            Outcome::Done(summary) | Outcome::InStep(summary) => summary,
            Outcome::Halted { id, summary } => self.approve(&id, &summary)?,
            other => return Err(format!("a pass ended otherwise: {other:?}")),
        };
        if self
            .foreseen
            .take()
            .is_some_and(|foreseen| foreseen != gist(&summary.plan))
        {
            return Err("a pass did something else than the dry run before it said".to_owned());
        }
        let still = self.exchange.store.in_flight().map_err(of_state)?;
        for (at, system) in self.systems.iter().enumerate() {
            let waits = |counts: &BTreeMap<String, u64>| counts.contains_key(&system.setup.table);
            if is_news[at] && waits(&flying) && waits(&still) {
                self.tally.is("an in-flight re-export");
            }
        }
        if !summary.plan.conflicts.is_empty() {
            self.tally.is("a conflict");
        }
        let written = summary.plan.changes.len() as u64;
        self.tally.count("cells written", written);
        self.take_in(&summary)?;
        self.check_relations(&summary)?;
        let store = &self.exchange.store;
        self.oracle
            .check_changes(&summary.plan, self.holds, self.now)?;
        self.oracle.check_nothing_is_lost(&self.systems, store)?;
        self.compare(&expected)
    }

    /// A guard refused a plan: nothing was written, and approving lets exactly that plan through.
    fn approve(&mut self, id: &str, halted: &Summary) -> Result<Summary, String> {
        self.tally.is("a guard trip");
        let is_untouched = |system: &System| {
            !system.setup.in_place
                || self.exchange.text(&system.file()).as_ref() == Some(&system.text)
        };
        let others = self
            .systems
            .iter()
            .enumerate()
            .filter(|(at, _)| self.silent != Some(*at));
        if !halted.files.is_empty() || !others.map(|(_, system)| system).all(is_untouched) {
            return Err("a halted pass wrote something".to_owned());
        }
        let at = "2026-11-23T12:00:00";
        self.exchange.store.approve(id, at).map_err(of_state)?;
        match self.ask(&Request::default())? {
            Outcome::Done(done) | Outcome::InStep(done)
                if done.plan.digest() == halted.plan.digest() =>
            {
                Ok(done)
            }
            other => Err(format!("an approved plan ended otherwise: {other:?}")),
        }
    }

    /// Relations go only where one of their ends is gone.
    fn check_relations(&mut self, summary: &Summary) -> Check {
        for gone in &summary.plan.uncouplings {
            let is_there = |table: &str, no: &str| {
                let system = self
                    .systems
                    .iter()
                    .find(|system| system.setup.table == table);
                system.is_some_and(|system| system.exported.contains_key(no))
            };
            if is_there("contacts", &gone.contact) && is_there(&gone.table, &gone.no) {
                return Err(format!("both ends are there: {gone:?}"));
            }
        }
        Ok(())
    }

    /// Takes in what a pass wrote: files in place are the data of their systems.
    fn take_in(&mut self, summary: &Summary) -> Check {
        let name = |path: &Path| {
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned())
        };
        let written: Vec<String> = summary.files.iter().filter_map(|path| name(path)).collect();
        for (at, system) in self.systems.iter_mut().enumerate() {
            let table = system.setup.table.clone();
            if written
                .iter()
                .any(|file| file.starts_with(&format!("{table}_removed")))
            {
                return Err(format!("a deletion reached {table}"));
            }
            if !system.setup.in_place {
                for file in written.iter().filter(|file| file.starts_with(&table)) {
                    let text = self.exchange.text(&format!("updates/{file}"));
                    let pass = summary.pass.ok_or("a pass that wrote has no number")?;
                    system.receive(pass, &text.ok_or("an update file is missing")?)?;
                }
                continue;
            }
            for change in summary
                .plan
                .changes
                .iter()
                .filter(|change| change.table == table)
            {
                let field = FIELDS.iter().position(|field| *field == change.column);
                let field = field.ok_or_else(|| format!("another cell was changed: {change:?}"))?;
                let values = system.records.get_mut(&change.no);
                let values = values.ok_or_else(|| format!("no such record: {change:?}"))?;
                values[field].clone_from(&change.to);
                let cell = Cell {
                    system: at,
                    no: change.no.clone(),
                    field,
                };
                self.oracle.written(cell, &change.to);
            }
            if self.silent == Some(at) {
                // What is damaged stays as it is.
                match self.exchange.disk.bytes(&path(&system.file())) == self.damaged {
                    true => continue,
                    false => return Err(format!("a damaged file of {table} was written")),
                }
            }
            // Every other byte is as it was.
            let text = self.exchange.text(&system.file()).unwrap_or_default();
            system.exported.clone_from(&system.records);
            let right = system.rendered();
            if text != right {
                return Err(format!("{table} should be\n{right}and is\n{text}"));
            }
            system.read.clone_from(&system.exported);
            system.text.clone_from(&text);
            system.text_read = text;
        }
        Ok(())
    }

    /// What the reference model says of parties whose systems are all edited in place.
    fn predicted(&mut self) -> Result<BTreeMap<(usize, usize), Expected>, String> {
        let winner = match self.policy {
            1 => Winner::Contact,
            2 => Winner::Counterpart,
            4 => Winner::First(&["vendors", "contacts"]),
            // Without dates nobody is the newest.
            _ => Winner::Hold,
        };
        let decided = std::mem::take(&mut self.decided);
        let mut expected = BTreeMap::new();
        for (party, numbers) in self.parties.iter().enumerate() {
            let members = || {
                self.systems
                    .iter()
                    .zip(numbers)
                    .filter_map(|(system, no)| Some((system, no.as_ref()?)))
            };
            let is_gone = |(system, no): (&System, &String)| !system.records.contains_key(no);
            let is_silent = |(system, _): (&System, &String)| {
                let silent = self.silent.map(|silent| &self.systems[silent].setup.table);
                silent == Some(&system.setup.table)
            };
            if members().any(is_silent) || members().any(is_gone) {
                self.disturbed.insert(party);
            }
            if self.disturbed.contains(&party)
                || !members().all(|(system, _)| system.setup.in_place)
            {
                continue;
            }
            for field in 0..FIELDS.len() {
                let sides: Vec<(&str, &str)> = members()
                    .map(|(system, no)| {
                        (
                            system.setup.table.as_str(),
                            system.records[no][field].as_str(),
                        )
                    })
                    .collect();
                let decided = decided.get(&(party, field)).filter(|(_, on)| {
                    // Who says something else meanwhile has not been decided on.
                    on.iter()
                        .map(String::as_str)
                        .eq(sides.iter().map(|(_, value)| *value))
                });
                let decided = decided.map(|(value, _)| value.as_str());
                expected.insert(
                    (party, field),
                    self.fields[party][field].pass(&sides, decided, winner),
                );
            }
        }
        Ok(expected)
    }

    /// Compares what is with what the reference model says.
    fn compare(&mut self, expected: &BTreeMap<(usize, usize), Expected>) -> Check {
        if expected.is_empty() {
            return Ok(());
        }
        let open = self.open()?;
        self.tally.count(
            "fields compared with the reference model",
            expected.len() as u64,
        );
        for (&(party, field), expected) in expected {
            let values = self.values(party, field);
            let is_right = match expected {
                Expected::Held => open.contains(&(party, field)),
                Expected::All(value) => {
                    !open.contains(&(party, field)) && values.iter().all(|is| *is == value)
                }
            };
            if !is_right {
                let name = FIELDS[field];
                return Err(format!(
                    "{name} of party {party} should be {expected:?}, and is {values:?}"
                ));
            }
        }
        Ok(())
    }

    /// What the records of a party say of a field.
    fn values(&self, party: usize, field: usize) -> Vec<&str> {
        let contact = self.parties[party][0].as_ref();
        if !contact.is_some_and(|no| self.systems[0].records.contains_key(no)) {
            // Without their contact they are nobody's.
            return Vec::new();
        }
        let members = self.systems.iter().zip(&self.parties[party]);
        let values = members
            .filter_map(|(system, no)| Some(system.records.get(no.as_ref()?)?[field].as_str()));
        values.collect()
    }

    /// A pass that writes a newer value does not say yet that an older one has been in flight for too long; the next
    /// one does, so the inbox may grow.
    fn pass_without_news(&mut self) -> Check {
        let files = |world: &World<'_>| {
            let mut nodes = world.exchange.disk.nodes();
            nodes.retain(|path, _| !path.starts_with(&world.exchange.config.state));
            nodes
        };
        let (before, conflicts) = (files(self), self.open()?);
        match self.ask(&Request::default())? {
            Outcome::InStep(summary)
                if summary.plan.changes.is_empty() && summary.files.is_empty() => {}
            other => return Err(format!("a second pass did {other:?}")),
        }
        if files(self) != before {
            return Err("a second pass wrote a file".to_owned());
        }
        let is_kept = conflicts.is_subset(&self.open()?);
        is_kept
            .then_some(())
            .ok_or_else(|| "a second pass forgot a conflict".to_owned())
    }

    /// Records for which values are in flight.
    fn flying(&self) -> Result<BTreeSet<(String, String)>, String> {
        let sent = self.exchange.store.all_sent(&|_| 0).map_err(of_state)?;
        let in_flight = sent
            .into_iter()
            .filter(|(_, values)| values.iter().any(|value| !value.sent.acknowledged));
        Ok(in_flight.map(|(record, _)| record).collect())
    }

    /// Whoever is there is coupled as at the beginning, and nobody else.
    fn check_couplings(&self) -> Check {
        let text = self.exchange.text("relations.csv").unwrap_or_default();
        let rows: BTreeSet<&str> = text.lines().skip(1).collect();
        let mut right = BTreeSet::new();
        for numbers in &self.parties {
            let mut there = self.systems.iter().zip(numbers).map(|(system, no)| {
                let no = no.as_ref().filter(|no| system.records.contains_key(*no))?;
                Some((kind(&system.setup.table), no))
            });
            let Some((_, contact)) = there.next().flatten() else {
                continue;
            };
            right.extend(
                there
                    .flatten()
                    .map(|((_, _, code, noun), no)| format!("{contact},{code},{noun},{no}")),
            );
        }
        let is_right = rows.iter().copied().eq(right.iter().map(String::as_str));
        is_right
            .then_some(())
            .ok_or_else(|| format!("relations should be {right:?} and are {rows:?}"))
    }

    /// The systems import what is left in order and export, persons decide: after a few rounds nothing is open, and everything
    /// agrees.
    pub fn come_to_rest(&mut self) -> Check {
        const ROUNDS: usize = 6;
        self.foreseen = None;
        for system in &mut self.systems {
            system.hides = false;
        }
        for round in 0..ROUNDS {
            self.now += 1;
            let open = self.open()?.len();
            for conflict in 0..open {
                self.decide(conflict, 0)?;
            }
            for system in 0..self.systems.len() {
                let newest = self.systems[system].imported.last().copied();
                for update in 0..self.systems[system].updates.len() {
                    // What was imported in the wrong order, or in part, is imported again.
                    let pass = self.systems[system].updates[update].pass;
                    if round == 0 || Some(pass) > newest {
                        self.import(system, update, u8::MAX);
                    }
                }
                self.export(system);
            }
            self.pass()?;
        }
        self.pass_without_news()?;
        let store = &self.exchange.store;
        let (open, flying) = (self.open()?, self.flying()?);
        let debts = store.debts().map_err(of_state)?;
        if !open.is_empty() || !flying.is_empty() || !debts.is_empty() {
            return Err(format!(
                "never at rest: conflicts {open:?}, in flight {flying:?}, owed {debts:?}"
            ));
        }
        self.check_couplings()?;
        for party in 0..self.parties.len() {
            for (field, name) in FIELDS.iter().enumerate() {
                let values = self.values(party, field);
                if values.iter().any(|value| *value != values[0]) {
                    return Err(format!(
                        "{name} of party {party} disagrees in the end: {values:?}"
                    ));
                }
            }
        }
        self.oracle.check_log(&self.systems, &self.exchange.store)
    }
}

/// An export with its rows in the opposite order.
fn turned(text: &str) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let header = usize::from(!text.starts_with('{'));
    if let Some(rows) = lines.get_mut(header..) {
        rows.reverse();
    }
    lines.concat()
}

/// What a plan does, without the lines in which it found that.
fn gist(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter();
    let mut gist: Vec<String> = changes
        .map(|change| {
            let Change {
                contact,
                table,
                no,
                column,
                from,
                to,
                rule,
                ..
            } = change;
            format!("{contact} {table} {no} {column}: {from:?} -> {to:?} {rule:?}")
        })
        .collect();
    for held in &plan.conflicts {
        let claims = held.claims.iter();
        let claims: Vec<_> = claims
            .map(|claim| (&claim.no, &claim.shows, &claim.base, claim.moved))
            .collect();
        gist.push(format!(
            "{} {}: {:?} {claims:?}",
            held.contact, held.field, held.agreed
        ));
    }
    gist.extend(plan.debts.iter().map(|debt| format!("{debt:?}")));
    let (gone, new) = (plan.uncouplings.iter(), plan.couplings.iter());
    gist.extend(gone.map(|gone| format!("{} and {} part", gone.contact, gone.no)));
    gist.extend(new.map(|new| format!("{} and {} meet", new.contact, new.no)));
    // Relations come and go in the order of their rows.
    gist.sort();
    gist
}

/// The configuration of an exchange between these systems.
fn configuration(systems: &[System], policy: usize) -> String {
    let mut text = "state = \"state\"\n[setup]\n".to_owned();
    for (kind, key) in [
        ("customers", "customers"),
        ("vendors", "vendors"),
        ("bank_accounts", "bank_accs"),
    ] {
        let is_there = systems.iter().any(|system| system.setup.table == kind);
        if is_there {
            let code = KINDS
                .iter()
                .find(|known| known.0 == kind)
                .map_or("", |known| known.2);
            text.push_str(&format!("bus_rel_code_for_{key} = \"{code}\"\n"));
        }
    }
    let policy = POLICIES[policy];
    text.push_str(&format!(
        "[merge]\non_conflict = {policy}\n[tables.relations]\nexport = \"relations.csv\"\nwrite_back = \"in-place\"\n"
    ));
    text.extend(systems.iter().map(System::configuration));
    text
}
