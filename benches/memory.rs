//! What a lead costs in memory: its state as bytes, its place in the cache, and decoded while it is at work.
//!
//! `cargo bench --bench memory -- [LEADS]`; resident memory is the kernel's account of the whole process, so that key,
//! table and the allocator's rounding are in it.

use std::sync::Arc;

use tsuikyaku::runtime::cache::{LeadCache, StateBytes};
use tsuikyaku::runtime::working::WorkingSet;
use tsuikyaku::scoring::event::{Body, Contact, ContactKind, Event, Mail, MailKind, PageClass, Web, WebKind};
use tsuikyaku::scoring::lead::{At, Effects, Lead};
use tsuikyaku::scoring::model::Model;
use tsuikyaku::wire::{keys, state};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START_MS: i64 = 1_775_000_000_000;
const DAY_MS: i64 = 86_400_000;
/// Decoded leads, to weigh one.
const DECODED: usize = 20_000;

fn main() {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let leads: usize = asked.unwrap_or(300_000);
    let text = include_str!("../deploy/models/b2b-saas.toml");
    let model = Model::parse(text, "b2b-saas.toml").expect("the default model is sound");
    let mut held = Vec::new(); // freed memory would be given out again, and not count
    for events in [3, 30] {
        let mut bytes = Vec::new();
        state::encode(&lead_of(&model, events), &mut bytes);
        println!("a lead of {events} events: {} bytes of state", bytes.len());
        held.push((decoded(&bytes), cached(&bytes, leads)));
    }
}

fn decoded(bytes: &[u8]) -> WorkingSet {
    let mut working = WorkingSet::default();
    let before = resident_bytes();
    for number in 0..DECODED {
        let id = id(number);
        working.add(keys::lead_hash(&id), id, state::decode(bytes).expect("it comes back"));
    }
    println!(
        "  decoded: {} bytes resident, {} of them inline",
        (resident_bytes() - before) / DECODED,
        size_of::<Lead>()
    );
    working
}

/// Filled as an engine fills it: every state comes in from a commit, and a part of them changes again.
fn cached(bytes: &[u8], leads: usize) -> LeadCache {
    let before = resident_bytes();
    let mut cache = LeadCache::default();
    for number in (0..leads).chain((0..leads).step_by(3)) {
        let id = id(number);
        cache.put(keys::lead_hash(&id), &id, Some(StateBytes::from(bytes)), Some(START_MS));
    }
    cache.persisted();
    let resident = (resident_bytes() - before) / leads;
    println!("  in the cache, {leads} leads: {resident} bytes resident, {} by its own account", cache.bytes() / leads);
    cache
}

fn id(number: usize) -> Arc<str> {
    format!("lead-{number:09}").into()
}

/// Five rules with points, three channels, within two months where there are thirty events.
fn lead_of(model: &Model, events: i64) -> Lead {
    let mut lead = Lead::default();
    for number in 0..events {
        let at_ms = START_MS + number * (2 * DAY_MS + 1_234_567);
        let event = Event {
            event_id: format!("e{number}").into(),
            lead_id: "lead-1".into(),
            occurred_at_ms: at_ms,
            account_id: None,
            topic: Some("crm".into()),
            machine: false,
            body: body(number),
        };
        let at = At { clock_ms: at_ms, appended_at_ms: at_ms, hops: 0 };
        lead.apply(model, "lead-1", &event, at, &mut Effects::default());
    }
    lead
}

fn body(number: i64) -> Body<'static> {
    let page = |page_class| Body::Web(Web { kind: WebKind::PageView, page_class, ..Web::default() });
    let week = number / 6;
    let mail = |kind| Body::Mail(Mail { kind, message_id: format!("m{week}").into(), ..Mail::default() });
    match number % 6 {
        0 => page(PageClass::Home),
        1 => page(PageClass::Pricing),
        2 => mail(MailKind::Sent),
        3 => mail(MailKind::Clicked),
        4 => page(PageClass::Product),
        _ if week % 2 == 1 => Body::Contact(Contact { kind: ContactKind::WebinarAttended, ..Contact::default() }),
        _ if week == 2 => Body::Web(Web { kind: WebKind::Download, ..Web::default() }),
        _ => page(PageClass::CaseStudy),
    }
}

/// Memory of this process that is in RAM, by the kernel.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a count of pages") * 4096
}
