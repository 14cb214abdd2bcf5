//! `couplet duplicates`: company contacts that may be the same company.

use std::fmt::Write as _;

use serde_json::json;

use crate::disk::RealDisk;
use crate::exit::Exit;
use crate::merge::duplicates::STRINGS;
use crate::sync::duplicates::all;
use crate::sync::{Effects, SystemClock};

use super::output::count;
use super::{Answer, Context};

/// Arguments of `duplicates`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many of their search strings must be the same, in percent; search_hit of the configuration where not given
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    hit: Option<u8>,
}

pub fn run(context: &Context<'_>, args: &Args) -> Answer {
    let config = context.config()?;
    let effects = Effects {
        disk: &RealDisk,
        clock: &SystemClock,
        stage: &|_| {},
    };
    let pairs = all(
        &config,
        &effects,
        args.hit.unwrap_or(config.setup.search_hit),
    )?;
    let mut text = String::new();
    for pair in &pairs {
        let (contact, other, hits) = (&pair.contact, &pair.other, pair.hits);
        let _ = writeln!(
            text,
            "{contact:<20} {other:<20} {hits} of {STRINGS} search strings are the same"
        );
    }
    let _ = writeln!(text, "{}", count(pairs.len() as u64, "pair", "pairs"));
    context.out.text(&text);
    context.out.json(&json!({ "duplicates": pairs }));
    Ok(Exit::Done)
}
