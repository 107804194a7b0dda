//! What the loop needs of the outside, as traits: a log to read, a log to write, a changelog to restore from, a store
//! to keep state in, a clock. The adapters stand in `io`; the same worker runs on any of them.
//!
//! Adapters translate and never decide. Every method may be called only from the worker's own thread, except those of
//! `Store`, which all workers of a process share.

use std::time::Duration;

use super::batch::{Batch, InputId, Partition};
pub use super::clock::Clock;

/// A position in an input: the offset of the next record to process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub input: InputId,
    pub partition: Partition,
    pub next_offset: i64,
}

/// Partitions gained and lost, as values between two batches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Intake partitions assigned to this member; their inputs ride along.
    pub gained: Vec<Partition>,
    /// Intake partitions taken away. The source has stopped reading them and their inputs, and has removed their
    /// records from the batch that it was given.
    pub lost: Vec<Partition>,
    /// Partitions of inputs with another partition count: they have no state, their records are only forwarded.
    pub gained_stateless: Vec<(InputId, Partition)>,
    pub lost_stateless: Vec<(InputId, Partition)>,
    /// The broker had already given the lost ones away: whatever is in flight for them must not be committed.
    pub lost_by_force: bool,
}

impl Change {
    pub fn is_empty(&self) -> bool {
        self.gained.is_empty()
            && self.lost.is_empty()
            && self.gained_stateless.is_empty()
            && self.lost_stateless.is_empty()
    }
}

/// Limits of one call of `Source::poll`.
#[derive(Debug, Clone, Copy)]
pub struct PollLimits {
    /// How long to wait for the first record; what is there already is taken without waiting.
    pub wait: Duration,
    /// Stop when the batch holds that many records.
    pub records_max: usize,
    /// Stop when the batch holds that many bytes.
    pub bytes_max: usize,
}

/// Input records, and who owns which partition.
///
/// Assigned partitions stay silent until `start` names their positions. Reads are read_committed.
pub trait Source {
    /// Who we are in the group at one moment; goes into the transaction of the batch that was polled then.
    type Group;

    /// Appends records to `batch` until a limit is met or nothing more is there. Returns early, and with the change,
    /// when partitions were gained or lost. Must be called at least once within the group's poll interval, also while
    /// restoring.
    ///
    /// # Errors
    /// `SourceError::Twin` when another process uses the same instance id; `Retry` when the broker is away.
    fn poll(&mut self, batch: &mut Batch, limits: PollLimits) -> Result<Change, SourceError>;

    /// Membership as of now: to be taken right after the `poll` that ended the batch, before any other.
    fn group(&mut self) -> Result<Self::Group, SourceError>;

    /// The inputs that partition `p` reads: the intake and every input with the same partition count.
    fn inputs(&self) -> &[InputId];

    /// Stable committed positions of the group for these inputs; `None` where the group has none. Waits for open
    /// transactions of a predecessor to end.
    fn committed(&mut self, of: &[(InputId, Partition)]) -> Result<Vec<Option<i64>>, SourceError>;

    /// The least offset that can still be read.
    fn low_watermark(&mut self, input: InputId, partition: Partition) -> Result<i64, SourceError>;

    /// Begins (or begins again) to read from these positions. Records of these partitions that were fetched before
    /// from elsewhere never reach a batch after this.
    fn start(&mut self, positions: &[Position]) -> Result<(), SourceError>;

    /// Stops to read these without giving them up (back-pressure, restore), until the next `start`.
    fn stop(&mut self, of: &[(InputId, Partition)]) -> Result<(), SourceError>;

    /// True when everything that is committed in every input of this partition was handed out by `poll`.
    fn at_end(&self, partition: Partition) -> bool;

    /// Records between the next one to hand out and the end, by the last fetch; `None` before the first.
    fn lag_records(&self, input: InputId, partition: Partition) -> Option<i64>;

    /// Leaves the group (or stays, with static membership) within `deadline`; the source is of no use afterwards.
    fn close(&mut self, deadline: Duration);
}

/// Where output goes, by role; names are configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutTopic {
    /// `outreach.ready`
    Ready,
    /// `lead.score`
    Score,
    /// `<app>.intake`
    Intake,
    /// `<app>.state`, the changelog
    State,
    /// `<app>.dead-letter`
    DeadLetter,
}

impl OutTopic {
    pub const ALL: [OutTopic; 5] =
        [OutTopic::Ready, OutTopic::Score, OutTopic::Intake, OutTopic::State, OutTopic::DeadLetter];
}

/// A record to send within the open transaction.
#[derive(Debug, Clone, Copy)]
pub struct OutRecord<'a> {
    pub topic: OutTopic,
    /// `None`: murmur2 of the key, as the Java client places it.
    pub partition: Option<Partition>,
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, &'a [u8])],
    /// `None`: the time of sending.
    pub timestamp_ms: Option<i64>,
}

/// One transactional producer. The order of calls in a transaction is
/// `begin, send*, drain, send_offsets, end`; `runtime::commit` is the only caller.
pub trait Sink {
    type Group;

    fn begin(&mut self) -> Result<(), SinkError>;

    /// Queues a copy of the record.
    fn send(&mut self, record: OutRecord<'_>) -> Result<(), SinkError>;

    /// Queues copies of records of one changelog partition, keys and values, in this order. At once rather than one by
    /// one: most of what is sent is of this kind.
    fn send_changelog<'r>(
        &mut self,
        partition: Partition,
        records: impl Iterator<Item = (&'r [u8], Option<&'r [u8]>)>,
    ) -> Result<(), SinkError>;

    /// Waits until every record of the transaction is acknowledged; an error if any was not. For each changelog
    /// partition written in this transaction, the offset behind its last record: what the store may claim to
    /// reflect once the transaction has ended.
    fn drain(&mut self) -> Result<Vec<(Partition, i64)>, SinkError>;

    fn send_offsets(&mut self, positions: &[Position], group: &Self::Group) -> Result<(), SinkError>;

    /// Ends the transaction. `Ok` only when the broker said so.
    fn end(&mut self) -> Result<(), SinkError>;

    /// Aborts the open transaction.
    fn abort(&mut self) -> Result<(), SinkError>;

    /// A new producer under the same transactional id: fences the old one, aborts what it left open. Where it fails,
    /// no transaction may begin before it has succeeded, and positions read meanwhile are void.
    fn rebuild(&mut self) -> Result<(), SinkError>;
}

/// `Sink::send_changelog` where records that come together are nothing special.
///
/// # Errors
/// Those of `send`.
pub fn send_each<'r>(
    sink: &mut impl Sink,
    partition: Partition,
    records: impl Iterator<Item = (&'r [u8], Option<&'r [u8]>)>,
) -> Result<(), SinkError> {
    let topic = OutTopic::State;
    records
        .map(|(key, value)| OutRecord {
            topic,
            partition: Some(partition),
            key: Some(key),
            value,
            headers: &[],
            timestamp_ms: None,
        })
        .try_for_each(|record| sink.send(record))
}

/// One record of the changelog.
#[derive(Debug, Clone, Copy)]
pub struct ChangelogRecord<'a> {
    pub offset: i64,
    pub appended_at_ms: i64,
    pub key: &'a [u8],
    /// `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// How far a piece of a restore came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Where the next piece begins. May lie behind the last record read (markers, compaction).
    pub next_offset: i64,
    /// True when everything below the `until` that was asked for is read.
    pub done: bool,
}

/// A part of a partition's changelog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub partition: Partition,
    pub from: i64,
    pub until: i64,
}

/// The changelog topic, read outside the group.
pub trait Changelog {
    /// (low watermark, high watermark) as a read_uncommitted reader sees them: a predecessor's last marker may not be
    /// visible yet, and its records must not be missed.
    fn bounds(&mut self, partition: Partition) -> Result<(i64, i64), SourceError>;

    /// Says what is read next, in this order: it can be fetched meanwhile, and what was fetched of anything else can go.
    ///
    /// # Errors
    /// Those of the client.
    fn read_soon(&mut self, next: &[Stretch]) -> Result<(), SourceError>;

    /// Reads committed records from `from` on, a piece of about `budget`. `until` is the high watermark taken at the
    /// start: `done` is true once the reader is at its end with a last stable offset of at least `until`, even when
    /// the last offsets hold only markers or were compacted away.
    fn read(
        &mut self,
        partition: Partition,
        from: i64,
        until: i64,
        budget: Duration,
        each: &mut dyn FnMut(ChangelogRecord<'_>),
    ) -> Result<Restored, SourceError>;
}

/// One change of a lead on its way to disk.
#[derive(Debug, Clone, Copy)]
pub struct LeadWrite<'a> {
    pub lead_id: &'a str,
    /// State bytes; `None` deletes the lead.
    pub value: Option<&'a [u8]>,
    /// The timer that the store's index holds for this lead now, ms since the epoch.
    pub timer_before_ms: Option<i64>,
    pub timer_after_ms: Option<i64>,
}

/// A timer of the index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredTimer {
    pub due_ms: i64,
    pub lead_id: Box<str>,
}

/// What the store knows of one partition, written in the same batch as the states that it describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionMeta {
    /// The changelog offset from which a restore has to go on.
    pub changelog_next_offset: i64,
    /// The last manifest below that offset, as its bytes; empty where there was none yet.
    pub manifest: Vec<u8>,
    /// System time at which the store reflected all that the changelog held, ms since the epoch: tells how stale a disk
    /// is.
    pub committed_at_ms: i64,
}

/// State on disk: committed leads only, a family per partition. Shared by the workers of a process.
pub trait Store: Send + Sync {
    /// `None` where this partition was never written, or was cleared.
    fn meta(&self, partition: Partition) -> Result<Option<PartitionMeta>, StoreError>;

    /// State bytes of these leads, in the order asked; ask in ascending order of the ids, which is the cheap one.
    fn get_many(&self, partition: Partition, lead_ids: &[&str]) -> Result<Vec<Option<Box<[u8]>>>, StoreError>;

    /// Timers in the order (due, lead), strictly after `after` (all, where `None`), at most `count_max`.
    fn timers(
        &self,
        partition: Partition,
        after: Option<&StoredTimer>,
        count_max: usize,
    ) -> Result<Vec<StoredTimer>, StoreError>;

    /// All writes and the meta in one atomic batch.
    fn write(&self, partition: Partition, writes: &[LeadWrite<'_>], meta: &PartitionMeta) -> Result<(), StoreError>;

    /// As `write`, by sorted files, and only for partitions without meta.
    fn ingest(&self, partition: Partition, writes: &[LeadWrite<'_>], meta: &PartitionMeta) -> Result<(), StoreError>;

    /// Forgets everything of the partition.
    fn clear(&self, partition: Partition) -> Result<(), StoreError>;

    /// Calls `each` for every lead of the partition in ascending order of ids, until it returns false.
    fn scan(&self, partition: Partition, each: &mut dyn FnMut(&str, &[u8]) -> bool) -> Result<(), StoreError>;

    /// Makes everything written so far survive a loss of power.
    fn flush(&self) -> Result<(), StoreError>;
}

/// What the caller must do about a failed read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("try again: {0}")]
    Retry(String),
    #[error("another process runs with the same instance id: {0}")]
    Twin(String),
    #[error("an offset is out of range: {0}")]
    OutOfRange(String),
    #[error("stop: {0}")]
    Fatal(String),
}

/// What the caller must do about a failed write.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The transaction must be aborted, then may be tried again on the same producer.
    #[error("abort and try again: {0}")]
    Abort(String),
    /// Nobody knows whether it was committed: rebuild the producer, read the committed positions, decide from them.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// The group began another generation while the transaction was open: abort it, nothing of it counts. What the next
    /// poll does not take away may be tried again.
    #[error("the group has moved on: {0}")]
    Regrouped(String),
    /// A newer producer has our id, or the group does not know us: rewind, never commit this batch.
    #[error("fenced: {0}")]
    Fenced(String),
    #[error("stop: {0}")]
    Fatal(String),
}

/// What the caller must do about a failed store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Stop; the next start restores.
    #[error("state is unfit: {0}")]
    Corrupt(String),
    #[error("no space left on the state directory's disk: {0}")]
    Full(String),
    #[error("state directory: {0}")]
    Io(String),
}
