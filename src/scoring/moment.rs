//! One lead at one clock: what an evaluation reads, each costly part once.

use crate::scoring::calendar::DAY_MS;
use crate::scoring::event::Purpose;
use crate::scoring::facts::{Consent, Facts, Reach};
use crate::scoring::fit::{Grade, fit};
use crate::scoring::model::{Channel, Model};
use crate::scoring::reading::{Parts, Score, Sums, rounded};
use crate::scoring::stage::Stage;
use crate::scoring::terms::Terms;

/// Facts at the clock, under a model. Reading and calendars are at `read_at_ms`, permissions and dates at `now_ms`.
pub(crate) struct Moment<'a> {
    pub(crate) model: &'a Model,
    pub(crate) lead_id: &'a str,
    pub(crate) facts: &'a Facts,
    /// The clock, ms since the epoch.
    pub(crate) now_ms: i64,
    /// The clock, or the lead's newest event where that is later.
    pub(crate) read_at_ms: i64,
    sums: Sums,
    parts: Parts,
    readiness: f64,
    stage: Stage,
    terms: &'a Terms,
}

impl<'a> Moment<'a> {
    /// `terms` are the lead's at the clock.
    pub(crate) fn new(
        model: &'a Model,
        lead_id: &'a str,
        facts: &'a Facts,
        now_ms: i64,
        terms: &'a Terms,
    ) -> Moment<'a> {
        let sums = terms.sums();
        let parts = sums.parts(model);
        let (readiness, stage) = (rounded(parts.readiness), facts.stage_of(model, terms));
        Moment { model, lead_id, facts, now_ms, read_at_ms: terms.as_of_ms, sums, parts, readiness, stage, terms }
    }

    /// What readiness follows from.
    pub(crate) fn sums(&self) -> &Sums {
        &self.sums
    }

    pub(crate) fn readiness(&self) -> f64 {
        self.readiness
    }

    pub(crate) fn pressure(&self) -> f64 {
        rounded(self.parts.pressure)
    }

    pub(crate) fn familiarity(&self) -> f64 {
        rounded(self.parts.familiarity)
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    pub(crate) fn grade(&self) -> Grade {
        Grade::of(self.model, fit(self.model, self.facts), self.readiness)
    }

    /// All that is sent of the score; costs more than each of its parts above.
    pub(crate) fn score(&self) -> Score {
        self.facts.score(self.model, &self.parts, self.stage)
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
        &self.terms.purchases.days
    }

    pub(crate) fn last_contact(&self) -> Option<i64> {
        self.facts.last_contact_any_ms()
    }

    /// Whole days from then to the clock; none for what is yet to come.
    pub(crate) fn days_since(&self, at_ms: Option<i64>) -> i64 {
        at_ms.map_or(0, |at_ms| (self.now_ms - at_ms).max(0) / DAY_MS)
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
        self.facts.reaches.touches().iter()
    }

    /// What the lead said about marketing on a channel.
    pub(crate) fn consent(&self, channel: Channel) -> Option<Consent> {
        self.facts.consent(channel, Purpose::Marketing)
    }
}
