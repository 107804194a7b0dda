//! Avro schemas as trees: the fields that a reader of the JSON form sees, and the names they refer to.

use std::collections::BTreeMap;

use serde_json::Value;

/// A field, however deep.
pub struct Field {
    /// As in `score.grade` or `contacts[].channel`.
    pub path: String,
    /// In words.
    pub type_name: String,
    pub doc: String,
}

/// All fields, each record before what it holds.
pub fn fields(schema: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    collect(schema, "", &mut found);
    found
}

fn collect(record: &Value, prefix: &str, found: &mut Vec<Field>) {
    for field in record["fields"].as_array().into_iter().flatten() {
        let path = format!("{prefix}{}", text(field, "name"));
        let of = &field["type"];
        found.push(Field { path: path.clone(), type_name: words(of), doc: text(field, "doc").to_owned() });
        match of["type"].as_str() {
            Some("record") => collect(of, &format!("{path}."), found),
            Some("array") => collect(&of["items"], &format!("{path}[]."), found),
            _ => {}
        }
    }
}

/// A text of an object, empty where there is none.
pub fn text<'v>(object: &'v Value, key: &str) -> &'v str {
    object[key].as_str().unwrap_or_default()
}

fn words(of: &Value) -> String {
    match of {
        Value::Array(branches) => branches.iter().rev().map(words).collect::<Vec<_>>().join(" or "),
        Value::Object(_) if of["logicalType"] == "timestamp-millis" => "time".into(),
        Value::Object(_) if of["type"] == "map" => format!("map of {}", words(&of["values"])),
        Value::Object(_) => words(&of["type"]),
        _ => match of.as_str().unwrap_or_default() {
            "string" => "text".into(),
            "int" | "long" => "integer".into(),
            "double" => "number".into(),
            "array" => "list".into(),
            plain @ ("null" | "boolean" | "record" | "enum") => plain.into(),
            _ => "enum".into(), // a name: only enums are used twice
        },
    }
}

/// Records and enums by name.
pub fn named(schema: &Value) -> BTreeMap<&str, &Value> {
    let mut found = BTreeMap::new();
    find_named(schema, &mut found);
    found
}

fn find_named<'v>(at: &'v Value, found: &mut BTreeMap<&'v str, &'v Value>) {
    match at {
        Value::Object(entries) => {
            if matches!(text(at, "type"), "record" | "enum") {
                found.insert(text(at, "name"), at);
            }
            entries.values().for_each(|inner| find_named(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| find_named(inner, found)),
        _ => {}
    }
}
