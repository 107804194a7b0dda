//! The pipeline of the demo: embedded log, store, one worker, and the traffic that feeds them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::feed::Feed;
use super::simulation::{SimulatedClock, Simulation};
use crate::app::{self, Supervised, parts};
use crate::cli::Failure;
use crate::io::embedded::{EmbeddedLog, Layout, Topic};
use crate::io::http::{Alone, Limits};
use crate::io::store::{Identity, RocksStore};
use crate::runtime::context::Context;
use crate::runtime::encode::Formats;
use crate::runtime::error::Error as RuntimeError;
use crate::runtime::metrics::{Metrics, MetricsSetup};
use crate::runtime::ports::{Clock, OutTopic};
use crate::runtime::settings::Settings;
use crate::runtime::shared::Shared;
use crate::runtime::topology::{Input, Role, Topology};
use crate::runtime::worker::{Shutdown, Worker};
use crate::scoring::event::InputKind;
use crate::scoring::model::Model;
use crate::wire::decode::{Decoder, Format};
use crate::wire::output::OutputFormat;
use crate::wire::topics::default_topic;

const PARTITIONS: u32 = 4;
const STORE_BYTES: usize = 64 << 20;
const INTAKE: &str = "demo.intake";
const LIMITS: Limits = Limits { request_timeout: Duration::from_secs(5), requests_max: 64 };
/// Number of the thread that feeds; the worker is number 0.
const FEEDER: usize = 1;

pub struct Pipeline {
    context: Context,
    log: EmbeddedLog,
    store: Arc<RocksStore>,
    feed: Feed,
    clock: Arc<SimulatedClock>,
    stop: Shutdown,
}

/// What is shown of a running pipeline.
pub struct Watched {
    pub log: EmbeddedLog,
    pub metrics: Arc<Metrics>,
    pub clock: Arc<SimulatedClock>,
    /// Ends the pipeline.
    pub stop: Shutdown,
}

/// The log asks for the time before the feed knows where the log ends.
#[derive(Default)]
struct LogClock(std::sync::OnceLock<Arc<SimulatedClock>>);

impl Clock for LogClock {
    fn now_ms(&self) -> i64 {
        self.0.get().map_or(super::simulation::START_MS, |clock| clock.now_ms())
    }
}

impl Pipeline {
    /// # Errors
    /// Where the directory is in use, holds something else, or cannot be written.
    pub fn open(model: Model, simulation: &Simulation, dir: &Path) -> Result<Pipeline, Failure> {
        let identity = Identity { application: "demo".into(), cluster: "embedded".into(), partition_count: PARTITIONS };
        let store = RocksStore::open(dir, &identity, STORE_BYTES).map_err(Failure::message)?;
        parts::model_mark(&model).remember(dir).map_err(Failure::message)?;
        simulation.remember(dir).map_err(Failure::Message)?;
        let log_clock = Arc::new(LogClock::default());
        let log = EmbeddedLog::open(layout(), dir, log_clock.clone()).map_err(Failure::message)?;
        let feed = Feed::new(simulation, log.clone());
        let clock = feed.clock();
        let _ = log_clock.0.set(clock.clone()); // this is the first and only time
        let store = Arc::new(store);
        let context = context(model, store.clone(), clock.clone());
        Ok(Pipeline { context, log, store, feed, clock, stop: Shutdown::default() })
    }

    pub fn watched(&self) -> Watched {
        Watched {
            log: self.log.clone(),
            metrics: self.context.metrics.clone(),
            clock: self.clock.clone(),
            stop: self.stop.clone(),
        }
    }

    /// Runs until a signal, or for so many ticks, one each `pace`.
    ///
    /// # Errors
    /// What ended it too early.
    pub fn run(self, listen: SocketAddr, ticks: Option<u64>, pace: Duration) -> Result<(), Failure> {
        let Pipeline { context, log, store, feed, stop, .. } = self;
        let supervised = Supervised {
            context: context.clone(),
            figures: Box::new(move || app::figures(&store)),
            owners: Arc::new(Alone),
            workers: 2,
            listen,
            limits: LIMITS,
        };
        let feed = Mutex::new(Some(feed));
        let work = move |number: usize, shutdown: &Shutdown| match number {
            FEEDER => {
                let feed = feed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
                let fed = feed.map_or(Ok(()), |feed| feed.run(ticks, pace, &[shutdown, &stop]));
                shutdown.request(); // all was fed: the worker commits, persists and ends
                fed.map_err(|error| RuntimeError::Stop(error.to_string()))
            }
            _ => {
                let (source, sink, changelog) = (log.source(), log.sink("demo-0"), log.changelog());
                Worker::new(context.clone(), number, source, sink, changelog).run(shutdown, Duration::ZERO)
            }
        };
        app::supervise(supervised, work).map_err(Failure::message)
    }
}

fn layout() -> Layout {
    let topic = |name: &str| Topic { name: name.to_owned(), partition_count: PARTITIONS };
    let inputs = InputKind::ALL.into_iter().map(default_topic);
    Layout::new(std::iter::once(INTAKE).chain(inputs).map(topic).collect())
}

fn context(model: Model, store: Arc<RocksStore>, clock: Arc<SimulatedClock>) -> Context {
    let intake = Input { topic: INTAKE.to_owned(), role: Role::Intake, partition_count: PARTITIONS };
    let of_kind = |kind| Input {
        topic: default_topic(kind).to_owned(),
        role: Role::Events { kind, format: Format::Avro },
        partition_count: PARTITIONS,
    };
    let topology = Topology::new(std::iter::once(intake).chain(InputKind::ALL.map(of_kind)).collect());
    let names: Vec<&str> = topology.inputs().map(|(_, input)| input.topic.as_str()).collect();
    let metrics = Metrics::new(&MetricsSetup {
        inputs: &names,
        workers: 1,
        model_name: &model.name,
        model_version: &model.version,
        model_hash: &model.hash_hex(),
    });
    Context {
        metrics: Arc::new(metrics),
        model: Arc::new(model),
        topology: Arc::new(topology),
        decoder: Arc::new(Decoder::default()),
        formats: Formats { ready: OutputFormat::Json, score: OutputFormat::Json },
        store,
        clock,
        settings: settings(),
        shared: Arc::new(Shared::default()),
    }
}

/// A tick's records are ahead of the clock, which moves when they are processed; a tick is one step, and several
/// commits fit into one.
fn settings() -> Settings {
    Settings {
        commit_interval: Duration::from_millis(15),
        clock_skew_max: Duration::from_secs(400 * 86_400),
        step_records_max: 100_000,
        step_bytes_max: 256 << 20,
        ..Settings::default()
    }
}

/// Where a display begins: what came before was shown by an earlier run.
impl Watched {
    pub fn ready_ends(&self) -> Vec<i64> {
        self.log.ends(OutTopic::Ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::model_file;
    use crate::scoring::lead::Lead;

    /// Runs so many ticks in `dir`, and gives back all decisions that are on the topic then.
    fn decisions(dir: &Path, ticks: u64) -> Vec<String> {
        let simulation = Simulation::new(3, 3_000, Some(86_400.0), None);
        let pipeline = Pipeline::open(model_file::load(None).unwrap(), &simulation, dir).unwrap();
        let log = pipeline.log.clone();
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        pipeline.run(anywhere, Some(ticks), Duration::ZERO).unwrap();
        assert_eq!(log.lag_records(), 0);
        let mut found = Vec::new();
        log.read(OutTopic::Ready, &mut Vec::new(), &mut |_, entry| {
            found.push(String::from_utf8(entry.value.clone().unwrap().into_vec()).unwrap());
        });
        found
    }

    #[test]
    fn the_same_seed_gives_the_same_decisions_also_over_a_stop_in_between() {
        let (whole, parted) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let expected = decisions(whole.path(), 30);
        assert!(expected.len() > 20, "{} decisions", expected.len());
        let first = decisions(parted.path(), 12);
        assert!(first.len() < expected.len());
        assert_eq!(decisions(parted.path(), 18), expected);
    }

    #[test]
    fn the_state_on_disk_is_that_of_leads() {
        let dir = tempfile::tempdir().unwrap();
        decisions(dir.path(), 3);
        let reader = crate::io::store::StoreReader::open(dir.path()).unwrap();
        let mut leads: Vec<Lead> = Vec::new();
        for partition in reader.partitions() {
            reader
                .scan(partition, &mut |_, bytes| {
                    leads.push(crate::wire::state::decode(bytes).unwrap());
                    true
                })
                .unwrap();
        }
        assert!(leads.len() > 10, "{} leads", leads.len());
    }
}
