//! What became of records, counted per input while a batch is open and handed to the metrics when it is committed.

use super::batch::InputId;
use super::metrics::{Metrics, RecordOutcome};
use crate::scoring::lead::Effects;

#[derive(Debug, Default)]
pub struct Tally {
    by_input: Vec<[u64; RecordOutcome::ALL.len()]>,
    dead_letters: Vec<(&'static str, u64)>,
    late_count: u64,
    seen_dropped_count: u64,
    snapshot_count: u64,
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

    /// What a step of the model brought about, beside decisions.
    pub fn effects(&mut self, late_count: u64, effects: &Effects) {
        self.late_count += late_count;
        self.seen_dropped_count += effects.seen_dropped_count as u64;
        self.snapshot_count += effects.snapshots.len() as u64;
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
        metrics.input.late_events(std::mem::take(&mut self.late_count));
        metrics.input.seen_dropped(std::mem::take(&mut self.seen_dropped_count));
        metrics.output.snapshots(std::mem::take(&mut self.snapshot_count));
    }

    pub fn clear(&mut self) {
        *self = Tally::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_over_once_and_forgets_what_was_given_up() {
        let metrics = Metrics::for_inputs(&["a.intake"]);
        let effects = Effects { seen_dropped_count: 3, ..Effects::default() };
        let mut tally = Tally::default();
        tally.effects(7, &effects);
        tally.clear();
        tally.effects(2, &effects);
        tally.record(InputId(0), RecordOutcome::Applied);
        tally.report(&metrics);
        tally.report(&metrics);
        let shown = metrics.encode();
        for line in [
            "tsuikyaku_late_events_total 2",
            "tsuikyaku_seen_events_dropped_total 3",
            "tsuikyaku_input_records_total{outcome=\"applied\",topic=\"a.intake\"} 1",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
        }
    }
}
