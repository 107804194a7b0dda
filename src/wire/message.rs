//! Messages between leads as records of the intake topic: `schemas/intake-message.avsc`, single-object encoded.
//!
//! Facts travel as the state of a lead that has nothing else, so that they resolve as stored states do.

use std::sync::LazyLock;

use apache_avro::Schema;

use super::avro::{Cursor, Header, Malformed, fingerprint_of, put_bytes, put_long, put_optional_long, put_text};
use super::limits::STATE_TIMES_MS;
use super::state;
use crate::scoring::dead_letter::{DeadCause, DeadLetter};
use crate::scoring::episode::Sequence;
use crate::scoring::lead::Lead;
use crate::scoring::message::{Ids, Link, Merged, Message};

/// Source of truth of the encoding.
pub const SCHEMA: &str = include_str!("../../schemas/intake-message.avsc");

static HEADER: LazyLock<Header> =
    LazyLock::new(|| Header::of(&Schema::parse_str(SCHEMA).expect("the embedded schema is tested")));

/// Branches of the schema's union.
const LINK_ASK: i64 = 0;
const LINK_GRANT: i64 = 1;
const MERGE: i64 = 2;
const UNLINK: i64 = 3;
const ERASE: i64 = 4;

/// Appends the bytes.
pub fn encode(message: &Message, out: &mut Vec<u8>) {
    out.extend_from_slice(HEADER.as_bytes());
    match message {
        Message::LinkAsk(link) => {
            put_long(out, LINK_ASK);
            put_link(out, link);
        }
        Message::LinkGrant { link, by } => {
            put_long(out, LINK_GRANT);
            put_link(out, link);
            put_text(out, by);
        }
        Message::Merge { link, merged } => {
            put_long(out, MERGE);
            put_link(out, link);
            put_merged(out, merged);
        }
        Message::Unlink { ids } => {
            put_long(out, UNLINK);
            put_ids(out, ids);
        }
        Message::Erase { at_ms } => {
            put_long(out, ERASE);
            put_long(out, *at_ms);
        }
    }
}

/// # Errors
/// `undecodable` where the bytes are no message of this version.
pub fn decode(bytes: &[u8]) -> Result<Message, DeadLetter> {
    let undecodable = |Malformed(detail): Malformed| DeadLetter::new(DeadCause::Undecodable, detail);
    let (fingerprint, datum) = fingerprint_of(bytes).map_err(undecodable)?;
    if !HEADER.as_bytes().ends_with(&fingerprint.to_le_bytes()) {
        let detail = format!("no IntakeMessage schema with fingerprint {fingerprint:016x} is known");
        return Err(DeadLetter::new(DeadCause::Undecodable, detail));
    }
    let mut cursor = Cursor::new(datum);
    let message = read_message(&mut cursor).map_err(undecodable)?;
    cursor.end().map_err(undecodable)?;
    Ok(message)
}

fn read_message(cursor: &mut Cursor<'_>) -> Result<Message, Malformed> {
    match cursor.long()? {
        LINK_ASK => Ok(Message::LinkAsk(read_link(cursor)?)),
        LINK_GRANT => Ok(Message::LinkGrant { link: read_link(cursor)?, by: cursor.text()?.into() }),
        MERGE => Ok(Message::Merge { link: read_link(cursor)?, merged: Box::new(read_merged(cursor)?) }),
        UNLINK => Ok(Message::Unlink { ids: read_ids(cursor)? }),
        ERASE => Ok(Message::Erase { at_ms: read_moment(cursor)? }),
        _ => Err(Malformed("a union has no branch of that number")),
    }
}

fn put_link(out: &mut Vec<u8>, link: &Link) {
    put_text(out, &link.from);
    put_text(out, &link.to);
    put_ids(out, &link.aliases);
    put_text(out, &link.event_id);
}

fn read_link(cursor: &mut Cursor<'_>) -> Result<Link, Malformed> {
    Ok(Link {
        from: cursor.text()?.into(),
        to: cursor.text()?.into(),
        aliases: read_ids(cursor)?,
        event_id: cursor.text()?.into(),
    })
}

fn put_ids(out: &mut Vec<u8>, ids: &Ids) {
    if !ids.is_empty() {
        put_long(out, ids.len() as i64);
    }
    for id in ids {
        put_text(out, id);
    }
    put_long(out, 0);
}

fn read_ids(cursor: &mut Cursor<'_>) -> Result<Ids, Malformed> {
    let mut ids = Ids::new();
    loop {
        let count = cursor.block()?;
        if count == 0 {
            return Ok(ids);
        }
        for _ in 0..count {
            ids.push(cursor.text()?.into());
        }
    }
}

fn put_merged(out: &mut Vec<u8>, merged: &Merged) {
    let lead = Lead { facts: merged.facts.clone(), ..Lead::default() };
    let mut state = Vec::new();
    state::encode(&lead, &mut state);
    put_bytes(out, &state);
    put_long(out, i64::from(merged.sequence.is_some()));
    if let Some(sequence) = merged.sequence {
        put_long(out, sequence.start_ms);
        put_long(out, i64::from(sequence.mails));
        put_long(out, i64::from(sequence.step));
        put_long(out, i64::from(sequence.offers));
    }
    put_optional_long(out, merged.sequence_mark_ms);
    put_optional_long(out, merged.hand_raise_ms);
}

fn read_merged(cursor: &mut Cursor<'_>) -> Result<Merged, Malformed> {
    let lead = state::decode(cursor.bytes()?).map_err(|_| Malformed("the merged state cannot be read"))?;
    Ok(Merged {
        facts: lead.facts,
        sequence: cursor.is_some()?.then(|| read_sequence(cursor)).transpose()?,
        sequence_mark_ms: read_optional_moment(cursor)?,
        hand_raise_ms: read_optional_moment(cursor)?,
    })
}

fn read_sequence(cursor: &mut Cursor<'_>) -> Result<Sequence, Malformed> {
    let start_ms = read_moment(cursor)?;
    let mut small = || u8::try_from(cursor.long()?).map_err(|_| Malformed("a count is out of range"));
    Ok(Sequence { start_ms, mails: small()?, step: small()?, offers: small()? })
}

fn read_moment(cursor: &mut Cursor<'_>) -> Result<i64, Malformed> {
    Some(cursor.long()?).filter(|at_ms| STATE_TIMES_MS.contains(at_ms)).ok_or(Malformed("a moment is out of range"))
}

fn read_optional_moment(cursor: &mut Cursor<'_>) -> Result<Option<i64>, Malformed> {
    cursor.is_some()?.then(|| read_moment(cursor)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::event::{Body, Event, FormPurpose, Web, WebKind};
    use crate::scoring::lead::{At, Effects};
    use crate::scoring::model::Model;
    use crate::wire::avro::oracle;

    fn link() -> Link {
        let aliases = ["anon:1", "anon:2"].map(Box::from).into_iter().collect();
        Link { from: "anon:3".into(), to: "lead-1".into(), aliases, event_id: "e-1".into() }
    }

    fn messages() -> [Message; 6] {
        let sequence = Sequence { start_ms: 1_775_000_000_000, mails: 2, step: 3, offers: 1 };
        let merged = Merged { sequence: Some(sequence), sequence_mark_ms: Some(7), ..Merged::default() };
        [
            Message::LinkAsk(link()),
            Message::LinkGrant { link: link(), by: "lead-2".into() },
            Message::Merge { link: link(), merged: Box::default() },
            Message::Merge { link: link(), merged: Box::new(merged) },
            Message::Unlink { ids: link().aliases },
            Message::Erase { at_ms: 1_775_000_000_000 },
        ]
    }

    fn encoded(message: &Message) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(message, &mut bytes);
        bytes
    }

    #[test]
    fn golden_bytes() {
        let [ask, .., erase] = messages();
        assert_eq!(
            oracle::hex(&encoded(&ask)),
            "c301226b3e9ecfdc2866000c616e6f6e3a330c6c6561642d31040c616e6f6e3a310c616e6f6e3a320006652d31"
        );
        assert_eq!(oracle::hex(&encoded(&erase)), "c301226b3e9ecfdc28660880d8f4e3a867");
    }

    #[test]
    fn come_back_and_are_read_by_another_library() {
        for message in messages() {
            let bytes = encoded(&message);
            oracle::read(SCHEMA, &bytes);
            assert_eq!(decode(&bytes), Ok(message));
        }
    }

    #[test]
    fn facts_travel_whole() {
        let text = include_str!("../../deploy/models/b2b-saas.toml");
        let model = Model::parse(text, "b2b-saas.toml").expect("the default model");
        let web = Web { kind: WebKind::FormSubmit, form_purpose: FormPurpose::Inquiry, ..Web::default() };
        let event = Event {
            event_id: "e-1".into(),
            lead_id: "anon:3".into(),
            occurred_at_ms: 1_775_000_000_000,
            account_id: Some("acme".into()),
            topic: Some("crm".into()),
            machine: false,
            body: Body::Web(web),
        };
        let at = At { clock_ms: event.occurred_at_ms, appended_at_ms: event.occurred_at_ms, hops: 0 };
        let mut lead = Lead::default();
        lead.apply(&model, "anon:3", &event, at, &mut Effects::default());
        assert!(!lead.facts.is_empty());
        let merged = Merged { facts: lead.facts, ..Merged::default() };
        let message = Message::Merge { link: link(), merged: Box::new(merged) };
        assert_eq!(decode(&encoded(&message)), Ok(message));
    }

    #[test]
    fn damage_is_a_dead_letter() {
        for message in messages() {
            let bytes = encoded(&message);
            for cut in 0..bytes.len() {
                assert!(decode(&bytes[..cut]).is_err(), "{message:?} cut to {cut}");
            }
            let longer = [bytes.as_slice(), &[0]].concat();
            assert!(decode(&longer).is_err());
        }
        let mut other = encoded(&messages()[0]);
        other[2] ^= 1;
        assert_eq!(decode(&other).map_err(|dead| dead.cause), Err(DeadCause::Undecodable));
    }
}
