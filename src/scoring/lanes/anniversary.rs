//! The month of a customer's birth, and that of the first purchase: the bare minimum of attention.

use crate::scoring::decision::Content;
use crate::scoring::episode::{Episode, State};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::hours::Month;
use crate::scoring::lanes::{Dates, Rule, Terms};
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;

pub(super) struct Anniversary;

impl Rule for Anniversary {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        if episode.state != State::Idle {
            return None;
        }
        let customer = Customer::of(moment)?;
        let this = this_month(moment)?;
        let fires = moment.now_ms >= this.begin_ms && customer.occasions(episode, &this).any();
        fires.then_some(Demand { content: Content::Perk, route: Route::MailFirst, pass: Pass::Nothing })
    }

    fn dates(&self, moment: &Moment<'_>, episode: &Episode, dates: &mut Dates) {
        let Some(customer) = Customer::of(moment) else { return };
        let ahead = (0..=12).filter_map(|months| Month::of(moment.now_ms, moment.model, months));
        let next = ahead.filter(|month| month.begin_ms > moment.now_ms);
        dates.add(next.filter(|month| customer.occasions(episode, month).any()).map(|month| month.begin_ms).next());
    }

    /// Where both months are one, one READY is for both.
    fn acted(&self, moment: &Moment<'_>, episode: &mut Episode, _: Content, _: Channel) {
        let (Some(customer), Some(this)) = (Customer::of(moment), this_month(moment)) else { return };
        let occasions = customer.occasions(episode, &this);
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
pub(crate) struct Occasions {
    pub(crate) birth: bool,
    pub(crate) first_purchase: bool,
    /// Years since the first purchase, by the calendar.
    pub(crate) customer_years: i16,
}

impl Occasions {
    fn any(self) -> bool {
        self.birth || self.first_purchase
    }

    /// Of the month that is, for the text of a READY.
    pub(crate) fn now(moment: &Moment<'_>, episode: &Episode) -> Option<Occasions> {
        Some(Customer::of(moment)?.occasions(episode, &this_month(moment)?))
    }
}

impl Customer {
    fn of(moment: &Moment<'_>) -> Option<Customer> {
        let first_day = *moment.purchase_days().first()?;
        let birth_month = moment.facts.attribute("birth_month").and_then(|text| text.parse().ok());
        Some(Customer { birth_month, first_purchase: Month::of_day(first_day, moment.model)? })
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
