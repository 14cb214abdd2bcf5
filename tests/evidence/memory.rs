//! A disk in memory that remembers in which order what was done to it, so that every state that a power cut may leave can be made.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use couplet::disk::{Disk, Draft, Entry, Identity, ReadAt};
use xxhash_rust::xxh3::xxh3_64;

/// Names a file, whatever it is called: its inode.
pub type Node = u64;

/// One thing that was done to the disk or to the database.
#[derive(Clone, Debug)]
pub enum Effect {
    /// A file came into being under a name.
    Created { node: Node, path: PathBuf },
    /// A file was cut, or filled with zeros, to a length.
    Cut { node: Node, length: u64 },
    /// Bytes were added to its end.
    Written { node: Node, bytes: Arc<[u8]> },
    /// Its bytes are durable from here on.
    Synced { node: Node },
    /// It got another name; what had that name is gone.
    Renamed { from: PathBuf, to: PathBuf },
    /// A name is gone.
    Removed { path: PathBuf },
    /// The names in a folder are durable from here on.
    FolderSynced { folder: PathBuf },
    /// A folder came into being, with those above it.
    FolderCreated,
    /// The database committed, durably; these are its bytes.
    Committed { database: Arc<[u8]> },
    /// A commit of the database comes next.
    CommitPoint,
}

/// The disk. Clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    // Names are compared as bytes: nobody here writes one path in two ways.
    files: BTreeMap<OsString, File>,
    folders: BTreeMap<OsString, Folder>,
    nodes: Node,
    /// Counts what is done, and stands for the time of day.
    ticks: i128,
    recording: Option<Recording>,
}

struct Recording {
    effects: Vec<Effect>,
    database: Box<dyn FnMut() -> Option<Arc<[u8]>> + Send>,
}

#[derive(Clone)]
struct File {
    node: Node,
    bytes: Arc<Mutex<Vec<u8>>>,
    times: Arc<Mutex<Times>>,
}

#[derive(Clone, Copy)]
struct Times {
    /// Where somebody said which; else it stands for the bytes, so that it is the same on a disk that is made of the files of another.
    modified: Option<i128>,
    changed: i128,
}

/// A folder, and the names of the files and folders in it.
#[derive(Default)]
struct Folder {
    number: u64,
    inside: BTreeMap<OsString, Entry>,
}

impl File {
    fn identity(&self) -> Identity {
        let times = *lock(&self.times);
        let bytes = lock(&self.bytes);
        let of_bytes = || -i128::from(xxh3_64(&bytes) >> 1);
        Identity {
            node: (1, self.node),
            size: bytes.len() as u64,
            modified: times.modified.unwrap_or_else(of_bytes),
            changed: times.changed,
        }
    }
}

/// A thread that panicked leaves nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn tick(&mut self) -> i128 {
        self.ticks += 1;
        self.ticks * 1_000
    }

    /// Notes an effect, after whatever the database has committed before it.
    fn note(&mut self, effect: impl FnOnce() -> Effect) {
        if let Some(recording) = &mut self.recording {
            if let Some(database) = (recording.database)() {
                recording.effects.push(Effect::Committed { database });
            }
            recording.effects.push(effect());
        }
    }

    fn touch(&mut self, file: &File) {
        let now = self.tick();
        *lock(&file.times) = Times {
            modified: None,
            changed: now,
        };
    }

    fn make_folder(&mut self, folder: &Path) {
        let missing = folder
            .ancestors()
            .take_while(|folder| !self.folders.contains_key(folder.as_os_str()));
        let missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
        for folder in missing.into_iter().rev() {
            self.note_inside(&folder, Entry::Folder);
            let number = self.folders.len() as u64;
            let inside = BTreeMap::new();
            self.folders
                .insert(folder.into_os_string(), Folder { number, inside });
        }
    }

    /// Has the folder in which something stands name it.
    fn note_inside(&mut self, path: &Path, entry: Entry) {
        if let Some(folder) = path
            .parent()
            .and_then(|folder| self.folders.get_mut(folder.as_os_str()))
        {
            folder.inside.insert(path.as_os_str().to_owned(), entry);
        }
    }

    /// Gives a file a name.
    fn name(&mut self, path: &Path, file: File) {
        self.files.insert(path.as_os_str().to_owned(), file);
        self.note_inside(path, Entry::File);
    }

    /// Takes a name away.
    fn unname(&mut self, path: &Path) -> Option<File> {
        let file = self.files.remove(path.as_os_str())?;
        if let Some(folder) = path
            .parent()
            .and_then(|folder| self.folders.get_mut(folder.as_os_str()))
        {
            folder.inside.remove(path.as_os_str());
        }
        Some(file)
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        let now = self.tick();
        if let Some(file) = self.unname(from) {
            lock(&file.times).changed = now;
            self.name(to, file);
        }
    }

    fn insert(&mut self, path: &Path, bytes: Vec<u8>) -> File {
        self.nodes += 1;
        let now = self.tick();
        let file = File {
            node: self.nodes,
            bytes: Arc::new(Mutex::new(bytes)),
            times: Arc::new(Mutex::new(Times {
                modified: None,
                changed: now,
            })),
        };
        self.name(path, file.clone());
        file
    }
}

fn not_found() -> io::Error {
    io::Error::from_raw_os_error(2)
}

fn taken() -> io::Error {
    io::Error::from_raw_os_error(17)
}

impl MemoryDisk {
    /// A disk with nothing on it.
    pub fn new() -> MemoryDisk {
        MemoryDisk::default()
    }

    /// A disk with these files, in the folders where they stand.
    pub fn with(files: impl IntoIterator<Item = (PathBuf, Vec<u8>)>) -> MemoryDisk {
        let disk = MemoryDisk::new();
        for (path, bytes) in files {
            disk.place(&path, bytes);
        }
        disk
    }

    fn place(&self, path: &Path, bytes: Vec<u8>) -> File {
        let mut inner = lock(&self.inner);
        if let Some(folder) = path.parent() {
            inner.make_folder(folder);
        }
        inner.insert(path, bytes)
    }

    /// Another program writes a file: a new one in the place of what was there.
    pub fn put(&self, path: &Path, bytes: impl Into<Vec<u8>>) {
        let file = self.place(path, bytes.into());
        let mut times = lock(&file.times);
        times.modified = Some(times.changed);
    }

    /// Another program writes into a file that is there, or makes it: the same inode, and whoever has it open sees it.
    /// `modified` is the time that it leaves behind; without one, now.
    pub fn overwrite(&self, path: &Path, bytes: impl Into<Vec<u8>>, modified: Option<i128>) {
        if !self.exists(path) {
            self.put(path, Vec::new());
        }
        let mut inner = lock(&self.inner);
        let now = inner.tick();
        if let Some(file) = inner.files.get(path.as_os_str()) {
            *lock(&file.bytes) = bytes.into();
            *lock(&file.times) = Times {
                modified: Some(modified.unwrap_or(now)),
                changed: now,
            };
        }
    }

    /// Another program removes a file.
    pub fn delete(&self, path: &Path) {
        lock(&self.inner).unname(path);
    }

    /// Another program renames a file.
    pub fn mv(&self, from: &Path, to: &Path) {
        let mut inner = lock(&self.inner);
        if let Some(folder) = to.parent() {
            inner.make_folder(folder);
        }
        inner.rename(from, to);
    }

    /// Whether a file stands at a path.
    pub fn exists(&self, path: &Path) -> bool {
        lock(&self.inner).files.contains_key(path.as_os_str())
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let inner = lock(&self.inner);
        let file = inner.files.get(path.as_os_str())?;
        Some(lock(&file.bytes).clone())
    }

    /// All files by path.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let inner = lock(&self.inner);
        let files = inner.files.iter();
        files
            .map(|(path, file)| (PathBuf::from(path), lock(&file.bytes).clone()))
            .collect()
    }

    /// All files by path with their nodes.
    pub fn nodes(&self) -> BTreeMap<PathBuf, Node> {
        let inner = lock(&self.inner);
        let files = inner.files.iter();
        files
            .map(|(path, file)| (PathBuf::from(path), file.node))
            .collect()
    }

    /// From here on remembers what is done. `database` is asked before each effect for the bytes of the database, where it
    /// has committed since it was last asked.
    pub fn record(&self, database: impl FnMut() -> Option<Arc<[u8]>> + Send + 'static) {
        lock(&self.inner).recording = Some(Recording {
            effects: Vec::new(),
            database: Box::new(database),
        });
    }

    /// What was done since [`record`](MemoryDisk::record), with a last commit of the database.
    pub fn recorded(&self) -> Vec<Effect> {
        let Some(mut recording) = lock(&self.inner).recording.take() else {
            return Vec::new();
        };
        if let Some(database) = (recording.database)() {
            recording.effects.push(Effect::Committed { database });
        }
        recording.effects
    }
}

struct Reader(File);

impl ReadAt for Reader {
    fn len(&self) -> u64 {
        lock(&self.0.bytes).len() as u64
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        lock(&self.0.bytes).read_at(buf, offset)
    }
}

/// Collects small writes, as the real one does.
struct MemoryDraft {
    disk: MemoryDisk,
    file: File,
    waiting: Vec<u8>,
}

/// Writes of this size and more reach the disk.
const BUFFER: usize = 256 << 10;

impl MemoryDraft {
    fn begin(disk: &MemoryDisk, file: File) -> Box<dyn Draft> {
        Box::new(MemoryDraft {
            disk: disk.clone(),
            file,
            waiting: Vec::new(),
        })
    }

    fn write_waiting(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.waiting);
        let mut inner = lock(&self.disk.inner);
        inner.note(|| Effect::Written {
            node: self.file.node,
            bytes: bytes.as_slice().into(),
        });
        inner.touch(&self.file);
        lock(&self.file.bytes).extend_from_slice(&bytes);
    }
}

impl Write for MemoryDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= BUFFER {
            self.write_waiting();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_waiting();
        Ok(())
    }
}

impl Drop for MemoryDraft {
    fn drop(&mut self) {
        self.write_waiting();
    }
}

impl Draft for MemoryDraft {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write_waiting();
        let node = self.file.node;
        lock(&self.disk.inner).note(|| Effect::Synced { node });
        Ok(())
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path) -> io::Result<(Box<dyn ReadAt>, Identity)> {
        let inner = lock(&self.inner);
        let file = inner.files.get(path.as_os_str()).ok_or_else(not_found)?;
        Ok((Box::new(Reader(file.clone())), file.identity()))
    }

    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        let inner = lock(&self.inner);
        let folder = || {
            Some(Identity {
                node: (2, inner.folders.get(path.as_os_str())?.number),
                size: 0,
                modified: 0,
                changed: 0,
            })
        };
        Ok(inner
            .files
            .get(path.as_os_str())
            .map(File::identity)
            .or_else(folder))
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<(PathBuf, Entry)>> {
        let inner = lock(&self.inner);
        let inside = inner
            .folders
            .get(folder.as_os_str())
            .map(|folder| &folder.inside);
        let inside = inside.into_iter().flatten();
        Ok(inside
            .map(|(path, entry)| (PathBuf::from(path), *entry))
            .collect())
    }

    fn free(&self, _folder: &Path) -> Option<u64> {
        None
    }

    fn create(&self, path: &Path, _like: Option<&Path>) -> io::Result<Box<dyn Draft>> {
        let mut inner = lock(&self.inner);
        if inner.files.contains_key(path.as_os_str()) {
            return Err(taken());
        }
        if !path
            .parent()
            .is_some_and(|folder| inner.folders.contains_key(folder.as_os_str()))
        {
            return Err(not_found());
        }
        let node = inner.nodes + 1;
        let name = path.to_owned();
        inner.note(|| Effect::Created { node, path: name });
        let file = inner.insert(path, Vec::new());
        drop(inner);
        Ok(MemoryDraft::begin(self, file))
    }

    fn append(&self, path: &Path, length: u64) -> io::Result<Box<dyn Draft>> {
        let mut inner = lock(&self.inner);
        let file = match inner.files.get(path.as_os_str()) {
            Some(file) => file.clone(),
            None => {
                if !path
                    .parent()
                    .is_some_and(|folder| inner.folders.contains_key(folder.as_os_str()))
                {
                    return Err(not_found());
                }
                let node = inner.nodes + 1;
                let name = path.to_owned();
                inner.note(|| Effect::Created { node, path: name });
                inner.insert(path, Vec::new())
            }
        };
        let node = file.node;
        inner.note(|| Effect::Cut { node, length });
        lock(&file.bytes).resize(usize::try_from(length).map_err(io::Error::other)?, 0);
        drop(inner);
        Ok(MemoryDraft::begin(self, file))
    }

    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        let mut inner = lock(&self.inner);
        if !inner.files.contains_key(from.as_os_str()) {
            return Err(not_found());
        }
        if !replace && inner.files.contains_key(to.as_os_str()) {
            return Err(taken());
        }
        inner.note(|| Effect::Renamed {
            from: from.to_owned(),
            to: to.to_owned(),
        });
        inner.rename(from, to);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = lock(&self.inner);
        if inner.files.contains_key(path.as_os_str()) {
            inner.note(|| Effect::Removed {
                path: path.to_owned(),
            });
            inner.unname(path);
        }
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        lock(&self.inner).note(|| Effect::FolderSynced {
            folder: folder.to_owned(),
        });
        Ok(())
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut inner = lock(&self.inner);
        if !inner.folders.contains_key(folder.as_os_str()) {
            inner.note(|| Effect::FolderCreated);
            inner.make_folder(folder);
        }
        Ok(())
    }

    fn commit_point(&self) -> io::Result<()> {
        lock(&self.inner).note(|| Effect::CommitPoint);
        Ok(())
    }
}
