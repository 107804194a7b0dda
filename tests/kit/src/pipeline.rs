//! The built program on a real broker, as a user runs it: a configuration file, processes, signals.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::broker::Cluster;
use crate::disk::FILE_LIMIT;
use crate::log::{Isolation, New, Reader, Record, Writer, read_all};
use crate::process::{Program, get, metric};
use crate::topics::{create, plan, unique};
use crate::wait_for;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tsuikyaku::io::kafka::{Settings, TopicNames};
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::traffic;
use tsuikyaku::wire::decode::Format;
use tsuikyaku::wire::keys;
use tsuikyaku::wire::output::OutputFormat;

/// For everything that a loaded machine may make slow.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// One answer of the broker.
pub const REQUEST: Duration = Duration::from_secs(10);
/// The registry's id of the one schema that a test may use with its framing: contact's.
const SCHEMA_ID: u32 = 17;
const INPUTS: [(&str, InputKind); 7] = [
    ("engagement.commerce", InputKind::Commerce),
    ("engagement.contact", InputKind::Contact),
    ("engagement.mail", InputKind::Mail),
    ("engagement.sns", InputKind::Sns),
    ("engagement.web", InputKind::Web),
    ("lead.profile", InputKind::Profile),
    ("outreach.outcome", InputKind::Outcome),
];

/// One application: its topics, and a directory for its processes.
pub struct Pipeline<'c> {
    /// The built program's path.
    pub(crate) program: String,
    session_timeout: &'static str,
    transaction_timeout: &'static str,
    scale: Scale,
    cluster: &'c Cluster,
    app: String,
    partition_count: u32,
    other_counts: BTreeMap<&'static str, u32>,
    dir: tempfile::TempDir,
    writer: Writer,
    formats: BTreeMap<&'static str, Format>,
    traffic: RefCell<Option<traffic::Traffic>>,
    /// Reads the intake, and knows the offset behind the last record of each partition.
    intake: RefCell<Option<(Reader, BTreeMap<i32, i64>)>>,
}

/// How much traffic there is; it begins sixty days ago.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    pub leads: u64,
    pub records_per_day: f64,
}

/// What differs from test to test.
#[derive(Default)]
pub struct Setup {
    /// Inputs with another partition count than the intake.
    pub other_counts: &'static [(&'static str, u32)],
    /// Inputs with another format than Avro.
    pub formats: &'static [(&'static str, Format)],
    /// Of the group's members; 6 s where nothing is said.
    pub session_timeout: Option<&'static str>,
    /// 10 s where nothing is said.
    pub transaction_timeout: Option<&'static str>,
    /// Of the traffic; a few of each where nothing is said.
    pub traffic: Option<Scale>,
}

impl<'c> Pipeline<'c> {
    pub fn new(program: &str, cluster: &'c Cluster, test: &str, partition_count: u32, setup: &Setup) -> Pipeline<'c> {
        let pipeline = Pipeline {
            program: program.to_owned(),
            cluster,
            app: unique(test),
            partition_count,
            other_counts: setup.other_counts.iter().copied().collect(),
            formats: setup.formats.iter().copied().collect(),
            session_timeout: setup.session_timeout.unwrap_or("6s"),
            transaction_timeout: setup.transaction_timeout.unwrap_or("10s"),
            scale: setup.traffic.unwrap_or(Scale { leads: 2_000, records_per_day: 2_000.0 }),
            intake: RefCell::default(),
            dir: tempfile::tempdir().expect("a temporary directory"),
            writer: Writer::new(&cluster.bootstrap_servers()),
            traffic: RefCell::default(),
        };
        let names = pipeline.names();
        let count = |name: &str| pipeline.count_of(name);
        let mut plans: Vec<_> = names.inputs.iter().map(|name| plan(name, count(name), &[])).collect();
        // manifests of every transaction are needed by the audit: nothing may be compacted away
        let kept = [("cleanup.policy", "compact"), ("min.compaction.lag.ms", "86400000")];
        plans.push(plan(&names.state, partition_count, &kept));
        for name in [&names.ready, &names.score, &names.dead_letter] {
            plans.push(plan(name, partition_count, &[]));
        }
        create(&pipeline.settings(), &plans);
        pipeline
    }

    /// Inputs: the intake, then the others in alphabetical order, as the program has them.
    pub fn names(&self) -> TopicNames {
        let own = |name: &str| format!("{}.{name}", self.app);
        let mut inputs = vec![own("intake")];
        inputs.extend(INPUTS.iter().map(|(name, _)| own(name)));
        TopicNames {
            inputs,
            ready: own("outreach.ready"),
            score: own("lead.score"),
            state: own("state"),
            dead_letter: own("dead-letter"),
        }
    }

    pub fn settings(&self) -> Settings {
        Settings::new(&self.cluster.bootstrap_servers(), &self.app, "tests", self.names())
    }

    /// Partitions of a topic, by its name with the application's prefix.
    pub fn count_of(&self, topic: &str) -> u32 {
        let short = topic.strip_prefix(&format!("{}.", self.app)).unwrap_or(topic);
        self.other_counts.get(short).copied().unwrap_or(self.partition_count)
    }

    pub fn topic(&self, short: &str) -> String {
        format!("{}.{short}", self.app)
    }

    /// The name of an input, by kind.
    pub fn topic_of(&self, kind: InputKind) -> String {
        let (name, _) = INPUTS.iter().find(|(_, of)| *of == kind).expect("every kind has a topic");
        self.topic(name)
    }

    pub fn format_of(&self, kind: InputKind) -> Format {
        let (name, _) = INPUTS.iter().find(|(_, of)| *of == kind).expect("every kind has a topic");
        self.formats.get(name).copied().unwrap_or(Format::Avro)
    }

    pub fn state_dir(&self, instance: &str) -> PathBuf {
        self.dir.path().join(format!("state-{instance}"))
    }

    /// The next records of the application's traffic; the same ones in every run but for the time they begin at.
    pub fn traffic(&self, count: usize) -> Vec<traffic::Generated> {
        let mut traffic = self.traffic.borrow_mut();
        let traffic = traffic.get_or_insert_with(|| {
            let sixty_days_ago = now_ms() - 60 * 86_400_000;
            let mut settings = traffic::Settings::new(7, self.scale.leads, sixty_days_ago);
            settings.records_per_day = self.scale.records_per_day;
            settings.formats = InputKind::ALL.map(|kind| output_format(self.format_of(kind)));
            traffic::Traffic::new(&settings)
        });
        traffic.take(count).collect()
    }

    /// Appends simulated events, each at its lead's home.
    pub fn append_traffic(&self, count: usize) {
        for record in self.traffic(count) {
            self.append(&record, None);
        }
        self.writer.flush();
    }

    /// One record; where `place` says, or else where its key belongs.
    pub fn append(&self, record: &traffic::Generated, place: Option<(i32, Option<&[u8]>)>) {
        let (partition, key) = match place {
            Some((partition, key)) => (partition, key),
            None => {
                let count = self.count_of(&self.topic_of(record.kind));
                (keys::home(&record.key, count).0 as i32, Some(record.key.as_bytes()))
            }
        };
        let new = New {
            partition: Some(partition),
            key,
            value: Some(&record.value),
            timestamp_ms: Some(record.appended_at_ms),
            headers: &[],
        };
        self.writer.send(&self.topic_of(record.kind), new);
    }

    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Temporary; holds the state directories of all processes.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Starts a process with an instance id of its own.
    pub fn start(&self, instance: &str) -> Instance {
        self.start_in(instance, &self.state_dir(instance))
    }

    /// Writers' schemas by id.
    fn schemas_dir(&self) -> PathBuf {
        let dir = self.dir.path().join("schemas");
        fs::create_dir_all(&dir).expect("the directory is ours");
        let contact = include_str!("../../../schemas/contact.avsc");
        fs::write(dir.join(format!("{SCHEMA_ID}.avsc")), contact).expect("the directory is ours");
        dir
    }

    pub fn start_in(&self, instance: &str, state_dir: &std::path::Path) -> Instance {
        self.start_with(instance, state_dir, &[])
    }

    /// With these variables in its environment.
    pub fn start_with(&self, instance: &str, state_dir: &std::path::Path, environment: &[(&str, &str)]) -> Instance {
        let (config, http) = self.configure(instance, state_dir);
        let arguments = ["run".as_ref(), "--config".as_ref(), config.as_os_str()];
        let log = self.dir.path().join(format!("{instance}.log"));
        Instance { program: Program::start_with(&self.program, &arguments, environment, &log), http }
    }

    /// The process finds its disk full when its files have grown a little: see `FILE_LIMIT`.
    pub fn start_limited(&self, instance: &str) -> Instance {
        let (config, http) = self.configure(instance, &self.state_dir(instance));
        let config = config.display().to_string();
        let [shell, arguments @ ..] = FILE_LIMIT;
        let arguments = [&arguments[..], &[&self.program, "run", "--config", &config]].concat();
        let log = self.dir.path().join(format!("{}.log", unique(instance)));
        Instance { program: Program::start(shell, &arguments, &log), http }
    }

    /// Writes a configuration file; with it, the address that HTTP will be at.
    pub fn configure(&self, instance: &str, state_dir: &std::path::Path) -> (PathBuf, String) {
        let http = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").to_string();
        let config = self.dir.path().join(format!("{}.toml", unique(instance)));
        let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/models/b2b-saas.toml");
        let text = format!(
            "[app]\nid = \"{app}\"\ninstance = \"{instance}\"\nworkers = 2\ntopic_prefix = \"{app}.\"\n\
             [kafka]\nbootstrap_servers = \"{servers}\"\nsession_timeout = \"{session}\"\n\
             transaction_timeout = \"{transaction}\"\n\
             [state]\ndir = \"{dir}\"\nmemory_max = \"512MiB\"\npersist_interval = \"1s\"\n\
             [model]\nfile = \"{model}\"\n[http]\nlisten = \"{http}\"\n[schemas]\ndir = \"{schemas}\"\n",
            schemas = self.schemas_dir().display(),
            app = self.app,
            session = self.session_timeout,
            transaction = self.transaction_timeout,
            servers = self.cluster.proxied_servers(),
            dir = state_dir.display(),
        );
        let formats = self.formats.iter();
        let formats = formats.map(|(name, format)| format!("[topics.\"{name}\"]\nformat = \"{}\"\n", format.as_str()));
        let text = text + &formats.collect::<String>();
        fs::write(&config, text).expect("the directory is ours");
        (config, http)
    }

    pub fn read(&self, topic: &str) -> Vec<Record> {
        read_all(&self.cluster.bootstrap_servers(), topic, Isolation::Committed)
    }

    /// How many input records are not yet committed, all inputs together; a record of the intake whose transaction is still
    /// open, or has no marker yet, is one of them.
    pub fn lag(&self) -> i64 {
        let names = self.names();
        let intake = self.topic("intake");
        let dirty: BaseConsumer =
            self.plain().set("isolation.level", "read_uncommitted").create().expect("a plain client");
        let client = self.group_client();
        let mut list = TopicPartitionList::new();
        for name in &names.inputs {
            list.add_partition_range(name, 0, self.count_of(name) as i32 - 1);
        }
        let Ok(committed) = client.committed_offsets(list, REQUEST) else { return i64::MAX };
        let mut lag = 0i64;
        for element in committed.elements() {
            let Ok((low, high)) = client.fetch_watermarks(element.topic(), element.partition(), REQUEST) else {
                return i64::MAX;
            };
            let next = match element.offset() {
                Offset::Offset(offset) => offset,
                _ => low,
            };
            if element.topic() != intake {
                lag = lag.saturating_add((high - next).max(0));
                continue;
            }
            // Offsets are seen as committed before the markers of the same transaction are in every partition.
            let Ok((_, written)) = dirty.fetch_watermarks(&intake, element.partition(), REQUEST) else {
                return i64::MAX;
            };
            let end = self.intake_end(element.partition());
            lag = lag.saturating_add((end - next).max(0)).saturating_add(written - high);
        }
        lag
    }

    /// The offset behind the last record of an intake partition; markers do not count.
    fn intake_end(&self, partition: i32) -> i64 {
        let mut intake = self.intake.borrow_mut();
        let (reader, ends) = intake.get_or_insert_with(|| {
            let topic = self.topic("intake");
            (Reader::new(&self.cluster.bootstrap_servers(), &topic, Isolation::Committed), BTreeMap::new())
        });
        for record in reader.read_to_end() {
            ends.insert(record.partition, record.offset + 1);
        }
        ends.get(&partition).copied().unwrap_or(0)
    }

    /// The consumer group.
    pub fn group(&self) -> &str {
        &self.app
    }

    /// True when the group has no committed offset for this input any more.
    pub fn forgotten(&self, input: &str) -> bool {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&self.topic(input), 0, self.count_of(input) as i32 - 1);
        let found = self.group_client().committed_offsets(list, REQUEST);
        found.is_ok_and(|found| found.elements().iter().all(|element| element.offset() == Offset::Invalid))
    }

    /// Where the group goes on with a partition of an input.
    pub fn position(&self, topic: &str, partition: i32) -> Offset {
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, partition);
        let committed = self.group_client().committed_offsets(list, REQUEST).expect("the broker answers");
        committed.elements()[0].offset()
    }

    /// Deletes the records before an offset, as retention does; `Offset::End`: all of them.
    pub fn delete_records(&self, topic: &str, partition: i32, before: Offset) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, before).expect("a valid offset");
        let admin: AdminClient<DefaultClientContext> = self.plain().create().expect("a plain client");
        let options = AdminOptions::new();
        let mut deleting = pin!(admin.delete_records(&list, &options));
        let mut context = Context::from_waker(Waker::noop());
        let deleted = wait_for("records to be deleted", PATIENCE, || match deleting.as_mut().poll(&mut context) {
            Poll::Ready(deleted) => Some(deleted.expect("the broker answers")),
            Poll::Pending => None,
        });
        deleted.elements()[0].error().expect("it deletes");
    }

    /// True when a transaction that is open on the changelog now still is after `wait`.
    pub fn open_since(&self, wait: Duration) -> bool {
        let last_stable = || {
            let client = self.group_client();
            let end = |partition| client.fetch_watermarks(&self.names().state, partition, REQUEST).map(|(_, end)| end);
            (0..self.partition_count as i32).map(|partition| end(partition).unwrap_or(-1)).collect::<Vec<i64>>()
        };
        std::thread::sleep(wait);
        let stable = last_stable();
        let records = read_all(&self.cluster.bootstrap_servers(), &self.names().state, Isolation::Uncommitted);
        records.iter().any(|record| record.offset >= stable[record.partition as usize])
    }

    /// A client with the group's name that never joins it.
    pub fn group_client(&self) -> BaseConsumer {
        self.plain()
            .set("group.id", &self.app)
            .set("isolation.level", "read_committed")
            .create()
            .expect("a plain client")
    }

    fn plain(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.cluster.bootstrap_servers()).set("log_level", "0");
        config
    }

    /// Waits until every input record was processed and committed.
    pub fn wait_processed(&self, instances: &mut [&mut Instance]) {
        let until = Instant::now() + PATIENCE;
        let mut was_done = false;
        loop {
            let lag = self.lag();
            // Topics are looked at one after the other: what a later one was forwarded from may have come meanwhile.
            if lag == 0 && was_done {
                return;
            }
            was_done = lag == 0;
            for instance in instances.iter_mut() {
                instance.assert_runs();
            }
            if Instant::now() >= until {
                let logs: Vec<String> = instances.iter().map(|instance| instance.program.printed()).collect();
                panic!("{lag} records are not processed; logs:\n{}", logs.join("\n----\n"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A running process of the application.
pub struct Instance {
    pub program: Program,
    http: String,
}

impl Instance {
    pub fn assert_runs(&mut self) {
        if self.program.has_ended() {
            panic!("the program ended:\n{}", self.program.printed());
        }
    }

    /// Sum of a metric over all labels that contain `labels`.
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        get(&self.http, "/metrics").map_or(0.0, |scrape| metric(&scrape, name, labels))
    }

    pub fn wait_ready(&mut self) {
        let until = Instant::now() + PATIENCE;
        while get(&self.http, "/readyz").is_none() {
            self.assert_runs();
            assert!(Instant::now() < until, "not ready:\n{}", self.program.printed());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// SIGTERM; it must end in peace.
    pub fn stop(mut self) {
        let status = self.program.terminate(Duration::from_secs(30));
        assert!(status.success(), "{status}:\n{}", self.program.printed());
    }
}

fn output_format(format: Format) -> OutputFormat {
    match format {
        Format::Avro => OutputFormat::Avro,
        Format::Json => OutputFormat::Json,
        Format::AvroConfluent => OutputFormat::AvroConfluent { schema_id: SCHEMA_ID },
    }
}

pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64
}
