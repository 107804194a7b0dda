//! The port `Sink`: one transactional producer.
//!
//! Records are handed over (`produce`) with their topic's handle, acknowledged while `drain` looks every 100 µs (a thread or a
//! blocking wait costs more and is slower), and each delivery report is looked at.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::drop_within;
use super::errors::{self, Flags, Phase};
use super::log::Log;
use super::produce::{self, Together};
use super::queue::Topic;
use super::settings::Settings;
use super::watchdog::Watchdog;
use crate::runtime::batch::Partition;
use crate::runtime::ports::{OutRecord, OutTopic, Position, Sink, SinkError};

/// How often `drain` looks.
const LOOK: Duration = Duration::from_micros(100);
/// A call of the transaction may take so long; the watchdog's limit lies above.
const CALL_MAX: Duration = Duration::from_secs(12);
/// The client library asks again, where a connection broke, no sooner than this: after four fifths of its
/// `retry.backoff.ms`. A call that took as long may have left a request behind that is still on its way.
const ASKED_AGAIN_MIN: Duration = Duration::from_millis(320);
/// An abandoned producer may take so long to end before it is left behind.
const DROP_MAX: Duration = Duration::from_secs(2);

/// What the delivery reports of the open transaction said.
#[derive(Debug, Default)]
struct Delivered {
    /// Per changelog partition, the offset behind the last record.
    state: Vec<(Partition, i64)>,
    failure: Option<(Code, String)>,
}

impl Delivered {
    fn note(&mut self, partition: i32, offset: i64) {
        let partition = Partition(partition as u32);
        match self.state.iter_mut().find(|(own, _)| *own == partition) {
            Some((_, next)) => *next = (*next).max(offset + 1),
            None => self.state.push((partition, offset + 1)),
        }
    }
}

#[derive(Debug)]
struct Reports {
    log: Log,
    delivered: Mutex<Delivered>,
}

impl Reports {
    /// Never waited for: reports are served on the worker's own thread.
    fn with<T>(&self, act: impl FnOnce(&mut Delivered) -> T) -> T {
        act(&mut self.delivered.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.log.line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.failure(&error, reason);
    }
}

impl ProducerContext for Reports {
    /// The place of the topic in `OutTopic::ALL`.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, topic: usize) {
        match result {
            Ok(message) if OutTopic::ALL[topic] == OutTopic::State => {
                self.with(|delivered| delivered.note(message.partition(), message.offset()));
            }
            Ok(_) => {}
            Err((error, message)) => {
                let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
                let text = format!("{} [{}]: {error}", message.topic(), message.partition());
                self.with(|delivered| {
                    delivered.failure.get_or_insert((code, text));
                });
            }
        }
    }
}

/// One worker's output. See the port for the contract.
pub struct KafkaSink {
    settings: Settings,
    worker: u32,
    live: Option<Live>,
    /// A request of an earlier transaction may still arrive, and the broker cannot tell it from one of the next
    /// transaction: that has to have an epoch of its own.
    may_come_late: bool,
    watchdog: Watchdog,
}

/// A producer and its topics, dropped in this order.
struct Live {
    /// By the place in `OutTopic::ALL`.
    topics: Vec<Topic>,
    producer: BaseProducer<Reports>,
}

impl Live {
    fn topic(&self, topic: OutTopic) -> &Topic {
        &self.topics[place(topic)]
    }
}

/// The place of a topic in `OutTopic::ALL`.
fn place(topic: OutTopic) -> usize {
    OutTopic::ALL.iter().position(|own| *own == topic).expect("ALL holds every topic")
}

impl KafkaSink {
    /// Connects and fences whoever held our transactional id. See `Sink::rebuild` for the errors.
    ///
    /// # Errors
    /// `Unknown` when the cluster does not answer: try again with `rebuild`, or open anew.
    pub fn open(settings: &Settings, worker: u32) -> Result<KafkaSink, SinkError> {
        let watchdog = Watchdog::start(settings.transactional_id(worker));
        let mut sink = KafkaSink { settings: settings.clone(), worker, live: None, may_come_late: false, watchdog };
        sink.rebuild()?;
        Ok(sink)
    }

    fn live(&self) -> Result<&Live, SinkError> {
        self.live.as_ref().ok_or_else(|| SinkError::Unknown("no producer since the last rebuild failed".into()))
    }

    /// Runs a transactional call under the watchdog. An outcome that asks for a rebuild forbids further calls.
    fn call(
        &mut self,
        phase: Phase,
        call: impl FnOnce(&BaseProducer<Reports>) -> Result<(), KafkaError>,
    ) -> Result<(), SinkError> {
        let live = self.live()?;
        let since = Instant::now();
        let outcome = self.watchdog.watched(|| call(&live.producer));
        self.may_come_late |= since.elapsed() >= ASKED_AGAIN_MIN;
        outcome.map_err(|error| errors::of_transaction(&error, phase))
    }

    /// Waits for all delivery reports; only the first failure is kept.
    fn settle(&self, live: &Live) -> Result<(), SinkError> {
        let until = Instant::now() + CALL_MAX;
        while live.producer.in_flight_count() > 0 {
            live.producer.poll(Duration::ZERO);
            if live.producer.in_flight_count() == 0 {
                break;
            }
            if Instant::now() >= until {
                return Err(SinkError::Unknown("produce: records are still not acknowledged".into()));
            }
            std::thread::sleep(LOOK);
        }
        match live.producer.context().with(|delivered| delivered.failure.take()) {
            Some((code, text)) => Err(self.failed_send(live, code, &text)),
            None => Ok(()),
        }
    }

    /// Hands over what has room in the library's queue, until all of it is there.
    fn while_full(
        &self,
        topic: OutTopic,
        mut produce: impl FnMut() -> Result<(), (Code, String)>,
    ) -> Result<(), SinkError> {
        let live = self.live()?;
        let mut until = None;
        loop {
            match produce() {
                Ok(()) => return Ok(()),
                Err((Code::QueueFull, _))
                    if Instant::now() < *until.get_or_insert_with(|| Instant::now() + CALL_MAX) =>
                {
                    live.producer.poll(Duration::ZERO);
                    std::thread::sleep(LOOK);
                }
                Err((code, text)) => {
                    let name = self.settings.topics.out(topic);
                    return Err(self.failed_send(live, code, &format!("{name}: {text}")));
                }
            }
        }
    }

    /// A fatal error of the producer hides behind the code of a record.
    fn failed_send(&self, live: &Live, code: Code, text: &str) -> SinkError {
        match live.producer.client().fatal_error() {
            Some((code, reason)) => {
                errors::of_write(code, Flags { fatal: true, ..Flags::default() }, Phase::Send, &reason)
            }
            None => errors::of_write(code, Flags::default(), Phase::Send, text),
        }
    }

    fn connect(&self) -> Result<Live, SinkError> {
        let context = Reports { log: Log::new(format!("sink {}", self.worker)), delivered: Mutex::default() };
        let config = self.settings.producer(self.worker);
        let producer: BaseProducer<Reports> =
            config.create_with_context(context).map_err(|error| SinkError::Fatal(format!("producer: {error}")))?;
        // a producer that knows no broker yet waits half a second for its coordinator
        let known = self.watchdog.watched(|| producer.client().fetch_metadata(None, self.settings.request_timeout));
        known.map_err(|error| errors::of_transaction(&error, Phase::Init))?;
        let native = producer.client().native_ptr();
        let topics = OutTopic::ALL.map(|topic| Topic::new(native, self.settings.topics.out(topic)));
        let topics: Option<Vec<Topic>> = topics.into_iter().collect();
        let topics = topics.ok_or_else(|| SinkError::Fatal("a topic name is not allowed by kafka".into()))?;
        Ok(Live { topics, producer })
    }
}

impl Sink for KafkaSink {
    type Group = ConsumerGroupMetadata;

    fn begin(&mut self) -> Result<(), SinkError> {
        self.live()?; // whoever has none rewinds: the positions he knows are older than the producer he would get
        if self.may_come_late {
            tracing::debug!(
                worker = self.worker,
                "a request may have been sent twice: a new epoch before the next transaction"
            );
            self.rebuild()?;
        }
        self.call(Phase::Begin, |producer| {
            producer.poll(Duration::ZERO);
            producer.context().with(|delivered| *delivered = Delivered::default());
            producer.begin_transaction()
        })
    }

    fn send(&mut self, record: OutRecord<'_>) -> Result<(), SinkError> {
        let live = self.live()?;
        let client = live.producer.client().native_ptr();
        self.while_full(record.topic, || produce::one(client, live.topic(record.topic), place(record.topic), &record))
    }

    fn send_changelog<'r>(
        &mut self,
        partition: Partition,
        records: impl Iterator<Item = (&'r [u8], Option<&'r [u8]>)>,
    ) -> Result<(), SinkError> {
        let topic = self.live()?.topic(OutTopic::State);
        let mut records = Together::of(partition, place(OutTopic::State), records);
        self.while_full(OutTopic::State, || records.produce(topic))
    }

    fn drain(&mut self) -> Result<Vec<(Partition, i64)>, SinkError> {
        let live = self.live()?;
        self.watchdog.watched(|| self.settle(live))?;
        Ok(live.producer.context().with(|delivered| std::mem::take(&mut delivered.state)))
    }

    fn send_offsets(&mut self, positions: &[Position], group: &ConsumerGroupMetadata) -> Result<(), SinkError> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for at in positions {
            let name = self.settings.topics.input(at.input);
            list.add_partition_offset(name, at.partition.0 as i32, Offset::Offset(at.next_offset))
                .expect("an offset of a record is not negative");
        }
        self.call(Phase::Offsets, |producer| producer.send_offsets_to_transaction(&list, group, CALL_MAX))
    }

    fn end(&mut self) -> Result<(), SinkError> {
        self.call(Phase::End, |producer| producer.commit_transaction(CALL_MAX))
    }

    fn abort(&mut self) -> Result<(), SinkError> {
        let live = self.live()?;
        // with records on their way an abort runs out its whole timeout; what became of them does not matter
        let _ = self.watchdog.watched(|| self.settle(live));
        self.call(Phase::Abort, |producer| producer.abort_transaction(CALL_MAX))
    }

    fn rebuild(&mut self) -> Result<(), SinkError> {
        if let Some(live) = self.live.take()
            && !drop_within(live, DROP_MAX)
        {
            tracing::warn!("the old producer did not end in time; its successor fences it");
        }
        let live = self.connect()?;
        let outcome = self.watchdog.watched(|| live.producer.init_transactions(CALL_MAX));
        match outcome {
            Ok(()) => {
                (self.live, self.may_come_late) = (Some(live), false);
                Ok(())
            }
            Err(error) => {
                drop_within(live, DROP_MAX);
                Err(errors::of_transaction(&error, Phase::Init))
            }
        }
    }
}

impl Drop for KafkaSink {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            drop_within(live, DROP_MAX);
        }
    }
}
