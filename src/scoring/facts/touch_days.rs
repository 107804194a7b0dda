//! How many touches each of the last 31 local days had: what frequency caps are counted from.

/// Days counted, the newest included.
pub const TOUCH_DAYS: usize = 31;

/// Touches by local day, from the newest day with one back to 30 days before it; counts stop at 255.
///
/// Invariant: the first count is not 0, unless nothing was counted; then the day is 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TouchDays {
    top_day: i32,
    counts: [u8; TOUCH_DAYS],
}

impl TouchDays {
    /// Counts one touch.
    pub fn add(&mut self, day: i32) {
        self.add_many(day, 1);
    }

    /// Adds what another count holds.
    pub fn merge(&mut self, other: &TouchDays) {
        for (age, touches) in (0..).zip(other.counts) {
            if touches > 0 {
                self.add_many(other.top_day.saturating_sub(age), touches);
            }
        }
    }

    /// Touches of the last `within` days, `today` included; later days do not count.
    pub fn count(&self, today: i32, within: u32) -> u32 {
        let behind = i64::from(today) - i64::from(self.top_day);
        let place = |age: i64| age.clamp(0, TOUCH_DAYS as i64) as usize;
        let (first, end) = (place(-behind), place(i64::from(within) - behind));
        self.counts[first..end.max(first)].iter().map(|touches| u32::from(*touches)).sum()
    }

    /// Touches of one day.
    pub fn on(&self, day: i64) -> u32 {
        let age = usize::try_from(i64::from(self.top_day) - day).ok();
        age.and_then(|age| self.counts.get(age)).map_or(0, |touches| u32::from(*touches))
    }

    pub fn is_empty(&self) -> bool {
        self.counts[0] == 0
    }

    /// The newest day with a touch; `None` where there was none.
    pub fn top_day(&self) -> Option<i32> {
        (!self.is_empty()).then_some(self.top_day)
    }

    /// Counts from the newest day back, to the oldest that is not 0; for storing.
    pub fn counts(&self) -> &[u8] {
        let mut used = &self.counts[..];
        while let Some((rest, [0, 0, 0, 0, 0, 0, 0, 0])) = used.split_last_chunk() {
            used = rest;
        }
        while let [rest @ .., 0] = used {
            used = rest;
        }
        used
    }

    /// The value of those counts; `None` where they are not as `counts` gives them.
    pub fn from_counts(top_day: i32, stored: &[u8]) -> Option<TouchDays> {
        let sound = match stored {
            [] => top_day == 0,
            [first, ..] => *first != 0 && *stored.last()? != 0 && stored.len() <= TOUCH_DAYS,
        };
        let mut counts = [0; TOUCH_DAYS];
        sound.then(|| {
            counts[..stored.len()].copy_from_slice(stored);
            TouchDays { top_day, counts }
        })
    }

    fn add_many(&mut self, day: i32, touches: u8) {
        if self.is_empty() {
            self.top_day = day;
        } else if day > self.top_day {
            let ahead = (day.abs_diff(self.top_day) as usize).min(TOUCH_DAYS);
            self.counts.copy_within(..TOUCH_DAYS - ahead, ahead);
            self.counts[..ahead].fill(0);
            self.top_day = day;
        }
        if let Some(count) = self.counts.get_mut(self.top_day.abs_diff(day) as usize) {
            *count = count.saturating_add(touches);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touches(days: &[i32]) -> TouchDays {
        let mut touches = TouchDays::default();
        days.iter().for_each(|day| touches.add(*day));
        touches
    }

    /// In both orders and as a merge of halves.
    fn check(days: &[i32], today: i32, within: u32, expected: u32) {
        let whole = touches(days);
        assert_eq!(whole.count(today, within), expected, "{days:?}");
        let (last, first) = (i64::from(today), i64::from(today) - i64::from(within) + 1);
        assert_eq!((first..=last).map(|day| whole.on(day)).sum::<u32>(), expected, "{days:?}");
        assert_eq!(whole, touches(&days.iter().rev().copied().collect::<Vec<_>>()), "{days:?}");
        for split in 0..=days.len() {
            let mut merged = touches(&days[..split]);
            merged.merge(&touches(&days[split..]));
            assert_eq!(merged, whole, "{days:?} split at {split}");
        }
        assert_eq!(TouchDays::from_counts(whole.top_day, whole.counts()), Some(whole));
    }

    #[test]
    fn counts_rolling_days() {
        check(&[], 0, 7, 0);
        check(&[10, 10, 9, 4, 3], 10, 7, 4);
        check(&[10, 10, 9, 4, 3], 9, 7, 3);
        check(&[10, 41, 11], 41, 31, 2);
        check(&[10, 41, 11], 11, 31, 1);
        check(&[10, 10_000, 11], 10_000, 31, 1);
        check(&[-3, -3, 5], 5, 9, 3);
        check(&[7; 300], 7, 1, 255);
    }

    #[test]
    fn refuses_counts_that_are_none() {
        assert_eq!(TouchDays::from_counts(1, &[]), None);
        assert_eq!(TouchDays::from_counts(1, &[0, 1]), None);
        assert_eq!(TouchDays::from_counts(1, &[1, 0]), None);
        assert_eq!(TouchDays::from_counts(1, &[1; 32]), None);
    }
}
