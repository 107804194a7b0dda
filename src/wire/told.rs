//! What a record of `outreach.ready` told its reader, in short: to compare what was sent with what would be now.
//!
//! Read from the record's fields as JSON, whatever its format, so that what was sent and what is decided again are
//! looked at in one way.

use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use serde_json::Value;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::avro::{Header, fingerprint_of};
use super::confluent::split_frame;
use super::output::{self, OutputFormat};
use super::ready::SCHEMA;
use crate::scoring::decision::{Decision, DecisionId, DecisionType, Reason};
use crate::scoring::lanes::Lane;
use crate::scoring::model::Channel;

static READY: LazyLock<Schema> = LazyLock::new(|| Schema::parse_str(SCHEMA).expect("the embedded schema is tested"));
static HEADER: LazyLock<Header> = LazyLock::new(|| Header::of(&READY));

/// One decision as its reader acts on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub decision_id: DecisionId,
    pub decision_type: DecisionType,
    pub lead_id: Box<str>,
    pub lane: Lane,
    /// None for a READY.
    pub reason: Option<Reason>,
    /// The clock at which it was decided, ms since the epoch.
    pub as_of_ms: i64,
    pub channel: Option<Channel>,
    /// Of the name and version of the model that decided it.
    pub model_hash: u64,
    /// Of what else its reader acts on: a READY's due time, expiry, window, content, consent and owner.
    pub advice_hash: u64,
    /// Of all of its bytes.
    pub bytes_hash: u64,
}

/// The bytes are no decision that this version knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a decision of schemas/ready.avsc: {0}")]
pub struct Unreadable(String);

impl Told {
    /// Of a decision as it would be written in this format.
    pub fn of(decision: &Decision, format: OutputFormat) -> Told {
        let mut bytes = Vec::with_capacity(1024);
        output::encode(decision, format, &mut bytes);
        let told = of_value(&output::json(decision), &bytes);
        told.expect("a decision has every field of its schema")
    }

    /// # Errors
    /// Where the bytes are damaged, of another format, or of another version's schema.
    pub fn read(bytes: &[u8], format: OutputFormat) -> Result<Told, Unreadable> {
        let unreadable = |error: &dyn std::fmt::Display| Unreadable(error.to_string());
        let value = match format {
            OutputFormat::Json => serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?,
            OutputFormat::Avro => {
                let (fingerprint, datum) = fingerprint_of(bytes).map_err(|error| unreadable(&error))?;
                if !HEADER.as_bytes().ends_with(&fingerprint.to_le_bytes()) {
                    return Err(Unreadable(format!("it was written with schema {fingerprint:016x}")));
                }
                datum_value(datum)?
            }
            OutputFormat::AvroConfluent { .. } => {
                datum_value(split_frame(bytes).map_err(|error| unreadable(&error))?.1)?
            }
        };
        of_value(&value, bytes).ok_or_else(|| Unreadable("a field is missing or has an unknown value".to_owned()))
    }
}

fn datum_value(mut datum: &[u8]) -> Result<Value, Unreadable> {
    let reader = GenericDatumReader::builder(&READY).build().map_err(|error| Unreadable(error.to_string()))?;
    let value = reader.read_value(&mut datum).map_err(|error| Unreadable(error.to_string()))?;
    Value::try_from(value).map_err(|error| Unreadable(error.to_string()))
}

fn of_value(value: &Value, bytes: &[u8]) -> Option<Told> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let (decision_type, lane) = (text("type")?, text("lane")?);
    let reason = match text("reason") {
        Some(reason) => Some(Reason::ALL.into_iter().find(|known| known.as_str() == reason)?),
        None => None,
    };
    Some(Told {
        decision_id: id(text("decision_id")?)?,
        decision_type: DecisionType::ALL.into_iter().find(|known| known.as_str() == decision_type)?,
        lead_id: text("lead_id")?.into(),
        lane: Lane::ALL.into_iter().find(|known| known.as_str() == lane)?,
        reason,
        as_of_ms: value.get("as_of")?.as_i64()?,
        channel: text("recommended_channel").and_then(Channel::parse),
        model_hash: model_hash(text("model_name")?, text("model_version")?),
        advice_hash: if reason.is_none() { advice_hash(value) } else { 0 },
        bytes_hash: xxh3_64(bytes),
    })
}

/// What `Told::model_hash` is of a model's decisions.
pub fn model_hash(name: &str, version: &str) -> u64 {
    xxh3_64(format!("{name}\0{version}").as_bytes())
}

fn advice_hash(value: &Value) -> u64 {
    let mut hash = Xxh3::new();
    for name in ["due_at", "expires_at", "window_start", "window_end", "content_kind", "consent", "owner_id"] {
        hash.update(value.get(name).map(Value::to_string).unwrap_or_default().as_bytes());
        hash.update(&[0]);
    }
    hash.digest()
}

fn id(text: &str) -> Option<DecisionId> {
    let mut id = [0; 16];
    for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    let id = DecisionId(id);
    id.is(text).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::super::ready::tests::ready;
    use super::*;

    const FORMATS: [OutputFormat; 3] =
        [OutputFormat::Avro, OutputFormat::AvroConfluent { schema_id: 7 }, OutputFormat::Json];

    fn encoded(format: OutputFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        output::encode(&ready(), format, &mut bytes);
        bytes
    }

    #[test]
    fn every_format_tells_the_same() {
        for format in FORMATS {
            let read = Told::read(&encoded(format), format).expect("our own bytes");
            assert_eq!(read, Told::of(&ready(), format));
            assert_eq!((read.decision_id, &read.lead_id), (ready().decision_id, &ready().lead_id));
            assert_eq!(read.channel, Some(ready().recommended_channel));
        }
    }

    #[test]
    fn what_a_reader_acts_on_shows() {
        let told = |change: fn(&mut Decision)| {
            let mut changed = ready();
            change(&mut changed);
            Told::of(&changed, OutputFormat::Avro)
        };
        let (before, other_model) = (told(|_| {}), told(|decision| decision.model_version = "99".into()));
        assert_eq!(other_model.advice_hash, before.advice_hash);
        assert_ne!(other_model.bytes_hash, before.bytes_hash);
        assert_ne!(told(|decision| decision.due_at_ms += 1).advice_hash, before.advice_hash);
    }

    #[test]
    fn damage_is_an_error() {
        for format in FORMATS {
            for bytes in [&b""[..], b"{}", &encoded(format)[..9], &[0xc3, 1, 0, 0, 0, 0, 0, 0, 0, 0]] {
                assert!(Told::read(bytes, format).is_err(), "{format:?}: {bytes:?}");
            }
        }
    }
}
