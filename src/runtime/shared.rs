//! What the workers of a process share: who of them uses which partition of the store, and the leads that each has in
//! memory, for those who read while the workers write.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;

use super::batch::Partition;
use super::leads::SharedLeads;
use super::ports::{Store, StoreError};
use crate::wire::keys;

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
    leads: DashMap<Partition, SharedLeads>,
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

    /// The partition serves from now on, with these leads.
    pub fn running(&self, partition: Partition, leads: SharedLeads) {
        self.leads.insert(partition, leads);
        if let Some(claim) = self.claims().get_mut(&partition) {
            claim.phase = Phase::Running;
        }
    }

    /// Gives a partition back, with everything that was noted of it.
    pub fn release(&self, partition: Partition, worker: usize) {
        let mut claims = self.claims();
        if claims.get(&partition).is_some_and(|claim| claim.worker == worker) {
            self.leads.remove(&partition);
            claims.remove(&partition);
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
    pub fn read(&self, store: &dyn Store, partition: Partition, id: &str) -> Result<Option<Box<[u8]>>, StoreError> {
        let leads = self.leads.get(&partition).map(|leads| leads.clone());
        // In this order: what leaves the table is in the store already.
        if let Some(leads) = leads {
            let table = leads.read();
            if let Some(at) = table.find(keys::lead_hash(id), id) {
                return Ok(table.state(at).map(Box::from));
            }
        }
        Ok(store.get_many(partition, &[id])?.into_iter().next().flatten())
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
        shared.running(P, SharedLeads::default());
        assert_eq!(shared.phases(), BTreeMap::from([(P, Phase::Running)]));
        shared.release(P, 0);
        assert!(shared.claim(P, 1));
    }

    #[test]
    fn a_reader_sees_what_is_committed_and_not_persisted() {
        let (shared, store) = (Shared::default(), MemoryStore::default());
        let read = |id| shared.read(&store, P, id).expect("a store in memory cannot fail");
        assert_eq!(read("L1"), None);
        let leads = SharedLeads::default();
        shared.running(P, leads.clone());
        let at = leads.change().add(keys::lead_hash("L1"), "L1".into());
        assert_eq!(read("L1"), None, "it is at work, and nothing of it committed");
        leads.change().committed(at, Some(b"x"), None);
        assert_eq!(read("L1").as_deref(), Some(b"x".as_slice()));
        leads.change().committed(at, None, None);
        assert_eq!(read("L1"), None);
        shared.claim(P, 0);
        shared.release(P, 0);
        assert!(shared.leads.is_empty());
    }
}
