//! Reads Avro's primitives from untrusted bytes: nothing here panics, allocates, or trusts a length.

use super::varint::{number_of, un_zig_zag};

/// Why bytes are no Avro of the schema; never holds text of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// The bytes not read yet.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: bytes }
    }

    /// Bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed("ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn take_array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed("ends too early"))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// An `int` or a `long`: variable-length zig-zag.
    #[inline]
    pub fn long(&mut self) -> Result<i64, Malformed> {
        match self.long_of_one_byte() {
            Some(value) => Ok(value),
            None => self.long_of_many_bytes(),
        }
    }

    /// An `int` or a `long`, where it has but one byte.
    #[inline]
    pub fn long_of_one_byte(&mut self) -> Option<i64> {
        let (byte, rest) = self.rest.split_first()?;
        (*byte < 0x80).then(|| {
            self.rest = rest;
            un_zig_zag(u64::from(*byte))
        })
    }

    /// A number of one byte that is not negative, as nearly all lengths, symbols and branches are.
    #[inline]
    pub fn small(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        (*byte < 0x80 && byte & 1 == 0).then(|| {
            self.rest = rest;
            byte >> 1
        })
    }

    /// An `int` or a `long`, whatever its length.
    #[inline]
    pub fn long_of_many_bytes(&mut self) -> Result<i64, Malformed> {
        match self.rest.first_chunk().and_then(|bytes| number_of(*bytes)) {
            Some((number, length)) => {
                self.rest = &self.rest[length..];
                Ok(un_zig_zag(number))
            }
            None => self.long_byte_by_byte().ok_or_else(|| self.no_long()),
        }
    }

    /// Where it has more than eight bytes, or fewer than eight are left.
    #[cold]
    fn long_byte_by_byte(&mut self) -> Option<i64> {
        let mut value = 0_u64;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            if index == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Some(un_zig_zag(value));
            }
        }
        None
    }

    #[cold]
    fn no_long(&self) -> Malformed {
        Malformed(if self.rest.len() < 10 { "ends too early" } else { "a number is longer than 64 bits" })
    }

    pub fn boolean(&mut self) -> Result<bool, Malformed> {
        match self.take_array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Malformed("a boolean is neither 0 nor 1")),
        }
    }

    pub fn double(&mut self) -> Result<f64, Malformed> {
        Ok(f64::from_le_bytes(self.take_array()?))
    }

    /// `bytes`: a length and so many bytes.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length()?;
        self.take(length)
    }

    /// How many bytes follow.
    #[inline]
    pub fn length(&mut self) -> Result<usize, Malformed> {
        match self.small() {
            Some(length) => Ok(length.into()),
            None => usize::try_from(self.long()?).map_err(|_| Malformed("a length is negative")),
        }
    }

    /// The number of a symbol or of a union's branch, looked up.
    #[inline]
    pub fn symbol<'s, T>(&mut self, symbols: &'s [T]) -> Result<Option<&'s T>, Malformed> {
        let number = match self.small() {
            Some(number) => number.into(),
            None => usize::try_from(self.long()?).unwrap_or(usize::MAX),
        };
        Ok(symbols.get(number))
    }

    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("a text is not UTF-8"))
    }

    /// The branch of `["null", …]`: whether a value follows.
    pub fn is_some(&mut self) -> Result<bool, Malformed> {
        match self.long()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("a union has no branch of that number")),
        }
    }

    /// `["null", "long"]`, or `["null", "int"]`.
    pub fn optional_long(&mut self) -> Result<Option<i64>, Malformed> {
        self.is_some()?.then(|| self.long()).transpose()
    }

    /// The count of the next block of an array or a map; 0 at its end. A count above the bytes left is refused: an
    /// item takes a byte at least, and one that takes none could be repeated for ever.
    #[inline]
    pub fn block(&mut self) -> Result<usize, Malformed> {
        let count = self.long()?;
        self.block_of(count)
    }

    /// The block whose count was read.
    pub fn block_of(&mut self, count: i64) -> Result<usize, Malformed> {
        if count < 0 {
            self.long()?; // the block's size in bytes, of use only to those who skip it
        }
        match usize::try_from(count.unsigned_abs()) {
            Ok(count) if count <= self.rest.len() => Ok(count),
            _ => Err(Malformed("a block counts more items than there are bytes")),
        }
    }

    /// Asserts that everything was read.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed("bytes are left over behind the record")) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{put_long, put_text};
    use super::*;

    #[test]
    fn longs_come_back() {
        for value in [0, -1, 1, 63, 64, -64, -65, 8191, 8192, 1_775_000_000_000, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_long(&mut bytes, value);
            let mut cursor = Cursor::new(&bytes);
            assert_eq!((cursor.long(), cursor.end()), (Ok(value), Ok(())), "{value}");
            for cut in 0..bytes.len() {
                assert!(Cursor::new(&bytes[..cut]).long().is_err(), "{value} cut to {cut}");
            }
        }
    }

    #[test]
    fn refuses_what_is_no_avro() {
        assert_eq!(Cursor::new(&[0xff; 10]).long(), Err(Malformed("a number is longer than 64 bits")));
        assert_eq!(Cursor::new(&[2]).boolean(), Err(Malformed("a boolean is neither 0 nor 1")));
        assert_eq!(Cursor::new(&[1]).bytes(), Err(Malformed("a length is negative")));
        assert_eq!(Cursor::new(&[4, 0xc3, 0x28]).text(), Err(Malformed("a text is not UTF-8")));
        assert!(Cursor::new(&[200, 1, 0]).block().is_err(), "100 items in one byte");

        let mut block = Vec::new();
        put_long(&mut block, i64::MIN);
        put_long(&mut block, 1);
        assert!(Cursor::new(&block).block().is_err(), "the least count has no opposite");
    }

    #[test]
    fn texts_are_borrowed() {
        let mut bytes = Vec::new();
        put_text(&mut bytes, "追客");
        assert_eq!(Cursor::new(&bytes).text(), Ok("追客"));
    }
}
