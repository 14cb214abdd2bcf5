//! Watching folders: events only wake the daemon, and tell which files were renamed in, closed or written; its own look is the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{ErrorKind, Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::config::exchange::is_mail_name;
use crate::config::{Config, Ready, TableConfig};
use crate::disk::{Disk, Identity};
use crate::model::Table;
use crate::sync::inbox;

/// What an event said of a file: that it is complete, or that it is no longer what was said to be complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was renamed into its folder.
    RenamedIn(PathBuf),
    /// Its writer has closed it.
    Closed(PathBuf),
    /// Somebody has written into it.
    Written(PathBuf),
    /// Events were lost: anything may have been written since it was said to be complete.
    Missed,
}

/// The folders in which exports, requests and decisions are expected.
pub fn folders(config: &Config) -> BTreeSet<PathBuf> {
    let tables = config.exports().map(|(_, table)| table);
    let exports = tables.filter(|table| !table.owned).map(inbox::inbox);
    let conflicts = config
        .exchange
        .conflicts
        .iter()
        .map(|path| inbox::folder_and_name(path).0);
    exports
        .chain(config.exchange.requests.clone())
        .chain(config.interactions.mail.clone())
        .chain(conflicts)
        .collect()
}

/// Every file in the watched folders that may be read.
pub fn look(config: &Config, disk: &dyn Disk) -> BTreeMap<PathBuf, Identity> {
    let mut found = BTreeMap::new();
    for folder in folders(config) {
        // A folder that cannot be listed is one that is not there; the round says so.
        for path in disk.list(&folder).unwrap_or_default() {
            let name = path.file_name().and_then(|name| name.to_str());
            if name
                .is_none_or(|name| config.run.ignores(name) || !is_expected(config, &folder, name))
            {
                continue;
            }
            if let Ok(Some(identity)) = disk.identity(&path) {
                found.insert(path, identity);
            }
        }
    }
    found
}

/// Whether a file of this name in this folder is anything to us.
fn is_expected(config: &Config, folder: &Path, name: &str) -> bool {
    let of_table = |(_, table): (Table, &TableConfig)| {
        inbox::inbox(table) == folder
            && (inbox::is_named_like(&table.export_path(), name)
                || table.arrival.ready == Ready::Marker
                || table.arrival.ready == Ready::Manifest
                || name.ends_with(super::manifest::ENDING))
    };
    let is_mail = config.interactions.mail.as_deref() == Some(folder) && is_mail_name(name);
    let is_request = config.exchange.requests.as_deref() == Some(folder);
    let conflicts = config.exchange.conflicts.as_deref();
    let is_conflicts = conflicts.is_some_and(|path| {
        inbox::folder_and_name(path).0 == folder && inbox::is_named_like(path, name)
    });
    is_request || is_conflicts || is_mail || config.exports().any(of_table)
}

/// Whether a file is no export but the marker of one.
pub fn is_marker(config: &Config, path: &Path) -> bool {
    let (folder, name) = inbox::folder_and_name(path);
    let tables = config.exports().map(|(_, table)| table);
    let mut of_folder = tables
        .filter(|table| table.arrival.ready == Ready::Marker && inbox::inbox(table) == folder);
    of_folder.any(|table| {
        let (start, end) = table.arrival.marker_ends();
        let is_export = inbox::is_named_like(&table.export_path(), &name);
        name.starts_with(start) && name.ends_with(end) && !is_export
    })
}

/// The watch on all folders.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    folders: BTreeMap<PathBuf, Armed>,
    events: mpsc::UnboundedReceiver<Vec<Told>>,
}

/// How a folder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Armed {
    /// It is watched, as the folder of this device and inode.
    Watched((u64, u64)),
    /// It is not there.
    Offline,
    /// It cannot be watched, and is looked at often.
    Polled,
}

impl Watch {
    /// Watches nothing yet; [`arm`](Watch::arm) does.
    pub fn new() -> Watch {
        let (wake, events) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let told = match event {
                Ok(event) if is_a_look(&event) => return,
                Ok(event) => tells(&event),
                Err(_) => vec![Told::Missed],
            };
            // Nobody listens any more only while the daemon stops. An event that says nothing of a file wakes all the same.
            let _ = wake.send(told);
        });
        if let Err(error) = &watcher {
            let fix = fix(&error.kind);
            warn!(%error, "cannot watch folders; looking at them often instead{fix}");
        }
        Watch {
            watcher: watcher.ok(),
            folders: BTreeMap::new(),
            events,
        }
    }

    /// Watches the folders that are not watched yet, and those that are other folders than before: one that was removed and came
    /// back, or a share that was mounted again.
    pub fn arm(&mut self, config: &Config, disk: &dyn Disk) {
        let wanted = folders(config);
        let superfluous: Vec<PathBuf> = self
            .folders
            .keys()
            .filter(|folder| !wanted.contains(*folder))
            .cloned()
            .collect();
        for folder in superfluous {
            self.folders.remove(&folder);
            if let Some(watcher) = &mut self.watcher {
                let _ = watcher.unwatch(&folder);
            }
        }
        for folder in wanted {
            let before = self.folders.get(&folder).copied();
            let node = disk
                .identity(&folder)
                .ok()
                .flatten()
                .map(|identity| identity.node);
            let now = match (node, before) {
                (None, _) => Armed::Offline,
                (Some(node), Some(Armed::Watched(watched))) if node == watched => continue,
                (Some(_), Some(Armed::Polled)) => continue,
                (Some(node), _) => self.watch(&folder, node, before.is_some()),
            };
            match (before, now) {
                (Some(Armed::Offline), Armed::Watched(_) | Armed::Polled) => {
                    info!(folder = %folder.display(), "folder is back");
                }
                (Some(Armed::Offline), Armed::Offline) => {}
                (_, Armed::Offline) => {
                    warn!(folder = %folder.display(), "folder is not there; nothing in it counts as deleted");
                }
                _ => {}
            }
            self.folders.insert(folder, now);
        }
    }

    fn watch(&mut self, folder: &Path, node: (u64, u64), again: bool) -> Armed {
        let Some(watcher) = &mut self.watcher else {
            return Armed::Polled;
        };
        if is_remote(folder) {
            info!(folder = %folder.display(), "on a network file system, which tells nothing; looking at it often instead");
            return Armed::Polled;
        }
        if again {
            // The watch of a folder that was removed meanwhile is dead without a word.
            let _ = watcher.unwatch(folder);
        }
        match watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => Armed::Watched(node),
            Err(error) => {
                let fix = fix(&error.kind);
                warn!(folder = %folder.display(), %error, "cannot watch; looking at it often instead{fix}");
                Armed::Polled
            }
        }
    }

    /// Whether a folder has to be looked at often, since nothing tells of its changes.
    pub fn polls(&self) -> bool {
        self.folders
            .values()
            .any(|armed| !matches!(armed, Armed::Watched(_)))
    }

    /// Waits for an event, and takes all that came with it.
    pub async fn woken(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        match self.events.recv().await {
            Some(news) => told.extend(news),
            // Without a watcher only the regular look wakes us.
            None => std::future::pending::<()>().await,
        }
        told.extend(self.pending());
        told
    }

    /// Takes the events that are there.
    pub fn pending(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        while let Ok(news) = self.events.try_recv() {
            told.extend(news);
        }
        told
    }
}

/// What to do about an error of watching, as the end of a sentence.
fn fix(kind: &ErrorKind) -> &'static str {
    // EMFILE: too many watchers of this user.
    const TOO_MANY_INSTANCES: i32 = 24;
    let is_limit = match kind {
        ErrorKind::MaxFilesWatch => true,
        ErrorKind::Io(error) => error.raw_os_error() == Some(TOO_MANY_INSTANCES),
        _ => false,
    };
    if is_limit && cfg!(target_os = "linux") {
        "; raise the limit: sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512"
    } else {
        ""
    }
}

/// Whether an event only tells that somebody has looked: the daemon itself, most of the time, which it would wake for ever.
fn is_a_look(event: &Event) -> bool {
    matches!(event.kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// What an event says of files.
fn tells(event: &Event) -> Vec<Told> {
    // The queue of the system was full.
    if event.need_rescan() {
        return vec![Told::Missed];
    }
    let told: Option<fn(PathBuf) -> Told> = match event.kind {
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(Told::RenamedIn),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Told::Closed),
        EventKind::Modify(ModifyKind::Data(_)) => Some(Told::Written),
        _ => None,
    };
    match (told, event.kind) {
        (Some(told), _) => event.paths.iter().cloned().map(told).collect(),
        // Both names are known where a file was renamed within a watched folder.
        (None, EventKind::Modify(ModifyKind::Name(RenameMode::Both))) => event
            .paths
            .last()
            .cloned()
            .map(Told::RenamedIn)
            .into_iter()
            .collect(),
        (None, _) => Vec::new(),
    }
}

/// Whether a folder lies on a file system of another machine, whose changes no event tells.
#[cfg(target_os = "linux")]
fn is_remote(folder: &Path) -> bool {
    // NFS, CIFS, SMB, SMB 2, FUSE (sshfs and its kin), 9P, Coda.
    rustix::fs::statfs(folder).is_ok_and(|found| {
        matches!(
            found.f_type,
            0x6969 | 0xff53_4d42 | 0x517b | 0xfe53_4d42 | 0x6573_5546 | 0x0102_1997 | 0x7375_7245
        )
    })
}

#[cfg(not(target_os = "linux"))]
fn is_remote(_folder: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use notify::event::DataChange;

    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn where_watching_fails_folders_are_polled_and_the_fix_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "state = \"state\"\n[tables.contacts]\nexport = \"contacts.csv\"\n";
        let config = crate::config::parse(text, &folder.path().join("config.toml")).expect("right");
        let (_wake, events) = mpsc::unbounded_channel();
        let mut watch = Watch {
            watcher: None,
            folders: BTreeMap::new(),
            events,
        };
        watch.arm(&config, &RealDisk);
        assert!(watch.polls());
        let used_up = std::io::Error::from_raw_os_error(24);
        assert!(!fix(&ErrorKind::PathNotFound).contains("sysctl"));
        if cfg!(target_os = "linux") {
            assert!(fix(&ErrorKind::MaxFilesWatch).contains("sysctl"));
            assert!(fix(&ErrorKind::Io(used_up)).contains("sysctl"));
        }
    }

    #[test]
    fn an_event_says_which_file_came_whole() {
        let event = |kind| Event::new(kind).add_path(Path::new("in/a.csv").to_owned());
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let looked_at = EventKind::Access(AccessKind::Open(AccessMode::Any));
        assert!(matches!(
            tells(&event(renamed)).as_slice(),
            [Told::RenamedIn(_)]
        ));
        let overflow = Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        assert_eq!(tells(&overflow), [Told::Missed]);
        assert!(matches!(
            tells(&event(closed)).as_slice(),
            [Told::Closed(_)]
        ));
        assert!(is_a_look(&event(looked_at)) && !is_a_look(&event(closed)));
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        assert!(matches!(
            tells(&event(written)).as_slice(),
            [Told::Written(_)]
        ));
        // One that only wakes: the look that follows finds what there is.
        assert!(tells(&event(EventKind::Any)).is_empty() && !is_a_look(&event(EventKind::Any)));
    }
}
