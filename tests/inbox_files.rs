//! The requests folder, and the conflict inbox as a file: what people and programs ask for with files, answered row by row.

mod support;

use std::fs;

use support::Exchange;

const CONFIG: &str = r#"
[exchange]
requests = "exchange/requests"
conflicts = "exchange/conflicts.csv"
answers = "csv"
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

const RELATIONS: &str =
    "Contact No.,Business Relation Code,Link to Table,No.\r\nC1,CUST,Customer,10\r\n";

fn exchange() -> Exchange {
    exchange_with(CONFIG)
}

fn exchange_with(config: &str) -> Exchange {
    let exchange = Exchange::new(config);
    exchange
        .put(
            "contacts.csv",
            "No.,Name,Phone No.\r\nC1,Acme,+49 30 1\r\nC2,Beta,2\r\n",
        )
        .put(
            "customers.csv",
            "No.,Name,Phone No.\r\n10,Acme,+49 30 1\r\n20,Beta,2\r\n",
        )
        .put("relations.csv", RELATIONS);
    let first = exchange.run(&["reconcile"]);
    assert_eq!(first.code, 0, "{first:?}");
    exchange
}

/// The same with both sides' phone numbers of one party changed differently.
fn in_conflict() -> Exchange {
    let exchange = exchange();
    disagree(&exchange, "7", "8");
    exchange
}

fn disagree(exchange: &Exchange, contact: &str, customer: &str) {
    exchange
        .put(
            "contacts.csv",
            format!("No.,Name,Phone No.\r\nC1,Acme,{contact}\r\nC2,Beta,2\r\n"),
        )
        .put(
            "customers.csv",
            format!("No.,Name,Phone No.\r\n10,Acme,{customer}\r\n20,Beta,2\r\n"),
        );
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
}

/// The rows of the conflict inbox, by column.
fn inbox(exchange: &Exchange) -> Vec<std::collections::BTreeMap<String, String>> {
    let bytes = exchange.bytes("exchange/conflicts.csv");
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    reader
        .deserialize()
        .map(|row| row.expect("a row"))
        .collect()
}

/// The conflict inbox with this in the column for decisions.
fn decided(exchange: &Exchange, decision: &str) -> String {
    let text = exchange.text("exchange/conflicts.csv");
    let (header, row) = text.split_once("\r\n").expect("a header");
    assert!(row.ends_with(",\r\n"), "{row}");
    format!("{header}\r\n{}{decision}\r\n", row.trim_end())
}

fn phones(exchange: &Exchange) -> [bool; 2] {
    ["contacts.csv", "customers.csv"].map(|file| exchange.text(file).contains("Acme,8"))
}

#[test]
fn a_person_understands_a_conflict_from_its_row() {
    let exchange = in_conflict();
    let rows = inbox(&exchange);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row["Contact No."], "C1");
    assert_eq!(row["Field"], "Phone No.");
    assert_eq!(
        row["Agreed before"], "'+49 30 1",
        "no spreadsheet makes a formula of it"
    );
    assert_eq!(
        (row["Contact says"].as_str(), row["Customer says"].as_str()),
        ("7", "8")
    );
    assert!(
        row["Where"].contains("customer 10: changed, ")
            && row["Where"].contains("customers.csv line 2"),
        "{row:?}"
    );
    assert_eq!(row["Decision"], "");
    assert_eq!(row["Choices"], "contact, customer, base or \"value: ...\"");
}

#[test]
fn who_meets_a_party_for_the_first_time_has_not_changed() {
    let exchange = exchange();
    exchange
        .put(
            "customers.csv",
            "No.,Name,Phone No.\r\n10,Acme,+49 30 1\r\n20,Beta,3\r\n",
        )
        .put(
            "relations.csv",
            format!("{RELATIONS}C2,CUST,Customer,20\r\n"),
        );
    assert_eq!(exchange.run(&["reconcile"]).code, 3);
    let rows = inbox(&exchange);
    let place = "customer 20: at its first meeting, ";
    assert!(rows[0]["Where"].contains(place), "{rows:?}");
}

#[test]
fn a_decision_saved_into_the_file_is_carried_out_and_the_row_goes() {
    let exchange = in_conflict();
    exchange.put("exchange/conflicts.csv", decided(&exchange, "Customer"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(phones(&exchange), [true, true]);
    assert!(inbox(&exchange).is_empty());
    let answer = exchange.text("exchange/answers/conflicts.csv.answer.csv");
    assert!(answer.contains("\r\ndone,,2,,done: conflict K"), "{answer}");
}

#[test]
fn a_decision_may_be_another_value_and_may_come_through_the_requests_folder() {
    let exchange = in_conflict();
    exchange.put(
        "exchange/requests/from accounting.csv",
        decided(&exchange, "value: +49 30 9"),
    );
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        exchange.text("contacts.csv").contains("Acme,+49 30 9"),
        "machines get it as it is"
    );
    assert!(inbox(&exchange).is_empty());
    assert!(
        exchange
            .path("exchange/requests/answers/from accounting.csv.answer.csv")
            .exists()
    );
}

#[test]
fn a_value_that_no_side_can_hold_is_refused_and_the_conflict_stays() {
    let config = format!("{CONFIG}[tables.customers.columns]\n\"Phone No.\" = {{ length = 12 }}\n");
    let exchange = exchange_with(&config);
    disagree(&exchange, "7", "8");
    let [id] = <[_; 1]>::try_from(inbox(&exchange))
        .expect("one")
        .map(|row| row["Conflict"].clone());
    let resolve = |digits: usize| {
        let value = "1".repeat(digits);
        exchange.run(&["conflicts", "resolve", &id, "--value", &value])
    };
    let refused = resolve(31);
    assert!(
        refused.code == 1
            && refused
                .err
                .contains("Phone No.: the value has 31 characters and no side holds more than 30"),
        "{refused:?}"
    );
    exchange.put(
        "exchange/conflicts.csv",
        decided(&exchange, &format!("value: {}", "1".repeat(31))),
    );
    exchange.run(&["reconcile"]);
    let answer = exchange.text("exchange/answers/conflicts.csv.answer.csv");
    assert!(answer.contains("no side holds more than 30"), "{answer}");
    assert_eq!(inbox(&exchange).len(), 1);
    assert_eq!(resolve(30).code, 0, "the contact holds it");
}

#[test]
fn an_apostrophe_before_what_looks_like_a_formula_is_taken_off_a_decision() {
    let exchange = exchange();
    disagree(&exchange, "+49 30 7", "+49 30 8");
    // What stands under "Contact says", copied into the decision.
    let shown = inbox(&exchange)[0]["Contact says"].clone();
    assert_eq!(shown, "'+49 30 7");
    let decided = decided(&exchange, &format!("value: {shown}"));
    exchange.put("exchange/conflicts.csv", decided);
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(exchange.text("customers.csv").contains("Acme,+49 30 7"));
}

#[test]
fn the_file_survives_the_habits_of_spreadsheets() {
    // Semicolons, everything quoted, the code page of the office, and columns left over at the end.
    let exchange = in_conflict();
    let bytes = decided(&exchange, "customer").into_bytes();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(&bytes[3..]);
    let mut out = csv::WriterBuilder::new()
        .delimiter(b';')
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for row in reader.records() {
        let row = row.expect("a row");
        let cells = row
            .iter()
            .map(|cell| cell.strip_prefix('\'').unwrap_or(cell).to_owned());
        out.write_record(cells.chain(["".to_owned(), "".to_owned()]))
            .expect("written");
    }
    exchange.put("exchange/conflicts.csv", out.into_inner().expect("bytes"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(phones(&exchange), [true, true]);
}

#[test]
fn a_stale_decision_is_refused_with_its_reason() {
    let exchange = in_conflict();
    let stale = decided(&exchange, "customer");
    disagree(&exchange, "7", "9");
    exchange.put("exchange/requests/late.csv", &stale);
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let answer = exchange.text("exchange/requests/answers/late.csv.answer.csv");
    assert!(
        answer.contains("has changed since this row was written"),
        "{answer}"
    );
    assert_eq!(inbox(&exchange).len(), 1);
    // A conflict that is settled is nobody's to decide any more.
    exchange.run(&["conflicts", "resolve", "--all", "--take", "contact"]);
    exchange.run(&["reconcile"]);
    exchange.put("exchange/requests/later.csv", &stale);
    exchange.run(&["reconcile"]);
    let answer = exchange.text("exchange/requests/answers/later.csv.answer.csv");
    assert!(answer.contains("is not open any more"), "{answer}");
}

#[test]
fn a_decision_is_refused_when_the_same_pass_sees_that_a_side_has_changed_or_joined_the_other() {
    for (contact, left) in [("9", 1), ("8", 0)] {
        let exchange = in_conflict();
        exchange
            .put("exchange/conflicts.csv", decided(&exchange, "contact"))
            .put(
                "contacts.csv",
                format!("No.,Name,Phone No.\r\nC1,Acme,{contact}\r\nC2,Beta,2\r\n"),
            );
        exchange.run(&["reconcile"]);
        let answer = exchange.text("exchange/answers/conflicts.csv.answer.csv");
        assert!(
            answer.starts_with("Status,Rows,Line,Key,Reason\r\nrejected,1,")
                && answer.contains("a side shows something else now"),
            "{answer}"
        );
        let rows = inbox(&exchange);
        assert_eq!(rows.len(), left);
        assert!(rows.iter().all(|row| row["Decision"].is_empty()));
        assert!(exchange.text("customers.csv").contains("10,Acme,8"));
    }
}

#[test]
fn of_several_decisions_on_one_conflict_the_last_counts_and_the_others_are_told_so() {
    let exchange = in_conflict();
    let id = &inbox(&exchange)[0]["Conflict"];
    let rows = ["contact", "customer", "the other one"]
        .map(|decision| format!("resolve,{id},{decision}\n"));
    let rows = rows.concat();
    exchange.put(
        "exchange/requests/several.csv",
        format!("Action,Conflict,Decision\n{rows}"),
    );
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert_eq!(phones(&exchange), [true, true]);
    let answer = exchange.text("exchange/requests/answers/several.csv.answer.csv");
    let first = format!(
        "refused,,2,,\"refused: line 3 decides conflict {id} as well, and the last row counts\""
    );
    assert!(answer.contains(&first), "{answer}");
    assert!(
        answer.contains(&format!("done,,3,,done: conflict {id}")),
        "{answer}"
    );
    assert!(
        answer.contains("the decision is not understood"),
        "{answer}"
    );
}

#[test]
fn a_file_without_decisions_decides_nothing_and_words_that_nobody_understands_are_answered() {
    let exchange = in_conflict();
    exchange.put(
        "exchange/conflicts.csv",
        decided(&exchange, "").replace(',', ";"),
    );
    exchange.run(&["reconcile"]);
    assert_eq!(inbox(&exchange).len(), 1);
    exchange.put("exchange/conflicts.csv", decided(&exchange, "the left one"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let answer = exchange.text("exchange/answers/conflicts.csv.answer.csv");
    assert!(
        answer.contains("the decision is not understood; say contact, customer, base or"),
        "{answer}"
    );
    assert_eq!(inbox(&exchange).len(), 1, "and it stays open");
}

#[test]
fn a_file_that_is_no_table_is_set_apart_and_the_inbox_is_written_anew() {
    let exchange = in_conflict();
    exchange.put("exchange/conflicts.csv", "\"broken");
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert_eq!(inbox(&exchange).len(), 1);
    let failed: Vec<_> = fs::read_dir(exchange.path("exchange/failed"))
        .expect("a folder")
        .flatten()
        .collect();
    assert_eq!(failed.len(), 2, "the file and its reason: {failed:?}");
}

#[test]
fn a_field_can_always_wait_for_a_person() {
    let config = format!("{CONFIG}[tables.contacts.fields.\"phone no\"]\nhold_always = true\n");
    let exchange = exchange_with(&config);
    exchange.put(
        "contacts.csv",
        "No.,Name,Phone No.\r\nC1,Acme,7\r\nC2,Beta,2\r\n",
    );
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert_eq!(inbox(&exchange).len(), 1);
    exchange.put("exchange/conflicts.csv", decided(&exchange, "contact"));
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(exchange.text("customers.csv").contains("10,Acme,7"));
}

#[test]
fn rows_of_a_requests_file_are_carried_out_each_once_and_answered() {
    let exchange = exchange();
    exchange.put(
        "exchange/requests/r1.json",
        r#"[{"Action":"link","Table":"customer","Contact No.":"C2","No.":"20"},
            {"Action":"link","Table":"customer","Contact No.":"C9","No.":"20"},
            {"Action":"dance"}]"#,
    );
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let answer = exchange.text("exchange/requests/answers/r1.json.answer.csv");
    assert!(answer.contains("partly,3,,,"), "{answer}");
    assert!(
        answer.contains("done: contact C2 is coupled with customer 20"),
        "{answer}"
    );
    assert!(
        answer.contains("refused: ") && answer.contains("dance"),
        "{answer}"
    );
    assert!(
        exchange
            .text("relations.csv")
            .contains("C2,CUST,Customer,20")
    );
    let relations = exchange.text("relations.csv");
    let ran = exchange.run(&["reconcile"]);
    assert!(
        ran.code == 0 && exchange.text("relations.csv") == relations,
        "{ran:?}"
    );
}

#[test]
fn rows_of_a_requests_file_that_were_not_done_stand_apart_and_no_row_is_done_twice() {
    let exchange = exchange();
    let header = "Action,Table,Name,Phone No.\n";
    exchange.put(
        "exchange/requests/new.csv",
        format!("{header}create,contact,Gamma,3\ncreate,contract,Delta,4\n"),
    );
    let config = exchange
        .config()
        .replace("[setup]\n", "[setup]\ncontact_nos = \"N1\"\n");
    let exchange = exchange.configured(&config);
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let answer = exchange.text("exchange/requests/answers/new.csv.answer.csv");
    assert!(answer.contains("partly,2"), "{answer}");
    let failed = "exchange/requests/failed/new.1.rows.csv";
    let text = exchange.text(failed);
    assert_eq!(text, format!("{header}create,contract,Delta,4\n"));
    let reason = exchange.text("exchange/requests/failed/000001-new.csv.reason.txt");
    assert!(
        reason.contains("1 of its 2 rows was left out") && reason.contains("new.1.rows.csv holds"),
        "{reason}"
    );
    exchange.put(
        "exchange/requests/new.1.rows.csv",
        text.replace("contract", "contact"),
    );
    fs::remove_file(exchange.path(failed)).expect("moved");
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let contacts = exchange.text("contacts.csv");
    assert_eq!(contacts.matches("Gamma").count(), 1, "{contacts}");
    assert_eq!(contacts.matches("Delta").count(), 1, "{contacts}");
}

#[test]
fn a_requests_file_of_which_nothing_was_done_says_so() {
    let exchange = exchange();
    let header = "Action,Table,Contact No.,No.\n";
    exchange.put(
        "exchange/requests/r.csv",
        format!("{header}link,customer,C9,20\ndance,,,\n"),
    );
    exchange.run(&["reconcile"]);
    let answer = exchange.text("exchange/requests/answers/r.csv.answer.csv");
    let why = "nothing that it asks for was done; each row says why";
    assert!(
        answer.contains("rejected,2,,,") && answer.contains(why),
        "{answer}"
    );
    let reason = exchange.text("exchange/requests/failed/000001-r.csv.reason.txt");
    let read = format!("It was read, and {why}.\n\n2 of its 2 rows were left out:");
    assert!(reason.contains(&read), "{reason}");
}

#[test]
fn several_requests_files_are_read_in_the_order_of_their_names() {
    let exchange = exchange();
    let unlink = "Action,Table,Contact No.\nunlink,customer,C2\n";
    let link = "Action,Table,Contact No.,No.\nlink,customer,C2,20\n";
    exchange
        .put("exchange/requests/1.csv", link)
        .put("exchange/requests/2.csv", unlink)
        .put("exchange/requests/3.csv", link)
        .put("exchange/requests/4.csv.tmp", unlink);
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for name in ["1", "2", "3"] {
        let answer = exchange.text(&format!("exchange/requests/answers/{name}.csv.answer.csv"));
        assert!(answer.contains("accepted,1"), "{name}: {answer}");
    }
    assert!(
        exchange
            .text("relations.csv")
            .contains("C2,CUST,Customer,20")
    );
    assert!(exchange.path("exchange/requests/4.csv.tmp").exists());
}
