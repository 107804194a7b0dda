//! The whole way on a real broker.
//!
//! First a backlog, the broker on core 0, the program on core 1: CPU-seconds per million events, rate, resident memory.
//! Then, the broker on both cores, so that it is not what the decisions wait for, a steady load in which every 20th event
//! is an inquiry of a new lead: time from when it was due until its READY is visible to a read_committed reader. A
//! warm-up before it, for the broker's compiler mostly, does not count.
//!
//! `cargo bench --bench end_to_end -- [--events N] [--leads N] [--memory-max MIB] [--warm-up N] [--seconds N]
//! [--rate N]`; prints, asserts nothing.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kit::broker::Cluster;
use kit::log::{Isolation, New, Reader, Writer};
use kit::number;
use kit::process::Program;
use kit::topics::{create, plan};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tsuikyaku::io::kafka::{Settings, TopicNames};
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::traffic::{self, Traffic};
use tsuikyaku::wire::keys;

const PARTITIONS: u32 = 4;
const APP: &str = "bench";
const INQUIRIES: &str = "bench.inquiry";
const INPUTS: [(&str, InputKind); 7] = [
    ("engagement.commerce", InputKind::Commerce),
    ("engagement.contact", InputKind::Contact),
    ("engagement.mail", InputKind::Mail),
    ("engagement.sns", InputKind::Sns),
    ("engagement.web", InputKind::Web),
    ("lead.profile", InputKind::Profile),
    ("outreach.outcome", InputKind::Outcome),
];
/// The client library sends every partition's batch in a request of its own: small ones would keep the broker busy.
const OTHERS_LINGER: Duration = Duration::from_millis(25);
const REQUEST: Duration = Duration::from_secs(10);
/// One inquiry among so many events of the steady load.
const INQUIRY_EVERY: u64 = 20;
/// Simulated time of the backlog; ends an hour ago.
const BACKLOG_DAYS: i64 = 30;
/// CPU and rate are taken from this share of the backlog on: the start does not count.
const WARM_SHARE: f64 = 0.2;

struct Arguments {
    /// MiB
    memory_max: u64,
    events: u64,
    leads: u64,
    warm_up: u64,
    seconds: u64,
    rate: u64,
}

impl Arguments {
    fn parse() -> Arguments {
        Arguments {
            memory_max: number("--memory-max", 1024),
            events: number("--events", 1_000_000),
            leads: number("--leads", 1_000_000),
            warm_up: number("--warm-up", 30),
            seconds: number("--seconds", 30),
            rate: number("--rate", 2_000),
        }
    }
}

fn main() {
    let arguments = Arguments::parse();
    let cluster = Cluster::start_fast(&[("log.segment.bytes", "536870912")]);
    let broker = cluster.process_id(0).expect("it runs");
    pin(broker, "0");
    let servers = cluster.bootstrap_servers();
    create_topics(&servers);
    let writer = Writer::lingering(&servers, OTHERS_LINGER);
    let dir = tempfile::tempdir().expect("a temporary directory");

    let since = Instant::now();
    write_backlog(&writer, &arguments);
    println!("{} events written in {:.1?}", arguments.events, since.elapsed());
    let mut program = start(&servers, dir.path(), arguments.memory_max);
    pin(program.process_id(), "1");
    measure_backlog(&servers, &mut program, arguments.events);
    pin(broker, "0,1");
    measure_latency(&servers, &writer, program.process_id(), &arguments);
}

fn create_topics(servers: &str) {
    let mut inputs = vec![format!("{APP}.intake"), INQUIRIES.to_owned()];
    inputs.extend(INPUTS.iter().map(|(name, _)| (*name).to_owned()));
    let names = TopicNames {
        inputs,
        ready: "outreach.ready".into(),
        score: "lead.score".into(),
        state: format!("{APP}.state"),
        dead_letter: format!("{APP}.dead-letter"),
    };
    let mut plans: Vec<_> = names.inputs.iter().map(|name| plan(name, PARTITIONS, &[])).collect();
    plans.push(plan(&names.state, PARTITIONS, &[("cleanup.policy", "compact")]));
    for name in [&names.ready, &names.score, &names.dead_letter] {
        plans.push(plan(name, PARTITIONS, &[]));
    }
    create(&Settings::new(servers, APP, "bench", names), &plans);
}

fn write_backlog(writer: &Writer, arguments: &Arguments) {
    let mut settings = traffic::Settings::new(1, arguments.leads, 0);
    settings.records_per_day = (arguments.events as f64 / BACKLOG_DAYS as f64).max(1.0);
    settings.rhythm = traffic::Rhythm::Steady;
    // brokers refuse records from the future
    settings.start_ms = now_ms() - Traffic::new(&settings).end_ms(arguments.events) - 3_600_000;
    for record in Traffic::new(&settings).take(arguments.events as usize) {
        let (name, _) = INPUTS.iter().find(|(_, kind)| *kind == record.kind).expect("every kind has a topic");
        let new = New {
            partition: Some(keys::home(&record.key, PARTITIONS).0 as i32),
            key: Some(record.key.as_bytes()),
            value: Some(&record.value),
            timestamp_ms: Some(record.appended_at_ms),
            headers: &[],
        };
        writer.send(name, new);
    }
    writer.flush();
}

fn start(servers: &str, dir: &Path, memory_max: u64) -> Program {
    let config = dir.join("bench.toml");
    let text = format!(
        "[app]\nid = \"{APP}\"\ninstance = \"a\"\nworkers = 1\n[kafka]\nbootstrap_servers = \"{servers}\"\n\
         [state]\ndir = \"{dir}\"\nmemory_max = \"{memory_max}MiB\"\n[model]\nfile = \"{root}/deploy/models/b2b-saas.toml\"\n\
         [http]\nlisten = \"127.0.0.1:0\"\n[topics.\"{INQUIRIES}\"]\nkind = \"web\"\nformat = \"json\"\n",
        dir = dir.join("state").display(),
        root = env!("CARGO_MANIFEST_DIR"),
    );
    std::fs::write(&config, text).expect("the directory is ours");
    let arguments = ["run".as_ref(), "--config".as_ref(), config.as_os_str()];
    Program::start(env!("CARGO_BIN_EXE_tsuikyaku"), &arguments, &dir.join("log"))
}

/// Follows the committed offsets to the end of the backlog.
fn measure_backlog(servers: &str, program: &mut Program, events: u64) {
    let (group, process) = (Group::new(servers), program.process_id());
    let mut warm: Option<(Instant, f64, i64)> = None;
    loop {
        assert!(!program.has_ended(), "the program ended:\n{}", program.printed());
        let committed = group.committed();
        if warm.is_none() && committed as f64 >= WARM_SHARE * events as f64 {
            warm = Some((Instant::now(), cpu_seconds(process), committed));
        }
        if committed >= events as i64 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let (since, cpu_before, before) = warm.expect("the end lies behind the start");
    let counted = (group.committed() - before).max(1) as f64;
    println!("backlog: {events} events, rate and CPU from {before} on");
    println!("  CPU-seconds per million events  {:.2}", (cpu_seconds(process) - cpu_before) / counted * 1e6);
    println!("  events per second               {:.0}", counted / since.elapsed().as_secs_f64());
    println!("  resident memory, peak           {} MB", status_kb(process, "VmHWM") / 1024);
}

/// Sends at a fixed rate and waits for the decisions.
fn measure_latency(servers: &str, writer: &Writer, process: u32, arguments: &Arguments) {
    let due: Mutex<HashMap<Vec<u8>, Instant>> = Mutex::default();
    let mut reader = Reader::new(servers, "outreach.ready", Isolation::Committed);
    reader.read_to_end();
    let begin = Instant::now();
    let warm = begin + Duration::from_secs(arguments.warm_up);
    let sending = Duration::from_secs(arguments.seconds);
    let mut cpu_before = None;
    let mut latencies = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| send_steadily(servers, writer, arguments, &due));
        let mut last = Instant::now();
        while Instant::now() < warm + sending || last.elapsed() < Duration::from_secs(2) {
            if Instant::now() >= warm {
                cpu_before.get_or_insert_with(|| (cpu_seconds(process), Instant::now()));
            }
            let Some(record) = reader.read_one(Duration::from_millis(5)) else { continue };
            let seen = Instant::now();
            let key = record.key.unwrap_or_default();
            if let Some(due) = due.lock().expect("no panic while held").remove(&key) {
                if due >= warm {
                    latencies.push(seen.duration_since(due));
                }
                last = seen;
            }
        }
    });
    let (cpu_before, since) = cpu_before.expect("the sending outlasts the warm-up");
    latencies.sort();
    let left = due.lock().expect("no panic while held").len();
    println!("steady: {} events/s for {sending:?}; {} inquiries decided, {left} not", arguments.rate, latencies.len());
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)] {
        let place = ((latencies.len() as f64 * share) as usize).min(latencies.len().saturating_sub(1));
        let latency = latencies.get(place).copied().unwrap_or_default();
        println!("  due until READY visible, {name:6} {:.1} ms", latency.as_secs_f64() * 1e3);
    }
    let share = (cpu_seconds(process) - cpu_before) / since.elapsed().as_secs_f64();
    println!("  CPU of the program              {:.0} % of a core", share * 100.0);
    println!("  resident memory                 {} MB", status_kb(process, "VmRSS") / 1024);
}

fn send_steadily(servers: &str, writer: &Writer, arguments: &Arguments, due: &Mutex<HashMap<Vec<u8>, Instant>>) {
    let mut settings = traffic::Settings::new(2, arguments.leads, now_ms());
    settings.records_per_day = arguments.rate as f64 * 86_400.0;
    let mut others = Traffic::new(&settings);
    let inquiries = Writer::lingering(servers, Duration::ZERO);
    let start = Instant::now();
    for n in 0..arguments.rate * (arguments.warm_up + arguments.seconds) {
        let at = start + Duration::from_secs_f64(n as f64 / arguments.rate as f64);
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        if n % INQUIRY_EVERY == 0 {
            let lead_id = format!("inquirer-{n}");
            due.lock().expect("no panic while held").insert(lead_id.clone().into_bytes(), at);
            let value = format!(
                "{{\"event_id\":\"inquiry-{n}\",\"lead_id\":\"{lead_id}\",\"occurred_at\":{},\
                 \"kind\":\"form_submit\",\"form_purpose\":\"inquiry\"}}",
                now_ms()
            );
            let new = New { key: Some(lead_id.as_bytes()), value: Some(value.as_bytes()), ..New::default() };
            inquiries.send(INQUIRIES, new);
        } else if let Some(record) = others.next() {
            let (name, _) = INPUTS.iter().find(|(_, kind)| *kind == record.kind).expect("every kind has a topic");
            writer.send(name, New { key: Some(record.key.as_bytes()), value: Some(&record.value), ..New::default() });
        }
    }
    writer.flush();
    inquiries.flush();
}

/// The program's group, seen from outside.
struct Group(BaseConsumer);

impl Group {
    fn new(servers: &str) -> Group {
        let client = ClientConfig::new().set("bootstrap.servers", servers).set("group.id", APP).create();
        Group(client.expect("a plain client"))
    }

    /// Events committed, all inputs but the intake together.
    fn committed(&self) -> i64 {
        let mut list = TopicPartitionList::new();
        for (name, _) in INPUTS {
            list.add_partition_range(name, 0, PARTITIONS as i32 - 1);
        }
        let Ok(found) = self.0.committed_offsets(list, REQUEST) else { return 0 };
        let offset = |offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
        found.elements().iter().map(|element| offset(element.offset())).sum()
    }
}

fn pin(process: u32, core: &str) {
    let pinned = Command::new("taskset").args(["-a", "-c", "-p", core, &process.to_string()]).output();
    assert!(pinned.is_ok_and(|output| output.status.success()), "taskset is part of util-linux");
}

/// User and system time of a process.
fn cpu_seconds(process: u32) -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("the program runs");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = fields[11..13].iter().filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}

fn status_kb(process: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the program runs");
    let line = status.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64
}
