//! `replay FILE`: a file of events, decided by one model or two.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::pass::{Collector, Wanted, bar, failure};
use super::report::{Range, Report, Side};
use super::{Args, Failure, Named, Pass};
use crate::cli::score::json_lines;
use crate::cli::score::line::Line;
use crate::runtime::replay::{Order, ReplayError, Replayed};
use crate::runtime::single::{Output, SingleRun};
use crate::wire::decode::Decoder;
use crate::wire::output::OutputFormat;

/// Lines between two looks at the number of leads.
const LINES_BETWEEN: u64 = 1_000;

pub fn run(file: &Path, args: &Args) -> Result<Report, Failure> {
    let model = args.model.as_deref().ok_or_else(|| {
        let found = "--model is missing: a file of events says nothing about the model to decide it with";
        Failure::Message(format!("{found}; for example: --model deploy/models/b2b-saas.toml"))
    })?;
    refuse(file, args)?;
    let new = Named::load("--model", model)?;
    let old = args.against.as_deref().map(|file| Named::load("--against", file)).transpose()?;
    let before = old.as_ref().map(|old| pass(file, args, old, None)).transpose()?;
    let after = pass(file, args, &new, args.out.as_deref())?;
    let range = Range {
        source: file.display().to_string(),
        since: args.since,
        compare_since: args.compare_since,
        ..Range::default()
    };
    let old = old.zip(before).map(|(named, pass)| Side { named, pass });
    Ok(Report::of_models(range, old, Side { named: new, pass: after }))
}

fn refuse(file: &Path, args: &Args) -> Result<(), Failure> {
    let name = file.display();
    if file == Path::new("-") {
        return Err(Failure::message(
            "-: a file is read once for each model, so standard input will not do: give its name",
        ));
    }
    if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
        return Err(Failure::Message(format!(
            "{name}: found CSV; replay reads JSON lines, `tsuikyaku score` reads both"
        )));
    }
    if args.to_prefix.is_some() {
        return Err(Failure::message("--to-prefix: a file of events names no cluster; use --out FILE"));
    }
    if args.out.as_deref() == Some(file) {
        return Err(Failure::Message(format!("--out {name}: is the file of events itself; name another")));
    }
    Ok(())
}

fn pass(file: &Path, args: &Args, named: &Named, out: Option<&Path>) -> Result<Pass, Failure> {
    let unreadable = |error: std::io::Error| Failure::Message(format!("{}: cannot be read: {error}", file.display()));
    let opened = File::open(file).map_err(unreadable)?;
    let metadata = opened.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Failure::Message(format!("{}: is a directory; give a file of events", file.display())));
    }
    let bar = bar(metadata.len(), "bytes", named);
    let mut lines = Lines {
        args,
        decoder: Decoder::default(),
        single: SingleRun::new(&named.model),
        collector: Collector::new(Wanted {
            format: OutputFormat::Json,
            out,
            aside: None,
            compare_since: args.compare_since,
        })?,
        outputs: Vec::new(),
        replayed: Replayed { order: Order::Canonical, ..Replayed::default() },
    };
    let each = |line| match line {
        Ok(line) => {
            let line: Line = line;
            bar.set_position(line.end_bytes);
            lines.take(&line)
        }
        Err(_) => {
            lines.replayed.dead_letter_count += 1;
            Ok(())
        }
    };
    let read = json_lines::read(Box::new(BufReader::with_capacity(1 << 18, opened)), each);
    bar.finish_and_clear();
    read.map_err(unreadable)?.map_err(failure)?;
    lines.finish(named)
}

struct Lines<'a> {
    args: &'a Args,
    decoder: Decoder,
    single: SingleRun<'a>,
    collector: Collector<'a>,
    outputs: Vec<Output>,
    replayed: Replayed,
}

impl Lines<'_> {
    fn take(&mut self, line: &Line) -> Result<(), ReplayError> {
        let is_early = self.args.since.is_some_and(|since_ms| line.appended_at_ms < since_ms);
        if is_early || self.args.until.is_some_and(|until_ms| line.appended_at_ms > until_ms) {
            return Ok(());
        }
        self.replayed.record_count += 1;
        match self.decoder.decode_json(line.kind, &line.value) {
            Ok(event) => self.single.apply(&event, line.appended_at_ms, &mut self.outputs),
            Err(_) => self.replayed.dead_letter_count += 1,
        }
        if self.replayed.record_count.is_multiple_of(LINES_BETWEEN) && self.single.lead_count() > self.args.leads_max {
            let leads_max = self.args.leads_max;
            return Err(ReplayError::LeadsMax { leads_max, clock_ms: self.single.clock_ms() });
        }
        self.settle()
    }

    fn settle(&mut self) -> Result<(), ReplayError> {
        for output in self.outputs.drain(..) {
            match output {
                Output::Decision(decision) => self.collector.take(&decision)?,
                Output::Dead(_) => self.replayed.dead_letter_count += 1,
                Output::Snapshot(_) => {}
            }
        }
        Ok(())
    }

    /// Time passes until the end of the range, where it has one.
    fn finish(mut self, named: &Named) -> Result<Pass, Failure> {
        if let Some(until_ms) = self.args.until.filter(|_| self.replayed.record_count > 0) {
            self.single.advance(until_ms, &mut self.outputs);
            self.settle().map_err(failure)?;
        }
        let end_ms = self.single.clock_ms();
        self.replayed.clocks_ms = vec![end_ms];
        let leads = self.single.leads().filter(|(_, lead)| lead.identity.redirect.is_none() && !lead.facts.is_empty());
        let readiness = |(id, lead): (&str, &crate::scoring::lead::Lead)| {
            (id.to_owned(), lead.facts.readiness(&named.model, end_ms))
        };
        self.replayed.readiness = leads.map(readiness).collect();
        self.collector.finish(self.replayed)
    }
}
