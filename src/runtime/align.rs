//! Keeps the topics of a partition together in time while they are read from far behind.
//!
//! The broker hands out topics at different paces. Applied as they come, a week of web visits would move the clock
//! before the mails of that week were read, and timers would fire on half the story. So from when an input is far behind
//! until it is read to its end, records of the others that are later than what it has delivered wait, and an input that
//! is too far ahead is not read for a while. Where nothing is far behind, nothing waits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::batch::{InputId, Partition};
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
    /// Far behind at some time, and not read to their end since.
    catching_up: BTreeSet<(InputId, Partition)>,
    /// Waited for in vain, with what they had left then: not waited for again before they deliver.
    absent: BTreeMap<(InputId, Partition), Option<i64>>,
    stopped: BTreeSet<(InputId, Partition)>,
}

impl Align {
    pub fn new(settings: &Settings) -> Align {
        Align {
            wait_max: settings.align_wait_max,
            lag_records_min: settings.align_lag_records_min,
            held_records_max: settings.align_records_max,
            blocked_since: BTreeMap::new(),
            catching_up: BTreeSet::new(),
            absent: BTreeMap::new(),
            stopped: BTreeSet::new(),
        }
    }

    /// Until which time, ms since the epoch, a task's records may be applied now. `lag` gives what an input has left
    /// beyond what it has delivered, in records; `None` before it said anything.
    pub fn ready_until(
        &mut self,
        lag: impl Fn(InputId) -> Option<i64>,
        uptime: impl FnOnce() -> Duration,
        topology: &Topology,
        partition: Partition,
        sequence: &Sequence,
    ) -> i64 {
        let delivered_ms = |input| sequence.extent(input, partition).map_or(i64::MIN, Extent::newest_ms);
        let behind = self.behind(&lag, topology, partition);
        let until_ms = behind.iter().map(|input| delivered_ms(*input)).min().unwrap_or(i64::MAX);
        let waits = |extent: &Extent| extent.oldest_ms() > until_ms;
        if sequence.extents_of(partition).next().is_none() || !sequence.extents_of(partition).all(waits) {
            self.blocked_since.remove(&partition);
            return until_ms;
        }
        let now = uptime();
        let since = *self.blocked_since.entry(partition).or_insert(now);
        if now.saturating_sub(since) < self.wait_max {
            return until_ms;
        }
        // Whatever keeps the other input back, the rest of the partition must not wait for ever.
        self.blocked_since.remove(&partition);
        let last_ms = sequence.extents_of(partition).map(Extent::newest_ms).max().unwrap_or(i64::MIN);
        for input in behind.into_iter().filter(|input| delivered_ms(*input) < last_ms) {
            self.absent.insert((input, partition), lag(input));
        }
        i64::MAX
    }

    /// Stops reading inputs of which too much is held, and reads on where little is left.
    ///
    /// # Errors
    /// Those of the source.
    pub fn pace(&mut self, source: &mut impl Source, tasks: &[Task], held: &Sequence) -> Result<(), Error> {
        let has_too_many = |extent: &&Extent| extent.count() >= self.held_records_max;
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
            let goes_on = held.is_none_or(|held| held.count() <= self.held_records_max / 4);
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
        let is_kept = |at: &(InputId, Partition)| !lost.contains(&at.1);
        self.stopped.retain(is_kept);
        self.catching_up.retain(is_kept);
        self.absent.retain(|at, _| is_kept(at));
    }

    /// Everything is positioned anew: nothing is held, nothing is stopped.
    pub fn forget(&mut self) {
        self.blocked_since.clear();
        self.catching_up.clear();
        self.absent.clear();
        self.stopped.clear();
    }

    /// The inputs that are waited for.
    fn behind(
        &mut self,
        lag: impl Fn(InputId) -> Option<i64>,
        topology: &Topology,
        partition: Partition,
    ) -> Vec<InputId> {
        let mut behind = Vec::new();
        for input in topology.aligned() {
            let (at, lag) = ((input, partition), lag(input));
            if lag == Some(0) {
                self.catching_up.remove(&at);
            } else if lag.is_none_or(|lag| lag >= self.lag_records_min) {
                self.catching_up.insert(at);
            }
            if self.absent.get(&at).is_some_and(|lag_then| *lag_then != lag) {
                self.absent.remove(&at);
            }
            if self.catching_up.contains(&at) && !self.absent.contains_key(&at) {
                behind.push(input);
            }
        }
        behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::batch::Batch;
    use crate::runtime::topology::{Input, Role};
    use crate::scoring::event::InputKind;
    use crate::wire::decode::Format;

    const P: Partition = Partition(0);
    const PATIENT: Duration = Duration::from_secs(3_600);

    fn topology() -> Topology {
        let of = |kind: InputKind| Input {
            topic: kind.as_str().into(),
            role: Role::Events { kind, format: Format::Json },
            partition_count: 1,
        };
        let intake = Input { topic: "intake".into(), role: Role::Intake, partition_count: 1 };
        Topology::new(vec![intake, of(InputKind::Mail), of(InputKind::Web)])
    }

    fn align(wait_max: Duration) -> Align {
        Align::new(&Settings { align_wait_max: wait_max, ..Settings::default() })
    }

    /// How many records of mail (at 1, 2, 3) and web (at these times) are ready while web has so many left.
    fn check(align: &mut Align, web_ms: &[i64], web_lag: Option<i64>, expected: usize) {
        let topology = topology();
        let of =
            |name: &str| topology.inputs().find(|(_, input)| input.topic == name).map(|(id, _)| id).expect("there");
        let mut batch = Batch::default();
        for (input, times_ms) in [("mail", &[1, 2, 3][..]), ("web", web_ms)] {
            for (offset, &at_ms) in (0..).zip(times_ms) {
                batch.push(of(input), P, offset, at_ms, Some(b"a"), Some(b"v"), std::iter::empty());
            }
        }
        let mut sequence = Sequence::of(&batch, &topology);
        let lag = |input| if input == of("web") { web_lag } else { Some(0) };
        let until_ms = align.ready_until(lag, || Duration::ZERO, &topology, P, &sequence);
        assert_eq!(sequence.take_until(P, until_ms).len(), expected, "web has {web_lag:?} left");
    }

    #[test]
    fn an_input_that_was_far_behind_is_waited_for_until_it_is_read() {
        let mut align = align(PATIENT);
        for (web_lag, expected) in
            [(Some(99), 4), (Some(100), 3), (Some(99), 3), (Some(1), 3), (Some(0), 4), (Some(99), 4), (None, 3)]
        {
            check(&mut align, &[2], web_lag, expected);
        }
    }

    #[test]
    fn an_input_that_was_waited_for_in_vain_is_not_waited_for_again_before_it_delivers() {
        let mut align = align(Duration::ZERO);
        check(&mut align, &[], Some(500), 3);
        align.wait_max = PATIENT;
        check(&mut align, &[], Some(500), 3);
        check(&mut align, &[], Some(400), 0);
        check(&mut align, &[], Some(0), 3);
    }
}
