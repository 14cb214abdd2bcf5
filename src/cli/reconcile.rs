//! `couplet reconcile`: one pass, then exit.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::config::Config;
use crate::disk::{RealDisk, for_us_alone};
use crate::exchange::{AsItStands, preview, round};
use crate::exit::Exit;
use crate::merge::Plan;
use crate::merge::duplicates::{Duplicate, STRINGS};
use crate::merge::guard::Halt;
use crate::merge::plan::PLAN_VERSION;
use crate::model::{Problem, Table};
use crate::state::drops::{DropRow, Receipt, RowClass, Standing};
use crate::state::{StateError, Store};
use crate::sync::arrange::orders::Order;
use crate::sync::arrange::{Answer as Did, OrderOutcome};
use crate::sync::inbox;
use crate::sync::observe::shown_path;
use crate::sync::requests::RowAnswer;
use crate::sync::{Effects, Outcome, PassError, Request, Summary, SystemClock, reconcile};

use super::output::{count, grouped};
use super::{Answer, Context, Failure};

/// Arguments of `reconcile`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the plan and write nothing
    #[arg(long)]
    dry_run: bool,

    /// End a dry run with exit code 2 when it would change something
    #[arg(long, requires = "dry_run")]
    exit_code: bool,

    /// Save the plan to a file, and write nothing else
    #[arg(long, value_name = "FILE", conflicts_with = "apply")]
    plan: Option<PathBuf>,

    /// Carry out exactly the plan in this file, or refuse when an export has changed since
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    apply: Option<PathBuf>,

    /// Say on standard error how long each stage took
    #[arg(long)]
    timings: bool,
}

/// How long the stages of passes took, in the order in which they came up.
#[derive(Debug)]
struct Timings {
    /// Each stage and when it began.
    begun: RefCell<Vec<(String, Instant)>>,
}

impl Timings {
    fn new() -> Timings {
        Timings {
            begun: RefCell::new(vec![("opening the state".to_owned(), Instant::now())]),
        }
    }

    fn begin(&self, stage: &str) {
        let mut begun = self.begun.borrow_mut();
        begun.push((stage.to_owned(), Instant::now()));
    }

    fn told(&self) -> String {
        let begun = self.begun.borrow();
        let ends = begun.iter().skip(1).map(|(_, at)| *at);
        let ends = ends.chain(std::iter::once(Instant::now()));
        let mut stages: Vec<(&str, Duration)> = Vec::new();
        for ((stage, begin), end) in begun.iter().zip(ends) {
            let took = end.duration_since(*begin);
            match stages.iter_mut().find(|(known, _)| known == stage) {
                Some((_, sum)) => *sum += took,
                None => stages.push((stage, took)),
            }
        }
        stages.push(("in all", stages.iter().map(|(_, took)| *took).sum()));
        let width = stages.iter().map(|(stage, _)| stage.len()).max();
        let width = width.unwrap_or_default();
        let lines = stages
            .iter()
            .map(|(stage, took)| format!("{stage:<width$} {:>10.1} ms", took.as_secs_f64() * 1e3));
        lines.collect::<Vec<String>>().join("\n")
    }
}

pub fn run(context: &Context<'_>, args: &Args) -> Answer {
    let exactly = match &args.apply {
        Some(path) => Some(read_plan(&context.path(path))?),
        None => None,
    };
    let request = Request {
        dry_run: args.dry_run || args.plan.is_some(),
        exactly,
        ..Request::default()
    };
    let timings = Timings::new();
    let made = make(context, &request, &timings)?;
    if args.timings {
        context.out.note(&timings.told());
    }
    if let (Some(path), Outcome::DryRun(summary)) = (&args.plan, &made.outcome) {
        save_plan(&context.path(path), &summary.plan)?;
    }
    if context.out.is_json() {
        let mut value = json_of(&made.outcome);
        value["drops"] = made.answered.iter().map(drop_json).collect();
        value["further"] = made.further.iter().map(json_of).collect();
        context.out.json(&value);
    }
    let outcomes: Vec<&Outcome> = std::iter::once(&made.outcome)
        .chain(&made.further)
        .collect();
    for outcome in &outcomes {
        print(context, outcome, args.plan.as_ref());
    }
    context.out.text(&drops(&made.answered));
    let is_left = |row: &DropRow| row.receipt.as_ref().is_some_and(is_left_to_mend);
    let exits = outcomes.iter().map(|outcome| exit(outcome, args.exit_code));
    let last = exits.fold(Exit::Done, Exit::weightier);
    let exit = match made.answered.iter().any(is_left) {
        true => last.weightier(Exit::Waiting),
        false => last,
    };
    // The program ends here: the system takes its memory back at once, and piece by piece that of a large plan takes a while.
    std::mem::forget(made);
    Ok(exit)
}

/// What a command's pass came to, with the rounds that took in what else was dropped.
pub struct Made {
    /// How its pass ended.
    pub outcome: Outcome,
    /// Drops that were answered.
    answered: Vec<DropRow>,
    /// How the rounds after the first ended.
    further: Vec<Outcome>,
}

/// Makes a pass, with a spinner where it takes long.
fn make(context: &Context<'_>, request: &Request, timings: &Timings) -> Result<Made, Failure> {
    let config = context.config()?;
    let progress = progress(context);
    let stage = |text: &str| {
        timings.begin(text);
        progress.set_message(text.to_owned());
    };
    let effects = Effects {
        disk: &RealDisk,
        clock: &SystemClock,
        stage: &stage,
    };
    let made = match request.dry_run {
        true => look_only(&config, &effects, request),
        false => exchange(context, &config, &effects, request),
    };
    progress.finish_and_clear();
    Ok(made?)
}

/// What a pass would do with everything that stands in the folders now.
pub fn look_only(
    config: &Config,
    effects: &Effects<'_>,
    request: &Request,
) -> Result<Made, PassError> {
    let store = match Store::look(&config.state)? {
        Some(store) => store,
        None => Store::in_memory(&config.state)?,
    };
    let request = Request {
        intake: preview(config, effects.disk, &store, &AsItStands)?,
        ..request.clone()
    };
    Ok(Made {
        outcome: reconcile(config, effects, &request)?,
        answered: Vec::new(),
        further: Vec::new(),
    })
}

/// Makes rounds until everything that was dropped has been read.
fn exchange(
    context: &Context<'_>,
    config: &Config,
    effects: &Effects<'_>,
    request: &Request,
) -> Result<Made, PassError> {
    effects
        .disk
        .create_own_folder(&config.state)
        .map_err(StateError::file(&config.state))?;
    let _lock = context.lock(config)?;
    let mut store = Store::open(&config.state)?;
    let first = round(config, effects, &mut store, request.clone(), &AsItStands)?;
    let (mut is_more, mut request) = (first.is_more, first.next());
    let mut made = Made {
        outcome: first.outcome,
        answered: first.answered,
        further: Vec::new(),
    };
    while is_more {
        let next = round(config, effects, &mut store, request, &AsItStands)?;
        (is_more, request) = (next.is_more, next.next());
        made.answered.extend(next.answered);
        made.further.push(next.outcome);
    }
    Ok(made)
}

fn exit(outcome: &Outcome, changes_count: bool) -> Exit {
    match outcome {
        Outcome::Halted { .. } => Exit::Halted,
        Outcome::Outdated { .. } | Outcome::Refused { .. } => Exit::Failed,
        Outcome::DryRun(summary) if changes_count && !summary.plan.halts.is_empty() => Exit::Halted,
        Outcome::DryRun(summary) if changes_count && summary.plan.writes() => Exit::Changes,
        Outcome::DryRun(summary) | Outcome::InStep(summary) | Outcome::Done(summary) => {
            waiting(summary)
        }
    }
}

/// Makes a pass that carries out orders, and says in `told`'s words what was done.
pub fn carry_out(
    context: &Context<'_>,
    orders: Vec<Order>,
    dry_run: bool,
    told: &dyn Fn(&Did) -> String,
) -> Answer {
    let request = Request {
        dry_run,
        orders,
        ..Request::default()
    };
    carry_out_as(context, &request, &|summary| {
        let answers = summary.outcomes.iter().filter_map(|outcome| match outcome {
            OrderOutcome::Done(answers) => Some(answers),
            OrderOutcome::Refused(_) => None,
        });
        answers.flatten().map(told).collect()
    })
}

/// Makes a pass that carries out a requests file; `told` says what became of its rows.
pub fn carry_out_rows(
    context: &Context<'_>,
    request: &Request,
    told: &dyn Fn(&[RowAnswer]) -> String,
) -> Answer {
    carry_out_as(context, request, &|summary| told(&summary.rows))
}

fn carry_out_as(
    context: &Context<'_>,
    request: &Request,
    told: &dyn Fn(&Summary) -> String,
) -> Answer {
    let outcome = make(context, request, &Timings::new())?.outcome;
    let refused = match &outcome {
        Outcome::Done(summary) | Outcome::InStep(summary) => {
            let mut value = to_json("done", summary);
            value["orders"] = json!(summary.outcomes);
            if !request.rows.is_empty() {
                value["rows"] = json!(summary.rows);
            }
            context.out.json(&value);
            let mut text: String = told(summary);
            if text.is_empty() && !context.out.is_quiet() {
                context.out.note("nothing was left to do");
            }
            for warning in summary.warnings.iter().chain(&duplicates(summary)) {
                context.out.note(&format!("warning: {warning}"));
            }
            if context.verbose {
                text.push_str(&done(summary, true));
            }
            context.out.text(&text);
            was_refused(summary)
        }
        Outcome::DryRun(summary) if !request.rows.is_empty() => {
            context.out.json(&json_of(&outcome));
            print(context, &outcome, None);
            context.out.text(&told(summary));
            was_refused(summary)
        }
        other => {
            context.out.json(&json_of(other));
            print(context, other, None);
            false
        }
    };
    Ok(match exit(&outcome, false) {
        _ if refused => Exit::Failed,
        // What was asked for is done; what waits elsewhere is for `reconcile` and `status` to say.
        Exit::Waiting => Exit::Done,
        exit => exit,
    })
}

/// What became of drops, a line each.
fn drops(answered: &[DropRow]) -> String {
    let mut text = String::new();
    let mut superseded = 0;
    for row in answered {
        let Some(receipt) = &row.receipt else {
            continue;
        };
        let said = match receipt.standing {
            Standing::Accepted => count(receipt.rows, "row", "rows"),
            Standing::Partly | Standing::Rejected => {
                format!("see {}", shown_path(&inbox::reason(row)))
            }
            Standing::Duplicate | Standing::Stale => receipt.reason.clone(),
            Standing::Superseded => {
                superseded += 1;
                continue;
            }
        };
        let file = shown_path(&inbox::dropped(row));
        let _ = writeln!(text, "  {file}: {}, {said}", receipt.standing.word());
    }
    if superseded > 0 {
        let files = count(superseded, "file was", "files were");
        let _ = writeln!(text, "  {files} superseded by newer ones");
    }
    match text.is_empty() {
        true => text,
        false => format!("Drops\n{text}"),
    }
}

fn drop_json(row: &DropRow) -> serde_json::Value {
    json!({
        "drop": row.id,
        "table": row.table,
        "file": shown_path(&inbox::dropped(row)),
        "status": row.receipt.as_ref().map(|receipt| receipt.standing),
        "rows": row.receipt.as_ref().map(|receipt| receipt.rows),
    })
}

/// Whether a person has to mend something of a drop.
fn is_left_to_mend(receipt: &Receipt) -> bool {
    matches!(receipt.standing, Standing::Partly | Standing::Rejected)
}

/// Whether an order or a row was refused.
fn was_refused(summary: &Summary) -> bool {
    let refused = |outcome: &OrderOutcome| matches!(outcome, OrderOutcome::Refused(_));
    let by_row = summary
        .rows
        .iter()
        .any(|row| row.class == RowClass::Refused);
    summary.outcomes.iter().any(refused) || by_row
}

/// Whether something waits for a person.
fn waiting(summary: &Summary) -> Exit {
    if summary.plan.conflicts.is_empty() && summary.unaccepted.is_empty() {
        Exit::Done
    } else {
        Exit::Waiting
    }
}

/// A spinner that shows itself after a second, on a terminal only.
fn progress(context: &Context<'_>) -> ProgressBar {
    if !context.out.is_watched() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    bar.set_style(
        ProgressStyle::with_template("{spinner} {msg} [{elapsed}]")
            .unwrap_or(ProgressStyle::default_spinner()),
    );
    let shown = bar.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        if !shown.is_finished() {
            shown.set_draw_target(ProgressDrawTarget::stderr());
            shown.enable_steady_tick(Duration::from_millis(120));
        }
    });
    bar
}

fn read_plan(path: &Path) -> Result<Plan, Failure> {
    let refused =
        |why: String| Failure::Refused(format!("cannot apply the plan {}: {why}", path.display()));
    let text = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    let plan: Plan = serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
    match plan.version {
        PLAN_VERSION => Ok(plan),
        other => Err(refused(format!(
            "it has version {other}, and this program knows version {PLAN_VERSION}"
        ))),
    }
}

fn save_plan(path: &Path, plan: &Plan) -> Result<(), Failure> {
    let refused = |why: String| {
        Failure::Refused(format!("cannot save the plan to {}: {why}", path.display()))
    };
    let text = serde_json::to_vec_pretty(plan).map_err(|error| refused(error.to_string()))?;
    // A plan tells values: nobody else reads a new one.
    let mut options = std::fs::OpenOptions::new();
    let options = options.write(true).create(true).truncate(true);
    let written = for_us_alone(options)
        .open(path)
        .and_then(|mut file| file.write_all(&text));
    written.map_err(|error| refused(error.to_string()))
}

/// An outcome for programs.
fn json_of(outcome: &Outcome) -> serde_json::Value {
    match outcome {
        Outcome::Outdated { reasons } => json!({ "outcome": "outdated", "reasons": reasons }),
        Outcome::Refused { reasons } => json!({ "outcome": "refused", "reasons": reasons }),
        Outcome::InStep(summary) => to_json("in-step", summary),
        Outcome::DryRun(summary) => to_json("dry-run", summary),
        Outcome::Done(summary) => to_json("done", summary),
        Outcome::Halted { id, summary } => {
            let mut value = to_json("halted", summary);
            value["halt"] = json!(id);
            value
        }
    }
}

/// An outcome for people.
fn print(context: &Context<'_>, outcome: &Outcome, saved: Option<&PathBuf>) {
    let lines = |reasons: &[String], end: &str| {
        for reason in reasons {
            context.out.note(&format!("error: {reason}"));
        }
        context.out.note(end);
    };
    match outcome {
        Outcome::Outdated { reasons } => lines(reasons, "nothing was written; make a new plan"),
        Outcome::Refused { reasons } => lines(reasons, "nothing was written"),
        Outcome::InStep(summary) => context.out.text(&in_step(summary)),
        Outcome::DryRun(summary) => {
            context.out.text(&dry_run(summary, context.verbose, saved));
        }
        Outcome::Done(summary) => context.out.text(&done(summary, context.verbose)),
        Outcome::Halted { id, summary } => context.out.text(&halted(id, summary)),
    }
}

fn to_json(outcome: &str, summary: &Summary) -> serde_json::Value {
    json!({
        "outcome": outcome,
        "pass": summary.pass,
        "recovered": summary.recovered,
        "tables": summary.tables,
        "couplings": summary.couplings,
        "files": summary.files,
        "logged": summary.logged,
        "plan": summary.plan,
    })
}

fn records(summary: &Summary) -> u64 {
    summary
        .tables
        .iter()
        .filter_map(|table| table.records)
        .sum()
}

fn in_step(summary: &Summary) -> String {
    let mut text = recovered(summary);
    let _ = write!(
        text,
        "All in step: {} read, {}, nothing to write",
        count(records(summary), "record", "records"),
        count(summary.couplings, "coupling", "couplings"),
    );
    let _ = writeln!(text, "{}", waits(summary, false));
    text.push_str(uncoupled(summary));
    text.push_str(&logged(&summary.plan));
    text
}

/// Where to look when nobody is coupled with anybody; blank where somebody is.
fn uncoupled(summary: &Summary) -> &'static str {
    match summary.couplings {
        0 => {
            "  Nobody is coupled with anybody; `couplet check` says whether the configuration is why.\n  \
             `couplet links list --unlinked` shows who has no contact, and which it could be; `couplet links add`, `couplet create \
             contacts` and `create_contacts` under [setup] couple them.\n"
        }
        _ => "",
    }
}

/// How many interactions are logged; blank where none is.
fn logged(plan: &Plan) -> String {
    match plan.interactions.len() as u64 {
        0 => String::new(),
        number => format!(
            "  {} logged\n",
            count(number, "interaction", "interactions")
        ),
    }
}

/// What waits for a person, as the end of a line or as lines of their own.
fn waits(summary: &Summary, in_full: bool) -> String {
    let conflicts = summary.plan.conflicts.len() as u64;
    let problems = summary.unaccepted.len() as u64;
    let mut text = String::new();
    if conflicts + problems == 0 {
        text.push_str(if in_full {
            "Nothing waits for a person.\n"
        } else {
            "."
        });
        return text;
    }
    let mut parts = Vec::new();
    if conflicts > 0 {
        parts.push(format!(
            "{} (`couplet conflicts list`)",
            count(conflicts, "conflict", "conflicts")
        ));
    }
    if problems > 0 {
        parts.push(format!(
            "{} (`couplet problems list`)",
            count(problems, "problem", "problems")
        ));
    }
    let verb = if conflicts + problems == 1 {
        "waits"
    } else {
        "wait"
    };
    if !in_full {
        let _ = write!(text, "; {} {verb} for a person.", parts.join(" and "));
        return text;
    }
    let _ = writeln!(text, "For a person: {}", parts.join(" and "));
    for conflict in summary.plan.conflicts.iter().take(5) {
        let _ = writeln!(
            text,
            "  {}  contact {}, {}: {}",
            conflict.id(),
            conflict.contact,
            conflict.field,
            conflict.why
        );
    }
    if summary.plan.conflicts.len() > 5 {
        let _ = writeln!(text, "  ... and {} more", summary.plan.conflicts.len() - 5);
    }
    text + &problem_list(&summary.unaccepted, 5)
}

/// Problems, a line each: at most `limit`, and how many more there are.
pub fn problem_list(problems: &[Problem], limit: usize) -> String {
    let mut text = String::new();
    for problem in problems.iter().take(limit) {
        let _ = writeln!(text, "  {}  {problem}", problem.id());
    }
    if let Some(more @ 1..) = problems.len().checked_sub(limit) {
        let _ = writeln!(text, "  ... and {more} more");
    }
    text
}

fn recovered(summary: &Summary) -> String {
    match summary.recovered {
        Some(pass) => format!("Pass {pass} had been cut short; it was finished first.\n"),
        None => String::new(),
    }
}

fn tables(summary: &Summary) -> String {
    let mut text = String::new();
    let width = summary
        .tables
        .iter()
        .map(|table| table.file.len())
        .max()
        .unwrap_or(0);
    let _ = writeln!(text, "Read");
    for table in &summary.tables {
        let records = match table.records {
            Some(records) => count(records, "record", "records"),
            None => "says nothing in this pass".to_owned(),
        };
        let _ = writeln!(
            text,
            "  {:<14} {:<width$}  {records:>14}  {}",
            table.table, table.file, table.dialect
        );
    }
    let _ = writeln!(
        text,
        "  {} in force",
        count(summary.couplings, "coupling", "couplings")
    );
    text + uncoupled(summary)
}

/// Cells by table and column.
fn changes(plan: &Plan) -> String {
    let mut counts: HashMap<(&str, &str), u64> = HashMap::new();
    for change in &plan.changes {
        *counts.entry((&change.table, &change.column)).or_default() += 1;
    }
    let mut cells: BTreeMap<(usize, &str), BTreeMap<&str, u64>> = BTreeMap::new();
    for ((table, column), count) in counts {
        let at = Table::named(table).map_or(0, Table::index);
        cells.entry((at, table)).or_default().insert(column, count);
    }
    let mut text = String::new();
    for ((_, table), columns) in cells {
        let columns: Vec<String> = columns
            .iter()
            .map(|(column, cells)| format!("{column} {}", grouped(*cells)))
            .collect();
        let _ = writeln!(text, "  {table:<14} {}", columns.join(", "));
    }
    if !plan.uncouplings.is_empty() {
        let gone = count(
            plan.uncouplings.len() as u64,
            "relation goes",
            "relations go",
        );
        let _ = writeln!(text, "  {:<14} {gone}", "relations");
    }
    text
}

/// How much a pass does, as the predicate of a sentence.
fn deeds(plan: &Plan, write: &str, remove: &str) -> String {
    let mut parties: Vec<&str> = plan
        .changes
        .iter()
        .map(|change| change.contact.as_str())
        .collect();
    parties.dedup();
    let mut parts = Vec::new();
    let mut part = |length: usize, one: &str, several: &str| {
        if length > 0 {
            parts.push(count(length as u64, one, several));
        }
    };
    let cells = (
        format!(
            "cell of {}",
            count(parties.len() as u64, "party", "parties")
        ),
        format!(
            "cells of {}",
            count(parties.len() as u64, "party", "parties")
        ),
    );
    part(plan.changes.len(), &cells.0, &cells.1);
    part(plan.creations.len(), "new record", "new records");
    part(plan.couplings.len(), "new relation", "new relations");
    part(plan.documents.len(), "document", "documents");
    let written = match parts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => parts.concat(),
    };
    let written = (!written.is_empty()).then(|| format!("{write} {written}"));
    let gone = plan.uncouplings.len() as u64;
    let removed = (gone > 0).then(|| format!("{remove} {}", count(gone, "relation", "relations")));
    let deeds: Vec<String> = written.into_iter().chain(removed).collect();
    deeds.join(" and ")
}

fn done(summary: &Summary, verbose: bool) -> String {
    let plan = &summary.plan;
    let mut text = recovered(summary);
    text.push_str(&tables(summary));
    let _ = writeln!(
        text,
        "\nPass {} {}:",
        summary.pass.unwrap_or_default(),
        deeds(plan, "wrote", "removed")
    );
    text.push_str(&changes(plan));
    for file in &summary.files {
        let _ = writeln!(text, "  -> {}", shown_path(file));
    }
    text.push_str(&logged(plan));
    if verbose {
        let _ = write!(text, "\n{}", plan.describe(usize::MAX));
    } else if let Some(change) = plan.changes.first() {
        let _ = writeln!(
            text,
            "\nWhy? For example: couplet explain {} {}",
            noun(&change.table),
            change.no
        );
    }
    let mut warnings = duplicates(summary).into_iter().peekable();
    if warnings.peek().is_some() {
        text.push('\n');
    }
    for warning in warnings {
        let _ = writeln!(text, "{warning}");
    }
    let _ = write!(text, "\n{}", waits(summary, true));
    text
}

/// How many pairs of duplicates are told one by one.
const SHOWN: usize = 5;

/// What may be the same company, as sentences.
fn duplicates(summary: &Summary) -> Vec<String> {
    let sentence = |pair: &Duplicate| {
        format!(
            "contacts {} and {} may be duplicates: {} of {STRINGS} search strings are the same",
            pair.contact, pair.other, pair.hits
        )
    };
    let pairs = &summary.plan.duplicates;
    let mut sentences: Vec<String> = pairs.iter().take(SHOWN).map(sentence).collect();
    if pairs.len() > SHOWN {
        let more = count((pairs.len() - SHOWN) as u64, "more pair", "more pairs");
        sentences.push(format!(
            "{more} of contacts may be duplicates: `couplet duplicates` lists all"
        ));
    }
    sentences
}

fn noun(table: &str) -> &'static str {
    Table::named(table).map_or("record", Table::noun)
}

fn dry_run(summary: &Summary, verbose: bool, saved: Option<&PathBuf>) -> String {
    let plan = &summary.plan;
    let mut text = tables(summary);
    if plan.writes() {
        let would = deeds(plan, "would write", "would remove");
        let _ = writeln!(text, "\nA pass {would}:");
        text.push_str(&changes(plan));
        let _ = write!(
            text,
            "\n{}",
            plan.describe(if verbose { usize::MAX } else { 10 })
        );
    } else {
        let _ = writeln!(text, "\nA pass would write nothing.");
    }
    for halt in &plan.halts {
        let _ = writeln!(
            text,
            "\nA guard would refuse it: {}: {}",
            halt.table, halt.reason
        );
    }
    let _ = write!(text, "\n{}", waits(summary, true));
    match saved {
        Some(path) => {
            let _ = writeln!(
                text,
                "Nothing was written but the plan: couplet reconcile --apply {}",
                path.display()
            );
        }
        None => text.push_str("Nothing was written.\n"),
    }
    text
}

fn halted(id: &str, summary: &Summary) -> String {
    let mut text = tables(summary);
    let _ = writeln!(text, "\nHalted: nothing was written.");
    text.push_str(&halt_lines(&summary.plan.halts));
    match summary.plan.writes() {
        true => {
            let would = deeds(&summary.plan, "would write", "would remove");
            let _ = writeln!(text, "\nThe pass {would}:");
            text.push_str(&changes(&summary.plan));
        }
        false => text.push_str("\nThe pass would write nothing.\n"),
    }
    text.push_str(&halted_problems(&summary.unaccepted, 5));
    let _ = writeln!(
        text,
        "\nTo look at the plan:             couplet approve {id} --show"
    );
    let _ = writeln!(
        text,
        "To let exactly it through once:  couplet approve {id}"
    );
    text
}

/// What guards say, and what to do.
pub fn halt_lines(halts: &[Halt]) -> String {
    let mut text = String::new();
    for halt in halts {
        let _ = writeln!(text, "  {}: {}", halt.table, halt.reason);
        let _ = writeln!(text, "    {}", halt.advice);
    }
    text
}

/// The problems of a halted plan; blank where it has none. The state does not keep them before the plan is carried out, so only
/// `check` lists them all.
pub fn halted_problems(problems: &[Problem], limit: usize) -> String {
    match problems.len() as u64 {
        0 => String::new(),
        number => format!(
            "\nFor a person: {} (`couplet check`)\n{}",
            count(number, "problem", "problems"),
            problem_list(problems, limit)
        ),
    }
}

/// A problem as lines for people.
pub fn problem_lines(problem: &Problem) -> String {
    format!(
        "{}\n      {}\n      {}\n",
        problem.place, problem.reason, problem.advice
    )
}
