//! The loop's limits and intervals. Every one is configuration; these are the defaults.

use std::time::Duration;

/// All of them have a `*_max` or an interval in their name.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Commit at least this often while there is something to commit.
    pub commit_interval: Duration,
    /// Commit partitions where a decision waits, but not sooner after the last transaction than this, or than the broker
    /// bears.
    pub decision_interval: Duration,
    /// Records that arrive within this time are processed in one step.
    pub step_interval: Duration,
    /// Records of one step.
    pub step_records_max: usize,
    /// Bytes of one step.
    pub step_bytes_max: usize,
    /// Commit when the open batch has touched that many leads.
    pub batch_leads_max: usize,
    /// Commit when the open batch has that many bytes to send.
    pub batch_bytes_max: usize,
    /// Timers fired in one step of one partition.
    pub step_timers_max: usize,
    /// Write committed states to the store at least this often.
    pub persist_interval: Duration,
    /// Write them sooner when that many bytes wait, per worker.
    pub persist_bytes_max: usize,
    /// An input that is at least so many records from its end holds back what is later in the other inputs.
    pub align_lag_records_min: i64,
    /// How long records may wait for an earlier topic that is far behind and delivers nothing.
    pub align_wait_max: Duration,
    /// Records of one input partition held back before its reading is stopped for a while.
    pub align_records_max: usize,
    /// Leads in memory, bytes, per worker.
    pub cache_bytes_max: usize,
    /// Time that a turn of the loop gives to partitions that are being restored.
    pub restore_budget: Duration,
    /// States that a restore holds in memory before it writes them, bytes.
    pub restore_bytes_max: usize,
    /// Disk state older than this is restored from the changelog's start: deleted keys might come back. Half of the
    /// changelog's `delete.retention.ms`.
    pub stale_after: Duration,
    /// Commit the positions of every owned partition at least this often, or the broker forgets those of the topics
    /// that the group does not subscribe to.
    pub recommit_interval: Duration,
    /// Stop when more than this share of recent records were dead letters, in (0, 1].
    pub dead_letter_share_max: f64,
    /// ... once that many recent records were seen.
    pub dead_letter_records_min: u64,
    /// A record whose own timestamp is that far ahead of system time is a dead letter, and never moves the clock.
    pub clock_skew_max: Duration,
    /// Give up, loudly, when nothing could be committed for that long.
    pub retry_max: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            commit_interval: Duration::from_millis(100),
            decision_interval: Duration::from_millis(2),
            step_interval: Duration::from_millis(2),
            step_records_max: 2_000,
            step_bytes_max: 4 << 20,
            batch_leads_max: 20_000,
            batch_bytes_max: 16 << 20,
            step_timers_max: 2_000,
            persist_interval: Duration::from_secs(5),
            persist_bytes_max: 64 << 20,
            align_lag_records_min: 100,
            align_wait_max: Duration::from_secs(10),
            align_records_max: 4_000,
            cache_bytes_max: 256 << 20,
            restore_budget: Duration::from_millis(50),
            restore_bytes_max: 64 << 20,
            stale_after: Duration::from_secs(12 * 3600),
            recommit_interval: Duration::from_secs(3600),
            dead_letter_share_max: 0.5,
            dead_letter_records_min: 1_000,
            clock_skew_max: Duration::from_secs(300),
            retry_max: Duration::from_secs(300),
        }
    }
}
