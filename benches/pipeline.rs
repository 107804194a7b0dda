//! The whole loop without a broker: one worker on the embedded log and a real store, CPU time per event.
//!
//! What the client library and the broker cost is not in it; `benches/end_to_end` has that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tsuikyaku::io::embedded::{EmbeddedLog, Layout, NewRecord, Topic};
use tsuikyaku::io::store::{Identity, RocksStore};
use tsuikyaku::runtime::batch::InputId;
use tsuikyaku::runtime::context::Context;
use tsuikyaku::runtime::encode::Formats;
use tsuikyaku::runtime::metrics::{Metrics, MetricsSetup};
use tsuikyaku::runtime::ports::Clock;
use tsuikyaku::runtime::settings::Settings;
use tsuikyaku::runtime::topology::{Input, Role, Topology};
use tsuikyaku::runtime::worker::{Shutdown, Worker};
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::scoring::model::Model;
use tsuikyaku::traffic::{self, Traffic};
use tsuikyaku::wire::decode::{Decoder, Format};

const START_MS: i64 = 1_775_000_000_000;

struct Fixed;

impl Clock for Fixed {
    fn now_ms(&self) -> i64 {
        START_MS + 400 * 86_400_000
    }
}

fn main() {
    let events: usize = std::env::var("EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(300_000);
    for leads in [10_000, 1_000_000] {
        let seconds = run(leads, events);
        println!("pipeline: {leads} leads, {events} events: {:.2} µs of CPU an event", seconds * 1e6 / events as f64);
    }
}

/// CPU seconds that the worker's thread took.
fn run(leads: u64, events: usize) -> f64 {
    let intake = Input { topic: "app.intake".into(), role: Role::Intake, partition_count: 4 };
    let of_kind = |kind: InputKind| Input {
        topic: format!("engagement.{}", kind.as_str()),
        role: Role::Events { kind, format: Format::Avro },
        partition_count: 4,
    };
    let topology = Topology::new(std::iter::once(intake).chain(InputKind::ALL.map(of_kind)).collect());
    let topic = |input: &Input| Topic { name: input.topic.clone(), partition_count: input.partition_count };
    let layout = Layout { inputs: topology.inputs().map(|(_, input)| topic(input)).collect() };
    let log = EmbeddedLog::in_memory(layout, Arc::new(Fixed));
    fill(&log, &topology, leads, events);

    let dir = tempfile::tempdir().expect("a temporary directory");
    let identity = Identity { application: "app".into(), cluster: "embedded".into(), partition_count: 4 };
    let store = RocksStore::open(dir.path(), &identity, 64 << 20).expect("the store opens");
    let names: Vec<&str> = topology.inputs().map(|(_, input)| input.topic.as_str()).collect();
    let setup =
        MetricsSetup { inputs: &names, workers: 1, model_name: "b2b-saas", model_version: "1", model_hash: "0" };
    let context = Context {
        model: Arc::new(
            Model::parse(include_str!("../deploy/models/b2b-saas.toml"), "b2b-saas.toml").expect("the default model"),
        ),
        metrics: Arc::new(Metrics::new(&setup)),
        topology: Arc::new(topology),
        decoder: Arc::new(Decoder::default()),
        formats: Formats::default(),
        store: Arc::new(store),
        clock: Arc::new(Fixed),
        settings: Settings::default(),
        shared: Default::default(),
    };
    let shutdown = Shutdown::default();
    let worker = {
        let (log, shutdown) = (log.clone(), shutdown.clone());
        std::thread::spawn(move || {
            let worker = Worker::new(context, 0, log.source(), log.sink("app-0"), log.changelog());
            worker.run(&shutdown, Duration::from_secs(1)).expect("the worker ends in peace");
            thread_cpu_seconds()
        })
    };
    let since = Instant::now();
    assert!(log.wait_until_processed(Duration::from_secs(600)), "not everything was processed");
    shutdown.request();
    let seconds = worker.join().expect("the worker does not panic");
    println!("  {:.1} s", since.elapsed().as_secs_f64());
    seconds
}

fn fill(log: &EmbeddedLog, topology: &Topology, leads: u64, events: usize) {
    let settings = traffic::Settings { records_per_day: 20_000.0, ..traffic::Settings::new(1, leads, START_MS) };
    for record in Traffic::new(&settings).take(events) {
        let is_of = |input: &Input| matches!(input.role, Role::Events { kind, .. } if kind == record.kind);
        let input: InputId =
            topology.inputs().find(|(_, input)| is_of(input)).map(|(id, _)| id).expect("every kind has a topic");
        let record = NewRecord {
            partition: None,
            key: Some(record.key.as_bytes()),
            value: Some(&record.value),
            headers: &[],
            timestamp_ms: Some(record.appended_at_ms),
        };
        log.append(&[(input, record)]).expect("a log in memory cannot fail");
    }
}

/// User and system time of the calling thread, from the kernel's own account (clock ticks of 10 ms).
fn thread_cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("Linux");
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a count of ticks");
    (ticks(11) + ticks(12)) / 100.0
}
