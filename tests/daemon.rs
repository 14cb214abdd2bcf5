//! The daemon: a real process, real files, real events; waits for conditions, not for time.
#![cfg(unix)]

mod support;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::Exchange;

const CONFIG: &str = r#"
[tables.contacts]
export = "in/contacts.csv"
write_back = "in-place"
[tables.customers]
export = "in/customers.csv"
write_back = "in-place"
[tables.relations]
export = "in/relations.csv"
[run]
settle = "20ms"
"#;

fn exchange() -> Exchange {
    let exchange = Exchange::new(CONFIG);
    exchange
        .put("config.toml", format!("{}{CONFIG}", support::SETUP))
        .put("in/contacts.csv", "No.,Name,City\nC1,Acme,Rome\n")
        .put("in/customers.csv", "No.,Name,City\n10,Acme,\n")
        .put(
            "in/relations.csv",
            "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,10\n",
        );
    exchange
}

fn couplet(exchange: &Exchange, command: &str) -> Command {
    let mut process = Command::new(env!("CARGO_BIN_EXE_couplet"));
    process
        .arg("--config")
        .arg(exchange.path("config.toml"))
        .arg(command)
        .stderr(Stdio::null());
    process
}

/// A daemon that does not outlive its test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < patience, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_changed_export_is_merged_without_being_asked_and_the_daemon_ends_in_order() {
    let exchange = exchange();
    let mut daemon = Daemon(couplet(&exchange, "run").spawn().expect("started"));
    until("the first pass fills the city", || {
        exchange.text("in/customers.csv").contains("10,Acme,Rome")
    });
    exchange.put("in/new.tmp", "No.,Name,City\n10,Acme Ltd,Rome\n");
    std::fs::rename(
        exchange.path("in/new.tmp"),
        exchange.path("in/customers.csv"),
    )
    .expect("renamed in");
    until("a file that was renamed in is merged", || {
        exchange
            .text("in/contacts.csv")
            .contains("C1,Acme Ltd,Rome")
    });
    exchange.put("in/contacts.csv", "No.,Name,City\nC1,Acme Ltd,Oslo\n");
    until("a file that was written in place is merged", || {
        exchange.text("in/customers.csv").contains("Oslo")
    });

    let second = couplet(&exchange, "run").status().expect("ran");
    assert_eq!(second.code(), Some(5), "a second instance");
    let one_shot = couplet(&exchange, "reconcile")
        .stdout(Stdio::null())
        .status()
        .expect("ran");
    assert_eq!(one_shot.code(), Some(5), "a pass beside the daemon");

    let kill = Command::new("kill")
        .arg(daemon.0.id().to_string())
        .status()
        .expect("signalled");
    assert!(kill.success());
    assert_eq!(daemon.0.wait().expect("ended").code(), Some(0));
    let after = couplet(&exchange, "reconcile")
        .stdout(Stdio::null())
        .status()
        .expect("ran");
    assert_eq!(after.code(), Some(0), "the lock went with the daemon");
}
