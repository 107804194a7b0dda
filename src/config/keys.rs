//! The one table of all keys: name, default, what is allowed, what it is for. The README's table is made from it.

use super::kind::Kind;

/// A key of the configuration. A `*` in its name stands for any name.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    /// As one would write it in a variable; `None` where the key may be left out.
    pub default: Option<&'static str>,
    pub kind: Kind,
    pub doc: &'static str,
}

const fn key(name: &'static str, default: Option<&'static str>, kind: Kind, doc: &'static str) -> Key {
    Key { name, default, kind, doc }
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

const FORMATS: Kind = Kind::Choice(&["avro", "avro-confluent", "json"]);
const KINDS: Kind = Kind::Choice(&["web", "mail", "sns", "contact", "commerce", "profile", "outcome"]);
const CLEANUPS: Kind = Kind::Choice(&["delete", "compact", "compact,delete"]);

/// In the order in which they are printed; keys of one section stand together.
#[rustfmt::skip] // a table: one key a line
pub static KEYS: &[Key] = &[
    key("app.id", Some("tsuikyaku"), Kind::Name, "Consumer group, start of transactional ids and of internal topics."),
    key("app.instance", None, Kind::Name, "Names this process among those of the application, for ever; the host's name where left out."),
    key("app.workers", Some("2"), Kind::Integer(1, 256), "Threads that process; more than partitions are idle."),
    key("app.topic_prefix", Some(""), Kind::Prefix, "Stands before every input and output topic's name."),
    key("kafka.bootstrap_servers", Some("127.0.0.1:9092"), Kind::Servers, "Where to find the cluster."),
    key("kafka.static_membership", Some("true"), Kind::Flag, "A restart within the session timeout keeps its partitions; false: it leaves at once."),
    key("kafka.session_timeout", Some("10s"), Kind::Duration(6 * SECOND, 30 * MINUTE), "A process that was silent for so long loses its partitions."),
    key("kafka.poll_interval_max", Some("5m"), Kind::Duration(10 * SECOND, HOUR), "A worker that was stuck for so long loses its partitions."),
    key("kafka.transaction_timeout", Some("10s"), Kind::Duration(SECOND, 15 * MINUTE), "The broker aborts a transaction that is open for longer; readers of committed records wait that long for a dead worker."),
    key("kafka.request_timeout", Some("5s"), Kind::Duration(100, MINUTE), "Longest wait for one answer of the cluster."),
    key("kafka.properties.*", None, Kind::Text, "Any librdkafka property that this program does not set itself: security above all."),
    key("state.dir", Some("state"), Kind::Path, "Directory of the state on disk; one process only."),
    key("state.memory_max", Some("512MiB"), Kind::Size(192 * MIB, TIB), "Memory for leads, block cache, write buffers and queues together; the process takes up to 150 MiB more."),
    key("state.persist_interval", Some("5s"), Kind::Duration(100, 10 * MINUTE), "Committed states are on disk after that time; bounds what a restart replays."),
    key("state.persist_bytes_max", None, Kind::Size(MIB, 16 * GIB), "They are written sooner when that many bytes wait, per worker; by default a worker's share of an eighth of `state.memory_max`, at most 64MiB."),
    key("state.restore_bytes_max", None, Kind::Size(MIB, 16 * GIB), "States that a restore collects before it writes them, per worker; by default a worker's share of a quarter of `state.memory_max`. A partition that fits comes back twice as fast. Leads make room for them meanwhile."),
    key("model.file", Some("deploy/models/b2b-saas.toml"), Kind::Path, "The scoring model."),
    key("schemas.dir", None, Kind::Path, "Further writers' schemas: `*.avsc`, known by fingerprint; `17.avsc` is also id 17 of avro-confluent."),
    key("topics.*.kind", None, KINDS, "What the records of an input topic are; needed for topics that are no default ones."),
    key("topics.*.format", Some("avro"), FORMATS, "How they are written."),
    key("topics.*.enabled", Some("true"), Kind::Flag, "False: the topic is not read."),
    key("outputs.ready.topic", Some("outreach.ready"), Kind::Name, "Where decisions go."),
    key("outputs.ready.format", Some("avro"), FORMATS, "How they are written."),
    key("outputs.ready.schema_id", None, Kind::Integer(1, 2_147_483_647), "The registry's id of `ready.avsc`, for avro-confluent."),
    key("outputs.ready.cleanup", Some("delete"), CLEANUPS, "Cleanup policy when the topic is created."),
    key("outputs.score.topic", Some("lead.score"), Kind::Name, "Where public snapshots of scores go."),
    key("outputs.score.format", Some("avro"), FORMATS, "How they are written."),
    key("outputs.score.schema_id", None, Kind::Integer(1, 2_147_483_647), "The registry's id of `score.avsc`, for avro-confluent."),
    key("outputs.score.cleanup", Some("compact"), CLEANUPS, "Cleanup policy when the topic is created."),
    key("create.partitions", Some("4"), Kind::Integer(1, 10_000), "Partitions of topics that `topics --apply` creates; for the intake it is fixed for ever."),
    key("create.replication", None, Kind::Integer(1, 99), "Copies of each record; the broker's default where left out."),
    key("create.retention", Some("7d"), Kind::Duration(MINUTE, 3_650 * DAY), "Retention of inputs, decisions and the intake."),
    key("create.dead_letter_retention", Some("30d"), Kind::Duration(MINUTE, 3_650 * DAY), "Retention of dead letters."),
    key("create.tombstone_retention", Some("7d"), Kind::Duration(HOUR, 3_650 * DAY), "How long deleted leads stay visible in the changelog; a disk older than half of it is restored anew."),
    key("commit.interval", Some("100ms"), Kind::Duration(1, 10 * SECOND), "Time between transactions while there is something to commit."),
    key("commit.decision_interval", Some("2ms"), Kind::Duration(1, 10 * SECOND), "... of partitions where a decision waits; up to 20ms longer while the broker is busy with the last transaction."),
    key("commit.retry_max", Some("5m"), Kind::Duration(SECOND, DAY), "Stop when nothing could be committed for so long."),
    key("limits.record_bytes_max", Some("256KiB"), Kind::Size(KIB, 16 * MIB), "A larger input record is a dead letter."),
    key("limits.step_records_max", Some("2000"), Kind::Integer(1, 1_000_000), "Records read in one step of the loop."),
    key("limits.step_bytes_max", Some("4MiB"), Kind::Size(64 * KIB, GIB), "Bytes read in one step of the loop."),
    key("limits.step_timers_max", Some("2000"), Kind::Integer(1, 1_000_000), "Timers fired in one step of a partition."),
    key("limits.batch_leads_max", Some("20000"), Kind::Integer(1, 1_000_000), "Leads that one transaction touches before it is committed."),
    key("limits.batch_bytes_max", Some("16MiB"), Kind::Size(64 * KIB, GIB), "Bytes that one transaction sends before it is committed."),
    key("limits.dead_letter_share_max", Some("0.5"), Kind::Real(0.0, 1.0), "Stop when more than this share of recent records were dead letters."),
    key("limits.dead_letter_records_min", Some("1000"), Kind::Integer(1, 1_000_000_000), "... once that many recent records were seen."),
    key("limits.clock_skew_max", Some("5m"), Kind::Duration(0, DAY), "A record whose own timestamp is that far ahead of system time is a dead letter."),
    key("http.listen", Some("127.0.0.1:9464"), Kind::Listen, "Where metrics, health and leads are served. There is no log-in: keep it in your own network."),
    key("http.request_timeout", Some("5s"), Kind::Duration(10, 10 * MINUTE), "Longest time for one request."),
    key("http.requests_max", Some("64"), Kind::Integer(1, 10_000), "Requests served at one time; more are refused with status 503."),
    key("log.format", Some("auto"), Kind::Choice(&["auto", "human", "json"]), "Log lines; auto: human on a terminal, else JSON."),
    key("log.level", Some("info"), Kind::Choice(&["error", "warn", "info", "debug", "trace"]), "Least important lines that are written. Ids of leads appear at debug and trace only."),
];

/// The inputs that are read where the configuration says nothing: name and kind.
pub const DEFAULT_INPUTS: [(&str, &str); 7] = [
    ("engagement.web", "web"),
    ("engagement.mail", "mail"),
    ("engagement.sns", "sns"),
    ("engagement.contact", "contact"),
    ("engagement.commerce", "commerce"),
    ("lead.profile", "profile"),
    ("outreach.outcome", "outcome"),
];

/// The key of that exact name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The README's table.
pub fn markdown() -> String {
    let mut table = String::from("| key | default | allowed | what it is for |\n|---|---|---|---|\n");
    for key in KEYS {
        let default = match key.default {
            Some("") => "nothing".to_owned(),
            Some(default) => format!("`{default}`"),
            None => "–".to_owned(),
        };
        table += &format!("| `{}` | {default} | {} | {} |\n", key.name, key.kind.allowed(), key.doc);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kind::Raw;

    #[test]
    fn every_default_is_allowed() {
        for key in KEYS {
            if let Some(default) = key.default {
                assert!(key.kind.read(&Raw::Word(default.into())).is_some(), "{}: {default}", key.name);
            }
        }
    }

    #[test]
    fn choices_are_those_of_the_code() {
        let formats = crate::wire::decode::Format::ALL.map(|format| format.as_str());
        let kinds = crate::scoring::event::InputKind::ALL.map(|kind| kind.as_str());
        assert!(matches!(FORMATS, Kind::Choice(choices) if *choices == formats));
        assert!(matches!(KINDS, Kind::Choice(choices) if *choices == kinds));
    }
}
