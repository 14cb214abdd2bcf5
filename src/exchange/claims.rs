//! Claims: what is dropped is noted in the ledger, moved away, and nobody else's from then on.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use tracing::info;

use crate::config::{Config, Ready};
use crate::disk::{Disk, Entry, Identity, is_forbidden};
use crate::model::Problem;
use crate::state::drops::{DropRow, Receipt, ReceiptRow, Standing};
use crate::state::{StateError, Store};
use crate::sync::apply::ApplyError;
use crate::sync::inbox;
use crate::sync::pass::PassError;

use super::folder::{Found, Inbox, Listing, can_tell, tables_with_drops};
use super::publish;

/// A claim is noted before it is made; one that a crash prevented is forgotten, and its file is found again where it was. One that was
/// made is made durable, and takes its marker along, lest that announce the next file of its name before it is complete.
pub(super) fn settle_claims(
    config: &Config,
    store: &Store,
    disk: &dyn Disk,
) -> Result<(), PassError> {
    let stands = |path: &Path| -> Result<bool, ApplyError> {
        let found = disk.identity(path).map_err(publish::write_error(path))?;
        Ok(found.is_some())
    };
    let mut folders = BTreeSet::new();
    let open = store.open_drops()?.into_iter();
    for row in open.filter(|row| can_tell(row, &config.run, disk)) {
        let (claimed, dropped) = (inbox::claimed(&row), inbox::dropped(&row));
        let is_claimed = stands(&claimed)?;
        if !is_claimed && !stands(&inbox::archived(&row))? {
            // What a pass found out about a drop is owed to its sender, wherever the drop is by now.
            let is_owed = row.receipt.is_some() && (row.pass.is_some() || !stands(&dropped)?);
            if !is_owed {
                store.forget_drop(row.id)?;
            }
            continue;
        }
        if is_claimed {
            folders.extend([&claimed, &dropped].map(|path| inbox::folder_and_name(path).0));
        }
        if let Some(marker) = marker_of(config, &row)
            && stands(&marker)?
            && !stands(&dropped)?
        {
            disk.remove(&marker)
                .map_err(publish::write_error(&marker))?;
            folders.insert(inbox::folder_and_name(&marker).0);
        }
    }
    for folder in &folders {
        disk.sync_folder(folder)
            .map_err(publish::write_error(folder))?;
    }
    Ok(())
}

/// Claims files of an inbox. One in which we may rename nothing holds up nobody else: that is told, and its claims did not come to be.
pub(super) fn claim_or_tell(
    config: &Config,
    inbox: &Inbox<'_>,
    listing: &Listing,
    chosen: &[(usize, Option<Receipt>)],
    disk: &dyn Disk,
    store: &mut Store,
    at: &str,
) -> Result<Result<Vec<Option<DropRow>>, Problem>, PassError> {
    match claim(inbox, listing, chosen.to_vec(), disk, store, at) {
        Err(PassError::Apply(ApplyError::Write { path, source })) if is_forbidden(&source) => {
            settle_claims(config, store, disk)?;
            Ok(Err(inbox.unusable(&path, &source)))
        }
        claimed => claimed.map(Ok),
    }
}

/// Claims files: notes it, then moves them. What is claimed is nobody else's. One that is not as it was found any more is left
/// where it was, and is found again. The rows of the ledger are given in order; `None` of what was not claimed.
fn claim(
    inbox: &Inbox<'_>,
    listing: &Listing,
    chosen: Vec<(usize, Option<Receipt>)>,
    disk: &dyn Disk,
    store: &mut Store,
    at: &str,
) -> Result<Vec<Option<DropRow>>, PassError> {
    let folder = inbox.folder.display().to_string();
    let (mut claimed, mut known) = (Vec::new(), Vec::new());
    let mut order = Vec::new();
    for (found, receipt) in chosen {
        let found: &Found = &listing.found[found];
        match &found.row {
            Some(row) => {
                known.extend(receipt.map(|receipt| ReceiptRow {
                    drop: row.id,
                    receipt,
                }));
                order.push(Err(row.clone()));
            }
            None => {
                order.push(Ok(claimed.len()));
                claimed.push((
                    found,
                    DropRow {
                        id: 0,
                        table: inbox.table.to_owned(),
                        inbox: folder.clone(),
                        name: found.candidate.name.clone(),
                        sequence: found.candidate.sequence,
                        is_part: found.candidate.is_part,
                        records: found.records,
                        manifest: found.manifest.clone(),
                        claimed_at: at.to_owned(),
                        pass: None,
                        receipt,
                        published: false,
                    },
                ));
            }
        }
    }
    if !known.is_empty() {
        store.receive(&known)?;
    }
    let (found, mut rows): (Vec<&Found>, Vec<DropRow>) = claimed.into_iter().unzip();
    if !rows.is_empty() {
        disk.commit_point()
            .map_err(StateError::file("couplet.db"))?;
        let stands = |path: &PathBuf| disk.identity(path).is_ok_and(|found| found.is_some());
        store.claim_drops(&mut rows, &|row| !inbox::places(row).iter().any(stands))?;
        let work = inbox.folder.join(inbox::WORK);
        once_more(|| publish::own_folder(disk, &work)).map_err(publish::write_error(&work))?;
    }
    let mut is_claimed = vec![true; rows.len()];
    for ((found, row), is_claimed) in found.iter().zip(&mut rows).zip(&mut is_claimed) {
        let to = inbox::claimed(row);
        once_more(|| disk.rename(&found.path, &to, true)).map_err(publish::write_error(&to))?;
        // What stood there when we looked may have been replaced since; what was moved is what is read.
        let entry = once_more(|| disk.entry(&to)).map_err(publish::write_error(&to))?;
        if row.receipt.is_none() && entry.is_some_and(|entry| entry != Entry::File) {
            let reason = "when it was claimed, it was no regular file of its own but a link, a pipe or a device";
            let receipt = Receipt::whole(Standing::Rejected, reason);
            row.receipt = Some(receipt.clone());
            store.receive(&[ReceiptRow {
                drop: row.id,
                receipt,
            }])?;
        }
        // Somebody may have begun to write it anew. Should another stand in its place by now, this one is read in the next round.
        let now = once_more(|| disk.identity(&to)).map_err(publish::write_error(&to))?;
        let is_other = entry == Some(Entry::File)
            && now.is_some_and(|now| !is_same_content(&found.identity, &now));
        if is_other {
            *is_claimed = false;
            if disk.rename(&to, &found.path, false).is_ok() {
                for folder in [&found.path, &to].map(|path| inbox::folder_and_name(path).0) {
                    once_more(|| disk.sync_folder(&folder))
                        .map_err(publish::write_error(&folder))?;
                }
                store.forget_drop(row.id)?;
            }
        }
    }
    let sync = |folder: &Path| {
        once_more(|| disk.sync_folder(folder)).map_err(publish::write_error(folder))
    };
    if !rows.is_empty() {
        // A claim that a power cut could take back would be read, and its requests carried out, a second time.
        sync(&inbox.folder.join(inbox::WORK))?;
    }
    let moved = found.iter().zip(&rows).zip(&is_claimed);
    for ((found, row), _) in moved.filter(|(_, is_claimed)| **is_claimed) {
        if let Some(marker) = &found.marker {
            once_more(|| disk.remove(marker)).map_err(publish::write_error(marker))?;
        }
        info!(drop = row.id, table = row.table, "drop claimed");
    }
    if !rows.is_empty() {
        sync(&inbox.folder)?;
    }
    let rows = order.into_iter().map(|place| match place {
        Ok(at) => is_claimed[at].then(|| rows[at].clone()),
        Err(row) => Some(row),
    });
    Ok(rows.collect())
}

/// Does something once more that was forbidden: it may have been so for a moment only, while somebody had the file open.
fn once_more<T>(act: impl Fn() -> io::Result<T>) -> io::Result<T> {
    act().or_else(|error| match is_forbidden(&error) {
        true => act(),
        false => Err(error),
    })
}

/// Whether nobody has written to a file between two looks. A rename changes nothing but the change time.
fn is_same_content(before: &Identity, after: &Identity) -> bool {
    let content = |identity: &Identity| (identity.node, identity.size, identity.modified);
    content(before) == content(after)
}

/// The marker that announced a drop, where its table's files have one.
fn marker_of(config: &Config, row: &DropRow) -> Option<PathBuf> {
    let mut tables = tables_with_drops(config);
    let (_, table) = tables.find(|(table, _)| table.name() == row.table)?;
    let marker = inbox::dropped(row).with_file_name(table.arrival.marker_of(&row.name));
    (table.arrival.ready == Ready::Marker).then_some(marker)
}
