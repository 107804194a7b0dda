//! The log from outside: plain producers and readers, as other programs would be.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext};

const REQUEST: Duration = Duration::from_secs(10);
const LEADER_WITHIN: Duration = Duration::from_secs(60);
/// Where nothing came for so long, the rest is asked for again.
const SILENT_MAX: Duration = Duration::from_secs(2);

/// A record as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

/// A record to write.
#[derive(Debug, Clone, Copy, Default)]
pub struct New<'a> {
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub timestamp_ms: Option<i64>,
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// Remembers a record that the broker refused: one stamped an hour ahead, for instance.
#[derive(Default)]
struct Refusals(Mutex<Option<String>>);

impl ClientContext for Refusals {}

impl ProducerContext for Refusals {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            *self.0.lock().expect("no panic while held") = Some(format!("{}: {error}", message.topic()));
        }
    }
}

/// A producer without transactions, which places records as the Java client does.
pub struct Writer {
    producer: BaseProducer<Refusals>,
}

impl Writer {
    pub fn new(bootstrap_servers: &str) -> Writer {
        Writer::lingering(bootstrap_servers, Duration::from_millis(5))
    }

    /// Waits so long for further records of a batch. Each partition's batch is a request of its own.
    pub fn lingering(bootstrap_servers: &str, linger: Duration) -> Writer {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap_servers)
            .set("partitioner", "murmur2_random")
            .set("enable.idempotence", "true")
            .set("linger.ms", linger.as_millis().to_string())
            .create_with_context(Refusals::default())
            .expect("a plain producer");
        Writer { producer }
    }

    /// Queues a record; `flush` waits for it.
    pub fn send(&self, topic: &str, new: New<'_>) {
        let mut headers = (!new.headers.is_empty()).then(OwnedHeaders::new);
        for (key, value) in new.headers {
            headers = headers.map(|all| all.insert(Header { key, value: Some(*value) }));
        }
        let mut record = BaseRecord::<[u8], [u8]>::to(topic);
        record.partition = new.partition;
        record.key = new.key;
        record.payload = new.value;
        record.timestamp = new.timestamp_ms;
        record.headers = headers;
        while let Err((error, back)) = self.producer.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{topic}: {error}");
            self.producer.poll(Duration::from_millis(10));
            record = back;
        }
    }

    pub fn flush(&self) {
        self.producer.flush(Duration::from_secs(60)).expect("the broker answers in time");
        let refused = self.producer.client().context().0.lock().expect("no panic while held").clone();
        assert_eq!(refused, None, "the broker takes all records");
    }
}

/// What a reader of a topic sees now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    Committed,
    Uncommitted,
}

/// Reads all partitions of a topic from where it stood to their ends.
pub struct Reader {
    consumer: BaseConsumer,
    topic: String,
    next: Vec<i64>,
    limit: Vec<i64>,
}

impl Reader {
    pub fn new(bootstrap_servers: &str, topic: &str, isolation: Isolation) -> Reader {
        let level = match isolation {
            Isolation::Committed => "read_committed",
            Isolation::Uncommitted => "read_uncommitted",
        };
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap_servers)
            .set("group.id", "reader-of-tests")
            .set("isolation.level", level)
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "10")
            .create()
            .expect("a plain consumer");
        let metadata = consumer.fetch_metadata(Some(topic), REQUEST).expect("the broker answers");
        let count = metadata.topics()[0].partitions().len();
        let low = |partition| consumer.fetch_watermarks(topic, partition, REQUEST).expect("the broker answers").0;
        let next: Vec<i64> = (0..count as i32).map(low).collect();
        let limit = next.clone();
        let reader = Reader { consumer, topic: topic.to_owned(), next, limit };
        reader.assign();
        reader
    }

    /// Reads on from where it stands.
    fn assign(&self) {
        let mut assignment = TopicPartitionList::new();
        for (partition, next) in (0..).zip(&self.next) {
            assignment.add_partition_offset(&self.topic, partition, Offset::Offset(*next)).expect("a plain offset");
        }
        self.consumer.assign(&assignment).expect("partitions that exist");
    }

    /// Everything up to the ends as they are now (of what is committed, for such a reader).
    pub fn read_to_end(&mut self) -> Vec<Record> {
        for (partition, limit) in self.limit.iter_mut().enumerate() {
            // a leader that has just died is replaced soon
            *limit = crate::wait_for("the end of a partition", LEADER_WITHIN, || {
                Some(self.consumer.fetch_watermarks(&self.topic, partition as i32, REQUEST).ok()?.1)
            });
        }
        let mut records = Vec::new();
        let until = Instant::now() + Duration::from_secs(60);
        let mut again = Instant::now() + SILENT_MAX;
        while self.next.iter().zip(&self.limit).any(|(next, limit)| next < limit) {
            assert!(Instant::now() < until, "{} at {:?} of {:?}", self.topic, self.next, self.limit);
            let before = records.len();
            self.step(Duration::from_millis(20), &mut records);
            if records.len() > before {
                again = Instant::now() + SILENT_MAX;
            } else if Instant::now() >= again {
                self.assign(); // the end behind a marker may have been told before the limit was known: it is told once
                again = Instant::now() + SILENT_MAX;
            }
        }
        records
    }

    /// What arrives within `wait`, at most one record.
    pub fn read_one(&mut self, wait: Duration) -> Option<Record> {
        let mut records = Vec::new();
        self.step(wait, &mut records);
        records.pop()
    }

    fn step(&mut self, wait: Duration, records: &mut Vec<Record>) {
        match self.consumer.poll(wait) {
            Some(Ok(message)) => {
                self.next[message.partition() as usize] = message.offset() + 1;
                records.push(owned(&message));
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                // at the end: only markers can stand between here and the limit
                let place = partition as usize;
                self.next[place] = self.next[place].max(self.limit[place]);
            }
            Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::BrokerTransportFailure) => {}
            Some(Err(error)) => panic!("{}: {error}", self.topic),
            None => {}
        }
    }
}

/// All of a topic.
pub fn read_all(bootstrap_servers: &str, topic: &str, isolation: Isolation) -> Vec<Record> {
    Reader::new(bootstrap_servers, topic, isolation).read_to_end()
}

fn owned(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map(|headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec())).collect()
    });
    Record {
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
    }
}
