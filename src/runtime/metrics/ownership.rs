//! Which partitions are ours, and what it takes to have them.

use prometheus::{IntCounter, IntGauge, IntGaugeVec};

use super::labels::{PartitionState, RewindCause};
use super::register::Register;
use crate::runtime::batch::Partition;

#[derive(Debug)]
pub struct OwnershipMetrics {
    partitions: [IntGauge; PartitionState::ALL.len()],
    rebalances: IntCounter,
    rewinds: [IntCounter; RewindCause::ALL.len()],
    restore_records: IntCounter,
    restore_remaining: IntGaugeVec,
}

impl OwnershipMetrics {
    pub(super) fn new(r: &mut Register) -> OwnershipMetrics {
        let partitions = r.gauges("tsuikyaku_assigned_partitions", &["state"], "Partitions that are ours, by state.");
        let rewinds =
            r.counters("tsuikyaku_rewinds_total", &["cause"], "Times that a worker went back to what is committed.");
        OwnershipMetrics {
            partitions: PartitionState::ALL.map(|state| partitions.with_label_values(&[state.as_str()])),
            rebalances: r.counter("tsuikyaku_rebalances_total", "Times that partitions were gained or lost."),
            rewinds: RewindCause::ALL.map(|cause| rewinds.with_label_values(&[cause.as_str()])),
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

    /// A partition changes its state; `None` is not ours (before, or after).
    pub fn partition(&self, before: Option<PartitionState>, after: Option<PartitionState>) {
        if let Some(before) = before {
            self.partitions[before as usize].dec();
        }
        if let Some(after) = after {
            self.partitions[after as usize].inc();
        }
    }

    pub fn rebalance(&self) {
        self.rebalances.inc();
    }

    pub fn rewind(&self, cause: RewindCause) {
        self.rewinds[cause as usize].inc();
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
