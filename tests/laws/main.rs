//! The laws of the model that concern Facts and their reading, on random streams of events of every kind.
//!
//! `PROPTEST_CASES` multiplies the work; a failing case is printed small.

mod codec;
mod curves;
mod facts;
mod limits;
mod merges;
mod reading;
mod streams;
mod worst;

use std::sync::LazyLock;

use proptest::prelude::ProptestConfig;
use tsuikyaku::scoring::event::Event;
use tsuikyaku::scoring::facts::Facts;
use tsuikyaku::scoring::meaning::Meaning;
use tsuikyaku::scoring::model::Model;

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::parse(include_str!("../../deploy/models/b2b-saas.toml"), "b2b-saas.toml")
        .expect("the default model is sound")
});

/// So many cases, or as many times more as `PROPTEST_CASES` is above proptest's 256.
fn cases(count: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: count * (config.cases / 256).max(1), failure_persistence: None, ..config }
}

fn apply(facts: &mut Facts, event: &Event<'_>) {
    facts.apply(&MODEL, event, &Meaning::of(&MODEL, event));
}

fn facts_of<'e>(events: impl IntoIterator<Item = &'e Event<'static>>) -> Facts {
    let mut facts = Facts::default();
    events.into_iter().for_each(|event| apply(&mut facts, event));
    facts
}

fn newest_ms(events: &[Event<'_>]) -> i64 {
    events.iter().map(|event| event.occurred_at_ms).max().unwrap_or(streams::START_MS)
}
