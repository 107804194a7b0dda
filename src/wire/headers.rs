//! Headers of the records that we send about other records: where those stood, and why they are sent on.
//!
//! Our names begin with `tsuikyaku.`; an original record's own headers are kept before them, so that ours, being last,
//! are the ones that count. Numbers are decimal text: tools show them as they are.

use std::ops::Range;

use super::keys::Partition;

/// Prefix of every name that is ours.
pub const PREFIX: &str = "tsuikyaku.";
pub const TOPIC: &str = "tsuikyaku.topic";
pub const PARTITION: &str = "tsuikyaku.partition";
pub const OFFSET: &str = "tsuikyaku.offset";
/// The original record's key; absent where it had none.
pub const KEY: &str = "tsuikyaku.key";
/// What a record of the intake topic is: an input kind, or `message`.
pub const KIND: &str = "tsuikyaku.kind";
pub const FORMAT: &str = "tsuikyaku.format";
/// Redirects that a forwarded record has passed.
pub const HOPS: &str = "tsuikyaku.hops";
pub const CAUSE: &str = "tsuikyaku.cause";
pub const DETAIL: &str = "tsuikyaku.detail";
/// When a record became a dead letter, ms since the epoch.
pub const TIME: &str = "tsuikyaku.time";

/// Where a record stood that is sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    pub topic: &'a str,
    pub partition: Partition,
    pub offset: i64,
    pub key: Option<&'a [u8]>,
}

/// Headers of a record to send, in one buffer that can be reused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    buffer: Vec<u8>,
    list: Vec<(Range<usize>, Range<usize>)>,
}

impl Headers {
    /// The headers that a writer gave its record, without any that claim to be ours.
    pub fn of_writer<'h>(headers: impl Iterator<Item = (&'h str, &'h [u8])>) -> Headers {
        let mut kept = Headers::default();
        for (name, value) in headers.filter(|(name, _)| !name.starts_with(PREFIX)) {
            kept.push(name, value);
        }
        kept
    }

    pub fn push(&mut self, name: &str, value: &[u8]) {
        let name = self.copy(name.as_bytes());
        let value = self.copy(value);
        self.list.push((name, value));
    }

    pub fn push_number(&mut self, name: &str, value: i64) {
        self.push(name, value.to_string().as_bytes());
    }

    pub fn push_origin(&mut self, origin: Origin<'_>) {
        self.push(TOPIC, origin.topic.as_bytes());
        self.push_number(PARTITION, i64::from(origin.partition.0));
        self.push_number(OFFSET, origin.offset);
        if let Some(key) = origin.key {
            self.push(KEY, key);
        }
    }

    /// Names and values, as the ports take them.
    pub fn pairs(&self) -> Vec<(&str, &[u8])> {
        let text = |range: &Range<usize>| std::str::from_utf8(&self.buffer[range.clone()]).unwrap_or_default();
        self.list.iter().map(|(name, value)| (text(name), &self.buffer[value.clone()])).collect()
    }

    fn copy(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        start..self.buffer.len()
    }
}

/// A header of ours as text; `None` where it is absent or no text.
pub fn text<'a>(headers: &[(&'a str, &'a [u8])], name: &str) -> Option<&'a str> {
    let (_, value) = headers.iter().rfind(|(found, _)| *found == name)?;
    std::str::from_utf8(value).ok()
}

pub(super) fn number<T: std::str::FromStr>(headers: &[(&str, &[u8])], name: &str) -> Option<T> {
    text(headers, name)?.parse().ok()
}

/// The origin that a forwarded record's headers name.
pub fn origin<'a>(headers: &[(&'a str, &'a [u8])]) -> Option<Origin<'a>> {
    Some(Origin {
        topic: text(headers, TOPIC)?,
        partition: Partition(number(headers, PARTITION)?),
        offset: number(headers, OFFSET)?,
        key: headers.iter().rfind(|(found, _)| *found == KEY).map(|(_, value)| *value),
    })
}
