//! A fan complains, or falls silent: the one lane besides `instant` that speaks while selling is stopped.

use crate::scoring::calendar::DAY_MS;
use crate::scoring::decision::Content;
use crate::scoring::episode::{Episode, State};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::headline::{Say, Words, counted};
use crate::scoring::lanes::{Dates, Lane, Lanes, Names, Row, Rule, Terms};
use crate::scoring::model::{Channel, Section, length, number};
use crate::scoring::moment::Moment;
use crate::scoring::stage::Stage;

pub(super) struct FanAtRisk;

const APOLOGY: Content = Content::Kind("apology");
const THANKS: Content = Content::Kind("thanks");

impl Rule for FanAtRisk {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        if complaint_waits(moment, episode) {
            return Some(Demand { content: APOLOGY, route: Route::PersonFirst, pass: Pass::All });
        }
        if episode.state != State::Idle || is_no_silence_yet(moment) {
            return None;
        }
        let silent_from_ms = silent_from(moment, episode)?;
        (moment.now_ms >= silent_from_ms).then_some(Demand {
            content: THANKS,
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
        if content == APOLOGY {
            episode.acted.complaint_ms = None;
        } else {
            episode.acted.silence_ms = moment.last_contact();
        }
    }

    fn terms(&self, moment: &Moment<'_>) -> Terms {
        let rules = &moment.model.lanes.fan_at_risk;
        Terms::after(moment.now_ms, rules.due_ms, rules.expires_ms)
    }

    fn names(&self) -> Names {
        Names {
            what: ["the contact with a loyal customer", "お得意様へのお詫び・お礼のご連絡"],
            why: ["a loyal customer may be leaving", "大切なお客様が離れかけています"],
        }
    }

    fn words(&self, moment: &Moment<'_>, _: &Episode, say: &Say<'_>) -> Words {
        let (en, ja, act, by) = (say.en(), say.ja(), say.act(), say.by_ja());
        if say.content == APOLOGY {
            let orders = moment.purchase_days().len();
            return [
                format!(
                    "{en}, a loyal customer with at least {orders} orders, complained: {act}, apologise and listen; do not sell."
                ),
                format!(
                    "これまでに{orders}回以上ご購入いただいている{ja}から苦情をいただきました。{by}、まずお詫びし、お話を伺ってください。営業のお話は控えてください。"
                ),
            ];
        }
        let days = moment.days_since(moment.last_contact());
        [
            format!(
                "{en}, a loyal customer, has been out of touch for {}, longer than usual between orders: {act} to say thanks and ask how things are.",
                counted(days, "day")
            ),
            format!(
                "日頃ご愛顧いただいている{ja}とのご連絡が{days}日間途絶えています（普段のご購入間隔より長めです）。{by}、まずお礼をお伝えし、ご様子を伺ってください。"
            ),
        ]
    }

    fn row(&self, lanes: &Lanes) -> Row {
        let lane = &lanes.fan_at_risk;
        let more = format!("silence of {} gaps; complaint {}", number(lane.silence_gaps), length(lane.holds_ms));
        Row::new(lane.due_ms, lane.expires_ms, more)
    }
}

/// What the model file tells the lane.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    due_ms: i64,
    expires_ms: i64,
    /// Silence is so many median gaps between purchase days.
    silence_gaps: f64,
    /// A complaint waits for so long.
    holds_ms: i64,
}

impl Numbers {
    pub(super) fn read(section: &Section<'_>) -> Numbers {
        Numbers {
            due_ms: section.duration_ms("due"),
            expires_ms: section.duration_ms("expires"),
            silence_gaps: section.number("silence_gaps", 1e-6..=1000.0),
            holds_ms: section.duration_ms("holds"),
        }
    }
}

/// A fan's complaint is neither acted on nor resolved nor too old, and no hand-raise is being answered.
fn complaint_waits(moment: &Moment<'_>, episode: &Episode) -> bool {
    let Some(at_ms) = episode.acted.complaint_ms else { return false };
    let resolved = moment.facts.last_resolution_ms() > Some(at_ms);
    let holds = moment.now_ms - at_ms <= moment.model.lanes.fan_at_risk.holds_ms;
    holds && !resolved && !episode.is_open_in(Lane::Instant)
}

/// Gaps between purchase days are days at least: no fan is silent before so many, and nobody else ever.
fn is_no_silence_yet(moment: &Moment<'_>) -> bool {
    let silence_ms = (moment.model.lanes.fan_at_risk.silence_gaps * DAY_MS as f64) as i64;
    moment.last_contact().is_none_or(|at_ms| moment.now_ms < at_ms.saturating_add(silence_ms))
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
    use super::median_gap;
    use crate::scoring::lanes::tests::check;

    #[test]
    fn a_fans_complaint_takes_the_place_of_what_is_open() {
        check(
            "
            10:00 profile.attributes_changed attr.company=ACME attr.name=田中
            10:00 x6 every 10d commerce.purchase
                => READY timeline L1 at=04-25T09:00 channel=person content=date
                => WITHDRAWN timeline purchased L1 at=05-01T10:00
                => READY score L1 at=05-21T10:00 channel=person content=proposal
            +1d contact.complaint
                => WITHDRAWN score superseded L1 at=05-22T10:00
                => READY fan_at_risk L1 at=05-22T10:00 channel=person content=apology
                en 田中 (ACME), a loyal customer with at least 6 orders, complained: call, apologise and listen; do not sell.
                ja これまでに6回以上ご購入いただいているACME 田中様から苦情をいただきました。お電話で、まずお詫びし、お話を伺ってください。営業のお話は控えてください。
            ",
        );
    }

    #[test]
    fn a_complaint_of_somebody_else_only_stops_selling() {
        check(
            "
            10:00 x5 every 10d commerce.purchase
                => READY timeline L1 at=04-25T09:00 channel=person content=date
                => WITHDRAWN timeline purchased L1 at=05-01T10:00
            +1d contact.complaint
            +1d contact.support_resolved
            ",
        );
    }

    #[test]
    fn a_complaint_waits_seven_days_for_consent() {
        check(
            "
            10:00 contact.call_refused
            10:00 x6 every 10d commerce.purchase
            +1h contact.complaint
            +604800000ms profile.consent_granted channel=person purpose=marketing
                => READY fan_at_risk L1 at=05-28T11:00 channel=person content=apology
            ",
        );
    }

    #[test]
    fn and_not_a_moment_longer() {
        check(
            "
            10:00 contact.call_refused
            10:00 x6 every 10d commerce.purchase
            +1h contact.complaint
            +604800001ms profile.consent_granted channel=person purpose=marketing
            ",
        );
    }

    #[test]
    fn a_resolution_voids_it() {
        check(
            "
            10:00 contact.call_refused
            10:00 x6 every 10d commerce.purchase
            +1h contact.complaint
            +1m contact.support_resolved
            +1m profile.consent_granted channel=person purpose=marketing
                => READY score L1 at=05-21T11:02 channel=person content=proposal
            ",
        );
    }

    #[test]
    fn a_question_that_is_being_answered_comes_first() {
        check(
            "
            10:00 x6 every 10d commerce.purchase
                => READY timeline L1 at=04-25T09:00 channel=person content=date
                => WITHDRAWN timeline purchased L1 at=05-01T10:00
                => READY score L1 at=05-21T10:00 channel=person content=proposal
            +1d web.form_submit form_purpose=inquiry
                => WITHDRAWN score superseded L1 at=05-22T10:00
                => READY instant L1 at=05-22T10:00 channel=person content=answer
            +1m contact.complaint
            +1m contact.call_attempt decision=last
                => READY fan_at_risk L1 at=05-22T10:02 channel=person content=apology
            ",
        );
    }

    #[test]
    fn silence_of_two_median_gaps() {
        check(
            "
            10:00 x6 every 10d commerce.purchase
                => READY timeline L1 at=04-25T09:00 channel=person content=date
                => WITHDRAWN timeline purchased L1 at=05-01T10:00
                => READY score L1 at=05-21T10:00 channel=person content=proposal
            +1m contact.call_attempt decision=last
            +1727999999ms (clock)
                => READY neglect L1 at=06-04T10:00 channel=person content=check_in
            +1ms (clock)
            +60d (clock)
                => WITHDRAWN neglect expired L1 at=06-18T10:00
                => READY fan_at_risk L1 at=06-21T10:00 channel=person content=thanks
                en Lead L1, a loyal customer, has been out of touch for 30 days, longer than usual between orders: call to say thanks and ask how things are.
                ja 日頃ご愛顧いただいているお客様（ID: L1）とのご連絡が30日間途絶えています（普段のご購入間隔より長めです）。お電話で、まずお礼をお伝えし、ご様子を伺ってください。
                => WITHDRAWN fan_at_risk expired L1 at=06-28T10:00
            ",
        );
    }

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
