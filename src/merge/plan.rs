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
    /// Stays the same for the party and field.
    pub fn id(&self) -> String {
        let text = format!("{}\u{1f}{}", self.contact, self.field);
        format!(
            "K{:08X}",
            xxhash_rust::xxh3::xxh3_64(text.as_bytes()) as u32
        )
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
