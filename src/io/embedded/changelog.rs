//! The port `Changelog` on the embedded log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use crate::runtime::batch::Partition;
use crate::runtime::ports::{Changelog, ChangelogRecord, OutTopic, Restored, SourceError, Stretch};

/// Reads the state topic outside of the group.
pub struct EmbeddedChangelog {
    shared: Arc<Shared>,
}

impl EmbeddedChangelog {
    pub(super) fn new(shared: Arc<Shared>) -> EmbeddedChangelog {
        EmbeddedChangelog { shared }
    }
}

fn unknown(partition: Partition) -> SourceError {
    SourceError::Fatal(format!("the changelog has no partition {}", partition.0))
}

impl Changelog for EmbeddedChangelog {
    fn bounds(&mut self, partition: Partition) -> Result<(i64, i64), SourceError> {
        let log = self.shared.lock();
        let of = log.partition(log.layout.out(OutTopic::State), partition).ok_or_else(|| unknown(partition))?;
        Ok((of.low(), of.next_offset()))
    }

    /// What is read is in memory already.
    fn read_soon(&mut self, _: &[Stretch]) -> Result<(), SourceError> {
        Ok(())
    }

    /// Reads everything there is in one piece; `budget` is how long to wait for open transactions below `until`.
    fn read(
        &mut self,
        partition: Partition,
        from: i64,
        until: i64,
        budget: Duration,
        each: &mut dyn FnMut(ChangelogRecord<'_>),
    ) -> Result<Restored, SourceError> {
        let deadline = Instant::now() + budget;
        let mut log = self.shared.lock();
        loop {
            let of = log.partition(log.layout.out(OutTopic::State), partition).ok_or_else(|| unknown(partition))?;
            let (stable, done) = (of.last_stable(), of.last_stable() >= until);
            if stable <= from && !done {
                let in_time;
                (log, in_time) = self.shared.wait(log, deadline);
                if in_time {
                    continue;
                }
                return Ok(Restored { next_offset: from, done: false });
            }
            for entry in of.committed_from(from) {
                let key = entry.key.as_deref().unwrap_or_default();
                let (offset, appended_at_ms, value) = (entry.offset, entry.appended_at_ms, entry.value.as_deref());
                each(ChangelogRecord { offset, appended_at_ms, key, value });
            }
            return Ok(Restored { next_offset: stable.max(from), done });
        }
    }
}
