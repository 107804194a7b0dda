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

/// A transaction that comes before the broker has written the markers of the last one is refused, and the client library
/// asks again after so long.
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(20);
/// How much a transaction that took as long puts off the following ones, and how much one that did not brings them
/// forward: so about one of twenty is refused.
const LATER: Duration = Duration::from_millis(2);
const SOONER: Duration = Duration::from_micros(100);

/// When the last transactions were, by `Clock::uptime`, and how soon the broker bears the next.
#[derive(Debug)]
pub struct Cadence {
    committed_at: Duration,
    /// Since then something may be pending.
    emptied_at: Duration,
    /// What a decision waits beyond its interval, so that the broker is done with the transaction before.
    courtesy: Duration,
}

impl Cadence {
    pub fn new(now: Duration) -> Cadence {
        Cadence { committed_at: now, emptied_at: now, courtesy: Duration::ZERO }
    }

    /// A transaction that began then has ended now; `waiting` is what it left.
    pub fn committed(&mut self, settings: &Settings, begun_at: Duration, now: Duration, waiting: Waiting) {
        if now.saturating_sub(begun_at) >= ASKED_AGAIN_AFTER {
            self.courtesy = (self.courtesy + LATER).min(ASKED_AGAIN_AFTER);
        } else if begun_at.saturating_sub(self.committed_at) < 2 * (settings.decision_interval + self.courtesy) {
            self.courtesy = self.courtesy.saturating_sub(SOONER);
        }
        self.committed_at = now;
        if !waiting.anything {
            self.emptied_at = now;
        }
    }

    /// Nothing is due before a whole interval.
    pub fn put_off(&mut self, now: Duration) {
        *self = Cadence { courtesy: self.courtesy, ..Cadence::new(now) };
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
        (settings.decision_interval + self.courtesy).saturating_sub(now.saturating_sub(self.committed_at))
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
            cadence.committed(&settings, ms(999 + 10 * at), ms(1_000 + 10 * at), CHANGES);
            assert_eq!(cadence.due(&settings, ms(1_004 + 10 * at), DECISION), None);
        }
        assert_eq!(cadence.due(&settings, ms(1_100), DECISION), Some(Extent::Whole));
        cadence.committed(&settings, ms(1_100), ms(1_100), IDLE);
        assert_eq!(cadence.due(&settings, ms(1_199), CHANGES), None);
        assert_eq!(cadence.due(&settings, ms(1_200), CHANGES), Some(Extent::Whole));
        assert_eq!(cadence.due(&settings, ms(9_000), IDLE), None);
    }

    #[test]
    fn decisions_wait_longer_where_the_broker_is_slow_and_not_for_ever() {
        let (settings, mut cadence) = (settings(), Cadence::new(ms(1_000)));
        let wait_after = |cadence: &mut Cadence, took_ms| {
            let begun_at = cadence.committed_at + ms(5);
            cadence.committed(&settings, begun_at, begun_at + ms(took_ms), DECISION);
            cadence.decided_in(&settings, cadence.committed_at)
        };
        assert_eq!(wait_after(&mut cadence, 19), ms(5));
        assert_eq!(wait_after(&mut cadence, 20), ms(7));
        assert_eq!(wait_after(&mut cadence, 3), Duration::from_micros(6_900));
        (0..99).for_each(|_| assert!(wait_after(&mut cadence, 50) <= ms(25)));
        (0..999).for_each(|_| assert!(wait_after(&mut cadence, 3) >= ms(5)));
        assert_eq!(wait_after(&mut cadence, 3), ms(5));
    }

    #[test]
    fn what_the_group_refused_is_tried_again_an_interval_later() {
        let (settings, mut cadence) = (settings(), Cadence::new(ms(1_000)));
        cadence.put_off(ms(2_000));
        assert_eq!(cadence.due_in(&settings, ms(2_000), CHANGES), ms(100));
        assert_eq!(cadence.due(&settings, ms(2_099), CHANGES), None);
    }
}
