//! Committed lead states in memory, as the very bytes that the changelog and the store hold.
//!
//! A state enters as bytes and leaves as bytes: a batch decodes what it touches into its own working set, so giving a
//! batch up is dropping that set, and what is here is always committed. States that the store does not have yet are
//! *dirty* and stay until they are persisted; the others may be evicted, second chance first, when the budget is met.

use std::sync::Arc;

use hashbrown::HashTable;

/// State bytes of one lead, shared with whoever reads them meanwhile.
pub type StateBytes = Arc<[u8]>;

/// Bytes that a cached lead costs beside its id and state: slot, index entry, two reference counts, allocator slack.
const OVERHEAD_BYTES: usize = 128;

#[derive(Debug)]
struct Slot {
    hash: u64,
    id: Arc<str>,
    /// `None`: the lead was deleted, and the store must hear of it.
    state: Option<StateBytes>,
    /// The timer that the store's index holds for this lead.
    stored_timer_ms: Option<i64>,
    /// The timer of `state`.
    timer_ms: Option<i64>,
    dirty: bool,
    referenced: bool,
}

/// A dirty lead on its way to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dirty<'a> {
    pub id: &'a str,
    pub state: Option<&'a [u8]>,
    pub stored_timer_ms: Option<i64>,
    pub timer_ms: Option<i64>,
}

/// Open addressing by a 64-bit hash of the id that the caller has computed once; the full id is compared.
#[derive(Debug, Default)]
pub struct LeadCache {
    index: HashTable<u32>,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    dirty: Vec<u32>,
    bytes: usize,
    dirty_bytes: usize,
    hand: usize,
}

impl LeadCache {
    /// The state of a lead that is here: `Some(None)` when it is known to be deleted, `None` when only the store knows.
    pub fn get(&mut self, hash: u64, id: &str) -> Option<(Arc<str>, Option<StateBytes>)> {
        let at = self.find(hash, id)?;
        let slot = self.slots[at as usize].as_mut().expect("the index names live slots only");
        slot.referenced = true;
        Some((slot.id.clone(), slot.state.clone()))
    }

    /// True where `get` would answer.
    pub fn holds(&self, hash: u64, id: &str) -> bool {
        self.find(hash, id).is_some()
    }

    /// Takes in what the store returned.
    pub fn insert_stored(&mut self, hash: u64, id: Arc<str>, state: StateBytes, timer_ms: Option<i64>) {
        debug_assert!(self.find(hash, &id).is_none(), "a lead is read from the store only when it is not here");
        let slot =
            Slot { hash, id, state: Some(state), stored_timer_ms: timer_ms, timer_ms, dirty: false, referenced: true };
        self.add(slot);
    }

    /// Takes in a committed state. `None` deletes the lead.
    pub fn put(&mut self, hash: u64, id: &Arc<str>, state: Option<StateBytes>, timer_ms: Option<i64>) {
        let at = match self.find(hash, id) {
            Some(at) => at,
            None => self.add(Slot {
                hash,
                id: id.clone(),
                state: None,
                stored_timer_ms: None,
                timer_ms: None,
                dirty: false,
                referenced: true,
            }),
        };
        let slot = self.slots[at as usize].as_mut().expect("the index names live slots only");
        let before = cost(slot);
        slot.state = state;
        slot.timer_ms = timer_ms;
        slot.referenced = true;
        let after = cost(slot);
        self.bytes = self.bytes + after - before;
        if slot.dirty {
            self.dirty_bytes = self.dirty_bytes + after - before;
        } else {
            slot.dirty = true;
            self.dirty_bytes += after;
            self.dirty.push(at);
        }
    }

    /// What the store lacks, in no order.
    pub fn dirty(&self) -> impl Iterator<Item = Dirty<'_>> {
        self.dirty.iter().map(|at| {
            let slot = self.slots[*at as usize].as_ref().expect("a dirty slot is never evicted");
            Dirty {
                id: &slot.id,
                state: slot.state.as_deref(),
                stored_timer_ms: slot.stored_timer_ms,
                timer_ms: slot.timer_ms,
            }
        })
    }

    /// All of `dirty()` is in the store now.
    pub fn persisted(&mut self) {
        for at in std::mem::take(&mut self.dirty) {
            let slot = self.slots[at as usize].as_mut().expect("a dirty slot is never evicted");
            slot.dirty = false;
            slot.stored_timer_ms = slot.timer_ms;
            if slot.state.is_none() {
                self.remove(at);
            }
        }
        self.dirty_bytes = 0;
    }

    /// Drops clean states until at most `bytes_max` are left or only dirty ones are; returns how many went.
    pub fn evict(&mut self, bytes_max: usize) -> usize {
        let mut evicted = 0;
        let mut steps_left = 2 * self.slots.len();
        while self.bytes > bytes_max && steps_left > 0 {
            steps_left -= 1;
            self.hand = (self.hand + 1) % self.slots.len();
            let Some(slot) = self.slots[self.hand].as_mut() else { continue };
            if slot.dirty {
                continue;
            }
            if std::mem::take(&mut slot.referenced) {
                continue;
            }
            self.remove(self.hand as u32);
            evicted += 1;
        }
        evicted
    }

    /// Leads in memory.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Estimated memory, bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The share of `bytes()` that waits to be persisted.
    pub fn dirty_bytes(&self) -> usize {
        self.dirty_bytes
    }

    fn find(&self, hash: u64, id: &str) -> Option<u32> {
        let slots = &self.slots;
        self.index.find(hash, |at| slots[*at as usize].as_ref().is_some_and(|slot| *slot.id == *id)).copied()
    }

    fn add(&mut self, slot: Slot) -> u32 {
        self.bytes += cost(&slot);
        let hash = slot.hash;
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at as usize] = Some(slot);
                at
            }
            None => {
                self.slots.push(Some(slot));
                u32::try_from(self.slots.len() - 1).expect("fewer leads in memory than 2^32")
            }
        };
        let slots = &self.slots;
        self.index.insert_unique(hash, at, |at| slots[*at as usize].as_ref().map_or(0, |slot| slot.hash));
        at
    }

    fn remove(&mut self, at: u32) {
        let slot = self.slots[at as usize].take().expect("a slot is removed once");
        self.bytes -= cost(&slot);
        if let Ok(entry) = self.index.find_entry(slot.hash, |found| *found == at) {
            entry.remove();
        }
        self.free.push(at);
    }
}

fn cost(slot: &Slot) -> usize {
    OVERHEAD_BYTES + slot.id.len() + slot.state.as_ref().map_or(0, |bytes| bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> Arc<str> {
        format!("L{n}").into()
    }

    fn bytes(n: u8) -> StateBytes {
        Arc::from(vec![n; 100])
    }

    #[test]
    fn dirty_states_stay_and_clean_ones_go() {
        let mut cache = LeadCache::default();
        for n in 0..10 {
            cache.insert_stored(n.into(), id(n), bytes(1), Some(5));
        }
        cache.put(3, &id(3), Some(bytes(2)), Some(6));
        cache.put(20, &id(20), Some(bytes(3)), None);
        assert_eq!(cache.evict(0), 9);
        assert_eq!(cache.len(), 2);
        let mut dirty: Vec<_> = cache.dirty().map(|d| (d.id.to_owned(), d.stored_timer_ms, d.timer_ms)).collect();
        dirty.sort();
        assert_eq!(dirty, [("L20".into(), None, None), ("L3".into(), Some(5), Some(6))]);

        cache.persisted();
        assert_eq!((cache.dirty().count(), cache.dirty_bytes()), (0, 0));
        assert_eq!(cache.evict(0), 2);
        assert_eq!((cache.len(), cache.bytes()), (0, 0));
    }

    #[test]
    fn one_hash_may_stand_for_several_leads() {
        let mut cache = LeadCache::default();
        cache.put(7, &id(1), Some(bytes(1)), None);
        cache.put(7, &id(2), Some(bytes(2)), None);
        assert_eq!(cache.get(7, "L2").and_then(|(_, state)| state), Some(bytes(2)));
        assert_eq!(cache.get(7, "L3"), None);
    }

    #[test]
    fn a_deleted_lead_is_known_until_the_store_has_forgotten_it() {
        let mut cache = LeadCache::default();
        cache.insert_stored(1, id(1), bytes(1), Some(9));
        cache.put(1, &id(1), None, None);
        assert_eq!(cache.get(1, "L1"), Some((id(1), None)));
        assert_eq!(cache.dirty().next().map(|d| (d.state, d.stored_timer_ms)), Some((None, Some(9))));
        cache.persisted();
        assert_eq!(cache.get(1, "L1"), None);
    }

    #[test]
    fn a_recently_used_state_gets_a_second_chance() {
        let mut cache = LeadCache::default();
        for n in 0..4 {
            cache.insert_stored(n.into(), id(n), bytes(0), None);
        }
        let one = cache.bytes() / 4;
        assert_eq!(cache.evict(3 * one), 1);
        let left: Vec<u32> = (0..4).filter(|n| cache.find((*n).into(), &id(*n)).is_some()).collect();
        let (old, used) = (left[0], left[1]);
        cache.get(used.into(), &id(used));
        let _ = old;
        assert_eq!(cache.evict(2 * one), 1);
        assert!(cache.find(used.into(), &id(used)).is_some());
    }
}
