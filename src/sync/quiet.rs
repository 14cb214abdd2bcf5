//! Quiet: after a pass that left nothing open, every export that has the same bytes again asks for nothing. To see that, they
//! are hashed and not read.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::config::Config;
use crate::disk::Disk;
use crate::merge::plan::{Input, PLAN_VERSION, Plan};
use crate::model::{Lookup, Table};
use crate::state::{Memory, StateError, Store};

use super::apply::digest_of;
use super::observe::Seen;
use super::observe::locate::{Located, locate};
use super::pass::{PassError, Request, Summary, TableSummary};
use super::spread::side_by_side;

/// What every table looks like after a pass that left nothing open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// Hash of program and configuration: others may find something to do in the same bytes.
    under: u64,
    couplings: u64,
    tables: Vec<QuietTable>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct QuietTable {
    table: String,
    file: String,
    path: PathBuf,
    sequence: Option<u64>,
    size: u64,
    digest: String,
    records: u64,
    dialect: String,
}

impl Quiet {
    /// What a pass leaves; `None` where something stays open that no file need change for. `size_of` tells how long a
    /// table's file will be.
    pub(super) fn after(
        config: &Config,
        tables: &[Option<Seen<'_>>],
        memory: &Memory<'_>,
        plan: &Plan,
        couplings: u64,
        size_of: &dyn Fn(&Seen<'_>) -> Option<u64>,
    ) -> Option<Quiet> {
        let moves = !plan.creations.is_empty()
            || !plan.couplings.is_empty()
            || !plan.uncouplings.is_empty();
        if moves || config.table(Table::Lookup(Lookup::Events)).is_some() {
            return None;
        }
        let mut quiet = Quiet {
            under: under(config),
            couplings,
            tables: Vec::new(),
        };
        for seen in tables.iter().flatten().filter(|seen| seen.is_configured) {
            let export = seen.export.as_ref()?;
            let row = memory
                .tables
                .iter()
                .find(|row| row.table == seen.table.name())?;
            if seen.config.arrival.drop || seen.is_part {
                return None;
            }
            quiet.tables.push(QuietTable {
                table: row.table.clone(),
                file: seen.file(),
                path: seen.path.clone(),
                sequence: row.sequence,
                size: size_of(seen)?,
                digest: row.digest.clone(),
                records: row.records,
                dialect: export.dialect.to_string(),
            });
        }
        Some(quiet)
    }

    fn summary(&self, after_pass: u64) -> Summary {
        let inputs = self.tables.iter().map(|table| Input {
            table: table.table.clone(),
            file: table.file.clone(),
            digest: table.digest.clone(),
            records: table.records,
        });
        let tables = self.tables.iter().map(|table| TableSummary {
            table: table.table.clone(),
            file: table.file.clone(),
            records: Some(table.records),
            changed: 0,
            dialect: table.dialect.clone(),
        });
        Summary {
            tables: tables.collect(),
            couplings: self.couplings,
            plan: Plan {
                version: PLAN_VERSION,
                after_pass,
                inputs: inputs.collect(),
                ..Plan::default()
            },
            ..Summary::default()
        }
    }
}

/// What a pass would say that finds everything as the last one left it; `None` where a pass must be made to know.
pub(super) fn still(
    config: &Config,
    disk: &dyn Disk,
    store: &Store,
    request: &Request,
) -> Result<Option<Summary>, PassError> {
    if !asks_for_nothing(request) {
        return Ok(None);
    }
    let Some(quiet) = store.quiet()?.filter(|quiet| quiet.under == under(config)) else {
        return Ok(None);
    };
    let is_open = !store.pending(&config.lacks())?.is_empty()
        || !store.marks()?.is_empty()
        || !store.problems()?.is_empty();
    let mut looks_same = quiet
        .tables
        .iter()
        .map(|table| looks_same(config, disk, table));
    if is_open || !looks_same.all(|same| same) {
        return Ok(None);
    }
    let files = quiet
        .tables
        .iter()
        .map(|table| (table.size, table))
        .collect();
    let same = side_by_side(files, |table| has_bytes(disk, &table.path, &table.digest));
    Ok(match same.into_iter().all(|same| same) {
        true => Some(quiet.summary(store.last_pass()?)),
        false => None,
    })
}

fn asks_for_nothing(request: &Request) -> bool {
    let intake = &request.intake;
    let takes_nothing = intake.drops.is_empty()
        && intake.unready.is_empty()
        && intake.problems.is_empty()
        && intake.mails.is_empty()
        && intake.requests.is_none();
    takes_nothing
        && request.orders.is_empty()
        && request.rows.is_empty()
        && request.exactly.is_none()
        && !request.dry_run
}

/// Whether a table's file is where it was, and as long. A file of another length is not worth its hash.
fn looks_same(config: &Config, disk: &dyn Disk, table: &QuietTable) -> bool {
    let located = Table::named(&table.table)
        .and_then(|table| config.table(table))
        .and_then(|config| locate(disk, config, table.sequence).ok());
    let expected = Located::Found {
        path: table.path.clone(),
        sequence: table.sequence,
        unnumbered: None,
    };
    let identity = disk.identity(&table.path).ok().flatten();
    located == Some(expected) && identity.is_some_and(|identity| identity.size == table.size)
}

/// Whether a file has just these bytes, and kept still while it was looked at.
fn has_bytes(disk: &dyn Disk, path: &Path, digest: &str) -> bool {
    let identity = || disk.identity(path).ok().flatten();
    let before = identity();
    let is_same = digest_of(disk, path).is_ok_and(|found| found.as_deref() == Some(digest));
    is_same && before == identity()
}

fn under(config: &Config) -> u64 {
    xxh3_64(format!("{} {config:?}", env!("CARGO_PKG_VERSION")).as_bytes())
}

impl Store {
    fn quiet(&self) -> Result<Option<Quiet>, StateError> {
        let quiet = self.meta("quiet")?;
        Ok(quiet.and_then(|quiet| serde_json::from_str(&quiet).ok()))
    }
}
