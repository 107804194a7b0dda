//! From checked values to the `Config`; what several keys together can get wrong is found here.
//!
//! A key whose value was wrong has its default here, so that the other mistakes can be found as well: such a `Config`
//! never leaves the room.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::effective::Effective;
use super::keys::DEFAULT_INPUTS;
use super::kind::Value;
use super::secret::Properties;
use super::{App, Commit, Config, Create, Http, Input, Kafka, Limits, Log, Output, State, Topics};
use crate::io::kafka::settings::property_errors;
use crate::io::telemetry::LogFormat;
use crate::scoring::event::InputKind;
use crate::wire::decode::Format;

/// More waiting states than this do not make writing them any cheaper.
const WAITING_BYTES_MAX: usize = 64 << 20;

pub fn config(from: &mut Effective) -> Config {
    let app = App {
        id: text(from, "app.id"),
        instance: optional_text(from, "app.instance").unwrap_or_else(host_name),
        workers: NonZeroUsize::new(size(from, "app.workers")).unwrap_or(NonZeroUsize::MIN),
    };
    let config = Config {
        kafka: kafka(from),
        state: state(from, app.workers),
        model_file: PathBuf::from(text(from, "model.file")),
        schemas_dir: optional_text(from, "schemas.dir").map(PathBuf::from),
        topics: topics(from, &app.id),
        create: create(from),
        commit: commit(from),
        limits: limits(from),
        http: http(from),
        log: log(from),
        app,
    };
    across(from, &config);
    config
}

fn kafka(from: &mut Effective) -> Kafka {
    const PROPERTIES: &str = "kafka.properties.*";
    let names = from.names("kafka.properties");
    let value = |name: &String| match from.value(PROPERTIES, Some(name)) {
        Some(Value::Text(value)) => Some((name.clone(), value)),
        _ => None,
    };
    let properties: BTreeMap<String, String> = names.iter().filter_map(value).collect();
    for (name, problem) in property_errors(&properties) {
        from.complain(PROPERTIES, Some(&name), problem);
    }
    Kafka {
        bootstrap_servers: text(from, "kafka.bootstrap_servers"),
        static_membership: flag(from, "kafka.static_membership", None),
        session_timeout: duration(from, "kafka.session_timeout"),
        poll_interval_max: duration(from, "kafka.poll_interval_max"),
        transaction_timeout: duration(from, "kafka.transaction_timeout"),
        request_timeout: duration(from, "kafka.request_timeout"),
        properties: Properties::new(properties),
    }
}

fn state(from: &Effective, workers: NonZeroUsize) -> State {
    let memory_bytes_max = size(from, "state.memory_max");
    let given_or = |key, default: usize| if from.value(key, None).is_some() { size(from, key) } else { default };
    let persist_bytes_max = (memory_bytes_max / 8).min(WAITING_BYTES_MAX) / workers;
    State {
        dir: PathBuf::from(text(from, "state.dir")),
        memory_bytes_max,
        persist_interval: duration(from, "state.persist_interval"),
        persist_bytes_max: given_or("state.persist_bytes_max", persist_bytes_max),
        restore_bytes_max: given_or("state.restore_bytes_max", memory_bytes_max / 4 / workers),
    }
}

fn create(from: &Effective) -> Create {
    Create {
        partitions: number(from, "create.partitions").unwrap_or(1),
        replication: number(from, "create.replication"),
        retention: duration(from, "create.retention"),
        dead_letter_retention: duration(from, "create.dead_letter_retention"),
        tombstone_retention: duration(from, "create.tombstone_retention"),
    }
}

fn commit(from: &Effective) -> Commit {
    Commit {
        interval: duration(from, "commit.interval"),
        decision_interval: duration(from, "commit.decision_interval"),
        retry_max: duration(from, "commit.retry_max"),
    }
}

fn limits(from: &Effective) -> Limits {
    let share = match from.value("limits.dead_letter_share_max", None) {
        Some(Value::Real(share)) => share,
        _ => 1.0,
    };
    Limits {
        record_bytes_max: size(from, "limits.record_bytes_max"),
        step_records_max: size(from, "limits.step_records_max"),
        step_bytes_max: size(from, "limits.step_bytes_max"),
        step_timers_max: size(from, "limits.step_timers_max"),
        batch_leads_max: size(from, "limits.batch_leads_max"),
        batch_bytes_max: size(from, "limits.batch_bytes_max"),
        dead_letter_share_max: share,
        dead_letter_records_min: size(from, "limits.dead_letter_records_min") as u64,
        clock_skew_max: duration(from, "limits.clock_skew_max"),
    }
}

fn http(from: &Effective) -> Http {
    let listen = text(from, "http.listen").parse();
    Http {
        listen: listen.unwrap_or_else(|_| std::net::SocketAddr::from(([127, 0, 0, 1], 9464))),
        request_timeout: duration(from, "http.request_timeout"),
        requests_max: size(from, "http.requests_max"),
    }
}

fn log(from: &Effective) -> Log {
    let format = match text(from, "log.format").as_str() {
        "human" => LogFormat::Human,
        "json" => LogFormat::Json,
        _ => LogFormat::Auto,
    };
    Log { format, level: text(from, "log.level").parse().unwrap_or(tracing::Level::INFO) }
}

fn topics(from: &mut Effective, app_id: &str) -> Topics {
    let prefix = text(from, "app.topic_prefix");
    let mut inputs: Vec<Input> = input_names(from).iter().filter_map(|name| input(from, name, &prefix)).collect();
    inputs.sort_by(|a, b| a.name.cmp(&b.name));
    if inputs.is_empty() {
        from.complain("topics.*.enabled", Some("*"), "no input topic is left: enable one");
    }
    let topics = Topics {
        inputs,
        ready: output(from, &READY, &prefix),
        score: output(from, &SCORE, &prefix),
        intake: format!("{app_id}.intake"),
        state: format!("{app_id}.state"),
        dead_letter: format!("{app_id}.dead-letter"),
    };
    complain_of_twins(from, &topics);
    topics
}

fn input_names(from: &Effective) -> Vec<String> {
    let mut names = from.names("topics.");
    names.extend(DEFAULT_INPUTS.iter().map(|(name, _)| (*name).to_owned()));
    names.sort();
    names.dedup();
    names
}

/// `None`: not read, or its kind is missing.
fn input(from: &mut Effective, name: &str, prefix: &str) -> Option<Input> {
    let set = match from.value("topics.*.kind", Some(name)) {
        Some(Value::Text(kind)) => Some(kind),
        _ => DEFAULT_INPUTS.iter().find(|(default, _)| *default == name).map(|(_, kind)| (*kind).to_owned()),
    };
    if !flag(from, "topics.*.enabled", Some(name)) {
        return None;
    }
    let kind = InputKind::ALL.into_iter().find(|kind| Some(kind.as_str()) == set.as_deref());
    if kind.is_none() && from.mistakes.iter().all(|mistake| mistake.key != format!("topics.\"{name}\".kind")) {
        let kinds = InputKind::ALL.map(|kind| kind.as_str()).join(", ");
        from.complain("topics.*.kind", Some(name), format!("missing; this is no default input: allowed: {kinds}"));
    }
    let format = format_of(from, "topics.*.format", Some(name));
    if format == Format::AvroConfluent && from.entry("schemas.dir", None).is_none() {
        from.complain(
            "topics.*.format",
            Some(name),
            "avro-confluent needs the writers' schemas by id: set schemas.dir",
        );
    }
    Some(Input { name: format!("{prefix}{name}"), kind: kind?, format })
}

struct OutputKeys {
    topic: &'static str,
    format: &'static str,
    schema_id: &'static str,
    cleanup: &'static str,
}

const READY: OutputKeys = OutputKeys {
    topic: "outputs.ready.topic",
    format: "outputs.ready.format",
    schema_id: "outputs.ready.schema_id",
    cleanup: "outputs.ready.cleanup",
};

const SCORE: OutputKeys = OutputKeys {
    topic: "outputs.score.topic",
    format: "outputs.score.format",
    schema_id: "outputs.score.schema_id",
    cleanup: "outputs.score.cleanup",
};

fn output(from: &mut Effective, keys: &OutputKeys, prefix: &str) -> Output {
    let format = format_of(from, keys.format, None);
    let schema_id = number(from, keys.schema_id);
    if format == Format::AvroConfluent && schema_id.is_none() {
        from.complain(keys.format, None, format!("avro-confluent needs the schema's id: set {}", keys.schema_id));
    }
    let name = format!("{prefix}{}", text(from, keys.topic));
    Output { name, format, schema_id, cleanup: text(from, keys.cleanup) }
}

fn complain_of_twins(from: &mut Effective, topics: &Topics) {
    let mut seen = vec![topics.intake.as_str(), &topics.state, &topics.dead_letter];
    for (key, name) in [(READY.topic, &topics.ready.name), (SCORE.topic, &topics.score.name)] {
        if seen.contains(&name.as_str()) {
            from.complain(key, None, format!("{name} is another topic of this application already"));
        }
        seen.push(name);
    }
    for input in topics.inputs.iter().filter(|input| seen.contains(&input.name.as_str())) {
        let problem = "the application writes this topic: it cannot be an input";
        from.complain("topics.*.kind", Some(&input.name), problem);
    }
}

/// Rules between keys of different sections.
fn across(from: &mut Effective, config: &Config) {
    if config.commit.decision_interval > config.commit.interval {
        from.complain("commit.decision_interval", None, "must not be longer than commit.interval");
    }
    if config.kafka.poll_interval_max < config.kafka.session_timeout {
        from.complain("kafka.poll_interval_max", None, "must not be shorter than kafka.session_timeout");
    }
    if config.limits.batch_bytes_max < config.limits.record_bytes_max {
        from.complain("limits.batch_bytes_max", None, "must not be smaller than limits.record_bytes_max");
    }
    let per_worker = config.state.persist_bytes_max.saturating_mul(config.app.workers.get());
    if per_worker > config.state.memory_bytes_max / 2 {
        let problem = "times app.workers must not be more than half of state.memory_max";
        from.complain("state.persist_bytes_max", None, problem);
    }
}

fn text(from: &Effective, key: &'static str) -> String {
    optional_text(from, key).unwrap_or_default()
}

fn optional_text(from: &Effective, key: &'static str) -> Option<String> {
    match from.value(key, None) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

fn flag(from: &Effective, key: &'static str, name: Option<&str>) -> bool {
    from.value(key, name) == Some(Value::Flag(true))
}

fn format_of(from: &Effective, key: &'static str, name: Option<&str>) -> Format {
    match from.value(key, name) {
        Some(Value::Text(text)) => Format::parse(&text).unwrap_or_default(),
        _ => Format::default(),
    }
}

fn duration(from: &Effective, key: &'static str) -> Duration {
    match from.value(key, None) {
        Some(Value::Duration(duration)) => duration,
        _ => Duration::ZERO,
    }
}

/// A number or a size.
fn size(from: &Effective, key: &'static str) -> usize {
    match from.value(key, None) {
        Some(Value::Integer(number) | Value::Size(number)) => usize::try_from(number).unwrap_or(usize::MAX),
        _ => 0,
    }
}

fn number(from: &Effective, key: &'static str) -> Option<u32> {
    match from.value(key, None) {
        Some(Value::Integer(number)) => u32::try_from(number).ok(),
        _ => None,
    }
}

/// The host's name, as far as Kafka allows its letters.
fn host_name() -> String {
    let name =
        std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = name.unwrap_or_default().trim().chars().filter(allowed).collect();
    if name.is_empty() { "local".to_owned() } else { name }
}
