//! The real disk, with a folder of it in the place of the exchange in memory, and a process that dies at a chosen operation.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use couplet::disk::{Disk, Draft, Entry, Identity, ReadAt, RealDisk};
use couplet::state::{StateError, Store};
use rusqlite::Connection;

use crate::exchange::ROOT;

/// On which side of an operation the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The operation never comes.
    Before,
    /// The operation is the last.
    After,
}

/// Counts what is done to files and to the database, and dies at one of them.
#[derive(Debug, Default)]
pub struct Operations {
    count: AtomicU64,
    fatal: Option<(u64, Side)>,
    commit: AtomicU64,
    /// Every version of a file that was ever complete.
    versions: Mutex<Versions>,
}

/// Versions of files by path; `None` where there was none.
pub type Versions = BTreeMap<PathBuf, BTreeSet<Option<Vec<u8>>>>;

impl Operations {
    /// Dies on a side of an operation.
    pub fn fatal(at: u64, side: Side) -> Operations {
        Operations {
            fatal: Some((at, side)),
            ..Operations::default()
        }
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// The versions of files that were seen.
    pub fn versions(&self) -> Versions {
        self.versions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn saw(&self, path: &Path, version: Option<Vec<u8>>) {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.entry(path.to_owned()).or_default().insert(version);
    }

    fn die_at(&self, operation: u64, side: Side) {
        if self.fatal == Some((operation, side)) {
            std::process::abort();
        }
    }

    fn operation<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let operation = self.count.fetch_add(1, Ordering::SeqCst);
        self.die_at(operation, Side::Before);
        let done = act();
        self.die_at(operation, Side::After);
        done
    }

    fn before_commit(&self) {
        let operation = self.count.fetch_add(1, Ordering::SeqCst);
        self.commit.store(operation, Ordering::SeqCst);
        self.die_at(operation, Side::Before);
    }

    fn after_commit(&self) {
        self.die_at(self.commit.load(Ordering::SeqCst), Side::After);
    }
}

/// A folder of the real disk, which those who use it take for the exchange in memory.
#[derive(Clone)]
pub struct Rooted {
    folder: PathBuf,
    operations: Arc<Operations>,
}

/// The operations of this process, for a hook that cannot carry anything.
static OF_PROCESS: OnceLock<Arc<Operations>> = OnceLock::new();

impl Rooted {
    /// A folder in which nobody dies.
    pub fn at(folder: &Path) -> Rooted {
        Rooted::with(folder, Operations::default())
    }

    /// A folder whose operations are counted.
    pub fn with(folder: &Path, operations: Operations) -> Rooted {
        Rooted {
            folder: folder.to_owned(),
            operations: Arc::new(operations),
        }
    }

    /// What was done.
    pub fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Where a file of the exchange really is.
    pub fn real(&self, path: &Path) -> PathBuf {
        self.folder.join(path.strip_prefix(ROOT).unwrap_or(path))
    }

    fn exchanged(&self, path: &Path) -> PathBuf {
        Path::new(ROOT).join(path.strip_prefix(&self.folder).unwrap_or(path))
    }

    /// Opens the state as the program does, with its commits among the operations.
    pub fn store(&self, state: &Path) -> Result<Store, StateError> {
        let folder = self.real(state);
        let base = folder.join("base");
        std::fs::create_dir_all(&base).expect("a folder");
        let db = Connection::open(folder.join("couplet.db"))?;
        db.busy_timeout(Duration::from_secs(10))?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "cache_size", -8192)?;
        db.set_prepared_statement_cache_capacity(128);
        let operations = self.operations.clone();
        db.commit_hook(Some(move || {
            operations.before_commit();
            false
        }))?;
        if self.operations.fatal.is_some() {
            OF_PROCESS.get_or_init(|| self.operations.clone());
            db.wal_hook(Some(|_, _| {
                if let Some(operations) = OF_PROCESS.get() {
                    operations.after_commit();
                }
                Ok(())
            }));
        }
        Store::on(db, state)
    }
}

struct RootedDraft {
    disk: Rooted,
    path: PathBuf,
    inner: Box<dyn Draft>,
}

impl Write for RootedDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let inner = &mut self.inner;
        self.disk.operations.operation(|| {
            inner.write_all(bytes)?;
            // What a dead process had written may well have reached the disk.
            inner.flush()?;
            Ok(bytes.len())
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Draft for RootedDraft {
    fn finish(self: Box<Self>) -> io::Result<()> {
        let RootedDraft { disk, path, inner } = *self;
        disk.operations.operation(|| inner.finish())?;
        disk.operations
            .saw(&path, std::fs::read(disk.real(&path)).ok());
        Ok(())
    }
}

impl Rooted {
    fn draft(&self, path: &Path, inner: Box<dyn Draft>) -> Box<dyn Draft> {
        Box::new(RootedDraft {
            disk: self.clone(),
            path: path.to_owned(),
            inner,
        })
    }
}

impl Disk for Rooted {
    fn open(&self, path: &Path) -> io::Result<(Box<dyn ReadAt>, Identity)> {
        RealDisk.open(&self.real(path))
    }

    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        RealDisk.identity(&self.real(path))
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<(PathBuf, Entry)>> {
        let entries = RealDisk.entries(&self.real(folder))?.into_iter();
        Ok(entries
            .map(|(path, entry)| (self.exchanged(&path), entry))
            .collect())
    }

    fn free(&self, folder: &Path) -> Option<u64> {
        RealDisk.free(&self.real(folder))
    }

    fn create(&self, path: &Path, like: Option<&Path>) -> io::Result<Box<dyn Draft>> {
        let like = like.map(|like| self.real(like));
        let created = || RealDisk.create(&self.real(path), like.as_deref());
        let inner = self.operations.operation(created)?;
        Ok(self.draft(path, inner))
    }

    fn append(&self, path: &Path, length: u64) -> io::Result<Box<dyn Draft>> {
        let opened = || RealDisk.append(&self.real(path), length);
        let inner = self.operations.operation(opened)?;
        Ok(self.draft(path, inner))
    }

    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        let renamed = || RealDisk.rename(&self.real(from), &self.real(to), replace);
        self.operations.operation(renamed)?;
        self.operations.saw(from, None);
        self.operations.saw(to, std::fs::read(self.real(to)).ok());
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.operations
            .operation(|| RealDisk.remove(&self.real(path)))?;
        self.operations.saw(path, None);
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.operations
            .operation(|| RealDisk.sync_folder(&self.real(folder)))
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.operations
            .operation(|| RealDisk.create_folder(&self.real(folder)))
    }

    // Commits themselves are among the operations.
    fn commit_point(&self) -> io::Result<()> {
        Ok(())
    }
}
