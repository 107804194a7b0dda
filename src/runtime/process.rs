//! The middle of the loop: leads, clock and records in, what must happen out. It cannot fail: reads happened before,
//! writes come after, and a bad record is a value.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::ahead::LEADS_AHEAD;
use crate::scoring::dead_letter::DeadLetter;
use crate::scoring::lead::{Applied, At, Effects, Lead};
use crate::scoring::model::Model;

use super::batch::{InputId, Record};
use super::metrics::{LATE_AFTER_MS, RecordOutcome};
use super::prefetch::{Due, Step, StepEnd, Taken};
use super::route::Routed;
use super::task::Task;
use super::timers::Timer;

/// What a step wants to happen, beside the changed leads, which stand in the task's working set.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    /// Decisions, snapshots and messages, in order.
    pub effects: Effects,
    /// For each decision, the append time of the record that brought it, ms since the epoch; `None` for a timer's.
    pub decided_by: Vec<Option<i64>>,
    pub dead_letters: Vec<(Record<'a>, DeadLetter)>,
    pub forwards: Vec<Forward<'a>>,
    /// Of each record, with its input.
    pub outcomes: Vec<(InputId, RecordOutcome)>,
    pub timers_fired_count: u64,
    /// Events that count though they were appended long after they occurred.
    pub late_count: u64,
}

/// A record that goes to another lead's home by the intake.
#[derive(Debug)]
pub struct Forward<'a> {
    pub record: Record<'a>,
    pub to_lead: Box<str>,
    /// Redirects passed, this one included.
    pub hops: u8,
}

/// Applies a step to its task.
pub fn process<'a>(model: &Model, task: &mut Task, step: &mut Step<'a>) -> Wanted<'a> {
    let mut run = Run {
        model,
        task,
        due: step.due.drain(..).map(Reverse).collect(),
        end: step.end.clone(),
        wanted: Wanted::default(),
    };
    for (n, taken) in step.records.iter().enumerate() {
        let ahead = |by: usize| step.records.get(n + by).and_then(|taken| taken.place);
        run.task.working.soon(ahead(2 * LEADS_AHEAD), ahead(LEADS_AHEAD));
        run.apply(taken);
    }
    run.fire_until(step.end.clock_ms);
    let has_happened = run.wanted.timers_fired_count > 0 || !run.wanted.outcomes.is_empty();
    if has_happened {
        run.move_clock(step.end.clock_ms);
    }
    let Run { task, due, wanted, .. } = run;
    for Reverse(Due { timer, .. }) in due {
        task.timers.push(timer.due_ms, timer.lead_id);
    }
    if has_happened {
        task.end_step(wanted.timers_fired_count);
    }
    wanted
}

struct Run<'t, 'm, 'a> {
    model: &'m Model,
    task: &'t mut Task,
    due: BinaryHeap<Reverse<Due>>,
    end: StepEnd,
    wanted: Wanted<'a>,
}

impl<'a> Run<'_, '_, 'a> {
    fn apply(&mut self, taken: &Taken<'a>) {
        let record = taken.record;
        self.task.advance(record.input, record.offset + 1);
        self.task.pending.record_count += 1;
        // A timestamp behind the step's end was found absurd: such a record moves no clock.
        if record.appended_at_ms <= self.end.clock_ms {
            self.fire_until(record.appended_at_ms);
            self.move_clock(record.appended_at_ms);
        }
        let outcome = self.dispatch(taken);
        self.note_decisions(Some(record.appended_at_ms));
        self.wanted.outcomes.push((record.input, outcome));
    }

    fn dispatch(&mut self, taken: &Taken<'a>) -> RecordOutcome {
        let Taken { record, routed, place } = taken;
        let (record, place) = (*record, *place);
        let at = At { clock_ms: self.task.clock_ms, appended_at_ms: record.appended_at_ms, hops: 0 };
        match routed {
            Routed::Event { event, hops, .. } => {
                let at = At { hops: *hops, ..at };
                let applied =
                    self.with_lead(place, |model, lead, id, effects| lead.apply(model, id, event, at, effects));
                let age_ms = record.appended_at_ms.saturating_sub(event.occurred_at_ms);
                self.wanted.late_count += u64::from(applied == Applied::Changed && age_ms > LATE_AFTER_MS);
                self.note(record, applied, *hops)
            }
            Routed::Message { message, hops, .. } => {
                let at = At { hops: *hops, ..at };
                let applied =
                    self.with_lead(place, |model, lead, id, effects| lead.receive(model, id, message, at, effects));
                self.note(record, applied, *hops)
            }
            Routed::Misplaced { lead_id, .. } => {
                self.wanted.forwards.push(Forward { record, to_lead: (**lead_id).into(), hops: 0 });
                RecordOutcome::Forwarded
            }
            Routed::Dead(dead) => self.note(record, Applied::Dead(dead.clone()), 0),
        }
    }

    fn note(&mut self, record: Record<'a>, applied: Applied, hops: u8) -> RecordOutcome {
        match applied {
            Applied::Changed => RecordOutcome::Applied,
            Applied::Machine => RecordOutcome::Machine,
            Applied::Duplicate => RecordOutcome::Duplicate,
            Applied::Erased => RecordOutcome::Erased,
            Applied::Forward { to } => {
                self.wanted.forwards.push(Forward { record, to_lead: to, hops: hops + 1 });
                RecordOutcome::Forwarded
            }
            Applied::Dead(dead) => {
                self.wanted.dead_letters.push((record, dead));
                RecordOutcome::DeadLetter
            }
        }
    }

    fn with_lead(
        &mut self,
        place: Option<usize>,
        change: impl FnOnce(&Model, &mut Lead, &str, &mut Effects) -> Applied,
    ) -> Applied {
        let place = place.expect("prefetch brought every lead of the step");
        let worked = self.task.working.get_mut(place);
        let applied = change(self.model, &mut worked.lead, &worked.id, &mut self.wanted.effects);
        worked.changed |= applied.changed();
        self.retime(place);
        applied
    }

    fn note_decisions(&mut self, appended_at_ms: Option<i64>) {
        self.wanted.decided_by.resize(self.wanted.effects.decisions.len(), appended_at_ms);
    }

    fn fire_until(&mut self, until_ms: i64) {
        while let Some(Reverse(first)) = self.due.peek() {
            if first.timer.due_ms > until_ms.max(self.task.clock_ms) || !self.end.includes(&first.timer) {
                break;
            }
            if let Some(Reverse(due)) = self.due.pop() {
                self.fire(&due);
            }
        }
    }

    /// Fires a timer, unless the lead's own state names another time by now.
    fn fire(&mut self, Due { timer, place }: &Due) {
        let worked = self.task.working.get_mut(*place);
        if worked.lead.timer_ms() != Some(timer.due_ms) {
            return;
        }
        worked.lead.fire(self.model, &timer.lead_id, timer.due_ms, &mut self.wanted.effects);
        worked.changed = true;
        let next_ms = worked.lead.timer_ms();
        assert!(
            next_ms.is_none_or(|next_ms| next_ms > timer.due_ms),
            "a lead's next timer is later than the one fired"
        );
        self.move_clock(timer.due_ms);
        self.wanted.timers_fired_count += 1;
        self.note_decisions(None);
        self.retime(*place);
    }

    /// Puts the lead's timer, if it has moved, into this step or into the queue.
    fn retime(&mut self, place: usize) {
        let worked = self.task.working.get_mut(place);
        let timer_ms = worked.lead.timer_ms();
        if timer_ms == worked.timer_ms {
            return;
        }
        worked.timer_ms = timer_ms;
        let Some(due_ms) = timer_ms else { return };
        let timer = Timer { due_ms, lead_id: worked.id.clone() };
        if self.end.includes(&timer) {
            self.due.push(Reverse(Due { timer, place }));
        } else {
            self.task.timers.push(timer.due_ms, timer.lead_id);
        }
    }

    fn move_clock(&mut self, to_ms: i64) {
        self.task.clock_ms = self.task.clock_ms.max(to_ms);
    }
}
