//! The independent implementation that the tests hold ours against.

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Schema, to_value};

use super::{Header, fingerprint_of};

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

/// Writes a datum, without header, from JSON with all fields in the schema's order, by `apache-avro`.
pub fn write_datum(schema: &Schema, json: serde_json::Value) -> Vec<u8> {
    let value = to_value(json).expect("a value").resolve(schema).expect("it fits the schema");
    let writer = GenericDatumWriter::builder(schema).build().expect("a writer");
    writer.write_value_to_vec(value).expect("it writes")
}

/// Lower-case hex, for golden bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
