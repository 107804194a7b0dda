//! A date of the lead arrives: the day it means to decide by, the hurdle after a second purchase, a cart left behind.

use crate::scoring::calendar::{DAY_MS, day_begin_ms};
use crate::scoring::decision::Content;
use crate::scoring::episode::{Episode, State};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::lanes::{Dates, Rule, Terms};
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;

/// Dates begin at nine.
const MORNING_MS: i64 = 9 * 3_600_000;

pub(super) struct Timeline;

impl Rule for Timeline {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        let arrived = [bant(moment, episode), hurdle(moment, episode), cart(moment, episode)];
        let fires = episode.state == State::Idle && arrived.iter().flatten().any(|span| span.holds(moment.now_ms));
        fires.then_some(Demand { content: Content::Date, route: Route::Best, pass: Pass::Nothing })
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
}

/// While a date holds, ms since the epoch; the end is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) begin_ms: i64,
    pub(crate) end_ms: i64,
}

impl Span {
    pub(crate) fn holds(self, at_ms: i64) -> bool {
        (self.begin_ms..self.end_ms).contains(&at_ms)
    }
}

/// The days before the lead's own date of decision.
pub(crate) fn bant(moment: &Moment<'_>, episode: &Episode) -> Option<Span> {
    let day = moment.facts.bant_timeline_day().filter(|day| Some(*day) != episode.acted.bant_day)?;
    let midnight_ms = day_begin_ms(day, moment.model.utc_offset_ms);
    let begin_ms = midnight_ms + MORNING_MS - moment.model.lanes.timeline.bant_lead_time_ms;
    Some(Span { begin_ms, end_ms: midnight_ms + DAY_MS })
}

/// Two weeks after the second purchase: help it to the third.
pub(crate) fn hurdle(moment: &Moment<'_>, episode: &Episode) -> Option<Span> {
    let rules = &moment.model.lanes.timeline;
    let day = second_purchase_day(moment).filter(|day| Some(*day) != episode.acted.hurdle_day)?;
    let begin_ms = day_begin_ms(day, moment.model.utc_offset_ms) + MORNING_MS + rules.hurdle_ms;
    Some(Span { begin_ms, end_ms: begin_ms + rules.holds_ms })
}

/// A cart left behind, and nothing bought since.
pub(crate) fn cart(moment: &Moment<'_>, episode: &Episode) -> Option<Span> {
    let rules = &moment.model.lanes.timeline;
    let left_ms = moment.facts.last_cart_mark_ms().filter(|left_ms| Some(*left_ms) != episode.acted.cart_ms)?;
    let begin_ms = left_ms + rules.cart_ms;
    let bought_since = moment.facts.last_purchase_ms() > Some(left_ms);
    (!bought_since).then_some(Span { begin_ms, end_ms: begin_ms + rules.holds_ms })
}

fn second_purchase_day(moment: &Moment<'_>) -> Option<i32> {
    moment.purchase_days().get(1).copied()
}
