//! The k greatest entries of a set: free of order, because an entry never changes and only newer ones push it out.

/// At most `K` entries, the greatest of all that were inserted, in rising order. Entries order by time first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest<T, const K: usize> {
    entries: Vec<T>,
}

impl<T, const K: usize> Default for Newest<T, K> {
    fn default() -> Self {
        Newest { entries: Vec::new() }
    }
}

impl<T: Ord + Copy, const K: usize> Newest<T, K> {
    /// Adds an entry; one that is there already changes nothing.
    pub fn insert(&mut self, entry: T) {
        let all = (0, self.entries.len());
        insert(&mut self.entries, all, K, entry);
    }

    /// Adds all entries of another set.
    pub fn merge(&mut self, other: &Newest<T, K>) {
        other.entries.iter().for_each(|entry| self.insert(*entry));
    }

    /// From the oldest to the newest.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.entries.iter()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The set of those entries; `None` where they are not rising or too many.
    pub fn from_rising(entries: Vec<T>) -> Option<Newest<T, K>> {
        (entries.len() <= K && is_rising(&entries)).then_some(Newest { entries })
    }
}

pub(crate) fn is_rising<T: Ord>(entries: &[T]) -> bool {
    entries.windows(2).all(|pair| pair[0] < pair[1])
}

/// Adds an entry to a rising part of a list; the least of it goes where there are too many. How many are more then.
pub(crate) fn insert<T: Ord + Copy>(
    entries: &mut Vec<T>,
    (begin, end): (usize, usize),
    count_max: usize,
    entry: T,
) -> usize {
    let Err(place) = entries[begin..end].binary_search(&entry) else { return 0 };
    if end - begin < count_max {
        entries.reserve_exact(1 + entries.len() / 4); // leads are many, and most stay small
        entries.insert(begin + place, entry);
        return 1;
    }
    if place > 0 {
        entries[begin..begin + place].rotate_left(1);
        entries[begin + place - 1] = entry;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entries: &[i32], expected: &[i32]) {
        let mut set = Newest::<i32, 3>::default();
        entries.iter().for_each(|entry| set.insert(*entry));
        assert_eq!(set.entries, expected, "{entries:?}");
    }

    #[test]
    fn keeps_the_greatest() {
        check(&[], &[]);
        check(&[2, 1, 2], &[1, 2]);
        check(&[1, 2, 3, 4, 5], &[3, 4, 5]);
        check(&[5, 4, 3, 2, 1], &[3, 4, 5]);
        check(&[1, 5, 2, 4, 3, 4], &[3, 4, 5]);
    }

    #[test]
    fn refuses_what_is_no_set() {
        assert_eq!(Newest::<i32, 3>::from_rising(vec![1, 1]), None);
        assert_eq!(Newest::<i32, 3>::from_rising(vec![2, 1]), None);
        assert_eq!(Newest::<i32, 3>::from_rising(vec![1, 2, 3, 4]), None);
        assert!(Newest::<i32, 3>::from_rising(vec![1, 2, 3]).is_some());
    }
}
