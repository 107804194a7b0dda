//! The leads that the open batch has touched. Giving the batch up is dropping this set and the table beside it.
//!
//! A lead is decoded to be worked on. One that comes again and again stays decoded, from batch to batch; any other is
//! *settled* at the end of its step: back to bytes, which wait here for the transaction, so that the room in which leads
//! are decoded stays small enough for the processor's caches.

use std::ops::Range;
use std::sync::Arc;

use super::leads::{AtWork, LeadAt, LeadTable};
use crate::ahead::{LEADS_AHEAD, soon};
use crate::scoring::lead::Lead;
use crate::wire::state::{self, StateError};

/// A decoded lead.
#[derive(Debug)]
pub struct Worked {
    pub id: Arc<str>,
    pub lead: Lead,
    /// True once the batch has changed it: then its state goes into the transaction.
    pub changed: bool,
    /// The timer that was pushed last for it, so that an unmoved one is not pushed again.
    pub timer_ms: Option<i64>,
    at: LeadAt,
    /// It came back soon enough to stay.
    is_busy: bool,
    /// The open batch has used it.
    is_touched: bool,
}

/// The bytes of a lead that was changed.
#[derive(Debug)]
struct StateOf {
    at: LeadAt,
    id: Range<usize>,
    /// Empty: nothing is left of the lead. `None`: it was decoded again.
    state: Option<Range<usize>>,
    timer_ms: Option<i64>,
}

/// Changed states, one behind the other, and copies of their ids: those of the table lie all over the memory.
#[derive(Debug, Default)]
struct States {
    all: Vec<StateOf>,
    ids: String,
    bytes: Vec<u8>,
}

/// A lead that the transaction changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed<'a> {
    pub at: LeadAt,
    pub id: &'a str,
    /// `None`: nothing is left of it; a tombstone.
    pub state: Option<&'a [u8]>,
    pub timer_ms: Option<i64>,
}

/// Leads are named by their place, which holds until the end of the step.
#[derive(Debug, Default)]
pub struct WorkingSet {
    decoded: Vec<Option<Worked>>,
    free: Vec<u32>,
    /// Places of decoded leads that the open batch has touched.
    touched: Vec<u32>,
    settled: States,
    /// Of what is decoded, as of the last call of `encode`.
    encoded: States,
    /// Leads that the open batch has touched.
    touched_count: usize,
    /// Where the search for leads that are no longer busy goes on.
    hand: usize,
}

impl WorkingSet {
    /// Brings a lead of the table here, decoded, and says where it stands. A lead of which nothing is known is a new
    /// one. It stays decoded where it was used within the last `busy_max` uses of any lead.
    ///
    /// # Errors
    /// Those of the state's bytes.
    pub fn bring(&mut self, table: &mut LeadTable, at: LeadAt, busy_max: u32) -> Result<usize, StateError> {
        let is_busy = table.used(at) < busy_max;
        let (mut lead, is_settled) = match table.at_work(at) {
            AtWork::Decoded(place) => {
                self.touch(place);
                return Ok(place as usize);
            }
            AtWork::Settled(place) => (self.settled.take(place)?, true),
            AtWork::No => (table.state(at).map_or_else(|| Ok(Lead::default()), state::decode)?, false),
        };
        lead.recall(table.outlook(at));
        let timer_ms = lead.timer_ms();
        let id = table.id(at).clone();
        self.touched_count += usize::from(!is_settled);
        let worked =
            Worked { id, lead, changed: is_settled, timer_ms, at, is_busy: is_busy || is_settled, is_touched: true };
        let place = self.place(worked);
        table.set_at_work(at, AtWork::Decoded(place));
        self.touched.push(place);
        Ok(place as usize)
    }

    /// The lead at the second of these places is needed soon, the one at the first a little later.
    pub fn soon(&self, later: Option<usize>, sooner: Option<usize>) {
        if let Some(place) = later {
            soon(&self.decoded[place]);
        }
        if let Some(worked) = sooner.and_then(|place| self.decoded[place].as_ref()) {
            worked.lead.soon();
        }
    }

    /// The lead at a place.
    ///
    /// # Panics
    /// Where none stands.
    pub fn get_mut(&mut self, place: usize) -> &mut Worked {
        self.decoded[place].as_mut().expect("a place holds its lead until the end of the step")
    }

    /// Leads that the open batch has touched.
    pub fn len(&self) -> usize {
        self.touched_count
    }

    pub fn is_empty(&self) -> bool {
        self.touched_count == 0
    }

    /// Size of the changed states that are bytes already.
    pub fn bytes(&self) -> usize {
        self.settled.bytes.len()
    }

    /// The step is over: what does not stay decoded becomes bytes again.
    pub fn settle(&mut self, table: &mut LeadTable) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.retain(|place| {
            let is_busy = self.get_mut(*place as usize).is_busy;
            if !is_busy {
                self.settle_one(table, *place);
            }
            is_busy
        });
        self.touched = touched;
    }

    /// Writes down what is changed and decoded, for `changed`.
    pub fn encode(&mut self) {
        self.encoded.clear();
        for place in &self.touched {
            let worked = self.decoded[*place as usize].as_ref().expect("what is touched is there");
            if worked.changed {
                self.encoded.push(worked);
            }
        }
    }

    /// All that the transaction changes, each lead once, in no order; as of the last `encode`.
    pub fn changed(&self) -> impl Iterator<Item = Changed<'_>> {
        self.settled.iter().chain(self.encoded.iter())
    }

    /// The batch is committed: the table takes its states, and the next one begins with the busiest of its leads.
    pub fn committed(&mut self, table: &mut LeadTable, busy_max: u32) {
        self.write_changed(table);
        for settled in self.settled.all.iter().filter(|settled| settled.state.is_some()) {
            table.set_at_work(settled.at, AtWork::No);
        }
        for place in self.touched.drain(..) {
            let worked = self.decoded[place as usize].as_mut().expect("what is touched is there");
            (worked.is_touched, worked.changed) = (false, false);
        }
        self.settled.clear();
        self.encoded.clear();
        let looked_at = 2 * std::mem::take(&mut self.touched_count);
        self.let_idle_go(table, busy_max, looked_at);
    }

    fn write_changed(&self, table: &mut LeadTable) {
        let (mut later, mut sooner) = (self.changed().skip(2 * LEADS_AHEAD), self.changed().skip(LEADS_AHEAD));
        for Changed { at, state, timer_ms, .. } in self.changed() {
            later.next().inspect(|changed| table.entry_soon(changed.at));
            sooner.next().inspect(|changed| table.state_soon(changed.at));
            table.committed(at, state, timer_ms);
        }
    }

    /// Looks at so many of the decoded leads, and drops those that are not busy any more.
    fn let_idle_go(&mut self, table: &mut LeadTable, busy_max: u32, count: usize) {
        for _ in 0..count.min(self.decoded.len()) {
            self.hand = (self.hand + 1) % self.decoded.len();
            let Some(worked) = &self.decoded[self.hand] else { continue };
            if table.unused_for(worked.at) > busy_max {
                table.leave_work(worked.at, AtWork::No, worked.lead.outlook());
                self.decoded[self.hand] = None;
                self.free.push(self.hand as u32);
            }
        }
    }

    fn touch(&mut self, place: u32) {
        let worked = self.decoded[place as usize].as_mut().expect("the table names decoded leads only");
        worked.is_busy = true;
        if !std::mem::replace(&mut worked.is_touched, true) {
            self.touched.push(place);
            self.touched_count += 1;
        }
    }

    fn place(&mut self, worked: Worked) -> u32 {
        if let Some(place) = self.free.pop() {
            self.decoded[place as usize] = Some(worked);
            return place;
        }
        self.decoded.push(Some(worked));
        u32::try_from(self.decoded.len() - 1).expect("a batch touches fewer leads than 2^32")
    }

    fn settle_one(&mut self, table: &mut LeadTable, place: u32) {
        let worked = self.decoded[place as usize].as_ref().expect("what is touched is there");
        let at_work = if worked.changed { AtWork::Settled(self.settled.push(worked)) } else { AtWork::No };
        table.leave_work(worked.at, at_work, worked.lead.outlook());
        self.decoded[place as usize] = None;
        self.free.push(place);
    }
}

impl States {
    /// Appends a lead's state, or nothing where nothing is left of it; says at which place.
    fn push(&mut self, worked: &Worked) -> u32 {
        let (begin, id_begin) = (self.bytes.len(), self.ids.len());
        self.ids.push_str(&worked.id);
        if !worked.lead.is_empty() {
            state::encode(&worked.lead, &mut self.bytes);
        }
        let (id, state) = (id_begin..self.ids.len(), Some(begin..self.bytes.len()));
        self.all.push(StateOf { at: worked.at, id, state, timer_ms: worked.lead.timer_ms() });
        u32::try_from(self.all.len() - 1).expect("a batch changes fewer leads than 2^32")
    }

    /// Takes a lead back that is decoded again.
    fn take(&mut self, place: u32) -> Result<Lead, StateError> {
        let state = self.all[place as usize].state.take().expect("the table names states that are here");
        match &self.bytes[state] {
            [] => Ok(Lead::default()),
            state => state::decode(state),
        }
    }

    fn iter(&self) -> impl Iterator<Item = Changed<'_>> {
        self.all.iter().filter_map(|of| {
            let state = &self.bytes[of.state.clone()?];
            let (id, state) = (&self.ids[of.id.clone()], Some(state).filter(|state| !state.is_empty()));
            Some(Changed { at: of.at, id, state, timer_ms: of.timer_ms })
        })
    }

    /// Forgets everything and keeps the memory.
    fn clear(&mut self) {
        self.all.clear();
        self.ids.clear();
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY_MAX: u32 = 8;

    #[derive(Default)]
    struct Rig {
        table: LeadTable,
        set: WorkingSet,
    }

    impl Rig {
        /// A step that uses these leads, once or more often each, and gives each this timer.
        fn step(&mut self, leads: &[(u64, i64)]) {
            for (lead, timer_ms) in leads {
                let id = lead.to_string();
                let at = self.table.find(*lead, &id).unwrap_or_else(|| self.table.add(*lead, id.as_str().into()));
                let place = self.set.bring(&mut self.table, at, BUSY_MAX).expect("what was written can be read");
                let worked = self.set.get_mut(place);
                assert_eq!(*worked.id, *id);
                worked.lead.timer_ms = Some(*timer_ms);
                worked.changed = true;
            }
            self.set.settle(&mut self.table);
        }

        fn changed(&mut self) -> Vec<(String, Option<i64>)> {
            self.set.encode();
            let of = |changed: Changed<'_>| {
                let in_state = changed.state.map(|state| state::timer_ms(state).expect("sound"));
                assert_eq!(in_state, Some(changed.timer_ms));
                (changed.id.to_owned(), changed.timer_ms)
            };
            let mut changed: Vec<_> = self.set.changed().map(of).collect();
            changed.sort();
            changed
        }

        fn commit(&mut self) {
            self.set.encode();
            self.set.committed(&mut self.table, BUSY_MAX);
            assert_eq!((self.set.len(), self.changed()), (0, vec![]), "nothing is touched after a commit");
        }

        fn is_decoded(&self, lead: u64) -> bool {
            let at = self.table.find(lead, &lead.to_string()).expect("it was used");
            matches!(self.table.at_work(at), AtWork::Decoded(_))
        }
    }

    #[test]
    fn each_lead_is_changed_once_whatever_becomes_of_it_meanwhile() {
        let mut rig = Rig::default();
        rig.step(&[(1, 10), (2, 20)]);
        assert!(!rig.is_decoded(1) && !rig.is_decoded(2));
        rig.step(&[(1, 11), (3, 30)]);
        assert_eq!((rig.set.len(), rig.is_decoded(1)), (3, true));
        let expected = |one| [("1", one), ("2", 20), ("3", 30)].map(|(id, timer)| (id.to_owned(), Some(timer)));
        assert_eq!(rig.changed(), expected(11));
        rig.step(&[(1, 12)]); // the commit was put off
        assert_eq!(rig.changed(), expected(12));
        rig.commit();
        assert_eq!(rig.table.dirty().map(|dirty| dirty.timer_ms).max(), Some(Some(30)));
    }

    #[test]
    fn a_lead_that_comes_back_soon_stays_decoded_until_it_is_idle() {
        let mut rig = Rig::default();
        rig.step(&[(1, 10), (2, 20)]);
        rig.commit();
        rig.step(&[(1, 11)]);
        rig.commit();
        assert!(rig.is_decoded(1) && !rig.is_decoded(2));
        rig.step(&[(3, 1), (4, 1), (5, 1), (6, 1), (7, 1), (8, 1), (9, 1), (10, 1)]);
        rig.step(&[(2, 21)]);
        rig.commit();
        assert!(!rig.is_decoded(1) && !rig.is_decoded(2), "used too long ago");
    }

    #[test]
    fn a_lead_of_which_nothing_is_left_is_changed_to_nothing() {
        let mut rig = Rig::default();
        rig.step(&[(1, 10)]);
        rig.commit();
        let at = rig.table.find(1, "1").expect("it was used");
        let place = rig.set.bring(&mut rig.table, at, 0).expect("it can be read");
        rig.set.get_mut(place).lead = Lead::default();
        rig.set.get_mut(place).changed = true;
        rig.set.settle(&mut rig.table);
        rig.set.encode();
        assert_eq!(rig.set.changed().collect::<Vec<_>>(), [Changed { at, id: "1", state: None, timer_ms: None }]);
        rig.set.committed(&mut rig.table, 0);
        assert_eq!(rig.table.state(at), None);
    }

    #[test]
    fn a_changed_lead_that_is_looked_at_again_is_still_changed() {
        let mut rig = Rig::default();
        rig.step(&[(1, 10)]);
        let at = rig.table.find(1, "1").expect("it was used");
        rig.set.bring(&mut rig.table, at, BUSY_MAX).expect("what was written can be read");
        rig.set.settle(&mut rig.table);
        assert_eq!((rig.set.len(), rig.changed()), (1, vec![("1".to_owned(), Some(10))]));
    }

    #[test]
    fn what_was_only_looked_at_does_not_change() {
        let mut rig = Rig::default();
        let at = rig.table.add(1, "1".into());
        rig.set.bring(&mut rig.table, at, 0).expect("nothing is read");
        rig.set.settle(&mut rig.table);
        assert_eq!((rig.set.len(), rig.changed()), (1, vec![]));
        rig.commit();
        assert_eq!(rig.table.dirty().count(), 0);
    }
}
