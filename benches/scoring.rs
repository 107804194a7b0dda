//! What one event costs the core: into Facts, out of them as a score, and as state bytes; and how large a lead is.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use tsuikyaku::scoring::event::{
    Body, Commerce, CommerceKind, Contact, ContactKind, Direction, Event, FormPurpose, Mail, MailKind, PageClass,
    Profile, ProfileKind, Sns, SnsKind, Web, WebKind,
};
use tsuikyaku::scoring::lead::{At, Effects, Lead};
use tsuikyaku::scoring::meaning::Meaning;
use tsuikyaku::scoring::model::Model;
use tsuikyaku::wire::state;

const START_MS: i64 = 1_775_000_000_000;
const DAY_MS: i64 = 86_400_000;

/// Counts the bytes that are allocated, to weigh a lead.
struct Counting;

static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn model() -> Model {
    Model::parse(include_str!("../deploy/models/b2b-saas.toml"), "b2b-saas.toml").expect("the default model is sound")
}

fn event(id: String, occurred_at_ms: i64, body: Body<'static>) -> Event<'static> {
    let (lead_id, topic) = ("lead-1".into(), Some("crm".into()));
    Event { event_id: id.into(), lead_id, occurred_at_ms, account_id: None, topic, machine: false, body }
}

fn page(page_class: PageClass) -> Body<'static> {
    Body::Web(Web { kind: WebKind::PageView, page_class, ..Web::default() })
}

fn mail(kind: MailKind, message_id: String) -> Body<'static> {
    Body::Mail(Mail { kind, message_id: message_id.into(), ..Mail::default() })
}

/// Thirty events, five rules with points, three channels, within two months.
fn typical_bodies() -> Vec<Body<'static>> {
    let mut bodies = Vec::new();
    for week in 0..5 {
        bodies.push(page(PageClass::Home));
        bodies.push(page(PageClass::Pricing));
        bodies.push(mail(MailKind::Sent, format!("m{week}")));
        bodies.push(mail(MailKind::Clicked, format!("m{week}")));
        bodies.push(page(PageClass::Product));
        bodies.push(match week {
            1 | 3 => Body::Contact(Contact { kind: ContactKind::WebinarAttended, ..Contact::default() }),
            2 => Body::Web(Web { kind: WebKind::Download, ..Web::default() }),
            _ => page(PageClass::CaseStudy),
        });
    }
    bodies
}

fn typical_lead(model: &Model) -> Lead {
    let mut lead = Lead::default();
    for (number, body) in typical_bodies().into_iter().enumerate() {
        let at_ms = START_MS + number as i64 * 2 * DAY_MS + number as i64 * 1_234_567;
        let at = At { clock_ms: at_ms, appended_at_ms: at_ms, hops: 0 };
        lead.apply(model, "lead-1", &event(format!("e{number}"), at_ms, body), at, &mut Effects::default());
    }
    lead
}

fn kinds() -> Vec<(&'static str, Body<'static>)> {
    let form = Web { kind: WebKind::FormSubmit, form_purpose: FormPurpose::Inquiry, ..Web::default() };
    let comment = Sns { kind: SnsKind::Comment, direction: Direction::Inbound, ..Sns::default() };
    let attributes = [("company".into(), Some("Example".into())), ("employees".into(), Some("320".into()))];
    vec![
        ("page view, every", page(PageClass::Home)),
        ("page view, daily", page(PageClass::Pricing)),
        ("form, hand-raise", Body::Web(form)),
        ("mail sent, touch", mail(MailKind::Sent, "m9".to_owned())),
        ("mail clicked, answer", mail(MailKind::Clicked, "m9".to_owned())),
        ("mail opened, nothing", mail(MailKind::Opened, "m9".to_owned())),
        ("comment", Body::Sns(comment)),
        ("call, touch", Body::Contact(Contact { kind: ContactKind::CallAttempt, ..Contact::default() })),
        ("purchase", Body::Commerce(Commerce { kind: CommerceKind::Purchase, ..Commerce::default() })),
        (
            "attributes",
            Body::Profile(Profile {
                kind: ProfileKind::AttributesChanged,
                attributes: attributes.into(),
                ..Profile::default()
            }),
        ),
    ]
}

fn events(c: &mut Criterion) {
    let model = model();
    let lead = typical_lead(&model);
    let after_ms = START_MS + 62 * DAY_MS;
    let mut group = c.benchmark_group("apply and read");
    for (name, body) in kinds() {
        let mut facts = lead.facts.clone();
        let mut event = event("e31".to_owned(), after_ms, body);
        group.bench_function(name, |b| {
            b.iter(|| {
                event.occurred_at_ms += 1;
                let meaning = Meaning::of(&model, &event);
                facts.apply(&model, &event, &meaning);
                black_box(facts.read(&model, event.occurred_at_ms))
            });
        });
    }
    group.finish();
}

fn parts(c: &mut Criterion) {
    let model = model();
    let lead = typical_lead(&model);
    let at_ms = START_MS + 62 * DAY_MS;
    let view = event("e31".to_owned(), at_ms, page(PageClass::Home));
    let mut group = c.benchmark_group("typical lead");
    group.bench_function("meaning of an event", |b| b.iter(|| Meaning::of(&model, black_box(&view))));
    let mut facts = lead.facts.clone();
    let meaning = Meaning::of(&model, &view);
    group.bench_function("apply", |b| b.iter(|| facts.apply(&model, black_box(&view), &meaning)));
    group.bench_function("read", |b| b.iter(|| lead.facts.read(&model, black_box(at_ms))));
    group.bench_function("explain", |b| b.iter(|| lead.facts.explain(&model, black_box(at_ms))));
    let mut bytes = Vec::new();
    group.bench_function("encode", |b| {
        b.iter(|| {
            bytes.clear();
            state::encode(black_box(&lead), &mut bytes);
        });
    });
    group.bench_function("decode", |b| b.iter(|| state::decode(black_box(&bytes)).expect("it comes back")));
    group.finish();
}

/// Lanes, transitions and timers included: a lead over its thirty events.
fn whole(c: &mut Criterion) {
    let model = model();
    c.bench_function("a typical lead from its first event to its thirtieth", |b| {
        b.iter(|| black_box(typical_lead(&model)));
    });
}

/// Sizes are no times: they are printed once.
fn sizes(_: &mut Criterion) {
    let model = model();
    let lead = typical_lead(&model);
    let mut bytes = Vec::new();
    state::encode(&lead, &mut bytes);
    let before = LIVE_BYTES.load(Ordering::Relaxed);
    let copy = lead.clone();
    let heap = LIVE_BYTES.load(Ordering::Relaxed) - before;
    println!(
        "typical lead: {} bytes of state; {} bytes in memory, {heap} of them on the heap ({} rules, {} channels)",
        bytes.len(),
        heap + size_of_val(&copy),
        copy.facts.rules.len(),
        copy.facts.channels.len()
    );
}

criterion_group!(benches, sizes, parts, events, whole);
criterion_main!(benches);
