//! Counts, lists and dates of headlines.

use crate::scoring::months::MonthDay;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `1 day`, `2 days`.
pub(crate) fn counted(count: i64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `30 June` and `6月30日`.
pub(crate) fn month_day(on: MonthDay) -> [String; 2] {
    let name = MONTHS.get(usize::from(on.month).wrapping_sub(1)).copied().unwrap_or_default();
    [format!("{} {name}", on.day), format!("{}月{}日", on.month, on.day)]
}

/// As in `a`, `a and b`, `a, b and c`; in Japanese with commas alone.
pub(crate) fn listed(items: &[[String; 2]]) -> [String; 2] {
    let [en, ja]: [Vec<&str>; 2] = [0, 1].map(|language| items.iter().map(|item| &*item[language]).collect());
    let en = match &en[..] {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => en.concat(),
    };
    [en, ja.join("、")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_lists_and_dates() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "mail")), ["0 mails", "1 mail", "2 mails"]);
        assert_eq!(month_day(MonthDay { month: 6, day: 30 }), ["30 June", "6月30日"]);
        let check = |items: &[&str], expected: [&str; 2]| {
            let items: Vec<[String; 2]> = items.iter().map(|item| [item.to_string(), item.to_string()]).collect();
            assert_eq!(listed(&items), expected);
        };
        check(&[], ["", ""]);
        check(&["a"], ["a", "a"]);
        check(&["a", "b"], ["a and b", "a、b"]);
        check(&["a", "b", "c"], ["a, b and c", "a、b、c"]);
    }
}
