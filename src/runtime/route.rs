//! What a record is, and whose: decoded events, messages between leads, records of another partition, dead letters.

use std::borrow::Cow;

use crate::scoring::dead_letter::{DeadCause, DeadLetter};
use crate::scoring::event::Event;
use crate::scoring::message::Message;
use crate::wire::decode::Decoder;
use crate::wire::intake::{self, Forwarded, Intake};
use crate::wire::{keys, message};

use super::batch::{Partition, Record};
use super::topology::{Role, Topology};

/// A record, understood.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // events are the rule, and a box each would be an allocation per event
pub enum Routed<'a> {
    /// For a lead of this partition.
    Event {
        lead_id: Cow<'a, str>,
        event: Event<'a>,
        hops: u8,
    },
    /// From another lead, for a lead of this partition.
    Message {
        lead_id: Cow<'a, str>,
        message: Box<Message>,
        hops: u8,
    },
    /// Its lead lives on another partition: it goes there by the intake.
    Misplaced {
        lead_id: Cow<'a, str>,
        home: Partition,
    },
    Dead(DeadLetter),
}

/// Understands one record. `here` is the task's partition, `None` for an input without tasks; `now_ms` is system time.
pub fn route<'a>(
    topology: &Topology,
    decoder: &Decoder,
    record: Record<'a>,
    here: Option<Partition>,
    appended_max_ms: i64,
) -> Routed<'a> {
    if record.appended_at_ms > appended_max_ms {
        let detail = "the record's own timestamp is ahead of system time; check the producer's clock";
        return Routed::Dead(DeadLetter::new(DeadCause::FromTheFuture, detail));
    }
    match &topology.input(record.input).role {
        Role::Intake => route_intake(topology, decoder, record, here).unwrap_or_else(Routed::Dead),
        Role::Events { kind, format } => match decoder.decode(*format, *kind, record.value) {
            Ok(event) => {
                let lead_id = event.lead_id.clone();
                place(topology, here, lead_id, |lead_id| Routed::Event { lead_id, event, hops: 0 })
            }
            Err(dead) => Routed::Dead(dead),
        },
    }
}

fn route_intake<'a>(
    topology: &Topology,
    decoder: &Decoder,
    record: Record<'a>,
    here: Option<Partition>,
) -> Result<Routed<'a>, DeadLetter> {
    // The key is the lead that must take it: behind a redirect, another one than the value names.
    let lead_id = record.key.and_then(|key| std::str::from_utf8(key).ok()).filter(|id| !id.is_empty());
    let no_lead = || DeadLetter::new(DeadCause::LeadIdMissing, "an intake record has no lead id for a key");
    let lead_id = Cow::Borrowed(lead_id.ok_or_else(no_lead)?);
    match intake::read(record.headers())? {
        Intake::Event(Forwarded { kind, format, hops, .. }) => {
            let event = decoder.decode(format, kind, record.value)?;
            Ok(place(topology, here, lead_id, |lead_id| Routed::Event { lead_id, event, hops }))
        }
        Intake::Message { hops } => {
            let message = Box::new(message::decode(record.value.unwrap_or_default())?);
            Ok(place(topology, here, lead_id, |lead_id| Routed::Message { lead_id, message, hops }))
        }
    }
}

fn place<'a>(
    topology: &Topology,
    here: Option<Partition>,
    lead_id: Cow<'a, str>,
    at_home: impl FnOnce(Cow<'a, str>) -> Routed<'a>,
) -> Routed<'a> {
    let home = keys::home(&lead_id, topology.partition_count());
    if here == Some(home) { at_home(lead_id) } else { Routed::Misplaced { lead_id, home } }
}
