//! The disk as the daemon has it: folders go away, it fills, and the process dies at one of its effects.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use couplet::disk::{Disk, Draft, Entry, Identity, ReadAt};
use couplet::exchange::daemon::Told;

use crate::memory::MemoryDisk;

use super::time::Nanos;

/// A disk with troubles. Clones are the same disk.
#[derive(Clone)]
pub struct TroubledDisk {
    disk: MemoryDisk,
    troubles: Arc<Mutex<Troubles>>,
}

#[derive(Default)]
struct Troubles {
    /// Effects until the process dies.
    dies_in: Option<u64>,
    /// It dies before the next file takes the place of another: a pass is remembered then, and not carried out.
    dies_at_rename: bool,
    is_dead: bool,
    is_full: bool,
    offline: BTreeSet<PathBuf>,
    /// Files that the daemon renamed, and that others wrote meanwhile, as a watcher tells it.
    told: Vec<Told>,
    /// When the daemon opened each file last.
    opened: BTreeMap<OsString, Nanos>,
    now: Nanos,
    /// After so many effects and openings another program writes into a file.
    intrusion: Option<(u64, PathBuf, Vec<u8>)>,
}

impl TroubledDisk {
    pub fn new(disk: MemoryDisk) -> TroubledDisk {
        TroubledDisk {
            disk,
            troubles: Arc::default(),
        }
    }

    fn troubles(&self) -> MutexGuard<'_, Troubles> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process dies at one of the effects to come.
    pub fn die_in(&self, effects: u64) {
        self.troubles().dies_in = Some(effects);
    }

    /// The process dies before the next file takes the place of another.
    pub fn die_at_rename(&self) {
        self.troubles().dies_at_rename = true;
    }

    /// Whether it has died.
    pub fn is_dead(&self) -> bool {
        self.troubles().is_dead
    }

    /// Another process begins.
    pub fn revive(&self) {
        let mut troubles = self.troubles();
        (troubles.is_dead, troubles.dies_in) = (false, None);
        troubles.dies_at_rename = false;
        troubles.told.clear();
    }

    /// The disk is full, or has room again.
    pub fn fill(&self, is_full: bool) {
        self.troubles().is_full = is_full;
    }

    /// A folder goes away, or comes back.
    pub fn set_offline(&self, folder: &Path, is_offline: bool) {
        let mut troubles = self.troubles();
        match is_offline {
            true => troubles.offline.insert(folder.to_owned()),
            false => troubles.offline.remove(folder),
        };
    }

    /// Whether a folder has gone away.
    pub fn is_offline(&self, folder: &Path) -> bool {
        self.troubles().offline.contains(folder)
    }

    /// Whether the database can commit.
    pub fn commits(&self) -> bool {
        let troubles = self.troubles();
        !troubles.is_dead && !troubles.is_full
    }

    /// What a watcher told of the daemon's own renames since this was last asked.
    pub fn told(&self) -> Vec<Told> {
        std::mem::take(&mut self.troubles().told)
    }

    /// What time it is, for [`opened`](TroubledDisk::opened).
    pub fn set_now(&self, now: Nanos) {
        self.troubles().now = now;
    }

    /// When the daemon opened a file last.
    pub fn opened(&self, path: &Path) -> Option<Nanos> {
        self.troubles().opened.get(path.as_os_str()).copied()
    }

    /// Another program writes these bytes into a file, after so many effects and openings of the daemon.
    pub fn intrude_in(&self, many: u64, path: &Path, bytes: Vec<u8>) {
        self.troubles().intrusion = Some((many, path.to_owned(), bytes));
    }

    /// The other program writes in any case now.
    pub fn end_intrusion(&self) {
        let mut troubles = self.troubles();
        if let Some((_, path, bytes)) = troubles.intrusion.take() {
            self.disk.overwrite(&path, bytes, None);
            troubles.told.push(Told::Written(path));
        }
    }

    /// Others go on while the daemon does something.
    fn others(&self, troubles: &mut Troubles) {
        match troubles.intrusion.take() {
            Some((0, path, bytes)) => {
                self.disk.overwrite(&path, bytes, None);
                troubles.told.push(Told::Written(path));
            }
            Some((left, path, bytes)) => troubles.intrusion = Some((left - 1, path, bytes)),
            None => {}
        }
    }

    /// Before an effect. `grows` says that it needs room.
    fn effect(&self, path: &Path, grows: bool) -> io::Result<()> {
        let mut troubles = self.troubles();
        self.others(&mut troubles);
        if troubles.dies_in == Some(0) {
            troubles.is_dead = true;
        }
        if let Some(left) = &mut troubles.dies_in {
            *left = left.saturating_sub(1);
        }
        if troubles.is_dead {
            return Err(io::Error::other("the process is dead"));
        }
        if troubles.is_gone(path) {
            return Err(io::Error::from_raw_os_error(2));
        }
        if grows && troubles.is_full {
            return Err(io::Error::from_raw_os_error(28));
        }
        Ok(())
    }

    fn is_gone(&self, path: &Path) -> bool {
        self.troubles().is_gone(path)
    }
}

impl Troubles {
    fn is_gone(&self, path: &Path) -> bool {
        self.offline.iter().any(|folder| path.starts_with(folder))
    }
}

struct TroubledDraft {
    disk: TroubledDisk,
    path: PathBuf,
    inner: Box<dyn Draft>,
}

impl Write for TroubledDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.effect(&self.path, true)?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Draft for TroubledDraft {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.disk.effect(&self.path, true)?;
        self.inner.finish()
    }
}

impl Disk for TroubledDisk {
    fn open(&self, path: &Path) -> io::Result<(Box<dyn ReadAt>, Identity)> {
        {
            let mut troubles = self.troubles();
            self.others(&mut troubles);
            if troubles.is_gone(path) {
                return Err(io::Error::from_raw_os_error(2));
            }
            let now = troubles.now;
            match troubles.opened.get_mut(path.as_os_str()) {
                Some(opened) => *opened = now,
                None => {
                    troubles.opened.insert(path.as_os_str().to_owned(), now);
                }
            }
        }
        self.disk.open(path)
    }

    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        match self.is_gone(path) {
            true => Ok(None),
            false => self.disk.identity(path),
        }
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<(PathBuf, Entry)>> {
        match self.is_gone(folder) {
            true => Ok(Vec::new()),
            false => self.disk.entries(folder),
        }
    }

    fn free(&self, folder: &Path) -> Option<u64> {
        self.disk.free(folder)
    }

    fn create(&self, path: &Path, like: Option<&Path>) -> io::Result<Box<dyn Draft>> {
        self.effect(path, true)?;
        Ok(Box::new(TroubledDraft {
            disk: self.clone(),
            path: path.to_owned(),
            inner: self.disk.create(path, like)?,
        }))
    }

    fn append(&self, path: &Path, length: u64) -> io::Result<Box<dyn Draft>> {
        self.effect(path, true)?;
        Ok(Box::new(TroubledDraft {
            disk: self.clone(),
            path: path.to_owned(),
            inner: self.disk.append(path, length)?,
        }))
    }

    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        if replace && self.troubles().dies_at_rename {
            self.die_in(0);
        }
        self.effect(from, false)?;
        self.effect(to, false)?;
        self.disk.rename(from, to, replace)?;
        self.troubles().told.push(Told::RenamedIn(to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.effect(path, false)?;
        self.disk.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.effect(folder, false)?;
        self.disk.sync_folder(folder)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.effect(folder, false)?;
        self.disk.create_folder(folder)
    }

    fn commit_point(&self) -> io::Result<()> {
        self.effect(Path::new(""), false)?;
        self.disk.commit_point()
    }
}
