//! A dormant lead comes back by itself.

use crate::scoring::decision::Content;
use crate::scoring::episode::{Episode, State};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::lanes::{Dates, Rule, Terms};
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;

pub(super) struct Reengage;

impl Rule for Reengage {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        let fires = episode.state == State::Idle
            && is_waited_for(moment, episode)
            && allowed_from(moment, episode).is_none_or(|from_ms| moment.now_ms >= from_ms);
        fires.then_some(Demand { content: Content::News, route: Route::Best, pass: Pass::Nothing })
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
