//! `couplet request`: carries out a requests file, row by row, and answers each row.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::disk::{Disk as _, RealDisk};
use crate::state::drops::RowClass;
use crate::sync::Request;
use crate::sync::requests::read;

use super::reconcile::carry_out_rows;
use super::{Answer, Context, Failure};

/// Arguments of `request`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// CSV or JSON with the columns Action (link, unlink, create, document, line, log, cancel, evaluate, resume, resolve), Table,
    /// Contact No., No., and where they apply Master, Template Code, From, Company No., Quote No., fields of a new contact, of a
    /// document, of its lines (Type, Quantity …) or of an interaction, and for resolve Conflict and Decision
    file: PathBuf,

    /// Print the plan and write nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context<'_>, args: &Args) -> Answer {
    let opened = RealDisk.open(&context.path(&args.file));
    let bounds = context.config()?.bounds.held();
    let rows = read(opened, &args.file, bounds)
        .map_err(Failure::Refused)?
        .rows;
    let request = Request {
        dry_run: args.dry_run,
        rows,
        ..Request::default()
    };
    carry_out_rows(context, &request, &|answers| {
        let mut text = String::new();
        for row in answers {
            let would = match args.dry_run && row.class == RowClass::Done {
                true => "would be ",
                false => "",
            };
            let _ = writeln!(text, "line {}: {would}{}", row.line, row.answer);
        }
        text
    })
}
