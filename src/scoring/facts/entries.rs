//! Entries of the sets of which the newest are kept.

use crate::scoring::model::Channel;
use crate::scoring::newest::{self, Newest};

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

/// The newest touches and the newest answers, in one piece of memory: most leads have few of either.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reaches {
    /// Touches, then answers, each rising.
    entries: Vec<Reach>,
    touch_count: usize,
}

impl Reaches {
    /// From the oldest to the newest.
    pub fn touches(&self) -> &[Reach] {
        &self.entries[..self.touch_count]
    }

    /// From the oldest to the newest.
    pub fn answers(&self) -> &[Reach] {
        &self.entries[self.touch_count..]
    }

    pub(super) fn insert_touch(&mut self, touch: Reach) {
        self.touch_count += newest::insert(&mut self.entries, (0, self.touch_count), TOUCHES_MAX, touch);
    }

    pub(super) fn insert_answer(&mut self, answer: Reach) {
        let answers = (self.touch_count, self.entries.len());
        newest::insert(&mut self.entries, answers, ANSWERS_MAX, answer);
    }

    pub(super) fn merge(&mut self, other: &Reaches) {
        other.touches().iter().for_each(|touch| self.insert_touch(*touch));
        other.answers().iter().for_each(|answer| self.insert_answer(*answer));
    }

    /// Those touches and answers; `None` where one of the two is not rising or has too many.
    pub fn from_rising(touches_and_answers: &[Reach], touch_count: usize) -> Option<Reaches> {
        let (touches, answers) = touches_and_answers.split_at_checked(touch_count)?;
        let are_few = touches.len() <= TOUCHES_MAX && answers.len() <= ANSWERS_MAX;
        let are_rising = newest::is_rising(touches) && newest::is_rising(answers);
        (are_few && are_rising).then(|| Reaches { entries: touches_and_answers.to_vec(), touch_count })
    }
}

/// Orders and refunds, of leads that bought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Purchases {
    pub orders: Newest<Order, ORDERS_MAX>,
    pub refunds: Newest<Refund, ORDERS_MAX>,
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
