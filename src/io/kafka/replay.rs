//! The port `ReplayLog` on Kafka: inputs, intake and changelog of one application, over a fixed range.

use std::collections::BTreeMap;

use super::range::{RangeReader, Ranges, Span, Times};
use super::settings::TopicNames;
use crate::runtime::batch::{InputId, Partition};
use crate::runtime::ports::SourceError;
use crate::runtime::recompute::LoggedRecord;
use crate::runtime::replay::{LoggedManifest, ReplayLog};
use crate::runtime::topology::Topology;
use crate::wire::manifest::{self, Manifest};

/// What one replay reads; fixed once, so that two replays read the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRange {
    /// Of the inputs that tasks read, by input and partition.
    pub inputs: BTreeMap<(InputId, Partition), Span>,
    pub changelog: Vec<Span>,
    /// Of the decisions that were sent, partition by partition.
    pub ready: Vec<Span>,
}

impl ReplayRange {
    /// Asks the cluster. The changelog is asked first: inputs and decisions of later than it are none of the range.
    ///
    /// # Errors
    /// Those of the cluster.
    pub fn ask(
        ranges: &Ranges,
        topology: &Topology,
        names: &TopicNames,
        ready_partition_count: u32,
        times: Times,
    ) -> Result<ReplayRange, SourceError> {
        let count = topology.partition_count();
        // What was appended by `until` was committed, and told, at that time or later.
        let told_times = (times.0, None);
        let changelog = ranges.spans(&names.state, count, told_times)?;
        let ready = ranges.spans(&names.ready, ready_partition_count, told_times)?;
        let mut inputs = BTreeMap::new();
        for input in topology.aligned() {
            for span in ranges.spans(&topology.input(input).topic, count, times)? {
                inputs.insert((input, Partition(span.partition)), span);
            }
        }
        Ok(ReplayRange { inputs, changelog, ready })
    }

    /// Input records, at most.
    pub fn record_count_max(&self) -> u64 {
        self.inputs.values().map(Span::len).sum()
    }

    /// Topics of which the first records are gone, or left out, and how many of them.
    pub fn beginnings_missing(&self) -> BTreeMap<&str, i64> {
        let mut missing = BTreeMap::new();
        for span in self.inputs.values().filter(|span| span.from > 0) {
            *missing.entry(span.topic.as_str()).or_default() += span.from;
        }
        missing
    }
}

/// One reading of the range.
pub struct KafkaReplayLog {
    reader: RangeReader,
    inputs: BTreeMap<(InputId, Partition), usize>,
    manifests: Vec<Manifests>,
}

/// Manifests of one partition.
struct Manifests {
    at: usize,
    from: i64,
    seen_count: i64,
    had_one: bool,
}

impl KafkaReplayLog {
    /// # Errors
    /// Those of the cluster.
    pub fn open(ranges: &Ranges, range: &ReplayRange) -> Result<KafkaReplayLog, SourceError> {
        let spans: Vec<Span> = range.inputs.values().chain(&range.changelog).cloned().collect();
        let manifests = range.changelog.iter().zip(range.inputs.len()..);
        Ok(KafkaReplayLog {
            reader: ranges.reader(&spans)?,
            inputs: range.inputs.keys().copied().zip(0..).collect(),
            manifests: manifests
                .map(|(span, at)| Manifests { at, from: span.from, seen_count: 0, had_one: false })
                .collect(),
        })
    }
}

impl ReplayLog for KafkaReplayLog {
    fn peek(&mut self, input: InputId, partition: Partition) -> Result<Option<&LoggedRecord>, SourceError> {
        match self.inputs.get(&(input, partition)) {
            Some(at) => self.reader.peek(*at),
            None => Ok(None),
        }
    }

    fn take(&mut self, input: InputId, partition: Partition) -> Result<Option<LoggedRecord>, SourceError> {
        match self.inputs.get(&(input, partition)) {
            Some(at) => self.reader.take(*at),
            None => Ok(None),
        }
    }

    fn manifest(&mut self, partition: Partition) -> Result<Option<LoggedManifest>, SourceError> {
        let Some(manifests) = self.manifests.get_mut(partition.0 as usize) else { return Ok(None) };
        while let Some(record) = self.reader.take(manifests.at)? {
            if record.key.as_deref() != Some(manifest::KEY) {
                manifests.seen_count += 1;
                continue;
            }
            // The cleaner keeps only the newest of what it has cleaned: where nothing before the first manifest is
            // missing, no manifest is.
            let after_gap = !manifests.had_one && record.offset != manifests.from + manifests.seen_count;
            manifests.had_one = true;
            let manifest = Manifest::decode(record.value.as_deref().unwrap_or_default())
                .map_err(|error| SourceError::Fatal(format!("changelog, partition {}: {error}", partition.0)))?;
            return Ok(Some(LoggedManifest { appended_at_ms: record.appended_at_ms, after_gap, manifest }));
        }
        Ok(None)
    }
}
