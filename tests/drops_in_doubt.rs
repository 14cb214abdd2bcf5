//! Drops that are halted, cut, overwritten, announced by another version's marker or come out of order: none is read half, none
//! twice, and none is lost.

mod support;

#[path = "support/dropped.rs"]
mod dropped;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use couplet::disk::{Disk as _, Identity, RealDisk};
use couplet::exchange::Looks;
use dropped::{DROPS, IN_PLACE, JustBefore, Rounds, answer, approve, is_answered, relations, rows};
use support::{Exchange, Ran};

/// Contacts and customers are dropped; a record that is missing from them takes its relation along.
fn config() -> String {
    format!("{DROPS}{IN_PLACE}")
}

/// The same, with more said of the contacts.
fn with_contacts(said: &str) -> String {
    dropped::with_contacts(&config(), said)
}

/// Twenty couples in Rome whose first drops were read, however they are announced.
fn exchange(config: &str) -> Exchange {
    let exchange = Exchange::new(config);
    exchange
        .put("crm/contacts_1.csv", rows('C', 20, "Rome"))
        .put("crm/contacts_1.csv.done", "")
        .put(
            "crm/1.manifest.json",
            "{\"files\":[{\"name\":\"contacts_1.csv\",\"sequence\":1}]}",
        )
        .put("erp/customers.csv", rows('K', 20, "Rome"))
        .put("relations.csv", relations(20));
    let first = exchange.run(&["reconcile"]);
    assert_eq!(first.code, 0, "{first:?}");
    exchange
}

#[test]
fn a_late_delta_that_was_read_before_a_claimed_one_is_not_read_again_after_it() {
    let exchange = exchange(&with_contacts("contents = \"delta\""));
    exchange.put("crm/contacts_3.csv", rows('C', 15, "Third"));
    assert_eq!(exchange.run(&["reconcile"]).code, 4, "claimed, and halted");
    exchange.put("crm/contacts_2.csv", rows('C', 1, "Second"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 4, "2 is read, 3 is halted again: {ran:?}");
    approve(&exchange, &ran.out);
    assert_eq!(exchange.run(&["reconcile"]).code, 0);
    let update = exchange.text("erp/updates/customers_000003.csv");
    assert!(update.contains("K1,Name 1,Third"), "{update}");
    // Nothing has come since, so nothing is news.
    exchange.run(&["reconcile"]);
    assert!(!exchange.path("erp/updates/customers_000004.csv").exists());
}

/// Has the share of the contacts go away, so that its empty mount point stands there during a pass, and come back.
fn pass_without_contacts(exchange: &Exchange) {
    fs::rename(exchange.path("crm"), exchange.path("away")).expect("gone away");
    fs::create_dir(exchange.path("crm")).expect("a mount point");
    exchange.run(&["reconcile"]);
    fs::remove_dir(exchange.path("crm")).expect("nothing was put there");
    fs::rename(exchange.path("away"), exchange.path("crm")).expect("come back");
}

#[test]
fn a_claimed_drop_is_not_forgotten_while_its_mount_point_is_empty() {
    let exchange = exchange(&config());
    exchange.put("crm/contacts_2.csv", rows('C', 20, "Oslo"));
    assert_eq!(exchange.run(&["reconcile"]).code, 4, "claimed, and halted");
    pass_without_contacts(&exchange);
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 4, "it still waits: {ran:?}");
}

#[test]
fn an_answer_that_could_not_be_written_is_owed_wherever_its_drop_is_by_now() {
    let exchange = exchange(&config());
    fs::remove_dir_all(exchange.path("crm/answers")).expect("removed");
    exchange.put("crm/answers", "no folder").put(
        "crm/contacts_2.csv",
        rows('C', 20, "Rome") + "C21,Name 21,Pisa\n",
    );
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    pass_without_contacts(&exchange);
    fs::remove_file(exchange.path("crm/answers")).expect("removed");
    fs::remove_dir_all(exchange.path("crm/done")).expect("removed");
    exchange.run(&["reconcile"]);
    let answer = answer(&exchange, "crm/contacts_2.csv");
    assert_eq!(answer["classes"]["new"], 1, "{answer}");
}

/// Runs the program from a folder of the exchange, with its configuration named so.
fn run_from(exchange: &Exchange, folder: &str, config: &str, arguments: &[&str]) -> Ran {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_couplet"))
        .args(["--config", config])
        .args(arguments)
        .current_dir(exchange.path(folder))
        .output()
        .expect("couplet runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran {
        code: output.status.code().expect("an exit code"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

#[test]
fn a_claim_is_known_from_wherever_and_however_the_configuration_is_named() {
    let exchange = exchange(&with_contacts("ready = \"manifest\""));
    let manifest = "{\"files\":[{\"name\":\"contacts_2.csv\"},{\"name\":\"contacts_3.csv\"}]}";
    exchange
        .put("crm/contacts_2.csv", rows('C', 20, "Oslo"))
        .put("crm/contacts_3.csv", rows('C', 20, "Oslo"))
        .put("crm/2.manifest.json", manifest);
    // A halted drop stays claimed.
    assert_eq!(exchange.run(&["reconcile"]).code, 4);
    let whole = exchange.path("config.toml").display().to_string();
    let elsewhere = exchange.path("").parent().expect("a folder").to_owned();
    let name = exchange.path("").file_name().expect("a name").to_owned();
    let from_outside = format!("{}/config.toml", name.to_string_lossy());
    let elsewhere = elsewhere.display().to_string();
    for (folder, config) in [
        ("", whole.as_str()),
        ("crm", "../config.toml"),
        (elsewhere.as_str(), from_outside.as_str()),
    ] {
        let ran = run_from(&exchange, folder, config, &["reconcile"]);
        assert_eq!(ran.code, 4, "{config}: {ran:?}");
    }
    let halted = run_from(&exchange, "", &whole, &["reconcile", "--format", "json"]);
    let halted: serde_json::Value = serde_json::from_str(&halted.out).expect("JSON");
    let halt = halted["halt"].as_str().expect("a halt");
    let approved = run_from(&exchange, "crm", "../config.toml", &["approve", halt]);
    assert_eq!(approved.code, 0, "{approved:?}");
    let ran = run_from(&exchange, "", &whole, &["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for name in ["contacts_2", "contacts_3"] {
        let drop = format!("crm/{name}.csv");
        assert!(is_answered(&exchange, &drop), "{drop}");
    }
    let kept = RealDisk.list(&exchange.path("crm/work")).expect("listed");
    assert!(kept.is_empty(), "{kept:?}");
    // What was read last is found as well.
    for (folder, config) in [("", whole.as_str()), ("crm", "../config.toml")] {
        let ran = run_from(&exchange, folder, config, &["reconcile"]);
        assert!(ran.out.contains("All in step"), "{ran:?}");
        assert_eq!(ran.code, 0, "{ran:?}");
    }
}

#[test]
fn what_a_manifest_says_of_records_still_counts_after_a_halt() {
    let exchange = exchange(&with_contacts("ready = \"manifest\""));
    exchange
        .put("crm/contacts_2.csv", rows('C', 18, "Rome"))
        .put(
            "crm/2.manifest.json",
            "{\"files\":[{\"name\":\"contacts_2.csv\",\"records\":20}]}",
        )
        .put("erp/customers.csv", rows('K', 10, "Rome"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 4, "half of the customers are gone: {ran:?}");
    exchange.put("erp/customers.csv", rows('K', 20, "Rome"));
    exchange.run(&["reconcile"]);
    assert_eq!(exchange.text("relations.csv"), relations(20));
    let answer = answer(&exchange, "crm/contacts_2.csv");
    assert_eq!(answer["status"], "rejected");
}

#[test]
fn two_deltas_of_one_manifest_are_both_read() {
    let config = with_contacts("contents = \"delta\"\nready = \"manifest\"");
    let exchange = exchange(&config);
    exchange
        .put("crm/contacts_2.csv", rows('C', 1, "Second"))
        .put("crm/contacts_3.csv", rows('C', 1, "Third"))
        .put(
            "crm/set.manifest.json",
            "{\"files\":[{\"name\":\"contacts_2.csv\"},{\"name\":\"contacts_3.csv\"},{\"name\":\"readme.txt\"}]}",
        )
        .put("crm/readme.txt", "for nobody");
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let update = exchange.text("erp/updates/customers_000003.csv");
    assert!(update.contains("K1,Name 1,Third"), "{update}");
    assert!(
        !exchange.path("crm/set.manifest.json").exists(),
        "it would announce the next files of these names"
    );
}

#[test]
fn a_manifest_announces_each_file_once_however_long_it_stands_there() {
    let config = with_contacts("contents = \"delta\"\nready = \"manifest\"\non_gap = \"hold\"");
    let exchange = exchange(&config);
    exchange
        .put("crm/contacts_2.csv", rows('C', 1, "Second"))
        .put("crm/contacts_9.csv", rows('C', 1, "Ninth"))
        .put(
            "crm/set.manifest.json",
            "{\"files\":[{\"name\":\"contacts_2.csv\"},{\"name\":\"contacts_9.csv\"}]}",
        );
    exchange.run(&["reconcile"]);
    assert!(!exchange.path("crm/contacts_2.csv").exists(), "it is read");
    assert!(exchange.path("crm/contacts_9.csv").exists(), "it waits");
    // Another file of the same name is being written.
    exchange.put("crm/contacts_2.csv", rows('C', 1, "Half"));
    exchange.run(&["reconcile"]);
    assert!(exchange.path("crm/contacts_2.csv").exists());
}

#[test]
fn a_manifest_that_is_written_anew_announces_its_file_although_the_last_one_still_waits() {
    let config = with_contacts("ready = \"manifest\"")
        .replace("contacts_*.csv", "contacts*.csv")
        .replace("sequence = 'contacts_(\\d+)'\n", "");
    let exchange = exchange(&config);
    for (count, code) in [(10, 4), (20, 0)] {
        exchange
            .put("crm/contacts.csv", rows('C', count, "Rome"))
            .put(
                "crm/set.manifest.json",
                format!("{{\"files\":[{{\"name\":\"contacts.csv\",\"records\":{count}}}]}}"),
            );
        let ran = exchange.run(&["reconcile"]);
        assert_eq!(ran.code, code, "{ran:?}");
    }
    assert!(!exchange.path("crm/contacts.csv").exists(), "it is read");
    assert_eq!(exchange.text("relations.csv"), relations(20));
}

#[test]
fn a_manifest_alone_says_which_file_is_older() {
    let config =
        with_contacts("ready = \"manifest\"").replace("sequence = 'contacts_(\\d+)'\n", "");
    let exchange = exchange(&config);
    for (number, city) in [(3, "New"), (2, "Old")] {
        let manifest =
            format!("{{\"files\":[{{\"name\":\"contacts_{number}.csv\",\"sequence\":{number}}}]}}");
        exchange
            .put(
                &format!("crm/contacts_{number}.csv"),
                rows('C', 20, "Rome").replacen("Rome", city, 1),
            )
            .put("crm/set.manifest.json", manifest);
        exchange.run(&["reconcile"]);
    }
    let answer = answer(&exchange, "crm/contacts_2.csv");
    assert_eq!(answer["status"], "stale");
}

#[test]
fn a_drop_that_is_overwritten_after_it_was_found_complete_is_not_read_half() {
    let exchange = exchange(&config());
    exchange.put("erp/customers.csv", rows('K', 20, "Rome"));
    let looks = JustBefore {
        file: exchange.path("erp/customers.csv"),
        begun: rows('K', 18, "Rome"),
    };
    let mut rounds = Rounds::of(&exchange);
    rounds.make(&RealDisk, &looks).expect("a round");
    assert_eq!(exchange.text("relations.csv"), relations(20));
    assert_eq!(
        exchange.text("erp/customers.csv"),
        looks.begun,
        "its writer finds it where it was"
    );
    assert!(rounds.store.open_drops().expect("a ledger").is_empty());
}

#[test]
fn a_marker_of_the_version_before_says_nothing_of_a_drop() {
    let config = with_contacts("ready = \"marker\"")
        .replace("contacts_*.csv", "contacts.csv")
        .replace("sequence = 'contacts_(\\d+)'\n", "");
    let exchange = Exchange::new(&config);
    let complete = || {
        exchange
            .put("crm/contacts.csv", rows('C', 20, "Rome"))
            .put("crm/contacts.csv.done", "");
    };
    complete();
    exchange
        .put("erp/customers.csv", rows('K', 20, "Rome"))
        .put("relations.csv", relations(20));
    assert_eq!(exchange.run(&["reconcile"]).code, 0);
    // Monday's export comes while Couplet is down; when it starts, Tuesday's is being written over it.
    complete();
    std::thread::sleep(Duration::from_millis(50));
    exchange.put("crm/contacts.csv", rows('C', 18, "Rome"));
    exchange.run(&["reconcile"]);
    assert_eq!(exchange.text("relations.csv"), relations(20));
    complete();
    exchange.run(&["reconcile"]);
    assert!(!exchange.path("crm/contacts.csv").exists());
}

#[test]
fn mended_rows_need_no_marker_and_no_manifest() {
    for ready in ["marker", "manifest"] {
        let exchange = exchange(&with_contacts(&format!("ready = \"{ready}\"")));
        let lame = rows('C', 20, "Rome").replace("C4,Name 4,Rome", "C4,Name 4");
        exchange
            .put("crm/contacts_2.csv", lame)
            .put("crm/contacts_2.csv.done", "")
            .put(
                "crm/2.manifest.json",
                "{\"files\":[{\"name\":\"contacts_2.csv\"}]}",
            );
        exchange.run(&["reconcile"]);
        let failed = fs::read_dir(exchange.path("crm/failed")).expect("a folder");
        let mut names = failed.map(|entry| entry.expect("an entry").file_name());
        let name = names.find(|name| name.to_string_lossy().ends_with(".rows.csv"));
        let name = name.expect("the row that was left out");
        let name = name.to_str().expect("text");
        let mended = exchange.text(&format!("crm/failed/{name}"));
        let mended = mended.replace("C4,Name 4", "C4,Name 4,Pisa");
        exchange.put(&format!("crm/{name}"), mended);
        exchange.run(&["reconcile"]);
        assert!(!exchange.path(&format!("crm/{name}")).exists(), "{ready}");
    }
}

#[test]
fn a_drop_with_a_long_name_stops_nobody_else() {
    for length in [222, 237] {
        let exchange = exchange(&config());
        let name = format!("crm/contacts_2_{}.csv", "x".repeat(length));
        exchange.put(&name, rows('C', 20, "Oslo")).put(
            "erp/customers.csv",
            rows('K', 20, "Rome").replacen("Rome", "Kiel", 1),
        );
        let ran = exchange.run(&["reconcile"]);
        assert_eq!(ran.code, 3, "{ran:?}");
        let update = exchange.text("crm/updates/contacts_000002.csv");
        assert!(update.contains("Kiel"), "{update}");
        let told = exchange.run(&["problems", "list"]).out;
        assert!(told.contains("drop it under a shorter name"), "{told}");
    }
}

#[test]
fn a_delta_without_a_record_says_that_nothing_has_changed() {
    let config = with_contacts("contents = \"delta\"\non_gap = \"hold\"");
    let exchange = exchange(&config);
    exchange
        .put("crm/contacts_2.csv", "No.,Name,City\n")
        .put("crm/contacts_3.csv", rows('C', 1, "Third"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let answer = answer(&exchange, "crm/contacts_2.csv");
    assert_eq!(
        (&answer["status"], &answer["rows"]),
        (&"accepted".into(), &0.into())
    );
    let update = exchange.text("erp/updates/customers_000003.csv");
    assert_eq!(update, "No.,Name,City\nK1,Name 1,Third\n");
}

#[test]
fn an_empty_json_delta_takes_no_column_away() {
    let config = with_contacts("contents = \"delta\"").replace("contacts_*.csv", "contacts_*.json");
    let exchange = Exchange::new(&config);
    let record = |no: u8, city: &str| {
        format!("{{\"No.\":\"C{no}\",\"Name\":\"Name {no}\",\"City\":\"{city}\"}}")
    };
    exchange
        .put(
            "crm/contacts_1.json",
            format!("[{},{}]", record(1, "Rome"), record(2, "Rome")),
        )
        .put("erp/customers.csv", rows('K', 2, "Rome"))
        .put("relations.csv", relations(2));
    exchange.run(&["reconcile"]);
    exchange.put("crm/contacts_2.json", "[]");
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    exchange
        .put("crm/contacts_3.json", format!("[{}]", record(1, "Pisa")))
        .put(
            "erp/customers.csv",
            rows('K', 1, "Rome") + "K2,Name 2,Oslo\n",
        );
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        exchange.text("erp/updates/customers_000003.csv"),
        "No.,Name,City\nK1,Name 1,Pisa\n"
    );
    assert!(
        exchange
            .text("crm/updates/contacts_000003.json")
            .contains("Oslo")
    );
}

#[test]
fn a_file_is_not_superseded_by_one_that_cannot_be_read() {
    let exchange = exchange(&config());
    let broken = rows('C', 20, "Rome").replace("C4,Name 4", "C4,\"Name 4");
    exchange
        .put(
            "crm/contacts_2.csv",
            rows('C', 20, "Rome").replacen("Rome", "Kiel", 1),
        )
        .put(
            "crm/contacts_3.csv",
            rows('C', 20, "Rome").replacen("Rome", "Pisa", 1),
        )
        .put("crm/contacts_4.csv", broken);
    exchange.run(&["reconcile"]);
    let status =
        |number: u8| answer(&exchange, &format!("crm/contacts_{number}.csv"))["status"].clone();
    assert_eq!(
        [status(2), status(3), status(4)],
        ["superseded", "accepted", "rejected"]
    );
    let update = exchange.text("erp/updates/customers_000003.csv");
    assert_eq!(update, "No.,Name,City\nK1,Name 1,Pisa\n");
}

#[test]
fn a_state_that_begins_anew_keeps_what_waits_to_be_mended() {
    let exchange = Exchange::new(&config());
    exchange
        .put("erp/customers.csv", rows('K', 20, "Rome"))
        .put("relations.csv", relations(20));
    for broken in ["C1,\"first\n", "C1,\"second\n"] {
        exchange.put("crm/contacts_1.csv", format!("No.,Name,City\n{broken}"));
        exchange.run(&["reconcile"]);
        fs::remove_dir_all(exchange.path("state")).expect("lost");
    }
    let failed = fs::read_dir(exchange.path("crm/failed")).expect("a folder");
    assert_eq!(failed.count(), 4, "two files, each with its reason");
}

/// Somebody who finds one file still being written.
struct StillWritten(PathBuf);

impl Looks for StillWritten {
    fn is_settled(&self, path: &Path, _identity: &Identity) -> bool {
        path != self.0
    }

    fn age(&self, _path: &Path) -> Duration {
        Duration::MAX
    }
}

#[test]
fn a_delta_that_waits_for_one_that_is_still_written_is_looked_at_again_though_nothing_comes() {
    let exchange = exchange(&with_contacts("contents = \"delta\""));
    let looks = StillWritten(exchange.path("crm/contacts_2.csv"));
    let mut rounds = Rounds::of(&exchange);
    let mut made = || rounds.make(&RealDisk, &looks).expect("a round");
    assert_eq!(made().wait, None, "nothing waits");
    exchange
        .put("crm/contacts_2.csv", rows('C', 1, "Second"))
        .put("crm/contacts_3.csv", rows('C', 1, "Third"));
    let waits = made();
    assert!(waits.wait.is_some() && !waits.is_more, "{waits:#?}");
    // Its writer gives up: no file comes, and no event tells anything.
    fs::remove_file(&looks.0).expect("removed");
    made();
    assert!(!exchange.path("crm/contacts_3.csv").exists());
}

/// Somebody who has known of every file for so long.
struct Known(Duration);

impl Looks for Known {
    fn is_settled(&self, _path: &Path, _identity: &Identity) -> bool {
        true
    }

    fn age(&self, _path: &Path) -> Duration {
        self.0
    }
}

#[test]
fn a_drop_that_waits_for_too_long_is_a_problem_although_its_table_was_read_before() {
    let config = with_contacts("ready = \"marker\"") + "[run]\ntogether_within = \"1h\"\n";
    let exchange = Exchange::new(&config);
    exchange
        .put("crm/contacts_1.csv", rows('C', 20, "Rome"))
        .put("crm/contacts_1.csv.done", "")
        .put("erp/customers.csv", rows('K', 20, "Rome"))
        .put("relations.csv", relations(20));
    let mut rounds = Rounds::of(&exchange);
    let mut told = |minutes: u64| {
        let looks = Known(Duration::from_secs(60 * minutes));
        let round = rounds.make(&RealDisk, &looks).expect("a round");
        let problems = rounds.store.problems().expect("problems").into_iter();
        let reasons: Vec<String> = problems.map(|known| known.problem.reason).collect();
        (reasons, round.wait)
    };
    assert_eq!(told(0), (vec![], None));
    exchange.put("crm/contacts_2.csv", rows('C', 21, "Rome"));
    let half_an_hour = Duration::from_secs(30 * 60);
    assert_eq!(told(30), (vec![], Some(half_an_hour)));
    let waits = "contacts_2.csv waits for its marker contacts_2.csv.done".to_owned();
    assert_eq!(told(60), (vec![waits], None));
    exchange.put("crm/contacts_2.csv.done", "");
    assert_eq!(told(61), (vec![], None));
    assert!(!exchange.path("crm/contacts_2.csv").exists());
}
