//! Powers of two over whole days, computed once: reading a calendar is then a sum over a table.

use crate::scoring::calendar::DAYS;

const DAY_MS: f64 = 86_400_000.0;

/// 2^(−days/h) for a half-life h.
#[derive(Debug, Clone)]
pub struct DayDecay {
    half_life_days: f64,
    table: Box<[f64]>,
}

impl DayDecay {
    /// A half-life in ms; must be above 0.
    pub fn new(half_life_ms: i64) -> DayDecay {
        let half_life_days = half_life_ms as f64 / DAY_MS;
        let table = (0..DAYS).map(|days| libm::exp2(-f64::from(days) / half_life_days)).collect();
        DayDecay { half_life_days, table }
    }

    /// What is left after `days`, which may be a fraction or negative.
    pub fn after(&self, days: f64) -> f64 {
        libm::exp2(-days / self.half_life_days)
    }

    /// What is lost in a day at most, as a part of the whole: the slope of the curve at its begin.
    pub fn loss_of_a_day(&self) -> f64 {
        std::f64::consts::LN_2 / self.half_life_days
    }

    /// What is left after so many whole days.
    pub fn after_days(&self, days: i64) -> f64 {
        let known = usize::try_from(days).ok().and_then(|days| self.table.get(days));
        known.copied().unwrap_or_else(|| self.after(days as f64))
    }

    /// What is left after each of the days a calendar spans, counted from 0.
    pub fn table(&self) -> &[f64] {
        &self.table
    }
}
