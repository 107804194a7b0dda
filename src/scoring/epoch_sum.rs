//! A sum of points that halve with age, bit-identical under any order of its events.
//!
//! Each event is rounded once, into an integer of its half-life epoch; integers add up the same in any order. Caps
//! and clamps belong to reading: inside an update they would depend on order.

use smallvec::{SmallVec, smallvec};

/// Epochs kept beside the newest.
pub const EPOCHS_BEFORE_TOP: usize = 40;
/// Bits behind the point of one event's mass.
const FRACTION_BITS: i64 = 20;

/// Points by epoch of their half-life. The half-life is the caller's to keep: all calls must give the same one.
///
/// Invariant: equal sets of events are equal values. `masses[i]` belongs to epoch `top − i`; the first is kept even
/// when it is 0, the last of several is not 0, and there are at most 41.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EpochSum {
    top: i64,
    masses: SmallVec<[i64; 2]>,
}

/// A moment in epochs of one half-life, so that many sums are read with one power of two.
#[derive(Debug, Clone, Copy)]
pub struct EpochTime {
    epoch: i64,
    /// 2^(−part of the epoch that has passed).
    faded: f64,
}

impl EpochTime {
    /// The half-life must be above 0.
    pub fn new(at_ms: i64, half_life_ms: i64) -> EpochTime {
        EpochTime { epoch: at_ms.div_euclid(half_life_ms), faded: libm::exp2(-passed(at_ms, half_life_ms)) }
    }
}

impl EpochSum {
    /// Adds points at a moment; the half-life must be above 0.
    pub fn add(&mut self, points: f64, at_ms: i64, half_life_ms: i64) {
        let grown = points * libm::exp2(passed(at_ms, half_life_ms)) * (1_i64 << FRACTION_BITS) as f64;
        self.add_mass(grown.round_ties_even() as i64, at_ms.div_euclid(half_life_ms));
    }

    /// Takes points back: exact while their epoch is kept.
    pub fn retract(&mut self, points: f64, at_ms: i64, half_life_ms: i64) {
        self.add(-points, at_ms, half_life_ms);
    }

    /// Adds all that another sum of the same half-life holds.
    pub fn merge(&mut self, other: &EpochSum) {
        if let Some(top) = other.top() {
            self.reach(top);
            for (age, mass) in (0..).zip(&other.masses) {
                self.add_at(*mass, top.saturating_sub(age));
            }
            self.trim();
        }
    }

    /// The sum at a moment, which must not be before the newest epoch by more than a thousand half-lives.
    pub fn value(&self, at: EpochTime) -> f64 {
        let lowest = self.top.saturating_sub(self.masses.len() as i64 - 1);
        let total = match &self.masses[..] {
            [] => return 0.0,
            [only] => *only as f64,
            masses => nearest(masses),
        };
        total * power_of_two(lowest.saturating_sub(at.epoch).saturating_sub(FRACTION_BITS)) * at.faded
    }

    /// Forgets all but the newest epochs; how many must not grow from call to call, or the sum depends on order.
    pub fn keep_newest(&mut self, epochs_max: usize) {
        if self.masses.len() > epochs_max {
            self.masses.truncate(epochs_max);
            self.trim();
        }
    }

    /// What the masses take as state, bytes.
    pub fn weight_bytes(&self) -> usize {
        let bits = |mass: &i64| 65 - mass.unsigned_abs().leading_zeros() as usize;
        self.masses.iter().map(|mass| bits(mass).div_ceil(7)).sum()
    }

    /// The newest epoch; `None` for the empty sum.
    pub fn top(&self) -> Option<i64> {
        (!self.masses.is_empty()).then_some(self.top)
    }

    /// Masses from the newest epoch on; for storing.
    pub fn masses(&self) -> &[i64] {
        &self.masses
    }

    /// The sum of those masses; `None` where they are not as `masses` gives them.
    pub fn from_masses(top: i64, masses: &[i64]) -> Option<EpochSum> {
        let sound = match masses {
            [] => top == 0,
            [_] => true,
            [.., last] => *last != 0 && masses.len() <= EPOCHS_BEFORE_TOP + 1,
        };
        sound.then(|| EpochSum { top, masses: SmallVec::from_slice(masses) })
    }

    fn add_mass(&mut self, mass: i64, epoch: i64) {
        if mass != 0 {
            self.reach(epoch);
            self.add_at(mass, epoch);
            self.trim();
        }
    }

    /// Makes `epoch` the newest if it is newer.
    fn reach(&mut self, epoch: i64) {
        if self.masses.is_empty() {
            (self.top, self.masses) = (epoch, smallvec![0]);
        } else if epoch > self.top {
            let ahead = epoch.abs_diff(self.top).min(EPOCHS_BEFORE_TOP as u64 + 1) as usize;
            self.masses.truncate(EPOCHS_BEFORE_TOP + 1 - ahead);
            self.masses.insert_many(0, std::iter::repeat_n(0, ahead));
            self.masses.truncate(EPOCHS_BEFORE_TOP + 1);
            self.top = epoch;
        }
    }

    /// Adds to an epoch that is not newer than the newest; one too old is dropped.
    fn add_at(&mut self, mass: i64, epoch: i64) {
        let age = self.top.abs_diff(epoch);
        if age <= EPOCHS_BEFORE_TOP as u64 {
            let place = age as usize;
            if place >= self.masses.len() {
                self.masses.resize(place + 1, 0);
            }
            // Wrapping stays free of order; 2^32 events of the greatest weight come before it.
            self.masses[place] = self.masses[place].wrapping_add(mass);
        }
    }

    fn trim(&mut self) {
        let used = self.masses.iter().rposition(|mass| *mass != 0).map_or(1, |last| last + 1);
        self.masses.truncate(used);
    }
}

/// The part of its epoch that has passed at a moment, in [0, 1).
fn passed(at_ms: i64, half_life_ms: i64) -> f64 {
    at_ms.rem_euclid(half_life_ms) as f64 / half_life_ms as f64
}

/// The number nearest to the sum of masses, ties to even, from the newest epoch on, each worth half of the one before it; in
/// units of the oldest. Most sums are short, which is faster.
fn nearest(masses: &[i64]) -> f64 {
    let short = masses.iter().try_fold(0_i64, |total, mass| total.checked_mul(2)?.checked_add(*mass));
    let long = || masses.iter().fold(0_i128, |total, mass| (total << 1) + i128::from(*mass)) as f64;
    short.map_or_else(long, |total| total as f64)
}

/// 2^exponent, exactly; 0 where that is too small for a number.
fn power_of_two(exponent: i64) -> f64 {
    match exponent {
        -1022..=1023 => f64::from_bits(((exponent + 1023) as u64) << 52),
        ..-1022 => libm::ldexp(1.0, exponent.max(-1100) as i32),
        _ => f64::from_bits((1023 + 1023) << 52),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn sum(events: &[(f64, i64)]) -> EpochSum {
        let mut sum = EpochSum::default();
        events.iter().for_each(|(points, at)| sum.add(*points, *at, DAY));
        sum
    }

    /// Forward, backward, and as a merge of two halves.
    fn check(events: &[(f64, i64)]) {
        let whole = sum(events);
        let backward: Vec<_> = events.iter().rev().copied().collect();
        assert_eq!(whole, sum(&backward), "{events:?}");
        for split in 0..=events.len() {
            let mut merged = sum(&events[..split]);
            merged.merge(&sum(&events[split..]));
            assert_eq!(whole, merged, "{events:?} split at {split}");
        }
        assert_eq!(EpochSum::from_masses(whole.top, whole.masses()), Some(whole));
    }

    #[test]
    fn is_free_of_order() {
        check(&[]);
        check(&[(1.0, 5)]);
        check(&[(1.0, 5), (-1.0, 5)]);
        check(&[(1.0, 5), (-1.0, 5), (3.0, -9 * DAY), (-3.0, -9 * DAY)]);
        check(&[(1.0, 0), (2.0, 40 * DAY), (4.0, 41 * DAY), (8.0, 81 * DAY), (1.0, 82 * DAY)]);
        check(&[(1.0, 0), (2.0, 39 * DAY), (4.0, 3 * DAY), (8.0, 100_000 * DAY), (1.0, i64::MAX), (1.0, i64::MIN)]);
        check(&[(0.0, 90 * DAY), (1e-9, 99 * DAY), (5.0, DAY)]);
    }

    #[test]
    fn halves_with_each_half_life() {
        let sum = sum(&[(4.0, 10 * DAY), (1.5, 3 * DAY + 777), (-0.5, 9 * DAY + 5)]);
        let at = |t| sum.value(EpochTime::new(t, DAY));
        let now = at(10 * DAY + 12_345);
        for halvings in 1..60 {
            let expected = now / (1_u64 << halvings) as f64;
            assert_eq!(at(10 * DAY + 12_345 + halvings * DAY), expected, "{halvings}");
        }
        assert_eq!(at(i64::MAX), 0.0);
        assert!((now - 4.0 * 0.5_f64.powf(12_345.0 / DAY as f64)).abs() < 0.5);
    }

    #[test]
    fn a_retracted_event_leaves_nothing() {
        let mut with = sum(&[(2.0, DAY)]);
        with.add(5.0, DAY + 3, DAY);
        with.retract(5.0, DAY + 3, DAY);
        assert_eq!(with, sum(&[(2.0, DAY)]));
    }

    #[test]
    fn refuses_masses_that_are_no_sum() {
        assert_eq!(EpochSum::from_masses(1, &[]), None);
        assert_eq!(EpochSum::from_masses(1, &[1, 0]), None);
        assert_eq!(EpochSum::from_masses(1, &[1; 42]), None);
        assert!(EpochSum::from_masses(1, &[0]).is_some());
    }

    #[test]
    fn short_and_long_sums_are_the_nearest_number() {
        let check = |masses: &[i64]| {
            let sum = masses.iter().fold(0_i128, |total, mass| (total << 1) + i128::from(*mass));
            assert_eq!(nearest(masses), sum as f64, "{masses:?}");
        };
        for bits in [0, 20, 50, 52, 53, 54, 58, 59, 60, 61, 62] {
            let mass = (1 << bits) + 1;
            check(&[mass, mass]);
            check(&[mass, -mass, mass]);
            check(&[-mass; 4]);
            check(&[mass; EPOCHS_BEFORE_TOP + 1]);
        }
        check(&[i64::MAX; 2]);
        check(&[i64::MIN; 2]);
    }

    #[test]
    fn powers_of_two_are_exact() {
        for exponent in [-1100, -1074, -1023, -1022, -20, 0, 1, 1023] {
            assert_eq!(power_of_two(exponent), libm::ldexp(1.0, exponent as i32), "{exponent}");
        }
    }
}
