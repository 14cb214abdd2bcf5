//! The decisions behind cells that passes wrote, kept for ever and seldom asked for: they lie in blocks, as arrays that repeat no
//! names, and each block says by prints which records it concerns. So keeping them costs a pass the same however many there are;
//! who asks looks through the prints. The view `decisions` shows them row by row.

use std::borrow::Cow;

use rusqlite::types::FromSqlResult;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::merge::Rule;
use crate::merge::plan::{Change, Origin};
use crate::model::Side;

use super::error::StateError;
use super::queries::Decision;
use super::store::Store;

/// Enough that a block is read and parsed at once, and few enough that one is quickly looked through.
const PER_BLOCK: usize = 256;

/// A change as an array; files by their places in the block's list.
#[derive(Serialize, Deserialize)]
struct Packed<'c>(
    /// Contact.
    #[serde(borrow)]
    Cow<'c, str>,
    /// Table.
    #[serde(borrow)]
    Cow<'c, str>,
    /// Number.
    #[serde(borrow)]
    Cow<'c, str>,
    /// Column.
    #[serde(borrow)]
    Cow<'c, str>,
    /// What stood there.
    #[serde(borrow)]
    Cow<'c, str>,
    /// What was written.
    #[serde(borrow)]
    Cow<'c, str>,
    Rule,
    #[serde(borrow)] Vec<Brought<'c>>,
    /// File and line.
    usize,
    u64,
);

/// A record that brought a value: side, number, file and line.
#[derive(Serialize, Deserialize)]
struct Brought<'c>(Side, #[serde(borrow)] Cow<'c, str>, usize, u64);

fn place<'c>(files: &mut Vec<&'c str>, file: &'c str) -> usize {
    match files.iter().position(|known| *known == file) {
        Some(at) => at,
        None => {
            files.push(file);
            files.len() - 1
        }
    }
}

fn pack<'c>(change: &'c Change, files: &mut Vec<&'c str>) -> Packed<'c> {
    let mut brought = |origin: &'c Origin| {
        let file = place(files, &origin.file);
        Brought(origin.side, Cow::Borrowed(&origin.no), file, origin.line)
    };
    let because = change.because.iter().map(&mut brought).collect();
    Packed(
        Cow::Borrowed(&change.contact),
        Cow::Borrowed(&change.table),
        Cow::Borrowed(&change.no),
        Cow::Borrowed(&change.column),
        Cow::Borrowed(&change.from),
        Cow::Borrowed(&change.to),
        change.rule,
        because,
        place(files, &change.file),
        change.line,
    )
}

fn unpack(packed: Packed<'_>, files: &[String]) -> Change {
    let Packed(contact, table, no, column, from, to, rule, because, file, line) = packed;
    let file_at = |at: usize| files.get(at).cloned().unwrap_or_default();
    let origin = |Brought(side, no, file, line): Brought<'_>| Origin {
        side,
        no: no.into_owned(),
        file: file_at(file),
        line,
    };
    Change {
        contact: contact.into_owned(),
        table: table.into_owned(),
        no: no.into_owned(),
        column: column.into_owned(),
        from: from.into_owned(),
        to: to.into_owned(),
        rule,
        because: because.into_iter().map(origin).collect(),
        file: file_at(file),
        line,
    }
}

/// Two records may share a print: the block is opened then, and does not know the other one.
fn print(table: &str, no: &str) -> u32 {
    xxhash_rust::xxh3::xxh3_64(format!("{table}\u{1f}{no}").as_bytes()) as u32
}

fn prints(changes: &[Change]) -> Vec<u8> {
    let mut prints: Vec<u32> = Vec::with_capacity(changes.len());
    for (at, change) in changes.iter().enumerate() {
        // The cells of a record stand together.
        let is_of_last = |last: &Change| (&last.no, &last.table) == (&change.no, &change.table);
        if !at
            .checked_sub(1)
            .is_some_and(|last| is_of_last(&changes[last]))
        {
            prints.push(print(&change.table, &change.no));
        }
    }
    prints.into_iter().flat_map(u32::to_le_bytes).collect()
}

fn names(prints: &[u8], print: u32) -> bool {
    let (prints, _) = prints.as_chunks();
    prints.contains(&print.to_le_bytes())
}

/// Keeps the decisions of a pass.
pub(super) fn keep(db: &Connection, pass: u64, changes: &[Change]) -> Result<(), StateError> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut block =
        db.prepare_cached("INSERT INTO decision_blocks(pass, prints) VALUES(?1, ?2)")?;
    let mut body = db.prepare_cached("INSERT INTO decision_bodies VALUES(?1, ?2, ?3)")?;
    for changes in changes.chunks(PER_BLOCK) {
        let mut files = Vec::new();
        let packed: Vec<Packed<'_>> = changes
            .iter()
            .map(|change| pack(change, &mut files))
            .collect();
        let packed = serde_json::to_string(&packed)?;
        let id = block.insert(params![pass as i64, prints(changes)])?;
        body.execute(params![id, serde_json::to_string(&files)?, packed])?;
    }
    Ok(())
}

/// Takes back what was kept of a pass that is not done yet.
pub(super) fn take_back(db: &Connection, pass: u64) -> Result<(), StateError> {
    let of_pass = "SELECT id FROM decision_blocks WHERE pass = ?1";
    let bodies = format!("DELETE FROM decision_bodies WHERE id IN ({of_pass})");
    db.prepare_cached(&bodies)?.execute([pass as i64])?;
    let blocks = "DELETE FROM decision_blocks WHERE pass = ?1";
    db.prepare_cached(blocks)?.execute([pass as i64])?;
    Ok(())
}

/// What was kept of a pass, in its order.
pub(super) fn of_pass(db: &Connection, pass: u64) -> Result<Vec<Change>, StateError> {
    let mut changes = Vec::new();
    each_of_pass(db, pass, &mut |packed, files| {
        changes.push(unpack(packed, files));
    })?;
    Ok(changes)
}

fn each_of_pass(
    db: &Connection,
    pass: u64,
    each: &mut dyn FnMut(Packed<'_>, &[String]),
) -> Result<(), StateError> {
    let mut query = db.prepare_cached(
        "SELECT files, body FROM decision_blocks JOIN decision_bodies USING(id) WHERE pass = ?1 ORDER BY id",
    )?;
    let mut rows = query.query([pass as i64])?;
    while let Some(row) = rows.next()? {
        open(row.get_ref(0)?.as_str(), row.get_ref(1)?.as_str(), each)?;
    }
    Ok(())
}

fn open(
    files: FromSqlResult<&str>,
    body: FromSqlResult<&str>,
    each: &mut dyn FnMut(Packed<'_>, &[String]),
) -> Result<(), StateError> {
    let (files, body) = (
        files.map_err(rusqlite::Error::from)?,
        body.map_err(rusqlite::Error::from)?,
    );
    let files: Vec<String> = serde_json::from_str(files)?;
    let packed: Vec<Packed<'_>> = serde_json::from_str(body)?;
    for packed in packed {
        each(packed, &files);
    }
    Ok(())
}

impl Store {
    /// The decisions behind the values of a record, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn decisions(
        &self,
        table: &str,
        no: &str,
        column: Option<&str>,
    ) -> Result<Vec<Decision>, StateError> {
        let print = print(table, no);
        let mut blocks = self.db.prepare_cached(
            "SELECT decision_blocks.id, prints, pass, started FROM decision_blocks LEFT JOIN passes USING(pass) \
             ORDER BY decision_blocks.id DESC",
        )?;
        let mut bodies = self
            .db
            .prepare_cached("SELECT files, body FROM decision_bodies WHERE id = ?1")?;
        let mut decisions = Vec::new();
        let mut rows = blocks.query([])?;
        while let Some(row) = rows.next()? {
            let prints = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            if !names(prints, print) {
                continue;
            }
            let pass = row.get::<_, i64>(2)? as u64;
            let at: String = row.get::<_, Option<_>>(3)?.unwrap_or_default();
            let of_block = decisions.len();
            let mut body = bodies.query([row.get::<_, i64>(0)?])?;
            if let Some(body) = body.next()? {
                let (files, body) = (body.get_ref(0)?.as_str(), body.get_ref(1)?.as_str());
                open(files, body, &mut |packed, files| {
                    let is_it = packed.1 == table
                        && packed.2 == no
                        && column.is_none_or(|column| packed.3 == column);
                    if is_it {
                        decisions.push(decision(pass, &at, unpack(packed, files)));
                    }
                })?;
            }
            decisions[of_block..].reverse();
        }
        Ok(decisions)
    }

    /// Cells that a pass wrote in a table: number, column, before, after. Stamps are no word of anybody.
    ///
    /// # Errors
    /// Those of the database.
    pub fn written(
        &self,
        table: &str,
        pass: u64,
        each: &mut dyn FnMut(&str, &str, &str, &str),
    ) -> Result<(), StateError> {
        each_of_pass(&self.db, pass, &mut |packed, _| {
            if packed.1 == table && packed.6 != Rule::Stamped {
                each(&packed.2, &packed.3, &packed.4, &packed.5);
            }
        })
    }
}

fn decision(pass: u64, at: &str, change: Change) -> Decision {
    Decision {
        pass,
        at: at.to_owned(),
        contact: change.contact,
        column: change.column,
        from: change.from,
        to: change.to,
        rule: change.rule,
        because: change.because,
        file: change.file,
        line: change.line,
    }
}

/// Puts the decisions of a state in which each was a row into blocks.
pub(super) fn into_blocks(db: &Connection) -> Result<(), StateError> {
    db.execute_batch(
        "ALTER TABLE decisions RENAME TO decision_rows;
CREATE TABLE decision_blocks(id INTEGER PRIMARY KEY, pass INTEGER NOT NULL, prints BLOB NOT NULL);
CREATE INDEX decision_blocks_pass ON decision_blocks(pass);
CREATE TABLE decision_bodies(id INTEGER PRIMARY KEY, files TEXT NOT NULL, body TEXT NOT NULL);
CREATE VIEW decisions AS SELECT pass, cell.value ->> 0 AS contact, cell.value ->> 1 AS table_name, cell.value ->> 2 AS no,
  cell.value ->> 3 AS field, cell.value ->> 4 AS from_value, cell.value ->> 5 AS to_value, cell.value ->> 6 AS rule,
  cell.value -> 7 AS because, files ->> (cell.value ->> 8) AS file, cell.value ->> 9 AS line, files
  FROM decision_blocks JOIN decision_bodies USING(id), json_each(body) AS cell;",
    )?;
    let mut query = db.prepare(
        "SELECT pass, contact, table_name, no, field, from_value, to_value, rule, because, file, line FROM decision_rows \
         ORDER BY id",
    )?;
    let mut rows = query.query([])?;
    let (mut of_pass, mut changes) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        let pass = row.get::<_, i64>(0)? as u64;
        if pass != of_pass || changes.len() == PER_BLOCK {
            keep(db, of_pass, &changes)?;
            changes.clear();
        }
        of_pass = pass;
        changes.push(Change {
            contact: row.get(1)?,
            table: row.get(2)?,
            no: row.get(3)?,
            column: row.get(4)?,
            from: row.get(5)?,
            to: row.get(6)?,
            rule: serde_json::from_str(&row.get::<_, String>(7)?)?,
            because: serde_json::from_str(&row.get::<_, String>(8)?)?,
            file: row.get(9)?,
            line: row.get::<_, i64>(10)? as u64,
        });
    }
    keep(db, of_pass, &changes)?;
    drop(rows);
    drop(query);
    Ok(db.execute_batch("DROP TABLE decision_rows")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    fn change(at: usize) -> Change {
        let origin = |side, no: &str| Origin {
            side,
            no: no.to_owned(),
            file: "in/vendors.csv".to_owned(),
            line: 7,
        };
        // Several cells a record, records of several tables, values that JSON escapes.
        let record = at / 3;
        Change {
            contact: format!("CT{:04}", record / 2),
            table: ["contacts", "customers"][record % 2].to_owned(),
            no: format!("N{:04}", record / 2),
            column: format!("Column {}", at % 3),
            from: String::new(),
            to: format!("a \"quoted\"\nvalue {at}"),
            rule: match at % 5 {
                0 => Rule::Stamped,
                _ => Rule::Moved,
            },
            because: match at % 2 {
                0 => Vec::new(),
                _ => vec![
                    origin(Side::Contact, "1"),
                    origin(Side::Counterpart(Kind(1)), "2"),
                ],
            },
            file: format!("in/{}.csv", record % 2),
            line: at as u64,
        }
    }

    fn store_with(changes: &[Change]) -> Store {
        let store = Store::in_memory("nowhere".as_ref()).expect("a state");
        keep(&store.db, 3, changes).expect("kept");
        store
    }

    #[test]
    fn decisions_in_blocks_say_what_the_changes_said() {
        let changes: Vec<Change> = (0..3 * PER_BLOCK + 5).map(change).collect();
        let store = store_with(&changes);
        assert_eq!(of_pass(&store.db, 3).expect("changes"), changes);
        assert!(of_pass(&store.db, 2).expect("none").is_empty());
        for table in ["contacts", "customers"] {
            let mut written = Vec::new();
            let mut each = |no: &str, column: &str, from: &str, to: &str| {
                written.push([no, column, from, to].map(str::to_owned));
            };
            store.written(table, 3, &mut each).expect("cells");
            let wanted = changes.iter().filter(|change| change.table == table);
            let wanted = wanted.filter(|change| change.rule != Rule::Stamped);
            let wanted = wanted.map(|change| {
                let Change {
                    no,
                    column,
                    from,
                    to,
                    ..
                } = change;
                [no, column, from, to].map(String::clone)
            });
            assert_eq!(written, wanted.collect::<Vec<_>>());
        }
    }

    #[test]
    fn each_record_is_found_in_its_blocks_and_its_newest_decision_comes_first() {
        let changes: Vec<Change> = (0..2 * PER_BLOCK + 1).map(change).collect();
        let store = store_with(&changes);
        keep(&store.db, 4, &changes[..PER_BLOCK]).expect("kept");
        let both = [(4, &changes[..PER_BLOCK]), (3, &changes[..])];
        for one in &changes {
            for column in [None, Some("Column 1")] {
                let mut wanted = Vec::new();
                for (pass, changes) in both {
                    let of_it = changes.iter().rev().filter(|change| {
                        (&change.table, &change.no) == (&one.table, &one.no)
                            && column.is_none_or(|column| change.column == column)
                    });
                    wanted.extend(of_it.map(|change| decision(pass, "", change.clone())));
                }
                let found = store.decisions(&one.table, &one.no, column);
                assert_eq!(found.expect("decisions"), wanted);
            }
        }
        let nobody = store.decisions("vendors", &changes[0].no, None);
        assert!(nobody.expect("none").is_empty());
    }

    #[test]
    fn what_is_taken_back_leaves_the_other_passes() {
        let changes: Vec<Change> = (0..10).map(change).collect();
        let store = store_with(&changes);
        keep(&store.db, 4, &changes).expect("kept");
        take_back(&store.db, 4).expect("taken back");
        assert!(of_pass(&store.db, 4).expect("none").is_empty());
        assert_eq!(of_pass(&store.db, 3).expect("changes"), changes);
    }

    #[test]
    fn the_view_shows_each_decision_as_a_row() {
        let changes: Vec<Change> = (0..=PER_BLOCK).map(change).collect();
        let store = store_with(&changes);
        let query = "SELECT contact, table_name, no, field, from_value, to_value, file, line FROM decisions WHERE pass = 3";
        let mut query = store.db.prepare(query).expect("a query");
        let rows = query.query_map([], |row| {
            Ok(Change {
                contact: row.get(0)?,
                table: row.get(1)?,
                no: row.get(2)?,
                column: row.get(3)?,
                from: row.get(4)?,
                to: row.get(5)?,
                rule: Rule::Moved,
                because: Vec::new(),
                file: row.get(6)?,
                line: row.get::<_, i64>(7)? as u64,
            })
        });
        let rows: Result<Vec<Change>, _> = rows.expect("rows").collect();
        let wanted = changes.into_iter().map(|change| Change {
            rule: Rule::Moved,
            because: Vec::new(),
            ..change
        });
        assert_eq!(rows.expect("rows"), wanted.collect::<Vec<_>>());
    }
}
