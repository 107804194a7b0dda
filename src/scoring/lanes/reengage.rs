//! A dormant lead comes back by itself.

use crate::scoring::decision::Content;
use crate::scoring::episode::{Episode, State};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::headline::{Say, Words};
use crate::scoring::lanes::{Dates, Lanes, Names, Row, Rule, Terms};
use crate::scoring::model::{Channel, Section, length};
use crate::scoring::moment::Moment;

pub(super) struct Reengage;

impl Rule for Reengage {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        let fires = episode.state == State::Idle
            && is_waited_for(moment, episode)
            && allowed_from(moment, episode).is_none_or(|from_ms| moment.now_ms >= from_ms);
        fires.then_some(Demand { content: Content::Kind("news"), route: Route::Best, pass: Pass::Nothing })
    }

    fn dates(&self, moment: &Moment<'_>, episode: &Episode, dates: &mut Dates) {
        if is_waited_for(moment, episode) {
            dates.add(allowed_from(moment, episode));
        }
    }

    fn absorb(&self, _: &Moment<'_>, episode: &mut Episode) {
        episode.acted.return_ms = None;
    }

    fn acted(&self, moment: &Moment<'_>, episode: &mut Episode, _: Content, _: Channel) {
        episode.acted.return_ms = None;
        episode.acted.reengage_ready_ms = Some(moment.now_ms);
    }

    fn terms(&self, moment: &Moment<'_>) -> Terms {
        let rules = &moment.model.lanes.reengage;
        Terms::after(moment.now_ms, rules.due_ms, rules.expires_ms)
    }

    fn names(&self) -> Names {
        Names {
            what: ["the welcome back", "再開のご連絡"],
            why: ["came back after a long silence", "久しぶりに動きがありました"],
        }
    }

    fn words(&self, _: &Moment<'_>, _: &Episode, say: &Say<'_>) -> Words {
        let (en, ja, act, by) = (say.en(), say.ja(), say.act(), say.by_ja());
        [
            format!(
                "{en} had gone quiet and is active again: {act}, ask what brought them back, and share what is new."
            ),
            format!(
                "しばらく動きのなかった{ja}に、再び動きがありました。{by}、まず最近のご関心を伺い、新しい情報をご案内ください。"
            ),
        ]
    }

    fn row(&self, lanes: &Lanes) -> Row {
        let lane = &lanes.reengage;
        let more = format!("holds {}, again {}", length(lane.holds_ms), length(lane.again_ms));
        Row::new(lane.due_ms, lane.expires_ms, more)
    }
}

/// What the model file tells the lane.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    due_ms: i64,
    expires_ms: i64,
    /// A return waits for so long.
    holds_ms: i64,
    /// From the last READY of the lane to the next, unless the stage was another.
    again_ms: i64,
}

impl Numbers {
    pub(super) fn read(section: &Section<'_>) -> Numbers {
        Numbers {
            due_ms: section.duration_ms("due"),
            expires_ms: section.duration_ms("expires"),
            holds_ms: section.duration_ms("holds"),
            again_ms: section.duration_ms("again"),
        }
    }
}

/// A return that nobody acted on still holds.
fn is_waited_for(moment: &Moment<'_>, episode: &Episode) -> bool {
    let holds_ms = moment.model.lanes.reengage.holds_ms;
    episode.acted.return_ms.is_some_and(|at_ms| moment.now_ms - at_ms <= holds_ms)
}

/// From when on another READY is allowed; none where the stage was another since the last one.
fn allowed_from(moment: &Moment<'_>, episode: &Episode) -> Option<i64> {
    episode.acted.reengage_ready_ms.map(|last_ms| last_ms + moment.model.lanes.reengage.again_ms)
}

#[cfg(test)]
mod tests {
    use crate::scoring::lanes::tests::check;

    #[test]
    fn a_prospect_of_half_a_year_ago() {
        check(
            "
            10:00 profile.attributes_changed attr.company=ACME attr.name=田中
            10:01 web.page_view page_class=pricing
            +15552000000ms web.page_view page_class=home
                => READY reengage L1 at=09-28T10:01 channel=person content=news
                en 田中 (ACME) had gone quiet and is active again: call, ask what brought them back, and share what is new.
                ja しばらく動きのなかったACME 田中様に、再び動きがありました。お電話で、まず最近のご関心を伺い、新しい情報をご案内ください。
            ",
        );
    }

    #[test]
    fn a_millisecond_sooner_it_was_not_gone() {
        check(
            "
            10:01 web.page_view page_class=pricing
            +15551999999ms web.page_view page_class=home
            ",
        );
    }

    #[test]
    fn our_own_mails_and_what_earns_nothing_bring_nobody_back() {
        check(
            "
            10:01 web.page_view page_class=pricing
            +200d mail.sent purpose=marketing
            +1d web.cart_abandon
            +1h profile.attributes_changed attr.company=ACME
            ",
        );
    }

    #[test]
    fn the_return_waits_seven_days_for_a_channel() {
        check(
            "
            10:01 web.page_view page_class=pricing
            10:02 web.page_view page_class=pricing lead=L2
            +200d contact.call_refused
            +1m contact.call_refused lead=L2
            +1h web.page_view page_class=home
            +1ms web.page_view page_class=home lead=L2
            +604799999ms profile.consent_granted channel=person purpose=marketing
                => READY reengage L1 at=10-25T11:03 channel=person content=news
            +2ms profile.consent_granted channel=person purpose=marketing lead=L2
            ",
        );
    }

    #[test]
    fn once_in_ninety_days_for_who_stays_dormant() {
        check(
            "
            10:00 x2 every 1d commerce.purchase
            +600d web.page_view page_class=home
                => READY timeline L1 at=04-16T09:00 channel=person content=date
                => WITHDRAWN timeline expired L1 at=04-23T09:00
                => READY neglect L1 at=04-30T09:00 channel=person content=check_in
                => WITHDRAWN neglect expired L1 at=05-14T09:00
                => READY neglect L1 at=07-29T09:00 channel=person content=check_in
                => WITHDRAWN neglect expired L1 at=08-12T09:00
                => READY anniversary L1 at=04-01T09:00 channel=person content=perk
                => WITHDRAWN anniversary expired L1 at=05-01T00:00
                => READY reengage L1 at=11-23T10:00 channel=person content=news
            +1h contact.call_attempt decision=last
            +85d web.page_view page_class=home
            +10d (clock)
                => READY reengage L1 at=02-21T10:00 channel=person content=news
            ",
        );
    }
}
