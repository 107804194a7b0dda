//! What the pipeline says: READY, WITHDRAWN and ESCALATED decisions, and public snapshots, as values.
//!
//! The fields are those of `schemas/ready.avsc` and `schemas/score.avsc`; `wire` turns them into bytes.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::scoring::headline::Headline;
use crate::scoring::lanes::Lane;
use crate::scoring::model::Channel;
use crate::scoring::stage::Stage;

/// Identity of a decision: the same lead, episode and lane give the same id on every replay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DecisionId(pub [u8; 16]);

impl DecisionId {
    /// The first 16 bytes of SHA-256 over lead id, 0, episode number in decimal, 0, lane.
    pub fn of(lead_id: &str, episode: u64, lane: Lane) -> DecisionId {
        let mut hash = Sha256::new();
        hash.update(lead_id.as_bytes());
        hash.update([0]);
        hash.update(episode.to_string().as_bytes());
        hash.update([0]);
        hash.update(lane.as_str().as_bytes());
        let digest = hash.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        DecisionId(id)
    }

    /// Whether `text` is this id in lower-case hex.
    pub fn is(&self, text: &str) -> bool {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let text = text.as_bytes();
        text.len() == 32
            && self.0.iter().zip(text.chunks_exact(2)).all(|(byte, pair)| {
                DIGITS[usize::from(byte >> 4)] == pair[0] && DIGITS[usize::from(byte & 15)] == pair[1]
            })
    }
}

impl fmt::Display for DecisionId {
    /// 32 digits of lower-case hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a decision says about its READY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DecisionType {
    /// Contact this lead now.
    Ready,
    /// Do not any more.
    Withdrawn,
    /// Nobody did yet, and it is late.
    Escalated,
}

impl DecisionType {
    pub const ALL: [DecisionType; 3] = [DecisionType::Ready, DecisionType::Withdrawn, DecisionType::Escalated];

    /// The symbol of the schema.
    pub fn as_str(self) -> &'static str {
        match self {
            DecisionType::Ready => "ready",
            DecisionType::Withdrawn => "withdrawn",
            DecisionType::Escalated => "escalated",
        }
    }
}

/// Why a READY was withdrawn or escalated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The recommended channel may not be used any more.
    ConsentLost,
    /// A complaint or a support issue stops selling.
    Complaint,
    /// The lead bought, or the deal was won.
    Purchased,
    /// Readiness fell below the level at which a READY of the score lane stands.
    ScoreFell,
    /// Nobody acted in time, or the deal was lost.
    Expired,
    /// A stronger lane took its place.
    Superseded,
    /// The lead turned out to be another one.
    Merged,
    /// The lead was erased.
    Erased,
    /// Escalated: the first step of the service level was missed.
    Breach,
    /// Escalated: the last step of the service level was missed.
    Abandoned,
}

impl Reason {
    pub const ALL: [Reason; 10] = [
        Reason::ConsentLost,
        Reason::Complaint,
        Reason::Purchased,
        Reason::ScoreFell,
        Reason::Expired,
        Reason::Superseded,
        Reason::Merged,
        Reason::Erased,
        Reason::Breach,
        Reason::Abandoned,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::ConsentLost => "consent_lost",
            Reason::Complaint => "complaint",
            Reason::Purchased => "purchased",
            Reason::ScoreFell => "score_fell",
            Reason::Expired => "expired",
            Reason::Superseded => "superseded",
            Reason::Merged => "merged",
            Reason::Erased => "erased",
            Reason::Breach => "breach",
            Reason::Abandoned => "abandoned",
        }
    }
}

/// What a permission rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The lead asked, and may be answered.
    Reply,
    /// The channel is closed until the lead opens it, and it did.
    OptIn,
    /// The channel is open until the lead closes it, and it did not.
    OptOut,
}

impl Basis {
    pub fn as_str(self) -> &'static str {
        match self {
            Basis::Reply => "reply",
            Basis::OptIn => "opt_in",
            Basis::OptOut => "opt_out",
        }
    }
}

/// Permission to contact on a channel; written `reply:person`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Permission {
    pub basis: Basis,
    pub channel: Channel,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.basis.as_str(), self.channel.as_str())
    }
}

/// What to bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// By the name that its lane gives it.
    Kind(&'static str),
    /// Step of the sequence, from 1.
    Step(u8),
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Kind(name) => f.write_str(name),
            Content::Step(step) => write!(f, "step_{step}"),
        }
    }
}

/// A span of time, ms since the epoch; `start_ms < end_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    pub start_ms: i64,
    pub end_ms: i64,
}

/// Every part of the score at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// R, points in [0, 100].
    pub readiness: f64,
    /// S, points in [0, 100].
    pub engagement: f64,
    /// E, weighted decayed contact days.
    pub exposure: f64,
    /// P, weighted decayed touches, >= 0.
    pub pressure: f64,
    /// F in [0, 1].
    pub familiarity: f64,
    /// A in [0, 1].
    pub affinity: f64,
    /// Fit in 0..=100.
    pub fit: i32,
    /// Letter of fit and digit of readiness, for example `A2`.
    pub grade: Box<str>,
    pub stage: Stage,
    /// The declared topic with most points, if any.
    pub top_topic: Option<Box<str>>,
}

/// A rule's (or `familiarity`'s, or `pressure`'s) share of readiness.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    pub label: Box<str>,
    pub points: f64,
}

/// How often a lead and we met on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactCount {
    pub channel: Channel,
    /// Contact days of the last 90 local days.
    pub contact_days_90: u32,
    /// Touches of the last 7 local days.
    pub outbound_7: u32,
    /// Touches of the last 30 local days.
    pub outbound_30: u32,
}

/// One decision: a record of `outreach.ready`.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Of the READY that this is or is about.
    pub decision_id: DecisionId,
    pub decision_type: DecisionType,
    pub lead_id: Box<str>,
    pub account_id: Option<Box<str>>,
    pub lane: Lane,
    /// None for a READY.
    pub reason: Option<Reason>,
    /// The clock at which it was decided, ms since the epoch.
    pub as_of_ms: i64,
    pub due_at_ms: i64,
    pub expires_at_ms: i64,
    pub model_name: Box<str>,
    pub model_version: Box<str>,
    pub score: Score,
    /// R at the same clock before the event; for a timer R itself.
    pub readiness_before: f64,
    /// Sum to the readiness; greatest first.
    pub contributions: Vec<Contribution>,
    pub contacts: Vec<ContactCount>,
    pub recommended_channel: Channel,
    /// When to contact; only of a READY.
    pub window: Option<Window>,
    /// What to bring; only of a READY.
    pub content: Option<Content>,
    /// What allows it; only of a READY (an empty text on the wire else).
    pub consent: Option<Permission>,
    pub owner_id: Option<Box<str>>,
    pub owner_role: Option<Box<str>>,
    /// The event that decided; none for a timer.
    pub trigger_event_id: Option<Box<str>>,
    /// One line for a sales person, in English and Japanese.
    pub headline: Headline,
}

/// The public state of a lead: a record of `lead.score`.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    pub lead_id: Box<str>,
    pub account_id: Option<Box<str>>,
    pub as_of_ms: i64,
    pub model_name: Box<str>,
    pub model_version: Box<str>,
    pub score: Score,
    pub last_inbound_at_ms: Option<i64>,
    pub last_outbound_at_ms: Option<i64>,
    /// The READY that waits to be acted on, if any.
    pub open_decision_id: Option<DecisionId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_lead_episode_and_lane() {
        let id = DecisionId::of("L1", 1, Lane::Instant);
        // printf 'L1\0001\000instant' | sha256sum
        assert_eq!(id.to_string(), "05ae5017069b7756613ee1c91a37d9d0");
        assert!(id.is(&id.to_string()));
        assert!(!id.is(&id.to_string().to_uppercase()));
        assert!(!id.is("00"));
        assert_ne!(id, DecisionId::of("L1", 2, Lane::Instant));
        assert_ne!(id, DecisionId::of("L1", 1, Lane::Score));
        assert_ne!(id, DecisionId::of("L2", 1, Lane::Instant));
    }

    #[test]
    fn names_are_those_of_the_schema() {
        let schema = include_str!("../../schemas/ready.avsc");
        for name in DecisionType::ALL.map(DecisionType::as_str).iter().chain(&Lane::ALL.map(Lane::as_str)) {
            assert!(schema.contains(&format!("\"{name}\"")), "{name}");
        }
        for reason in Reason::ALL {
            assert!(schema.contains(reason.as_str()), "{reason:?}");
        }
    }
}
