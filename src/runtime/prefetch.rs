//! Reads before the middle: decodes the records of a step, takes the timers that it passes, and brings every lead that
//! either touches into the working set, so that `process` cannot fail.

use std::sync::Arc;
use std::time::Instant;

use crate::scoring::lead::Lead;
use crate::wire::{keys, state};

use super::batch::{Batch, Partition, Record};
use super::cache::StateBytes;
use super::context::Context;
use super::error::Error;
use super::order::{Placed, of_step};
use super::route::{Routed, route};
use super::task::Task;
use super::timers::Timer;

/// Timers read from the store's index at a time.
const TIMERS_PIECE: usize = 1_000;

/// The input of one step: all reads are done.
#[derive(Debug)]
pub struct Step<'a> {
    pub records: Vec<Taken<'a>>,
    /// Timers that the step passes, in order.
    pub due: Vec<Timer>,
    pub end: StepEnd,
}

/// A record of the step.
#[derive(Debug)]
pub struct Taken<'a> {
    pub record: Record<'a>,
    pub routed: Routed<'a>,
    /// Where its lead stands in the working set, if it was there or in the cache.
    pub lead_at: Option<usize>,
}

/// Up to where the step fires timers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepEnd {
    /// The clock reaches this time, ms since the epoch, ...
    pub clock_ms: i64,
    /// ... but this timer and those behind it wait for the next step: too many are due.
    pub before: Option<Timer>,
}

impl StepEnd {
    /// True when a timer of this place fires within the step.
    pub fn includes(&self, timer: &Timer) -> bool {
        timer.due_ms <= self.clock_ms && self.before.as_ref().is_none_or(|before| timer < before)
    }
}

/// Prepares the next step of a task from the front of `placed`; says how many of those records it took. `now_ms`
/// is system time where everything of the partition was read, so that the clock may move on to it.
///
/// # Errors
/// Those of the store, and `Corrupt` where its bytes cannot be read.
pub fn prefetch<'a>(
    context: &Context,
    task: &mut Task,
    batch: &'a Batch,
    placed: &[Placed],
    now_ms: Option<i64>,
) -> Result<(Step<'a>, usize), Error> {
    // What the partition's clock has passed is not absurd, however wrong our own may be: manifests do not tell what
    // that said, so nothing may hang on it but whether the step's clock follows a record.
    let appended_max_ms = context.appended_max_ms().max(task.clock_ms);
    // A record's own time: behind an absurd one of its topic, its place is as late as that one's.
    let own_ms = placed.iter().map(|record| batch.get(record.index as usize).appended_at_ms);
    let sane = own_ms.filter(|at_ms| *at_ms <= appended_max_ms);
    let clock_ms = sane.chain(now_ms).fold(task.clock_ms, i64::max);
    let (due, end) = take_timers(context, task, clock_ms)?;

    let waits = |record: &Placed| end.before.as_ref().is_some_and(|before| record.at_ms >= before.due_ms);
    let taken = placed.iter().position(waits).unwrap_or(placed.len());
    let mut records: Vec<_> = of_step(batch, &placed[..taken])
        .iter()
        .map(|at| {
            let record = batch.get(at.index as usize);
            let routed = route(&context.topology, &context.decoder, record, Some(task.partition), appended_max_ms);
            Taken { record, routed, lead_at: None }
        })
        .collect();
    load_leads(context, task, &mut records, &due)?;
    Ok((Step { records, due, end }, taken))
}

/// Takes the timers due until `clock_ms`; where there are too many, the step ends before the first that waits.
fn take_timers(context: &Context, task: &mut Task, clock_ms: i64) -> Result<(Vec<Timer>, StepEnd), Error> {
    let count_max = context.settings.step_timers_max;
    task.timers.load(&*context.store, task.partition, clock_ms, count_max, TIMERS_PIECE)?;
    let due = task.timers.take_due(clock_ms, count_max);
    let before = task.timers.first().filter(|next| next.due_ms <= clock_ms && due.len() == count_max).cloned();
    let clock_ms = match &before {
        Some(next) => next.due_ms.max(task.clock_ms),
        None => clock_ms,
    };
    Ok((due, StepEnd { clock_ms, before }))
}

/// Brings the leads that records and timers touch into the working set: from the cache, the rest from the store in
/// one sorted read; a lead that neither knows is new.
fn load_leads(context: &Context, task: &mut Task, records: &mut [Taken<'_>], due: &[Timer]) -> Result<(), Error> {
    let mut missing: Vec<(Arc<str>, u64)> = Vec::new();
    for Taken { routed, lead_at, .. } in records {
        match routed {
            Routed::Event { lead_id, .. } | Routed::Message { lead_id, .. } => {
                *lead_at = want(task, lead_id, &mut missing)?;
            }
            Routed::Misplaced { .. } | Routed::Dead(_) => {}
        }
    }
    for timer in due {
        want(task, &timer.lead_id, &mut missing)?;
    }
    missing.sort_unstable();
    missing.dedup();
    read_missing(context, task, missing)
}

/// Says where the lead stands in the working set, or notes that only the store can know it.
fn want(task: &mut Task, id: &str, missing: &mut Vec<(Arc<str>, u64)>) -> Result<Option<usize>, Error> {
    let hash = keys::lead_hash(id);
    if let Some(at) = task.working.find(hash, id) {
        return Ok(Some(at));
    }
    let Some((id, state)) = task.cache.get(hash, id) else {
        missing.push((Arc::from(id), hash));
        return Ok(None);
    };
    let lead = state.map_or_else(|| Ok(Lead::default()), |state| decode(task.partition, &state))?;
    Ok(Some(task.working.add(hash, id, lead)))
}

fn read_missing(context: &Context, task: &mut Task, missing: Vec<(Arc<str>, u64)>) -> Result<(), Error> {
    if missing.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = missing.iter().map(|(id, _)| &**id).collect();
    let since = Instant::now();
    let found = context.store.get_many(task.partition, &ids)?;
    let read_bytes: usize = found.iter().flatten().map(|state| state.len()).sum();
    context.metrics.storage.read(ids.len() as u64, read_bytes as u64, since.elapsed());
    for ((id, hash), state) in missing.into_iter().zip(found) {
        let lead = match state {
            Some(state) => {
                let state = StateBytes::from(state);
                let lead = decode(task.partition, &state)?;
                task.cache.insert_stored(hash, id.clone(), state, lead.timer_ms());
                lead
            }
            None => Lead::default(),
        };
        task.working.add(hash, id, lead);
    }
    Ok(())
}

fn decode(partition: Partition, bytes: &[u8]) -> Result<Lead, Error> {
    state::decode(bytes).map_err(|error| Error::Corrupt {
        partition,
        detail: format!(
            "a stored lead cannot be read: {error}; delete the state directory to restore it from the changelog, \
             or run the version that wrote it"
        ),
    })
}
