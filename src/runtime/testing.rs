//! A store in memory for the tests of this room: what RocksDB would hold, in ordered maps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::batch::Partition;
use super::ports::{LeadWrite, PartitionMeta, Store, StoreError, StoredTimer};

#[derive(Debug, Default, Clone)]
struct Family {
    leads: BTreeMap<String, Box<[u8]>>,
    timers: BTreeSet<(i64, String)>,
    meta: Option<PartitionMeta>,
}

#[derive(Debug, Default)]
pub struct MemoryStore {
    families: Mutex<BTreeMap<Partition, Family>>,
}

impl MemoryStore {
    pub fn with_timers(partition: Partition, timers: &[(i64, &str)]) -> MemoryStore {
        let store = MemoryStore::default();
        store.family(partition, |family| {
            family.timers.extend(timers.iter().map(|(due_ms, id)| (*due_ms, (*id).to_owned())));
        });
        store
    }

    fn family<T>(&self, partition: Partition, f: impl FnOnce(&mut Family) -> T) -> T {
        f(self.families.lock().expect("no test panics while holding it").entry(partition).or_default())
    }
}

impl Store for MemoryStore {
    fn meta(&self, partition: Partition) -> Result<Option<PartitionMeta>, StoreError> {
        Ok(self.family(partition, |family| family.meta.clone()))
    }

    fn get_many(&self, partition: Partition, lead_ids: &[&str]) -> Result<Vec<Option<Box<[u8]>>>, StoreError> {
        Ok(self.family(partition, |family| lead_ids.iter().map(|id| family.leads.get(*id).cloned()).collect()))
    }

    fn timers(
        &self,
        partition: Partition,
        after: Option<&StoredTimer>,
        count_max: usize,
    ) -> Result<Vec<StoredTimer>, StoreError> {
        Ok(self.family(partition, |family| {
            let after = after.map(|timer| (timer.due_ms, timer.lead_id.to_string()));
            let behind = family.timers.iter().filter(|timer| after.as_ref().is_none_or(|after| *timer > after));
            behind
                .take(count_max)
                .map(|(due_ms, id)| StoredTimer { due_ms: *due_ms, lead_id: id.as_str().into() })
                .collect()
        }))
    }

    fn write(&self, partition: Partition, writes: &[LeadWrite<'_>], meta: &PartitionMeta) -> Result<(), StoreError> {
        self.family(partition, |family| {
            for write in writes {
                if let Some(due_ms) = write.timer_before_ms {
                    let was_there = family.timers.remove(&(due_ms, write.lead_id.to_owned()));
                    assert!(was_there, "the index must hold the timer that the writer names");
                }
                if let Some(due_ms) = write.timer_after_ms {
                    family.timers.insert((due_ms, write.lead_id.to_owned()));
                }
                match write.value {
                    Some(value) => family.leads.insert(write.lead_id.to_owned(), value.into()),
                    None => family.leads.remove(write.lead_id),
                };
            }
            family.meta = Some(meta.clone());
        });
        Ok(())
    }

    fn ingest(&self, partition: Partition, writes: &[LeadWrite<'_>], meta: &PartitionMeta) -> Result<(), StoreError> {
        self.write(partition, writes, meta)
    }

    fn clear(&self, partition: Partition) -> Result<(), StoreError> {
        self.family(partition, |family| *family = Family::default());
        Ok(())
    }

    fn scan(&self, partition: Partition, each: &mut dyn FnMut(&str, &[u8]) -> bool) -> Result<(), StoreError> {
        self.family(partition, |family| family.leads.iter().all(|(id, value)| each(id, value)));
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
