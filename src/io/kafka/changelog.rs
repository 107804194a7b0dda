//! The port `Changelog`: the state topic, read outside the group, each partition through a queue of its own.

use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::drop_within;
use super::errors;
use super::layout::metadata;
use super::log::Log;
use super::queue::{Fetched, Message, Queue, Topic};
use super::settings::Settings;
use crate::runtime::batch::Partition;
use crate::runtime::ports::{Changelog, ChangelogRecord, Restored, SourceError, Stretch};

/// Records handed over between two looks at the clock.
const PIECE: usize = 512;
/// Longest wait for the first record of a piece.
const WAIT: Duration = Duration::from_millis(50);
const DROP_MAX: Duration = Duration::from_secs(5);

/// One worker's reader of the changelog.
pub struct KafkaChangelog {
    clients: Clients,
    /// The clients that connect since the start.
    connecting: Option<JoinHandle<Connected>>,
    ends: Option<BaseConsumer<Log>>,
    reader: Option<Reader>,
}

/// `ends` and `reader`.
type Connected = (Result<BaseConsumer<Log>, SourceError>, Result<Reader, SourceError>);

/// Makes clients.
#[derive(Clone)]
struct Clients {
    settings: Settings,
    worker: u32,
}

/// Dropped in this order: the client comes last.
struct Reader {
    partitions: BTreeMap<Partition, Piecewise>,
    topic: Topic,
    consumer: BaseConsumer<Log>,
}

/// A partition that is being read.
struct Piecewise {
    queue: Queue,
    next_offset: i64,
    /// When the offset last moved, or it was first asked for.
    moved: Option<Instant>,
}

impl Clients {
    fn ends(&self) -> Result<BaseConsumer<Log>, SourceError> {
        self.client("ends", "read_uncommitted")
    }

    fn reader(&self) -> Result<Reader, SourceError> {
        let consumer = self.client("restore", "read_committed")?;
        let topic = Topic::new(consumer.client().native_ptr(), &self.settings.topics.state)
            .ok_or_else(|| SourceError::Fatal("a topic name is not allowed by kafka".into()))?;
        Ok(Reader { partitions: BTreeMap::new(), topic, consumer })
    }

    fn client(&self, role: &str, isolation: &str) -> Result<BaseConsumer<Log>, SourceError> {
        let name = format!("{role}-{}", self.settings.member(self.worker));
        let consumer: BaseConsumer<Log> = self
            .settings
            .reader(&name, isolation)
            .create_with_context(Log::new(format!("{role} {}", self.worker)))
            .map_err(|error| SourceError::Fatal(format!("consumer: {error}")))?;
        metadata(consumer.client(), self.settings.request_timeout)?;
        Ok(consumer)
    }
}

impl KafkaChangelog {
    /// Connects on a thread of its own, so that nobody waits for it who does not read yet.
    pub fn new(settings: &Settings, worker: u32) -> KafkaChangelog {
        let clients = Clients { settings: settings.clone(), worker };
        let connecting = std::thread::spawn({
            let clients = clients.clone();
            move || (clients.ends(), clients.reader())
        });
        KafkaChangelog { clients, connecting: Some(connecting), ends: None, reader: None }
    }

    /// Takes over what has connected. What has not is tried again by whoever asks for it, who then is told why.
    fn take_connected(&mut self) {
        if let Some(Ok((ends, reader))) = self.connecting.take().map(JoinHandle::join) {
            (self.ends, self.reader) = (ends.ok(), reader.ok());
        }
    }

    fn ends(&mut self) -> Result<&BaseConsumer<Log>, SourceError> {
        self.take_connected();
        if self.ends.is_none() {
            self.ends = Some(self.clients.ends()?);
        }
        Ok(self.ends.as_ref().expect("just set"))
    }

    fn reader(&mut self) -> Result<&mut Reader, SourceError> {
        self.take_connected();
        if self.reader.is_none() {
            self.reader = Some(self.clients.reader()?);
        }
        Ok(self.reader.as_mut().expect("just set"))
    }

    /// The next call connects anew: a client that lost a broker may stay with what it knew, "unknown partition" for
    /// instance, for ever.
    fn disconnect(&mut self) {
        drop_within((self.connecting.take(), self.ends.take(), self.reader.take()), DROP_MAX);
    }

    fn read_on(
        &mut self,
        partition: Partition,
        from: i64,
        until: i64,
        budget: Duration,
        each: &mut dyn FnMut(ChangelogRecord<'_>),
    ) -> Result<Restored, SourceError> {
        let ends_at = Instant::now() + budget;
        let reader = self.reader()?;
        reader.serve()?;
        let reading = reader.at(partition, from)?;
        let mut done = false;
        while !done {
            let left = ends_at.saturating_duration_since(Instant::now());
            done = reading.take(until, left, each)?;
            if left.is_zero() {
                break;
            }
        }
        let next_offset = reading.next_offset;
        if done {
            reader.leave(partition)?;
        } else if reading.moved.is_some_and(|moved| moved.elapsed() > self.clients.settings.standstill_interval) {
            // an open transaction, or one of the partitions that the library never reads again: see `standstill.rs`
            tracing::warn!(partition = partition.0, next_offset, until, "nothing comes: reading over new connections");
            self.disconnect();
        }
        Ok(Restored { next_offset, done })
    }
}

impl Reader {
    /// The partition's reader, standing at `from`.
    fn at(&mut self, partition: Partition, from: i64) -> Result<&mut Piecewise, SourceError> {
        let stands = self.partitions.get(&partition).is_some_and(|reading| reading.next_offset == from);
        if !stands {
            self.leave(partition)?;
            let queue = Queue::new(self.consumer.client().native_ptr());
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&self.name(), partition.0 as i32, Offset::Offset(from))
                .map_err(|error| errors::of_client(&error, "changelog"))?;
            queue.forward(&self.topic.name, partition.0 as i32);
            let assigned = self.consumer.incremental_assign(&list);
            assigned.map_err(|error| errors::of_client(&error, "changelog: assign"))?;
            queue.forward(&self.topic.name, partition.0 as i32);
            self.partitions.insert(partition, Piecewise { queue, next_offset: from, moved: None });
        }
        Ok(self.partitions.get_mut(&partition).expect("just inserted"))
    }

    /// Fetches these partitions and no others.
    fn fetch(&mut self, next: &[Stretch]) -> Result<(), SourceError> {
        let is_next = |partition: &Partition| next.iter().any(|stretch| stretch.partition == *partition);
        let others: Vec<Partition> = self.partitions.keys().copied().filter(|other| !is_next(other)).collect();
        others.into_iter().try_for_each(|other| self.leave(other))?;
        let left = next.iter().filter(|stretch| stretch.from < stretch.until);
        left.copied().try_for_each(|stretch| self.at(stretch.partition, stretch.from).map(|_| ()))
    }

    fn leave(&mut self, partition: Partition) -> Result<(), SourceError> {
        if self.partitions.remove(&partition).is_none() {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.name(), partition.0 as i32);
        let left = self.consumer.incremental_unassign(&list);
        left.map_err(|error| errors::of_client(&error, "changelog: unassign"))
    }

    fn name(&self) -> String {
        self.topic.name.to_string_lossy().into_owned()
    }

    /// Log lines and errors that concern the client as a whole.
    fn serve(&self) -> Result<(), SourceError> {
        match self.consumer.poll(Duration::ZERO) {
            Some(Err(KafkaError::MessageConsumption(Code::BrokerTransportFailure | Code::Resolve))) | None => Ok(()),
            Some(Err(error)) => Err(errors::of_client(&error, "changelog")),
            Some(Ok(_)) => Err(SourceError::Fatal("changelog: a record missed its queue".into())),
        }
    }
}

impl Piecewise {
    /// True once everything below `until` was handed over.
    fn take(
        &mut self,
        until: i64,
        budget: Duration,
        each: &mut dyn FnMut(ChangelogRecord<'_>),
    ) -> Result<bool, SourceError> {
        let (mut done, mut failure) = (false, None);
        let before = self.next_offset;
        let next_offset = &mut self.next_offset;
        self.queue.take(budget.min(WAIT), PIECE, |fetched| match fetched {
            Fetched::Record(message) if message.offset() >= *next_offset => {
                *next_offset = message.offset() + 1;
                each(record(message));
            }
            Fetched::Record(_) => {}
            Fetched::End { next_offset: end, .. } => {
                *next_offset = end.max(*next_offset);
                done |= *next_offset >= until;
            }
            Fetched::Failed { code, what } => failure = Some((code, what)),
        });
        if self.next_offset > before || self.moved.is_none() {
            self.moved = Some(Instant::now());
        }
        match failure {
            Some((code, what)) => Err(errors::of_read(code, false, &what)),
            None => Ok(done || self.next_offset >= until),
        }
    }
}

fn record(message: &Message) -> ChangelogRecord<'_> {
    ChangelogRecord {
        offset: message.offset(),
        appended_at_ms: message.timestamp_ms(),
        key: message.key().unwrap_or_default(),
        value: message.value(),
    }
}

impl Changelog for KafkaChangelog {
    fn bounds(&mut self, partition: Partition) -> Result<(i64, i64), SourceError> {
        let Settings { topics, request_timeout, .. } = &self.clients.settings;
        let (name, timeout) = (topics.state.clone(), *request_timeout);
        let asked = self.ends()?.fetch_watermarks(&name, partition.0 as i32, timeout);
        asked.map_err(|error| errors::of_client(&error, "changelog: bounds")).inspect_err(|_| self.disconnect())
    }

    fn read_soon(&mut self, next: &[Stretch]) -> Result<(), SourceError> {
        if next.is_empty() && self.reader.is_none() {
            return Ok(());
        }
        let taken = self.reader().and_then(|reader| reader.fetch(next));
        taken.inspect_err(|_| self.disconnect())
    }

    fn read(
        &mut self,
        partition: Partition,
        from: i64,
        until: i64,
        budget: Duration,
        each: &mut dyn FnMut(ChangelogRecord<'_>),
    ) -> Result<Restored, SourceError> {
        if from >= until {
            return Ok(Restored { next_offset: from, done: true });
        }
        self.read_on(partition, from, until, budget, each).inspect_err(|_| self.disconnect())
    }
}

impl Drop for KafkaChangelog {
    fn drop(&mut self) {
        self.disconnect();
    }
}
