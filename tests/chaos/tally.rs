//! What a run has shown so far.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use super::fault::Fault;
use super::round::Judged;

pub struct Tally {
    seed: u64,
    begun: Instant,
    faults: BTreeMap<String, u32>,
    kills: u32,
    rounds: u32,
    records: usize,
    decisions: u64,
}

impl Tally {
    pub fn new(seed: u64) -> Tally {
        let (faults, begun) = (BTreeMap::new(), Instant::now());
        Tally { seed, begun, faults, kills: 0, rounds: 0, records: 0, decisions: 0 }
    }

    pub fn suffered(&mut self, fault: Fault) {
        *self.faults.entry(fault.to_string()).or_default() += 1;
        self.kills += fault.kill_count();
    }

    pub fn judged(&mut self, judged: &Judged) {
        self.rounds += 1;
        self.records += judged.record_count;
        self.decisions += judged.decision_count;
    }

    pub fn kills(&self) -> u32 {
        self.kills
    }

    /// How often the rarest of these kinds happened.
    pub fn least(&self, kinds: &[Fault]) -> u32 {
        kinds.iter().map(|fault| self.faults.get(&fault.to_string()).copied().unwrap_or(0)).min().unwrap_or(0)
    }
}

impl fmt::Display for Tally {
    /// A violation ends the run before it could be counted here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u32 = self.faults.values().sum();
        let kinds: Vec<String> = self.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        write!(
            f,
            "chaos: seed {}, {} s, {} rounds, {} kills, {all} faults ({}), {} records and {} decisions verified, violations 0",
            self.seed,
            self.begun.elapsed().as_secs(),
            self.rounds,
            self.kills,
            kinds.join(", "),
            self.records,
            self.decisions,
        )
    }
}
