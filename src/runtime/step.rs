//! One step of one partition: prefetch, process, and what it wants put into the open batch.

use super::batch::Batch;
use super::context::Context;
use super::crash;
use super::encode;
use super::error::Error;
use super::guard::DeadLetterGuard;
use super::order::Placed;
use super::prefetch::{Room, prefetch};
use super::process::{Wanted, process};
use super::task::{Decided, Task};

/// How far a step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stepped {
    /// Records taken from the front.
    pub taken: usize,
    /// More timers are due than one step fires.
    pub has_more_timers: bool,
}

/// Takes the next step of a task. `now_ms` is system time, where the clock may move on to it.
///
/// # Errors
/// Those of `prefetch`.
pub fn step(
    context: &Context,
    task: &mut Task,
    batch: &Batch,
    records: &[Placed],
    now_ms: Option<i64>,
    guard: &mut DeadLetterGuard,
    room: &mut Room,
) -> Result<Stepped, Error> {
    let (mut step, taken) = prefetch(context, task, batch, records, now_ms, room)?;
    crash::point("process.prefetched");
    let has_more_timers = step.end.before.is_some();
    let wanted = process(&context.model, task, &mut step);
    room.keep(step.records);
    task.working.settle(&mut task.leads.change());
    crash::point("process.processed");
    note(context, task, &wanted, guard);
    encode::wanted(context, &wanted, &mut task.pending.outputs);
    crash::point("process.stepped");
    Ok(Stepped { taken, has_more_timers })
}

fn note(context: &Context, task: &mut Task, wanted: &Wanted<'_>, guard: &mut DeadLetterGuard) {
    let pending = &mut task.pending;
    for (input, outcome) in &wanted.outcomes {
        pending.tally.record(*input, *outcome);
    }
    for (_, dead) in &wanted.dead_letters {
        pending.tally.dead_letter(dead.cause.as_str());
    }
    for (decision, appended_at_ms) in wanted.effects.decisions.iter().zip(&wanted.decided_by) {
        let appended_at_ms = *appended_at_ms;
        pending.decided.push(Decided { lane: decision.lane, decision_type: decision.decision_type, appended_at_ms });
    }
    pending.tally.effects(wanted.late_count, &wanted.effects);
    guard.note(wanted.outcomes.len() as u64, wanted.dead_letters.len() as u64);
    context.metrics.output.timers_due(wanted.timers_fired_count);
}
