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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::event::{Body, Event, Mail, MailKind, Web, WebKind};
    use crate::scoring::meaning::Meaning;

    #[test]
    fn lines_name_rules_familiarity_and_pressure() {
        let text = include_str!("../../deploy/models/b2b-saas.toml");
        let model = Model::parse(text, "b2b-saas.toml").expect("sound");
        let mut facts = Facts::default();
        assert_eq!(facts.explain(&model, 0), []);
        let bodies = [
            Body::Web(Web { kind: WebKind::SiteSearch, ..Web::default() }),
            Body::Web(Web { kind: WebKind::Download, ..Web::default() }),
            Body::Mail(Mail { kind: MailKind::Sent, ..Mail::default() }),
        ];
        for body in bodies {
            let (event_id, lead_id) = ("e".into(), "L1".into());
            let event =
                Event { event_id, lead_id, occurred_at_ms: 0, account_id: None, topic: None, machine: false, body };
            facts.apply(&model, &event, &Meaning::of(&model, &event));
        }
        let lines = facts.explain(&model, 14 * 86_400_000);
        let labels: Vec<&str> = lines.iter().map(|line| &*line.label).collect();
        assert_eq!(labels, ["familiarity", "web.download", "web.search", "pressure"]);
        // Half of 13 points are left; the share of the download is 10/13 of what the cap lets through.
        let capped = 35.0 * (1.0 - (-6.5_f64 / 35.0).exp());
        assert!((lines[1].points() - 0.7 * capped * 10.0 / 13.0).abs() < 1e-6);
        let sum: i64 = lines.iter().map(|line| line.micropoints).sum();
        assert_eq!(sum as f64 / 1e6, facts.readiness(&model, 14 * 86_400_000));
    }
}
