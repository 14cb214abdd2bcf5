//! Every effect on a disk, behind one trait so that a test can hold it: the only code that writes files of others.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use serde::{Deserialize, Serialize};

/// Bytes that can be read by position.
///
/// A file is read this way and not mapped: when somebody cuts a mapped file short, its reader dies.
pub trait ReadAt: Send + Sync {
    /// How many bytes there are.
    fn len(&self) -> u64;

    /// Reads some bytes at `offset`; 0 says that there are none.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says that these bytes will hardly be read again, so that the system need not keep them in memory.
    fn let_go(&self, _range: Range<u64>) {}
}

/// Reads exactly as many bytes as the buffer holds.
///
/// # Errors
///
/// Those of the system, and `UnexpectedEof` where the file has become shorter than it was.
pub fn read_exact_at(source: &dyn ReadAt, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match source.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the file became shorter while it was read",
                ));
            }
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        Vec::len(self) as u64
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.get(offset..))
            .unwrap_or(&[]);
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl ReadAt for std::fs::File {
    fn len(&self) -> u64 {
        self.metadata().map_or(0, |metadata| metadata.len())
    }

    #[cfg(unix)]
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buf, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, buf, offset)
    }

    #[cfg(target_os = "linux")]
    fn let_go(&self, range: Range<u64>) {
        let length = std::num::NonZeroU64::new(range.end.saturating_sub(range.start));
        // It is a hint: a system that does not take it keeps the bytes.
        let _ = rustix::fs::fadvise(self, range.start, length, rustix::fs::Advice::DontNeed);
    }
}

/// What tells one version of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Device and inode.
    pub node: (u64, u64),
    /// Size in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970.
    pub modified: i128,
    /// Change time in nanoseconds since 1970; no copy keeps it.
    pub changed: i128,
}

/// What stands under a name in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file that no other name leads to.
    File,
    /// A file that stands under other names too.
    Linked,
    /// A folder.
    Folder,
    /// A link, a pipe, a device.
    Other,
}

/// A file that is being written.
pub trait Draft: Write + Send {
    /// Makes everything written durable.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A file that is written, and still to be made durable.
pub struct Unsynced {
    /// Where it stands.
    pub path: PathBuf,
    draft: Box<dyn Draft>,
}

impl Unsynced {
    /// What was written at a path.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn new(path: &Path, mut draft: Box<dyn Draft>) -> io::Result<Unsynced> {
        draft.flush()?;
        Ok(Unsynced {
            path: path.to_owned(),
            draft,
        })
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn sync(self) -> io::Result<()> {
        self.draft.finish()
    }
}

/// The effects of a pass on a disk.
pub trait Disk: Sync {
    /// Opens a file for reading, with the identity of what was opened. Anything but a regular file is refused.
    fn open(&self, path: &Path) -> io::Result<(Box<dyn ReadAt>, Identity)>;

    /// [`open`](Disk::open) for a file that somebody dropped: a link is not followed, and a file that stands under other names too
    /// is refused, since its sender may only lend its name.
    fn open_dropped(&self, path: &Path) -> io::Result<(Box<dyn ReadAt>, Identity)> {
        self.open(path)
    }

    /// The path to which links lead; the same where no link stands at it.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    /// The identity of what stands at a path; `None` where nothing does.
    fn identity(&self, path: &Path) -> io::Result<Option<Identity>>;

    /// What stands in a folder, sorted, without following links; nothing where the folder does not exist.
    fn entries(&self, folder: &Path) -> io::Result<Vec<(PathBuf, Entry)>>;

    /// What stands at a path, without following a link; `None` where nothing does.
    fn entry(&self, path: &Path) -> io::Result<Option<Entry>> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let entries = self.entries(folder)?;
        let mut entries = entries.into_iter().filter(|(found, _)| found == path);
        Ok(entries.next().map(|(_, entry)| entry))
    }

    /// Files of a folder, sorted; nothing where the folder does not exist.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let entries = self.entries(folder)?.into_iter();
        let files = entries.filter(|(_, entry)| matches!(entry, Entry::File | Entry::Linked));
        Ok(files.map(|(path, _)| path).collect())
    }

    /// Bytes that can still be written to the disk of a folder; `None` where nobody can say.
    fn free(&self, folder: &Path) -> Option<u64>;

    /// Looks whether files can be created in a folder. Nothing is written, so a disk may still refuse it.
    ///
    /// # Errors
    /// Why they cannot.
    fn may_write(&self, folder: &Path) -> io::Result<()> {
        let _ = folder;
        Ok(())
    }

    /// Creates a file that does not exist yet, with mode and owner of `like` where that exists: at no moment may more people read
    /// it than those who may read `like`.
    fn create(&self, path: &Path, like: Option<&Path>) -> io::Result<Box<dyn Draft>>;

    /// Creates a file of the state, which nobody else reads.
    fn create_own(&self, path: &Path) -> io::Result<Box<dyn Draft>> {
        self.create(path, None)
    }

    /// Opens a file that only we write, cut or filled up to `length`, to append to it.
    fn append(&self, path: &Path, length: u64) -> io::Result<Box<dyn Draft>>;

    /// [`append`](Disk::append) for a file of the state, which nobody else reads.
    fn append_own(&self, path: &Path, length: u64) -> io::Result<Box<dyn Draft>> {
        self.append(path, length)
    }

    /// Makes files durable, perhaps at once; what became of each stands in its place.
    fn sync_files(&self, files: Vec<Unsynced>) -> Vec<io::Result<()>> {
        files.into_iter().map(Unsynced::sync).collect()
    }

    /// Puts a file in the place of another, or, without `replace`, where nothing stands.
    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()>;

    /// Removes a file; one that is not there is no error.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Creates a folder and those above it, durably: what is made durable in it stays.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;

    /// Creates a folder into which nobody else looks, and those above it, as others may.
    fn create_own_folder(&self, folder: &Path) -> io::Result<()> {
        self.create_folder(folder)
    }

    /// Stands before every commit of the database, so that a fault can be injected there too.
    fn commit_point(&self) -> io::Result<()>;
}

/// The machine's own disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

struct RealDraft {
    file: io::BufWriter<File>,
    /// Bytes since the disk was last told to begin writing.
    waiting: usize,
    writeback: Option<Writeback>,
}

/// Has a long file written to the disk while it still grows, so that less is left to be waited for at its end.
struct Writeback {
    wake: mpsc::Sender<()>,
    thread: thread::JoinHandle<io::Result<()>>,
}

impl Writeback {
    /// So many bytes are worth a beginning.
    const STRIDE: usize = 32 << 20;

    fn start(file: &File) -> io::Result<Writeback> {
        let file = file.try_clone()?;
        let (wake, woken) = mpsc::channel();
        let thread = thread::Builder::new().spawn(move || {
            while woken.recv().is_ok() {
                while woken.try_recv().is_ok() {}
                file.sync_data()?;
            }
            Ok(())
        })?;
        Ok(Writeback { wake, thread })
    }

    /// A fault is reported to one caller only, so what the thread was told must be told on.
    fn end(self) -> io::Result<()> {
        drop(self.wake);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("a thread that writes files back panicked")))
    }
}

impl RealDraft {
    fn new(file: File) -> RealDraft {
        RealDraft {
            file: io::BufWriter::with_capacity(BUFFER, file),
            waiting: 0,
            writeback: None,
        }
    }
}

impl Write for RealDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.waiting += count;
        if self.waiting >= Writeback::STRIDE {
            self.waiting = 0;
            let file = self.file.get_ref();
            let writeback = match self.writeback.take() {
                Some(running) => running,
                None => Writeback::start(file)?,
            };
            // A thread that has ended ended with a fault, which `finish` tells.
            let _ = writeback.wake.send(());
            self.writeback = Some(writeback);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Draft for RealDraft {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.file.flush()?;
        if let Some(writeback) = self.writeback.take() {
            writeback.end()?;
        }
        self.file.get_ref().sync_data()
    }
}

/// Writes of this size and more are not buffered.
const BUFFER: usize = 256 << 10;

impl Disk for RealDisk {
    fn open(&self, path: &Path) -> io::Result<(Box<dyn ReadAt>, Identity)> {
        // Opening a device may do something, so what stands there is looked at first.
        regular(&fs::metadata(path)?)?;
        let (file, metadata) = open_regular(path, true)?;
        Ok((Box::new(file), identity_of(&metadata)))
    }

    fn open_dropped(&self, path: &Path) -> io::Result<(Box<dyn ReadAt>, Identity)> {
        regular(&fs::symlink_metadata(path)?)?;
        let (file, metadata) = open_regular(path, false)?;
        match entry_of(&metadata) {
            Entry::File => Ok((Box::new(file), identity_of(&metadata))),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it stands under another name too",
            )),
        }
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        match fs::symlink_metadata(path)?.is_symlink() {
            true => fs::canonicalize(path),
            false => Ok(path.to_owned()),
        }
    }

    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(identity_of(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<(PathBuf, Entry)>> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            // What is gone between the two looks was never there.
            if let Ok(metadata) = entry.metadata() {
                found.push((entry.path(), entry_of(&metadata)));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }

    fn entry(&self, path: &Path) -> io::Result<Option<Entry>> {
        match fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some(entry_of(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    #[cfg(unix)]
    fn free(&self, folder: &Path) -> Option<u64> {
        let room = rustix::fs::statvfs(folder).ok()?;
        Some(room.f_bavail.saturating_mul(room.f_frsize))
    }

    #[cfg(not(unix))]
    fn free(&self, _folder: &Path) -> Option<u64> {
        None
    }

    fn may_write(&self, folder: &Path) -> io::Result<()> {
        may_write(folder)
    }

    fn create(&self, path: &Path, like: Option<&Path>) -> io::Result<Box<dyn Draft>> {
        let like = like.and_then(|like| fs::metadata(like).ok());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        if like.is_some() {
            // Who opens it before its mode is set reads what is written afterwards.
            for_us_alone(&mut options);
        }
        let file = options.open(path)?;
        if let Some(metadata) = like {
            keep_mode_and_owner(&file, &metadata)?;
        }
        Ok(Box::new(RealDraft::new(file)))
    }

    fn create_own(&self, path: &Path) -> io::Result<Box<dyn Draft>> {
        let mut options = OpenOptions::new();
        let file = for_us_alone(options.write(true).create_new(true)).open(path)?;
        Ok(Box::new(RealDraft::new(file)))
    }

    fn append(&self, path: &Path, length: u64) -> io::Result<Box<dyn Draft>> {
        append_with(&mut OpenOptions::new(), path, length)
    }

    fn append_own(&self, path: &Path, length: u64) -> io::Result<Box<dyn Draft>> {
        append_with(for_us_alone(&mut OpenOptions::new()), path, length)
    }

    fn sync_files(&self, files: Vec<Unsynced>) -> Vec<io::Result<()>> {
        if files.len() < 2 {
            return files.into_iter().map(Unsynced::sync).collect();
        }
        // A disk that is asked for all of them at once writes them in one go.
        thread::scope(|scope| {
            let waits = |file: Unsynced| scope.spawn(|| file.sync());
            let threads: Vec<_> = files.into_iter().map(waits).collect();
            let ends = threads.into_iter().map(thread::ScopedJoinHandle::join);
            ends.map(|end| end.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    }

    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        if replace {
            return take_place(from, to);
        }
        rename_to_free_name(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        if cfg!(unix) {
            File::open(folder)?.sync_all()
        } else {
            Ok(())
        }
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let missing = folder.ancestors().take_while(|above| !above.exists());
        let missing: Vec<&Path> = missing
            .filter(|above| !above.as_os_str().is_empty())
            .collect();
        fs::create_dir_all(folder)?;
        for created in missing {
            match created.parent() {
                Some(above) if !above.as_os_str().is_empty() => self.sync_folder(above)?,
                _ => self.sync_folder(Path::new("."))?,
            }
        }
        Ok(())
    }

    fn create_own_folder(&self, folder: &Path) -> io::Result<()> {
        create_own_folder(folder)
    }

    fn commit_point(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Creates a folder into which nobody else looks, whatever the umask says, and those above it, as the umask says. One that is there
/// keeps the mode that somebody gave it.
///
/// # Errors
///
/// Those of the system.
pub fn create_own_folder(folder: &Path) -> io::Result<()> {
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !folder.is_dir() => {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Whether other users than its owner may look into a folder.
pub fn is_open_to_others(folder: &Path) -> bool {
    #[cfg(unix)]
    return fs::metadata(folder)
        .is_ok_and(|metadata| std::os::unix::fs::MetadataExt::mode(&metadata) & 0o077 != 0);
    #[cfg(not(unix))]
    {
        let _ = folder;
        false
    }
}

/// Has a file, where it is created, be readable by nobody else, whatever the umask says.
pub fn for_us_alone(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn append_with(options: &mut OpenOptions, path: &Path, length: u64) -> io::Result<Box<dyn Draft>> {
    let mut file = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    file.set_len(length)?;
    file.seek(SeekFrom::Start(length))?;
    Ok(Box::new(RealDraft::new(file)))
}

fn regular(metadata: &fs::Metadata) -> io::Result<()> {
    match metadata.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        )),
    }
}

/// Opens a regular file. A pipe that was put in its place since it was looked at would block an ordinary open for ever.
fn open_regular(path: &Path, follows_links: bool) -> io::Result<(File, fs::Metadata)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let mut flags = OFlags::NONBLOCK;
        if !follows_links {
            flags |= OFlags::NOFOLLOW;
        }
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits() as i32);
    }
    #[cfg(not(unix))]
    let _ = follows_links;
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    regular(&metadata)?;
    Ok((file, metadata))
}

/// Whether something fails for want of rights: a matter of one folder or file, whatever the rest of the disk allows.
pub fn is_forbidden(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

/// Gives a file a name that nothing has yet. Where the system can do that by itself, the file may be another user's, which many systems
/// let nobody link to.
fn rename_to_free_name(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Not every file system knows how.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            renamed => return Ok(renamed?),
        }
    }
    // A hard link refuses a name that is taken; the old name goes afterwards, as it would in a rename.
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

/// Whether the process may do anything to anybody's files.
pub fn is_root() -> bool {
    #[cfg(unix)]
    return rustix::process::geteuid().is_root();
    #[cfg(not(unix))]
    return false;
}

/// Looks whether we may create files in a folder.
fn may_write(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::Access;
        rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)?;
    }
    let _ = folder;
    Ok(())
}

/// Looks whether we may read a file. It is not opened: closing it would take a lock on it from this process.
///
/// # Errors
/// Those of the system, also where there is no such file.
pub fn may_read(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return Ok(rustix::fs::access(path, rustix::fs::Access::READ_OK)?);
    #[cfg(not(unix))]
    fs::metadata(path).map(|_| ())
}

/// Whose a file or folder is, for people: the name where the machine tells it, else the number.
pub fn owner_of(path: &Path) -> String {
    #[cfg(unix)]
    if let Ok(metadata) = fs::metadata(path) {
        let id = std::os::unix::fs::MetadataExt::uid(&metadata);
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        // name:password:number:…
        let named = users.lines().find_map(|line| {
            let mut parts = line.split(':');
            let name = parts.next()?;
            (parts.nth(1)? == id.to_string()).then(|| name.to_owned())
        });
        return named.unwrap_or_else(|| format!("user {id}"));
    }
    let _ = path;
    "another user".to_owned()
}

/// Puts a file in the place of another. On Windows a reader or a virus scanner may have it open for a moment, which is waited for.
#[cfg(not(windows))]
fn take_place(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Puts a file in the place of another. On Windows a reader or a virus scanner may have it open for a moment, which is waited for.
#[cfg(windows)]
fn take_place(from: &Path, to: &Path) -> io::Result<()> {
    // Access denied, sharing violation, lock violation.
    const BUSY: [i32; 3] = [5, 32, 33];
    let mut wait = std::time::Duration::from_millis(10);
    // Two and a half seconds in all.
    for _ in 0..8 {
        match fs::rename(from, to) {
            Err(error)
                if error
                    .raw_os_error()
                    .is_some_and(|code| BUSY.contains(&code)) =>
            {
                std::thread::sleep(wait);
                wait *= 2;
            }
            done => return done,
        }
    }
    fs::rename(from, to)
}

fn entry_of(metadata: &fs::Metadata) -> Entry {
    if metadata.is_dir() {
        return Entry::Folder;
    }
    match (metadata.is_file(), links(metadata)) {
        (true, 0 | 1) => Entry::File,
        (true, _) => Entry::Linked,
        (false, _) => Entry::Other,
    }
}

#[cfg(unix)]
fn links(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

#[cfg(not(unix))]
fn links(_metadata: &fs::Metadata) -> u64 {
    1
}

#[cfg(unix)]
fn identity_of(metadata: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    Identity {
        node: (metadata.dev(), metadata.ino()),
        size: metadata.size(),
        modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
        changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
    }
}

#[cfg(not(unix))]
fn identity_of(metadata: &fs::Metadata) -> Identity {
    let modified = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_nanos() as i128);
    Identity {
        node: (0, 0),
        size: metadata.len(),
        modified,
        changed: modified,
    }
}

#[cfg(unix)]
fn keep_mode_and_owner(file: &File, like: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        // Only root may give a file away; anybody else keeps at least the group if it is one of theirs.
        let group = rustix::fs::Gid::from_raw(like.gid());
        let owner = rustix::fs::Uid::from_raw(like.uid());
        if rustix::fs::fchown(file, Some(owner), Some(group)).is_err() {
            let _ = rustix::fs::fchown(file, None, Some(group));
        }
    }
    file.set_permissions(like.permissions())
}

#[cfg(not(unix))]
fn keep_mode_and_owner(file: &File, like: &fs::Metadata) -> io::Result<()> {
    file.set_permissions(like.permissions())
}
