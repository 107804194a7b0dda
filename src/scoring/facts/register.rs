//! Registers in which the last writer wins, and moments of which the latest or the earliest is kept.

use std::cmp::Ordering;

/// A value and its event time. A later write wins; of two at the same time, the greater value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register<T> {
    pub at_ms: i64,
    pub value: T,
}

impl<T: Ord> Register<T> {
    fn loses_to(&self, other: &Register<T>) -> bool {
        (self.at_ms, &self.value) < (other.at_ms, &other.value)
    }
}

/// Writes into a register that may not have been written yet.
pub(crate) fn write<T: Ord>(register: &mut Option<Register<T>>, at_ms: i64, value: T) {
    let written = Register { at_ms, value };
    if register.as_ref().is_none_or(|known| known.loses_to(&written)) {
        *register = Some(written);
    }
}

/// Writes over a register.
pub(crate) fn replace<T: Ord>(known: &mut Register<T>, written: Register<T>) {
    if known.loses_to(&written) {
        *known = written;
    }
}

/// Writes what another register holds.
pub(crate) fn merge<T: Ord + Clone>(register: &mut Option<Register<T>>, other: &Option<Register<T>>) {
    if let Some(other) = other
        && register.as_ref().is_none_or(|known| known.loses_to(other))
    {
        *register = Some(other.clone());
    }
}

/// What a lead said about being contacted. Ordered by strictness: of two at the same time the stricter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Until that moment, ms; without one, for ever.
    Granted {
        until_ms: Option<i64>,
    },
    Revoked,
}

impl Consent {
    fn end_ms(self) -> i64 {
        match self {
            Consent::Revoked => i64::MIN,
            Consent::Granted { until_ms } => until_ms.unwrap_or(i64::MAX),
        }
    }
}

impl Ord for Consent {
    fn cmp(&self, other: &Self) -> Ordering {
        let strictness = |consent: &Consent| {
            let endless = matches!(consent, Consent::Granted { until_ms: None });
            (matches!(consent, Consent::Revoked), std::cmp::Reverse((consent.end_ms(), endless)))
        };
        strictness(self).cmp(&strictness(other))
    }
}

impl PartialOrd for Consent {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The latest of some moments, if there was any. Takes the room of one number: the least `i64` stands for none inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latest(i64);

impl Default for Latest {
    fn default() -> Self {
        Latest(i64::MIN)
    }
}

impl Latest {
    pub fn see(&mut self, at_ms: i64) {
        self.0 = self.0.max(at_ms);
    }

    pub fn merge(&mut self, other: Latest) {
        self.see(other.0);
    }

    /// The moment, ms.
    pub fn get(self) -> Option<i64> {
        (self.0 != i64::MIN).then_some(self.0)
    }
}

impl From<Option<i64>> for Latest {
    fn from(at_ms: Option<i64>) -> Self {
        Latest(at_ms.unwrap_or(i64::MIN))
    }
}

/// The earliest of some moments, if there was any; the greatest `i64` stands for none inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earliest(i64);

impl Default for Earliest {
    fn default() -> Self {
        Earliest(i64::MAX)
    }
}

impl Earliest {
    pub fn see(&mut self, at_ms: i64) {
        self.0 = self.0.min(at_ms);
    }

    pub fn merge(&mut self, other: Earliest) {
        self.see(other.0);
    }

    /// The moment, ms.
    pub fn get(self) -> Option<i64> {
        (self.0 != i64::MAX).then_some(self.0)
    }
}

impl From<Option<i64>> for Earliest {
    fn from(at_ms: Option<i64>) -> Self {
        Earliest(at_ms.unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Ord + Clone + std::fmt::Debug>(writes: &[(i64, T)], expected: (i64, T)) {
        let expected = Some(Register { at_ms: expected.0, value: expected.1 });
        let mut forward = None;
        writes.iter().for_each(|(at, value)| write(&mut forward, *at, value.clone()));
        let mut backward = None;
        writes.iter().rev().for_each(|(at, value)| write(&mut backward, *at, value.clone()));
        assert_eq!((&forward, &backward), (&expected, &expected));
        let mut merged = backward;
        merge(&mut merged, &forward);
        assert_eq!(merged, expected);
    }

    #[test]
    fn the_later_writer_wins_and_of_two_the_stricter() {
        let until = |ms| Consent::Granted { until_ms: Some(ms) };
        let endless = Consent::Granted { until_ms: None };
        check(&[(1, Consent::Revoked), (2, endless)], (2, endless));
        check(&[(2, Consent::Revoked), (2, endless)], (2, Consent::Revoked));
        check(&[(2, until(9)), (2, endless), (2, until(7))], (2, until(7)));
        check(&[(2, until(i64::MAX)), (2, endless)], (2, until(i64::MAX)));
        check(&[(2, until(i64::MIN)), (2, Consent::Revoked)], (2, Consent::Revoked));
        check(&[(3, Some("b")), (3, Some("c")), (3, None), (1, Some("z"))], (3, Some("c")));
        check(&[(3, false), (3, true)], (3, true));
    }

    #[test]
    fn moments_keep_their_ends() {
        let (mut latest, mut earliest) = (Latest::default(), Earliest::default());
        assert_eq!((latest.get(), earliest.get()), (None, None));
        for at in [5, -7, 3] {
            latest.see(at);
            earliest.see(at);
        }
        latest.merge(Latest::default());
        earliest.merge(Earliest::default());
        assert_eq!((latest.get(), earliest.get()), (Some(5), Some(-7)));
        assert_eq!((Latest::from(latest.get()), Earliest::from(None)), (latest, Earliest::default()));
    }
}
