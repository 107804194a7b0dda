//! A machine with its disk and its clock, and the process that runs on it or does not.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use tsuikyaku::runtime::context::Context;
use tsuikyaku::runtime::encode::Formats;
use tsuikyaku::runtime::shared::Phase;
use tsuikyaku::runtime::worker::Worker;

use crate::disk::SimDisk;
use crate::fault::{Fault, NodeId};
use crate::ports::{SimChangelog, SimClock, SimSink, SimSource, Watch};
use crate::world::World;

pub type SimWorker = Worker<SimSource, SimSink, SimChangelog>;

pub struct Node {
    pub id: NodeId,
    pub disk: Arc<SimDisk>,
    pub wrong_by_ms: Arc<AtomicI64>,
    pub process: RefCell<Option<Process>>,
    /// Faults that wait for their place, and how often it is passed before.
    pub armed: RefCell<Vec<(Fault, usize)>>,
    starts: Cell<u64>,
}

pub struct Process {
    /// Tells it from those before and after it on this machine.
    pub number: u64,
    pub context: Context,
    pub slots: Vec<Slot>,
    /// Somewhere on the stack one of its workers stands still.
    pub is_paused: bool,
}

/// A worker, unless it is on the stack.
pub struct Slot {
    pub worker: Option<Box<SimWorker>>,
    pub watch: Rc<Watch>,
}

impl Node {
    pub fn new(id: NodeId) -> Node {
        Node {
            id,
            disk: Arc::default(),
            wrong_by_ms: Arc::default(),
            process: RefCell::default(),
            armed: RefCell::default(),
            starts: Cell::default(),
        }
    }

    pub fn is_running(&self) -> bool {
        self.process.borrow().is_some()
    }

    pub fn is_process(&self, number: u64) -> bool {
        self.process.borrow().as_ref().is_some_and(|process| process.number == number)
    }

    /// Partitions that are restored and run here.
    pub fn running_count(&self) -> usize {
        let process = self.process.borrow();
        let phases = process.as_ref().map(|process| process.context.shared.phases());
        phases.map_or(0, |phases| phases.values().filter(|phase| **phase == Phase::Running).count())
    }

    pub fn start(&self, world: &World) {
        self.starts.set(self.starts.get() + 1);
        let context = Context {
            model: world.fixed.model.clone(),
            topology: world.topology.clone(),
            decoder: world.fixed.decoder.clone(),
            formats: Formats::default(),
            store: self.disk.clone(),
            clock: Arc::new(SimClock { time_ms: world.time_ms.clone(), wrong_by_ms: self.wrong_by_ms.clone() }),
            settings: world.plan.setup.settings.clone(),
            metrics: world.fixed.metrics.clone(),
            shared: Arc::default(),
        };
        let slots = (0..world.plan.setup.workers).map(|number| self.slot(world, &context, number)).collect();
        let process = Process { number: self.starts.get(), context, slots, is_paused: false };
        *self.process.borrow_mut() = Some(process);
    }

    fn slot(&self, world: &World, context: &Context, number: usize) -> Slot {
        let watch = Rc::new(Watch::default());
        let source = SimSource::new(self.id, world.log.source(), watch.clone());
        let sink = SimSink::new(self.id, format!("app-{}-{number}", self.id), watch.clone());
        let changelog = SimChangelog::new(world.plan.setup.piece, watch.clone());
        Slot { worker: Some(Box::new(Worker::new(context.clone(), number, source, sink, changelog))), watch }
    }
}
