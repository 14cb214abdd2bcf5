//! What passes and commands ask the state.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{OptionalExtension as _, Row, params};
use serde::Serialize;

use crate::merge::plan::{Conflict, Debt, Origin, Plan};
use crate::merge::{Rule, Sent};
use crate::model::document::{Document, DocumentKind};
use crate::model::{InteractionLogEntry, Problem};

use super::error::StateError;
use super::memory::{EventsRead, GoneRow, Mark, MarkRow, TableMemory};
use super::store::Store;

/// A value that was written for a side, as the state keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentValue {
    /// The value and its standing.
    pub sent: Sent,
    /// The field's name on the contact.
    pub field: String,
    /// The pass that wrote it, or the last update that carried it along.
    pub pass: u64,
    /// It was never waited for: an update merely carried it along.
    pub carried: bool,
    /// The contact in whose name it was written.
    pub contact: String,
}

/// What a person decided on a field: its name, the value, and the print of what was decided on.
pub type DecidedField = (String, String, String);

/// A conflict in the inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenConflict {
    /// Its id.
    pub id: String,
    /// What sides say.
    #[serde(flatten)]
    pub conflict: Conflict,
    /// The pass that opened it.
    pub opened_pass: u64,
    /// When that was.
    pub opened_at: String,
    /// What a person decided, to be carried out by the next pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided: Option<String>,
}

/// The decision behind a value that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The pass.
    pub pass: u64,
    /// When it began.
    pub at: String,
    /// The party.
    pub contact: String,
    /// The column.
    pub column: String,
    /// What stood there.
    pub from: String,
    /// What was written.
    pub to: String,
    /// Why.
    pub rule: Rule,
    /// The records that brought the value.
    pub because: Vec<Origin>,
    /// The file that was written or updated.
    pub file: String,
    /// The record's line in the export.
    pub line: u64,
}

/// Something that happened to a record as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// The pass.
    pub pass: u64,
    /// When it began.
    pub at: String,
    /// What, as the rest of a sentence.
    pub event: String,
    /// Why, as a sentence.
    pub reason: String,
}

/// A pass that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassRow {
    /// Its number.
    pub pass: u64,
    /// When it began.
    pub started: String,
    /// When it was done.
    pub finished: String,
    /// Cells that it wrote.
    pub cells: u64,
    /// Interactions that it logged.
    pub interactions: u64,
}

/// A problem as the state keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KnownProblem {
    /// Its id.
    pub id: String,
    /// What it is.
    #[serde(flatten)]
    pub problem: Problem,
    /// The first pass that met it.
    pub first_pass: u64,
    /// Whether it asks for attention no more.
    pub accepted: bool,
}

/// A halted plan.
#[derive(Clone, Debug)]
pub struct HaltedPlan {
    /// Its id.
    pub id: String,
    /// The plan.
    pub plan: Plan,
    /// When it was halted.
    pub at: String,
    /// When a person let it through.
    pub approved_at: Option<String>,
}

fn hexadecimal(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(u64::from_str_radix(&row.get::<_, String>(at)?, 16).unwrap_or_default())
}

/// A value from six columns, of which this is the first, after so many exports of its table.
fn sent_value(row: &Row<'_>, at: usize, exports: u64) -> rusqlite::Result<SentValue> {
    let export = number(row, at + 2)?;
    let acknowledged = row.get::<_, Option<i64>>(at + 3)?;
    Ok(SentValue {
        field: row.get(at)?,
        sent: Sent {
            value: row.get(at + 1)?,
            acknowledged: acknowledged.is_some(),
            exports: exports.saturating_sub(export) as u32,
        },
        pass: number(row, at + 4)?,
        carried: acknowledged == Some(export as i64),
        contact: row.get(at + 5)?,
    })
}

fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(at)? as u64)
}

impl Store {
    /// All marks on records, in the order of mark, table and number.
    pub fn marks(&self) -> Result<Vec<MarkRow>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT mark, table_name, no, body FROM marks ORDER BY mark, table_name, no",
        )?;
        let rows = query.query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
            ))
        })?;
        let mut marks = Vec::new();
        for row in rows {
            let (word, table, no, body) = row?;
            marks.extend(Mark::named(&word).map(|mark| MarkRow {
                mark,
                table,
                no,
                body,
            }));
        }
        Ok(marks)
    }

    /// What happened to a record as a whole, oldest first.
    pub fn history(&self, table: &str, no: &str) -> Result<Vec<Event>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT history.pass, passes.started, event, reason FROM history JOIN passes USING(pass) \
             WHERE table_name = ?1 AND no = ?2 ORDER BY history.rowid",
        )?;
        let rows = query.query_map([table, no], |row| {
            Ok(Event {
                pass: number(row, 0)?,
                at: row.get(1)?,
                event: row.get(2)?,
                reason: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The last number given of a series.
    pub fn last_number(&self, series: &str) -> Result<Option<String>, StateError> {
        let query = "SELECT last FROM numbers WHERE series = ?1";
        Ok(self
            .db
            .prepare_cached(query)?
            .query_row([series], |row| row.get(0))
            .optional()?)
    }

    /// Whether an entry of the interaction log names a contact of this number.
    pub fn is_logged(&self, no: &str) -> Result<bool, StateError> {
        let query = "SELECT EXISTS(SELECT 1 FROM interactions WHERE contact_no = ?1) \
                     OR EXISTS(SELECT 1 FROM logged_numbers WHERE no = ?1)";
        Ok(self
            .db
            .prepare_cached(query)?
            .query_row([no], |row| row.get(0))?)
    }

    /// Whether the log of an earlier state told that this record was created.
    pub fn was_created(&self, noun: &str, no: &str) -> Result<bool, StateError> {
        let query = "SELECT EXISTS(SELECT 1 FROM logged_numbers WHERE no = ?1)";
        let record = format!("{noun} {no}");
        Ok(self
            .db
            .prepare_cached(query)?
            .query_row([record], |row| row.get(0))?)
    }

    /// Notes what a log of an earlier state names: contacts by their numbers, created records with their noun.
    pub fn note_logged(&mut self, numbers: &BTreeSet<String>) -> Result<(), StateError> {
        let transaction = self.db.transaction()?;
        for no in numbers {
            transaction.execute("INSERT OR IGNORE INTO logged_numbers VALUES(?1)", [no])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// How many passes were done.
    pub fn last_pass(&self) -> Result<u64, StateError> {
        Ok(self
            .db
            .prepare_cached("SELECT coalesce(max(pass), 0) FROM passes")?
            .query_row([], |row| number(row, 0))?)
    }

    /// The last passes, newest first.
    pub fn passes(&self, limit: u64) -> Result<Vec<PassRow>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT pass, started, finished, cells, interactions FROM passes ORDER BY pass DESC LIMIT ?1",
        )?;
        let rows = query.query_map([limit as i64], |row| {
            Ok(PassRow {
                pass: number(row, 0)?,
                started: row.get(1)?,
                finished: row.get(2)?,
                cells: number(row, 3)?,
                interactions: number(row, 4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The tables as they were last read.
    pub fn tables(&self) -> Result<Vec<TableMemory>, StateError> {
        let mut query = self
            .db
            .prepare_cached("SELECT * FROM tables ORDER BY name")?;
        let rows = query.query_map([], |row| {
            Ok(TableMemory {
                table: row.get(0)?,
                file: row.get(1)?,
                digest: row.get(2)?,
                sequence: row
                    .get::<_, Option<i64>>(3)?
                    .map(|sequence| sequence as u64),
                shape: hexadecimal(row, 4)?,
                settings: hexadecimal(row, 5)?,
                records: number(row, 6)?,
                exports: number(row, 7)?,
                generation: number(row, 8)?,
                rows_epoch: number(row, 9)?,
                rows_length: number(row, 10)?,
                rows_count: number(row, 11)?,
                ends_with_newline: row.get(12)?,
                written_pass: row.get::<_, Option<i64>>(13)?.map(|pass| pass as u64),
                encoding: row.get(15)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Contacts whose parties have something pending: values in flight and debts, but for those to some tables, agreed values that no
    /// base says, conflicts. Such a party is looked at in every pass.
    pub fn pending(&self, but_for: &[&str]) -> Result<Vec<String>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT contact FROM agreed UNION SELECT contact FROM conflicts \
             UNION SELECT contact FROM sent WHERE table_name NOT IN (SELECT value FROM json_each(?1)) \
             UNION SELECT contact FROM debts WHERE table_name NOT IN (SELECT value FROM json_each(?1))",
        )?;
        let rows = query.query_map([serde_json::to_string(but_for)?], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What was written for a record, oldest first; `exports` is the table's count of exports now.
    pub fn sent(&self, table: &str, no: &str, exports: u64) -> Result<Vec<SentValue>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT field, value, export, acknowledged_export, pass, contact FROM sent WHERE table_name = ?1 AND no = ?2 \
             ORDER BY field, seq",
        )?;
        let rows = query.query_map(params![table, no], |row| sent_value(row, 0, exports))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All that was written for records and is remembered, by table and number, oldest first; `exports` says how many exports of a
    /// table there have been.
    pub fn all_sent(
        &self,
        exports: &dyn Fn(&str) -> u64,
    ) -> Result<BTreeMap<(String, String), Vec<SentValue>>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT table_name, no, field, value, export, acknowledged_export, pass, contact FROM sent \
             ORDER BY table_name, no, field, seq",
        )?;
        let mut rows = query.query([])?;
        let mut all: BTreeMap<(String, String), Vec<SentValue>> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let (table, no): (String, String) = (row.get(0)?, row.get(1)?);
            let now = exports(&table);
            let sent = sent_value(row, 2, now)?;
            all.entry((table, no)).or_default().push(sent);
        }
        Ok(all)
    }

    /// All that is agreed where no base says it: field and value, by contact.
    pub fn all_agreed(&self) -> Result<HashMap<String, Vec<(String, String)>>, StateError> {
        let mut query = self
            .db
            .prepare_cached("SELECT contact, field, value FROM agreed")?;
        let mut rows = query.query([])?;
        let mut all: HashMap<String, Vec<(String, String)>> = HashMap::new();
        while let Some(row) = rows.next()? {
            let agreed = (row.get(1)?, row.get(2)?);
            all.entry(row.get(0)?).or_default().push(agreed);
        }
        Ok(all)
    }

    /// All decisions of persons on conflicts, by contact.
    pub fn all_decided(&self) -> Result<HashMap<String, Vec<DecidedField>>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT contact, field, decided_value, decided_print FROM conflicts WHERE decided_value IS NOT NULL",
        )?;
        let mut rows = query.query([])?;
        let mut all: HashMap<String, Vec<(String, String, String)>> = HashMap::new();
        while let Some(row) = rows.next()? {
            let decided = (row.get(1)?, row.get(2)?, row.get(3)?);
            all.entry(row.get(0)?).or_default().push(decided);
        }
        Ok(all)
    }

    /// How many values are in flight, by table.
    pub fn in_flight(&self) -> Result<BTreeMap<String, u64>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT table_name, count(*) FROM sent WHERE acknowledged_export IS NULL GROUP BY table_name",
        )?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, number(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What is agreed of one field where no base says it, by contact.
    pub fn agreed_on(&self, field: &str) -> Result<Vec<(String, String)>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT contact, value FROM agreed WHERE field = ?1 ORDER BY contact",
        )?;
        let rows = query.query_map([field], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What is agreed in a party where no base says it.
    pub fn agreed(&self, contact: &str) -> Result<Vec<(String, String)>, StateError> {
        let mut query = self
            .db
            .prepare_cached("SELECT field, value FROM agreed WHERE contact = ?1")?;
        let rows = query.query_map([contact], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The conflict inbox, in the order of contact and field.
    pub fn conflicts(&self) -> Result<Vec<OpenConflict>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT id, body, opened_pass, opened_at, decided_value FROM conflicts ORDER BY contact, field",
        )?;
        let rows = query.query_map([], |row| {
            let body: String = row.get(1)?;
            Ok((
                row.get::<_, String>(0)?,
                body,
                number(row, 2)?,
                row.get::<_, String>(3)?,
                row.get(4)?,
            ))
        })?;
        let mut conflicts = Vec::new();
        for row in rows {
            let (id, body, opened_pass, opened_at, decided) = row?;
            let conflict = serde_json::from_str(&body)?;
            conflicts.push(OpenConflict {
                id,
                conflict,
                opened_pass,
                opened_at,
                decided,
            });
        }
        Ok(conflicts)
    }

    /// Conflicts that are settled, and open ones as they stood before a side said something else, newest first, each with the
    /// pass that ended it.
    pub fn settled(&self) -> Result<Vec<(u64, OpenConflict)>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT id, body, opened_pass, opened_at, decided_value, settled_pass FROM settled \
             ORDER BY settled_pass DESC, contact, field",
        )?;
        let rows = query.query_map([], |row| {
            let texts: (String, String) = (row.get(0)?, row.get(1)?);
            Ok((
                texts,
                number(row, 2)?,
                row.get::<_, String>(3)?,
                row.get(4)?,
                number(row, 5)?,
            ))
        })?;
        let mut conflicts = Vec::new();
        for row in rows {
            let ((id, body), opened_pass, opened_at, decided, pass) = row?;
            let conflict = serde_json::from_str(&body)?;
            conflicts.push((
                pass,
                OpenConflict {
                    id,
                    conflict,
                    opened_pass,
                    opened_at,
                    decided,
                },
            ));
        }
        Ok(conflicts)
    }

    /// Records a person's decision on a conflict, bound to what it was about.
    pub fn decide(&self, conflict: &OpenConflict, value: &str, at: &str) -> Result<(), StateError> {
        self.db.execute(
            "UPDATE conflicts SET decided_value = ?2, decided_print = ?3, decided_at = ?4 WHERE id = ?1",
            params![conflict.id, value, conflict.conflict.print(), at],
        )?;
        Ok(())
    }

    /// All problems, in the order of table.
    pub fn problems(&self) -> Result<Vec<KnownProblem>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT id, body, first_pass, accepted FROM problems ORDER BY table_name, id",
        )?;
        let rows = query.query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                number(row, 2)?,
                row.get(3)?,
            ))
        })?;
        let mut problems = Vec::new();
        for row in rows {
            let (id, body, first_pass, accepted) = row?;
            problems.push(KnownProblem {
                id,
                problem: serde_json::from_str(&body)?,
                first_pass,
                accepted,
            });
        }
        Ok(problems)
    }

    /// Accepts a problem: it no longer asks for attention until it changes. Whether there is such a problem.
    pub fn accept(&self, id: &str) -> Result<bool, StateError> {
        Ok(self
            .db
            .execute("UPDATE problems SET accepted = 1 WHERE id = ?1", [id])?
            > 0)
    }

    /// What sides lack.
    pub fn debts(&self) -> Result<Vec<Debt>, StateError> {
        let mut query = self
            .db
            .prepare_cached("SELECT * FROM debts ORDER BY contact, table_name, no, field")?;
        let rows = query.query_map([], |row| {
            Ok(Debt {
                contact: row.get(0)?,
                table: row.get(1)?,
                no: row.get(2)?,
                column: row.get(3)?,
                reason: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Interactions after an entry number, in order; of one contact where it is given.
    pub fn interactions(
        &self,
        after: u64,
        contact: Option<&str>,
    ) -> Result<Vec<InteractionLogEntry>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT body FROM interactions WHERE entry_no > ?1 AND (?2 IS NULL OR contact_no = ?2) ORDER BY entry_no",
        )?;
        let rows = query.query_map(params![after as i64, contact], |row| {
            row.get::<_, String>(0)
        })?;
        let mut entries = Vec::new();
        for row in rows {
            entries.push(serde_json::from_str(&row?)?);
        }
        Ok(entries)
    }

    /// The interactions that a pass logged, in order.
    pub(super) fn interactions_of_pass(
        &self,
        pass: u64,
    ) -> Result<Vec<InteractionLogEntry>, StateError> {
        let query = "SELECT body FROM interactions WHERE pass = ?1 ORDER BY entry_no";
        let mut query = self.db.prepare_cached(query)?;
        let rows = query.query_map([pass as i64], |row| row.get::<_, String>(0))?;
        let mut entries = Vec::new();
        for row in rows {
            entries.push(serde_json::from_str(&row?)?);
        }
        Ok(entries)
    }

    /// The number of the last interaction that was logged; 0 where none was.
    pub fn last_interaction(&self) -> Result<u64, StateError> {
        super::remember::last_interaction(&self.db)
    }

    /// Interactions up to an entry number, in order.
    pub fn interactions_until(&self, last: u64) -> Result<Vec<InteractionLogEntry>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT body FROM interactions WHERE entry_no <= ?1 ORDER BY entry_no",
        )?;
        let rows = query.query_map([last as i64], |row| row.get::<_, String>(0))?;
        let mut entries = Vec::new();
        for row in rows {
            entries.push(serde_json::from_str(&row?)?);
        }
        Ok(entries)
    }

    /// Interactions as they are now, each in the place of all that changed it, in the order of their numbers; of one contact where
    /// it is given. Every entry is handed to `each`; so a long log need not be in memory.
    pub fn current_interactions(
        &self,
        contact: Option<&str>,
        each: &mut dyn FnMut(InteractionLogEntry),
    ) -> Result<(), StateError> {
        let query = "SELECT body FROM interactions WHERE is_current = 1 AND (?1 IS NULL OR contact_no = ?1) ORDER BY known_as";
        let mut query = self.db.prepare_cached(query)?;
        let rows = query.query_map([contact], |row| row.get::<_, String>(0))?;
        for row in rows {
            each(serde_json::from_str(&row?)?);
        }
        Ok(())
    }

    /// An interaction as it is now, by the number that people know it by.
    pub fn current_interaction(
        &self,
        known_as: u64,
    ) -> Result<Option<InteractionLogEntry>, StateError> {
        let query = "SELECT body FROM interactions WHERE is_current = 1 AND known_as = ?1";
        let body: Option<String> = self
            .db
            .prepare_cached(query)?
            .query_row([known_as as i64], |row| row.get(0))
            .optional()?;
        Ok(match body {
            Some(body) => Some(serde_json::from_str(&body)?),
            None => None,
        })
    }

    /// Interactions that a contact lost when it disappeared and that were not changed since: as they are now, and as they were.
    pub fn interactions_left_by(
        &self,
        contact: &str,
    ) -> Result<Vec<(InteractionLogEntry, InteractionLogEntry)>, StateError> {
        let mut query = self.db.prepare_cached(
            "SELECT now.body, (SELECT before.body FROM interactions before WHERE before.known_as = now.known_as \
             AND before.entry_no < now.entry_no ORDER BY before.entry_no DESC LIMIT 1) \
             FROM gone JOIN interactions now ON now.pass = gone.pass \
             WHERE gone.table_name = 'contacts' AND gone.no = ?1 AND now.is_current = 1 AND now.known_as <> now.entry_no",
        )?;
        let rows = query.query_map([contact], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
        })?;
        let mut pairs = Vec::new();
        for row in rows {
            if let (now, Some(before)) = row? {
                let before: InteractionLogEntry = serde_json::from_str(&before)?;
                if before.contact_no == contact {
                    pairs.push((serde_json::from_str(&now)?, before));
                }
            }
        }
        Ok(pairs)
    }

    /// Forgets interactions up to an entry number, whose file is gone.
    pub fn forget_interactions(&self, last: u64) -> Result<(), StateError> {
        let delete = "DELETE FROM interactions WHERE entry_no <= ?1";
        self.db.execute(delete, [last as i64])?;
        Ok(())
    }

    /// A document by its kind and number.
    pub fn document(&self, kind: DocumentKind, no: &str) -> Result<Option<Document>, StateError> {
        let query = "SELECT body FROM documents WHERE kind = ?1 AND no = ?2";
        let body: Option<String> = self
            .db
            .prepare_cached(query)?
            .query_row([kind.def().noun, no], |row| row.get(0))
            .optional()?;
        Ok(match body {
            Some(body) => Some(serde_json::from_str(&body)?),
            None => None,
        })
    }

    /// Quotes that wait for a counterpart of their contact.
    pub fn open_quotes(&self) -> Result<Vec<Document>, StateError> {
        let query = "SELECT body FROM documents WHERE is_open = 1 ORDER BY kind, no";
        let mut query = self.db.prepare_cached(query)?;
        let rows = query.query_map([], |row| row.get::<_, String>(0))?;
        let mut quotes = Vec::new();
        for row in rows {
            quotes.push(serde_json::from_str(&row?)?);
        }
        Ok(quotes)
    }

    /// The number of the quote of an opportunity.
    pub fn quote_of_opportunity(
        &self,
        kind: DocumentKind,
        opportunity: &str,
    ) -> Result<Option<String>, StateError> {
        let query = "SELECT no FROM documents WHERE kind = ?1 AND opportunity = ?2";
        let found = self
            .db
            .prepare_cached(query)?
            .query_row([kind.def().noun, opportunity], |row| row.get(0));
        Ok(found.optional()?)
    }

    /// Whether an event was logged before, or is not to be logged.
    pub fn knows_event(&self, print: [u64; 2]) -> Result<bool, StateError> {
        let query = "SELECT EXISTS(SELECT 1 FROM events WHERE a = ?1 AND b = ?2)";
        let mut query = self.db.prepare_cached(query)?;
        Ok(query.query_row([print[0] as i64, print[1] as i64], |row| row.get(0))?)
    }

    /// The events export that was read last.
    pub fn events_read(&self) -> Result<Option<EventsRead>, StateError> {
        Ok(match self.meta("events_read")? {
            Some(text) => Some(serde_json::from_str(&text)?),
            None => None,
        })
    }

    /// Keeps the plan that halted the last pass; a plan that was halted before it, or let through, is void.
    pub fn keep_halt(&self, plan: &Plan, at: &str) -> Result<String, StateError> {
        let id = plan.halt_id();
        self.db.execute(
            "INSERT OR IGNORE INTO halts(id, digest, plan, at) VALUES(?1, ?2, ?3, ?4)",
            params![id, plan.digest(), serde_json::to_string(plan)?, at],
        )?;
        self.db.execute("DELETE FROM halts WHERE id <> ?1", [&id])?;
        Ok(id)
    }

    /// Makes void what was halted, and let through, before a pass that no guard halted. A state that holds nothing of it is not written.
    pub fn end_halts(&self) -> Result<(), StateError> {
        if !self.halts()?.is_empty() {
            self.db.execute("DELETE FROM halts", [])?;
        }
        Ok(())
    }

    /// The halted plans.
    pub fn halts(&self) -> Result<Vec<HaltedPlan>, StateError> {
        let mut query = self
            .db
            .prepare_cached("SELECT id, plan, at, approved_at FROM halts ORDER BY at, id")?;
        let rows = query.query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get(3)?,
            ))
        })?;
        let mut halts = Vec::new();
        for row in rows {
            let (id, plan, at, approved_at) = row?;
            halts.push(HaltedPlan {
                id,
                plan: serde_json::from_str(&plan)?,
                at,
                approved_at,
            });
        }
        Ok(halts)
    }

    /// Lets exactly this halted plan through once. Whether there is such a halt.
    pub fn approve(&self, id: &str, at: &str) -> Result<bool, StateError> {
        Ok(self.db.execute(
            "UPDATE halts SET approved_at = ?2 WHERE id = ?1",
            params![id, at],
        )? > 0)
    }

    /// Whether a plan was let through.
    pub fn is_approved(&self, digest: &str) -> Result<bool, StateError> {
        let query =
            "SELECT EXISTS(SELECT 1 FROM halts WHERE digest = ?1 AND approved_at IS NOT NULL)";
        Ok(self
            .db
            .prepare_cached(query)?
            .query_row([digest], |row| row.get(0))?)
    }

    /// Records that disappeared from full exports and did not come back.
    pub fn gone(&self) -> Result<Vec<GoneRow>, StateError> {
        let mut query = self
            .db
            .prepare_cached("SELECT table_name, no FROM gone ORDER BY table_name, no")?;
        let rows = query.query_map([], |row| {
            Ok(GoneRow {
                table: row.get(0)?,
                no: row.get(1)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
