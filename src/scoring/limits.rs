//! How often is too often: caps, gaps, stops and pressure, and when they open again.
//!
//! Nothing but time passes until then, so each opens once and stays open: the latest of them is the moment.

use smallvec::SmallVec;

use crate::scoring::calendar::day_begin_ms;
use crate::scoring::facts::TouchDays;
use crate::scoring::model::{Cap, Channel};
use crate::scoring::moment::Moment;

const MINUTE_MS: i64 = 60_000;

/// The first moment from the clock on at which the channel's own caps and all gaps let us contact on it; none if they
/// never do.
pub(crate) fn opens_at(moment: &Moment<'_>, channel: Channel) -> Option<i64> {
    let caps = moment.model.contact.caps.get(channel).map_or(&[][..], |caps| caps);
    let opens = caps.iter().map(|cap| cap_opens_at(moment, *cap, &[channel]));
    latest(opens, gaps_open_at(moment, channel))
}

/// The same by the caps over all channels.
pub(crate) fn all_open_at(moment: &Moment<'_>) -> Option<i64> {
    let caps = moment.model.contact.caps_all.iter();
    latest(caps.map(|cap| cap_opens_at(moment, *cap, &Channel::OUTREACH)), moment.now_ms)
}

fn latest(mut opens: impl Iterator<Item = Option<i64>>, first_ms: i64) -> Option<i64> {
    opens.try_fold(first_ms, |latest_ms, opens_ms| Some(latest_ms.max(opens_ms?)))
}

fn gaps_open_at(moment: &Moment<'_>, channel: Channel) -> i64 {
    let rules = &moment.model.contact;
    let own_ms = rules.gaps_ms.get(channel).zip(moment.last_touch(channel)).map(|(gap_ms, at_ms)| at_ms + gap_ms);
    let any_ms = Channel::OUTREACH.into_iter().filter_map(|other| moment.last_touch(other)).max();
    let any_ms = any_ms.map(|at_ms| at_ms + rules.gap_any_ms);
    let sheet_ms = moment.facts.last_comparison_sheet_ms().filter(|_| channel == Channel::Mail);
    let sheet_ms = sheet_ms.map(|at_ms| at_ms + rules.comparison_pause_ms);
    [own_ms, any_ms, sheet_ms].into_iter().flatten().fold(moment.now_ms, i64::max)
}

/// The clock where fewer touches than the cap were made in its rolling days, else the midnight on which that is so.
fn cap_opens_at(moment: &Moment<'_>, cap: Cap, channels: &[Channel]) -> Option<i64> {
    let today = moment.model.local_day(moment.now_ms);
    let touched = channels.iter().filter_map(|channel| moment.facts.channel(*channel));
    let touched: SmallVec<[&TouchDays; 3]> = touched.map(|facts| &facts.touch_days).collect();
    let mut made: u32 = touched.iter().map(|days| days.count(today, u32::from(cap.days))).sum();
    if made < u32::from(cap.touches_max) {
        return Some(moment.now_ms);
    }
    let made_on = |day: i64| touched.iter().map(|days| days.on(day)).sum::<u32>();
    // A touch of a clock ahead of ours may count from tomorrow on.
    for ahead in 1..=i32::from(cap.days) + 1 {
        let day = today.checked_add(ahead)?;
        made = made + made_on(day.into()) - made_on(i64::from(day) - i64::from(cap.days));
        if made < u32::from(cap.touches_max) {
            return Some(day_begin_ms(day, moment.model.utc_offset_ms));
        }
    }
    None
}

/// Until when selling is stopped, where it is: a complaint or a support issue that nothing resolved.
pub(crate) fn stopped_until(moment: &Moment<'_>) -> Option<i64> {
    let rules = &moment.model.contact;
    let resolved_ms = moment.facts.last_resolution_ms();
    let stop = |at_ms: Option<i64>, stop_ms: i64| {
        at_ms.filter(|_| resolved_ms <= at_ms).map(|at_ms| at_ms + stop_ms).filter(|until_ms| *until_ms > moment.now_ms)
    };
    stop(moment.facts.last_complaint_ms(), rules.complaint_stop_ms)
        .max(stop(moment.facts.last_issue_ms(), rules.issue_stop_ms))
}

/// Until when pressure is above its limit, where it is: by its half-life, up to the next full minute.
pub(crate) fn pressed_until(moment: &Moment<'_>) -> Option<i64> {
    let rules = &moment.model.readiness;
    if moment.presses_at_most(rules.pressure_max) {
        return None;
    }
    let fades_ms = rules.pressure_half_life_ms as f64 * libm::log2(moment.pressure() / rules.pressure_max);
    let until_ms = (moment.read_at_ms as f64 + fades_ms) as i64;
    let next_minute_ms = (moment.now_ms.div_euclid(MINUTE_MS) + 1) * MINUTE_MS;
    Some(until_ms.saturating_add(MINUTE_MS - 1).div_euclid(MINUTE_MS).saturating_mul(MINUTE_MS).max(next_minute_ms))
}
