//! Where the log goes, and how it is written.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;

use crate::service::rolling::RollingFile;

use super::LogFormat;

/// Logs to standard error.
pub fn to_stderr(format: LogFormat, level: LevelFilter) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false);
    let plain = std::env::var_os("NO_COLOR").is_some() || !std::io::stderr().is_terminal();
    // A second subscriber can only be one that a test has set; it stays.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(!plain).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// Logs to a file.
pub fn to_file(format: LogFormat, level: LevelFilter, file: RollingFile) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::sync::Arc::new(file))
        .with_target(false);
    let _ = match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
