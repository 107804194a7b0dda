//! What a simulation has seen, in figures.

use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub seeds: u64,
    /// Simulated time from the start to the calm, of all seeds; without the year in which nothing arrives.
    pub simulated_ms: i64,
    /// Everything that happens at a moment of its own: a call of a port, a place of the loop that is passed, a record that
    /// arrives, a fault.
    pub events: u64,
    /// Turns of workers.
    pub turns: u64,
    /// Input records judged, records of the intake among them.
    pub records: u64,
    pub decisions: u64,
    pub transactions: u64,
    /// Different states that queries have shown.
    pub queries: u64,
    /// Faults that struck, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Places at which a process died.
    pub crashes: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub fn struck(&mut self, kind: &'static str) {
        self.events += 1;
        *self.faults.entry(kind).or_default() += 1;
    }

    pub fn add(&mut self, other: &Tally) {
        self.seeds += other.seeds;
        self.simulated_ms += other.simulated_ms;
        self.events += other.events;
        self.turns += other.turns;
        self.records += other.records;
        self.decisions += other.decisions;
        self.transactions += other.transactions;
        self.queries += other.queries;
        for (into, from) in [(&mut self.faults, &other.faults), (&mut self.crashes, &other.crashes)] {
            from.iter().for_each(|(name, count)| *into.entry(name).or_default() += count);
        }
    }

    pub fn simulated_hours(&self) -> f64 {
        self.simulated_ms as f64 / 3_600_000.0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, faults) = (self.simulated_hours(), self.faults.values().sum::<u64>());
        writeln!(
            f,
            "{} seeds, {hours:.0} simulated hours, {} events ({} turns), {} records and {} decisions judged in {} \
             transactions, {faults} faults, violations 0",
            self.seeds, self.events, self.turns, self.records, self.decisions, self.transactions
        )?;
        let list = |of: &BTreeMap<&str, u64>| {
            of.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "  faults: {}", list(&self.faults))?;
        write!(f, "  died at: {}", list(&self.crashes))
    }
}
