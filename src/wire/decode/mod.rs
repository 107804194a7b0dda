//! Input records to events: bytes, a format and the topic's kind in; an event that borrows from them, or a dead
//! letter, out.
//!
//! Nothing else reads input bytes. Whatever they are, this neither panics nor allocates more than they are long, and
//! no detail of a dead letter repeats text of the record.

mod compile;
mod draft;
mod json;
mod plan;
mod reader;
mod schema_set;
mod skip;

use serde::{Deserialize, Serialize};

use self::draft::Draft;
use self::reader::Reader;
use super::avro::{Malformed, fingerprint_of};
use super::confluent::split_frame;
use super::limits;
use crate::scoring::dead_letter::{DeadCause, DeadLetter};
use crate::scoring::event::{Event, InputKind};

pub use schema_set::{SchemaError, SchemaSet};

/// How a topic's values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Avro single-object encoding: the writer's schema by its fingerprint.
    #[default]
    Avro,
    /// Avro in the framing of a registry: the writer's schema by its id.
    AvroConfluent,
    Json,
}

impl Format {
    pub const ALL: [Format; 3] = [Format::Avro, Format::AvroConfluent, Format::Json];

    /// The name in configuration and headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Avro => "avro",
            Format::AvroConfluent => "avro-confluent",
            Format::Json => "json",
        }
    }

    pub fn parse(text: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.as_str() == text)
    }
}

/// The schema text of an input kind, as embedded.
pub fn schema_text(kind: InputKind) -> &'static str {
    reader::KINDS[kind as usize].1
}

/// The symbols of an enum field, in the schema's order; empty where the kind has no such field.
pub fn symbols(kind: InputKind, field: &str) -> &'static [String] {
    match Reader::of(kind).field(field, 0) {
        Some((_, reader::Field { shape: reader::Shape::Symbol { symbols, .. }, .. })) => symbols,
        _ => &[],
    }
}

/// How a field is written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    Text,
    Number,
    Boolean,
    Map,
}

/// The type of a field of a kind's schema; `None` where it has no such field.
pub fn field_type(kind: InputKind, field: &str) -> Option<FieldType> {
    let (_, field) = Reader::of(kind).field(field, 0)?;
    Some(match field.shape {
        reader::Shape::Text { .. } | reader::Shape::Symbol { .. } => FieldType::Text,
        reader::Shape::Number { .. } => FieldType::Number,
        reader::Shape::Machine => FieldType::Boolean,
        reader::Shape::Attributes => FieldType::Map,
    })
}

/// Decodes records of all inputs. Shared by reference: it holds no state but the schemas.
#[derive(Debug)]
pub struct Decoder {
    schemas: SchemaSet,
    record_bytes_max: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder { schemas: SchemaSet::default(), record_bytes_max: limits::RECORD_BYTES_MAX }
    }
}

impl Decoder {
    /// `record_bytes_max` limits a record's value; see `limits::RECORD_BYTES_MAX`.
    pub fn new(schemas: SchemaSet, record_bytes_max: usize) -> Decoder {
        Decoder { schemas, record_bytes_max }
    }

    /// The event of a record's value. A kind that this version does not know is no error here: it is `Unknown`.
    ///
    /// # Errors
    /// `record_too_long`, `undecodable`, and what is missing or too long among the ids and texts, in that order.
    pub fn decode<'a>(
        &self,
        format: Format,
        kind: InputKind,
        value: Option<&'a [u8]>,
    ) -> Result<Event<'a>, DeadLetter> {
        let value = value.ok_or(DeadLetter::new(DeadCause::Undecodable, "the value is null"))?;
        self.check_length(value.len())?;
        let mut draft = Draft::default();
        match format {
            Format::Avro => self.single_object(kind, value, &mut draft)?,
            Format::AvroConfluent => self.framed(kind, value, &mut draft)?,
            Format::Json => {
                let mut deserializer = serde_json::Deserializer::from_slice(value);
                let read = json::read(&mut deserializer, Reader::of(kind), &mut draft);
                json_result(read.and_then(|fits| deserializer.end().map(|()| fits)))?;
            }
        }
        draft.finish(kind)
    }

    /// The event of a JSON value that was parsed already.
    ///
    /// # Errors
    /// As `decode`, without `record_too_long`.
    pub fn decode_json<'a>(&self, kind: InputKind, value: &'a serde_json::Value) -> Result<Event<'a>, DeadLetter> {
        let mut draft = Draft::default();
        json_result(json::read(value, Reader::of(kind), &mut draft))?;
        draft.finish(kind)
    }

    /// # Errors
    /// `record_too_long` above the limit.
    pub fn check_length(&self, value_bytes: usize) -> Result<(), DeadLetter> {
        if value_bytes <= self.record_bytes_max {
            return Ok(());
        }
        let detail = format!("the value has {value_bytes} bytes, at most {} are allowed", self.record_bytes_max);
        Err(DeadLetter::new(DeadCause::RecordTooLong, detail))
    }

    fn single_object<'a>(&self, kind: InputKind, value: &'a [u8], draft: &mut Draft<'a>) -> Result<(), DeadLetter> {
        let (fingerprint, datum) = fingerprint_of(value).map_err(undecodable)?;
        match self.schemas.by_fingerprint(kind, fingerprint) {
            Some(plan) => plan.read(datum, draft).map_err(undecodable),
            None => Err(unknown_schema(kind, format_args!("fingerprint {fingerprint:016x}"))),
        }
    }

    fn framed<'a>(&self, kind: InputKind, value: &'a [u8], draft: &mut Draft<'a>) -> Result<(), DeadLetter> {
        let (id, datum) = split_frame(value).map_err(undecodable)?;
        match self.schemas.by_id(kind, id) {
            Some(plan) => plan.read(datum, draft).map_err(undecodable),
            None => Err(unknown_schema(kind, format_args!("id {id}"))),
        }
    }
}

fn undecodable(malformed: Malformed) -> DeadLetter {
    DeadLetter::new(DeadCause::Undecodable, malformed.0)
}

fn unknown_schema(kind: InputKind, which: std::fmt::Arguments<'_>) -> DeadLetter {
    let name = &Reader::of(kind).record_name;
    DeadLetter::new(DeadCause::Undecodable, format!("no {name} schema with {which} is known"))
}

/// Messages of the JSON library may quote the record: only the place is taken from them.
fn json_result(read: Result<Result<(), String>, serde_json::Error>) -> Result<(), DeadLetter> {
    let detail = match read {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(fault)) => fault,
        Err(error) if error.is_data() => "the value is no JSON object".to_owned(),
        Err(error) => format!("not JSON at line {} column {}", error.line(), error.column()),
    };
    Err(DeadLetter::new(DeadCause::Undecodable, detail))
}

#[cfg(test)]
mod tests;
