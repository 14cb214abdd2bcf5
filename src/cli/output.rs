//! What commands print: text for people or JSON for programs on standard output, errors on standard error.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::exit::Exit;
use crate::state::StateError;
use crate::sync::PassError;

use super::{Failure, Format};

/// Standard output and error of a command.
pub struct Output {
    format: Format,
    quiet: bool,
}

impl Output {
    pub fn new(format: Format, quiet: bool) -> Output {
        Output { format, quiet }
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
            put(text.as_bytes());
        }
    }

    /// Prints a value for programs.
    pub fn json(&self, value: &impl Serialize) {
        if self.is_json()
            && let Ok(mut text) = serde_json::to_vec_pretty(value)
        {
            text.push(b'\n');
            put(&text);
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
                (exit, vec![chain(error)])
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
            eprintln!("error: {line}");
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
