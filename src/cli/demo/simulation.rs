//! What is simulated, and how fast: seed, leads, time lapse. All that decides what happens is remembered beside the
//! state, because going on with another simulation would mix two worlds.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::runtime::ports::Clock;
use crate::traffic::Settings;

/// Simulated time begins on Monday, 6 April 2026, 08:00 in Tokyo.
pub const START_MS: i64 = 1_775_430_000_000;
/// Real time between two portions of traffic.
pub const TICK: Duration = Duration::from_millis(50);
/// Without `--speed` and `--rate`, a simulated hour takes a second.
const SPEED: f64 = 3_600.0;
const DAY_S: f64 = 86_400.0;

/// What decides which events there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Simulation {
    pub seed: u64,
    pub leads: u64,
    pub records_per_day: f64,
    /// Simulated time of one tick, ms.
    pub tick_ms: i64,
}

impl Simulation {
    /// `speed` in simulated seconds a second, `rate` in events a second of real time. One follows from the other; both
    /// given, the leads become busier or calmer than they usually are.
    pub fn new(seed: u64, leads: u64, speed: Option<f64>, rate: Option<f64>) -> Simulation {
        let usual = Settings::new(seed, leads, START_MS).records_per_day;
        let (records_per_day, speed) = match (speed, rate) {
            (Some(speed), Some(rate)) => (rate * DAY_S / speed, speed),
            (None, Some(rate)) => (usual, rate * DAY_S / usual),
            (speed, None) => (usual, speed.unwrap_or(SPEED)),
        };
        let tick_ms = (speed * TICK.as_millis() as f64).round().max(1.0) as i64;
        Simulation { seed, leads, records_per_day, tick_ms }
    }

    pub fn traffic(&self) -> Settings {
        Settings { records_per_day: self.records_per_day, ..Settings::new(self.seed, self.leads, START_MS) }
    }

    /// Simulated seconds a second.
    pub fn speed(&self) -> f64 {
        self.tick_ms as f64 / TICK.as_millis() as f64
    }

    /// The end of the tick that a moment belongs to.
    pub fn tick_end_ms(&self, at_ms: i64) -> i64 {
        START_MS + ((at_ms - START_MS).div_euclid(self.tick_ms) + 1) * self.tick_ms
    }

    /// Notes the simulation in a state directory, or checks that it is the one noted there.
    ///
    /// # Errors
    /// A text that names the differences and what to do.
    pub fn remember(&self, dir: &Path) -> Result<(), String> {
        let path = dir.join("simulation.json");
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        match fs::read(&path) {
            Ok(bytes) => {
                let noted: Simulation = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
                if noted.same_world(self) { Ok(()) } else { Err(noted.difference(self, dir)) }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = serde_json::to_vec_pretty(self).map_err(|error| failed(&error))?;
                fs::create_dir_all(dir).and_then(|()| fs::write(&path, text)).map_err(|error| failed(&error))
            }
            Err(error) => Err(failed(&error)),
        }
    }

    /// Speed may change from run to run; what happens may not.
    fn same_world(&self, other: &Simulation) -> bool {
        (self.seed, self.leads, self.records_per_day) == (other.seed, other.leads, other.records_per_day)
    }

    fn difference(&self, wanted: &Simulation, dir: &Path) -> String {
        let tell = |it: &Simulation| {
            format!("--seed {} --leads {} ({:.0} events a simulated day)", it.seed, it.leads, it.records_per_day)
        };
        format!(
            "{} holds a demo with {}, this one has {}: go on with the former, name another --state-dir, or begin again \
             with --fresh",
            dir.display(),
            tell(self),
            tell(wanted)
        )
    }
}

/// Removes what a demo left in a directory; other files stay.
///
/// # Errors
/// Where a demo still runs there, or files cannot be removed.
pub fn forget(dir: &Path) -> Result<(), String> {
    crate::io::store::erase(dir).map_err(|error| error.to_string())?;
    for name in ["log", "log.new", "simulation.json"] {
        match fs::remove_file(dir.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("{}: {error}", dir.join(name).display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Simulated system time. It moves when everything before was processed, so that no run depends on how fast it was.
#[derive(Debug)]
pub struct SimulatedClock(AtomicI64);

impl SimulatedClock {
    pub fn new(now_ms: i64) -> SimulatedClock {
        SimulatedClock(AtomicI64::new(now_ms))
    }

    pub fn set(&self, now_ms: i64) {
        self.0.fetch_max(now_ms, Ordering::Release);
    }
}

impl Clock for SimulatedClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_and_rate_follow_from_each_other() {
        let daily = 0.5 * 1_000.0;
        for (speed, rate, expected_daily, expected_speed) in [
            (None, None, daily, 3_600.0),
            (Some(60.0), None, daily, 60.0),
            (None, Some(10.0), daily, 1_728.0),
            (Some(86_400.0), Some(10.0), 10.0, 86_400.0),
        ] {
            let simulation = Simulation::new(1, 1_000, speed, rate);
            assert_eq!((simulation.records_per_day, simulation.speed()), (expected_daily, expected_speed));
        }
    }

    #[test]
    fn ticks_end_at_the_same_moments_on_every_run() {
        let simulation = Simulation::new(1, 1_000, Some(20.0), None); // a tick is a simulated second
        for (at_ms, end_ms) in [(0, 1_000), (999, 1_000), (1_000, 2_000)] {
            assert_eq!(simulation.tick_end_ms(START_MS + at_ms), START_MS + end_ms);
        }
    }

    #[test]
    fn another_world_in_the_same_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let noted = Simulation::new(1, 1_000, None, None);
        noted.remember(dir.path()).unwrap();
        noted.remember(dir.path()).unwrap();
        Simulation { tick_ms: 7, ..noted.clone() }.remember(dir.path()).unwrap();
        let refusal = Simulation::new(2, 1_000, None, None).remember(dir.path()).unwrap_err();
        assert!(refusal.contains("--seed 1") && refusal.contains("--fresh"), "{refusal}");
    }

    #[test]
    fn the_clock_never_goes_back() {
        let clock = SimulatedClock::new(5);
        clock.set(3);
        assert_eq!(clock.now_ms(), 5);
    }
}
