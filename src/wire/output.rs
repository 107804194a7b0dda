//! Records that we send, in every format from one list of fields: Avro and JSON cannot disagree.

use serde_json::{Map, Value};

use super::avro::{Header, put_boolean, put_double, put_long, put_optional_long, put_optional_text, put_text};
use super::confluent::put_frame;

/// How an output topic's values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputFormat {
    /// Avro single-object encoding.
    #[default]
    Avro,
    /// Avro in the framing of a registry, under the id that the schema has there.
    AvroConfluent { schema_id: u32 },
    /// One object; enums are strings, times are ms since the epoch.
    Json,
}

/// A type that is a record of one of `schemas/*.avsc`.
pub trait Record {
    /// The single-object header of its schema.
    fn header(&self) -> &'static Header;

    /// Gives every field, in the schema's order.
    fn fields(&self, out: &mut impl Fields);
}

/// Appends the bytes of a record.
pub fn encode(record: &impl Record, format: OutputFormat, out: &mut Vec<u8>) {
    match format {
        OutputFormat::Avro => put_single_object(record, out),
        OutputFormat::AvroConfluent { schema_id } => {
            put_frame(out, schema_id);
            record.fields(&mut AvroFields(out));
        }
        OutputFormat::Json => out.extend_from_slice(json(record).to_string().as_bytes()),
    }
}

/// The record as a JSON object.
pub fn json(record: &impl Record) -> Value {
    let mut fields = JsonFields(Map::new());
    record.fields(&mut fields);
    Value::Object(fields.0)
}

fn put_single_object(record: &impl Record, out: &mut Vec<u8>) {
    out.extend_from_slice(record.header().as_bytes());
    record.fields(&mut AvroFields(out));
}

/// Takes the fields of a record, one by one, in the schema's order.
pub trait Fields {
    fn text(&mut self, name: &str, value: &str);
    fn optional_text(&mut self, name: &str, value: Option<&str>);
    /// An `int` or a `long`; a time is ms since the epoch.
    fn long(&mut self, name: &str, value: i64);
    fn optional_long(&mut self, name: &str, value: Option<i64>);
    fn boolean(&mut self, name: &str, value: bool);
    fn double(&mut self, name: &str, value: f64);
    /// An enum: `symbols` are the schema's in its order, the first is `unknown`.
    fn symbol(&mut self, name: &str, symbols: &[impl AsRef<str>], value: &str);
    fn optional_symbol(&mut self, name: &str, symbols: &[impl AsRef<str>], value: Option<&str>);
    /// A record within the record.
    fn record(&mut self, name: &str, fields: impl FnOnce(&mut Self));
    /// An array of records.
    fn list<T>(&mut self, name: &str, items: &[T], fields: impl Fn(&T, &mut Self));
    /// A map of texts.
    fn texts(&mut self, name: &str, entries: &[(&str, &str)]);
    /// A map of texts and nulls.
    fn optional_texts(&mut self, name: &str, entries: &[(&str, Option<&str>)]);
}

struct AvroFields<'o>(&'o mut Vec<u8>);

impl Fields for AvroFields<'_> {
    fn text(&mut self, _: &str, value: &str) {
        put_text(self.0, value);
    }

    fn optional_text(&mut self, _: &str, value: Option<&str>) {
        put_optional_text(self.0, value);
    }

    fn long(&mut self, _: &str, value: i64) {
        put_long(self.0, value);
    }

    fn optional_long(&mut self, _: &str, value: Option<i64>) {
        put_optional_long(self.0, value);
    }

    fn boolean(&mut self, _: &str, value: bool) {
        put_boolean(self.0, value);
    }

    fn double(&mut self, _: &str, value: f64) {
        put_double(self.0, value);
    }

    fn symbol(&mut self, _: &str, symbols: &[impl AsRef<str>], value: &str) {
        put_long(self.0, index_of(symbols, value));
    }

    fn optional_symbol(&mut self, _: &str, symbols: &[impl AsRef<str>], value: Option<&str>) {
        put_optional_long(self.0, value.map(|value| index_of(symbols, value)));
    }

    fn record(&mut self, _: &str, fields: impl FnOnce(&mut Self)) {
        fields(self);
    }

    fn list<T>(&mut self, _: &str, items: &[T], fields: impl Fn(&T, &mut Self)) {
        if !items.is_empty() {
            put_long(self.0, items.len() as i64);
        }
        for item in items {
            fields(item, self);
        }
        put_long(self.0, 0);
    }

    fn texts(&mut self, _: &str, entries: &[(&str, &str)]) {
        self.map(entries, |out, value| put_text(out, value));
    }

    fn optional_texts(&mut self, _: &str, entries: &[(&str, Option<&str>)]) {
        self.map(entries, |out, value| put_optional_text(out, *value));
    }
}

impl AvroFields<'_> {
    fn map<T>(&mut self, entries: &[(&str, T)], put: impl Fn(&mut Vec<u8>, &T)) {
        if !entries.is_empty() {
            put_long(self.0, entries.len() as i64);
        }
        for (name, value) in entries {
            put_text(self.0, name);
            put(self.0, value);
        }
        put_long(self.0, 0);
    }
}

/// A symbol that a schema lacks becomes its default; tests keep types and schemas together.
fn index_of(symbols: &[impl AsRef<str>], value: &str) -> i64 {
    symbols.iter().position(|symbol| symbol.as_ref() == value).unwrap_or(0) as i64
}

pub(super) struct JsonFields(pub Map<String, Value>);

impl Fields for JsonFields {
    fn text(&mut self, name: &str, value: &str) {
        self.put(name, value);
    }

    fn optional_text(&mut self, name: &str, value: Option<&str>) {
        self.put(name, value);
    }

    fn long(&mut self, name: &str, value: i64) {
        self.put(name, value);
    }

    fn optional_long(&mut self, name: &str, value: Option<i64>) {
        self.put(name, value);
    }

    fn boolean(&mut self, name: &str, value: bool) {
        self.put(name, value);
    }

    fn double(&mut self, name: &str, value: f64) {
        self.put(name, value);
    }

    fn symbol(&mut self, name: &str, _: &[impl AsRef<str>], value: &str) {
        self.put(name, value);
    }

    fn optional_symbol(&mut self, name: &str, _: &[impl AsRef<str>], value: Option<&str>) {
        self.put(name, value);
    }

    fn record(&mut self, name: &str, fields: impl FnOnce(&mut Self)) {
        let mut inner = JsonFields(Map::new());
        fields(&mut inner);
        self.put(name, inner.0);
    }

    fn list<T>(&mut self, name: &str, items: &[T], fields: impl Fn(&T, &mut Self)) {
        let object = |item| {
            let mut inner = JsonFields(Map::new());
            fields(item, &mut inner);
            Value::Object(inner.0)
        };
        self.put(name, items.iter().map(object).collect::<Vec<_>>());
    }

    fn texts(&mut self, name: &str, entries: &[(&str, &str)]) {
        self.put(name, map_of(entries.iter().map(|(name, value)| (*name, Value::from(*value)))));
    }

    fn optional_texts(&mut self, name: &str, entries: &[(&str, Option<&str>)]) {
        self.put(name, map_of(entries.iter().map(|(name, value)| (*name, Value::from(*value)))));
    }
}

fn map_of<'e>(entries: impl Iterator<Item = (&'e str, Value)>) -> Map<String, Value> {
    entries.map(|(name, value)| (name.to_owned(), value)).collect()
}

impl JsonFields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}
