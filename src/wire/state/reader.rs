//! Reads state without a way out at every value: the first fault is kept, and all that follows reads as nothing.
//!
//! Most of a state is short numbers, and asking after each of them whether it was there costs more than reading it.

use crate::wire::avro::{Cursor, Malformed};
use crate::wire::limits::STATE_TIMES_MS;

/// The bytes not read yet, and what was wrong with those that were.
pub(super) struct Reader<'a> {
    cursor: Cursor<'a>,
    fault: Option<Malformed>,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { cursor: Cursor::new(bytes), fault: None }
    }

    /// What was read, if all of it was sound and nothing is left over.
    pub fn end<T>(self, read: T) -> Result<T, Malformed> {
        self.fault.map_or_else(|| self.cursor.end(), Err)?;
        Ok(read)
    }

    /// An `int` or a `long`.
    #[inline]
    pub fn long(&mut self) -> i64 {
        let read = self.cursor.long();
        self.or_fault(read)
    }

    /// A moment, ms since the epoch.
    #[inline]
    pub fn moment(&mut self) -> i64 {
        let at_ms = self.long();
        self.sound_moment(Some(at_ms))
    }

    /// A moment, ms since the epoch, or one so late that it never comes.
    #[inline]
    pub fn moment_or_never(&mut self) -> i64 {
        let at_ms = self.long();
        self.sound_moment(Some(at_ms.min(*STATE_TIMES_MS.end()))).max(at_ms)
    }

    /// The moment that was made of what was read; `None` where that is none.
    #[inline]
    pub fn sound_moment(&mut self, made: Option<i64>) -> i64 {
        let at_ms = made.filter(|at_ms| STATE_TIMES_MS.contains(at_ms));
        self.sound(at_ms, "a moment is out of range")
    }

    pub fn int(&mut self) -> i32 {
        let value = i32::try_from(self.long());
        self.sound(value.ok(), "a number is longer than 32 bits")
    }

    #[inline]
    pub fn boolean(&mut self) -> bool {
        let read = self.cursor.boolean();
        self.or_fault(read)
    }

    /// `fixed`.
    #[inline]
    pub fn fixed<const N: usize>(&mut self) -> [u8; N] {
        match self.cursor.take_array() {
            Ok(bytes) => bytes,
            Err(Malformed(fault)) => {
                self.note(fault);
                [0; N]
            }
        }
    }

    /// `fixed` of 8 bytes.
    #[inline]
    pub fn hash(&mut self) -> u64 {
        u64::from_le_bytes(self.fixed())
    }

    /// `fixed` of 4 bytes.
    #[inline]
    pub fn hash_32(&mut self) -> u32 {
        u32::from_le_bytes(self.fixed())
    }

    pub fn bytes(&mut self) -> &'a [u8] {
        let read = self.cursor.bytes();
        self.or_fault(read)
    }

    pub fn text(&mut self) -> &'a str {
        let read = self.cursor.text();
        self.or_fault(read)
    }

    /// `["null", T]`.
    #[inline]
    pub fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        match self.long() {
            0 => None,
            1 => Some(read(self)),
            _ => self.sound(None, "a union has no such branch"),
        }
    }

    /// An array of at most `count_max` entries; nothing is reserved for more.
    #[inline]
    pub fn list<T>(&mut self, count_max: usize, mut read: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut entries = Vec::new();
        loop {
            let count = self.block(count_max - entries.len());
            if count == 0 {
                return entries;
            }
            entries.reserve_exact(count);
            entries.extend((0..count).map(|_| read(self)));
        }
    }

    /// The count of an array's next block, at most `count_max`; 0 at its end.
    #[inline]
    pub fn block(&mut self, count_max: usize) -> usize {
        let read = self.cursor.block();
        let count = self.or_fault(read);
        self.sound((count <= count_max).then_some(count), "a list is longer than the model's limit")
    }

    /// A list whose keys rise from entry to entry.
    pub fn rising<T, K: Ord>(&mut self, entries: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
        let rises = entries.windows(2).all(|pair| key(&pair[0]) < key(&pair[1]));
        self.sound(rises.then_some(entries), "a list is out of order")
    }

    /// A symbol by its number; `other` where there is none.
    #[inline]
    pub fn symbol<T>(&mut self, other: T, of: impl FnOnce(u8) -> Option<T>) -> T {
        let symbol = u8::try_from(self.long()).ok().and_then(of);
        symbol.unwrap_or_else(|| {
            self.note("an enum has no such symbol");
            other
        })
    }

    /// What was made of what was read; a fault where that is nothing.
    #[inline]
    pub fn sound<T: Default>(&mut self, made: Option<T>, fault: &'static str) -> T {
        self.or_fault(made.ok_or(Malformed(fault)))
    }

    #[inline]
    fn or_fault<T: Default>(&mut self, read: Result<T, Malformed>) -> T {
        read.unwrap_or_else(|Malformed(fault)| {
            self.note(fault);
            T::default()
        })
    }

    /// Something is wrong: nothing more is read.
    #[cold]
    pub fn note(&mut self, fault: &'static str) {
        self.fault.get_or_insert(Malformed(fault));
        self.cursor = Cursor::new(&[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::avro::put_long;

    #[test]
    fn the_first_fault_ends_everything() {
        let mut reader = Reader::new(&[4, 9, 2, 2, 2]);
        assert_eq!((reader.long(), reader.symbol(7, |_| None)), (2, 7));
        assert_eq!((reader.long(), reader.optional(Reader::long), reader.bytes()), (0, None, [].as_slice()));
        assert!(reader.list(9, Reader::long).is_empty());
        assert_eq!(reader.end(()), Err(Malformed("an enum has no such symbol")));
    }

    /// What is further off than any event can be would overflow where moments are added.
    #[test]
    fn moments_are_within_their_range() {
        for (at_ms, is_sound) in
            [(1 << 52, true), (-(1 << 52), true), ((1 << 52) + 1, false), (i64::MIN, false), (i64::MAX, false)]
        {
            let mut bytes = Vec::new();
            put_long(&mut bytes, at_ms);
            let mut reader = Reader::new(&bytes);
            let read = reader.moment();
            assert_eq!(reader.end(read).ok(), is_sound.then_some(at_ms));
            let mut reader = Reader::new(&bytes);
            let read = reader.moment_or_never();
            assert_eq!(reader.end(read).ok(), (is_sound || at_ms > 0).then_some(at_ms));
        }
    }

    #[test]
    fn lists_have_a_limit() {
        let check = |count_max, expected| {
            let mut reader = Reader::new(&[4, 2, 4, 2, 6, 0]);
            let list = reader.list(count_max, Reader::long);
            assert_eq!(reader.end(list), expected);
        };
        check(3, Ok(vec![1, 2, 3]));
        check(2, Err(Malformed("a list is longer than the model's limit")));
    }
}
