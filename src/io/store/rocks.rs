//! The port `Store` on RocksDB.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rocksdb::statistics::Ticker;
use rocksdb::{BoundColumnFamily, Options, WriteBatch, properties};

use super::budget::Budget;
use super::directory::Directory;
use super::fault::{self, OpenError};
use super::identity::Identity;
use super::sorted::Sorted;
use super::stats::StoreStats;
use super::tables::{self, Database};
use super::{ingest, keys, meta};
use crate::runtime::batch::Partition;
use crate::runtime::ports::{LeadWrite, PartitionMeta, Store, StoreError, StoredTimer};

/// The state directory of one process, opened.
pub struct RocksStore {
    // Before `directory`: fields are dropped in this order, and the lock must go last.
    db: Database,
    options: Options,
    budget: Budget,
    partition_count: u32,
    creating: Mutex<()>,
    lead_reads_count: AtomicU64,
    leads_found_count: AtomicU64,
    read_bytes: AtomicU64,
    held_micros: AtomicU64,
    directory: Directory,
}

impl RocksStore {
    /// Opens or creates the store in `dir`; `memory_bytes` limits blocks and memtables together.
    ///
    /// # Errors
    /// `Held` by another process, `Foreign` state, or what the disk says. After `Corrupt` the next open begins empty.
    pub fn open(dir: &Path, identity: &Identity, memory_bytes: usize) -> Result<RocksStore, OpenError> {
        let directory = Directory::take(dir, identity)?;
        let budget = Budget::new(memory_bytes);
        let options = budget.database();
        let db = open_database(&directory, &budget, &options).inspect_err(|error| note(&directory, error))?;
        Ok(RocksStore {
            db,
            options,
            budget,
            partition_count: identity.partition_count,
            creating: Mutex::new(()),
            lead_reads_count: AtomicU64::new(0),
            leads_found_count: AtomicU64::new(0),
            read_bytes: AtomicU64::new(0),
            held_micros: AtomicU64::new(0),
            directory,
        })
    }

    /// Counters and sizes as of now. Costs about a microsecond for each partition.
    pub fn stats(&self) -> StoreStats {
        let size = |name| self.families().map(|family| self.property(&family, name)).sum();
        StoreStats {
            lead_reads_count: self.lead_reads_count.load(Ordering::Relaxed),
            leads_found_count: self.leads_found_count.load(Ordering::Relaxed),
            read_bytes: self.read_bytes.load(Ordering::Relaxed),
            written_bytes: self.options.get_ticker_count(Ticker::BytesWritten),
            cache_hits_count: self.options.get_ticker_count(Ticker::BlockCacheHit),
            cache_misses_count: self.options.get_ticker_count(Ticker::BlockCacheMiss),
            stall_micros: self.options.get_ticker_count(Ticker::StallMicros) + self.held_micros.load(Ordering::Relaxed),
            memory_bytes: self.budget.cache.get_usage() as u64,
            disk_bytes: size(properties::LIVE_SST_FILES_SIZE),
            compaction_debt_bytes: size(properties::ESTIMATE_PENDING_COMPACTION_BYTES),
        }
    }

    fn property(&self, family: &Arc<BoundColumnFamily<'_>>, name: &rocksdb::properties::PropName) -> u64 {
        self.db.property_int_value_cf(family, name).ok().flatten().unwrap_or(0)
    }

    fn families(&self) -> impl Iterator<Item = Arc<BoundColumnFamily<'_>>> {
        (0..self.partition_count).filter_map(|number| self.family(Partition(number)))
    }

    fn family(&self, partition: Partition) -> Option<Arc<BoundColumnFamily<'_>>> {
        self.db.cf_handle(&keys::family(partition.0))
    }

    fn family_or_new(&self, partition: Partition) -> Result<Arc<BoundColumnFamily<'_>>, StoreError> {
        let _one_at_a_time = self.creating.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if self.family(partition).is_none() {
            let name = keys::family(partition.0);
            self.db.create_cf(name, &self.budget.family()).map_err(fault::of_rocksdb)?;
        }
        self.family(partition).ok_or_else(|| StoreError::Io(format!("partition {} vanished", partition.0)))
    }

    /// Waits for a flush where memtables are over their share.
    fn hold_to_budget(&self, family: &Arc<BoundColumnFamily<'_>>) -> Result<(), StoreError> {
        if !self.budget.is_over() {
            return Ok(());
        }
        let began = Instant::now();
        let flushed = self.noted(self.db.flush_cf(family).map_err(fault::of_rocksdb));
        self.held_micros.fetch_add(began.elapsed().as_micros() as u64, Ordering::Relaxed);
        flushed
    }

    /// Remembers corruption before it is reported: what is unfit now is unfit after a restart.
    fn noted<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.inspect_err(|error| note(&self.directory, error))
    }
}

fn note(directory: &Directory, error: &StoreError) {
    if let StoreError::Corrupt(reason) = error {
        directory.mark_unfit(reason);
    }
}

/// Every family with its own options: named without them they would lose filters, compression and the budget.
fn open_database(directory: &Directory, budget: &Budget, options: &Options) -> Result<Database, StoreError> {
    let path = directory.database();
    let names = if path.join("CURRENT").exists() {
        Database::list_cf(options, &path).map_err(fault::of_rocksdb)?
    } else {
        vec![rocksdb::DEFAULT_COLUMN_FAMILY_NAME.to_owned()]
    };
    let descriptors = names.iter().map(|name| budget.descriptor(name));
    Database::open_cf_descriptors(options, &path, descriptors).map_err(fault::of_rocksdb)
}

impl Store for RocksStore {
    fn meta(&self, partition: Partition) -> Result<Option<PartitionMeta>, StoreError> {
        let Some(family) = self.family(partition) else { return Ok(None) };
        self.noted(tables::meta(&self.db, &family))
    }

    fn get_many(&self, partition: Partition, lead_ids: &[&str]) -> Result<Vec<Option<Box<[u8]>>>, StoreError> {
        self.lead_reads_count.fetch_add(lead_ids.len() as u64, Ordering::Relaxed);
        let Some(family) = self.family(partition) else { return Ok(vec![None; lead_ids.len()]) };
        let values = self.noted(tables::get_many(&self.db, &family, lead_ids))?;
        let found = values.iter().flatten();
        self.leads_found_count.fetch_add(found.clone().count() as u64, Ordering::Relaxed);
        self.read_bytes.fetch_add(found.map(|value| value.len() as u64).sum(), Ordering::Relaxed);
        Ok(values)
    }

    fn timers(
        &self,
        partition: Partition,
        after: Option<&StoredTimer>,
        count_max: usize,
    ) -> Result<Vec<StoredTimer>, StoreError> {
        let Some(family) = self.family(partition) else { return Ok(Vec::new()) };
        self.noted(tables::timers(&self.db, &family, after, count_max))
    }

    fn write(&self, partition: Partition, writes: &[LeadWrite<'_>], meta: &PartitionMeta) -> Result<(), StoreError> {
        let family = self.family_or_new(partition)?;
        let mut batch = batch_of(&family, writes);
        batch.put_cf(&family, keys::META, meta::encode(meta));
        self.noted(self.db.write(batch).map_err(fault::of_rocksdb))?;
        self.hold_to_budget(&family)
    }

    fn ingest(&self, partition: Partition, writes: &[LeadWrite<'_>], meta: &PartitionMeta) -> Result<(), StoreError> {
        let family = self.family_or_new(partition)?;
        if tables::meta(&self.db, &family)?.is_some() {
            return Err(StoreError::Io(format!("partition {} is not empty: clear it before an ingest", partition.0)));
        }
        let folder = self.directory.ingest().join(keys::family(partition.0));
        let ingested = ingest::write_files(&folder, &self.budget.ingested(), writes, meta)
            .and_then(|files| ingest::take_files(&self.db, &family, files));
        let _ = std::fs::remove_dir_all(&folder); // what is left of a failure goes at the next open
        self.noted(ingested)
    }

    fn clear(&self, partition: Partition) -> Result<(), StoreError> {
        if self.family(partition).is_none() {
            return Ok(());
        }
        self.noted(self.db.drop_cf(&keys::family(partition.0)).map_err(fault::of_rocksdb))
    }

    fn scan(&self, partition: Partition, each: &mut dyn FnMut(&str, &[u8]) -> bool) -> Result<(), StoreError> {
        let Some(family) = self.family(partition) else { return Ok(()) };
        self.noted(tables::scan(&self.db, &family, each))
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.noted(self.db.flush_wal(true).map_err(fault::of_rocksdb))
    }
}

/// Leads in the order of their ids, then their timers: what stands side by side in a memtable is found from each other.
fn batch_of(family: &Arc<BoundColumnFamily<'_>>, writes: &[LeadWrite<'_>]) -> WriteBatch {
    /// What a lead takes in a batch beside its id and state, about.
    const FRAME_BYTES: usize = 16;
    let bytes = |write: &LeadWrite<'_>| FRAME_BYTES + write.lead_id.len() + write.value.map_or(0, <[u8]>::len);
    let mut batch = WriteBatch::with_capacity_bytes(writes.iter().map(bytes).sum());
    let mut key = Vec::new();
    let sorted = Sorted::of(writes);
    for write in sorted.iter() {
        key.clear();
        keys::push_lead(&mut key, write.lead_id);
        match write.value {
            Some(value) => batch.put_cf(family, &key, value),
            None => batch.delete_cf(family, &key),
        }
    }
    let moved = |write: &&LeadWrite<'_>| write.timer_before_ms != write.timer_after_ms;
    for write in sorted.iter().filter(moved) {
        if let Some(due_ms) = write.timer_before_ms {
            key.clear();
            keys::push_timer(&mut key, due_ms, write.lead_id);
            batch.delete_cf(family, &key);
        }
        if let Some(due_ms) = write.timer_after_ms {
            key.clear();
            keys::push_timer(&mut key, due_ms, write.lead_id);
            batch.put_cf(family, &key, b"");
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::store::StoreReader;

    const P: Partition = Partition(2);

    fn identity() -> Identity {
        Identity { application: "app".into(), cluster: "c1".into(), partition_count: 4 }
    }

    fn open(dir: &Path) -> RocksStore {
        RocksStore::open(dir, &identity(), 32 << 20).unwrap()
    }

    fn meta(changelog_next_offset: i64) -> PartitionMeta {
        PartitionMeta { changelog_next_offset, manifest: b"m".to_vec(), committed_at_ms: 7 }
    }

    fn put<'a>(lead_id: &'a str, value: &'a [u8], before: Option<i64>, after: Option<i64>) -> LeadWrite<'a> {
        LeadWrite { lead_id, value: Some(value), timer_before_ms: before, timer_after_ms: after }
    }

    fn timers(store: &RocksStore, after: Option<(i64, &str)>, count_max: usize) -> Vec<(i64, String)> {
        let after = after.map(|(due_ms, lead_id)| StoredTimer { due_ms, lead_id: lead_id.into() });
        let found = store.timers(P, after.as_ref(), count_max).unwrap();
        found.into_iter().map(|timer| (timer.due_ms, timer.lead_id.into_string())).collect()
    }

    fn leads(store: &RocksStore, partition: Partition) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        store
            .scan(partition, &mut |lead_id, value| {
                found.push((lead_id.to_owned(), value.to_vec()));
                true
            })
            .unwrap();
        found
    }

    #[test]
    fn what_is_ingested_is_not_compressed_before_it_is_merged() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let state = vec![0; 1 << 20];
        store.ingest(P, &[put("a", &state, None, None)], &meta(1)).unwrap();
        let files = std::fs::read_dir(dir.path().join("rocksdb")).unwrap().map(|entry| entry.unwrap());
        let tables = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "sst"));
        let bytes: u64 = tables.map(|file| file.metadata().unwrap().len()).sum();
        assert!(bytes > 1 << 20, "{bytes} bytes");
    }

    #[test]
    fn a_partition_that_was_never_written_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        assert_eq!(store.meta(P).unwrap(), None);
        assert_eq!(store.get_many(P, &["a", "b"]).unwrap(), [None, None]);
        assert_eq!((timers(&store, None, 9), leads(&store, P)), (vec![], vec![]));
        store.clear(P).unwrap();
        store.flush().unwrap();
    }

    #[test]
    fn states_timers_and_meta_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.write(P, &[put("a", b"1", None, Some(5)), put("c", b"", None, None)], &meta(10)).unwrap();
        store.write(Partition(0), &[put("z", b"0", None, None)], &meta(3)).unwrap();
        drop(store);

        let store = open(dir.path());
        assert_eq!((store.meta(P).unwrap(), store.meta(Partition(0)).unwrap()), (Some(meta(10)), Some(meta(3))));
        let (one, empty): (Box<[u8]>, Box<[u8]>) = (b"1".as_slice().into(), b"".as_slice().into());
        assert_eq!(store.get_many(P, &["a", "b", "c"]).unwrap(), [Some(one.clone()), None, Some(empty.clone())]);
        assert_eq!(store.get_many(P, &["c", "z", "a"]).unwrap(), [Some(empty), None, Some(one)]);
        assert_eq!(timers(&store, None, 9), [(5, "a".to_owned())]);
    }

    #[test]
    fn timers_come_in_order_with_ties_and_times_before_1970() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let writes =
            [("b", 5), ("a", 5), ("n", -1), ("ab", 5), ("o", i64::MIN)].map(|(id, due)| put(id, b"", None, Some(due)));
        store.write(P, &writes, &meta(1)).unwrap();
        let all = [(i64::MIN, "o"), (-1, "n"), (5, "a"), (5, "ab"), (5, "b")].map(|(due, id)| (due, id.to_owned()));
        for (after, count_max, expected) in [
            (None, 9, &all[..]),
            (None, 2, &all[..2]),
            (Some((-1, "n")), 9, &all[2..]),
            (Some((5, "a")), 9, &all[3..]),
            (Some((5, "aa")), 1, &all[3..4]),
            (Some((5, "b")), 9, &[]),
            (None, 0, &[]),
        ] {
            assert_eq!(timers(&store, after, count_max), expected, "after {after:?}");
        }
    }

    #[test]
    fn a_moved_timer_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        for (before, after) in
            [(None, Some(5)), (Some(5), Some(5)), (Some(5), Some(9)), (Some(9), None), (None, Some(1))]
        {
            store.write(P, &[put("a", b"", before, after)], &meta(1)).unwrap();
            let expected: Vec<_> = after.map(|due| (due, "a".to_owned())).into_iter().collect();
            assert_eq!(timers(&store, None, 9), expected, "{before:?} to {after:?}");
        }
        let gone = LeadWrite { lead_id: "a", value: None, timer_before_ms: Some(1), timer_after_ms: None };
        store.write(P, &[gone], &meta(2)).unwrap();
        assert_eq!((timers(&store, None, 9), leads(&store, P)), (vec![], vec![]));
    }

    #[test]
    fn clear_forgets_one_partition_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        for partition in [P, Partition(3)] {
            store.write(partition, &[put("a", b"1", None, Some(5))], &meta(1)).unwrap();
        }
        store.clear(P).unwrap();
        drop(store);
        let store = open(dir.path());
        assert_eq!((store.meta(P).unwrap(), leads(&store, P), timers(&store, None, 9)), (None, vec![], vec![]));
        assert_eq!(leads(&store, Partition(3)).len(), 1);
        store.write(P, &[put("b", b"2", None, None)], &meta(2)).unwrap();
        assert_eq!(leads(&store, P), [("b".to_owned(), b"2".to_vec())]);
    }

    #[test]
    fn an_ingest_equals_the_writes() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let owned =
            |number: i64| (format!("lead-{}", number * 7919 % 10_007), format!("value of {number}").into_bytes());
        let owned: Vec<_> = (0..10_000).map(owned).collect();
        let timer_ms = |number: i64| (number % 3 != 0).then_some(number % 50 - 25);
        let mut writes: Vec<_> =
            owned.iter().zip(0..).map(|((id, value), number)| put(id, value, None, timer_ms(number))).collect();
        writes.push(LeadWrite {
            lead_id: "of which nothing is left",
            value: None,
            timer_before_ms: None,
            timer_after_ms: None,
        });
        let by_write = Partition(1);
        store.write(by_write, &writes, &meta(4)).unwrap();
        store.ingest(P, &writes, &meta(4)).unwrap();

        assert_eq!(store.meta(P).unwrap(), store.meta(by_write).unwrap());
        assert_eq!(leads(&store, P), leads(&store, by_write));
        assert_eq!(store.timers(P, None, 20_000).unwrap(), store.timers(by_write, None, 20_000).unwrap());
        assert_eq!(timers(&store, None, 20_000).len(), 6_666);
        assert!(matches!(store.ingest(P, &writes, &meta(5)), Err(StoreError::Io(_))), "over existing state");
        assert!(!dir.path().join("ingest/p2").exists());

        store.clear(P).unwrap();
        store.ingest(P, &[], &meta(6)).unwrap();
        assert_eq!((store.meta(P).unwrap(), leads(&store, P)), (Some(meta(6)), vec![]));
    }

    #[test]
    fn a_scan_ends_when_told() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.write(P, &["c", "a", "b"].map(|id| put(id, b"", None, None)), &meta(1)).unwrap();
        let mut seen = Vec::new();
        store
            .scan(P, &mut |lead_id, _| {
                seen.push(lead_id.to_owned());
                seen.len() < 2
            })
            .unwrap();
        assert_eq!(seen, ["a", "b"]);
    }

    #[test]
    fn counts_what_it_does() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.write(P, &[put("a", b"12345", None, None)], &meta(1)).unwrap();
        store.get_many(P, &["a", "b"]).unwrap();
        let stats = store.stats();
        assert_eq!((stats.lead_reads_count, stats.leads_found_count, stats.read_bytes), (2, 1, 5));
        assert!(stats.written_bytes > 5 && stats.memory_bytes > 0, "{stats:?}");
    }

    #[test]
    fn the_memory_budget_holds_under_many_partitions() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity { partition_count: 32, ..identity() };
        let store = RocksStore::open(dir.path(), &identity, 16 << 20).unwrap();
        let value = vec![7; 4096];
        for round in 0..40 {
            for partition in (0..32).map(Partition) {
                let ids: Vec<_> = (0..8).map(|lead| format!("{round}-{lead}")).collect();
                let writes: Vec<_> = ids.iter().map(|id| put(id, &value, None, None)).collect();
                store.write(partition, &writes, &meta(round)).unwrap();
            }
        }
        for partition in (0..32).map(Partition) {
            assert_eq!(leads(&store, partition).len(), 320);
        }
        let used = store.stats().memory_bytes;
        assert!(used <= 20 << 20, "{used} bytes in use of a budget of 16 MiB");
    }

    #[test]
    fn a_damaged_file_is_corrupt_and_the_next_open_begins_empty() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let ids: Vec<String> = (0..1000).map(|number| format!("{number:04}")).collect();
        let writes: Vec<_> = ids.iter().map(|id| put(id, &[1; 50], None, None)).collect();
        store.ingest(P, &writes, &meta(9)).unwrap();
        drop(store);
        for entry in std::fs::read_dir(dir.path().join("rocksdb")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "sst") {
                let mut bytes = std::fs::read(&path).unwrap();
                bytes[100..400].fill(0xAA);
                std::fs::write(&path, bytes).unwrap();
            }
        }
        let store = open(dir.path());
        assert!(matches!(store.get_many(P, &["0001"]), Err(StoreError::Corrupt(_))));
        drop(store);
        assert_eq!(open(dir.path()).meta(P).unwrap(), None);
    }

    #[test]
    fn a_reader_sees_a_running_store() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(StoreReader::open(dir.path()), Err(OpenError::NotAStore { .. })));
        assert!(matches!(StoreReader::open(&dir.path().join("none")), Err(OpenError::NotAStore { .. })));
        let store = open(dir.path());
        store.write(P, &[put("a", b"in a memtable", None, None)], &meta(1)).unwrap();
        store.ingest(Partition(0), &[put("b", b"in a file", None, None)], &meta(2)).unwrap();

        let reader = StoreReader::open(dir.path()).unwrap();
        assert_eq!((reader.identity(), reader.partitions()), (&identity(), vec![Partition(0), P]));
        assert_eq!(reader.get(P, "a").unwrap().as_deref(), Some(b"in a memtable".as_slice()));
        assert_eq!(reader.get(Partition(0), "b").unwrap().as_deref(), Some(b"in a file".as_slice()));
        assert_eq!((reader.meta(P).unwrap(), reader.get(Partition(3), "a").unwrap()), (Some(meta(1)), None));
        store.write(P, &[put("a", b"2", None, None)], &meta(3)).unwrap();
        assert_eq!(store.meta(P).unwrap(), Some(meta(3)), "the reader took nothing away");
    }
}
