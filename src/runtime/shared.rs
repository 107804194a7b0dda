//! What the workers of a process share: who of them uses which partition of the store, and the committed states that
//! the store does not have yet, for those who read while the workers write.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;

use super::batch::Partition;
use super::cache::StateBytes;
use super::ports::{Store, StoreError};
use super::task::ChangedLead;

/// How far a partition of this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Assigned, and not serving yet.
    Restoring,
    Running,
}

#[derive(Debug, Clone, Copy)]
struct Claim {
    worker: usize,
    phase: Phase,
}

/// One for each process.
#[derive(Debug, Default)]
pub struct Shared {
    claims: Mutex<BTreeMap<Partition, Claim>>,
    unpersisted: DashMap<Arc<str>, (Partition, Option<StateBytes>), foldhash::fast::RandomState>,
}

impl Shared {
    /// Takes a partition of the store for one worker. False while another worker of this process still uses it: in a
    /// rebalance, the loser may notice later than the winner.
    pub fn claim(&self, partition: Partition, worker: usize) -> bool {
        let mut claims = self.claims();
        match claims.get(&partition) {
            Some(claim) if claim.worker != worker => false,
            _ => {
                claims.insert(partition, Claim { worker, phase: Phase::Restoring });
                true
            }
        }
    }

    /// The partition serves from now on.
    pub fn running(&self, partition: Partition) {
        if let Some(claim) = self.claims().get_mut(&partition) {
            claim.phase = Phase::Running;
        }
    }

    /// Gives a partition back, with everything that was noted of it.
    pub fn release(&self, partition: Partition, worker: usize) {
        let mut claims = self.claims();
        if claims.get(&partition).is_some_and(|claim| claim.worker == worker) {
            self.unpersisted.retain(|_, (of, _)| *of != partition);
            claims.remove(&partition);
        }
    }

    /// States that a transaction has committed.
    pub fn committed(&self, partition: Partition, changed: &[ChangedLead]) {
        for lead in changed {
            self.unpersisted.insert(lead.id.clone(), (partition, lead.state.clone()));
        }
    }

    /// The store has these now.
    pub fn persisted<'a>(&self, lead_ids: impl Iterator<Item = &'a str>) {
        for id in lead_ids {
            self.unpersisted.remove(id);
        }
    }

    /// The partitions of this process.
    pub fn phases(&self) -> BTreeMap<Partition, Phase> {
        self.claims().iter().map(|(partition, claim)| (*partition, claim.phase)).collect()
    }

    /// The committed state of a lead of this partition.
    ///
    /// # Errors
    /// Those of the store.
    pub fn read(&self, store: &dyn Store, partition: Partition, id: &str) -> Result<Option<StateBytes>, StoreError> {
        // In this order: what leaves the map is in the store already.
        if let Some(entry) = self.unpersisted.get(id) {
            return Ok(entry.value().1.clone());
        }
        let found = store.get_many(partition, &[id])?;
        Ok(found.into_iter().next().flatten().map(StateBytes::from))
    }

    fn claims(&self) -> MutexGuard<'_, BTreeMap<Partition, Claim>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::testing::MemoryStore;

    const P: Partition = Partition(3);

    #[test]
    fn a_partition_has_one_user() {
        let shared = Shared::default();
        assert!(shared.claim(P, 0));
        assert!(!shared.claim(P, 1));
        shared.release(P, 1);
        assert!(!shared.claim(P, 1), "only its user gives it back");
        shared.running(P);
        assert_eq!(shared.phases(), BTreeMap::from([(P, Phase::Running)]));
        shared.release(P, 0);
        assert!(shared.claim(P, 1));
    }

    #[test]
    fn a_reader_sees_what_is_committed_and_not_persisted() {
        let (shared, store) = (Shared::default(), MemoryStore::default());
        let read = |id| shared.read(&store, P, id).expect("a store in memory cannot fail");
        assert_eq!(read("L1"), None);
        let state = Some(StateBytes::from(b"x".as_slice()));
        shared.committed(P, &[ChangedLead { hash: 0, id: "L1".into(), state: state.clone(), timer_ms: None }]);
        assert_eq!(read("L1"), state);
        shared.persisted(["L1"].into_iter());
        assert_eq!(read("L1"), None);
    }
}
