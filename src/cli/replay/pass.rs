//! One replay with one model: what it decided, a progress bar, and the file of decisions.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Failure, Named, time};
use crate::io::kafka::aside::Aside;
use crate::runtime::replay::{ReplayError, Replayed};
use crate::scoring::decision::Decision;
use crate::wire::output::{self, OutputFormat};
use crate::wire::told::Told;

/// More decisions than this are refused: each is kept.
const DECISIONS_MAX: usize = 10_000_000;

/// What a replay decided.
pub struct Pass {
    pub told: Vec<Told>,
    pub replayed: Replayed,
}

/// What is wanted of decisions on their way.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The format that hashes of bytes are of.
    pub format: OutputFormat,
    pub out: Option<&'a Path>,
    /// Another topic that decisions go to.
    pub aside: Option<&'a Aside>,
    /// Earlier decisions are not compared, ms since the epoch.
    pub compare_since: Option<i64>,
}

/// Keeps decisions, and writes them to the file.
pub struct Collector<'a> {
    wanted: Wanted<'a>,
    file: Option<BufWriter<File>>,
    told: Vec<Told>,
}

impl<'a> Collector<'a> {
    /// # Errors
    /// Where the file cannot be made.
    pub fn new(wanted: Wanted<'a>) -> Result<Collector<'a>, Failure> {
        let create = |path: &Path| {
            let made = File::create(path);
            made.map(BufWriter::new).map_err(|error| unwritable(path, &error))
        };
        Ok(Collector { wanted, file: wanted.out.map(create).transpose()?, told: Vec::new() })
    }

    pub fn take(&mut self, decision: &Decision) -> Result<(), ReplayError> {
        if self.told.len() == DECISIONS_MAX {
            return Err(ReplayError::Output(format!(
                "more than {DECISIONS_MAX} decisions by {}: replay a part of it with --since and --until",
                time::shown(decision.as_of_ms)
            )));
        }
        if self.wanted.compare_since.is_none_or(|since_ms| decision.as_of_ms >= since_ms) {
            self.told.push(Told::of(decision, self.wanted.format));
        }
        if let Some(aside) = self.wanted.aside {
            let mut bytes = Vec::with_capacity(1024);
            output::encode(decision, self.wanted.format, &mut bytes);
            let sent = aside.send(decision.lead_id.as_bytes(), &bytes);
            sent.map_err(|error| ReplayError::Output(format!("--to-prefix: {error}")))?;
        }
        if let (Some(file), Some(path)) = (&mut self.file, self.wanted.out) {
            let written = writeln!(file, "{}", output::json(decision));
            written.map_err(|error| ReplayError::Output(unwritable(path, &error).to_string()))?;
        }
        Ok(())
    }

    /// # Errors
    /// Where the file or the topic cannot be written.
    pub fn finish(self, replayed: Replayed) -> Result<Pass, Failure> {
        if let (Some(mut file), Some(path)) = (self.file, self.wanted.out) {
            file.flush().map_err(|error| unwritable(path, &error))?;
        }
        if let Some(aside) = self.wanted.aside {
            aside.finish().map_err(|error| Failure::Message(format!("--to-prefix: {error}")))?;
        }
        Ok(Pass { told: self.told, replayed })
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Message(format!("--out {}: cannot be written: {error}", path.display()))
}

/// What a replay that ended early says to its user.
pub fn failure(error: ReplayError) -> Failure {
    match error {
        ReplayError::LeadsMax { leads_max, clock_ms } => Failure::Message(format!(
            "--leads-max: more than {leads_max} leads by {}, which need about {} MiB; allow more if there is the memory, or \
             replay a part with --since and --until",
            time::shown(clock_ms),
            (leads_max * 3).div_ceil(1024)
        )),
        other => Failure::message(other),
    }
}

/// A bar on a terminal; nothing elsewhere.
pub fn bar(total: u64, unit: &str, named: &Named) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = match unit {
        "bytes" => "{msg}  {bar:30} {percent:>3} %  {bytes_per_sec}  {eta} left",
        _ => "{msg}  {bar:30} {percent:>3} %  {human_pos} records  {eta} left",
    };
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(format!("{} {}", named.model.name, named.model.version));
    let on_screen = std::io::stderr().is_terminal();
    bar.set_draw_target(if on_screen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() });
    bar
}
