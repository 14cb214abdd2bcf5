//! `couplet check`: what it passes, a pass accepts.

use std::fmt::Write as _;

use serde_json::json;

use crate::config::Config;
use crate::disk::{RealDisk, is_open_to_others, is_root};
use crate::exchange::fitness::findings;
use crate::exit::Exit;
use crate::model::{Kind, Lookup, Table};
use crate::sync::arrange::templates::read;
use crate::sync::links::{UnknownCode, unknown_codes};
use crate::sync::observe::lookups;
use crate::sync::{Effects, Outcome, Request, SystemClock};

use super::output::count;
use super::reconcile::{look_only, problem_lines};
use super::{Answer, Context, Failure};

pub fn run(context: &Context<'_>) -> Answer {
    let config = context.config()?;
    let mut text = String::new();
    let findings = findings(&config, &RealDisk);
    let fatal: Vec<String> = findings
        .iter()
        .filter(|finding| finding.is_fatal)
        .map(ToString::to_string)
        .collect();
    if !fatal.is_empty() {
        return Err(Failure::Refused(fatal.join("\n")));
    }
    let effects = Effects {
        disk: &RealDisk,
        clock: &SystemClock,
        stage: &|_| {},
    };
    let request = Request {
        dry_run: true,
        ..Request::default()
    };
    let Outcome::DryRun(summary) = look_only(&config, &effects, &request)?.outcome else {
        return Ok(Exit::Done);
    };
    let _ = writeln!(text, "{} is right.", context.config_path.display());
    for finding in &findings {
        let _ = writeln!(text, "  {finding}");
    }
    let uncoupled = uncoupled(&config);
    for reason in &uncoupled {
        let _ = writeln!(text, "  {reason}");
    }
    if is_root() {
        let _ = writeln!(
            text,
            "  Run by root, Couplet could be led to any file of this machine; let it run as a user of its own."
        );
    }
    if is_open_to_others(&config.state) {
        let _ = writeln!(
            text,
            "  {}: other users may look into the state; `chmod -R go=` keeps it to its owner.",
            config.state.display()
        );
    }
    for table in &summary.tables {
        let records = table.records.map_or("says nothing".to_owned(), |records| {
            count(records, "record", "records")
        });
        let _ = writeln!(
            text,
            "  {:<22} {records:>14}  {}  {}",
            table.table, table.dialect, table.file
        );
    }
    let seed = 0;
    let templates = read(&config, Kind::all(), &RealDisk, seed);
    let mut reasons: Vec<String> = Vec::new();
    for (kind, templates) in &templates {
        let table = kind.def().templates;
        match templates {
            Ok(templates) => {
                let number = count(templates.len() as u64, "template", "templates");
                let _ = writeln!(text, "  {table:<22} {number:>14}");
            }
            Err(reason) => {
                let _ = writeln!(text, "  {table:<22} cannot be used: {reason}");
                reasons.push(reason.clone());
            }
        }
    }
    for (table, read) in log_lookups(&config) {
        match read {
            Ok(number) => {
                let _ = writeln!(text, "  {table:<22} {number:>14}");
            }
            Err(reason) => {
                let _ = writeln!(text, "  {table:<22} cannot be used: {reason}");
                reasons.push(reason);
            }
        }
    }
    for problem in &summary.unaccepted {
        let _ = write!(text, "{}  {}", problem.id(), problem_lines(problem));
    }
    for halt in &summary.plan.halts {
        let _ = writeln!(
            text,
            "A guard would halt a pass: {}: {}",
            halt.table, halt.reason
        );
    }
    context.out.text(&text);
    context.out.json(&json!({
        "config": context.config_path,
        "tables": summary.tables,
        "problems": summary.unaccepted,
        "templates": reasons,
        "halts": summary.plan.halts,
        "uncoupled": uncoupled,
        "folders": findings.iter().map(ToString::to_string).collect::<Vec<String>>(),
    }));
    Ok(
        match (
            summary.plan.halts.is_empty(),
            summary.unaccepted.is_empty() && reasons.is_empty() && findings.is_empty(),
        ) {
            (false, _) => Exit::Halted,
            (true, false) => Exit::Waiting,
            (true, true) => Exit::Done,
        },
    )
}

/// Tables whose records are coupled with nobody, since the configuration lacks the code of their relations (`product.md` §2), or has
/// one that none of them has.
fn uncoupled(config: &Config) -> Vec<String> {
    let kinds = Kind::all().filter(|kind| {
        let is_there = config.table(Table::Counterparts(*kind)).is_some();
        is_there && config.setup.code(*kind).is_none()
    });
    let reason = |kind: Kind| {
        let (table, key) = (Table::Counterparts(kind), kind.def().setup_code);
        format!(
            "{table} are coupled with nobody: [setup] has no `{key}`, the business relation code that stands in their relations."
        )
    };
    let unknown = unknown_codes(config, &RealDisk);
    kinds
        .map(reason)
        .chain(unknown.iter().map(not_found))
        .collect()
}

/// A code that no relation has, as a sentence.
fn not_found(unknown: &UnknownCode) -> String {
    let instead: Vec<String> = unknown
        .instead
        .iter()
        .map(|code| format!("{code:?}"))
        .collect();
    format!(
        "setup.{}: no relation has the code {:?}; those with {} have {}.",
        unknown.kind.def().setup_code,
        unknown.code,
        Table::Counterparts(unknown.kind),
        instead.join(", ")
    )
}

/// The tables that interactions are logged with, as far as they are configured: how much each holds, or why it cannot be used.
fn log_lookups(config: &Config) -> Vec<(Table, Result<String, String>)> {
    let lookups = [
        Lookup::InteractionTemplates,
        Lookup::InteractionTemplateSetup,
        Lookup::InteractionTemplateLanguages,
        Lookup::Salespeople,
        Lookup::ContactAltAddresses,
        Lookup::ShipToAddresses,
    ];
    let read = lookups.map(Table::Lookup).into_iter().filter_map(|table| {
        let read = lookups::read(config, table, &RealDisk, 0).transpose()?;
        Some((
            table,
            read.map(|(_, records)| count(records.len() as u64, "record", "records")),
        ))
    });
    read.collect()
}
