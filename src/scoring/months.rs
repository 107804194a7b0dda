//! Months of the model's local days, and what day of which month a local day is; proleptic Gregorian.

use std::ops::RangeInclusive;

use crate::scoring::calendar::day_begin_ms;
use crate::scoring::model::Model;

/// Years that have months here.
const YEARS: RangeInclusive<i64> = -9999..=9999;
/// Days of 400 years, and from 1 March of the year 0 to the epoch.
const DAYS_OF_400_YEARS: i64 = 146_097;
const DAYS_TO_EPOCH: i64 = 719_468;

/// A month of the model's local days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Month {
    pub(crate) year: i16,
    /// 1 to 12.
    pub(crate) number: u8,
    pub(crate) begin_ms: i64,
    pub(crate) end_ms: i64,
}

impl Month {
    /// The month so many months after that of `at_ms`; none beyond the calendar's range.
    pub(crate) fn of(at_ms: i64, model: &Model, months_ahead: i32) -> Option<Month> {
        let today = Date::of_day(model.local_day(at_ms))?;
        Month::beginning(today.year * 12 + today.month - 1 + i64::from(months_ahead), model)
    }

    /// The month of a local day.
    pub(crate) fn of_day(day: i32, model: &Model) -> Option<Month> {
        let date = Date::of_day(day)?;
        Month::beginning(date.year * 12 + date.month - 1, model)
    }

    /// The month that begins so many months after the year 0.
    fn beginning(months: i64, model: &Model) -> Option<Month> {
        let first = Date { year: months.div_euclid(12), month: months.rem_euclid(12) + 1, day: 1 };
        let next = Date { year: (months + 1).div_euclid(12), month: (months + 1).rem_euclid(12) + 1, day: 1 };
        if !YEARS.contains(&first.year) || !YEARS.contains(&next.year) {
            return None;
        }
        let midnight_ms = |date: Date| day_begin_ms(date.epoch_day(), model.utc_offset_ms);
        Some(Month {
            year: first.year as i16,
            number: first.month as u8,
            begin_ms: midnight_ms(first) + i64::from(model.lanes.anniversary.at_minute) * 60_000,
            end_ms: midnight_ms(next),
        })
    }
}

/// A day of the year, for texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MonthDay {
    /// 1 to 12.
    pub(crate) month: u8,
    pub(crate) day: u8,
}

impl MonthDay {
    /// Of a local day; none beyond the calendar's range.
    pub(crate) fn of_day(day: i32) -> Option<MonthDay> {
        let date = Date::of_day(day)?;
        Some(MonthDay { month: date.month as u8, day: date.day as u8 })
    }
}

/// A date; what is asked at many events is computed here, because general calendars take their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// Of days since the epoch. Years are counted from March, so that the leap day is their last.
    fn of_day(epoch_day: i32) -> Option<Date> {
        let days = i64::from(epoch_day) + DAYS_TO_EPOCH;
        let day_of_era = days.rem_euclid(DAYS_OF_400_YEARS);
        let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
        let year_of_era = (day_of_era - leap_days) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = days.div_euclid(DAYS_OF_400_YEARS) * 400 + year_of_era + i64::from(month <= 2);
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        YEARS.contains(&year).then_some(Date { year, month, day })
    }

    /// Days since the epoch.
    fn epoch_day(self) -> i32 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let from_march = if self.month > 2 { self.month - 3 } else { self.month + 9 };
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * from_march + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        (year.div_euclid(400) * DAYS_OF_400_YEARS + day_of_era - DAYS_TO_EPOCH) as i32
    }
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, ToSpan};

    use super::*;

    fn model() -> Model {
        Model::parse(include_str!("../../deploy/models/b2b-saas.toml"), "b2b-saas.toml").expect("sound")
    }

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a moment").as_millisecond()
    }

    #[test]
    fn months_turn_with_the_models_day() {
        let model = model();
        let december = Month::of(ms("2026-12-31T23:59:59+09:00"), &model, 0).expect("in range");
        assert_eq!((december.year, december.number), (2026, 12));
        assert_eq!(december.begin_ms, ms("2026-12-01T09:00:00+09:00"));
        assert_eq!(december.end_ms, ms("2027-01-01T00:00:00+09:00"));
        let next = Month::of(ms("2026-12-31T23:59:59+09:00"), &model, 1).expect("in range");
        assert_eq!((next.year, next.number), (2027, 1));
        assert_eq!(Month::of(i64::MAX, &model, 0), None);
    }

    #[test]
    fn dates_are_those_of_a_general_calendar() {
        let check = |day: i32| {
            let expected = jiff::civil::date(1970, 1, 1).checked_add(i64::from(day).days()).ok();
            let found = Date::of_day(day);
            let parts = |date: jiff::civil::Date| (date.year().into(), date.month().into(), date.day().into());
            assert_eq!(found.map(|date| (date.year, date.month, date.day)), expected.map(parts), "{day}");
            assert!(found.is_none_or(|date| date.epoch_day() == day), "{day}");
        };
        (-800_000..800_000).step_by(7).for_each(check);
        [-4_371_587, -4_371_588, 2_932_896, 2_932_897].into_iter().for_each(check);
    }
}
