//! Real records: what the program says to `examples/events.jsonl`, and what sales answers.

use serde_json::{Value, json};
use tsuikyaku::runtime::single::{Output, SingleRun};
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::scoring::model::Model;
use tsuikyaku::wire::decode::Decoder;
use tsuikyaku::wire::{output, topics};

const EVENTS: &str = include_str!("../../examples/events.jsonl");
const MODEL: &str = include_str!("../../deploy/models/b2b-saas.toml");

/// Examples by name: one of each type of decision, a snapshot, an outcome.
pub fn all() -> Vec<(&'static str, Value)> {
    let (decisions, snapshots) = run();
    let of = |name: &'static str| {
        let found = decisions.iter().find(|decision| decision["type"] == name && decision["lane"] == "instant");
        (name, found.cloned().unwrap_or_else(|| panic!("the events lead to no {name}")))
    };
    let snapshot = snapshots.last().cloned().expect("the events change a grade");
    let ready = of("ready");
    let outcome = outcome(&ready.1);
    vec![ready, of("escalated"), of("withdrawn"), ("score", snapshot), ("outcome", outcome)]
}

/// All decisions and snapshots, in order.
fn run() -> (Vec<Value>, Vec<Value>) {
    let model = Model::parse(MODEL, "b2b-saas.toml").expect("the model of the examples is right");
    let decoder = Decoder::default();
    let (mut single, mut outputs) = (SingleRun::new(&model), Vec::new());
    for line in EVENTS.lines() {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        let kind = topics::kind_of_default_topic(line["topic"].as_str().unwrap_or_default()).expect("an input topic");
        let event = decoder.decode_json(kind, &line["value"]).expect("an event");
        single.apply(&event, line["appended_at"].as_i64().expect("a time"), &mut outputs);
    }
    let (mut decisions, mut snapshots) = (Vec::new(), Vec::new());
    for output in outputs {
        match output {
            Output::Decision(decision) => decisions.push(output::json(&*decision)),
            Output::Snapshot(snapshot) => snapshots.push(output::json(&*snapshot)),
            Output::Dead(dead) => panic!("{dead:?}"),
        }
    }
    (decisions, snapshots)
}

/// The answer to a READY two minutes later, with no more than is needed.
fn outcome(ready: &Value) -> Value {
    let decision_id = ready["decision_id"].as_str().expect("every decision has an id");
    let outcome = json!({
        "event_id": format!("{decision_id}:accepted"),
        "lead_id": ready["lead_id"],
        "occurred_at": ready["as_of"].as_i64().expect("every decision has a time") + 120_000,
        "source": "crm",
        "kind": "accepted",
        "decision_id": decision_id,
        "owner_id": ready["owner_id"],
    });
    Decoder::default().decode_json(InputKind::Outcome, &outcome).expect("an outcome that the program takes");
    outcome
}
