//! One partition at work: its clock, its positions, its leads, its timers, and what the open batch wants.
//!
//! Everything uncommitted stands in `working` and `pending`; giving it up is dropping the task and restoring it.

use std::time::Duration;

use crate::scoring::decision::DecisionType;
use crate::scoring::lanes::Lane;
use crate::wire::keys;
use crate::wire::manifest::{InputPosition, Manifest, ManifestStep};

use super::batch::{InputId, Partition};
use super::leads::SharedLeads;
use super::outputs::Outputs;
use super::ports::Position;
use super::tally::Tally;
use super::timers::TimerQueue;
use super::topology::Topology;
use super::working::WorkingSet;

/// A decoded lead takes about so much.
const DECODED_BYTES: usize = 2048;
/// Which part of the memory for leads decoded ones may take.
const DECODED_SHARE: usize = 8;
/// ... within these limits, in leads.
const BUSY_MIN: u32 = 256;
const BUSY_MAX: u32 = 1 << 20;

/// What the open batch has for its transaction, beside the changed leads.
#[derive(Debug, Default)]
pub struct Pending {
    pub outputs: Outputs,
    /// Clock and positions after each step, the last one included: replaying them step by step decides the same.
    pub steps: Vec<ManifestStep>,
    pub decided: Vec<Decided>,
    pub tally: Tally,
    pub record_count: usize,
}

impl Pending {
    fn clear(&mut self) {
        self.outputs.clear();
        self.steps.clear();
        self.decided.clear();
        self.tally.clear();
        self.record_count = 0;
    }
}

/// A decision, as the metrics count it.
#[derive(Debug, Clone, Copy)]
pub struct Decided {
    pub lane: Lane,
    pub decision_type: DecisionType,
    /// Append time of the record that brought it, ms since the epoch; `None` for a timer's.
    pub appended_at_ms: Option<i64>,
}

/// A partition that is restored and runs.
#[derive(Debug)]
pub struct Task {
    pub partition: Partition,
    /// Event-driven time of this partition, ms since the epoch; never goes back.
    pub clock_ms: i64,
    /// Next offset of every input of the partition, by input, with what is pending.
    pub positions: Vec<Position>,
    pub leads: SharedLeads,
    /// Share of this task of the memory for leads, bytes.
    pub memory_bytes_max: usize,
    pub timers: TimerQueue,
    pub working: WorkingSet,
    pub pending: Pending,
    /// The last committed manifest, as its bytes.
    pub manifest: Vec<u8>,
    /// Behind the last changelog record of the last committed transaction.
    pub changelog_next_offset: i64,
    /// System time of the last commit, ms since the epoch.
    pub committed_at_ms: i64,
    /// The broker must hear the positions again, though nothing moved.
    pub recommit: bool,
    /// Something was committed that the store does not know.
    pub unpersisted: bool,
    /// By `Clock::uptime`.
    pub persisted_at: Duration,
}

impl Task {
    pub fn new(
        partition: Partition,
        clock_ms: i64,
        positions: Vec<Position>,
        changelog_next_offset: i64,
        persisted_at: Duration,
    ) -> Task {
        Task {
            partition,
            clock_ms,
            positions,
            leads: SharedLeads::default(),
            memory_bytes_max: 0,
            timers: TimerQueue::default(),
            working: WorkingSet::default(),
            pending: Pending::default(),
            manifest: Vec::new(),
            changelog_next_offset,
            committed_at_ms: 0,
            recommit: true,
            unpersisted: false,
            persisted_at,
        }
    }

    /// True when the open batch of this task has something to commit.
    pub fn has_pending(&self) -> bool {
        !self.pending.steps.is_empty()
    }

    /// What the open batch sends, as far as it is bytes already.
    pub fn pending_bytes(&self) -> usize {
        self.pending.outputs.bytes() + self.working.bytes()
    }

    /// True when a decision is in the open batch.
    pub fn has_decided(&self) -> bool {
        !self.pending.decided.is_empty()
    }

    /// The record before `next_offset` of that input is processed.
    pub fn advance(&mut self, input: InputId, next_offset: i64) {
        let position = self
            .positions
            .iter_mut()
            .find(|position| position.input == input)
            .expect("a task is handed records of its own inputs only");
        assert!(next_offset > position.next_offset, "an input goes forward: a record came twice or too early");
        position.next_offset = next_offset;
    }

    /// Notes where clock and positions stand at the end of a step.
    pub fn end_step(&mut self, timer_count: u64) {
        let next_offsets = self.positions.iter().map(|position| position.next_offset).collect();
        self.pending.steps.push(ManifestStep { clock_ms: self.clock_ms, next_offsets, timer_count });
    }

    /// The manifest of the open batch.
    pub fn pending_manifest(&self, topology: &Topology) -> Manifest {
        let position = |position: &Position| InputPosition {
            topic: topology.input(position.input).topic.as_str().into(),
            partition: position.partition,
            next_offset: position.next_offset,
        };
        let mut steps = self.pending.steps.clone();
        let timer_count = steps.pop().map_or(0, |last| last.timer_count);
        Manifest {
            clock_ms: self.clock_ms,
            positions: self.positions.iter().map(position).collect(),
            steps,
            timer_count,
        }
    }

    /// The batch is committed: its states become the committed ones.
    pub fn committed(&mut self, manifest: Vec<u8>, changelog_next: Option<i64>, now_ms: i64) {
        let busy_max = self.busy_max();
        self.working.committed(&mut self.leads.change(), busy_max);
        self.timers.committed();
        self.drop_stale_timers();
        self.pending.clear();
        self.manifest = manifest;
        if let Some(next) = changelog_next {
            assert!(next > self.changelog_next_offset, "the changelog grows with every commit");
            self.changelog_next_offset = next;
        }
        self.committed_at_ms = now_ms;
        self.recommit = false;
        self.unpersisted = true;
    }

    /// A lead leaves an entry behind whenever its timer moves; of busy leads these would fill the memory until they are
    /// persisted.
    fn drop_stale_timers(&mut self) {
        let leads = self.leads.read();
        if self.timers.is_mostly_stale(leads.len()) {
            self.timers.retain(|timer| {
                let id = &*timer.lead_id;
                leads.find(keys::lead_hash(id), id).is_none_or(|at| leads.timer_ms(at) == Some(timer.due_ms))
            });
        }
    }

    /// Drops committed states until what is left fits into the task's share of memory, or is lacked by the store or at
    /// work; says how many went.
    pub fn evict(&mut self) -> usize {
        let decoded_bytes = self.busy_max() as usize * DECODED_BYTES;
        self.leads.change().evict(self.memory_bytes_max.saturating_sub(decoded_bytes))
    }

    /// So many of the leads that were used last stay decoded.
    pub fn busy_max(&self) -> u32 {
        let count = self.memory_bytes_max / DECODED_SHARE / DECODED_BYTES;
        u32::try_from(count).unwrap_or(u32::MAX).clamp(BUSY_MIN, BUSY_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::testing::MemoryStore;

    #[test]
    fn of_the_timers_of_busy_leads_those_that_count_are_kept() {
        let mut task = Task::new(Partition(0), i64::MIN, Vec::new(), 0, Duration::ZERO);
        let lead = |task: &mut Task, id: &str, timer_ms| {
            let mut leads = task.leads.change();
            let at = leads.add(keys::lead_hash(id), id.into());
            leads.committed(at, Some(&[1]), timer_ms);
        };
        lead(&mut task, "busy", Some(9_999));
        lead(&mut task, "idle", Some(20_000));
        lead(&mut task, "without a timer", None);
        task.timers.push(20_000, "idle".into());
        task.timers.push(20_001, "not in memory".into());
        task.timers.push(20_002, "without a timer".into());
        (0..10_000).for_each(|due_ms| task.timers.push(due_ms, "busy".into()));
        (0..10_000).for_each(|due_ms| task.timers.push(due_ms, "without a timer".into()));
        task.timers.committed();
        task.drop_stale_timers();
        task.timers.load(&MemoryStore::default(), Partition(0), i64::MAX, 100_000, 10).expect("nothing is there");
        let due: Vec<_> = task.timers.take_due(i64::MAX, 100_000).into_iter().map(|timer| timer.due_ms).collect();
        assert_eq!(due, [9_999, 20_000, 20_001]);
    }
}
