//! Small texts: counts, lengths of time, numbers, moments, lines of 80 columns.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// Columns of a terminal that everybody has.
pub const COLUMNS: usize = 80;

/// `1 rule`, `2 rules`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `2026-04-06 10:00` at the model's offset.
pub fn moment(ms: i64, utc_offset_ms: i64) -> String {
    let seconds = i32::try_from(utc_offset_ms / 1_000).unwrap_or_default();
    let zone = Offset::from_seconds(seconds).map_or(TimeZone::UTC, TimeZone::fixed);
    Timestamp::from_millisecond(ms)
        .map_or_else(|_| "never".to_owned(), |at| at.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string())
}

/// Words in lines of at most 80 columns, each after so many spaces.
pub fn wrapped(words: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in words.split_whitespace() {
        if !line.is_empty() && indent + line.chars().count() + 1 + word.chars().count() > COLUMNS {
            out += &format!("{:indent$}{line}\n", "");
            line.clear();
        }
        line += if line.is_empty() { "" } else { " " };
        line += word;
    }
    out + &format!("{:indent$}{line}\n", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_it_short() {
        assert_eq!([counted(1, "rule"), counted(0, "rule")], ["1 rule", "0 rules"]);
        assert_eq!(moment(1_775_005_200_000, 9 * 3_600_000), "2026-04-01 10:00");
        assert_eq!(moment(i64::MIN, 0), "never");
    }

    #[test]
    fn lines_are_broken_between_words() {
        let words = "word ".repeat(40);
        let lines = wrapped(&words, 10);
        assert!(lines.lines().count() == 3 && lines.lines().all(|line| line.starts_with("          word")), "{lines}");
        assert!(lines.lines().all(|line| line.len() <= COLUMNS), "{lines}");
        assert_eq!(lines.split_whitespace().count(), 40);
    }
}
