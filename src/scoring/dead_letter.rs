//! A record that changes nothing but must not vanish: why, in a word for machines and a line for people.

use std::borrow::Cow;
use std::fmt;

/// Why a record cannot be applied. The set is closed: causes are labels of metrics and headers of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeadCause {
    Undecodable,
    UnknownKind,
    DirectionMissing,
    LeadIdMissing,
    EventIdMissing,
    FromTheFuture,
    LeadIdTooLong,
    EventIdTooLong,
    TextTooLong,
    RecordTooLong,
    LinkedLeadIdMissing,
    AliasesMax,
    LinkCycle,
}

impl DeadCause {
    pub const ALL: [DeadCause; 13] = [
        DeadCause::Undecodable,
        DeadCause::UnknownKind,
        DeadCause::DirectionMissing,
        DeadCause::LeadIdMissing,
        DeadCause::EventIdMissing,
        DeadCause::FromTheFuture,
        DeadCause::LeadIdTooLong,
        DeadCause::EventIdTooLong,
        DeadCause::TextTooLong,
        DeadCause::RecordTooLong,
        DeadCause::LinkedLeadIdMissing,
        DeadCause::AliasesMax,
        DeadCause::LinkCycle,
    ];

    /// The cause as headers and metrics write it.
    pub fn as_str(self) -> &'static str {
        match self {
            DeadCause::Undecodable => "undecodable",
            DeadCause::UnknownKind => "unknown_kind",
            DeadCause::DirectionMissing => "direction_missing",
            DeadCause::LeadIdMissing => "lead_id_missing",
            DeadCause::EventIdMissing => "event_id_missing",
            DeadCause::FromTheFuture => "from_the_future",
            DeadCause::LeadIdTooLong => "lead_id_too_long",
            DeadCause::EventIdTooLong => "event_id_too_long",
            DeadCause::TextTooLong => "text_too_long",
            DeadCause::RecordTooLong => "record_too_long",
            DeadCause::LinkedLeadIdMissing => "linked_lead_id_missing",
            DeadCause::AliasesMax => "aliases_max",
            DeadCause::LinkCycle => "link_cycle",
        }
    }
}

impl fmt::Display for DeadCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The refusal of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub cause: DeadCause,
    /// For people who look into the dead-letter topic. Never holds text of the record: it goes to logs, too.
    pub detail: Cow<'static, str>,
}

impl DeadLetter {
    pub fn new(cause: DeadCause, detail: impl Into<Cow<'static, str>>) -> DeadLetter {
        DeadLetter { cause, detail: detail.into() }
    }
}
