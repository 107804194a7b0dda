//! The course of decisions: each begins with READY, is escalated only while it stands, and is withdrawn once at most.
//! Whoever reads committed records never reads a retraction of something that was not said, or of something twice.

use std::collections::HashMap;

use crate::scoring::decision::{Decision, DecisionId, DecisionType};
use crate::scoring::identity::MARKER_MS;
use crate::wire::keys;

/// A decision is dated by the newest event of its lead, which may be ahead of the clock that an erasure was made at.
const AHEAD_MAX_MS: i64 = 86_400_000;

/// What was said of each lead, by the lead's hash.
#[derive(Debug, Default)]
pub struct Course(HashMap<u64, Said, foldhash::fast::RandomState>);

#[derive(Debug, Default)]
struct Said {
    /// The newest READY; `None` once it was withdrawn.
    open: Option<DecisionId>,
    /// When the newest decision was made, ms since the epoch.
    last_ms: Option<i64>,
    life: u32,
}

impl Course {
    /// Tells which of the lead's lives it is of: the marker of an erased lead goes in the end, and whoever comes again
    /// under that id begins with the first episode, hence with decision ids that were there before.
    ///
    /// # Errors
    /// What is wrong with this one, in words.
    pub fn take(&mut self, decision: &Decision) -> Result<u32, String> {
        let Decision { decision_id, lead_id, decision_type, .. } = decision;
        let said = self.0.entry(keys::lead_hash(lead_id)).or_default();
        let is_open = said.open == Some(*decision_id);
        match decision_type {
            DecisionType::Ready if is_open => {
                return Err(format!("decision {decision_id} of lead {lead_id} is ready while it is open already"));
            }
            DecisionType::Ready => {
                said.life += u32::from(said.begins_anew(decision));
                said.open = Some(*decision_id);
            }
            DecisionType::Escalated if is_open => {}
            DecisionType::Withdrawn if is_open => said.open = None,
            DecisionType::Escalated | DecisionType::Withdrawn => {
                let kind = decision_type.as_str();
                return Err(format!("decision {decision_id} of lead {lead_id} is {kind}, but no READY of it is open"));
            }
        }
        said.last_ms = said.last_ms.max(Some(decision.as_of_ms));
        Ok(said.life)
    }
}

impl Said {
    fn begins_anew(&self, ready: &Decision) -> bool {
        let is_first = ready.decision_id == DecisionId::of(&ready.lead_id, 1, ready.lane);
        is_first && self.last_ms.is_some_and(|last_ms| ready.as_of_ms - last_ms >= MARKER_MS - AHEAD_MAX_MS)
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

    #[test]
    fn a_lead_lives_anew_when_its_marker_is_gone() {
        let check = |episode: u64, days: i64, life: u32| {
            let (mut course, first) = (Course::default(), ready());
            let withdrawn = Decision { decision_type: Withdrawn, ..first.clone() };
            assert_eq!([&first, &withdrawn].map(|decision| course.take(decision)), [Ok(0), Ok(0)]);
            let decision_id = DecisionId::of("lead-1", episode, Lane::Instant);
            let again = Decision { decision_id, as_of_ms: first.as_of_ms + days * 86_400_000, ..first };
            assert_eq!(course.take(&again), Ok(life), "episode {episode} after {days} days");
        };
        check(1, 400, 1);
        check(1, 398, 0);
        check(2, 400, 0);
    }
}
