//! The independent implementation that the tests hold ours against.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;

use super::{Header, fingerprint_of};
use crate::wire::output::{OutputFormat, Record, encode};

/// Reads a single-object encoded value with `apache-avro`; the fingerprint must be the schema's.
pub fn read(schema: &str, bytes: &[u8]) -> Value {
    let schema = Schema::parse_str(schema).expect("a schema");
    let (_, mut datum) = fingerprint_of(bytes).expect("a header");
    assert!(bytes.starts_with(Header::of(&schema).as_bytes()), "written with another schema");
    let reader = GenericDatumReader::builder(&schema).build().expect("a reader");
    let value = reader.read_value(&mut datum).expect("it reads");
    assert!(datum.is_empty(), "bytes are left over");
    value
}

/// Writes a datum, without header, from JSON; fields that are not there are at their default, by `apache-avro`.
pub fn write_datum(schema: &Schema, json: serde_json::Value) -> Vec<u8> {
    let value = value_of(json).resolve(schema).expect("it fits the schema");
    let writer = GenericDatumWriter::builder(schema).build().expect("a writer");
    writer.write_value_to_vec(value).expect("it writes")
}

fn value_of(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(value),
        Json::Number(number) => match number.as_i64() {
            Some(value) => i32::try_from(value).map_or(Value::Long(value), Value::Int),
            None => Value::Double(number.as_f64().expect("a double")),
        },
        Json::String(text) => Value::String(text),
        Json::Array(items) => Value::Array(items.into_iter().map(value_of).collect()),
        Json::Object(map) => Value::Map(map.into_iter().map(|(name, value)| (name, value_of(value))).collect()),
    }
}

/// A record that we send, read back in every Avro framing: as JSON it must be `expected`.
pub fn check_output(schema: &str, record: &impl Record, expected: &serde_json::Value) {
    let (mut bytes, mut framed) = (Vec::new(), Vec::new());
    encode(record, OutputFormat::Avro, &mut bytes);
    assert_eq!(json_of(read(schema, &bytes)), *expected);
    encode(record, OutputFormat::AvroConfluent { schema_id: 258 }, &mut framed);
    assert_eq!(framed, [&[0, 0, 0, 1, 2], &bytes[Header::LENGTH..]].concat());
    let mut text = Vec::new();
    encode(record, OutputFormat::Json, &mut text);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&text).expect("JSON"), *expected);
}

fn json_of(value: Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(value) => value.into(),
        Value::Int(value) => value.into(),
        Value::Long(value) | Value::TimestampMillis(value) => value.into(),
        Value::Double(value) => value.into(),
        Value::String(text) | Value::Enum(_, text) => text.into(),
        Value::Union(_, value) => json_of(*value),
        Value::Array(items) => items.into_iter().map(json_of).collect(),
        Value::Map(entries) => entries.into_iter().map(|(name, value)| (name, json_of(value))).collect(),
        Value::Record(fields) => fields.into_iter().map(|(name, value)| (name, json_of(value))).collect(),
        other => panic!("no output has a {other:?}"),
    }
}

/// Lower-case hex, for golden bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
