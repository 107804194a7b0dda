//! What an audit looked at, in figures.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::recompute::Fate;

/// Figures of an audit that found no difference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    pub partitions: usize,
    pub transactions: u64,
    pub steps: u64,
    /// Input records by what became of them; those of topics with another partition count among them.
    pub records: BTreeMap<&'static str, u64>,
    pub decisions: u64,
    pub snapshots: u64,
    pub messages: u64,
    /// States in the changelog that were compared.
    pub states: u64,
    /// Leads that are kept.
    pub leads: u64,
    /// States on disk that were compared.
    pub disk_states: u64,
    /// What was not judged, and why.
    pub notes: Vec<String>,
}

impl Report {
    pub fn record_count(&self) -> u64 {
        self.records.values().sum()
    }

    pub fn of(&self, outcome: &str) -> u64 {
        self.records.get(outcome).copied().unwrap_or(0)
    }

    pub(super) fn count(&mut self, fate: &Fate) {
        let outcome = match fate {
            Fate::Applied => "applied",
            Fate::Machine => "machine",
            Fate::Duplicate => "duplicate",
            Fate::Erased => "erased",
            Fate::Forwarded { .. } => "forwarded",
            Fate::Dead(_) => "dead_letter",
        };
        *self.records.entry(outcome).or_default() += 1;
    }

    fn figures(&self) -> [(&'static str, u64); 9] {
        [
            ("partitions", self.partitions as u64),
            ("transactions", self.transactions),
            ("steps", self.steps),
            ("decisions", self.decisions),
            ("snapshots", self.snapshots),
            ("messages", self.messages),
            ("states", self.states),
            ("leads", self.leads),
            ("disk_states", self.disk_states),
        ]
    }

    pub fn json(&self) -> Value {
        let mut object = json!({ "violations": 0, "records": self.records, "notes": self.notes });
        for (name, count) in self.figures() {
            object[name] = count.into();
        }
        object
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "input records      {:>12}", self.record_count())?;
        for (outcome, count) in &self.records {
            writeln!(f, "  {outcome:<16} {count:>12}")?;
        }
        for (name, count) in self.figures() {
            writeln!(f, "{:<18} {count:>12}", name.replace('_', " "))?;
        }
        writeln!(f, "{:<18} {:>12}", "violations", 0)?;
        self.notes.iter().try_for_each(|note| writeln!(f, "not judged: {note}"))
    }
}
