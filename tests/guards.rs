//! Guards speak before the first write, and saved plans are carried out exactly or not at all.

mod support;

use assert_cmd::Command;
use couplet::sync::Outcome;
use support::{Exchange, SETUP};

const CONFIG: &str = r#"
[tables.contacts]
export = "contacts.csv"
write_back = "in-place"
[tables.customers]
export = "customers.csv"
write_back = "in-place"
[tables.relations]
export = "relations.csv"
write_back = "in-place"
"#;

const HEAD: &str = "No.,Name,City,Phone No.\n";

fn rows(prefix: &str, count: usize, row: impl Fn(usize) -> String) -> String {
    (0..count)
        .map(|no| format!("{prefix}{no},{}\n", row(no)))
        .collect()
}

/// Twenty couples in step.
fn in_step() -> Exchange {
    let customers = format!("{HEAD}{}", rows("K", 20, same));
    in_step_with(CONFIG, "customers.csv", &customers)
}

fn same(no: usize) -> String {
    format!("Name {no},Rome,{no}")
}

/// Twenty couples whose customers stand in this file.
fn in_step_with(config: &str, file: &str, customers: &str) -> Exchange {
    let exchange = Exchange::new(config);
    exchange
        .put("config.toml", format!("{SETUP}{config}"))
        .put("contacts.csv", format!("{HEAD}{}", rows("C", 20, same)))
        .put(file, customers)
        .put(
            "relations.csv",
            format!(
                "Contact No.,Business Relation Code,Link to Table,No.\n{}",
                rows("C", 20, |no| format!("CUST,Customer,K{no}"))
            ),
        );
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    exchange
}

fn couplet(exchange: &Exchange, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_couplet"))
        .current_dir(exchange.path(""))
        .args(arguments)
        .output()
        .expect("ran");
    (
        output.status.code().expect("a code"),
        String::from_utf8(output.stdout).expect("text"),
    )
}

fn halted(exchange: &Exchange) -> (String, Vec<String>) {
    match exchange.pass() {
        Outcome::Halted { id, summary } => (
            id,
            summary
                .plan
                .halts
                .into_iter()
                .map(|halt| halt.guard)
                .collect(),
        ),
        other => panic!("not halted: {other:#?}"),
    }
}

#[test]
fn too_many_deletions_are_halted_and_let_through_once_when_a_person_approves() {
    let exchange = in_step();
    let relations = exchange.text("relations.csv");
    exchange.put(
        "customers.csv",
        format!(
            "{HEAD}{}",
            rows("K", 15, |no| format!("Name {no},Rome,{no}"))
        ),
    );
    let (id, guards) = halted(&exchange);
    assert_eq!(guards, ["deletes"]);
    assert_eq!(
        exchange.text("relations.csv"),
        relations,
        "nothing was written"
    );
    assert_eq!(couplet(&exchange, &["reconcile"]).0, 4);
    let (code, text) = couplet(&exchange, &["approve", &id, "--show"]);
    assert!(
        code == 0 && text.contains("5 of 20 records are gone"),
        "{text}"
    );
    assert_eq!(
        couplet(&exchange, &["reconcile"]).0,
        4,
        "looking is not approving"
    );
    assert_eq!(couplet(&exchange, &["approve", &id]).0, 0);
    assert_eq!(couplet(&exchange, &["reconcile"]).0, 0);
    assert_eq!(exchange.text("relations.csv").lines().count(), 16);
    assert_eq!(
        couplet(&exchange, &["approve", &id]).0,
        1,
        "the halt is spent"
    );
}

#[test]
fn an_approved_plan_is_halted_again_when_an_export_has_changed() {
    let exchange = in_step();
    exchange.put(
        "customers.csv",
        format!(
            "{HEAD}{}",
            rows("K", 15, |no| format!("Name {no},Rome,{no}"))
        ),
    );
    let (id, _) = halted(&exchange);
    assert_eq!(couplet(&exchange, &["approve", &id]).0, 0);
    exchange.put(
        "customers.csv",
        format!(
            "{HEAD}{}",
            rows("K", 14, |no| format!("Name {no},Rome,{no}"))
        ),
    );
    let (other, guards) = halted(&exchange);
    assert_eq!(guards, ["deletes"]);
    assert_ne!(id, other);
}

#[test]
fn a_halt_and_its_approval_end_with_a_pass_that_is_not_halted() {
    let exchange = in_step();
    let good = exchange.text("customers.csv");
    let name = |no: usize| format!("Name {no},Rome,{no}");
    let bad = format!("{HEAD}{}", rows("K", 15, name));
    exchange.put("customers.csv", &bad);
    let (id, _) = halted(&exchange);
    assert_eq!(couplet(&exchange, &["approve", &id]).0, 0);
    exchange.put("customers.csv", &good);
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    let (code, text) = couplet(&exchange, &["status"]);
    assert!(code == 0 && !text.contains("Halted"), "{text}");
    let refused = exchange.run(&["approve", &id]);
    assert!(
        refused.code == 1 && refused.err.contains("it is void"),
        "{refused:?}"
    );
    exchange.put("customers.csv", &bad);
    let (again, guards) = halted(&exchange);
    assert_eq!(guards, ["deletes"], "the approval was for that time");
    exchange.put("customers.csv", format!("{HEAD}{}", rows("K", 14, name)));
    let (other, _) = halted(&exchange);
    let (_, text) = couplet(&exchange, &["status"]);
    assert!(text.contains(&other) && !text.contains(&again), "{text}");
}

#[test]
fn mass_changes_and_mass_blanking_are_halted() {
    let exchange = in_step();
    exchange.put(
        "contacts.csv",
        format!(
            "{HEAD}{}",
            rows("C", 20, |no| format!("Name {no},Oslo,{no}"))
        ),
    );
    assert_eq!(halted(&exchange).1, ["changes"]);
    let exchange = in_step();
    let blank = |no: usize| {
        if no < 5 {
            format!("Name {no},Rome,")
        } else {
            format!("Name {no},Rome,{no}")
        }
    };
    exchange.put("contacts.csv", format!("{HEAD}{}", rows("C", 20, blank)));
    assert_eq!(halted(&exchange).1, ["blanked"]);
}

#[test]
fn first_fills_trip_no_guard() {
    let exchange = Exchange::new(CONFIG);
    exchange
        .put(
            "contacts.csv",
            format!(
                "{HEAD}{}",
                rows("C", 20, |no| format!("Name {no},Rome,{no}"))
            ),
        )
        .put(
            "customers.csv",
            format!("{HEAD}{}", rows("K", 20, |no| format!("Name {no},,"))),
        )
        .put(
            "relations.csv",
            format!(
                "Contact No.,Business Relation Code,Link to Table,No.\n{}",
                rows("C", 20, |no| format!("CUST,Customer,K{no}"))
            ),
        );
    assert_eq!(exchange.summary().plan.changes.len(), 40);
}

#[test]
fn other_configured_columns_are_halted() {
    let exchange = in_step();
    let config = format!(
        "{SETUP}{CONFIG}[tables.customers.columns]\n\"City\" = \"Phone No.\"\n\"Phone No.\" = \"City\"\n"
    );
    let Outcome::Halted { summary, .. } = exchange.pass_of(&config) else {
        panic!("not halted")
    };
    assert!(
        summary
            .plan
            .halts
            .iter()
            .any(|halt| halt.guard == "configuration")
    );
}

#[test]
fn a_halted_pass_names_its_problems() {
    let exchange = in_step();
    let config =
        format!("{SETUP}{CONFIG}[tables.customers.columns]\n\"Phone No.\" = \"Telefon\"\n");
    exchange.put("config.toml", &config);
    let (code, halted) = couplet(&exchange, &["reconcile"]);
    assert_eq!(code, 4, "{halted}");
    let id = halted.split("couplet approve ").nth(1).expect("advised");
    let (_, shown) = couplet(&exchange, &["approve", &id[..9], "--show"]);
    for text in [&halted, &shown] {
        for part in [
            "new configuration is right; `couplet check` says whether the columns are found\n",
            "\nThe pass would write nothing.\n",
            "\nFor a person: 1 problem (`couplet check`)\n  P",
            "the file has no column \"Telefon\"",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

#[test]
fn a_file_that_another_system_exports_over_our_writes_is_halted() {
    let exchange = in_step();
    let before = exchange.text("customers.csv");
    let edit = |no: usize| format!("Name {no},{},{no}", if no < 10 { "Oslo" } else { "Rome" });
    exchange.put("contacts.csv", format!("{HEAD}{}", rows("C", 20, edit)));
    assert_eq!(exchange.summary().plan.changes.len(), 10);
    exchange.put("customers.csv", before);
    let (_, guards) = halted(&exchange);
    assert_eq!(guards, ["exported-over"]);
    assert!(exchange.text("contacts.csv").contains("Oslo"));
}

#[test]
fn what_was_exported_over_is_written_into_the_folder_that_takes_its_place() {
    for exported_over in ["customers.csv", "contacts.csv"] {
        let exchange = in_step();
        let before = exchange.text(exported_over);
        let edit = |no: usize| format!("Name {no},{},{no}", if no < 10 { "Oslo" } else { "Rome" });
        let (edited, prefix) = match exported_over {
            "customers.csv" => ("contacts.csv", "C"),
            _ => ("customers.csv", "K"),
        };
        let edits = format!("{HEAD}{}", rows(prefix, 20, edit));
        exchange.put(edited, &edits);
        exchange.summary();
        exchange.put(exported_over, &before);
        assert_eq!(halted(&exchange).1, ["exported-over"]);
        // As the halt advises.
        let in_place = format!("\"{exported_over}\"\nwrite_back = \"in-place\"");
        let in_a_folder = in_place.replace("in-place", "updates");
        let in_a_folder = format!("{SETUP}{}", CONFIG.replace(&in_place, &in_a_folder));
        let summary = exchange.summary_of(&in_a_folder);
        assert_eq!(summary.plan.changes.len(), 10, "{:#?}", summary.plan);
        assert!(summary.plan.conflicts.is_empty());
        assert_eq!(exchange.text(edited), edits);
        // Its system imports the update.
        let imported = before.replacen("Rome", "Oslo", 10);
        exchange.put(exported_over, imported);
        let plan = exchange.summary_of(&in_a_folder).plan;
        assert!(!plan.writes() && plan.conflicts.is_empty(), "{plan:#?}");
    }
}

/// The configuration with updates of customers in a folder, and what their exports list.
fn through_a_folder(contents: &str) -> String {
    let in_place = "\"customers.csv\"\nwrite_back = \"in-place\"";
    let in_a_folder =
        format!("\"customers.csv\"\nwrite_back = \"updates\"\ncontents = \"{contents}\"");
    CONFIG.replace(in_place, &in_a_folder)
}

#[test]
fn a_delta_that_is_taken_for_a_full_export_is_halted() {
    let customers = format!("{HEAD}{}", rows("K", 20, same));
    let exchange = in_step_with(&through_a_folder("delta"), "customers.csv", &customers);
    let changed = |no: usize| format!("Name {no},Rome,{}", no + 100);
    exchange.put("customers.csv", format!("{HEAD}{}", rows("K", 2, changed)));
    exchange.summary();
    let outcome = exchange.pass_of(&format!("{SETUP}{}", through_a_folder("full")));
    assert!(matches!(outcome, Outcome::Halted { .. }), "{outcome:#?}");
}

#[test]
fn changes_are_counted_among_the_records_of_a_table_and_not_those_of_a_delta() {
    let customers = format!("{HEAD}{}", rows("K", 20, same));
    let exchange = in_step_with(&through_a_folder("delta"), "customers.csv", &customers);
    let noted = |no: usize| format!("Name {no},Rome,{no} ");
    exchange.put("customers.csv", format!("{HEAD}{}", rows("K", 10, noted)));
    exchange.summary();
    let edit = |no: usize| format!("Name {no},{},{no}", if no < 6 { "Oslo" } else { "Rome" });
    exchange.put("contacts.csv", format!("{HEAD}{}", rows("C", 20, edit)));
    assert_eq!(exchange.summary().plan.changes.len(), 6);
}

#[test]
fn a_missing_emptied_or_cut_export_deletes_and_blanks_nothing() {
    let whole = in_step().text("customers.csv");
    let cut_row = format!("{}K20,Name", whole);
    for (kind, text) in [
        ("missing-export", None),
        ("emptied-export", Some(HEAD.to_owned())),
        ("refused-export", Some(String::new())),
        (
            "cut-export",
            Some(whole[..whole.len() - 20].trim_end().to_owned()),
        ),
        ("cut-export", Some(cut_row)),
    ] {
        let exchange = in_step();
        let before = (
            exchange.text("contacts.csv"),
            exchange.text("relations.csv"),
        );
        match &text {
            Some(text) => {
                exchange.put("customers.csv", text);
            }
            None => std::fs::remove_file(exchange.path("customers.csv")).expect("removed"),
        }
        let summary = exchange.summary();
        let kinds: Vec<&str> = summary
            .plan
            .problems
            .iter()
            .map(|problem| problem.kind.as_str())
            .collect();
        assert!(
            kinds.contains(&kind) || kind == "refused-export",
            "{kind}: {kinds:?}"
        );
        assert!(
            !kinds.is_empty()
                && summary.plan.changes.is_empty()
                && summary.plan.uncouplings.is_empty(),
            "{kind}"
        );
        assert_eq!(
            (
                exchange.text("contacts.csv"),
                exchange.text("relations.csv")
            ),
            before,
            "{kind}"
        );
    }
}

/// What the customers of twenty couples become when their file is first `whole` and then `cut`.
fn kinds_after(file: &str, whole: &str, cut: &str) -> Vec<String> {
    let exchange = in_step_with(&CONFIG.replace("customers.csv", file), file, whole);
    let relations = exchange.text("relations.csv");
    exchange.put(file, cut);
    let plan = exchange.summary().plan;
    assert_eq!(exchange.text("relations.csv"), relations);
    plan.problems
        .into_iter()
        .map(|problem| problem.kind)
        .collect()
}

#[test]
fn a_file_without_a_last_line_end_is_cut_where_its_last_record_lacks_cells() {
    let whole = format!("{HEAD}{}", rows("K", 20, same));
    let at = whole.find("K18,").expect("a row");
    let cut = &whole[..at + "K18,Na".len()];
    assert_eq!(
        kinds_after("customers.csv", whole.trim_end(), cut),
        ["cut-export"]
    );
    assert_eq!(kinds_after("customers.csv", &whole, cut), ["cut-export"]);
}

#[test]
fn a_file_that_is_cut_at_its_first_reading_is_not_read() {
    let exchange = Exchange::new(CONFIG);
    exchange
        .put("contacts.csv", format!("{HEAD}C1,Acme,Rome,1\n"))
        .put("customers.csv", format!("{HEAD}K1,Acme,Rome,1\nK2,Be"))
        .put(
            "relations.csv",
            "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,K1\n",
        );
    let problems = exchange.summary().plan.problems;
    assert_eq!(problems[0].kind, "cut-export");
}

#[test]
fn json_lines_that_had_a_last_line_end_are_cut_without_one() {
    let line = |no| {
        format!(
            "{{\"No\":\"K{no}\",\"Name\":\"Name {no}\",\"City\":\"Rome\",\"Phone_No\":\"{no}\"}}\n"
        )
    };
    let whole: String = (0..20).map(line).collect();
    let cut: String = (0..19).map(line).collect();
    let file = "customers.jsonl";
    assert_eq!(kinds_after(file, &whole, cut.trim_end()), ["cut-export"]);
}

/// A JSON record says itself where it ends, so that only the line end speaks against the file; the last cell of a CSV may be cut.
#[test]
fn json_lines_without_a_last_line_end_are_whole_once_the_same_bytes_stand_there_again() {
    let line = |no| {
        format!(
            "{{\"No\":\"K{no}\",\"Name\":\"Name {no}\",\"City\":\"Rome\",\"Phone_No\":\"{no}\"}}\n"
        )
    };
    let lines = |count: usize| -> String { (0..count).map(line).collect() };
    let csv = |count: usize| format!("{HEAD}{}", rows("K", count, same));
    for (file, whole, cuts) in [
        ("customers.jsonl", lines(20), [lines(18), lines(19)]),
        ("customers.csv", csv(20), [csv(18), csv(19)]),
    ] {
        let config = CONFIG.replace("customers.csv", file);
        let exchange = in_step_with(&config, file, &whole);
        let is_cut = |bytes: &str| {
            exchange.put(file, bytes);
            let problems = exchange.summary().plan.problems;
            problems.iter().any(|problem| problem.kind == "cut-export")
        };
        let [less, more] = cuts.each_ref().map(|cut| cut.trim_end());
        assert!(is_cut(less) && is_cut(more) && is_cut(less), "{file}");
        let has_last = || exchange.text("relations.csv").contains("K18");
        assert!(has_last(), "{file}");
        let is_json = file == "customers.jsonl";
        assert_eq!(is_cut(less), !is_json, "{file}");
        assert_eq!(has_last(), !is_json, "{file}");
        // From now on its system leaves the last line end out.
        assert_eq!(is_cut(more), !is_json, "{file}");
        assert!(!is_cut(&whole));
        assert!(is_cut(more));
    }
}

#[test]
fn a_dry_run_writes_nothing_at_all_and_a_saved_plan_is_carried_out_exactly_or_refused() {
    let exchange = Exchange::new(CONFIG);
    exchange
        .put("config.toml", format!("{SETUP}{CONFIG}"))
        .put("contacts.csv", format!("{HEAD}C1,Acme,Rome,1\n"))
        .put("customers.csv", format!("{HEAD}K1,Acme,,1\n"))
        .put(
            "relations.csv",
            "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,K1\n",
        );
    let (code, text) = couplet(&exchange, &["reconcile", "--dry-run"]);
    assert!(
        code == 0 && text.contains("City: (blank) -> \"Rome\""),
        "{text}"
    );
    assert_eq!(
        couplet(&exchange, &["reconcile", "--dry-run", "--exit-code"]).0,
        2
    );
    assert!(!exchange.path("state").exists());
    assert_eq!(
        couplet(&exchange, &["reconcile", "--plan", "plan.json"]).0,
        0
    );
    assert!(!exchange.path("state").exists());
    exchange.put("contacts.csv", format!("{HEAD}C1,Acme,Oslo,1\n"));
    assert_eq!(
        couplet(&exchange, &["reconcile", "--apply", "plan.json"]).0,
        1,
        "an export has changed"
    );
    assert!(exchange.text("customers.csv").contains("K1,Acme,,1"));
    exchange.put("contacts.csv", format!("{HEAD}C1,Acme,Rome,1\n"));
    assert_eq!(
        couplet(&exchange, &["reconcile", "--apply", "plan.json"]).0,
        0
    );
    assert!(exchange.text("customers.csv").contains("K1,Acme,Rome,1"));
    assert_eq!(
        couplet(&exchange, &["reconcile", "--apply", "plan.json"]).0,
        1,
        "it was carried out already"
    );
    assert_eq!(
        couplet(&exchange, &["reconcile", "--dry-run", "--exit-code"]).0,
        0
    );
}

#[test]
fn a_state_of_a_newer_program_is_refused_with_what_to_do() {
    let exchange = in_step();
    let db = rusqlite::Connection::open(exchange.path("state/couplet.db")).expect("opened");
    db.pragma_update(None, "user_version", 999).expect("set");
    drop(db);
    let output = Command::new(env!("CARGO_BIN_EXE_couplet"))
        .current_dir(exchange.path(""))
        .arg("reconcile")
        .output()
        .expect("ran");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(
        text.contains("version 999") && text.contains("use the newer couplet"),
        "{text}"
    );
}
