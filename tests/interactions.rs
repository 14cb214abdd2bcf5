//! The interaction log and what feeds it: events read once, by any road; files of the log; requests; many at once.

mod support;

use support::Exchange;

const TABLES: &str = r#"
[tables.contacts]
export = "contacts.csv"
[tables.customers]
export = "customers.csv"
[tables.relations]
export = "relations.csv"
[tables.events]
export = "events.csv"
[tables.interaction_templates]
export = "templates.csv"
[tables.interaction_template_setup]
export = "setup.csv"
"#;

fn office() -> Exchange {
    let exchange = Exchange::new(TABLES);
    exchange.put(
        "contacts.csv",
        "No.,Name,E-Mail,Salesperson Code\nC1,Acme,a@b.de,JO\n",
    );
    exchange.put("customers.csv", "No.,Name\n10,Acme\n11,Other\n");
    exchange.put(
        "relations.csv",
        "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,10\n",
    );
    exchange.put("templates.csv", "Code,Interaction Group Code,Description,Unit Cost (LCY),Unit Duration (Min.)\nINV,SALES,Invoice,8,1\nMEMO,LETTER,Memo,2,5\n");
    exchange.put("setup.csv", "Sales Invoices,Outg. Calls\nINV,\n");
    exchange
}

/// Descriptions of the entries that events became.
fn invoices(exchange: &Exchange) -> Vec<String> {
    let ran = exchange.run(&["interactions", "list", "--template", "INV", "--as", "jsonl"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines = ran
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    lines
        .map(|row| row["Document No."].as_str().expect("text").to_owned())
        .collect()
}

const HEADER: &str = "Document Type,Document No.,Customer No.,Date\n";

#[test]
fn each_event_is_logged_once_however_often_its_export_is_read() {
    let exchange = office();
    exchange.put(
        "events.csv",
        format!("{HEADER}Sales Inv.,1,10,2026-11-01\nSales Inv.,2,10,2026-11-02\n"),
    );
    exchange.run(&["reconcile"]);
    let log = exchange.text("interactions.csv");
    exchange.run(&["reconcile"]);
    assert_eq!(exchange.text("interactions.csv"), log);
    // A rolling window in another order, with other line ends and a column more: the old ones are known, the new one is news.
    exchange.put("events.csv", "Date;Customer No.;Document No.;Document Type;Clerk\r\n2026-11-03;10;3;Sales Inv.;x\r\n2026-11-02;10;2;Sales Inv.;y\r\n");
    exchange.run(&["reconcile"]);
    assert_eq!(invoices(&exchange), ["1", "2", "3"]);
}

#[test]
fn the_log_is_printed_as_csv_with_the_line_ends_of_csv() {
    let exchange = office();
    let rows = "Sales Inv.,1,10,2026-11-01\nSales Inv.,2,10,2026-11-02\n";
    exchange.put("events.csv", format!("{HEADER}{rows}"));
    exchange.run(&["reconcile"]);
    let ran = exchange.run(&["interactions", "list", "--as", "csv"]);
    assert_eq!(ran.out, exchange.text("interactions.csv"));
}

#[test]
fn two_rows_that_are_alike_are_two_events_and_a_number_of_its_own_says_that_they_are_one() {
    let exchange = office();
    let row = "Sales Inv.,1,10,2026-11-01\n";
    exchange.put("events.csv", format!("{HEADER}{row}{row}"));
    exchange.run(&["reconcile"]);
    exchange.put(
        "events.csv",
        format!("{HEADER}{row}{row}Sales Inv.,2,10,2026-11-01\n"),
    );
    exchange.run(&["reconcile"]);
    assert_eq!(invoices(&exchange), ["1", "1", "2"]);
    let exchange = office();
    let row = "Sales Inv.,1,10,2026-11-01,E7\n";
    exchange.put(
        "events.csv",
        format!("{}{row}{row}", HEADER.replace('\n', ",Event ID\n")),
    );
    exchange.run(&["reconcile"]);
    assert_eq!(invoices(&exchange), ["1"]);
}

#[test]
fn a_contact_that_the_same_pass_creates_has_the_events_of_its_customer() {
    let exchange = office().with("[setup]\ncontact_nos = \"CT1\"\ncreate_contacts = \"all\"\n");
    let config = exchange
        .config()
        .replace(
            "export = \"contacts.csv\"\n",
            "export = \"contacts.csv\"\nwrite_back = \"in-place\"\n",
        )
        .replace(
            "export = \"relations.csv\"\n",
            "export = \"relations.csv\"\nwrite_back = \"in-place\"\n",
        );
    let exchange = exchange.configured(&config);
    exchange.put(
        "events.csv",
        format!("{HEADER}Sales Inv.,1,11,2026-11-01\n"),
    );
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(invoices(&exchange), ["1"]);
    assert!(
        exchange
            .run(&[
                "interactions",
                "list",
                "--contact",
                "CT1",
                "--template",
                "INV"
            ])
            .out
            .contains("Sales Inv. 1")
    );
}

#[test]
fn rows_that_cannot_be_logged_are_problems_with_their_place_and_the_others_are_logged() {
    let exchange = office();
    exchange.put("events.csv", format!(
        "{HEADER}Sales Inv.,1,10,03/04/2026\nZeppelin,2,10,2026-11-01\nSales Inv.,3,,2026-11-01\nSales Inv.,4,10,2026-11-01\n"
    ));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert_eq!(invoices(&exchange), ["4"]);
    let problems = exchange.run(&["problems", "list"]).out;
    for text in [
        "events.csv:2",
        "read in two ways",
        "events.csv:3",
        "Zeppelin",
        "events.csv:4",
        "names no account",
    ] {
        assert!(problems.contains(text), "{text}: {problems}");
    }
    let dated = exchange.config().replace(
        "export = \"events.csv\"\n",
        "export = \"events.csv\"\ndates = \"%d/%m/%Y\"\n",
    );
    let exchange = exchange.configured(&dated);
    exchange.put(
        "events.csv",
        format!("{HEADER}Sales Inv.,1,10,03/04/2026\n"),
    );
    assert_eq!(exchange.run(&["reconcile"]).code, 0);
    let listed = exchange
        .run(&[
            "interactions",
            "list",
            "--from",
            "2026-04-03",
            "--to",
            "2026-04-03",
        ])
        .out;
    assert!(listed.contains("Sales Inv. 1"), "{listed}");
}

#[test]
fn dropped_events_are_answered_row_by_row_and_what_is_wrong_comes_back_to_be_mended() {
    let exchange = office();
    let config = exchange.config().replace(
        "export = \"events.csv\"\n",
        "export = \"erp/events_*.csv\"\ndrop = true\n",
    );
    let exchange = exchange.configured(&config);
    exchange.put("erp/events_1.csv", format!(
        "{HEADER}Sales Inv.,1,10,2026-11-01\nSales Qte.,2,10,2026-11-01\nSales Inv.,3,11,2026-11-01\nZeppelin,4,10,2026-11-01\n"
    ));
    exchange.run(&["reconcile"]);
    let answer: serde_json::Value =
        serde_json::from_str(&exchange.text("erp/answers/events_1.csv.answer.json")).expect("JSON");
    assert_eq!(answer["status"], "partly", "{answer:#}");
    assert_eq!(answer["rows"], 4);
    assert_eq!(
        answer["classes"],
        serde_json::json!({ "new": 1, "unlogged": 1, "rejected": 2 })
    );
    assert_eq!(invoices(&exchange), ["1"]);
    let mend = exchange.text("erp/failed/events_1.1.rows.csv");
    assert_eq!(
        mend,
        format!("{HEADER}Sales Inv.,3,11,2026-11-01\nZeppelin,4,10,2026-11-01\n")
    );
    // Older and newer files alike are read, each row once.
    exchange.put(
        "erp/events_3.csv",
        format!("{HEADER}Sales Inv.,5,10,2026-11-01\n"),
    );
    exchange.put(
        "erp/events_2.csv",
        format!("{HEADER}Sales Inv.,1,10,2026-11-01\nSales Inv.,6,10,2026-11-01\n"),
    );
    exchange.run(&["reconcile"]);
    let mut logged = invoices(&exchange);
    logged.sort();
    assert_eq!(logged, ["1", "5", "6"]);
}

#[test]
fn a_dropped_file_of_events_is_refused_with_its_place_or_where_its_manifest_says_more() {
    let exchange = office();
    let config = exchange.config().replace(
        "export = \"events.csv\"\n",
        "export = \"erp/events_*.csv\"\ndrop = true\n",
    );
    let exchange = exchange.configured(&config);
    let refused = |name: &str, events: &str| -> String {
        exchange.put(&format!("erp/{name}"), format!("{HEADER}{events}"));
        exchange.run(&["reconcile"]);
        let answer = exchange.text(&format!("erp/answers/{name}.answer.json"));
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["status"], "rejected", "{answer:#}");
        answer["reason"].as_str().expect("text").to_owned()
    };
    let open = refused("events_1.csv", "Sales Inv.,\"1,10,2026-11-01\n");
    assert!(open.starts_with("line 2 (byte "), "{open}");
    exchange.put(
        "erp/2.manifest.json",
        "{\"files\":[{\"name\":\"events_2.csv\",\"records\":5}]}",
    );
    let cut = refused("events_2.csv", "Sales Inv.,1,10,2026-11-01\n");
    assert!(cut.contains("its manifest says 5"), "{cut}");
    assert!(invoices(&exchange).is_empty());
}

#[test]
fn a_requests_file_logs_cancels_and_evaluates_each_row_once() {
    let exchange = office();
    let config = format!("{}[exchange]\nrequests = \"requests\"\n", exchange.config());
    let exchange = exchange.configured(&config);
    exchange.put(
        "requests/1.csv",
        "Action,Contact No.,Template Code,Date,Description,Evaluation,Salesperson Code\n\
        log,C1,MEMO,2026-11-20,Told them,,\nlog,C1,MEMO,,No date,,\nlog,C9,MEMO,2026-11-20,,,\n",
    );
    exchange.run(&["reconcile"]);
    let answer = exchange.text("requests/answers/1.csv.answer.json");
    for text in [
        "Date must be filled",
        "there is no contact C9",
        "\"done\": 1",
        "\"refused\": 2",
    ] {
        assert!(answer.contains(text), "{text}: {answer}");
    }
    let listed = exchange
        .run(&["interactions", "list", "--template", "MEMO"])
        .out;
    let number = listed
        .split_whitespace()
        .next()
        .expect("a number")
        .to_owned();
    exchange.put("requests/2.csv", format!("Action,No.,Evaluation\nevaluate,{number},Positive\ncancel,{number},\ncancel,{number},\ncancel,x,\n"));
    exchange.run(&["reconcile"]);
    let answer = exchange.text("requests/answers/2.csv.answer.json");
    for text in [
        "already cancelled",
        "is no number",
        "\"done\": 2",
        "\"refused\": 2",
    ] {
        assert!(answer.contains(text), "{text}: {answer}");
    }
    let listed = exchange
        .run(&["interactions", "list", "--template", "MEMO"])
        .out;
    assert!(listed.contains("(cancelled, Positive)"), "{listed}");
}

#[test]
fn a_log_by_month_begins_a_file_each_month_and_goes_by_whole_files() {
    let exchange = office();
    let pass = |at: &str, keep: &str, name: &str| {
        let log = format!("export = \"interactions.csv\"\nfiles = \"monthly\"\n{keep}");
        let config = exchange
            .config()
            .replace("export = \"interactions.csv\"\n", &log);
        exchange.put(
            "events.csv",
            format!("{HEADER}Sales Inv.,{name},10,2026-01-01\n"),
        );
        exchange.pass_at(&config, at);
    };
    pass("2026-10-30T10:00:00[UTC]", "", "one");
    pass("2026-10-31T10:00:00[UTC]", "", "two");
    pass("2026-11-01T10:00:00[UTC]", "", "three");
    let numbers = |name: &str| -> Vec<String> {
        let text = exchange.text(name);
        text.lines()
            .skip(1)
            .map(|line| line.split(',').next().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(numbers("interactions_2026-10.csv"), ["1", "2"]);
    assert_eq!(numbers("interactions_2026-11.csv"), ["3"]);
    assert_eq!(invoices(&exchange), ["ONE", "TWO", "THREE"]);
    // October's file was complete on the first of November, and goes with what the state kept of it; numbers go on.
    pass("2026-11-20T10:00:00[UTC]", "keep = \"10d\"\n", "four");
    assert!(!exchange.path("interactions_2026-10.csv").exists());
    assert_eq!(numbers("interactions_2026-11.csv"), ["3", "4"]);
    assert_eq!(invoices(&exchange), ["THREE", "FOUR"]);
}

#[test]
fn a_log_by_month_loses_nothing_when_the_clock_is_set_back_into_a_month_that_is_over() {
    let exchange = office();
    let config = exchange.config().replace(
        "export = \"interactions.csv\"\n",
        "export = \"interactions.csv\"\nfiles = \"monthly\"\n",
    );
    let days = ["10-31", "11-01", "10-31", "11-01", "11-02", "10-31"];
    for (at, day) in days.iter().enumerate() {
        exchange.put(
            "events.csv",
            format!("{HEADER}Sales Inv.,{at},10,2026-01-01\n"),
        );
        exchange.pass_at(&config, &format!("2026-{day}T10:00:00[UTC]"));
    }
    let numbers = |name: &str| -> Vec<String> {
        let text = exchange.text(name);
        let lines = text.lines().skip(1);
        let number = |line: &str| line.split(',').next().unwrap_or_default().to_owned();
        lines.map(number).collect()
    };
    assert_eq!(numbers("interactions_2026-10_until_000001.csv"), ["1"]);
    assert_eq!(numbers("interactions_2026-11_until_000002.csv"), ["2"]);
    assert_eq!(numbers("interactions_2026-10_until_000003.csv"), ["3"]);
    assert_eq!(numbers("interactions_2026-11.csv"), ["4", "5"]);
    assert_eq!(numbers("interactions_2026-10.csv"), ["6"]);
}

#[test]
fn a_fresh_state_goes_on_after_the_last_number_in_any_of_the_logs_files() {
    let exchange = office();
    let config = exchange.config().replace(
        "export = \"interactions.csv\"\n",
        "export = \"interactions.csv\"\nfiles = \"yearly\"\n",
    );
    let exchange = exchange.configured(&config);
    exchange.put(
        "events.csv",
        format!("{HEADER}Sales Inv.,1,10,2026-11-01\n"),
    );
    exchange.pass_at(&config, "2025-12-31T10:00:00[UTC]");
    std::fs::remove_dir_all(exchange.path("state")).expect("removed");
    exchange.put(
        "events.csv",
        format!("{HEADER}Sales Inv.,2,10,2026-11-01\n"),
    );
    exchange.pass_at(&config, "2026-01-01T10:00:00[UTC]");
    assert!(
        exchange
            .text("interactions_2025.csv")
            .lines()
            .nth(1)
            .is_some_and(|line| line.starts_with("1,"))
    );
    assert!(
        exchange
            .text("interactions_2026.csv")
            .lines()
            .nth(1)
            .is_some_and(|line| line.starts_with("2,"))
    );
}

#[test]
fn a_file_that_is_not_the_log_is_refused_before_anything_is_written_and_stays_as_it_is() {
    for (log, of_others) in [
        (
            "interactions.csv",
            "Date;Who;What\r\n2026-11-01;JO;Call\r\n",
        ),
        ("interactions.csv", "Entry No.,Amount\n7,100\n"),
        ("interactions.csv", "no line end"),
        ("interactions.jsonl", "{\"who\":\"JO\"}\n"),
    ] {
        let exchange = office();
        let config = exchange.config().replace("interactions.csv", log);
        let exchange = exchange.configured(&config);
        exchange.put(log, of_others).put(
            "events.csv",
            format!("{HEADER}Sales Inv.,1,10,2026-11-01\n"),
        );
        for command in [&["check"][..], &["reconcile", "--dry-run"], &["reconcile"]] {
            let ran = exchange.run(command);
            assert_eq!(ran.code, 1, "{ran:?}");
            assert!(
                ran.err.contains(log) && ran.err.contains("is not the interaction log"),
                "{ran:?}"
            );
        }
        assert_eq!(exchange.text(log), of_others);
        std::fs::rename(exchange.path(log), exchange.path("theirs")).expect("moved");
        let ran = exchange.run(&["reconcile"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(exchange.text(log).contains("C1"));
        // Somebody saved it with a spreadsheet of their own dialect.
        let saved = exchange.text(log).replace(',', ";");
        exchange.put(log, &saved);
        let ran = exchange.run(&["reconcile"]);
        let is_theirs = log.ends_with(".csv");
        assert_eq!(ran.code, i32::from(is_theirs), "{ran:?}");
        assert_eq!(exchange.text(log), saved);
    }
}

#[test]
fn a_log_with_the_columns_of_an_earlier_version_moves_away_before_rows_would_not_go_with_its_header()
 {
    let exchange = office();
    exchange.put("interactions.csv", "Entry No.,Contact No.\r\n41,C1\r\n");
    exchange.put(
        "events.csv",
        format!("{HEADER}Sales Inv.,1,10,2026-11-01\n"),
    );
    exchange.run(&["reconcile"]);
    assert_eq!(
        exchange.text("interactions_until_000041.csv"),
        "Entry No.,Contact No.\r\n41,C1\r\n"
    );
    assert!(
        exchange
            .text("interactions.csv")
            .lines()
            .nth(1)
            .is_some_and(|line| line.starts_with("42,C1,"))
    );
}
