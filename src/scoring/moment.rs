//! One lead at one clock: what an evaluation reads, each costly part once.

use std::cell::OnceCell;

use smallvec::SmallVec;

use crate::scoring::event::Purpose;
use crate::scoring::facts::{Consent, Facts, Reach};
use crate::scoring::model::{Channel, Model};
use crate::scoring::reading::Score;
use crate::scoring::stage::Stage;

/// Facts at the clock, under a model. Reading and calendars are at `read_at_ms`, permissions and dates at `now_ms`.
pub(crate) struct Moment<'a> {
    pub(crate) model: &'a Model,
    pub(crate) lead_id: &'a str,
    pub(crate) facts: &'a Facts,
    /// The clock, ms since the epoch.
    pub(crate) now_ms: i64,
    /// The clock, or the lead's newest event where that is later.
    pub(crate) read_at_ms: i64,
    pub(crate) score: Score,
    purchase_days: OnceCell<SmallVec<[i32; 8]>>,
}

impl<'a> Moment<'a> {
    pub(crate) fn new(model: &'a Model, lead_id: &'a str, facts: &'a Facts, now_ms: i64) -> Moment<'a> {
        let score = facts.read(model, now_ms);
        Moment { model, lead_id, facts, now_ms, read_at_ms: score.as_of_ms, score, purchase_days: OnceCell::new() }
    }

    pub(crate) fn readiness(&self) -> f64 {
        self.score.readiness
    }

    pub(crate) fn pressure(&self) -> f64 {
        self.score.pressure
    }

    pub(crate) fn familiarity(&self) -> f64 {
        self.score.familiarity
    }

    pub(crate) fn stage(&self) -> Stage {
        self.score.stage
    }

    /// Distinct days of contact on any channel in so many local days.
    pub(crate) fn contact_days(&self, within: u32) -> u32 {
        self.facts.contact_days_any(self.model.local_day(self.read_at_ms), within)
    }

    /// Whether the lead did something within so long of the clock.
    pub(crate) fn inbound_within(&self, within_ms: i64) -> bool {
        self.facts.last_inbound_any_ms().is_some_and(|at_ms| self.now_ms - at_ms <= within_ms)
    }

    /// Distinct local days of purchases, rising.
    pub(crate) fn purchase_days(&self) -> &[i32] {
        self.purchase_days.get_or_init(|| self.facts.purchase_days())
    }

    pub(crate) fn last_contact(&self) -> Option<i64> {
        self.facts.last_contact_any_ms()
    }

    pub(crate) fn last_touch(&self, channel: Channel) -> Option<i64> {
        self.facts.last_outbound_ms(channel)
    }

    pub(crate) fn last_hand_raise(&self, channel: Channel) -> Option<i64> {
        self.facts.last_hand_raise_ms(channel)
    }

    pub(crate) fn last_hand_raise_any(&self) -> Option<i64> {
        self.facts.last_hand_raise().map(|(at_ms, _)| at_ms)
    }

    /// The newest touches, from the oldest on.
    pub(crate) fn touches(&self) -> impl Iterator<Item = &Reach> {
        self.facts.touches.iter()
    }

    /// Touches of a channel in the local days up to one, so many of them.
    pub(crate) fn touches_in_days(&self, channel: Channel, to_day: i32, days: u8) -> u32 {
        self.facts.touches_in(channel, to_day, u32::from(days))
    }

    /// What the lead said about marketing on a channel.
    pub(crate) fn consent(&self, channel: Channel) -> Option<Consent> {
        self.facts.consent(channel, Purpose::Marketing)
    }
}
