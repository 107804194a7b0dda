//! A topic beside the real outputs: where `replay` puts its decisions for those who want to read them like sent ones.
//!
//! Without transactions: whoever sees half of a replay sees half of a trial. Places records as the Java client does.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::drop_within;
use super::settings::Settings;
use crate::runtime::ports::SinkError;

/// The cluster takes nothing for so long: give up.
const PATIENCE: Duration = Duration::from_secs(60);
const DROP_MAX: Duration = Duration::from_secs(5);

/// Remembers the first record that was not taken.
#[derive(Default)]
struct Reports(Mutex<Option<String>>);

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            let mut first = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            first.get_or_insert_with(|| error.to_string());
        }
    }
}

/// Writes to one topic.
pub struct Aside {
    topic: String,
    producer: Option<BaseProducer<Reports>>,
}

impl Aside {
    /// # Errors
    /// `Fatal` where a property is wrong.
    pub fn open(settings: &Settings, topic: &str) -> Result<Aside, SinkError> {
        let mut config = settings.client(&format!("{}-replay-out", settings.app_id));
        config
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "20")
            .set("message.timeout.ms", PATIENCE.as_millis().to_string())
            .set("message.max.bytes", settings.record_bytes_max.to_string());
        let producer = config.create_with_context(Reports::default());
        let producer = producer.map_err(|error| SinkError::Fatal(format!("producer: {error}")))?;
        Ok(Aside { topic: topic.to_owned(), producer: Some(producer) })
    }

    fn producer(&self) -> &BaseProducer<Reports> {
        self.producer.as_ref().expect("taken by drop only")
    }

    /// Queues a record; `finish` waits for it.
    ///
    /// # Errors
    /// `Fatal` where the cluster refuses records, or takes none in time.
    pub fn send(&self, key: &[u8], value: &[u8]) -> Result<(), SinkError> {
        let since = Instant::now();
        let mut record = BaseRecord::to(&self.topic).key(key).payload(value);
        while let Err((error, back)) = self.producer().send(record) {
            let is_full = matches!(error, KafkaError::MessageProduction(Code::QueueFull));
            if !is_full || since.elapsed() > PATIENCE {
                return Err(SinkError::Fatal(format!("{}: {error}", self.topic)));
            }
            self.producer().poll(Duration::from_millis(10));
            record = back;
        }
        self.producer().poll(Duration::ZERO);
        self.refused()
    }

    /// Waits until everything is in the log.
    ///
    /// # Errors
    /// Those of `send`.
    pub fn finish(&self) -> Result<(), SinkError> {
        let flushed = self.producer().flush(PATIENCE);
        self.refused()?;
        flushed.map_err(|error| SinkError::Fatal(format!("{}: {error}", self.topic)))
    }

    fn refused(&self) -> Result<(), SinkError> {
        let first = self.producer().context().0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*first {
            Some(reason) => Err(SinkError::Fatal(format!("{}: {reason}", self.topic))),
            None => Ok(()),
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            drop_within(producer, DROP_MAX);
        }
    }
}
