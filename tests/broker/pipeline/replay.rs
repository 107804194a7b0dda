//! The command `replay` on topics that a processor has worked on.

use std::fs;
use std::path::Path;
use std::process::Command;

use kit::broker::shared;
use rdkafka::consumer::Consumer;
use serde_json::Value;

use super::{Pipeline, REQUEST, Setup, pipeline};

const MODEL: &str = include_str!("../../../deploy/models/b2b-saas.toml");

/// Ends of every partition of every topic, and the group's positions.
fn ends(pipeline: &Pipeline<'_>) -> (Vec<(String, i64)>, i64) {
    let names = pipeline.names();
    let client = pipeline.group_client();
    let topics = names.inputs.iter().chain([&names.ready, &names.score, &names.state, &names.dead_letter]);
    let ends = topics.flat_map(|topic| {
        let end = |partition| client.fetch_watermarks(topic, partition, REQUEST).expect("the broker answers").1;
        (0..pipeline.count_of(topic) as i32).map(|partition| (topic.clone(), end(partition))).collect::<Vec<_>>()
    });
    (ends.collect(), pipeline.lag())
}

fn replay(config: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsuikyaku"));
    let output = command.arg("replay").arg("--config").arg(config).args(arguments).output().expect("it runs");
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{told}\n{errors}", output.status);
    told.into_owned()
}

fn report(config: &Path, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--format", "json"]].concat();
    serde_json::from_str(&replay(config, &arguments)).expect("a JSON object")
}

fn beside(pipeline: &Pipeline<'_>) -> String {
    format!("beside.{}", pipeline.names().ready)
}

fn values(pipeline: &Pipeline<'_>, topic: &str) -> Vec<(i32, Option<Vec<u8>>)> {
    let mut values: Vec<_> = pipeline.read(topic).into_iter().map(|record| (record.partition, record.value)).collect();
    values.sort();
    values
}

fn count(list: &Value) -> usize {
    list.as_array().expect("a list").len()
}

#[test]
fn what_was_sent_comes_out_again_another_model_differs_and_nothing_is_written() {
    let pipeline = pipeline(shared(), "replay", 4, &Setup::default());
    pipeline.append_traffic(4_000);
    let mut instance = pipeline.start("a");
    pipeline.append_traffic(2_000);
    pipeline.wait_processed(&mut [&mut instance]);
    instance.stop();
    let sent_count = pipeline.read(&pipeline.names().ready).len();
    assert!(sent_count > 20, "traffic that decides nothing shows nothing: {sent_count}");
    let before = ends(&pipeline);
    let dir = pipeline.dir();
    let (config, _) = pipeline.configure("replay", &pipeline.state_dir("none"));

    let same = report(&config, &["--to-prefix", "beside."]);
    let (sent, beside) = (values(&pipeline, &pipeline.names().ready), values(&pipeline, &beside(&pipeline)));
    assert_eq!(sent, beside, "the same bytes, in a topic beside the real one");
    assert_eq!(same["against_sent"]["exact"], true, "{same:#}");
    assert_eq!(same["against_sent"]["same"], sent_count, "{same:#}");
    assert_eq!((&same["order"]["by"], &same["against_model"]), (&"manifests".into(), &Value::Null));
    assert!(same["range"]["records"].as_u64() >= Some(6_000), "{same:#}");

    let (new, out) = (dir.join("new.toml"), dir.join("decisions.jsonl"));
    let text = MODEL.replace("version = \"1\"", "version = \"2\"").replace("points = 4,", "points = 12,");
    fs::write(&new, text).expect("the directory is ours");
    let (new, out) = (new.to_str().expect("text"), out.to_str().expect("text"));
    let other = report(&config, &["--model", new, "--out", out]);
    assert_eq!((&other["against_sent"]["exact"], &other["new"]["version"]), (&true.into(), &"2".into()));
    let differences = &other["against_model"];
    assert!(count(&differences["gained"]) > 0, "{differences:#}");
    let gained = &differences["gained"][0];
    assert!(["lead_id", "lane", "decision_id"].iter().all(|name| gained[name].is_string()), "{gained:#}");
    assert!(other["scores"]["mean"].as_f64() > Some(0.0), "{:#}", other["scores"]);
    let written = fs::read_to_string(out).expect("decisions");
    assert_eq!(Some(written.lines().count() as u64), other["new"]["decisions"].as_u64());
    assert!(written.lines().all(|line| line.contains("\"model_version\":\"2\"")), "the decisions of the new model");

    let canonical = report(&config, &["--without-manifests"]);
    assert_eq!((&canonical["order"]["by"], &canonical["order"]["transactions"]), (&"canonical".into(), &0.into()));
    assert_eq!(canonical["range"]["records"], same["range"]["records"]);
    let part = replay(&config, &["--since", "59d", "--until", "58d", "--list-max", "1"]);
    assert!(part.contains("EMPTY at the beginning") && part.contains("--list-max"), "{part}");

    assert_eq!(ends(&pipeline), before, "nothing is written, and no position is moved");
    assert!(!pipeline.state_dir("none").exists(), "no state directory is touched");
}
