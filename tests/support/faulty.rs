//! A disk that fails or dies at a chosen effect, or when it is looked at; it wraps any other.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use couplet::disk::{Disk, Draft, Entry, Identity, ReadAt};

/// What happens at the chosen effect, and to all that follow.
#[allow(dead_code, reason = "each test binary uses the part that it needs")]
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
    /// It fails, and so does everything after it. A disk that is full lets names go and change.
    Lasting(i32),
    /// Half of a write reaches the disk, and then it fails. Everything else only fails.
    Partly(i32),
    /// Half of a write reaches the disk, and the disk says so.
    Short,
}

/// Is told of an effect: its number, its name, and of what.
type Hook = Box<dyn Fn(usize, &str, &Path) + Send + Sync>;

/// What is wrong with a disk, and what was done to it so far.
pub struct Faulty {
    /// The effect, or the look, at which it is wrong.
    pub at: usize,
    pub fault: Fault,
    /// Whether it is wrong when it is looked at.
    pub is_blind: bool,
    pub count: AtomicUsize,
    pub looks: AtomicUsize,
    /// The operation at which it is wrong, once that was reached.
    pub struck: Mutex<Option<String>>,
    /// Is told of each effect before it happens, by number and name, and of what.
    pub hook: Hook,
}

/// An effect that is never reached.
pub const NEVER: usize = usize::MAX;

/// The disk has no room left.
const ENOSPC: i32 = 28;

#[allow(dead_code, reason = "each test binary uses the part that it needs")]
impl Faulty {
    /// Faults at an effect.
    pub fn new(at: usize, fault: Fault) -> Arc<Faulty> {
        Faulty::told(at, fault, |_, _, _| {})
    }

    /// Faults at an effect, and somebody is told of each.
    pub fn told(
        at: usize,
        fault: Fault,
        hook: impl Fn(usize, &str, &Path) + Send + Sync + 'static,
    ) -> Arc<Faulty> {
        Arc::new(Faulty {
            at,
            fault,
            is_blind: false,
            count: AtomicUsize::new(0),
            looks: AtomicUsize::new(0),
            struck: Mutex::default(),
            hook: Box::new(hook),
        })
    }

    /// Faults when the disk is looked at.
    pub fn blind(at: usize, fault: Fault) -> Arc<Faulty> {
        Arc::new(Faulty {
            at,
            fault,
            is_blind: true,
            count: AtomicUsize::new(0),
            looks: AtomicUsize::new(0),
            struck: Mutex::default(),
            hook: Box::new(|_, _, _| {}),
        })
    }

    /// How many effects there were.
    pub fn effects(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// How often it was looked at.
    pub fn looked(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    /// Does something to the disk: the whole of it, or half.
    fn effect<T>(
        &self,
        name: &str,
        path: &Path,
        act: impl FnOnce(Part) -> io::Result<T>,
    ) -> io::Result<T> {
        let now = self.count.fetch_add(1, Ordering::SeqCst);
        (self.hook)(now, name, path);
        if self.is_blind || now < self.at {
            return act(Part::Whole);
        }
        self.strike(now, name, path);
        let dead = || Err(io::Error::other("the process is dead"));
        let fails = |errno: i32| Err(io::Error::from_raw_os_error(errno));
        let needs_room = matches!(
            name,
            "create" | "append" | "write" | "finish" | "create_folder"
        );
        match (self.fault, now == self.at) {
            (Fault::Once(errno), true) => fails(errno),
            (Fault::Partly(errno), true) if name == "write" => {
                act(Part::Half).and_then(|_| fails(errno))
            }
            (Fault::Partly(errno), true) => fails(errno),
            (Fault::Short, true) => act(Part::Half),
            (Fault::Once(_) | Fault::Partly(_) | Fault::Short, false) => act(Part::Whole),
            (Fault::Lasting(ENOSPC), _) if !needs_room => act(Part::Whole),
            (Fault::Lasting(errno), _) => fails(errno),
            (Fault::After, true) => act(Part::Whole).and_then(|_| dead()),
            (Fault::Torn, true) => act(Part::Half).and_then(|_| dead()),
            (Fault::Before | Fault::After | Fault::Torn, _) => dead(),
        }
    }

    fn strike(&self, now: usize, name: &str, path: &Path) {
        if now == self.at {
            let struck = Some(format!("{name} {}", path.display()));
            *self.struck.lock().expect("no panic under this lock") = struck;
        }
    }

    /// Looks at the disk.
    fn look<T>(
        &self,
        name: &str,
        path: &Path,
        act: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let now = self.looks.fetch_add(1, Ordering::SeqCst);
        if self.is_blind {
            self.strike(now, name, path);
        }
        match self.fault {
            Fault::Once(errno) if self.is_blind && now == self.at => {
                Err(io::Error::from_raw_os_error(errno))
            }
            Fault::Lasting(errno) if self.is_blind && now >= self.at => {
                Err(io::Error::from_raw_os_error(errno))
            }
            _ => act(),
        }
    }
}

/// How much of an effect happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Half,
}

struct FaultyDraft {
    faulty: Arc<Faulty>,
    path: PathBuf,
    inner: Box<dyn Draft>,
}

impl Write for FaultyDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let inner = &mut self.inner;
        self.faulty.effect("write", &self.path, |part| {
            let count = match part {
                Part::Whole => bytes.len(),
                Part::Half => bytes.len() / 2,
            };
            inner.write_all(&bytes[..count])?;
            // What a dead process had written may well have reached the disk.
            inner.flush()?;
            // A write of nothing would be taken for a disk that takes nothing.
            match (part, count) {
                (Part::Half, 0) => Err(io::ErrorKind::Interrupted.into()),
                _ => Ok(count),
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Draft for FaultyDraft {
    fn finish(self: Box<Self>) -> io::Result<()> {
        let FaultyDraft {
            faulty,
            path,
            inner,
        } = *self;
        faulty.effect("finish", &path, |_| inner.finish())
    }
}

struct FaultyReader {
    faulty: Arc<Faulty>,
    path: PathBuf,
    inner: Box<dyn ReadAt>,
}

impl ReadAt for FaultyReader {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let inner = &self.inner;
        let read = || inner.read_at(buf, offset);
        self.faulty.look("read", &self.path, read)
    }
}

/// A disk as the pass sees it, with what is wrong with it.
pub struct Wired<D>(pub Arc<Faulty>, pub D);

impl<D> Wired<D> {
    fn draft(&self, path: &Path, inner: Box<dyn Draft>) -> Box<dyn Draft> {
        Box::new(FaultyDraft {
            faulty: self.0.clone(),
            path: path.to_owned(),
            inner,
        })
    }
}

impl<D: Disk> Disk for Wired<D> {
    fn open(&self, path: &Path) -> io::Result<(Box<dyn ReadAt>, Identity)> {
        let (inner, identity) = self.0.look("open", path, || self.1.open(path))?;
        let reader = FaultyReader {
            faulty: self.0.clone(),
            path: path.to_owned(),
            inner,
        };
        Ok((Box::new(reader), identity))
    }
    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        self.0.look("identity", path, || self.1.identity(path))
    }
    fn entries(&self, folder: &Path) -> io::Result<Vec<(PathBuf, Entry)>> {
        self.0.look("entries", folder, || self.1.entries(folder))
    }
    fn free(&self, folder: &Path) -> Option<u64> {
        self.1.free(folder)
    }
    fn create(&self, path: &Path, like: Option<&Path>) -> io::Result<Box<dyn Draft>> {
        let inner = self
            .0
            .effect("create", path, |_| self.1.create(path, like))?;
        Ok(self.draft(path, inner))
    }
    fn append(&self, path: &Path, length: u64) -> io::Result<Box<dyn Draft>> {
        let inner = self
            .0
            .effect("append", path, |_| self.1.append(path, length))?;
        Ok(self.draft(path, inner))
    }
    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        self.0
            .effect("rename", to, |_| self.1.rename(from, to, replace))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.effect("remove", path, |_| self.1.remove(path))
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.0
            .effect("sync_folder", folder, |_| self.1.sync_folder(folder))
    }
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.0
            .effect("create_folder", folder, |_| self.1.create_folder(folder))
    }
    fn commit_point(&self) -> io::Result<()> {
        let database = Path::new("couplet.db");
        self.0
            .effect("commit_point", database, |_| self.1.commit_point())
    }
}
