//! What a pass is given to read where files are dropped: for each table one drop, or the one that was read last.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::config::Config;
use crate::disk::{Disk, Identity};
use crate::model::{Excerpt, Problem, Table};
use crate::state::drops::{ReceiptRow, Standing};
use crate::state::{StateError, Store};

use crate::sync::inbox;

/// What a pass takes in.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// By table: the drop that it reads.
    pub drops: BTreeMap<Table, Incoming>,
    /// Tables whose files are not complete yet: they say nothing in this pass.
    pub unready: BTreeSet<Table>,
    /// By table with drops: what the first file that is not complete waits for, as a sentence that names it.
    pub waiting: BTreeMap<Table, String>,
    /// Versions of files that were found complete: what is another one by the time it is read waits.
    pub complete: BTreeMap<PathBuf, Identity>,
    /// What is to be said of files that are not read.
    pub problems: Vec<Problem>,
    /// E-mail messages that it logs.
    pub mails: Vec<PathBuf>,
    /// The requests file whose orders the pass carries out.
    pub requests: Option<RequestsDrop>,
}

/// A requests file that was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestsDrop {
    /// Its number in the ledger.
    pub id: u64,
    /// Its rows in their own bytes, where they can be taken apart.
    pub apart: Option<Excerpt>,
}

/// A file that a table is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Where it stands.
    pub path: PathBuf,
    /// Where people know it to be.
    pub shown: PathBuf,
    /// What its name or manifest says of its age.
    pub sequence: Option<u64>,
    /// It lists only some records, whatever its table's files do.
    pub is_part: bool,
    /// Records that it must hold, where its manifest says so.
    pub records: Option<u64>,
    /// Its number in the ledger; `None` of one that was read before.
    pub id: Option<u64>,
    /// What becomes of older files once this one was read.
    pub superseded: Vec<ReceiptRow>,
}

impl Intake {
    /// What becomes of files because newer ones were read, as these receipts say. One that cannot be read supersedes nothing.
    pub(in crate::sync) fn superseded(&self, receipts: &[ReceiptRow]) -> Vec<ReceiptRow> {
        let is_read = |row: &&ReceiptRow| row.receipt.standing != Standing::Rejected;
        let read: BTreeSet<u64> = receipts
            .iter()
            .filter(is_read)
            .map(|row| row.drop)
            .collect();
        let newer = self.drops.values();
        let newer = newer.filter(|newer| newer.id.is_some_and(|id| read.contains(&id)));
        newer.flat_map(|newer| newer.superseded.clone()).collect()
    }
}

/// The files that tables with drops are read from: those given, and for the others the ones that were read last.
pub(in crate::sync) fn files(
    config: &Config,
    store: &Store,
    disk: &dyn Disk,
    intake: &Intake,
) -> Result<BTreeMap<Table, Incoming>, StateError> {
    let mut files = intake.drops.clone();
    let tables = store.tables()?;
    for table in Table::all() {
        let takes_drops = config
            .table(table)
            .is_some_and(|config| config.arrival.drop);
        if !takes_drops || files.contains_key(&table) {
            continue;
        }
        let Some(last) = store.last_read_drop(table.name())? else {
            continue;
        };
        let memory = tables.iter().find(|memory| memory.table == table.name());
        // What the table was compared with last is no news; any other file would be.
        let is_remembered = memory.zip(last.receipt.as_ref());
        if is_remembered.is_none_or(|(memory, receipt)| memory.digest != receipt.digest) {
            continue;
        }
        // Its answer may still be owed, and it archived already.
        let claimed = inbox::claimed(&last);
        let is_claimed = disk.identity(&claimed).is_ok_and(|found| found.is_some());
        let incoming = Incoming {
            path: match is_claimed {
                true => claimed,
                false => inbox::archived(&last),
            },
            shown: inbox::dropped(&last),
            // A duplicate that came later may have had a newer number.
            sequence: memory.and_then(|memory| memory.sequence),
            is_part: last.is_part,
            records: None,
            id: None,
            superseded: Vec::new(),
        };
        files.insert(table, incoming);
    }
    Ok(files)
}
