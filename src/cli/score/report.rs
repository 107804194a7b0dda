//! What goes to standard error: lines that no lead can take, a progress bar on a terminal, a summary.

use std::collections::BTreeMap;
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::scoring::dead_letter::DeadLetter;

/// Lines told one by one; the summary counts all.
const TOLD_MAX: u64 = 100;

pub struct Report {
    file: String,
    bar: ProgressBar,
    dead_count: u64,
    by_cause: BTreeMap<&'static str, u64>,
}

impl Report {
    /// The bar is shown only where decisions do not go to the same screen.
    pub fn new(file: &Path, show_bar: bool) -> Report {
        let length = std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
        let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let template = match length {
            Some(_) => "{bar:40} {percent:>3} %  {bytes_per_sec}  {eta} left",
            None => "{spinner} {bytes}  {bytes_per_sec}",
        };
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_draw_target(if show_bar { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() });
        let file = if file == Path::new("-") { "standard input".into() } else { file.display().to_string() };
        Report { file, bar, dead_count: 0, by_cause: BTreeMap::new() }
    }

    pub fn progress(&self, end_bytes: u64) {
        self.bar.set_position(end_bytes);
    }

    /// Line 0 stands for time that passed behind the last line.
    pub fn dead(&mut self, line: u64, dead: &DeadLetter) {
        self.dead_count += 1;
        *self.by_cause.entry(dead.cause.as_str()).or_default() += 1;
        if self.dead_count <= TOLD_MAX {
            let text = format!("{}:{line}: dead letter: {}: {}", self.file, dead.cause, dead.detail);
            self.bar.suspend(|| eprintln!("{text}"));
        }
        if self.dead_count == TOLD_MAX + 1 {
            self.bar.suspend(|| eprintln!("{}: further dead letters are only counted", self.file));
        }
    }

    /// How often a cause was met.
    #[cfg(test)]
    pub fn count(&self, cause: &str) -> u64 {
        self.by_cause.get(cause).copied().unwrap_or_default()
    }

    pub fn summary(&self) {
        self.bar.finish_and_clear();
        if self.dead_count > 0 {
            let causes: Vec<_> = self.by_cause.iter().map(|(cause, count)| format!("{cause} {count}")).collect();
            eprintln!("{}: {} dead letters: {}", self.file, self.dead_count, causes.join(", "));
        }
    }
}
