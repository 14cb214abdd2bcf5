//! Any bytes as the answers of a person: a conflicts file that a spreadsheet has saved, or requests.

use std::path::Path;
use std::sync::OnceLock;

use couplet::disk::Disk as _;
use couplet::model::Side;
use couplet::state::queries::OpenConflict;
use couplet::sync::Request;
use couplet::sync::decisions::version;
use couplet::sync::requests::{self, Asked, RequestRow};

use super::office::{CONFIG, Frozen, in_step};
use crate::exchange::path;

/// What of the setup is needed to carry out what can be asked for.
const SETUP: &str = r#"
[documents]
folder = "documents"
sales_quote_nos = "SQ001"
sales_order_nos = "SO001"
purchase_quote_nos = "PQ001"
purchase_order_nos = "PO001"

[interactions]
export = "interactions.csv"

[setup]
contact_nos = "CT001"
customer_nos = "KT001"
vendor_nos = "VT001"
create_contacts = "never"
"#;

/// An exchange with three open conflicts: two of a customer, one of a vendor.
fn in_conflict() -> &'static Frozen {
    static OFFICE: OnceLock<Frozen> = OnceLock::new();
    OFFICE.get_or_init(|| {
        let mut exchange = in_step().thawed();
        let edit = |name: &str, edits: &[(&str, &str)]| {
            let text = exchange.text(name).expect("a file");
            exchange.put(
                name,
                edits
                    .iter()
                    .fold(text, |text, (from, to)| text.replace(from, to)),
            );
        };
        edit(
            "contacts.csv",
            &[
                ("+49 30 0003", "+49 30 1003"),
                ("Street 3,", "Strand 3,"),
                ("Party 9,", "Neun,"),
            ],
        );
        edit(
            "customers.csv",
            &[("+49 30 0003", "+49 30 2003"), ("Street 3;", "Ufer 3;")],
        );
        edit("vendors.json", &[("Party 9", "Nine")]);
        exchange.pass().expect("a pass");
        assert_eq!(exchange.store.conflicts().expect("conflicts").len(), 3);
        Frozen {
            config: CONFIG.replace("[setup]", SETUP),
            ..Frozen::of(&exchange)
        }
    })
}

/// Bytes as a requests file.
pub fn any_file(bytes: &[u8]) -> bool {
    let mut exchange = in_conflict().thawed();
    let file = path("answers.csv");
    exchange.disk.put(&file, bytes);
    let opened = exchange.disk.open(&file);
    let shown = Path::new("answers.csv");
    let Ok(read) = requests::read(opened, shown, exchange.config.bounds.held()) else {
        return false;
    };
    let rows = read.rows;
    let decided = requests::decide(
        &exchange.config,
        &exchange.store,
        &rows,
        "2026-11-23T09:30:00",
        false,
    );
    let decided = decided.expect("a state that can be used");
    let conflicts = exchange.store.conflicts().expect("conflicts");
    for open in &conflicts {
        let asked = rows.iter().filter_map(|row| meaning(row, open)).next_back();
        assert_eq!(
            open.decided, asked,
            "{} is decided otherwise than asked",
            open.id
        );
    }
    let asked = rows
        .iter()
        .filter(|row| matches!(row.asked, Ok(Asked::Resolve(_))))
        .count();
    assert_eq!(decided.len(), asked, "each decision is answered");
    if let Ok(text) = std::str::from_utf8(bytes) {
        rows.iter().for_each(|row| stands_in(row, text));
    }
    // The pass carries it out, and what cannot be is refused with a sentence.
    let request = Request {
        rows: rows.clone(),
        ..Request::default()
    };
    exchange
        .ask(&request)
        .expect("what is asked for is no error");
    let left = exchange.store.conflicts().expect("conflicts");
    for open in &conflicts {
        assert!(
            open.decided.is_some()
                || has_orders(&rows)
                || left.iter().any(|other| other.id == open.id),
            "{} is gone and nobody decided it",
            open.id
        );
    }
    rows.iter().any(|row| {
        row.asked
            .as_ref()
            .is_ok_and(|asked| *asked != Asked::Nothing)
    })
}

/// Links that go take their conflicts with them.
fn has_orders(rows: &[RequestRow]) -> bool {
    rows.iter()
        .any(|row| matches!(row.asked, Ok(Asked::Order(_))))
}

/// The value that a row gives to a conflict, by the words of the documentation.
fn meaning(row: &RequestRow, open: &OpenConflict) -> Option<String> {
    let Ok(Asked::Resolve(resolution)) = &row.asked else {
        return None;
    };
    let is_this = resolution.conflict.eq_ignore_ascii_case(&open.id);
    let is_current =
        resolution.version.is_empty() || resolution.version.eq_ignore_ascii_case(&version(open));
    if !is_this || !is_current {
        return None;
    }
    let typed = resolution.decision.trim();
    if typed
        .get(..6)
        .is_some_and(|word| word.eq_ignore_ascii_case("value:"))
    {
        let value = typed[6..].trim();
        // As it stands in a cell for people: what begins like a formula has a mark before it.
        let is_formula = |rest: &&str| rest.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']);
        let value = value.strip_prefix('\'').filter(is_formula).unwrap_or(value);
        // A phone number has no letters, and no side holds a value without end.
        let (holds, may_have_letters) = match open.conflict.field.as_str() {
            "Phone No." => (30, false),
            _ => (100, true),
        };
        let is_valid = value.chars().count() <= holds
            && (may_have_letters || !value.chars().any(char::is_alphabetic));
        return is_valid.then(|| value.to_owned());
    }
    if typed.to_lowercase() == "base" {
        return open.conflict.agreed.clone();
    }
    let side = Side::named(&typed.to_lowercase())?;
    let claim = open
        .conflict
        .claims
        .iter()
        .find(|claim| claim.side == side)?;
    claim.shows.clone()
}

/// What a row decides stands in the file: its words are nowhere else from.
fn stands_in(row: &RequestRow, text: &str) {
    let Ok(Asked::Resolve(resolution)) = &row.asked else {
        return;
    };
    let is_escaped = |word: &str| {
        word.contains(['"', '\\', '/']) || !word.is_ascii() || word.contains(char::is_control)
    };
    for word in [
        &resolution.conflict,
        &resolution.version,
        &resolution.decision,
    ] {
        // JSON may write any letter as \u….
        if !is_escaped(word) && !text.contains("\\u") {
            assert!(
                text.contains(word.as_str()),
                "a decision that nobody wrote: {word:?}"
            );
        }
    }
}
