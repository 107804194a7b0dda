//! Entries of the sets of which the newest are kept.

use crate::scoring::model::Channel;

/// Touches kept.
pub const TOUCHES_MAX: usize = 16;
/// Answers kept.
pub const ANSWERS_MAX: usize = 16;
/// Orders kept, and refunds.
pub const ORDERS_MAX: usize = 128;

/// A touch or an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reach {
    pub at_ms: i64,
    /// Hash of the event's id: tells apart what happened in the same millisecond.
    pub event: u32,
    pub channel: Channel,
    /// Hash of the reference by which answers meet touches, where there is one.
    pub reference: Option<std::num::NonZeroU64>,
}

impl Reach {
    /// Whether this answer answers that touch.
    pub fn answers(&self, touch: &Reach) -> bool {
        self.channel == touch.channel && self.reference.is_some() && self.reference == touch.reference
    }
}

/// A purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// Local day, as days since the epoch.
    pub day: i32,
    /// Hash of the order's id, else of the event's.
    pub order: u64,
}

/// A purchase taken back: its order is no purchase any more, whenever it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refund {
    /// Local day of the refund.
    pub day: i32,
    /// Hash of the order's id, else of the event's.
    pub order: u64,
}
