//! Simulated traffic: what leads do and what is done with them, as records of the seven input topics.
//!
//! For demonstrations, load and tests. Leads are Zipf-distributed; each journey (a visit, an inquiry and what follows
//! it, a run of mails) is drawn from the seed and its own number, so the same seed gives the same bytes, and going on
//! at record number *n* costs no more than counting to it. A share of the records comes twice, late, or from machines.

mod act;
mod journey;
mod people;
mod render;
mod schedule;

use crate::scoring::event::InputKind;
use crate::wire::output::{OutputFormat, encode};
use schedule::Schedule;

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub seed: u64,
    /// Known leads; at least 1. The first ones are the busiest.
    pub leads: u64,
    /// Simulated time of the beginning, ms since the epoch.
    pub start_ms: i64,
    /// Mean count of records in a simulated day.
    pub records_per_day: f64,
    /// Time from the start over which that mean is met. Journeys take weeks: at first there are fewer than begin.
    pub horizon_ms: i64,
    pub rhythm: Rhythm,
    /// Formats of the topics, by input kind in the order of `InputKind::ALL`.
    pub formats: [OutputFormat; InputKind::ALL.len()],
}

impl Settings {
    /// Traffic in Avro, half a record a lead and day.
    pub fn new(seed: u64, leads: u64, start_ms: i64) -> Settings {
        let records_per_day = (leads as f64 * 0.5).max(50.0);
        Settings {
            seed,
            leads,
            start_ms,
            records_per_day,
            horizon_ms: i64::MAX,
            rhythm: Rhythm::Daily,
            formats: Default::default(),
        }
    }
}

/// When journeys begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// More by day than by night, more on working days.
    Daily,
    /// At any hour alike.
    Steady,
}

/// A record as its topic's log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    pub kind: InputKind,
    /// The lead's id.
    pub key: String,
    pub value: Vec<u8>,
    /// Append time, ms since the epoch: distinct, and rising from record to record over all topics.
    pub appended_at_ms: i64,
}

/// An endless stream of records in the order of their append times.
pub struct Traffic {
    schedule: Schedule,
    formats: [OutputFormat; InputKind::ALL.len()],
}

impl Traffic {
    pub fn new(settings: &Settings) -> Traffic {
        Traffic { schedule: Schedule::new(settings), formats: settings.formats }
    }

    /// Steps over `records` records without making their bytes.
    pub fn skip_records(&mut self, records: u64) {
        for _ in 0..records {
            self.schedule.next();
        }
    }

    /// Append time of the last of the next `records` records, ms since the epoch.
    pub fn end_ms(mut self, records: u64) -> i64 {
        self.skip_records(records);
        self.schedule.appended_at_ms()
    }
}

impl Iterator for Traffic {
    type Item = Generated;

    fn next(&mut self) -> Option<Generated> {
        let due = self.schedule.next();
        let event = render::event(&due);
        let mut value = Vec::with_capacity(256);
        encode(&event, self.formats[event.kind as usize], &mut value);
        Some(Generated { kind: event.kind, key: event.lead_id, value, appended_at_ms: due.appended_at_ms })
    }
}

#[cfg(test)]
mod tests;
