//! `couplet approve`: look at a halted plan, and let exactly that plan through once.

use std::fmt::Write as _;

use serde_json::json;

use crate::exit::Exit;
use crate::state::queries::HaltedPlan;
use crate::sync::pass::unaccepted;

use super::reconcile::{halt_lines, halted_problems};
use super::{Answer, Context, Failure};

/// Arguments of `approve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The halt, such as H1A2B3C4; `couplet status` lists them
    halt: String,

    /// Only show the plan
    #[arg(long)]
    show: bool,
}

pub fn run(context: &Context<'_>, args: &Args) -> Answer {
    let config = context.config()?;
    let store = context.store(&config)?;
    let halts = store.halts()?;
    let is_it = |halted: &&HaltedPlan| halted.id.eq_ignore_ascii_case(&args.halt);
    let Some(halted) = halts.iter().find(is_it) else {
        return Err(no_halt(&args.halt, &halts));
    };
    let mut text = String::new();
    let _ = writeln!(text, "Plan {}, halted {}:", halted.id, halted.at);
    text.push_str(&halt_lines(&halted.plan.halts));
    let limit = if context.verbose { usize::MAX } else { 20 };
    match halted.plan.writes() {
        true => {
            let _ = write!(text, "\n{}", halted.plan.describe(limit));
        }
        false => text.push_str("\nThe pass would write nothing.\n"),
    }
    let open = unaccepted(&halted.plan, &store.problems()?);
    text.push_str(&halted_problems(&open, limit));
    if !args.show {
        let at = jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        // A pass may have ended the halt meanwhile.
        if !store.approve(&halted.id, &at)? {
            return Err(no_halt(&halted.id, &store.halts()?));
        }
        let _ = writeln!(
            text,
            "\nApproved: the next pass carries out exactly this plan. If an export changes before, it is halted again."
        );
    }
    context.out.text(&text);
    context
        .out
        .json(&json!({ "halt": halted.id, "approved": !args.show, "plan": halted.plan }));
    Ok(Exit::Done)
}

fn no_halt(asked: &str, halts: &[HaltedPlan]) -> Failure {
    let known: Vec<&str> = halts.iter().map(|halted| halted.id.as_str()).collect();
    let known = match known.as_slice() {
        [] => "no plan is halted".to_owned(),
        known => format!("halted: {}", known.join(", ")),
    };
    Failure::Refused(format!(
        "there is no halt {asked}, or it is void: a halt ends with the next pass that finds something else; {known}"
    ))
}
