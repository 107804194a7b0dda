//! Files in, reports out.

use std::path::PathBuf;

use clap::Parser;
use serde_json::{Value, json};

use super::*;

const MODEL: &str = include_str!("../../../deploy/models/b2b-saas.toml");
const START_MS: i64 = 1_775_005_200_000;
const HOUR_MS: i64 = 3_600_000;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

struct Rig {
    dir: tempfile::TempDir,
}

impl Rig {
    /// Leads that fetch documents every few hours, and one that asks.
    fn new() -> Rig {
        let rig = Rig { dir: tempfile::tempdir().expect("a temporary directory") };
        let mut text = String::from("no record\n");
        for n in 0..40 {
            let at_ms = START_MS + n * HOUR_MS;
            let mut value = json!({"event_id": format!("e-{n}"), "lead_id": format!("lead-{}", n % 4),
                "occurred_at": at_ms, "kind": "download"});
            if n == 5 {
                value["kind"] = "form_submit".into();
                value["form_purpose"] = "inquiry".into();
            }
            text += &(json!({"topic": "engagement.web", "appended_at": at_ms, "value": value}).to_string() + "\n");
        }
        rig.write("events.jsonl", &text);
        rig.write("old.toml", MODEL);
        let new = MODEL.replace("version = \"1\"", "version = \"2\"").replace("points = 10,", "points = 1,");
        let hand_raise = "points = 30, marks = [\"contact\", \"hand_raise\"]";
        rig.write("new.toml", &new.replace(hand_raise, "points = 30, marks = [\"contact\"]"));
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the directory is ours");
    }

    /// Words that name files of the directory stand for their paths.
    fn args(&self, words: &str) -> Args {
        let word = |word: &str| match word.contains('.') {
            true => self.path(word).display().to_string(),
            false => word.to_owned(),
        };
        let words = words.split_whitespace().map(word);
        Command::try_parse_from(std::iter::once("replay".to_owned()).chain(words)).expect("arguments").args
    }

    fn report(&self, words: &str) -> Result<Report, Failure> {
        let args = self.args(words);
        file::run(args.file.as_deref().expect("a file"), &args)
    }
}

#[test]
fn the_same_model_differs_in_nothing() {
    let report = Rig::new().report("events.jsonl --model old.toml --against old.toml").expect("it runs");
    let (differences, shifts) = report.against_model.as_ref().expect("two models");
    assert!(differences.is_none() && differences.count.now > 0, "{differences:?}");
    assert_eq!(shifts.counts.iter().sum::<u64>(), shifts.counts[4]);
    let text = text::of(&report, 10);
    assert!(
        text.contains("the two models are the same") && text.contains("40 records, 4 leads, 1 dead letter"),
        "{text}"
    );
}

#[test]
fn another_model_is_told_in_text_json_and_decisions() {
    let rig = Rig::new();
    let report = rig.report("events.jsonl --model new.toml --against old.toml --out all.jsonl").expect("it runs");
    let (differences, shifts) = report.against_model.as_ref().expect("two models");
    assert!(!differences.lost.is_empty() && shifts.mean < -1.0, "{differences:?} {shifts:?}");
    let lost = &differences.lost[0];
    let text = text::of(&report, 1);
    for part in [&lost.lead_id, lost.lane.as_str(), &lost.decision_id.to_string(), "(b2b-saas 2)", "█", "--list-max 3"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let object = report.json();
    assert_eq!(object["against_model"]["lost"][0]["decision_id"], json!(lost.decision_id.to_string()));
    assert_eq!((&object["against_sent"], &object["new"]["version"]), (&Value::Null, &json!("2")));
    let written = std::fs::read_to_string(rig.path("all.jsonl")).expect("decisions");
    assert_eq!((written.lines().count() as u64, differences.count.now), (0, 0), "the new model decides nothing");
    let report = rig.report("events.jsonl --model old.toml --against new.toml --out all.jsonl").expect("it runs");
    let (differences, _) = report.against_model.as_ref().expect("two models");
    let written = std::fs::read_to_string(rig.path("all.jsonl")).expect("decisions");
    assert!(differences.lost.is_empty() && differences.gained.len() == written.lines().count(), "{differences:?}");
}

#[test]
fn parts_of_the_range_are_read_or_compared() {
    let rig = Rig::new();
    let half_ms = START_MS + 20 * HOUR_MS;
    let count = |words: &str| {
        let report = rig.report(&format!("events.jsonl --model old.toml --against old.toml {words}")).expect("it runs");
        let (differences, _) = report.against_model.as_ref().expect("two models");
        let is_empty_at_first = text::of(&report, 1).contains("EMPTY");
        (report.first().map_or(0, |replayed| replayed.record_count), differences.count.now, is_empty_at_first)
    };
    let (all, early, late) = (count(""), count(&format!("--until {half_ms}")), count(&format!("--since {half_ms}")));
    assert_eq!((all.0, early.0, late.0), (40, 21, 20));
    assert_eq!((all.2, early.2, late.2), (false, false, true));
    let compared = count(&format!("--compare-since {half_ms}"));
    assert!(compared.0 == 40 && compared.1 < all.1, "{all:?} {compared:?}");
}

#[test]
fn what_cannot_be_is_refused_with_its_fix() {
    let rig = Rig::new();
    rig.write("wrong.toml", "name = 7");
    rig.write("events.csv", "");
    let refused = [
        ("events.jsonl", "--model is missing"),
        ("none.jsonl --model old.toml", "none.jsonl: cannot be read"),
        ("events.csv --model old.toml", "tsuikyaku score"),
        ("events.jsonl --model none.toml", "--model: "),
        ("events.jsonl --model old.toml --against none.toml", "--against: "),
        ("events.jsonl --model wrong.toml", "wrong.toml"),
        ("events.jsonl --model old.toml --to-prefix trial", "--out FILE"),
        ("events.jsonl --model old.toml --out events.jsonl", "name another"),
        ("events.jsonl --model old.toml --out no.dir/x", "--out"),
    ];
    for (words, expected) in refused {
        let failure = rig.report(words).err().map(|failure| failure.to_string()).unwrap_or_default();
        assert!(failure.contains(expected), "{words}: {failure}");
    }
    let swapped = rig.args("events.jsonl --model old.toml --since 1d --until 2d");
    assert!(run(&swapped).is_err_and(|failure| failure.to_string().contains("--since")));
}
