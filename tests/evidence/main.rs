//! Evidence that nothing is lost: every layer tries what it can within a budget, and says what it tried.
//!
//! `cargo test --test evidence` tries of each what a commit is worth; `docs/evidence.md` says what else there is and what it found.

#[cfg(target_os = "linux")]
mod aborts;
#[cfg(unix)]
mod copy;
mod corpora;
mod crash_states;
mod database;
#[cfg(target_os = "linux")]
mod device;
mod dice;
mod exchange;
mod faults;
#[path = "../support/faulty.rs"]
mod faulty;
#[cfg(target_os = "linux")]
mod folders;
mod histories;
mod memory;
#[cfg(unix)]
mod museum;
#[cfg(unix)]
mod mutants;
mod outcome;
mod platter;
#[cfg(target_os = "linux")]
mod power_cuts;
mod rehearsal;
#[cfg(target_os = "linux")]
mod rooted;
mod run;
mod scenarios;
mod simulation;
mod small_world;
mod targets;
#[cfg(target_os = "linux")]
mod traffic;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use run::{Budget, Layer};

/// Tries to lose an edit.
///
/// Without arguments, what a commit is worth: the same cases each time. With --minutes, other cases each time, on all cores.
/// Ctrl-C ends it early, and it says what was tried.
#[derive(Parser)]
#[command(bin_name = "cargo test --release --test evidence --")]
struct Arguments {
    /// Which layers, by their names or parts of them; all without
    layers: Vec<String>,
    /// For how long each layer is tried
    #[arg(long)]
    minutes: Option<f64>,
    /// How many cases of each are tried
    #[arg(long, conflicts_with = "minutes")]
    cases: Option<u64>,
    /// The first case; a failure names its own
    #[arg(long)]
    seed: Option<u64>,
    /// All cases of those layers that have an end
    #[arg(long, conflicts_with_all = ["minutes", "cases"])]
    all: bool,
    /// Say which layers there are
    #[arg(long)]
    list: bool,
    /// Be a process that dies: scenario, operation, side and folder
    #[arg(long, hide = true, num_args = 4)]
    die: Option<Vec<String>>,
    // What the harness of other tests understands, and `cargo test` passes to all of them.
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(long, hide = true)]
    exact: bool,
    #[arg(long, hide = true)]
    ignored: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, hide = true)]
    skip: Vec<String>,
    #[arg(long, hide = true)]
    format: Option<String>,
    #[arg(long, hide = true)]
    test_threads: Option<usize>,
}

/// All layers, quick ones first.
const LAYERS: &[&Layer] = &[
    &small_world::CELLS,
    &small_world::PRESENCE,
    &small_world::EDITS,
    &histories::HISTORIES,
    &crash_states::CRASH_STATES,
    &faults::FAULTS,
    &corpora::CORPORA,
    &simulation::YEARS,
    #[cfg(target_os = "linux")]
    &aborts::ABORTS,
    #[cfg(target_os = "linux")]
    &power_cuts::POWER_CUTS,
    #[cfg(target_os = "linux")]
    &traffic::KILLS,
    #[cfg(target_os = "linux")]
    &traffic::SOAK,
    #[cfg(unix)]
    &museum::MUSEUM,
    #[cfg(unix)]
    &mutants::MUTANTS,
];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    #[cfg(target_os = "linux")]
    if let Some(death) = &arguments.die {
        return aborts::die(death);
    }
    let is_any_asked = arguments.minutes.is_some() || arguments.cases.is_some() || arguments.all;
    let is_commits = !is_any_asked && !arguments.list;
    let is_asked = |layer: &&&'static Layer| {
        let named = |names: &[String]| names.iter().any(|name| layer.name.contains(name.as_str()));
        let is_for_all = arguments.layers.is_empty() && (layer.cases > 0 || !is_commits);
        (is_for_all || named(&arguments.layers)) && !named(&arguments.skip)
    };
    let asked: Vec<&'static Layer> = LAYERS.iter().filter(is_asked).copied().collect();
    if arguments.list {
        for layer in asked {
            match arguments.format.as_deref() {
                Some("terse") => println!("{}: test", layer.name),
                _ => println!("{}: {}", layer.name, layer.about),
            }
        }
        return ExitCode::SUCCESS;
    }
    if arguments.ignored {
        return ExitCode::SUCCESS;
    }
    let budget = Budget {
        time: arguments
            .minutes
            .map(|minutes| Duration::from_secs_f64(minutes * 60.0)),
        cases: arguments.cases,
        seed: arguments.seed,
        all: arguments.all,
    };
    run::hear_interrupts();
    let mut is_clean = true;
    for layer in asked {
        let report = layer.run(budget);
        report.print();
        is_clean &= report.is_clean();
    }
    if is_clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
