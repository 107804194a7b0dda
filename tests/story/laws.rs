//! Laws of decisions, over random streams of all kinds of events for one lead.
//!
//! A stream is lines of the stories' notation, so that a counterexample reads like one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use tsuikyaku::scoring::decision::{Basis, Content, Decision, DecisionType};
use tsuikyaku::scoring::episode::State;
use tsuikyaku::scoring::event::{Body, ContactKind, Event, MailKind, Profile, ProfileKind, SnsKind};
use tsuikyaku::scoring::lanes::Lane;
use tsuikyaku::scoring::lead::{Applied, At, Effects, Lead};
use tsuikyaku::scoring::meaning::Meaning;
use tsuikyaku::scoring::model::{Channel, Model};
use tsuikyaku::wire::state;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const START_MS: i64 = 1_775_005_200_000;
const LEAD: &str = "L1";

pub static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let text = std::fs::read_to_string("deploy/models/b2b-saas.toml").expect("the default model");
    Model::parse(&text, "b2b-saas.toml").unwrap_or_else(|errors| panic!("{errors:?}"))
});

/// What may happen; the first ones more often, by how streams are drawn.
pub const ACTS: [&str; 48] = [
    "web.page_view page_class=pricing",
    "web.page_view page_class=pricing",
    "web.download content_kind=white_paper",
    "web.download content_kind=comparison_sheet",
    "web.form_submit form_purpose=inquiry",
    "web.form_submit form_purpose=material_request",
    "web.chat_message",
    "web.cart_abandon",
    "mail.sent purpose=marketing message_id=m1",
    "mail.sent purpose=marketing message_id=m2",
    "mail.sent purpose=reply message_id=m3",
    "mail.sent purpose=transactional",
    "mail.clicked message_id=m1",
    "mail.replied message_id=m3",
    "mail.opened",
    "mail.bounced_hard",
    "mail.unsubscribed",
    "mail.resubscribed",
    "sns.follow direction=inbound",
    "sns.dm direction=inbound thread_id=t1",
    "sns.dm direction=outbound thread_id=t1",
    "sns.block direction=inbound",
    "contact.call_attempt decision=last",
    "contact.call_attempt occurred=-20h",
    "contact.call_answered decision=last",
    "contact.call_refused",
    "contact.meeting",
    "contact.meeting_requested",
    "contact.booth_visit",
    "contact.complaint",
    "contact.support_issue",
    "contact.support_resolved",
    "commerce.purchase",
    "commerce.purchase",
    "commerce.purchase",
    "commerce.refund order_id=o1",
    "commerce.deal_lost",
    "profile.attributes_changed attr.company=ACME attr.birth_month=6 attr.employees=800",
    "profile.attributes_changed attr.time_zone=America/New_York",
    "profile.bant_updated bant_timeline=2026-09-30",
    "profile.consent_granted channel=mail purpose=marketing",
    "profile.consent_granted channel=sns purpose=marketing expires_at=+9d",
    "profile.consent_granted channel=person purpose=marketing",
    "profile.consent_revoked channel=person purpose=marketing",
    "profile.erased",
    "outcome.accepted decision=last",
    "outcome.rejected decision=last",
    "outcome.won decision=last",
];

/// A line and how long after the one before it.
#[derive(Clone)]
struct Stream(Vec<(i64, usize)>);

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nmodel b2b-saas\nstart 2026-04-01 10:00 +09:00")?;
        self.0.iter().try_for_each(|(gap_ms, act)| writeln!(f, "+{gap_ms}ms {}", ACTS[*act]))
    }
}

fn stream() -> impl Strategy<Value = Stream> {
    let gap = prop_oneof![
        3 => 1..HOUR_MS,
        3 => HOUR_MS..DAY_MS,
        3 => DAY_MS..5 * DAY_MS,
        1 => 5 * DAY_MS..40 * DAY_MS,
        1 => Just(DAY_MS),
    ];
    prop::collection::vec((gap, 0..ACTS.len()), 1..60).prop_map(Stream)
}

/// One moment of a stream: what came out, and the lead before and after.
struct Turn<'a> {
    now_ms: i64,
    /// None for a timer, and for an event of before an erasure.
    event: Option<&'a Event<'a>>,
    before: &'a Lead,
    after: &'a Lead,
    out: &'a Effects,
}

impl Turn<'_> {
    fn readies(&self) -> impl Iterator<Item = &Decision> {
        self.out.decisions.iter().filter(|decision| decision.decision_type == DecisionType::Ready)
    }
}

/// Plays a stream and shows every turn, timers included, to `law`.
fn play(stream: &Stream, mut law: impl FnMut(&Turn<'_>) -> TestCaseResult) -> TestCaseResult {
    let (mut lead, mut clock_ms) = (Lead::default(), START_MS);
    let mut last_ready = BTreeMap::from([(LEAD.to_string(), "none".to_string())]);
    for (number, (gap_ms, act)) in stream.0.iter().chain(&[(90 * DAY_MS, 14)]).enumerate() {
        clock_ms += gap_ms;
        while let Some(due_ms) = lead.timer_ms().filter(|due_ms| *due_ms <= clock_ms) {
            let (before, mut out) = (lead.clone(), Effects::default());
            lead.fire(&MODEL, LEAD, due_ms, &mut out);
            note(&out, &mut last_ready);
            law(&Turn { now_ms: due_ms, event: None, before: &before, after: &lead, out: &out })?;
        }
        let event = super::story::event::parse(ACTS[*act], clock_ms, number as u32, &last_ready);
        let (before, mut out) = (lead.clone(), Effects::default());
        let at = At { clock_ms, appended_at_ms: clock_ms, hops: 0 };
        let applied = lead.apply(&MODEL, LEAD, &event, at, &mut out);
        prop_assert!(matches!(applied, Applied::Changed | Applied::Erased), "{applied:?}");
        note(&out, &mut last_ready);
        let event = Some(&event).filter(|_| applied == Applied::Changed);
        law(&Turn { now_ms: clock_ms, event, before: &before, after: &lead, out: &out })?;
    }
    Ok(())
}

fn note(out: &Effects, last_ready: &mut BTreeMap<String, String>) {
    for decision in out.decisions.iter().filter(|decision| decision.decision_type == DecisionType::Ready) {
        last_ready.insert(LEAD.into(), decision.decision_id.to_string());
    }
}

/// What the stream said about being contacted, told again by other means than Facts.
#[derive(Default)]
struct Ledger {
    touches: Vec<(i64, Channel)>,
    mail_allowed: bool,
    sns_allowed_until_ms: Option<i64>,
    person_revoked: bool,
    person_refused: bool,
    undeliverable: bool,
    sheet_ms: Option<i64>,
}

impl Ledger {
    fn note(&mut self, event: &Event<'_>) {
        if let Some(channel) = Meaning::of(&MODEL, event).touch() {
            self.touches.push((event.occurred_at_ms, channel));
        }
        match &event.body {
            Body::Web(web) if web.content_kind.as_deref() == Some("comparison_sheet") => {
                self.sheet_ms = Some(event.occurred_at_ms);
            }
            Body::Mail(mail) => match mail.kind {
                MailKind::BouncedHard => self.undeliverable = true,
                MailKind::Unsubscribed => self.mail_allowed = false,
                MailKind::Resubscribed => (self.mail_allowed, self.undeliverable) = (true, false),
                _ => {}
            },
            Body::Sns(sns) if sns.kind == SnsKind::Follow => self.sns_allowed_until_ms = Some(i64::MAX),
            Body::Sns(sns) if sns.kind == SnsKind::Block => self.sns_allowed_until_ms = None,
            Body::Contact(contact) if contact.kind == ContactKind::CallRefused => self.person_refused = true,
            Body::Profile(profile) => self.note_profile(profile),
            _ => {}
        }
    }

    fn note_profile(&mut self, profile: &Profile<'_>) {
        let channel = profile.channel.as_str();
        match profile.kind {
            ProfileKind::Erased => *self = Ledger::default(),
            ProfileKind::ConsentGranted if channel == "mail" => self.mail_allowed = true,
            ProfileKind::ConsentGranted if channel == "sns" => self.sns_allowed_until_ms = profile.expires_at_ms,
            ProfileKind::ConsentGranted => (self.person_refused, self.person_revoked) = (false, false),
            ProfileKind::ConsentRevoked => self.person_revoked = true,
            _ => {}
        }
    }

    fn consents(&self, channel: Channel, now_ms: i64) -> bool {
        match channel {
            Channel::Mail => self.mail_allowed && !self.undeliverable,
            Channel::Sns => self.sns_allowed_until_ms.is_some_and(|until_ms| now_ms < until_ms),
            _ => !self.person_revoked && !self.person_refused,
        }
    }

    fn within_limits(&self, channel: Channel, now_ms: i64) -> bool {
        let since = |of: Option<Channel>| {
            let last =
                self.touches.iter().filter(|(_, on)| of.is_none_or(|of| of == *on)).map(|(at_ms, _)| *at_ms).max();
            last.map_or(i64::MAX, |at_ms| now_ms - at_ms)
        };
        let day = |at_ms: i64| (at_ms + 9 * HOUR_MS).div_euclid(DAY_MS);
        let count = |of: Option<Channel>, days: i64| {
            let recent = |at_ms: i64| (0..days).contains(&(day(now_ms) - day(at_ms)));
            self.touches.iter().filter(|(at_ms, on)| of.is_none_or(|of| of == *on) && recent(*at_ms)).count()
        };
        let (gap_ms, in_7, in_30) = match channel {
            Channel::Mail => (72 * HOUR_MS, 2, 7),
            Channel::Sns => (48 * HOUR_MS, 2, 7),
            _ => (7 * DAY_MS, 1, 3),
        };
        let sheet_rests = channel != Channel::Mail || self.sheet_ms.is_none_or(|at_ms| now_ms - at_ms >= 72 * HOUR_MS);
        sheet_rests
            && since(Some(channel)) >= gap_ms
            && since(None) >= DAY_MS
            && count(Some(channel), 7) < in_7
            && count(Some(channel), 30) < in_30
            && count(None, 7) < 4
            && count(None, 30) < 10
    }
}

/// Whether the event is a hand-raise that nothing acted on, is fresh, and cannot be a line of a conversation.
fn begins_conversation(turn: &Turn<'_>, event: &Event<'_>) -> bool {
    let Some(channel) = Meaning::of(&MODEL, event).hand_raise() else { return false };
    let acted = &turn.before.episode.acted;
    turn.now_ms - event.occurred_at_ms <= DAY_MS
        && Some(event.occurred_at_ms) > acted.hand_raise_ms
        && !turn.before.episode.is_open_in(Lane::Instant)
        && acted.instant.is_none_or(|(_, last)| last != channel)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn score_speaks_once_in_two_weeks_unless_readiness_fell(stream in stream()) {
        let (mut last_ms, mut fell) = (None, false);
        play(&stream, |turn| {
            let stands = turn.before.snapshot(&MODEL, LEAD, turn.now_ms).score;
            fell |= stands.readiness < MODEL.stages.off(stands.stage);
            for ready in turn.readies().filter(|ready| ready.lane == Lane::Score) {
                let rests = last_ms.is_none_or(|last_ms| {
                    let since_ms = ready.as_of_ms - last_ms;
                    since_ms >= 72 * HOUR_MS && (fell || since_ms >= 14 * DAY_MS)
                });
                prop_assert!(rests, "again after {:?}", last_ms.map(|last_ms| ready.as_of_ms - last_ms));
                (last_ms, fell) = (Some(ready.as_of_ms), false);
            }
            if turn.after.facts.is_empty() {
                last_ms = None; // erased: whoever comes now is somebody else
            }
            Ok(())
        })?;
    }

    #[test]
    fn nobody_speaks_on_a_closed_channel(stream in stream()) {
        let mut ledger = Ledger::default();
        play(&stream, |turn| {
            if let Some(event) = turn.event {
                ledger.note(event);
            }
            for ready in turn.readies() {
                let (channel, now_ms) = (ready.recommended_channel, ready.as_of_ms);
                prop_assert!(channel != Channel::Person || !ledger.person_refused, "called who refused");
                let consent = ready.consent.expect("a READY rests on something");
                prop_assert_eq!(consent.channel, channel);
                if ready.lane == Lane::Instant {
                    prop_assert_eq!(consent.basis, Basis::Reply);
                    continue;
                }
                prop_assert!(ledger.consents(channel, now_ms), "{:?} on {:?} without consent", ready.lane, channel);
                if ready.content != Some(Content::Kind("apology")) {
                    prop_assert!(ledger.within_limits(channel, now_ms), "{:?} on {:?} too often", ready.lane, channel);
                    prop_assert!(ready.lane == Lane::FanAtRisk || ready.score.pressure <= 6.0);
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_fresh_hand_raise_is_always_ready_and_an_erased_lead_never(stream in stream()) {
        let mut silent_since_erased = false;
        play(&stream, |turn| {
            let is_erasure = turn.event.is_some_and(
                |event| matches!(&event.body, Body::Profile(profile) if profile.kind == ProfileKind::Erased));
            silent_since_erased = is_erasure || (silent_since_erased && turn.event.is_none());
            prop_assert!(!silent_since_erased || turn.readies().next().is_none(), "READY for an erased lead");
            if let Some(event) = turn.event.filter(|event| begins_conversation(turn, event)) {
                prop_assert!(turn.readies().any(|ready| ready.lane == Lane::Instant), "unanswered: {event:?}");
            }
            Ok(())
        })?;
    }

    #[test]
    fn timers_fire_once_and_later(stream in stream()) {
        play(&stream, |turn| {
            if let Some(timer_ms) = turn.after.timer_ms() {
                prop_assert!(timer_ms > turn.now_ms, "a timer of the past");
                let (mut early, mut out) = (turn.after.clone(), Effects::default());
                early.fire(&MODEL, LEAD, timer_ms - 1, &mut out);
                prop_assert!(early == *turn.after && out == Effects::default(), "fired before it was due");
            } else {
                let (mut none, mut out) = (turn.after.clone(), Effects::default());
                none.fire(&MODEL, LEAD, i64::MAX, &mut out);
                prop_assert!(none == *turn.after && out == Effects::default(), "fired without a timer");
            }
            Ok(())
        })?;
    }

    #[test]
    fn states_survive_a_restart_and_repetitions_change_nothing(stream in stream()) {
        play(&stream, |turn| {
            let mut bytes = Vec::new();
            state::encode(turn.after, &mut bytes);
            let restored = state::decode(&bytes).expect("our own bytes");
            prop_assert_eq!(&restored, turn.after);
            if let Some(event) = turn.event {
                let (mut again, mut out) = (restored, Effects::default());
                let at = At { clock_ms: turn.now_ms, appended_at_ms: turn.now_ms, hops: 0 };
                let applied = again.apply(&MODEL, LEAD, event, at, &mut out);
                prop_assert!(matches!(applied, Applied::Duplicate | Applied::Erased), "{applied:?}");
                prop_assert!(again == *turn.after && out == Effects::default());
            }
            Ok(())
        })?;
    }

    #[test]
    fn decisions_are_whole(stream in stream()) {
        let (mut open, mut number) = (None, 0);
        play(&stream, |turn| {
            for decision in &turn.out.decisions {
                prop_assert_eq!(decision.as_of_ms, turn.now_ms);
                let sum: f64 = decision.contributions.iter().map(|line| line.points).sum();
                prop_assert!((sum - decision.score.readiness).abs() < 1e-6);
                prop_assert!(decision.due_at_ms <= decision.expires_at_ms);
                prop_assert!(decision.headline.by_tag().iter().all(|(_, line)| !line.is_empty()));
                match decision.decision_type {
                    DecisionType::Ready => {
                        // A touch acts on the open one without a word, and the complaint that waited is next.
                        prop_assert!(open.is_none() || turn.event.is_some(), "two are open");
                        let window = decision.window.expect("a window");
                        prop_assert!(window.start_ms >= decision.as_of_ms && window.start_ms < window.end_ms);
                        prop_assert!(decision.lane == Lane::Instant || window.end_ms <= decision.due_at_ms);
                        open = Some(decision.decision_id);
                        number += 1;
                    }
                    DecisionType::Withdrawn => prop_assert_eq!(open.take(), Some(decision.decision_id)),
                    DecisionType::Escalated => prop_assert_eq!(open, Some(decision.decision_id)),
                }
            }
            prop_assert_eq!(turn.after.episode.number, number);
            if turn.after.episode.state != State::Open {
                open = None;
            }
            prop_assert_eq!(turn.after.episode.open().map(|ready| ready.id), open);
            Ok(())
        })?;
    }
}
