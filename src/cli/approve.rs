//! `couplet approve`: look at a halted plan, and let exactly that plan through once.

use std::fmt::Write as _;

use serde_json::json;

use crate::exit::Exit;

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
    let Some(halted) = halts
        .iter()
        .find(|halted| halted.id.eq_ignore_ascii_case(&args.halt))
    else {
        let known: Vec<&str> = halts.iter().map(|halted| halted.id.as_str()).collect();
        let known = if known.is_empty() {
            "no plan is halted".to_owned()
        } else {
            format!("halted: {}", known.join(", "))
        };
        return Err(Failure::Refused(format!(
            "there is no halt {}; {known}",
            args.halt
        )));
    };
    let mut text = String::new();
    let _ = writeln!(text, "Plan {}, halted {}:", halted.id, halted.at);
    for halt in &halted.plan.halts {
        let _ = writeln!(
            text,
            "  {}: {}\n    {}",
            halt.table, halt.reason, halt.advice
        );
    }
    let _ = write!(
        text,
        "\n{}",
        halted
            .plan
            .describe(if context.verbose { usize::MAX } else { 20 })
    );
    if !args.show {
        store.approve(
            &halted.id,
            &jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        )?;
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
