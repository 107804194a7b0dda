//! Which events were seen in the last 48 hours of append time, so that a repetition changes nothing.

use smallvec::SmallVec;

use crate::ahead::soon;

/// How long an event is remembered behind the newest, ms of append time.
pub const SEEN_MS: i64 = 48 * 3_600_000;
/// At most so many events are remembered a lead; beyond it the oldest go.
pub const SEEN_MAX: usize = 1024;

/// So many are looked through as they are; of more a filter is asked first.
const FILTERED_FROM: usize = 17;

/// Hashes of event ids with their first append time, in the order of these times. Not part of Facts: it depends on
/// the order in which events were appended, and on nothing else.
#[derive(Debug, Clone, Default)]
pub struct SeenEvents {
    /// (append time, hash of the event's id), rising. Most leads have one such event, or none.
    entries: SmallVec<[(i64, u64); 1]>,
    /// What it denies is not among these. Empty where they are few.
    filter: Filter,
    /// So many of the first entries are forgotten: they go together, because all others move up then.
    forgotten: u32,
}

impl PartialEq for SeenEvents {
    fn eq(&self, other: &Self) -> bool {
        self.kept() == other.kept()
    }
}

impl Eq for SeenEvents {}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Not seen before; `dropped` others were forgotten because there were too many.
    First {
        dropped: usize,
    },
    Repeated,
}

impl SeenEvents {
    /// Remembers an event, unless it was seen before.
    pub fn see(&mut self, event_id: &str, appended_at_ms: i64) -> Sight {
        let hash = xxhash_rust::xxh3::xxh3_64(event_id.as_bytes());
        if self.remembers(hash, appended_at_ms) {
            return Sight::Repeated;
        }
        self.forget(appended_at_ms);
        self.insert((appended_at_ms, hash));
        Sight::First { dropped: self.keep_newest(SEEN_MAX) }
    }

    /// Whether an event was seen within the 48 h before that append time.
    pub fn contains(&self, event_id: &str, appended_at_ms: i64) -> bool {
        let hash = xxhash_rust::xxh3::xxh3_64(event_id.as_bytes());
        self.remembers(hash, appended_at_ms)
    }

    /// The next event is asked for soon.
    pub(crate) fn soon(&self) {
        let kept = self.kept();
        [kept.first(), kept.last()].iter().flatten().for_each(|entry| soon(*entry));
    }

    fn remembers(&self, hash: u64, appended_at_ms: i64) -> bool {
        if self.filter.denies(hash) {
            return false;
        }
        let within = |at_ms: i64| appended_at_ms.saturating_sub(at_ms) <= SEEN_MS;
        self.kept().iter().any(|(at_ms, known)| *known == hash && within(*at_ms))
    }

    fn insert(&mut self, entry: (i64, u64)) {
        let is_newest = self.kept().last().is_none_or(|newest| *newest < entry);
        let place = if is_newest { self.entries.len() } else { self.place_of(entry) };
        self.entries.insert(place, entry);
        if self.filter.has_room_for(self.entries.len()) {
            self.filter.insert(entry.1);
        } else {
            self.filter = Filter::of(&self.entries);
        }
    }

    fn place_of(&self, entry: (i64, u64)) -> usize {
        self.forgotten as usize + self.kept().partition_point(|known| *known < entry)
    }

    /// Drops what is older than 48 h before `newest_ms`, or before the newest remembered.
    fn forget(&mut self, newest_ms: i64) {
        let newest_ms = self.kept().last().map_or(newest_ms, |(at_ms, _)| newest_ms.max(*at_ms));
        let is_old = |(at_ms, _): &(i64, u64)| newest_ms.saturating_sub(*at_ms) > SEEN_MS;
        if self.kept().first().is_some_and(is_old) {
            self.drop_oldest(self.kept().partition_point(is_old));
        }
    }

    fn drop_oldest(&mut self, count: usize) {
        self.forgotten += count as u32;
        let forgotten = self.forgotten as usize;
        if forgotten >= FILTERED_FROM + self.entries.len() / 8 || forgotten == self.entries.len() {
            self.entries.drain(..forgotten);
            self.filter = Filter::of(&self.entries);
            self.forgotten = 0;
        }
    }

    /// Forgets the oldest beyond so many; how many these were.
    pub(crate) fn keep_newest(&mut self, count_max: usize) -> usize {
        let dropped = self.len().saturating_sub(count_max);
        if dropped > 0 {
            self.drop_oldest(dropped);
        }
        dropped
    }

    fn kept(&self) -> &[(i64, u64)] {
        &self.entries[self.forgotten as usize..]
    }

    pub(crate) fn len(&self) -> usize {
        self.kept().len()
    }

    /// Append times and hashes, rising; for storing.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (i64, u64)> + DoubleEndedIterator {
        self.kept().iter().copied()
    }

    /// The memory of those entries; `None` where they are not rising or too many.
    pub fn from_entries(entries: SmallVec<[(i64, u64); 1]>) -> Option<SeenEvents> {
        let rising = entries.windows(2).all(|pair| pair[0] < pair[1]);
        (rising && entries.len() <= SEEN_MAX).then(|| {
            let filter = Filter::of(&entries);
            SeenEvents { entries, filter, forgotten: 0 }
        })
    }

    pub fn is_empty(&self) -> bool {
        self.kept().is_empty()
    }
}

/// Tells of most hashes that they are not among many others, by one bit: looking through a thousand takes far longer.
#[derive(Debug, Clone, Default)]
struct Filter {
    /// One bit is set for each hash; their count is a power of two.
    words: Vec<u64>,
}

impl Filter {
    /// Bits for each hash, at least half as many: then fewer than one of eight others is not denied.
    const BITS_EACH: usize = 16;

    /// Of these, where they are many.
    fn of(entries: &[(i64, u64)]) -> Filter {
        if entries.len() < FILTERED_FROM {
            return Filter::default();
        }
        let bits = (entries.len() * Self::BITS_EACH).next_power_of_two();
        let mut filter = Filter { words: vec![0; bits / 64] };
        entries.iter().for_each(|(_, hash)| filter.insert(*hash));
        filter
    }

    fn has_room_for(&self, count: usize) -> bool {
        count < FILTERED_FROM || 64 * self.words.len() >= count * Self::BITS_EACH / 2
    }

    fn insert(&mut self, hash: u64) {
        if let Some(place) = self.place_of(hash) {
            self.words[place] |= bit(hash);
        }
    }

    fn denies(&self, hash: u64) -> bool {
        self.place_of(hash).is_some_and(|place| self.words[place] & bit(hash) == 0)
    }

    fn place_of(&self, hash: u64) -> Option<usize> {
        let last = self.words.len().checked_sub(1)?;
        Some((hash >> 6) as usize & last)
    }
}

fn bit(hash: u64) -> u64 {
    1 << (hash % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Sight = Sight::First { dropped: 0 };

    fn check(sights: &[(&str, i64, Sight)]) {
        let mut seen = SeenEvents::default();
        for (event_id, at, expected) in sights {
            assert_eq!(seen.see(event_id, *at), *expected, "{event_id} at {at}");
        }
        assert_eq!(SeenEvents::from_entries(seen.entries().collect()), Some(seen));
    }

    #[test]
    fn an_event_is_remembered_for_48_hours() {
        check(&[("a", 0, FIRST), ("a", SEEN_MS, Sight::Repeated), ("a", SEEN_MS + 1, FIRST)]);
        check(&[("a", 5, FIRST), ("b", 5, FIRST), ("b", 6, Sight::Repeated), ("a", 4, Sight::Repeated)]);
        check(&[("a", 9, FIRST), ("b", 3, FIRST), ("b", 9, Sight::Repeated)]);
    }

    #[test]
    fn too_many_push_out_the_oldest() {
        let mut seen = SeenEvents::default();
        for number in 0..SEEN_MAX {
            assert_eq!(seen.see(&number.to_string(), number as i64), FIRST);
        }
        assert_eq!(seen.see("one more", 5000), Sight::First { dropped: 1 });
        assert_eq!(seen.see("0", 5000), Sight::First { dropped: 1 });
        assert_eq!(seen.see("2", 5000), Sight::Repeated);
    }

    #[test]
    fn a_filter_denies_most_others_and_none_of_its_own() {
        let hash = |number: usize| xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes());
        for count in [0, FILTERED_FROM - 1, FILTERED_FROM, 100, SEEN_MAX] {
            let entries: Vec<(i64, u64)> = (0..count).map(|number| (0, hash(number))).collect();
            let filter = Filter::of(&entries);
            assert!(entries.iter().all(|(_, hash)| !filter.denies(*hash)), "{count}");
            let denied = (count..count + 1_000).filter(|number| filter.denies(hash(*number))).count();
            assert_eq!(denied > 850, count >= FILTERED_FROM, "{count}: {denied} of 1,000");
        }
    }

    #[test]
    fn what_is_remembered_is_what_a_list_remembers() {
        let mut seen = SeenEvents::default();
        let mut list: Vec<(i64, usize)> = Vec::new();
        for step in 0..6_000_usize {
            let (at_ms, number) = (step as i64 * SEEN_MS / 900, step.wrapping_mul(7_919) % 700);
            let is_known = list.iter().any(|(then, known)| *known == number && at_ms - then <= SEEN_MS);
            assert_eq!(seen.contains(&number.to_string(), at_ms), is_known, "step {step}");
            if seen.see(&number.to_string(), at_ms) != Sight::Repeated {
                list.push((at_ms, number));
            }
        }
    }
}
