//! CSV: a column for the topic, one for the append time, one for each field. Empty cells are missing fields, columns
//! `attributes.NAME` are attributes.

use std::io::{self, BufRead};
use std::path::Path;

use serde_json::{Map, Value};

use super::ScoreError;
use super::line::{BadLine, Line, line};
use crate::scoring::event::InputKind;
use crate::wire::decode::{FieldType, field_type};
use crate::wire::topics::kind_of_default_topic;

const ATTRIBUTES: &str = "attributes.";

/// Calls `each` for every row, until it fails; the outer error is the file's.
pub fn read(
    input: Box<dyn BufRead>,
    file: &Path,
    mut each: impl FnMut(Result<Line, BadLine>) -> Result<(), ScoreError>,
) -> Result<Result<(), ScoreError>, ScoreError> {
    let unreadable = |error: csv::Error| ScoreError::Read { file: file.into(), problem: io::Error::other(error) };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
    let columns = Columns::of(reader.byte_headers().map_err(unreadable)?)?;
    let mut row = csv::ByteRecord::new();
    loop {
        let more = reader.read_byte_record(&mut row).map_err(unreadable)?;
        if !more {
            return Ok(Ok(()));
        }
        let number = row.position().map_or(0, csv::Position::line);
        if let Err(error) = each(columns.parse(number, reader.position().byte(), &row)) {
            return Ok(Err(error));
        }
    }
}

struct Columns {
    names: Vec<String>,
    topic: usize,
    appended_at: usize,
}

impl Columns {
    fn of(headers: &csv::ByteRecord) -> Result<Columns, ScoreError> {
        let name = |bytes: &[u8]| String::from_utf8_lossy(bytes.trim_ascii()).trim_start_matches('\u{feff}').to_owned();
        let names: Vec<String> = headers.iter().map(name).collect();
        let place =
            |wanted: &'static str| names.iter().position(|name| name == wanted).ok_or(ScoreError::Columns(wanted));
        let (topic, appended_at) = (place("topic")?, place("appended_at")?);
        Ok(Columns { names, topic, appended_at })
    }

    fn parse(&self, number: u64, end_bytes: u64, row: &csv::ByteRecord) -> Result<Line, BadLine> {
        let row: Vec<&str> = row
            .iter()
            .map(std::str::from_utf8)
            .collect::<Result<_, _>>()
            .map_err(|_| BadLine::new(number, "a cell is not UTF-8"))?;
        let cell = |index: usize| row.get(index).copied().unwrap_or_default();
        let topic = cell(self.topic);
        let appended_at = cell(self.appended_at).trim().parse().ok();
        let value = kind_of_default_topic(topic).map(|kind| self.value(kind, &row)).unwrap_or_default();
        line(number, end_bytes, topic, appended_at, value)
    }

    fn value(&self, kind: InputKind, row: &[&str]) -> Value {
        let (mut fields, mut attributes) = (Map::new(), Map::new());
        for (name, cell) in self.names.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
            if let Some(attribute) = name.strip_prefix(ATTRIBUTES) {
                attributes.insert(attribute.to_owned(), Value::from(*cell));
            } else if let Some(field_type) = field_type(kind, name) {
                fields.insert(name.clone(), value_of(field_type, cell));
            }
        }
        if kind == InputKind::Profile && !attributes.is_empty() {
            fields.insert("attributes".into(), Value::Object(attributes));
        }
        Value::Object(fields)
    }
}

/// What is not of its type stays text, and is refused with the field's name.
fn value_of(field_type: FieldType, cell: &str) -> Value {
    let typed = match field_type {
        FieldType::Text => None,
        FieldType::Number => cell.trim().parse::<i64>().ok().map(Value::from),
        FieldType::Boolean => match cell.trim() {
            "true" | "TRUE" | "True" | "1" => Some(Value::Bool(true)),
            "false" | "FALSE" | "False" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        FieldType::Map => serde_json::from_str(cell).ok(),
    };
    typed.unwrap_or_else(|| Value::from(cell))
}
