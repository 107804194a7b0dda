//! Facts: what is known of a lead, as a function of the *set* of its events, whatever their order.
//!
//! Invariant: equal sets of events are equal Facts, byte for byte; two halves merged equal the whole. Everything here
//! is a sum of integers, a union, a minimum, a maximum, the newest of a set, or a register in which the last writer
//! wins, kept in sorted lists. Lacks: any clock, and any decision.

mod apply;
mod attributes;
mod entries;
mod merge;
mod parts;
mod queries;
mod register;
mod room;
mod texts;
mod touch_days;

pub use attributes::{ATTRIBUTES_MAX, Attribute, Attributes};
pub use entries::{ANSWERS_MAX, ORDERS_MAX, Order, Purchases, Reach, Reaches, Refund, TOUCHES_MAX};
pub use parts::{Bant, ChannelFacts, ConsentEntry, Moments, Owner, Profile, RuleFact, RulePoints, TopicFact};
pub use register::{Consent, Earliest, Latest, Register};
pub use texts::TEXT_KEPT_BYTES_MAX;
pub use touch_days::{TOUCH_DAYS, TouchDays};

use crate::ahead::soon;
use crate::scoring::epoch_sum::EpochSum;

/// Entries of rules that stored state may hold: those of the model, and as many again of earlier ones.
pub const RULE_FACTS_MAX: usize = 2 * crate::scoring::model::RULES_MAX;
/// Entries of topics that stored state may hold.
pub const TOPIC_FACTS_MAX: usize = 2 * crate::scoring::model::TOPICS_MAX;

/// Everything known of one lead.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// First event but machine's, outcomes and identity.
    pub first_seen: Earliest,
    /// Newest of the same events; reading is never before it.
    pub newest: Latest,
    /// Pressure of all touches.
    pub pressure: EpochSum,
    /// Only channels that something happened on, by channel.
    pub channels: Vec<ChannelFacts>,
    /// Only rules that counted, by key.
    pub rules: Vec<RuleFact>,
    /// Only topics that counted, by key.
    pub topics: Vec<TopicFact>,
    pub reaches: Reaches,
    pub purchases: Option<Box<Purchases>>,
    /// Inbound events by hour of the model's local day; counts stop at 255.
    pub inbound_hours: [u8; 24],
    /// Last of the moments that few leads have.
    pub moments: Option<Box<Moments>>,
    /// Attributes, consent and the like.
    pub profile: Option<Box<Profile>>,
}

impl Facts {
    /// The lists that every event reads are needed soon.
    pub(crate) fn soon(&self) {
        soon(&*self.channels);
        soon(&*self.rules);
    }
}
