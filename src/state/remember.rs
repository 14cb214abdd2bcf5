//! What a pass leaves in the database, in the one commit that closes its journal.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::disk::Disk;
use crate::merge::plan::Debt;
use crate::model::document::Document;
use crate::model::{Problem, Table};

use super::decisions;
use super::drops::receive;
use super::error::StateError;
use super::memory::{Kept, Mark, Memory, RenamedRow, SentRow};
use super::store::Store;

impl Store {
    /// Remembers a pass and closes its journal, in one commit. `finished` is the time, ISO 8601.
    pub fn remember(
        &mut self,
        disk: &dyn Disk,
        memory: &Memory<'_>,
        finished: &str,
    ) -> Result<(), StateError> {
        disk.commit_point()
            .map_err(StateError::file("couplet.db"))?;
        let transaction = self.db.transaction()?;
        let db = &transaction;
        tables(db, memory)?;
        for row in &memory.renamed {
            rename(db, row)?;
        }
        mark(db, memory)?;
        send(db, memory)?;
        agree(db, memory)?;
        keep(db, memory)?;
        settle(db, memory)?;
        hold(db, memory)?;
        owe(db, &memory.debts)?;
        trouble(db, memory)?;
        go_and_come(db, memory)?;
        keep_documents(db, &memory.documents)?;
        note_events(db, memory)?;
        let pass = "INSERT INTO passes VALUES(?1,?2,?3,?4,?5,(SELECT count(*) FROM conflicts),?6)";
        db.prepare_cached(pass)?.execute(params![
            memory.pass as i64,
            memory.started,
            finished,
            memory.changes.len() as i64,
            memory.interactions.len() as i64,
            memory.problems.len() as i64
        ])?;
        match &memory.quiet {
            Some(quiet) => db
                .prepare_cached("INSERT OR REPLACE INTO meta VALUES('quiet', ?1)")?
                .execute([quiet])?,
            None => db
                .prepare_cached("DELETE FROM meta WHERE name = 'quiet'")?
                .execute([])?,
        };
        receive(db, &memory.receipts, Some(memory.pass))?;
        db.prepare_cached("DELETE FROM halts")?.execute([])?;
        for row in &memory.tables {
            forget_answered(db, &row.table, row.exports.saturating_sub(ECHO_EXPORTS))?;
        }
        db.prepare_cached("DELETE FROM journal")?.execute([])?;
        transaction.commit()?;
        Ok(())
    }
}

/// For how many newer exports an answered value may still come back through a late import.
const ECHO_EXPORTS: u64 = 3;

/// Puts decisions and interactions in their places, as far as they are not there.
pub(super) fn keep(db: &Connection, memory: &Memory<'_>) -> Result<(), StateError> {
    match memory.kept {
        Kept::All => Ok(()),
        Kept::Interactions => {
            decisions::take_back(db, memory.pass)?;
            decisions::keep(db, memory.pass, &memory.changes)
        }
        Kept::Nothing => {
            decisions::keep(db, memory.pass, &memory.changes)?;
            log(db, memory, last_interaction(db)?)
        }
    }
}

fn tables(db: &Connection, memory: &Memory<'_>) -> Result<(), StateError> {
    let mut keep = db.prepare_cached(
        "INSERT OR REPLACE INTO tables VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
    )?;
    for row in &memory.tables {
        keep.execute(params![
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
            memory.pass as i64,
            row.encoding
        ])?;
    }
    Ok(())
}

/// What was answered, and what is in flight from now on.
fn send(db: &Connection, memory: &Memory<'_>) -> Result<(), StateError> {
    // A counterpart that left one party may have been written to in another: the old is answered first, imported or not.
    for row in &memory.parted {
        let leave = "UPDATE sent SET acknowledged_export = (SELECT exports FROM tables WHERE name = ?1) \
                     WHERE table_name = ?1 AND no = ?2 AND acknowledged_export IS NULL";
        db.prepare_cached(leave)?
            .execute(params![row.table, row.no])?;
    }
    for row in &memory.answers {
        if let Some(before) = row.imported.checked_sub(1) {
            // An update that was imported carried the whole record, and earlier ones are past.
            let mut import = db.prepare_cached(
                "UPDATE sent SET imported = 1 WHERE table_name = ?1 AND no = ?2 AND pass <= (SELECT pass FROM sent WHERE \
                 table_name = ?1 AND no = ?2 AND field = ?3 AND acknowledged_export IS NULL ORDER BY seq LIMIT 1 OFFSET ?4)",
            )?;
            import.execute(params![row.table, row.no, row.field, before as i64])?;
        }
        let mut answer = db.prepare_cached(
            "UPDATE sent SET acknowledged_export = ?1 WHERE (table_name, no, field, seq) IN (SELECT table_name, no, \
             field, seq FROM sent WHERE table_name = ?2 AND no = ?3 AND field = ?4 AND acknowledged_export IS NULL \
             ORDER BY seq LIMIT ?5)",
        )?;
        answer.execute(params![
            row.export as i64,
            row.table,
            row.no,
            row.field,
            row.count as i64
        ])?;
    }
    for row in &memory.sent {
        // What was carried along is past once the last update of the record is.
        let (pass, imported) = match row.carried {
            true => last_update(db, row, memory.pass)?.unwrap_or((memory.pass as i64, false)),
            false => (memory.pass as i64, false),
        };
        let mut send = db.prepare_cached(
            "INSERT INTO sent(table_name, no, field, seq, contact, value, pass, export, acknowledged_export, imported) \
             VALUES(?1, ?2, ?3, (SELECT coalesce(max(seq), 0) + 1 FROM sent WHERE table_name = ?1 AND no = ?2 \
             AND field = ?3), ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        send.execute(params![
            row.table,
            row.no,
            row.field,
            row.contact,
            row.value,
            pass,
            row.export as i64,
            row.carried.then_some(row.export as i64),
            imported
        ])?;
    }
    Ok(())
}

/// The pass that wrote the last update of a record before this one, which carries what the record says now; as far as it is
/// remembered, and whether that is imported.
fn last_update(
    db: &Connection,
    row: &SentRow,
    pass: u64,
) -> Result<Option<(i64, bool)>, StateError> {
    let mut query = db.prepare_cached(
        "SELECT pass, imported FROM sent WHERE table_name = ?1 AND no = ?2 AND pass < ?3 \
         ORDER BY pass DESC, imported LIMIT 1",
    )?;
    let last = query.query_row(params![row.table, row.no, pass as i64], |row| {
        Ok((row.get(0)?, row.get(1)?))
    });
    Ok(last.optional()?)
}

/// Forgets answered values that no late import can bring back any more. An update that nobody has seen imported may still be,
/// however old it is, unless its record is gone. While a record has something in flight, the update that carries it may bring back
/// what it carried along; and what it has brought back waits for a decision.
fn forget_answered(db: &Connection, table: &str, before_export: u64) -> Result<(), StateError> {
    let mut forget = db.prepare_cached(
        "DELETE FROM sent WHERE table_name = ?1 AND acknowledged_export < ?2 AND (imported OR EXISTS (SELECT 1 FROM gone \
         WHERE gone.table_name = sent.table_name AND gone.no = sent.no)) AND NOT EXISTS (SELECT 1 FROM sent AS waiting \
         WHERE waiting.table_name = sent.table_name AND waiting.no = sent.no AND \
         waiting.acknowledged_export IS NULL) AND NOT EXISTS (SELECT 1 FROM conflicts WHERE \
         conflicts.contact = sent.contact AND conflicts.field = sent.field)",
    )?;
    forget.execute(params![table, before_export as i64])?;
    Ok(())
}

/// What is agreed where no base says it. A base that was not replaced after all might have said less than what is agreed: it gives way.
fn agree(db: &Connection, memory: &Memory<'_>) -> Result<(), StateError> {
    for row in &memory.agreed {
        match &row.value {
            Some(value) => db
                .prepare_cached("INSERT OR REPLACE INTO agreed VALUES(?1, ?2, ?3)")?
                .execute(params![row.contact, row.field, value])?,
            None => db
                .prepare_cached("DELETE FROM agreed WHERE contact = ?1 AND field = ?2")?
                .execute(params![row.contact, row.field])?,
        };
    }
    for row in &memory.lost {
        db.prepare_cached("INSERT OR IGNORE INTO agreed VALUES(?1, ?2, ?3)")?
            .execute(params![row.contact, row.field, row.value])?;
    }
    Ok(())
}

/// Closes what is no conflict any more of the parties that the pass looked at, and clears their debts. Only the few that have
/// either are touched.
fn settle(db: &Connection, memory: &Memory<'_>) -> Result<(), StateError> {
    // What sides said in a conflict stays on record when it is settled, and when one says something else: it may be
    // nowhere else any more.
    const SETTLED: &str = "contact = ?1 AND id NOT IN (SELECT value FROM json_each(?2))";
    let mut held =
        db.prepare_cached("SELECT contact FROM conflicts UNION SELECT contact FROM debts")?;
    let held = held.query_map([], |row| row.get(0))?;
    let held: BTreeSet<String> = held.collect::<Result<_, _>>()?;
    if held.is_empty() {
        return Ok(());
    }
    let mut open: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for conflict in memory.conflicts.iter() {
        let of_party = open.entry(&conflict.contact).or_default();
        of_party.push(conflict.id());
    }
    let record = format!(
        "INSERT INTO settled SELECT id, contact, field, body, opened_pass, opened_at, decided_value, ?3 \
         FROM conflicts WHERE {SETTLED}"
    );
    let close = format!("DELETE FROM conflicts WHERE {SETTLED}");
    for contact in memory
        .parties
        .iter()
        .filter(|contact| held.contains(*contact))
    {
        let ids = open.get(contact.as_str()).map(Vec::as_slice);
        let ids = serde_json::to_string(ids.unwrap_or_default())?;
        db.prepare_cached(&record)?
            .execute(params![contact, ids, memory.pass as i64])?;
        db.prepare_cached(&close)?.execute(params![contact, ids])?;
        db.prepare_cached("DELETE FROM debts WHERE contact = ?1")?
            .execute([contact])?;
    }
    Ok(())
}

/// Keeps open conflicts; a decision stands as long as what it was about.
fn hold(db: &Connection, memory: &Memory<'_>) -> Result<(), StateError> {
    let pass = memory.pass as i64;
    for conflict in memory.conflicts.iter() {
        let mut replace = db.prepare_cached(
            "INSERT INTO settled SELECT id, contact, field, body, opened_pass, opened_at, decided_value, ?3 \
             FROM conflicts WHERE id = ?1 AND print <> ?2",
        )?;
        replace.execute(params![conflict.id(), conflict.print(), pass])?;
        let mut hold = db.prepare_cached(
            "INSERT INTO conflicts(id, contact, field, print, body, opened_pass, opened_at) VALUES(?1,?2,?3,?4,?5,?6,?7) \
             ON CONFLICT(id) DO UPDATE SET body = excluded.body, print = excluded.print, \
             decided_value = CASE WHEN decided_print = excluded.print THEN decided_value END",
        )?;
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
    Ok(())
}

fn owe(db: &Connection, debts: &[Debt]) -> Result<(), StateError> {
    for debt in debts {
        db.prepare_cached("INSERT OR REPLACE INTO debts VALUES(?1,?2,?3,?4,?5)")?
            .execute(params![
                debt.contact,
                debt.table,
                debt.no,
                debt.column,
                debt.reason
            ])?;
    }
    Ok(())
}

/// The problems are those of this pass; one that stays keeps when it was first met, and whether it was accepted.
fn trouble(db: &Connection, memory: &Memory<'_>) -> Result<(), StateError> {
    let ids: Vec<String> = memory.problems.iter().map(Problem::id).collect();
    db.prepare_cached("DELETE FROM problems WHERE id NOT IN (SELECT value FROM json_each(?1))")?
        .execute([serde_json::to_string(&ids)?])?;
    for (problem, id) in memory.problems.iter().zip(&ids) {
        let mut trouble = db.prepare_cached(
            "INSERT INTO problems(id, table_name, body, first_pass) VALUES(?1,?2,?3,?4) \
             ON CONFLICT(id) DO UPDATE SET body = excluded.body WHERE body <> excluded.body",
        )?;
        trouble.execute(params![
            id,
            problem.place.table,
            serde_json::to_string(problem)?,
            memory.pass as i64
        ])?;
    }
    Ok(())
}

fn go_and_come(db: &Connection, memory: &Memory<'_>) -> Result<(), StateError> {
    for row in &memory.gone {
        db.prepare_cached("INSERT OR REPLACE INTO gone VALUES(?1, ?2, ?3)")?
            .execute(params![row.table, row.no, memory.pass as i64])?;
    }
    for row in &memory.returned {
        db.prepare_cached("DELETE FROM gone WHERE table_name = ?1 AND no = ?2")?
            .execute(params![row.table, row.no])?;
    }
    Ok(())
}

fn note_events(db: &Connection, memory: &Memory<'_>) -> Result<(), StateError> {
    for [a, b] in &memory.events {
        db.prepare_cached("INSERT OR IGNORE INTO events VALUES(?1, ?2)")?
            .execute([*a as i64, *b as i64])?;
    }
    if let Some(read) = &memory.events_read {
        let read = serde_json::to_string(read)?;
        db.prepare_cached("INSERT OR REPLACE INTO meta VALUES('events_read', ?1)")?
            .execute([read])?;
    }
    Ok(())
}

/// Keeps documents; those that wait for a counterpart are open.
fn keep_documents(db: &Connection, documents: &[Document]) -> Result<(), StateError> {
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
        let keep = "INSERT OR REPLACE INTO documents VALUES(?1, ?2, ?3, ?4, ?5)";
        db.prepare_cached(keep)?.execute(params![
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
    let last: i64 = db.prepare_cached(query)?.query_row([], |row| row.get(0))?;
    if last > 0 {
        return Ok(last as u64);
    }
    // A fresh state continues after the last number of the log's own file.
    let query = "SELECT value FROM meta WHERE name = 'log_continues_after'";
    let after: Option<String> = db
        .prepare_cached(query)?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(after.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Numbers the interactions of a pass after the entry `last`, and keeps them. What the pass itself says has its time.
fn log(db: &Connection, memory: &Memory<'_>, last: u64) -> Result<(), StateError> {
    if memory.interactions.is_empty() {
        return Ok(());
    }
    let mut change =
        db.prepare_cached("UPDATE interactions SET is_current = 0 WHERE known_as = ?1")?;
    let mut keep = db.prepare_cached(
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
    db.prepare_cached("UPDATE history SET no = ?1 WHERE table_name = ?2 AND no = ?3")?
        .execute(values)?;
    db.prepare_cached("UPDATE OR REPLACE sent SET no = ?1 WHERE table_name = ?2 AND no = ?3")?
        .execute(values)?;
    if row.table == "contacts" {
        for table in ["sent", "agreed", "conflicts", "debts"] {
            let update = format!("UPDATE OR REPLACE {table} SET contact = ?1 WHERE contact = ?2");
            db.prepare_cached(&update)?.execute([&row.to, &row.from])?;
        }
    }
    rename_in_quotes(db, row)
}

/// Quotes name a record by the number that it has now: an order that is made from one later is of that record.
fn rename_in_quotes(db: &Connection, row: &RenamedRow) -> Result<(), StateError> {
    let naming = match Table::named(&row.table) {
        Some(Table::Contacts) => "Contact No.".to_owned(),
        Some(Table::Counterparts(kind)) => format!("{} No.", kind.def().caption),
        _ => return Ok(()),
    };
    let mut quotes = db.prepare_cached("SELECT body FROM documents WHERE instr(body, ?1)")?;
    let quotes = quotes.query_map([&row.from], |row| row.get(0))?;
    let quotes: Vec<String> = quotes.collect::<Result<_, _>>()?;
    let mut renamed: Vec<Document> = Vec::new();
    for quote in quotes {
        let mut quote: Document = serde_json::from_str(&quote)?;
        if !quote.kind.def().is_quote || !quote.ordered_as.is_empty() {
            continue;
        }
        for (field, no) in &mut quote.header {
            if field.ends_with(&naming) && *no == row.from {
                row.to.clone_into(no);
            }
        }
        renamed.push(quote);
    }
    keep_documents(db, &renamed)
}

fn mark(db: &Connection, memory: &Memory<'_>) -> Result<(), StateError> {
    for row in &memory.unmarked {
        db.prepare_cached("DELETE FROM marks WHERE mark = ?1 AND table_name = ?2 AND no = ?3")?
            .execute(params![row.mark.word(), row.table, row.no])?;
    }
    let pass = memory.pass as i64;
    let mark = |mark: Mark, table: &str, no: &str, body: &str| -> Result<(), StateError> {
        db.prepare_cached("INSERT OR REPLACE INTO marks VALUES(?1, ?2, ?3, ?4, ?5)")?
            .execute(params![mark.word(), table, no, body, pass])?;
        Ok(())
    };
    for row in memory.created.iter().filter(|row| row.in_flight) {
        mark(
            Mark::Created,
            &row.table,
            &row.no,
            &serde_json::to_string(row)?,
        )?;
    }
    for row in &memory.marked {
        mark(row.mark, &row.table, &row.no, &row.body)?;
    }
    for row in &memory.history {
        db.prepare_cached("INSERT INTO history VALUES(?1, ?2, ?3, ?4, ?5)")?
            .execute(params![pass, row.table, row.no, row.event, row.reason])?;
    }
    for (series, last) in &memory.numbered {
        db.prepare_cached("INSERT OR REPLACE INTO numbers VALUES(?1, ?2)")?
            .execute([series, last])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use crate::merge::Plan;
    use crate::model::document::DocumentKind;
    use crate::state::memory::{AgreedRow, AnswerRow, TableMemory};
    use crate::state::store::new_store;

    /// Remembers a pass of which only this is known.
    fn remember(store: &mut Store, memory: Memory<'_>) {
        let pass = store.last_pass().expect("a pass") + 1;
        let memory = Memory { pass, ..memory };
        store
            .remember(&RealDisk, &memory, "later")
            .expect("remembered");
    }

    #[test]
    fn what_is_agreed_moves_with_the_number_of_a_contact_and_of_nobody_else() {
        let (_folder, mut store) = new_store();
        let row = |value: &str| AgreedRow {
            contact: "X1".to_owned(),
            field: "City".to_owned(),
            value: Some(value.to_owned()),
        };
        let renamed = |table: &str| RenamedRow {
            table: table.to_owned(),
            from: "X1".to_owned(),
            to: "X2".to_owned(),
        };
        remember(
            &mut store,
            Memory {
                agreed: vec![row("Rome")],
                ..Memory::default()
            },
        );
        for (table, holder) in [("vendors", "X1"), ("contacts", "X2")] {
            let memory = Memory {
                renamed: vec![renamed(table)],
                ..Memory::default()
            };
            remember(&mut store, memory);
            let all = store.all_agreed().expect("what is agreed");
            assert_eq!(all.keys().collect::<Vec<_>>(), [holder], "{table}");
        }
    }

    #[test]
    fn a_quote_is_open_while_it_is_of_no_counterpart_or_paid_by_none_and_nothing_was_ordered() {
        let (_folder, mut store) = new_store();
        let document = |kind: &str, no: &str, sell_to: &str, bill_to: &str, ordered_as: &str| {
            let header = [
                ("Sell-to Customer No.", sell_to),
                ("Bill-to Customer No.", bill_to),
            ];
            let header = header.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Document {
                kind: DocumentKind::named(kind).expect(kind),
                no: no.to_owned(),
                version: 1,
                ordered_as: ordered_as.to_owned(),
                header: header.to_vec(),
                lines: Vec::new(),
            }
        };
        let documents = vec![
            document("sales-quote", "Q1", "", "", ""),
            document("sales-quote", "Q2", "K1", "", ""),
            document("sales-quote", "Q3", "", "K1", ""),
            document("sales-quote", "Q4", "K1", "K1", ""),
            document("sales-quote", "Q5", "", "", "O1"),
            document("sales-order", "O1", "", "", ""),
        ];
        let memory = Memory {
            documents,
            ..Memory::default()
        };
        remember(&mut store, memory);
        let open = store.open_quotes().expect("quotes").into_iter();
        let numbers: Vec<String> = open.map(|quote| quote.no).collect();
        assert_eq!(numbers, ["Q1", "Q2", "Q3"]);
    }

    #[test]
    fn an_open_quote_names_who_got_another_number_by_it_and_nothing_else_does() {
        let document =
            |kind: &str, no: &str, ordered_as: &str, header: [(&str, &str); 3]| Document {
                kind: DocumentKind::named(kind).expect(kind),
                no: no.to_owned(),
                version: 1,
                ordered_as: ordered_as.to_owned(),
                header: header
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .to_vec(),
                lines: Vec::new(),
            };
        let naming = |contact: &'static str, customer: &'static str| {
            [
                ("Sell-to Contact No.", contact),
                ("Sell-to Customer No.", customer),
                ("Your Reference", "X1"),
            ]
        };
        let renamed = |table: &str| RenamedRow {
            table: table.to_owned(),
            from: "X1".to_owned(),
            to: "X2".to_owned(),
        };
        for (table, expected) in [
            ("contacts", naming("X2", "X1")),
            ("customers", naming("X1", "X2")),
            ("vendors", naming("X1", "X1")),
        ] {
            let (_folder, mut store) = new_store();
            let documents = vec![
                document("sales-quote", "Q1", "", naming("X1", "X1")),
                document("sales-quote", "Q2", "O1", naming("X1", "X1")),
                document("sales-order", "O1", "", naming("X1", "X1")),
                document("sales-quote", "Q3", "", naming("X11", "X11")),
            ];
            remember(
                &mut store,
                Memory {
                    documents,
                    ..Memory::default()
                },
            );
            remember(
                &mut store,
                Memory {
                    renamed: vec![renamed(table)],
                    ..Memory::default()
                },
            );
            let named = |kind: &str, no: &str| {
                let kind = DocumentKind::named(kind).expect(kind);
                store.document(kind, no).expect("a state").expect(no)
            };
            assert_eq!(
                named("sales-quote", "Q1"),
                document("sales-quote", "Q1", "", expected),
                "{table}"
            );
            for (kind, no, ordered_as) in [("sales-quote", "Q2", "O1"), ("sales-order", "O1", "")] {
                let as_it_was = document(kind, no, ordered_as, naming("X1", "X1"));
                assert_eq!(named(kind, no), as_it_was, "{table}");
            }
            let other = document("sales-quote", "Q3", "", naming("X11", "X11"));
            assert_eq!(named("sales-quote", "Q3"), other, "{table}");
        }
    }

    #[test]
    fn a_halt_ends_with_any_pass_that_is_remembered_and_with_the_halt_of_another_plan() {
        let with_tables = Memory {
            tables: vec![TableMemory::default()],
            ..Memory::default()
        };
        for memory in [Memory::default(), with_tables] {
            let (_folder, mut store) = new_store();
            let first = store.keep_halt(&Plan::default(), "now").expect("halted");
            assert!(store.approve(&first, "now").expect("approved"));
            let other = Plan {
                after_pass: 1,
                ..Plan::default()
            };
            let second = store.keep_halt(&other, "then").expect("halted");
            let halts = store.halts().expect("halts");
            assert_eq!(
                halts.iter().map(|halt| &halt.id).collect::<Vec<_>>(),
                [&second]
            );
            assert!(!store.approve(&first, "then").expect("it is void"));
            remember(&mut store, memory);
            assert!(store.halts().expect("halts").is_empty());
        }
    }

    /// Remembers passes of which only this is known, each after so many exports of the customers; how many values written for one
    /// are known after each.
    fn known_after(passes: Vec<(Memory<'static>, u64)>) -> Vec<usize> {
        let (_folder, mut store) = new_store();
        let known = passes.into_iter().map(|(memory, exports)| {
            let table = TableMemory {
                table: "customers".to_owned(),
                exports,
                ..TableMemory::default()
            };
            let tables = vec![table];
            remember(&mut store, Memory { tables, ..memory });
            let known = store.sent("customers", "K1", exports);
            known.expect("values").len()
        });
        known.collect()
    }

    fn written(field: &str, carried: bool) -> Memory<'static> {
        let sent = SentRow {
            table: "customers".to_owned(),
            no: "K1".to_owned(),
            contact: "C1".to_owned(),
            field: field.to_owned(),
            value: "Rome".to_owned(),
            export: 1,
            carried,
        };
        Memory {
            sent: vec![sent],
            ..Memory::default()
        }
    }

    fn answered(imported: usize) -> Memory<'static> {
        let answer = AnswerRow {
            table: "customers".to_owned(),
            no: "K1".to_owned(),
            field: "City".to_owned(),
            count: 1,
            imported,
            export: 2,
        };
        Memory {
            answers: vec![answer],
            ..Memory::default()
        }
    }

    #[test]
    fn an_answered_value_is_forgotten_once_no_late_import_can_bring_it_back() {
        let known = known_after(vec![
            (written("City", false), 1),
            (answered(1), 2),
            (Memory::default(), 2 + ECHO_EXPORTS),
            (Memory::default(), 3 + ECHO_EXPORTS),
        ]);
        assert_eq!(known, [1, 1, 1, 0]);
    }

    #[test]
    fn what_an_update_carried_along_is_forgotten_with_it_and_not_before() {
        let known = |imported| {
            known_after(vec![
                (written("City", false), 1),
                (written("Name", true), 1),
                (answered(imported), 2),
                (Memory::default(), 3 + ECHO_EXPORTS),
            ])
        };
        assert_eq!(known(1), [1, 2, 2, 0]);
        assert_eq!(known(0), [1, 2, 2, 2]);
    }
}
