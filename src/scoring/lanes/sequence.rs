//! A series of mails after a download or an exhibition, at least four of them, and one last try by another channel.

use crate::scoring::calendar::DAY_MS;
use crate::scoring::decision::Content;
use crate::scoring::episode::{self, Episode, State};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::headline::{Say, Words, counted};
use crate::scoring::lanes::{Dates, Lanes, Names, Row, Rule, Terms};
use crate::scoring::model::{Channel, DeValue, Section, number};
use crate::scoring::moment::Moment;

pub(super) struct Sequence;

/// The last try, by another channel.
pub(crate) const LAST: Content = Content::Kind("last");

impl Rule for Sequence {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        let running = episode.sequence.filter(|_| episode.state == State::Idle)?;
        let next = next_step(moment, &running);
        let (content, route) = match next {
            Next::Step { number, .. } => (Content::Step(number), Route::Only(Channel::Mail)),
            Next::Last { .. } => (LAST, Route::AllBut(Channel::Mail)),
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

    fn names(&self) -> Names {
        Names {
            what: ["the next step of the series", "次のご案内"],
            why: ["the next step of the follow-up is due", "フォローの次の一手の時期です"],
        }
    }

    fn words(&self, moment: &Moment<'_>, episode: &Episode, say: &Say<'_>) -> Words {
        let (en, ja, act, by) = (say.en(), say.ja(), say.act(), say.by_ja());
        if let Content::Step(step) = say.content {
            return [
                format!(
                    "{en} showed interest, and mail {step} of the series is due: open with something useful, do not sell."
                ),
                format!(
                    "{ja}へのご案内メール（{step}通目）をお送りする時期です。売り込みではなく、まずお役に立つ情報をお届けください。"
                ),
            ];
        }
        let mails = episode.sequence.map_or(0, |running| mails_sent(moment, &running));
        [
            format!(
                "{en} has not answered {}: {act} as a last try and ask whether there is still interest.",
                counted(i64::from(mails), "mail")
            ),
            format!(
                "{ja}にメールを{mails}通お送りしましたが、お返事がありません。最後に一度{by}、引き続きご関心がおありか伺ってください。"
            ),
        ]
    }

    fn row(&self, lanes: &Lanes) -> Row {
        let lane = &lanes.sequence;
        let days: Vec<String> = lane.days.iter().map(ToString::to_string).collect();
        let cold = format!("below R {}: {} steps", number(lane.cold_below), lane.cold_steps);
        Row::new(lane.due_ms, lane.expires_ms, format!("days {}; {cold}", days.join(" ")))
    }
}

/// What the model file tells the lane.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    due_ms: i64,
    expires_ms: i64,
    /// Days after the start on which the steps are due; rising, at least one.
    days: Vec<u16>,
    /// A cold lead gets so many steps; at most as many as there are.
    cold_steps: u8,
    /// Readiness below which a lead is cold.
    cold_below: f64,
    /// With so many offers of one step the sequence ends.
    offers_max: u8,
    /// An older mark starts none.
    start_within_ms: i64,
    /// From the last mail to the last READY.
    last_ms: i64,
    /// Peace after the last try.
    pub(crate) cooldown_ms: i64,
}

impl Numbers {
    pub(super) fn read(section: &Section<'_>) -> Numbers {
        let day = |value: &DeValue<'_>| value.as_integer().and_then(|day| day.as_str().parse::<u16>().ok());
        let days = section.list("days", "rising whole numbers of days", day);
        if days.is_empty() || days.len() > 32 || days.windows(2).any(|pair| pair[0] >= pair[1]) {
            section.wrong("days", "1 to 32 rising whole numbers of days");
        }
        Numbers {
            due_ms: section.duration_ms("due"),
            expires_ms: section.duration_ms("expires"),
            cold_steps: section.integer("cold_steps", 1..=days.len().max(1) as u32),
            days,
            cold_below: section.number("cold_below", 0.0..=100.0),
            offers_max: section.integer("offers_max", 1..=100),
            start_within_ms: section.duration_ms("start_within"),
            last_ms: section.duration_ms("last"),
            cooldown_ms: section.duration_ms("cooldown"),
        }
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
    let is_cold = || !moment.reaches(rules.cold_below);
    let day = rules.days.get(usize::from(mails)).filter(|_| mails < rules.cold_steps || !is_cold());
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

#[cfg(test)]
mod tests {
    use crate::scoring::lanes::tests::check;

    #[test]
    fn a_step_is_due_when_its_day_has_come() {
        check(
            "
            10:00 profile.consent_granted channel=mail purpose=marketing
            10:01 profile.attributes_changed attr.company=ACME attr.name=田中
            10:02 web.download content_kind=white_paper
                => READY sequence L1 at=04-01T10:02 channel=mail content=step_1
                en 田中 (ACME) showed interest, and mail 1 of the series is due: open with something useful, do not sell.
                ja ACME 田中様へのご案内メール（1通目）をお送りする時期です。売り込みではなく、まずお役に立つ情報をお届けください。
            10:02 mail.sent purpose=marketing
            +3d 10:01 (clock)
            +59999ms (clock)
            +1ms (clock)
                => READY sequence L1 at=04-04T10:02 channel=mail content=step_2
            ",
        );
    }

    #[test]
    fn a_mark_of_a_week_ago_begins_one_and_an_older_one_none() {
        check(
            "
            10:00 profile.consent_granted channel=mail purpose=marketing
            10:00 profile.consent_granted channel=mail purpose=marketing lead=L2
            10:01 web.download occurred=-7d
                => READY sequence L1 at=04-01T10:01 channel=mail content=step_1
            10:02 web.download occurred=-604800001ms lead=L2
            ",
        );
    }

    #[test]
    fn ends_at_an_answer_and_at_a_purchase() {
        check(
            "
            10:00 profile.consent_granted channel=mail purpose=marketing
            10:01 profile.attributes_changed attr.company=ACME attr.name=田中
            10:02 web.download content_kind=white_paper
                => READY sequence L1 at=04-01T10:02 channel=mail content=step_1
            10:30 mail.sent purpose=marketing message_id=m1
            +1d mail.clicked message_id=m1
            +30d 10:00 (clock)
            ",
        );
    }

    #[test]
    fn the_third_offer_of_a_step_is_the_last() {
        check(
            "
            10:00 profile.consent_granted channel=mail purpose=marketing
            10:01 profile.attributes_changed attr.company=ACME attr.name=田中
            10:02 web.download content_kind=white_paper
                => READY sequence L1 at=04-01T10:02 channel=mail content=step_1
            +30d (clock)
                => WITHDRAWN sequence expired L1 at=04-04T10:02
                => READY sequence L1 at=04-07T10:02 channel=mail content=step_1
                => WITHDRAWN sequence expired L1 at=04-10T10:02
                => READY sequence L1 at=04-13T10:02 channel=mail content=step_1
                => WITHDRAWN sequence expired L1 at=04-16T10:02
                => READY neglect L1 at=05-01T10:02 channel=mail content=check_in
            ",
        );
    }

    #[test]
    fn only_by_mail_and_not_without_consent() {
        check(
            "
            10:00 web.download
            +3d (clock)
            +1h profile.consent_granted channel=mail purpose=marketing
                => READY sequence L1 at=04-04T11:00 channel=mail content=step_1
            ",
        );
    }

    #[test]
    fn a_cold_lead_gets_four_mails_and_a_last_try() {
        check(
            "
            10:00 profile.consent_granted channel=mail purpose=marketing
            10:01 profile.attributes_changed attr.company=ACME attr.name=田中
            10:02 web.download content_kind=white_paper
                => READY sequence L1 at=04-01T10:02 channel=mail content=step_1
            10:30 mail.sent purpose=marketing
            +3d 10:30 mail.sent purpose=marketing
                => READY sequence L1 at=04-04T10:30 channel=mail content=step_2
            +4d 10:30 mail.sent purpose=marketing
                => READY sequence L1 at=04-08T10:02 channel=mail content=step_3
            +7d 10:30 mail.sent purpose=marketing
                => READY sequence L1 at=04-15T10:02 channel=mail content=step_4
            +7d 10:29 (clock)
            +1m (clock)
            +14d 10:30 (clock)
                => READY sequence L1 at=04-29T10:02 channel=person content=last
                en 田中 (ACME) has not answered 4 mails: call as a last try and ask whether there is still interest.
                ja ACME 田中様にメールを4通お送りしましたが、お返事がありません。最後に一度お電話で、引き続きご関心がおありか伺ってください。
                => WITHDRAWN sequence expired L1 at=05-02T10:02
            ",
        );
    }
}
