//! The contract with the tools around us: what `docs/` says of the topics is what the schemas and the program say.
//!
//! JSON Schemas, the AsyncAPI document, the examples and the tables of `docs/outreach.md` are made from
//! `schemas/*.avsc` and from a real run; whoever changes a schema runs `UPDATE=1 cargo test --test contract`.

mod asyncapi;
mod avro;
mod example;
mod json_schema;
mod outreach;

use std::path::{Path, PathBuf};

use serde_json::Value;
use tsuikyaku::scoring::decision::{DecisionType, Reason};
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::scoring::lanes::Lane;
use tsuikyaku::wire;

/// A topic whose records are public.
struct Topic {
    /// By default; the configuration may name it otherwise.
    name: &'static str,
    /// Of the file in `schemas/`, without `.avsc`.
    schema_name: &'static str,
    schema: Value,
    /// We write it; else we read it.
    is_output: bool,
}

fn topics() -> Vec<Topic> {
    let parse = |text: &str| serde_json::from_str(text).expect("schemas are JSON");
    let input = |kind: InputKind| Topic {
        name: wire::topics::default_topic(kind),
        schema_name: wire::topics::default_topic(kind).rsplit('.').next().unwrap_or_default(),
        schema: parse(wire::decode::schema_text(kind)),
        is_output: false,
    };
    let output = |name, schema_name, text| Topic { name, schema_name, schema: parse(text), is_output: true };
    let mut topics: Vec<Topic> = InputKind::ALL.into_iter().map(input).collect();
    topics.push(output("outreach.ready", "ready", wire::ready::SCHEMA));
    topics.push(output("lead.score", "score", wire::score::SCHEMA));
    topics
}

/// The contract of inside-sales tools is told in full; of the others the schema.
const TOLD_IN_FULL: [&str; 3] = ["ready", "score", "outcome"];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_default()
}

/// Every file that is made, as it must be.
fn files() -> Vec<(String, String)> {
    let topics = topics();
    let examples = example::all();
    let mut files = vec![("docs/asyncapi.yaml".to_owned(), asyncapi::document(&topics))];
    for topic in &topics {
        files.push((format!("docs/schemas/{}.json", topic.schema_name), pretty(&json_schema::of(topic))));
    }
    for (name, value) in &examples {
        files.push((format!("docs/examples/{name}.json"), pretty(value)));
    }
    let told = topics.iter().filter(|topic| TOLD_IN_FULL.contains(&topic.schema_name));
    files.push(("docs/outreach.md".into(), outreach::document(&read("docs/outreach.md"), told, &examples)));
    files
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[test]
fn documents_are_those_of_the_schemas() {
    let mut stale = Vec::new();
    for (name, expected) in files() {
        if read(&name) == expected {
            continue;
        }
        if std::env::var_os("UPDATE").is_some() {
            let file = path(&name);
            std::fs::create_dir_all(file.parent().expect("it is in a directory")).expect("we may write here");
            std::fs::write(file, expected).expect("we may write here");
        } else {
            stale.push(name);
        }
    }
    assert!(
        stale.is_empty(),
        "not as the schemas and the program have it: {stale:?}; UPDATE=1 cargo test --test contract"
    );
}

#[test]
fn every_field_says_what_it_means() {
    let mut silent = Vec::new();
    for topic in topics().iter().filter(|topic| TOLD_IN_FULL.contains(&topic.schema_name)) {
        let fields = avro::fields(&topic.schema).into_iter().filter(|field| field.doc.is_empty());
        silent.extend(fields.map(|field| format!("schemas/{}.avsc: {}", topic.schema_name, field.path)));
    }
    assert!(silent.is_empty(), "fields without `doc`: {silent:#?}");
}

#[test]
fn every_type_lane_and_reason_is_told() {
    let text = read("docs/outreach.md");
    let types = DecisionType::ALL.map(DecisionType::as_str);
    let words = types.into_iter().chain(Lane::ALL.map(Lane::as_str)).chain(Reason::ALL.map(Reason::as_str));
    let outcomes = wire::decode::symbols(InputKind::Outcome, "kind").iter().map(String::as_str);
    let missing: Vec<&str> = words.chain(outcomes).filter(|word| !text.contains(&format!("| `{word}` |"))).collect();
    assert!(missing.is_empty(), "docs/outreach.md has no row for {missing:?}");
}
