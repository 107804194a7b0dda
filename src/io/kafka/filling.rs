//! What was fetched, on its way into a batch.

use super::queue::{Message, Topic, TopicHandle};
use super::reading::{Reading, Readings, Seen};
use crate::runtime::batch::{Batch, InputId, Partition};

/// Where fetched records go.
pub(super) struct Filling<'a> {
    pub topics: &'a [Topic],
    pub readings: &'a mut Readings,
    pub last: (InputId, Option<TopicHandle>),
}

impl Filling<'_> {
    pub(super) fn record(&mut self, message: &Message, batch: &mut Batch) {
        let Some(input) = self.input(message.topic()) else { return };
        let partition = Partition(message.partition() as u32);
        let Some(Reading::Running { next_offset, seen }) = self.readings.get_mut(input, partition) else { return };
        if message.offset() < *next_offset {
            return; // fetched before a seek, or again after a rebalance
        }
        *next_offset = message.offset() + 1;
        *seen = Seen::Records;
        let headers = message.headers();
        let headers = headers.iter().map(|(name, value)| (name.as_ref(), *value));
        let (key, value) = (message.key(), message.value());
        batch.push(input, partition, message.offset(), message.timestamp_ms(), key, value, headers);
    }

    pub(super) fn end(&mut self, topic: TopicHandle, partition: i32, end: i64) {
        let Some(input) = self.input(topic) else { return };
        if let Some(Reading::Running { next_offset, seen }) = self.readings.get_mut(input, Partition(partition as u32))
        {
            *next_offset = end.max(*next_offset);
            *seen = Seen::End;
        }
    }

    fn input(&mut self, topic: TopicHandle) -> Option<InputId> {
        if self.last.1 != Some(topic) {
            let index = self.topics.iter().position(|own| own.handle() == topic)?;
            self.last = (InputId(index as u16), Some(topic));
        }
        Some(self.last.0)
    }
}
