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

/// Its bytes stand together: key, value, headers.
#[derive(Debug, Clone)]
struct RecordAt {
    input: InputId,
    is_gone: bool,
    partition: Partition,
    offset: i64,
    appended_at_ms: i64,
    start: usize,
    key_bytes: Option<u32>,
    value_bytes: Option<u32>,
    first_header: u32,
    header_count: u32,
}

impl RecordAt {
    fn key(&self) -> Option<Range<usize>> {
        self.key_bytes.map(|bytes| self.start..self.start + bytes as usize)
    }

    fn value(&self) -> Option<Range<usize>> {
        let start = self.start + self.key_bytes.unwrap_or(0) as usize;
        self.value_bytes.map(|bytes| start..start + bytes as usize)
    }

    fn headers(&self) -> Range<usize> {
        self.first_header as usize..(self.first_header + self.header_count) as usize
    }
}

/// So many records that are gone are not worth a look at all others.
const GONE_MIN: usize = 1_024;

/// Records in the order the source gave them: within one topic and partition, the order of offsets. Those that are let go
/// leave gaps, so that the others need not be looked at; the gaps are closed once most of the batch is gone.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    arena: Vec<u8>,
    headers: Vec<HeaderAt>,
    records: Vec<RecordAt>,
    gone_count: usize,
}

impl Batch {
    /// Forgets the records and keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.headers.clear();
        self.records.clear();
        self.gone_count = 0;
    }

    /// Records that are not gone.
    pub fn len(&self) -> usize {
        self.records.len() - self.gone_count
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The index that the next record will have.
    pub fn end(&self) -> usize {
        self.records.len()
    }

    /// Size of keys, values and headers, gaps included, bytes.
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
        let start = self.arena.len();
        let key_bytes = key.map(|bytes| small(self.copy(bytes).len()));
        let value_bytes = value.map(|bytes| small(self.copy(bytes).len()));
        let first_header = self.headers.len();
        for (name, value) in headers {
            let header = HeaderAt { name: self.copy(name.as_bytes()), value: self.copy(value) };
            self.headers.push(header);
        }
        let header_count = small(self.headers.len() - first_header);
        self.records.push(RecordAt {
            input,
            is_gone: false,
            partition,
            offset,
            appended_at_ms,
            start,
            key_bytes,
            value_bytes,
            first_header: small(first_header),
            header_count,
        });
    }

    /// The record at `index`, counted in the order of `push`.
    ///
    /// # Panics
    /// Where `index` is not below `end()`.
    #[inline]
    pub fn get(&self, index: usize) -> Record<'_> {
        let at = &self.records[index];
        Record {
            input: at.input,
            partition: at.partition,
            offset: at.offset,
            appended_at_ms: at.appended_at_ms,
            key: at.key().map(|range| &self.arena[range]),
            value: at.value().map(|range| &self.arena[range]),
            headers: &self.headers[at.headers()],
            arena: &self.arena,
        }
    }

    /// Input and partition of the record at `index`; `None` where it is gone.
    ///
    /// # Panics
    /// As `get`.
    pub fn place(&self, index: usize) -> Option<(InputId, Partition)> {
        let at = &self.records[index];
        (!at.is_gone).then_some((at.input, at.partition))
    }

    /// The offset of the record at `index`.
    ///
    /// # Panics
    /// As `get`.
    pub fn offset(&self, index: usize) -> i64 {
        self.records[index].offset
    }

    /// The append time of the record at `index`, ms since the epoch.
    ///
    /// # Panics
    /// As `get`.
    #[inline]
    pub fn appended_at_ms(&self, index: usize) -> i64 {
        self.records[index].appended_at_ms
    }

    /// Those that are not gone.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.end()).filter(|index| !self.records[*index].is_gone).map(|index| self.get(index))
    }

    /// Drops the records for which `keep` says false; they were never processed, so another owner will read them. Closes
    /// all gaps: the others have new indices.
    pub fn retain(&mut self, keep: impl Fn(InputId, Partition) -> bool) {
        self.records.retain(|record| !record.is_gone && keep(record.input, record.partition));
        self.close_up();
    }

    /// Lets these go, each of which must still be there. Where that closed the gaps, says at which index each record
    /// stands now, by the index at which it stood.
    pub fn let_go(&mut self, indices: impl Iterator<Item = usize>) -> Option<Vec<u32>> {
        for index in indices {
            self.records[index].is_gone = true;
            self.gone_count += 1;
        }
        if self.is_empty() {
            self.clear();
        }
        if self.gone_count < GONE_MIN || self.gone_count < self.len() {
            return None;
        }
        let mut next = 0;
        let place = |record: &RecordAt| {
            let at = next;
            next += u32::from(!record.is_gone);
            at
        };
        let moved = self.records.iter().map(place).collect();
        self.retain(|_, _| true);
        Some(moved)
    }

    /// Moves what is needed to the front, in the order of `push`: every piece goes to where it stands or before.
    fn close_up(&mut self) {
        let Batch { arena, headers, records, gone_count } = self;
        let (mut end, mut header_count) = (0, 0);
        for record in records {
            let own_headers = record.headers();
            let own_bytes = record.key_bytes.unwrap_or(0) as usize + record.value_bytes.unwrap_or(0) as usize;
            arena.copy_within(record.start..record.start + own_bytes, end);
            record.start = end;
            end += own_bytes;
            record.first_header = small(header_count);
            for at in own_headers {
                headers.swap(header_count, at);
                let HeaderAt { name, value } = &mut headers[header_count];
                for piece in [name, value] {
                    let length = piece.len();
                    arena.copy_within(piece.clone(), end);
                    *piece = end..end + length;
                    end += length;
                }
                header_count += 1;
            }
        }
        arena.truncate(end);
        headers.truncate(header_count);
        *gone_count = 0;
    }

    fn copy(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        start..self.arena.len()
    }
}

fn small(size: usize) -> u32 {
    u32::try_from(size).expect("keys, values and counts of a batch have limits far below 2^32")
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
        assert_eq!(batch.let_go([0].into_iter()), None);
        assert_eq!((batch.len(), batch.end(), batch.bytes()), (0, 0, 0));
    }

    #[test]
    fn what_is_kept_stays_what_it_was_when_gaps_are_closed() {
        let bytes = |number: usize| vec![number as u8; number % 7 * 500];
        let mut batch = Batch::default();
        for number in 0..3_000 {
            let (key, value) = (bytes(number), bytes(number + 1));
            let headers: Vec<_> =
                (0..number % 3).map(|of| (["a", "b", "c"][of], &value[..number.min(value.len())])).collect();
            let value = (number % 5 != 0).then_some(&*value);
            batch.push(InputId(0), Partition(0), number as i64, 0, Some(&key), value, headers.into_iter());
        }
        let whole = batch.clone();
        assert_eq!(batch.let_go((0..3_000).filter(|number| number % 4 == 2)), None);
        assert_eq!((batch.len(), batch.end()), (2_250, 3_000));
        let moved = batch.let_go((0..3_000).filter(|number| number % 4 == 0)).expect("half of them are gone");
        assert_eq!((batch.len(), batch.end()), (1_500, 1_500));
        assert!(batch.bytes() < whole.bytes() * 2 / 3, "{} of {} bytes", batch.bytes(), whole.bytes());
        for number in (0..3_000).filter(|number| number % 2 == 1) {
            let (found, expected) = (batch.get(moved[number] as usize), whole.get(number));
            assert_eq!((found.offset, found.key, found.value), (expected.offset, expected.key, expected.value));
            assert!(found.headers().eq(expected.headers()), "offset {}", found.offset);
        }
    }
}
