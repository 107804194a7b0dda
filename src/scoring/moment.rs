//! One lead at one clock: what an evaluation reads, each costly part once, and only when it is asked for.

use std::cell::OnceCell;

use crate::scoring::calendar::DAY_MS;
use crate::scoring::event::Purpose;
use crate::scoring::facts::{Consent, Facts, Reach};
use crate::scoring::fit::{Grade, fit};
use crate::scoring::model::{Channel, Model};
use crate::scoring::outlook::{Outlook, Range};
use crate::scoring::reading::{Parts, Score, Sums, rounded};
use crate::scoring::stage::Stage;
use crate::scoring::terms::Reading;

/// Facts at the clock, under a model. Reading and calendars are at `read_at_ms`, permissions and dates at `now_ms`.
pub(crate) struct Moment<'a> {
    pub(crate) model: &'a Model,
    pub(crate) lead_id: &'a str,
    pub(crate) facts: &'a Facts,
    /// The clock, ms since the epoch.
    pub(crate) now_ms: i64,
    /// The clock, or the lead's newest event where that is later.
    pub(crate) read_at_ms: i64,
    /// Answers what it can, so that nothing else is read.
    outlook: Option<Outlook>,
    readiness_range: OnceCell<Option<Range>>,
    reading: &'a Reading,
    stage: OnceCell<Stage>,
    fit: OnceCell<u8>,
}

impl<'a> Moment<'a> {
    /// `reading` is the lead's at the clock.
    pub(crate) fn new(
        model: &'a Model,
        lead_id: &'a str,
        facts: &'a Facts,
        now_ms: i64,
        reading: &'a Reading,
    ) -> Moment<'a> {
        let (read_at_ms, stage, fit) = (reading.as_of_ms, OnceCell::new(), OnceCell::new());
        let (outlook, readiness_range) = (None, OnceCell::new());
        Moment { model, lead_id, facts, now_ms, read_at_ms, outlook, readiness_range, reading, stage, fit }
    }

    /// The same with what an earlier reading proves about it.
    pub(crate) fn with(mut self, outlook: Option<Outlook>) -> Moment<'a> {
        let Some(outlook) = outlook.filter(|outlook| outlook.reaches_to(self.read_at_ms)) else { return self };
        debug_assert!(outlook.holds(self.model, self.facts, self.now_ms), "{outlook:?} is wrong");
        self.outlook = Some(outlook);
        self
    }

    /// What readiness follows from.
    pub(crate) fn sums(&self) -> Sums {
        self.reading.terms(self.model, self.facts).sums()
    }

    fn parts(&self) -> &Parts {
        self.reading.parts(self.model, self.facts)
    }

    pub(crate) fn readiness(&self) -> f64 {
        rounded(self.parts().readiness)
    }

    /// Whether R is at least a level.
    pub(crate) fn reaches(&self, level: f64) -> bool {
        let foreseen = || self.outlook.map(|outlook| outlook.readiness(self.model, self.read_at_ms));
        let reaches = self.readiness_range.get_or_init(foreseen).and_then(|range| range.reaches(level));
        reaches.unwrap_or_else(|| self.readiness() >= level)
    }

    pub(crate) fn pressure(&self) -> f64 {
        rounded(self.reading.pressure(self.model, self.facts))
    }

    /// Whether P is not above a level.
    pub(crate) fn presses_at_most(&self, level: f64) -> bool {
        let is_below = self.outlook.is_some_and(|outlook| outlook.pressure().reaches(level) == Some(false));
        is_below || self.pressure() <= level
    }

    /// Whether F is at least a level.
    pub(crate) fn is_familiar(&self, level: f64) -> bool {
        let familiarity = |outlook: Outlook| outlook.familiarity(self.model, self.read_at_ms);
        let foreseen = self.outlook.and_then(|outlook| familiarity(outlook).reaches(level));
        foreseen.unwrap_or_else(|| rounded(self.parts().familiarity) >= level)
    }

    pub(crate) fn stage(&self) -> Stage {
        *self.stage.get_or_init(|| match self.stage_by_purchases() {
            _ if self.facts.is_silent(self.model, self.read_at_ms) => Stage::Dormant,
            stage => stage,
        })
    }

    fn stage_by_purchases(&self) -> Stage {
        if self.facts.orders().len() == 0 {
            return Stage::Prospect;
        }
        let foreseen = self.outlook.and_then(|outlook| outlook.stage(self.model, self.read_at_ms));
        foreseen.unwrap_or_else(|| self.reading.purchases(self.model, self.facts).stage(self.model))
    }

    fn fit(&self) -> u8 {
        let foreseen = || self.outlook.and_then(|outlook| outlook.fit());
        *self.fit.get_or_init(|| foreseen().unwrap_or_else(|| fit(self.model, self.facts)))
    }

    pub(crate) fn grade(&self) -> Grade {
        Grade::by(self.model, self.fit(), |level| self.reaches(level))
    }

    /// What is proven of later moments: by a reading, if there was one, else what was known.
    pub(crate) fn outlook(&self) -> Option<Outlook> {
        let Some(parts) = self.reading.known_parts() else {
            return self.outlook.map(|outlook| outlook.with_fit(self.fit()));
        };
        let drift = self.reading.terms(self.model, self.facts).drift(self.model, parts);
        Some(Outlook::of(parts, drift, (self.fit(), self.stage_by_purchases())))
    }

    /// All that is sent of the score; costs more than each of its parts above.
    pub(crate) fn score(&self) -> Score {
        self.facts.score(self.model, self.parts(), self.stage())
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
        if self.facts.orders().len() == 0 { &[] } else { &self.reading.purchases(self.model, self.facts).days }
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
