//! Reading Facts at a moment: engagement, exposure, pressure, familiarity, affinity, readiness, and what follows from
//! them. Nothing is changed; caps, clamps and answered touches exist only here.

use smallvec::SmallVec;

use crate::scoring::calendar::{Calendar, day_begin_ms};
use crate::scoring::epoch_sum::EpochTime;
use crate::scoring::facts::{ChannelFacts, Facts, RuleFact, RulePoints};
use crate::scoring::fit::{Grade, fit};
use crate::scoring::model::{ByChannel, Channel, DayDecay, Model, Rule};
use crate::scoring::stage::Stage;
use crate::scoring::terms::{Purchases, Terms};

const DAY_MS: f64 = 86_400_000.0;
const HALF_DAY_MS: i64 = 43_200_000;

/// Every part of the score at one moment; numbers are rounded to 10⁻⁶, ties to even.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The moment read at, ms: the one asked for, or the newest event's where that is later.
    pub as_of_ms: i64,
    /// R, points in [0, 100].
    pub readiness: f64,
    /// S, points in [0, 100].
    pub engagement: f64,
    /// E, weighted decayed contact days.
    pub exposure: f64,
    /// P, weighted decayed touches, at least 0.
    pub pressure: f64,
    /// F, in [0, 1].
    pub familiarity: f64,
    /// A, in [0, 1].
    pub affinity: f64,
    /// Points of fit, 0 to 100.
    pub fit: u8,
    pub grade: Grade,
    pub stage: Stage,
    /// Place of the topic with most points in the model's list, if any has points.
    pub top_topic: Option<u8>,
}

impl Score {
    /// Id of the topic with most points.
    pub fn top_topic_id<'m>(&self, model: &'m Model) -> Option<&'m str> {
        model.topics.get(usize::from(self.top_topic?)).map(|topic| &*topic.id)
    }
}

/// The parts of readiness before rounding.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    pub as_of_ms: i64,
    /// S_c: points of a channel before its cap.
    pub raw: ByChannel<f64>,
    /// S'_c: points of a channel under its cap.
    pub capped: ByChannel<f64>,
    pub engagement: f64,
    pub exposure: f64,
    pub pressure: f64,
    pub familiarity: f64,
    pub affinity: f64,
    pub readiness: f64,
}

/// Points and contacts at one moment that are not capped and weighed yet: all that readiness follows from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sums {
    pub(crate) as_of_ms: i64,
    pub(crate) raw: ByChannel<f64>,
    pub(crate) exposure: f64,
    pub(crate) pressure: f64,
}

/// Rounds to 10⁻⁶, ties to even: what is compared and what is sent.
pub fn rounded(value: f64) -> f64 {
    (value * 1e6).round_ties_even() / 1e6
}

impl Facts {
    /// The whole score at a moment.
    pub fn read(&self, model: &Model, at_ms: i64) -> Score {
        self.score(model, &self.parts(model, at_ms), self.stage(model, at_ms))
    }

    /// The whole score of those parts and that stage, which are this lead's.
    pub(crate) fn score(&self, model: &Model, parts: &Parts, stage: Stage) -> Score {
        let readiness = rounded(parts.readiness);
        let fit = fit(model, self);
        Score {
            as_of_ms: parts.as_of_ms,
            readiness,
            engagement: rounded(parts.engagement),
            exposure: rounded(parts.exposure),
            pressure: rounded(parts.pressure),
            familiarity: rounded(parts.familiarity),
            affinity: rounded(parts.affinity),
            fit,
            grade: Grade::of(model, fit, readiness),
            stage,
            top_topic: self.top_topic(model, parts.as_of_ms),
        }
    }

    /// R alone, rounded.
    pub fn readiness(&self, model: &Model, at_ms: i64) -> f64 {
        rounded(self.parts(model, at_ms).readiness)
    }

    /// P alone, rounded.
    pub fn pressure(&self, model: &Model, at_ms: i64) -> f64 {
        rounded(self.pressure_at(model, self.as_of(at_ms)))
    }

    /// The lead's stage at a moment.
    pub fn stage(&self, model: &Model, at_ms: i64) -> Stage {
        let as_of_ms = self.as_of(at_ms);
        match Purchases::of(model, self, as_of_ms).stage(model) {
            _ if self.is_silent(model, as_of_ms) => Stage::Dormant,
            stage => stage,
        }
    }

    /// Nothing was heard of the lead for so long that it is dormant, whatever it bought.
    pub(crate) fn is_silent(&self, model: &Model, as_of_ms: i64) -> bool {
        let last_sign_ms = self.last_inbound_any_ms().or(self.first_seen.get());
        last_sign_ms.is_some_and(|last| as_of_ms.saturating_sub(last) >= model.stages.dormant_silence_ms)
    }

    /// P(alive) at a moment, rounded; none for a lead that never bought.
    pub fn alive(&self, model: &Model, at_ms: i64) -> Option<f64> {
        Purchases::of(model, self, self.as_of(at_ms)).alive
    }

    /// The parts of readiness at a moment, before rounding.
    pub fn parts(&self, model: &Model, at_ms: i64) -> Parts {
        self.sums(model, at_ms).parts(model)
    }

    /// What these follow from.
    pub(crate) fn sums(&self, model: &Model, at_ms: i64) -> Sums {
        Terms::of(model, self, at_ms).sums()
    }

    /// Gives each rule that the model still has with its points at a moment, by key.
    pub(crate) fn rule_values<'m>(&self, model: &'m Model, as_of_ms: i64, mut give: impl FnMut(&'m Rule, f64)) {
        let mut times = ByChannel::<Option<EpochTime>>::default();
        for fact in &self.rules {
            let Some(rule) = model.rules.by_key(fact.key) else { continue };
            let new = || EpochTime::new(as_of_ms, model.channels[rule.channel].half_life_ms);
            give(rule, fact.value(model, rule, as_of_ms, || *times[rule.channel].get_or_insert_with(new)));
        }
    }

    /// Points of one rule at a moment; `None` where it counted nothing.
    pub(crate) fn rule_value(&self, model: &Model, rule: &Rule, as_of_ms: i64) -> Option<f64> {
        let place = self.rules.binary_search_by_key(&rule.key, |fact| fact.key).ok()?;
        let time = || EpochTime::new(as_of_ms, model.channels[rule.channel].half_life_ms);
        Some(self.rules[place].value(model, rule, as_of_ms, time))
    }

    /// P at a moment, before rounding.
    pub(crate) fn pressure_at(&self, model: &Model, as_of_ms: i64) -> f64 {
        let half_life_ms = model.readiness.pressure_half_life_ms;
        let felt = self.pressure.value(EpochTime::new(as_of_ms, half_life_ms));
        if felt == 0.0 || self.reaches.answers().is_empty() {
            return felt.max(0.0);
        }
        let answered = self.touches_answered().filter(|(_, is_answered)| *is_answered);
        let forgiven: f64 = answered
            .map(|(touch, _)| {
                let half_lives = as_of_ms.saturating_sub(touch.at_ms) as f64 / half_life_ms as f64;
                model.channels[touch.channel].pressure * libm::exp2(-half_lives)
            })
            .sum();
        (felt - model.readiness.forgiveness * forgiven).max(0.0)
    }

    fn top_topic(&self, model: &Model, at_ms: i64) -> Option<u8> {
        if self.topics.is_empty() {
            return None;
        }
        let at = EpochTime::new(self.as_of(at_ms), model.readiness.topic_half_life_ms);
        let mut valued: SmallVec<[(f64, usize); 16]> = SmallVec::new();
        for fact in &self.topics {
            let place = model.topics.iter().position(|topic| topic.key == fact.key);
            valued.extend(place.map(|place| (rounded(fact.points.value(at)), place)));
        }
        let id = |place: usize| &model.topics[place].id;
        let positive = valued.into_iter().filter(|(value, _)| *value > 0.0);
        let top = positive.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| id(b.1).cmp(id(a.1))));
        top.map(|(_, place)| place as u8)
    }
}

impl RuleFact {
    /// Points at a moment; `time` is that moment in half-lives of the rule's channel.
    fn value(&self, model: &Model, rule: &Rule, as_of_ms: i64, time: impl FnOnce() -> EpochTime) -> f64 {
        let decay = &model.channels[rule.channel].decay;
        match &self.points {
            RulePoints::Every(sum) => sum.value(time()),
            RulePoints::Daily(days) => rule.points * daily(days, decay, as_of_ms, model.utc_offset_ms),
            RulePoints::Once(first) => first.get().map_or(0.0, |first| {
                rule.points * decay.after((as_of_ms.saturating_sub(first)).max(0) as f64 / DAY_MS)
            }),
        }
    }
}

impl ChannelFacts {
    /// Decayed contact days of the channel at a moment, weighted.
    pub(crate) fn exposure(&self, model: &Model, as_of_ms: i64) -> f64 {
        let rules = &model.channels[self.channel];
        let Some(top) = self.contact_days.top_day() else { return rules.exposure_weight * 0.0 };
        let behind = i64::from(model.local_day(as_of_ms)) - i64::from(top);
        let faded = faded_days(&self.contact_days, &rules.exposure_decay);
        rules.exposure_weight * (rules.exposure_decay.after_days(behind.max(0)) * faded)
    }
}

impl Sums {
    /// R, rounded.
    pub(crate) fn readiness(&self, model: &Model) -> f64 {
        rounded(self.parts(model).readiness)
    }

    /// What follows from them, before rounding.
    pub(crate) fn parts(&self, model: &Model) -> Parts {
        let Sums { as_of_ms, exposure, pressure, .. } = *self;
        let raw = ByChannel::from_fn(|channel| self.raw[channel].max(0.0));
        let capped = ByChannel::from_fn(|channel| under_cap(raw[channel], model.channels[channel].cap));
        let engagement = Channel::ALL.into_iter().map(|channel| capped[channel]).sum();
        let readiness = &model.readiness;
        let familiarity = -libm::expm1(-exposure / readiness.familiarity_scale);
        let affinity = familiarity * libm::exp(-pressure / readiness.fatigue_scale);
        Parts {
            as_of_ms,
            raw,
            capped,
            engagement,
            exposure,
            pressure,
            familiarity,
            affinity,
            readiness: readiness.engagement_weight * engagement + readiness.affinity_points * affinity,
        }
    }
}

/// C·(1 − e^(−S/C)): slope 1 at 0, always below C.
fn under_cap(points: f64, cap: f64) -> f64 {
    if points == 0.0 {
        return 0.0;
    }
    -cap * libm::expm1(-points / cap)
}

/// Sum of 2^(−age/h) over the days of a calendar, ages counted from its newest.
fn faded_days(days: &Calendar, decay: &DayDecay) -> f64 {
    let mut sum = 0.0;
    for (word, left) in days.words().iter().zip(decay.table().as_chunks::<64>().0) {
        let mut rest = *word;
        while rest != 0 {
            sum += left[rest.trailing_zeros() as usize];
            rest &= rest - 1;
        }
    }
    sum
}

/// Sum of 2^(−max(0, t − noon)/h) over days: only the newest can have its noon ahead.
fn daily(days: &Calendar, decay: &DayDecay, as_of_ms: i64, utc_offset_ms: i64) -> f64 {
    let Some(top) = days.top_day() else { return 0.0 };
    let noon_ms = day_begin_ms(top, utc_offset_ms) + HALF_DAY_MS;
    let since_noon = decay.after((as_of_ms.saturating_sub(noon_ms) as f64 / DAY_MS).max(-1.0));
    since_noon * (faded_days(days, decay) - 1.0) + since_noon.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::event::{Body, Direction, Event, PageClass, Sns, SnsKind, Web, WebKind};
    use crate::scoring::meaning::Meaning;

    const HOUR_MS: i64 = 3_600_000;
    /// Local midnight.
    const START_MS: i64 = 20_000 * 24 * HOUR_MS - 9 * HOUR_MS;

    fn model() -> Model {
        Model::parse(include_str!("../../deploy/models/b2b-saas.toml"), "b2b-saas.toml").expect("sound")
    }

    fn facts(model: &Model, events: &[(i64, &'static str, Body<'static>)]) -> Facts {
        let mut facts = Facts::default();
        for (hour, topic, body) in events {
            let event = Event {
                event_id: hour.to_string().into(),
                lead_id: "L1".into(),
                occurred_at_ms: START_MS + hour * HOUR_MS,
                account_id: None,
                topic: Some((*topic).into()),
                machine: false,
                body: body.clone(),
            };
            facts.apply(model, &event, &Meaning::of(model, &event));
        }
        facts
    }

    fn page(page_class: PageClass) -> Body<'static> {
        Body::Web(Web { kind: WebKind::PageView, page_class, ..Web::default() })
    }

    fn sns(kind: SnsKind) -> Body<'static> {
        Body::Sns(Sns { kind, direction: Direction::Inbound, ..Sns::default() })
    }

    /// Points of a channel before its cap, so many hours after the start.
    fn check(events: &[(i64, &'static str, Body<'static>)], hour: i64, channel: Channel, expected: f64) {
        let model = model();
        let found = facts(&model, events).parts(&model, START_MS + hour * HOUR_MS).raw[channel];
        assert!((found - expected).abs() < 1e-9, "{events:?} after {hour} h: {found} is not {expected}");
    }

    #[test]
    fn a_daily_rule_counts_once_a_day_at_noon() {
        let view = |hour| (hour, "", page(PageClass::Pricing));
        let left = |hours: f64| 0.5_f64.powf(hours / (14.0 * 24.0));
        check(&[view(8), view(9), view(20)], 20, Channel::Web, 4.0 * left(8.0));
        check(&[view(8)], 8, Channel::Web, 4.0);
        check(&[view(8)], 12, Channel::Web, 4.0);
        check(&[view(8), view(33)], 33, Channel::Web, 4.0 + 4.0 * left(21.0));
    }

    #[test]
    fn a_rule_that_counts_once_counts_from_its_first_event() {
        let follow = |hour| (hour, "", sns(SnsKind::Follow));
        check(&[follow(24), follow(0)], 7 * 24, Channel::Sns, 2.5);
        check(&[follow(0), (1, "", sns(SnsKind::Unfollow))], 24, Channel::Sns, 0.0);
    }

    #[test]
    fn the_topic_with_most_points_is_on_top() {
        let model = model();
        let check = |events: &[(i64, &'static str, Body<'static>)], expected: Option<&str>| {
            let score = facts(&model, events).read(&model, START_MS + 1000 * HOUR_MS);
            assert_eq!(score.top_topic_id(&model), expected, "{events:?}");
        };
        let home = || page(PageClass::Home);
        check(&[(0, "unheard of", home())], None);
        check(&[(0, "crm", home()), (1, "crm", home()), (2, "analytics", home())], Some("crm"));
        check(&[(0, "crm", home()), (900, "analytics", home())], Some("analytics"));
        check(&[(5, "crm", home()), (5, "analytics", home())], Some("analytics"));
        check(&[(0, "crm", sns(SnsKind::Unfollow))], None);
    }

    #[test]
    fn silence_makes_dormant() {
        let model = model();
        let facts = facts(&model, &[(0, "", page(PageClass::Home))]);
        let stage = |hour| facts.stage(&model, START_MS + hour * HOUR_MS);
        assert_eq!((stage(180 * 24 - 1), stage(180 * 24)), (Stage::Prospect, Stage::Dormant));
        assert_eq!(Facts::default().stage(&model, i64::MAX), Stage::Prospect);
    }
}
