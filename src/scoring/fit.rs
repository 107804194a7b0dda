//! How well a lead fits, from its attributes alone, and the grade that fit and readiness make.

use std::fmt;

use crate::scoring::facts::Facts;
use crate::scoring::model::{FitTest, Model};

/// Points of fit, 0 to 100, as a whole number.
pub fn fit(model: &Model, facts: &Facts) -> u8 {
    if facts.profile.is_none() {
        return 0;
    }
    let matching = model.fit.rules.iter().filter(|rule| {
        let value = facts.attribute(&rule.attribute);
        value.is_some_and(|value| holds(&rule.test, value))
    });
    let points: f64 = matching.map(|rule| rule.points).sum();
    points.clamp(0.0, 100.0).round_ties_even() as u8
}

fn holds(test: &FitTest, value: &str) -> bool {
    match test {
        FitTest::Equals(expected) => **expected == *value,
        FitTest::OneOf(allowed) => allowed.iter().any(|allowed| **allowed == *value),
        FitTest::Range { at_least, below } => {
            let number = value.trim().parse().ok().filter(|number: &f64| number.is_finite());
            number.is_some_and(|number| number >= *at_least && below.is_none_or(|below| number < below))
        }
        FitTest::Present => true,
    }
}

/// Letter of fit and digit of readiness, such as `A2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Grade {
    letter: u8,
    digit: u8,
}

impl Grade {
    /// The grade of fit and readiness, both in 0 to 100.
    pub fn of(model: &Model, fit: u8, readiness: f64) -> Grade {
        Grade::by(model, fit, |from| readiness >= from)
    }

    /// The same, where `reaches` tells whether readiness is at least a level.
    pub(crate) fn by(model: &Model, fit: u8, reaches: impl Fn(f64) -> bool) -> Grade {
        let letter = model.fit.letters_from.iter().filter(|from| f64::from(fit) < **from).count() as u8;
        let digit = model.grade.digits_from.iter().filter(|from| !reaches(**from)).count() as u8;
        Grade { letter: b'A' + letter, digit: b'1' + digit }
    }

    /// A to D.
    pub fn letter(self) -> char {
        char::from(self.letter)
    }

    /// 1 to 4.
    pub fn digit(self) -> u8 {
        self.digit - b'0'
    }

    /// Letter and digit in ASCII; for storing.
    pub fn as_bytes(self) -> [u8; 2] {
        [self.letter, self.digit]
    }

    /// The grade of letter and digit in ASCII; `None` where it is none.
    pub fn from_bytes(bytes: [u8; 2]) -> Option<Grade> {
        match bytes {
            [letter @ b'A'..=b'D', digit @ b'1'..=b'4'] => Some(Grade { letter, digit }),
            _ => None,
        }
    }

    /// The grade as written; `None` where it is none.
    pub fn parse(text: &str) -> Option<Grade> {
        Grade::from_bytes(text.as_bytes().try_into().ok()?)
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.letter(), self.digit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        Model::parse(include_str!("../../deploy/models/b2b-saas.toml"), "b2b-saas.toml").expect("sound")
    }

    #[test]
    fn points_by_attributes() {
        let model = model();
        let check = |attributes: &[(&str, &str)], expected| {
            let mut facts = Facts::default();
            let profile = facts.profile.get_or_insert_default();
            attributes.iter().for_each(|(name, value)| profile.attributes.write(name, 0, Some(value)));
            assert_eq!(fit(&model, &facts), expected, "{attributes:?}");
        };
        check(&[], 0);
        check(&[("employees", "300")], 40);
        check(&[("employees", "299.5")], 25);
        check(&[("employees", "50")], 25);
        check(&[("employees", "49")], 0);
        check(&[("employees", "many")], 0);
        check(&[("employees", "inf")], 0);
        check(&[("role", "manager"), ("industry", "it"), ("company", "Example")], 60);
        check(&[("role", "Manager")], 0);
        check(&[("employees", " 1000 "), ("role", "director"), ("industry", "it"), ("company", "x")], 100);
    }

    #[test]
    fn grades_by_thresholds() {
        let model = model();
        let check = |fit, readiness, expected: &str| {
            let grade = Grade::of(&model, fit, readiness);
            assert_eq!(grade.to_string(), expected);
            assert_eq!(Grade::parse(expected), Some(grade));
            assert_eq!((grade.letter(), grade.digit()), (char::from(grade.as_bytes()[0]), grade.as_bytes()[1] - b'0'));
        };
        check(100, 100.0, "A1");
        check(75, 60.0, "A1");
        check(74, 59.999_999, "B2");
        check(50, 40.0, "B2");
        check(25, 20.0, "C3");
        check(24, 19.0, "D4");
        assert_eq!((Grade::parse("E1"), Grade::parse("A0"), Grade::parse("A11")), (None, None, None));
    }
}
