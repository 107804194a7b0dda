//! `tsuikyaku replay`: what would have been decided, and what differs from what was sent. Nothing is sent.

mod file;
mod pass;
mod report;
mod text;
mod time;
mod topics;

use std::path::{Path, PathBuf};

use self::pass::Pass;
use self::report::Report;
use super::{ConfigArgs, Failure};
use crate::scoring::model::Model;

/// Decide a range of the log again, and print what differs from what was sent
///
/// For the question before a model file is changed: what would have been different? Reads the topics of --config (or a
/// file), decides everything again in memory, and compares: which leads gain or lose a READY, other channels and
/// reasons, and how scores shift. Nothing is sent to the real outputs, no group is joined, no position is moved: it may run beside the
/// processor. Differences are no failure: the exit status is 0.
///
/// First the model in use is replayed and held against what was sent: that shows whether the replay can be trusted.
/// Then, with --model, the new model is held against the one in use, over the same records.
///
/// Order and time of what was decided then are taken from the manifests in the changelog; where those are gone (the
/// changelog is compacted), records go in the order of their append times.
///
/// State begins empty where the range begins: what leads did before --since is not known to the replay. So read more
/// than you look at: leave --since out, and say with --compare-since from when on decisions are compared.
///
/// It needs about 3 KiB of memory for each lead of the range, and 200 bytes for each decision.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  Does the replay repeat what was sent?
    tsuikyaku replay --config tsuikyaku.toml
  What would new.toml have changed?
    tsuikyaku replay --config tsuikyaku.toml --model new.toml
  ... in the last 30 days, with all decisions in a file, and the report for a program:
    tsuikyaku replay -c tsuikyaku.toml --model new.toml --compare-since 30d --out all.jsonl --format json
  Two models over a file of events, without any Kafka:
    tsuikyaku replay events.jsonl --model new.toml --against deploy/models/b2b-saas.toml")]
pub struct Args {
    /// Events in log order, JSON lines as `tsuikyaku score` reads them; left out: the topics of --config
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
    /// The model to try
    #[arg(long, value_name = "MODEL.toml")]
    model: Option<PathBuf>,
    /// The model to compare it with; default: model.file of the configuration
    #[arg(long, value_name = "MODEL.toml")]
    against: Option<PathBuf>,
    /// Records appended from then on: a day, a time, 30d ago, or ms; default: all that the topics hold
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    since: Option<i64>,
    /// Compare only what was decided from then on; what came before still counts for the leads
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    compare_since: Option<i64>,
    /// Records appended until then; default: all that is processed
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    until: Option<i64>,
    /// Records in the order of their append times, even where it is known how they were taken then
    #[arg(long)]
    without_manifests: bool,
    /// Write all decisions of the replay (of --model, where given) here, one JSON object a line
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Send them to the topic PREFIX + name of the real one as well, which is made where it is missing; as trial.
    #[arg(long, value_name = "PREFIX")]
    to_prefix: Option<String>,
    /// How to print what differs
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Differences named one by one in each list of the text; JSON has them all
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    list_max: usize,
    /// More leads than this are refused, for the sake of memory
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    leads_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One object, times in ms since the epoch
    Json,
}

/// A model, and the file it stands in.
struct Named {
    file: String,
    model: Model,
}

impl Named {
    /// `key` is what names the file.
    fn load(key: &str, file: &Path) -> Result<Named, Failure> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| {
            let fix = "give a model file, as deploy/models/b2b-saas.toml";
            Failure::Message(format!("{key}: {name} cannot be read: {error}; {fix}"))
        })?;
        let model = Model::parse(&text, &name).map_err(|mistakes| {
            let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            Failure::Message(lines.join("\n"))
        })?;
        Ok(Named { file: name, model })
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} {})", self.file, self.model.name, self.model.version)
    }
}

pub fn run(args: &Args) -> Result<(), Failure> {
    in_order(("--since", args.since), ("--until", args.until))?;
    in_order(("--compare-since", args.compare_since), ("--until", args.until))?;
    in_order(("--since", args.since), ("--compare-since", args.compare_since))?;
    let report = match &args.file {
        Some(file) => file::run(file, args)?,
        None => topics::run(args)?,
    };
    print(&report, args)
}

fn in_order((first, from): (&str, Option<i64>), (second, to): (&str, Option<i64>)) -> Result<(), Failure> {
    match (from, to) {
        (Some(from), Some(to)) if from >= to => Err(Failure::Message(format!(
            "{first} {} is not before {second} {}: swap them, or leave one out",
            time::shown(from),
            time::shown(to)
        ))),
        _ => Ok(()),
    }
}

fn print(report: &Report, args: &Args) -> Result<(), Failure> {
    use std::io::{ErrorKind, Write};
    let printed = match args.format {
        Format::Text => text::of(report, args.list_max),
        Format::Json => report.json().to_string() + "\n",
    };
    match std::io::stdout().lock().write_all(printed.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::Message(format!("standard output: {error}"))),
    }
}

#[cfg(test)]
mod tests;
