//! Messages between leads as records of the intake topic.

use crate::scoring::dead_letter::{DeadCause, DeadLetter};
use crate::scoring::message::Message;

/// Appends the bytes.
pub fn encode(message: &Message, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{message:?}").as_bytes());
}

/// # Errors
/// `undecodable` where the bytes are no message.
pub fn decode(_: &[u8]) -> Result<Message, DeadLetter> {
    Err(DeadLetter::new(DeadCause::Undecodable, "messages are not written yet"))
}
