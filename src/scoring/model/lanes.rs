//! Parameters of the lanes, one struct a lane; the words are those of the model file, times in ms.

/// Everything the lanes are told by the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Lanes {
    /// The usual cool-down after a decision.
    pub cooldown_ms: i64,
    pub rejected_cooldown_ms: i64,
    pub lost_cooldown_ms: i64,
    pub instant: Instant,
    pub fan_at_risk: FanAtRisk,
    pub score: ScoreLane,
    pub reengage: Reengage,
    pub timeline: Timeline,
    pub sequence: Sequence,
    pub neglect: Neglect,
    pub anniversary: Anniversary,
}

/// A hand-raise is answered at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Instant {
    pub due_ms: i64,
    pub expires_ms: i64,
    /// An older hand-raise does not fire.
    pub fresh_ms: i64,
    /// For so long after our touch, the lead's next line is part of the conversation.
    pub conversation_ms: i64,
    pub breach_ms: i64,
    pub abandoned_ms: i64,
}

/// A fan complains or falls silent.
#[derive(Debug, Clone, PartialEq)]
pub struct FanAtRisk {
    pub due_ms: i64,
    pub expires_ms: i64,
    /// Silence is so many median gaps between purchase days.
    pub silence_gaps: f64,
    pub holds_ms: i64,
}

/// Readiness crossed the threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreLane {
    pub due_ms: i64,
    pub expires_ms: i64,
    /// From then on after the lane's last READY a fresh signal arms it again.
    pub again_ms: i64,
    pub contact_days_min: u32,
    /// Local days in which the contact days are counted.
    pub contact_days_window: u32,
    pub familiarity_min: f64,
    pub inbound_within_ms: i64,
}

/// A dormant lead comes back.
#[derive(Debug, Clone, PartialEq)]
pub struct Reengage {
    pub due_ms: i64,
    pub expires_ms: i64,
    pub holds_ms: i64,
    pub again_ms: i64,
}

/// A date of the lead arrives.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    pub due_ms: i64,
    pub expires_ms: i64,
    pub bant_lead_time_ms: i64,
    pub hurdle_ms: i64,
    pub cart_ms: i64,
    pub holds_ms: i64,
}

/// A series of mails.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    pub due_ms: i64,
    pub expires_ms: i64,
    /// Days after the start on which the steps are due; rising, at least one.
    pub days: Vec<u16>,
    /// A cold lead gets so many steps; at most as many as there are.
    pub cold_steps: u8,
    /// Readiness below which a lead is cold.
    pub cold_below: f64,
    /// With so many offers of one step the sequence ends.
    pub offers_max: u8,
    pub start_within_ms: i64,
    /// From the last mail to the last READY.
    pub last_ms: i64,
    pub cooldown_ms: i64,
}

/// A lead was left alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Neglect {
    pub due_ms: i64,
    pub expires_ms: i64,
    /// Tier of leads at or above their on-threshold.
    pub ready_ms: i64,
    /// Tier of leads with readiness of at least `warm_from`.
    pub warm_ms: i64,
    pub warm_from: f64,
    /// The tiers above need an inbound event within this.
    pub warm_within_ms: i64,
    pub prospect_ms: i64,
    /// New and repeat customers.
    pub customer_ms: i64,
    pub fan_ms: i64,
    pub again_ms: i64,
    pub quiet_after_ready_ms: i64,
    /// Share of customers lost after two years without contact, for the text.
    pub loss_two_years: f64,
}

/// Birthdays and the month of the first purchase.
#[derive(Debug, Clone, PartialEq)]
pub struct Anniversary {
    pub due_ms: i64,
    /// Minute of the local day.
    pub at_minute: u16,
}
