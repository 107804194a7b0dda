//! Reads of one column family, the same for the processor's own database and for a reader of it.

use rocksdb::{AsColumnFamilyRef, DBWithThreadMode, Direction, IteratorMode, MultiThreaded, ReadOptions};

use super::{fault, keys, meta};
use crate::runtime::ports::{PartitionMeta, StoreError, StoredTimer};

pub type Database = DBWithThreadMode<MultiThreaded>;

/// Bytes that a scan reads ahead.
const READAHEAD_BYTES: usize = 1 << 20;

pub fn meta(db: &Database, family: &impl AsColumnFamilyRef) -> Result<Option<PartitionMeta>, StoreError> {
    let bytes = db.get_pinned_cf(family, keys::META).map_err(fault::of_rocksdb)?;
    bytes.map(|bytes| meta::decode(&bytes)).transpose()
}

/// Values in the order asked.
pub fn get_many(
    db: &Database,
    family: &impl AsColumnFamilyRef,
    lead_ids: &[&str],
) -> Result<Vec<Option<Box<[u8]>>>, StoreError> {
    let sorted = lead_ids.is_sorted();
    let mut arena = Vec::with_capacity(lead_ids.iter().map(|id| id.len() + 1).sum());
    let mut ends = Vec::with_capacity(lead_ids.len());
    for lead_id in lead_ids {
        keys::push_lead(&mut arena, lead_id);
        ends.push(arena.len());
    }
    let mut start = 0;
    let found: Vec<&[u8]> = ends.into_iter().map(|end| &arena[std::mem::replace(&mut start, end)..end]).collect();
    db.batched_multi_get_cf(family, found, sorted)
        .into_iter()
        .map(|value| Ok(value.map_err(fault::of_rocksdb)?.map(|bytes| Box::from(&*bytes))))
        .collect()
}

/// Timers in order, strictly behind `after`.
pub fn timers(
    db: &Database,
    family: &impl AsColumnFamilyRef,
    after: Option<&StoredTimer>,
    count_max: usize,
) -> Result<Vec<StoredTimer>, StoreError> {
    let mut from = Vec::new();
    match after {
        None => from.extend_from_slice(keys::TIMERS),
        Some(timer) => {
            keys::push_timer(&mut from, timer.due_ms, &timer.lead_id);
            from.push(0); // the least key behind that one
        }
    }
    let mut options = ReadOptions::default();
    options.set_iterate_upper_bound(keys::TIMERS_END);
    db.iterator_cf_opt(family, options, IteratorMode::From(&from, Direction::Forward))
        .take(count_max)
        .map(|entry| {
            let (key, _) = entry.map_err(fault::of_rocksdb)?;
            keys::timer(&key).ok_or_else(|| StoreError::Corrupt("a key of the timer index is malformed".into()))
        })
        .collect()
}

/// Every lead in ascending order of ids, until `each` returns false.
pub fn scan(
    db: &Database,
    family: &impl AsColumnFamilyRef,
    each: &mut dyn FnMut(&str, &[u8]) -> bool,
) -> Result<(), StoreError> {
    let mut options = ReadOptions::default();
    options.set_iterate_upper_bound(keys::LEADS_END);
    options.set_readahead_size(READAHEAD_BYTES);
    options.fill_cache(false); // one pass over everything must not drive the hot leads out
    let mut entries = db.raw_iterator_cf_opt(family, options);
    entries.seek(keys::LEADS);
    while let Some((key, value)) = entries.item() {
        let Some(lead_id) = keys::lead_id(key) else {
            return Err(StoreError::Corrupt("a key of the lead states is malformed".into()));
        };
        if !each(lead_id, value) {
            return Ok(());
        }
        entries.next();
    }
    entries.status().map_err(fault::of_rocksdb)
}
