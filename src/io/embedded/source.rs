//! The port `Source` on the embedded log.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use super::group::{MemberId, Membership, Share};
use super::log::Log;
use crate::runtime::batch::{Batch, InputId, Partition};
use crate::runtime::ports::{Change, PollLimits, Position, Source, SourceError};

/// A member of the group. Leaves it when dropped.
pub struct EmbeddedSource {
    shared: Arc<Shared>,
    inputs: Vec<InputId>,
    member: MemberId,
    owned: BTreeSet<Share>,
    /// Next offset to hand out, of what was started.
    cursors: BTreeMap<Share, i64>,
}

impl EmbeddedSource {
    pub(super) fn new(shared: Arc<Shared>) -> EmbeddedSource {
        let mut log = shared.lock();
        let (inputs, member) = (log.layout.riding_along(), log.group.join());
        drop(log);
        shared.changed.notify_all();
        EmbeddedSource { shared, inputs, member, owned: BTreeSet::new(), cursors: BTreeMap::new() }
    }

    fn leave(&mut self) {
        self.shared.lock().group.leave(self.member);
        self.shared.changed.notify_all();
        self.owned.clear();
        self.cursors.clear();
    }

    /// Forgets what was lost, also its records that wait in the batch.
    fn drop_lost(&mut self, change: &Change, batch: &mut Batch) {
        let inputs = &self.inputs;
        let is_lost = |input: InputId, partition: Partition| {
            (inputs.contains(&input) && change.lost.contains(&partition))
                || change.lost_stateless.contains(&(input, partition))
        };
        self.cursors.retain(|(input, partition), _| !is_lost(*input, *partition));
        batch.retain(|input, partition| !is_lost(input, partition));
    }
}

/// Moves what is committed into the batch, in the order of appending over all partitions.
fn fill(log: &Log, cursors: &mut BTreeMap<Share, i64>, batch: &mut Batch, limits: PollLimits) {
    let mut readers: Vec<_> = Vec::with_capacity(cursors.len());
    let mut next = BinaryHeap::with_capacity(cursors.len());
    for ((input, partition), cursor) in cursors {
        let Some(of) = log.partition(log.layout.input(*input), *partition) else { continue };
        let mut entries = of.committed_from(*cursor).peekable();
        if let Some(entry) = entries.peek() {
            next.push(Reverse((entry.sequence, readers.len())));
        }
        readers.push((*input, *partition, cursor, entries));
    }
    while let Some(Reverse((_, number))) = next.pop() {
        let (input, partition, cursor, entries) = &mut readers[number];
        let Some(entry) = entries.next() else { continue };
        let headers = entry.headers.iter().map(|(name, value)| (&**name, &**value));
        let (key, value) = (entry.key.as_deref(), entry.value.as_deref());
        batch.push(*input, *partition, entry.offset, entry.appended_at_ms, key, value, headers);
        **cursor = entry.offset + 1;
        if batch.len() >= limits.records_max || batch.bytes() >= limits.bytes_max {
            return;
        }
        if let Some(entry) = entries.peek() {
            next.push(Reverse((entry.sequence, number)));
        }
    }
}

impl Source for EmbeddedSource {
    type Group = Membership;

    fn poll(&mut self, batch: &mut Batch, limits: PollLimits) -> Result<Change, SourceError> {
        let deadline = Instant::now() + limits.wait;
        let shared = self.shared.clone();
        let mut log = shared.lock();
        loop {
            let change = log.group.turn(&mut self.member, &mut self.owned);
            if !change.is_empty() {
                drop(log);
                shared.changed.notify_all(); // what was given up is free for others
                self.drop_lost(&change, batch);
                return Ok(change);
            }
            let before = batch.len();
            if before < limits.records_max && batch.bytes() < limits.bytes_max {
                fill(&log, &mut self.cursors, batch, limits);
            }
            let in_time;
            (log, in_time) = if batch.len() > before { (log, false) } else { shared.wait(log, deadline) };
            if !in_time {
                return Ok(Change::default());
            }
        }
    }

    fn group(&mut self) -> Result<Membership, SourceError> {
        let membership = self.shared.lock().group.membership(self.member);
        membership.ok_or_else(|| SourceError::Retry("expelled from the group".into()))
    }

    fn inputs(&self) -> &[InputId] {
        &self.inputs
    }

    fn committed(&mut self, of: &[(InputId, Partition)]) -> Result<Vec<Option<i64>>, SourceError> {
        let log = self.shared.lock();
        if of.iter().any(|(input, partition)| log.is_position_pending(*input, *partition)) {
            return Err(SourceError::Retry("a transaction with these positions is open".into()));
        }
        Ok(of.iter().map(|(input, partition)| log.position(*input, *partition)).collect())
    }

    fn low_watermark(&mut self, input: InputId, partition: Partition) -> Result<i64, SourceError> {
        let log = self.shared.lock();
        let of = log.partition(log.layout.input(input), partition);
        of.map(|of| of.low()).ok_or_else(|| unknown(input, partition))
    }

    fn start(&mut self, positions: &[Position]) -> Result<(), SourceError> {
        let log = self.shared.lock();
        for &Position { input, partition, next_offset } in positions {
            let of = log.partition(log.layout.input(input), partition).ok_or_else(|| unknown(input, partition))?;
            if !(of.low()..=of.next_offset()).contains(&next_offset) {
                let (low, end) = (of.low(), of.next_offset());
                let what = format!("input {} partition {} at {next_offset}, of {low} to {end}", input.0, partition.0);
                return Err(SourceError::OutOfRange(what));
            }
            self.cursors.insert((input, partition), next_offset);
        }
        Ok(())
    }

    fn stop(&mut self, of: &[(InputId, Partition)]) -> Result<(), SourceError> {
        for share in of {
            self.cursors.remove(share);
        }
        Ok(())
    }

    fn at_end(&self, partition: Partition) -> bool {
        self.inputs.iter().all(|input| self.lag_records(*input, partition) == Some(0))
    }

    fn lag_records(&self, input: InputId, partition: Partition) -> Option<i64> {
        let cursor = *self.cursors.get(&(input, partition))?;
        let log = self.shared.lock();
        let of = log.partition(log.layout.input(input), partition)?;
        Some(of.committed_from(cursor).len() as i64)
    }

    fn close(&mut self, _deadline: Duration) {
        self.leave();
    }
}

impl Drop for EmbeddedSource {
    fn drop(&mut self) {
        self.leave();
    }
}

fn unknown(input: InputId, partition: Partition) -> SourceError {
    SourceError::Fatal(format!("input {} has no partition {}", input.0, partition.0))
}
