//! What became of records, counted per input while a batch is open and handed to the metrics when it is committed.

use super::batch::InputId;
use super::metrics::{Metrics, RecordOutcome};

#[derive(Debug, Default)]
pub struct Tally {
    by_input: Vec<[u64; RecordOutcome::ALL.len()]>,
    dead_letters: Vec<(&'static str, u64)>,
}

impl Tally {
    pub fn record(&mut self, input: InputId, outcome: RecordOutcome) {
        let at = usize::from(input.0);
        if self.by_input.len() <= at {
            self.by_input.resize(at + 1, Default::default());
        }
        self.by_input[at][outcome as usize] += 1;
    }

    pub fn dead_letter(&mut self, cause: &'static str) {
        match self.dead_letters.iter_mut().find(|(found, _)| *found == cause) {
            Some((_, count)) => *count += 1,
            None => self.dead_letters.push((cause, 1)),
        }
    }

    /// Hands everything over and begins anew.
    pub fn report(&mut self, metrics: &Metrics) {
        for (input, counts) in (0..).map(InputId).zip(&mut self.by_input) {
            for (outcome, count) in RecordOutcome::ALL.into_iter().zip(counts.iter_mut()) {
                if outcome == RecordOutcome::Forwarded {
                    metrics.input.forwards(*count);
                }
                if *count > 0 {
                    metrics.input.records(input, outcome, std::mem::take(count));
                }
            }
        }
        for (cause, count) in self.dead_letters.drain(..) {
            (0..count).for_each(|_| metrics.input.dead_letter(cause));
        }
    }

    pub fn clear(&mut self) {
        *self = Tally::default();
    }
}
