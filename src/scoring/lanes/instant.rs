//! A hand-raise: the lead asks, and is answered at once. Passes over everything but a refusal.

use crate::scoring::decision::Content;
use crate::scoring::episode::Episode;
use crate::scoring::event::{
    Body, Contact, ContactKind, Event, FormPurpose, Mail, MailKind, Sns, SnsKind, Web, WebKind,
};
use crate::scoring::gate::{Demand, Pass, Route};
use crate::scoring::headline::{Say, Words};
use crate::scoring::hours::ContactHours;
use crate::scoring::lanes::{Lane, Lanes, Names, Row, Rule, Terms};
use crate::scoring::model::{Channel, Section, length};
use crate::scoring::moment::Moment;

pub(super) struct Instant;

const ANSWER: Content = Content::Kind("answer");

impl Rule for Instant {
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand> {
        if episode.is_open_in(Lane::Instant) {
            return None;
        }
        let (_, asked_on) = newest_pending(moment, episode)?;
        let route = Route::Reply(answer_channel(moment, asked_on));
        Some(Demand { content: ANSWER, route, pass: Pass::All })
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

    fn names(&self) -> Names {
        Names {
            what: ["the reply", "ご返答"], why: ["raised a hand: answer at once", "問い合わせあり、すぐに返答を"]
        }
    }

    fn words(&self, moment: &Moment<'_>, episode: &Episode, say: &Say<'_>) -> Words {
        let (en, ja, act, by) = (say.en(), say.ja(), say.act(), say.by_ja());
        let asked = newest_pending(moment, episode);
        let event = say.event.filter(|event| asked.is_some_and(|(at_ms, _)| event.occurred_at_ms == at_ms));
        let [what_en, what_ja, first_en, first_ja] = event
            .and_then(asked_for)
            .unwrap_or_else(|| asked_on(asked.map_or(Channel::Person, |(_, channel)| channel)));
        let [when_en, when_ja] = if is_closed(moment, say.channel) {
            ["as soon as contact hours begin", "ご連絡できる時間になり次第"]
        } else {
            ["now", "すぐに"]
        };
        [
            format!("{en} {what_en}: {act} {when_en} and {first_en}."),
            format!("{ja}から{what_ja}。{when_ja}{by}、{first_ja}ください。"),
        ]
    }

    fn row(&self, lanes: &Lanes) -> Row {
        let lane = &lanes.instant;
        let steps = [lane.fresh_ms, lane.breach_ms, lane.abandoned_ms].map(length);
        let more = format!("fresh {}, escalated at {} and {}", steps[0], steps[1], steps[2]);
        Row::new(lane.due_ms, lane.expires_ms, more)
    }
}

/// What the model file tells the lane.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    due_ms: i64,
    expires_ms: i64,
    /// An older hand-raise does not fire.
    fresh_ms: i64,
    /// For so long after our touch, the lead's next line is part of the conversation.
    conversation_ms: i64,
    /// Steps of the service level.
    pub(crate) breach_ms: i64,
    pub(crate) abandoned_ms: i64,
}

impl Numbers {
    pub(super) fn read(section: &Section<'_>) -> Numbers {
        Numbers {
            due_ms: section.duration_ms("due"),
            expires_ms: section.duration_ms("expires"),
            fresh_ms: section.duration_ms("fresh"),
            conversation_ms: section.duration_ms("conversation"),
            breach_ms: section.duration_ms("breach"),
            abandoned_ms: section.duration_ms("abandoned"),
        }
    }
}

/// What the lead asked for, and what to say first, where the event itself tells: English, Japanese, English, Japanese.
fn asked_for(event: &Event<'_>) -> Option<[&'static str; 4]> {
    let found = match &event.body {
        Body::Web(Web { kind: WebKind::FormSubmit, form_purpose: FormPurpose::Inquiry, .. }) => [
            "sent an inquiry on the website",
            "Webサイト経由でお問い合わせがありました",
            "ask first what it is about",
            "まずご用件を伺って",
        ],
        Body::Web(Web { kind: WebKind::FormSubmit, form_purpose: FormPurpose::Quote, .. }) => [
            "asked for a quote on the website",
            "Webサイト経由でお見積もりのご依頼がありました",
            "ask first what it should cover and by when",
            "まず対象とご希望の時期を確認して",
        ],
        Body::Web(Web { kind: WebKind::ChatMessage, .. }) => [
            "wrote to us in the chat",
            "チャットでお問い合わせがありました",
            "first answer what they wrote",
            "お問い合わせの内容にお答え",
        ],
        Body::Mail(Mail { kind: MailKind::Replied, .. }) => [
            "replied to our mail",
            "メールにご返信がありました",
            "first answer what they wrote",
            "いただいた内容にお答え",
        ],
        Body::Sns(Sns { kind: SnsKind::Dm, .. }) => [
            "sent us a direct message",
            "SNSでメッセージをいただきました",
            "first answer what they wrote",
            "いただいた内容にお答え",
        ],
        Body::Contact(Contact { kind: ContactKind::MeetingRequested, .. }) => {
            ["asked for a meeting", "面談のご希望がありました", "first agree on a day", "まずご希望の日時を伺って"]
        }
        _ => return None,
    };
    Some(found)
}

/// The same where only the channel is known: after a merge, or of a kind that a model of its own makes a hand-raise.
fn asked_on(channel: Channel) -> [&'static str; 4] {
    let [en, ja] = match channel {
        Channel::Web => ["got in touch on the website", "Webサイト経由でご連絡がありました"],
        Channel::Mail => ["got in touch by mail", "メールでご連絡がありました"],
        Channel::Sns => ["got in touch on social media", "SNSでご連絡がありました"],
        Channel::Person | Channel::Purchase => ["got in touch directly", "直接ご連絡がありました"],
    };
    [en, ja, "ask first what it is about", "まずご用件を伺って"]
}

/// Whether a call has to wait for contact hours, as the READY's window does.
fn is_closed(moment: &Moment<'_>, channel: Channel) -> bool {
    let hours = ContactHours::of(moment.model, channel, moment.facts.attribute("time_zone"));
    channel == Channel::Person && hours.next_opening(moment.now_ms) > moment.now_ms
}

/// Time and channel of the newest hand-raise that waits for an answer.
fn newest_pending(moment: &Moment<'_>, episode: &Episode) -> Option<(i64, Channel)> {
    let rules = &moment.model.lanes.instant;
    let raised = moment.facts.channels.iter().filter_map(|on| Some((on.last_hand_raise.get()?, on.channel)));
    raised
        .filter(|&(at_ms, _)| Some(at_ms) > episode.acted.hand_raise_ms && moment.now_ms - at_ms <= rules.fresh_ms)
        .filter(|&(at_ms, channel)| !is_line_of_conversation(moment, episode, at_ms, channel))
        .max_by_key(|&(at_ms, _)| at_ms)
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

#[cfg(test)]
mod tests {
    use crate::scoring::lanes::tests::check;

    #[test]
    fn answers_what_was_asked() {
        check(
            "
            10:00 profile.attributes_changed attr.company=ACME attr.name=田中
            10:01 web.form_submit form_purpose=inquiry
                => READY instant L1 at=04-01T10:01 channel=person content=answer
                en 田中 (ACME) sent an inquiry on the website: call now and ask first what it is about.
                ja ACME 田中様からWebサイト経由でお問い合わせがありました。すぐにお電話で、まずご用件を伺ってください。
            19:59 web.form_submit form_purpose=quote lead=L2
                => ESCALATED breach L1 at=04-01T11:01
                en 田中 (ACME) has been waiting for an answer for 60 minutes: somebody must answer now.
                ja ACME 田中様を60分お待たせしています。至急ご対応ください。
                => READY instant L2 at=04-01T19:59 channel=person content=answer
                en Lead L2 asked for a quote on the website: call now and ask first what it should cover and by when.
                ja お客様（ID: L2）からWebサイト経由でお見積もりのご依頼がありました。すぐにお電話で、まず対象とご希望の時期を確認してください。
            20:00 contact.meeting_requested lead=L3
                => READY instant L3 at=04-01T20:00 channel=person content=answer
                en Lead L3 asked for a meeting: call as soon as contact hours begin and first agree on a day.
                ja お客様（ID: L3）から面談のご希望がありました。ご連絡できる時間になり次第お電話で、まずご希望の日時を伺ってください。
            ",
        );
    }

    #[test]
    fn says_what_was_asked_where_the_event_tells() {
        check(
            "
            10:00 web.form_submit form_purpose=quote
                => READY instant L1 at=04-01T10:00 channel=person content=answer
                en Lead L1 asked for a quote on the website: call now and ask first what it should cover and by when.
                ja お客様（ID: L1）からWebサイト経由でお見積もりのご依頼がありました。すぐにお電話で、まず対象とご希望の時期を確認してください。
            10:01 web.chat_message lead=L2
                => READY instant L2 at=04-01T10:01 channel=person content=answer
                en Lead L2 wrote to us in the chat: call now and first answer what they wrote.
                ja お客様（ID: L2）からチャットでお問い合わせがありました。すぐにお電話で、お問い合わせの内容にお答えください。
            10:02 mail.replied lead=L3
                => READY instant L3 at=04-01T10:02 channel=mail content=answer
                en Lead L3 replied to our mail: write now and first answer what they wrote.
                ja お客様（ID: L3）からメールにご返信がありました。すぐにメールで、いただいた内容にお答えください。
            10:03 sns.dm direction=inbound lead=L4
                => READY instant L4 at=04-01T10:03 channel=sns content=answer
                en Lead L4 sent us a direct message: send a message now and first answer what they wrote.
                ja お客様（ID: L4）からSNSでメッセージをいただきました。すぐにSNSで、いただいた内容にお答えください。
            10:04 contact.meeting_requested lead=L5
                => READY instant L5 at=04-01T10:04 channel=person content=answer
                en Lead L5 asked for a meeting: call now and first agree on a day.
                ja お客様（ID: L5）から面談のご希望がありました。すぐにお電話で、まずご希望の日時を伺ってください。
            ",
        );
    }

    #[test]
    fn a_hand_raise_of_a_day_ago_is_fresh_and_an_older_one_is_not() {
        check(
            "
            10:00 web.form_submit form_purpose=quote occurred=-86400000ms
                => READY instant L1 at=04-01T10:00 channel=person content=answer
            10:00 web.form_submit form_purpose=quote occurred=-86400001ms lead=L2
            ",
        );
    }

    #[test]
    fn a_second_hand_raise_is_acted_on_by_the_first_on_whatever_channel() {
        check(
            "
            10:00 web.form_submit form_purpose=inquiry
                => READY instant L1 at=04-01T10:00 channel=person content=answer
            10:10 sns.dm direction=inbound thread_id=t
            10:20 contact.call_attempt decision=last
            ",
        );
    }

    #[test]
    fn a_line_of_a_conversation_is_no_new_question_for_a_day() {
        check(
            "
            10:00 sns.dm direction=inbound thread_id=t
                => READY instant L1 at=04-01T10:00 channel=sns content=answer
            10:00 sns.dm direction=inbound thread_id=t lead=L2
                => READY instant L2 at=04-01T10:00 channel=sns content=answer
            10:30 sns.dm direction=outbound thread_id=t
            10:30 sns.dm direction=outbound thread_id=t lead=L2
            +86400000ms sns.dm direction=inbound thread_id=t
            +1ms sns.dm direction=inbound thread_id=t lead=L2
                => READY instant L2 at=04-02T10:30:00.001 channel=sns content=answer
            ",
        );
    }

    #[test]
    fn who_refused_calls_is_answered_by_mail() {
        check(
            "
            10:00 contact.call_refused
            10:01 web.form_submit form_purpose=inquiry
                => READY instant L1 at=04-01T10:01 channel=mail content=answer
            10:02 contact.call_refused lead=L2
            10:03 web.chat_message lead=L2
                => READY instant L2 at=04-01T10:03 channel=mail content=answer
            ",
        );
    }

    #[test]
    fn passes_over_a_stop_and_pressure() {
        check(
            "
            10:00 x8 every 1m mail.sent purpose=marketing
            10:10 contact.complaint
            10:11 mail.replied
                => READY instant L1 at=04-01T10:11 channel=mail content=answer
            10:12 web.download
            ",
        );
    }

    #[test]
    fn nobody_answers() {
        check(
            "
            10:00 web.form_submit form_purpose=inquiry
                => READY instant L1 at=04-01T10:00 channel=person content=answer
                en Lead L1 sent an inquiry on the website: call now and ask first what it is about.
                ja お客様（ID: L1）からWebサイト経由でお問い合わせがありました。すぐにお電話で、まずご用件を伺ってください。
            +3599999ms (clock)
            +1ms (clock)
                => ESCALATED breach L1 at=04-01T11:00
                en Lead L1 has been waiting for an answer for 60 minutes: somebody must answer now.
                ja お客様（ID: L1）を60分お待たせしています。至急ご対応ください。
            +23h (clock)
                => ESCALATED abandoned L1 at=04-02T10:00
                en Lead L1 has been waiting for an answer for 24 hours: hand it to somebody who can, and apologise first.
                ja お客様（ID: L1）を24時間お待たせしたままです。対応できる方へ引き継ぎ、まずお待たせしたことをお詫びしてください。
            +172799999ms (clock)
            +1ms (clock)
                => WITHDRAWN instant expired L1 at=04-04T10:00
                en Lead L1: the reply is not on record within its time, so this task is closed.
                ja お客様（ID: L1）へのご返答は期限内に記録がないため、このご依頼は終了とします。
            ",
        );
    }

    #[test]
    fn at_night_all_counts_from_the_next_opening() {
        check(
            "
            20:00 web.form_submit form_purpose=inquiry
                => READY instant L1 at=04-01T20:00 channel=person content=answer
            +1d 09:59 (clock)
            +1m (clock)
                => ESCALATED breach L1 at=04-02T10:00
            11:00 outcome.accepted decision=last
            +2d 20:00 (clock)
                => WITHDRAWN instant expired L1 at=04-04T20:00
            ",
        );
    }
}
