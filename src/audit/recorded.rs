//! A log in memory: what a test or a simulation has written down of a run.

use std::collections::{BTreeMap, VecDeque};

use super::log::{Cursor, Log, LoggedRecord};
use crate::runtime::ports::SourceError;

/// Topics with their partitions, and the group's positions; all of it may be changed at will.
#[derive(Debug, Clone, Default)]
pub struct RecordedLog {
    pub topics: BTreeMap<String, Vec<Vec<LoggedRecord>>>,
    pub committed: BTreeMap<(String, u32), i64>,
    /// Least offsets that are still there, where not 0.
    pub low: BTreeMap<(String, u32), i64>,
    /// Ends of topic partitions that lie behind the last record: the end of a transaction takes an offset.
    pub ends: BTreeMap<(String, u32), i64>,
    /// Topic partitions whose first records were compacted away.
    pub compacted: Vec<(String, u32)>,
}

struct Recorded {
    low: i64,
    end: i64,
    records: VecDeque<LoggedRecord>,
}

impl Cursor for Recorded {
    fn low(&self) -> i64 {
        self.low
    }

    fn end(&self) -> i64 {
        self.end
    }

    fn read(&mut self, into: &mut VecDeque<LoggedRecord>) -> Result<(), SourceError> {
        into.extend(self.records.pop_front());
        Ok(())
    }
}

impl Log for RecordedLog {
    fn open(&mut self, topic: &str, partition: u32) -> Result<Box<dyn Cursor>, SourceError> {
        let low = self.low.get(&(topic.to_owned(), partition)).copied().unwrap_or(0);
        let records = self.topics.get(topic).and_then(|partitions| partitions.get(partition as usize));
        let records: VecDeque<LoggedRecord> =
            records.into_iter().flatten().filter(|record| record.offset >= low).cloned().collect();
        let last = records.back().map_or(low, |last| last.offset + 1);
        let end = self.ends.get(&(topic.to_owned(), partition)).copied().unwrap_or(last);
        Ok(Box::new(Recorded { low, end, records }))
    }

    fn partition_count(&mut self, topic: &str) -> Result<u32, SourceError> {
        let found = self.topics.get(topic).map(|partitions| partitions.len() as u32);
        found.ok_or_else(|| SourceError::Fatal(format!("topic {topic} was not recorded")))
    }

    fn committed(&mut self, topic: &str, partition: u32) -> Result<Option<i64>, SourceError> {
        Ok(self.committed.get(&(topic.to_owned(), partition)).copied())
    }

    fn is_whole_before(&mut self, topic: &str, partition: u32, _: i64) -> Result<bool, SourceError> {
        Ok(!self.compacted.contains(&(topic.to_owned(), partition)))
    }
}
