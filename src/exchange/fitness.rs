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
        if !folder.exists() {
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
    let all = inboxes.into_iter().chain(updates);
    found.extend(
        all.filter(|(_, folder)| folder.exists() && !folder.is_dir())
            .map(|(key, folder)| Finding {
                reason: format!("{key}: it is no folder"),
                folder,
                is_fatal: true,
            }),
    );
    found.sort_by(|a, b| (&a.folder, &a.reason).cmp(&(&b.folder, &b.reason)));
    found.dedup();
    found
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
