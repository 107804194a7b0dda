//! The leads of one partition that are in memory: committed states, as the very bytes that the changelog and the store
//! hold, and where each stands that the loop has at work.
//!
//! A batch decodes what it touches into its own working set, so giving a batch up is dropping that set, and the states
//! here are always committed. States that the store does not have yet are *dirty* and stay until they are persisted; the
//! others may be evicted, second chance first, when the budget is met.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hashbrown::HashTable;

use crate::ahead::soon;
use crate::scoring::outlook::Outlook;

/// Bytes that a lead costs beside its id and state: entry, index, two reference counts, allocator slack.
const OVERHEAD_BYTES: usize = 216;
/// States take room in such pieces, so that most of them can be written over where they are.
const STATE_PIECE_BYTES: usize = 32;

/// Where a lead stands in the table, as long as it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeadAt(u32);

/// Where the open batch, or an earlier one that it goes on from, has a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtWork {
    #[default]
    No,
    /// Decoded, at this place of the working set.
    Decoded(u32),
    /// As bytes that the open batch has changed, at this place of the working set.
    Settled(u32),
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    id: Arc<str>,
    /// Empty: nothing is known of the lead, or it was deleted.
    state: Vec<u8>,
    /// The timer that the store's index holds for this lead.
    stored_timer_ms: Option<i64>,
    /// The timer of `state`.
    timer_ms: Option<i64>,
    at_work: AtWork,
    /// Of the lead as it was last decoded.
    outlook: Option<Outlook>,
    /// When it was used last, in uses of all leads; wraps.
    used_at: u32,
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

/// A table that its worker changes and whoever answers queries reads.
#[derive(Debug, Clone, Default)]
pub struct SharedLeads(Arc<RwLock<LeadTable>>);

impl SharedLeads {
    pub fn read(&self) -> RwLockReadGuard<'_, LeadTable> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the worker alone, which holds it for moments.
    pub fn change(&self) -> RwLockWriteGuard<'_, LeadTable> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Open addressing by a 64-bit hash of the id that the caller has computed once; the full id is compared.
#[derive(Debug, Default)]
pub struct LeadTable {
    index: HashTable<u32>,
    entries: Entries,
    free: Vec<u32>,
    dirty: Vec<u32>,
    bytes: usize,
    dirty_bytes: usize,
    hand: usize,
    use_count: u32,
    /// The store knows no lead that is not here.
    is_whole: bool,
}

impl LeadTable {
    pub fn find(&self, hash: u64, id: &str) -> Option<LeadAt> {
        let is_it = |at: &u32| {
            let entry = self.entries.get(*at).as_ref().expect("the index names live entries only");
            entry.hash == hash && *entry.id == *id
        };
        self.index.find(hash, is_it).map(|at| LeadAt(*at))
    }

    /// Takes in a lead that is not here, of which nothing is known.
    pub fn add(&mut self, hash: u64, id: Arc<str>) -> LeadAt {
        debug_assert!(self.find(hash, &id).is_none(), "a lead is added once");
        let used_at = self.use_count.wrapping_sub(u32::MAX / 2);
        let entry = Entry {
            hash,
            id,
            state: Vec::new(),
            stored_timer_ms: None,
            timer_ms: None,
            at_work: AtWork::No,
            outlook: None,
            used_at,
            dirty: false,
            referenced: true,
        };
        self.bytes += cost(&entry);
        let at = match self.free.pop() {
            Some(at) => {
                *self.entries.get_mut(at) = Some(entry);
                at
            }
            None => self.entries.push(entry),
        };
        let entries = &self.entries;
        self.index.insert_unique(hash, at, |at| entries.get(*at).as_ref().map_or(0, |entry| entry.hash));
        LeadAt(at)
    }

    /// Notes what the store returned for a lead that was added.
    pub fn stored(&mut self, at: LeadAt, state: &[u8], timer_ms: Option<i64>) {
        self.write(at, Some(state));
        let entry = self.entry_mut(at);
        (entry.stored_timer_ms, entry.timer_ms) = (timer_ms, timer_ms);
    }

    /// Takes in a committed state. `None` deletes the lead.
    pub fn committed(&mut self, at: LeadAt, state: Option<&[u8]>, timer_ms: Option<i64>) {
        let before = self.write(at, state);
        let entry = self.entry_mut(at);
        entry.timer_ms = timer_ms;
        let (after, was_dirty) = (cost(entry), std::mem::replace(&mut entry.dirty, true));
        if was_dirty {
            self.dirty_bytes = self.dirty_bytes + after - before;
        } else {
            self.dirty_bytes += after;
            self.dirty.push(at.0);
        }
    }

    /// The lead's entry is needed soon.
    pub fn entry_soon(&self, at: LeadAt) {
        soon(self.entries.get(at.0));
    }

    /// The lead's state is needed soon.
    pub fn state_soon(&self, at: LeadAt) {
        soon(&*self.entry(at).state);
    }

    pub fn id(&self, at: LeadAt) -> &Arc<str> {
        &self.entry(at).id
    }

    /// The committed state; `None` where nothing is known of the lead.
    pub fn state(&self, at: LeadAt) -> Option<&[u8]> {
        Some(&*self.entry(at).state).filter(|state| !state.is_empty())
    }

    /// The committed state's timer, ms since the epoch.
    pub fn timer_ms(&self, at: LeadAt) -> Option<i64> {
        self.entry(at).timer_ms
    }

    pub fn at_work(&self, at: LeadAt) -> AtWork {
        self.entry(at).at_work
    }

    pub fn set_at_work(&mut self, at: LeadAt, at_work: AtWork) {
        self.entry_mut(at).at_work = at_work;
    }

    /// What the lead's last reading proves.
    pub fn outlook(&self, at: LeadAt) -> Option<Outlook> {
        self.entry(at).outlook
    }

    /// The lead goes back to bytes, or to what is committed of it.
    pub fn leave_work(&mut self, at: LeadAt, at_work: AtWork, outlook: Option<Outlook>) {
        let entry = self.entry_mut(at);
        (entry.at_work, entry.outlook) = (at_work, outlook);
    }

    /// Notes a use, and gives how many uses of leads ago the one before was.
    pub fn used(&mut self, at: LeadAt) -> u32 {
        self.use_count = self.use_count.wrapping_add(1);
        let now = self.use_count;
        let entry = self.entry_mut(at);
        entry.referenced = true;
        now.wrapping_sub(std::mem::replace(&mut entry.used_at, now))
    }

    /// How many uses of leads ago it was used last.
    pub fn unused_for(&self, at: LeadAt) -> u32 {
        self.use_count.wrapping_sub(self.entry(at).used_at)
    }

    /// Whether the store knows no lead that is not here: then none has to be looked for there.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The store is empty.
    pub fn begin_whole(&mut self) {
        assert!(self.is_empty(), "what is whole begins empty");
        self.is_whole = true;
    }

    /// What the store lacks, in no order.
    pub fn dirty(&self) -> impl ExactSizeIterator<Item = Dirty<'_>> {
        self.dirty.iter().map(|at| {
            let entry = self.entry(LeadAt(*at));
            Dirty {
                id: &entry.id,
                state: self.state(LeadAt(*at)),
                stored_timer_ms: entry.stored_timer_ms,
                timer_ms: entry.timer_ms,
            }
        })
    }

    /// All of `dirty()` is in the store now.
    pub fn persisted(&mut self) {
        for at in std::mem::take(&mut self.dirty) {
            let entry = self.entry_mut(LeadAt(at));
            entry.dirty = false;
            entry.stored_timer_ms = entry.timer_ms;
        }
        self.dirty_bytes = 0;
    }

    /// Drops clean leads that are not at work until at most `bytes_max` are left; returns how many went.
    pub fn evict(&mut self, bytes_max: usize) -> usize {
        let mut evicted = 0;
        let mut steps_left = 2 * self.entries.len();
        while self.bytes > bytes_max && steps_left > 0 {
            steps_left -= 1;
            self.hand = (self.hand + 1) % self.entries.len();
            let Some(entry) = self.entries.get_mut(self.hand as u32) else { continue };
            if entry.dirty || entry.at_work != AtWork::No || std::mem::take(&mut entry.referenced) {
                continue;
            }
            self.is_whole &= entry.state.is_empty();
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

    /// Writes a state over the one before; returns what the lead cost until then.
    fn write(&mut self, at: LeadAt, state: Option<&[u8]>) -> usize {
        let entry = self.entry_mut(at);
        let before = cost(entry);
        match state {
            Some(state) => {
                if state.len() > entry.state.capacity() {
                    entry.state = Vec::with_capacity(state.len().next_multiple_of(STATE_PIECE_BYTES));
                }
                entry.state.clear();
                entry.state.extend_from_slice(state);
            }
            None => entry.state = Vec::new(),
        }
        let after = cost(entry);
        self.bytes = self.bytes + after - before;
        before
    }

    fn entry(&self, at: LeadAt) -> &Entry {
        self.entries.get(at.0).as_ref().expect("whoever has a place knows that its lead is here")
    }

    fn entry_mut(&mut self, at: LeadAt) -> &mut Entry {
        self.entries.get_mut(at.0).as_mut().expect("whoever has a place knows that its lead is here")
    }

    fn remove(&mut self, at: u32) {
        let entry = self.entries.get_mut(at).take().expect("an entry is removed once");
        self.bytes -= cost(&entry);
        if let Ok(found) = self.index.find_entry(entry.hash, |found| *found == at) {
            found.remove();
        }
        self.free.push(at);
    }
}

/// Entries in pieces that never move: a long list that grows would be copied as a whole, into new memory.
#[derive(Debug, Default)]
struct Entries {
    pieces: Vec<Vec<Option<Entry>>>,
}

impl Entries {
    const PIECE: usize = 1 << 10;

    fn get(&self, at: u32) -> &Option<Entry> {
        &self.pieces[at as usize / Self::PIECE][at as usize % Self::PIECE]
    }

    fn get_mut(&mut self, at: u32) -> &mut Option<Entry> {
        &mut self.pieces[at as usize / Self::PIECE][at as usize % Self::PIECE]
    }

    fn push(&mut self, entry: Entry) -> u32 {
        let at = u32::try_from(self.len()).expect("fewer leads in memory than 2^32");
        if (at as usize).is_multiple_of(Self::PIECE) {
            self.pieces.push(Vec::with_capacity(Self::PIECE));
        }
        self.pieces[at as usize / Self::PIECE].push(Some(entry));
        at
    }

    fn len(&self) -> usize {
        self.pieces.last().map_or(0, |last| (self.pieces.len() - 1) * Self::PIECE + last.len())
    }
}

fn cost(entry: &Entry) -> usize {
    OVERHEAD_BYTES + entry.id.len() + entry.state.capacity()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> Arc<str> {
        format!("L{n}").into()
    }

    fn stored(table: &mut LeadTable, n: u32, timer_ms: Option<i64>) -> LeadAt {
        let at = table.add(n.into(), id(n));
        table.stored(at, &[1; 100], timer_ms);
        at
    }

    #[test]
    fn dirty_states_stay_and_clean_ones_go() {
        let mut table = LeadTable::default();
        let all: Vec<LeadAt> = (0..10).map(|n| stored(&mut table, n, Some(5))).collect();
        table.committed(all[3], Some(&[2; 90]), Some(6));
        let new = table.add(20, id(20));
        table.committed(new, Some(&[3; 9]), None);
        assert_eq!(table.evict(0), 9);
        assert_eq!(table.len(), 2);
        let mut dirty: Vec<_> = table.dirty().map(|d| (d.id.to_owned(), d.stored_timer_ms, d.timer_ms)).collect();
        dirty.sort();
        assert_eq!(dirty, [("L20".into(), None, None), ("L3".into(), Some(5), Some(6))]);

        table.persisted();
        assert_eq!((table.dirty().count(), table.dirty_bytes()), (0, 0));
        assert_eq!(table.evict(0), 2);
        assert_eq!((table.len(), table.bytes()), (0, 0));
    }

    #[test]
    fn one_hash_may_stand_for_several_leads() {
        let mut table = LeadTable::default();
        let one = table.add(7, id(1));
        let two = table.add(7, id(2));
        assert_eq!((table.find(7, "L1"), table.find(7, "L2"), table.find(7, "L3")), (Some(one), Some(two), None));
    }

    #[test]
    fn a_deleted_lead_is_known_until_the_store_has_forgotten_it() {
        let mut table = LeadTable::default();
        let at = stored(&mut table, 1, Some(9));
        table.committed(at, None, None);
        assert_eq!((table.find(1, "L1"), table.state(at)), (Some(at), None));
        assert_eq!(table.evict(0), 0);
        assert_eq!(table.dirty().next().map(|d| (d.state, d.stored_timer_ms)), Some((None, Some(9))));
        table.persisted();
        assert_eq!(table.evict(0), 1);
        assert_eq!(table.find(1, "L1"), None);
    }

    #[test]
    fn a_recently_used_state_gets_a_second_chance() {
        let mut table = LeadTable::default();
        let all: Vec<LeadAt> = (0..4).map(|n| stored(&mut table, n, None)).collect();
        let one = table.bytes() / 4;
        assert_eq!(table.evict(3 * one), 1);
        let left: Vec<u32> = (0..4).filter(|n| table.find((*n).into(), &id(*n)).is_some()).collect();
        let used = left[1];
        table.used(all[used as usize]);
        assert_eq!(table.evict(2 * one), 1);
        assert!(table.find(used.into(), &id(used)).is_some());
    }

    #[test]
    fn what_is_at_work_stays() {
        let mut table = LeadTable::default();
        let (one, two) = (stored(&mut table, 1, None), stored(&mut table, 2, None));
        table.set_at_work(one, AtWork::Decoded(0));
        table.set_at_work(two, AtWork::Settled(0));
        assert_eq!(table.evict(0), 0);
        table.set_at_work(two, AtWork::No);
        assert_eq!(table.evict(0), 1);
        assert_eq!(table.find(2, "L2"), None);
    }

    #[test]
    fn a_table_that_lost_a_state_is_whole_no_more() {
        let mut table = LeadTable::default();
        table.begin_whole();
        table.add(1, id(1));
        assert_eq!(table.evict(0), 1);
        assert!(table.is_whole(), "the store knows nothing of it either");
        let at = table.add(2, id(2));
        table.committed(at, Some(&[1]), None);
        table.persisted();
        assert_eq!(table.evict(0), 1);
        assert!(!table.is_whole());
    }

    #[test]
    fn uses_are_counted_over_all_leads() {
        let mut table = LeadTable::default();
        let (one, two) = (stored(&mut table, 1, None), stored(&mut table, 2, None));
        assert!(table.used(one) > 1_000_000, "never used before");
        table.used(two);
        assert_eq!(table.unused_for(one), 1);
        assert_eq!(table.used(one), 2);
        assert_eq!(table.unused_for(one), 0);
    }

    #[test]
    fn states_are_written_over_where_they_are() {
        let mut table = LeadTable::default();
        let at = stored(&mut table, 1, None);
        let before = table.bytes();
        for length in [1, 128, 100] {
            table.committed(at, Some(&vec![7; length]), None);
            assert_eq!(table.state(at), Some(&*vec![7; length]));
            assert_eq!(table.bytes(), before);
        }
        table.committed(at, Some(&[7; 129]), None);
        assert_eq!(table.bytes(), before + STATE_PIECE_BYTES);
    }
}
