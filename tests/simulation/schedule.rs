//! Who runs next, what happens meanwhile, and the two phases: faults, then calm.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::Duration;

use tsuikyaku::io::embedded::NewRecord;
use tsuikyaku::runtime::batch::Partition;
use tsuikyaku::runtime::error::Error;
use tsuikyaku::wire::keys;

use crate::fault::{Fault, NodeId};
use crate::node::{Process, SimWorker};
use crate::plan::{Arrival, STALE_AFTER_MS, TIMEOUT_MS, What};
use crate::world::{Alarm, Died, Running, World, input};

/// Turns of a phase of faults: a loop that comes no further is a violation.
const TURNS_MAX: u64 = 200_000;
/// Turns in which everything must be caught up once nothing goes wrong any more, and so many for each record.
const CALM_TURNS_MAX: u64 = 3_000;
const CALM_TURNS_PER_RECORD: u64 = 20;

impl World {
    /// The whole history, up to the end in peace.
    pub fn happen(&self) {
        (0..self.plan.setup.nodes).for_each(|node| self.nodes[node].start(self));
        let begun_ms = self.now_ms();
        self.run_until(begun_ms + self.plan.end_ms() + 60_000);
        self.tally.borrow_mut().simulated_ms = self.now_ms() - begun_ms - self.plan.pause_ms;
        self.calm_down();
        self.catch_up("in calm");
        for node in &self.nodes {
            if node.is_running() {
                self.stop(node.id);
                if self.nodes.iter().any(|node| node.is_running()) {
                    self.catch_up("when a process had left");
                }
            }
        }
        self.recorder.borrow_mut().read(&self.log);
    }

    /// Lets workers run, and everything else happen, until that time.
    pub fn run_until(&self, until_ms: i64) {
        while self.now_ms() < until_ms && self.violation.borrow().is_none() {
            self.ring_due();
            match self.choose() {
                Some((node, slot)) => self.turn(node, slot),
                None => self.leap(until_ms),
            }
            if self.tally.borrow().turns > TURNS_MAX {
                self.violate(format!("{TURNS_MAX} turns, and no end"));
            }
        }
    }

    /// One of those that have something to do.
    fn choose(&self) -> Option<(NodeId, usize)> {
        let mut ready = Vec::new();
        for node in &self.nodes {
            let process = node.process.borrow();
            let Some(process) = process.as_ref().filter(|process| !process.is_paused) else { continue };
            let slots = process.slots.iter().enumerate();
            let awake = slots.filter(|(_, slot)| slot.worker.is_some() && self.is_awake(&slot.watch));
            ready.extend(awake.map(|(at, _)| (node.id, at)));
        }
        (!ready.is_empty()).then(|| self.random(|random| random.of(&ready)))
    }

    /// To the next time at which something happens.
    fn leap(&self, until_ms: i64) {
        let mut next_ms = self.alarms.borrow().first_key_value().map_or(until_ms, |((at_ms, _), _)| *at_ms);
        for node in &self.nodes {
            let process = node.process.borrow();
            let Some(process) = process.as_ref().filter(|process| !process.is_paused) else { continue };
            let waking = process.slots.iter().filter(|slot| slot.worker.is_some());
            next_ms = waking.map(|slot| slot.watch.wake_at_ms.get()).fold(next_ms, i64::min);
        }
        self.time_passes((next_ms.min(until_ms) - self.now_ms()).max(1));
    }

    fn turn(&self, node: NodeId, slot: usize) {
        self.tally.borrow_mut().turns += 1;
        self.with_worker(node, slot, |mut worker| worker.turn().map(|()| Some(worker)));
        self.time_passes(self.random(|random| random.below(3)) as i64);
        if self.holds_markers.get() && self.random(|random| random.percent(30)) {
            let pick = self.random(|random| random.below(1_000));
            if self.log.write_marker(pick) {
                self.changed();
            }
        }
    }

    /// Takes a worker out of its slot and lets it do something; puts it back where it comes back.
    fn with_worker(
        &self,
        node: NodeId,
        slot: usize,
        work: impl FnOnce(Box<SimWorker>) -> Result<Option<Box<SimWorker>>, Error>,
    ) {
        let (worker, process) = {
            let mut process = self.nodes[node].process.borrow_mut();
            let Some(process) = process.as_mut() else { return };
            let Some(worker) = process.slots[slot].worker.take() else { return };
            (worker, process.number)
        };
        self.running.borrow_mut().push(Running { node, slot, process });
        let done = catch_unwind(AssertUnwindSafe(|| work(worker)));
        self.running.borrow_mut().pop();
        let lives = self.nodes[node].is_process(process);
        match done {
            Ok(Ok(worker)) if lives => {
                if let Some(process) = self.nodes[node].process.borrow_mut().as_mut() {
                    process.slots[slot].worker = worker;
                }
            }
            Ok(Err(error)) if lives => self.fails(node, &error),
            Err(payload) if !payload.is::<Died>() => {
                let text = payload.downcast_ref::<String>().cloned();
                let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                self.violate(format!("a worker panics: {}", text.unwrap_or_default()));
            }
            _ => {}
        }
    }

    /// A process ends by itself, and is started again.
    fn fails(&self, node: NodeId, error: &Error) {
        self.happens("fails");
        self.tell(|| format!("process {node} ends: {error}"));
        let is_due = match error {
            Error::Store(_) => true,
            Error::Stop(text) => {
                text.starts_with("nothing could be committed") || text.contains("dead_letter_share_max")
            }
            Error::Corrupt { .. } | Error::Rewind { .. } => false,
        };
        if !is_due || self.is_calm.get() {
            self.violate(format!("process {node} ends: {error}"));
        }
        let ended = self.nodes[node].process.borrow_mut().take();
        drop(ended);
        self.changed();
        self.alarm(self.random(|random| random.between_ms(100, 5_000)), Alarm::Start(node));
    }

    /// A process is killed: nobody is told.
    pub fn die(&self, node: NodeId) {
        let process = self.nodes[node].process.borrow_mut().take();
        let Some(process) = process else { return };
        self.tell(|| format!("process {node} is dead"));
        process.slots.iter().for_each(|slot| slot.watch.is_killed.set(true));
        drop::<Process>(process);
        self.nodes[node].disk.copy(self.random(|random| random.below(8)));
        self.alarm(TIMEOUT_MS + 20, Alarm::ExpireTransactions);
        if node < self.plan.setup.nodes {
            self.alarm(self.random(|random| random.between_ms(10, 5_000)), Alarm::Start(node));
        }
    }

    fn start(&self, node: NodeId) {
        if self.nodes[node].is_running() {
            return;
        }
        if self.is_broker_away() {
            return self.alarm(1_000, Alarm::Start(node));
        }
        // A static member takes its place again; another one waits for the session to time out.
        if self.random(|random| random.percent(50)) {
            let is_mine = |alarm: &Alarm| matches!(alarm, Alarm::Forget(Some(of), _) if *of == node);
            let alarms = std::mem::take(&mut *self.alarms.borrow_mut());
            let (gone, kept): (BTreeMap<_, _>, _) = alarms.into_iter().partition(|(_, alarm)| is_mine(alarm));
            *self.alarms.borrow_mut() = kept;
            drop(gone);
        }
        self.tell(|| format!("process {node} starts"));
        self.nodes[node].start(self);
        self.changed();
    }

    /// A process is asked to end: it commits, persists and leaves. False where it stands still somewhere.
    fn stop(&self, node: NodeId) -> bool {
        let Some(slots) = self.nodes[node].process.borrow().as_ref().map(|process| process.slots.len()) else {
            return false;
        };
        let is_here = |process: &Process| process.slots.iter().all(|slot| slot.worker.is_some());
        if !self.nodes[node].process.borrow().as_ref().is_some_and(is_here) {
            return false;
        }
        self.tell(|| format!("process {node} is asked to end"));
        for slot in 0..slots {
            self.with_worker(node, slot, |worker| worker.leave(Duration::from_secs(1)).map(|()| None));
            self.changed();
        }
        // What it could not commit, because the broker was away, stays open until then.
        self.alarm(TIMEOUT_MS + 20, Alarm::ExpireTransactions);
        self.nodes[node].process.borrow_mut().take().is_some()
    }

    // -- what happens at its time

    fn ring_due(&self) {
        loop {
            let alarm = {
                let mut alarms = self.alarms.borrow_mut();
                match alarms.first_entry() {
                    Some(first) if first.key().0 <= self.now_ms() => first.remove(),
                    _ => return,
                }
            };
            self.ring(alarm);
        }
    }

    fn ring(&self, alarm: Alarm) {
        match alarm {
            Alarm::Item(at) => match &self.plan.items[at].what {
                What::Arrival(arrival) => self.arrives(arrival),
                What::Fault(fault) => self.goes_wrong(*fault),
            },
            Alarm::Start(node) => self.start(node),
            Alarm::Leave(node) => {
                if !self.stop(node) && self.nodes[node].is_running() {
                    self.alarm(1_000, Alarm::Leave(node));
                }
            }
            Alarm::Expel(member) => self.log.expel(member),
            Alarm::ExpireTransactions => self.log.expire_transactions(),
            Alarm::Forget(_, source) => drop(source),
            Alarm::WriteMarkers => {
                self.holds_markers.set(false);
                self.log.hold_markers(false);
            }
            Alarm::End(mut sink) => {
                use tsuikyaku::runtime::ports::Sink;
                if sink.end().is_ok() {
                    self.tell(|| "a late end of transaction is applied".into());
                }
            }
        }
        self.changed();
    }

    fn arrives(&self, arrival: &Arrival) {
        let id = input(&self.topology, arrival.kind);
        let partitions = self.topology.input(id).partition_count;
        let key = arrival.key.as_deref().map(str::as_bytes);
        let home = || keys::home(arrival.key.as_deref().unwrap_or_default(), self.topology.partition_count()).0;
        let partition = Partition(arrival.partition.unwrap_or_else(home) % partitions);
        let (value, at_ms) = (arrival.value.as_slice(), self.now_ms());
        let record =
            NewRecord { partition: Some(partition), key, value: Some(value), headers: &[], timestamp_ms: Some(at_ms) };
        self.log.append(&[(id, record)]).expect("a log in memory cannot fail");
        self.recorder.borrow_mut().input(id, partition, at_ms, key, value);
        match arrival.fault {
            Some(fault) => self.struck(fault),
            None => self.happens("arrival"),
        }
    }

    fn goes_wrong(&self, fault: Fault) {
        self.tell(|| format!("planned: {fault}"));
        if let (Some(node), Some((_, nth))) = (fault.node(), fault.place()) {
            return self.nodes[node].armed.borrow_mut().push((fault, nth));
        }
        let struck = match fault {
            Fault::Stop { node, for_ms } => {
                let stopped = self.stop(node);
                self.alarm(for_ms, Alarm::Start(node));
                stopped
            }
            Fault::Join { for_ms } => {
                let guest = self.plan.setup.nodes;
                self.start(guest);
                self.alarm(for_ms, Alarm::Leave(guest));
                true
            }
            Fault::Expel { node } => self.expel(node),
            Fault::BrokerAway { for_ms } => {
                self.away_until_ms.set(self.now_ms() + for_ms);
                true
            }
            Fault::MarkerLag { for_ms } => {
                self.holds_markers.set(true);
                self.log.hold_markers(true);
                self.alarm(for_ms, Alarm::WriteMarkers);
                true
            }
            Fault::Compact => {
                self.recorder.borrow_mut().read(&self.log);
                self.is_compacted.set(true);
                self.log.compact(self.tombstones_before_ms());
                true
            }
            Fault::ClockJump { node, by_ms } => {
                let wrong_by_ms = &self.nodes[node].wrong_by_ms;
                let wrong =
                    (wrong_by_ms.load(Ordering::Relaxed) + by_ms).clamp(-STALE_AFTER_MS / 3, STALE_AFTER_MS / 3);
                wrong_by_ms.store(wrong, Ordering::Relaxed);
                true
            }
            _ => self.harms_machine(fault),
        };
        if struck {
            self.struck(fault.kind());
        }
    }

    /// Kafka keeps a tombstone for its retention behind the pass that took what it deletes, so whoever has read that
    /// comes to the tombstone. Here one pass takes both: not while somebody is on the way from the one to the other.
    fn tombstones_before_ms(&self) -> i64 {
        let is_read = self.nodes.iter().any(|node| {
            let process = node.process.borrow();
            process.as_ref().is_some_and(|process| process.slots.iter().any(|slot| slot.watch.is_restoring.get()))
        });
        if is_read { i64::MIN } else { self.now_ms() - 2 * STALE_AFTER_MS }
    }

    fn harms_machine(&self, fault: Fault) -> bool {
        let Some(node) = fault.node() else { return false };
        let disk = self.nodes[node].disk.clone();
        let pick = self.random(|random| random.below(1_000));
        if let Fault::DiskFull { writes, .. } = fault {
            disk.fill_up(writes);
            return false; // when something is written
        }
        let was_running = self.nodes[node].is_running();
        self.die(node);
        match fault {
            Fault::PowerLoss { .. } => disk.lose_power(pick),
            Fault::DiskStale { .. } => disk.go_back(pick),
            Fault::DiskLost { .. } => {
                disk.lose();
                true
            }
            _ => was_running,
        }
    }

    fn expel(&self, node: NodeId) -> bool {
        let process = self.nodes[node].process.borrow();
        let Some(process) = process.as_ref() else { return false };
        process.slots.iter().filter_map(|slot| slot.watch.member.get()).for_each(|member| self.log.expel(member));
        true
    }

    // -- calm

    /// Nothing goes wrong any more, and what was wrong is over.
    fn calm_down(&self) {
        self.tell(|| "calm".into());
        self.is_calm.set(true);
        let cancelled = std::mem::take(&mut *self.alarms.borrow_mut());
        drop(cancelled);
        self.away_until_ms.set(0);
        self.holds_markers.set(false);
        self.log.hold_markers(false);
        self.log.expire_transactions();
        for node in &self.nodes {
            node.armed.borrow_mut().clear();
            node.disk.fill_up(0);
            node.wrong_by_ms.store(0, Ordering::Relaxed);
        }
        (0..self.plan.setup.nodes).for_each(|node| self.start(node));
        self.changed();
    }

    /// Everything that stands in the log is processed within a bounded number of turns, and every partition runs.
    fn catch_up(&self, when: &str) {
        let turns = || self.tally.borrow().turns;
        let turns_max = turns() + CALM_TURNS_MAX + CALM_TURNS_PER_RECORD * self.plan.items.len() as u64;
        while !self.is_caught_up() && self.violation.borrow().is_none() {
            self.run_until(self.now_ms() + 1_000);
            if turns() > turns_max {
                let lag = self.log.lag_records();
                let run: usize = self.nodes.iter().map(|node| node.running_count()).sum();
                self.violate(format!("{when} not caught up: {lag} records behind, {run} partitions run"));
            }
        }
    }

    fn is_caught_up(&self) -> bool {
        let running: usize = self.nodes.iter().map(|node| node.running_count()).sum();
        running == self.plan.setup.partitions as usize && self.log.lag_records() == 0
    }
}
