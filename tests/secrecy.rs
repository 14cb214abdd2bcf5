//! Values of contacts and bank accounts never appear in logs, with every log level on.

mod support;

use assert_cmd::Command;
use support::{Exchange, SETUP};

const CONFIG: &str = r#"
[tables.contacts]
export = "contacts.csv"
write_back = "in-place"
[tables.customers]
export = "customers.csv"
write_back = "updates"
encoding = "windows-1252"
[tables.bank_accounts]
export = "banks.jsonl"
write_back = "in-place"
[tables.vendors]
export = "vendors.csv"
[tables.relations]
export = "relations.csv"
write_back = "in-place"
"#;

const HEAD: &str = "No.,Name,City,Phone No.,E-Mail,Privacy Blocked,IBAN\n";

/// Values that no number, field or file is called.
const SECRETS: [&str; 12] = [
    "ZANZIBAR",
    "Qwertzopolis",
    "+4915900",
    "leaky@",
    "DE4450010517",
    "Łukaszenkograd",
    "Vexatious",
    "Unquotable",
    "Perhapsish",
    "Overlongname",
    "Ragged",
    "Doubled",
];

fn couplet(exchange: &Exchange, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_couplet"))
        .current_dir(exchange.path(""))
        .args(arguments)
        .arg("-vvv")
        .output()
        .expect("ran");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn no_value_appears_in_what_is_logged_about_good_bad_and_conflicting_records() {
    let exchange = Exchange::new(CONFIG);
    exchange
        .put("config.toml", format!("{SETUP}{CONFIG}"))
        .put("contacts.csv", format!("{HEAD}C1,ZANZIBAR,Qwertzopolis,+4915900,leaky@x.example,No,\nC2,Vexatious,,,,Perhapsish,\n"))
        .put("customers.csv", format!("{HEAD}10,ZANZIBAR,,,,No,\n11,Doubled,,,,No,\n11,Doubled,,,,No,\n12,Ragged\n"))
        .put("banks.jsonl", "{\"No.\":\"B1\",\"Name\":\"ZANZIBAR\",\"IBAN\":\"DE4450010517\",\"City\":\"Vexatious\"}\n{\"No.\":\"B2\",\"Name\":\"Vexatious\",\"Name\":\"ZANZIBAR\"}\n")
        .put("vendors.csv", format!("{HEAD}20,\"Unquotable,Rome\n"))
        .put(
            "relations.csv",
            "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,10\nC1,BANK,Bank Account,B1\nC2,CUST,Customer,99\nC2,X,Vexatious,1\n",
        );
    let mut logged = couplet(&exchange, &["check"]);
    logged += &couplet(&exchange, &["reconcile", "--dry-run"]);
    logged += &couplet(&exchange, &["reconcile"]);
    let long = "Overlongname".repeat(12);
    exchange.put("contacts.csv", format!("{HEAD}C1,{long},Łukaszenkograd,+4915901,leaky@y.example,No,\nC2,Vexatious,,,,Perhapsish,\n"));
    exchange.put(
        "banks.jsonl",
        "{\"No.\":\"B1\",\"Name\":\"Vexatious\",\"IBAN\":\"DE4450010517\",\"City\":\"ZANZIBAR\"}\n",
    );
    logged += &couplet(&exchange, &["reconcile"]);
    for command in [
        &["status"][..],
        &["conflicts", "list"],
        &["problems", "list"],
        &["explain", "contact", "C1"],
    ] {
        logged += &couplet(&exchange, command);
    }
    exchange.put("contacts.csv", "No.,Name\nC1,\"ZANZIBAR\"Qwertzopolis\n");
    logged += &couplet(&exchange, &["reconcile"]);
    logged += &couplet(&exchange, &["sniff", "contacts.csv"]);
    assert!(
        logged.contains("base written"),
        "every level is on: {logged}"
    );
    for secret in SECRETS {
        assert!(!logged.contains(secret), "{secret} is logged:\n{logged}");
    }
}

#[test]
fn no_problem_tells_a_value() {
    let exchange = Exchange::new(CONFIG);
    exchange
        .put("contacts.csv", format!("{HEAD}C1,ZANZIBAR,Łukaszenkograd,{},leaky@x.example,Perhapsish,\n", "+4915900".repeat(9)))
        .put("customers.csv", format!("{HEAD}10,,,,,No,\n"))
        .put("banks.jsonl", "{\"No.\":\"B1\",\"Name\":\"Vexatious\",\"Name\":\"ZANZIBAR\"}\n{\"No.\":\"B2\"\n")
        .put("vendors.csv", format!("{HEAD}20,\"Unquotable\"Ragged,,,,,\n"))
        .put(
            "relations.csv",
            "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,10\nC1,X,Vexatious,1\n",
        );
    let summary = exchange.summary();
    assert!(
        summary.plan.problems.len() >= 5,
        "{:#?}",
        summary.plan.problems
    );
    for problem in &summary.plan.problems {
        let told = format!("{} {}", problem.reason, problem.advice);
        assert!(
            SECRETS.iter().all(|secret| !told.contains(secret)),
            "{told}"
        );
    }
}
