//! Where the reading of each partition stands.

use crate::runtime::batch::{InputId, Partition};

/// A partition that is read, and the offset that comes next.
pub(super) type Place = (InputId, Partition, i64);

/// What was fetched since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Nothing,
    Records,
    /// Nothing more was there at the last fetch.
    End,
}

/// Where the reading of one partition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Not ours, or never started: librdkafka knows nothing of it.
    Silent,
    /// `next_offset`: behind what was handed out.
    Running {
        next_offset: i64,
        seen: Seen,
    },
    Stopped {
        next_offset: i64,
    },
}

/// All partitions of all inputs.
#[derive(Debug)]
pub(super) struct Readings(Vec<Vec<Reading>>);

impl Readings {
    /// All silent; partition counts by `InputId`.
    pub(super) fn new(counts: impl Iterator<Item = u32>) -> Readings {
        Readings(counts.map(|count| vec![Reading::Silent; count as usize]).collect())
    }

    /// Partitions that do not exist are silent.
    pub(super) fn get(&self, input: InputId, partition: Partition) -> Reading {
        let found = self.0.get(usize::from(input.0)).and_then(|all| all.get(partition.0 as usize));
        found.copied().unwrap_or(Reading::Silent)
    }

    pub(super) fn get_mut(&mut self, input: InputId, partition: Partition) -> Option<&mut Reading> {
        self.0.get_mut(usize::from(input.0))?.get_mut(partition.0 as usize)
    }

    pub(super) fn set(&mut self, input: InputId, partition: Partition, reading: Reading) {
        if let Some(place) = self.get_mut(input, partition) {
            *place = reading;
        }
    }

    /// What is running, and the offset it goes on from.
    pub(super) fn running(&self) -> impl Iterator<Item = Place> {
        let inputs = (0u16..).zip(&self.0);
        inputs.flat_map(|(input, all)| {
            (0u32..).zip(all).filter_map(move |(partition, reading)| match reading {
                Reading::Running { next_offset, .. } => Some((InputId(input), Partition(partition), *next_offset)),
                Reading::Silent | Reading::Stopped { .. } => None,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_lists_what_runs() {
        let mut readings = Readings::new([2, 1].into_iter());
        let at = (InputId(0), Partition(1));
        readings.set(at.0, at.1, Reading::Running { next_offset: 7, seen: Seen::Nothing });
        readings.set(InputId(1), Partition(0), Reading::Stopped { next_offset: 3 });
        readings.set(InputId(1), Partition(9), Reading::Stopped { next_offset: 3 });
        assert_eq!(readings.running().collect::<Vec<_>>(), [(at.0, at.1, 7)]);
        assert_eq!(readings.get(InputId(9), Partition(0)), Reading::Silent);
    }
}
