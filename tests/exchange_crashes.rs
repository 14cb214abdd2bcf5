//! A crash at every effect of a round of the exchange: every drop is answered in the end, once and as without the crash, every
//! request is carried out once, and no file is left behind.

#[path = "support/dropped.rs"]
mod dropped;
#[path = "support/faulty.rs"]
mod faulty;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use couplet::disk::{Disk, RealDisk};
use couplet::exchange::AsItStands;
use couplet::sync::PassError;
use dropped::{CONTACTS, CUSTOMERS, DROPS, HEAD, IN_PLACE, RELATIONS, Rounds, with_contacts};
use faulty::{Fault, Faulty, NEVER, Wired};
use support::Exchange;

const INBOXES: &str = r#"
[exchange]
requests = "requests"
conflicts = "inbox/conflicts.csv"
"#;

/// Rounds until nothing waits.
fn rounds(exchange: &Exchange, disk: &dyn Disk) -> Result<(), PassError> {
    let mut rounds = Rounds::of(exchange);
    for _ in 0..20 {
        if !rounds.make(disk, &AsItStands)?.is_more {
            return Ok(());
        }
    }
    panic!("the rounds do not end");
}

/// An exchange with something of everything in its inboxes.
fn prepared() -> Exchange {
    let config = with_contacts(DROPS, "ready = \"marker\"\nannounce = \"manifest\"");
    let exchange = Exchange::new(&format!("{config}{IN_PLACE}{INBOXES}"));
    let contacts = |number: u8, text: &str| {
        let name = format!("crm/contacts_{number}.csv");
        exchange.put(&name, text).put(&format!("{name}.done"), "");
    };
    contacts(1, &format!("{CONTACTS}C3,Gamma,Kiel\n"));
    exchange
        .put("erp/customers.csv", format!("{CUSTOMERS}30,Gamma,Kiel\n"))
        .put("relations.csv", RELATIONS);
    rounds(&exchange, &RealDisk).expect("the first rounds");
    for (number, city) in [(2, "Pisa"), (3, "Oslo")] {
        let moved = CONTACTS.replace("Rome", city).replace("Bern", "Basel");
        contacts(number, &format!("{moved}C3,Gamma,Kiel\nC4,Short\n"));
    }
    contacts(0, &format!("{HEAD}C1,Old,Old\n"));
    let moved = CUSTOMERS.replace("Bern", "Biel");
    exchange
        .put("erp/customers.csv", format!("{moved}30,Gamma,Kiel\n"))
        .put(
            "requests/1.csv",
            "Action,Table,Contact No.,No.\nlink,customer,C3,30\nlink,customer,C9,30\n",
        )
        .put(
            "requests/2.csv",
            "Action,Table,Contact No.\nunlink,customer,C3\n",
        );
    exchange
}

/// All files but the state, without the numbers that the ledger gave: a claim that a crash prevented leaves one out.
fn files(exchange: &Exchange) -> BTreeMap<String, String> {
    let names = dropped::files(exchange, "").into_iter();
    let names = names.filter(|name| !name.starts_with("state/"));
    names
        .map(|name| (unnumbered(&name), unnumbered(&exchange.text(&name))))
        .collect()
}

fn unnumbered(text: &str) -> String {
    let numbers = regex_lite::Regex::new(r#"0000\d\d-|"drop": \d+|\.\d+\.rows|/\S*\.tmp\w+"#)
        .expect("a pattern");
    numbers.replace_all(text, "#").into_owned()
}

fn effects_and_result() -> (usize, BTreeMap<String, String>) {
    let exchange = prepared();
    let disk = Faulty::new(NEVER, Fault::Before);
    rounds(&exchange, &Wired(disk.clone(), RealDisk)).expect("rounds");
    (disk.effects(), files(&exchange))
}

#[test]
fn nothing_is_left_behind_and_everything_is_answered() {
    let (_, files) = effects_and_result();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    for answered in [
        "crm/answers/contacts_0.csv",
        "crm/answers/contacts_2.csv",
        "crm/answers/contacts_3.csv",
        "erp/answers/customers.csv",
        "requests/answers/1.csv",
        "requests/answers/2.csv",
    ] {
        assert!(
            names.iter().any(|name| name.starts_with(answered)),
            "{answered}: {names:#?}"
        );
    }
    assert!(
        !names
            .iter()
            .any(|name| name.contains("/work/") || name.contains(".tmp")),
        "{names:#?}"
    );
    assert!(
        files["inbox/conflicts.csv"].contains("resolve,K"),
        "C2's city is in conflict"
    );
    assert_eq!(
        files["crm/failed/contacts_3#.csv"],
        "No.,Name,City\nC4,Short\n"
    );
}

#[test]
fn a_crash_at_any_effect_leaves_every_drop_answered_once() {
    let (effects, expected) = effects_and_result();
    let mut cases = 0;
    for at in 0..effects {
        for fault in [
            Fault::Before,
            Fault::After,
            Fault::Torn,
            Fault::Once(28),
            Fault::Once(13),
        ] {
            let exchange = prepared();
            let case = format!("{fault:?} effect {at} of {effects}");
            let disk = Faulty::new(at, fault);
            let _ = rounds(&exchange, &Wired(disk.clone(), RealDisk));
            rounds(&exchange, &RealDisk).unwrap_or_else(|error| panic!("{case}: {error}"));
            let found = files(&exchange);
            for (name, text) in &expected {
                let differs = found.get(name) != Some(text);
                // Passes may be cut otherwise, so that what they are numbered by differs.
                let is_numbered = name.contains("updates/")
                    || name.ends_with("interactions.csv")
                    || name.contains("answers/")
                    || name.contains("conflicts.csv");
                assert!(
                    !differs || is_numbered,
                    "{case}: {name}: {:?}\n{text}",
                    found.get(name)
                );
                assert!(
                    is_numbered || found.contains_key(name),
                    "{case}: {name} is missing"
                );
            }
            let unfinished: Vec<&String> = found
                .keys()
                .filter(|name| name.contains("/work/") || name.contains(".tmp"))
                .collect();
            assert!(unfinished.is_empty(), "{case}: {unfinished:?}");
            assert_eq!(statuses(&found), statuses(&expected), "{case}");
            assert_eq!(interactions(&found), interactions(&expected), "{case}");
            cases += 1;
        }
    }
    println!("{cases} crashes");
    assert!(cases > 500, "{cases}");
}

#[test]
fn a_claim_is_durable_before_the_pass_that_reads_it_is_remembered() {
    let exchange = prepared();
    let done = Arc::new(Mutex::new(Vec::new()));
    let noted = done.clone();
    let disk = Faulty::told(NEVER, Fault::Before, move |_, name, path| {
        let effect = (name.to_owned(), path.to_owned());
        noted.lock().expect("no panic").push(effect);
    });
    rounds(&exchange, &Wired(disk, RealDisk)).expect("rounds");
    let mut open: BTreeSet<PathBuf> = BTreeSet::new();
    let mut claims = 0;
    for (name, path) in done.lock().expect("no panic").iter() {
        let place = path.parent().expect("a folder");
        match name.as_str() {
            "rename" if place.ends_with("work") => {
                claims += 1;
                open.extend([place, place.parent().expect("an inbox")].map(Path::to_owned));
            }
            "sync_folder" => _ = open.remove(path),
            "commit_point" => assert!(
                open.is_empty(),
                "a power cut takes back what is in {open:?}"
            ),
            _ => {}
        }
    }
    assert!(claims > 5, "{claims}");
}

#[test]
fn a_marker_never_outlives_the_claim_of_its_file() {
    let (effects, _) = effects_and_result();
    for at in 0..effects {
        let exchange = prepared();
        let disk = Faulty::new(at, Fault::After);
        let _ = rounds(&exchange, &Wired(disk, RealDisk));
        rounds(&exchange, &RealDisk).expect("rounds");
        let entries = RealDisk.list(&exchange.path("crm")).expect("listed");
        assert!(entries.is_empty(), "effect {at}: {entries:?}");
    }
}

/// What became of each drop, by its answer.
fn statuses(files: &BTreeMap<String, String>) -> BTreeMap<&str, String> {
    let answers = files.iter().filter(|(name, _)| name.contains("answers/"));
    let said = |text: &str| {
        let line = |key: &str| {
            text.lines()
                .find(|line| line.contains(key))
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        format!("{} {}", line("\"status\""), line("\"rows\""))
    };
    answers
        .map(|(name, text)| (name.as_str(), said(text)))
        .collect()
}

/// What was logged, apart from numbers of entries and passes.
fn interactions(files: &BTreeMap<String, String>) -> Vec<String> {
    let log = &files["interactions.csv"];
    let mut entries: Vec<String> = log
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            format!("{} {}", cells[1], cells.get(6).unwrap_or(&""))
        })
        .collect();
    entries.sort();
    entries
}
