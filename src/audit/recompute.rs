//! The log again, in one thread and without any of the machinery: what must have come out of a partition, given its
//! input records and the manifests that say in which steps they were taken.
//!
//! Deliberately simple. It shares the scoring core and the decoding with the worker, and nothing of batching,
//! caching, committing or restoring; so a difference between the two is a fault of those.

use std::collections::{BTreeMap, BTreeSet};

use super::leads::Leads;
use super::log::Ahead;
use super::{Error, Setup};
use crate::runtime::batch::{Batch, InputId, Partition, Record};
use crate::runtime::order::Sequence;
use crate::runtime::route::{Routed, route};
use crate::scoring::dead_letter::DeadLetter;
use crate::scoring::lead::{Applied, At, Effects, Lead};
use crate::wire::manifest::Manifest;

/// What became of an input record; exactly one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Applied,
    /// A machine's doing.
    Machine,
    Duplicate,
    Erased,
    Forwarded {
        to: Box<str>,
        /// Redirects passed, this one included.
        hops: u8,
    },
    Dead(DeadLetter),
}

/// What one step did.
#[derive(Debug, Default)]
pub struct Step {
    pub batch: Batch,
    /// Of each record of the batch, by its index.
    pub fates: Vec<(usize, Fate)>,
    pub effects: Effects,
}

impl Step {
    pub fn records(&self) -> impl Iterator<Item = (Record<'_>, &Fate)> {
        self.fates.iter().map(|(index, fate)| (self.batch.get(*index), fate))
    }
}

/// One partition on its own.
pub struct Recompute<'s> {
    setup: &'s Setup<'s>,
    partition: Partition,
    /// The records that are not taken yet.
    pub inputs: BTreeMap<InputId, Ahead>,
    pub leads: Leads<'s>,
    /// Leads that the transaction has changed.
    changed: BTreeSet<Box<str>>,
    clock_ms: i64,
    /// Timers that the step has yet to fire.
    timers_left: u64,
}

impl<'s> Recompute<'s> {
    pub fn new(setup: &'s Setup<'s>, partition: Partition, inputs: BTreeMap<InputId, Ahead>) -> Recompute<'s> {
        let leads = Leads::new(setup, partition);
        let changed = BTreeSet::new();
        Recompute { setup, partition, inputs, leads, changed, clock_ms: i64::MIN, timers_left: 0 }
    }

    /// Takes one step of a transaction.
    ///
    /// # Errors
    /// Those of log and store.
    pub fn step(
        &mut self,
        manifest: &Manifest,
        next_offsets: &[i64],
        clock_ms: i64,
        timer_count: u64,
    ) -> Result<Step, Error> {
        self.timers_left = timer_count;
        let mut step = Step::default();
        for (position, next_offset) in manifest.positions.iter().zip(next_offsets) {
            let Some(input) = self.setup.topology.find(&position.topic) else { continue };
            self.take(input, *next_offset, &mut step.batch)?;
        }
        let Step { batch, fates, effects } = &mut step;
        for placed in Sequence::of(batch, self.setup.topology).of_task(self.partition) {
            let record = batch.get(placed.index as usize);
            // A timestamp that the step's clock did not follow was found absurd by the system time of the day.
            if record.appended_at_ms <= clock_ms {
                self.pass(record.appended_at_ms, effects)?;
            }
            let routed = route(self.setup.topology, self.setup.decoder, record, Some(self.partition), clock_ms);
            let fate = self.apply(record.appended_at_ms, routed, effects)?;
            fates.push((placed.index as usize, fate));
        }
        self.pass(clock_ms, effects)?;
        Ok(step)
    }

    /// Leads that changed since the last call.
    pub fn take_changed(&mut self) -> BTreeSet<Box<str>> {
        std::mem::take(&mut self.changed)
    }

    fn take(&mut self, input: InputId, next_offset: i64, batch: &mut Batch) -> Result<(), Error> {
        let Some(records) = self.inputs.get_mut(&input) else { return Ok(()) };
        while records.peek()?.is_some_and(|record| record.offset < next_offset) {
            let Some(record) = records.take()? else { break };
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            batch.push(input, self.partition, record.offset, record.appended_at_ms, key, value, record.headers());
        }
        Ok(())
    }

    /// Fires what is due until then, and moves the clock.
    fn pass(&mut self, until_ms: i64, effects: &mut Effects) -> Result<(), Error> {
        let until_ms = until_ms.max(self.clock_ms);
        while self.timers_left > 0 {
            let Some((due_ms, id)) = self.leads.first_timer(until_ms)? else { break };
            self.timers_left -= 1;
            self.clock_ms = self.clock_ms.max(due_ms);
            let mut lead = self.leads.take(&id)?;
            lead.fire(self.setup.model, &id, due_ms, effects);
            self.leads.put(id.clone(), lead)?;
            self.changed.insert(id);
        }
        self.clock_ms = until_ms;
        Ok(())
    }

    fn apply(&mut self, appended_at_ms: i64, routed: Routed<'_>, effects: &mut Effects) -> Result<Fate, Error> {
        let at = At { clock_ms: self.clock_ms, appended_at_ms, hops: 0 };
        let model = self.setup.model;
        let (applied, hops) = match routed {
            Routed::Event { lead_id, event, hops } => {
                let at = At { hops, ..at };
                let applied = self.with_lead(&lead_id, |lead| lead.apply(model, &lead_id, &event, at, effects))?;
                (applied, hops)
            }
            Routed::Message { lead_id, message, hops } => {
                let at = At { hops, ..at };
                let applied = self.with_lead(&lead_id, |lead| lead.receive(model, &lead_id, &message, at, effects))?;
                (applied, hops)
            }
            Routed::Misplaced { lead_id, .. } => return Ok(Fate::Forwarded { to: lead_id.into(), hops: 0 }),
            Routed::Dead(dead) => return Ok(Fate::Dead(dead)),
        };
        Ok(match applied {
            Applied::Changed => Fate::Applied,
            Applied::Machine => Fate::Machine,
            Applied::Duplicate => Fate::Duplicate,
            Applied::Erased => Fate::Erased,
            Applied::Forward { to } => Fate::Forwarded { to, hops: hops + 1 },
            Applied::Dead(dead) => Fate::Dead(dead),
        })
    }

    fn with_lead(&mut self, id: &str, change: impl FnOnce(&mut Lead) -> Applied) -> Result<Applied, Error> {
        let mut lead = self.leads.take(id)?;
        let applied = change(&mut lead);
        self.leads.put(id.into(), lead)?;
        if applied.changed() {
            self.changed.insert(id.into());
        }
        Ok(applied)
    }
}
