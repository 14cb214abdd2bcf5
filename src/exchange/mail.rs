//! E-mail messages as files: read where they stand, logged by the pass, and put away after it. A crash between the two costs
//! nothing, since a message that was logged is known by its number.

use std::path::{Path, PathBuf};

use tracing::warn;

use crate::config::Config;
use crate::config::exchange::is_mail_name;
use crate::disk::{Disk, is_forbidden};
use crate::model::{Lookup, Place, Problem, Table};
use crate::state::Store;
use crate::sync::apply::ApplyError;
use crate::sync::inbox;
use crate::sync::observe::intake::Intake;
use crate::sync::observe::mails;
use crate::sync::observe::shown_path;

use super::folder::Looks;
use super::publish::{own_folder, write_error};

/// The messages that can be read now. A folder into which nobody can look holds up nothing else.
pub fn take(
    config: &Config,
    disk: &dyn Disk,
    looks: &dyn Looks,
    intake: &mut Intake,
    unready: &mut Vec<PathBuf>,
) {
    let Some(folder) = &config.interactions.mail else {
        return;
    };
    let paths = disk.list(folder).unwrap_or_else(|error| {
        let place = Place {
            table: Table::Lookup(Lookup::Events).name().to_owned(),
            file: Some(shown_path(folder)),
            ..Place::default()
        };
        let reason = format!("it cannot be looked into: {error}");
        let advice = "no message is read; see to the folder and its permissions";
        let problem = Problem::new(place, "unusable-folder", reason, advice);
        intake.problems.push(problem);
        Vec::new()
    });
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_none_or(|name| config.run.ignores(name) || !is_mail_name(name)) {
            continue;
        }
        let Ok(Some(identity)) = disk.identity(&path) else {
            continue;
        };
        match looks.is_settled(&path, &identity) {
            true => intake.mails.push(path),
            false => unready.push(path),
        }
    }
}

/// Puts messages away that are logged, or are not to be: into `done/` by date, under their names.
///
/// # Errors
/// Those of the state and of the disk.
pub fn archive(
    paths: &[PathBuf],
    disk: &dyn Disk,
    store: &Store,
    now: &jiff::Zoned,
) -> Result<(), ApplyError> {
    let day = now.strftime("%Y-%m-%d").to_string();
    for path in paths {
        let Ok(mail) = mails::read(disk, path) else {
            continue;
        };
        if !store.knows_event(mail.print())? {
            continue;
        }
        let (folder, name) = inbox::folder_and_name(path);
        let done = folder.join(inbox::DONE).join(&day);
        own_folder(disk, &done).map_err(write_error(&done))?;
        let to = free_name(&done, &name, disk)?;
        match disk.rename(path, &to, false) {
            Err(error) if is_forbidden(&error) => {
                warn!(%error, "a message that was logged cannot be put away");
            }
            renamed => renamed.map_err(write_error(&to))?,
        }
    }
    Ok(())
}

/// A name that nothing has yet: mail programs number their files, and begin again.
fn free_name(folder: &Path, name: &str, disk: &dyn Disk) -> Result<PathBuf, ApplyError> {
    let mut to = folder.join(name);
    let mut number = 2;
    while disk.identity(&to).map_err(write_error(&to))?.is_some() {
        to = folder.join(format!("{number}-{name}"));
        number += 1;
    }
    Ok(to)
}
