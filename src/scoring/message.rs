//! What one lead's home tells another's, through the intake topic: links, merges, erasures.
//!
//! A link takes three messages, so that a refusal leaves both leads as they were: the lead that turns out to be
//! another asks the other one's home, which counts its aliases and grants or refuses (a dead letter); granted, the
//! lead becomes a redirect and sends its Facts.
//!
//! Leads that agree to become each other at once are redirects in a circle. Facts that come home tell so, and whose
//! came home claims to be the lead: an ask to be itself, which passes the others.

use crate::scoring::episode::Sequence;
use crate::scoring::facts::Facts;

/// Ids of one person.
pub type Ids = Vec<Box<str>>;

/// To the home of one lead.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// May this lead become you?
    LinkAsk(Link),
    /// Yes, it is the home `by` that took it.
    LinkGrant { link: Link, by: Box<str> },
    /// All that is known of the lead that became you.
    Merge { link: Link, merged: Box<Merged> },
    /// These ids are not you after all.
    Unlink { ids: Ids },
    /// You were one with a lead that was erased: forget what occurred, and keep a marker.
    Erase {
        /// Event time of the erasure, ms since the epoch.
        at_ms: i64,
    },
}

/// A lead turns out to be another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The lead that becomes a redirect.
    pub from: Box<str>,
    /// The lead that the event named; it may be a redirect itself by now.
    pub to: Box<str>,
    /// Other ids that turned out to be `from` before.
    pub aliases: Ids,
    /// The event that said so: the trigger of what it decides.
    pub event_id: Box<str>,
}

/// What a redirect leaves to the lead it became.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Merged {
    pub facts: Facts,
    /// Its running sequence.
    pub sequence: Option<Sequence>,
    /// The newest mark that a sequence was started for, ms since the epoch.
    pub sequence_mark_ms: Option<i64>,
    /// The newest hand-raise that needs no READY any more, ms since the epoch.
    pub hand_raise_ms: Option<i64>,
}
