//! The one order in which a partition's records are applied: merged from their topics by least append time, ties by
//! the topic's name, the order inside a topic as it is in the log. With the manifest's offsets it makes order a part
//! of the log: whoever reads the same offsets decides the same.

use std::borrow::Cow;
use std::collections::VecDeque;

use smallvec::SmallVec;

use super::batch::{Batch, InputId, Partition};
use super::topology::Topology;

/// A record's place: its partition, its effective append time (that of the records before it in its topic, where
/// those are later), and its index in the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placed {
    pub partition: Partition,
    /// ms since the epoch. Non-decreasing within a partition's sequence.
    pub at_ms: i64,
    rank: u16,
    pub index: u32,
    pub input: InputId,
}

/// What a batch holds of one input partition.
#[derive(Debug, Clone)]
pub struct Extent {
    pub input: InputId,
    pub partition: Partition,
    is_aligned: bool,
    /// In the order of the log.
    placed: VecDeque<Placed>,
    /// Offset behind its last record.
    pub next_offset: i64,
}

impl Extent {
    fn is_of(&self, task: Partition) -> bool {
        self.is_aligned && self.partition == task
    }

    pub fn count(&self) -> usize {
        self.placed.len()
    }

    /// Effective append time of its first record, ms since the epoch.
    pub fn oldest_ms(&self) -> i64 {
        self.placed.front().map_or(i64::MAX, |placed| placed.at_ms)
    }

    /// Effective append time of its last record, ms since the epoch.
    pub fn newest_ms(&self) -> i64 {
        self.placed.back().map_or(i64::MIN, |placed| placed.at_ms)
    }
}

/// The records of a batch, by input partition; merged into canonical order when they are taken.
///
/// Taking always the topic whose next record is earliest is the same as sorting by the running maximum of each
/// topic's times: behind a late record, the earlier ones of its topic wait for it. Records that stay in the batch are
/// not looked at.
#[derive(Debug, Default)]
pub struct Sequence {
    /// By topic name: a stable sort by time alone leaves ties as they should be.
    extents: Vec<Extent>,
    /// Indices of records that were taken since the last `settle`.
    taken: Vec<u32>,
    /// Records of the batch that have a place, or had one.
    count: usize,
}

impl Sequence {
    /// Everything that the batch holds.
    pub fn of(batch: &Batch, topology: &Topology) -> Sequence {
        let mut sequence = Sequence::default();
        sequence.extend(batch, topology);
        sequence
    }

    /// Takes in what was added to the batch since the last call. What left it meanwhile must have left by `settle`.
    pub fn extend(&mut self, batch: &Batch, topology: &Topology) {
        let mut last = None;
        for index in self.count..batch.end() {
            let Some((input, partition)) = batch.place(index) else { continue };
            let extent = self.extent_mut(input, partition, topology, &mut last);
            extent.next_offset = batch.offset(index) + 1;
            let at_ms = extent.newest_ms().max(batch.appended_at_ms(index));
            let rank = topology.ranks()[usize::from(input.0)];
            let index = u32::try_from(index).expect("a batch has a limit far below 2^32 records");
            extent.placed.push_back(Placed { partition, at_ms, rank, index, input });
        }
        self.count = batch.end();
    }

    /// The records of a task, in their order.
    pub fn of_task(&self, partition: Partition) -> Vec<Placed> {
        let of_topics = self.extents_of(partition).flat_map(|extent| &extent.placed);
        let mut all: Vec<Placed> = of_topics.copied().collect();
        all.sort_by_key(|placed| placed.at_ms); // stable: it merges the topics
        all
    }

    /// Takes the records of a task until this time, in their order.
    pub fn take_until(&mut self, partition: Partition, until_ms: i64) -> Vec<Placed> {
        let Sequence { extents, taken, .. } = self;
        let mut front = Vec::new();
        for extent in extents.iter_mut().filter(|extent| extent.is_of(partition)) {
            let end = extent.placed.partition_point(|placed| placed.at_ms <= until_ms);
            front.extend(extent.placed.drain(..end));
        }
        front.sort_by_key(|placed| placed.at_ms);
        taken.extend(front.iter().map(|placed| placed.index));
        front
    }

    /// Takes the records of inputs that have no task here, partition by partition, each in a task's order.
    pub fn take_elsewhere(&mut self) -> Vec<Placed> {
        let Sequence { extents, taken, .. } = self;
        let elsewhere = extents.iter_mut().filter(|extent| !extent.is_aligned);
        let mut all: Vec<Placed> = elsewhere.flat_map(|extent| extent.placed.drain(..)).collect();
        all.sort_unstable();
        taken.extend(all.iter().map(|placed| placed.index));
        all
    }

    /// What the batch holds of this input partition, where it holds anything.
    pub fn extent(&self, input: InputId, partition: Partition) -> Option<&Extent> {
        self.extents().find(|extent| (extent.input, extent.partition) == (input, partition))
    }

    pub fn extents(&self) -> impl Iterator<Item = &Extent> {
        self.extents.iter().filter(|extent| !extent.placed.is_empty())
    }

    /// What the batch holds of a task's inputs.
    pub fn extents_of(&self, partition: Partition) -> impl Iterator<Item = &Extent> {
        self.extents().filter(move |extent| extent.is_of(partition))
    }

    /// Lets the batch forget what was taken.
    pub fn settle(&mut self, batch: &mut Batch) {
        if let Some(moved) = batch.let_go(self.taken.drain(..).map(|index| index as usize)) {
            let staying = self.extents.iter_mut().flat_map(|extent| &mut extent.placed);
            staying.for_each(|placed| placed.index = moved[placed.index as usize]);
        }
        self.count = batch.end();
    }

    /// Forgets the batch: records may have left it otherwise.
    pub fn clear(&mut self) {
        *self = Sequence::default();
    }

    /// `last` remembers the place from call to call: records come in runs.
    fn extent_mut(
        &mut self,
        input: InputId,
        partition: Partition,
        topology: &Topology,
        last: &mut Option<usize>,
    ) -> &mut Extent {
        let is_wanted = |extent: &Extent| (extent.input, extent.partition) == (input, partition);
        let at = match *last {
            Some(at) if is_wanted(&self.extents[at]) => at,
            _ => self.extents.iter().position(is_wanted).unwrap_or_else(|| self.add(input, partition, topology)),
        };
        *last = Some(at);
        &mut self.extents[at]
    }

    fn add(&mut self, input: InputId, partition: Partition, topology: &Topology) -> usize {
        let rank = |input: InputId| topology.ranks()[usize::from(input.0)];
        let at = self.extents.partition_point(|extent| rank(extent.input) <= rank(input));
        let is_aligned = topology.is_aligned(input);
        self.extents.insert(at, Extent { input, partition, is_aligned, placed: VecDeque::new(), next_offset: 0 });
        at
    }
}

/// A step's records, which are the front of a task's part of a sequence, in the order that a reader of the log gives
/// them: by the times of the step's own records alone. What was taken by an earlier step holds nothing back.
pub fn of_step<'p>(batch: &Batch, placed: &'p [Placed]) -> Cow<'p, [Placed]> {
    let mut newest_ms: SmallVec<[i64; 16]> = SmallVec::new();
    let mut is_as_placed = true;
    let mut at_ms = |record: &Placed| {
        let input = usize::from(record.input.0);
        newest_ms.resize(newest_ms.len().max(input + 1), i64::MIN);
        newest_ms[input] = newest_ms[input].max(batch.appended_at_ms(record.index as usize));
        is_as_placed &= newest_ms[input] == record.at_ms;
        newest_ms[input]
    };
    let times_ms: SmallVec<[i64; 64]> = placed.iter().map(&mut at_ms).collect();
    if is_as_placed {
        return Cow::Borrowed(placed);
    }
    let mut ordered: Vec<Placed> =
        placed.iter().zip(times_ms).map(|(record, at_ms)| Placed { at_ms, ..*record }).collect();
    ordered.sort_unstable();
    Cow::Owned(ordered)
}

/// Each input's place in the alphabetical order of topic names.
pub fn ranks<'a>(topics: impl Iterator<Item = &'a str>) -> Vec<u16> {
    let topics: Vec<&str> = topics.collect();
    let rank = |topic: &&str| topics.iter().filter(|other| *other < topic).count();
    topics.iter().map(|topic| u16::try_from(rank(topic)).expect("fewer inputs than 2^16")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::topology::{Input, Role};
    use super::*;
    use crate::scoring::event::InputKind;
    use crate::wire::decode::Format;

    fn topology() -> Topology {
        let input = |topic: &str, role| Input { topic: topic.into(), role, partition_count: 2 };
        let web = Role::Events { kind: InputKind::Web, format: Format::Json };
        Topology::new(vec![input("b.topic", Role::Intake), input("a.topic", web)])
    }

    fn push(batch: &mut Batch, (input, partition, at_ms): (u16, u32, i64)) {
        let offset = batch.len() as i64;
        batch.push(InputId(input), Partition(partition), offset, at_ms, None, None, std::iter::empty());
    }

    fn in_order(batch: &Batch, sequence: &Sequence) -> Vec<(u16, i64)> {
        let placed = [Partition(0), Partition(1)].into_iter().flat_map(|partition| sequence.of_task(partition));
        let records = placed.map(|placed| batch.get(placed.index as usize));
        records.map(|record| (record.input.0, record.appended_at_ms)).collect()
    }

    /// (topic, partition, append time) in the order polled -> (topic, time) in the order applied.
    fn check(polled: &[(u16, u32, i64)], expected: &[(u16, i64)]) {
        let mut batch = Batch::default();
        polled.iter().for_each(|record| push(&mut batch, *record));
        assert_eq!(in_order(&batch, &Sequence::of(&batch, &topology())), expected);
    }

    #[test]
    fn merges_topics_by_append_time() {
        check(&[(0, 0, 1), (0, 0, 4), (1, 0, 2), (1, 0, 3)], &[(0, 1), (1, 2), (1, 3), (0, 4)]);
    }

    #[test]
    fn breaks_ties_by_the_topics_name() {
        check(&[(0, 0, 5), (1, 0, 5)], &[(1, 5), (0, 5)]);
    }

    #[test]
    fn keeps_the_order_inside_a_topic() {
        check(&[(0, 0, 5), (0, 0, 3), (1, 0, 4)], &[(1, 4), (0, 5), (0, 3)]);
    }

    #[test]
    fn keeps_partitions_apart() {
        check(&[(0, 1, 1), (0, 0, 9)], &[(0, 9), (0, 1)]);
    }

    #[test]
    fn a_step_is_in_the_order_of_its_own_records() {
        let topology = topology();
        let mut batch = Batch::default();
        [(0, 0, 9), (0, 0, 3)].into_iter().for_each(|record| push(&mut batch, record));
        push(&mut batch, (1, 0, 5));
        let placed = Sequence::of(&batch, &topology).of_task(Partition(0));
        let times: Vec<i64> = placed.iter().map(|placed| batch.appended_at_ms(placed.index as usize)).collect();
        assert_eq!(times, [5, 9, 3]);
        let left = [placed[0], placed[2]]; // what an earlier step took holds nothing back
        let step = of_step(&batch, &left);
        let times: Vec<i64> = step.iter().map(|placed| batch.get(placed.index as usize).appended_at_ms).collect();
        assert_eq!(times, [3, 5]);
    }

    #[test]
    fn what_stays_in_the_batch_stands_where_it_would_stand_anew() {
        let topology = topology();
        let (mut batch, mut sequence) = (Batch::default(), Sequence::default());
        let mut random = 7_u64;
        for turn in 0..200 {
            for _ in 0..9 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (input, partition, step) = (random >> 63, random >> 62 & 1, random >> 57 & 31);
                push(&mut batch, (input as u16, partition as u32, 9 * turn + step as i64));
            }
            sequence.extend(&batch, &topology);
            assert_eq!(in_order(&batch, &sequence), in_order(&batch, &Sequence::of(&batch, &topology)));
            for partition in [Partition(0), Partition(1)] {
                let placed = sequence.of_task(partition);
                let until_ms = placed[placed.len() / 2].at_ms;
                let front: Vec<Placed> = placed.into_iter().filter(|placed| placed.at_ms <= until_ms).collect();
                assert_eq!(sequence.take_until(partition, until_ms), front);
            }
            sequence.settle(&mut batch);
            let anew = Sequence::of(&batch, &topology);
            assert_eq!(in_order(&batch, &sequence), in_order(&batch, &anew));
            for extent in anew.extents() {
                let kept = sequence.extent(extent.input, extent.partition).expect("it is in the batch");
                assert_eq!((kept.count(), kept.newest_ms()), (extent.count(), extent.newest_ms()));
            }
        }
    }
}
