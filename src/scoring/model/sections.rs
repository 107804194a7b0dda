//! The smaller sections of a model: readiness, stages, fit, grade, contact limits, topics, targets.

use crate::scoring::model::{ByOutreach, TopicKey};
use crate::scoring::stage::Stage;

/// How engagement, exposure and pressure become readiness.
#[derive(Debug, Clone, PartialEq)]
pub struct Readiness {
    /// Share of engagement in readiness.
    pub engagement_weight: f64,
    /// Points of full affinity in readiness.
    pub affinity_points: f64,
    /// κ: weighted contact days to 63 % familiarity; above 0.
    pub familiarity_scale: f64,
    /// φ: pressure that costs 63 % of affinity; above 0.
    pub fatigue_scale: f64,
    /// h_P, ms.
    pub pressure_half_life_ms: i64,
    /// Above it only a hand-raise speaks.
    pub pressure_max: f64,
    /// Share of a touch's pressure that an answer takes back, in [0, 1].
    pub forgiveness: f64,
    /// Half-life of topic points, ms.
    pub topic_half_life_ms: i64,
}

/// When a lead is new, repeat, fan or dormant, and from what readiness it is ready.
#[derive(Debug, Clone, PartialEq)]
pub struct Stages {
    /// Distinct purchase days from which on a lead is `repeat`.
    pub repeat_purchases: u16,
    /// Distinct purchase days from which on a lead can be a `fan`.
    pub fan_purchases: u16,
    pub fan_alive_min: f64,
    pub dormant_alive_max: f64,
    /// Without an inbound event for so long a lead is dormant, ms.
    pub dormant_silence_ms: i64,
    pub alive: Alive,
    on: [f64; 5],
    off_ratio: f64,
}

impl Stages {
    pub(super) fn set_thresholds(&mut self, on: [f64; 5], off_ratio: f64) {
        (self.on, self.off_ratio) = (on, off_ratio);
    }

    pub(super) fn new(
        (repeat_purchases, fan_purchases): (u16, u16),
        (fan_alive_min, dormant_alive_max): (f64, f64),
        dormant_silence_ms: i64,
        alive: Alive,
    ) -> Stages {
        let (on, off_ratio) = ([0.0; 5], 0.0);
        Stages {
            repeat_purchases,
            fan_purchases,
            fan_alive_min,
            dormant_alive_max,
            dormant_silence_ms,
            alive,
            on,
            off_ratio,
        }
    }

    /// Readiness from which on a lead of that stage is ready.
    pub fn on(&self, stage: Stage) -> f64 {
        self.on[stage as usize]
    }

    /// Readiness below which a lead of that stage is ready no more.
    pub fn off(&self, stage: Stage) -> f64 {
        self.on(stage) * self.off_ratio
    }
}

/// Parameters of MBG/NBD, the chance that a customer still is one; time in weeks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alive {
    pub r: f64,
    pub alpha: f64,
    pub a: f64,
    pub b: f64,
}

/// What a lead's attributes are worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Points from which on the letter is A, B, C; falling.
    pub letters_from: [f64; 3],
    pub rules: Vec<FitRule>,
}

/// Points for one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct FitRule {
    pub id: Box<str>,
    pub attribute: Box<str>,
    pub test: FitTest,
    pub points: f64,
}

/// What an attribute must be.
#[derive(Debug, Clone, PartialEq)]
pub enum FitTest {
    Equals(Box<str>),
    OneOf(Vec<Box<str>>),
    /// A number from `at_least` on, and below `below` where that is given.
    Range {
        at_least: f64,
        below: Option<f64>,
    },
    Present,
}

/// The digit of a grade.
#[derive(Debug, Clone, PartialEq)]
pub struct GradeRules {
    /// Readiness from which on the digit is 1, 2, 3; falling.
    pub digits_from: [f64; 3],
}

/// How often and when we may contact a lead.
#[derive(Debug, Clone, PartialEq)]
pub struct ContactRules {
    /// Caps of each channel; none is no limit.
    pub caps: ByOutreach<Vec<Cap>>,
    /// Caps over all channels together.
    pub caps_all: Vec<Cap>,
    /// Least time between two touches on a channel, ms.
    pub gaps_ms: ByOutreach<i64>,
    /// Least time between two touches on any channel, ms.
    pub gap_any_ms: i64,
    /// No mail for so long after a comparison sheet was downloaded, ms.
    pub comparison_pause_ms: i64,
    /// For so long a hand-raise may be answered on its channel, ms.
    pub reply_right_ms: i64,
    /// Selling stops for so long after a complaint, ms.
    pub complaint_stop_ms: i64,
    /// Selling stops for so long after a support issue, ms.
    pub issue_stop_ms: i64,
}

/// At most so many touches in so many local days, today included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    /// 1 to 31.
    pub days: u8,
    pub touches_max: u16,
}

/// A product or interest that collects points.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    pub id: Box<str>,
    pub key: TopicKey,
}

/// What is held against what happens, as metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    pub speed_to_lead_ms: i64,
    pub ready_accepted_ratio: f64,
    pub ignored_ratio_max: f64,
}
