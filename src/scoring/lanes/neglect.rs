//! A known lead was left alone: the warmer it is, the sooner somebody hears of it.

use crate::scoring::decision::Content;
use crate::scoring::episode::{Episode, State};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::headline::{Say, Words, counted};
use crate::scoring::lanes::{Dates, Lanes, Names, Row, Rule, Terms};
use crate::scoring::model::{Channel, Section, length};
use crate::scoring::moment::Moment;
use crate::scoring::stage::Stage;

pub(super) struct Neglect;

impl Rule for Neglect {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        if episode.state != State::Idle || is_no_neglect_yet(moment) {
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
        Some(Demand { content: Content::Kind("check_in"), route, pass: Pass::Nothing })
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

    fn names(&self) -> Names {
        Names {
            what: ["the check-in", "ご様子伺い"],
            why: ["nobody has been in touch for too long", "しばらく連絡できていません"],
        }
    }

    fn words(&self, moment: &Moment<'_>, episode: &Episode, say: &Say<'_>) -> Words {
        let (en, ja, act, by) = (say.en(), say.ja(), say.act(), say.by_ja());
        if episode.acted.unanswered_since_ms.is_some() {
            return [
                format!(
                    "{en} got in touch, and no answer is on record: {act}, apologise for the wait first, then help."
                ),
                format!(
                    "{ja}からご連絡をいただきましたが、対応の記録がありません。{by}、まずお待たせしたことをお詫びし、ご用件を伺ってください。"
                ),
            ];
        }
        let days = moment.days_since(moment.last_contact());
        let points = moment.readiness() as u32;
        let [warm_en, warm_ja] = if is_warm(moment, moment.model.lanes.neglect.warm_from) {
            [
                format!(", though interest is still there ({points} of 100 points)"),
                format!("（ご関心は100点満点中{points}点）"),
            ]
        } else {
            Words::default()
        };
        [
            format!(
                "There has been no contact with {en} for {}{warm_en}: {act} and ask first how things are.",
                counted(days, "day")
            ),
            format!("{ja}とのご連絡が{days}日間途絶えています{warm_ja}。{by}、まずご様子を伺ってください。"),
        ]
    }

    fn row(&self, lanes: &Lanes) -> Row {
        let lane = &lanes.neglect;
        let tiers = [lane.ready_ms, lane.warm_ms, lane.prospect_ms, lane.customer_ms, lane.fan_ms].map(length);
        let [ready, warm, prospect, customer, fan] = tiers;
        let more = format!("ready {ready} warm {warm} prospect {prospect} customer {customer} fan {fan}");
        Row::new(lane.due_ms, lane.expires_ms, more)
    }
}

/// What the model file tells the lane.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    due_ms: i64,
    expires_ms: i64,
    /// Tier of leads at or above their on-threshold.
    ready_ms: i64,
    /// Tier of leads with readiness of at least `warm_from`.
    warm_ms: i64,
    warm_from: f64,
    /// The tiers above need an inbound event within this.
    warm_within_ms: i64,
    prospect_ms: i64,
    /// New and repeat customers.
    customer_ms: i64,
    fan_ms: i64,
    again_ms: i64,
    quiet_after_ready_ms: i64,
}

impl Numbers {
    pub(super) fn read(section: &Section<'_>) -> Numbers {
        section.number("loss_two_years", 0.0..=1.0); // for people: the share of customers lost without contact
        Numbers {
            due_ms: section.duration_ms("due"),
            expires_ms: section.duration_ms("expires"),
            ready_ms: section.duration_ms("ready"),
            warm_ms: section.duration_ms("warm"),
            warm_from: section.number("warm_from", 0.0..=100.0),
            warm_within_ms: section.duration_ms("warm_within"),
            prospect_ms: section.duration_ms("prospect"),
            customer_ms: section.duration_ms("customer"),
            fan_ms: section.duration_ms("fan"),
            again_ms: section.duration_ms("again"),
            quiet_after_ready_ms: section.duration_ms("quiet_after_ready"),
        }
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
        let quiet_ms = episode.ready.as_ref().map_or(i64::MIN, |ready| ready.as_of_ms + rules.quiet_after_ready_ms);
        let after = |alone_ms: i64| (last_contact_ms + alone_ms).max(again_ms);
        Some(Tiers {
            unanswered_ms: episode.acted.unanswered_since_ms.map(|_| after(rules.ready_ms)),
            ready_ms: Some(after(rules.ready_ms).max(quiet_ms)),
            warm_ms: Some(after(rules.warm_ms).max(quiet_ms)),
            stage_ms: alone_by_stage(moment).map(|alone_ms| after(alone_ms).max(quiet_ms)),
        })
    }
}

/// The last contact is so recent that no tier can have come of age.
fn is_no_neglect_yet(moment: &Moment<'_>) -> bool {
    let rules = &moment.model.lanes.neglect;
    let tiers_ms = [rules.ready_ms, rules.warm_ms, rules.prospect_ms, rules.customer_ms, rules.fan_ms];
    let shortest_ms = tiers_ms.into_iter().fold(i64::MAX, i64::min);
    moment.last_contact().is_none_or(|at_ms| moment.now_ms < at_ms.saturating_add(shortest_ms))
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
    moment.inbound_within(moment.model.lanes.neglect.warm_within_ms) && moment.reaches(from)
}

#[cfg(test)]
mod tests {
    use crate::scoring::lanes::tests::check;

    #[test]
    fn a_prospect_that_asked_for_something_after_thirty_days() {
        check(
            "
            10:00 profile.attributes_changed attr.company=ACME attr.name=田中
            10:01 web.download
            +2591999999ms (clock)
            +1ms (clock)
                => READY neglect L1 at=05-01T10:01 channel=person content=check_in
                en There has been no contact with 田中 (ACME) for 30 days: call and ask first how things are.
                ja ACME 田中様とのご連絡が30日間途絶えています。お電話で、まずご様子を伺ってください。
            +89d (clock)
                => WITHDRAWN neglect expired L1 at=05-15T10:01
            ",
        );
    }

    #[test]
    fn not_one_that_nobody_knows_or_that_only_looked() {
        check(
            "
            10:00 web.download
            10:01 profile.attributes_changed attr.company=ACME lead=L2
            10:02 web.page_view page_class=pricing lead=L2
            +70d (clock)
            ",
        );
    }

    #[test]
    fn a_warm_one_after_two_weeks() {
        check(
            "
            10:00 profile.attributes_changed attr.company=ACME attr.name=田中
            10:01 contact.meeting
            10:02 contact.demo
            +1209599999ms (clock)
            +1ms (clock)
                => READY neglect L1 at=04-15T10:02 channel=person content=check_in
                en There has been no contact with 田中 (ACME) for 14 days, though interest is still there (23 of 100 points): call and ask first how things are.
                ja ACME 田中様とのご連絡が14日間途絶えています（ご関心は100点満点中23点）。お電話で、まずご様子を伺ってください。
            ",
        );
    }

    #[test]
    fn a_customer_after_sixty_days_by_mail() {
        check(
            "
            10:00 profile.consent_granted channel=mail purpose=marketing
            10:01 commerce.purchase
            +59d 10:01 (clock)
            +1d (clock)
                => READY neglect L1 at=05-31T10:01 channel=mail content=check_in
            ",
        );
    }

    #[test]
    fn an_inquiry_that_nobody_answered_after_three_days() {
        check(
            "
            10:00 profile.attributes_changed attr.company=ACME attr.name=田中
            10:01 web.form_submit form_purpose=inquiry
                => READY instant L1 at=04-01T10:01 channel=person content=answer
            +10d (clock)
                => ESCALATED breach L1 at=04-01T11:01
                => ESCALATED abandoned L1 at=04-02T10:01
                => WITHDRAWN instant expired L1 at=04-04T10:01
                => READY neglect L1 at=04-07T10:01 channel=person content=check_in
                en 田中 (ACME) got in touch, and no answer is on record: call, apologise for the wait first, then help.
                ja ACME 田中様からご連絡をいただきましたが、対応の記録がありません。お電話で、まずお待たせしたことをお詫びし、ご用件を伺ってください。
            ",
        );
    }

    #[test]
    fn contact_of_whatever_kind_begins_the_days_again() {
        check(
            "
            10:00 profile.attributes_changed attr.company=ACME
            10:01 web.download
            +29d mail.sent purpose=transactional
            +29d (clock)
            +1d (clock)
                => READY neglect L1 at=05-30T10:01 channel=person content=check_in
            ",
        );
    }

    #[test]
    fn never_one_that_is_dormant() {
        check(
            "
            10:00 profile.attributes_changed attr.company=ACME
            10:01 web.download
            10:02 contact.call_refused
            +200d profile.consent_granted channel=person purpose=marketing
            +90d (clock)
            ",
        );
    }
}
