//! `couplet problems`: what was left out of the last pass, and what of it needs no more attention.

use std::fmt::Write as _;

use serde_json::json;

use crate::exit::Exit;

use super::output::count;
use super::reconcile::problem_lines;
use super::{Answer, Context, Failure};

/// Arguments of `problems`.
#[derive(Debug, clap::Subcommand)]
pub enum Args {
    /// List them
    List,
    /// Accept problems: they ask for attention no more until they change
    Accept {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

impl Args {
    /// Whether it changes something.
    pub fn changes(&self) -> bool {
        matches!(self, Args::Accept { .. })
    }
}

pub fn run(context: &Context<'_>, args: &Args) -> Answer {
    let config = context.config()?;
    let store = context.store(&config)?;
    match args {
        Args::List => {
            let problems = store.problems()?;
            let mut text = String::new();
            for known in &problems {
                let mark = if known.accepted { " (accepted)" } else { "" };
                let _ = write!(
                    text,
                    "{}{mark}  {}",
                    known.id,
                    problem_lines(&known.problem)
                );
            }
            if problems.is_empty() {
                text.push_str("No problems.\n");
            }
            context.out.text(&text);
            context.out.json(&json!({ "problems": problems }));
            let waits = problems.iter().any(|known| !known.accepted);
            Ok(if waits { Exit::Waiting } else { Exit::Done })
        }
        Args::Accept { ids } => {
            for id in ids {
                if !store.accept(&id.to_uppercase())? {
                    return Err(Failure::Refused(format!(
                        "there is no problem {id}; `couplet problems list` has them all"
                    )));
                }
            }
            context.out.text(&format!(
                "Accepted {}.\n",
                count(ids.len() as u64, "problem", "problems")
            ));
            context.out.json(&json!({ "accepted": ids }));
            Ok(Exit::Done)
        }
    }
}
