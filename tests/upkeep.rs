//! What a round does beside its pass, on disks that do not let it: it is told, holds up nothing else, and is done once it can be.

mod support;

#[path = "support/dropped.rs"]
mod dropped;
#[path = "support/meddled.rs"]
mod meddled;

use std::io;
use std::path::Path;

use couplet::disk::RealDisk;
use couplet::exchange::{AsItStands, Round};
use couplet::sync::Outcome;
use dropped::{DROPS, Rounds, files, with_drops};
use meddled::Meddled;
use support::{ClockAt, Exchange};

/// A disk that does nothing with a file or a folder of this name.
fn stiff(name: &'static str) -> Meddled {
    let refuse = move |path: &Path| match path.components().any(|part| part.as_os_str() == name) {
        true => Err(io::ErrorKind::StorageFull.into()),
        false => Ok(()),
    };
    Meddled {
        creating: Some(Box::new(refuse)),
        renaming: Some(Box::new(refuse)),
        removing: Some(Box::new(refuse)),
        ..Meddled::default()
    }
}

/// The kinds of the problems that a round told.
fn told(round: &Round) -> Vec<&str> {
    let (Outcome::Done(summary) | Outcome::InStep(summary)) = &round.outcome else {
        panic!("{round:#?}");
    };
    let problems = summary.plan.problems.iter();
    problems.map(|problem| problem.kind.as_str()).collect()
}

/// Makes rounds while the disk does nothing with something, and once it does: what is to be done is told for as long, and done then.
fn is_done_once_it_can_be(
    exchange: &Exchange,
    rounds: &mut Rounds,
    name: &'static str,
    is_done: impl Fn() -> bool,
) {
    let disk = stiff(name);
    let first = rounds.make(&disk, &AsItStands).expect("it goes on");
    let updates = files(exchange, "erp/updates");
    let is_update = |name: &String| exchange.text(name).contains("Kiel");
    assert!(updates.iter().any(is_update), "what was dropped counts");
    assert!(first.is_more, "the next round tells it: {first:#?}");
    let second = rounds.make(&disk, &AsItStands).expect("it goes on");
    assert_eq!(told(&second), ["unwritable-file"]);
    assert!(!second.is_more && second.wait.is_some(), "{second:#?}");
    assert!(!is_done());
    let third = rounds.make(&RealDisk, &AsItStands).expect("a round");
    assert!(is_done() && told(&third).is_empty(), "{third:#?}");
    assert!(!third.is_more && third.wait.is_none(), "{third:#?}");
}

/// An exchange in which a customer is to learn of a city.
fn exchange(config: &str) -> Exchange {
    let exchange = with_drops(config);
    exchange
        .put(
            "crm/contacts_1.csv",
            "No.,Name,City\nC1,Acme,Kiel\nC2,Beta,Bern\n",
        )
        .put(
            "erp/customers.csv",
            "No.,Name,City\n10,Acme,\n20,Gamma,Bern\n",
        );
    exchange
}

#[test]
fn a_conflict_inbox_that_cannot_be_renewed_holds_up_nothing() {
    let config = format!("{DROPS}[exchange]\nconflicts = \"inbox/conflicts.csv\"\n");
    let exchange = exchange(&config);
    let mut rounds = Rounds::of(&exchange);
    let inbox = exchange.path("inbox/conflicts.csv");
    is_done_once_it_can_be(&exchange, &mut rounds, "inbox", || inbox.exists());
    assert!(exchange.text("inbox/conflicts.csv").contains("Gamma"));
}

#[test]
fn a_message_that_cannot_be_put_away_holds_up_nothing_and_is_logged_once() {
    let config = format!(
        "mail = \"mail\"\n{DROPS}[tables.salespeople]\nexport = \"salespeople.csv\"\n\
         [tables.interaction_templates]\nexport = \"templates.csv\"\n[tables.interaction_template_setup]\nexport = \"setup.csv\"\n"
    );
    let exchange = exchange(&config);
    exchange
        .put("salespeople.csv", "Code,Name,E-Mail\nJO,Jim,jim@example.com\n")
        .put("templates.csv", "Code,Description\nEM,E-Mail\n")
        .put("setup.csv", "Primary Key,E-Mails\n,EM\n")
        .put(
            "mail/1.eml",
            "From: jim@example.com\r\nTo: somebody@example.org\r\nMessage-ID: <1@example.com>\r\nDate: Mon, 23 Nov 2026 08:00:00 +0000\r\nSubject: Hello\r\n\r\nHello\r\n",
        );
    let mut rounds = Rounds::of(&exchange);
    let message = exchange.path("mail/1.eml");
    is_done_once_it_can_be(&exchange, &mut rounds, "mail", || !message.exists());
}

#[test]
fn a_file_that_was_kept_long_enough_and_cannot_be_removed_holds_up_nothing() {
    let exchange = with_drops(&format!("{DROPS}[exchange]\nkeep = \"1d\"\n"));
    let mut rounds = Rounds::of(&exchange);
    rounds.make(&RealDisk, &AsItStands).expect("a round");
    let kept = exchange.path("crm/done/2026-11-23/000001-contacts_1.csv");
    assert!(kept.exists());
    exchange.put(
        "crm/contacts_2.csv",
        "No.,Name,City\nC1,Acme,Kiel\nC2,Beta,Bern\n",
    );
    rounds.clock = ClockAt(&rounds.clock.0 + jiff::Span::new().hours(48));
    is_done_once_it_can_be(&exchange, &mut rounds, "000001-contacts_1.csv", || {
        !kept.exists()
    });
}
