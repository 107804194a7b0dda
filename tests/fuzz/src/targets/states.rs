//! Bytes of a lead's state, as disk, changelog and merge messages hold them, and what the model does with such a lead.
//!
//! Numbers may be written longer than they need, so bytes need not come back: what is read, written and read again must
//! be the same, and written twice the same bytes.

use std::sync::LazyLock;

use apache_avro::Schema;
use tsuikyaku::scoring::event::{Body, Event, Web, WebKind};
use tsuikyaku::scoring::facts::Facts;
use tsuikyaku::scoring::lead::{At, Effects, Lead};
use tsuikyaku::scoring::message::{Ids, Link, Merged, Message};
use tsuikyaku::scoring::model::Model;
use tsuikyaku::wire::avro::Header;
use tsuikyaku::wire::{state, view};

use super::choice;
use super::files::DEFAULT_MODEL;
use crate::memory::Bound;

/// What the model's limits let a state claim at most: nothing is reserved for more.
const MEMORY: Bound = Bound { fixed: 65_536, per_byte: 64 };
const NOW_MS: i64 = 1_775_000_000_000;
const SCHEMA: &str = include_str!("../../../../schemas/lead-state.avsc");

static HEADER: LazyLock<Header> =
    LazyLock::new(|| Header::of(&Schema::parse_str(SCHEMA).expect("the embedded schema")));
pub static MODEL: LazyLock<Model> = LazyLock::new(|| Model::parse(DEFAULT_MODEL, "default").expect("it is sound"));

pub fn state(input: &[u8]) {
    let Some((way, rest)) = choice(input, 3) else { return };
    let bytes = if way == 2 { rest.to_vec() } else { [HEADER.as_bytes(), rest].concat() };
    let Ok(lead) = MEMORY.hold(bytes.len(), || state::decode(&bytes)) else { return };
    assert_eq!(state::timer_ms(&bytes), Ok(lead.timer_ms));
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    state::encode(&lead, &mut once);
    let again = state::decode(&once).expect("what we write we read");
    assert_eq!(again, lead);
    state::encode(&again, &mut twice);
    assert_eq!(twice, once);
    if way == 0 {
        lives_on(lead);
    }
}

/// Looked at, taken over by another, and then whatever happens to a lead: nothing of it may panic.
fn lives_on(mut lead: Lead) {
    view::json(&lead.view(&MODEL, "L1", NOW_MS));
    let mut facts = Facts::default();
    facts.merge(&lead.facts);
    assert_eq!(facts, lead.facts, "a merge into nothing changes nothing");
    let mut out = Effects::default();
    let at = At { clock_ms: NOW_MS, appended_at_ms: NOW_MS, hops: 0 };
    lead.fire(&MODEL, "L1", NOW_MS, &mut out);
    lead.apply(&MODEL, "L1", &visit(), at, &mut out);
    let link = Link { from: "anon:1".into(), to: "L1".into(), aliases: Ids::new(), event_id: "e2".into() };
    let merged = Box::new(Merged { facts, ..Merged::default() });
    lead.receive(&MODEL, "L1", &Message::Merge { link: link.clone(), merged }, at, &mut out);
    lead.receive(&MODEL, "L1", &Message::LinkGrant { link, by: "L2".into() }, at, &mut out);
    let mut bytes = Vec::new();
    state::encode(&lead, &mut bytes);
    assert_eq!(state::decode(&bytes), Ok(lead));
}

fn visit() -> Event<'static> {
    Event {
        event_id: "e1".into(),
        lead_id: "L1".into(),
        occurred_at_ms: NOW_MS,
        account_id: None,
        topic: None,
        machine: false,
        body: Body::Web(Web { kind: WebKind::PageView, ..Web::default() }),
    }
}
