//! What one event does to the episode by itself, before anything is evaluated.

use crate::scoring::decision::Reason;
use crate::scoring::episode::{CoolingCause, Episode, State};
use crate::scoring::event::{
    Body, ChannelSymbol, Commerce, CommerceKind, Contact, ContactKind, Event, Outcome, OutcomeKind, Purpose,
};
use crate::scoring::lanes::Lane;
use crate::scoring::lead::Effects;
use crate::scoring::meaning::Meaning;
use crate::scoring::model::{Channel, Mark};
use crate::scoring::moment::Moment;
use crate::scoring::ready::{self, Trigger};
use crate::scoring::stage::Stage;

/// An event that was just counted, and the stage of the lead before it.
pub(crate) struct Step<'a> {
    pub(crate) event: &'a Event<'a>,
    pub(crate) meaning: Meaning<'a>,
    pub(crate) stage_before: Stage,
    pub(crate) trigger: Trigger<'a>,
}

impl Step<'_> {
    pub(crate) fn apply(&self, moment: &Moment<'_>, episode: &mut Episode, out: &mut Effects) {
        self.note_signal(moment, episode);
        self.follow_sequence(episode);
        self.answer_of_lead(moment, episode);
        self.touch(moment, episode);
        match &self.event.body {
            Body::Contact(Contact { kind: ContactKind::Complaint, .. }) => self.complaint(episode),
            Body::Commerce(commerce) => self.commerce(commerce, moment, episode, out),
            Body::Outcome(outcome) => self.outcome(outcome, moment, episode, out),
            Body::Web(_) | Body::Mail(_) | Body::Sns(_) | Body::Contact(_) | Body::Profile(_) => {}
        }
    }

    /// A fresh signal arms the score lane again, some time after its last READY, and brings a dormant lead back.
    fn note_signal(&self, moment: &Moment<'_>, episode: &mut Episode) {
        if !self.meaning.is_signal() {
            return;
        }
        let again_ms = moment.model.lanes.score.again_ms;
        let is_due = episode.acted.score_ready_ms.is_none_or(|last_ms| moment.now_ms - last_ms >= again_ms);
        if is_due && matches!(episode.state, State::Idle | State::Cooling { .. }) {
            episode.disarmed = false;
        }
        if self.stage_before == Stage::Dormant {
            episode.acted.return_ms = episode.acted.return_ms.max(Some(self.event.occurred_at_ms));
        }
    }

    /// A sequence counts its mails, and ends when the lead answers, asks or buys.
    fn follow_sequence(&self, episode: &mut Episode) {
        let Some(running) = &mut episode.sequence else { return };
        if self.meaning.touch() == Some(Channel::Mail) && self.event.occurred_at_ms >= running.start_ms {
            running.mails = running.mails.saturating_add(1);
        }
        if self.meaning.has(Mark::Answer) || self.meaning.has(Mark::HandRaise) || self.is_purchase() {
            episode.sequence = None;
        }
    }

    /// Who was contacted and then does something has answered.
    fn answer_of_lead(&self, moment: &Moment<'_>, episode: &mut Episode) {
        if self.meaning.is_signal() && matches!(episode.state, State::Contacted { .. }) {
            ready::cool_down(moment, episode);
        }
    }

    /// We contacted the lead: that acts on the open READY, if it did not happen before it.
    fn touch(&self, moment: &Moment<'_>, episode: &mut Episode) {
        let Some(channel) = self.meaning.touch() else { return };
        let at_ms = self.event.occurred_at_ms;
        let answers = self.would_answer(channel);
        if answers && episode.acted.unanswered_since_ms.is_some_and(|since_ms| at_ms >= since_ms) {
            episode.acted.unanswered_since_ms = None;
        }
        let is_acted_on = |lane| lane != Lane::Instant || answers;
        if episode.open().is_some_and(|open| at_ms >= open.as_of_ms && is_acted_on(open.lane)) {
            contacted(moment, episode, at_ms, channel);
        }
    }

    /// Whether a touch answers a hand-raise: a campaign mail does not.
    fn would_answer(&self, channel: Channel) -> bool {
        match &self.event.body {
            Body::Mail(mail) if channel == Channel::Mail => mail.purpose == Purpose::Reply,
            _ => matches!(channel, Channel::Person | Channel::Sns),
        }
    }

    /// The complaint of a fan waits for its READY.
    fn complaint(&self, episode: &mut Episode) {
        if self.stage_before == Stage::Fan {
            episode.acted.complaint_ms = episode.acted.complaint_ms.max(Some(self.event.occurred_at_ms));
        }
    }

    fn is_purchase(&self) -> bool {
        matches!(&self.event.body, Body::Commerce(commerce) if commerce.kind == CommerceKind::Purchase)
    }

    fn commerce(&self, commerce: &Commerce<'_>, moment: &Moment<'_>, episode: &mut Episode, out: &mut Effects) {
        let sells = |lane| !matches!(lane, Lane::FanAtRisk | Lane::Anniversary);
        match commerce.kind {
            CommerceKind::Purchase if episode.open().is_some_and(|open| sells(open.lane)) => {
                ready::withdraw(moment, episode, Reason::Purchased, self.trigger, out);
            }
            CommerceKind::DealLost => self.lost(moment, episode, out),
            _ => {}
        }
    }

    fn lost(&self, moment: &Moment<'_>, episode: &mut Episode, out: &mut Effects) {
        ready::withdraw(moment, episode, Reason::Expired, self.trigger, out);
        ready::cool_down_for(moment, episode, moment.model.lanes.lost_cooldown_ms, CoolingCause::Verdict);
    }

    /// What sales did with the newest READY; a word about another one changes nothing.
    fn outcome(&self, outcome: &Outcome<'_>, moment: &Moment<'_>, episode: &mut Episode, out: &mut Effects) {
        let Some(ready) = episode.ready.as_deref().copied().filter(|ready| ready.id.is(&outcome.decision_id)) else {
            return;
        };
        let lanes = &moment.model.lanes;
        let is_running = matches!(episode.state, State::Open | State::Contacted { .. });
        match outcome.kind {
            OutcomeKind::Accepted if episode.state == State::Open => {
                episode.ready.iter_mut().for_each(|ready| ready.accepted = true);
            }
            OutcomeKind::Contacted if episode.state == State::Open => {
                let channel = outreach(outcome.channel).unwrap_or(ready.channel);
                contacted(moment, episode, self.event.occurred_at_ms, channel);
            }
            OutcomeKind::Rejected if is_running => {
                ready::cool_down_for(moment, episode, lanes.rejected_cooldown_ms, CoolingCause::Verdict);
            }
            OutcomeKind::Ignored | OutcomeKind::Responded | OutcomeKind::MeetingSet if is_running => {
                ready::cool_down(moment, episode);
            }
            OutcomeKind::Won => {
                ready::withdraw(moment, episode, Reason::Purchased, self.trigger, out);
                ready::cool_down_for(moment, episode, lanes.cooldown_ms, CoolingCause::Verdict);
            }
            OutcomeKind::Lost => self.lost(moment, episode, out),
            _ => {}
        }
    }
}

/// We were in touch; the lead has the channel's window to answer.
fn contacted(moment: &Moment<'_>, episode: &mut Episode, at_ms: i64, channel: Channel) {
    let window_ms = moment.model.channels[channel].outreach.as_ref().map_or(0, |outreach| outreach.answer_window_ms);
    episode.state = State::Contacted { until_ms: at_ms + window_ms };
}

/// The channel that an outcome names, where it is one to contact leads on.
fn outreach(channel: ChannelSymbol) -> Option<Channel> {
    match channel {
        ChannelSymbol::Mail => Some(Channel::Mail),
        ChannelSymbol::Sns => Some(Channel::Sns),
        ChannelSymbol::Person => Some(Channel::Person),
        ChannelSymbol::Web | ChannelSymbol::Purchase | ChannelSymbol::Unknown => None,
    }
}
