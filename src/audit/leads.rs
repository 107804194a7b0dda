//! The leads of one partition: in memory up to a limit, in a store of the auditor's own beyond it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::{Error, Setup};
use crate::runtime::batch::Partition;
use crate::runtime::ports::{LeadWrite, PartitionMeta, Store, StoreError, StoredTimer};
use crate::scoring::lead::Lead;
use crate::wire::state;

/// Timers read from the store at a time.
const PIECE: usize = 256;

#[derive(Default)]
struct Held {
    lead: Lead,
    bytes: usize,
    /// The timer that the store's index has for it.
    stored_timer_ms: Option<i64>,
}

/// What went to the store.
struct Spilled {
    store: Arc<dyn Store>,
    /// The next timers of its index.
    due: VecDeque<StoredTimer>,
    after: Option<StoredTimer>,
    has_more: bool,
}

pub struct Leads<'s> {
    setup: &'s Setup<'s>,
    partition: Partition,
    held: BTreeMap<Box<str>, Held>,
    timers: BTreeSet<(i64, Box<str>)>,
    bytes: usize,
    spilled: Option<Spilled>,
}

impl<'s> Leads<'s> {
    pub fn new(setup: &'s Setup<'s>, partition: Partition) -> Leads<'s> {
        Leads { setup, partition, held: BTreeMap::new(), timers: BTreeSet::new(), bytes: 0, spilled: None }
    }

    /// Takes a lead out, to be put back; a new one where it is not known.
    pub fn take(&mut self, id: &str) -> Result<Lead, Error> {
        if !self.held.contains_key(id) {
            let Some(lead) = self.stored(id)? else { return Ok(Lead::default()) };
            let stored_timer_ms = lead.timer_ms();
            // From now on its own timer counts, not the store's: nothing may be between the two.
            self.held.insert(id.into(), Held { stored_timer_ms, ..Held::default() });
            return Ok(lead);
        }
        let Some(held) = self.held.get_mut(id) else { return Ok(Lead::default()) };
        self.bytes -= std::mem::take(&mut held.bytes);
        let lead = std::mem::take(&mut held.lead);
        if let Some(due_ms) = lead.timer_ms() {
            self.timers.remove(&(due_ms, id.into()));
        }
        Ok(lead)
    }

    /// Puts a lead back. One that has nothing is forgotten.
    pub fn put(&mut self, id: Box<str>, lead: Lead) -> Result<(), Error> {
        self.timers.extend(lead.timer_ms().map(|due_ms| (due_ms, id.clone())));
        if lead.is_empty() && self.spilled.is_none() {
            self.held.remove(&id);
            return Ok(());
        }
        let bytes = size(&id, &lead);
        let held = self.held.entry(id).or_default();
        (held.lead, held.bytes) = (lead, bytes);
        self.bytes += bytes;
        if self.bytes > self.setup.memory_bytes_max / 2 { self.spill() } else { Ok(()) }
    }

    /// State bytes; `None` where nothing is kept of the lead.
    pub fn bytes_of(&self, id: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(held) = self.held.get(id) else { return Ok(self.stored_bytes(id)?.map(Vec::from)) };
        Ok((!held.lead.is_empty()).then(|| encoded(&held.lead)))
    }

    /// The earliest timer that is due by then.
    pub fn first_timer(&mut self, until_ms: i64) -> Result<Option<(i64, Box<str>)>, Error> {
        let stored = self.first_stored()?;
        let held = self.timers.first().cloned();
        let first = held.into_iter().chain(stored).min();
        Ok(first.filter(|(due_ms, _)| *due_ms <= until_ms))
    }

    /// Calls `each` with every lead of which something is kept, until it returns false.
    pub fn each(&self, each: &mut dyn FnMut(&str) -> bool) -> Result<(), Error> {
        let mut held = self.held.iter().filter(|(_, held)| !held.lead.is_empty());
        if !held.all(|(id, _)| each(id)) {
            return Ok(());
        }
        let Some(spilled) = &self.spilled else { return Ok(()) };
        Ok(spilled.store.scan(self.partition, &mut |id, _| self.held.contains_key(id) || each(id))?)
    }

    fn first_stored(&mut self) -> Result<Option<(i64, Box<str>)>, Error> {
        let Some(spilled) = &mut self.spilled else { return Ok(None) };
        loop {
            if let Some(first) = spilled.due.front() {
                if !self.held.contains_key(&first.lead_id) {
                    return Ok(Some((first.due_ms, first.lead_id.clone())));
                }
                spilled.due.pop_front(); // it is in memory, with a timer of its own
            } else if spilled.has_more {
                spilled.due = spilled.store.timers(self.partition, spilled.after.as_ref(), PIECE)?.into();
                spilled.has_more = spilled.due.len() == PIECE;
                spilled.after = spilled.due.back().cloned();
            } else {
                return Ok(None);
            }
        }
    }

    fn stored(&self, id: &str) -> Result<Option<Lead>, Error> {
        let decoded = self.stored_bytes(id)?.map(|bytes| state::decode(&bytes)).transpose();
        Ok(decoded.map_err(|error| StoreError::Corrupt(format!("the auditor's own store: {error}")))?)
    }

    fn stored_bytes(&self, id: &str) -> Result<Option<Box<[u8]>>, Error> {
        let Some(spilled) = &self.spilled else { return Ok(None) };
        Ok(spilled.store.get_many(self.partition, &[id])?.pop().flatten())
    }

    /// Moves everything to the store.
    fn spill(&mut self) -> Result<(), Error> {
        let store = match self.spilled.take() {
            Some(spilled) => spilled.store,
            None => (self.setup.spill)()?,
        };
        let values: Vec<Option<Vec<u8>>> =
            self.held.values().map(|held| (!held.lead.is_empty()).then(|| encoded(&held.lead))).collect();
        let mut writes = Vec::with_capacity(values.len());
        for ((lead_id, held), value) in self.held.iter().zip(&values) {
            writes.push(LeadWrite {
                lead_id,
                value: value.as_deref(),
                timer_before_ms: held.stored_timer_ms,
                timer_after_ms: held.lead.timer_ms(),
            });
        }
        let meta = PartitionMeta { changelog_next_offset: 0, manifest: Vec::new(), committed_at_ms: 0 };
        store.write(self.partition, &writes, &meta)?;
        self.held.clear();
        self.timers.clear();
        self.bytes = 0;
        self.spilled = Some(Spilled { store, due: VecDeque::new(), after: None, has_more: true });
        Ok(())
    }
}

fn encoded(lead: &Lead) -> Vec<u8> {
    let mut bytes = Vec::new();
    state::encode(lead, &mut bytes);
    bytes
}

/// About what a lead takes in memory, with its places in both maps.
fn size(id: &str, lead: &Lead) -> usize {
    size_of::<Held>() + 4 * encoded(lead).len() + 3 * id.len() + 128
}
