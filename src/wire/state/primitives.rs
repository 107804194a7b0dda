//! Moments as state has them: ages, counted from the lead's newest event.

use super::reader::Reader;
use super::writer::Writer;

/// Ages count from here: the lead's newest event, or 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base(pub i64);

impl Base {
    #[inline]
    pub fn put_age(self, out: &mut Writer, at_ms: i64) {
        out.long(self.0 - at_ms);
    }

    #[inline]
    pub fn put_optional_age(self, out: &mut Writer, at_ms: Option<i64>) {
        out.optional(at_ms, |out, at_ms| self.put_age(out, at_ms));
    }

    #[inline]
    pub fn read_age(self, reader: &mut Reader<'_>) -> i64 {
        let age_ms = reader.long();
        reader.sound_moment(self.0.checked_sub(age_ms))
    }

    pub fn read_optional_age(self, reader: &mut Reader<'_>) -> Option<i64> {
        reader.optional(|reader| self.read_age(reader))
    }
}
