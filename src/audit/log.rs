//! What the auditor reads, as traits: any log of the application's topics, and states on disk.

use std::collections::VecDeque;

use crate::runtime::batch::Partition;
use crate::runtime::ports::{PartitionMeta, SourceError, StoreError};
pub use crate::runtime::recompute::LoggedRecord;

/// Committed records of one topic partition, in order.
pub trait Cursor {
    /// The least offset that the log still has.
    fn low(&self) -> i64;

    /// The offset behind the last one that the log held when the cursor was opened.
    fn end(&self) -> i64;

    /// Some next records; none at the end of what was committed when the cursor was opened.
    fn read(&mut self, into: &mut VecDeque<LoggedRecord>) -> Result<(), SourceError>;
}

/// All topics of one application.
pub trait Log {
    /// Reads from the first record that is still there up to the end as it is now.
    fn open(&mut self, topic: &str, partition: u32) -> Result<Box<dyn Cursor>, SourceError>;

    fn partition_count(&mut self, topic: &str) -> Result<u32, SourceError>;

    /// The group's committed position; `None` where it has none.
    fn committed(&mut self, topic: &str, partition: u32) -> Result<Option<i64>, SourceError>;

    /// False when records before this offset may have been compacted away: more offsets hold none than the ends of
    /// transactions with records take.
    fn is_whole_before(&mut self, topic: &str, partition: u32, offset: i64) -> Result<bool, SourceError>;
}

/// Leads of a state directory.
pub trait Disk {
    /// For messages.
    fn name(&self) -> String;

    fn meta(&self, partition: Partition) -> Result<Option<PartitionMeta>, StoreError>;

    fn get(&self, partition: Partition, lead_id: &str) -> Result<Option<Box<[u8]>>, StoreError>;

    /// Every lead, until `each` returns false.
    fn scan(&self, partition: Partition, each: &mut dyn FnMut(&str, &[u8]) -> bool) -> Result<(), StoreError>;
}

/// A cursor that can be looked into by one record.
pub struct Ahead {
    cursor: Box<dyn Cursor>,
    ready: VecDeque<LoggedRecord>,
    is_done: bool,
    /// Offset behind the last record taken.
    taken_until: i64,
}

impl Ahead {
    pub fn new(cursor: Box<dyn Cursor>) -> Ahead {
        let taken_until = cursor.low();
        Ahead { cursor, ready: VecDeque::new(), is_done: false, taken_until }
    }

    pub fn low(&self) -> i64 {
        self.cursor.low()
    }

    pub fn end(&self) -> i64 {
        self.cursor.end()
    }

    pub fn taken_until(&self) -> i64 {
        self.taken_until
    }

    pub fn peek(&mut self) -> Result<Option<&LoggedRecord>, SourceError> {
        if self.ready.is_empty() && !self.is_done {
            self.cursor.read(&mut self.ready)?;
            self.is_done = self.ready.is_empty();
        }
        Ok(self.ready.front())
    }

    pub fn take(&mut self) -> Result<Option<LoggedRecord>, SourceError> {
        self.peek()?;
        let taken = self.ready.pop_front();
        self.taken_until = taken.as_ref().map_or(self.taken_until, |record| record.offset + 1);
        Ok(taken)
    }
}
