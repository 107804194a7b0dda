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

    /// Asserts that all that was read was sound and nothing is left over.
    pub fn end(self) -> Result<(), Malformed> {
        self.fault.map_or_else(|| self.cursor.end(), Err)
    }

    /// An `int` or a `long`.
    #[inline]
    pub fn long(&mut self) -> i64 {
        match self.cursor.long_of_one_byte() {
            Some(value) => value,
            None => self.long_of_many_bytes(),
        }
    }

    /// One place for all of them: most numbers are longer than a byte.
    #[inline(never)]
    fn long_of_many_bytes(&mut self) -> i64 {
        match self.cursor.long_of_many_bytes() {
            Ok(value) => value,
            Err(Malformed(fault)) => {
                self.note(fault);
                0
            }
        }
    }

    /// Longs of many bytes, most of them.
    #[inline]
    pub fn longs(&mut self, longs: &mut [i64]) {
        let mut cursor = self.cursor;
        for long in longs {
            *long = match cursor.long_of_many_bytes() {
                Ok(value) => value,
                Err(Malformed(fault)) => return self.note(fault),
            };
        }
        self.cursor = cursor;
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
        match made {
            Some(at_ms) if STATE_TIMES_MS.contains(&at_ms) => at_ms,
            _ => self.sound(None, "a moment is out of range"),
        }
    }

    #[inline]
    pub fn int(&mut self) -> i32 {
        match i32::try_from(self.long()) {
            Ok(value) => value,
            Err(_) => self.sound(None, "a number is longer than 32 bits"),
        }
    }

    #[inline]
    pub fn boolean(&mut self) -> bool {
        match self.fixed() {
            [0] => false,
            [1] => true,
            _ => self.sound(None, "a boolean is neither 0 nor 1"),
        }
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

    #[inline]
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = self.long();
        match usize::try_from(length).ok().and_then(|length| self.cursor.take(length).ok()) {
            Some(bytes) => bytes,
            None => self.sound(None, if length < 0 { "a length is negative" } else { "ends too early" }),
        }
    }

    pub fn text(&mut self) -> &'a str {
        match std::str::from_utf8(self.bytes()) {
            Ok(text) => text,
            Err(_) => self.sound(None, "a text is not UTF-8"),
        }
    }

    /// The number of a symbol or of a union's branch; the greatest stands for all that have none of that number.
    #[inline]
    pub fn number(&mut self) -> u8 {
        match self.cursor.small() {
            Some(number) => number,
            None => u8::try_from(self.long_of_many_bytes()).unwrap_or(u8::MAX),
        }
    }

    /// `["null", T]`.
    #[inline]
    pub fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        match self.number() {
            0 => None,
            1 => Some(read(self)),
            _ => self.sound(None, "a union has no such branch"),
        }
    }

    /// An array of at most `count_max` entries, one by one.
    #[inline]
    pub fn each(&mut self, count_max: usize, mut read: impl FnMut(&mut Self)) {
        let mut left = count_max;
        loop {
            let count = self.block(left);
            if count == 0 {
                return;
            }
            left -= count;
            (0..count).for_each(|_| read(self));
        }
    }

    /// An array of at most `count_max` entries; nothing is reserved for more.
    #[inline]
    pub fn list<T>(&mut self, count_max: usize, mut read: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.block(count_max);
        let mut entries = Vec::with_capacity(count);
        if count > 0 {
            entries.extend((0..count).map(|_| read(self)));
            self.blocks_behind(count_max, &mut entries, read);
        }
        entries
    }

    /// Everything that we wrote is one block.
    #[inline]
    fn blocks_behind<T>(&mut self, count_max: usize, entries: &mut Vec<T>, mut read: impl FnMut(&mut Self) -> T) {
        loop {
            let count = self.block(count_max - entries.len());
            if count == 0 {
                return;
            }
            entries.reserve_exact(count);
            (0..count).for_each(|_| entries.push(read(self)));
        }
    }

    /// The count of an array's next block, at most `count_max`; 0 at its end.
    #[inline]
    pub fn block(&mut self, count_max: usize) -> usize {
        match self.cursor.long_of_one_byte() {
            Some(0) => 0,
            count => self.block_of(count, count_max),
        }
    }

    #[inline(never)]
    fn block_of(&mut self, count: Option<i64>, count_max: usize) -> usize {
        let count = count.map_or_else(|| self.cursor.long_of_many_bytes(), Ok);
        match count.and_then(|count| self.cursor.block_of(count)) {
            Ok(count) if count <= count_max => count,
            Ok(_) => self.sound(None, "a list is longer than the model's limit"),
            Err(Malformed(fault)) => self.sound(None, fault),
        }
    }

    /// A list whose keys rise from entry to entry.
    #[inline]
    pub fn rising<T, K: Ord>(&mut self, entries: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
        let rises = entries.windows(2).all(|pair| key(&pair[0]) < key(&pair[1]));
        self.sound(rises.then_some(entries), "a list is out of order")
    }

    /// A symbol by its number; `other` where there is none.
    #[inline]
    pub fn symbol<T>(&mut self, other: T, of: impl FnOnce(u8) -> Option<T>) -> T {
        of(self.number()).unwrap_or_else(|| {
            self.note("an enum has no such symbol");
            other
        })
    }

    /// What was made of what was read; a fault where that is nothing.
    #[inline]
    pub fn sound<T: Default>(&mut self, made: Option<T>, fault: &'static str) -> T {
        made.unwrap_or_else(|| {
            self.note(fault);
            T::default()
        })
    }

    /// Something is wrong: nothing more is read.
    #[cold]
    #[inline(never)]
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
        assert_eq!(reader.end(), Err(Malformed("an enum has no such symbol")));
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
            assert_eq!(reader.end().ok().map(|()| read), is_sound.then_some(at_ms));
            let mut reader = Reader::new(&bytes);
            let read = reader.moment_or_never();
            assert_eq!(reader.end().ok().map(|()| read), (is_sound || at_ms > 0).then_some(at_ms));
        }
    }

    #[test]
    fn lists_have_a_limit() {
        let check = |count_max, expected| {
            let mut reader = Reader::new(&[4, 2, 4, 2, 6, 0]);
            let list = reader.list(count_max, Reader::long);
            assert_eq!(reader.end().map(|()| list), expected);
        };
        check(3, Ok(vec![1, 2, 3]));
        check(2, Err(Malformed("a list is longer than the model's limit")));
    }
}
