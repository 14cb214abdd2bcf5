//! `couplet request`: carries out a requests file, row by row, and answers each row.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::disk::RealDisk;
use crate::model::Table;
use crate::sync::Request;
use crate::sync::arrange::{Answer as Did, OrderOutcome};
use crate::sync::requests::read;

use super::reconcile::carry_out_as;
use super::{Answer, Context, Failure};

/// Arguments of `request`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// CSV or JSON with the columns Action (link, unlink, create), Table, Contact No., No., and where they apply Master,
    /// Template Code, From, Company No. and fields of a new contact
    file: PathBuf,

    /// Print the plan and write nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args) -> Answer {
    let rows = read(&RealDisk, &args.file).map_err(Failure::Refused)?;
    let orders = rows.iter().filter_map(|row| row.order.clone().ok());
    let request = Request {
        dry_run: args.dry_run,
        orders: orders.collect(),
        each_for_itself: true,
        ..Request::default()
    };
    let unclear = rows.iter().any(|row| row.order.is_err());
    let exit = carry_out_as(context, &request, &|outcomes| {
        let mut outcomes = outcomes.iter();
        let mut text = String::new();
        for row in &rows {
            let answer = match &row.order {
                Err(reason) => format!("not understood: {reason}"),
                Ok(_) => outcomes.next().map(answer).unwrap_or_default(),
            };
            let _ = writeln!(text, "line {}: {answer}", row.line);
        }
        text
    })?;
    Ok(match unclear {
        true => crate::exit::Exit::Failed,
        false => exit,
    })
}

fn answer(outcome: &OrderOutcome) -> String {
    let did = |did: &Did| match did {
        Did::Linked { contact, table, no } => {
            format!("contact {contact} is coupled with {} {no}", noun(table))
        }
        Did::Unlinked { contact, table, no } => {
            format!(
                "contact {contact} is no longer coupled with {} {no}",
                noun(table)
            )
        }
        Did::Created { table, no, from } => format!("{} {no} was created from {from}", noun(table)),
    };
    match outcome {
        OrderOutcome::Done(answers) => {
            let done: Vec<String> = answers.iter().map(did).collect();
            format!("done: {}", done.join("; "))
        }
        OrderOutcome::Refused(reason) => format!("refused: {reason}"),
    }
}

fn noun(table: &str) -> &'static str {
    Table::named(table).map_or("record", Table::noun)
}
