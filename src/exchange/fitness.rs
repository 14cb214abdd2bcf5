//! Whether the folders of the exchange are fit for it: what `couplet check` says before a file goes wrong.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::{Config, WriteBack};
use crate::disk::Disk;
use crate::model::Table;
use crate::sync::inbox;

use super::folder::tables_with_drops;

/// Something about a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The folder.
    pub folder: PathBuf,
    /// What is the matter, and what to do.
    pub reason: String,
    /// The exchange cannot work like this; otherwise it will, as soon as the folder is there.
    pub is_fatal: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.folder.display(), self.reason)
    }
}

/// What is the matter with the folders that a configuration names.
pub fn findings(config: &Config, disk: &dyn Disk) -> Vec<Finding> {
    let inboxes = tables_with_drops(config)
        .map(|(table, config)| (format!("tables.{table}.export"), inbox::inbox(config)));
    let requests = config.exchange.requests.iter();
    let requests = requests.map(|folder| ("exchange.requests".to_owned(), folder.clone()));
    let conflicts = config.exchange.conflicts.iter();
    let conflicts = conflicts.map(|path| {
        (
            "exchange.conflicts".to_owned(),
            inbox::folder_and_name(path).0,
        )
    });
    let mail = config.interactions.mail.iter();
    let mail = mail.map(|folder| ("interactions.mail".to_owned(), folder.clone()));
    let inboxes = inboxes.chain(requests).chain(conflicts).chain(mail);
    let inboxes: Vec<(String, PathBuf)> = inboxes.collect();
    let updates = Table::all().filter_map(|table| match &config.table(table)?.write_back {
        WriteBack::Folder(folder) => Some((format!("tables.{table}.write_back"), folder.clone())),
        _ => None,
    });
    let mut found: Vec<Finding> = Vec::new();
    for (key, folder) in &inboxes {
        if disk.identity(folder).is_ok_and(|found| found.is_none()) {
            found.push(Finding {
                folder: folder.clone(),
                reason: format!(
                    "{key}: it does not exist; create it, or files are waited for in vain"
                ),
                is_fatal: false,
            });
        }
        let own = [inbox::WORK, inbox::DONE, inbox::FAILED, inbox::ANSWERS];
        found.extend(
            own.iter()
                .filter_map(|name| elsewhere(disk, key, folder, name)),
        );
    }
    let is_no_folder = |folder: &Path| folder.exists() && !folder.is_dir();
    let all = inboxes.iter().cloned().chain(updates);
    found.extend(
        all.filter(|(_, folder)| is_no_folder(folder))
            .map(|(key, folder)| Finding {
                reason: format!("{key}: it is no folder"),
                folder,
                is_fatal: true,
            }),
    );
    let written = written(config).map(|written| (written, true));
    let claimed = inboxes.into_iter().map(|claimed| (claimed, false));
    for ((key, folder), is_fatal) in written.chain(claimed) {
        if let Some(reason) = unwritable(disk, &folder).filter(|_| !is_no_folder(&folder)) {
            found.push(Finding {
                reason: format!("{key}: {reason}"),
                folder,
                is_fatal,
            });
        }
    }
    let order = |finding: &Finding| (finding.folder.clone(), finding.reason.clone());
    found.sort_by_key(|finding| (order(finding), !finding.is_fatal));
    found.dedup_by_key(|finding| order(finding));
    found
}

/// The folders in which a pass writes, with the keys that name them: without one of them it fails.
fn written(config: &Config) -> impl Iterator<Item = (String, PathBuf)> {
    let tables = Table::all().filter_map(|table| {
        let of_table = config.table(table)?;
        let folder = match &of_table.write_back {
            WriteBack::Folder(folder) => folder.clone(),
            WriteBack::InPlace => inbox::inbox(of_table),
            WriteBack::None => return None,
        };
        Some((format!("tables.{table}.write_back"), folder))
    });
    let of_file = |key: &str, path: &Option<PathBuf>| {
        let folder = path.as_ref().map(|path| inbox::folder_and_name(path).0);
        folder.map(|folder| (key.to_owned(), folder))
    };
    let documents = config.documents.folder.clone();
    let others = [
        Some(("state".to_owned(), config.state.clone())),
        of_file("interactions.export", &config.interactions.export),
        of_file("exchange.conflicts", &config.exchange.conflicts),
        documents.map(|folder| ("documents.folder".to_owned(), folder)),
    ];
    tables.chain(others.into_iter().flatten())
}

/// Why nothing can be written into a folder, or it cannot be made.
fn unwritable(disk: &dyn Disk, folder: &Path) -> Option<String> {
    let mut above = folder
        .ancestors()
        .map(|above| match above.as_os_str().is_empty() {
            true => Path::new("."),
            false => above,
        });
    let there = loop {
        let folder = above.next()?;
        match disk.identity(folder) {
            Ok(Some(_)) => break folder,
            Ok(None) => {}
            // Whether it exists is not known: a folder above it shows nothing.
            Err(error) => {
                return Some(format!(
                    "it cannot be looked at: {error}; see to the permissions of the folders above it"
                ));
            }
        }
    };
    let error = disk.may_write(there).err()?;
    Some(match there == folder {
        true => format!("nothing can be written there: {error}; see to its permissions"),
        false => format!(
            "it does not exist and cannot be made, since nothing can be written to {}: {error}",
            there.display()
        ),
    })
}

/// A folder within an inbox that lies on another file system: a file cannot be renamed into it.
fn elsewhere(disk: &dyn Disk, key: &str, inbox: &Path, name: &str) -> Option<Finding> {
    let device = |folder: &Path| Some(disk.identity(folder).ok()??.node.0);
    let folder = inbox.join(name);
    (device(inbox)? != device(&folder)?).then(|| Finding {
        reason: format!(
            "{key}: it lies on another file system than {}, and files cannot be renamed into it; make it an ordinary folder there",
            inbox.display()
        ),
        folder,
        is_fatal: true,
    })
}
