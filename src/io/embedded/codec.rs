//! Bytes of the log file's frames: numbers in little-endian order, lengths before what they measure.

use super::journal::Frame;
use super::log::TopicId;
use super::partition::Entry;
use crate::runtime::batch::{InputId, Partition};
use crate::runtime::ports::Position;

/// Length that stands for "none".
const NONE: u32 = u32::MAX;

pub fn encode(frame: &Frame, out: &mut Vec<u8>) {
    put_count(out, frame.records.len());
    for (topic, partition, entry) in &frame.records {
        put_place(out, topic.0, *partition);
        for number in [entry.offset, entry.sequence as i64, entry.appended_at_ms] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        put_bytes(out, entry.key.as_deref());
        put_bytes(out, entry.value.as_deref());
        put_count(out, entry.headers.len());
        for (name, value) in &entry.headers {
            put_bytes(out, Some(name.as_bytes()));
            put_bytes(out, Some(value));
        }
    }
    put_count(out, frame.ends.len());
    for (topic, partition, next_offset) in &frame.ends {
        put_place(out, topic.0, *partition);
        out.extend_from_slice(&next_offset.to_le_bytes());
    }
    put_count(out, frame.positions.len());
    for position in &frame.positions {
        put_place(out, position.input.0, position.partition);
        out.extend_from_slice(&position.next_offset.to_le_bytes());
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u32).to_le_bytes());
}

fn put_place(out: &mut Vec<u8>, topic: u16, partition: Partition) {
    out.extend_from_slice(&topic.to_le_bytes());
    out.extend_from_slice(&partition.0.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    out.extend_from_slice(&bytes.map_or(NONE, |bytes| bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes.unwrap_or_default());
}

/// `None` where the bytes are no frame.
pub fn decode(bytes: &[u8]) -> Option<Frame> {
    let mut rest = Reader(bytes);
    let mut frame = Frame::default();
    for _ in 0..rest.count()? {
        frame.records.push((TopicId(rest.topic()?), rest.partition()?, rest.entry()?));
    }
    for _ in 0..rest.count()? {
        frame.ends.push((TopicId(rest.topic()?), rest.partition()?, rest.number()?));
    }
    for _ in 0..rest.count()? {
        let (input, partition, next_offset) = (InputId(rest.topic()?), rest.partition()?, rest.number()?);
        frame.positions.push(Position { input, partition, next_offset });
    }
    rest.0.is_empty().then_some(frame)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn count(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn topic(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn partition(&mut self) -> Option<Partition> {
        self.count().map(Partition)
    }

    fn number(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<Option<&'a [u8]>> {
        let length = self.count()?;
        if length == NONE {
            return Some(None);
        }
        let (bytes, rest) = self.0.split_at_checked(length as usize)?;
        self.0 = rest;
        Some(Some(bytes))
    }

    fn entry(&mut self) -> Option<Entry> {
        let (offset, sequence, appended_at_ms) = (self.number()?, self.number()? as u64, self.number()?);
        let (key, value) = (self.bytes()?.map(Box::from), self.bytes()?.map(Box::from));
        let mut headers = Vec::new();
        for _ in 0..self.count()? {
            let name = std::str::from_utf8(self.bytes()??).ok()?;
            headers.push((name.into(), self.bytes()??.into()));
        }
        Some(Entry { offset, sequence, appended_at_ms, key, value, headers, transaction: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_was_and_nothing_shorter_does() {
        let entry = |key: Option<&[u8]>| Entry {
            offset: 7,
            sequence: 9,
            appended_at_ms: -1,
            key: key.map(Box::from),
            value: Some(b"v".as_slice().into()),
            headers: vec![("h".into(), b"".as_slice().into())],
            transaction: None,
        };
        let frame = Frame {
            records: vec![(TopicId(1), Partition(2), entry(None)), (TopicId(0), Partition(0), entry(Some(b"")))],
            ends: vec![(TopicId(1), Partition(2), 11)],
            positions: vec![Position { input: InputId(3), partition: Partition(1), next_offset: 4 }],
        };
        let mut bytes = Vec::new();
        encode(&frame, &mut bytes);
        assert_eq!(decode(&bytes).as_ref(), Some(&frame));
        assert!((0..bytes.len()).all(|end| decode(&bytes[..end]).is_none()));
    }
}
