//! Keeps the topics of a partition together in time while they are read from far behind.
//!
//! The broker hands out topics at different paces. Applied as they come, a week of web visits would move the clock
//! before the mails of that week were read, and timers would fire on half the story. So while an input is far behind,
//! records of the others that are later than what it has delivered wait, and an input that is too far ahead is not
//! read for a while. Where nothing is far behind, nothing waits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::batch::{InputId, Partition};
use super::context::Context;
use super::error::Error;
use super::order::{Extent, Sequence};
use super::ports::{Position, Source};
use super::settings::Settings;
use super::task::Task;
use super::topology::Topology;

/// What one worker holds back.
#[derive(Debug)]
pub struct Align {
    wait_max: Duration,
    lag_records_min: i64,
    held_records_max: usize,
    /// By `Clock::uptime`.
    blocked_since: BTreeMap<Partition, Duration>,
    stopped: BTreeSet<(InputId, Partition)>,
}

impl Align {
    pub fn new(settings: &Settings) -> Align {
        Align {
            wait_max: settings.align_wait_max,
            lag_records_min: settings.align_lag_records_min,
            held_records_max: settings.align_records_max,
            blocked_since: BTreeMap::new(),
            stopped: BTreeSet::new(),
        }
    }

    /// How many of a task's records, from the front, may be applied now.
    pub fn ready_count(
        &mut self,
        source: &impl Source,
        context: &Context,
        partition: Partition,
        sequence: &Sequence,
    ) -> usize {
        let placed = sequence.of_task(partition);
        let ready = match self.barrier_ms(source, &context.topology, partition, sequence) {
            Some(barrier_ms) => placed.partition_point(|record| record.at_ms <= barrier_ms),
            None => placed.len(),
        };
        if ready > 0 || placed.is_empty() {
            self.blocked_since.remove(&partition);
            return ready;
        }
        let since = *self.blocked_since.entry(partition).or_insert_with(|| context.clock.uptime());
        if context.since(since) < self.wait_max {
            return 0;
        }
        // Whatever keeps the other input back, the rest of the partition must not wait for ever.
        self.blocked_since.remove(&partition);
        placed.len()
    }

    /// Stops reading inputs of which too much is held, and reads on where little is left.
    ///
    /// # Errors
    /// Those of the source.
    pub fn pace(&mut self, source: &mut impl Source, tasks: &[Task], held: &Sequence) -> Result<(), Error> {
        let has_too_many = |extent: &&Extent| extent.count >= self.held_records_max;
        let too_many = held.extents().filter(has_too_many).map(|extent| (extent.input, extent.partition));
        let stop: Vec<_> = too_many.filter(|at| !self.stopped.contains(at)).collect();
        if !stop.is_empty() {
            source.stop(&stop)?;
            self.stopped.extend(stop);
        }
        self.read_on(source, tasks, held)
    }

    /// Starts again, behind what is held, or behind what is applied where nothing is held any more.
    fn read_on(&mut self, source: &mut impl Source, tasks: &[Task], held: &Sequence) -> Result<(), Error> {
        let mut start = Vec::new();
        self.stopped.retain(|&(input, partition)| {
            let of_task = tasks.iter().find(|task| task.partition == partition);
            let applied = of_task.and_then(|task| task.positions.iter().find(|position| position.input == input));
            // A partition that was lost meanwhile is none of ours, and one that came back was started as a whole.
            let Some(applied) = applied else { return false };
            let held = held.extent(input, partition);
            let goes_on = held.is_none_or(|held| held.count <= self.held_records_max / 4);
            if goes_on {
                let behind_held = held.map_or(0, |held| held.next_offset);
                start.push(Position { next_offset: applied.next_offset.max(behind_held), ..*applied });
            }
            !goes_on
        });
        if start.is_empty() { Ok(()) } else { Ok(source.start(&start)?) }
    }

    /// A partition was lost: if it comes back, all of it is started anew.
    pub fn lose(&mut self, lost: &[Partition]) {
        self.stopped.retain(|(_, partition)| !lost.contains(partition));
    }

    /// Everything is positioned anew: nothing is held, nothing is stopped.
    pub fn forget(&mut self) {
        self.blocked_since.clear();
        self.stopped.clear();
    }

    /// The time up to which every input that is far behind has delivered; `None` where none is. `i64::MIN` where one
    /// has delivered nothing yet.
    fn barrier_ms(
        &self,
        source: &impl Source,
        topology: &Topology,
        partition: Partition,
        sequence: &Sequence,
    ) -> Option<i64> {
        let newest_ms = |input| sequence.extent(input, partition).map(|extent| extent.newest_ms);
        let lag = |input: &InputId| source.lag_records(*input, partition);
        let is_behind = |input: &InputId| lag(input).is_none_or(|lag| lag >= self.lag_records_min);
        topology.aligned().filter(is_behind).map(|input| newest_ms(input).unwrap_or(i64::MIN)).min()
    }
}
