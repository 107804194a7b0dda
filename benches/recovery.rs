//! How long it takes until decisions come again: after kill -9, after a clean restart, with the disk lost, and while a
//! second process joins.
//!
//! A backlog makes the state; then an inquiry of a new lead every 20 ms, each of which is answered by a READY. What is
//! measured is what a reader of committed decisions sees.
//!
//! `cargo bench --bench recovery -- --help` tells how; prints, asserts nothing.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kit::broker::Cluster;
use kit::log::{Isolation, New, Reader, Writer};
use kit::number;
use kit::pipeline::{Instance, Pipeline, Scale, Setup, now_ms};
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::wire::decode::Format;
use tsuikyaku::wire::keys;

const PARTITIONS: u32 = 4;
const INQUIRY_EVERY: Duration = Duration::from_millis(20);
/// Days of traffic; it begins sixty days ago, and not every day has the same.
const DAYS: f64 = 40.0;
/// Events of the backlog in memory at a time.
const PIECE: usize = 100_000;
/// How long a rebalance is looked at before it begins and after it has ended.
const AROUND: Duration = Duration::from_secs(5);
const GIB: f64 = (1u64 << 30) as f64;

const HELP: &str = "\
cargo bench --bench recovery -- [--events N] [--leads N] [--times N]

  --events N  records of the backlog that makes the state; 200000 where nothing is said
  --leads N   leads that they come from; 100000
  --times N   kills, and clean restarts; 3

For about a gibibyte on disk and as much changelog: --events 14000000 --leads 7000000
(300000 events of 150000 leads made 22 MiB; the first line printed has the sizes). The backlog
takes longest: 7000 events a second without optimization on a busy machine, half an hour; the
broker's log of it needs some 10 GB in the temporary directory. What is measured takes minutes.
";

struct Arguments {
    events: u64,
    leads: u64,
    times: u64,
}

impl Arguments {
    fn parse() -> Arguments {
        Arguments {
            events: number("--events", 200_000),
            leads: number("--leads", 100_000),
            times: number("--times", 3),
        }
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "--help") {
        return print!("{HELP}");
    }
    let arguments = Arguments::parse();
    let cluster = Cluster::start_fast(&[("log.segment.bytes", "536870912")]);
    let setup = Setup {
        formats: &[("engagement.web", Format::Json)],
        traffic: Some(Scale { leads: arguments.leads, records_per_day: arguments.events as f64 / DAYS }),
        ..Setup::default()
    };
    let pipeline = Pipeline::new(env!("CARGO_BIN_EXE_tsuikyaku"), &cluster, "recovery", PARTITIONS, &setup);
    let since = Instant::now();
    for begun in (0..arguments.events).step_by(PIECE) {
        pipeline.append_traffic((arguments.events - begun).min(PIECE as u64) as usize);
    }
    let mut instance = pipeline.start("a"); // with all of it there, or timers would be judged by half of it
    while pipeline.lag() > 0 {
        instance.assert_runs();
        std::thread::sleep(Duration::from_millis(200));
    }
    let changelog = cluster.topic_bytes(&pipeline.names().state) as f64 / GIB;
    let disk = bytes_of(&pipeline.state_dir("a")) as f64 / GIB;
    println!("{} events of {} leads in {:.0?}", arguments.events, arguments.leads, since.elapsed());
    println!("state on disk {disk:.3} GiB, changelog {changelog:.3} GiB");

    let inquiries = Inquiries::new(&cluster, &pipeline);
    std::thread::scope(|scope| {
        scope.spawn(|| inquiries.send());
        scope.spawn(|| inquiries.receive());
        let instance = measure_restarts(&pipeline, &inquiries, instance, arguments.times);
        let instance = measure_restore(&pipeline, &inquiries, instance, changelog);
        measure_rebalance(&pipeline, &inquiries, instance);
        inquiries.is_over.store(true, Ordering::Relaxed);
    });
}

fn measure_restarts(pipeline: &Pipeline<'_>, inquiries: &Inquiries, instance: Instance, times: u64) -> Instance {
    let mut instance = instance;
    for _ in 0..times {
        inquiries.wait_for_one(Instant::now());
        let since = Instant::now();
        instance.program.kill();
        instance = pipeline.start("a");
        println!("kill -9: {}", until_all_run(&instance, inquiries, since));
    }
    for _ in 0..times {
        inquiries.wait_for_one(Instant::now());
        let since = Instant::now();
        instance.stop();
        let stopped = since.elapsed();
        instance = pipeline.start("a");
        println!("clean restart, {stopped:.2?} of it to stop: {}", until_all_run(&instance, inquiries, since));
    }
    instance
}

fn measure_restore(pipeline: &Pipeline<'_>, inquiries: &Inquiries, old: Instance, changelog: f64) -> Instance {
    let mut old = old;
    old.program.kill();
    std::fs::remove_dir_all(pipeline.state_dir("a")).expect("the process has ended");
    let since = Instant::now();
    let instance = pipeline.start("a");
    let told = until_all_run(&instance, inquiries, since);
    println!("disk lost: {told}; {:.2} s per GiB of changelog", since.elapsed().as_secs_f64() / changelog);
    instance
}

/// A second process joins: how late the latest decision was, partition by partition, before and meanwhile.
fn measure_rebalance(pipeline: &Pipeline<'_>, inquiries: &Inquiries, first: Instance) {
    std::thread::sleep(AROUND);
    inquiries.take_latest();
    std::thread::sleep(AROUND);
    let before = inquiries.take_latest();
    let since = Instant::now();
    let second = pipeline.start("b");
    let runs = |instance: &Instance| instance.metric("tsuikyaku_assigned_partitions", &["running"]);
    while runs(&second) == 0.0 || runs(&first) + runs(&second) != f64::from(PARTITIONS) {
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("a second process has its part after {:.2?}", since.elapsed());
    std::thread::sleep(AROUND);
    let meanwhile = inquiries.take_latest();
    for partition in 0..PARTITIONS {
        let has_moved =
            second.program.printed().lines().any(|line| {
                line.contains("is restored and runs") && line.contains(&format!("\"partition\":{partition},"))
            });
        let latest = |of: &BTreeMap<u32, Duration>| of.get(&partition).copied().unwrap_or_default();
        let moved = if has_moved { "moved " } else { "stayed" };
        println!(
            "partition {partition} {moved}: latest decision {:.2?} after its inquiry, before {:.2?}",
            latest(&meanwhile),
            latest(&before)
        );
    }
    let rewinds = |instance: &Instance| instance.metric("tsuikyaku_rewinds_total", &[]) as u64;
    println!("rewinds since their start: {} and {}", rewinds(&first), rewinds(&second));
    first.stop();
    second.stop();
}

/// Waits until all partitions run; tells when the first did, and when the first decision was seen.
fn until_all_run(instance: &Instance, inquiries: &Inquiries, since: Instant) -> String {
    let started = Instant::now();
    let of = |state: &str| instance.metric("tsuikyaku_assigned_partitions", &[state]);
    let (mut joined, mut all) = (None, None);
    while all.is_none() {
        let running = of("running");
        if running + of("restoring") > 0.0 {
            joined.get_or_insert(since.elapsed());
        }
        all = (running == f64::from(PARTITIONS)).then(|| since.elapsed());
        std::thread::sleep(Duration::from_millis(10));
    }
    // what was sent before may have been decided by the process that stopped
    let decided = inquiries.wait_for_one(started) - since;
    let (joined, all) = (joined.expect("before it ran"), all.expect("just set"));
    format!("assigned {joined:.2?}, all run {all:.2?}, first decision {decided:.2?}")
}

/// New leads that ask to be called, and the decisions to do so.
struct Inquiries {
    servers: String,
    topic: String,
    ready: String,
    is_over: AtomicBool,
    sent: Mutex<HashMap<Vec<u8>, Instant>>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// When decisions of inquiries were seen, and when those were sent.
    decisions: Vec<(Instant, Instant)>,
    /// Longest time from an inquiry to its decision, by partition.
    latest: BTreeMap<u32, Duration>,
}

impl Inquiries {
    fn new(cluster: &Cluster, pipeline: &Pipeline<'_>) -> Inquiries {
        Inquiries {
            servers: cluster.bootstrap_servers(),
            topic: pipeline.topic_of(InputKind::Web),
            ready: pipeline.names().ready,
            is_over: AtomicBool::new(false),
            sent: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    fn send(&self) {
        let writer = Writer::lingering(&self.servers, Duration::ZERO);
        for n in 0.. {
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
            let lead_id = format!("inquirer-{n}");
            let value = format!(
                "{{\"event_id\":\"inquiry-{n}\",\"lead_id\":\"{lead_id}\",\"occurred_at\":{},\
                 \"kind\":\"form_submit\",\"form_purpose\":\"inquiry\"}}",
                now_ms()
            );
            self.sent.lock().expect("no panic while held").insert(lead_id.clone().into_bytes(), Instant::now());
            let new = New { key: Some(lead_id.as_bytes()), value: Some(value.as_bytes()), ..New::default() };
            writer.send(&self.topic, new);
            std::thread::sleep(INQUIRY_EVERY);
        }
        writer.flush();
    }

    fn receive(&self) {
        let mut reader = Reader::new(&self.servers, &self.ready, Isolation::Committed);
        while !self.is_over.load(Ordering::Relaxed) {
            let Some(record) = reader.read_one(Duration::from_millis(5)) else { continue };
            let key = record.key.unwrap_or_default();
            let Some(sent) = self.sent.lock().expect("no panic while held").remove(&key) else { continue };
            let now = Instant::now();
            let partition = keys::home(&String::from_utf8_lossy(&key), PARTITIONS).0;
            let mut seen = self.seen.lock().expect("no panic while held");
            seen.decisions.push((sent, now));
            let latest = seen.latest.entry(partition).or_default();
            *latest = now.duration_since(sent).max(*latest);
        }
    }

    /// When the first decision of an inquiry that was sent after `since` was seen.
    fn wait_for_one(&self, since: Instant) -> Instant {
        loop {
            let seen = self.seen.lock().expect("no panic while held");
            if let Some((_, seen)) = seen.decisions.iter().find(|(sent, _)| *sent >= since) {
                return *seen;
            }
            drop(seen);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn take_latest(&self) -> BTreeMap<u32, Duration> {
        std::mem::take(&mut self.seen.lock().expect("no panic while held").latest)
    }
}

fn bytes_of(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.path().is_dir() {
            true => bytes_of(&entry.path()),
            false => entry.metadata().map_or(0, |file| file.len()),
        })
        .sum()
}
