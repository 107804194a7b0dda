//! What can happen in a journey, without the words: small enough to plan a journey again at each of its steps.

use crate::scoring::event::{
    ChannelSymbol, CommerceKind, ContactKind, Direction, FormPurpose, MailKind, OutcomeKind, PageClass, SnsKind,
    WebKind,
};

/// A step of a journey.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Planned {
    /// Time since the journey began, ms.
    pub after_ms: i64,
    pub act: Act,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Act {
    Page(PageClass),
    Form(FormPurpose),
    Web(WebKind),
    /// What became of mail number `mail` of the journey.
    Mail {
        kind: MailKind,
        mail: u8,
        machine: bool,
    },
    Sns(SnsKind, Direction),
    Contact(ContactKind, Direction),
    Commerce(CommerceKind),
    Attributes,
    Granted(ChannelSymbol),
    Revoked(ChannelSymbol),
    Owner,
    Bant,
    /// The anonymous visitor turns out to be the journey's known lead.
    Linked,
    Outcome(OutcomeKind),
}
