//! Hostile files, names, links and folders, tried with the program itself: what `docs/security.md` says, one test each.
#![cfg(unix)]

mod support;

#[path = "support/meddled.rs"]
mod meddled;

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use couplet::config;
use couplet::disk::{Disk, RealDisk};
use couplet::exchange::{AsItStands, round};
use couplet::state::{Lock, Store};
use couplet::sync::{Effects, Request};
use meddled::Meddled;
use support::{Exchange, Ran, StillClock};

const RELATIONS: &str =
    "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,10\n";
const HEAD: &str = "No.,Name,City\n";

/// Contacts and customers in place; what is hostile comes as vendors, beside them.
const IN_PLACE: &str = r#"
[tables.contacts]
export = "contacts.csv"
write_back = "in-place"
[tables.customers]
export = "customers.csv"
write_back = "in-place"
[tables.vendors]
export = "vendors.txt"
write_back = "in-place"
[tables.relations]
export = "relations.csv"
write_back = "in-place"
"#;

/// An exchange in which a pass carries one city to a customer.
fn exchange(more: &str) -> Exchange {
    let exchange = Exchange::new(&format!("{IN_PLACE}{more}"));
    exchange
        .put("contacts.csv", format!("{HEAD}C1,Acme,Rome\n"))
        .put("customers.csv", format!("{HEAD}10,Acme,\n"))
        .put("vendors.txt", format!("{HEAD}20,Beta,Bern\n"))
        .put("relations.csv", RELATIONS);
    exchange
}

/// The only problem of the vendors after a pass in which everything else went on.
fn vendors_problem(exchange: &Exchange) -> String {
    let ran = exchange.run(&["reconcile", "-vvv"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        exchange.text("customers.csv").contains("Rome"),
        "the rest goes on: {ran:?}"
    );
    let listed = exchange.run(&["problems", "list"]).out;
    assert!(listed.contains("vendors.txt"), "{listed}");
    for said in [&ran.out, &ran.err, &listed] {
        assert!(!said.contains("SECRET"), "a value is told: {said}");
    }
    listed
}

#[test]
fn a_hostile_file_is_refused_with_its_place_and_everything_else_goes_on() {
    let deep = 100_000;
    let cases: [(&str, Vec<u8>); 10] = [
        (
            "nested deeper",
            format!(
                "[{{\"No.\":\"SECRET\",\"x\":{}{}}}]",
                "[".repeat(deep),
                "]".repeat(deep)
            )
            .into(),
        ),
        ("", "[".repeat(10 * deep).into()),
        ("", "{\"a\":".repeat(deep).into()),
        (
            "never closed",
            format!("{HEAD}20,\"SECRET{}", "x".repeat(500 << 10)).into(),
        ),
        (
            "limits.record",
            format!("{HEAD}20,SECRET{},\n", "x".repeat(3 << 20)).into(),
        ),
        (
            "limits.record",
            format!(
                "{{\"No.\":\"20\"}}\n{{\"No.\":\"21\",\"Name\":\"SECRET{}\"}}\n",
                "x".repeat(3 << 20)
            )
            .into(),
        ),
        (
            "limits.columns",
            format!("No.,Name{}\nSECRET,\n", ",x".repeat(50_000)).into(),
        ),
        (
            "header",
            format!("No.,Name{}\nSECRET,\n", ",x".repeat(5_000_000)).into(),
        ),
        ("NUL", b"No.,Name,City\n20,SE\0CRET,\0\n".to_vec()),
        (
            "UTF-16",
            [
                b"\xff\xfeN\0o\0.\0,\0N\0a\0m\0e\0\n\0".as_slice(),
                b"2\0,\0\x00\xd8\n\0",
            ]
            .concat(),
        ),
    ];
    for (says, bytes) in cases {
        let exchange = exchange("[limits]\nrecord = \"1MB\"\n");
        exchange.put("vendors.txt", bytes);
        let listed = vendors_problem(&exchange);
        assert!(
            listed.to_lowercase().contains(&says.to_lowercase()),
            "{says:?} in {listed}"
        );
    }
}

#[test]
fn each_limit_is_configured_in_one_table_and_named_where_it_stops_a_file() {
    let vendors = format!("{HEAD}20,SECRET,Bern\n");
    let utf16: Vec<u8> = format!("\u{feff}{vendors}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (limit, names, bytes) in [
        (
            "file = \"1KB\"",
            "limits.file",
            vendors.repeat(60).into_bytes(),
        ),
        ("whole = \"1KB\"", "limits.whole", utf16.repeat(40)),
        (
            "columns = 2",
            "limits.columns",
            vendors.clone().into_bytes(),
        ),
        (
            "columns = 2",
            "limits.columns",
            b"[{\"No.\":\"SECRET\",\"Name\":\"\",\"City\":\"\"}]".to_vec(),
        ),
        (
            "header = \"1KB\"",
            "limits.header",
            format!("No.,Name,{}\n20,SECRET\n", "x".repeat(1024)).into_bytes(),
        ),
        (
            "depth = 2",
            "limits.depth",
            b"[{\"No.\":\"SECRET\",\"Name\":[{}]}]".to_vec(),
        ),
    ] {
        let exchange = exchange("").configured(&format!(
            "{}[limits]\n{limit}\n",
            exchange("")
                .config()
                .replace("[tables.vendors]", "[tables.vendors]\nheader = true")
        ));
        exchange
            .put("contacts.csv", "No.,City\nC1,Rome\n")
            .put("customers.csv", "No.,City\n10,\n")
            .put("relations.csv", RELATIONS);
        let relations = limit.starts_with("columns");
        if relations {
            // Four columns of relations are too many for this limit as well.
            let _ = fs::remove_file(exchange.path("relations.csv"));
        }
        exchange.put("vendors.txt", bytes);
        let ran = exchange.run(&["reconcile"]);
        let listed = exchange.run(&["problems", "list"]).out;
        assert!(
            listed.contains(names) && listed.contains("vendors.txt"),
            "{limit}: {ran:?} {listed}"
        );
        assert!(!listed.contains("SECRET"), "{listed}");
    }
}

#[test]
fn check_knows_the_limits_and_refuses_those_that_are_none() {
    let exchange = exchange(
        "[limits]\nrecord = \"2GB\"\nfile = \"many\"\ncolums = 3\nproblems = 0\ndepth = 128\n",
    );
    let ran = exchange.run(&["check"]);
    assert_eq!(ran.code, 78, "{ran:?}");
    for key in [
        "limits.record",
        "limits.file",
        "limits.colums",
        "limits.problems",
        "limits.depth",
        "did you mean \"columns\"",
    ] {
        assert!(ran.err.contains(key), "{key} in {}", ran.err);
    }
}

/// Runs the program with so little address space that it dies where it takes in what it should not.
fn in_little_memory(exchange: &Exchange, kilobytes: u64, arguments: &str) -> Ran {
    exchange.put("config.toml", exchange.config());
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -v {kilobytes}; exec \"$0\" {arguments}"),
            env!("CARGO_BIN_EXE_couplet"),
        ])
        .current_dir(exchange.path(""))
        .output()
        .expect("ran");
    Ran {
        code: output.status.code().expect("it was not killed"),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn a_file_of_gigabytes_without_a_record_costs_no_more_than_the_longest_record() {
    let exchange = exchange("");
    for opening in ["No.,Name,City\n20,\"", "{\"No.\":\"20\",\"Name\":\""] {
        let mut file = fs::File::create(exchange.path("vendors.txt")).expect("created");
        file.write_all(opening.as_bytes()).expect("written");
        // A hole: it takes no room on the disk.
        file.seek(SeekFrom::Start(3 << 30)).expect("sought");
        file.write_all(b"\"\n").expect("written");
        let ran = in_little_memory(&exchange, 700_000, "reconcile");
        assert_eq!(ran.code, 3, "{ran:?}");
    }
}

#[test]
fn a_file_of_bad_rows_costs_no_more_problems_than_are_named_and_its_drop_is_answered_row_by_row() {
    const ROWS: usize = 30_000;
    let config = IN_PLACE.replace(
        "export = \"vendors.txt\"\nwrite_back = \"in-place\"",
        "export = \"in/vendors.csv\"\ndrop = true",
    ) + "[limits]\nproblems = 100\n";
    let exchange = exchange("").configured(&format!("{}{config}", support::SETUP));
    let rows: String = (0..ROWS).map(|no| format!("V{no},SECRET\n")).collect();
    exchange.put("in/vendors.csv", format!("{HEAD}20,Beta,Bern\n{rows}"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let listed = exchange.run(&["problems", "list"]).out;
    assert!(listed.len() < 100 * 200, "{} bytes", listed.len());
    let unnamed = format!("{} more problems", ROWS - 100);
    assert!(
        listed.contains(&unnamed) && listed.contains("limits.problems"),
        "{listed}"
    );
    let answer: serde_json::Value =
        serde_json::from_slice(&exchange.bytes("in/answers/vendors.csv.answer.json"))
            .expect("JSON");
    assert_eq!(answer["rows"], ROWS + 1);
    assert_eq!(answer["classes"]["rejected"], ROWS, "{}", answer["classes"]);
    assert_eq!(answer["classes"]["new"], 1, "{}", answer["classes"]);
    // Nothing that was left out is lost: all rows stand apart to be mended, named or not.
    let apart = exchange.text("in/failed/vendors.1.rows.csv");
    assert_eq!(apart, format!("{HEAD}{rows}"));
}

#[test]
fn no_key_cell_column_or_file_name_reaches_a_terminal_as_more_than_text() {
    let exchange = exchange("");
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\r\u{9b}31m\u{202e}";
    exchange
        .put("contacts.csv", format!("No.,Name,City,{evil}\nC1,{evil},Rome,\nC{evil}2,b,\nC{evil}2,b,,\nC{evil}3,b,,\nC{evil}3,c,,\n"))
        .put("customers.csv", format!("{HEAD}10,other{evil},\n\"1\nP00000000  faked.csv: a line of its own\",x,\n\"1\nP00000000  faked.csv: a line of its own\",x,\n"));
    let mut shown = 0;
    for arguments in [
        &["check", "-vvv"][..],
        &["reconcile", "--dry-run", "-vvv"],
        &["reconcile", "-vvv"],
        &["problems", "list"],
        &["conflicts", "list"],
        &["explain", "contact", "C1"],
        &["explain", "contact", "C\u{1b}[2J"],
        &["sniff", "contacts.csv"],
        &["duplicates"],
        &["links", "list"],
        &["status"],
    ] {
        let ran = exchange.run(arguments);
        for text in [&ran.out, &ran.err] {
            let acts = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || c == '\u{202e}';
            assert!(
                !text.contains(acts),
                "{arguments:?}: {}",
                text.escape_debug()
            );
            assert!(!text.contains("\nP00000000"), "{arguments:?}: {text}");
            shown += usize::from(text.contains("\\u{1b}"));
        }
    }
    assert!(shown >= 3, "the keys are shown, written out");
}

/// The modes of everything below a folder, by path.
fn modes(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = vec![(
        folder.to_owned(),
        fs::metadata(folder).expect("there").mode() & 0o777,
    )];
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(modes(&path)),
            path => {
                let mode = fs::symlink_metadata(&path).expect("there").mode();
                found.push((path, mode & 0o777));
            }
        }
    }
    found
}

#[test]
fn the_state_and_plans_are_nobody_elses_whatever_the_umask() {
    for umask in ["000", "022"] {
        let exchange = Exchange::of(&exchange("").config().replace("\"state\"", "\"made/state\""));
        exchange
            .put("contacts.csv", format!("{HEAD}C1,Acme,Rome\n"))
            .put("customers.csv", format!("{HEAD}10,Acme,\n"))
            .put("relations.csv", RELATIONS)
            .put("config.toml", exchange.config());
        let ran = |arguments: &str| {
            let command = format!("umask {umask}; exec \"$0\" {arguments}");
            let status = Command::new("sh")
                .args(["-c", &command, env!("CARGO_BIN_EXE_couplet")])
                .current_dir(exchange.path(""))
                .output()
                .expect("ran");
            assert!(matches!(status.status.code(), Some(0 | 3)), "{status:?}");
        };
        ran("reconcile --dry-run --plan plan.json");
        ran("reconcile");
        let says = |exchange: &Exchange| exchange.run(&["check"]).out.contains("other users");
        assert!(!says(&exchange));
        exchange.put("contacts.csv", format!("{HEAD}C1,Acme,Oslo\n"));
        ran("reconcile");
        let of_state = modes(&exchange.path("made/state"));
        assert!(of_state.len() > 5, "{of_state:?}");
        for (path, mode) in &of_state {
            assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
        }
        let mode = |name: &str| fs::metadata(exchange.path(name)).expect("there").mode() & 0o777;
        assert_eq!(mode("plan.json"), 0o600);
        // The folder above is made as the umask says: others may have theirs in it.
        assert_ne!(mode("made") & 0o055, 0);
        // A mode that somebody gave the folder stays, and is told.
        let open = fs::Permissions::from_mode(0o750);
        fs::set_permissions(exchange.path("made/state"), open).expect("set");
        ran("reconcile");
        assert_eq!(mode("made/state"), 0o750);
        assert!(says(&exchange));
    }
}

#[test]
fn a_file_that_replaces_another_or_comes_from_it_is_readable_by_no_more_people() {
    let exchange = exchange("").configured(&exchange("").config().replacen(
        "export = \"contacts.csv\"\nwrite_back = \"in-place\"",
        "export = \"contacts.csv\"\nwrite_back = \"updates\"",
        1,
    ));
    exchange
        .put("contacts.csv", format!("{HEAD}C1,Acme,\n"))
        .put("customers.csv", format!("{HEAD}10,Acme,\n"))
        .put("relations.csv", RELATIONS);
    assert!(matches!(exchange.run(&["reconcile"]).code, 0 | 3));
    exchange.put("customers.csv", format!("{HEAD}10,Acme,Rome\n"));
    let close = |name: &str| {
        fs::set_permissions(exchange.path(name), fs::Permissions::from_mode(0o600)).expect("set");
    };
    close("contacts.csv");
    close("customers.csv");
    assert!(matches!(exchange.run(&["reconcile"]).code, 0 | 3));
    let updates = modes(&exchange.path("updates"));
    let files: Vec<_> = updates.iter().filter(|(path, _)| path.is_file()).collect();
    assert!(!files.is_empty());
    assert!(files.iter().all(|(_, mode)| *mode == 0o600), "{files:?}");
}

#[test]
fn an_export_that_is_a_link_is_written_where_it_leads_and_stays_a_link() {
    let exchange = exchange("");
    exchange.put("erp/data.csv", exchange.bytes("customers.csv"));
    fs::remove_file(exchange.path("customers.csv")).expect("removed");
    symlink("erp/data.csv", exchange.path("customers.csv")).expect("linked");
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let link = fs::symlink_metadata(exchange.path("customers.csv")).expect("there");
    assert!(
        link.is_symlink(),
        "its system would go on with the other file"
    );
    assert!(exchange.text("erp/data.csv").contains("Rome"));
    // And what its system says next is heard.
    exchange.put("erp/data.csv", format!("{HEAD}10,Acme,Oslo\n"));
    assert_eq!(exchange.run(&["reconcile"]).code, 0);
    assert!(exchange.text("contacts.csv").contains("Oslo"));
}

/// A drop folder for vendors.
fn with_drops() -> Exchange {
    let config = IN_PLACE.replace(
        "export = \"vendors.txt\"\nwrite_back = \"in-place\"",
        "export = \"in/vendors_*.csv\"\nsequence = 'vendors_(\\d+)'\ndrop = true",
    );
    let exchange = exchange("").configured(&format!("{}{config}", support::SETUP));
    exchange
        .put("contacts.csv", format!("{HEAD}C1,Acme,Rome\n"))
        .put("customers.csv", format!("{HEAD}10,Acme,Rome\n"))
        .put("relations.csv", RELATIONS)
        .put("secret/passwords.csv", format!("{HEAD}666,SECRET,Hell\n"))
        .put("in/README", "drop here");
    exchange
}

#[test]
fn links_devices_folders_and_names_with_control_characters_in_a_drop_folder_are_left_alone_and_told()
 {
    let exchange = with_drops();
    let inbox = exchange.path("in");
    symlink("/dev/zero", inbox.join("vendors_1.csv")).expect("linked");
    symlink("/nowhere/at/all", inbox.join("vendors_2.csv")).expect("linked");
    symlink("../secret", inbox.join("vendors_3.csv")).expect("linked");
    symlink("../secret/passwords.csv", inbox.join("vendors_4.csv")).expect("linked");
    fs::create_dir(inbox.join("vendors_5.csv")).expect("created");
    let _socket =
        std::os::unix::net::UnixListener::bind(inbox.join("vendors_6.csv")).expect("bound");
    let pipe = Command::new("mkfifo")
        .arg(inbox.join("vendors_7.csv"))
        .status();
    assert!(pipe.expect("ran").success());
    symlink("vendors_7.csv", inbox.join("vendors_8.csv")).expect("linked");
    exchange.put("in/vendors_\u{1b}[2J9.csv", format!("{HEAD}20,Beta,Bern\n"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let listed = exchange.run(&["problems", "list"]).out;
    for number in [1, 2, 3, 4, 6, 7, 8] {
        assert!(
            listed.contains(&format!("vendors_{number}.csv")),
            "{number}: {listed}"
        );
    }
    assert!(listed.contains("control characters"), "{listed}");
    assert!(!exchange.path("in/work").exists(), "nothing was claimed");
    assert_eq!(
        fs::read_dir(&inbox).expect("there").count(),
        10,
        "nothing was moved"
    );
}

#[test]
fn a_link_that_takes_the_place_of_a_drop_while_we_look_is_not_followed() {
    let exchange = with_drops();
    exchange.put("in/vendors_1.csv", format!("{HEAD}20,Beta,Bern\n"));
    let config = config::parse(exchange.config(), &exchange.path("config.toml")).expect("right");
    let secret = exchange.path("secret/passwords.csv");
    // In the moment before it is claimed.
    let swap = move |from: &Path| -> std::io::Result<()> {
        if from.parent().is_some_and(|folder| folder.ends_with("in")) {
            fs::remove_file(from)?;
            symlink(&secret, from)?;
        }
        Ok(())
    };
    let disk = Meddled {
        renaming: Some(Box::new(swap)),
        ..Meddled::default()
    };
    let effects = Effects {
        disk: &disk,
        clock: &StillClock,
        stage: &|_| {},
    };
    fs::create_dir_all(&config.state).expect("a folder");
    let lock = Lock::take(&config.state).expect("free");
    let mut store = Store::open(&config.state).expect("a state");
    let made = round(
        &config,
        &effects,
        &mut store,
        Request::default(),
        &AsItStands,
    );
    let made = made.expect("a round");
    assert_eq!(made.answered.len(), 1, "{made:#?}");
    let answer = exchange.text("in/answers/vendors_1.csv.answer.json");
    assert!(
        answer.contains("rejected") && answer.contains("link"),
        "{answer}"
    );
    assert!(!format!("{made:?}").contains("SECRET"));
    drop((store, lock));
    let secret = exchange.text("secret/passwords.csv");
    assert!(secret.contains("SECRET"), "what it led to is as it was");
}

#[test]
fn a_dropped_file_is_opened_without_following_links_and_without_waiting_for_pipes() {
    let folder = support::folder();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "x").expect("written");
    symlink(at("file"), at("link")).expect("linked");
    assert!(
        Command::new("mkfifo")
            .arg(at("pipe"))
            .status()
            .expect("ran")
            .success()
    );
    symlink(at("pipe"), at("link-to-pipe")).expect("linked");
    assert!(RealDisk.open_dropped(&at("file")).is_ok());
    for name in ["link", "pipe", "link-to-pipe"] {
        assert!(RealDisk.open_dropped(&at(name)).is_err(), "{name}");
    }
    assert!(
        RealDisk.open(&at("link")).is_ok(),
        "a configured file may be a link"
    );
    for name in ["pipe", "link-to-pipe"] {
        assert!(RealDisk.open(&at(name)).is_err(), "{name}");
    }
    fs::hard_link(at("file"), at("other")).expect("linked");
    assert!(
        RealDisk.open_dropped(&at("file")).is_err(),
        "somebody else may write to it"
    );
}

#[test]
fn a_folder_below_an_inbox_that_was_swapped_for_a_link_is_not_written_through() {
    for folder in ["work", "done", "answers"] {
        let exchange = with_drops();
        exchange
            .put("in/vendors_1.csv", format!("{HEAD}20,Beta,Bern\n"))
            .put("elsewhere/kept", "");
        symlink("../elsewhere", exchange.path("in").join(folder)).expect("linked");
        let ran = exchange.run(&["reconcile"]);
        // A drop that cannot be claimed fails the pass; one that cannot be answered is a problem, and holds up no other.
        let told = match folder {
            "work" => (1, ran.err),
            _ => (3, exchange.run(&["problems", "list"]).out),
        };
        assert_eq!(ran.code, told.0, "{folder}");
        assert!(
            told.1.contains("links are not followed"),
            "{folder}: {}",
            told.1
        );
        let names: Vec<_> = fs::read_dir(exchange.path("elsewhere"))
            .expect("there")
            .flatten()
            .collect();
        assert_eq!(names.len(), 1, "{folder}: {names:?}");
        // Once the link is gone, the drop is read and answered all the same.
        fs::remove_file(exchange.path("in").join(folder)).expect("removed");
        assert!(matches!(exchange.run(&["reconcile"]).code, 0 | 3));
        assert!(
            exchange
                .path("in/answers/vendors_1.csv.answer.json")
                .exists(),
            "{folder}"
        );
    }
}

#[test]
fn what_lies_under_the_name_of_a_temporary_file_is_replaced_and_never_written_through() {
    let exchange = exchange("");
    exchange.put("victim", "as it was");
    for pass in 1..=3 {
        let name = format!(".couplet-{pass}-customers.csv.tmp");
        symlink("victim", exchange.path(&name)).expect("linked");
    }
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(exchange.text("customers.csv").contains("Rome"));
    assert_eq!(exchange.text("victim"), "as it was");
}

#[test]
fn the_endpoint_is_off_unless_configured_and_only_ever_on_this_machine() {
    let parsed = |text: &str| {
        config::parse(
            &format!("{}{IN_PLACE}{text}", support::SETUP),
            Path::new("config.toml"),
        )
    };
    assert!(parsed("").expect("right").run.http.is_none());
    for outside in [
        "0.0.0.0:9464",
        "[::]:9464",
        "192.168.1.7:9464",
        "9464",
        "localhost.evil.example:9464",
    ] {
        let errors = parsed(&format!("[run]\nhttp = \"{outside}\"\n")).expect_err(outside);
        assert!(errors[0].key.ends_with("run.http"), "{errors:?}");
    }
    assert!(
        parsed("[run]\nhttp = \"127.0.0.1:9464\"\n")
            .expect("right")
            .run
            .http
            .is_some()
    );
}

#[test]
fn a_message_with_a_hundred_thousand_recipients_and_parts_is_read_by_its_head_alone() {
    let config =
        exchange("")
            .config()
            .replacen("[interactions]\n", "[interactions]\nmail = \"mail\"\n", 1);
    let exchange = exchange("").configured(&format!(
        "{config}[tables.interaction_templates]\nexport = \"templates.csv\"\n\
         [tables.interaction_template_setup]\nexport = \"setup.csv\"\n\
         [tables.salespeople]\nexport = \"salespeople.csv\"\n"
    ));
    exchange
        .put("templates.csv", "Code,Description\nMAIL,E-mail\n")
        .put("setup.csv", "E-Mails\nMAIL\n")
        .put("salespeople.csv", "Code,Name,E-Mail\nJO,Jo,b@x.example\n");
    let to: Vec<String> = (0..100_000).map(|at| format!("r{at}@x.example")).collect();
    let parts = "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".repeat(100_000);
    exchange
        .put("contacts.csv", format!("{HEAD}C1,Acme,Rome\n"))
        .put("customers.csv", format!("{HEAD}10,Acme,\n"))
        .put("relations.csv", RELATIONS)
        .put("mail/1.eml", format!("From: a@x.example\r\nTo: {}\r\nSubject: SECRET\r\n\r\nx", to.join(",\r\n ")))
        .put("mail/2.eml", format!("From: a@x.example\r\nTo: b@x.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{parts}"))
        .put("mail/3.eml", "\0".repeat(1 << 20))
        .put("mail/4.eml", format!("Subject: {}", "=?utf-8?b?".repeat(100_000)));
    let ran = in_little_memory(&exchange, 700_000, "reconcile -vvv");
    assert!(matches!(ran.code, 0 | 3), "{ran:?}");
    assert!(exchange.text("customers.csv").contains("Rome"));
    assert!(!ran.err.contains("SECRET"));
}

#[test]
fn a_key_that_looks_like_a_formula_is_text_in_an_answer_for_people() {
    let with_csv = with_drops().config().to_owned() + "[exchange]\nanswers = \"csv\"\n";
    let exchange = with_drops().configured(&with_csv);
    let evil = "=cmd|' /C calc'!A0";
    exchange.put(
        "in/vendors_1.csv",
        format!("{HEAD}20,Beta,Bern\n{evil},a,\n{evil},b,\n-7,c,\n-7,d,\n"),
    );
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let answer = exchange.text("in/answers/vendors_1.csv.answer.csv");
    assert!(
        answer.contains(&format!(",'{evil},")) && answer.contains(",'-7,"),
        "{answer}"
    );
    // What is set apart goes back to a program, byte for byte.
    let apart = exchange.text("in/failed/vendors_1.1.rows.csv");
    assert!(apart.contains(&format!("\n{evil},a,\n")), "{apart}");
}

#[test]
fn a_hostile_requests_file_is_refused_row_by_row_or_whole_and_the_others_go_on() {
    let with_requests = with_drops().config().to_owned()
        + "[exchange]\nrequests = \"requests\"\n[limits]\nwhole = \"1MB\"\n";
    let exchange = with_drops().configured(&with_requests);
    let long = "x".repeat(500_000);
    let deep = "[".repeat(100_000);
    exchange
        .put("requests/1.csv", format!("Action,Table,Contact No.,No.\n=cmd|'/C calc'!A0,customer,C1,10\nlink,../../etc/passwd,C1,10\nlink,customer,../C1,{long}\nlink,customer,C1\u{1b}[2J,10\n"))
        .put("requests/2.json", format!("[{{\"Action\":{deep}"))
        .put("requests/3.csv", b"Action,Table,Contact No.,No.\nlink,customer,C1,SE\0CRET\n")
        .put("requests/4.csv", "x".repeat(2 << 20))
        .put("requests/5.csv", "Action,Table,Contact No.,No.\nlink,vendor,C1,20\n")
        .put("in/vendors_1.csv", format!("{HEAD}20,Beta,Rome\n"));
    let ran = exchange.run(&["reconcile", "-vvv"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let answer = |name: &str| exchange.text(&format!("requests/answers/{name}.answer.json"));
    let first = answer("1.csv");
    assert!(first.contains("\"refused\": 4"), "{first}");
    assert!(!first.contains('\u{1b}'), "{first}");
    for (name, why) in [
        ("2.json", "nest"),
        ("3.csv", "NUL"),
        ("4.csv", "limits.whole"),
    ] {
        let told = answer(name);
        assert!(told.contains("rejected") && told.contains(why), "{told}");
    }
    assert!(answer("5.csv").contains("accepted"), "{}", answer("5.csv"));
    assert!(exchange.text("relations.csv").contains("C1,VEND,Vendor,20"));
    assert!(!ran.out.contains("SECRET") && !ran.err.contains("SECRET"));
}

/// The program as another user may run it: one who has no right to the state. Root has every right, so it becomes somebody else.
fn as_a_stranger(exchange: &Exchange, arguments: &[&str]) -> Ran {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(env!("CARGO_BIN_EXE_couplet"));
    command.args(arguments).current_dir(exchange.path(""));
    match couplet::disk::is_root() {
        true => {
            command.uid(65_534).gid(65_534);
        }
        false => mode(&exchange.path("state"), 0),
    }
    let output = command.output().expect("couplet runs");
    mode(&exchange.path("state"), 0o700);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran {
        code: output.status.code().expect("an exit code"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn who_may_not_use_the_state_is_told_whose_it_is() {
    let exchange = Exchange::new("[tables.contacts]\nexport = \"contacts.csv\"\n");
    exchange.put("contacts.csv", "No.,Name\nC1,Acme\n");
    assert_eq!(exchange.run(&["reconcile"]).code, 0);
    mode(&exchange.path(""), 0o755);
    let owner = couplet::disk::owner_of(&exchange.path("state"));
    for command in [
        &["status"][..],
        &["explain", "contact", "C1"],
        &["reconcile"],
        &["reconcile", "--dry-run"],
        &["approve", "H1"],
        &["run"],
    ] {
        let ran = as_a_stranger(&exchange, command);
        let says = format!("state belongs to {owner}: run couplet as that user");
        assert!(ran.code == 1 && ran.err.contains(&says), "{ran:?}");
    }
}
