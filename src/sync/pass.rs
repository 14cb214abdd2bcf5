//! One pass: lock, recover, observe, decide, check, apply, remember.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use tracing::{info, info_span};

use crate::config::{Config, WriteBack};
use crate::disk::Disk;
use crate::exports::{Export, key_print};
use crate::merge::Plan;
use crate::merge::plan::Debt;
use crate::model::{Problem, Table};
use crate::state::drops::ReceiptRow;
use crate::state::memory::{Mark, MarkRow, Memory};
use crate::state::queries::{KnownProblem, OpenConflict};
use crate::state::{Lock, StateError, Store};

use super::apply::log;
use super::apply::recover;
use super::apply::{Applied, ApplyError, Doing, apply};
use super::arrange::orders::Order;
use super::arrange::{self, Arranged, OrderOutcome, Scene};
use super::couple::affected::affected;
use super::couple::{Couplings, couple};
use super::decide::documents;
use super::decide::interactions;
use super::decide::words::Words;
use super::decide::world::{World, has_persons};
use super::decide::{Decided, decide, number};
use super::observe::events::{self, Events};
use super::observe::intake::{self, Intake};
use super::observe::keys::find_keys;
use super::observe::lookups::LogLookups;
use super::observe::pending::Pending;
use super::observe::returned::Returned;
use super::observe::{self, Known, Seen, observe};
use super::quiet;
use super::receipts;
use super::requests::{self, RequestRow, RowAnswer};
use super::spread::side_by_side;

/// The time, as an argument.
pub trait Clock: Sync {
    /// Now, with the zone whose date and time the log shows.
    fn now(&self) -> jiff::Zoned;
}

/// The machine's clock in the machine's zone.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> jiff::Zoned {
        jiff::Zoned::now()
    }
}

/// The effects of a pass, as arguments.
#[derive(Clone, Copy)]
pub struct Effects<'e> {
    /// Where files are.
    pub disk: &'e dyn Disk,
    /// What time it is.
    pub clock: &'e dyn Clock,
    /// Is told what the pass is at, for a progress bar.
    pub stage: &'e dyn Fn(&str),
}

/// What a pass is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Decide only, and write nothing.
    pub dry_run: bool,
    /// Carry out exactly this plan, or refuse.
    pub exactly: Option<Plan>,
    /// What else is asked for.
    pub orders: Vec<Order>,
    /// Whether orders are carried out although others are refused; otherwise nothing is done then.
    pub each_for_itself: bool,
    /// The rows of a requests file; their orders come after the others, and are carried out each for itself.
    pub rows: Vec<RequestRow>,
    /// Dropped files that it takes in.
    pub intake: Intake,
}

/// How a pass ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// There was nothing to do.
    InStep(Summary),
    /// What would be done.
    DryRun(Summary),
    /// It was done.
    Done(Summary),
    /// A guard refused it; nothing was written.
    Halted {
        /// What `approve` calls it.
        id: String,
        /// What was refused.
        summary: Summary,
    },
    /// A rule refused what was asked for; nothing was written.
    Refused {
        /// Why, as sentences.
        reasons: Vec<String>,
    },
    /// The saved plan is no longer what a pass would do; nothing was written.
    Outdated {
        /// What changed, as sentences.
        reasons: Vec<String>,
    },
}

/// One table in a summary.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TableSummary {
    /// Table.
    pub table: String,
    /// File.
    pub file: String,
    /// Records in the export; `None` when it said nothing.
    pub records: Option<u64>,
    /// Records whose bytes are new or other than at the last pass.
    pub changed: u64,
    /// Encoding and format.
    pub dialect: String,
}

/// What a pass saw and did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Its number; `None` when it did not become one.
    pub pass: Option<u64>,
    /// A pass that had been cut short and was finished first.
    pub recovered: Option<u64>,
    /// What was read.
    pub tables: Vec<TableSummary>,
    /// Couplings in force.
    pub couplings: u64,
    /// What was decided.
    pub plan: Plan,
    /// Files that were put in place.
    pub files: Vec<PathBuf>,
    /// Interactions written to the log's file.
    pub logged: u64,
    /// Problems that nobody accepted.
    pub unaccepted: Vec<Problem>,
    /// What whoever asked should look at.
    pub warnings: Vec<String>,
    /// What became of each order.
    pub outcomes: Vec<OrderOutcome>,
    /// What became of each row of a requests file.
    pub rows: Vec<RowAnswer>,
}

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The state refused.
    #[error(transparent)]
    State(#[from] StateError),
    /// It could not be carried out.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Other programs kept changing the files, or they could not be read again.
    #[error("{} is never the same when it is read again: another program keeps changing it, or its disk fails; nothing was written", .0.display())]
    Overtaken(PathBuf),
}

impl PassError {
    /// What to do about it, as the end of a sentence; blank where the error says it.
    pub fn advice(&self) -> &'static str {
        match self {
            PassError::Apply(ApplyError::Write { source, .. })
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                "; see to its permissions, and to those of its folder"
            }
            _ => "",
        }
    }
}

/// How often a pass is planned again when somebody changes a file meanwhile.
const ATTEMPTS: usize = 5;

/// Makes one pass.
///
/// # Errors
/// [`PassError`] when the state or a file cannot be used. Bad data is no error: it is a problem in the summary.
pub fn reconcile(
    config: &Config,
    effects: &Effects<'_>,
    request: &Request,
) -> Result<Outcome, PassError> {
    let Effects { disk, .. } = *effects;
    if request.dry_run {
        let store = match Store::look(&config.state)? {
            Some(store) => store,
            None => Store::in_memory(&config.state)?,
        };
        return dry_run(config, effects, request, &store);
    }
    disk.create_own_folder(&config.state)
        .map_err(StateError::file(&config.state))?;
    let lock = Lock::take(&config.state)?;
    reconcile_locked(config, effects, request, &lock)
}

/// Makes one pass under a lock that the caller holds for longer.
///
/// # Errors
/// Those of [`reconcile`].
pub fn reconcile_locked(
    config: &Config,
    effects: &Effects<'_>,
    request: &Request,
    _lock: &Lock,
) -> Result<Outcome, PassError> {
    let mut store = Store::open(&config.state)?;
    reconcile_with(config, effects, request, &mut store)
}

/// Makes one pass with a state that the caller has opened, under its lock.
///
/// # Errors
/// Those of [`reconcile`].
pub fn reconcile_with(
    config: &Config,
    effects: &Effects<'_>,
    request: &Request,
    store: &mut Store,
) -> Result<Outcome, PassError> {
    if request.dry_run {
        return dry_run(config, effects, request, store);
    }
    let recovered = finish_last(config, effects, store)?;
    let asked = asked(config, request, store, &stamp(effects.clock))?;
    let mut overtaken = PathBuf::new();
    for _ in 0..ATTEMPTS {
        match attempt(config, effects, store, &asked, recovered)? {
            Attempt::Ended(outcome) => {
                // An approval is for the exports that were halted: if they come back after a pass that saw others, they are halted again.
                if let Outcome::InStep(_) | Outcome::Done(_) = *outcome {
                    store.end_halts()?;
                }
                return Ok(*outcome);
            }
            Attempt::Overtaken(path) => overtaken = path,
        }
    }
    Err(PassError::Overtaken(overtaken))
}

/// Finishes or discards a pass that was cut short, and what it did not log. Returns the number of one that was finished.
///
/// # Errors
/// [`PassError`] when the state or a file cannot be used.
pub fn finish_last(
    config: &Config,
    effects: &Effects<'_>,
    store: &mut Store,
) -> Result<Option<u64>, PassError> {
    let Effects { disk, clock, .. } = *effects;
    log::check(disk, &config.interactions, &clock.now())?;
    log::adopt(store, disk, &config.interactions, &clock.now())?;
    let recovered = recover::recover(store, disk, &|| stamp(clock))?;
    log::export(store, disk, &config.interactions, &clock.now())?;
    log::retain(store, disk, &config.interactions, &clock.now())?;
    Ok(recovered)
}

/// What is asked for, with the rows of a requests file as decisions and orders.
struct AskedFor {
    request: Request,
    /// What became of the rows that decide.
    decided: Vec<Result<OpenConflict, String>>,
    /// How many orders come before those of the rows.
    before_rows: usize,
}

fn asked(
    config: &Config,
    request: &Request,
    store: &Store,
    at: &str,
) -> Result<AskedFor, StateError> {
    let mut request = request.clone();
    let before_rows = request.orders.len();
    request.orders.extend(requests::orders(&request.rows));
    request.each_for_itself |= !request.rows.is_empty();
    Ok(AskedFor {
        decided: requests::decide(config, store, &request.rows, at, request.dry_run)?,
        request,
        before_rows,
    })
}

impl AskedFor {
    fn answers(&self, outcomes: &[OrderOutcome], decided: &Decided) -> Vec<RowAnswer> {
        let of_rows = outcomes.get(self.before_rows..).unwrap_or_default();
        requests::answers(&self.request.rows, &self.decided, &decided.stale, of_rows)
    }
}

/// The time as the state keeps it, ISO 8601.
pub(super) fn stamp(clock: &dyn Clock) -> String {
    clock.now().strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// Why nothing is done, where orders stand and fall together.
fn refused(arranged: &Arranged, request: &Request) -> Option<Vec<String>> {
    let reasons = arranged.refusals();
    (!reasons.is_empty() && !request.each_for_itself).then_some(reasons)
}

fn dry_run(
    config: &Config,
    effects: &Effects<'_>,
    request: &Request,
    store: &Store,
) -> Result<Outcome, PassError> {
    log::check(effects.disk, &config.interactions, &effects.clock.now())?;
    let asked = asked(config, request, store, &stamp(effects.clock))?;
    let mut view = View::read(config, effects, store, &asked.request)?;
    if let Some(reasons) = refused(&view.arranged, &asked.request) {
        return Ok(Outcome::Refused { reasons });
    }
    let mut summary = view.summary(&store.problems()?);
    summary.rows = asked.answers(&summary.outcomes, &view.decided);
    Ok(Outcome::DryRun(summary))
}

enum Attempt {
    Ended(Box<Outcome>),
    Overtaken(PathBuf),
}

/// What exports and state say, before anything is made of it.
pub(super) struct Look<'c> {
    pub(super) tables: Vec<Option<Seen<'c>>>,
    pub(super) problems: Vec<Problem>,
    /// Records that are gone, with those that this reading misses.
    pub(super) gone: BTreeSet<(Table, String)>,
    known: Known,
    pub(super) seed: u64,
}

/// Reads all exports, the large ones side by side.
pub(super) fn look<'c>(
    config: &'c Config,
    effects: &Effects<'_>,
    store: &Store,
    intake: &Intake,
) -> Result<Look<'c>, PassError> {
    let Effects { disk, clock, .. } = *effects;
    let seed = store.seed(fresh_seed(clock))?;
    let marks = store.marks()?;
    let asked = marks.iter().filter(|row| row.mark == Mark::Asked);
    let asked = asked.map(|row| row.no.clone());
    let relations = Table::Relations.name();
    let removed = store.gone()?.into_iter();
    let removed = removed.filter(|row| row.table == relations);
    let known = Known {
        memories: store.tables()?,
        base_folder: store.base_folder(),
        seed,
        removals: removed.map(|row| row.no).chain(asked).collect(),
        marks,
        files: intake::files(config, store, disk, intake)?,
        unready: intake.unready.clone(),
        waiting: intake.waiting.clone(),
        complete: intake.complete.clone(),
    };
    let size = |table: Table| {
        let configured = || config.table(table).map(|config| config.export_path());
        let dropped = known.files.get(&table).map(|file| file.path.clone());
        dropped
            .or_else(configured)
            .and_then(|path| disk.identity(&path).ok().flatten())
            .map_or(0, |identity| identity.size)
    };
    let observed = side_by_side(
        Table::all().map(|table| (size(table), table)).collect(),
        |table| observe(config, table, disk, &known),
    );
    let mut problems = intake.problems.clone();
    let mut tables: Vec<Option<Seen<'c>>> = Vec::with_capacity(Table::COUNT);
    for seen in observed {
        tables.push(seen?.map(|(seen, found)| {
            problems.extend(found);
            seen
        }));
    }
    let mut gone = gone(store, &tables)?;
    let asked = known.marks.iter().filter(|row| row.mark == Mark::Asked);
    gone.extend(asked.map(|row| (Table::Relations, row.no.clone())));
    Ok(Look {
        tables,
        problems,
        gone,
        known,
        seed,
    })
}

/// Everything that one attempt saw and decided.
struct View<'c> {
    tables: Vec<Option<Seen<'c>>>,
    couplings: Couplings,
    arranged: Arranged,
    decided: Decided,
    seed: u64,
}

impl<'c> View<'c> {
    fn read(
        config: &'c Config,
        effects: &Effects<'_>,
        store: &Store,
        request: &Request,
    ) -> Result<View<'c>, PassError> {
        let Effects { disk, clock, stage } = *effects;
        let _span = info_span!("observe").entered();
        stage("reading exports");
        let Look {
            mut tables,
            mut problems,
            gone,
            known,
            seed,
        } = look(config, effects, store, &request.intake)?;
        for seen in tables.iter_mut().flatten() {
            seen.returned = Returned::of(seen, store, seed)?;
        }
        stage("finding parties");
        let is_quiet = !tables.iter().flatten().any(Seen::is_changed);
        let events = events::read(config, disk, store, &request.intake, seed, is_quiet)?;
        let pending = Pending::of(store, &tables)?;
        let mut arranged = arrange_all(
            config,
            effects,
            store,
            &mut tables,
            &known.marks,
            &pending,
            &gone,
            &request.orders,
            &events,
            seed,
        )?;
        let mut of_events = Memory::default();
        problems.extend(events.settle(&arranged.fates, &mut of_events));
        let mut receipts: Vec<ReceiptRow> = events.receipt(&arranged.fates).into_iter().collect();
        receipts.extend(events.refusal(&request.intake));
        let mut couplings = couple(config, &mut tables, &gone, &arranged, seed, &mut problems)?;
        let concerned = &arranged.concerned;
        let affected = affected(&tables, &mut couplings, pending.due(), concerned, seed);
        let key = |no: &str| observe::plain(key_print(&[no], seed));
        let mut wanted = affected.wanted;
        wanted.extend(pending.records().map(|(_, no, _)| key(no)));
        find_keys(&mut tables, &wanted);
        let assigned = store.agreed_on("Company No.")?.into_iter();
        let assigned = assigned.filter(|(_, company)| !company.trim().is_empty());
        let assigned = assigned
            .map(|(contact, company)| (key(&contact), key(&company)))
            .collect();
        let words = Words::of(store, &tables)?;
        let now = clock.now();
        let world = World {
            config,
            now: &now,
            tables: &tables,
            couplings: &couplings,
            seed,
            pending: &pending,
            gone: &gone,
            marks: &known.marks,
            arranged: &arranged,
            persons: &affected.persons,
            assigned: &assigned,
            words: &words,
            has_persons: has_persons(
                tables[Table::Contacts.index()].as_ref(),
                &arranged,
                &assigned,
            ),
        };
        stage("merging parties");
        let mut decided = decide(&world, store, &affected.contacts, problems)?;
        stage("checking");
        let last = match store.last_pass()? {
            // A state that was lost is counted on from the update files that it wrote: none is ever overwritten.
            0 => last_update(config, disk).map_err(ApplyError::from)?,
            last => last,
        };
        decided.memory.pass = last + 1;
        decided.memory.started = stamp(clock);
        interactions::sign(config, decided.memory.pass, &mut decided.plan.interactions);
        // What was entered is told its number before it is known what else is logged: it comes first.
        let entered = std::mem::take(&mut arranged.interactions);
        decided.plan.interactions.splice(0..0, entered);
        decided.memory.events = of_events.events;
        decided.memory.events_read = of_events.events_read;
        decided.memory.receipts = receipts;
        Ok(View {
            tables,
            couplings,
            arranged,
            decided,
            seed,
        })
    }

    /// A file of which something could not be read again as it was.
    fn overtaken(&self) -> Option<PathBuf> {
        let lapsed = |seen: &&Seen<'_>| seen.export.as_ref().is_some_and(Export::has_lapsed);
        let lapsed = self.tables.iter().flatten().find(lapsed);
        let noticed = self.decided.overtaken.clone();
        noticed.or_else(|| lapsed.map(|seen| seen.path.clone()))
    }

    /// What there is to tell; the plan goes into it.
    fn summary(&mut self, known: &[KnownProblem]) -> Summary {
        let plan = std::mem::take(&mut self.decided.plan);
        let configured = self.tables.iter().flatten();
        let configured = configured.filter(|seen| seen.is_configured);
        let tables = configured.map(|seen| TableSummary {
            table: seen.table.name().to_owned(),
            file: seen.file(),
            records: seen
                .export
                .as_ref()
                .map(|export| export.records.len() as u64),
            changed: seen.diff.touched.len() as u64,
            dialect: seen
                .export
                .as_ref()
                .map(|export| export.dialect.to_string())
                .unwrap_or_default(),
        });
        Summary {
            tables: tables.collect(),
            couplings: self.couplings.len() as u64,
            unaccepted: unaccepted(&plan, known),
            plan,
            warnings: self.arranged.warnings.clone(),
            outcomes: self.arranged.outcomes.clone(),
            ..Summary::default()
        }
    }
}

/// What orders and rules ask for; most passes ask for nothing, and then nothing is looked up.
#[expect(
    clippy::too_many_arguments,
    reason = "the one place where all that was observed meets what is asked for"
)]
fn arrange_all(
    config: &Config,
    effects: &Effects<'_>,
    store: &Store,
    tables: &mut [Option<Seen<'_>>],
    marks: &[MarkRow],
    pending: &Pending,
    gone: &BTreeSet<(Table, String)>,
    orders: &[Order],
    events: &Events,
    seed: u64,
) -> Result<Arranged, PassError> {
    let disk = effects.disk;
    let triggers = arrange::triggers(config, tables, marks, pending, gone, seed)?;
    let relations = tables[Table::Relations.index()].as_ref();
    let adopts = relations.is_some_and(Seen::is_changed) && !store.open_quotes()?.is_empty();
    if orders.is_empty() && triggers.is_empty() && events.is_empty() && !adopts {
        return Ok(Arranged::default());
    }
    let nothing = Arranged::default();
    // What is a problem of theirs is told when they are coupled for good.
    let couplings = couple(config, tables, gone, &nothing, seed, &mut Vec::new())?;
    for seen in tables.iter_mut().flatten() {
        seen.find_any_key();
    }
    let wanted = orders.iter().filter_map(|order| match order {
        Order::CreateCounterpart { kind, .. } => Some(*kind),
        Order::Document(document) => Some(arrange::documents::counterparts(document.kind)),
        _ => None,
    });
    let templates = arrange::templates::read(config, wanted, disk, seed);
    let logs = !events.is_empty() || orders.iter().any(Order::logs);
    let lookups = logs.then(|| LogLookups::read(config, disk, seed));
    let key = |no: &str| observe::plain(key_print(&[no], seed));
    let renamed = tables[Table::Contacts.index()].as_ref();
    let renamed = renamed.into_iter().flat_map(|seen| &seen.created.renamed);
    let renamed_keys = renamed.map(|(from, to)| (key(from), key(to))).collect();
    let scene = Scene {
        config,
        tables,
        couplings: &couplings,
        store,
        marks,
        pending,
        gone,
        templates: &templates,
        disk,
        today: effects.clock.now().strftime("%Y-%m-%d").to_string(),
        lookups: lookups.as_ref(),
        last_interaction: store.last_interaction()?,
        renamed_keys,
        seed,
    };
    Ok(arrange::arrange(&scene, orders, &triggers, &events.news)?)
}

fn attempt(
    config: &Config,
    effects: &Effects<'_>,
    store: &mut Store,
    asked: &AskedFor,
    recovered: Option<u64>,
) -> Result<Attempt, PassError> {
    let request = &asked.request;
    let Effects { disk, clock, stage } = *effects;
    let read_at = clock.now().timestamp().as_nanosecond();
    stage("reading exports");
    if let Some(summary) = quiet::still(config, disk, store, request)? {
        let summary = Summary {
            recovered,
            ..summary
        };
        return Ok(Attempt::Ended(Box::new(Outcome::InStep(summary))));
    }
    let mut view = View::read(config, effects, store, request)?;
    if let Some(path) = view.overtaken() {
        return Ok(Attempt::Overtaken(path));
    }
    if let Some(reasons) = refused(&view.arranged, request) {
        return Ok(Attempt::Ended(Box::new(Outcome::Refused { reasons })));
    }
    let known = store.problems()?;
    let mut summary = view.summary(&known);
    summary.recovered = recovered;
    summary.rows = asked.answers(&summary.outcomes, &view.decided);
    let View {
        tables,
        couplings: _,
        arranged: _,
        mut decided,
        seed,
    } = view;
    let ended = |outcome| Ok(Attempt::Ended(Box::new(outcome)));
    if let Some(saved) = &request.exactly {
        let reasons = differences(saved, &summary.plan);
        if !reasons.is_empty() {
            return ended(Outcome::Outdated { reasons });
        }
    }
    if !summary.plan.halts.is_empty() && !store.is_approved(&summary.plan.digest())? {
        let id = store.keep_halt(&summary.plan, &stamp(clock))?;
        info!(
            halt = id,
            guards = summary.plan.halts.len(),
            "a guard refused the pass; nothing was written"
        );
        return ended(Outcome::Halted { id, summary });
    }
    let known: BTreeSet<String> = known.into_iter().map(|known| known.id).collect();
    let digests_changed = tables.iter().flatten().any(Seen::is_changed);
    let of_tables = receipts::of_tables(&tables, &summary.plan, &decided.unsaid);
    decided.memory.receipts.extend(of_tables);
    let superseded = request.intake.superseded(&decided.memory.receipts);
    decided.memory.receipts.extend(superseded);
    if let Some(requests) = &request.intake.requests {
        let receipt = requests::receipt(&summary.rows, requests.apart.as_ref());
        let drop = requests.id;
        decided.memory.receipts.push(ReceiptRow { drop, receipt });
    }
    if !decided.is_news(&summary.plan, &known)
        && !pays_debts(&decided.memory.parties, &summary.plan, store)?
        && !digests_changed
        && decided.memory.receipts.is_empty()
    {
        return ended(Outcome::InStep(summary));
    }
    let (pass, writes, interactions) = (
        decided.memory.pass,
        summary.plan.writes(),
        summary.plan.interactions.len(),
    );
    stage("writing files and bases");
    let written = summary.plan.documents.iter();
    let files = written.flat_map(|document| documents::files(config, document, pass));
    let files: Vec<(PathBuf, Vec<u8>)> = files.collect();
    let doing = Doing {
        config,
        couplings: summary.couplings,
        read_at,
        seed,
    };
    let plan = &summary.plan;
    match apply(decided, plan, tables, &files, effects, store, &doing)? {
        Applied::Overtaken(path) => Ok(Attempt::Overtaken(path)),
        Applied::Done(files) => {
            stage("logging");
            summary.logged = log::export(store, disk, &config.interactions, &clock.now())?;
            summary.pass = Some(pass);
            summary.files = files;
            info!(
                pass,
                cells = summary.plan.changes.len(),
                interactions,
                "pass done"
            );
            ended(if writes {
                Outcome::Done(summary)
            } else {
                Outcome::InStep(summary)
            })
        }
    }
}

/// The problems of a plan that ask for attention: those that nobody has accepted.
pub fn unaccepted(plan: &Plan, known: &[KnownProblem]) -> Vec<Problem> {
    let accepted = known.iter().filter(|known| known.accepted);
    let accepted: BTreeSet<&str> = accepted.map(|known| known.id.as_str()).collect();
    let open = |problem: &&Problem| !accepted.contains(problem.id().as_str());
    plan.problems.iter().filter(open).cloned().collect()
}

/// Whether a side of one of these parties, which were looked at, is not owed any more what it was: its table may be back with all that
/// it said before.
fn pays_debts(parties: &[String], plan: &Plan, store: &Store) -> Result<bool, StateError> {
    let parties: BTreeSet<&String> = parties.iter().collect();
    let owed: BTreeSet<&Debt> = plan.debts.iter().collect();
    let known = store.debts()?;
    let mut known = known.iter().filter(|debt| parties.contains(&debt.contact));
    Ok(known.any(|debt| !owed.contains(debt)))
}

/// Why a saved plan is not what a pass would do now.
fn differences(saved: &Plan, plan: &Plan) -> Vec<String> {
    let mut reasons = Vec::new();
    for input in &saved.inputs {
        match plan.inputs.iter().find(|now| now.table == input.table) {
            None => reasons.push(format!("{} says nothing now", input.file)),
            Some(now) if now.digest != input.digest => {
                reasons.push(format!("{} has changed since the plan was made", now.file));
            }
            Some(_) => {}
        }
    }
    if saved.after_pass != plan.after_pass {
        reasons.push(format!("pass {} was made since", plan.after_pass));
    }
    if reasons.is_empty() && saved.digest() != plan.digest() {
        reasons.push(
            "the configuration, or a decision, has changed since the plan was made".to_owned(),
        );
    }
    reasons
}

/// Records that are gone, with those that this pass misses.
fn gone(
    store: &Store,
    tables: &[Option<Seen<'_>>],
) -> Result<BTreeSet<(Table, String)>, StateError> {
    let mut gone = BTreeSet::new();
    for row in store.gone()? {
        gone.extend(Table::named(&row.table).map(|table| match table {
            Table::Relations => (table, row.no),
            // An older program noted numbers as they were spelt.
            _ => (table, number(&row.no)),
        }));
    }
    for seen in tables
        .iter()
        .flatten()
        .filter(|seen| seen.table != Table::Relations)
    {
        for at in &seen.diff.gone {
            let row = seen.rows.get(seen.index.row(*at as usize))?;
            let no = row.as_ref().and_then(|row| row.get(0));
            gone.extend(no.map(|no| (seen.table, number(no))));
        }
    }
    Ok(gone)
}

/// The highest pass that an update file of any table is named after; 0 where there is none.
fn last_update(config: &Config, disk: &dyn Disk) -> Result<u64, StateError> {
    let mut last = 0;
    for table in Table::all() {
        let Some(WriteBack::Folder(folder)) = config.table(table).map(|config| &config.write_back)
        else {
            continue;
        };
        for path in disk.list(folder).map_err(StateError::file(folder))? {
            let stem = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .unwrap_or_default();
            if let Some((name, pass)) = stem.rsplit_once('_')
                && name.trim_end_matches("_removed") == table.name()
            {
                last = last.max(pass.parse().unwrap_or(0));
            }
        }
    }
    Ok(last)
}

/// A seed for a new state: its hashes need not be secret, only unlike those of other states.
fn fresh_seed(clock: &dyn Clock) -> u64 {
    let now = clock.now().timestamp().as_nanosecond() as u64;
    now.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_permitted_is_a_matter_of_permissions() {
        for (kind, is_advised) in [
            (io::ErrorKind::PermissionDenied, true),
            (io::ErrorKind::StorageFull, false),
        ] {
            let (path, source) = (PathBuf::from("out/c.csv"), io::Error::from(kind));
            let error = PassError::Apply(ApplyError::Write { path, source });
            assert_eq!(error.advice().contains("permissions"), is_advised, "{kind}");
        }
    }
}
