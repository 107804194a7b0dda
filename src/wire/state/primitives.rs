//! What state is made of besides Avro's own primitives: ages, hashes, short lists, and nullable parts.

use crate::wire::avro::{Cursor, Malformed, put_long};

/// Ages count from here: the lead's newest event, or 0. Wrapping, so that every moment has an age and comes back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base(pub i64);

impl Base {
    pub fn put_age(self, out: &mut Vec<u8>, at_ms: i64) {
        put_long(out, self.0.wrapping_sub(at_ms));
    }

    pub fn put_optional_age(self, out: &mut Vec<u8>, at_ms: Option<i64>) {
        put_optional(out, at_ms, |out, at_ms| self.put_age(out, at_ms));
    }

    pub fn read_age(self, cursor: &mut Cursor<'_>) -> Result<i64, Malformed> {
        Ok(self.0.wrapping_sub(cursor.long()?))
    }

    pub fn read_optional_age(self, cursor: &mut Cursor<'_>) -> Result<Option<i64>, Malformed> {
        read_optional(cursor, |cursor| self.read_age(cursor))
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

pub(super) fn read_optional<'a, T>(
    cursor: &mut Cursor<'a>,
    read: impl FnOnce(&mut Cursor<'a>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    match cursor.long()? {
        0 => Ok(None),
        1 => read(cursor).map(Some),
        _ => Err(Malformed("a union has no such branch")),
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

/// An array of at most `count_max` entries; nothing is reserved for more.
pub(super) fn read_list<'a, T>(
    cursor: &mut Cursor<'a>,
    count_max: usize,
    mut read: impl FnMut(&mut Cursor<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let mut entries = Vec::new();
    loop {
        let count = cursor.block()?;
        if count == 0 {
            return Ok(entries);
        }
        if count > count_max - entries.len() {
            return Err(Malformed("a list is longer than the model's limit"));
        }
        entries.reserve_exact(count);
        for _ in 0..count {
            entries.push(read(cursor)?);
        }
    }
}

/// `fixed` of 8 bytes.
pub(super) fn put_hash(out: &mut Vec<u8>, hash: u64) {
    out.extend_from_slice(&hash.to_le_bytes());
}

pub(super) fn read_hash(cursor: &mut Cursor<'_>) -> Result<u64, Malformed> {
    Ok(u64::from_le_bytes(cursor.take_array()?))
}

/// `fixed` of 4 bytes.
pub(super) fn put_hash_32(out: &mut Vec<u8>, hash: u32) {
    out.extend_from_slice(&hash.to_le_bytes());
}

pub(super) fn read_hash_32(cursor: &mut Cursor<'_>) -> Result<u32, Malformed> {
    Ok(u32::from_le_bytes(cursor.take_array()?))
}

pub(super) fn put_int(out: &mut Vec<u8>, value: i32) {
    put_long(out, i64::from(value));
}

pub(super) fn read_int(cursor: &mut Cursor<'_>) -> Result<i32, Malformed> {
    i32::try_from(cursor.long()?).map_err(|_| Malformed("a number is longer than 32 bits"))
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

/// A symbol by its number.
pub(super) fn read_symbol<T>(cursor: &mut Cursor<'_>, of: impl FnOnce(u8) -> Option<T>) -> Result<T, Malformed> {
    u8::try_from(cursor.long()?).ok().and_then(of).ok_or(Malformed("an enum has no such symbol"))
}

/// Whether keys rise from entry to entry.
pub(super) fn rising<T, K: Ord>(entries: Vec<T>, key: impl Fn(&T) -> K) -> Result<Vec<T>, Malformed> {
    let rises = entries.windows(2).all(|pair| key(&pair[0]) < key(&pair[1]));
    if rises { Ok(entries) } else { Err(Malformed("a list is out of order")) }
}
