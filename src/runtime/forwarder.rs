//! Inputs whose partition count differs from the intake's: they have no tasks and no state. Each of their records is
//! sent to its lead's home by the intake, or to the dead letters, in the same transaction as everything else.

use std::collections::BTreeMap;

use super::batch::{Batch, InputId, Partition};
use super::context::Context;
use super::encode;
use super::guard::DeadLetterGuard;
use super::metrics::{Metrics, RecordOutcome};
use super::order::Placed;
use super::outputs::Outputs;
use super::ports::Position;
use super::route::{Routed, route};
use super::tally::Tally;

#[derive(Debug, Default)]
struct Source {
    next_offset: i64,
    /// The group must hear of it: it moved, or it was just assigned.
    pending: bool,
}

/// The worker's partitions of such inputs.
#[derive(Debug, Default)]
pub struct Forwarder {
    sources: BTreeMap<(InputId, Partition), Source>,
    outputs: Outputs,
    tally: Tally,
    record_count: usize,
}

impl Forwarder {
    pub fn gained(&mut self, position: Position) {
        let source = Source { next_offset: position.next_offset, pending: true };
        self.sources.insert((position.input, position.partition), source);
    }

    /// Forgets them all, with what was pending; whoever owns one now reads it again.
    pub fn clear(&mut self) {
        *self = Forwarder::default();
    }

    pub fn owned(&self) -> Vec<(InputId, Partition)> {
        self.sources.keys().copied().collect()
    }

    /// Notes where the records of `placed` have to go.
    pub fn forward(&mut self, context: &Context, batch: &Batch, placed: &[Placed], guard: &mut DeadLetterGuard) {
        let appended_max_ms = context.appended_max_ms();
        for at in placed {
            let record = batch.get(at.index as usize);
            let Some(source) = self.sources.get_mut(&(record.input, record.partition)) else { continue };
            assert!(record.offset >= source.next_offset, "an input goes forward: a record came twice");
            source.next_offset = record.offset + 1;
            source.pending = true;
            self.record_count += 1;
            let outcome = match route(&context.topology, &context.decoder, record, None, appended_max_ms) {
                Routed::Misplaced { lead_id, .. } => {
                    encode::forward(context, &record, &lead_id, 0, &mut self.outputs);
                    RecordOutcome::Forwarded
                }
                Routed::Dead(dead) => {
                    self.tally.dead_letter(dead.cause.as_str());
                    encode::dead_letter(context, &record, &dead, &mut self.outputs);
                    RecordOutcome::DeadLetter
                }
                Routed::Event { .. } | Routed::Message { .. } => {
                    unreachable!("a record without a task has no home here")
                }
            };
            self.tally.record(record.input, outcome);
            guard.note(1, u64::from(outcome == RecordOutcome::DeadLetter));
        }
    }

    pub fn has_pending(&self) -> bool {
        self.record_count > 0
    }

    pub fn bytes(&self) -> usize {
        self.outputs.bytes()
    }

    pub fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// Positions that the next transaction has to report.
    pub fn pending_positions(&self) -> impl Iterator<Item = Position> {
        self.sources.iter().filter(|(_, source)| source.pending).map(|((input, partition), source)| Position {
            input: *input,
            partition: *partition,
            next_offset: source.next_offset,
        })
    }

    /// Report all of them again, though nothing moved.
    pub fn recommit(&mut self) {
        self.sources.values_mut().for_each(|source| source.pending = true);
    }

    pub fn committed(&mut self, metrics: &Metrics) {
        self.tally.report(metrics);
        self.sources.values_mut().for_each(|source| source.pending = false);
        self.outputs.clear();
        self.record_count = 0;
    }
}
