//! Why readiness is what it is: one line for each rule, one for familiarity, one for pressure, and they sum to it.

use std::cmp::Ordering;

use crate::scoring::facts::Facts;
use crate::scoring::model::Model;

/// One line of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// A rule's id, `familiarity` or `pressure`.
    pub label: Box<str>,
    /// Share of readiness, in millionths of a point; all of them sum to it exactly.
    pub micropoints: i64,
}

impl Contribution {
    /// Share of readiness, points.
    pub fn points(&self) -> f64 {
        self.micropoints as f64 / 1e6
    }
}

impl Facts {
    /// The lines that sum to readiness at a moment, greatest first, ties by label; none of them is 0.
    pub fn explain(&self, model: &Model, at_ms: i64) -> Vec<Contribution> {
        let parts = self.parts(model, at_ms);
        let weights = &model.readiness;
        let mut lines = Vec::with_capacity(self.rules.len() + 2);
        let mut push = |label: &str, points: f64| {
            lines.push(Contribution { label: label.into(), micropoints: micropoints(points) });
        };
        self.rule_values(model, parts.as_of_ms, |rule, value| {
            let raw = parts.raw[rule.channel];
            if raw > 0.0 {
                push(&rule.id, weights.engagement_weight * parts.capped[rule.channel] * (value / raw));
            }
        });
        push("familiarity", weights.affinity_points * parts.familiarity);
        push("pressure", weights.affinity_points * (parts.affinity - parts.familiarity));
        let rest = micropoints(parts.readiness) - lines.iter().map(|line| line.micropoints).sum::<i64>();
        if let Some(largest) = lines.iter_mut().min_by(|a, b| in_order(a, b)) {
            largest.micropoints += rest;
        }
        lines.retain(|line| line.micropoints != 0);
        lines.sort_by(in_order);
        lines
    }
}

/// Greatest first, ties by label.
fn in_order(a: &Contribution, b: &Contribution) -> Ordering {
    b.micropoints.cmp(&a.micropoints).then_with(|| a.label.cmp(&b.label))
}

fn micropoints(points: f64) -> i64 {
    (points * 1e6).round_ties_even() as i64
}
