//! Decisions as they go out: a READY with its channel, window and terms, and what is said about it later.

use crate::scoring::before::Before;
use crate::scoring::consent;
use crate::scoring::decision::{
    ContactCount, Content, Contribution, Decision, DecisionId, DecisionType, Permission, Reason, Score, Window,
};
use crate::scoring::episode::{CoolingCause, Episode, Ready, State};
use crate::scoring::event::Event;
use crate::scoring::headline::{self, Later};
use crate::scoring::hours::ContactHours;
use crate::scoring::lanes::{Dates, Lane, Terms, sequence};
use crate::scoring::lead::Effects;
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;

/// What made us look at a lead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trigger<'a> {
    /// None for a timer.
    pub(crate) event_id: Option<&'a str>,
    /// What was counted just now; none for a timer, and where an event tells of another lead or came by a merge.
    pub(crate) event: Option<&'a Event<'a>>,
    /// For what R was at the same clock before it.
    pub(crate) before: &'a Before,
}

/// A READY goes out, and an open one gives way.
pub(crate) fn open(
    moment: &Moment<'_>,
    episode: &mut Episode,
    (lane, content, permission): (Lane, Content, Permission),
    trigger: Trigger<'_>,
    out: &mut Effects,
) {
    if let Some(open) = episode.open().copied() {
        out.decisions.push(about(moment, &open, (DecisionType::Withdrawn, Reason::Superseded), trigger));
    }
    let schedule = Schedule::of(moment, lane, permission.channel);
    episode.number += 1;
    let ready = Ready {
        id: DecisionId::of(moment.lead_id, episode.number, lane),
        lane,
        as_of_ms: moment.now_ms,
        due_ms: schedule.terms.due_ms,
        expires_ms: schedule.terms.expires_ms,
        channel: permission.channel,
        basis: permission.basis,
        accepted: false,
        last_try: content == sequence::LAST,
        breach_ms: schedule.breach_ms,
        abandoned_ms: schedule.abandoned_ms,
    };
    let decision = Decision {
        window: Some(schedule.window),
        content: Some(content),
        consent: Some(permission),
        headline: headline::ready(moment, episode, (lane, content, permission.channel), trigger.event),
        ..statement(moment, &ready, DecisionType::Ready, trigger)
    };
    out.decisions.push(decision);
    lane.rule().acted(moment, episode, content, permission.channel);
    episode.disarmed = true;
    episode.state = State::Open;
    episode.ready = Some(Box::new(ready));
}

/// The open READY, if there is one, is void; peace follows.
pub(crate) fn withdraw(
    moment: &Moment<'_>,
    episode: &mut Episode,
    reason: Reason,
    trigger: Trigger<'_>,
    out: &mut Effects,
) {
    if let Some(open) = episode.open().copied() {
        out.decisions.push(about(moment, &open, (DecisionType::Withdrawn, reason), trigger));
        cool_down(moment, episode);
    }
}

/// Steps of the service level that have passed.
pub(crate) fn escalate(moment: &Moment<'_>, episode: &mut Episode, trigger: Trigger<'_>, out: &mut Effects) {
    let Some(open) = episode.open().copied().filter(|open| !open.accepted) else { return };
    let Some(ready) = &mut episode.ready else { return };
    for (step_ms, reason) in [(&mut ready.breach_ms, Reason::Breach), (&mut ready.abandoned_ms, Reason::Abandoned)] {
        if step_ms.take_if(|at_ms| *at_ms <= moment.now_ms).is_some() {
            out.decisions.push(about(moment, &open, (DecisionType::Escalated, reason), trigger));
        }
    }
}

/// The episode ended in the usual way; its last READY tells for how long there is peace.
pub(crate) fn cool_down(moment: &Moment<'_>, episode: &mut Episode) {
    let lanes = &moment.model.lanes;
    let Some(ready) = &episode.ready else { return };
    let for_ms = if ready.last_try { lanes.sequence.cooldown_ms } else { lanes.cooldown_ms };
    cool_down_for(moment, episode, for_ms, CoolingCause::Lane(ready.lane));
}

pub(crate) fn cool_down_for(moment: &Moment<'_>, episode: &mut Episode, for_ms: i64, cause: CoolingCause) {
    episode.state = State::Cooling { until_ms: moment.now_ms + for_ms, cause };
}

/// When the open READY changes by time alone.
pub(crate) fn dates(moment: &Moment<'_>, ready: &Ready, dates: &mut Dates) {
    dates.add(Some(ready.expires_ms));
    dates.add(consent::grant_end(moment, ready.basis, ready.channel));
    if !ready.accepted {
        dates.add(ready.breach_ms);
        dates.add(ready.abandoned_ms);
    }
}

/// When to contact, by when, and until when.
struct Schedule {
    window: Window,
    terms: Terms,
    breach_ms: Option<i64>,
    abandoned_ms: Option<i64>,
}

impl Schedule {
    fn of(moment: &Moment<'_>, lane: Lane, channel: Channel) -> Schedule {
        let terms = lane.rule().terms(moment);
        let hours = ContactHours::of(moment.model, channel, moment.facts.attribute("time_zone"));
        if lane == Lane::Instant {
            Schedule::at_once(moment, terms, channel, &hours)
        } else {
            Schedule::in_best_hours(moment, terms, &hours)
        }
    }

    /// A hand-raise: from the clock, or by telephone from the next opening.
    fn at_once(moment: &Moment<'_>, terms: Terms, channel: Channel, hours: &ContactHours<'_>) -> Schedule {
        let rules = &moment.model.lanes.instant;
        let now_ms = moment.now_ms;
        let start_ms = if channel == Channel::Person { hours.next_opening(now_ms) } else { now_ms };
        let due_ms = terms.due_ms + (start_ms - now_ms);
        let expires_ms =
            if start_ms > now_ms { terms.expires_ms.max(start_ms + rules.abandoned_ms) } else { terms.expires_ms };
        Schedule {
            window: Window { start_ms, end_ms: start_ms + rules.breach_ms },
            terms: Terms { due_ms, expires_ms: expires_ms.max(due_ms) },
            breach_ms: Some(start_ms + rules.breach_ms),
            abandoned_ms: Some(start_ms + rules.abandoned_ms),
        }
    }

    fn in_best_hours(moment: &Moment<'_>, terms: Terms, hours: &ContactHours<'_>) -> Schedule {
        let window = hours.best_window(&moment.facts.inbound_hours, moment.now_ms);
        let due_ms = terms.due_ms.max(window.end_ms);
        let terms = Terms { due_ms, expires_ms: terms.expires_ms.max(due_ms) };
        Schedule { window, terms, breach_ms: None, abandoned_ms: None }
    }
}

/// A later word about a READY.
fn about(
    moment: &Moment<'_>,
    ready: &Ready,
    (decision_type, reason): (DecisionType, Reason),
    trigger: Trigger<'_>,
) -> Decision {
    Decision {
        reason: Some(reason),
        headline: headline::about(moment, Later { ready, reason, now_ms: moment.now_ms }),
        ..statement(moment, ready, decision_type, trigger)
    }
}

/// What every decision says: which READY, and the lead as it stands.
fn statement(moment: &Moment<'_>, ready: &Ready, decision_type: DecisionType, trigger: Trigger<'_>) -> Decision {
    let (model, facts) = (moment.model, moment.facts);
    Decision {
        decision_id: ready.id,
        decision_type,
        lead_id: moment.lead_id.into(),
        account_id: facts.account_id().map(Box::from),
        lane: ready.lane,
        reason: None,
        as_of_ms: moment.now_ms,
        due_at_ms: ready.due_ms,
        expires_at_ms: ready.expires_ms,
        model_name: model.name.clone(),
        model_version: model.version.clone(),
        score: score(moment),
        readiness_before: trigger.before.readiness(moment),
        contributions: contributions(moment),
        contacts: contacts(moment),
        recommended_channel: ready.channel,
        window: None,
        content: None,
        consent: None,
        owner_id: facts.owner_id().map(Box::from),
        owner_role: facts.owner_role().map(Box::from),
        trigger_event_id: trigger.event_id.map(Box::from),
        headline: headline::Headline::default(),
    }
}

/// The score as it is sent.
pub(crate) fn score(moment: &Moment<'_>) -> Score {
    let read = moment.score();
    Score {
        readiness: read.readiness,
        engagement: read.engagement,
        exposure: read.exposure,
        pressure: read.pressure,
        familiarity: read.familiarity,
        affinity: read.affinity,
        fit: i32::from(read.fit),
        grade: read.grade.to_string().into(),
        stage: read.stage,
        top_topic: read.top_topic_id(moment.model).map(Box::from),
    }
}

pub(crate) fn contributions(moment: &Moment<'_>) -> Vec<Contribution> {
    let lines = moment.facts.explain(moment.model, moment.now_ms);
    lines.into_iter().map(|line| Contribution { points: line.points(), label: line.label }).collect()
}

/// Contact days and touches of every channel.
pub(crate) fn contacts(moment: &Moment<'_>) -> Vec<ContactCount> {
    let today = moment.model.local_day(moment.read_at_ms);
    let count = |channel| ContactCount {
        channel,
        contact_days_90: moment.facts.contact_days(channel, today, 90),
        outbound_7: moment.facts.touches_in(channel, today, 7),
        outbound_30: moment.facts.touches_in(channel, today, 30),
    };
    Channel::ALL.into_iter().map(count).collect()
}

/// Whether what the open READY rests on still stands; else why not.
pub(crate) fn void_because(moment: &Moment<'_>, ready: &Ready) -> Option<Reason> {
    let is_stoppable = !matches!(ready.lane, Lane::Instant | Lane::FanAtRisk);
    if !consent::still_holds(moment, ready.basis, ready.channel) {
        return Some(Reason::ConsentLost);
    }
    if is_stoppable && crate::scoring::limits::stopped_until(moment).is_some() {
        return Some(Reason::Complaint);
    }
    let is_above_off = || moment.reaches(moment.model.stages.off(moment.stage()));
    (ready.lane == Lane::Score && !is_above_off()).then_some(Reason::ScoreFell)
}
