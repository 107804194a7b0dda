//! Partitions on their way in and out: claimed, restored, started, let go.

use std::collections::VecDeque;

use super::batch::{InputId, Partition};
use super::context::Context;
use super::crash;
use super::error::Error;
use super::forwarder::Forwarder;
use super::persist;
use super::ports::{Change, Changelog, Position, Source, Stretch};
use super::restore::Restore;
use super::task::Task;

/// So many more partitions are fetched for while one is restored: else reading would pause when that one is written.
const FETCHED_AHEAD: usize = 1;

/// What a worker is assigned and does not run yet.
#[derive(Debug)]
pub struct Ownership {
    worker: usize,
    /// Assigned; not begun, or still in use by another worker of the process.
    waiting: VecDeque<Partition>,
    restoring: VecDeque<Restore>,
    /// Partitions of inputs without tasks, whose positions are not known yet.
    stateless: Vec<(InputId, Partition)>,
}

impl Ownership {
    pub fn new(worker: usize) -> Ownership {
        Ownership { worker, waiting: VecDeque::new(), restoring: VecDeque::new(), stateless: Vec::new() }
    }

    /// True while something is assigned that does not run yet.
    pub fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || !self.restoring.is_empty() || !self.stateless.is_empty()
    }

    /// True while nothing can be done but wait for another worker to let a partition go.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() && self.restoring.is_empty() && self.stateless.is_empty()
    }

    /// Takes note of a rebalance. Open work of a lost partition is dropped: its next owner reads it again.
    ///
    /// # Errors
    /// Those of the store.
    pub fn change(
        &mut self,
        context: &Context,
        tasks: &mut Vec<Task>,
        forwarder: &mut Forwarder,
        change: Change,
    ) -> Result<(), Error> {
        for partition in &change.lost {
            self.lose(context, tasks, *partition, change.lost_by_force)?;
        }
        self.waiting.extend(&change.gained);
        if !change.lost_stateless.is_empty() || !change.gained_stateless.is_empty() {
            self.regain_stateless(forwarder, &change);
        }
        Ok(())
    }

    fn lose(
        &mut self,
        context: &Context,
        tasks: &mut Vec<Task>,
        partition: Partition,
        by_force: bool,
    ) -> Result<(), Error> {
        self.waiting.retain(|waiting| *waiting != partition);
        self.restoring.retain(|restore| restore.partition != partition);
        if let Some(at) = tasks.iter().position(|task| task.partition == partition) {
            let mut task = tasks.remove(at);
            if !by_force {
                persist::persist(context, &mut task)?;
            }
        }
        crash::point("change.lost");
        context.shared.release(partition, self.worker);
        context.metrics.input.forget(partition);
        tracing::info!(partition = partition.0, by_force, "let a partition go");
        Ok(())
    }

    /// What is pending of these inputs stands in one buffer, so losing one means reading the others again as well.
    fn regain_stateless(&mut self, forwarder: &mut Forwarder, change: &Change) {
        let mut owned = forwarder.owned();
        owned.append(&mut self.stateless);
        owned.retain(|source| !change.lost_stateless.contains(source));
        owned.extend(&change.gained_stateless);
        owned.sort_unstable();
        owned.dedup();
        forwarder.clear();
        self.stateless = owned;
    }

    /// Drops everything uncommitted of every partition; all of them are restored again.
    pub fn forget(&mut self, context: &Context, tasks: &mut Vec<Task>, forwarder: &mut Forwarder) {
        for task in tasks.drain(..) {
            context.shared.release(task.partition, self.worker);
            self.waiting.push_back(task.partition);
        }
        self.waiting.extend(self.restoring.drain(..).map(|restore| restore.partition));
        self.regain_stateless(forwarder, &Change::default());
    }

    /// Goes on with what waits and what is being restored, within one turn's budget.
    ///
    /// # Errors
    /// `Corrupt` where disk, changelog and group do not agree; those of the ports.
    pub fn restore(
        &mut self,
        context: &Context,
        source: &mut impl Source,
        changelog: &mut impl Changelog,
        tasks: &mut Vec<Task>,
        forwarder: &mut Forwarder,
    ) -> Result<(), Error> {
        self.start_stateless(source, forwarder)?;
        let since = context.clock.uptime();
        self.begin_waiting(context, source, changelog)?;
        self.announce(changelog)?;
        while let Some(restore) = self.restoring.front_mut() {
            if let Some(task) = restore.advance(context, source, changelog)? {
                source.start(&task.positions)?; // where it fails, the partition is still among those to be restored
                self.restoring.pop_front();
                run(context, tasks, task);
                self.announce(changelog)?;
            }
            if context.since(since) >= context.settings.restore_budget {
                break;
            }
        }
        Ok(())
    }

    fn announce(&self, changelog: &mut impl Changelog) -> Result<(), Error> {
        let next: Vec<Stretch> = self.restoring.iter().take(1 + FETCHED_AHEAD).map(Restore::left).collect();
        Ok(changelog.read_soon(&next)?)
    }

    fn begin_waiting(
        &mut self,
        context: &Context,
        source: &mut impl Source,
        changelog: &mut impl Changelog,
    ) -> Result<(), Error> {
        for _ in 0..self.waiting.len() {
            let Some(partition) = self.waiting.pop_front() else { break };
            if !context.shared.claim(partition, self.worker) {
                self.waiting.push_back(partition);
                continue;
            }
            match Restore::begin(context, source, changelog, partition) {
                Ok(restore) => self.restoring.push_back(restore),
                Err(error) => {
                    self.waiting.push_back(partition);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn start_stateless(&mut self, source: &mut impl Source, forwarder: &mut Forwarder) -> Result<(), Error> {
        if self.stateless.is_empty() {
            return Ok(());
        }
        let committed = source.committed(&self.stateless)?;
        let mut positions = Vec::with_capacity(committed.len());
        for ((input, partition), committed) in self.stateless.iter().copied().zip(committed) {
            let next_offset = match committed {
                Some(next_offset) => next_offset,
                None => source.low_watermark(input, partition)?,
            };
            positions.push(Position { input, partition, next_offset });
        }
        source.start(&positions)?;
        positions.into_iter().for_each(|position| forwarder.gained(position));
        self.stateless.clear();
        Ok(())
    }
}

/// A restored task, which is read for already, begins to work.
fn run(context: &Context, tasks: &mut Vec<Task>, task: Task) {
    crash::point("restore.started");
    context.shared.running(task.partition, task.leads.clone());
    tracing::info!(partition = task.partition.0, "a partition is restored and runs");
    let at = tasks.partition_point(|other| other.partition < task.partition);
    tasks.insert(at, task);
}
