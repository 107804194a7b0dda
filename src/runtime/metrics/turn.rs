//! One turn of the loop: how much it carries and where its time goes.

use std::time::Duration;

use prometheus::{Counter, Histogram};

use super::labels::{CommitPhase, Verb};
use super::register::Register;

/// Around the targets of a commit (10 ms at the 99th percentile), then up to a transaction's timeout.
const COMMIT_BUCKETS_S: [f64; 16] =
    [0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0];

/// From a lone event to the default limit of a batch and beyond.
const BATCH_BUCKETS: [f64; 11] = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0, 30_000.0, 100_000.0];

#[derive(Debug)]
pub struct TurnMetrics {
    batch_records: Histogram,
    loop_seconds: [Counter; Verb::ALL.len()],
    commit_seconds: [Histogram; CommitPhase::ALL.len()],
}

impl TurnMetrics {
    pub(super) fn new(r: &mut Register) -> TurnMetrics {
        let verbs = r.real_counters(
            "tsuikyaku_loop_seconds_total",
            &["verb"],
            "Time of all workers by verb of the loop; poll is mostly waiting, process includes the prefetch.",
        );
        let phases = r.histograms(
            "tsuikyaku_commit_seconds",
            &["phase"],
            &COMMIT_BUCKETS_S,
            "Time of a transaction that was committed, by phase; whole is all of them.",
        );
        TurnMetrics {
            batch_records: r.histogram("tsuikyaku_batch_records", &BATCH_BUCKETS, "Input records of a transaction."),
            loop_seconds: Verb::ALL.map(|verb| verbs.with_label_values(&[verb.as_str()])),
            commit_seconds: CommitPhase::ALL.map(|phase| phases.with_label_values(&[phase.as_str()])),
        }
    }

    pub fn batch(&self, records: usize) {
        self.batch_records.observe(records as f64);
    }

    pub fn spent(&self, verb: Verb, time: Duration) {
        self.loop_seconds[verb as usize].inc_by(time.as_secs_f64());
    }

    /// A phase of a transaction took that long.
    pub fn committed(&self, phase: CommitPhase, time: Duration) {
        self.commit_seconds[phase as usize].observe(time.as_secs_f64());
    }

    /// Number and total seconds of whole commits so far, for a status line.
    pub fn commits(&self) -> (u64, f64) {
        let whole = &self.commit_seconds[CommitPhase::Whole as usize];
        (whole.get_sample_count(), whole.get_sample_sum())
    }
}
