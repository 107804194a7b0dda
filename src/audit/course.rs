//! The course of decisions: each begins with READY, is escalated only while it stands, and is withdrawn once at most.
//! Whoever reads committed records never reads a retraction of something that was not said, or of something twice.

use std::collections::HashMap;

use crate::scoring::decision::{Decision, DecisionId, DecisionType};
use crate::wire::keys;

/// The newest READY of each lead, by the lead's hash; `None` once it was withdrawn.
#[derive(Debug, Default)]
pub struct Course(HashMap<u64, Option<DecisionId>, foldhash::fast::RandomState>);

impl Course {
    /// # Errors
    /// What is wrong with this one, in words.
    pub fn take(&mut self, decision: &Decision) -> Result<(), String> {
        let Decision { decision_id, lead_id, decision_type, .. } = decision;
        let open = self.0.entry(keys::lead_hash(lead_id)).or_default();
        let is_open = *open == Some(*decision_id);
        match decision_type {
            DecisionType::Ready if is_open => {
                return Err(format!("decision {decision_id} of lead {lead_id} is ready while it is open already"));
            }
            DecisionType::Ready => *open = Some(*decision_id),
            DecisionType::Escalated if is_open => {}
            DecisionType::Withdrawn if is_open => *open = None,
            DecisionType::Escalated | DecisionType::Withdrawn => {
                let kind = decision_type.as_str();
                return Err(format!("decision {decision_id} of lead {lead_id} is {kind}, but no READY of it is open"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::event::{Body, Event, FormPurpose, Web, WebKind};
    use crate::scoring::lanes::Lane;
    use crate::scoring::lead::{At, Effects, Lead};
    use crate::scoring::model::Model;
    use DecisionType::{Escalated, Ready, Withdrawn};

    /// A real decision: what a hand-raise brings.
    fn ready() -> Decision {
        let model = Model::parse(include_str!("../../deploy/models/b2b-saas.toml"), "b2b-saas.toml").unwrap();
        let web = Web { kind: WebKind::FormSubmit, form_purpose: FormPurpose::Inquiry, ..Web::default() };
        let event = Event {
            event_id: "e-1".into(),
            lead_id: "lead-1".into(),
            occurred_at_ms: 1_775_000_000_000,
            account_id: None,
            topic: None,
            machine: false,
            body: Body::Web(web),
        };
        let at = At { clock_ms: event.occurred_at_ms, appended_at_ms: event.occurred_at_ms, hops: 0 };
        let mut effects = Effects::default();
        Lead::default().apply(&model, "lead-1", &event, at, &mut effects);
        effects.decisions.remove(0)
    }

    fn check(course: &[(u64, DecisionType)], wrong: Option<&str>) {
        let mut all = Course::default();
        let first = ready();
        let mut said = course.iter().map(|(episode, decision_type)| {
            let decision_id = DecisionId::of("lead-1", *episode, Lane::Instant);
            all.take(&Decision { decision_id, decision_type: *decision_type, ..first.clone() })
        });
        let found = said.find_map(Result::err);
        assert_eq!(found.is_some(), wrong.is_some(), "{course:?}: {found:?}");
        assert!(found.unwrap_or_default().contains(wrong.unwrap_or_default()), "{course:?}");
    }

    #[test]
    fn a_decision_begins_and_ends_once() {
        check(&[(1, Ready), (1, Escalated), (1, Escalated), (1, Withdrawn), (2, Ready), (3, Ready)], None);
        check(&[(1, Withdrawn)], Some("no READY of it is open"));
        check(&[(1, Ready), (1, Withdrawn), (1, Withdrawn)], Some("is withdrawn"));
        check(&[(1, Ready), (1, Withdrawn), (1, Escalated)], Some("is escalated"));
        check(&[(1, Ready), (2, Ready), (1, Withdrawn)], Some("no READY of it is open"));
        check(&[(1, Ready), (1, Ready)], Some("open already"));
    }
}
