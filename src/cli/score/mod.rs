//! `tsuikyaku score FILE`: the whole model over a file of events, without broker or state directory.
//!
//! The file is one partition's log. Decisions go to standard output, one JSON object a line, in order; everything
//! else goes to standard error. A line that no lead can take is reported and counted, as it would be dead-lettered.

mod csv_file;
pub(super) mod json_lines;
pub(super) mod line;
mod report;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use self::line::{BadLine, Line};
use self::report::Report;
use crate::runtime::single::{Output, SingleRun};
use crate::scoring::dead_letter::DeadLetter;
use crate::scoring::model::{Model, ModelError};
use crate::wire::decode::Decoder;
use crate::wire::{output, view};

/// Score a file of events: decisions and leads out, without any Kafka
///
/// The file is the log of one partition, an event a line:
/// {"topic": "engagement.web", "appended_at": 1775005200000, "value": {"event_id": …, "lead_id": …, "kind": …}}
/// or CSV with these columns. Decisions go to standard output, one JSON object a line; lines that no lead can take are
/// reported on standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsuikyaku score events.jsonl --model deploy/models/b2b-saas.toml
  tsuikyaku score events.csv --model deploy/models/b2b-saas.toml --at 1775091600000
  zcat events.jsonl.gz | tsuikyaku score - --model deploy/models/b2b-saas.toml")]
pub struct Args {
    /// Events in log order: JSON lines, or CSV; `-` reads standard input
    file: PathBuf,
    /// Model file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Move the clock to this time at the end (ms since the epoch), then print every lead
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    at: Option<i64>,
    /// How the file is written; default: by its extension, else JSON lines
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<FileFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FileFormat {
    /// `{"topic":…,"appended_at":…,"value":{…}}`, one a line
    Json,
    /// Columns `topic`, `appended_at`, and the fields of the topics' schemas; `attributes.NAME` for attributes
    Csv,
}

/// Why the command ends without having scored the file.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    #[error("{}: cannot be read: {problem}", file.display())]
    Read { file: PathBuf, problem: io::Error },
    #[error("the model file has {} mistake(s):\n{}", .0.len(), lines_of(.0))]
    Model(Vec<ModelError>),
    #[error("the first line of a CSV file must name its columns; missing: {0}")]
    Columns(&'static str),
    #[error("standard output: {0}")]
    Write(io::Error),
}

fn lines_of(errors: &[ModelError]) -> String {
    errors.iter().map(ModelError::to_string).collect::<Vec<_>>().join("\n")
}

/// Runs the command.
///
/// # Errors
/// Where the model or the file cannot be used at all.
pub fn run(args: &Args) -> Result<(), ScoreError> {
    let read = |problem| ScoreError::Read { file: args.model.clone(), problem };
    let text = std::fs::read_to_string(&args.model).map_err(read)?;
    let model = Model::parse(&text, &args.model.to_string_lossy()).map_err(ScoreError::Model)?;
    let report = Report::new(&args.file, io::stderr().is_terminal() && !io::stdout().is_terminal());
    let input = open(&args.file).map_err(|problem| ScoreError::Read { file: args.file.clone(), problem })?;
    let out = BufWriter::new(io::stdout().lock());
    let mut run = Run { decoder: Decoder::default(), single: SingleRun::new(&model), out, report };
    match run.all(input, args) {
        // Whoever read our output has seen enough.
        Err(ScoreError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

fn open(file: &Path) -> io::Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(file)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
    }
    Ok(Box::new(BufReader::with_capacity(1 << 18, file)))
}

struct Run<'m, W> {
    decoder: Decoder,
    single: SingleRun<'m>,
    out: W,
    report: Report,
}

impl<W: Write> Run<'_, W> {
    fn all(&mut self, input: Box<dyn BufRead>, args: &Args) -> Result<(), ScoreError> {
        let is_csv = args.file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        let by_name = if is_csv { FileFormat::Csv } else { FileFormat::Json };
        let file = |problem| ScoreError::Read { file: args.file.clone(), problem };
        match args.format.unwrap_or(by_name) {
            FileFormat::Json => json_lines::read(input, |line| self.line(line)).map_err(file)??,
            FileFormat::Csv => csv_file::read(input, &args.file, |line| self.line(line))??,
        }
        if let Some(at_ms) = args.at {
            self.finish(at_ms)?;
        }
        self.out.flush().map_err(ScoreError::Write)?;
        self.report.summary();
        Ok(())
    }

    fn line(&mut self, line: Result<Line, BadLine>) -> Result<(), ScoreError> {
        match line {
            Err(bad) => self.report.dead(bad.number, &bad.dead),
            Ok(line) => {
                self.report.progress(line.end_bytes);
                match self.decoder.decode_json(line.kind, &line.value) {
                    Err(dead) => self.report.dead(line.number, &dead),
                    Ok(event) => {
                        let mut outputs = Vec::new();
                        self.single.apply(&event, line.appended_at_ms, &mut outputs);
                        self.print(outputs, Some(line.number))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Lets time pass until then, and prints every lead.
    fn finish(&mut self, at_ms: i64) -> Result<(), ScoreError> {
        let mut outputs = Vec::new();
        self.single.advance(at_ms, &mut outputs);
        self.print(outputs, None)?;
        let lead_ids: Vec<Box<str>> = self.single.leads().map(|(lead_id, _)| lead_id.into()).collect();
        for lead_id in lead_ids {
            self.put(&view::json(&self.single.view(&lead_id)))?;
        }
        Ok(())
    }

    fn print(&mut self, outputs: Vec<Output>, line: Option<u64>) -> Result<(), ScoreError> {
        for output in outputs {
            match output {
                Output::Decision(decision) => self.put(&output::json(&*decision))?,
                Output::Snapshot(_) => {}
                Output::Dead(dead) => self.dead(line, &dead),
            }
        }
        Ok(())
    }

    fn dead(&mut self, line: Option<u64>, dead: &DeadLetter) {
        self.report.dead(line.unwrap_or_default(), dead);
    }

    fn put(&mut self, value: &serde_json::Value) -> Result<(), ScoreError> {
        serde_json::to_writer(&mut self.out, value).map_err(|error| ScoreError::Write(error.into()))?;
        self.out.write_all(b"\n").map_err(ScoreError::Write)
    }
}

#[cfg(test)]
mod tests;
