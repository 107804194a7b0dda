//! The texts of one record: whether bytes are UTF-8 is asked for many of them at once.
//!
//! Texts are ASCII mostly, and so are the lengths and branches between them. A run of ASCII is one text of which each
//! part is one, too.

use super::varint::EIGHTHS;
use super::{Cursor, Malformed};

/// The run of ASCII that was looked at last.
#[derive(Debug, Default)]
pub struct Texts<'a> {
    run: &'a str,
    /// So many bytes of the record stand behind the run.
    behind: usize,
}

impl<'a> Texts<'a> {
    /// The next text.
    #[inline]
    pub fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<&'a str, Malformed> {
        let length = cursor.length()?;
        let from_here = cursor.rest();
        let bytes = cursor.take(length)?;
        match self.in_run(from_here.len(), length) {
            Some(text) => Ok(text),
            None => self.in_next_run(from_here, bytes),
        }
    }

    /// The text that begins so many bytes before the record's end.
    #[inline]
    fn in_run(&self, before_end: usize, length: usize) -> Option<&'a str> {
        let left = before_end.checked_sub(self.behind)?;
        let begin = self.run.len().checked_sub(left)?;
        self.run.get(begin..begin + length)
    }

    #[inline(never)]
    fn in_next_run(&mut self, from_here: &'a [u8], bytes: &'a [u8]) -> Result<&'a str, Malformed> {
        self.run = ascii_at_front(from_here);
        self.behind = from_here.len() - self.run.len();
        let alone = || std::str::from_utf8(bytes).map_err(|_| Malformed("a text is not UTF-8"));
        self.run.get(..bytes.len()).map_or_else(alone, Ok)
    }
}

fn ascii_at_front(bytes: &[u8]) -> &str {
    let (words, rest) = bytes.as_chunks::<8>();
    let others = |word: &[u8; 8]| u64::from_le_bytes(*word) & EIGHTHS;
    let whole = words.iter().position(|word| others(word) != 0);
    let length = match whole {
        Some(place) => 8 * place + others(&words[place]).trailing_zeros() as usize / 8,
        None => bytes.len() - rest.len() + rest.iter().take_while(|byte| byte.is_ascii()).count(),
    };
    std::str::from_utf8(&bytes[..length]).expect("ASCII is UTF-8")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::avro::{put_bytes, put_long};

    /// Texts and numbers by turns, each text read alone and as one of many.
    fn check(parts: &[(Vec<u8>, i64)]) {
        let mut bytes = Vec::new();
        for (text, number) in parts {
            put_bytes(&mut bytes, text);
            put_long(&mut bytes, *number);
        }
        let (mut alone, mut together, mut texts) = (Cursor::new(&bytes), Cursor::new(&bytes), Texts::default());
        for _ in parts {
            let expected = alone.text();
            assert_eq!(texts.read(&mut together), expected, "{parts:?}");
            if expected.is_err() {
                return;
            }
            assert_eq!(together.long(), alone.long());
        }
        assert_eq!(together.end(), Ok(()));
    }

    #[test]
    fn texts_are_the_same_alone_and_together() {
        check(&[(b"lead-1".to_vec(), 0), ("追客".into(), 1), (b"".to_vec(), -1), (b"x".to_vec(), 1_775_000_000_000)]);
        check(&[("追客".into(), -50_000), ("é".into(), 1 << 40), ("plain".into(), 3)]);
        check(&[(b"a".to_vec(), 2), (vec![0xe8, 0xbf], 0), (b"b".to_vec(), 0)]);
        // The number's bytes would end the character that the text begins.
        check(&[(b"a".to_vec(), 2), (vec![0xc3], i64::from(0xa1_u8 & 0x7f)), (b"b".to_vec(), 0)]);
        check(&[(vec![0xbd], 0)]);
    }

    proptest! {
        #[test]
        fn any_bytes_are(parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..4), any::<i64>()), 0..4)) {
            check(&parts);
        }

        #[test]
        fn any_texts_are(parts in prop::collection::vec(("\\PC{0,9}", any::<i8>()), 0..9)) {
            let parts: Vec<_> = parts.into_iter().map(|(text, number)| (text.into_bytes(), number.into())).collect();
            check(&parts);
        }
    }
}
