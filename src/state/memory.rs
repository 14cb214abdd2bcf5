//! What a pass remembers once it is done: a value, so that it can wait in the journal and be applied exactly once.

use serde::{Deserialize, Serialize};

use crate::merge::plan::{Change, Conflict, Debt, InteractionDraft};
use crate::model::Problem;

/// One table's last reading.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableMemory {
    /// Table.
    pub table: String,
    /// File that was read.
    pub file: String,
    /// Content hash of the file as it is after the pass.
    pub digest: String,
    /// Which of several files it was, when names say so.
    pub sequence: Option<u64>,
    /// Hash of its dialect and columns.
    pub shape: u64,
    /// Hash of what is configured of its keys and columns.
    pub settings: u64,
    /// Records that it held.
    pub records: u64,
    /// Full exports of it that were read so far.
    pub exports: u64,
    /// Generation of its index.
    pub generation: u64,
    /// Which rows file.
    pub rows_epoch: u64,
    /// Committed length of the rows file, in bytes.
    pub rows_length: u64,
    /// Rows that it holds, superseded ones included.
    pub rows_count: u64,
    /// Whether the file ended with a line end.
    pub ends_with_newline: bool,
    /// Last pass that wrote the file in place.
    pub written_pass: Option<u64>,
}

/// A value written for a side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentRow {
    /// Table.
    pub table: String,
    /// The record's number.
    pub no: String,
    /// The party, by its contact's number.
    pub contact: String,
    /// The field's name on the contact.
    pub field: String,
    /// What was written.
    pub value: String,
    /// The table's count of exports when it was written.
    pub export: u64,
    /// Nothing to wait for: an update merely carried it along, and a late import may bring it back.
    pub carried: bool,
}

/// An answer to values written for a side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerRow {
    /// Table.
    pub table: String,
    /// The record's number.
    pub no: String,
    /// The field's name on the contact.
    pub field: String,
    /// How many of the values in flight, oldest first, it answers.
    pub count: usize,
    /// The table's count of exports when it was read.
    pub export: u64,
}

/// What is agreed where no base says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreedRow {
    /// The party, by its contact's number.
    pub contact: String,
    /// The field's name on the contact.
    pub field: String,
    /// The value; `None` where the base says it again.
    pub value: Option<String>,
}

/// A record that disappeared from a full export, or a relation row that we took out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoneRow {
    /// Table.
    pub table: String,
    /// The record's number; for a relation, contact and code.
    pub no: String,
}

/// A file that the pass puts in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Table.
    pub table: String,
    /// Where it goes.
    pub path: String,
    /// The temporary file beside it.
    pub temporary: String,
    /// Content hash of what is replaced; `None` for a new file.
    pub before: Option<String>,
    /// Content hash of what is put there.
    pub after: String,
}

/// Everything that a pass remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The pass's number.
    pub pass: u64,
    /// When it began, ISO 8601.
    pub started: String,
    /// Tables that were read.
    pub tables: Vec<TableMemory>,
    /// Values written into folders.
    pub sent: Vec<SentRow>,
    /// Answers to such values.
    pub answers: Vec<AnswerRow>,
    /// Agreed values where no base says them.
    pub agreed: Vec<AgreedRow>,
    /// Cells written, with the decision behind each.
    pub changes: Vec<Change>,
    /// Conflicts of the parties that the pass looked at.
    pub conflicts: Vec<Conflict>,
    /// The parties that the pass looked at: their conflicts and debts are the ones given here.
    pub parties: Vec<String>,
    /// What sides of those parties lack.
    pub debts: Vec<Debt>,
    /// All problems of the pass.
    pub problems: Vec<Problem>,
    /// Interactions to be numbered and logged.
    pub interactions: Vec<InteractionDraft>,
    /// Records that disappeared.
    pub gone: Vec<GoneRow>,
    /// Records that came back, and relations whose removal was carried out.
    pub returned: Vec<GoneRow>,
    /// Counterparts that left their party: nothing is in flight towards them any more.
    pub parted: Vec<GoneRow>,
    /// The approved halt that let the pass through.
    pub approved: Option<String>,
    /// Interaction template and user of the entries.
    pub template: String,
    /// User ID of the entries.
    pub user: String,
}

impl Memory {
    /// Leaves out what belongs to a table whose file was not replaced after all; its base stays as it was.
    pub fn without_table(mut self, table: &str) -> Memory {
        self.tables.retain(|row| row.table != table);
        self.sent.retain(|row| row.table != table);
        self.answers.retain(|row| row.table != table);
        let lost: Vec<AgreedRow> = self
            .changes
            .iter()
            .filter(|change| change.table == table)
            .map(|change| AgreedRow {
                contact: change.contact.clone(),
                field: change.column.clone(),
                value: Some(change.to.clone()),
            })
            .collect();
        if table == "contacts" {
            // The contact's base would have said what is agreed from now on; without it, it is said here.
            self.agreed.extend(
                lost.into_iter()
                    .filter(|row| crate::model::FieldId::named(&row.field).is_some()),
            );
        }
        // Nothing in the exports need change for these to be written after all, so the party is looked at again.
        let owed = self.changes.extract_if(.., |change| change.table == table);
        self.debts.extend(owed.map(|change| Debt {
            contact: change.contact,
            table: change.table,
            no: change.no,
            column: change.column,
            reason: "another program wrote the file meanwhile".to_owned(),
        }));
        self
    }
}
