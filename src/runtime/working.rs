//! The leads that the open batch has touched, decoded. Giving the batch up is dropping this set.
//!
//! Once a batch is committed, the busiest of its leads stay decoded: the next batch will touch them again, and they are
//! the ones with the longest states. Invariant: an untouched lead here is as it was committed last, and the cache has it,
//! unless nothing is known of it.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::scoring::lead::Lead;

/// Leads that stay decoded at most.
const KEPT_MAX: usize = 512;
/// A lead that only one record touched is used so often: to be read, applied and timed.
const USES_OF_ONE_RECORD: u64 = 3;

/// A lead at work.
#[derive(Debug)]
pub struct Worked {
    pub hash: u64,
    pub id: Arc<str>,
    pub lead: Lead,
    /// True once the batch has changed it: then its state goes into the transaction.
    pub changed: bool,
    /// The timer that was pushed last for it, so that an unmoved one is not pushed again.
    pub timer_ms: Option<i64>,
    /// How often the open batch used it.
    use_count: u64,
    /// The same of the batches before, each worth half of the one after it.
    warmth: u64,
}

/// Found by a hash that is computed once per record; the full id is compared.
#[derive(Debug, Default)]
pub struct WorkingSet {
    index: HashTable<u32>,
    #[allow(clippy::vec_box)] // most of them go with each commit, and the others close ranks
    leads: Vec<Box<Worked>>,
    touched_count: usize,
}

impl WorkingSet {
    pub fn find(&self, hash: u64, id: &str) -> Option<usize> {
        self.index.find(hash, |at| *self.leads[*at as usize].id == *id).map(|at| *at as usize)
    }

    /// Takes in a lead that is not here yet, and says where it stands.
    pub fn add(&mut self, hash: u64, id: Arc<str>, lead: Lead) -> usize {
        let at = self.leads.len();
        let timer_ms = lead.timer_ms();
        self.leads.push(Box::new(Worked { hash, id, lead, changed: false, timer_ms, use_count: 1, warmth: 0 }));
        self.touched_count += 1;
        self.point_at(at);
        at
    }

    pub fn get_mut(&mut self, at: usize) -> &mut Worked {
        let worked = &mut self.leads[at];
        self.touched_count += usize::from(worked.use_count == 0);
        worked.use_count += 1;
        worked
    }

    pub fn changed(&self) -> impl Iterator<Item = &Worked> {
        self.leads.iter().map(|worked| &**worked).filter(|worked| worked.changed)
    }

    /// Leads that the open batch has touched.
    pub fn len(&self) -> usize {
        self.touched_count
    }

    pub fn is_empty(&self) -> bool {
        self.touched_count == 0
    }

    /// The batch is committed: the next one begins with those of its leads that it will likely touch.
    pub fn committed(&mut self) {
        for worked in &mut self.leads {
            worked.warmth = worked.warmth / 2 + std::mem::take(&mut worked.use_count);
            worked.changed = false;
        }
        let mut least = USES_OF_ONE_RECORD;
        while self.leads.iter().filter(|worked| worked.warmth >= least).count() > KEPT_MAX {
            least *= 2;
        }
        self.touched_count = 0;
        self.keep(|worked| worked.warmth >= least);
    }

    /// Keeps those for which `keep` says true.
    pub fn keep(&mut self, keep: impl Fn(&Worked) -> bool) {
        self.leads.retain(|worked| keep(worked));
        self.index.clear();
        (0..self.leads.len()).for_each(|at| self.point_at(at));
    }

    fn point_at(&mut self, at: usize) {
        let leads = &self.leads;
        let index = u32::try_from(at).expect("a batch touches fewer leads than 2^32");
        self.index.insert_unique(leads[at].hash, index, |at| leads[*at as usize].hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(set: &mut WorkingSet, hash: u64, records: u64) {
        let id = hash.to_string();
        let at = set.find(hash, &id).unwrap_or_else(|| set.add(hash, id.as_str().into(), Lead::default()));
        for _ in 0..2 * records {
            set.get_mut(at).changed = true;
        }
    }

    fn commit(set: &mut WorkingSet) {
        set.committed();
        assert_eq!((set.len(), set.changed().count()), (0, 0), "nothing is touched after a commit");
    }

    fn is_here(set: &WorkingSet, hash: u64) -> bool {
        set.find(hash, &hash.to_string()).is_some()
    }

    #[test]
    fn busy_leads_stay_and_idle_ones_go() {
        let mut set = WorkingSet::default();
        touch(&mut set, 1, 1);
        touch(&mut set, 2, 20);
        assert_eq!(set.len(), 2);
        commit(&mut set);
        assert!(is_here(&set, 1) && is_here(&set, 2));
        commit(&mut set);
        assert!(!is_here(&set, 1) && is_here(&set, 2));
        touch(&mut set, 2, 1);
        assert_eq!(set.len(), 1);
        (0..9).for_each(|_| commit(&mut set));
        assert!(!is_here(&set, 2));
    }

    #[test]
    fn the_busiest_stay_where_there_are_many() {
        let mut set = WorkingSet::default();
        (0..2 * KEPT_MAX as u64).for_each(|hash| touch(&mut set, hash, 1 + 9 * (hash % 4)));
        commit(&mut set);
        let kept = (0..2 * KEPT_MAX as u64).filter(|hash| is_here(&set, *hash));
        assert!(kept.clone().all(|hash| hash % 4 > 1), "a lead that is less busy than others stayed");
        assert!((1..=KEPT_MAX).contains(&kept.count()));
    }
}
