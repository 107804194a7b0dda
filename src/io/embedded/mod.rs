//! The embedded log: what the loop needs of Kafka, in the memory of one process.
//!
//! The demo and the simulations run the real worker on it. It keeps the rules that the worker relies on, and no others:
//! * Records of an open transaction take offsets at once and stay invisible, and so does all that stands behind them
//!   in their partition, until the transaction ends. Aborted records never appear. The end takes an offset as well.
//! * Positions are committed within the transaction, by a member of the group of that generation.
//! * A newer producer of a transactional id shuts the older one out and aborts what it left open.
//! * Partitions pass from one member to another only after the first has heard of it, or was expelled.
//! * Compacted topics keep the last committed value of each key.
//!
//! With a directory, what is committed is also written to a file and is there again after a restart. Nothing is
//! synced: this log survives a killed process, not a loss of power. It has no network, no retention by time, no
//! replication: it is not a broker.

mod changelog;
mod codec;
mod group;
mod journal;
mod log;
mod partition;
#[cfg(test)]
mod scenarios;
mod sink;
mod source;

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

pub use changelog::EmbeddedChangelog;
pub use group::Membership;
pub use log::{Layout, NewRecord, Topic};
pub use partition::Entry;
pub use sink::EmbeddedSink;
pub use source::EmbeddedSource;

use crate::runtime::batch::{InputId, Partition};
use crate::runtime::ports::{Clock, OutTopic};
use log::Log;

/// The file of the log cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("log file {path}: {reason}")]
pub struct LogError {
    pub path: String,
    pub reason: String,
}

/// A handle to the log; clones share it.
#[derive(Clone)]
pub struct EmbeddedLog {
    shared: Arc<Shared>,
}

struct Shared {
    log: Mutex<Log>,
    /// Told at every change that somebody may wait for.
    changed: Condvar,
    clock: Arc<dyn Clock>,
}

impl Shared {
    /// A panic of another thread leaves the log whole: every method changes it in one step at its end.
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits for a change, at most until `deadline`; false when that has passed.
    fn wait<'a>(&self, log: MutexGuard<'a, Log>, deadline: Instant) -> (MutexGuard<'a, Log>, bool) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return (log, false);
        }
        let (log, _) = self.changed.wait_timeout(log, left).unwrap_or_else(|poisoned| poisoned.into_inner());
        (log, true)
    }
}

impl EmbeddedLog {
    /// A log that ends with the process. `clock` stamps records that name no time.
    pub fn in_memory(layout: Layout, clock: Arc<dyn Clock>) -> EmbeddedLog {
        Self::of(Log::new(layout), clock)
    }

    /// A log that goes on from the file in `dir`, or begins one. A torn end is cut off.
    ///
    /// # Errors
    /// Where the file cannot be read or written, or is of another layout.
    pub fn open(layout: Layout, dir: &Path, clock: Arc<dyn Clock>) -> Result<EmbeddedLog, LogError> {
        Ok(Self::of(Log::open(layout, dir)?, clock))
    }

    fn of(log: Log, clock: Arc<dyn Clock>) -> EmbeddedLog {
        EmbeddedLog { shared: Arc::new(Shared { log: Mutex::new(log), changed: Condvar::new(), clock }) }
    }

    /// A new member of the group.
    pub fn source(&self) -> EmbeddedSource {
        EmbeddedSource::new(self.shared.clone())
    }

    /// A new producer; an older one of the same id is shut out.
    pub fn sink(&self, transactional_id: &str) -> EmbeddedSink {
        EmbeddedSink::new(self.shared.clone(), transactional_id)
    }

    pub fn changelog(&self) -> EmbeddedChangelog {
        EmbeddedChangelog::new(self.shared.clone())
    }

    /// Appends input records outside of any transaction, all of them before anybody can read the first.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn append(&self, records: &[(InputId, NewRecord<'_>)]) -> Result<(), LogError> {
        let now_ms = self.shared.clock.now_ms();
        let appended = self.shared.lock().append_inputs(records, now_ms);
        self.shared.changed.notify_all();
        appended
    }

    /// Calls `each` for the committed records of a topic that were not seen yet, in the order of their appending
    /// within a partition; `positions` remembers how far that went, by partition.
    pub fn read(&self, topic: OutTopic, positions: &mut Vec<i64>, each: &mut dyn FnMut(Partition, &Entry)) {
        self.shared.lock().read_committed(topic, positions, each);
    }

    /// Next offsets of a topic's partitions: where a reader starts who wants only what is new.
    pub fn ends(&self, topic: OutTopic) -> Vec<i64> {
        self.shared.lock().ends(topic)
    }

    /// The group's committed position.
    pub fn committed(&self, input: InputId, partition: Partition) -> Option<i64> {
        self.shared.lock().position(input, partition)
    }

    /// Records that were ever appended to the inputs but the intake.
    pub fn inputs_appended_count(&self) -> i64 {
        self.shared.lock().inputs_appended_count()
    }

    /// Input records, the intake's among them, that are not processed and committed yet.
    pub fn lag_records(&self) -> usize {
        self.shared.lock().lag_records()
    }

    /// Waits until every input record is processed and committed; false when `wait` passes before.
    pub fn wait_until_processed(&self, wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        let mut log = self.shared.lock();
        while log.lag_records() > 0 {
            let (again, in_time) = self.shared.wait(log, deadline);
            log = again;
            if !in_time {
                return false;
            }
        }
        true
    }

    /// Waits for a change of the log, at most for `wait`.
    pub fn wait_for_change(&self, wait: Duration) {
        let _ = self.shared.wait(self.shared.lock(), Instant::now() + wait);
    }

    /// Ends open transactions that nobody will end, as a broker does after its transaction timeout.
    pub fn expire_transactions(&self) {
        self.shared.lock().expire_transactions();
        self.shared.changed.notify_all();
    }

    /// From now on the markers of commits wait for `write_marker`, as a broker writes them after it has answered; or
    /// they do not any more, and those that waited are written.
    pub fn hold_markers(&self, holds: bool) {
        self.shared.lock().hold_markers(holds);
        self.shared.changed.notify_all();
    }

    /// Writes one marker that waits, the one that `pick` happens to choose; false when none does.
    pub fn write_marker(&self, pick: usize) -> bool {
        let written = self.shared.lock().write_marker(pick);
        self.shared.changed.notify_all();
        written
    }

    /// Compacts the compacted topics now; tombstones appended before that time, ms since the epoch, go as well.
    pub fn compact(&self, tombstones_before_ms: i64) {
        self.shared.lock().compact(tombstones_before_ms);
    }

    /// Expels one member, as a broker does when its session has timed out.
    pub fn expel(&self, membership: Membership) {
        self.shared.lock().group.leave(membership.member());
        self.shared.changed.notify_all();
    }

    /// Expels every member, as a broker does with members that it has not heard of.
    pub fn expel_members(&self) {
        self.shared.lock().group.expel_all();
        self.shared.changed.notify_all();
    }
}
