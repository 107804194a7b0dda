//! Assembly: from a configuration to a running processor, and back out of it in order.
//!
//! One OS thread for each worker; HTTP, signals and supervision share the main thread's async runtime. A worker that
//! ends by an error ends the process: a restart is safe at any moment, and half a process is worse than none.

mod clock;
pub mod parts;
pub mod plan;
mod supervise;

use std::sync::Arc;

pub use clock::SystemClock;
pub use supervise::{LEAVE_WITHIN, Supervised, supervise};

use crate::config::Config;
use crate::io::http;
use crate::io::kafka::admin::{Admin, AdminError};
use crate::io::kafka::layout::Layout;
use crate::io::kafka::owners::KafkaOwners;
use crate::io::kafka::{KafkaChangelog, KafkaSink, KafkaSource, Settings};
use crate::io::store::{Identity, RocksStore};
use crate::runtime::context::Context;
use crate::runtime::error::Error as RuntimeError;
use crate::runtime::metrics::{Metrics, MetricsSetup, StoreFigures};
use crate::runtime::shared::Shared;
use crate::runtime::worker::{Shutdown, Worker};

/// Why the processor did not start, or stopped. The text names the fix.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}", .0.join("\n"))]
    Mistakes(Vec<String>),
    #[error("{0}")]
    Kafka(String),
    #[error(transparent)]
    Store(#[from] crate::io::store::OpenError),
    #[error("http.listen: {0}: {1}; set it to an address and a port that are free")]
    Http(std::net::SocketAddr, std::io::Error),
    #[error("worker {number}: {error}")]
    Worker { number: usize, error: RuntimeError },
    #[error("{0}")]
    Process(String),
}

/// Runs the processor until it is asked to stop.
///
/// # Errors
/// What kept it from starting, or ended it.
pub fn run(config: &Config) -> Result<(), Error> {
    let model = parts::model(&config.model_file).map_err(Error::Mistakes)?;
    let decoder = parts::decoder(config).map_err(Error::Mistakes)?;
    let kafka = parts::kafka_settings(config);
    let (cluster, layout) = ask_cluster(&kafka)?;
    let identity = Identity { application: config.app.id.clone(), cluster, partition_count: layout.partitions() };
    let store = Arc::new(RocksStore::open(&config.state.dir, &identity, parts::memory(config).store_bytes)?);
    parts::model_mark(&model).remember(&config.state.dir)?;
    let inputs: Vec<&str> = kafka.topics.inputs.iter().map(String::as_str).collect();
    let metrics = Metrics::new(&MetricsSetup {
        inputs: &inputs,
        workers: config.app.workers.get(),
        model_name: &model.name,
        model_version: &model.version,
        model_hash: &model.hash_hex(),
    });
    let context = Context {
        model: Arc::new(model),
        topology: Arc::new(parts::topology(config, &layout)),
        decoder: Arc::new(decoder),
        formats: parts::formats(config),
        store: store.clone(),
        clock: Arc::new(SystemClock),
        settings: parts::settings(config),
        metrics: Arc::new(metrics),
        shared: Arc::new(Shared::default()),
    };
    tracing::info!(app = %config.app.id, instance = %config.app.instance, partitions = layout.partitions(), "starting");
    let supervised = Supervised {
        context: context.clone(),
        figures: Box::new(move || figures(&store)),
        owners: Arc::new(KafkaOwners::new(&kafka)),
        workers: config.app.workers.get(),
        listen: config.http.listen,
        limits: http::Limits { request_timeout: config.http.request_timeout, requests_max: config.http.requests_max },
    };
    supervise(supervised, move |number, shutdown| work(&context, &kafka, layout.clone(), number, shutdown))
}

/// What the store says about itself, as metrics want it.
pub fn figures(store: &RocksStore) -> StoreFigures {
    let stats = store.stats();
    StoreFigures {
        disk_bytes: stats.disk_bytes,
        memory_bytes: stats.memory_bytes,
        stall_seconds: stats.stall_micros as f64 / 1e6,
    }
}

fn ask_cluster(kafka: &Settings) -> Result<(String, Layout), Error> {
    let unreachable = |error: AdminError| {
        Error::Kafka(format!(
            "{error}; kafka.bootstrap_servers says where the cluster is, kafka.properties how to get in"
        ))
    };
    let admin = Admin::new(kafka).map_err(unreachable)?;
    let cluster = admin.cluster_id().map_err(unreachable)?;
    let layout = admin.layout().map_err(|error| Error::Kafka(RuntimeError::from(error).to_string()))?;
    std::thread::spawn(move || drop(admin)); // it waits for its last poll, up to 100 ms
    Ok((cluster, layout))
}

/// One worker, on its own thread, from joining the group to leaving it.
fn work(
    context: &Context,
    kafka: &Settings,
    layout: Layout,
    number: usize,
    shutdown: &Shutdown,
) -> Result<(), RuntimeError> {
    let id = u32::try_from(number).unwrap_or(u32::MAX);
    let changelog = KafkaChangelog::new(kafka, id); // first: it connects while the group is joined
    let source = KafkaSource::open_with(kafka, id, layout)?;
    let sink = KafkaSink::open(kafka, id)?;
    Worker::new(context.clone(), number, source, sink, changelog).run(shutdown, LEAVE_WITHIN)
}
