//! Random histories of systems that edit, export and import as they like, with Couplet between them.
//!
//! Each edit types a value that was never typed before, so that every value tells who typed it and when. After each pass
//! nothing is reverted and nothing is lost; once the systems are quiet and the conflicts decided, everything agrees.
//! `COUPLET_HISTORIES` raises the number of histories.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use couplet::config::{self, Config};
use couplet::disk::RealDisk;
use couplet::merge::{Plan, Rule};
use couplet::model::{Kind, Table};
use couplet::state::Store;
use couplet::sync::{Clock, Effects, Outcome, Request, reconcile};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestError, TestRunner};

const FIELDS: [&str; 2] = ["City", "Phone No."];
const TABLES: [Table; 3] = [
    Table::Contacts,
    Table::Counterparts(Kind(0)),
    Table::Counterparts(Kind(1)),
];
/// Of each party, its number in each table.
const PARTIES: [[Option<&str>; 3]; 3] = [
    [Some("C1"), Some("K1"), Some("V1")],
    [Some("C2"), Some("K2"), None],
    [Some("C3"), None, Some("V3")],
];
const RELATIONS: &str = "Contact No.,Business Relation Code,Link to Table,No.\n\
    C1,CUST,Customer,K1\nC1,VEND,Vendor,V1\nC2,CUST,Customer,K2\nC3,VEND,Vendor,V3\n";

/// For how many newer exports of its table an update file may still be imported (`product.md` §5: late and twice).
const LATEST_IMPORT: u64 = 3;

/// What happens next; numbers choose among whatever there is.
#[derive(Clone, Debug)]
enum Step {
    /// Nothing does.
    Rest,
    /// A user types something new, or clears the cell.
    Edit {
        system: usize,
        record: usize,
        field: usize,
        clears: bool,
    },
    /// A system exports; one that is edited in place always has.
    Export(usize),
    ExportAll,
    /// A system imports the oldest update that it has not imported.
    Import(usize),
    /// It imports any of the last updates: late, twice, in the wrong order, or only some rows of it.
    ImportAny {
        system: usize,
        update: usize,
        rows: u8,
    },
    /// Couplet makes a pass, and another one.
    Pass,
    /// A person takes the word of one side, or types something else.
    Decide {
        conflict: usize,
        claim: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let edit = (0..3usize, 0..3usize, 0..2usize, prop::bool::weighted(0.1));
    prop_oneof![
        1 => Just(Step::Rest),
        6 => edit.prop_map(|(system, record, field, clears)| Step::Edit { system, record, field, clears }),
        5 => (0..3usize).prop_map(Step::Export),
        2 => Just(Step::ExportAll),
        4 => (0..3usize).prop_map(Step::Import),
        6 => (0..3usize, 0..8usize, any::<u8>())
            .prop_map(|(system, update, rows)| Step::ImportAny { system, update, rows }),
        7 => Just(Step::Pass),
        2 => (0..8usize, 0..5usize).prop_map(|(conflict, claim)| Step::Decide { conflict, claim }),
    ]
}

/// Which systems are edited in place, which of the others number their exports, whose records begin blank, and what
/// happens.
#[derive(Clone, Debug)]
struct History {
    in_place: [bool; 3],
    numbered: [bool; 3],
    blank: [bool; 3],
    steps: Vec<Step>,
}

fn history() -> impl Strategy<Value = History> {
    let blank = prop::array::uniform3(prop::bool::weighted(0.2));
    let steps = prop::collection::vec(step(), 40);
    let (in_place, numbered) = (any::<[bool; 3]>(), any::<[bool; 3]>());
    (in_place, numbered, blank, steps).prop_map(|(in_place, numbered, blank, steps)| History {
        in_place,
        numbered,
        blank,
        steps,
    })
}

/// A system with the true records of one table.
#[derive(Debug)]
struct System {
    table: Table,
    in_place: bool,
    /// How many exports it made, where their names say so.
    number: Option<u64>,
    records: BTreeMap<String, [String; 2]>,
    /// What its last export showed.
    exported: BTreeMap<String, [String; 2]>,
    /// Update files that it imported, by pass.
    imported: BTreeSet<u64>,
}

/// An update file that Couplet wrote.
#[derive(Clone, Debug)]
struct Update {
    pass: u64,
    /// The table's count of exports when it was written.
    exports: u64,
    path: PathBuf,
}

/// An edit of a user.
#[derive(Clone, Debug)]
struct Edit {
    at: usize,
    cell: Cell,
    /// A pass has read it.
    seen: bool,
    /// The same user, or an import into the same system, has replaced it since.
    superseded: bool,
}

/// A cell of one system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cell {
    system: usize,
    no: String,
    field: usize,
}

/// What histories went through, so that a test that tests nothing fails.
#[derive(Clone, Debug, Default)]
struct Seen {
    conflict: bool,
    decision: bool,
    in_flight_re_export: bool,
    stale_import: bool,
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> jiff::Zoned {
        jiff::civil::date(2026, 11, 23)
            .at(12, 0, 0, 0)
            .to_zoned(jiff::tz::TimeZone::UTC)
            .expect("noon exists")
    }
}

struct World {
    folder: tempfile::TempDir,
    config: Config,
    systems: Vec<System>,
    updates: [Vec<Update>; 3],
    edits: BTreeMap<String, Edit>,
    /// Values that a person chose, with the time of the pass that carried it out.
    chosen: Vec<(String, usize)>,
    /// Values that a person decided against.
    overruled: BTreeSet<String>,
    holds: bool,
    now: usize,
    seen: Seen,
}

type Check = Result<(), TestCaseError>;

impl World {
    fn new(history: &History, on_conflict: &str) -> World {
        let folder = folder().expect("a folder");
        let mut text = format!(
            "state = \"state\"\n[setup]\nbus_rel_code_for_customers = \"CUST\"\nbus_rel_code_for_vendors = \"VEND\"\n\
             [merge]\non_conflict = {on_conflict}\n[tables.relations]\nexport = \"relations.csv\"\n"
        );
        let mut systems = Vec::new();
        for (at, table) in TABLES.into_iter().enumerate() {
            let in_place = history.in_place[at];
            let number = (!in_place && history.numbered[at]).then_some(0);
            text.push_str(&match number {
                Some(_) => format!(
                    "[tables.{table}]\nexport = \"{table}_*.csv\"\nsequence = '{table}_(\\d+)'\n"
                ),
                None => format!("[tables.{table}]\nexport = \"{table}.csv\"\n"),
            });
            let write_back = if in_place { "in-place" } else { "updates" };
            text.push_str(&format!("write_back = \"{write_back}\"\n"));
            let records = PARTIES.iter().enumerate().filter_map(|(party, nos)| {
                let values = FIELDS.map(|field| match history.blank[at] {
                    true => String::new(),
                    false => format!("{field} of {party}"),
                });
                Some((nos[at]?.to_owned(), values))
            });
            systems.push(System {
                table,
                in_place,
                number,
                records: records.collect(),
                exported: BTreeMap::new(),
                imported: BTreeSet::new(),
            });
        }
        fs::write(folder.path().join("relations.csv"), RELATIONS).expect("relations");
        let config = config::parse(&text, &folder.path().join("config.toml")).expect("it is right");
        let mut world = World {
            folder,
            config,
            systems,
            updates: Default::default(),
            edits: BTreeMap::new(),
            chosen: Vec::new(),
            overruled: BTreeSet::new(),
            holds: on_conflict == "\"hold\"",
            now: 0,
            seen: Seen::default(),
        };
        for system in 0..TABLES.len() {
            world.export(system);
        }
        world
    }

    fn store(&self) -> Option<Store> {
        Store::look(&self.config.state).expect("the state opens")
    }

    /// How many exports of a system's table Couplet has read.
    fn exports(&self, system: usize) -> u64 {
        let tables = self
            .store()
            .map_or(Vec::new(), |store| store.tables().expect("tables"));
        let of_table = tables
            .iter()
            .find(|memory| memory.table == TABLES[system].name());
        of_table.map_or(0, |memory| memory.exports)
    }

    fn take(&mut self, step: &Step) -> Check {
        self.now += 1;
        match *step {
            Step::Rest => {}
            Step::Edit {
                system,
                record,
                field,
                clears,
            } => self.edit(system, record, field, clears),
            Step::Export(system) => self.export(system),
            Step::ExportAll => (0..TABLES.len()).for_each(|system| self.export(system)),
            Step::Import(system) => {
                let oldest = self.updates[system]
                    .iter()
                    .find(|update| !self.systems[system].imported.contains(&update.pass));
                if let Some(update) = oldest.cloned() {
                    self.import(system, &update, u8::MAX);
                }
            }
            Step::ImportAny {
                system,
                update,
                rows,
            } => {
                let read = self.exports(system);
                let recent: Vec<Update> = self.updates[system]
                    .iter()
                    .filter(|update| read <= update.exports + LATEST_IMPORT)
                    .cloned()
                    .collect();
                if !recent.is_empty() {
                    self.import(system, &recent[update % recent.len()], rows);
                }
            }
            Step::Pass => {
                self.pass()?;
                self.pass_without_news()?;
            }
            Step::Decide { conflict, claim } => self.decide(conflict, claim),
        }
        Ok(())
    }

    fn edit(&mut self, system: usize, record: usize, field: usize, clears: bool) {
        let records = &mut self.systems[system].records;
        let count = records.len();
        let Some((no, values)) = records.iter_mut().nth(record % count) else {
            return;
        };
        let value = match clears {
            true => String::new(),
            false => format!("typed {}", self.now),
        };
        let cell = Cell {
            system,
            no: no.clone(),
            field,
        };
        if let Some(before) = self.edits.get_mut(&values[field])
            && before.cell == cell
        {
            before.superseded = true;
        }
        // What the user saw and typed over is theirs to replace, wherever it was typed.
        values[field].clone_from(&value);
        if !clears {
            let edit = Edit {
                at: self.now,
                cell,
                seen: false,
                superseded: false,
            };
            self.edits.insert(value, edit);
        }
        if self.systems[system].in_place {
            self.export(system);
        }
    }

    fn export(&mut self, system: usize) {
        let of = &mut self.systems[system];
        of.exported.clone_from(&of.records);
        let mut text = "No.,City,Phone No.,Note\n".to_owned();
        for (no, [city, phone]) in &of.records {
            text.push_str(&format!("{no},{city},{phone},ours\n"));
        }
        let name = match &mut of.number {
            Some(number) => {
                *number += 1;
                format!("{}_{number}.csv", of.table)
            }
            None => format!("{}.csv", of.table),
        };
        fs::write(self.folder.path().join(name), text).expect("an export");
    }

    /// Imports an update file as legacy systems do: every column that it has, into every row that it names.
    fn import(&mut self, system: usize, update: &Update, rows: u8) {
        let newest = self.systems[system].imported.last().copied();
        let is_stale = newest.is_some_and(|newest| update.pass <= newest);
        for (row, (no, values)) in read(&update.path).into_iter().enumerate() {
            if rows & (1 << (row % 8)) == 0 {
                continue;
            }
            let Some(record) = self.systems[system].records.get_mut(&no) else {
                continue;
            };
            for (field, (old, new)) in record.iter_mut().zip(values).enumerate() {
                if *old == new {
                    continue;
                }
                self.seen.stale_import |= is_stale;
                let cell = Cell {
                    system,
                    no: no.clone(),
                    field,
                };
                if let Some(edit) = self.edits.get_mut(old)
                    && edit.cell == cell
                {
                    edit.superseded = true;
                }
                *old = new;
            }
        }
        if rows == u8::MAX {
            self.systems[system].imported.insert(update.pass);
        }
    }

    fn fields_in_conflict(&self) -> BTreeSet<(usize, usize)> {
        let Some(store) = self.store() else {
            return BTreeSet::new();
        };
        let conflicts = store.conflicts().expect("conflicts").into_iter();
        conflicts
            .map(|open| {
                let field = FIELDS
                    .iter()
                    .position(|field| *field == open.conflict.field);
                (
                    party_of(&open.conflict.contact),
                    field.expect("a shared field"),
                )
            })
            .collect()
    }

    fn decide(&mut self, conflict: usize, claim: usize) {
        let Some(store) = self.store() else { return };
        let open = store.conflicts().expect("conflicts");
        if open.is_empty() {
            return;
        }
        let open = &open[conflict % open.len()];
        let claims: Vec<&String> = open
            .conflict
            .claims
            .iter()
            .filter_map(|claim| claim.shows.as_ref())
            .collect();
        let value = match claims.get(claim) {
            Some(value) => (*value).clone(),
            None => format!("decided {}", self.now),
        };
        store
            .decide(open, &value, "2026-11-23T12:00:00")
            .expect("a decision");
        self.seen.decision = true;
    }

    fn reconcile(&self) -> Outcome {
        let effects = Effects {
            disk: &RealDisk,
            clock: &Noon,
            stage: &|_| {},
        };
        reconcile(&self.config, &effects, &Request::default()).expect("a pass")
    }

    /// One pass, and what must be true after it.
    fn pass(&mut self) -> Result<Plan, TestCaseError> {
        let in_flight = |world: &World| {
            let store = world.store();
            store.map_or(BTreeMap::new(), |store| {
                store.in_flight().expect("in flight")
            })
        };
        let reads = |world: &World| [0, 1, 2].map(|system| world.exports(system));
        let (flying, read) = (in_flight(self), reads(self));
        for (value, edit) in &mut self.edits {
            let shown = self.systems[edit.cell.system].exported.get(&edit.cell.no);
            edit.seen |= shown.is_some_and(|shown| shown[edit.cell.field] == *value);
        }
        let summary = match self.reconcile() {
            Outcome::Done(summary) | Outcome::InStep(summary) => summary,
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        let (still, reread) = (in_flight(self), reads(self));
        for (at, table) in TABLES.iter().enumerate() {
            let waits = |counts: &BTreeMap<String, u64>| counts.contains_key(table.name());
            self.seen.in_flight_re_export |=
                reread[at] > read[at] && waits(&flying) && waits(&still);
        }
        self.seen.conflict |= !summary.plan.conflicts.is_empty();
        for path in &summary.files {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let system = TABLES.iter().position(|table| {
                name.as_deref()
                    .is_some_and(|name| name.starts_with(table.name()))
            });
            let system = system.expect("a file of a table");
            if self.systems[system].in_place {
                self.systems[system].records = read_records(path);
                self.systems[system].exported = read_records(path);
            } else {
                self.updates[system].push(Update {
                    pass: summary.pass.expect("a pass that wrote has a number"),
                    exports: reread[system],
                    path: path.clone(),
                });
            }
        }
        if self.holds {
            self.nothing_is_reverted(&summary.plan)?;
        }
        self.nothing_is_lost()?;
        Ok(summary.plan)
    }

    /// A pass that writes a newer value does not say yet that an older one has been in flight for too long; the next
    /// one does, so the inbox may grow.
    fn pass_without_news(&mut self) -> Check {
        let files = files_below(self.folder.path());
        let conflicts = self.fields_in_conflict();
        match self.reconcile() {
            Outcome::InStep(summary) => {
                prop_assert!(summary.plan.changes.is_empty() && summary.files.is_empty());
            }
            other => return Err(TestCaseError::fail(format!("a second pass did {other:?}"))),
        }
        prop_assert_eq!(files_below(self.folder.path()), files);
        prop_assert!(conflicts.is_subset(&self.fields_in_conflict()));
        Ok(())
    }

    /// When a value was typed, by a user or by the person who decided; what was there from the beginning is older.
    fn typed_at(&self, value: &str) -> usize {
        let typed = self.edits.get(value).map(|edit| edit.at);
        typed
            .or_else(|| value.strip_prefix("decided ")?.parse().ok())
            .unwrap_or(0)
    }

    fn nothing_is_reverted(&mut self, plan: &Plan) -> Check {
        for change in &plan.changes {
            let (from, to) = (self.typed_at(&change.from), self.typed_at(&change.to));
            if change.rule == Rule::Decided {
                self.chosen.push((change.to.clone(), self.now));
                self.overruled.insert(change.from.clone());
            }
            let is_chosen = self
                .chosen
                .iter()
                .any(|(value, at)| *value == change.to && *at >= from);
            // A cleared cell does not tell when it was cleared.
            // What a person has decided against may go, also for what was typed before it.
            let is_overruled = self.overruled.contains(&change.from);
            prop_assert!(
                change.to.is_empty() || from <= to || is_chosen || is_overruled,
                "reverted: {change:?}"
            );
        }
        Ok(())
    }

    fn nothing_is_lost(&self) -> Check {
        let store = self.store().expect("a pass was made");
        let mut kept: BTreeSet<String> = BTreeSet::new();
        for open in store.conflicts().expect("conflicts") {
            kept.extend(open.conflict.agreed);
            for claim in open.conflict.claims {
                kept.extend(claim.shows);
                kept.extend(claim.base);
            }
        }
        for system in &self.systems {
            kept.extend(system.records.values().flatten().cloned());
            for no in system.records.keys() {
                let table = system.table.name();
                let sent = store.sent(table, no, 0).expect("sent");
                let in_flight = sent.into_iter().filter(|value| !value.sent.acknowledged);
                kept.extend(in_flight.map(|value| value.sent.value));
                for decision in store.decisions(table, no, None).expect("decisions") {
                    kept.extend([decision.from, decision.to]);
                }
            }
        }
        for (value, edit) in &self.edits {
            prop_assert!(
                !edit.seen || edit.superseded || kept.contains(value),
                "lost: {value:?}, {edit:?}"
            );
        }
        Ok(())
    }

    /// The systems import what is left in order and export, persons decide: after a few rounds nothing is open.
    fn come_to_rest(&mut self) -> Check {
        const ROUNDS: usize = 6;
        for round in 0..ROUNDS {
            self.now += 1;
            let open = self.fields_in_conflict().len();
            (0..open).for_each(|conflict| self.decide(conflict, 0));
            for system in 0..TABLES.len() {
                let newest = self.systems[system].imported.last().copied();
                // What was imported in the wrong order, or in part, is imported again.
                let left: Vec<Update> = self.updates[system]
                    .iter()
                    .filter(|update| round == 0 || Some(update.pass) > newest)
                    .cloned()
                    .collect();
                left.iter()
                    .for_each(|update| self.import(system, update, u8::MAX));
                self.export(system);
            }
            self.pass()?;
        }
        self.pass_without_news()?;
        let store = self.store().expect("a pass was made");
        prop_assert_eq!(
            self.fields_in_conflict(),
            BTreeSet::new(),
            "conflicts remain"
        );
        prop_assert_eq!(store.in_flight().expect("in flight"), BTreeMap::new());
        prop_assert_eq!(store.debts().expect("debts"), Vec::new());
        for party in PARTIES {
            let members = party.iter().zip(&self.systems);
            let values: BTreeSet<&[String; 2]> = members
                .filter_map(|(no, system)| system.records.get((*no)?))
                .collect();
            prop_assert_eq!(values.len(), 1, "they disagree: {:?}", values);
        }
        Ok(())
    }
}

/// A folder in memory where the machine has one: what a disk syncs is tested elsewhere.
fn folder() -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    }
}

fn party_of(no: &str) -> usize {
    let party = PARTIES.iter().position(|party| party.contains(&Some(no)));
    party.expect("every record is of a party")
}

/// Key, city and phone of each row of a file of ours or theirs.
fn read(path: &Path) -> Vec<(String, [String; 2])> {
    let mut reader = csv::Reader::from_path(path).expect("a file");
    let headers = reader.headers().expect("a header").clone();
    let at = |name: &str| {
        headers
            .iter()
            .position(|header| header == name)
            .expect("a column")
    };
    let columns = [at("No."), at(FIELDS[0]), at(FIELDS[1])];
    let rows = reader.records().map(|row| {
        let row = row.expect("a row");
        let [no, city, phone] = columns.map(|at| row[at].to_owned());
        (no, [city, phone])
    });
    rows.collect()
}

fn read_records(path: &Path) -> BTreeMap<String, [String; 2]> {
    read(path).into_iter().collect()
}

/// Bytes of the exports and update files.
fn files_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in [folder.to_owned(), folder.join("updates")] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_file() {
                files.insert(entry.path(), fs::read(entry.path()).expect("a file"));
            }
        }
    }
    files
}

/// How many histories a test goes through.
fn histories() -> u32 {
    let asked = std::env::var("COUPLET_HISTORIES").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(200)
}

/// Runs random histories and returns what each went through.
fn run(on_conflict: &str, cases: u32) -> Vec<Seen> {
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 2_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        source_file: Some(file!()),
        ..ProptestConfig::default()
    };
    let seen = RefCell::new(Vec::new());
    let outcome = TestRunner::new(config).run(&history(), |history| {
        let mut world = World::new(&history, on_conflict);
        for step in &history.steps {
            world.take(step)?;
        }
        world.come_to_rest()?;
        seen.borrow_mut().push(world.seen);
        Ok(())
    });
    match outcome {
        Ok(()) => seen.into_inner(),
        Err(TestError::Fail(reason, mut history)) => {
            history.steps.retain(|step| !matches!(step, Step::Rest));
            panic!("{reason}\n{history:#?}")
        }
        Err(error) => panic!("{error}"),
    }
}

/// At least this share of the histories went through something.
fn assert_share(seen: &[Seen], what: &str, percent: usize, went: impl Fn(&Seen) -> bool) {
    let count = seen.iter().filter(|seen| went(seen)).count();
    println!("{what}: {count} of {} histories", seen.len());
    assert!(
        count * 100 >= percent * seen.len(),
        "{what}: only {count} of {}",
        seen.len()
    );
}

#[test]
fn nothing_is_reverted_or_lost_and_all_agree_in_the_end() {
    let seen = run("\"hold\"", histories());
    assert_share(&seen, "conflict", 40, |seen| seen.conflict);
    assert_share(&seen, "decision", 30, |seen| seen.decision);
    assert_share(&seen, "in-flight re-export", 30, |seen| {
        seen.in_flight_re_export
    });
    assert_share(&seen, "stale import", 10, |seen| seen.stale_import);
}

#[test]
fn nothing_is_lost_and_all_agree_in_the_end_whoever_wins() {
    let policies = [
        "\"contact\"",
        "\"counterpart\"",
        "\"newest\"",
        "[\"vendor\", \"contact\"]",
    ];
    for on_conflict in policies {
        let seen = run(on_conflict, histories().div_ceil(policies.len() as u32));
        assert_share(&seen, "in-flight re-export", 30, |seen| {
            seen.in_flight_re_export
        });
        assert_share(&seen, "stale import", 10, |seen| seen.stale_import);
    }
}

#[test]
fn an_import_that_brings_back_what_an_update_carried_along_is_held() -> Check {
    const CITY: usize = 0;
    const PHONE: usize = 1;
    let history = History {
        in_place: [true, false, true],
        numbered: [false; 3],
        blank: [false; 3],
        steps: Vec::new(),
    };
    let mut world = World::new(&history, "\"hold\"");
    world.pass()?;
    // The customer's system gets an update with the new phone and, beside it, the city that it showed.
    world.now = 1;
    world.edit(0, 0, PHONE, false);
    world.pass()?;
    // It has a new city by the time it imports that update.
    world.now = 2;
    world.edit(1, 0, CITY, false);
    world.export(1);
    world.pass()?;
    world.take(&Step::Import(1))?;
    assert_eq!(world.systems[1].records["K1"], ["City of 0", "typed 1"]);
    world.export(1);
    world.pass()?;
    assert_eq!(world.systems[0].records["C1"], ["typed 2", "typed 1"]);
    assert_eq!(world.fields_in_conflict(), BTreeSet::from([(0, CITY)]));
    Ok(())
}
