//! Drop folders: files are claimed, read once, answered and archived; what fails is set apart to be mended.

mod support;

#[path = "support/dropped.rs"]
mod dropped;

use std::fs;

use dropped::{
    CONTACTS, CUSTOMERS, DROPS, RELATIONS, answer, approve, files, is_answered, json, rows,
    with_contacts, with_customers, with_drops,
};
use support::{Exchange, Ran};

/// An exchange whose first drops were read.
fn exchange() -> Exchange {
    exchange_with(DROPS)
}

fn exchange_with(config: &str) -> Exchange {
    let exchange = with_drops(config);
    let first = exchange.run(&["reconcile"]);
    assert_eq!(first.code, 0, "{first:?}");
    exchange
}

/// Without the day, which is today.
fn undated(paths: Vec<String>) -> Vec<String> {
    let undate = |path: String| match path.split_once("/done/") {
        Some((inbox, rest)) => format!(
            "{inbox}/done/{}",
            rest.split_once('/').map_or(rest, |(_, file)| file)
        ),
        None => path,
    };
    paths.into_iter().map(undate).collect()
}

/// The problems that wait.
fn told(exchange: &Exchange) -> String {
    exchange.run(&["problems", "list"]).out
}

fn in_step(ran: &Ran) {
    assert!(ran.code == 0 && ran.out.contains("All in step"), "{ran:?}");
}

#[test]
fn a_drop_is_claimed_read_answered_and_archived() {
    let exchange = exchange();
    assert_eq!(
        undated(files(&exchange, "crm")),
        [
            "crm/answers/contacts_1.csv.answer.json",
            "crm/done/000001-contacts_1.csv"
        ]
    );
    let answer = answer(&exchange, "crm/contacts_1.csv");
    assert_eq!(answer["status"], "accepted");
    assert_eq!(answer["rows"], 2);
    assert_eq!(answer["classes"]["new"], 2);
    // A pass without a new drop reads what was read last.
    in_step(&exchange.run(&["reconcile"]));
}

#[test]
fn a_change_in_a_drop_reaches_a_side_whose_file_was_archived_long_ago() {
    let exchange = exchange();
    exchange.put("crm/contacts_2.csv", CONTACTS.replace("Rome", "Oslo"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        exchange.text("erp/updates/customers_000002.csv"),
        "No.,Name,City\n10,Acme,Oslo\n"
    );
    let answer = answer(&exchange, "crm/contacts_2.csv");
    assert_eq!(answer["classes"]["changed"], 1);
    assert_eq!(answer["classes"]["unchanged"], 1);
    // The ledger imports it, and drops what it shows then.
    exchange.put("erp/customers.csv", CUSTOMERS.replace("Rome", "Oslo"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let status = exchange.run(&["status", "--format", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status.out).expect("JSON");
    assert_eq!(status["in_flight"], serde_json::json!({}), "{status}");
}

#[test]
fn the_same_file_twice_is_a_duplicate_and_the_same_name_with_other_content_is_news() {
    let exchange = exchange();
    exchange.put("erp/customers.csv", CUSTOMERS);
    let ran = exchange.run(&["reconcile"]);
    assert!(
        ran.code == 0 && ran.out.contains("erp/customers.csv: duplicate"),
        "{ran:?}"
    );
    assert_eq!(
        answer(&exchange, "erp/customers.csv")["status"],
        "duplicate"
    );
    exchange.put("erp/customers.csv", CUSTOMERS.replace("Bern", "Basel"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        exchange
            .text("crm/updates/contacts_000003.csv")
            .contains("C2,Beta,Basel")
    );
    // A, B, A again is news.
    exchange.put("erp/customers.csv", CUSTOMERS);
    exchange.run(&["reconcile"]);
    assert_eq!(answer(&exchange, "erp/customers.csv")["status"], "accepted");
}

#[test]
fn an_older_file_after_a_newer_one_is_stale_and_not_read() {
    let exchange = exchange();
    exchange.put("crm/contacts_7.csv", CONTACTS.replace("Rome", "Oslo"));
    exchange.run(&["reconcile"]);
    exchange.put("crm/contacts_3.csv", CONTACTS.replace("Rome", "Kiel"));
    let ran = exchange.run(&["reconcile"]);
    assert!(
        ran.out
            .contains("crm/contacts_3.csv: stale, it is older (3) than the one read last (7)"),
        "{ran:?}"
    );
    assert!(!exchange.path("erp/updates/customers_000003.csv").exists());
    assert_eq!(answer(&exchange, "crm/contacts_3.csv")["status"], "stale");
}

#[test]
fn of_several_full_files_the_newest_is_read_and_the_others_are_answered_all_the_same() {
    let exchange = exchange();
    for number in 2..40 {
        exchange.put(
            &format!("crm/contacts_{number}.csv"),
            CONTACTS.replace("Rome", &format!("Town {number}")),
        );
    }
    let ran = exchange.run(&["reconcile"]);
    assert!(
        ran.out.contains("37 files were superseded by newer ones"),
        "{ran:?}"
    );
    assert!(
        exchange
            .text("erp/updates/customers_000002.csv")
            .contains("Town 39")
    );
    for number in 2..39 {
        let answer = answer(&exchange, &format!("crm/contacts_{number}.csv"));
        assert_eq!(answer["status"], "superseded");
    }
    assert!(
        undated(files(&exchange, "crm"))
            .iter()
            .all(|path| !path.contains("/work/"))
    );
}

#[test]
fn deltas_are_read_in_order_one_after_the_other_and_a_gap_is_told() {
    let exchange = exchange_with(&with_contacts(DROPS, "contents = \"delta\""));
    exchange
        .put("crm/contacts_3.csv", "No.,Name,City\nC1,Acme,Third\n")
        .put(
            "crm/contacts_2.csv",
            "No.,Name,City\nC1,Acme,Second\nC2,Beta,Basel\n",
        );
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        exchange
            .text("erp/updates/customers_000002.csv")
            .contains("10,Acme,Second\n20,Beta,Basel")
    );
    assert_eq!(
        exchange.text("erp/updates/customers_000003.csv"),
        "No.,Name,City\n10,Acme,Third\n"
    );
    exchange.put("crm/contacts_5.csv", "No.,Name,City\nC1,Acme,Fifth\n");
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.out
            .contains("the files between 3 and this one have not come"),
        "{ran:?}"
    );
    assert!(
        exchange
            .text("erp/updates/customers_000004.csv")
            .contains("Fifth"),
        "it is read all the same"
    );
}

#[test]
fn a_delta_after_a_gap_waits_where_that_is_configured() {
    let said = "contents = \"delta\"\non_gap = \"hold\"";
    let exchange = exchange_with(&with_contacts(DROPS, said));
    exchange.put("crm/contacts_3.csv", "No.,Name,City\nC1,Acme,Third\n");
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        told(&exchange).contains("it waits for the files after 1"),
        "{ran:?}"
    );
    assert!(exchange.path("crm/contacts_3.csv").exists());
    exchange.put("crm/contacts_2.csv", "No.,Name,City\nC2,Beta,Second\n");
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!exchange.path("crm/contacts_3.csv").exists());
}

#[test]
fn a_file_that_cannot_be_read_is_set_apart_with_its_reason_and_the_rest_goes_on() {
    let exchange = exchange();
    exchange
        .put(
            "crm/contacts_2.csv",
            "No.,Name,City\nC1,\"Acme,Rome\nC2,Beta,Bern\n",
        )
        .put("erp/customers.csv", CUSTOMERS.replace("Bern", "Basel"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.out.contains("crm/contacts_2.csv: rejected, see"),
        "{ran:?}"
    );
    let reason = exchange.text("crm/failed/000003-contacts_2.csv.reason.txt");
    assert!(reason.contains("It was not read: line "), "{reason}");
    assert_eq!(exchange.bytes("crm/failed/000003-contacts_2.csv").len(), 41);
    assert_eq!(
        answer(&exchange, "crm/contacts_2.csv")["status"],
        "rejected"
    );
    let updates = files(&exchange, "crm/updates");
    assert_eq!(
        updates.len(),
        1,
        "the customer's change reaches the contact: {updates:?}"
    );
    // What failed waits for a person until the file is gone from its folder.
    let status = exchange.run(&["status"]);
    assert!(
        status.code == 3 && status.out.contains("crm/failed/000003-contacts_2.csv"),
        "{status:?}"
    );
    fs::remove_file(exchange.path("crm/failed/000003-contacts_2.csv")).expect("removed");
    let status = exchange.run(&["status"]);
    assert_eq!(status.code, 0, "{status:?}");
}

#[test]
fn rows_that_are_left_out_can_be_mended_and_dropped_again() {
    let exchange = exchange();
    let bad = "No.,Name,City\r\nC1,Acme,Oslo\r\nC2,Beta\r\nC3,\"Gamma\nand Sons\",Kiel,x\r\n";
    exchange.put("crm/contacts_2.csv", bad);
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let answered = answer(&exchange, "crm/contacts_2.csv");
    assert_eq!(answered["status"], "partly");
    let classes = answered["classes"].as_object().expect("classes");
    assert_eq!(
        classes
            .values()
            .map(|count| count.as_u64().unwrap())
            .sum::<u64>(),
        3
    );
    assert_eq!(classes["rejected"], 2);
    assert_eq!(answered["notes"][0]["line"], 3);
    let rows = "crm/failed/contacts_2.3.rows.csv";
    assert_eq!(
        exchange.text(rows),
        "No.,Name,City\r\nC2,Beta\r\nC3,\"Gamma\nand Sons\",Kiel,x\r\n"
    );
    let reason = exchange.text("crm/failed/000003-contacts_2.csv.reason.txt");
    assert!(
        reason.contains("line 3: the row has 2 cells")
            && reason.contains("contacts_2.3.rows.csv holds these rows"),
        "{reason}"
    );
    // A person mends them in that file and moves it back; nobody takes it for all contacts.
    let mended = exchange
        .text(rows)
        .replace("C2,Beta", "C2,Beta,Basel")
        .replace("Kiel,x", "Kiel");
    fs::remove_file(exchange.path(rows)).expect("removed");
    exchange.put("crm/contacts_2.3.rows.csv", mended);
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        exchange
            .text("erp/updates/customers_000003.csv")
            .contains("20,Beta,Basel")
    );
    in_step(&exchange.run(&["reconcile"]));
    // And the next full export is compared with everything that is known.
    exchange.put(
        "crm/contacts_3.csv",
        "No.,Name,City\r\nC1,Acme,Oslo\r\nC2,Beta,Basel\r\nC3,\"Gamma\nand Sons\",Kiel\r\n",
    );
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        answer(&exchange, "crm/contacts_3.csv")["classes"]["unchanged"],
        3
    );
}

/// An exchange to which contacts were dropped in this file, with what it was answered.
fn after_dropping(more: &str, name: &str, text: &str) -> (Exchange, serde_json::Value) {
    let config = with_contacts(DROPS, more).replace("contacts_*.csv", "contacts_*.json");
    let exchange = Exchange::new(&config);
    exchange
        .put(&format!("crm/{name}"), text)
        .put("erp/customers.csv", CUSTOMERS)
        .put("relations.csv", RELATIONS);
    exchange.run(&["reconcile"]);
    let answered = answer(&exchange, &format!("crm/{name}"));
    (exchange, answered)
}

#[test]
fn a_bad_row_of_a_file_in_one_line_leaves_the_others_in() {
    let rows = "[{\"No\":\"1\",\"Name\":\"A\"},{\"No\":\"2\",\"Name\":\"B\",\"No\":\"3\"},{\"No\":\"4\",\"Name\":\"D\"}]\n";
    let (exchange, answered) = after_dropping("", "contacts_1.json", rows);
    assert_eq!(answered["classes"]["rejected"], 1, "{answered:#}");
    assert_eq!(answered["notes"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        exchange.text("crm/failed/contacts_1.1.rows.json"),
        "[{\"No\":\"2\",\"Name\":\"B\",\"No\":\"3\"}]\n"
    );
}

#[test]
fn a_conflict_of_one_row_of_a_line_is_not_that_of_the_others() {
    let (exchange, _) = after_dropping(
        "",
        "contacts_1.json",
        "[{\"No\":\"C1\",\"Name\":\"Acme\"},{\"No\":\"C2\",\"Name\":\"Beta\"}]\n",
    );
    let renamed = CUSTOMERS.replace("Beta", "Beta Inc.");
    exchange.put("erp/customers.csv", renamed).put(
        "crm/contacts_2.json",
        "[{\"No\":\"C1\",\"Name\":\"Acme Ltd.\"},{\"No\":\"C2\",\"Name\":\"Beta Ltd.\"}]\n",
    );
    exchange.run(&["reconcile"]);
    let answered = answer(&exchange, "crm/contacts_2.json");
    assert_eq!(answered["classes"]["conflict"], 1, "{answered:#}");
    assert_eq!(answered["classes"]["changed"], 1, "{answered:#}");
    assert_eq!(answered["notes"][0]["key"], "C2", "{answered:#}");
}

#[test]
fn rows_that_were_left_out_of_a_page_come_back_as_a_page() {
    let (exchange, _) = after_dropping(
        "format = \"odata\"",
        "contacts_1.json",
        "{\"value\":[{\"No\":\"1\",\"Name\":\"A\"},\n{\"No\":\"2\",\"Name\":\"B\",\"No\":\"3\"}]}\n",
    );
    let rows = exchange.text("crm/failed/contacts_1.1.rows.json");
    exchange.put(
        "crm/contacts_1.1.rows.json",
        rows.replace(",\"No\":\"3\"", ""),
    );
    exchange.run(&["reconcile"]);
    let answered = answer(&exchange, "crm/contacts_1.1.rows.json");
    assert_eq!(answered["status"], "accepted", "{answered:#}");
}

#[test]
fn an_emptied_drop_deletes_nothing_and_is_rejected() {
    let exchange = exchange();
    for nothing in ["", "No.,Name,City\n"] {
        exchange.put("crm/contacts_2.csv", nothing);
        let ran = exchange.run(&["reconcile"]);
        assert_eq!(ran.code, 3, "{ran:?}");
        assert_eq!(
            answer(&exchange, "crm/contacts_2.csv")["status"],
            "rejected"
        );
    }
    assert!(files(&exchange, "erp/updates").is_empty());
    let links = exchange.run(&["links", "list"]);
    assert!(
        links.out.contains("C1") && links.out.contains("C2"),
        "{links:?}"
    );
}

#[test]
fn several_files_without_a_sequence_wait_until_one_is_left() {
    let config = DROPS.replace("erp/customers.csv", "erp/customers*.csv");
    let exchange = exchange_with(&config);
    exchange
        .put("erp/customers_a.csv", CUSTOMERS.replace("Bern", "Basel"))
        .put("erp/customers_b.csv", CUSTOMERS.replace("Bern", "Biel"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let problems = told(&exchange);
    assert!(
        problems.contains("2 files wait, and nothing says which is the newest"),
        "{problems}"
    );
    fs::remove_file(exchange.path("erp/customers_a.csv")).expect("removed");
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        exchange
            .text("crm/updates/contacts_000003.csv")
            .contains("Biel")
    );
}

#[test]
fn a_marker_says_that_a_file_is_complete() {
    let said = "ready = \"marker\"\nmarker = \"{stem}.ok\"";
    let exchange = with_drops(&with_contacts(DROPS, said));
    exchange.run(&["reconcile"]);
    assert!(
        exchange.path("crm/contacts_1.csv").exists(),
        "its writer may still be at it"
    );
    exchange.put("crm/contacts_1.ok", "");
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        undated(files(&exchange, "crm")),
        [
            "crm/answers/contacts_1.csv.answer.json",
            "crm/done/000002-contacts_1.csv"
        ],
        "the marker goes with its file"
    );
}

#[test]
fn a_file_that_waits_to_be_complete_is_named_with_what_it_waits_for() {
    for (arrival, beside, waits) in [
        (
            "ready = \"marker\"\nmarker = \"{stem}.ok\"",
            None,
            "contacts_1.csv waits for its marker contacts_1.ok",
        ),
        (
            "ready = \"manifest\"",
            None,
            "contacts_1.csv waits for a manifest that names it",
        ),
        (
            "ready = \"manifest\"",
            Some("{\"files\":[{\"name\":\"contacts_1.csv\",\"size\":5}]}"),
            "contacts_1.csv waits: a.manifest.json says that contacts_1.csv has 5 bytes, and it has 40",
        ),
        (
            "ready = \"manifest\"",
            Some("{\"files\":[{\"name\":\"contacts_1.csv\"},{\"name\":\"c.csv\"}]}"),
            "contacts_1.csv waits: a.manifest.json names c.csv, which has not come",
        ),
    ] {
        let exchange = with_drops(&with_contacts(DROPS, arrival));
        if let Some(manifest) = beside {
            exchange.put("crm/a.manifest.json", manifest);
        }
        exchange.run(&["reconcile"]);
        let told = told(&exchange);
        assert!(told.contains(waits), "{told}");
        let status = exchange.run(&["status"]).out;
        assert!(
            status.contains(&format!("Waiting:   contacts: {waits}")),
            "{status}"
        );
    }
}

#[test]
fn a_key_of_a_manifest_that_nobody_knows_is_told() {
    let exchange = with_drops(&with_contacts(DROPS, "ready = \"manifest\""));
    let manifest = "{\"files\":[{\"name\":\"contacts_1.csv\",\"sise\":5}]}";
    exchange.put("crm/a.manifest.json", manifest);
    exchange.run(&["reconcile"]);
    assert!(exchange.path("crm/contacts_1.csv").exists());
    let told = told(&exchange);
    assert!(
        told.contains("unknown field `sise`, expected one of `name`, `size`"),
        "{told}"
    );
}

#[test]
fn check_reads_drops_where_they_stand_and_says_why_others_cannot_be_found() {
    let exchange = with_drops(DROPS);
    let checked = exchange.run(&["check"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(exchange.path("crm/contacts_1.csv").exists());
    for (contacts, told) in [
        (
            "export = \"crm/contacts_*.csv\"\nsequence = 'kontakte_(\\d+)'",
            "`sequence` ('kontakte_(\\d+)') finds no number in any name that matches, such as contacts_1.csv",
        ),
        ("export = \"none/contacts_*.csv\"", "none does not exist"),
        ("export = \"none/contacts.csv\"", "none does not exist"),
        ("export = \"crm/contacts_2.csv\"", "there is no such file"),
        (
            "export = \"crm/contacts_2.csv\"\ndrop = true",
            "no file of its name has come yet",
        ),
    ] {
        let rest = DROPS.split_once("write_back").expect("it has one").1;
        let config = format!("[tables.contacts]\n{contacts}\nwrite_back{rest}");
        let exchange = with_drops(&config);
        let checked = exchange.run(&["check"]);
        assert_eq!(checked.code, 3, "{checked:?}");
        assert!(checked.out.contains(told), "{contacts}: {checked:?}");
    }
}

#[test]
fn a_manifest_holds_files_until_all_have_come_whole_and_says_what_they_are() {
    let config = DROPS
        .replace("drop = true", "drop = true\nready = \"manifest\"")
        .replace("erp/customers.csv", "crm/customers.csv");
    let exchange = Exchange::new(&config);
    let manifest = format!(
        "{{\"files\":[{{\"name\":\"contacts_1.csv\",\"records\":2}},{{\"name\":\"customers.csv\",\"size\":{},\"sequence\":7}}]}}",
        CUSTOMERS.len()
    );
    exchange
        .put("relations.csv", RELATIONS)
        .put("crm/set.manifest.json", manifest)
        .put("crm/contacts_1.csv", CONTACTS)
        .put("crm/customers.csv", &CUSTOMERS[..30])
        .put("crm/long.manifest.json", " ".repeat((1 << 20) + 1));
    exchange.run(&["reconcile"]);
    assert!(
        exchange.path("crm/contacts_1.csv").exists() && exchange.path("crm/customers.csv").exists()
    );
    let listed = exchange.run(&["problems", "list"]).out;
    assert!(
        listed.contains("long.manifest.json") && listed.contains("limits.manifest"),
        "{listed}"
    );
    exchange.put("crm/long.manifest.json", "{\"files\":[]}");
    exchange.put("crm/customers.csv", CUSTOMERS);
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let kept = undated(files(&exchange, "crm"));
    assert!(
        kept.contains(&"crm/done/set.manifest.json".to_owned()),
        "{kept:?}"
    );
    assert!(!kept.contains(&"crm/customers.csv".to_owned()), "{kept:?}");
    // A manifest may announce more than came.
    exchange.put("crm/contacts_2.csv", CONTACTS).put(
        "crm/2.manifest.json",
        "{\"files\":[{\"name\":\"contacts_2.csv\",\"records\":3}]}",
    );
    exchange.run(&["reconcile"]);
    let answer = answer(&exchange, "crm/contacts_2.csv");
    assert_eq!(answer["status"], "rejected");
    assert!(
        answer["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("its manifest says 3")),
        "{answer}"
    );
}

#[cfg(unix)]
#[test]
fn links_pipes_and_files_of_other_names_are_not_read() {
    let exchange = exchange();
    exchange.put("elsewhere.csv", CONTACTS.replace("Rome", "Oslo"));
    std::os::unix::fs::symlink(
        exchange.path("elsewhere.csv"),
        exchange.path("crm/contacts_2.csv"),
    )
    .expect("linked");
    fs::hard_link(
        exchange.path("elsewhere.csv"),
        exchange.path("crm/contacts_3.csv"),
    )
    .expect("linked");
    let pipe = exchange.path("crm/contacts_4.csv");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .expect("ran")
            .success()
    );
    exchange
        .put("crm/.contacts_5.csv", "x")
        .put("crm/contacts_6.csv.filepart", "x")
        .put("crm/contacts_7.csv~", "x");
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(!exchange.path("erp/updates").exists());
    let problems = exchange.run(&["problems", "list"]);
    for name in ["contacts_2.csv", "contacts_3.csv", "contacts_4.csv"] {
        assert!(problems.out.contains(name), "{problems:?}");
    }
    assert!(!problems.out.contains("contacts_6"), "{problems:?}");
}

#[test]
fn a_halted_drop_waits_until_it_is_approved_and_a_newer_one_takes_its_place() {
    let exchange = exchange();
    let some = |count: usize| rows('C', count, "Rome");
    exchange.put("crm/contacts_2.csv", some(20));
    exchange.run(&["reconcile"]);
    exchange.put("crm/contacts_3.csv", some(4));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(!is_answered(&exchange, "crm/contacts_3.csv"));
    assert_eq!(exchange.run(&["reconcile"]).code, 4, "it still waits");
    exchange.put("crm/contacts_4.csv", some(5));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 4);
    assert_eq!(
        answer(&exchange, "crm/contacts_3.csv")["status"],
        "superseded"
    );
    approve(&exchange, &ran.out);
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        answer(&exchange, "crm/contacts_4.csv")["status"],
        "accepted"
    );
}

#[test]
fn a_claimed_drop_is_not_forgotten_while_its_folder_has_gone_away() {
    let exchange = exchange();
    let some = |count: usize| rows('C', count, "Rome");
    exchange.put("crm/contacts_2.csv", some(20));
    exchange.run(&["reconcile"]);
    exchange.put("crm/contacts_3.csv", some(4));
    assert_eq!(exchange.run(&["reconcile"]).code, 4, "claimed, and halted");
    fs::rename(exchange.path("crm"), exchange.path("away")).expect("gone away");
    exchange.run(&["reconcile"]);
    assert!(
        !exchange.path("crm").exists(),
        "nothing is put in its place"
    );
    fs::rename(exchange.path("away"), exchange.path("crm")).expect("come back");
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    approve(&exchange, &ran.out);
    assert_eq!(exchange.run(&["reconcile"]).code, 0);
    let told = answer(&exchange, "crm/contacts_3.csv");
    assert_eq!(told["status"], "accepted");
    let work = fs::read_dir(exchange.path("crm/work")).expect("a folder");
    assert_eq!(work.count(), 0);
}

#[test]
fn answers_can_be_csv_and_archived_drops_go_when_their_time_is_over() {
    let exchange = exchange_with(&format!(
        "{DROPS}[exchange]\nanswers = \"csv\"\nkeep = \"1ms\"\n"
    ));
    let answer = exchange.text("crm/answers/contacts_1.csv.answer.csv");
    assert_eq!(
        answer,
        "Status,Rows,Line,Key,Reason\r\naccepted,2,,,drop 1 of contacts_1.csv\r\nnew,2,,,\r\n"
    );
    exchange.put("crm/contacts_2.csv", CONTACTS.replace("Rome", "Oslo"));
    // Times are kept to the second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    exchange.run(&["reconcile"]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    exchange.run(&["reconcile"]);
    assert_eq!(
        undated(files(&exchange, "crm"))
            .into_iter()
            .filter(|path| !path.contains("updates"))
            .collect::<Vec<_>>(),
        [
            "crm/answers/contacts_2.csv.answer.csv",
            "crm/done/000003-contacts_2.csv"
        ],
        "the file that was read last is what the table shows"
    );
    in_step(&exchange.run(&["reconcile"]));
}

#[test]
fn a_dry_run_reads_drops_where_they_stand_and_claims_nothing() {
    let exchange = exchange();
    exchange.put("crm/contacts_2.csv", CONTACTS.replace("Rome", "Oslo"));
    let ran = exchange.run(&["reconcile", "--dry-run", "--exit-code"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(exchange.path("crm/contacts_2.csv").exists());
    assert!(!exchange.path("crm/work").exists() || files(&exchange, "crm/work").is_empty());
}

#[test]
fn update_files_are_announced_as_their_system_wants_it() {
    let config = with_contacts(DROPS, "announce = \"marker\"");
    let exchange = exchange_with(&with_customers(&config, "announce = \"manifest\""));
    exchange
        .put("crm/contacts_2.csv", CONTACTS.replace("Rome", "Oslo"))
        .put("erp/customers.csv", CUSTOMERS.replace("Bern", "Basel"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        files(&exchange, "crm/updates"),
        [
            "crm/updates/contacts_000002.csv",
            "crm/updates/contacts_000002.csv.done"
        ]
    );
    assert_eq!(
        files(&exchange, "erp/updates"),
        [
            "erp/updates/couplet_000002.manifest.json",
            "erp/updates/customers_000002.csv"
        ]
    );
    let manifest = json(&exchange, "erp/updates/couplet_000002.manifest.json");
    assert_eq!(manifest["files"][0]["name"], "customers_000002.csv");
    let size = exchange.bytes("erp/updates/customers_000002.csv").len();
    assert_eq!(manifest["files"][0]["size"], size);
}

#[test]
fn check_tells_of_folders_that_are_not_there() {
    let exchange = Exchange::new(DROPS);
    exchange
        .put("erp/customers.csv", CUSTOMERS)
        .put("relations.csv", RELATIONS);
    let checked = exchange.run(&["check"]);
    assert_eq!(checked.code, 3, "{checked:?}");
    assert!(
        checked
            .out
            .contains("crm: tables.contacts.export: it does not exist; create it"),
        "{checked:?}"
    );
    assert!(!checked.out.contains("erp: "), "{checked:?}");
}

#[test]
#[cfg(unix)]
fn check_refuses_a_folder_of_an_inbox_that_lies_on_another_file_system() {
    use std::os::unix::fs::MetadataExt as _;
    let exchange = exchange();
    let other = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let device = |path: &std::path::Path| fs::metadata(path).expect("there").dev();
    if device(other.path()) == device(&exchange.path("crm")) {
        eprintln!("skipped: this machine has only one file system");
        return;
    }
    fs::remove_dir(exchange.path("crm/work")).expect("empty");
    std::os::unix::fs::symlink(other.path(), exchange.path("crm/work")).expect("linked");
    let checked = exchange.run(&["check"]);
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(
        checked
            .err
            .contains("crm/work: tables.contacts.export: it lies on another file system"),
        "{checked:?}"
    );
}
