//! The commands as a new user meets them: the README's, and what they print.

mod support;

use assert_cmd::Command;
use serde_json::Value;
use support::{Exchange, fixtures};

/// The repository's sample with its fixtures, in a folder of its own.
fn sample() -> Exchange {
    let exchange = Exchange::new("");
    let root = fixtures().parent().expect("the repository").to_owned();
    exchange.copy(&root.join("config.toml"), "config.toml");
    for folder in ["cronus/w1", "day-two"] {
        for entry in std::fs::read_dir(fixtures().join(folder))
            .expect("fixtures")
            .flatten()
        {
            let name = entry.file_name();
            exchange.copy(
                &entry.path(),
                &format!("fixtures/{folder}/{}", name.to_string_lossy()),
            );
        }
    }
    exchange
}

fn couplet(exchange: &Exchange, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_couplet"))
        .current_dir(exchange.path(""))
        .args(arguments)
        .output()
        .expect("ran");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (
        output.status.code().expect("a code"),
        text(output.stdout),
        text(output.stderr),
    )
}

const DAY_TWO: &str = "fixtures/day-two/config.toml";

#[test]
fn the_readme_is_true() {
    let exchange = sample();
    let (code, out, err) = couplet(&exchange, &["reconcile"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(
        out.contains("Pass 1 wrote 136 cells of 136 parties"),
        "{out}"
    );
    assert!(out.contains("Nothing waits for a person."), "{out}");

    let (code, out, _) = couplet(&exchange, &["reconcile"]);
    assert_eq!((code, out.lines().count()), (0, 1), "{out}");
    assert!(out.starts_with("All in step:"), "{out}");

    let (code, out, _) = couplet(&exchange, &["--config", DAY_TWO, "reconcile"]);
    assert_eq!(code, 3, "{out}");
    assert!(out.contains("4 conflicts"), "{out}");

    let (code, out, _) = couplet(&exchange, &["conflicts", "list"]);
    assert_eq!(code, 3);
    for line in [
        "155 Thomas Drive",
        "1 Whitefriars Street",
        "nobody is overwritten until you decide",
        "--take contact|customer",
    ] {
        assert!(out.contains(line), "{line} in {out}");
    }

    let (code, out, _) = couplet(&exchange, &["explain", "contact", "CT000007"]);
    assert_eq!(code, 0);
    assert!(out.contains("because customer 10000 said so"), "{out}");

    let (code, out, _) = couplet(
        &exchange,
        &[
            "conflicts",
            "resolve",
            "--field",
            "Address",
            "--take",
            "customer",
        ],
    );
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("2 conflicts decided"), "{out}");
    let (code, out, _) = couplet(&exchange, &["--config", DAY_TWO, "reconcile"]);
    assert_eq!(code, 3, "two are left: {out}");
    assert!(
        exchange
            .text("out/updates/contacts_000003.csv")
            .contains("1 Whitefriars Street")
    );
    let (code, out, _) = couplet(&exchange, &["status"]);
    assert_eq!(code, 3);
    assert!(out.contains("Conflicts: 2 open"), "{out}");
}

#[test]
fn every_command_speaks_json_to_programs() {
    let exchange = sample();
    for (arguments, key) in [
        (&["check"][..], "tables"),
        (&["reconcile", "--dry-run"], "plan"),
        (&["reconcile"], "plan"),
        (&["--config", DAY_TWO, "reconcile"], "plan"),
        (&["status"], "last_pass"),
        (&["conflicts", "list"], "conflicts"),
        (&["problems", "list"], "problems"),
        (
            &["explain", "customer", "10000", "--field", "address"],
            "values",
        ),
        (&["sniff", "fixtures/cronus/w1/contacts.csv"], "toml"),
        (
            &["conflicts", "resolve", "--all", "--take", "base"],
            "decided",
        ),
        (&["conflicts", "show", "K00000000"], "errors"),
    ] {
        let with_format = [arguments, &["--format", "json"]].concat();
        let (_, out, _) = couplet(&exchange, &with_format);
        let value: Value = serde_json::from_str(&out)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"));
        assert!(!value[key].is_null(), "{arguments:?} has no {key}: {out}");
    }
}

#[test]
fn what_is_sniffed_is_a_configuration_that_reads_the_file() {
    let exchange = Exchange::new("");
    let file = fixtures().join("cronus/cz/contacts.txt");
    exchange.copy(&file, "contacts.txt");
    let (code, out, _) = couplet(&exchange, &["sniff", "contacts.txt"]);
    assert_eq!(code, 0);
    let pinned = out.replace(
        "[tables.contacts]\n",
        "[tables.contacts]\nexport = \"contacts.txt\"\n",
    );
    exchange.put("config.toml", format!("state = \"state\"\n{pinned}"));
    let (code, out, err) = couplet(&exchange, &["check"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("utf-16le"), "{out}");
}

#[test]
fn who_is_coupled_with_nobody_because_a_code_is_missing_or_another_is_told() {
    let exchange = Exchange::new("");
    let config = |setup: &str| {
        let tables = ["contacts", "customers", "relations"];
        let tables: String = tables
            .map(|table| format!("[tables.{table}]\nexport = \"{table}.csv\"\n"))
            .concat();
        format!("state = \"state\"\n{setup}{tables}")
    };
    exchange
        .put("contacts.csv", "No.,Name\r\nC1,Acme\r\n")
        .put("customers.csv", "No.,Name\r\n10,Acme\r\n")
        .put(
            "relations.csv",
            "Contact No.,Business Relation Code,Link to Table,No.\r\nC1,CUST,Customer,10\r\n",
        )
        .put("config.toml", config(""));
    let told = "customers are coupled with nobody: [setup] has no `bus_rel_code_for_customers`";
    let (code, out, _) = couplet(&exchange, &["check"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains(told), "{out}");
    let (_, out, _) = couplet(&exchange, &["reconcile"]);
    assert!(out.contains("`couplet check` says"), "{out}");
    assert!(
        out.contains("`couplet links list --unlinked` shows"),
        "{out}"
    );
    exchange.put(
        "config.toml",
        config("[setup]\nbus_rel_code_for_customers = \"CUSTO\"\n"),
    );
    let (code, out, _) = couplet(&exchange, &["check"]);
    assert_eq!(code, 0, "{out}");
    let told = "setup.bus_rel_code_for_customers: no relation has the code \"CUSTO\"; those with customers have \"CUST\".\n";
    assert!(out.contains(told), "{out}");
    exchange.put(
        "config.toml",
        config("[setup]\nbus_rel_code_for_customers = \"CUST\"\n"),
    );
    let (_, out, _) = couplet(&exchange, &["check"]);
    assert!(
        !out.contains("coupled with nobody") && !out.contains("no relation has"),
        "{out}"
    );
    let (_, out, _) = couplet(&exchange, &["reconcile"]);
    assert!(out.contains("1 coupling,"), "{out}");
    assert!(!out.contains("`couplet check`"), "{out}");
}

#[test]
fn a_file_whose_key_is_called_otherwise_is_sniffed_with_a_proposed_key() {
    let exchange = Exchange::new("");
    exchange.copy(
        &fixtures().join("public-data/northwind/customers.csv"),
        "customers.csv",
    );
    let (code, out, _) = couplet(
        &exchange,
        &["sniff", "customers.csv", "--table", "customers"],
    );
    assert_eq!(code, 0, "{out}");
    assert!(
        out.contains("[tables.customers]") && out.contains("\"No.\" = \"CustomerID\""),
        "{out}"
    );
    assert!(
        out.contains("\"Phone\""),
        "columns that nobody mapped are named: {out}"
    );
}

#[test]
fn a_file_without_a_key_is_sniffed_all_the_same_and_says_how_to_name_one() {
    let exchange = Exchange::new("");
    exchange.put("c.csv", "Firma;Ort\nAlpha;Bonn\nAlpha;Bonn\n");
    let (code, out, err) = couplet(&exchange, &["sniff", "c.csv"]);
    assert_eq!(code, 1, "{out}{err}");
    for part in [
        "encoding = \"utf-8\"",
        "delimiter = \";\"",
        "\"Firma\", \"Ort\"",
        "# It has no key: say under [tables.contacts.columns] which header is which: \"No.\" = \"…\"",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(err.contains("no column \"No.\""), "{err}");
}

#[test]
fn of_several_tables_that_fit_the_one_of_the_files_name_is_sniffed() {
    let exchange = Exchange::new("");
    for table in [
        "contacts",
        "customers",
        "vendors",
        "bank_accounts",
        "contact_business_relations",
    ] {
        let file = format!("{table}.csv");
        exchange.copy(&fixtures().join("cronus/w1").join(&file), &file);
        let (code, out, _) = couplet(&exchange, &["sniff", &file]);
        assert_eq!(code, 0, "{out}");
        let table = table.replace("contact_business_", "");
        assert!(out.contains(&format!("[tables.{table}]")), "{table}: {out}");
    }
    exchange.put("export.csv", "No.,Name\n1,Acme\n");
    let (_, out, _) = couplet(&exchange, &["sniff", "export.csv"]);
    assert!(
        out.contains("# Its columns fit customers, vendors, bank_accounts as well: --table says whose they are."),
        "{out}"
    );
}

#[test]
fn what_is_pinned_wrongly_is_named_where_it_hides_the_key() {
    let exchange = Exchange::new("");
    for (file, bytes, pin, told) in [
        (
            "c.csv",
            &b"No.,Name\nC1,Acme\n"[..],
            "delimiter = \";\"",
            "its header is one cell, as `delimiter` \";\" is pinned",
        ),
        (
            "c.csv",
            b"No.,Name\nC1,Acme\n\n",
            "encoding = \"utf-16le\"",
            "its header is one cell, as `encoding` \"utf-16le\" is pinned",
        ),
        (
            "c.csv",
            b"No.,Name\nC1,M\xfcller\n",
            "encoding = \"utf-8\"",
            "the bytes do not decode as utf-8, which is pinned",
        ),
    ] {
        let config = format!("state = \"state\"\n[tables.contacts]\nexport = {file:?}\n{pin}\n");
        exchange.put(file, bytes).put("config.toml", config);
        let (code, out, _) = couplet(&exchange, &["check"]);
        assert_eq!(code, 3, "{out}");
        assert!(out.contains(told), "{pin}: {out}");
    }
    exchange
        .put("c.csv", "No.,Name\nC1,Acme\n")
        .put(
            "config.toml",
            "state = \"state\"\n[tables.contacts]\nexport = \"c.csv\"\n",
        )
        .put("r.csv", "Tu,Table\nlink,customer\n");
    let (code, _, err) = couplet(&exchange, &["request", "r.csv"]);
    assert_eq!(code, 1, "{err}");
    assert!(
        err.contains("no column \"Action\"") && err.contains("let its first line name it"),
        "{err}"
    );
    assert!(!err.contains("`columns`"), "{err}");
}

#[test]
fn wrong_configurations_and_command_lines_have_their_own_exit_codes() {
    let exchange = Exchange::new("");
    let (code, _, err) = couplet(&exchange, &["reconcile"]);
    assert_eq!(code, 78);
    assert!(err.contains("config.toml"), "{err}");
    exchange.put(
        "config.toml",
        "state = 5\n[tables.contact]\nexport = \"x\"\n",
    );
    let (code, _, err) = couplet(&exchange, &["check"]);
    assert_eq!(code, 78);
    assert!(err.contains("config.toml:1:9: state:"), "{err}");
    assert!(err.contains("did you mean \"contacts\"?"), "{err}");
    for wrong in [
        &["reconsile"][..],
        &["reconcile", "--exit-code"],
        &["conflicts", "resolve", "K1"],
    ] {
        assert_eq!(couplet(&exchange, wrong).0, 64, "{wrong:?}");
    }
    assert_eq!(couplet(&exchange, &["--help"]).0, 0);
    assert_eq!(couplet(&exchange, &["completions", "bash"]).0, 0);
    assert!(couplet(&exchange, &["man"]).1.contains(".TH couplet"));
}

#[test]
fn a_state_that_is_a_file_is_refused_by_every_command() {
    let exchange = Exchange::new("");
    exchange.put("c.csv", "No.,Name\nC1,Acme\n").put(
        "config.toml",
        "state = \"config.toml\"\n[tables.contacts]\nexport = \"c.csv\"\n",
    );
    for command in ["check", "reconcile", "status", "run"] {
        let (code, out, err) = couplet(&exchange, &[command]);
        assert_eq!(
            (code, out.as_str(), err.as_str()),
            (
                78,
                "",
                "error: config.toml:1:9: state: it is a file; name a folder\n"
            ),
            "{command}"
        );
    }
}

#[test]
fn a_file_without_a_number_among_numbered_ones_is_a_problem() {
    let table = "[tables.contacts]\nexport = \"in/contacts_*.csv\"\nsequence = '_(\\d+)'\n";
    let exchange = Exchange::new(table);
    exchange.put("in/contacts_1.csv", "No.,Name\nC1,Acme\n");
    assert_eq!(exchange.run(&["reconcile"]).code, 0);
    exchange.put("in/contacts_new.csv", "No.,Name\nC1,Acne\n");
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let ran = exchange.run(&["problems", "list"]);
    for part in [
        "contacts_new.csv\n",
        "its name has no number for `sequence`, so it is not read\n",
        "give it one, or move it away\n",
    ] {
        assert!(ran.out.contains(part), "{part}: {ran:?}");
    }
    exchange.put("in/contacts_2.csv", "No.,Name\nC1,Acne\n");
    std::fs::remove_file(exchange.path("in/contacts_new.csv")).expect("it was there");
    assert_eq!(exchange.run(&["reconcile"]).code, 0);
}

#[test]
fn a_pattern_may_match_files_beside_the_configuration() {
    let exchange = Exchange::new("[tables.contacts]\nexport = \"contacts_*.csv\"\n");
    exchange.put("contacts_1.csv", "No.,Name\nC1,Acme\n");
    let ran = exchange.run(&["reconcile"]);
    assert!(
        ran.code == 0 && ran.out.contains("1 record read"),
        "{ran:?}"
    );
}

#[test]
fn an_attempt_that_failed_is_told_until_one_succeeds() {
    let exchange = three_in_step();
    exchange.put(
        "other.toml",
        exchange
            .config()
            .replacen("\"in-place\"", "\"./updates\"", 1),
    );
    exchange.put("updates", "no folder");
    says(&exchange, "customers", "10,Acme,Bonn,1");
    let attempt = ["--config", "other.toml", "reconcile"];
    let failed = exchange.run(&attempt);
    assert_eq!(failed.code, 1, "{failed:?}");
    let reason = failed.err.trim().trim_start_matches("error: ");
    let told = exchange.run(&["status"]);
    let line = told.out.lines().nth(1).expect("a second line");
    assert!(
        told.code == 3 && line.starts_with("The last attempt, 20") && line.ends_with(reason),
        "{told:?} {reason}"
    );
    std::fs::remove_file(exchange.path("updates")).expect("it was there");
    exchange.run(&attempt);
    let told = exchange.run(&["status"]);
    assert!(told.code == 0 && !told.out.contains("attempt"), "{told:?}");
}

/// A contact with a customer, and with a vendor whose table is not written back.
fn three_in_step() -> Exchange {
    let mut tables = String::new();
    for table in ["contacts", "customers", "vendors", "relations"] {
        tables.push_str(&format!("[tables.{table}]\nexport = \"{table}.csv\"\n"));
        if table != "vendors" {
            tables.push_str("write_back = \"in-place\"\n");
        }
    }
    let exchange = Exchange::new(&tables);
    for (table, no) in [("contacts", "C1"), ("customers", "10"), ("vendors", "20")] {
        says(&exchange, table, &format!("{no},Acme,Rome,1"));
    }
    exchange.put(
        "relations.csv",
        "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,10\nC1,VEND,Vendor,20\n",
    );
    assert_eq!(exchange.run(&["reconcile"]).code, 0);
    exchange
}

fn says(exchange: &Exchange, table: &str, row: &str) {
    exchange.put(
        &format!("{table}.csv"),
        format!("No.,Name,City,Phone No.\n{row}\n"),
    );
}

/// The id of the one open conflict.
fn conflict(exchange: &Exchange) -> String {
    let ran = exchange.run(&["conflicts", "list", "--format", "json"]);
    let value: Value = serde_json::from_str(&ran.out).expect("JSON");
    value["conflicts"][0]["id"]
        .as_str()
        .expect("one")
        .to_owned()
}

#[test]
fn explain_tells_what_an_export_shows_and_what_waits_for_it() {
    let exchange = three_in_step();
    says(&exchange, "contacts", "C1,Acme,Oslo,2");
    says(&exchange, "customers", "10,Acme,Bonn,1");
    assert_eq!(exchange.run(&["reconcile"]).code, 3);
    let id = conflict(&exchange);
    for (kind, no, city) in [
        ("contact", "C1", "Oslo"),
        ("customer", "10", "Bonn"),
        ("vendor", "20", "Rome"),
    ] {
        let ran = exchange.run(&["explain", kind, no]);
        let says = format!("City: \"{city}\"\n  in conflict: ");
        assert!(ran.out.contains(&says) && ran.out.contains(&id), "{ran:?}");
    }
    let ran = exchange.run(&["explain", "vendor", "20"]);
    let owed = "Phone No.: \"1\"\n  owed: its table is not written back";
    assert!(ran.out.contains(owed), "{ran:?}");
}

#[test]
fn who_asks_for_a_conflict_that_is_settled_is_told_how() {
    let exchange = three_in_step();
    says(&exchange, "contacts", "C1,Acme,Oslo,1");
    says(&exchange, "customers", "10,Acme,Bonn,1");
    exchange.run(&["reconcile"]);
    let id = conflict(&exchange);
    let undecided = exchange.run(&["conflicts", "resolve", &id]);
    assert!(
        undecided.code == 64 && undecided.err.contains("--take <SIDE>|--value <TEXT>"),
        "{undecided:?}"
    );
    let decided = exchange.run(&["conflicts", "resolve", &id, "--take", "customer"]);
    assert!(
        decided.out.contains("the next pass carries it out"),
        "{decided:?}"
    );
    exchange.run(&["reconcile"]);
    let further =
        "; to change it now, enter the value in one of the systems; the next pass carries it on\n";
    for (command, is_advised) in [
        (&["conflicts", "show", &id][..], false),
        (&["conflicts", "resolve", &id, "--take", "base"], true),
    ] {
        let ran = exchange.run(command);
        assert_eq!(ran.err.ends_with(further), is_advised, "{ran:?}");
        assert!(
            ran.code == 1
                && ran
                    .err
                    .contains("is settled since pass 3; the decision was \"Bonn\""),
            "{ran:?}"
        );
    }
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "base"]);
    assert_eq!(ran.out, "No conflict is like that; nothing was decided.\n");
}

#[test]
fn whoever_takes_a_side_that_one_of_many_parties_lacks_is_told_the_filter() {
    let exchange = three_in_step();
    says(&exchange, "contacts", "C1,Acme,Oslo,1");
    says(&exchange, "customers", "10,Acme,Bonn,1");
    exchange.run(&["reconcile"]);
    let hint = "has no bank-account; nothing was decided; --table bank_accounts leaves only parties with a bank-account\n";
    let ran = exchange.run(&["conflicts", "resolve", "--all", "--take", "bank-account"]);
    assert!(ran.code == 1 && ran.err.ends_with(hint), "{ran:?}");
    let id = conflict(&exchange);
    let ran = exchange.run(&["conflicts", "resolve", &id, "--take", "bank-account"]);
    assert!(ran.err.ends_with("has no bank-account\n"), "{ran:?}");
}

#[test]
fn conflicts_that_are_settled_say_how_and_by_which_pass() {
    let exchange = three_in_step();
    let pass = |contact: &str, customer: &str| {
        says(&exchange, "contacts", &format!("C1,Acme,{contact},1"));
        says(&exchange, "customers", &format!("10,Acme,{customer},1"));
        exchange.run(&["reconcile"]);
    };
    pass("Oslo", "Bonn");
    pass("Oslo", "Kiel");
    let id = conflict(&exchange);
    exchange.run(&["conflicts", "resolve", &id, "--take", "customer"]);
    exchange.run(&["reconcile"]);
    pass("Ulm", "Genf");
    pass("Lund", "Lund");
    let told = [
        "settled by pass 6; nobody decided it: its sides came to agree, or to part",
        "settled by pass 4; the decision was \"Kiel\"",
        "so until pass 3, when a side said something else",
    ];
    let ran = exchange.run(&["conflicts", "list", "--settled"]);
    let said = ran.out.lines().map(str::trim);
    let said: Vec<&str> = said
        .filter(|line| line.contains("by pass") || line.contains("until pass"))
        .collect();
    assert_eq!(said, told, "{ran:?}");
    let ran = exchange.run(&["conflicts", "list", "--settled", "--format", "json"]);
    let value: Value = serde_json::from_str(&ran.out).expect("JSON");
    for (at, (settled, until, decided)) in [
        (Some(6), 6, None),
        (Some(4), 4, Some("Kiel")),
        (None, 3, None),
    ]
    .into_iter()
    .enumerate()
    {
        let conflict = &value["conflicts"][at];
        assert_eq!(conflict["settled_pass"].as_u64(), settled, "{conflict}");
        assert_eq!(conflict["until_pass"], until, "{conflict}");
        assert_eq!(conflict["decided"].as_str(), decided, "{conflict}");
    }
}

#[test]
fn a_command_line_that_is_advised_names_the_configuration_that_was_given() {
    let exchange = three_in_step();
    exchange.put("other.toml", exchange.config());
    says(&exchange, "contacts", "C1,Acme,Oslo,1");
    says(&exchange, "customers", "10,Acme,Bonn,1");
    let ran = exchange.run(&["--config", "other.toml", "reconcile"]);
    assert!(
        ran.out
            .contains("(`couplet --config other.toml conflicts list`)"),
        "{ran:?}"
    );
    let ran = exchange.run(&["conflicts", "list", "--config", "other.toml"]);
    assert!(
        ran.out
            .contains("    couplet --config other.toml conflicts resolve K"),
        "{ran:?}"
    );
    let ran = exchange.run(&["status"]);
    assert!(ran.out.contains("(`couplet conflicts list`)"), "{ran:?}");
    // Programs pass on to people what they are told.
    let ask = ["problems", "accept", "P1", "--format", "json"];
    let ran = exchange.run(&[&ask[..], &["--config", "other.toml"]].concat());
    assert!(
        ran.out
            .contains("`couplet --config other.toml problems list` has them all"),
        "{ran:?}"
    );
    assert!(!exchange.run(&ask).out.contains("--config"));
}

#[test]
fn what_each_stage_took_stands_in_one_column() {
    let exchange = three_in_step();
    says(&exchange, "contacts", "C1,Acme,Oslo,1");
    let ran = exchange.run(&["reconcile", "--timings"]);
    assert!(ran.err.contains("writing files and bases"), "{ran:?}");
    let mut ends = ran.err.lines().map(str::len);
    let end = ends.next().expect("a line");
    assert!(ends.all(|other| other == end), "{}", ran.err);
}

#[test]
fn help_is_given_to_whoever_asks_the_command_help_for_help() {
    let exchange = Exchange::new("");
    for arguments in [&["help"][..], &["help", "--help"], &["help", "-h"]] {
        let ran = exchange.run(arguments);
        assert!(
            ran.code == 0 && ran.out.contains("Usage: couplet"),
            "{ran:?}"
        );
    }
}

#[test]
fn bad_rows_are_told_apart_although_nobody_knows_whose_they_are() {
    const TABLES: &str = "[tables.contacts]\nexport = \"contacts.csv\"\n";
    let exchange = Exchange::new(TABLES);
    let bad = ["C2;Beta", "C3;Core"];
    let put = |rows: &[&str]| {
        let text = format!("No.,Name\nC1,Acme\n{}\n", rows.join("\n"));
        exchange.put("contacts.csv", text);
        exchange.run(&["reconcile"]).code
    };
    let listed = || -> Vec<Value> {
        let ran = exchange.run(&["problems", "list", "--format", "json"]);
        assert!(!ran.out.contains("Beta"), "{ran:?}");
        let listed: Value = serde_json::from_str(&ran.out).expect("JSON");
        listed["problems"].as_array().expect("problems").clone()
    };
    assert_eq!(put(&bad), 3);
    let both = listed();
    assert_eq!(both.len(), 2, "{both:#?}");
    let reason = both[0]["reason"].as_str();
    assert_eq!(reason, Some("the row has 1 cell where there are 2 columns"));
    let first = both[0]["id"].as_str().expect("an id");
    assert_eq!(exchange.run(&["problems", "accept", first]).code, 0);
    let ran = exchange.run(&["status"]);
    assert!(ran.out.contains("1 open"), "{ran:?}");
    // One that is accepted stays so wherever it stands, until it changes.
    let accepted = |rows: &[&str]| {
        put(rows);
        let listed = listed().into_iter();
        listed.filter(|known| known["accepted"] == true).count()
    };
    assert_eq!(accepted(&["C4,Dodo", bad[1], bad[0]]), 1);
    let other = match both[0]["place"]["line"].as_u64() {
        Some(3) => ["C2;Better", bad[1]],
        _ => [bad[0], "C3;Corner"],
    };
    assert_eq!(accepted(&other), 0);
}

#[test]
fn bad_rows_that_are_alike_are_told_apart_wherever_they_stand() {
    let exchange = Exchange::new("[tables.contacts]\nexport = \"contacts.csv\"\n");
    let listed = |rows: &str| -> Vec<(String, bool)> {
        exchange.put("contacts.csv", format!("No.,Name\nC1,Acme\n{rows}"));
        exchange.run(&["reconcile"]);
        let ran = exchange.run(&["problems", "list", "--format", "json"]);
        let listed: Value = serde_json::from_str(&ran.out).expect("JSON");
        let problems = listed["problems"].as_array().expect("problems").iter();
        // Such rows have the same number besides.
        let ragged = problems.filter(|known| known["kind"] != "duplicate-key");
        let named = ragged.map(|known| {
            let id = known["id"].as_str().expect("an id").to_owned();
            (id, known["accepted"] == true)
        });
        named.collect()
    };
    let one = listed("C2;Beta\n");
    let both = listed("C2;Beta\nC2;Beta\n");
    assert_eq!(both.len(), 2, "{both:#?}");
    assert!(both.contains(&one[0]), "{both:#?}");
    for (id, _) in &both {
        assert_eq!(exchange.run(&["problems", "accept", id]).code, 0);
    }
    let moved = listed("C2;Beta\nC3,Core\nC4,Dodo\nC2;Beta\n");
    assert_eq!(moved.len(), 2, "{moved:#?}");
    assert!(moved.iter().all(|(_, is_accepted)| *is_accepted));
    // The third is news.
    let third = listed(&"C2;Beta\n".repeat(3));
    assert_eq!(third.iter().filter(|(_, accepted)| !accepted).count(), 1);
}
