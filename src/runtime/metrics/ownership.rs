//! Which partitions are ours, and what it takes to have them.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::register::Register;
use crate::runtime::batch::Partition;

#[derive(Debug)]
pub struct OwnershipMetrics {
    restoring: IntGauge,
    running: IntGauge,
    rebalances: IntCounter,
    rewinds: IntCounterVec,
    restore_records: IntCounter,
    restore_remaining: IntGaugeVec,
}

impl OwnershipMetrics {
    pub(super) fn new(r: &mut Register) -> OwnershipMetrics {
        let partitions = r.gauges("tsuikyaku_assigned_partitions", &["state"], "Partitions that are ours, by state.");
        OwnershipMetrics {
            restoring: partitions.with_label_values(&["restoring"]),
            running: partitions.with_label_values(&["running"]),
            rebalances: r.counter("tsuikyaku_rebalances_total", "Times that partitions were gained or lost."),
            rewinds: r.counters(
                "tsuikyaku_rewinds_total",
                &["cause"],
                "Times that a worker went back to what is committed.",
            ),
            restore_records: r.counter(
                "tsuikyaku_restore_records_total",
                "Changelog records read to bring state up to what is committed.",
            ),
            restore_remaining: r.gauges(
                "tsuikyaku_restore_remaining_records",
                &["partition"],
                "Changelog offsets that a restoring partition has yet to read.",
            ),
        }
    }

    /// How many partitions are ours as of now.
    pub fn assigned(&self, restoring: usize, running: usize) {
        self.restoring.set(i64::try_from(restoring).unwrap_or(i64::MAX));
        self.running.set(i64::try_from(running).unwrap_or(i64::MAX));
    }

    pub fn rebalance(&self) {
        self.rebalances.inc();
    }

    pub fn rewind(&self, cause: &'static str) {
        self.rewinds.with_label_values(&[cause]).inc();
    }

    pub fn restored(&self, records: u64) {
        self.restore_records.inc_by(records);
    }

    /// Offsets still to be read; 0 when the restore is over.
    pub fn restore_remaining(&self, partition: Partition, records: i64) {
        let partition = partition.0.to_string();
        if records > 0 {
            self.restore_remaining.with_label_values(&[&partition]).set(records);
        } else {
            // An error says that there was no such value, which is what is wanted.
            let _ = self.restore_remaining.remove_label_values(&[&partition]);
        }
    }
}
