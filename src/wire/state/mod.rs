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
//! State of a lead to bytes and back: Avro single-object encoding of `schemas/lead-state.avsc`, the same bytes in the
//! store, the changelog and the cache.
//!
//! Invariants: equal leads are equal bytes; what was written once is readable for ever; hostile bytes give an error,
//! and never a panic or an allocation beyond the limits of the model. Written and read by hand, because it happens
//! with every event; `apache-avro` reads older versions and checks the hand in tests.

mod facts;
mod parts;
mod primitives;
mod profile;
mod schema;
mod seen;

use crate::scoring::facts::Facts;
use crate::wire::avro::{Cursor, Malformed};
use schema::Kind;

/// The bytes are no state that this version can use: they must not be served, and not be overwritten.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    #[error("state was written with schema {0:016x}, which this version does not know")]
    Schema(u64),
    #[error("state: {0}")]
    Malformed(#[from] Malformed),
    #[error("state of an older version does not resolve: {0}")]
    Upgrade(Box<str>),
}

/// Appends Facts alone, as one lead sends them to another.
pub fn encode_facts(facts: &Facts, out: &mut Vec<u8>) {
    out.extend_from_slice(Kind::Facts.schemas().header.as_bytes());
    facts::put_facts(out, facts);
}

/// Facts from what `encode_facts` of this or an older version wrote.
///
/// # Errors
/// Where the bytes are damaged or of an unknown version.
pub fn decode_facts(bytes: &[u8]) -> Result<Facts, StateError> {
    let mut upgraded = Vec::new();
    let mut cursor = Cursor::new(Kind::Facts.schemas().datum(bytes, &mut upgraded)?);
    let facts = facts::read_facts(&mut cursor)?;
    cursor.end()?;
    Ok(facts)
}
