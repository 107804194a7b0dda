//! The whole pipeline for one partition, in memory, one record after the other, without any log.
//!
//! What the worker must equal, however it batches, crashes and moves: `tsuikyaku score` and the stories under
//! `tests/scripts` run on it. Forwards and messages between leads arrive at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::scoring::dead_letter::DeadLetter;
use crate::scoring::decision::{Decision, Snapshot};
use crate::scoring::event::Event;
use crate::scoring::lead::{Applied, At, Effects, Lead, View};
use crate::scoring::message::Message;
use crate::scoring::model::Model;

/// What a record or the time until it made happen, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    Decision(Box<Decision>),
    Snapshot(Box<Snapshot>),
    /// The record, or a message that it led to, can be taken by no lead.
    Dead(DeadLetter),
}

/// Leads of one partition, their timers, and the clock.
pub struct SingleRun<'m> {
    model: &'m Model,
    leads: BTreeMap<Box<str>, Lead>,
    timers: BTreeSet<(i64, Box<str>)>,
    clock_ms: i64,
    effects: Effects,
}

/// A record on its way to a lead.
enum Carried<'e> {
    Event(&'e Event<'e>),
    Message(Message),
}

impl<'m> SingleRun<'m> {
    pub fn new(model: &'m Model) -> SingleRun<'m> {
        SingleRun {
            model,
            leads: BTreeMap::new(),
            timers: BTreeSet::new(),
            clock_ms: i64::MIN,
            effects: Effects::default(),
        }
    }

    /// Goes on with leads that were kept, from the clock at which they were.
    pub fn resumed(
        model: &'m Model,
        clock_ms: i64,
        leads: impl IntoIterator<Item = (Box<str>, Lead)>,
    ) -> SingleRun<'m> {
        let leads: BTreeMap<Box<str>, Lead> = leads.into_iter().collect();
        let due = leads.iter().filter_map(|(lead_id, lead)| Some((lead.timer_ms()?, lead_id.clone())));
        SingleRun { timers: due.collect(), leads, clock_ms, ..SingleRun::new(model) }
    }

    /// The clock, ms since the epoch: it never goes back.
    pub fn clock_ms(&self) -> i64 {
        self.clock_ms
    }

    /// Lets time pass: all timers due until then fire in order, each at its due time.
    pub fn advance(&mut self, to_ms: i64, out: &mut Vec<Output>) {
        while let Some((due_ms, lead_id)) = self.timers.first().filter(|(due_ms, _)| *due_ms <= to_ms).cloned() {
            let model = self.model;
            self.change(&lead_id, |lead, effects| lead.fire(model, &lead_id, due_ms, effects));
            self.clock_ms = self.clock_ms.max(due_ms);
            self.deliver(VecDeque::new(), due_ms, out);
        }
        self.clock_ms = self.clock_ms.max(to_ms);
    }

    /// Applies the next record of the log, after the time until it has passed.
    pub fn apply(&mut self, event: &Event<'_>, appended_at_ms: i64, out: &mut Vec<Output>) {
        self.advance(appended_at_ms, out);
        let first = (Box::from(&*event.lead_id), 0, Carried::Event(event));
        self.deliver(VecDeque::from([first]), appended_at_ms, out);
    }

    /// All leads that there are, in the order of their ids.
    pub fn leads(&self) -> impl Iterator<Item = (&str, &Lead)> {
        self.leads.iter().map(|(lead_id, lead)| (&**lead_id, lead))
    }

    pub fn lead_count(&self) -> usize {
        self.leads.len()
    }

    /// What there is to show of a lead at the clock; one that was never seen is shown, too.
    pub fn view(&self, lead_id: &str) -> View {
        let unseen = Lead::default();
        self.leads.get(lead_id).unwrap_or(&unseen).view(self.model, lead_id, self.clock_ms)
    }

    /// Carries records to their leads, and what follows from them, until nothing is on its way.
    fn deliver(
        &mut self,
        mut on_its_way: VecDeque<(Box<str>, u8, Carried<'_>)>,
        appended_at_ms: i64,
        out: &mut Vec<Output>,
    ) {
        loop {
            self.take_effects(&mut on_its_way, out);
            let Some((lead_id, hops, carried)) = on_its_way.pop_front() else { return };
            let at = At { clock_ms: self.clock_ms, appended_at_ms, hops };
            let model = self.model;
            let applied = self.change(&lead_id, |lead, effects| match &carried {
                Carried::Event(event) => lead.apply(model, &lead_id, event, at, effects),
                Carried::Message(message) => lead.receive(model, &lead_id, message, at, effects),
            });
            match applied {
                Applied::Forward { to } => on_its_way.push_front((to, hops.saturating_add(1), carried)),
                Applied::Dead(dead) => out.push(Output::Dead(dead)),
                Applied::Changed | Applied::Duplicate | Applied::Machine | Applied::Erased => {}
            }
        }
    }

    fn take_effects(&mut self, on_its_way: &mut VecDeque<(Box<str>, u8, Carried<'_>)>, out: &mut Vec<Output>) {
        out.extend(self.effects.decisions.drain(..).map(|decision| Output::Decision(Box::new(decision))));
        out.extend(self.effects.snapshots.drain(..).map(|snapshot| Output::Snapshot(Box::new(snapshot))));
        on_its_way.extend(self.effects.messages.drain(..).map(|(to, message)| (to, 0, Carried::Message(message))));
        self.effects.forgotten.clear();
    }

    /// Changes a lead and keeps its timer; one of which nothing is left is dropped.
    fn change<T>(&mut self, lead_id: &str, change: impl FnOnce(&mut Lead, &mut Effects) -> T) -> T {
        let mut lead = self.leads.remove(lead_id).unwrap_or_default();
        let timer_before_ms = lead.timer_ms();
        let changed = change(&mut lead, &mut self.effects);
        if lead.timer_ms() != timer_before_ms {
            timer_before_ms.map(|due_ms| self.timers.remove(&(due_ms, lead_id.into())));
            lead.timer_ms().map(|due_ms| self.timers.insert((due_ms, lead_id.into())));
        }
        if !lead.is_empty() {
            self.leads.insert(lead_id.into(), lead);
        }
        changed
    }
}
