//! The one order in which a partition's records are applied: merged from their topics by least append time, ties by
//! the topic's name, the order inside a topic as it is in the log. With the manifest's offsets it makes order a part
//! of the log: whoever reads the same offsets decides the same.

use std::borrow::Cow;

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
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    pub input: InputId,
    pub partition: Partition,
    pub count: usize,
    /// Effective append time of its last record, ms since the epoch.
    pub newest_ms: i64,
    /// Offset behind its last record.
    pub next_offset: i64,
}

/// The records of a batch in canonical order: partition by partition, each merged from its topics.
///
/// Taking always the topic whose next record is earliest is the same as sorting by the running maximum of each
/// topic's times: behind a late record, the earlier ones of its topic wait for it. Records that stay in the batch
/// keep their places: only new ones are sorted, and merged with those.
#[derive(Debug, Default)]
pub struct Sequence {
    placed: Vec<Placed>,
    elsewhere: Vec<Placed>,
    extents: Vec<Extent>,
    /// Records of the batch that have a place.
    count: usize,
}

impl Sequence {
    /// Everything that the batch holds.
    pub fn of(batch: &Batch, topology: &Topology) -> Sequence {
        let mut sequence = Sequence::default();
        sequence.extend(batch, topology);
        sequence
    }

    /// Takes in what was added to the batch since the last call. What left it meanwhile must have left by `keep`.
    pub fn extend(&mut self, batch: &Batch, topology: &Topology) {
        let first = self.placed.len();
        self.elsewhere.clear();
        let mut last = None;
        for index in self.count..batch.len() {
            let record = batch.get(index);
            let extent = self.extent_mut(record.input, record.partition, &mut last);
            extent.count += 1;
            extent.newest_ms = extent.newest_ms.max(record.appended_at_ms);
            extent.next_offset = record.offset + 1;
            let at_ms = extent.newest_ms;
            let rank = topology.ranks()[usize::from(record.input.0)];
            let index = u32::try_from(index).expect("a batch has a limit far below 2^32 records");
            let placed = Placed { partition: record.partition, at_ms, rank, index, input: record.input };
            let is_aligned = topology.is_aligned(record.input);
            if is_aligned { &mut self.placed } else { &mut self.elsewhere }.push(placed);
        }
        self.count = batch.len();
        self.elsewhere.sort_unstable();
        self.placed[first..].sort_unstable();
        self.placed.sort(); // stable: it finds two runs and merges them
    }

    /// The records of a task, in their order.
    pub fn of_task(&self, partition: Partition) -> &[Placed] {
        let begin = self.placed.partition_point(|record| record.partition < partition);
        let end = self.placed.partition_point(|record| record.partition <= partition);
        &self.placed[begin..end]
    }

    /// New records of inputs that have no task here.
    pub fn elsewhere(&self) -> &[Placed] {
        &self.elsewhere
    }

    /// What the batch holds of this input partition, where it holds anything.
    pub fn extent(&self, input: InputId, partition: Partition) -> Option<&Extent> {
        self.extents().find(|extent| (extent.input, extent.partition) == (input, partition))
    }

    pub fn extents(&self) -> impl Iterator<Item = &Extent> {
        self.extents.iter().filter(|extent| extent.count > 0)
    }

    /// Drops the other records from the batch and from the sequence. Records of tasks that stay must be later than
    /// all of their topic that go.
    pub fn keep(&mut self, batch: &mut Batch, keep: &[bool]) {
        batch.keep(keep);
        self.elsewhere.clear();
        self.extents.clear();
        self.count = batch.len();
        if batch.is_empty() {
            return self.placed.clear();
        }
        let mut next = 0;
        let place = |keep: &bool| {
            let at = next;
            next += u32::from(*keep);
            at
        };
        let moved: Vec<u32> = keep.iter().map(place).collect();
        self.placed.retain_mut(|placed| {
            let index = placed.index as usize;
            placed.index = moved[index];
            keep[index]
        });
        let mut last = None;
        for record in batch.iter() {
            let extent = self.extent_mut(record.input, record.partition, &mut last);
            extent.count += 1;
            extent.newest_ms = extent.newest_ms.max(record.appended_at_ms);
            extent.next_offset = record.offset + 1;
        }
    }

    /// Forgets the batch: records may have left it otherwise.
    pub fn clear(&mut self) {
        *self = Sequence::default();
    }

    /// `last` remembers the place from call to call: records come in runs.
    fn extent_mut(&mut self, input: InputId, partition: Partition, last: &mut Option<usize>) -> &mut Extent {
        let is_wanted = |extent: &Extent| (extent.input, extent.partition) == (input, partition);
        let at = match *last {
            Some(at) if is_wanted(&self.extents[at]) => at,
            _ => self.extents.iter().position(is_wanted).unwrap_or_else(|| {
                self.extents.push(Extent { input, partition, count: 0, newest_ms: i64::MIN, next_offset: 0 });
                self.extents.len() - 1
            }),
        };
        *last = Some(at);
        &mut self.extents[at]
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
        newest_ms[input] = newest_ms[input].max(batch.get(record.index as usize).appended_at_ms);
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
        let mut sequence = Sequence::of(&batch, &topology);
        sequence.keep(&mut batch, &[false, true]);
        push(&mut batch, (1, 0, 5));
        sequence.extend(&batch, &topology);
        assert_eq!(in_order(&batch, &sequence), [(1, 5), (0, 3)], "behind the one that is gone");
        let step = of_step(&batch, sequence.of_task(Partition(0)));
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
            let mut keep = vec![false; batch.len()];
            for partition in [Partition(0), Partition(1)] {
                let placed = sequence.of_task(partition);
                let barrier_ms = placed[placed.len() / 2].at_ms;
                let waiting = placed.iter().filter(|placed| placed.at_ms > barrier_ms);
                waiting.for_each(|placed| keep[placed.index as usize] = true);
            }
            sequence.keep(&mut batch, &keep);
            let anew = Sequence::of(&batch, &topology);
            assert_eq!(in_order(&batch, &sequence), in_order(&batch, &anew));
            for extent in anew.extents() {
                let kept = sequence.extent(extent.input, extent.partition).expect("it is in the batch");
                assert_eq!((kept.count, kept.newest_ms), (extent.count, extent.newest_ms));
            }
        }
    }
}
