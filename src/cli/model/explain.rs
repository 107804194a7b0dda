//! `model explain`: how a lead's score came about, event by event, with the decisions in between.

use std::fmt::Write;
use std::path::PathBuf;

use super::journey::{self, EXAMPLE_QUIET_MS};
use super::text::{moment, wrapped};
use super::{put, read_or_tell};
use crate::cli::Failure;
use crate::cli::score::line::Line;
use crate::runtime::single::{Output, SingleRun};
use crate::scoring::dead_letter::DeadLetter;
use crate::scoring::decision::{Decision, DecisionType, Score};
use crate::scoring::event::Event;
use crate::scoring::model::{EventKind, Model, number};
use crate::wire::decode::Decoder;
use crate::wire::limits::EVENT_TIMES_MS;

/// Columns before a decision's text.
const INDENT: usize = 18;
/// Greatest contribution's bar, columns.
const BAR: f64 = 40.0;
/// Dead letters told one by one.
const DEAD_TOLD_MAX: usize = 100;
/// Contributions below it are summed up, points.
const SHARE_MIN: f64 = 0.05;

/// Explain how a lead's score came about over time
///
/// One line for each event: readiness R, engagement S, affinity A and pressure P after it, and what it added to R;
/// between them the decisions, also those that time alone made; at the end what R is made of. Without events, an
/// example: from the first click to a purchase, and ten quiet weeks.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsuikyaku model explain deploy/models/ec.toml
  tsuikyaku model explain deploy/models/b2b-saas.toml --events events.jsonl --lead lead-000042
  diff <(tsuikyaku model explain old.toml) <(tsuikyaku model explain new.toml)")]
pub struct Args {
    /// Model file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Events in log order, JSON lines as `tsuikyaku score` reads them; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// The lead to explain; needed where the events are of several
    #[arg(long, value_name = "ID", requires = "events")]
    lead: Option<String>,
    /// Let time pass until then at the end, ms since the epoch; default: the last event
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    at: Option<i64>,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let model = read_or_tell(&args.file)?;
    put(&explained(&model, args)?)
}

fn explained(model: &Model, args: &Args) -> Result<String, Failure> {
    let mut story = Story::new(model, args.lead.as_deref());
    journey::read(args.events.as_deref(), |line| match line {
        Ok(line) => story.line(&line),
        Err(bad) => story.dead_line(bad.number, &bad.dead),
    })?;
    story.end(args)
}

/// All leads are run, as they may become each other; one is told.
struct Story<'m> {
    model: &'m Model,
    single: SingleRun<'m>,
    decoder: Decoder,
    asked_for: Option<&'m str>,
    lead_id: Option<String>,
    told_count: usize,
    /// Lines that were no events: how many, and the first of them.
    dead_count: usize,
    dead: String,
    out: String,
}

impl<'m> Story<'m> {
    fn new(model: &'m Model, asked_for: Option<&'m str>) -> Story<'m> {
        let mut out = format!("{} {}   hash {}\n\n", model.name, model.version, model.hash_hex());
        let _ = writeln!(out, "{:<17} {:<26} {:>6} {:>6} {:>6} {:>6} {:>7}", "", "event", "R", "S", "A", "P", "added");
        let (single, decoder) = (SingleRun::new(model), Decoder::default());
        Story {
            model,
            single,
            decoder,
            asked_for,
            lead_id: asked_for.map(str::to_owned),
            told_count: 0,
            dead_count: 0,
            dead: String::new(),
            out,
        }
    }

    fn line(&mut self, line: &Line) -> Result<(), Failure> {
        let decoder = std::mem::take(&mut self.decoder);
        let told = match decoder.decode_json(line.kind, &line.value) {
            Ok(event) => self.event(&event, line),
            Err(dead) => self.dead_line(line.number, &dead),
        };
        self.decoder = decoder;
        told
    }

    fn event(&mut self, event: &Event<'_>, line: &Line) -> Result<(), Failure> {
        let lead_id = self.lead_id.get_or_insert_with(|| event.lead_id.to_string()).clone();
        let is_told = *event.lead_id == *lead_id;
        if !is_told && self.asked_for.is_none() {
            return Err(Failure::Message(format!(
                "line {}: the events are of several leads, as \"{lead_id}\" and \"{}\": name one with --lead",
                line.number, event.lead_id
            )));
        }
        self.pass_time(line.appended_at_ms);
        let before = self.readiness();
        let mut outputs = Vec::new();
        self.single.apply(event, line.appended_at_ms, &mut outputs);
        if is_told {
            self.told_count += 1;
            self.row(event, line.appended_at_ms, before);
        }
        self.outputs(outputs, is_told);
        Ok(())
    }

    /// A line that no lead can take: its lead is not known for sure, so it is always told.
    fn dead_line(&mut self, number: u64, dead: &DeadLetter) -> Result<(), Failure> {
        self.dead_count += 1;
        if self.dead_count > DEAD_TOLD_MAX {
            return Ok(());
        }
        let told = format!("line {number}: dead letter: {}: {}\n", dead.cause, dead.detail);
        self.out += &told;
        self.dead += &told;
        Ok(())
    }

    fn score(&self) -> Score {
        self.single.view(self.lead_id.as_deref().unwrap_or_default()).score
    }

    fn readiness(&self) -> f64 {
        self.score().readiness
    }

    fn pass_time(&mut self, to_ms: i64) {
        let mut outputs = Vec::new();
        self.single.advance(to_ms, &mut outputs);
        self.outputs(outputs, false);
    }

    fn row(&mut self, event: &Event<'_>, appended_at_ms: i64, before: f64) {
        let score = self.score();
        let added = score.readiness - before;
        let at = moment(appended_at_ms, self.model.utc_offset_ms);
        let _ = write!(self.out, "{at:<17} {:<26} ", cut(&label(self.model, event), 26));
        let _ = write!(
            self.out,
            "{:>6.1} {:>6.1} {:>6.2} {:>6.2} ",
            score.readiness, score.engagement, score.affinity, score.pressure
        );
        let _ = writeln!(self.out, "{:>7}", if added.abs() < 0.05 { "-".to_owned() } else { format!("{added:+.1}") });
        if event.occurred_at_ms + 60_000 <= appended_at_ms {
            let occurred = moment(event.occurred_at_ms, self.model.utc_offset_ms);
            self.out += &format!("{:INDENT$}late: it occurred {occurred}\n", "");
        }
    }

    fn outputs(&mut self, outputs: Vec<Output>, is_told: bool) {
        for output in outputs {
            match output {
                Output::Decision(decision) if Some(&*decision.lead_id) == self.lead_id.as_deref() => {
                    let text = decided(self.model, &decision);
                    self.out += &text;
                }
                Output::Dead(dead) if is_told => {
                    self.out += &wrapped(&format!("dead letter: {}: {}", dead.cause, dead.detail), INDENT);
                }
                _ => {}
            }
        }
    }

    fn end(mut self, args: &Args) -> Result<String, Failure> {
        if self.dead_count > DEAD_TOLD_MAX {
            let _ = writeln!(self.out, "\n{} dead letters in all", self.dead_count);
        }
        if let Some(at_ms) = args.at.filter(|at_ms| !EVENT_TIMES_MS.contains(at_ms) || *at_ms < self.single.clock_ms())
        {
            return Err(Failure::Message(format!(
                "--at: found {at_ms}; allowed: ms since the epoch, from the last event on, before 2100-01-01"
            )));
        }
        let example_end_ms = self.single.clock_ms().saturating_add(EXAMPLE_QUIET_MS);
        if let Some(to_ms) = args.at.or(args.events.is_none().then_some(example_end_ms)) {
            self.pass_time(to_ms);
        }
        match &self.lead_id {
            Some(lead_id) if self.told_count == 0 => {
                Err(Failure::Message(format!("there is no event of lead \"{lead_id}\" in the file")))
            }
            None => Err(Failure::message(format!("{}there is no event in the file", self.dead))),
            Some(lead_id) => {
                let view = self.single.view(lead_id);
                let shares = view.contributions.iter().map(|line| (&*line.label, line.points));
                let sum = sum(self.model, &view.score, view.as_of_ms, &shares.collect::<Vec<_>>());
                Ok(self.out + &sum)
            }
        }
    }
}

/// The rule that counts the event, else its kind.
fn label(model: &Model, event: &Event<'_>) -> String {
    use crate::scoring::event::Body;
    let kind = match &event.body {
        Body::Profile(profile) => format!("profile.{}", profile.kind.as_str()),
        Body::Outcome(outcome) => format!("outcome.{}", outcome.kind.as_str()),
        body => EventKind::of(body).map(|kind| kind.name()).unwrap_or_default(),
    };
    let label = model.rules.of(event).map_or(kind, |rule| rule.id.to_string());
    if event.machine { format!("{label} (machine)") } else { label }
}

fn cut(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

/// A decision: what, by which channel, until when, and its line for sales.
fn decided(model: &Model, decision: &Decision) -> String {
    let at = |ms| moment(ms, model.utc_offset_ms);
    let what = decision.decision_type.as_str().to_uppercase();
    let lane = decision.lane.as_str();
    let more = match (decision.decision_type, decision.reason) {
        (DecisionType::Ready, _) => {
            let content = decision.content.map(|content| format!(", {content}")).unwrap_or_default();
            format!("{lane} by {}{content}, due {}", decision.recommended_channel.as_str(), at(decision.due_at_ms))
        }
        (_, Some(reason)) => format!("{lane}: {}", reason.as_str()),
        (_, None) => lane.to_owned(),
    };
    format!("{}  > {what} {more}\n", at(decision.as_of_ms)) + &wrapped(&decision.headline.en, INDENT)
}

/// What readiness is made of in the end.
fn sum(model: &Model, score: &Score, as_of_ms: i64, shares: &[(&str, f64)]) -> String {
    let weights = &model.readiness;
    let mut out = format!(
        "\n{}: R {:.2} = {} x S {:.2} + {} x A {:.4}; {}, grade {}, fit {}\n",
        moment(as_of_ms, model.utc_offset_ms),
        score.readiness,
        number(weights.engagement_weight),
        score.engagement,
        number(weights.affinity_points),
        score.affinity,
        score.stage.as_str(),
        score.grade,
        score.fit
    );
    let greatest = shares.iter().map(|(_, points)| points.abs()).fold(0.0, f64::max);
    let (told, small): (Vec<_>, Vec<_>) = shares.iter().copied().partition(|(_, points)| points.abs() >= SHARE_MIN);
    let rest = small.iter().map(|(_, points)| points).sum();
    let rest_name = format!("{} smaller", small.len());
    for (label, points) in told.into_iter().chain((!small.is_empty()).then_some((rest_name.as_str(), rest))) {
        let bar = "#".repeat((points.abs() / greatest * BAR).round() as usize);
        let line = format!("  {:<26} {points:>7.2} {bar}", cut(label, 26));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(events: Option<PathBuf>, lead: Option<&str>, at: Option<i64>) -> Args {
        Args { file: PathBuf::new(), events, lead: lead.map(str::to_owned), at }
    }

    #[test]
    fn the_example_reads_well_with_every_model() {
        for model in super::super::tests::deployed() {
            let text = explained(&model, &args(None, None, None)).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
            assert!(!text.contains("dead letter"), "{text}");
            for part in ["web.inquiry", "> READY instant by person", "profile.consent_granted", "purchase.order"] {
                assert!(text.contains(part), "{part}\n{text}");
            }
            let end = lines.iter().position(|line| line.contains(": R ")).unwrap();
            let readiness: f64 = lines[end].split_whitespace().nth(3).unwrap().parse().unwrap();
            let shares = lines[end + 1..].iter().map(|line| {
                line.split_whitespace()
                    .find_map(|word| word.parse::<f64>().ok().filter(|_| word.contains('.')))
                    .unwrap()
            });
            assert!((shares.sum::<f64>() - readiness).abs() < 0.1, "{text}");
        }
    }

    #[test]
    fn one_lead_of_many_is_told_and_must_be_named() {
        let model = super::super::tests::deployed().remove(0);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("events.jsonl");
        let event = |id: &str, lead: &str, minute: i64, late: i64| {
            let at = 1_775_005_200_000 + minute * 60_000;
            format!(
                r#"{{"topic":"engagement.web","appended_at":{at},"value":{{"event_id":"{id}","lead_id":"{lead}","occurred_at":{},"kind":"download"}}}}"#,
                at - late
            )
        };
        let text =
            [event("1", "a", 0, 0), event("2", "b", 1, 0), event("3", "a", 2, 7_200_000), "{".to_owned()].join("\n");
        std::fs::write(&file, text).unwrap();
        let explain = |lead: Option<&str>| explained(&model, &args(Some(file.clone()), lead, Some(1_776_005_200_000)));
        let several = explain(None).unwrap_err().to_string();
        assert!(several.contains("line 2") && several.contains("--lead"), "{several}");
        assert!(explain(Some("c")).unwrap_err().to_string().contains("\"c\""));
        let told = explain(Some("a")).unwrap();
        assert_eq!(told.matches("web.download  ").count() - 1, 2, "{told}"); // once more in the sum
        assert!(told.contains("late: it occurred 2026-04-01 08:02") && told.contains("line 4: dead letter"), "{told}");
        for at_ms in [-5, 1_775_005_200_000, i64::MAX] {
            let early = explained(&model, &args(Some(file.clone()), Some("a"), Some(at_ms))).unwrap_err().to_string();
            assert!(early.contains("--at") && early.contains(&at_ms.to_string()), "{early}");
        }
        std::fs::write(&file, "").unwrap();
        assert!(explain(None).unwrap_err().to_string().contains("no event"));
    }
}
