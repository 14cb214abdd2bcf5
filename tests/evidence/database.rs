//! The database in memory: it can be looked at from outside between two commits, kept as bytes, and begun again from them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use couplet::state::Store;
use rusqlite::backup::Backup;
use rusqlite::{Connection, MAIN_DB, OpenFlags};

/// A database that several connections of this process share.
pub struct Database {
    name: String,
    /// It lives as long as somebody has it open.
    keeper: Connection,
    committed: Arc<AtomicBool>,
}

/// The number of the next database.
static NEXT: AtomicU64 = AtomicU64::new(0);

fn open(name: &str) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(name, flags).expect("a database in memory");
    db.set_prepared_statement_cache_capacity(128);
    db
}

impl Database {
    /// An empty one.
    pub fn new() -> Database {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("file:/evidence-{number}?vfs=memdb");
        Database {
            keeper: open(&name),
            name,
            committed: Arc::default(),
        }
    }

    /// One with the content that another had.
    pub fn restored(bytes: &[u8]) -> Database {
        let mut database = Database::new();
        if !bytes.is_empty() {
            let source = connection(bytes);
            let backup = Backup::new(&source, &mut database.keeper).expect("a backup");
            backup.step(-1).expect("all pages");
        }
        database
    }

    /// The state of a folder in this database. `veto` is asked before each commit: `true` fails it.
    pub fn store(&self, folder: &Path, mut veto: impl FnMut() -> bool + Send + 'static) -> Store {
        let db = open(&self.name);
        let committed = self.committed.clone();
        let hook = move || {
            let fails = veto();
            committed.fetch_or(!fails, Ordering::SeqCst);
            fails
        };
        db.commit_hook(Some(hook)).expect("a hook");
        Store::on(db, folder).expect("a state")
    }

    /// Its content.
    pub fn bytes(&self) -> Arc<[u8]> {
        self.keeper.serialize(MAIN_DB).expect("bytes")[..].into()
    }

    /// Tells its content where it has committed since this was last asked.
    pub fn news(&self) -> impl FnMut() -> Option<Arc<[u8]>> + Send + 'static {
        let (committed, keeper) = (self.committed.clone(), open(&self.name));
        committed.store(false, Ordering::SeqCst);
        move || {
            let is_new = committed.swap(false, Ordering::SeqCst);
            is_new.then(|| keeper.serialize(MAIN_DB).expect("bytes")[..].into())
        }
    }
}

/// A connection of its own to a database with this content; nobody else sees it.
pub fn connection(bytes: &[u8]) -> Connection {
    let mut db = Connection::open_in_memory().expect("a database in memory");
    if !bytes.is_empty() {
        db.deserialize_read_exact(MAIN_DB, bytes, bytes.len(), false)
            .expect("a database");
    }
    db.set_prepared_statement_cache_capacity(128);
    db
}
