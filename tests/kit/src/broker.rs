//! Brokers: one for each test binary, or one or three of one's own.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::{Metadata, MetadataPartition};

use crate::proxy::Proxy;
use crate::spawn;
use crate::wait_for;

const READY_WITHIN: Duration = Duration::from_secs(90);

/// One or three brokers. Ends when dropped, and with the process.
pub struct Cluster {
    nodes: Vec<Node>,
    /// Port on which clients have to say who they are.
    guarded: Option<u16>,
}

struct Node {
    dir: PathBuf,
    port: u16,
    jvm: &'static [&'static str],
    proxy: Option<Proxy>,
    child: Mutex<Option<Child>>,
}

/// Ready soon, and small: many tests share a machine.
const SMALL: &[&str] = &["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
/// Compiled code, and a collector that never stops it for long: else a measurement shows the broker's pauses.
const FAST: &[&str] = &["-Xms1g", "-Xmx1g", "-XX:+UseZGC"];

/// The broker that the tests of this process share.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::start(1, &[]))
}

impl Cluster {
    /// `count` is 1 or 3; `settings` replace or extend the broker's, by Kafka's names.
    pub fn start(count: usize, settings: &[(&str, &str)]) -> Cluster {
        Cluster::start_on(SMALL, count, settings)
    }

    /// One broker that is not itself what a measurement waits for.
    pub fn start_fast(settings: &[(&str, &str)]) -> Cluster {
        Cluster::start_on(FAST, 1, settings)
    }

    /// Brokers that are also reached through a proxy each: `proxied_servers`.
    pub fn start_proxied(count: usize, settings: &[(&str, &str)]) -> Cluster {
        let ports = free_ports(3 * count);
        let (own, proxied) = ports.split_at(2 * count);
        Cluster::start_at(SMALL, count, own, Some(proxied), settings)
    }

    /// One broker with permissions: `guarded_servers` is for these users, who are allowed nothing yet;
    /// `bootstrap_servers` for the operator, who is allowed everything.
    pub fn start_guarded(users: &[(&str, &str)]) -> Cluster {
        let ports = free_ports(3);
        let known: Vec<String> = users.iter().map(|(user, password)| format!("user_{user}=\"{password}\"")).collect();
        let login = "org.apache.kafka.common.security.plain.PlainLoginModule";
        let login = format!("{login} required {};", known.join(" "));
        let [client, controller, guarded] = [0, 1, 2].map(|at| ports[at]);
        let listeners = format!("PLAINTEXT://127.0.0.1:{client},GUARDED://127.0.0.1:{guarded}");
        let settings = [
            ("listeners", format!("{listeners},CONTROLLER://127.0.0.1:{controller}")),
            ("advertised.listeners", listeners),
            (
                "listener.security.protocol.map",
                "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,GUARDED:SASL_PLAINTEXT".to_owned(),
            ),
            ("listener.name.guarded.sasl.enabled.mechanisms", "PLAIN".into()),
            ("listener.name.guarded.plain.sasl.jaas.config", login),
            ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer".into()),
            ("super.users", "User:ANONYMOUS".into()),
        ];
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut cluster = Cluster::start_at(SMALL, 1, &ports[..2], None, &settings);
        cluster.guarded = Some(guarded);
        cluster
    }

    /// Where users of a guarded broker connect.
    pub fn guarded_servers(&self) -> String {
        format!("127.0.0.1:{}", self.guarded.expect("a cluster that was started with users"))
    }

    fn start_on(jvm: &'static [&'static str], count: usize, settings: &[(&str, &str)]) -> Cluster {
        Cluster::start_at(jvm, count, &free_ports(2 * count), None, settings)
    }

    /// `ports`: for clients, then for controllers; `proxied`: where the proxies find the brokers.
    fn start_at(
        jvm: &'static [&'static str],
        count: usize,
        ports: &[u16],
        proxied: Option<&[u16]>,
        settings: &[(&str, &str)],
    ) -> Cluster {
        assert!(count == 1 || count == 3, "storage is formatted for one or three nodes");
        let cache = cache();
        let root = fresh_directory();
        let (clients, controllers) = ports.split_at(count);
        let voters: Vec<String> = (1..).zip(controllers).map(|(id, port)| format!("{id}@127.0.0.1:{port}")).collect();
        let mut nodes = Vec::new();
        for (index, port) in clients.iter().enumerate() {
            let dir = root.join(format!("{}", index + 1));
            copy(&cache.join("formatted").join(format!("{}", index + 1)), &dir.join("data"));
            let proxy = proxied.map(|ports| (ports[index], Proxy::start(ports[index])));
            let listeners = Listeners::new(*port, controllers[index], proxy.as_ref());
            let properties = properties(index + 1, &listeners, &voters, &dir, settings);
            fs::write(dir.join("server.properties"), properties).expect("the directory is ours");
            nodes.push(Node { dir, port: *port, jvm, proxy: proxy.map(|(_, proxy)| proxy), child: Mutex::new(None) });
        }
        let cluster = Cluster { nodes, guarded: None };
        for index in 0..count {
            cluster.nodes[index].start();
        }
        cluster.wait_ready(count);
        cluster
    }

    pub fn bootstrap_servers(&self) -> String {
        let all: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        all.join(",")
    }

    /// Where the program connects: at the proxies, where there are any.
    pub fn proxied_servers(&self) -> String {
        let port = |node: &Node| node.proxy.as_ref().map_or(node.port, Proxy::port);
        let all: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", port(node))).collect();
        all.join(",")
    }

    /// The proxies, by broker.
    pub fn proxies(&self) -> impl Iterator<Item = &Proxy> {
        self.nodes.iter().filter_map(|node| node.proxy.as_ref())
    }

    /// What the partitions of a topic take on the first broker's disk.
    pub fn topic_bytes(&self, topic: &str) -> u64 {
        let data = self.nodes[0].dir.join("data");
        let is_of = |name: &str| name.rsplit_once('-').is_some_and(|(of, _)| of == topic);
        let partitions = fs::read_dir(data).expect("the broker made it").flatten();
        let partitions = partitions.filter(|entry| is_of(&entry.file_name().to_string_lossy()));
        let files = partitions.flat_map(|entry| fs::read_dir(entry.path()).into_iter().flatten().flatten());
        let logs = files.filter(|file| file.path().extension().is_some_and(|end| end == "log"));
        logs.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
    }

    /// Process of a broker, to pin or to measure it.
    pub fn process_id(&self, index: usize) -> Option<u32> {
        self.nodes[index].child.lock().expect("no panic while held").as_ref().map(Child::id)
    }

    /// SIGKILL.
    pub fn kill(&self, index: usize) {
        self.nodes[index].kill();
    }

    /// Starts a killed broker again, on its data and port.
    pub fn restart(&self, index: usize) {
        self.nodes[index].start();
        self.wait_ready(self.nodes.len());
    }

    /// Which broker leads this partition.
    pub fn leader(&self, topic: &str, partition: i32) -> usize {
        let leader = self.when(|metadata| {
            let topic = metadata.topics().iter().find(|found| found.name() == topic)?;
            topic.partitions().iter().find(|found| found.id() == partition).map(MetadataPartition::leader)
        });
        leader as usize - 1
    }

    /// Waits until every partition has all of its copies up to date: another broker may be killed.
    pub fn wait_in_sync(&self) {
        self.when(|metadata| {
            let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
            partitions.all(|partition| partition.isr().len() == partition.replicas().len()).then_some(())
        });
    }

    /// Waits for something in the metadata of all topics.
    fn when<T>(&self, condition: impl Fn(&Metadata) -> Option<T>) -> T {
        let client: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", self.bootstrap_servers()).create().expect("plain client");
        wait_for("the brokers to agree", READY_WITHIN, || {
            client.fetch_metadata(None, Duration::from_secs(5)).ok().and_then(|metadata| condition(&metadata))
        })
    }

    /// Which broker coordinates this group, or this transactional id with topic `__transaction_state`.
    pub fn coordinator(&self, topic: &str, id: &str) -> usize {
        let leader = self.when(|metadata| {
            let topic = metadata.topics().iter().find(|found| found.name() == topic)?;
            let place = (java_hash(id) & i32::MAX) % topic.partitions().len() as i32;
            topic.partitions().iter().find(|found| found.id() == place).map(|found| found.leader()).filter(|id| *id > 0)
        });
        leader as usize - 1
    }

    fn wait_ready(&self, count: usize) {
        wait_for("the brokers", READY_WITHIN, || {
            for node in &self.nodes {
                node.assert_alive();
            }
            let client: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", self.bootstrap_servers())
                .set("log_level", "0")
                .create()
                .ok()?;
            let metadata = client.fetch_metadata(None, Duration::from_secs(2)).ok()?;
            (metadata.brokers().len() == count).then_some(())
        });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &self.nodes {
            node.kill();
            let _ = fs::remove_dir_all(&node.dir); // the next run removes what is left
        }
    }
}

impl Node {
    fn start(&self) {
        let cache = cache();
        let classpath = fs::read_to_string(cache.join("classpath")).expect("written by the script");
        let output = fs::File::create(self.dir.join("log")).expect("the directory is ours");
        let errors = output.try_clone().expect("a file can be shared");
        let mut command = spawn::mortal("java");
        command
            .args(self.jvm)
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
            .arg(format!("-XX:SharedArchiveFile={}", cache.join("kafka.jsa").display()))
            .args(["-cp", &classpath, "kafka.Kafka"])
            .arg(self.dir.join("server.properties"))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        *self.child.lock().expect("no panic while held") = Some(spawn::spawn(command));
    }

    fn kill(&self) {
        if let Some(mut child) = self.child.lock().expect("no panic while held").take() {
            let _ = child.kill(); // it may have ended by itself
            let _ = child.wait();
        }
    }

    fn assert_alive(&self) {
        let mut child = self.child.lock().expect("no panic while held");
        if let Some(Ok(Some(status))) = child.as_mut().map(Child::try_wait) {
            let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            panic!("the broker ended with {status}:\n{log}");
        }
    }
}

/// What the script made: libraries, formatted storage, class archive.
fn cache() -> PathBuf {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE
        .get_or_init(|| {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/kafka-for-tests.sh");
            let made = Command::new("sh").arg(script).stderr(Stdio::inherit()).output().expect("sh is there");
            assert!(made.status.success(), "no Kafka for tests: the reason stands above");
            PathBuf::from(String::from_utf8(made.stdout).expect("a path").trim())
        })
        .clone()
}

/// A directory of this process; those of processes that are gone are removed.
fn fresh_directory() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let root = std::env::temp_dir().join("tsuikyaku-brokers");
    fs::create_dir_all(&root).expect("a directory for temporary files");
    for entry in fs::read_dir(&root).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.split('-').next().unwrap_or_default().to_owned();
        if !Path::new("/proc").join(owner).exists() {
            let _ = fs::remove_dir_all(entry.path()); // another test may be doing the same
        }
    }
    root.join(format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the directory is ours");
    for entry in fs::read_dir(from).expect("formatted by the script") {
        let entry = entry.expect("a directory that nobody changes");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a plain file");
    }
}

/// Ports that nobody listens at, below those that the system gives to connections: one of these could be taken between
/// here and the broker's start.
fn free_ports(count: usize) -> Vec<u16> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    const FROM: usize = 10_000;
    const COUNT: usize = 20_000;
    let first = std::process::id() as usize * 251; // another test program begins elsewhere
    let next = || (FROM + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT) as u16;
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(next).take(COUNT).filter(is_free).take(count).collect()
}

/// Where a broker listens, and what it tells clients to connect to.
struct Listeners {
    bound: String,
    advertised: String,
}

impl Listeners {
    /// `proxy`: the port at which it finds the broker, and itself.
    fn new(port: u16, controller: u16, proxy: Option<&(u16, Proxy)>) -> Listeners {
        let mut listeners = Listeners {
            bound: format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}"),
            advertised: format!("PLAINTEXT://127.0.0.1:{port}"),
        };
        if let Some((own, proxy)) = proxy {
            listeners.bound += &format!(",PROXIED://127.0.0.1:{own}");
            listeners.advertised += &format!(",PROXIED://127.0.0.1:{}", proxy.port());
        }
        listeners
    }
}

fn properties(id: usize, listeners: &Listeners, voters: &[String], dir: &Path, settings: &[(&str, &str)]) -> String {
    let copies = voters.len().to_string();
    let data = dir.join("data").display().to_string();
    let own = [
        ("process.roles", "broker,controller".to_owned()),
        ("node.id", id.to_string()),
        ("controller.quorum.voters", voters.join(",")),
        ("controller.listener.names", "CONTROLLER".into()),
        ("listeners", listeners.bound.clone()),
        ("advertised.listeners", listeners.advertised.clone()),
        ("inter.broker.listener.name", "PLAINTEXT".into()),
        ("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT".into()),
        ("log.dirs", data),
        ("auto.create.topics.enable", "false".into()),
        ("default.replication.factor", copies.clone()),
        ("min.insync.replicas", voters.len().min(2).to_string()),
        ("offsets.topic.num.partitions", "4".into()),
        ("offsets.topic.replication.factor", copies.clone()),
        ("transaction.state.log.num.partitions", "4".into()),
        ("transaction.state.log.replication.factor", copies),
        ("transaction.state.log.min.isr", voters.len().min(2).to_string()),
        ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500".into()), // else up to 10 s late
        ("group.initial.rebalance.delay.ms", "0".into()),
        ("group.min.session.timeout.ms", "1000".into()),
        ("log.cleaner.dedupe.buffer.size", "4194304".into()),
        ("log.cleaner.backoff.ms", "500".into()),
        ("log.index.size.max.bytes", "1048576".into()),
        ("log.segment.bytes", "67108864".into()),
        ("log.retention.ms", "-1".into()), // records of tests are stamped in the past
        ("num.network.threads", "2".into()),
        ("num.io.threads", "4".into()),
        ("num.recovery.threads.per.data.dir", "1".into()),
        ("broker.session.timeout.ms", "3000".into()), // a killed broker may come back that soon
        ("broker.heartbeat.interval.ms", "300".into()),
        ("controlled.shutdown.enable", "false".into()),
    ];
    let mut all: BTreeMap<&str, String> = own.into();
    all.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
    all.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}

/// `String.hashCode` of Java, for ASCII.
fn java_hash(text: &str) -> i32 {
    text.bytes().fold(0i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)))
}
