//! One application that suffers faults one after the other, and is judged in the end.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use kit::broker::Cluster;
use kit::disk::Disk;
use kit::pipeline::{Instance, PATIENCE, Pipeline, Setup};
use kit::proxy::{Action, Api, Proxy};
use kit::wait_for;
use rand::RngExt;
use rand::rngs::StdRng;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer};

use super::fault::{Fault, is_overdue};

const SIGKILL: i32 = 9;
const PARTITIONS: u32 = 4;
const TRANSACTION_TIMEOUT: &str = "5s";
/// Past the session timeout of 6 s and the transaction timeout.
const PAUSE: Duration = Duration::from_millis(7_000);
const DISK_MIB: usize = 64;
/// With so much left a process can start, and work for a while.
const ROOM_BYTES: u64 = 256 << 10;
/// Records between two looks.
const SOME: usize = 100;

// dropped in this order
pub struct Round<'c> {
    /// The process that has to survive, when it runs.
    main: Option<Instance>,
    disk: Disk,
    pipeline: Pipeline<'c>,
    cluster: &'c Cluster,
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
        let setup = Setup { transaction_timeout: Some(TRANSACTION_TIMEOUT), ..Setup::default() };
        let pipeline = Pipeline::new(program, cluster, "chaos", PARTITIONS, &setup);
        let disk = Disk::new(&pipeline.state_dir("a"), DISK_MIB);
        let mut round = Round { main: None, disk, pipeline, cluster, record_count: 0 };
        round.append(20 * SOME);
        round
    }

    /// `passed`: how often a crash point is passed before.
    pub fn suffer(&mut self, fault: Fault, passed: u32, random: &mut StdRng) {
        match fault {
            Fault::Crash(point) => self.crash(point, passed),
            Fault::Kill => {
                self.work_for(Duration::from_millis(random.random_range(0..2_000)));
                self.kill();
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
            Fault::Leader => {
                let partition = random.random_range(0..PARTITIONS as i32);
                self.without(self.cluster.leader(&self.pipeline.names().state, partition));
            }
            Fault::Coordinator => {
                self.running(); // the first member of a group has its coordinator chosen
                self.without(self.cluster.coordinator("__consumer_offsets", self.pipeline.group()));
            }
            Fault::DiskLost => {
                self.work_for(Duration::from_millis(500));
                self.kill();
                self.disk.lose();
            }
            Fault::DiskFull => self.fill_disk(),
            Fault::Network(api, action) => {
                if fault.is_of_start() {
                    self.kill();
                } else {
                    self.running();
                }
                self.disturb(api, action, random.random_range(0..8));
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

    /// The process, started where it does not run.
    fn main(&mut self) -> &mut Instance {
        let pipeline = &self.pipeline;
        let main = self.main.get_or_insert_with(|| pipeline.start("a"));
        main.assert_runs();
        main
    }

    fn kill(&mut self) {
        self.main().program.kill();
        self.main = None;
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
            is_running_all(self.main()).then_some(())
        });
    }

    fn all_running(&mut self, process: &Instance) {
        wait_for("every partition running", PATIENCE, || {
            self.append(SOME / 10);
            is_running_all(process).then_some(())
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

    /// One of three brokers dies; the others do its work, then it comes back.
    fn without(&mut self, broker: usize) {
        self.running();
        self.append(SOME);
        self.cluster.kill(broker);
        self.append(SOME);
        let main = self.main.as_mut().expect("it runs");
        self.pipeline.wait_processed(&mut [main]);
        self.cluster.restart(broker);
        self.cluster.wait_in_sync();
        self.running();
    }

    /// The process ends when it finds no room, and again when it starts without any; nothing is lost meanwhile.
    fn fill_disk(&mut self) {
        self.kill();
        if !self.disk.can_be_filled() {
            self.ends_without_room(self.pipeline.start_limited("a"));
            return self.running();
        }
        for left_bytes in [ROOM_BYTES, 0] {
            self.disk.fill(left_bytes);
            self.ends_without_room(self.pipeline.start("a"));
        }
        self.disk.relieve();
        self.running();
    }

    fn ends_without_room(&mut self, mut process: Instance) {
        wait_for("the process to find no room", PATIENCE, || {
            self.append(SOME);
            process.program.has_ended().then_some(())
        });
        let (status, printed) = (process.program.wait(PATIENCE), process.program.printed());
        assert!(status.code() == Some(1), "{status}:\n{printed}");
        let last = printed.lines().last().unwrap_or_default();
        assert!(last.contains("no space left"), "{printed}");
    }

    /// The network does this to the next request of the kind; `pieces`: what is appended until a late one arrives.
    fn disturb(&mut self, api: Api, action: Action, pieces: usize) {
        self.cluster.proxies().for_each(|proxy| proxy.plan(api, action));
        let cluster = self.cluster;
        let planned = || cluster.proxies().map(Proxy::planned_count).sum::<usize>();
        let before = cluster.proxies().count();
        let what = format!("{} to be asked", api.name());
        wait_for(&what, PATIENCE, || {
            self.append(SOME / 10);
            self.main();
            (planned() < before).then_some(())
        });
        cluster.proxies().for_each(Proxy::forget);
        if action == Action::Hold {
            (0..pieces).for_each(|_| self.append(SOME / 10));
            for proxy in cluster.proxies() {
                proxy.let_through().expect("the broker answers");
            }
        }
        // half of them overlap with what comes next
        if is_overdue(action) || pieces.is_multiple_of(2) {
            let main = self.main.as_mut().expect("it runs");
            self.pipeline.wait_processed(&mut [main]);
        }
        self.running();
    }

    /// Starts the process anew with a crash point, and does what leads there.
    fn crash(&mut self, point: &'static str, passed: u32) {
        if let Some(mut main) = self.main.take() {
            main.program.kill();
        }
        self.append(SOME);
        let leads_there = point.split('.').next().expect("a part of the loop");
        let is_rare = ["settle", "change", "rewind"].contains(&leads_there) || point == "poll.changed";
        let passed = if is_rare { 0 } else { passed };
        let environment = [("TSUIKYAKU_CRASH_POINT", point), ("TSUIKYAKU_CRASH_AFTER", &*passed.to_string())];
        let mut main = self.pipeline.start_with("a", &self.pipeline.state_dir("a"), &environment);
        let mut second = None;
        match leads_there {
            "settle" | "change" | "rewind" => {
                main.wait_ready();
                match leads_there {
                    "settle" => main.program.signal("TERM"),
                    // the second process of before, while the group still counts it, would only take what it has
                    "change" => {
                        self.all_running(&main);
                        second = Some(self.pipeline.start("b"));
                    }
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

fn is_running_all(process: &Instance) -> bool {
    process.metric("tsuikyaku_assigned_partitions", &["running"]) == f64::from(PARTITIONS)
}
