//! The leads that the open batch has touched, decoded. Giving the batch up is dropping this set.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::scoring::lead::Lead;

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
}

/// Found by a hash that is computed once per record; the full id is compared.
#[derive(Debug, Default)]
pub struct WorkingSet {
    index: HashTable<u32>,
    leads: Vec<Worked>,
}

impl WorkingSet {
    pub fn find(&self, hash: u64, id: &str) -> Option<usize> {
        self.index.find(hash, |at| *self.leads[*at as usize].id == *id).map(|at| *at as usize)
    }

    /// Takes in a lead that is not here yet, and says where it stands.
    pub fn add(&mut self, hash: u64, id: Arc<str>, lead: Lead) -> usize {
        let at = self.leads.len();
        let timer_ms = lead.timer_ms();
        self.leads.push(Worked { hash, id, lead, changed: false, timer_ms });
        let leads = &self.leads;
        let index = u32::try_from(at).expect("a batch touches fewer leads than 2^32");
        self.index.insert_unique(hash, index, |at| leads[*at as usize].hash);
        at
    }

    pub fn get_mut(&mut self, at: usize) -> &mut Worked {
        &mut self.leads[at]
    }

    pub fn changed(&self) -> impl Iterator<Item = &Worked> {
        self.leads.iter().filter(|worked| worked.changed)
    }

    pub fn len(&self) -> usize {
        self.leads.len()
    }

    pub fn is_empty(&self) -> bool {
        self.leads.is_empty()
    }

    pub fn clear(&mut self) {
        self.index.clear();
        self.leads.clear();
    }
}
