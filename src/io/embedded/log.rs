//! All partitions, producers and positions: the part that the lock guards.

use std::collections::BTreeMap;
use std::path::Path;

use super::LogError;
use super::group::{Group, Membership, Share};
use super::journal::{Frame, Journal};
use super::partition::{Ended, Entry, PartitionLog, TransactionId};
use crate::runtime::batch::{InputId, Partition};
use crate::runtime::ports::{OutTopic, Position};
use crate::wire::keys;

/// A topic by its place in the log: the inputs first, in their order, then the outputs but the intake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicId(pub u16);

/// A topic of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    pub partition_count: u32,
}

/// The topics of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// In the order of `InputId`; the first one is the intake, whose partition count is the application's.
    pub inputs: Vec<Topic>,
    /// Delete topics keep at least that many records of a partition, and compacted ones are first compacted when they
    /// have more.
    pub kept_records_min: usize,
}

impl Layout {
    /// Keeps what a person may want to look at.
    pub fn new(inputs: Vec<Topic>) -> Layout {
        Layout { inputs, kept_records_min: 10_000 }
    }

    /// N: the intake's partitions, and those of every output.
    pub fn partition_count(&self) -> u32 {
        self.inputs.first().map_or(1, |intake| intake.partition_count)
    }

    pub fn input(&self, input: InputId) -> TopicId {
        TopicId(input.0)
    }

    pub fn out(&self, topic: OutTopic) -> TopicId {
        let first = self.inputs.len() as u16;
        TopicId(match topic {
            OutTopic::Intake => InputId::INTAKE.0,
            OutTopic::Ready => first,
            OutTopic::Score => first + 1,
            OutTopic::State => first + 2,
            OutTopic::DeadLetter => first + 3,
        })
    }

    /// Inputs whose partition *p* rides along with partition *p* of the intake; the intake is the first.
    pub fn riding_along(&self) -> Vec<InputId> {
        let count = self.partition_count();
        self.ids().filter(|input| self.inputs[usize::from(input.0)].partition_count == count).collect()
    }

    pub fn ids(&self) -> impl Iterator<Item = InputId> + use<> {
        (0..self.inputs.len() as u16).map(InputId)
    }

    fn is_compacted(&self, topic: TopicId) -> bool {
        topic == self.out(OutTopic::Score) || topic == self.out(OutTopic::State)
    }

    fn partition_counts(&self) -> impl Iterator<Item = u32> {
        let outputs = [self.partition_count(); 4];
        self.inputs.iter().map(|input| input.partition_count).chain(outputs)
    }

    fn shares(&self) -> Vec<Share> {
        let count = self.partition_count();
        let of =
            |input: InputId| (0..self.inputs[usize::from(input.0)].partition_count).map(move |p| (input, Partition(p)));
        let stateless = self.ids().filter(|id| self.inputs[usize::from(id.0)].partition_count != count);
        of(InputId::INTAKE).chain(stateless.flat_map(of)).collect()
    }
}

/// A record to append.
#[derive(Debug, Clone, Copy)]
pub struct NewRecord<'a> {
    /// `None`: murmur2 of the key, the first partition without one.
    pub partition: Option<Partition>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, &'a [u8])],
    /// `None`: now.
    pub timestamp_ms: Option<i64>,
}

/// A producer of one transactional id, as the log knows it.
#[derive(Debug, Default)]
struct Producer {
    epoch: u32,
    open: Option<TransactionId>,
    positions: Vec<Position>,
    /// Committed, and not all markers are written yet.
    ending: Option<Ending>,
}

#[derive(Debug, Default)]
struct Ending {
    transaction: Option<TransactionId>,
    positions: Vec<Position>,
}

pub struct Log {
    pub layout: Layout,
    pub group: Group,
    topics: Vec<Vec<PartitionLog>>,
    positions: BTreeMap<(InputId, Partition), i64>,
    producers: BTreeMap<String, Producer>,
    sequence: u64,
    transactions_count: TransactionId,
    journal: Option<Journal>,
    /// Commits leave their markers to `write_marker`, as a broker writes them after it has answered.
    holds_markers: bool,
}

/// The producer is not the newest of its id any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShutOut;

impl Log {
    pub fn new(layout: Layout) -> Log {
        let partitions = |count| (0..count).map(|_| PartitionLog::default()).collect();
        Log {
            group: Group::new(layout.shares()),
            topics: layout.partition_counts().map(partitions).collect(),
            layout,
            positions: BTreeMap::new(),
            producers: BTreeMap::new(),
            sequence: 0,
            transactions_count: 0,
            journal: None,
            holds_markers: false,
        }
    }

    pub fn open(layout: Layout, dir: &Path) -> Result<Log, LogError> {
        let mut log = Log::new(layout);
        let journal = Journal::open(dir, &log.layout.clone(), &mut |frame| log.restore(frame))?;
        log.each_to_tidy(&mut |_, keep_from, partition| partition.restored(keep_from));
        log.journal = Some(journal);
        log.rewrite_journal()?;
        Ok(log)
    }

    pub fn partition(&self, topic: TopicId, partition: Partition) -> Option<&PartitionLog> {
        self.topics.get(usize::from(topic.0))?.get(partition.0 as usize)
    }

    pub fn position(&self, input: InputId, partition: Partition) -> Option<i64> {
        self.positions.get(&(input, partition)).copied()
    }

    /// True while an open transaction may still move the position.
    pub fn is_position_pending(&self, input: InputId, partition: Partition) -> bool {
        let of = |producer: &Producer| {
            let ending = producer.ending.iter().flat_map(|ending| &ending.positions);
            let mut pending = producer.positions.iter().chain(ending);
            pending.any(|position| (position.input, position.partition) == (input, partition))
        };
        self.producers.values().any(of)
    }

    pub fn append_inputs(&mut self, records: &[(InputId, NewRecord<'_>)], now_ms: i64) -> Result<(), LogError> {
        let mut frame = Frame::default();
        for (input, record) in records {
            let topic = self.layout.input(*input);
            let (partition, offset) = self.append(topic, *record, None, now_ms);
            if self.journal.is_some() {
                let appended = self.partition(topic, partition).and_then(|log| log.committed_from(offset).next());
                frame.records.extend(appended.map(|entry| (topic, partition, entry.clone())));
            }
        }
        self.write_journal(&frame)?;
        self.rewrite_if_due()
    }

    fn append(
        &mut self,
        topic: TopicId,
        record: NewRecord<'_>,
        transaction: Option<TransactionId>,
        now_ms: i64,
    ) -> (Partition, i64) {
        let partitions = &mut self.topics[usize::from(topic.0)];
        let by_key = || record.key.map_or(0, |key| (keys::murmur2(key) & i32::MAX) as u32 % partitions.len() as u32);
        let partition = record.partition.map_or_else(by_key, |partition| partition.0);
        self.sequence += 1;
        let entry = Entry {
            offset: -1, // the partition gives it
            sequence: self.sequence,
            appended_at_ms: record.timestamp_ms.unwrap_or(now_ms),
            key: record.key.map(Box::from),
            value: record.value.map(Box::from),
            headers: record.headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            transaction,
        };
        (Partition(partition), partitions[partition as usize].append(entry))
    }

    /// A new epoch for the id; aborts what an older producer left open.
    pub fn init_producer(&mut self, id: &str) -> u32 {
        self.abort_of(id);
        self.write_markers_of(id);
        let producer = self.producers.entry(id.to_owned()).or_default();
        producer.epoch += 1;
        producer.epoch
    }

    fn producer(&mut self, id: &str, epoch: u32) -> Result<&mut Producer, ShutOut> {
        self.producers.get_mut(id).filter(|producer| producer.epoch == epoch).ok_or(ShutOut)
    }

    /// Appends within the producer's transaction, which opens with it where none is open.
    pub fn append_in_transaction(
        &mut self,
        (id, epoch): (&str, u32),
        topic: OutTopic,
        record: NewRecord<'_>,
        now_ms: i64,
    ) -> Result<(Partition, i64), ShutOut> {
        let fresh = self.transactions_count + 1;
        self.producer(id, epoch)?;
        self.write_markers_of(id);
        let transaction = *self.producer(id, epoch)?.open.get_or_insert(fresh);
        self.transactions_count = self.transactions_count.max(transaction);
        Ok(self.append(self.layout.out(topic), record, Some(transaction), now_ms))
    }

    /// Positions that become the group's when the transaction commits; `false` where the member is not current.
    pub fn add_positions(
        &mut self,
        (id, epoch): (&str, u32),
        positions: &[Position],
        membership: Membership,
    ) -> Result<bool, ShutOut> {
        let is_current = self.group.is_current(membership);
        self.producer(id, epoch)?;
        if is_current {
            self.write_markers_of(id);
        }
        let producer = self.producer(id, epoch)?;
        if is_current {
            producer.positions.extend_from_slice(positions);
        }
        Ok(is_current)
    }

    /// Commits the open transaction; the file first, for what is visible must survive.
    pub fn commit(&mut self, id: &str, epoch: u32) -> Result<Result<(), LogError>, ShutOut> {
        let producer = self.producer(id, epoch)?;
        let (transaction, positions) = (producer.open.take(), std::mem::take(&mut producer.positions));
        let written = if self.journal.is_some() {
            let frame = self.frame_of(transaction, &positions);
            self.write_journal(&frame)
        } else {
            Ok(())
        };
        if written.is_ok() {
            let ending = Some(Ending { transaction, positions });
            self.producers.entry(id.to_owned()).or_default().ending = ending;
            if !self.holds_markers {
                self.write_markers_of(id);
            }
        } else {
            self.end(transaction, Ended::Aborted);
        }
        self.tidy();
        Ok(written.and_then(|()| self.rewrite_if_due()))
    }

    pub fn abort(&mut self, id: &str, epoch: u32) -> Result<(), ShutOut> {
        self.producer(id, epoch)?;
        self.abort_of(id);
        Ok(())
    }

    fn abort_of(&mut self, id: &str) {
        let Some(producer) = self.producers.get_mut(id) else { return };
        producer.positions.clear();
        let transaction = producer.open.take();
        self.end(transaction, Ended::Aborted);
    }

    /// From now on commits leave their markers to `write_marker`, or do not any more.
    pub fn hold_markers(&mut self, holds: bool) {
        self.holds_markers = holds;
        while !holds && self.write_marker(0) {}
    }

    /// Writes one marker of a transaction that is committed, or makes its positions the group's: the one that `pick`
    /// happens to choose. False when there is none.
    pub fn write_marker(&mut self, pick: usize) -> bool {
        let ending = self.producers.iter_mut().filter_map(|(id, of)| Some((id.clone(), of.ending.as_mut()?)));
        let mut ending: Vec<_> = ending.collect();
        if ending.is_empty() {
            return false;
        }
        let among = ending.len();
        let (id, ending) = &mut ending[pick % among];
        let id = id.clone();
        let open = |log: &&mut PartitionLog| ending.transaction.is_some_and(|transaction| log.is_open(transaction));
        let mut unmarked: Vec<_> = self.topics.iter_mut().flatten().filter(open).collect();
        let left = unmarked.len();
        match (ending.transaction, pick / among % (left + 1)) {
            (Some(transaction), at) if at < left => unmarked[at].end(transaction, Ended::Committed),
            _ if left == 0 => self.write_markers_of(&id),
            _ => {
                let positions = std::mem::take(&mut ending.positions);
                self.positions.extend(positions.iter().map(|at| ((at.input, at.partition), at.next_offset)));
            }
        }
        true
    }

    fn write_markers_of(&mut self, id: &str) {
        let Some(ending) = self.producers.get_mut(id).and_then(|producer| producer.ending.take()) else { return };
        self.end(ending.transaction, Ended::Committed);
        self.positions.extend(ending.positions.iter().map(|at| ((at.input, at.partition), at.next_offset)));
    }

    /// Compacts what is compacted, now.
    pub fn compact(&mut self, tombstones_before_ms: i64) {
        self.each_to_tidy(&mut |is_compacted, _, log| {
            if is_compacted {
                log.compact(tombstones_before_ms);
            }
        });
    }

    /// Aborts every open transaction and shuts its producer out.
    pub fn expire_transactions(&mut self) {
        let ids: Vec<String> = self.producers.keys().cloned().collect();
        for id in ids {
            if self.producers.get(&id).is_some_and(|producer| producer.open.is_some()) {
                self.init_producer(&id);
            }
        }
    }

    fn end(&mut self, transaction: Option<TransactionId>, ended: Ended) {
        let Some(transaction) = transaction else { return };
        for partition in self.topics.iter_mut().flatten() {
            partition.end(transaction, ended);
        }
    }

    fn tidy(&mut self) {
        let kept_min = self.layout.kept_records_min;
        self.each_to_tidy(&mut |is_compacted, keep_from, log| {
            if is_compacted { log.compact_if_due(kept_min) } else { log.trim(keep_from, kept_min) }
        });
    }

    /// Every partition, whether it is compacted, and the offset from which its records are needed by somebody.
    fn each_to_tidy(&mut self, each: &mut dyn FnMut(bool, i64, &mut PartitionLog)) {
        for (topic, partitions) in (0..).map(TopicId).zip(&mut self.topics) {
            let is_compacted = self.layout.is_compacted(topic);
            for (partition, log) in (0..).map(Partition).zip(partitions) {
                let position = || self.positions.get(&(InputId(topic.0), partition)).copied().unwrap_or(0);
                let is_input = usize::from(topic.0) < self.layout.inputs.len();
                let keep_from = if is_compacted {
                    0
                } else if is_input {
                    position()
                } else {
                    i64::MAX
                };
                each(is_compacted, keep_from, log);
            }
        }
    }

    pub fn read_committed(&self, topic: OutTopic, positions: &mut Vec<i64>, each: &mut dyn FnMut(Partition, &Entry)) {
        let partitions = &self.topics[usize::from(self.layout.out(topic).0)];
        positions.resize(partitions.len(), 0);
        for (number, (log, position)) in partitions.iter().zip(positions).enumerate() {
            for entry in log.committed_from(*position) {
                each(Partition(number as u32), entry);
            }
            *position = log.last_stable();
        }
    }

    pub fn ends(&self, topic: OutTopic) -> Vec<i64> {
        self.topics[usize::from(self.layout.out(topic).0)].iter().map(PartitionLog::next_offset).collect()
    }

    pub fn inputs_appended_count(&self) -> i64 {
        let inputs = &self.topics[1..self.layout.inputs.len()];
        inputs.iter().flatten().map(PartitionLog::next_offset).sum()
    }

    /// Input records behind the committed positions; those of open transactions count one for each partition.
    pub fn lag_records(&self) -> usize {
        let mut lag = 0;
        for input in self.layout.ids() {
            for (number, log) in self.topics[usize::from(input.0)].iter().enumerate() {
                let position = self.position(input, Partition(number as u32)).unwrap_or(0);
                lag += log.committed_from(position).len() + usize::from(log.last_stable() < log.next_offset());
            }
        }
        lag
    }

    // -- the file

    fn frame_of(&self, transaction: Option<TransactionId>, positions: &[Position]) -> Frame {
        let mut frame = Frame { positions: positions.to_vec(), ..Frame::default() };
        let Some(transaction) = transaction else { return frame };
        self.each_partition(&mut |topic, partition, log| {
            let before = frame.records.len();
            frame.records.extend(log.of(transaction).map(|entry| (topic, partition, entry.clone())));
            if frame.records.len() > before {
                frame.ends.push((topic, partition, log.next_offset() + 1)); // the marker's
            }
        });
        frame
    }

    fn each_partition(&self, each: &mut dyn FnMut(TopicId, Partition, &PartitionLog)) {
        for (topic, partitions) in self.topics.iter().enumerate() {
            for (partition, log) in partitions.iter().enumerate() {
                each(TopicId(topic as u16), Partition(partition as u32), log);
            }
        }
    }

    fn write_journal(&mut self, frame: &Frame) -> Result<(), LogError> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.write(frame)
    }

    fn rewrite_if_due(&mut self) -> Result<(), LogError> {
        let is_due = self.journal.as_ref().is_some_and(Journal::is_due_for_rewrite);
        if is_due { self.rewrite_journal() } else { Ok(()) }
    }

    /// Replaces the file by one that holds only what is still there.
    fn rewrite_journal(&mut self) -> Result<(), LogError> {
        let Some(mut journal) = self.journal.take() else { return Ok(()) };
        let rewritten = journal.rewrite(&self.layout, |write| {
            let mut written = Ok(());
            self.each_partition(&mut |topic, partition, log| {
                let records = log.decided().map(|entry| (topic, partition, entry.clone())).collect();
                let ends = vec![(topic, partition, log.next_offset())];
                if written.is_ok() {
                    written = write(&Frame { records, ends, positions: Vec::new() });
                }
            });
            written?;
            let all = self.positions.iter();
            let positions = all.map(|(&(input, partition), &next_offset)| Position { input, partition, next_offset });
            write(&Frame { positions: positions.collect(), ..Frame::default() })
        });
        self.journal = Some(journal);
        rewritten
    }

    fn restore(&mut self, frame: Frame) {
        for (topic, partition, entry) in frame.records {
            self.sequence = self.sequence.max(entry.sequence);
            if let Some(log) = self.partition_mut(topic, partition) {
                log.restore(entry);
            }
        }
        for (topic, partition, next_offset) in frame.ends {
            if let Some(log) = self.partition_mut(topic, partition) {
                log.restore_end(next_offset);
            }
        }
        self.positions.extend(frame.positions.iter().map(|at| ((at.input, at.partition), at.next_offset)));
    }

    fn partition_mut(&mut self, topic: TopicId, partition: Partition) -> Option<&mut PartitionLog> {
        self.topics.get_mut(usize::from(topic.0))?.get_mut(partition.0 as usize)
    }
}
