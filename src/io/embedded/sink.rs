//! The port `Sink` on the embedded log.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Shared;
use super::group::Membership;
use super::log::{NewRecord, ShutOut};
use crate::runtime::batch::Partition;
use crate::runtime::ports::{OutRecord, OutTopic, Position, Sink, SinkError, send_each};

/// A transactional producer. Dropped with an open transaction, it leaves it open, as a killed process would. A clone is the
/// same producer: a request of it that is still on its way.
#[derive(Clone)]
pub struct EmbeddedSink {
    shared: Arc<Shared>,
    transactional_id: String,
    epoch: u32,
    changelog_ends: BTreeMap<Partition, i64>,
}

impl EmbeddedSink {
    pub(super) fn new(shared: Arc<Shared>, transactional_id: &str) -> EmbeddedSink {
        let epoch = shared.lock().init_producer(transactional_id);
        shared.changed.notify_all();
        EmbeddedSink { shared, transactional_id: transactional_id.to_owned(), epoch, changelog_ends: BTreeMap::new() }
    }

    fn shut_out(&self) -> SinkError {
        SinkError::Fenced(format!("a newer producer has the transactional id {}", self.transactional_id))
    }

    fn id(&self) -> (&str, u32) {
        (&self.transactional_id, self.epoch)
    }
}

impl Sink for EmbeddedSink {
    type Group = Membership;

    fn begin(&mut self) -> Result<(), SinkError> {
        self.changelog_ends.clear();
        Ok(())
    }

    fn send(&mut self, record: OutRecord<'_>) -> Result<(), SinkError> {
        let OutRecord { topic, partition, key, value, headers, timestamp_ms } = record;
        let now_ms = self.shared.clock.now_ms();
        let new = NewRecord { partition, key, value, headers, timestamp_ms };
        let appended = self.shared.lock().append_in_transaction(self.id(), topic, new, now_ms);
        let (partition, offset) = appended.map_err(|ShutOut| self.shut_out())?;
        if topic == OutTopic::State {
            self.changelog_ends.insert(partition, offset + 1);
        }
        Ok(())
    }

    fn send_changelog<'r>(
        &mut self,
        partition: Partition,
        records: impl Iterator<Item = (&'r [u8], Option<&'r [u8]>)>,
    ) -> Result<(), SinkError> {
        send_each(self, partition, records)
    }

    fn drain(&mut self) -> Result<Vec<(Partition, i64)>, SinkError> {
        Ok(std::mem::take(&mut self.changelog_ends).into_iter().collect())
    }

    fn send_offsets(&mut self, positions: &[Position], group: &Membership) -> Result<(), SinkError> {
        let added = self.shared.lock().add_positions(self.id(), positions, *group);
        match added.map_err(|ShutOut| self.shut_out())? {
            true => Ok(()),
            false => Err(SinkError::Regrouped("the group moved on since the batch was polled".into())),
        }
    }

    fn end(&mut self) -> Result<(), SinkError> {
        let committed = self.shared.lock().commit(&self.transactional_id, self.epoch);
        self.shared.changed.notify_all();
        committed.map_err(|ShutOut| self.shut_out())?.map_err(|error| SinkError::Fatal(error.to_string()))
    }

    fn abort(&mut self) -> Result<(), SinkError> {
        let aborted = self.shared.lock().abort(&self.transactional_id, self.epoch);
        self.shared.changed.notify_all();
        aborted.map_err(|ShutOut| self.shut_out())
    }

    fn rebuild(&mut self) -> Result<(), SinkError> {
        self.epoch = self.shared.lock().init_producer(&self.transactional_id);
        self.shared.changed.notify_all();
        Ok(())
    }
}
