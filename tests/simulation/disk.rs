//! A disk and the store on it: what RocksDB keeps, in ordered maps; writes after the last sync are lost with the power,
//! the latest first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tsuikyaku::audit;
use tsuikyaku::runtime::batch::Partition;
use tsuikyaku::runtime::ports::{LeadWrite, PartitionMeta, Store, StoreError, StoredTimer};
use tsuikyaku::wire::state;

use crate::world::world;

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Family {
    leads: BTreeMap<Box<str>, Box<[u8]>>,
    timers: BTreeSet<(i64, Box<str>)>,
    meta: Option<PartitionMeta>,
    /// A restore of a compacted changelog was under way: what is there is no state that ever was.
    is_partial: bool,
}

/// Everything on a disk at one moment.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Contents(BTreeMap<Partition, Family>);

#[derive(Debug, Clone)]
struct LeadChange {
    id: Box<str>,
    value: Option<Box<[u8]>>,
    timer_before_ms: Option<i64>,
    timer_after_ms: Option<i64>,
}

/// One atomic batch.
#[derive(Debug, Clone)]
struct Written {
    partition: Partition,
    leads: Vec<LeadChange>,
    meta: PartitionMeta,
    is_partial: bool,
}

impl Written {
    fn new(partition: Partition, leads: Vec<LeadChange>, meta: &PartitionMeta) -> Written {
        Written { partition, leads, meta: meta.clone(), is_partial: world().restores_partly() }
    }
}

impl Contents {
    /// The first lead whose timer is not in the index, or is there at another time.
    pub fn mistimed(&self) -> Option<Box<str>> {
        self.0.values().find_map(|family| {
            let due = family.leads.iter().filter_map(|(id, state)| {
                let due_ms = state::timer_ms(state).expect("a state of ours reads");
                due_ms.map(|due_ms| (due_ms, id.clone()))
            });
            let expected: BTreeSet<(i64, Box<str>)> = due.collect();
            expected.symmetric_difference(&family.timers).next().map(|(_, id)| id.clone())
        })
    }

    fn apply(&mut self, written: &Written) {
        let family = self.0.entry(written.partition).or_default();
        for LeadChange { id, value, timer_before_ms, timer_after_ms } in &written.leads {
            if let Some(due_ms) = timer_before_ms {
                family.timers.remove(&(*due_ms, id.clone()));
            }
            family.timers.extend(timer_after_ms.map(|due_ms| (due_ms, id.clone())));
            match value {
                Some(value) => family.leads.insert(id.clone(), value.clone()),
                None => family.leads.remove(id),
            };
        }
        family.meta = Some(written.meta.clone());
        family.is_partial = written.is_partial;
    }
}

#[derive(Debug, Default)]
struct Inner {
    now: Contents,
    synced: Contents,
    unsynced: Vec<Written>,
    full_writes: usize,
    /// Copies of the disk as it was.
    copies: Vec<Contents>,
}

/// Outlives the processes that use it, one after the other.
#[derive(Debug, Default)]
pub struct SimDisk(Mutex<Inner>);

/// Copies kept of one disk: for the return of an old one, and for the judge.
const COPIES_MAX: usize = 4;

impl SimDisk {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn contents(&self) -> Contents {
        self.lock().now.clone()
    }

    pub fn copies(&self) -> Vec<Contents> {
        self.lock().copies.clone()
    }

    pub fn fill_up(&self, writes: usize) {
        self.lock().full_writes = writes;
    }

    /// Keeps a copy; `place` says which older one it replaces.
    pub fn copy(&self, place: usize) {
        let mut inner = self.lock();
        let now = inner.now.clone();
        if inner.copies.last() == Some(&now) {
            return;
        }
        if inner.copies.len() == COPIES_MAX {
            inner.copies.remove(place % COPIES_MAX);
        }
        inner.copies.push(now);
    }

    /// Goes back to the state of a copy; false where it is no other than now.
    pub fn go_back(&self, pick: usize) -> bool {
        let mut inner = self.lock();
        let among = inner.copies.len();
        let Some(copy) = inner.copies.get(pick % among.max(1)).cloned() else { return false };
        let is_other = copy != inner.now;
        (inner.now, inner.synced, inner.unsynced) = (copy.clone(), copy, Vec::new());
        is_other
    }

    pub fn lose(&self) {
        let mut inner = self.lock();
        (inner.now, inner.synced, inner.unsynced) = Default::default();
    }

    /// Keeps a prefix of what was written since the last sync; says whether something was lost.
    pub fn lose_power(&self, pick: usize) -> bool {
        let mut inner = self.lock();
        let kept = pick % (inner.unsynced.len() + 1);
        let torn = kept < inner.unsynced.len();
        let mut now = inner.synced.clone();
        inner.unsynced[..kept].iter().for_each(|written| now.apply(written));
        (inner.now, inner.synced, inner.unsynced) = (now.clone(), now, Vec::new());
        torn
    }

    fn store(&self, written: Written) -> Result<(), StoreError> {
        world().passes("store.write");
        world().check_write();
        let mut inner = self.lock();
        if inner.full_writes > 0 {
            inner.full_writes -= 1;
            drop(inner);
            world().struck("disk full");
            return Err(StoreError::Full("simulated".into()));
        }
        let timers = inner.now.0.get(&written.partition).map(|family| &family.timers);
        for LeadChange { id, timer_before_ms, .. } in &written.leads {
            let is_there = |due_ms: &i64| timers.is_some_and(|timers| timers.contains(&(*due_ms, id.clone())));
            assert!(timer_before_ms.as_ref().is_none_or(is_there), "the index holds the timer that the writer names");
        }
        inner.now.apply(&written);
        inner.unsynced.push(written);
        drop(inner);
        world().passes("store.written");
        Ok(())
    }
}

impl Store for SimDisk {
    fn meta(&self, partition: Partition) -> Result<Option<PartitionMeta>, StoreError> {
        Ok(self.lock().now.0.get(&partition).and_then(|family| family.meta.clone()))
    }

    fn get_many(&self, partition: Partition, lead_ids: &[&str]) -> Result<Vec<Option<Box<[u8]>>>, StoreError> {
        let inner = self.lock();
        let family = inner.now.0.get(&partition);
        Ok(lead_ids.iter().map(|id| family.and_then(|family| family.leads.get(*id).cloned())).collect())
    }

    fn timers(
        &self,
        partition: Partition,
        after: Option<&StoredTimer>,
        count_max: usize,
    ) -> Result<Vec<StoredTimer>, StoreError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let inner = self.lock();
        let Some(family) = inner.now.0.get(&partition) else { return Ok(Vec::new()) };
        let after = after.map_or(Unbounded, |timer| Excluded((timer.due_ms, timer.lead_id.clone())));
        let behind = family.timers.range((after, Unbounded)).take(count_max);
        Ok(behind.map(|(due_ms, lead_id)| StoredTimer { due_ms: *due_ms, lead_id: lead_id.clone() }).collect())
    }

    fn write(&self, partition: Partition, writes: &[LeadWrite<'_>], meta: &PartitionMeta) -> Result<(), StoreError> {
        let change = |write: &LeadWrite<'_>| LeadChange {
            id: write.lead_id.into(),
            value: write.value.map(Box::from),
            timer_before_ms: write.timer_before_ms,
            timer_after_ms: write.timer_after_ms,
        };
        self.store(Written::new(partition, writes.iter().map(change).collect(), meta))
    }

    /// Files are whole on the disk or not there: nothing of them is lost with the power.
    fn ingest(&self, partition: Partition, writes: &[LeadWrite<'_>], meta: &PartitionMeta) -> Result<(), StoreError> {
        assert!(self.meta(partition)?.is_none(), "only an empty partition is ingested");
        self.write(partition, writes, meta)?;
        self.sync(partition);
        Ok(())
    }

    fn clear(&self, partition: Partition) -> Result<(), StoreError> {
        self.lock().now.0.remove(&partition);
        self.sync(partition);
        Ok(())
    }

    fn scan(&self, partition: Partition, each: &mut dyn FnMut(&str, &[u8]) -> bool) -> Result<(), StoreError> {
        audit::log::Disk::scan(&self.contents(), partition, each)
    }

    fn flush(&self) -> Result<(), StoreError> {
        let mut inner = self.lock();
        (inner.synced, inner.unsynced) = (inner.now.clone(), Vec::new());
        Ok(())
    }
}

impl SimDisk {
    fn sync(&self, partition: Partition) {
        let inner = &mut *self.lock();
        match inner.now.0.get(&partition) {
            Some(family) => inner.synced.0.insert(partition, family.clone()),
            None => inner.synced.0.remove(&partition),
        };
        inner.unsynced.retain(|written| written.partition != partition);
    }
}

impl audit::log::Disk for Contents {
    fn name(&self) -> String {
        "a simulated disk".into()
    }

    fn meta(&self, partition: Partition) -> Result<Option<PartitionMeta>, StoreError> {
        Ok(self.0.get(&partition).filter(|family| !family.is_partial).and_then(|family| family.meta.clone()))
    }

    fn get(&self, partition: Partition, lead_id: &str) -> Result<Option<Box<[u8]>>, StoreError> {
        Ok(self.0.get(&partition).and_then(|family| family.leads.get(lead_id).cloned()))
    }

    fn scan(&self, partition: Partition, each: &mut dyn FnMut(&str, &[u8]) -> bool) -> Result<(), StoreError> {
        if let Some(family) = self.0.get(&partition) {
            family.leads.iter().all(|(id, value)| each(id, value));
        }
        Ok(())
    }
}
