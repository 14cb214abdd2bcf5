//! `couplet man`: the manual, as one page or as a folder of one page a command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::exit::Exit;

use super::{Answer, Cli, Context, Failure};

#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Write the page, and one for each command, into this folder instead of printing it
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// What each exit code of the program says.
const EXITS: &[(Exit, &str)] = &[
    (Exit::Done, "Done, and all is in step."),
    (Exit::Failed, "Failed, or refused by a rule."),
    (Exit::Changes, "A dry run with changes, with --exit-code."),
    (
        Exit::Waiting,
        "Done, and conflicts or problems wait for a person.",
    ),
    (Exit::Halted, "Halted by a guard; nothing was written."),
    (Exit::Locked, "Another instance is at work."),
    (Exit::Usage, "The command line is wrong."),
    (Exit::Config, "The configuration is wrong."),
];

/// The files that a package brings or the service uses.
const FILES: &[(&str, &str)] = &[
    (
        "/etc/couplet/config.toml",
        "The configuration of the service; it does not start without one.",
    ),
    (
        "/etc/couplet/config.toml.sample",
        "The commented sample to begin from.",
    ),
    (
        "/var/lib/couplet",
        "The state of the service: database, bases, journal and lock.",
    ),
    (
        "/var/spool/couplet",
        "Folders for exports and update files, for those who need no others.",
    ),
];

pub fn run(context: &Context<'_>, args: &Args) -> Answer {
    let failed = |error: io::Error| Failure::Refused(format!("cannot write the manual: {error}"));
    match &args.folder {
        Some(folder) => write_pages(folder).map_err(failed)?,
        None => {
            let page = main_page(command()).map_err(failed)?;
            context.out.data(&String::from_utf8_lossy(&page));
        }
    }
    Ok(Exit::Done)
}

/// The command line, with all that the library adds to it.
fn command() -> Command {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

fn write_pages(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    clap_mangen::generate_to(command(), folder)?;
    // The program's own page says more than those of its commands.
    fs::write(folder.join("couplet.1"), main_page(command())?)
}

/// The page of the program itself: what the command line says of itself, exit codes and files.
fn main_page(command: Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    let mut more = Roff::new();
    more.control("SH", ["EXIT STATUS"]);
    for (exit, meaning) in EXITS {
        more.control("TP", []);
        more.text([bold(exit.code().to_string())]);
        more.text([roman(*meaning)]);
    }
    more.control("SH", ["FILES"]);
    for (path, meaning) in FILES {
        more.control("TP", []);
        more.text([bold(*path)]);
        more.text([roman(*meaning)]);
    }
    // The preamble stands on the page already.
    page.extend_from_slice(more.to_roff().as_bytes());
    Ok(page)
}
