//! Moments as people write them on a command line, and as they read them.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::wire::limits::EVENT_TIMES_MS;

const ALLOWED: &str = "a day in UTC (2026-11-01), a time (2026-11-01T09:00:00+09:00), how long ago (30d, 12h, 45m), \
                       or ms since the epoch from 2000 to 2100";

/// ms since the epoch.
///
/// # Errors
/// Names what is allowed.
pub fn parse(text: &str) -> Result<i64, String> {
    parse_at(text, now_ms()).filter(|ms| EVENT_TIMES_MS.contains(ms)).ok_or_else(|| format!("allowed: {ALLOWED}"))
}

fn parse_at(text: &str, now_ms: i64) -> Option<i64> {
    if let Ok(ms) = text.parse::<i64>() {
        return Some(ms);
    }
    let units = [('d', 86_400_000), ('h', 3_600_000), ('m', 60_000)];
    for (unit, ms) in units {
        if let Some(count) = text.strip_suffix(unit) {
            return now_ms.checked_sub(i64::from(count.parse::<u32>().ok()?) * ms);
        }
    }
    if let Ok(day) = text.parse::<Date>()
        && text.len() == "2026-11-01".len()
    {
        return Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond());
    }
    Some(text.parse::<Timestamp>().ok()?.as_millisecond())
}

/// System time, ms since the epoch.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// To the minute, in UTC; `seconds` where several fall into one.
pub fn shown(ms: i64) -> String {
    let at = Timestamp::from_millisecond(ms).map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string());
    at.unwrap_or_else(|_| ms.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_every_form() {
        let now_ms = 1_793_491_200_000; // 2026-11-01T00:00:00Z
        let day_ms = 86_400_000;
        let good = [
            ("2026-11-01", now_ms),
            ("2026-11-01T09:00:00+09:00", now_ms),
            ("2026-11-01T00:00:00Z", now_ms),
            ("30d", now_ms - 30 * day_ms),
            ("12h", now_ms - day_ms / 2),
            ("1793491200000", now_ms),
        ];
        for (text, expected) in good {
            assert_eq!(parse_at(text, now_ms), Some(expected), "{text}");
        }
        for text in ["", "yesterday", "d", "-3d", "2026-13-01", "2026-11-01T09:00:00", "9999999999d", "99999999999999"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(shown(now_ms), "2026-11-01 00:00:00");
    }
}
