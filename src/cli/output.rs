//! What commands print: text for people or JSON for programs on standard output, errors on standard error.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use serde::Serialize;
use serde_json::Value;

use crate::exit::Exit;
use crate::model::printable::in_lines;
use crate::state::StateError;
use crate::sync::PassError;

use super::{Cli, Failure, Format};

/// What stands before a command line in a text for people.
const BEFORE_COMMANDS: [char; 2] = ['`', ' '];

/// Standard output and error of a command.
pub struct Output {
    format: Format,
    quiet: bool,
    /// The configuration, where it is not the one that is read if none is named.
    config: Option<PathBuf>,
    /// What would have been printed, where it is somebody else's to print.
    captured: Option<RefCell<Captured>>,
}

#[derive(Default)]
struct Captured {
    out: String,
    err: String,
}

impl Output {
    pub fn new(format: Format, quiet: bool, config: &Path) -> Output {
        Output {
            format,
            quiet,
            config: (config != Path::new(super::CONFIG)).then(|| config.to_owned()),
            captured: None,
        }
    }

    /// Keeps everything, to be [`taken`](Output::taken) at the end.
    pub fn captured(format: Format, quiet: bool, config: &Path) -> Output {
        Output {
            captured: Some(RefCell::default()),
            ..Output::new(format, quiet, config)
        }
    }

    /// What was kept: standard output and standard error.
    pub fn taken(self) -> (String, String) {
        let captured = self.captured.map(RefCell::into_inner).unwrap_or_default();
        (captured.out, captured.err)
    }

    /// Whether a person may look on while it is made.
    pub fn is_watched(&self) -> bool {
        self.captured.is_none() && !self.quiet && io::stderr().is_terminal()
    }

    /// Prints what another process would have printed.
    pub fn replay(&self, out: &str, err: &str) {
        self.note(err.trim_end_matches('\n'));
        self.put(out.as_bytes());
    }

    /// Says something on standard error.
    pub fn note(&self, line: &str) {
        let line = self.configured(line, &BEFORE_COMMANDS);
        let line = &*in_lines(&line);
        match &self.captured {
            _ if line.is_empty() => {}
            Some(captured) => {
                let err = &mut captured.borrow_mut().err;
                err.push_str(line);
                err.push('\n');
            }
            None => eprintln!("{line}"),
        }
    }

    /// A text in which each command line after one of these characters names the configuration, lest whoever types it after us has
    /// another one read.
    fn configured<'t>(&self, text: &'t str, marks: &[char]) -> Cow<'t, str> {
        const PROGRAM: &str = "couplet ";
        let Some(config) = &self.config else {
            return Cow::Borrowed(text);
        };
        let commands = Cli::command();
        let commands: Vec<&str> = commands.get_subcommands().map(Command::get_name).collect();
        let mut out = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(PROGRAM) {
            out.push_str(before);
            out.push_str(PROGRAM);
            let is_apart = before.ends_with(marks);
            let word = after.split(|c: char| !c.is_alphanumeric()).next();
            if is_apart && word.is_some_and(|word| commands.contains(&word)) {
                let path = config.display().to_string();
                match path.contains(char::is_whitespace) {
                    true => out.push_str(&format!("--config '{path}' ")),
                    false => out.push_str(&format!("--config {path} ")),
                }
            }
            rest = after;
        }
        out.push_str(rest);
        Cow::Owned(out)
    }

    fn put(&self, bytes: &[u8]) {
        match &self.captured {
            Some(captured) => captured
                .borrow_mut()
                .out
                .push_str(&String::from_utf8_lossy(bytes)),
            None => put(bytes),
        }
    }

    /// Whether programs read the output.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether nothing but errors is wanted.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints text for people; nothing when programs read, or nothing is wanted.
    pub fn text(&self, text: &str) {
        if !self.is_json() && !self.quiet {
            self.put(in_lines(&self.configured(text, &BEFORE_COMMANDS)).as_bytes());
        }
    }

    /// Prints text that is for programs although it is no JSON, as it is. Only a terminal gets it written out.
    pub fn data(&self, text: &str) {
        if self.is_json() || self.quiet {
            return;
        }
        match self.captured.is_none() && io::stdout().is_terminal() {
            true => self.put(in_lines(&text.replace("\r\n", "\n")).as_bytes()),
            false => self.put(text.as_bytes()),
        }
    }

    /// Prints a value for programs. What they pass on to people names the configuration, too.
    pub fn json(&self, value: &impl Serialize) {
        if self.is_json()
            && let Ok(mut value) = serde_json::to_value(value)
        {
            if self.config.is_some() {
                self.configure(&mut value);
            }
            if let Ok(mut text) = serde_json::to_vec_pretty(&value) {
                text.push(b'\n');
                self.put(&text);
            }
        }
    }

    /// Has the command lines in the texts of a value name the configuration. Beside what we say, a value holds what exports say, and
    /// only we put them between backticks.
    fn configure(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(configured) = self.configured(text, &['`']) {
                    *text = configured;
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.configure(value)),
            Value::Object(members) => members.values_mut().for_each(|value| self.configure(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Prints why a command failed and gives its exit code.
    pub fn failure(&self, failure: &Failure) -> Exit {
        let (exit, lines) = match failure {
            Failure::Config(errors) => (
                Exit::Config,
                errors.iter().map(ToString::to_string).collect(),
            ),
            Failure::NoConfig(path, source) => (
                Exit::Config,
                vec![format!(
                    "cannot read the configuration {}: {source}",
                    path.display()
                )],
            ),
            Failure::State(error) => (exit_of(error), vec![chain(error)]),
            Failure::Pass(error) => {
                let exit = match error {
                    PassError::State(error) => exit_of(error),
                    PassError::Apply(_) | PassError::Overtaken(_) => Exit::Failed,
                };
                (exit, vec![chain(error) + error.advice()])
            }
            Failure::Refused(reason) => (Exit::Failed, vec![reason.clone()]),
            Failure::Usage(reason) => (Exit::Usage, vec![reason.clone()]),
        };
        if self.is_json() {
            match failure {
                Failure::Config(errors) => self.json(&serde_json::json!({ "errors": errors })),
                _ => self.json(&serde_json::json!({ "errors": lines })),
            }
        }
        for line in lines {
            self.note(&format!("error: {line}"));
        }
        exit
    }
}

fn exit_of(error: &StateError) -> Exit {
    match error {
        StateError::Locked { .. } => Exit::Locked,
        _ => Exit::Failed,
    }
}

/// A closed pipe is the reader's business and no error of ours.
fn put(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// An error with its causes, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

/// `1 cell`, `2 cells`: a count with its noun.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(count(1, "cell", "cells"), "1 cell");
    }
}
