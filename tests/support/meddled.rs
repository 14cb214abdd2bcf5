//! The real disk, and what somebody else does there in the moment before we do something.

use std::io;
use std::path::{Path, PathBuf};

use couplet::disk::{Disk, Draft, Entry, Identity, ReadAt, RealDisk};

/// What somebody does to a file that is about to be written, or to get another name.
type Meanwhile = Box<dyn Fn(&Path) -> io::Result<()> + Sync>;

/// The disk.
#[derive(Default)]
#[allow(dead_code, reason = "each test binary uses the part that it needs")]
pub struct Meddled {
    /// How much room it says that it has.
    pub free: Option<u64>,
    /// What happens before a file is opened.
    pub opening: Option<fn(&Path)>,
    /// What happens before a file gets another name.
    pub renaming: Option<Meanwhile>,
    /// What happens before a file is removed.
    pub removing: Option<Meanwhile>,
    /// What happens before a file is written.
    pub creating: Option<Meanwhile>,
    /// Where nothing may be written.
    pub forbidden: Option<PathBuf>,
    /// In which folder nobody may see what there is.
    pub hidden: Option<PathBuf>,
}

impl Meddled {
    fn opens(&self, path: &Path) {
        if let Some(opening) = self.opening {
            opening(path);
        }
    }
}

impl Disk for Meddled {
    fn open(&self, path: &Path) -> io::Result<(Box<dyn ReadAt>, Identity)> {
        self.opens(path);
        RealDisk.open(path)
    }
    fn open_dropped(&self, path: &Path) -> io::Result<(Box<dyn ReadAt>, Identity)> {
        self.opens(path);
        RealDisk.open_dropped(path)
    }
    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        let hides = |hidden: &PathBuf| path != hidden && path.starts_with(hidden);
        if self.hidden.as_ref().is_some_and(hides) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        RealDisk.identity(path)
    }
    fn entries(&self, folder: &Path) -> io::Result<Vec<(PathBuf, Entry)>> {
        RealDisk.entries(folder)
    }
    fn free(&self, folder: &Path) -> Option<u64> {
        self.free.or_else(|| RealDisk.free(folder))
    }
    fn may_write(&self, folder: &Path) -> io::Result<()> {
        match self.forbidden.as_deref() == Some(folder) {
            true => Err(io::ErrorKind::PermissionDenied.into()),
            false => RealDisk.may_write(folder),
        }
    }
    fn create(&self, path: &Path, like: Option<&Path>) -> io::Result<Box<dyn Draft>> {
        if let Some(creating) = &self.creating {
            creating(path)?;
        }
        RealDisk.create(path, like)
    }
    fn append(&self, path: &Path, length: u64) -> io::Result<Box<dyn Draft>> {
        RealDisk.append(path, length)
    }
    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        if let Some(renaming) = &self.renaming {
            renaming(from)?;
        }
        RealDisk.rename(from, to, replace)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        if let Some(removing) = &self.removing {
            removing(path)?;
        }
        RealDisk.remove(path)
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.sync_folder(folder)
    }
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.create_folder(folder)
    }
    fn commit_point(&self) -> io::Result<()> {
        RealDisk.commit_point()
    }
}
