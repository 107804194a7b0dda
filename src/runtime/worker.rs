//! A worker: one thread that owns one reader, one transactional writer, and the partitions assigned to it.
//!
//! ```text
//! poll → prefetch → process → commit → persist
//! ```
//!
//! Several steps (poll, prefetch, process) may go into one transaction: a decision does not wait long, and without
//! one the broker is spared. Whatever fails between reading and the end of a transaction leads to the one `rewind`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::align::Align;
use super::batch::{Batch, Partition};
use super::cadence::{Cadence, Extent, Waiting};
use super::commit::Commit;
use super::context::Context;
use super::crash;
use super::error::{Error, RewindCause};
use super::forwarder::Forwarder;
use super::guard::DeadLetterGuard;
use super::leads::LeadTable;
use super::metrics::Verb;
use super::order::{Placed, Sequence};
use super::ownership::Ownership;
use super::persist::{persist, persist_one_due};
use super::ports::{Change, Changelog, PollLimits, Sink, Source};
use super::prefetch::Room;
use super::settings::Settings;
use super::shared::Phase;
use super::step::step;
use super::task::Task;

/// Longest wait in one `poll` while nothing is pending.
const IDLE_WAIT: Duration = Duration::from_millis(100);

/// Wait in one `poll` while a partition of ours is still in use by another worker of the process.
const CLAIM_WAIT: Duration = Duration::from_millis(5);

/// Wait in one `poll` while records are held back.
const HELD_WAIT: Duration = Duration::from_millis(1);

/// Commits that are put off in a row, because the group moves on, before everything is restored.
const PUT_OFF_MAX: u32 = 5;

const OBSERVE_INTERVAL: Duration = Duration::from_secs(1);

/// Asks every worker of a process to stop.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(Arc<AtomicBool>);

impl Shutdown {
    pub fn request(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The loop and what it owns.
pub struct Worker<S, K, C> {
    context: Context,
    number: usize,
    source: S,
    sink: K,
    changelog: C,
    tasks: Vec<Task>,
    ownership: Ownership,
    forwarder: Forwarder,
    guard: DeadLetterGuard,
    room: Room,
    /// Polled and not applied yet.
    batch: Batch,
    /// More waits to be read than the last step had room for.
    is_behind: bool,
    sequence: Sequence,
    align: Align,
    /// Since a rewind began, until there is a new writer.
    must_rebuild: bool,
    put_off_count: u32,
    cadence: Cadence,
    /// This and the following by `Clock::uptime`.
    recommitted_at: Duration,
    observed_at: Duration,
    /// Since when nothing can be committed, and how often it was tried.
    failing: Option<(Duration, u32)>,
}

impl<S, K, C> Worker<S, K, C>
where
    S: Source,
    K: Sink<Group = S::Group>,
    C: Changelog,
{
    /// `number` tells the workers of a process apart.
    pub fn new(context: Context, number: usize, source: S, sink: K, changelog: C) -> Self {
        let guard = DeadLetterGuard::new(&context.settings);
        let now = context.clock.uptime();
        Worker {
            ownership: Ownership::new(number),
            number,
            source,
            sink,
            changelog,
            tasks: Vec::new(),
            forwarder: Forwarder::default(),
            guard,
            room: Room::default(),
            batch: Batch::default(),
            is_behind: false,
            sequence: Sequence::default(),
            align: Align::new(&context.settings),
            must_rebuild: false,
            put_off_count: 0,
            context,
            cadence: Cadence::new(now),
            recommitted_at: now,
            observed_at: now,
            failing: None,
        }
    }

    /// Runs until `shutdown` is requested, then commits, persists and leaves within `leave_within`.
    ///
    /// # Errors
    /// What the process must stop for; the message names the fix.
    pub fn run(mut self, shutdown: &Shutdown, leave_within: Duration) -> Result<(), Error> {
        while !shutdown.is_requested() {
            self.turn()?;
        }
        self.leave(leave_within)
    }

    /// Commits what is open, brings everything to disk, and leaves the group.
    ///
    /// # Errors
    /// As `run`.
    pub fn leave(mut self, leave_within: Duration) -> Result<(), Error> {
        let settled = match self.settle() {
            Err(Error::Rewind { cause, detail }) => {
                tracing::warn!(worker = self.number, %cause, detail, "the last batch was not committed; the next start does it");
                Ok(())
            }
            settled => settled,
        };
        self.source.close(leave_within);
        settled
    }

    /// One turn of the loop, and a rewind where it fails and that helps. `run` is nothing but turns; whoever schedules
    /// workers by himself takes them one by one.
    ///
    /// # Errors
    /// As `run`.
    pub fn turn(&mut self) -> Result<(), Error> {
        match self.attempt() {
            Err(Error::Rewind { cause, detail }) => self.rewind(cause, &detail),
            done => done,
        }
    }

    fn attempt(&mut self) -> Result<(), Error> {
        if self.must_rebuild {
            self.rebuild()?;
        }
        let change = self.timed(Verb::Poll, Self::poll)?;
        self.own(change)?;
        self.timed(Verb::Process, Self::step)?;
        if let Some(extent) = self.due() {
            self.timed(Verb::Commit, |worker| worker.commit_or_put_off(extent))?;
        }
        self.timed(Verb::Persist, Self::persist)?;
        self.observe();
        Ok(())
    }

    fn timed<T>(&mut self, verb: Verb, what: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let since = Instant::now();
        let done = what(self);
        self.context.metrics.turn.spent(verb, since.elapsed());
        done
    }

    /// Collects the records of the next step.
    fn poll(&mut self) -> Result<Change, Error> {
        let settings = &self.context.settings;
        let held = self.batch.len();
        let mut limits = PollLimits {
            wait: self.longest_wait(),
            records_max: held + settings.step_records_max,
            bytes_max: self.batch.bytes() + settings.step_bytes_max,
        };
        let step_interval = settings.step_interval;
        let change = self.source.poll(&mut self.batch, limits)?;
        self.is_behind = !self.has_room(&limits);
        if !change.is_empty() || self.batch.len() == held || self.is_behind {
            return Ok(change);
        }
        crash::point("poll.polled");
        // Asleep rather than waiting in `poll`, which returns, and costs, at every arrival.
        self.context.clock.sleep(step_interval);
        limits.wait = Duration::ZERO;
        Ok(self.source.poll(&mut self.batch, limits)?)
    }

    fn has_room(&self, limits: &PollLimits) -> bool {
        let batch = &self.batch;
        batch.len() < limits.records_max && batch.bytes() < limits.bytes_max
    }

    /// How long nothing but a record needs attention.
    fn longest_wait(&self) -> Duration {
        if !self.batch.is_empty() {
            return HELD_WAIT;
        }
        if self.ownership.is_waiting() {
            return CLAIM_WAIT;
        }
        if self.ownership.is_busy() || self.tasks.iter().any(|task| self.moves_on_to(task).is_some()) {
            return Duration::ZERO;
        }
        let waiting = self.waiting();
        if waiting.anything {
            return self.cadence.due_in(&self.context.settings, self.context.clock.uptime(), waiting);
        }
        IDLE_WAIT
    }

    /// Takes what was gained, lets go what was lost, and goes on restoring.
    fn own(&mut self, change: Change) -> Result<(), Error> {
        let Worker { context, source, changelog, tasks, forwarder, ownership, align, .. } = self;
        if !change.is_empty() {
            crash::point("poll.changed");
            self.sequence.clear();
            context.metrics.ownership.rebalance();
            align.lose(&change.lost);
            ownership.change(context, tasks, forwarder, change)?;
        }
        if !ownership.is_busy() {
            return Ok(());
        }
        let ran: Vec<Partition> = tasks.iter().map(|task| task.partition).collect();
        let forwarded = forwarder.owned();
        ownership.restore(context, source, changelog, tasks, forwarder)?;
        let Settings { cache_bytes_max, restore_bytes_max, .. } = context.settings;
        // Leads make room for what is restored, down to half of theirs.
        let restore_bytes = if ownership.is_busy() { restore_bytes_max.min(cache_bytes_max / 2) } else { 0 };
        let memory_bytes_max = (cache_bytes_max - restore_bytes) / tasks.len().max(1);
        tasks.iter_mut().for_each(|task| task.memory_bytes_max = memory_bytes_max);
        // What was polled of a partition before it was started stands behind the place where it goes on.
        self.batch.retain(|input, partition| match context.topology.is_aligned(input) {
            true => ran.contains(&partition),
            false => forwarded.contains(&(input, partition)),
        });
        self.sequence.clear();
        Ok(())
    }

    /// Prefetches and processes what was polled, and the timers that are due. What has to wait for an earlier topic
    /// stays in the batch.
    fn step(&mut self) -> Result<(), Error> {
        self.sequence.extend(&self.batch, &self.context.topology);
        let (mut batch, mut sequence) = (std::mem::take(&mut self.batch), std::mem::take(&mut self.sequence));
        self.step_all(&batch, &mut sequence)?;
        sequence.settle(&mut batch);
        self.align.pace(&mut self.source, &self.tasks, &sequence)?;
        (self.batch, self.sequence) = (batch, sequence);
        self.guard.check()
    }

    fn step_all(&mut self, batch: &Batch, sequence: &mut Sequence) -> Result<(), Error> {
        self.forwarder.forward(&self.context, batch, &sequence.take_elsewhere(), &mut self.guard);
        for at in 0..self.tasks.len() {
            let partition = self.tasks[at].partition;
            let until_ms = self.align.ready_until(
                |input| self.source.lag_records(input, partition),
                || self.context.clock.uptime(),
                &self.context.topology,
                partition,
                sequence,
            );
            let ready = sequence.take_until(partition, until_ms);
            let is_all = sequence.extents_of(partition).next().is_none();
            let now_ms = if is_all { self.moves_on_to(&self.tasks[at]) } else { None };
            self.step_task(at, batch, &ready, now_ms)?;
        }
        Ok(())
    }

    /// Applies all of a task's records, and timers until the first pause; commits in between when the batch is full.
    fn step_task(
        &mut self,
        at: usize,
        batch: &Batch,
        mut records: &[Placed],
        now_ms: Option<i64>,
    ) -> Result<(), Error> {
        while !records.is_empty() || now_ms.is_some() {
            let stepped =
                step(&self.context, &mut self.tasks[at], batch, records, now_ms, &mut self.guard, &mut self.room)?;
            records = &records[stepped.taken..];
            if records.is_empty() {
                break;
            }
            if self.is_full() {
                self.guard.check()?;
                self.commit(Extent::Whole)?;
            }
        }
        Ok(())
    }

    /// System time, where a timer is due by it and everything that could come before was read.
    fn moves_on_to(&self, task: &Task) -> Option<i64> {
        let now_ms = self.context.clock.now_ms();
        let is_due = task.timers.next_due_ms().is_some_and(|due_ms| due_ms <= now_ms);
        (is_due && self.source.at_end(task.partition)).then_some(now_ms)
    }

    fn is_full(&self) -> bool {
        let settings = &self.context.settings;
        let leads: usize = self.tasks.iter().map(|task| task.working.len()).sum();
        let bytes: usize = self.tasks.iter().map(Task::pending_bytes).sum();
        leads >= settings.batch_leads_max || bytes + self.forwarder.bytes() >= settings.batch_bytes_max
    }

    /// The transaction that is due, if one is.
    fn due(&self) -> Option<Extent> {
        if self.is_full() {
            return Some(Extent::Whole);
        }
        let settings = &self.context.settings;
        let must_report = self.tasks.iter().any(|task| task.recommit)
            || self.context.since(self.recommitted_at) >= settings.recommit_interval;
        let waiting = self.waiting();
        let waiting = Waiting { anything: waiting.anything || must_report, ..waiting };
        self.cadence.due(settings, self.context.clock.uptime(), waiting)
    }

    fn waiting(&self) -> Waiting {
        let anything = self.forwarder.has_pending() || self.tasks.iter().any(Task::has_pending);
        // Behind, a decision has waited for records before it already, and larger transactions catch up sooner.
        Waiting { anything, decision: !self.is_behind && self.tasks.iter().any(Task::has_decided) }
    }

    /// Hands over what is not counted event by event, about once a second.
    fn observe(&mut self) {
        if self.context.since(self.observed_at) < OBSERVE_INTERVAL {
            return;
        }
        self.observed_at = self.context.clock.uptime();
        let metrics = &self.context.metrics;
        let now_ms = self.context.clock.now_ms();
        for task in &self.tasks {
            for position in &task.positions {
                if let Some(records) = self.source.lag_records(position.input, position.partition) {
                    metrics.input.lag(position.input, position.partition, records);
                }
            }
            let is_behind = task.clock_ms > i64::MIN && !self.source.at_end(task.partition);
            let behind_ms = if is_behind { now_ms.saturating_sub(task.clock_ms).max(0) } else { 0 };
            metrics.input.lag_seconds(task.partition, behind_ms as f64 / 1e3);
        }
        let sum = |of: fn(&LeadTable) -> usize| self.tasks.iter().map(|task| of(&task.leads.read())).sum::<usize>();
        let (leads, dirty) = (sum(LeadTable::len), sum(|table| table.dirty().len()));
        metrics.storage.cache(self.number, leads, dirty, sum(LeadTable::bytes));
        let phases = self.context.shared.phases();
        let running = phases.values().filter(|phase| **phase == Phase::Running).count();
        metrics.ownership.assigned(phases.len() - running, running);
    }

    /// Puts the open batch, or those parts of it that do not wait, into one transaction.
    fn commit(&mut self, extent: Extent) -> Result<(), Error> {
        if self.context.since(self.recommitted_at) >= self.context.settings.recommit_interval {
            self.tasks.iter_mut().for_each(|task| task.recommit = true);
            self.forwarder.recommit();
            self.recommitted_at = self.context.clock.uptime();
        }
        let begun_at = self.context.clock.uptime();
        let Worker { context, source, sink, tasks, forwarder, .. } = self;
        if let Some(commit) = Commit::of(context, tasks, forwarder, extent) {
            let group = source.group()?;
            let next_offsets = commit.execute(context, sink, tasks, forwarder, &group)?;
            commit.apply(context, tasks, forwarder, &next_offsets);
            crash::point("commit.applied");
            let evicted: usize = tasks.iter_mut().map(Task::evict).sum();
            context.metrics.storage.evicted(evicted as u64);
        }
        let waiting = self.waiting();
        self.cadence.committed(&self.context.settings, begun_at, self.context.clock.uptime(), waiting);
        self.failing = None;
        self.put_off_count = 0;
        Ok(())
    }

    /// Between two steps, a commit that the group refused because it had moved on meanwhile needs no rewind, which would
    /// hold up the partitions that stay: nothing of it counts once it is aborted, and what is pending of partitions that
    /// the next poll does not take away is ours as before.
    fn commit_or_put_off(&mut self, extent: Extent) -> Result<(), Error> {
        match self.commit(extent) {
            Err(Error::Rewind { cause: RewindCause::Regrouped, detail }) if self.put_off_count < PUT_OFF_MAX => {
                tracing::info!(
                    worker = self.number,
                    detail,
                    "aborted within a rebalance; tried again after the next poll"
                );
                self.sink.abort()?;
                self.put_off_count += 1;
                self.cadence.put_off(self.context.clock.uptime());
                Ok(())
            }
            done => done,
        }
    }

    /// Commits what is open and brings everything to disk.
    fn settle(&mut self) -> Result<(), Error> {
        if self.waiting().anything {
            self.commit(Extent::Whole)?;
        }
        crash::point("settle.committed");
        for task in &mut self.tasks {
            persist(&self.context, task)?;
        }
        self.context.store.flush()?;
        crash::point("settle.persisted");
        Ok(())
    }

    /// Writes one partition's committed states to the store, when it is time.
    fn persist(&mut self) -> Result<(), Error> {
        persist_one_due(&self.context, &mut self.tasks)
    }

    /// The one way back, from any failure: forget what is uncommitted, make a new writer, and restore every partition
    /// from what the log has committed.
    fn rewind(&mut self, cause: RewindCause, detail: &str) -> Result<(), Error> {
        self.context.metrics.ownership.rewind(cause.as_str());
        self.back_off(cause, detail)?;
        self.must_rebuild = true;
        let Worker { context, tasks, forwarder, ownership, .. } = self;
        ownership.forget(context, tasks, forwarder);
        self.align.forget();
        crash::point("rewind.forgotten");
        // The consumer first: it knows whether a twin has taken our place, before the producer fences that twin.
        self.batch.clear();
        self.sequence.clear();
        let limits = PollLimits { wait: Duration::ZERO, records_max: 0, bytes_max: 0 };
        let change = match self.source.poll(&mut self.batch, limits).map_err(Error::from) {
            Err(Error::Rewind { .. }) => Change::default(),
            change => change?,
        };
        self.batch.clear();
        let Worker { context, tasks, forwarder, ownership, .. } = self;
        ownership.change(context, tasks, forwarder, change)?;
        crash::point("rewind.polled");
        match self.rebuild() {
            Err(Error::Rewind { cause, detail }) => {
                tracing::warn!(%cause, detail, "no new producer yet");
                Ok(())
            }
            rebuilt => rebuilt,
        }
    }

    /// Before anything is read: what the writer before left open is over only then, so only then do the committed
    /// positions say what is in the log.
    fn rebuild(&mut self) -> Result<(), Error> {
        self.sink.rebuild()?;
        self.must_rebuild = false;
        crash::point("rewind.rebuilt");
        Ok(())
    }

    /// Waits longer each time, and gives up when nothing could be committed for too long.
    fn back_off(&mut self, cause: RewindCause, detail: &str) -> Result<(), Error> {
        let (since, attempts) = *self.failing.get_or_insert((self.context.clock.uptime(), 0));
        self.failing = Some((since, attempts + 1));
        tracing::warn!(worker = self.number, %cause, detail, attempts, "rewinding to the last commit");
        let failing = self.context.since(since);
        if failing > self.context.settings.retry_max {
            return Err(Error::Stop(format!(
                "nothing could be committed for {} s; the last cause: {cause}: {detail}",
                failing.as_secs()
            )));
        }
        let wait = Duration::from_millis(50 << attempts.min(6));
        self.context.clock.sleep(wait);
        Ok(())
    }
}
