//! What a lead costs: its state as bytes, its place in the cache, decoded while it is at work, and the time of an event.
//!
//! `cargo bench --bench memory -- [LEADS]`; resident memory is the kernel's account of the whole process, so that key,
//! table and the allocator's rounding are in it.

#[path = "../tests/laws/worst.rs"]
mod worst;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use tsuikyaku::runtime::leads::LeadTable;
use tsuikyaku::runtime::working::WorkingSet;
use tsuikyaku::scoring::event::{Body, Contact, ContactKind, Event, Mail, MailKind, PageClass, Web, WebKind};
use tsuikyaku::scoring::lead::{At, Effects, Lead};
use tsuikyaku::scoring::model::Model;
use tsuikyaku::wire::{keys, state};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const START_MS: i64 = 1_775_000_000_000;
const DAY_MS: i64 = 86_400_000;
/// Decoded leads, to weigh one; fewer of the worst.
const DECODED: usize = 20_000;
const WORST: usize = 1_000;
/// Times that a lead's course is run for the times of its events.
const COURSES: usize = 1_000;

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
        held.push((decoded(&bytes, DECODED), cached(&bytes, leads)));
    }
    let lead = worst::worst_lead(&model);
    let mut bytes = Vec::new();
    state::encode(&lead, &mut bytes);
    println!("the worst lead: {} bytes of state, {} seen events", bytes.len(), lead.seen.entries().len());
    held.push((decoded(&bytes, WORST), cached(&bytes, WORST)));
    drop(held);
    times(&model);
}

/// Time of one event with all lanes, from Facts to the next timer: a lead's thirty events over and over, the median of
/// each, by kind. Of a build with debug assertions, which read every lead twice, it says nothing.
fn times(model: &Model) {
    let mut by_event: BTreeMap<i64, Vec<u128>> = BTreeMap::new();
    for _ in 0..COURSES {
        let mut lead = Lead::default();
        for number in 0..30 {
            let event = event_of(number);
            let at = At { clock_ms: event.occurred_at_ms, appended_at_ms: event.occurred_at_ms, hops: 0 };
            let mut effects = Effects::default();
            let begun = Instant::now();
            black_box(lead.apply(model, "lead-1", black_box(&event), at, &mut effects));
            by_event.entry(number).or_default().push(begun.elapsed().as_nanos());
        }
    }
    let mut by_kind: BTreeMap<String, (u128, u128)> = BTreeMap::new();
    for (number, times) in &mut by_event {
        times.sort_unstable();
        let (sum, count) = by_kind.entry(kind(&event_of(*number))).or_default();
        (*sum, *count) = (*sum + times[COURSES / 2], *count + 1);
    }
    println!("one event of a lead's first thirty, with all lanes and what they send:");
    let all = by_kind.values().fold((0, 0), |all, kind| (all.0 + kind.0, all.1 + kind.1));
    let kinds = by_kind.iter().map(|(kind, times)| (kind.as_str(), *times));
    for (kind, (sum, count)) in kinds.chain([("average", all)]) {
        println!("  {kind}: {} ns", sum / count);
    }
}

fn kind(event: &Event<'_>) -> String {
    match &event.body {
        Body::Web(web) => format!("web.{} {}", web.kind.as_str(), web.page_class.as_str()),
        Body::Mail(mail) => format!("mail.{}", mail.kind.as_str()),
        Body::Contact(contact) => format!("contact.{}", contact.kind.as_str()),
        body => format!("{body:?}"),
    }
}

/// As many leads as are asked for, decoded; beside the table, which has them as bytes.
fn decoded(bytes: &[u8], leads: usize) -> (LeadTable, WorkingSet) {
    let (mut table, mut working) = (filled(bytes, 0..leads), WorkingSet::default());
    let before = resident_bytes();
    for number in 0..leads {
        let id = id(number);
        let at = table.find(keys::lead_hash(&id), &id).expect("it was just added");
        working.bring(&mut table, at, u32::MAX).expect("it comes back");
    }
    println!("  decoded: {} bytes resident, {} of them inline", (resident_bytes() - before) / leads, size_of::<Lead>());
    (table, working)
}

/// Filled as an engine fills it: every state comes in from a commit, and a part of them changes again.
fn cached(bytes: &[u8], leads: usize) -> LeadTable {
    let before = resident_bytes();
    let table = filled(bytes, (0..leads).chain((0..leads).step_by(3)));
    let resident = (resident_bytes() - before) / leads;
    println!("  in the table, {leads} leads: {resident} bytes resident, {} by its own account", table.bytes() / leads);
    table
}

fn filled(bytes: &[u8], numbers: impl Iterator<Item = usize>) -> LeadTable {
    let mut table = LeadTable::default();
    for number in numbers {
        let id = id(number);
        let hash = keys::lead_hash(&id);
        let at = table.find(hash, &id).unwrap_or_else(|| table.add(hash, id));
        table.committed(at, Some(bytes), Some(START_MS));
    }
    table.persisted();
    table
}

fn id(number: usize) -> Arc<str> {
    format!("lead-{number:09}").into()
}

/// Five rules with points, three channels, within two months where there are thirty events.
fn lead_of(model: &Model, events: i64) -> Lead {
    let mut lead = Lead::default();
    for number in 0..events {
        let event = event_of(number);
        let at = At { clock_ms: event.occurred_at_ms, appended_at_ms: event.occurred_at_ms, hops: 0 };
        lead.apply(model, "lead-1", &event, at, &mut Effects::default());
    }
    lead
}

fn event_of(number: i64) -> Event<'static> {
    Event {
        event_id: format!("e{number}").into(),
        lead_id: "lead-1".into(),
        occurred_at_ms: START_MS + number * (2 * DAY_MS + 1_234_567),
        account_id: None,
        topic: Some("crm".into()),
        machine: false,
        body: body(number),
    }
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
