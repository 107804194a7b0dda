//! When the next transaction is due, and of which partitions.
//!
//! A transaction costs the broker a marker for every partition that it writes to. A decision that waits therefore takes
//! nothing along but its own partition; everything else follows at its own, slower pace.

use std::time::Duration;

use super::settings::Settings;

/// Whose pending changes a transaction takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Those of every partition.
    Whole,
    /// Those of partitions where a decision waits.
    Decided,
}

/// What is pending.
#[derive(Debug, Clone, Copy, Default)]
pub struct Waiting {
    pub anything: bool,
    /// A decision that the next transaction should not keep waiting.
    pub decision: bool,
}

/// When the last transactions were, by `Clock::uptime`.
#[derive(Debug)]
pub struct Cadence {
    committed_at: Duration,
    /// Since then something may be pending.
    emptied_at: Duration,
}

impl Cadence {
    pub fn new(now: Duration) -> Cadence {
        Cadence { committed_at: now, emptied_at: now }
    }

    /// A transaction ended; `waiting` is what it left.
    pub fn committed(&mut self, now: Duration, waiting: Waiting) {
        self.committed_at = now;
        if !waiting.anything {
            self.emptied_at = now;
        }
    }

    /// Nothing is due before a whole interval.
    pub fn put_off(&mut self, now: Duration) {
        *self = Cadence::new(now);
    }

    /// The extent of the transaction that is due, if one is.
    pub fn due(&self, settings: &Settings, now: Duration, waiting: Waiting) -> Option<Extent> {
        if waiting.anything && self.whole_in(settings, now).is_zero() {
            return Some(Extent::Whole);
        }
        (waiting.decision && self.decided_in(settings, now).is_zero()).then_some(Extent::Decided)
    }

    /// Time until a transaction is due, unless something else comes to wait.
    pub fn due_in(&self, settings: &Settings, now: Duration, waiting: Waiting) -> Duration {
        let whole_in = self.whole_in(settings, now);
        if waiting.decision { whole_in.min(self.decided_in(settings, now)) } else { whole_in }
    }

    fn whole_in(&self, settings: &Settings, now: Duration) -> Duration {
        settings.commit_interval.saturating_sub(now.saturating_sub(self.emptied_at))
    }

    fn decided_in(&self, settings: &Settings, now: Duration) -> Duration {
        settings.decision_interval.saturating_sub(now.saturating_sub(self.committed_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Waiting = Waiting { anything: false, decision: false };
    const CHANGES: Waiting = Waiting { anything: true, decision: false };
    const DECISION: Waiting = Waiting { anything: true, decision: true };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn settings() -> Settings {
        Settings { commit_interval: ms(100), decision_interval: ms(5), ..Settings::default() }
    }

    #[test]
    fn a_decision_does_not_wait_for_the_rest() {
        let (settings, cadence) = (settings(), Cadence::new(ms(1_000)));
        assert_eq!(cadence.due(&settings, ms(1_004), DECISION), None);
        assert_eq!(cadence.due_in(&settings, ms(1_004), DECISION), ms(1));
        assert_eq!(cadence.due(&settings, ms(1_005), DECISION), Some(Extent::Decided));
        assert_eq!(cadence.due(&settings, ms(1_005), CHANGES), None);
        assert_eq!(cadence.due_in(&settings, ms(1_005), CHANGES), ms(95));
    }

    #[test]
    fn the_rest_waits_no_longer_for_many_decisions() {
        let (settings, mut cadence) = (settings(), Cadence::new(ms(1_000)));
        for at in 1..10 {
            cadence.committed(ms(1_000 + 10 * at), CHANGES);
            assert_eq!(cadence.due(&settings, ms(1_004 + 10 * at), DECISION), None);
        }
        assert_eq!(cadence.due(&settings, ms(1_100), DECISION), Some(Extent::Whole));
        cadence.committed(ms(1_100), IDLE);
        assert_eq!(cadence.due(&settings, ms(1_199), CHANGES), None);
        assert_eq!(cadence.due(&settings, ms(1_200), CHANGES), Some(Extent::Whole));
        assert_eq!(cadence.due(&settings, ms(9_000), IDLE), None);
    }

    #[test]
    fn what_the_group_refused_is_tried_again_an_interval_later() {
        let (settings, mut cadence) = (settings(), Cadence::new(ms(1_000)));
        cadence.put_off(ms(2_000));
        assert_eq!(cadence.due_in(&settings, ms(2_000), CHANGES), ms(100));
        assert_eq!(cadence.due(&settings, ms(2_099), CHANGES), None);
    }
}
