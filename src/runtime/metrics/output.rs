//! What goes out: decisions, snapshots, and how long they took.

use prometheus::{Histogram, IntCounter, IntCounterVec};

use super::register::Register;

/// Event to decision, as a sales person would feel it: from the target (30 ms) to "the pipeline was down".
const BUCKETS_S: [f64; 15] =
    [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0];

#[derive(Debug)]
pub struct OutputMetrics {
    decisions: IntCounterVec,
    decision_latency: Histogram,
    snapshots: IntCounter,
    timers_due: IntCounter,
}

impl OutputMetrics {
    pub(super) fn new(r: &mut Register) -> OutputMetrics {
        OutputMetrics {
            decisions: r.counters("tsuikyaku_decisions_total", &["lane", "type"], "Decisions committed."),
            decision_latency: r.histogram(
                "tsuikyaku_decision_latency_seconds",
                &BUCKETS_S,
                "From the append of the event that a decision rests on to the commit of the decision; timers apart.",
            ),
            snapshots: r.counter("tsuikyaku_snapshots_total", "Public score snapshots committed."),
            timers_due: r.counter("tsuikyaku_timers_due_total", "Timers of leads that came due and were evaluated."),
        }
    }

    /// A decision was committed, `latency_ms` after its event was appended (`None`: a timer's).
    pub fn decision(&self, lane: &'static str, kind: &'static str, latency_ms: Option<i64>) {
        self.decisions.with_label_values(&[lane, kind]).inc();
        if let Some(latency_ms) = latency_ms {
            self.decision_latency.observe(latency_ms.max(0) as f64 / 1000.0);
        }
    }

    pub fn snapshots(&self, count: u64) {
        self.snapshots.inc_by(count);
    }

    pub fn timers_due(&self, count: u64) {
        self.timers_due.inc_by(count);
    }

    /// All decisions so far, for a status line.
    pub fn decisions_total(&self, lane: &'static str, kind: &'static str) -> u64 {
        self.decisions.with_label_values(&[lane, kind]).get()
    }
}
