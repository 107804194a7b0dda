//! From the configuration to the parts that a process is made of. Nothing here runs yet.

use std::path::Path;

use crate::config::{Config, Output};
use crate::io::kafka::layout::Layout;
use crate::io::kafka::settings::STANDSTILL_INTERVAL;
use crate::io::kafka::{Settings as KafkaSettings, TopicNames};
use crate::io::store::ModelMark;
use crate::runtime::encode::Formats;
use crate::runtime::settings::Settings;
use crate::runtime::topology::{Input, Role, Topology};
use crate::scoring::model::Model;
use crate::wire::decode::{Decoder, Format, SchemaSet};
use crate::wire::output::OutputFormat;

/// Reads and checks the model file.
///
/// # Errors
/// Every mistake in it, one a line.
pub fn model(file: &Path) -> Result<Model, Vec<String>> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| vec![format!("{name}: cannot be read: {error}; model.file names the scoring model")])?;
    Model::parse(&text, &name).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

/// What the state directory remembers of the model.
pub fn model_mark(model: &Model) -> ModelMark {
    ModelMark { name: model.name.to_string(), version: model.version.to_string(), hash: model.hash_hex() }
}

/// The writers' schemas.
///
/// # Errors
/// Every file that cannot be used, one a line.
pub fn schemas(config: &Config) -> Result<SchemaSet, Vec<String>> {
    match &config.schemas_dir {
        Some(dir) => SchemaSet::load(dir).map_err(|errors| errors.iter().map(ToString::to_string).collect()),
        None => Ok(SchemaSet::default()),
    }
}

/// # Errors
/// Those of `schemas`.
pub fn decoder(config: &Config) -> Result<Decoder, Vec<String>> {
    Ok(Decoder::new(schemas(config)?, config.limits.record_bytes_max))
}

pub fn formats(config: &Config) -> Formats {
    let format = |output: &Output| match (output.format, output.schema_id) {
        (Format::Json, _) => OutputFormat::Json,
        (Format::AvroConfluent, Some(schema_id)) => OutputFormat::AvroConfluent { schema_id },
        _ => OutputFormat::Avro,
    };
    Formats { ready: format(&config.topics.ready), score: format(&config.topics.score) }
}

/// Names of all topics; inputs by `InputId`, the intake first.
pub fn topic_names(config: &Config) -> TopicNames {
    let topics = &config.topics;
    let inputs = topics.inputs.iter().map(|input| input.name.clone());
    TopicNames {
        inputs: std::iter::once(topics.intake.clone()).chain(inputs).collect(),
        ready: topics.ready.name.clone(),
        score: topics.score.name.clone(),
        state: topics.state.clone(),
        dead_letter: topics.dead_letter.clone(),
    }
}

pub fn kafka_settings(config: &Config) -> KafkaSettings {
    /// Room for an envelope around the greatest input record, and for the state of a lead at all of its limits.
    const RECORD_BYTES_MIN: usize = 1 << 20;
    let kafka = &config.kafka;
    KafkaSettings {
        bootstrap_servers: kafka.bootstrap_servers.clone(),
        properties: kafka.properties.reveal().clone(),
        app_id: config.app.id.clone(),
        instance: config.app.instance.clone(),
        static_membership: kafka.static_membership,
        topics: topic_names(config),
        session_timeout: kafka.session_timeout,
        poll_interval_max: kafka.poll_interval_max,
        transaction_timeout: kafka.transaction_timeout,
        request_timeout: kafka.request_timeout,
        standstill_interval: STANDSTILL_INTERVAL,
        record_bytes_max: RECORD_BYTES_MIN.max(2 * config.limits.record_bytes_max),
        queue_bytes: memory(config).queue_bytes,
    }
}

/// The inputs with the partitions that the cluster has.
pub fn topology(config: &Config, layout: &Layout) -> Topology {
    let count = |name: &str| layout.input(name).map_or(0, |id| layout.count(id));
    let intake =
        Input { topic: config.topics.intake.clone(), role: Role::Intake, partition_count: layout.partitions() };
    let inputs = config.topics.inputs.iter().map(|input| Input {
        topic: input.name.clone(),
        role: Role::Events { kind: input.kind, format: input.format },
        partition_count: count(&input.name),
    });
    Topology::new(std::iter::once(intake).chain(inputs).collect())
}

/// How `state.memory_max` is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Leads of all workers.
    pub cache_bytes: usize,
    /// RocksDB: blocks and memtables.
    pub store_bytes: usize,
    /// Fetched records that wait in the client library, of one worker.
    pub queue_bytes: usize,
    /// Records of one input partition that wait for its other topics.
    pub align_records: usize,
}

/// Half for leads, a quarter for the store; the rest is for open batches, the client library's queues and what an
/// allocator loses.
pub fn memory(config: &Config) -> Memory {
    /// Size of an event, about.
    const RECORD_BYTES: usize = 256;
    let bytes = config.state.memory_bytes_max;
    let worker_bytes = bytes / config.app.workers;
    let inputs = config.topics.inputs.len().max(1) * config.create.partitions.max(1) as usize;
    Memory {
        cache_bytes: bytes / 2,
        store_bytes: bytes / 4,
        // Longer queues leave the processor's caches before they are read: 4 MiB cost a sixth more CPU.
        queue_bytes: (worker_bytes / 64).clamp(256 << 10, 512 << 10),
        // Reading that is stopped throws away what was fetched already: with half of them that is a tenth more CPU.
        align_records: (bytes / 16 / RECORD_BYTES / inputs).clamp(250, 4_000),
    }
}

pub fn settings(config: &Config) -> Settings {
    let Config { state, commit, limits, .. } = config;
    Settings {
        commit_interval: commit.interval,
        decision_interval: commit.decision_interval,
        retry_max: commit.retry_max,
        step_records_max: limits.step_records_max,
        step_bytes_max: limits.step_bytes_max,
        step_timers_max: limits.step_timers_max,
        batch_leads_max: limits.batch_leads_max,
        batch_bytes_max: limits.batch_bytes_max,
        persist_interval: state.persist_interval,
        persist_bytes_max: state.persist_bytes_max,
        cache_bytes_max: memory(config).cache_bytes / config.app.workers,
        restore_bytes_max: state.restore_bytes_max,
        align_records_max: memory(config).align_records,
        stale_after: config.create.tombstone_retention / 2,
        dead_letter_share_max: limits.dead_letter_share_max,
        dead_letter_records_min: limits.dead_letter_records_min,
        clock_skew_max: limits.clock_skew_max,
        ..Settings::default()
    }
}
