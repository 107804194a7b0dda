//! States that a restore has read, the newest of each lead, until the store takes them: ids and states one behind the
//! other. A piece of memory for each of a million would cost more than reading them.

use hashbrown::HashTable;

use crate::wire::keys;

/// Superseded states may take so many bytes before it is asked whether they take a third of the buffer.
const GARBAGE_MIN: usize = 1 << 20;

/// Size of a piece of the buffer; only a lead that is greater has a longer one of its own.
const PIECE_BYTES: usize = 1 << 20;
/// What a lead takes beside its id and state: where it stands, twice.
const FRAME_BYTES: usize = 40;

/// Leads by id; in the order in which they were met first.
#[derive(Debug, Default)]
pub struct Replayed {
    buffer: Buffer,
    garbage_bytes: usize,
    leads: Vec<LeadAt>,
    index: HashTable<u32>,
}

/// Pieces that never move: one long buffer would be copied whenever it grows.
#[derive(Debug, Default)]
struct Buffer {
    pieces: Vec<Vec<u8>>,
    bytes: usize,
}

/// Where a lead's id and, behind it, its state stand.
#[derive(Debug, Clone, Copy)]
struct LeadAt {
    hash: u64,
    piece: u32,
    start: u32,
    id_bytes: u32,
    /// `None`: nothing is left of the lead.
    state_bytes: Option<u32>,
}

impl LeadAt {
    fn bytes(&self) -> usize {
        (self.id_bytes + self.state_bytes.unwrap_or(0)) as usize
    }

    fn whole<'b>(&self, buffer: &'b Buffer) -> &'b [u8] {
        &buffer.pieces[self.piece as usize][self.start as usize..][..self.bytes()]
    }

    fn id<'b>(&self, buffer: &'b Buffer) -> &'b [u8] {
        &self.whole(buffer)[..self.id_bytes as usize]
    }

    fn state<'b>(&self, buffer: &'b Buffer) -> Option<&'b [u8]> {
        self.state_bytes.map(|_| &self.whole(buffer)[self.id_bytes as usize..])
    }
}

impl Buffer {
    /// Appends both, one behind the other; says in which piece, and where there.
    fn push(&mut self, id: &[u8], state: &[u8]) -> (u32, u32) {
        let bytes = id.len() + state.len();
        if self.pieces.last().is_none_or(|last| last.capacity() - last.len() < bytes) {
            self.pieces.push(Vec::with_capacity(PIECE_BYTES.max(bytes)));
        }
        let at = self.pieces.len() - 1;
        let piece = &mut self.pieces[at];
        let start = piece.len();
        piece.extend_from_slice(id);
        piece.extend_from_slice(state);
        self.bytes += bytes;
        (small(at), small(start))
    }
}

impl Replayed {
    /// Takes in a lead's next state; `None` where nothing is left of it.
    pub fn put(&mut self, id: &str, state: Option<&[u8]>) {
        let hash = keys::lead_hash(id);
        let Replayed { buffer, garbage_bytes, leads, index } = self;
        let is_it = |at: &u32| {
            let lead = &leads[*at as usize];
            lead.hash == hash && lead.id(buffer) == id.as_bytes()
        };
        let known = index.find(hash, is_it).copied();
        let (piece, start) = buffer.push(id.as_bytes(), state.unwrap_or_default());
        let state_bytes = state.map(|state| small(state.len()));
        let new = LeadAt { hash, piece, start, id_bytes: small(id.len()), state_bytes };
        match known {
            Some(at) => *garbage_bytes += std::mem::replace(&mut leads[at as usize], new).bytes(),
            None => {
                leads.push(new);
                index.insert_unique(hash, small(leads.len() - 1), |at| leads[*at as usize].hash);
            }
        }
        if self.garbage_bytes > GARBAGE_MIN.max(self.buffer.bytes / 3) {
            self.close_up();
        }
    }

    /// Memory that ids and newest states take.
    pub fn bytes(&self) -> usize {
        self.buffer.bytes - self.garbage_bytes + FRAME_BYTES * self.leads.len()
    }

    /// Ids and newest states.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.leads.iter().map(|lead| {
            let id = std::str::from_utf8(lead.id(&self.buffer)).expect("it was a text when it came");
            (id, lead.state(&self.buffer))
        })
    }

    fn close_up(&mut self) {
        let mut buffer = Buffer::default();
        for lead in &mut self.leads {
            (lead.piece, lead.start) = buffer.push(lead.whole(&self.buffer), &[]);
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
        assert_eq!(replayed.bytes(), "alonger".len() + "b".len() + "c".len() + 3 * FRAME_BYTES);
        let greatest = vec![7; 3 * PIECE_BYTES];
        replayed.put("c", Some(&greatest));
        replayed.put("d", Some(b"behind"));
        let expected = [("a", Some(&b"longer"[..])), ("b", None), ("c", Some(&*greatest)), ("d", Some(b"behind"))];
        assert_eq!(all(&replayed), BTreeMap::from(expected));
    }

    #[test]
    fn superseded_states_do_not_pile_up() {
        let mut replayed = Replayed::default();
        for round in 0..200_u8 {
            for lead in 0..100 {
                replayed.put(&lead.to_string(), Some(&vec![round; 1_000]));
            }
        }
        assert!(replayed.buffer.pieces.len() <= 2, "{} pieces", replayed.buffer.pieces.len());
        assert!(replayed.iter().all(|(_, state)| state == Some(&[199; 1_000][..])));
        assert_eq!(replayed.bytes(), 100 * (1_000 + FRAME_BYTES) + 10 + 2 * 90);
    }
}
