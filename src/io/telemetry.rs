//! Log lines: for people on a terminal, JSON for machines. Always to standard error: standard output is for results.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::EnvFilter;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Human-readable on a terminal, JSON otherwise.
    Auto,
    Human,
    Json,
}

/// Begins to write log lines; the first call of a process counts. Libraries are heard from `warn` on, at any level.
pub fn start(format: LogFormat, level: Level) {
    let filter = EnvFilter::new(format!("warn,tsuikyaku={level}"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let is_terminal = std::io::stderr().is_terminal();
    let human = match format {
        LogFormat::Auto => is_terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    // An error says that somebody else set up the process's log lines before: they are heard.
    let _ = if human {
        lines.with_ansi(is_terminal).with_target(false).try_init()
    } else {
        lines.json().flatten_event(true).try_init()
    };
}
