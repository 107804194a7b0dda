//! States that a restore has read, the newest of each lead, until the store takes them: ids and states one behind the
//! other in one buffer. A piece of memory for each of a million would cost more than reading them.

use hashbrown::HashTable;

use crate::wire::keys;

/// Superseded states may take so many bytes before it is asked whether they take a third of the buffer.
const GARBAGE_MIN: usize = 1 << 20;

/// Leads by id; in the order in which they were met first.
#[derive(Debug, Default)]
pub struct Replayed {
    buffer: Vec<u8>,
    garbage_bytes: usize,
    leads: Vec<LeadAt>,
    index: HashTable<u32>,
}

/// Where a lead's id and, behind it, its state stand.
#[derive(Debug, Clone, Copy)]
struct LeadAt {
    hash: u64,
    start: usize,
    id_bytes: u32,
    /// `None`: nothing is left of the lead.
    state_bytes: Option<u32>,
}

impl LeadAt {
    fn id<'b>(&self, buffer: &'b [u8]) -> &'b [u8] {
        &buffer[self.start..self.start + self.id_bytes as usize]
    }

    fn bytes(&self) -> usize {
        (self.id_bytes + self.state_bytes.unwrap_or(0)) as usize
    }

    fn state<'b>(&self, buffer: &'b [u8]) -> Option<&'b [u8]> {
        self.state_bytes.map(|_| &buffer[self.start + self.id_bytes as usize..self.start + self.bytes()])
    }
}

impl Replayed {
    /// Takes in a lead's next state; `None` where nothing is left of it.
    pub fn put(&mut self, id: &str, state: Option<&[u8]>) {
        let hash = keys::lead_hash(id);
        let Replayed { buffer, garbage_bytes, leads, index } = self;
        let new =
            LeadAt { hash, start: buffer.len(), id_bytes: small(id.len()), state_bytes: state.map(|s| small(s.len())) };
        let is_it = |at: &u32| {
            let lead = &leads[*at as usize];
            lead.hash == hash && lead.id(buffer) == id.as_bytes()
        };
        match index.find(hash, is_it) {
            Some(at) => {
                let before = std::mem::replace(&mut leads[*at as usize], new);
                *garbage_bytes += before.bytes();
            }
            None => {
                leads.push(new);
                index.insert_unique(hash, small(leads.len() - 1), |at| leads[*at as usize].hash);
            }
        }
        buffer.extend_from_slice(id.as_bytes());
        buffer.extend_from_slice(state.unwrap_or_default());
        if self.garbage_bytes > GARBAGE_MIN.max(self.buffer.len() / 3) {
            self.close_up();
        }
    }

    /// Size of ids and newest states.
    pub fn bytes(&self) -> usize {
        self.buffer.len() - self.garbage_bytes
    }

    /// Ids and newest states.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.leads.iter().map(|lead| {
            let id = std::str::from_utf8(lead.id(&self.buffer)).expect("it was a text when it came");
            (id, lead.state(&self.buffer))
        })
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.garbage_bytes = 0;
        self.leads.clear();
        self.index.clear();
    }

    fn close_up(&mut self) {
        let mut buffer = Vec::with_capacity(2 * self.bytes());
        for lead in &mut self.leads {
            let start = buffer.len();
            buffer.extend_from_slice(&self.buffer[lead.start..lead.start + lead.bytes()]);
            lead.start = start;
        }
        self.buffer = buffer;
        self.garbage_bytes = 0;
    }
}

fn small(size: usize) -> u32 {
    u32::try_from(size).expect("what a restore holds in memory has a limit far below 2^32")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn all(replayed: &Replayed) -> BTreeMap<&str, Option<&[u8]>> {
        replayed.iter().collect()
    }

    #[test]
    fn the_newest_state_of_each_lead_is_kept() {
        let mut replayed = Replayed::default();
        for (id, state) in [("a", Some(&b"1"[..])), ("b", Some(b"2")), ("a", Some(b"longer")), ("b", None), ("c", None)]
        {
            replayed.put(id, state);
        }
        assert_eq!(all(&replayed), BTreeMap::from([("a", Some(&b"longer"[..])), ("b", None), ("c", None)]));
        assert_eq!(replayed.bytes(), "alonger".len() + "b".len() + "c".len());
        replayed.clear();
        assert_eq!((replayed.bytes(), replayed.iter().count()), (0, 0));
        replayed.put("a", Some(b"anew"));
        assert_eq!(all(&replayed), BTreeMap::from([("a", Some(&b"anew"[..]))]));
    }

    #[test]
    fn superseded_states_do_not_pile_up() {
        let mut replayed = Replayed::default();
        for round in 0..200_u8 {
            for lead in 0..100 {
                replayed.put(&lead.to_string(), Some(&vec![round; 1_000]));
            }
        }
        assert!(replayed.buffer.len() < 2 * GARBAGE_MIN, "{} bytes", replayed.buffer.len());
        assert!(replayed.iter().all(|(_, state)| state == Some(&[199; 1_000][..])));
        assert_eq!(replayed.bytes(), 100 * 1_000 + 10 + 2 * 90);
    }
}
