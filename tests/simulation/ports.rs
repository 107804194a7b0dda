//! The embedded log as a worker of the simulation sees it: every call may be the last one, or fail, or take long.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tsuikyaku::io::embedded::{EmbeddedChangelog, EmbeddedSink, EmbeddedSource, Membership};
use tsuikyaku::runtime::batch::{Batch, InputId, Partition};
use tsuikyaku::runtime::ports::{
    Change, Changelog, ChangelogRecord, Clock, OutRecord, PollLimits, Position, Restored, Sink, SinkError, Source,
    SourceError, Stretch, send_each,
};

use crate::fault::{Fault, NodeId, Outcome};
use crate::world::world;

/// What the scheduler knows of a worker.
#[derive(Default)]
pub struct Watch {
    /// Until when nothing but a change of the log needs its attention, ms since the epoch.
    pub wake_at_ms: Cell<i64>,
    /// The log's changes when it fell asleep.
    pub changes: Cell<u64>,
    pub member: Cell<Option<Membership>>,
    /// Where its transaction stands.
    pub phase: Cell<Phase>,
    /// A call of its writer has failed, and it has no new one yet.
    pub must_rebuild: Cell<bool>,
    pub is_killed: Cell<bool>,
    /// The last piece of the changelog that it read was not the last one.
    pub is_restoring: Cell<bool>,
    /// It knows the group's positions of this partition, and has not asked for the end of its changelog since.
    pub positioned: Cell<Option<Partition>>,
}

/// The calls of a transaction come in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    #[default]
    None,
    Begun,
    Drained,
    Offsets,
}

fn away() -> Result<(), String> {
    if world().is_broker_away() { Err("the broker is away".into()) } else { Ok(()) }
}

fn read(place: &'static str) -> Result<(), SourceError> {
    world().passes(place);
    away().map_err(SourceError::Retry)
}

pub struct SimSource {
    node: NodeId,
    inner: Option<EmbeddedSource>,
    watch: Rc<Watch>,
}

impl SimSource {
    pub fn new(node: NodeId, inner: EmbeddedSource, watch: Rc<Watch>) -> SimSource {
        SimSource { node, inner: Some(inner), watch }
    }

    fn inner(&mut self) -> &mut EmbeddedSource {
        self.inner.as_mut().expect("it is there until it is dropped")
    }

    /// A member joins and leaves while nobody looks: what it took away comes back in the same poll.
    fn flap(&mut self, batch: &mut Batch, limits: PollLimits) -> Result<Change, SourceError> {
        let guest = world().log.source();
        let mut change = self.inner().poll(batch, limits)?;
        drop(guest);
        let again = self.inner().poll(batch, limits)?;
        if change.lost.iter().any(|lost| again.gained.contains(lost)) {
            world().struck("away and back in one poll");
        }
        change.lost_by_force |= again.lost_by_force;
        let Change { gained, lost, gained_stateless, lost_stateless, .. } = again;
        add(&mut change.gained, &mut change.lost, gained, lost);
        add(&mut change.gained_stateless, &mut change.lost_stateless, gained_stateless, lost_stateless);
        Ok(change)
    }
}

/// Adds up changes as the adapter for Kafka does.
fn add<T: PartialEq>(gained: &mut Vec<T>, lost: &mut Vec<T>, gained_then: Vec<T>, lost_then: Vec<T>) {
    for item in lost_then {
        let before = gained.len();
        gained.retain(|own| *own != item);
        if gained.len() == before && !lost.contains(&item) {
            lost.push(item);
        }
    }
    gained.extend(gained_then);
}

impl Drop for SimSource {
    /// The group does not hear of a killed process before its session has timed out.
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take().filter(|_| self.watch.is_killed.get()) {
            world().haunt(self.node, inner);
        }
    }
}

impl Source for SimSource {
    type Group = Membership;

    fn poll(&mut self, batch: &mut Batch, limits: PollLimits) -> Result<Change, SourceError> {
        read("source.poll")?;
        let (before, wait) = (batch.len(), limits.wait);
        let limits = PollLimits { wait: Duration::ZERO, ..limits };
        let change = match world().take_armed(self.node, "source.poll", |fault| matches!(fault, Fault::Flap { .. })) {
            Some(_) => self.flap(batch, limits)?,
            None => self.inner().poll(batch, limits)?,
        };
        let member = self.inner().group().ok();
        self.watch.member.set(member);
        if change.is_empty() && batch.len() == before {
            world().sleeps(&self.watch, wait);
        } else {
            world().changed();
        }
        Ok(change)
    }

    fn group(&mut self) -> Result<Membership, SourceError> {
        self.inner().group()
    }

    fn inputs(&self) -> &[InputId] {
        self.inner.as_ref().expect("it is there until it is dropped").inputs()
    }

    fn committed(&mut self, of: &[(InputId, Partition)]) -> Result<Vec<Option<i64>>, SourceError> {
        read("source.committed")?;
        if self.watch.must_rebuild.get() {
            world().violate("positions are read before the writer that failed has a successor".into());
        }
        let positions = self.inner().committed(of)?;
        self.watch.positioned.set(of.first().map(|(_, partition)| *partition));
        Ok(positions)
    }

    fn low_watermark(&mut self, input: InputId, partition: Partition) -> Result<i64, SourceError> {
        away().map_err(SourceError::Retry)?;
        self.inner().low_watermark(input, partition)
    }

    fn start(&mut self, positions: &[Position]) -> Result<(), SourceError> {
        read("source.start")?;
        if world().take_armed(self.node, "source.start", |fault| matches!(fault, Fault::Unstarted { .. })).is_some() {
            world().struck("not started");
            return Err(SourceError::Retry("a partition cannot be read".into()));
        }
        self.inner().start(positions)
    }

    fn stop(&mut self, of: &[(InputId, Partition)]) -> Result<(), SourceError> {
        self.inner().stop(of)
    }

    fn at_end(&self, partition: Partition) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.at_end(partition))
    }

    fn lag_records(&self, input: InputId, partition: Partition) -> Option<i64> {
        self.inner.as_ref()?.lag_records(input, partition)
    }

    fn close(&mut self, deadline: Duration) {
        self.inner().close(deadline);
        world().changed();
    }
}

pub struct SimSink {
    node: NodeId,
    id: String,
    inner: EmbeddedSink,
    /// A request of the producer before this one, still on its way.
    late: Option<EmbeddedSink>,
    /// The open transaction must be aborted, no more.
    is_regrouped: bool,
    watch: Rc<Watch>,
}

impl SimSink {
    pub fn new(node: NodeId, id: String, watch: Rc<Watch>) -> SimSink {
        let inner = world().log.sink(&id);
        SimSink { node, id, inner, late: None, is_regrouped: false, watch }
    }

    fn goes_on(&self, from: &[Phase], to: Phase, call: &str) {
        let phase = self.watch.phase.get();
        if !from.contains(&phase) {
            world().violate(format!("{call} in a transaction that is {phase:?}"));
        }
        self.watch.phase.set(to);
    }

    /// A call that fails is the last one of this writer.
    fn noted<T>(&self, outcome: Result<T, SinkError>) -> Result<T, SinkError> {
        if outcome.is_err() {
            self.watch.must_rebuild.set(true);
        }
        outcome
    }

    fn armed(&self, place: &'static str) -> Option<Fault> {
        let is_ours = |fault: &Fault| {
            use Fault::*;
            matches!(fault, Fence { .. } | Timeout { .. } | Unanswered { .. } | Undelivered { .. } | Regroup { .. })
        };
        let fault = world().take_armed(self.node, place, is_ours)?;
        world().struck(fault.kind());
        Some(fault)
    }

    fn unanswered(&mut self, outcome: Outcome) -> Result<(), SinkError> {
        match outcome {
            Outcome::Applied => self.inner.end()?,
            Outcome::NotApplied => {}
            Outcome::WhileRewinding => self.late = Some(self.inner.clone()),
            Outcome::TooLate => world().late_end(self.inner.clone()),
        }
        Err(SinkError::Unknown(format!("no answer ({outcome:?})")))
    }
}

impl Sink for SimSink {
    type Group = Membership;

    fn begin(&mut self) -> Result<(), SinkError> {
        world().passes("sink.begin");
        self.goes_on(&[Phase::None], Phase::Begun, "begin");
        let begun = self.inner.begin();
        self.noted(begun)
    }

    fn send(&mut self, record: OutRecord<'_>) -> Result<(), SinkError> {
        world().passes("sink.send");
        self.goes_on(&[Phase::Begun], Phase::Begun, "send");
        let sent = self.inner.send(record);
        self.noted(sent)
    }

    fn send_changelog<'r>(
        &mut self,
        partition: Partition,
        records: impl Iterator<Item = (&'r [u8], Option<&'r [u8]>)>,
    ) -> Result<(), SinkError> {
        send_each(self, partition, records)
    }

    fn drain(&mut self) -> Result<Vec<(Partition, i64)>, SinkError> {
        world().passes("sink.drain");
        self.goes_on(&[Phase::Begun], Phase::Drained, "drain");
        self.noted(away().map_err(SinkError::Abort))?;
        let drained = match self.armed("sink.drain") {
            Some(_) => Err(SinkError::Abort("a record was not delivered".into())),
            None => self.inner.drain(),
        };
        self.noted(drained)
    }

    fn send_offsets(&mut self, positions: &[Position], group: &Membership) -> Result<(), SinkError> {
        world().passes("sink.offsets");
        self.goes_on(&[Phase::Drained], Phase::Offsets, "send_offsets");
        self.noted(away().map_err(SinkError::Abort))?;
        let sent = match self.armed("sink.offsets") {
            Some(Fault::Regroup { for_ms, .. }) => {
                world().joined_by_guest(for_ms);
                Err(SinkError::Regrouped("a member has joined".into()))
            }
            _ => self.inner.send_offsets(positions, group),
        };
        self.is_regrouped = matches!(sent, Err(SinkError::Regrouped(_)));
        self.noted(sent)
    }

    fn end(&mut self) -> Result<(), SinkError> {
        world().passes("sink.end");
        self.goes_on(&[Phase::Offsets], Phase::None, "end");
        self.noted(away().map_err(SinkError::Unknown))?;
        match self.armed("sink.end") {
            Some(Fault::Fence { .. }) => drop(world().log.sink(&self.id)),
            Some(Fault::Timeout { .. }) => world().log.expire_transactions(),
            Some(Fault::Unanswered { outcome, .. }) => {
                let unanswered = self.unanswered(outcome);
                return self.noted(unanswered);
            }
            _ => {}
        }
        let ended = self.inner.end();
        world().changed();
        world().passes("sink.ended");
        self.noted(ended)
    }

    fn abort(&mut self) -> Result<(), SinkError> {
        self.watch.phase.set(Phase::None);
        let aborted = away().map_err(SinkError::Abort).and_then(|()| self.inner.abort());
        if aborted.is_ok() && std::mem::take(&mut self.is_regrouped) {
            self.watch.must_rebuild.set(false);
        }
        world().changed();
        aborted
    }

    fn rebuild(&mut self) -> Result<(), SinkError> {
        world().passes("sink.rebuild");
        self.watch.phase.set(Phase::None);
        away().map_err(SinkError::Abort)?;
        if let Some(mut late) = self.late.take() {
            // Whether it was in time is the broker's to say, and nobody hears of it.
            let _ = late.end();
        }
        self.inner.rebuild()?;
        self.is_regrouped = false;
        self.watch.must_rebuild.set(false);
        world().changed();
        Ok(())
    }
}

pub struct SimChangelog {
    inner: EmbeddedChangelog,
    piece: usize,
    /// What is read next.
    next: Vec<Stretch>,
    watch: Rc<Watch>,
}

impl SimChangelog {
    pub fn new(piece: usize, watch: Rc<Watch>) -> SimChangelog {
        SimChangelog { inner: world().log.changelog(), piece, next: Vec::new(), watch }
    }
}

impl Changelog for SimChangelog {
    fn bounds(&mut self, partition: Partition) -> Result<(i64, i64), SourceError> {
        away().map_err(SourceError::Retry)?;
        if self.watch.positioned.take() != Some(partition) {
            world().violate(format!("{partition:?}: the changelog's end is asked for before the group's positions"));
        }
        self.inner.bounds(partition)
    }

    fn read_soon(&mut self, next: &[Stretch]) -> Result<(), SourceError> {
        away().map_err(SourceError::Retry)?;
        if !next.is_empty() && world().random(|random| random.percent(2)) {
            return Err(SourceError::Retry("a partition cannot be fetched".into()));
        }
        self.next = next.to_vec();
        Ok(())
    }

    /// Hands out a piece; where there is nothing to read yet, time passes.
    fn read(
        &mut self,
        partition: Partition,
        from: i64,
        until: i64,
        _: Duration,
        each: &mut dyn FnMut(ChangelogRecord<'_>),
    ) -> Result<Restored, SourceError> {
        read("changelog.read")?;
        world().check_restore(partition, from);
        if self.next.first().is_none_or(|next| next.partition != partition) {
            world().violate(format!("{partition:?}: its changelog is read while another one's was announced"));
        }
        let (mut count, mut cut) = (0, None);
        let restored = self.inner.read(partition, from, until, Duration::ZERO, &mut |record| {
            count += 1;
            if count <= self.piece {
                each(record);
            } else {
                cut.get_or_insert(record.offset);
            }
        })?;
        world().time_passes(if restored.done { 3 } else { 25 });
        self.watch.is_restoring.set(cut.is_some() || !restored.done);
        match cut {
            Some(next_offset) => Ok(Restored { next_offset, done: false }),
            None => Ok(restored),
        }
    }
}

/// A process's clock: the simulated time, and how wrong it is.
pub struct SimClock {
    pub time_ms: Arc<AtomicI64>,
    pub wrong_by_ms: Arc<AtomicI64>,
}

impl Clock for SimClock {
    fn now_ms(&self) -> i64 {
        self.time_ms.load(Ordering::Relaxed) + self.wrong_by_ms.load(Ordering::Relaxed)
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(self.time_ms.load(Ordering::Relaxed).max(0) as u64)
    }

    fn sleep(&self, time: Duration) {
        world().sleeps_in_a_call(time);
    }
}
