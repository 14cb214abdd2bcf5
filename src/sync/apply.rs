//! Carry out: all files of a pass behind one journal, each the old or the new one at any instant (`product.md` §7).

mod bases;
pub mod log;
pub mod log_form;
mod rebase;
pub mod recover;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tracing::warn;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::config::{Announce, Config, Update, WriteBack};
use crate::disk::{Disk, Draft, Unsynced};
use crate::exports::{Edits, Export, UpdateContents};
use crate::merge::Plan;
use crate::merge::deliver::Route;
use crate::model::Table;
use crate::state::journal::Commit;
use crate::state::memory::{Memory, Target};
use crate::state::{StateError, Store};

use super::decide::Decided;
use super::inbox::folder_and_name;
use super::observe::Seen;
use super::pass::{Effects, stamp};
use super::quiet::Quiet;
use super::spread::{let_go, side_by_side, together};
use bases::{Bases, Kept, remember_table};

/// Why a pass could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The state refused.
    #[error(transparent)]
    State(#[from] StateError),
    /// A disk is too full for the files of a pass and for what is needed beside them.
    #[error("there is too little room on the disk of {}: {free} bytes are free, and the pass needs {needed}", folder.display())]
    Full {
        /// A folder on it.
        folder: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that must be.
        needed: u64,
    },
    /// What stands where the interaction log is to be written is none.
    #[error("{} is not the interaction log, so nothing is written to it: let `interactions.export` name another file, or move this one away", .0.display())]
    NotTheLog(PathBuf),
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What became of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// All of it was carried out; these files were put in place.
    Done(Vec<PathBuf>),
    /// A file was changed by somebody else meanwhile; nothing was written, and the pass must be planned again.
    Overtaken(PathBuf),
}

/// What carrying out has to know beside what was decided.
pub struct Doing<'d> {
    /// Configuration.
    pub config: &'d Config,
    /// How many couplings are in force.
    pub couplings: u64,
    /// When the exports were opened, in nanoseconds since 1970.
    pub read_at: i128,
    /// The seed of all hashes.
    pub seed: u64,
}

/// Carries out what was decided and its plan, writes the files of its documents, and lets go of the tables.
pub fn apply(
    decided: Decided,
    plan: &Plan,
    tables: Vec<Option<Seen<'_>>>,
    documents: &[(PathBuf, Vec<u8>)],
    effects: &Effects<'_>,
    store: &mut Store,
    doing: &Doing<'_>,
) -> Result<Applied, ApplyError> {
    let Effects { disk, clock, stage } = *effects;
    let Decided {
        edits,
        overrides,
        carried,
        rebased,
        links,
        troubled,
        born,
        dropped,
        newborn: _,
        overtaken: _,
        unsaid: _,
        memory,
        owed: _,
        plan: _,
        stale: _,
    } = decided;
    let mut memory = Memory {
        conflicts: Cow::Borrowed(&plan.conflicts),
        debts: Cow::Borrowed(&plan.debts),
        problems: Cow::Borrowed(&plan.problems),
        interactions: Cow::Borrowed(&plan.interactions),
        changes: Cow::Borrowed(&plan.changes),
        ..memory
    };
    let pass = memory.pass;
    let nothing = Edits::default();
    let mut jobs: Vec<Job<'_>> = Vec::new();
    for seen in tables.iter().flatten() {
        let edits = edits.get(&seen.table).unwrap_or(&nothing);
        jobs.extend(jobs_of(seen, edits, pass));
    }
    let mut announcements = announcements(&jobs, pass);
    let mut pages = pages(documents, pass);
    let targets = self::targets(&jobs, &announcements, &pages);
    if !targets.is_empty() {
        room_for(&jobs, disk)?;
        store.journal_intent(disk, &targets)?;
    }
    let bases = Bases {
        overrides: &overrides,
        carried: &carried,
        rebased: &rebased,
        links: links.as_deref().map(Vec::as_slice),
        troubled: &troubled,
        born: &born,
        dropped: &dropped,
        seed: doing.seed,
    };
    let base_folder = store.base_folder();
    // While files are written, the database takes in what was decided; nothing stays of that before the commit.
    let (commit, (written, remembered)) = together(
        jobs.iter().map(|job| job.seen.size()).sum(),
        || match targets.is_empty() {
            true => Ok(None),
            false => store.journal_commit(&memory).map(Some),
        },
        || write_files(&jobs, &tables, &edits, &bases, disk, &base_folder),
    );
    let commit = commit?;
    if written.iter().any(Result::is_err) {
        // A file that was rewritten while it was copied is no failure: the pass is planned again.
        let overtaken = tables
            .iter()
            .flatten()
            .filter(|seen| seen.export.is_some())
            .find(|seen| {
                disk.identity(&seen.path)
                    .is_ok_and(|identity| identity != seen.identity)
            });
        if let Some(seen) = overtaken {
            drop(commit);
            discard(&targets, disk)?;
            store.journal_clear(disk)?;
            return Ok(Applied::Overtaken(seen.path.clone()));
        }
    }
    let mut leaves_open = false;
    let (mut files, mut of_state) = (Vec::new(), Vec::new());
    for kept in remembered {
        let kept = kept?;
        memory.tables.push(kept.memory);
        leaves_open |= kept.leaves_open;
        of_state.extend(kept.files);
    }
    for (job, written) in jobs.iter_mut().zip(written) {
        let (digest, file) = written?;
        job.target.after = digest;
        files.push(file);
        let name = job.seen.table.name();
        let mut tables = memory.tables.iter_mut();
        if let Some(table) = tables.find(|table| job.in_place && table.table == name) {
            table.digest.clone_from(&job.target.after);
            table.written_pass = Some(pass);
        }
    }
    for announcement in &mut announcements {
        announcement.write(&jobs, pass, disk)?;
    }
    // There may be more of them than files can be open.
    for page in &mut pages {
        page.write(disk)?;
    }
    sync_files(files, of_state, disk)?;
    if !leaves_open {
        memory.quiet = quiet(doing, &tables, &memory, plan, &jobs, disk)?;
    }
    for seen in tables.iter().flatten().filter(|seen| seen.export.is_some()) {
        let is_target = jobs
            .iter()
            .any(|job| job.in_place && job.seen.table == seen.table);
        if !still_as_read(seen, is_target, disk, doing.read_at)? {
            drop(commit);
            discard(&targets, disk)?;
            if !targets.is_empty() {
                store.journal_clear(disk)?;
            }
            return Ok(Applied::Overtaken(seen.path.clone()));
        }
    }
    stage("publishing");
    let targets = self::targets(&jobs, &announcements, &pages);
    let folders: BTreeSet<PathBuf> = targets
        .iter()
        .filter_map(|target| parent(&target.path))
        .collect();
    sync(&folders, disk)?;
    sync(&BTreeSet::from([base_folder]), disk)?;
    let finish = |commit: Commit<'_>| commit.finish(disk, &targets, &mut memory);
    commit.map(finish).transpose()?;
    // RACE: another program's write between this look and the rename is lost; no file API closes that window.
    let check = |target: &Target| -> Result<Standing, ApplyError> {
        let seen = jobs
            .iter()
            .find(|job| job.target == *target && job.in_place)
            .map(|job| job.seen);
        Ok(match seen {
            Some(seen)
                if disk.identity(&seen.path).map_err(write_error(&seen.path))? != seen.identity =>
            {
                Standing::Foreign
            }
            _ => Standing::Before,
        })
    };
    let (memory, published) = publish(&targets, memory, disk, &check)?;
    stage("remembering");
    drop(jobs);
    remember(&memory, &stamp(clock), tables, store, disk)?;
    Ok(Applied::Done(published))
}

/// A file, with its content hash.
type Written = Result<(String, Unsynced), ApplyError>;

/// Writes the temporary files, and the bases, which nothing names before the pass is remembered; tables side by side. A table's base comes
/// first: its records are read from what is let go while the table's file is copied.
fn write_files(
    jobs: &[Job<'_>],
    tables: &[Option<Seen<'_>>],
    edits: &BTreeMap<Table, Edits>,
    bases: &Bases<'_>,
    disk: &dyn Disk,
    base_folder: &Path,
) -> (Vec<Written>, Vec<Result<Kept, StateError>>) {
    let nothing = Edits::default();
    let write = |job: &Job<'_>| {
        job.write(disk).map_err(|source| ApplyError::Write {
            path: job.temporary(),
            source,
        })
    };
    let keep = |seen: &Seen<'_>| {
        let edits = edits
            .get(&seen.table)
            .filter(|_| seen.route() == Route::InPlace)
            .unwrap_or(&nothing);
        remember_table(seen, edits, bases, disk, base_folder)
    };
    let work = tables.iter().flatten().map(|seen| (seen.size(), seen));
    let done = side_by_side(work.collect(), |seen| {
        let kept = bases.concern(seen).then(|| keep(seen));
        // The jobs of a table follow one another, in the order of the tables.
        let of_table = jobs.iter().filter(|job| job.seen.table == seen.table);
        let written: Vec<Written> = of_table.map(&write).collect();
        (written, kept)
    });
    let (written, kept): (Vec<_>, Vec<_>) = done.into_iter().unzip();
    let written = written.into_iter().flatten().collect();
    (written, kept.into_iter().flatten().collect())
}

/// Remembers a pass, and lets go of its tables: files that were replaced are freed by whoever closes them last, and the disk takes as long
/// for that as they are large. Nobody waits for it, and the state is remembered before, since the disk may be busy with it for long.
fn remember(
    memory: &Memory<'_>,
    finished: &str,
    tables: Vec<Option<Seen<'_>>>,
    store: &mut Store,
    disk: &dyn Disk,
) -> Result<(), StateError> {
    store.remember(disk, memory, finished)?;
    store.sweep_base(disk)?;
    for seen in tables.into_iter().flatten() {
        let size = seen.size();
        if let Some(export) = seen.export {
            let_go(size, export.into_text());
        }
    }
    Ok(())
}

/// What the pass leaves, where it leaves nothing open.
fn quiet(
    doing: &Doing<'_>,
    tables: &[Option<Seen<'_>>],
    memory: &Memory<'_>,
    plan: &Plan,
    jobs: &[Job<'_>],
    disk: &dyn Disk,
) -> Result<Option<String>, ApplyError> {
    let size_of = |seen: &Seen<'_>| {
        let mut in_place = jobs.iter().filter(|job| job.in_place);
        match in_place.find(|job| job.seen.table == seen.table) {
            Some(job) => disk
                .identity(&job.temporary())
                .ok()?
                .map(|identity| identity.size),
            None => seen.identity.map(|identity| identity.size),
        }
    };
    let quiet = Quiet::after(
        doing.config,
        tables,
        memory,
        plan,
        doing.couplings,
        &size_of,
    );
    let quiet = quiet.map(|quiet| serde_json::to_string(&quiet)).transpose();
    Ok(quiet.map_err(StateError::from)?)
}

/// A pass that would fill a disk is not begun: its temporary files, and what other programs write meanwhile, must fit too.
fn room_for(jobs: &[Job<'_>], disk: &dyn Disk) -> Result<(), ApplyError> {
    const TIMES: u64 = 3;
    let largest = jobs.iter().map(|job| job.seen.size());
    let needed = largest.max().unwrap_or(0).saturating_mul(TIMES);
    for job in jobs {
        let Some(folder) = parent(&job.target.path) else {
            continue;
        };
        if let Some(free) = disk.free(&folder).filter(|free| *free < needed) {
            return Err(ApplyError::Full {
                folder,
                free,
                needed,
            });
        }
    }
    Ok(())
}

fn targets(jobs: &[Job<'_>], announcements: &[Announcement], pages: &[Page]) -> Vec<Target> {
    // What announces a file is put in place after it.
    let jobs = jobs.iter().map(|job| job.target.clone());
    let announcements = announcements
        .iter()
        .map(|announcement| announcement.target.clone());
    let pages = pages.iter().map(|page| page.target.clone());
    jobs.chain(announcements).chain(pages).collect()
}

/// A file of a document: new, and nobody's before.
struct Page {
    target: Target,
    bytes: Vec<u8>,
}

fn pages(files: &[(PathBuf, Vec<u8>)], pass: u64) -> Vec<Page> {
    let pages = files.iter().map(|(path, bytes)| {
        let (_, name) = folder_and_name(path);
        Page {
            target: target("documents", path, &name, None, pass),
            bytes: bytes.clone(),
        }
    });
    pages.collect()
}

impl Page {
    /// Writes its temporary file, durably.
    fn write(&mut self, disk: &dyn Disk) -> Result<(), ApplyError> {
        let path = PathBuf::from(&self.target.temporary);
        if let Some(folder) = path.parent() {
            disk.create_folder(folder).map_err(write_error(folder))?;
        }
        self.target.after = format!("{:032x}", xxh3_128(&self.bytes));
        write_new(disk, &path, &self.bytes).map_err(write_error(&path))
    }
}

/// Writes a new file, durably, in the place of one that a pass left which did not finish.
fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    disk.remove(path)?;
    let mut draft = disk.create(path, None)?;
    draft.write_all(bytes)?;
    draft.finish()
}

/// Makes what a pass has written durable: files of tables for others, and those of the state.
fn sync_files(
    mut files: Vec<Unsynced>,
    of_state: Vec<Unsynced>,
    disk: &dyn Disk,
) -> Result<(), ApplyError> {
    let others = files.len();
    files.extend(of_state);
    let paths: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    let ends = disk.sync_files(files).into_iter().zip(&paths).enumerate();
    for (at, (end, path)) in ends {
        match at < others {
            true => end.map_err(write_error(path))?,
            false => end.map_err(StateError::file(path))?,
        }
    }
    Ok(())
}

/// One file to be written.
struct Job<'a> {
    seen: &'a Seen<'a>,
    export: &'a Export,
    target: Target,
    in_place: bool,
    contents: JobContents<'a>,
}

enum JobContents<'a> {
    /// The whole table with edits.
    Spliced(Cow<'a, Edits>),
    /// Changed records only.
    Update(Cow<'a, Edits>, UpdateContents),
    /// Keys of records that go.
    Removed(&'a Edits),
}

fn jobs_of<'a>(seen: &'a Seen<'a>, edits: &'a Edits, pass: u64) -> Vec<Job<'a>> {
    let Some(export) = &seen.export else {
        return Vec::new();
    };
    if edits.is_empty() {
        return Vec::new();
    }
    let job = |path: PathBuf, before: Option<String>, contents| {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let target = target(seen.table.name(), &path, &name, before, pass);
        Job {
            seen,
            export,
            target,
            in_place: path == seen.path,
            contents,
        }
    };
    match &seen.config.write_back {
        WriteBack::None => Vec::new(),
        WriteBack::InPlace => {
            let before = seen.identity.map(|_| format!("{:032x}", export.digest));
            vec![job(
                seen.path.clone(),
                before,
                JobContents::Spliced(Cow::Borrowed(edits)),
            )]
        }
        WriteBack::Folder(folder) => {
            let extension = seen
                .path
                .extension()
                .map(|e| e.to_string_lossy().into_owned())
                .unwrap_or("csv".to_owned());
            let file =
                |what: &str| folder.join(format!("{}{what}_{pass:06}.{extension}", seen.table));
            let mut jobs = Vec::new();
            if edits.updates() && seen.is_updated_whole() {
                let whole = Cow::Owned(edits.of_whole_table());
                jobs.push(job(file(""), None, JobContents::Spliced(whole)));
            } else if edits.updates() {
                let (edits, new) = separable(edits);
                let contents = |edits: Cow<'a, Edits>| match seen.config.update {
                    Update::Records | Update::Full => {
                        JobContents::Update(edits, UpdateContents::Records)
                    }
                    Update::Cells => JobContents::Update(edits, UpdateContents::Cells),
                };
                jobs.push(job(file(""), None, contents(edits)));
                if let Some(new) = new {
                    jobs.push(job(file("_new"), None, contents(Cow::Owned(new))));
                }
            }
            if !edits.remove.is_empty() || !edits.unlisted_remove.is_empty() {
                jobs.push(job(file("_removed"), None, JobContents::Removed(edits)));
            }
            jobs
        }
    }
}

fn target(table: &str, path: &Path, name: &str, before: Option<String>, pass: u64) -> Target {
    let temporary = path.with_file_name(format!(".couplet-{pass}-{name}.tmp"));
    Target {
        table: table.to_owned(),
        path: path.display().to_string(),
        temporary: temporary.display().to_string(),
        before,
        after: String::new(),
    }
}

/// New rows may have columns of which nothing is known for records that the export does not list, and a blank would clear what
/// their system has there: the new rows go into a file of their own then.
fn separable(edits: &Edits) -> (Cow<'_, Edits>, Option<Edits>) {
    let has_carried = edits.append.iter().any(|row| !row.carried.is_empty());
    let is_mixed = has_carried && edits.unlisted.values().any(|row| !row.is_whole);
    if !is_mixed {
        return (Cow::Borrowed(edits), None);
    }
    let new = Edits {
        append: edits.append.clone(),
        ..Edits::default()
    };
    let rest = Edits {
        append: Vec::new(),
        ..edits.clone()
    };
    (Cow::Owned(rest), Some(new))
}

impl Job<'_> {
    fn temporary(&self) -> PathBuf {
        PathBuf::from(&self.target.temporary)
    }

    /// Writes the temporary file, and returns its content hash with it.
    fn write(&self, disk: &dyn Disk) -> io::Result<(String, Unsynced)> {
        let path = self.temporary();
        if let Some(folder) = path.parent() {
            disk.create_folder(folder)?;
        }
        // What stands there is ours, from a pass that did not finish.
        disk.remove(&path)?;
        let mut out = Hashing {
            draft: disk.create(&path, Some(&self.seen.path))?,
            hash: Xxh3::new(),
        };
        match &self.contents {
            JobContents::Spliced(edits) if self.in_place => self.export.replace(edits, &mut out)?,
            JobContents::Spliced(edits) => self.export.splice(edits, &mut out)?,
            JobContents::Update(edits, contents) => {
                self.export
                    .update_file(edits.as_ref(), *contents, &mut out)?
            }
            JobContents::Removed(edits) => self.export.removed_file(edits, &mut out)?,
        }
        let digest = out.hash.digest128();
        Ok((format!("{digest:032x}"), Unsynced::new(&path, out.draft)?))
    }
}

/// A file that says that others are complete.
struct Announcement {
    target: Target,
    /// The jobs whose files it announces.
    files: Vec<usize>,
    is_manifest: bool,
}

/// What announces the update files of a pass, where their systems want it.
fn announcements(jobs: &[Job<'_>], pass: u64) -> Vec<Announcement> {
    let mut announcements: Vec<Announcement> = Vec::new();
    for (at, job) in jobs.iter().enumerate().filter(|(_, job)| !job.in_place) {
        let path = PathBuf::from(&job.target.path);
        let (_, name) = folder_and_name(&path);
        let arrival = &job.seen.config.arrival;
        let (name, is_manifest) = match arrival.announce {
            Announce::Nothing => continue,
            Announce::Marker => (arrival.marker_of(&name), false),
            Announce::Manifest => (format!("couplet_{pass:06}.manifest.json"), true),
        };
        let path = path.with_file_name(&name);
        let shown = path.display().to_string();
        // Tables that share a folder share the manifest.
        match announcements
            .iter_mut()
            .find(|announcement| announcement.target.path == shown)
        {
            Some(shared) => shared.files.push(at),
            None => announcements.push(Announcement {
                target: target(job.seen.table.name(), &path, &name, None, pass),
                files: vec![at],
                is_manifest,
            }),
        }
    }
    announcements
}

impl Announcement {
    /// Writes its temporary file, durably, once the files that it announces are written.
    fn write(&mut self, jobs: &[Job<'_>], pass: u64, disk: &dyn Disk) -> Result<(), ApplyError> {
        let path = PathBuf::from(&self.target.temporary);
        let bytes = match self.is_manifest {
            false => Vec::new(),
            true => self.manifest(jobs, pass, disk)?,
        };
        self.target.after = format!("{:032x}", xxh3_128(&bytes));
        write_new(disk, &path, &bytes).map_err(write_error(&path))
    }

    fn manifest(
        &self,
        jobs: &[Job<'_>],
        pass: u64,
        disk: &dyn Disk,
    ) -> Result<Vec<u8>, ApplyError> {
        let mut files = Vec::new();
        for job in self.files.iter().map(|at| &jobs[*at]) {
            let temporary = job.temporary();
            let identity = disk.identity(&temporary).map_err(write_error(&temporary))?;
            let (_, name) = folder_and_name(Path::new(&job.target.path));
            files.push(serde_json::json!({
                "name": name,
                "table": job.target.table,
                "size": identity.map(|identity| identity.size),
            }));
        }
        let manifest = serde_json::json!({ "pass": pass, "files": files });
        let mut bytes = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
        bytes.push(b'\n');
        Ok(bytes)
    }
}

struct Hashing {
    draft: Box<dyn Draft>,
    hash: Xxh3,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.draft.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.draft.flush()
    }
}

/// Where a target stands when it is about to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is what was read, or nothing where nothing was.
    Before,
    /// It is what the pass wrote.
    After,
    /// It is neither: somebody else wrote it.
    Foreign,
}

/// Puts temporary files in their places. A file that somebody else wrote stays theirs, and its table's base too.
pub fn publish<'p>(
    targets: &[Target],
    mut memory: Memory<'p>,
    disk: &dyn Disk,
    standing: &dyn Fn(&Target) -> Result<Standing, ApplyError>,
) -> Result<(Memory<'p>, Vec<PathBuf>), ApplyError> {
    let mut published = Vec::new();
    let mut folders = BTreeSet::new();
    for target in targets {
        let (path, temporary) = (
            PathBuf::from(&target.path),
            PathBuf::from(&target.temporary),
        );
        match standing(target)? {
            Standing::Before => {
                disk.rename(&temporary, &path, target.before.is_some())
                    .map_err(write_error(&path))?;
                folders.extend(parent(&target.path));
                published.push(path);
            }
            Standing::After => {
                disk.remove(&temporary).map_err(write_error(&temporary))?;
                folders.extend(parent(&target.path));
                published.push(path);
            }
            Standing::Foreign => {
                warn!(
                    table = target.table,
                    file = target.path,
                    "changed by another program meanwhile; left as it is"
                );
                disk.remove(&temporary).map_err(write_error(&temporary))?;
                memory = memory.without_table(&target.table);
            }
        }
    }
    sync(&folders, disk)?;
    Ok((memory, published))
}

/// Removes the temporary files of a pass that is given up.
pub fn discard(targets: &[Target], disk: &dyn Disk) -> Result<(), ApplyError> {
    for target in targets {
        let temporary = PathBuf::from(&target.temporary);
        disk.remove(&temporary).map_err(write_error(&temporary))?;
    }
    Ok(())
}

fn sync(folders: &BTreeSet<PathBuf>, disk: &dyn Disk) -> Result<(), ApplyError> {
    for folder in folders {
        disk.sync_folder(folder).map_err(write_error(folder))?;
    }
    Ok(())
}

fn parent(path: &str) -> Option<PathBuf> {
    Path::new(path).parent().map(|parent| {
        if parent.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            parent.into()
        }
    })
}

pub(super) fn write_error(path: &Path) -> impl FnOnce(io::Error) -> ApplyError {
    let path = path.to_owned();
    move |source| ApplyError::Write { path, source }
}

/// Whether a file still is what was read. Its identity tells, unless it was written so shortly before it was read
/// that a second write need not show in its times; before such a file is replaced, its content is looked at.
fn still_as_read(
    seen: &Seen<'_>,
    is_target: bool,
    disk: &dyn Disk,
    read_at: i128,
) -> Result<bool, ApplyError> {
    const RACY: i128 = 2_000_000_000;
    let identity = disk.identity(&seen.path).map_err(write_error(&seen.path))?;
    let has_lapsed = seen.export.as_ref().is_some_and(Export::has_lapsed);
    if identity != seen.identity || has_lapsed {
        return Ok(false);
    }
    let Some(written) = identity.map(|identity| identity.changed.max(identity.modified)) else {
        // Our own table before its first relation.
        return Ok(seen.config.owned);
    };
    let (true, Some(export)) = (is_target && read_at - written < RACY, &seen.export) else {
        return Ok(true);
    };
    Ok(digest_of(disk, &seen.path)? == Some(format!("{:032x}", export.digest)))
}

/// Content hash of a file as it is now; `None` where there is none.
pub fn digest_of(disk: &dyn Disk, path: &Path) -> Result<Option<String>, ApplyError> {
    if disk.identity(path).map_err(write_error(path))?.is_none() {
        return Ok(None);
    }
    let (source, _) = disk.open(path).map_err(write_error(path))?;
    let mut hash = Xxh3::new();
    let mut buffer = vec![0; 1 << 18];
    let mut offset = 0;
    loop {
        let count = source
            .read_at(&mut buffer, offset)
            .map_err(write_error(path))?;
        if count == 0 {
            return Ok(Some(format!("{:032x}", hash.digest128())));
        }
        hash.update(&buffer[..count]);
        offset += count as u64;
    }
}
