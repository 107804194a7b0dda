//! One evaluation: what time has ended, the strongest lane that fires, and whether an open READY still stands.

use crate::scoring::decision::{Reason, Snapshot};
use crate::scoring::episode::{CoolingCause, Episode, Published, State};
use crate::scoring::gate::Gate;
use crate::scoring::lanes::{Dates, Lane, sequence};
use crate::scoring::lead::Effects;
use crate::scoring::moment::Moment;
use crate::scoring::ready::{self, Trigger};
use crate::scoring::stage::Stage;

/// Decides, and gives the next moment at which something could change by time alone.
pub(crate) fn evaluate(
    moment: &Moment<'_>,
    episode: &mut Episode,
    trigger: Trigger<'_>,
    out: &mut Effects,
) -> Option<i64> {
    end_what_time_ended(moment, episode, trigger, out);
    take_note(moment, episode);
    let opens_ms = match strongest(moment, episode, trigger, out) {
        Outcome::Fired => None,
        Outcome::Waits { opens_ms } => {
            withdraw_what_is_void(moment, episode, trigger, out);
            opens_ms
        }
    };
    publish(moment, episode, out);
    next_date(moment, episode, opens_ms)
}

/// Ends of windows and cool-downs, steps of the service level, expiry.
fn end_what_time_ended(moment: &Moment<'_>, episode: &mut Episode, trigger: Trigger<'_>, out: &mut Effects) {
    match episode.state {
        State::Contacted { until_ms } if until_ms <= moment.now_ms => end_contact(moment, episode),
        State::Cooling { until_ms, .. } if until_ms <= moment.now_ms => episode.state = State::Idle,
        State::Open => {
            ready::escalate(moment, episode, trigger, out);
            expire(moment, episode, trigger, out);
        }
        State::Idle | State::Contacted { .. } | State::Cooling { .. } => {}
    }
}

/// Nobody answered. A sequence goes on with its next step; after anything else there is peace.
fn end_contact(moment: &Moment<'_>, episode: &mut Episode) {
    let goes_on = episode.ready.as_ref().is_some_and(|ready| ready.lane == Lane::Sequence && !ready.last_try);
    if goes_on {
        episode.state = State::Idle;
    } else {
        ready::cool_down(moment, episode);
    }
}

fn expire(moment: &Moment<'_>, episode: &mut Episode, trigger: Trigger<'_>, out: &mut Effects) {
    let Some(open) = episode.open().copied().filter(|open| open.expires_ms <= moment.now_ms) else { return };
    if open.lane == Lane::Instant {
        episode.acted.unanswered_since_ms = Some(open.as_of_ms);
    }
    ready::withdraw(moment, episode, Reason::Expired, trigger, out);
}

/// What an evaluation sees, whatever it decides.
fn take_note(moment: &Moment<'_>, episode: &mut Episode) {
    if let Some(lane) = episode.open().map(|open| open.lane) {
        lane.rule().absorb(moment, episode);
    }
    sequence::start(moment, episode);
    if episode.acted.reengage_ready_ms.is_some() && moment.stage() != Stage::Dormant {
        episode.acted.reengage_ready_ms = None;
    }
}

enum Outcome {
    Fired,
    /// None fired; the first moment at which caps, gaps, stops and pressure would let one.
    Waits {
        opens_ms: Option<i64>,
    },
}

fn strongest(moment: &Moment<'_>, episode: &mut Episode, trigger: Trigger<'_>, out: &mut Effects) -> Outcome {
    let mut opens = Dates::after(moment.now_ms);
    for lane in Lane::ALL {
        let Some(demand) = lane.rule().demand(moment, episode) else { continue };
        match demand.gate(moment) {
            Gate::Open(permission) => {
                ready::open(moment, episode, (lane, demand.content, permission), trigger, out);
                return Outcome::Fired;
            }
            Gate::OpensAt(at_ms) => opens.add(Some(at_ms)),
            Gate::Closed => {}
        }
    }
    Outcome::Waits { opens_ms: opens.next() }
}

fn withdraw_what_is_void(moment: &Moment<'_>, episode: &mut Episode, trigger: Trigger<'_>, out: &mut Effects) {
    let reason = episode.open().and_then(|open| ready::void_because(moment, open));
    if let Some(reason) = reason {
        ready::withdraw(moment, episode, reason, trigger, out);
    }
}

/// A snapshot, when the grade, the stage or the open decision changed.
fn publish(moment: &Moment<'_>, episode: &mut Episode, out: &mut Effects) {
    let open = episode.open().map(|open| open.id);
    let now = Published { grade: moment.grade(), stage: moment.stage(), open };
    if episode.published != Some(now) {
        episode.published = Some(now);
        out.snapshots.push(snapshot(moment, episode));
    }
}

/// The public state of a lead.
pub(crate) fn snapshot(moment: &Moment<'_>, episode: &Episode) -> Snapshot {
    Snapshot {
        lead_id: moment.lead_id.into(),
        account_id: moment.facts.account_id().map(Box::from),
        as_of_ms: moment.now_ms,
        model_name: moment.model.name.clone(),
        model_version: moment.model.version.clone(),
        score: ready::score(moment),
        last_inbound_at_ms: moment.facts.last_inbound_any_ms(),
        last_outbound_at_ms: moment.facts.last_outbound_any_ms(),
        open_decision_id: episode.open().map(|open| open.id),
    }
}

/// The next moment at which something could change by time alone in the state that the episode is in.
fn next_date(moment: &Moment<'_>, episode: &Episode, opens_ms: Option<i64>) -> Option<i64> {
    let mut dates = Dates::after(moment.now_ms);
    match episode.state {
        State::Open => episode.open().into_iter().for_each(|open| ready::dates(moment, open, &mut dates)),
        State::Contacted { until_ms } => dates.add(Some(until_ms)),
        State::Cooling { until_ms, cause } => {
            dates.add(Some(until_ms));
            dates.add(opens_ms.filter(|_| matches!(cause, CoolingCause::Lane(_))));
        }
        State::Idle => {
            dates.add(opens_ms);
            Lane::ALL.into_iter().for_each(|lane| lane.rule().dates(moment, episode, &mut dates));
        }
    }
    dates.next()
}
