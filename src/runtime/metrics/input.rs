//! What comes in, what becomes of it, and how far behind we are.

use prometheus::{GaugeVec, IntCounter, IntCounterVec, IntGaugeVec};

use super::labels::RecordOutcome;
use super::register::Register;
use crate::runtime::batch::{InputId, Partition};

/// An event counts as late when its record was appended more than this after it occurred. It counts all the same, at
/// its own time.
pub const LATE_AFTER_MS: i64 = 3_600_000;

#[derive(Debug)]
pub struct InputMetrics {
    topics: Vec<String>,
    records: Vec<[IntCounter; RecordOutcome::ALL.len()]>,
    dead_letters: IntCounterVec,
    forwards: IntCounter,
    late_events: IntCounter,
    seen_dropped: IntCounter,
    lag_records: IntGaugeVec,
    lag_seconds: GaugeVec,
}

impl InputMetrics {
    pub(super) fn new(r: &mut Register, topics: &[&str]) -> InputMetrics {
        let records = r.counters(
            "tsuikyaku_input_records_total",
            &["topic", "outcome"],
            "Input records committed, by what became of them.",
        );
        let of_topic = |topic: &&str| RecordOutcome::ALL.map(|o| records.with_label_values(&[*topic, o.as_str()]));
        InputMetrics {
            records: topics.iter().map(of_topic).collect(),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            dead_letters: r.counters("tsuikyaku_dead_letters_total", &["cause"], "Records sent to the dead letters."),
            forwards: r.counter("tsuikyaku_forwards_total", "Records sent on to their lead's home partition."),
            late_events: r.counter(
                "tsuikyaku_late_events_total",
                "Events appended more than an hour after they occurred; they count at their own time.",
            ),
            seen_dropped: r.counter(
                "tsuikyaku_seen_events_dropped_total",
                "Event ids that left a lead's window for repeated events before their 48 hours, because it was full.",
            ),
            lag_records: r.gauges(
                "tsuikyaku_lag_records",
                &["topic", "partition"],
                "Records that wait in a partition that is ours.",
            ),
            lag_seconds: r.real_gauges(
                "tsuikyaku_lag_seconds",
                &["partition"],
                "How far the clock of a partition of ours is behind the system's.",
            ),
        }
    }

    /// `count` records of that input were committed with that outcome.
    pub fn records(&self, input: InputId, outcome: RecordOutcome, count: u64) {
        if let Some(of_topic) = self.records.get(usize::from(input.0)) {
            of_topic[outcome as usize].inc_by(count);
        }
    }

    /// A dead letter was committed; causes are the scoring model's.
    pub fn dead_letter(&self, cause: &'static str) {
        self.dead_letters.with_label_values(&[cause]).inc();
    }

    pub fn forwards(&self, count: u64) {
        self.forwards.inc_by(count);
    }

    /// Events appended more than `LATE_AFTER_MS` after they occurred.
    pub fn late_events(&self, count: u64) {
        self.late_events.inc_by(count);
    }

    pub fn seen_dropped(&self, count: u64) {
        self.seen_dropped.inc_by(count);
    }

    pub fn lag(&self, input: InputId, partition: Partition, records: i64) {
        if let Some(topic) = self.topics.get(usize::from(input.0)) {
            self.lag_records.with_label_values(&[topic.as_str(), &partition.0.to_string()]).set(records);
        }
    }

    /// System time less the partition's clock, seconds.
    pub fn lag_seconds(&self, partition: Partition, seconds: f64) {
        self.lag_seconds.with_label_values(&[&partition.0.to_string()]).set(seconds);
    }

    /// The partition is not ours any more: its lag is another's to tell.
    pub fn forget(&self, partition: Partition) {
        let partition = partition.0.to_string();
        for topic in &self.topics {
            // An error says that there was no such value, which is what is wanted.
            let _ = self.lag_records.remove_label_values(&[topic.as_str(), &partition]);
        }
        let _ = self.lag_seconds.remove_label_values(&[&partition]);
    }
}
