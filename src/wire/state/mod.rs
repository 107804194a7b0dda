//! State bytes of a lead. A placeholder until the codec lands: it keeps nothing.

use crate::scoring::lead::Lead;

/// The bytes are no state that this version can read.
#[derive(Debug, thiserror::Error)]
#[error("unreadable state")]
pub struct StateError;

pub fn encode(_: &Lead, _: &mut Vec<u8>) {}

/// # Errors
/// Never.
pub fn decode(_: &[u8]) -> Result<Lead, StateError> {
    Ok(Lead::default())
}

/// # Errors
/// Never.
pub fn timer_ms(_: &[u8]) -> Result<Option<i64>, StateError> {
    Ok(None)
}
