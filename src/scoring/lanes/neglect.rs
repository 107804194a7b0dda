//! A known lead was left alone: the warmer it is, the sooner somebody hears of it.

use crate::scoring::decision::Content;
use crate::scoring::episode::{Episode, State};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::lanes::{Dates, Rule, Terms};
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;
use crate::scoring::stage::Stage;

pub(super) struct Neglect;

impl Rule for Neglect {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        if episode.state != State::Idle {
            return None;
        }
        let due = Tiers::of(moment, episode)?;
        let has_come = |at_ms: Option<i64>| at_ms.is_some_and(|at_ms| moment.now_ms >= at_ms);
        let is_urgent = has_come(due.unanswered_ms)
            || (has_come(due.ready_ms) && is_warm(moment, moment.model.stages.on(moment.stage())))
            || (has_come(due.warm_ms) && is_warm(moment, moment.model.lanes.neglect.warm_from));
        let route = match is_urgent {
            true => Route::Best,
            false if has_come(due.stage_ms) => Route::MailFirst,
            false => return None,
        };
        Some(Demand { content: Content::CheckIn, route, pass: Pass::Nothing })
    }

    /// Readiness falls by time alone, so the tiers that ask for it are looked at when their days have passed.
    fn dates(&self, moment: &Moment<'_>, episode: &Episode, dates: &mut Dates) {
        if let Some(due) = Tiers::of(moment, episode) {
            for at_ms in [due.unanswered_ms, due.ready_ms, due.warm_ms, due.stage_ms] {
                dates.add(at_ms);
            }
        }
    }

    fn acted(&self, moment: &Moment<'_>, episode: &mut Episode, _: Content, _: Channel) {
        episode.acted.neglect_ready_ms = Some(moment.now_ms);
    }

    fn terms(&self, moment: &Moment<'_>) -> Terms {
        let rules = &moment.model.lanes.neglect;
        Terms::after(moment.now_ms, rules.due_ms, rules.expires_ms)
    }
}

/// When each tier comes of age, warmth apart, ms since the epoch; none for a tier that the lead is not in.
struct Tiers {
    /// An `instant` READY expired, and nobody touched the lead since.
    unanswered_ms: Option<i64>,
    /// Ready by its readiness.
    ready_ms: Option<i64>,
    /// Warm by its readiness.
    warm_ms: Option<i64>,
    /// By its stage, however warm.
    stage_ms: Option<i64>,
}

impl Tiers {
    /// None for a lead that is unknown, dormant, or was never in contact.
    fn of(moment: &Moment<'_>, episode: &Episode) -> Option<Tiers> {
        let rules = &moment.model.lanes.neglect;
        let last_contact_ms = moment.last_contact()?;
        if moment.stage() == Stage::Dormant || !moment.facts.is_known() {
            return None;
        }
        let again_ms = episode.acted.neglect_ready_ms.map_or(i64::MIN, |last_ms| last_ms + rules.again_ms);
        let quiet_ms = episode.ready.map_or(i64::MIN, |ready| ready.as_of_ms + rules.quiet_after_ready_ms);
        let after = |alone_ms: i64| (last_contact_ms + alone_ms).max(again_ms);
        Some(Tiers {
            unanswered_ms: episode.acted.unanswered_since_ms.map(|_| after(rules.ready_ms)),
            ready_ms: Some(after(rules.ready_ms).max(quiet_ms)),
            warm_ms: Some(after(rules.warm_ms).max(quiet_ms)),
            stage_ms: alone_by_stage(moment).map(|alone_ms| after(alone_ms).max(quiet_ms)),
        })
    }
}

/// How long a lead of its stage may be left alone; none for prospects that never showed interest.
fn alone_by_stage(moment: &Moment<'_>) -> Option<i64> {
    let rules = &moment.model.lanes.neglect;
    let showed_interest = || moment.last_hand_raise_any().is_some() || moment.facts.last_sequence_mark_ms().is_some();
    match moment.stage() {
        Stage::Prospect => showed_interest().then_some(rules.prospect_ms),
        Stage::New | Stage::Repeat => Some(rules.customer_ms),
        Stage::Fan => Some(rules.fan_ms),
        Stage::Dormant => None,
    }
}

/// Readiness from a level on, and the lead itself did something lately.
fn is_warm(moment: &Moment<'_>, from: f64) -> bool {
    moment.readiness() >= from && moment.inbound_within(moment.model.lanes.neglect.warm_within_ms)
}
