//! A round of the exchange: take dropped files in, make a pass with them, publish what became of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::exchange::is_requests_name;
use crate::config::{Arrival, Config, Ready, TableConfig};
use crate::disk::{Disk, Identity};
use crate::model::{Lookup, Problem, Table};
use crate::state::drops::{DropRow, Receipt, ReceiptRow, Standing};
use crate::state::{StateError, Store};
use crate::sync::apply::ApplyError;
use crate::sync::observe::intake::{Incoming, Intake, RequestsDrop};
use crate::sync::observe::locate::{Located, locate};
use crate::sync::pass::{Effects, Outcome, PassError, Request, finish_last, reconcile_with};
use crate::sync::{inbox, requests};

use super::arrival::{Fate, fates};
use super::claims::{claim_or_tell, settle_claims};
use super::folder::{
    Announcement, AsItStands, Inbox, Listing, Looks, Unready, announces, can_tell, is_online,
    rules, tables_with_drops, waits_for_marker,
};
use super::upkeep::{unwritable, upkeep};
use super::{attempt, conflicts, mail, publish};

/// What a round did.
#[derive(Clone, Debug)]
pub struct Round {
    /// How its pass ended.
    pub outcome: Outcome,
    /// Drops that were answered.
    pub answered: Vec<DropRow>,
    /// Whether files that can be read now still wait for their turn.
    pub is_more: bool,
    /// Files that are not complete yet.
    pub unready: Vec<PathBuf>,
    /// Folders that are not there.
    pub offline: Vec<PathBuf>,
    /// What could not be done beside the pass; the next round tries again, and tells it.
    pub undone: Vec<Problem>,
    /// When the next round is to be made, though nothing comes: an incomplete set is waited for so long, and so is what could not be
    /// read in this one.
    pub wait: Option<Duration>,
}

impl Round {
    /// What the next round is asked, where nobody asks for more.
    pub fn next(&self) -> Request {
        Request {
            intake: Intake {
                problems: self.undone.clone(),
                ..Intake::default()
            },
            ..Request::default()
        }
    }
}

/// Makes one round. `request` says what is asked for beside what the files ask, and as its problems what the round before could not do.
///
/// # Errors
/// Those of a pass.
pub fn round(
    config: &Config,
    effects: &Effects<'_>,
    store: &mut Store,
    request: Request,
    looks: &dyn Looks,
) -> Result<Round, PassError> {
    let at = stamp(effects);
    let made = make(config, effects, store, request, looks);
    // What failed is told all the same where the state is what failed.
    let noted = attempt::note(store, &made, at);
    let made = made?;
    noted?;
    Ok(made)
}

fn make(
    config: &Config,
    effects: &Effects<'_>,
    store: &mut Store,
    request: Request,
    looks: &dyn Looks,
) -> Result<Round, PassError> {
    let disk = effects.disk;
    finish_last(config, effects, store)?;
    settle_claims(config, store, disk)?;
    // What a crash left unanswered comes first: whoever waits for it has waited longest.
    let mut answered = publish::publish(config, disk, store)?.answered;
    let at = stamp(effects);
    let mut taken = Taken::default();
    take_tables(config, disk, store, looks, &at, &mut taken)?;
    let rows = take_requests(config, disk, store, looks, &at, &mut taken)?;
    mail::take(config, disk, looks, &mut taken.intake, &mut taken.unready);
    // What the last round could not do is told only if it cannot be done now either.
    let mut told = Vec::new();
    if !request.intake.problems.is_empty() {
        let mails = &mut taken.intake.mails;
        told = upkeep(config, disk, store, mails, &effects.clock.now())?;
        // Those that are put away now were read before.
        mails.retain(|path| disk.identity(path).is_ok_and(|found| found.is_some()));
    }
    taken.intake.problems.extend(told.iter().cloned());
    let published = publish::publish(config, disk, store)?;
    answered.extend(published.answered);
    taken.intake.problems.extend(published.problems);
    let Taken {
        intake,
        is_more,
        unready,
        offline,
        wait,
    } = taken;
    let request = Request {
        rows: [request.rows, rows].concat(),
        intake,
        ..request
    };
    let mails = request.intake.mails.clone();
    let outcome = reconcile_with(config, effects, &request, store)?;
    supersede_halted(&request.intake, &outcome, store)?;
    let published = publish::publish(config, disk, store)?;
    let by_pass = published.answered;
    let is_halted = matches!(outcome, Outcome::Halted { .. });
    // What a halt leaves waits for a person; what waits for anything else is looked at again.
    let goes_on = |row: &DropRow| !is_halted || row.receipt.is_some();
    let is_open = |row: &DropRow| goes_on(row) && can_tell(row, &config.run, disk);
    let is_left = (is_more && !is_halted) || store.open_drops()?.iter().any(is_open);
    let undone = upkeep(config, disk, store, &mails, &effects.clock.now())?;
    let is_left = is_left || !undone.is_empty();
    let wait = wait.into_iter().chain(is_left.then_some(config.run.scan));
    let wait = wait.min();
    let is_more = is_more && !is_halted;
    // A table whose drop was rejected has said nothing, although its last file could have.
    let is_silenced = |row: &DropRow| {
        let standing = row.receipt.as_ref().map(|receipt| receipt.standing);
        standing == Some(Standing::Rejected) && row.table != Table::Lookup(Lookup::Requests).name()
    };
    let is_more = is_more || by_pass.iter().any(is_silenced);
    // Only a round that got something done is followed by another at once.
    let is_more = is_more && (!by_pass.is_empty() || !answered.is_empty());
    // What could not be answered after the pass is told by the next one.
    let is_told = |problem: &Problem| {
        let mut told = request.intake.problems.iter();
        told.any(|told| told.place == problem.place)
    };
    let is_more = is_more || !published.problems.iter().all(is_told) || undone != told;
    answered.extend(by_pass);
    Ok(Round {
        outcome,
        answered,
        is_more,
        unready,
        offline,
        undone,
        wait,
    })
}

/// A halted plan waits for a person, and the files that it was made from were read: older ones are superseded all the same.
fn supersede_halted(
    intake: &Intake,
    outcome: &Outcome,
    store: &mut Store,
) -> Result<(), StateError> {
    let Outcome::Halted { summary, .. } = outcome else {
        return Ok(());
    };
    let read = summary
        .tables
        .iter()
        .filter(|table| table.records.is_some());
    let read: BTreeSet<&str> = read.map(|table| table.table.as_str()).collect();
    let newer = intake.drops.iter();
    let newer = newer.filter(|(table, _)| read.contains(table.name()));
    let older: Vec<ReceiptRow> = newer
        .flat_map(|(_, newer)| newer.superseded.clone())
        .collect();
    store.receive(&older)
}

/// What a dry run would take in: files are read where they stand, and nothing is claimed.
///
/// # Errors
/// Those of the state and of looking into the folders.
pub fn preview(
    config: &Config,
    disk: &dyn Disk,
    store: &Store,
    looks: &dyn Looks,
) -> Result<Intake, PassError> {
    let mut intake = Intake::default();
    for (table, table_config) in tables_with_drops(config) {
        let inbox = Inbox::of_table(table, table_config);
        let listing = inbox.list(config, disk, store, looks)?;
        let choice = choose(table, &inbox, table_config, &listing, store)?;
        let (overdue, _) = overdue(&inbox, &listing, config, store, looks)?;
        intake.problems.extend(overdue);
        intake.waiting.extend(first_waiting(table, &listing));
        intake.problems.extend(listing.problems);
        intake.problems.extend(choice.problems);
        if let Some((at, _)) = choice.read {
            let found = &listing.found[at];
            let incoming = Incoming {
                path: found.path.clone(),
                shown: inbox.folder.join(&found.candidate.name),
                sequence: found.candidate.sequence,
                is_part: found.candidate.is_part,
                records: found.records,
                id: None,
                superseded: Vec::new(),
            };
            intake.drops.insert(table, incoming);
        }
    }
    mail::take(config, disk, looks, &mut intake, &mut Vec::new());
    Ok(intake)
}

/// What was taken in so far.
#[derive(Default)]
struct Taken {
    intake: Intake,
    is_more: bool,
    unready: Vec<PathBuf>,
    offline: Vec<PathBuf>,
    wait: Option<Duration>,
}

impl Taken {
    fn note_unready(&mut self, listing: &mut Listing) {
        let unready = listing.unready.drain(..);
        self.unready.extend(unready.map(|unready| unready.path));
    }
}

/// What is to be said of files that are not complete for as long as an incomplete set is waited for, and how long the next of them
/// still has. Of a table that was never read it is said already why it cannot be.
fn overdue(
    inbox: &Inbox<'_>,
    listing: &Listing,
    config: &Config,
    store: &Store,
    looks: &dyn Looks,
) -> Result<(Vec<Problem>, Option<Duration>), StateError> {
    let is_told = listing.unready.is_empty() || store.last_read_drop(inbox.table)?.is_none();
    let unready = listing.unready.iter().filter(|_| !is_told);
    let left = unready.map(|unready| {
        let age = looks.age(&unready.path);
        (unready, config.run.together_within.saturating_sub(age))
    });
    let (overdue, early): (Vec<_>, Vec<_>) = left.partition(|(_, left)| left.is_zero());
    let advice = "have its system send what it lacks, or take the file away";
    let tell = |unready: &Unready| {
        let reason = unready.waits.clone();
        inbox.problem(&unready.path, "unready-drop", reason, advice)
    };
    let problems = overdue.iter().map(|(unready, _)| tell(unready));
    Ok((
        problems.collect(),
        early.iter().map(|(_, left)| *left).min(),
    ))
}

fn first_waiting(table: Table, listing: &Listing) -> Option<(Table, String)> {
    Some((table, listing.unready.first()?.waits.clone()))
}

/// By table: what each file waits for that stands there and is not announced as complete.
///
/// # Errors
/// Those of the state and of looking into the folders.
pub fn waiting(
    config: &Config,
    disk: &dyn Disk,
    store: &Store,
) -> Result<Vec<(Table, String)>, PassError> {
    let mut waiting = Vec::new();
    for (table, table_config) in tables_with_drops(config) {
        let inbox = Inbox::of_table(table, table_config);
        let listing = inbox.list(config, disk, store, &AsItStands)?;
        let unready = listing.unready.into_iter();
        waiting.extend(unready.map(|unready| (table, unready.waits)));
    }
    for (table, table_config) in config.exports().filter(|(_, config)| !config.arrival.drop) {
        if let Ok(Located::Found { path, .. }) = locate(disk, table_config, None)
            && let Ok(Some(identity)) = disk.identity(&path)
            && let Some(marker) = lacking_marker(table_config, disk, &path, &identity)
        {
            let (_, name) = inbox::folder_and_name(&path);
            waiting.push((table, waits_for_marker(&name, &marker)));
        }
    }
    Ok(waiting)
}

/// The marker that a file which is no drop still lacks, where its table's files have one.
fn lacking_marker(
    config: &TableConfig,
    disk: &dyn Disk,
    path: &Path,
    identity: &Identity,
) -> Option<PathBuf> {
    if config.arrival.ready != Ready::Marker {
        return None;
    }
    let (_, name) = inbox::folder_and_name(path);
    let marker = path.with_file_name(config.arrival.marker_of(&name));
    let tells = announces(disk.identity(&marker).ok().flatten(), identity);
    (!tells).then_some(marker)
}

/// What is decided for one inbox.
#[derive(Default)]
struct Choice {
    /// Which of the files found is read, and the number after which others are missing.
    read: Option<(usize, Option<u64>)>,
    /// Those that are not read, and why.
    aside: Vec<(usize, Standing, String)>,
    problems: Vec<Problem>,
    is_more: bool,
}

fn choose(
    table: Table,
    inbox: &Inbox<'_>,
    config: &TableConfig,
    listing: &Listing,
    store: &Store,
) -> Result<Choice, StateError> {
    let memories = store.tables()?;
    let memory = memories.iter().find(|memory| memory.table == table.name());
    let last = match table {
        Table::Lookup(Lookup::Events) => store.events_read()?.and_then(|read| read.sequence),
        _ => memory.and_then(|memory| memory.sequence),
    };
    let rules = rules(config, last, listing);
    let candidates: Vec<_> = listing
        .found
        .iter()
        .map(|found| found.candidate.clone())
        .collect();
    let mut choice = Choice::default();
    let mut ambiguous = Vec::new();
    for (at, fate) in fates(&candidates, &rules).into_iter().enumerate() {
        let path = inbox.folder.join(&candidates[at].name);
        match fate {
            Fate::Read { gap_after } => {
                choice.read = Some((at, gap_after));
                if let Some(after) = gap_after {
                    let reason = format!("the files between {after} and this one have not come");
                    let advice = "what they list is not known here; let its system send them, or a full export";
                    choice
                        .problems
                        .push(inbox.problem(&path, "gap", reason, advice));
                }
            }
            Fate::Waits => choice.is_more = true,
            Fate::WaitsForGap { after } => {
                let reason = format!("it waits for the files after {after}, which have not come");
                choice.problems.push(inbox.problem(
                    &path,
                    "gap",
                    reason,
                    "let its system send them again",
                ));
            }
            Fate::Ambiguous => ambiguous.push(path),
            Fate::Aside(standing, reason) => choice.aside.push((at, standing, reason)),
        }
    }
    if let Some(path) = ambiguous.first() {
        let reason = format!(
            "{} files wait, and nothing says which is the newest",
            ambiguous.len()
        );
        let advice = "set `sequence` to the number or time in their names, or leave only one there";
        choice
            .problems
            .push(inbox.problem(path, "ambiguous-export", reason, advice));
    }
    Ok(choice)
}

fn take_tables(
    config: &Config,
    disk: &dyn Disk,
    store: &mut Store,
    looks: &dyn Looks,
    at: &str,
    taken: &mut Taken,
) -> Result<(), PassError> {
    let mut inboxes = Vec::new();
    for (table, table_config) in tables_with_drops(config) {
        let inbox = Inbox::of_table(table, table_config);
        let mut listing = inbox.list(config, disk, store, looks)?;
        if !listing.is_online {
            taken.offline.push(inbox.folder.clone());
            listing.problems.push(offline(&inbox));
        }
        let (overdue, left) = overdue(&inbox, &listing, config, store, looks)?;
        taken.intake.problems.extend(overdue);
        taken.wait = taken.wait.into_iter().chain(left).min();
        taken.intake.waiting.extend(first_waiting(table, &listing));
        taken.intake.problems.append(&mut listing.problems);
        taken.note_unready(&mut listing);
        inboxes.push((table, table_config, inbox, listing));
    }
    let (waiting, wait) = waiting_for_others(config, looks, &inboxes);
    taken.wait = taken.wait.into_iter().chain(wait).min();
    for (table, table_config, inbox, listing) in &inboxes {
        let mut choice = choose(*table, inbox, table_config, listing, store)?;
        taken.intake.problems.append(&mut choice.problems);
        if waiting.contains(table) {
            continue;
        }
        taken.is_more |= choice.is_more;
        // Older files are superseded once the newest was read: should it be refused, one of them is read instead.
        let receipts = choice
            .aside
            .iter()
            .map(|(at, standing, reason)| (*at, Receipt::whole(*standing, reason.as_str())));
        let receipts: Vec<(usize, Receipt)> = receipts.collect();
        let at_once = |receipt: &Receipt| receipt.standing != Standing::Superseded;
        let aside = receipts
            .iter()
            .map(|(at, receipt)| (*at, Some(receipt.clone()).filter(at_once)));
        let read = choice.read.map(|(at, _)| (at, None));
        let chosen: Vec<_> = aside.chain(read).collect();
        let claimed = claim_or_tell(config, inbox, listing, &chosen, disk, store, at)?;
        let mut claimed = claimed.unwrap_or_else(|problem| {
            taken.intake.problems.push(problem);
            Vec::new()
        });
        let read = choice.read.and_then(|_| claimed.pop().flatten());
        if let Some(row) = read.filter(|row| row.receipt.is_none()) {
            let older = claimed.into_iter().zip(receipts);
            let superseded = older.filter_map(|(row, (_, receipt))| {
                let drop = row.filter(|row| row.receipt.is_none())?.id;
                Some(ReceiptRow { drop, receipt })
            });
            let incoming = Incoming {
                path: inbox::claimed(&row),
                shown: inbox::dropped(&row),
                sequence: row.sequence,
                is_part: row.is_part,
                records: row.records,
                id: Some(row.id),
                superseded: superseded.collect(),
            };
            taken.intake.drops.insert(*table, incoming);
        } else {
            taken.is_more |= choice.read.is_some();
        }
    }
    let unarchived = archive_manifests(config, &inboxes, disk, store, at)?;
    taken.intake.problems.extend(unarchived);
    unready_exports(config, disk, looks, taken);
    Ok(())
}

/// Tables whose files belong to a set of which others have not come, as long as that may still be.
fn waiting_for_others(
    config: &Config,
    looks: &dyn Looks,
    inboxes: &[(Table, &TableConfig, Inbox<'_>, Listing)],
) -> (BTreeSet<Table>, Option<Duration>) {
    let mut waiting = BTreeSet::new();
    let mut wait: Option<Duration> = None;
    for set in &config.run.together {
        let of_set = || inboxes.iter().filter(|(table, ..)| set.contains(table));
        let came = |listing: &Listing| !listing.found.is_empty();
        let is_complete = of_set().all(|(.., listing)| came(listing));
        let oldest = of_set()
            .flat_map(|(.., listing)| &listing.found)
            .map(|found| match found.row {
                // One that was claimed before the others came has waited already.
                Some(_) => Duration::MAX,
                None => looks.age(&found.path),
            })
            .max();
        let left = oldest.and_then(|age| config.run.together_within.checked_sub(age));
        if let (false, Some(left)) = (is_complete, left.filter(|left| !left.is_zero())) {
            let of_set = of_set().filter(|(.., listing)| came(listing));
            waiting.extend(of_set.map(|(table, ..)| *table));
            wait = Some(wait.map_or(left, |wait| wait.min(left)));
        }
    }
    (waiting, wait)
}

/// Files that are not drops and are not complete: their tables say nothing in this pass.
fn unready_exports(config: &Config, disk: &dyn Disk, looks: &dyn Looks, taken: &mut Taken) {
    for (table, table_config) in config.exports().filter(|(_, config)| !config.arrival.drop) {
        let (folder, _) = inbox::folder_and_name(&table_config.export_path());
        let needs_marker = config.run.online_marker.is_some() && !table_config.owned;
        if needs_marker && !is_online(&folder, &config.run, disk) {
            taken.offline.push(folder);
            taken.intake.unready.insert(table);
            continue;
        }
        let Ok(Located::Found { path, .. }) = locate(disk, table_config, None) else {
            continue;
        };
        let Ok(Some(identity)) = disk.identity(&path) else {
            continue;
        };
        let is_ready = match table_config.arrival.ready {
            Ready::Marker => lacking_marker(table_config, disk, &path, &identity).is_none(),
            _ => looks.is_settled(&path, &identity),
        };
        if !is_ready {
            taken.unready.push(path);
            taken.intake.unready.insert(table);
        } else if looks.looks_again() {
            taken.intake.complete.insert(path, identity);
        }
    }
}

/// Keeps the manifests all of whose files that are ours to claim were claimed, and tells which cannot be. Tables may share a folder, and
/// with it the manifest.
fn archive_manifests(
    config: &Config,
    inboxes: &[(Table, &TableConfig, Inbox<'_>, Listing)],
    disk: &dyn Disk,
    store: &Store,
    at: &str,
) -> Result<Vec<Problem>, PassError> {
    let mut problems = Vec::new();
    let mut kept = BTreeSet::new();
    for (_, _, inbox, listing) in inboxes {
        let is_ours = |name: &str| {
            let beside = |other: &&Inbox<'_>| other.folder == inbox.folder;
            let mut beside = inboxes.iter().map(|(.., inbox, _)| inbox).filter(beside);
            !config.run.ignores(name) && beside.any(|inbox| (inbox.is_named)(name))
        };
        for Announcement {
            path,
            manifest,
            version,
            ..
        } in &listing.manifests
        {
            let claimed = store.claimed_under(version)?;
            let mut ours = manifest.files.iter().filter(|named| is_ours(&named.name));
            let is_done = !claimed.is_empty() && ours.all(|named| claimed.contains(&named.name));
            if !is_done || !kept.insert(path) {
                continue;
            }
            // It may have failed for a moment only.
            let done = archive(path, at, disk).or_else(|_| archive(path, at, disk));
            match done {
                Err(ApplyError::Write { path, source }) => {
                    let advice = "see to that folder; the manifest was read, and is put away then";
                    problems.push(unwritable(&path, &source, advice));
                }
                done => done?,
            }
        }
    }
    Ok(problems)
}

/// Keeps a file that is no drop beside the drops of its day.
fn archive(path: &Path, at: &str, disk: &dyn Disk) -> Result<(), ApplyError> {
    let (folder, name) = inbox::folder_and_name(path);
    let day = at.get(..10).unwrap_or("unknown");
    let done = folder.join(inbox::DONE).join(day);
    publish::own_folder(disk, &done).map_err(publish::write_error(&done))?;
    let to = done.join(name);
    disk.rename(path, &to, true)
        .map_err(publish::write_error(&to))
}

/// Takes one requests file in: an edited conflict inbox, or the next of the requests folder.
fn take_requests(
    config: &Config,
    disk: &dyn Disk,
    store: &mut Store,
    looks: &dyn Looks,
    at: &str,
    taken: &mut Taken,
) -> Result<Vec<requests::RequestRow>, PassError> {
    let arrival = Arrival::default();
    let mut rows = Vec::new();
    let mut places: Vec<Inbox<'_>> = Vec::new();
    if let Some(path) = &config.exchange.conflicts {
        let (folder, name) = inbox::folder_and_name(path);
        let mut inbox = Inbox {
            table: Table::Lookup(Lookup::Requests).name(),
            folder,
            is_named: Box::new(|_| false),
            arrival: &arrival,
            sequence: None,
        };
        let is_edited = match conflicts::is_edited(store, disk, path) {
            Ok(is_edited) => is_edited,
            Err(ApplyError::Write { path, source }) => {
                let problem = inbox.unusable(&path, &source);
                taken.intake.problems.push(problem);
                false
            }
            Err(error) => return Err(error.into()),
        };
        // Rows of it that were left out come back under a name of their own.
        inbox.is_named = Box::new(move |file| match file == name {
            true => is_edited,
            false => inbox::is_named_like(path, file),
        });
        places.push(inbox);
    }
    if let Some(folder) = &config.exchange.requests {
        places.push(Inbox {
            table: Table::Lookup(Lookup::Requests).name(),
            folder: folder.clone(),
            is_named: Box::new(is_requests_name),
            arrival: &arrival,
            sequence: None,
        });
    }
    for inbox in places {
        let mut listing = inbox.list(config, disk, store, looks)?;
        if !listing.is_online {
            taken.offline.push(inbox.folder.clone());
            continue;
        }
        taken.intake.problems.append(&mut listing.problems);
        taken.note_unready(&mut listing);
        let mut order: Vec<usize> = (0..listing.found.len()).collect();
        order.sort_by_key(|at| {
            let candidate = &listing.found[*at].candidate;
            (
                candidate.claimed.unwrap_or(u64::MAX),
                candidate.name.clone(),
            )
        });
        for next in order {
            if taken.intake.requests.is_some() {
                taken.is_more = true;
                break;
            }
            let chosen = [(next, None)];
            let claimed = claim_or_tell(config, &inbox, &listing, &chosen, disk, store, at)?;
            let claimed = claimed.unwrap_or_else(|problem| {
                taken.intake.problems.push(problem);
                Vec::new()
            });
            let claimed = claimed.into_iter().flatten().next();
            let Some(row) = claimed.filter(|row| row.receipt.is_none()) else {
                continue;
            };
            let opened = disk.open_dropped(&inbox::claimed(&row));
            match requests::read(opened, &inbox::dropped(&row), config.bounds.held()) {
                Ok(read) => {
                    let (id, apart) = (row.id, read.apart);
                    taken.intake.requests = Some(RequestsDrop { id, apart });
                    rows = read.rows;
                }
                Err(reason) => {
                    let receipt = Receipt::whole(Standing::Rejected, reason);
                    store.receive(&[ReceiptRow {
                        drop: row.id,
                        receipt,
                    }])?;
                }
            }
        }
    }
    Ok(rows)
}

fn offline(inbox: &Inbox<'_>) -> Problem {
    inbox.problem(
        &inbox.folder,
        "offline-folder",
        "the folder, or its marker, is not there".to_owned(),
        "nothing is deleted or blanked; see whether its share is mounted",
    )
}

fn stamp(effects: &Effects<'_>) -> String {
    effects
        .clock
        .now()
        .strftime("%Y-%m-%dT%H:%M:%S")
        .to_string()
}
