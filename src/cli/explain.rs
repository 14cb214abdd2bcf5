//! `couplet explain`: where the values of a record came from.

use std::fmt::Write as _;

use serde_json::json;

use crate::disk::RealDisk;
use crate::exit::Exit;
use crate::exports::key_print;
use crate::merge::plan::{Claim, Quoted};
use crate::model::{Form, Row, Table, form};
use crate::state::queries::Event;
use crate::state::rows::rows_path;
use crate::state::{Index, Rows, Store};
use crate::sync::observe::plain;

use super::{Answer, Context, Failure};

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// contact, customer, vendor or bank-account
    table: String,

    /// The record's number
    no: String,

    /// Only this field
    #[arg(long)]
    field: Option<String>,
}

pub fn run(context: &Context<'_>, args: &Args) -> Answer {
    let config = context.config()?;
    let store = context.store(&config)?;
    let table = Table::named(&args.table)
        .filter(|table| *table != Table::Relations)
        .ok_or_else(|| {
            Failure::Usage(format!(
                "there is no table {}; say contact, customer, vendor or bank-account",
                args.table
            ))
        })?;
    let no = form::canonical(Form::Code, &args.no).into_owned();
    let column = match &args.field {
        None => None,
        Some(name) => Some(column_named(table, name)?),
    };
    let memory = store
        .tables()?
        .into_iter()
        .find(|memory| memory.table == table.name());
    let known = match &memory {
        Some(memory) => base_row(&store, table, memory, &no)?,
        None => None,
    };
    let (Some(memory), Some(row)) = (memory, known) else {
        return Err(Failure::Refused(format!(
            "no pass has seen a {} {no}",
            table.noun()
        )));
    };
    let decisions = store.decisions(table.name(), &no, column)?;
    let sent = store.sent(table.name(), &no, memory.exports)?;
    let is_it = |claim: &Claim| claim.side.table() == table && claim.no == no;
    let mut conflicts = store.conflicts()?;
    conflicts.retain(|open| open.conflict.claims.iter().any(is_it));
    let mut debts = store.debts()?;
    debts.retain(|debt| debt.table == table.name() && debt.no == no);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} {no}, last read from {}",
        table.noun(),
        memory.file
    );
    let history = store.history(table.name(), &no)?;
    for event in &history {
        let Event {
            pass,
            at,
            event,
            reason,
        } = event;
        let _ = writeln!(text, "  {event} in pass {pass} ({at}): {reason}");
    }
    let untold = match history.iter().any(|event| event.event == "was created") {
        true => "as the record was created, or as its own export shows it",
        false => "as its own export shows it; Couplet never wrote it",
    };
    let mut values = Vec::new();
    for (at, def) in table.columns().iter().enumerate().skip(1) {
        if column.is_some_and(|column| column != def.name) {
            continue;
        }
        let field = def.shares.map_or(def.name, |field| field.def().name);
        let of_cell: Vec<_> = decisions
            .iter()
            .filter(|decision| decision.column == def.name)
            .collect();
        let in_flight: Vec<&str> = sent
            .iter()
            .filter(|value| value.field == field && !value.sent.acknowledged)
            .map(|value| value.sent.value.as_str())
            .collect();
        let conflict = conflicts.iter().find(|open| open.conflict.field == field);
        let owed: Vec<&str> = debts
            .iter()
            .filter(|debt| debt.column == def.name)
            .map(|debt| debt.reason.as_str())
            .collect();
        let waits = !in_flight.is_empty() || conflict.is_some() || !owed.is_empty();
        // While a field is in conflict, its base is not what its export shows.
        let claim =
            conflict.and_then(|open| open.conflict.claims.iter().find(|claim| is_it(claim)));
        let shown = claim.and_then(|claim| claim.shows.as_deref());
        let Some(value) = shown.or(row.get(at)).or(waits.then_some("")) else {
            continue;
        };
        values.push(json!({
            "column": def.name, "value": value, "in_flight": in_flight, "decisions": of_cell,
            "conflict": conflict.map(|open| &open.id), "owed": owed,
        }));
        // What has no history and nothing pending is told in one line at the end.
        if of_cell.is_empty() && !waits && column.is_none() {
            continue;
        }
        let _ = writeln!(text, "\n{}: {}", def.name, Quoted(value));
        for reason in owed {
            let _ = writeln!(text, "  owed: {reason}");
        }
        for value in in_flight {
            let _ = writeln!(
                text,
                "  in flight: {} was written for its system, which has not shown it yet",
                Quoted(value)
            );
        }
        if let Some(open) = conflict {
            let _ = writeln!(
                text,
                "  in conflict: {} (`couplet conflicts show {}`)",
                open.conflict.why, open.id
            );
        }
        for decision in &of_cell {
            let _ = writeln!(
                text,
                "  pass {} ({}) wrote {} over {} ({}:{})",
                decision.pass,
                decision.at,
                Quoted(&decision.to),
                Quoted(&decision.from),
                decision.file,
                decision.line
            );
            for origin in &decision.because {
                let _ = writeln!(
                    text,
                    "    because {} {} said so ({}:{})",
                    origin.side, origin.no, origin.file, origin.line
                );
            }
            let _ = writeln!(text, "    rule: {}", decision.rule.sentence());
        }
        if of_cell.is_empty() {
            let _ = writeln!(text, "  {untold}");
        }
    }
    if column.is_none() {
        let _ = writeln!(text, "\nAll other values: {untold}.");
    }
    context.out.text(&text);
    context
        .out
        .json(&json!({ "table": table.name(), "no": no, "file": memory.file, "history": history, "values": values }));
    Ok(Exit::Done)
}

fn column_named(table: Table, name: &str) -> Result<&'static str, Failure> {
    let bare = |name: &str| {
        name.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    table
        .columns()
        .iter()
        .map(|def| def.name)
        .find(|column| bare(column) == bare(name))
        .ok_or_else(|| {
            let known: Vec<&str> = table.columns().iter().map(|def| def.name).collect();
            Failure::Usage(format!(
                "{table} has no column {name}; it has {}",
                known.join(", ")
            ))
        })
}

fn base_row(
    store: &Store,
    table: Table,
    memory: &crate::state::TableMemory,
    no: &str,
) -> Result<Option<Row>, Failure> {
    let folder = store.base_folder();
    let index = Index::read(&RealDisk, &folder, table, memory.generation)?;
    let rows = Rows::open(
        &RealDisk,
        rows_path(&folder, table, memory.rows_epoch),
        memory.rows_length,
    )?;
    let key = plain(key_print(&[no], store.seed(0)?));
    match index.keys.iter().position(|known| *known == key) {
        Some(at) => Ok(rows.get(index.row(at))?),
        None => Ok(None),
    }
}
