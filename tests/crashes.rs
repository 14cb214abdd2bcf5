//! A crash at every effect of a pass on the disk: each file is its old or its new version, and the next start finishes
//! by itself with the same result and the same interaction log.

#[path = "support/faulty.rs"]
mod faulty;
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use couplet::config::{self, Config};
use couplet::disk::{Disk, RealDisk};
use couplet::model::Kind;
use couplet::model::document::DocumentKind;
use couplet::state::Store;
use couplet::sync::arrange::orders::{DocumentOrder, Master, Order, TemplateChoice};
use couplet::sync::{Effects, Outcome, PassError, Request, reconcile};
use faulty::{Fault, Faulty, NEVER, Wired};
use support::{StillClock, folder};
use tempfile::TempDir;

/// Files by name.
type Files = BTreeMap<String, Vec<u8>>;

/// An exchange just before the pass in question.
struct Scenario {
    name: &'static str,
    config: String,
    /// Exports of the first pass, and what then changes in them.
    first: Vec<(&'static str, String)>,
    then: Vec<(&'static str, String)>,
}

const HEAD: &str = "No.,Name,City,Phone No.,Contact Business Relation\n";
const RELATIONS: &str = "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,10\nC1,VEND,Vendor,20\nC2,CUST,Customer,11\n";

fn tables(write_back: &str, ending: &str) -> String {
    let table = |name: &str, back: &str| {
        format!("[tables.{name}]\nexport = \"{name}.{ending}\"\nwrite_back = \"{back}\"\n")
    };
    ["contacts", "customers", "vendors", "relations"]
        .map(|name| table(name, write_back))
        .concat()
}

fn scenarios() -> Vec<Scenario> {
    let csv = || {
        vec![
            (
                "contacts.csv",
                format!("{HEAD}C1,Acme,Rome,1,Multiple\nC2,Beta,Bern,2,Customer\n"),
            ),
            (
                "customers.csv",
                "No.,Name,City,Phone No.\n10,Acme,Rome,1\n11,Beta,Bern,2\n".to_owned(),
            ),
            (
                "vendors.csv",
                "No.,Name,City,Phone No.\n20,Acme,Rome,1\n".to_owned(),
            ),
            ("relations.csv", RELATIONS.to_owned()),
        ]
    };
    let edits = || {
        vec![
            (
                "contacts.csv",
                format!("{HEAD}C1,Acme Ltd,Rome,1,Multiple\nC2,Beta,Bonn,2,Customer\n"),
            ),
            (
                "customers.csv",
                "No.,Name,City,Phone No.\n10,Acme,Oslo,1\n11,Beta,Kiel,7\n".to_owned(),
            ),
            (
                "vendors.csv",
                "No.,Name,City,Phone No.\n20,Acme,Rome,9\n".to_owned(),
            ),
        ]
    };
    let json = |line: &str| line.to_owned();
    let log = |ending: &str| format!("[interactions]\nexport = \"log.{ending}\"\n");
    vec![
        Scenario {
            name: "all tables in place, with a held conflict beside the merges",
            config: tables("in-place", "csv") + &log("csv"),
            first: csv(),
            then: edits(),
        },
        Scenario {
            name: "update files in a folder",
            config: tables("updates", "csv") + &log("jsonl"),
            first: csv(),
            then: edits(),
        },
        Scenario {
            name: "a contact that disappears takes its relations",
            config: tables("in-place", "csv") + &log("csv"),
            first: csv(),
            then: vec![("contacts.csv", format!("{HEAD}C1,Acme,Paris,1,Multiple\n"))],
        },
        Scenario {
            name: "JSON Lines in place",
            config: tables("in-place", "jsonl") + &log("jsonl"),
            first: vec![
                (
                    "contacts.jsonl",
                    json("{\"No.\":\"C1\",\"Name\":\"Acme\",\"City\":\"Rome\"}\n"),
                ),
                (
                    "customers.jsonl",
                    json("{\"No.\":\"10\",\"Name\":\"Acme\",\"City\":\"Rome\"}\n"),
                ),
                (
                    "vendors.jsonl",
                    json("{\"No.\":\"20\",\"Name\":\"Acme\",\"City\":\"Rome\"}\n"),
                ),
                (
                    "relations.jsonl",
                    json(
                        "{\"Contact No.\":\"C1\",\"Business Relation Code\":\"CUST\",\"Link to Table\":\"Customer\",\"No.\":\"10\"}\n\
                          {\"Contact No.\":\"C1\",\"Business Relation Code\":\"VEND\",\"Link to Table\":\"Vendor\",\"No.\":\"20\"}\n",
                    ),
                ),
            ],
            then: vec![(
                "vendors.jsonl",
                json("{\"No.\":\"20\",\"Name\":\"Acme\",\"City\":\"Łódź\"}\n"),
            )],
        },
        newcomers("in-place", "new customers get contacts, in place"),
        newcomers("updates", "new customers get contacts, in a folder"),
        Scenario {
            name: "the first pass of all",
            config: tables("in-place", "csv") + &log("csv"),
            first: Vec::new(),
            then: {
                let mut exports = csv();
                exports[1].1 = "No.,Name,City,Phone No.\n10,Acme,,1\n11,Beta,Bern,\n".to_owned();
                exports
            },
        },
    ]
}

/// A customer with a contact's name, and one without, appear; a primary contact disappears and takes its relation.
fn newcomers(write_back: &str, name: &'static str) -> Scenario {
    const CONTACTS: &str = "No.,Name,City,Phone No.,Type,Company No.,Contact Business Relation\n";
    const CUSTOMERS: &str = "No.,Name,City,Phone No.,Contact,Primary Contact No.\n";
    let vendors = "No.,Name,City,Phone No.\n20,Acme,Rome,1\n".to_owned();
    let relations = "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,10\nC1,VEND,Vendor,20\n\
                     C3,CUST,Customer,11\n";
    Scenario {
        name,
        config: format!("contact_nos = \"C1\"\n{}", tables(write_back, "csv"))
            + "[interactions]\nexport = \"log.csv\"\n",
        first: vec![
            (
                "contacts.csv",
                format!(
                    "{CONTACTS}C1,Acme,Rome,1,Company,C1,Multiple\nC3,Jo Doe,Bern,2,Person,,Customer\n"
                ),
            ),
            (
                "customers.csv",
                format!("{CUSTOMERS}10,Acme,Rome,1,,C1\n11,Beta,Bern,2,Jo Doe,C3\n"),
            ),
            ("vendors.csv", vendors),
            ("relations.csv", relations.to_owned()),
        ],
        then: vec![
            (
                "contacts.csv",
                format!("{CONTACTS}C1,Acme,Rome,9,Company,C1,Multiple\n"),
            ),
            (
                "customers.csv",
                format!(
                    "{CUSTOMERS}10,Acme,Rome,1,,C1\n11,Beta,Bern,2,Jo Doe,C3\n12,Gamma,Ulm,5,Ann Lee,\n13,Delta,Kiel,6,,\n"
                ),
            ),
        ],
    }
}

impl Scenario {
    fn config(&self, folder: &Path) -> Config {
        let head = support::SETUP.replace("[interactions]\nexport = \"interactions.csv\"\n", "");
        config::parse(
            &format!("{head}{}", self.config),
            &folder.join("config.toml"),
        )
        .unwrap_or_else(|errors| panic!("{errors:#?}"))
    }

    /// The exchange just before the pass in question.
    fn prepared(&self) -> TempDir {
        let folder = folder();
        if !self.first.is_empty() {
            put(folder.path(), &self.first);
            self.pass(folder.path(), &RealDisk).expect("the first pass");
        }
        put(folder.path(), &self.then);
        folder
    }

    fn pass(&self, folder: &Path, disk: &dyn Disk) -> Result<Outcome, PassError> {
        self.ordered(folder, disk, Vec::new())
    }

    fn ordered(
        &self,
        folder: &Path,
        disk: &dyn Disk,
        orders: Vec<Order>,
    ) -> Result<Outcome, PassError> {
        let effects = Effects {
            disk,
            clock: &StillClock,
            stage: &|_| {},
        };
        let request = Request {
            orders,
            ..Request::default()
        };
        reconcile(&self.config(folder), &effects, &request)
    }
}

fn put(folder: &Path, files: &[(&str, String)]) {
    for (name, text) in files {
        std::fs::write(folder.join(name), text).expect("written");
    }
}

/// All files of others in an exchange, and the log: everything but the state.
fn files(folder: &Path) -> Files {
    let mut found = BTreeMap::new();
    for place in [folder.to_owned(), folder.join("updates")] {
        for path in RealDisk.list(&place).expect("listed") {
            let name = path
                .strip_prefix(folder)
                .expect("inside")
                .display()
                .to_string();
            found.insert(name, std::fs::read(&path).expect("read"));
        }
    }
    found
}

/// What the state keeps of conflicts and interactions.
fn memories(folder: &Path) -> String {
    let store = Store::look(&folder.join("state"))
        .expect("a state")
        .expect("a state");
    let conflicts = store.conflicts().expect("conflicts");
    let interactions = store.interactions(0, None).expect("interactions");
    let decisions = store.decisions("customers", "10", None).expect("decisions");
    let in_flight = store.in_flight().expect("counted");
    let text = format!("{conflicts:#?}\n{interactions:#?}\n{decisions:#?}\n{in_flight:?}");
    text.replace(&folder.display().to_string(), "")
}

/// A file that is neither its old nor its new version.
fn mixed(now: &Files, old: &Files, new: &Files) -> Vec<String> {
    // The log is a journal: it may be cut in the middle of an entry, which the next start completes.
    let published = now
        .iter()
        .filter(|(name, _)| !name.contains(".couplet-") && !name.starts_with("log."));
    published
        .filter(|(name, bytes)| old.get(*name) != Some(*bytes) && new.get(*name) != Some(*bytes))
        .map(|(name, _)| name.clone())
        .collect()
}

fn assert_finished(scenario: &Scenario, folder: &Path, expected: &Files, memory: &str, case: &str) {
    let outcome = scenario
        .pass(folder, &RealDisk)
        .unwrap_or_else(|error| panic!("{case}: {error}"));
    assert!(
        matches!(outcome, Outcome::Done(_) | Outcome::InStep(_)),
        "{case}: {outcome:?}"
    );
    let now = files(folder);
    for (name, bytes) in expected {
        let found = now
            .get(name)
            .unwrap_or_else(|| panic!("{case}: {name} is missing"));
        assert!(
            found == bytes,
            "{case}: {name}: {}",
            String::from_utf8_lossy(found)
        );
    }
    assert_eq!(now.len(), expected.len(), "{case}: {:?}", now.keys());
    let found = memories(folder);
    let differs = found
        .lines()
        .zip(memory.lines())
        .find(|(now, then)| now != then);
    assert!(found == *memory, "{case}: {differs:?}");
    let again = scenario.pass(folder, &RealDisk).expect("a pass");
    let Outcome::InStep(summary) = again else {
        panic!("{case}: not in step: {again:?}")
    };
    assert!(
        summary.files.is_empty() && files(folder) == now,
        "{case}: another pass writes"
    );
}

/// The pass without a fault: how many effects it has, what the files were and are, and what is remembered.
fn uncrashed(scenario: &Scenario) -> (usize, Files, Files, String) {
    let folder = scenario.prepared();
    let old = files(folder.path());
    let disk = Faulty::new(NEVER, Fault::Before);
    scenario
        .pass(folder.path(), &Wired(disk.clone(), RealDisk))
        .expect("a pass");
    (
        disk.effects(),
        old,
        files(folder.path()),
        memories(folder.path()),
    )
}

#[test]
fn a_crash_at_any_effect_leaves_old_or_new_files_and_the_next_start_finishes() {
    let mut cases = 0;
    for scenario in scenarios() {
        let (effects, old, new, memory) = uncrashed(&scenario);
        for at in 0..effects {
            for fault in [Fault::Before, Fault::After, Fault::Torn] {
                let case = format!("{}: {fault:?} effect {at} of {effects}", scenario.name);
                let folder = scenario.prepared();
                let disk = Faulty::new(at, fault);
                scenario
                    .pass(folder.path(), &Wired(disk.clone(), RealDisk))
                    .expect_err("the process died");
                let mixed = mixed(&files(folder.path()), &old, &new);
                assert!(mixed.is_empty(), "{case}: neither old nor new: {mixed:?}");
                assert_finished(&scenario, folder.path(), &new, &memory, &case);
                cases += 1;
            }
        }
    }
    println!("{cases} crashes");
    assert!(cases > 400, "{cases}");
}

#[test]
fn a_crash_during_recovery_is_recovered_from() {
    let mut cases = 0;
    for scenario in scenarios() {
        let (effects, old, new, memory) = uncrashed(&scenario);
        for first in (effects / 3..effects).step_by(3) {
            for second in 0..10 {
                let case = format!("{}: crash at {first}, then at {second}", scenario.name);
                let folder = scenario.prepared();
                let disk = Faulty::new(first, Fault::After);
                scenario
                    .pass(folder.path(), &Wired(disk.clone(), RealDisk))
                    .expect_err("the process died");
                let disk = Faulty::new(second, Fault::After);
                let _ = scenario.pass(folder.path(), &Wired(disk.clone(), RealDisk));
                let mixed = mixed(&files(folder.path()), &old, &new);
                assert!(mixed.is_empty(), "{case}: {mixed:?}");
                assert_finished(&scenario, folder.path(), &new, &memory, &case);
                cases += 1;
            }
        }
    }
    println!("{cases} crashes during recovery");
    assert!(cases > 100, "{cases}");
}

#[test]
fn an_effect_that_fails_once_fails_the_pass_and_the_next_one_succeeds() {
    const ENOSPC: i32 = 28;
    const EACCES: i32 = 13;
    for scenario in scenarios() {
        let (effects, old, new, memory) = uncrashed(&scenario);
        for at in 0..effects {
            for errno in [ENOSPC, EACCES] {
                let case = format!("{}: errno {errno} at {at} of {effects}", scenario.name);
                let folder = scenario.prepared();
                let disk = Faulty::new(at, Fault::Once(errno));
                scenario
                    .pass(folder.path(), &Wired(disk.clone(), RealDisk))
                    .expect_err("an error");
                let mixed = mixed(&files(folder.path()), &old, &new);
                assert!(mixed.is_empty(), "{case}: {mixed:?}");
                assert_finished(&scenario, folder.path(), &new, &memory, &case);
            }
        }
    }
}

#[test]
fn a_record_that_cannot_be_read_for_a_moment_is_not_written_over() {
    const EIO: i32 = 5;
    let scenario = &scenarios()[0];
    let folder = scenario.prepared();
    let disk = Faulty::new(NEVER, Fault::Before);
    scenario
        .pass(folder.path(), &Wired(disk.clone(), RealDisk))
        .expect("a pass");
    for at in 0..disk.looked() {
        let folder = scenario.prepared();
        let blind = Faulty::blind(at, Fault::Once(EIO));
        // It may fail, or go on without a file.
        let _ = scenario.pass(folder.path(), &Wired(blind, RealDisk));
        scenario.pass(folder.path(), &RealDisk).expect("a pass");
        for (name, edit) in [
            ("contacts.csv", "Acme Ltd,Oslo,9"),
            ("customers.csv", "Acme Ltd,Oslo,9"),
        ] {
            let text = std::fs::read_to_string(folder.path().join(name)).expect("text");
            assert!(text.contains(edit), "look {at}: {name}: {text}");
        }
    }
}

/// Files so large that they, and the bases beside them, are written at the same time.
fn large() -> Scenario {
    let note = "a note that is carried, ".repeat(210_000);
    let contacts = |city: &str| format!("No.,Name,City,Note\nC1,Acme,{city},\"{note}\"\n");
    let customers = |name: &str| format!("No.,Name,City,Note\n10,{name},Rome,\"{note}\"\n");
    Scenario {
        name: "large files",
        config: tables("in-place", "csv") + "[interactions]\nexport = \"log.csv\"\n",
        first: vec![
            ("contacts.csv", contacts("Rome")),
            ("customers.csv", customers("Acme")),
            ("vendors.csv", "No.,Name,City\n20,Acme,Rome\n".to_owned()),
            ("relations.csv", RELATIONS.to_owned()),
        ],
        then: vec![
            ("contacts.csv", contacts("Bonn")),
            ("customers.csv", customers("Acme Ltd")),
        ],
    }
}

#[test]
fn a_crash_or_a_fault_while_large_files_and_bases_are_written_at_once_is_recovered_from() {
    const ENOSPC: i32 = 28;
    let scenario = large();
    let (effects, old, new, memory) = uncrashed(&scenario);
    let faults = [
        Fault::Before,
        Fault::After,
        Fault::Torn,
        Fault::Once(ENOSPC),
    ];
    // In which order the effects come differs from run to run; what must hold does not.
    for (at, fault) in (0..effects).step_by(3).zip(faults.into_iter().cycle()) {
        let case = format!("{fault:?} effect {at} of {effects}");
        let folder = scenario.prepared();
        let disk = Faulty::new(at, fault);
        scenario
            .pass(folder.path(), &Wired(disk.clone(), RealDisk))
            .expect_err("the process died, or failed");
        let mixed = mixed(&files(folder.path()), &old, &new);
        assert!(mixed.is_empty(), "{case}: neither old nor new: {mixed:?}");
        assert_finished(&scenario, folder.path(), &new, &memory, &case);
    }
    assert!(effects > 60, "{effects}");
}

#[test]
fn what_another_program_writes_during_a_pass_is_not_overwritten() {
    let scenario = &scenarios()[0];
    let (effects, ..) = uncrashed(scenario);
    let mut merged = 0;
    for at in 0..effects {
        let folder = scenario.prepared();
        let customers = folder.path().join("customers.csv");
        let theirs = "No.,Name,City,Phone No.\n10,Acme,Oslo,1\n11,Beta,Kiel,7\n12,New,Ulm,5\n";
        let target = customers.clone();
        let published = AtomicUsize::new(0);
        let disk = Faulty::told(NEVER, Fault::Before, move |now, name, _| {
            // From the first rename on, theirs is simply a newer version.
            let renames = published.fetch_add(usize::from(name == "rename"), Ordering::SeqCst);
            if now == at && name != "rename" && renames == 0 {
                std::fs::write(&target, theirs).expect("written");
            }
        });
        scenario
            .pass(folder.path(), &Wired(disk.clone(), RealDisk))
            .expect("a pass");
        let _ = scenario.pass(folder.path(), &RealDisk).expect("a pass");
        let text = std::fs::read_to_string(&customers).expect("text");
        if text.contains("12,New,Ulm,5") {
            assert!(text.contains("10,Acme Ltd,Oslo,9"), "effect {at}: {text}");
            merged += 1;
        }
    }
    assert!(merged * 2 > effects, "{merged} of {effects}");
}

#[test]
fn what_another_program_writes_between_a_crash_and_the_next_start_stays() {
    let scenario = &scenarios()[0];
    let (effects, ..) = uncrashed(scenario);
    for at in 0..effects {
        let folder = scenario.prepared();
        let disk = Faulty::new(at, Fault::After);
        scenario
            .pass(folder.path(), &Wired(disk.clone(), RealDisk))
            .expect_err("the process died");
        let customers = folder.path().join("customers.csv");
        let now = std::fs::read_to_string(&customers).expect("text");
        std::fs::write(&customers, format!("{now}12,New,Ulm,5\n")).expect("written");
        scenario.pass(folder.path(), &RealDisk).expect("a pass");
        let _ = scenario.pass(folder.path(), &RealDisk).expect("a pass");
        let text = std::fs::read_to_string(&customers).expect("text");
        assert!(text.contains("12,New,Ulm,5"), "effect {at}: {text}");
        assert!(text.contains("10,Acme Ltd,Oslo,9"), "effect {at}: {text}");
        let contacts = std::fs::read_to_string(folder.path().join("contacts.csv")).expect("text");
        assert!(
            contacts.contains("C1,Acme Ltd,Oslo,9"),
            "effect {at}: {contacts}"
        );
    }
}

#[test]
fn an_update_that_was_imported_and_taken_away_before_the_next_start_is_no_obstacle() {
    let all = scenarios();
    let scenario = all
        .iter()
        .find(|scenario| scenario.name == "update files in a folder")
        .expect("the scenario");
    let (effects, old, ..) = uncrashed(scenario);
    let mut taken = 0;
    for at in 0..effects {
        let folder = scenario.prepared();
        let disk = Faulty::new(at, Fault::After);
        scenario
            .pass(folder.path(), &Wired(disk.clone(), RealDisk))
            .expect_err("the process died");
        let updates = files(folder.path()).into_keys();
        for name in updates.filter(|name| !old.contains_key(name) && name.ends_with(".csv")) {
            std::fs::remove_file(folder.path().join(name)).expect("taken away");
            taken += 1;
        }
        let next = scenario.pass(folder.path(), &RealDisk);
        assert!(next.is_ok(), "effect {at}: {next:?}");
    }
    assert!(taken > 3, "{taken}");
}

#[test]
fn contacts_are_created_once_whatever_another_program_writes_between_a_crash_and_the_next_start() {
    let scenario = &newcomers("in-place", "");
    let (effects, ..) = uncrashed(scenario);
    for at in 0..effects {
        for file in ["contacts.csv", "relations.csv"] {
            let folder = scenario.prepared();
            let disk = Faulty::new(at, Fault::After);
            scenario
                .pass(folder.path(), &Wired(disk.clone(), RealDisk))
                .expect_err("the process died");
            let path = folder.path().join(file);
            let now = std::fs::read_to_string(&path).expect("text");
            let (theirs, mark) = match file {
                "contacts.csv" => ("C9,New,Ulm,5,Company,C9,\n", "C9,New"),
                _ => ("C1,PROS,,\n", "C1,PROS"),
            };
            std::fs::write(&path, format!("{now}{theirs}")).expect("written");
            for _ in 0..2 {
                let _ = scenario.pass(folder.path(), &RealDisk).expect("a pass");
            }
            let text =
                |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("text");
            let (contacts, relations) = (text("contacts.csv"), text("relations.csv"));
            let case = format!("effect {at}, {file}:\n{contacts}\n{relations}");
            assert!(text(file).contains(mark), "{case}");
            for (customer, name) in [("12", ",Gamma,"), ("13", ",Delta,")] {
                let created: Vec<&str> =
                    contacts.lines().filter(|row| row.contains(name)).collect();
                assert_eq!(
                    created.iter().filter(|row| row.contains("Company")).count(),
                    1,
                    "{case}"
                );
                let no = created[0].split(',').next().expect("a number");
                let relation = format!("{no},CUST,Customer,{customer}");
                assert_eq!(relations.matches(&relation).count(), 1, "{case}");
            }
            assert_eq!(contacts.matches(",Ann Lee,").count(), 1, "{case}");
            let Outcome::InStep(_) = scenario.pass(folder.path(), &RealDisk).expect("a pass")
            else {
                panic!("{case}: not in step");
            };
        }
    }
}

#[test]
fn an_order_that_a_crash_cuts_short_is_carried_out_wholly_or_not_at_all() {
    const CONTACTS: &str = "No.,Name,City,Type,Company No.,Contact Business Relation\n\
                            C1,Acme,Rome,Company,C1,\nC2,Beta,Bern,Company,C2,\n";
    let scenario = Scenario {
        name: "orders",
        config: format!(
            "customer_nos = \"10\"\n{}[documents]\nfolder = \".\"\nsales_order_nos = \"SO1\"\n",
            tables("in-place", "csv")
        ),
        first: vec![
            ("contacts.csv", CONTACTS.to_owned()),
            ("customers.csv", "No.,Name,City\n9,Gamma,Oslo\n".to_owned()),
            ("vendors.csv", "No.,Name,City\n20,Delta,Kiel\n".to_owned()),
            (
                "relations.csv",
                "Contact No.,Business Relation Code,Link to Table,No.\n".to_owned(),
            ),
        ],
        then: Vec::new(),
    };
    let orders = || {
        let contact = |no: &str| no.to_owned();
        vec![
            Order::CreateCounterpart {
                contact: contact("C1"),
                kind: Kind(0),
                template: TemplateChoice::ByType,
            },
            Order::Link {
                contact: contact("C2"),
                kind: Kind(1),
                no: "20".to_owned(),
                master: Master::Counterpart,
            },
            // Of the customer that the same pass creates, with lines.
            Order::Document(Box::new(DocumentOrder {
                contact: contact("C1"),
                lines: vec![vec![("No.".to_owned(), "1000".to_owned())]],
                ..DocumentOrder::new(DocumentKind::named("sales-order").expect("a document"))
            })),
        ]
    };
    let folder = scenario.prepared();
    let disk = Faulty::new(NEVER, Fault::Before);
    scenario
        .ordered(folder.path(), &Wired(disk.clone(), RealDisk), orders())
        .expect("a pass");
    let expected = files(folder.path());
    let old = files(scenario.prepared().path());
    assert_ne!(old, expected);
    let is_document = |name: &&String| name.starts_with("sales_order_");
    assert_eq!(expected.keys().filter(is_document).count(), 2);
    let (mut done, mut undone) = (0, 0);
    for at in 0..disk.effects() {
        for fault in [Fault::Before, Fault::After] {
            let folder = scenario.prepared();
            let disk = Faulty::new(at, fault);
            let crashed = scenario.ordered(folder.path(), &Wired(disk.clone(), RealDisk), orders());
            crashed.expect_err("the process died");
            scenario.pass(folder.path(), &RealDisk).expect("a pass");
            let now = files(folder.path());
            if now == old {
                let again = scenario.ordered(folder.path(), &RealDisk, orders());
                assert!(
                    matches!(again, Ok(Outcome::Done(_))),
                    "effect {at}: {again:?}"
                );
                undone += 1;
            } else {
                let again = scenario.ordered(folder.path(), &RealDisk, orders());
                assert!(
                    matches!(again, Ok(Outcome::Refused { .. })),
                    "effect {at}: {again:?}"
                );
                done += 1;
            }
            assert_eq!(files(folder.path()), expected, "effect {at} {fault:?}");
        }
    }
    assert!(done > 5 && undone > 5, "{done} done, {undone} not");
}
