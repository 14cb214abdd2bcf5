//! `couplet status`: the last pass, and what waits.

use std::fmt::Write as _;

use serde_json::json;

use crate::disk::RealDisk;
use crate::exchange;
use crate::exit::Exit;
use crate::state::Lock;
use crate::state::drops::DropRow;
use crate::sync::inbox;
use crate::sync::observe::shown_path;

use super::output::count;
use super::{Answer, Context};

pub fn run(context: &Context<'_>) -> Answer {
    let config = context.config()?;
    let store = context.store(&config)?;
    let passes = store.passes(1)?;
    let (tables, in_flight, mut debts) = (store.tables()?, store.in_flight()?, store.debts()?);
    // What is owed to a table that was taken out waits for nobody; should it come back, it is paid.
    let lacking = config.lacks();
    debts.retain(|debt| !lacking.contains(&debt.table.as_str()));
    let (conflicts, problems, halts) = (store.conflicts()?, store.problems()?, store.halts()?);
    // A file that a person has mended or thrown away has been seen to.
    let failed: Vec<DropRow> = store
        .failed_drops()?
        .into_iter()
        .filter(|row| inbox::to_mend(row).exists())
        .collect();
    let waiting = store.open_drops()?;
    let unready = exchange::waiting(&config, &RealDisk, &store)?;
    let open = problems.iter().filter(|known| !known.accepted).count() as u64;
    let daemon = Lock::holder(&config.state);
    let mut text = String::new();
    if let Some(holder) = &daemon {
        let _ = writeln!(text, "At work:   {holder}");
    }
    match passes.first() {
        Some(pass) => {
            let _ = writeln!(
                text,
                "Last pass that found something new: {}, finished {}; it wrote {} and logged {}",
                pass.pass,
                pass.finished,
                count(pass.cells, "cell", "cells"),
                count(pass.interactions, "interaction", "interactions")
            );
        }
        None => text.push_str("No pass was made yet.\n"),
    }
    let failed_round = exchange::failed(&store)?;
    if let Some(failed) = &failed_round {
        let _ = writeln!(
            text,
            "The last attempt, {}, failed: {}",
            failed.at, failed.reason
        );
    }
    for table in &tables {
        let flying = in_flight.get(&table.table).copied().unwrap_or(0);
        let flight = if flying > 0 {
            format!(", {} in flight", count(flying, "value", "values"))
        } else {
            String::new()
        };
        let standing = match lacking.contains(&table.table.as_str()) {
            true => ", not configured",
            false => "",
        };
        let _ = writeln!(
            text,
            "  {:<14} {:>17}  {}{standing}{flight}",
            table.table,
            count(table.records, "record", "records"),
            table.file
        );
    }
    let _ = writeln!(
        text,
        "Owed:      {}",
        count(debts.len() as u64, "value", "values")
    );
    for debt in debts.iter().take(10) {
        let _ = writeln!(
            text,
            "  {} {} {}: {}",
            debt.table, debt.no, debt.column, debt.reason
        );
    }
    let decided = conflicts
        .iter()
        .filter(|conflict| conflict.decided.is_some())
        .count();
    let _ = writeln!(
        text,
        "Conflicts: {} open, {decided} of them decided (`couplet conflicts list`)",
        conflicts.len()
    );
    let _ = writeln!(text, "Problems:  {open} open (`couplet problems list`)");
    for row in &failed {
        let _ = writeln!(
            text,
            "Failed:    {} ({} says why)",
            shown_path(&inbox::to_mend(row)),
            shown_path(&inbox::reason(row))
        );
    }
    for row in &waiting {
        let _ = writeln!(text, "Waiting:   {}", shown_path(&inbox::dropped(row)));
    }
    for (table, waits) in &unready {
        let _ = writeln!(text, "Waiting:   {table}: {waits}");
    }
    for halt in &halts {
        let approved = if halt.approved_at.is_some() {
            ", approved for the next pass"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "Halted:    {} since {}{approved} (`couplet approve {} --show`)",
            halt.id, halt.at, halt.id
        );
    }
    context.out.text(&text);
    let halts: Vec<_> = halts
        .iter()
        .map(|h| json!({ "id": h.id, "at": h.at, "approved_at": h.approved_at }))
        .collect();
    context.out.json(&json!({
        "at_work": daemon,
        "last_pass": passes.first(),
        "failed_attempt": failed_round,
        "tables": tables,
        "in_flight": in_flight,
        "owed": debts,
        "conflicts": conflicts,
        "problems": problems,
        "halts": halts,
        "failed": failed.iter().map(|row| json!({
            "drop": row.id,
            "file": shown_path(&inbox::to_mend(row)),
            "reason": shown_path(&inbox::reason(row)),
        })).collect::<Vec<_>>(),
        "not_complete": unready.iter().map(|(table, waits)| json!({
            "table": table.name(),
            "waits": waits,
        })).collect::<Vec<_>>(),
        "waiting": waiting.iter().map(|row| shown_path(&inbox::dropped(row))).collect::<Vec<_>>(),
    }));
    Ok(
        match (
            halts.is_empty(),
            conflicts.is_empty() && failed.is_empty() && failed_round.is_none() && open == 0,
        ) {
            (false, _) => Exit::Halted,
            (true, false) => Exit::Waiting,
            (true, true) => Exit::Done,
        },
    )
}
