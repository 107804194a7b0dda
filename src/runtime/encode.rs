//! What a step wants, as records to send: decisions, snapshots, messages between leads, forwards, dead letters.

use crate::scoring::dead_letter::DeadLetter;
use crate::wire::headers::Origin;
use crate::wire::intake::{self, Forwarded, Intake};
use crate::wire::output::{self, OutputFormat};
use crate::wire::{dead_letter as envelope, keys, message};

use super::batch::Record;
use super::context::Context;
use super::outputs::Outputs;
use super::ports::{OutRecord, OutTopic};
use super::process::Wanted;
use super::topology::Role;

/// Formats of the public output topics.
#[derive(Debug, Clone, Copy, Default)]
pub struct Formats {
    pub ready: OutputFormat,
    pub score: OutputFormat,
}

/// Appends everything that a step wants to send.
pub fn wanted(context: &Context, wanted: &Wanted<'_>, outputs: &mut Outputs) {
    for decision in &wanted.effects.decisions {
        let key = decision.lead_id.as_bytes();
        outputs.push_with(OutTopic::Ready, key, |out| output::encode(decision, context.formats.ready, out));
    }
    for snapshot in &wanted.effects.snapshots {
        let key = snapshot.lead_id.as_bytes();
        outputs.push_with(OutTopic::Score, key, |out| output::encode(snapshot, context.formats.score, out));
    }
    for lead_id in &wanted.effects.forgotten {
        outputs.push(OutRecord {
            topic: OutTopic::Score,
            partition: None,
            key: Some(lead_id.as_bytes()),
            value: None,
            headers: &[],
            timestamp_ms: None,
        });
    }
    for (to_lead, message) in &wanted.effects.messages {
        let mut value = Vec::new();
        message::encode(message, &mut value);
        to_intake(context, to_lead, Some(&value), &intake::message_headers(0).pairs(), None, outputs);
    }
    for forwarded in &wanted.forwards {
        forward(context, &forwarded.record, &forwarded.to_lead, forwarded.hops, outputs);
    }
    for (record, dead) in &wanted.dead_letters {
        dead_letter(context, record, dead, outputs);
    }
}

/// Sends a record on to its lead's home, as it is.
pub fn forward(context: &Context, record: &Record<'_>, to_lead: &str, hops: u8, outputs: &mut Outputs) {
    let Some(forwarded) = envelope_of(context, record, hops) else {
        // A message between leads stands for itself: what counts is how many redirects it has passed.
        let headers = intake::message_headers(hops);
        let timestamp_ms = Some(record.appended_at_ms);
        return to_intake(context, to_lead, record.value, &headers.pairs(), timestamp_ms, outputs);
    };
    let headers = intake::forward_headers(forwarded, record.headers());
    to_intake(context, to_lead, record.value, &headers.pairs(), Some(record.appended_at_ms), outputs);
}

/// The envelope of a record that is forwarded, for the first time or again; `None` for a message.
fn envelope_of<'a>(context: &'a Context, record: &Record<'a>, hops: u8) -> Option<Forwarded<'a>> {
    let input = context.topology.input(record.input);
    match input.role {
        Role::Events { kind, format } => Some(Forwarded { origin: origin(context, record), kind, format, hops }),
        Role::Intake => match intake::read(record.headers()) {
            Ok(Intake::Event(forwarded)) => Some(Forwarded { hops, ..forwarded }),
            Ok(Intake::Message { .. }) | Err(_) => None,
        },
    }
}

/// Puts a record among the dead letters: original key and value, headers that say where it was and why.
pub fn dead_letter(context: &Context, record: &Record<'_>, dead: &DeadLetter, outputs: &mut Outputs) {
    let (origin, key) = match intake::read(record.headers()) {
        Ok(Intake::Event(forwarded)) if record.input == super::batch::InputId::INTAKE => {
            (forwarded.origin, forwarded.origin.key)
        }
        _ => (origin(context, record), record.key),
    };
    let headers = envelope::headers(origin, dead, context.clock.now_ms(), record.headers());
    outputs.push(OutRecord {
        topic: OutTopic::DeadLetter,
        partition: None,
        key,
        value: record.value,
        headers: &headers.pairs(),
        timestamp_ms: None,
    });
}

fn origin<'a>(context: &'a Context, record: &Record<'a>) -> Origin<'a> {
    let topic = context.topology.input(record.input).topic.as_str();
    Origin { topic, partition: record.partition, offset: record.offset, key: record.key }
}

fn to_intake(
    context: &Context,
    to_lead: &str,
    value: Option<&[u8]>,
    headers: &[(&str, &[u8])],
    timestamp_ms: Option<i64>,
    outputs: &mut Outputs,
) {
    outputs.push(OutRecord {
        topic: OutTopic::Intake,
        partition: Some(keys::home(to_lead, context.topology.partition_count())),
        key: Some(to_lead.as_bytes()),
        value,
        headers,
        timestamp_ms,
    });
}
