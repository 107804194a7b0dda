//! The records of one turn of the loop, copied once into one buffer that is reused from turn to turn.
//!
//! A copy of a few hundred bytes is cheaper than keeping the client library's buffers alive across prefetch and
//! commit, and it gives every record of a batch one lifetime: decoding borrows from here.

use std::ops::Range;

pub use crate::wire::keys::Partition;

/// An input topic by its place in the application's list of inputs; number 0 is the intake topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InputId(pub u16);

impl InputId {
    /// The application's own intake topic, the anchor of assignment.
    pub const INTAKE: InputId = InputId(0);
}

/// One record as the log holds it; bytes borrowed from the batch.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub input: InputId,
    /// Partition of the input topic. For a topic with another partition count than the intake's it names no task.
    pub partition: Partition,
    pub offset: i64,
    /// The record's timestamp, ms since the epoch.
    pub appended_at_ms: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    headers: &'a [HeaderAt],
    arena: &'a [u8],
}

impl<'a> Record<'a> {
    /// Names and values in the order written; a null value reads as empty.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let arena = self.arena;
        self.headers.iter().map(move |header| {
            let name = std::str::from_utf8(&arena[header.name.clone()]).unwrap_or_default();
            (name, &arena[header.value.clone()])
        })
    }

    /// The last header of that name, as Kafka's convention is.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers().filter(|(found, _)| *found == name).last().map(|(_, value)| value)
    }
}

#[derive(Debug, Clone)]
struct HeaderAt {
    name: Range<usize>,
    value: Range<usize>,
}

#[derive(Debug, Clone)]
struct RecordAt {
    input: InputId,
    partition: Partition,
    offset: i64,
    appended_at_ms: i64,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Range<usize>,
}

impl RecordAt {
    fn bytes(&self) -> usize {
        self.key.as_ref().map_or(0, Range::len) + self.value.as_ref().map_or(0, Range::len)
    }
}

/// A buffer smaller than this is not worth giving back.
const COMPACT_MIN_BYTES: usize = 1 << 20;

/// Records in the order the source gave them: within one topic and partition, the order of offsets.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    arena: Vec<u8>,
    headers: Vec<HeaderAt>,
    records: Vec<RecordAt>,
}

impl Batch {
    /// Forgets the records and keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.headers.clear();
        self.records.clear();
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Size of keys, values and headers, bytes.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// Appends a copy of one record.
    #[allow(clippy::too_many_arguments)] // the fields of a log record, each once
    pub fn push<'h>(
        &mut self,
        input: InputId,
        partition: Partition,
        offset: i64,
        appended_at_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    ) {
        let key = key.map(|bytes| self.copy(bytes));
        let value = value.map(|bytes| self.copy(bytes));
        let first_header = self.headers.len();
        for (name, value) in headers {
            let header = HeaderAt { name: self.copy(name.as_bytes()), value: self.copy(value) };
            self.headers.push(header);
        }
        let headers = first_header..self.headers.len();
        self.records.push(RecordAt { input, partition, offset, appended_at_ms, key, value, headers });
    }

    /// The record at `index`, counted in the order of `push`.
    ///
    /// # Panics
    /// Where `index` is not below `len()`.
    pub fn get(&self, index: usize) -> Record<'_> {
        let at = &self.records[index];
        Record {
            input: at.input,
            partition: at.partition,
            offset: at.offset,
            appended_at_ms: at.appended_at_ms,
            key: at.key.clone().map(|range| &self.arena[range]),
            value: at.value.clone().map(|range| &self.arena[range]),
            headers: &self.headers[at.headers.clone()],
            arena: &self.arena,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.records.len()).map(|index| self.get(index))
    }

    /// Drops the records for which `keep` says false; they were never processed, so another owner will read them.
    pub fn retain(&mut self, keep: impl Fn(InputId, Partition) -> bool) {
        self.records.retain(|record| keep(record.input, record.partition));
    }

    /// Keeps the records at which `keep` is true, by index. What they no longer need of the buffer is given back once
    /// that is most of it.
    pub fn keep(&mut self, keep: &[bool]) {
        if !keep.contains(&true) {
            return self.clear();
        }
        let mut at = 0;
        self.records.retain(|_| {
            at += 1;
            keep.get(at - 1).copied().unwrap_or(false)
        });
        let needed: usize = self.records.iter().map(RecordAt::bytes).sum();
        if self.arena.len() > 2 * needed + COMPACT_MIN_BYTES {
            self.compact();
        }
    }

    /// Moves what is needed to the front, in the order of `push`: every piece goes to where it stands or before.
    fn compact(&mut self) {
        let Batch { arena, headers, records } = self;
        let mut end = 0;
        let mut move_up = |piece: &mut Range<usize>| {
            let length = piece.len();
            arena.copy_within(piece.clone(), end);
            *piece = end..end + length;
            end += length;
        };
        let mut header_count = 0;
        for record in records {
            record.key.iter_mut().chain(&mut record.value).for_each(&mut move_up);
            let first_header = header_count;
            for at in record.headers.clone() {
                headers.swap(header_count, at);
                let header = &mut headers[header_count];
                move_up(&mut header.name);
                move_up(&mut header.value);
                header_count += 1;
            }
            record.headers = first_header..header_count;
        }
        arena.truncate(end);
        headers.truncate(header_count);
    }

    fn copy(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        start..self.arena.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_pushed() {
        let mut batch = Batch::default();
        let headers = [("origin", b"a".as_slice()), ("origin", b"b".as_slice())];
        batch.push(InputId(1), Partition(2), 7, 99, Some(b"k"), None, headers.into_iter());
        batch.push(InputId(1), Partition(3), 8, 100, None, Some(b"v"), std::iter::empty());
        let record = batch.get(0);
        assert_eq!((record.key, record.value, record.offset), (Some(b"k".as_slice()), None, 7));
        assert_eq!(record.header("origin"), Some(b"b".as_slice()));
        assert_eq!(batch.get(1).value, Some(b"v".as_slice()));

        batch.retain(|_, partition| partition == Partition(3));
        assert_eq!(batch.iter().map(|record| record.offset).collect::<Vec<_>>(), [8]);
        batch.keep(&[false]);
        assert_eq!((batch.len(), batch.bytes()), (0, 0));
    }

    #[test]
    fn what_is_kept_stays_what_it_was_when_the_rest_is_given_back() {
        let bytes = |number: usize| vec![number as u8; number % 7 * 50_000];
        let mut batch = Batch::default();
        for number in 0..40 {
            let (key, value) = (bytes(number), bytes(number + 1));
            let headers: Vec<_> =
                (0..number % 3).map(|of| (["a", "b", "c"][of], &value[..number.min(value.len())])).collect();
            let value = (number % 5 != 0).then_some(&*value);
            batch.push(InputId(0), Partition(0), number as i64, 0, Some(&key), value, headers.into_iter());
        }
        let whole = batch.clone();
        let before = batch.bytes();
        let keep: Vec<bool> = (0..40).map(|number| number % 4 == 1).collect();
        batch.keep(&keep);
        assert!(batch.bytes() < before / 2, "{} of {before} bytes", batch.bytes());
        let expected = (0..40).filter(|number| keep[*number]).map(|number| whole.get(number));
        for (found, expected) in batch.iter().zip(expected) {
            assert_eq!((found.offset, found.key, found.value), (expected.offset, expected.key, expected.value));
            assert!(found.headers().eq(expected.headers()), "offset {}", found.offset);
        }
        assert_eq!(batch.len(), 10);
    }
}
