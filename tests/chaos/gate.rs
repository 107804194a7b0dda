//! A sink whose worker can be stopped between two calls of a transaction, and wakes when it is told to.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rdkafka::consumer::ConsumerGroupMetadata;
use tsuikyaku::io::kafka::KafkaSink;
use tsuikyaku::runtime::batch::Partition;
use tsuikyaku::runtime::ports::{OutRecord, Position, Sink, SinkError};

/// Before which call of a transaction a worker stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Send,
    Drain,
    Offsets,
    End,
}

impl Place {
    pub const ALL: [Place; 4] = [Place::Send, Place::Drain, Place::Offsets, Place::End];
}

#[derive(Debug, Default)]
struct State {
    stop_at: Option<Place>,
    is_stopped: bool,
    /// Transactions that the broker has ended as asked.
    committed_count: u64,
    /// What became of the transaction in which the worker was stopped: true where it was committed.
    outcome: Option<bool>,
}

/// One worker's, shared with the test.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
    woken: Condvar,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next transaction stops there.
    pub fn stop_at(&self, place: Place) {
        let mut state = self.state();
        (state.stop_at, state.outcome) = (Some(place), None);
    }

    /// Takes it back; false where it is too late.
    pub fn do_not_stop(&self) -> bool {
        let mut state = self.state();
        state.stop_at = None;
        !state.is_stopped
    }

    pub fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    pub fn wake(&self) {
        self.state().is_stopped = false;
        self.woken.notify_all();
    }

    /// Whether the transaction of the worker that has woken was committed; `None` while it is not known.
    pub fn outcome(&self) -> Option<bool> {
        self.state().outcome
    }

    pub fn committed_count(&self) -> u64 {
        self.state().committed_count
    }

    /// Returns true to a worker that was stopped here.
    fn pass(&self, place: Place) -> bool {
        let mut state = self.state();
        if state.stop_at != Some(place) {
            return false;
        }
        (state.stop_at, state.is_stopped) = (None, true);
        let _woken = self.woken.wait_while(state, |state| state.is_stopped).unwrap_or_else(PoisonError::into_inner);
        true
    }
}

pub struct GatedSink {
    inner: KafkaSink,
    gate: Arc<Gate>,
    /// In this transaction the worker was stopped.
    was_stopped: bool,
}

impl GatedSink {
    pub fn new(inner: KafkaSink, gate: Arc<Gate>) -> GatedSink {
        GatedSink { inner, gate, was_stopped: false }
    }

    fn pass(&mut self, place: Place) {
        self.was_stopped |= self.gate.pass(place);
    }

    fn tell(&mut self, is_committed: bool) {
        let mut state = self.gate.state();
        state.committed_count += u64::from(is_committed);
        if std::mem::take(&mut self.was_stopped) {
            state.outcome = Some(is_committed);
        }
    }
}

impl Sink for GatedSink {
    type Group = ConsumerGroupMetadata;

    fn begin(&mut self) -> Result<(), SinkError> {
        self.inner.begin()
    }

    fn send(&mut self, record: OutRecord<'_>) -> Result<(), SinkError> {
        self.pass(Place::Send);
        self.inner.send(record)
    }

    fn send_changelog<'r>(
        &mut self,
        partition: Partition,
        records: impl Iterator<Item = (&'r [u8], Option<&'r [u8]>)>,
    ) -> Result<(), SinkError> {
        self.pass(Place::Send);
        self.inner.send_changelog(partition, records)
    }

    fn drain(&mut self) -> Result<Vec<(Partition, i64)>, SinkError> {
        self.pass(Place::Drain);
        self.inner.drain()
    }

    fn send_offsets(&mut self, positions: &[Position], group: &Self::Group) -> Result<(), SinkError> {
        self.pass(Place::Offsets);
        self.inner.send_offsets(positions, group)
    }

    fn end(&mut self) -> Result<(), SinkError> {
        self.pass(Place::End);
        self.inner.end().inspect(|()| self.tell(true))
    }

    fn abort(&mut self) -> Result<(), SinkError> {
        self.tell(false);
        self.inner.abort()
    }

    fn rebuild(&mut self) -> Result<(), SinkError> {
        self.tell(false);
        self.inner.rebuild()
    }
}
