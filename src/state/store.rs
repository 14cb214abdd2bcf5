//! The database: one SQLite file that other commands can read while a pass runs and that standard tools can open.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use crate::disk::{Disk, create_own_folder, for_us_alone, may_read, owner_of};
use crate::merge::plan::Conflict;
use crate::model::Problem;

use super::decisions;
use super::error::StateError;
use super::index::Index;
use super::names::{name_of, path_of};
use super::rows::rows_path;

/// The state of one configuration.
pub struct Store {
    pub(super) db: Connection,
    folder: PathBuf,
}

/// Version of the state that this program writes. Older ones are migrated, newer ones refused.
pub const STATE_VERSION: u32 = MIGRATIONS.len() as u32;

/// What makes a state of one version a state of the next.
enum Migration {
    Sql(&'static str),
    Program(fn(&Connection) -> Result<(), StateError>),
}

impl Migration {
    fn run(&self, db: &Connection) -> Result<(), StateError> {
        match self {
            Migration::Sql(text) => Ok(db.execute_batch(text)?),
            Migration::Program(program) => program(db),
        }
    }
}

/// What each version added, oldest first: a state of version N has run the first N.
const MIGRATIONS: &[Migration] = &[
    Migration::Sql("
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tables(
  name TEXT PRIMARY KEY, file TEXT NOT NULL, digest TEXT NOT NULL, sequence INTEGER, shape TEXT NOT NULL,
  settings TEXT NOT NULL, records INTEGER NOT NULL, exports INTEGER NOT NULL, generation INTEGER NOT NULL,
  rows_epoch INTEGER NOT NULL, rows_length INTEGER NOT NULL, rows_count INTEGER NOT NULL, ends_with_newline INTEGER NOT NULL,
  written_pass INTEGER, pass INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sent(
  table_name TEXT NOT NULL, no TEXT NOT NULL, field TEXT NOT NULL, seq INTEGER NOT NULL, contact TEXT NOT NULL,
  value TEXT NOT NULL, pass INTEGER NOT NULL, export INTEGER NOT NULL, acknowledged_export INTEGER,
  PRIMARY KEY(table_name, no, field, seq)) WITHOUT ROWID;
CREATE INDEX sent_contact ON sent(contact);
CREATE TABLE agreed(contact TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(contact, field))
  WITHOUT ROWID;
CREATE TABLE conflicts(
  id TEXT PRIMARY KEY, contact TEXT NOT NULL, field TEXT NOT NULL, print TEXT NOT NULL, body TEXT NOT NULL,
  opened_pass INTEGER NOT NULL, opened_at TEXT NOT NULL, decided_value TEXT, decided_print TEXT, decided_at TEXT)
  WITHOUT ROWID;
CREATE INDEX conflicts_contact ON conflicts(contact);
CREATE TABLE settled(
  id TEXT NOT NULL, contact TEXT NOT NULL, field TEXT NOT NULL, body TEXT NOT NULL, opened_pass INTEGER NOT NULL,
  opened_at TEXT NOT NULL, decided_value TEXT, settled_pass INTEGER NOT NULL);
CREATE INDEX settled_contact ON settled(contact);
CREATE TABLE debts(contact TEXT NOT NULL, table_name TEXT NOT NULL, no TEXT NOT NULL, field TEXT NOT NULL,
  reason TEXT NOT NULL, PRIMARY KEY(contact, table_name, no, field)) WITHOUT ROWID;
CREATE TABLE decisions(
  id INTEGER PRIMARY KEY, pass INTEGER NOT NULL, contact TEXT NOT NULL, table_name TEXT NOT NULL, no TEXT NOT NULL,
  field TEXT NOT NULL, from_value TEXT NOT NULL, to_value TEXT NOT NULL, rule TEXT NOT NULL, because TEXT NOT NULL,
  file TEXT NOT NULL, line INTEGER NOT NULL);
CREATE INDEX decisions_record ON decisions(table_name, no, field);
CREATE INDEX decisions_pass ON decisions(pass, table_name);
CREATE TABLE interactions(
  entry_no INTEGER PRIMARY KEY, pass INTEGER NOT NULL, contact_no TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX interactions_contact ON interactions(contact_no);
CREATE TABLE passes(
  pass INTEGER PRIMARY KEY, started TEXT NOT NULL, finished TEXT NOT NULL, cells INTEGER NOT NULL,
  interactions INTEGER NOT NULL, conflicts INTEGER NOT NULL, problems INTEGER NOT NULL);
CREATE TABLE problems(
  id TEXT PRIMARY KEY, table_name TEXT NOT NULL, body TEXT NOT NULL, first_pass INTEGER NOT NULL,
  accepted INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE halts(
  id TEXT PRIMARY KEY, digest TEXT NOT NULL, plan TEXT NOT NULL, at TEXT NOT NULL, approved_at TEXT) WITHOUT ROWID;
CREATE TABLE gone(table_name TEXT NOT NULL, no TEXT NOT NULL, pass INTEGER NOT NULL, PRIMARY KEY(table_name, no))
  WITHOUT ROWID;
CREATE TABLE journal(one INTEGER PRIMARY KEY CHECK(one = 1), phase TEXT NOT NULL, targets TEXT NOT NULL, memory BLOB);
"),
    Migration::Sql("
CREATE TABLE marks(mark TEXT NOT NULL, table_name TEXT NOT NULL, no TEXT NOT NULL, body TEXT NOT NULL,
  pass INTEGER NOT NULL, PRIMARY KEY(mark, table_name, no)) WITHOUT ROWID;
CREATE TABLE history(pass INTEGER NOT NULL, table_name TEXT NOT NULL, no TEXT NOT NULL, event TEXT NOT NULL,
  reason TEXT NOT NULL);
CREATE INDEX history_record ON history(table_name, no);
CREATE TABLE numbers(series TEXT PRIMARY KEY, last TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE logged_numbers(no TEXT PRIMARY KEY) WITHOUT ROWID;
"),
    Migration::Sql("
CREATE TABLE drops(
  id INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL, inbox TEXT NOT NULL, name TEXT NOT NULL, sequence INTEGER,
  is_part INTEGER NOT NULL, claimed_at TEXT NOT NULL, pass INTEGER, receipt TEXT, published INTEGER NOT NULL);
CREATE INDEX drops_open ON drops(id) WHERE published = 0;
CREATE INDEX drops_table ON drops(table_name, id);
"),
    Migration::Sql("
ALTER TABLE interactions ADD COLUMN known_as INTEGER NOT NULL DEFAULT 0;
ALTER TABLE interactions ADD COLUMN is_current INTEGER NOT NULL DEFAULT 1;
UPDATE interactions SET known_as = entry_no;
CREATE INDEX interactions_known ON interactions(known_as);
CREATE TABLE documents(kind TEXT NOT NULL, no TEXT NOT NULL, opportunity TEXT NOT NULL, is_open INTEGER NOT NULL,
  body TEXT NOT NULL, PRIMARY KEY(kind, no)) WITHOUT ROWID;
CREATE INDEX documents_open ON documents(is_open) WHERE is_open = 1;
CREATE TABLE events(a INTEGER NOT NULL, b INTEGER NOT NULL, PRIMARY KEY(a, b)) WITHOUT ROWID;
"),
    Migration::Program(decisions::into_blocks),
    Migration::Sql("ALTER TABLE tables ADD COLUMN encoding TEXT NOT NULL DEFAULT '';"),
    Migration::Sql("
ALTER TABLE sent ADD COLUMN imported INTEGER NOT NULL DEFAULT 0;
UPDATE sent SET imported = 1 WHERE acknowledged_export IS NOT NULL;
"),
    Migration::Program(name_anew),
    Migration::Sql("
ALTER TABLE drops ADD COLUMN records INTEGER;
ALTER TABLE drops ADD COLUMN manifest TEXT;
CREATE INDEX drops_manifest ON drops(manifest) WHERE manifest IS NOT NULL;
DROP INDEX drops_table;
CREATE INDEX drops_table ON drops(table_name, pass, id);
"),
    Migration::Sql("-- Files of others are named from the state's folder from here on. Those that were named before stay paths.
"),
    Migration::Sql("
CREATE INDEX drops_kept ON drops(claimed_at) WHERE published = 1 AND json_extract(receipt, '$.standing') <> 'rejected';
"),
];

/// Names of conflicts and problems had 32 bits, so that two of many thousands could be taken for one; the last of them had its place.
fn name_anew(db: &Connection) -> Result<(), StateError> {
    let rename = |table: &str, name: &dyn Fn(&str) -> serde_json::Result<String>| {
        let mut rows = db.prepare(&format!("SELECT DISTINCT id, body FROM {table}"))?;
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows: Vec<(String, String)> = rows.collect::<Result<_, _>>()?;
        let mut rename = db.prepare(&format!("UPDATE {table} SET id = ?1 WHERE id = ?2"))?;
        for (old, body) in rows {
            rename.execute([&name(&body)?, &old])?;
        }
        Ok::<_, StateError>(())
    };
    let of_conflict = |body: &str| Ok(serde_json::from_str::<Conflict>(body)?.id());
    rename("conflicts", &of_conflict)?;
    rename("settled", &of_conflict)?;
    rename("problems", &|body| {
        Ok(serde_json::from_str::<Problem>(body)?.id())
    })
}

const SET_META: &str = "INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)";

impl Store {
    /// Opens the state for work, creating or migrating it. The caller holds the lock.
    ///
    /// # Errors
    /// [`StateError::Newer`] when a newer program wrote it.
    pub fn open(folder: &Path) -> Result<Store, StateError> {
        let base = folder.join("base");
        create_own_folder(folder).map_err(StateError::file(folder))?;
        create_own_folder(&base).map_err(StateError::file(&base))?;
        let path = Store::path(folder);
        // SQLite gives the files beside a database the mode of the database.
        let mut options = OpenOptions::new();
        for_us_alone(options.append(true).create(true))
            .open(&path)
            .map_err(StateError::file(&path))?;
        let db = Connection::open(path)?;
        db.busy_timeout(Duration::from_secs(10))?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        // A large pass fits into the cache, and its commits are moved into the database together, when the state is closed.
        db.pragma_update(None, "cache_size", -8192)?;
        db.pragma_update(None, "wal_autocheckpoint", 4096)?;
        db.set_prepared_statement_cache_capacity(128);
        Store::on(db, folder)
    }

    /// A state in a database that the caller has opened, created or migrated in it; its other files stand below `folder`.
    ///
    /// # Errors
    /// [`StateError::Newer`] when a newer program wrote it.
    pub fn on(db: Connection, folder: &Path) -> Result<Store, StateError> {
        let mut store = Store {
            db,
            folder: folder.to_owned(),
        };
        store.migrate()?;
        Ok(store)
    }

    /// Looks whether we may work with the state in a folder at all, where there is one.
    ///
    /// # Errors
    /// [`StateError::NotOurs`] where its files are another user's.
    pub fn admits(folder: &Path) -> Result<(), StateError> {
        match may_read(&Store::path(folder)) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(StateError::NotOurs {
                    path: folder.to_owned(),
                    owner: owner_of(folder),
                })
            }
            // Whatever else is wrong is told by whoever opens it.
            _ => Ok(()),
        }
    }

    /// Opens the state to look at it, while a pass may be running; `None` where there is none yet.
    pub fn look(folder: &Path) -> Result<Option<Store>, StateError> {
        Store::admits(folder)?;
        let path = Store::path(folder);
        if !path.exists() {
            return Ok(None);
        }
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        db.busy_timeout(Duration::from_secs(10))?;
        let store = Store {
            db,
            folder: folder.to_owned(),
        };
        match store.steps()? {
            STATE_VERSION => Ok(Some(store)),
            found if found > STATE_VERSION => Err(StateError::Newer {
                path: folder.to_owned(),
                found,
                known: STATE_VERSION,
            }),
            _ => Ok(None),
        }
    }

    /// A state that is kept nowhere: for a dry run before the first pass.
    pub fn in_memory(folder: &Path) -> Result<Store, StateError> {
        Store::on(Connection::open_in_memory()?, folder)
    }

    /// The database of the state in a folder.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join("couplet.db")
    }

    /// The folder that it lies in.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What a file or folder of others is called in the state, the same however the configuration was named.
    pub fn name_of(&self, path: &Path) -> String {
        name_of(&self.folder, path)
    }

    /// The path that such a name leads to.
    pub(super) fn path_of(&self, name: &str) -> String {
        path_of(&self.folder, name)
    }

    /// The folder of index and rows files.
    pub fn base_folder(&self) -> PathBuf {
        self.folder.join("base")
    }

    fn version(&self) -> Result<u32, StateError> {
        Ok(self
            .db
            .pragma_query_value(None, "user_version", |row| row.get(0))?)
    }

    /// How many of the migrations the state has run. Programs ran the fourth for a while and still said 3: there, its columns tell.
    fn steps(&self) -> Result<u32, StateError> {
        let has_fourth = || self.db.column_exists(None, "interactions", "known_as");
        Ok(match self.version()? {
            3 if has_fourth()? => 4,
            said => said,
        })
    }

    fn migrate(&mut self) -> Result<(), StateError> {
        let (said, found) = (self.version()?, self.steps()?);
        if found > STATE_VERSION {
            return Err(StateError::Newer {
                path: self.folder.clone(),
                found,
                known: STATE_VERSION,
            });
        }
        if said < STATE_VERSION {
            let transaction = self.db.transaction()?;
            for step in &MIGRATIONS[found as usize..] {
                step.run(&transaction)?;
            }
            transaction.pragma_update(None, "user_version", STATE_VERSION)?;
            transaction.commit()?;
        }
        Ok(())
    }

    /// A value of the state's own; `None` before it was set.
    pub fn meta(&self, name: &str) -> Result<Option<String>, StateError> {
        let query = "SELECT value FROM meta WHERE name = ?1";
        Ok(self
            .db
            .prepare_cached(query)?
            .query_row([name], |row| row.get(0))
            .optional()?)
    }

    /// Sets a value of the state's own.
    pub fn set_meta(&self, name: &str, value: &str) -> Result<(), StateError> {
        self.db.prepare_cached(SET_META)?.execute([name, value])?;
        Ok(())
    }

    /// Sets several values of the state's own in one commit.
    pub fn set_metas(&mut self, values: &[(&str, String)]) -> Result<(), StateError> {
        let transaction = self.db.transaction()?;
        for (name, value) in values {
            transaction
                .prepare_cached(SET_META)?
                .execute([*name, value])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// The seed of this state's hashes: chosen once, so that nobody can prepare records whose hashes collide.
    pub fn seed(&self, fresh: u64) -> Result<u64, StateError> {
        if let Some(seed) = self
            .meta("seed")?
            .and_then(|text| u64::from_str_radix(&text, 16).ok())
        {
            return Ok(seed);
        }
        self.set_meta("seed", &format!("{fresh:016x}"))?;
        Ok(fresh)
    }

    /// Removes base files that no table names: what a pass that did not finish left, and generations before this one.
    pub fn sweep_base(&self, disk: &dyn Disk) -> Result<(), StateError> {
        let folder = self.base_folder();
        let mut named: Vec<PathBuf> = Vec::new();
        for memory in self.tables()? {
            if let Some(table) = crate::model::Table::named(&memory.table) {
                named.extend(Index::files(disk, &folder, table, memory.generation)?);
                named.push(rows_path(&folder, table, memory.rows_epoch));
            }
        }
        for path in disk.list(&folder).map_err(StateError::file(&folder))? {
            if !named.contains(&path) {
                disk.remove(&path).map_err(StateError::file(&path))?;
            }
        }
        Ok(())
    }
}

/// A state of its own for a test.
#[cfg(test)]
pub(super) fn new_store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a state");
    (folder, store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_of_any_older_version_opens_and_keeps_what_it_knew() {
        for version in 1..STATE_VERSION {
            let folder = tempfile::tempdir().expect("a folder");
            let db = Connection::open(folder.path().join("couplet.db")).expect("a database");
            for step in &MIGRATIONS[..version as usize] {
                step.run(&db).expect("a migration");
            }
            db.pragma_update(None, "user_version", version)
                .expect("a version");
            db.execute("INSERT INTO meta VALUES('seed', '2a')", [])
                .expect("a row");
            drop(db);
            let store = Store::open(folder.path()).expect("it opens");
            assert_eq!(store.version().expect("a version"), STATE_VERSION);
            assert_eq!(store.seed(0).expect("a seed"), 0x2a);
            assert!(store.marks().expect("marks").is_empty());
            assert_eq!(store.last_number("CT1").expect("a number"), None);
            assert!(store.open_quotes().expect("quotes").is_empty());
        }
    }

    #[test]
    fn a_state_that_ran_the_fourth_step_and_says_three_opens_as_the_fourth() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Connection::open(folder.path().join("couplet.db")).expect("a database");
        for step in &MIGRATIONS[..4] {
            step.run(&db).expect("a migration");
        }
        db.pragma_update(None, "user_version", 3)
            .expect("a version");
        db.execute("INSERT INTO events VALUES(1, 2)", [])
            .expect("a row");
        drop(db);
        let store = Store::open(folder.path()).expect("it opens");
        assert_eq!(store.version().expect("a version"), STATE_VERSION);
        assert!(store.knows_event([1, 2]).expect("events"));
        drop(store);
        let looked = Store::look(folder.path()).expect("a look");
        assert!(looked.is_some(), "what was migrated can be looked at");
    }

    #[test]
    fn a_decision_and_an_accepted_problem_outlive_longer_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Connection::open(folder.path().join("couplet.db")).expect("a database");
        for step in &MIGRATIONS[..7] {
            step.run(&db).expect("a migration");
        }
        db.pragma_update(None, "user_version", 7)
            .expect("a version");
        let conflict =
            r#"{"contact":"CT1","field":"City","agreed":"Rome","claims":[],"why":"both"}"#;
        db.execute(
            "INSERT INTO conflicts VALUES('K1', 'CT1', 'City', '0', ?1, 1, 'then', 'Oslo', '0', 'now')",
            [conflict],
        )
        .expect("a row");
        let problem = Problem {
            place: crate::model::Place::default(),
            kind: "unreadable".to_owned(),
            reason: "it is cut".to_owned(),
            advice: "export it again".to_owned(),
        };
        let body = serde_json::to_string(&problem).expect("a body");
        db.execute(
            "INSERT INTO problems VALUES('P1', 'vendors', ?1, 1, 1)",
            [body],
        )
        .expect("a row");
        drop(db);
        let store = Store::open(folder.path()).expect("it opens");
        let conflict: Conflict = serde_json::from_str(conflict).expect("a conflict");
        let id = |query: &str| {
            let id = store.db.query_row(query, [], |row| row.get::<_, String>(0));
            id.expect("a name")
        };
        assert_eq!(
            id("SELECT id FROM conflicts WHERE decided_value = 'Oslo'"),
            conflict.id()
        );
        assert_eq!(
            id("SELECT id FROM problems WHERE accepted = 1"),
            problem.id()
        );
    }

    #[test]
    fn decisions_that_were_rows_are_found_in_their_blocks() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Connection::open(folder.path().join("couplet.db")).expect("a database");
        for step in &MIGRATIONS[..4] {
            step.run(&db).expect("a migration");
        }
        db.pragma_update(None, "user_version", 4)
            .expect("a version");
        for pass in [1, 2] {
            db.execute(
                "INSERT INTO passes VALUES(?1, 'then', 'later', 1, 0, 0, 0)",
                [pass],
            )
            .expect("a row");
            db.execute(
                "INSERT INTO decisions(pass, contact, table_name, no, field, from_value, to_value, rule, because, file, line) \
                 VALUES(?1, 'CT1', 'vendors', 'V1', 'City', 'Aarhus', 'Bergen', '\"moved\"', \
                 '[{\"side\":\"contact\",\"no\":\"CT1\",\"file\":\"contacts.csv\",\"line\":3}]', 'vendors.csv', 9)",
                [pass],
            )
            .expect("a row");
        }
        drop(db);
        let store = Store::open(folder.path()).expect("it opens");
        let found = store.decisions("vendors", "V1", Some("City"));
        let found = found.expect("decisions");
        let passes: Vec<u64> = found.iter().map(|decision| decision.pass).collect();
        assert_eq!(passes, [2, 1]);
        let decision = &found[1];
        assert_eq!((&*decision.from, &*decision.to), ("Aarhus", "Bergen"));
        assert_eq!(
            (&*decision.at, &*decision.file, decision.line),
            ("then", "vendors.csv", 9)
        );
        assert_eq!(
            (&*decision.because[0].no, decision.because[0].line),
            ("CT1", 3)
        );
    }

    #[test]
    fn a_state_of_a_newer_version_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Connection::open(folder.path().join("couplet.db")).expect("a database");
        db.pragma_update(None, "user_version", STATE_VERSION + 1)
            .expect("a version");
        drop(db);
        let opened = Store::open(folder.path());
        assert!(matches!(opened, Err(StateError::Newer { .. })));
    }
}
