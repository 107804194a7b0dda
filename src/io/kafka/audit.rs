//! The auditor's port `Log`: every topic of the application, read outside of the group, each partition through a queue
//! of its own. It commits nothing, and a running processor does not notice it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::admin::Admin;
use super::errors;
use super::layout::metadata;
use super::log::Log as ClientLog;
use super::queue::{Fetched, Queue, Topic};
use super::settings::Settings;
use crate::audit::log::{Cursor, Log, LoggedRecord};
use crate::runtime::ports::SourceError;

/// Records taken at a time.
const PIECE: usize = 512;
/// Longest wait for the first record of a piece.
const WAIT: Duration = Duration::from_millis(100);
/// A topic that gives nothing for so long, though its end is not reached, is not waited for any more. Longer than an
/// open transaction lives.
const PATIENCE: Duration = Duration::from_secs(120);
/// A coordinator that has just moved knows no positions for a moment.
const ATTEMPTS_MAX: u32 = 20;

type Client = Arc<BaseConsumer<ClientLog>>;

/// All topics of one application.
pub struct KafkaLog {
    settings: Settings,
    admin: Admin,
    committed: Client,
    uncommitted: Client,
    counts: BTreeMap<String, u32>,
}

impl KafkaLog {
    /// # Errors
    /// Where no broker answers, or the client library refuses the properties.
    pub fn open(settings: &Settings) -> Result<KafkaLog, SourceError> {
        let admin = Admin::new(settings).map_err(|error| SourceError::Fatal(error.to_string()))?;
        let client = |isolation: &str| {
            let config = settings.reader("audit", isolation);
            let client: BaseConsumer<ClientLog> = config
                .create_with_context(ClientLog::new("audit"))
                .map_err(|error| SourceError::Fatal(format!("consumer: {error}")))?;
            metadata(client.client(), settings.request_timeout)?;
            Ok::<Client, SourceError>(Arc::new(client))
        };
        let (committed, uncommitted) = (client("read_committed")?, client("read_uncommitted")?);
        Ok(KafkaLog { settings: settings.clone(), admin, committed, uncommitted, counts: BTreeMap::new() })
    }

    /// Offsets between begin and end of a topic partition: records, and what transactions take beside them.
    ///
    /// # Errors
    /// Where the broker does not answer.
    pub fn offset_count(&self, topic: &str, partition: u32) -> Result<u64, SourceError> {
        let (low, high) = self.bounds(topic, partition)?;
        Ok(u64::try_from(high - low).unwrap_or_default())
    }

    fn bounds(&self, topic: &str, partition: u32) -> Result<(i64, i64), SourceError> {
        let asked = self.uncommitted.fetch_watermarks(topic, partition as i32, self.settings.request_timeout);
        asked.map_err(|error| errors::of_client(&error, topic))
    }

    fn cursor(&self, client: &Client, topic: &str, partition: u32) -> Result<KafkaCursor, SourceError> {
        let (low, end) = self.bounds(topic, partition)?;
        let mut cursor = KafkaCursor {
            reading: None,
            client: client.clone(),
            topic: topic.to_owned(),
            partition: partition as i32,
            low,
            end,
            next_offset: low,
        };
        if low < end {
            cursor.start()?;
        }
        Ok(cursor)
    }
}

impl Log for KafkaLog {
    fn open(&mut self, topic: &str, partition: u32) -> Result<Box<dyn Cursor>, SourceError> {
        Ok(Box::new(self.cursor(&self.committed, topic, partition)?))
    }

    fn partition_count(&mut self, topic: &str) -> Result<u32, SourceError> {
        if let Some(count) = self.counts.get(topic) {
            return Ok(*count);
        }
        let found = self.admin.partition_count(topic).map_err(|error| SourceError::Retry(error.to_string()))?;
        let count = found.ok_or_else(|| SourceError::Fatal(format!("topic {topic} is missing")))?;
        self.counts.insert(topic.to_owned(), count);
        Ok(count)
    }

    fn committed(&mut self, topic: &str, partition: u32) -> Result<Option<i64>, SourceError> {
        let mut attempt = 1;
        loop {
            let mut asked = TopicPartitionList::new();
            asked.add_partition(topic, partition as i32);
            let found = self.committed.committed_offsets(asked, self.settings.request_timeout);
            match found {
                Ok(found) => {
                    let element = found.find_partition(topic, partition as i32);
                    return Ok(element.and_then(|element| match element.offset() {
                        Offset::Offset(offset) => Some(offset),
                        _ => None,
                    }));
                }
                Err(_) if attempt < ATTEMPTS_MAX => std::thread::sleep(WAIT),
                Err(error) => return Err(errors::of_client(&error, "committed positions")),
            }
            attempt += 1;
        }
    }

    /// Each transaction leaves one offset behind its records, aborted ones as well. A wider gap is where records were.
    fn is_whole_before(&mut self, topic: &str, partition: u32, offset: i64) -> Result<bool, SourceError> {
        let mut cursor = self.cursor(&self.uncommitted, topic, partition)?;
        let (mut records, mut next) = (VecDeque::new(), cursor.low);
        loop {
            cursor.read(&mut records)?;
            if records.is_empty() {
                return Ok(true);
            }
            for record in records.drain(..).take_while(|record| record.offset <= offset) {
                let gap_max = i64::from(next > cursor.low);
                if record.offset - next > gap_max {
                    return Ok(false);
                }
                next = record.offset + 1;
            }
            if next > offset {
                return Ok(true);
            }
        }
    }
}

/// Dropped in this order: the client comes last.
struct Reading {
    queue: Queue,
    _topic: Topic,
}

struct KafkaCursor {
    reading: Option<Reading>,
    client: Client,
    topic: String,
    partition: i32,
    low: i64,
    end: i64,
    next_offset: i64,
}

impl KafkaCursor {
    fn start(&mut self) -> Result<(), SourceError> {
        let native = self.client.client().native_ptr();
        let topic = Topic::new(native, &self.topic)
            .ok_or_else(|| SourceError::Fatal(format!("topic {}: no name that kafka allows", self.topic)))?;
        let queue = Queue::new(native);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, self.partition, Offset::Offset(self.low))
            .map_err(|error| errors::of_client(&error, &self.topic))?;
        queue.forward(&topic.name, self.partition);
        self.client.incremental_assign(&list).map_err(|error| errors::of_client(&error, "assign"))?;
        queue.forward(&topic.name, self.partition);
        self.reading = Some(Reading { queue, _topic: topic });
        Ok(())
    }

    fn stop(&mut self) {
        if self.reading.take().is_some() {
            let mut list = TopicPartitionList::new();
            list.add_partition(&self.topic, self.partition);
            let _ = self.client.incremental_unassign(&list); // nobody reads it any more, whatever it says
        }
    }

    /// Log lines and errors that concern the client as a whole.
    fn serve(&self) -> Result<(), SourceError> {
        match self.client.poll(Duration::ZERO) {
            Some(Err(KafkaError::MessageConsumption(Code::BrokerTransportFailure | Code::Resolve))) | None => Ok(()),
            Some(Err(error)) => Err(errors::of_client(&error, &self.topic)),
            Some(Ok(_)) => Err(SourceError::Fatal(format!("{}: a record missed its queue", self.topic))),
        }
    }
}

impl Cursor for KafkaCursor {
    fn low(&self) -> i64 {
        self.low
    }

    fn end(&self) -> i64 {
        self.end
    }

    fn read(&mut self, into: &mut VecDeque<LoggedRecord>) -> Result<(), SourceError> {
        let until = Instant::now() + PATIENCE;
        while into.is_empty() && self.next_offset < self.end {
            self.serve()?;
            let Some(reading) = &mut self.reading else { break };
            let (next_offset, end) = (&mut self.next_offset, self.end);
            let mut failure = None;
            reading.queue.take(WAIT, PIECE, |fetched| match fetched {
                Fetched::Record(message) if message.offset() >= *next_offset => {
                    *next_offset = message.offset() + 1;
                    if message.offset() < end {
                        into.push_back(message.logged());
                    }
                }
                Fetched::Record(_) => {}
                Fetched::End { next_offset: at, .. } => *next_offset = at.max(*next_offset),
                Fetched::Failed { code, what } => failure = Some((code, what)),
            });
            if let Some((code, what)) = failure {
                return Err(errors::of_read(code, false, &what));
            }
            if into.is_empty() && Instant::now() >= until {
                let (topic, p, at) = (&self.topic, self.partition, self.next_offset);
                let text = format!(
                    "{topic}/{p}: nothing comes behind offset {at}: a transaction is open, or the broker is away"
                );
                return Err(SourceError::Retry(text));
            }
        }
        if into.is_empty() {
            self.stop();
        }
        Ok(())
    }
}

impl Drop for KafkaCursor {
    fn drop(&mut self) {
        self.stop();
    }
}
