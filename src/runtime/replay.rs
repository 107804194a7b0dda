//! A range of the log decided again, all partitions together, without anything being sent.
//!
//! By manifests it takes the steps that were taken then, transaction by transaction in the order in which they were
//! committed: under the same model, from the first record on, what was sent comes out again, byte for byte. Without
//! them the records go in canonical order, and their append times move the clocks. The changelog is compacted, so
//! manifests may begin later than the records: what comes before the first one goes in canonical order, too.
//!
//! Partitions go together because leads become each other: the Facts that one sends to another are in the log as the
//! model of then made them, and are replaced by those that this replay made itself.
//!
//! Memory: all leads of the range, and one transaction's records.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::scoring::decision::Decision;
use crate::scoring::message::Message;
use crate::scoring::model::Model;
use crate::wire::decode::Decoder;
use crate::wire::intake::{self, Intake};
use crate::wire::manifest::Manifest;
use crate::wire::message;

use super::batch::{InputId, Partition};
use super::ports::SourceError;
use super::recompute::{LoggedRecord, Merges, Recompute, Timers};
use super::topology::Topology;

/// Records between two looks at the number of leads, and two reports of progress, where there are no transactions.
const RECORDS_BETWEEN: u64 = 1_000;

/// A manifest, and where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedManifest {
    /// ms since the epoch: transactions are taken in this order.
    pub appended_at_ms: i64,
    /// Manifests before it may be gone: records that they named go in canonical order.
    pub after_gap: bool,
    pub manifest: Manifest,
}

/// In what order records are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As they were taken then; in canonical order where there is no manifest at all.
    #[default]
    Manifests,
    Canonical,
}

/// How to replay.
#[derive(Debug, Clone, Copy)]
pub struct ReplaySettings {
    pub order: Order,
    pub timers: Timers,
    /// The clocks stop here, ms since the epoch; `None`: where the log ends.
    pub until_ms: Option<i64>,
    /// A timestamp later than this was never plausible, ms since the epoch; only of records without a manifest.
    pub appended_max_ms: i64,
    /// More leads than this are refused.
    pub leads_max: usize,
}

/// Why a replay ends early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Log(#[from] SourceError),
    /// Allow more, or take a shorter range.
    #[error("more than {leads_max} leads when the clock was at {clock_ms}")]
    LeadsMax { leads_max: usize, clock_ms: i64 },
    /// Decisions could not be put where they belong.
    #[error("{0}")]
    Output(String),
}

/// What a replay tells on its way.
pub struct Listeners<'l> {
    pub decided: &'l mut dyn FnMut(Decision) -> Result<(), ReplayError>,
    /// Records taken since the last call.
    pub progressed: &'l mut dyn FnMut(u64),
}

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Replayed {
    /// The order in which records were taken.
    pub order: Order,
    /// Each partition's clock at its end, ms since the epoch; `i64::MIN` where nothing happened.
    pub clocks_ms: Vec<i64>,
    pub record_count: u64,
    pub dead_letter_count: usize,
    pub transaction_count: u64,
    /// Partitions of which the first manifests are gone, and until when, ms since the epoch.
    pub gaps_ms: BTreeMap<u32, i64>,
    /// Facts of other leads that were taken as the model of then had made them.
    pub merges_as_logged_count: u64,
    /// Readiness of every lead at the end, by its id.
    pub readiness: BTreeMap<String, f64>,
}

/// The range, as it is read: once, from front to back.
pub trait ReplayLog {
    /// The next record of this input partition, if the range holds one more.
    ///
    /// # Errors
    /// Those of the log.
    fn peek(&mut self, input: InputId, partition: Partition) -> Result<Option<&LoggedRecord>, SourceError>;

    /// Takes the record that `peek` shows.
    ///
    /// # Errors
    /// Those of the log.
    fn take(&mut self, input: InputId, partition: Partition) -> Result<Option<LoggedRecord>, SourceError>;

    /// The next manifest of this partition.
    ///
    /// # Errors
    /// Those of the log.
    fn manifest(&mut self, partition: Partition) -> Result<Option<LoggedManifest>, SourceError>;
}

impl Replayed {
    /// The latest clock, ms since the epoch.
    pub fn end_ms(&self) -> Option<i64> {
        self.clocks_ms.iter().copied().max().filter(|end_ms| *end_ms != i64::MIN)
    }
}

/// Each partition's next manifest, by its append time.
type Heads = BTreeMap<(i64, Partition), LoggedManifest>;

/// The offset before which records of an input partition are taken.
type End<'e> = dyn Fn(Partition, InputId) -> i64 + 'e;

/// Where a record stands in canonical order: effective append time, partition, rank of its topic. The least comes first.
type Place = Reverse<(i64, Partition, u16, InputId)>;

/// One replay of one range with one model.
pub struct Replay<'r, L> {
    log: &'r mut L,
    topology: &'r Topology,
    model: &'r Model,
    settings: ReplaySettings,
    tasks: Vec<Recompute<'r>>,
    /// Effective append times of each partition's inputs, ms since the epoch.
    newest_ms: Vec<Vec<i64>>,
    merges: Merges,
    /// Facts of other leads that each partition's next transaction takes in.
    awaited: Vec<Vec<(Box<str>, Box<str>)>>,
    untold: u64,
    out: Replayed,
}

impl<'r, L: ReplayLog> Replay<'r, L> {
    pub fn new(
        log: &'r mut L,
        topology: &'r Topology,
        decoder: &'r Decoder,
        model: &'r Model,
        settings: ReplaySettings,
    ) -> Replay<'r, L> {
        let partitions = (0..topology.partition_count()).map(Partition);
        let task = |partition| {
            let mut task = Recompute::new(model, topology, decoder, partition, BTreeMap::new());
            task.set_timers(settings.timers);
            task
        };
        Replay {
            log,
            topology,
            model,
            settings,
            tasks: partitions.map(task).collect(),
            newest_ms: vec![vec![i64::MIN; topology.inputs().count()]; topology.partition_count() as usize],
            merges: Merges::new(),
            awaited: vec![Vec::new(); topology.partition_count() as usize],
            untold: 0,
            out: Replayed::default(),
        }
    }

    /// Takes the whole range.
    ///
    /// # Errors
    /// Those of the log and of `decided`, and more leads than are allowed.
    pub fn run(mut self, to: &mut Listeners<'_>) -> Result<Replayed, ReplayError> {
        let has_manifests = self.settings.order == Order::Manifests && self.by_manifests(to)?;
        if !has_manifests {
            self.out.order = Order::Canonical;
            self.tasks.iter_mut().for_each(|task| task.set_timers(Timers::Due));
            let all: Vec<Partition> = (0..self.topology.partition_count()).map(Partition).collect();
            self.canonical(&all, &|_, _| i64::MAX, to)?;
            self.pass_to_the_end(to)?;
        }
        self.report(to);
        Ok(self.finish())
    }

    /// False where there is no manifest at all.
    fn by_manifests(&mut self, to: &mut Listeners<'_>) -> Result<bool, ReplayError> {
        let mut next = BTreeMap::new();
        for partition in (0..self.topology.partition_count()).map(Partition) {
            if let Some(first) = self.log.manifest(partition)? {
                next.insert((first.appended_at_ms, partition), first);
            }
        }
        let has_any = !next.is_empty();
        self.bridge(&next, to)?;
        while let Some((at_ms, partition)) = self.choose(&next)? {
            let Some(logged) = next.remove(&(at_ms, partition)) else { break };
            if !self.transaction(partition, logged.manifest, to)? {
                continue;
            }
            if let Some(following) = self.log.manifest(partition)? {
                next.insert((following.appended_at_ms.max(at_ms), partition), following);
            }
        }
        Ok(has_any)
    }

    /// The earliest transaction of which all Facts of other leads have arrived; clocks of different machines may
    /// disagree about which that is. Where none is such, the earliest.
    fn choose(&mut self, next: &Heads) -> Result<Option<(i64, Partition)>, ReplayError> {
        for ((at_ms, partition), logged) in next {
            self.feed(*partition, &logged.manifest)?;
            if self.awaited[partition.0 as usize].iter().all(|merge| self.merges.contains_key(merge)) {
                return Ok(Some((*at_ms, *partition)));
            }
        }
        Ok(next.keys().next().copied())
    }

    /// Records of transactions whose manifests are gone.
    fn bridge(&mut self, first: &Heads, to: &mut Listeners<'_>) -> Result<(), ReplayError> {
        let gone: Vec<_> = first.iter().filter(|(_, logged)| logged.after_gap).collect();
        let mut ends = BTreeMap::new();
        for ((_, partition), logged) in &gone {
            let manifest = &logged.manifest;
            for (at, position) in manifest.positions.iter().enumerate() {
                let first_step = manifest.steps.first().and_then(|step| step.next_offsets.get(at)).copied();
                let input = self.topology.find(&position.topic);
                ends.extend(input.map(|input| ((*partition, input), first_step.unwrap_or(position.next_offset))));
            }
        }
        let partitions: Vec<Partition> = gone.iter().map(|((_, partition), _)| *partition).collect();
        self.canonical(
            &partitions,
            &|partition, input| ends.get(&(partition, input)).copied().unwrap_or(i64::MIN),
            to,
        )?;
        for partition in partitions {
            self.task(partition).set_timers(Timers::Due);
            let clock_ms = self.task(partition).clock_ms();
            if clock_ms != i64::MIN {
                self.out.gaps_ms.insert(partition.0, clock_ms);
            }
        }
        Ok(())
    }

    /// Hands a transaction's records to its task, once.
    fn feed(&mut self, partition: Partition, manifest: &Manifest) -> Result<(), ReplayError> {
        for position in &manifest.positions {
            let Some(input) = self.topology.find(&position.topic) else { continue };
            while self.log.peek(input, partition)?.is_some_and(|record| record.offset < position.next_offset) {
                let Some(record) = self.log.take(input, partition)? else { break };
                if input == InputId::INTAKE {
                    self.awaited[partition.0 as usize].extend(merge_of(&record));
                }
                self.task(partition).feed(input, record);
                self.out.record_count += 1;
                self.untold += 1;
            }
        }
        Ok(())
    }

    /// False where the range ends within it.
    fn transaction(
        &mut self,
        partition: Partition,
        mut manifest: Manifest,
        to: &mut Listeners<'_>,
    ) -> Result<bool, ReplayError> {
        let until_ms = self.settings.until_ms.unwrap_or(i64::MAX);
        let goes_on = manifest.clock_ms <= until_ms;
        manifest.clock_ms = manifest.clock_ms.min(until_ms);
        manifest.steps.iter_mut().for_each(|step| step.clock_ms = step.clock_ms.min(until_ms));
        self.out.transaction_count += 1;
        self.awaited[partition.0 as usize].clear();
        self.with_merges(partition, |task| task.transaction(&manifest));
        self.settle(partition, to)?;
        self.report(to);
        self.check_leads(partition)?;
        Ok(goes_on)
    }

    /// Takes the records of these partitions below each input's `end`, in canonical order.
    fn canonical(
        &mut self,
        partitions: &[Partition],
        end: &End<'_>,
        to: &mut Listeners<'_>,
    ) -> Result<(), ReplayError> {
        let mut next = BinaryHeap::new();
        let inputs: Vec<InputId> = self.topology.aligned().collect();
        for (partition, input) in
            partitions.iter().flat_map(|partition| inputs.iter().map(move |input| (*partition, *input)))
        {
            next.extend(self.next_of(partition, input, end)?);
        }
        while let Some(Reverse((_, partition, _, input))) = next.pop() {
            let Some(record) = self.log.take(input, partition)? else { continue };
            let appended_max_ms = self.settings.appended_max_ms;
            self.with_merges(partition, |task| task.record(input, &record, appended_max_ms));
            self.settle(partition, to)?;
            self.out.record_count += 1;
            self.untold += 1;
            if self.untold >= RECORDS_BETWEEN {
                self.report(to);
                self.check_leads(partition)?;
            }
            next.extend(self.next_of(partition, input, end)?);
        }
        Ok(())
    }

    /// The place of an input's next record: effective append time, partition, rank of the topic.
    fn next_of(&mut self, partition: Partition, input: InputId, end: &End<'_>) -> Result<Option<Place>, ReplayError> {
        let appended_max_ms = self.settings.appended_max_ms;
        let Some(record) = self.log.peek(input, partition)?.filter(|record| record.offset < end(partition, input))
        else {
            return Ok(None);
        };
        let newest_ms = &mut self.newest_ms[partition.0 as usize][usize::from(input.0)];
        if record.appended_at_ms <= appended_max_ms {
            *newest_ms = record.appended_at_ms.max(*newest_ms);
        }
        Ok(Some(Reverse((*newest_ms, partition, self.topology.ranks()[usize::from(input.0)], input))))
    }

    /// All partitions stand at the same time in the end, as they would have once everything was read.
    fn pass_to_the_end(&mut self, to: &mut Listeners<'_>) -> Result<(), ReplayError> {
        let newest_ms = self.tasks.iter().map(Recompute::clock_ms).max().filter(|clock_ms| *clock_ms != i64::MIN);
        let Some(end_ms) =
            newest_ms.map(|newest_ms| self.settings.until_ms.map_or(newest_ms, |until| until.max(newest_ms)))
        else {
            return Ok(());
        };
        for partition in (0..self.topology.partition_count()).map(Partition) {
            self.with_merges(partition, |task| task.pass_time(end_ms));
            self.settle(partition, to)?;
        }
        Ok(())
    }

    fn task(&mut self, partition: Partition) -> &mut Recompute<'r> {
        &mut self.tasks[partition.0 as usize]
    }

    fn with_merges(&mut self, partition: Partition, run: impl FnOnce(&mut Recompute<'r>)) {
        let task = &mut self.tasks[partition.0 as usize];
        std::mem::swap(task.merges_mut(), &mut self.merges);
        run(task);
        std::mem::swap(task.merges_mut(), &mut self.merges);
    }

    /// Passes on what a partition has decided, and keeps the Facts that its leads sent off.
    fn settle(&mut self, partition: Partition, to: &mut Listeners<'_>) -> Result<(), ReplayError> {
        let (decisions, messages) = self.task(partition).drain();
        for (_, message) in messages {
            if let Message::Merge { link, merged } = message {
                self.merges.insert((link.from, link.event_id), merged);
            }
        }
        self.out.dead_letter_count += self.task(partition).drain_dead_letters();
        self.out.merges_as_logged_count += self.task(partition).drain_merges_as_logged();
        decisions.into_iter().try_for_each(|decision| (to.decided)(decision))
    }

    fn report(&mut self, to: &mut Listeners<'_>) {
        (to.progressed)(std::mem::take(&mut self.untold));
    }

    fn check_leads(&mut self, partition: Partition) -> Result<(), ReplayError> {
        let leads_max = self.settings.leads_max;
        let count: usize = self.tasks.iter().map(|task| task.leads().len()).sum();
        match count > leads_max {
            true => Err(ReplayError::LeadsMax { leads_max, clock_ms: self.task(partition).clock_ms() }),
            false => Ok(()),
        }
    }

    fn finish(self) -> Replayed {
        let mut out = self.out;
        out.clocks_ms = self.tasks.iter().map(Recompute::clock_ms).collect();
        let end_ms = self.settings.until_ms.or(out.end_ms()).unwrap_or(0);
        for task in &self.tasks {
            let living =
                task.leads().iter().filter(|(_, lead)| lead.identity.redirect.is_none() && !lead.facts.is_empty());
            out.readiness.extend(living.map(|(id, lead)| (id.clone(), lead.facts.readiness(self.model, end_ms))));
        }
        out
    }
}

/// The key of the Facts that an intake record brings from another lead.
fn merge_of(record: &LoggedRecord) -> Option<(Box<str>, Box<str>)> {
    let headers = record.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
    let Ok(Intake::Message { .. }) = intake::read(headers) else { return None };
    match message::decode(record.value.as_deref()?).ok()? {
        Message::Merge { link, .. } => Some((link.from, link.event_id)),
        _ => None,
    }
}
