//! A log, a store, workers on threads, and the auditor's verdict.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::flaky::FlakySink;
use tsuikyaku::audit::log::Disk;
use tsuikyaku::audit::recorded::RecordedLog;
use tsuikyaku::audit::{self, Report};
use tsuikyaku::io::embedded::{EmbeddedLog, Entry, Layout, NewRecord, Topic};
use tsuikyaku::io::store::{Identity, RocksStore, StoreReader};
use tsuikyaku::runtime::batch::{InputId, Partition};
use tsuikyaku::runtime::context::Context;
use tsuikyaku::runtime::encode::Formats;
use tsuikyaku::runtime::error::Error;
use tsuikyaku::runtime::metrics::{Metrics, MetricsSetup};
use tsuikyaku::runtime::ports::{Clock, LeadWrite, OutTopic, PartitionMeta, Store};
use tsuikyaku::runtime::recompute::LoggedRecord;
use tsuikyaku::runtime::settings::Settings;
use tsuikyaku::runtime::shared::{Phase, Shared};
use tsuikyaku::runtime::topology::{Input, Role, Topology};
use tsuikyaku::runtime::worker::{Shutdown, Worker};
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::scoring::model::Model;
use tsuikyaku::traffic;
use tsuikyaku::wire::decode::{Decoder, Format};
use tsuikyaku::wire::keys;
use tsuikyaku::wire::manifest::{self, Manifest};

pub const MODEL: &str = include_str!("../../deploy/models/b2b-saas.toml");
pub const READY: &str = "outreach.ready";
pub const SCORE: &str = "lead.score";
pub const STATE: &str = "app.state";
pub const DEAD_LETTER: &str = "app.dead-letter";
/// For the auditor.
pub const MEMORY_BYTES: usize = 256 << 20;
const START_MS: i64 = 1_775_000_000_000;

/// Longer than any of the simulated traffic lasts.
pub const STALE_AFTER: Duration = Duration::from_secs(30 * 86_400);

/// Timers that a step fires: so few that simulated traffic meets the limit.
pub const STEP_TIMERS_MAX: usize = 13;

/// Values that no decoder may take.
pub const POISON: [&[u8]; 4] =
    [b"", b"\xc3\x01\x00\x00\x00\x00\x00\x00\x00\x00", b"{\"event_id\":1}", b"\xff\xff\xff\xff"];

/// A clock that the tests move: system time is an input like any other.
#[derive(Debug)]
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Everything that outlives a run.
pub struct Rig {
    log: EmbeddedLog,
    topology: Arc<Topology>,
    model: Arc<Model>,
    clock: Arc<TestClock>,
    dir: tempfile::TempDir,
    memory_bytes: usize,
    /// Of simulated traffic: the fewer, the longer it lasts.
    pub records_per_day: f64,
    pub dead_letter_share_max: f64,
    pub step_records_max: usize,
    metrics: Arc<Metrics>,
    appended: std::sync::Mutex<BTreeMap<(InputId, Partition), Vec<LoggedRecord>>>,
    /// What was read of the outputs.
    seen: std::sync::Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    positions: BTreeMap<OutTopic, Vec<i64>>,
    entries: BTreeMap<(OutTopic, Partition), Vec<Entry>>,
}

impl Rig {
    pub fn new(partition_count: u32) -> Rig {
        Rig::with_memory(partition_count, 64 << 20)
    }

    pub fn with_memory(partition_count: u32, memory_bytes: usize) -> Rig {
        Rig::with_formats(partition_count, memory_bytes, |_| Format::Avro)
    }

    pub fn with_formats(partition_count: u32, memory_bytes: usize, format: fn(InputKind) -> Format) -> Rig {
        let intake = Input { topic: "app.intake".into(), role: Role::Intake, partition_count };
        let events = InputKind::ALL.into_iter().map(|kind| Input {
            topic: format!("engagement.{}", kind.as_str()),
            role: Role::Events { kind, format: format(kind) },
            partition_count,
        });
        let topology = Topology::new(std::iter::once(intake).chain(events).collect());
        let topic = |input: &Input| Topic { name: input.topic.clone(), partition_count: input.partition_count };
        // The auditor needs every manifest, however late the log is read.
        let inputs = topology.inputs().map(|(_, input)| topic(input)).collect();
        let layout = Layout { inputs, kept_records_min: usize::MAX };
        let names: Vec<&str> = topology.inputs().map(|(_, input)| input.topic.as_str()).collect();
        let setup =
            MetricsSetup { inputs: &names, workers: 2, model_name: "b2b-saas", model_version: "1", model_hash: "0" };
        let metrics = Arc::new(Metrics::new(&setup));
        let clock = Arc::new(TestClock(AtomicI64::new(START_MS)));
        Rig {
            log: EmbeddedLog::in_memory(layout, clock.clone()),
            metrics,
            topology: Arc::new(topology),
            model: Arc::new(Model::parse(MODEL, "b2b-saas.toml").expect("the default model is valid")),
            clock,
            dir: tempfile::tempdir().expect("a temporary directory"),
            memory_bytes,
            records_per_day: 1_000.0,
            dead_letter_share_max: Settings::default().dead_letter_share_max,
            step_records_max: 97,
            appended: Default::default(),
            seen: Default::default(),
        }
    }

    fn traffic(&self, seed: u64, leads: u64, count: usize) -> Vec<traffic::Generated> {
        let settings = traffic::Settings {
            records_per_day: self.records_per_day,
            ..traffic::Settings::new(seed, leads, self.clock.now_ms())
        };
        traffic::Traffic::new(&settings).take(count).collect()
    }

    /// Appends simulated events, each at its lead's home.
    pub fn append_traffic(&self, seed: u64, leads: u64, count: usize) {
        for record in self.traffic(seed, leads, count) {
            let input = self.input(record.kind);
            let home = keys::home(&record.key, self.topology.partition_count());
            self.append(input, home, Some(record.key.as_bytes()), &record.value, record.appended_at_ms);
        }
        self.read_outputs();
    }

    /// Appends the same as `append_traffic`, but each topic as a whole before the next.
    pub fn append_topic_by_topic(&self, seed: u64, leads: u64, count: usize) {
        let mut records = self.traffic(seed, leads, count);
        records.sort_by_key(|record| record.kind);
        for record in records {
            let home = keys::home(&record.key, self.topology.partition_count());
            self.append(
                self.input(record.kind),
                home,
                Some(record.key.as_bytes()),
                &record.value,
                record.appended_at_ms,
            );
        }
    }

    /// What was decided, lead by lead in order.
    pub fn decisions(&self) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
        let mut by_lead: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        for partition in (0..self.topology.partition_count()).map(Partition) {
            for entry in self.entries(OutTopic::Ready, partition) {
                let (key, value) = (entry.key.expect("a lead id"), entry.value.expect("a decision"));
                by_lead.entry(key.into()).or_default().push(value.into());
            }
        }
        by_lead
    }

    /// Appends simulated events anywhere, half of them without a key.
    pub fn append_misplaced(&self, seed: u64, leads: u64, count: usize) {
        for (n, record) in self.traffic(seed, leads, count).into_iter().enumerate() {
            let partition = Partition(n as u32 % self.topology.partition_count());
            let key = (n % 2 == 0).then_some(record.key.as_bytes());
            self.append(self.input(record.kind), partition, key, &record.value, record.appended_at_ms);
        }
    }

    /// The lead wants to be forgotten; profiles must be JSON.
    pub fn append_erasure(&self, lead_id: &str) {
        let at_ms = self.clock.now_ms();
        let json = serde_json::json!({"event_id": format!("erase-{lead_id}"), "lead_id": lead_id, "occurred_at": at_ms,
            "source": "test", "kind": "erased"});
        let home = keys::home(lead_id, self.topology.partition_count());
        let value = json.to_string();
        self.append(self.input(InputKind::Profile), home, Some(lead_id.as_bytes()), value.as_bytes(), at_ms);
    }

    pub fn append_poison(&self) {
        for value in POISON {
            let now_ms = self.clock.now_ms();
            self.append(self.input(InputKind::Web), Partition(0), Some(b"poison"), value, now_ms);
        }
    }

    pub fn input(&self, kind: InputKind) -> InputId {
        let is_of = |input: &Input| matches!(input.role, Role::Events { kind: of, .. } if of == kind);
        self.topology.inputs().find(|(_, input)| is_of(input)).map(|(id, _)| id).expect("every kind has a topic")
    }

    fn append(&self, input: InputId, partition: Partition, key: Option<&[u8]>, value: &[u8], at_ms: i64) {
        self.clock.0.fetch_max(at_ms, Ordering::AcqRel);
        self.append_record(input, partition, key, Some(value), &[], at_ms);
    }

    /// Appends a record of whatever kind; the clock stays where it is.
    pub fn append_record(
        &self,
        input: InputId,
        partition: Partition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
        at_ms: i64,
    ) {
        let record = NewRecord { partition: Some(partition), key, value, headers, timestamp_ms: Some(at_ms) };
        let mut appended = self.appended.lock().expect("no test panics while holding it");
        let records = appended.entry((input, partition)).or_default();
        records.push(LoggedRecord {
            offset: records.len() as i64,
            appended_at_ms: at_ms,
            key: key.map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect(),
        });
        self.log.append(&[(input, record)]).expect("a log in memory cannot fail");
    }

    /// Moves the clock to a time, if it is behind.
    pub fn reach(&self, at_ms: i64) {
        self.clock.0.fetch_max(at_ms, Ordering::AcqRel);
    }

    fn store(&self) -> Arc<RocksStore> {
        self.open(self.dir.path())
    }

    fn open(&self, dir: &std::path::Path) -> Arc<RocksStore> {
        let identity = Identity {
            application: "app".into(),
            cluster: "embedded".into(),
            partition_count: self.topology.partition_count(),
        };
        Arc::new(RocksStore::open(dir, &identity, 32 << 20).expect("the store opens"))
    }

    fn context(&self, store: Arc<dyn Store>) -> Context {
        Context {
            model: self.model.clone(),
            topology: self.topology.clone(),
            decoder: Arc::new(Decoder::default()),
            formats: Formats::default(),
            store,
            clock: self.clock.clone(),
            settings: Settings {
                commit_interval: Duration::from_millis(5),
                decision_interval: Duration::from_millis(1),
                step_records_max: self.step_records_max,
                dead_letter_share_max: self.dead_letter_share_max,
                persist_interval: Duration::from_millis(40),
                cache_bytes_max: self.memory_bytes,
                step_timers_max: STEP_TIMERS_MAX,
                stale_after: STALE_AFTER,
                align_lag_records_min: 1,
                align_records_max: 200,
                ..Settings::default()
            },
            metrics: self.metrics.clone(),
            shared: Default::default(),
        }
    }

    pub fn lose_disk(&mut self) {
        self.dir = tempfile::tempdir().expect("a temporary directory");
    }

    /// The state directory as it is now, elsewhere.
    pub fn copy_disk(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().expect("a temporary directory");
        copy_all(self.dir.path(), copy.path());
        copy
    }

    /// Changes the first lead on the disk behind the processor's back; `change` gets its id, its state and the position.
    pub fn damage_disk(&self, change: impl FnOnce(&mut String, &mut Option<Vec<u8>>, &mut PartitionMeta)) {
        let store = self.store();
        let partition = Partition(0);
        let mut meta = store.meta(partition).expect("the store reads").expect("it was written");
        let mut first = None;
        let each = &mut |id: &str, bytes: &[u8]| first.replace((id.to_owned(), Some(bytes.to_vec()))).is_some();
        store.scan(partition, each).expect("the store reads");
        let (mut lead_id, mut value) = first.expect("a lead");
        change(&mut lead_id, &mut value, &mut meta);
        let write =
            LeadWrite { lead_id: &lead_id, value: value.as_deref(), timer_before_ms: None, timer_after_ms: None };
        store.write(partition, &[write], &meta).expect("the store writes");
    }

    pub fn bring_back(&self, copy: &tempfile::TempDir) {
        for entry in std::fs::read_dir(self.dir.path()).expect("the directory reads").flatten() {
            let path = entry.path();
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.expect("it goes");
        }
        copy_all(copy.path(), self.dir.path());
    }

    pub fn pass_time(&self, time: Duration) {
        self.clock.0.fetch_add(time.as_millis() as i64, Ordering::AcqRel);
    }

    pub fn restored_records(&self) -> u64 {
        self.counter("tsuikyaku_restore_records_total")
    }

    pub fn rewinds(&self, cause: &str) -> u64 {
        self.counter(&format!("tsuikyaku_rewinds_total{{cause=\"{cause}\"}}"))
    }

    pub fn evicted(&self) -> u64 {
        self.counter("tsuikyaku_cache_evictions_total")
    }

    /// All counters of that name that have that label.
    pub fn sum(&self, name: &str, label: &str) -> u64 {
        let text = self.metrics.encode();
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    pub fn counter(&self, name: &str) -> u64 {
        let text = self.metrics.encode();
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
    }

    /// Waits until that many more transactions have reached the changelog.
    pub fn wait_for_commits(&self, count: usize, patience: Duration) {
        let deadline = Instant::now() + patience;
        let manifests = || {
            self.read_outputs();
            let seen = self.seen.lock().expect("no test panics while holding it");
            let of_state = seen.entries.iter().filter(|((topic, _), _)| *topic == OutTopic::State);
            of_state
                .flat_map(|(_, entries)| entries)
                .filter(|entry| entry.key.as_deref() == Some(manifest::KEY))
                .count()
        };
        let before = manifests();
        while manifests() < before + count && self.log.lag_records() > 0 {
            assert!(Instant::now() < deadline, "no commit in time");
            self.log.wait_for_change(Duration::from_millis(1));
        }
    }

    fn read_outputs(&self) {
        let mut seen = self.seen.lock().expect("no test panics while holding it");
        let Seen { positions, entries } = &mut *seen;
        for topic in OutTopic::ALL {
            self.log.read(topic, positions.entry(topic).or_default(), &mut |partition, entry| {
                entries.entry((topic, partition)).or_default().push(entry.clone());
            });
        }
    }

    /// Compares outputs and store with what one thread makes of the same log.
    pub fn audit(&self) -> Report {
        self.judge(&mut self.record(), audit::Kept::Everything, MEMORY_BYTES).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The auditor's verdict on a log, and on the disk as it is.
    pub fn judge(&self, log: &mut RecordedLog, kept: audit::Kept, memory_bytes: usize) -> Result<Report, audit::Error> {
        self.judge_as(log, |setup| (setup.outputs.score_kept, setup.memory_bytes_max) = (kept, memory_bytes))
    }

    /// The verdict of an auditor that is set up otherwise.
    pub fn judge_as(
        &self,
        log: &mut RecordedLog,
        change: impl FnOnce(&mut audit::Setup<'_>),
    ) -> Result<Report, audit::Error> {
        drop(self.store()); // a directory that was lost is there again, empty
        let disk = StoreReader::open(self.dir.path()).expect("the store opens beside");
        self.judge_with(log, &[&disk], change)
    }

    /// The verdict on a log and these disks.
    pub fn judge_with(
        &self,
        log: &mut RecordedLog,
        disks: &[&dyn Disk],
        change: impl FnOnce(&mut audit::Setup<'_>),
    ) -> Result<Report, audit::Error> {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let spill = || Ok(self.open(&scratch.path().join("leads")) as Arc<dyn Store>);
        let name = |name: &str| name.to_owned();
        let mut setup = audit::Setup {
            model: &self.model,
            topology: &self.topology,
            decoder: &Decoder::default(),
            formats: Formats::default(),
            outputs: audit::Outputs {
                ready: name(READY),
                score: name(SCORE),
                state: name(STATE),
                dead_letter: name(DEAD_LETTER),
                ready_kept: audit::Kept::Everything,
                score_kept: audit::Kept::Everything,
            },
            partitions: (0..self.topology.partition_count()).map(Partition).collect(),
            running: false,
            show_values: false,
            memory_bytes_max: MEMORY_BYTES,
            spill: &spill,
            scratch: scratch.path().to_owned(),
        };
        change(&mut setup);
        audit::audit(&setup, log, disks, &mut |_| ())
    }

    /// All topics as they were read, and the group's positions.
    pub fn record(&self) -> RecordedLog {
        self.read_outputs();
        let mut recorded = RecordedLog::default();
        let partitions = || (0..self.topology.partition_count()).map(Partition);
        let outputs = [(OutTopic::Ready, READY), (OutTopic::Score, SCORE), (OutTopic::State, STATE)];
        for (topic, name) in outputs.into_iter().chain([(OutTopic::DeadLetter, DEAD_LETTER)]) {
            let of = |partition| self.entries(topic, partition).into_iter().map(logged).collect();
            recorded.topics.insert(name.into(), partitions().map(of).collect());
        }
        for (partition, end) in self.log.ends(OutTopic::State).into_iter().enumerate() {
            recorded.ends.insert((STATE.into(), partition as u32), end);
        }
        let mut inputs: Vec<_> = partitions().map(|partition| self.inputs(partition)).collect();
        for (input, own) in self.topology.inputs() {
            let mut of = |partition: Partition| inputs[partition.0 as usize].remove(&input).unwrap_or_default();
            recorded.topics.insert(own.topic.clone(), partitions().map(&mut of).collect());
            for partition in partitions() {
                let committed = self.log.committed(input, partition);
                recorded.committed.extend(committed.map(|next| ((own.topic.clone(), partition.0), next)));
            }
        }
        recorded
    }

    /// Records of a partition's inputs.
    pub fn inputs(&self, partition: Partition) -> BTreeMap<InputId, Vec<LoggedRecord>> {
        let appended = self.appended.lock().expect("no test panics while holding it");
        let of_partition = appended.iter().filter(|((_, of), _)| *of == partition);
        let mut inputs: BTreeMap<InputId, Vec<LoggedRecord>> =
            of_partition.map(|((input, _), records)| (*input, records.clone())).collect();
        inputs.insert(InputId::INTAKE, self.entries(OutTopic::Intake, partition).into_iter().map(logged).collect());
        inputs
    }

    /// Append times, ms since the epoch, and manifests of a partition.
    pub fn manifests(&self, partition: Partition) -> Vec<(i64, Manifest)> {
        let entries = self.entries(OutTopic::State, partition).into_iter();
        let manifests = entries.filter(|entry| entry.key.as_deref() == Some(manifest::KEY)).map(|entry| {
            let bytes = entry.value.expect("a manifest is never deleted");
            (entry.appended_at_ms, Manifest::decode(&bytes).expect("our own manifest"))
        });
        manifests.collect()
    }

    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    pub fn entries(&self, topic: OutTopic, partition: Partition) -> Vec<Entry> {
        let seen = self.seen.lock().expect("no test panics while holding it");
        seen.entries.get(&(topic, partition)).cloned().unwrap_or_default()
    }
}

fn copy_all(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).expect("the directory reads").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).expect("a directory");
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn logged(entry: Entry) -> LoggedRecord {
    LoggedRecord {
        offset: entry.offset,
        appended_at_ms: entry.appended_at_ms,
        key: entry.key.map(Vec::from),
        value: entry.value.map(Vec::from),
        headers: entry.headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
    }
}

/// Workers of one process, on threads.
pub struct Run<'r> {
    rig: &'r Rig,
    shared: Arc<Shared>,
    shutdown: Shutdown,
    workers: Vec<JoinHandle<Result<(), Error>>>,
}

impl<'r> Run<'r> {
    pub fn start(rig: &'r Rig, worker_count: usize) -> Run<'r> {
        Run::start_flaky(rig, worker_count, 0)
    }

    /// Workers of which every so many transactions fail.
    pub fn start_flaky(rig: &'r Rig, worker_count: usize, every: u64) -> Run<'r> {
        let context = rig.context(rig.store());
        let shutdown = Shutdown::default();
        let shared = context.shared.clone();
        let workers = (0..worker_count)
            .map(|number| {
                let (log, context, shutdown) = (rig.log.clone(), context.clone(), shutdown.clone());
                std::thread::spawn(move || {
                    let (source, sink) = (log.source(), FlakySink::new(log.sink(&format!("app-a-{number}")), every));
                    Worker::new(context, number, source, sink, log.changelog()).run(&shutdown, Duration::from_secs(1))
                })
            })
            .collect();
        Run { rig, shared, shutdown, workers }
    }

    /// Waits until everything is processed, and ends in peace.
    pub fn finish(&mut self, patience: Duration) {
        self.wait_until_running(Instant::now() + patience);
        assert!(self.rig.log.wait_until_processed(patience), "not everything was processed in time");
        self.shutdown.request();
        for worker in self.workers.drain(..) {
            worker.join().expect("the worker does not panic").expect("the worker ends in peace");
        }
        self.rig.read_outputs();
    }

    fn wait_until_running(&self, deadline: Instant) {
        let runs = || self.shared.phases().values().filter(|phase| **phase == Phase::Running).count();
        while runs() < self.rig.topology.partition_count() as usize {
            assert!(Instant::now() < deadline, "not every partition runs in time");
            self.rig.log.wait_for_change(Duration::from_millis(1));
        }
    }

    /// Ends at once, with whatever is open.
    pub fn abandon(self) {
        self.rig.log.expel_members();
        self.shutdown.request();
        for worker in self.workers {
            worker.join().expect("the worker does not panic").expect("the worker ends in peace");
        }
        self.rig.log.expire_transactions();
        self.rig.read_outputs();
    }

    /// Waits for the first worker that ends with an error.
    pub fn fail(self, patience: Duration) -> String {
        let deadline = Instant::now() + patience;
        while !self.workers.iter().any(JoinHandle::is_finished) {
            assert!(Instant::now() < deadline, "no worker failed in time");
            std::thread::yield_now();
        }
        self.shutdown.request();
        let failed = self.workers.into_iter().filter_map(|worker| worker.join().expect("no panic").err());
        failed.map(|error| error.to_string()).next().expect("a worker failed")
    }
}
