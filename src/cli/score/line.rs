//! One record of a file of events, however the file is written.

use serde_json::Value;

use crate::scoring::dead_letter::{DeadCause, DeadLetter};
use crate::scoring::event::InputKind;
use crate::wire::limits;
use crate::wire::topics::kind_of_default_topic;

/// A record as the log would have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// From 1.
    pub number: u64,
    pub kind: InputKind,
    pub appended_at_ms: i64,
    pub value: Value,
    /// Where it ends in the file, bytes.
    pub end_bytes: u64,
}

/// A line that is no record.
#[derive(Debug, Clone, PartialEq)]
pub struct BadLine {
    pub number: u64,
    pub dead: DeadLetter,
}

impl BadLine {
    pub fn new(number: u64, detail: impl Into<std::borrow::Cow<'static, str>>) -> BadLine {
        BadLine { number, dead: DeadLetter::new(DeadCause::Undecodable, detail) }
    }
}

/// Topics are those of the default names; append times are as plausible as event times must be.
pub fn line(number: u64, end_bytes: u64, topic: &str, appended_at: Option<i64>, value: Value) -> Result<Line, BadLine> {
    let kind = kind_of_default_topic(topic).ok_or(BadLine::new(number, "topic is none of the input topics"))?;
    let no_time = || BadLine::new(number, "appended_at is not within 2000-01-01 to 2100-01-01 in ms");
    let appended_at_ms = appended_at.filter(|time| limits::EVENT_TIMES_MS.contains(time)).ok_or_else(no_time)?;
    Ok(Line { number, kind, appended_at_ms, value, end_bytes })
}
