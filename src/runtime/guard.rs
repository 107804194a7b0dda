//! Stops the process when too many recent records were dead letters: a wrong schema must not drain a topic into the
//! dead letters unnoticed.

use super::error::Error;
use super::settings::Settings;

/// Shares of dead letters among recent records; old ones fade by halving.
#[derive(Debug)]
pub struct DeadLetterGuard {
    share_max: f64,
    records_min: u64,
    records: u64,
    dead: u64,
}

impl DeadLetterGuard {
    pub fn new(settings: &Settings) -> DeadLetterGuard {
        DeadLetterGuard {
            share_max: settings.dead_letter_share_max,
            records_min: settings.dead_letter_records_min,
            records: 0,
            dead: 0,
        }
    }

    /// Takes note of some records, of which `dead` were dead letters.
    pub fn note(&mut self, records: u64, dead: u64) {
        self.records += records;
        self.dead += dead;
    }

    /// To be asked before the records noted are committed.
    ///
    /// # Errors
    /// `Stop` when the share is above the limit.
    pub fn check(&mut self) -> Result<(), Error> {
        if self.records < self.records_min {
            return Ok(());
        }
        let share = self.dead as f64 / self.records as f64;
        if share > self.share_max {
            return Err(Error::Stop(format!(
                "{} of the last {} records were dead letters, more than limits.dead_letter_share_max = {} allows: \
                 nothing of them is committed; look at tsuikyaku_dead_letters_total by cause, fix the producer or the \
                 topic's format, or raise the limit to let them pass",
                self.dead, self.records, self.share_max
            )));
        }
        if self.records >= 2 * self.records_min {
            self.records /= 2;
            self.dead /= 2;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> DeadLetterGuard {
        let settings = Settings { dead_letter_share_max: 0.5, dead_letter_records_min: 100, ..Settings::default() };
        DeadLetterGuard::new(&settings)
    }

    #[test]
    fn trips_above_the_share_only_and_only_on_enough_records() {
        for (records, dead, trips) in [(99, 99, false), (100, 50, false), (100, 51, true), (10_000, 5_001, true)] {
            let mut guard = guard();
            guard.note(records, dead);
            assert_eq!(guard.check().is_err(), trips, "{dead} of {records}");
        }
    }

    #[test]
    fn long_ago_does_not_count_for_ever() {
        let mut guard = guard();
        for _ in 0..100 {
            guard.note(100, 0);
            guard.check().expect("no dead letters");
        }
        guard.note(300, 300);
        assert!(guard.check().is_err());
    }
}
