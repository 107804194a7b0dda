//! What readiness is summed up from, term by term: a reading after an event computes only those that the event can have
//! changed, and sums up the same terms in the same order, so that its bits are those of a reading from nothing.

use std::cell::OnceCell;

use smallvec::SmallVec;

use crate::scoring::event::{Body, Event};
use crate::scoring::facts::Facts;
use crate::scoring::meaning::Meaning;
use crate::scoring::model::{ByChannel, Channel, Mark, Model, Rule, RuleKey};
use crate::scoring::reading::{Parts, Sums, rounded};
use crate::scoring::stage::{Stage, alive};

/// What is read of one lead at one moment, each part when it is first asked for.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The moment asked for, or the newest event's where that is later.
    pub(crate) as_of_ms: i64,
    /// P, before rounding.
    pressure: OnceCell<f64>,
    terms: OnceCell<Terms>,
    parts: OnceCell<Parts>,
    purchases: OnceCell<Purchases>,
}

impl Reading {
    pub(crate) fn at(facts: &Facts, at_ms: i64) -> Reading {
        Reading {
            as_of_ms: facts.as_of(at_ms),
            pressure: OnceCell::new(),
            terms: OnceCell::new(),
            parts: OnceCell::new(),
            purchases: OnceCell::new(),
        }
    }

    pub(crate) fn pressure(&self, model: &Model, facts: &Facts) -> f64 {
        *self.pressure.get_or_init(|| facts.pressure_at(model, self.as_of_ms))
    }

    pub(crate) fn terms(&self, model: &Model, facts: &Facts) -> &Terms {
        self.terms.get_or_init(|| Terms::with(model, facts, self.as_of_ms, self.pressure(model, facts)))
    }

    pub(crate) fn parts(&self, model: &Model, facts: &Facts) -> &Parts {
        self.parts.get_or_init(|| self.terms(model, facts).sums().parts(model))
    }

    /// The parts, if anything asked for them.
    pub(crate) fn known_parts(&self) -> Option<&Parts> {
        self.parts.get()
    }

    pub(crate) fn purchases(&self, model: &Model, facts: &Facts) -> &Purchases {
        self.purchases.get_or_init(|| Purchases::of(model, facts, self.as_of_ms))
    }

    /// Makes what was read that of the same moment once `facts` have taken in an event.
    pub(crate) fn renew(&mut self, model: &Model, facts: &Facts, step: (&Event<'_>, &Meaning<'_>)) {
        let (event, meaning) = step;
        self.parts.take();
        if meaning.has(Mark::Touch) || meaning.has(Mark::Answer) {
            self.pressure.take();
        }
        if facts.as_of(self.as_of_ms) != self.as_of_ms {
            *self = Reading::at(facts, self.as_of_ms);
            return;
        }
        if matches!(event.body, Body::Commerce(_)) {
            self.purchases.take();
        }
        if !facts.rules_have_room() {
            self.terms.take(); // one rule more, and others keep less
        }
        if let Some(terms) = self.terms.get_mut() {
            terms.renew(model, facts, meaning);
            debug_assert_eq!(*terms, Terms::of(model, facts, self.as_of_ms), "an event changes no other terms");
        }
    }
}

/// The terms of one lead's readiness at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Terms {
    pub(crate) as_of_ms: i64,
    /// By key; only rules that the model still has.
    rules: SmallVec<[RuleTerm; 16]>,
    /// Weighted contact days, by channel.
    exposures: SmallVec<[(Channel, f64); 5]>,
    /// P, before rounding.
    pressure: f64,
}

/// What a lead bought, and what follows from it at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Purchases {
    /// Distinct local days, rising.
    pub(crate) days: SmallVec<[i32; 8]>,
    /// P(alive), rounded; none for a lead that never bought.
    pub(crate) alive: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct RuleTerm {
    key: RuleKey,
    channel: Channel,
    points: f64,
}

/// How far S and F may move by time alone.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Drift {
    /// What negative points take from S: it may come back, because not all points begin to fade at once.
    pub(crate) engagement_withheld: f64,
    /// What S loses a day at most.
    pub(crate) engagement_fading: f64,
    /// What F loses a local day at most.
    pub(crate) familiarity_fading: f64,
    /// The part of its cap that each channel has reached for certain.
    pub(crate) reached: ByChannel<f64>,
}

impl Terms {
    /// All terms at a moment, or at the newest event's where that is later.
    pub(crate) fn of(model: &Model, facts: &Facts, at_ms: i64) -> Terms {
        let as_of_ms = facts.as_of(at_ms);
        Terms::with(model, facts, as_of_ms, facts.pressure_at(model, as_of_ms))
    }

    /// The same where P is known.
    fn with(model: &Model, facts: &Facts, as_of_ms: i64, pressure: f64) -> Terms {
        let mut terms = Terms { as_of_ms, rules: SmallVec::new(), exposures: SmallVec::new(), pressure };
        facts.rule_values(model, as_of_ms, |rule, points| terms.rules.push(RuleTerm::new(rule, points)));
        facts.channels.iter().for_each(|on| terms.exposures.push((on.channel, on.exposure(model, as_of_ms))));
        terms
    }

    /// Computes those again that an event of that meaning can have changed.
    fn renew(&mut self, model: &Model, facts: &Facts, meaning: &Meaning<'_>) {
        if let Some(rule) = meaning.rule {
            self.renew_rule(model, facts, rule);
            self.renew_exposure(model, facts, rule.channel);
        }
        if meaning.has(Mark::Touch) || meaning.has(Mark::Answer) {
            self.pressure = facts.pressure_at(model, self.as_of_ms);
        }
    }

    fn renew_rule(&mut self, model: &Model, facts: &Facts, rule: &Rule) {
        let Some(points) = facts.rule_value(model, rule, self.as_of_ms) else { return };
        let term = RuleTerm::new(rule, points);
        match self.rules.binary_search_by_key(&rule.key, |term| term.key) {
            Ok(place) => self.rules[place] = term,
            Err(place) => self.rules.insert(place, term),
        }
    }

    fn renew_exposure(&mut self, model: &Model, facts: &Facts, channel: Channel) {
        let Some(on) = facts.channel(channel) else { return };
        let term = (channel, on.exposure(model, self.as_of_ms));
        match self.exposures.binary_search_by_key(&channel, |term| term.0) {
            Ok(place) => self.exposures[place] = term,
            Err(place) => self.exposures.insert(place, term),
        }
    }

    /// What they sum up to.
    pub(crate) fn sums(&self) -> Sums {
        let mut raw = ByChannel::<f64>::default();
        self.rules.iter().for_each(|term| raw[term.channel] += term.points);
        let exposure = self.exposures.iter().map(|(_, days)| days).sum();
        Sums { as_of_ms: self.as_of_ms, raw, exposure, pressure: self.pressure }
    }

    /// How far their sums may move by time alone. `parts` are theirs.
    pub(crate) fn drift(&self, model: &Model, parts: &Parts) -> Drift {
        let mut given = ByChannel::<f64>::default();
        self.rules.iter().for_each(|term| given[term.channel] += term.points.max(0.0));
        let mut drift = Drift::default();
        for channel in Channel::ALL {
            // Under its cap S fades no faster than its points, unless others that are negative stay.
            let withheld = given[channel] - parts.raw[channel];
            let (fades, reached) = match withheld > 0.0 {
                true => (given[channel], 0.0),
                false => (parts.capped[channel], parts.capped[channel] / model.channels[channel].cap),
            };
            drift.engagement_withheld += withheld;
            drift.engagement_fading += fades * model.channels[channel].decay.loss_of_a_day();
            drift.reached[channel] = reached;
        }
        let lost = self.exposures.iter().map(|(on, days)| days * model.channels[*on].exposure_decay.loss_of_a_day());
        let share = if parts.exposure > 0.0 { lost.sum::<f64>() / parts.exposure } else { 0.0 };
        Drift { familiarity_fading: parts.familiarity * share, ..drift }
    }
}

impl Purchases {
    pub(crate) fn of(model: &Model, facts: &Facts, as_of_ms: i64) -> Purchases {
        let days = facts.purchase_days();
        let alive = alive_at(model, &days, as_of_ms);
        Purchases { days, alive }
    }

    /// The stage that follows, silence apart.
    pub(crate) fn stage(&self, model: &Model) -> Stage {
        Stage::of(&model.stages, self.days.len(), self.alive)
    }
}

fn alive_at(model: &Model, days: &[i32], as_of_ms: i64) -> Option<f64> {
    let (first, last) = (f64::from(*days.first()?), f64::from(*days.last()?));
    let today = f64::from(model.local_day(as_of_ms)).max(last); // a damaged state may know days to come
    let repeats = (days.len() - 1) as f64;
    Some(rounded(alive(&model.stages.alive, repeats, (last - first) / 7.0, (today - first) / 7.0)))
}

impl RuleTerm {
    fn new(rule: &Rule, points: f64) -> RuleTerm {
        RuleTerm { key: rule.key, channel: rule.channel, points }
    }
}
