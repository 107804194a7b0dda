//! Zombies: a worker that is stopped in the middle of a transaction, for so long that another has taken its partition
//! over and committed, and that then goes on where it was. It must add nothing.
//!
//! Two workers of one application, in this process, stop in turns: the successor of one trial is the zombie of the
//! next. Many applications share a broker, so that a trial takes a fraction of a second.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use kit::broker::Cluster;
use kit::pipeline::{PATIENCE, Pipeline, Setup};
use kit::wait_for;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tsuikyaku::app::{SystemClock, parts};
use tsuikyaku::config::Layers;
use tsuikyaku::io::kafka::admin::Admin;
use tsuikyaku::io::kafka::{KafkaChangelog, KafkaSink, KafkaSource, Settings};
use tsuikyaku::io::store::{Identity, RocksStore};
use tsuikyaku::runtime::context::Context;
use tsuikyaku::runtime::error::Error;
use tsuikyaku::runtime::metrics::{Metrics, MetricsSetup};
use tsuikyaku::runtime::shared::{Phase, Shared};
use tsuikyaku::runtime::worker::{Shutdown, Worker};

use super::gate::{Gate, GatedSink, Place};
use super::number;

const TRIALS: u32 = 50;
/// Applications at a time.
const LANES: u32 = 10;
/// Of session, poll and transaction: a worker is given up after that long.
const PATIENCE_OF_BROKER: Duration = Duration::from_millis(1_200);
/// Records between two looks.
const SOME: usize = 3;

#[test]
fn zombies_add_nothing() {
    let trials = number("CHAOS_ZOMBIES").map_or(TRIALS, |count| count as u32);
    let cluster = Cluster::start(1, &[]);
    let (left, done) = (AtomicU32::new(trials), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for lane in 0..LANES.min(trials) {
            let (cluster, left, done) = (&cluster, &left, &done);
            scope.spawn(move || {
                let mut random = StdRng::seed_from_u64(u64::from(lane));
                let mut lane = Lane::new(cluster, lane % 2 == 0);
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                    lane.try_one(Place::ALL[random.random_range(0..Place::ALL.len())]);
                    done.fetch_add(1, Ordering::Relaxed);
                }
                lane.end();
            });
        }
    });
    println!("zombies: {} woke after their successor had committed, 0 of them added anything", done.into_inner());
}

/// One application and its two workers.
struct Lane<'c> {
    pipeline: Pipeline<'c>,
    workers: [Member; 2],
}

struct Member {
    gate: Arc<Gate>,
    shared: Arc<Shared>,
    shutdown: Shutdown,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl<'c> Lane<'c> {
    fn new(cluster: &'c Cluster, static_membership: bool) -> Lane<'c> {
        let pipeline = Pipeline::new(env!("CARGO_BIN_EXE_tsuikyaku"), cluster, "zombie", 1, &Setup::default());
        pipeline.append_traffic(100 * SOME);
        let workers = ["a", "b"].map(|instance| {
            let (config, _) = pipeline.configure(instance, &pipeline.state_dir(instance));
            Member::start(&config, static_membership)
        });
        Lane { pipeline, workers }
    }

    /// Whoever owns the partition becomes a zombie.
    fn try_one(&mut self, place: Place) {
        let mut chosen: Option<usize> = None;
        let zombie = wait_for("a worker in the middle of a transaction", PATIENCE, || {
            self.append();
            if chosen.is_some_and(|at| !self.workers[at].runs() && self.workers[at].gate.do_not_stop()) {
                chosen = None; // it had not heard yet that another has its partition
            }
            if chosen.is_none() {
                chosen = self.workers.iter().position(Member::runs);
                chosen.into_iter().for_each(|at| self.workers[at].gate.stop_at(place));
            }
            chosen.filter(|at| self.workers[*at].gate.is_stopped())
        });
        let (zombie, successor) = (&self.workers[zombie], &self.workers[1 - zombie]);
        let before = successor.gate.committed_count();
        wait_for("its successor to commit", PATIENCE, || {
            self.append();
            (successor.runs() && successor.gate.committed_count() > before + 1).then_some(())
        });
        zombie.gate.wake();
        let is_committed = wait_for("the end of what it was at", PATIENCE, || zombie.gate.outcome());
        assert!(!is_committed, "stopped before {place:?}, it committed after its successor");
    }

    fn append(&self) {
        for worker in &self.workers {
            assert!(worker.thread.as_ref().is_some_and(|thread| !thread.is_finished()), "a worker has ended");
        }
        self.pipeline.append_traffic(SOME);
    }

    fn end(mut self) {
        self.pipeline.wait_processed(&mut []);
        for worker in &mut self.workers {
            worker.shutdown.request();
            let ended = worker.thread.take().expect("it runs").join().expect("no panic");
            ended.expect("it can settle");
        }
        let audit = self.pipeline.audit(&["a", "b"]);
        assert!(audit.decision_count > 0, "{audit:?}");
    }
}

impl Member {
    /// A worker as the program makes it, but for its sink and its patience.
    fn start(config: &Path, static_membership: bool) -> Member {
        let config = Layers { file: Some(config), ..Layers::default() }.load().expect("a valid file").config;
        let kafka = Settings {
            session_timeout: PATIENCE_OF_BROKER,
            poll_interval_max: PATIENCE_OF_BROKER,
            transaction_timeout: PATIENCE_OF_BROKER,
            static_membership,
            ..parts::kafka_settings(&config)
        };
        let (gate, shared, shutdown) = (Arc::<Gate>::default(), Arc::<Shared>::default(), Shutdown::default());
        let (gated, until, claims) = (gate.clone(), shutdown.clone(), shared.clone());
        let thread = std::thread::spawn(move || {
            let admin = Admin::new(&kafka).expect("properties of a test are right");
            let (cluster, layout) = (admin.cluster_id().expect("the broker answers"), admin.layout()?);
            let identity =
                Identity { application: config.app.id.clone(), cluster, partition_count: layout.partitions() };
            let model = parts::model(&config.model_file).expect("the default model is valid");
            let inputs: Vec<&str> = kafka.topics.inputs.iter().map(String::as_str).collect();
            let setup = MetricsSetup {
                inputs: &inputs,
                workers: 1,
                model_name: &model.name,
                model_version: &model.version,
                model_hash: "0",
            };
            let store = RocksStore::open(&config.state.dir, &identity, parts::memory(&config).store_bytes);
            let context = Context {
                metrics: Arc::new(Metrics::new(&setup)),
                model: Arc::new(model),
                topology: Arc::new(parts::topology(&config, &layout)),
                decoder: Arc::new(parts::decoder(&config).expect("schemas of a test are right")),
                formats: parts::formats(&config),
                store: Arc::new(store.expect("a directory of our own")),
                clock: Arc::new(SystemClock),
                settings: parts::settings(&config),
                shared: claims,
            };
            let (source, changelog) = (KafkaSource::open(&kafka, 0)?, KafkaChangelog::new(&kafka, 0));
            let sink = GatedSink::new(KafkaSink::open(&kafka, 0)?, gated);
            let ended = Worker::new(context, 0, source, sink, changelog).run(&until, Duration::from_secs(4));
            ended.inspect_err(|error| println!("a worker ended: {error}"))
        });
        Member { gate, shared, shutdown, thread: Some(thread) }
    }

    /// True while it works on the partition.
    fn runs(&self) -> bool {
        self.shared.phases().values().any(|phase| *phase == Phase::Running)
    }
}
