//! When what happens: journeys begin by the hour of the day, their steps wait in a queue, some records come again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::Zipf;

use super::act::Planned;
use super::journey::{self, Journey};
use super::{Rhythm, Settings};

const HOUR_MS: i64 = 3_600_000;
/// One record in so many is sent again.
const REPEATED_ONE_IN: u32 = 100;
/// Of those, one in so many is sent up to `COPIES_MAX` times, as some mail services do.
const STORM_ONE_IN: u32 = 40;
const COPIES_MAX: u8 = 46;
/// One record in so many is appended long after it happened.
const LATE_ONE_IN: u32 = 50;

/// Journeys that begin in each hour of a working day in Tokyo, relative to each other; mean 1.
const HOURS: [f64; 24] = [
    0.4, 0.2, 0.1, 0.1, 0.1, 0.2, 0.4, 0.8, 1.3, 1.7, 1.8, 1.6, 1.5, 1.5, 1.6, 1.6, 1.5, 1.4, 1.3, 1.1, 1.1, 1.1, 0.9,
    0.7,
];
const WEEKEND: f64 = 0.4;

/// The step of a journey that a record tells of.
#[derive(Debug)]
pub struct Due {
    pub journey: Journey,
    pub step: usize,
    pub planned: Planned,
    pub occurred_at_ms: i64,
    pub appended_at_ms: i64,
}

/// Ordered by time; the rest makes the order total, and so the same on every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    at_ms: i64,
    journey: u64,
    step: u16,
    /// 0 for the record itself.
    copy: u8,
    began_at_ms: i64,
}

pub struct Schedule {
    seed: u64,
    leads: Zipf<f64>,
    arrivals: Xoshiro256PlusPlus,
    /// Mean time between journeys at an average hour, ms.
    interval_ms: f64,
    rhythm: Rhythm,
    next_journey: u64,
    next_arrival_ms: f64,
    waiting: BinaryHeap<Reverse<Waiting>>,
    appended_at_ms: i64,
}

impl Schedule {
    pub fn new(settings: &Settings) -> Schedule {
        let leads = settings.leads.max(1) as f64;
        let leads = Zipf::new(leads, 1.0).expect("the count and the exponent are positive");
        let mean_steps = journey::mean_steps(settings.seed, &leads, settings.horizon_ms);
        let per_day = settings.records_per_day.max(1.0);
        Schedule {
            seed: settings.seed,
            leads,
            arrivals: Xoshiro256PlusPlus::seed_from_u64(settings.seed),
            interval_ms: 24.0 * HOUR_MS as f64 * mean_steps / per_day,
            rhythm: settings.rhythm,
            next_journey: 0,
            next_arrival_ms: settings.start_ms as f64,
            waiting: BinaryHeap::new(),
            appended_at_ms: settings.start_ms,
        }
    }

    /// The next record's step.
    pub fn next(&mut self) -> Due {
        let waiting = self.next_waiting();
        let journey = Journey::plan(self.seed, waiting.journey, &self.leads);
        let step = usize::from(waiting.step);
        let planned = journey.steps[step];
        let mut rng = journey.rng_of(step);
        let (copies, lateness_ms) = (copies(&mut rng), lateness_ms(&mut rng));
        if waiting.copy == 0 {
            self.queue_step_behind(&journey, waiting);
        }
        if waiting.copy < copies {
            let gap_ms = rng.random_range(1_000..75 * 60_000);
            let again = Waiting { at_ms: waiting.at_ms + gap_ms, copy: waiting.copy + 1, ..waiting };
            self.waiting.push(Reverse(again));
        }
        self.appended_at_ms = waiting.at_ms.max(self.appended_at_ms + 1);
        let occurred_at_ms = waiting.began_at_ms + planned.after_ms - lateness_ms;
        Due { journey, step, planned, occurred_at_ms, appended_at_ms: self.appended_at_ms }
    }

    /// Append time of the last record, ms since the epoch.
    pub fn appended_at_ms(&self) -> i64 {
        self.appended_at_ms
    }

    fn next_waiting(&mut self) -> Waiting {
        loop {
            let is_due = |first: &&Reverse<Waiting>| first.0.at_ms as f64 <= self.next_arrival_ms;
            if self.waiting.peek().as_ref().is_some_and(is_due)
                && let Some(Reverse(first)) = self.waiting.pop()
            {
                return first;
            }
            self.begin_journey();
        }
    }

    fn queue_step_behind(&mut self, journey: &Journey, waiting: Waiting) {
        if let Some(planned) = journey.steps.get(usize::from(waiting.step) + 1) {
            let at_ms = waiting.began_at_ms + planned.after_ms;
            self.waiting.push(Reverse(Waiting { at_ms, step: waiting.step + 1, ..waiting }));
        }
    }

    fn begin_journey(&mut self) {
        let at_ms = self.next_arrival_ms as i64;
        let journey = self.next_journey;
        self.next_journey += 1;
        self.waiting.push(Reverse(Waiting { at_ms, journey, step: 0, copy: 0, began_at_ms: at_ms }));
        // Waiting has no memory: an hour without arrival is followed by a new draw at the next hour's rate.
        loop {
            let share: f64 = self.arrivals.random();
            let wait_ms = -libm::log(1.0 - share) * self.interval_ms / self.busyness();
            self.next_arrival_ms += wait_ms.min(HOUR_MS as f64);
            if wait_ms < HOUR_MS as f64 {
                return;
            }
        }
    }

    fn busyness(&self) -> f64 {
        match self.rhythm {
            Rhythm::Daily => busyness(self.next_arrival_ms as i64),
            Rhythm::Steady => 1.0,
        }
    }
}

/// How much happens in this hour of a daily rhythm, on the average of a week 1.
fn busyness(at_ms: i64) -> f64 {
    let local_hours = at_ms.div_euclid(HOUR_MS) + 9;
    // The epoch was a Thursday; 0 is Monday here.
    let weekday = (local_hours.div_euclid(24) + 3).rem_euclid(7);
    let day = if weekday < 5 { 1.0 } else { WEEKEND };
    HOURS[local_hours.rem_euclid(24) as usize] * day * 7.0 / (5.0 + 2.0 * WEEKEND)
}

/// How often a record comes again.
fn copies(rng: &mut Xoshiro256PlusPlus) -> u8 {
    let repeated = rng.random_ratio(1, REPEATED_ONE_IN);
    let storm = rng.random_ratio(1, STORM_ONE_IN);
    let of_storm = rng.random_range(2..COPIES_MAX);
    match (repeated, storm) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => of_storm,
    }
}

/// How long before its append time an event occurred, ms.
fn lateness_ms(rng: &mut Xoshiro256PlusPlus) -> i64 {
    let late = rng.random_ratio(1, LATE_ONE_IN);
    let (usual_ms, late_ms) = (rng.random_range(0..3_000), rng.random_range(10 * 60_000..72 * HOUR_MS));
    if late { late_ms } else { usual_ms }
}
