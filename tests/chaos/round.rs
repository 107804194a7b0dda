//! One application that suffers faults one after the other, and is judged in the end.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use kit::broker::Cluster;
use kit::pipeline::{Instance, PATIENCE, Pipeline, Setup};
use kit::wait_for;
use rand::RngExt;
use rand::rngs::StdRng;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer};

use super::fault::Fault;

const SIGKILL: i32 = 9;
const PARTITIONS: u32 = 4;
/// Past the session timeout of 6 s and the transaction timeout of 10 s.
const PAUSE: Duration = Duration::from_millis(11_500);
/// Records between two looks.
const SOME: usize = 100;

pub struct Round<'c> {
    cluster: &'c Cluster,
    pipeline: Pipeline<'c>,
    /// The process that has to survive, when it runs.
    main: Option<Instance>,
    record_count: usize,
}

/// What a round has shown.
pub struct Judged {
    pub record_count: usize,
    pub decision_count: u64,
}

impl<'c> Round<'c> {
    pub fn begin(cluster: &'c Cluster) -> Round<'c> {
        let program = env!("CARGO_BIN_EXE_tsuikyaku");
        let pipeline = Pipeline::new(program, cluster, "chaos", PARTITIONS, &Setup::default());
        let mut round = Round { cluster, pipeline, main: None, record_count: 0 };
        round.append(20 * SOME);
        // in peace at first: the auditor takes a changelog that begins with an aborted transaction for a compacted one
        let mut main = round.pipeline.start("a");
        round.pipeline.wait_processed(&mut [&mut main]);
        round.main = Some(main);
        round
    }

    /// `passed`: how often a crash point is passed before.
    pub fn suffer(&mut self, fault: Fault, passed: u32, random: &mut StdRng) {
        match fault {
            Fault::Crash(point) => self.crash(point, passed),
            Fault::Kill => {
                self.work_for(Duration::from_millis(random.random_range(0..3_000)));
                self.main().program.kill();
                self.main = None;
            }
            Fault::Pause => {
                self.running();
                self.append(SOME);
                self.main().program.signal("STOP");
                std::thread::sleep(PAUSE); // what is waited for is that nothing happens for so long
                self.main().program.signal("CONT");
                self.running();
            }
            Fault::Broker => {
                self.running();
                self.append(SOME);
                self.cluster.kill(0);
                self.cluster.restart(0);
                self.running();
            }
            Fault::DiskLost => {
                self.work_for(Duration::from_millis(500));
                self.main().program.kill();
                self.main = None;
                std::fs::remove_dir_all(self.pipeline.state_dir("a")).expect("the process has ended");
            }
            Fault::JoinAndLeave => self.second().stop(),
            Fault::JoinAndDie => self.second().program.kill(),
            Fault::Fenced => {
                self.running();
                self.fence();
                self.running();
            }
        }
    }

    /// Waits until everything is processed, stops in peace, and compares with what one thread makes of the log.
    pub fn end(mut self) -> Judged {
        self.running();
        let mut main = self.main.take().expect("it runs");
        self.pipeline.wait_processed(&mut [&mut main]);
        main.stop();
        let audit = self.pipeline.audit(&["a"]);
        assert!(audit.decision_count > 20, "{audit:?}");
        Judged { record_count: self.record_count, decision_count: audit.decision_count }
    }

    fn append(&mut self, count: usize) {
        self.pipeline.append_traffic(count);
        self.record_count += count;
    }

    fn main(&mut self) -> &mut Instance {
        let (pipeline, main) = (&self.pipeline, &mut self.main);
        let main = main.get_or_insert_with(|| pipeline.start("a"));
        main.assert_runs();
        main
    }

    fn work_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.append(SOME);
            self.main();
        }
        self.main();
    }

    /// Waits until it works on every partition.
    fn running(&mut self) {
        wait_for("every partition running", PATIENCE, || {
            self.append(SOME / 10);
            let running = self.main().metric("tsuikyaku_assigned_partitions", &["running"]);
            (running == f64::from(PARTITIONS)).then_some(())
        });
    }

    /// Waits until every partition is worked on by one of the two.
    fn running_with(&mut self, second: &Instance) {
        wait_for("every partition running at one of two", PATIENCE, || {
            self.append(SOME / 10);
            let at = |instance: &Instance| instance.metric("tsuikyaku_assigned_partitions", &["running"]);
            (at(self.main()) + at(second) == f64::from(PARTITIONS)).then_some(())
        });
    }

    /// Starts the process anew with a crash point, and does what leads there.
    fn crash(&mut self, point: &'static str, passed: u32) {
        if let Some(mut main) = self.main.take() {
            main.program.kill();
        }
        self.append(SOME);
        let leads_there = point.split('.').next().expect("a part of the loop");
        let passed = if ["settle", "change", "rewind"].contains(&leads_there) { 0 } else { passed };
        let environment = [("TSUIKYAKU_CRASH_POINT", point), ("TSUIKYAKU_CRASH_AFTER", &*passed.to_string())];
        let mut main = self.pipeline.start_with("a", &self.pipeline.state_dir("a"), &environment);
        let mut second = None;
        match leads_there {
            "settle" | "change" | "rewind" => {
                main.wait_ready();
                match leads_there {
                    "settle" => main.program.signal("TERM"),
                    "change" => second = Some(self.pipeline.start("b")),
                    _ => self.fence(),
                }
            }
            _ => {}
        }
        wait_for(point, PATIENCE, || {
            self.append(SOME / 10);
            main.program.has_ended().then_some(())
        });
        let status = main.program.wait(PATIENCE);
        assert_eq!(status.signal(), Some(SIGKILL), "{status}:\n{}", main.program.printed());
        if let Some(second) = second {
            self.running_with(&second);
            second.stop();
        }
    }

    /// A second process that works.
    fn second(&mut self) -> Instance {
        self.running();
        let mut second = self.pipeline.start("b");
        wait_for("work for both", PATIENCE, || {
            self.append(SOME);
            self.main();
            second.assert_runs();
            (second.metric("tsuikyaku_assigned_partitions", &["running"]) > 0.0).then_some(())
        });
        second
    }

    /// Takes the transactional ids of both workers, as a zombie's successor would.
    fn fence(&self) {
        let settings = self.pipeline.settings();
        for worker in 0..2 {
            let producer: BaseProducer = ClientConfig::new()
                .set("bootstrap.servers", &settings.bootstrap_servers)
                .set("transactional.id", format!("{}-a-{worker}", settings.app_id))
                .create()
                .expect("a plain producer");
            producer.init_transactions(Duration::from_secs(30)).expect("the broker answers");
        }
    }
}
