//! `couplet sniff`: what a file looks like, and the TOML that pins it.

use std::path::PathBuf;

use serde_json::json;

use crate::disk::{Disk as _, RealDisk};
use crate::exit::Exit;
use crate::exports::{self, ReadAt, Settings};
use crate::model::Table;

use super::{Answer, Context, Failure};

/// Arguments of `sniff`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file
    file: PathBuf,

    /// What it holds: contacts, customers, vendors, bank-accounts or relations; found by its columns and its name if not given
    #[arg(long)]
    table: Option<String>,
}

pub fn run(context: &Context<'_>, args: &Args) -> Answer {
    let table = match &args.table {
        None => None,
        Some(name) => Some(
            Table::named(name)
                .ok_or_else(|| Failure::Usage(format!("there is no table {name}")))?,
        ),
    };
    let file = args.file.display().to_string();
    let unreadable =
        |error: std::io::Error| Failure::Refused(format!("cannot read {file}: {error}"));
    RealDisk.open(&args.file).map_err(unreadable)?;
    let open = || -> Box<dyn ReadAt> {
        match RealDisk.open(&args.file) {
            Ok((source, _)) => source,
            // It was there a moment ago; what is gone now reads as empty and is refused as such.
            Err(_) => Box::new(Vec::new()),
        }
    };
    let sniffed = exports::sniff(open, table, &Settings::default(), &file)
        .map_err(|refusal| Failure::Refused(format!("{file}: {refusal}")))?;
    context.out.data(&sniffed.to_toml());
    context
        .out
        .json(&json!({ "file": file, "toml": sniffed.to_toml() }));
    match sniffed.keyless {
        None => Ok(Exit::Done),
        Some(refusal) => Err(Failure::Refused(format!("{file}: {refusal}"))),
    }
}
