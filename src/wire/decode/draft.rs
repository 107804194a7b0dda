//! The fields of an event as they are read, in any order and from any format; complete, they become an `Event`.
//!
//! Both formats fill a draft, so limits, missing ids and defaults are decided in one place.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::scoring::dead_letter::{DeadCause, DeadLetter};
use crate::scoring::event::{
    Body, ChannelSymbol, Commerce, CommerceKind, Contact, ContactKind, Direction, Event, FormPurpose, InputKind, Mail,
    MailKind, Network, Outcome, OutcomeKind, PageClass, Profile, ProfileKind, Purpose, Sns, SnsKind, Web, WebKind,
};
use crate::wire::limits;

/// Places for what the model reads; what a schema has beyond them is checked and forgotten.
macro_rules! slots {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $field:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($variant),+ }

        impl $name {
            const COUNT: usize = [$($name::$variant),+].len();

            /// The slot of that field of a schema; `None` for fields that the model does not read.
            pub fn of(field: &str) -> Option<$name> {
                match field {
                    $($field => Some($name::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

slots!(Text {
    EventId = "event_id", LeadId = "lead_id", AccountId = "account_id", Topic = "topic",
    ContentKind = "content_kind", MessageId = "message_id", ThreadId = "thread_id", DecisionId = "decision_id",
    OrderId = "order_id", Reason = "reason", LinkedLeadId = "linked_lead_id", OwnerId = "owner_id",
    OwnerRole = "owner_role", BantBudget = "bant_budget", BantAuthority = "bant_authority", BantNeed = "bant_need",
});
slots!(
    /// Enums; kept as the index in the reader schema's symbols, where 0 is `unknown`.
    Symbol {
        Kind = "kind", PageClass = "page_class", FormPurpose = "form_purpose", Purpose = "purpose",
        Network = "network", Direction = "direction", Channel = "channel",
    }
);
slots!(Number { OccurredAt = "occurred_at", ExpiresAt = "expires_at", BantTimeline = "bant_timeline" });

impl Number {
    fn allowed(self) -> (std::ops::RangeInclusive<i64>, &'static str) {
        match self {
            Number::OccurredAt => (limits::EVENT_TIMES_MS, "occurred_at is not within 2000-01-01 to 2100-01-01 in ms"),
            Number::ExpiresAt => (limits::END_TIMES_MS, "expires_at is not within 1970-01-01 to 9999-12-31 in ms"),
            Number::BantTimeline => (limits::DATES, "bant_timeline is not within 1970-01-01 to 9999-12-31 in days"),
        }
    }
}

/// What was read so far.
#[derive(Debug, Default)]
pub struct Draft<'a> {
    texts: [Option<Cow<'a, str>>; Text::COUNT],
    symbols: [u8; Symbol::COUNT],
    numbers: [Option<i64>; Number::COUNT],
    machine: bool,
    /// None for the records that have none, which are nearly all.
    attributes: Option<BTreeMap<Cow<'a, str>, Option<Cow<'a, str>>>>,
    text_too_long: bool,
}

/// Why a value does not fit its field.
pub type Misfit = &'static str;

impl<'a> Draft<'a> {
    /// A text of a field of the schema; `slot` is `None` where the model does not read it.
    #[inline]
    pub fn text(&mut self, slot: Option<Text>, text: Cow<'a, str>) {
        match slot {
            // Ids have limits of their own, checked when the event is complete.
            Some(slot @ (Text::EventId | Text::LeadId | Text::LinkedLeadId)) => self.texts[slot as usize] = Some(text),
            Some(slot) => {
                self.text_too_long |= text.len() > limits::TEXT_BYTES_MAX;
                self.texts[slot as usize] = Some(text);
            }
            None => self.text_too_long |= text.len() > limits::TEXT_BYTES_MAX,
        }
    }

    #[inline]
    pub fn symbol(&mut self, slot: Option<Symbol>, index: u8) {
        if let Some(slot) = slot {
            self.symbols[slot as usize] = index;
        }
    }

    #[inline]
    pub fn number(&mut self, slot: Option<Number>, value: i64) -> Result<(), Misfit> {
        let Some(slot) = slot else { return Ok(()) };
        let (allowed, misfit) = slot.allowed();
        if !allowed.contains(&value) {
            return Err(misfit);
        }
        self.numbers[slot as usize] = Some(value);
        Ok(())
    }

    pub fn machine(&mut self, value: bool) {
        self.machine = value;
    }

    /// An attribute; a name given twice keeps its last value.
    pub fn attribute(&mut self, name: Cow<'a, str>, value: Option<Cow<'a, str>>) {
        let longest = name.len().max(value.as_deref().map_or(0, str::len));
        self.text_too_long |= longest > limits::TEXT_BYTES_MAX;
        self.attributes.get_or_insert_default().insert(name, value);
    }

    /// The event, or the first of: a missing or oversized id of the lead, of the event, an oversized text, no time.
    pub fn finish(mut self, kind: InputKind) -> Result<Event<'a>, DeadLetter> {
        let lead_id = self.id(Text::LeadId, LEAD_ID)?;
        let event_id = self.id(Text::EventId, EVENT_ID)?;
        if self.texts[Text::LinkedLeadId as usize].as_deref().is_some_and(|id| id.len() > limits::LEAD_ID_BYTES_MAX) {
            return Err(DeadLetter::new(DeadCause::LeadIdTooLong, "linked_lead_id has more than 256 bytes"));
        }
        if self.text_too_long {
            return Err(DeadLetter::new(DeadCause::TextTooLong, "a text has more than 2048 bytes"));
        }
        let Some(occurred_at_ms) = self.numbers[Number::OccurredAt as usize] else {
            return Err(DeadLetter::new(DeadCause::Undecodable, "occurred_at is missing"));
        };
        Ok(Event {
            event_id,
            lead_id,
            occurred_at_ms,
            account_id: self.take(Text::AccountId),
            topic: self.take(Text::Topic),
            machine: self.machine,
            body: self.body(kind),
        })
    }

    fn id(&mut self, slot: Text, limit: IdLimit) -> Result<Cow<'a, str>, DeadLetter> {
        match self.take(slot) {
            None => Err(DeadLetter::new(limit.missing, "the id is missing or empty")),
            Some(id) if id.is_empty() => Err(DeadLetter::new(limit.missing, "the id is missing or empty")),
            Some(id) if id.len() > limit.bytes_max => {
                let detail = format!("the id has {} bytes, at most {} are allowed", id.len(), limit.bytes_max);
                Err(DeadLetter::new(limit.too_long, detail))
            }
            Some(id) => Ok(id),
        }
    }

    fn take(&mut self, slot: Text) -> Option<Cow<'a, str>> {
        self.texts[slot as usize].take()
    }

    fn body(&mut self, kind: InputKind) -> Body<'a> {
        match kind {
            InputKind::Web => Body::Web(Web {
                kind: self.get(Symbol::Kind, WebKind::ALL),
                page_class: self.get(Symbol::PageClass, PageClass::ALL),
                form_purpose: self.get(Symbol::FormPurpose, FormPurpose::ALL),
                content_kind: self.take(Text::ContentKind),
            }),
            InputKind::Mail => Body::Mail(Mail {
                kind: self.get(Symbol::Kind, MailKind::ALL),
                message_id: self.take(Text::MessageId).unwrap_or_default(),
                content_kind: self.take(Text::ContentKind),
                purpose: self.get(Symbol::Purpose, Purpose::ALL),
            }),
            InputKind::Sns => Body::Sns(Sns {
                kind: self.get(Symbol::Kind, SnsKind::ALL),
                network: self.get(Symbol::Network, Network::ALL),
                direction: self.get(Symbol::Direction, Direction::ALL),
                thread_id: self.take(Text::ThreadId),
            }),
            InputKind::Contact => Body::Contact(Contact {
                kind: self.get(Symbol::Kind, ContactKind::ALL),
                direction: self.get(Symbol::Direction, Direction::ALL),
                decision_id: self.take(Text::DecisionId),
            }),
            InputKind::Commerce => Body::Commerce(Commerce {
                kind: self.get(Symbol::Kind, CommerceKind::ALL),
                order_id: self.take(Text::OrderId),
                reason: self.take(Text::Reason),
            }),
            InputKind::Profile => Body::Profile(Box::new(self.profile())),
            InputKind::Outcome => Body::Outcome(Outcome {
                kind: self.get(Symbol::Kind, OutcomeKind::ALL),
                decision_id: self.take(Text::DecisionId).unwrap_or_default(),
                reason: self.take(Text::Reason),
                owner_id: self.take(Text::OwnerId),
                channel: self.get(Symbol::Channel, ChannelSymbol::ALL),
            }),
        }
    }

    fn profile(&mut self) -> Profile<'a> {
        Profile {
            kind: self.get(Symbol::Kind, ProfileKind::ALL),
            attributes: self.attributes.take().unwrap_or_default(),
            channel: self.get(Symbol::Channel, ChannelSymbol::ALL),
            purpose: self.get(Symbol::Purpose, Purpose::ALL),
            expires_at_ms: self.numbers[Number::ExpiresAt as usize],
            linked_lead_id: self.take(Text::LinkedLeadId),
            owner_id: self.take(Text::OwnerId),
            owner_role: self.take(Text::OwnerRole),
            bant_budget: self.take(Text::BantBudget),
            bant_authority: self.take(Text::BantAuthority),
            bant_need: self.take(Text::BantNeed),
            bant_timeline: self.numbers[Number::BantTimeline as usize].and_then(|days| i32::try_from(days).ok()),
        }
    }

    /// Symbols of a type stand in the schema's order behind `unknown`; a test holds the two together.
    fn get<T: Copy + Default>(&self, slot: Symbol, all: &[T]) -> T {
        let index = usize::from(self.symbols[slot as usize]);
        index.checked_sub(1).and_then(|index| all.get(index)).copied().unwrap_or_default()
    }
}

struct IdLimit {
    bytes_max: usize,
    missing: DeadCause,
    too_long: DeadCause,
}

const LEAD_ID: IdLimit = IdLimit {
    bytes_max: limits::LEAD_ID_BYTES_MAX,
    missing: DeadCause::LeadIdMissing,
    too_long: DeadCause::LeadIdTooLong,
};
const EVENT_ID: IdLimit = IdLimit {
    bytes_max: limits::EVENT_ID_BYTES_MAX,
    missing: DeadCause::EventIdMissing,
    too_long: DeadCause::EventIdTooLong,
};
