//! One application on the shared broker, driven through the ports by hand.

use std::time::{Duration, Instant};

use kit::broker::{Cluster, shared};
use kit::log::{Isolation, New, Record, Writer, read_all};
use kit::topics::{create_all, names, unique};
use tsuikyaku::io::kafka::{KafkaSink, KafkaSource, Settings};
use tsuikyaku::runtime::batch::{Batch, InputId, Partition};
use tsuikyaku::runtime::ports::{Change, OutRecord, OutTopic, PollLimits, Position, Sink, Source, SourceError};

pub const LIMITS: PollLimits = PollLimits { wait: Duration::from_millis(50), records_max: 10_000, bytes_max: 16 << 20 };
pub const DEADLINE: Duration = Duration::from_secs(30);
pub const WEB: InputId = InputId(1);

pub struct Rig {
    pub settings: Settings,
    pub writer: Writer,
}

impl Rig {
    /// An application with one input `web` beside the intake, both with `partitions`.
    pub fn new(test: &str, partitions: u32) -> Rig {
        Rig::on(shared(), test, partitions, &["web"], &[])
    }

    pub fn on(cluster: &Cluster, test: &str, partitions: u32, inputs: &[&str], other_counts: &[(&str, u32)]) -> Rig {
        let app = unique(test);
        let servers = cluster.bootstrap_servers();
        let mut settings = Settings::new(&servers, &app, "a", names(&app, inputs));
        settings.session_timeout = Duration::from_secs(6);
        let counts: Vec<(String, u32)> = other_counts.iter().map(|(name, n)| (format!("{app}.{name}"), *n)).collect();
        let counts: Vec<(&str, u32)> = counts.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        create_all(&settings, partitions, &counts);
        Rig { writer: Writer::new(&servers), settings }
    }

    /// The same application in another process.
    pub fn settings_of(&self, instance: &str) -> Settings {
        Settings { instance: instance.to_owned(), ..self.settings.clone() }
    }

    pub fn source(&self, instance: &str) -> Reading {
        let source = KafkaSource::open(&self.settings_of(instance), 0).expect("the cluster answers");
        Reading { source, batch: Batch::default(), owned: Vec::new(), stateless: Vec::new() }
    }

    pub fn sink(&self, instance: &str) -> KafkaSink {
        KafkaSink::open(&self.settings_of(instance), 0).expect("the cluster answers")
    }

    pub fn write(&self, input: InputId, partition: u32, values: std::ops::Range<u32>) {
        for value in values {
            let value = value.to_string();
            let partition = Some(partition as i32);
            let new = New { partition, key: Some(b"k"), value: Some(value.as_bytes()), ..New::default() };
            self.writer.send(self.settings.topics.input(input), new);
        }
        self.writer.flush();
    }

    pub fn read(&self, topic: OutTopic, isolation: Isolation) -> Vec<Record> {
        read_all(&self.settings.bootstrap_servers, self.settings.topics.out(topic), isolation)
    }

    /// Values of a topic, as text.
    pub fn values(&self, topic: OutTopic, isolation: Isolation) -> Vec<String> {
        let text = |record: Record| String::from_utf8(record.value.unwrap_or_default()).expect("tests write text");
        self.read(topic, isolation).into_iter().map(text).collect()
    }
}

/// A source, what it gave, and what it owns.
pub struct Reading {
    pub source: KafkaSource,
    pub batch: Batch,
    pub owned: Vec<Partition>,
    pub stateless: Vec<(InputId, Partition)>,
}

impl Reading {
    pub fn poll(&mut self) -> Result<Change, SourceError> {
        let change = self.source.poll(&mut self.batch, LIMITS)?;
        self.owned.retain(|own| !change.lost.contains(own));
        self.owned.extend(&change.gained);
        self.owned.sort();
        self.stateless.retain(|own| !change.lost_stateless.contains(own));
        self.stateless.extend(&change.gained_stateless);
        Ok(change)
    }

    pub fn poll_until(&mut self, what: &str, condition: impl Fn(&Reading) -> bool) {
        let until = Instant::now() + DEADLINE;
        while !condition(self) {
            assert!(
                Instant::now() < until,
                "waited in vain for {what}: {} records, {:?}",
                self.batch.len(),
                self.owned
            );
            match self.poll() {
                Ok(_) | Err(SourceError::Retry(_)) => {}
                Err(error) => panic!("{what}: {error}"),
            }
        }
    }

    pub fn poll_until_owned(&mut self, count: usize) {
        self.poll_until(&format!("{count} partitions"), |reading| reading.owned.len() == count);
    }

    /// Committed positions of everything owned, or the low watermark.
    pub fn positions(&mut self) -> Vec<Position> {
        let mut of: Vec<(InputId, Partition)> = self.stateless.clone();
        for partition in &self.owned {
            of.extend(self.source.inputs().iter().map(|input| (*input, *partition)));
        }
        let until = Instant::now() + DEADLINE;
        let committed = loop {
            match self.source.committed(&of) {
                Ok(committed) => break committed,
                Err(SourceError::Retry(_)) if Instant::now() < until => {}
                Err(error) => panic!("{error}"),
            }
        };
        let mut positions = Vec::new();
        for ((input, partition), committed) in of.into_iter().zip(committed) {
            let next_offset = match committed {
                Some(offset) => offset,
                None => self.source.low_watermark(input, partition).expect("the broker answers"),
            };
            positions.push(Position { input, partition, next_offset });
        }
        positions
    }

    /// Joins, and starts everything where the group stands.
    pub fn start_all(&mut self, count: usize) {
        self.poll_until_owned(count);
        let positions = self.positions();
        self.source.start(&positions).expect("partitions that are owned");
    }

    pub fn values(&self) -> Vec<u32> {
        let value = |bytes: Option<&[u8]>| std::str::from_utf8(bytes?).ok()?.parse().ok();
        self.batch.iter().map(|record| value(record.value).expect("tests write numbers")).collect()
    }

    /// Where to go on after the batch.
    pub fn next(&self) -> Vec<Position> {
        let mut next: Vec<Position> = Vec::new();
        for record in self.batch.iter() {
            let position =
                Position { input: record.input, partition: record.partition, next_offset: record.offset + 1 };
            next.retain(|own| (own.input, own.partition) != (position.input, position.partition));
            next.push(position);
        }
        next
    }
}

/// A record for READY.
pub fn ready<'a>(key: &'a str, value: &'a str) -> OutRecord<'a> {
    out(OutTopic::Ready, key, Some(value))
}

pub fn out<'a>(topic: OutTopic, key: &'a str, value: Option<&'a str>) -> OutRecord<'a> {
    let value = value.map(str::as_bytes);
    OutRecord { topic, partition: None, key: Some(key.as_bytes()), value, headers: &[], timestamp_ms: None }
}

/// One whole transaction with these records and no offsets.
pub fn commit(sink: &mut KafkaSink, records: &[OutRecord<'_>]) -> Vec<(Partition, i64)> {
    sink.begin().expect("a live producer");
    for record in records {
        sink.send(*record).expect("room in the queue");
    }
    let state = sink.drain().expect("the broker takes them");
    sink.end().expect("nobody fences us");
    state
}
