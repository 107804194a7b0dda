//! The parts of Facts that repeat by channel, rule or topic, and those that only some leads have.

use super::attributes::Attributes;
use super::register::{Consent, Earliest, Latest, Register};
use super::touch_days::TouchDays;
use crate::scoring::calendar::Calendar;
use crate::scoring::epoch_sum::EpochSum;
use crate::scoring::event::Purpose;
use crate::scoring::model::{Channel, RuleKey, TopicKey};

/// What happened on one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelFacts {
    pub channel: Channel,
    pub contact_days: Calendar,
    pub touch_days: TouchDays,
    pub last_contact: Latest,
    pub last_inbound: Latest,
    /// The last touch.
    pub last_outbound: Latest,
    pub last_hand_raise: Latest,
}

impl ChannelFacts {
    pub(super) fn new(channel: Channel) -> ChannelFacts {
        ChannelFacts {
            channel,
            contact_days: Calendar::default(),
            touch_days: TouchDays::default(),
            last_contact: Latest::default(),
            last_inbound: Latest::default(),
            last_outbound: Latest::default(),
            last_hand_raise: Latest::default(),
        }
    }
}

/// What one rule counted. The key tells the limit apart, so the kind of points follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleFact {
    pub key: RuleKey,
    pub points: RulePoints,
}

/// Points by the limit of their rule.
#[derive(Debug, Clone, PartialEq)]
pub enum RulePoints {
    /// Sum of all events, in points.
    Every(EpochSum),
    /// The days on which there was an event.
    Daily(Calendar),
    /// The earliest event.
    Once(Earliest),
}

/// Points of one topic.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicFact {
    pub key: TopicKey,
    pub points: EpochSum,
}

/// The last of things that happen to few leads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moments {
    pub sequence_mark: Latest,
    pub cart_mark: Latest,
    pub comparison_sheet: Latest,
    pub purchase: Latest,
    pub complaint: Latest,
    pub issue: Latest,
    pub resolution: Latest,
}

/// What the lead is and what it allows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Profile {
    pub attributes: Attributes,
    pub account: Option<Register<Box<str>>>,
    pub owner: Option<Register<Owner>>,
    pub bant: Bant,
    /// By channel and purpose.
    pub consents: Vec<ConsentEntry>,
    /// The lead refused calls and visits (true), or allowed them again.
    pub refused: Option<Register<bool>>,
    /// Mail does not reach the lead (true), or does again.
    pub undeliverable: Option<Register<bool>>,
}

impl Profile {
    /// What attributes and texts take, bytes of state; a little more than they do.
    pub(super) fn text_bytes(&self) -> usize {
        /// Length, time and framing.
        const REGISTER_BYTES: usize = 12;
        let weight = |text: Option<&str>| REGISTER_BYTES + text.map_or(0, str::len);
        let attributes = self.attributes.registers().iter();
        let attributes = attributes.map(|(name, register)| name.len() + weight(register.value.as_deref()));
        let owner = self.owner.as_ref().map(|owner| &owner.value);
        let owner = owner.map_or(0, |(id, role)| weight(id.as_deref()) + weight(role.as_deref()));
        let texts = [&self.account, &self.bant.budget, &self.bant.authority, &self.bant.need];
        let texts = texts.iter().map(|text| weight(text.as_ref().map(|text| &*text.value)));
        attributes.sum::<usize>() + owner + texts.sum::<usize>()
    }
}

/// Id and role of the one who looks after the lead.
pub type Owner = (Option<Box<str>>, Option<Box<str>>);

/// Budget, authority, need and timeline, as sales learned them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bant {
    pub budget: Option<Register<Box<str>>>,
    pub authority: Option<Register<Box<str>>>,
    pub need: Option<Register<Box<str>>>,
    /// Days since the epoch.
    pub timeline: Option<Register<i32>>,
}

/// Consent for one channel and purpose.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsentEntry {
    pub channel: Channel,
    /// Never unknown: that is marketing.
    pub purpose: Purpose,
    pub consent: Register<Consent>,
}
