//! Readiness crossed the threshold of the lead's stage, on a fresh signal.

use crate::scoring::decision::Content;
use crate::scoring::episode::{CoolingCause, Episode, State};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::lanes::{Lane, Rule, Terms};
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;

pub(super) struct Score;

impl Rule for Score {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        let fires = !episode.disarmed && may_speak(episode.state) && is_ready(moment);
        fires.then_some(Demand { content: Content::Proposal, route: Route::Best, pass: Pass::Nothing })
    }

    fn acted(&self, moment: &Moment<'_>, episode: &mut Episode, _: Content, _: Channel) {
        episode.acted.score_ready_ms = Some(moment.now_ms);
    }

    fn terms(&self, moment: &Moment<'_>) -> Terms {
        let rules = &moment.model.lanes.score;
        Terms::after(moment.now_ms, rules.due_ms, rules.expires_ms)
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
    moment.readiness() >= moment.model.stages.on(moment.stage())
        && moment.inbound_within(rules.inbound_within_ms)
        && (moment.familiarity() >= rules.familiarity_min
            || moment.contact_days(rules.contact_days_window) >= rules.contact_days_min)
}
