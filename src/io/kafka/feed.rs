//! A plain producer for simulated traffic: many records, no transactions, placed as the Java client places them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::Settings;

/// Counts what the broker did not take.
#[derive(Default)]
struct Reports {
    failed_count: AtomicU64,
    first_failure: Mutex<Option<String>>,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.failed_count.fetch_add(1, Ordering::Relaxed);
            let mut first = self.first_failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            first.get_or_insert_with(|| error.to_string());
        }
    }
}

/// Why records could not be written; the text names the fix where there is one.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("kafka at {0}: {1}; check kafka.bootstrap_servers")]
    Unreachable(String, KafkaError),
    #[error("topic {0} does not exist; `tsuikyaku topics --apply` creates it")]
    NoTopic(String),
    #[error("kafka: {0}")]
    Client(KafkaError),
    #[error("{count} records were not written; the first: {first}")]
    NotWritten { count: u64, first: String },
}

pub struct Feed {
    producer: BaseProducer<Reports>,
}

impl Feed {
    /// Connects, and makes sure that the topics are there.
    ///
    /// # Errors
    /// Where no broker answers, or a topic is missing.
    pub fn new(settings: &Settings, topics: &[&str]) -> Result<Feed, FeedError> {
        let mut config = settings.client(&format!("{}-generate", settings.app_id));
        config
            .set("partitioner", "murmur2_random") // as the Java client; librdkafka's default is CRC32
            .set("compression.type", "lz4")
            .set("enable.idempotence", "true") // a retry changes neither order nor count
            .set("linger.ms", "20")
            .set("queue.buffering.max.kbytes", "65536")
            .set("message.timeout.ms", "60000");
        let producer: BaseProducer<Reports> =
            config.create_with_context(Reports::default()).map_err(FeedError::Client)?;
        let servers = || settings.bootstrap_servers.clone();
        for topic in topics {
            let metadata = producer.client().fetch_metadata(Some(topic), settings.request_timeout);
            let metadata = metadata.map_err(|error| FeedError::Unreachable(servers(), error))?;
            if !metadata.topics().iter().any(|found| found.name() == *topic && !found.partitions().is_empty()) {
                return Err(FeedError::NoTopic((*topic).into()));
            }
        }
        Ok(Feed { producer })
    }

    /// Queues a record; waits while the queue is full.
    ///
    /// # Errors
    /// Where the client refuses it, or the broker has refused others.
    pub fn send(&self, topic: &str, key: &str, value: &[u8], timestamp_ms: i64) -> Result<(), FeedError> {
        let mut record = BaseRecord::to(topic).key(key).payload(value).timestamp(timestamp_ms);
        loop {
            match self.producer.send(record) {
                Ok(()) => return self.check(),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    self.producer.poll(Duration::from_millis(20));
                    record = back;
                }
                Err((error, _)) => return Err(FeedError::Client(error)),
            }
        }
    }

    /// Handles reports of what was sent.
    pub fn poll(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Records that the broker has not confirmed.
    pub fn waiting_count(&self) -> u64 {
        u64::try_from(self.producer.in_flight_count()).unwrap_or_default()
    }

    /// Waits until everything is confirmed.
    ///
    /// # Errors
    /// Where records were refused, or are not confirmed in time.
    pub fn finish(&self, within: Duration) -> Result<(), FeedError> {
        let end = Instant::now() + within;
        while self.waiting_count() > 0 && Instant::now() < end {
            self.producer.poll(Duration::from_millis(10));
        }
        self.check()?;
        match self.waiting_count() {
            0 => Ok(()),
            count => Err(FeedError::NotWritten { count, first: "not confirmed in time".into() }),
        }
    }

    fn check(&self) -> Result<(), FeedError> {
        let reports = self.producer.context();
        match reports.failed_count.load(Ordering::Relaxed) {
            0 => Ok(()),
            count => {
                let first = reports.first_failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                Err(FeedError::NotWritten { count, first: first.clone().unwrap_or_default() })
            }
        }
    }
}
