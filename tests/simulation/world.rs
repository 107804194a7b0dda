//! One simulated history while it happens: the log, the machines, the time, and what has yet to come.
//!
//! Everything runs on one thread. A worker's call of a port comes back here, and may be the last one that its process
//! makes, or last so long that others run meanwhile: these run on top of it on the same stack.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tsuikyaku::io::embedded::{EmbeddedLog, EmbeddedSink, EmbeddedSource, Layout, Membership, Topic};
use tsuikyaku::runtime::batch::{InputId, Partition};
use tsuikyaku::runtime::metrics::{Metrics, MetricsSetup};
use tsuikyaku::runtime::ports::{Clock, Store};
use tsuikyaku::runtime::shared;
use tsuikyaku::runtime::topology::{Input, Role, Topology};
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::scoring::model::Model;
use tsuikyaku::wire::decode::{Decoder, Format};
use tsuikyaku::wire::keys;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::fault::{Fault, NodeId};
use crate::node::Node;
use crate::plan::{HOUR_MS, Plan, START_MS, Setup, TIMEOUT_MS, What};
use crate::ports::{Phase, Watch};
use crate::random::Random;
use crate::recorder::Recorder;
use crate::tally::Tally;

/// What unwinds the stack of a process that dies.
pub struct Died;

/// What is made once for all histories.
#[derive(Clone)]
pub struct Fixed {
    pub model: Arc<Model>,
    pub decoder: Arc<Decoder>,
    pub metrics: Arc<Metrics>,
}

impl Fixed {
    pub fn new() -> Fixed {
        const MODEL: &str = include_str!("../../deploy/models/b2b-saas.toml");
        let names: Vec<String> = (0..=InputKind::ALL.len()).map(|number| format!("input-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let setup =
            MetricsSetup { inputs: &names, workers: 2, model_name: "b2b-saas", model_version: "1", model_hash: "0" };
        Fixed {
            model: Arc::new(Model::parse(MODEL, "b2b-saas.toml").expect("the default model is valid")),
            decoder: Arc::default(),
            metrics: Arc::new(Metrics::new(&setup)),
        }
    }
}

/// What will happen at a certain time.
pub enum Alarm {
    /// An item of the plan.
    Item(usize),
    Start(NodeId),
    /// A process that had joined for a while leaves.
    Leave(NodeId),
    Expel(Membership),
    ExpireTransactions,
    /// The group forgets a member: of a process that has died, or of none at all.
    Forget(Option<NodeId>, EmbeddedSource),
    WriteMarkers,
    End(EmbeddedSink),
}

/// A worker on the stack.
#[derive(Debug, Clone, Copy)]
pub struct Running {
    pub node: NodeId,
    pub slot: usize,
    pub process: u64,
}

/// A lead and its state.
pub type Shown = (Box<str>, Box<[u8]>);

pub struct World {
    pub plan: Plan,
    pub fixed: Fixed,
    pub topology: Arc<Topology>,
    pub log: EmbeddedLog,
    pub time_ms: Arc<AtomicI64>,
    /// The last one joins and leaves only.
    pub nodes: Vec<Node>,
    pub alarms: RefCell<BTreeMap<(i64, u64), Alarm>>,
    alarms_count: Cell<u64>,
    pub random: RefCell<Random>,
    pub recorder: RefCell<Recorder>,
    pub tally: RefCell<Tally>,
    pub running: RefCell<Vec<Running>>,
    pub is_calm: Cell<bool>,
    pub is_compacted: Cell<bool>,
    pub holds_markers: Cell<bool>,
    pub away_until_ms: Cell<i64>,
    changes: Cell<u64>,
    /// States that a query has shown.
    pub shown: RefCell<BTreeSet<Shown>>,
    pub violation: RefCell<Option<String>>,
    /// Of everything that happened, in its order.
    pub hash: Cell<u64>,
    /// What happened, where somebody wants to read it.
    pub told: RefCell<Option<Vec<String>>>,
}

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

/// The history that happens on this thread.
pub fn world() -> Rc<World> {
    WORLD.with_borrow(|world| world.clone().expect("a history happens"))
}

/// Makes it the one that happens; `None` ends it.
pub fn set_world(world: Option<Rc<World>>) {
    WORLD.set(world);
}

/// A place of the loop is passed.
pub fn passes(place: &'static str) {
    world().passes(place);
}

struct TrueClock(Arc<AtomicI64>);

impl Clock for TrueClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl World {
    pub fn new(plan: Plan, fixed: Fixed, is_told: bool) -> World {
        let topology = Arc::new(topology(&plan.setup));
        let topic = |input: &Input| Topic { name: input.topic.clone(), partition_count: input.partition_count };
        let layout = Layout::new(topology.inputs().map(|(_, input)| topic(input)).collect());
        let time_ms = Arc::new(AtomicI64::new(START_MS));
        let world = World {
            log: EmbeddedLog::in_memory(layout, Arc::new(TrueClock(time_ms.clone()))),
            nodes: (0..=plan.setup.nodes).map(Node::new).collect(),
            random: RefCell::new(Random::new(plan.seed, 2)),
            plan,
            fixed,
            topology,
            time_ms,
            alarms: RefCell::default(),
            alarms_count: Cell::default(),
            recorder: RefCell::default(),
            tally: RefCell::default(),
            running: RefCell::default(),
            is_calm: Cell::default(),
            is_compacted: Cell::default(),
            holds_markers: Cell::default(),
            away_until_ms: Cell::default(),
            changes: Cell::default(),
            shown: RefCell::default(),
            violation: RefCell::default(),
            hash: Cell::default(),
            told: RefCell::new(is_told.then(Vec::new)),
        };
        world.plan.items.iter().enumerate().for_each(|(at, item)| world.alarm(item.at_ms, Alarm::Item(at)));
        world
    }

    // -- time

    pub fn now_ms(&self) -> i64 {
        self.time_ms.load(Ordering::Relaxed)
    }

    pub fn time_passes(&self, ms: i64) {
        self.time_ms.fetch_add(ms, Ordering::Relaxed);
    }

    pub fn alarm(&self, in_ms: i64, alarm: Alarm) {
        self.alarms_count.set(self.alarms_count.get() + 1);
        self.alarms.borrow_mut().insert((self.now_ms() + in_ms, self.alarms_count.get()), alarm);
    }

    pub fn random<T>(&self, draw: impl FnOnce(&mut Random) -> T) -> T {
        draw(&mut self.random.borrow_mut())
    }

    // -- what workers tell

    /// The log has changed: whoever sleeps looks again.
    pub fn changed(&self) {
        self.changes.set(self.changes.get() + 1);
    }

    pub fn is_awake(&self, watch: &Watch) -> bool {
        watch.wake_at_ms.get() <= self.now_ms() || watch.changes.get() != self.changes.get()
    }

    /// A poll has found nothing. Who waits for nothing but records may sleep for longer than he asked: for him it is a
    /// poll that took its time, for us an hour without arrivals costs nothing.
    pub fn sleeps(&self, watch: &Watch, wait: Duration) {
        let wait_ms = wait.as_millis() as i64;
        let is_idle = wait_ms >= 100 && self.random(|random| random.percent(75));
        let longest_ms = self.random(|random| random.of(&[2_000, 600_000, 24 * HOUR_MS]));
        let sleeps_ms = if is_idle { self.random(|random| random.between_ms(wait_ms, longest_ms)) } else { wait_ms };
        watch.wake_at_ms.set(self.now_ms() + sleeps_ms);
        watch.changes.set(self.changes.get());
    }

    /// A worker sleeps in the middle of a turn: others may run meanwhile.
    pub fn sleeps_in_a_call(&self, time: Duration) {
        let until_ms = self.now_ms() + time.as_millis() as i64;
        let Some(running) = self.is_running() else { return };
        if !self.is_calm.get() && self.running.borrow().len() < 3 && self.random(|random| random.percent(30)) {
            self.run_until(until_ms);
            self.must_live(running);
        }
        self.time_passes((until_ms - self.now_ms()).max(0));
    }

    fn is_running(&self) -> Option<Running> {
        self.running.borrow().last().copied()
    }

    /// Ends here where the process was killed while this worker stood still.
    fn must_live(&self, running: Running) {
        if !self.nodes[running.node].is_process(running.process) {
            resume_unwind(Box::new(Died));
        }
    }

    /// A worker passes a place: it may die here, or stand still.
    pub fn passes(&self, place: &'static str) {
        self.happens(place);
        let Some(running) = self.is_running() else { return };
        if self.random(|random| random.percent(3)) {
            self.query(running.node);
        }
        let waits_here =
            |fault: &Fault| matches!(fault, Fault::Crash { .. } | Fault::Pause { .. } | Fault::Rebalance { .. });
        while let Some(fault) = self.take_armed(running.node, place, waits_here) {
            match fault {
                Fault::Pause { for_ms, .. } => self.pause(running, for_ms),
                Fault::Rebalance { for_ms, .. } => {
                    self.struck(fault.kind());
                    self.joined_by_guest(for_ms);
                }
                _ => {
                    self.struck(fault.kind());
                    *self.tally.borrow_mut().crashes.entry(place).or_default() += 1;
                    self.die(running.node);
                    resume_unwind(Box::new(Died));
                }
            }
        }
    }

    /// A member joins that reads nothing, and leaves after a while.
    pub fn joined_by_guest(&self, for_ms: i64) {
        self.alarm(for_ms, Alarm::Forget(None, self.log.source()));
        self.changed();
    }

    /// The process stands still at this call, and the others go on.
    fn pause(&self, running: Running, for_ms: i64) {
        if self.running.borrow().len() >= 3 {
            return;
        }
        self.struck("pause");
        if let Some(process) = self.nodes[running.node].process.borrow_mut().as_mut() {
            process.is_paused = true;
            for slot in &process.slots {
                slot.watch.member.get().into_iter().for_each(|member| self.alarm(TIMEOUT_MS, Alarm::Expel(member)));
            }
        }
        self.alarm(TIMEOUT_MS + 10, Alarm::ExpireTransactions);
        self.run_until(self.now_ms() + for_ms);
        self.must_live(running);
        if let Some(process) = self.nodes[running.node].process.borrow_mut().as_mut() {
            process.is_paused = false;
        }
        self.tell(|| format!("process {} goes on", running.node));
    }

    /// The fault that waits for this place, when its time has come.
    pub fn take_armed(&self, node: NodeId, place: &'static str, is_one: impl Fn(&Fault) -> bool) -> Option<Fault> {
        if self.is_calm.get() {
            return None;
        }
        let mut armed = self.nodes[node].armed.borrow_mut();
        let waits = |(fault, _): &(Fault, usize)| is_one(fault) && fault.place().is_some_and(|(at, _)| at == place);
        let at = armed.iter().position(waits)?;
        if armed[at].1 > 0 {
            armed[at].1 -= 1;
            return None;
        }
        Some(armed.remove(at).0)
    }

    pub fn is_broker_away(&self) -> bool {
        self.now_ms() < self.away_until_ms.get()
    }

    /// The source of a killed process stays in the group for a while.
    pub fn haunt(&self, node: NodeId, source: EmbeddedSource) {
        self.alarm(TIMEOUT_MS, Alarm::Forget(Some(node), source));
    }

    pub fn late_end(&self, sink: EmbeddedSink) {
        self.alarm(self.random(|random| random.between_ms(1, 20_000)), Alarm::End(sink));
    }

    fn watching<T>(&self, what: impl FnOnce(&Watch) -> T) -> Option<T> {
        let running = self.is_running()?;
        let process = self.nodes[running.node].process.borrow();
        process.as_ref().map(|process| what(&process.slots[running.slot].watch))
    }

    /// True while what the worker writes is a part of a compacted changelog.
    pub fn restores_partly(&self) -> bool {
        self.is_compacted.get() && self.watching(|watch| watch.is_restoring.get()).unwrap_or(false)
    }

    /// Nothing reaches the disk while a transaction is open: what it would hold may never be committed.
    pub fn check_write(&self) {
        let phase = self.watching(|watch| watch.phase.get()).unwrap_or_default();
        if phase != Phase::None {
            self.violate(format!("the store is written while a transaction is {phase:?}"));
        }
    }

    /// A restore goes on where the disk ends: a restart replays what was committed since, never everything.
    pub fn check_restore(&self, partition: Partition, from: i64) {
        let Some(running) = self.is_running() else { return };
        let meta = self.nodes[running.node].disk.meta(partition).expect("a simulated disk reads");
        if let Some(meta) = meta.filter(|meta| from < meta.changelog_next_offset) {
            let stored = meta.changelog_next_offset;
            self.violate(format!("a restore reads from {from}, but the disk has everything below {stored}"));
        }
    }

    /// Somebody asks a process for a lead, at any moment; what he saw must have been committed, as will be known later.
    fn query(&self, node: NodeId) {
        let process = self.nodes[node].process.borrow();
        let Some(process) = process.as_ref() else { return };
        let pick = self.random(|random| random.below(self.plan.items.len()));
        let Some(What::Arrival(arrival)) = self.plan.items.get(pick).map(|item| &item.what) else { return };
        let Some(id) = arrival.key.as_deref() else { return };
        let partition = keys::home(id, self.topology.partition_count());
        if process.context.shared.phases().get(&partition) != Some(&shared::Phase::Running) {
            return;
        }
        let found = process.context.shared.read(&*self.nodes[node].disk, partition, id);
        if let Some(state) = found.expect("a simulated disk reads") {
            self.shown.borrow_mut().insert((id.into(), state));
        }
    }

    // -- what is noted

    pub fn violate(&self, text: String) {
        self.tell(|| format!("VIOLATION {text}"));
        self.violation.borrow_mut().get_or_insert(text);
    }

    pub fn struck(&self, kind: &'static str) {
        self.happens(kind);
        self.tally.borrow_mut().struck(kind);
        let at = self.is_running();
        self.tell(|| format!("{kind} strikes{}", at.map_or(String::new(), |at| format!(" process {}", at.node))));
    }

    pub fn happens(&self, what: &str) {
        self.tally.borrow_mut().events += 1;
        let at = self.is_running().map_or(0, |at| at.node as u64 * 8 + at.slot as u64 + 1);
        let mixed = self.hash.get().rotate_left(5) ^ at ^ (self.now_ms() as u64).wrapping_mul(0x9e37_79b9);
        self.hash.set(xxh3_64_with_seed(what.as_bytes(), mixed));
    }

    pub fn tell(&self, text: impl FnOnce() -> String) {
        if let Some(told) = self.told.borrow_mut().as_mut() {
            told.push(format!("{:>12} ms  {}", self.now_ms() - START_MS, text()));
        }
    }
}

fn topology(setup: &Setup) -> Topology {
    let partition_count = setup.partitions;
    let intake = Input { topic: "app.intake".into(), role: Role::Intake, partition_count };
    let events = InputKind::ALL.into_iter().map(|kind| Input {
        topic: format!("engagement.{}", kind.as_str()),
        role: Role::Events { kind, format: Format::Avro },
        partition_count: partition_count + u32::from(setup.has_stateless && kind == InputKind::Sns),
    });
    Topology::new(std::iter::once(intake).chain(events).collect())
}

/// The input of a kind of events.
pub fn input(topology: &Topology, kind: InputKind) -> InputId {
    let is_of = |input: &Input| matches!(input.role, Role::Events { kind: of, .. } if of == kind);
    topology.inputs().find(|(_, input)| is_of(input)).map(|(id, _)| id).expect("every kind has a topic")
}
