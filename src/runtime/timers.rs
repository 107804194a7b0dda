//! Which lead is due next, without keeping every lead's timer in memory.
//!
//! The store's index holds all persisted timers in the order (due, lead). Here stand the earliest of them, loaded in
//! pieces, and those of leads that are not persisted yet. Entries are never removed when a lead's timer moves: an
//! entry counts only while the lead's own state names the same time, and whoever takes it checks that.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::batch::Partition;
use super::ports::{Store, StoreError, StoredTimer};

/// One timer, ordered by (due, lead).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    pub due_ms: i64,
    pub lead_id: Arc<str>,
}

/// How far the timers of the store are in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Loaded {
    /// Nothing was read yet.
    #[default]
    Nothing,
    /// All timers up to and including this one.
    Until(StoredTimer),
    /// All of them.
    All,
}

/// The timers of one partition.
#[derive(Debug, Default)]
pub struct TimerQueue {
    heap: BinaryHeap<Reverse<Timer>>,
    loaded: Loaded,
    /// Timers behind what is loaded, of leads that are not persisted yet: the store's index does not know them.
    unpersisted: Vec<Timer>,
    /// So many of the first of them are of committed batches.
    committed_count: usize,
    /// A timer of an open batch is among all these.
    has_open: bool,
}

/// So many of the earliest stay in memory; few where a test has few leads.
const KEPT: usize = if cfg!(debug_assertions) { 2 } else { 4_096 };
/// ... once there are more than so many. A lead leaves an entry behind whenever its timer moves.
const KEPT_FROM: usize = 4 * KEPT;
/// With so many entries for each lead, looking at all of them costs a small part of what pushing them did.
const STALE_SHARE: usize = if cfg!(debug_assertions) { 1 } else { 4 };

impl TimerQueue {
    /// A lead's timer is now at `due_ms`.
    pub fn push(&mut self, due_ms: i64, lead_id: Arc<str>) {
        self.has_open = true;
        self.keep(Timer { due_ms, lead_id });
    }

    fn keep(&mut self, timer: Timer) {
        if self.is_loaded(&timer) {
            self.heap.push(Reverse(timer));
        } else {
            self.unpersisted.push(timer);
        }
    }

    /// Every timer pushed so far is that of a committed lead.
    pub fn committed(&mut self) {
        self.committed_count = self.unpersisted.len();
        self.has_open = false;
    }

    /// True when most entries count no more, as each of `lead_count` leads in memory has one timer at most.
    pub fn is_mostly_stale(&self, lead_count: usize) -> bool {
        !self.has_open && self.heap.len() + self.unpersisted.len() > KEPT_FROM + STALE_SHARE * lead_count
    }

    /// Lets go what counts no more.
    pub fn retain(&mut self, counts: impl Fn(&Timer) -> bool) {
        debug_assert!(!self.has_open, "what an open batch has pushed is not committed");
        let mut all = std::mem::take(&mut self.heap).into_vec();
        all.retain(|Reverse(timer)| counts(timer));
        all.shrink_to_fit();
        self.heap = all.into();
        self.unpersisted.retain(counts);
        self.unpersisted.shrink_to_fit();
        self.committed_count = self.unpersisted.len();
    }

    /// Every timer pushed before the last call of `committed` is in the store's index.
    pub fn persisted(&mut self) {
        self.unpersisted.drain(..std::mem::take(&mut self.committed_count));
        if !self.has_open && self.heap.len() > KEPT_FROM {
            let mut all = std::mem::take(&mut self.heap).into_vec();
            let (_, Reverse(last), _) = all.select_nth_unstable_by(KEPT - 1, |a, b| a.0.cmp(&b.0));
            let last = StoredTimer { due_ms: last.due_ms, lead_id: (&*last.lead_id).into() };
            all.truncate(KEPT);
            all.shrink_to_fit();
            (self.heap, self.loaded) = (all.into(), Loaded::Until(last));
        }
    }

    /// The earliest time at which something may be due; an entry that counts no more makes it too early, never late.
    pub fn next_due_ms(&self) -> Option<i64> {
        let loaded = self.heap.peek().map(|Reverse(timer)| timer.due_ms);
        let horizon = match &self.loaded {
            Loaded::Nothing => Some(i64::MIN),
            Loaded::Until(last) => Some(last.due_ms),
            Loaded::All => None,
        };
        match (loaded, horizon) {
            (Some(due), Some(end)) => Some(due.min(end)),
            (due, end) => due.or(end),
        }
    }

    /// Takes the entries that are due at `until_ms` or before, in order, at most `count_max` of them.
    pub fn take_due(&mut self, until_ms: i64, count_max: usize) -> Vec<Timer> {
        let mut due = Vec::new();
        while due.len() < count_max {
            match self.heap.peek() {
                Some(Reverse(first)) if first.due_ms <= until_ms => {}
                _ => break,
            }
            let Some(Reverse(timer)) = self.heap.pop() else { break };
            if due.last() != Some(&timer) {
                due.push(timer);
            }
        }
        due
    }

    /// The earliest entry in memory.
    pub fn first(&self) -> Option<&Timer> {
        self.heap.peek().map(|Reverse(timer)| timer)
    }

    /// Reads from the store, `piece` timers at a time, until all that are due at `until_ms` are in memory or more
    /// than `count_max` of those are.
    ///
    /// # Errors
    /// Those of the store.
    pub fn load(
        &mut self,
        store: &dyn Store,
        partition: Partition,
        until_ms: i64,
        count_max: usize,
        piece: usize,
    ) -> Result<(), StoreError> {
        if !self.may_lack(until_ms) {
            return Ok(());
        }
        let mut due_count = self.heap.iter().filter(|Reverse(timer)| timer.due_ms <= until_ms).count();
        while self.may_lack(until_ms) && due_count <= count_max {
            let after = match &self.loaded {
                Loaded::Until(last) => Some(last.clone()),
                Loaded::Nothing | Loaded::All => None,
            };
            let found = store.timers(partition, after.as_ref(), piece)?;
            self.loaded = match found.last() {
                Some(last) if found.len() == piece => Loaded::Until(last.clone()),
                _ => Loaded::All,
            };
            due_count += found.iter().filter(|timer| timer.due_ms <= until_ms).count();
            self.heap.extend(
                found
                    .into_iter()
                    .map(|timer| Reverse(Timer { due_ms: timer.due_ms, lead_id: Arc::from(timer.lead_id) })),
            );
            let committed_count = std::mem::take(&mut self.committed_count);
            for (n, timer) in std::mem::take(&mut self.unpersisted).into_iter().enumerate() {
                self.keep(timer);
                if n < committed_count {
                    self.committed_count = self.unpersisted.len();
                }
            }
        }
        Ok(())
    }

    fn is_loaded(&self, timer: &Timer) -> bool {
        match &self.loaded {
            Loaded::Nothing => false,
            Loaded::Until(last) => (timer.due_ms, &*timer.lead_id) <= (last.due_ms, &*last.lead_id),
            Loaded::All => true,
        }
    }

    fn may_lack(&self, until_ms: i64) -> bool {
        match &self.loaded {
            Loaded::Nothing => true,
            Loaded::Until(last) => last.due_ms <= until_ms,
            Loaded::All => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::testing::MemoryStore;

    const P: Partition = Partition(0);

    fn queue(store: &MemoryStore, until_ms: i64, piece: usize) -> TimerQueue {
        let mut queue = TimerQueue::default();
        queue.load(store, P, until_ms, 1000, piece).expect("a store in memory cannot fail");
        queue
    }

    fn drain(queue: &mut TimerQueue, until_ms: i64) -> Vec<(i64, String)> {
        queue.take_due(until_ms, 1000).into_iter().map(|t| (t.due_ms, t.lead_id.to_string())).collect()
    }

    #[test]
    fn comes_in_order_across_pieces_and_ties() {
        let store = MemoryStore::with_timers(P, &[(5, "b"), (5, "a"), (1, "z"), (9, "q"), (-3, "n")]);
        for piece in 1..6 {
            let mut queue = queue(&store, 5, piece);
            let found = drain(&mut queue, 5);
            assert_eq!(found, [(-3, "n".into()), (1, "z".into()), (5, "a".into()), (5, "b".into())], "piece {piece}");
        }
    }

    #[test]
    fn an_unpersisted_timer_behind_the_horizon_is_not_forgotten() {
        let store = MemoryStore::with_timers(P, &[(1, "a"), (2, "b"), (8, "c")]);
        let mut queue = queue(&store, 1, 2);
        queue.push(4, "new".into());
        queue.push(1, "early".into());
        assert_eq!(drain(&mut queue, 1), [(1, "a".into()), (1, "early".into())]);
        queue.load(&store, P, 9, 1000, 2).expect("a store in memory cannot fail");
        assert_eq!(drain(&mut queue, 9), [(2, "b".into()), (4, "new".into()), (8, "c".into())]);
    }

    #[test]
    fn a_timer_of_a_batch_that_is_open_while_others_are_persisted_is_not_forgotten() {
        let store = MemoryStore::with_timers(P, &[(1, "a"), (2, "b"), (8, "c")]);
        let mut queue = queue(&store, 1, 2);
        for (due_ms, lead_id) in [(9, "committed"), (3, "committed, too")] {
            queue.push(due_ms, lead_id.into());
        }
        queue.committed();
        queue.push(12, "open".into());
        queue.load(&store, P, 2, 1000, 1).expect("a store in memory cannot fail");
        queue.persisted();
        queue.load(&store, P, 20, 1000, 2).expect("a store in memory cannot fail");
        let expected = [(1, "a"), (2, "b"), (3, "committed, too"), (8, "c"), (12, "open")]; // 9 would be in the store
        assert_eq!(drain(&mut queue, 20), expected.map(|(due_ms, id)| (due_ms, id.to_owned())));
    }

    #[test]
    fn of_many_timers_the_earliest_stay_and_the_others_come_back_from_the_store() {
        let ids: Vec<String> = (0..2 * KEPT_FROM).map(|number| format!("{number:05}")).collect();
        let timers: Vec<(i64, &str)> = ids.iter().map(|id| ((id.len() + ids.len()) as i64, &**id)).collect();
        let mut queue = queue(&MemoryStore::default(), 0, 10);
        for (due_ms, id) in timers.iter().rev() {
            queue.push(*due_ms + 1, (*id).into()); // left behind: it moves at once
            queue.push(*due_ms, (*id).into());
        }
        queue.persisted();
        assert_eq!(queue.heap.len(), 2 * timers.len(), "their batch is open");
        queue.committed();
        queue.persisted();
        assert_eq!(queue.heap.len(), KEPT);
        let store = MemoryStore::with_timers(P, &timers);
        let mut taken = Vec::new();
        while taken.len() < timers.len() {
            queue.load(&store, P, i64::MAX, 2_000, 500).expect("a store in memory cannot fail");
            taken.extend(queue.take_due(i64::MAX, 2_000).into_iter().map(|timer| timer.lead_id.to_string()));
        }
        assert!(taken == ids, "each once, in order");
        assert_eq!(queue.next_due_ms(), None);
    }

    #[test]
    fn what_a_busy_lead_leaves_behind_is_let_go_before_it_is_persisted() {
        let moves = 3 * KEPT_FROM;
        // All timers are loaded, and entries stand in the heap; or they stand behind what is loaded.
        for store in [MemoryStore::default(), MemoryStore::with_timers(P, &[(1, "a"), (2, "b")])] {
            let mut queue = queue(&store, 0, 1);
            for due_ms in (10..).take(moves) {
                queue.push(due_ms, "busy".into());
                assert!(!queue.is_mostly_stale(1), "its batch is open");
            }
            queue.push(7, "idle".into());
            queue.committed();
            assert!(queue.is_mostly_stale(2) && !queue.is_mostly_stale(moves));
            let now_ms = 9 + moves as i64;
            queue.retain(|timer| &*timer.lead_id != "busy" || timer.due_ms == now_ms);
            assert!(!queue.is_mostly_stale(0));
            queue.push(now_ms + 1, "open".into());
            queue.load(&store, P, i64::MAX, 1000, 10).expect("a store in memory cannot fail");
            let found = drain(&mut queue, i64::MAX);
            let expected = [(7, "idle".into()), (now_ms, "busy".into()), (now_ms + 1, "open".into())];
            assert_eq!(found[found.len() - 3..], expected);
        }
    }

    #[test]
    fn what_was_let_go_leaves_the_open_batch_its_place_behind_the_committed_one() {
        let store = MemoryStore::with_timers(P, &[(1, "a"), (2, "b")]);
        let mut queue = queue(&store, 0, 1);
        for due_ms in [9, 5, 6] {
            queue.push(due_ms, "moved".into());
        }
        queue.committed();
        queue.retain(|timer| &*timer.lead_id != "moved" || timer.due_ms == 6);
        queue.push(8, "open".into());
        queue.persisted();
        queue.load(&store, P, i64::MAX, 1000, 10).expect("a store in memory cannot fail");
        assert_eq!(drain(&mut queue, i64::MAX), [(1, "a".into()), (2, "b".into()), (8, "open".into())]); // 6 would be in the store
    }

    #[test]
    fn next_due_is_never_late() {
        let store = MemoryStore::with_timers(P, &[(3, "a"), (7, "b")]);
        assert_eq!(TimerQueue::default().next_due_ms(), Some(i64::MIN));
        assert_eq!(queue(&store, 0, 1).next_due_ms(), Some(3));
        let mut all = queue(&store, 10, 10);
        assert_eq!(all.next_due_ms(), Some(3));
        drain(&mut all, 10);
        assert_eq!(all.next_due_ms(), None);
    }

    #[test]
    fn a_midnight_of_many_timers_passes_in_pieces() {
        const LEADS: usize = 20_000;
        const STEP_MAX: usize = 2_000;
        let ids: Vec<String> = (0..LEADS).map(|number| format!("{number:05}")).collect();
        let midnight: Vec<(i64, &str)> = ids.iter().map(|id| (7, &**id)).collect();
        let store = MemoryStore::with_timers(P, &midnight);
        let (mut queue, mut taken) = (TimerQueue::default(), Vec::new());
        while taken.len() < LEADS {
            queue.load(&store, P, 7, STEP_MAX, 500).expect("a store in memory cannot fail");
            assert!(queue.heap.len() <= STEP_MAX + 500, "{} in memory", queue.heap.len());
            let step = queue.take_due(7, STEP_MAX);
            assert!((1..=STEP_MAX).contains(&step.len()));
            taken.extend(step.into_iter().map(|timer| timer.lead_id.to_string()));
        }
        assert!(taken == ids, "each once, in order");
        assert_eq!(queue.next_due_ms(), None);
    }

    #[test]
    fn takes_no_more_than_asked() {
        let store = MemoryStore::with_timers(P, &[(3, "a"), (3, "b"), (3, "c")]);
        let mut queue = queue(&store, 3, 10);
        assert_eq!(queue.take_due(3, 2).len(), 2);
        assert_eq!(queue.first().map(|timer| &*timer.lead_id), Some("c"));
    }
}
