//! What a run has shown so far.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use super::fault::Fault;
use super::round::Judged;

pub struct Tally {
    seed: u64,
    begun: Instant,
    faults: BTreeMap<&'static str, u32>,
    rounds: u32,
    records: usize,
    decisions: u64,
}

impl Tally {
    pub fn new(seed: u64) -> Tally {
        Tally { seed, begun: Instant::now(), faults: BTreeMap::new(), rounds: 0, records: 0, decisions: 0 }
    }

    pub fn suffered(&mut self, fault: Fault) {
        *self.faults.entry(fault.kind()).or_default() += 1;
    }

    pub fn judged(&mut self, judged: &Judged) {
        self.rounds += 1;
        self.records += judged.record_count;
        self.decisions += judged.decision_count;
    }
}

impl fmt::Display for Tally {
    /// A violation ends the run before it could be counted here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u32 = self.faults.values().sum();
        let kinds: Vec<String> = self.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        write!(
            f,
            "chaos: seed {}, {} s, {} rounds, {all} faults ({}), {} records and {} decisions verified, violations 0",
            self.seed,
            self.begun.elapsed().as_secs(),
            self.rounds,
            kinds.join(", "),
            self.records,
            self.decisions,
        )
    }
}
