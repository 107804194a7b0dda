//! State of a lead to bytes and back: Avro single-object encoding of `schemas/lead-state.avsc`, the same bytes in the
//! store, the changelog and the cache.
//!
//! Invariants: equal leads are equal bytes; what was written once is readable for ever; hostile bytes give an error,
//! and never a panic or an allocation beyond the limits of the model. Written and read by hand, because it happens
//! with every event; `apache-avro` reads older versions and checks the hand in tests.

mod episode;
mod facts;
mod parts;
mod primitives;
mod profile;
mod reader;
mod schema;
mod seen;
mod writer;

use crate::scoring::facts::Facts;
use crate::scoring::lead::Lead;
use crate::wire::avro::{Cursor, Malformed};
use reader::Reader;
use schema::Kind;
use writer::Writer;

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

/// Appends the state of a lead.
pub fn encode(lead: &Lead, out: &mut Vec<u8>) {
    let mut writer = Writer::behind(std::mem::take(out));
    writer.fixed(Kind::Lead.schemas().header.as_bytes());
    writer.optional_long(lead.timer_ms);
    facts::put_facts(&mut writer, &lead.facts);
    seen::put_seen(&mut writer, &lead.seen);
    episode::put_episode(&mut writer, base_of(&lead.facts), &lead.episode);
    episode::put_identity(&mut writer, &lead.identity);
    *out = writer.end();
}

/// The lead that `encode` of this or an older version wrote.
///
/// # Errors
/// Where the bytes are damaged or of an unknown version.
pub fn decode(bytes: &[u8]) -> Result<Lead, StateError> {
    let mut upgraded = Vec::new();
    let mut reader = Reader::new(Kind::Lead.schemas().datum(bytes, &mut upgraded)?);
    let timer_ms = reader.optional(Reader::moment_or_never);
    let facts = facts::read_facts(&mut reader);
    let seen = seen::read_seen(&mut reader);
    let episode = episode::read_episode(&mut reader, base_of(&facts));
    let identity = episode::read_identity(&mut reader);
    reader.end()?;
    Ok(Lead { facts, seen, episode, identity, timer_ms, ..Lead::default() })
}

/// The timer of a state alone: when its lead is next looked at by itself, ms since the epoch.
///
/// # Errors
/// Where the bytes are damaged or of an unknown version.
pub fn timer_ms(bytes: &[u8]) -> Result<Option<i64>, StateError> {
    let mut upgraded = Vec::new();
    let mut cursor = Cursor::new(Kind::Lead.schemas().datum(bytes, &mut upgraded)?);
    Ok(cursor.optional_long()?)
}

/// What ages count from.
fn base_of(facts: &Facts) -> primitives::Base {
    primitives::Base(facts.newest.get().unwrap_or(0))
}

/// Appends Facts alone, as one lead sends them to another.
pub fn encode_facts(facts: &Facts, out: &mut Vec<u8>) {
    let mut writer = Writer::behind(std::mem::take(out));
    writer.fixed(Kind::Facts.schemas().header.as_bytes());
    facts::put_facts(&mut writer, facts);
    *out = writer.end();
}

/// Facts from what `encode_facts` of this or an older version wrote.
///
/// # Errors
/// Where the bytes are damaged or of an unknown version.
pub fn decode_facts(bytes: &[u8]) -> Result<Facts, StateError> {
    let mut upgraded = Vec::new();
    let mut reader = Reader::new(Kind::Facts.schemas().datum(bytes, &mut upgraded)?);
    let facts = facts::read_facts(&mut reader);
    reader.end()?;
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use apache_avro::Schema;

    use super::*;
    use crate::scoring::decision::{Basis, DecisionId};
    use crate::scoring::episode::{CoolingCause, Erased, Published, Ready, Sequence, State};
    use crate::scoring::event::{Body, Commerce, CommerceKind, Contact, ContactKind, Direction, Event, Mail, MailKind};
    use crate::scoring::event::{ChannelSymbol, PageClass, Profile, ProfileKind, Purpose, Web, WebKind};
    use crate::scoring::fit::Grade;
    use crate::scoring::lanes::Lane;
    use crate::scoring::meaning::Meaning;
    use crate::scoring::model::{Channel, Model};
    use crate::scoring::stage::Stage;
    use crate::wire::avro::oracle;

    const DAY_MS: i64 = 86_400_000;
    const START_MS: i64 = 1_775_000_000_000;

    fn bodies() -> Vec<Body<'static>> {
        let web = |kind, page_class| Body::Web(Web { kind, page_class, ..Web::default() });
        let mail = |kind, id: &'static str| Body::Mail(Mail { kind, message_id: id.into(), ..Mail::default() });
        let contact =
            |kind| Body::Contact(Contact { kind, direction: Direction::Inbound, decision_id: Some("d".into()) });
        let profile = |kind| {
            Body::Profile(Box::new(Profile {
                kind,
                attributes: [("company".into(), Some("追客".into())), ("role".into(), None)].into(),
                channel: ChannelSymbol::Mail,
                purpose: Purpose::Unknown,
                expires_at_ms: Some(START_MS + 90 * DAY_MS),
                owner_id: Some("sato".into()),
                bant_need: Some("crm".into()),
                bant_timeline: Some(20_600),
                ..Profile::default()
            }))
        };
        vec![
            web(WebKind::PageView, PageClass::Pricing),
            web(WebKind::PageView, PageClass::Home),
            web(WebKind::Download, PageClass::Other),
            mail(MailKind::Sent, "m1"),
            mail(MailKind::Clicked, "m1"),
            mail(MailKind::Sent, "m2"),
            mail(MailKind::BouncedHard, ""),
            contact(ContactKind::Visit),
            contact(ContactKind::Meeting),
            contact(ContactKind::CallRefused),
            contact(ContactKind::Complaint),
            Body::Commerce(Commerce { kind: CommerceKind::Purchase, ..Commerce::default() }),
            Body::Commerce(Commerce { kind: CommerceKind::Refund, order_id: Some("o1".into()), reason: None }),
            profile(ProfileKind::AttributesChanged),
            profile(ProfileKind::ConsentGranted),
            profile(ProfileKind::OwnerAssigned),
            profile(ProfileKind::BantUpdated),
        ]
    }

    /// A lead in whose state every part of the schema is used.
    fn example() -> Lead {
        let text = include_str!("../../../deploy/models/b2b-saas.toml");
        let model = Model::parse(text, "b2b-saas.toml").expect("sound");
        let mut lead = Lead { timer_ms: Some(START_MS + 40 * DAY_MS), ..Lead::default() };
        for (number, body) in bodies().into_iter().enumerate() {
            let event = Event {
                event_id: format!("e{number}").into(),
                lead_id: "L1".into(),
                occurred_at_ms: START_MS + number as i64 * 5 * 3_600_000,
                account_id: Some("acme".into()),
                topic: Some("crm".into()),
                machine: false,
                body,
            };
            lead.facts.apply(&model, &event, &Meaning::of(&model, &event));
            lead.seen.see(&event.event_id, event.occurred_at_ms);
        }
        let open = DecisionId::of("L1", 2, Lane::Score);
        lead.episode.number = 2;
        lead.episode.state = State::Cooling { until_ms: START_MS + DAY_MS, cause: CoolingCause::Lane(Lane::Sequence) };
        lead.episode.ready = Some(Box::new(Ready {
            id: open,
            lane: Lane::Score,
            as_of_ms: START_MS,
            due_ms: START_MS + DAY_MS,
            expires_ms: START_MS + 7 * DAY_MS,
            channel: Channel::Person,
            basis: Basis::OptOut,
            accepted: true,
            last_try: false,
            breach_ms: None,
            abandoned_ms: Some(START_MS + DAY_MS),
        }));
        lead.episode.disarmed = true;
        lead.episode.acted.instant = Some((START_MS - 5, Channel::Mail));
        lead.episode.acted.bant_day = Some(20_586);
        lead.episode.acted.birth_year = Some(2026);
        lead.episode.sequence = Some(Sequence { start_ms: START_MS, mails: 1, step: 2, offers: 1 });
        let grade = Grade::parse("B3").expect("a grade");
        lead.episode.published = Some(Published { grade, stage: Stage::New, open: Some(open) });
        lead.identity.redirect = Some("L2".into());
        lead.identity.aliases.push("anon:1".into());
        lead.identity.erased = Some(Erased { at_ms: START_MS - DAY_MS, until_ms: START_MS + 399 * DAY_MS });
        lead
    }

    fn encoded(lead: &Lead) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(lead, &mut bytes);
        bytes
    }

    #[test]
    fn golden_bytes() {
        let golden = include_str!("../../../tests/golden/lead-state-v1.hex").trim();
        assert_eq!(oracle::hex(&encoded(&example())), golden);
    }

    #[test]
    fn comes_back() {
        for lead in [Lead::default(), example()] {
            let bytes = encoded(&lead);
            assert_eq!(decode(&bytes).as_ref(), Ok(&lead));
            assert_eq!(timer_ms(&bytes), Ok(lead.timer_ms));
        }
    }

    #[test]
    fn another_library_reads_it_and_writes_the_same() {
        for lead in [Lead::default(), example()] {
            let bytes = encoded(&lead);
            let value = oracle::read(schema::CURRENT, &bytes);
            let schema = Schema::parse_str(schema::CURRENT).expect("a schema");
            let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&schema).build().expect("a writer");
            assert_eq!(writer.write_value_to_vec(value).expect("it writes"), bytes[10..]);
        }
    }

    #[test]
    fn damage_is_an_error() {
        let bytes = encoded(&example());
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "cut to {cut}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(matches!(decode(&longer), Err(StateError::Malformed(_))));
        let mut other = bytes;
        other[2] ^= 1;
        assert!(matches!(decode(&other), Err(StateError::Schema(_))));
    }

    #[test]
    fn older_bytes_are_brought_up_to_date() {
        // A version that knew neither identity nor what was published.
        let mut older: serde_json::Value = serde_json::from_str(schema::CURRENT).expect("JSON");
        older["fields"].as_array_mut().expect("fields").pop();
        let older = older.to_string();
        let schemas = schema::Schemas::new(Kind::Lead, schema::CURRENT, &[&older]);
        let mut lead = example();
        lead.identity = Default::default();
        let bytes = encoded(&lead);
        let header = crate::wire::avro::Header::of(&Schema::parse_str(&older).expect("a schema"));
        let written = [header.as_bytes(), &bytes[10..bytes.len() - 1]].concat();
        let mut upgraded = Vec::new();
        assert_eq!(schemas.datum(&written, &mut upgraded), Ok(&bytes[10..]));
    }
}
