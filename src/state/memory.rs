//! What a pass remembers once it is done: a value, so that it can wait in the journal and be applied exactly once.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::merge::Rule;
use crate::merge::plan::{Change, Conflict, Debt};
use crate::model::document::Document;
use crate::model::{FieldId, InteractionLogEntry, Problem};

use super::drops::ReceiptRow;

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
    /// Hash of its dialect and columns. An older program noted 0 where the table was not configured, so that all its records are read anew.
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
    /// The encoding that it was taken for; blank where no byte of it told.
    #[serde(default)]
    pub encoding: String,
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
    /// How many of these must have been imported.
    #[serde(default)]
    pub imported: usize,
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

/// What the state notes of a record that is not as its export lists it, or of an export that was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// We created it, and no export has shown it yet. Its body is a [`CreatedRow`].
    Created,
    /// We created it, and its file was not written after all. Its body is a [`CreatedRow`].
    Unwritten,
    /// It disappeared, and took something along. Its body is a list of [`Taken`].
    Taken,
    /// A counterpart that is to get a contact, and could not get one yet.
    Newcomer,
    /// Its system gave the number that we chose to somebody else.
    Disputed,
    /// Its table said nothing when a rule had cells of it written. Its body is a list of [`OwedCell`].
    Owed,
    /// A relation that was asked to be taken out. Its body is the table's count of exports then.
    Asked,
    /// It came back under another number, its body, while relations said nothing: they may still name it as we did.
    Renamed,
    /// An export, of no record in particular, that lacked nothing but its last line end. Its body is the hash of its bytes.
    Cut,
}

impl Mark {
    /// Its word in the state.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Created => "created",
            Mark::Unwritten => "unwritten",
            Mark::Taken => "taken",
            Mark::Newcomer => "newcomer",
            Mark::Disputed => "disputed",
            Mark::Owed => "owed",
            Mark::Asked => "asked",
            Mark::Renamed => "renamed",
            Mark::Cut => "cut",
        }
    }

    /// The mark of this word.
    pub fn named(word: &str) -> Option<Mark> {
        [
            Mark::Created,
            Mark::Unwritten,
            Mark::Taken,
            Mark::Newcomer,
            Mark::Disputed,
            Mark::Owed,
            Mark::Asked,
            Mark::Renamed,
            Mark::Cut,
        ]
        .into_iter()
        .find(|mark| mark.word() == word)
    }
}

/// A mark on a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MarkRow {
    /// Which mark.
    pub mark: Mark,
    /// Table.
    pub table: String,
    /// The record's number; for a relation, contact and code.
    pub no: String,
    /// What belongs to the mark, as JSON.
    pub body: String,
}

/// A record that a pass created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedRow {
    /// Table.
    pub table: String,
    /// Its number; for a relation, contact and code.
    pub no: String,
    /// Its values by column.
    pub cells: Vec<(String, String)>,
    /// Values of columns that the model does not know.
    pub carried: Vec<(String, String)>,
    /// Why it was created, as a sentence.
    pub reason: String,
    /// The table's count of exports when it was written.
    pub export: u64,
    /// Whether it is in flight: its system has to import it first.
    pub in_flight: bool,
}

/// What a record took along when it disappeared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Taken {
    /// A relation: contact, code, link to table, number.
    Relation([String; 4]),
    /// A cell of another record: table, number, column, value.
    Cell([String; 4]),
}

/// A cell that a rule is to write once its table says something again, unless it says something else by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedCell {
    /// The column.
    pub column: String,
    /// What it showed last.
    pub was: String,
    /// What it is to say.
    pub value: String,
    /// Why.
    pub rule: Rule,
    /// The contact in whose name it is done.
    pub contact: String,
}

/// Something that happened to a record as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// Table.
    pub table: String,
    /// The record's number.
    pub no: String,
    /// What, as the rest of a sentence that begins with the record.
    pub event: String,
    /// Why, as a sentence.
    pub reason: String,
}

/// A record that came back from its system under another number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenamedRow {
    /// Table.
    pub table: String,
    /// The number that we gave it.
    pub from: String,
    /// The number that its system gave it.
    pub to: String,
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

/// How much of the decisions and interactions of a pass the commit of its journal has put in their places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// Nothing: it has no journal, or an older program wrote it.
    #[default]
    Nothing,
    /// The interactions; decisions were left out since.
    Interactions,
    /// Both.
    All,
}

/// Everything that a pass remembers; what its plan says too is the plan's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory<'p> {
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
    /// Agreed values that bases would have said whose file was not replaced after all, where nothing else says them.
    #[serde(skip)]
    pub lost: Vec<AgreedRow>,
    /// Cells written, with the decision behind each. The journal keeps them in their place, and only older ones have them here.
    #[serde(default, skip_serializing)]
    pub changes: Cow<'p, [Change]>,
    /// Conflicts of the parties that the pass looked at.
    pub conflicts: Cow<'p, [Conflict]>,
    /// The parties with something pending that the pass looked at: their conflicts and debts are the ones given here.
    pub parties: Vec<String>,
    /// What sides of those parties lack.
    pub debts: Cow<'p, [Debt]>,
    /// All problems of the pass.
    pub problems: Cow<'p, [Problem]>,
    /// Interactions to be numbered and logged; the journal keeps them as it keeps the changes.
    #[serde(default, skip_serializing)]
    pub interactions: Cow<'p, [InteractionLogEntry]>,
    /// What of both is in its place already.
    #[serde(default)]
    pub kept: Kept,
    /// Records that disappeared.
    pub gone: Vec<GoneRow>,
    /// Records that came back, and relations whose removal was carried out.
    pub returned: Vec<GoneRow>,
    /// Contacts that left their party, and counterparts that did as they went: nothing waits for them any more, though a late import may
    /// still bring back what was in flight.
    pub parted: Vec<GoneRow>,
    /// What else happened to records: created, coupled, no longer coupled.
    pub history: Vec<HistoryRow>,
    /// Records and relations that the pass creates.
    pub created: Vec<CreatedRow>,
    /// Marks that are set.
    pub marked: Vec<MarkRow>,
    /// Marks that go; their bodies do not count.
    pub unmarked: Vec<MarkRow>,
    /// The last number given, by the first of its series.
    pub numbered: Vec<(String, String)>,
    /// Records that came back under other numbers.
    pub renamed: Vec<RenamedRow>,
    /// Documents that it wrote, adopted or closed, as they are now.
    #[serde(default)]
    pub documents: Vec<Document>,
    /// Events that it logged, or that are not to be logged: their prints.
    #[serde(default)]
    pub events: Vec<[u64; 2]>,
    /// The events export that it read, where it read one.
    #[serde(default)]
    pub events_read: Option<EventsRead>,
    /// What became of the drops that it read.
    #[serde(default)]
    pub receipts: Vec<ReceiptRow>,
    /// What every table looks like after the pass, as JSON, where it leaves nothing open.
    #[serde(default)]
    pub quiet: Option<String>,
}

/// What the state knows of the events export that was read last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsRead {
    /// Content hash, in hexadecimal.
    pub digest: String,
    /// Whether it must be read again.
    pub waiting: Waiting,
    /// What in its name says how new it is.
    pub sequence: Option<u64>,
}

/// Why events that were read once are to be read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waiting {
    /// They need not be.
    #[default]
    Nothing,
    /// Accounts had no contact: another export may bring it.
    Accounts,
    /// Some are problems, which stand as long as nobody mends them.
    Problems,
}

impl<'p> Memory<'p> {
    /// Leaves out what belongs to a table whose file was not replaced after all; its base stays as it was.
    pub fn without_table(mut self, table: &str) -> Memory<'p> {
        self.tables.retain(|row| row.table != table);
        self.quiet = None;
        self.sent.retain(|row| row.table != table);
        self.answers.retain(|row| row.table != table);
        let unwritten = self.created.extract_if(.., |row| row.table == table);
        for row in unwritten {
            self.marked.push(MarkRow {
                mark: Mark::Unwritten,
                table: row.table.clone(),
                no: row.no.clone(),
                body: serde_json::to_string(&row).unwrap_or_default(),
            });
        }
        if table == "contacts" {
            // The contact's base would have said what is agreed from now on; without it, it is said here.
            let written = self.changes.iter().filter(|change| change.table == table);
            let shared = written.filter(|change| FieldId::named(&change.column).is_some());
            self.lost.extend(shared.map(|change| AgreedRow {
                contact: change.contact.clone(),
                field: change.column.clone(),
                value: Some(change.to.clone()),
            }));
        }
        // Nothing in the exports need change for these to be written after all, so the party is looked at again.
        let changes = self.changes.to_mut();
        let owed = changes.extract_if(.., |change| change.table == table);
        self.debts.to_mut().extend(owed.map(|change| Debt {
            contact: change.contact,
            table: change.table,
            no: change.no,
            column: change.column,
            reason: "another program wrote the file meanwhile".to_owned(),
        }));
        self.kept = match self.kept {
            Kept::Nothing => Kept::Nothing,
            Kept::Interactions | Kept::All => Kept::Interactions,
        };
        self
    }
}
