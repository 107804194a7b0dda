//! The port `Source`: a member of the group that owns intake partitions, and their inputs riding along.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::drop_within;
use super::errors;
use super::filling::Filling;
use super::layout::{Layout, metadata};
use super::log::Log;
use super::orphans::Orphans;
use super::queue::{Fetched, Queue, Topic};
use super::reading::{Reading, Seen};
use super::rebalance::GroupContext;
use super::settings::Settings;
use super::standstill::Standstill;
use super::twin::{self, Verdict};
use crate::runtime::batch::{Batch, InputId, Partition};
use crate::runtime::ports::{Change, PollLimits, Position, Source, SourceError};

/// Rebalances are served at least so often while records are waited for.
const GROUP_SERVED_EVERY: Duration = Duration::from_millis(20);
/// Events of the group that one `poll` serves: log lines stand in the same queue.
const GROUP_EVENTS_MAX: usize = 2;
/// Topics that were created anew with more partitions are noticed within this time.
const LAYOUT_CHECKED_EVERY: Duration = Duration::from_secs(300);

/// A consumer that another one replaces may take so long to end before it is left behind.
const OLD_DROP_MAX: Duration = Duration::from_secs(2);
const WATERMARKS_DROP_MAX: Duration = Duration::from_secs(1);

type Consumed = BaseConsumer<GroupContext>;

/// One worker's input. See the port for the contract.
pub struct KafkaSource {
    settings: Settings,
    worker: u32,
    // dropped in this order: the client comes last
    open: Option<Open>,
    /// Asks for watermarks: on the consumer's own connection the answer would wait behind its fetch.
    watermarks: Option<BaseConsumer<Log>>,
    layout_checked: Instant,
    orphans: Orphans,
    standstill: Standstill,
    /// librdkafka has stopped reading a partition of ours, and lets it neither seek nor start again.
    is_deaf: bool,
}

/// What has to be dropped in order.
struct Open {
    queue: Queue,
    topics: Vec<Topic>,
    consumer: Consumed,
}

impl KafkaSource {
    /// Connects, looks at the topics, and joins the group. `worker`: number of this worker in the process.
    ///
    /// # Errors
    /// `Fatal` when topics are missing or do not fit; `Retry` when the cluster does not answer.
    pub fn open(settings: &Settings, worker: u32) -> Result<KafkaSource, SourceError> {
        let layout = Layout::discover(plain_client(settings, "layout")?.client(), settings)?;
        KafkaSource::open_with(settings, worker, layout)
    }

    /// Where the layout is known already.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn open_with(settings: &Settings, worker: u32, layout: Layout) -> Result<KafkaSource, SourceError> {
        let open = join(settings, worker, layout)?;
        Ok(KafkaSource {
            settings: settings.clone(),
            worker,
            open: Some(open),
            watermarks: None,
            layout_checked: Instant::now(),
            orphans: Orphans::new(),
            standstill: Standstill::new(),
            is_deaf: false,
        })
    }

    /// The partitions of all inputs, as found when the source was opened.
    pub fn layout(&self) -> &Layout {
        &self.parts().consumer.context().layout
    }

    fn parts(&self) -> &Open {
        self.open.as_ref().expect("the port forbids calls after close")
    }

    fn consumer(&self) -> &Consumed {
        &self.parts().consumer
    }

    fn end_cached(&self, input: InputId, partition: Partition) -> Option<i64> {
        self.parts().topics[usize::from(input.0)].end_cached(partition.0 as i32)
    }

    /// What a failed call asks for; a client that has failed for good says why.
    fn failed(&self, error: &KafkaError, what: &str) -> SourceError {
        match self.consumer().client().fatal_error() {
            // the next poll finds out by whom
            Some((Code::FencedInstanceId, reason)) => SourceError::Retry(format!("{what}: {reason}")),
            Some((code, reason)) => errors::of_read(code, true, &reason),
            None => errors::of_client(error, what),
        }
    }

    fn list(&self, of: &[(InputId, Partition)]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(of.len());
        for (input, partition) in of {
            list.add_partition(self.layout().name(*input), partition.0 as i32);
        }
        list
    }

    fn reading(&self, input: InputId, partition: Partition) -> Reading {
        self.consumer().context().member().readings.get(input, partition)
    }

    /// Another member has our instance id: a twin, or what is left of ourselves. Nothing is read or written, and no
    /// producer made, before that is known.
    fn find_out_who_fenced_us(&mut self, reason: String) -> Result<Change, SourceError> {
        tracing::warn!(worker = self.worker, reason, "fenced: waiting whether the other member stays, as a twin would");
        match twin::look(&self.settings, self.worker) {
            Verdict::Twin => Err(SourceError::Twin(reason)),
            Verdict::Gone => {
                let change = self.join_anew()?;
                tracing::info!(worker = self.worker, "nobody has our instance id: joined the group anew");
                Ok(change)
            }
        }
    }

    /// A new consumer in the place of this one; everything is lost with the old one, and comes back.
    fn join_anew(&mut self) -> Result<Change, SourceError> {
        let anew = join(&self.settings, self.worker, self.layout().clone())?;
        let old = self.open.replace(anew).expect("the port forbids calls after close");
        self.is_deaf = false;
        self.standstill = Standstill::new();
        let change = old.consumer.context().lose_all();
        if !drop_within(old, OLD_DROP_MAX) {
            tracing::warn!("the consumer before did not end in time; it is left behind");
        }
        Ok(change)
    }

    /// Rebalances and errors; returns at the first change.
    fn serve_group(&mut self) -> Result<Change, SourceError> {
        if let Some((Code::FencedInstanceId, reason)) = self.consumer().client().fatal_error() {
            return self.find_out_who_fenced_us(reason);
        }
        if self.is_deaf {
            tracing::warn!(
                worker = self.worker,
                "a partition can be read by a new consumer only: joining the group anew"
            );
            return self.join_anew();
        }
        for _ in 0..GROUP_EVENTS_MAX {
            let event = self
                .consumer()
                .poll(Duration::ZERO)
                .map(|event| event.map(|message| rdkafka::Message::offset(&message)));
            let change = self.consumer().context().take_change().map_err(SourceError::Fatal)?;
            if !change.is_empty() {
                return Ok(change);
            }
            match event {
                Some(Err(error)) => self.judge(&error)?,
                Some(Ok(offset)) => return Err(SourceError::Fatal(format!("record {offset} missed our queue"))),
                None => {}
            }
        }
        self.check_layout()?;
        self.check_orphans()?;
        self.check_standstill();
        Ok(Change::default())
    }

    /// Which errors of the group's queue concern the worker: a single connection that broke does not.
    fn judge(&self, error: &KafkaError) -> Result<(), SourceError> {
        match error.rdkafka_error_code() {
            Some(Code::BrokerTransportFailure | Code::Resolve | Code::PollExceeded) => Ok(()),
            _ => Err(self.failed(error, "poll")),
        }
    }

    /// What the group has given to nobody is given anew when a member leaves and joins.
    fn check_orphans(&mut self) -> Result<(), SourceError> {
        let partitions = self.layout().partitions();
        if self.orphans.must_rejoin(&self.settings, self.worker, partitions) {
            tracing::warn!(worker = self.worker, "partitions without an owner: joining the group again");
            let subscription = self.layout().subscription();
            self.consumer().unsubscribe();
            self.consumer().subscribe(&subscription).map_err(|error| errors::of_client(&error, "subscribe"))?;
            self.orphans = Orphans::new();
        }
        Ok(())
    }

    fn check_standstill(&mut self) {
        let Open { consumer, .. } = self.open.as_ref().expect("the port forbids calls after close");
        let context = consumer.context();
        let found = self.standstill.found(&self.settings, &context.layout, &context.member().readings);
        if let Some((input, partition, next_offset)) = found {
            let topic = context.layout.name(input);
            tracing::warn!(topic, partition = partition.0, next_offset, "records wait, and nothing is read");
            self.is_deaf = true;
        }
    }

    /// An input that grew has partitions that nobody reads: stop rather than lose them.
    fn check_layout(&mut self) -> Result<(), SourceError> {
        if self.layout_checked.elapsed() < LAYOUT_CHECKED_EVERY {
            return Ok(());
        }
        self.layout_checked = Instant::now();
        match Layout::discover(self.consumer().client(), &self.settings) {
            Ok(found) if found != *self.layout() => Err(SourceError::Fatal(format!(
                "partition counts have changed while running, from {:?} to {:?}: start again to read all of them",
                self.layout().topics,
                found.topics
            ))),
            Err(SourceError::Fatal(reason)) => Err(SourceError::Fatal(reason)),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Appends what is there; returns how much came, ends of partitions included.
    fn fetch(&mut self, batch: &mut Batch, limits: PollLimits, wait: Duration) -> Result<usize, SourceError> {
        let room = limits.records_max.saturating_sub(batch.len()).max(1);
        let open = self.open.as_mut().expect("the port forbids calls after close");
        let mut member = open.consumer.context().member();
        let mut filling =
            Filling { topics: &open.topics, readings: &mut member.readings, last: (InputId::INTAKE, None) };
        let mut failure = None;
        let count = open.queue.take(wait, room, |fetched| match fetched {
            Fetched::Record(message) => filling.record(message, batch),
            Fetched::End { topic, partition, next_offset } => filling.end(topic, partition, next_offset),
            Fetched::Failed { code, what } => failure = Some((code, what)),
        });
        drop(member);
        match failure.map(|(code, what)| errors::of_read(code, false, &what)) {
            Some(SourceError::OutOfRange(what)) => Err(self.is_gone(what)?),
            Some(error) => Err(error),
            None => Ok(count),
        }
    }

    /// Low and high watermark.
    fn bounds(&mut self, input: InputId, partition: Partition) -> Result<(i64, i64), SourceError> {
        if self.watermarks.is_none() {
            self.watermarks = Some(plain_client(&self.settings, "watermarks")?);
        }
        let client = self.watermarks.as_ref().expect("just set");
        let name = self.layout().name(input);
        let asked = client.fetch_watermarks(name, partition.0 as i32, self.settings.request_timeout);
        asked.map_err(|error| {
            drop_within(self.watermarks.take(), WATERMARKS_DROP_MAX); // it may stay with what it knew of a lost broker
            errors::of_client(&error, "watermarks")
        })
    }

    /// What an offset out of range asks for. The client library counts the end of a partition as a record: when it
    /// looks, behind a broker that was away, whether its place is still there, that may lie one too far. Either way it
    /// has stopped reading there for good.
    fn is_gone(&mut self, what: String) -> Result<SourceError, SourceError> {
        self.is_deaf = true;
        let places: Vec<_> = self.consumer().context().member().readings.running().collect();
        for (input, partition, next_offset) in places {
            let (low, high) = self.bounds(input, partition)?;
            if !(low..=high).contains(&next_offset) {
                return Ok(SourceError::OutOfRange(what));
            }
        }
        Ok(SourceError::Retry(format!("{what}: the log still has it")))
    }

    /// Assigns what librdkafka does not read yet; the rest of `positions` has to seek.
    fn assign<'p>(&self, positions: &'p [Position]) -> Result<Vec<&'p Position>, SourceError> {
        let Open { queue, topics, consumer } = self.parts();
        let mut list = TopicPartitionList::new();
        let mut again = Vec::new();
        for position in positions {
            if self.reading(position.input, position.partition) != Reading::Silent {
                again.push(position);
            } else {
                add(&mut list, self.layout(), position);
                queue.forward(&topics[usize::from(position.input.0)].name, position.partition.0 as i32);
            }
        }
        if list.count() == 0 {
            return Ok(again);
        }
        consumer.incremental_assign(&list).map_err(|error| self.failed(&error, "assign"))?;
        for position in positions {
            if self.reading(position.input, position.partition) == Reading::Silent {
                queue.forward(&topics[usize::from(position.input.0)].name, position.partition.0 as i32);
            }
        }
        Ok(again)
    }

    fn seek(&self, positions: &[&Position]) -> Result<(), SourceError> {
        if positions.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        for position in positions {
            add(&mut list, self.layout(), position);
        }
        let failed = |error: &KafkaError| self.failed(error, "seek");
        let outcome = self.consumer().seek_partitions(list, self.settings.request_timeout).map_err(|e| failed(&e))?;
        for element in outcome.elements() {
            element.error().map_err(|error| failed(&error))?;
        }
        Ok(())
    }
}

fn add(list: &mut TopicPartitionList, layout: &Layout, position: &Position) {
    let offset = Offset::Offset(position.next_offset);
    list.add_partition_offset(layout.name(position.input), position.partition.0 as i32, offset)
        .expect("an offset of a record is not negative");
}

/// A new member of the group, at the layout that was found before.
fn join(settings: &Settings, worker: u32, layout: Layout) -> Result<Open, SourceError> {
    let context = GroupContext::new(layout, Log::new(format!("source {worker}")));
    let consumer: Consumed = settings
        .consumer(worker)
        .create_with_context(context)
        .map_err(|error| SourceError::Fatal(format!("consumer: {error}")))?;
    metadata(consumer.client(), settings.request_timeout)?; // else what rides along comes a second late
    let native = consumer.client().native_ptr();
    let layout = &consumer.context().layout;
    let topics: Option<Vec<Topic>> = layout.topics.iter().map(|(name, _)| Topic::new(native, name)).collect();
    let topics = topics.ok_or_else(|| SourceError::Fatal("a topic name is not allowed by kafka".into()))?;
    consumer.subscribe(&layout.subscription()).map_err(|error| errors::of_client(&error, "subscribe"))?;
    Ok(Open { queue: Queue::new(native), topics, consumer })
}

/// A client that reads nothing.
fn plain_client(settings: &Settings, name: &'static str) -> Result<BaseConsumer<Log>, SourceError> {
    let client = settings.client(name).create_with_context(Log::new(name));
    client.map_err(|error| SourceError::Fatal(format!("client: {error}")))
}

impl Source for KafkaSource {
    type Group = ConsumerGroupMetadata;

    fn poll(&mut self, batch: &mut Batch, limits: PollLimits) -> Result<Change, SourceError> {
        let until = Instant::now() + limits.wait;
        loop {
            let change = self.serve_group()?;
            if !change.is_empty() {
                let layout = self.layout();
                batch.retain(|input, partition| !is_lost(&change, layout, input, partition));
                return Ok(change);
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.fill(batch, limits, left.min(GROUP_SERVED_EVERY))? {
                ControlFlow::Break(()) => return Ok(Change::default()),
                ControlFlow::Continue(()) if left.is_zero() => return Ok(Change::default()),
                ControlFlow::Continue(()) => {}
            }
        }
    }

    fn group(&mut self) -> Result<ConsumerGroupMetadata, SourceError> {
        self.consumer().group_metadata().ok_or_else(|| SourceError::Retry("not a member of the group yet".into()))
    }

    fn inputs(&self) -> &[InputId] {
        self.layout().riders()
    }

    fn committed(&mut self, of: &[(InputId, Partition)]) -> Result<Vec<Option<i64>>, SourceError> {
        let failed = |error: &KafkaError| self.failed(error, "committed offsets");
        let asked = self.consumer().committed_offsets(self.list(of), self.settings.request_timeout);
        let found = asked.map_err(|error| failed(&error))?;
        let mut all = Vec::with_capacity(of.len());
        for (input, partition) in of {
            let element = found.find_partition(self.layout().name(*input), partition.0 as i32);
            let element = element.ok_or_else(|| SourceError::Retry("committed offsets: incomplete".into()))?;
            element.error().map_err(|error| failed(&error))?;
            all.push(match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            });
        }
        Ok(all)
    }

    fn low_watermark(&mut self, input: InputId, partition: Partition) -> Result<i64, SourceError> {
        self.bounds(input, partition).map(|(low, _)| low)
    }

    fn start(&mut self, positions: &[Position]) -> Result<(), SourceError> {
        let again = self.assign(positions)?;
        self.seek(&again)?;
        // All of them: a partition that was lost while it was stopped comes back paused.
        let all: Vec<_> = positions.iter().map(|at| (at.input, at.partition)).collect();
        self.consumer().resume(&self.list(&all)).map_err(|error| self.failed(&error, "resume"))?;
        let mut member = self.consumer().context().member();
        for at in positions {
            let reading = Reading::Running { next_offset: at.next_offset, seen: Seen::Nothing };
            member.readings.set(at.input, at.partition, reading);
        }
        Ok(())
    }

    fn stop(&mut self, of: &[(InputId, Partition)]) -> Result<(), SourceError> {
        let running = |at: &&(InputId, Partition)| matches!(self.reading(at.0, at.1), Reading::Running { .. });
        let running: Vec<_> = of.iter().filter(running).copied().collect();
        // not by taking them out of the assignment: that would answer a revocation nobody has looked at yet
        self.consumer().pause(&self.list(&running)).map_err(|error| self.failed(&error, "pause"))?;
        let mut member = self.consumer().context().member();
        for (input, partition) in running {
            if let Reading::Running { next_offset, .. } = member.readings.get(input, partition) {
                member.readings.set(input, partition, Reading::Stopped { next_offset });
            }
        }
        Ok(())
    }

    fn at_end(&self, partition: Partition) -> bool {
        self.inputs().iter().all(|input| match self.reading(*input, partition) {
            Reading::Running { seen: Seen::End, .. } => true,
            Reading::Running { seen: Seen::Records, next_offset } => {
                self.end_cached(*input, partition).is_some_and(|end| next_offset >= end)
            }
            Reading::Running { seen: Seen::Nothing, .. } | Reading::Silent | Reading::Stopped { .. } => false,
        })
    }

    fn lag_records(&self, input: InputId, partition: Partition) -> Option<i64> {
        let next_offset = match self.reading(input, partition) {
            Reading::Running { seen: Seen::End, .. } => return Some(0),
            Reading::Running { seen: Seen::Records, next_offset } | Reading::Stopped { next_offset } => next_offset,
            Reading::Running { seen: Seen::Nothing, .. } | Reading::Silent => return None,
        };
        Some((self.end_cached(input, partition)? - next_offset).max(0))
    }

    fn close(&mut self, deadline: Duration) {
        if let Some(open) = self.open.take()
            && !drop_within(open, deadline)
        {
            tracing::warn!("the consumer did not close in time; the group notices at its session timeout");
        }
    }
}

impl KafkaSource {
    /// Takes records until a limit is met or nothing more is there: `Break`; `Continue` when nothing came at all.
    fn fill(&mut self, batch: &mut Batch, limits: PollLimits, wait: Duration) -> Result<ControlFlow<()>, SourceError> {
        let full = |batch: &Batch| batch.len() >= limits.records_max || batch.bytes() >= limits.bytes_max;
        if full(batch) {
            return Ok(ControlFlow::Break(()));
        }
        if self.fetch(batch, limits, wait)? == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        while !full(batch) && self.fetch(batch, limits, Duration::ZERO)? > 0 {}
        Ok(ControlFlow::Break(()))
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        self.close(Duration::from_secs(5));
    }
}

fn is_lost(change: &Change, layout: &Layout, input: InputId, partition: Partition) -> bool {
    match layout.is_rider(input) {
        true => change.lost.contains(&partition),
        false => change.lost_stateless.contains(&(input, partition)),
    }
}
