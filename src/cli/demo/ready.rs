//! A record of `outreach.ready`, as a consumer of the topic reads its JSON.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What the cards show of `schemas/ready.avsc`, by its field names; times in ms since the epoch.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Ready {
    #[serde(rename = "type")]
    pub decision_type: String,
    pub lead_id: String,
    pub account_id: Option<String>,
    pub lane: String,
    pub reason: Option<String>,
    pub as_of: i64,
    pub due_at: Option<i64>,
    pub score: Score,
    pub readiness_before: f64,
    pub contributions: Vec<Contribution>,
    pub contacts: Vec<Contacts>,
    pub recommended_channel: Option<String>,
    pub window_start: Option<i64>,
    pub window_end: Option<i64>,
    pub content_kind: Option<String>,
    pub consent: String,
    pub owner_id: Option<String>,
    pub headline: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Score {
    pub readiness: f64,
    pub grade: String,
    pub stage: String,
    pub top_topic: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Contribution {
    pub label: String,
    pub points: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Contacts {
    pub channel: String,
    pub contact_days_90: u32,
    pub outbound_30: u32,
}
