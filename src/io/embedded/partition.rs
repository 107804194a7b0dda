//! One partition: records in the order of their offsets, and which of them are committed.

use std::collections::{BTreeMap, HashSet, VecDeque};

/// Names one transaction for ever.
pub type TransactionId = u64;

/// A record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub offset: i64,
    /// Place among all records of the log, so that readers of several partitions can follow the order of appending.
    pub sequence: u64,
    pub appended_at_ms: i64,
    pub key: Option<Box<[u8]>>,
    pub value: Option<Box<[u8]>>,
    pub headers: Vec<(Box<str>, Box<[u8]>)>,
    pub transaction: Option<TransactionId>,
}

#[derive(Debug, Default)]
pub struct PartitionLog {
    entries: VecDeque<Entry>,
    low: i64,
    next_offset: i64,
    /// First offset of each open transaction.
    open: BTreeMap<TransactionId, i64>,
    /// Compact or trim when there are that many.
    tidy_at_count: usize,
}

impl PartitionLog {
    pub fn low(&self) -> i64 {
        self.low
    }

    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The offset below which everything is decided.
    pub fn last_stable(&self) -> i64 {
        self.open.values().min().copied().unwrap_or(self.next_offset)
    }

    /// Appends with the next offset, which `entry` gets.
    pub fn append(&mut self, mut entry: Entry) -> i64 {
        entry.offset = self.next_offset;
        if let Some(transaction) = entry.transaction {
            self.open.entry(transaction).or_insert(entry.offset);
        }
        self.next_offset += 1;
        self.entries.push_back(entry);
        self.next_offset - 1
    }

    /// The records of an open transaction.
    pub fn of(&self, transaction: TransactionId) -> impl Iterator<Item = &Entry> {
        let first = self.open.get(&transaction).copied().unwrap_or(self.next_offset);
        self.entries.range(self.index(first)..).filter(move |entry| entry.transaction == Some(transaction))
    }

    /// Ends a transaction with a marker; its records are visible from now on, unless it is aborted.
    pub fn end(&mut self, transaction: TransactionId, committed: Ended) {
        if self.open.remove(&transaction).is_none() {
            return;
        }
        if committed == Ended::Aborted {
            self.entries.retain(|entry| entry.transaction != Some(transaction));
        }
        self.next_offset += 1;
    }

    /// Committed records from `offset` on.
    pub fn committed_from(&self, offset: i64) -> impl ExactSizeIterator<Item = &Entry> {
        let end = self.index(self.last_stable());
        self.entries.range(self.index(offset).min(end)..end)
    }

    /// Records that no open transaction holds, also those that still wait behind one.
    pub fn decided(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.transaction.is_none_or(|id| !self.open.contains_key(&id)))
    }

    fn index(&self, offset: i64) -> usize {
        self.entries.partition_point(|entry| entry.offset < offset)
    }

    /// Drops old records, those below `keep_from` only.
    pub fn trim(&mut self, keep_from: i64, kept_min: usize) {
        if self.entries.len() <= kept_min.saturating_mul(2) {
            return;
        }
        let surplus = self.entries.len() - kept_min;
        let dropped = surplus.min(self.index(keep_from.min(self.last_stable())));
        self.entries.drain(..dropped);
        self.set_low(keep_from);
    }

    /// True while the transaction has records here and no marker.
    pub fn is_open(&self, transaction: TransactionId) -> bool {
        self.open.contains_key(&transaction)
    }

    /// Compacts when there is enough to do. Tombstones stay.
    pub fn compact_if_due(&mut self, kept_min: usize) {
        if self.entries.len() > self.tidy_at_count.max(kept_min) {
            self.compact(i64::MIN);
        }
    }

    /// Drops every committed record that a later committed one of the same key replaces, and tombstones that were
    /// appended before `tombstones_before_ms`.
    pub fn compact(&mut self, tombstones_before_ms: i64) {
        let stable = self.index(self.last_stable());
        let mut seen: HashSet<Option<Box<[u8]>>> = HashSet::new();
        let mut kept = VecDeque::with_capacity(self.entries.len());
        for (index, entry) in std::mem::take(&mut self.entries).into_iter().enumerate().rev() {
            let is_old = |entry: &Entry| entry.value.is_none() && entry.appended_at_ms < tombstones_before_ms;
            if index >= stable || seen.insert(entry.key.clone()) && !is_old(&entry) {
                kept.push_front(entry);
            }
        }
        self.entries = kept;
        self.tidy_at_count = 2 * self.entries.len();
    }

    /// Takes a committed record of the file back.
    pub fn restore(&mut self, entry: Entry) {
        self.next_offset = self.next_offset.max(entry.offset + 1);
        self.entries.push_back(entry);
    }

    /// Ends a restore: transactions were written in the order of their ends, offsets are given at the beginning.
    /// What was trimmed before stood below `keep_from`.
    pub fn restored(&mut self, keep_from: i64) {
        self.entries.make_contiguous().sort_by_key(|entry| entry.offset);
        self.set_low(keep_from);
    }

    /// The first record, but never beyond `keep_from`: a position may stand on the marker before that record.
    fn set_low(&mut self, keep_from: i64) {
        self.low = self.entries.front().map_or(self.next_offset, |entry| entry.offset).min(keep_from);
    }

    pub fn restore_end(&mut self, next_offset: i64) {
        self.next_offset = self.next_offset.max(next_offset);
    }
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Committed,
    Aborted,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, transaction: Option<TransactionId>) -> Entry {
        Entry {
            offset: -1,
            sequence: 0,
            appended_at_ms: 0,
            key: Some(key.as_bytes().into()),
            value: None,
            headers: vec![],
            transaction,
        }
    }

    const KEPT_MIN: usize = 10_000;

    fn visible(log: &PartitionLog) -> Vec<i64> {
        log.committed_from(0).map(|entry| entry.offset).collect()
    }

    #[test]
    fn nothing_behind_an_open_transaction_is_visible() {
        let mut log = PartitionLog::default();
        log.append(entry("a", None));
        log.append(entry("b", Some(1)));
        log.append(entry("c", Some(2)));
        log.append(entry("d", None));
        assert_eq!(visible(&log), [0]);
        log.end(2, Ended::Committed);
        assert_eq!((visible(&log), log.next_offset()), (vec![0], 5));
        log.end(1, Ended::Aborted);
        assert_eq!((visible(&log), log.next_offset()), (vec![0, 2, 3], 6));
        log.end(1, Ended::Aborted);
        assert_eq!(log.next_offset(), 6, "a transaction ends once");
    }

    #[test]
    fn compaction_keeps_the_last_of_each_key_and_all_that_is_open() {
        let mut log = PartitionLog::default();
        for number in 0..KEPT_MIN {
            log.append(entry(&(number % 7).to_string(), None));
        }
        log.append(entry("0", Some(1)));
        log.compact_if_due(KEPT_MIN);
        assert_eq!(visible(&log).len(), 7);
        assert_eq!((visible(&log)[6], log.of(1).count()), (KEPT_MIN as i64 - 1, 1));
    }

    #[test]
    fn only_old_tombstones_go() {
        let mut log = PartitionLog::default();
        log.append(Entry { appended_at_ms: 1, ..entry("a", None) });
        log.append(Entry { appended_at_ms: 2, ..entry("b", None) });
        log.append(Entry { appended_at_ms: 3, value: Some(b"v".as_slice().into()), ..entry("a", None) });
        log.compact(2);
        assert_eq!(visible(&log), [1, 2]);
        log.compact(3);
        assert_eq!((visible(&log), log.next_offset()), (vec![2], 3));
    }

    #[test]
    fn trimming_spares_what_is_not_processed() {
        let mut log = PartitionLog::default();
        for _ in 0..=2 * KEPT_MIN {
            log.append(entry("a", None));
        }
        log.trim(5, KEPT_MIN);
        assert_eq!((log.low(), log.committed_from(0).next().map(|entry| entry.offset)), (5, Some(5)));
        for _ in 0..5 {
            log.append(entry("a", None));
        }
        log.trim(i64::MAX, KEPT_MIN);
        assert_eq!((log.low(), log.committed_from(0).len()), (10_006, KEPT_MIN));
    }
}
