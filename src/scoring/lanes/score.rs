//! Readiness crossed the threshold of the lead's stage, on a fresh signal.

use crate::scoring::calendar::DAY_MS;
use crate::scoring::decision::Content;
use crate::scoring::episode::{CoolingCause, Episode, State};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::headline::{Say, Words, counted, shown};
use crate::scoring::lanes::{Lane, Lanes, Names, Row, Rule, Terms};
use crate::scoring::model::{Channel, Section, length, number};
use crate::scoring::moment::Moment;

pub(super) struct Score;

/// Of a topic so many are shown.
const TOPIC_CHARS_MAX: usize = 16;

impl Rule for Score {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        let fires = !episode.disarmed && may_speak(episode.state) && is_ready(moment);
        fires.then_some(Demand { content: Content::Kind("proposal"), route: Route::Best, pass: Pass::Nothing })
    }

    fn acted(&self, moment: &Moment<'_>, episode: &mut Episode, _: Content, _: Channel) {
        episode.acted.score_ready_ms = Some(moment.now_ms);
    }

    fn terms(&self, moment: &Moment<'_>) -> Terms {
        let rules = &moment.model.lanes.score;
        Terms::after(moment.now_ms, rules.due_ms, rules.expires_ms)
    }

    fn names(&self) -> Names {
        Names {
            what: ["the proposal", "ご提案"], why: ["interest is high enough to talk", "関心が十分に高まりました"]
        }
    }

    fn words(&self, moment: &Moment<'_>, _: &Episode, say: &Say<'_>) -> Words {
        let (en, ja, act, by) = (say.en(), say.ja(), say.act(), say.by_ja());
        let (points, window) = (moment.readiness() as u32, moment.model.lanes.score.contact_days_window);
        let days = moment.contact_days(window);
        let days_en = counted(i64::from(days), "contact day");
        let [topic_en, topic_ja] = moment.score().top_topic_id(moment.model).map_or_else(Words::default, |topic| {
            let topic = shown(topic, TOPIC_CHARS_MAX);
            [format!(", most interest in {topic}"), format!("、ご関心は主に「{topic}」")]
        });
        [
            format!(
                "{en} is warm ({points} of 100 points, {days_en} in {window} days{topic_en}): {act}, ask what matters most, then propose."
            ),
            format!(
                "{ja}のご関心が高まっています（100点満点中{points}点、直近{window}日のうち接点のあった日は{days}日{topic_ja}）。{by}、まずご検討状況を伺い、ご提案ください。"
            ),
        ]
    }

    fn row(&self, lanes: &Lanes) -> Row {
        let lane = &lanes.score;
        let (days, window) = (lane.contact_days_min, lane.contact_days_window);
        let (familiarity, again) = (number(lane.familiarity_min), length(lane.again_ms));
        let more = format!("{days} contact days in {window}d or F {familiarity}; again {again}");
        Row::new(lane.due_ms, lane.expires_ms, more)
    }
}

/// What the model file tells the lane.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    due_ms: i64,
    expires_ms: i64,
    /// From then on after the lane's last READY a fresh signal arms it again.
    pub(crate) again_ms: i64,
    contact_days_min: u32,
    /// Local days in which the contact days are counted.
    contact_days_window: u32,
    familiarity_min: f64,
    inbound_within_ms: i64,
}

impl Numbers {
    pub(super) fn read(section: &Section<'_>) -> Numbers {
        Numbers {
            due_ms: section.duration_ms("due"),
            expires_ms: section.duration_ms("expires"),
            again_ms: section.duration_ms("again"),
            contact_days_min: section.integer("contact_days_min", 0..=512),
            contact_days_window: (section.duration_ms("contact_days_window") / DAY_MS) as u32,
            familiarity_min: section.number("familiarity_min", 0.0..=1.0),
            inbound_within_ms: section.duration_ms("inbound_within"),
        }
    }
}

/// Idle, or in the peace after a lane that is weaker than a warm lead.
fn may_speak(state: State) -> bool {
    match state {
        State::Idle => true,
        State::Cooling { cause: CoolingCause::Lane(lane), .. } => {
            matches!(lane, Lane::Sequence | Lane::Neglect | Lane::Anniversary)
        }
        State::Cooling { cause: CoolingCause::Verdict, .. } | State::Open | State::Contacted { .. } => false,
    }
}

fn is_ready(moment: &Moment<'_>) -> bool {
    let rules = &moment.model.lanes.score;
    moment.reaches(moment.model.stages.on(moment.stage()))
        && moment.inbound_within(rules.inbound_within_ms)
        && (moment.is_familiar(rules.familiarity_min)
            || moment.contact_days(rules.contact_days_window) >= rules.contact_days_min)
}

#[cfg(test)]
mod tests {
    use crate::scoring::lanes::tests::check;

    #[test]
    fn at_the_threshold_on_many_days() {
        check(
            "
            10:00 profile.attributes_changed attr.company=ACME attr.name=田中
            10:01 x5 every 1d web.page_view page_class=pricing topic=crm
            +1m x2 every 1m web.download topic=crm
            +1m mail.replied lead=L9
                => READY instant L9 at=04-05T10:04 channel=mail content=answer
            +1m contact.store_visit
                => READY score L1 at=04-05T10:05 channel=person content=proposal
                en 田中 (ACME) is warm (46 of 100 points, 5 contact days in 90 days, most interest in crm): call, ask what matters most, then propose.
                ja ACME 田中様のご関心が高まっています（100点満点中46点、直近90日のうち接点のあった日は5日、ご関心は主に「crm」）。お電話で、まずご検討状況を伺い、ご提案ください。
            ",
        );
    }

    #[test]
    fn one_day_is_enough_for_who_is_familiar_and_not_for_who_is_not() {
        check(
            "
            10:00 x3 every 1h web.download
            13:00 contact.webinar_attended
            14:00 contact.webinar_attended
                => READY score L1 at=04-01T14:00 channel=person content=proposal
                en Lead L1 is warm (42 of 100 points, 1 contact day in 90 days): call, ask what matters most, then propose.
                ja お客様（ID: L1）のご関心が高まっています（100点満点中42点、直近90日のうち接点のあった日は1日）。お電話で、まずご検討状況を伺い、ご提案ください。
            ",
        );
    }

    #[test]
    fn not_long_after_the_last_sign_of_life() {
        check(
            "
            10:00 contact.call_refused
            10:00 x6 every 1d contact.meeting
            +2592000000ms profile.consent_granted channel=person purpose=marketing
                => READY score L1 at=05-06T10:00 channel=person content=proposal
            ",
        );
    }

    #[test]
    fn nor_a_millisecond_later() {
        check(
            "
            10:00 contact.call_refused
            10:00 x6 every 1d contact.meeting
            +2592000001ms profile.consent_granted channel=person purpose=marketing
            ",
        );
    }

    #[test]
    fn once_until_a_fresh_signal_two_weeks_later() {
        check(
            "
            10:00 x4 every 1d contact.meeting
                => READY score L1 at=04-04T10:00 channel=person content=proposal
            +1m contact.call_attempt decision=last
            +14d contact.meeting
                => READY score L1 at=04-18T10:01 channel=person content=proposal
            +1m contact.call_attempt decision=last
            +1209539999ms web.download
            +1ms web.download
                => READY score L1 at=05-02T10:01 channel=person content=proposal
            ",
        );
    }

    #[test]
    fn not_in_the_peace_after_a_stronger_lane_nor_after_a_verdict() {
        check(
            "
            10:00 x3 every 1d contact.meeting
            +1h web.form_submit form_purpose=inquiry
                => READY instant L1 at=04-03T11:00 channel=person content=answer
            +1m outcome.rejected decision=last
            +1d contact.meeting
            +29d (clock)
                => READY score L1 at=05-03T11:01 channel=person content=proposal
            +1d contact.meeting
            ",
        );
    }

    #[test]
    fn withdrawn_when_it_falls() {
        check(
            "
            10:00 sns.follow direction=inbound
            10:01 x6 every 1d web.page_view page_class=pricing
            +1h x3 every 1h web.download
                => READY score L1 at=04-06T11:01 channel=person content=proposal
            +1h x60 every 1m sns.dm direction=outbound occurred=-1d
                => WITHDRAWN score score_fell L1 at=04-06T14:38
            ",
        );
    }
}
