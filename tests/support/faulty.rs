//! A disk that fails or dies at a chosen effect.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use couplet::disk::{Disk, Draft, Entry, Identity, ReadAt, RealDisk};

/// What happens at the chosen effect, and to all that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before it.
    Before,
    /// The process dies right after it.
    After,
    /// Half of a write reaches the disk, and the process dies.
    Torn,
    /// It fails, and the process lives on.
    Once(i32),
}

/// The real disk until the chosen effect.
pub struct Faulty<'h> {
    pub at: usize,
    pub fault: Fault,
    pub count: AtomicUsize,
    /// Is told of each effect before it happens, by number and name.
    pub hook: &'h (dyn Fn(usize, &str) + Sync),
}

/// An effect that is never reached.
pub const NEVER: usize = usize::MAX;

impl<'h> Faulty<'h> {
    /// Faults at an effect.
    pub fn new(at: usize, fault: Fault) -> Faulty<'h> {
        Faulty {
            at,
            fault,
            count: AtomicUsize::new(0),
            hook: &|_, _| {},
        }
    }

    /// How many effects there were.
    pub fn effects(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    fn effect<T>(&self, name: &str, act: impl FnOnce(bool) -> io::Result<T>) -> io::Result<T> {
        let now = self.count.fetch_add(1, Ordering::SeqCst);
        (self.hook)(now, name);
        let dead = || Err(io::Error::other("the process is dead"));
        match self.fault {
            Fault::Once(errno) if now == self.at => Err(io::Error::from_raw_os_error(errno)),
            Fault::Once(_) => act(false),
            _ if now < self.at => act(false),
            Fault::After if now == self.at => act(false).and_then(|_| dead()),
            Fault::Torn if now == self.at => act(true).and_then(|_| dead()),
            _ => dead(),
        }
    }
}

struct FaultyDraft<'d, 'h> {
    disk: &'d Faulty<'h>,
    inner: Box<dyn Draft>,
}

impl Write for FaultyDraft<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let inner = &mut self.inner;
        self.disk.effect("write", |torn| {
            let part = if torn {
                &bytes[..bytes.len() / 2]
            } else {
                bytes
            };
            inner.write_all(part)?;
            // What a dead process had written may well have reached the disk.
            inner.flush()?;
            Ok(bytes.len())
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Draft for FaultyDraft<'_, '_> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        let FaultyDraft { disk, inner } = *self;
        disk.effect("finish", |_| inner.finish())
    }
}

/// A draft lives no longer than its disk; the trait object cannot say so, and the disk is leaked for the test.
pub fn leak<'h>(disk: Faulty<'h>) -> &'static Faulty<'static>
where
    'h: 'static,
{
    Box::leak(Box::new(disk))
}

/// The disk as the pass sees it.
pub struct Wired(pub &'static Faulty<'static>);

impl Disk for Wired {
    fn open(&self, path: &Path) -> io::Result<(Box<dyn ReadAt>, Identity)> {
        RealDisk.open(path)
    }
    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        RealDisk.identity(path)
    }
    fn entries(&self, folder: &Path) -> io::Result<Vec<(PathBuf, Entry)>> {
        RealDisk.entries(folder)
    }
    fn free(&self, folder: &Path) -> Option<u64> {
        RealDisk.free(folder)
    }
    fn create(&self, path: &Path, like: Option<&Path>) -> io::Result<Box<dyn Draft>> {
        let inner = self.0.effect("create", |_| RealDisk.create(path, like))?;
        Ok(Box::new(FaultyDraft {
            disk: self.0,
            inner,
        }))
    }
    fn append(&self, path: &Path, length: u64) -> io::Result<Box<dyn Draft>> {
        let inner = self.0.effect("append", |_| RealDisk.append(path, length))?;
        Ok(Box::new(FaultyDraft {
            disk: self.0,
            inner,
        }))
    }
    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        self.0
            .effect("rename", |_| RealDisk.rename(from, to, replace))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.effect("remove", |_| RealDisk.remove(path))
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.0
            .effect("sync_folder", |_| RealDisk.sync_folder(folder))
    }
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.0
            .effect("create_folder", |_| RealDisk.create_folder(folder))
    }
    fn commit_point(&self) -> io::Result<()> {
        self.0.effect("commit_point", |_| RealDisk.commit_point())
    }
}
