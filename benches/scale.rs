//! How cost grows: the whole loop without a broker, workers on the embedded log and a real store, CPU time of the process
//! for each event, while one thing grows and the rest stays.
//!
//! `cargo bench --bench scale` prints a table for each thing; `-- leads timers` only those, `-- --large` goes up to ten
//! million leads and a million timers (16 GB of memory). What client library and broker cost is not in it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tsuikyaku::io::embedded::{EmbeddedLog, Layout, NewRecord, Topic};
use tsuikyaku::io::store::{Identity, RocksStore};
use tsuikyaku::runtime::batch::InputId;
use tsuikyaku::runtime::context::Context;
use tsuikyaku::runtime::encode::Formats;
use tsuikyaku::runtime::metrics::{Metrics, MetricsSetup};
use tsuikyaku::runtime::ports::{Clock, OutTopic};
use tsuikyaku::runtime::settings::Settings;
use tsuikyaku::runtime::topology::{Input, Role, Topology};
use tsuikyaku::runtime::worker::{Shutdown, Worker};
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::scoring::model::Model;
use tsuikyaku::wire::decode::{Decoder, Format};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const START_MS: i64 = 1_775_000_000_000;
const DAY_MS: i64 = 86_400_000;
const MODEL: &str = include_str!("../deploy/models/b2b-saas.toml");
/// Events whose cost is measured, where nothing else is said.
const EVENTS: usize = 200_000;

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one line of a table is measured with.
#[derive(Clone)]
struct Setup {
    partitions: u32,
    workers: usize,
    leads: usize,
    /// Rules beside the model's own.
    rules: usize,
    events: usize,
    /// One of so many records cannot be read; 0: none.
    poison_every: usize,
    cache_bytes: usize,
}

const BASE: Setup = Setup {
    partitions: 4,
    workers: 1,
    leads: 10_000,
    rules: 0,
    events: EVENTS,
    poison_every: 0,
    cache_bytes: 256 << 20,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let is_large = arguments.iter().any(|argument| argument == "--large");
    let asked: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|own| *own == name);
    let line = |name: &str, value: String, cost_us: f64| println!("{name:<16}{value:>12}{cost_us:>10.2} µs");

    if is_asked("leads") {
        let more: &[usize] = if is_large { &[10_000_000] } else { &[] };
        for leads in [10_000, 100_000, 1_000_000].iter().chain(more) {
            line("leads", leads.to_string(), of_events(&Setup { leads: *leads, ..BASE }));
        }
        // a twelfth of the states fits: the others are read from disk
        let capped = Setup { leads: 1_000_000, cache_bytes: 32 << 20, ..BASE };
        line("leads, 32 MiB", capped.leads.to_string(), of_events(&capped));
    }
    if is_asked("partitions") {
        for partitions in [4, 16, 64, 256] {
            line("partitions", partitions.to_string(), of_events(&Setup { partitions, ..BASE }));
        }
    }
    if is_asked("workers") {
        for workers in [1, 2, 4] {
            line("workers", workers.to_string(), of_events(&Setup { workers, partitions: 16, ..BASE }));
        }
    }
    if is_asked("rules") {
        for rules in [10, 50, 100, 200, 450] {
            line("rules of a lead", rules.to_string(), of_events(&Setup { rules, leads: 200, ..BASE }));
        }
    }
    if is_asked("events") {
        for per_lead in [10, 100, 1_000, 10_000, 100_000, 1_000_000] {
            let events = EVENTS.max(per_lead);
            line(
                "events of a lead",
                per_lead.to_string(),
                of_events(&Setup { leads: events / per_lead, events, ..BASE }),
            );
        }
    }
    if is_asked("dead") {
        for poison_every in [0, 100, 10, 3] {
            let share = if poison_every == 0 { "none".to_owned() } else { format!("1 of {poison_every}") };
            line("dead letters", share, of_events(&Setup { poison_every, ..BASE }));
        }
    }
    if is_asked("timers") {
        let more: &[usize] = if is_large { &[1_000_000] } else { &[] };
        for leads in [1_000, 10_000, 100_000].iter().chain(more) {
            line("timers at once", leads.to_string(), of_timers(&Setup { leads: *leads, ..BASE }));
        }
    }
}

/// CPU of an event, µs, where every lead and every partition is known and on disk.
fn of_events(setup: &Setup) -> f64 {
    let rig = Rig::new(setup);
    rig.append(setup.leads.max(50 * setup.partitions as usize), setup);
    rig.run(setup, || rig.log.lag_records() == 0);
    rig.append(setup.events, setup);
    rig.run(setup, || rig.log.lag_records() == 0) / setup.events as f64
}

/// CPU of a timer, µs: every lead has raised its hand at the same time, and nobody has answered in time.
fn of_timers(setup: &Setup) -> f64 {
    let rig = Rig::new(setup);
    rig.hand_raises(setup.leads);
    rig.run(setup, || rig.log.lag_records() == 0);
    rig.clock.0.store(START_MS + 30 * DAY_MS, Ordering::Relaxed);
    let said = |rig: &Rig| rig.log.ends(OutTopic::Ready).iter().sum::<i64>();
    let before = said(&rig);
    rig.run(setup, || said(&rig) >= before + setup.leads as i64) / setup.leads as f64
}

struct Rig {
    log: EmbeddedLog,
    clock: Arc<TestClock>,
    context: Context,
    web: InputId,
    appended: std::cell::Cell<usize>,
    _dir: tempfile::TempDir,
}

impl Rig {
    fn new(setup: &Setup) -> Rig {
        let partition_count = setup.partitions;
        let intake = Input { topic: "app.intake".into(), role: Role::Intake, partition_count };
        let role = Role::Events { kind: InputKind::Web, format: Format::Json };
        let web = Input { topic: "engagement.web".into(), role, partition_count };
        let topology = Topology::new(vec![intake, web]);
        let topic = |input: &Input| Topic { name: input.topic.clone(), partition_count };
        let layout = Layout::new(topology.inputs().map(|(_, input)| topic(input)).collect());
        let clock = Arc::new(TestClock(AtomicI64::new(START_MS + 1)));
        let dir = tempfile::tempdir().expect("a temporary directory");
        let identity = Identity { application: "app".into(), cluster: "embedded".into(), partition_count };
        let names: Vec<&str> = topology.inputs().map(|(_, input)| input.topic.as_str()).collect();
        let metrics =
            MetricsSetup { inputs: &names, workers: setup.workers, model_name: "", model_version: "", model_hash: "" };
        let web = topology.find("engagement.web").expect("it was just named");
        let settings = Settings {
            cache_bytes_max: setup.cache_bytes / setup.workers,
            clock_skew_max: Duration::from_secs(100 * 86_400), // events come faster than time
            ..Settings::default()
        };
        let context = Context {
            model: Arc::new(model(setup.rules)),
            metrics: Arc::new(Metrics::new(&metrics)),
            topology: Arc::new(topology),
            decoder: Arc::new(Decoder::default()),
            formats: Formats::default(),
            store: Arc::new(RocksStore::open(dir.path(), &identity, 64 << 20).expect("the store opens")),
            clock: clock.clone(),
            settings,
            shared: Default::default(),
        };
        let log = EmbeddedLog::in_memory(layout, clock.clone());
        Rig { log, clock, context, web, appended: Default::default(), _dir: dir }
    }

    /// So many page views, or downloads of the further rules' kinds, round all leads.
    fn append(&self, events: usize, setup: &Setup) {
        let first = self.appended.replace(self.appended.get() + events);
        for number in first..first + events {
            let what = match setup.rules {
                0 => r#""kind":"page_view","page_class":"product""#.to_owned(),
                rules => format!(r#""kind":"download","content_kind":"k{}""#, number / setup.leads % rules),
            };
            let is_poison = setup.poison_every > 0 && number % setup.poison_every == 0;
            self.event(number, number % setup.leads, START_MS + number as i64 * 10, &what, is_poison);
        }
    }

    fn hand_raises(&self, leads: usize) {
        let what = r#""kind":"form_submit","form_purpose":"inquiry""#;
        (0..leads).for_each(|lead| self.event(lead, lead, START_MS, what, false));
    }

    fn event(&self, number: usize, lead: usize, at_ms: i64, what: &str, is_poison: bool) {
        let key = format!("lead-{lead:08}");
        let mut value = String::with_capacity(160);
        if is_poison {
            value.push_str("no event");
        } else {
            write!(value, r#"{{"event_id":"e{number}","lead_id":"{key}","occurred_at":{at_ms},{what}}}"#)
                .expect("a string takes everything");
        }
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        let record = NewRecord { partition: None, key, value, headers: &[], timestamp_ms: Some(at_ms) };
        self.log.append(&[(self.web, record)]).expect("a log in memory cannot fail");
    }

    /// CPU of the process, µs, until it is done; every worker commits and leaves before.
    fn run(&self, setup: &Setup, is_done: impl Fn() -> bool) -> f64 {
        let before_us = cpu_us();
        let shutdown = Shutdown::default();
        // Workers that end keep what they have claimed, as their process ends with them.
        let context = Context { shared: Default::default(), ..self.context.clone() };
        std::thread::scope(|scope| {
            for number in 0..setup.workers {
                let (source, sink) = (self.log.source(), self.log.sink(&format!("app-{number}")));
                let worker = Worker::new(context.clone(), number, source, sink, self.log.changelog());
                let shutdown = &shutdown;
                scope.spawn(move || worker.run(shutdown, Duration::from_secs(1)).expect("the worker ends in peace"));
            }
            while !is_done() {
                self.log.wait_for_change(Duration::from_millis(20));
            }
            shutdown.request();
        });
        cpu_us() - before_us
    }
}

/// The default model with so many further rules, each for a kind of downloads of its own.
fn model(rules: usize) -> Model {
    let mut more = String::from("rules = [\n");
    for number in 0..rules {
        writeln!(
            more,
            r#"  {{ id = "x{number}", on = "web.download", where = {{ content_kind = ["k{number}"] }}, points = 0.1 }},"#
        )
        .expect("a string takes everything");
    }
    Model::parse(&MODEL.replacen("rules = [\n", &more, 1), "b2b-saas.toml").expect("the default model, and more rules")
}

/// User and system time of the process, from the kernel's own account of its threads, those that ended included.
fn cpu_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a count of ticks");
    (ticks(11) + ticks(12)) * 1e4
}
