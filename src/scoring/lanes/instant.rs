//! A hand-raise: the lead asks, and is answered at once. Passes over everything but a refusal.

use crate::scoring::decision::Content;
use crate::scoring::episode::Episode;
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::lanes::{Lane, Rule, Terms};
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;

pub(super) struct Instant;

impl Rule for Instant {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        if episode.is_open_in(Lane::Instant) {
            return None;
        }
        let asked_on = newest_pending(moment, episode)?;
        let route = Route::Reply(answer_channel(moment, asked_on));
        Some(Demand { content: Content::Answer, route, pass: Pass::All })
    }

    /// A second hand-raise asks for what is open already, on whatever channel.
    fn absorb(&self, moment: &Moment<'_>, episode: &mut Episode) {
        episode.acted.hand_raise_ms = episode.acted.hand_raise_ms.max(moment.last_hand_raise_any());
    }

    fn acted(&self, moment: &Moment<'_>, episode: &mut Episode, _: Content, channel: Channel) {
        episode.acted.hand_raise_before_ms = episode.acted.hand_raise_ms;
        self.absorb(moment, episode);
        episode.acted.instant = Some((moment.now_ms, channel));
        // By a merge a hand-raise may come that is older than the sequence, or one that no event of ours ended it for.
        episode.sequence.take_if(|running| episode.acted.hand_raise_ms >= Some(running.start_ms));
    }

    fn terms(&self, moment: &Moment<'_>) -> Terms {
        let rules = &moment.model.lanes.instant;
        Terms::after(moment.now_ms, rules.due_ms, rules.expires_ms)
    }
}

/// The channel of the newest hand-raise that waits for an answer.
fn newest_pending(moment: &Moment<'_>, episode: &Episode) -> Option<Channel> {
    let rules = &moment.model.lanes.instant;
    let raised = Channel::ALL.into_iter().filter_map(|channel| Some((moment.last_hand_raise(channel)?, channel)));
    raised
        .filter(|&(at_ms, _)| Some(at_ms) > episode.acted.hand_raise_ms && moment.now_ms - at_ms <= rules.fresh_ms)
        .filter(|&(at_ms, channel)| !is_line_of_conversation(moment, episode, at_ms, channel))
        .max_by_key(|&(at_ms, _)| at_ms)
        .map(|(_, channel)| channel)
}

/// Whether a hand-raise only goes on with a conversation: on the channel of the last `instant` READY, shortly after
/// a touch there that followed it.
fn is_line_of_conversation(moment: &Moment<'_>, episode: &Episode, at_ms: i64, channel: Channel) -> bool {
    let Some((since_ms, conversation)) = episode.acted.instant else { return false };
    let within_ms = moment.model.lanes.instant.conversation_ms;
    channel == conversation
        && moment.touches().any(|touch| {
            touch.channel == channel && (since_ms..=at_ms).contains(&touch.at_ms) && at_ms - touch.at_ms <= within_ms
        })
}

/// Where a hand-raise is answered: on its own channel, one of the web by telephone, and who refused calls by mail.
fn answer_channel(moment: &Moment<'_>, asked_on: Channel) -> Channel {
    match asked_on {
        Channel::Mail | Channel::Sns => asked_on,
        Channel::Web | Channel::Person | Channel::Purchase if moment.facts.is_refused() => Channel::Mail,
        Channel::Web | Channel::Person | Channel::Purchase => Channel::Person,
    }
}
