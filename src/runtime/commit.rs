//! One batch, one transaction. The order of the calls is what exactly-once rests on; each arrow is an invariant:
//! changelog delivery reports → positions → end of the transaction → the tables of leads, and later the store.

use std::time::Instant;

use crate::wire::manifest;

use super::cadence::Extent;
use super::context::Context;
use super::crash;
use super::error::Error;
use super::forwarder::Forwarder;
use super::metrics::CommitPhase;
use super::ports::{Position, Sink};
use super::task::Task;

/// Everything that one transaction does, as a value; outputs and changed states stand in the tasks, as bytes.
#[derive(Debug)]
pub struct Commit {
    tasks: Vec<TaskCommit>,
    positions: Vec<Position>,
    extent: Extent,
}

#[derive(Debug)]
struct TaskCommit {
    /// Index of the task among those that the commit was built from.
    at: usize,
    manifest: Vec<u8>,
}

impl TaskCommit {
    /// Keys and values, the manifest last.
    fn changelog<'a>(&'a self, task: &'a Task) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        let states = task.working.changed().map(|lead| (lead.id.as_bytes(), lead.state));
        states.chain([(manifest::KEY, Some(&*self.manifest))])
    }
}

impl Commit {
    /// What the open batches of these tasks amount to, as far as the transaction takes them. `None`: nothing is
    /// pending.
    pub fn of(context: &Context, tasks: &mut [Task], forwarder: &Forwarder, extent: Extent) -> Option<Commit> {
        let is_whole = extent == Extent::Whole;
        let taken = |task: &Task| is_whole || task.has_decided();
        let commits: Vec<TaskCommit> = (0..tasks.len())
            .filter(|at| tasks[*at].has_pending() && taken(&tasks[*at]))
            .map(|at| TaskCommit { at, manifest: encode_manifest(context, &tasks[at]) })
            .collect();
        commits.iter().for_each(|commit| tasks[commit.at].working.encode());
        let reported = tasks.iter().filter(|task| (task.has_pending() || task.recommit) && taken(task));
        let mut positions: Vec<Position> = reported.flat_map(|task| task.positions.iter().copied()).collect();
        if is_whole {
            positions.extend(forwarder.pending_positions());
        }
        (!commits.is_empty() || !positions.is_empty()).then_some(Commit { tasks: commits, positions, extent })
    }

    /// Executes it: returns the changelog offsets behind what was written. On any error the batch may or may not be
    /// in the log; only a rewind finds out.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn execute<S: Sink>(
        &self,
        context: &Context,
        sink: &mut S,
        tasks: &[Task],
        forwarder: &Forwarder,
        group: &S::Group,
    ) -> Result<Vec<(super::batch::Partition, i64)>, Error> {
        let mut phases = Phases::begin(context);
        sink.begin()?;
        crash::point("commit.begun");
        if self.extent == Extent::Whole {
            forwarder.outputs().try_each(|record| sink.send(record))?;
        }
        for commit in &self.tasks {
            let task = &tasks[commit.at];
            task.pending.outputs.try_each(|record| sink.send(record))?;
            crash::point("commit.sending");
            sink.send_changelog(task.partition, commit.changelog(task))?;
        }
        crash::point("commit.sent");
        phases.end(CommitPhase::Send);
        let next_offsets = sink.drain()?;
        crash::point("commit.drained");
        phases.end(CommitPhase::Drain);
        sink.send_offsets(&self.positions, group)?;
        crash::point("commit.offsets");
        phases.end(CommitPhase::Offsets);
        sink.end()?;
        crash::point("commit.ended");
        phases.end(CommitPhase::End);
        Ok(next_offsets)
    }

    /// The transaction has ended: its states become the committed ones.
    pub fn apply(
        self,
        context: &Context,
        tasks: &mut [Task],
        forwarder: &mut Forwarder,
        next_offsets: &[(super::batch::Partition, i64)],
    ) {
        let now_ms = context.clock.now_ms();
        for commit in self.tasks {
            let task = &mut tasks[commit.at];
            report(context, task, now_ms);
            let found = next_offsets.iter().find(|(partition, _)| *partition == task.partition);
            task.committed(commit.manifest, found.map(|(_, next)| *next), now_ms);
        }
        if self.extent == Extent::Whole {
            tasks.iter_mut().for_each(|task| task.recommit = false);
            forwarder.committed(&context.metrics);
        }
    }
}

/// Measures the phases of a commit, each from the end of the one before.
struct Phases<'c> {
    context: &'c Context,
    begun: Instant,
    last: Instant,
}

impl<'c> Phases<'c> {
    fn begin(context: &'c Context) -> Phases<'c> {
        let now = Instant::now();
        Phases { context, begun: now, last: now }
    }

    fn end(&mut self, phase: CommitPhase) {
        let now = Instant::now();
        self.context.metrics.turn.committed(phase, now - self.last);
        self.last = now;
        if phase == CommitPhase::End {
            self.context.metrics.turn.committed(CommitPhase::Whole, now - self.begun);
        }
    }
}

fn report(context: &Context, task: &mut Task, now_ms: i64) {
    for decided in &task.pending.decided {
        let latency_ms = decided.appended_at_ms.map(|appended_at_ms| now_ms - appended_at_ms);
        context.metrics.output.decision(decided.lane.as_str(), decided.decision_type.as_str(), latency_ms);
    }
    task.pending.tally.report(&context.metrics);
    context.metrics.turn.batch(task.pending.record_count);
}

fn encode_manifest(context: &Context, task: &Task) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    task.pending_manifest(&context.topology).encode(&mut bytes);
    bytes
}
