//! The month of a customer's birth, and that of the first purchase: the bare minimum of attention.

use crate::scoring::decision::Content;
use crate::scoring::episode::{Episode, State};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::headline::{Say, Words, counted, listed};
use crate::scoring::lanes::{Dates, Lanes, Names, Row, Rule, Terms};
use crate::scoring::model::{Channel, Section, length, parse_minute};
use crate::scoring::moment::Moment;
use crate::scoring::months::Month;

pub(super) struct Anniversary;

impl Rule for Anniversary {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        if episode.state != State::Idle {
            return None;
        }
        let (this, occasions) = now(moment, episode)?;
        let fires = moment.now_ms >= this.begin_ms && occasions.any();
        fires.then_some(Demand { content: Content::Kind("perk"), route: Route::MailFirst, pass: Pass::Nothing })
    }

    fn dates(&self, moment: &Moment<'_>, episode: &Episode, dates: &mut Dates) {
        let Some(customer) = Customer::of(moment) else { return };
        let Some(this) = this_month(moment) else { return };
        let ahead = (0..=12).filter(|months| customer.celebrates_in(1 + (this.number - 1 + months) % 12));
        let ahead = ahead.filter_map(|months| Month::of(moment.now_ms, moment.model, months.into()));
        let next = ahead.filter(|month| month.begin_ms > moment.now_ms);
        dates.add(next.filter(|month| customer.occasions(episode, month).any()).map(|month| month.begin_ms).next());
    }

    /// Where both months are one, one READY is for both.
    fn acted(&self, moment: &Moment<'_>, episode: &mut Episode, _: Content, _: Channel) {
        let Some((this, occasions)) = now(moment, episode) else { return };
        if occasions.birth {
            episode.acted.birth_year = Some(this.year);
        }
        if occasions.first_purchase {
            episode.acted.first_purchase_year = Some(this.year);
        }
    }

    fn terms(&self, moment: &Moment<'_>) -> Terms {
        let due_ms = moment.now_ms + moment.model.lanes.anniversary.due_ms;
        Terms { due_ms, expires_ms: this_month(moment).map_or(due_ms, |month| month.end_ms) }
    }

    fn names(&self) -> Names {
        Names {
            what: ["the anniversary greeting", "記念月のご連絡"],
            why: ["an occasion to say thank you", "お祝いの時期です"],
        }
    }

    fn words(&self, moment: &Moment<'_>, episode: &Episode, say: &Say<'_>) -> Words {
        let (en, ja, act, by) = (say.en(), say.ja(), say.act(), say.by_ja());
        let occasions = now(moment, episode).map(|(_, occasions)| occasions);
        let birth = occasions.filter(|now| now.birth).map(|_| ["has a birthday this month".into(), "お誕生月".into()]);
        let first_purchase = occasions.filter(|now| now.first_purchase).map(|now| {
            let years = now.customer_years;
            [
                format!("first bought {} ago this month", counted(i64::from(years), "year")),
                format!("初回ご購入から{years}年の節目"),
            ]
        });
        let [what_en, what_ja] = listed(&birth.into_iter().chain(first_purchase).collect::<Vec<Words>>());
        [
            format!("{en} {what_en}: {act}, say thanks first, and offer a small perk."),
            format!("今月は{ja}の{what_ja}です。{by}、まず日頃のお礼をお伝えし、特典をご案内ください。"),
        ]
    }

    fn row(&self, lanes: &Lanes) -> Row {
        let lane = &lanes.anniversary;
        let (hour, minute) = (lane.at_minute / 60, lane.at_minute % 60);
        let more = format!("on the first of the month, {hour:02}:{minute:02}");
        Row { due: length(lane.due_ms), expires: "month".into(), more }
    }
}

/// What the model file tells the lane.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    due_ms: i64,
    /// Minute of the first day of the month, local.
    pub(crate) at_minute: u16,
}

impl Numbers {
    pub(super) fn read(section: &Section<'_>) -> Numbers {
        Numbers {
            due_ms: section.duration_ms("due"),
            at_minute: section.parsed("at", "a time of day such as \"09:00\"", 0, parse_minute),
        }
    }
}

/// This month, and what there is to celebrate in it.
fn now(moment: &Moment<'_>, episode: &Episode) -> Option<(Month, Occasions)> {
    let (customer, this) = (Customer::of(moment)?, this_month(moment)?);
    let occasions = customer.occasions(episode, &this);
    Some((this, occasions))
}

fn this_month(moment: &Moment<'_>) -> Option<Month> {
    Month::of(moment.now_ms, moment.model, 0)
}

/// What a customer's months are. Who never bought, or gave everything back, is none.
struct Customer {
    birth_month: Option<u8>,
    first_purchase: Month,
}

/// What there is to celebrate in a month and was not yet.
#[derive(Debug, Clone, Copy)]
struct Occasions {
    birth: bool,
    first_purchase: bool,
    /// Years since the first purchase, by the calendar.
    customer_years: i16,
}

impl Occasions {
    fn any(self) -> bool {
        self.birth || self.first_purchase
    }
}

impl Customer {
    fn of(moment: &Moment<'_>) -> Option<Customer> {
        let first_day = *moment.purchase_days().first()?;
        let birth_month = moment.facts.attribute("birth_month").and_then(|text| text.parse().ok());
        Some(Customer { birth_month, first_purchase: Month::of_day(first_day, moment.model)? })
    }

    /// Whether there can be anything to celebrate in a month of that number.
    fn celebrates_in(&self, number: u8) -> bool {
        self.birth_month == Some(number) || self.first_purchase.number == number
    }

    fn occasions(&self, episode: &Episode, month: &Month) -> Occasions {
        let customer_years = month.year - self.first_purchase.year;
        Occasions {
            birth: self.birth_month == Some(month.number) && episode.acted.birth_year != Some(month.year),
            first_purchase: self.first_purchase.number == month.number
                && customer_years > 0
                && episode.acted.first_purchase_year != Some(month.year),
            customer_years,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::scoring::lanes::tests::check;

    #[test]
    fn the_month_of_the_first_purchase_from_the_next_year_on() {
        check(
            "
            10:00 profile.consent_granted channel=mail purpose=marketing
            10:01 profile.attributes_changed attr.company=ACME attr.name=田中
            10:02 commerce.purchase
            2026-10-01 10:00 commerce.purchase
                => READY neglect L1 at=05-31T10:02 channel=mail content=check_in
                => WITHDRAWN neglect expired L1 at=06-14T10:02
                => READY neglect L1 at=08-29T10:02 channel=mail content=check_in
                => WITHDRAWN neglect expired L1 at=09-12T10:02
                => READY reengage L1 at=10-01T10:00 channel=person content=news
            2027-04-01 08:59 (clock)
                => WITHDRAWN reengage expired L1 at=10-08T10:00
                => READY timeline L1 at=10-15T09:00 channel=person content=date
                => WITHDRAWN timeline expired L1 at=10-22T09:00
                => READY neglect L1 at=11-30T10:00 channel=mail content=check_in
                => WITHDRAWN neglect expired L1 at=12-14T10:00
                => READY neglect L1 at=02-28T10:00 channel=mail content=check_in
                => WITHDRAWN neglect expired L1 at=03-14T10:00
            09:00 (clock)
                => READY anniversary L1 at=04-01T09:00 channel=mail content=perk
                en 田中 (ACME) first bought 1 year ago this month: write, say thanks first, and offer a small perk.
                ja 今月はACME 田中様の初回ご購入から1年の節目です。メールで、まず日頃のお礼をお伝えし、特典をご案内ください。
            2027-05-01 00:00 (clock)
                => WITHDRAWN anniversary expired L1 at=05-01T00:00
            ",
        );
    }

    #[test]
    fn the_month_of_birth_at_nine_on_its_first() {
        check(
            "
            10:00 profile.consent_granted channel=mail purpose=marketing
            10:01 profile.attributes_changed attr.company=ACME attr.name=田中 attr.birth_month=5
            10:02 commerce.purchase
            2026-05-01 08:59 (clock)
            +59999ms (clock)
            +1ms (clock)
                => READY anniversary L1 at=05-01T09:00 channel=mail content=perk
                en 田中 (ACME) has a birthday this month: write, say thanks first, and offer a small perk.
                ja 今月はACME 田中様のお誕生月です。メールで、まず日頃のお礼をお伝えし、特典をご案内ください。
            2026-06-01 00:00 (clock)
                => WITHDRAWN anniversary expired L1 at=06-01T00:00
            ",
        );
    }

    #[test]
    fn nobody_but_customers() {
        check(
            "
            10:00 profile.attributes_changed attr.company=ACME attr.birth_month=5
            10:01 commerce.purchase order_id=o1
            10:02 commerce.refund order_id=o1
            2026-05-20 10:00 (clock)
            ",
        );
    }

    #[test]
    fn once_a_year_however_often_the_month_is_corrected() {
        check(
            "
            10:00 profile.consent_granted channel=mail purpose=marketing
            10:01 commerce.purchase
            10:02 profile.attributes_changed attr.birth_month=4
                => READY anniversary L1 at=04-01T10:02 channel=mail content=perk
            10:03 mail.sent purpose=marketing
            +10d profile.attributes_changed attr.birth_month=5
            +1d profile.attributes_changed attr.birth_month=4
            2026-05-20 10:00 (clock)
            ",
        );
    }

    #[test]
    fn both_in_one_month_are_one_greeting_and_by_mail_where_that_is_open() {
        check(
            "
            10:00 profile.consent_granted channel=mail purpose=marketing
            10:01 profile.attributes_changed attr.company=ACME attr.name=田中 attr.birth_month=4
            10:02 commerce.purchase occurred=-365d
                => READY anniversary L1 at=04-01T10:02 channel=mail content=perk
                en 田中 (ACME) has a birthday this month and first bought 1 year ago this month: write, say thanks first, and offer a small perk.
                ja 今月はACME 田中様のお誕生月、初回ご購入から1年の節目です。メールで、まず日頃のお礼をお伝えし、特典をご案内ください。
            +12h (clock)
            ",
        );
    }
}
