//! One line for a sales person: who, why now, what happened, what to say first.
//!
//! Says what Facts carry and nothing else, and of the lead's attributes only company and name. What is to be said is
//! found here; the words of both languages stand side by side in `texts`.

mod texts;

use crate::scoring::calendar::DAY_MS;
use crate::scoring::decision::{Content, Reason};
use crate::scoring::episode::Episode;
use crate::scoring::hours::{ContactHours, MonthDay};
use crate::scoring::lanes::anniversary::Occasions;
use crate::scoring::lanes::{Lane, timeline};
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;

/// At most so many characters a line.
pub const HEADLINE_CHARS_MAX: usize = 200;
/// Of a company or a name so many are shown.
const NAME_CHARS_MAX: usize = 24;

/// The same line by language.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headline {
    pub en: Box<str>,
    pub ja: Box<str>,
}

impl Headline {
    /// Lines by language tag, as the schema's map holds them.
    pub fn by_tag(&self) -> [(&'static str, &str); 2] {
        [("en", &self.en), ("ja", &self.ja)]
    }

    fn of(who: &Who, line: impl Fn(&Who) -> [String; 2]) -> Headline {
        let [en, ja] = line(who).map(|text| cut(text, HEADLINE_CHARS_MAX).into());
        Headline { en, ja }
    }
}

/// The line of a READY; `episode` is as before it.
pub(crate) fn ready(
    moment: &Moment<'_>,
    episode: &Episode,
    lane: Lane,
    content: Content,
    channel: Channel,
) -> Headline {
    let why = Why::of(moment, episode, (lane, content, channel));
    Headline::of(&Who::of(moment), |who| texts::ready(who, &why, channel))
}

/// The line of what is said about a READY later.
pub(crate) fn about(moment: &Moment<'_>, lane: Lane, reason: Reason) -> Headline {
    Headline::of(&Who::of(moment), |who| texts::about(who, lane, reason))
}

/// The lead as people know it.
struct Who {
    company: Option<String>,
    name: Option<String>,
    lead_id: String,
}

impl Who {
    fn of(moment: &Moment<'_>) -> Who {
        let attribute = |name| {
            let value = moment.facts.attribute(name).map(|value| shown(value.trim(), NAME_CHARS_MAX));
            value.filter(|value| !value.is_empty())
        };
        let (company, name) = (attribute("company"), attribute("name"));
        Who { company, name, lead_id: shown(moment.lead_id, NAME_CHARS_MAX) }
    }
}

/// Why now.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Why {
    /// `is_closed`: by telephone, and nobody may be called at this hour.
    Asked {
        on: Channel,
        is_closed: bool,
    },
    Complained {
        purchase_days: usize,
    },
    Silent {
        days: i64,
    },
    Warm {
        points: u32,
        contact_days: u32,
    },
    Returned,
    Dates {
        decides_on: Option<MonthDay>,
        bought_twice_days: Option<i64>,
        left_cart: bool,
    },
    Step {
        number: u8,
    },
    LastTry {
        mails: u8,
    },
    Unanswered,
    Alone {
        days: i64,
    },
    Month {
        birth: bool,
        customer_years: Option<i16>,
    },
}

impl Why {
    fn of(moment: &Moment<'_>, episode: &Episode, (lane, content, channel): (Lane, Content, Channel)) -> Why {
        let days_alone = || days_since(moment, moment.last_contact());
        match lane {
            Lane::Instant => Why::Asked { on: asked_on(moment, episode), is_closed: is_closed(moment, channel) },
            Lane::FanAtRisk if content == Content::Apology => {
                Why::Complained { purchase_days: moment.purchase_days().len() }
            }
            Lane::FanAtRisk => Why::Silent { days: days_alone() },
            Lane::Score => Why::Warm {
                points: moment.readiness() as u32,
                contact_days: moment.contact_days(moment.model.lanes.score.contact_days_window),
            },
            Lane::Reengage => Why::Returned,
            Lane::Timeline => dates(moment, episode),
            Lane::Sequence => match content {
                Content::Step(number) => Why::Step { number },
                _ => Why::LastTry { mails: episode.sequence.map_or(0, |running| running.mails) },
            },
            Lane::Neglect if episode.acted.unanswered_since_ms.is_some() => Why::Unanswered,
            Lane::Neglect => Why::Alone { days: days_alone() },
            Lane::Anniversary => {
                let occasions = Occasions::now(moment, episode);
                Why::Month {
                    birth: occasions.is_some_and(|now| now.birth),
                    customer_years: occasions.filter(|now| now.first_purchase).map(|now| now.customer_years),
                }
            }
        }
    }
}

/// The channel of the newest hand-raise that was not acted on.
fn asked_on(moment: &Moment<'_>, episode: &Episode) -> Channel {
    let waiting = Channel::ALL.into_iter().filter_map(|channel| Some((moment.last_hand_raise(channel)?, channel)));
    let newest = waiting.filter(|(at_ms, _)| Some(*at_ms) > episode.acted.hand_raise_ms).max();
    newest.map_or(Channel::Person, |(_, channel)| channel)
}

/// Whether a call has to wait for contact hours, as the READY's window does.
fn is_closed(moment: &Moment<'_>, channel: Channel) -> bool {
    let hours = ContactHours::of(moment.model, channel, moment.facts.attribute("time_zone"));
    channel == Channel::Person && hours.next_opening(moment.now_ms) > moment.now_ms
}

fn dates(moment: &Moment<'_>, episode: &Episode) -> Why {
    let holds = |span: Option<timeline::Span>| span.is_some_and(|span| span.holds(moment.now_ms));
    let bant_day = moment.facts.bant_timeline_day().filter(|_| holds(timeline::bant(moment, episode)));
    let second_day = moment.purchase_days().get(1).filter(|_| holds(timeline::hurdle(moment, episode)));
    let today = moment.model.local_day(moment.now_ms);
    Why::Dates {
        decides_on: bant_day.and_then(MonthDay::of_day),
        bought_twice_days: second_day.map(|day| i64::from(today) - i64::from(*day)),
        left_cart: holds(timeline::cart(moment, episode)),
    }
}

fn days_since(moment: &Moment<'_>, at_ms: Option<i64>) -> i64 {
    at_ms.map_or(0, |at_ms| (moment.now_ms - at_ms) / DAY_MS)
}

/// One line of at most so many characters.
fn shown(text: &str, chars_max: usize) -> String {
    let clean = |character: char| if character.is_control() { ' ' } else { character };
    cut(text.chars().map(clean).collect(), chars_max)
}

/// At most so many characters; what is cut off leaves a mark.
fn cut(mut text: String, chars_max: usize) -> String {
    if text.chars().count() > chars_max {
        let kept = text.char_indices().nth(chars_max - 1).map_or(text.len(), |(end, _)| end);
        text.truncate(kept);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_one_line() {
        assert_eq!(shown("株式会社\n追客", 24), "株式会社 追客");
        assert_eq!(shown("abcdef", 5), "abcd…");
        assert_eq!(shown("abcde", 5), "abcde");
    }

    fn check(who: &Who, why: Why, channel: Channel, [en, ja]: [&str; 2]) {
        let line = Headline::of(who, |who| texts::ready(who, &why, channel));
        assert_eq!((&*line.en, &*line.ja), (en, ja));
    }

    fn acme() -> Who {
        Who { company: Some("ACME".into()), name: Some("田中".into()), lead_id: "L1".into() }
    }

    #[test]
    fn every_reason_reads_well() {
        let nobody = Who { company: None, name: None, lead_id: "L1".into() };
        check(
            &nobody,
            Why::Asked { on: Channel::Web, is_closed: false },
            Channel::Person,
            [
                "Lead L1 got in touch on the website: call now and ask first what it is about.",
                "リードL1からWebサイトでご連絡がありました。すぐにお電話し、まずご用件を伺ってください。",
            ],
        );
        check(
            &acme(),
            Why::Asked { on: Channel::Person, is_closed: true },
            Channel::Person,
            [
                "田中 (ACME) got in touch directly: call as soon as contact hours begin and ask first what it is about.",
                "ACME 田中様から直接ご連絡がありました。ご連絡できる時間になり次第お電話し、まずご用件を伺ってください。",
            ],
        );
        check(
            &acme(),
            Why::Complained { purchase_days: 6 },
            Channel::Person,
            [
                "田中 (ACME), a loyal customer (bought on 6 days), complained: call, apologise and listen before anything else.",
                "ご愛顧いただいているACME 田中様（これまで6日にわたりご購入）から苦情をいただきました。お電話で、まずお詫びのうえ、お話を伺ってください。",
            ],
        );
        check(
            &acme(),
            Why::Silent { days: 60 },
            Channel::Mail,
            [
                "There has been no contact with 田中 (ACME), a loyal customer, for 60 days: write to say thanks and ask how things are.",
                "ご愛顧いただいているACME 田中様と60日間接点がありません。メールで日頃のお礼をお伝えし、ご近況を伺ってください。",
            ],
        );
        check(
            &acme(),
            Why::Warm { points: 43, contact_days: 1 },
            Channel::Sns,
            [
                "田中 (ACME) is at 43 of 100 points, with 1 recent contact day: send a message with a proposal and ask what matters most.",
                "ACME 田中様はご関心が高い状態です（100点中43点、直近の接点1日）。SNSで、まずご検討状況を伺い、ご提案ください。",
            ],
        );
        check(
            &acme(),
            Why::Returned,
            Channel::Person,
            [
                "田中 (ACME) had gone quiet and is active again: call with what is new and ask what brought them back.",
                "しばらく動きのなかったACME 田中様に、再び動きがありました。お電話で新しい情報をご案内し、ご関心のある点を伺ってください。",
            ],
        );
        let decides_on = Some(MonthDay { month: 6, day: 30 });
        check(
            &acme(),
            Why::Dates { decides_on, bought_twice_days: Some(14), left_cart: true },
            Channel::Person,
            [
                "田中 (ACME) plans to decide by 30 June, bought a second time 14 days ago and left a cart behind: call and ask how you can help.",
                "ACME 田中様へご連絡の時期です（6月30日までにご決定予定、2回目のご購入から14日経過、カートに商品が残ったまま）。お電話で、お困りの点がないか伺ってください。",
            ],
        );
        check(
            &acme(),
            Why::Step { number: 2 },
            Channel::Mail,
            [
                "田中 (ACME) showed interest, and mail 2 of the series is due: open with something useful, not with a sales pitch.",
                "関心を示されたACME 田中様へ、ご案内メール2通目をお送りする時期です。まずお役に立つ情報をお届けください。",
            ],
        );
        check(
            &acme(),
            Why::LastTry { mails: 1 },
            Channel::Person,
            [
                "田中 (ACME) has not answered 1 mail: call as a last try and ask whether there is still interest.",
                "ACME 田中様からメール1通へのお返事がありません。最後に一度お電話で、ご関心の有無を伺ってください。",
            ],
        );
        check(
            &acme(),
            Why::Unanswered,
            Channel::Person,
            [
                "田中 (ACME) got in touch, and no answer is on record: call, apologise for the wait first, then help.",
                "ACME 田中様からのご連絡に、対応した記録がありません。お電話で、まずお待たせしたことをお詫びし、ご用件を伺ってください。",
            ],
        );
        check(
            &acme(),
            Why::Alone { days: 30 },
            Channel::Mail,
            [
                "There has been no contact with 田中 (ACME) for 30 days: write and ask first how things are.",
                "ACME 田中様と30日間接点がありません。メールで、まずご近況を伺ってください。",
            ],
        );
        check(
            &acme(),
            Why::Month { birth: true, customer_years: Some(1) },
            Channel::Mail,
            [
                "田中 (ACME) has a birthday this month and first bought 1 year ago this month: write with thanks and a small perk.",
                "今月はACME 田中様のお誕生月、初回ご購入から1年の節目です。メールで、お礼と特典をお届けください。",
            ],
        );
    }

    #[test]
    fn the_longest_lines_fit() {
        let long = || Some("長".repeat(NAME_CHARS_MAX));
        let who = Who { company: long(), name: long(), lead_id: String::new() };
        let decides_on = Some(MonthDay { month: 9, day: 30 });
        let whys = [
            Why::Asked { on: Channel::Person, is_closed: true },
            Why::Complained { purchase_days: 128 },
            Why::Silent { days: 1000 },
            Why::Warm { points: 100, contact_days: 90 },
            Why::Returned,
            Why::Dates { decides_on, bought_twice_days: Some(14), left_cart: true },
            Why::Month { birth: true, customer_years: Some(10) },
        ];
        for why in whys {
            for text in texts::ready(&who, &why, Channel::Sns) {
                assert!(text.chars().count() <= HEADLINE_CHARS_MAX, "{text}");
            }
        }
    }
}
