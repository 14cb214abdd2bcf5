//! The ledger of drops: every file that was taken out of an inbox, what became of it, and whether its answer was published.

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::model::Excerpt;

use super::error::StateError;
use super::store::Store;

/// A file that was taken out of an inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropRow {
    /// Its number in the ledger, which goes into the names of what is kept of it.
    pub id: u64,
    /// The table, or `requests`.
    pub table: String,
    /// The folder that it was dropped into.
    pub inbox: String,
    /// Its name there.
    pub name: String,
    /// The number or time in its name, or in its manifest.
    pub sequence: Option<u64>,
    /// It lists only some records, whatever its table's files do.
    pub is_part: bool,
    /// Records that it must hold, where its manifest says so.
    pub records: Option<u64>,
    /// The version of the manifest that announced it.
    pub manifest: Option<String>,
    /// When it was claimed, ISO 8601.
    pub claimed_at: String,
    /// The pass that read it, where one did.
    pub pass: Option<u64>,
    /// What became of it; `None` while it waits.
    pub receipt: Option<Receipt>,
    /// Whether it was archived and answered.
    pub published: bool,
}

/// What became of a drop as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It was read, and all of its rows count.
    Accepted,
    /// It was read, and some of its rows were left out.
    Partly,
    /// It was not read, or none of its rows counts.
    Rejected,
    /// It equals the last one read for its table.
    Duplicate,
    /// It is older than the last one read.
    Stale,
    /// A newer one came before it was read.
    Superseded,
}

impl Standing {
    /// Its word in answers.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Accepted => "accepted",
            Standing::Partly => "partly",
            Standing::Rejected => "rejected",
            Standing::Duplicate => "duplicate",
            Standing::Stale => "stale",
            Standing::Superseded => "superseded",
        }
    }
}

/// The class of a row of a drop; every row is in exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowClass {
    /// A record that nobody knew.
    New,
    /// A record with other bytes than at its last reading.
    Changed,
    /// As it was.
    Unchanged,
    /// Read, and one of its fields waits for a person.
    Conflict,
    /// Left out.
    Rejected,
    /// An event that is not to be logged.
    Unlogged,
    /// A request that was carried out.
    Done,
    /// A request that a rule refused, or that was not understood.
    Refused,
    /// A row that asks for nothing.
    Blank,
}

impl RowClass {
    /// Its word in answers.
    pub fn word(self) -> &'static str {
        match self {
            RowClass::New => "new",
            RowClass::Changed => "changed",
            RowClass::Unchanged => "unchanged",
            RowClass::Conflict => "conflict",
            RowClass::Rejected => "rejected",
            RowClass::Unlogged => "unlogged",
            RowClass::Done => "done",
            RowClass::Refused => "refused",
            RowClass::Blank => "blank",
        }
    }
}

/// A row of a drop of which its sender should know more than a count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowNote {
    /// The line in which it begins; 0 where it is not known.
    pub line: u64,
    /// Its key, where it is legible.
    pub key: String,
    /// Its class.
    pub class: RowClass,
    /// Why, or what was done, as a sentence. Never a value of a contact or bank account.
    pub reason: String,
}

/// What became of a drop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// As a whole.
    pub standing: Standing,
    /// Why, as a sentence; empty where the rows say it.
    pub reason: String,
    /// How many rows it has.
    pub rows: u64,
    /// How many of them are in each class.
    pub classes: Vec<(RowClass, u64)>,
    /// Rows of which more is to be said.
    pub notes: Vec<RowNote>,
    /// Content hash of the file, in hexadecimal.
    pub digest: String,
    /// Rows that were left out, to be mended; `None` where there are none, or the file is only kept whole.
    pub mend: Option<Excerpt>,
}

impl Receipt {
    /// One that concerns the file as a whole.
    pub fn whole(standing: Standing, reason: impl Into<String>) -> Receipt {
        Receipt {
            standing,
            reason: reason.into(),
            rows: 0,
            classes: Vec::new(),
            notes: Vec::new(),
            digest: String::new(),
            mend: None,
        }
    }
}

/// What a pass found out about a drop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptRow {
    /// The drop's number in the ledger.
    pub drop: u64,
    /// What became of it.
    pub receipt: Receipt,
}

const COLUMNS: &str = "id, table_name, inbox, name, sequence, is_part, records, manifest, claimed_at, pass, receipt, published";

impl Store {
    /// Notes in one commit that files are about to be claimed; their numbers are given in order. `is_free` says whether nothing is
    /// kept under the number that a drop would have: a state that begins anew counts from one again.
    ///
    /// # Errors
    /// Those of the database.
    pub fn claim_drops(
        &mut self,
        rows: &mut [DropRow],
        is_free: &dyn Fn(&DropRow) -> bool,
    ) -> Result<(), StateError> {
        let names: Vec<String> = rows
            .iter()
            .map(|row| self.name_of(row.inbox.as_ref()))
            .collect();
        let transaction = self.db.transaction()?;
        for (row, inbox) in rows.iter_mut().zip(&names) {
            loop {
                let claim = "INSERT INTO drops(table_name, inbox, name, sequence, is_part, records, manifest, claimed_at, pass, receipt, published) \
                         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, ?9, 0)";
                transaction.prepare_cached(claim)?.execute(params![
                    row.table,
                    inbox,
                    row.name,
                    row.sequence.map(|sequence| sequence as i64),
                    row.is_part,
                    row.records.map(|records| records as i64),
                    row.manifest,
                    row.claimed_at,
                    row.receipt
                        .as_ref()
                        .map(serde_json::to_string)
                        .transpose()?,
                ])?;
                row.id = transaction.last_insert_rowid() as u64;
                if is_free(row) {
                    break;
                }
                transaction
                    .prepare_cached("DELETE FROM drops WHERE id = ?1")?
                    .execute([row.id as i64])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Drops that wait for a pass, or whose answers are not published yet, in order.
    pub fn open_drops(&self) -> Result<Vec<DropRow>, StateError> {
        self.drops_where("published = 0 ORDER BY id", &[])
    }

    /// Drops that were rejected or partly read, newest first.
    pub fn failed_drops(&self) -> Result<Vec<DropRow>, StateError> {
        let condition = "published = 1 AND json_extract(receipt, '$.standing') IN ('rejected', 'partly') ORDER BY id DESC";
        self.drops_where(condition, &[])
    }

    /// Drops that were claimed before a time, ISO 8601, and published, oldest first; without those that were rejected, which stay until a person
    /// has seen to them.
    pub fn drops_before(&self, time: &str) -> Result<Vec<DropRow>, StateError> {
        // As its index says it: each round asks, and mostly finds none.
        let condition = "published = 1 AND json_extract(receipt, '$.standing') <> 'rejected' AND claimed_at < ?1 \
                         ORDER BY claimed_at, id";
        self.drops_where(condition, &[time])
    }

    /// The drop that a table was read from last. One that was claimed before another may have been read after it.
    pub fn last_read_drop(&self, table: &str) -> Result<Option<DropRow>, StateError> {
        let condition = "table_name = ?1 AND json_extract(receipt, '$.standing') IN ('accepted', 'partly') \
                         ORDER BY pass DESC, id DESC LIMIT 1";
        Ok(self.drops_where(condition, &[table])?.pop())
    }

    /// Names of the files that were claimed as this version of a manifest announced them.
    pub fn claimed_under(&self, manifest: &str) -> Result<Vec<String>, StateError> {
        let claimed = self.drops_where("manifest = ?1", &[manifest])?;
        Ok(claimed.into_iter().map(|row| row.name).collect())
    }

    /// Whether a file of the same name was dropped into the same folder later.
    pub fn has_newer_drop(&self, row: &DropRow) -> Result<bool, StateError> {
        let condition = "inbox = ?1 AND name = ?2 AND id > CAST(?3 AS INTEGER) LIMIT 1";
        let inbox = self.name_of(row.inbox.as_ref());
        let newer = self.drops_where(condition, &[&inbox, &row.name, &row.id.to_string()])?;
        Ok(!newer.is_empty())
    }

    fn drops_where(&self, condition: &str, values: &[&str]) -> Result<Vec<DropRow>, StateError> {
        let query = format!("SELECT {COLUMNS} FROM drops WHERE {condition}");
        let mut statement = self.db.prepare_cached(&query)?;
        let rows = statement.query_map(rusqlite::params_from_iter(values), drop_row)?;
        let mut drops = Vec::new();
        for row in rows {
            let (mut drop, receipt) = row?;
            drop.inbox = self.path_of(&drop.inbox);
            drop.receipt = receipt
                .map(|text| serde_json::from_str(&text))
                .transpose()?;
            drops.push(drop);
        }
        Ok(drops)
    }

    /// Notes in one commit that drops were archived and answered.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drops_published(&mut self, rows: &[DropRow]) -> Result<(), StateError> {
        let transaction = self.db.transaction()?;
        for row in rows {
            let mut done =
                transaction.prepare_cached("UPDATE drops SET published = 1 WHERE id = ?1")?;
            done.execute([row.id as i64])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Forgets a drop: a claim that never came to be, or one whose time to be kept is over.
    pub fn forget_drop(&self, id: u64) -> Result<(), StateError> {
        self.db
            .prepare_cached("DELETE FROM drops WHERE id = ?1")?
            .execute([id as i64])?;
        Ok(())
    }

    /// What became of drops without a pass.
    ///
    /// # Errors
    /// Those of the database.
    pub fn receive(&mut self, receipts: &[ReceiptRow]) -> Result<(), StateError> {
        let transaction = self.db.transaction()?;
        receive(&transaction, receipts, None)?;
        transaction.commit()?;
        Ok(())
    }
}

/// Notes what became of drops, within the commit of the pass that read them.
pub(super) fn receive(
    db: &Connection,
    receipts: &[ReceiptRow],
    pass: Option<u64>,
) -> Result<(), StateError> {
    for row in receipts {
        let receive = "UPDATE drops SET receipt = ?1, pass = ?2 WHERE id = ?3";
        db.prepare_cached(receive)?.execute(params![
            serde_json::to_string(&row.receipt)?,
            pass.map(|pass| pass as i64),
            row.drop as i64
        ])?;
    }
    Ok(())
}

fn drop_row(row: &Row<'_>) -> rusqlite::Result<(DropRow, Option<String>)> {
    let number = |at: usize| -> rusqlite::Result<Option<u64>> {
        Ok(row.get::<_, Option<i64>>(at)?.map(|number| number as u64))
    };
    let drop = DropRow {
        id: number(0)?.unwrap_or_default(),
        table: row.get(1)?,
        inbox: row.get(2)?,
        name: row.get(3)?,
        sequence: number(4)?,
        is_part: row.get(5)?,
        records: number(6)?,
        manifest: row.get(7)?,
        claimed_at: row.get(8)?,
        pass: number(9)?,
        receipt: None,
        published: row.get(11)?,
    };
    Ok((drop, row.get(10)?))
}
