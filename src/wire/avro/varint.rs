//! Avro's numbers as whole words: seven bits of a byte are the number's, least first, and the eighth says that another
//! byte follows. A number of up to eight bytes is read and written at once, not byte by byte.

/// The eighth bit of each byte.
pub(super) const EIGHTHS: u64 = 0x8080_8080_8080_8080;

/// The number as it is written: negative ones interleaved with the others, so that small ones stay short.
#[inline]
pub fn zig_zag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

#[inline]
pub(super) fn un_zig_zag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// The bytes of a number below 2^56, least first, and how many they are.
#[inline]
pub fn word_of(number: u64) -> (u64, usize) {
    let before_last = (number | 1).ilog2() / 7;
    let followed = EIGHTHS & ((1 << (8 * before_last)) - 1);
    (spread(number) | followed, before_last as usize + 1)
}

/// The number at the front of eight bytes, and how many of them are its own; `None` where it does not end within them.
#[inline]
pub(super) fn number_of(bytes: [u8; 8]) -> Option<(u64, usize)> {
    let word = u64::from_le_bytes(bytes);
    let ends = !word & EIGHTHS;
    let last_bit = ends.trailing_zeros();
    (ends != 0).then(|| (joined(word & (u64::MAX >> (63 - last_bit))), last_bit as usize / 8 + 1))
}

/// Seven bits into each byte: halves, quarters and bytes are drawn apart.
#[inline]
fn spread(bits: u64) -> u64 {
    let halves = bits & 0x0fff_ffff | (bits & 0x00ff_ffff_f000_0000) << 4;
    let quarters = halves & 0x0000_3fff_0000_3fff | (halves & 0x0fff_c000_0fff_c000) << 2;
    quarters & 0x007f_007f_007f_007f | (quarters & 0x3f80_3f80_3f80_3f80) << 1
}

/// The same the other way round; eighth bits are dropped.
#[inline]
fn joined(word: u64) -> u64 {
    let quarters = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let halves = quarters & 0x0000_3fff_0000_3fff | (quarters & 0x3fff_0000_3fff_0000) >> 2;
    halves & 0x0fff_ffff | (halves & 0x0fff_ffff_0000_0000) >> 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_bytes_are() {
        for shift in 0..56 {
            for number in [(1_u64 << shift) - 1, 1 << shift, 0x00de_adbe_efca_fe01 >> (55 - shift)] {
                let (mut rest, mut bytes) = (number, Vec::new());
                while rest > 0x7f {
                    bytes.push(rest as u8 | 0x80);
                    rest >>= 7;
                }
                bytes.push(rest as u8);
                let (word, length) = word_of(number);
                assert_eq!(word.to_le_bytes()[..length], bytes, "{number}");
                bytes.resize(8, 0x5a);
                let read = number_of(bytes.try_into().expect("eight of them"));
                assert_eq!(read, Some((number, length)));
            }
        }
        assert_eq!(number_of([0xff; 8]), None);
        assert_eq!(number_of([0x80, 0, 1, 1, 1, 1, 1, 1]), Some((0, 2)), "longer than it need be, as some write");
    }
}
