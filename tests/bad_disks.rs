//! Disks that are full, shares that have gone away, and files over which the program breaks down.
#![cfg(unix)]

mod support;

#[path = "support/dropped.rs"]
mod dropped;
#[path = "support/meddled.rs"]
mod meddled;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use couplet::config;
use couplet::disk::{Disk, RealDisk};
use couplet::exchange::daemon::{self, Asked, Observer};
use couplet::exchange::fitness::findings;
use couplet::exchange::{AsItStands, Looks, Round};
use couplet::state::{Lock, Store};
use couplet::sync::{Effects, Outcome, PassError};
use dropped::{
    CONTACTS, CUSTOMERS, DROPS, JustBefore, RELATIONS, Rounds, answer, is_answered,
    with_customers_in_place, with_drops,
};
use meddled::Meddled;
use support::{Exchange, StillClock};

/// Contacts are dropped, and customers edited in place; whatever a test adds comes after it.
fn config() -> String {
    with_customers_in_place(DROPS) + "[run]\nsettle = \"10ms\"\n"
}

/// Two companies of which the customers lack a city.
fn exchange(config: &str) -> Exchange {
    let exchange = with_drops(config);
    exchange.put("erp/customers.csv", CUSTOMERS.replace("Rome", ""));
    exchange
}

fn made(exchange: &Exchange, disk: &dyn Disk) -> Result<Round, PassError> {
    made_by(exchange, disk, &AsItStands)
}

fn made_by(exchange: &Exchange, disk: &dyn Disk, looks: &dyn Looks) -> Result<Round, PassError> {
    Rounds::of(exchange).make(disk, looks)
}

#[test]
fn a_file_that_is_overwritten_after_it_was_found_complete_says_nothing_yet() {
    let exchange = Exchange::new(
        "[tables.contacts]\nexport = \"contacts.csv\"\n[tables.customers]\nexport = \"customers.csv\"\n\
         [tables.relations]\nexport = \"relations.csv\"\nwrite_back = \"in-place\"\n",
    );
    exchange
        .put("contacts.csv", "No.,Name\nC1,Acme\nC2,Beta\n")
        .put("customers.csv", "No.,Name\n10,Acme\n20,Beta\n")
        .put("relations.csv", RELATIONS);
    made(&exchange, &RealDisk).expect("a round");
    // The system is in the middle of its next export, which ends at the end of a line by now.
    let just_before = JustBefore {
        file: exchange.path("customers.csv"),
        begun: "No.,Name\n10,Acme\n".to_owned(),
    };
    made_by(&exchange, &RealDisk, &just_before).expect("a round");
    assert_eq!(exchange.text("relations.csv"), RELATIONS);
}

#[test]
fn a_pass_that_would_fill_the_disk_is_not_begun_and_is_made_once_there_is_room() {
    let exchange = exchange(&config());
    let before = exchange.bytes("erp/customers.csv");
    let full = Meddled {
        free: Some(50),
        ..Meddled::default()
    };
    let error = made(&exchange, &full).expect_err("no room");
    assert!(error.to_string().contains("50"), "{error}");
    assert_eq!(exchange.bytes("erp/customers.csv"), before);
    let answers = RealDisk
        .list(&exchange.path("crm/answers"))
        .expect("listed");
    assert!(answers.is_empty(), "nothing is answered that was not read");

    made(&exchange, &RealDisk).expect("room");
    assert!(exchange.text("erp/customers.csv").contains("Rome"));
    assert!(is_answered(&exchange, "crm/contacts_1.csv"));
}

#[test]
fn a_replaced_file_keeps_the_mode_that_its_system_gave_it() {
    let exchange = exchange(&config());
    let path = exchange.path("erp/customers.csv");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).expect("set");
    made(&exchange, &RealDisk).expect("made");
    assert!(exchange.text("erp/customers.csv").contains("Rome"));
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o664);
}

#[test]
fn an_empty_mount_point_is_a_share_that_is_away_and_deletes_nothing() {
    let config = config().replace("[run]", "[run]\nonline_marker = \".online\"");
    let exchange = exchange(&config);
    exchange
        .put("crm/.online", "")
        .put("erp/.online", "")
        .put(".online", "");
    made(&exchange, &RealDisk).expect("made");

    // The share goes away: its mount point is an empty folder.
    fs::rename(exchange.path("erp"), exchange.path("away")).expect("renamed");
    fs::create_dir(exchange.path("erp")).expect("a folder");
    exchange.put("crm/contacts_2.csv", CONTACTS.replace("Rome", "Bern"));
    let away = made(&exchange, &RealDisk).expect("made");
    assert_eq!(away.offline, [exchange.path("erp")]);
    assert!(
        fs::read_dir(exchange.path("erp"))
            .expect("there")
            .next()
            .is_none()
    );
    assert_eq!(
        exchange.text("relations.csv"),
        RELATIONS,
        "the relations stay"
    );

    fs::remove_dir(exchange.path("erp")).expect("empty");
    fs::rename(exchange.path("away"), exchange.path("erp")).expect("back");
    let back = made(&exchange, &RealDisk).expect("made");
    assert!(back.offline.is_empty());
    assert!(exchange.text("erp/customers.csv").contains("Bern"));
}

#[test]
fn a_folder_that_cannot_be_looked_into_or_renamed_in_holds_up_nobody_else() {
    let config =
        config() + "[exchange]\nrequests = \"requests\"\nconflicts = \"inbox/conflicts.csv\"\n";
    let config = config.replacen("[tables", "mail = \"mail\"\n[tables", 1)
        + "[tables.salespeople]\nexport = \"salespeople.csv\"\n[tables.interaction_templates]\nexport = \"templates.csv\"\n\
           [tables.interaction_template_setup]\nexport = \"setup.csv\"\n";
    let exchange = exchange(&config);
    exchange
        .put("salespeople.csv", "Code,Name\nJO,Jim\n")
        .put("templates.csv", "Code,Description\nSI,Invoice\n")
        .put("setup.csv", "Primary Key,Sales Invoices\n,SI\n");
    made(&exchange, &RealDisk).expect("made");
    fs::remove_file(exchange.path("inbox/conflicts.csv")).expect("removed");
    // None of these is what it should be, and nobody may rename in the contacts' folder.
    exchange
        .put("requests", "no folder")
        .put("mail", "no folder")
        .put("inbox/conflicts.csv/file", "no file")
        .put("crm/contacts_2.csv", CONTACTS.replace("Rome", "Bern"))
        .put("erp/customers.csv", CUSTOMERS.replace("Rome", "Kiel"));
    let claimed = exchange.path("crm/contacts_2.csv");
    let forbidden = claimed.clone();
    let disk = Meddled {
        renaming: Some(Box::new(move |path| match path == forbidden {
            true => Err(std::io::ErrorKind::PermissionDenied.into()),
            false => Ok(()),
        })),
        ..Meddled::default()
    };
    let round = made(&exchange, &disk).expect("made");
    let Outcome::Done(summary) = round.outcome else {
        panic!("{round:#?}");
    };
    let told: Vec<&str> = summary
        .plan
        .problems
        .iter()
        .map(|told| told.kind.as_str())
        .collect();
    assert_eq!(told, ["unusable-folder"; 4], "{told:?}");
    assert!(
        exchange
            .text("crm/updates/contacts_000002.csv")
            .contains("Kiel")
    );
    assert!(claimed.exists(), "it waits until we may");
    made(&exchange, &RealDisk).expect("made");
    assert!(!claimed.exists());
}

/// The kinds of the problems that a round told.
fn told(round: &Round) -> Vec<&str> {
    let (Outcome::Done(summary) | Outcome::InStep(summary)) = &round.outcome else {
        panic!("{round:#?}");
    };
    let problems = summary.plan.problems.iter();
    problems.map(|problem| problem.kind.as_str()).collect()
}

#[test]
fn an_answer_that_cannot_be_written_is_a_problem_and_is_written_once_it_can_be() {
    let exchange = exchange(&(config() + "[exchange]\nrequests = \"requests\"\n"));
    made(&exchange, &RealDisk).expect("made");
    exchange
        .put("crm/contacts_2.csv", CONTACTS.replace("Rome", "Bern"))
        .put(
            "requests/1.csv",
            "Action,Table,Contact No.\nunlink,customer,C9\n",
        );
    let full = Meddled {
        renaming: Some(Box::new(|path| {
            match path.ends_with(".couplet-contacts_2.csv.answer.json.tmp") {
                true => Err(std::io::ErrorKind::StorageFull.into()),
                false => Ok(()),
            }
        })),
        ..Meddled::default()
    };
    let round = made(&exchange, &full).expect("made");
    assert!(
        exchange.text("erp/customers.csv").contains("Bern"),
        "what the drop says counts"
    );
    assert!(is_answered(&exchange, "requests/1.csv"));
    assert!(round.is_more, "the next pass tells what became of this one");
    let round = made(&exchange, &full).expect("made");
    assert_eq!(told(&round), ["unanswered-drop"]);
    assert!(!round.is_more && round.wait.is_some(), "{round:#?}");
    let round = made(&exchange, &RealDisk).expect("made");
    assert!(told(&round).is_empty(), "{round:#?}");
    assert_eq!(
        answer(&exchange, "crm/contacts_2.csv")["status"],
        "accepted"
    );
    assert_eq!(round.wait, None);
}

#[test]
fn what_is_saved_into_the_conflict_inbox_while_it_is_written_anew_is_read_next() {
    let exchange = exchange(&(config() + "[exchange]\nconflicts = \"inbox/conflicts.csv\"\n"));
    made(&exchange, &RealDisk).expect("made");
    let disagree = |file: &str, contact: &str, customer: &str| {
        exchange
            .put(file, CONTACTS.replace("Rome", contact))
            .put("erp/customers.csv", CUSTOMERS.replace("Rome", customer));
    };
    let inbox = exchange.path("inbox/conflicts.csv");
    let edit = "Action,Conflict,Decision\nresolve,K1,base\n";
    let saves = |was_there: bool| {
        let inbox = inbox.clone();
        let save = move |path: &Path| match path.ends_with("inbox/.couplet-conflicts.csv.tmp") {
            true => fs::write(&inbox, edit),
            false => Ok(()),
        };
        match was_there {
            true => Meddled {
                creating: Some(Box::new(save)),
                ..Meddled::default()
            },
            false => Meddled {
                renaming: Some(Box::new(save)),
                ..Meddled::default()
            },
        }
    };
    let numbered = ["crm/contacts_2.csv", "crm/contacts_3.csv"];
    for (file, was_there) in numbered.into_iter().zip([true, false]) {
        disagree(file, file, "Kiel");
        if !was_there {
            fs::remove_file(&inbox).expect("removed");
        }
        made(&exchange, &saves(was_there)).expect("made");
        assert_eq!(exchange.text("inbox/conflicts.csv"), edit);
        made(&exchange, &RealDisk).expect("made");
        let answer = exchange.text("inbox/answers/conflicts.csv.answer.json");
        assert!(answer.contains("conflict K1 is not open"), "{answer}");
        assert!(exchange.text("inbox/conflicts.csv").contains("City"));
    }
}

#[test]
fn check_names_folders_in_which_nothing_can_be_written() {
    let exchange = exchange(&config());
    made(&exchange, &RealDisk).expect("made");
    let config = config::parse(exchange.config(), &exchange.path("config.toml")).expect("right");
    let told = |forbidden: &str| -> Vec<(String, bool)> {
        let disk = Meddled {
            forbidden: Some(exchange.path(forbidden)),
            ..Meddled::default()
        };
        let findings = findings(&config, &disk).into_iter();
        let told = findings.map(|finding| (finding.to_string(), finding.is_fatal));
        told.collect()
    };
    assert!(told("nowhere").is_empty());
    for (folder, of, said, is_fatal) in [
        (
            "erp",
            "erp",
            "tables.customers.write_back: nothing can be written there: permission denied",
            true,
        ),
        // It is made once something is written to it.
        (
            "crm",
            "crm/updates",
            "tables.contacts.write_back: it does not exist and cannot be made, since nothing can be written to",
            true,
        ),
        (
            "crm",
            "crm",
            "tables.contacts.export: nothing can be written there: permission denied",
            false,
        ),
    ] {
        let told = told(folder);
        let said = format!("{}: {said}", exchange.path(of).display());
        let mut of_it = told.iter().filter(|(text, _)| text.starts_with(&said));
        let found = of_it
            .next()
            .unwrap_or_else(|| panic!("{said} in {told:#?}"));
        assert_eq!(found.1, is_fatal, "{told:#?}");
    }
}

#[test]
fn check_does_not_take_a_folder_that_it_may_not_see_for_one_that_is_not_there() {
    let exchange = exchange(&config());
    let config = config::parse(exchange.config(), &exchange.path("config.toml")).expect("right");
    let disk = Meddled {
        hidden: Some(exchange.path("")),
        ..Meddled::default()
    };
    let told: Vec<String> = findings(&config, &disk)
        .iter()
        .map(ToString::to_string)
        .collect();
    let denied =
        "it cannot be looked at: permission denied; see to the permissions of the folders above it";
    for (folder, key) in [
        ("crm", "tables.contacts.export"),
        ("crm/updates", "tables.contacts.write_back"),
        ("erp", "tables.customers.write_back"),
    ] {
        let said = format!("{}: {key}: {denied}", exchange.path(folder).display());
        assert!(told.contains(&said), "{said} in {told:#?}");
    }
    assert!(
        !told.iter().any(|said| said.contains("does not exist")),
        "{told:#?}"
    );
}

/// Nobody listens.
struct Deaf;

impl Observer for Deaf {
    fn looked(&self) {}
    fn begins(&self) {}
    fn made(&self, _: &Round) {}
    fn failed(&self, _: &str) {}
    fn watching(&self) {}
}

#[test]
fn a_drop_over_which_the_program_breaks_down_is_set_aside_and_the_others_go_on() {
    let exchange = exchange(&config());
    let config = config::parse(exchange.config(), &exchange.path("config.toml")).expect("right");
    fs::create_dir_all(&config.state).expect("a folder");
    let lock = Lock::take(&config.state).expect("free");
    exchange.put("crm/contacts_2.csv", CONTACTS.replace("Rome", "Bern"));
    let breaks_down = |path: &Path| {
        let name = path.display().to_string();
        assert!(!name.contains("-contacts_2.csv"), "a bug of ours");
    };
    let disk = Meddled {
        opening: Some(breaks_down),
        ..Meddled::default()
    };
    let effects = Effects {
        disk: &disk,
        clock: &StillClock,
        stage: &|_| {},
    };
    let (ask, asked) = tokio::sync::mpsc::unbounded_channel();
    let failed = exchange.path("crm/failed");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let reason = || {
        let mut files = RealDisk.list(&failed).unwrap_or_default().into_iter();
        files.find(|path| {
            path.to_string_lossy()
                .ends_with("contacts_2.csv.reason.txt")
        })
    };
    runtime.block_on(async {
        let watched = async {
            while reason().is_none() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            exchange.put("crm/contacts_3.csv", CONTACTS.replace("Rome", "Oslo"));
            while !exchange.text("erp/customers.csv").contains("Oslo") {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            ask.send(Asked::Stop).expect("heard");
        };
        tokio::join!(
            daemon::run(config, &effects, &Store::open, &lock, asked, &Deaf),
            watched
        );
    });
    let reason = fs::read_to_string(reason().expect("a reason")).expect("text");
    assert!(reason.contains("broke down"), "{reason}");
}
