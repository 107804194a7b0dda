//! Reads before the middle: decodes the records of a step, takes the timers that it passes, and brings every lead that
//! either touches into the working set, so that `process` cannot fail.

use std::time::Instant;

use crate::ahead::LEADS_AHEAD;
use crate::wire::keys;
use crate::wire::state::{self, StateError};

use super::batch::{Batch, Partition, Record};
use super::context::Context;
use super::error::Error;
use super::leads::{LeadAt, LeadTable};
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
    pub due: Vec<Due>,
    pub end: StepEnd,
}

/// A record of the step.
#[derive(Debug)]
pub struct Taken<'a> {
    pub record: Record<'a>,
    pub routed: Routed<'a>,
    /// Where its lead stands in the working set, where it is applied to one.
    pub place: Option<usize>,
}

impl Taken<'_> {
    /// The lead that it is applied to.
    fn lead_id(&self) -> Option<&str> {
        match &self.routed {
            Routed::Event { lead_id, .. } | Routed::Message { lead_id, .. } => Some(lead_id),
            Routed::Misplaced { .. } | Routed::Dead(_) => None,
        }
    }
}

/// Room for the records of a step, kept from one step to the next: memory that was given back comes again as new pages,
/// each of which the kernel clears first.
#[derive(Debug, Default)]
pub struct Room(Vec<Taken<'static>>);

impl Room {
    /// For so many records it is kept.
    const RECORDS_MAX: usize = 4_096;

    fn take<'a>(&mut self) -> Vec<Taken<'a>> {
        std::mem::take(&mut self.0)
    }

    /// Takes the room of a step that is over.
    pub fn keep(&mut self, mut records: Vec<Taken<'_>>) {
        if records.capacity() <= Self::RECORDS_MAX {
            records.clear();
            self.0 = records.into_iter().map(|_| unreachable!("none is left")).collect(); // the same memory
        }
    }
}

/// A timer and where its lead stands in the working set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    pub timer: Timer,
    pub place: usize,
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
    room: &mut Room,
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
    let mut records = room.take();
    records.extend(of_step(batch, &placed[..taken]).iter().map(|at| {
        let record = batch.get(at.index as usize);
        let routed = route(&context.topology, &context.decoder, record, Some(task.partition), appended_max_ms);
        Taken { record, routed, place: None }
    }));
    let due = load_leads(context, task, &mut records, due)?;
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

/// Brings the leads that records and timers touch into the working set: from the table, the rest from the store in one
/// sorted read; a lead that neither knows is new. First all are found, then all are brought: the processor waits for
/// many of them at a time.
fn load_leads(
    context: &Context,
    task: &mut Task,
    records: &mut [Taken<'_>],
    due: Vec<Timer>,
) -> Result<Vec<Due>, Error> {
    let mut table = task.leads.change();
    let ids = records.iter().map(Taken::lead_id).chain(due.iter().map(|timer| Some(&*timer.lead_id)));
    let found: Vec<Found<'_>> = ids.flatten().map(|id| Found::new(&table, id)).collect();
    read_missing(context, task.partition, &mut table, &found)?;
    let busy_max = task.busy_max();
    let mut brought = Vec::with_capacity(found.len());
    for (n, lead) in found.iter().enumerate() {
        if let Some(at) = found.get(n + LEADS_AHEAD).and_then(|lead| lead.at) {
            table.state_soon(at);
        }
        let at = lead.at.or_else(|| table.find(lead.hash, lead.id)).expect("what was missing was added");
        let place = task.working.bring(&mut table, at, busy_max).map_err(|error| unreadable(task.partition, &error))?;
        brought.push(place);
    }
    let mut places = brought.into_iter();
    for taken in records.iter_mut().filter(|taken| taken.lead_id().is_some()) {
        taken.place = places.next();
    }
    Ok(due.into_iter().zip(places).map(|(timer, place)| Due { timer, place }).collect())
}

/// Where a lead stands in the table, if it does.
struct Found<'a> {
    id: &'a str,
    hash: u64,
    at: Option<LeadAt>,
}

impl<'a> Found<'a> {
    fn new(table: &LeadTable, id: &'a str) -> Found<'a> {
        let hash = keys::lead_hash(id);
        Found { id, hash, at: table.find(hash, id) }
    }
}

/// Adds the leads that were not found, with what the store knows of them.
fn read_missing(
    context: &Context,
    partition: Partition,
    table: &mut LeadTable,
    found: &[Found<'_>],
) -> Result<(), Error> {
    let mut missing: Vec<(&str, u64)> =
        found.iter().filter(|lead| lead.at.is_none()).map(|lead| (lead.id, lead.hash)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    missing.sort_unstable();
    missing.dedup();
    if table.is_whole() {
        for (id, hash) in missing {
            table.add(hash, id.into());
        }
        return Ok(());
    }
    let ids: Vec<&str> = missing.iter().map(|(id, _)| *id).collect();
    let since = Instant::now();
    let states = context.store.get_many(partition, &ids)?;
    let read_bytes: usize = states.iter().flatten().map(|state| state.len()).sum();
    context.metrics.storage.read(ids.len() as u64, read_bytes as u64, since.elapsed());
    for ((id, hash), state) in missing.into_iter().zip(states) {
        let timer_ms = match &state {
            Some(state) => state::timer_ms(state).map_err(|error| unreadable(partition, &error))?,
            None => None,
        };
        let at = table.add(hash, id.into());
        if let Some(state) = state {
            table.stored(at, &state, timer_ms);
        }
    }
    Ok(())
}

fn unreadable(partition: Partition, error: &StateError) -> Error {
    Error::Corrupt {
        partition,
        detail: format!(
            "a stored lead cannot be read: {error}; delete the state directory to restore it from the changelog, \
             or run the version that wrote it"
        ),
    }
}
