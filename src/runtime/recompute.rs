//! One partition of a replay: its records taken again, in the steps of its manifests or one by one, all leads in memory.
//!
//! Unlike the auditor's, it may evaluate another model than the one that decided then.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::scoring::decision::Decision;
use crate::scoring::lead::{Applied, At, Effects, Lead};
use crate::scoring::message::{Merged, Message};
use crate::scoring::model::Model;
use crate::wire::decode::Decoder;
use crate::wire::manifest::Manifest;

use super::batch::{Batch, InputId, Partition, Record};
use super::order::Sequence;
use super::route::{Routed, route};
use super::topology::Topology;

/// An input record as the log holds it.
#[derive(Debug, Clone)]
pub struct LoggedRecord {
    pub offset: i64,
    pub appended_at_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl LoggedRecord {
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The key as text; empty where it is none.
    pub fn key_text(&self) -> &str {
        self.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()).unwrap_or_default()
    }
}

/// Which timers a step fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timers {
    /// As many as the manifest says: right where model and history are those of then.
    Counted,
    /// All that are due.
    Due,
}

/// Facts on their way between leads, by the lead that they leave and the event that linked it.
pub type Merges = BTreeMap<(Box<str>, Box<str>), Box<Merged>>;

/// One partition on its own.
pub struct Recompute<'m> {
    model: &'m Model,
    topology: &'m Topology,
    decoder: &'m Decoder,
    partition: Partition,
    inputs: BTreeMap<InputId, VecDeque<LoggedRecord>>,
    timers: BTreeSet<(i64, String)>,
    rule: Timers,
    /// Timers that the step has yet to fire.
    timers_left: u64,
    merges: Merges,
    merges_as_logged_count: u64,
    single: Batch,
    effects: Effects,
    leads: BTreeMap<String, Lead>,
    clock_ms: i64,
    dead_letter_count: usize,
}

impl<'m> Recompute<'m> {
    /// `inputs`: each input's records of this partition, in the order of their offsets, from the first on.
    pub fn new(
        model: &'m Model,
        topology: &'m Topology,
        decoder: &'m Decoder,
        partition: Partition,
        inputs: BTreeMap<InputId, Vec<LoggedRecord>>,
    ) -> Recompute<'m> {
        Recompute {
            model,
            topology,
            decoder,
            partition,
            inputs: inputs.into_iter().map(|(input, records)| (input, records.into())).collect(),
            timers: BTreeSet::new(),
            rule: Timers::Counted,
            timers_left: 0,
            merges: Merges::new(),
            merges_as_logged_count: 0,
            single: Batch::default(),
            effects: Effects::default(),
            leads: BTreeMap::new(),
            clock_ms: i64::MIN,
            dead_letter_count: 0,
        }
    }

    /// From now on timers fire by this rule; at first it is `Counted`.
    pub fn set_timers(&mut self, rule: Timers) {
        self.rule = rule;
    }

    /// Another record of an input, behind those given before.
    pub fn feed(&mut self, input: InputId, record: LoggedRecord) {
        self.inputs.entry(input).or_default().push_back(record);
    }

    /// Facts that this evaluation itself sent off: they stand for those of the log, which another model may have made.
    pub fn merges_mut(&mut self) -> &mut Merges {
        &mut self.merges
    }

    /// Applies the next record without a manifest: its own append time moves the clock, unless it is later than
    /// `appended_max_ms`, which makes it a dead letter.
    pub fn record(&mut self, input: InputId, record: &LoggedRecord, appended_max_ms: i64) {
        let mut batch = std::mem::take(&mut self.single);
        batch.clear();
        push(&mut batch, input, self.partition, record);
        self.timers_left = u64::MAX;
        self.place(batch.get(0), appended_max_ms);
        self.single = batch;
    }

    /// Lets time pass: everything due until then fires.
    pub fn pass_time(&mut self, until_ms: i64) {
        self.timers_left = u64::MAX;
        self.pass(until_ms);
    }

    pub fn clock_ms(&self) -> i64 {
        self.clock_ms
    }

    pub fn leads(&self) -> &BTreeMap<String, Lead> {
        &self.leads
    }

    /// What was decided since the last call, with the messages between leads.
    pub fn drain(&mut self) -> (Vec<Decision>, Vec<(Box<str>, Message)>) {
        let effects = std::mem::take(&mut self.effects);
        (effects.decisions, effects.messages)
    }

    /// How many records became dead letters since the last call.
    pub fn drain_dead_letters(&mut self) -> usize {
        std::mem::take(&mut self.dead_letter_count)
    }

    /// How many messages of other leads came with the Facts of the log since the last call.
    pub fn drain_merges_as_logged(&mut self) -> u64 {
        std::mem::take(&mut self.merges_as_logged_count)
    }

    /// Takes the steps of one transaction.
    pub fn transaction(&mut self, manifest: &Manifest) {
        for step in &manifest.steps {
            self.step(manifest, &step.next_offsets, step.clock_ms, step.timer_count);
        }
        let ends: Vec<i64> = manifest.positions.iter().map(|position| position.next_offset).collect();
        self.step(manifest, &ends, manifest.clock_ms, manifest.timer_count);
    }

    fn step(&mut self, manifest: &Manifest, next_offsets: &[i64], clock_ms: i64, timer_count: u64) {
        self.timers_left = match self.rule {
            Timers::Counted => timer_count,
            Timers::Due => u64::MAX,
        };
        let mut batch = Batch::default();
        for (position, next_offset) in manifest.positions.iter().zip(next_offsets) {
            let Some(input) = self.topology.find(&position.topic) else { continue };
            self.take(input, *next_offset, &mut batch);
        }
        for placed in Sequence::of(&batch, self.topology).of_task(self.partition) {
            // A timestamp that the step's clock did not follow was found absurd by the system time of the day.
            self.place(batch.get(placed.index as usize), clock_ms);
        }
        self.pass(clock_ms);
    }

    fn place(&mut self, record: Record<'_>, appended_max_ms: i64) {
        if record.appended_at_ms <= appended_max_ms {
            self.pass(record.appended_at_ms);
        }
        let routed = route(self.topology, self.decoder, record, Some(self.partition), appended_max_ms);
        self.apply(record.appended_at_ms, routed);
    }

    fn take(&mut self, input: InputId, next_offset: i64, batch: &mut Batch) {
        let Some(records) = self.inputs.get_mut(&input) else { return };
        while records.front().is_some_and(|record| record.offset < next_offset) {
            let Some(record) = records.pop_front() else { break };
            push(batch, input, self.partition, &record);
        }
    }

    /// Fires what is due until then, and moves the clock.
    fn pass(&mut self, until_ms: i64) {
        let until_ms = until_ms.max(self.clock_ms);
        while self.timers_left > 0 {
            let first = self.timers.first().filter(|(due_ms, _)| *due_ms <= until_ms).cloned();
            let Some((due_ms, id)) = first else { break };
            self.timers_left -= 1;
            self.clock_ms = self.clock_ms.max(due_ms);
            let lead = self.leads.entry(id.clone()).or_default();
            lead.fire(self.model, &id, due_ms, &mut self.effects);
            self.timers.remove(&(due_ms, id.clone()));
            self.timers.extend(lead.timer_ms().map(|next_ms| (next_ms, id)));
        }
        self.clock_ms = until_ms;
    }

    fn apply(&mut self, appended_at_ms: i64, routed: Routed<'_>) {
        let at = At { clock_ms: self.clock_ms, appended_at_ms, hops: 0 };
        let model = self.model;
        match routed {
            Routed::Event { lead_id, event, hops } => {
                let at = At { hops, ..at };
                self.with_lead(&lead_id, |lead, effects| lead.apply(model, &lead_id, &event, at, effects))
            }
            Routed::Message { lead_id, mut message, hops } => {
                if let Message::Merge { link, merged } = &mut *message {
                    match self.merges.get(&(link.from.clone(), link.event_id.clone())) {
                        Some(own) => merged.clone_from(own),
                        None => self.merges_as_logged_count += 1,
                    }
                }
                let at = At { hops, ..at };
                self.with_lead(&lead_id, |lead, effects| lead.receive(model, &lead_id, &message, at, effects))
            }
            // What was forwarded stands in the intake of its home.
            Routed::Misplaced { .. } => {}
            Routed::Dead(_) => self.dead_letter_count += 1,
        }
    }

    fn with_lead(&mut self, id: &str, change: impl FnOnce(&mut Lead, &mut Effects) -> Applied) {
        let lead = self.leads.entry(id.to_owned()).or_default();
        let before_ms = lead.timer_ms();
        let applied = change(lead, &mut self.effects);
        if let Some(due_ms) = before_ms {
            self.timers.remove(&(due_ms, id.to_owned()));
        }
        self.timers.extend(lead.timer_ms().map(|due_ms| (due_ms, id.to_owned())));
        self.dead_letter_count += usize::from(matches!(applied, Applied::Dead(_)));
    }
}

fn push(batch: &mut Batch, input: InputId, partition: Partition, record: &LoggedRecord) {
    let headers = record.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    batch.push(input, partition, record.offset, record.appended_at_ms, key, value, headers);
}
