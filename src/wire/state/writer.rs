//! Writes state into room that is there already: most of it is short numbers, and to ask for memory with each of them
//! costs more than to write them.

use crate::wire::avro::{word_of, zig_zag};

/// Room that is made at once: what most leads take.
const ROOM_BYTES: usize = 512;
/// Numbers of so many bits are written as a word.
const WORD_BITS: u32 = 56;

/// What was written so far, and zeros behind it that the next values are written over.
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// Of 32 bits, so that nothing overflows where it is added to.
    end: u32,
}

impl Writer {
    /// Appends to what stands there already.
    pub fn behind(bytes: Vec<u8>) -> Writer {
        let end = u32::try_from(bytes.len()).expect("states are far smaller");
        let mut writer = Writer { bytes, end };
        writer.make_room(ROOM_BYTES);
        writer
    }

    /// What was written.
    pub fn end(self) -> Vec<u8> {
        let Writer { mut bytes, end } = self;
        bytes.truncate(end as usize);
        bytes
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, bytes: usize) {
        self.bytes.resize(self.end as usize + bytes.max(ROOM_BYTES), 0);
    }

    fn make_room_for(&mut self, bytes: usize) {
        if self.bytes.len() < self.end as usize + bytes {
            self.make_room(bytes);
        }
    }

    /// Writes all of these bytes; only the first `counted` count, the others are written over.
    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N], counted: usize) {
        let end = self.end as usize;
        match self.bytes.get_mut(end..end + N) {
            Some(room) => {
                room.copy_from_slice(&bytes);
                self.end += counted as u32;
            }
            None => self.put_after_growth(bytes, counted),
        }
    }

    #[cold]
    #[inline(never)]
    fn put_after_growth<const N: usize>(&mut self, bytes: [u8; N], counted: usize) {
        self.make_room(N);
        self.put(bytes, counted);
    }

    /// An `int` or a `long`.
    #[inline]
    pub fn long(&mut self, value: i64) {
        let number = zig_zag(value);
        if number < 0x80 {
            self.byte(number as u8);
        } else {
            self.long_of_many_bytes(number);
        }
    }

    fn long_of_many_bytes(&mut self, number: u64) {
        if number >> WORD_BITS != 0 {
            return self.long_byte_by_byte(number);
        }
        let (word, length) = word_of(number);
        self.put(word.to_le_bytes(), length);
    }

    #[cold]
    fn long_byte_by_byte(&mut self, mut number: u64) {
        while number > 0x7f {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    /// The number of a symbol, or of a branch, below 64.
    #[inline]
    pub fn symbol(&mut self, number: u8) {
        self.byte(number << 1);
    }

    #[inline]
    fn byte(&mut self, byte: u8) {
        self.put([byte], 1);
    }

    pub fn int(&mut self, value: i32) {
        self.long(i64::from(value));
    }

    pub fn boolean(&mut self, value: bool) {
        self.byte(u8::from(value));
    }

    /// `fixed`.
    #[inline]
    pub fn fixed<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.put(*bytes, N);
    }

    /// `fixed` of 8 bytes.
    #[inline]
    pub fn hash(&mut self, hash: u64) {
        self.fixed(&hash.to_le_bytes());
    }

    /// `fixed` of 4 bytes.
    #[inline]
    pub fn hash_32(&mut self, hash: u32) {
        self.fixed(&hash.to_le_bytes());
    }

    /// So many bytes of a word, least first, at most eight.
    #[inline]
    pub fn word(&mut self, word: u64, bytes: usize) {
        self.put(word.to_le_bytes(), bytes);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.long(bytes.len() as i64);
        self.make_room_for(bytes.len());
        self.bytes[self.end as usize..][..bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len() as u32;
    }

    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// `["null", T]`.
    #[inline]
    pub fn optional<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Writer, T)) {
        match value {
            None => self.symbol(0),
            Some(value) => {
                self.symbol(1);
                put(self, value);
            }
        }
    }

    pub fn optional_text(&mut self, text: Option<&str>) {
        self.optional(text, Writer::text);
    }

    /// `["null", "long"]`, or `["null", "int"]`.
    pub fn optional_long(&mut self, value: Option<i64>) {
        self.optional(value, Writer::long);
    }

    /// An array in one block.
    #[inline]
    pub fn list<T>(&mut self, entries: impl ExactSizeIterator<Item = T>, mut put: impl FnMut(&mut Writer, T)) {
        if entries.len() > 0 {
            self.long(entries.len() as i64);
            entries.for_each(|entry| put(self, entry));
        }
        self.symbol(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::avro::{put_bytes, put_long};

    #[test]
    fn writes_what_is_written_byte_by_byte() {
        let numbers = (0..63).flat_map(|bit| [1 << bit, -(1 << bit), (1 << bit) - 1]).chain([i64::MAX, i64::MIN, 0]);
        let mut writer = Writer::behind(vec![7]);
        let mut expected = vec![7];
        for number in numbers {
            writer.long(number);
            put_long(&mut expected, number);
        }
        let long = [9; 2 * ROOM_BYTES];
        writer.bytes(&long);
        put_bytes(&mut expected, &long);
        writer.word(0x0302_0100, 3);
        expected.extend([0, 1, 2]);
        assert_eq!(writer.end(), expected);
    }
}
