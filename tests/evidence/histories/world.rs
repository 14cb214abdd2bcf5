//! The world of a history: systems, and the exchange between them.

mod checks;
mod configuration;
mod passes;
mod primary;
mod relations;
mod users;

use std::collections::{BTreeMap, BTreeSet};

use couplet::state::StateError;

use super::oracle::{Cell, Oracle};
use super::reference::Field;
use super::steps::{History, POLICIES, Place, Setup, Step};
use super::systems::{FIELDS, Records, System, Update, Values};
use crate::exchange::Exchange;
use crate::run::Tally;
use primary::Primaries;
use relations::Relations;

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
    /// Systems whose files are away or damaged, and what stands there.
    silent: BTreeMap<usize, Option<Vec<u8>>>,
    /// The system of the relations.
    relations: Relations,
    /// What users chose as primary contacts.
    primaries: Primaries,
    /// The plan that a dry run has just shown.
    foreseen: Option<Vec<String>>,
    setup: Setup,
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
            let is_like = System::new(system, Records::new());
            for (party, numbers) in parties.iter().enumerate() {
                let Some(no) = &numbers[at] else { continue };
                let mut values = Values::default();
                for (field, value) in values.iter_mut().take(FIELDS.len()).enumerate() {
                    if !system.blank {
                        let (name, letter) = (FIELDS[field], &FIELDS[field][..1]);
                        let begins = format!("p{party}.{letter} {name}");
                        *value = is_like.typed(field, &begins);
                    }
                }
                for (field, value) in values.iter().take(FIELDS.len()).enumerate() {
                    let cell = Cell {
                        system: at,
                        no: no.clone(),
                        field,
                    };
                    oracle.begins(cell, value);
                }
                if at == 0 && system.persons {
                    primary::name(&mut values, party, setup);
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
        let exchange = Exchange::new(&configuration(&systems, setup, setup.policy));
        exchange.put("relations.csv", relations);
        let mut world = World {
            exchange,
            systems,
            parties,
            oracle,
            fields,
            decided: BTreeMap::new(),
            disturbed: BTreeSet::new(),
            silent: BTreeMap::new(),
            relations: Relations::default(),
            primaries: Primaries::default(),
            foreseen: None,
            setup: setup.clone(),
            policy: setup.policy,
            holds: setup.policy == 0,
            now: 0,
            tally,
        };
        if setup.systems.iter().any(|system| system.lower) {
            world.tally.is("numbers in small letters");
        }
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
                let value = typed(self.now, None);
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
                self.reconfigure();
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
                        false => typed(self.now, Some(record)),
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
                    self.oracle.met_anew(system);
                    self.tally.is("a change of columns");
                }
            }
            Step::WriteBack(system) => self.write_back(system % count),
            Step::Rows(system) => self.rows(system % count),
            Step::Table(system) => self.table(system % count),
            Step::Mapping(system) => self.mapping(system % count),
            Step::Sequence(system) => self.sequence(system % count),
            Step::Spoil {
                system,
                record,
                how,
            } => self.spoil(system % count, record, how),
            Step::Hide { systems, how } => self.hide(systems, how),
            Step::HideRelations(how) => self.hide_relations(how),
            Step::Link { party, system } => self.link(party, system),
            Step::ImportRelations => self.import_relations(),
            Step::Primary {
                system,
                record,
                person,
            } => self.choose(system % count, record, person),
            Step::Rename(person) => self.rename(person),
            Step::Leave(person) => self.leave(person),
        }
        Ok(())
    }
}

/// What a user types for the first time: some of it is longer than other systems hold, some has a letter that they lack.
fn typed(now: usize, record: Option<usize>) -> String {
    let what = ["typed", "a", "typed \u{142}"][(now + record.unwrap_or(0)) % 3];
    match record {
        Some(record) => format!("{now}.{record} {what}"),
        None => format!("{now} {what}"),
    }
}

/// The configuration of an exchange between these systems.
fn configuration(systems: &[System], setup: &Setup, policy: usize) -> String {
    let mut text = "state = \"state\"\n[setup]\n".to_owned();
    if setup.persons > 0 {
        // What persons inherit is not followed.
        text.push_str("inherit_address_details = false\ninherit_communication_details = false\n");
    }
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
    let write_back = match setup.relations_in_folder {
        true => "updates",
        false => "in-place",
    };
    text.push_str(&format!(
        "[merge]\non_conflict = {policy}\n[tables.relations]\nexport = \"relations.csv\"\nwrite_back = \"{write_back}\"\n"
    ));
    text.extend(systems.iter().map(System::configuration));
    text
}
