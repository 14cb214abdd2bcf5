//! The journal of a pass: intent, commit, done. All files of a pass are published behind it together.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::disk::Disk;

use crate::model::document::Document;

use super::drops::receive;
use super::error::StateError;
use super::memory::{Mark, Memory, RenamedRow, Target};
use super::store::Store;

/// What a pass that did not finish left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// It wrote temporary files and nothing else: they go.
    Intent(Vec<Target>),
    /// It had begun to publish: it is finished.
    Commit(Vec<Target>, Box<Memory>),
}

impl Store {
    /// Names the files that are about to be written.
    pub fn journal_intent(
        &mut self,
        disk: &dyn Disk,
        targets: &[Target],
    ) -> Result<(), StateError> {
        self.journal(disk, "intent", targets, None)
    }

    /// From here on the pass will be finished, whatever happens.
    pub fn journal_commit(
        &mut self,
        disk: &dyn Disk,
        targets: &[Target],
        memory: &Memory,
    ) -> Result<(), StateError> {
        self.journal(disk, "commit", targets, Some(memory))
    }

    fn journal(
        &mut self,
        disk: &dyn Disk,
        phase: &str,
        targets: &[Target],
        memory: Option<&Memory>,
    ) -> Result<(), StateError> {
        disk.commit_point()
            .map_err(StateError::file("couplet.db"))?;
        let memory = memory.map(serde_json::to_vec).transpose()?;
        self.db.execute(
            "INSERT OR REPLACE INTO journal(one, phase, targets, memory) VALUES(1, ?1, ?2, ?3)",
            params![phase, serde_json::to_string(targets)?, memory],
        )?;
        Ok(())
    }

    /// Forgets an intent whose temporary files are gone.
    pub fn journal_clear(&mut self, disk: &dyn Disk) -> Result<(), StateError> {
        disk.commit_point()
            .map_err(StateError::file("couplet.db"))?;
        self.db.execute("DELETE FROM journal", [])?;
        Ok(())
    }

    /// What the last pass left unfinished.
    pub fn unfinished(&self) -> Result<Option<Unfinished>, StateError> {
        let row: Option<(String, String, Option<Vec<u8>>)> = self
            .db
            .query_row("SELECT phase, targets, memory FROM journal", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((_, targets, memory)) = row else {
            return Ok(None);
        };
        let targets = serde_json::from_str(&targets)?;
        Ok(Some(match memory {
            None => Unfinished::Intent(targets),
            Some(memory) => Unfinished::Commit(targets, Box::new(serde_json::from_slice(&memory)?)),
        }))
    }

    /// Remembers a pass and closes its journal, in one commit. `finished` is the time, ISO 8601.
    pub fn remember(
        &mut self,
        disk: &dyn Disk,
        memory: &Memory,
        finished: &str,
    ) -> Result<(), StateError> {
        disk.commit_point()
            .map_err(StateError::file("couplet.db"))?;
        let transaction = self.db.transaction()?;
        {
            let db = &transaction;
            let pass = memory.pass as i64;
            for row in &memory.tables {
                db.execute(
                    "INSERT OR REPLACE INTO tables VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)",
                    params![
                        row.table,
                        row.file,
                        row.digest,
                        row.sequence.map(|sequence| sequence as i64),
                        format!("{:016x}", row.shape),
                        format!("{:016x}", row.settings),
                        row.records as i64,
                        row.exports as i64,
                        row.generation as i64,
                        row.rows_epoch as i64,
                        row.rows_length as i64,
                        row.rows_count as i64,
                        row.ends_with_newline,
                        row.written_pass.map(|pass| pass as i64),
                        pass
                    ],
                )?;
            }
            for row in &memory.renamed {
                rename(db, row)?;
            }
            mark(db, memory)?;
            // A counterpart that left one party may have been written to in another: the old goes first.
            let mut leave = db.prepare("DELETE FROM sent WHERE table_name = ?1 AND no = ?2")?;
            for row in &memory.parted {
                leave.execute(params![row.table, row.no])?;
            }
            let mut answer = db.prepare(
                "UPDATE sent SET acknowledged_export = ?1 WHERE (table_name, no, field, seq) IN (SELECT table_name, no, \
                 field, seq FROM sent WHERE table_name = ?2 AND no = ?3 AND field = ?4 AND acknowledged_export IS NULL \
                 ORDER BY seq LIMIT ?5)",
            )?;
            for row in &memory.answers {
                answer.execute(params![
                    row.export as i64,
                    row.table,
                    row.no,
                    row.field,
                    row.count as i64
                ])?;
            }
            let mut send = db.prepare(
                "INSERT INTO sent(table_name, no, field, seq, contact, value, pass, export, acknowledged_export) \
                 VALUES(?1, ?2, ?3, (SELECT coalesce(max(seq), 0) + 1 FROM sent WHERE table_name = ?1 AND no = ?2 \
                 AND field = ?3), ?4, ?5, ?6, ?7, ?8)",
            )?;
            for row in &memory.sent {
                send.execute(params![
                    row.table,
                    row.no,
                    row.field,
                    row.contact,
                    row.value,
                    pass,
                    row.export as i64,
                    row.carried.then_some(row.export as i64)
                ])?;
            }
            let mut agree = db.prepare("INSERT OR REPLACE INTO agreed VALUES(?1, ?2, ?3)")?;
            let mut disagree =
                db.prepare("DELETE FROM agreed WHERE contact = ?1 AND field = ?2")?;
            for row in &memory.agreed {
                match &row.value {
                    Some(value) => agree.execute(params![row.contact, row.field, value])?,
                    None => disagree.execute(params![row.contact, row.field])?,
                };
            }
            let mut decide = db.prepare(
                "INSERT INTO decisions(pass, contact, table_name, no, field, from_value, to_value, rule, because, file, \
                 line) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
            )?;
            for change in &memory.changes {
                decide.execute(params![
                    pass,
                    change.contact,
                    change.table,
                    change.no,
                    change.column,
                    change.from,
                    change.to,
                    serde_json::to_string(&change.rule)?,
                    serde_json::to_string(&change.because)?,
                    change.file,
                    change.line as i64
                ])?;
            }
            // What sides said in a conflict stays on record when it is settled, and when one says something else: it may be
            // nowhere else any more.
            const SETTLED: &str = "contact = ?1 AND id NOT IN (SELECT value FROM json_each(?2))";
            let mut record = db.prepare(&format!(
                "INSERT INTO settled SELECT id, contact, field, body, opened_pass, opened_at, decided_value, ?3 \
                 FROM conflicts WHERE {SETTLED}"
            ))?;
            let mut settle = db.prepare(&format!("DELETE FROM conflicts WHERE {SETTLED}"))?;
            let mut unowe = db.prepare("DELETE FROM debts WHERE contact = ?1")?;
            let mut open: std::collections::BTreeMap<&str, Vec<String>> =
                std::collections::BTreeMap::new();
            for conflict in &memory.conflicts {
                open.entry(&conflict.contact)
                    .or_default()
                    .push(conflict.id());
            }
            for contact in &memory.parties {
                let ids = open
                    .get(contact.as_str())
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                let ids = serde_json::to_string(ids)?;
                record.execute(params![contact, ids, pass])?;
                settle.execute(params![contact, ids])?;
                unowe.execute([contact])?;
            }
            let mut hold = db.prepare(
                "INSERT INTO conflicts(id, contact, field, print, body, opened_pass, opened_at) VALUES(?1,?2,?3,?4,?5,?6,?7) \
                 ON CONFLICT(id) DO UPDATE SET body = excluded.body, print = excluded.print, \
                 decided_value = CASE WHEN decided_print = excluded.print THEN decided_value END",
            )?;
            let mut replace = db.prepare(
                "INSERT INTO settled SELECT id, contact, field, body, opened_pass, opened_at, decided_value, ?3 \
                 FROM conflicts WHERE id = ?1 AND print <> ?2",
            )?;
            for conflict in &memory.conflicts {
                replace.execute(params![conflict.id(), conflict.print(), pass])?;
                hold.execute(params![
                    conflict.id(),
                    conflict.contact,
                    conflict.field,
                    conflict.print(),
                    serde_json::to_string(conflict)?,
                    pass,
                    memory.started
                ])?;
            }
            let mut owe = db.prepare("INSERT OR REPLACE INTO debts VALUES(?1,?2,?3,?4,?5)")?;
            for debt in &memory.debts {
                owe.execute(params![
                    debt.contact,
                    debt.table,
                    debt.no,
                    debt.column,
                    debt.reason
                ])?;
            }
            let ids: Vec<String> = memory
                .problems
                .iter()
                .map(crate::model::Problem::id)
                .collect();
            db.execute(
                "DELETE FROM problems WHERE id NOT IN (SELECT value FROM json_each(?1))",
                [serde_json::to_string(&ids)?],
            )?;
            let mut trouble = db.prepare(
                "INSERT INTO problems(id, table_name, body, first_pass) VALUES(?1,?2,?3,?4) \
                 ON CONFLICT(id) DO UPDATE SET body = excluded.body",
            )?;
            for (problem, id) in memory.problems.iter().zip(&ids) {
                trouble.execute(params![
                    id,
                    problem.place.table,
                    serde_json::to_string(problem)?,
                    pass
                ])?;
            }
            let mut went = db.prepare("INSERT OR REPLACE INTO gone VALUES(?1, ?2, ?3)")?;
            for row in &memory.gone {
                went.execute(params![row.table, row.no, pass])?;
            }
            let mut came = db.prepare("DELETE FROM gone WHERE table_name = ?1 AND no = ?2")?;
            for row in &memory.returned {
                came.execute(params![row.table, row.no])?;
            }
            log(db, memory, last_interaction(db)?)?;
            keep_documents(db, &memory.documents)?;
            let mut event = db.prepare("INSERT OR IGNORE INTO events VALUES(?1, ?2)")?;
            for [a, b] in &memory.events {
                event.execute([*a as i64, *b as i64])?;
            }
            if let Some(read) = &memory.events_read {
                let read = serde_json::to_string(read)?;
                db.execute(
                    "INSERT OR REPLACE INTO meta VALUES('events_read', ?1)",
                    [read],
                )?;
            }
            db.execute(
                "INSERT INTO passes VALUES(?1,?2,?3,?4,?5,(SELECT count(*) FROM conflicts),?6)",
                params![
                    pass,
                    memory.started,
                    finished,
                    memory.changes.len() as i64,
                    memory.interactions.len() as i64,
                    memory.problems.len() as i64
                ],
            )?;
            match &memory.quiet {
                Some(quiet) => {
                    db.execute("INSERT OR REPLACE INTO meta VALUES('quiet', ?1)", [quiet])?
                }
                None => db.execute("DELETE FROM meta WHERE name = 'quiet'", [])?,
            };
            receive(db, &memory.receipts, Some(memory.pass))?;
            if memory.approved.is_some() || !memory.tables.is_empty() {
                db.execute("DELETE FROM halts", [])?;
            }
            db.execute("DELETE FROM journal", [])?;
        }
        transaction.commit()?;
        Ok(())
    }
}

/// Keeps documents; those that wait for a counterpart are open.
fn keep_documents(db: &Connection, documents: &[Document]) -> Result<(), StateError> {
    let mut keep = db.prepare("INSERT OR REPLACE INTO documents VALUES(?1, ?2, ?3, ?4, ?5)")?;
    for document in documents {
        let def = document.kind.def();
        let is_of_nobody = |prefix: &str| {
            document
                .field(&format!("{prefix} {} No.", def.counterpart))
                .is_empty()
        };
        let is_open = def.is_quote
            && document.ordered_as.is_empty()
            && (is_of_nobody(def.partner) || is_of_nobody(def.payer));
        keep.execute(params![
            def.noun,
            document.no,
            document.field("Opportunity No."),
            is_open,
            serde_json::to_string(document)?
        ])?;
    }
    Ok(())
}

/// The number of the last interaction that was logged.
pub(super) fn last_interaction(db: &Connection) -> Result<u64, StateError> {
    let query = "SELECT coalesce(max(entry_no), 0) FROM interactions";
    let last: i64 = db.query_row(query, [], |row| row.get(0))?;
    if last > 0 {
        return Ok(last as u64);
    }
    // A fresh state continues after the last number of the log's own file.
    let query = "SELECT value FROM meta WHERE name = 'log_continues_after'";
    let after: Option<String> = db.query_row(query, [], |row| row.get(0)).optional()?;
    Ok(after.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Numbers the interactions of a pass after the entry `last`, and keeps them. What the pass itself says has its time.
fn log(db: &Connection, memory: &Memory, last: u64) -> Result<(), StateError> {
    let mut change = db.prepare("UPDATE interactions SET is_current = 0 WHERE known_as = ?1")?;
    let mut keep = db.prepare(
        "INSERT INTO interactions(entry_no, pass, contact_no, body, known_as) VALUES(?1,?2,?3,?4,?5)",
    )?;
    let (date, time) = memory
        .started
        .split_once('T')
        .unwrap_or((&memory.started, ""));
    for (draft, entry_no) in memory.interactions.iter().zip(last + 1..) {
        let mut entry = draft.clone();
        entry.entry_no = entry_no;
        if entry.date.is_empty() {
            entry.date = date.to_owned();
            entry.time_of_interaction = time.get(..8).unwrap_or(time).to_owned();
        }
        if entry.changes_entry_no != 0 {
            change.execute([entry.changes_entry_no as i64])?;
        }
        keep.execute(params![
            entry_no as i64,
            memory.pass as i64,
            entry.contact_no,
            serde_json::to_string(&entry)?,
            entry.known_as() as i64
        ])?;
    }
    Ok(())
}

/// Everything that is known of a record under the number that we gave it belongs to the number that its system gave it.
fn rename(db: &Connection, row: &RenamedRow) -> Result<(), StateError> {
    let values = params![row.to, row.table, row.from];
    db.execute(
        "UPDATE history SET no = ?1 WHERE table_name = ?2 AND no = ?3",
        values,
    )?;
    db.execute(
        "UPDATE OR REPLACE sent SET no = ?1 WHERE table_name = ?2 AND no = ?3",
        values,
    )?;
    if row.table == "contacts" {
        for table in ["sent", "agreed", "conflicts", "debts"] {
            let update = format!("UPDATE OR REPLACE {table} SET contact = ?1 WHERE contact = ?2");
            db.execute(&update, params![row.to, row.from])?;
        }
    }
    Ok(())
}

fn mark(db: &Connection, memory: &Memory) -> Result<(), StateError> {
    let mut unmark =
        db.prepare("DELETE FROM marks WHERE mark = ?1 AND table_name = ?2 AND no = ?3")?;
    for row in &memory.unmarked {
        unmark.execute(params![row.mark.word(), row.table, row.no])?;
    }
    let mut mark = db.prepare("INSERT OR REPLACE INTO marks VALUES(?1, ?2, ?3, ?4, ?5)")?;
    let pass = memory.pass as i64;
    for row in memory.created.iter().filter(|row| row.in_flight) {
        let body = serde_json::to_string(row)?;
        mark.execute(params![Mark::Created.word(), row.table, row.no, body, pass])?;
    }
    for row in &memory.marked {
        mark.execute(params![row.mark.word(), row.table, row.no, row.body, pass])?;
    }
    let mut tell = db.prepare("INSERT INTO history VALUES(?1, ?2, ?3, ?4, ?5)")?;
    for row in &memory.history {
        tell.execute(params![pass, row.table, row.no, row.event, row.reason])?;
    }
    let mut number = db.prepare("INSERT OR REPLACE INTO numbers VALUES(?1, ?2)")?;
    for (series, last) in &memory.numbered {
        number.execute([series, last])?;
    }
    Ok(())
}
