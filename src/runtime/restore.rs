//! Brings a partition from what the disk holds to what the log has committed: replays the changelog behind the stored
//! position, then compares with the group's committed positions.
//!
//! Always in this order: stable committed positions of the group, then the changelog's high watermark as a
//! read_uncommitted reader sees it, then read_committed until the last stable offset is there. Otherwise the last
//! transaction of a predecessor, whose marker may lag, would be missed.

use crate::wire::manifest::{self, Manifest};
use crate::wire::state;

use super::batch::{InputId, Partition};
use super::context::Context;
use super::crash;
use super::error::{Error, RewindCause};
use super::ports::{Changelog, ChangelogRecord, LeadWrite, PartitionMeta, Position, Source, Stretch};
use super::replayed::Replayed;
use super::task::Task;

/// A partition on its way back.
#[derive(Debug)]
pub struct Restore {
    pub partition: Partition,
    /// Where the next piece of the changelog begins.
    next_offset: i64,
    /// The high watermark to reach.
    until: i64,
    /// The group's committed positions, by input.
    committed: Vec<(InputId, Option<i64>)>,
    replayed: Replayed,
    manifest: Vec<u8>,
    committed_at_ms: i64,
    /// The store has nothing of this partition yet: the first states can be ingested as files.
    is_empty: bool,
    /// No lead was ever known here.
    is_new: bool,
    record_count: u64,
}

impl Restore {
    /// Finds out from where and up to where the changelog has to be replayed.
    ///
    /// # Errors
    /// `Corrupt` where disk and changelog do not fit together; those of the ports.
    pub fn begin(
        context: &Context,
        source: &mut impl Source,
        changelog: &mut impl Changelog,
        partition: Partition,
    ) -> Result<Restore, Error> {
        let riders = context.topology.riders(partition);
        let positions = source.committed(&riders)?;
        let committed = riders.iter().map(|(input, _)| *input).zip(positions).collect();
        let (low, high) = changelog.bounds(partition)?;
        let meta = usable_meta(context, partition, high)?;
        check_bounds(partition, meta.as_ref(), low, high)?;
        crash::point("restore.begun");
        Ok(Restore {
            partition,
            next_offset: meta.as_ref().map_or(low, |meta| meta.changelog_next_offset),
            until: high,
            committed,
            replayed: Replayed::default(),
            is_empty: meta.is_none(),
            is_new: meta.is_none(),
            committed_at_ms: meta.as_ref().map_or(0, |meta| meta.committed_at_ms),
            manifest: meta.map_or_else(Vec::new, |meta| meta.manifest),
            record_count: 0,
        })
    }

    /// What is still to be replayed.
    pub fn left(&self) -> Stretch {
        Stretch { partition: self.partition, from: self.next_offset, until: self.until }
    }

    /// Replays a piece. Returns the task once the partition is restored.
    ///
    /// # Errors
    /// Those of the ports, and `Corrupt`.
    pub fn advance(
        &mut self,
        context: &Context,
        source: &mut impl Source,
        changelog: &mut impl Changelog,
    ) -> Result<Option<Task>, Error> {
        let (from, until) = (self.next_offset, self.until);
        let mut unreadable = None;
        let restored = changelog.read(self.partition, from, until, context.settings.restore_budget, &mut |record| {
            if let Err(detail) = self.take(&record) {
                unreadable.get_or_insert(detail);
            }
        })?;
        if let Some(detail) = unreadable {
            return Err(Error::Corrupt { partition: self.partition, detail });
        }
        self.next_offset = restored.next_offset;
        crash::point("restore.read");
        context.metrics.ownership.restore_remaining(self.partition, (self.until - restored.next_offset).max(0));
        if restored.done {
            // Whatever deletes a key from now on is still in the changelog for `delete.retention.ms` from now.
            self.committed_at_ms = context.clock.now_ms();
        }
        if restored.done || self.replayed.is_full(context.settings.restore_bytes_max) {
            self.write(context)?;
            crash::point("restore.written");
        }
        restored.done.then(|| self.task(context, source)).transpose()
    }

    fn take(&mut self, record: &ChangelogRecord<'_>) -> Result<(), String> {
        self.record_count += 1;
        self.committed_at_ms = self.committed_at_ms.max(record.appended_at_ms);
        if record.key == manifest::KEY {
            self.manifest = record.value.unwrap_or_default().to_vec();
            return Ok(());
        }
        let id = std::str::from_utf8(record.key)
            .map_err(|_| format!("changelog offset {}: the key is no lead id", record.offset))?;
        self.replayed.put(id, record.value);
        self.is_new = false;
        Ok(())
    }

    /// Writes what was replayed, with the position that it reflects.
    fn write(&mut self, context: &Context) -> Result<(), Error> {
        context.metrics.ownership.restored(std::mem::take(&mut self.record_count));
        let meta = PartitionMeta {
            changelog_next_offset: self.next_offset,
            manifest: self.manifest.clone(),
            committed_at_ms: self.committed_at_ms,
        };
        self.replayed.sort();
        let states: Vec<(&str, Option<&[u8]>)> = self.replayed.iter().collect();
        if self.is_empty {
            let writes = states.into_iter().map(|(id, state)| self.lead_write(id, state, None));
            context.store.ingest(self.partition, &writes.collect::<Result<Vec<_>, _>>()?, &meta)?;
        } else {
            let ids: Vec<&str> = states.iter().map(|(id, _)| *id).collect();
            let before = context.store.get_many(self.partition, &ids)?;
            let writes =
                states.iter().zip(&before).map(|((id, state), before)| self.lead_write(id, *state, before.as_deref()));
            context.store.write(self.partition, &writes.collect::<Result<Vec<_>, _>>()?, &meta)?;
        }
        self.is_empty = false;
        self.replayed = Replayed::default();
        Ok(())
    }

    fn lead_write<'s>(
        &self,
        lead_id: &'s str,
        value: Option<&'s [u8]>,
        before: Option<&[u8]>,
    ) -> Result<LeadWrite<'s>, Error> {
        let (timer_before_ms, timer_after_ms) = (self.timer(before)?, self.timer(value)?);
        Ok(LeadWrite { lead_id, value, timer_before_ms, timer_after_ms })
    }

    fn timer(&self, state: Option<&[u8]>) -> Result<Option<i64>, Error> {
        let Some(state) = state else { return Ok(None) };
        state::timer_ms(state).map_err(|error| Error::Corrupt {
            partition: self.partition,
            detail: format!("a lead's state cannot be read: {error}; run the version that wrote it"),
        })
    }

    /// The restored task, its inputs positioned where manifest and group agree.
    fn task(&self, context: &Context, source: &mut impl Source) -> Result<Task, Error> {
        let manifest = if self.manifest.is_empty() {
            Manifest::default()
        } else {
            let unfit = |detail: String| Error::Corrupt { partition: self.partition, detail };
            Manifest::decode(&self.manifest).map_err(|error| unfit(error.to_string()))?
        };
        let positions = match self.positions(context, source, &manifest) {
            Err(Error::Corrupt { .. }) if self.is_overtaken(context, source)? => {
                let detail = "another worker has committed since this restore began".to_owned();
                return Err(Error::Rewind { cause: RewindCause::Fenced, detail });
            }
            positions => positions?,
        };
        let clock_ms = if self.manifest.is_empty() { i64::MIN } else { manifest.clock_ms };
        let mut task = Task::new(self.partition, clock_ms, positions, self.next_offset, context.clock.uptime());
        task.manifest = self.manifest.clone();
        task.committed_at_ms = self.committed_at_ms;
        if self.is_new {
            task.leads.change().begin_whole();
        }
        Ok(task)
    }

    /// Where each input goes on.
    fn positions(
        &self,
        context: &Context,
        source: &mut impl Source,
        manifest: &Manifest,
    ) -> Result<Vec<Position>, Error> {
        let mut positions = Vec::with_capacity(self.committed.len());
        for (input, committed) in &self.committed {
            let next_offset = match start_of(context, self.partition, manifest, *input, *committed)? {
                Some(next_offset) => next_offset,
                None => source.low_watermark(*input, self.partition)?,
            };
            positions.push(Position { input: *input, partition: self.partition, next_offset });
        }
        Ok(positions)
    }

    /// True where the group's positions are others than when the restore began: we stood still for so long that the
    /// partition was another's meanwhile, and what was replayed may be his.
    fn is_overtaken(&self, context: &Context, source: &mut impl Source) -> Result<bool, Error> {
        let now = source.committed(&context.topology.riders(self.partition))?;
        Ok(self.committed.iter().map(|(_, committed)| *committed).ne(now))
    }
}

/// Where to go on with one input. Manifest and group are written in one transaction, so they agree; the group may
/// have forgotten, and an input may be new to both (`None`).
fn start_of(
    context: &Context,
    partition: Partition,
    manifest: &Manifest,
    input: InputId,
    committed: Option<i64>,
) -> Result<Option<i64>, Error> {
    let topic = context.topology.input(input).topic.as_str();
    let of_topic = manifest.positions.iter().find(|position| *position.topic == *topic);
    match (of_topic.map(|position| position.next_offset), committed) {
        (Some(manifest), Some(group)) if manifest != group => Err(Error::Corrupt {
            partition,
            detail: format!(
                "the group's committed offset of {topic} is {group}, but the state has seen everything below \
                 {manifest}: somebody moved the group's offsets; set it back to {manifest}, or give the \
                 application a new app.id to read again from the start"
            ),
        }),
        (Some(next), _) | (None, Some(next)) => Ok(Some(next)),
        (None, None) => Ok(None),
    }
}

/// What the store knows, unless the changelog went on without it for too long: then keys that were deleted since, and
/// whose tombstones are gone, could come back.
fn usable_meta(context: &Context, partition: Partition, high: i64) -> Result<Option<PartitionMeta>, Error> {
    let Some(meta) = context.store.meta(partition)? else { return Ok(None) };
    let age_ms = context.clock.now_ms().saturating_sub(meta.committed_at_ms);
    let is_old = u128::try_from(age_ms).is_ok_and(|age_ms| age_ms > context.settings.stale_after.as_millis());
    if is_old && meta.changelog_next_offset < high {
        tracing::warn!(partition = partition.0, age_ms, "stored state is too old to continue; restoring all of it");
        context.store.clear(partition)?;
        return Ok(None);
    }
    Ok(Some(meta))
}

fn check_bounds(partition: Partition, meta: Option<&PartitionMeta>, low: i64, high: i64) -> Result<(), Error> {
    let corrupt = |detail: String| Err(Error::Corrupt { partition, detail });
    match meta {
        Some(meta) if meta.changelog_next_offset > high => corrupt(format!(
            "the store reflects the changelog up to {}, but that ends at {high}: it was truncated or created anew; \
             restore the topic, or delete the state directory if the loss is meant",
            meta.changelog_next_offset
        )),
        Some(meta) if meta.changelog_next_offset < low => corrupt(format!(
            "the changelog begins at {low}, behind the store's position {}: its cleanup.policy must be compact alone",
            meta.changelog_next_offset
        )),
        None if low > 0 => corrupt(format!(
            "the changelog begins at {low}, so older states are lost: its cleanup.policy must be compact alone"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stored: Option<i64>, low: i64, high: i64, fits: bool) {
        let meta = stored.map(|changelog_next_offset| PartitionMeta {
            changelog_next_offset,
            manifest: Vec::new(),
            committed_at_ms: 0,
        });
        assert_eq!(check_bounds(Partition(0), meta.as_ref(), low, high).is_ok(), fits, "{stored:?} {low} {high}");
    }

    #[test]
    fn store_and_changelog_must_fit() {
        check(None, 0, 0, true);
        check(None, 0, 10, true);
        check(None, 3, 10, false);
        check(Some(10), 0, 10, true);
        check(Some(4), 4, 10, true);
        check(Some(11), 0, 10, false);
        check(Some(3), 4, 10, false);
    }
}
