//! A fan complains, or falls silent: the one lane besides `instant` that speaks while selling is stopped.

use crate::scoring::calendar::DAY_MS;
use crate::scoring::decision::Content;
use crate::scoring::episode::{Episode, State};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::lanes::{Dates, Lane, Rule, Terms};
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;
use crate::scoring::stage::Stage;

pub(super) struct FanAtRisk;

impl Rule for FanAtRisk {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        if complaint_waits(moment, episode) {
            return Some(Demand { content: Content::Apology, route: Route::PersonFirst, pass: Pass::All });
        }
        let silent_from_ms = silent_from(moment, episode).filter(|_| episode.state == State::Idle)?;
        (moment.now_ms >= silent_from_ms).then_some(Demand {
            content: Content::Thanks,
            route: Route::Best,
            pass: Pass::StopAndPressure,
        })
    }

    fn dates(&self, moment: &Moment<'_>, episode: &Episode, dates: &mut Dates) {
        dates.add(silent_from(moment, episode));
    }

    fn absorb(&self, _: &Moment<'_>, episode: &mut Episode) {
        episode.acted.complaint_ms = None;
    }

    fn acted(&self, moment: &Moment<'_>, episode: &mut Episode, content: Content, _: Channel) {
        if content == Content::Apology {
            episode.acted.complaint_ms = None;
        } else {
            episode.acted.silence_ms = moment.last_contact();
        }
    }

    fn terms(&self, moment: &Moment<'_>) -> Terms {
        let rules = &moment.model.lanes.fan_at_risk;
        Terms::after(moment.now_ms, rules.due_ms, rules.expires_ms)
    }
}

/// A fan's complaint is neither acted on nor resolved nor too old, and no hand-raise is being answered.
fn complaint_waits(moment: &Moment<'_>, episode: &Episode) -> bool {
    let Some(at_ms) = episode.acted.complaint_ms else { return false };
    let resolved = moment.facts.last_resolution_ms() > Some(at_ms);
    let holds = moment.now_ms - at_ms <= moment.model.lanes.fan_at_risk.holds_ms;
    holds && !resolved && !episode.is_open_in(Lane::Instant)
}

/// From when on a fan counts as silent; none where this silence was acted on already.
fn silent_from(moment: &Moment<'_>, episode: &Episode) -> Option<i64> {
    if moment.stage() != Stage::Fan {
        return None;
    }
    let last_contact_ms = moment.last_contact().filter(|_| episode.acted.silence_ms != moment.last_contact())?;
    let gap_days = median_gap(moment.purchase_days())?;
    let silence_ms = moment.model.lanes.fan_at_risk.silence_gaps * gap_days * DAY_MS as f64;
    Some(last_contact_ms + silence_ms as i64)
}

/// Median days between purchase days, which rise; the mean of the middle two where their count is even.
fn median_gap(days: &[i32]) -> Option<f64> {
    let mut gaps: Vec<i64> = days.windows(2).map(|pair| i64::from(pair[1]) - i64::from(pair[0])).collect();
    gaps.sort_unstable();
    let middle = gaps.len() / 2;
    let upper = *gaps.get(middle)?;
    let lower = if gaps.len().is_multiple_of(2) { gaps[middle - 1] } else { upper };
    Some((lower + upper) as f64 / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_gaps() {
        let check = |days: &[i32], expected: Option<f64>| assert_eq!(median_gap(days), expected, "{days:?}");
        check(&[], None);
        check(&[5], None);
        check(&[5, 15], Some(10.0));
        check(&[0, 1, 4], Some(2.0));
        check(&[0, 1, 4, 100], Some(3.0));
        check(&[-10, -5, 10, 100], Some(15.0));
    }
}
