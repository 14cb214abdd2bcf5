//! The command line: arguments, logging, one file a command, an exit code.

mod approve;
mod check;
mod conflicts;
mod create;
mod document;
mod duplicates;
mod explain;
mod interactions;
mod links;
mod logging;
mod man;
mod output;
mod problems;
mod reconcile;
mod remote;
mod request;
mod run;
mod sniff;
mod status;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use tracing::level_filters::LevelFilter;

use crate::config::{self, Config};
use crate::exit::Exit;
use crate::state::{Lock, StateError, Store};
use crate::sync::PassError;

use output::Output;

/// The configuration that is read where none is named.
const CONFIG: &str = "config.toml";

/// Keeps contacts, customers, vendors and bank accounts the same wherever they live.
///
/// Couplet reads the CSV and JSON exports of systems that cannot call each other, joins their records by business
/// relation code, merges each party field by field against what it last agreed on, and writes the updates back
/// without disturbing another byte.
#[derive(Debug, Parser)]
#[command(name = "couplet", version, max_term_width = 100)]
pub struct Cli {
    /// The configuration file
    #[arg(
        long,
        global = true,
        default_value = CONFIG,
        value_name = "FILE"
    )]
    config: PathBuf,

    /// What standard output is for: people or programs
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Say more: all changes of a plan, and what is done (-vv: every step)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,

    /// How the log on standard error, or in the daemon's log file, is written
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,

    #[command(subcommand)]
    command: Command,
}

/// What standard output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people
    Text,
    /// A JSON object a line
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make one pass, then exit
    ///
    /// Exit codes: 0 all in step, 1 failed, 2 a dry run with changes (with --exit-code), 3 done and something waits
    /// for a person, 4 halted by a guard, 5 another instance is at work, 64 usage, 78 configuration.
    Reconcile(reconcile::Args),
    /// Watch the export folders: a pass at start, then whenever an export has changed and settled
    Run,
    /// Show a halted plan, and let exactly that plan through once
    Approve(approve::Args),
    /// What was left out of the last pass
    #[command(subcommand)]
    Problems(problems::Args),
    /// Read configuration, folders and exports, and say whether a pass would accept them
    Check,
    /// The last pass, and what is in flight, owed, in conflict or left out
    Status,
    /// Fields that sides changed differently, and that wait for a person
    #[command(subcommand)]
    Conflicts(conflicts::Args),
    /// Couplings: list them, link records, take them apart
    #[command(subcommand)]
    Links(links::Args),
    /// Create counterparts from contacts, or contacts from counterparts
    #[command(subcommand)]
    Create(create::Args),
    /// Write a quote or an order from a contact; prints its number
    #[command(subcommand)]
    Document(document::Args),
    /// What was done with contacts: list it, enter more, cancel it
    #[command(subcommand)]
    Interactions(interactions::Args),
    /// Carry out a file of requests, row by row
    ///
    /// Each row is answered: done, refused by a rule, or not understood. Exit code 1 when any was not done.
    Request(request::Args),
    /// Company contacts that may be the same company
    Duplicates(duplicates::Args),
    /// Where the values of a record came from
    Explain(explain::Args),
    /// Encoding, dialect, columns and key of a file, with the TOML that pins them
    Sniff(sniff::Args),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man(man::Args),
}

/// Why a command ended before it could answer.
#[derive(Debug)]
enum Failure {
    /// Errors in the configuration, ready to print.
    Config(Vec<config::ConfigError>),
    /// The configuration file cannot be read.
    NoConfig(PathBuf, std::io::Error),
    /// The state refused.
    State(StateError),
    /// A pass failed.
    Pass(PassError),
    /// A rule refused what was asked; the text says which and what to do.
    Refused(String),
    /// The command line does not fit together.
    Usage(String),
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Failure {
        Failure::State(error)
    }
}

impl From<PassError> for Failure {
    fn from(error: PassError) -> Failure {
        Failure::Pass(error)
    }
}

type Answer = Result<Exit, Failure>;

/// Everything that a command needs.
struct Context<'d> {
    config_path: PathBuf,
    out: Output,
    verbose: bool,
    /// The folder that paths in arguments are relative to.
    folder: PathBuf,
    /// The daemon that carries the command out: its configuration, and the lock that it holds.
    daemon: Option<(&'d Config, &'d Lock)>,
}

impl Context<'_> {
    fn config(&self) -> Result<Config, Failure> {
        if let Some((config, _)) = self.daemon {
            return Ok(config.clone());
        }
        let text = std::fs::read_to_string(&self.config_path)
            .map_err(|source| Failure::NoConfig(self.config_path.clone(), source))?;
        let config = config::parse(&text, &self.config_path).map_err(Failure::Config)?;
        // Every command needs the state: what else is said of a file in its place leads astray.
        match config.state.is_file() {
            true => Err(Failure::Config(config::error_at(
                &text,
                &self.config_path,
                "state",
                "it is a file; name a folder",
            ))),
            false => Ok(config),
        }
    }

    /// The lock of a state, where no daemon holds it for us. Another command may be just about to end.
    fn lock(&self, config: &Config) -> Result<Option<Lock>, StateError> {
        match self.daemon {
            Some(_) => Ok(None),
            None => Lock::take(&config.state).map(Some),
        }
    }

    /// A path from the arguments.
    fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The state to look at; refused where no pass was made yet.
    fn store(&self, config: &Config) -> Result<Store, Failure> {
        Store::look(&config.state)?.ok_or_else(|| {
            Failure::Refused(format!(
                "there is no state in {} yet: run `couplet reconcile` first",
                config.state.display()
            ))
        })
    }
}

/// Runs the command line.
pub fn main() -> Exit {
    let cli = match Cli::try_parse_from(arguments()) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
        }
    };
    let context = Context {
        config_path: cli.config.clone(),
        out: Output::new(cli.format, cli.quiet, &cli.config),
        verbose: cli.verbose > 0,
        folder: PathBuf::new(),
        daemon: None,
    };
    if !matches!(cli.command, Command::Run) {
        logging::to_stderr(cli.log_format, level(&cli));
    }
    let answer = if cli.command.changes() {
        change(&cli, &context)
    } else {
        execute(&cli, &context)
    };
    answer.unwrap_or_else(|failure| context.out.failure(&failure))
}

/// The arguments. The command `help` comes from the library and takes no options, so one that asks it for help asks for nothing more.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|command| command == "help") {
        arguments.retain(|argument| argument != "--help" && argument != "-h");
    }
    arguments
}

/// Has the daemon carry out a command that changes something, or carries it out where none runs.
fn change(cli: &Cli, context: &Context<'_>) -> Answer {
    // Somebody else may just be done, and a daemon that has begun holds the lock a moment before it listens.
    let until = Instant::now() + Duration::from_secs(3);
    loop {
        if let Some(exit) = remote::ask(context)? {
            return Ok(exit);
        }
        match execute(cli, context) {
            Err(
                Failure::State(StateError::Locked { .. })
                | Failure::Pass(PassError::State(StateError::Locked { .. })),
            ) if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
            answer => return answer,
        }
    }
}

fn execute(cli: &Cli, context: &Context<'_>) -> Answer {
    match &cli.command {
        Command::Reconcile(args) => reconcile::run(context, args),
        Command::Run => run::run(context, cli.log_format, level(cli)),
        Command::Approve(args) => approve::run(context, args),
        Command::Problems(args) => problems::run(context, args),
        Command::Check => check::run(context),
        Command::Status => status::run(context),
        Command::Conflicts(args) => conflicts::run(context, args),
        Command::Links(args) => links::run(context, args),
        Command::Create(args) => create::run(context, args),
        Command::Document(args) => document::run(context, args),
        Command::Interactions(args) => interactions::run(context, args),
        Command::Request(args) => request::run(context, args),
        Command::Duplicates(args) => duplicates::run(context, args),
        Command::Explain(args) => explain::run(context, args),
        Command::Sniff(args) => sniff::run(context, args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "couplet", &mut script);
            context.out.data(&String::from_utf8_lossy(&script));
            Ok(Exit::Done)
        }
        Command::Man(args) => man::run(context, args),
    }
}

impl Command {
    /// Whether a running daemon has to carry it out.
    fn changes(&self) -> bool {
        match self {
            Command::Reconcile(_)
            | Command::Create(_)
            | Command::Document(_)
            | Command::Request(_)
            | Command::Approve(_) => true,
            Command::Links(args) => args.changes(),
            Command::Interactions(args) => args.changes(),
            Command::Conflicts(args) => args.changes(),
            Command::Problems(args) => args.changes(),
            Command::Run
            | Command::Check
            | Command::Status
            | Command::Duplicates(_)
            | Command::Explain(_)
            | Command::Sniff(_)
            | Command::Completions { .. }
            | Command::Man(_) => false,
        }
    }
}

/// How much is logged.
fn level(cli: &Cli) -> LevelFilter {
    let serves = matches!(cli.command, Command::Run);
    match (cli.quiet, cli.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) if !serves => LevelFilter::WARN,
        (false, 0 | 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    }
}
