//! What a batch wants to send, encoded, in one buffer: a value that `commit` executes.

use std::ops::Range;

use super::batch::Partition;
use super::ports::{OutRecord, OutTopic};

#[derive(Debug, Clone)]
struct OutputAt {
    topic: OutTopic,
    partition: Option<Partition>,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Range<usize>,
    timestamp_ms: Option<i64>,
}

/// Output records in the order of their decisions.
#[derive(Debug, Default)]
pub struct Outputs {
    arena: Vec<u8>,
    headers: Vec<(Range<usize>, Range<usize>)>,
    records: Vec<OutputAt>,
}

impl Outputs {
    /// Appends a record whose value `encode` writes.
    pub fn push_with(&mut self, topic: OutTopic, key: &[u8], encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.arena.len();
        encode(&mut self.arena);
        let value = Some(start..self.arena.len());
        let key = Some(self.copy(key));
        let headers = self.headers.len()..self.headers.len();
        self.records.push(OutputAt { topic, partition: None, key, value, headers, timestamp_ms: None });
    }

    /// Appends a copy of a record.
    pub fn push(&mut self, record: OutRecord<'_>) {
        let key = record.key.map(|bytes| self.copy(bytes));
        let value = record.value.map(|bytes| self.copy(bytes));
        let first = self.headers.len();
        for (name, value) in record.headers {
            let header = (self.copy(name.as_bytes()), self.copy(value));
            self.headers.push(header);
        }
        self.records.push(OutputAt {
            topic: record.topic,
            partition: record.partition,
            key,
            value,
            headers: first..self.headers.len(),
            timestamp_ms: record.timestamp_ms,
        });
    }

    /// Calls `send` with every record, until it fails.
    ///
    /// # Errors
    /// Those of `send`.
    pub fn try_each<E>(&self, mut send: impl FnMut(OutRecord<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut headers = Vec::new();
        for record in &self.records {
            headers.clear();
            headers.extend(self.headers[record.headers.clone()].iter().map(|(name, value)| {
                let name = std::str::from_utf8(&self.arena[name.clone()]).expect("copied from a string");
                (name, &self.arena[value.clone()])
            }));
            send(OutRecord {
                topic: record.topic,
                partition: record.partition,
                key: record.key.clone().map(|range| &self.arena[range]),
                value: record.value.clone().map(|range| &self.arena[range]),
                headers: &headers,
                timestamp_ms: record.timestamp_ms,
            })?;
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Size of everything to send, bytes.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    pub fn clear(&mut self) {
        self.arena.clear();
        self.headers.clear();
        self.records.clear();
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
        let mut outputs = Outputs::default();
        outputs.push_with(OutTopic::Ready, b"L1", |out| out.extend(b"value"));
        outputs.push(OutRecord {
            topic: OutTopic::DeadLetter,
            partition: None,
            key: None,
            value: Some(b"raw"),
            headers: &[("cause", b"undecodable")],
            timestamp_ms: Some(5),
        });
        let mut found = Vec::new();
        outputs
            .try_each(|record| {
                let header = record.headers.first().map(|(name, _)| (*name).to_owned());
                found.push((record.topic, record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec), header));
                Ok::<_, ()>(())
            })
            .expect("the sender cannot fail");
        assert_eq!(
            found,
            [
                (OutTopic::Ready, Some(b"L1".to_vec()), Some(b"value".to_vec()), None),
                (OutTopic::DeadLetter, None, Some(b"raw".to_vec()), Some("cause".to_owned())),
            ]
        );
    }
}
