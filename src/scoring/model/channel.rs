//! The five channels, and what the model says of each: the closed set that everything per channel is indexed by.

use std::ops::{Index, IndexMut};

use crate::scoring::model::decay::DayDecay;

/// Where a lead and we meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Channel {
    Web,
    Mail,
    Sns,
    Person,
    Purchase,
}

impl Channel {
    /// All channels, in the order of their numbers.
    pub const ALL: [Channel; 5] = [Channel::Web, Channel::Mail, Channel::Sns, Channel::Person, Channel::Purchase];
    /// The channels on which we can contact a lead.
    pub const OUTREACH: [Channel; 3] = [Channel::Mail, Channel::Sns, Channel::Person];

    /// The name as schemas and model files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Web => "web",
            Channel::Mail => "mail",
            Channel::Sns => "sns",
            Channel::Person => "person",
            Channel::Purchase => "purchase",
        }
    }

    /// The channel of that name.
    pub fn parse(text: &str) -> Option<Channel> {
        Channel::ALL.into_iter().find(|channel| channel.as_str() == text)
    }

    /// The channel with that number, as stored.
    pub fn from_number(number: u8) -> Option<Channel> {
        Channel::ALL.get(usize::from(number)).copied()
    }

    /// Whether we can contact a lead there.
    pub fn is_outreach(self) -> bool {
        Channel::OUTREACH.contains(&self)
    }
}

/// One value for each channel.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ByChannel<T>([T; 5]);

impl<T> ByChannel<T> {
    /// Asks `value` for each channel, in the order of `Channel::ALL`.
    pub fn from_fn(value: impl FnMut(Channel) -> T) -> ByChannel<T> {
        ByChannel(Channel::ALL.map(value))
    }

    pub fn iter(&self) -> impl Iterator<Item = (Channel, &T)> {
        Channel::ALL.into_iter().zip(self.0.iter())
    }
}

impl<T> Index<Channel> for ByChannel<T> {
    type Output = T;

    fn index(&self, channel: Channel) -> &T {
        &self.0[channel as usize]
    }
}

impl<T> IndexMut<Channel> for ByChannel<T> {
    fn index_mut(&mut self, channel: Channel) -> &mut T {
        &mut self.0[channel as usize]
    }
}

/// How engagement, exposure and pressure arise on one channel.
#[derive(Debug, Clone)]
pub struct ChannelRules {
    /// C: the soft cap of the channel's engagement, points; above 0.
    pub cap: f64,
    /// h: half-life of engagement, ms.
    pub half_life_ms: i64,
    /// The same half-life over whole days.
    pub decay: DayDecay,
    /// hE: half-life of a contact day, over whole days.
    pub exposure_decay: DayDecay,
    /// v: weight of a contact day, at least 0.
    pub exposure_weight: f64,
    /// q: pressure of one touch, at least 0.
    pub pressure: f64,
    /// How we may contact leads there; present for mail, sns and person, and only for them.
    pub outreach: Option<Outreach>,
}

/// What holds for contacting leads on a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Outreach {
    pub consent: ConsentDefault,
    /// Contact hours in the lead's local time; `None` is always.
    pub hours: Option<Hours>,
    /// After this a touch counts as unanswered, ms.
    pub answer_window_ms: i64,
    /// p0: share of touches that are answered, before anything is known; in (0, 1).
    pub answer_prior: f64,
}

/// Whether we may market to a lead that said nothing about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentDefault {
    /// Denied until granted.
    OptIn,
    /// Allowed until revoked or refused.
    OptOut,
}

/// Hours of the local day, on some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// Bit 0 is Monday, bit 6 Sunday; never empty.
    weekdays: u8,
    /// Minutes of the local day; `begin < end`.
    pub begin_minute: u16,
    /// At most 1,440.
    pub end_minute: u16,
}

impl Hours {
    /// Whether the day counts, 0 being Monday.
    pub fn on_weekday(&self, weekday: u8) -> bool {
        weekday < 7 && self.weekdays & (1 << weekday) != 0
    }

    /// Reads `07:00-21:00` (every day) or `Mon-Fri 09:00-20:00`.
    pub fn parse(text: &str) -> Option<Hours> {
        let (weekdays, times) = match text.split_once(' ') {
            Some((days, times)) => (parse_weekdays(days)?, times),
            None => (0x7f, text),
        };
        let (begin, end) = times.split_once('-')?;
        let (begin_minute, end_minute) = (parse_minute(begin)?, parse_minute(end)?);
        (begin_minute < end_minute).then_some(Hours { weekdays, begin_minute, end_minute })
    }
}

/// Minutes of a time of day written `09:30`; `24:00` is the end of the day.
pub(crate) fn parse_minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
}

fn parse_weekdays(text: &str) -> Option<u8> {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let number = |name: &str| NAMES.iter().position(|known| *known == name);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then(|| (first..=last).fold(0, |bits, day| bits | 1 << day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hours() {
        let check = |text: &str, expected: Option<(u8, u16, u16)>| {
            let found = Hours::parse(text).map(|hours| (hours.weekdays, hours.begin_minute, hours.end_minute));
            assert_eq!(found, expected, "{text}");
        };
        check("07:00-21:00", Some((0x7f, 420, 1260)));
        check("Mon-Fri 09:00-20:00", Some((0x1f, 540, 1200)));
        check("Sat 00:00-24:00", Some((0x20, 0, 1440)));
        check("Fri-Mon 09:00-20:00", None);
        check("21:00-07:00", None);
        check("7:00-21:00", None);
        check("+7:00-21:00", None);
        check("07:60-21:00", None);
    }

    #[test]
    fn channels_keep_their_numbers() {
        for (number, channel) in Channel::ALL.into_iter().enumerate() {
            assert_eq!(Channel::from_number(number as u8), Some(channel));
            assert_eq!(Channel::parse(channel.as_str()), Some(channel));
        }
        assert_eq!(Channel::from_number(5), None);
    }
}
