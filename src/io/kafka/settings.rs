//! What the adapters need to know, and the librdkafka properties that follow from it.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;

use crate::runtime::batch::InputId;
use crate::runtime::ports::OutTopic;

/// A member hears of a rebalance by the answer to a heartbeat, and a partition that moves waits for two rounds of them.
const HEARTBEAT_MAX: Duration = Duration::from_millis(300);

/// What a broker collects for us, bytes, unless that takes it too long.
const FETCH_BYTES_MIN: usize = 64 << 10;

/// Costs the cluster one request for each of its brokers, over a new connection.
pub const STANDSTILL_INTERVAL: Duration = Duration::from_secs(30);

/// Names of the topics of one application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicNames {
    /// Inputs by `InputId`; the first is the intake.
    pub inputs: Vec<String>,
    pub ready: String,
    pub score: String,
    pub state: String,
    pub dead_letter: String,
}

impl TopicNames {
    pub fn input(&self, input: InputId) -> &str {
        &self.inputs[usize::from(input.0)]
    }

    pub fn intake(&self) -> &str {
        self.input(InputId::INTAKE)
    }

    pub fn out(&self, topic: OutTopic) -> &str {
        match topic {
            OutTopic::Ready => &self.ready,
            OutTopic::Score => &self.score,
            OutTopic::Intake => self.intake(),
            OutTopic::State => &self.state,
            OutTopic::DeadLetter => &self.dead_letter,
        }
    }
}

/// How to reach the cluster, and who we are there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `host:port,…`
    pub bootstrap_servers: String,
    /// Further librdkafka properties, security among them; none of `RESERVED`.
    pub properties: BTreeMap<String, String>,
    /// Consumer group, prefix of transactional ids.
    pub app_id: String,
    /// Names this process among those of the application, for ever.
    pub instance: String,
    /// A member that left keeps its partitions until the session timeout, so that a restart moves nothing.
    pub static_membership: bool,
    pub topics: TopicNames,
    /// A member that was silent for so long loses its partitions.
    pub session_timeout: Duration,
    /// A worker that did not poll for so long loses its partitions.
    pub poll_interval_max: Duration,
    /// The broker aborts a transaction that is open for longer.
    pub transaction_timeout: Duration,
    /// One request that a worker waits for: metadata, watermarks, committed offsets.
    pub request_timeout: Duration,
    /// Partitions that are not read any more are looked for so often; a restore to which nothing comes waits so long
    /// before it connects anew.
    pub standstill_interval: Duration,
    /// Greatest record that can be sent, bytes.
    pub record_bytes_max: usize,
    /// Fetched records that wait for a worker, bytes.
    pub queue_bytes: usize,
}

impl Settings {
    /// Settings with everything at its default.
    pub fn new(bootstrap_servers: &str, app_id: &str, instance: &str, topics: TopicNames) -> Settings {
        Settings {
            bootstrap_servers: bootstrap_servers.into(),
            properties: BTreeMap::new(),
            app_id: app_id.into(),
            instance: instance.into(),
            static_membership: true,
            topics,
            session_timeout: Duration::from_secs(10),
            poll_interval_max: Duration::from_secs(300),
            transaction_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(5),
            standstill_interval: STANDSTILL_INTERVAL,
            record_bytes_max: 1 << 20,
            queue_bytes: 512 << 10,
        }
    }

    /// `group.instance.id` of a worker.
    pub fn member(&self, worker: u32) -> String {
        format!("{}-{worker}", self.instance)
    }

    /// `transactional.id` of a worker: the same after a restart, so that a successor fences its predecessor.
    pub fn transactional_id(&self, worker: u32) -> String {
        format!("{}-{}-{worker}", self.app_id, self.instance)
    }

    /// What every client has.
    pub fn client(&self, client_id: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", client_id)
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.nagle.disable", "true");
        self.chosen_by_user(&mut config);
        config
    }

    /// What the user set wins over our choices: nothing that the program rests on is among it.
    fn chosen_by_user(&self, config: &mut ClientConfig) {
        for (name, value) in &self.properties {
            config.set(name, value);
        }
    }

    /// The group member of a worker.
    pub fn consumer(&self, worker: u32) -> ClientConfig {
        let mut config = self.client(&format!("{}-{}", self.app_id, self.member(worker)));
        config
            .set("group.id", &self.app_id)
            .set("group.protocol", "classic")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", millis(self.session_timeout))
            .set("heartbeat.interval.ms", millis((self.session_timeout / 5).min(HEARTBEAT_MAX)))
            .set("max.poll.interval.ms", millis(self.poll_interval_max.max(self.session_timeout)))
            .set("fetch.queue.backoff.ms", "2") // the default of 1000 caps throughput
            // An answer to each record that arrives would keep brokers busier than everything else that we ask of them.
            .set("fetch.min.bytes", FETCH_BYTES_MIN.to_string())
            .set("fetch.wait.max.ms", "5") // as much later a lone record comes, and the end of a partition is noticed
            .set("fetch.message.max.bytes", (self.queue_bytes / 8).to_string()) // else few partitions fill the queue
            .set("message.max.bytes", self.record_bytes_max.to_string())
            .set("fetch.max.bytes", (self.queue_bytes / 2).max(self.record_bytes_max).to_string())
            .set("queued.max.messages.kbytes", (self.queue_bytes >> 10).to_string());
        if self.static_membership {
            config.set("group.instance.id", self.member(worker));
        }
        reading(&mut config, "read_committed");
        self.chosen_by_user(&mut config);
        config
    }

    /// A reader outside the group. It carries the group's id, which it never joins: no further permission is needed.
    pub fn reader(&self, client_id: &str, isolation: &str) -> ClientConfig {
        let mut config = self.client(&format!("{}-{client_id}", self.app_id));
        config
            .set("group.id", &self.app_id)
            .set("fetch.queue.backoff.ms", "1")
            .set("fetch.wait.max.ms", "10") // the end of a changelog is noticed that late
            .set("queued.max.messages.kbytes", "8192"); // for each partition: every one has a queue of its own
        reading(&mut config, isolation);
        self.chosen_by_user(&mut config);
        config
    }

    /// The transactional producer of a worker.
    pub fn producer(&self, worker: u32) -> ClientConfig {
        let mut config = self.client(&format!("{}-{}", self.app_id, self.member(worker)));
        config
            .set("transactional.id", self.transactional_id(worker))
            .set("transaction.timeout.ms", millis(self.transaction_timeout))
            .set("message.timeout.ms", millis(self.transaction_timeout))
            .set("partitioner", "murmur2_random") // as the Java client; librdkafka's default is CRC32
            .set("retry.backoff.ms", "400") // the sink knows by it what may have been sent twice
            .set("retry.backoff.max.ms", "2000")
            .set("linger.ms", "0") // waiting would add to every phase of a commit
            .set("queue.buffering.max.kbytes", "262144")
            .set("message.max.bytes", self.record_bytes_max.to_string())
            .set("connections.max.idle.ms", "3000"); // else sending offsets to a dead coordinator hangs for ever
        self.chosen_by_user(&mut config);
        config
    }
}

fn reading(config: &mut ClientConfig, isolation: &str) {
    config
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error");
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

/// Properties that exactly-once rests on, or that have a key of their own in the configuration.
pub const RESERVED: [&str; 26] = [
    "acks",
    "auto.offset.reset",
    "bootstrap.servers",
    "client.id",
    "connections.max.idle.ms",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "max.poll.interval.ms",
    "message.max.bytes",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "partitioner",
    "request.required.acks",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "session.timeout.ms",
    "transaction.timeout.ms",
    "transactional.id",
];

/// Every mistake in the further properties: names that are reserved, and what librdkafka does not accept.
pub fn property_errors(properties: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut errors = Vec::new();
    for (name, value) in properties {
        if RESERVED.contains(&name.as_str()) {
            errors.push((name.clone(), "is set by the program itself: remove it".to_owned()));
        } else if let Err(error) = ClientConfig::new().set(name, value).create_native_config() {
            errors.push((name.clone(), error.to_string()));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> TopicNames {
        TopicNames {
            inputs: vec!["a.intake".into(), "engagement.web".into()],
            ready: "outreach.ready".into(),
            score: "lead.score".into(),
            state: "a.state".into(),
            dead_letter: "a.dead-letter".into(),
        }
    }

    #[test]
    fn librdkafka_accepts_what_is_set() {
        let settings = Settings::new("127.0.0.1:1", "a", "host", names());
        for config in [settings.consumer(0), settings.reader("restore", "read_committed"), settings.producer(1)] {
            config.create_native_config().expect("every property is known and in its range");
        }
        assert_eq!(settings.producer(1).get("transactional.id"), Some("a-host-1"));
    }

    #[test]
    fn what_the_user_sets_wins() {
        let mut settings = Settings::new("127.0.0.1:1", "a", "host", names());
        settings.properties.insert("linger.ms".into(), "5".into());
        settings.properties.insert("fetch.wait.max.ms".into(), "7".into());
        assert_eq!(settings.producer(0).get("linger.ms"), Some("5"));
        assert_eq!(settings.consumer(0).get("fetch.wait.max.ms"), Some("7"));
        assert_eq!(settings.reader("restore", "read_committed").get("fetch.wait.max.ms"), Some("7"));
    }

    #[test]
    fn wrong_properties_are_named() {
        let given = [("isolation.level", "read_uncommitted"), ("no.such", "1"), ("security.protocol", "ssl")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let names: Vec<String> = property_errors(&given).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["isolation.level", "no.such"]);
    }
}
