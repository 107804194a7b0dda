//! What the core costs, in counts that no neighbour on the machine can change: instructions and allocations an event.
//!
//! `cargo bench --bench core` runs every case twice, as it is and under valgrind, which counts; without valgrind the
//! instructions read 0. `cargo bench --bench core -- traffic` runs one case. `-- --guard` fails where a case takes more
//! than 5 % more instructions than `benches/core.baseline` says, `-- --accept` writes that file.

use std::alloc::{GlobalAlloc, Layout};
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tikv_jemallocator::Jemalloc;
use tsuikyaku::runtime::leads::LeadTable;
use tsuikyaku::runtime::working::WorkingSet;
use tsuikyaku::scoring::event::{
    Body, Commerce, CommerceKind, Contact, ContactKind, Direction, Event, FormPurpose, Mail, MailKind, PageClass,
    Profile, ProfileKind, Sns, SnsKind, Web, WebKind,
};
use tsuikyaku::scoring::lead::{At, Effects, Lead};
use tsuikyaku::scoring::model::Model;
use tsuikyaku::traffic::{Generated, Settings, Traffic};
use tsuikyaku::wire::decode::{Decoder, Format};
use tsuikyaku::wire::{keys, state};

const START_MS: i64 = 1_775_000_000_000;
const DAY_MS: i64 = 86_400_000;
/// How often one event is applied.
const REPEATS: usize = 500;
/// The traffic case: leads, events before the count begins, events counted, events a transaction.
const LEADS: u64 = 1_000_000;
const WARM_UP_EVENTS: usize = 200_000;
const RECORDS_PER_DAY: f64 = 35_000.0;
const DECODED_RECORDS: usize = 5_000;
const COUNTED_EVENTS: usize = 100_000;
const TRANSACTION_EVENTS: usize = 500;
/// ... and leads that stay decoded at most.
const BUSY_MAX: u32 = 8_192;

/// The program's allocator, counted.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { Jemalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { Jemalloc.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { Jemalloc.realloc(at, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Instructions of each case when the last change was accepted: one case a line, a tab, the count.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/core.baseline");
/// How much worse than the baseline a case may be: below the difference that another compiler makes.
const WORSE_MAX: f64 = 0.05;

fn main() -> ExitCode {
    let (flags, asked): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let has = |flag: &str| flags.iter().any(|found| found == flag);
    if let [case] = &asked[..] {
        run(case);
        return ExitCode::SUCCESS;
    }
    let counts = all();
    match (has("--guard"), has("--accept")) {
        (_, true) => accept(&counts),
        (true, false) => return guard(&counts),
        (false, false) => {}
    }
    ExitCode::SUCCESS
}

fn accept(counts: &[(&str, f64)]) {
    let lines: String = counts.iter().map(|(case, instructions)| format!("{case}\t{instructions:.0}\n")).collect();
    std::fs::write(BASELINE, lines).expect("the repository can be written");
}

/// Names every case that got worse, and how to accept it.
fn guard(counts: &[(&str, f64)]) -> ExitCode {
    let baseline = std::fs::read_to_string(BASELINE).unwrap_or_default();
    let known = |case: &str| {
        let line = baseline.lines().find_map(|line| line.split_once('\t').filter(|(name, _)| *name == case));
        line.and_then(|(_, count)| count.parse::<f64>().ok())
    };
    let mut wrong = 0;
    for (case, instructions) in counts {
        let problem = match known(case) {
            _ if *instructions == 0.0 => "nothing was counted; valgrind is missing".to_owned(),
            None => "not in benches/core.baseline".to_owned(),
            Some(before) if *instructions > before * (1.0 + WORSE_MAX) => {
                let percent = 100.0 * (instructions / before - 1.0);
                format!("{instructions:.0} instructions, {percent:.1} % more than the {before:.0} that were accepted")
            }
            Some(_) => continue,
        };
        eprintln!("{case}: {problem}");
        wrong += 1;
    }
    if wrong == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "{wrong} cases are worse: make them better, or accept them with `make guard ACCEPT=1` and say why in the commit"
    );
    ExitCode::FAILURE
}

/// Prints every case; gives its instructions.
fn all() -> Vec<(&'static str, f64)> {
    let mut found = Vec::new();
    let mut bytes = Vec::new();
    state::encode(&typical_lead(&model()), &mut bytes);
    println!("typical lead: {} bytes of state, {} bytes inline in memory", bytes.len(), size_of::<Lead>());
    println!("{:<24}{:>14}{:>14}{:>10}", "an event, or a lead", "instructions", "allocations", "ns");
    let kinds = kinds().into_iter().map(|(name, _)| name);
    for case in ["traffic", "record to event", "state to bytes", "state from bytes"].into_iter().chain(kinds) {
        let plain = child(Command::new(this()), case);
        let counted = child(Command::new("valgrind").args(VALGRIND).arg(this()), case);
        let number = |text: &str, name: &str| after(text, name).unwrap_or(0.0);
        let count = number(&plain, "count ");
        let instructions = number(&counted, "Collected : ") / count;
        let (allocations, ns) = (number(&plain, "allocations: ") / count, number(&plain, "time: ") / count);
        println!("{case:<24}{instructions:>14.0}{allocations:>14.1}{ns:>10.0}");
        found.push((case, instructions));
    }
    found
}

const VALGRIND: [&str; 3] =
    ["--tool=callgrind", "--toggle-collect=tsuikyaku_bench_measured", "--callgrind-out-file=/dev/null"];

fn this() -> std::path::PathBuf {
    std::env::current_exe().expect("a running program has a path")
}

/// What a run of one case says; nothing where it cannot run.
fn child(mut command: impl std::borrow::BorrowMut<Command>, case: &str) -> String {
    let Ok(output) = command.borrow_mut().arg(case).output() else { return String::new() };
    [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

/// The number behind a word.
fn after(text: &str, word: &str) -> Option<f64> {
    text.split_once(word)?.1.split([' ', ',', '\n']).next()?.parse().ok()
}

/// What valgrind counts: nothing outside of this.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn tsuikyaku_bench_measured(work: &mut &mut dyn FnMut()) {
    work();
}

fn measure(count: usize, mut work: impl FnMut()) {
    let (allocations, since) = (ALLOCATIONS.load(Ordering::Relaxed), Instant::now());
    tsuikyaku_bench_measured(&mut (&mut work as &mut dyn FnMut()));
    let (ns, allocations) = (since.elapsed().as_nanos(), ALLOCATIONS.load(Ordering::Relaxed) - allocations);
    println!("count {count}, allocations: {allocations}, time: {ns} ns");
}

fn run(case: &str) {
    let model = model();
    let lead = typical_lead(&model);
    let mut bytes = Vec::with_capacity(4096);
    state::encode(&lead, &mut bytes);
    assert!(state::decode(&bytes).is_ok(), "what is prepared once, is");
    match case {
        "traffic" => traffic(&model),
        "record to event" => records(),
        "state to bytes" => {
            measure(REPEATS, || {
                for _ in 0..REPEATS {
                    bytes.clear();
                    state::encode(black_box(&lead), &mut bytes);
                }
            });
        }
        "state from bytes" => {
            measure(REPEATS, || {
                for _ in 0..REPEATS {
                    black_box(state::decode(black_box(&bytes))).expect("it comes back");
                }
            });
        }
        kind => {
            let body = kinds().into_iter().find(|(name, _)| *name == kind).expect("a case that `all` names").1;
            apply(&model, lead, body);
        }
    }
}

/// The same kind of event again and again, a minute apart, on a typical lead: lanes and timers included.
fn apply(model: &Model, mut lead: Lead, body: Body<'static>) {
    let first_ms = START_MS + 62 * DAY_MS;
    let event = |number: usize| event(format!("e{number}"), first_ms + number as i64 * 60_000, body.clone());
    let events: Vec<_> = (100..100 + REPEATS).map(event).collect();
    let mut effects = Effects::default();
    measure(REPEATS, || {
        for event in &events {
            let at = At { clock_ms: event.occurred_at_ms, appended_at_ms: event.occurred_at_ms, hops: 0 };
            lead.apply(model, "lead-1", event, at, &mut effects);
            effects.clear();
        }
    });
}

/// What a task does with its records, without log and store: decode, find, apply, fire, encode, keep.
fn traffic(model: &Model) {
    let settings = Settings { records_per_day: RECORDS_PER_DAY, ..Settings::new(1, LEADS, START_MS) };
    let records: Vec<Generated> = Traffic::new(&settings).take(WARM_UP_EVENTS + COUNTED_EVENTS).collect();
    let (warm_up, counted) = records.split_at(WARM_UP_EVENTS);
    let mut task = Task::new(model);
    warm_up.chunks(TRANSACTION_EVENTS).for_each(|records| task.transaction(records));
    (task.touched_count, task.timer_count, task.decision_count) = (0, 0, 0);
    measure(COUNTED_EVENTS, || counted.chunks(TRANSACTION_EVENTS).for_each(|records| task.transaction(records)));
    let Task { touched_count, timer_count, decision_count, .. } = task;
    println!("leads touched {touched_count} timers fired {timer_count} decisions {decision_count}");
}

/// Records of the same mix, decoded alone.
fn records() {
    let settings = Settings { records_per_day: RECORDS_PER_DAY, ..Settings::new(1, LEADS, START_MS) };
    let records: Vec<Generated> = Traffic::new(&settings).take(DECODED_RECORDS).collect();
    let decoder = Decoder::default();
    measure(DECODED_RECORDS, || {
        for record in &records {
            let event = decoder.decode(Format::Avro, record.kind, Some(&record.value));
            black_box(event.is_ok());
        }
    });
}

struct Task<'m> {
    model: &'m Model,
    decoder: Decoder,
    leads: LeadTable,
    working: WorkingSet,
    /// Negated due times, so that the earliest is on top, and leads.
    timers: BinaryHeap<(i64, Arc<str>)>,
    effects: Effects,
    touched_count: usize,
    timer_count: usize,
    decision_count: usize,
}

impl<'m> Task<'m> {
    fn new(model: &'m Model) -> Task<'m> {
        Task {
            model,
            decoder: Decoder::default(),
            leads: LeadTable::default(),
            working: WorkingSet::default(),
            timers: BinaryHeap::new(),
            effects: Effects::default(),
            touched_count: 0,
            timer_count: 0,
            decision_count: 0,
        }
    }

    fn transaction(&mut self, records: &[Generated]) {
        for record in records {
            self.fire_until(record.appended_at_ms);
            let event = self.decoder.decode(Format::Avro, record.kind, Some(&record.value));
            let Ok(event) = event else { continue };
            let at = self.find(&event.lead_id);
            let worked = self.working.get_mut(at);
            let moment = At { clock_ms: record.appended_at_ms, appended_at_ms: record.appended_at_ms, hops: 0 };
            let applied = worked.lead.apply(self.model, &worked.id, &event, moment, &mut self.effects);
            worked.changed |= applied.changed();
            self.retime(at);
        }
        self.commit();
    }

    fn fire_until(&mut self, until_ms: i64) {
        while self.timers.peek().is_some_and(|(negated, _)| -negated <= until_ms) {
            let Some((negated, id)) = self.timers.pop() else { break };
            let at = self.find(&id);
            let worked = self.working.get_mut(at);
            if worked.lead.timer_ms() == Some(-negated) {
                worked.lead.fire(self.model, &id, -negated, &mut self.effects);
                worked.changed = true;
                self.timer_count += 1;
                self.retime(at);
            }
        }
    }

    fn find(&mut self, id: &str) -> usize {
        let hash = keys::lead_hash(id);
        let at = self.leads.find(hash, id).unwrap_or_else(|| self.leads.add(hash, id.into()));
        self.working.bring(&mut self.leads, at, BUSY_MAX).expect("it comes back")
    }

    fn retime(&mut self, at: usize) {
        let worked = self.working.get_mut(at);
        if worked.timer_ms != worked.lead.timer_ms() {
            worked.timer_ms = worked.lead.timer_ms();
            self.timers.extend(worked.timer_ms.map(|due_ms| (-due_ms, worked.id.clone())));
        }
    }

    fn commit(&mut self) {
        self.touched_count += self.working.len();
        self.decision_count += self.effects.decisions.len();
        self.working.settle(&mut self.leads);
        self.working.encode();
        self.working.committed(&mut self.leads, BUSY_MAX);
        self.leads.persisted();
        self.effects.clear();
    }
}

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
fn typical_lead(model: &Model) -> Lead {
    let mut lead = Lead::default();
    for number in 0..30 {
        let week = number / 6;
        let body = match number % 6 {
            0 => page(PageClass::Home),
            1 => page(PageClass::Pricing),
            2 => mail(MailKind::Sent, format!("m{week}")),
            3 => mail(MailKind::Clicked, format!("m{week}")),
            5 if week % 2 == 1 => Body::Contact(Contact { kind: ContactKind::WebinarAttended, ..Contact::default() }),
            5 if week == 2 => Body::Web(Web { kind: WebKind::Download, ..Web::default() }),
            4 => page(PageClass::Product),
            _ => page(PageClass::CaseStudy),
        };
        let at_ms = START_MS + number * (2 * DAY_MS + 1_234_567);
        let at = At { clock_ms: at_ms, appended_at_ms: at_ms, hops: 0 };
        lead.apply(model, "lead-1", &event(format!("e{number}"), at_ms, body), at, &mut Effects::default());
    }
    lead
}

fn kinds() -> Vec<(&'static str, Body<'static>)> {
    let form = Web { kind: WebKind::FormSubmit, form_purpose: FormPurpose::Inquiry, ..Web::default() };
    let comment = Sns { kind: SnsKind::Comment, direction: Direction::Inbound, ..Sns::default() };
    let attributes = [("company".into(), Some("Example".into())), ("employees".into(), Some("320".into()))];
    let profile = Profile { kind: ProfileKind::AttributesChanged, attributes: attributes.into(), ..Profile::default() };
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
        ("attributes", Body::Profile(profile.into())),
    ]
}
