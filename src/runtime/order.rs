//! The one order in which a partition's records are applied: merged from their topics by least append time, ties by
//! the topic's name, the order inside a topic as it is in the log. With the manifest's offsets it makes order a part
//! of the log: whoever reads the same offsets decides the same.

use super::batch::{Batch, InputId, Partition};

/// A record's place: its partition, its effective append time (that of the records before it in its topic, where
/// those are later), and its index in the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placed {
    pub partition: Partition,
    /// ms since the epoch. Non-decreasing within a partition's sequence.
    pub at_ms: i64,
    rank: u16,
    pub index: u32,
    pub input: InputId,
}

/// All records of the batch, partition by partition, each in canonical order. `ranks` gives each input's place in the
/// alphabetical order of topic names.
///
/// Taking always the topic whose next record is earliest is the same as sorting by the running maximum of each
/// topic's times: behind a late record, the earlier ones of its topic wait for it.
pub fn canonical(batch: &Batch, ranks: &[u16]) -> Vec<Placed> {
    let mut newest: Vec<((InputId, Partition), i64)> = Vec::new();
    let mut placed: Vec<Placed> = batch
        .iter()
        .enumerate()
        .map(|(index, record)| {
            let topic = (record.input, record.partition);
            let at_ms = match newest.iter_mut().find(|(found, _)| *found == topic) {
                Some((_, newest_ms)) => {
                    *newest_ms = record.appended_at_ms.max(*newest_ms);
                    *newest_ms
                }
                None => {
                    newest.push((topic, record.appended_at_ms));
                    record.appended_at_ms
                }
            };
            let rank = ranks[record.input.0 as usize];
            let index = u32::try_from(index).expect("a batch has a limit far below 2^32 records");
            Placed { partition: record.partition, at_ms, rank, index, input: record.input }
        })
        .collect();
    placed.sort_unstable();
    placed
}

/// Each input's place in the alphabetical order of topic names.
pub fn ranks<'a>(topics: impl Iterator<Item = &'a str>) -> Vec<u16> {
    let topics: Vec<&str> = topics.collect();
    let rank = |topic: &&str| topics.iter().filter(|other| *other < topic).count();
    topics.iter().map(|topic| u16::try_from(rank(topic)).expect("fewer inputs than 2^16")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (topic, partition, append time) in the order polled -> (topic, time) in the order applied.
    fn check(polled: &[(u16, u32, i64)], expected: &[(u16, i64)]) {
        let ranks = ranks(["b.topic", "a.topic"].into_iter());
        let mut batch = Batch::default();
        for (offset, (input, partition, at_ms)) in polled.iter().enumerate() {
            let offset = offset as i64;
            batch.push(InputId(*input), Partition(*partition), offset, *at_ms, None, None, std::iter::empty());
        }
        let found: Vec<(u16, i64)> = canonical(&batch, &ranks)
            .iter()
            .map(|placed| batch.get(placed.index as usize))
            .map(|record| (record.input.0, record.appended_at_ms))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn merges_topics_by_append_time() {
        check(&[(0, 0, 1), (0, 0, 4), (1, 0, 2), (1, 0, 3)], &[(0, 1), (1, 2), (1, 3), (0, 4)]);
    }

    #[test]
    fn breaks_ties_by_the_topics_name() {
        check(&[(0, 0, 5), (1, 0, 5)], &[(1, 5), (0, 5)]);
    }

    #[test]
    fn keeps_the_order_inside_a_topic() {
        check(&[(0, 0, 5), (0, 0, 3), (1, 0, 4)], &[(1, 4), (0, 5), (0, 3)]);
    }

    #[test]
    fn keeps_partitions_apart() {
        check(&[(0, 1, 1), (0, 0, 9)], &[(0, 9), (0, 1)]);
    }
}
