//! A sink that fails now and then, in every way that a real one can.

use tsuikyaku::io::embedded::{EmbeddedSink, Membership};
use tsuikyaku::runtime::batch::Partition;
use tsuikyaku::runtime::ports::{OutRecord, Position, Sink, SinkError};

/// Fails every `every`-th transaction, each time in the next way; 0 never fails.
pub struct FlakySink {
    inner: EmbeddedSink,
    every: u64,
    transactions: u64,
}

impl FlakySink {
    pub fn new(inner: EmbeddedSink, every: u64) -> FlakySink {
        FlakySink { inner, every, transactions: 0 }
    }

    /// Which failure this transaction meets.
    fn failure(&self) -> Option<u64> {
        let is_due = self.every > 0 && self.transactions.is_multiple_of(self.every);
        is_due.then(|| self.transactions / self.every % 5)
    }
}

impl Sink for FlakySink {
    type Group = Membership;

    fn begin(&mut self) -> Result<(), SinkError> {
        self.transactions += 1;
        self.inner.begin()
    }

    fn send(&mut self, record: OutRecord<'_>) -> Result<(), SinkError> {
        self.inner.send(record)
    }

    fn send_changelog<'r>(
        &mut self,
        partition: Partition,
        records: impl Iterator<Item = (&'r [u8], Option<&'r [u8]>)>,
    ) -> Result<(), SinkError> {
        self.inner.send_changelog(partition, records)
    }

    fn drain(&mut self) -> Result<Vec<(Partition, i64)>, SinkError> {
        let drained = self.inner.drain()?;
        match self.failure() {
            Some(0) => Err(SinkError::Abort("a record was not delivered".into())),
            _ => Ok(drained),
        }
    }

    fn send_offsets(&mut self, positions: &[Position], group: &Membership) -> Result<(), SinkError> {
        match self.failure() {
            Some(1) => Err(SinkError::Fenced("the group does not know us".into())),
            Some(4) => Err(SinkError::Regrouped("the generation is over".into())),
            _ => self.inner.send_offsets(positions, group),
        }
    }

    fn end(&mut self) -> Result<(), SinkError> {
        match self.failure() {
            Some(2) => Err(SinkError::Unknown("the request was lost".into())),
            Some(3) => {
                self.inner.end()?;
                Err(SinkError::Unknown("the answer was lost".into()))
            }
            _ => self.inner.end(),
        }
    }

    fn abort(&mut self) -> Result<(), SinkError> {
        self.inner.abort()
    }

    fn rebuild(&mut self) -> Result<(), SinkError> {
        self.inner.rebuild()
    }
}
