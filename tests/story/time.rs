//! Times and durations as stories write them.

use jiff::civil::{Date, DateTime};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 1440 * MINUTE_MS;

/// Local time at a fixed offset.
#[derive(Clone, Copy)]
pub struct Zone {
    offset_ms: i64,
}

impl Zone {
    /// `+09:00`.
    pub fn parse(text: &str) -> Zone {
        let sign = if text.starts_with('-') { -1 } else { 1 };
        Zone { offset_ms: sign * minutes(&text[1..]) * MINUTE_MS }
    }

    pub fn date_time(&self, date: &str, time: &str) -> i64 {
        i64::from(epoch_day(date)) * DAY_MS + minutes(time) * MINUTE_MS - self.offset_ms
    }

    /// The time that a line begins with, and the rest of the line.
    pub fn time<'a>(&self, line: &'a str, before_ms: i64) -> (i64, &'a str) {
        let (first, rest) = word(line);
        let (second, after) = word(rest);
        let day_begin_ms = (before_ms + self.offset_ms).div_euclid(DAY_MS) * DAY_MS - self.offset_ms;
        match first {
            span if span.starts_with('+') && is_time(second) => {
                (day_begin_ms + duration(span) + minutes(second) * MINUTE_MS, after)
            }
            span if span.starts_with('+') => (before_ms + duration(span), rest),
            time if is_time(time) => (day_begin_ms + minutes(time) * MINUTE_MS, rest),
            date => (self.date_time(date, second), after),
        }
    }

    /// `04-01T10:00`, with seconds where there are some.
    pub fn show(&self, at_ms: i64) -> String {
        let at = jiff::Timestamp::from_millisecond(at_ms + self.offset_ms).expect("in range");
        let local: DateTime = jiff::tz::TimeZone::UTC.to_datetime(at);
        local.strftime(if at_ms % MINUTE_MS == 0 { "%m-%dT%H:%M" } else { "%m-%dT%H:%M:%S%.f" }).to_string()
    }
}

/// `x5 every 1d`: how often, how far apart, and the rest; once where nothing is said.
pub fn repeated(line: &str) -> (u32, i64, &str) {
    let (first, rest) = word(line);
    let Some(count) = first.strip_prefix('x').and_then(|count| count.parse().ok()) else { return (1, 0, line) };
    let (every, rest) = word(rest);
    assert_eq!(every, "every");
    let (span, rest) = word(rest);
    (count, duration(span), rest)
}

/// `-20h`, `+3d`, `90m`, ms.
pub fn duration(text: &str) -> i64 {
    let unit_length = if text.ends_with("ms") { 2 } else { 1 };
    let (number, unit) = text.split_at(text.len() - unit_length);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => MINUTE_MS,
        "h" => 60 * MINUTE_MS,
        "d" => DAY_MS,
        _ => panic!("duration {text}"),
    };
    number.parse::<i64>().unwrap_or_else(|_| panic!("duration {text}")) * unit_ms
}

/// Days since the epoch of `2026-06-30`.
pub fn epoch_day(date: &str) -> i32 {
    let date: Date = date.parse().unwrap_or_else(|_| panic!("date {date}"));
    date.since(Date::constant(1970, 1, 1)).expect("in range").get_days()
}

fn is_time(text: &str) -> bool {
    text.len() == 5 && text.as_bytes()[2] == b':'
}

fn minutes(time: &str) -> i64 {
    let (hour, minute) = time.split_once(':').unwrap_or_else(|| panic!("time {time}"));
    hour.parse::<i64>().expect("hours") * 60 + minute.parse::<i64>().expect("minutes")
}

fn word(line: &str) -> (&str, &str) {
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (first, rest.trim_start())
}
