//! What state is made of besides Avro's own primitives: ages, hashes, short lists, and nullable parts.

use super::reader::Reader;
use crate::wire::avro::put_long;

/// Ages count from here: the lead's newest event, or 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base(pub i64);

impl Base {
    #[inline]
    pub fn put_age(self, out: &mut Vec<u8>, at_ms: i64) {
        put_long(out, self.0 - at_ms);
    }

    #[inline]
    pub fn put_optional_age(self, out: &mut Vec<u8>, at_ms: Option<i64>) {
        put_optional(out, at_ms, |out, at_ms| self.put_age(out, at_ms));
    }

    pub fn read_age(self, reader: &mut Reader<'_>) -> i64 {
        let age_ms = reader.long();
        reader.sound_moment(self.0.checked_sub(age_ms))
    }

    #[inline]
    pub fn read_optional_age(self, reader: &mut Reader<'_>) -> Option<i64> {
        reader.optional(|reader| self.read_age(reader))
    }
}

/// `["null", T]`.
pub(super) fn put_optional<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(2);
            put(out, value);
        }
    }
}

/// An array in one block.
pub(super) fn put_list<T>(
    out: &mut Vec<u8>,
    entries: impl ExactSizeIterator<Item = T>,
    mut put: impl FnMut(&mut Vec<u8>, T),
) {
    if entries.len() > 0 {
        put_long(out, entries.len() as i64);
        entries.for_each(|entry| put(out, entry));
    }
    out.push(0);
}

/// `fixed` of 8 bytes.
pub(super) fn put_hash(out: &mut Vec<u8>, hash: u64) {
    out.extend_from_slice(&hash.to_le_bytes());
}

/// `fixed` of 4 bytes.
pub(super) fn put_hash_32(out: &mut Vec<u8>, hash: u32) {
    out.extend_from_slice(&hash.to_le_bytes());
}

pub(super) fn put_int(out: &mut Vec<u8>, value: i32) {
    put_long(out, i64::from(value));
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}
