//! The plan of a pass: a value that can be printed, compared, saved and refused. Nothing is left to choose when it is
//! carried out.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::model::document::Document;
use crate::model::{InteractionLogEntry, Problem, Side, Table};

use super::duplicates::Duplicate;
use super::guard::Halt;
use super::verdict::Rule;

/// An export that the plan was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Table.
    pub table: String,
    /// File.
    pub file: String,
    /// Content hash of the file, in hexadecimal.
    pub digest: String,
    /// Records that it holds.
    pub records: u64,
}

/// A record that brought a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// Its side.
    pub side: Side,
    /// Its number.
    pub no: String,
    /// Its file.
    pub file: String,
    /// The line in which it begins.
    pub line: u64,
}

/// One cell that gets a new value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The party, by its contact's number.
    pub contact: String,
    /// The table of the record.
    pub table: String,
    /// The record's number.
    pub no: String,
    /// The column.
    pub column: String,
    /// What it shows now.
    pub from: String,
    /// What it gets.
    pub to: String,
    /// Why.
    pub rule: Rule,
    /// The records that brought the value.
    pub because: Vec<Origin>,
    /// The record's file.
    pub file: String,
    /// The line in which the record begins.
    pub line: u64,
}

/// A relation that goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncoupling {
    /// Contact No.
    pub contact: String,
    /// Business Relation Code.
    pub code: String,
    /// The counterpart's table.
    pub table: String,
    /// The counterpart's number.
    pub no: String,
    /// What disappeared.
    pub reason: String,
}

/// A relation that comes, or that gets its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recoupling {
    /// Contact No.
    pub contact: String,
    /// Business Relation Code.
    pub code: String,
    /// The counterpart's table.
    pub table: String,
    /// The counterpart's number.
    pub no: String,
    /// The file that gets it.
    pub file: String,
    /// Why, as a sentence.
    pub reason: String,
}

/// A record that comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Creation {
    /// The table of the record.
    pub table: String,
    /// Its number.
    pub no: String,
    /// The party, by its contact's number.
    pub contact: String,
    /// Its values, by column.
    pub cells: Vec<(String, String)>,
    /// The file that gets it.
    pub file: String,
    /// Why, as a sentence.
    pub reason: String,
}

/// One side's word in a conflict.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    /// The side.
    pub side: Side,
    /// The record's number.
    pub no: String,
    /// What it shows; `None` when its export says nothing in this pass.
    pub shows: Option<String>,
    /// What it showed when it was last merged.
    pub base: Option<String>,
    /// Whether it changed since.
    pub moved: bool,
    /// Its file.
    pub file: String,
    /// The line in which the record begins.
    pub line: Option<u64>,
}

/// A field that is held until a person decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The party, by its contact's number.
    pub contact: String,
    /// The field's name on the contact.
    pub field: String,
    /// What all agreed on before; `None` at a first meeting.
    pub agreed: Option<String>,
    /// What each side says, in the order of sides.
    pub claims: Vec<Claim>,
    /// What kind of disagreement it is, as a sentence.
    pub why: String,
}

impl Conflict {
    /// Stays the same for the party and field. A decision is found by it alone, so it is long enough that no two of millions have the same.
    pub fn id(&self) -> String {
        let text = format!("{}\u{1f}{}", self.contact, self.field);
        format!("K{:016X}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
    }

    /// Changes when anything that a person would decide on changes; a decision on another print is stale.
    pub fn print(&self) -> String {
        let mut text = self.agreed.clone().unwrap_or_default();
        for claim in self.claims.iter().filter(|claim| claim.moved) {
            let _ = write!(
                text,
                "\u{1f}{}\u{1f}{}\u{1f}{}",
                claim.side,
                claim.no,
                claim.shows.as_deref().unwrap_or("")
            );
        }
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
    }
}

/// A value that a side lacks and does not get.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Debt {
    /// The party, by its contact's number.
    pub contact: String,
    /// The table of the record.
    pub table: String,
    /// The record's number.
    pub no: String,
    /// The column.
    pub column: String,
    /// Why.
    pub reason: String,
}

/// Everything that a pass would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Format of a saved plan.
    pub version: u32,
    /// How many passes the state knew when the plan was made.
    pub after_pass: u64,
    /// What it was made from.
    pub inputs: Vec<Input>,
    /// Cells, in the order of contact, table and column.
    pub changes: Vec<Change>,
    /// Records that come.
    pub creations: Vec<Creation>,
    /// Relations that come.
    pub couplings: Vec<Recoupling>,
    /// Relations that go.
    pub uncouplings: Vec<Uncoupling>,
    /// Fields that are held.
    pub conflicts: Vec<Conflict>,
    /// Values that sides lack.
    pub debts: Vec<Debt>,
    /// What was left out.
    pub problems: Vec<Problem>,
    /// Documents that are written.
    #[serde(default)]
    pub documents: Vec<Document>,
    /// What is logged; it is numbered when it is.
    pub interactions: Vec<InteractionLogEntry>,
    /// Contacts that may be the same company as others.
    pub duplicates: Vec<Duplicate>,
    /// Guards that refuse it.
    pub halts: Vec<Halt>,
}

/// Version of saved plans that this program writes and applies.
pub const PLAN_VERSION: u32 = 3;

impl Plan {
    /// Whether applying it changes any file of another system.
    pub fn writes(&self) -> bool {
        !self.changes.is_empty()
            || !self.creations.is_empty()
            || !self.couplings.is_empty()
            || !self.uncouplings.is_empty()
            || !self.documents.is_empty()
    }

    /// The plan's own name: the same inputs, state and decisions give the same, from whichever folder and at whatever
    /// time it is made.
    pub fn digest(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        name_files_alone(&mut value);
        // Stamps tell the time of the pass; a plan that was saved or approved before it is the same plan.
        let stamped = serde_json::to_value(Rule::Stamped).unwrap_or_default();
        if let Some(changes) = value["changes"].as_array_mut() {
            changes.retain(|change| change["rule"] != stamped);
        }
        format!(
            "{:032x}",
            xxhash_rust::xxh3::xxh3_128(value.to_string().as_bytes())
        )
    }

    /// The halt's name in `approve`.
    pub fn halt_id(&self) -> String {
        format!("H{}", self.digest()[..8].to_uppercase())
    }

    /// The plan for people: at most `limit` parties in full.
    pub fn describe(&self, limit: usize) -> String {
        let mut out = String::new();
        let mut shown = 0;
        let mut parties = 0;
        let mut last: Option<(&str, &str, &str)> = None;
        for change in &self.changes {
            let record = (
                change.contact.as_str(),
                change.table.as_str(),
                change.no.as_str(),
            );
            if last.map(|(contact, ..)| contact) != Some(record.0) {
                parties += 1;
                if parties <= limit {
                    let _ = writeln!(out, "party of contact {}", change.contact);
                }
            }
            if parties <= limit {
                if last != Some(record) {
                    let _ = writeln!(
                        out,
                        "  {} {} ({}:{})",
                        change.table, change.no, change.file, change.line
                    );
                }
                let _ = writeln!(
                    out,
                    "    {}: {} -> {}",
                    change.column,
                    Quoted(&change.from),
                    Quoted(&change.to)
                );
                let _ = writeln!(out, "      because {}", Because(change));
                shown += 1;
            }
            last = Some(record);
        }
        if shown < self.changes.len() {
            let _ = writeln!(
                out,
                "... and {} more cells of {} more parties (-v shows all)",
                self.changes.len() - shown,
                parties - limit
            );
        }
        for new in self.creations.iter().take(limit) {
            let noun = Table::named(&new.table).map_or("record", Table::noun);
            let _ = writeln!(out, "new {noun} {} ({}): {}", new.no, new.file, new.reason);
            for (column, value) in &new.cells {
                let _ = writeln!(out, "    {column}: {}", Quoted(value));
            }
        }
        if self.creations.len() > limit {
            let more = self.creations.len() - limit;
            let _ = writeln!(out, "... and {more} more new records (-v shows all)");
        }
        for new in &self.couplings {
            let noun = Table::named(&new.table).map_or("nothing", Table::noun);
            let _ = writeln!(
                out,
                "contact {} is coupled with {noun} {}: {}",
                new.contact, new.no, new.reason
            );
        }
        for document in &self.documents {
            let noun = document.kind.def().noun;
            let _ = writeln!(out, "{noun} {} (version {})", document.no, document.version);
            for (name, value) in document
                .header
                .iter()
                .filter(|(_, value)| !value.is_empty())
            {
                let _ = writeln!(out, "    {name}: {}", Quoted(value));
            }
        }
        for gone in &self.uncouplings {
            let _ = writeln!(
                out,
                "relation of contact {} with {} {} goes: {}",
                gone.contact, gone.table, gone.no, gone.reason
            );
        }
        out
    }
}

/// Leaves only the last part of every file's path, which depends on how the configuration was named.
fn name_files_alone(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                match member {
                    serde_json::Value::String(path) if name == "file" => {
                        if let Some(at) = path.rfind(['/', '\\']) {
                            path.drain(..=at);
                        }
                    }
                    other => name_files_alone(other),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(name_files_alone),
        _ => {}
    }
}

/// A value between quotes, or the word for a blank.
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("(blank)")
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}

/// Why a change is made, as the end of a sentence.
pub struct Because<'a>(pub &'a Change);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, origin) in self.0.because.iter().enumerate() {
            let joint = if at == 0 { "" } else { " and " };
            write!(
                f,
                "{joint}{} {} says so ({}:{})",
                origin.side, origin.no, origin.file, origin.line
            )?;
        }
        if !self.0.because.is_empty() {
            f.write_str("; ")?;
        }
        f.write_str(self.0.rule.sentence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    fn change(contact: &str, no: &str, column: &str, to: &str) -> Change {
        Change {
            contact: contact.to_owned(),
            table: "customers".to_owned(),
            no: no.to_owned(),
            column: column.to_owned(),
            from: String::new(),
            to: to.to_owned(),
            rule: Rule::Moved,
            because: Vec::new(),
            file: "customers.csv".to_owned(),
            line: 2,
        }
    }

    fn origin(side: Side, no: &str) -> Origin {
        Origin {
            side,
            no: no.to_owned(),
            file: "some.csv".to_owned(),
            line: 7,
        }
    }

    fn creation(no: &str) -> Creation {
        Creation {
            table: "contacts".to_owned(),
            no: no.to_owned(),
            contact: no.to_owned(),
            cells: vec![("City".to_owned(), "Rome".to_owned())],
            file: "contacts.csv".to_owned(),
            reason: "a customer has none".to_owned(),
        }
    }

    #[test]
    fn a_party_is_named_once_and_so_is_each_of_its_records() {
        let plan = Plan {
            changes: vec![
                change("C1", "K1", "City", "Rome"),
                change("C1", "K1", "County", "Lazio"),
                change("C1", "K2", "City", "Rome"),
                change("C2", "K3", "City", "Oslo"),
                change("C3", "K4", "City", "Kiel"),
            ],
            ..Plan::default()
        };
        let because = "      because it is the only new value\n";
        let whole = format!(
            "party of contact C1\n  customers K1 (customers.csv:2)\n    City: (blank) -> \"Rome\"\n{because}    \
             County: (blank) -> \"Lazio\"\n{because}  customers K2 (customers.csv:2)\n    City: (blank) -> \
             \"Rome\"\n{because}"
        );
        assert_eq!(
            plan.describe(1),
            format!("{whole}... and 2 more cells of 2 more parties (-v shows all)\n")
        );
        assert!(
            plan.describe(2)
                .contains("... and 1 more cells of 1 more parties")
        );
        assert!(!plan.describe(3).contains("more"));
    }

    #[test]
    fn new_records_beyond_the_limit_are_counted() {
        let plan = Plan {
            creations: ["C1", "C2", "C3"].map(creation).to_vec(),
            ..Plan::default()
        };
        assert_eq!(
            plan.describe(1),
            "new contact C1 (contacts.csv): a customer has none\n    City: \"Rome\"\n... and 2 more new records (-v \
             shows all)\n"
        );
        assert!(!plan.describe(3).contains("more"));
    }

    #[test]
    fn everybody_who_brought_a_value_is_named() {
        let mut change = change("C1", "K1", "City", "Rome");
        change.because = vec![
            origin(Side::Contact, "C1"),
            origin(Side::Counterpart(Kind(1)), "V1"),
        ];
        assert_eq!(
            Because(&change).to_string(),
            "contact C1 says so (some.csv:7) and vendor V1 says so (some.csv:7); it is the only new value"
        );
    }

    #[test]
    fn a_plan_writes_where_it_changes_creates_couples_or_uncouples() {
        let coupling = Recoupling {
            contact: "C1".to_owned(),
            code: "CUST".to_owned(),
            table: "customers".to_owned(),
            no: "K1".to_owned(),
            file: "relations.csv".to_owned(),
            reason: String::new(),
        };
        let uncoupling = Uncoupling {
            contact: "C1".to_owned(),
            code: "CUST".to_owned(),
            table: "customers".to_owned(),
            no: "K1".to_owned(),
            reason: String::new(),
        };
        let nothing = Plan::default();
        assert!(!nothing.writes());
        let changes = vec![change("C1", "K1", "City", "Rome")];
        let creations = vec![creation("C1")];
        for plan in [
            Plan {
                changes,
                ..nothing.clone()
            },
            Plan {
                creations,
                ..nothing.clone()
            },
            Plan {
                couplings: vec![coupling],
                ..nothing.clone()
            },
            Plan {
                uncouplings: vec![uncoupling],
                ..nothing.clone()
            },
        ] {
            assert!(plan.writes(), "{}", plan.describe(1));
        }
    }

    #[test]
    fn a_plan_keeps_its_name_in_another_folder_and_at_another_time() {
        let named = |file: &str, to: &str, stamp: &str| {
            let mut changed = change("C1", "K1", "City", to);
            changed.file = file.to_owned();
            let mut stamped = change("C1", "K1", "Last Date Modified", stamp);
            stamped.rule = Rule::Stamped;
            let plan = Plan {
                changes: vec![changed, stamped],
                ..Plan::default()
            };
            plan.digest()
        };
        let name = named("customers.csv", "Rome", "2026-11-26");
        assert_eq!(named("/srv/customers.csv", "Rome", "2026-11-27"), name);
        assert_eq!(named("C:\\data\\customers.csv", "Rome", ""), name);
        assert_ne!(named("vendors.csv", "Rome", "2026-11-26"), name);
        assert_ne!(named("customers.csv", "Oslo", "2026-11-26"), name);
        assert_ne!(
            named("customers.csv", "a/Rome", ""),
            named("customers.csv", "b/Rome", "")
        );
    }

    #[test]
    fn a_document_is_told_without_its_blank_fields() {
        let header = [("No.", "Q1"), ("Sell-to Customer No.", "")];
        let header = header.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let plan = Plan {
            documents: vec![Document {
                kind: crate::model::document::DocumentKind(0),
                no: "Q1".to_owned(),
                version: 2,
                ordered_as: String::new(),
                header: header.to_vec(),
                lines: Vec::new(),
            }],
            ..Plan::default()
        };
        assert_eq!(
            plan.describe(9),
            "sales-quote Q1 (version 2)\n    No.: \"Q1\"\n"
        );
        assert!(plan.writes());
    }

    #[test]
    fn a_conflict_keeps_its_name_whatever_it_says() {
        let conflict = |contact: &str, field: &str, agreed: &str| Conflict {
            contact: contact.to_owned(),
            field: field.to_owned(),
            agreed: Some(agreed.to_owned()),
            claims: Vec::new(),
            why: String::new(),
        };
        let first = conflict("C1", "City", "Rome");
        let later = conflict("C1", "City", "Oslo");
        assert_eq!(first.id(), later.id());
        assert_ne!(first.print(), later.print());
        assert_ne!(first.id(), conflict("C1", "Name", "Rome").id());
        assert_ne!(first.id(), conflict("C2", "City", "Rome").id());
    }

    #[test]
    fn no_two_of_many_conflicts_have_the_same_name() {
        let conflict = |number: u32| Conflict {
            contact: format!("CT{number:06}"),
            field: "City".to_owned(),
            agreed: None,
            claims: Vec::new(),
            why: String::new(),
        };
        let names: std::collections::BTreeSet<String> =
            (0..200_000).map(|number| conflict(number).id()).collect();
        assert_eq!(names.len(), 200_000);
    }
}
