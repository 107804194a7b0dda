//! Which events were seen in the last 48 hours of append time, so that a repetition changes nothing.

use smallvec::SmallVec;

/// How long an event is remembered behind the newest, ms of append time.
pub const SEEN_MS: i64 = 48 * 3_600_000;
/// At most so many events are remembered a lead; beyond it the oldest go.
pub const SEEN_MAX: usize = 1024;

/// So many are looked through as they are; of more there is a list that is made for it.
const TAGGED_FROM: usize = 17;

/// Hashes of event ids with their first append time, in the order of these times. Not part of Facts: it depends on
/// the order in which events were appended, and on nothing else.
#[derive(Debug, Clone, Default)]
pub struct SeenEvents {
    /// (append time, hash of the event's id), rising. Most leads have one such event, or none.
    entries: SmallVec<[(i64, u64); 1]>,
    /// The low halves of these hashes, in the same order: many are compared at once. Empty where they are few.
    tags: Vec<u32>,
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

    fn remembers(&self, hash: u64, appended_at_ms: i64) -> bool {
        if !self.tags.is_empty() && !has(&self.tags, tag(hash)) {
            return false;
        }
        let within = |at_ms: i64| appended_at_ms.saturating_sub(at_ms) <= SEEN_MS;
        self.kept().iter().any(|(at_ms, known)| *known == hash && within(*at_ms))
    }

    fn insert(&mut self, entry: (i64, u64)) {
        let is_newest = self.kept().last().is_none_or(|newest| *newest < entry);
        let place = if is_newest { self.entries.len() } else { self.place_of(entry) };
        self.entries.insert(place, entry);
        if !self.tags.is_empty() {
            self.tags.insert(place, tag(entry.1));
        } else if self.entries.len() >= TAGGED_FROM {
            self.tags = tags(&self.entries);
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
        if forgotten >= TAGGED_FROM + self.entries.len() / 8 || forgotten == self.entries.len() {
            self.entries.drain(..forgotten);
            self.tags.drain(..forgotten.min(self.tags.len()));
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
            let tags = if entries.len() < TAGGED_FROM { Vec::new() } else { tags(&entries) };
            SeenEvents { entries, tags, forgotten: 0 }
        })
    }

    pub fn is_empty(&self) -> bool {
        self.kept().is_empty()
    }
}

fn tags(entries: &[(i64, u64)]) -> Vec<u32> {
    entries.iter().map(|(_, hash)| tag(*hash)).collect()
}

fn tag(hash: u64) -> u32 {
    hash as u32
}

/// Looks at all of them: without a way out the compiler compares several at once.
fn has(tags: &[u32], tag: u32) -> bool {
    tags.iter().fold(false, |found, known| found | (*known == tag))
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
}
