//! A fixed range of topics, read outside of the group and as often as wanted: for `replay`.
//!
//! Nothing is written, no group is joined and no position is committed. Each partition has a queue of its own and is
//! asked for its next record, so that whoever merges them decides what is read; what waits is bounded by the client's
//! queues and one piece of each partition.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::drop_within;
use super::errors;
use super::layout::metadata;
use super::log::Log;
use super::queue::{Fetched, Queue, Topic};
use super::settings::Settings;
use crate::runtime::ports::SourceError;
use crate::runtime::recompute::LoggedRecord;

/// Records taken by one call.
const PIECE: usize = 512;
/// Fetched ahead of each partition at most.
const AHEAD_KIB: &str = "1024";
const WAIT: Duration = Duration::from_millis(100);
/// No record and no end for so long: the cluster does not answer.
const PATIENCE: Duration = Duration::from_secs(60);
const DROP_MAX: Duration = Duration::from_secs(5);

/// Offsets of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub topic: String,
    pub partition: u32,
    /// The first record that the topic holds.
    pub first_offset: i64,
    /// Where the range begins; `first_offset` or later.
    pub from: i64,
    /// Behind its last record.
    pub until: i64,
}

impl Span {
    /// Offsets, markers and gaps included.
    pub fn len(&self) -> u64 {
        u64::try_from(self.until - self.from).unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Part of a topic by append time, ms since the epoch: from the first one on, up to and including the second.
pub type Times = (Option<i64>, Option<i64>);

/// Asks for spans, and opens readers of them.
pub struct Ranges {
    settings: Settings,
    consumer: BaseConsumer<Log>,
}

impl Ranges {
    /// # Errors
    /// Those of the cluster.
    pub fn open(settings: &Settings) -> Result<Ranges, SourceError> {
        Ok(Ranges { settings: settings.clone(), consumer: client(settings)? })
    }

    /// The span of each partition of a topic; of committed records only.
    ///
    /// # Errors
    /// Those of the cluster.
    pub fn spans(&self, topic: &str, partition_count: u32, times: Times) -> Result<Vec<Span>, SourceError> {
        (0..partition_count).map(|partition| self.span(topic, partition, times)).collect()
    }

    fn span(&self, topic: &str, partition: u32, (since_ms, until_ms): Times) -> Result<Span, SourceError> {
        let timeout = self.settings.request_timeout;
        let asked = self.consumer.fetch_watermarks(topic, partition as i32, timeout);
        let (first_offset, end) = asked.map_err(|error| errors::of_client(&error, "bounds"))?;
        let at = |time_ms: Option<i64>, default: i64| match time_ms {
            Some(time_ms) => {
                self.offset_at(topic, partition, time_ms).map(|at| at.unwrap_or(end).clamp(first_offset, end))
            }
            None => Ok(default),
        };
        let from = at(since_ms, first_offset)?;
        let until = at(until_ms.map(|until_ms| until_ms.saturating_add(1)), end)?.max(from);
        Ok(Span { topic: topic.to_owned(), partition, first_offset, from, until })
    }

    /// The first record of that append time or later.
    fn offset_at(&self, topic: &str, partition: u32, time_ms: i64) -> Result<Option<i64>, SourceError> {
        let failed = |error: KafkaError| errors::of_client(&error, "offsets by time");
        let mut asked = TopicPartitionList::new();
        asked.add_partition_offset(topic, partition as i32, Offset::Offset(time_ms)).map_err(failed)?;
        let found = self.consumer.offsets_for_times(asked, self.settings.request_timeout).map_err(failed)?;
        Ok(found.elements().first().and_then(|element| match element.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }))
    }

    /// A reader of these spans, each from its beginning.
    ///
    /// # Errors
    /// Those of the cluster.
    pub fn reader(&self, spans: &[Span]) -> Result<RangeReader, SourceError> {
        RangeReader::new(&self.settings, spans)
    }
}

fn client(settings: &Settings) -> Result<BaseConsumer<Log>, SourceError> {
    let mut config = settings.reader("replay", "read_committed");
    config.set("queued.max.messages.kbytes", AHEAD_KIB);
    let consumer: BaseConsumer<Log> = config
        .create_with_context(Log::new("replay"))
        .map_err(|error| SourceError::Fatal(format!("consumer: {error}")))?;
    metadata(consumer.client(), settings.request_timeout)?;
    Ok(consumer)
}

/// The parts are dropped in this order: the client comes last.
struct Parts {
    streams: Vec<Stream>,
    topics: Vec<Topic>,
    consumer: BaseConsumer<Log>,
}

/// Spans, each from its beginning to its end.
pub struct RangeReader(Option<Parts>);

struct Stream {
    span: Span,
    queue: Queue,
    buffer: VecDeque<LoggedRecord>,
    is_done: bool,
}

impl RangeReader {
    fn new(settings: &Settings, spans: &[Span]) -> Result<RangeReader, SourceError> {
        let consumer = client(settings)?;
        let pointer = consumer.client().native_ptr();
        let (mut streams, mut topics, mut list) = (Vec::new(), Vec::new(), TopicPartitionList::new());
        for span in spans {
            let topic = Topic::new(pointer, &span.topic)
                .ok_or_else(|| SourceError::Fatal("a topic name is not allowed by kafka".into()))?;
            let stream = Stream {
                span: span.clone(),
                queue: Queue::new(pointer),
                buffer: VecDeque::new(),
                is_done: span.is_empty(),
            };
            if !stream.is_done {
                stream.queue.forward(&topic.name, span.partition as i32);
                list.add_partition_offset(&span.topic, span.partition as i32, Offset::Offset(span.from))
                    .map_err(|error| errors::of_client(&error, "replay"))?;
            }
            streams.push(stream);
            topics.push(topic);
        }
        consumer.assign(&list).map_err(|error| errors::of_client(&error, "replay: assign"))?;
        for (stream, topic) in streams.iter().zip(&topics).filter(|(stream, _)| !stream.is_done) {
            stream.queue.forward(&topic.name, stream.span.partition as i32);
        }
        Ok(RangeReader(Some(Parts { streams, topics, consumer })))
    }

    fn parts(&mut self) -> &mut Parts {
        self.0.as_mut().expect("taken by drop only")
    }

    /// The next record of the span at this place of the list; waits for it.
    ///
    /// # Errors
    /// Those of the log, and a cluster that is silent for a minute.
    pub fn peek(&mut self, at: usize) -> Result<Option<&LoggedRecord>, SourceError> {
        let Parts { streams, consumer, .. } = self.parts();
        let stream = &mut streams[at];
        let mut waiting_since = Instant::now();
        while stream.buffer.is_empty() && !stream.is_done {
            serve(consumer)?;
            if stream.fill()? {
                waiting_since = Instant::now();
            } else if waiting_since.elapsed() > PATIENCE {
                return Err(SourceError::Fatal(format!(
                    "{} [{}]: no record and no end for {} s behind offset {}; try again, and look at the brokers",
                    stream.span.topic,
                    stream.span.partition,
                    PATIENCE.as_secs(),
                    stream.span.from
                )));
            }
        }
        Ok(stream.buffer.front())
    }

    /// Takes what `peek` shows.
    ///
    /// # Errors
    /// Those of `peek`.
    pub fn take(&mut self, at: usize) -> Result<Option<LoggedRecord>, SourceError> {
        self.peek(at)?;
        Ok(self.parts().streams[at].buffer.pop_front())
    }
}

impl Stream {
    /// Takes what was fetched; true when there was anything.
    fn fill(&mut self) -> Result<bool, SourceError> {
        let Stream { span, queue, buffer, is_done } = self;
        let mut failure = None;
        let count = queue.take(WAIT, PIECE, |fetched| match fetched {
            Fetched::Record(message) if message.offset() >= span.until => *is_done = true,
            Fetched::Record(message) => {
                span.from = message.offset() + 1;
                buffer.push_back(message.logged());
            }
            Fetched::End { .. } => *is_done = true,
            Fetched::Failed { code, what } => failure = Some((code, what)),
        });
        *is_done |= span.from >= span.until;
        match failure.map(|(code, what)| errors::of_read(code, false, &what)) {
            None => Ok(count > 0),
            Some(SourceError::Retry(detail)) => {
                tracing::debug!("{detail}");
                Ok(false)
            }
            Some(error) => Err(error),
        }
    }
}

/// Log lines and errors that concern the client as a whole; the client itself tries again.
fn serve(consumer: &BaseConsumer<Log>) -> Result<(), SourceError> {
    match consumer.poll(Duration::ZERO) {
        None => Ok(()),
        Some(Ok(_)) => Err(SourceError::Fatal("replay: a record missed its queue".into())),
        Some(Err(KafkaError::MessageConsumption(
            Code::BrokerTransportFailure | Code::Resolve | Code::AllBrokersDown,
        ))) => Ok(()),
        Some(Err(error)) => Err(errors::of_client(&error, "replay")),
    }
}

impl Drop for RangeReader {
    fn drop(&mut self) {
        if let Some(Parts { streams, topics, consumer }) = self.0.take() {
            drop(streams);
            drop_within((topics, consumer), DROP_MAX);
        }
    }
}
