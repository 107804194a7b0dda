//! A date of the lead arrives: the day it means to decide by, the hurdle after a second purchase, a cart left behind.

use crate::scoring::calendar::{DAY_MS, day_begin_ms};
use crate::scoring::decision::Content;
use crate::scoring::episode::{Episode, State};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::headline::{Say, Words, counted, listed, month_day};
use crate::scoring::lanes::{Dates, Lanes, Names, Row, Rule, Terms};
use crate::scoring::model::{Channel, Section, length};
use crate::scoring::moment::Moment;
use crate::scoring::months::MonthDay;

/// Dates begin at nine.
const MORNING_MS: i64 = 9 * 3_600_000;

pub(super) struct Timeline;

impl Rule for Timeline {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        let has_come = |span: Option<Span>| span.is_some_and(|span| span.holds(moment.now_ms));
        let fires = episode.state == State::Idle
            && (has_come(bant(moment, episode))
                || has_come(hurdle(moment, episode))
                || has_come(cart(moment, episode)));
        fires.then_some(Demand { content: Content::Kind("date"), route: Route::Best, pass: Pass::Nothing })
    }

    fn dates(&self, moment: &Moment<'_>, episode: &Episode, dates: &mut Dates) {
        for span in [bant(moment, episode), hurdle(moment, episode), cart(moment, episode)] {
            dates.add(span.map(|span| span.begin_ms));
        }
    }

    /// All that have arrived go into one READY.
    fn acted(&self, moment: &Moment<'_>, episode: &mut Episode, _: Content, _: Channel) {
        let holds = |span: Option<Span>| span.is_some_and(|span| span.holds(moment.now_ms));
        let (bant, hurdle, cart) =
            (holds(bant(moment, episode)), holds(hurdle(moment, episode)), holds(cart(moment, episode)));
        if bant {
            episode.acted.bant_day = moment.facts.bant_timeline_day();
        }
        if hurdle {
            episode.acted.hurdle_day = second_purchase_day(moment);
        }
        if cart {
            episode.acted.cart_ms = moment.facts.last_cart_mark_ms();
        }
    }

    fn terms(&self, moment: &Moment<'_>) -> Terms {
        let rules = &moment.model.lanes.timeline;
        Terms::after(moment.now_ms, rules.due_ms, rules.expires_ms)
    }

    fn names(&self) -> Names {
        Names {
            what: ["the reminder", "期日のご連絡"],
            why: ["a date of theirs arrives", "先方の予定日が近づきました"],
        }
    }

    fn words(&self, moment: &Moment<'_>, episode: &Episode, say: &Say<'_>) -> Words {
        let (en, ja, act, by) = (say.en(), say.ja(), say.act(), say.by_ja());
        let arrived = arrived(moment, episode);
        let whats: Vec<Words> = arrived.iter().map(|(what, _)| what.clone()).collect();
        let [what_en, what_ja] = listed(&whats);
        let [first_en, first_ja] = arrived.first().map_or(["how you can help", "お困りの点"], |(_, first)| *first);
        [
            format!("{en} {what_en}: {act} and ask {first_en}."),
            format!("{ja}にご連絡する時期です（{what_ja}）。{by}、まず{first_ja}を伺ってください。"),
        ]
    }

    fn row(&self, lanes: &Lanes) -> Row {
        let lane = &lanes.timeline;
        let [bant, hurdle, cart] = [lane.bant_lead_time_ms, lane.hurdle_ms, lane.cart_ms].map(length);
        Row::new(lane.due_ms, lane.expires_ms, format!("{bant} before the date, hurdle {hurdle}, cart {cart}"))
    }
}

/// What the model file tells the lane.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    due_ms: i64,
    expires_ms: i64,
    /// So long before the lead's own date.
    bant_lead_time_ms: i64,
    /// So long after the second purchase day.
    hurdle_ms: i64,
    /// So long after a cart was left behind.
    cart_ms: i64,
    /// The hurdle and the cart wait for so long.
    holds_ms: i64,
}

impl Numbers {
    pub(super) fn read(section: &Section<'_>) -> Numbers {
        Numbers {
            due_ms: section.duration_ms("due"),
            expires_ms: section.duration_ms("expires"),
            bant_lead_time_ms: section.duration_ms("bant_lead_time"),
            hurdle_ms: section.duration_ms("hurdle"),
            cart_ms: section.duration_ms("cart"),
            holds_ms: section.duration_ms("holds"),
        }
    }
}

/// The dates that have arrived: what each is, and what to ask first.
fn arrived(moment: &Moment<'_>, episode: &Episode) -> Vec<(Words, [&'static str; 2])> {
    let holds = |span: Option<Span>| span.is_some_and(|span| span.holds(moment.now_ms));
    let mut arrived = Vec::new();
    let decides_on = moment.facts.bant_timeline_day().filter(|_| holds(bant(moment, episode)));
    if let Some([on_en, on_ja]) = decides_on.and_then(MonthDay::of_day).map(month_day) {
        let what = [format!("plans to decide by {on_en}"), format!("{on_ja}までにご決定の予定")];
        arrived.push((what, ["how far along the decision is", "ご検討の進み具合"]));
    }
    if let Some(day) = second_purchase_day(moment).filter(|_| holds(hurdle(moment, episode))) {
        let days = i64::from(moment.model.local_day(moment.now_ms)) - i64::from(day);
        let what = [format!("bought a second time {} ago", counted(days, "day")), format!("2回目のご購入から{days}日")];
        arrived.push((what, ["how the purchase is working out", "ご購入品のご様子"]));
    }
    if holds(cart(moment, episode)) {
        let what = ["left a cart behind".to_owned(), "カートに商品が入ったまま".to_owned()];
        arrived.push((what, ["whether anything is unclear", "ご不明な点"]));
    }
    arrived
}

/// While a date holds, ms since the epoch; the end is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    begin_ms: i64,
    end_ms: i64,
}

impl Span {
    fn holds(self, at_ms: i64) -> bool {
        (self.begin_ms..self.end_ms).contains(&at_ms)
    }
}

/// The days before the lead's own date of decision.
fn bant(moment: &Moment<'_>, episode: &Episode) -> Option<Span> {
    let day = moment.facts.bant_timeline_day().filter(|day| Some(*day) != episode.acted.bant_day)?;
    let midnight_ms = day_begin_ms(day, moment.model.utc_offset_ms);
    let begin_ms = midnight_ms + MORNING_MS - moment.model.lanes.timeline.bant_lead_time_ms;
    Some(Span { begin_ms, end_ms: midnight_ms + DAY_MS })
}

/// Two weeks after the second purchase: help it to the third.
fn hurdle(moment: &Moment<'_>, episode: &Episode) -> Option<Span> {
    let rules = &moment.model.lanes.timeline;
    let day = second_purchase_day(moment).filter(|day| Some(*day) != episode.acted.hurdle_day)?;
    let begin_ms = day_begin_ms(day, moment.model.utc_offset_ms) + MORNING_MS + rules.hurdle_ms;
    Some(Span { begin_ms, end_ms: begin_ms + rules.holds_ms })
}

/// A cart left behind, and nothing bought since.
fn cart(moment: &Moment<'_>, episode: &Episode) -> Option<Span> {
    let rules = &moment.model.lanes.timeline;
    let left_ms = moment.facts.last_cart_mark_ms().filter(|left_ms| Some(*left_ms) != episode.acted.cart_ms)?;
    let begin_ms = left_ms + rules.cart_ms;
    let bought_since = moment.facts.last_purchase_ms() > Some(left_ms);
    (!bought_since).then_some(Span { begin_ms, end_ms: begin_ms + rules.holds_ms })
}

fn second_purchase_day(moment: &Moment<'_>) -> Option<i32> {
    if moment.facts.orders().len() < 2 {
        return None;
    }
    moment.purchase_days().get(1).copied()
}

#[cfg(test)]
mod tests {
    use crate::scoring::lanes::tests::check;

    #[test]
    fn two_weeks_before_the_lead_decides() {
        check(
            "
            10:00 profile.attributes_changed attr.company=ACME attr.name=田中
            10:01 profile.bant_updated bant_timeline=2026-06-30
            2026-06-16 08:59 (clock)
            +59999ms (clock)
            +1ms (clock)
                => READY timeline L1 at=06-16T09:00 channel=person content=date
                en 田中 (ACME) plans to decide by 30 June: call and ask how far along the decision is.
                ja ACME 田中様にご連絡する時期です（6月30日までにご決定の予定）。お電話で、まずご検討の進み具合を伺ってください。
            ",
        );
    }

    #[test]
    fn a_date_that_is_over_and_one_that_ends_today() {
        check(
            "
            10:00 profile.bant_updated bant_timeline=2026-03-31
            10:01 profile.bant_updated bant_timeline=2026-04-01 lead=L2
                => READY timeline L2 at=04-01T10:01 channel=person content=date
            ",
        );
    }

    #[test]
    fn two_weeks_after_the_second_purchase() {
        check(
            "
            10:00 profile.attributes_changed attr.company=ACME attr.name=田中
            10:00 x2 every 1d commerce.purchase
            2026-04-16 08:59 (clock)
            09:00 (clock)
                => READY timeline L1 at=04-16T09:00 channel=person content=date
                en 田中 (ACME) bought a second time 14 days ago: call and ask how the purchase is working out.
                ja ACME 田中様にご連絡する時期です（2回目のご購入から14日）。お電話で、まずご購入品のご様子を伺ってください。
            ",
        );
    }

    #[test]
    fn a_cart_is_asked_about_after_a_day() {
        check(
            "
            10:00 profile.attributes_changed attr.company=ACME attr.name=田中
            10:01 web.cart_abandon
            +86399999ms (clock)
            +1ms (clock)
                => READY timeline L1 at=04-02T10:01 channel=person content=date
                en 田中 (ACME) left a cart behind: call and ask whether anything is unclear.
                ja ACME 田中様にご連絡する時期です（カートに商品が入ったまま）。お電話で、まずご不明な点を伺ってください。
            +10d (clock)
                => WITHDRAWN timeline expired L1 at=04-09T10:01
                en 田中 (ACME): the reminder is not on record within its time, so this task is closed.
                ja ACME 田中様への期日のご連絡は期限内に記録がないため、このご依頼は終了とします。
            ",
        );
    }

    #[test]
    fn not_a_cart_that_was_bought() {
        check(
            "
            10:01 web.cart_abandon
            +1h commerce.purchase
            +3d (clock)
            ",
        );
    }

    #[test]
    fn a_cart_is_asked_about_for_a_week() {
        check(
            "
            10:00 contact.call_refused
            10:01 web.cart_abandon
            +1h contact.call_refused lead=L2
            +1m web.cart_abandon lead=L2
            +7d profile.consent_granted channel=person purpose=marketing lead=L2
                => READY timeline L2 at=04-08T11:02 channel=person content=date
            2026-04-09 10:01 profile.consent_granted channel=person purpose=marketing
            ",
        );
    }

    #[test]
    fn all_that_arrived_go_into_one() {
        check(
            "
            10:00 profile.attributes_changed attr.company=ACME attr.name=田中
            10:00 contact.call_refused
            10:00 x2 every 1d commerce.purchase
            +13d web.cart_abandon
            +1d profile.bant_updated bant_timeline=2026-04-28
            +1d profile.consent_granted channel=person purpose=marketing
                => READY timeline L1 at=04-17T10:00 channel=person content=date
                en 田中 (ACME) plans to decide by 28 April, bought a second time 15 days ago and left a cart behind: call and ask how far along the decision is.
                ja ACME 田中様にご連絡する時期です（4月28日までにご決定の予定、2回目のご購入から15日、カートに商品が入ったまま）。お電話で、まずご検討の進み具合を伺ってください。
            +10d (clock)
                => WITHDRAWN timeline expired L1 at=04-24T10:00
            ",
        );
    }

    #[test]
    fn the_longest_line_fits() {
        check(
            "
            10:00 profile.attributes_changed attr.company=CCCCCCCCCCCCCCCCCCCCCCCC attr.name=NNNNNNNNNNNNNNNNNNNNNNNN
            10:00 contact.call_refused
            2026-08-31 10:00 x2 every 1d commerce.purchase
            2026-09-12 10:00 web.cart_abandon
            +4d profile.bant_updated bant_timeline=2026-09-30
            10:01 profile.consent_granted channel=sns purpose=marketing
                => READY timeline L1 at=09-16T10:01 channel=sns content=date
                en NNNNNNNNNNNNNNNNNNNNNNNN (CCCCCCCCCCCCCCCCCCCCCCCC) plans to decide by 30 September, bought a second time 15 days ago and left a cart behind: send a message and ask how far along the decision is.
                ja CCCCCCCCCCCCCCCCCCCCCCCC NNNNNNNNNNNNNNNNNNNNNNNN様にご連絡する時期です（9月30日までにご決定の予定、2回目のご購入から15日、カートに商品が入ったまま）。SNSで、まずご検討の進み具合を伺ってください。
            ",
        );
    }
}
