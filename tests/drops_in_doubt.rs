//! Drops that are halted, cut, overwritten, announced by another version's marker or come out of order: none is read half, none
//! twice, and none is lost.

mod support;

use support::Exchange;

/// Contacts and customers are dropped; a record that is missing from them takes its relation along.
const CONFIG: &str = r#"
[tables.contacts]
export = "crm/contacts_*.csv"
sequence = 'contacts_(\d+)'
drop = true
write_back = "crm/updates"
[tables.customers]
export = "erp/customers.csv"
drop = true
write_back = "erp/updates"
[tables.relations]
export = "relations.csv"
write_back = "in-place"
"#;

/// The same, with more said of the contacts.
fn with_contacts(said: &str) -> String {
    CONFIG.replacen("drop = true", &format!("drop = true\n{said}"), 1)
}

/// Records 1 to `count`, all in this city.
fn rows(letter: char, count: usize, city: &str) -> String {
    let rows = (1..=count).map(|no| format!("{letter}{no},Name {no},{city}\n"));
    std::iter::once("No.,Name,City\n".to_owned())
        .chain(rows)
        .collect()
}

fn relations(count: usize) -> String {
    let rows = (1..=count).map(|no| format!("C{no},CUST,Customer,K{no}\n"));
    std::iter::once("Contact No.,Business Relation Code,Link to Table,No.\n".to_owned())
        .chain(rows)
        .collect()
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

/// Lets the plan through that was just halted.
fn approve(exchange: &Exchange, said: &str) {
    let (_, advised) = said.split_once("couplet approve ").expect("advice");
    let halt = advised.split_whitespace().next().expect("a halt");
    exchange.run(&["approve", halt]);
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
