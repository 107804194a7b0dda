//! Fingerprints of records that are expected in one place and found in another: everything that must agree goes in,
//! and nothing that depends on the moment of sending.

use xxhash_rust::xxh3::xxh3_128;

use super::Setup;
use super::ledger::Place;
use crate::runtime::batch::{InputId, Partition, Record};
use crate::runtime::topology::Role;
use crate::scoring::dead_letter::{DeadCause, DeadLetter};
use crate::scoring::decision::Decision;
use crate::scoring::message::Message;
use crate::wire::headers::{self, Origin};
use crate::wire::intake::{self, Forwarded, Intake};
use crate::wire::{dead_letter as envelope, keys, message};

type Pair<'a> = (&'a str, &'a [u8]);

#[derive(Default)]
struct Print(Vec<u8>);

impl Print {
    fn part(mut self, bytes: Option<&[u8]>) -> Print {
        let length = bytes.map_or(-1, |bytes| bytes.len() as i64);
        self.0.extend(length.to_le_bytes());
        self.0.extend(bytes.unwrap_or_default());
        self
    }

    fn pairs<'a>(mut self, pairs: impl Iterator<Item = Pair<'a>>) -> Print {
        for (name, value) in pairs {
            self = self.part(Some(name.as_bytes())).part(Some(value));
        }
        self
    }

    fn number(mut self, number: i64) -> Print {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn end(self) -> u128 {
        xxh3_128(&self.0)
    }
}

fn in_intake<'a>(
    partition: Partition,
    (key, value): (Option<&[u8]>, Option<&[u8]>),
    headers: impl Iterator<Item = Pair<'a>>,
    appended_at_ms: Option<i64>,
) -> u128 {
    let print = Print::default().number(i64::from(partition.0)).part(key).part(value).pairs(headers);
    print.number(appended_at_ms.unwrap_or(-1)).end()
}

/// A record that is sent on to a lead's home.
pub fn sent_on(setup: &Setup<'_>, record: &Record<'_>, to: &str, hops: u8) -> (Partition, u128) {
    let home = keys::home(to, setup.topology.partition_count());
    let content = (Some(to.as_bytes()), record.value);
    let print = match envelope_of(setup, record, hops) {
        Some(forwarded) => {
            let headers = intake::forward_headers(forwarded, record.headers());
            in_intake(home, content, headers.pairs().into_iter(), Some(record.appended_at_ms))
        }
        None => in_intake(home, content, intake::message_headers(hops).pairs().into_iter(), None),
    };
    (home, print)
}

/// A message that a lead sends to another's home.
pub fn sent(setup: &Setup<'_>, to: &str, message: &Message) -> (Partition, u128) {
    let home = keys::home(to, setup.topology.partition_count());
    let mut value = Vec::new();
    message::encode(message, &mut value);
    let headers = intake::message_headers(0);
    (home, in_intake(home, (Some(to.as_bytes()), Some(&value)), headers.pairs().into_iter(), None))
}

/// A record of the intake; `None` where somebody else wrote it.
pub fn received(record: &Record<'_>) -> Option<u128> {
    let appended_at_ms = match intake::read(record.headers()).ok()? {
        Intake::Event(_) => Some(record.appended_at_ms),
        Intake::Message { .. } => None, // its time is that of sending
    };
    Some(in_intake(record.partition, (record.key, record.value), record.headers(), appended_at_ms))
}

/// A record that must be among the dead letters: where its writer put it, and its fingerprint there.
pub fn dead(setup: &Setup<'_>, record: &Record<'_>, dead: &DeadLetter) -> (Option<Place>, u128) {
    let (origin, key) = match intake::read(record.headers()) {
        Ok(Intake::Event(forwarded)) if record.input == InputId::INTAKE => (forwarded.origin, forwarded.origin.key),
        _ => (origin_of(setup, record), record.key),
    };
    let headers = envelope::headers(origin, dead, 0, record.headers());
    let print = among_dead(key, record.value, headers.pairs().into_iter());
    (place_of(setup, origin), print)
}

/// A record of the dead-letter topic: origin and cause that it names, and its fingerprint.
pub fn found_dead(setup: &Setup<'_>, record: &super::log::LoggedRecord) -> (Option<Place>, Option<u8>, u128) {
    let pairs: Vec<Pair<'_>> = record.headers().collect();
    let cause = headers::text(&pairs, headers::CAUSE);
    let cause = cause.and_then(|cause| DeadCause::ALL.iter().position(|known| known.as_str() == cause));
    let place = headers::origin(&pairs).and_then(|origin| place_of(setup, origin));
    let print = among_dead(record.key.as_deref(), record.value.as_deref(), pairs.into_iter());
    (place, cause.map(|cause| cause as u8), print)
}

/// The number by which an entry knows a cause.
pub fn cause_number(cause: DeadCause) -> u8 {
    DeadCause::ALL.iter().position(|known| *known == cause).unwrap_or_default() as u8
}

/// Every delivery of a decision has the same; `life` tells those of one lead id apart.
pub fn decision(decision: &Decision, life: u32) -> u128 {
    let reason = decision.reason.map(|reason| reason.as_str());
    decision_of(&decision.decision_id.to_string(), decision.decision_type.as_str(), reason, life)
}

pub fn decision_of(id: &str, decision_type: &str, reason: Option<&str>, life: u32) -> u128 {
    let print = Print::default().part(Some(id.as_bytes())).part(Some(decision_type.as_bytes()));
    print.part(reason.map(str::as_bytes)).part(Some(&life.to_le_bytes())).end()
}

fn among_dead<'a>(key: Option<&[u8]>, value: Option<&[u8]>, headers: impl Iterator<Item = Pair<'a>>) -> u128 {
    let lasting = headers.filter(|(name, _)| *name != headers::TIME);
    Print::default().part(key).part(value).pairs(lasting).end()
}

fn envelope_of<'a>(setup: &'a Setup<'_>, record: &Record<'a>, hops: u8) -> Option<Forwarded<'a>> {
    match setup.topology.input(record.input).role {
        Role::Events { kind, format } => Some(Forwarded { origin: origin_of(setup, record), kind, format, hops }),
        Role::Intake => match intake::read(record.headers()) {
            Ok(Intake::Event(forwarded)) => Some(Forwarded { hops, ..forwarded }),
            Ok(Intake::Message { .. }) | Err(_) => None,
        },
    }
}

fn origin_of<'a>(setup: &'a Setup<'_>, record: &Record<'a>) -> Origin<'a> {
    let topic = setup.topology.input(record.input).topic.as_str();
    Origin { topic, partition: record.partition, offset: record.offset, key: record.key }
}

fn place_of(setup: &Setup<'_>, origin: Origin<'_>) -> Option<Place> {
    let input = setup.topology.find(origin.topic)?;
    Some(Place { input: input.0, partition: origin.partition.0, offset: origin.offset })
}
