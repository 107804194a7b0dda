//! Schemas of state: the current one and all that came before, and how older bytes are brought up to date.

use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;

use super::StateError;
use crate::wire::avro::{Header, fingerprint, fingerprint_of};

/// Source of truth of what is written now.
pub const CURRENT: &str = include_str!("../../../schemas/lead-state.avsc");
/// Every schema that state was written with before, oldest first. Never remove one: stored bytes outlive versions.
const OLDER: [&str; 0] = [];

/// What is stored: a whole lead, or the Facts that one lead sends another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Lead,
    Facts,
}

/// One kind's schemas.
pub(super) struct Schemas {
    pub header: Header,
    current: Schema,
    older: Vec<(u64, Schema)>,
}

static LEAD: LazyLock<Schemas> = LazyLock::new(|| Schemas::new(Kind::Lead, CURRENT, &OLDER));
static FACTS: LazyLock<Schemas> = LazyLock::new(|| Schemas::new(Kind::Facts, CURRENT, &OLDER));

impl Kind {
    pub fn schemas(self) -> &'static Schemas {
        match self {
            Kind::Lead => &LEAD,
            Kind::Facts => &FACTS,
        }
    }
}

impl Schemas {
    pub fn new(kind: Kind, current: &str, older: &[&str]) -> Schemas {
        let current = parsed(kind, current);
        let older = older.iter().map(|text| parsed(kind, text)).map(|schema| (fingerprint(&schema), schema));
        Schemas { header: Header::of(&current), older: older.collect(), current }
    }

    /// The datum as the current schema has it: as it is, or resolved from an older writer's.
    ///
    /// # Errors
    /// Where no version wrote with that schema, or the bytes do not fit it.
    pub fn datum<'a>(&self, bytes: &'a [u8], upgraded: &'a mut Vec<u8>) -> Result<&'a [u8], StateError> {
        if let Some(datum) = bytes.strip_prefix(self.header.as_bytes()) {
            return Ok(datum);
        }
        let (written_with, datum) = fingerprint_of(bytes)?;
        let writer = self.older.iter().find(|(known, _)| *known == written_with);
        let (_, writer) = writer.ok_or(StateError::Schema(written_with))?;
        *upgraded = self.upgrade(writer, datum).map_err(|error| StateError::Upgrade(error.to_string().into()))?;
        Ok(upgraded)
    }

    fn upgrade(&self, writer: &Schema, mut datum: &[u8]) -> Result<Vec<u8>, apache_avro::Error> {
        let reader = GenericDatumReader::builder(writer).reader_schema(&self.current).build()?;
        let value = reader.read_value(&mut datum)?;
        GenericDatumWriter::builder(&self.current).build()?.write_value_to_vec(value)
    }
}

fn parsed(kind: Kind, text: &str) -> Schema {
    let lead = Schema::parse_str(text).expect("the embedded schema is tested");
    match (kind, lead) {
        (Kind::Facts, Schema::Record(record)) => {
            let facts = record.fields.into_iter().find(|field| field.name == "facts");
            facts.expect("the embedded schema has Facts").schema
        }
        (_, lead) => lead,
    }
}
