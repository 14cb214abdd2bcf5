//! The daemon: a real process, real files, real events; waits for conditions, not for time.
#![cfg(unix)]

mod support;

#[path = "support/dropped.rs"]
mod dropped;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use couplet::disk::{Disk as _, RealDisk};
use dropped::{
    CONTACTS, CUSTOMERS, DROPS, answered, is_answered, with_customers_in_place, with_drops,
};
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
        std::thread::sleep(Duration::from_millis(5));
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

#[test]
fn a_state_that_is_taken_away_between_two_rounds_is_not_written_to_any_more() {
    let exchange = exchange();
    let _daemon = Daemon(couplet(&exchange, "run").spawn().expect("started"));
    until("the first pass fills the city", || {
        exchange.text("in/customers.csv").contains("10,Acme,Rome")
    });
    exchange.put("in/contacts.csv", "No.,Name,City\nC1,Acme,Oslo\n");
    until("the second pass is made", || {
        exchange.text("in/customers.csv").contains("Oslo")
    });
    std::fs::rename(exchange.path("state"), exchange.path("taken")).expect("taken away");
    exchange.put("in/customers.csv", "No.,Name,City\n10,Acme,\n");
    until("a state begins in its place", || {
        exchange.path("state/couplet.db").exists()
    });
    until("a first meeting fills the city again", || {
        exchange.text("in/customers.csv").contains("10,Acme,Oslo")
    });
}

/// What a configuration says beside its tables, with a settle time that no test outlasts by accident: what is announced is read at
/// once.
const RUN: &str = r#"
[exchange]
requests = "requests"
conflicts = "inbox/conflicts.csv"
[run]
settle = "60ms"
scan = "20s"
"#;

/// Contacts are dropped, and customers edited in place.
fn config() -> String {
    with_customers_in_place(DROPS) + RUN
}

fn drops(config: &str) -> Exchange {
    let exchange = with_drops(config);
    exchange.put("config.toml", exchange.config());
    std::fs::create_dir_all(exchange.path("requests")).expect("a folder");
    exchange
}

fn started(exchange: &Exchange) -> Daemon {
    let daemon = Daemon(couplet(exchange, "run").spawn().expect("started"));
    until("the first drop is answered", || {
        is_answered(exchange, "crm/contacts_1.csv")
    });
    daemon
}

fn renamed_in(exchange: &Exchange, name: &str, text: &str) {
    exchange.put("elsewhere.tmp", text);
    std::fs::rename(exchange.path("elsewhere.tmp"), exchange.path(name)).expect("renamed in");
}

/// The conflict inbox; empty while it is being taken.
fn inbox(exchange: &Exchange) -> String {
    std::fs::read_to_string(exchange.path("inbox/conflicts.csv")).unwrap_or_default()
}

fn customer_has(exchange: &Exchange, city: &str) -> bool {
    exchange.text("erp/customers.csv").contains(city)
}

#[test]
fn a_drop_is_read_when_it_is_renamed_in_and_when_it_was_written_slowly() {
    let exchange = drops(&config());
    let _daemon = started(&exchange);
    renamed_in(
        &exchange,
        "crm/contacts_2.csv",
        &CONTACTS.replace("Rome", "Oslo"),
    );
    until("a file that was renamed in is merged", || {
        customer_has(&exchange, "Oslo")
    });
    // Opened, written and closed piece by piece, as old exporters do.
    let text = CONTACTS.replace("Rome", "Kiel");
    for end in 1..=text.len() {
        exchange.put("crm/contacts_3.csv", &text[..end]);
        std::thread::sleep(Duration::from_millis(10));
    }
    until("a file that was written slowly is merged", || {
        customer_has(&exchange, "Kiel")
    });
    assert!(
        !exchange.path("crm/failed").exists(),
        "no half of it was ever read"
    );
}

#[test]
fn a_copy_that_keeps_an_old_modification_time_is_news() {
    let exchange = drops(&config());
    let _daemon = started(&exchange);
    for (city, year) in [("Oslo", "1999"), ("Kiel", "1998")] {
        exchange.put("copy", CUSTOMERS.replace("Rome", city));
        let old = Command::new("touch")
            .args(["-d", &format!("{year}-01-01")])
            .arg(exchange.path("copy"))
            .status();
        assert!(old.expect("touched").success());
        let copied = Command::new("cp")
            .arg("-p")
            .arg(exchange.path("copy"))
            .arg(exchange.path("erp/customers.csv"))
            .status();
        assert!(copied.expect("copied").success());
        until("a copy with an old time is merged", || {
            let updates = RealDisk
                .list(&exchange.path("crm/updates"))
                .expect("listed");
            updates
                .iter()
                .any(|path| std::fs::read_to_string(path).expect("text").contains(city))
        });
    }
}

#[test]
fn a_folder_that_is_deleted_and_comes_back_is_watched_again_and_nothing_counts_as_deleted() {
    let exchange = drops(&config().replace("scan = \"20s\"", "scan = \"100ms\""));
    let _daemon = started(&exchange);
    std::fs::rename(exchange.path("erp"), exchange.path("erp-away")).expect("gone");
    renamed_in(
        &exchange,
        "crm/contacts_2.csv",
        &CONTACTS.replace("Rome", "Oslo"),
    );
    until("the other side goes on", || {
        is_answered(&exchange, "crm/contacts_2.csv")
    });
    std::fs::rename(exchange.path("erp-away"), exchange.path("erp")).expect("back");
    until("what was owed is written", || {
        customer_has(&exchange, "Oslo")
    });
    exchange.put(
        "erp/customers.csv",
        exchange.text("erp/customers.csv").replace("Oslo", "Bonn"),
    );
    until("a change in the folder that came back is merged", || {
        let updates = RealDisk
            .list(&exchange.path("crm/updates"))
            .expect("listed");
        updates.iter().any(|path| {
            std::fs::read_to_string(path)
                .expect("text")
                .contains("Bonn")
        })
    });
}

#[test]
fn our_own_writes_cause_no_second_pass() {
    let exchange = drops(&config());
    let _daemon = started(&exchange);
    renamed_in(
        &exchange,
        "crm/contacts_2.csv",
        &CONTACTS.replace("Rome", "Oslo"),
    );
    until("the customer is written", || {
        customer_has(&exchange, "Oslo")
    });
    // A request is answered after everything that waited before it.
    renamed_in(
        &exchange,
        "requests/1.csv",
        "Action,Table,Contact No.\nunlink,vendor,C1\n",
    );
    until("a request is answered", || {
        is_answered(&exchange, "requests/1.csv")
    });
    let store = couplet::state::Store::look(&exchange.path("state"))
        .expect("a state")
        .expect("a state");
    assert_eq!(
        store.last_pass().expect("passes"),
        3,
        "the first, the change, the request"
    );
}

#[test]
fn a_decision_that_is_saved_into_the_inbox_is_carried_out() {
    let exchange = drops(&config());
    let _daemon = started(&exchange);
    exchange.put("erp/customers.csv", CUSTOMERS.replace("Rome", "Bonn"));
    until("the ledger's change is seen", || {
        exchange.path("crm/updates").exists()
    });
    // The CRM has not imported that and says something else.
    renamed_in(
        &exchange,
        "crm/contacts_2.csv",
        &CONTACTS.replace("Rome", "Kiel"),
    );
    until("the conflict is in the inbox", || {
        inbox(&exchange).contains("resolve,K")
    });
    let text = inbox(&exchange);
    exchange.put(
        "inbox/conflicts.csv",
        format!("{}contact\r\n", text.trim_end()),
    );
    until("the decision is carried out", || {
        customer_has(&exchange, "Kiel")
    });
    until("the inbox is empty", || {
        !inbox(&exchange).is_empty() && !inbox(&exchange).contains("resolve,K")
    });
}

#[test]
fn ten_thousand_files_at_once_are_all_answered() {
    let exchange = drops(&config());
    let _daemon = started(&exchange);
    for number in 2..10_000 {
        exchange.put(
            &format!("crm/contacts_{number}.csv"),
            CONTACTS.replace("Rome", &format!("Town {number}")),
        );
    }
    renamed_in(
        &exchange,
        "crm/contacts_10000.csv",
        &CONTACTS.replace("Rome", "The last"),
    );
    until("the last is merged", || customer_has(&exchange, "The last"));
    until("all are answered", || {
        RealDisk
            .list(&exchange.path("crm/answers"))
            .expect("listed")
            .len()
            == 10_000
    });
    assert!(
        RealDisk
            .list(&exchange.path("crm/work"))
            .expect("listed")
            .is_empty()
    );
}

#[test]
fn files_that_belong_together_are_read_together_or_after_their_time() {
    let together = "together = [[\"contacts\", \"customers\"]]\ntogether_within = \"3s\"\n";
    let config = format!("{DROPS}{RUN}{together}");
    let exchange = drops(&config);
    let _daemon = started(&exchange);
    let begun = Instant::now();
    renamed_in(
        &exchange,
        "crm/contacts_2.csv",
        &CONTACTS.replace("Rome", "Oslo"),
    );
    until("it is read although the other has not come", || {
        is_answered(&exchange, "crm/contacts_2.csv")
    });
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "not before its time"
    );
    renamed_in(
        &exchange,
        "crm/contacts_3.csv",
        &CONTACTS.replace("Rome", "Kiel"),
    );
    renamed_in(
        &exchange,
        "erp/customers.csv",
        &CUSTOMERS
            .replace("Acme", "Acme Ltd")
            .replace("Rome", "Oslo"),
    );
    // Their names have been answered before, so only what the answers say tells that these are new.
    let pass = |drop: &str| -> Option<serde_json::Value> {
        let answer = std::fs::read(exchange.path(&answered(drop))).ok()?;
        let answer: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
        Some(answer["pass"].clone())
    };
    until("one pass has read both", || {
        let contacts = pass("crm/contacts_3.csv");
        contacts.is_some() && contacts == pass("erp/customers.csv")
    });
}

/// How often a process has gone to sleep of its own will.
#[cfg(target_os = "linux")]
fn sleeps(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("alive");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    let count = line.expect("a count").trim();
    count.parse().expect("a number")
}

#[test]
#[cfg(target_os = "linux")]
fn its_own_looks_do_not_wake_it() {
    let exchange = drops(&config());
    let daemon = Daemon(couplet(&exchange, "run").spawn().expect("started"));
    let answer = exchange.path(&answered("crm/contacts_1.csv"));
    until("the first drop is answered", || answer.exists());
    let id = daemon.0.id();
    // Whatever the first pass has stirred up comes to rest; a daemon that wakes itself never does.
    until("it sleeps", || {
        let before = sleeps(id);
        std::thread::sleep(Duration::from_millis(300));
        sleeps(id) <= before + 3
    });
}

#[test]
fn a_second_daemon_is_refused_and_the_first_is_not_disturbed() {
    let exchange = drops(&config());
    let _first = started(&exchange);
    let second = couplet(&exchange, "run").output().expect("ran");
    assert_eq!(second.status.code(), Some(5));
    renamed_in(
        &exchange,
        "crm/contacts_2.csv",
        &CONTACTS.replace("Rome", "Oslo"),
    );
    until("the first works on", || customer_has(&exchange, "Oslo"));
}
