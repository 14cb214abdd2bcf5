//! Commands that a running daemon carries out for us, and the daemon's side of it.

use clap::Parser as _;

use crate::config::Config;
use crate::exit::Exit;
use crate::service::control::{self, Ask, Reply};
use crate::state::{Lock, Store};

use super::output::Output;
use super::{Cli, Context, Failure, execute};

/// Has the daemon of this state carry the command out; `None` where none runs.
pub fn ask(context: &Context<'_>) -> Result<Option<Exit>, Failure> {
    // A configuration that cannot be used is told by the command itself.
    let Ok(config) = context.config() else {
        return Ok(None);
    };
    // A folder of somebody else looks like one without a daemon, or a daemon that does not answer.
    Store::admits(&config.state)?;
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let folder = std::env::current_dir().unwrap_or_default();
    let reply = control::ask(&config.state, arguments.collect(), folder)
        .map_err(|error| Failure::Refused(format!("the daemon did not answer: {error}")))?;
    Ok(reply.map(|reply| {
        context.out.replay(&reply.out, &reply.err);
        Exit::of_code(reply.exit)
    }))
}

/// Carries a command out for a client, with what the daemon has.
pub fn carry_out(ask: &Ask, config: &Config, lock: &Lock) -> Reply {
    let cli = match Cli::try_parse_from(&ask.arguments) {
        Ok(cli) if cli.command.changes() => cli,
        Ok(_) => return refused(Exit::Usage, "this command is not the daemon's to carry out"),
        Err(error) => return refused(Exit::Usage, &error.to_string()),
    };
    let context = Context {
        config_path: cli.config.clone(),
        out: Output::captured(cli.format, cli.quiet, &cli.config),
        verbose: cli.verbose > 0,
        folder: ask.folder.clone(),
        daemon: Some((config, lock)),
    };
    let answer = execute(&cli, &context);
    let exit = answer.unwrap_or_else(|failure| context.out.failure(&failure));
    let (out, err) = context.out.taken();
    Reply::new(exit.code(), out, err)
}

fn refused(exit: Exit, reason: &str) -> Reply {
    Reply::new(exit.code(), String::new(), format!("error: {reason}\n"))
}
