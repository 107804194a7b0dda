//! Where a lead stands: by its purchase days, its silence, and the chance that it still is a customer.

use crate::scoring::model::{Alive, Stages};

/// A lead's stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stage {
    Prospect,
    New,
    Repeat,
    Fan,
    Dormant,
}

impl Stage {
    pub const ALL: [Stage; 5] = [Stage::Prospect, Stage::New, Stage::Repeat, Stage::Fan, Stage::Dormant];

    /// The name as schemas and model files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Prospect => "prospect",
            Stage::New => "new",
            Stage::Repeat => "repeat",
            Stage::Fan => "fan",
            Stage::Dormant => "dormant",
        }
    }

    /// The stage by `purchase_days` distinct days of purchase and P(alive), which a lead that never bought lacks;
    /// silence apart, which makes any lead dormant.
    pub(crate) fn of(rules: &Stages, purchase_days: usize, alive: Option<f64>) -> Stage {
        let alive = alive.unwrap_or(1.0);
        match purchase_days {
            0 => Stage::Prospect,
            _ if alive < rules.dormant_alive_max => Stage::Dormant,
            days if days >= usize::from(rules.fan_purchases) && alive >= rules.fan_alive_min => Stage::Fan,
            days if days >= usize::from(rules.repeat_purchases) => Stage::Repeat,
            _ => Stage::New,
        }
    }
}

/// P(alive) of MBG/NBD for `repeats` purchases after the first, `recency_weeks` from the first to the last and
/// `age_weeks` from the first to now; Batislam, Denizel and Filiztekin 2007. Computed in logarithms.
pub fn alive(model: &Alive, repeats: f64, recency_weeks: f64, age_weeks: f64) -> f64 {
    let odds = libm::log(model.a) - libm::log(model.b + repeats)
        + (model.r + repeats) * (libm::log(model.alpha + age_weeks) - libm::log(model.alpha + recency_weeks));
    1.0 / (1.0 + libm::exp(odds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::model::Model;

    #[test]
    fn stages_by_purchases_and_chance() {
        let text = include_str!("../../deploy/models/b2b-saas.toml");
        let rules = Model::parse(text, "b2b-saas.toml").expect("sound").stages;
        let check = |days, alive, expected| {
            assert_eq!(Stage::of(&rules, days, alive), expected, "{days} {alive:?}");
        };
        check(0, None, Stage::Prospect);
        check(1, Some(0.5), Stage::New);
        check(2, Some(0.2), Stage::New);
        check(2, Some(0.199_999), Stage::Dormant);
        check(3, Some(0.9), Stage::Repeat);
        check(6, Some(0.499_999), Stage::Repeat);
        check(6, Some(0.5), Stage::Fan);
    }
}
