//! Local days as a set of bits: on which of the last 512 days something happened, however often and in whatever order.

use smallvec::{SmallVec, smallvec};

/// Days that a calendar spans, its newest included.
pub const DAYS: u16 = 512;
const WORDS: usize = DAYS as usize / 64;
/// A local day, ms.
pub const DAY_MS: i64 = 86_400_000;

/// The local day of a moment, as days since the epoch; days beyond the range of `i32` count as its ends.
pub fn local_day(at_ms: i64, utc_offset_ms: i64) -> i32 {
    at_ms.saturating_add(utc_offset_ms).div_euclid(DAY_MS).clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// The moment at which a local day begins, ms.
pub fn day_begin_ms(day: i32, utc_offset_ms: i64) -> i64 {
    i64::from(day) * DAY_MS - utc_offset_ms
}

/// A set of days, of which those older than the newest less 511 are dropped.
///
/// Invariant: equal sets are equal values. Bit 0 of the first word is `top_day` and always set, and the last word is
/// not 0; the empty set has no words and `top_day` 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calendar {
    top_day: i32,
    words: SmallVec<[u64; 2]>,
}

impl Calendar {
    /// Adds a day.
    pub fn insert(&mut self, day: i32) {
        match self.top_day() {
            None => *self = Calendar { top_day: day, words: smallvec![1] },
            Some(top) if day > top => {
                self.shift(i64::from(day) - i64::from(top));
                self.top_day = day;
                self.words[0] |= 1;
            }
            Some(top) => self.set(i64::from(top) - i64::from(day)),
        }
    }

    /// Adds all days of another set.
    pub fn merge(&mut self, other: &Calendar) {
        let Some(other_top) = other.top_day() else { return };
        self.insert(other_top);
        let behind = i64::from(self.top_day) - i64::from(other_top);
        let mut bits = other.spread();
        shift_words(&mut bits, behind);
        for (word, bits) in self.spread().iter().zip(&mut bits) {
            *bits |= word;
        }
        self.keep(&bits);
    }

    /// Forgets all but so many days before and with the newest; how many must not grow from call to call, or the set
    /// depends on order.
    pub fn keep_newest(&mut self, days_max: u16) {
        if self.words.len() * 64 > usize::from(days_max) {
            let mut bits = self.spread();
            for (place, word) in bits.iter_mut().enumerate() {
                let kept = usize::from(days_max).saturating_sub(place * 64).min(64);
                *word &= 1_u64.checked_shl(kept as u32).map_or(u64::MAX, |bit| bit - 1);
            }
            self.keep(&bits);
        }
    }

    /// The newest day; `None` for the empty set.
    pub fn top_day(&self) -> Option<i32> {
        (!self.words.is_empty()).then_some(self.top_day)
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Ages of the days, counted from the newest, from 0 on.
    pub fn ages(&self) -> impl Iterator<Item = u16> + '_ {
        self.words.iter().enumerate().flat_map(|(place, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros() as u16;
                let found = (rest != 0).then_some(place as u16 * 64 + bit);
                rest &= rest.wrapping_sub(1);
                found
            })
        })
    }

    /// How many of the last `within` days are in the set, `today` included; later days do not count.
    pub fn count(&self, today: i32, within: u32) -> u32 {
        let behind = i64::from(today) - i64::from(self.top_day);
        let counted = |age: &u16| (0..i64::from(within)).contains(&(behind + i64::from(*age)));
        self.ages().filter(counted).count() as u32
    }

    /// The bits, one a day from the newest on, 64 a word; for storing.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The set of those bits; `None` where they are not as `words` gives them.
    pub fn from_words(top_day: i32, words: &[u64]) -> Option<Calendar> {
        let sound = match words {
            [] => top_day == 0,
            [first, .., last] => words.len() <= WORDS && first & 1 == 1 && *last != 0,
            [only] => only & 1 == 1,
        };
        sound.then(|| Calendar { top_day, words: SmallVec::from_slice(words) })
    }

    fn set(&mut self, age: i64) {
        if age >= i64::from(DAYS) {
            return;
        }
        let (place, bit) = (age as usize / 64, age as usize % 64);
        if place >= self.words.len() {
            self.words.resize(place + 1, 0);
        }
        self.words[place] |= 1 << bit;
    }

    fn shift(&mut self, days: i64) {
        if let ([word], 1..64) = (&mut self.words[..], days)
            && word.leading_zeros() >= days as u32
        {
            *word <<= days;
            return;
        }
        let mut bits = self.spread();
        shift_words(&mut bits, days);
        bits[0] |= 1;
        self.keep(&bits);
    }

    fn spread(&self) -> [u64; WORDS] {
        let mut bits = [0; WORDS];
        bits[..self.words.len()].copy_from_slice(&self.words);
        bits
    }

    fn keep(&mut self, bits: &[u64; WORDS]) {
        let used = bits.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
        self.words.clear();
        self.words.extend_from_slice(&bits[..used]);
    }
}

/// Makes every day `days` older; what leaves the span is gone.
fn shift_words(bits: &mut [u64; WORDS], days: i64) {
    if days >= i64::from(DAYS) {
        *bits = [0; WORDS];
        return;
    }
    let (words, rest) = (days as usize / 64, days as u32 % 64);
    for place in (0..WORDS).rev() {
        let source = |back: usize| place.checked_sub(back).map_or(0, |place| bits[place]);
        let carried = if rest == 0 { 0 } else { source(words + 1) >> (64 - rest) };
        bits[place] = source(words) << rest | carried;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn calendar(days: &[i32]) -> Calendar {
        let mut calendar = Calendar::default();
        days.iter().for_each(|day| calendar.insert(*day));
        calendar
    }

    /// Against a plain set of days, in both directions of insertion and as a merge of two halves.
    fn check(days: &[i32]) {
        let top = *days.iter().max().expect("days are given");
        let kept: BTreeSet<i32> = days.iter().copied().filter(|day| top - day < i32::from(DAYS)).collect();
        let forward = calendar(days);
        let backward = calendar(&days.iter().rev().copied().collect::<Vec<_>>());
        assert_eq!(forward, backward, "{days:?}");
        let found: BTreeSet<i32> = forward.ages().map(|age| top - i32::from(age)).collect();
        assert_eq!(found, kept, "{days:?}");
        for split in 0..days.len() {
            let mut merged = calendar(&days[..split]);
            merged.merge(&calendar(&days[split..]));
            assert_eq!(merged, forward, "{days:?} split at {split}");
        }
        assert_eq!(Calendar::from_words(top, forward.words()).as_ref(), Some(&forward));
    }

    #[test]
    fn keeps_the_days_of_its_span() {
        check(&[5]);
        check(&[0, 1, 2, 3]);
        check(&[0, 63, 64, 65, 127, 128, 511]);
        check(&[0, 512]);
        check(&[1, 512, 513, 2]);
        check(&[-700, -3, 20, 20, 19, 300, 84, -4]);
        check(&[0, 100_000, 99_999]);
        check(&[10, 74, 11, 9, 138, 200, 73]);
    }

    #[test]
    fn counts_days_up_to_today() {
        let calendar = calendar(&[10, 12, 13, 20]);
        let check = |today, within, expected| assert_eq!(calendar.count(today, within), expected, "{today} {within}");
        check(20, 90, 4);
        check(20, 8, 2);
        check(20, 1, 1);
        check(21, 1, 0);
        check(19, 90, 3);
        check(9, 90, 0);
        check(i32::MAX, 90, 0);
    }

    #[test]
    fn refuses_bits_that_are_no_calendar() {
        assert_eq!(Calendar::from_words(3, &[2]), None);
        assert_eq!(Calendar::from_words(3, &[1, 0]), None);
        assert_eq!(Calendar::from_words(3, &[1; 9]), None);
        assert_eq!(Calendar::from_words(3, &[]), None);
        assert_eq!(Calendar::from_words(0, &[]), Some(Calendar::default()));
    }

    #[test]
    fn local_days_begin_at_local_midnight() {
        let jst = 9 * 3_600_000;
        assert_eq!(local_day(15 * 3_600_000 - 1, jst), 0);
        assert_eq!(local_day(15 * 3_600_000, jst), 1);
        assert_eq!(local_day(-9 * 3_600_000 - 1, jst), -1);
        assert_eq!(local_day(i64::MAX, jst), i32::MAX);
        assert_eq!(day_begin_ms(1, jst), 15 * 3_600_000);
    }
}
