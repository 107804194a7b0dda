//! Everything that went into the log and came out of it, written down before compaction takes it.

use std::collections::BTreeMap;

use tsuikyaku::audit::log::LoggedRecord;
use tsuikyaku::audit::recorded::RecordedLog;
use tsuikyaku::io::embedded::{EmbeddedLog, Entry};
use tsuikyaku::runtime::batch::{InputId, Partition};
use tsuikyaku::runtime::ports::OutTopic;
use tsuikyaku::runtime::topology::Topology;
use xxhash_rust::xxh3::Xxh3;

pub const OUTPUTS: [(OutTopic, &str); 4] = [
    (OutTopic::Ready, "outreach.ready"),
    (OutTopic::Score, "lead.score"),
    (OutTopic::State, "app.state"),
    (OutTopic::DeadLetter, "app.dead-letter"),
];

#[derive(Default)]
pub struct Recorder {
    inputs: BTreeMap<(InputId, Partition), Vec<LoggedRecord>>,
    positions: BTreeMap<OutTopic, Vec<i64>>,
    outputs: BTreeMap<(OutTopic, Partition), Vec<LoggedRecord>>,
}

impl Recorder {
    pub fn input(&mut self, input: InputId, partition: Partition, at_ms: i64, key: Option<&[u8]>, value: &[u8]) {
        let records = self.inputs.entry((input, partition)).or_default();
        records.push(LoggedRecord {
            offset: records.len() as i64,
            appended_at_ms: at_ms,
            key: key.map(<[u8]>::to_vec),
            value: Some(value.to_vec()),
            headers: Vec::new(),
        });
    }

    pub fn read(&mut self, log: &EmbeddedLog) {
        for topic in OutTopic::ALL {
            log.read(topic, self.positions.entry(topic).or_default(), &mut |partition, entry| {
                self.outputs.entry((topic, partition)).or_default().push(logged(entry));
            });
        }
    }

    /// As the auditor wants it; `read` was called when everything had ended.
    pub fn finish(self, log: &EmbeddedLog, topology: &Topology) -> RecordedLog {
        let Recorder { mut inputs, mut outputs, .. } = self;
        let mut recorded = RecordedLog::default();
        for (topic, name) in OUTPUTS {
            let of = |partition| outputs.remove(&(topic, Partition(partition))).unwrap_or_default();
            recorded.topics.insert(name.into(), (0..topology.partition_count()).map(of).collect());
        }
        for (partition, end) in log.ends(OutTopic::State).into_iter().enumerate() {
            recorded.ends.insert(("app.state".into(), partition as u32), end);
        }
        for (input, own) in topology.inputs() {
            let mut of = |partition| match input {
                InputId::INTAKE => outputs.remove(&(OutTopic::Intake, Partition(partition))).unwrap_or_default(),
                _ => inputs.remove(&(input, Partition(partition))).unwrap_or_default(),
            };
            recorded.topics.insert(own.topic.clone(), (0..own.partition_count).map(&mut of).collect());
            for partition in 0..own.partition_count {
                let committed = log.committed(input, Partition(partition));
                recorded.committed.extend(committed.map(|next| ((own.topic.clone(), partition), next)));
            }
        }
        recorded
    }
}

/// Of every byte of every record.
pub fn hash(log: &RecordedLog) -> u64 {
    let mut hash = Xxh3::new();
    for (topic, partitions) in &log.topics {
        hash.update(topic.as_bytes());
        for record in partitions.iter().flatten() {
            hash.update(&record.offset.to_le_bytes());
            hash.update(&record.appended_at_ms.to_le_bytes());
            for bytes in [&record.key, &record.value].into_iter().flatten() {
                hash.update(bytes);
            }
        }
    }
    hash.digest()
}

fn logged(entry: &Entry) -> LoggedRecord {
    LoggedRecord {
        offset: entry.offset,
        appended_at_ms: entry.appended_at_ms,
        key: entry.key.as_deref().map(<[u8]>::to_vec),
        value: entry.value.as_deref().map(<[u8]>::to_vec),
        headers: entry.headers.iter().map(|(name, value)| (name.to_string(), value.to_vec())).collect(),
    }
}
