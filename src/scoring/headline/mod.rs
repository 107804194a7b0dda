//! One line for a sales person: who, why now, what happened, what to say first.
//!
//! Says what Facts and the event that decided carry and nothing else, and of the lead's attributes only company and
//! name. Each lane has its own words in its file; here is what they share: names, verbs, counts, days. What is said of a
//! READY later, whatever its lane, is in `about`.

mod about;
mod words;

pub(crate) use about::Later;
pub(crate) use words::{counted, listed, month_day};

use crate::scoring::decision::Content;
use crate::scoring::episode::Episode;
use crate::scoring::event::Event;
use crate::scoring::lanes::Lane;
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;

/// At most so many characters a line.
pub const HEADLINE_CHARS_MAX: usize = 200;
/// Of a company or a name so many are shown.
const NAME_CHARS_MAX: usize = 24;

/// The same in English and Japanese, side by side: whoever changes one sees the other.
pub(crate) type Words = [String; 2];

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

    fn of(words: Words) -> Headline {
        let [en, ja] = words.map(|text| cut(text, HEADLINE_CHARS_MAX).into());
        Headline { en, ja }
    }
}

/// The line of a READY; `episode` is as before it, `event` the one that decided.
pub(crate) fn ready(
    moment: &Moment<'_>,
    episode: &Episode,
    (lane, content, channel): (Lane, Content, Channel),
    event: Option<&Event<'_>>,
) -> Headline {
    let say = Say { who: Who::of(moment), content, channel, event };
    Headline::of(lane.rule().words(moment, episode, &say))
}

/// The line of what is said about a READY later.
pub(crate) fn about(moment: &Moment<'_>, later: Later<'_>) -> Headline {
    Headline::of(later.words(&Who::of(moment)))
}

/// What the words of every lane are made with: whom they are about, and how to be in touch.
pub(crate) struct Say<'e> {
    pub(crate) content: Content,
    pub(crate) channel: Channel,
    /// What the lead or we just did; none for a timer.
    pub(crate) event: Option<&'e Event<'e>>,
    who: Who,
}

impl Say<'_> {
    /// The lead, in English.
    pub(crate) fn en(&self) -> String {
        self.who.en()
    }

    /// The lead, in Japanese, with its honorific.
    pub(crate) fn ja(&self) -> String {
        self.who.ja()
    }

    /// `call`.
    pub(crate) fn act(&self) -> &'static str {
        match self.channel {
            Channel::Mail => "write",
            Channel::Sns => "send a message",
            Channel::Person | Channel::Web | Channel::Purchase => "call",
        }
    }

    /// `by telephone`, in Japanese.
    pub(crate) fn by_ja(&self) -> &'static str {
        match self.channel {
            Channel::Mail => "メールで",
            Channel::Sns => "SNSで",
            Channel::Person | Channel::Web | Channel::Purchase => "お電話で",
        }
    }
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

    fn en(&self) -> String {
        match (&self.name, &self.company) {
            (Some(name), Some(company)) => format!("{name} ({company})"),
            (Some(known), None) | (None, Some(known)) => known.clone(),
            (None, None) if self.lead_id.starts_with("lead") => self.lead_id.clone(),
            (None, None) => format!("Lead {}", self.lead_id),
        }
    }

    fn ja(&self) -> String {
        match (&self.name, &self.company) {
            (Some(name), Some(company)) => format!("{company} {}", honoured(name)),
            (Some(known), None) | (None, Some(known)) => honoured(known),
            (None, None) => format!("お客様（ID: {}）", self.lead_id),
        }
    }
}

/// With an honorific, unless the name brings its own.
fn honoured(name: &str) -> String {
    let has_one = ["様", "さま", "さん", "殿", "御中", "先生"].iter().any(|own| name.ends_with(own));
    if has_one { name.to_owned() } else { format!("{name}様") }
}

/// One line of at most so many characters.
pub(crate) fn shown(text: &str, chars_max: usize) -> String {
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

    #[test]
    fn leads_are_called_as_people_know_them() {
        let check = |company: Option<&str>, name: Option<&str>, expected: [&str; 2]| {
            let who = Who { company: company.map(Into::into), name: name.map(Into::into), lead_id: "lead-1".into() };
            assert_eq!([who.en(), who.ja()], expected);
        };
        check(Some("ACME"), Some("田中"), ["田中 (ACME)", "ACME 田中様"]);
        check(None, Some("田中"), ["田中", "田中様"]);
        check(Some("ACME"), None, ["ACME", "ACME様"]);
        check(Some("ACME御中"), Some("田中様"), ["田中様 (ACME御中)", "ACME御中 田中様"]);
        check(Some("ACME御中"), None, ["ACME御中", "ACME御中"]);
        check(None, None, ["lead-1", "お客様（ID: lead-1）"]);
        let who = Who { company: None, name: None, lead_id: "L1".into() };
        assert_eq!(who.en(), "Lead L1");
    }
}
