//! When a contact is welcome: contact hours and the best two hours, in the lead's own time zone.
//!
//! Hours never hold a READY back, they set its window. Zones come from the compiled-in data, so replays agree.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::scoring::decision::Window;
use crate::scoring::model::{Channel, Hours, Model};

const HOUR_MS: i64 = 3_600_000;
/// A window is proposed as long as so much of it is left.
const LEFT_MIN_MS: i64 = HOUR_MS;
const WINDOW_HOURS: i64 = 2;
/// With fewer inbound events than this the usual hours are proposed.
const INBOUND_MIN: u32 = 5;
const USUAL_BEGIN_HOUR: i64 = 10;
/// Days that are looked at beyond the holidays, before giving up: any week has a contact day.
const DAYS_AHEAD: usize = 15;

/// The hours of one channel for one lead.
#[derive(Debug, Clone)]
pub struct ContactHours<'a> {
    hours: Option<&'a Hours>,
    holidays: &'a [i32],
    zone: TimeZone,
    utc_offset_ms: i64,
}

impl<'a> ContactHours<'a> {
    /// `zone_name` is the lead's `time_zone` attribute; an unknown one counts as none.
    pub fn of(model: &'a Model, channel: Channel, zone_name: Option<&str>) -> ContactHours<'a> {
        let own = zone_name.and_then(|name| TimeZoneDatabase::bundled().get(name).ok());
        ContactHours {
            hours: model.channels[channel].outreach.as_ref().and_then(|outreach| outreach.hours.as_ref()),
            holidays: if channel == Channel::Person { &model.holidays } else { &[] },
            zone: own.unwrap_or_else(|| model.time_zone.clone()),
            utc_offset_ms: model.utc_offset_ms,
        }
    }

    /// The moment itself where it lies within the hours, else when they begin next.
    pub fn next_opening(&self, at_ms: i64) -> i64 {
        let Some(hours) = self.hours else { return at_ms };
        let opening = self.days_from(at_ms).find_map(|day| {
            let begin_ms = self.minute(day, hours.begin_minute)?;
            let end_ms = self.minute(day, hours.end_minute)?;
            (at_ms < end_ms).then_some(begin_ms.max(at_ms))
        });
        opening.unwrap_or(at_ms)
    }

    /// The next of the lead's best two hours that has an hour left. `inbound` counts events by hour of the model's day.
    pub fn best_window(&self, inbound: &[u8; 24], at_ms: i64) -> Window {
        let begin_minute = self.best_hour(inbound, at_ms) * 60;
        let window = self.days_from(at_ms).find_map(|day| {
            let start_ms = self.minute(day, begin_minute)?;
            let end_ms = self.minute(day, begin_minute + WINDOW_HOURS as u16 * 60)?;
            (end_ms - at_ms >= LEFT_MIN_MS).then_some(Window { start_ms: start_ms.max(at_ms), end_ms })
        });
        window.unwrap_or(Window { start_ms: at_ms, end_ms: at_ms + WINDOW_HOURS * HOUR_MS })
    }

    /// The local hour at which the best two hours begin.
    fn best_hour(&self, inbound: &[u8; 24], at_ms: i64) -> u16 {
        let (first, last) = self.begin_hours();
        let total: u32 = inbound.iter().map(|&count| u32::from(count)).sum();
        if total < INBOUND_MIN {
            return USUAL_BEGIN_HOUR.clamp(first, last) as u16;
        }
        let shift = self.hours_ahead_of_model(at_ms);
        let count = |hour: i64| u32::from(inbound[(hour - shift).rem_euclid(24) as usize]);
        let smoothed = |hour: i64| count(hour - 1) + 2 * count(hour) + count(hour + 1);
        let weight = |hour: i64| smoothed(hour) + smoothed(hour + 1);
        let best = (first..=last).rev().max_by_key(|&hour| weight(hour)).unwrap_or(first);
        best as u16
    }

    /// The full hours at which a window can begin so that it lies within the contact hours.
    fn begin_hours(&self) -> (i64, i64) {
        let (begin_minute, end_minute) =
            self.hours.map_or((0, 24 * 60), |hours| (hours.begin_minute, hours.end_minute));
        let first = i64::from(begin_minute.div_ceil(60)).min(24 - WINDOW_HOURS);
        (first, (i64::from(end_minute / 60) - WINDOW_HOURS).max(first))
    }

    /// Whole hours from the model's local time to the lead's, rounded down.
    fn hours_ahead_of_model(&self, at_ms: i64) -> i64 {
        let offset_ms = Timestamp::from_millisecond(at_ms)
            .map_or(self.utc_offset_ms, |at| i64::from(self.zone.to_offset(at).seconds()) * 1000);
        (offset_ms - self.utc_offset_ms).div_euclid(HOUR_MS)
    }

    /// The local days from that of `at_ms` on which contact is welcome.
    fn days_from(&self, at_ms: i64) -> impl Iterator<Item = Date> + '_ {
        let first = Timestamp::from_millisecond(at_ms).ok().map(|at| self.zone.to_datetime(at).date());
        let days = std::iter::successors(first, |day| day.tomorrow().ok());
        days.take(DAYS_AHEAD + self.holidays.len()).filter(|&day| self.welcomes(day))
    }

    fn welcomes(&self, day: Date) -> bool {
        let weekday = day.weekday().to_monday_zero_offset();
        self.hours.is_none_or(|hours| hours.on_weekday(weekday as u8))
            && self.holidays.binary_search(&epoch_day(day)).is_err()
    }

    /// The moment of a minute of a local day; 1,440 is its end. Where clocks jump, the later reading of a gap.
    fn minute(&self, day: Date, minute: u16) -> Option<i64> {
        let day = if minute >= 24 * 60 { day.tomorrow().ok()? } else { day };
        let minute = minute % (24 * 60);
        let time = day.at((minute / 60) as i8, (minute % 60) as i8, 0, 0);
        self.zone.to_timestamp(time).ok().map(Timestamp::as_millisecond)
    }
}

/// Days since the epoch of a date.
fn epoch_day(day: Date) -> i32 {
    Date::constant(1970, 1, 1).until(day).map_or(0, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let text =
            include_str!("../../deploy/models/b2b-saas.toml").replace("holidays = []", "holidays = [\"2026-04-06\"]");
        Model::parse(&text, "b2b-saas.toml").unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a moment").as_millisecond()
    }

    #[test]
    fn offices_open_next() {
        let check = |channel, zone, at: &str, expected: &str| {
            let (model, at_ms) = (model(), ms(at));
            let opening_ms = ContactHours::of(&model, channel, zone).next_opening(at_ms);
            assert_eq!(opening_ms, ms(expected), "{channel:?} {zone:?} {at}");
        };
        let person = Channel::Person;
        check(person, None, "2026-04-03T10:00:00+09:00", "2026-04-03T10:00:00+09:00");
        check(person, None, "2026-04-03T19:59:00+09:00", "2026-04-03T19:59:00+09:00");
        check(person, None, "2026-04-03T20:00:00+09:00", "2026-04-07T09:00:00+09:00"); // a weekend and a holiday
        check(Channel::Mail, None, "2026-04-03T22:00:00+09:00", "2026-04-04T07:00:00+09:00");
        check(Channel::Mail, None, "2026-04-05T22:00:00+09:00", "2026-04-06T07:00:00+09:00"); // mail knows no holidays
        check(Channel::Sns, None, "2026-04-05T03:00:00+09:00", "2026-04-05T03:00:00+09:00");
        check(person, Some("America/New_York"), "2026-04-07T10:00:00+09:00", "2026-04-07T09:00:00-04:00");
        check(person, Some("Nowhere/Else"), "2026-04-07T08:00:00+09:00", "2026-04-07T09:00:00+09:00");
        // Clocks go forward in the night before this Monday.
        check(person, Some("Europe/Berlin"), "2026-03-28T12:00:00+01:00", "2026-03-30T09:00:00+02:00");
    }

    #[test]
    fn the_best_two_hours_are_the_leads_own() {
        let check = |channel, zone, hours: &[(usize, u8)], at: &str, expected: [&str; 2]| {
            let (model, mut inbound) = (model(), [0; 24]);
            hours.iter().for_each(|(hour, count)| inbound[*hour] = *count);
            let window = ContactHours::of(&model, channel, zone).best_window(&inbound, ms(at));
            let expected = Window { start_ms: ms(expected[0]), end_ms: ms(expected[1]) };
            assert_eq!(window, expected, "{channel:?} {zone:?} {hours:?} {at}");
        };
        let (person, morning) = (Channel::Person, "2026-04-07T08:00:00+09:00");
        let ten = ["2026-04-07T10:00:00+09:00", "2026-04-07T12:00:00+09:00"];
        check(person, None, &[(15, 4)], morning, ten); // too few to tell
        check(person, None, &[(10, 7), (11, 1)], morning, ten);
        check(person, None, &[(10, 6)], morning, ["2026-04-07T09:00:00+09:00", "2026-04-07T11:00:00+09:00"]);
        check(person, None, &[(3, 9)], morning, ["2026-04-07T09:00:00+09:00", "2026-04-07T11:00:00+09:00"]);
        check(Channel::Sns, None, &[(23, 9)], morning, ["2026-04-07T22:00:00+09:00", "2026-04-08T00:00:00+09:00"]);
        // One hour is left of it, then less than that.
        check(person, None, &[(10, 7), (11, 1)], "2026-04-07T11:00:00+09:00", ["2026-04-07T11:00:00+09:00", ten[1]]);
        let tomorrow = ["2026-04-08T10:00:00+09:00", "2026-04-08T12:00:00+09:00"];
        check(person, None, &[(10, 7), (11, 1)], "2026-04-07T11:01:00+09:00", tomorrow);
        // 18:30 in Tokyo is 15:00 in Mumbai, three and a half hours behind: counts move by four, rounded down.
        let mumbai = ["2026-04-07T13:00:00+05:30", "2026-04-07T15:00:00+05:30"];
        check(person, Some("Asia/Kolkata"), &[(18, 9)], "2026-04-07T09:00:00+05:30", mumbai);
    }
}
