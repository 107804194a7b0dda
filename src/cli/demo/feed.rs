//! Feeds simulated traffic into the log, tick by tick: a tick's events are appended in one step, and the next tick
//! begins when all of them are processed. So a run's decisions do not depend on how fast the machine is.

use std::iter::Peekable;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::simulation::{SimulatedClock, Simulation};
use crate::io::embedded::{EmbeddedLog, LogError, NewRecord};
use crate::runtime::batch::InputId;
use crate::runtime::ports::Clock;
use crate::runtime::worker::Shutdown;
use crate::scoring::event::InputKind;
use crate::traffic::{Generated, Traffic};

/// How long to look for a stop in between.
const PATIENCE: Duration = Duration::from_millis(100);

pub struct Feed {
    simulation: Simulation,
    traffic: Peekable<Traffic>,
    log: EmbeddedLog,
    clock: Arc<SimulatedClock>,
}

impl Feed {
    /// Goes on behind what the log already holds.
    pub fn new(simulation: &Simulation, log: EmbeddedLog) -> Feed {
        let mut traffic = Traffic::new(&simulation.traffic());
        traffic.skip_records(log.inputs_appended_count() as u64);
        let mut traffic = traffic.peekable();
        let next_ms = traffic.peek().map_or(super::simulation::START_MS, |next| next.appended_at_ms);
        let clock = Arc::new(SimulatedClock::new(simulation.tick_end_ms(next_ms) - simulation.tick_ms));
        Feed { simulation: simulation.clone(), traffic, log, clock }
    }

    pub fn clock(&self) -> Arc<SimulatedClock> {
        self.clock.clone()
    }

    /// Runs `ticks` ticks (`None`: for ever), one each `pace` of real time, or until one of `stops` is requested.
    ///
    /// # Errors
    /// Where the log cannot be written.
    pub fn run(mut self, ticks: Option<u64>, pace: Duration, stops: &[&Shutdown]) -> Result<(), LogError> {
        let began = Instant::now();
        self.finish_tick(stops);
        for tick in 0..ticks.unwrap_or(u64::MAX) {
            let end_ms = self.clock.now_ms() + self.simulation.tick_ms;
            self.append_until(end_ms)?;
            self.finish_tick(stops);
            if is_stopped(stops) {
                return Ok(());
            }
            self.clock.set(end_ms);
            let due = began + pace.mul_f64((tick + 1) as f64);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        self.finish_tick(stops);
        Ok(())
    }

    fn append_until(&mut self, end_ms: i64) -> Result<(), LogError> {
        let mut events: Vec<Generated> = Vec::new();
        while let Some(event) = self.traffic.next_if(|event| event.appended_at_ms < end_ms) {
            events.push(event);
        }
        let records: Vec<_> = events.iter().map(|event| (input_of(event.kind), record(event))).collect();
        if records.is_empty() { Ok(()) } else { self.log.append(&records) }
    }

    fn finish_tick(&self, stops: &[&Shutdown]) {
        while !self.log.wait_until_processed(PATIENCE) && !is_stopped(stops) {}
    }
}

fn is_stopped(stops: &[&Shutdown]) -> bool {
    stops.iter().any(|stop| stop.is_requested())
}

/// Inputs stand behind the intake in the order of their kinds.
fn input_of(kind: InputKind) -> InputId {
    InputId(kind as u16 + 1)
}

fn record(event: &Generated) -> NewRecord<'_> {
    NewRecord {
        partition: None,
        key: Some(event.key.as_bytes()),
        value: Some(&event.value),
        headers: &[],
        timestamp_ms: Some(event.appended_at_ms),
    }
}
