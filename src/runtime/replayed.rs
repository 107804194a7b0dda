//! States that a restore has read, until the store takes the newest of each lead in the order of ids: ids and states one
//! behind the other, noted as they come and sorted from time to time. A piece of memory for each of a million would cost
//! more than reading them, and so would asking a table for each record: it is too large for the processor's caches.

use std::cmp::Ordering;

use crate::ahead::{LEADS_AHEAD, soon};
use crate::wire::keys;

/// Superseded states are not looked for before so many bytes were read, or twice as many as were left the last time.
const SORT_BYTES: usize = 16 << 20;
/// Superseded states may take so many bytes before it is asked whether they take a third of the buffer.
const GARBAGE_MIN: usize = 1 << 20;

/// Size of a piece of the buffer; only a lead that is greater has a longer one of its own.
const PIECE_BYTES: usize = 1 << 20;
/// What a record takes beside its id and state.
const FRAME_BYTES: usize = size_of::<RecordAt>();

/// Records by id.
#[derive(Debug, Default)]
pub struct Replayed {
    buffer: Buffer,
    records: Vec<RecordAt>,
    /// So many of the first records are in the order of ids, the newest of each alone.
    sorted_count: usize,
    /// Size of the buffer when they were sorted.
    sorted_bytes: usize,
}

/// Pieces that never move: one long buffer would be copied whenever it grows.
#[derive(Debug, Default)]
struct Buffer {
    pieces: Vec<Vec<u8>>,
    bytes: usize,
}

/// Where a record's id and, behind it, its state stand.
#[derive(Debug, Clone, Copy)]
struct RecordAt {
    id_head: u128,
    piece: u32,
    start: u32,
    id_bytes: u32,
    /// `DELETED`: nothing is left of the lead.
    state_bytes: u32,
}

const DELETED: u32 = u32::MAX;

impl RecordAt {
    fn bytes(&self) -> usize {
        self.id_bytes as usize + self.state_bytes().unwrap_or(0)
    }

    fn state_bytes(&self) -> Option<usize> {
        (self.state_bytes != DELETED).then_some(self.state_bytes as usize)
    }

    fn whole<'b>(&self, buffer: &'b Buffer) -> &'b [u8] {
        &buffer.pieces[self.piece as usize][self.start as usize..][..self.bytes()]
    }

    fn id<'b>(&self, buffer: &'b Buffer) -> &'b [u8] {
        &self.whole(buffer)[..self.id_bytes as usize]
    }

    fn state<'b>(&self, buffer: &'b Buffer) -> Option<&'b [u8]> {
        self.state_bytes().map(|_| &self.whole(buffer)[self.id_bytes as usize..])
    }

    fn cmp_ids(&self, other: &RecordAt, buffer: &Buffer) -> Ordering {
        match self.id_head.cmp(&other.id_head) {
            Ordering::Equal => self.cmp_behind_head(other, buffer),
            different => different,
        }
    }

    /// Apart from the comparison of heads, which nearly always is enough and so can be without branches.
    #[cold]
    fn cmp_behind_head(&self, other: &RecordAt, buffer: &Buffer) -> Ordering {
        let are_short = self.id_bytes.max(other.id_bytes) as usize <= size_of_val(&self.id_head);
        match are_short {
            true => self.id_bytes.cmp(&other.id_bytes), // they differ by zeros at the end, if at all
            false => self.id(buffer).cmp(other.id(buffer)),
        }
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
        let (piece, start) = self.buffer.push(id.as_bytes(), state.unwrap_or_default());
        self.records.push(RecordAt {
            id_head: keys::id_head(id),
            piece,
            start,
            id_bytes: small(id.len()),
            state_bytes: state.map_or(DELETED, |state| small(state.len())),
        });
        if self.buffer.bytes >= SORT_BYTES.max(2 * self.sorted_bytes) {
            self.sort();
        }
    }

    /// True when the newest states take half of that memory, and all that was read takes all of it.
    pub fn is_full(&mut self, bytes_max: usize) -> bool {
        if self.bytes() < bytes_max {
            return false;
        }
        self.sort();
        self.bytes() > bytes_max / 2
    }

    /// Brings the records into the order of ids, and lets superseded ones go.
    pub fn sort(&mut self) {
        let Replayed { buffer, records, .. } = self;
        records.sort_by(|one, other| one.cmp_ids(other, buffer)); // stable: of one id, the newest comes last
        records.dedup_by(|later, earlier| {
            let is_superseded = earlier.cmp_ids(later, buffer).is_eq();
            if is_superseded {
                *earlier = *later;
            }
            is_superseded
        });
        let newest_bytes: usize = records.iter().map(RecordAt::bytes).sum();
        if buffer.bytes - newest_bytes > GARBAGE_MIN.max(buffer.bytes / 3) {
            self.close_up();
        }
        self.sorted_count = self.records.len();
        self.sorted_bytes = self.buffer.bytes;
    }

    /// Memory of all this.
    fn bytes(&self) -> usize {
        self.buffer.bytes + FRAME_BYTES * self.records.len()
    }

    /// Ids, in order, and newest states.
    ///
    /// # Panics
    /// Where anything was put since the last call of `sort`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        assert_eq!(self.sorted_count, self.records.len(), "what is read out is sorted before");
        self.records.iter().enumerate().map(|(n, record)| {
            self.records.get(n + LEADS_AHEAD).inspect(|later| soon(later.whole(&self.buffer)));
            let id = std::str::from_utf8(record.id(&self.buffer)).expect("it was a text when it came");
            (id, record.state(&self.buffer))
        })
    }

    fn close_up(&mut self) {
        let mut buffer = Buffer::default();
        for record in &mut self.records {
            (record.piece, record.start) = buffer.push(record.whole(&self.buffer), &[]);
        }
        self.buffer = buffer;
    }
}

fn small(size: usize) -> u32 {
    u32::try_from(size).expect("what a restore holds in memory has a limit far below 2^32")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(replayed: &mut Replayed) -> Vec<(&str, Option<&[u8]>)> {
        replayed.sort();
        replayed.iter().collect()
    }

    #[test]
    fn the_newest_state_of_each_lead_is_kept() {
        let mut replayed = Replayed::default();
        for (id, state) in [("b", Some(&b"2"[..])), ("a", Some(b"1")), ("a", Some(b"longer")), ("b", None), ("c", None)]
        {
            replayed.put(id, state);
        }
        assert_eq!(all(&mut replayed), [("a", Some(&b"longer"[..])), ("b", None), ("c", None)]);
        let greatest = vec![7; 3 * PIECE_BYTES];
        replayed.put("c", Some(&greatest));
        replayed.put("b", Some(b""));
        replayed.put("aa", Some(b"behind"));
        let expected =
            [("a", Some(&b"longer"[..])), ("aa", Some(b"behind")), ("b", Some(b"")), ("c", Some(&*greatest))];
        assert_eq!(all(&mut replayed), expected);
    }

    #[test]
    fn ids_are_told_apart_and_ordered_by_all_their_bytes() {
        let long = "0123456789abcdef";
        let longer = ["", "\0", "\0\0", "a", "b"].map(|end| format!("{long}{end}"));
        let mut ids: Vec<&str> = longer.iter().map(String::as_str).collect();
        ids.extend(["", "a", "a\0", "a\0\0", "aa", "é", "0123456789abcde", "0123456789abcde\0"]);
        let mut replayed = Replayed::default();
        for state in [b"old", b"new"] {
            ids.iter().for_each(|id| replayed.put(id, Some(state)));
        }
        ids.sort_unstable();
        assert_eq!(all(&mut replayed), ids.iter().map(|id| (*id, Some(&b"new"[..]))).collect::<Vec<_>>());
    }

    #[test]
    fn superseded_states_do_not_pile_up() {
        let mut replayed = Replayed::default();
        for round in 0..200_u8 {
            for lead in 0..300 {
                replayed.put(&format!("{lead:03}"), Some(&vec![round; 1_000]));
            }
            assert!(replayed.bytes() < 2 * SORT_BYTES, "{} bytes", replayed.bytes());
            assert!(!replayed.is_full(2 << 20), "of 60 MB a third of one is left");
        }
        let newest = all(&mut replayed);
        assert!(newest.len() == 300 && newest.iter().all(|(_, state)| *state == Some(&[199; 1_000][..])));
        assert!(replayed.buffer.pieces.len() <= 4, "{} pieces", replayed.buffer.pieces.len());
        assert!(replayed.is_full(300_000));
    }

    #[test]
    fn superseded_states_are_looked_for_without_being_asked() {
        let mut replayed = Replayed::default();
        for round in 0..100_u8 {
            replayed.put("a", Some(&vec![round; 1 << 20]));
            assert!(replayed.bytes() < SORT_BYTES + (2 << 20), "{} bytes", replayed.bytes());
        }
        assert_eq!(all(&mut replayed), [("a", Some(&[99; 1 << 20][..]))]);
    }
}
