//! A series of mails after a download or an exhibition, at least four of them, and one last try by another channel.

use crate::scoring::calendar::DAY_MS;
use crate::scoring::decision::Content;
use crate::scoring::episode::{self, Episode, State};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::lanes::{Dates, Rule, Terms};
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;

pub(super) struct Sequence;

impl Rule for Sequence {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        let running = episode.sequence.filter(|_| episode.state == State::Idle)?;
        let next = next_step(moment, &running);
        let (content, route) = match next {
            Next::Step { number, .. } => (Content::Step(number), Route::Only(Channel::Mail)),
            Next::Last { .. } => (Content::Last, Route::AllBut(Channel::Mail)),
        };
        (moment.now_ms >= next.due_ms()).then_some(Demand { content, route, pass: Pass::Nothing })
    }

    fn dates(&self, moment: &Moment<'_>, episode: &Episode, dates: &mut Dates) {
        if let Some(running) = episode.sequence {
            dates.add(Some(next_step(moment, &running).due_ms()));
            // Readiness may have fallen by then, and the lead be too cold for another mail.
            if mails_sent(moment, &running) >= moment.model.lanes.sequence.cold_steps {
                dates.add(last_due(moment, &running));
            }
        }
    }

    /// With its last offer of one step, or its last try, a sequence ends.
    fn acted(&self, moment: &Moment<'_>, episode: &mut Episode, content: Content, _: Channel) {
        let Some(running) = &mut episode.sequence else { return };
        let Content::Step(number) = content else {
            episode.sequence = None;
            return;
        };
        let offers = if running.step == number { running.offers + 1 } else { 1 };
        (running.step, running.offers) = (number, offers);
        if offers >= moment.model.lanes.sequence.offers_max {
            episode.sequence = None;
        }
    }

    fn terms(&self, moment: &Moment<'_>) -> Terms {
        let rules = &moment.model.lanes.sequence;
        Terms::after(moment.now_ms, rules.due_ms, rules.expires_ms)
    }
}

/// Starts a sequence, at the clock, at a mark that is young enough and not acted on, when none runs; a mark that
/// comes while one runs starts none later.
pub(crate) fn start(moment: &Moment<'_>, episode: &mut Episode) {
    let mark_ms = moment.facts.last_sequence_mark_ms();
    if mark_ms <= episode.acted.sequence_mark_ms {
        return;
    }
    let Some(at_ms) = mark_ms else { return };
    if episode.sequence.is_none() {
        if moment.now_ms - at_ms > moment.model.lanes.sequence.start_within_ms {
            return;
        }
        episode.sequence = Some(episode::Sequence { start_ms: moment.now_ms, mails: 0, step: 0, offers: 0 });
    }
    episode.acted.sequence_mark_ms = mark_ms;
}

/// What a running sequence waits for.
enum Next {
    Step { number: u8, due_ms: i64 },
    Last { due_ms: i64 },
}

impl Next {
    fn due_ms(&self) -> i64 {
        match *self {
            Next::Step { due_ms, .. } | Next::Last { due_ms } => due_ms,
        }
    }
}

fn next_step(moment: &Moment<'_>, running: &episode::Sequence) -> Next {
    let rules = &moment.model.lanes.sequence;
    let mails = mails_sent(moment, running);
    let is_cold = moment.readiness() < rules.cold_below;
    let day = rules.days.get(usize::from(mails)).filter(|_| !(is_cold && mails >= rules.cold_steps));
    match (day, last_due(moment, running)) {
        (Some(&day), _) => Next::Step { number: mails + 1, due_ms: running.start_ms + i64::from(day) * DAY_MS },
        (None, last_due) => Next::Last { due_ms: last_due.unwrap_or(running.start_ms) },
    }
}

/// Mails of the sequence: those counted as they came, or those that Facts still know where a merge brought more.
fn mails_sent(moment: &Moment<'_>, running: &episode::Sequence) -> u8 {
    let known = moment.touches().filter(|touch| touch.channel == Channel::Mail && touch.at_ms >= running.start_ms);
    let known = known.count();
    running.mails.max(known as u8)
}

fn last_due(moment: &Moment<'_>, running: &episode::Sequence) -> Option<i64> {
    let last_mail_ms = moment.last_touch(Channel::Mail).filter(|at_ms| *at_ms >= running.start_ms);
    last_mail_ms.map(|at_ms| at_ms + moment.model.lanes.sequence.last_ms)
}
