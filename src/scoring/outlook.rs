//! What a reading proves about later ones: within what bounds engagement, familiarity and pressure stay, so that most
//! questions about readiness are answered without reading anew.
//!
//! Time alone lets points, contact days and pressure fade, never faster than by their half-lives: high bounds stay as
//! they are, and low ones fall along straight lines, which lie below the curves. An event moves a bound by no more than
//! its points, its contact day and its touch can. Where an event might do more, the outlook ends with it.

use std::f64::consts::LN_2;

use crate::scoring::calendar::{Calendar, DAYS};
use crate::scoring::event::{Body, Event};
use crate::scoring::facts::{ANSWERS_MAX, Facts, Reach, RulePoints, TOUCHES_MAX};
use crate::scoring::fit::fit;
use crate::scoring::meaning::Meaning;
use crate::scoring::model::{ByChannel, Channel, Limit, Mark, Model, Rule};
use crate::scoring::reading::Parts;
use crate::scoring::stage::Stage;
use crate::scoring::terms::{Drift, Purchases};

const DAY_MS: f64 = 86_400_000.0;
/// Added to each bound whenever it moves, and in proportion to it: far more than all rounding takes.
const SLACK: f64 = 1e-4;
const SLACK_RATIO: f64 = 1e-6;

/// A memory of this process and no part of a lead's state: whoever has none reads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// The moment that was read, ms since the epoch.
    as_of_ms: i64,
    /// S.
    engagement: Bounds,
    /// F.
    familiarity: Bounds,
    /// P.
    pressure: Bounds,
    /// What S loses a day at most, and F a local day.
    engagement_fading: f32,
    familiarity_fading: f32,
    /// How much of its cap a channel had reached at least, in parts of 255: of more points only the rest counts.
    reached: ByChannel<u8>,
    /// Points of fit, unless attributes have changed since.
    fit: Option<u8>,
    /// On that local day, silence apart.
    stage: Stage,
}

/// The outlook that a lead has, if it has one. All are equal: they spare work and change nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Remembered(Option<Outlook>);

impl Remembered {
    pub(crate) fn get(self) -> Option<Outlook> {
        self.0
    }
}

impl From<Option<Outlook>> for Remembered {
    fn from(outlook: Option<Outlook>) -> Self {
        Remembered(outlook)
    }
}

impl PartialEq for Remembered {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What a value is not below and not above.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds {
    low: f32,
    high: f32,
}

impl Outlook {
    /// What a reading proves; `exact` are the points of fit and the stage at it, silence apart.
    pub(crate) fn of(parts: &Parts, drift: Drift, exact: (u8, Stage)) -> Outlook {
        let (fit, stage) = exact;
        Outlook {
            as_of_ms: parts.as_of_ms,
            engagement: Bounds {
                low: below(parts.engagement),
                high: above(parts.engagement + drift.engagement_withheld),
            },
            familiarity: Bounds::around(parts.familiarity),
            pressure: Bounds::around(parts.pressure),
            engagement_fading: above(drift.engagement_fading),
            familiarity_fading: above(drift.familiarity_fading),
            reached: ByChannel::from_fn(|channel| (254.0 * drift.reached[channel]) as u8),
            fit: Some(fit),
            stage,
        }
    }

    /// What it proves once `facts` have taken in an event, if anything; `as_of_ms` is then what is read at.
    pub(crate) fn after(
        mut self,
        model: &Model,
        facts: &Facts,
        (event, meaning): (&Event<'_>, &Meaning<'_>),
        as_of_ms: i64,
    ) -> Option<Outlook> {
        match event.body {
            Body::Commerce(_) => return None,
            Body::Profile(_) => self.fit = None,
            _ => {}
        }
        let Some(rule) = meaning.rule else { return Some(self) };
        if !facts.rules_have_room_for_one() {
            return None;
        }
        let at_ms = event.occurred_at_ms;
        let day = model.local_day(at_ms);
        if rule.points != 0.0 && adds_points(facts, rule, at_ms, day)? {
            self.add_points(model, rule, as_of_ms);
        }
        let touch = rule.marks.has(Mark::Touch);
        if (touch || rule.marks.has(Mark::Contact)) && adds_day(facts, rule.channel, day)? {
            self.add_day(model, rule.channel);
        }
        if touch {
            self.add_touch(model, facts, rule.channel);
        }
        if rule.marks.has(Mark::Answer) {
            self.add_answer(model, facts, &Reach::of(event, rule.channel));
        }
        Some(self)
    }

    /// What R is not below and not above.
    pub(crate) fn readiness(&self, model: &Model, as_of_ms: i64) -> Range {
        let rules = &model.readiness;
        let days = self.days_until(as_of_ms);
        let fatigue = |pressure: f64| pressure / rules.fatigue_scale;
        let engagement_low = (f64::from(self.engagement.low) - days * f64::from(self.engagement_fading)).max(0.0);
        let familiarity = self.familiarity(model, as_of_ms);
        let half_lives = days * DAY_MS / rules.pressure_half_life_ms as f64;
        let pressure_low = (f64::from(self.pressure.low) * (1.0 - LN_2 * half_lives)).max(0.0);
        let affinity_low = familiarity.low * exp_at_least(fatigue(f64::from(self.pressure.high)));
        let affinity_high = familiarity.high * exp_at_most(fatigue(pressure_low));
        let readiness = |engagement, affinity| rules.engagement_weight * engagement + rules.affinity_points * affinity;
        Range {
            low: readiness(engagement_low, affinity_low),
            high: readiness(f64::from(self.engagement.high), affinity_high),
        }
    }

    /// What F is not below and not above.
    pub(crate) fn familiarity(&self, model: &Model, as_of_ms: i64) -> Range {
        let days = f64::from(model.local_day(as_of_ms)) - f64::from(model.local_day(self.as_of_ms));
        let low = f64::from(self.familiarity.low) - days * f64::from(self.familiarity_fading);
        Range { low: low.max(0.0), high: f64::from(self.familiarity.high) }
    }

    /// What P is not below and not above.
    pub(crate) fn pressure(&self) -> Range {
        Range { low: 0.0, high: f64::from(self.pressure.high) }
    }

    pub(crate) fn fit(&self) -> Option<u8> {
        self.fit
    }

    /// The same with the points of fit, which were looked at.
    pub(crate) fn with_fit(self, points: u8) -> Outlook {
        Outlook { fit: Some(points), ..self }
    }

    /// The stage at a moment, silence apart, where it is known: chances change from local day to local day.
    pub(crate) fn stage(&self, model: &Model, as_of_ms: i64) -> Option<Stage> {
        (model.local_day(self.as_of_ms) == model.local_day(as_of_ms)).then_some(self.stage)
    }

    /// Whether it tells of that moment: of earlier ones it tells nothing.
    pub(crate) fn reaches_to(&self, as_of_ms: i64) -> bool {
        as_of_ms >= self.as_of_ms
    }

    /// Whether all that it tells of a moment is so.
    pub(crate) fn holds(&self, model: &Model, facts: &Facts, at_ms: i64) -> bool {
        let (parts, purchases) = (facts.parts(model, at_ms), Purchases::of(model, facts, facts.as_of(at_ms)));
        self.readiness(model, parts.as_of_ms).contains(parts.readiness)
            && self.familiarity(model, parts.as_of_ms).contains(parts.familiarity)
            && self.pressure().contains(parts.pressure)
            && self.fit.is_none_or(|points| points == fit(model, facts))
            && self.stage(model, parts.as_of_ms).is_none_or(|stage| stage == purchases.stage(model))
    }

    fn days_until(&self, as_of_ms: i64) -> f64 {
        as_of_ms.saturating_sub(self.as_of_ms) as f64 / DAY_MS
    }

    /// Points p raise C·(1 − e^(−S/C)) by no more than p·e^(−S/C).
    fn add_points(&mut self, model: &Model, rule: &Rule, as_of_ms: i64) {
        let reached = &mut self.reached[rule.channel];
        if rule.points > 0.0 {
            let fading = model.channels[rule.channel].decay.loss_of_a_day();
            let days = as_of_ms.saturating_sub(self.as_of_ms) as f64 / DAY_MS;
            let reached = f64::from(*reached) / 255.0 * (1.0 - days * fading).max(0.0);
            self.engagement.raise(rule.points * (1.0 - reached));
        } else {
            *reached = 0;
            self.engagement.lower(-rule.points);
        }
    }

    /// 1 − F shrinks by e^(−v/κ), which is not below 1 − v/κ.
    fn add_day(&mut self, model: &Model, channel: Channel) {
        let weight = model.channels[channel].exposure_weight / model.readiness.familiarity_scale;
        let strangeness = (1.0 - f64::from(self.familiarity.high)).max(0.0);
        self.familiarity.raise(strangeness * weight.min(1.0));
    }

    /// A touch presses, and so does the one that is forgotten for it where that was forgiven.
    fn add_touch(&mut self, model: &Model, facts: &Facts, channel: Channel) {
        let forgotten = facts.reaches.touches().iter().next().filter(|_| facts.reaches.touches().len() == TOUCHES_MAX);
        let pressure = |channel: Channel| model.channels[channel].pressure;
        let forgiven = forgotten.map_or(0.0, |touch| model.readiness.forgiveness * pressure(touch.channel));
        self.pressure.raise(pressure(channel) + forgiven);
    }

    /// An answer forgives its touches, and those of the answer that is forgotten for it press again.
    fn add_answer(&mut self, model: &Model, facts: &Facts, answer: &Reach) {
        let forgiven = |answer: &Reach| {
            let touches = facts.reaches.touches().iter().filter(|touch| answer.answers(touch));
            let pressure: f64 = touches.map(|touch| model.channels[touch.channel].pressure).sum();
            model.readiness.forgiveness * pressure
        };
        self.pressure.lower(forgiven(answer));
        if facts.reaches.answers().len() == ANSWERS_MAX {
            self.pressure.raise(facts.reaches.answers().iter().next().map_or(0.0, forgiven));
        }
    }
}

impl Bounds {
    fn around(value: f64) -> Bounds {
        Bounds { low: below(value), high: above(value) }
    }

    fn raise(&mut self, by: f64) {
        self.high = above(f64::from(self.high) + by);
    }

    fn lower(&mut self, by: f64) {
        self.low = below(f64::from(self.low) - by);
    }
}

/// What a number is not below and not above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Range {
    fn contains(self, number: f64) -> bool {
        (self.low..=self.high).contains(&number)
    }

    /// Whether the number, rounded, is at least a level; none where it may be or not.
    pub(crate) fn reaches(self, level: f64) -> Option<bool> {
        const ROUNDING: f64 = 1e-3; // far more than all of it
        match level {
            _ if self.low - ROUNDING >= level => Some(true),
            _ if self.high + ROUNDING < level => Some(false),
            _ => None,
        }
    }
}

/// Whether an event counts for a rule, and by no more than its points; none where it may change more.
fn adds_points(facts: &Facts, rule: &Rule, at_ms: i64, day: i32) -> Option<bool> {
    if rule.limit == Limit::Every {
        return Some(true);
    }
    match facts.rule_points(rule.key) {
        Some(RulePoints::Daily(days)) => adds(days, day),
        Some(RulePoints::Once(first)) => (first.get()? <= at_ms).then_some(false), // an earlier one fades sooner
        Some(RulePoints::Every(_)) | None => Some(true),
    }
}

/// The same of a contact day.
fn adds_day(facts: &Facts, channel: Channel, day: i32) -> Option<bool> {
    facts.channel(channel).map_or(Some(true), |on| adds(&on.contact_days, day))
}

/// Whether a calendar may grow by a day; none where it may forget others for it.
fn adds(days: &Calendar, day: i32) -> Option<bool> {
    let Some(top) = days.top_day() else { return Some(true) };
    let is_full = days.words().len() * 64 == usize::from(DAYS);
    (day <= top || !is_full).then_some(day != top)
}

/// e^(−x) for x from 0 on, from below: an eighth of x by its series, the eighth power of that.
fn exp_at_least(x: f64) -> f64 {
    let y = x / 8.0;
    if y < 1.0 { eighth_power(1.0 - y + y * y / 2.0 - y * y * y / 6.0) } else { 0.0 }
}

/// The same from above.
fn exp_at_most(x: f64) -> f64 {
    let y = (x / 8.0).min(1.0);
    eighth_power(1.0 - y + y * y / 2.0)
}

fn eighth_power(x: f64) -> f64 {
    let fourth = x * x * x * x;
    fourth * fourth
}

/// A number that is surely not above this one.
fn below(value: f64) -> f32 {
    (value - SLACK - SLACK_RATIO * value.abs()) as f32
}

/// A number that is surely not below this one.
fn above(value: f64) -> f32 {
    (value + SLACK + SLACK_RATIO * value.abs()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::event::{Direction, Mail, MailKind, PageClass, Sns, SnsKind, Web, WebKind};
    use crate::scoring::lead::{At, Effects, Lead};

    const HOUR_MS: i64 = 3_600_000;
    /// Local midnight.
    const START_MS: i64 = 20_000 * 24 * HOUR_MS - 9 * HOUR_MS;

    fn model() -> Model {
        Model::parse(include_str!("../../deploy/models/b2b-saas.toml"), "b2b-saas.toml").expect("sound")
    }

    fn page(page_class: PageClass) -> Body<'static> {
        Body::Web(Web { kind: WebKind::PageView, page_class, ..Web::default() })
    }

    fn mail(kind: MailKind) -> Body<'static> {
        Body::Mail(Mail { kind, message_id: "m1".into(), ..Mail::default() })
    }

    fn sns(kind: SnsKind) -> Body<'static> {
        Body::Sns(Sns { kind, direction: Direction::Inbound, ..Sns::default() })
    }

    fn apply(lead: &mut Lead, model: &Model, hour: i64, body: Body<'static>) {
        let at_ms = START_MS + hour * HOUR_MS + lead.seen.entries().len() as i64;
        let event = Event {
            event_id: at_ms.to_string().into(),
            lead_id: "L1".into(),
            occurred_at_ms: at_ms,
            account_id: None,
            topic: None,
            machine: false,
            body,
        };
        let at = At { clock_ms: at_ms, appended_at_ms: at_ms, hops: 0 };
        lead.apply(model, "L1", &event, at, &mut Effects::default());
    }

    /// What is proven after these events stays so by time alone.
    fn check(events: &[(i64, Body<'static>)]) {
        let (model, mut lead) = (model(), Lead::default());
        for (hour, body) in events {
            apply(&mut lead, &model, *hour, body.clone());
            let outlook = lead.outlook().expect("every evaluation reads or knows");
            for hours in [0, 1, 11, 12, 13, 24, 100, 1000, 10_000] {
                let at_ms = START_MS + (hour + hours) * HOUR_MS + 1000;
                assert!(outlook.holds(&model, &lead.facts, at_ms), "{events:?} after {hours} h: {outlook:?}");
            }
        }
    }

    #[test]
    fn bounds_hold_while_time_passes() {
        check(&[(8, page(PageClass::Home)), (9, page(PageClass::Pricing)), (35, page(PageClass::Pricing))]);
        check(&[(8, mail(MailKind::Sent)), (9, mail(MailKind::Sent)), (80, mail(MailKind::Clicked))]);
        check(&[(8, sns(SnsKind::Follow)), (9, sns(SnsKind::Like)), (10, sns(SnsKind::Unfollow))]);
        check(&[(1, page(PageClass::Pricing)), (2, sns(SnsKind::Unfollow)), (3, sns(SnsKind::Comment))]);
        check(&[(1, mail(MailKind::Clicked)), (700, mail(MailKind::Sent)), (8000, page(PageClass::Product))]);
    }

    #[test]
    fn usual_events_read_nothing() {
        let (model, mut lead) = (model(), Lead::default());
        apply(&mut lead, &model, 8, page(PageClass::Home));
        let read_at_ms = |lead: &Lead| lead.outlook().map(|outlook| outlook.as_of_ms);
        let first = read_at_ms(&lead);
        for (hour, body) in [(9, page(PageClass::Home)), (10, mail(MailKind::Opened)), (11, mail(MailKind::Sent))] {
            apply(&mut lead, &model, hour, body);
            assert_eq!(read_at_ms(&lead), first, "after {hour} h");
        }
        assert!(size_of::<Option<Outlook>>() <= 48);
    }

    #[test]
    fn powers_of_e_are_between_their_bounds() {
        for x in (0..2000).map(|hundredths| f64::from(hundredths) / 100.0) {
            let exact = libm::exp(-x);
            assert!((exp_at_least(x)..=exp_at_most(x)).contains(&exact), "{x}");
            assert!(x > 2.0 || exp_at_most(x) - exp_at_least(x) < 0.02, "{x}");
        }
    }
}
