//! What stands in an inbox: files that may be read, files that are not complete yet, and things that are no files.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex_lite::Regex;

use crate::config::{Arrival, Config, Contents, Ready, Run, TableConfig, Update, WriteBack};
use crate::disk::{Disk, Entry, Identity};
use crate::exports::source::read_range;
use crate::model::{Place, Problem, Table};
use crate::state::Store;
use crate::state::drops::DropRow;
use crate::sync::apply::ApplyError;
use crate::sync::inbox;
use crate::sync::observe::locate::number;
use crate::sync::observe::shown_path;

use super::arrival::{Candidate, Rules};
use super::manifest::{ENDING, Manifest, Named};
use super::publish::write_error;

/// Longer names of drops leave no room for what is put before and behind them: their number, and what an answer, a reason or a
/// temporary file is called.
const LONGEST_NAME: usize = 220;

/// What whoever watches the folders knows of a file.
pub trait Looks {
    /// Whether one that nothing announces is complete.
    fn is_settled(&self, path: &Path, identity: &Identity) -> bool;

    /// How long it has been known.
    fn age(&self, path: &Path) -> Duration;

    /// Whether there will be another look, which what has changed since this one can wait for.
    fn looks_again(&self) -> bool {
        true
    }
}

/// Nobody watches: everything is as complete as it will be.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsItStands;

impl Looks for AsItStands {
    fn is_settled(&self, _path: &Path, _identity: &Identity) -> bool {
        true
    }

    fn age(&self, _path: &Path) -> Duration {
        Duration::MAX
    }

    fn looks_again(&self) -> bool {
        false
    }
}

/// A file that may be read.
#[derive(Clone, Debug)]
pub struct Found {
    /// What decides on it.
    pub candidate: Candidate,
    /// Where it stands.
    pub path: PathBuf,
    /// The ledger's row, where it was claimed before.
    pub row: Option<DropRow>,
    /// Records that its manifest announces.
    pub records: Option<u64>,
    /// The version of that manifest.
    pub manifest: Option<String>,
    /// The marker beside it.
    pub marker: Option<PathBuf>,
    /// The version that was found.
    pub identity: Identity,
}

/// A file that is not complete yet.
#[derive(Clone, Debug)]
pub struct Unready {
    /// Where it stands.
    pub path: PathBuf,
    /// What it waits for, as a sentence that names it.
    pub waits: String,
}

/// A manifest that stands in an inbox.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// Where it stands.
    pub path: PathBuf,
    /// What it says.
    pub manifest: Manifest,
    /// What tells this version of it from others, also after its share was away.
    pub version: String,
    /// Names of the files that were claimed since it came.
    pub claimed: Vec<String>,
}

impl Announcement {
    /// What it says of a file that has not been claimed since: it announces each once.
    fn of(&self, name: &str) -> Option<&Named> {
        let is_claimed = self.claimed.iter().any(|claimed| claimed == name);
        self.manifest.of(name).filter(|_| !is_claimed)
    }

    /// What its set still lacks, as a sentence: a file that has not come, or the bytes that one must have.
    fn lacks(&self, folder: &Path, disk: &dyn Disk) -> io::Result<Option<String>> {
        let at = self.path.file_name().unwrap_or_default().to_string_lossy();
        let files = self.manifest.files.iter();
        for Named { name, size, .. } in files.filter(|named| !self.claimed.contains(&named.name)) {
            let lacks = match (disk.identity(&folder.join(name))?, size) {
                (None, _) => format!("{at} names {name}, which has not come"),
                (Some(identity), Some(size)) if identity.size != *size => {
                    let bytes = identity.size;
                    format!("{at} says that {name} has {size} bytes, and it has {bytes}")
                }
                (Some(_), _) => continue,
            };
            return Ok(Some(lacks));
        }
        Ok(None)
    }
}

/// What an inbox holds for one table.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Files that may be read.
    pub found: Vec<Found>,
    /// Files that are not complete yet.
    pub unready: Vec<Unready>,
    /// The lowest number or time in their names or manifests.
    pub incomplete: Option<u64>,
    /// What is to be said of others.
    pub problems: Vec<Problem>,
    /// Whether the folder is there.
    pub is_online: bool,
    /// Its manifests.
    pub manifests: Vec<Announcement>,
}

/// An inbox and how files come into it.
pub struct Inbox<'c> {
    /// The table, or `requests`.
    pub table: &'c str,
    /// The folder.
    pub folder: PathBuf,
    /// Whether a name is one of its files.
    pub is_named: Box<dyn Fn(&str) -> bool + 'c>,
    /// How they come.
    pub arrival: &'c Arrival,
    /// The pattern of what in a name says which is newer.
    pub sequence: Option<Regex>,
}

impl<'c> Inbox<'c> {
    /// The inbox of a table.
    pub fn of_table(table: Table, config: &'c TableConfig) -> Inbox<'c> {
        let export = config.export_path();
        Inbox {
            table: table.name(),
            folder: inbox::inbox(config),
            is_named: Box::new(move |name| inbox::is_named_like(&export, name)),
            arrival: &config.arrival,
            sequence: config
                .sequence
                .as_deref()
                .and_then(|pattern| Regex::new(pattern).ok()),
        }
    }

    /// What stands there. A folder into which nobody can look holds up its own table alone.
    ///
    /// # Errors
    /// Those of the state.
    pub fn list(
        &self,
        config: &Config,
        disk: &dyn Disk,
        store: &Store,
        looks: &dyn Looks,
    ) -> Result<Listing, ApplyError> {
        let mut listing = Listing {
            is_online: is_online(&self.folder, &config.run, disk),
            ..Listing::default()
        };
        let looked =
            self.claimed(disk, store, &mut listing)
                .and_then(|()| match listing.is_online {
                    true => self.dropped(config, disk, store, looks, &mut listing),
                    false => Ok(()),
                });
        match looked {
            Err(ApplyError::Write { path, source }) => {
                listing.problems.push(self.unusable(&path, &source));
            }
            looked => looked?,
        }
        Ok(listing)
    }

    /// Files that were dropped and not claimed.
    fn dropped(
        &self,
        config: &Config,
        disk: &dyn Disk,
        store: &Store,
        looks: &dyn Looks,
        listing: &mut Listing,
    ) -> Result<(), ApplyError> {
        let run = &config.run;
        let entries = disk.entries(&self.folder);
        let entries = entries.map_err(write_error(&self.folder))?;
        let longest = config.bounds.manifest;
        listing.manifests =
            self.manifests(&entries, longest, disk, store, &mut listing.problems)?;
        for (path, entry) in &entries {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            if run.ignores(name) || !(self.is_named)(name) || *entry == Entry::Folder {
                continue;
            }
            match entry {
                Entry::File if name.contains(char::is_control) => {
                    listing.problems.push(self.problem(
                        path,
                        "odd-file",
                        "its name has control characters".to_owned(),
                        "it is not read; drop it under another name",
                    ));
                }
                Entry::File if name.len() > LONGEST_NAME => {
                    listing.problems.push(self.problem(
                        path,
                        "odd-file",
                        format!("its name is longer than {LONGEST_NAME} bytes, and we could not add a number to it"),
                        "it is not read; drop it under a shorter name",
                    ));
                }
                Entry::File => self
                    .file(path, name, disk, looks, listing)
                    .map_err(write_error(path))?,
                _ => listing.problems.push(self.odd(path, *entry)),
            }
        }
        Ok(())
    }

    /// Files that were claimed and wait for their pass.
    fn claimed(
        &self,
        disk: &dyn Disk,
        store: &Store,
        listing: &mut Listing,
    ) -> Result<(), ApplyError> {
        let folder = store.name_of(&self.folder);
        let is_here = |row: &DropRow| store.name_of(row.inbox.as_ref()) == folder;
        let own = |row: &DropRow| row.table == self.table && is_here(row);
        let open = store.open_drops()?.into_iter();
        for row in open.filter(|row| own(row) && row.receipt.is_none()) {
            let path = inbox::claimed(&row);
            if let Some(identity) = disk.identity(&path).map_err(write_error(&path))? {
                listing.found.push(Found {
                    candidate: Candidate {
                        name: row.name.clone(),
                        claimed: Some(row.id),
                        sequence: row.sequence,
                        is_part: row.is_part,
                    },
                    path,
                    records: row.records,
                    manifest: row.manifest.clone(),
                    marker: None,
                    identity,
                    row: Some(row),
                });
            }
        }
        Ok(())
    }

    fn file(
        &self,
        path: &Path,
        name: &str,
        disk: &dyn Disk,
        looks: &dyn Looks,
        listing: &mut Listing,
    ) -> io::Result<()> {
        let Some(identity) = disk.identity(path)? else {
            return Ok(());
        };
        let marker = path.with_file_name(self.arrival.marker_of(name));
        let is_rows = inbox::is_rows_name(name);
        let named = listing
            .manifests
            .iter()
            .find_map(|manifest| Some((manifest, manifest.of(name)?)));
        let settles = || match looks.is_settled(path, &identity) {
            true => None,
            false => Some(format!("{name} waits until nothing changes in it any more")),
        };
        let waits = match (self.arrival.ready, named) {
            (_, Some((manifest, _))) => manifest
                .lacks(&self.folder, disk)?
                .map(|lacks| format!("{name} waits: {lacks}")),
            // A person moves mended rows back, and writes no marker for them.
            (_, None) if is_rows => settles(),
            (Ready::Marker, None) => match announces(disk.identity(&marker)?, &identity) {
                true => None,
                false => Some(waits_for_marker(name, &marker)),
            },
            (Ready::Manifest, None) => Some(format!("{name} waits for a manifest that names it")),
            (Ready::Settled | Ready::Closed, None) => settles(),
        };
        let in_name = self
            .sequence
            .as_ref()
            .and_then(|pattern| number(pattern, path));
        let manifest = named.map(|(manifest, _)| manifest.version.clone());
        let named: Option<&Named> = named.map(|(_, named)| named);
        let sequence = named.and_then(|named| named.sequence).or(in_name);
        if let Some(waits) = waits {
            listing.unready.push(Unready {
                path: path.to_owned(),
                waits,
            });
            let lowest = listing.incomplete.into_iter().chain(sequence).min();
            listing.incomplete = lowest;
            return Ok(());
        }
        let is_delta = named.and_then(Named::contents) == Some(Contents::Delta);
        let found = Found {
            candidate: Candidate {
                name: name.to_owned(),
                claimed: None,
                sequence,
                is_part: is_rows || is_delta,
            },
            path: path.to_owned(),
            row: None,
            records: named.and_then(|named| named.records),
            manifest,
            marker: (self.arrival.ready == Ready::Marker).then_some(marker),
            identity,
        };
        listing.found.push(found);
        Ok(())
    }

    fn manifests(
        &self,
        entries: &[(PathBuf, Entry)],
        longest: u64,
        disk: &dyn Disk,
        store: &Store,
        problems: &mut Vec<Problem>,
    ) -> Result<Vec<Announcement>, ApplyError> {
        let mut manifests = Vec::new();
        for (path, entry) in entries {
            let is_manifest = path.to_str().is_some_and(|name| name.ends_with(ENDING));
            if *entry != Entry::File || !is_manifest {
                continue;
            }
            match read_manifest(path, longest, disk) {
                Ok((manifest, identity)) => {
                    let version = version(&store.name_of(path), &identity);
                    manifests.push(Announcement {
                        path: path.clone(),
                        manifest,
                        claimed: store.claimed_under(&version)?,
                        version,
                    });
                }
                Err(reason) => problems.push(self.problem(
                    path,
                    "unreadable-manifest",
                    reason,
                    "its files wait until it can be read",
                )),
            }
        }
        Ok(manifests)
    }

    fn odd(&self, path: &Path, entry: Entry) -> Problem {
        let reason = match entry {
            Entry::Linked => "it stands under another name too, so somebody else may write to it",
            _ => "it is no regular file but a link, a pipe or a device",
        };
        self.problem(
            path,
            "odd-file",
            reason.to_owned(),
            "it is not read; drop a copy of the file instead",
        )
    }

    /// A folder that cannot be looked into, or in which nothing can be claimed.
    pub fn unusable(&self, path: &Path, error: &io::Error) -> Problem {
        self.problem(
            path,
            "unusable-folder",
            format!("it cannot be looked at or claimed: {error}"),
            "nothing of its folder is read; see to the folder and its permissions",
        )
    }

    /// A problem with a file that is not read.
    pub fn problem(&self, path: &Path, kind: &str, reason: String, advice: &str) -> Problem {
        let place = Place {
            table: self.table.to_owned(),
            file: Some(shown_path(path)),
            key: path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned()),
            ..Place::default()
        };
        Problem::new(place, kind, reason, advice)
    }
}

/// What a file waits for where a marker is to tell that it is complete.
pub fn waits_for_marker(name: &str, marker: &Path) -> String {
    let marker = marker.file_name().unwrap_or_default().to_string_lossy();
    format!("{name} waits for its marker {marker}")
}

/// Reads a manifest, or says why that cannot be.
fn read_manifest(
    path: &Path,
    longest: u64,
    disk: &dyn Disk,
) -> Result<(Manifest, Identity), String> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "it became shorter while it was read".to_owned(),
        _ => format!("it cannot be read: {error}"),
    };
    let (source, identity) = disk.open(path).map_err(unreadable)?;
    if identity.size > longest {
        return Err(format!(
            "it is longer than the {longest} bytes of `limits.manifest`"
        ));
    }
    let bytes = read_range(&*source, 0..identity.size).map_err(unreadable)?;
    Ok((Manifest::parse(&bytes)?, identity))
}

/// Whether a marker announces this version of a file. One of the version before says nothing of this one.
pub fn announces(marker: Option<Identity>, file: &Identity) -> bool {
    marker.is_some_and(|marker| marker.changed >= file.modified)
}

/// What tells a version of a manifest from others: not its device, which is another each time that its share is mounted, nor when
/// something else than its content was changed.
fn version(name: &str, identity: &Identity) -> String {
    let Identity { size, modified, .. } = identity;
    format!("{name} {size} {modified}")
}

/// Whether a folder is there: not an empty mount point whose share has gone away.
pub fn is_online(folder: &Path, run: &Run, disk: &dyn Disk) -> bool {
    let stands = |path: &Path| disk.identity(path).is_ok_and(|identity| identity.is_some());
    match &run.online_marker {
        Some(marker) => stands(&folder.join(marker)),
        None => stands(folder),
    }
}

/// Whether the folder is there into which a drop came: something stands in it, which is not so of an empty mount point. While it is
/// not, nobody can say what became of the drop.
pub fn can_tell(row: &DropRow, run: &Run, disk: &dyn Disk) -> bool {
    let inbox = Path::new(&row.inbox);
    let is_empty = || disk.entries(inbox).map_or(true, |inside| inside.is_empty());
    is_online(inbox, run, disk) && !is_empty()
}

/// What is known of a table's files, for the decision which is read.
pub fn rules(config: &TableConfig, last: Option<u64>, listing: &Listing) -> Rules {
    let pattern = config.sequence.as_deref().unwrap_or_default();
    Rules {
        contents: config.contents,
        has_sequence: config.sequence.is_some(),
        counts: pattern.contains(r"(\d+)") || pattern.contains("([0-9]+)"),
        on_gap: config.arrival.on_gap,
        takes_parts: !(config.update == Update::Full
            && matches!(config.write_back, WriteBack::Folder(_))),
        last,
        incomplete: listing.incomplete,
    }
}

/// The tables whose files are drops, with their configuration.
pub fn tables_with_drops(config: &Config) -> impl Iterator<Item = (Table, &TableConfig)> {
    config.exports().filter(|(_, config)| config.arrival.drop)
}
